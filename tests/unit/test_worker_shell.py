"""The worker's shell against a scheduler's end that only writes down what it hears."""

from __future__ import annotations

import itertools
import pickle
import queue
import threading

import pytest

from shoal.distributed.net import Loop, Security, connect, listen
from shoal.distributed.node.spec import WorkerSpec
from shoal.distributed.node.worker import Worker
from shoal.distributed.protocol import (
    Answer,
    Beat,
    CancelRuns,
    Data,
    Drop,
    Frames,
    Get,
    GiveBack,
    Goodbye,
    Options,
    Peer,
    Put,
    Register,
    Report,
    Run,
    Welcome,
)
from shoal.serialize.exceptions import load_exception
from shoal.serialize.pickles import dumps, loads

NAMES = (f"worker-shell-{i}" for i in itertools.count())
WAIT_S = 20


class Scheduler:
    """The other end of a worker's connection."""

    def __init__(self):
        self.loop = Loop()
        self.thread = self.loop.start("fake-scheduler")
        self.security = Security.new()
        self.heard = queue.Queue()
        self.connections = {}
        self.workers = []
        name = next(NAMES)
        self.listener = listen(
            self.loop,
            f"inproc://{name}",
            security=self.security,
            role="scheduler",
            on_connection=self.accept,
        )
        self.codes = 0

    def accept(self, connection):
        connection.on_message = self.hear

    def hear(self, connection, message, buffers):
        if isinstance(message, Register):
            self.connections[message.name] = connection
            connection.send(Welcome(len(self.connections), "one"))
        if not isinstance(message, Beat | Goodbye):
            self.heard.put((message, buffers))

    def worker(self, nthreads=1, **more):
        loop = Loop()
        loop.start("fake-worker")
        name = next(NAMES)
        more = {"memory_limit": 0, "nanny": False, "profile_s": 0, **more}
        spec = WorkerSpec(name, self.listener.address, f"inproc://{name}", nthreads, **more)
        worker = Worker(loop, spec, self.security)
        self.workers.append((worker, loop))
        worker.start()
        assert self.next(Register).name == name
        worker.send = self.connections[name].send
        return worker

    def next(self, kind):
        message, buffers = self.heard.get(timeout=WAIT_S)
        assert isinstance(message, kind), message
        self.buffers = buffers
        return message

    def reports(self, count):
        """Reports until they speak of so many ends, as one list of (id, what)."""
        found = []
        while len(found) < count:
            report = self.next(Report)
            found += [(i, loads_or_none(v)) for i, v in zip(report.ids, report.values)]
            found += [(i, load_error(kind, data)) for i, _, kind, data, _ in report.failed]
            found += [(i, "returned") for i, _ in report.returned]
        return found

    def run(self, worker, func, *rows, **more):
        """Run tasks ``(id, args, deps)`` of one function."""
        self.codes += 1
        n = len(rows)
        worker.send(
            Run(
                [row[0] for row in rows],
                [1] * n,
                [f"key-{row[0]}" for row in rows],
                [self.codes] * n,
                [b"" if row[1] is None else pickle.dumps(row[1]) for row in rows],
                [row[2] if len(row) > 2 else () for row in rows],
                list(range(n)),
                [True] * n,
                [(self.codes, b"digest", bytes(dumps((func,)).head))],
                **more,
            )
        )

    def close(self):
        for worker, _ in self.workers:
            worker.close()
        for worker, loop in self.workers:
            assert worker.closed.wait(WAIT_S)
            loop.stop()
        self.loop.stop()
        self.thread.join(WAIT_S)


def loads_or_none(value):
    return None if value is None else pickle.loads(value)


def load_error(kind, data):
    return load_exception(pickle.loads(data)) if kind == "raised" else (kind, bytes(data).decode())


@pytest.fixture
def scheduler():
    made = Scheduler()
    yield made
    made.close()


def inc(x):
    return x + 1


def test_runs_and_reports_small_results(scheduler):
    worker = scheduler.worker()
    scheduler.run(worker, inc, *[(i, (i,)) for i in range(100)])
    assert sorted(scheduler.reports(100)) == [(i, i + 1) for i in range(100)]


def test_results_are_inputs_of_later_tasks(scheduler):
    worker = scheduler.worker()
    scheduler.run(worker, inc, (1, (1,)), (2, None, (1,)), (3, None, (2,)))
    assert scheduler.reports(3) == [(1, 2), (2, 3), (3, 4)]
    worker.send(Drop([1, 2, 3]))
    scheduler.run(worker, inc, (4, (10,)))
    assert scheduler.reports(1) == [(4, 11)]
    assert list(worker.store.values) == [4]


def test_failures_name_the_task_and_show_the_users_frames_only(scheduler):
    worker = scheduler.worker()
    scheduler.run(worker, lambda x: 1 // x, (1, (0,)))
    ((_, error),) = scheduler.reports(1)
    assert isinstance(error, ZeroDivisionError)
    assert "'key-1'" in error.__notes__[0]
    assert error.__traceback__.tb_frame.f_code.co_name == "<lambda>"


def test_a_function_that_cannot_be_unpickled_fails_its_tasks_only(scheduler):
    worker = scheduler.worker()
    message = Run([1], [1], ["k"], [9], [b""], [()], [0], [True], [(9, b"", b"garbage")])
    worker.send(message)
    ((_, error),) = scheduler.reports(1)
    assert any("could not be unpickled" in note for note in error.__notes__)
    scheduler.run(worker, inc, (2, (1,)))
    assert scheduler.reports(1) == [(2, 2)]


def test_inputs_come_from_other_workers(scheduler):
    one, two = scheduler.worker(), scheduler.worker()
    scheduler.run(one, lambda n: bytes(n), (1, (200_000,)), (2, (10,)))
    scheduler.reports(2)
    scheduler.run(
        two,
        lambda a, b: len(a) + len(b),
        (3, None, (1, 2)),
        remote=[1, 2],
        where=[[1], [1]],
        nbytes=[200_000, 10],
        peers=[Peer(1, one.address, "one")],
    )
    report = scheduler.next(Report)
    while not report.ids:
        assert report.added
        report = scheduler.next(Report)
    assert loads_or_none(report.values[0]) == 200_010


def test_serves_and_takes_results(scheduler):
    worker = scheduler.worker()
    heard = queue.Queue()
    opened = queue.Queue()

    def open_(connection):
        connection.on_message = lambda c, m, b: heard.put((m, b))
        opened.put(connection)

    connect(
        scheduler.loop,
        worker.address,
        security=scheduler.security,
        role="client",
        on_open=open_,
        on_error=opened.put,
    )
    client = opened.get(timeout=WAIT_S)
    frames = dumps([1, "two"])
    client.send(Put(7, [5], [1], ["x"], [Frames(frames.head)], [100]))
    assert heard.get(timeout=WAIT_S)[0] == Answer(7)
    assert scheduler.next(Report).added == [5]
    client.send(Get(8, [5, 6]))
    data, buffers = heard.get(timeout=WAIT_S)
    assert isinstance(data, Data) and data.ids == [5] and not buffers
    assert loads(dumps([1, "two"])) == pickle.loads(data.frames[0].head)

    scheduler.run(worker, lambda: threading.Lock(), (6, ()))
    assert scheduler.reports(1) == [(6, None)]
    client.send(Get(9, [6]))
    data, buffers = heard.get(timeout=WAIT_S)
    error = load_exception(pickle.loads(buffers[data.frames[0].first]))
    assert not data.frames[0].head and "the result of 'key-6' cannot be pickled" in str(error)


def test_queued_work_is_given_back_and_running_work_interrupted(scheduler):
    worker = scheduler.worker()
    scheduler.run(worker, spin, (1, ()))
    scheduler.run(worker, inc, (2, (1,)), (3, (1,)))
    SPINNING.wait(WAIT_S)
    worker.send(GiveBack([1, 2], [1, 1]))
    assert scheduler.reports(1) == [(2, "returned")]
    worker.send(CancelRuns([1], [1]))
    assert sorted(scheduler.reports(2)) == [(1, "returned"), (3, 2)]
    assert INTERRUPTED.wait(WAIT_S)


SPINNING, INTERRUPTED = threading.Event(), threading.Event()


def spin():
    SPINNING.set()
    try:
        while True:
            pass
    except BaseException:
        INTERRUPTED.set()
        raise


def test_a_time_limit(scheduler):
    worker = scheduler.worker()
    scheduler.run(worker, spin, (1, ()), options=[(0, Options(timeout_s=0.05))])
    ((_, (kind, text)),) = scheduler.reports(1)
    assert kind == "timeout" and "'key-1' ran longer than its timeout of 0.05 s" in text
