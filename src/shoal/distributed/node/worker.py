"""A worker: the shell around `shoal.distributed.core.worker`.

One thread, the loop, owns the state machine and all connections.  Execution threads (`lane`) run
tasks and share with it what can be shared without locks.  Everything slow has a thread of its
own: reading and writing spilled results, and pickling large ones.
"""

from __future__ import annotations

import dataclasses
import functools
import logging
import threading
from collections.abc import Callable
from typing import Any

from shoal.distributed.core.effects import Close, Log, Send
from shoal.distributed.core.worker import effects, machine
from shoal.distributed.core.worker.table import Settings, Task
from shoal.distributed.core.worker.table import Worker as Core
from shoal.distributed.net import Connection, Loop, Security, connect, listen
from shoal.distributed.node.functions import Functions
from shoal.distributed.node.lane import Lane, Surroundings
from shoal.distributed.node.serve import Offload, answer
from shoal.distributed.node.store import Store
from shoal.serialize.pickles import Frames

__all__ = ["Worker"]

log = logging.getLogger("shoal.distributed.worker")

WATCH_S = 0.002
"""How often the loop looks for completions while they keep coming."""

LARGE_BYTES = 64 << 10
"""Answers that hold more are made beside the loop."""


class Worker:
    """A worker of a cluster, in this process.

    Parameters
    ----------
    loop
        Its thread does everything but running tasks.
    settings
        Of the state machine; the address is that to listen at.
    scheduler
        The scheduler's address.
    security
        The cluster's credentials.
    lanes
        Executors besides ``"default"``, with their numbers of threads.
    """

    def __init__(
        self,
        loop: Loop,
        settings: Settings,
        scheduler: str,
        security: Security,
        lanes: dict[str, int] | None = None,
    ) -> None:
        self.loop = loop
        self.scheduler_address = scheduler
        self.security = security
        self.listener = listen(
            loop,
            settings.address,
            security=security,
            role="worker",
            name=settings.name,
            on_connection=self._accepted,
        )
        self.settings = dataclasses.replace(settings, address=self.listener.address)
        self.core = Core(self.settings)
        self.store = Store()
        self.functions = Functions()
        self.shared = Surroundings(self.store, self.functions, self._poke, self._began)
        self.shared.owner = self
        sizes = {"default": settings.nthreads, "actors": 1, **(lanes or {})}
        self.lanes = {name: Lane(name, size, self.shared) for name, size in sizes.items()}
        self.data = Offload(f"shoal-data-{settings.name}")
        self.closed = threading.Event()
        self.connections: dict[int, Connection] = {}
        self._parties = 0
        self._poked = False
        self._dirty = False
        self._armed: float | None = None

    # --- life ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Connect to the scheduler; any thread."""
        self.loop.add_idle(self._flush)
        self._dial_scheduler()

    def close(self, reason: str = "closed") -> None:
        """End; any thread.

        Parameters
        ----------
        reason
            For the log.
        """
        self.loop.call_threadsafe(self._leave, effects.Leave(reason))

    def _dial_scheduler(self) -> None:
        connect(
            self.loop,
            self.scheduler_address,
            security=self.security,
            role="worker",
            name=self.settings.name,
            on_open=self._scheduler_open,
            on_error=self._scheduler_unreachable,
        )

    def _scheduler_open(self, connection: Connection) -> None:
        party = self._adopt(connection)
        machine.connected(self.core, party, "scheduler", self.loop.time())
        self._dirty = True

    def _scheduler_unreachable(self, error: BaseException) -> None:
        log.warning("worker %s: %s", self.settings.name, error)
        machine.retry(self.core, self.loop.time())
        self._dirty = True

    # --- connections --------------------------------------------------------------------------

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
        self._dirty = True

    def _closed(self, party: int, connection: Connection, error: BaseException | None) -> None:
        if self.connections.pop(party, None) is not None:
            why = str(error or "closed")
            machine.closed(self.core, party, why, self.loop.time())
            self._dirty = True

    # --- from execution threads ---------------------------------------------------------------

    def _poke(self) -> None:
        """Have the loop look at what has ended; execution threads."""
        if not self._poked:
            self._poked = True
            self.loop.call_threadsafe(self._collect)

    def _began(self, row: Task) -> None:
        """A run with a time limit has begun; execution threads."""
        self.loop.call_threadsafe(self._begun, row.id, row.run)

    def _begun(self, id: int, run: int) -> None:
        machine.began(self.core, id, run, self.loop.time())
        self._dirty = True

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
        machine.finished(self.core, batch, self.loop.time())
        self._dirty = True
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

    # --- effects ------------------------------------------------------------------------------

    def _flush(self) -> None:
        """Do what the state machine wants done; after every batch of events."""
        while self._dirty:
            self._dirty = False
            for effect in machine.drain(self.core, self.loop.time()):
                PERFORM[type(effect)](self, effect)
            self._arm()

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
        self._dirty = True

    def _send(self, effect: Send) -> None:
        connection = self.connections.get(effect.party)
        if connection is not None:
            connection.send(effect.message, effect.buffers)

    def _close(self, effect: Close) -> None:
        connection = self.connections.pop(effect.party, None)
        if connection is not None:
            connection.close(ConnectionError(effect.reason))

    def _log(self, effect: Log) -> None:
        log.log(logging.getLevelNamesMapping()[effect.level.upper()], "%s", effect.text)

    def _ready(self, effect: effects.Ready) -> None:
        rows = effect.tasks
        if all(row.options is None for row in rows):
            self.lanes["default"].put(rows)
            return
        for row in rows:
            self.lane_of(row).put((row,))

    def lane_of(self, row: Task) -> Lane:
        """The executor that a task asks for.

        Parameters
        ----------
        row
            The task.
        """
        name = (row.options.executor if row.options is not None else None) or "default"
        return self.lanes.get(name) or self.lanes["default"]

    def _withdraw(self, effect: effects.Withdraw) -> None:
        for lane in self.lanes.values():
            if lane.withdraw(effect.id, effect.run, effect.force):
                if not effect.force:
                    machine.withdrawn(self.core, effect.id, effect.run, self.loop.time())
                    self._dirty = True
                return

    def _learn(self, effect: effects.Learn) -> None:
        self.functions.learn(effect.codes)

    def _forget(self, effect: effects.Forget) -> None:
        self.functions.forget(effect.codes)

    def _hold(self, effect: effects.Hold) -> None:
        for id, frame in zip(effect.ids, effect.frames):
            self.store.hold(id, frame.head, effect.buffers[frame.first : frame.first + frame.count])

    def _free(self, effect: effects.Free) -> None:
        pop = self.store.values.pop
        for id in effect.ids:
            pop(id, None)

    def _rename(self, effect: effects.Rename) -> None:
        self.store.rename(effect.ids)

    def _serve(self, effect: effects.Serve) -> None:
        connection = self.connections.get(effect.party)
        if connection is None:
            machine.served(self.core, self.loop.time())
            return
        tasks = self.core.tasks
        large = sum(tasks[id].nbytes for id in effect.ids if id in tasks) > LARGE_BYTES
        keys = {id: tasks[id].key for id in effect.ids if id in tasks}
        if large:
            self.data.put(self._answer, connection, effect, keys)
        else:
            self._answer(connection, effect, keys)

    def _answer(self, connection: Connection, effect: effects.Serve, keys: dict[int, Any]) -> None:
        """Send results; the loop's thread, or that beside it."""
        message, buffers = answer(effect.request, effect.ids, functools.partial(self._frames, keys))
        connection.send(message, buffers)
        self.loop.call_threadsafe(self._served)

    def _served(self) -> None:
        machine.served(self.core, self.loop.time())

    def _frames(self, keys: dict[int, Any], id: int) -> Frames | None:
        try:
            return self.store.frames(id, f"the result of {keys.get(id)!r}")
        except KeyError:
            return None

    def _dial(self, effect: effects.Dial) -> None:
        connect(
            self.loop,
            effect.address,
            security=self.security,
            role="worker",
            name=self.settings.name,
            on_open=functools.partial(self._dialed, effect.peer),
            on_error=functools.partial(self._unreachable, effect.peer),
        )

    def _dialed(self, peer: int, connection: Connection) -> None:
        party = self._adopt(connection)
        machine.dialed(self.core, peer, party, self.loop.time())
        self._dirty = True

    def _unreachable(self, peer: int, error: BaseException) -> None:
        machine.unreachable(self.core, peer, str(error), self.loop.time())
        self._dirty = True

    def _reconnect(self, effect: effects.Reconnect) -> None:
        self.loop.call_later(effect.delay_s, self._dial_scheduler)

    def _pause(self, effect: effects.Pause) -> None:
        for lane in self.lanes.values():
            lane.pause(effect.on)

    def _leave(self, effect: effects.Leave) -> None:
        """End for good."""
        if self.closed.is_set():
            return
        for lane in self.lanes.values():
            lane.close()
        self.data.close()
        self.listener.close()
        self.core.closing = effect.reason
        for connection in list(self.connections.values()):
            connection.close()
        self.store.values.clear()
        self.closed.set()


PERFORM: dict[type, Callable[[Worker, Any], None]] = {
    Send: Worker._send,
    Close: Worker._close,
    Log: Worker._log,
    effects.Ready: Worker._ready,
    effects.Withdraw: Worker._withdraw,
    effects.Learn: Worker._learn,
    effects.Forget: Worker._forget,
    effects.Hold: Worker._hold,
    effects.Free: Worker._free,
    effects.Rename: Worker._rename,
    effects.Serve: Worker._serve,
    effects.Dial: Worker._dial,
    effects.Reconnect: Worker._reconnect,
    effects.Pause: Worker._pause,
    effects.Leave: Worker._leave,
}
"""How each effect is done."""
