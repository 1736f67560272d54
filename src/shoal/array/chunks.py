"""Chunks: how an array's axes are cut into blocks.

Chunks are a tuple with a tuple for each axis, the lengths of its blocks in order; nan for a block
whose length is not known before it is computed.  Here every way in which people write them becomes
that form, and the chunks of several arrays are brought together.  Nothing here knows of arrays.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral, Number
from typing import Any, TypeAlias

import numpy as np

from shoal import config
from shoal.array.chunks_auto import auto_chunks
from shoal.units import parse_bytes

__all__ = [
    "Chunks",
    "blockdims_from_blockshape",
    "broadcast_chunks",
    "blocks_beside",
    "common_blockdim",
    "has_unknown",
    "normalize_chunks",
    "shape_of",
    "slices_from_chunks",
]

AxisChunks: TypeAlias = "tuple[int, ...]"
"""Lengths of the blocks along one axis; nan where unknown."""

Chunks: TypeAlias = "tuple[AxisChunks, ...]"


def shape_of(chunks: Chunks) -> tuple[int, ...]:
    """The shape of an array with these chunks; nan along an axis with an unknown length.

    Parameters
    ----------
    chunks
        Normalized.

    Examples
    --------
    >>> shape_of(((2, 3), (4,)))
    (5, 4)
    """
    return tuple([sum(axis) if axis else 0 for axis in chunks])


def slices_from_chunks(chunks: Chunks) -> list[tuple[slice, ...]]:
    """Where each block is in the whole array.

    Parameters
    ----------
    chunks
        Normalized, with known lengths.

    Returns
    -------
    list
        A tuple of slices for each block, in C order.

    Examples
    --------
    >>> slices_from_chunks(((2, 3), (4,)))
    [(slice(0, 2, None), slice(0, 4, None)), (slice(2, 5, None), slice(0, 4, None))]
    """
    ends = [[0, *itertools.accumulate(axis)] for axis in chunks]
    return list(itertools.product(*[[slice(*ab) for ab in itertools.pairwise(e)] for e in ends]))


def has_unknown(chunks: Iterable[Sequence[float]]) -> bool:
    """Whether the length of any block is not known.

    Parameters
    ----------
    chunks
        Of all axes.

    Examples
    --------
    >>> has_unknown(((2, 3),)), has_unknown(((float("nan"),),))
    (False, True)
    """
    return any(length != length for axis in chunks for length in axis)


def normalize_chunks(
    chunks: Any,
    shape: Any = None,
    limit: int | str | None = None,
    dtype: Any = None,
    previous_chunks: Any = None,
) -> Chunks:
    """Chunks as a tuple of tuples, however they were written.

    Parameters
    ----------
    chunks
        One entry for all axes, or a sequence (or a dict by axis) with an entry for each: the
        length of a block; the lengths of all blocks; -1 or None for the whole axis; ``"auto"``,
        or a size such as ``"32 MiB"``, for blocks of about that many bytes.
    shape
        Of the array; may be left out where ``chunks`` tells it.
    limit
        Bytes that automatic blocks take at most; by default the setting ``array.chunk-size``.
    dtype
        Of the array; needed for automatic chunks.
    previous_chunks
        Chunks that automatic ones should be multiples of.

    Returns
    -------
    tuple of tuples of int

    Raises
    ------
    ValueError
        The chunks do not fit the shape, or are negative.
    NotImplementedError
        Automatic chunks of objects, whose size is not known.

    Examples
    --------
    >>> normalize_chunks(2, shape=(5, 4))
    ((2, 2, 1), (2, 2))
    >>> normalize_chunks(("auto", -1), shape=(20, 10), limit=100, dtype="uint8")
    ((10, 10), (10,))
    >>> normalize_chunks({0: 3}, shape=(5, 5))
    ((3, 2), (5,))
    """
    if chunks is None:
        raise ValueError(
            "chunks is None; give the length of a block for each axis, -1 for whole axes or 'auto'"
        )
    if dtype is not None and not isinstance(dtype, np.dtype):
        dtype = np.dtype(dtype)
    lengths = None if shape is None else _lengths(shape)
    entries = _entries(chunks, lengths)
    entries, limit = _limit_of(entries, limit)
    if lengths is None:
        if any(not _is_explicit(entry) for entry in entries):
            raise ValueError(
                f"chunks {chunks!r} do not tell the shape of the array; pass shape= as well"
            )
        lengths = tuple([sum(entry) for entry in entries])
    entries = [
        _whole(length) if _is_whole(entry) else entry
        for entry, length in zip(entries, lengths, strict=True)
    ]
    if any(isinstance(entry, str) for entry in entries):
        size = config.get("array.chunk-size") if limit is None else limit
        entries = auto_chunks(
            entries,
            lengths,
            parse_bytes(size),
            dtype,
            previous_chunks,
            config.get("array.chunk-size-tolerance"),
        )
    done = tuple([_axis(e, n, chunks) for e, n in zip(entries, lengths, strict=True)])
    _check(done, lengths, chunks)
    return done


def _lengths(shape: Any) -> tuple[Any, ...]:
    if isinstance(shape, Number | np.number):
        shape = (shape,)
    return tuple([n if n != n else int(n) for n in shape])


def _is_explicit(entry: Any) -> bool:
    return isinstance(entry, tuple)


def _is_whole(entry: Any) -> bool:
    return entry is None or (isinstance(entry, Integral) and entry == -1)


def _whole(length: Any) -> tuple[Any, ...]:
    return (length,)


def _entries(chunks: Any, shape: tuple[Any, ...] | None) -> list[Any]:
    """An entry for each axis."""
    if isinstance(chunks, np.ndarray):
        chunks = chunks.tolist()
    if isinstance(chunks, str | Number):
        return [chunks] * (1 if shape is None else len(shape))
    if isinstance(chunks, Mapping):
        if shape is None:
            raise ValueError(f"chunks as a dict {chunks!r} need a shape; pass shape= as well")
        return _entries([chunks.get(axis) for axis in range(len(shape))], shape)
    entries = [_entry(entry) for entry in chunks]
    if shape is None:
        if entries and not any(isinstance(entry, tuple | str) for entry in entries):
            return [tuple(entries)]
        return entries
    if not entries and shape:
        if all(n == 0 for n in shape):
            return [(0,)] * len(shape)
        raise ValueError(f"chunks () are for an array without axes, but the shape is {shape}")
    if len(shape) == 1 and len(entries) > 1 and all(isinstance(e, Number) for e in entries):
        return [tuple(entries)]
    if not shape and all(e == 1 or e == (1,) for e in entries):
        return []
    if len(entries) != len(shape):
        raise ValueError(
            f"chunks {chunks!r} are for {len(entries)} axes, but the array has {len(shape)}, its "
            f"shape is {shape}; give one entry for each axis"
        )
    return entries


def _entry(entry: Any) -> Any:
    if isinstance(entry, list | np.ndarray):
        return tuple(entry)
    if isinstance(entry, tuple) and len(entry) == 1 and _is_whole(entry[0]):
        return -1
    return entry


def _limit_of(entries: list[Any], limit: Any) -> tuple[list[Any], Any]:
    """Sizes such as "32 MiB" become "auto" and a limit."""
    sizes = {entry for entry in entries if isinstance(entry, str) and entry != "auto"}
    if not sizes:
        return entries, limit
    if len({parse_bytes(size) for size in sizes}) > 1:
        raise ValueError(f"chunks have different sizes in bytes, {sorted(sizes)}; use one for all")
    given = parse_bytes(sizes.pop())
    if limit is not None and parse_bytes(limit) != given:
        raise ValueError(f"chunks of {given} bytes and limit={limit!r} contradict; give only one")
    return ["auto" if isinstance(entry, str) else entry for entry in entries], given


def _axis(entry: Any, length: Any, chunks: Any) -> tuple[Any, ...]:
    """The blocks of one axis."""
    if isinstance(entry, tuple):
        return tuple([n if n != n else int(n) for n in entry])
    if entry != entry:
        raise ValueError(f"a block of unknown length (nan) in chunks {chunks!r}; write ((nan,),)")
    if isinstance(entry, Number) and not isinstance(entry, complex):
        return split_axis(length, int(entry), chunks)  # type: ignore[call-overload]
    raise TypeError(f"an entry of chunks must be a number, a tuple, 'auto' or None, got {entry!r}")


def split_axis(length: Any, step: int, chunks: Any) -> tuple[Any, ...]:
    """An axis cut into blocks of one length, the last one shorter.

    >>> split_axis(5, 2, 2)
    (2, 2, 1)
    """
    if length != length:
        raise ValueError(
            f"the length of an axis is unknown (nan), so it cannot be cut as chunks={chunks!r} "
            "say; give the lengths of all blocks, or call compute_chunk_sizes() on the array first"
        )
    if step <= 0:
        if length == 0 and step == 0:
            return (0,)
        raise ValueError(f"a block must have a length of at least 1, got {step} in {chunks!r}")
    if length == 0:
        return (0,)
    whole, rest = divmod(int(length), step)
    return (step,) * whole + ((rest,) if rest else ())


def _check(done: Chunks, shape: tuple[Any, ...], chunks: Any) -> None:
    for axis, (blocks, length) in enumerate(zip(done, shape, strict=True)):
        if any(n < 0 for n in blocks):
            raise ValueError(f"blocks cannot have a negative length, got chunks {chunks!r}")
        total = sum(blocks)
        if total == total and length == length and total != length:
            raise ValueError(
                f"chunks do not add up to the shape: axis {axis} has length {length}, and the "
                f"blocks {_shown(blocks)} sum to {total}"
            )


def _shown(blocks: Sequence[Any]) -> str:
    return str(blocks) if len(blocks) <= 10 else f"({str(blocks[:10])[1:-1]}, ...)"


def blockdims_from_blockshape(shape: Any, chunks: Any) -> Chunks:
    """Chunks of blocks that all have one shape.

    Parameters
    ----------
    shape
        Of the array.
    chunks
        The length of a block along each axis.

    Raises
    ------
    TypeError
        One of them is None.

    Examples
    --------
    >>> blockdims_from_blockshape((10, 10), (4, 3))
    ((4, 4, 2), (3, 3, 3, 1))
    """
    if chunks is None or shape is None:
        raise TypeError(f"both a shape and a block shape are needed, got {shape!r} and {chunks!r}")
    pairs = zip(shape, chunks, strict=True)
    return tuple([split_axis(int(n), int(step), chunks) for n, step in pairs])


def common_blockdim(blockdims: Iterable[Sequence[int]]) -> AxisChunks:
    """The coarsest blocks of an axis that are parts of the blocks of every array.

    An axis of length 1 is broadcast and has no say.

    Parameters
    ----------
    blockdims
        For each array the blocks of its axis.

    Raises
    ------
    ValueError
        The lengths differ; or some are unknown, and the arrays have different numbers of blocks.

    Examples
    --------
    >>> common_blockdim([(5, 5), (2, 3, 5)])
    (2, 3, 5)
    """
    given = [tuple(axis) for axis in blockdims]
    if not given:
        return ()
    longer = [axis for axis in given if sum(axis) != 1]
    choices = list(dict.fromkeys(longer or [axis for axis in given if len(axis) > 1]))
    if not choices:
        return max(given, key=len)
    if len(choices) == 1:
        return choices[0]
    if has_unknown(choices):
        return _common_unknown(choices)
    totals = {sum(axis) for axis in choices}
    if len(totals) > 1:
        raise ValueError(
            f"arrays have different lengths along one axis: {sorted(totals)}; they can be used "
            "together only where lengths are equal or 1"
        )
    cuts = sorted({cut for axis in choices for cut in itertools.accumulate(axis)})
    return tuple([b - a for a, b in itertools.pairwise([0, *cuts])]) or (0,)


def blocks_beside(own: AxisChunks, common: AxisChunks) -> AxisChunks:
    """How an axis is to be cut, to go with others whose blocks are ``common``.

    Parameters
    ----------
    own
        Its blocks.
    common
        From `common_blockdim`.

    Examples
    --------
    >>> blocks_beside((6,), (2, 4)), blocks_beside((1,), (2, 4)), blocks_beside((0, 1), (2, 4))
    ((2, 4), (1,), (1,))
    """
    return (1,) if sum(own) == 1 != sum(common) else common


def _common_unknown(choices: list[AxisChunks]) -> AxisChunks:
    """Blocks of unknown length fit those of another array when there are as many."""
    if len({len(axis) for axis in choices}) > 1:
        raise ValueError(
            f"arrays whose block lengths are unknown (nan) have {[len(c) for c in choices]} blocks "
            "along one axis, so their blocks cannot be matched; call compute_chunk_sizes() on "
            "them, or rechunk them to one block along that axis"
        )
    known = [axis for axis in choices if not has_unknown((axis,))]
    if len(known) > 1:
        raise ValueError(
            f"the blocks of the other arrays, {known[0]} and {known[1]}, differ, and cannot be "
            "matched with blocks of unknown length (nan); call compute_chunk_sizes() first"
        )
    return known[0] if known else choices[0]


def broadcast_chunks(*chunkss: Chunks) -> Chunks:
    """The chunks of several arrays, broadcast against each other.

    Parameters
    ----------
    *chunkss
        Chunks of each array; where axes are longer than 1 they must be equal.

    Raises
    ------
    ValueError
        They are not.

    Examples
    --------
    >>> broadcast_chunks(((10, 10), (5, 5)), ((5, 5),))
    ((10, 10), (5, 5))
    """
    out = []
    for axes in itertools.zip_longest(*map(reversed, chunkss), fillvalue=(1,)):
        real = [tuple(axis) for axis in axes if tuple(axis) != (1,)]
        # By text: nan is not equal to itself.
        if len({str(axis) for axis in real}) > 1:
            raise ValueError(f"chunks cannot be broadcast, they differ along one axis: {real}")
        out.append(real[0] if real else (1,))
    return tuple(reversed(out))


def regular(blocks: Sequence[float]) -> bool:
    """Whether blocks of an axis are equal, but for a last one that may be shorter.

    >>> regular((3, 3, 1)), regular((3, 1, 3))
    (True, False)
    """
    return len(blocks) < 2 or (len(set(blocks[:-1])) == 1 and blocks[-1] <= blocks[0])
