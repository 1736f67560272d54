"""What a parent knows while a plan runs on processes: which results exist, where, and for whom.

No processes in here, and no waiting: `Books` is told what was sent and what has come back, and
answers which task a worker should get next and what has to go along with it.

A small result comes to the parent as bytes and stays bytes: it is unpickled here only if it is
asked for.  One that took a while to make stays with the worker that made it, as an object, until a
task elsewhere needs it; then the parent *fetches* its bytes.  Bytes that are here may also be with
workers as objects, because these made or used them and will again.  So a ready task has a worker of
choice: the one that holds most of its input.  And tasks that are ready from the start and
whose results are read together are given to one worker together.  A result is let go everywhere
after its last use.

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
from shoal.local.process_holdings import Away, Holdings
from shoal.local.process_pace import Pace, pace_key
from shoal.local.process_wire import Part, Segment, seal
from shoal.local.process_worker import KEEP, KEEP_BYTES, OWN, STAY
from shoal.serialize.pickles import Frames, dumps

__all__ = ["RAW", "Batch", "Books"]

MOST = 2_000
"""Tasks in one message."""

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
        """Ids, functions, arguments, dependencies, what becomes of the result (`keeps`)."""
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
    workers
        How many share the tasks.
    may_stay
        Whether results may stay with the workers that made them.

    Examples
    --------
    >>> from shoal.graph.legacy import plan_from_dict
    >>> books = Books(plan_from_dict({"a": (abs, -1), "b": (abs, "a")}, ["b"]), Pace(), None, 2)
    >>> w = books.add_worker()
    >>> books.take_batch(w).ids, books.take_batch(w)
    ([0], None)
    >>> books.finish(w, [0], [1])
    >>> books.take_batch(w).raw  # what goes along with the second task
    {0: 1}
    """

    def __init__(
        self,
        plan: Plan,
        pace: Pace,
        chunksize: int | None,
        workers: int,
        may_stay: bool = True,
    ) -> None:
        self.plan = plan
        self.pace = pace
        self.chunksize = chunksize
        self.workers = workers
        n = len(plan)
        data = [i for i, func in enumerate(plan.funcs) if func is None]
        self.left = n - len(data)
        self.values: list[Any] = [None] * n
        """A plain number, `Frames` or `Segment`; None of what is away, and of data at first."""
        self.where = Holdings(n)
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
        self.family = families(plan, self.ready, workers)
        """For a task that is ready from the start, the first one that reads its result; or -1."""
        self.homes: dict[int, int] = {}
        """The worker that runs the tasks of a family."""
        self.keeps = keeps(plan, may_stay)
        self.fetches: list[tuple[int, int]] = []
        """``(worker, result)`` to be fetched."""
        self.fetching: dict[int, list[tuple[int, int]]] = {}
        """For each result on its way, ``(task, its worker)`` that wait for it."""
        self.lacking: dict[int, int] = {}
        """How many results on their way a task waits for."""
        self.shared = shared_parts(plan)
        self.refs = [self.shared.get(id(func), NOBODY)[0] for func in plan.funcs]
        """The number of each task's function; 0 of one that no other task has."""
        self.payloads: dict[int, Part] = {}
        self.segments = 0
        # The rest has one entry a worker.
        self.near: list[list[int]] = []
        """Ready tasks whose worker of choice it is."""
        self.load: list[float] = []
        """Seconds of work before it."""
        self.sent: list[dict[int, None]] = []
        """Tasks handed over that have not come back, in order."""
        self.coming: list[int] = []
        """How many of its tasks wait for results on their way."""

    def add_worker(self) -> int:
        """The number of a new worker."""
        self.where.add_worker()
        self.near.append([])
        self.load.append(0.0)
        self.sent.append({})
        self.coming.append(0)
        return len(self.load) - 1

    def remove_worker(self, w: int) -> None:
        """A worker that has nothing to run is gone."""
        self.where.remove_worker(w)
        for place in self.near[w]:
            heappush(self.ready, place)
        self.near[w] = []
        self.homes = {reader: home for reader, home in self.homes.items() if home != w}
        for waiting in self.fetching.values():
            waiting[:] = [(i, -1 if target == w else target) for i, target in waiting]

    @property
    def waiting(self) -> int:
        """Tasks that could start."""
        return len(self.ready) + sum(map(len, self.near))

    # -------------------------------------------------------------------------- handing over

    def next_place(self, w: int, steal: bool, hungry: bool) -> int:
        """The ready task of best priority for a worker, off the heaps; -1 when there is none."""
        near, ready, family, homes = self.near[w], self.ready, self.family, self.homes
        while ready and not (near and near[0] < ready[0]):
            place = heappop(ready)
            reader = family.get(place, -1)
            if reader >= 0:
                home = homes.setdefault(reader, w)
                if home != w:
                    heappush(self.near[home], place)
                    continue
            return place
        if near:
            return heappop(near)
        return self.steal(w, hungry) if steal else -1

    def steal(self, w: int, hungry: bool) -> int:
        """A task whose worker of choice is another one, for a worker that has nothing else."""
        other = max(self.near, key=len)
        if not other:
            return -1
        i = self.plan.order[other[0]]
        away = self.where.elsewhere(self.plan.deps[i], w)
        if not away:
            return heappop(other)
        # Its input would have to be pickled and moved; a moment later its own worker may be free.
        if hungry and not self.coming[w]:
            heappop(other)
            self.fetch(i, w, away)
        return -1

    def take_batch(self, w: int, hungry: bool = False) -> Batch | None:
        """Tasks to hand over to a worker, or None.

        Parameters
        ----------
        w
            The worker.
        hungry
            Whether it has had nothing to do for a while.

        Raises
        ------
        SerializationError
            Something cannot be sent; the message names the task.
        """
        batch = Batch()
        # What is dropped from here on, to make room for the input of one task, may be the input of
        # another one in the batch: it goes with the next message.
        batch.drops, self.where.drops[w] = list(self.where.drops[w]), {}
        plan, cost, refs, sent = self.plan, self.cost, self.refs, self.sent[w]
        known = self.where.holds[w]
        funcs, args, deps, order = plan.funcs, plan.args, plan.deps, plan.order
        ids, fs, arguments, needs, stays = batch.columns
        load, room = self.load[w], 2 * self.pace.target_s
        fair = max(1, min(MOST, self.waiting // (2 * self.workers)))
        most = self.chunksize or fair
        guesses: dict[int, float] = {}
        while len(ids) < most and (load < room or self.chunksize):
            place = self.next_place(w, not sent and not ids, hungry)
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
            needs.append([self.need(batch, w, j) for j in deps[i]] if deps[i] else ())
            stays.append(self.keeps[i])
        if not ids:
            self.where.drops[w] = dict.fromkeys(batch.drops)
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

    def need(self, batch: Batch, w: int, j: int) -> int:
        """How a task's input is called in a batch; it goes along unless the worker has it.

        ``~j`` says that no task after this one needs it.
        """
        has_it = j in self.where.holds[w]
        self.unsent[j] -= 1
        if self.unsent[j]:
            if not has_it:
                self.where.hold(w, j, self.put_value(batch, j))
            return j
        if has_it:
            self.where.forget(w, j)
        else:
            self.put_value(batch, j)
        return ~j

    def refer(self, batch: Batch, w: int, i: int, part: Any, what: str) -> int:
        """How a task's function, or its arguments, are called in a batch."""
        found = self.shared.get(id(part))
        if found is None:
            batch.own.append(part)
            return len(batch.own) - 1
        number = found[0]
        if number not in self.where.holds[w]:
            payload = self.payloads.get(number)
            if payload is None:
                payload = self.payloads[number] = self.pack(part, i, what)
            batch.put.append(number)
            batch.parts.append(payload)
            self.where.holds[w][number] = 0
        return number

    def put_value(self, batch: Batch, j: int) -> int:
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
        plan, uses, missing = self.plan, self.uses, self.missing
        cost, sent = self.cost, self.sent[w]
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
        """Remember a result, and that the worker that made it has it too, if it is large."""
        if isinstance(value, Away):
            self.where.stay(w, i, value.size)
            return
        self.keep_bytes(i, value)
        if value.nbytes >= KEEP_BYTES:
            self.where.hold(w, i, value.nbytes)

    def keep_bytes(self, i: int, value: Part) -> None:
        """Remember the bytes of a result."""
        if isinstance(value, Segment):
            if self.segments < SEGMENTS:
                self.segments += 1
            else:
                value = value.frames()
        self.values[i] = value

    def arrive(self, j: int, value: Part) -> None:
        """A result has been fetched."""
        self.where.arrive(j)
        self.keep_bytes(j, value)
        for i, target in self.fetching.pop(j):
            self.lacking[i] -= 1
            if not self.lacking[i]:
                del self.lacking[i]
                if target >= 0:
                    self.coming[target] -= 1
                heappush(self.near[target] if target >= 0 else self.ready, self.rank[i])

    def make_ready(self, i: int) -> None:
        """A task has all it needs: find its worker of choice, and fetch what that one lacks."""
        where, needs = self.where, self.plan.deps[i]
        best, most = where.closest(needs, self.load)
        bound = best >= 0 and where.is_bound(needs)
        away = where.elsewhere(needs, best) if bound else []
        if away:
            self.fetch(i, best, away)
        else:
            chosen = bound or most >= KEEP_BYTES
            heappush(self.near[best] if chosen else self.ready, self.rank[i])

    def fetch(self, i: int, w: int, away: Sequence[int]) -> None:
        """Let a task wait until results that are elsewhere have come; then it is a worker's."""
        self.lacking[i] = len(away)
        self.coming[w] += 1
        for j in away:
            if j not in self.fetching:
                self.fetching[j] = []
                self.fetches.append((self.where.away[j][0], j))
            self.fetching[j].append((i, w))

    def release(self, j: int) -> None:
        """Nothing needs a result any more."""
        if type(self.values[j]) is Segment:
            self.segments -= 1
        self.values[j] = None
        where = self.where
        if where.holders[j] or j in where.away:
            where.release(j)

    def give_back(self, w: int, ids: Sequence[int]) -> None:
        """A worker has returned tasks that it had not started."""
        for i in ids:
            del self.sent[w][i]
            self.load[w] -= self.cost[i]
            for j in self.plan.deps[i]:
                self.unsent[j] += 1
                self.where.return_input(w, j)
            bound = self.where.is_bound(self.plan.deps[i])
            heappush(self.near[w] if bound else self.ready, self.rank[i])

    def correct(self, w: int, i: int, seconds: float) -> None:
        """A running task has taken so long already."""
        key = self.key_of(self.plan.funcs[i])
        self.pace.known[key] = max(seconds, self.pace.known.get(key, 0.0))
        more = max(seconds, self.pace.target_s) - self.cost[i]
        self.cost[i] += more
        self.load[w] += more


def keeps(plan: Plan, may_stay: bool) -> bytearray:
    """What a worker does with each result: see `KEEP` and `STAY`; 0 is to send it and forget it."""
    found = bytearray(STAY if may_stay else KEEP for _ in plan.deps)
    for i in plan.wanted:
        found[i] = KEEP
    for i, dependents in enumerate(plan.dependents):
        if not dependents:
            found[i] = 0
    return found


def families(plan: Plan, ready: Sequence[int], workers: int) -> dict[int, int]:
    """Tasks that are ready from the start and have a reader in common, by their places.

    Families so large that workers would go without are none.

    >>> from shoal.graph.legacy import plan_from_dict
    >>> graph = {"a": (abs, -1), "b": (abs, -2), "c": (max, "a", "b")}
    >>> families(plan_from_dict(graph, ["c"]), [0, 1], 1)
    {0: 2, 1: 2}
    """
    dependents, deps, order = plan.dependents, plan.deps, plan.order
    largest = len(ready) // workers
    found = {}
    for place in ready:
        readers = dependents[order[place]]
        if readers and 1 < len(deps[readers[0]]) <= largest:
            found[place] = readers[0]
    return found


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
