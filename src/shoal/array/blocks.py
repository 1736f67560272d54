"""Functions of blocks whose axes have names, and bringing arrays to common blocks.

``blockwise(f, "ij", x, "ik", y, "kj")`` says for each argument which axis of it is which of the
result's: a label in both runs along, one that the result has not is given to the function whole, as
a list of blocks or as one.  It is what `map_blocks`, generalized ufuncs, tensor products and others
are written with.  Before it, arrays that share a label are cut alike (`unify_chunks`).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from shoal.array.chunks import Chunks, blocks_beside, common_blockdim
from shoal.array.chunktypes import is_valid_chunk_type
from shoal.array.collection import Array
from shoal.array.conversion import asanyarray
from shoal.array.meta import infer_dtype, infer_meta, meta_from_array
from shoal.array.nodes.blockwise import Blockwise, blocks_by_label, labelled
from shoal.array.rechunking import rechunk_node, warn_of_growth
from shoal.collection import finalized, is_collection
from shoal.duck import is_arraylike
from shoal.expr.annotate import current_annotations
from shoal.graph.layers import Each
from shoal.graph.naming import funcname
from shoal.graph.task import Parser, Ref

__all__ = ["blockwise", "unify_chunks"]


def unify_chunks(*args: Any, **kwargs: Any) -> tuple[dict[Any, Any], list[Any]]:
    """Bring arrays to blocks that fit each other along axes of one label.

    Parameters
    ----------
    *args
        Arrays and their labels in turn: ``x, "ij", y, "jk"``; labels None for what is no array.
    **kwargs
        ``warn`` is accepted.

    Returns
    -------
    chunks, arrays
        Blocks by label, and the arrays.

    Examples
    --------
    >>> import shoal.array as da
    >>> chunks, arrays = unify_chunks(da.ones(4, chunks=4), "i", da.ones(4, chunks=2), "i")
    >>> chunks, arrays[0].chunks
    ({'i': (2, 2)}, ((2, 2),))
    """
    pairs = list(zip(args[::2], args[1::2], strict=True))
    given = [(a if i is None else asanyarray(a), i) for a, i in pairs]
    blocks: dict[Any, list[Any]] = {}
    for a, labels in given:
        if labels is not None:
            if len(labels) != a.ndim:
                raise ValueError(
                    f"index {labels!r} names {len(labels)} axes, but the array has {a.ndim}, its "
                    f"shape is {a.shape}"
                )
            for label, own in zip(labels, a.chunks, strict=True):
                blocks.setdefault(label, []).append(own)
    common = {label: common_blockdim(own) for label, own in blocks.items()}
    arrays = []
    for a, labels in given:
        if labels is not None:
            pairs_of_axes = zip(labels, a.chunks, strict=True)
            chunks = tuple([blocks_beside(own, common[i]) for i, own in pairs_of_axes])
            a = Array(rechunk_node(a._node, chunks))
        arrays.append(a)
    warn_of_growth(
        [a.chunks for a, labels in given if labels is not None],
        [a.chunks for a, (_, labels) in zip(arrays, given, strict=True) if labels is not None],
    )
    return common, arrays


class _Inputs(Parser):
    """Collects the lazy things among arguments; what is left is a template."""

    __slots__ = ("inputs", "labels")

    def __init__(self) -> None:
        super().__init__(_resolve)
        self.inputs: list[Any] = []
        self.labels: list[Any] = []

    def add(self, item: Any, labels: tuple[int, ...] | None) -> Ref:
        """A new input."""
        self.inputs.append(item)
        self.labels.append(labels)
        return Ref(len(self.inputs) - 1)


def _resolve(item: Any, parser: Any) -> Any:
    if is_collection(item):
        return parser.add(finalized(item), None)
    return parser.other(item)


def blockwise(
    func: Callable[..., Any],
    out_ind: Sequence[Any],
    *args: Any,
    name: str | None = None,
    token: str | None = None,
    dtype: Any = None,
    adjust_chunks: Mapping[Any, Any] | None = None,
    new_axes: Mapping[Any, Any] | None = None,
    align_arrays: bool = True,
    concatenate: bool | None = None,
    meta: Any = None,
    **kwargs: Any,
) -> Array:
    """Apply a function to blocks, with axes named as in einsum.

    Parameters
    ----------
    func
        Called with a block of each array; with all blocks along a label that the result lacks.
    out_ind
        Labels of the result's axes.
    *args
        Arrays and their labels in turn; labels None for a value that is the same for all blocks.
        One left over at the end is ignored, with a warning.
    name
        Of the result.
    token
        What keys begin with.
    dtype, meta
        Of the result, where they cannot be found out with metas.
    adjust_chunks
        By label the lengths of blocks that ``func`` changes: a number, a tuple, or a function.
    new_axes
        By label the length (or lengths of blocks) of axes that no array has.
    align_arrays
        False to take blocks as they are; then there must be as many along each label.
    concatenate
        True for one array in place of contracted blocks; else they come as lists.
    **kwargs
        The function's; lazy values in them are computed.

    Examples
    --------
    >>> import shoal.array as da
    >>> x = da.arange(4, chunks=2)
    >>> blockwise(np.add.outer, "ij", x, "i", x, "j", dtype=x.dtype).shape
    (4, 4)
    """
    return blockwise_told(
        func,
        out_ind,
        args,
        kwargs,
        caller="blockwise",
        name=name,
        title=token,
        dtype=dtype,
        adjust_chunks=adjust_chunks or {},
        new_axes=new_axes or {},
        align_arrays=align_arrays,
        concatenate=concatenate,
        meta=meta,
    )


Tell: TypeAlias = Callable[[Sequence[Any], Chunks, Any], Sequence[Any]]
"""From the arrays, and chunks and dtype of the result, to a value for each block of it."""


def blockwise_told(
    func: Callable[..., Any],
    out_ind: Sequence[Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    *,
    caller: str,
    name: str | None = None,
    title: str | None = None,
    dtype: Any = None,
    adjust_chunks: Mapping[Any, Any],
    new_axes: Mapping[Any, Any],
    align_arrays: bool = True,
    concatenate: bool | None = None,
    meta: Any = None,
    told: Mapping[str, Tell] | None = None,
) -> Array:
    """`blockwise`, with keyword arguments that are another value for each block (``told``)."""
    args = _in_pairs(args, caller)
    pairs = list(zip(args[::2], args[1::2], strict=True))
    if align_arrays:
        _, arrays = unify_chunks(*args)
    else:
        arrays = [a if i is None else asanyarray(a) for a, i in pairs]
        _check_counts(arrays, [labels for _, labels in pairs])
    known: dict[Any, int] = {}
    out = labelled(out_ind, known)
    found = _Inputs()
    call = [
        found.parse(a) if labels is None else found.add(a._node, labelled(labels, known))
        for a, (_, labels) in zip(arrays, pairs, strict=True)
    ]
    named = {key: found.parse(value) for key, value in kwargs.items()}
    changed = _changed_axes(found, out, known, adjust_chunks, new_axes)
    told_values = _told(told or {}, arrays, changed, found, out, dtype)
    if meta is None:
        first = {key: values[0] for key, values in told_values.items() if len(values)}
        meta = _infer(func, call, {**named, **first}, found, len(out), dtype, caller)
    for key, values in told_values.items():
        named[key] = found.add(Each(values), None)
    node = Blockwise(
        func,
        out,
        tuple(found.inputs),
        tuple(found.labels),
        tuple(call),
        tuple(named.items()),
        tuple(changed.items()),
        concatenate,
        meta_from_array(meta, len(out), dtype),
        title or funcname(func),
        name=name,
        annotations=current_annotations(),
    )
    return Array(node)


def _in_pairs(args: Sequence[Any], caller: str) -> Sequence[Any]:
    """Arguments without one that is left over, of which nothing says what it is."""
    if not len(args) % 2:
        return args
    warnings.warn(
        f"{caller} takes arrays and their labels in turn; the last of {len(args)} arguments, "
        f"{args[-1]!r}, has no labels and is ignored. Give None as its labels to pass it on",
        UserWarning,
        stacklevel=4,
    )
    return args[:-1]


def _check_counts(arrays: Sequence[Any], labels: Sequence[Any]) -> None:
    """Arrays that are taken as they are must have as many blocks along a label, or one."""
    counts: dict[Any, set[int]] = {}
    for array, own in zip(arrays, labels, strict=True):
        for label, blocks in zip(own or (), array.chunks if own else (), strict=True):
            counts.setdefault(label, set()).add(len(blocks))
    for label, found in counts.items():
        if len(found - {1}) > 1:
            raise ValueError(
                f"arrays have different numbers of blocks along the axis {label!r}: "
                f"{sorted(found)}; rechunk them to the same blocks"
            )


def _told(
    told: Mapping[str, Tell],
    arrays: Sequence[Any],
    changed: Mapping[int, Any],
    found: _Inputs,
    out: tuple[int, ...],
    dtype: Any,
) -> dict[str, Sequence[Any]]:
    if not told:
        return {}
    chunks = {**blocks_by_label(found.inputs, found.labels), **changed}
    grid = tuple([chunks[label] for label in out])
    return {key: tell(arrays, grid, dtype) for key, tell in told.items()}


def _changed_axes(
    found: _Inputs,
    out: tuple[int, ...],
    known: Any,
    adjust: Mapping[Any, Any],
    new: Mapping[Any, Any],
) -> dict[int, tuple[int, ...]]:
    """The blocks of axes that no input has, or that the function changes."""
    changed: dict[int, tuple[int, ...]] = {}
    for label, size in new.items():
        changed[known[label]] = tuple(size) if isinstance(size, tuple | list) else (size,)
    have = blocks_by_label(found.inputs, found.labels)
    for number in out:
        if number not in changed and number not in have:
            label = next(name for name, i in known.items() if i == number)
            raise ValueError(
                f"no array has the axis {label!r} of the result; say it with new_axes="
            )
    for label, how in adjust.items():
        number = known[label]
        before = have.get(number) or changed.get(number, ())
        changed[number] = _adjusted(how, before, label)
    return changed


def _adjusted(how: Any, before: tuple[int, ...], label: Any) -> tuple[int, ...]:
    if callable(how):
        return tuple([how(n) for n in before])
    if isinstance(how, tuple | list):
        if len(how) != len(before):
            raise ValueError(
                f"adjust_chunks gives {len(how)} blocks for the axis {label!r}, which has "
                f"{len(before)}"
            )
        return tuple(how)
    return (how,) * len(before)


def _infer(
    func: Any,
    call: Sequence[Any],
    named: Mapping[str, Any],
    found: _Inputs,
    ndim: int,
    dtype: Any,
    caller: str,
) -> Any:
    """What the function makes of metas; where it fails, the dtype it makes of ones."""
    if any(labels is None for labels in found.labels):
        if dtype is None:
            raise ValueError(
                f"`dtype` inference failed in `{caller}`: {funcname(func)} has delayed arguments, "
                "whose values are not known yet. Say what it returns with dtype= or meta="
            )
        return None
    args = [found.inputs[a.position].meta if isinstance(a, Ref) else a for a in call]
    meta = infer_meta(func, args, named)
    if is_arraylike(meta) or is_valid_chunk_type(type(meta)):
        return meta
    if dtype is not None:
        return None
    return np.empty((0,) * ndim, infer_dtype(func, args, named, caller, "dtype= or meta="))
