"""The next `Report`: columns that grow while things happen and are sent by the next drain."""

from __future__ import annotations

from shoal.distributed.core.worker.table import Columns, Worker
from shoal.distributed.protocol import Beat, Report

__all__ = ["beat", "build"]


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
    >>> w.columns.gone.append(5)
    >>> build(w).gone
    [5]
    """
    columns = w.columns
    ended = columns.ended
    if not ended and not any(getattr(columns, name) for name in Columns.__slots__):
        return None
    w.columns = Columns()
    types: dict[str, int] = {}
    rows = [completion[0] for completion in ended]
    return Report(
        [row.id for row in rows],
        [row.run for row in rows],
        [completion[2] for completion in ended],
        [types.setdefault(completion[3], len(types)) for completion in ended],
        [completion[4] for completion in ended],
        [completion[6] for completion in ended],
        list(types),
        [completion[5] for completion in ended],
        columns.transfers,
        columns.failed,
        columns.returned,
        [id for id, _ in columns.added],
        [nbytes for _, nbytes in columns.added],
        columns.missing,
        columns.gone,
        columns.seceded,
        columns.rejoined,
        columns.peaks,
        columns.unreached,
        columns.tried,
    )


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
        w.spilled,
        w.process,
        w.cpu,
        w.executing,
        max(0, w.active - w.executing),
        len(w.requests),
        metrics={"waiting": len(w.wanted), "held_back": len(w.held_back), **w.vitals},
    )
