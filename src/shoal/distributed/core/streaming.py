"""The order in which the tasks of a graph stand in its message, and so in the scheduler's table.

That is the order in which one worker would come to them that runs sources by their rank, and at
once whatever has all its inputs then.  So a few sources and what they lead to stand in line,
wherever they are in the graph: the scheduler finds, sends and hears of them as slices
(`core.scheduler.along`), and what is known of them lies together in its memory.  Nothing but speed
depends on it.

Whoever says a graph reckons the order, and what of the table follows from it (`Stands`): there are
many clients, and one scheduler.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from math import prod
from operator import itemgetter
from sys import byteorder
from typing import Any

import msgspec

from shoal.distributed.protocol import ROW_BITS, Listed, Stands, Submit

__all__ = ["SEVERAL", "by_task", "packed", "renumbered", "streamed", "unpacked"]

SEVERAL = -2
"""In `Stands.codes`: the tasks of a piece have several."""


def streamed(m: Submit) -> Submit:
    """The same graph, its tasks in the order in which one worker would come to them.

    Parameters
    ----------
    m
        Its tasks in any order; not changed.

    Returns
    -------
    Submit
        ``m`` itself where nothing depends on anything, or its tasks stand so.

    Examples
    --------
    >>> names = [Listed(["a", "b", "c", "d"])]
    >>> needs = [(), (), (0,), (1,)]
    >>> m = Submit(names, [], [0] * 4, [b""] * 4, needs, [], [0, 2, 1, 3], [2, 3])
    >>> m = streamed(m)
    >>> m.names[0].keys, m.deps, m.order, m.wanted
    (['a', 'c', 'b', 'd'], [(), (0,), (), (2,)], [0, 1, 2, 3], [1, 3])
    """
    if not any(m.deps):
        return m
    line, count = in_line(m), len(m.code)
    if [*line] == [*range(count)]:
        return m
    place = [0] * count
    for at, i in enumerate(line):
        place[i] = at
    of = itemgetter(*line)
    [first, *others] = m.names
    names, stands = m.names, None
    if type(first) is Listed and not others:
        names = [Listed([*of(first.keys)])]
    else:
        stands = standing(m, line, place)
    return msgspec.structs.replace(
        m,
        names=names,
        code=[*of(m.code)],
        args=[*of(m.args)],
        deps=renumbered(of(m.deps), [*place, *range(count, count + len(m.externals))]),
        order=[*of(m.order)],
        wanted=[place[i] for i in m.wanted],
        big=[(place[i], *some) for i, *some in m.big],
        options=[moved(options, place) for options in m.options],
        parts=[(place[i], part) for i, part in m.parts],
        stands=stands,
    )


def standing(m: Submit, line: Sequence[int], place: list[int]) -> Stands:
    """How tasks stand that stood in the order of their names, and are put into line."""
    of = itemgetter(*line)
    pieces: list[int] = []
    flats: list[int] = []
    codes = []
    for number, piece in enumerate(m.names):
        first = len(pieces)
        if isinstance(piece, Listed):
            flats += [0] * len(piece.keys)
        else:
            flats += range(prod(piece.shape)) if piece.flats is None else piece.flats
        size = len(flats) - first
        pieces += [number] * size
        mine = m.code[first : first + size]
        codes.append(mine[0] if size and mine.count(mine[0]) == size else SEVERAL)
    ranks = of(m.order)
    return Stands(
        packed("i", place),
        packed("i", of(pieces)),
        packed("q", of(flats)),
        packed("q", [rank << ROW_BITS | at for at, rank in enumerate(ranks)]),
        codes,
    )


def by_task(stands: Stands, values: Sequence[Any]) -> list[Any]:
    """What stands in the order of the names, in the order of the tasks.

    Parameters
    ----------
    stands
        How these stand.
    values
        One for each name.

    Examples
    --------
    >>> by_task(Stands(packed("i", [2, 0, 1]), b"", b"", b"", []), ["a", "b", "c"])
    ['b', 'c', 'a']
    """
    found = [None] * len(values)
    for at, value in zip(unpacked("i", stands.at), values):
        found[at] = value
    return found


def packed(kind: str, numbers: Iterable[int]) -> bytes:
    """A column of little-endian integers.

    Parameters
    ----------
    kind
        As in `array`.
    numbers
        Which.

    Examples
    --------
    >>> packed("i", [1, 2]), unpacked("i", packed("i", [1, 2]))
    (b'\\x01\\x00\\x00\\x00\\x02\\x00\\x00\\x00', array('i', [1, 2]))
    """
    column = array(kind, numbers)
    if byteorder == "big":
        column.byteswap()
    return column.tobytes()


def unpacked(kind: str, data: bytes) -> array[int]:
    """The column that `packed` made bytes of.

    Parameters
    ----------
    kind
        As it was given there.
    data
        The bytes.

    Examples
    --------
    >>> list(unpacked("q", packed("q", [-1, 1 << 40])))
    [-1, 1099511627776]
    """
    column: array[int] = array(kind)
    column.frombytes(data)
    if byteorder == "big":
        column.byteswap()
    return column


def moved(options: Any, place: list[int]) -> Any:
    """Options of tasks that stand elsewhere now."""
    if options.tasks is None:
        return options
    return msgspec.structs.replace(options, tasks=[place[i] for i in options.tasks])


def in_line(m: Submit) -> Sequence[int]:
    """The tasks of a message in the order in which they are to stand."""
    deps, order = m.deps, by_rank(m.order)
    source, is_sorted = 0, True
    last = [0] * (len(order) + len(m.externals))
    of = last.__getitem__
    for i in order:
        needs = deps[i]
        if needs and (at := max(map(of, needs))):
            last[i] = at
            if at < source:
                is_sorted = False
        else:
            last[i] = source = source + 1
    return order if is_sorted else sorted(order, key=of)


def by_rank(ranks: list[int]) -> Sequence[int]:
    """Positions in the order of their ranks, which mostly are all numbers from 0 on."""
    count = len(ranks)
    positions = [-1] * count
    if max(ranks) < count and min(ranks) >= 0:
        for i, rank in enumerate(ranks):
            positions[rank] = i
        if -1 not in positions:
            return positions
    return sorted(range(count), key=ranks.__getitem__)


def renumbered(deps: Sequence[tuple[int, ...]], numbers: Sequence[int]) -> list[tuple[int, ...]]:
    """Inputs of tasks by other numbers.

    Parameters
    ----------
    deps
        For each task the numbers of those it needs.
    numbers
        What each of these is called now.

    Examples
    --------
    >>> renumbered([(), (0, 1), (1,)], [7, 9])
    [(), (7, 9), (9,)]
    """
    of = numbers.__getitem__
    return [
        ()
        if not needs
        else (of(needs[0]),)
        if (size := len(needs)) == 1
        else (of(needs[0]), of(needs[1]))
        if size == 2
        else tuple(map(of, needs))
        for needs in deps
    ]
