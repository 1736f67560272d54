"""A tree over one partition is no tree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shoal.bag.nodes import Stage, Tree
from shoal.bag.steps import step
from shoal.graph.task import Nest, Ref

__all__ = ["tree_of_one"]


def tree_of_one(node: Any, uses: Mapping[str, int]) -> Stage | None:
    """Make the reduction of a bag with one partition a stage, which can be fused.

    Parameters
    ----------
    node
        Before: ``Tree(sum) <- x``, where ``x`` has one block.
    uses
        How many nodes read a node.

    Returns
    -------
    Stage or None
        After: ``Stage(sum) <- x``.

    Examples
    --------
    >>> from shoal.expr.node import Held
    >>> tree_of_one(Tree(Held((1,)), sum, sum, None, "sum", None), {})
    <sum-...: Stage(sum) ()>
    """
    if type(node) is not Tree or node.source.size != 1:
        return None
    last = step(node.final, Nest(list, [Ref(0)]), title=node.title)
    return Stage((node.source,), (last,), node.npartitions, annotations=node.annotations)
