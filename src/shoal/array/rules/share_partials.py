"""Reductions of the same array that begin alike have their partial results in common."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from shoal.array.kernels.moments import moment_chunk
from shoal.array.kernels.reduce import mean_chunk
from shoal.array.nodes.reduction import Finish, Reduction
from shoal.expr.node import Node
from shoal.graph.token import tokenize

__all__ = ["share_partials"]


def share_partials(roots: Sequence[Node]) -> list[Node]:
    """Make the partial results of several reductions once; a mean takes those of a deviation.

    Parameters
    ----------
    roots
        Before: ``Reduction(mean) <- x`` and ``Reduction(std) <- x``.

    Returns
    -------
    list
        After: ``Finish(mean)`` and ``Finish(std)``, which read one ``Reduction`` of ``x``.

    Examples
    --------
    >>> import shoal.array as da
    >>> x = da.ones(6, chunks=2)
    >>> mean, std = share_partials([x.mean()._node, x.std()._node])
    >>> mean.partials is std.partials, mean.label()
    (True, 'Finish(mean)')
    """
    found = _reductions(roots)
    moments = {_place(node, "moments"): node for node in found if _function(node) is moment_chunk}
    alike: dict[Hashable, dict[str, Reduction]] = {}
    for node in found:
        first = node
        if _function(node) is mean_chunk:
            # The sums and counts that moments keep as well.
            same = moments.get(_place(node, "moments"))
            if same is not None and same.chunk.keywords.get("skip_nan") is False:
                first = node.replace(chunk=same.chunk, combine=same.combine)
        alike.setdefault(_place(first, tokenize(first.chunk)), {})[node.name] = first
    changes = {
        name: _finish(group, first)
        for group in alike.values()
        if len(group) > 1
        for name, first in group.items()
    }
    return [_changed(root, changes) for root in roots] if changes else list(roots)


share_partials.whole = True  # type: ignore[attr-defined]


def _reductions(roots: Sequence[Node]) -> list[Reduction]:
    seen: dict[str, Node] = {root.name: root for root in roots}
    stack = list(seen.values())
    while stack:
        for source in stack.pop().sources:
            if isinstance(source, Node) and source.name not in seen:
                seen[source.name] = source
                stack.append(source)
    return [n for n in seen.values() if type(n) is Reduction and n.aggregate is not None]


def _function(node: Reduction) -> Any:
    return getattr(node.chunk, "func", None)


def _place(node: Reduction, how: str) -> Hashable:
    """What reductions have in common that begin alike."""
    told = getattr(node.chunk, "keywords", {}).get("dtype")
    inputs = tuple([getattr(item, "name", id(item)) for item in node.inputs])
    notes = tokenize(node.annotations) if node.annotations else None
    return inputs, node.axes, node.fan_in, bool(node.concatenate), str(told), how, notes


def _finish(group: dict[str, Reduction], node: Reduction) -> Node:
    """A reduction as the end of partial results, which are the same for its whole group."""
    first = next(iter(group.values()))
    keepdims, output, title = first.keepdims, first.output_size, first.title
    partials = node.replace(
        aggregate=None, keepdims=keepdims, output_size=output, title=title, kind=first.kind,
        chunk=first.chunk, combine=first.combine,
    )  # fmt: skip
    end = (node.aggregate, node.keepdims, node.output_size, node.kind, node.title)
    return Finish(partials, *end, annotations=node.annotations)


def _changed(root: Node, changes: dict[str, Node]) -> Node:
    """An expression with some nodes replaced, sources first."""
    done: dict[str, Any] = {}
    stack: list[Any] = [root]
    while stack:
        node = stack[-1]
        new = changes.get(node.name, node)
        waiting = [s for s in new.sources if isinstance(s, Node) and s.name not in done]
        if waiting:
            stack += waiting
            continue
        stack.pop()
        done[node.name] = new.map_sources(lambda source: done.get(source.name, source))
    return done[root.name]  # type: ignore[no-any-return]
