"""Sums that do not wrap, from which means are made; means of decimals.

pandas adds up whole numbers of 64 bits in 64 bits, as NumPy does; a sum beyond wraps, and everybody
who asks for a sum gets that.  A mean is never beyond its values, though, and a few times in
nanoseconds since 1970 have a sum that is.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pandas as pd
import pyarrow as pa

__all__ = [
    "SAFE",
    "decimal_mean",
    "decimal_means",
    "group_totals",
    "is_decimal",
    "is_wide",
    "stack",
    "total",
    "total_of_totals",
]

SAFE = 2.0**62
"""Sums of at most so much are right in 64 bits, signed or not."""

EXACT = 2.0**53
"""Whole numbers up to here are floats without a change."""


def is_wide(dtype: Any) -> bool:
    """Whether a dtype is of whole numbers of 64 bits, whose sums may need more.

    Parameters
    ----------
    dtype
        Of a column.

    Examples
    --------
    >>> is_wide(pd.Int64Dtype()), is_wide(pd.Int32Dtype())
    (True, False)
    """
    return getattr(dtype, "kind", "O") in ("i", "u") and getattr(dtype, "itemsize", 8) == 8


def is_decimal(dtype: Any) -> bool:
    """Whether a dtype is of Arrow's decimals.

    Parameters
    ----------
    dtype
        Of a column.

    Examples
    --------
    >>> is_decimal(pd.ArrowDtype(pa.decimal128(7, 2))), is_decimal(pd.Int64Dtype())
    (True, False)
    """
    return isinstance(dtype, pd.ArrowDtype) and pa.types.is_decimal(dtype.pyarrow_dtype)


def decimal_mean(whole: Decimal, count: int) -> Decimal:
    """The mean of Arrow's decimals, which has as many places as they.

    Parameters
    ----------
    whole
        Their sum.
    count
        How many, at least one.

    Examples
    --------
    >>> decimal_mean(Decimal("0.25"), 2)
    Decimal('0.13')
    """
    places = Decimal(1).scaleb(int(whole.as_tuple().exponent))
    return (whole / int(count)).quantize(places, rounding=ROUND_HALF_UP)


def decimal_means(wholes: Any, counts: Any, dtype: Any) -> Any:
    """The means of several columns or groups; missing where there are no values.

    Arrow's own division asks for more digits than its decimals have.

    Parameters
    ----------
    wholes
        Their sums, a series.
    counts
        How many values each has.
    dtype
        Of the result.

    Examples
    --------
    >>> kind = pd.ArrowDtype(pa.decimal128(7, 2))
    >>> decimal_means(pd.Series(["0.25", "0"]).astype(kind), [2, 0], kind).tolist()
    [Decimal('0.13'), <NA>]
    """
    found = [
        decimal_mean(whole, count) if count and whole is not pd.NA else None
        for whole, count in zip(wholes, counts, strict=True)
    ]
    return pd.Series(found, index=wholes.index, dtype=dtype)


def stack(values: Sequence[Any]) -> Any:
    """Scalars as a series, series as a frame with a row each.

    Parameters
    ----------
    values
        Results of partitions.

    Examples
    --------
    >>> stack([1, 2]).tolist()
    [1, 2]
    """
    if isinstance(values[0], pd.Series):
        frame = pd.concat(values, axis=1).T
        return frame.infer_objects() if object in frame.dtypes.to_list() else frame
    return pd.Series(list(values))


def total(item: Any, **options: Any) -> Any:
    """The sum of a series, or of each column of a frame; of floats where it would wrap.

    Parameters
    ----------
    item
        A series, or a frame whose columns have one dtype.
    **options
        Of ``sum``.

    Examples
    --------
    >>> total(pd.Series([1, 2])), total(pd.Series([2**62, 2**62]))
    (np.int64(3), np.float64(9.223372036854776e+18))
    """
    whole = item.sum(**options)
    if not item.size or not is_wide(item.dtype if item.ndim == 1 else item.dtypes.iloc[0]):
        return whole
    if item.ndim == 2:
        columns = (item.iloc[:, i] for i in range(item.shape[1]))
        if all(_is_small(column) for column in columns):
            return whole
        approximate = item.mean(**options) * item.count()
        within = (approximate.abs() < EXACT).fillna(True)
        return whole.where(within, 0).astype(approximate.dtype).where(within, approximate)
    if _is_small(item):
        return whole
    approximate = item.mean(**options) * item.count()
    return approximate if approximate is not pd.NA and abs(approximate) > SAFE else whole


def total_of_totals(totals: Sequence[Any]) -> Any:
    """The sum of sums.

    Parameters
    ----------
    totals
        What `total` gave for each partition.

    Examples
    --------
    >>> total_of_totals([2**62, 2**62])
    np.float64(9.223372036854776e+18)
    """
    return total(stack(totals), skipna=False)


def group_totals(grouped: Any, column: Any) -> Any:
    """The sum of each group; of floats where one might wrap.

    Parameters
    ----------
    grouped
        Rows by group.
    column
        The name of what is added up.

    Examples
    --------
    >>> frame = pd.DataFrame({"k": [1, 1], "x": [2**62, 2**62]})
    >>> group_totals(frame.groupby("k"), "x").tolist()
    [9.223372036854776e+18]
    """
    some = grouped[column]
    if not is_wide(some.obj.dtype) or _is_small(some.obj):
        return some.sum()
    return (some.mean() * some.count()).fillna(0.0)


def _is_small(values: Any) -> bool:
    """Whether no sum of some of the values can be beyond what is safe."""
    least, most = values.min(), values.max()
    if not len(values) or least is pd.NA:
        return True
    return max(abs(float(least)), abs(float(most))) * len(values) <= SAFE
