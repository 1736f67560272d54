"""Products of blocks, summed over axes that the result lacks."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from shoal.graph.naming import funcname

__all__ = ["Accumulate", "GramBlock", "Kept", "tensordot_block", "together"]


class Accumulate:
    """A function of every combination of blocks along the contracted axes, summed as it goes.

    Parameters
    ----------
    func
        Of a block of each operand.
    places
        For each operand, outermost list first, which contracted axis its lists stand for.
    op
        What adds.
    along
        Where there is one contracted axis, which one it is of each operand's axes: blocks that are
        small beside their product are put together along it.

    Examples
    --------
    >>> Accumulate(np.dot, ((0,), (0,)), np.add, (0, 0))([np.ones(2)] * 3, [np.ones(2)] * 3)
    np.float64(6.0)
    """

    def __init__(
        self,
        func: Callable[..., Any],
        places: tuple[tuple[int, ...], ...],
        op: Callable[..., Any],
        along: tuple[int, ...] | None = None,
    ) -> None:
        self.func = func
        self.places = places
        self.op = op
        self.along = along

    @property
    def __name__(self) -> str:
        return funcname(self.func)

    def __call__(self, *operands: Any) -> Any:
        total: Any = None
        if self.along is not None and _are_plain_rows(operands):
            total = self.func(*[blocks[0] for blocks in operands])
            rest = [blocks[1:] for blocks in operands]
            part: Any = None
            for parts in together(rest, self.along, getattr(total, "nbytes", 0)):
                # Fresh memory costs as much as adding it up.
                reused = {"out": part} if self.func is np.matmul else {}
                part = self.func(*parts, **reused)
                total = self._plus(total, part)
        else:
            for parts in self._combinations(operands):
                product = self.func(*parts)
                total = product if total is None else self._plus(total, product)
        return total[()] if type(total) is np.ndarray and not total.ndim else total

    def _combinations(self, operands: Sequence[Any]) -> Iterator[list[Any]]:
        """The operands of each product."""
        counts: dict[int, int] = {}
        for operand, axes in zip(operands, self.places, strict=True):
            for axis in axes:
                if not isinstance(operand, list):
                    break
                counts[axis] = max(counts.get(axis, 1), len(operand))
                operand = operand[0]
        gone = sorted(counts)
        for index in itertools.product(*[range(counts[axis]) for axis in gone]):
            at = dict(zip(gone, index, strict=True))
            yield [_picked(o, own, at) for o, own in zip(operands, self.places, strict=True)]

    def _plus(self, total: Any, part: Any) -> Any:
        if type(total) is np.ndarray and total.dtype == getattr(part, "dtype", None):
            # The first product is nobody else's.
            return (
                self.op(total, part, out=total) if total.flags.writeable else self.op(total, part)
            )
        if self.op is np.add and isinstance(total, np.ma.MaskedArray):
            return _added(total, part)
        return self.op(total, part)

    def __shoal_tokenize__(self) -> Any:
        return "accumulate", self.func, self.places, self.op, self.along


def _are_plain_rows(operands: Sequence[Any]) -> bool:
    """Whether all are lists of as many plain arrays."""
    return all(
        isinstance(blocks, list)
        and len(blocks) == len(operands[0])
        and all(type(block) is np.ndarray for block in blocks)
        for blocks in operands
    )


def together(
    operands: Sequence[list[Any]], along: Sequence[int], limit_bytes: int
) -> Iterator[list[Any]]:
    """Blocks of operands, as many as fit a limit as one: a product of longer blocks costs as much
    as the products of the short ones, and their results need not be added.

    Parameters
    ----------
    operands
        A list of blocks each, plain arrays, and as many.
    along
        The axis of each along which its blocks are put together.
    limit_bytes
        What may be copied for it at a time.

    Examples
    --------
    >>> a, b = [np.ones((2, 1))] * 3, [np.ones((1, 2))] * 3
    >>> [(x.shape, y.shape) for x, y in together((a, b), (1, 0), 64)]
    [((2, 2), (2, 2)), ((2, 1), (1, 2))]
    """
    count = len(operands[0])
    start = 0
    while start < count:
        end, size = start + 1, 0
        while end < count:
            size += sum(blocks[end - 1].nbytes for blocks in operands)
            if size + sum(blocks[end].nbytes for blocks in operands) > limit_bytes:
                break
            end += 1
        made: dict[tuple[int, ...], Any] = {}
        for blocks, axis in zip(operands, along, strict=True):
            ids = (axis, *map(id, blocks[start:end]))
            # The same blocks are the same array: NumPy sees a product with its own transpose.
            if ids not in made:
                parts = blocks[start:end]
                made[ids] = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=axis)
        yield [
            made[axis, *map(id, blocks[start:end])]
            for blocks, axis in zip(operands, along, strict=True)
        ]
        start = end


def _added(total: Any, part: Any) -> Any:
    """The sum of two sums: what is masked in one of them has no share in it.

    >>> _added(np.ma.masked_array([1, 2], [True, False]), np.ma.masked_array([3, 4]))
    masked_array(data=[3, 6],
                 mask=[False, False],
           fill_value=999999)
    """
    masks = np.ma.getmaskarray(total) & np.ma.getmaskarray(part)
    return np.ma.array(np.ma.filled(total, 0) + np.ma.filled(part, 0), mask=masks)


def _picked(operand: Any, axes: tuple[int, ...], at: dict[int, int]) -> Any:
    for axis in axes:
        if not isinstance(operand, list):
            break
        operand = operand[min(at[axis], len(operand) - 1)]
    return operand


class GramBlock:
    """A block of a matrix's product with its own transpose.

    Parameters
    ----------
    is_first
        Whether the matrix comes before its transpose.

    Examples
    --------
    >>> GramBlock(True)([np.ones((2, 3))], [np.ones((1, 3))])
    array([[3.],
           [3.]])
    """

    __slots__ = ("is_first",)

    def __init__(self, is_first: bool) -> None:
        self.is_first = is_first

    @property
    def __name__(self) -> str:
        return "matmul"

    def __call__(self, left: list[Any], right: list[Any]) -> Any:
        total: Any = None
        part: Any = None
        axis = 1 if self.is_first else 0
        rows, columns = left[0].shape[1 - axis], right[0].shape[1 - axis]
        limit_bytes = rows * columns * left[0].itemsize if _are_plain_rows((left, right)) else 0
        for a, b in together((left, right), (axis, axis), limit_bytes):
            # NumPy sees where both are the same memory, and does half of the work.
            pair = (a, b.T) if self.is_first else (a.T, b)
            if total is None:
                total = np.matmul(*pair)
            else:
                part = np.matmul(*pair, out=part)
                total = np.add(total, part, out=total)
        return total

    def __reduce__(self) -> tuple[Any, ...]:
        return GramBlock, (self.is_first,)


class Kept:
    """A function whose result gets axes of length 1 at the end, to be summed over later.

    Parameters
    ----------
    func
        Of a block of each operand.
    count
        How many axes.

    Examples
    --------
    >>> Kept(np.add, 1)(np.ones(2), np.ones(2)).shape
    (2, 1)
    """

    def __init__(self, func: Callable[..., Any], count: int) -> None:
        self.func = func
        self.count = count

    @property
    def __name__(self) -> str:
        return funcname(self.func)

    def __call__(self, *blocks: Any) -> Any:
        out = self.func(*blocks)
        if not hasattr(out, "ndim") or isinstance(out, np.generic):
            out = np.asarray(out)
        return out[(Ellipsis,) + (None,) * self.count]

    def __shoal_tokenize__(self) -> Any:
        return "kept", self.func, self.count


def tensordot_block(a: Any, b: Any, axes: tuple[tuple[int, ...], tuple[int, ...]]) -> Any:
    """The tensor product of two blocks, contracted.

    Parameters
    ----------
    a, b
        The blocks.
    axes
        Of each.

    Examples
    --------
    >>> tensordot_block(np.ones((2, 3)), np.ones((3, 2)), ((1,), (0,)))
    array([[3., 3.],
           [3., 3.]])
    """
    are_plain = type(a) is type(b) is np.ndarray
    are_masked = isinstance(a, np.ma.MaskedArray) or isinstance(b, np.ma.MaskedArray)
    if not are_plain and not are_masked:
        return np.tensordot(a, b, axes=axes)
    left = [i for i in range(a.ndim) if i not in axes[0]]
    right = [i for i in range(b.ndim) if i not in axes[1]]
    count = math.prod([a.shape[i] for i in axes[0]])
    rows = a.transpose([*left, *axes[0]]).reshape(math.prod([a.shape[i] for i in left]), count)
    columns = b.transpose([*axes[1], *right]).reshape(count, math.prod([b.shape[i] for i in right]))
    # `numpy.dot` with a block of one element leaves out a zero: nan * 0 would be 0.
    product: Any = np.matmul if are_plain else np.ma.dot
    out = product(rows, columns)
    return out.reshape([a.shape[i] for i in left] + [b.shape[i] for i in right])
