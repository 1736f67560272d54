"""Products of blocks, summed over axes that the result lacks."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from shoal.graph.naming import funcname

__all__ = ["Accumulate", "GramBlock", "Kept", "tensordot_block"]


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

    Examples
    --------
    >>> Accumulate(np.dot, ((0,), (0,)), np.add)([np.ones(2)] * 3, [np.ones(2)] * 3)
    np.float64(6.0)
    """

    def __init__(
        self, func: Callable[..., Any], places: tuple[tuple[int, ...], ...], op: Callable[..., Any]
    ) -> None:
        self.func = func
        self.places = places
        self.op = op

    @property
    def __name__(self) -> str:
        return funcname(self.func)

    def __call__(self, *operands: Any) -> Any:
        counts: dict[int, int] = {}
        for operand, axes in zip(operands, self.places, strict=True):
            for axis in axes:
                if not isinstance(operand, list):
                    break
                counts[axis] = max(counts.get(axis, 1), len(operand))
                operand = operand[0]
        gone = sorted(counts)
        total: Any = None
        for index in itertools.product(*[range(counts[axis]) for axis in gone]):
            at = dict(zip(gone, index, strict=True))
            parts = [_picked(o, own, at) for o, own in zip(operands, self.places, strict=True)]
            part = self.func(*parts)
            if total is None:
                total = part
            elif type(total) is np.ndarray and total.dtype == getattr(part, "dtype", None):
                # The first product is nobody else's.
                total = (
                    self.op(total, part, out=total)
                    if total.flags.writeable
                    else self.op(total, part)
                )
            elif self.op is np.add and isinstance(total, np.ma.MaskedArray):
                total = _added(total, part)
            else:
                total = self.op(total, part)
        return total[()] if type(total) is np.ndarray and not total.ndim else total

    def __shoal_tokenize__(self) -> Any:
        return "accumulate", self.func, self.places, self.op


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
        for a, b in zip(left, right, strict=True):
            # NumPy sees where both are the same memory, and does half of the work.
            part = np.matmul(a, b.T) if self.is_first else np.matmul(a.T, b)
            total = part if total is None else np.add(total, part, out=total)
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
    if not isinstance(a, np.ma.MaskedArray) and not isinstance(b, np.ma.MaskedArray):
        return np.tensordot(a, b, axes=axes)
    left = [i for i in range(a.ndim) if i not in axes[0]]
    right = [i for i in range(b.ndim) if i not in axes[1]]
    count = int(np.prod([a.shape[i] for i in axes[0]]))
    rows = a.transpose([*left, *axes[0]]).reshape(-1, count)
    columns = b.transpose([*axes[1], *right]).reshape(count, -1)
    out: Any = np.ma.dot(rows, columns)  # type: ignore[no-untyped-call]
    return out.reshape([a.shape[i] for i in left] + [b.shape[i] for i in right])
