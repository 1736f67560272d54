"""Counts of elements, within one block and of several."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["bincount_block", "histogram_block", "histogramdd_block", "sum_counts", "unique_block"]


def bincount_block(
    block: Any, axis: Any, keepdims: bool, minlength: int = 0, weights: Any = None
) -> Any:
    """How often each int is in a block.

    Parameters
    ----------
    block
        Of one axis.
    axis, keepdims
        As of the reduction.
    minlength, weights
        As `numpy.bincount` takes them.

    Examples
    --------
    >>> bincount_block(np.array([0, 2]), (0,), True)
    array([1, 0, 1])
    """
    return np.bincount(block, weights=weights, minlength=minlength)


def sum_counts(partials: Any, axis: Any, keepdims: bool) -> Any:
    """The sum of counts of different lengths.

    Parameters
    ----------
    partials
        A list of them.
    axis, keepdims
        As of the reduction.

    Examples
    --------
    >>> sum_counts([np.array([1, 1]), np.array([2])], (0,), True)
    array([3, 1])
    """
    if not isinstance(partials, list):
        return partials
    longest = max(partials, key=len)
    out = longest.copy()
    for part in partials:
        if part is not longest:
            out[: len(part)] += part
    return out


def histogram_block(block: Any, weights: Any, bins: Any, span: Any) -> Any:
    """Counts of a block, in front of which are axes of length 1, to be summed over.

    Parameters
    ----------
    block
        An array.
    weights
        As many, or None.
    bins, span
        ``bins`` and ``range`` as `numpy.histogram` takes them.

    Examples
    --------
    >>> histogram_block(np.array([1, 3]), None, [0, 2, 4], None)
    array([[1, 1]])
    """
    counts = np.histogram(block, bins, range=span, weights=weights)[0]
    return counts[(None,) * block.ndim]


def histogramdd_block(*columns: Any, edges: Any, weighted: bool, dtype: Any) -> Any:
    """Counts of points, with an axis of length 1 in front.

    Parameters
    ----------
    *columns
        Coordinates, and weights at the end.
    edges
        Of the bins along each axis.
    weighted
        Whether there are weights.
    dtype
        Of the counts.

    Examples
    --------
    >>> x = np.array([1, 3])
    >>> histogramdd_block(x, edges=([0, 2, 4],), weighted=False, dtype=float)
    array([[1., 1.]])
    """
    weights = columns[-1] if weighted else None
    points = columns[:-1] if weighted else columns
    return np.histogramdd(points, bins=edges, weights=weights)[0].astype(dtype)[None]


def unique_block(
    block: Any, offset: Any, axis: Any, keepdims: bool, index: bool = True, counts: bool = True
) -> dict[str, Any]:
    """The different elements of a block; where each is first, and how often, if asked.

    Parameters
    ----------
    block
        Of one axis.
    offset
        Where it begins.
    axis, keepdims
        As of the reduction.
    index, counts
        What is asked for.  Without either NumPy need not sort the block.

    Examples
    --------
    >>> unique_block(np.array([3, 1, 3]), (10,), (0,), True)["first"]
    array([11, 10])
    >>> unique_block(np.array([3, 1, 3]), (10,), (0,), True, index=False, counts=False)
    {'values': array([1, 3])}
    """
    if not index and not counts:
        return {"values": np.unique(block)}
    found: Any = np.unique(block, return_index=index, return_counts=counts)  # type: ignore[call-overload]
    values, *more = found
    out = {"values": values}
    if index:
        out["first"] = more[0] + offset[0]
    if counts:
        out["counts"] = more[-1]
    return out


def unique_combine(partials: Any, axis: Any, keepdims: bool) -> dict[str, Any]:
    """Those of several blocks.

    Parameters
    ----------
    partials
        One or a list of them.
    axis, keepdims
        As of the reduction.

    Examples
    --------
    >>> parts = [unique_block(np.array([3, 1]), (i,), (0,), True) for i in (0, 2)]
    >>> unique_combine(parts, (0,), True)["counts"]
    array([2, 2])
    """
    parts = partials if isinstance(partials, list) else [partials]
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    if len(joined) == 1:
        return {"values": np.unique(joined["values"])}
    # Blocks come in order, and unique finds the first of equal values.
    values, at, inverse = np.unique(joined["values"], return_index=True, return_inverse=True)
    out = {"values": values}
    if "first" in joined:
        out["first"] = joined["first"][at]
    if "counts" in joined:
        out["counts"] = np.zeros(len(values), dtype=np.intp)
        np.add.at(out["counts"], inverse, joined["counts"])
    return out


def part_of(found: Any, name: str) -> Any:
    """One part of a partial result.

    >>> part_of({"values": 1}, "values")
    1
    """
    return found[name]


def inverse_block(block: Any, values: Any) -> Any:
    """Where the elements of a block are among sorted values.

    >>> inverse_block(np.array([3, 1]), np.array([1, 3]))
    array([1, 0])
    """
    return np.searchsorted(values, block)
