"""Functions of sorted elements, on one block."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["merge_sketches", "quantile_block", "sketch_block"]


def quantile_block(block: Any, func: Any, axis: Any, given: Any, kwargs: Any) -> Any:
    """A median or quantile, with the axes kept.

    Parameters
    ----------
    block
        Has the axes whole.
    func
        Such as `numpy.median`.
    axis
        Which.
    given
        More positional arguments, a tuple.
    kwargs
        ``(name, value)`` pairs.

    Examples
    --------
    >>> quantile_block(np.arange(3), np.median, (0,), (), ())
    array([1.])
    """
    if func is np.nanquantile and not block.size:
        # NumPy's nanquantile of nothing has no axis for several quantiles.
        kept = [1 if i in axis else n for i, n in enumerate(block.shape)]
        one = func(np.ones(1, block.dtype), 0.5)
        return np.full_like(one, np.nan, shape=[*np.shape(given[0]), *kept])
    return np.asanyarray(func(block, *given, axis=axis, keepdims=True, **dict(kwargs)))


def sketch_block(block: Any, size: int) -> dict[str, Any]:
    """Order statistics of a block at evenly spaced ranks, and how many elements each stands for.

    Parameters
    ----------
    block
        Of one axis.
    size
        How many to take at most; all when there are no more.

    Examples
    --------
    >>> sketch_block(np.array([3, 1, 2]), 5)["values"]
    array([1, 2, 3])
    """
    values = np.sort(block)
    n = len(values)
    if n <= size:
        return {"values": values, "weights": np.ones(n)}
    ranks = np.round(np.linspace(0, n - 1, size)).astype(np.intp)
    middle = (ranks[1:] + ranks[:-1]) / 2
    edges = np.concatenate([[-0.5], middle, [n - 0.5]])
    return {"values": values[ranks], "weights": np.diff(edges)}


def merge_sketches(sketches: list[dict[str, Any]], q: Any, method: str, dtype: Any) -> Any:
    """Percentiles of the elements that some sketches stand for.

    Parameters
    ----------
    sketches
        As `sketch_block` gives them.
    q
        From 0 to 100, an array.
    method
        As `numpy.percentile` has it; between sketched ranks "linear".
    dtype
        Of the result.

    Raises
    ------
    ValueError
        There are no elements.

    Examples
    --------
    >>> parts = [sketch_block(np.array([1, 2]), 9), sketch_block(np.array([3]), 9)]
    >>> merge_sketches(parts, np.array(50), "linear", np.dtype(float))
    array(2.)
    """
    values = np.concatenate([part["values"] for part in sketches])
    if not len(values):
        raise ValueError("there are no elements to take percentiles of")
    weights = np.concatenate([part["weights"] for part in sketches])
    numeric = values.dtype.kind in "biufmM"
    if numeric and np.all(weights == 1):
        return np.asarray(np.percentile(values, q, method=method)).astype(dtype)  # type: ignore[call-overload]
    order = np.argsort(values, kind="stable")
    values, weights = values[order], weights[order]
    places = np.cumsum(weights) - (weights + 1) / 2
    wanted = np.asarray(q) / 100 * (weights.sum() - 1)
    if numeric and values.dtype.kind not in "mM" and method == "linear":
        if values.dtype.kind == "f" and np.isnan(values[-1]):
            return np.full(np.shape(q), np.nan, dtype)
        return np.asarray(np.interp(wanted, places, values)).astype(dtype)
    below = np.clip(np.searchsorted(places, wanted, side="right") - 1, 0, len(values) - 1)
    above = np.clip(np.searchsorted(places, wanted, side="left"), 0, len(values) - 1)
    if method == "higher":
        return np.asarray(values[above])
    if method == "lower":
        return np.asarray(values[below])
    nearer = np.where(places[above] - wanted < wanted - places[below], above, below)
    return np.asarray(values[nearer]).astype(dtype)
