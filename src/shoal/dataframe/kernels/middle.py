"""Exact medians and quantiles of a column in partitions, of which few values move.

Two looks, as Munro and Paterson (1980) have them.  At the first, each partition shows some of its
sorted values at even distances; between which of these a quantile is follows from how many values
are below each of them, at least and at most.  At the second, each partition counts what is below
and sends what is between: of n values about `SHOWN`'th parts of n.

Where all values together are small there is nothing to be gained by that, and pandas finds them in
one array without sorting it (`Together`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from shoal.dataframe.kernels.statistics import NARROW, interpolated, ranks_beside

__all__ = ["RankBounds", "RankValues", "Together", "medians"]

SHOWN = 256
"""How many values a partition shows, its least and its largest among them."""


class Shown(NamedTuple):
    """Some values of a partition in their order, their places among all, and how many there are."""

    values: Any
    places: Any
    total: int


class Bounds(NamedTuple):
    """Values between which a quantile is, both among them, and how many values there are."""

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
class RankBounds:
    """The first look: bounds of each quantile.

    Parameters
    ----------
    q
        Quantiles between 0 and 1; a median is the one at 0.5.

    Examples
    --------
    >>> look = RankBounds((0.5,))
    >>> parts = [look.partial(pd.Series(values)) for values in ([1, 5, 2], [9, 3])]
    >>> look.final(parts)
    [Bounds(low=np.int64(3), high=np.int64(3), total=5)]
    """

    q: tuple[float, ...]
    title = "quantile-bounds"
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

    def final(self, partials: Sequence[list[Shown]]) -> list[Bounds]:
        """The closest values that surely have each quantile between them.

        Parameters
        ----------
        partials
            At least one.
        """
        shown = self.combine(partials)
        count = sum(one.total for one in shown)
        if not count:
            return [Bounds(None, None, 0)] * len(self.q)
        some = [one for one in shown if one.total]
        values, below, within = _ranked(some)
        found = []
        for q in self.q:
            first, last, _ = ranks_beside(q, count, values.dtype)
            low = int(np.flatnonzero(below <= first)[-1])
            high = int(np.flatnonzero(within > last)[0])
            found.append(Bounds(values.iloc[low], values.iloc[high], count))
        return found


def _ranked(shown: Sequence[Shown]) -> tuple[Any, Any, Any]:
    """All that is shown in its order; of each how many values are below it at most, and how many
    are not above it at least.

    A value tells of its own partition: what is between it and the next one may be below all that is
    larger, and what is between the one before and it is not above it.
    """
    values = pd.concat([one.values for one in shown], ignore_index=True)
    order = values.argsort(kind="stable").to_numpy()
    to_next = np.concatenate([np.diff(one.places, append=one.total) for one in shown])[order]
    from_last = np.concatenate([np.diff(one.places, prepend=-1) for one in shown])[order]
    values = values.iloc[order]
    below = (np.cumsum(to_next) - to_next)[~values.duplicated().to_numpy()]
    is_last = ~values.duplicated(keep="last").to_numpy()
    return values[is_last], below, np.cumsum(from_last)[is_last]


@dataclasses.dataclass(frozen=True)
class RankValues:
    """The second look: the quantiles.

    Parameters
    ----------
    q
        As of the first look.
    interpolation
        As of `pandas.Series.quantile`; None for what `pandas.Series.median` makes of the two
        values in the middle, a scalar.

    Examples
    --------
    >>> look, bounds = RankValues((0.5,)), [Bounds(1, 5, 4)]
    >>> parts = [look.partial(pd.Series(values), bounds) for values in ([1, 5], [2, 3])]
    >>> look.final(parts)
    np.float64(2.5)
    >>> RankValues((0.5,), "lower").final(parts).tolist()
    [2]
    """

    q: tuple[float, ...]
    interpolation: str | None = None
    title = "quantile"
    columns = None

    def partial(self, item: Any, bounds: Sequence[Bounds]) -> list[Counted]:
        """What a partition has between the bounds of each quantile.

        Parameters
        ----------
        item
            A series.
        bounds
            From the first look.
        """
        values = item.dropna()
        return [_counted(values, one) for one in bounds]

    def combine(self, partials: Sequence[list[Counted]]) -> list[Counted]:
        """What several partitions have.

        Parameters
        ----------
        partials
            At least one.
        """
        found = []
        for counted in zip(*partials, strict=True):
            below, at_low, between, bounds = zip(*counted, strict=True)
            found.append(Counted(sum(below), sum(at_low), pd.concat(between), bounds[0]))
        return found

    def final(self, partials: Sequence[list[Counted]]) -> Any:
        """A value for each quantile, in a series; the median.

        Parameters
        ----------
        partials
            At least one.
        """
        counted = self.combine(partials)
        if self.interpolation is None:
            pair, _ = _beside(counted[0], 0.5, None)
            return pair.median()
        how = self.interpolation
        pairs = [_beside(one, q, how) for one, q in zip(counted, self.q, strict=True)]
        return interpolated([(pair.array, share) for pair, share in pairs], how)


def _counted(values: Any, bounds: Bounds) -> Counted:
    if not bounds.total:
        return Counted(0, 0, values, bounds)
    below, at_low = int((values < bounds.low).sum()), int((values == bounds.low).sum())
    between = values[(values > bounds.low) & (values < bounds.high)]
    return Counted(below, at_low, between, bounds)


def _beside(counted: Counted, q: float, interpolation: str | None) -> tuple[Any, float]:
    """The two values beside a quantile, and how far it is from the first; of no values, none."""
    below, at_low, between, bounds = counted
    if not bounds.total:
        return between, 0.0
    ends = pd.Series([bounds.low, bounds.high], dtype=between.dtype)
    values = pd.concat([ends[:1], between.sort_values(), ends[1:]], ignore_index=True)
    *ranks, share = ranks_beside(q, bounds.total, between.dtype, interpolation)
    places = [min(max(rank - below - at_low + 1, 0), len(values) - 1) for rank in ranks]
    return values.iloc[places], share


@dataclasses.dataclass(frozen=True)
class Together:
    """Quantiles of a column that is put together, by pandas.

    Parameters
    ----------
    q
        Quantiles between 0 and 1.
    interpolation
        As of `RankValues`.

    Examples
    --------
    >>> half = Together((0.5,), "lower")
    >>> half.final([half.partial(pd.Series(values)) for values in ([1, 5], [2, 3])]).tolist()
    [2]
    """

    q: tuple[float, ...]
    interpolation: str | None = None
    title = "quantile"
    columns = None

    def partial(self, item: Any) -> list[Any]:
        """A partition.

        Parameters
        ----------
        item
            A series.
        """
        return [item]

    def combine(self, partials: Sequence[list[Any]]) -> list[Any]:
        """Several partitions.

        Parameters
        ----------
        partials
            At least one.
        """
        return [one for some in partials for one in some]

    def final(self, partials: Sequence[list[Any]]) -> Any:
        """A value for each quantile, in a series; the median.

        Parameters
        ----------
        partials
            At least one.
        """
        whole = pd.concat(self.combine(partials), ignore_index=True)
        if self.interpolation is None:
            return whole.median()
        how: Any = self.interpolation
        found = whole.quantile(list(self.q), interpolation=how).reset_index(drop=True)
        # As narrow as what is interpolated between two looks.
        return found.astype(whole.dtype) if str(whole.dtype) in NARROW else found


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
