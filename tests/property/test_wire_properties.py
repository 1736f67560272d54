"""Frames under any cut, any damage and any claim: the same messages, an error, or more to come."""

from __future__ import annotations

import struct

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from shoal.distributed.wire.codec import MESSAGES, Codec
from shoal.distributed.wire.compress import compress, decompress
from shoal.distributed.wire.frames import RING_BYTES, FrameReader
from shoal.distributed.wire.limits import Limits
from shoal.errors import FrameError


class Note(msgspec.Struct, tag=True, array_like=True):
    number: int
    parts: list[bytes]


class Other(msgspec.Struct, tag=True, array_like=True):
    table: dict[str, float]


CODEC = Codec(Note | Other)
SMALL = Limits(step_bytes=4096, control_bytes=1 << 20, buffers=1000, buffer_bytes=1 << 40)

sizes = st.one_of(st.integers(0, 100), st.sampled_from([65_536, 65_537, 70_000, 300_000]))
blobs = st.builds(lambda size, seed: bytes([seed]) * size, sizes, st.integers(0, 255))
messages = st.one_of(
    st.builds(Note, st.integers(-(2**63), 2**64 - 1), st.lists(blobs, max_size=2)),
    st.builds(Other, st.dictionaries(st.text(max_size=5), st.floats(allow_nan=False), max_size=3)),
)
streams = st.lists(st.tuples(messages, st.lists(blobs, max_size=4)), max_size=6)
cuts = st.lists(st.one_of(st.integers(1, 50), st.integers(1, 400_000)), min_size=1, max_size=30)


def read(data: bytes, cuts: list[int], limits: Limits) -> tuple[list[object], FrameReader]:
    """What a reader makes of bytes that come in pieces; checks the memory it takes."""
    reader = FrameReader(limits)
    view = memoryview(data)
    got: list[object] = []
    number = received = 0
    while view and reader.error is None:
        space = reader.get_buffer()
        # Twice what has come: a part's memory, and the ring; finished frames are the caller's.
        assert reader.held_bytes <= RING_BYTES + max(2 * received, received + limits.step_bytes)
        most = cuts[number] if number < len(cuts) else len(view)
        count = min(len(space), len(view), most)
        number += 1
        received += count
        space[:count] = view[:count]
        space.release()
        for frame in reader.received(count):
            got.append((bytes(frame.control), [bytes(buffer) for buffer in frame.buffers]))
        view = view[count:]
    return got, reader


def encoded(stream: list[tuple[msgspec.Struct, list[bytes]]]) -> bytes:
    return b"".join(bytes(piece) for item in stream for piece in CODEC.encode(*item))


@given(streams, cuts)
def test_any_cut_gives_the_same_messages(
    stream: list[tuple[msgspec.Struct, list[bytes]]], cuts: list[int]
) -> None:
    got, reader = read(encoded(stream), cuts, SMALL)
    assert reader.error is None and reader.idle
    assert [(CODEC.decode(control), buffers) for control, buffers in got] == stream


@given(streams, cuts, st.data())
def test_a_stream_that_ends_anywhere_gives_the_first_messages(
    stream: list[tuple[msgspec.Struct, list[bytes]]], cuts: list[int], data: st.DataObject
) -> None:
    whole = encoded(stream)
    end = data.draw(st.integers(0, len(whole)))
    got, reader = read(whole[:end], cuts, SMALL)
    assert reader.error is None
    decoded = [(CODEC.decode(control), buffers) for control, buffers in got]
    assert decoded == stream[: len(decoded)]
    ends = [len(encoded(stream[:count])) for count in range(len(stream) + 1)]
    assert reader.idle == (end in ends)


@given(streams, cuts, st.data())
def test_damage_is_an_error_or_another_message_and_never_more_memory(
    stream: list[tuple[msgspec.Struct, list[bytes]]], cuts: list[int], data: st.DataObject
) -> None:
    damaged = bytearray(encoded(stream))
    for _ in range(data.draw(st.integers(1, 5)) if damaged else 0):
        at = data.draw(st.integers(0, min(len(damaged) - 1, 200)))
        damaged[at] = data.draw(st.integers(0, 255))
    got, _ = read(bytes(damaged), cuts, SMALL)
    for control, _ in got:  # type: ignore[misc]
        decode_or_refuse(CODEC, control)


@given(st.binary(max_size=2000), cuts)
def test_garbage(garbage: bytes, cuts: list[int]) -> None:
    read(garbage, cuts, SMALL)
    read(b"\xa5\0\0\0" + garbage, cuts, SMALL)


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.binary(max_size=500), cuts)
def test_any_claim_of_a_header(count: int, control: int, rest: bytes, cuts: list[int]) -> None:
    header = struct.pack("<BBHII", 0xA5, 0, 0, count, control)
    _, reader = read(header + rest, cuts, SMALL)
    if control > SMALL.control_bytes or count > SMALL.buffers:
        assert reader.error is not None


@given(st.lists(st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1)), min_size=1), cuts)
def test_any_claim_of_a_table(rows: list[tuple[int, int]], cuts: list[int]) -> None:
    table = b"".join(struct.pack("<QQ", *row) for row in rows)
    header = struct.pack("<BBHII", 0xA5, 0, 0, len(rows), 0)
    read(header + table + bytes(100_000), cuts, SMALL)


def decode_or_refuse(codec: Codec, data: bytes) -> None:
    try:
        codec.decode(data)
    except FrameError:
        pass


@given(st.binary(max_size=300))
def test_bytes_that_may_be_a_message_of_the_cluster(data: bytes) -> None:
    decode_or_refuse(MESSAGES, data)


@given(st.recursive(st.none() | st.integers(-9, 9) | st.text(max_size=3), st.lists, max_leaves=20))
def test_any_msgpack_that_may_be_a_message_of_the_cluster(value: object) -> None:
    for tag in ("Hello", "Submit", "Report", "Data"):
        rest = value if isinstance(value, list) else [value]
        decode_or_refuse(MESSAGES, msgspec.msgpack.encode([tag, *rest]))


def test_a_message_nested_beyond_reason() -> None:
    decode_or_refuse(MESSAGES, b"\x91" * 100_000 + b"\xc0")


@given(blobs, st.integers(0, 2**20))
def test_compression(data: bytes, wrong: int) -> None:
    smaller = compress(data)
    if smaller is not None:
        assert len(smaller) < len(data)
        assert decompress(smaller, len(data)) == data
        if wrong != len(data):
            try:
                decompress(smaller, wrong)
                raise AssertionError("a wrong size went unnoticed")
            except FrameError:
                pass


@given(st.binary(max_size=200), st.integers(0, 10_000))
def test_bytes_that_lz4_did_not_make(data: bytes, size: int) -> None:
    try:
        assert len(decompress(data, size)) == size
    except FrameError:
        pass
