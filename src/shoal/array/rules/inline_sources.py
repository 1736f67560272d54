"""Blocks of files are read, and blocks of one value made, by the tasks that compute with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from shoal.array.nodes.fused import Fused, FusedReduction
from shoal.array.nodes.reduction import Reduction
from shoal.array.nodes.sources import FromArray, Full, Inline
from shoal.expr.footprint import room
from shoal.expr.node import Node
from shoal.expr.rewrite import count_uses

__all__ = ["inline_sources"]

HELD_SHARE = 0.25
"""Of the memory there is: what an array may take that is held because it is needed again later."""


def inline_sources(roots: Sequence[Node]) -> list[Node]:
    """Read in the tasks of the only reader; and once for each reader what is too large to hold.

    ``x - x.mean(axis=0)`` needs every block of ``x`` when the last has been read.  Where that is
    more than `HELD_SHARE` of memory, ``x`` is read twice.  Blocks of one value, all of one shape,
    cost less than a task to pass them on, whoever reads them.

    Parameters
    ----------
    roots
        Before: ``Reduction(sum) <- FromArray(dataset)``.

    Returns
    -------
    list
        After: ``Reduction(reads FromArray(dataset) | sum)``.

    Examples
    --------
    >>> import numpy as np
    >>> import shoal.array as da
    >>> x = da.from_array(np.memmap("/dev/zero", float, "r", shape=(4,)), chunks=2)
    >>> (total,) = inline_sources([x.sum()._node])
    >>> total.sources, total.label()
    ((), 'Reduction(reads FromArray(memmap, (4,)) | sum, axes=(0,), fan_in=(8,))')
    """
    uses = count_uses(roots)
    order = _sources_first(roots)
    readers: dict[str, list[Any]] = {}
    for node in order:
        for source in node.sources:
            if _is_made_or_read(source) and _takes(node, source):
                readers.setdefault(source.name, []).append(node)
    if not readers:
        return list(roots)
    below = _reached(order, {node.name for nodes in readers.values() for node in nodes})
    inlined = {name for name, nodes in readers.items() if _pays(name, nodes, uses, below)}
    if not inlined:
        return list(roots)
    done: dict[str, Any] = {}
    for node in order:
        new = _with_reading(node, inlined)
        done[node.name] = new.map_sources(lambda source: done.get(source.name, source))
    return [done[root.name] for root in roots]


inline_sources.whole = True  # type: ignore[attr-defined]
inline_sources.phase = 3  # type: ignore[attr-defined] # what is read is seen by other rules


def _sources_first(roots: Sequence[Node]) -> list[Any]:
    order: list[Any] = []
    seen: set[str] = set()
    stack: list[Any] = list(reversed(roots))
    while stack:
        node = stack[-1]
        waiting = [s for s in node.sources if isinstance(s, Node) and s.name not in seen]
        if node.name not in seen and waiting:
            stack += waiting
            continue
        stack.pop()
        if node.name not in seen:
            seen.add(node.name)
            order.append(node)
    return order


def _is_made_or_read(node: Any) -> bool:
    if type(node) is Full:
        return all(len(set(blocks)) == 1 for blocks in node.given)
    return type(node) is FromArray


def _takes(node: Any, source: Any) -> bool:
    """Whether tasks of a node can read what is read in its place, block by block."""
    if node.annotations != source.annotations:
        return False
    if type(node) is Reduction:
        return len(node.inputs) == 1
    fused = node.fused if type(node) is FusedReduction else node
    if type(fused) is not Fused or source.chunks != fused.chunks:
        return False
    straight = tuple(range(fused.ndim))
    seen = [m for n, m in zip(fused.inputs, fused.maps, strict=True) if n is source]
    return seen == [straight]


def _reached(order: Sequence[Any], wanted: set[str]) -> dict[str, frozenset[str]]:
    """For each node which of the wanted ones it is computed from."""
    below: dict[str, frozenset[str]] = {}
    none: frozenset[str] = frozenset()
    for node in order:
        sets = {
            below[s.name] | (none if s.name not in wanted else {s.name})
            for s in node.sources
            if isinstance(s, Node)
        }
        below[node.name] = none.union(*sets)
    return below


def _pays(name: str, nodes: Sequence[Any], uses: Counter[str], below: Any) -> bool:
    if uses[name] == 1:
        return True
    (source,) = [s for s in nodes[0].sources if s.name == name]
    if type(source) is Full:
        return True
    names = {node.name for node in nodes}
    if not any(below[node.name] & names for node in nodes):
        # Nobody waits for another: a block is read, and given to all of them.
        return False
    return source.nbytes > HELD_SHARE * room().limit_bytes  # type: ignore[no-any-return]


def _with_reading(node: Any, inlined: set[str]) -> Any:
    if type(node) not in (Reduction, Fused, FusedReduction):
        return node
    fused = node.fused if type(node) is FusedReduction else node
    inputs = tuple(
        [
            Inline(s) if getattr(s, "name", None) in inlined and _takes(node, s) else s
            for s in fused.inputs
        ]
    )
    if inputs == fused.inputs:
        return node
    new = fused.replace(inputs=inputs)
    return node.replace(inputs=(new,)) if type(node) is FusedReduction else new
