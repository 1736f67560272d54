"""An asyncio loop in a thread of its own: coroutines for programs that have no loop.

The client itself needs none: its connections have a reactor, its operations run over promises.
But programs hand it coroutines (`Client.sync`), and libraries post callbacks to ``client.loop`` as
they would to Tornado's.  The loop starts with the first of them, so most clients never have it.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
import threading
from collections.abc import Callable
from typing import Any

from shoal.distributed.client.promise import Promise
from shoal.distributed.node.coroutines import serve
from shoal.units import parse_timedelta

__all__ = ["CallbackLoop", "awaiting", "sync"]

logger = logging.getLogger("distributed.client")

awaiting: contextvars.ContextVar[bool] = contextvars.ContextVar("shoal_awaiting", default=False)
"""Inside of `sync`: methods of synchronous clients return what can be awaited."""


class CallbackLoop:
    """An asyncio loop that starts, in a daemon thread, when it is first used.

    Parameters
    ----------
    loop
        One that somebody else runs, to be used in its place.

    Examples
    --------
    >>> loop, done = CallbackLoop(), threading.Event()
    >>> loop.add_callback(done.set)
    >>> done.wait(10)
    True
    >>> loop.close()
    """

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._lock = threading.Lock()
        self._loop = loop
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def asyncio_loop(self) -> asyncio.AbstractEventLoop:
        """The loop; it runs."""
        with self._lock:
            if self._loop is None:
                loop = asyncio.new_event_loop()
                try:
                    threading.Thread(
                        target=serve, args=(loop,), name="shoal-asyncio", daemon=True
                    ).start()
                except BaseException:
                    loop.close()
                    raise
                self._loop = loop
            return self._loop

    def add_callback(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Call a function soon, in the loop's thread.

        Parameters
        ----------
        func
            May be a coroutine function.  An exception is logged.
        *args, **kwargs
            For it.
        """
        self.asyncio_loop.call_soon_threadsafe(self._call, func, args, kwargs)

    def call_later(self, delay_s: float, func: Callable[..., Any], *args: Any) -> None:
        """Call a function after some time.

        Parameters
        ----------
        delay_s
            Seconds.
        func, *args
            As `add_callback` takes them.
        """
        self.add_callback(self.asyncio_loop.call_later, delay_s, self._call, func, args, {})

    def run(self, func: Callable[..., Any]) -> Any:
        """The result of a coroutine function, waited for from another thread.

        Parameters
        ----------
        func
            Without arguments.  The caller's context variables are its own.
        """
        end: Promise[Any] = Promise()

        async def ended() -> None:
            awaiting.set(True)
            try:
                end.keep(await func())
            except BaseException as error:
                end.fail(error)

        context = contextvars.copy_context()
        loop = self.asyncio_loop
        loop.call_soon_threadsafe(lambda: self._hold(loop.create_task(ended(), context=context)))
        return end.wait()

    def close(self) -> None:
        """Cancel what runs, and end the loop and its thread."""
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is not None:
            loop.call_soon_threadsafe(loop.stop)

    def _call(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Any) -> None:
        try:
            result = func(*args, **kwargs)
        except Exception:
            logger.exception("a callback of the loop failed: %r", func)
            return
        if inspect.iscoroutine(result):
            task = asyncio.get_running_loop().create_task(result)
            self._hold(task)
            task.add_done_callback(_log_failure)

    def _hold(self, task: asyncio.Task[Any]) -> None:
        """A loop refers to its tasks only weakly."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _log_failure(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("a callback of the loop failed: %r", task.get_coro(), exc_info=error)


def sync(
    loop: CallbackLoop | None,
    func: Callable[..., Any],
    *args: Any,
    callback_timeout: Any = None,
    **kwargs: Any,
) -> Any:
    """Run a coroutine function on a loop in another thread and wait for its result.

    Inside of it the methods of all clients return what can be awaited.

    Parameters
    ----------
    loop
        ``client.loop``; None: one for this call.
    func, *args, **kwargs
        What to run; a plain function is called there.
    callback_timeout
        How long it may take: seconds, or such as ``"2 s"``.

    Raises
    ------
    TimeoutError
        It took longer.

    Examples
    --------
    >>> async def double(n):
    ...     return 2 * n
    >>> sync(None, double, 21)
    42
    """
    timeout_s = None if callback_timeout is None else parse_timedelta(callback_timeout)

    async def bounded() -> Any:
        result = func(*args, **kwargs)
        return await asyncio.wait_for(result, timeout_s) if inspect.isawaitable(result) else result

    if loop is not None:
        return loop.run(bounded)
    own = CallbackLoop()
    try:
        return own.run(bounded)
    finally:
        own.close()
