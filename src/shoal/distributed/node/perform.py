"""How each effect of a worker's state machine is done: `PERFORM`, by type; in the loop's thread."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING, Any

from shoal.distributed.core.effects import Close, Log, Send
from shoal.distributed.core.worker import effects, machine
from shoal.distributed.core.worker.table import WHOLE, part_of_number
from shoal.distributed.net import Connection, connect
from shoal.distributed.net.cargo import look_ahead
from shoal.distributed.node.lane import damage
from shoal.distributed.node.placing import place_held
from shoal.distributed.node.serve import answer
from shoal.distributed.protocol import Answer, Call
from shoal.errors import SerializationError, SpillError
from shoal.serialize.messages import message
from shoal.serialize.parts import Stored
from shoal.serialize.pickles import Frames

if TYPE_CHECKING:
    from shoal.distributed.node.worker import Worker

__all__ = ["PERFORM"]

log = logging.getLogger("distributed.worker")

LARGE_BYTES = 64 << 10
"""Answers that hold more are made beside the loop."""

ANSWERS = 4
"""Parts of what may be served at once that one answer may hold, where it could be several."""

AWAY = object()
"""In place of a value that is not in memory."""

LEFT_BYTES = 1 << 20
FOLLOW_S = 0.005
"""An answer has left when no more than this waits in its connection; how often to look."""


def send(worker: Worker, effect: Send) -> None:
    """Send a message, if the connection is still there."""
    connection = worker.connections.get(effect.party)
    if connection is not None:
        connection.send(effect.message, effect.buffers)


def close(worker: Worker, effect: Close) -> None:
    """Close a connection; the state machine will not hear of it again."""
    connection = worker.connections.pop(effect.party, None)
    if connection is not None:
        connection.close(ConnectionError(effect.reason))


def write_log(worker: Worker, effect: Log) -> None:
    """Write a line to the log."""
    log.log(logging.getLevelNamesMapping()[effect.level.upper()], "%s", effect.text)


def ready(worker: Worker, effect: effects.Ready) -> None:
    """Hand tasks to their executors."""
    rows = effect.tasks
    if worker.plugins.watchers:
        worker.onlookers.handed(rows)
    default = worker.lanes["default"]
    plain = [row for row in rows if row.options is None or not row.options.executor]
    default.put(plain)
    if len(plain) < len(rows):
        for row in rows:
            if row.options is not None and row.options.executor:
                worker.lanes.get(row.options.executor, default).put((row,))


def withdraw(worker: Worker, effect: effects.Withdraw) -> None:
    """Take a task back, or end it."""
    for lane in worker.lanes.values():
        if lane.withdraw(effect.id, effect.force):
            if not effect.force:
                machine.withdrawn(worker.core, effect.id, worker.loop.time())
                worker.dirty = True
            return


def hold(worker: Worker, effect: effects.Hold) -> None:
    """Keep what came from elsewhere."""
    if worker.plugins.watchers:
        worker.onlookers.came(effect.ids, worker.core.tasks)
    for id, frame in zip(effect.ids, effect.frames):
        buffers = effect.buffers[frame.first : frame.first + frame.count]
        worker.store.hold(id, frame.head, buffers)
        row = worker.core.tasks.get(id)
        if buffers and row is not None and row.users:
            look_ahead(buffers)


def free(worker: Worker, effect: effects.Free) -> None:
    """Let go of results."""
    worker.onlookers.freed(effect.ids)
    pop = worker.store.values.pop
    for id in effect.ids:
        pop(id, None)
    if worker.disks.on_disk:
        worker.disks.free(effect.ids)
    if worker.actors.objects:
        worker.actors.free(effect.ids)


def renumbered(worker: Worker, effect: effects.Renumbered) -> None:
    """Have whoever watches the process see the numbers of its tasks."""
    for lane in worker.lanes.values():
        lane.show()


def spill(worker: Worker, effect: effects.Spill) -> None:
    """Write results to disk."""
    tasks = worker.core.tasks
    worker.disks.spill([(id, tasks[id].key) for id in effect.ids])


def evict(worker: Worker, effect: effects.Evict) -> None:
    """Let go of values that are on disk."""
    worker.disks.evict(effect.ids)


def load(worker: Worker, effect: effects.Load) -> None:
    """Read results from disk."""
    worker.disks.load(effect.ids)


def pause(worker: Worker, effect: effects.Pause) -> None:
    """Begin no task, or begin tasks again."""
    worker.short_of_memory = effect.on
    worker.pause_lanes()


def nudge(worker: Worker, effect: effects.Nudge) -> None:
    """Although paused, begin one task."""
    for lane in worker.lanes.values():
        lane.nudge()


def reconnect(worker: Worker, effect: effects.Reconnect) -> None:
    """Connect to the scheduler, after a while."""
    worker.loop.call_later(effect.delay_s, worker.dial_scheduler)


def dial(worker: Worker, effect: effects.Dial) -> None:
    """Connect to another worker."""
    connect(
        worker.loop,
        effect.address,
        security=worker.security,
        role="worker",
        name=worker.name,
        on_open=functools.partial(worker.dialed, effect),
        on_error=functools.partial(worker.unreachable, effect),
        timeout_s=worker.core.settings.silence_s,
    )


def leave(worker: Worker, effect: effects.Leave) -> None:
    """End the worker."""
    if effect.is_refused:
        worker.refused(effect.reason)
    worker.leave(effect.reason)


# --- answers ----------------------------------------------------------------------------------


def serve(worker: Worker, effect: effects.Serve) -> None:
    """Send results to whoever asked."""
    connection = worker.connections.get(effect.party)
    if connection is None:
        machine.served(worker.core, effect.nbytes, worker.loop.time())
        return
    tasks = worker.core.tasks
    keys = {id: tasks[id & WHOLE].key for id in effect.ids if id & WHOLE in tasks}
    values = worker.store.values
    here = [values.get(id & WHOLE, AWAY) for id in keys]
    if effect.nbytes > LARGE_BYTES or any(v is AWAY or type(v) is Stored for v in here):
        worker.offload.put(give, worker, connection, effect, keys)
    else:
        give(worker, connection, effect, keys)


def give(
    worker: Worker, connection: Connection, effect: effects.Serve, keys: dict[int, Any]
) -> None:
    """Send results; in the loop's thread, or that beside it."""

    def frames_of(id: int) -> Frames | None:
        held = worker.store.values.get(id)
        try:
            frames = worker.store.frames(id, keys.get(id))
        except KeyError:
            return worker.disks.frames(id)
        except (SpillError, SerializationError):
            stored = worker.store.values.get(id & WHOLE)
            why = damage(stored, part_of_number(id)) if isinstance(stored, Stored) else ""
            if not why:
                raise
            worker.shared.damaged(id & WHOLE, why)
            return None
        if not connection.shares_memory:
            return frames
        return place_held(worker.store, id, held, frames)

    # How large parts are is seen here; who asks knows no more than a guess.
    is_parts = any(id > WHOLE for id in effect.ids)
    most = worker.core.settings.serve_bytes // ANSWERS if is_parts else inf
    data, buffers = answer(effect.request, list(effect.ids), frames_of, most)
    if is_parts:
        data.parts = list(map(part_of_number, data.ids))
    data.ids = [effect.ids[id] for id in data.ids]
    connection.send(data, buffers)
    del buffers
    worker.loop.call_threadsafe(follow, worker, connection, effect.nbytes)


def follow(worker: Worker, connection: Connection, nbytes: int) -> None:
    """Wait until most of what was sent has left: until then it takes memory."""
    if connection.queued_bytes > LEFT_BYTES and not connection.closed:
        worker.loop.call_later(FOLLOW_S, follow, worker, connection, nbytes)
    else:
        machine.served(worker.core, nbytes, worker.loop.time())


def invoke(worker: Worker, effect: effects.Invoke) -> None:
    """Call a method for somebody."""
    connection = worker.connections.get(effect.party)
    call = effect.call
    if connection is None:
        return
    if call.method.startswith("actor."):
        worker.actors.call(call, effect.buffers, connection.send)
        return
    method = worker.methods.get(call.method.removeprefix("worker."))
    if method is None:
        text = f"a worker has no method {call.method!r}; it has {', '.join(worker.methods)}"
        connection.send(Answer(call.request, None, ("ValueError", text)))
        return
    try:
        value = method(worker, **call.args)
    except Exception as error:
        connection.send(Answer(call.request, None, (type(error).__name__, message(error))))
        return
    if callable(value) and not call.request:
        # What the scheduler asks of every worker that comes.
        worker.preparations.add(functools.partial(reply, connection, call, value))
    elif callable(value):
        worker.beside(reply, connection, call, value)
    elif call.request:
        connection.send(Answer(call.request, value))


def reply(connection: Connection, call: Call, work: Callable[[], Any]) -> None:
    """Answer with what some work gives; in a thread of its own."""
    try:
        value = work()
    except BaseException as error:
        log.exception("%s failed", call.method)
        said = Answer(call.request, None, (type(error).__name__, message(error)))
    else:
        said = Answer(call.request, value)
    if call.request:
        connection.send(said)


PERFORM: dict[type, Callable[[Worker, Any], None]] = {
    Send: send,
    Close: close,
    Log: write_log,
    effects.Ready: ready,
    effects.Withdraw: withdraw,
    effects.Hold: hold,
    effects.Free: free,
    effects.Renumbered: renumbered,
    effects.Spill: spill,
    effects.Evict: evict,
    effects.Load: load,
    effects.Nudge: nudge,
    effects.Pause: pause,
    effects.Reconnect: reconnect,
    effects.Dial: dial,
    effects.Leave: leave,
    effects.Serve: serve,
    effects.Invoke: invoke,
}
"""What to call for each effect: ``PERFORM[type(effect)](worker, effect)``."""
