"""Merging two partitions, setting an index, running totals, neighbours' rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import pandas as pd

from shoal.dataframe.kernels.reductions import concat_rows

__all__ = ["Cumulate", "map_with_neighbours", "merge_partitions", "set_sorted_index"]


def merge_partitions(left: Any, right: Any, **options: Any) -> Any:
    """Join two partitions.

    Parameters
    ----------
    left, right
        Frames.
    **options
        Of `pandas.merge`.

    Examples
    --------
    >>> one = pd.DataFrame({"k": [1], "x": [2]})
    >>> merge_partitions(one, one, on="k").columns.tolist()
    ['k', 'x_x', 'x_y']
    """
    return pd.merge(left, right, **options)


def set_sorted_index(frame: Any, column: Any, drop: bool, append: bool = False) -> Any:
    """A frame indexed and sorted by a column.

    Parameters
    ----------
    frame
        A partition.
    column, drop, append
        As `pandas.DataFrame.set_index` has them.

    Examples
    --------
    >>> set_sorted_index(pd.DataFrame({"x": [2, 1]}), "x", True).index.tolist()
    [1, 2]
    """
    return frame.set_index(column, drop=drop, append=append).sort_index(kind="stable")


@dataclasses.dataclass(frozen=True)
class Cumulate:
    """Running totals over partitions: of each its total, and from what each one starts.

    Parameters
    ----------
    name
        "cumsum", "cumprod", "cummin" or "cummax".
    skipna
        Whether missing values are passed over; otherwise all after them are missing.

    Examples
    --------
    >>> run = Cumulate("cumsum", True)
    >>> parts = [pd.Series([1, 2]), pd.Series([3])]
    >>> starts = run.starts([run.total(part) for part in parts])
    >>> [run.go_on(part, starts, i).tolist() for i, part in enumerate(parts)]
    [[1, 3], [6]]
    """

    name: str
    skipna: bool

    def total(self, part: Any) -> Any:
        """The total of a partition, as its last row; None where it is empty.

        Parameters
        ----------
        part
            A partition.
        """
        return self._last(part) if len(part) else None

    def _last(self, part: Any) -> Any:
        run = getattr(part, self.name)(skipna=self.skipna)
        return (run.ffill() if self.skipna else run).iloc[-1:]

    def starts(self, totals: Sequence[Any]) -> list[Any]:
        """For each partition the total of all before it; None where there is nothing before.

        Parameters
        ----------
        totals
            Of the partitions.
        """
        out: list[Any] = []
        before: Any = None
        for total in totals:
            out.append(before)
            if total is not None:
                before = total if before is None else self._last(pd.concat([before, total]))
        return out

    def go_on(self, part: Any, starts: Sequence[Any], place: int) -> Any:
        """A partition's running totals: those of the total before it and its rows.

        Parameters
        ----------
        part
            The partition.
        starts
            Of all partitions.
        place
            Which one this is.
        """
        before = starts[place]
        if before is None or not len(part):
            return getattr(part, self.name)(skipna=self.skipna)
        return getattr(pd.concat([before, part]), self.name)(skipna=self.skipna).iloc[1:]


def map_with_neighbours(
    parts: Sequence[Any],
    place: int,
    before: Any,
    after: Any,
    func: Any,
    args: Sequence[Any] = (),
    kwargs: Any = None,
) -> Any:
    """Apply a function to a partition with rows of its neighbours around it.

    Parameters
    ----------
    parts
        The partition and those neighbours that there are, in order.
    place
        Where the partition is among them.
    before, after
        How many rows of the neighbours; a `pandas.Timedelta` counts back or on in the index.
    func
        Called with all rows; what it makes of the neighbours' is cut off.
    args, kwargs
        More arguments of ``func``.

    Examples
    --------
    >>> parts = [pd.Series([1, 2]), pd.Series([3], index=[2])]
    >>> map_with_neighbours(parts, 1, 1, 0, lambda s: s.rolling(2).sum()).tolist()
    [5.0]
    """
    own = parts[place]
    head = _rows_before(concat_rows(parts[:place]), own, before) if place else own[:0]
    tail = _rows_after(concat_rows(parts[place + 1 :]), own, after) if parts[place + 1 :] else []
    around = [one for one in (head, own, tail) if len(one)] or [own]
    out = func(pd.concat(around), *args, **(kwargs or {}))
    if len(out) != len(head) + len(own) + len(tail):
        return out
    return out.iloc[len(head) : len(head) + len(own)]


def _rows_before(rows: Any, own: Any, before: Any) -> Any:
    if isinstance(before, int):
        if before > len(rows) and len(rows) < before:
            return rows
        return rows.iloc[len(rows) - before :]
    return rows[rows.index > own.index[0] - before] if len(own) else rows[:0]


def _rows_after(rows: Any, own: Any, after: Any) -> Any:
    if isinstance(after, int):
        return rows.iloc[:after]
    return rows[rows.index < own.index[-1] + after] if len(own) else rows[:0]
