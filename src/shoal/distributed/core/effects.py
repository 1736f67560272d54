"""What a state machine wants done by the shell around it, as data.

A core never does anything itself: it returns these, in the order in which they are to be done.
Only what the machines share stands here; an effect of one machine stands in its folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Close", "Log", "Perform", "Send"]


@dataclass(slots=True)
class Send:
    """Send a message over a connection.

    Parameters
    ----------
    party
        The number that the shell gave the connection.
    message
        A struct of `shoal.distributed.protocol`.
    buffers
        What travels with it out of band.

    Examples
    --------
    >>> Send(3, "hello").buffers
    ()
    """

    party: int
    message: Any
    buffers: Sequence[Any] = ()


@dataclass(slots=True)
class Close:
    """Close a connection; `closed` will not be called for it.

    Parameters
    ----------
    party
        The connection's number.
    reason
        For the log, and for the other side.

    Examples
    --------
    >>> Close(3, "silent for 5 s").reason
    'silent for 5 s'
    """

    party: int
    reason: str


@dataclass(slots=True)
class Log:
    """Write a line to the log.

    Parameters
    ----------
    level
        As in `logging`: ``"info"``, ``"warning"``, ``"error"``.
    text
        What happened.

    Examples
    --------
    >>> Log("info", "worker 1 joined").level
    'info'
    """

    level: str
    text: str


@dataclass(slots=True)
class Perform:
    """Answer a call that only the process around can answer; it says so by `answered`.

    Parameters
    ----------
    party
        Who calls.
    call
        The call.

    Examples
    --------
    >>> Perform(3, "call").party
    3
    """

    party: int
    call: Any
