"""``expanding``, ``ewm`` and ``interpolate``: rows that depend on all rows before them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from shoal.dataframe.collection.base import NotHereError, check_axis, from_node
from shoal.dataframe.kernels.carried import EXPANDING, Bridge, Expand, Fade
from shoal.dataframe.meta import make_meta
from shoal.dataframe.nodes.carried import Carried

__all__ = ["Expanding", "ExponentialMovingWindow", "ewm", "expanding", "interpolate"]


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

    def _run(self, run: Any, expected: Any, title: str) -> Any:
        node = self.collection._node
        return from_node(Carried(node, run, make_meta(expected), title))


class Expanding(_Windows):
    """Windows of each row and all before it; `DataFrame.expanding` makes it.

    Parameters
    ----------
    collection
        A frame or series.
    min_periods
        How many values a window has at least.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> x = from_dict({"x": [1, 2, 6]}, npartitions=2).x
    >>> Expanding(x, 1).mean().compute().tolist()
    [1.0, 1.5, 3.0]
    """

    kind = "Expanding"

    def __init__(self, collection: Any, min_periods: int) -> None:
        super().__init__(collection)
        self.min_periods = min_periods

    def _call(self, method: str, options: dict[str, Any]) -> Any:
        expected = getattr(self.collection._meta.expanding(self.min_periods), method)(**options)
        run = Expand(method, self.min_periods, tuple(options.items()))
        return self._run(run, expected, f"expanding-{method}")

    def sem(self, ddof: int = 1, numeric_only: bool = False) -> Any:
        """As pandas' Expanding.sem.

        Parameters
        ----------
        ddof, numeric_only
            As pandas has them.
        """
        # pandas counts infinite values here, and passes over them in the standard deviation.
        return self._call("std", {"ddof": ddof}) / self._call("count", {}) ** 0.5


class ExponentialMovingWindow(_Windows):
    """Means and sums with weights that fade by the row; `DataFrame.ewm` makes it.

    Parameters
    ----------
    collection
        A frame or series.
    alpha
        How fast weights fade, in (0, 1].
    min_periods
        How many values there are at least.
    ignore_na
        Whether weights fade only by rows with a value.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> x = from_dict({"x": [1, 2, 3]}, npartitions=2).x
    >>> ExponentialMovingWindow(x, 0.5, 0, False).sum().compute().tolist()
    [1.0, 2.5, 4.25]
    """

    kind = "ExponentialMovingWindow"

    def __init__(self, collection: Any, alpha: float, min_periods: int, ignore_na: bool) -> None:
        super().__init__(collection)
        self.how = (alpha, min_periods, ignore_na)

    def _call(self, method: str) -> Any:
        alpha, min_periods, ignore_na = self.how
        told = {"alpha": alpha, "min_periods": min_periods, "ignore_na": ignore_na}
        expected = getattr(self.collection._meta.ewm(**told), method)()
        return self._run(Fade(method, *self.how), expected, f"ewm-{method}")

    def mean(self) -> Any:
        """Weighted means."""
        return self._call("mean")

    def sum(self) -> Any:
        """Weighted sums."""
        return self._call("sum")


def expanding(self: Any, min_periods: int = 1) -> Expanding:
    """Windows of each row and all before it.

    Parameters
    ----------
    min_periods
        How many values a window has at least.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [3, 1, 2]}, npartitions=3).x.expanding().max().compute().tolist()
    [3.0, 3.0, 3.0]
    """
    return Expanding(self, int(min_periods))


def ewm(
    self: Any,
    com: float | None = None,
    span: float | None = None,
    halflife: float | None = None,
    alpha: float | None = None,
    min_periods: int = 0,
    adjust: bool = True,
    ignore_na: bool = False,
) -> ExponentialMovingWindow:
    """Means and sums with weights that fade by the row.

    Parameters
    ----------
    com, span, halflife, alpha
        How fast they fade: one of these, as pandas has them.
    min_periods
        How many values there are at least.
    adjust
        True.
    ignore_na
        Whether weights fade only by rows with a value.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [1, 2, 3]}, npartitions=2).x.ewm(alpha=0.5).mean().compute().round(
    ...     2
    ... ).tolist()
    [1.0, 1.67, 2.43]
    """
    if not adjust:
        raise NotImplementedError("ewm(adjust=False) is not there; use map_overlap with ewm")
    # pandas checks that there is one of them, and that it is in range.
    window = self._meta.ewm(com=com, span=span, halflife=halflife, alpha=alpha)
    return ExponentialMovingWindow(self, 1 / (1 + window._com), int(min_periods or 0), ignore_na)


def interpolate(
    self: Any,
    method: str = "linear",
    axis: Any = 0,
    limit: Any = None,
    limit_direction: str | None = None,
    limit_area: Any = None,
) -> Any:
    """Gaps filled along a line between the values around them, in whichever partitions they are.

    Parameters
    ----------
    method
        "linear", by rows, or "index", "values" or "time", by labels.
    axis
        0.
    limit, limit_area
        None.
    limit_direction
        Which gaps at the ends are filled, with the nearest value: "forward", those at the end,
        "backward" or "both".

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> x = from_dict({"x": [1.0, None, None, 4.0]}, npartitions=4).x
    >>> x.interpolate().compute().tolist()
    [1.0, 2.0, 3.0, 4.0]
    """
    if check_axis(self, axis) == 1:
        return self._rowwise("interpolate", method, axis=1, limit_direction=limit_direction)
    if limit is not None or limit_area is not None:
        raise NotImplementedError("interpolate(limit=) is not there; use map_overlap")
    if method not in ("linear", "index", "values", "time"):
        raise NotImplementedError(
            f"interpolate(method={method!r}) is not there; there are linear, index, values and "
            "time; use map_overlap for others"
        )
    direction = limit_direction or "forward"
    if direction not in ("forward", "backward", "both"):
        raise ValueError(f"limit_direction is forward, backward or both, got {direction!r}")
    dtypes = list(self.dtypes) if self.ndim == 2 else [self.dtype]
    kinds = [one.kind if isinstance(one, np.dtype) else "" for one in dtypes]
    if not {*kinds} <= {*"fiu"}:
        raise TypeError("interpolate takes columns of numbers; select them, or convert with astype")
    if "f" not in kinds:
        return self
    if {*kinds} != {"f"}:
        # Whole numbers have no gaps.
        names = [name for name, kind in zip(self.columns, kinds, strict=True) if kind == "f"]
        told = {"method": method, "limit_direction": direction}
        return self._assigned({name: interpolate(self[name], **told) for name in names})
    meta = self._meta.interpolate(method="linear")
    run = Bridge(method != "linear", direction)
    return from_node(Carried(self._node, run, meta, "interpolate"))


def _install() -> None:
    def windowed(name: str) -> Any:
        def method(self: Expanding, **options: Any) -> Any:
            options.pop("numeric_only", None)
            return self._call(name, options)

        method.__name__ = name
        method.__doc__ = f"As pandas' Expanding.{name}."
        return method

    for name in EXPANDING:
        setattr(Expanding, name, windowed(name))


_install()
