"""The order of rows by a key, and into which range each key falls, without comparing where it pays.

NumPy sorts numbers of 16 bits by counting, at a few nanoseconds each; integers and floats are
sorted digit by digit that way, the last digit first, which keeps the order of equal keys.  After a
shuffle by range the keys of a partition lie close together, so that there are few digits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

__all__ = ["ordered_bits", "range_codes", "sample_of_keys", "stable_order"]

DIGIT = 16

FEW = 64
"""Up to so many bounds are compared with one after the other: no branch to guess wrongly."""

BLOCK = 1 << 15
"""Keys at a time, so that what is counted stays in the cache."""

SIGN = np.uint64(1 << 63)


def ordered_bits(values: Any) -> Any:
    """Unsigned integers in the order of numbers or times; NaN and NaT last; None for others.

    Parameters
    ----------
    values
        A NumPy array.

    Examples
    --------
    >>> bits = ordered_bits(np.array([1.5, -2.0, np.nan, 0.0]))
    >>> np.argsort(bits).tolist()
    [1, 3, 0, 2]
    """
    kind = values.dtype.kind
    if kind == "u":
        return values.astype(np.uint64)
    if kind in "ib":
        return values.astype(np.int64).view(np.uint64) ^ SIGN
    if kind in "mM":
        bits = values.view(np.int64).view(np.uint64) ^ SIGN
        return np.where(np.isnat(values), np.uint64(-1 & (1 << 64) - 1), bits)
    if kind == "f" and values.dtype.itemsize <= 8:
        # Zeros lose their sign: they are equal.
        plain = values.astype(np.float64) + 0.0
        bits = plain.view(np.uint64)
        bits = np.where(bits & SIGN, ~bits, bits | SIGN)
        return np.where(np.isnan(plain), np.uint64((1 << 64) - 1), bits)
    return None


def stable_order(values: Any) -> Any:
    """Places of the items in ascending order, equal ones as they stand; missing ones last.

    Least-significant-digit radix sort (Knuth, vol. 3, 5.2.5).

    Parameters
    ----------
    values
        A NumPy array.

    Examples
    --------
    >>> stable_order(np.array([3, 1, 2, 1])).tolist()
    [1, 3, 2, 0]
    """
    bits = ordered_bits(values) if len(values) else None
    if bits is None:
        there = pd.notna(values)
        first = np.argsort(values[there], kind="stable")
        return np.concatenate([np.flatnonzero(there)[first], np.flatnonzero(~there)])
    bits -= bits.min()
    order: Any = None
    for shift in range(0, max(1, int(bits.max()).bit_length()), DIGIT):
        digit = (bits >> np.uint64(shift)).astype(np.uint16)
        if order is None:
            order = np.argsort(digit, kind="stable")
        else:
            order = order[np.argsort(digit[order], kind="stable")]
    return order


def range_codes(values: Any, bounds: Any) -> Any:
    """For each value, how many bounds are not above it.

    Parameters
    ----------
    values
        A NumPy array of numbers or times, none missing.
    bounds
        In ascending order, of the same dtype.

    Examples
    --------
    >>> range_codes(np.array([5, 1, 2]), np.array([2, 4])).tolist()
    [2, 0, 1]
    """
    if len(bounds) > FEW:
        return np.searchsorted(bounds, values, side="right")
    codes = np.zeros(len(values), dtype=np.uint8)
    for start in range(0, len(values), BLOCK):
        block, counts = values[start : start + BLOCK], codes[start : start + BLOCK]
        for bound in bounds:
            counts += (block >= bound).view(np.uint8)
    return codes


def sample_of_keys(part: Any, most: int) -> Any:
    """The least and the greatest value of a partition, and some at random, in order.

    A missing value stands at the end if there are any.

    Parameters
    ----------
    part
        A series.
    most
        How many, about.

    Returns
    -------
    DataFrame
        Columns ``value``, and ``rows``: how many the partition has.

    Examples
    --------
    >>> sample_of_keys(pd.Series([3, None, 1]), 10).values.tolist()
    [[1.0, 3.0], [3.0, 3.0], [nan, 3.0]]
    """
    count = len(part)
    some = part
    if count > most:
        places = np.random.default_rng(count).integers(0, count, most)
        some = part.iloc[places]
        if not isinstance(part.dtype, pd.CategoricalDtype) or part.cat.ordered:
            ends = [part.min(), part.max()]
            some = pd.concat([some, pd.Series(ends, dtype=part.dtype)])
    values = some.dropna().sort_values(ignore_index=True)
    if part.hasnans:
        values = pd.concat([values, pd.Series([None], dtype=part.dtype)], ignore_index=True)
    return pd.DataFrame({"value": values, "rows": np.full(len(values), count)})
