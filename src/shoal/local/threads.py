"""Run a plan on threads of this process.

Every worker thread runs the same loop: take the ready task of best priority, run it, record its
effects.  The main thread waits, so that it can report an error or Ctrl-C whatever the workers
are doing.  Any other calling thread works along: it may itself be running a task, and nested
computations that only waited could fill the pool and wait for each other.

A lock taken for each task would be worse than the tasks: with tiny tasks the threads would hand
it (and the interpreter lock) to and fro at 10-20 us a time.  So the shared structures are used
through operations that are atomic in CPython (``list.pop``, ``deque.append``, ``heappop`` of
integers), and only the counting of what a finished task sets free needs one thread at a time.
That is done by *flat combining* (Hendler, Incze, Shavit, Tzafrir: "Flat combining and the
synchronization-parallelism tradeoff", SPAA 2010): a worker appends the task's id to ``finished``
and tries the lock; whoever has it counts for all.  Nobody ever waits for that lock.

A ready task is its priority, an integer, and ``order`` leads from there to the id.  Tasks
that need nothing are ready from the start: a list sorted beforehand, so that a million of them
cost no heap operation.
"""

from __future__ import annotations

import contextvars
import functools
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from heapq import heappop, heappush
from typing import Any

from shoal.errors import ExecutorError
from shoal.graph.plan import Plan
from shoal.local.blas import ALONE_S, Tell, shared_blas
from shoal.local.callbacks import observe
from shoal.local.cpus import CPU_COUNT
from shoal.local.failure import add_note, mark_failed

__all__ = ["run_threads"]

GRACE_S = 1.0
"""How long a failed run waits for the tasks that are still running.

Rejected: raising an exception inside of them (``PyThreadState_SetAsyncExc``).  It may arrive
between any two instructions, so it tears locks that are written in Python, the user's and the
standard library's (logging, thread pools): the program would hang later, somewhere else.
"""


def run_threads(
    plan: Plan,
    *,
    num_workers: int | None = None,
    pool: Any = None,
    callbacks: Iterable[Any] = (),
) -> list[Any]:
    """Run a plan on threads.

    Parameters
    ----------
    plan
        What to run.
    num_workers
        Threads that run tasks at the same time, this one included; default the number of CPUs
        that this process may use.
    pool
        A `concurrent.futures.Executor` of threads, or a `multiprocessing.pool.ThreadPool`, whose
        threads run the tasks instead.
    callbacks
        Observers besides the registered ones.

    Returns
    -------
    list
        Results of ``plan.wanted``, in that order.

    Examples
    --------
    >>> from shoal.graph.legacy import plan_from_dict
    >>> run_threads(plan_from_dict({"x": 1, "y": (max, "x", 5)}, ["y", "x"]))
    [5, 1]
    """
    check_workers(num_workers)
    with observe(plan, callbacks) as observer:
        run = ThreadedRun(observer.wrapped() if observer else plan)
        if pool is None:
            workers, submit = num_workers or CPU_COUNT, None
        else:
            workers, submit = num_workers or size_of(pool), run.watched(submitter(pool))
        with shared_blas(min(workers, len(plan))) as run.tell:
            run.go(submit or shared_pool(workers).submit, workers)
        if run.error is not None:
            raise run.take_error()
        return [run.results[i] for i in run.plan.wanted]


def check_workers(num_workers: Any) -> None:
    """Refuse a number of workers that is none.

    >>> check_workers(-1)
    Traceback (most recent call last):
    ...
    ValueError: num_workers must be an int of at least 1, got -1
    """
    if num_workers is not None and (not isinstance(num_workers, int) or num_workers < 1):
        raise ValueError(f"num_workers must be an int of at least 1, got {num_workers!r}")


class ThreadedRun:
    """The shared state of one run, and the loop of its workers.

    Parameters
    ----------
    plan
        What to run.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        order, deps = plan.order, plan.deps
        n = len(plan)
        self.results: list[Any] = [None] * n
        self.dependents = plan.dependents
        self.uses = plan.uses()
        self.missing = list(map(len, deps))
        if isinstance(order, range):
            self.rank: Any = order
            self.sources = [i for i in range(n - 1, -1, -1) if not deps[i]]
        else:
            self.rank = rank = [0] * n
            for position, i in enumerate(order):
                rank[i] = position
            self.sources = [r for r in range(n - 1, -1, -1) if not deps[order[r]]]
        self.ready: list[int] = []
        self.finished: deque[int] = deque()
        self.combining = threading.Lock()
        self.left = n
        self.done = not n
        self.parked: deque[Any] = deque()
        self.waiting: deque[Any] = deque()
        self.gate = threading.Lock()
        self.inside = 0
        self.failed_task: int | None = None
        self.error: BaseException | None = None
        self.workers = 0
        self.tell: Tell | None = None
        self.told = 0
        self.busy: set[int] = set()

    def go(self, submit: Callable[[Callable[[], None]], Any], workers: int) -> None:
        """Run everything, or until something fails.

        Parameters
        ----------
        submit
            Hands a function to a thread of the pool.
        workers
            How many threads to use.
        """
        workers = self.workers = min(workers, len(self.plan))
        try:
            if threading.current_thread() is threading.main_thread():
                for _ in range(workers):
                    submit(self.help_in_context())
                while not self.done:
                    self.park()
            else:
                for _ in range(workers - 1):
                    submit(self.help_in_context())
                self.help()
        except BaseException as error:
            self.fail(error, None)
        if self.error is not None:
            self.close()

    def watched(self, submit: Callable[[Callable[[], None]], Any]) -> Callable[..., Any]:
        """Hand functions to a pool of somebody else's, and hear when it does not run them."""

        def watch(future: Any) -> None:
            if future.cancelled():
                self.fail(ExecutorError("the pool cancelled what it was given to run"), None)
            elif future.exception() is not None:
                self.fail(future.exception(), None)

        def hand_over(work: Callable[[], None]) -> None:
            future = submit(work)
            if hasattr(future, "add_done_callback"):
                future.add_done_callback(watch)

        return hand_over

    def help_in_context(self) -> Callable[[], None]:
        """`help`, with the caller's context variables: tasks see what the caller would see."""
        return functools.partial(contextvars.copy_context().run, self.help)

    def help(self) -> None:
        """What a worker does: enter, work, leave."""
        with self.gate:
            if self.done:
                return
            self.inside += 1
        try:
            self.work()
        except BaseException as error:
            self.fail(error, None)
        finally:
            self.leave()

    def leave(self) -> None:
        """One worker less; the last one lets those who wait see it."""
        with self.gate:
            self.inside -= 1
        if self.done and not self.inside:
            self.end()

    def work(self) -> None:
        """Run ready tasks until there are none and there will be none."""
        plan, results, ready, sources = self.plan, self.results, self.ready, self.sources
        funcs, args, deps, order = plan.funcs, plan.args, plan.deps, plan.order
        finished, dependents, result_of = self.finished, self.dependents, results.__getitem__
        missing, uses, combine = self.missing, self.uses, self.make_combine()
        tell, busy, me = self.tell, self.busy, threading.get_ident()
        i, steps = -1, 0
        while not self.done:
            if i < 0:
                busy.discard(me)
                try:
                    if ready and (not sources or ready[0] < sources[-1]):
                        i = order[heappop(ready)]
                    elif sources:
                        i = order[sources.pop()]
                    else:
                        self.park(idle=True)
                        continue
                except IndexError:
                    # Another thread was faster.
                    continue
            func, arg = funcs[i], args[i]
            if tell is not None and func is not None:
                busy.add(me)
                # While there is more to do nobody is idle for long.
                active = self.workers if ready or sources else len(busy)
                if active != self.told:
                    self.told = active
                    tell(active)
            try:
                if func is None:
                    results[i] = arg
                elif arg is None:
                    results[i] = func(*map(result_of, deps[i]))
                elif type(arg) is tuple:
                    results[i] = func(*arg)
                else:
                    positional, keywords = arg.fill([results[j] for j in deps[i]])
                    results[i] = func(*positional, **keywords)
                    del positional, keywords
            except BaseException as error:
                # Without this frame, which would keep every live result alive.
                trace = error.__traceback__
                self.fail(error.with_traceback(trace and trace.tb_next), i)
                return
            readers, needs = dependents[i], deps[i]
            if len(readers) == len(needs) == 1 and not ready and not sources:
                j, k = readers[0], needs[0]
                if missing[j] == 1 and uses[k] == 1:
                    # One step of a chain, and nothing else to do: only this thread can touch
                    # these two counts, so it need not ask.
                    missing[j] = uses[k] = 0
                    results[k] = None
                    steps += 1
                    i = j
                    continue
            if steps:
                finished.append(-steps)
                steps = 0
            finished.append(i)
            # What nobody waits for is counted when there is nothing else to do (`park`).
            i = combine() if readers or needs else -1

    def make_combine(self) -> Callable[[], int]:
        """The function that counts what finished tasks set free, unless another thread is at it.

        It returns a task for the caller to run next, or -1: one that was set free and comes before
        all others need not be put on the heap and taken from it again.  A closure, because
        looking up a dozen attributes would cost as much as the rest; each worker has its own, so
        that the run does not refer to itself and its results go with it.
        """
        finished, lock, missing, uses = self.finished, self.combining, self.missing, self.uses
        rank, ready, sources, parked = self.rank, self.ready, self.sources, self.parked
        deps, dependents, order = self.plan.deps, self.dependents, self.plan.order
        results, wake, end = self.results, self.wake, self.end
        acquire, release, next_finished = lock.acquire, lock.release, finished.popleft

        def combine() -> int:
            mine = -1
            # Asked again after the lock is released: a task may have finished in between.
            while finished and acquire(False):
                fresh = ended = 0
                try:
                    while finished:
                        i = next_finished()
                        if i < 0:
                            # So many steps of a chain, which are counted.
                            ended -= i
                            continue
                        ended += 1
                        for j in dependents[i]:
                            left = missing[j] = missing[j] - 1
                            if left:
                                continue
                            at = rank[j]
                            fresh += 1
                            try:
                                first = mine if mine >= 0 else at + 1
                                if (
                                    at < first
                                    and (not ready or at < ready[0])
                                    and (not sources or at < sources[-1])
                                ):
                                    at, mine = mine, at
                            except IndexError:
                                # Another thread took the last one meanwhile.
                                pass
                            if at >= 0:
                                heappush(ready, at)
                        for j in deps[i]:
                            left = uses[j] = uses[j] - 1
                            if not left:
                                results[j] = None
                finally:
                    self.left -= ended
                    release()
                if not self.left:
                    end()
                elif parked and (fresh > 1 or (fresh and sources)):
                    # This thread takes one of them itself.
                    wake(fresh)
            return order[mine] if mine >= 0 else -1

        return combine

    def park(self, *, idle: bool = False, timeout_s: float = -1) -> None:
        """Sleep until somebody has a reason to wake this thread.

        Parameters
        ----------
        idle
            The thread is a worker, so anything to do is a reason; else only the end is.
        timeout_s
            How long at most; -1 for ever.
        """
        parking = threading.Lock()
        parking.acquire()
        queue = self.parked if idle else self.waiting
        queue.append(parking)
        # Looked at again after the place in the queue is visible: whoever makes work or comes to
        # the end from here on sees it.
        ended = self.done and (idle or not self.inside or timeout_s < 0)
        if ended or (idle and (self.ready or self.sources or self.finished)):
            try:
                queue.remove(parking)
            except ValueError:
                pass
            i = self.make_combine()()
            if i >= 0:
                heappush(self.ready, self.rank[i])
            return
        if idle and self.tell is not None:
            if parking.acquire(timeout=ALONE_S):
                return
            # Who runs on alone may have much left to do.
            self.told = max(1, len(self.busy))
            self.tell(self.told)
        parking.acquire(timeout=timeout_s)

    def end(self) -> None:
        """Let everybody see that there is nothing left to do."""
        self.done = True
        self.wake(len(self.parked))
        self.wake(len(self.waiting), self.waiting)

    def wake(self, most: int, queue: deque[Any] | None = None) -> None:
        """Wake up to ``most`` idle workers, or threads of another queue."""
        queue = self.parked if queue is None else queue
        for _ in range(most):
            try:
                queue.popleft().release()
            except IndexError:
                return

    def fail(self, error: BaseException, i: int | None) -> None:
        """Remember the first error and let everybody stop."""
        with self.gate:
            if self.error is None:
                self.error, self.failed_task = error, i
            self.done = True
        self.end()

    def close(self) -> None:
        """After an error, wait a little for the tasks that are still running."""
        assert self.error is not None
        limit = time.monotonic() + GRACE_S
        while self.inside and (left := limit - time.monotonic()) > 0:
            self.park(timeout_s=left)
        if self.inside:
            add_note(
                self.error,
                f"shoal: {self.inside} task(s) were still running {GRACE_S:g} s after this error; "
                "threads cannot be stopped, so they end in the background",
            )
        self.results = []

    def take_error(self) -> BaseException:
        """The error to raise; the run forgets it, so that no reference cycle stays."""
        error, i = self.error, self.failed_task
        assert error is not None
        self.error = None
        if i is None:
            return error
        return mark_failed(error, self.plan.keys[i], self.plan.funcs[i])


_pools: dict[int, ThreadPoolExecutor] = {}
_pools_lock = threading.Lock()


def shared_pool(size: int) -> ThreadPoolExecutor:
    """The pool of ``size`` threads that all runs of this process share."""
    pool = _pools.get(size)
    if pool is None:
        with _pools_lock:
            pool = _pools.get(size)
            if pool is None:
                pool = _pools[size] = ThreadPoolExecutor(size, thread_name_prefix="shoal")
    return pool


def _forget_pools() -> None:
    # A forked child has the pools' books but not their threads.
    global _pools_lock
    _pools.clear()
    _pools_lock = threading.Lock()


os.register_at_fork(after_in_child=_forget_pools)


def submitter(pool: Any) -> Callable[[Callable[[], None]], Any]:
    """How to hand a function to a pool of somebody else's."""
    for name in ("submit", "apply_async"):
        method = getattr(pool, name, None)
        if method is not None:
            return method  # type: ignore[no-any-return]
    raise TypeError(
        f"pool must be a concurrent.futures.Executor or a multiprocessing ThreadPool, "
        f"got {type(pool).__name__}: it has neither submit nor apply_async"
    )


def size_of(pool: Any) -> int:
    """How many threads a pool has; the number of CPUs when it does not tell."""
    for name in ("_max_workers", "_processes"):
        size = getattr(pool, name, None)
        if isinstance(size, int):
            return size
    return CPU_COUNT
