"""Every transport end to end: messages, buffers, order, closing, errors that help."""

from __future__ import annotations

import errno
import itertools
import os
import queue
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from shoal.distributed.net import (
    Connection,
    Limits,
    Listener,
    Loop,
    Security,
    cargo,
    connect,
    listen,
)
from shoal.distributed.net import connection as connections
from shoal.distributed.net.handshake import Handshake
from shoal.distributed.net.streams import TlsStream
from shoal.distributed.wire.codec import Codec
from shoal.errors import (
    AuthenticationError,
    CommunicationError,
    ConnectionLostError,
    ConnectTimeoutError,
    FrameError,
)

WAIT_S = 60


class Note(msgspec.Struct, tag=True, array_like=True):
    number: int
    text: str = ""


class Ask(msgspec.Struct, tag=True, array_like=True):
    number: int


CODEC = Codec(Note | Ask)
SECURITY = Security.new(tls=True)
PLAIN = Limits(shortcut=False)


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    thread = loop.start("net-test")
    yield loop
    loop.stop()
    thread.join(WAIT_S)
    assert not thread.is_alive()


@pytest.fixture(params=["tcp", "tls", "unix", "inproc"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return {
        "tcp": "tcp://127.0.0.1:0",
        "tls": "tls://127.0.0.1:0",
        "unix": f"unix://{tmp_path}/socket",
        "inproc": f"inproc://{tmp_path}",
    }[request.param]


class Side:
    """Records what happens to one connection."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.messages: queue.Queue[tuple[Any, list[bytes]]] = queue.Queue()
        self.closed: queue.Queue[BaseException | None] = queue.Queue()
        self.drained = threading.Event()
        connection.on_message = self.on_message
        connection.on_close = lambda _, error: self.closed.put(error)
        connection.on_drain = lambda _: self.drained.set()

    def on_message(self, connection: Connection, message: Any, buffers: Any) -> None:
        assert connection is self.connection
        self.messages.put((message, [bytes(buffer) for buffer in buffers]))

    def get(self) -> tuple[Any, list[bytes]]:
        return self.messages.get(timeout=WAIT_S)


def start(
    loop: Loop, address: str, limits: Limits | None = None
) -> tuple[Listener, queue.Queue[Side]]:
    sides: queue.Queue[Side] = queue.Queue()
    listener = listen(
        loop,
        address,
        security=SECURITY,
        role="scheduler",
        name="there",
        codec=CODEC,
        limits=limits or PLAIN,
        on_connection=lambda connection: sides.put(Side(connection)),
    )
    return listener, sides


def open_to(loop: Loop, address: str, **options: Any) -> Side:
    opened: queue.Queue[Side | BaseException] = queue.Queue()
    connect(
        loop,
        address,
        **{
            "security": SECURITY,
            "role": "client",
            "name": "here",
            "codec": CODEC,
            "limits": PLAIN,
            **options,
        },
        on_open=lambda connection: opened.put(Side(connection)),
        on_error=opened.put,
    )
    side = opened.get(timeout=WAIT_S)
    if isinstance(side, BaseException):
        raise side
    return side


def pair(loop: Loop, address: str, limits: Limits | None = None) -> tuple[Side, Side]:
    listener, sides = start(loop, address, limits)
    here = open_to(loop, listener.address, limits=limits or PLAIN)
    return here, sides.get(timeout=WAIT_S)


def test_both_know_each_other(loop: Loop, address: str) -> None:
    here, there = pair(loop, address)
    assert (here.connection.peer.role, here.connection.peer.name) == ("scheduler", "there")
    assert (there.connection.peer.role, there.connection.peer.name) == ("client", "here")
    for side in (here, there):
        peer = side.connection.peer
        assert peer.pid == os.getpid()
        assert peer.same_host
        assert peer.versions["protocol"] == "1"
        assert peer.versions["shoal"] and peer.versions["python"]
        assert peer.address.startswith(address.partition(":")[0])


def test_messages_and_buffers_both_ways(loop: Loop, address: str) -> None:
    here, there = pair(loop, address)
    sizes = [0, 1, 100, 70_000, 3_000_000]
    buffers = [os.urandom(size) for size in sizes]
    here.connection.send(Note(1, "hello"), buffers)
    here.connection.send(Ask(2))
    assert there.get() == (Note(1, "hello"), buffers)
    assert there.get() == (Ask(2), [])
    there.connection.send(Ask(3), [memoryview(buffers[-1])[:10].toreadonly()])
    assert here.get() == (Ask(3), [buffers[-1][:10]])


def test_order_of_many_from_a_thread_and_from_the_loop(loop: Loop, address: str) -> None:
    here, there = pair(loop, address)
    there.connection.on_message = lambda connection, message, buffers: connection.send(
        message, buffers
    )
    payload = b"p" * 100_000
    for number in range(1000):
        here.connection.send(Note(number), [payload] if number % 50 == 0 else [])
    for number in range(1000):
        message, buffers = here.get()
        assert message.number == number
        assert buffers == ([payload] if number % 50 == 0 else [])


def test_many_threads_send_whole_messages(loop: Loop, address: str) -> None:
    here, there = pair(loop, address)

    def send(first: int) -> None:
        for number in range(first, first + 200):
            here.connection.send(Note(number, "t" * 5000))

    threads = [threading.Thread(target=send, args=(first,)) for first in range(0, 800, 200)]
    for thread in threads:
        thread.start()
    got = [there.get()[0].number for _ in range(800)]
    for thread in threads:
        thread.join()
    assert sorted(got) == list(range(800))
    for first in range(0, 800, 200):
        mine = [number for number in got if first <= number < first + 200]
        assert mine == sorted(mine)


def test_closing_tells_both_once(loop: Loop, address: str) -> None:
    here, there = pair(loop, address)
    here.connection.send(Note(1))
    here.connection.close()
    here.connection.close()
    assert here.closed.get(timeout=WAIT_S) is None
    error = there.closed.get(timeout=WAIT_S)
    assert isinstance(error, ConnectionLostError)
    assert "client 'here'" in str(error)
    assert there.get() == (Note(1), [])
    here.connection.send(Note(2))  # nothing happens
    assert here.connection.queued_bytes == 0
    assert here.closed.empty() and there.closed.empty()


def test_what_was_sent_before_closing_arrives(loop: Loop, address: str) -> None:
    here, there = pair(loop, address)
    payload = os.urandom(20_000_000)
    here.connection.send(Note(1), [payload])
    here.connection.close()
    assert there.get() == (Note(1), [payload])
    assert here.closed.get(timeout=WAIT_S) is None


def test_how_much_of_a_large_write_has_left_is_seen_through_tls() -> None:
    security, pair = Security.new(tls=True), socket.socketpair()
    for sock in pair:
        sock.setblocking(False)
    here, there = (
        TlsStream(sock, security.context(dialer), dialer, security.host)
        for sock, dialer in zip(pair, (True, False), strict=True)
    )
    for stream in (here, there) * 3:
        with suppress(ssl.SSLWantReadError):
            stream.tls.do_handshake()
    data = memoryview(bytes(20_000_000))
    sent, came, into = 0, 0, memoryview(bytearray(1 << 16))
    with pytest.raises(BlockingIOError):
        while True:
            sent += here.send(data[sent:])
    assert 0 < sent < len(data)
    while came < sent:
        came += there.recv_into(into)
    assert here.send(data[sent:]) > 0  # goes on with what it could not send
    for stream in (here, there):
        stream.close()


def test_what_leaves_slowly_is_given_up_when_nothing_leaves_any_more() -> None:
    now = [1000.0]
    loop = Loop(lambda: now[0])  # turned by hand
    opened: list[Side] = []
    listener, sides = start(loop, "tcp://127.0.0.1:0")
    told: dict[str, Any] = {"security": SECURITY, "codec": CODEC, "limits": PLAIN, "role": "client"}
    connect(
        loop,
        listener.address,
        on_open=lambda connection: opened.append(Side(connection)),
        on_error=lambda error: None,
        **told,
    )
    while not opened or sides.empty():
        loop._turn()
    here, there = opened[0].connection, sides.get().connection
    there.pause()
    here.send(Note(1), [bytes(100_000_000)])
    here.close()
    loop._turn()
    for _ in range(3):
        waits = here.queued_bytes
        there.resume()
        while here.queued_bytes == waits:
            loop._turn()
        there.pause()
        now[0] += PLAIN.linger_s + 0.1
        loop._turn()
        assert 0 < here.queued_bytes < waits and not here.closed
    while not here.closed:
        now[0] += PLAIN.linger_s + 0.1
        loop._turn()
    loop.stop()
    loop.run()


def test_a_reader_that_fails_ends_the_connection(
    loop: Loop, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    here, there = pair(loop, address)

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    there.connection.on_message = fail
    here.connection.send(Note(1))
    assert "a Note could not be handled" in str(there.closed.get(timeout=WAIT_S))
    assert here.closed.get(timeout=WAIT_S) is not None
    assert "a Note from client 'here'" in caplog.text


def test_back_pressure(loop: Loop, address: str) -> None:
    limits = Limits(high_water_bytes=1_000_000, low_water_bytes=100_000, shortcut=False)
    here, there = pair(loop, address, limits)
    paused, resumed = threading.Event(), threading.Event()

    def pause() -> None:
        there.connection.pause()
        paused.set()

    loop.call_threadsafe(pause)
    assert paused.wait(WAIT_S)
    sent = 0
    # The system itself takes some: what it was full of may be gone a moment later.
    while not here.connection.is_full or here.drained.is_set():
        here.drained.clear()
        here.connection.send(Note(sent), [bytes(1_000_000)])
        sent += 1
        assert sent < 1000
    loop.call_threadsafe(there.connection.resume)
    loop.call_threadsafe(resumed.set)
    assert [there.get()[0].number for _ in range(sent)] == list(range(sent))
    assert here.drained.wait(WAIT_S)
    assert here.connection.queued_bytes == 0


def test_nobody_listens(loop: Loop, address: str) -> None:
    listener, _ = start(loop, address)
    done = threading.Event()
    listener.close()
    loop.call_threadsafe(done.set)
    assert done.wait(WAIT_S)
    with pytest.raises(CommunicationError) as caught:
        open_to(loop, listener.address)
    assert listener.address in str(caught.value)
    assert "?" in str(caught.value) or "start the scheduler" in str(caught.value)


def test_a_dialer_may_come_before_the_listener(loop: Loop, tmp_path: Path) -> None:
    address = f"unix://{tmp_path}/late"
    opened: queue.Queue[object] = queue.Queue()
    connect(
        loop,
        address,
        security=SECURITY,
        role="worker",
        codec=CODEC,
        retry=True,
        on_open=opened.put,
        on_error=opened.put,
    )
    start(loop, address)
    assert isinstance(opened.get(timeout=WAIT_S), Connection)


def test_a_dialer_gives_up(loop: Loop, tmp_path: Path) -> None:
    with pytest.raises(CommunicationError, match=r"late within 0\.1 s: .*is the scheduler"):
        open_to(loop, f"unix://{tmp_path}/late", retry=True, timeout_s=0.1)


def test_somebody_who_listens_and_says_nothing(loop: Loop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(ConnectTimeoutError, match=f"tcp://127.0.0.1:{port}"):
            open_to(loop, f"tcp://127.0.0.1:{port}", timeout_s=0.1)


@pytest.mark.parametrize("scheme", ["tcp", "tls", "unix"])
def test_another_clusters_secret(loop: Loop, scheme: str, tmp_path: Path) -> None:
    where = f"unix://{tmp_path}/s" if scheme == "unix" else f"{scheme}://127.0.0.1:0"
    listener, sides = start(loop, where)
    other = Security(b"another secret!!", SECURITY.ca, SECURITY.cert, SECURITY.key, SECURITY.host)
    with pytest.raises(AuthenticationError, match=r"cluster\.json") as caught:
        open_to(loop, listener.address, security=other)
    assert listener.address in str(caught.value)
    assert sides.empty()


@pytest.mark.parametrize("trusting", [False, True])
def test_another_clusters_certificate(loop: Loop, trusting: bool) -> None:
    """Even with the right secret: the dialer does not trust the listener, or the other way."""
    listener, sides = start(loop, "tls://127.0.0.1:0")
    other = Security.new(tls=True)
    mixed = Security(
        SECURITY.secret,
        SECURITY.ca if trusting else other.ca,
        other.cert,
        other.key,
        SECURITY.host if trusting else other.host,
    )
    with pytest.raises(CommunicationError) as caught:
        open_to(loop, listener.address, security=mixed, timeout_s=WAIT_S)
    if not trusting:
        assert isinstance(caught.value, AuthenticationError)
        assert "certificate is not of this cluster" in str(caught.value)
    assert sides.empty()


def test_tls_wants_certificates(loop: Loop) -> None:
    with pytest.raises(AuthenticationError, match=r"Security\.new\(tls=True\)"):
        listen(loop, "tls://127.0.0.1:0", security=Security.new(), role="x", on_connection=print)


def test_a_message_beyond_the_limit_is_refused_where_it_is_sent(loop: Loop) -> None:
    here, _ = pair(loop, "tcp://127.0.0.1:0", Limits(control_bytes=1000))
    with pytest.raises(CommunicationError, match=r"a Note has .* send it in parts"):
        here.connection.send(Note(1, "x" * 2000))


def test_an_address_that_is_taken(loop: Loop, address: str) -> None:
    listener, _ = start(loop, address)
    with pytest.raises(CommunicationError, match=r"taken|in use"):
        start(loop, listener.address)


def test_a_unix_socket_left_behind_is_replaced(loop: Loop, tmp_path: Path) -> None:
    path = f"{tmp_path}/left"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(path)
    listener, _ = start(loop, f"unix://{path}")
    assert os.stat(path).st_mode & 0o777 == 0o600
    open_to(loop, listener.address)


def test_the_end_of_a_loop_closes_what_it_has(tmp_path: Path, opened: Any) -> None:
    loop = Loop()
    thread = loop.start("net-test")
    here, there = pair(loop, f"unix://{tmp_path}/socket")
    loop.stop()
    thread.join(WAIT_S)
    assert here.closed.get(timeout=WAIT_S) is None
    assert there.closed.get(timeout=WAIT_S) is None
    assert not opened()
    assert os.listdir(tmp_path) == []


def on_loop(loop: Loop, call: Callable[[], object]) -> Any:
    """What a call gives in the loop's thread."""
    answer: queue.Queue[object] = queue.Queue()
    loop.call_threadsafe(lambda: answer.put(call()))
    return answer.get(timeout=WAIT_S)


def test_replies_of_one_batch_go_together(loop: Loop, tmp_path: Path) -> None:
    here, there = pair(loop, f"unix://{tmp_path}/socket")
    calls = []
    stream = there.connection._stream  # type: ignore[attr-defined]
    send, sendmsg = stream.send, stream.sendmsg
    stream.send = lambda data: calls.append(1) or send(data)
    stream.sendmsg = lambda pieces: calls.append(len(pieces)) or sendmsg(pieces)

    def reply() -> None:
        for number in range(20):
            there.connection.send(Note(number))

    on_loop(loop, reply)
    assert [here.get()[0].number for _ in range(20)] == list(range(20))
    assert calls == [20]


@pytest.mark.parametrize("scheme", ["tcp", "tls"])
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "[::1]"])
def test_one_host_finds_its_unix_sockets(loop: Loop, scheme: str, host: str) -> None:
    try:
        listener, sides = start(loop, f"{scheme}://{host}:0", Limits())
    except CommunicationError:
        pytest.skip(f"no {host} here")
    address = listener.address.replace("0.0.0.0", "127.0.0.1")
    here = open_to(loop, address, limits=Limits())
    there = sides.get(timeout=WAIT_S)
    assert here.connection.peer.address == address
    for side in (here, there):
        family = side.connection._stream.sock.family  # type: ignore[attr-defined]
        assert family == socket.AF_UNIX
    here.connection.send(Note(1), [bytes(2_000_000)])
    assert there.get() == (Note(1), [bytes(2_000_000)])


def test_a_shortcut_that_leads_elsewhere_is_not_taken(loop: Loop) -> None:
    """Somebody else, here another cluster of this user, has the unix name of the port."""
    listener, _ = start(loop, "tcp://127.0.0.1:0", PLAIN)
    port = int(listener.address.rpartition(":")[2])
    with socket.socket(socket.AF_UNIX) as squatter:
        squatter.bind(f"\0shoal/127.0.0.1/{port}")
        squatter.listen()
        accepting = threading.Thread(target=answer_wrongly, args=(squatter,))
        accepting.start()
        here = open_to(loop, listener.address, limits=Limits())
        accepting.join(WAIT_S)
    family = here.connection._stream.sock.family  # type: ignore[attr-defined]
    assert family == socket.AF_INET


def answer_wrongly(listening: socket.socket) -> None:
    """Do as a listener does, with another secret."""
    sock, _ = listening.accept()
    with sock:
        there = Handshake(False, b"another secret!!", "scheduler", os.urandom(32), binding=b"unix")
        sock.sendall(there.receive(sock.recv(there.wanted)))
        sock.recv(1)


@pytest.mark.parametrize("address", ["tcp", "unix"], indirect=True)
def test_a_socket_that_refuses_to_write_ends_the_connection(loop: Loop, address: str) -> None:
    listener, sides = start(loop, address)
    here = open_to(loop, listener.address)
    sides.get(timeout=WAIT_S)

    def refuse(*args: Any) -> int:
        raise OSError(errno.ENOBUFS, "no buffer space available")

    stream: Any = here.connection._stream  # type: ignore[attr-defined]
    stream.send = stream.sendmsg = refuse
    here.connection.send(Note(1))
    error = here.closed.get(timeout=WAIT_S)
    assert isinstance(error, ConnectionLostError) and "no buffer space" in str(error)


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Limits:
    """Both sides take each other for processes of another host, to whom is compressed."""
    machines = itertools.count()
    monkeypatch.setattr(connections, "machine", lambda: f"machine {next(machines)}")
    return Limits(shortcut=False, compress_bytes=1000)


class Held:
    """Threads that decompress only when they are told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: queue.Queue[Callable[[], object]] = queue.Queue()
        monkeypatch.setattr(connections, "aside", self.calls.put)

    def go(self) -> None:
        self.calls.get(timeout=WAIT_S)()


@pytest.mark.parametrize("scheme", ["tcp", "tls"])
def test_large_messages_are_decompressed_beside_the_loop_in_order(
    loop: Loop, scheme: str, elsewhere: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = pair(loop, f"{scheme}://127.0.0.1:0", elsewhere)
    assert not here.connection.peer.same_host
    held = Held(monkeypatch)
    large = bytes(9_000_000)
    for number in range(6):
        here.connection.send(Note(number), [large] if number in (1, 2, 4) else [b"small"])
    assert there.get() == (Note(0), [b"small"])
    for number in (1, 2, 4):
        # The loop goes on while another thread decompresses.
        there.connection.send(Ask(number))
        assert here.get() == (Ask(number), [])
        assert there.messages.empty()
        held.go()
        assert there.get() == (Note(number), [large])
        if number != 1:
            assert there.get() == (Note(number + 1), [b"small"])
    assert held.calls.empty()


def test_nothing_piles_up_behind_what_is_decompressed(
    loop: Loop, elsewhere: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = pair(loop, "tcp://127.0.0.1:0", elsewhere)
    held = Held(monkeypatch)
    here.connection.send(Note(0), [bytes(9_000_000)])
    call = held.calls.get(timeout=WAIT_S)
    noise = os.urandom(1_000_000)
    for number in range(1, 40):
        here.connection.send(Note(number), [noise])
    # The other direction goes on, and so this side has had the time to read.
    for number in range(20):
        there.connection.send(Ask(number))
        assert here.get() == (Ask(number), [])
    assert len(there.connection._held) == 0 and there.messages.empty()
    assert here.connection.queued_bytes > 10_000_000
    loop.call_threadsafe(there.connection.pause)
    loop.call_threadsafe(there.connection.resume)  # which is not to let it in
    call()
    assert there.get()[0] == Note(0)
    for number in range(1, 40):
        assert there.get() == (Note(number), [noise])


def test_a_message_that_is_none_ends_the_connection_after_it_was_decompressed(
    loop: Loop, elsewhere: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = pair(loop, "tcp://127.0.0.1:0", elsewhere)
    monkeypatch.setattr(here.connection._codec, "pack", lambda message: b"\xc1", raising=False)
    here.connection.send(Note(0), [bytes(9_000_000)])
    assert isinstance(there.closed.get(timeout=WAIT_S), CommunicationError)


@pytest.mark.parametrize("end", ["closed", "broken", "garbage"])
def test_an_end_that_comes_meanwhile_stays_behind_the_message(
    loop: Loop, elsewhere: Limits, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    here, there = pair(loop, "tcp://127.0.0.1:0", elsewhere)
    held = Held(monkeypatch)
    here.connection.send(Note(1), [bytes(9_000_000)])
    here.connection.send(Note(2))
    call = held.calls.get(timeout=WAIT_S)
    reached = threading.Event()
    ends = there.connection._end_after
    monkeypatch.setattr(
        there.connection, "_end_after", lambda error: (ends(error), reached.set()), raising=False
    )
    sock = here.connection._stream.sock
    if end == "closed":
        here.connection.close()
    elif end == "broken":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        here.connection.close(ValueError("at once"))
    else:
        sock.sendall(bytes(100))
    if end == "broken":  # the others are heard of when what came before was handed out
        assert reached.wait(WAIT_S)
    assert there.closed.empty() and there.messages.empty()
    call()
    assert there.get()[0] == Note(1)
    assert there.get()[0] == Note(2)
    assert isinstance(there.closed.get(timeout=WAIT_S), CommunicationError)


def test_what_cannot_be_decompressed_ends_the_connection(
    loop: Loop, elsewhere: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = pair(loop, "tcp://127.0.0.1:0", elsewhere)

    def broken(*_: object) -> Any:
        raise FrameError("a buffer that lz4 cannot decompress")

    monkeypatch.setattr(cargo, "decompress", broken)
    here.connection.send(Note(1), [bytes(9_000_000)])
    assert "lz4" in str(there.closed.get(timeout=WAIT_S))
    assert there.messages.empty()


def test_many_buffers_that_are_large_together_are_compressed_beside_the_loop(
    loop: Loop, elsewhere: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = pair(loop, "tcp://127.0.0.1:0", elsewhere)
    held = Held(monkeypatch)
    buffers = [bytes(1_000_000)] * 9
    loop.call_threadsafe(here.connection.send, Note(1), buffers)
    loop.call_threadsafe(here.connection.send, Note(2))
    held.go()  # compresses
    held.go()  # decompresses
    assert there.get() == (Note(1), buffers)
    assert there.get() == (Note(2), [])
