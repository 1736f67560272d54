"""The scheduler's journal as its shell uses it: what happens is recorded, and read at the start."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from shoal.distributed.core.compact import compacted
from shoal.distributed.core.journal import Recorder, replay
from shoal.distributed.core.scheduler import Scheduler
from shoal.distributed.node.journal import Journal

__all__ = ["Record"]


class Record:
    """A scheduler's memory beyond its process.

    The shell tells it of each event after it has told the state machine, and calls `flush`
    after each `drain`, before it carries out what that returned.

    Parameters
    ----------
    directory
        Of the journal.
    state
        A new scheduler's; what the journal says is played to it.
    now
        The time.
    say
        Called with sentences for the log.
    **options
        Of `Journal`.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     record = Record(directory, Scheduler(), 0.0)
    ...     record.connected(1, "client", 0.0)
    ...     record.flush(0.0)
    ...     record.close()
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        state: Scheduler,
        now: float,
        say: Callable[[str], None] = lambda text: None,
        **options: Any,
    ) -> None:
        self.state = state
        self.recorder = Recorder()
        self.journal = Journal(directory, say=say, **options)
        records = self.journal.recovered.records
        if records:
            count = replay(state, records, now)
            say(f"the journal in {directory} had {len(records):,} records of {count:,} tasks")
        self.journal.recovered.records = []
        state.facts = self.recorder.facts
        self.journal.begin(compacted(state, self.recorder, now), now)

    def connected(self, party: int, role: str, now: float) -> None:
        """After the state machine's `connected`."""
        self.recorder.connected(party, role, now)

    def received(self, party: int, message: Any, buffers: Sequence[Any], now: float) -> None:
        """After the state machine's `received`."""
        self.recorder.received(self.state, party, message, buffers, now)

    def closed(self, party: int, now: float) -> None:
        """After the state machine's `closed`, and for connections that it had closed."""
        self.recorder.closed(party, now)

    def flush(self, now: float) -> None:
        """After `drain`, before its effects: what they rest on is written."""
        for payload in self.recorder.take():
            self.journal.append(payload)
        self.journal.flush(now)
        if self.journal.due(now):
            self.journal.begin(compacted(self.state, self.recorder, now), now)

    def close(self) -> None:
        """The scheduler ends: what it knew is on the disk."""
        self.journal.close()
