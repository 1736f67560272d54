"""Planning while running: what is better decided when something has been computed.

Some decisions depend on sizes that nobody knows before: how much a filter leaves, how often the
most frequent key occurs.  A node that has such a decision to make says, by `Node.watched`, which
nodes should be computed first.  Their blocks are computed and stay where they are, each is measured
by a task (``watched.measure``), and `Node.settled` is told.  It answers with what it is to be
replaced by: nodes that are planned as all others are, or one that waits for more.

The expression is cut where somebody watches, so nothing is computed twice as long as what is
watched has no other readers; that is for those to see to who leave a decision open.  An expression
in which nobody watches is planned as a whole and knows nothing of this module.  Where there is
nobody to wait (a cluster's client that returns futures at once, `explain`), open decisions are
made as the estimates say: the node is rewritten by the rules for what is physical.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from shoal.expr.lower import Lowering
from shoal.expr.node import Held, Node
from shoal.expr.rewrite import Rule, Step, rewrite
from shoal.graph.layers import Blocks

__all__ = ["PHYSICAL", "Seen", "Stager", "adapt", "decision", "note_decision", "open_decisions"]

PHYSICAL = 3
"""Rules of this phase and later ones say how; those before them what."""

MOST_DECISIONS = 1000
"""Of so many nodes it is remembered what was decided."""

_count = itertools.count()
_decisions: OrderedDict[str, str] = OrderedDict()


@dataclasses.dataclass(frozen=True)
class Seen:
    """A node that has been computed.

    Parameters
    ----------
    blocks
        They, or what stands for them.
    measures
        What the node's ``measure`` says of each.

    Examples
    --------
    >>> Seen(Held((b"abc",)), [3]).measures
    [3]
    """

    blocks: Held
    measures: list[Any]


class Stager(Protocol):
    """Runs a part of an expression before the rest of it is planned.

    Examples
    --------
    >>> hasattr(Stager, "keep")
    True
    """

    def keep(self, roots: Sequence[Node]) -> list[Sequence[Any]]:
        """The blocks of each node, or what stands for them where they stay elsewhere."""

    def run(self, roots: Sequence[Node]) -> list[Sequence[Any]]:
        """The blocks of each node, here."""


class Measures(Node):
    """What is to be known of each block of a node.

    Parameters
    ----------
    source
        The node.
    measure
        ``measure(block)``.

    Examples
    --------
    >>> Measures(Held((b"abc", b"")), len).size
    2
    """

    __slots__ = ()
    fields = ("source", "measure")
    prefix = "measure"

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the source."""
        shape: tuple[int, ...] = self.source.shape
        return shape

    def place(self, lowering: Lowering) -> None:
        """A task a block."""
        axes = tuple(range(len(self.shape)))
        lowering.add_grid(self, self.measure, [Blocks(self.source.name, self.shape, axes)])


def adapt(
    roots: Sequence[Node], rules: Sequence[Rule], stager: Stager, fixed: bool = False
) -> tuple[list[Node], list[Step]]:
    """Rewrite expressions; where decisions are open, run what they depend on.

    Parameters
    ----------
    roots
        Expressions.
    rules
        As of `rewrite`.
    stager
        Runs parts of them.
    fixed
        Whether the roots must have as many blocks as they say.

    Returns
    -------
    roots, steps
        As of `rewrite`.

    Examples
    --------
    >>> (root,), steps = adapt([Held((1, 2))], [], None)
    >>> root.size
    2
    """
    logical = [rule for rule in rules if getattr(rule, "phase", 0) < PHYSICAL]
    physical = [rule for rule in rules if getattr(rule, "phase", 0) >= PHYSICAL]
    current, steps = rewrite(roots, logical)
    while True:
        waiting = innermost(current)
        if not waiting:
            break
        watched = {one.name: one for node in waiting for one in node.watched()}
        seen = look(watched, physical, stager)
        new: dict[str, Node] = {}
        for node in waiting:
            told = [seen[one.name] for one in node.watched()]
            new[node.name] = node.settled(told, fixed)

        def settle(node: Any, uses: Mapping[str, int], new: Any = new) -> Node | None:
            found: Node | None = new.get(node.name)
            return found

        current, more = rewrite(current, [settle])
        steps += more
    current, more = rewrite(current, physical)
    return current, steps + more


def look(watched: Mapping[str, Node], rules: Sequence[Rule], stager: Stager) -> dict[str, Seen]:
    """Compute nodes, keep their blocks, and measure them.

    Parameters
    ----------
    watched
        By name.
    rules
        Those for what is physical.
    stager
        Runs them.
    """
    planned, _ = rewrite(list(watched.values()), rules)
    # Another name each time: what is not pure may have other blocks now.
    kept = [
        Held(tuple(blocks), name=f"{one.name}-seen-{next(_count)}")
        for one, blocks in zip(watched.values(), stager.keep(planned), strict=True)
    ]
    measures: Any = [one.measure for one in watched.values()]
    tasks = [Measures(held, measure) for held, measure in zip(kept, measures, strict=True)]
    found = stager.run(tasks)
    return {
        name: Seen(held, list(told)) for name, held, told in zip(watched, kept, found, strict=True)
    }


def innermost(roots: Sequence[Node]) -> list[Node]:
    """The nodes that watch others and have no such node below them.

    Parameters
    ----------
    roots
        Expressions.

    Examples
    --------
    >>> innermost([Held((1,))])
    []
    """
    open_below: dict[str, bool] = {}
    found: list[Node] = []
    stack: list[Any] = list(roots)
    while stack:
        node = stack[-1]
        if node.name in open_below:
            stack.pop()
            continue
        sources = [source for source in node.sources if isinstance(source, Node)]
        waiting = [source for source in sources if source.name not in open_below]
        if waiting:
            stack += waiting
            continue
        stack.pop()
        below = any(open_below[source.name] for source in sources)
        here = not below and bool(node.watched())
        open_below[node.name] = below or here
        if here:
            found.append(node)
    return found


def open_decisions(roots: Sequence[Node], rules: Sequence[Rule]) -> list[str]:
    """What is decided only when expressions run, in words: a line for each.

    Parameters
    ----------
    roots
        Expressions as they were written.
    rules
        As of `rewrite`.

    Examples
    --------
    >>> open_decisions([Held((1,))], [])
    []
    """
    current, _ = rewrite(
        list(roots),
        [rule for rule in rules if getattr(rule, "phase", 0) < PHYSICAL],
    )
    lines: dict[str, str] = {}
    stack: list[Any] = list(current)
    seen: set[str] = set()
    while stack:
        node = stack.pop()
        if isinstance(node, Node) and node.name not in seen:
            seen.add(node.name)
            stack += node.sources
            if node.watched():
                lines[node.name] = node.told_open()
    return list(lines.values())


def note_decision(key: str, text: str) -> None:
    """Remember what was decided, for `explain`.

    Parameters
    ----------
    key
        Name of the node as it was written.
    text
        What, and why.

    Examples
    --------
    >>> note_decision("join-1", "the right side is small")
    >>> decision("join-1")
    'the right side is small'
    """
    _decisions[key] = text
    _decisions.move_to_end(key)
    while len(_decisions) > MOST_DECISIONS:
        _decisions.popitem(last=False)


def decision(key: str) -> str | None:
    """What was decided the last time; None: nothing yet.

    Parameters
    ----------
    key
        As of `note_decision`.

    Examples
    --------
    >>> decision("no such node") is None
    True
    """
    return _decisions.get(key)
