"""``map_blocks``: a function of each block, which may be told where in the array the block is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from shoal.array.blocks import Tell, blockwise_told
from shoal.array.chunks import Chunks, shape_of
from shoal.array.collection import Array
from shoal.array.grid import block_indices, starts_of
from shoal.array.reductions.engine import normalize_axes
from shoal.graph.functions import has_keyword
from shoal.graph.layers import unravel
from shoal.graph.naming import funcname
from shoal.seams import stands_for_dask

__all__ = ["map_blocks"]


def map_blocks(
    func: Callable[..., Any],
    *args: Any,
    name: str | None = None,
    token: str | None = None,
    dtype: Any = None,
    chunks: Any = None,
    drop_axis: Any = None,
    new_axis: Any = None,
    enforce_ndim: bool = False,
    meta: Any = None,
    **kwargs: Any,
) -> Array:
    """Apply a function to every block, with blocks of several arrays matched as in broadcasting.

    Parameters
    ----------
    func
        Called with a block of each array.  With a parameter ``block_id`` it is told the block's
        index, with ``block_info`` a dict: by position of an array, and None for the result, where
        in it the block is.
    *args
        Arrays, and values that are the same for all blocks.  Blocks are matched by their place,
        whatever their lengths; an array with one block along an axis has it used for all.
    name
        Of the result.
    token
        What keys begin with.
    dtype, meta
        Of the result, where they cannot be found out with metas.
    chunks
        Lengths of the result's blocks, where they differ from the arrays'.
    drop_axis, new_axis
        Axes that the function removes, and then adds: an int or several.
    enforce_ndim
        Whether to check at run time how many axes the function's results have.
    **kwargs
        The function's; lazy values in them are computed.

    Raises
    ------
    TypeError
        ``func`` is not callable.
    ValueError
        When computed: ``func`` returned another shape than was promised for the block.

    Examples
    --------
    >>> import shoal.array as da
    >>> map_blocks(lambda x: x[::-1], da.arange(4, chunks=2)).compute()
    array([1, 0, 3, 2])
    """
    if not callable(func):
        raise TypeError(f"map_blocks takes a function first, got {type(func).__name__}: {func!r}")
    arrays = [arg for arg in args if isinstance(arg, Array)]
    ndim = max((a.ndim for a in arrays), default=0)
    pairs: list[Any] = []
    for arg in args:
        pairs += [arg, tuple(range(ndim - arg.ndim, ndim)) if isinstance(arg, Array) else None]
    if arrays and isinstance(chunks, tuple) and new_axis is None and drop_axis is None:
        # More axes than the arrays have: the function has put them in front.
        new_axis = list(range(len(chunks) - ndim)) or None
    if not arrays and chunks is not None:
        ndim = len(chunks)
        out, fresh = list(range(ndim)), dict(enumerate(chunks))
        adjust: dict[int, Any] = {}
    else:
        out, fresh = _output_axes(ndim, drop_axis, new_axis)
        adjust = _stated(chunks, out, fresh)
    told: dict[str, Tell] = {}
    if has_keyword(func, "block_id"):
        told["block_id"] = _ids
    if has_keyword(func, "block_info"):
        told["block_info"] = partial(_Infos, labels=pairs[1::2], out=out)
    result = blockwise_told(
        func,
        out,
        pairs,
        kwargs,
        caller="map_blocks",
        name=name,
        title=token,
        dtype=dtype,
        adjust_chunks=adjust,
        new_axes=fresh,
        align_arrays=False,
        concatenate=True,
        meta=meta,
        told=told,
    )
    # After what it gives has been found out, which may be with other axes than it has then.
    checked: Any = EnforcedNdim(func, len(out)) if enforce_ndim else func
    told_lengths = dict(result._node.new_axes)
    lengths = tuple([told_lengths.get(label) for label in result._node.out])
    places = tuple([_places_of(label, pairs[1::2]) for label in out])
    if not stands_for_dask():
        # Dask's does not look, and libraries promise what does not hold (XGBoost, of predictions
        # with more than two axes).
        checked = Promised(checked, lengths, places)
    node = result._node.replace(func=checked)
    if name is not None:
        node = type(node)(*node.operands, name=name, annotations=node.annotations)
    return Array(node)


def _places_of(label: int, labels: Sequence[Any]) -> tuple[tuple[int, int], ...]:
    """The arguments and their axes that have a label."""
    return tuple([(i, own.index(label)) for i, own in enumerate(labels) if own and label in own])


def _output_axes(ndim: int, drop: Any, new: Any) -> tuple[list[int], dict[int, Any]]:
    """Labels of the result's axes, and the axes that no array has."""
    gone = () if drop is None else normalize_axes(drop, ndim)
    out = [i for i in range(ndim) if i not in gone]
    given = [] if new is None else np.atleast_1d(new).tolist()
    fresh = {}
    for i, axis in enumerate(normalize_axes(given, len(out) + len(given))):
        out.insert(axis, ndim + i)
        fresh[ndim + i] = 1
    return out, fresh


def _stated(chunks: Any, out: Sequence[int], fresh: dict[int, Any]) -> dict[int, Any]:
    """The lengths of blocks that the caller states; those of new axes are put into ``fresh``."""
    if chunks is None:
        return {}
    if isinstance(chunks, int | np.integer):
        chunks = (chunks,) * len(out)
    if len(chunks) != len(out):
        raise ValueError(
            f"chunks= of map_blocks has entries for {len(chunks)} axes, but the result has "
            f"{len(out)}: {chunks!r}"
        )
    adjust: dict[int, Any] = {}
    for label, entry in zip(out, chunks, strict=True):
        if label in fresh:
            fresh[label] = entry
        elif entry is not None:
            adjust[label] = entry
    return adjust


def _ids(arrays: Sequence[Any], chunks: Chunks, dtype: Any) -> Sequence[Any]:
    return block_indices(chunks)


class _Infos(Sequence[Any]):
    """For each block of the result where it is in the arrays and in the result.

    Parameters
    ----------
    arrays
        The positional arguments.
    chunks, dtype
        Of the result.
    labels
        For each argument its axes' labels, None where it is no array.
    out
        The result's.
    """

    def __init__(
        self,
        arrays: Sequence[Any],
        chunks: Chunks,
        dtype: Any,
        labels: Sequence[Any],
        out: Sequence[int],
    ) -> None:
        self.chunks = chunks
        self.dtype = dtype
        self.inputs = []
        for i, (array, own) in enumerate(zip(arrays, labels, strict=True)):
            if own is not None:
                places = [out.index(label) if label in out else None for label in own]
                # Along an axis that goes, the function gets all blocks as one.
                merged = [
                    blocks if place is not None else (sum(blocks),)
                    for blocks, place in zip(array.chunks, places, strict=True)
                ]
                self.inputs.append((i, tuple(merged), places))

    def __len__(self) -> int:
        return len(block_indices(self.chunks))

    def __getitem__(self, block: Any) -> Any:
        index = unravel(block, tuple(map(len, self.chunks)))
        info: dict[Any, Any] = {}
        for i, chunks, places in self.inputs:
            own = [
                0 if place is None else min(index[place], len(blocks) - 1)
                for place, blocks in zip(places, chunks, strict=True)
            ]
            info[i] = _place(chunks, own)
        out = _place(self.chunks, index)
        out["chunk-shape"] = tuple([c[k] for c, k in zip(self.chunks, index, strict=True)])
        info[None] = out | {"dtype": self.dtype}
        return info

    def __iter__(self) -> Iterator[Any]:
        return map(self.__getitem__, range(len(self)))

    def __shoal_tokenize__(self) -> Any:
        return "block_info", self.chunks, self.dtype, self.inputs


def _place(chunks: Chunks, index: Sequence[int]) -> dict[str, Any]:
    starts = [starts_of(blocks) for blocks in chunks]
    spans = [
        (begin[k], begin[k] + blocks[k])
        for begin, blocks, k in zip(starts, chunks, index, strict=False)
    ]
    return {
        "shape": shape_of(chunks),
        "num-chunks": tuple(map(len, chunks)),
        "array-location": spans,
        "chunk-location": tuple(index),
    }


class Promised:
    """A function whose results must have the lengths that were promised for its block.

    Axes of length 1 may be missing, or be more.

    Parameters
    ----------
    func
        The function.
    lengths
        For each axis of the result the lengths of its blocks, where they are told; else None, for
        as long as the arguments' blocks.
    places
        For each axis ``(argument, axis)`` pairs: whose axes it is.

    Raises
    ------
    ValueError
        The function returned another shape.

    Examples
    --------
    >>> double = Promised(np.repeat, (None,), (((0, 0),),))
    >>> double(np.ones(2), 1)
    array([1., 1.])
    >>> double(np.ones(2), 2)
    Traceback (most recent call last):
    ...
    ValueError: repeat returned a block of shape (4,), where (2,) was promised; say with chunks=,
    drop_axis= and new_axis= of map_blocks what shape it gives
    """

    def __init__(self, func: Callable[..., Any], lengths: Any, places: Any) -> None:
        self.func = func
        self.lengths = lengths
        self.places = places

    @property
    def __name__(self) -> str:
        return str(funcname(self.func))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        out = self.func(*args, **kwargs)
        shape = getattr(out, "shape", None)
        if type(shape) is tuple:
            wanted = [self._wanted(i, args) for i in range(len(self.lengths))]
            if not _fits(shape, wanted):
                shown = ", ".join("any" if n is None else str(n) for n in wanted)
                raise ValueError(
                    f"{self.__name__} returned a block of shape {shape}, where ({shown}"
                    f"{',' * (len(wanted) == 1)}) was promised; say with chunks=, drop_axis= and "
                    "new_axis= of map_blocks what shape it gives"
                )
        return out

    def _wanted(self, axis: int, args: Sequence[Any]) -> int | None:
        """The length of an axis for these arguments; None where it may be any."""
        told = self.lengths[axis]
        if told is not None:
            # Which of several it is, only the block's place would tell; 0 and nan promise nothing.
            return told[0] if len(set(told)) == 1 and told[0] > 0 else None
        shapes = [getattr(args[i], "shape", ()) for i, _ in self.places[axis]]
        found = {s[k] for s, (_, k) in zip(shapes, self.places[axis], strict=True) if len(s) > k}
        found = found if len(found) == 1 else found - {1}
        return found.pop() if len(found) == 1 else None

    def __shoal_tokenize__(self) -> Any:
        return "promised", self.func, self.lengths, self.places

    def __reduce__(self) -> tuple[Any, ...]:
        return Promised, (self.func, self.lengths, self.places)


def _fits(shape: tuple[int, ...], wanted: list[int | None]) -> bool:
    """Whether a shape is the one that is wanted, but for axes of length 1.

    >>> _fits((1, 3), [3]), _fits((2,), [3]), _fits((7, 2), [None, 2])
    (True, False, True)
    """
    if len(shape) == len(wanted):
        return all(m is None or n == m for n, m in zip(shape, wanted, strict=True))
    if None in wanted:
        return True
    return [n for n in shape if n != 1] == [m for m in wanted if m != 1]


class EnforcedNdim:
    """A function whose results must have some number of axes.

    Parameters
    ----------
    func
        The function.
    ndim
        How many.

    Examples
    --------
    >>> EnforcedNdim(np.atleast_1d, 1)(5)
    array([5])
    """

    def __init__(self, func: Callable[..., Any], ndim: int) -> None:
        self.func = func
        self.ndim = ndim

    @property
    def __name__(self) -> str:
        return str(getattr(self.func, "__name__", "map_blocks"))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        out = self.func(*args, **kwargs)
        if getattr(out, "ndim", 0) != self.ndim:
            raise ValueError(
                f"Dimension mismatch: expected output of {self.__name__} to have dims = "
                f"{self.ndim}. Got {getattr(out, 'ndim', 0)} instead; say with drop_axis= and "
                "new_axis= of map_blocks what it does"
            )
        return out

    def __shoal_tokenize__(self) -> Any:
        return "enforced", self.func, self.ndim


def map_blocks_of(self: Array, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Array:
    """Apply a function to every block; see `shoal.array.map_blocks`."""
    return map_blocks(func, self, *args, **kwargs)
