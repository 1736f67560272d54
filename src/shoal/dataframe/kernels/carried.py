"""Runs: growing windows, and gaps that are bridged, over partitions.

A run passes on a few numbers for each column, from which the next partition goes on exactly as if
all rows were in one: counts, sums and moments for growing windows (merged as Chan, Golub and
LeVeque, 1983, merge variances), the nearest values for gaps.  `Together` is the run of what has no
such few numbers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from shoal.dataframe.kernels.reductions import concat_rows

__all__ = ["EXPANDING", "Bridge", "Every", "Expand", "Together"]


def _columns(part: Any) -> list[Any]:
    """The columns of a frame, or a series, as floats."""
    if isinstance(part, pd.DataFrame):
        return [part.iloc[:, i].to_numpy(np.float64, na_value=np.nan) for i in range(part.shape[1])]
    return [part.to_numpy(np.float64, na_value=np.nan)]


def _finite(part: Any) -> list[Any]:
    """The columns as windows see them: pandas passes over what is infinite."""
    return [np.where(np.isinf(values), np.nan, values) for values in _columns(part)]


def _like(part: Any, columns: Sequence[Any]) -> Any:
    if isinstance(part, pd.DataFrame):
        out = pd.DataFrame(dict(enumerate(columns)), index=part.index)
        return out.set_axis(part.columns, axis=1)
    return pd.Series(columns[0], index=part.index, name=part.name)


class _Moments:
    """Count, sum, mean, sum of squared differences, least and largest, of each row and all before.

    Arrays with a value for each row, or numbers for the last one.
    """

    def __init__(self, count: Any, mean: Any, squares: Any, least: Any, most: Any) -> None:
        self.count, self.mean, self.squares = count, mean, squares
        self.least, self.most = least, most

    @classmethod
    def of(cls, values: Any) -> _Moments:
        column = pd.Series(values)
        grown = column.expanding(min_periods=1)
        count = column.notna().cumsum().to_numpy(np.float64)
        mean = grown.mean().to_numpy()
        squares = grown.var(ddof=0).to_numpy() * count
        return cls(count, mean, squares, grown.min().to_numpy(), grown.max().to_numpy())

    def last(self) -> _Moments:
        """Those of the last row."""
        if not len(self.count):
            return _Moments(0.0, np.nan, np.nan, np.nan, np.nan)
        return _Moments(*(one[-1] for one in vars(self).values()))

    def after(self, before: _Moments) -> _Moments:
        """Those of rows that come after others."""
        some = np.where(self.count > 0, 1.0, 0.0)
        mean = np.nan_to_num(self.mean)
        squares = np.nan_to_num(self.squares)
        count = before.count + self.count
        if not before.count:
            return self
        delta = (mean - before.mean) * some
        with np.errstate(invalid="ignore", divide="ignore"):
            share = self.count / count
        return _Moments(
            count,
            before.mean + delta * share,
            before.squares + squares + delta * delta * before.count * share,
            np.fmin(before.least, self.least),
            np.fmax(before.most, self.most),
        )


def _variance(told: _Moments, ddof: int = 1) -> Any:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(told.count > ddof, told.squares / (told.count - ddof), np.nan)


EXPANDING: Mapping[str, Callable[..., Any]] = {
    "count": lambda told: told.count,
    "sum": lambda told: np.where(told.count > 0, told.mean * told.count, 0.0),
    "mean": lambda told: told.mean,
    "min": lambda told: told.least,
    "max": lambda told: told.most,
    "var": _variance,
    "std": lambda told, ddof=1: np.sqrt(_variance(told, ddof)),
}
"""Methods of growing windows, from moments."""


@dataclasses.dataclass(frozen=True)
class Expand:
    """Growing windows.

    Parameters
    ----------
    method
        In `EXPANDING`.
    min_periods
        How many values a window has at least.
    options
        Pairs, of the method.

    Examples
    --------
    >>> run = Expand("sum", 1, ())
    >>> parts = [pd.Series([1.0, 2.0]), pd.Series([3.0])]
    >>> starts = run.starts([run.total(part) for part in parts])
    >>> run.go_on(parts[1], starts[1]).tolist()
    [6.0]
    """

    method: str
    min_periods: int
    options: tuple[tuple[str, Any], ...]

    def _values(self, part: Any) -> list[Any]:
        if self.method != "count":
            return _finite(part)
        return _columns(part.notna().astype("float64").where(part.notna()))

    def total(self, part: Any) -> Any:
        """How many rows, and their moments.

        Parameters
        ----------
        part
            A partition.
        """
        return len(part), [_Moments.of(values).last() for values in self._values(part)]

    def starts(self, totals: Sequence[Any]) -> list[Any]:
        """Those of all rows before each partition.

        Parameters
        ----------
        totals
            Of the partitions.
        """
        before = [_Moments(0.0, np.nan, np.nan, np.nan, np.nan) for _ in totals[0][1]]
        rows = 0
        out = []
        for count, total in totals:
            out.append((rows, before))
            rows += count
            before = [
                new.after(old) if new.count else old for new, old in zip(total, before, strict=True)
            ]
        return out

    def go_on(self, part: Any, start: Any) -> Any:
        """The windows of a partition's rows.

        Parameters
        ----------
        part
            The partition.
        start
            As `starts` has it.
        """
        out = []
        first, moments = start
        for values, before in zip(self._values(part), moments, strict=True):
            told = _Moments.of(values).after(before)
            found = np.asarray(EXPANDING[self.method](told, **dict(self.options)), np.float64)
            # pandas' count asks for rows, all others for values.
            rows = np.arange(first + 1, first + len(values) + 1)
            enough = (rows if self.method == "count" else told.count) >= self.min_periods
            out.append(np.where(enough, found, np.nan))
        return _like(part, out)


@dataclasses.dataclass(frozen=True)
class Bridge:
    """Gaps filled along a line between the values around them.

    Parameters
    ----------
    by_label
        Whether the distance is that of labels, not of rows.
    direction
        "forward", "backward" or "both", for gaps at the ends.

    Examples
    --------
    >>> run = Bridge(False, "forward")
    >>> parts = [pd.Series([1.0, np.nan]), pd.Series([np.nan, 4.0])]
    >>> starts = run.starts([run.total(part) for part in parts])
    >>> [run.go_on(part, starts[i]).tolist() for i, part in enumerate(parts)]
    [[1.0, 2.0], [3.0, 4.0]]
    """

    by_label: bool
    direction: str

    def _places(self, part: Any, first: int) -> Any:
        if not self.by_label:
            return np.arange(first, first + len(part), dtype=np.float64)
        index = part.index
        return (index.asi8 if hasattr(index, "asi8") else index.to_numpy()).astype(np.float64)

    def total(self, part: Any) -> Any:
        """How many rows, and for each column the first and the last value and where they are.

        Parameters
        ----------
        part
            A partition.
        """
        at = self._places(part, 0)
        out = []
        for values in _columns(part):
            there = np.flatnonzero(~np.isnan(values))
            ends = (there[0], there[-1]) if len(there) else ()
            out.append([(at[i], values[i]) for i in ends])
        return len(part), out

    def starts(self, totals: Sequence[Any]) -> list[Any]:
        """For each partition its first row's number, and the values before and after it.

        Parameters
        ----------
        totals
            Of the partitions.
        """
        counts = [count for count, _ in totals]
        firsts = np.concatenate([[0], np.cumsum(counts)[:-1]])
        shift = np.zeros(len(counts)) if self.by_label else firsts
        before = self._nearest(totals, shift, range(len(totals)), -1)
        after = self._nearest(totals, shift, range(len(totals) - 1, -1, -1), 0)
        return list(zip(firsts.tolist(), before, after, strict=True))

    def _nearest(self, totals: Any, shift: Any, order: Any, end: int) -> list[Any]:
        known: list[Any] = [None] * len(totals[0][1])
        out: list[Any] = [None] * len(totals)
        for i in order:
            out[i] = list(known)
            for column, ends in enumerate(totals[i][1]):
                if ends:
                    at, value = ends[end]
                    known[column] = (at + shift[i], value)
        return out

    def go_on(self, part: Any, start: Any) -> Any:
        """A partition without its gaps.

        Parameters
        ----------
        part
            The partition.
        start
            As `starts` has it.
        """
        first, before, after = start
        at = self._places(part, first)
        out = []
        for values, left, right in zip(_columns(part), before, after, strict=True):
            there = ~np.isnan(values)
            known = [(at[there], values[there])]
            if left is not None:
                known.insert(0, ([left[0]], [left[1]]))
            if right is not None:
                known.append(([right[0]], [right[1]]))
            places, numbers = (np.concatenate(some) for some in zip(*known, strict=True))
            if not len(places):
                out.append(values)
                continue
            ends = {
                "forward": {"left": np.nan},
                "backward": {"right": np.nan},
                "both": {},
            }[self.direction]
            filled = np.interp(at, places, numbers, **ends)
            out.append(np.where(there, values, filled))
        return _like(part, out).astype(part.dtypes if part.ndim == 2 else part.dtype)


@dataclasses.dataclass(frozen=True)
class Together:
    """What needs all values before a row: one task has all rows, and gives each partition its own.

    Parameters
    ----------
    func
        Called with all rows, gives as many.
    args
        Its other arguments.

    Examples
    --------
    >>> run = Together(pd.Series.rank, ())
    >>> parts = [pd.Series([5, 7]), pd.Series([6])]
    >>> starts = run.starts([run.total(part) for part in parts])
    >>> [run.go_on(part, starts[i]).tolist() for i, part in enumerate(parts)]
    [[1.0, 3.0], [2.0]]
    """

    func: Callable[..., Any]
    args: tuple[Any, ...]

    def total(self, part: Any) -> Any:
        """The rows.

        Parameters
        ----------
        part
            A partition.
        """
        return part

    def starts(self, totals: Sequence[Any]) -> list[Any]:
        """The results of each partition.

        Parameters
        ----------
        totals
            The partitions.
        """
        out = self.func(concat_rows(totals), *self.args)
        ends = np.cumsum([0, *map(len, totals)])
        return [out.iloc[start:stop] for start, stop in pairwise(ends)]

    def go_on(self, part: Any, start: Any) -> Any:
        """The results.

        Parameters
        ----------
        part
            The partition.
        start
            As `starts` has it.
        """
        return start


@dataclasses.dataclass(frozen=True)
class Every:
    """Every so many rows, counted over all partitions.

    Parameters
    ----------
    step
        How many.

    Examples
    --------
    >>> run = Every(2)
    >>> parts = [pd.Series([5, 7, 8]), pd.Series([6, 9])]
    >>> starts = run.starts([run.total(part) for part in parts])
    >>> [run.go_on(part, starts[i]).tolist() for i, part in enumerate(parts)]
    [[5, 8], [9]]
    """

    step: int

    def total(self, part: Any) -> int:
        """How many rows.

        Parameters
        ----------
        part
            A partition.
        """
        return len(part)

    def starts(self, totals: Sequence[int]) -> list[int]:
        """The place of each partition's first row that is taken.

        Parameters
        ----------
        totals
            Of the partitions.
        """
        before = np.cumsum([0, *totals])[:-1]
        return [int(-rows % self.step) for rows in before]

    def go_on(self, part: Any, start: int) -> Any:
        """The rows that are taken.

        Parameters
        ----------
        part
            The partition.
        start
            As `starts` has it.
        """
        return part.iloc[start :: self.step]
