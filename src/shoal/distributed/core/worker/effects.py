"""What a worker's state machine wants done, as data.

The shell carries them out in order.  `Send`, `Close` and `Log` are common to all machines and stand
in `shoal.distributed.core.effects`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from shoal.distributed.core.worker.table import Task
from shoal.distributed.protocol import Call, Frames

__all__ = [
    "Dial",
    "Evict",
    "Free",
    "Hold",
    "Invoke",
    "Leave",
    "Load",
    "Nudge",
    "Pause",
    "Ready",
    "Reconnect",
    "Renumbered",
    "Serve",
    "Spill",
    "Withdraw",
]


class _Effect(msgspec.Struct):
    """What all effects have in common: they compare by value and print what they are."""


class Ready(_Effect):
    """Run these when a thread is free, lowest priority number first; their inputs are held.

    Answered by `machine.finished` for each, unless it is withdrawn before.

    Parameters
    ----------
    tasks
        The rows of the table.

    Examples
    --------
    >>> Ready([]).tasks
    []
    """

    tasks: list[Task]


class Withdraw(_Effect):
    """Do not run this after all.

    Parameters
    ----------
    id
        Of its row.
    force
        True: whether or not it runs already, its slot is free at once and what becomes of it is
        ignored.  False: only if it has not begun; answered by `machine.withdrawn` if so, and by
        nothing otherwise.

    Examples
    --------
    >>> Withdraw(3, True).force
    True
    """

    id: int
    force: bool


class Hold(_Effect):
    """Results have come from elsewhere: keep them.

    Parameters
    ----------
    ids
        Of their rows.
    frames
        For each its pickled object.
    buffers
        Those that the frames speak of.

    Examples
    --------
    >>> Hold([1], [Frames(b"")], []).ids
    [1]
    """

    ids: list[int]
    frames: list[Frames]
    buffers: list[Any]


class Free(_Effect):
    """Let go of results, wherever they are; a number may be one that is not there.

    Parameters
    ----------
    ids
        Of their rows.

    Examples
    --------
    >>> Free([1]).ids
    [1]
    """

    ids: list[int]


class Spill(_Effect):
    """Write results to disk; answered by `machine.spilled`, or `machine.spill_failed`.

    They stay in memory until `Evict`; a file that is there already is as good as a new one.  Of one
    that can be read from its file piece by piece (`shoal.types.Parts`) what says where its pieces
    are stays in memory, which `machine.shelved` answers.

    Parameters
    ----------
    ids
        Of their rows.

    Examples
    --------
    >>> Spill([1]).ids
    [1]
    """

    ids: list[int]


class Evict(_Effect):
    """Let go of results in memory that are on disk too.

    Parameters
    ----------
    ids
        Of their rows.

    Examples
    --------
    >>> Evict([1]).ids
    [1]
    """

    ids: list[int]


class Load(_Effect):
    """Read results from disk and remove the files.

    Answered by `machine.loaded`, or `machine.load_failed`.

    Parameters
    ----------
    ids
        Of their rows.

    Examples
    --------
    >>> Load([1]).ids
    [1]
    """

    ids: list[int]


class Serve(_Effect):
    """Send results to somebody; answered by `machine.served` when they have left.

    Parameters
    ----------
    party
        Who asked.
    request
        Their number for it.
    ids, nbytes
        The results, in memory or on disk, or parts of them (`part_number`), by the ids of their
        rows, and the numbers by which they were asked for; and their size.

    Examples
    --------
    >>> Serve(2, 1, {5: 7}, 100).ids
    {5: 7}
    """

    party: int
    request: int
    ids: dict[int, int]
    nbytes: int


class Invoke(_Effect):
    """Somebody calls a method of the worker; the shell answers.

    Parameters
    ----------
    party
        Who.
    call
        The call.
    buffers
        Its buffers.

    Examples
    --------
    >>> Invoke(2, Call(1, "versions"), []).call.method
    'versions'
    """

    party: int
    call: Call
    buffers: list[Any]


class Dial(_Effect):
    """Connect to another worker; answered by `machine.dialed`, or `machine.unreachable`.

    Parameters
    ----------
    peer
        Its number.
    address
        Where it listens.

    Examples
    --------
    >>> Dial(3, "tcp://127.0.0.1:5000").peer
    3
    """

    peer: int
    address: str


class Reconnect(_Effect):
    """The scheduler is gone: connect to it again; answered as the first time.

    Parameters
    ----------
    delay_s
        Wait before.

    Examples
    --------
    >>> Reconnect(0.1).delay_s
    0.1
    """

    delay_s: float


class Pause(_Effect):
    """Begin no task, or begin tasks again.

    Parameters
    ----------
    on
        Whether to pause.

    Examples
    --------
    >>> Pause(True).on
    True
    """

    on: bool


class Nudge(_Effect):
    """Although paused, begin one task.

    Examples
    --------
    >>> Nudge()
    Nudge()
    """


class Renumbered(_Effect):
    """Tasks that run have other numbers now, or none: whoever was told their numbers is to know.

    Examples
    --------
    >>> Renumbered()
    Renumbered()
    """


class Leave(_Effect):
    """End the worker.

    Parameters
    ----------
    reason
        For the log.
    is_refused
        The scheduler has never taken it.

    Examples
    --------
    >>> Leave("closed by the scheduler").reason
    'closed by the scheduler'
    """

    reason: str
    is_refused: bool = False
