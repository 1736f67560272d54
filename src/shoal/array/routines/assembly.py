"""Arrays put together from nested lists of arrays."""

from __future__ import annotations

from typing import Any

from shoal.array.arrangement import concatenate
from shoal.array.collection import Array
from shoal.array.conversion import asanyarray

__all__ = ["block"]


def block(arrays: Any, allow_unknown_chunksizes: bool = False) -> Array:
    """An array of nested lists of arrays; see `numpy.block`.

    Parameters
    ----------
    arrays
        Lists within lists: those of the innermost lists are joined along the last axis, and so on.
    allow_unknown_chunksizes
        Whether to trust that arrays fit whose shapes are not known.

    Raises
    ------
    ValueError
        Lists are empty, or nested to different depths, or the shapes do not fit.
    TypeError
        There is a tuple among the lists.

    Examples
    --------
    >>> import shoal.array as da
    >>> block([[da.zeros((1, 2)), da.ones((1, 1))], [da.ones((1, 3))]]).compute()
    array([[0., 0., 1.],
           [1., 1., 1.]])
    """
    depth = _depth(arrays, "arrays")
    leaves = _converted(arrays)
    ndim = max(depth, *[leaf.ndim for leaf in _leaves(leaves)])
    return _joined(leaves, depth, ndim, allow_unknown_chunksizes)


def _depth(item: Any, place: str) -> int:
    """How deep lists are nested."""
    if isinstance(item, tuple):
        raise TypeError(
            f"{place} is a tuple; only lists can be used to arrange blocks, and block does not "
            "turn tuples into arrays"
        )
    if not isinstance(item, list):
        return 0
    depths = [_depth(part, f"{place}[{i}]") for i, part in enumerate(item)]
    if len(set(depths)) > 1:
        raise ValueError(
            f"List depths are mismatched. {place} has parts of depths {depths}; all must be equal"
        )
    return depths[0] + 1 if depths else 1


def _converted(item: Any) -> Any:
    if not isinstance(item, list):
        return asanyarray(item)
    if not item:
        raise ValueError("a list of blocks cannot be empty")
    return [_converted(part) for part in item]


def _leaves(item: Any) -> list[Array]:
    if not isinstance(item, list):
        return [item]
    return [leaf for part in item for leaf in _leaves(part)]


def _joined(item: Any, depth: int, ndim: int, trust: bool) -> Array:
    if not isinstance(item, list):
        array: Array = item[(None,) * (ndim - item.ndim)] if item.ndim < ndim else item
        return array
    parts = [_joined(part, depth - 1, ndim, trust) for part in item]
    if len(parts) == 1:
        return parts[0]
    return concatenate(parts, ndim - depth, allow_unknown_chunksizes=trust)
