"""The next `Report`: columns that grow while things happen and are sent by the next drain."""

from __future__ import annotations

from typing import Any

from shoal.distributed.core.worker.table import Code, Columns, Task, Worker
from shoal.distributed.protocol import Beat, Report

__all__ = ["beat", "build"]

LINE = 8
"""So many results that nobody waits for are told in the order of the scheduler's table.

They were given in line, as a range of its rows, and mostly are one again then; the order in which
they ended depends on their priorities.
"""


def build(w: Worker) -> Report | None:
    """What has happened since the last report; None if nothing has.

    Parameters
    ----------
    w
        The worker; its columns are empty afterwards.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> w = Worker(Settings("a", "inproc://a", 1))
    >>> build(w) is None
    True
    >>> w.numbering.columns.unreached.append(5)
    >>> build(w).unreached
    [5]
    """
    columns = w.numbering.columns
    ended = columns.ended
    if not ended and not any(getattr(columns, name) for name in Columns.__slots__):
        return None
    w.numbering.columns = Columns()
    types: dict[str, int] = {}
    numbers = [completion[0].number for completion in ended]
    if ended and min(numbers) < 0:
        # They ended while the scheduler was deciding not to go on with them.
        ended = [completion for completion in ended if completion[0].number >= 0]
        numbers = [completion[0].number for completion in ended]
    if len(ended) >= LINE and not any(completion[0].inline for completion in ended):
        ended = sorted(ended, key=place)
        numbers = [completion[0].number for completion in ended]
    added = [(row.number, nbytes) for row, nbytes in columns.added if row.number >= 0]
    return Report(
        numbers,
        [completion[0].run for completion in ended],
        [completion[2] for completion in ended],
        [types.setdefault(completion[3], len(types)) for completion in ended],
        [completion[4] for completion in ended],
        [completion[6] for completion in ended],
        list(types),
        [completion[5] for completion in ended],
        columns.transfers,
        [
            (row.number, row.run, kind, data, s)
            for row, kind, data, s in columns.failed
            if row.number >= 0
        ],
        runs_of(columns.returned),
        [number for number, _ in added],
        [nbytes for _, nbytes in added],
        columns.missing,
        columns.gone,
        runs_of(columns.seceded),
        runs_of(columns.rejoined),
        [(row.number, nbytes) for row, nbytes in columns.peaks if row.number >= 0],
        columns.unreached,
        [(row.number, start, s) for row, start, s in columns.tried if row.number >= 0],
        sums(ended, w.numbering.code_numbers),
    )


def sums(
    ended: list[tuple[Any, ...]], numbers: dict[Code | None, int]
) -> list[tuple[int, int, float, int]]:
    """What the runs of each function took and made in all; nothing where one has no number."""
    found: dict[Code | None, tuple[int, float, int]] = {}
    for row, _, nbytes, _, seconds, *_ in ended:
        code = row.code
        if code in found:
            count, took, made = found[code]
            found[code] = (count + 1, took + seconds, made + nbytes)
        elif code in numbers:
            found[code] = (1, seconds, nbytes)
        else:
            return []
    return [(numbers[code], *some) for code, some in found.items()]


def place(completion: tuple[Any, ...]) -> int:
    """Where the task of a completion stands in the scheduler's table."""
    number: int = completion[0].number
    return number


def runs_of(rows: list[Task]) -> list[tuple[int, int]]:
    """Numbers and runs of those that the scheduler knows."""
    return [(row.number, row.run) for row in rows if row.number >= 0]


def beat(w: Worker) -> Beat:
    """A sign of life.

    Parameters
    ----------
    w
        The worker.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> beat(Worker(Settings("a", "inproc://a", 1))).status
    'running'
    """
    status = "closing" if w.closing else "paused" if w.paused else "running"
    return Beat(
        status,
        w.managed,
        w.spilled + w.filed,
        w.process,
        w.cpu,
        w.executing,
        max(0, w.active - w.executing),
        len(w.requests),
        metrics={"waiting": len(w.wanted), "held_back": len(w.held_back), **w.vitals},
    )
