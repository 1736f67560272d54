"""A stage over a concatenation is done to each part, where it can join what made the part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shoal.bag.nodes import Concat, Stage
from shoal.expr.node import Node
from shoal.graph.layers import Each

__all__ = ["stage_through_concat"]


def stage_through_concat(node: Any, uses: Mapping[str, int]) -> Concat | None:
    """Concatenate after a stage in place of before.

    Parameters
    ----------
    node
        Before: ``Stage(map) <- Concat(x, y)``.
    uses
        How many nodes read a node.

    Returns
    -------
    Concat or None
        After: ``Concat(Stage(map) <- x, Stage(map) <- y)``.

    Examples
    --------
    >>> from shoal.bag.nodes import one_step
    >>> from shoal.bag.steps import step
    >>> from shoal.expr.node import Held
    >>> from shoal.graph.task import Ref
    >>> both = Concat((Held(([1],)), Held(([2],))))
    >>> after = stage_through_concat(one_step(both, step(map, abs, Ref(0))), {both.name: 1})
    >>> after.parts
    (<map-...: Stage(map) (1,)>, <map-...: Stage(map) (1,)>)
    """
    if type(node) is not Stage or not node.steps:
        return None
    whole = [i for i, item in enumerate(node.inputs) if type(item) is Concat]
    if len(whole) != 1 or uses[node.inputs[whole[0]].name] > 1:
        return None
    (at,) = whole
    concat = node.inputs[at]
    others = [item for i, item in enumerate(node.inputs) if i != at]
    # Another bag would have to be cut in the same places.
    if any(isinstance(item, Node) and item.size != 1 for item in others):
        return None
    if concat.size != node.size or len(concat.parts) < 2:
        return None
    return Concat(tuple(_part(node, at, start, part) for start, part in _starts(concat)))


def _starts(concat: Concat) -> list[tuple[int, Any]]:
    out = []
    start = 0
    for part in concat.parts:
        out.append((start, part))
        start += part.size
    return out


def _part(node: Stage, at: int, start: int, part: Any) -> Stage:
    stop = start + part.size
    inputs = [
        part if i == at else Each(item.values[start:stop]) if isinstance(item, Each) else item
        for i, item in enumerate(node.inputs)
    ]
    return Stage(tuple(inputs), node.steps, part.size, annotations=node.annotations)
