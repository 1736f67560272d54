"""Indexing, assignment and reshaping, against NumPy on random shapes, chunks and indices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import shoal.array as da
from shoal.array.testing import assert_eq

SHAPES = hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=7)
FEW = settings(max_examples=60, deadline=None)


@st.composite
def arrays(draw: Any, shapes: Any = SHAPES) -> tuple[np.ndarray, da.Array]:
    """An array of NumPy's, and the same in random blocks."""
    shape = draw(shapes)
    x = np.arange(math.prod(shape), dtype="f8").reshape(shape)
    return x, da.from_array(x, chunks=tuple([draw(parts(n)) for n in shape]))


@st.composite
def parts(draw: Any, length: int) -> tuple[int, ...]:
    cuts = draw(st.sets(st.integers(1, max(length - 1, 1)), max_size=4)) if length > 1 else set()
    ends = [0, *sorted(cuts), length]
    return tuple(np.diff(ends).tolist())


@FEW
@given(st.data())
def test_basic(data: Any) -> None:
    x, d = data.draw(arrays())
    index = data.draw(hnp.basic_indices(x.shape, allow_newaxis=True, max_dims=5))
    assert_eq(d[index], np.asarray(x[index]))


@st.composite
def mixed(draw: Any, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """An index with ints, slices, new axes, lists, masks and arrays."""
    common = draw(hnp.array_shapes(max_dims=2, max_side=3))
    out: list[Any] = []
    for n in shape:
        kind = draw(st.sampled_from(["int", "slice", "array", "mask", "new"]))
        if kind == "new":
            out.append(None)
            kind = "slice"
        if kind == "int":
            out.append(draw(st.integers(-n, n - 1)))
        elif kind == "slice":
            out.append(draw(st.slices(n)))
        elif kind == "array" or any(isinstance(e, np.ndarray) for e in out):
            out.append(draw(hnp.arrays(np.int64, common, elements=st.integers(-n, n - 1))))
        else:
            out.append(draw(hnp.arrays(bool, n)))
    return tuple(out)


@FEW
@given(st.data())
def test_arrays_in_the_index(data: Any) -> None:
    x, d = data.draw(arrays())
    index = data.draw(mixed(x.shape))
    try:
        expected = x[index]
    except IndexError:
        with pytest.raises(IndexError):
            d[index]
        return
    assert_eq(d[index], np.asarray(expected))


@FEW
@given(st.data())
def test_arrays_of_ours_in_the_index(data: Any) -> None:
    x, d = data.draw(arrays())
    axis = data.draw(st.integers(0, x.ndim - 1))
    n = x.shape[axis]
    if data.draw(st.booleans()):
        own = data.draw(hnp.arrays(bool, n))
    else:
        shape = data.draw(hnp.array_shapes(max_dims=1, max_side=5))
        own = data.draw(hnp.arrays(np.int64, shape, elements=st.integers(-n, n - 1)))
    lazy = da.from_array(own, chunks=data.draw(st.integers(1, 3)))
    lead = (slice(None),) * axis
    assert_eq(d[(*lead, lazy)], x[(*lead, own)])


@FEW
@given(st.data())
def test_masks_of_the_arrays_shape(data: Any) -> None:
    x, d = data.draw(arrays())
    mask = data.draw(hnp.arrays(bool, x.shape))
    assert_eq(d[mask], x[mask])
    assert_eq(d[da.from_array(mask, chunks=2)], x[mask])
    assert_eq(d[d % 2 == 0].compute_chunk_sizes() + 1, x[x % 2 == 0] + 1)


@FEW
@given(st.data())
def test_vindex(data: Any) -> None:
    x, d = data.draw(arrays())
    shape = data.draw(hnp.array_shapes(max_dims=2, max_side=4))
    index = tuple(
        [data.draw(hnp.arrays(np.int64, shape, elements=st.integers(-n, n - 1))) for n in x.shape]
    )
    assert_eq(d.vindex[index], x[index])
    # Axes of points come first.
    assert_eq(
        d.vindex[(..., index[-1])],
        np.moveaxis(x[(..., index[-1])], 0, 0)
        if x.ndim == 1
        else np.moveaxis(
            x[(..., index[-1])], range(x.ndim - 1, x.ndim - 1 + len(shape)), range(len(shape))
        ),
    )


@FEW
@given(st.data())
def test_assignment(data: Any) -> None:
    x, d = data.draw(arrays())
    x, before = x.copy(), d[:]
    index = data.draw(hnp.basic_indices(x.shape, allow_newaxis=False))
    index = index if isinstance(index, tuple) else (index,)
    if data.draw(st.booleans()) and x.ndim == len([e for e in index if e is not Ellipsis]):
        axis = data.draw(st.integers(0, x.ndim - 1))
        n = x.shape[axis]
        own = hnp.arrays(np.int64, data.draw(st.integers(1, 5)), elements=st.integers(-n, n - 1))
        places = [entry for entry in index if entry is not Ellipsis]
        places = [slice(None) if isinstance(entry, int) else entry for entry in places]
        places[axis] = data.draw(st.one_of(own, hnp.arrays(bool, n)))
        index = tuple(places)
    target = x[index]
    value: Any = -1.0
    if data.draw(st.booleans()):
        shape = tuple([data.draw(st.sampled_from([1, n])) for n in np.shape(target)])
        shape = shape[data.draw(st.integers(0, len(shape))) :]
        value = -1.0 - np.arange(math.prod(shape)).reshape(shape)
    x[index] = value
    d[index] = da.from_array(value, chunks=2) if np.ndim(value) else value
    assert_eq(d, x)
    assert_eq(before, np.arange(x.size, dtype="f8").reshape(x.shape))


@FEW
@given(st.data())
def test_reshape(data: Any) -> None:
    x, d = data.draw(arrays(st.sampled_from([(24,), (4, 6), (6, 4), (2, 3, 4), (4, 1, 6), (8, 3)])))
    shape = data.draw(
        st.sampled_from(
            [(24,), (6, 4), (4, 6), (3, 8), (2, 2, 6), (2, 3, 2, 2), (1, 24, 1), (-1, 3)]
        )
    )
    out = d.reshape(shape, merge_chunks=data.draw(st.booleans()))
    assert_eq(out, x.reshape(shape))
    assert_eq(out.ravel(), x.ravel())
    largest = math.prod(d.chunksize)
    assert math.prod(d.reshape(shape).chunksize) <= 2 * largest
