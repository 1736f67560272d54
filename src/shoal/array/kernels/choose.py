"""Elements chosen by conditions, within one block."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = [
    "is_null_block",
    "isin_block",
    "not_null_block",
    "piecewise_block",
    "places_block",
    "ravel_block",
    "search_block",
    "select_block",
    "unravel_block",
]


def select_block(*blocks: Any, default: Any) -> Any:
    """Conditions, then choices.

    Parameters
    ----------
    *blocks
        As many choices as conditions.
    default
        Where no condition holds.

    Examples
    --------
    >>> select_block(np.array([True, False]), np.array([1, 2]), default=0)
    array([1, 0])
    """
    half = len(blocks) // 2
    return np.select(list(blocks[:half]), list(blocks[half:]), default=default)


def piecewise_block(block: Any, *conditions: Any, functions: Any, args: Any, named: Any) -> Any:
    """`numpy.piecewise` of a block.

    Parameters
    ----------
    block, *conditions
        Of the array and the conditions.
    functions, args, named
        As `numpy.piecewise` takes them, tuples.

    Examples
    --------
    >>> x = np.array([1.0, 2.0])
    >>> piecewise_block(x, x > 1, functions=(7,), args=(), named=())
    array([0., 7.])
    """
    return np.piecewise(block, list(conditions), list(functions), *args, **dict(named))


def search_block(a: Any, v: Any, side: str) -> Any:
    """How many elements of a sorted block come before each of some values.

    Parameters
    ----------
    a, v, side
        As `numpy.searchsorted` takes them.

    Examples
    --------
    >>> search_block(np.arange(3), np.array([1]), "left")
    array([1])
    """
    return np.asarray(np.searchsorted(a, v, side=side))  # type: ignore[call-overload]


def isin_block(element: Any, tests: Any, assume_unique: bool, kind: Any) -> Any:
    """Which elements of a block are among others.

    Parameters
    ----------
    element, tests, assume_unique, kind
        As `numpy.isin` takes them.

    Examples
    --------
    >>> isin_block(np.arange(2), np.array([1]), False, None)
    array([False,  True])
    """
    return np.isin(element, tests, assume_unique=assume_unique, kind=kind)


def is_null_block(block: Any) -> Any:
    """Where elements are missing.

    Parameters
    ----------
    block
        An array.

    Examples
    --------
    >>> is_null_block(np.array([1, None], dtype=object))
    array([False,  True])
    """
    kind = block.dtype.kind
    if kind in "mM":
        return np.isnat(block)
    if kind in "fc":
        return np.isnan(block)
    if kind == "O":
        return (block == np.array(None, dtype=object)).astype(bool) | np.not_equal(
            block, block
        ).astype(bool)
    return np.zeros(block.shape, dtype=bool)


def not_null_block(block: Any) -> Any:
    """Where elements are not missing.

    Parameters
    ----------
    block
        An array.

    Examples
    --------
    >>> not_null_block(np.array([1, np.nan]))
    array([ True, False])
    """
    return ~is_null_block(block)


def places_block(mask: Any, numbers: Any) -> Any:
    """The numbers of the elements that are true.

    Parameters
    ----------
    mask
        Of bool.
    numbers
        As many.

    Examples
    --------
    >>> places_block(np.array([False, True]), np.array([8, 9]))
    array([9])
    """
    return numbers[mask]


def unravel_block(block: Any, shape: Any, order: str, axis: int) -> Any:
    """The indices along one axis.

    Parameters
    ----------
    block, shape, order
        As `numpy.unravel_index` takes them.
    axis
        An int.

    Examples
    --------
    >>> unravel_block(np.array([5]), (2, 3), "C", 1)
    array([2])
    """
    return np.asarray(np.unravel_index(block, shape, order=order)[axis])  # type: ignore[call-overload]


def ravel_block(*blocks: Any, dims: Any, mode: Any, order: Any) -> Any:
    """Places of some indices.

    Parameters
    ----------
    *blocks
        Indices, by axis.
    dims, mode, order
        As `numpy.ravel_multi_index` takes them.

    Examples
    --------
    >>> ravel_block(np.array([1]), np.array([2]), dims=(2, 3), mode="raise", order="C")
    array([5])
    """
    return np.ravel_multi_index(blocks, dims, mode=mode, order=order)
