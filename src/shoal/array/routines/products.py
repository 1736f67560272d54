"""Products that are summed over axes: dot, matmul, tensordot, einsum, and all that is like them.

A task sums over the blocks of a contracted axis as it goes, so no product of two blocks is kept;
where that would be too much for a task, or leave workers idle, the products are partial results of
a tree instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from shoal import config
from shoal.array.blocks import blockwise, unify_chunks
from shoal.array.collection import Array
from shoal.array.conversion import asanyarray
from shoal.array.kernels.contract import Accumulate, Kept, tensordot_block
from shoal.array.meta import infer_meta, meta_from_array
from shoal.array.rechunking import ravel
from shoal.array.reductions.engine import reduction
from shoal.units import parse_bytes

__all__ = ["contract", "dot", "einsum", "matmul", "outer", "tensordot", "vdot"]

ONE_TASK = 8
"""So many blocks along contracted axes are summed within one task."""

MANY_TASKS = 16
"""Blocks of a result that are work enough for all workers."""


def contract(
    func: Callable[..., Any],
    out: Sequence[Any],
    pairs: Sequence[Any],
    dtype: Any,
    op: Any = np.add,
    name: str | None = None,
    split_every: Any = None,
) -> Array:
    """A function of blocks, summed over the axes that the result lacks.

    Parameters
    ----------
    func
        ``func(*blocks)``, linear in the blocks along contracted axes.
    out
        Labels of the result's axes.
    pairs
        Arrays and their labels in turn.
    dtype
        Of the result.
    op
        What adds: a ufunc.
    name
        What keys begin with.
    split_every
        How many products a task adds, where there are many.

    Examples
    --------
    >>> import shoal.array as da
    >>> x = da.ones((4, 4), chunks=2)
    >>> contract(np.matmul, "ik", [x, "ij", x, "jk"], x.dtype).sum().compute()
    np.float64(64.0)
    """
    labels = [tuple(own) for own in pairs[1::2]]
    chunks, arrays = _small_enough(*unify_chunks(*pairs), labels, out, np.dtype(dtype).itemsize)
    gone = list(dict.fromkeys(i for own in labels for i in own if i not in out))
    count = math.prod(len(chunks[i]) for i in gone)
    metas = [a._meta for a in arrays]
    kind = infer_meta(func, metas)
    meta = meta_from_array(kind if hasattr(kind, "dtype") else metas[0], len(out), dtype)
    flat = [item for a, own in zip(arrays, labels, strict=True) for item in (a, own)]
    if count <= (split_every or ONE_TASK) or (not split_every and _sums_alone(arrays, labels, out)):
        places = tuple([tuple([gone.index(i) for i in own if i in gone]) for own in labels])
        along = tuple([own.index(gone[0]) for own in labels if gone[0] in own]) if gone else ()
        # Blocks are put together where that is the same sum, and every operand has the axis.
        is_one = len(gone) == 1 and op is np.add and len(along) == len(arrays)
        call = Accumulate(func, places, op, along if is_one else None) if gone else func
        return blockwise(call, tuple(out), *flat, token=name, concatenate=False, meta=meta)
    products = blockwise(
        Kept(func, len(gone)),
        (*out, *gone),
        *flat,
        token=name,
        adjust_chunks=dict.fromkeys(gone, 1),
        meta=meta_from_array(meta, len(out) + len(gone), dtype),
    )
    total = partial(_reduced, op=op)
    axes = tuple(range(len(out), len(out) + len(gone)))
    return reduction(
        products, total, total, axis=axes, meta=meta, split_every=split_every, name=name
    )


def _small_enough(
    chunks: dict[Any, Any], arrays: list[Any], labels: Sequence[Any], out: Sequence[Any], size: int
) -> tuple[dict[Any, Any], list[Any]]:
    """Operands cut along the result's axes where a block of it would exceed both the setting
    ``array.chunk-size`` and the largest block of an operand."""
    limit = parse_bytes(config.get("array.chunk-size"))
    limit = max([limit, *[a.itemsize * math.prod(map(max, a.chunks)) for a in arrays if a.size]])
    edge = _edge([max(chunks[i], default=0) for i in out], limit // size)
    cut = {i: _cut(chunks[i], edge) for i in out}
    if all(cut[i] == chunks[i] for i in out):
        return chunks, arrays
    arrays = [
        a.rechunk({axis: cut[i] for axis, i in enumerate(own) if i in cut and a.shape[axis] > 1})
        for a, own in zip(arrays, labels, strict=True)
    ]
    return {**chunks, **cut}, arrays


def _edge(lengths: Sequence[Any], most: int) -> float:
    """What the longest axes of a block are cut to, for it to have ``most`` elements.

    >>> _edge([1000, 1000, 2], 20_000), _edge([1000, 10], 20_000), _edge([10, 1000], 1000)
    (100, inf, 100)
    """
    ordered = sorted(lengths, reverse=True)
    # Of unknown lengths nothing is said: a comparison with nan is false.
    if not math.prod(ordered) > most:
        return math.inf
    for count in range(1, len(ordered) + 1):
        edge = int((most / math.prod(ordered[count:])) ** (1 / count))
        if count == len(ordered) or edge >= ordered[count]:
            break
    return max(1, edge)


def _cut(blocks: Sequence[int], most: float) -> tuple[int, ...]:
    """Blocks cut into parts of about equal length, none of them longer than ``most``.

    >>> _cut((5, 2), 3)
    (3, 2, 2)
    """
    out: list[int] = []
    for n in blocks:
        count = -(-n // int(most)) if n > most else 1
        out += [n // count + (i < n % count) for i in range(count)] if count > 1 else [n]
    return tuple(out)


def _sums_alone(arrays: Sequence[Any], labels: Sequence[Any], out: Sequence[Any]) -> bool:
    """Whether a task may read all blocks along contracted axes: there are other tasks enough, and
    what it reads is no more than a block may be.  Else products wait in memory to be added."""
    lengths = {i: own for a, ls in zip(arrays, labels, strict=True) for i, own in zip(ls, a.chunks)}
    read = 0.0
    for a, own in zip(arrays, labels, strict=True):
        gone = math.prod([sum(lengths[i]) for i in own if i not in out])
        read += gone * math.prod([max(lengths[i], default=0) for i in own if i in out]) * a.itemsize
    tasks = math.prod([len(lengths[i]) for i in out])
    # Of unknown lengths nothing is said: a comparison with nan is false.
    return tasks >= MANY_TASKS and read <= parse_bytes(config.get("array.chunk-size"))


def _reduced(block: Any, axis: Any, keepdims: bool, op: Any) -> Any:
    if op is np.add:
        return np.sum(block, axis=axis, keepdims=keepdims, dtype=block.dtype)
    return op.reduce(block, axis=axis, keepdims=keepdims)


def tensordot(lhs: Any, rhs: Any, axes: Any = 2) -> Array:
    """The tensor product, summed over pairs of axes; see `numpy.tensordot`.

    Parameters
    ----------
    lhs, rhs
        Arrays.
    axes
        How many of the last of one and the first of the other, or two sequences of axes.

    Raises
    ------
    ValueError
        Lengths of paired axes differ.

    Examples
    --------
    >>> import shoal.array as da
    >>> tensordot(da.ones((2, 4), chunks=2), da.ones((4, 3), chunks=2), 1).compute()
    array([[4., 4., 4.],
           [4., 4., 4.]])
    """
    lhs, rhs = asanyarray(lhs), asanyarray(rhs)
    left: Any
    right: Any
    if isinstance(axes, int | np.integer):
        left, right = range(lhs.ndim - axes, lhs.ndim), range(axes)
    else:
        left, right = (np.atleast_1d(side).tolist() for side in axes)
    left, right = [i % lhs.ndim for i in left], [i % rhs.ndim for i in right]
    if len(left) != len(right) or any(
        lhs.shape[i] != rhs.shape[j]
        and lhs.shape[i] == lhs.shape[i]
        and rhs.shape[j] == rhs.shape[j]
        for i, j in zip(left, right, strict=False)
    ):
        raise ValueError(
            f"shape-mismatch for sum: axes {left} of shape {lhs.shape} and {right} of shape "
            f"{rhs.shape}; paired axes must have equal lengths"
        )
    first = list(range(lhs.ndim))
    second: list[int] = list(range(lhs.ndim, lhs.ndim + rhs.ndim))
    for i, j in zip(left, right, strict=True):
        second[j] = first[i]
    out = [i for i in first if i not in [first[k] for k in left]]
    out += [i for k, i in enumerate(second) if k not in right]
    dtype = np.result_type(lhs.dtype, rhs.dtype)
    func = partial(tensordot_block, axes=(tuple(left), tuple(right)))
    return contract(func, out, [lhs, first, rhs, second], dtype, name="tensordot")


def dot(a: Any, b: Any) -> Array:
    """The dot product; see `numpy.dot`.

    Parameters
    ----------
    a, b
        Arrays.

    Examples
    --------
    >>> import shoal.array as da
    >>> dot(da.arange(3, chunks=2), da.arange(3, chunks=2)).compute()
    np.int64(5)
    """
    a, b = asanyarray(a), asanyarray(b)
    if not a.ndim or not b.ndim:
        return a * b  # type: ignore[no-any-return]
    if a.ndim == b.ndim == 2 and all(type(x._meta) is np.ndarray for x in (a, b)):
        # The form that rules know.
        return matmul(a, b)
    return tensordot(a, b, axes=((a.ndim - 1,), (max(b.ndim - 2, 0),)))


def vdot(a: Any, b: Any) -> Array:
    """The dot product of flattened arrays, the first one conjugated; see `numpy.vdot`.

    Parameters
    ----------
    a, b
        Arrays.

    Examples
    --------
    >>> import shoal.array as da
    >>> vdot(da.asarray([1j, 2]), da.asarray([1j, 3])).compute()
    np.complex128(7+0j)
    """
    left, right = ravel(asanyarray(a)), ravel(asanyarray(b))
    # The conjugate of bools are bytes, whose sum overflows.
    return dot(np.conj(left) if left.dtype != bool else left, right)


def outer(a: Any, b: Any) -> Array:
    """The outer product of flattened arrays; see `numpy.outer`.

    Parameters
    ----------
    a, b
        Arrays.

    Examples
    --------
    >>> import shoal.array as da
    >>> outer(da.arange(2), da.arange(3)).shape
    (2, 3)
    """
    rows, columns = ravel(asanyarray(a)), ravel(asanyarray(b))
    chunks = {0: rows.chunks[0], 1: columns.chunks[0]}
    size = np.result_type(rows.dtype, columns.dtype).itemsize
    _, (rows, columns) = _small_enough(chunks, [rows, columns], [(0,), (1,)], (0, 1), size)
    return rows[:, None] * columns[None, :]  # type: ignore[no-any-return]


def matmul(a: Any, b: Any) -> Array:
    """The matrix product, of stacks of matrices along further axes; see `numpy.matmul`.

    Parameters
    ----------
    a, b
        Arrays of one axis or more.

    Raises
    ------
    ValueError
        Shapes do not fit, or an operand has no axes.

    Examples
    --------
    >>> import shoal.array as da
    >>> x = da.ones((2, 2), chunks=1)
    >>> (x @ x).compute()
    array([[2., 2.],
           [2., 2.]])
    """
    a, b = asanyarray(a), asanyarray(b)
    if not a.ndim or not b.ndim:
        raise ValueError(
            "`matmul` does not support scalars: both operands need an axis, got shapes "
            f"{a.shape} and {b.shape}"
        )
    row, column = a.ndim == 1, b.ndim == 1
    a = a[None, :] if row else a
    b = b[:, None] if column else b
    if a.shape[-1] != b.shape[-2] and a.shape[-1] == a.shape[-1] and b.shape[-2] == b.shape[-2]:
        raise ValueError(
            "matmul: Input operand 1 has a mismatch in its core dimension 0, with gufunc signature "
            f"(n?,k),(k,m?)->(n?,m?): shapes {a.shape} and {b.shape}, the last axis of the first "
            "and the last but one of the second must be equal"
        )
    ndim = max(a.ndim, b.ndim)
    batch = list(range(ndim - 2))
    first = [*batch[ndim - a.ndim :], ndim, ndim + 1]
    second = [*batch[ndim - b.ndim :], ndim + 1, ndim + 2]
    dtype = np.result_type(a.dtype, b.dtype)
    out = contract(np.matmul, [*batch, ndim, ndim + 2], [a, first, b, second], dtype, name="matmul")
    if row:
        out = out[..., 0, :]
    return out[..., 0] if column else out


def matmul_of(self: Any, other: Any) -> Any:
    """``self @ other``."""
    return matmul(self, other)


def rmatmul_of(self: Any, other: Any) -> Any:
    """``other @ self``."""
    return matmul(other, self)


def einsum(
    *operands: Any, dtype: Any = None, optimize: Any = False, split_every: Any = None, **kwargs: Any
) -> Array:
    """Einstein's summation convention; see `numpy.einsum`.

    More than two operands are multiplied two at a time, in the order in which that takes the fewest
    operations (`numpy.einsum_path`, on the shapes of the whole arrays).

    Parameters
    ----------
    *operands
        Subscripts and arrays, in either of NumPy's forms.
    dtype
        Of the result.
    optimize
        How a task finds the order of its products, as NumPy has it.
    split_every
        How many partial products a task adds.
    **kwargs
        ``casting`` and ``order``.

    Examples
    --------
    >>> import shoal.array as da
    >>> einsum("ij,kj->ik", da.ones((2, 3), chunks=2), da.ones((2, 3), chunks=1)).compute()
    array([[3., 3.],
           [3., 3.]])
    """
    inputs, out, arrays = _parsed(operands)
    if dtype is None:
        dtype = np.result_type(*[a.dtype for a in arrays])
    if len(arrays) > 2 and isinstance(optimize, bool | str):
        pairwise = _two_at_a_time(
            inputs, out, arrays, dtype=dtype, split_every=split_every, **kwargs
        )
        if pairwise is not None:
            return pairwise
    told = {key: value for key, value in kwargs.items() if key in ("casting", "order")}
    func = partial(
        _einsum_block,
        subscripts=f"{','.join(inputs)}->{out}",
        dtype=dtype,
        optimize=optimize,
        **told,
    )
    if not isinstance(optimize, bool) or not optimize:
        func = partial(func, optimize=len(arrays) > 1 if optimize is False else optimize)
    pairs: list[Any] = []
    for i, (a, own) in enumerate(zip(arrays, inputs, strict=True)):
        arrays[i], labels = a, own
        pairs += [a, labels]
    repeated = [own for own in inputs if len(set(own)) < len(own)]
    if repeated:
        return _with_repeats(func, out, arrays, inputs, dtype, split_every)
    return contract(func, out, pairs, np.dtype(dtype), name="einsum", split_every=split_every)


MOST_OPERANDS = 5
"""Up to so many the best order is found by trying all."""


def _two_at_a_time(inputs: list[str], out: str, arrays: list[Any], **kwargs: Any) -> Array | None:
    """The sum of products as several of two operands; None where that would not be the same."""
    shapes = [a.shape for a in arrays]
    if any(n != n for shape in shapes for n in shape):
        return None
    if any(len(set(own)) < len(own) for own in inputs):
        return None
    search = "optimal" if len(arrays) <= MOST_OPERANDS else "greedy"
    # Nothing but the shapes of these is looked at.
    dummies = [np.broadcast_to(np.empty(()), shape) for shape in shapes]
    _, *path = np.einsum_path(f"{','.join(inputs)}->{out}", *dummies, optimize=search)[0]
    if any(len(step) > 2 for step in path):
        return None
    left = list(zip(inputs, arrays, strict=True))
    for step in path:
        taken = [left.pop(place) for place in sorted(step, reverse=True)][::-1]
        needed = set(out).union(*[own for own, _ in left])
        all_labels = dict.fromkeys("".join(own for own, _ in taken))
        kept = "".join(label for label in all_labels if label in needed) if left else out
        text = f"{','.join(own for own, _ in taken)}->{kept}"
        left.append((kept, einsum(text, *[a for _, a in taken], **kwargs)))
    ((_, result),) = left
    return result  # type: ignore[no-any-return]


def _with_repeats(
    func: Any, out: str, arrays: list[Any], inputs: list[str], dtype: Any, split_every: Any
) -> Array:
    """Axes that one operand names twice must be one block: its diagonal is within it."""
    twice = {i for own in inputs for i in own if own.count(i) > 1}
    pairs: list[Any] = []
    fresh = iter("\u03b1\u03b2\u03b3\u03b4\u03b5\u03b6\u03b7\u03b8\u03b9\u03ba\u03bb\u03bc")
    for a, own in zip(arrays, inputs, strict=True):
        a = a.rechunk({k: -1 for k, i in enumerate(own) if i in twice})
        seen: set[str] = set()
        labels = []
        for i in own:
            labels.append(next(fresh) if i in seen else i)
            seen.add(i)
        pairs += [a, tuple(labels)]
    return contract(func, out, pairs, np.dtype(dtype), name="einsum", split_every=split_every)


def _einsum_block(*blocks: Any, subscripts: str, dtype: Any, **kwargs: Any) -> Any:
    """The sum of products of some blocks.

    >>> _einsum_block(np.ones(2), subscripts="i->", dtype=np.dtype(float))
    np.float64(2.0)
    """
    return np.einsum(subscripts, *blocks, dtype=dtype, **kwargs)[()]


LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _parsed(operands: tuple[Any, ...]) -> tuple[list[str], str, list[Any]]:
    """Labels of each operand and of the result, without dots, and the operands."""
    if not operands:
        raise ValueError("einsum takes subscripts and arrays, got nothing")
    if isinstance(operands[0], str):
        text, arrays = operands[0].replace(" ", ""), [asanyarray(a) for a in operands[1:]]
    else:
        arrays = [asanyarray(a) for a in operands[0 : len(operands) // 2 * 2 : 2]]
        lists = [_letters(own) for own in operands[1 : len(operands) // 2 * 2 : 2]]
        text = ",".join(lists)
        if len(operands) % 2:
            text += "->" + _letters(operands[-1])
    left, arrow, out = text.partition("->")
    inputs = left.split(",")
    if len(inputs) != len(arrays):
        raise ValueError(f"einsum: {text!r} names {len(inputs)} operands, got {len(arrays)}")
    dots = max(
        (
            a.ndim - len(own.replace("...", ""))
            for own, a in zip(inputs, arrays, strict=True)
            if "." in own
        ),
        default=0,
    )
    spare = "".join([c for c in LETTERS if c not in text])[:dots]
    filled = []
    for own, a in zip(inputs, arrays, strict=True):
        many = a.ndim - len(own.replace("...", ""))
        if many < 0 or (many and "..." not in own):
            raise ValueError(f"einsum: subscripts {own!r} do not fit an operand of shape {a.shape}")
        filled.append(own.replace("...", spare[dots - many :] if many else ""))
    if not arrow:
        named = left.replace(",", "").replace(".", "")
        out = "..." * ("." in left) + "".join(sorted(c for c in set(named) if named.count(c) == 1))
    return filled, out.replace("...", spare), arrays


def _letters(own: Any) -> str:
    return "".join(["..." if i is Ellipsis else LETTERS[int(i)] for i in own])
