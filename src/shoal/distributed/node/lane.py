"""Threads that run tasks: each takes the next ready task itself.

A hop between threads costs 20 to 50 us, so a task makes none.  The loop puts ready tasks on a heap;
an execution thread takes the best, runs it, appends what became of it to ``done`` and takes the
next.  The loop looks at ``done`` every millisecond or two while something is running, and is woken
when a thread finds nothing more to do.

There is no lock around the heap: ``heappush`` and ``heappop`` of tuples of integers, and single
operations on dictionaries and deques, are atomic in CPython.  Two dictionaries say who has the
right to what, and ``pop`` decides their races:

``queued``
    id -> row.  Who pops a row runs it (a thread), or has withdrawn it (the loop).
``running``
    thread -> row.  A thread that has run a task pops itself; if it was popped by somebody else,
    the run was cancelled meanwhile: its result is dropped and the thread ends, for another has
    taken its place.  So a cancelled run frees its slot at once, whatever it is doing.

What is rare takes a lock: cancelling a run that has begun, giving up a slot and having it again,
and the end of a thread.  A thread that may have been cancelled asks again with the lock, because
whoever cancels finds out only then which task the thread is at; and a thread that has ended cannot
be interrupted, or the exception would hit another one that was given its number.
"""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from pickle import dumps, loads
from time import perf_counter
from types import CoroutineType
from typing import Any

from shoal.distributed.core.worker.table import PART, Task
from shoal.distributed.net.gate import Gate
from shoal.distributed.node.functions import function_of
from shoal.distributed.node.headroom import NOTABLE_BYTES, Headroom
from shoal.distributed.node.interrupt import TaskInterrupted, interrupt, take_back
from shoal.distributed.node.results import SCALARS, describe, pack_failure
from shoal.distributed.node.store import Packed, Store
from shoal.distributed.protocol import Options
from shoal.distributed.spans import note_error, run_traced
from shoal.errors import Reschedule, SpillError
from shoal.graph.task import part_of
from shoal.serialize.parts import Stored

__all__ = ["Lane", "Slot", "Surroundings", "current_slot", "damage", "digest_of"]

# Whoever is held up between the two clocks finds too little: the largest of a few is right.
EPOCH_S = max(time.time() - time.perf_counter() for _ in range(5))

CELLS = 64

_local = threading.local()
# What a task has forked is no worker, though it goes on in the middle of the task.
os.register_at_fork(after_in_child=lambda: _local.__dict__.clear())


def current_slot() -> Slot | None:
    """The execution thread that calls, or None when another thread does.

    Examples
    --------
    >>> current_slot() is None
    True
    """
    return getattr(_local, "slot", None)


class Surroundings:
    """What the threads of all lanes of a worker share.

    Parameters
    ----------
    store
        Values.
    poke
        Wakes the loop, so that it looks at ``done``.
    began
        Told of runs that have a time limit when they begin, in their thread.
    run_coroutine
        Awaits what a task returned, in its thread.

    Examples
    --------
    >>> shared = Surroundings(Store(), lambda: None)
    >>> shared.done
    deque([])
    """

    def __init__(
        self,
        store: Store,
        poke: Callable[[], object],
        began: Callable[[Task], object] = lambda row: None,
        run_coroutine: Callable[[Any], Any] | None = None,
    ) -> None:
        self.store = store
        self.poke = poke
        self.began = began
        self.run_coroutine = run_coroutine
        self.owner: Any = None
        """The worker, for those who ask in a task."""
        self.actor: Callable[[Task, Any], Any] | None = None
        """Takes an actor that a task has made; gives what stands for it."""
        self.place: Callable[[Any, int], Any] = lambda value, nbytes: value
        """Takes a result that a client waits for, and its size; gives what is kept of it."""
        self.place_bytes: float = math.inf
        """Results below this are kept as they are."""
        self.damaged: Callable[[int, str], object] = lambda id, why: None
        """Told of results whose files are not as they were written, and why not."""
        self.room = Headroom()
        self.short: Callable[[int], object] = lambda lacking: None
        """Told how many bytes are lacking when a task was not begun for want of memory."""
        self.done: deque[Any] = deque()
        self.watched = False
        """Whether the loop looks at ``done`` anyway, soon."""
        self.cells: Any = [-1] * (2 * CELLS)
        """Number and run of the task of each thread, for whoever watches the process."""
        self._free_cells = list(range(CELLS - 1, -1, -1))

    def cell(self) -> int:
        """A cell for a new thread; the last one is shared by all those that are too many."""
        try:
            return self._free_cells.pop()
        except IndexError:
            return CELLS - 1

    def free_cell(self, index: int) -> None:
        """A thread has ended.

        Parameters
        ----------
        index
            Of its cell.
        """
        self.cells[2 * index] = -1
        if index < CELLS - 1:
            self._free_cells.append(index)


class Slot:
    """One execution thread.

    Parameters
    ----------
    lane
        Whose thread it is.

    Examples
    --------
    >>> lane = Lane("default", 1, Surroundings(Store(), lambda: None))
    >>> Slot(lane).row is None
    True
    """

    __slots__ = (
        "ident",
        "index",
        "lane",
        "leaving",
        "managed",
        "parking",
        "row",
        "rss",
        "rss_of",
        "shielded",
        "started",
        "told",
    )

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.ident = 0
        self.row: Task | None = None
        self.started = 0.0
        self.rss = self.managed = self.told = 0
        """Bytes: of the process, and of results, when its task was met; its peak that was told."""
        self.rss_of: Task | None = None
        self.index = lane.shared.cell()
        self.leaving = False
        """Whether the thread ends with its current task: it has given up its slot."""
        self.shielded = False
        """Whether it wakes or starts another thread: an exception would cost the lane that one."""
        self.parking = Gate()


class _InputMissing(Exception):
    """A value that should be here is not: somebody has dropped it since."""


NAMED_BY_DASK = ("offload", "actor")
"""Executors that each of its workers has; here their tasks run in the default one."""


def heed(row: Task, options: Options, shared: Surroundings) -> None:
    """What was asked for a task that begins; raises if its worker has no executor of that name."""
    if options.timeout_s is not None:
        shared.began(row)
    name = options.executor
    if name and name not in NAMED_BY_DASK and name not in (lanes := shared.owner.lanes):
        raise ValueError(
            f"no executor {name!r} on this worker; it has {', '.join(lanes)} (more: executors= of "
            "LocalCluster and Worker)"
        )


class Lane:
    """An executor: a heap of ready tasks, and up to ``size`` threads that run them.

    Parameters
    ----------
    name
        Of the executor.
    size
        Tasks at once.
    shared
        What all lanes of the worker share.

    Examples
    --------
    >>> shared = Surroundings(Store(), done := threading.Event().set)
    >>> lane = Lane("default", 1, shared)
    >>> lane.close()
    """

    def __init__(self, name: str, size: int, shared: Surroundings) -> None:
        self.name = name
        self.size = size
        self.shared = shared
        self.heap: list[tuple[int, int]] = []
        self.queued: dict[int, Task] = {}
        self.running: dict[Slot, Task] = {}
        self.seceded: dict[Slot, Task] = {}
        self.doomed: dict[Slot, tuple[Task, float]] = {}
        """Threads that run what was cancelled, until they end, and since when."""
        self._untold: set[Slot] = set()
        """Those of them that are at a place where nothing may be raised."""
        self.parked: deque[Slot] = deque()
        self.rejoining: deque[Any] = deque()
        self.paused = False
        self.nudges = 0
        self.closed = False
        self._threads = 0
        self._fate = threading.Lock()

    # --- by the loop --------------------------------------------------------------------------

    def put(self, rows: Iterable[Task]) -> None:
        """Tasks that may run.

        Parameters
        ----------
        rows
            Of the worker's table.
        """
        heap, queued = self.heap, self.queued
        fresh = 0
        for row in rows:
            queued[row.id] = row
            heappush(heap, (row.priority, row.id))
            fresh += 1
        self.wake(fresh)

    def wake(self, most: int) -> None:
        """Have up to ``most`` more threads look for work.

        Parameters
        ----------
        most
            A count.
        """
        if self.paused:
            # What has begun goes on: that is how memory becomes free.
            most = min(most, max(self.nudges, len(self.rejoining)))
        while most > 0:
            try:
                slot = self.parked.popleft()
            except IndexError:
                if self._threads >= self.size or not self._add_thread(replace=False):
                    return
            else:
                slot.parking.open()
            most -= 1

    def _add_thread(self, *, replace: bool) -> bool:
        with self._fate:
            if self.closed or (not replace and self._threads >= self.size):
                return False
            self._threads += 1
        slot = Slot(self)
        name = f"shoal-task-{self.name}"
        threading.Thread(target=self._thread, args=(slot,), name=name, daemon=True).start()
        return True

    def withdraw(self, id: int, force: bool) -> bool:
        """Take a task back.

        Parameters
        ----------
        id
            Of its row.
        force
            Also when it has begun: its slot is free at once, its result will be dropped, and it is
            interrupted if what it runs is Python code.

        Returns
        -------
        bool
            Whether it had not begun.
        """
        if self.queued.pop(id, None) is not None:
            return True
        if force:
            for slot, row in [*self.running.items(), *self.seceded.items()]:
                if row.id == id:
                    self._abandon(slot, row)
        return False

    def show(self) -> None:
        """Tasks that run have other numbers: whoever watches the process is to see these."""
        for slot, row in [*self.running.items(), *self.seceded.items()]:
            if slot.row is row:
                self._show(slot, row)

    def _show(self, slot: Slot, row: Task) -> None:
        cells, at = self.shared.cells, 2 * slot.index
        cells[at + 1] = row.run
        cells[at] = row.number

    def _abandon(self, slot: Slot, row: Task) -> None:
        """End a thread with its run."""
        with self._fate:
            held = self.running.pop(slot, None)
            if held is row:
                self._threads -= not slot.leaving
            elif held is not None:
                # This run has just ended by itself, and the thread has gone on to another one.
                self.running[slot] = held
                return
            elif self.seceded.get(slot) is row:
                del self.seceded[slot]
            else:
                return
            self.doomed[slot] = row, perf_counter()
            self._untold.add(slot)
            self._raise_in(slot)
        if held is None:
            self._wait_no_more(slot)
        elif self.heap:
            self.wake(1)

    def _raise_in(self, slot: Slot) -> None:
        if not slot.shielded and interrupt(slot.ident, Lane._run.__code__):
            self._untold.discard(slot)

    def _raise_here(self, slot: Slot) -> None:
        """What could not be raised in the calling thread until now is raised."""
        slot.shielded = False
        if slot in self._untold:
            self._untold.discard(slot)
            raise TaskInterrupted

    def _is_given_up(self, slot: Slot) -> bool:
        """Whether the run was cancelled of a thread that has not found itself in ``running``."""
        if self.seceded.pop(slot, None) is not None:
            return False
        with self._fate:
            return self.running.pop(slot, None) is None

    def _wait_no_more(self, slot: Slot) -> None:
        """A thread that is to end need not wait for a slot."""
        for entry in list(self.rejoining):
            if entry[0] is slot:
                try:
                    self.rejoining.remove(entry)
                except ValueError:
                    return  # somebody has just taken it out, and sees what has become of it
                entry[1].release()

    def stuck(self, after_s: float) -> list[Any]:
        """Interrupt whom it was not possible to; keys of tasks that run on, each said once.

        Parameters
        ----------
        after_s
            Since they were cancelled.
        """
        with self._fate:
            for slot in list(self._untold):
                self._raise_in(slot)
        now = perf_counter()
        late = [(s, row) for s, (row, at) in list(self.doomed.items()) if now - at > after_s]
        for slot, row in late:
            self.doomed[slot] = row, float("inf")
        return [row.key for _, row in late]

    def pause(self, on: bool) -> None:
        """Begin no task, or begin tasks again.

        Parameters
        ----------
        on
            Whether to pause.
        """
        self.paused = on
        if not on:
            self.wake(len(self.heap))

    def nudge(self) -> None:
        """Although paused, begin one task."""
        if self.heap:
            self.nudges = 1
            self.wake(1)

    def close(self) -> None:
        """End the threads as soon as they have nothing to run."""
        self.closed = True
        self.queued.clear()
        while self.parked:
            try:
                self.parked.popleft().parking.open()
            except IndexError:
                return

    # --- by tasks -----------------------------------------------------------------------------

    def secede(self, slot: Slot) -> bool:
        """The calling task gives up its slot; another may begin.

        Parameters
        ----------
        slot
            Of the calling thread.

        Returns
        -------
        bool
            False if it had none.
        """
        with self._fate:
            self._raise_here(slot)
            row = self.running.pop(slot, None)
            if row is None:
                return False
            self.seceded[slot] = row
            if slot.leaving:
                return False
            slot.leaving = slot.shielded = True
            self._threads -= 1
        if self.heap or self.rejoining:
            self.wake(1)
        with self._fate:
            self._raise_here(slot)
        return True

    def rejoin(self, slot: Slot, patience_s: float | None = None) -> bool:
        """The calling task waits until it has a slot again.

        Parameters
        ----------
        slot
            Of the calling thread.
        patience_s
            How long at most; then it goes on beside those that have one, and its thread ends with
            it.

        Returns
        -------
        bool
            False if it has none: it had not given it up, or was out of patience.
        """
        with self._fate:
            self._raise_here(slot)
            if self._threads < self.size and self._settle_in(slot):
                self._threads += 1
                return True
            if slot not in self.seceded:
                return False
            slot.shielded = True
        turn = threading.Lock()
        turn.acquire()
        entry = (slot, turn)
        self.rejoining.append(entry)
        if slot in self.seceded:
            self.wake(1)
            if not turn.acquire(timeout=-1 if patience_s is None else patience_s):
                try:
                    self.rejoining.remove(entry)
                except ValueError:
                    turn.acquire()  # somebody has just taken it out, to hand a place over
        with self._fate:
            self._raise_here(slot)
            if slot in self.seceded:
                self.running[slot] = self.seceded.pop(slot)
                return False
            return slot in self.running

    def _settle_in(self, slot: Slot) -> bool:
        """A task has a place again; False if it was given up, when it had none."""
        row = self.seceded.pop(slot, None)
        if row is None:
            return False
        slot.leaving = False
        self.running[slot] = row
        return True

    # --- the threads --------------------------------------------------------------------------

    def _thread(self, slot: Slot) -> None:
        slot.ident = threading.get_ident()
        _local.slot = slot
        try:
            try:
                self._work(slot)
            finally:
                self._end(slot)
        except TaskInterrupted:
            # A cancelled task had ended by itself when the exception came; it comes but once.
            self._end(slot)

    def _end(self, slot: Slot) -> None:
        """Nothing more can be raised in the calling thread, by its number."""
        with self._fate:
            if not slot.ident:
                return
            take_back(slot.ident)
            slot.ident = 0
            self._untold.discard(slot)
        self.doomed.pop(slot, None)
        self.shared.free_cell(slot.index)

    def _work(self, slot: Slot) -> None:
        """Run ready tasks until the thread has to end."""
        heap, queued, running = self.heap, self.queued, self.running
        shared, run, room = self.shared, self._run, self.shared.room
        done = shared.done
        fresh = True
        while True:
            if self.rejoining and self._hand_over():
                return
            try:
                if self.paused:
                    if self.nudges <= 0:
                        raise IndexError
                    self.nudges -= 1
                elif room.left <= 0 and heap and not self._has_room():
                    continue
                id = heappop(heap)[1]
            except IndexError:
                if self.closed or not self._park(slot):
                    return
                fresh = True
                continue
            row = queued.get(id)
            if row is None:
                continue
            # Before it is taken: whoever looks for the task finds it here or there.
            running[slot] = row
            if queued.pop(id, None) is None:
                if running.pop(slot, None) is None and self._is_given_up(slot):
                    return
                continue
            if fresh:
                slot.started = perf_counter()
                fresh = False
            completion = run(slot, row) if row.trace is None else run_traced(run, slot, row)
            if completion is None:
                return
            done.append(completion)
            del completion
            if not (shared.watched and heap):
                shared.poke()
            if slot.leaving:
                return

    def _has_room(self) -> bool:
        """Whether the next task may begin; if not, none does until the loop says so."""
        try:
            row = self.queued.get(self.heap[0][1])
        except IndexError:
            return True
        if row is None:
            return True
        shared = self.shared
        lacking = shared.room.lacking(
            digest_of(row), [digest_of(other) for other in self.running.values()]
        )
        if lacking:
            self.paused = True
            shared.short(lacking)
        return not lacking

    def _hand_over(self) -> bool:
        """Give this thread's place to a task that wants a slot again; whether there was one.

        A task that was given up meanwhile gets none: its thread ends, and the place with it.
        """
        while True:
            try:
                slot, turn = self.rejoining.popleft()
            except IndexError:
                return False
            with self._fate:
                is_in = self._settle_in(slot)
            turn.release()
            if is_in:
                return True

    def _park(self, slot: Slot) -> bool:
        """Sleep until there is something to do; whether the thread is to go on."""
        self.shared.cells[2 * slot.index] = -1
        self.parked.append(slot)
        # Looked at again after the place in the queue is visible.
        if (self.heap and (not self.paused or self.nudges > 0)) or self.rejoining or self.closed:
            try:
                self.parked.remove(slot)
                return True
            except ValueError:
                pass
        slot.parking.wait()
        return True

    def _run(self, slot: Slot, row: Task) -> Any:
        """Run one task; what became of it, or None if nobody wants to know."""
        shared = self.shared
        values = shared.store.values
        slot.row = row
        self._show(slot, row)
        func: Any = None
        try:
            if row.options is not None:
                heed(row, row.options, shared)
            code = row.code
            func, arg = (code and code.ready) or function_of(code)
            if row.args:
                arg = loads(row.args, buffers=row.buffers) if row.buffers else loads(row.args)
            if func is None:
                result = arg
            elif type(arg) is tuple:
                result = func(*arg)
            else:
                try:
                    inputs = [values[dep] for dep in row.deps]
                except KeyError:
                    raise _InputMissing from None
                for position, value in enumerate(inputs):
                    if type(value) is Packed:
                        inputs[position] = shared.store.get(row.deps[position])
                if row.part >= 0:
                    inputs = own_parts(row, inputs)
                if arg is None:
                    result = func(*inputs)
                else:
                    positional, keywords = arg.fill(inputs)
                    result = func(*positional, **keywords)
                    del positional, keywords
                del inputs
            if type(result) is CoroutineType and shared.run_coroutine is not None:
                result = shared.run_coroutine(result)
        except BaseException as error:
            return self._failed(slot, row, func, error)
        started = slot.started
        ended = slot.started = perf_counter()
        if self.running.pop(slot, None) is None and self._is_given_up(slot):
            return None
        if row.options is not None and row.options.actor and shared.actor is not None:
            result = shared.actor(row, result)
        name = SCALARS.get(type(result))
        if name is not None:
            data = dumps(result, 5) if row.inline else None
            nbytes = sys.getsizeof(result)
        else:
            nbytes, name, data = describe(result, row.inline)
            if row.inline and nbytes >= shared.place_bytes:
                result = shared.place(result, nbytes)
                slot.started = perf_counter()
        slot.row = None
        if nbytes >= NOTABLE_BYTES:
            shared.room.took(digest_of(row), nbytes)
        return row, "", nbytes, name, ended - started, started + EPOCH_S, data, result

    def _failed(self, slot: Slot, row: Task, func: Any, error: BaseException) -> Any:
        """What to report of a task that raised."""
        if self.running.pop(slot, None) is None and self._is_given_up(slot):
            return None
        started = slot.started
        ended = slot.started = perf_counter()
        slot.row = None
        begun = started + EPOCH_S
        is_damaged = isinstance(error, SpillError) and report_damage(self.shared, row)
        if is_damaged or type(error) is _InputMissing:
            return row, "returned", 0, "", ended - started, begun, b"", None
        if isinstance(error, Reschedule):
            return row, "rescheduled", 0, "", ended - started, begun, b"", None
        if row.trace is not None:
            note_error(error)
        # Without the frame of this module, which keeps everything alive.
        trace = error.__traceback__
        data = pack_failure(error.with_traceback(trace and trace.tb_next), row.key, func)
        return row, "raised", 0, "", ended - started, begun, data, None


def report_damage(shared: Surroundings, row: Task) -> bool:
    """Tell of a task's inputs whose files are damaged; whether there are any."""
    found = False
    for dep in row.deps:
        value = shared.store.values.get(dep)
        why = damage(value, row.part) if isinstance(value, Stored) else ""
        if why:
            shared.damaged(dep, why)
            found = True
    return found


def damage(stored: Stored, part: int) -> str:
    """Why parts in files, or one of them, cannot be read; empty if they can be.

    Parameters
    ----------
    stored
        The parts.
    part
        Which; -1: all of them.

    Examples
    --------
    >>> from shoal.serialize.parts import Pieces, Shelf
    >>> damage(Shelf().put(Pieces(["a", "b"])), -1)
    ''
    """
    try:
        for number in stored.numbers() if part < 0 else [part]:
            stored.frames(number)
    except SpillError as error:
        return str(error)
    return ""


def digest_of(row: Task) -> bytes:
    """Says which function a task calls, in a few bytes.

    Parameters
    ----------
    row
        The task.

    Examples
    --------
    >>> digest_of(Task(1, 1, 1, "x", None, b"", (), 0, False, 0))
    b''
    """
    return row.code.digest if row.code is not None else b""


def own_parts(row: Task, inputs: list[Any]) -> list[Any]:
    """A task's inputs, of those that are in parts its own one."""
    # What came from elsewhere is the part already, which may have parts itself.
    return [
        value if dep >= PART else part_of(value, row.part) for dep, value in zip(row.deps, inputs)
    ]
