"""Clusters that commands start: on this machine, on others, and as large as the load needs."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.distributed import Client, Event, LocalCluster, SSHCluster, SubprocessCluster
from shoal.distributed.core.demand import Load, Recommend, superfluous, workers_wanted
from shoal.distributed.deploy.adaptive import Adaptive
from shoal.distributed.deploy.commands import scheduler_command, worker_command
from shoal.distributed.deploy.hosts import SSHHost, ThisHost
from shoal.errors import MissingDependencyError

# -- commands ------------------------------------------------------------------------------------


def test_commands() -> None:
    assert scheduler_command("py", {"port": 0, "dashboard_address": ":0"}) == [
        *["py", "-m", "shoal.cli", "scheduler", "--port", "0"]
    ]
    options = {"threads_per_worker": 2, "memory_limit": "4 GB", "lifetime": None}
    assert worker_command("py", "a", options, "/x/cluster.json")[4:] == [
        *["--scheduler-file", "/x/cluster.json", "--name", "a"],
        *["--nthreads", "2", "--memory-limit", "4 GB"],
    ]


def test_subprocess_cluster() -> None:
    with (
        SubprocessCluster(
            n_workers=1, threads_per_worker=1, worker_kwargs={"nanny": False}
        ) as cluster,
        Client(cluster) as client,
    ):
        assert client.submit(abs, -1).result() == 1
        assert "SubprocessCluster" in repr(cluster)
        mine = client.run_on_scheduler(lambda: __import__("os").getpid())
        assert mine != __import__("os").getpid()
        cluster.scale(2)
        client.wait_for_workers(2, timeout=200)
        assert len(cluster.workers) == 2


def test_a_scheduler_that_cannot_start_says_why() -> None:
    with pytest.raises(RuntimeError, match=r"(?s)Scheduler failed to start.*'--port'"):
        SubprocessCluster(scheduler_port=-1, n_workers=0)


# -- ssh -----------------------------------------------------------------------------------------


class FakeSSH(ThisHost):
    """A machine that is this one, and remembers what it was asked."""

    made: list[FakeSSH] = []

    def __init__(self, name: str, login: dict) -> None:
        super().__init__()
        self.name, self.login, self.words, self.stdin = name, login, [], b""
        self.closed = False
        self.made.append(self)

    @classmethod
    async def connect(cls, name: str, **login) -> FakeSSH:
        return cls(name, login)

    async def start(self, words, stdin=b""):
        self.words, self.stdin = words, stdin
        return await super().start(words, stdin)

    async def close(self) -> None:
        self.closed = True


def test_ssh_cluster() -> None:
    FakeSSH.made.clear()
    with SSHCluster(
        ["localhost", "node-a", "node-b"],
        connect=FakeSSH.connect,
        connect_options={"username": "me"},
        remote_python=sys.executable,
        worker_options={"nthreads": 1, "nanny": False},
    ) as cluster:
        with Client(cluster) as client:
            assert sorted(client.gather(client.map(abs, [-1, -2]))) == [1, 2]
            assert set(client.nthreads().values()) == {1}
        scheduler, *workers = FakeSSH.made
        assert [w.name for w in workers] == ["node-a", "node-b"]
        assert all(host.login == {"username": "me"} for host in FakeSSH.made)
        secret = cluster.security.secret.hex()
        assert all(secret.encode() in host.stdin for host in FakeSSH.made)
        assert not any(secret in word for host in FakeSSH.made for word in host.words)
        assert "--host" not in scheduler.words
    assert all(host.closed for host in FakeSSH.made)


@pytest.mark.parametrize(
    "options, said",
    [
        ({"hosts": ["one"]}, "at least two hosts"),
        ({"hosts": ["a", "b"], "connect_options": [{}]}, "connect_options is a list of 1"),
        ({"hosts": ["a", "b"], "remote_python": ["p"] * 3}, "remote_python is a list of 3"),
    ],
)
def test_ssh_mistakes(options, said) -> None:
    with pytest.raises(ValueError, match=said):
        SSHCluster(**options)


def test_ssh_needs_asyncssh(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncssh", None)
    with pytest.raises(MissingDependencyError, match="SSHCluster needs the package 'asyncssh'"):
        SSHCluster(["a", "b"])


def test_a_command_for_ssh_is_one_line() -> None:
    asyncssh = pytest.importorskip("asyncssh")
    assert asyncssh.STDOUT
    assert SSHHost("a", None).connection is None


# -- as many as needed ---------------------------------------------------------------------------


loads = st.builds(
    Load,
    ready=st.integers(0, 1000),
    ready_s=st.floats(0, 1e4),
    sent=st.integers(0, 1000),
    sent_s=st.floats(0, 1e4),
    nbytes=st.integers(0, 10**9),
    threads=st.integers(0, 64),
    workers=st.lists(st.text("ab"), max_size=8),
)


@given(loads, st.floats(0.1, 100))
def test_no_more_workers_than_tasks_and_none_without(load: Load, target_s: float) -> None:
    wanted = workers_wanted(load, target_s)
    tasks = load.ready + load.sent
    assert 0 <= wanted <= max(tasks, bool(load.nbytes))
    assert bool(wanted) == bool(tasks or load.nbytes)


def test_workers_that_have_not_come_go_first() -> None:
    planned = {name: [str(name)] for name in range(3)}
    held = {"0": 9, "1": 5}
    assert superfluous(1, planned, held, {"1", "0"}) == [2]
    assert superfluous(3, planned, held, {"1"}) == [2, 1]
    assert superfluous(3, planned, held, {"1", "0"}) == [2, 1, 0]
    assert superfluous(0, planned, held, {"1"}) == []


def test_a_job_is_idle_when_all_its_workers_are() -> None:
    planned = {0: ["0-0", "0-1"], 1: ["1-0", "1-1"]}
    held = {member: 0 for members in planned.values() for member in members}
    assert superfluous(2, planned, held, {"0-0", "1-0", "1-1"}) == [1]


def test_fewer_only_after_looks_that_agree() -> None:
    rule = Recommend(wait_count=3)
    for spare in ([1, 2], [2], [2]):
        advice = rule(0, planned=[1, 2], spare=spare)
    assert advice == {"status": "down", "workers": [2]}
    assert rule(5, planned=[1], spare=[])["status"] == "up"


def test_an_adaptive_cluster_grows_and_shrinks() -> None:
    with LocalCluster(n_workers=0, threads_per_worker=1, processes=False) as cluster:
        adaptive = cluster.adapt(
            minimum=0, maximum=3, interval="10 ms", wait_count=2, target_duration="10 ms"
        )
        go_on = threading.Event()
        with Client(cluster) as client:
            go = Event(client=client)
            futures = client.map(lambda x, go: go.wait(60), range(10), go=go, pure=False)
            client.wait_for_workers(3, timeout=200)
            # The scheduler knows of a worker before whoever started it does.
            while len(cluster.workers) < 3:
                go_on.wait(0.01)
            assert len(cluster.workers) == 3
            go.set()
            client.gather(futures)
            del futures
            # It is noted when it has been done.
            while cluster.workers or {advice["status"] for _, advice in [*adaptive.log]} != {
                "up",
                "down",
            }:
                go_on.wait(0.01)
        adaptive.stop()


def test_an_adaptive_of_ones_own() -> None:
    class Two(Adaptive):
        asked = None

        async def target(self) -> int:
            return 2

        async def scale_up(self, n) -> None:
            Two.asked = n

    with LocalCluster(n_workers=0, processes=False) as cluster:
        adaptive = cluster.adapt(Adaptive=Two, interval="1 hour")
        adaptive._thread.join(0)
        assert adaptive.look() == {"status": "up", "n": 2}
        assert Two.asked == 2


def test_bounds_in_cores_and_memory() -> None:
    with LocalCluster(
        n_workers=0, threads_per_worker=2, processes=False, memory_limit="1 GB"
    ) as cluster:
        adaptive = cluster.adapt(minimum_cores=3, maximum_memory="5 GB", interval="1 hour")
        assert (adaptive.minimum, adaptive.maximum) == (2, 5)
        with pytest.raises(ValueError, match="maximum=1 is less than minimum=2"):
            cluster.adapt(minimum=2, maximum=1)


def test_a_process_on_another_machine_ends_where_the_server_knows_no_signals(tmp_path) -> None:
    asyncssh = pytest.importorskip("asyncssh")
    key = asyncssh.generate_private_key("ssh-ed25519")

    async def run(process: asyncssh.SSHServerProcess) -> None:
        """As sshd does it, but for signals, which it refuses to root."""
        local = await asyncio.create_subprocess_shell(
            process.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        await process.redirect(stdin=local.stdin, stdout=local.stdout)
        process.exit(await local.wait())
        await process.wait_closed()

    async def scene() -> tuple[str, list[str], str]:
        folder = tmp_path / "clients"
        folder.write_text(key.export_public_key().decode())
        server = await asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[key],
            authorized_client_keys=str(folder),
            process_factory=run,
        )
        login = {"port": server.get_port(), "username": "me", "client_keys": [key]}
        host = await SSHHost.connect("127.0.0.1", known_hosts=None, config=None, **login)
        script = "import sys, os; print('got', sys.stdin.read(), os.getpid(), flush=True);"
        words = [sys.executable, "-c", f"{script} import signal; signal.pause()"]
        running = await host.start(words, b"a secret")
        line = await running.expect("got")
        await running.end()
        await host.close()
        server.close()
        await server.wait_closed()
        return line, list(running.lines), line.split()[-1]

    line, lines, number = asyncio.run(scene())
    assert line.startswith("got a secret")
    assert lines == [line]
    with pytest.raises(ProcessLookupError):
        os.kill(int(number), 0)
