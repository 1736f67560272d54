"""A host that vanishes: found within five seconds, whether something was being sent or not."""

from __future__ import annotations

import os
import queue
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from shoal.distributed.net import Connection, Loop, Security, connect
from shoal.distributed.protocol import Release
from shoal.errors import ConnectionLostError

WAIT_S = 60
NET = f"10.213.{os.getpid() % 250}"  # tests may run side by side
SECRET = b"of a host elsewhere"

SERVER = f"""
from shoal.distributed.net import Loop, Security, listen
loop = Loop()
listen(loop, "tcp://{NET}.2:7777", security=Security({SECRET!r}), role="worker",
       on_connection=lambda connection: None)
loop.run()
"""


def run(*words: str) -> bool:
    """Whether a command succeeds."""
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


@pytest.fixture
def host() -> Iterator[str]:
    """The name of a network device that leads to another network namespace, with a server."""
    name = f"shoal{os.getpid() % 100_000}"
    near, far = f"n{name}", f"f{name}"
    if not shutil.which("ip") or not run("ip", "netns", "add", name):
        pytest.skip("network namespaces are not allowed here")
    inside = ("ip", "netns", "exec", name)
    try:
        made = (
            run("ip", "link", "add", near, "type", "veth", "peer", "name", far)
            and run("ip", "link", "set", far, "netns", name)
            and run("ip", "addr", "add", f"{NET}.1/30", "dev", near)
            and run(*inside, "ip", "addr", "add", f"{NET}.2/30", "dev", far)
            and run("ip", "link", "set", near, "up")
            and run(*inside, "ip", "link", "set", far, "up")
        )
        if not made:
            pytest.skip("no virtual network here")
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        server = subprocess.Popen([*inside, sys.executable, "-c", SERVER], env=environment)
        try:
            yield near
        finally:
            server.kill()
            server.wait()
    finally:
        run("ip", "netns", "del", name)
        run("ip", "link", "del", near)


@pytest.mark.slow
@pytest.mark.parametrize("sending", [False, True])
def test_a_host_that_vanishes(host: str, sending: bool) -> None:
    loop = Loop()
    thread = loop.start("net-test")
    opened: queue.Queue[Any] = queue.Queue()
    closed: queue.Queue[tuple[float, BaseException | None]] = queue.Queue()

    def on_open(connection: Connection) -> None:
        connection.on_close = lambda _, error: closed.put((time.monotonic(), error))
        opened.put(connection)

    connect(
        loop,
        f"tcp://{NET}.2:7777",
        security=Security(SECRET),
        role="client",
        on_open=on_open,
        on_error=opened.put,
        retry=True,
        timeout_s=WAIT_S,
    )
    connection = opened.get(timeout=WAIT_S)
    assert isinstance(connection, Connection)
    assert not connection.queued_bytes
    assert run("ip", "link", "set", host, "down")
    start = time.monotonic()
    if sending:
        connection.send(Release(["x"]))
    when, error = closed.get(timeout=WAIT_S)
    assert isinstance(error, ConnectionLostError)
    assert f"tcp://{NET}.2:7777" in str(error)
    # 5, and what a busy machine adds; the system alone would take a quarter of an hour.
    assert when - start < 30.0
    loop.stop()
    thread.join(WAIT_S)
