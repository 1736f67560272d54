"""Blocks that see their neighbours' edges: stencils, filters, moving windows.

`overlap` gives every block some elements of its neighbours, and beyond the ends of the array what
a boundary says; `map_overlap` applies a function to such blocks and cuts the rest off again.
Depths may differ by axis and side; boundaries by axis.
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from shoal.array.arrangement import concatenate
from shoal.array.blocks import blockwise, unify_chunks
from shoal.array.chunks import AxisChunks, has_unknown
from shoal.array.collection import Array
from shoal.array.creation import full
from shoal.array.grid import starts_of
from shoal.array.kernels.fill import fill_before, last_valid, push_block
from shoal.array.mapping import map_blocks
from shoal.array.nodes.windows import CutBlocks, Windows
from shoal.array.rechunking import rechunk, smaller_blocks
from shoal.array.reductions.engine import normalize_axes
from shoal.array.slicing import getitem, take

__all__ = [
    "ensure_minimum_chunksize",
    "map_overlap",
    "overlap",
    "push",
    "sliding_window_view",
    "trim_internal",
    "trim_overlap",
]


def coerce_depth(ndim: int, depth: Any) -> dict[int, Any]:
    """Depths by axis: ints, or ``(before, after)``.

    >>> coerce_depth(2, 1), coerce_depth(2, {1: (0, 2)})
    ({0: 1, 1: 1}, {0: 0, 1: (0, 2)})
    """
    if depth is None:
        depth = 0
    if isinstance(depth, int | np.integer):
        depth = (int(depth),) * ndim
    if isinstance(depth, tuple | list):
        depth = dict(enumerate(depth))
    if not isinstance(depth, Mapping):
        raise TypeError(f"depth must be an int, a tuple or a dict by axis, got {depth!r}")
    named = {(axis + ndim if axis < 0 else axis): value for axis, value in depth.items()}
    out = {axis: named.get(axis, 0) for axis in range(ndim)}
    if any(side < 0 for value in out.values() for side in _sides(value)):
        raise ValueError(f"depth must not be negative, got {depth!r}")
    return {
        a: tuple(map(int, v)) if isinstance(v, tuple | list) else int(v) for a, v in out.items()
    }


def coerce_boundary(ndim: int, boundary: Any) -> dict[int, Any]:
    """Boundaries by axis.

    >>> coerce_boundary(2, "reflect"), coerce_boundary(2, {1: 0})
    ({0: 'reflect', 1: 'reflect'}, {0: 'none', 1: 0})
    """
    if not isinstance(boundary, tuple | list | Mapping):
        boundary = (boundary,) * ndim
    if isinstance(boundary, tuple | list):
        boundary = dict(enumerate(boundary))
    named = {(axis + ndim if axis < 0 else axis): value for axis, value in boundary.items()}
    out = {axis: named.get(axis) for axis in range(ndim)}
    return {axis: "none" if kind is None else kind for axis, kind in out.items()}


def _sides(depth: Any) -> tuple[int, int]:
    return (depth[0], depth[1]) if isinstance(depth, tuple | list) else (depth, depth)


def _is_none(kind: Any) -> bool:
    return isinstance(kind, str) and kind == "none"


def overlap(x: Array, depth: Any, boundary: Any, *, allow_rechunk: bool = True) -> Array:
    """Give every block elements of its neighbours.

    Parameters
    ----------
    x
        The array.
    depth
        How many elements: an int, a tuple with one for each axis, or a dict by axis; ``(before,
        after)`` for different ones on both sides.
    boundary
        What lies beyond the ends, for all axes, or by axis: "reflect", "periodic", "nearest",
        "none" (nothing), or a value.
    allow_rechunk
        Whether blocks that are shorter than the depth may be merged.

    Raises
    ------
    ValueError
        The depth is larger than the array, or than a block that must not be merged.

    Examples
    --------
    >>> import shoal.array as da
    >>> overlap(da.arange(6, chunks=3), 1, 0).compute()
    array([0, 0, 1, 2, 3, 2, 3, 4, 5, 0])
    """
    depths = coerce_depth(x.ndim, depth)
    kinds = coerce_boundary(x.ndim, boundary)
    x = _with_room(x, depths, allow_rechunk)
    ranges: list[Any] = []
    own = x.chunks
    for axis in range(x.ndim):
        before, after = _sides(depths[axis])
        if not before and not after:
            ranges.append(None)
            continue
        starts, length = starts_of(own[axis]), sum(own[axis])
        if _is_none(kinds[axis]):
            spans = [
                (max(a - before, 0), min(a + n + after, length))
                for a, n in zip(starts, own[axis], strict=True)
            ]
        else:
            x = add_boundary(x, axis, before, after, kinds[axis])
            spans = [(a, a + before + n + after) for a, n in zip(starts, own[axis], strict=True)]
        ranges.append(tuple(spans))
    if all(spans is None for spans in ranges):
        return x
    return Array(Windows(x._node, tuple(ranges)))


def _with_room(x: Array, depths: Mapping[int, Any], allow_rechunk: bool) -> Array:
    """An array none of whose blocks is shorter than the depth."""
    new = list(x.chunks)
    for axis, depth in depths.items():
        most = max(_sides(depth))
        if not most:
            continue
        if has_unknown((x.chunks[axis],)):
            raise ValueError(
                f"axis {axis} has blocks of unknown length (nan), so they cannot overlap by "
                f"{depth}; call compute_chunk_sizes() on the array first"
            )
        if most > x.shape[axis]:
            raise ValueError(
                f"The overlapping depth {most} is larger than your array: axis {axis} has length "
                f"{x.shape[axis]}"
            )
        if min(x.chunks[axis]) < most:
            if not allow_rechunk:
                raise ValueError(
                    f"The overlapping depth {most} is larger than your smallest chunk size "
                    f"{min(x.chunks[axis])} along axis {axis}; rechunk the array, or pass "
                    "allow_rechunk=True"
                )
            new[axis] = ensure_minimum_chunksize(most, x.chunks[axis])
    return x if tuple(new) == x.chunks else rechunk(x, tuple(new))


def ensure_minimum_chunksize(size: int, chunks: AxisChunks) -> AxisChunks:
    """Blocks of an axis, none of which is shorter than a size.

    Parameters
    ----------
    size
        The least length.
    chunks
        Lengths of the blocks of an axis.

    Returns
    -------
    tuple of int
        Short blocks are merged with their neighbour, or take from it what they lack.

    Raises
    ------
    ValueError
        The axis is shorter.

    Examples
    --------
    >>> ensure_minimum_chunksize(10, (20, 20, 1, 1)), ensure_minimum_chunksize(10, (10, 10, 1))
    ((20, 11, 11), (10, 11))
    """
    if sum(chunks) < size:
        raise ValueError(
            f"The overlapping depth {size} is larger than your array: its length is {sum(chunks)}"
        )
    out: list[int] = []
    waiting = 0
    for n in chunks:
        total = waiting + n
        if total >= size:
            out.append(total)
            waiting = 0
        elif out:
            total += out.pop()
            out += [total - size, size] if total >= 2 * size else [total]
        else:
            waiting = total
    return tuple(out)


def add_boundary(x: Array, axis: int, before: int, after: int, kind: Any) -> Array:
    """An array with elements added at both ends of an axis, as a boundary says.

    >>> import shoal.array as da
    >>> add_boundary(da.arange(4, chunks=2), 0, 2, 1, "reflect").compute()
    array([1, 0, 0, 1, 2, 3, 3])
    """
    length = x.shape[axis]
    if isinstance(kind, str):
        if kind not in PLACES:
            raise ValueError(
                f"unknown boundary {kind!r}; use one of {sorted(PLACES)}, 'none' or a value"
            )
        left, right = PLACES[kind](before, after, length)
        sides = [take(x, left, axis), take(x, right, axis)]
    else:
        sides = [_constant(x, axis, n, kind) for n in (before, after)]
    return concatenate([s for s in (sides[0], x, sides[1]) if s.shape[axis]], axis)


PLACES: dict[str, Callable[[int, int, int], tuple[Any, Any]]] = {
    "reflect": lambda b, a, n: (np.arange(b)[::-1], np.arange(n - a, n)[::-1]),
    "periodic": lambda b, a, n: (np.arange(n - b, n), np.arange(a)),
    "nearest": lambda b, a, n: (np.zeros(b, int), np.full(a, n - 1)),
}
"""The elements beyond the ends, by kind: ``(before, after, length)`` to places in the axis."""


def _constant(x: Array, axis: int, count: int, value: Any) -> Array:
    shape = (*x.shape[:axis], count, *x.shape[axis + 1 :])
    chunks = (*x.chunks[:axis], (count,), *x.chunks[axis + 1 :])
    return full(shape, value, chunks=chunks, dtype=x.dtype, meta=x._meta)


def trim_internal(x: Array, axes: Any, boundary: Any = None) -> Array:
    """Cut off every block what `overlap` added to it.

    Parameters
    ----------
    x
        The array.
    axes
        The depths, as `overlap` takes them.
    boundary
        As for `overlap`: with "none" the outermost blocks have nothing to cut off there.

    Examples
    --------
    >>> import shoal.array as da
    >>> trim_internal(overlap(da.arange(6, chunks=3), 1, 0), 1, 0).compute()
    array([0, 1, 2, 3, 4, 5])
    """
    depths, kinds = coerce_depth(x.ndim, axes), coerce_boundary(x.ndim, boundary)
    parts = []
    for axis, blocks in enumerate(x.chunks):
        before, after = _sides(depths[axis])
        last = len(blocks) - 1
        open_ends = _is_none(kinds[axis])
        parts.append(
            tuple(
                [
                    slice(
                        0 if open_ends and i == 0 else before,
                        None if (open_ends and i == last) or not after else -after,
                    )
                    for i in range(len(blocks))
                ]
            )
        )
    if all(part == slice(0, None) for axis in parts for part in axis):
        return x
    return Array(CutBlocks(x._node, tuple(parts)))


def trim_overlap(x: Array, depth: Any, boundary: Any = None) -> Array:
    """Cut off every block what `overlap` added to it; `trim_internal` by another name.

    Parameters
    ----------
    x, depth, boundary
        As for `overlap`.

    Examples
    --------
    >>> import shoal.array as da
    >>> x = da.arange(6, chunks=3)
    >>> trim_overlap(overlap(x, 1, "reflect"), 1, "reflect").compute()
    array([0, 1, 2, 3, 4, 5])
    """
    return trim_internal(x, depth, boundary)


def map_overlap(
    func: Any,
    *args: Any,
    depth: Any = None,
    boundary: Any = None,
    trim: bool = True,
    align_arrays: bool = True,
    allow_rechunk: bool = True,
    **kwargs: Any,
) -> Array:
    """Apply a function to blocks that overlap.

    Parameters
    ----------
    func
        Gives a block of the shape of the largest it gets, or what ``kwargs`` say.
    *args
        Arrays, which are broadcast.
    depth, boundary
        As `overlap` takes them; or lists with one for each array.
    trim
        Whether to cut off the result's blocks what the overlap added.
    align_arrays
        False to take blocks as they are; then there must be as many in each array.
    allow_rechunk
        Whether blocks that are shorter than the depth may be merged.
    **kwargs
        Those of `shoal.array.map_blocks`, and the function's.

    Raises
    ------
    ValueError
        The depth is larger than the array; blocks do not fit.

    Examples
    --------
    >>> import shoal.array as da
    >>> x = da.from_array([1, 1, 2, 3, 3, 3, 2, 1, 1], chunks=5)
    >>> map_overlap(lambda x: x - np.roll(x, 1), x, depth=1, boundary=0).compute()
    array([ 1,  0,  1,  1,  0,  0, -1, -1,  0])
    """
    if isinstance(func, Array):
        return _old_order(func, *args, depth=depth, boundary=boundary, trim=trim, **kwargs)
    if not callable(func):
        raise TypeError(f"map_overlap takes a function first, got {type(func).__name__}")
    if not args or not all(isinstance(arg, Array) for arg in args):
        wrong = [type(arg).__name__ for arg in args if not isinstance(arg, Array)]
        raise TypeError(f"map_overlap takes arrays of shoal's after the function, got {wrong}")
    depths = [coerce_depth(a.ndim, d) for a, d in zip(args, _one_each(depth, args), strict=True)]
    kinds = [
        coerce_boundary(a.ndim, b) for a, b in zip(args, _one_each(boundary, args), strict=True)
    ]
    arrays = [_with_room(a, d, allow_rechunk) for a, d in zip(args, depths, strict=True)]
    if align_arrays:
        pairs = [(a, tuple(range(-a.ndim, 0))) for a in arrays]
        _, arrays = unify_chunks(*itertools.chain.from_iterable(pairs))
    wide = [
        overlap(a, d, b, allow_rechunk=allow_rechunk)
        for a, d, b in zip(arrays, depths, kinds, strict=True)
    ]
    if not trim:
        if kwargs.get("chunks") is None and not {"drop_axis", "new_axis"} & set(kwargs):
            kwargs["chunks"] = arrays[0].chunks
        return map_blocks(func, *wide, **kwargs)
    out = map_blocks(func, *wide, **kwargs)
    main = max(range(len(args)), key=lambda i: args[i].ndim)
    own = _moved(depths[main], kinds[main], args[main].ndim, kwargs)
    return trim_internal(out, *own)


def _one_each(given: Any, args: Sequence[Any]) -> list[Any]:
    if not isinstance(given, list):
        return [given] * len(args)
    if len(given) != len(args):
        raise ValueError(f"{len(given)} depths or boundaries for {len(args)} arrays; give one each")
    return given


def _moved(depths: Any, kinds: Any, ndim: int, kwargs: Mapping[str, Any]) -> tuple[Any, Any]:
    """Depths and boundaries of what a function gives that removes axes or adds some."""
    drop, new = kwargs.get("drop_axis"), kwargs.get("new_axis")
    gone = () if drop is None else normalize_axes(drop, ndim)
    axes: list[Any] = [axis for axis in range(ndim) if axis not in gone]
    if new is not None:
        given = np.atleast_1d(new).tolist()
        for axis in normalize_axes(given, len(axes) + len(given)):
            axes.insert(axis, None)
    depth = {i: 0 if axis is None else depths[axis] for i, axis in enumerate(axes)}
    kind = {i: "none" if axis is None else kinds[axis] for i, axis in enumerate(axes)}
    return depth, kind


def _old_order(x: Array, func: Any, *rest: Any, **kwargs: Any) -> Array:
    """``map_overlap(x, func, depth, boundary, trim)``, as programs wrote it before 2021."""
    warnings.warn(
        "map_overlap(array, func) is deprecated: the function comes first",
        FutureWarning,
        stacklevel=3,
    )
    kwargs.update(zip(("depth", "boundary", "trim"), rest, strict=False))
    return map_overlap(func, x, **kwargs)


def map_overlap_of(
    self: Array,
    func: Callable[..., Any],
    depth: Any = None,
    boundary: Any = None,
    trim: bool = True,
    **kwargs: Any,
) -> Array:
    """Apply a function to blocks that overlap; see `shoal.array.map_overlap`."""
    return map_overlap(func, self, depth=depth, boundary=boundary, trim=trim, **kwargs)


def sliding_window_view(
    x: Array, window_shape: Any, axis: Any = None, automatic_rechunk: bool = True
) -> Array:
    """Every window of some shape; see `numpy.lib.stride_tricks.sliding_window_view`.

    Parameters
    ----------
    x
        The array.
    window_shape, axis
        As NumPy has them.
    automatic_rechunk
        Whether to cut the other axes, so that blocks of windows are no larger than blocks were.

    Raises
    ------
    ValueError
        A window is larger than its axis, or empty.

    Examples
    --------
    >>> import shoal.array as da
    >>> sliding_window_view(da.arange(5, chunks=2), 3).sum(axis=1).compute()
    array([3, 6, 9])
    """
    sizes = tuple(np.atleast_1d(window_shape).tolist())
    if any(size <= 0 for size in sizes):
        raise ValueError(f"window_shape must be positive, got {window_shape}")
    given = tuple(range(x.ndim)) if axis is None else tuple(np.atleast_1d(axis).tolist())
    if len(given) != len(sizes):
        raise ValueError(
            f"window_shape {sizes} has {len(sizes)} lengths for {len(given)} axes; give one each"
        )
    if any(not -x.ndim <= one < x.ndim for one in given):
        raise ValueError(f"axis {axis} is out of bounds for an array of {x.ndim} axes")
    places = [one % x.ndim for one in given]
    more = [0] * x.ndim
    for place, size in zip(places, sizes, strict=True):
        more[place] += size - 1
    if any(n >= length for n, length in zip(more, x.shape, strict=True)):
        raise ValueError(f"window shape {sizes} cannot be larger than input array shape {x.shape}")
    if automatic_rechunk:
        x = _with_smaller_others(x, places, more, math.prod(sizes))
    ranges: list[Any] = [None] * x.ndim
    for place in set(places):
        ranges[place] = tuple(_window_ranges(x.chunks[place], more[place]))
    wide = Array(Windows(x._node, tuple(ranges)))
    labels = tuple(range(x.ndim + len(sizes)))
    fresh = dict(zip(labels[x.ndim :], sizes, strict=True))
    left = {i: tuple([n - more[i] for n in wide.chunks[i]]) for i in set(places)}
    return blockwise(
        np.lib.stride_tricks.sliding_window_view,
        labels,
        wide,
        labels[: x.ndim],
        sizes,
        None,
        tuple(places),
        None,
        new_axes=fresh,
        adjust_chunks=left,
        dtype=x.dtype,
        meta=x._meta,
    )


def _with_smaller_others(x: Array, places: list[int], more: list[int], factor: float) -> Array:
    for place in set(places):
        longest = max(ensure_minimum_chunksize(more[place], x.chunks[place]))
        factor *= max(longest / max(x.chunks[place]), 1)
    return rechunk(x, smaller_blocks(x.chunks, set(places), factor))


def _window_ranges(blocks: AxisChunks, more: int) -> list[tuple[int, int]]:
    """What blocks of windows read: they begin where the blocks do, as far as windows fit."""
    total = sum(blocks)
    return [
        (start, min(start + n, total - more) + more)
        for start, n in zip(starts_of(blocks), blocks, strict=True)
        if start < total - more
    ]


def push(array: Array, n: int | None, axis: int) -> Array:
    """Fill nan with the last value before it along an axis, as bottleneck's ``push`` does.

    Parameters
    ----------
    array
        The array.
    n
        How many nan in a row to fill; None for all.
    axis
        Along which.

    Examples
    --------
    >>> import shoal.array as da
    >>> push(da.from_array([1.0, np.nan, np.nan, 4.0], chunks=2), None, 0).compute()
    array([1., 1., 1., 4.])
    """
    if array.dtype.kind not in "fc":
        return array
    (axis,) = normalize_axes(axis, array.ndim)
    if n is not None and n < array.shape[axis]:
        depth = {axis: (n, 0)}
        return map_overlap(
            push_block, array, depth=depth, boundary="none", n=n, axis=axis, dtype=array.dtype
        )
    ones = {axis: (1,) * array.numblocks[axis]}
    chunks = tuple([ones.get(i, own) for i, own in enumerate(array.chunks)])
    lasts = map_blocks(last_valid, array, axis=axis, chunks=chunks, dtype=array.dtype)
    whole = map_blocks(push_block, rechunk(lasts, {axis: -1}), n=None, axis=axis, dtype=array.dtype)
    first = _constant(whole, axis, 1, np.nan)
    lead = (slice(None),) * axis
    before = concatenate([first, getitem(whole, (*lead, slice(None, -1)))], axis)
    return map_blocks(fill_before, array, rechunk(before, {axis: 1}), axis=axis, dtype=array.dtype)
