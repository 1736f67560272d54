"""What tests of faults share: a cluster that must be clean at the end, and a relay to cut cables.

A relay passes bytes on between two TCP ports, and can stop doing so in one direction or both: what
comes meanwhile is kept, so neither side hears anything, as when packets are dropped.
"""

from __future__ import annotations

import gc
import math
import os
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import psutil
import pytest

from shoal.distributed import Client, LocalCluster
from shoal.distributed.core import scheduler as core
from shoal.distributed.net.gate import borrow_gate, return_gate

WAIT_S = 120.0
"""How long anything may take on a machine with much else to do."""


def wait_until(condition: Callable[[], object], what: Any, timeout_s: float = WAIT_S) -> None:
    """Look again and again, a hundred times a second, until something is so."""
    end, pause = time.monotonic() + timeout_s, threading.Event()
    while not condition():
        if time.monotonic() > end:
            text = what() if callable(what) else what
            raise AssertionError(f"not within {timeout_s:g} s: {text}")
        pause.wait(0.01)


class Relay:
    """Passes bytes on from a port of its own to another one."""

    def __init__(self, port: int) -> None:
        self.target = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        self.address = f"tcp://127.0.0.1:{self.listener.getsockname()[1]}"
        self.cut: set[str] = set()
        """Directions in which nothing passes: ``"in"`` is towards the target."""
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.others: dict[socket.socket, tuple[socket.socket, str]] = {}
        self.waiting: dict[socket.socket, deque[bytes]] = {}
        self.passed = 0
        self.calls: deque[Callable[[], object]] = deque()
        self.ending = False
        self.thread = threading.Thread(target=self.work, name="relay", daemon=True)
        self.thread.start()

    def work(self) -> None:
        while not self.ending:
            while self.calls:
                self.calls.popleft()()
            for key, _ in self.selector.select(0.02):
                if key.fileobj is self.listener:
                    self.accept()
                elif key.fileobj in self.others:
                    self.read(key.fileobj)  # type: ignore[arg-type]
            for sock in list(self.waiting):
                if sock in self.waiting:
                    self.write(sock)
        for sock in [*self.others, self.listener]:
            sock.close()
        self.selector.close()

    def accept(self) -> None:
        near, _ = self.listener.accept()
        try:
            far = socket.create_connection(("127.0.0.1", self.target), 5)
        except OSError:
            near.close()
            return
        for sock, other, way in ((near, far, "in"), (far, near, "out")):
            sock.setblocking(False)
            self.others[sock] = (other, way)
            self.waiting[other] = deque()
            self.selector.register(sock, selectors.EVENT_READ)

    def read(self, sock: socket.socket) -> None:
        other, _ = self.others[sock]
        try:
            data = sock.recv(1 << 16)
        except OSError:
            data = b""
        if data:
            self.waiting[other].append(data)
        else:
            self.selector.unregister(sock)
            self.waiting[other].append(b"")  # its end, once what came before has passed

    def write(self, sock: socket.socket) -> None:
        """Pass on what may pass."""
        queue, way = self.waiting[sock], self.others[sock][1]
        way = "out" if way == "in" else "in"  # the direction of what is written to it
        while queue and way not in self.cut:
            if not queue[0]:
                self.drop(sock)
                return
            try:
                sent = sock.send(queue[0])
            except BlockingIOError:
                return
            except OSError:
                self.drop(sock)
                return
            self.passed += sent
            rest = queue[0][sent:]
            queue.popleft()
            if rest:
                queue.appendleft(rest)

    def drop(self, sock: socket.socket) -> None:
        """One end is gone: so is the other."""
        other, _ = self.others[sock]
        for one in (sock, other):
            self.others.pop(one, None)
            self.waiting.pop(one, None)
            try:
                self.selector.unregister(one)
            except (KeyError, ValueError):
                pass
            one.close()

    def call(self, work: Callable[[], object]) -> None:
        """Have something done by the relay's thread, and wait for it."""
        done = threading.Event()
        self.calls.append(lambda: (work(), done.set()))
        assert done.wait(WAIT_S)

    def drop_all(self) -> None:
        """All connections break."""
        while self.others:
            self.drop(next(iter(self.others)))

    def forget_far_ends(self) -> None:
        """Half-open: the target's ends are closed, and nobody tells the others."""
        self.cut = {"in", "out"}
        for sock, (_, way) in list(self.others.items()):
            if way == "out":
                self.selector.unregister(sock)
                sock.close()

    def close(self) -> None:
        self.ending = True
        self.thread.join(WAIT_S)


@pytest.fixture
def free_port() -> int:
    """A port of this machine that nobody uses."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class Faulty:
    """A cluster that is going to suffer, and what must be true of it all the same."""

    def __init__(self, cluster: LocalCluster, client: Client, exits: ExitStack) -> None:
        self.cluster = cluster
        self.client = client
        self.exits = exits

    @property
    def state(self) -> Any:
        """The scheduler's, in this process."""
        return self.cluster.scheduler.state

    def drained(self) -> bool:
        """Whether nothing is left of any task, anywhere."""
        state = self.state
        return not len(state.table) and not any(
            worker.sent or worker.held for worker in list(state.workers.values())
        )

    def silence_s(self, address: str) -> float:
        """How long ago a worker has said something; of one that is not there, for ever."""
        heard = [w.heard for w in list(self.state.workers.values()) if w.address == address]
        return float(self.cluster.scheduler.loop.time() - max(heard, default=-math.inf))

    def relay(self, port: int) -> Relay:
        relay = Relay(port)
        self.exits.callback(relay.close)
        return relay

    def pids(self) -> dict[str, int]:
        """Processes of workers by their addresses."""
        return {w.address: w.pid for w in list(self.state.workers.values())}


def descriptors() -> set[tuple[int, str]]:
    """What this process has open: numbers, and what they are.

    Shared memory is another matter: a pool keeps it for a while, to be used again
    (``tests/unit/test_net_shared.py``).  And so is what this thread waits at: it is kept, and
    another one takes its place after a wait that was given up.
    """
    gate = borrow_gate()
    return_gate(gate)
    found = set()
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            found.add((int(name), os.readlink(f"/proc/self/fd/{name}")))
    return {
        (number, what)
        for number, what in found
        if not what.startswith("/memfd:shoal ") and number not in gate._fds
    }


@contextmanager
def clean(folder: Any, **options: Any) -> Iterator[Faulty]:
    """A cluster; at the end no key, process, thread, descriptor or file of it may be left."""
    gc.collect()
    before = descriptors()
    threads = set(threading.enumerate())
    # Other tests of this process may have left some that are kept to be used again.
    processes = set(psutil.Process().children())
    settings = options.pop("settings", core.Settings())
    with ExitStack() as exits:
        cluster = exits.enter_context(
            LocalCluster(
                threads_per_worker=options.pop("threads_per_worker", 1),
                local_directory=str(folder),
                dashboard_address=None,
                scheduler_kwargs={"settings": settings},
                # A worker in this process counts what all tests before have left in it.
                **{"memory_limit": "400 MB" if options.get("processes", True) else 0, **options},
            )
        )
        client = exits.enter_context(Client(cluster))
        faulty = Faulty(cluster, client, exits)
        yield faulty
        gc.collect()  # errors and the futures that they came from refer to each other
        wait_until(faulty.drained, "no key is left")
    wait_until(lambda: not set(psutil.Process().children()) - processes, "no process is left")
    assert not list(folder.iterdir())
    gc.collect()
    wait_until(lambda: not set(threading.enumerate()) - threads, "no thread is left")
    wait_until(lambda: not descriptors() - before, lambda: f"closed {descriptors() - before}")


@pytest.fixture(scope="session")
def warm() -> None:
    """What a process opens once, and keeps, is open."""
    with (
        LocalCluster(n_workers=1, processes=False, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        assert client.submit(abs, -1).result() == 1


@pytest.fixture
def suffer(tmp_path: Any, warm: None) -> Iterator[Callable[..., Any]]:
    """Makes such clusters: ``with suffer(n_workers=2) as faulty``."""
    folder = tmp_path / "workers"
    folder.mkdir()
    yield lambda **options: clean(folder, **options)


@pytest.fixture(name="wait_until")
def _wait_until() -> Callable[..., None]:
    return wait_until
