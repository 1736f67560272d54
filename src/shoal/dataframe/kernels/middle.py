"""The exact median of a column in partitions, of which few values move.

Two looks, as Munro and Paterson (1980) have them.  At the first, each partition shows some of its
sorted values at even distances; between which of these the median is follows from how many values
are below each of them, at least and at most.  At the second, each partition counts what is below
and sends what is between: of n values about `SHOWN`'th parts of n.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

__all__ = ["MiddleBounds", "MiddleValues", "medians"]

SHOWN = 256
"""How many values a partition shows, its least and its largest among them."""


class Shown(NamedTuple):
    """Some values of a partition in their order, their places among all, and how many there are."""

    values: Any
    places: Any
    total: int


class Bounds(NamedTuple):
    """Values between which the middle is, both among them, and how many values there are."""

    low: Any
    high: Any
    total: int


class Counted(NamedTuple):
    """How many values are below the bounds and at the lower one; those between; the bounds."""

    below: int
    at_low: int
    between: Any
    bounds: Bounds


@dataclasses.dataclass(frozen=True)
class MiddleBounds:
    """The first look: bounds of the median.

    Examples
    --------
    >>> look = MiddleBounds()
    >>> parts = [look.partial(pd.Series(values)) for values in ([1, 5, 2], [9, 3])]
    >>> look.final(parts)
    Bounds(low=np.int64(3), high=np.int64(3), total=5)
    """

    title = "median-bounds"
    columns = None

    def partial(self, item: Any) -> list[Shown]:
        """What a partition shows.

        Parameters
        ----------
        item
            A series.
        """
        values = item.dropna().sort_values(ignore_index=True)
        places = np.unique(np.linspace(0, len(values) - 1, min(len(values), SHOWN)).astype(int))
        return [Shown(values.iloc[places].reset_index(drop=True), places, len(values))]

    def combine(self, partials: Sequence[list[Shown]]) -> list[Shown]:
        """What several partitions show.

        Parameters
        ----------
        partials
            At least one.
        """
        return [one for some in partials for one in some]

    def final(self, partials: Sequence[list[Shown]]) -> Bounds:
        """The closest values that surely have the middle between them.

        Parameters
        ----------
        partials
            At least one.
        """
        shown = self.combine(partials)
        count = sum(one.total for one in shown)
        if not count:
            return Bounds(None, None, 0)
        some = [one for one in shown if one.total]
        values = pd.concat([one.values for one in some]).drop_duplicates()
        values = values.sort_values(ignore_index=True)
        # Of each value: how many are below it at most, and how many are not above it at least.
        below = sum(_most_below(one, values) for one in some)
        within = sum(_least_within(one, values) for one in some)
        low = int(np.flatnonzero(below <= (count - 1) // 2)[-1])
        high = int(np.flatnonzero(within > count // 2)[0])
        return Bounds(values.iloc[low], values.iloc[high], count)


def _most_below(one: Shown, values: Any) -> Any:
    where = one.values.searchsorted(values, side="left")
    return np.append(one.places, one.total)[where]


def _least_within(one: Shown, values: Any) -> Any:
    where = one.values.searchsorted(values, side="right")
    return np.append(0, one.places + 1)[where]


@dataclasses.dataclass(frozen=True)
class MiddleValues:
    """The second look: the median.

    Examples
    --------
    >>> look, bounds = MiddleValues(), Bounds(1, 5, 4)
    >>> parts = [look.partial(pd.Series(values), bounds) for values in ([1, 5], [2, 3])]
    >>> look.final(parts)
    np.float64(2.5)
    """

    title = "median"
    columns = None

    def partial(self, item: Any, bounds: Bounds) -> Counted:
        """What a partition has between the bounds.

        Parameters
        ----------
        item
            A series.
        bounds
            From the first look.
        """
        values = item.dropna()
        if not bounds.total:
            return Counted(0, 0, values, bounds)
        below, at_low = int((values < bounds.low).sum()), int((values == bounds.low).sum())
        between = values[(values > bounds.low) & (values < bounds.high)]
        return Counted(below, at_low, between, bounds)

    def combine(self, partials: Sequence[Counted]) -> Counted:
        """What several partitions have.

        Parameters
        ----------
        partials
            At least one.
        """
        below, at_low, between, bounds = zip(*partials, strict=True)
        return Counted(sum(below), sum(at_low), pd.concat(between), bounds[0])

    def final(self, partials: Sequence[Counted]) -> Any:
        """The value in the middle, or what pandas makes of the two there.

        Parameters
        ----------
        partials
            At least one.
        """
        below, at_low, between, bounds = self.combine(partials)
        if not bounds.total:
            return between.median()
        ends = pd.Series([bounds.low, bounds.high], dtype=between.dtype)
        values = pd.concat([ends[:1], between.sort_values(), ends[1:]], ignore_index=True)
        picked = []
        for rank in ((bounds.total - 1) // 2, bounds.total // 2):
            place = max(rank - below - at_low + 1, 0)
            picked.append(min(place, len(values) - 1))
        return values.iloc[picked].median()


def medians(names: Any, meta: Any, *values: Any) -> Any:
    """Medians of columns as a series.

    Parameters
    ----------
    names
        Of the columns.
    meta
        An empty series like the result.
    *values
        The medians.

    Examples
    --------
    >>> medians(pd.Index(["x"]), pd.Series([], dtype=float), 1.5).to_dict()
    {'x': 1.5}
    """
    return pd.Series(list(values), index=names, dtype=meta.dtype)
