"""A column of states that records its changes, for those who watch a scheduler.

It is put in the place of the plain one while somebody watches, and taken away again: a scheduler
that nobody watches has nothing of it, not even a flag to look at.
"""

from __future__ import annotations

from typing import Any

from shoal.distributed.core.scheduler.names import key_of
from shoal.distributed.core.scheduler.table import Table

__all__ = ["Watched", "unwatch", "watch"]


class Watched(bytearray):
    """A column of states that records its changes.

    Parameters
    ----------
    table
        Whose it is.

    Attributes
    ----------
    seen
        ``(key, row, state before, state after)`` of every change, oldest first.

    Examples
    --------
    >>> table = Table()
    >>> [row] = table.allocate(1)
    >>> table.names[row] = "x"
    >>> watched = watch(table)
    >>> table.states[row] = 1
    >>> watched.seen
    [('x', 0, 0, 1)]
    """

    def __init__(self, table: Table) -> None:
        super().__init__(table.states)
        self.table = table
        self.seen: list[tuple[Any, int, int, int]] = []

    def __setitem__(self, index: Any, value: Any) -> None:
        rows = range(*index.indices(len(self))) if isinstance(index, slice) else (index,)
        before = [self[row] for row in rows]
        super().__setitem__(index, value)
        for row, was in zip(rows, before):
            if self[row] != was:
                # The name is there until a moment after its row was forgotten.
                self.seen.append((key_of(self.table, row), row, was, self[row]))


def watch(table: Table) -> Watched:
    """Record the changes of a table's states from now on; between two events only.

    Parameters
    ----------
    table
        The table.

    Examples
    --------
    >>> watch(Table()).seen
    []
    """
    watched = Watched(table)
    table.states = watched
    return watched


def unwatch(table: Table) -> None:
    """Record them no more; between two events only.

    Parameters
    ----------
    table
        The table.

    Examples
    --------
    >>> table = Table()
    >>> _ = watch(table)
    >>> unwatch(table)
    >>> type(table.states)
    <class 'bytearray'>
    """
    table.states = bytearray(table.states)
