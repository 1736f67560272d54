"""Run a plan on somebody else's executor: anything with ``submit``, or a `multiprocessing` pool.

Nothing is known of such an executor except that a function and its argument go in and a future
comes out; its workers may be threads, processes, or other machines.  So tasks travel in `Parcel`
objects, which decide at the last moment: one that stays in this process is handed over as it is;
one that is pickled turns into bytes by our own rules (lambdas and closures travel), and arrives as
bytes.  A result that comes back as bytes stays so until it is needed here, and is sent on as it
is.

How many tasks a parcel holds is measured, as for our own processes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from heapq import heapify, heappop, heappush
from multiprocessing.pool import Pool, ThreadPool
from queue import Empty, SimpleQueue
from time import perf_counter
from typing import Any

from shoal.errors import SerializationError, WorkerDiedError
from shoal.graph.fuse import Chain, ChainKeys, chain_step, fuse
from shoal.graph.plan import Plan
from shoal.graph.task import call_task
from shoal.local.callbacks import Observer, observe
from shoal.local.failure import describe_func, mark_failed, trim
from shoal.local.process_pace import Pace
from shoal.local.process_pace import pace_key as key_of
from shoal.local.threads import run_threads, size_of
from shoal.serialize.exceptions import dump_exception, load_exception
from shoal.serialize.pickles import Frames, dumps, loads

__all__ = ["Parcel", "run_executor"]

POLL_S = 0.25
"""How often the processes of a `multiprocessing.Pool` are looked at; it hides their deaths."""


class Parcel:
    """An object that pickles by our rules, and is unpickled when it is opened.

    Parameters
    ----------
    content
        Anything; as `Frames` when it comes out of a pickle.

    Examples
    --------
    >>> import pickle
    >>> pickle.loads(pickle.dumps(Parcel(lambda: 3))).open()()
    3
    """

    __slots__ = ("content",)

    def __init__(self, content: Any) -> None:
        self.content = content

    def open(self) -> Any:
        """What is in it."""
        return loads(self.content) if type(self.content) is Frames else self.content

    def __reduce__(self) -> tuple[Any, ...]:
        content = self.content
        return Parcel, (content if type(content) is Frames else dumps(content),)


def run_executor(
    plan: Plan,
    executor: Any,
    *,
    callbacks: Iterable[Any] = (),
    chunksize: int | None = None,
) -> list[Any]:
    """Run a plan on an executor of somebody else's.

    Parameters
    ----------
    plan
        What to run.
    executor
        A `concurrent.futures.Executor` or a `multiprocessing.Pool`, of any make; it is left open.
    callbacks
        Observers besides the registered ones.
    chunksize
        Tasks to submit together; default what takes about 10 ms, as measured.

    Returns
    -------
    list
        Results of ``plan.wanted``, in that order.

    Raises
    ------
    WorkerDiedError
        A process of the executor ended; the message names the tasks it may have run.
    Exception
        What a task raised, with a note that names the task.

    Examples
    --------
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> from shoal.graph.legacy import plan_from_dict
    >>> with ThreadPoolExecutor(2) as executor:
    ...     run_executor(plan_from_dict({"x": 1, "y": (max, "x", 5)}, ["y"]), executor)
    [5]
    """
    if isinstance(executor, ThreadPoolExecutor | ThreadPool):
        return run_threads(plan, pool=executor, callbacks=callbacks)
    with observe(plan, callbacks) as observer:
        chosen = fuse(plan) if observer is None else observer.plan
        return ForeignRun(chosen, executor, chunksize, observer).run()


class ForeignRun:
    """The state of one run.

    Parameters
    ----------
    plan
        What to run.
    executor
        Where.
    chunksize
        Tasks to submit together, or None.
    observer
        Somebody who listens, or None.
    """

    def __init__(
        self, plan: Plan, executor: Any, chunksize: int | None, observer: Observer | None
    ) -> None:
        self.plan = plan
        self.submit = submitter(executor)
        self.pool = executor if isinstance(executor, Pool) else None
        self.workers = size_of(executor)
        self.chunksize = chunksize
        self.observer = observer
        self.pace = Pace()
        self.results: list[Any] = [
            args if func is None else None for func, args in zip(plan.funcs, plan.args, strict=True)
        ]
        self.uses = plan.uses()
        self.missing = [sum(plan.funcs[j] is not None for j in needs) for needs in plan.deps]
        self.rank = [0] * len(plan)
        for place, i in enumerate(plan.order):
            self.rank[i] = place
        todo = [i for i, func in enumerate(plan.funcs) if func is not None]
        self.left = len(todo)
        self.ready = [self.rank[i] for i in todo if not self.missing[i]]
        heapify(self.ready)
        self.running: dict[Any, list[int]] = {}
        """Tasks by the future of the parcel that they are in."""
        self.done: SimpleQueue[Any] = SimpleQueue()

    def run(self) -> list[Any]:
        """Run all tasks; the answers."""
        pids = self.pids()
        failure = None
        try:
            while self.left and failure is None:
                while self.ready and len(self.running) < 2 * self.workers:
                    self.hand_over()
                try:
                    future = self.done.get(timeout=None if self.pool is None else POLL_S)
                except Empty:
                    self.check(pids)
                    continue
                failure = self.take(future)
        finally:
            for future in self.running:
                future.cancel()
        if failure is not None:
            try:
                raise failure
            finally:
                del failure
        return [open_value(self.results[i]) for i in self.plan.wanted]

    def hand_over(self) -> None:
        """Submit a parcel."""
        plan, pace = self.plan, self.pace
        fair = max(1, len(self.ready) // (2 * self.workers))
        most = self.chunksize or fair
        ids: list[int] = []
        load = 0.0
        while self.ready and len(ids) < most and (self.chunksize or load < 2 * pace.target_s):
            i = plan.order[heappop(self.ready)]
            ids.append(i)
            load += pace.guess(key_of(plan.funcs[i]))
        rows = [(plan.funcs[i], plan.args[i], [self.results[j] for j in plan.deps[i]]) for i in ids]
        if self.observer is not None:
            for i in ids:
                self.observer.before(i)
        future = self.submit(run_parcel, Parcel(rows))
        self.running[future] = ids
        future.add_done_callback(self.done.put)

    def take(self, future: Any) -> BaseException | None:
        """Record what came back; the error, if there is one."""
        ids = self.running.pop(future)
        error = future.exception()
        if error is not None:
            return self.lost(ids, error)
        results, seconds, failed = future.result()
        for i, result in zip(ids, results, strict=False):
            self.finish(i, result)
        if len(results) and seconds:
            # Tasks of one parcel are mostly of one kind.
            self.pace.learn(key_of(self.plan.funcs[ids[0]]), len(results), seconds)
        return None if failed is None else self.failure(ids[len(results)], failed.open())

    def finish(self, i: int, result: Any) -> None:
        """A task has run."""
        plan, uses, missing = self.plan, self.uses, self.missing
        self.left -= 1
        self.results[i] = result
        if self.observer is not None:
            self.observer.after(i, open_value(result), 0)
        for j in plan.dependents[i]:
            missing[j] -= 1
            if not missing[j]:
                heappush(self.ready, self.rank[j])
        for j in plan.deps[i]:
            uses[j] -= 1
            if not uses[j]:
                self.results[j] = None

    def failure(self, i: int, failed: Any) -> BaseException:
        """The exception of a task, with its name in a note."""
        step, error = failed
        if not isinstance(error, BaseException):
            error = load_exception(error)
        func, keys = self.plan.funcs[i], self.plan.keys
        if step is not None and isinstance(func, Chain) and isinstance(keys, ChainKeys):
            return mark_failed(error, keys.of_step(i, step), func.funcs[step])
        return mark_failed(error, keys[i], func)

    def lost(self, ids: Sequence[int], error: BaseException) -> BaseException:
        """The exception for a parcel that did not come back."""
        named = [f"{self.plan.keys[i]!r} ({describe_func(self.plan.funcs[i])})" for i in ids[:5]]
        names = ", ".join(named) + (", ..." if len(ids) > len(named) else "")
        if isinstance(error, BrokenExecutor):
            died = WorkerDiedError(f"a process of the executor ended with task {names}: {error}")
            died.__cause__ = error
            return died
        if isinstance(error, SerializationError):
            for i in ids:
                try:
                    dumps((self.plan.funcs[i], self.plan.args[i]), "what it calls or its arguments")
                except SerializationError as inner:
                    return SerializationError(f"task {self.plan.keys[i]!r}: {inner}")
        error.add_note(f"shoal: the executor failed with task {names}")
        return error

    def pids(self) -> list[int]:
        """The processes of a `multiprocessing.Pool` that are never replaced."""
        processes = getattr(self.pool, "_pool", None)
        if processes is None or getattr(self.pool, "_maxtasksperchild", None) is not None:
            return []
        return sorted(process.pid for process in processes)

    def check(self, pids: list[int]) -> None:
        """Notice that a pool has replaced a process that died, and its task with it."""
        if pids and self.pids() != pids:
            ids = [i for tasks in self.running.values() for i in tasks]
            raise self.lost(ids, BrokenExecutor("the pool has replaced a process that died"))


def run_parcel(parcel: Parcel) -> tuple[list[Any], float, Parcel | None]:
    """Run the tasks of a parcel, in whatever place that is.

    Returns
    -------
    results, seconds, failed
        Up to the first failure; a failure as ``(step of a chain, exception or its bytes)``.
    """
    started = perf_counter()
    away = type(parcel.content) is Frames
    results: list[Any] = []
    failed = None
    for func, args, values in parcel.open():
        try:
            result = call_task(func, args, [open_value(value) for value in values])
            if away:
                # Here, not in the executor: an error is then this task's.
                result = Parcel(dumps(result, "its result"))
            results.append(result)
        except BaseException as error:
            failed = Parcel((chain_step(error), portable(error) if away else error))
            break
    return results, perf_counter() - started, failed


def portable(error: BaseException) -> Any:
    """An exception that can be sent."""
    return dump_exception(error.with_traceback(trim(error.__traceback__)))


def open_value(value: Any) -> Any:
    """A result as an object."""
    return value.open() if type(value) is Parcel else value


def submitter(executor: Any) -> Callable[..., Any]:
    """How to submit a call to an executor and get a future."""
    if isinstance(executor, Pool):
        return PoolExecutor(executor).submit
    submit = getattr(executor, "submit", None)
    if submit is None:
        raise TypeError(
            "wanted a concurrent.futures.Executor or a multiprocessing.Pool, got "
            f"{type(executor).__name__}: it has no submit"
        )
    return submit  # type: ignore[no-any-return]


class PoolExecutor(Executor):
    """A `multiprocessing.Pool` that gives futures.

    Parameters
    ----------
    pool
        The pool.
    """

    def __init__(self, pool: Pool) -> None:
        self.pool = pool

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """The future result of a call."""
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        self.pool.apply_async(
            fn, args, kwargs, callback=future.set_result, error_callback=future.set_exception
        )
        return future
