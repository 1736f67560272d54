"""The table of tasks: a row a task, a column for everything that is known of it.

A row is an integer, and a column is a list, an array or a bytearray; there is no object, dict or
set for a task.  The loops of the scheduler take the columns that they need into local
variables and run over rows.

Rows are used again, numbers never: the *number* of a task, which workers see, is its row in the low
26 bits and above them how often the row has been used before.  So a message about a forgotten
task finds that the row's number is another, memory follows the largest number of tasks that were
known at once, and no table has to be compacted.  In relations between tasks (`deps`,
`dependents`) numbers stand too, so that a list that was not cleaned up cannot lead astray.

A row that is let go gives up at once what takes memory; its other columns keep what was there
until the row is taken again.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from shoal.distributed.protocol import ROW_BITS

__all__ = ["BITS", "MANY", "MASK", "NOBODY", "NO_CODE", "picker", "put"]

BITS = ROW_BITS
"""Bits of a number that are the row."""

MASK = (1 << BITS) - 1

NOBODY = -1
"""In `owner` and `place`: no client, no worker."""

NO_CODE = -1
"""In `codes`: data."""

MANY = -2
"""In `owner` and `place`: more than one; which, stands in a table beside."""

INLINE = 1
"""Flag: a client waits for the value."""
HAS_INPUTS = 2
"""Flag: the task needs results."""
PINNED = 4
"""Flag: the result cannot be moved, copied or computed again (actors)."""
DATA = 8
"""Flag: put by a client; there is nothing to compute it from."""
AWAY = 16
"""Flag: its run has seceded: it takes no slot."""
ALONE = 32
"""Flag: workers died while it ran, so it runs with nothing beside it."""
NOTED = 64
"""Flag: tables beside this one have an entry for it."""
CHOOSY = 128
"""Flag: something was asked for it (`options`)."""


def picker(rows: Sequence[int]) -> Callable[[Any], Sequence[Any]]:
    """A function that takes these rows out of a column; three times as fast as a comprehension.

    It returns a sequence: of one row, as slices of the column are.

    Parameters
    ----------
    rows
        At least one.

    Examples
    --------
    >>> picker([2, 0])("abc"), picker([1])("abc")
    (('c', 'a'), 'b')
    """
    if type(rows) is range:
        return itemgetter(slice(rows.start, rows.stop))
    if len(rows) == 1:
        row = rows[0]
        return itemgetter(slice(row, row + 1))
    return itemgetter(*rows)


def put(column: Any, rows: Sequence[int], values: Sequence[Any]) -> None:
    """Write values into rows of a column: all at once where these are in line.

    Parameters
    ----------
    column
        Of a table.
    rows
        A range, or any others.
    values
        As many.

    Examples
    --------
    >>> column = [0, 0, 0]
    >>> put(column, range(1, 3), [1, 2])
    >>> put(column, [0], [7])
    >>> column
    [7, 1, 2]
    """
    if type(rows) is range:
        column[rows.start : rows.stop] = values
    else:
        for row, value in zip(rows, values):
            column[row] = value


class Table:
    """Columns; `allocate` takes rows and `free` gives one back.

    Examples
    --------
    >>> table = Table()
    >>> list(table.allocate(3))
    [0, 1, 2]
    >>> table.free(1)
    >>> list(table.allocate(1)), table.numbers[1] >> BITS
    ([1], 1)
    """

    __slots__ = (
        "args",
        "codes",
        "costs",
        "dependents",
        "deps",
        "flags",
        "flats",
        "free_rows",
        "kept",
        "missing",
        "names",
        "nbytes",
        "numbers",
        "options",
        "owner",
        "place",
        "prefixes",
        "priorities",
        "runs",
        "states",
        "types",
        "waiters",
    )

    def __init__(self, states: type[bytearray] = bytearray) -> None:
        self.states = states()
        self.flags = bytearray()
        self.numbers: list[int] = []
        self.names: list[Any] = []
        """The key; or the layer, and then `flats` has the block."""
        self.flats = array("q")
        self.deps: list[tuple[int, ...]] = []
        """Numbers of what it needs, one for each place where it is an argument."""
        self.dependents: list[Any] = []
        """Numbers of those that need it: None, one number, or a list; may name forgotten ones."""
        self.missing: list[int] = []
        """How many inputs are not there, while WAITING."""
        self.waiters: list[int] = []
        """How many dependents are WAITING, READY or SENT."""
        self.kept: list[int] = []
        """How many dependents have rows."""
        self.owner: list[int] = []
        """The client that wants it, NOBODY or MANY."""
        self.codes: list[int] = []
        """The number of its `Code`, or NO_CODE for data."""
        self.args: list[bytes] = []
        self.priorities: list[int] = []
        """Lower first: the user's, then the rank, then the row."""
        self.prefixes: list[Any] = []
        """What is known of tasks of its kind."""
        self.options: list[Any] = []
        """What was asked for it, or None."""
        self.runs: list[int] = []
        """The current run while SENT, else 0."""
        self.place: list[int] = []
        """MEMORY: the holder, or MANY.  SENT: where.  READY: in whose queue; NOBODY: the common."""
        self.costs: list[float] = []
        """Seconds it counts for in its worker's backlog (READY) or occupancy (SENT)."""
        self.nbytes: list[int] = []
        """Size of the result; while SENT what is expected."""
        self.types: list[str] = []
        self.free_rows: list[int] = []

    def __len__(self) -> int:
        return len(self.states) - len(self.free_rows)

    def allocate(self, count: int) -> Sequence[int]:
        """Rows for some tasks, with every column at its beginning; a range if they are in line."""
        free = self.free_rows
        if count == 1 and free:
            row = free.pop()
            self._clear_one(row)
            return range(row, row + 1)
        if len(free) < count or not free:
            first = len(self.states)
            self._extend(count)
            return range(first, first + count)
        rows = free[-count:]
        del free[-count:]
        rows.sort()
        if rows[-1] - rows[0] == count - 1:
            self._clear(rows[0], rows[-1] + 1)
            return range(rows[0], rows[-1] + 1)
        for row in rows:
            self._clear_one(row)
        return rows

    def free(self, row: int) -> None:
        """Give a row back, that is FORGOTTEN; its name must have been given up before."""
        self.numbers[row] += MASK + 1
        self.names[row] = self.dependents[row] = None
        self.prefixes[row] = self.options[row] = None
        self.codes[row] = NO_CODE
        self.deps[row] = ()
        self.args[row] = b""
        self.free_rows.append(row)

    def free_all(self, rows: Sequence[int]) -> None:
        """Give many rows back."""
        first, count = min(rows), len(rows)
        end = max(rows) + 1
        if count < 64 or end - first > count:
            for row in rows:
                self.free(row)
            return
        step = MASK + 1
        self.numbers[first:end] = [number + step for number in self.numbers[first:end]]
        nothing: list[Any] = [None] * count
        for column in (self.names, self.dependents, self.prefixes, self.options):
            column[first:end] = nothing
        self.codes[first:end] = [NO_CODE] * count
        self.deps[first:end] = [()] * count
        self.args[first:end] = [b""] * count
        self.free_rows += range(end - 1, first - 1, -1)

    def _extend(self, count: int) -> None:
        first = len(self.states)
        if first + count > MASK:
            raise OverflowError(
                f"{first + count:,} tasks at once; one scheduler has room for {MASK:,}"
            )
        self.states.extend(bytes(count))
        self.flags.extend(bytes(count))
        self.numbers.extend(range(first, first + count))
        self.flats.frombytes(bytes(8 * count))
        for counts in (self.missing, self.waiters, self.kept, self.runs):
            counts.extend([0] * count)
        nothing: list[Any] = [None] * count
        for column in (self.names, self.dependents, self.prefixes, self.options):
            column.extend(nothing)
        self.codes.extend([NO_CODE] * count)
        self.deps.extend([()] * count)
        self.args.extend([b""] * count)
        self.owner.extend([NOBODY] * count)
        self.place.extend([NOBODY] * count)
        self.priorities.extend([0] * count)
        self.costs.extend([0.0] * count)
        self.nbytes.extend([0] * count)
        self.types.extend([""] * count)

    def _clear(self, first: int, end: int) -> None:
        """Columns that `free` leaves as they were."""
        count = end - first
        self.flags[first:end] = bytes(count)
        for counts in (self.missing, self.waiters, self.kept, self.runs):
            counts[first:end] = [0] * count
        self.owner[first:end] = [NOBODY] * count
        self.place[first:end] = [NOBODY] * count
        self.costs[first:end] = [0.0] * count
        self.nbytes[first:end] = [0] * count
        self.types[first:end] = [""] * count

    def _clear_one(self, row: int) -> None:
        """As `_clear`, for one row: a client waits for the next one when it submits singly."""
        self.flags[row] = self.missing[row] = self.waiters[row] = self.kept[row] = 0
        self.runs[row] = self.nbytes[row] = 0
        self.owner[row] = self.place[row] = NOBODY
        self.costs[row] = 0.0
        self.types[row] = ""
