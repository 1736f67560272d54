"""Values whose weights fade by the row: their weighted means and covariances, over partitions.

The values seen so far are a set with weights, of which `Moments` are kept: the sum of the weights
and of their squares, means, and covariances.  A row multiplies all weights by ``fade`` and adds a
value of weight ``new``, so with the share ``s`` of the new value in the whole and ``a = 1 - s``

    mean' = a mean + s x            cov' = a (cov + dx dy) + s (x - mean_x') (y - mean_y')

where ``dx`` and ``dy`` are how far the means moved: West's update (1979, "Updating mean and
variance estimates"), all of whose terms are positive for a variance.  Each line is a linear
recurrence, which `recurrence` solves for all rows of a partition by doubling (Hillis and Steele,
1986).  Sets of two partitions are united as Chan, Golub and LeVeque (1983) unite variances.  With
weights that do not fade these are the moments of growing windows.

What weight a partition's first value has may depend on how long ago the one before it was, so it
is kept apart in what a partition passes on.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

__all__ = ["Fade", "Moments", "as_matrix", "recurrence"]

NEGLIGIBLE = 1e-300
"""Factors below this add nothing to any number."""


def recurrence(factors: Any, terms: Any, start: float) -> Any:
    """``y[t] = factors[t] * y[t - 1] + terms[t]`` for all t, with ``y[-1] = start``.

    Parameters
    ----------
    factors
        From 0 to 1, an array.
    terms
        As long.
    start
        What is before the first.

    Examples
    --------
    >>> recurrence(np.array([0.5, 0.5, 0.5]), np.array([1.0, 0.0, 2.0]), 4.0).tolist()
    [3.0, 1.5, 2.75]
    """
    factors, out = factors.copy(), terms.astype(np.float64)
    if not len(out):
        return out
    out[0] += factors[0] * start
    factors[0] = 0.0
    step = 1
    while step < len(out) and factors.max() > NEGLIGIBLE:
        out[step:] += factors[step:] * out[:-step]
        factors[step:] *= factors[:-step].copy()
        factors[:step] = 0.0
        step *= 2
    return out


class Moments(NamedTuple):
    """Of pairs of values with weights: numbers, or arrays with one for each row.

    Parameters
    ----------
    weight, squares
        Sums of the weights and of their squares.
    x, y
        Means.
    xx, xy, yy
        Covariances, of the set as the whole population.

    Examples
    --------
    >>> Moments(1.0, 1.0, 2.0, 2.0).united(Moments(1.0, 1.0, 4.0, 4.0)).xx
    1.0
    """

    weight: Any = 0.0
    squares: Any = 0.0
    x: Any = 0.0
    y: Any = 0.0
    xx: Any = 0.0
    xy: Any = 0.0
    yy: Any = 0.0

    def scaled(self, factor: float) -> Moments:
        """With all weights multiplied.

        Parameters
        ----------
        factor
            By this.
        """
        return self._replace(weight=self.weight * factor, squares=self.squares * factor**2)

    def united(self, other: Moments) -> Moments:
        """Of both sets.

        Parameters
        ----------
        other
            Of the other set; numbers.
        """
        weight = self.weight + other.weight
        if not weight:
            return self
        share = other.weight / weight
        rest = self.weight / weight
        dx, dy = other.x - self.x, other.y - self.y
        between = rest * share
        return Moments(
            weight,
            self.squares + other.squares,
            self.x + share * dx,
            self.y + share * dy,
            rest * self.xx + share * other.xx + between * dx * dx,
            rest * self.xy + share * other.xy + between * dx * dy,
            rest * self.yy + share * other.yy + between * dy * dy,
        )

    def walked(self, fade: Any, new: Any, x: Any, y: Any, spread: bool) -> Moments:
        """After each of some further values.

        Parameters
        ----------
        fade, new
            What weights are multiplied by before a value is added, and its own weight; arrays.
        x, y
            The values.
        spread
            Whether covariances are asked for.
        """
        weight = recurrence(fade, new, self.weight)
        share = new / weight
        rest = 1.0 - share
        mean_x, moved_x, off_x = _means(rest, share, x, self.x)
        if not spread:  # the other fields are not read then
            return Moments(weight, weight, mean_x, mean_x, weight, weight, weight)
        squares = recurrence(fade * fade, new * new, self.squares)
        mean_y, moved_y, off_y = (
            (mean_x, moved_x, off_x) if y is x else _means(rest, share, y, self.y)
        )
        xx = recurrence(rest, rest * moved_x**2 + share * off_x**2, self.xx)
        if y is x:
            return Moments(weight, squares, mean_x, mean_x, xx, xx, xx)
        xy = recurrence(rest, rest * moved_x * moved_y + share * off_x * off_y, self.xy)
        yy = recurrence(rest, rest * moved_y**2 + share * off_y**2, self.yy)
        return Moments(weight, squares, mean_x, mean_y, xx, xy, yy)

    def at(self, rows: Any, start: Moments) -> Moments:
        """Those after some of the values.

        Parameters
        ----------
        rows
            How many values there are; with none, it is the start.
        start
            Before the first value.
        """
        pairs = zip(start, self, strict=True)
        return Moments(*(np.concatenate([[first], rest])[rows] for first, rest in pairs))


def _means(rest: Any, share: Any, values: Any, start: float) -> tuple[Any, Any, Any]:
    """Means, how far each has moved, and how far each value is from it."""
    if not len(values):
        return values, values, values
    # Equal values have deviations that are zero, not nearly so.
    base = values[0]
    means = recurrence(rest, share * (values - base), start - base)
    before = np.concatenate([[start - base], means[:-1]])
    return means + base, before - means, values - base - means


class Told(NamedTuple):
    """What a partition passes on of a pair of columns.

    Parameters
    ----------
    seen
        How many values there are.
    first
        The first pair of values.
    lead, trail
        How far apart are the first value and the row before the partition's second row, and the
        last value and the last row.
    from_start
        Whether the step to the partition's first row belongs to the lead.
    fade
        What the values after the first multiply older weights by.
    rest
        The moments of the values after the first.
    """

    seen: int
    first: tuple[float, float]
    lead: float
    trail: float
    from_start: bool
    fade: float
    rest: Moments


class Held(NamedTuple):
    """What is known of a pair of columns before a partition.

    Parameters
    ----------
    seen
        How many values there are.
    gap
        How far the last value is behind the last row.
    moments
        Of the values.
    """

    seen: int = 0
    gap: float = 0.0
    moments: Moments = Moments()


@dataclasses.dataclass(frozen=True)
class Fade:
    """Means, sums, variances, covariances and correlations of pairs of columns.

    Parameters
    ----------
    method
        "mean", "sum", "var", "std", "cov" or "corr".
    pairs
        Places of columns in the partition, two and two.
    like
        What the result looks like: the labels of its columns, or its name.
    kept
        What of a weight is left one row later, from 0 to 1.
    min_periods
        How many values there are at least.
    adjust
        Whether the weights of all values add up; else a new one has ``1 - kept``.
    ignore_na
        Whether weights fade only by rows with a value.
    bias
        Whether the variance is that of the population.
    ddof
        Of windows whose weights do not fade.
    halflife_ns
        After which weights are half, where the last column of the partition has times.

    Examples
    --------
    >>> run = Fade("sum", ((0, 0),), "x", 0.5)
    >>> parts = [pd.Series([1.0, 2.0]), pd.Series([3.0])]
    >>> starts = run.starts([run.total(part) for part in parts])
    >>> run.go_on(parts[1], starts[1]).tolist()
    [4.25]
    """

    method: str
    pairs: tuple[tuple[int, int], ...]
    like: Any
    kept: float
    min_periods: int = 1
    adjust: bool = True
    ignore_na: bool = False
    bias: bool = False
    ddof: int = 1
    halflife_ns: float | None = None

    @property
    def _spread(self) -> bool:
        return self.method not in ("mean", "sum")

    def _read(self, part: Any) -> tuple[list[Any], Any]:
        """The columns, without infinite values, as pandas has it; and the times of the rows."""
        frame = part.to_frame() if part.ndim == 1 else part
        count = frame.shape[1] - (self.halflife_ns is not None)
        columns = [frame.iloc[:, i].to_numpy(np.float64, na_value=np.nan) for i in range(count)]
        columns = [np.where(np.isinf(values), np.nan, values) for values in columns]
        if self.halflife_ns is None:
            return columns, None
        times = pd.DatetimeIndex(frame.iloc[:, -1]).as_unit("ns").asi8
        return columns, times / self.halflife_ns

    def _steps(self, rows: int, times: Any) -> Any:
        """How far each row is from the one before it; the first one is not known."""
        if times is None:
            return np.ones(rows)
        return np.diff(times, prepend=times[:1])

    def _distances(self, there: Any, steps: Any) -> tuple[Any, float]:
        """How far each value is from the one before it, and the last row from the last value."""
        far = np.cumsum(np.where(there, steps, 0.0) if self.ignore_na else steps)
        at = far[there]
        trail = far[-1] - (at[-1] if len(at) else 0.0) if len(far) else 0.0
        return np.diff(at, prepend=0.0), float(trail)

    def _weights(self, distances: Any) -> tuple[Any, Any]:
        """What each value multiplies older weights by, and its own weight."""
        left = self.kept**distances
        if self.adjust:
            return left, np.ones(len(left))
        alpha = 1.0 - self.kept
        if self.method == "mean" and self.kept == 0.5:
            return left, 1.0 - left  # so pandas has it, for times
        return left / (left + alpha), alpha / (left + alpha)

    def total(self, part: Any) -> Any:
        """The times of its ends, how many rows, and what there is to say of each pair.

        Parameters
        ----------
        part
            A partition.
        """
        columns, times = self._read(part)
        steps = self._steps(len(part), times)
        ends = (times[0], times[-1]) if times is not None and len(times) else None
        return ends, len(part), [self._told(columns[i], columns[j], steps) for i, j in self.pairs]

    def _told(self, x: Any, y: Any, steps: Any) -> Told:
        there = ~(np.isnan(x) | np.isnan(y))
        inner = np.concatenate([[0.0], steps[1:]])[: len(steps)]
        distances, trail = self._distances(there, inner)
        from_start = bool(len(there) and (there[0] or not self.ignore_na))
        same, x = y is x, x[there]
        y = x if same else y[there]
        if not len(x):
            return Told(0, (0.0, 0.0), trail, trail, from_start, 1.0, Moments())
        fade, new = self._weights(distances[1:])
        after_first = x[1:]
        after = Moments().walked(
            fade, new, after_first, after_first if same else y[1:], self._spread
        )
        rest = Moments(*(float(one[-1]) for one in after)) if len(x) > 1 else Moments()
        first = (float(x[0]), float(y[0]))
        return Told(len(x), first, distances[0], trail, from_start, float(np.prod(fade)), rest)

    def starts(self, totals: Sequence[Any]) -> list[Any]:
        """The step to each partition's first row, and what is known of each pair before it.

        Parameters
        ----------
        totals
            Of the partitions.
        """
        held = [Held() for _ in self.pairs]
        last = None
        out = []
        for ends, count, told in totals:
            step = 1.0 if ends is None or last is None else float(ends[0] - last)
            out.append((step, held))
            if count:
                last = ends[1] if ends else None
                pairs = zip(held, told, strict=True)
                held = [self._after(old, new, step) for old, new in pairs]
        return out

    def _after(self, old: Held, new: Told, step: float) -> Held:
        lead = new.lead + (step if new.from_start else 0.0)
        if not new.seen:
            return old._replace(gap=old.gap + lead)
        fade, weight = self._weights(np.array([old.gap + lead]))
        own = Moments(1.0, 1.0, *new.first)
        if old.seen:
            own = old.moments.scaled(float(fade[0])).united(own.scaled(float(weight[0])))
        return Held(old.seen + new.seen, new.trail, own.scaled(new.fade).united(new.rest))

    def go_on(self, part: Any, start: Any) -> Any:
        """The result for a partition's rows.

        Parameters
        ----------
        part
            The partition.
        start
            As `starts` has it.
        """
        columns, times = self._read(part)
        step, held = start
        steps = self._steps(len(part), times)
        steps[:1] = step
        pairs = zip(self.pairs, held, strict=True)
        out = [self._found(columns[i], columns[j], steps, old) for (i, j), old in pairs]
        if not isinstance(self.like, pd.Index):
            return pd.Series(out[0], index=part.index, name=self.like)
        return pd.DataFrame(dict(enumerate(out)), index=part.index).set_axis(self.like, axis=1)

    def _found(self, x: Any, y: Any, steps: Any, held: Held) -> Any:
        there = ~(np.isnan(x) | np.isnan(y))
        same = y is x
        distances, _ = self._distances(there, steps)
        distances[:1] += held.gap
        fade, new = self._weights(distances)
        if not held.seen:
            new[:1] = 1.0
        x = x[there]
        walked = held.moments.walked(fade, new, x, x if same else y[there], self._spread)
        seen = np.cumsum(there)
        told = walked.at(seen, held.moments)
        with np.errstate(invalid="ignore", divide="ignore"):
            out = self._result(told, seen + held.seen)
        if self.method == "sum":
            out = out * self.kept ** self._behind(there, steps, held.gap)
        return np.where(seen + held.seen >= max(self.min_periods, 1), out, np.nan)

    def _behind(self, there: Any, steps: Any, gap: float) -> Any:
        """How far each row is from the last value."""
        far = np.cumsum(np.where(there, steps, 0.0) if self.ignore_na else steps)
        return far - np.concatenate([[-gap], far[there]])[np.cumsum(there)]

    def _result(self, told: Moments, count: Any) -> Any:
        if self.method == "mean":
            return told.x
        if self.method == "sum":
            return told.x * told.weight
        if self.method == "corr":
            return told.xy / np.sqrt(told.xx * told.yy)
        if self.kept == 1.0:
            out = np.where(count > self.ddof, told.xy * count / (count - self.ddof), np.nan)
        elif self.bias:
            out = told.xy
        else:
            total = told.weight**2
            free = total - told.squares
            out = np.where(free > 0, told.xy * total / free, np.nan)
        return np.sqrt(out) if self.method == "std" else out


def as_matrix(wide: Any, rows: Any, columns: Any, names: Any) -> Any:
    """For each row of a frame a matrix, of which the frame has all cells beside each other.

    Parameters
    ----------
    wide
        The frame; cells of a row of the matrix are together.
    rows, columns
        Labels of the matrix.
    names
        Of the levels of the result's index.

    Examples
    --------
    >>> wide = pd.DataFrame([[1, 2, 3, 4]], index=["i"])
    >>> labels = pd.Index(["x", "y"])
    >>> as_matrix(wide, labels, labels, [None, None]).loc[("i", "y")].tolist()
    [3, 4]
    """
    cells = wide.to_numpy().reshape(len(wide) * len(rows), len(columns))
    levels = [wide.index.repeat(len(rows)), rows.take(np.tile(np.arange(len(rows)), len(wide)))]
    index = pd.MultiIndex.from_arrays(levels, names=names)
    return pd.DataFrame(cells, index=index, columns=columns)
