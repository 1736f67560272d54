"""A worker: the shell around `shoal.distributed.core.worker`.

One thread, the loop, owns the state machine and all connections.  Execution threads (`lane`) run
tasks and share with it what can be shared without locks.  Everything slow has a thread of its
own: reading and writing spilled results (`disks`), pickling large ones (`serve`), calls of users'
functions outside of tasks.
"""

from __future__ import annotations

import functools
import logging
import math
import os
import shutil
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from shoal.distributed.core.status import Status
from shoal.distributed.core.worker import effects, machine
from shoal.distributed.core.worker.memory import no_room
from shoal.distributed.core.worker.table import Settings, Task
from shoal.distributed.core.worker.table import Worker as Core
from shoal.distributed.net import Connection, Loop, Security, connect, listen
from shoal.distributed.net.shared import POOL, idle_bytes
from shoal.distributed.node.actors import Actors
from shoal.distributed.node.calls import METHODS, RESTART_CODE
from shoal.distributed.node.context import current_task
from shoal.distributed.node.coroutines import Coroutines
from shoal.distributed.node.disks import Disks
from shoal.distributed.node.echo import Echo, place_of
from shoal.distributed.node.known import public_address
from shoal.distributed.node.lane import Lane, Slot, Surroundings
from shoal.distributed.node.limits import memory_limit, process_bytes
from shoal.distributed.node.onlookers import Onlookers
from shoal.distributed.node.output import Line
from shoal.distributed.node.perform import PERFORM
from shoal.distributed.node.placing import PLACE_BYTES, place
from shoal.distributed.node.plugins import Plugins, Preparations, load_preload
from shoal.distributed.node.profile import Profile
from shoal.distributed.node.serve import Offload
from shoal.distributed.node.spec import WorkerSpec, make_folder
from shoal.distributed.node.store import Store
from shoal.distributed.node.vitals import Stacks, open_files
from shoal.distributed.node.watch import Complaints, Watch
from shoal.distributed.node.workerstate import Held, SchedulerPlace, WorkerState, WorkerTask
from shoal.distributed.protocol import Call
from shoal.local.cpus import CPU_COUNT
from shoal.serialize.parts import SHELF

__all__ = ["Worker", "settings_from"]

log = logging.getLogger("distributed.worker")

WATCH_S = 0.002
"""How often the loop looks for completions while they keep coming."""

LOOK_S = 0.2
CLOSE_LOOK_S = 0.05
PAUSED_LOOK_S = 0.01
"""How often the process's memory is looked at; when it is above half of the limit; and while no
task begins for want of memory."""

SHARE = 0.1
"""Of the memory limit: what may be on its way to the worker, and from it."""

IDLE_BYTES = 1 << 30
"""Shared memory that may wait for another use, at most."""

RETIRE_S = 30.0
"""How long the scheduler may take to move away what a retiring worker holds."""


def settings_from(spec: WorkerSpec, address: str) -> Settings:
    """The numbers that a worker's state machine goes by.

    Parameters
    ----------
    spec
        What the worker is to be like.
    address
        Where it listens.

    Examples
    --------
    >>> settings_from(
    ...     WorkerSpec("a", "inproc://s", memory_limit="1 GB"), "inproc://a"
    ... ).memory_limit
    1000000000
    """
    limit = memory_limit(spec.memory_limit, spec.nthreads, CPU_COUNT)
    moving = int(SHARE * limit) if limit else 512 << 20
    return Settings(
        name=spec.name,
        address=address,
        nthreads=spec.nthreads,
        memory_limit=limit,
        fetch_bytes=moving,
        serve_bytes=moving,
        resources=dict(spec.resources),
        versions={"python": ".".join(map(str, sys.version_info[:3]))},
        host=socket.gethostname(),
        pid=os.getpid(),
        nanny=spec.name if spec.nanny else "",
        target=spec.target,
        spill=spec.spill,
        pause=spec.pause,
        leave_s=spec.leave_s,
    )


class Worker:
    """A worker of a cluster, in this process.

    Parameters
    ----------
    loop
        Its thread does everything but running tasks.
    spec
        What the worker is to be like.
    security
        The cluster's credentials.

    Attributes
    ----------
    closed
        An event: the worker has ended.
    on_closed
        Called in the loop's thread when it has.
    exit_code
        What its process should end with.
    failure
        Why the scheduler has not taken it; empty if it has.

    Examples
    --------
    >>> loop, security = Loop(), Security.new()
    >>> thread = loop.start("example")
    >>> spec = WorkerSpec("a", "inproc://nobody", "inproc://example-worker", nanny=False)
    >>> worker = Worker(loop, spec, security)
    >>> worker.start()
    >>> worker.close()
    >>> worker.closed.wait(5)
    True
    >>> loop.stop()
    """

    def __init__(self, loop: Loop, spec: WorkerSpec, security: Security) -> None:
        self.loop = loop
        self.spec = spec
        self.name = spec.name
        self.security = security
        self.scheduler_address = spec.scheduler
        self.connections: dict[int, Connection] = {}
        self.dirty = False
        self.closed = threading.Event()
        self.registered = threading.Event()
        self.failure = ""
        self.exit_code = 0
        self.on_closed: Callable[[], object] = lambda: None
        self.client: Any = None
        """The client of tasks that ask for one; set by the client's package."""
        self.client_lock = threading.Lock()
        self.listener = listen(
            loop,
            spec.address,
            security=security,
            role="worker",
            name=spec.name,
            on_connection=self._accepted,
        )
        self.address = spec.contact_address or self.listener.address
        # Not before it is certain that there will be a worker.
        self.folder = Path(spec.folder or make_folder(spec))
        self.core = Core(settings_from(spec, self.address))
        self.store = Store()
        self.coroutines = Coroutines()
        self.actors = Actors(self, self.address, self.coroutines)
        self.shared = self._surroundings()
        sizes = {"default": spec.nthreads, **spec.executors}
        self.lanes = {name: Lane(name, size, self.shared) for name, size in sizes.items()}
        self.disks = Disks(self.store, self.folder / "spilled", spec.spill_quota, self._from_disk)
        self.offload = Offload(f"shoal-data-{spec.name}")
        self.plugins = Plugins(self, self.coroutines.run)
        self.onlookers = Onlookers(self.plugins.watchers)
        self.preparations = Preparations(loop, self.beside, self.pause_lanes)
        self.short_of_memory = False
        self.complaints = Complaints(self)
        self.profile = Profile(self.slots, spec.profile_s)
        self.stacks = Stacks(spec.profile_s)
        self.watch = Watch()
        self.methods = METHODS
        self._teardowns: list[Callable[[], Any]] = []
        self.log: deque[Line] = deque(maxlen=10_000)
        """Its last lines, oldest first."""
        self.echo = Echo(loop, self._running_keys, self._send_printed)
        self._places = {"stdout": place_of(1), "stderr": place_of(2)}
        self._parties = 0
        self._poked = False
        self._armed: float | None = None

    def _surroundings(self) -> Surroundings:
        shared = Surroundings(self.store, self._poke, self._began, self.coroutines.run)
        shared.owner = self
        shared.actor = self.actors.make
        shared.place = self._place
        shared.damaged = self._damaged
        shared.short = functools.partial(self.loop.call_threadsafe, self._short)
        settings = self.core.settings
        if settings.memory_limit and settings.pause:
            shared.room.ceiling = settings.pause * settings.memory_limit
        return shared

    def _damaged(self, id: int, why: str) -> None:
        """The files of a result are not as they were written; any thread."""
        self.loop.call_threadsafe(self._tell, machine.damaged, id, why)

    def _short(self, lacking: int) -> None:
        """A thread has not begun a task, for want of memory."""
        self._collect()
        self._measure()
        self._tell(machine.short, lacking)

    def _place(self, value: Any, nbytes: int) -> Any:
        """Put a result where others can map it, if there is room for both while it is copied."""
        limit, share = self.core.settings.memory_limit, self.core.settings.target or 1.0
        # Measured now: since the last look many results may have come, each of them copied.
        if limit and process_bytes() + nbytes > share * limit:
            return value
        return place(value)

    # --- what tasks may ask -------------------------------------------------------------------

    @property
    def id(self) -> str:
        """Its name, as text."""
        return str(self.name)

    @property
    def contact_address(self) -> str:
        """Where others reach it."""
        return self.address

    @property
    def nthreads(self) -> int:
        """Tasks at once."""
        return self.spec.nthreads

    @property
    def memory_limit(self) -> int:
        """In bytes; 0 for none."""
        return self.core.settings.memory_limit

    @property
    def local_directory(self) -> str:
        """A folder of its own, removed at the end."""
        return str(self.folder)

    @property
    def status(self) -> Status:
        """Running, paused or closed; may be set to the first two, to begin no task for a while."""
        if self.closed.is_set() or self.core.closing:
            return Status.closed
        return Status.paused if self.core.paused else Status.running

    @status.setter
    def status(self, wanted: str) -> None:
        if wanted not in (Status.paused, Status.running):
            raise ValueError(f"a worker can be set to 'paused' or 'running', not to {wanted!r}")
        self.loop.call_threadsafe(self._tell, machine.pause, wanted == Status.paused)

    @property
    def state(self) -> WorkerState:
        """What it knows of its tasks."""
        return WorkerState(self.core, self.onlookers.failures)

    @property
    def tasks(self) -> dict[Any, WorkerTask]:
        """Those that it knows, by key."""
        return self.state.tasks

    @property
    def scheduler(self) -> SchedulerPlace:
        """Where its scheduler is."""
        return SchedulerPlace(public_address(self.scheduler_address))

    @property
    def data(self) -> Mapping[Any, Any]:
        """The results in memory, by key."""
        return Held(self)

    def get_current_task(self) -> Any:
        """The key of the task that calls.

        Raises
        ------
        ValueError
            The caller is no task.
        """
        row = current_task()
        if row is None:
            raise ValueError("get_current_task() works inside of tasks only")
        return row.key

    def log_event(self, topic: str | Iterable[str], msg: Any) -> None:
        """Have the scheduler record an event; any thread.

        Parameters
        ----------
        topic
            Its topic, or several.
        msg
            Anything that msgpack can say.
        """
        connection = self.connections.get(self.core.scheduler)
        if connection is not None:
            for name in [topic] if isinstance(topic, str) else topic:
                connection.send(Call(0, "events.log", {"topic": name, "value": msg}))

    def slots(self) -> list[Slot]:
        """The execution threads that run a task."""
        return [slot for lane in self.lanes.values() for slot in list(lane.running)]

    def _running_keys(self) -> set[Any]:
        """Of the tasks that run, with and without a slot."""
        lanes = self.lanes.values()
        return {
            row.key
            for lane in lanes
            for rows in (lane.running, lane.seceded)
            for row in list(rows.values())
        }

    def _send_printed(self, told: list[Any]) -> None:
        """Without a scheduler it is in the log."""
        connection = self.connections.get(self.core.scheduler)
        if connection is not None:
            args = {"said": told, "places": self._places}
            connection.send(Call(0, "tasks.printed", args))

    # --- life ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Load what is to be loaded before, and connect to the scheduler; any thread."""
        for name in self.spec.preload:
            self._teardowns.append(load_preload(name, self.spec.preload_argv, self))
        for name, data in self.spec.plugins.items():
            self.plugins.add(name, data)
        self.profile.start()
        self.loop.call_threadsafe(self._start)

    def _start(self) -> None:
        self.loop.add_idle(self._flush)
        self.dial_scheduler()
        self._look()
        if not self.core.paused and (text := no_room(self.core)):
            log.warning("%s", text)
        if self.spec.lifetime_s:
            self.loop.call_later(self.spec.lifetime_s, self._retire)

    def _retire(self) -> None:
        """Old enough: have the scheduler move the results away, then end."""
        if self.spec.lifetime_restart:
            self.exit_code = RESTART_CODE
        connection = self.connections.get(self.core.scheduler)
        if connection is not None:
            returns = self.spec.nanny and self.spec.lifetime_restart
            args = {"workers": [self.address], "close": True, "remove": True, "returns": returns}
            connection.send(Call(0, "workers.retire", args))
        self.loop.call_later(RETIRE_S, self.close, "its lifetime is over")

    def close(self, reason: str = "closed") -> None:
        """End; any thread.

        Parameters
        ----------
        reason
            For the log.
        """
        self.loop.call_threadsafe(self._say_goodbye, reason)

    def _say_goodbye(self, reason: str) -> None:
        machine.leave(self.core, reason)
        self.dirty = True
        # One that could not start is not flushed by the loop.
        self._flush()

    def refused(self, reason: str) -> None:
        """The scheduler does not take it.

        Parameters
        ----------
        reason
            The scheduler's.
        """
        self.failure = f"worker {self.name} could not be started: {reason}"
        self.exit_code = 1
        log.error("%s", self.failure)

    def leave(self, reason: str) -> None:
        """End for good; the loop's thread.

        Parameters
        ----------
        reason
            For the log.
        """
        if self.closed.is_set():
            return
        log.info("worker %s ends: %s", self.name, reason)
        self.listener.close()
        for lane in self.lanes.values():
            lane.close()
        # Users' code may take its time, and must not stop the loop.
        self.beside(self._end)

    def _end(self) -> None:
        self.plugins.close()
        self.onlookers.close()
        for teardown in self._teardowns:
            try:
                teardown()
            except Exception:
                log.exception("a preload's teardown failed")
        if self.client is not None:
            self.client.close()
        self.profile.close()
        self.coroutines.close()
        self.offload.close()
        self.disks.close()
        self.loop.call_threadsafe(self._ended)

    def _ended(self) -> None:
        self.core.closing = self.core.closing or "closed"
        for connection in list(self.connections.values()):
            connection.close()
        self.store.values.clear()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.loop.remove_idle(self._flush)
        self.closed.set()
        if self.failure:
            # Nobody waits any longer for what will not be.
            self.registered.set()
        self.on_closed()

    def pause_lanes(self) -> None:
        """Begin no task while memory is short or something is prepared; the loop's thread."""
        on = self.short_of_memory or self.preparations.busy
        for lane in self.lanes.values():
            lane.pause(on)

    def beside(self, call: Callable[..., object], *args: Any) -> None:
        """Call a function in a thread of its own.

        Parameters
        ----------
        call, args
            What to call.
        """
        threading.Thread(target=call, args=args, name="shoal-call", daemon=True).start()

    # --- connections --------------------------------------------------------------------------

    def dial_scheduler(self) -> None:
        """Connect to the scheduler."""
        connect(
            self.loop,
            self.scheduler_address,
            security=self.security,
            role="worker",
            name=self.name,
            on_open=self._scheduler_open,
            on_error=self._scheduler_unreachable,
        )

    def _scheduler_open(self, connection: Connection) -> None:
        if self.core.closing:
            connection.close()
            return
        machine.connected(self.core, self._adopt(connection), "scheduler", self.loop.time())
        self.shared.place_bytes = PLACE_BYTES if connection.shares_memory else math.inf
        self.dirty = True

    def _scheduler_unreachable(self, error: BaseException) -> None:
        if not self.core.closing:
            log.warning("worker %s: %s", self.name, error)
            machine.retry(self.core, self.loop.time())
            self.dirty = True

    def _adopt(self, connection: Connection) -> int:
        """Give a connection a number, and listen to it."""
        self._parties += 1
        party = self._parties
        self.connections[party] = connection
        connection.on_message = functools.partial(self._received, party)
        connection.on_close = functools.partial(self._closed, party)
        return party

    def _accepted(self, connection: Connection) -> None:
        party = self._adopt(connection)
        machine.connected(self.core, party, connection.peer.role, self.loop.time())

    def _received(self, party: int, connection: Connection, message: Any, buffers: Any) -> None:
        machine.received(self.core, party, message, list(buffers), self.loop.time())
        self.dirty = True

    def _closed(self, party: int, connection: Connection, error: BaseException | None) -> None:
        if self.connections.pop(party, None) is not None:
            machine.closed(self.core, party, str(error or "closed"), self.loop.time())
            self.dirty = True

    def dialed(self, dial: effects.Dial, connection: Connection) -> None:
        """Another worker is connected.

        Parameters
        ----------
        dial
            Which, and where.
        connection
            To it.
        """
        party = self._adopt(connection)
        machine.dialed(self.core, dial.peer, dial.address, party, self.loop.time())
        self.dirty = True

    def unreachable(self, dial: effects.Dial, error: BaseException) -> None:
        """Another worker cannot be connected to.

        Parameters
        ----------
        dial
            Which, and where.
        error
            Why.
        """
        machine.unreachable(self.core, dial.peer, dial.address, str(error), self.loop.time())
        self.dirty = True

    # --- from other threads -------------------------------------------------------------------

    def _poke(self) -> None:
        """Have the loop look at what has ended; execution threads."""
        if not self._poked:
            self._poked = True
            self.loop.call_threadsafe(self._collect)

    def _collect(self) -> None:
        """Take what has ended since the last time."""
        self._poked = False
        done = self.shared.done
        count = len(done)
        if not count:
            return
        batch = [done.popleft() for _ in range(count)]
        values = self.store.values
        for completion in batch:
            if not completion[1]:
                values[completion[0].id] = completion[7]
        if self.plugins.watchers:
            self.onlookers.ended([one for one in batch if one[0].id in self.core.tasks])
        machine.finished(self.core, batch, self.loop.time())
        self.dirty = True
        if not self.shared.watched:
            self.shared.watched = True
            self.loop.call_later(WATCH_S, self._watch)

    def _watch(self) -> None:
        """Look again, as long as something comes."""
        if self.shared.done:
            self._collect()
            self.loop.call_later(WATCH_S, self._watch)
        else:
            self.shared.watched = False
            # What ended between the look and the word.
            self._collect()

    def _bound_pool(self, limit: int) -> None:
        """Shared memory may wait for another use: little, or what leaves most of the limit free."""
        process = self.watch.process
        short = self.short_of_memory or process > (self.core.settings.spill or 1.0) * limit
        spare = max(int(SHARE * limit), limit // 3 - process + idle_bytes())
        POOL.idle_bytes = 0 if short else min(IDLE_BYTES, spare)
        POOL.trim()

    def _tell(self, what: Callable[..., None], *args: Any) -> None:
        """Tell the state machine something; the loop's thread."""
        what(self.core, *args, self.loop.time())
        self.dirty = True

    def _began(self, row: Task) -> None:
        self.loop.call_threadsafe(self._tell, machine.began, row.id)

    def told_seceded(self, row: Task) -> None:
        """A task has given up its slot; its thread.

        Parameters
        ----------
        row
            The task.
        """
        self.loop.call_threadsafe(self._tell, machine.seceded, row.id)

    def told_rejoined(self, row: Task) -> None:
        """A task has a slot again; its thread.

        Parameters
        ----------
        row
            The task.
        """
        self.loop.call_threadsafe(self._tell, machine.rejoined, row.id)

    def _from_disk(self, what: str, *args: Any) -> None:
        self.loop.call_threadsafe(self._tell, getattr(machine, what), *args)

    # --- effects and time ---------------------------------------------------------------------

    def _flush(self) -> None:
        """Do what the state machine wants done; after every batch of events."""
        if not self.dirty:
            return
        if self.echo.has_news:
            # Before the ends of those tasks.
            self.echo.tell()
        while self.dirty:
            self.dirty = False
            for effect in machine.drain(self.core, self.loop.time()):
                PERFORM[type(effect)](self, effect)
        # After what was said here has been written: nobody waits for it.
        self.loop.flush_later(self._arm)
        if self.core.numbering.number >= 0 and not self.registered.is_set():
            self.registered.set()

    def _arm(self) -> None:
        """Have `tick` called in time."""
        due = machine.due(self.core)
        if due is not None and (self._armed is None or due < self._armed):
            self._armed = due
            self.loop.call_later(max(0.0, due - self.loop.time()), self._tick, due)

    def _tick(self, due: float) -> None:
        if self._armed == due:
            self._armed = None
        machine.tick(self.core, self.loop.time())
        self.dirty = True

    def _look(self) -> None:
        """See how the process is doing; again and again."""
        if self.closed.is_set():
            return
        limit = self.core.settings.memory_limit
        close = limit and 2 * self.watch.process > limit
        often = PAUSED_LOOK_S if self.short_of_memory else CLOSE_LOOK_S if close else LOOK_S
        self.loop.call_later(often, self._look)
        self._measure()
        self.complaints.look(self.loop.time())
        self.core.vitals = {"gil": round(self.profile.waits, 2), "fds": open_files()}
        self.core.numbering.columns.peaks += self.watch.take_peaks()
        # Without a limit nothing follows from it before the next sign of life.
        self.dirty = bool(limit) or self.dirty

    def _measure(self) -> None:
        """See how much memory the process has."""
        slots, watch, limit = self.slots(), self.watch, self.core.settings.memory_limit
        if limit:
            self._bound_pool(limit)
        watch.look(slots, self.shared.room, self.core.managed)
        now = self.loop.time()
        machine.measured(self.core, watch.process, watch.cpu, len(slots), now, SHELF.filed_bytes)
