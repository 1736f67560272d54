"""What the rules need to know of indices: which are whole, and what becomes of two in a row.

An index is a tuple as `shoal.array.nodes.layout.Slice` has it.  Ints take an axis away, so rules
that move an index first make slices of length 1 of them (`kept_axes`), and leave the ints above.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shoal.array.nodes.base import ArrayNode
from shoal.array.nodes.layout import Slice

__all__ = ["combined", "is_whole", "kept_axes", "sliced", "with_blocks"]


def is_whole(entry: Any, length: float) -> bool:
    """Whether an entry of an index takes a whole axis as it is.

    Parameters
    ----------
    entry
        A slice or an int.
    length
        Of the axis; nan is only ever taken whole.

    Examples
    --------
    >>> is_whole(slice(0, 3, 1), 3), is_whole(slice(0, 2, 1), 3), is_whole(0, 1)
    (True, False, False)
    """
    if not isinstance(entry, slice):
        return False
    return length != length or (entry.start, entry.stop, entry.step) == (0, length, 1)


def sliced(node: Any, index: Sequence[Any]) -> Any:
    """Part of an array; the array itself where the index takes all of it.

    Parameters
    ----------
    node
        The array.
    index
        As `Slice` has it.

    Examples
    --------
    >>> import shoal.array as da
    >>> x = da.ones(3, chunks=2)._node
    >>> sliced(x, (slice(0, 3, 1),)) is x
    True
    """
    if all(is_whole(entry, n) for entry, n in zip(index, node.array_shape, strict=True)):
        return node
    return Slice(node, tuple(index))


def combined(first: Any, second: Any, length: int) -> Any:
    """The entry that does at once what two do one after the other.

    Parameters
    ----------
    first
        A slice of the axis.
    second
        A slice or an int of what is left.
    length
        Of the axis.

    Examples
    --------
    >>> combined(slice(2, 10, 2), slice(1, 3, 1), 10), combined(slice(9, None, -1), 0, 10)
    (slice(4, 8, 2), 9)
    """
    left = range(length)[first][second]
    if isinstance(left, int):
        return left
    if left.step < 0:
        return slice(left.start, left.stop if left.stop >= 0 else None, left.step)
    return slice(left.start, left.stop, left.step)


def kept_axes(index: Sequence[Any]) -> tuple[tuple[slice, ...], tuple[Any, ...] | None]:
    """An index as slices only, and what then has to take axes away; None for nothing.

    Parameters
    ----------
    index
        Slices and ints.

    Examples
    --------
    >>> kept_axes((slice(1, 3, 1), 4))
    ((slice(1, 3, 1), slice(4, 5, 1)), (None, 0))
    >>> kept_axes((slice(1, 3, 1),))
    ((slice(1, 3, 1),), None)
    """
    slices = tuple([e if isinstance(e, slice) else slice(e, e + 1, 1) for e in index])
    if all(isinstance(entry, slice) for entry in index):
        return slices, None
    return slices, tuple([None if isinstance(entry, slice) else 0 for entry in index])


def with_blocks(node: ArrayNode, new: Any, ints: tuple[Any, ...] | None = None) -> Any:
    """What a rule returns: ``new``, when it has the blocks that were promised to the user.

    Parameters
    ----------
    node
        What stood there.
    new
        What should stand there, before ``ints``.
    ints
        As `kept_axes` returns them.

    Returns
    -------
    Node or None
        None when the blocks would be others.

    Examples
    --------
    >>> import shoal.array as da
    >>> x, y = da.ones(4, chunks=2)._node, da.ones(4, chunks=4)._node
    >>> with_blocks(x, y) is None, with_blocks(x, x) is x
    (True, True)
    """
    if ints is not None:
        pairs = zip(ints, new.array_shape, strict=True)
        new = Slice(new, tuple([slice(0, n, 1) if e is None else e for e, n in pairs]))
    return new if new.chunks == node.chunks and new.dtype == node.dtype else None
