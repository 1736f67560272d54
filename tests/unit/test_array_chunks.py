"""Chunks: every way to write them, and bringing them together."""

from __future__ import annotations

import numpy as np
import pytest

import shoal
from shoal.array.chunks import broadcast_chunks, common_blockdim, normalize_chunks

nan = float("nan")


@pytest.mark.parametrize(
    ("chunks", "shape", "wanted"),
    [
        (3, (4, 6), ((3, 1), (3, 3))),
        (((3, 3), (8,)), (6, 8), ((3, 3), (8,))),
        ((4, 5), (9,), ((4, 5),)),
        ((4, 5), (9, 9), ((4, 4, 1), (5, 4))),
        (-1, (5, 5), ((5,), (5,))),
        ((3, None), (5, 5), ((3, 2), (5,))),
        ({0: 3}, (5, 5), ((3, 2), (5,))),
        ([[2, 2], [3, 3]], None, ((2, 2), (3, 3))),
        ((), (0, 0), ((0,), (0,))),
        (-1, (0, 3), ((0,), (3,))),
        (((nan,),), None, ((nan,),)),
        (np.array([2, 2]), (4, 4), ((2, 2), (2, 2))),
    ],
)
def test_ways_to_write_chunks(chunks: object, shape: object, wanted: object) -> None:
    assert str(normalize_chunks(chunks, shape)) == str(wanted)


@pytest.mark.parametrize(
    ("chunks", "shape", "limit", "wanted"),
    [
        ("auto", (23,), 5, ((5, 5, 5, 5, 3),)),
        (("auto", 2), (20, 20), 20, ((10, 10), (2,) * 10)),
        ("auto", (1, 20), 10, ((1,), (10, 10))),
        ("auto", (20, 20, 20), 8, ((2,) * 10,) * 3),
        (((2, 3, 5), "auto"), (10, 10), 10, ((2, 3, 5), (2,) * 5)),
        ("25B", (10, 10), None, ((5, 5), (5, 5))),
    ],
)
def test_automatic_chunks(chunks: object, shape: object, limit: object, wanted: object) -> None:
    assert normalize_chunks(chunks, shape, limit=limit, dtype="uint8") == wanted  # type: ignore[arg-type]


def test_automatic_chunks_are_multiples_of_previous_ones() -> None:
    got = normalize_chunks("auto", (2000,), limit="1200 B", previous_chunks=(512,), dtype="u1")
    assert got == ((1024, 976),)


def test_the_setting_limits_blocks() -> None:
    with shoal.config.set({"array.chunk-size": "80 B"}):
        assert normalize_chunks("auto", (20,), dtype="f8") == ((10, 10),)


@pytest.mark.parametrize(
    ("chunks", "shape", "words"),
    [
        (((2, 2),), (5,), "sum to 4"),
        (-3, (5,), "at least 1"),
        (0, (5,), "at least 1"),
        (((6, -1),), (5,), "negative"),
        ((2, 2, 2), (5, 5), "3 axes"),
        (None, (5,), "None"),
        (2, (nan,), "unknown"),
        (("8B", "16B"), (5, 5), "different sizes"),
    ],
)
def test_bad_chunks_say_what_is_wrong(chunks: object, shape: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        normalize_chunks(chunks, shape, dtype="f8")


def test_objects_have_no_automatic_chunks() -> None:
    with pytest.raises(NotImplementedError, match="object"):
        normalize_chunks("auto", (5,), dtype=object)


def test_common_blocks() -> None:
    assert common_blockdim([(5, 2, 3), (2, 3, 5)]) == (2, 3, 2, 3)
    assert common_blockdim([(1,), (2, 3)]) == (2, 3)
    assert common_blockdim([(nan, nan), (2, 3)]) == (2, 3)
    with pytest.raises(ValueError, match="different lengths"):
        common_blockdim([(4,), (5,)])
    with pytest.raises(ValueError, match="compute_chunk_sizes"):
        common_blockdim([(nan, nan), (5,)])


def test_broadcast() -> None:
    assert broadcast_chunks(((5, 5),), ((3,), (1,))) == ((3,), (5, 5))
    with pytest.raises(ValueError, match="differ"):
        broadcast_chunks(((5, 5),), ((4, 6),))
