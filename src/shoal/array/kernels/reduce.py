"""What reductions do with one block and with partial results.

A partial result that has several parts is a dict of arrays; a list of them, within lists for
several axes, is joined part by part (`gathered`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from shoal.array.kernels.assemble import assemble

__all__ = [
    "count_elements",
    "emptied",
    "gathered",
    "max_chunk",
    "mean_aggregate",
    "mean_chunk",
    "mean_combine",
    "min_chunk",
    "sums_of",
]


def gathered(partials: Any, name: str, axes: tuple[int, ...]) -> Any:
    """One part of many partial results, as an array.

    Parameters
    ----------
    partials
        A dict, or lists of them to a depth of ``len(axes)``.
    name
        Of the part.
    axes
        Which the lists stand for, outermost first.

    Examples
    --------
    >>> gathered([{"n": np.ones(1)}, {"n": np.zeros(1)}], "n", (0,))
    array([1., 0.])
    """
    if not isinstance(partials, list):
        return partials[name]
    parts = [gathered(part, name, axes[1:]) for part in partials]
    grid = [1] * parts[0].ndim
    if grid:
        grid[axes[0]] = len(parts)
    return assemble(parts, grid)


def count_elements(block: Any, axis: tuple[int, ...], keepdims: bool, dtype: Any = None) -> Any:
    """How many elements each element of a reduced block stands for.

    Parameters
    ----------
    block
        An array.
    axis, keepdims
        As of the reduction.
    dtype
        Of the counts.

    Examples
    --------
    >>> count_elements(np.ones((2, 3)), (0,), True, int)
    array([[2, 2, 2]])
    """
    number = 1
    for one in axis:
        number *= block.shape[one]
    if keepdims:
        shape = tuple([1 if i in axis else n for i, n in enumerate(block.shape)])
    else:
        shape = tuple([n for i, n in enumerate(block.shape) if i not in axis])
    if isinstance(block, np.ma.MaskedArray):
        return np.asarray(block.count(axis=axis, keepdims=keepdims), dtype=dtype)
    return np.full(shape, number, dtype=dtype or float)


def mean_chunk(block: Any, axis: Any, keepdims: bool, dtype: Any = None) -> dict[str, Any]:
    """Sums and counts of a block.

    Parameters
    ----------
    block
        An array.
    axis, keepdims, dtype
        As of the reduction.

    Examples
    --------
    >>> mean_chunk(np.arange(3), (0,), True, float)["total"]
    array([3.])
    """
    n = count_elements(block, axis, keepdims)
    total = np.sum(block, axis=axis, keepdims=keepdims, dtype=sums_of(dtype))
    return {"n": n, "total": total}


def sums_of(dtype: Any) -> Any:
    """What sums are of that a mean is made from: those of float16 overflow where the mean does not.

    Parameters
    ----------
    dtype
        Of the mean; None: not told.

    Examples
    --------
    >>> sums_of(np.dtype("float16")), sums_of(np.dtype("int64")), sums_of(None)
    (dtype('float32'), dtype('int64'), None)
    """
    return np.dtype(np.float32) if dtype == np.float16 else dtype


def mean_combine(partials: Any, axis: Any, keepdims: bool, dtype: Any = None) -> dict[str, Any]:
    """Sums and counts of several.

    Parameters
    ----------
    partials
        As `gathered` takes them.
    axis, keepdims, dtype
        As of the reduction.

    Examples
    --------
    >>> mean_combine([{"n": np.ones(1), "total": np.ones(1)}] * 2, (0,), True, float)["n"]
    array([2.])
    """
    n = np.sum(gathered(partials, "n", axis), axis=axis, keepdims=keepdims)
    totals = gathered(partials, "total", axis)
    total = np.sum(totals, axis=axis, keepdims=keepdims, dtype=sums_of(dtype))
    return {"n": n, "total": total}


def mean_aggregate(partials: Any, axis: Any, keepdims: bool, dtype: Any = None) -> Any:
    """The mean, from sums and counts.

    Parameters
    ----------
    partials
        As `gathered` takes them.
    axis, keepdims, dtype
        As of the reduction.

    Examples
    --------
    >>> mean_aggregate([{"n": np.ones(1), "total": np.ones(1)}] * 2, (0,), False, float)
    np.float64(1.0)
    """
    both = mean_combine(partials, axis, keepdims, dtype)
    with np.errstate(divide="ignore", invalid="ignore"):
        is_masked = isinstance(both["total"], np.ma.MaskedArray)
        mean = (np.ma if is_masked else np).true_divide(both["total"], both["n"])
    return mean if dtype is None or mean.dtype == dtype else mean.astype(dtype)


def emptied(block: Any, axis: tuple[int, ...]) -> Any:
    """What a block without elements leaves in a reduction that has nothing to start from: nothing,
    so that it has no say among the partial results.

    Parameters
    ----------
    block
        An array that is empty along one of the axes.
    axis
        Those that are reduced.

    Examples
    --------
    >>> emptied(np.ones((0, 3)), (0, 1)).shape
    (0, 1)
    """
    return block[tuple([slice(0, 1) if i in axis else slice(None) for i in range(block.ndim)])]


def max_chunk(block: Any, axis: Any, keepdims: bool) -> Any:
    """The largest elements of a block; one without elements has no say.

    Parameters
    ----------
    block
        An array.
    axis, keepdims
        As of the reduction.

    Examples
    --------
    >>> max_chunk(np.arange(3), (0,), True), max_chunk(np.ones(0), (0,), True)
    (array([2]), array([], dtype=float64))
    """
    if any(block.shape[i] == 0 for i in axis):
        return emptied(block, axis)
    return np.max(block, axis=axis, keepdims=keepdims)


def min_chunk(block: Any, axis: Any, keepdims: bool) -> Any:
    """The smallest elements of a block; one without elements has no say.

    Parameters
    ----------
    block
        An array.
    axis, keepdims
        As of the reduction.

    Examples
    --------
    >>> min_chunk(np.arange(3), (0,), True), min_chunk(np.ones(0), (0,), True)
    (array([0]), array([], dtype=float64))
    """
    if any(block.shape[i] == 0 for i in axis):
        return emptied(block, axis)
    return np.min(block, axis=axis, keepdims=keepdims)
