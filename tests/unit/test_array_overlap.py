"""Overlapping blocks: against NumPy's padding, windows and a stencil on the whole array."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shoal.array as da
from shoal.array.overlap import (
    ensure_minimum_chunksize,
    overlap,
    push,
    sliding_window_view,
    trim_overlap,
)
from shoal.array.testing import assert_eq

PADS = {"reflect": "symmetric", "periodic": "wrap", "nearest": "edge", 7: "constant"}


def padded(x: Any, width: Any, kind: Any) -> Any:
    more = {"constant_values": kind} if not isinstance(kind, str) else {}
    return np.pad(x, width, mode=PADS[kind], **more)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(3, 9),
    st.integers(3, 9),
    st.integers(1, 5),
    st.sampled_from(["reflect", "periodic", "nearest", 7, "none"]),
    st.tuples(st.integers(0, 2), st.integers(0, 2)),
    st.integers(0, 2),
)
def test_a_stencil(
    n: int, m: int, size: int, kind: Any, depth: tuple[int, int], other: int
) -> None:
    x = np.arange(float(n * m)).reshape(n, m)
    d = da.from_array(x, chunks=size)
    widths = [depth, (other, other)]

    def shifted_sum(b: Any) -> Any:
        # Each element with those so far before and after it; beyond the block it wraps around.
        out = b + np.roll(b, depth[0], 0) + np.roll(b, -depth[1], 0)
        return out + np.roll(b, other, 1)

    got = d.map_overlap(shifted_sum, depth={0: depth, 1: other}, boundary=kind)
    if kind == "none":
        inner = tuple([slice(a, k - b) for (a, b), k in zip(widths, x.shape, strict=True)])
        assert_eq(got[inner], shifted_sum(x)[inner])
    else:
        whole = shifted_sum(padded(x, widths, kind))
        inner = tuple([slice(a, a + k) for (a, b), k in zip(widths, x.shape, strict=True)])
        assert_eq(got, whole[inner])
    wide = overlap(d, {0: depth, 1: other}, kind)
    assert_eq(trim_overlap(wide, {0: depth, 1: other}, kind), x)


@pytest.mark.parametrize("kind", ["reflect", "periodic", "nearest", 7])
def test_one_block_is_padded(kind: Any) -> None:
    x = np.arange(12).reshape(3, 4)
    assert_eq(overlap(da.from_array(x, chunks=-1), (1, 2), kind), padded(x, [(1, 1), (2, 2)], kind))


def test_several_arrays() -> None:
    x, y = da.arange(10, chunks=(2, 3, 5)), da.arange(10, chunks=(5, 3, 2))
    out = da.map_overlap(lambda a, b: a + b, x, y, depth=1, boundary="none")
    assert out.chunks == ((2, 3, 3, 2),)
    assert_eq(out, 2 * np.arange(10))
    wide = y.reshape(1, 10)
    assert_eq(da.map_overlap(np.add, x, wide, depth=1, boundary=0), 2 * np.arange(10)[None])
    for depths, size in [([0, 0], 10), ([0, 1], 12), ([1, 2], 16)]:
        got = da.map_overlap(
            lambda a, b: a.sum() + b.sum(),
            *[da.ones(5, dtype=int)] * 2,
            depth=depths,
            chunks=(0,),
            trim=False,
            boundary="reflect",
        )
        assert got.compute() == size
    with pytest.raises(ValueError, match="numbers of blocks"):
        args = da.arange(9, chunks=3), da.arange(9, chunks=5)
        da.map_overlap(np.add, *args, align_arrays=False)


def test_axes_that_go_and_come() -> None:
    x = np.arange(60.0).reshape(5, 12)
    d = da.from_array(x, chunks=(2, 5))
    mean = d.map_overlap(lambda b: b.mean(axis=1), depth={0: 1}, boundary=0, drop_axis=1)
    got = d.rechunk({1: -1}).map_overlap(lambda b: b.mean(axis=1), depth={0: 1}, drop_axis=1)
    assert mean.chunks == ((2, 2, 1),)
    assert_eq(got, x.mean(axis=1))
    got = d.map_overlap(lambda b: b[None], depth=1, boundary="reflect", new_axis=0)
    assert_eq(got, x[None])


def test_what_cannot_be() -> None:
    d = da.arange(6, chunks=5)
    with pytest.raises(ValueError, match="smallest chunk"):
        overlap(d, 2, "reflect", allow_rechunk=False)
    with pytest.raises(ValueError, match="The overlapping depth"):
        overlap(d, 7, 0)
    with pytest.raises(ValueError, match="negative"):
        overlap(d, -1, 0)
    with pytest.raises(ValueError, match="unknown boundary"):
        overlap(d, 1, "mirror")
    with pytest.raises(TypeError, match="function first"):
        da.map_overlap(5, d)
    with pytest.warns(FutureWarning, match="function comes first"):
        assert da.map_overlap(d, np.abs, 1, "reflect").shape == (6,)


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ((10, 10, 1), (10, 11)),
        ((20, 20, 20, 1), (20, 20, 11, 10)),
        ((2, 20, 2, 20), (14, 10, 20)),
        ((1, 1, 1, 1, 7), (11,)),
    ],
)
def test_minimum_chunksize(chunks: Any, expected: Any) -> None:
    assert ensure_minimum_chunksize(10, chunks) == expected


@pytest.mark.parametrize(
    ("shape", "chunks", "window", "axis"),
    [
        ((6, 7, 8), (6, (2, 2, 2, 1), 4), (3, 2), (1, 2)),
        ((40, 30, 2), 5, (3,), (0,)),
        ((21,), 3, (7,), (0,)),
        ((9,), 3, 3, -1),
        ((9, 8), 3, (2, 4), None),
        ((9,), 3, (3, 3), (0, -1)),
    ],
)
def test_windows(shape: Any, chunks: Any, window: Any, axis: Any) -> None:
    x = np.arange(np.prod(shape)).reshape(shape)
    d = da.from_array(x, chunks=chunks)
    expected = np.lib.stride_tricks.sliding_window_view(x, window, axis)
    assert_eq(sliding_window_view(d, window, axis), expected)
    assert_eq(np.lib.stride_tricks.sliding_window_view(d, window, axis), expected)


def test_sizes_of_windows() -> None:
    d = da.ones((50, 50, 50), chunks=25)
    out = sliding_window_view(d, 5, 0)
    assert out.chunks == ((25, 21), (9, 8, 8) * 2, (9, 8, 8) * 2, (5,))
    assert sliding_window_view(d, 30, 0, automatic_rechunk=False).chunks[0] == (21,)
    for window, axis in [((51,), 0), ((2,), 3), (-1, 0), (2, (0, 1)), (0, None)]:
        with pytest.raises(ValueError, match=r"window|axes|axis"):
            sliding_window_view(d, window, axis)


@pytest.mark.parametrize("n", [None, 1, 2, 5, 20])
@pytest.mark.parametrize("size", [1, 2, 5, 12])
def test_push(n: Any, size: int) -> None:
    nan = np.nan
    x = np.array([nan, 1, 2, 3, nan, nan, nan, nan, 4, 5, nan, 6])
    expected, left = x.copy(), 0
    for i in range(1, len(x)):
        left = 0 if x[i] == x[i] else left + 1
        if left and (n is None or left <= n):
            expected[i] = expected[i - 1]
    assert_eq(push(da.from_array(x, chunks=size), n, 0), expected)
    both = np.stack([x, x[::-1]])
    got = push(da.from_array(both, chunks=(1, size)), n, 1)
    assert_eq(got[0], expected)
