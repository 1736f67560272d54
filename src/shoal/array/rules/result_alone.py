"""One of several results, where nobody wants the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shoal.array.nodes.algorithm import Algorithm
from shoal.expr.node import Node

__all__ = ["result_alone"]


def result_alone(node: Any, uses: Mapping[str, int]) -> Node | None:
    """Take the shorter way that an algorithm's steps name as ``alone``.

    Parameters
    ----------
    node
        Before: ``Algorithm(triangle) <- Algorithm(tsqr) <- x``, and no other reader of the second.
    uses
        How many nodes read a node.

    Returns
    -------
    Node or None
        After: ``Algorithm(triangle_alone) <- x``, which makes no ``Q``.

    Examples
    --------
    >>> import shoal.array as da
    >>> q, r = da.linalg.tsqr(da.ones((4, 2), chunks=(2, 2)))
    >>> result_alone(r._node, {r._node.sources[0].name: 1})
    <triangle_alone-...: Algorithm(triangle_alone) (2, 2)>
    """
    alone = getattr(node.steps, "alone", None) if type(node) is Algorithm else None
    if alone is None:
        return None
    (source,) = node.inputs
    if type(source) is not Algorithm or uses.get(source.name, 1) > 1:
        return None
    fields = {"steps": alone, "inputs": source.inputs, "options": source.options}
    return node.replace(**fields)  # type: ignore[no-any-return]
