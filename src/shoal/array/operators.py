"""Python's operators for arrays: a table, an operator and its ufunc a line.

The ufuncs are NumPy's, so ``x + y`` and ``da.add(x, y)`` are one expression.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from shoal.array.chunktypes import defers_to

__all__ = ["Operators"]


def _binary(ufunc: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The methods of an operator with two operands: this one on the left, and on the right."""

    def left(self: Any, other: Any) -> Any:
        if defers_to(other, Operators):
            return NotImplemented
        return type(self)._elemwise(ufunc, self, other)

    def right(self: Any, other: Any) -> Any:
        if defers_to(other, Operators):
            return NotImplemented
        return type(self)._elemwise(ufunc, other, self)

    return left, right


POWERS = {2: np.square, 0.5: np.sqrt, -1: np.reciprocal, 1: np.positive}
"""What NumPy's ``**`` does for these exponents; `numpy.power` is many times slower."""


def _power(self: Any, exponent: Any) -> Any:
    """``self ** exponent``."""
    kind = self.dtype.kind
    if type(exponent) in (int, float) and (
        (kind in "fc" and exponent in POWERS)
        or (kind in "iub" and type(exponent) is int and exponent == 2)
    ):
        return type(self)._elemwise(POWERS[exponent], self)
    return _binary(np.power)[0](self, exponent)


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

    __add__, __radd__ = _binary(np.add)
    __sub__, __rsub__ = _binary(np.subtract)
    __mul__, __rmul__ = _binary(np.multiply)
    __truediv__, __rtruediv__ = _binary(np.true_divide)
    __floordiv__, __rfloordiv__ = _binary(np.floor_divide)
    __mod__, __rmod__ = _binary(np.remainder)
    __pow__, __rpow__ = _power, _binary(np.power)[1]
    __and__, __rand__ = _binary(np.bitwise_and)
    __or__, __ror__ = _binary(np.bitwise_or)
    __xor__, __rxor__ = _binary(np.bitwise_xor)
    __lshift__, __rlshift__ = _binary(np.left_shift)
    __rshift__, __rrshift__ = _binary(np.right_shift)
    __lt__, _ = _binary(np.less)
    __le__, _ = _binary(np.less_equal)
    __gt__, _ = _binary(np.greater)
    __ge__, _ = _binary(np.greater_equal)
    __eq__, _ = _binary(np.equal)
    __ne__, _ = _binary(np.not_equal)
    __neg__ = _unary(np.negative)
    __pos__ = _unary(np.positive)
    __abs__ = _unary(np.absolute)
    __invert__ = _unary(np.invert)
    __hash__ = None  # type: ignore[assignment] # == gives an array

    del _
