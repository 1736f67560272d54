"""Which parts of a shuffle go to which new partition, decided by how large they are.

Pure arithmetic over sizes.  Sources are the partitions that were cut, targets what they were cut
for; ``sizes[source][target]`` are bytes.  A new partition is a `Piece`: neighbouring targets, read
from all sources; or one target, read from some sources of a side and from all of the other one.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

__all__ = ["Limits", "Piece", "arrange", "regrouped", "shared_out"]

SKEWED = 4
"""A partition so many times as large as the median one is cut, if it is large at all."""

MOST_PIECES = 64
"""Into how many at most."""


class Limits(NamedTuple):
    """Sizes in bytes.

    Parameters
    ----------
    small
        Neighbours are put together up to that.
    skew
        What is larger, and larger than its like, is cut.

    Examples
    --------
    >>> Limits(1, 2).skew
    2
    """

    small: int
    skew: int


class Piece(NamedTuple):
    """A new partition.

    Parameters
    ----------
    targets
        Neighbouring ones.
    sources
        By side: numbers of the sources that are read; a side that is missing is read whole.

    Examples
    --------
    >>> Piece((0, 1), {}).targets
    (0, 1)
    """

    targets: tuple[int, ...]
    sources: Mapping[str, tuple[int, ...]]


def shared_out(sizes: Sequence[int], count: int) -> list[tuple[int, ...]]:
    """Numbers of neighbours in at most so many groups of about the same size.

    Parameters
    ----------
    sizes
        Of each.
    count
        How many groups.

    Examples
    --------
    >>> shared_out([3, 1, 1, 1], 2)
    [(0,), (1, 2, 3)]
    """
    goal = sum(sizes) / max(count, 1)
    groups: list[list[int]] = [[]]
    filled = 0
    for number, size in enumerate(sizes):
        if groups[-1] and filled + size / 2 > goal * len(groups) and len(groups) < count:
            groups.append([])
        groups[-1].append(number)
        filled += size
    return [tuple(group) for group in groups]


def arrange(
    sizes: Mapping[str, Sequence[Sequence[int]]],
    limits: Limits,
    splittable: Sequence[str],
    merge: bool,
) -> list[Piece]:
    """New partitions: small targets put together, skewed ones cut.

    Parameters
    ----------
    sizes
        By side: of each source, of each target, bytes.
    limits
        From when on.
    splittable
        Sides of which a row may be in one piece of its target while the other side is in all.
    merge
        Whether targets may be put together.

    Returns
    -------
    list of Piece
        In the order of their targets.

    Examples
    --------
    >>> arrange({"rows": [[1, 1, 50], [2, 1, 50]]}, Limits(5, 40), ["rows"], True)
    ... # doctest: +NORMALIZE_WHITESPACE
    [Piece(targets=(0, 1), sources={}),
     Piece(targets=(2,), sources={'rows': (0,)}),
     Piece(targets=(2,), sources={'rows': (1,)})]
    """
    totals = {
        side: [sum(column) for column in zip(*rows, strict=True)] for side, rows in sizes.items()
    }
    usual = {side: statistics.median(every) for side, every in totals.items()}
    pieces: list[Piece] = []
    together: list[int] = []
    filled = 0
    for target, both in enumerate(zip(*totals.values(), strict=True)):
        cut = {
            side: _ways([row[target] for row in sizes[side]], usual[side], limits)
            for side in splittable
        }
        here = sum(both)
        if any(len(ways) > 1 for ways in cut.values()):
            if together:
                pieces.append(Piece(tuple(together), {}))
            pieces += _crossed(target, cut)
            together, filled = [], 0
            continue
        if together and (not merge or filled + here > limits.small):
            pieces.append(Piece(tuple(together), {}))
            together, filled = [], 0
        together.append(target)
        filled += here
    return pieces + [Piece(tuple(together), {})] * bool(together)


def _ways(sizes: Sequence[int], usual: float, limits: Limits) -> list[tuple[int, ...]]:
    """The sources of one target, in groups of about the usual size where they are too much."""
    total = sum(sizes)
    if total <= max(limits.skew, SKEWED * usual):
        return [()]
    count = min(MOST_PIECES, len(sizes), int(-(-total // max(limits.skew / 2, usual, 1))))
    return shared_out(sizes, count)


def _crossed(target: int, cut: Mapping[str, list[tuple[int, ...]]]) -> list[Piece]:
    """Each group of one side with each of the other."""
    pieces: list[dict[str, tuple[int, ...]]] = [{}]
    for side, ways in cut.items():
        if len(ways) > 1:
            pieces = [{**piece, side: way} for piece in pieces for way in ways]
    return [Piece((target,), piece) for piece in pieces]


def regrouped(pieces: Sequence[Piece], side: str, count: int) -> list[list[tuple[int, ...]]]:
    """For each source of a side: the targets' numbers of each new partition; none where not read.

    Parameters
    ----------
    pieces
        The new partitions.
    side
        Which.
    count
        How many sources it has.

    Examples
    --------
    >>> regrouped([Piece((0, 1), {}), Piece((2,), {"rows": (1,)})], "rows", 2)
    [[(0, 1), ()], [(0, 1), (2,)]]
    """
    read = [set(piece.sources.get(side, range(count))) for piece in pieces]
    return [
        [piece.targets if source in some else () for piece, some in zip(pieces, read, strict=True)]
        for source in range(count)
    ]
