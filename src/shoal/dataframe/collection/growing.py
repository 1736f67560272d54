"""``expanding``, ``ewm`` and ``interpolate``: rows that depend on all rows before them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from shoal.dataframe.collection.base import FrameBase, NotHereError, check_axis, from_node
from shoal.dataframe.collection.generate import refuse_inplace
from shoal.dataframe.kernels.carried import EXPANDING, Bridge, Expand, Together
from shoal.dataframe.kernels.fading import Fade, as_matrix
from shoal.dataframe.meta import make_meta, sample_of
from shoal.dataframe.nodes.carried import Carried
from shoal.dataframe.nodes.rowwise import MapPartitions

__all__ = ["Expanding", "ExponentialMovingWindow", "ewm", "expanding", "interpolate"]


WHOLE_METHODS = "median quantile rank skew kurt apply nunique first last"
"""Of growing windows: what needs all values before a row, in one task."""


class _Windows:
    """Windows of all columns, or of some."""

    kind = ""

    def __init__(self, collection: Any) -> None:
        self.collection = collection

    def __getattr__(self, name: str) -> Any:
        columns = getattr(self.collection, "columns", ())
        if not name.startswith("_") and name in columns:
            return self[name]
        if hasattr(getattr(pd.api.typing, self.kind), name):
            raise NotHereError(
                f"{self.kind}.{name} is not there; use rolling with a window that is long enough, "
                "or compute() first"
            )
        raise AttributeError(f"{self.kind} has no attribute {name!r}")

    def __getitem__(self, columns: Any) -> Any:
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other.collection = self.collection[columns]
        return other

    def _on(self, item: Any) -> Any:
        """pandas' own windows."""
        raise NotImplementedError

    def _numbers(self, numeric_only: bool) -> Any:
        if not numeric_only or self.collection.ndim == 1:
            return self.collection
        return self.collection[list(self._on(self.collection._meta).mean(numeric_only=True))]

    def _run(self, run: Any, expected: Any, title: str, collection: Any = None) -> Any:
        node = (self.collection if collection is None else collection)._node
        return from_node(Carried(node, run, make_meta(expected), title, True, False))

    def aggregate(self, func: Any = None, *args: Any, **kwargs: Any) -> Any:
        """One method of windows, several, or some for each column.

        Parameters
        ----------
        func
            A name, a list of them, or a dict by column; a function has all rows in one task.
        *args, **kwargs
            Of the method.

        Examples
        --------
        >>> from shoal.dataframe import from_dict
        >>> x = from_dict({"x": [1, 2, 6]}, npartitions=2).x
        >>> x.expanding().agg(["sum", "max"]).compute().values.tolist()
        [[1.0, 1.0], [3.0, 2.0], [9.0, 6.0]]
        """
        if isinstance(func, str):
            return getattr(self, func)(*args, **kwargs)
        expected = self._on(self.collection._meta).aggregate(func, *args, **kwargs)
        told = (self._told(), "aggregate", (func, *args), tuple(kwargs.items()))
        return self._run(Together(windowed, told), expected, f"{self.kind.lower()}-agg")

    agg = aggregate

    def _told(self) -> tuple[str, tuple[tuple[str, Any], ...]]:
        """The method of pandas' that makes such windows, and its arguments."""
        raise NotImplementedError

    def _pairs(
        self, method: str, other: Any, pairwise: bool | None, how: dict[str, Any], options: Any
    ) -> Any:
        """A method of pairs of columns, of this frame or of another that has the same rows."""
        left = self.collection
        sample = sample_of(left._meta)
        given = {}
        if other is not None:
            given = {"other": sample_of(other._meta).set_axis(sample.index, axis=0)}
        expected = make_meta(
            getattr(self._on(sample), method)(**given, pairwise=pairwise, **options)
        )
        right = left if other is None else other
        if right._node.row_key != left._node.row_key:
            raise NotImplementedError(
                f"{self.kind}.{method}(other=) takes columns of the same rows; assign them to the "
                "frame first, which matches labels"
            )
        firsts, seconds = (
            one.shape[1] if one.ndim == 2 else 1 for one in (left._meta, right._meta)
        )
        both = _numbered(left)
        if right is not left:
            for i in range(seconds):
                column = right if right.ndim == 1 else _numbered(right)[i]
                both = both._assigned({firsts + i: column})
        shift = 0 if right is left else firsts
        matrix = isinstance(expected.index, pd.MultiIndex)
        if matrix:
            pairs = [(i, shift + j) for j in range(seconds) for i in range(firsts)]
        elif left.ndim == right.ndim == 2:
            names = list(right.columns)
            pairs = [
                (i, shift + names.index(name))
                for i, name in enumerate(left.columns)
                if name in names
            ]
            kept = [left.columns[i] for i, _ in pairs]
            if list(expected.columns) != kept:
                raise NotImplementedError(
                    f"{self.kind}.{method}(other=) of other columns is not there: take those that "
                    "both frames have, in one order"
                )
        else:
            pairs = [(i, shift + j) for i in range(firsts) for j in range(seconds)]
        like = pd.RangeIndex(len(pairs)) if matrix else getattr(expected, "columns", None)
        if like is None:
            like = expected.name
        run = Fade(method, tuple(pairs), like, **how)
        meta = pd.DataFrame(0.0, left._meta.index, like) if matrix else expected
        out = self._run(run, meta, f"{self.kind.lower()}-{method}", both)
        if not matrix:
            return out
        labels = (right._meta.columns, left._meta.columns, list(expected.index.names))
        unknown = (None,) * (out.npartitions + 1)
        args = (out._node, *labels)
        return from_node(MapPartitions(as_matrix, args, (), expected, unknown, method))


def _numbered(collection: Any) -> Any:
    """A frame whose columns are numbers."""
    if collection.ndim == 1:
        return collection.to_frame(0)
    return collection.set_axis(range(collection.shape[1]), axis=1)


def windowed(
    rows: Any, told: tuple[str, Any], method: str, args: Sequence[Any], kwargs: Any
) -> Any:
    """A method of pandas' windows.

    Parameters
    ----------
    rows
        A frame or series.
    told
        The method that makes windows, and its arguments in pairs.
    method, args, kwargs
        What is called; keyword arguments in pairs.

    Examples
    --------
    >>> windowed(pd.Series([1, 5]), ("expanding", ()), "median", (), ()).tolist()
    [1.0, 3.0]
    """
    made, options = told
    return getattr(getattr(rows, made)(**dict(options)), method)(*args, **dict(kwargs))


class Expanding(_Windows):
    """Windows of each row and all before it; `DataFrame.expanding` makes it.

    Sums, means, variances, covariances, least and largest values go on from partition to partition
    with a few numbers.  For medians, quantiles, ranks, skewness, kurtosis, different values and
    functions of the user's one task has all rows of the columns in question.

    Parameters
    ----------
    collection
        A frame or series.
    min_periods
        How many values a window has at least.
    method
        "single", or "table" for `apply` of whole rows, as pandas has it.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> x = from_dict({"x": [1, 2, 6]}, npartitions=2).x
    >>> Expanding(x, 1).mean().compute().tolist()
    [1.0, 1.5, 3.0]
    """

    kind = "Expanding"

    def __init__(self, collection: Any, min_periods: int, method: str = "single") -> None:
        super().__init__(collection)
        self.min_periods = min_periods
        self.method = method
        # pandas has the last word on what fits.
        self._on(collection._meta)

    def _on(self, item: Any) -> Any:
        return item.expanding(self.min_periods, method=self.method)

    def _told(self) -> tuple[str, tuple[tuple[str, Any], ...]]:
        return "expanding", (("min_periods", self.min_periods), ("method", self.method))

    def _call(self, method: str, options: dict[str, Any]) -> Any:
        some = self._numbers(options.pop("numeric_only", False))
        expected = getattr(self._on(some._meta), method)(**options)
        run = Expand(method, self.min_periods, tuple(options.items()))
        return self._run(run, expected, f"expanding-{method}", some)

    def _whole(self, method: str, args: Any, kwargs: dict[str, Any]) -> Any:
        some = self._numbers(kwargs.get("numeric_only", False))
        expected = getattr(self._on(some._meta), method)(*args, **kwargs)
        run = Together(windowed, (self._told(), method, args, tuple(kwargs.items())))
        return self._run(run, expected, f"expanding-{method}", some)

    def sem(self, ddof: int = 1, numeric_only: bool = False) -> Any:
        """As pandas' Expanding.sem.

        Parameters
        ----------
        ddof, numeric_only
            As pandas has them.
        """
        # pandas counts infinite values here, and passes over them in the standard deviation.
        told = {"numeric_only": numeric_only}
        return self._call("std", {"ddof": ddof, **told}) / self._call("count", told) ** 0.5

    def cov(
        self,
        other: Any = None,
        pairwise: bool | None = None,
        ddof: int = 1,
        numeric_only: bool = False,
    ) -> Any:
        """Covariances of columns, or with another frame or series.

        Parameters
        ----------
        other
            Has the same rows.
        pairwise, ddof, numeric_only
            As pandas has them.

        Examples
        --------
        >>> from shoal.dataframe import from_dict
        >>> df = from_dict({"x": [1, 2, 3], "y": [1, 2, 1]}, npartitions=2)
        >>> df.x.expanding().cov(df.y).compute().tolist()
        [nan, 0.5, 0.0]
        """
        return self._of_pairs("cov", other, pairwise, numeric_only, ddof=ddof)

    def corr(
        self,
        other: Any = None,
        pairwise: bool | None = None,
        ddof: int = 1,
        numeric_only: bool = False,
    ) -> Any:
        """Correlations of columns, or with another frame or series.

        Parameters
        ----------
        other
            Has the same rows.
        pairwise, ddof, numeric_only
            As pandas has them.

        Examples
        --------
        >>> from shoal.dataframe import from_dict
        >>> df = from_dict({"x": [1, 2, 3], "y": [1, 2, 3]}, npartitions=2)
        >>> df.x.expanding().corr(df.y).compute().round(6).tolist()
        [nan, 1.0, 1.0]
        """
        return self._of_pairs("corr", other, pairwise, numeric_only, ddof=ddof)

    def _of_pairs(
        self, method: str, other: Any, pairwise: Any, numeric_only: bool, **options: Any
    ) -> Any:
        some = Expanding(self._numbers(numeric_only), self.min_periods, self.method)
        how = {"kept": 1.0, "min_periods": self.min_periods, **options}
        return some._pairs(method, other, pairwise, how, options)


class ExponentialMovingWindow(_Windows):
    """Means and the like with weights that fade by the row; `DataFrame.ewm` makes it.

    Parameters
    ----------
    collection
        A frame or series.
    options
        Of pandas' ``ewm``, but for ``times``.
    times
        A series of times with the same rows, or None.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> x = from_dict({"x": [1, 2, 3]}, npartitions=2).x
    >>> ExponentialMovingWindow(x, {"alpha": 0.5}).sum().compute().tolist()
    [1.0, 2.5, 4.25]
    """

    kind = "ExponentialMovingWindow"

    def __init__(self, collection: Any, options: dict[str, Any], times: Any = None) -> None:
        super().__init__(collection)
        self.options = options
        self.times = times
        # pandas checks that there is one way to tell how fast, and that it is in range.
        self._on(collection._meta)

    def _on(self, item: Any) -> Any:
        times = None if self.times is None else self.times._meta
        return item.ewm(**self.options, times=times)

    def _told(self) -> tuple[str, tuple[tuple[str, Any], ...]]:
        if self.times is not None:
            raise NotImplementedError("ewm(times=).agg of functions is not there; agg of names is")
        return "ewm", tuple(self.options.items())

    def _how(self) -> dict[str, Any]:
        # Halves of lives are times where there are times: then pandas has 1.0.
        com = float(self._on(self.collection._meta)._com)
        kept = com / (1.0 + com)
        named = ("min_periods", "adjust", "ignore_na")
        how = {"kept": kept, **{k: v for k, v in self.options.items() if k in named}}
        if self.times is not None:
            how["halflife_ns"] = float(pd.Timedelta(self.options["halflife"]).as_unit("ns").value)
        return how

    def _call(self, method: str, options: dict[str, Any]) -> Any:
        some = self._numbers(options.pop("numeric_only", False))
        expected = getattr(self._on(some._meta), method)(**options)
        count = 1 if some.ndim == 1 else len(some.columns)
        like = expected.name if some.ndim == 1 else expected.columns
        run = Fade(method, tuple([(i, i) for i in range(count)]), like, **self._how(), **options)
        if self.times is not None:
            some = _numbered(some)._assigned({count: self.times})
        return self._run(run, expected, f"ewm-{method}", some)

    def mean(self, numeric_only: bool = False) -> Any:
        """Weighted means.

        Parameters
        ----------
        numeric_only
            Whether other columns are left out.
        """
        return self._call("mean", {"numeric_only": numeric_only})

    def sum(self, numeric_only: bool = False) -> Any:
        """Weighted sums.

        Parameters
        ----------
        numeric_only
            Whether other columns are left out.
        """
        return self._call("sum", {"numeric_only": numeric_only})

    def var(self, bias: bool = False, numeric_only: bool = False) -> Any:
        """Weighted variances.

        Parameters
        ----------
        bias
            Whether they are those of the values as the whole population.
        numeric_only
            Whether other columns are left out.
        """
        return self._call("var", {"bias": bias, "numeric_only": numeric_only})

    def std(self, bias: bool = False, numeric_only: bool = False) -> Any:
        """Weighted standard deviations.

        Parameters
        ----------
        bias
            Whether they are those of the values as the whole population.
        numeric_only
            Whether other columns are left out.
        """
        return self._call("std", {"bias": bias, "numeric_only": numeric_only})

    def cov(
        self,
        other: Any = None,
        pairwise: bool | None = None,
        bias: bool = False,
        numeric_only: bool = False,
    ) -> Any:
        """Weighted covariances of columns, or with another frame or series.

        Parameters
        ----------
        other
            Has the same rows.
        pairwise, bias, numeric_only
            As pandas has them.
        """
        return self._of_pairs("cov", other, pairwise, numeric_only, bias=bias)

    def corr(
        self, other: Any = None, pairwise: bool | None = None, numeric_only: bool = False
    ) -> Any:
        """Weighted correlations of columns, or with another frame or series.

        Parameters
        ----------
        other
            Has the same rows.
        pairwise, numeric_only
            As pandas has them.
        """
        return self._of_pairs("corr", other, pairwise, numeric_only)

    def _of_pairs(
        self, method: str, other: Any, pairwise: Any, numeric_only: bool, **options: Any
    ) -> Any:
        if self.times is not None:
            raise NotImplementedError(f"{method} is not implemented with times; pandas has mean")
        some = ExponentialMovingWindow(self._numbers(numeric_only), self.options)
        return some._pairs(method, other, pairwise, {**self._how(), **options}, options)


def expanding(self: Any, min_periods: int = 1, method: str = "single") -> Expanding:
    """Windows of each row and all before it.

    Parameters
    ----------
    min_periods
        How many values a window has at least.
    method
        As pandas has it.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [3, 1, 2]}, npartitions=3).x.expanding().max().compute().tolist()
    [3.0, 3.0, 3.0]
    """
    return Expanding(self, int(min_periods), method)


def ewm(
    self: Any,
    com: float | None = None,
    span: float | None = None,
    halflife: Any = None,
    alpha: float | None = None,
    min_periods: int | None = 0,
    adjust: bool = True,
    ignore_na: bool = False,
    times: Any = None,
    method: str = "single",
) -> ExponentialMovingWindow:
    """Means, sums and variances with weights that fade by the row, or by the time.

    Parameters
    ----------
    com, span, halflife, alpha
        How fast they fade: one of these, as pandas has them.
    min_periods
        How many values there are at least.
    adjust
        Whether the weights of all values add up; else each new one has the weight ``alpha``.
    ignore_na
        Whether weights fade only by rows with a value.
    times
        The times of the rows, a series or the index, where ``halflife`` is a time.
    method
        "single".

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [1, 2, 3]}, npartitions=2).x.ewm(alpha=0.5).mean().compute().round(
    ...     2
    ... ).tolist()
    [1.0, 1.67, 2.43]
    """
    if method != "single":
        raise NotImplementedError(
            f"ewm(method={method!r}) is not there: it is how pandas runs numba; use 'single'"
        )
    if times is not None:
        if not isinstance(times, FrameBase):
            raise TypeError(
                f"ewm(times=) takes a series or an index of shoal, got {type(times).__name__}; "
                "assign the times to a column first"
            )
        times = times.to_series() if isinstance(times._meta, pd.Index) else times
    options = {
        "com": com,
        "span": span,
        "halflife": halflife,
        "alpha": alpha,
        "min_periods": int(min_periods or 0),
        "adjust": adjust,
        "ignore_na": ignore_na,
    }
    return ExponentialMovingWindow(self, options, times)


def interpolate(
    self: Any,
    method: str = "linear",
    *,
    axis: Any = 0,
    limit: int | None = None,
    limit_direction: str | None = None,
    limit_area: str | None = None,
    **kwargs: Any,
) -> Any:
    """Gaps filled along a line between the values around them, in whichever partitions they are.

    Parameters
    ----------
    method
        "linear", by rows, or "index", "values" or "time", by labels.  For others of pandas', which
        are curves through all values, one task has all rows.
    axis
        1 interpolates along the columns.
    limit
        How many missing values in a row are filled.
    limit_direction
        From which side they are counted, and which gaps at the ends are filled with the nearest
        value: "forward", those at the end, "backward" or "both".
    limit_area
        "inside" for gaps between values only, "outside" for those at the ends only.
    **kwargs
        Of the method, such as ``order``.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> x = from_dict({"x": [1.0, None, None, 4.0]}, npartitions=4).x
    >>> x.interpolate().compute().tolist()
    [1.0, 2.0, 3.0, 4.0]
    """
    axis = check_axis(self, axis)
    refuse_inplace("interpolate", kwargs)
    limits = {"limit": limit, "limit_direction": limit_direction, "limit_area": limit_area}
    told = {"method": method, **limits, **kwargs}
    if axis == 1:
        return self._rowwise("interpolate", axis=1, **told)
    # pandas has the last word on what fits.
    meta = make_meta(sample_of(self._meta).interpolate(**told))
    dtypes = list(self.dtypes) if self.ndim == 2 else [self.dtype]
    kinds = [one.kind if isinstance(one, np.dtype) else "" for one in dtypes]
    if method not in ("linear", *BY_LABEL) or not {*kinds} <= {*"fiu"}:
        run = Together(pd_interpolate, (tuple(told.items()),))
        return from_node(Carried(self._node, run, meta, "interpolate", True, True))
    if "f" not in kinds:
        return self.copy()
    if {*kinds} != {"f"}:
        # Whole numbers have no gaps.
        places = [i for i, kind in enumerate(kinds) if kind == "f"]
        some = {self.columns[i]: interpolate(self.iloc[:, i], **told) for i in places}
        return self._assigned(some)
    direction = limit_direction or "forward"
    bridge = Bridge(method in BY_LABEL, direction)
    filled = from_node(Carried(self._node, bridge, meta, "interpolate", True, True))
    allowed = _within(self, limit, direction, limit_area)
    return filled if allowed is None else filled.where(allowed, self)


BY_LABEL = ("index", "values", "time")
"""Methods of `interpolate` that measure distances by labels."""


def pd_interpolate(rows: Any, told: Any) -> Any:
    """pandas' interpolation of all rows.

    Parameters
    ----------
    rows
        A frame or series.
    told
        Of pandas' method, in pairs.

    Examples
    --------
    >>> pd_interpolate(pd.Series([1, None, 3.0]), ()).tolist()
    [1.0, 2.0, 3.0]
    """
    return rows.interpolate(**dict(told))


def _within(self: Any, limit: int | None, direction: str, area: str | None) -> Any:
    """Where a gap may be filled; None for everywhere."""
    allowed = None
    if limit is not None:
        near = {"forward": ["ffill"], "backward": ["bfill"]}.get(direction, ["ffill", "bfill"])
        for name in near:
            there = getattr(self, name)(limit=limit).notna()
            allowed = there if allowed is None else allowed | there
    if area is not None:
        inside = self.ffill().notna() & self.bfill().notna()
        inside = inside if area == "inside" else ~inside
        allowed = inside if allowed is None else allowed & inside
    return allowed


def _install() -> None:
    def carried(name: str) -> Any:
        def method(self: Expanding, *, numeric_only: bool = False, **options: Any) -> Any:
            return self._call(name, {"numeric_only": numeric_only, **options})

        method.__name__ = name
        method.__doc__ = f"As pandas' Expanding.{name}."
        return method

    def together(name: str) -> Any:
        def method(self: Expanding, *args: Any, **kwargs: Any) -> Any:
            return self._whole(name, args, kwargs)

        method.__name__ = name
        method.__doc__ = f"As pandas' Expanding.{name}: one task has all rows."
        return method

    for name in EXPANDING:
        setattr(Expanding, name, carried(name))
    for name in WHOLE_METHODS.split():
        setattr(Expanding, name, together(name))


_install()
