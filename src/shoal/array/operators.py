"""Python's operators for arrays: a table, an operator and its ufunc a line.

The ufuncs are NumPy's, so ``x + y`` and ``da.add(x, y)`` are one expression.  Masked arrays have
operators of their own: they mask what a quotient or a power is not defined for.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from shoal.array.chunktypes import defers_to

__all__ = ["Operators"]


def _binary(ufunc: Any, own: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The methods of an operator with two operands: this one on the left, and on the right."""

    def left(self: Any, other: Any) -> Any:
        if defers_to(other, Operators):
            return NotImplemented
        return type(self)._elemwise(own if _are_masked(self, other) else ufunc, self, other)

    def right(self: Any, other: Any) -> Any:
        if defers_to(other, Operators):
            return NotImplemented
        return type(self)._elemwise(own if _are_masked(self, other) else ufunc, other, self)

    return left, right


def _are_masked(*operands: Any) -> bool:
    """Whether one of them has a mask."""
    return any(isinstance(getattr(one, "_meta", one), np.ma.MaskedArray) for one in operands)


POWERS = {2: np.square, 0.5: np.sqrt, -1: np.reciprocal, 1: np.positive}
"""What NumPy's ``**`` does for these exponents; `numpy.power` is many times slower."""


def _power(self: Any, exponent: Any) -> Any:
    """``self ** exponent``."""
    kind = self.dtype.kind
    if _are_masked(self, exponent):
        return type(self)._elemwise(operator.pow, self, exponent)
    if type(exponent) in (int, float) and (
        (kind in "fc" and exponent in POWERS)
        or (kind in "iub" and type(exponent) is int and exponent == 2)
    ):
        return type(self)._elemwise(POWERS[exponent], self)
    return _binary(np.power, operator.pow)[0](self, exponent)


def _unary(ufunc: Any) -> Callable[..., Any]:
    def method(self: Any) -> Any:
        return type(self)._elemwise(ufunc, self)

    return method


class Operators:
    """The operators; ``_elemwise(ufunc, *operands)`` of the class makes the result.

    Examples
    --------
    >>> import shoal.array as da
    >>> (2 * da.arange(3, chunks=2) + 1).compute()
    array([1, 3, 5])
    """

    __slots__ = ()

    _elemwise: Any

    __add__, __radd__ = _binary(np.add, operator.add)
    __sub__, __rsub__ = _binary(np.subtract, operator.sub)
    __mul__, __rmul__ = _binary(np.multiply, operator.mul)
    __truediv__, __rtruediv__ = _binary(np.true_divide, operator.truediv)
    __floordiv__, __rfloordiv__ = _binary(np.floor_divide, operator.floordiv)
    __mod__, __rmod__ = _binary(np.remainder, operator.mod)
    __pow__, __rpow__ = _power, _binary(np.power, operator.pow)[1]
    __and__, __rand__ = _binary(np.bitwise_and, operator.and_)
    __or__, __ror__ = _binary(np.bitwise_or, operator.or_)
    __xor__, __rxor__ = _binary(np.bitwise_xor, operator.xor)
    __lshift__, __rlshift__ = _binary(np.left_shift, operator.lshift)
    __rshift__, __rrshift__ = _binary(np.right_shift, operator.rshift)
    __lt__, _ = _binary(np.less, operator.lt)
    __le__, _ = _binary(np.less_equal, operator.le)
    __gt__, _ = _binary(np.greater, operator.gt)
    __ge__, _ = _binary(np.greater_equal, operator.ge)
    __eq__, _ = _binary(np.equal, operator.eq)
    __ne__, _ = _binary(np.not_equal, operator.ne)
    __neg__ = _unary(np.negative)
    __pos__ = _unary(np.positive)
    __abs__ = _unary(np.absolute)
    __invert__ = _unary(np.invert)
    __hash__ = None  # type: ignore[assignment] # == gives an array

    del _
