"""Merging two partitions, setting an index, running totals, filling from neighbours."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import pandas as pd

__all__ = ["Cumulate", "Fill", "merge_partitions", "set_sorted_index"]


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


@dataclasses.dataclass(frozen=True)
class Fill:
    """Missing values filled with the last or next one that is there, over partitions.

    Parameters
    ----------
    name
        "ffill" or "bfill".

    Examples
    --------
    >>> fill = Fill("ffill")
    >>> parts = [pd.Series([1.0, 2.0]), pd.Series([None, 3.0])]
    >>> starts = fill.starts([fill.total(part) for part in parts])
    >>> fill.go_on(parts[1], starts, 1).tolist()
    [2.0, 3.0]
    """

    name: str

    def total(self, part: Any) -> Any:
        """What a partition fills its neighbour with, as one row; None where it is empty.

        Parameters
        ----------
        part
            A partition.
        """
        if not len(part):
            return None
        filled = getattr(part, self.name)()
        return filled.iloc[-1:] if self.name == "ffill" else filled.iloc[:1]

    def starts(self, totals: Sequence[Any]) -> list[Any]:
        """For each partition the row that it is filled with; None where there is none.

        Parameters
        ----------
        totals
            Of the partitions.
        """
        back = self.name == "bfill"
        out: list[Any] = []
        known: Any = None
        for total in reversed(totals) if back else totals:
            out.append(known)
            if total is not None:
                known = total if known is None else self.total(self._joined(known, total))
        return out[::-1] if back else out

    def _joined(self, known: Any, part: Any) -> Any:
        return pd.concat([known, part] if self.name == "ffill" else [part, known])

    def go_on(self, part: Any, starts: Sequence[Any], place: int) -> Any:
        """A partition filled.

        Parameters
        ----------
        part
            The partition.
        starts
            Of all partitions.
        place
            Which one this is.
        """
        known = starts[place]
        if known is None or not len(part):
            return getattr(part, self.name)()
        filled = getattr(self._joined(known, part), self.name)()
        return filled.iloc[1:] if self.name == "ffill" else filled.iloc[:-1]
