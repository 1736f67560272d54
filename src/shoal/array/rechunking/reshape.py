"""``reshape``: the same elements in C order, in another shape.

Axes are taken in groups that have as many elements before and after: ``(4, 6, 5) -> (24, 5)`` has
the groups ``(4, 6) -> (24,)`` and ``(5,) -> (5,)``.  A group goes through one flat axis.  A block
is a run of that axis when along some axis of the group it is any slice, along those before a single
index, and along those after the whole; so the array is cut into such blocks first, as large as they
were.  If the runs are such blocks of the new shape too, every block is reshaped in place.  Else the
flat axis is cut anew in between.  No step has larger blocks than the array had, to within a factor
of two, however the lengths divide each other.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from shoal.array.chunks import AxisChunks, Chunks, has_unknown, normalize_chunks
from shoal.array.collection import Array
from shoal.array.conversion import asanyarray
from shoal.array.grid import axis_groups, run_lengths
from shoal.array.nodes.reshape import ReshapeBlocks
from shoal.array.nodes.sources import Full
from shoal.array.rechunking.convert import rechunk_node, without_empty
from shoal.units import parse_bytes

__all__ = ["ravel", "reshape", "reshape_blockwise"]


def reshape(
    x: Any,
    shape: Any,
    merge_chunks: bool = True,
    limit: int | str | None = None,
    *,
    copy: bool | None = None,
) -> Array:
    """The same elements in another shape, in C order; see `numpy.reshape`.

    Parameters
    ----------
    x
        An array.
    shape
        An int or several; one of them may be -1.
    merge_chunks
        False to cut axes that are joined into single elements, where they have several blocks,
        rather than to make those after them whole.
    limit
        Bytes of a block; those of the largest block of ``x`` by default.
    copy
        False is an error, as blocks may have to be put together.

    Raises
    ------
    ValueError
        The shape has another number of elements, or lengths are needed that are not known.

    Examples
    --------
    >>> import shoal.array as da
    >>> reshape(da.arange(6, chunks=3), (2, 3)).compute()
    array([[0, 1, 2],
           [3, 4, 5]])
    """
    if copy is False:
        raise ValueError("reshape cannot promise not to copy; leave copy= out")
    x = asanyarray(x)
    wanted = [shape] if isinstance(shape, int | float | np.number) else list(shape)
    if has_unknown(x.chunks):
        return _of_unknown(x, wanted)
    new = _resolved(x, wanted)
    if new == x.shape:
        return x  # type: ignore[no-any-return]
    if x.size == 0:
        chunks = normalize_chunks(new, new, dtype=x.dtype)
        return Array(Full(0, chunks, x._meta, "reshape"))
    x = without_empty(x)
    most = None if limit is None else max(parse_bytes(limit) // x.itemsize, 1)
    return Array(_reshaped(x._node, new, merge_chunks, most))


def reshape_of(
    self: Array,
    *shape: Any,
    merge_chunks: bool = True,
    limit: int | str | None = None,
) -> Array:
    """The same elements in another shape, in C order; see `shoal.array.reshape`.

    Parameters
    ----------
    self
        The array.
    *shape
        Ints, or one tuple of them.
    merge_chunks, limit
        As `shoal.array.reshape` takes them.

    Examples
    --------
    >>> import shoal.array as da
    >>> da.arange(6, chunks=3).reshape(3, -1).shape
    (3, 2)
    """
    if len(shape) == 1 and not isinstance(shape[0], int | float | np.number):
        (shape,) = shape
    return reshape(self, shape, merge_chunks, limit)


def ravel(array: Any) -> Array:
    """All elements in one axis, in C order; see `numpy.ravel`.

    Parameters
    ----------
    array
        An array.

    Examples
    --------
    >>> import shoal.array as da
    >>> ravel(da.ones((2, 3), chunks=1)).shape
    (6,)
    """
    return reshape(array, (-1,))


def _resolved(x: Array, wanted: list[Any]) -> tuple[int, ...]:
    """The new shape, with what -1 stands for."""
    lengths = [int(n) for n in wanted]
    if lengths.count(-1) > 1:
        raise ValueError(f"can only specify one unknown dimension, got {tuple(wanted)}")
    if -1 in lengths:
        known = math.prod(n for n in lengths if n != -1)
        missing = x.size // known if known else 0
        lengths[lengths.index(-1)] = missing
    if math.prod(lengths) != x.size or any(n < 0 for n in lengths):
        raise ValueError(
            f"total size of new array must be unchanged: an array of shape {x.shape} has {x.size} "
            f"elements and cannot be given shape {tuple(wanted)}"
        )
    return tuple(lengths)


def _reshaped(node: Any, shape: tuple[int, ...], merge: bool, limit: int | None) -> Any:
    """A node in another shape; see the top of the module."""
    groups = axis_groups(node.array_shape, shape)
    before = list(node.chunks)
    flat: list[AxisChunks] = []
    cut: list[AxisChunks] = []
    after: list[AxisChunks] = [(1,)] * len(shape)
    for old, new in groups:
        own = [node.chunks[axis] for axis in old]
        lengths = [shape[axis] for axis in new]
        if len(own) == len(lengths) == 1:
            runs, target = own[0], own[0]
            chunks = [own[0]]
        else:
            others = [max(blocks) for i, blocks in enumerate(node.chunks) if i not in old]
            most = None if limit is None else max(limit // math.prod(others), 1)
            for axis, blocks in zip(old, _into_runs(own, merge, most), strict=True):
                before[axis] = blocks
            runs = run_lengths([before[axis] for axis in old])
            fitting = _as_blocks(runs, lengths)
            chunks = fitting or _nearest(runs, lengths)
            target = runs if fitting else run_lengths(chunks)
        flat.append(runs)
        cut.append(target)
        for axis, blocks in zip(new, chunks, strict=True):
            after[axis] = blocks
    node = rechunk_node(node, tuple(before))
    if flat != cut:
        node = rechunk_node(ReshapeBlocks(node, tuple(flat)), tuple(cut))
    given = tuple(after)
    return node if node.chunks == given else ReshapeBlocks(node, given)


def _into_runs(own: Sequence[AxisChunks], merge: bool, most: int | None) -> list[AxisChunks]:
    """Chunks of a group's axes whose blocks are runs of the flat axis.

    >>> _into_runs([(2, 2), (2, 2)], True, None)
    [(1, 1, 1, 1), (4,)]
    """
    several = [i for i, blocks in enumerate(own) if len(blocks) > 1]
    last = several[-1] if several else 0
    lengths = [sum(blocks) for blocks in own]
    size = math.prod(map(max, own))
    single = all(max(blocks) == 1 for blocks in own[:last])
    if single and (most is None or size <= most):
        return list(own)
    if not merge:
        return [(1,) * n for n in lengths[:last]] + list(own[last:])
    most = most or size
    level, inner = _level(lengths, most)
    step = max(most // inner, 1)
    return [
        *[(1,) * n for n in lengths[:level]],
        _pieces(own[level], step),
        *[(n,) for n in lengths[level + 1 :]],
    ]


def _level(lengths: Sequence[int], most: int) -> tuple[int, int]:
    """The first axis of which a slice with the axes after it whole is not too large; and how many
    elements one index of it has."""
    for level in range(len(lengths)):
        inner = math.prod(lengths[level + 1 :])
        if inner <= most:
            return level, inner
    return len(lengths) - 1, 1


def _pieces(blocks: AxisChunks, step: int) -> AxisChunks:
    """Blocks cut into pieces that are not longer than a step; equal ones if it is longer.

    >>> _pieces((4, 3), 2), _pieces((2, 2, 2), 4)
    ((2, 2, 2, 1), (4, 2))
    """
    if step >= max(blocks):
        blocks = (sum(blocks),)
    out: list[int] = []
    for n in blocks:
        full, rest = divmod(n, step)
        out += [step] * full + ([rest] if rest else [])
    return tuple(out)


def _as_blocks(runs: AxisChunks, lengths: Sequence[int]) -> list[AxisChunks] | None:
    """The chunks of axes whose blocks are some runs of the flat axis; None where there are none.

    >>> (
    ...     _as_blocks((3, 3, 6), (4, 3)),
    ...     _as_blocks((2, 1, 2, 1), (2, 3)),
    ...     _as_blocks((4, 2), (2, 3)),
    ... )
    ([(1, 1, 2), (3,)], [(1, 1), (2, 1)], None)
    """
    ends = list(itertools.accumulate(runs))
    for level in range(len(lengths)):
        inner = math.prod(lengths[level + 1 :])
        if any(end % inner for end in ends):
            continue
        outer = math.prod(lengths[:level])
        count, rest = divmod(len(runs), outer)
        pattern = runs[:count]
        if rest == 0 and sum(pattern) == lengths[level] * inner and pattern * outer == runs:
            mine = tuple([n // inner for n in pattern])
            whole = [(n,) for n in lengths[level + 1 :]]
            return [*[(1,) * n for n in lengths[:level]], mine, *whole]
    return None


def _nearest(runs: AxisChunks, lengths: Sequence[int]) -> list[AxisChunks]:
    """Chunks of axes whose blocks are runs of about the sizes given."""
    most = max(runs)
    level, inner = _level(lengths, most)
    if level:
        mine = _pieces((lengths[level],), max(most // inner, 1))
    else:
        ends = [round(end / inner) for end in itertools.accumulate(runs)]
        bounds = sorted({0, *ends})
        mine = tuple([b - a for a, b in itertools.pairwise(bounds)])
    whole = [(n,) for n in lengths[level + 1 :]]
    return [*[(1,) * n for n in lengths[:level]], mine, *whole]


def _of_unknown(x: Array, wanted: list[Any]) -> Array:
    """Where the length of an axis is not known, it has to stay, or be joined in each block."""
    unknown = [i for i, n in enumerate(x.shape) if n != n]
    free = [i for i, n in enumerate(wanted) if n != n or n == -1]
    if len(unknown) == len(free) == 1:
        (axis,), (place,) = unknown, free
        chunks = x.chunks
        left = math.prod(x.shape[:axis]) == math.prod(wanted[:place])
        right = math.prod(x.shape[axis + 1 :]) == math.prod(wanted[place + 1 :])
        apart = len(x.shape[:axis]) <= 1 and len(wanted[:place]) <= 1
        single = all(len(blocks) == 1 for i, blocks in enumerate(chunks) if i != axis)
        if (
            left
            and right
            and (single or (apart and tuple(wanted[place + 1 :]) == x.shape[axis + 1 :]))
        ):
            given = [(int(n),) if i != place else chunks[axis] for i, n in enumerate(wanted)]
            if not single:
                given = list(chunks)
            return Array(ReshapeBlocks(x._node, tuple(given)))
        if single and place == len(wanted) - 1 == 0:
            return Array(ReshapeBlocks(x._node, ((np.nan,) * len(chunks[axis]),)))
    raise ValueError(
        f"Array chunk size or shape is unknown. shape: {x.shape}: it cannot be given shape "
        f"{tuple(wanted)}; call compute_chunk_sizes() on the array first"
    )


def reshape_blockwise(x: Array, shape: Any, chunks: Chunks | None = None) -> Array:
    """Reshape every block by itself; elements come block after block, not in C order.

    Parameters
    ----------
    x
        An array.
    shape
        Of the result.
    chunks
        Of the result, where axes are split: with as many blocks as ``x``, in C order, of as many
        elements each.

    Raises
    ------
    ValueError
        The chunks do not fit.

    Notes
    -----
    No elements move between blocks; with the same blocks ``reshape_blockwise`` undoes itself.

    Examples
    --------
    >>> import shoal.array as da
    >>> x = da.arange(8, chunks=8).reshape(2, 4).rechunk((2, 2))
    >>> reshape_blockwise(x, (8,)).compute()
    array([0, 1, 4, 5, 2, 3, 6, 7])
    """
    new = _resolved(x, list(shape) if not isinstance(shape, int) else [shape])
    if new == x.shape and chunks is None:
        return x
    if chunks is not None:
        given = normalize_chunks(chunks, new, dtype=x.dtype)
        if run_lengths(given) != run_lengths(x.chunks):
            raise ValueError(
                f"chunks {given} have other numbers of elements in their blocks than the array's "
                f"{x.chunks}; each block must keep its own"
            )
        return Array(ReshapeBlocks(x._node, given))
    x = without_empty(x)  # an axis of length 1 may have several blocks
    after: list[AxisChunks] = [(1,)] * len(new)
    for old, fresh in axis_groups(x.shape, new):
        if len(fresh) > 1:
            raise TypeError(
                "need to specify chunks if the number of axes grows: how blocks of shape "
                f"{x.shape} are split for {new} is not told; pass chunks="
            )
        after[fresh[0]] = run_lengths([x.chunks[axis] for axis in old])
    return Array(ReshapeBlocks(x._node, tuple(after)))
