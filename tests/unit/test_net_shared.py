"""Shared memory: copied once, seen by all, changed by nobody else, given back by the kernel."""

from __future__ import annotations

import fcntl
import gc
import mmap
import os
import queue
import signal
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from shoal.distributed.net import Connection, Limits, Loop, Security, connect, listen
from shoal.distributed.net import connection as connection_module
from shoal.distributed.net import shared as shared_module
from shoal.distributed.net.cargo import load_segments
from shoal.distributed.net.shared import POOL, Pool, find, open_segment, share
from shoal.distributed.wire.codec import Codec
from shoal.errors import FrameError

pytestmark = pytest.mark.skipif(not shared_module.available(), reason="needs memfd")

WAIT_S = 60
LARGE = 2_000_000
SECURITY = Security.new()


class Note(msgspec.Struct, tag=True, array_like=True):
    number: int


CODEC = Codec(Note)


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    thread = loop.start("net-test")
    yield loop
    loop.stop()
    thread.join(WAIT_S)


@pytest.fixture(autouse=True)
def empty_pool() -> Iterator[None]:
    POOL.clear()
    yield
    POOL.clear()


class Side:
    """One end of a connection, and what came."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.got: queue.Queue[list[Any]] = queue.Queue()
        self.closed: queue.Queue[BaseException | None] = queue.Queue()
        connection.on_message = lambda _, message, buffers: self.got.put(list(buffers))
        connection.on_close = lambda _, error: self.closed.put(error)

    def get(self) -> list[Any]:
        return self.got.get(timeout=WAIT_S)


def pair(loop: Loop, folder: Path, **limits: Any) -> tuple[Side, Side]:
    sides: queue.Queue[Side] = queue.Queue()
    listener = listen(
        loop,
        f"unix://{folder}/{os.urandom(4).hex()}",
        security=SECURITY,
        role="worker",
        codec=CODEC,
        limits=Limits(**limits),
        on_connection=lambda connection: sides.put(Side(connection)),
    )
    opened: queue.Queue[Any] = queue.Queue()
    connect(
        loop,
        listener.address,
        security=SECURITY,
        role="client",
        codec=CODEC,
        limits=Limits(**limits),
        on_open=lambda connection: opened.put(Side(connection)),
        on_error=opened.put,
    )
    return opened.get(timeout=WAIT_S), sides.get(timeout=WAIT_S)


def inode(buffer: Any) -> int:
    """Which file in memory a buffer lies in."""
    place = find(buffer)
    assert place is not None
    return os.fstat(place[0].fd).st_ino


def test_a_payload_that_goes_on_and_on_is_copied_once(loop: Loop, tmp_path: Path) -> None:
    payload = os.urandom(LARGE)
    first, second = pair(loop, tmp_path), pair(loop, tmp_path)
    first[0].connection.send(Note(1), [b"small", payload, payload[::-1]])
    one = first[1].get()
    assert [bytes(part) for part in one] == [b"small", payload, payload[::-1]]
    held = POOL.held_bytes
    second[0].connection.send(Note(2), one)
    two = second[1].get()
    second[1].connection.send(Note(3), two)
    three = second[0].get()
    assert [bytes(part) for part in three] == [b"small", payload, payload[::-1]]
    assert inode(one[1]) == inode(two[1]) == inode(three[2])
    assert POOL.held_bytes == held


def test_a_part_is_sent_on_alone_if_it_is_small(loop: Loop, tmp_path: Path) -> None:
    here, there = pair(loop, tmp_path)
    (whole,) = share([bytes(8 * LARGE)])
    here.connection.send(Note(1), [whole[LARGE : 2 * LARGE]])
    (part,) = there.get()
    assert inode(part) != inode(whole)
    here.connection.send(Note(1), [whole[LARGE : 5 * LARGE]])
    (part,) = there.get()
    assert inode(part) == inode(whole)


def test_arrays_made_on_what_came_are_found(loop: Loop, tmp_path: Path) -> None:
    np = pytest.importorskip("numpy")
    here, there = pair(loop, tmp_path)
    here.connection.send(Note(1), [np.arange(500_000)])
    (buffer,) = there.get()
    array = np.frombuffer(buffer, dtype=np.int64)
    assert array.flags.writeable and array.ctypes.data % 64 == 0
    del buffer
    place = find(memoryview(array).cast("B"))
    assert place is not None
    array[3] = 7
    assert find(memoryview(array).cast("B")) is None


def test_what_one_writes_nobody_else_sees(loop: Loop, tmp_path: Path) -> None:
    here, there = pair(loop, tmp_path)
    payload = bytearray(LARGE)
    here.connection.send(Note(1), [payload])
    here.connection.send(Note(2), [payload])
    (one,), (two,) = there.get(), there.get()
    there.connection.send(Note(3), [one])
    (three,) = here.get()
    one[5] = 1
    three[6] = 2
    payload[7] = 3
    assert bytes(two) == bytes(LARGE)
    there.connection.send(Note(4), [one])  # not what the segment holds: copied
    (four,) = here.get()
    assert bytes(four[:8]) == b"\0\0\0\0\0\1\0\0"
    assert bytes(three[:8]) == b"\0\0\0\0\0\0\2\0"


def test_memory_is_used_again_when_nobody_has_it_and_not_before() -> None:
    pool = Pool()
    (first,) = [pool.make([b"a" * LARGE])[0]]
    held = pool.held_bytes
    view = open_segment(os.dup(first.fd), [(0, LARGE)])[0]
    del first
    pool.make([b"b" * LARGE])
    assert pool.held_bytes == 2 * held
    assert bytes(view) == b"a" * LARGE
    del view
    for letter in b"cdef":
        segment, _ = pool.make([bytes([letter]) * LARGE])
        assert os.pread(segment.fd, 4, LARGE - 4) == bytes([letter]) * 4
    assert pool.held_bytes == 2 * held
    segment, _ = pool.make([b"g" * (LARGE + 5000), b"h"])  # grows into the slot's last pages
    assert pool.held_bytes == 2 * held
    pool.clear()


def test_a_view_in_a_cycle_of_garbage_is_there_until_the_last_finalizer_has_run() -> None:
    seen: list[Any] = []

    class Holder:
        """The finalizer of the memory may run before this one, or another thread between them."""

        def __init__(self, view: Any) -> None:
            self.view = view
            self.myself = self

        def __del__(self) -> None:
            seen.append(shared_module.WINDOWS.trim(0.0, 0.0, 0))
            seen.append(bytes(self.view[:3]))

    for _ in range(3):
        Holder(share([b"1" * LARGE])[0])
        gc.collect()
    assert seen == [0, b"111"] * 3
    shared_module.WINDOWS.trim(0.0, 0.0, 0)
    assert not shared_module.WINDOWS.returned


def test_a_process_that_is_killed_gives_its_memory_back() -> None:
    pool = Pool()
    segment, _ = pool.make([b"a" * LARGE])
    ready, wait = os.pipe()
    pid = os.fork()
    if pid == 0:
        view = open_segment(segment.fd, [(0, LARGE)])
        os.write(wait, bytes(view[0][:1]))
        signal.pause()
    assert os.read(ready, 1) == b"a"
    del segment
    (slot,) = pool._slots
    assert not slot.is_free()
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert slot.is_free()
    os.close(ready)
    os.close(wait)
    pool.clear()


def test_a_forked_child_leaves_the_pool_alone() -> None:
    segment, _ = POOL.make([b"a" * LARGE])
    del segment
    pid = os.fork()
    if pid == 0:
        os._exit(len(POOL._slots))
    assert os.waitpid(pid, 0)[1] == 0
    assert len(POOL._slots) == 1


def test_nobody_but_its_maker_can_change_a_segment() -> None:
    segment, _ = POOL.make([b"a" * LARGE])
    with pytest.raises(OSError):
        os.pwrite(segment.fd, b"x", 0)
    with pytest.raises(OSError):
        mmap.mmap(segment.fd, 4096, flags=mmap.MAP_SHARED, prot=mmap.PROT_WRITE | mmap.PROT_READ)
    again = os.open(f"/proc/self/fd/{segment.fd}", os.O_RDWR)
    for change in (
        lambda: os.pwrite(again, b"x", 0),
        lambda: os.ftruncate(again, 0),
        lambda: os.ftruncate(again, 10 * LARGE),
        lambda: mmap.mmap(again, 4096),
        lambda: fcntl.fcntl(again, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE),
    ):
        with pytest.raises(OSError):
            change()
    os.close(again)


def test_idle_memory_goes_after_a_while() -> None:
    pool = Pool(idle_bytes=5 * LARGE, idle_s=10.0)
    leases = [pool.make([bytes(LARGE)])[0] for _ in range(4)]
    assert pool.trim(0.0) == 0
    del leases[1:]
    assert 2 * LARGE <= pool.trim(1.0) <= 5 * LARGE  # of three, two may stay
    assert pool.trim(10.0) > 0
    assert pool.trim(11.0) == 0
    assert len(pool._slots) == 1
    pool.clear()
    assert os.pread(leases[0].fd, 1, 0) == b"\0"  # who has it, keeps it


@pytest.mark.parametrize("function", ["memfd_create", "ftruncate", "pwrite"])
def test_without_room_for_a_segment_bytes_travel(
    loop: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str, opened: Any
) -> None:
    here, there = pair(loop, tmp_path)
    theirs = opened()

    def fail(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, function, fail)
        assert share([b"abc"]) == [b"abc"]
        here.connection.send(Note(1), [b"x" * LARGE])
        (got,) = there.get()
    assert bytes(got) == b"x" * LARGE
    assert find(got) is None
    assert opened() <= theirs


def test_with_many_mappings_already_bytes_are_copied(
    loop: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = pair(loop, tmp_path)
    monkeypatch.setattr(shared_module, "most_mappings", lambda: 0)
    here.connection.send(Note(1), [b"x" * LARGE, b"y" * LARGE])
    one, two = there.get()
    assert (bytes(one), bytes(two)) == (b"x" * LARGE, b"y" * LARGE)
    assert find(one) is None


def test_many_messages_with_and_without_segments_keep_their_order(
    loop: Loop, tmp_path: Path
) -> None:
    here, there = pair(loop, tmp_path, segment_bytes=10_000)
    sizes = [0, 100, 20_000, 9_999, 30_000] * 40

    def send() -> None:
        for number, size in enumerate(sizes):
            here.connection.send(Note(number), [struct.pack("<I", number) + bytes(size), b"!"])

    loop.call_threadsafe(send)
    send()
    seen = [0] * len(sizes)
    for _ in range(2 * len(sizes)):
        first, second = there.get()
        number = struct.unpack("<I", first[:4])[0]
        assert (len(first), bytes(second)) == (4 + sizes[number], b"!")
        seen[number] += 1
    assert set(seen) == {2}


def test_the_loop_goes_on_while_a_large_message_is_loaded(
    loop: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = pair(loop, tmp_path)
    may_go, threads = threading.Event(), []
    real = load_segments

    def load_slowly(*args: Any) -> Any:
        threads.append(threading.current_thread().name)
        assert may_go.wait(WAIT_S)
        return real(*args)

    monkeypatch.setattr(connection_module, "load_segments", load_slowly)

    def send() -> None:
        here.connection.send(Note(1), [b"first"])
        here.connection.send(Note(2), [bytes(10_000_000)])
        here.connection.send(Note(3), [b"third"])
        here.connection.close()  # what was sent before still goes

    loop.call_threadsafe(send)
    assert [bytes(part) for part in there.get()] == [b"first"]
    assert here.connection.queued_bytes > 10_000_000
    seen = threading.Event()
    loop.call_threadsafe(seen.set)
    assert seen.wait(WAIT_S) and there.got.empty()
    may_go.set()
    assert len(there.get()[0]) == 10_000_000
    assert [bytes(part) for part in there.get()] == [b"third"]
    assert here.closed.get(timeout=WAIT_S) is None
    assert threads[0].startswith("shoal-load")


def test_a_large_message_that_cannot_be_loaded_ends_the_connection(
    loop: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    here, there = pair(loop, tmp_path)

    def fail(*_: Any) -> Any:
        raise MemoryError("no memory")

    monkeypatch.setattr(connection_module, "load_segments", fail)
    loop.call_threadsafe(here.connection.send, Note(2), [bytes(10_000_000)])
    assert isinstance(here.closed.get(timeout=WAIT_S), MemoryError)
    assert there.closed.get(timeout=WAIT_S) is not None
    assert "a Note cannot be sent to worker" in caplog.text


def test_one_message_with_more_segments_than_descriptors_fit(loop: Loop, tmp_path: Path) -> None:
    here, there = pair(loop, tmp_path, segment_bytes=4096)
    parts = [share([bytes([number]) * 5000])[0] for number in range(250)]
    here.connection.send(Note(1), parts)
    got = there.get()
    assert [bytes(part) for part in got] == [bytes([number]) * 5000 for number in range(250)]


def test_descriptors_that_nobody_takes_are_closed(loop: Loop, tmp_path: Path, opened: Any) -> None:
    here, there = pair(loop, tmp_path)
    there.connection.on_message = lambda *_: there.connection.close()
    for _ in range(5):
        here.connection.send(Note(1), [bytes(LARGE)])
    assert there.closed.get(timeout=WAIT_S) is None
    here.closed.get(timeout=WAIT_S)
    POOL.clear()
    gone = threading.Event()
    loop.call_threadsafe(gone.set)
    assert gone.wait(WAIT_S)
    assert len(opened()) == 1  # the listener


def laden(fds: list[int]) -> tuple[bytes, list[int]]:
    """A message whose one buffer is in the first of these descriptors."""
    (piece,) = load_segments(CODEC, Note(1), [bytes(LARGE)], 1000)
    return bytes(piece), fds


@pytest.mark.parametrize("what", ["nothing", "a file", "a socket", "memory that can shrink"])
def test_a_descriptor_of_something_else(loop: Loop, tmp_path: Path, what: str) -> None:
    here, there = pair(loop, tmp_path)
    fds = []
    if what == "a file":
        (tmp_path / "file").write_bytes(bytes(LARGE))
        fds = [os.open(tmp_path / "file", os.O_RDONLY)]
    elif what == "a socket":
        fds = [socket.socket().detach()]
    elif what == "memory that can shrink":
        fds = [os.memfd_create("test", os.MFD_ALLOW_SEALING)]
        os.ftruncate(fds[0], LARGE)
    there.connection._stream.accept_descriptors()  # type: ignore[attr-defined]
    data, _ = laden(fds)
    stream = here.connection._stream  # type: ignore[attr-defined]
    stream.send_descriptors([data], fds)
    for fd in fds:
        os.close(fd)
    assert isinstance(there.closed.get(timeout=WAIT_S), FrameError)
