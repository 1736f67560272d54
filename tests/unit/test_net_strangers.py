"""What strangers, and members that have gone wrong, can do to a listener: nothing."""

from __future__ import annotations

import errno
import os
import queue
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from shoal.distributed.net import Connection, Limits, Loop, Security, connect, listen, sockets
from shoal.distributed.net.connection import INTRODUCTIONS, introduction
from shoal.distributed.net.handshake import HELLO_BYTES, PROOF_BYTES, Handshake
from shoal.distributed.net.sockets import TCP_INFO, is_lost
from shoal.distributed.wire.codec import Codec
from shoal.distributed.wire.frames import RAW, Entry, head
from shoal.errors import (
    AuthenticationError,
    CommunicationError,
    ConnectionLostError,
    FrameError,
    ProtocolVersionError,
)

WAIT_S = 60
SECURITY = Security.new()


class Note(msgspec.Struct, tag=True, array_like=True):
    number: int
    text: str = ""


CODEC = Codec(Note)


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class Server:
    """A listener in a loop of its own, and everybody who got in."""

    def __init__(self, address: str = "tcp://127.0.0.1:0", limits: Limits | None = None) -> None:
        self.clock = Clock()
        self.loop = Loop(self.clock)
        self.inside: queue.Queue[Connection] = queue.Queue()
        self.messages: queue.Queue[Any] = queue.Queue()
        self.closed: queue.Queue[BaseException | None] = queue.Queue()
        self.listener: Any = listen(
            self.loop,
            address,
            security=SECURITY,
            role="scheduler",
            codec=CODEC,
            limits=limits or Limits(),
            on_connection=self.on_connection,
        )
        self.thread = self.loop.start("net-test")

    def on_connection(self, connection: Connection) -> None:
        connection.on_message = lambda _, message, buffers: self.messages.put((message, buffers))
        connection.on_close = lambda _, error: self.closed.put(error)
        self.inside.put(connection)

    def dial(self) -> socket.socket:
        address = self.listener.address
        if address.startswith("unix://"):
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(address[7:])
        else:
            sock = socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])))
        sock.settimeout(WAIT_S)
        return sock

    def join(self) -> socket.socket:
        """Do what a member does, up to and including the introduction."""
        sock = self.dial()
        here = Handshake(True, SECURITY.secret, "client", os.urandom(32), binding=b"tcp")
        sock.sendall(here.start())
        sock.sendall(here.receive(exactly(sock, here.wanted)))
        sock.sendall(head(1, INTRODUCTIONS.pack(introduction("raw"))))
        self.inside.get(timeout=WAIT_S)
        exactly(sock, struct.unpack("<8xI", exactly(sock, 12))[0])  # the listener's
        return sock

    def ask(self, call: Callable[[], Any]) -> Any:
        """What a call gives in the loop's thread, after everything that came before."""
        answer: queue.Queue[Any] = queue.Queue()
        self.loop.call_threadsafe(lambda: answer.put(call()))
        return answer.get(timeout=WAIT_S)

    def pending(self) -> int:
        return int(self.ask(lambda: len(self.listener._pending)))

    def advance(self, seconds: float) -> None:
        self.clock.now_s += seconds
        self.ask(lambda: None)

    def stop(self) -> None:
        self.loop.stop()
        self.thread.join(WAIT_S)
        assert not self.thread.is_alive()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


def exactly(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = sock.recv(count - len(data))
        assert more, "closed"
        data += more
    return data


def is_closed(sock: socket.socket) -> bool:
    """Whether the other side closes without another word."""
    try:
        return sock.recv(1000) == b""
    except ConnectionResetError:
        return True


def record_handshake(server: Server) -> tuple[bytes, bytes]:
    """What a member's dialer says, as an eavesdropper hears it."""
    with server.dial() as sock:
        here = Handshake(True, SECURITY.secret, "client", os.urandom(32), binding=b"tcp")
        sock.sendall(here.start())
        proof = here.receive(exactly(sock, here.wanted))
        sock.sendall(proof)
        exactly(sock, 12)  # of the listener's introduction: it has left the pending ones
        return here.start(), proof


@pytest.mark.parametrize(
    "what",
    ["http", "random", "zeros", "half a hello", "no proof", "wrong token", "replayed", "reflected"]
    + ["message first"],
)
def test_strangers_are_closed_and_nobody_hears_of_them(server: Server, what: str) -> None:
    hello, proof = record_handshake(server)
    with server.dial() as sock:
        if what == "http":
            sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 10 + b"\r\n")
        elif what == "random":
            sock.sendall(os.urandom(5000))
        elif what == "zeros":
            sock.sendall(bytes(1000))
        elif what == "half a hello":
            sock.sendall(hello[: HELLO_BYTES // 2])
            sock.shutdown(socket.SHUT_WR)
        elif what == "message first":
            sock.sendall(head(0, CODEC.pack(Note(1))) * 20)
        else:
            sock.sendall(hello)
            answer = exactly(sock, HELLO_BYTES + PROOF_BYTES)
            if what == "wrong token":
                other = Handshake(True, b"x" * 32, "client", hello[-32:], binding=b"tcp")
                with pytest.raises(AuthenticationError):
                    other.receive(answer)
                sock.sendall(other._proof(True))
            elif what == "replayed":
                sock.sendall(proof)
            elif what == "reflected":
                sock.sendall(answer[HELLO_BYTES:])
            else:
                sock.shutdown(socket.SHUT_WR)
        assert is_closed(sock)
    assert server.pending() == 0
    assert server.inside.empty()
    with server.join():  # others get in as before
        pass


def test_silence_ends_after_five_seconds(server: Server) -> None:
    with server.dial() as silent, server.dial() as half:
        half.sendall(record_handshake(server)[0])
        exactly(half, HELLO_BYTES + PROOF_BYTES)
        assert server.pending() == 2
        server.advance(4.9)
        assert server.pending() == 2
        server.advance(0.2)
        assert server.pending() == 0
        assert is_closed(silent) and is_closed(half)


def test_a_member_that_does_not_introduce_itself(server: Server) -> None:
    with server.dial() as sock:
        here = Handshake(True, SECURITY.secret, "client", os.urandom(32), binding=b"tcp")
        sock.sendall(here.start())
        sock.sendall(here.receive(exactly(sock, here.wanted)))
        assert sock.recv(1)  # the listener's introduction: it has accepted the proof
        server.advance(5.1)
        while sock.recv(1000):
            pass
    assert server.inside.empty()


def test_400_idle_strangers(server: Server) -> None:
    process = psutil.Process()
    before = process.memory_info().rss
    descriptors = process.num_fds()
    idle = [server.dial() for _ in range(400)]
    with server.join():  # a member still gets in
        assert server.pending() <= 64
        server.advance(5.1)
        assert server.pending() == 0
        assert all(map(is_closed, idle))
    for sock in idle:
        sock.close()
    assert process.memory_info().rss - before < 32 << 20  # not half a megabyte for each of 64
    server.closed.get(timeout=WAIT_S)
    assert process.num_fds() <= descriptors


def test_strangers_in_the_middle_of_a_handshake_make_the_next_wait(server: Server) -> None:
    hello = record_handshake(server)[0]
    half = []
    for _ in range(64):
        half.append(server.dial())
        half[-1].sendall(hello)
        exactly(half[-1], HELLO_BYTES + PROOF_BYTES)
    assert server.pending() == 64
    late = server.dial()
    late.sendall(hello)
    assert server.pending() == 64
    half.pop().close()  # one place is free
    assert exactly(late, HELLO_BYTES + PROOF_BYTES)
    for sock in [*half, late]:
        sock.close()


def test_descriptors_run_out_while_accepting(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    class Exhausted:
        def __init__(self, sock: socket.socket) -> None:
            self.sock, self.calls = sock, 0

        def accept(self) -> Any:
            self.calls += 1
            if self.calls == 1:
                raise OSError(errno.EMFILE, "Too many open files")
            return self.sock.accept()

        def fileno(self) -> int:
            return self.sock.fileno()

        def close(self) -> None:
            self.sock.close()

    ((scheme, sock), *others) = server.listener._socks
    exhausted = Exhausted(sock)
    server.listener._socks = [(scheme, exhausted), *others]
    server.ask(server.listener._stop_accepting)
    server.ask(server.listener._accept_again)
    with server.dial() as sock:
        while not exhausted.calls:
            server.ask(lambda: None)
        for _ in range(5):  # it does not spin
            server.ask(lambda: None)
        assert exhausted.calls == 1
        server.advance(0.3)
        here = Handshake(True, SECURITY.secret, "client", os.urandom(32), binding=b"tcp")
        sock.sendall(here.start())
        sock.sendall(here.receive(exactly(sock, here.wanted)))
    assert "Too many open files" in caplog.text


def test_another_version_of_the_protocol(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "distributed.net")
    with server.dial() as sock:
        here = Handshake(
            True, SECURITY.secret, "client", os.urandom(32), binding=b"tcp", versions=(7, 9)
        )
        sock.sendall(here.start())
        answer = exactly(sock, here.wanted)
        with pytest.raises(ProtocolVersionError, match=r"scheduler\) speaks version 1 .* 7 to 9"):
            here.receive(answer)
        sock.sendall(here.farewell)
        assert is_closed(sock)
    server.ask(lambda: None)  # it says so after it has closed the socket
    assert "speaks versions 7 to 9 of the protocol, this side version 1" in caplog.text


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"garbage garbage garbage", "no frame of shoal"),
        (head(0, b"\xc1garbage"), "no message"),
        (head(0, b"\x92\xa4Note\xa1x"), "no message"),
        (head(9, b""), "kind 9"),
        (head(2, b""), "kind 2"),
        (head(3, b""), "kind 3"),
        (head(1, INTRODUCTIONS.pack(introduction("again"))), "kind 1"),
        (head(0, CODEC.pack(Note(1)), [Entry(RAW, 1 << 55, 0)]), "Limits.buffer_bytes"),
        (struct.pack("<BBHII", 0xA5, 0, 0, 0, 2**32 - 1), "Limits.control_bytes"),
    ],
    # The bytes of an introduction differ between the processes that collect the tests.
    ids=["magic", "codec", "fields", "kind 9", "kind 2", "kind 3", "again", "buffer", "control"],
)
def test_a_member_that_sends_nonsense(server: Server, data: bytes, words: str) -> None:
    with server.join() as sock:
        sock.sendall(head(0, CODEC.pack(Note(1))) + data)
        assert server.messages.get(timeout=WAIT_S)[0] == Note(1)
        error = server.closed.get(timeout=WAIT_S)
        assert isinstance(error, FrameError)
        assert words in str(error)
        while sock.recv(1000):
            pass


def test_a_claim_of_terabytes_costs_nothing(server: Server) -> None:
    process = psutil.Process()
    before = process.memory_info()
    with server.join() as sock:
        sock.sendall(head(0, CODEC.pack(Note(1)), [Entry(RAW, 1 << 42, 0)]) + bytes(100_000))
        sock.shutdown(socket.SHUT_WR)
        error = server.closed.get(timeout=WAIT_S)
    after = process.memory_info()
    assert "in the middle of a message" in str(error)
    # A thread that has just begun may take address space for its first allocation meanwhile.
    assert after.rss - before.rss < 64 << 20
    assert after.vms - before.vms < 1 << 40


@pytest.mark.parametrize("cut", [1, 11, 12, 15, 40, 50_000])
def test_a_member_that_goes_in_the_middle(server: Server, cut: int) -> None:
    data = b"".join(CODEC.encode(Note(1, "hello"), [b"x" * 100, b"y" * 100_000]))
    with server.join() as sock:
        sock.sendall(data[:cut])
    error = server.closed.get(timeout=WAIT_S)
    assert isinstance(error, ConnectionLostError)
    assert "client 'raw' at tcp://127.0.0.1:" in str(error)
    assert "in the middle of a message" in str(error)
    assert server.messages.empty()


def test_another_user_at_the_other_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(f"unix://{tmp_path}/socket")
    try:
        monkeypatch.setattr(os, "geteuid", lambda: 4711)
        with server.dial() as sock:
            assert is_closed(sock)
        assert server.inside.empty()
        failed: queue.Queue[BaseException] = queue.Queue()
        connect(
            server.loop,
            server.listener.address,
            security=SECURITY,
            role="client",
            on_open=print,
            on_error=failed.put,
        )
        error = failed.get(timeout=WAIT_S)
        assert isinstance(error, AuthenticationError)
        assert "is user 4711's" in str(error) or "this one is user" in str(error)
    finally:
        server.stop()


def test_many_messages_both_ways_through_small_buffers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "UNIX_BUFFER_BYTES", 4096)
    server = Server(f"unix://{tmp_path}/socket")
    try:
        opened: queue.Queue[Any] = queue.Queue()
        back: queue.Queue[Any] = queue.Queue()
        connect(
            server.loop,
            server.listener.address,
            security=SECURITY,
            role="client",
            codec=CODEC,
            on_open=opened.put,
            on_error=opened.put,
        )
        here, there = opened.get(timeout=WAIT_S), server.inside.get(timeout=WAIT_S)
        here.on_message = lambda _, message, buffers: back.put((message, buffers))

        def talk(connection: Connection) -> None:
            for number in range(500):
                size = (0, 10, 5000, 100_000)[number % 4]
                connection.send(Note(number, "t" * size), [b"b" * size])

        threads = [threading.Thread(target=talk, args=(side,)) for side in (here, there)]
        for thread in threads:
            thread.start()
        for came in (server.messages, back):
            for number in range(500):
                size = (0, 10, 5000, 100_000)[number % 4]
                message, buffers = came.get(timeout=WAIT_S)
                assert message == Note(number, "t" * size)
                assert bytes(buffers[0]) == b"b" * size
        for thread in threads:
            thread.join()
    finally:
        server.stop()


def test_how_long_nothing_was_heard(server: Server) -> None:
    with server.join() as sock:
        sock.sendall(head(0, CODEC.pack(Note(1))))
        server.messages.get(timeout=WAIT_S)
        (connection,) = [c for c in server.loop._owned if isinstance(c, Connection)]
        server.advance(3.0)
        assert connection.idle_s == 3.0
        sock.sendall(head(0, CODEC.pack(Note(2))))
        server.messages.get(timeout=WAIT_S)
        assert connection.idle_s == 0.0


def test_a_host_that_acknowledges_nothing_is_lost(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with server.join():
        (connection,) = [c for c in server.loop._owned if isinstance(c, Connection)]
        real = connection._stream.sock  # type: ignore[attr-defined]

        class Silent:
            def getsockopt(self, *_: object) -> bytes:
                counters = [0, 0, 0, 0, 5] + [0] * 7 + [6000]
                return TCP_INFO.pack(3, 0, *counters)

        server.advance(1.1)  # a real peer is asked about, and is there
        assert not connection.closed
        connection._stream.sock = Silent()  # type: ignore[attr-defined]
        server.advance(1.1)
        error = server.closed.get(timeout=WAIT_S)
        assert "has acknowledged nothing for 4 s" in str(error)
        real.close()


@pytest.mark.parametrize(
    ("retransmits", "probes", "unacknowledged", "last_ack_ms", "lost"),
    [
        (0, 0, 0, 60_000, False),  # nothing was said for a minute
        (0, 0, 4, 60_000, False),  # just sent, after a minute of silence
        (2, 0, 4, 4_900, False),
        (2, 0, 4, 5_100, True),
        (0, 1, 0, 60_000, False),  # it reads nothing, and acknowledges the probes
        (0, 3, 0, 5_100, True),  # it does not acknowledge them either
    ],
)
def test_when_a_host_is_lost(
    retransmits: int, probes: int, unacknowledged: int, last_ack_ms: int, lost: bool
) -> None:
    counters = [0, 0, 0, 0, unacknowledged] + [0] * 7 + [last_ack_ms]
    assert is_lost(TCP_INFO.pack(retransmits, probes, *counters), 5.0) is lost
    assert not is_lost(b"", 5.0)


def test_a_secret_is_long_enough() -> None:
    with pytest.raises(AuthenticationError, match=r"at least 16 bytes.*Security\.new"):
        Security(b"")


def test_what_an_error_of_connect_is() -> None:
    assert issubclass(CommunicationError, ConnectionError)


def test_many_members_at_once_all_get_in(server: Server) -> None:
    loop = Loop()
    thread = loop.start("net-test-dialers")
    opened: queue.Queue[Any] = queue.Queue()
    for number in range(200):
        connect(
            loop,
            server.listener.address,
            security=SECURITY,
            role="worker",
            name=str(number),
            codec=CODEC,
            limits=Limits(shortcut=False),
            on_open=opened.put,
            on_error=opened.put,
        )
    connections = [opened.get(timeout=WAIT_S) for _ in range(200)]
    assert {type(connection) for connection in connections} == {type(connections[0])}
    assert isinstance(connections[0], Connection)
    names = {server.inside.get(timeout=WAIT_S).peer.name for _ in range(200)}
    assert names == set(map(str, range(200)))
    loop.stop()
    thread.join(WAIT_S)
