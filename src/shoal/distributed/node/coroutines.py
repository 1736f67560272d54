"""Coroutines as tasks: one asyncio loop, in a thread that starts when the first one comes.

The execution thread waits for the coroutine, so that coroutines take slots as other tasks do, and
cancelling works alike.  A coroutine that gives up its slot frees it.
"""

from __future__ import annotations

import contextlib
import importlib
import threading
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from shoal.distributed.node.context import coroutine_slot
from shoal.distributed.node.lane import Slot, current_slot

if TYPE_CHECKING:
    import asyncio

__all__ = ["Coroutines", "serve"]


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
                loop = load_asyncio().new_event_loop()
                thread = threading.Thread(
                    target=serve, args=(loop,), name="shoal-asyncio", daemon=True
                )
                try:
                    thread.start()
                except BaseException:
                    loop.close()
                    raise
                self._loop, self._thread = loop, thread
            return self._loop

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Wait for a coroutine; in an execution thread.

        Parameters
        ----------
        work
            The coroutine.
        """
        future = self._begin(_in_slot(work, current_slot()), work)
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
        self._begin(work)

    def _begin(self, *works: Coroutine[Any, Any, Any]) -> Any:
        """Run the first of some coroutines, which awaits the others."""
        try:
            return load_asyncio().run_coroutine_threadsafe(works[0], self.loop())
        except BaseException:
            for work in works:
                work.close()
            raise

    def close(self) -> None:
        """Cancel what runs, and end the loop."""
        with self._lock:
            if self._loop is not None and self._thread is not None and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._loop.stop)
                self._thread.join(1.0)


def serve(loop: asyncio.AbstractEventLoop) -> None:
    """Run a loop until it is stopped; then end what is left of it, as `asyncio.run` does.

    Parameters
    ----------
    loop
        New.

    Examples
    --------
    >>> loop = load_asyncio().new_event_loop()
    >>> loop.call_soon(loop.stop)
    <Handle ...>
    >>> serve(loop)
    >>> loop.is_closed()
    True
    """
    with contextlib.closing(loop):
        loop.run_forever()
        loop.run_until_complete(_cancel_all())
        loop.run_until_complete(loop.shutdown_asyncgens())


async def _cancel_all() -> None:
    """Cancel all tasks of this loop but this one, and wait until they have ended."""
    asyncio = load_asyncio()
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


async def _in_slot(work: Coroutine[Any, Any, Any], slot: Slot | None) -> Any:
    """Run as the task that the slot runs."""
    coroutine_slot.set(slot)
    return await work
