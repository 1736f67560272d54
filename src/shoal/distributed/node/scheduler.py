"""The scheduler's shell: sockets and time on the outside, the state machine within.

Everything happens in the thread of one loop.  Messages go to the state machine as they come; when a
batch of events is through, what it wants done is done at once, so that one message to a worker
speaks of all tasks that the batch made ready.

A few calls are answered here, because only a process can: its log, its versions, running a
user's function in it, and its end (`SHELL_CALLS`).
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import dataclasses
import difflib
import inspect
import itertools
import logging
import os
import pickle
import shutil
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Generator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from shoal import config
from shoal.distributed.core import scheduler as core
from shoal.distributed.core.effects import Close, Log, Perform, Send
from shoal.distributed.core.scheduler.methods import log_event
from shoal.distributed.net import (
    Connection,
    Listener,
    Loop,
    Security,
    Timer,
    listen,
    parse,
    write_cluster_file,
)
from shoal.distributed.node.calls import load_file
from shoal.distributed.node.door import Door, parse_door
from shoal.distributed.node.extensions import Extensions
from shoal.distributed.node.known import forget_known, own_folder, remember_known
from shoal.distributed.node.output import Line, lines_of
from shoal.distributed.node.plugins import load_preload
from shoal.distributed.node.record import Record
from shoal.distributed.node.results import pack_error
from shoal.distributed.node.versions import package_versions
from shoal.distributed.node.views import Overview
from shoal.distributed.node.vitals import Loads, Stacks, process_vitals
from shoal.distributed.protocol import Answer, Call, Goodbye, Topic
from shoal.distributed.wire.codec import MESSAGES
from shoal.errors import ClusterError
from shoal.graph.functions import has_keyword
from shoal.serialize.messages import message as text_of
from shoal.serialize.messages import type_name
from shoal.serialize.pickles import dumps
from shoal.units import parse_timedelta

__all__ = ["Scheduler"]

log = logging.getLogger("distributed.scheduler")

LOG_LINES = 10_000

_count = itertools.count(1)


class Scheduler(Overview):
    """A scheduler: what clients and workers connect to.

    Parameters
    ----------
    host
        Name or number of the interface to listen on; default: this machine only.
    port
        0 for any.
    security
        The cluster's credentials; default: new ones.
    protocol
        ``"tcp"`` or ``"tls"``, for host and port.
    addresses
        Where to listen, instead of host and port: ``tcp://``, ``tls://``, ``unix://``.
    loop
        Runs it; default: a loop in a thread of its own.
    settings
        Of the state machine; default: from the configuration.
    scheduler_file
        Where to write the address and the secret.
    journal
        A directory for what the scheduler has to remember when it is killed; what is there is
        read.  None: it remembers nothing.
    preload, preload_argv
        Modules or files that are loaded first; a function ``dask_setup(scheduler)`` in them is
        called, and ``dask_teardown(scheduler)`` at the end.
    idle_timeout
        It ends when it has had nothing to do for so long: seconds, or such as ``"1 hour"``.
    dashboard_address
        Where the dashboard is: ``":8787"``, ``"host:port"``, a port; None: nowhere.  Another port
        is taken, and told, when that one is in use.
    dashboard_prefix
        Path in front of its pages, for proxies that do not take it away.
    **options
        ``allowed_failures``: how many workers a task may take down with it; ``worker_ttl``: how
        long a worker may be silent.  What else Dask's scheduler takes means nothing here.

    Examples
    --------
    >>> with Scheduler() as scheduler:
    ...     scheduler.address.startswith("tcp://127.0.0.1:")
    True
    """

    def __init__(
        self,
        *,
        host: str | None = None,
        port: int = 0,
        security: Any = None,
        addresses: Sequence[str] = (),
        loop: Loop | None = None,
        settings: core.Settings | None = None,
        scheduler_file: Any = None,
        journal: str | os.PathLike[str] | None = None,
        protocol: str | None = None,
        preload: Any = None,
        preload_argv: Any = None,
        idle_timeout: Any = None,
        dashboard_address: Any = None,
        dashboard_prefix: str | None = None,
        **options: Any,
    ) -> None:
        self.security = security if isinstance(security, Security) else Security.new()
        self.id = f"Scheduler-{uuid.uuid4()}"
        self.loop = Loop() if loop is None else loop
        self._own_loop = loop is None
        self._thread: threading.Thread | None = None
        if not addresses:
            addresses = [_where_to_listen(host or "127.0.0.1", port, protocol or "tcp")]
        self._wanted = [a if a.count(":") > 1 or "unix" in a else f"{a}:{port}" for a in addresses]
        self.inner = f"inproc://{self.id}-{next(_count)}"
        self.state = core.Scheduler(_settings_of(settings, options), identity=self.id)
        self.state.for_shell = SHELL_CALLS
        self.status = "created"
        self.scheduler_file = scheduler_file
        self._listeners: list[Listener] = []
        self._conns: dict[int, Connection] = {}
        self._numbers = itertools.count(1)
        self._dirty = False
        self._timer: Timer | None = None
        self._timer_at = 0.0
        self._will_plan = False
        self._logs: deque[Line] = deque(maxlen=LOG_LINES)
        self._record: Record | None = None
        if journal is not None:
            self._record = Record(journal, self.state, self.loop.time(), self._note)
        self._preload = texts_of(preload, "distributed.scheduler.preload")
        self._preload_argv = texts_of(preload_argv, "distributed.scheduler.preload-argv")
        self._teardowns: list[Callable[[], Any]] = []
        if idle_timeout is None:
            idle_timeout = config.get("distributed.scheduler.idle-timeout", None)
        self._idle_s: float = parse_timedelta(idle_timeout) if idle_timeout else 0.0
        self._busy_at = 0.0
        self._folder = ""
        self.plugins = Extensions(self)
        self._door: Door | None = None
        self._door_at = parse_door(dashboard_address, _host_of(self._wanted[0]))
        self._prefix = dashboard_prefix
        self._stacks = Stacks()
        self._loads = Loads()
        self._ended = threading.Event()
        self.on_close: Callable[[], None] = lambda: None

    # -- life ----------------------------------------------------------------------------------

    def start(self) -> Scheduler:
        """Listen, and work in a thread; from any thread."""
        if self.status != "created":
            return self
        self.status = "running"
        try:
            self._open()
        except BaseException:
            if self._own_loop and self._thread is None:
                self.loop.stop()
                self.loop.run()  # lets go of what it owns
            self._close_and_wait("it could not start")
            self.status = "failed"
            raise
        return self

    def _open(self) -> None:
        """Let others in, and do what only then can be done."""
        self.loop.own(self)
        me = {"security": self.security, "role": "scheduler", "name": self.id}
        for address in [*self._wanted, self.inner]:
            made = listen(self.loop, address, on_connection=self._connected, **me)  # type: ignore[arg-type]
            self._listeners.append(made)
        self.loop.add_idle(self._flush)
        if self._door_at is not None:
            self._open_door(self._door_at)
        if self._own_loop:
            self._thread = self.loop.start("shoal-scheduler")
        remember_known(self.address, self.security, loop=self.loop, inner=self.inner)
        if self.scheduler_file:
            write_cluster_file(self.scheduler_file, self.address, self.security)
        self.loop.call_threadsafe(self._plan_tick)
        for name in self._preload:
            self._teardowns.append(load_preload(name, self._preload_argv, self))
        if self._idle_s:
            self._busy_at = self.loop.time()
            self.loop.call_threadsafe(self._look_for_work)

    def _look_for_work(self) -> None:
        """End when there has been nothing to do for long enough."""
        now = self.loop.time()
        if len(self.state.table):
            self._busy_at = now
        if now - self._busy_at >= self._idle_s:
            log.info("the scheduler ends: nothing to do for %g s", self._idle_s)
            self._close("it had nothing to do")
        elif self.status == "running":
            self.loop.call_later(max(self._idle_s / 4, 0.05), self._look_for_work)

    def _open_door(self, where: tuple[str, int]) -> None:
        """Take the dashboard's port; without one the cluster does its work all the same."""
        door = make_door(self.loop, where, self._prefix)
        if isinstance(door, Log):
            self._do_log(door)
            return
        self._door = door
        self.state.dashboard = self._door.url
        unix = [a for a in self.addresses if a.startswith("unix:")]
        self.loop.call_threadsafe(self._door.open, (unix or [self.address])[0], self.security)

    @property
    def address(self) -> str:
        """Where other processes connect."""
        if not self._listeners:
            raise ClusterError("the scheduler has no address before it was started")
        return self._listeners[0].address

    @property
    def addresses(self) -> list[str]:
        """All addresses for other processes."""
        return [listener.address for listener in self._listeners[:-1]]

    def close(self, reason: Any = "the scheduler was closed", **options: Any) -> Any:
        """Tell everybody, and end; from any thread, also more than once; can be awaited.

        Parameters
        ----------
        reason
            For the log, and for those who are told.
        **options
            Accepted.
        """
        text = reason if isinstance(reason, str) else "the scheduler was closed"
        if asyncio._get_running_loop() is not None:
            return asyncio.get_running_loop().run_in_executor(None, self._close_and_wait, text)
        return self._close_and_wait(text)

    def _close_and_wait(self, reason: str) -> None:
        if self.status in ("closed", "created", "failed"):
            return
        if self.loop.in_loop():
            self._close(reason)
            return
        self.loop.call_threadsafe(self._close, reason)
        self._ended.wait(5)
        if self._thread is not None:
            self._thread.join(5)

    def _close(self, reason: str) -> None:
        if self.status == "closed":
            return
        self.status = "closed"
        self.loop.disown(self)
        self.plugins.close()
        if self._listeners:
            forget_known(self.address)
        if self._timer is not None:
            self._timer.cancel()
        if self._door is not None:
            self._door.close()
        for listener in self._listeners:
            listener.close()
        for conn in list(self._conns.values()):
            conn.send(Goodbye(reason))
            conn.close()
        self._conns.clear()
        self.loop.call_soon(self._finish)

    def _finish(self) -> None:
        """A turn later: what was said on the way out has been written."""
        if self._record is not None:
            self._record.close()
        for teardown in self._teardowns:
            try:
                teardown()
            except Exception:
                log.exception("a preload's teardown failed")
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._ended.set()
        self.on_close()
        if self._own_loop:
            self.loop.stop()

    def __enter__(self) -> Scheduler:
        return self.start()

    def __exit__(self, *exc_info: Any) -> None:
        self.close()

    async def __aenter__(self) -> Scheduler:
        return self.start()

    async def __aexit__(self, *exc_info: Any) -> None:
        await self.close()

    def __await__(self) -> Generator[Any, None, Scheduler]:
        return self.__aenter__().__await__()

    async def finished(self) -> None:
        """Wait for the end."""
        await asyncio.get_running_loop().run_in_executor(None, self._ended.wait)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Block until the end; whether it has come.

        Parameters
        ----------
        timeout_s
            None: as long as it takes.
        """
        return self._ended.wait(timeout_s)

    # -- for plugins and functions that run here -----------------------------------------------

    @property
    def local_directory(self) -> str:
        """A folder of its own, removed at the end."""
        if not self._folder:
            self._folder = own_folder("scheduler")
        return self._folder

    def in_loop(self, call: Callable[[], Any]) -> Any:
        """What a function gives that is called in the loop's thread, between two events.

        Parameters
        ----------
        call
            Takes no arguments.
        """
        if self.loop.in_loop() or self._listeners == []:
            return call()
        end: concurrent.futures.Future[Any] = concurrent.futures.Future()

        def work() -> None:
            try:
                end.set_result(call())
            except BaseException as error:
                end.set_exception(error)

        self.loop.call_threadsafe(work)
        return end.result()

    def add_plugin(self, plugin: Any, *, idempotent: bool = False, name: Any = None) -> None:
        """Add a plugin.

        Parameters
        ----------
        plugin
            A `SchedulerPlugin`.
        idempotent
            One of that name stays as it is.
        name
            Default: the plugin's own, or a new one.
        """
        label = name or getattr(plugin, "name", None) or f"{type(plugin).__name__}-{id(plugin):x}"
        self.in_loop(lambda: self.plugins.add(plugin, str(label), idempotent))

    def remove_plugin(self, name: Any) -> None:
        """Take a plugin away.

        Parameters
        ----------
        name
            As it was added.
        """
        self.in_loop(lambda: self.plugins.remove(str(name)))

    def log_event(self, topic: Any, msg: Any) -> None:
        """Record an event.

        Parameters
        ----------
        topic
            A name, or several.
        msg
            Anything that msgpack can say.

        Raises
        ------
        TypeError
            It cannot; nothing is recorded.
        """
        check_event(topic, msg)

        def work() -> None:
            self._dirty = True
            for name in [topic] if isinstance(topic, str) else topic:
                log_event(self.state, name, msg, self.loop.time())

        self.in_loop(work)

    def __repr__(self) -> str:
        where = self._listeners[0].address if self._listeners else "not started"
        return f"<Scheduler {where!r}, workers: {len(self.state.workers)}>"

    # -- events --------------------------------------------------------------------------------

    def _connected(self, conn: Connection) -> None:
        party = next(self._numbers)
        self._conns[party] = conn

        def received(_: Connection, message: Any, buffers: Sequence[Any]) -> None:
            self._dirty = True
            now = self.loop.time()
            try:
                core.received(self.state, party, message, buffers, now)
            except Exception as error:
                core.answered(self.state, party, mistake_at(message, error))
                return
            if self._record is not None:
                self._record.received(party, message, buffers, now)
            if self.plugins:
                self.plugins.received(party, message)

        def closed(_: Connection, error: BaseException | None) -> None:
            if self._conns.pop(party, None) is not None:
                self._dirty = True
                core.closed(self.state, party, str(error or ""), self.loop.time())
                if self._record is not None:
                    self._record.closed(party, self.loop.time())

        conn.on_message = received
        conn.on_close = closed
        self._dirty = True
        log.info("%s %s has connected", conn.peer.role, conn.peer.name)
        core.connected(self.state, party, conn.peer.role, self.loop.time())
        if self._record is not None:
            self._record.connected(party, conn.peer.role, self.loop.time())

    def _flush(self) -> None:
        """Do what the state machine wants, after a batch of events."""
        if not self._dirty or self.status != "running":
            return
        self._dirty = False
        conns = self._conns
        now = self.loop.time()
        self._loads.note(now)
        effects = core.drain(self.state, now)
        if self._record is not None:
            # Nobody is told of anything that a killed scheduler would not know.
            self._record.flush(self.loop.time())
        for effect in effects:
            if type(effect) is Send:
                conn = conns.get(effect.party)
                if conn is not None:
                    try:
                        conn.send(effect.message, effect.buffers)
                    except Exception as error:  # the others are sent all the same
                        self._dirty = True
                        self.loop.call_threadsafe(self._flush)
                        what = core.unsent(self.state, effect, str(error), now)
                        log.error("%s could not be sent: %s", what, error)
            else:
                EFFECTS[type(effect)](self, effect)
        if self.plugins:
            self.plugins.report()
        if not self._will_plan:
            # After what was said here has been written: nobody waits for it.
            self._will_plan = True
            self.loop.flush_later(self._plan_tick)

    def _plan_tick(self) -> None:
        """Have the state machine told when the next moment comes that it waits for."""
        self._will_plan = False
        due = core.due(self.state)
        if due is None or (self._timer is not None and self._timer_at <= due):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = due
        self._timer = self.loop.call_later(max(due - self.loop.time(), 0.001), self._tick)

    def _tick(self) -> None:
        self._timer = None
        if self.status == "running":
            self._dirty = True
            core.tick(self.state, self.loop.time())
            self._plan_tick()

    def _do_close(self, effect: Close) -> None:
        conn = self._conns.pop(effect.party, None)
        if conn is not None:
            if conn.peer.role != "worker":
                # A worker that was fenced off connects again, with what it holds.
                conn.send(Goodbye(effect.reason))
            conn.close()
            if self._record is not None:
                self._record.closed(effect.party, self.loop.time())

    def _note(self, text: str) -> None:
        self._do_log(Log("warning", text))

    def _do_log(self, effect: Log) -> None:
        self._logs.append((effect.level.upper(), effect.text, time.time(), ""))
        log.log(getattr(logging, effect.level.upper(), logging.INFO), "%s", effect.text)

    # -- calls that only a process can answer --------------------------------------------------

    def _perform(self, effect: Perform) -> None:
        SHELL_CALLS[effect.call.method](self, Caller(self, effect.party), effect.call)

    def answered(self, party: int, answer: Answer) -> None:
        """A call was answered here; loop's thread only."""
        core.answered(self.state, party, answer)
        self._dirty = True

    def _call_logs(self, who: Caller, call: Call) -> None:
        found = lines_of(self._logs, call.args.get("n"), call.args.get("text", ""))
        who.send(Answer(call.request, found[::-1]))

    def _call_versions(self, who: Caller, call: Call) -> None:
        who.send(Answer(call.request, package_versions(call.args.get("packages"))))

    def _call_vitals(self, who: Caller, call: Call) -> None:
        loads = list(self._loads.rows) if call.args.get("history") else []
        who.send(Answer(call.request, {**process_vitals(), "loop": loads}))

    def _call_profile(self, who: Caller, call: Call) -> None:
        tree = self._stacks.tree(call.args.get("start"), call.args.get("stop"))
        who.send(Answer(call.request, tree))

    def _call_profile_times(self, who: Caller, call: Call) -> None:
        who.send(Answer(call.request, self._stacks.times()))

    def _call_close(self, who: Caller, call: Call) -> None:
        who.send(Answer(call.request, None))
        self.loop.call_later(0.01, self._close, "the cluster was shut down")

    def _call_upload(self, who: Caller, call: Call) -> None:
        """A module for functions that run here."""

        def work() -> Any:
            args = call.args
            return load_file(
                Path(self.local_directory), args["name"], bytes(args["data"]), args["load"]
            )

        self._beside(who, call, work)

    def _call_add_plugin(self, who: Caller, call: Call) -> None:
        def work() -> Any:
            plugin = pickle.loads(call.args["data"])
            self.add_plugin(plugin, name=call.args["name"], idempotent=call.args["idempotent"])

        self._beside(who, call, work)

    def _call_remove_plugin(self, who: Caller, call: Call) -> None:
        self._beside(who, call, lambda: self.remove_plugin(call.args["name"]))

    def _call_run(self, who: Caller, call: Call) -> None:
        """Run a user's function."""

        def work() -> Any:
            function, args, kwargs = pickle.loads(call.args["data"])
            if has_keyword(function, "dask_scheduler"):
                kwargs = {**kwargs, "dask_scheduler": self}
            result = function(*args, **kwargs)
            return asyncio.run(result) if inspect.iscoroutine(result) else result

        self._beside(who, call, work)

    def _beside(self, who: Caller, call: Call, work: Callable[[], Any]) -> None:
        """Answer with what users' code gives, in a thread of its own: it may block."""

        def answer() -> None:
            try:
                result = work()
                frames = dumps(result, "the result")
                outcome = ("ok", pickle.dumps(result) if frames.buffers else bytes(frames.head))
            except BaseException as error:  # sys.exit() too: somebody waits for an answer
                outcome = ("error", pack_error(error))
            who.send(Answer(call.request, outcome))

        threading.Thread(target=answer, name="shoal-on-scheduler", daemon=True).start()


class Caller:
    """Whoever has called; it may be over another connection by the time that it is answered."""

    def __init__(self, scheduler: Scheduler, party: int) -> None:
        self.scheduler = scheduler
        self.party = party

    def send(self, answer: Answer) -> None:
        """Answer; from any thread."""
        scheduler = self.scheduler
        scheduler.loop.call_threadsafe(scheduler.answered, self.party, answer)


def mistake_at(call: Any, error: Exception) -> Answer:
    """The answer to a call that the state machine fails at: a mistake of ours.

    The call counts as taken, so that nobody would answer it any more.  For other messages the
    error is raised.
    """
    if type(call) is not Call:
        raise error
    log.error("the call %s could not be handled", call.method, exc_info=error)
    what = f"the scheduler failed at {call.method}: {type_name(error)}: {text_of(error)}"
    return Answer(call.request, None, ("ClusterError", what))


EFFECTS: dict[type, Callable[[Scheduler, Any], None]] = {
    Close: Scheduler._do_close,
    Log: Scheduler._do_log,
    Perform: Scheduler._perform,
}
"""What the state machine may want besides sending."""

SHELL_CALLS: dict[str, Callable[[Scheduler, Caller, Call], None]] = {
    "scheduler.logs": Scheduler._call_logs,
    "scheduler.versions": Scheduler._call_versions,
    "scheduler.vitals": Scheduler._call_vitals,
    "scheduler.profile": Scheduler._call_profile,
    "scheduler.profile_times": Scheduler._call_profile_times,
    "scheduler.close": Scheduler._call_close,
    "scheduler.run": Scheduler._call_run,
    "scheduler.upload_file": Scheduler._call_upload,
    "scheduler.add_plugin": Scheduler._call_add_plugin,
    "scheduler.remove_plugin": Scheduler._call_remove_plugin,
}
"""What is answered here and not by the state machine."""


def make_door(loop: Loop, where: tuple[str, int], prefix: str | None) -> Door | Log:
    """The dashboard's door, or why there is none."""
    lacking = [name for name in ("starlette", "uvicorn") if not find_spec(name)]
    if lacking:
        text = f"no dashboard, for {' and '.join(lacking)} is missing; "
        return Log("info", f"{text}run: python -m pip install 'shoal[dashboard]'")
    settings = config.get("distributed.dashboard")
    more = {name: settings[f"allowed-{name}"] or () for name in ("hosts", "origins")}
    try:
        return Door(loop, where, settings["prefix"] or "" if prefix is None else prefix, **more)
    except OSError as error:
        return Log("warning", f"no dashboard at {where[0]}:{where[1]}: {error}")


def check_event(topic: Any, msg: Any) -> None:
    """Raise where an event is logged, rather than where it should be sent."""
    try:
        MESSAGES.pack(Topic("", [(0.0, msg)]))
    except (TypeError, ValueError, OverflowError) as error:
        text = f"an event of the topic {topic!r} cannot be sent: {error}"
        raise TypeError(f"{text}; log what msgpack knows, such as str({msg!r})") from error


def texts_of(given: Any, setting: str) -> list[str]:
    """One text or several, or what the configuration says where nothing was given.

    Parameters
    ----------
    given
        A text, several, or None.
    setting
        Its name.

    Examples
    --------
    >>> texts_of("a.py", "distributed.scheduler.preload")
    ['a.py']
    """
    found = config.get(setting, None) if given is None else given
    return [found] if isinstance(found, str) else [str(text) for text in found or ()]


def _where_to_listen(host: str, port: int, protocol: str) -> str:
    """The address; programs say ``"tls://"`` as well as ``"tls"``."""
    return host if "://" in host else f"{protocol.removesuffix('://')}://{host}:{port}"


def _host_of(address: str) -> str:
    """Where a dashboard listens that was not told: as the scheduler does, if on one host only."""
    host = parse(address).host if "://" in address else ""
    return host if host.startswith("127.") or host in ("localhost", "::1") else "127.0.0.1"


def settings_from_config() -> core.Settings:
    """The state machine's numbers: those that the configuration names, and defaults.

    Examples
    --------
    >>> settings_from_config().allowed_failures
    3
    """
    said: dict[str, Any] = {}
    for name, key in SETTINGS.items():
        value = config.get(key, None)
        if value is not None:
            said[name] = parse_timedelta(value) if name.endswith("_s") else value
    return core.Settings(**said)


def _settings_of(settings: core.Settings | None, options: dict[str, Any]) -> core.Settings:
    """The state machine's numbers, as somebody asks for them who makes a scheduler."""
    said: dict[str, Any] = {}
    for name, value in options.items():
        if name == "allowed_failures" and value is not None:
            said[name] = int(value)
        elif name == "worker_ttl" and value is not None:
            said["silence_s"] = parse_timedelta(value)
        elif name not in WITHOUT_EFFECT:
            near = difflib.get_close_matches(name, inspect.signature(Scheduler).parameters, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise TypeError(f"Scheduler() got an unexpected keyword argument {name!r}{hint}")
    return dataclasses.replace(settings or settings_from_config(), **said)


WITHOUT_EFFECT = {
    "allowed_failures",
    "blocked_handlers",
    "connection_limit",
    "dashboard",
    "delete_interval",
    "deserialize",
    "extensions",
    "http_prefix",
    "jupyter",
    "service_kwargs",
    "services",
    "synchronize_worker_interval",
    "transition_counter_max",
    "validate",
    "worker_ttl",
}
"""Options of Dask's scheduler that programs give, and that mean nothing here; or None was given."""

SETTINGS = {
    "allowed_failures": "distributed.scheduler.allowed-failures",
    "no_workers_s": "distributed.scheduler.no-workers-timeout",
    "lease_s": "distributed.scheduler.locks.lease-timeout",
    "speculate": "distributed.scheduler.speculate",
}
"""Fields of the settings, and where the configuration has them."""
