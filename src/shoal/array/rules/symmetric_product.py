"""A matrix times its own transpose is symmetric: half of it is computed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from shoal.array.kernels.contract import Accumulate
from shoal.array.nodes.blockwise import Blockwise
from shoal.array.nodes.layout import Permute
from shoal.array.nodes.symmetric import SymmetricProduct
from shoal.expr.node import Node

__all__ = ["symmetric_product"]

MOST_BLOCKS = 10_000
"""Larger products keep the regular form, in which large graphs are ordered."""


def symmetric_product(node: Any, uses: Mapping[str, int]) -> Node | None:
    """Compute the blocks on and above the diagonal, and mirror the others.

    Parameters
    ----------
    node
        Before: ``Blockwise(matmul) <- x, Permute(1, 0) <- x``.
    uses
        How many nodes read a node.

    Returns
    -------
    Node or None
        After: ``SymmetricProduct <- x``.

    Examples
    --------
    >>> import shoal.array as da
    >>> x = da.ones((4, 6), chunks=2)
    >>> symmetric_product((x @ x.T)._node, {})
    <product-...: SymmetricProduct(x @ x.T, 60 products) (4, 4)>
    """
    if type(node) is not Blockwise or not _is_matmul(node.func) or len(node.inputs) != 2:
        return None
    left, right = node.inputs
    if node.labels != ((node.out[0], node.labels[0][1]), (node.labels[0][1], node.out[-1])):
        return None
    if (
        node.size > MOST_BLOCKS
        or type(node.meta) is not np.ndarray
        or node.dtype.kind not in "fciu"
    ):
        return None
    for source, other, is_first in ((left, right, True), (right, left, False)):
        if type(other) is Permute and other.source.name == source.name and other.axes == (1, 0):
            return SymmetricProduct(source, is_first, node.kind, annotations=node.annotations)
    return None


def _is_matmul(func: Any) -> bool:
    return type(func) is Accumulate and func.func is np.matmul and func.op is np.add
