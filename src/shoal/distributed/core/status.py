"""How far a party of the cluster is, as a name."""

from __future__ import annotations

import enum

__all__ = ["Status"]


class Status(enum.StrEnum):
    """How far a scheduler, worker or nanny is; equal to its name as text.

    Examples
    --------
    >>> Status.running == "running", Status.running.name
    (True, 'running')
    """

    undefined = "undefined"
    created = "created"
    init = "init"
    starting = "starting"
    running = "running"
    paused = "paused"
    stopping = "stopping"
    stopped = "stopped"
    closing = "closing"
    closing_gracefully = "closing_gracefully"
    failed = "failed"
    closed = "closed"
