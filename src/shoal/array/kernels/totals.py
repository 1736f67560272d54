"""Totals of all elements of a block, tile by tile.

What adds up is bound once to the memory in which every tile's result comes to lie, so that the
interpreter has little to do for a tile.  There are two ways:

- NumPy's: ``add.reduce`` or ``multiply.reduce`` of the tile as one row.
- For those who asked for speed within rounding (``array.engine: numexpr``), sums of floating-point
  numbers by BLAS: the tile as rows of `ROW` elements times ones, then NumPy's sum of their sums.
  It takes half of the time, because BLAS uses wider vectors.  With u the rounding of the type, a
  row's sum is off by at most ``ROW * u`` times the sum of the absolute values, divided by the lanes
  that BLAS sums in; NumPy's own has ``(16 + log2(n / 128)) * u``.  An overflow gives no warning.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

__all__ = ["Total"]

ROW = 512
"""Elements that BLAS adds up at once.  The ones stay in the nearest cache, and the sums of a tile's
rows are so few that NumPy adds them up without giving up the interpreter's lock."""


class Total:
    """The reduction of all elements of tiles by a ufunc.

    Parameters
    ----------
    ufunc
        ``numpy.add`` or ``numpy.multiply``.
    dtype
        As of ``ufunc.reduce``.
    is_quick
        Whether sums may be BLAS's.

    Examples
    --------
    >>> total = Total(np.add, None, True)
    >>> tile = np.ones((2, ROW))
    >>> parts = [total(tile), total.bind(tile)()]
    >>> parts, total.joined(parts, 2)
    ([array([1024.]), array([1024.])], array([[2048.]]))
    """

    __slots__ = ("dtype", "is_quick", "ufunc")

    def __init__(self, ufunc: Any, dtype: Any, is_quick: bool) -> None:
        self.ufunc = ufunc
        self.dtype = dtype
        self.is_quick = is_quick

    def __call__(self, tile: Any) -> Any:
        """The total of a tile, as an array of one element.

        Parameters
        ----------
        tile
            Plain, without gaps.
        """
        return self.bind(tile)()

    def bind(self, tile: Any) -> Callable[[], Any]:
        """What totals whatever lies in a buffer when it is called.

        Parameters
        ----------
        tile
            The buffer.
        """
        row = tile.reshape(-1)
        if self._is_for_blas(row):
            # `ndarray.dot` is the product with the least around it.
            rows, ones = row.reshape(-1, ROW), np.ones(ROW, row.dtype)
            return partial(_sum_of_rows, rows.dot, ones, np.empty(len(rows), row.dtype))
        return partial(self.ufunc.reduce, row, 0, self.dtype, None, True)

    def _is_for_blas(self, row: Any) -> bool:
        return (
            self.is_quick_sum(row.dtype)
            and row.dtype.char in "fdFD"
            and row.size > 0 == row.size % ROW
        )

    def is_quick_sum(self, dtype: Any) -> bool:
        """Whether it adds up in any order, and in the type of the elements.

        Parameters
        ----------
        dtype
            Theirs.
        """
        return self.is_quick and self.ufunc is np.add and self.dtype in (None, dtype)

    def joined(self, parts: Sequence[Any], ndim: int) -> Any:
        """The total of all tiles.

        Parameters
        ----------
        parts
            Theirs.
        ndim
            How many axes of length 1 it has.
        """
        row: Any = np.concatenate(parts)
        total: Any = self.ufunc.reduce(row, dtype=self.dtype)
        return total.reshape((1,) * ndim)


def _sum_of_rows(dot: Callable[..., Any], ones: Any, sums: Any) -> Any:
    dot(ones, sums)
    return np.add.reduce(sums, keepdims=True)
