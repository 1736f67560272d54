"""The rewrite engine: rules applied until none applies.

A rule is a function ``rule(node, uses) -> node or None``.  It looks at one node and what stands
right below it, and returns what should stand there instead.  ``uses`` tells how many nodes read a
node, for rules that would otherwise compute something twice.

A package's rules are a visible tuple, tried in that order.  One pass goes bottom-up through the
expression and rewrites each node until no rule wants it; passes are repeated until one changes
nothing.  Rules that undo each other are an error of the rules: after `MOST_PASSES` the engine
says which ones were still at it.

Two attributes of a rule change when and on what it is called.  A rule with ``phase = n`` waits
until the rules of lower phases have come to an end (0 unless said): what fuses operations would
hide them from the rules that move them.  A rule with ``whole = True`` is called once a pass, with
all roots, and returns as many: for what can only be decided when all readers of a node are known.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from shoal.errors import GraphError
from shoal.expr.node import Node

__all__ = ["Rule", "Step", "count_uses", "rewrite"]

MOST_PASSES = 100

Rule: TypeAlias = Callable[..., Any]
"""``rule(node, uses) -> node or None``; with ``whole = True``: ``rule(roots) -> roots``."""


@dataclasses.dataclass(frozen=True)
class Step:
    """One application of a rule, for `explain`.

    Parameters
    ----------
    rule
        The rule's name.
    before, after
        The node it looked at, and what it returned.

    Examples
    --------
    >>> from shoal.expr.node import Held
    >>> Step("fold", Held((1,)), Held((2,))).rule
    'fold'
    """

    rule: str
    before: Node
    after: Node


def count_uses(roots: Iterable[Any]) -> Counter[str]:
    """How often each node is read; being a root counts as well.

    Parameters
    ----------
    roots
        Expressions.

    Examples
    --------
    >>> from shoal.expr.node import Held
    >>> node = Held((1,))
    >>> count_uses([node, node])[node.name]
    2
    """
    uses: Counter[str] = Counter()
    stack = []
    for root in roots:
        uses[root.name] += 1
        if uses[root.name] == 1:
            stack.append(root)
    while stack:
        for source in stack.pop().sources:
            if isinstance(source, Node):
                uses[source.name] += 1
                if uses[source.name] == 1:
                    stack.append(source)
    return uses


def rewrite(roots: Sequence[Node], rules: Sequence[Rule]) -> tuple[list[Node], list[Step]]:
    """Apply rules to a fixed point.

    Parameters
    ----------
    roots
        Expressions; what they share stays shared.
    rules
        Tried in this order on each node.

    Returns
    -------
    roots, steps
        The rewritten expressions, and what happened.

    Raises
    ------
    GraphError
        The rules do not come to an end.

    Examples
    --------
    >>> from shoal.expr.node import Held
    >>> def empty(node, uses):
    ...     return Held(()) if isinstance(node, Held) and node.size else None
    >>> (root,), steps = rewrite([Held((1, 2))], [empty])
    >>> root.size, [step.rule for step in steps]
    (0, ['empty'])
    """
    steps: list[Step] = []
    current = list(roots)
    phases: dict[int, list[Rule]] = {}
    for rule in rules:
        phases.setdefault(getattr(rule, "phase", 0), []).append(rule)
    for phase in sorted(phases):
        current = _fixed_point(current, phases[phase], steps)
    return current, steps


def _fixed_point(roots: list[Node], rules: Sequence[Rule], steps: list[Step]) -> list[Node]:
    """Apply the rules of one phase until none applies."""
    local = [rule for rule in rules if not getattr(rule, "whole", False)]
    whole = [rule for rule in rules if getattr(rule, "whole", False)]
    for _ in range(MOST_PASSES):
        before = len(steps)
        if local:
            roots = _one_pass(roots, local, steps)
        for rule in whole:
            roots = _apply_whole(rule, roots, steps)
        if len(steps) == before:
            return roots
    culprits = ", ".join(sorted({step.rule for step in steps[-10:]}))
    raise GraphError(
        f"rewriting did not end after {MOST_PASSES} passes; still rewriting: {culprits}. "
        "Two of these rules undo each other"
    )


def _apply_whole(rule: Rule, roots: list[Node], steps: list[Step]) -> list[Node]:
    new = list(rule(roots))
    name = getattr(rule, "__name__", repr(rule))
    steps += [Step(name, a, b) for a, b in zip(roots, new, strict=True) if a is not b]
    return new


def _one_pass(roots: list[Node], rules: Sequence[Rule], steps: list[Step]) -> list[Node]:
    """Rewrite every node once, sources first."""
    uses = count_uses(roots)
    done: dict[str, Node] = {}
    stack: list[Node] = list(reversed(roots))
    while stack:
        node = stack[-1]
        if node.name in done:
            stack.pop()
            continue
        waiting = [s for s in node.sources if isinstance(s, Node) and s.name not in done]
        if waiting:
            stack += waiting
            continue
        stack.pop()
        new = node.map_sources(lambda source: done.get(source.name, source))
        # A node with new sources is as often used as the one it stands for.
        uses[new.name] = max(uses[new.name], uses[node.name])
        done[node.name] = _apply(new, rules, uses, steps)
    return [done[root.name] for root in roots]


def _apply(node: Node, rules: Sequence[Rule], uses: Counter[str], steps: list[Step]) -> Node:
    """Rewrite one node until no rule wants it."""
    for _ in range(MOST_PASSES):
        for rule in rules:
            new = rule(node, uses)
            if new is not None and new is not node:
                steps.append(Step(getattr(rule, "__name__", repr(rule)), node, new))
                uses[new.name] = max(uses[new.name], uses[node.name])
                node = new
                break
        else:
            return node
    return node
