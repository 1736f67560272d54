"""The frame reader: the same frames however the bytes are cut, and no memory for mere claims."""

from __future__ import annotations

import struct

import msgspec
import pytest

from shoal.distributed.wire.codec import Codec
from shoal.distributed.wire.frames import LZ4, RAW, SEGMENT, Entry, FrameReader, head
from shoal.distributed.wire.limits import Limits
from shoal.errors import FrameError


class Ping(msgspec.Struct, tag=True, array_like=True):
    number: int
    text: str = ""


class Pong(msgspec.Struct, tag=True, array_like=True):
    numbers: list[int]


CODEC = Codec(Ping | Pong)


def feed(reader: FrameReader, data: bytes, most: int) -> list[tuple[object, list[bytes]]]:
    """Give a reader bytes in pieces of at most `most`; the messages, copied."""
    got = []
    view = memoryview(data)
    while view:
        space = reader.get_buffer()
        count = min(len(space), len(view), most)
        space[:count] = view[:count]
        space.release()
        frames = reader.received(count)
        for frame in frames:
            message = CODEC.decode(frame.control)
            got.append((message, [bytes(buffer) for buffer in frame.buffers]))
        if reader.error is not None:
            raise reader.error
        view = view[count:]
    return got


MESSAGES = [
    (Ping(1), []),
    (Pong([1, 2, 3]), [b"abc"]),
    (Ping(2, "x" * 300_000), []),
    (Ping(3), [b"", b"d" * 70_000, b"", bytes(range(256)) * 4000]),
    (Ping(4), [b"e" * 1000] * 300),
    (Ping(5, "y" * 70_000), [b"f" * 300_000, b""]),
    (Ping(6), []),
]
STREAM = b"".join(bytes(piece) for m, buffers in MESSAGES for piece in CODEC.encode(m, buffers))


@pytest.mark.parametrize("most", [997, 4096, 65_536, 262_144, 1 << 30])
@pytest.mark.parametrize("step", [1000, 8 << 20])
def test_messages_come_out_as_they_went_in(most: int, step: int) -> None:
    reader = FrameReader(Limits(step_bytes=step))
    assert feed(reader, STREAM, most) == MESSAGES
    assert reader.idle


def test_byte_by_byte() -> None:
    small = [(Ping(1), []), (Pong([5]), [b"abc", b""]), (Ping(2), [])]
    data = b"".join(bytes(piece) for m, buffers in small for piece in CODEC.encode(m, buffers))
    reader = FrameReader()
    assert feed(reader, data, 1) == small
    assert reader.idle


def test_many_messages_of_one_read_share_the_readers_memory() -> None:
    data = b"".join(CODEC.encode(Ping(i))[0] for i in range(1000))
    reader = FrameReader()
    reader.get_buffer()[: len(data)] = data
    frames = reader.received(len(data))
    assert len(frames) == 1000
    assert {type(frame.control) for frame in frames} == {memoryview}
    assert len({id(frame.control.obj) for frame in frames}) == 1


def test_buffers_are_writable_and_their_own() -> None:
    data = b"".join(CODEC.encode(Ping(1), [b"abc", b"x" * 100_000]))
    reader = FrameReader()
    reader.get_buffer()[: len(data)] = data
    (frame,) = reader.received(len(data))
    reader.get_buffer()[:] = bytes(len(reader.get_buffer()))
    assert [bytes(buffer[:3]) for buffer in frame.buffers] == [b"abc", b"xxx"]
    for buffer in frame.buffers:
        memoryview(buffer)[0] = 0


@pytest.mark.parametrize("size", [1 << 55, 1 << 41, 1 << 30])
def test_a_claim_costs_a_step_and_no_more(size: int) -> None:
    limits = Limits(step_bytes=1 << 20, buffer_bytes=1 << 56)
    reader = FrameReader(limits)
    first = len(reader.get_buffer())
    feed(reader, head(0, CODEC.pack(Ping(1)), [Entry(RAW, size, 0)]), 1 << 20)
    assert reader.held_bytes <= first + limits.step_bytes + 1000
    received = 0
    for _ in range(8):
        space = reader.get_buffer()
        received += len(space)
        reader.received(len(space))
        space.release()
        assert reader.held_bytes <= first + received + max(limits.step_bytes, received) + 1000


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "no frame of shoal"),
        (struct.pack("<BBHII", 0xA5, 0, 1, 0, 0), "no frame of shoal"),
        (struct.pack("<BBHII", 0xA5, 0, 0, 0, 2000), "Limits.control_bytes"),
        (struct.pack("<BBHII", 0xA5, 0, 0, 2**32 - 1, 0), "Limits.control_bytes"),
        (struct.pack("<BBHII", 0xA5, 0, 0, 20, 0), "Limits.buffers"),
        (head(0, b"", [Entry(RAW, 1 << 55, 0)]), "Limits.buffer_bytes"),
        (head(0, b"", [Entry(7, 1, 0)]), "form 7"),
        (head(0, b"", [Entry(RAW, 1, 1)]), "form 0"),
        (head(0, b"", [Entry(SEGMENT, 1 << 55, 1)]), "Limits.buffer_bytes"),
        (head(0, b"", [Entry(LZ4, 1, 1 << 40)]), "form 1"),
    ],
)
def test_what_is_no_frame_is_refused(data: bytes, words: str) -> None:
    reader = FrameReader(Limits(control_bytes=1000, buffers=10, buffer_bytes=1 << 50))
    with pytest.raises(FrameError, match=words):
        feed(reader, data, 1 << 20)


def test_what_came_before_the_nonsense_counts() -> None:
    data = CODEC.encode(Ping(1))[0] + CODEC.encode(Ping(2))[0] + b"nonsense nonsense"
    reader = FrameReader()
    reader.get_buffer()[: len(data)] = data
    assert [CODEC.decode(frame.control) for frame in reader.received(len(data))] == [
        Ping(1),
        Ping(2),
    ]
    assert "no frame of shoal" in str(reader.error)


def test_a_buffer_of_other_items_counts_its_bytes() -> None:
    numbers = memoryview(struct.pack("<4d", 1, 2, 3, 4)).cast("d")
    empty = memoryview(b"").cast("d")
    data = b"".join(bytes(piece) for piece in CODEC.encode(Ping(1), [numbers, empty]))
    assert feed(FrameReader(), data, 10) == [(Ping(1), [bytes(numbers), b""])]


@pytest.mark.parametrize(
    "control", [b"", b"\xc1", b"\x91\xa4Ping", b"\x92\xa3Foo\x01", b"\x81\x01"]
)
def test_bytes_that_are_no_message(control: bytes) -> None:
    with pytest.raises(FrameError, match="no message"):
        CODEC.decode(control)
