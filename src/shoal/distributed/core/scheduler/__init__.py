"""The scheduler: which task runs where and when, as a pure state machine.

The shell feeds it events and does what `drain` returns::

    state = Scheduler(Settings(), identity="...")
    connected(state, party, role, now)
    received(state, party, message, buffers, now)
    closed(state, party, error_text, now)
    tick(state, now)  # when due(state) says, or more often
    effects = drain(state, now)  # when the shell's inbox is empty

The same events give the same effects: nothing in here looks at a clock, a random number, or the
order of a hash.  So the list of events is a journal: fed to a fresh `Scheduler` it makes the same
state.
"""

from __future__ import annotations

from shoal.distributed.core.scheduler.methods import answered
from shoal.distributed.core.scheduler.parties import closed, connected, drain, received
from shoal.distributed.core.scheduler.settings import Settings
from shoal.distributed.core.scheduler.state import Scheduler
from shoal.distributed.core.scheduler.ticking import due, tick
from shoal.distributed.core.scheduler.unsent import unsent

__all__ = [
    "Scheduler",
    "Settings",
    "answered",
    "closed",
    "connected",
    "drain",
    "due",
    "received",
    "tick",
    "unsent",
]
