"""A shuffle of which it is decided while it runs how it goes on.

`Open` stands above a join, a shuffle or a reduction to several partitions (the rule `leave_open`
puts it there, and says what may change).  First the partitions are cut, as they would be anyway;
what they were cut into stays where it is, on disk where memory is short, and tells how large it is.
Then:

* a side of a join that turns out to be small is put together and given to all partitions of the
  other side, which is not cut at all: small sides are tried first;
* small neighbouring partitions become one, where nobody can see how many there are;
* one that is much larger than the others is cut: each piece has it from some of the partitions
  that were cut, and of a join's other side all.

The result has the same rows, whatever is decided.  Where nothing is to be gained, what was cut goes
on as planned.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from shoal import config
from shoal.dataframe.kernels.regroup import Rejoin
from shoal.dataframe.nodes.base import FrameNode, Logical
from shoal.dataframe.nodes.cuts import Cut, Regroup, Together
from shoal.dataframe.nodes.layout import Limits, Piece, arrange, regrouped
from shoal.dataframe.nodes.moves import Join, Merge
from shoal.dataframe.nodes.partitions import Repartition, Select
from shoal.dataframe.nodes.reduce import Exchange
from shoal.dataframe.nodes.sources import Given
from shoal.dataframe.nodes.undecided import Undecided
from shoal.expr.adapt import note_decision
from shoal.memory import runner_bytes
from shoal.units import format_bytes, parse_bytes

__all__ = ["Open", "exchanges_of", "limit_bytes", "skew_bytes"]

SPLITTABLE = {
    "inner": ("left", "right"),
    "left": ("left",),
    "leftsemi": ("left",),
    "leftanti": ("left",),
    "left_anti": ("left",),
    "right": ("right",),
    "right_anti": ("right",),
}
"""Of each kind of join: the sides whose rows may be apart from their like."""

SHARE = 16
"""Of the memory of a process a partition may be that part before it is cut."""

WORTH = 2
"""Partitions are put together where there are so many times fewer then."""


def limit_bytes(name: str) -> int:
    """A limit from the settings.

    Parameters
    ----------
    name
        Below ``dataframe.replan``.

    Examples
    --------
    >>> limit_bytes("broadcast-limit") == 32 << 20
    True
    """
    return int(parse_bytes(config.get(f"dataframe.replan.{name}")))


def skew_bytes() -> int:
    """How large a partition may be before it is cut.

    A task that joins one has it several times, so never more than a small share of the memory of a
    process that runs it.

    Examples
    --------
    >>> skew_bytes() <= limit_bytes("skew-limit")
    True
    """
    return min(limit_bytes("skew-limit"), runner_bytes() // SHARE)


def exchanges_of(node: Any) -> dict[str, Exchange]:
    """The shuffles that a logical node would be made of, by side.

    A side of a join whose rows are where they have to be has none.  None at all where rows are
    brought together in another way.

    Parameters
    ----------
    node
        Any logical one.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2]}, npartitions=2)
    >>> list(exchanges_of(df.merge(df, on="x").expr)), exchanges_of(df.x.sum().expr)
    (['left', 'right'], {})
    """
    physical = node.physical()
    if type(physical) is Exchange:
        return {"rows": physical}
    if type(physical) is not Merge:
        return {}
    sides = {"left": physical.left, "right": physical.right}
    moved = {side: one for side, one in sides.items() if one is not getattr(node, side)}
    return moved if all(type(one) is Exchange for one in moved.values()) else {}


class Shown(NamedTuple):
    """A side that has been cut.

    Parameters
    ----------
    side
        Which.
    cut
        Its node.
    sizes
        Of each block the bytes of each part.
    """

    side: str
    cut: FrameNode
    sizes: Sequence[Sequence[int]]

    @property
    def total(self) -> int:
        """All bytes."""
        return sum(map(sum, self.sizes))

    def __shoal_tokenize__(self) -> Any:
        return self.side, self.cut.name


class Open(Undecided):
    """A join, a shuffle or a reduction whose partitions are planned when they have been cut.

    Parameters
    ----------
    source
        What it is.
    key
        Its name, as it was written.
    tries
        Sides of a join that may turn out to be small, those to be cut first.
    sizes
        Whether all sides are cut before it is decided how rows go on.
    resize
        Whether there may be another number of partitions.
    shown
        Sides that have been cut: `Shown`, a tuple.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2]}, npartitions=2)
    >>> Open(df.merge(df, on="x").expr, "key", ("right",), True, True, ()).label()
    "Join(inner, ['x'], ['x']); open: right to all, fewer partitions, skewed ones cut"
    """

    __slots__ = ()
    fields = ("source", "key", "tries", "sizes", "resize", "shown")
    prefix = "open"

    def label(self) -> str:
        """What may change."""
        ways = [f"{side} to all" for side in self.tries]
        ways += ["fewer partitions"] * bool(self.sizes and self.resize)
        ways += ["skewed ones cut"] * bool(self.sizes and isinstance(self.source, Join))
        return f"{self.source.label()}; open: {', '.join(ways)}"

    # ---------------------------------------------------------------------- while it runs

    def watched(self) -> tuple[FrameNode, ...]:
        """The sides that are to be cut next."""
        if not isinstance(self.source, Logical):
            return ()
        found = exchanges_of(self.source)
        return tuple(
            [
                Cut(
                    found[side].source,
                    found[side].split,
                    found[side].count,
                    annotations=self.source.annotations,
                )
                for side in self._next(found)
            ]
        )

    def _next(self, found: Mapping[str, Exchange]) -> list[str]:
        """The sides to be cut next: what was open below may have put rows where they have to be."""
        tries = [side for side in self.tries if side in found]
        known = {one.side for one in self.shown}
        return tries[:1] or [side for side in found if side not in known] * self.sizes

    def settled(self, seen: Sequence[Any], fixed: bool) -> FrameNode:
        """A join with a side given to all partitions, or what was cut under other numbers."""
        found = exchanges_of(self.source)
        shown = list(self.shown)
        for side, one in zip(self._next(found), seen, strict=True):
            held = one.blocks
            count = held.size
            cut = Given(held, found[side].meta, (None,) * (count + 1))
            shown.append(Shown(side, cut, one.measures))
        resize = self.resize and not fixed
        tries = [side for side in self.tries if side in found]
        if tries:
            small = shown[-1]
            if small.total <= limit_bytes("broadcast-limit"):
                joined = self._given_to_all(small, found)
                if resize or joined.npartitions == self.npartitions:
                    return joined
            rest = self.replace(tries=tuple(tries[1:]), shown=tuple(shown))
            if rest.watched():
                return rest
        return self._arranged({one.side: one for one in shown}, found, resize)

    def _given_to_all(self, small: Shown, found: dict[str, Exchange]) -> FrameNode:
        join = self.source
        whole = Together(small.cut, found[small.side].join, small.cut.meta)
        other = join.left if small.side == "right" else join.right
        size = format_bytes(small.total)
        text = f"the {small.side} side has {size}: given to all {other.npartitions} partitions"
        note_decision(self.key, f"{text} of the other one")
        given: FrameNode = join.replace(**{small.side: whole})
        return given

    def _arranged(
        self, shown: dict[str, Shown], found: dict[str, Exchange], resize: bool
    ) -> FrameNode:
        """The shuffle that goes on from what was cut."""
        pieces = [Piece((target,), {}) for target in range(self.npartitions)]
        join = self.source if isinstance(self.source, Join) else None
        if len(shown) == len(found):
            limits = Limits(limit_bytes("small-partition"), skew_bytes())
            ways = (
                []
                if join is None
                else [one for one in SPLITTABLE.get(join.how, ()) if one in found]
            )
            sizes = {side: shown[side].sizes for side in found}
            # How large partitions of a side are that stays where it is nobody knows.
            new = arrange(sizes, limits, ways, resize and (join is None or len(found) == 2))
            split = any(piece.sources for piece in new)
            pieces = new if split or WORTH * len(new) <= self.npartitions else pieces
        note_decision(self.key, self._summary(shown, pieces))
        if join is None:
            return _joined(found["rows"], shown.get("rows"), pieces)
        left, right = (
            _joined(found[side], shown.get(side), pieces)
            if side in found
            else _chosen(getattr(join, side), pieces)
            for side in ("left", "right")
        )
        divisions = (None,) * (len(pieces) + 1)
        merged = Merge(left, right, tuple(join.options.items()), divisions)
        if resize or len(pieces) == self.npartitions:
            return merged
        # As many partitions as were promised: the pieces of one stand beside each other.
        groups = itertools.groupby(range(len(pieces)), lambda i: pieces[i].targets)
        return Repartition(merged, tuple([tuple(some) for _, some in groups]), self.divisions)

    def _summary(self, shown: dict[str, Shown], pieces: Sequence[Piece]) -> str:
        sizes = ", ".join(
            f"{one.side} side {format_bytes(one.total)}"
            if one.side != "rows"
            else format_bytes(one.total)
            for one in shown.values()
        )
        cut = {piece.targets[0] for piece in pieces if piece.sources}
        targets = len({piece.targets for piece in pieces})
        text = f"{sizes} in {self.npartitions} partitions"
        if not cut and targets == self.npartitions:
            return f"{text}: as planned"
        told = [f"put together to {targets}"] * (targets < self.npartitions)
        if cut:
            several = sum(1 for piece in pieces if piece.sources)
            told.append(f"{len(cut)} skewed cut into {several} pieces")
        return f"{text}: {', '.join(told)}"


def _chosen(frame: FrameNode, pieces: Sequence[Piece]) -> FrameNode:
    """Partitions of a side that is not moved, one for each piece of its target."""
    blocks = tuple([piece.targets[0] for piece in pieces])
    return frame if blocks == tuple(range(frame.npartitions)) else Select(frame, blocks)


def _joined(exchange: Exchange, shown: Shown | None, pieces: Sequence[Piece]) -> Exchange:
    """A side of a shuffle that goes on from what was cut; the side as it was, if it was not."""
    if shown is None:
        return exchange
    if all(piece == ((target,), {}) for target, piece in enumerate(pieces)):
        return exchange.replace(source=shown.cut, split=None)
    count = len(pieces)
    groups = regrouped(pieces, shown.side, len(shown.sizes))
    source = Regroup(shown.cut, tuple(map(tuple, groups)))
    unknown = (None,) * (count + 1)
    join = Rejoin(exchange.join)
    return Exchange(source, None, join, count, exchange.meta, unknown, None)
