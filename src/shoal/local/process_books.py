"""What a parent knows while a plan runs on processes: which results exist, where, and for whom.

No processes in here, and no waiting: `Books` is told what was sent and what has come back, and
answers which task a worker should get next and what has to go along with it.

A result comes to the parent as bytes and stays bytes: it is unpickled here only if it is asked
for.  The worker that made it keeps the object too, if it is large, and so does one that was sent
it, as long as other tasks will read it.  That is why a ready task has a worker of choice: the
one that holds most of its input.  A result is let go everywhere after its last use.

Every task's place in the plan's order is its priority; heaps hold these places.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from typing import Any

from shoal.errors import SerializationError
from shoal.graph.plan import Plan
from shoal.graph.task import Template
from shoal.local.process_pace import Pace, pace_key
from shoal.local.process_wire import Part, Segment, seal
from shoal.local.process_worker import KEEP_BYTES, OWN
from shoal.serialize.pickles import Frames, dumps

__all__ = ["Batch", "Books"]

MOST = 2_000
"""Tasks in one message."""

CACHE_BYTES = 256 << 20
"""What a worker keeps of results, measured as pickled; the oldest go first."""

SEGMENTS = 256
"""Results that the parent holds by their descriptors; of others it maps the bytes."""

RAW = frozenset({int, float, bool, complex, type(None)})
NOBODY = (0, None)


class Batch:
    """Some tasks for one worker, and what it lacks to run them.

    Examples
    --------
    >>> Batch().ids
    []
    """

    __slots__ = ("columns", "drops", "ids", "own", "parts", "put", "raw")

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.columns: tuple[list[Any], ...] = (self.ids, [], [], [], [])
        """Ids, functions, arguments, dependencies, whether to keep the result."""
        self.own: list[Any] = []
        """Functions and arguments that no other task has; pickled together."""
        self.raw: dict[int, Any] = {}
        self.put: list[int] = []
        self.parts: list[Part] = []
        self.drops: list[int] = []
        """What the worker lets go of before it runs them."""


class Books:
    """The state of one run.

    Parameters
    ----------
    plan
        What runs.
    pace
        How long tasks take.
    chunksize
        Tasks to hand over at a time; None to let the pace decide.

    Examples
    --------
    >>> from shoal.graph.legacy import plan_from_dict
    >>> books = Books(plan_from_dict({"a": (abs, -1), "b": (abs, "a")}, ["b"]), Pace(), None)
    >>> w = books.add_worker()
    >>> books.take_batch(w, 1).ids, books.take_batch(w, 1)
    ([0], None)
    >>> books.finish(w, [0], [1])
    >>> books.take_batch(w, 1).raw  # what goes along with the second task
    {0: 1}
    """

    def __init__(self, plan: Plan, pace: Pace, chunksize: int | None) -> None:
        self.plan = plan
        self.pace = pace
        self.chunksize = chunksize
        n = len(plan)
        data = [i for i, func in enumerate(plan.funcs) if func is None]
        self.left = n - len(data)
        self.values: list[Any] = [None] * n
        """A plain number, `Frames` or `Segment`; of data, None until it is first needed."""
        self.uses = list(map(len, plan.dependents))
        """Tasks that need a result and have not run."""
        self.unsent = self.uses[:]
        """Tasks that need a result and have not been handed over."""
        self.missing = list(map(len, plan.deps))
        for i in data:
            for j in plan.dependents[i]:
                self.missing[j] -= 1
        self.cost = [0.0] * n
        self.rank = [0] * n
        for place, i in enumerate(plan.order):
            self.rank[i] = place
        self.ready = [
            self.rank[i] for i, m in enumerate(self.missing) if not m and plan.funcs[i] is not None
        ]
        heapify(self.ready)
        self.shared = shared_parts(plan)
        self.refs = [self.shared.get(id(func), NOBODY)[0] for func in plan.funcs]
        """The number of each task's function; 0 of one that no other task has."""
        self.payloads: dict[int, Part] = {}
        self.segments = 0
        self.holders = [0] * n
        """Workers that hold a result, as bits."""
        # The rest has one entry a worker.
        self.near: list[list[int]] = []
        """Ready tasks whose worker of choice it is."""
        self.holds: list[dict[int, int]] = []
        """What it has of functions and results, with their sizes, oldest first."""
        self.held: list[int] = []
        self.drops: list[dict[int, None]] = []
        """What it has to be told to let go of, with the next message."""
        self.load: list[float] = []
        """Seconds of work before it."""
        self.sent: list[dict[int, None]] = []
        """Tasks handed over that have not come back, in order."""

    def add_worker(self) -> int:
        """The number of a new worker."""
        self.near.append([])
        self.holds.append({})
        self.held.append(0)
        self.drops.append({})
        self.load.append(0.0)
        self.sent.append({})
        return len(self.load) - 1

    def remove_worker(self, w: int) -> None:
        """A worker that has nothing to run is gone."""
        for j in list(self.holds[w]):
            if j >= 0:
                self.forget(w, j)
        for place in self.near[w]:
            heappush(self.ready, place)
        self.near[w] = []
        self.holds[w] = {}
        self.drops[w] = {}

    @property
    def waiting(self) -> int:
        """Tasks that could start."""
        return len(self.ready) + sum(map(len, self.near))

    # -------------------------------------------------------------------------- handing over

    def next_place(self, w: int, steal: bool) -> int:
        """The ready task of best priority for a worker, off the heaps; -1 when there is none."""
        near, ready = self.near[w], self.ready
        if near and (not ready or near[0] < ready[0]):
            return heappop(near)
        if ready:
            return heappop(ready)
        if steal:
            # Moving its input is better than an idle worker.
            other = max(self.near, key=len)
            if other:
                return heappop(other)
        return -1

    def take_batch(self, w: int, workers: int) -> Batch | None:
        """Tasks to hand over to a worker, or None.

        Parameters
        ----------
        w
            The worker.
        workers
            How many share what is ready.

        Raises
        ------
        SerializationError
            Something cannot be sent; the message names the task.
        """
        batch = Batch()
        # What is dropped from here on, to make room for the input of one task, may be the input of
        # another one in the batch: it goes with the next message.
        batch.drops, self.drops[w] = list(self.drops[w]), {}
        plan, cost, refs, sent, known = self.plan, self.cost, self.refs, self.sent[w], self.holds[w]
        funcs, args, deps, order = plan.funcs, plan.args, plan.deps, plan.order
        ids, fs, arguments, needs, keeps = batch.columns
        load, room = self.load[w], 2 * self.pace.target_s
        fair = max(1, min(MOST, self.waiting // (2 * workers)))
        most = self.chunksize or fair
        guesses: dict[int, float] = {}
        while len(ids) < most and (load < room or self.chunksize):
            place = self.next_place(w, not sent and not ids)
            if place < 0:
                break
            i = order[place]
            f = refs[i]
            guess = guesses.get(f)
            if guess is None:
                guess = self.pace.guess(self.key_of(funcs[i]))
                if f:
                    guesses[f] = guess
            cost[i] = guess
            load += guess
            ids.append(i)
            if f and f in known:
                fs.append(f)
            else:
                fs.append(self.refer(batch, w, i, funcs[i], "its function"))
            arg = args[i]
            if arg is None:
                arguments.append(None)
            elif type(arg) is Template:
                arguments.append(self.refer(batch, w, i, arg, "its arguments"))
            else:
                arguments.append(len(batch.own))
                batch.own.append(arg)
            needs.append([self.need(batch, w, i, j) for j in deps[i]] if deps[i] else ())
            keeps.append(bool(self.uses[i]))
        if not ids:
            self.drops[w] = dict.fromkeys(batch.drops)
            return None
        self.load[w] = load
        sent.update(dict.fromkeys(ids))
        if batch.own:
            self.put_own(batch)
        return batch

    def key_of(self, func: Any) -> Any:
        """The pace's key of a function."""
        found = self.shared.get(id(func))
        return found[1] if found is not None else pace_key(func)

    def need(self, batch: Batch, w: int, i: int, j: int) -> int:
        """How a task's input is called in a batch; it goes along unless the worker has it.

        ``~j`` says that no task after this one needs it.
        """
        holds = self.holds[w]
        self.unsent[j] -= 1
        if self.unsent[j]:
            if j not in holds:
                self.hold(w, j, self.put_value(batch, i, j))
            return j
        if j in holds:
            self.forget(w, j)
        else:
            self.put_value(batch, i, j)
        return ~j

    def refer(self, batch: Batch, w: int, i: int, part: Any, what: str) -> int:
        """How a task's function, or its arguments, are called in a batch."""
        found = self.shared.get(id(part))
        if found is None:
            batch.own.append(part)
            return len(batch.own) - 1
        number = found[0]
        if number not in self.holds[w]:
            payload = self.payloads.get(number)
            if payload is None:
                payload = self.payloads[number] = self.pack(part, i, what)
            batch.put.append(number)
            batch.parts.append(payload)
            self.holds[w][number] = 0
        return number

    def put_value(self, batch: Batch, i: int, j: int) -> int:
        """Let a result go along with a batch; its size."""
        value = self.values[j]
        if value is None and self.plan.funcs[j] is None:
            value = self.plan.args[j]
            if type(value) not in RAW:
                value = self.values[j] = self.pack(value, j, "the value")
        if isinstance(value, Frames | Segment):
            batch.put.append(j)
            batch.parts.append(value)
            return value.nbytes
        batch.raw[j] = value
        return 0

    def put_own(self, batch: Batch) -> None:
        """Pickle what only the tasks of one batch have."""
        try:
            frames = dumps(batch.own)
        except SerializationError:
            # Once more, one by one: which task is it?
            for i in batch.ids:
                self.pack(self.plan.funcs[i], i, "its function")
                self.pack(self.plan.args[i], i, "its arguments")
            raise
        batch.put.append(OWN)
        batch.parts.append(seal(frames))

    def pack(self, obj: Any, i: int, what: str) -> Part:
        """An object as bytes; an error names the task."""
        try:
            return seal(dumps(obj, what))
        except SerializationError as error:
            raise SerializationError(
                f"task {self.plan.keys[i]!r}: {error}; pass what it can be made from (a path, an "
                "address), or run this with scheduler='threads'"
            ) from error.__cause__

    # ------------------------------------------------------------------------- coming back

    def finish(self, w: int, ids: Sequence[int], values: Sequence[Any]) -> None:
        """Tasks have run.

        Parameters
        ----------
        w, ids
            Worker and tasks.
        values
            Their results: numbers, `Frames` or `Segment` objects.
        """
        plan, uses, missing, cost, sent = (
            self.plan,
            self.uses,
            self.missing,
            self.cost,
            self.sent[w],
        )
        deps, dependents = plan.deps, plan.dependents
        load = self.load[w]
        for i, value in zip(ids, values, strict=True):
            del sent[i]
            load -= cost[i]
            if uses[i]:
                if type(value) in RAW:
                    self.values[i] = value
                else:
                    self.store(w, i, value)
                for j in dependents[i]:
                    missing[j] -= 1
                    if not missing[j]:
                        self.make_ready(j)
            for j in deps[i]:
                uses[j] -= 1
                if not uses[j]:
                    self.release(j)
        self.left -= len(ids)
        # The sum of many floats need not come back to zero.
        self.load[w] = load if sent else 0.0

    def store(self, w: int, i: int, value: Any) -> None:
        """Remember a result, and that the worker that made it may have it still."""
        if isinstance(value, Segment):
            if self.segments < SEGMENTS:
                self.segments += 1
            else:
                value = value.frames()
        self.values[i] = value
        if isinstance(value, Frames | Segment) and value.nbytes >= KEEP_BYTES:
            self.hold(w, i, value.nbytes)

    def make_ready(self, i: int) -> None:
        """A task has all it needs: find its worker of choice."""
        best, most = -1, 0
        holders = self.holders
        for j in self.plan.deps[i]:
            if holders[j]:
                best, most = self.closest(i)
                break
        heappush(self.near[best] if most >= KEEP_BYTES else self.ready, self.rank[i])

    def closest(self, i: int) -> tuple[int, int]:
        """The worker that holds most of a task's input, and how much."""
        amounts: dict[int, int] = {}
        for j in self.plan.deps[i]:
            bits = self.holders[j]
            while bits:
                w = bits.bit_length() - 1
                bits ^= 1 << w
                amounts[w] = amounts.get(w, 0) + self.holds[w][j]
        best = max(amounts, key=lambda w: (amounts[w], -self.load[w]))
        return best, amounts[best]

    def release(self, j: int) -> None:
        """Nothing needs a result any more."""
        if type(self.values[j]) is Segment:
            self.segments -= 1
        self.values[j] = None
        bits = self.holders[j]
        while bits:
            w = bits.bit_length() - 1
            bits ^= 1 << w
            self.drops[w][j] = None
            self.forget(w, j)

    def give_back(self, w: int, ids: Sequence[int]) -> None:
        """A worker has returned tasks that it had not started."""
        for i in ids:
            del self.sent[w][i]
            self.load[w] -= self.cost[i]
            for j in self.plan.deps[i]:
                self.unsent[j] += 1
                if j not in self.holds[w]:
                    # It was to go with this task.  Now it goes before the next message.
                    self.drops[w][j] = None
            heappush(self.ready, self.rank[i])

    def correct(self, w: int, i: int, seconds: float) -> None:
        """A running task has taken so long already."""
        key = self.key_of(self.plan.funcs[i])
        self.pace.known[key] = max(seconds, self.pace.known.get(key, 0.0))
        more = max(seconds, self.pace.target_s) - self.cost[i]
        self.cost[i] += more
        self.load[w] += more

    # -------------------------------------------------------------------- what workers hold

    def hold(self, w: int, j: int, size: int) -> None:
        """A worker has a result from now on; when that is too much, it lets go of the oldest."""
        self.holds[w][j] = size
        self.drops[w].pop(j, None)
        self.holders[j] |= 1 << w
        self.held[w] += size
        if self.held[w] > CACHE_BYTES:
            for old in [k for k in self.holds[w] if k >= 0 and k != j]:
                self.drops[w][old] = None
                self.forget(w, old)
                if self.held[w] <= CACHE_BYTES:
                    break

    def forget(self, w: int, j: int) -> None:
        """A worker will not have a result any more."""
        self.held[w] -= self.holds[w].pop(j)
        self.holders[j] &= ~(1 << w)


def shared_parts(plan: Plan) -> dict[int, tuple[int, Any]]:
    """Functions and templates that several tasks have: by ``id``, a number and the pace's key.

    Each travels once to each worker; the numbers start below the one of a batch's own parts.
    """
    found: dict[int, tuple[int, Any]] = {}
    counts = Counter(map(id, plan.funcs))
    for func in plan.funcs:
        if func is not None and counts[id(func)] > 1 and id(func) not in found:
            found[id(func)] = (OWN - 1 - len(found), pace_key(func))
    templates = [arg for arg in plan.args if type(arg) is Template]
    counts = Counter(map(id, templates))
    for template in templates:
        if counts[id(template)] > 1 and id(template) not in found:
            found[id(template)] = (OWN - 1 - len(found), None)
    return found
