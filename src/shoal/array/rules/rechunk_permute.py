"""A transposed array in other blocks is the array in other blocks, transposed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shoal.array.nodes.layout import Permute
from shoal.array.nodes.rechunk import Rechunk
from shoal.expr.node import Node

__all__ = ["rechunk_permute"]


def rechunk_permute(node: Any, uses: Mapping[str, int]) -> Node | None:
    """Change the blocks before axes change places, which is a view that others can take up.

    Parameters
    ----------
    node
        Before: ``Rechunk <- Permute(1, 0) <- x``.
    uses
        How many nodes read a node.

    Returns
    -------
    Node or None
        After: ``Permute(1, 0) <- Rechunk <- x``.

    Examples
    --------
    >>> import shoal.array as da
    >>> rechunk_permute(da.ones((2, 4), chunks=2).T.rechunk(1)._node, {}).chunks
    ((1, 1, 1, 1), (1, 1))
    """
    if type(node) is not Rechunk or type(node.source) is not Permute:
        return None
    permute = node.source
    if any(a is None and own != (1,) for a, own in zip(permute.axes, node.given, strict=True)):
        return None
    given = dict(zip(permute.axes, node.given, strict=True))
    source = permute.source
    # Axes that the permutation leaves out have a length of 1.
    blocks = tuple([given.get(axis, own) for axis, own in enumerate(source.chunks)])
    return permute.replace(source=Rechunk(source, blocks, annotations=node.annotations))
