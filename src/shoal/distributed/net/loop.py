"""One thread that waits for sockets and timers and calls what was registered for them.

A reactor and nothing more: no coroutines, no futures, no tasks.  Measured on a unix
socket, asyncio's streams cost 26 us of CPU a message, its protocols 7, and this loop 3 to 4.

One turn of the loop: wait for events, call their handlers, call what other threads have asked for,
call timers, call the idle functions, and last write what connections have put aside.  So everything
that one batch of events makes a program send to one peer goes in one system call.  What the idle
functions have asked for is called in the same turn: an answer to a client in the same process.

A thread that asks for a call (`Loop.call_threadsafe`) wakes the loop only if it sleeps.  The flag
is set before the queue is looked at for the last time and the queue is filled before
the flag is looked at, so no call is overlooked.
"""

from __future__ import annotations

import heapq
import logging
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Any, Protocol

from shoal.errors import CommunicationError

__all__ = ["READ", "WRITE", "Loop", "Timer"]

log = logging.getLogger("distributed.net")

READ = select.POLLIN
WRITE = select.POLLOUT

PASSES = 2
"""How often a turn looks at what was asked for before it writes and waits."""

TIMERS = 100
"""Up to so many timers, those that were cancelled stay until their time has come."""

LAST_CALLS = 1000
"""How many calls a loop that ends still makes, should each of them ask for one more."""

WAKE = (1).to_bytes(8, "little")
"""What an eventfd wants written, and a pipe does not mind."""


class Timer:
    """A call that is to come.

    Parameters
    ----------
    when_s
        In the loop's time.
    call, args
        What to call then.

    Examples
    --------
    >>> timer = Timer(0.0, print, ("hello",))
    >>> timer.cancel()
    >>> timer.call is None
    True
    """

    __slots__ = ("args", "call", "when_s")

    def __init__(self, when_s: float, call: Callable[..., object], args: tuple[Any, ...]) -> None:
        self.when_s = when_s
        self.call: Callable[..., object] | None = call
        self.args = args

    def cancel(self) -> None:
        """Do not call; also allowed when it has been called."""
        self.call = None
        self.args = ()


class Closable(Protocol):
    """What ends with the loop."""

    def close(self) -> None:
        """Let go of everything; also allowed twice."""


class Loop:
    """A reactor: run it in a thread of its own, or in one you have.

    Parameters
    ----------
    clock
        Seconds; never goes back.

    Attributes
    ----------
    time
        The clock.
    thread_id
        Of the thread that runs the loop; 0 while none does.
    ending
        Whether the loop has been stopped.
    ended
        Whether it has also closed what it owned: nothing is called any more.

    Examples
    --------
    >>> loop = Loop()
    >>> thread = loop.start("example")
    >>> done = threading.Event()
    >>> loop.call_threadsafe(done.set)
    >>> done.wait(5)
    True
    >>> loop.stop()
    >>> thread.join()
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.time = clock
        self.thread_id = 0
        self._handlers: dict[int, Callable[[int], object]] = {}
        self._ready: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._timers: list[tuple[float, int, Timer]] = []
        self._timers_most = TIMERS
        self._sequence = count()
        self._idle: list[Callable[[], object]] = []
        self._flushes: list[Callable[[], object]] = []
        self._owned: dict[Closable, None] = {}
        self._sleeping = False
        self.ending = self.ended = False
        self._epoll = hasattr(select, "epoll")
        self._poller: Any = select.epoll() if self._epoll else select.poll()
        if hasattr(os, "eventfd"):
            self._wake_fds = (os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC),)
        else:
            self._wake_fds = os.pipe()  # type: ignore[assignment]
            os.set_blocking(self._wake_fds[0], False)
        self.register(self._wake_fds[0], self._woken)

    # -- calls ---------------------------------------------------------------------------------

    def call_soon(self, call: Callable[..., object], *args: Any) -> None:
        """Call after the current batch of events; from the loop's thread only."""
        self._ready.append((call, args))

    def call_threadsafe(self, call: Callable[..., object], *args: Any) -> None:
        """Call in the loop's thread, soon; from any thread."""
        self._ready.append((call, args))
        if self._sleeping:
            self._sleeping = False
            try:
                os.write(self._wake_fds[-1], WAKE)
            except OSError:
                pass  # it has ended, or a pipe is full of such bytes already

    def call_later(self, delay_s: float, call: Callable[..., object], *args: Any) -> Timer:
        """Call when some time has passed; from the loop's thread only."""
        timer = Timer(self.time() + delay_s, call, args)
        heapq.heappush(self._timers, (timer.when_s, next(self._sequence), timer))
        if len(self._timers) > self._timers_most:
            self._sweep_timers()
        return timer

    def _sweep_timers(self) -> None:
        """Let go of timers that were cancelled, whenever there are twice as many as were needed."""
        self._timers[:] = [entry for entry in self._timers if entry[2].call is not None]
        heapq.heapify(self._timers)
        self._timers_most = max(TIMERS, 2 * len(self._timers))

    def add_idle(self, call: Callable[[], object]) -> None:
        """Call after every batch of events, before the loop sleeps."""
        self._idle.append(call)

    def remove_idle(self, call: Callable[[], object]) -> None:
        """Undo `add_idle`; from the loop's thread only."""
        self._idle = [other for other in self._idle if other != call]

    def flush_later(self, call: Callable[[], object]) -> None:
        """Call once at the end of this turn, after the idle functions; loop's thread only."""
        self._flushes.append(call)

    # -- sockets -------------------------------------------------------------------------------

    def register(self, fd: int, handler: Callable[[int], object], mask: int = READ) -> None:
        """Call ``handler(mask)`` whenever a descriptor is ready; loop's thread only."""
        self._handlers[fd] = handler
        self._poller.register(fd, mask)

    def watch(self, fd: int, mask: int) -> None:
        """Change what a registered descriptor is waited for."""
        self._poller.modify(fd, mask)

    def unregister(self, fd: int) -> None:
        """Forget a descriptor; before it is closed."""
        if self._handlers.pop(fd, None) is not None:
            try:
                self._poller.unregister(fd)
            except (OSError, ValueError):
                pass  # the loop has ended

    def own(self, resource: Closable) -> None:
        """Close this when the loop ends, unless it is disowned before; any thread.

        Raises
        ------
        CommunicationError
            The loop has ended: the resource stays the caller's.
        """
        self._owned[resource] = None
        if self.ended and self._owned.pop(resource, self) is None:
            raise CommunicationError("the thread of connections has ended; make a new client")

    def disown(self, resource: Closable) -> None:
        """Somebody has closed this."""
        self._owned.pop(resource, None)

    # -- running -------------------------------------------------------------------------------

    def in_loop(self) -> bool:
        """Whether the calling thread is the loop's."""
        return threading.get_ident() == self.thread_id

    def start(self, name: str) -> threading.Thread:
        """Run in a new thread, which ends with the program at the latest."""
        thread = threading.Thread(target=self.run, name=name, daemon=True)
        thread.start()
        return thread

    def stop(self) -> None:
        """End after the current batch of events; from any thread."""
        self.call_threadsafe(self._stop)

    def run(self) -> None:
        """Turn until stopped; then close what the loop owns."""
        if self.ending:
            return
        self.thread_id = threading.get_ident()
        try:
            while not self.ending:
                self._turn()
        finally:
            self._end()

    def _turn(self) -> None:
        for fd, mask in self._wait():
            handler = self._handlers.get(fd)
            if handler is not None:
                try:
                    handler(mask)
                except Exception:
                    log.exception("the handler of a descriptor failed: %r", handler)
        ready = self._ready
        for _ in range(PASSES):
            for _ in range(len(ready)):
                call, args = ready.popleft()
                self._guard(call, *args)
            if self._timers:
                self._call_timers()
            for idle in self._idle:
                self._guard(idle)
            if not ready:
                break
        if self._flushes:
            self._flush()

    def _flush(self) -> None:
        """Write what was put aside in this turn."""
        flushes, self._flushes = self._flushes, []
        for flush in flushes:
            try:
                flush()
            except Exception:
                log.exception("a flush failed: %r", flush)

    def _wait(self) -> list[tuple[int, int]]:
        """Sleep until there is something to do."""
        timeout_s: float | None = None
        if self._timers:
            timeout_s = max(0.0, self._timers[0][0] - self.time())
        self._sleeping = True
        if self._ready or self._flushes or self.ending:
            self._sleeping = False
            timeout_s = 0
        if self._epoll:
            events = self._poller.poll(timeout_s)
        else:
            events = self._poller.poll(None if timeout_s is None else timeout_s * 1000 + 0.5)
        self._sleeping = False
        return events  # type: ignore[no-any-return]

    def _call_timers(self) -> None:
        now = self.time()
        timers = self._timers
        while timers and (timers[0][0] <= now or timers[0][2].call is None):
            timer = heapq.heappop(timers)[2]
            call, args = timer.call, timer.args
            timer.cancel()
            if call is not None:
                self._guard(call, *args)

    def _guard(self, call: Callable[..., object], *args: Any) -> None:
        """One call's failure is its own: log it and go on."""
        try:
            call(*args)
        except Exception:
            log.exception("a callback of the loop failed: %r", call)

    def _woken(self, mask: int) -> None:
        try:
            os.read(self._wake_fds[0], 4096)
        except BlockingIOError:
            pass

    def _stop(self) -> None:
        self.ending = True

    def _end(self) -> None:
        """Close everything; callbacks of what is closed may still ask for calls."""
        self.ending = True
        self._settle()
        self.ended = True
        # Again: who has asked for a call before that does not know that nothing is called any more.
        self._settle()
        self._flush()
        self.thread_id = 0
        self._handlers.clear()
        if self._epoll:
            self._poller.close()
        for fd in self._wake_fds:
            os.close(fd)
        self._wake_fds = (-1,)

    def _settle(self) -> None:
        """Close what is owned, and make the calls that it asks for."""
        for _ in range(LAST_CALLS):
            while self._owned:
                resource, _ = self._owned.popitem()
                self._guard(resource.close)
            if not self._ready:
                break
            call, args = self._ready.popleft()
            self._guard(call, *args)
