"""Indexing and assignment: what cannot be, and what properties do not reach."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import shoal
import shoal.array as da
from shoal.array.nodes import selection
from shoal.array.testing import assert_eq

X = np.arange(60.0).reshape(6, 10)


def blocks() -> Any:
    return da.from_array(X, chunks=(4, 3))


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ((0, 0, 0), "too many indices"),
        ((6,), "out of bounds for axis 0 with length 6"),
        (([0, 6],), "index 6 is out of bounds"),
        ((np.array([True]),), "boolean index did not match"),
        (("name",), "only integers"),
        ((1.5,), "only integers"),
        ((Ellipsis, Ellipsis), "single ellipsis"),
        (([0, 1], [0, 1, 2]), "could not be broadcast together with shapes"),
    ],
)
def test_no_such_elements(index: Any, message: str) -> None:
    with pytest.raises(IndexError, match=message):
        blocks()[index]


def test_no_such_element_at_run_time() -> None:
    with pytest.raises(IndexError, match="index 6 is out of bounds for axis 0 with length 6"):
        blocks()[da.from_array([0, 6], chunks=1)].compute()
    with pytest.raises(IndexError, match="no field"):
        blocks()["a"]


def test_unknown_lengths() -> None:
    x = blocks()
    part = x[da.from_array(X[:, 0] > 15, chunks=2)]
    assert np.isnan(part.shape[0])
    assert_eq(part[:, 2:5], X[X[:, 0] > 15][:, 2:5])
    for index in (0, slice(1, None), [0]):
        with pytest.raises(ValueError, match="compute_chunk_sizes"):
            part[index]
    with pytest.raises(ValueError, match="compute_chunk_sizes"):
        part[0] = 1
    with pytest.warns(UserWarning, match="block by block"):
        assert sorted(part[part > 40].compute()) == list(range(41, 60))
    assert part.compute_chunk_sizes() is part
    assert_eq(part[-1], X[-1])


def test_takes_do_not_blow_up_the_graph() -> None:
    n = 1000
    x = da.ones((n, n), chunks=100)
    for index in (np.random.permutation(n), np.arange(n)[::-1], [5] * n):
        assert x[index].npartitions == 100
        assert len(x[index].dask) <= 200


def test_functions() -> None:
    x = blocks()
    assert_eq(da.take(x, [[0, 1], [3, 2]], axis=1), np.take(X, [[0, 1], [3, 2]], axis=1))
    assert_eq(x.take(3), X.take(3, axis=0))
    assert_eq(da.take(x, [7, 50], axis=None), np.take(X, [7, 50]))
    assert_eq(da.compress([True, False, True], x, axis=1), np.compress([1, 0, 1], X, axis=1))
    assert_eq(da.compress(x[0] > 3, x, axis=1), np.compress(X[0] > 3, X, axis=1))
    assert_eq(da.extract(x % 7, x), np.extract(X % 7, X))
    which = np.arange(10) % 3
    got = da.choose(da.from_array(which, chunks=4), [x[0], 5, x[1]])
    assert_eq(got, np.choose(which, [X[0], 5, X[1]]))
    with pytest.raises(ValueError, match="one dimensional"):
        da.compress(X > 3, x)


def test_views() -> None:
    x = np.arange(24, dtype="i4").reshape(4, 6)
    d = da.from_array(x, chunks=(2, 2))
    for kind in ("i2", "i8", "f4", None):
        assert_eq(d.view(kind), x.view(kind or "i4"))
    assert_eq(d.view("i8", order="F"), x.T.copy().view("i8").T)
    with pytest.raises(ValueError, match="whole elements"):
        d.rechunk(3).view("i8")


def test_fields() -> None:
    x = np.zeros((4, 3), dtype=[("a", "i4"), ("b", "f8", (2,))])
    x["a"], x["b"] = np.arange(12).reshape(4, 3), np.arange(24).reshape(4, 3, 2)
    d = da.from_array(x, chunks=2)
    for name in ("a", "b", ["a"]):
        assert_eq(d[name], x[name])


def test_blocks() -> None:
    x = blocks()
    assert x.blocks.shape == (2, 4)
    assert x.blocks.size == len(x.blocks.ravel()) == 8
    assert_eq(x.blocks[1, [0, 2]], np.concatenate([X[4:, :3], X[4:, 6:9]], axis=1))
    assert_eq(x.partitions[..., -1], X[:, 9:])
    assert x.blocks == x.blocks
    for index, error in [(None, ValueError), (([0], [0]), ValueError), ((0, 0, 0), IndexError)]:
        with pytest.raises(error):
            x.blocks[index]


def test_vindex_that_cannot_be() -> None:
    x = blocks()
    assert x.vindex[:, :] is x
    for index in (None, (slice(1), slice(2)), ([0, 1], [0, 1, 2]), [True] * 6, ([0], [10])):
        with pytest.raises(IndexError):
            x.vindex[index]
    with pytest.raises(IndexError, match="does not support indexing with dask objects"):
        x.vindex[[0], da.arange(3)]


def test_assignment_of_other_kinds() -> None:
    x, y = blocks(), X.copy()
    before = x + 1
    x[x > 50], y[y > 50] = -1, -1
    mask = X[:, 0] > 15
    x[da.from_array(mask, chunks=2), 2:5], y[mask, 2:5] = 7, 7
    x[:, da.from_array([1, 0], chunks=1)] = da.arange(2, chunks=1)
    y[:, [1, 0]] = np.arange(2)
    x[...] = x * 2
    y[...] = y * 2
    assert_eq(x, y)
    assert_eq(before, X + 1)
    x[0] = np.ma.masked
    assert_eq(x, np.ma.masked_array(y, np.arange(6)[:, None] * np.ones(10) == 0))


@pytest.mark.parametrize(
    ("index", "value", "error", "message"),
    [
        ((slice(None), 0), [2, 3, 4], ValueError, "could not be broadcast"),
        (([True] * 5 + [False], 0), [2, 3], ValueError, "could not be broadcast"),
        (([1, 2], [2, 3]), 6, NotImplementedError, "one list, array or mask"),
        (([[1, 2]], 0), 5, IndexError, "one axis"),
        ((True,), 5, NotImplementedError, "one bool"),
        (("a",), 5, IndexError, "only integers"),
        ((slice(None),) * 3, 5, IndexError, "too many"),
    ],
)
def test_what_cannot_be_assigned(index: Any, value: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        blocks()[index] = value


def test_no_nan_among_ints() -> None:
    x = da.ones((2, 2), dtype=int)
    for value in (np.nan, np.inf, -np.inf):
        with pytest.raises((ValueError, OverflowError), match="cannot convert float"):
            x[0] = value
    with pytest.raises(ValueError, match="without axes"):
        x[x > 0] = x


def test_reshapes_that_cannot_be() -> None:
    x = blocks()
    with pytest.raises(ValueError, match="total size"):
        x.reshape(7, -1)
    with pytest.raises(ValueError, match="one unknown"):
        x.reshape(-1, -1)
    part = x[da.from_array(X[:, 0] > 15, chunks=2)]
    with pytest.raises(ValueError, match="unknown"):
        part.reshape(2, -1)
    assert_eq(part.rechunk({1: -1}).reshape(-1), X[X[:, 0] > 15].reshape(-1))
    assert_eq(part.reshape(-1, 10), X[X[:, 0] > 15])


def test_reshape_blockwise() -> None:
    x = np.arange(24).reshape(4, 6)
    d = da.from_array(x, chunks=(2, 3))
    flat = da.reshape_blockwise(d, (24,))
    assert flat.chunks == ((6, 6, 6, 6),)
    assert_eq(da.reshape_blockwise(flat, (4, 6), chunks=d.chunks), x)
    with pytest.raises(TypeError, match="chunks"):
        da.reshape_blockwise(flat, (4, 6))
    with pytest.raises(ValueError, match="its own"):
        da.reshape_blockwise(flat, (4, 6), chunks=((4,), (3, 3)))


def test_reshape_bounds_blocks() -> None:
    x = da.ones((1000, 1000), chunks=(1000, 10))
    assert max(x.reshape(-1).chunks[0]) <= 20_000
    assert max(x.reshape(-1, limit="8 kB").chunks[0]) <= 1000
    assert x.reshape(-1, merge_chunks=False).chunks[0] == (10,) * 100_000


@pytest.mark.parametrize(
    "index",
    [
        lambda i, j: (i, j),
        lambda i, j: (slice(None), i[:3], j[:3]),
        lambda i, j: (i, slice(1, 4), j),
        lambda i, j: (i[:, None], None, j[:2], 1),
        lambda i, j: (2, i, j),
        lambda i, j: (i, np.array([0, 1, 2, -1]), j),
        lambda i, j: (Ellipsis, i[:1], j),
    ],
)
def test_several_arrays_of_ours(index: Any) -> None:
    x = np.arange(4 * 5 * 6).reshape(4, 5, 6)
    i, j = np.array([3, 0, -1, 2]), np.array([0, 3, -4, 1])
    d, e, f = (da.from_array(v, chunks=2) for v in (x, i, j))
    assert_eq(d[index(e, f)], x[index(i, j)])


def test_several_arrays_of_ours_out_of_bounds() -> None:
    d = da.ones((4, 5), chunks=2)
    i = da.asarray([0, 5], chunks=1)
    with pytest.raises(IndexError, match=r"index 5 .*length 4"):
        d[i, i].compute()


@pytest.fixture
def nothing_is_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "MOST_READERS", 0)
    monkeypatch.setattr(selection, "MOST_READ_BYTES", 0)


@pytest.mark.usefixtures("nothing_is_read_whole")
def test_small_pieces_are_cut_where_tasks_would_read_too_much() -> None:
    x = np.arange(7 * 6 * 5).reshape(7, 6, 5)
    a = da.from_array(x, chunks=(2, (3, 0, 3), 2))
    rng = np.random.default_rng(5)
    order = rng.permutation(7)
    taken = a[order]
    assert any("-split" in str(key) for key in shoal.collection.make_plan(taken).keys)
    assert_eq(taken, x[order])
    i, j = rng.integers(-7, 7, (2, 4)), rng.integers(0, 5, (2, 4))
    points = a.vindex[i, :, j]
    assert any("-split" in str(key) for key in shoal.collection.make_plan(points).keys)
    assert_eq(points, x[i, :, j])
    assert_eq(a.vindex[i, j, j], x[i, j, j])
    assert_eq(a.vindex[[], [], []], x[[], [], []])


@pytest.mark.parametrize(
    "index",
    [
        (1, slice(None), [0, 2, 3, 5, 1, 4, 0]),  # the axis of the list comes first
        (0, None, [1, 2]),
        ([0, 2], slice(None), 1),
        (1, [0, 2]),
        (slice(0, 4, 2), None, slice(None, 4, 2), None, 3),
        (None, [2, 1], None, slice(0, 3)),
        (slice(None), None, [0, 2], 1),
        (..., None),
        (None, None, slice(1, 3)),
    ],
)
@pytest.mark.parametrize("cut", [lambda shape: shape, lambda shape: shape[1:], lambda s: (1, *s)])
def test_values_have_the_axes_that_numpy_gives_an_index(
    index: Any, cut: Callable[[Any], Any]
) -> None:
    before = np.arange(5 * 7 * 6.0).reshape(5, 7, 6)
    shape = cut(before[index].shape)
    value = -np.arange(np.prod(shape)).reshape(shape)
    lazy = da.from_array(before, chunks=(2, 3, 4))
    lazy[index] = value
    want = before.copy()
    want[index] = value
    np.testing.assert_array_equal(lazy.compute(), want)


def test_a_value_must_have_length_1_where_the_index_has_none() -> None:
    x = da.zeros((3, 4), chunks=2)
    with pytest.raises(ValueError, match="shape mismatch"):
        x[:, None] = np.ones((3, 4, 4))


@pytest.mark.parametrize("chunks", [2, 5])
def test_chosen_fields_have_numpys_dtype(chunks: int) -> None:
    records = np.array([(i, i / 2, i % 2) for i in range(5)], "i4, f8, ?")
    got = da.from_array(records, chunks=chunks)[["f2", "f0"]]
    want = records[["f2", "f0"]]
    assert got.dtype == got.compute().dtype == want.dtype
    np.testing.assert_array_equal(got.compute(), want)
    np.testing.assert_array_equal(got.rechunk(3)[1:].compute(), want[1:])


@pytest.mark.parametrize("chunks", [2, -1])
def test_no_place_and_many_places(chunks: int) -> None:
    x = np.arange(600).reshape(300, 2)
    d = da.from_array(x, chunks=chunks)
    for places in ([], (), [[]], np.array([], dtype=int)):
        assert_eq(da.take(d, places, axis=1), np.take(x, places, axis=1))
    for places in ([], [3], np.arange(0, 300, 2), x[:, 0] % 3 == 0, slice(5, None, 7), [-1, 4, 4]):
        assert_eq(da.delete(d, places, 0), np.delete(x, places, 0))
    # As many slices as there are places would be as many blocks.
    assert da.delete(d, np.arange(0, 300, 2), 0).numblocks <= d.numblocks
