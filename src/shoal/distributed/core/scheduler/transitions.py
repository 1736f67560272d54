"""The states of a task, and every way from one to another.

A task is *known* from its submission until nobody can need it again.  While known it is in one of
these states::

    RELEASED   no result, and nobody needs one now; what made it is kept: a dependent might be lost
    WAITING    needed; some of its inputs are not there
    READY      needed, its inputs are there; stands in a queue (of a worker, or the common one)
    SENT       given to a worker, with the number of a run
    MEMORY     its result is on at least one worker
    ERRED      it, or something that it depends on, has failed
    PUT        a client has announced it, and has not put the data anywhere yet (scatter), or not
               said yet how it is made
    FORGOTTEN  its row of the table is free

Two counts decide about the ends.  A *result* is kept while somebody waits for it (a dependent in
WAITING, READY or SENT, or a client that wants it).  A *row* is kept while somebody may come to
need it again: a client that wants it, or a dependent that has a row, for the dependent's result
may be lost with its worker and be computed anew.

`TRANSITIONS` is the whole machine.  The code writes states into a bytearray without
looking here; the tests put a checking one in its place (`Checked`), so that what is not in the
table cannot happen unseen.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "ERRED",
    "FORGOTTEN",
    "MEMORY",
    "PUT",
    "READY",
    "RELEASED",
    "SENT",
    "STATES",
    "TRANSITIONS",
    "WAITING",
    "Checked",
]

FORGOTTEN = 0
RELEASED = 1
WAITING = 2
READY = 3
SENT = 4
MEMORY = 5
ERRED = 6
PUT = 7

STATES = ("forgotten", "released", "waiting", "ready", "sent", "memory", "erred", "put")
"""Names of the states, by number."""

TRANSITIONS: dict[tuple[int, int], str] = {
    (FORGOTTEN, RELEASED): "submitted",
    (FORGOTTEN, PUT): "a client will scatter it, or describe it",
    (RELEASED, WAITING): "a dependent or a client needs it",
    (RELEASED, READY): "needed, and its inputs are there",
    (RELEASED, MEMORY): "a worker turned out to hold it",
    (RELEASED, ERRED): "an input has failed, or it was cancelled",
    (RELEASED, FORGOTTEN): "nobody can need it again",
    (WAITING, READY): "the last input arrived",
    (WAITING, SENT): "given to the worker that is to make the inputs that it lacks",
    (WAITING, MEMORY): "a worker turned out to hold it",
    (WAITING, RELEASED): "nobody needs it any more",
    (WAITING, ERRED): "an input has failed, or it was cancelled",
    (READY, SENT): "a worker has room for it",
    (READY, WAITING): "an input was lost",
    (READY, MEMORY): "a worker turned out to hold it",
    (READY, RELEASED): "nobody needs it any more",
    (READY, ERRED): "an input has failed, or it was cancelled",
    (SENT, MEMORY): "its run ended well",
    (SENT, ERRED): "its run failed, or it was cancelled",
    (SENT, READY): "its run failed and may be repeated; it was given back; its worker is gone",
    (SENT, WAITING): "as to READY, and an input was lost meanwhile",
    (SENT, RELEASED): "nobody needs it any more",
    (MEMORY, RELEASED): "nobody needs its result any more",
    (MEMORY, WAITING): "its result was lost and is needed",
    (MEMORY, READY): "its result was lost and is needed, its inputs are there",
    (MEMORY, ERRED): "data that cannot be computed again was lost; or it was cancelled",
    (ERRED, RELEASED): "to be tried again",
    (ERRED, FORGOTTEN): "nobody can need it again",
    (ERRED, PUT): "lost data is put again",
    (PUT, MEMORY): "the data has arrived",
    (PUT, ERRED): "the client left, or the workers did, before the data arrived",
    (PUT, RELEASED): "nobody wants it any more; or it was described",
}
"""Every allowed change of state, and what it means."""


class Checked(bytearray):
    """A column of states that refuses what `TRANSITIONS` does not have.

    Examples
    --------
    >>> states = Checked([WAITING])
    >>> states[0] = READY
    >>> states[0] = MEMORY
    >>> states[0] = SENT
    Traceback (most recent call last):
    ...
    AssertionError: row 0 cannot go from memory to sent
    """

    def __setitem__(self, index: Any, value: Any) -> None:
        in_line = isinstance(index, slice)
        rows = range(len(self))[index] if in_line else (index,)
        for row, new in zip(rows, value if in_line else (value,)):
            change = (self[row], new)
            if change not in TRANSITIONS:
                was, now = STATES[change[0]], STATES[new]
                raise AssertionError(f"row {row} cannot go from {was} to {now}")
        super().__setitem__(index, value)
