"""Factorisations of one block."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["apply_factor", "call_whole", "part_of_factors", "qr_block"]


def qr_block(block: Any) -> tuple[Any, Any]:
    """``q`` and ``r`` of a block.

    Parameters
    ----------
    block
        A matrix.

    Examples
    --------
    >>> [part.shape for part in qr_block(np.ones((4, 2)))]
    [(4, 2), (2, 2)]
    """
    q, r = np.linalg.qr(block)
    return q, r


def part_of_factors(factors: Any, which: int) -> Any:
    """One of several factors.

    Parameters
    ----------
    factors
        A tuple.
    which
        An index.

    Examples
    --------
    >>> part_of_factors((1, 2), 1)
    2
    """
    return factors[which]


def apply_factor(factors: Any, inner: Any) -> Any:
    """``q`` of a block times what the factors above in the tree have for it.

    Parameters
    ----------
    factors
        As `qr_block` gives them.
    inner
        A matrix.

    Examples
    --------
    >>> apply_factor((np.eye(2), None), np.ones((2, 1))).shape
    (2, 1)
    """
    return factors[0] @ inner


def call_whole(*arrays: Any, func: Any, which: int | None, kwargs: Any) -> Any:
    """A function of whole arrays, or one of its results.

    Parameters
    ----------
    *arrays
        The arrays.
    func
        The function.
    which
        Of its results; None for the only one.
    kwargs
        ``(name, value)`` pairs.

    Examples
    --------
    >>> call_whole(np.eye(2), func=np.linalg.inv, which=None, kwargs=())
    array([[1., 0.],
           [0., 1.]])
    """
    out = func(*arrays, **dict(kwargs))
    return out if which is None else out[which]
