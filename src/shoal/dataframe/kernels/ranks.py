"""Ranks, repetitions and positions of one partition's values among those of all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from shoal.dataframe.kernels.places import PLACE
from shoal.dataframe.kernels.reductions import comparable

__all__ = ["extreme_place", "mark_repeated", "rank_values", "sorted_place"]


def rank_values(
    values: Any, table: Any, method: str, na_option: str, ascending: bool, pct: bool
) -> Any:
    """The ranks of a partition's values.

    Parameters
    ----------
    values
        A series.
    table
        How often each value is there in all partitions: a series by value, in order; the missing
        ones last.
    method, na_option, ascending, pct
        As `pandas.Series.rank` has them.

    Examples
    --------
    >>> table = pd.Series([2, 1], index=pd.Index([5, 7]))
    >>> rank_values(pd.Series([7, 5]), table, "min", "keep", True, False).tolist()
    [3.0, 1.0]
    """
    table = _in_order(table)
    gone = table.index.isna()
    missing = int(table[gone].sum())
    counts = table[~gone].to_numpy(np.float64)
    counts = counts if ascending else counts[::-1]
    ends = np.cumsum(counts)
    ranks = {
        "average": ends - (counts - 1) / 2,
        "min": ends - counts + 1,
        "max": ends,
        "dense": np.arange(1, len(counts) + 1, dtype=np.float64),
    }[method]
    whole, kinds = float(ends[-1]) if len(ends) else 0.0, float(len(counts))
    first = na_option == "top" and missing
    of_missing = {
        "average": (missing + 1) / 2,
        "min": 1.0,
        "max": float(missing),
        "dense": 1.0,
    }[method]
    if first:
        ranks = ranks + (1.0 if method == "dense" else missing)
    elif na_option == "bottom":
        of_missing += kinds if method == "dense" else whole
    if na_option != "keep":
        whole, kinds = whole + missing, kinds + bool(missing)
    ranks = ranks if ascending else ranks[::-1]
    share = (kinds if method == "dense" else whole) if pct else 1.0
    na = values.isna().to_numpy()
    out = np.full(len(values), np.nan if na_option == "keep" else of_missing)
    at = table.index[~gone].get_indexer(values[~na])
    out[~na] = ranks[at]
    return pd.Series(out / share, index=values.index, name=values.name)


def _in_order(table: Any) -> Any:
    """Categories without an order are ranked by what they are, and not as they are listed."""
    index = table.index
    if not isinstance(index, pd.CategoricalIndex) or index.ordered:
        return table
    places = pd.Series(index.categories).rank().to_numpy()
    missing = [np.inf]  # the code -1
    return table.iloc[np.argsort(np.append(places, missing)[index.codes], kind="stable")]


def mark_repeated(part: Any, keep: Any) -> Any:
    """Which rows of a partition repeat others, with their places.

    Parameters
    ----------
    part
        A frame with a column `shoal.dataframe.kernels.places.PLACE`; equal rows are all in it.
    keep
        As `pandas.DataFrame.duplicated` has it.

    Examples
    --------
    >>> mark_repeated(pd.DataFrame({"x": [5, 5], PLACE: [3, 4]}), "first")[0].tolist()
    [False, True]
    """
    found = part.drop(columns=PLACE).duplicated(keep=keep)
    return pd.DataFrame({0: found, PLACE: part[PLACE]}, index=part.index)


def extreme_place(which: str) -> tuple[Any, Any, Any]:
    """Functions that find the position of the largest or smallest value over partitions.

    Parameters
    ----------
    which
        "max" or "min".

    Returns
    -------
    Of a partition, of some results one below the other, of all.

    Examples
    --------
    >>> chunk, combine, final = extreme_place("max")
    >>> final(pd.concat([chunk(pd.Series([1, 2])), chunk(pd.Series([9]))]))
    np.int64(2)
    """

    def chunk(part: Any) -> Any:
        part = comparable(part)
        some = part.dropna()
        value = getattr(some, which)() if len(some) else None
        at = getattr(part, f"arg{which}")() if len(some) else 0
        return pd.DataFrame({"rows": [len(part)], "at": [at], "value": [value]}, dtype=object)

    def combine(parts: Any) -> Any:
        first, best, where = 0, None, 0
        for rows, at, value in parts.itertuples(index=False):
            wins = value is not None and (
                best is None or (value > best if which == "max" else value < best)
            )
            if wins:
                best, where = value, first + at
            first += rows
        return pd.DataFrame({"rows": [first], "at": [where], "value": [best]}, dtype=object)

    def final(parts: Any) -> Any:
        whole = combine(parts)
        if whole["value"][0] is None:
            raise ValueError(f"arg{which} of no values: all are missing, or there are none")
        return np.int64(whole["at"][0])

    return chunk, combine, final


def sorted_place(part: Any, value: Any, side: str) -> int:
    """How many values of a partition stand before a value.

    Parameters
    ----------
    part
        A series whose values are in order.
    value, side
        As `pandas.Series.searchsorted` has them.

    Examples
    --------
    >>> sorted_place(pd.Series([1, 3]), 3, "left")
    1
    """
    return int(part.searchsorted(value, side=side))
