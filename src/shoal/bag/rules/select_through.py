"""Partitions that are not wanted are left out at the source."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from shoal.bag.nodes import BagNode, Concat, Select, Stage
from shoal.expr.node import Node
from shoal.graph.layers import Each

__all__ = ["select_through"]


def select_through(node: Any, uses: Mapping[str, int]) -> BagNode | None:
    """Move a selection of partitions below stages and concatenations.

    The partitions are not computed either way.  Moved, what follows the selection (the first few
    elements, say) can be fused with the stage, and fetches no more than it wants.

    Parameters
    ----------
    node
        Before: ``Select((0,)) <- Stage(map) <- x``.
    uses
        How many nodes read a node.

    Returns
    -------
    BagNode or None
        After: ``Stage(map) <- Select((0,)) <- x``.

    Examples
    --------
    >>> from shoal.bag.nodes import one_step
    >>> from shoal.bag.steps import step
    >>> from shoal.expr.node import Held
    >>> from shoal.graph.task import Ref
    >>> stage = one_step(Held(([1], [2])), step(map, abs, Ref(0)))
    >>> after = select_through(Select(stage, (1,)), {stage.name: 1})
    >>> after, after.inputs[0]
    (<map-...: Stage(map) (1,)>, <select-...: Select(blocks=(1,)) (1,)>)
    """
    if type(node) is not Select:
        return None
    source, blocks = node.source, node.blocks
    if blocks == tuple(range(source.size)):
        return source  # type: ignore[no-any-return]
    if type(source) is Select:
        return Select(source.source, tuple([source.blocks[b] for b in blocks]))
    if uses[source.name] > 1:
        return None
    if type(source) is Stage and source.size > 1:
        inputs = tuple([_selected(item, blocks, source.size) for item in source.inputs])
        return Stage(inputs, source.steps, len(blocks), annotations=source.annotations)
    if type(source) is Concat:
        return _of_parts(source, blocks)
    return None


def _selected(item: Any, blocks: tuple[int, ...], size: int) -> Any:
    if isinstance(item, Each):
        return Each([item.values[b] for b in blocks])
    if isinstance(item, Node) and item.shape and item.size == size:
        return Select(item, blocks)
    return item


def _of_parts(source: Concat, blocks: tuple[int, ...]) -> BagNode:
    owners = [(part, b) for part in source.parts for b in range(part.size)]
    groups = itertools.groupby([owners[b] for b in blocks], key=lambda owner: owner[0].name)
    parts = []
    for _, members in groups:
        wanted = list(members)
        parts.append(Select(wanted[0][0], tuple([b for _, b in wanted])))
    return parts[0] if len(parts) == 1 else Concat(tuple(parts))
