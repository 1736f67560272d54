"""A worker's threads: what is ready runs, takes its time and ends in some way."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

import msgspec

from shoal.distributed.core.worker.effects import Withdraw
from shoal.distributed.core.worker.table import PART, Task
from shoal.distributed.node.functions import function_of
from shoal.distributed.sim.graphs import Payload, part_of

__all__ = ["Threads"]

DECODE = msgspec.msgpack.Decoder(Payload).decode


class Run:
    """A task in a thread."""

    __slots__ = ("away", "begun", "has_slot", "inputs", "is_dropped", "payload", "row")

    def __init__(self, row: Task, payload: Payload, inputs: list[int], begun: float) -> None:
        self.row = row
        self.payload = payload
        self.inputs = inputs
        self.begun = begun
        self.has_slot = True
        self.away = False
        self.is_dropped = False


class Threads:
    """The threads of one worker.

    Parameters
    ----------
    node
        The worker.
    count
        How many tasks run at once.

    Examples
    --------
    >>> Threads.__name__
    'Threads'
    """

    def __init__(self, node: Any, count: int) -> None:
        self.node = node
        self.count = count
        self.busy = 0
        self.is_paused = False
        self.ready: list[tuple[int, int, Task]] = []
        self.running: dict[int, Run] = {}
        self.withdrawn: set[int] = set()
        self.order = 0

    def give(self, rows: list[Task]) -> None:
        """More tasks to run."""
        for row in rows:
            self.order += 1
            heappush(self.ready, (row.priority, self.order, row))
        self.start()

    def nudge(self) -> None:
        """Begin one task although paused."""
        was, self.is_paused = self.is_paused, False
        self.start(1, asks=False)
        self.is_paused = was

    def has_room(self, payload: Payload) -> bool:
        """Whether there is room for one more result, and those that are being made."""
        node = self.node
        settings = node.state.settings
        coming = sum([run.payload.nbytes for run in self.running.values()])
        process = node.process_bytes()
        lacking = process + coming + payload.nbytes - settings.pause * settings.memory_limit
        if not settings.memory_limit or lacking <= 0:
            return True
        self.is_paused = True
        node.measure()
        node.post(lambda: node.machine.short(node.state, int(lacking), node.time()))
        return False

    def start(self, most: int = 1_000_000, asks: bool = True) -> None:
        """Begin what can begin."""
        node = self.node
        while self.ready and self.busy < self.count and not self.is_paused and most:
            row = heappop(self.ready)[2]
            if row.id in self.withdrawn:
                self.withdrawn.discard(row.id)
                continue
            payload = DECODE(row.args)
            if asks and not self.has_room(payload):
                self.order += 1
                heappush(self.ready, (row.priority, self.order, row))
                return
            try:
                inputs = [
                    # What came from elsewhere as a part is one already.
                    part_of(node.storage.memory[dep], -1 if dep >= PART else row.part)
                    for dep in row.deps
                ]
            except KeyError as error:
                raise AssertionError(
                    f"{node.name} is to run {row.key!r} without its input {error}"
                ) from None
            most -= 1
            run = Run(row, payload, inputs, node.time())
            self.running[row.id] = run
            self.busy += 1
            node.world.began(node, row)
            if row.options is not None and row.options.timeout_s is not None:
                node.post(node.machine.began, node.state, row.id, node.time())
            seconds = payload.seconds * node.slowness
            if payload.deed == "long":
                node.clock.after(seconds / 3, self.secede, run)
            node.clock.after(seconds, self.end, run)

    def secede(self, run: Run) -> None:
        """A task goes on without a slot."""
        if run.has_slot and not run.is_dropped and self.node.is_alive:
            run.has_slot, run.away = False, True
            self.busy -= 1
            self.tell(self.node.machine.seceded, run)
            self.start()

    def tell(self, call: Callable[..., object], run: Run) -> None:
        """Post what happened to a run."""
        self.node.post(lambda: call(self.node.state, run.row.id, self.node.time()))

    def end(self, run: Run) -> None:
        """A task has come to its end, unless its process was stopped meanwhile."""
        node = self.node
        if not node.is_alive:
            return
        if node.clock.now < node.frozen_until:
            node.clock.at(node.frozen_until, self.end, run)
            return
        if run.payload.deed == "killing":
            node.world.killed_by_task(node, run.row.key)
            return
        self.running.pop(run.row.id, None)
        if run.has_slot:
            run.has_slot = False
            self.busy -= 1
        if not run.is_dropped:
            self.report(run)
        self.start()

    def report(self, run: Run) -> None:
        """Tell how a task has ended."""
        node, row, payload = self.node, run.row, run.payload
        begun, seconds = run.begun, node.time() - run.begun
        if payload.deed == "raising" or (
            payload.deed == "flaky" and node.world.tries(row.key) <= 2
        ):
            text = str(row.key).encode()
            done: Any = (row, "raised", 0, "", seconds, begun, text)
        else:
            func, salt = function_of(row.code)
            assert func is not None
            value = func(salt, payload.number, run.inputs)
            small = row.inline and payload.nbytes <= 1000
            data = msgspec.msgpack.encode(value) if small else None
            done = (row, "", payload.nbytes, "int", seconds, begun, data)
            node.world.ended(node, row)

            def store() -> None:
                # As in a real worker: the value is kept before the machine hears of it, and the
                # machine says at once when it is of no use.
                node.storage.keep(row.id, value, payload.nbytes)
                node.machine.finished(node.state, [done], node.time())

            node.post(store)
            return
        node.post(lambda: node.machine.finished(node.state, [done], node.time()))

    def withdraw(self, effect: Withdraw) -> None:
        """Do not run a task after all."""
        id = effect.id
        run = self.running.get(id)
        if run is None:
            if any(row.id == id for _, _, row in self.ready):
                self.withdrawn.add(id)
                if not effect.force:
                    node = self.node
                    node.post(node.machine.withdrawn, node.state, id, node.time())
        elif effect.force:
            run.is_dropped = True
            del self.running[id]
            if run.has_slot:
                # Its thread is given up, and another one takes its place.
                run.has_slot = False
                self.busy -= 1
                self.start()

    def pause(self, on: bool) -> None:
        """Begin nothing, or begin again."""
        self.is_paused = on
        self.start()

    def numbers(self) -> list[tuple[int, int]]:
        """Number and run of the tasks that run, as a nanny sees them."""
        rows = [run.row for run in self.running.values()]
        return [(row.number, row.run) for row in rows if row.number >= 0]
