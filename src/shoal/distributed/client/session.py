"""The life of a client: how it connects, waits, calls back and ends.

`Session` is the part of `Client` that the families of its methods stand on.  Its center is
`Session._run`: an operation is a coroutine over promises, begun at once; a synchronous client
blocks until its end, an asynchronous one returns something to await.  The last step, which
unpickles what came, always runs in the caller's thread.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import logging
import os
import platform
import queue
import threading
import uuid
import weakref
from collections import Counter
from collections.abc import Callable, Coroutine, Generator, Sequence
from functools import partial
from typing import Any, TypeVar

from shoal import config
from shoal.distributed.client import current
from shoal.distributed.client.background import CallbackLoop, awaiting, sync
from shoal.distributed.client.encode import Codes
from shoal.distributed.client.failures import task_error
from shoal.distributed.client.link import Link
from shoal.distributed.client.printing import handle_print, handle_printed, handle_warn
from shoal.distributed.client.promise import (
    Begun,
    Promise,
    as_asyncio,
    innermost,
    spawn,
    timeout_of,
)
from shoal.distributed.client.start import Place, find_place
from shoal.distributed.client.waiting import all_ended, late, late_async
from shoal.distributed.core.client.table import FINISHED, Entry, disconnected
from shoal.distributed.node.context import PATIENCE_S
from shoal.distributed.protocol import Call, Topic
from shoal.distributed.spans import asked, current_trace
from shoal.errors import ClosedClientError, ClusterError
from shoal.local.failure import trimmed
from shoal.optional import import_required
from shoal.serialize.families import loader
from shoal.units import parse_timedelta

__all__ = ["Session"]

T = TypeVar("T")
S = TypeVar("S")

_MISSING: Any = object()

log = logging.getLogger("distributed.client")

TOPICS: dict[str, Callable[[Any], Any]] = {
    "print": handle_print,
    "warn": handle_warn,
    "printed": handle_printed,
}
"""Topics that every client listens to, and what is done with their events."""

CONNECT = "distributed.comm.timeouts.connect"


class Session:
    """A connection to a scheduler, with what is needed to wait for its answers.

    Parameters
    ----------
    address
        Of the scheduler, or a cluster; None: the setting ``scheduler-address``, else a new
        `LocalCluster`.
    timeout
        How long to try to connect: seconds, or such as ``"10 s"``.
    set_as_default
        Whether collections compute with this client from now on.
    scheduler_file
        A ``cluster.json``, with the address and the secret.
    security
        The cluster's credentials; default: those of a cluster that this process started, or
        of the same user's on this machine.
    asynchronous
        Methods return what can be awaited.
    name
        What the client is called, in front of a unique number.
    direct_to_workers
        Accepted: data always comes directly from workers.
    serializers, deserializers
        Families of types (`shoal.serialize.families`) of data that may be sent, and that results
        may be of; default: all, and the same.
    loop, heartbeat_interval, extensions, connection_limit
        Accepted, without effect.
    **options
        For `LocalCluster`.

    Examples
    --------
    >>> Session(asynchronous=True).status
    'newly-created'
    """

    _link: Link

    def __init__(
        self,
        address: Any = None,
        loop: Any = None,
        timeout: Any = None,
        set_as_default: bool = True,
        scheduler_file: Any = None,
        security: Any = None,
        asynchronous: bool = False,
        name: str | None = None,
        heartbeat_interval: Any = None,
        serializers: Any = None,
        deserializers: Any = None,
        extensions: Any = None,
        direct_to_workers: bool | None = None,
        connection_limit: int = 512,
        **options: Any,
    ) -> None:
        self._asynchronous = asynchronous
        if direct_to_workers is None:
            direct_to_workers = config.get("distributed.client.direct-to-workers", None)
        self._timeout_s = parse_timedelta(config.get(CONNECT) if timeout is None else timeout)
        self._is_default = set_as_default
        self._given = (address, scheduler_file, security, options)
        self.name = name or "client"
        self.direct_to_workers = bool(direct_to_workers)
        self.id = f"Client-{self.name}-{uuid.uuid4()}" if name else f"Client-{uuid.uuid1()}"
        self.cluster: Any = None
        self._place: Place | None = None
        self._closed = False
        self._scheduler_file: str | None = scheduler_file and os.fspath(scheduler_file)
        self._codes = Codes()
        self._sends = serializers
        self._loads = loader(serializers if deserializers is None else deserializers)
        self._caller: _Caller | None = None
        self._planner: _Caller | None = None
        self._listeners: dict[str, list[Any]] = {}
        self._topics: dict[str, Callable[[Any], Any]] = dict(TOPICS)
        self._traces = bool(config.get("distributed.tracing"))
        if self._traces:
            import_required("opentelemetry.propagate", "the setting distributed.tracing", "tracing")
        self._epoch = 0.0
        """Of the scheduler's clock: what is added to its times for seconds since the epoch."""
        self._loop = CallbackLoop()
        self._started: Promise[Any] | None = None
        self._exits = contextlib.ExitStack()
        if not asynchronous:
            self.start()

    # -- beginning -----------------------------------------------------------------------------

    def start(self, **kwargs: Any) -> Any:
        """Connect; done by the constructor of a synchronous client.

        Parameters
        ----------
        **kwargs
            Accepted, without effect.
        """
        if self._started is None:
            self._started = spawn(self._open())
        if self.asynchronous:
            return self._start_async()
        try:
            # The tasks of a worker share a client, which the first of them makes under a lock.
            self._started.wait(keep_slot=True)
        except BaseException:
            self._abandon()
            raise
        return None

    async def _start_async(self) -> Any:
        assert self._started is not None
        try:
            await as_asyncio(self._started)
        except BaseException:
            self._abandon()
            raise
        return self

    async def _open(self) -> None:
        address, scheduler_file, security, options = self._given
        place = await find_place(
            address, scheduler_file, security, options, name=self.name, timeout_s=self._timeout_s
        )
        self.cluster = place.cluster
        self._link = Link(
            place.loop,
            place.address,
            place.security,
            name=self.id,
            versions={"python": platform.python_version(), "host": platform.node()},
            timeout_s=self._timeout_s,
        )
        self._place = place
        if self._closed:  # whoever waited for it has given up: Ctrl-C while its cluster started
            self._abandon()
            return
        # Weakly, here and below: a client that nobody has any more is to end.
        self._link.on_topic = partial(_pass_on, weakref.ref(self))
        await self._link.open()
        # Inside of a worker, what its tasks print has been printed where they did.
        for topic in () if place.is_inside else TOPICS:
            if topic != "printed" or config.get("distributed.client.task-output"):
                self._link.subscribe(topic)
        _open_clients[id(self)] = weakref.ref(self)
        if self._is_default:
            current.remember(self)  # type: ignore[arg-type]
            self._link.ended.add_callback(self._left)

    def _left(self, _: Any) -> None:
        """A cluster that was closed on purpose leaves collections to what was there before it.

        One that was lost does not: what was meant for it would come over this machine unasked.
        """
        if self._link.goodbye:
            current.forget(self)  # type: ignore[arg-type]

    def _abandon(self) -> None:
        """Connecting failed: leave nothing behind."""
        self._closed = True
        self._loop.close()
        if self._place is not None:
            self._link.close()
            self._place.close()

    @property
    def asynchronous(self) -> bool:
        """Whether methods return what can be awaited: asked for, and inside of an asyncio loop."""
        if asyncio._get_running_loop() is None:
            return False
        return self._asynchronous or awaiting.get()

    def _trace(self) -> dict[str, str]:
        """The context of the trace in which something is submitted now, where that is wanted."""
        return current_trace() if self._traces or asked.get() else {}

    @property
    def status(self) -> str:
        """``"newly-created"``, ``"connecting"``, ``"running"`` or ``"closed"``."""
        if self._closed:
            return "closed"
        return "newly-created" if self._place is None else self._link.status

    @property
    def futures(self) -> dict[Any, Entry]:
        """What is known of each key that the program holds futures of."""
        self._link.flush_dropped()
        return dict(self._link.table.entries)

    @property
    def refcount(self) -> Counter[Any]:
        """How many futures there are of each key."""
        return Counter({key: entry.refs for key, entry in self.futures.items()})

    @property
    def loop(self) -> CallbackLoop:
        """An asyncio loop in a thread, with ``add_callback``; it starts when it is first used."""
        return self._loop

    io_loop = loop

    # -- running operations --------------------------------------------------------------------

    def _run(
        self,
        steps: Coroutine[Any, Any, T],
        finish: Callable[[T], S] | None = None,
        timeout: Any = None,
        asynchronous: bool | None = None,
        undo: Callable[[T], object] | None = None,
        awaited: Sequence[Entry] = (),
    ) -> Any:
        """Begin an operation, and wait for its end or return what can be awaited.

        Parameters
        ----------
        steps
            The operation, over promises.
        finish
            Its last step, run by the caller.
        timeout
            Seconds, or such as ``"2 s"``.
        asynchronous
            Default: the client's.
        undo
            Called with what it gives when nobody waits for it any more: Ctrl-C, a cancelled task.
        awaited
            What it waits for: named when there was not time enough.
        """
        if self._place is None or self._closed:
            steps.close()
            raise ClosedClientError(
                f"the client {self.name!r} is {self.status}; "
                + ("await it first" if not self._closed else "make a new one")
            )
        timeout_s = timeout_of(timeout)
        promise = spawn(steps)
        if self.asynchronous if asynchronous is None else asynchronous:
            end = self._finish_async(promise, finish, timeout_s, undo, awaited)
            return Begun(end, partial(self._give_up, promise, undo))
        with trimmed():
            try:
                # Who is given what others wait for must not wait for those in turn.
                value = promise.wait(timeout_s, patience_s=PATIENCE_S if undo is None else 0.0)
            except BaseException as error:
                is_late = isinstance(error, TimeoutError) and not promise.done
                self._give_up(promise, undo)
                if is_late and awaited and timeout_s is not None:
                    raise late(self._link, awaited, timeout_s) from None
                raise
            return value if finish is None else finish(value)

    def _unpickle(self, data: Any, *, buffers: Any = None) -> Any:
        """What came: futures and actors in it are this client's, whichever is the default."""
        return current.loaded(self, self._loads, data, buffers)  # type: ignore[arg-type]

    async def _finish_async(
        self,
        promise: Promise[Any],
        finish: Any,
        timeout_s: float | None,
        undo: Any,
        awaited: Sequence[Entry],
    ) -> Any:
        with trimmed():
            try:
                value = await as_asyncio(promise, timeout_s)
            except BaseException as error:
                is_late = isinstance(error, TimeoutError) and not promise.done
                self._give_up(promise, undo)
                if is_late and awaited and timeout_s is not None:
                    raise await late_async(self._link, awaited, timeout_s) from None
                raise
            return value if finish is None else finish(value)

    def _give_up(self, promise: Promise[Any], undo: Callable[[Any], object] | None) -> None:
        """Nobody waits for an operation any more: undo what it gives, should it still give it."""
        if not promise.done:
            promise.withdraw = self._link.withdraw
            self._link.withdraw(innermost(promise))
        if undo is not None:
            promise.add_callback(lambda kept: kept._error is None and undo(kept._value))

    def _ask(self, method: str, /, **args: Any) -> Any:
        """Call a method of the scheduler; its value."""
        return self._run(self._answer(method, args))

    async def _answer(self, method: str, args: dict[str, Any]) -> Any:
        answer, _ = await self._link.request(lambda number: Call(number, method, args))
        return answer.value

    def sync(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run a coroutine function on an asyncio loop of its own thread and wait for its result.

        Parameters
        ----------
        func
            A coroutine function, for instance one that uses an asynchronous client.
        *args, **kwargs
            For it; ``asynchronous`` and ``callback_timeout`` (seconds) are for this method.

        Returns
        -------
        The result; with an asynchronous client the coroutine.
        """
        asynchronous = kwargs.pop("asynchronous", None)
        if self.asynchronous if asynchronous is None else asynchronous:
            kwargs.pop("callback_timeout", None)
            return func(*args, **kwargs)
        return sync(self._loop, func, *args, **kwargs)

    # -- futures -------------------------------------------------------------------------------

    async def _async_result(self, future: Any, timeout: Any) -> Any:
        entries, timeout_s = [future._entry], timeout_of(timeout)
        promise = spawn(self._gathered(entries, True))

        def finish(found: Any) -> Any:
            return self._unpacked(found, entries)[0]

        return await self._finish_async(promise, finish, timeout_s, None, entries)

    def _results_of(self, entries: list[Entry], timeout: Any) -> list[Any]:
        promise = spawn(self._gathered(entries, True))
        return self._unpacked(promise.wait(timeout_of(timeout)), entries)

    async def _gathered(self, entries: list[Entry], strict: bool) -> dict[Any, Any]:
        raise NotImplementedError

    def _unpacked(self, found: dict[Any, Any], entries: list[Entry]) -> list[Any]:
        raise NotImplementedError

    def _when_done(self, future: Any, finish: Callable[[Entry], Any], timeout: Any) -> Any:
        """``finish(entry)`` when a future has ended."""
        entry: Entry = future._entry

        async def ended() -> Entry:
            await all_ended(self._link, [entry])
            return entry

        def finish_held(done: Entry, held: Any = future) -> Any:
            # The future lives until here: the caller may have let go of it.
            return finish(done)

        return self._run(ended(), finish_held, timeout, awaited=[entry])

    def _raise_failed(self, entry: Entry) -> None:
        if entry.status != FINISHED:
            assert entry.error is not None
            raise task_error(entry.error)

    def _call_back(self, callback: Callable[[Any], Any], argument: Any) -> None:
        """Run a user's callback, one after the other, in a thread that is there for it."""
        if self._caller is None:
            with self._link.lock:
                if self._caller is None:
                    self._caller = _Caller("shoal-callbacks")
        self._caller.put(callback, argument)

    def _plan_later(self, step: Callable[[Any], Any], argument: Any) -> None:
        """Run a step in a thread for planning: users' callbacks may wait for what is planned."""
        if self._planner is None:
            with self._link.lock:
                if self._planner is None:
                    self._planner = _Caller("shoal-planner")
        self._planner.put(step, argument)

    # -- news ----------------------------------------------------------------------------------

    def _got_topic(self, message: Topic) -> None:
        for listener in self._listeners.get(message.topic, ()):
            for _, event in message.events:
                listener._receive(event)
        handler = self._topics.get(message.topic)
        if handler is not None and handler is TOPICS.get(message.topic):
            # Our own are quick, and what a task printed should stand before its result.
            for event in message.events:
                try:
                    handler(tuple(event))
                except Exception:
                    log.exception("an event of the topic %r cannot be handled", message.topic)
        elif handler is not None:
            for when, event in message.events:
                self._call_back(handler, (when + self._epoch, event))

    # -- ending --------------------------------------------------------------------------------

    def close(self, timeout: Any = None) -> Any:
        """Let go of all futures and disconnect; a cluster that the client started is closed.

        Parameters
        ----------
        timeout
            Seconds to wait for the cluster.
        """
        if self.asynchronous:
            return self._close_async()
        self._close()
        return None

    async def _close_async(self) -> None:
        # Closing a cluster waits for processes.
        await asyncio.get_running_loop().run_in_executor(None, self._close)

    def _close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if asyncio._get_running_loop() is None or not self._asynchronous:
            self._exits.close()
        _open_clients.pop(id(self), None)
        current.forget(self)  # type: ignore[arg-type]
        _disconnect(self._loop, getattr(self, "_link", None), self._callers(), self._place)

    def _callers(self) -> list[_Caller]:
        return [caller for caller in (self._caller, self._planner) if caller is not None]

    def shutdown(self) -> Any:
        """Close the client and its cluster, also one that was there before."""
        cluster = self.cluster
        log.info("Shutting down scheduler from Client")

        async def stop() -> None:
            if cluster is None:
                with contextlib.suppress(ClusterError, ConnectionError):
                    await self._link.call("scheduler.close")
                    await self._link.ended

        def finish(_: Any) -> None:
            if cluster is not None:
                cluster.close()

        if self.asynchronous:
            return self._shutdown_async(stop(), finish)
        spawn(stop()).wait(self._timeout_s)
        finish(None)
        self._close()
        return None

    async def _shutdown_async(self, stop: Any, finish: Callable[[Any], None]) -> None:
        await as_asyncio(spawn(stop))
        await asyncio.get_running_loop().run_in_executor(None, finish, None)
        await self._close_async()

    def _addresses(self) -> tuple[str, ...]:
        """Where its scheduler is, inside and outside of this process."""
        return () if self._place is None else (self._place.address, self._place.public_address)

    def __enter__(self) -> Any:
        if self._asynchronous:
            raise RuntimeError("an asynchronous client is used with 'async with', not with 'with'")
        if self._is_default:
            self._exits.enter_context(current.as_current(self))  # type: ignore[arg-type]
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self.close()

    async def __aenter__(self) -> Any:
        await self
        if self._is_default:
            self._exits.enter_context(current.as_current(self))  # type: ignore[arg-type]
        return self

    async def __aexit__(self, *exc_info: Any) -> None:
        self._exits.close()
        await self._close_async()

    def __await__(self) -> Generator[Any, None, Any]:
        if self._started is None:
            self._started = spawn(self._open())
        return self._start_async().__await__()

    def __del__(self) -> None:
        if getattr(self, "_closed", True) or self._place is None:
            return
        # Collected at any moment, perhaps by a thread that holds the link's lock, or one that a
        # new thread needs: only leave word.
        _open_clients.pop(id(self), None)
        ends = partial(
            _disconnect,
            *(self._loop, self._link, self._callers(), self._place, "the client was collected"),
        )
        self._place.loop.call_threadsafe(_in_thread, ends)


def _pass_on(session: weakref.ref[Session], message: Topic) -> None:
    """News, for a client that somebody still has."""
    found = session()
    if found is not None:
        found._got_topic(message)


def _in_thread(ends: Callable[[], None]) -> None:
    """Closing a cluster waits for processes, and a loop for its own thread."""
    threading.Thread(target=ends, name="shoal-close", daemon=True).start()


def _disconnect(
    loop: CallbackLoop,
    link: Link | None,
    callers: list[_Caller],
    place: Place | None,
    text: str = "the client was closed",
) -> None:
    """End what a client has begun."""
    loop.close()
    if link is not None:
        for staged in set(link.announced.by_key.values()):
            staged.finish()  # others may want it
        link.close(text)
    for caller in callers:
        caller.close()
    if place is not None:
        place.close()


class _Caller:
    """A thread that runs functions, one after the other, until it is closed."""

    def __init__(self, name: str) -> None:
        self._calls: queue.SimpleQueue[Any] = queue.SimpleQueue()
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def put(self, callback: Callable[[Any], Any], argument: Any) -> None:
        """Run this as well."""
        self._calls.put((callback, argument))

    def close(self) -> None:
        """End after what is there."""
        self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            callback, argument = call
            try:
                result = callback(argument)
                if asyncio.iscoroutine(result):
                    asyncio.run(result)
            except BaseException:  # sys.exit() too: the callbacks after it are called
                log.exception("a callback failed")
            del call, callback, argument


_open_clients: dict[int, Any] = {}
"""Clients to close at exit, by identity."""


def close_all() -> None:
    """Close every client that is open; called when the program ends."""
    for ref in list(_open_clients.values()):
        client = ref()
        if client is not None:
            with contextlib.suppress(Exception):
                client._close()


def _forget_all() -> None:
    """In a forked child: the clients, their threads and what they say are the parent's.

    The child has the descriptors of their connections, and a word of it among those of the parent
    would be taken for the parent's: nothing is said any more, not even goodbye.
    """
    for ref in _open_clients.values():
        client = ref()
        if client is None:
            continue
        client._closed = True
        link = getattr(client, "_link", None)
        if link is not None:
            link.lock = threading.RLock()  # a thread that there is no more may have had the old one
            link.status = "closed"
            link._conn, link._is_open, link._workers = None, False, {}
            disconnected(link.table, "the client is of the process that this one was forked from")
    _open_clients.clear()


os.register_at_fork(after_in_child=_forget_all)
atexit.register(close_all)
