"""Run a plan on processes of this machine.

A worker process costs a tenth of a second to start, so workers are kept for the next run; a message
costs as much as fifty trivial tasks, so tasks travel in batches; a result costs its pickling, so it
stays bytes until somebody needs the object.

=====================  ==========================================================================
`process_books`        what exists and which task a worker gets next; no processes in it
`process_holdings`     which worker has which results
`process_run`          the loop that sends and receives, and what happens to failures
`process_pool`         starting worker processes, keeping and ending them
`process_worker`       what runs in a worker process
`process_wire`         messages over a socket, large objects in shared memory
`process_pace`         how many tasks to hand over at a time
=====================  ==========================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from shoal.graph.fuse import fuse
from shoal.graph.plan import Plan
from shoal.local.callbacks import observe
from shoal.local.cpus import CPU_COUNT
from shoal.local.foreign import run_executor
from shoal.local.process_pool import Kind, end_workers, get_context
from shoal.local.process_run import ProcessRun
from shoal.local.process_worker import is_worker
from shoal.local.sync import run_sync
from shoal.serialize.pickles import dumps

__all__ = ["end_workers", "get_context", "run_processes"]


def run_processes(
    plan: Plan,
    *,
    num_workers: int | None = None,
    pool: Any = None,
    chunksize: int | None = None,
    context: str | None = None,
    initializer: Callable[[], Any] | None = None,
    callbacks: Iterable[Any] = (),
) -> list[Any]:
    """Run a plan on processes.

    Parameters
    ----------
    plan
        What to run.  Linear chains of tasks are run as one task, unless somebody listens.
    num_workers
        Processes that run tasks at the same time; default the number of CPUs that this process
        may use.  What a task itself computes on processes runs inside of the task.
    pool
        A `concurrent.futures.Executor` or a `multiprocessing.Pool` whose processes run the tasks
        instead; the options below are then its own affair.
    chunksize
        Tasks to hand over at a time; default what takes about 10 ms, as measured.
    context
        How processes start: "spawn" (default), "forkserver" or "fork".
    initializer
        Called without arguments by each worker process when it starts.
    callbacks
        Observers besides the registered ones.

    Returns
    -------
    list
        Results of ``plan.wanted``, in that order.

    Raises
    ------
    SerializationError
        A function, argument or result cannot be pickled; the message names the task and the part.
    WorkerDiedError
        A worker process ended; the message names the task and the signal.
    ExecutorError
        Worker processes cannot be started.
    Exception
        What a task raised, with its traceback and a note that names the task.

    Examples
    --------
    >>> from shoal.graph.legacy import plan_from_dict
    >>> run_processes(plan_from_dict({"x": 1, "y": (max, "x", 5)}, ["y", "x"]), num_workers=1)
    [5, 1]
    """
    if pool is not None:
        return run_executor(plan, pool, callbacks=callbacks, chunksize=chunksize)
    if is_worker():
        # A task that computes: the processes there are have work already, and a task that
        # computes itself again would otherwise start two for each, and these two for each.
        return run_sync(plan, callbacks=callbacks)
    kind: Kind = (context or "spawn", initializer_bytes(initializer))
    get_context(kind[0])
    with observe(plan, callbacks) as observer:
        chosen = fuse(plan) if observer is None else observer.plan
        run = ProcessRun(chosen, num_workers or CPU_COUNT, kind, chunksize, observer)
        return run.run()


def initializer_bytes(initializer: Callable[[], Any] | None) -> bytes:
    """What tells initializers apart, and what the workers get."""
    if initializer is None:
        return b""
    frames = dumps(initializer, "the initializer")
    return bytes(dumps(frames).head) if frames.buffers else bytes(frames.head)
