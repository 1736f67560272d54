"""One run of a plan on worker processes: the loop that sends and receives.

One thread waits for all workers at once.  It sends without blocking, reads what has come, and
asks `Books` what to send next.

**A worker is given its next batch before it runs dry**, and not much more: when the work before
it falls below a few milliseconds.  If the estimate was wrong and another worker is idle, the
tasks it has not started are taken back.

**The first error ends the run.**  Workers that run something are interrupted (an exception is
raised in the task), and those that have not stopped a second later are killed.  After an error
of a task all others are as good as new and are kept.  An interrupt of the user's may come anywhere,
in the middle of a message too, so then no worker is kept.
"""

from __future__ import annotations

import selectors
import signal
from time import monotonic
from typing import Any

from shoal.errors import ExecutorError, SerializationError, WorkerDiedError
from shoal.graph.fuse import Chain, ChainKeys
from shoal.graph.plan import Plan
from shoal.local.callbacks import Observer
from shoal.local.failure import add_note, describe_func, mark_failed
from shoal.local.process_books import RAW, Batch, Books
from shoal.local.process_holdings import Away
from shoal.local.process_pace import TARGET_S, Pace
from shoal.local.process_pool import Kind, WorkerHandle, give_back, take
from shoal.local.process_wire import FDS, Segment, open_part
from shoal.serialize.exceptions import load_exception
from shoal.serialize.pickles import Frames, dumps, loads

__all__ = ["ProcessRun"]

GRACE_S = 1.0
"""How long interrupted tasks may take to end before their process is killed."""

HUNGRY_S = 2 * TARGET_S
"""How long a worker is idle before work is moved to it at a price."""

LOOK_S = 1.0
"""How long it waits at a time: a Ctrl-C that came just before a wait is acted upon after it."""

STARTS = 3
"""How many workers may die before they have begun."""


class ProcessRun:
    """The state of one run, apart from its books.

    Parameters
    ----------
    plan
        What to run.
    limit
        Workers at the same time.
    kind
        Which workers.
    chunksize
        Tasks in a batch; None to decide by what they take.
    observer
        Somebody who listens, or None.

    Examples
    --------
    >>> from shoal.graph.legacy import plan_from_dict
    >>> plan = plan_from_dict({"a": (abs, -1), "b": (abs, -2)}, ["b", "a"])
    >>> ProcessRun(plan, 1, ("spawn", b""), None, None).run()
    [2, 1]
    """

    def __init__(
        self,
        plan: Plan,
        limit: int,
        kind: Kind,
        chunksize: int | None,
        observer: Observer | None,
    ) -> None:
        self.plan = plan
        self.limit = limit
        self.kind = kind
        self.observer = observer
        # Whoever listens wants to hear of a task when it starts, not when it is sent.
        self.pace = Pace(TARGET_S / 4 if observer else TARGET_S)
        self.books = Books(plan, self.pace, chunksize, limit, may_stay=observer is None)
        self.asked = bytearray(len(plan))
        for i in plan.wanted:
            self.asked[i] = 1
        self.answers: dict[int, Any] = {}
        self.workers: dict[int, WorkerHandle] = {}
        self.heard: dict[int, float] = {}
        """When a worker last reported or was sent something."""
        self.revoking: set[int] = set()
        self.lost = 0
        self.selector = selectors.DefaultSelector()
        self.error: BaseException | None = None

    def run(self) -> list[Any]:
        """Run all tasks; the answers."""
        try:
            self.work()
            self.stop()
        except BaseException:
            self.abandon()
            raise
        finally:
            self.selector.close()
        if self.error is not None:
            error, self.error = self.error, None
            try:
                raise error
            finally:
                # Its traceback refers to this frame.
                del error
        plan = self.plan
        return [self.answers[i] if plan.funcs[i] is not None else plan.args[i] for i in plan.wanted]

    def work(self) -> None:
        """Run all tasks, or as many as there are before the first error."""
        try:
            while self.books.left and self.error is None:
                self.feed()
                self.listen(self.patience())
        except Exception as error:
            self.error = error

    # ----------------------------------------------------------------------------- sending

    def feed(self) -> None:
        """Give every worker that is about to run dry something to do."""
        books = self.books
        if books.waiting:
            self.recruit()
        now = monotonic()
        for w, worker in self.workers.items():
            if not worker.ready:
                continue
            if books.waiting and books.load[w] < self.pace.target_s and w not in self.revoking:
                batch = books.take_batch(w, now - self.heard[w] > HUNGRY_S)
                if batch is not None:
                    self.send(w, worker, batch)
            drops = books.where.drops[w]
            if drops and not books.sent[w]:
                worker.send(("drop", list(drops)))
                drops.clear()
            self.mind(w, worker)
        while books.fetches:
            w, j = books.fetches.pop()
            self.workers[w].send(("fetch", [j]))
            self.mind(w, self.workers[w])

    def recruit(self) -> None:
        """Use more workers while there is more to do than there are workers to do it."""
        free = sum(not self.books.sent[w] for w in self.workers)
        while len(self.workers) < self.limit and self.books.waiting > free:
            worker = take(self.kind)
            w = self.books.add_worker()
            self.workers[w] = worker
            self.heard[w] = monotonic()
            self.selector.register(worker.sock, selectors.EVENT_READ, w)
            if worker.pidfd >= 0:
                self.selector.register(worker.pidfd, selectors.EVENT_READ, w)
            self.mind(w, worker)
            free += 1

    def send(self, w: int, worker: WorkerHandle, batch: Batch) -> None:
        """Send a batch."""
        if self.observer is not None:
            for i in batch.ids:
                self.observer.before(i)
        segments = sum(type(part) is Segment for part in batch.parts)
        while segments > FDS:
            # More descriptors than one message can carry.
            worker.send(("batch", ([], [], [], [], []), (), {}, batch.put[:FDS]), batch.parts[:FDS])
            del batch.put[:FDS], batch.parts[:FDS]
            segments = sum(type(part) is Segment for part in batch.parts)
        worker.send(("batch", batch.columns, batch.drops, batch.raw, batch.put), batch.parts)
        self.heard[w] = monotonic()

    def mind(self, w: int, worker: WorkerHandle) -> None:
        """Wait for room in a worker's socket if there is something left to send."""
        events = selectors.EVENT_READ
        if worker.outbox:
            events |= selectors.EVENT_WRITE
        if self.selector.get_key(worker.sock).events != events:
            self.selector.modify(worker.sock, events, w)

    def patience(self) -> float | None:
        """How long to wait for messages before something is moved to an idle worker.

        That is a ready task whose worker of choice is busy, or one that was sent already and has
        not started.
        """
        books = self.books
        idle = [w for w in self.workers if not books.sent[w]]
        if not (idle or len(self.workers) < self.limit):
            return None
        now = monotonic()
        if books.waiting:
            # The others are fetching already, or starting.
            waits = [self.heard[w] for w in idle if self.workers[w].ready and not books.coming[w]]
            return max(0.0, min(waits) + HUNGRY_S - now) + 0.001 if waits else None
        if books.chunksize:
            return None
        delays = []
        for w in self.workers:
            if len(books.sent[w]) > 1 and w not in self.revoking:
                delays.append(self.heard[w] + HUNGRY_S - now)
                if delays[-1] <= 0:
                    self.revoking.add(w)
                    self.workers[w].send(("revoke",))
        return max(0.0, min(delays)) if delays else None

    # --------------------------------------------------------------------------- receiving

    def listen(self, timeout_s: float | None) -> None:
        """Wait for messages and act upon them."""
        for key, events in self.selector.select(LOOK_S if timeout_s is None else timeout_s):
            w = key.data
            worker = self.workers.get(w)
            if worker is None:
                continue
            if events & selectors.EVENT_WRITE:
                worker.push()
            gone = False
            try:
                while self.error is None:
                    envelope, parts = worker.inbox.get()
                    self.hear(w, worker, envelope, parts)
            except BlockingIOError:
                # All is read.  A process that has ended will not say more, even if a child of its
                # own keeps the socket open.
                gone = key.fileobj is not worker.sock
            except (EOFError, ConnectionError):
                gone = True
            if gone:
                self.lose(w, worker)
            else:
                self.mind(w, worker)

    def hear(self, w: int, worker: WorkerHandle, envelope: Any, parts: Any) -> None:
        """Act upon one message."""
        kind = envelope[0]
        if kind == "ready":
            worker.ready = envelope[1] == worker.run
        elif kind == "failed" and (worker.ready or envelope[4] == "initializer"):
            self.error = self.failure(w, *envelope[1:])
        elif kind == "done" and worker.ready:
            self.on_done(w, worker, parts, *envelope[1:])
        elif kind == "fetched" and worker.ready:
            self.books.arrive(envelope[1], parts[0])
        elif kind == "returned" and worker.ready:
            self.on_returned(w, worker, *envelope[1:])
        self.heard[w] = monotonic()

    def on_done(
        self,
        w: int,
        worker: WorkerHandle,
        parts: Any,
        raw_ids: list[int],
        raw_values: list[Any],
        small_ids: list[int],
        small_values: list[bytes],
        part_ids: list[int],
        kept_ids: list[int],
        kept_sizes: list[int],
        spans: list[Any],
    ) -> None:
        """Tasks have run."""
        self.finish(w, worker, raw_ids, raw_values)
        self.finish(w, worker, small_ids, list(map(Frames, small_values)))
        self.finish(w, worker, part_ids, parts)
        self.books.finish(w, kept_ids, list(map(Away, kept_sizes)))
        for _, i, count, seconds in spans:
            self.pace.learn(self.books.key_of(self.plan.funcs[i]), count, seconds)

    def finish(self, w: int, worker: WorkerHandle, ids: list[int], values: list[Any]) -> None:
        """Tasks have run."""
        asked, answers, observer = self.asked, self.answers, self.observer
        for i, value in zip(ids, values, strict=True):
            if asked[i] or observer is not None:
                answer = value if type(value) in RAW else self.open(i, value)
                if self.error is not None:
                    return
                if asked[i]:
                    answers[i] = answer
                if observer is not None:
                    observer.after(i, answer, worker.pid)
        self.books.finish(w, ids, values)

    def open(self, i: int, value: Any) -> Any:
        """A result as an object."""
        try:
            return loads(open_part(value))
        except Exception as error:
            add_note(
                error,
                f"shoal: the result of task {self.plan.keys[i]!r} could not be unpickled here",
            )
            self.error = error
            return None

    def on_returned(self, w: int, worker: WorkerHandle, ids: list[int], elapsed: float) -> None:
        """A worker has returned what it had not started."""
        self.revoking.discard(w)
        self.books.give_back(w, ids)
        running = next(iter(self.books.sent[w]), None)
        if running is not None:
            # It is worth more than was thought, and so nothing is sent after it.
            self.books.correct(w, running, elapsed)

    # ---------------------------------------------------------------------------- failures

    def failure(self, w: int, i: int | None, step: int | None, packed: Any, what: str) -> Any:
        """The exception to raise for what a worker has reported."""
        error = load_exception(packed)
        if what == "initializer":
            add_note(error, "shoal: the initializer of a worker process failed")
            return error
        if what in ("input", "args"):
            return self.bad_input(w, i, error)
        assert i is not None
        key, func = self.name(i, step)
        if what == "result" and isinstance(error, SerializationError):
            text = (
                f"task {key!r} ({describe_func(func)}): {error}; return plain data, or run this "
                "with scheduler='threads'"
            )
            return SerializationError(text).with_traceback(error.__traceback__)
        return mark_failed(error, key, func)

    def bad_input(self, w: int, i: int | None, error: BaseException) -> BaseException:
        """The exception for something that a worker could not unpickle."""
        names = []
        for k in self.books.sent[w] if i is None or len(self.books.sent[w]) > 1 else [i]:
            try:
                loads(dumps((self.plan.funcs[k], self.plan.args[k])))
            except Exception:
                names = [repr(self.plan.keys[k])]
                break
            names.append(repr(self.plan.keys[k]))
        if i is not None and len(names) > 1:
            names = [repr(self.plan.keys[i])]
        add_note(
            error,
            f"shoal: what task {' or '.join(names[:5])} calls, or an argument of it, could not be "
            "unpickled in a worker process; if a module is missing there, see "
            "cloudpickle.register_pickle_by_value",
        )
        return error

    def name(self, i: int, step: int | None = None) -> tuple[Any, Any]:
        """Key and function of a task, or of one step of a chain."""
        func, keys = self.plan.funcs[i], self.plan.keys
        if step is not None and isinstance(func, Chain) and isinstance(keys, ChainKeys):
            return keys.of_step(i, step), func.funcs[step]
        return keys[i], func

    def lose(self, w: int, worker: WorkerHandle) -> None:
        """A worker process has ended."""
        self.selector.unregister(worker.sock)
        if worker.pidfd >= 0:
            self.selector.unregister(worker.pidfd)
        del self.workers[w]
        task = worker.task
        code = worker.bury()
        if self.books.sent[w] or any(holder == w for holder, _ in self.books.where.away.values()):
            self.error = WorkerDiedError(self.obituary(w, worker, task, code))
            return
        # It had nothing to do: another one will do as well.
        self.books.remove_worker(w)
        if not worker.ready:
            self.lost += 1
            if self.lost >= STARTS + self.limit:
                self.error = ExecutorError(
                    f"worker processes do not start: the last one {how_it_ended(code)}; what it "
                    "wrote is on the standard error of this process"
                )

    def obituary(self, w: int, worker: WorkerHandle, task: int, code: int | None) -> str:
        """What to say of a worker that died with work before it."""
        sent = self.books.sent[w]
        names = [f"{key!r} ({describe_func(func)})" for key, func in map(self.name, list(sent)[:5])]
        if task in sent:
            key, func = self.name(task)
            doing = f"while it ran task {key!r} ({describe_func(func)})"
        elif len(sent) > len(names):
            doing = f"with {len(sent)} tasks before it, {', '.join(names)}, ..."
        elif names:
            doing = f"with task {', '.join(names)} before it"
        else:
            doing = "with results that other tasks need"
        return f"worker process {worker.pid} {how_it_ended(code)} {doing}"

    # ------------------------------------------------------------------------------ ending

    def stop(self) -> None:
        """End the run: interrupt what still runs, keep the workers."""
        for w, worker in list(self.workers.items()):
            if worker.outbox:
                worker.bury(0)
            elif self.books.sent[w]:
                worker.send(("cancel",))
                worker.send(("end", True))
                continue
            else:
                worker.send(("end", False))
                give_back(worker)
            del self.workers[w]
        deadline = monotonic() + GRACE_S
        for w, worker in list(self.workers.items()):
            if has_stopped(worker, deadline):
                give_back(worker)
            else:
                worker.bury(0)
            del self.workers[w]

    def abandon(self) -> None:
        """End the run and the workers."""
        workers, self.workers = self.workers, {}
        try:
            for worker in workers.values():
                worker.close()
            deadline = monotonic() + GRACE_S
            for worker in workers.values():
                worker.has_ended(max(0.0, deadline - monotonic()))
        finally:
            for worker in workers.values():
                worker.bury(0)


def has_stopped(worker: WorkerHandle, deadline: float) -> bool:
    """Wait until a worker has nothing to do; False when it is gone or does not stop in time."""
    try:
        kind = ""
        while kind != "ended":
            worker.sock.settimeout(max(0.001, deadline - monotonic()))
            kind = worker.inbox.get()[0][0]
        worker.sock.setblocking(False)
    except (EOFError, OSError):
        return False
    return True


def how_it_ended(code: int | None) -> str:
    """An exit code in words.

    >>> how_it_ended(-9)
    'was killed by SIGKILL (by the system for lack of memory?)'
    >>> how_it_ended(3)
    'ended with exit code 3'
    """
    if code is None or code >= 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    hint = " (by the system for lack of memory?)" if name == "SIGKILL" else ""
    return f"was killed by {name}{hint}"
