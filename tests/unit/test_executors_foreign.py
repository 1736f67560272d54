"""Plans on executors of somebody else's: threads, processes, pools, and ones we never heard of."""

from __future__ import annotations

import functools
import multiprocessing
import os
import sys
import threading
import traceback
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing.pool import ThreadPool

import cloudpickle
import pytest

from shoal.errors import SerializationError, WorkerDiedError
from shoal.graph.legacy import plan_from_dict
from shoal.local.callbacks import Callback
from shoal.local.foreign import Parcel, run_executor
from shoal.local.processes import run_processes

# The children need not find this module.
cloudpickle.register_pickle_by_value(sys.modules[__name__])


class Here(Executor):
    """Runs a call when it is submitted."""

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        return future


class Backwards(Executor):
    """Runs calls in pairs, the later one first."""

    def __init__(self):
        self.waiting = []

    def submit(self, fn, /, *args):
        future = Future()
        self.waiting.append((future, fn, args))
        if len(self.waiting) == 2:
            while self.waiting:
                late, func, arguments = self.waiting.pop()
                late.set_result(func(*arguments))
        return future

    _max_workers = 4


def process_pool():
    return ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork"))


def classic_pool():
    return multiprocessing.get_context("fork").Pool(2)


MAKERS = {
    "threads": lambda: ThreadPoolExecutor(2),
    "thread pool": lambda: ThreadPool(2),
    "processes": process_pool,
    "pool": classic_pool,
    "unknown": Here,
}


@pytest.fixture(params=MAKERS)
def executor(request):
    with MAKERS[request.param]() as made:
        yield made


@pytest.fixture(params=["processes", "pool"])
def processes(request):
    with MAKERS[request.param]() as made:
        yield made


def run(graph, keys, executor, **options):
    return run_executor(plan_from_dict(graph, keys), executor, **options)


def tree(n):
    offset = 0.5
    graph = {("x", i): (lambda i: i + offset, i) for i in range(n)}
    graph.update({("s", i): (sum, [("x", k) for k in range(i, i + 10)]) for i in range(0, n, 10)})
    graph["total"] = (sum, [("s", i) for i in range(0, n, 10)])
    graph["text"] = (str, "total")
    return graph


@pytest.mark.parametrize("chunksize", [None, 3])
def test_results(executor, chunksize):
    results = run(tree(200), ["text", "total", ("x", 3)], executor, chunksize=chunksize)
    assert results == [str(20_000.0), 20_000.0, 3.5]


def test_results_that_come_back_out_of_order():
    graph = {("x", i): (lambda i: i * i, i) for i in range(6)}
    keys = list(graph)
    assert run(graph, keys, Backwards(), chunksize=1) == [i * i for i in range(6)]


def test_unknown_executors_in_this_process_need_no_pickling():
    lock = threading.Lock()
    assert run({"x": lock, "y": (id, "x")}, ["y"], Here()) == [id(lock)]


def test_the_pool_option_of_processes(processes):
    graph = {"x": (os.getpid,), "y": (lambda x: x, "x")}
    (pid,) = run_processes(plan_from_dict(graph, ["y"]), pool=processes)
    assert pid in {process.pid for process in multiprocessing.active_children()}
    assert run(graph, ["y"], processes) != [os.getpid()]


def test_an_exception_keeps_class_and_traceback_and_names_the_task(executor):
    class Special(Exception):
        pass

    def fail(x):
        raise Special(x)

    with pytest.raises(Special, match="1") as caught:
        run({"a": (abs, -1), "b": (fail, "a"), "c": (abs, "b")}, ["c"], executor)
    assert caught.value.__notes__ == [f"shoal: task 'b' ({fail.__qualname__}) failed"]
    last = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert (last.name, last.line) == ("fail", "raise Special(x)")


def test_nothing_is_submitted_after_an_error():
    ran = []

    def note(i):
        ran.append(i)
        if i == 3:
            raise ValueError

    with pytest.raises(ValueError):
        run(
            {f"t{i}": (note, i) for i in range(50)},
            [f"t{i}" for i in range(50)],
            Here(),
            chunksize=1,
        )
    assert 3 in ran
    assert len(ran) < 10


def test_what_cannot_be_pickled(processes):
    frame = sys._getframe()
    with pytest.raises(SerializationError, match=r"task 'bad'.*is a frame"):
        run({"good": (abs, -1), "bad": (lambda: frame,)}, ["good", "bad"], processes)
    with pytest.raises(SerializationError, match=r"its result .*is a lock") as caught:
        run({"good": (abs, -1), "bad": (threading.Lock,)}, ["good", "bad"], processes)
    assert "task 'bad'" in caught.value.__notes__[0]
    assert run({"good": (abs, -1)}, ["good"], processes) == [1]


def test_a_process_that_dies(processes):
    graph = {"x": (abs, -1), "y": (functools.partial(os._exit, 3),)}
    with pytest.raises(WorkerDiedError, match="'y'"):
        run(graph, ["x", "y"], processes)


def test_callbacks():
    seen = []
    listener = Callback(
        pretask=lambda key, *rest: seen.append(key),
        posttask=lambda key, result, *rest: seen.append(result),
    )
    with process_pool() as executor:
        run({"a": (abs, -1), "b": (lambda a: [a], "a")}, ["b"], executor, callbacks=[listener])
    assert seen == ["a", 1, "b", [1]]


def test_something_that_is_no_executor():
    with pytest.raises(TypeError, match="got int"):
        run({"x": (abs, -1)}, ["x"], 3)


def test_a_parcel_pickles_only_when_it_has_to():
    parcel = Parcel(threading.Lock())
    assert parcel.open() is parcel.content
    with pytest.raises(SerializationError, match="lock"):
        cloudpickle.dumps(parcel)
