"""Numbers for keys: equal for keys that pandas takes for equal, the same in every process.

A column becomes one 64-bit number a row.  Integers are multiplied and folded; floats that are equal
have equal bits once zero has lost its sign; what is missing, however it is written, has one number,
for pandas joins it so.  A category has the number of its value.  Texts are hashed by Polars, whose
numbers are the same within one version of it.

Columns of two frames meet by these numbers, so where their dtypes differ the caller makes them
alike first (`shoal.dataframe.nodes.moves.common_dtype`).
"""

from __future__ import annotations

import datetime
import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import xxhash

from shoal.dataframe.kernels.columns import small, unwrapped
from shoal.dataframe.kernels.levels import levels_of

__all__ = ["codes_of", "hash_arrays", "hash_codes"]

MIX = np.uint64(0x9E3779B97F4A7C15)
"""2**64 over the golden ratio: Fibonacci hashing, Knuth, vol. 3, 6.4."""

HALF = np.uint64(32)

MISSING = np.uint64(0x5EED5EED5EED5EED)

TICKS = {"s": 1_000_000, "ms": 1_000, "us": 1}
"""Microseconds in a unit of time."""


def hash_codes(keys: Any, count: int) -> Any:
    """A number below ``count`` for each row, equal for equal keys.

    Parameters
    ----------
    keys
        A frame, a series or an index.
    count
        How many numbers there are.

    Examples
    --------
    >>> hash_codes(pd.Series([7, 7]), 4).tolist() in ([i, i] for i in range(4))
    True
    """
    if isinstance(keys, pd.DataFrame):
        arrays = [keys.iloc[:, i].array for i in range(keys.shape[1])]
    elif isinstance(keys, pd.MultiIndex):
        arrays = [level.array for level in levels_of(keys)]
    else:
        arrays = [keys.array]
    return codes_of(arrays, count)


def codes_of(arrays: Sequence[Any], count: int) -> Any:
    """The same for columns.

    Parameters
    ----------
    arrays
        As of `hash_arrays`.
    count
        How many numbers there are.

    Examples
    --------
    >>> codes_of([pd.array([1, 2]), pd.array(["a", "b"])], 1).tolist()
    [0, 0]
    """
    # The high bits, by a multiplication: a remainder would cost a division a row.
    return small((hash_arrays(arrays) >> HALF) * np.uint64(count) >> HALF, count)


def hash_arrays(arrays: Sequence[Any]) -> Any:
    """A 64-bit number for each row of some columns.

    Parameters
    ----------
    arrays
        pandas' arrays of equal length, at least one.

    Examples
    --------
    >>> zero, minus = hash_arrays([pd.array(np.array([0.0, -0.0]))])
    >>> bool(zero == minus)
    True
    """
    first, *rest = map(hash_array, arrays)
    for other in rest:
        # Not symmetric: (1, 2) and (2, 1) are two keys.
        first = fold((first ^ (first >> HALF)) * MIX + other)
    return first


def fold(numbers: Any) -> Any:
    """Integers spread over all 64 bits."""
    mixed = numbers * MIX
    mixed ^= mixed >> HALF
    mixed *= MIX
    return mixed


def hash_array(array: Any) -> Any:
    """A 64-bit number for each item of a column."""
    import polars as pl

    array = unwrapped(array)
    dtype = array.dtype
    if isinstance(dtype, np.dtype):
        return hash_numpy(np.asarray(array))
    if isinstance(dtype, pd.CategoricalDtype):
        values = hash_array(dtype.categories.array)
        return np.append(values, MISSING)[array.codes]
    if isinstance(dtype, pd.DatetimeTZDtype):
        return hash_times(array.asi8, dtype.unit)
    if isinstance(array, pd.core.arrays.masked.BaseMaskedArray):
        return np.where(array._mask, MISSING, hash_numpy(array._data))
    if isinstance(dtype, pd.StringDtype):
        return hash_texts(pa.array(array) if dtype.storage == "pyarrow" else pl.Series(array))
    if isinstance(dtype, pd.ArrowDtype):
        return hash_arrow(pa.array(array))
    return hash_objects(array.astype(object))


def hash_numpy(values: Any) -> Any:
    """Items of a NumPy array."""
    kind = values.dtype.kind
    if kind in "biu":
        return fold(values.astype(np.int64, copy=False).view(np.uint64))
    if kind == "f":
        plain = values.astype(np.float64, copy=False)
        with np.errstate(invalid="ignore"):
            whole = plain.astype(np.int64)
        # Whole numbers as integers are: a column may be of either in different partitions.
        bits = np.where(whole == plain, whole.view(np.uint64), plain.view(np.uint64))
        return np.where(np.isnan(plain), MISSING, fold(bits))
    if kind in "mM":
        return hash_times(values.view(np.int64), np.datetime_data(values.dtype)[0])
    if kind == "c":
        parts = hash_numpy(values.real), hash_numpy(values.imag)
        return np.where(np.isnan(values), MISSING, fold(parts[0] * MIX + parts[1]))
    return hash_objects(values)


def hash_times(ticks: Any, unit: str) -> Any:
    """Moments or durations, whatever their unit, as whole microseconds."""
    micros = ticks // 1000 if unit == "ns" else ticks * TICKS[unit]
    hashed = fold(micros.view(np.uint64))
    return np.where(ticks == np.iinfo(np.int64).min, MISSING, hashed)


def hash_texts(texts: Any) -> Any:
    """Texts, as an Arrow array or a Polars series."""
    import polars as pl

    series = pl.Series(pl.from_arrow(texts)) if isinstance(texts, pa.Array) else texts
    if isinstance(texts, pa.ChunkedArray):
        series = pl.Series(pl.from_arrow(texts))
    hashed = series.hash().to_numpy()
    return np.where(series.is_null().to_numpy(), MISSING, hashed) if series.null_count() else hashed


def hash_arrow(values: Any) -> Any:
    """Items of an Arrow array."""
    kind = values.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return hash_texts(values)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        missing = values.is_null().to_numpy(zero_copy_only=False)
        filled = values.fill_null(False if pa.types.is_boolean(kind) else 0)
        hashed = hash_numpy(filled.to_numpy(zero_copy_only=False))
        return np.where(missing, MISSING, hashed)
    return hash_objects(np.array([*values.to_pylist(), None], dtype=object)[:-1])


def hash_objects(values: Any) -> Any:
    """Python objects: texts as texts are, numbers by Python's own rule, others by what they say."""
    import polars as pl

    values = np.asarray(values, dtype=object)
    missing = pd.isna(values)
    texts = np.fromiter((isinstance(v, str) for v in values), bool, len(values))
    hashed = np.full(len(values), MISSING)
    if texts.any():
        hashed[texts] = hash_texts(pl.Series(values[texts].tolist(), dtype=pl.String))
    for i in np.flatnonzero(~texts & ~missing):
        hashed[i] = hash_object(values[i])
    return hashed


def hash_object(value: Any) -> int:
    """A 64-bit number for an object that is neither a text nor missing."""
    if isinstance(value, numbers.Number | np.bool_):
        # Equal numbers of whatever types; the same in every process, unlike that of texts.
        return int(fold(np.array([hash(value)], dtype=np.int64).view(np.uint64))[0])
    if isinstance(value, tuple):
        parts = hash_objects(np.array([*value, None], dtype=object)[:-1])
        return xxhash.xxh3_64_intdigest(parts.tobytes())
    if isinstance(value, datetime.datetime | np.datetime64):
        moment = pd.Timestamp(value)
        return int(hash_times(np.array([moment.value]), "ns")[0])
    return xxhash.xxh3_64_intdigest(repr(value).encode())
