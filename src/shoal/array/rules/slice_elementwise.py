"""Part of a sum is the sum of parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shoal.array.nodes.elementwise import Elementwise
from shoal.array.nodes.layout import Slice
from shoal.array.rules.index import sliced, with_blocks
from shoal.expr.node import Node

__all__ = ["slice_elementwise"]


def slice_elementwise(node: Any, uses: Mapping[str, int]) -> Node | None:
    """Take the part of each operand instead of the result.

    Parameters
    ----------
    node
        Before: ``Slice[2:3] <- Elementwise(add) <- x, y``.
    uses
        How many nodes read a node: what others need whole is not computed again in part.

    Returns
    -------
    Node or None
        After: ``Elementwise(add) <- Slice[2:3] <- x, Slice[2:3] <- y``.

    Examples
    --------
    >>> import shoal.array as da
    >>> x = da.arange(9, chunks=3)
    >>> slice_elementwise((x + 1)[2:3]._node, {}).operands_
    (<getitem-...: Slice[2:3] (1,)>, 1)
    """
    if type(node) is not Slice or type(node.source) is not Elementwise:
        return None
    source = node.source
    if uses.get(source.name, 1) > 1:
        return None
    operands = tuple(
        [
            _part(op, source.array_shape, node.index) if isinstance(op, Node) else op
            for op in source.operands_
        ]
    )
    new = Elementwise(
        source.func, operands, source.kwargs, source.dtype, annotations=source.annotations
    )
    return with_blocks(node, new)  # type: ignore[no-any-return]


def _part(operand: Any, shape: tuple[int, ...], index: tuple[Any, ...]) -> Any:
    """The part of an operand that is broadcast to what the index takes."""
    shift = len(shape) - operand.ndim
    own = []
    for axis, length in enumerate(operand.array_shape):
        entry = index[axis + shift]
        if length == 1 and shape[axis + shift] != 1:
            entry = slice(0, 1, 1) if isinstance(entry, slice) else 0
        own.append(entry)
    return sliced(operand, own)
