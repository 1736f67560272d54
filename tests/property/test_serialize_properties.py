"""Whatever goes through bytes comes back equal, and segments keep every byte."""

from __future__ import annotations

import collections
import datetime
import socket
import threading

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from shoal.local.process_wire import SEGMENT_BYTES, Inbox, Outbox, Segment, encode, seal
from shoal.serialize.pickles import Frames, dumps, loads

Pair = collections.namedtuple("Pair", "left right")

atoms = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.dates()
    | st.sampled_from([int, len, "__main__", datetime.date(2020, 1, 1), range(3)])
)
objects = st.recursive(
    atoms,
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.builds(Pair, inner, inner)
        | st.dictionaries(st.text(), inner)
    ),
    max_leaves=20,
)
arrays = hnp.arrays(
    st.sampled_from(["f8", "i4", "?", "S5", "M8[ns]", "c16"]),
    hnp.array_shapes(max_dims=3, max_side=40),
)


@given(objects)
def test_objects(obj):
    assert loads(dumps(obj)) == obj


@given(arrays, st.sampled_from([1, 300]), st.sampled_from(["C", "F"]))
def test_arrays(array, repeats, order):
    array = np.asarray(np.repeat(array, repeats, axis=0), order=order)
    copy = loads(dumps([array]))[0]
    np.testing.assert_array_equal(copy, array)
    assert copy.dtype == array.dtype


@given(st.lists(st.integers(-(2**40), 2**40), max_size=50), st.integers(1, 200))
def test_frames_of_pandas(numbers, repeats):
    frame = pd.DataFrame({"a": numbers * repeats, "b": [str(n) for n in numbers] * repeats})
    pd.testing.assert_frame_equal(loads(dumps(frame)), frame)


sizes = st.lists(st.sampled_from([0, 1, 63, 64, 65, 5_000, SEGMENT_BYTES, SEGMENT_BYTES + 3]))


def pattern(size, seed):
    return (bytes(range(seed % 7, 251)) * (size // 200 + 1))[:size]


@given(st.sampled_from([0, 10, SEGMENT_BYTES]), sizes)
def test_segments(head, buffers):
    frames = Frames(pattern(head, 1), [pattern(size, i) for i, size in enumerate(buffers)])
    part = seal(frames)
    assert isinstance(part, Segment) == (frames.nbytes >= SEGMENT_BYTES)
    assert part.nbytes == frames.nbytes
    there = part.frames() if isinstance(part, Segment) else part
    assert bytes(there.head) == frames.head
    assert list(map(bytes, there.buffers)) == list(frames.buffers)


@given(st.lists(st.tuples(objects, st.lists(st.tuples(st.sampled_from([0, 9, 70_000]), sizes)))))
def test_messages_through_a_socket(messages):
    here, there = socket.socketpair()
    received = []
    inbox = Inbox(there)

    def read():
        while len(received) < len(messages):
            received.append(inbox.get())

    reader = threading.Thread(target=read)
    with here, there:
        outbox = Outbox(here)
        for envelope, shapes in messages:
            parts = [
                Frames(pattern(head, 3), [pattern(size, i) for i, size in enumerate(buffers)])
                for head, buffers in shapes[:4]
            ]
            outbox.put(*encode(envelope, list(map(seal, parts))))
        reader.start()
        while outbox:
            outbox.push()
        reader.join(30)
    assert len(received) == len(messages)
    for (envelope, shapes), (got, parts) in zip(messages, received):
        assert got == envelope
        for (head, buffers), part in zip(shapes[:4], parts):
            frames = part.frames() if isinstance(part, Segment) else part
            assert bytes(frames.head) == pattern(head, 3)
            assert list(map(len, frames.buffers)) == list(buffers)
