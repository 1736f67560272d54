"""The worker's shell against a scheduler's end that only writes down what it hears."""

from __future__ import annotations

import itertools
import math
import pickle
import queue
import threading

import pytest

from shoal.distributed.core.worker import machine
from shoal.distributed.core.worker.effects import Leave
from shoal.distributed.core.worker.table import Settings
from shoal.distributed.core.worker.table import Worker as Core
from shoal.distributed.net import Loop, Security, connect, listen
from shoal.distributed.node import watch
from shoal.distributed.node.context import get_worker, waiting
from shoal.distributed.node.spec import WorkerSpec
from shoal.distributed.node.worker import Worker
from shoal.distributed.protocol import (
    ROW_BITS,
    Answer,
    Beat,
    Call,
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
from shoal.errors import RemoteError
from shoal.serialize.exceptions import load_exception
from shoal.serialize.pickles import dumps, loads

NAMES = (f"worker-shell-{i}" for i in itertools.count())
WAIT_S = 60


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
                [i << ROW_BITS for i in range(n)],
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
    client.send(Put(7, [5], [1], ["x"], [Frames(frames.head)], [100], "one"))
    assert heard.get(timeout=WAIT_S)[0] == Answer(7)
    assert scheduler.next(Report).added == [5]
    client.send(Get(8, [5, 6], numbering="one"))
    data, buffers = heard.get(timeout=WAIT_S)
    assert isinstance(data, Data) and data.ids == [5] and not buffers
    assert loads(dumps([1, "two"])) == pickle.loads(data.frames[0].head)

    scheduler.run(worker, lambda: threading.Lock(), (6, ()))
    assert scheduler.reports(1) == [(6, None)]
    client.send(Get(9, [6], numbering="one"))
    data, buffers = heard.get(timeout=WAIT_S)
    error = load_exception(pickle.loads(buffers[data.frames[0].first]))
    assert not data.frames[0].head and "the result of 'key-6' cannot be pickled" in str(error)


def test_queued_work_is_given_back_and_running_work_interrupted(scheduler):
    SPINNING.clear()  # another test may have set them
    INTERRUPTED.clear()
    worker = scheduler.worker()
    scheduler.run(worker, spin, (1, ()))
    scheduler.run(worker, inc, (2, (1,)), (3, (1,)))
    assert SPINNING.wait(WAIT_S)
    worker.send(GiveBack([1, 2], [1, 1]))
    assert scheduler.reports(1) == [(2, "returned")]
    worker.send(CancelRuns([1], [1]))
    assert sorted(scheduler.reports(2)) == [(1, "returned"), (3, 2)]
    assert INTERRUPTED.wait(WAIT_S)


SPINNING, INTERRUPTED = threading.Event(), threading.Event()


def spin():
    try:
        SPINNING.set()
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


# --- memory and disk ----------------------------------------------------------------------------


MIB = 1 << 20


def block(value):
    return bytes([value]) * MIB


def spilling(scheduler, **more):
    """A worker with 40 results of 1 MiB, of which its limit allows 15 in memory."""
    worker = scheduler.worker(memory_limit=25 * MIB, spill=0, pause=0, **more)
    scheduler.run(worker, block, *[(i, (i,)) for i in range(1, 41)])
    scheduler.reports(40)
    return worker


def on_disk(worker):
    return worker.core.spilled // MIB


def until(worker, condition):
    """Wait, in turns of the worker's loop, until something holds."""
    done = threading.Event()

    def look():
        if condition():
            done.set()
        else:
            worker.loop.call_later(0.005, look)

    worker.loop.call_threadsafe(look)
    assert done.wait(WAIT_S)


def test_results_are_spilled_and_come_back(scheduler):
    worker = spilling(scheduler)
    files = worker.folder / "spilled"
    until(worker, lambda: 24 <= on_disk(worker) == len(list(files.iterdir())))
    scheduler.run(worker, lambda *blocks: [b[0] for b in blocks], (50, None, (1, 2, 40)))
    assert scheduler.reports(1) == [(50, [1, 2, 40])]
    worker.send(Drop(list(range(1, 51))))
    until(worker, lambda: not worker.disks.disk.sizes and not list(files.iterdir()))


def test_a_damaged_file_is_a_lost_result_and_never_wrong_data(scheduler):
    worker = spilling(scheduler)
    until(worker, lambda: on_disk(worker) >= 24 and not worker.core.spilling)
    path = worker.folder / "spilled" / "1.spill"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    scheduler.run(worker, len, (50, None, (1,)))
    report = scheduler.next(Report)
    [(number, why)] = report.gone
    assert number == 1 and str(path) in why
    assert report.returned == [(50, 1)]


def test_a_full_disk_loses_nothing(scheduler):
    worker = spilling(scheduler, spill_quota=MIB // 20)
    until(worker, lambda: worker.core.disk_full_until > 0 and not worker.core.spilling)
    scheduler.run(worker, lambda *blocks: sum(map(len, blocks)), (50, None, tuple(range(1, 41))))
    assert scheduler.reports(1) == [(50, 40 * MIB)]


def test_spilled_results_are_served_from_disk(scheduler):
    one, two = spilling(scheduler), scheduler.worker()
    until(one, lambda: on_disk(one) >= 24 and not one.core.spilling)
    scheduler.run(
        two,
        lambda b: b[0],
        (90, None, (1,)),
        remote=[1],
        where=[[1]],
        nbytes=[MIB],
        peers=[Peer(1, one.address, "one")],
    )
    while not (report := scheduler.next(Report)).ids:
        pass
    assert loads_or_none(report.values[0]) == 1


# --- what tasks can do --------------------------------------------------------------------------


async def double(x):
    return 2 * x


def test_coroutines(scheduler):
    worker = scheduler.worker()
    scheduler.run(worker, double, (1, (4,)))
    assert scheduler.reports(1) == [(1, 8)]


def test_a_task_that_waits_lends_its_slot(scheduler):
    worker = scheduler.worker()
    scheduler.run(worker, wait_for_other, (1, ()))
    assert scheduler.next(Report).seceded == [(1, 1)]
    scheduler.run(worker, go, (2, ()))
    found = []
    while len(found) < 2:
        # That it has its slot again need not be told when it ends at once.
        found += scheduler.next(Report).ids
    assert found == [2, 1]


GO = threading.Event()


def go():
    GO.set()


def wait_for_other():
    with waiting():
        GO.wait(WAIT_S)
    return get_worker().name


def test_named_executors(scheduler):
    worker = scheduler.worker(executors={"gpu": 1})
    options = [(0, Options(executor="gpu"))]
    scheduler.run(worker, thread_name, (1, ()), options=options)
    scheduler.run(worker, thread_name, (2, ()))
    assert dict(scheduler.reports(2)) == {1: "shoal-task-gpu", 2: "shoal-task-default"}


def thread_name():
    return threading.current_thread().name


def test_errors_in_odd_places(scheduler):
    worker = scheduler.worker()
    scheduler.run(worker, exit_, (1, ()))
    ((_, error),) = scheduler.reports(1)
    assert isinstance(error, SystemExit)
    scheduler.run(worker, Unpicklable, (2, ()))
    assert scheduler.reports(1) == [(2, None)]
    scheduler.run(worker, OddError.throw, (3, ()))
    ((_, error),) = scheduler.reports(1)
    assert isinstance(error, RemoteError)


def exit_():
    raise SystemExit(3)


class Unpicklable:
    def __reduce__(self):
        raise ArithmeticError("never")


class OddError(Exception):
    def __init__(self, one, two):
        super().__init__(one)

    def __str__(self):
        raise RuntimeError("no words")

    @staticmethod
    def throw():
        raise OddError(1, 2)


def test_calls(scheduler):
    worker = scheduler.worker()
    worker.send(Call(1, "worker.run", {"data": bytes(dumps((whoami, (), {})).head)}))
    status, data = scheduler.next(Answer).value
    assert (status, pickle.loads(data)) == ("ok", worker.name)
    worker.send(Call(2, "nonsense"))
    assert scheduler.next(Answer).error[0] == "ValueError"
    worker.send(Call(3, "upload_file", {"name": "shoal_test_upload.py", "data": b"x = 5"}))
    assert scheduler.next(Answer).value["status"] == "OK"
    worker.send(Call(4, "plugin.setup", {"name": "p", "data": bytes(dumps(Plugin()).head)}))
    assert scheduler.next(Answer).value[0] == "ok"
    assert worker.marked
    worker.send(Call(5, "close"))
    assert scheduler.next(Answer).value is True
    assert worker.closed.wait(WAIT_S)
    assert not worker.folder.exists()


def whoami(dask_worker):
    return dask_worker.name


class Plugin:
    def setup(self, worker):
        worker.marked = True


def test_actors(scheduler):
    worker = scheduler.worker()
    scheduler.run(worker, Counter, (1, ()), options=[(0, Options(actor=True))])
    assert scheduler.next(Report).failed == []
    for request in (1, 2):
        args = {"key": "key-1", "name": "add", "data": pickle.dumps(((5,), {}))}
        worker.send(Call(request, "actor.call", args))
        assert pickle.loads(scheduler.next(Answer).frames.head) == 5 * request
    worker.send(Call(3, "actor.get", {"key": "key-1", "name": "total"}))
    assert pickle.loads(scheduler.next(Answer).frames.head) == 10
    args = {"key": "key-1", "name": "add", "data": pickle.dumps((("x",), {}))}
    worker.send(Call(4, "actor.call", args))
    answer = scheduler.next(Answer)
    assert answer.error[0] == "TypeError"
    worker.send(Drop([1]))
    worker.send(Call(5, "actor.get", {"key": "key-1", "name": "total"}))
    assert "no actor" in scheduler.next(Answer).error[1]


class Counter:
    total = 0

    def add(self, by):
        self.total += by
        return self.total


def test_a_worker_whose_memory_stays_full_tells_clients_once(scheduler, monkeypatch):
    monkeypatch.setattr(watch, "STUCK_S", 0.0)
    monkeypatch.setattr(watch, "stays_full", lambda core: f"{core.settings.name} stays full")
    worker = scheduler.worker()
    call = scheduler.next(Call)
    assert call.method == "events.log"
    assert call.args == {"topic": "warn", "value": {"text": f"{worker.name} stays full"}}
    assert worker.complaints.full_since == math.inf


def test_a_worker_that_could_not_start_ends(scheduler):
    loop = Loop()
    thread = loop.start("fake-worker")
    name = next(NAMES)
    spec = WorkerSpec(
        name, scheduler.listener.address, f"inproc://{name}", preload=("no_such_module",)
    )
    worker = Worker(loop, spec, scheduler.security)
    with pytest.raises(ModuleNotFoundError):
        worker.start()
    worker.close("it could not start")
    assert worker.closed.wait(WAIT_S)
    loop.stop()
    thread.join(WAIT_S)


class Slow:
    """A plugin that takes its time."""

    def __init__(self, mark):
        self.mark = mark

    def setup(self, worker):
        TURN[self.mark].wait(WAIT_S)
        worker.marks = [*getattr(worker, "marks", ()), self.mark]


TURN = {"first": threading.Event(), "second": threading.Event()}
TURN["second"].set()


def test_plugins_of_a_worker_that_comes_are_set_up_in_order_before_its_first_task(scheduler):
    TURN["first"].clear()
    worker = scheduler.worker()
    for mark in TURN:
        args = {"name": mark, "kind": "worker", "data": pickle.dumps(Slow(mark))}
        worker.send(Call(0, "plugin.setup", args))
    scheduler.run(worker, lambda: get_worker().marks, (1, ()))
    worker.send(Call(5, "versions", {}))
    assert scheduler.next(Answer).request == 5
    TURN["first"].set()
    assert scheduler.reports(1) == [(1, ["first", "second"])]


@pytest.mark.parametrize("was_taken", [False, True])
def test_who_was_taken_once_is_not_refused_by_a_scheduler_that_ends(was_taken):
    core = Core(Settings("a", "inproc://a", 1))
    machine.connected(core, 1, "scheduler", 0.0)
    if was_taken:
        machine.received(core, 1, Welcome(0, "one"), [], 0.0)
    machine.closed(core, 1, "reset", 0.0)
    machine.connected(core, 2, "scheduler", 0.0)
    machine.received(core, 2, Goodbye("it ends"), [], 0.0)
    [left] = [effect for effect in machine.drain(core, 0.0) if isinstance(effect, Leave)]
    assert left == Leave("it ends", is_refused=not was_taken)
