"""Planning while running: what is better decided when something has been computed.

Some decisions depend on sizes that nobody knows before: how much a filter leaves, how often the
most frequent key occurs.  A node that has such a decision to make says, by `Node.watched`, which
nodes should be computed first.  Their blocks are computed and stay where they are, each is measured
by a task (``watched.measure``), and `Node.settled` is told.  It answers with what it is to be
replaced by: nodes that are planned as all others are, or one that waits for more.

The expression is cut where somebody watches, so nothing is computed twice as long as what is
watched has no other readers; that is for those to see to who leave a decision open.  An expression
in which nobody watches is planned as a whole and knows nothing of this module.  `Stages` is the
whole procedure without anybody who waits; `run_stages` waits, and a cluster's client that returns
futures at once goes on when it hears of the sizes.  Where nothing is to be run (`explain`), open
decisions are made as the estimates say: the node is rewritten by the rules for what is physical.
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

__all__ = [
    "PHYSICAL",
    "Seen",
    "Stager",
    "Stages",
    "decision",
    "note_decision",
    "open_decisions",
    "run_stages",
]

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


class Stages:
    """Expressions on their way to a plan: what is decided, and what waits for sizes.

    Whoever drives them computes what `ask` gives, hands its blocks to `measure`, and what that
    gives to `tell`, until `ask` gives nothing.  `decided` may be called at any time: what is
    still open then is planned as the estimates say.

    Parameters
    ----------
    roots
        Expressions.
    rules
        As of `rewrite`.
    fixed
        Whether the roots must have as many blocks as they say.

    Examples
    --------
    >>> stages = Stages([Held((1, 2))], [])
    >>> stages.ask(), stages.decided()[0][0].size
    ([], 2)
    """

    def __init__(self, roots: Sequence[Node], rules: Sequence[Rule], fixed: bool = False) -> None:
        logical = [rule for rule in rules if getattr(rule, "phase", 0) < PHYSICAL]
        self._physical = [rule for rule in rules if getattr(rule, "phase", 0) >= PHYSICAL]
        self._fixed = fixed
        self._current, self._steps = rewrite(roots, logical)
        self._waiting: list[Node] = []
        self._kept: dict[str, Held] = {}

    @property
    def is_open(self) -> bool:
        """Whether anything waits for sizes."""
        return bool(innermost(self._current))

    def ask(self) -> list[Node]:
        """What is to be computed next, its blocks to be kept where they are; nothing: all is known.

        Returns
        -------
        list of Node
            In an order of their own.
        """
        self._waiting = innermost(self._current)
        planned, _ = rewrite(list(self._watched().values()), self._physical)
        return planned

    def _watched(self) -> dict[str, Any]:
        return {one.name: one for node in self._waiting for one in node.watched()}

    def measure(self, blocks: Sequence[Sequence[Any]]) -> list[Node]:
        """What measures the blocks that were computed.

        Parameters
        ----------
        blocks
            Of each node that was asked for: they, or what stands for them.
        """
        watched = self._watched()
        # Another name each time: what is not pure may have other blocks now.
        self._kept = {
            name: Held(tuple(some), name=f"{name}-seen-{next(_count)}")
            for name, some in zip(watched, blocks, strict=True)
        }
        return [Measures(self._kept[name], one.measure) for name, one in watched.items()]

    def tell(self, measures: Sequence[Sequence[Any]]) -> None:
        """Decide what waited for these.

        Parameters
        ----------
        measures
            The blocks of what `measure` gave.
        """
        told = zip(self._kept.items(), measures, strict=True)
        seen = {name: Seen(held, list(some)) for (name, held), some in told}
        new = {
            node.name: node.settled([seen[one.name] for one in node.watched()], self._fixed)
            for node in self._waiting
        }

        def settle(node: Any, uses: Mapping[str, int]) -> Node | None:
            return new.get(node.name)

        self._current, more = rewrite(self._current, [settle])
        self._steps += more
        self._waiting, self._kept = [], {}

    def decided(self) -> tuple[list[Node], list[Step]]:
        """The expressions as they are run, and what was changed on the way.

        Returns
        -------
        roots, steps
            As of `rewrite`.
        """
        roots, more = rewrite(self._current, self._physical)
        return roots, self._steps + more


def run_stages(stages: Stages, stager: Stager) -> None:
    """Run what decisions depend on, until none is open.

    Parameters
    ----------
    stages
        The expressions.
    stager
        Runs parts of them.

    Examples
    --------
    >>> run_stages(Stages([Held((1, 2))], []), None)
    """
    while asked := stages.ask():
        measuring = stages.measure(stager.keep(asked))
        stages.tell(stager.run(measuring))


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
