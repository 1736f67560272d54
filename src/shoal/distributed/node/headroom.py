"""Whether there is room for one more task, asked by the thread that is about to begin it.

The loop looks at the process's memory now and then, and between two looks a task can make as much
as a hundred of them may hold.  So each thread asks before it begins a task.  What it asks is a
number: what was left at the last look, less what large results have taken since.  Only when that
is used up does it look itself (40 us), and compare with what this task, and those that run beside
it, are expected to take: what others that call the same function took.

A task that is refused stays in the heap; its executor is paused, and the loop is told how much is
needed.  It makes room, and says when to go on (`shoal.distributed.core.worker.memory`).

Rejected: that the thread which is refused writes results to disk itself.  It would need the state
machine's table, which is the loop's, and two threads would write where one disk is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from shoal.distributed.net.shared import POOL
from shoal.distributed.node.limits import process_bytes

__all__ = ["NOTABLE_BYTES", "Headroom"]

NOTABLE_BYTES = 64 << 10
"""Smaller results are not counted between two looks."""

MOST_CODES = 10_000


class Headroom:
    """What may still be taken before the next look.

    Parameters
    ----------
    measure
        Says how large the process is.

    Attributes
    ----------
    left
        Above 0: a task may begin.  Threads change it without a lock; an update that is lost is made
        good by the next look.

    Examples
    --------
    >>> room = Headroom(lambda: 700)
    >>> room.ceiling = 1000
    >>> room.looked(500, 1)
    >>> room.left
    500
    >>> room.took(3, 400)
    >>> room.left
    100
    >>> room.lacking(3, []), room.lacking(4, [])
    (100, 0)
    """

    def __init__(self, measure: Callable[[], int] = process_bytes) -> None:
        self.measure = measure
        self.ceiling: float = math.inf
        self.left: float = math.inf
        self.sizes: dict[bytes, int] = {}
        """Bytes that a task takes, by the digest of its function; of those that take many."""

    def looked(self, process: int, threads: int) -> None:
        """The process has been looked at.

        Parameters
        ----------
        process
            Its bytes.
        threads
            How many tasks may take memory at once.
        """
        # In one go: a task may be adding the size of its result.
        most = max(list(self.sizes.values()), default=0)
        self.left = self.ceiling - process - most * threads

    def took(self, code: bytes, nbytes: int) -> None:
        """A task has made a large result.

        Parameters
        ----------
        code
            The digest of its function.
        nbytes
            How much.
        """
        self.left -= nbytes
        self.met(code)
        self.grew(code, nbytes)

    def met(self, code: bytes) -> None:
        """A task is met, or ends: that it takes less than others did is believed bit by bit.

        Parameters
        ----------
        code
            The digest of its function.
        """
        known = self.sizes.get(code)
        if known is not None:
            self.sizes[code] = known - known // 8

    def grew(self, code: bytes, nbytes: int) -> None:
        """A task takes so much by now.

        Parameters
        ----------
        code
            The digest of its function.
        nbytes
            How much the process has grown by since it was met.

        Examples
        --------
        >>> room = Headroom(lambda: 700)
        >>> room.ceiling = 1000
        >>> room.grew(3, 400)
        >>> room.lacking(3, [])
        100
        """
        if len(self.sizes) > MOST_CODES:
            self.sizes.clear()
        if nbytes > self.sizes.get(code, 0):
            self.sizes[code] = nbytes

    def lacking(self, code: bytes, beside: Iterable[bytes]) -> int:
        """How much room is lacking for a task to begin: looks at the process.

        Parameters
        ----------
        code
            The digest of its function.
        beside
            Those of the tasks that run; they may not have taken theirs yet.

        Returns
        -------
        int
            0: it may begin.
        """
        sizes = self.sizes
        wanted = sizes.get(code, 0) + sum([sizes.get(other, 0) for other in beside])
        process = self.measure()
        if process + wanted > self.ceiling:
            # What only waits for another use goes first.
            POOL.clear()
            process = self.measure()
        self.left = self.ceiling - process - wanted
        return max(0, int(process + wanted - self.ceiling))
