"""Coroutines as tasks: one asyncio loop, in a thread that starts when the first one comes.

The execution thread waits for the coroutine, so that coroutines take slots as other tasks do, and
cancelling works alike.  A coroutine that gives up its slot frees it.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from shoal.distributed.node.context import coroutine_slot
from shoal.distributed.node.lane import Slot, current_slot

if TYPE_CHECKING:
    import asyncio

__all__ = ["Coroutines"]


def load_asyncio() -> Any:
    """The module, when the first coroutine comes: a worker starts sooner without."""
    return importlib.import_module("asyncio")


class Coroutines:
    """The asyncio loop of a worker.

    Examples
    --------
    >>> async def double(x):
    ...     return 2 * x
    >>> coroutines = Coroutines()
    >>> coroutines.run(double(4))
    8
    >>> coroutines.close()
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop, started if need be."""
        with self._lock:
            if self._loop is None:
                self._loop = load_asyncio().new_event_loop()
                self._thread = threading.Thread(
                    target=_turn, args=(self._loop,), name="shoal-asyncio", daemon=True
                )
                self._thread.start()
            return self._loop

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Wait for a coroutine; in an execution thread.

        Parameters
        ----------
        work
            The coroutine.
        """
        future = load_asyncio().run_coroutine_threadsafe(
            _in_slot(work, current_slot()), self.loop()
        )
        try:
            return future.result()
        except BaseException:
            # Of the coroutine, or of this thread: it was cancelled.
            future.cancel()
            raise

    def start(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run a coroutine in the background; any thread.

        Parameters
        ----------
        work
            The coroutine; it must not raise.
        """
        load_asyncio().run_coroutine_threadsafe(work, self.loop())

    def close(self) -> None:
        """End the loop."""
        with self._lock:
            if self._loop is not None and self._thread is not None:
                self._loop.call_soon_threadsafe(self._loop.stop)
                self._thread.join(1.0)


def _turn(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    finally:
        loop.close()


async def _in_slot(work: Coroutine[Any, Any, Any], slot: Slot | None) -> Any:
    """Run as the task that the slot runs."""
    coroutine_slot.set(slot)
    return await work
