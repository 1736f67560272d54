"""Arrays against NumPy on random shapes, chunks and indices."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import shoal.array as da
from shoal.array.nodes.layout import cut_axis, part_length
from shoal.array.nodes.rechunk import overlaps
from shoal.array.slicing.entries import normalize_entry
from shoal.array.testing import assert_eq

lengths = st.integers(0, 7)
axes = st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple)


@st.composite
def cut(draw: Any, length: int) -> tuple[int, ...]:
    cuts = sorted(draw(st.sets(st.integers(1, max(1, length - 1)), max_size=3)))
    ends = [0, *[c for c in cuts if c < length], length]
    return tuple(b - a for a, b in itertools.pairwise(ends))


@st.composite
def arrays(draw: Any, ndim: int = 2) -> tuple[Any, Any]:
    shape = tuple(draw(lengths) for _ in range(ndim))
    x = np.arange(float(np.prod(shape))).reshape(shape)
    return x, da.from_array(x, chunks=tuple(draw(cut(n)) for n in shape))


slices = st.builds(
    slice,
    st.none() | st.integers(-9, 9),
    st.none() | st.integers(-9, 9),
    st.none() | st.integers(-4, 4).filter(bool),
)


@settings(max_examples=150, deadline=None)
@given(arrays(), slices, slices)
def test_slices(pair: Any, first: slice, second: slice) -> None:
    x, d = pair
    assert_eq(d[first, second], x[first, second])


@settings(max_examples=200, deadline=None)
@given(axes, slices)
def test_cuts_of_an_axis_cover_the_slice(blocks: tuple[int, ...], entry: slice) -> None:
    length = sum(blocks)
    part = normalize_entry(entry, length, 0)
    starts = np.cumsum((0, *blocks))
    got = [
        int(starts[b]) + i
        for b, piece in cut_axis(blocks, part)
        for i in range(*piece.indices(blocks[b]))
    ]
    assert got == list(range(length))[entry]
    assert sum(part_length(blocks[b], p) for b, p in cut_axis(blocks, part)) == len(got)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_rechunk(data: Any) -> None:
    x, d = data.draw(arrays())
    chunks = tuple(data.draw(cut(n)) for n in x.shape)
    new = d.rechunk(chunks)
    assert new.chunks == chunks
    assert_eq(new, x)


@given(axes, st.data())
def test_overlaps_take_each_element_once(old: tuple[int, ...], data: Any) -> None:
    new = data.draw(cut(sum(old)))
    starts = np.cumsum((0, *old))
    got = [
        [int(starts[b]) + i for b, part in parts for i in range(part.start, part.stop)]
        for parts in overlaps(old, new)
    ]
    assert [len(part) for part in got] == list(new)
    assert [i for part in got for i in part] == list(range(sum(old)))


@settings(max_examples=100, deadline=None)
@given(
    arrays(),
    st.sampled_from(["sum", "mean", "prod", "any", "all"]),
    st.sampled_from([None, 0, 1, (0, 1), -1]),
    st.booleans(),
    st.sampled_from([2, 3, {0: 2, 1: 3}, None]),
)
def test_reductions(pair: Any, name: str, axis: Any, keepdims: bool, split_every: Any) -> None:
    x, d = pair
    with np.errstate(all="ignore"):
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            want = getattr(np, name)(x, axis=axis, keepdims=keepdims)
    got = getattr(d, name)(axis=axis, keepdims=keepdims, split_every=split_every)
    assert_eq(got, want)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_elementwise_with_broadcasting(data: Any) -> None:
    x, d = data.draw(arrays())
    row, e = x[:1], d[:1]
    column, f = x[:, :1], d[:, :1]
    assert_eq(d + e - f, x + row - column)
    assert_eq((d * e).T, (x * row).T)
