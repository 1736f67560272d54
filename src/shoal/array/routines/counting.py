"""How often elements occur: histograms and sets."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from shoal.array.arrangement import concatenate
from shoal.array.blocks import blockwise
from shoal.array.chunks import has_unknown
from shoal.array.collection import Array
from shoal.array.conversion import asanyarray, asarray, from_delayed
from shoal.array.grid import block_offsets
from shoal.array.kernels.count import (
    bincount_block,
    histogram_block,
    histogramdd_block,
    inverse_block,
    part_of,
    sum_counts,
    unique_block,
    unique_combine,
)
from shoal.array.nodes.reduction import Reduction
from shoal.array.rechunking import ravel
from shoal.array.reductions.engine import fan_in, reduction
from shoal.array.reductions.simple import sum as sum_of
from shoal.collection import is_collection
from shoal.delayed import delayed
from shoal.expr.annotate import current_annotations
from shoal.graph.layers import Each

__all__ = ["bincount", "histogram", "histogram2d", "histogramdd", "union1d", "unique"]


def bincount(x: Any, weights: Any = None, minlength: int = 0, split_every: Any = None) -> Array:
    """How often each int from 0 is in an array; see `numpy.bincount`.

    Parameters
    ----------
    x
        Of one axis, not negative.
    weights
        What each element counts.
    minlength
        The length of the result; it is unknown without.
    split_every
        How many partial results a task takes in.

    Examples
    --------
    >>> import shoal.array as da
    >>> bincount(da.asarray([2, 1, 5, 2, 1], chunks=2), minlength=6).compute()
    array([0, 2, 2, 0, 0, 1])
    """
    x = asanyarray(x)
    if x.ndim != 1:
        raise ValueError(f"Input array must be one dimensional. Try using x.ravel(); got {x.shape}")
    if minlength < 0:
        raise ValueError(f"'minlength' must not be negative, got {minlength}")
    given = None if weights is None else asanyarray(weights)
    if given is not None and given.chunks != x.chunks:
        if given.shape != x.shape:
            raise ValueError(
                f"The weights and list don't have the same length: {given.shape} and {x.shape}"
            )
        given = given.rechunk(x.chunks)
    kind = np.bincount([1], weights=None if given is None else np.ones(1, given.dtype)).dtype
    return reduction(
        x,
        partial(bincount_block, minlength=minlength),
        sum_counts,
        axis=0,
        keepdims=True,
        name="bincount",
        concatenate=False,
        output_size=minlength or np.nan,  # type: ignore[arg-type]
        meta=np.empty(0, kind),
        split_every=split_every,
        weights=given,
    )


def _edges(bins: Any, span: Any, name: str) -> Any:
    """Edges of bins, an array: of shoal's where they depend on something lazy."""
    if np.ndim(bins) == 0 and not (isinstance(bins, Array) and bins.ndim):
        if span is None or isinstance(bins, str):
            raise ValueError(
                f"{name} requires either specifying bins as an iterable or specifying both a range "
                f"and the number of bins, got bins={bins!r} and range={span!r}"
            )
        if len(span) != 2:
            raise ValueError(f"range must be a sequence or array of length 2, but got {span!r}")
        if any(map(is_collection, (*span, bins))):
            if is_collection(bins):
                raise TypeError(f"{name}: the number of bins must be known, got {bins!r}")
            made = delayed(np.linspace)(*span, int(bins) + 1)
            return from_delayed(made, (int(bins) + 1,), dtype=float)
        return np.histogram_bin_edges(np.empty(0), int(bins), tuple(span))
    if isinstance(bins, Array):
        if bins.ndim != 1:
            raise ValueError(f"bins must be a 1-dimensional array or sequence, got {bins.shape}")
        return bins.rechunk(-1)
    edges = [b.compute() if is_collection(b) else b for b in bins]
    out = np.asarray(edges)
    if out.ndim != 1:
        raise ValueError(f"bins must be a 1-dimensional array or sequence, got shape {out.shape}")
    return out


def histogram(
    a: Any,
    bins: Any = None,
    range: Any = None,
    normed: bool = False,
    weights: Any = None,
    density: Any = None,
) -> tuple[Array, Any]:
    """Counts of elements in bins; see `numpy.histogram`.

    Parameters
    ----------
    a
        An array.
    bins
        Edges, or how many; then ``range`` is needed, for it is not computed to find out.
    range
        The first and the last edge; may be lazy.
    normed
        Not supported, as in NumPy: use ``density``.
    weights
        What each element counts; of the shape and blocks of ``a``.
    density
        Whether to return densities.

    Returns
    -------
    counts, edges

    Examples
    --------
    >>> import shoal.array as da
    >>> counts, edges = histogram(da.arange(6, chunks=2), bins=3, range=(0, 6))
    >>> counts.compute(), edges
    (array([2, 2, 2]), array([0., 2., 4., 6.]))
    """
    a = asanyarray(a)
    if normed:
        raise ValueError("The normed= keyword argument has been removed; use density= instead")
    if density is not None and is_collection(density):
        raise NotImplementedError("histogram: density= must be known, got a lazy value")
    edges = _edges(bins, range, "dask.array.histogram")
    given = None if weights is None else asanyarray(weights)
    if given is not None and given.chunks != a.chunks:
        raise ValueError(
            f"Input array and weights must have the same shape and chunk structure: {a.chunks} and "
            f"{given.chunks}; rechunk the weights"
        )
    axes = list(np.arange(a.ndim))
    dtype = np.histogram([], weights=None if given is None else np.ones(0, given.dtype))[0].dtype
    number = edges.shape[0] - 1
    uniform = None
    if isinstance(bins, int | np.integer) and isinstance(edges, np.ndarray) and a.dtype in _DOUBLES:
        uniform = (int(bins), tuple(range))
    counts = blockwise(
        partial(_histogram, weighted=given is not None, uniform=uniform),
        (*axes, "bin"),
        *(a, axes, given, None if given is None else axes, edges, ("edge",))
        if isinstance(edges, Array)
        else (a, axes, given, None if given is None else axes, edges, None),
        new_axes={"bin": number},
        adjust_chunks=dict.fromkeys(axes, 1),
        concatenate=True,
        token="histogram",
        meta=np.empty((0,) * (a.ndim + 1), dtype),
    )
    n = sum_of(counts, axis=tuple(axes), dtype=dtype)
    if density:
        widths = asarray(np.diff(edges)) if not isinstance(edges, Array) else edges[1:] - edges[:-1]
        return n / widths / sum_of(n), edges
    return n, edges


_DOUBLES = [
    *map(np.dtype, (np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32)),
    np.dtype(float),
]
"""What NumPy counts in bins of doubles; others it would count in bins rounded to their own kind."""


def _histogram(block: Any, weights: Any, edges: Any, weighted: bool, uniform: Any) -> Any:
    # NumPy finds the bin of each element by one multiplication when told that all are as wide.
    bins, span = uniform or (edges, None)
    return histogram_block(block, weights if weighted else None, bins, span)


def histogramdd(
    sample: Any,
    bins: Any,
    range: Any = None,
    normed: Any = None,
    weights: Any = None,
    density: Any = None,
) -> tuple[Array, list[Any]]:
    """Counts of points in bins along several axes; see `numpy.histogramdd`.

    Parameters
    ----------
    sample
        An array with a row for each point, or a sequence of arrays, one for each axis.
    bins
        How many, for all or each axis, or edges for each.
    range
        The first and the last edge for each axis; needed where ``bins`` are numbers.
    normed, density
        Whether to return densities.
    weights
        What each point counts.

    Returns
    -------
    counts, edges

    Examples
    --------
    >>> import shoal.array as da
    >>> counts, edges = histogramdd(da.ones((4, 2), chunks=2), 2, range=[(0, 2), (0, 2)])
    >>> counts.compute()
    array([[0., 0.],
           [0., 4.]])
    """
    if normed is not None:
        if density is not None:
            raise TypeError("Cannot specify both 'normed' and 'density'")
        density = normed
    if isinstance(sample, Array):
        if sample.ndim != 2:
            raise ValueError(
                f"Single array input to histogramdd should be 2-dimensional, got {sample.shape}"
            )
        if len(sample.chunks[1]) > 1:
            raise ValueError(
                "Input array can only be chunked along the 0th axis, got chunks "
                f"{sample.chunks}; rechunk it with {{1: -1}}"
            )
        columns = [sample[:, i] for i in np.arange(sample.shape[1])]
    else:
        columns = [asanyarray(part) for part in sample]
        if any(part.ndim != 1 or part.chunks != columns[0].chunks for part in columns):
            raise ValueError("All coordinate arrays must be 1-dimensional and chunked identically.")
    edges = _edges_of_axes(bins, range, len(columns))
    given = None if weights is None else asanyarray(weights)
    if given is not None and (given.ndim != 1 or given.chunks != columns[0].chunks):
        raise ValueError(
            "Input arrays and weights must have the same shape and chunk structure: "
            f"{columns[0].chunks} and {given.chunks}"
        )
    parts = columns if given is None else [*columns, given]
    labels = tuple([f"bin{i}" for i in np.arange(len(columns))])
    kernel = partial(
        histogramdd_block, edges=tuple(edges), weighted=given is not None, dtype=np.dtype(float)
    )
    counts = blockwise(
        kernel,
        ("n", *labels),
        *[item for part in parts for item in (part, ("n",))],
        new_axes={label: len(e) - 1 for label, e in zip(labels, edges, strict=True)},
        adjust_chunks={"n": 1},
        token="histogramdd",
        meta=np.empty((0,) * (len(columns) + 1)),
    )
    n = sum_of(counts, axis=0)
    if density:
        volume: Any = np.ones(())
        for i, e in enumerate(edges):
            shape = [1] * len(edges)
            shape[i] = -1
            volume = volume * np.diff(e).reshape(shape)
        return n / sum_of(n) / volume, edges
    return n, edges


def _edges_of_axes(bins: Any, span: Any, count: int) -> list[Any]:
    if isinstance(bins, int | np.integer):
        bins = [bins] * count
    if len(bins) != count:
        raise ValueError(
            f"The dimension of bins must be equal to the dimension of the sample: {len(bins)} and "
            f"{count}"
        )
    if span is not None and len(span) != count:
        raise ValueError(
            "range argument requires one entry, a min max pair, per dimension: got "
            f"{len(span)} for {count}"
        )
    spans = [None] * count if span is None else list(span)
    out = []
    for one, limits in zip(bins, spans, strict=True):
        found = _edges(one, limits, "dask.array.histogramdd")
        out.append(found.compute() if isinstance(found, Array) else found)
    return out


def histogram2d(
    x: Any,
    y: Any,
    bins: Any = 10,
    range: Any = None,
    normed: Any = None,
    weights: Any = None,
    density: Any = None,
) -> tuple[Array, Any, Any]:
    """Counts of points of a plane; see `numpy.histogram2d`.

    Parameters
    ----------
    x, y
        Coordinates.
    bins, range, normed, weights, density
        As for `histogramdd`.

    Returns
    -------
    counts, edges along x, edges along y

    Examples
    --------
    >>> import shoal.array as da
    >>> x = da.ones(4, chunks=2)
    >>> histogram2d(x, x, 2, range=[(0, 2), (0, 2)])[0].sum().compute()
    np.float64(4.0)
    """
    if not isinstance(bins, int | np.integer) and len(bins) not in (1, 2):
        bins = [np.asarray(bins)] * 2
    counts, edges = histogramdd((x, y), bins, range, normed, weights, density)
    return counts, edges[0], edges[1]


def unique(
    ar: Any,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
) -> Any:
    """The different elements, sorted; see `numpy.unique`.

    Parameters
    ----------
    ar
        An array.
    return_index
        Whether to return where each is first.
    return_inverse
        Whether to return which of them each element is.
    return_counts
        Whether to return how often each occurs.

    Returns
    -------
    Array of unknown length, or a tuple

    Examples
    --------
    >>> import shoal.array as da
    >>> unique(da.asarray([3, 1, 3], chunks=2)).compute()
    array([1, 3])
    """
    ar = asanyarray(ar)
    shape, ar = ar.shape, ravel(ar)
    chunks = ar.chunks if not has_unknown(ar.chunks) else ((0,) * ar.npartitions,)
    if return_index and has_unknown(ar.chunks):
        raise ValueError("unique with return_index needs known chunks; call compute_chunk_sizes()")
    block_of = partial(unique_block, index=return_index, counts=return_counts)
    node = Reduction(
        (ar._node, Each(block_offsets(chunks))),
        block_of,
        unique_combine,
        unique_combine,
        (0,),
        True,
        fan_in(None, (0,), ar.chunks),
        False,
        np.nan,
        np.empty(0, object),
        "unique",
        annotations=current_annotations(),
    )
    found = Array(node)

    def part(name: str, dtype: Any) -> Array:
        meta = np.empty(0, dtype)
        return blockwise(partial(part_of, name=name), "i", found, "i", token="unique", meta=meta)

    values = part("values", ar.dtype)
    out = [values]
    if return_index:
        out.append(part("first", np.intp))
    if return_inverse:
        places = blockwise(
            inverse_block, "i", ar, "i", values, "j", concatenate=True, meta=np.empty(0, np.intp)
        )
        out.append(places.reshape(shape) if len(shape) != 1 else places)
    if return_counts:
        out.append(part("counts", np.intp))
    return out[0] if len(out) == 1 else tuple(out)


def union1d(ar1: Any, ar2: Any) -> Array:
    """The different elements of two arrays, sorted; see `numpy.union1d`.

    Parameters
    ----------
    ar1, ar2
        Arrays.

    Examples
    --------
    >>> import shoal.array as da
    >>> union1d(da.asarray([3, 1]), [1, 2]).compute()
    array([1, 2, 3])
    """
    parts: Sequence[Any] = [ravel(asanyarray(ar1)), ravel(asanyarray(ar2))]
    return unique(concatenate(parts, 0, True))  # type: ignore[no-any-return]
