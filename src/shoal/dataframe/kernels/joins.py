"""Joining two partitions: which rows meet is found by Polars, and pandas' own rules make the rest.

Polars is given the keys alone and answers with places in both partitions.  The result is gathered
from them, so its columns have pandas' dtypes, whatever they are, and rows stand in pandas' order:
that of the side that is kept, and of the other one among equal keys.

It takes over where it is exact: keys are columns of equal dtypes that are numbers, times,
texts or categories; the kind is "inner", "left" or "right".  `pandas.merge` does the others.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pandas.api.extensions import take

from shoal.dataframe.kernels.columns import dtypes_of, frame_of, unwrapped

__all__ = ["fast_merge", "merged_schema"]

OPTIONS = frozenset(
    ("how", "left_on", "right_on", "left_index", "right_index", "suffixes", "indicator")
)
"""Options of `pandas.merge` that are understood here."""


def fast_merge(left: Any, right: Any, options: Mapping[str, Any]) -> Any:
    """What `pandas.merge` gives; None where it has to be asked.

    Parameters
    ----------
    left, right
        Frames.
    options
        Of `pandas.merge`.

    Examples
    --------
    >>> one = pd.DataFrame({"k": [1, 2, 1], "x": [1, 2, 3]})
    >>> two = pd.DataFrame({"k": [1, 3], "y": [4, 5]})
    >>> told = {"how": "left", "left_on": ["k"], "right_on": ["k"]}
    >>> fast_merge(one, two, told).equals(one.merge(two, on="k", how="left"))
    True
    """
    how = options.get("how")
    left_on, right_on = options.get("left_on"), options.get("right_on")
    if (
        how not in ("inner", "left", "right")
        or type(left) is not pd.DataFrame  # pandas makes the result of its kind
        or not left_on
        or not right_on
        or options.get("indicator")
        or not options.keys() <= OPTIONS
        or not (len(left) and len(right))
        # Polars compares the keys of two single rows by ==, by which NaN is not NaN.
        or len(left) == len(right) == 1
        or not (left.columns.is_unique and right.columns.is_unique)
        or left.columns.nlevels > 1
        or right.columns.nlevels > 1
        or len(left) + len(right) > 1 << 31
    ):
        return None
    if not (set(left_on) <= set(left.columns) and set(right_on) <= set(right.columns)):
        return None
    suffixes = options.get("suffixes") or ("_x", "_y")
    names = result_names(left, right, left_on, right_on, suffixes)
    keys = key_series(left, left_on), key_series(right, right_on)
    if names is None or None in map(type_of, keys[0]) or not same_types(*keys):
        return None
    here, there = places(*keys, how)
    return put_together(left, right, (here, there), (left_on, right_on), how, names)


def merged_schema(left: Any, right: Any, options: Mapping[str, Any]) -> Any:
    """What `pandas.merge` gives of frames without rows; None where it has to be asked.

    A join's schema is worked out many times while it is rewritten, and pandas takes a millisecond.

    Parameters
    ----------
    left, right
        Frames without rows.
    options
        Of `pandas.merge`.

    Examples
    --------
    >>> one, two = (pd.DataFrame({"k": [1], name: [2]})[:0] for name in "xy")
    >>> told = {"how": "left", "left_on": ["k"], "right_on": ["k"]}
    >>> merged_schema(one, two, told).dtypes.to_dict()
    {'k': dtype('int64'), 'x': dtype('int64'), 'y': dtype('int64')}
    """
    left_on, right_on = options.get("left_on"), options.get("right_on")
    if not (left_on and right_on) or options.get("indicator"):
        return None
    if options.get("how") not in ("inner", "left") or not (_is_simple(left) and _is_simple(right)):
        return None
    ours, others = dtypes_of(left), dtypes_of(right)
    for one, other in zip(left_on, right_on, strict=True):
        if one not in ours or other not in others or ours[one] != others[other]:
            return None
    shared = {one for one, other in zip(left_on, right_on, strict=True) if one == other}
    rest = {name: dtype for name, dtype in others.items() if name not in shared}
    dtypes = (*ours.values(), *rest.values())
    # Categories would be hashed each time.
    if ours.keys() & rest.keys() or any(isinstance(one, pd.CategoricalDtype) for one in dtypes):
        return None
    # Labels that are equal may be of several types: 1 and True.
    if not all(type(name) is str for name in (*ours, *rest)):
        return None
    names = (left.columns.dtype, *ours), (right.columns.dtype, *rest)
    return _frame_without_rows(*names, dtypes).copy(deep=False)


@functools.lru_cache(maxsize=1024)
def _frame_without_rows(left: Any, right: Any, dtypes: Any) -> Any:
    """Of the dtype of the labels, and labels, of two frames' columns, and the dtypes of all."""
    some, others = (pd.Index(names, dtype=dtype) for dtype, *names in (left, right))
    arrays = [unwrapped(pd.Series([], dtype=dtype).array) for dtype in dtypes]
    return frame_of(arrays, pd.RangeIndex(0), some.append(others))


def _is_simple(frame: Any) -> bool:
    """Whether labels of rows have no name that a join may keep, and columns names of their own."""
    columns, index = frame.columns, frame.index
    unnamed = index.nlevels == 1 and index.name is None and type(frame) is pd.DataFrame
    return bool(
        unnamed and type(columns) is pd.Index and columns.is_unique and columns.name is None
    )


def type_of(series: Any) -> Any:
    """A Polars series' dtype; None where there is no series."""
    return None if series is None else series.dtype


def same_types(left: Sequence[Any], right: Sequence[Any]) -> bool:
    """Whether keys can be compared as they are."""
    return [type_of(one) for one in left] == [type_of(one) for one in right]


def key_series(frame: Any, names: Sequence[Any]) -> list[Any]:
    """Keys as Polars has them; None for one that has no exact equivalent."""
    return [as_series(unwrapped(frame[name].array)) for name in names]


def as_series(array: Any) -> Any:
    """A column as a Polars series, if equal means the same there."""
    import polars as pl

    dtype = array.dtype
    if isinstance(dtype, np.dtype):
        plain = np.asarray(array)
        if dtype.kind in "iub":
            return pl.Series(plain)
        if dtype.kind == "f" and dtype.itemsize in (4, 8):
            # Zeros without sign, and one NaN.
            return pl.Series(np.where(np.isnan(plain), np.nan, plain + plain.dtype.type(0)))
        if dtype.kind in "mM":
            unit = np.datetime_data(dtype)[0]
            return pl.Series(plain.view(np.int64)) if unit == "ns" else None
        return None
    if isinstance(dtype, pd.StringDtype) and dtype.storage == "pyarrow":
        return pl.Series(pl.from_arrow(pa.array(array)))
    return None


def places(left: Sequence[Any], right: Sequence[Any], how: str) -> tuple[Any, Any]:
    """Where in both frames the rows of the result are; -1: nowhere."""
    import polars as pl

    names = [f"k{i}" for i in range(len(left))]
    one = pl.DataFrame(dict(zip(names, left, strict=True))).with_row_index("i")
    two = pl.DataFrame(dict(zip(names, right, strict=True))).with_row_index("j")
    if how == "right":
        found = two.join(
            one, on=names, how="left", nulls_equal=True, maintain_order="left_right", coalesce=True
        )
    else:
        kind: Any = how
        found = one.join(
            two, on=names, how=kind, nulls_equal=True, maintain_order="left_right", coalesce=True
        )
    return tuple([places_of(found.get_column(name)) for name in "ij"])


def places_of(column: Any) -> Any:
    """Row numbers as integers; -1 where there is none."""
    import polars as pl

    if column.null_count():
        return column.cast(pl.Int64).fill_null(-1).to_numpy()
    return column.to_numpy().astype(np.int64)


def result_names(
    left: Any, right: Any, left_on: Sequence[Any], right_on: Sequence[Any], suffixes: Any
) -> tuple[list[Any], list[Any]] | None:
    """The names of both frames' columns in the result; None for keys that it has once.

    None instead where pandas has to say what is wrong with them.
    """
    shared = {one for one, other in zip(left_on, right_on, strict=True) if one == other}
    both = (set(left.columns) & set(right.columns)) - shared
    first, second = suffixes
    ours = [f"{n}{first}" if n in both and first is not None else n for n in left.columns]
    theirs = [
        None if n in shared else f"{n}{second}" if n in both and second is not None else n
        for n in right.columns
    ]
    final = [
        *ours,
        *(name for n, name in zip(right.columns, theirs, strict=True) if n not in shared),
    ]
    if len(set(final)) < len(final) or None in ours:
        return None
    return ours, theirs


def put_together(
    left: Any, right: Any, rows: tuple[Any, Any], on: tuple[Any, Any], how: str, names: Any
) -> Any:
    """The frame of the rows that meet."""
    here, there = rows
    shared = {one for one, other in zip(*on, strict=True) if one == other}
    columns = []
    for i, name in enumerate(left.columns):
        if how == "right" and name in shared:
            columns.append(taken(right[name].array, there))
        else:
            columns.append(taken(left.iloc[:, i].array, here))
    for i, name in enumerate(right.columns):
        if name not in shared:
            columns.append(taken(right.iloc[:, i].array, there))
    ours, theirs = names
    labels = pd.Index(
        [*ours, *(t for n, t in zip(right.columns, theirs, strict=True) if n not in shared)]
    )
    return frame_of(columns, pd.RangeIndex(len(columns[0]) if columns else 0), labels)


def taken(array: Any, rows: Any) -> Any:
    """The items at some places; missing ones at -1."""
    array = unwrapped(array)
    if len(rows) and rows.min() < 0:
        return take(array, rows, allow_fill=True)
    if isinstance(array, np.ndarray):
        return np.take(array, rows, mode="clip")
    return array.take(rows)
