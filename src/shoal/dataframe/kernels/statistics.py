"""Statistics that need more than a sum: quantiles, higher moments, covariances, distinct counts.

Each is a reducer: ``partial`` of one partition, ``combine`` of several, ``final``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

__all__ = [
    "NARROW",
    "DistinctEstimate",
    "Moments",
    "PairMoments",
    "Quantiles",
    "interpolated",
    "ranks_beside",
]

MOST_VALUES = 8_192
"""How many order statistics a summary for quantiles keeps; exact where a column has no more."""

REGISTER_BITS = 11
"""Registers of the distinct count: 2048 of them, a standard error of 2.3 %."""


NARROW = ("float32", "Float32")
"""Dtypes whose quantiles are as narrow as they."""


class Summary(NamedTuple):
    """Order statistics of a column, each standing for some values.

    Parameters
    ----------
    values
        Ascending, a pandas array.
    weights
        How many values each stands for.
    """

    values: Any
    weights: Any


@dataclasses.dataclass(frozen=True)
class Quantiles:
    """Quantiles of a series, from a mergeable summary.

    A partition sends its sorted values or, where there are more than `MOST_VALUES`, as many of them
    at even distances with their weights (Agrawal et al. 2012, "Mergeable summaries").  So the
    result is exact for columns of so many values, and off by at most one part in `MOST_VALUES` of
    the ranks for each level of the tree beyond.

    Parameters
    ----------
    q
        Quantiles between 0 and 1.
    dtype
        Of the result.
    interpolation
        "linear", "lower", "higher", "midpoint" or "nearest".

    Examples
    --------
    >>> median = Quantiles((0.5,), np.dtype(float))
    >>> median.final([median.partial(pd.Series([1, 2])), median.partial(pd.Series([9]))])
    0    2.0
    dtype: float64
    """

    q: tuple[float, ...]
    dtype: Any
    interpolation: str = "linear"
    columns = None
    title = "quantile"

    def partial(self, item: Any) -> Summary:
        """The summary of a partition.

        Parameters
        ----------
        item
            A series or index.
        """
        some = pd.Series(item).dropna()
        if _is_plain(some.array):
            # Half of the time of ``sort_values``, which asks for the order first.
            values = pd.Series(np.sort(some.to_numpy())).array
        else:
            values = some.sort_values().array
        return _thinned(Summary(values, np.ones(len(values), dtype=np.int64)))

    def combine(self, parts: Sequence[Summary]) -> Summary:
        """One summary of several.

        Parameters
        ----------
        parts
            At least one.
        """
        some = [part for part in parts if len(part.values)] or parts[:1]
        if len(some) == 1:
            return some[0]
        values = pd.concat([pd.Series(part.values) for part in some], ignore_index=True)
        weights = np.concatenate([part.weights for part in some])
        plain = _is_plain(values.array)
        order = (
            np.argsort(values.to_numpy(), kind="stable")
            if plain
            else values.argsort(kind="stable").to_numpy()
        )
        return _thinned(Summary(values.iloc[order].array, weights[order]))

    def final(self, parts: Sequence[Summary]) -> pd.Series:
        """A series with a value for each quantile.

        Parameters
        ----------
        parts
            At least one.
        """
        values, weights = self.combine(parts)
        if not self.q:
            return pd.Series([], dtype=self.dtype).quantile([]).reset_index(drop=True)
        ends = np.cumsum(weights)
        pairs: list[tuple[Any, float]] = []
        for q in self.q:
            if not len(values):
                pairs.append((values, 0.0))
                continue
            *ranks, share = ranks_beside(q, int(ends[-1]), self.dtype, self.interpolation)
            pairs.append((values.take(np.searchsorted(ends, ranks, side="right")), share))
        return interpolated(pairs, self.interpolation)


def ranks_beside(
    q: float, total: int, dtype: Any, interpolation: str | None = None
) -> tuple[int, int, float]:
    """The ranks of the two values beside a quantile, and how far it is from the first of them.

    Parameters
    ----------
    q
        The quantile, between 0 and 1.
    total
        How many values there are, at least 1.
    dtype
        Theirs.
    interpolation
        "nearest": the same rank twice.

    Examples
    --------
    >>> ranks_beside(0.5, 4, np.dtype(int))
    (1, 2, 0.5)
    """
    # pandas asks NumPy for percentiles, and Arrow for quantiles: these may round differently.
    place = q * (total - 1) if isinstance(dtype, pd.ArrowDtype) else q * 100 / 100 * (total - 1)
    low, high = int(np.floor(place)), int(np.ceil(place))
    if interpolation == "nearest":
        low = high = place = int(np.round(place))
    return low, high, place - low


def interpolated(pairs: Sequence[tuple[Any, float]], interpolation: str) -> pd.Series:
    """What pandas says lies between two values, as a series of one row for each pair.

    Parameters
    ----------
    pairs
        Arrays of two values, or of none, and shares of the way from the first to the second.
    interpolation
        "linear", "lower", "higher", "midpoint" or "nearest".

    Examples
    --------
    >>> interpolated([(pd.array([1.0, 3.0], dtype="float64"), 0.25)], "linear").tolist()
    [1.5]
    """
    method: Any = interpolation
    dtype = pairs[0][0].dtype
    if all(len(pair) and _is_plain(pair) for pair, _ in pairs):
        # pandas takes a millisecond for each.
        found = pd.Series([np.quantile(pair.to_numpy(), at, method=method) for pair, at in pairs])
    else:
        some = [pd.Series(pair).quantile([at], interpolation=method) for pair, at in pairs]
        found = pd.concat(some)
    found = found.reset_index(drop=True)
    # pandas has them as narrow as narrow floats where one is missing, and wider elsewhere.
    return found.astype(dtype) if str(dtype) in NARROW else found


def _is_plain(values: Any) -> bool:
    """Whether an array of pandas holds numbers of NumPy's."""
    return isinstance(values, pd.arrays.NumpyExtensionArray) and values.dtype.kind in "iuf"


def _thinned(summary: Summary) -> Summary:
    values, weights = summary
    if len(values) <= MOST_VALUES:
        return summary
    ends = np.cumsum(weights)
    total = int(ends[-1])
    bounds = np.linspace(0, total, MOST_VALUES - 1).round().astype(np.int64)
    middles = (bounds[:-1] + bounds[1:]) // 2
    places = np.searchsorted(ends, middles, side="right")
    share = np.diff(bounds)
    # The extremes stay as they are, each taken from the weight beside it.
    share[0] -= 1
    share[-1] -= 1
    chosen = np.concatenate([[0], places, [len(values) - 1]])
    return Summary(values.take(chosen), np.concatenate([[1], share, [1]]))


class Moment(NamedTuple):
    """Count, mean and central sums of powers 2 to 4; of columns, arrays."""

    count: Any
    mean: Any
    second: Any
    third: Any
    fourth: Any


@dataclasses.dataclass(frozen=True)
class Moments:
    """Skewness or kurtosis of numeric columns, folded by Pebay's formulas (Sandia 2008-6212).

    Parameters
    ----------
    kind
        "skew" or "kurtosis".
    bias
        Whether the moments are those of the sample, not corrected.
    fisher
        Whether a normal distribution has a kurtosis of 0, not of 3.
    names
        Of the columns; None for a series.

    Examples
    --------
    >>> skew = Moments("skew", True, True, None)
    >>> parts = [skew.partial(pd.Series([1.0, 2.0])), skew.partial(pd.Series([9.0]))]
    >>> round(float(skew.final(parts)), 3)
    0.665
    """

    kind: str
    bias: bool
    fisher: bool
    names: Any
    columns = None

    @property
    def title(self) -> str:
        """What is computed."""
        return self.kind

    def partial(self, item: Any) -> Moment:
        """The moments of a partition.

        Parameters
        ----------
        item
            A frame or series.
        """
        data = item.to_numpy(dtype=float, na_value=np.nan)
        there = ~np.isnan(data)
        count = there.sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(count > 0, np.nansum(data, axis=0) / count, 0.0)
            # Powers of what is infinite are NaN, and so is the result; gaps are passed over.
            away = np.where(there, data - mean, 0.0)
            # NumPy takes fifty times as long for a power as for a product.
            squares = away * away
            sums = [one.sum(axis=0) for one in (squares, squares * away, squares * squares)]
        return Moment(count, mean, *sums)

    def combine(self, parts: Sequence[Moment]) -> Moment:
        """Those of several.

        Parameters
        ----------
        parts
            At least one.
        """
        out = parts[0]
        for other in parts[1:]:
            out = _merged(out, other)
        return out

    def final(self, parts: Sequence[Moment]) -> Any:
        """The result.

        Parameters
        ----------
        parts
            At least one.
        """
        n, mean, second, third, fourth = self.combine(parts)
        with np.errstate(invalid="ignore", divide="ignore"):
            spread = second / n
            # Equal values have no shape; what differs by less than their digits is rounding.
            spread = np.where(spread <= (np.finfo(float).eps * mean) ** 2, np.nan, spread)
            if self.kind == "skew":
                value = third / n / spread**1.5
                if not self.bias:
                    value = np.where(n > 2, value * np.sqrt(n * (n - 1)) / (n - 2), value)
            else:
                value = fourth / n / spread**2
                if not self.bias:
                    free = (n - 2) * (n - 3)
                    whole = ((n**2 - 1) * value - 3 * (n - 1) ** 2) / free + 3.0
                    value = np.where(n > 3, whole, value)
                if self.fisher:
                    value = value - 3
        return np.float64(value) if self.names is None else pd.Series(value, index=self.names)


def _merged(a: Moment, b: Moment) -> Moment:
    n = a.count + b.count
    with np.errstate(invalid="ignore", divide="ignore"):
        d = b.mean - a.mean
        k = np.where(n > 0, d / n, 0.0)
    first, other = a.count, b.count
    mean = a.mean + k * other
    second = a.second + b.second + d * k * first * other
    third = a.third + b.third + d * k**2 * first * other * (first - other)
    third = third + 3 * k * (first * b.second - other * a.second)
    fourth = a.fourth + b.fourth
    fourth = fourth + d * k**3 * first * other * (first**2 - first * other + other**2)
    fourth = fourth + 6 * k**2 * (first**2 * b.second + other**2 * a.second)
    fourth = fourth + 4 * k * (first * b.third - other * a.third)
    return Moment(n, mean, second, third, fourth)


class Pairs(NamedTuple):
    """For each pair of columns, of the rows that have both: how many, means, central products."""

    count: Any
    mean: Any
    products: Any
    squares: Any
    gaps: Any
    endless: Any


@dataclasses.dataclass(frozen=True)
class PairMoments:
    """Covariance or correlation of columns, pair by pair over the rows that have both values.

    Partial results are folded as Chan, Golub and LeVeque (1983) do.

    Parameters
    ----------
    corr
        Whether the correlation is wanted.
    min_periods
        How many rows a pair has at least; fewer give NaN.
    ddof
        What is subtracted from the number of rows for the covariance.
    names
        Of the columns; None: a scalar, of the first two.

    Examples
    --------
    >>> pair = PairMoments(False, 2, 1, None)
    >>> parts = pd.DataFrame({"x": [1, 2], "y": [2, 4]}), pd.DataFrame({"x": [3], "y": [6]})
    >>> float(pair.final([pair.partial(part) for part in parts]))
    2.0
    """

    corr: bool
    min_periods: int
    ddof: int
    names: Any
    columns = None

    @property
    def title(self) -> str:
        """What is computed."""
        return "corr" if self.corr else "cov"

    def partial(self, item: Any, *others: Any) -> Pairs:
        """The moments of a partition.

        Parameters
        ----------
        item
            A frame, or a series beside another one.
        *others
            The other one.
        """
        if others:
            item, other = item.align(others[0], join="inner")
            pair = [one.to_numpy(dtype=float, na_value=np.nan) for one in (item, other)]
            data = np.column_stack(pair)
        else:
            data = item.to_numpy(dtype=float, na_value=np.nan)
        gaps, endless = np.isnan(data).any(), np.isinf(data).any(axis=0)
        if not others:  # pandas passes over what is infinite, in frames only
            data = np.where(np.isfinite(data), data, np.nan)
        there = ~np.isnan(data)
        mask = there.astype(float)
        middle = np.where(
            there.any(axis=0), np.nansum(data, axis=0) / np.maximum(mask.sum(0), 1), 0
        )
        # Around the columns' own means, so that large values cancel before they are squared.
        away = np.where(there, data - middle, 0.0)
        count = mask.T @ mask
        with np.errstate(invalid="ignore", divide="ignore"):
            shift = np.where(count > 0, away.T @ mask / count, 0.0)
        products = away.T @ away - count * shift * shift.T
        whole = (away**2).T @ mask
        squares = whole - count * shift**2
        # What a constant column leaves by rounding.
        squares = np.where(squares <= 64 * np.finfo(float).eps * whole, 0.0, squares)
        return Pairs(count, shift + middle[:, None], products, squares, gaps, endless)

    def combine(self, parts: Sequence[Pairs]) -> Pairs:
        """Those of several.

        Parameters
        ----------
        parts
            At least one.
        """
        out = parts[0]
        for other in parts[1:]:
            n = out.count + other.count
            with np.errstate(invalid="ignore", divide="ignore"):
                share = np.where(n > 0, out.count * other.count / n, 0.0)
                mean = np.where(n > 0, (out.mean * out.count + other.mean * other.count) / n, 0.0)
            d = np.where((out.count > 0) & (other.count > 0), other.mean - out.mean, 0.0)
            products = out.products + other.products + d * d.T * share
            squares = out.squares + other.squares + d * d * share
            gaps, endless = out.gaps | other.gaps, out.endless | other.endless
            out = Pairs(n, mean, products, squares, gaps, endless)
        return out

    def final(self, parts: Sequence[Pairs]) -> Any:
        """The result.

        Parameters
        ----------
        parts
            At least one.
        """
        count, mean, products, squares, gaps, endless = self.combine(parts)
        # What is left of a constant column by rounding.
        noise = count * (8 * np.finfo(float).eps * np.abs(mean)) ** 2
        squares = np.where(squares <= noise, 0.0, squares)
        with np.errstate(invalid="ignore", divide="ignore"):
            if self.corr:
                spread = np.sqrt(squares * squares.T)
                value = np.where(spread > 0, np.clip(products / spread, -1, 1), np.nan)
            else:
                value = np.where(count > self.ddof, products / (count - self.ddof), np.nan)
                if not gaps:  # where nothing is missing, pandas' covariances of them are NaN
                    value = np.where(endless | endless[:, None], np.nan, value)
        value = np.where(count >= self.min_periods, value, np.nan)
        if self.names is None:
            return np.float64(value[0, 1])
        return pd.DataFrame(value, index=self.names, columns=self.names)


@dataclasses.dataclass(frozen=True)
class DistinctEstimate:
    """About how many distinct rows there are: HyperLogLog (Flajolet et al. 2007).

    Examples
    --------
    >>> count = DistinctEstimate()
    >>> abs(count.final([count.partial(pd.Series(range(100)))]) - 100) < 5
    True
    """

    columns = None
    title = "nunique-approx"

    def partial(self, item: Any) -> Any:
        """The registers of a partition.

        Parameters
        ----------
        item
            A frame, series or index.
        """
        hashed = pd.util.hash_pandas_object(item, index=False).to_numpy()
        place = (hashed >> np.uint64(64 - REGISTER_BITS)).astype(np.int64)
        rest = hashed << np.uint64(REGISTER_BITS) | np.uint64(1 << (REGISTER_BITS - 1))
        # The place of the first one bit, from 1 on.
        zeros = 64 - np.floor(np.log2(rest.astype(np.float64))).astype(np.int64)
        registers = np.zeros(1 << REGISTER_BITS, dtype=np.uint8)
        np.maximum.at(registers, place, np.clip(zeros, 1, 64).astype(np.uint8))
        return registers

    def combine(self, parts: Sequence[Any]) -> Any:
        """Those of several.

        Parameters
        ----------
        parts
            At least one.
        """
        return np.maximum.reduce(list(parts))

    def final(self, parts: Sequence[Any]) -> float:
        """The estimate.

        Parameters
        ----------
        parts
            At least one.
        """
        registers = self.combine(parts)
        size = len(registers)
        estimate = 0.7213 / (1 + 1.079 / size) * size**2 / np.sum(2.0 ** -registers.astype(float))
        empty = int((registers == 0).sum())
        if estimate <= 2.5 * size and empty:
            estimate = size * np.log(size / empty)
        return float(estimate)
