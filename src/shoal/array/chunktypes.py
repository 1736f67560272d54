"""Which kinds of arrays a block may be, and so who answers when two kinds meet.

An operation of an `Array` with a block's kind is the `Array`'s.  With anything else that overrides
NumPy's functions (an xarray.DataArray, an `Array` in disguise), it is the other one's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from shoal.collection import is_collection
from shoal.duck import is_arraylike

__all__ = ["is_valid_chunk_type", "register_chunk_type"]

PRIORITY = 11
"""Of arrays of shoal's, where classes only have NumPy's older protocol."""

_kinds: set[type] = {np.ndarray, np.ma.MaskedArray}

KNOWN = (
    *(("cupy", "ndarray"), ("sparse", "SparseArray")),
    *(("scipy.sparse", "spmatrix"), ("scipy.sparse", "sparray")),
)
"""Kinds of other packages, by the module in which they or their bases are and their names."""


def register_chunk_type(type: type) -> None:
    """Let blocks be of a kind.

    Parameters
    ----------
    type
        A class of arrays that follows NumPy's protocols.

    Raises
    ------
    TypeError
        It has no ``__array_function__``.

    Examples
    --------
    >>> class Mine(np.ndarray):
    ...     pass
    >>> register_chunk_type(Mine)
    >>> is_valid_chunk_type(Mine)
    True
    """
    if not hasattr(type, "__array_function__"):
        raise TypeError(
            f"{type.__name__} cannot be the type of blocks: it lacks __array_function__, "
            "NumPy's protocol for functions (NEP 18)"
        )
    _kinds.add(type)


def is_valid_chunk_type(kind: type) -> bool:
    """Whether blocks may be of a type.

    Parameters
    ----------
    kind
        A class.

    Examples
    --------
    >>> is_valid_chunk_type(np.ndarray), is_valid_chunk_type(str)
    (True, False)
    """
    if issubclass(kind, tuple(_kinds)):
        return True
    return any(
        base.__name__ == name and base.__module__.startswith(module)
        for base in kind.__mro__
        for module, name in KNOWN
    )


def defers_to(other: Any, own: type) -> bool:
    """Whether an operation of ours with another object is the other's to answer.

    >>> defers_to(1, str), defers_to(np.ones(1), str)
    (False, False)
    """
    kind = type(other)
    if issubclass(kind, own):
        return False
    if not hasattr(kind, "__array_ufunc__"):
        # The older protocol: who has the higher priority answers.
        priority = getattr(other, "__array_priority__", None)
        mine = getattr(own, "__array_priority__", PRIORITY)
        return isinstance(priority, int | float) and priority > mine and not is_arraylike(other)
    if kind.__array_ufunc__ is None:
        return True
    # A frame has labels, which its own operators keep.
    return (is_arraylike(other) or is_collection(other)) and not is_valid_chunk_type(kind)
