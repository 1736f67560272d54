"""What a message, and a large payload, cost between two processes: ours, asyncio's, bare sockets.

    python bench/net_bench.py [--rounds 3] [--only messages|payloads]

CPU time is that of both processes together, halved: what one side pays for one message (received,
decoded, answered).  The echo answers each message; ``window`` is how many are on their way at once.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import socket
import statistics
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec

from shoal.distributed.net import Limits, Loop, Security, connect, listen
from shoal.distributed.net.shared import share
from shoal.distributed.wire.codec import Codec


class Item(msgspec.Struct, tag=True, array_like=True):
    """A message of about 30 bytes."""

    number: int
    name: str
    values: list[int]


CODEC = Codec(Item)
SECURITY = Security.new(tls=True)
PLAIN = Limits(shortcut=False)
LENGTH = struct.Struct("<I")


def cpu_s() -> float:
    """CPU time of this process and of its children that have ended."""
    times = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(t.ru_utime + t.ru_stime for t in times)


def in_child(call: Callable[[], object]) -> int:
    """Run something in a forked process."""
    pid = os.fork()
    if pid == 0:
        try:
            call()
        finally:
            os._exit(0)
    return pid


def measured(server: Callable[[], object], client: Callable[[], float]) -> tuple[float, float]:
    """(seconds, CPU seconds of both) of a client's run against a server in another process."""
    before = cpu_s()
    pid = in_child(server)
    elapsed_s = client()
    os.waitpid(pid, 0)
    return elapsed_s, cpu_s() - before


# -- messages: ours ------------------------------------------------------------------------------


def our_echo(address: str) -> None:
    loop = Loop()

    def opened(connection: Any) -> None:
        connection.on_message = lambda c, message, buffers: c.send(message, buffers)
        connection.on_close = lambda c, error: loop.stop()

    listen(loop, address, security=SECURITY, role="scheduler", codec=CODEC, on_connection=opened)
    loop.run()


def our_client(address: str, count: int, window: int) -> float:
    loop = Loop()
    state = {"sent": 0, "got": 0, "start": 0.0, "elapsed": 0.0}

    def message(connection: Any, item: Any, buffers: Any) -> None:
        state["got"] += 1
        if state["sent"] < count:
            state["sent"] += 1
            connection.send(Item(state["sent"], "x-1234", [1, 2, 3]))
        elif state["got"] == count:
            state["elapsed"] = time.perf_counter() - state["start"]
            connection.close()

    def opened(connection: Any) -> None:
        connection.on_message = message
        connection.on_close = lambda c, error: loop.stop()
        state["start"] = time.perf_counter()
        for _ in range(window):
            state["sent"] += 1
            connection.send(Item(0, "x-1234", [1, 2, 3]))

    connect(
        loop,
        address,
        security=SECURITY,
        role="client",
        codec=CODEC,
        limits=PLAIN,
        retry=True,
        on_open=opened,
        on_error=print,
    )
    loop.run()
    return state["elapsed"]


def our_thread_client(address: str, count: int) -> float:
    """The user's thread sends and waits for each answer, as `Client.submit(...).result()` does."""
    loop = Loop()
    opened: list[Any] = []
    answered = threading.Semaphore(0)

    def opening(connection: Any) -> None:
        connection.on_message = lambda c, item, buffers: answered.release()
        opened.append(connection)
        answered.release()

    options = {"security": SECURITY, "role": "client", "codec": CODEC, "retry": True}
    connect(loop, address, **options, on_open=opening, on_error=print)
    thread = loop.start("bench")
    answered.acquire()
    start = time.perf_counter()
    for number in range(count):
        opened[0].send(Item(number, "x-1234", [1, 2, 3]))
        answered.acquire()
    elapsed = time.perf_counter() - start
    opened[0].close()
    loop.stop()
    thread.join()
    return elapsed


# -- messages: the peers -------------------------------------------------------------------------


def asyncio_echo(path: str) -> None:
    async def serve(reader: Any, writer: Any) -> None:
        decode = msgspec.msgpack.Decoder(Item).decode
        encode = msgspec.msgpack.Encoder().encode
        try:
            while True:
                (size,) = LENGTH.unpack(await reader.readexactly(4))
                data = encode(decode(await reader.readexactly(size)))
                writer.write(LENGTH.pack(len(data)) + data)
        except asyncio.IncompleteReadError:
            writer.close()
            done.set()

    async def main() -> None:
        nonlocal done
        done = asyncio.Event()
        async with await asyncio.start_unix_server(serve, path):
            await done.wait()

    done: Any = None
    asyncio.run(main())


def asyncio_client(path: str, count: int, window: int) -> float:
    async def main() -> float:
        while not os.path.exists(path):
            await asyncio.sleep(0.01)
        reader, writer = await asyncio.open_unix_connection(path)
        decode = msgspec.msgpack.Decoder(Item).decode
        encode = msgspec.msgpack.Encoder().encode
        start = time.perf_counter()
        sent = 0
        for got in range(count):
            while sent < min(got + window, count):
                data = encode(Item(sent, "x-1234", [1, 2, 3]))
                writer.write(LENGTH.pack(len(data)) + data)
                sent += 1
            (size,) = LENGTH.unpack(await reader.readexactly(4))
            decode(await reader.readexactly(size))
        elapsed = time.perf_counter() - start
        writer.close()
        await writer.wait_closed()
        return elapsed

    return asyncio.run(main())


def bare_echo(listening: socket.socket) -> None:
    sock, _ = listening.accept()
    while data := sock.recv(65536):
        sock.sendall(data)


def bare_client(path: str, count: int) -> float:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(path)
        decode = msgspec.msgpack.Decoder(Item).decode
        encode = msgspec.msgpack.Encoder().encode
        start = time.perf_counter()
        for number in range(count):
            data = encode(Item(number, "x-1234", [1, 2, 3]))
            sock.sendall(LENGTH.pack(len(data)) + data)
            decode(sock.recv(65536)[4:])
        return time.perf_counter() - start


def message_rows(folder: str, rounds: int) -> None:
    print(f"{'':44}{'us wall a round trip':>22}{'us CPU a message and side':>28}")

    def row(
        name: str, count: int, pair: Callable[[], tuple[Callable[[], object], Callable[[], float]]]
    ) -> None:
        walls, cpus = [], []
        for _ in range(rounds):
            base = measured(*pair_of(pair, 1))
            full = measured(*pair_of(pair, count))
            walls.append((full[0] - base[0]) / count * 1e6)
            cpus.append((full[1] - base[1]) / count / 2 * 1e6)
        print(f"{name:44}{statistics.median(walls):22.2f}{statistics.median(cpus):28.2f}")

    def pair_of(pair: Any, count: int) -> Any:
        path = tempfile.mktemp(dir=folder)
        return pair(path, count)

    def bare(path: str, count: int) -> Any:
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(path)
        listening.listen()
        return lambda: bare_echo(listening), lambda: bare_client(path, count)

    row("blocking sockets, one at a time", 20_000, bare)
    for scheme in ("unix", "tcp", "tls"):
        for window in (1, 100):

            def ours(path: str, count: int, scheme: str = scheme, window: int = window) -> Any:
                address = f"unix://{path}" if scheme == "unix" else f"{scheme}://{free_port()}"
                return (
                    lambda: our_echo(address),
                    lambda: our_client(address, count, min(window, count)),
                )

            count = 20_000 if window == 1 else 200_000
            row(f"shoal {scheme}, window {window}", count, ours)

    def threaded(path: str, count: int) -> Any:
        address = f"unix://{path}"
        return lambda: our_echo(address), lambda: our_thread_client(address, count)

    row("shoal unix, sent by another thread", 20_000, threaded)
    for window in (1, 100):

        def streams(path: str, count: int, window: int = window) -> Any:
            return (
                lambda: asyncio_echo(path),
                lambda: asyncio_client(path, count, min(window, count)),
            )

        row(f"asyncio streams unix, window {window}", 20_000, streams)


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return f"127.0.0.1:{sock.getsockname()[1]}"


# -- payloads ------------------------------------------------------------------------------------


class Blob(msgspec.Struct, tag=True, array_like=True):
    """A payload, and what to do with it: keep, forward, give back, or drop."""

    order: str


BLOBS = Codec(Blob)


def holder(address: str, limits: Limits) -> None:
    """Keeps the last payload; gives it to who asks."""
    loop = Loop()
    kept: list[Any] = []

    def message(connection: Any, blob: Any, buffers: Any) -> None:
        if blob.order == "keep":
            kept[:] = buffers
            connection.send(Blob("kept"))
        elif blob.order == "give":
            connection.send(Blob("given"), kept)
        elif blob.order == "drop":
            kept.clear()
            connection.send(Blob("dropped"))
        elif blob.order == "stop":
            loop.stop()

    def opened(connection: Any) -> None:
        connection.on_message = message

    listen(
        loop,
        address,
        security=SECURITY,
        role="worker",
        codec=BLOBS,
        limits=limits,
        on_connection=opened,
    )
    loop.run()


class Caller:
    """Asks one holder and waits for the answer."""

    def __init__(self, loop: Loop, address: str, limits: Limits) -> None:
        self.answered = threading.Semaphore(0)
        self.buffers: Any = ()

        def opened(connection: Any) -> None:
            self.connection = connection
            connection.on_message = self.take
            self.answered.release()

        connect(
            loop,
            address,
            security=SECURITY,
            role="client",
            codec=BLOBS,
            limits=limits,
            retry=True,
            on_open=opened,
            on_error=print,
        )
        self.answered.acquire()

    def take(self, connection: Any, blob: Any, buffers: Any) -> None:
        self.buffers = buffers
        self.answered.release()

    def ask(self, order: str, buffers: Any = ()) -> Any:
        self.connection.send(Blob(order), buffers)
        self.answered.acquire()
        buffers, self.buffers = self.buffers, ()
        return buffers


def go_round(a: Caller, b: Caller, data: Any) -> list[float]:
    """GB/s of each step of a payload's way: here, A, here, B, here."""
    speeds = []

    def step(caller: Caller, order: str, buffers: Any = ()) -> Any:
        start = time.perf_counter()
        got = caller.ask(order, buffers)
        speeds.append(len(data) / (time.perf_counter() - start) / 1e9)
        return got

    step(a, "keep", [data])
    step(b, "keep", step(a, "give"))
    step(b, "give")
    a.ask("drop")
    b.ask("drop")
    return speeds


def payload_rows(folder: str, rounds: int, size: int = 500_000_000) -> None:
    print(f"\n{size / 1e6:.0f} MB, GB/s wall (first / best of {rounds})")
    print(f"{'':30}{'here to A':>18}{'A to here':>18}{'here to B':>18}{'B to here':>18}")
    data = bytearray(os.urandom(1 << 20)) * (size >> 20)
    for name, scheme, limits in (
        ("shoal tcp", "tcp", Limits(shortcut=False)),
        ("shoal tls", "tls", Limits(shortcut=False)),
        ("shoal unix, as bytes", "unix", Limits(segment_bytes=1 << 60)),
        ("shoal unix, shared memory", "unix", Limits()),
    ):
        addresses, pids = [], []
        for letter in "ab":
            where = f"unix://{folder}/{letter}{scheme}{limits.segment_bytes}"
            address = where if scheme == "unix" else f"{scheme}://{free_port()}"
            addresses.append(address)
            pids.append(in_child(lambda address=address, limits=limits: holder(address, limits)))
        loop = Loop()
        thread = loop.start("bench")
        a, b = (Caller(loop, address, limits) for address in addresses)
        times = [go_round(a, b, data) for _ in range(rounds)]
        cells = [f"{column[0]:8.2f} / {max(column):6.2f}" for column in zip(*times)]
        print(f"{name:30}" + "".join(f"{cell:>18}" for cell in cells))
        for caller in (a, b):
            caller.connection.send(Blob("stop"))
        for pid in pids:
            os.waitpid(pid, 0)
        loop.stop()
        thread.join()


def segment_rows(rounds: int, size: int = 500_000_000) -> None:
    print("\ninto shared memory, GB/s (new memory, then memory used before)")
    data = bytes(size)
    for _ in range(rounds):
        start = time.perf_counter()
        share([data])
        print(f"{size / (time.perf_counter() - start) / 1e9:7.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=["messages", "payloads"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.only != "payloads":
            message_rows(folder, options.rounds)
        if options.only != "messages":
            payload_rows(folder, options.rounds)
            segment_rows(options.rounds)


if __name__ == "__main__":
    sys.exit(main())
