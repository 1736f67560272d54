"""When a nanny starts its worker, with processes that are made up."""

from __future__ import annotations

import errno
import os
import pickle
import socket
import subprocess
import threading

import psutil
import pytest

from shoal.distributed.net import Loop, Security
from shoal.distributed.node import nanny as nannies
from shoal.distributed.node.nanny import Nanny
from shoal.distributed.node.process import in_time
from shoal.distributed.node.spec import WorkerSpec
from shoal.distributed.protocol import Answer, Call
from shoal.errors import AuthenticationError

WAIT_S = 60


class Connection:
    """Notes what is answered."""

    def __init__(self):
        self.heard = []
        self.news = threading.Semaphore(0)

    def send(self, message):
        self.heard.append(message)
        self.news.release()


class Plugin:
    """Does nothing, and may want the worker to be started again."""

    def __init__(self, restart):
        self.restart = restart


@pytest.fixture
def nanny():
    return Nanny(Loop(), WorkerSpec("a", "inproc://nobody", memory_limit=0), Security.new())


def test_a_restart_while_one_is_planned_starts_one_process(nanny, monkeypatch):
    started = []

    def fail(spec, security):
        started.append(spec.name)
        raise OSError("no process")

    monkeypatch.setattr(nannies, "Child", fail)
    nanny.is_greeted = True
    nanny.child = object()
    nanny.status = "starting"
    nanny._start()  # the one that was planned, after the one that was asked for
    assert not started and nanny.status == "starting"
    nanny.child = None
    nanny._start()
    assert started == ["a"] and "no process" in nanny.failure


def test_only_a_plugin_that_wants_it_restarts_the_worker(nanny, monkeypatch):
    restarts = []
    monkeypatch.setattr(nanny, "renew", lambda: restarts.append(1))
    nanny.is_greeted = True
    connection = Connection()
    for name, restart in (("one", True), ("two", False), ("one", True)):
        args = {"name": name, "data": pickle.dumps(Plugin(restart)), "idempotent": True}
        nannies.plugin_setup(nanny, connection, Call(1, "plugin.setup", args))
        assert connection.news.acquire(timeout=WAIT_S)
    assert [answer.value[0] for answer in connection.heard] == ["ok"] * 3
    assert len(restarts) == 1


def test_variables_that_a_plugin_sets_are_those_of_one_nanny():
    spec = WorkerSpec("a", "inproc://nobody", memory_limit=0, env={"A": "1"})
    one, other = (Nanny(Loop(), spec, Security.new()) for _ in range(2))
    one.env["B"] = "2"
    assert (one.spec.env, other.env, spec.env) == ({"A": "1", "B": "2"}, {"A": "1"}, {"A": "1"})


def test_a_nanny_that_finds_no_scheduler_says_so_and_ends_in_time(monkeypatch, caplog):
    spec = WorkerSpec("a", "inproc://nobody", memory_limit=0, leave_s=5.0)
    loop, now = Loop(), [100.0]
    monkeypatch.setattr(loop, "time", lambda: now[0])
    lonely = Nanny(loop, spec, Security.new())
    for now[0] in (100.0, 103.0):
        lonely._unreachable(OSError("nobody listens"))
    assert [r.getMessage() for r in caplog.records] == ["worker a: nobody listens"]
    assert not lonely.closed.is_set()
    now[0] = 105.5
    lonely._unreachable(OSError("nobody listens"))
    assert lonely.closed.is_set()
    assert "no scheduler has taken it for 5 s; nobody listens" in lonely.failure


def test_a_nanny_whose_worker_has_the_name_of_another_one_waits_says_so_and_ends_in_time(
    monkeypatch, caplog
):
    spec = WorkerSpec("a", "inproc://nobody", memory_limit=0, leave_s=5.0)
    loop, now, planned = Loop(), [100.0], []
    monkeypatch.setattr(loop, "time", lambda: now[0])
    monkeypatch.setattr(loop, "call_later", lambda *call: planned.append(call))
    nanny, taken = Nanny(loop, spec, Security.new()), "a worker named 'a' is there already"
    for now[0] in (100.0, 103.0, 105.5):
        connection = Dialed()
        nanny._opened(connection)
        nanny._received(connection, Answer(nanny._hellos, None, ("ValueError", taken)), [])
        assert connection.closed and nanny.child is None
        assert nanny.closed.is_set() == (now[0] > 105.0)
    assert planned == [(nannies.RETRY_S, nanny._dial)] * 2
    assert [r.getMessage() for r in caplog.records if r.levelname == "WARNING"] == [
        "worker a: a worker named 'a' is there already"
    ]
    assert nanny.failure.endswith(taken)


class Dialed(Connection):
    """May be closed."""

    closed = False

    def close(self):
        self.closed = True


def test_a_nanny_whose_secret_is_wrong_ends_at_once(nanny):
    nanny._unreachable(AuthenticationError("not this cluster's secret"))
    assert nanny.failure == "worker a could not be started: not this cluster's secret"


def test_a_nanny_that_was_known_outlives_a_scheduler_of_another_secret(nanny):
    nanny.is_greeted = True
    nanny._unreachable(AuthenticationError("not this cluster's secret"))
    assert not nanny.closed.is_set()


@pytest.mark.parametrize("what", ["subprocess.Popen", "os.pidfd_open"])
def test_a_process_that_cannot_be_started_leaves_nothing(what, tmp_path, monkeypatch, opened):
    def fail(*args, **kwargs):
        raise OSError("no process today")

    children = set(psutil.Process().children())
    monkeypatch.setattr(f"shoal.distributed.node.nanny.{what}", fail)
    spec = WorkerSpec("a", "inproc://nobody", memory_limit=0, local_directory=str(tmp_path))
    with pytest.raises(OSError, match="no process today"):
        nannies.Child(spec, Security.new())
    assert not opened()
    assert not list(tmp_path.iterdir())
    assert set(psutil.Process().children()) <= children


def test_a_process_that_is_killed_in_its_first_moment_has_died_as_any_other(monkeypatch, tmp_path):
    class Killed(subprocess.Popen):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.kill()
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)

    monkeypatch.setattr(nannies.subprocess, "Popen", Killed)
    monkeypatch.setattr(nannies, "pack_start", lambda *args: bytes(1 << 22))
    spec = WorkerSpec("a", "inproc://nobody", memory_limit=0, local_directory=str(tmp_path))
    child = nannies.Child(spec, Security.new())
    child.close()
    assert child.process.returncode == -9


def test_a_worker_that_has_run_is_tried_again_where_no_process_can_be_started(nanny, monkeypatch):
    def fail(spec, security):
        raise OSError("no descriptors are left")

    planned = []
    monkeypatch.setattr(nannies, "Child", fail)
    monkeypatch.setattr(nanny.loop, "call_later", lambda *call: planned.append(call))
    nanny.is_greeted = nanny._has_run = True
    for _ in range(nannies.RESTARTS):
        nanny._start()
    assert [call for _, call in planned] == [nanny._start] * nannies.RESTARTS
    assert planned[0][0] == 0.0 and planned[-1][0] == 5.0
    assert nanny.status == "restarting" and not nanny.failure


def test_the_worker_starts_when_the_plugins_that_were_there_before_are_set_up(nanny, monkeypatch):
    started = []
    monkeypatch.setattr(nanny, "_dial", lambda: None)
    monkeypatch.setattr(nannies, "Child", lambda spec, security: started.append(spec) or fail())
    monkeypatch.setattr(nanny, "renew", lambda: started.append("renewed"))

    def fail():
        raise OSError("no process")

    posted = []
    monkeypatch.setattr(nanny.loop, "call_threadsafe", lambda *call: posted.append(call))
    nanny._start()
    connection = Connection()
    args = {"name": "one", "data": pickle.dumps(Plugin(True))}
    nanny._received(connection, Call(0, "plugin.setup", args), [])
    nanny._received(connection, Answer(1), [])
    assert not started
    assert connection.news.acquire(timeout=WAIT_S)
    [(call, by)] = posted
    call(by)
    assert len(started) == 1 and started[0].name == "a"
    assert nanny.failure == "the worker's process could not be started: no process"


@pytest.mark.parametrize(("before", "after"), [("starting", "running"), ("closing", "closing")])
def test_an_address_that_comes_late_does_not_undo_a_close(nanny, before, after):
    class Late:
        """A process that says its address when it is heard."""

        address = error = ""
        said_all = False
        sock, other = socket.socketpair()

        def hear(self):
            self.address = "inproc://here"

    nanny.status = before
    nanny._heard(Late())
    assert nanny.status == after
    Late.sock.close()
    Late.other.close()


def test_what_has_no_descriptor_in_its_first_moment_is_tried_again():
    errors = [OSError(errno.EMFILE, "too many"), OSError(errno.ENFILE, "too many")]

    def find(name):
        if errors:
            raise errors.pop()
        return name

    assert in_time(find, "module") == "module"
    errors.append(OSError(errno.ENOENT, "no such file"))
    with pytest.raises(OSError, match="no such file"):
        in_time(find, "module")
