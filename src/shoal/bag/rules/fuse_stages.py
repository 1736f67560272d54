"""``map`` of ``filter`` of ``read_text`` is one pass over the file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shoal.bag.nodes import Stage
from shoal.bag.steps import count_refs, renumber
from shoal.expr.node import Node
from shoal.graph.layers import Each

__all__ = ["fuse_stages"]

MOST_STEPS = 250
"""Of one stage: iterators within iterators are calls within calls in C, whose stack ends."""


def fuse_stages(node: Any, uses: Mapping[str, int]) -> Stage | None:
    """Put the stages that a stage reads into it.

    A stage that something else reads as well stays what it is, or it would run twice; unless it
    is cheap (values that are there already, a range of numbers).

    Parameters
    ----------
    node
        Before: ``Stage(filter) <- Stage(map) <- x``.
    uses
        How many nodes read a node.

    Returns
    -------
    Stage or None
        After: ``Stage(map | filter) <- x``.

    Examples
    --------
    >>> from shoal.bag.nodes import one_step
    >>> from shoal.bag.steps import step
    >>> from shoal.expr.node import Held
    >>> from shoal.graph.task import Ref
    >>> before = one_step(one_step(Held(([1, 2],)), step(map, abs, Ref(0))), step(sum, Ref(0)))
    >>> fuse_stages(before, {before.inputs[0].name: 1})
    <sum-...: Stage(map | sum) (1,)>
    """
    if type(node) is not Stage or not node.steps:
        return None
    inner = [_fits(item, i, node, uses) for i, item in enumerate(node.inputs)]
    return _fused(node, inner) if any(inner) else None


def _fits(item: Any, i: int, node: Stage, uses: Mapping[str, int]) -> bool:
    """Whether input ``i`` of a stage is a stage to be put into it."""
    if type(item) is not Stage or item.annotations != node.annotations:
        return False
    if item.npartitions is None and node.npartitions is not None:
        # One value for all partitions: computed once, not once for each.
        return False
    if item.size != node.size:
        return False
    if not item.steps:
        return True
    if count_refs(node.steps, i) != 1:
        # An iterator serves one reader.
        return False
    if len(item.steps) + len(node.steps) > MOST_STEPS:
        return False
    return uses[item.name] <= 1 or all(step.cheap for step in item.steps)


def _fused(node: Stage, inner: list[bool]) -> Stage:
    inputs: list[Any] = []
    steps: list[Any] = []
    places: dict[str, int] = {}
    ends: dict[int, int] = {}
    """Of inputs that become steps: the place of the last one."""
    positions: dict[int, int] = {}

    def add(item: Any) -> int:
        key = "" if isinstance(item, Each) else _key(item)
        if key and key in places:
            return places[key]
        inputs.append(item)
        places[key] = len(inputs) - 1
        return len(inputs) - 1

    for i, item in enumerate(node.inputs):
        if not inner[i]:
            positions[i] = add(item)
        elif not item.steps:
            positions[i] = add(item.inputs[0])
        else:
            moved = [add(one) for one in item.inputs]
            shift = moved == list(range(len(moved)))
            steps += item.steps if shift else renumber(item.steps, lambda _, p: moved[p])  # noqa: B023
            ends[i] = len(steps) - 1
    before = len(steps)

    def change(place: int, position: int) -> int:
        # A result counts back from the step that reads it.
        if position in ends:
            return ends[position] - (before + place)
        return positions[position]

    steps += renumber(node.steps, change)
    told = "".join("01"[flag] for flag in inner)
    return Stage(
        tuple(inputs),
        tuple(steps),
        node.npartitions,
        # A name that follows from the stage's own: no need to read all the steps again.
        name=f"{node.name}-fused-{told}",
        annotations=node.annotations,
    )


def _key(item: Any) -> str:
    return item.name if isinstance(item, Node) else f"call-{id(item)}"
