"""Products of matrices are computed in blocks without slivers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from shoal.array.chunks import AxisChunks, Chunks
from shoal.array.kernels.contract import Accumulate
from shoal.array.nodes.base import ArrayNode
from shoal.array.nodes.blockwise import Blockwise, blocks_by_label
from shoal.array.nodes.rechunk import Rechunk
from shoal.array.nodes.symmetric import SymmetricProduct
from shoal.expr.node import Node

__all__ = ["join_slivers"]

LEAST = 64
"""What is cut into shorter blocks than this is not made better by longer ones."""

PART = 16
"""A sliver is shorter than this part of the longest block."""


def join_slivers(node: Any, uses: Mapping[str, int]) -> Node | None:
    """Put blocks that are far shorter than the others together with their neighbours.

    A sliver along the summed axis costs a pass over the whole product, and one along another axis a
    pass over what it is multiplied with, each for next to no work.

    Parameters
    ----------
    node
        Before: ``Blockwise(matmul) <- x, y``, cut as ``(1000, 1000, 1)``.
    uses
        How many nodes read a node.

    Returns
    -------
    Node or None
        After: ``Rechunk <- Blockwise(matmul) <- Rechunk <- x, Rechunk <- y``, where the product is
        cut as ``(1000, 1001)``, and the result as before.

    Examples
    --------
    >>> import shoal.array as da
    >>> x = da.ones((65, 65), chunks=64)
    >>> join_slivers((x @ x)._node, {})
    <rechunk-merge-...: Rechunk((1, 1) -> (2, 2) blocks) (65, 65)>
    """
    made: ArrayNode
    if type(node) is SymmetricProduct:
        source = node.source
        whole = _rechunked(source, tuple([without_slivers(own) for own in source.chunks]))
        if whole is source:
            return None
        made = node.replace(source=whole)
    elif type(node) is Blockwise and _is_product(node):
        found = blocks_by_label(node.inputs, node.labels)
        blocks = {label: without_slivers(own) for label, own in found.items()}
        inputs = tuple(
            [
                _rechunked(item, tuple([blocks[label] for label in own]))
                for item, own in zip(node.inputs, node.labels, strict=True)
            ]
        )
        if inputs == node.inputs:
            return None
        made = node.replace(inputs=inputs)
    else:
        return None
    return _rechunked(made, node.chunks)


join_slivers.phase = 1  # type: ignore[attr-defined] # symmetric products are found as written


def _rechunked(node: ArrayNode, chunks: Chunks) -> ArrayNode:
    return node if node.chunks == chunks else Rechunk(node, chunks)


def _is_product(node: Blockwise) -> bool:
    """Whether a node is the product of two arrays cut alike along each axis that they share."""
    func = node.func
    if type(func) is Accumulate and func.op is np.add:
        func = func.func
    if func is not np.matmul or node.new_axes or not all(isinstance(a, Node) for a in node.inputs):
        return False
    found = blocks_by_label(node.inputs, node.labels)
    pairs = zip(node.inputs, node.labels, strict=True)
    return all(
        blocks == found[label]
        for item, own in pairs
        for label, blocks in zip(own, item.chunks, strict=True)
    )


def without_slivers(blocks: AxisChunks) -> AxisChunks:
    """Blocks along an axis, with slivers in the block before them, or else the one after.

    Parameters
    ----------
    blocks
        Lengths.

    Examples
    --------
    >>> without_slivers((1000, 1000, 1)), without_slivers((2, 1000)), without_slivers((90, 10))
    ((1000, 1001), (1002,), (90, 10))
    """
    longest = max(blocks, default=0)
    # Of unknown lengths nothing is said: a comparison with nan is false.
    if not longest >= LEAST or any(n != n for n in blocks):
        return blocks
    limit = longest + longest // PART
    out: list[int] = []
    for n in blocks:
        is_sliver = bool(out) and (n < longest / PART or out[-1] < longest / PART)
        if is_sliver and out[-1] + n <= limit:
            out[-1] += n
        else:
            out.append(n)
    return tuple(out)
