"""Operations on the same partition become one task."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from shoal.dataframe.nodes.base import FrameNode, PartitionWise, identity
from shoal.dataframe.nodes.stage import Body, Stage
from shoal.dataframe.rules.walk import readers_of, sources_first
from shoal.expr.call import Call
from shoal.expr.node import Node

__all__ = ["fuse_stages"]


def fuse_stages(roots: Sequence[Node]) -> list[Node]:
    """Group partition-wise operations into stages.

    An operation joins those that read it when all of them are in one stage and have as many
    partitions; otherwise it would run twice.  So no path can leave a stage and come back.

    Parameters
    ----------
    roots
        Expressions.  Before: ``Filter <- Operator <- Column <- ReadParquet``.

    Returns
    -------
    list of nodes
        After: ``Stage(read | column | operator | filter)``.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2]}, npartitions=1)
    >>> fuse_stages([(df.x + 1).expr])[0].label()
    "Stage(FromPandas(2 rows) | Column('x') | add(1))"
    """
    order = sources_first(roots)
    groups = _groups(order, roots)
    members: defaultdict[str, list[Any]] = defaultdict(list)
    for node in order:
        members[groups.get(node.name, node.name)].append(node)
    if len(members) == len(order):
        return list(roots)
    new: dict[str, Any] = {}
    for node in order:
        group = members.get(node.name)
        if group is None:
            continue
        if len(group) == 1:
            new[node.name] = node.map_sources(lambda s: new.get(getattr(s, "name", ""), s))
        else:
            new[node.name] = _stage(group, new)
    return [new[root.name] for root in roots]


fuse_stages.phase = 4  # type: ignore[attr-defined]
fuse_stages.whole = True  # type: ignore[attr-defined]


def _groups(order: Sequence[Any], roots: Sequence[Node]) -> dict[str, str]:
    """For each operation the name of the last one in its stage."""
    readers = readers_of(order)
    last = {root.name for root in roots}
    groups: dict[str, str] = {}
    sizes: dict[str, int] = {}
    for node in reversed(order):
        if not isinstance(node, PartitionWise):
            continue
        found = {groups.get(reader.name) for reader in readers[node.name]}
        (group,) = found if len(found) == 1 else (None,)
        fits = (
            group is not None
            and node.name not in last
            and sizes[group] == node.npartitions
            and all(reader.annotations == node.annotations for reader in readers[node.name])
        )
        groups[node.name] = group if fits and group is not None else node.name
        sizes.setdefault(groups[node.name], node.npartitions)
    return groups


def _stage(group: list[PartitionWise], new: dict[str, Any]) -> FrameNode:
    inside = {node.name for node in group}
    inputs: dict[Any, Any] = {}
    for node in group:
        for source in node.sources:
            if isinstance(source, Call):
                inputs[identity(source)] = source
            elif source.name not in inside:
                inputs[source.name] = new[source.name]
    body = Body(tuple(group), tuple(inputs))
    return Stage(tuple(inputs.values()), body, annotations=group[-1].annotations)
