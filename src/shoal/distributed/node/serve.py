"""Sending results to whoever asks: other workers, and clients.

Small answers are made by the loop itself.  Those that may take a while (pickling a large object,
reading a file) are made by one thread beside it, so that signs of life and small answers do not
wait for them.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from math import inf
from typing import Any

from shoal.distributed.node.results import pack_error
from shoal.distributed.protocol import Data, Frames
from shoal.serialize.pickles import Frames as Pickled

__all__ = ["Offload", "answer"]

log = logging.getLogger("distributed.worker")


class Offload:
    """A thread that does one thing after another.

    Parameters
    ----------
    name
        Of the thread.

    Examples
    --------
    >>> import threading
    >>> done = threading.Event()
    >>> offload = Offload("example")
    >>> offload.put(done.set)
    >>> done.wait(5)
    True
    >>> offload.close()
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._queue: queue.SimpleQueue[tuple[Callable[..., object], tuple[Any, ...]] | None] = (
            queue.SimpleQueue()
        )
        self._thread: threading.Thread | None = None

    def put(self, call: Callable[..., object], *args: Any) -> None:
        """Call a function after all those before; what it raises is only logged.

        Parameters
        ----------
        call, args
            What to call.
        """
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        self._queue.put((call, args))

    def close(self) -> None:
        """End the thread when it has done what was asked before."""
        self._queue.put(None)

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            call, args = item
            try:
                call(*args)
            except Exception:
                # What else waits here is not to wait for ever.
                log.exception("%s raised in the thread %s", call, self._name)
            del item, call, args


def answer(
    request: int,
    ids: list[int],
    frames_of: Callable[[int], Pickled | None],
    most_bytes: float = inf,
) -> tuple[Data, list[Any]]:
    """Results as an answer to `Get`, and its buffers.

    Parameters
    ----------
    request
        The asker's number.
    ids
        Those asked for that are here.
    frames_of
        Gives one, or None when it is gone meanwhile; raises when it cannot be pickled: the asker is
        then told so, by frames without a head whose one buffer is the packed exception.
    most_bytes
        When it holds so much, the rest is left for another request.

    Examples
    --------
    >>> message, buffers = answer(1, [5, 6], {5: Pickled(b"N.")}.get)
    >>> message.ids, message.frames, message.more, buffers
    ([5], [Frames(head=b'N.', ...)], False, [])
    """
    came: list[int] = []
    frames: list[Frames] = []
    buffers: list[Any] = []
    nbytes = 0
    for id in ids:
        if nbytes >= most_bytes:
            return Data(request, came, frames, more=True), buffers
        try:
            found = frames_of(id)
        except Exception as error:
            frames.append(Frames(b"", len(buffers), 1))
            buffers.append(pack_error(error))
            came.append(id)
            continue
        if found is not None:
            came.append(id)
            frames.append(Frames(bytes(found.head), len(buffers), len(found.buffers)))
            buffers.extend(found.buffers)
            nbytes += found.nbytes
    return Data(request, came, frames), buffers
