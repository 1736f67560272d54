"""Arrays made from nothing and extended, against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shoal.array as da
from shoal.array.testing import assert_eq


def test_likes() -> None:
    x = np.arange(12, dtype="i4").reshape(3, 4)
    d = da.from_array(x, chunks=2)
    for name in ("ones_like", "zeros_like"):
        mine, theirs = getattr(da, name), getattr(np, name)
        assert_eq(mine(d), theirs(x))
        assert mine(d).chunks == d.chunks
        assert_eq(
            mine(x, dtype=float, shape=(2, 3), chunks=1), theirs(x, dtype=float, shape=(2, 3))
        )
        assert_eq(mine(d[d > 5]), theirs(x[x > 5]))
    assert_eq(da.full_like(d, 7), np.full_like(x, 7))
    assert da.empty_like(d, shape=5).shape == (5,)
    masked = da.from_array(np.ma.masked_array([1, 2], [True, False]), chunks=1)
    assert isinstance(da.ones_like(masked).compute(), np.ma.MaskedArray)
    with pytest.raises(ValueError, match="must be scalar"):
        da.full_like(d, [1, 2])
    assert_eq(da.array([1, 2], ndmin=3), np.array([1, 2], ndmin=3))
    assert da.array(d) is d


STARTS = [
    (77,),
    (2, 13),
    (4, 21, 9),
    (53, 5, -3),
    (0, 1, -0.5),
    (2.0, 13.0, 0.3),
    (7.7, 1.5, -0.8),
    (2**63 - 10_000, 2**63 - 1, 1),
    (2**63 - 1, 2**63 - 10_000, -1),
    (0, 2**63 - 1, 2**63 - 10_000),
    (np.uint8(3), np.uint8(13), np.uint8(2)),
    (np.float32(3), np.int64(13), np.uint8(2)),
    (np.uint64(3), np.uint64(13)),
]


@pytest.mark.parametrize("args", STARTS)
def test_arange(args: Any) -> None:
    assert_eq(da.arange(*args, chunks=max(len(np.arange(*args)) // 3, 1)), np.arange(*args))


def test_arange_by_keyword() -> None:
    assert_eq(da.arange(stop=10, step=3), np.arange(stop=10, step=3))
    assert_eq(da.arange(10, step=2, chunks=2), np.arange(10, step=2))
    assert_eq(da.arange(10, dtype="u1", chunks=3), np.arange(10, dtype="u1"))
    assert_eq(da.arange(9, 0, -2, dtype="u1", chunks=2), np.arange(9, 0, -2, dtype="u1"))
    with pytest.raises(TypeError, match="requires stop"):
        da.arange()
    with pytest.raises(TypeError, match="whatsthis"):
        da.arange(10, whatsthis=1)
    with pytest.raises(ZeroDivisionError):
        da.arange(0, 10, 0)


@pytest.mark.parametrize("endpoint", [True, False])
@pytest.mark.parametrize("ends", [(6, 49), (1.4, 4.9), (5, 5), (4, -3), (1 + 1j, 3)])
@pytest.mark.parametrize("num", [0, 1, 13])
def test_linspace(ends: Any, num: int, endpoint: bool) -> None:
    expected, step = np.linspace(*ends, num, endpoint, retstep=True)
    got, mine = da.linspace(*ends, num, endpoint, retstep=True, chunks=5)
    assert_eq(got, expected)
    assert np.isclose(mine, step, equal_nan=True)
    if not isinstance(ends[0], complex):
        whole = np.linspace(*ends, num, endpoint, dtype=int)
        assert_eq(da.linspace(*ends, num, endpoint, dtype=int, chunks=4), whole)


@pytest.mark.parametrize("k", [0, 2, -3, 9])
def test_matrices(k: int) -> None:
    assert_eq(da.eye(9, chunks=4, M=7, k=k), np.eye(9, 7, k))
    assert_eq(da.tri(5, 8, k, int, chunks=(2, 3)), np.tri(5, 8, k, int))
    x = np.arange(2 * 5 * 7).reshape(2, 5, 7)
    d = da.from_array(x, chunks=(1, 2, 3))
    assert_eq(da.tril(d, k), np.tril(x, k))
    assert_eq(da.triu(d, k), np.triu(x, k))
    assert_eq(da.tril(d[0, 0], k), np.tril(x[0, 0], k))
    assert_eq(da.triu(d[0, 0], k), np.triu(x[0, 0], k))
    assert_eq(da.diag(da.arange(1, 6, chunks=2), k), np.diag(np.arange(1, 6), k))
    assert_eq(da.diag(d[0], k), np.diag(x[0], k))
    for axes in ((0, 1), (1, 2), (2, 0), (-1, 1)):
        assert_eq(da.diagonal(d, k, *axes), np.diagonal(x, k, *axes))
    for name in ("tril_indices", "triu_indices"):
        for mine, theirs in zip(
            getattr(da, name)(5, k, 7, chunks=2), getattr(np, name)(5, k, 7), strict=True
        ):
            assert_eq(mine, theirs)
    assert_eq(da.triu_indices_from(d[0])[1], np.triu_indices_from(x[0])[1])
    assert_eq(da.tril_indices_from(d[0])[0], np.tril_indices_from(x[0])[0])


def test_matrices_that_cannot_be() -> None:
    with pytest.raises(TypeError, match="one axis or more"):
        da.tril(da.asarray(1))
    with pytest.raises(ValueError, match="1d or 2d"):
        da.diag(np.ones((1, 1, 1)))
    with pytest.raises(TypeError, match="dask array or numpy array"):
        da.diag(1)
    with pytest.raises(ValueError, match="two dimensions"):
        da.diagonal(np.ones(3))
    with pytest.raises(ValueError, match="the same"):
        da.diagonal(np.ones((2, 2)), axis1=0, axis2=-2)
    with pytest.raises(np.exceptions.AxisError):
        da.diagonal(np.ones((2, 2)), axis1=-4)
    with pytest.raises(ValueError, match="2-d"):
        da.tril_indices_from(da.ones(3))


def test_grids() -> None:
    assert_eq(da.indices((3, 4), chunks=(2, 3)), np.indices((3, 4)))
    assert da.indices((3, 4), chunks=(2, 3)).chunks == ((1, 1), (2, 1), (3, 1))
    assert_eq(da.indices(()), np.indices(()))
    with pytest.raises(ValueError, match="chunks"):
        da.indices((1,), chunks=())
    lines = [np.arange(3), np.arange(4.0), np.arange(2)]
    for indexing in ("xy", "ij"):
        for sparse in (False, True):
            theirs = np.meshgrid(*lines, indexing=indexing, sparse=sparse)
            mine = da.meshgrid(
                *[da.from_array(x, chunks=2) for x in lines], indexing=indexing, sparse=sparse
            )
            for a, b in zip(mine, theirs, strict=True):
                assert_eq(a, b)
    with pytest.raises(ValueError, match="indexing"):
        da.meshgrid(lines[0], indexing="ab")
    for dtype in (None, "i8"):
        got = da.fromfunction(_polynomial, shape=(5, 4), chunks=2, dtype=dtype, c=3)
        assert_eq(got, np.fromfunction(_polynomial, (5, 4), dtype=dtype or float, c=3))
    assert_eq(da.fromfunction(_constant, shape=(3,), chunks=2), np.full(3, 7))


def _polynomial(i: Any, j: Any, c: int) -> Any:
    return i + c * j**2


def _constant(i: Any) -> Any:
    return 7


@pytest.mark.parametrize("reps", [0, 2, (2, 1), (2, 3, 2), (2, 0, 1, 2)])
def test_tile(reps: Any) -> None:
    x = np.arange(6).reshape(2, 3)
    assert_eq(da.tile(da.from_array(x, chunks=2), reps), np.tile(x, reps))
    with pytest.raises(ValueError, match="negative"):
        da.tile(x, -1)


def test_repeat() -> None:
    x = np.arange(24).reshape(2, 3, 4)
    d = da.from_array(x, chunks=2)
    for n in (0, 1, 3):
        for axis in (None, 0, 1, -1):
            assert_eq(d.repeat(n, axis=axis), x.repeat(n, axis=axis))
    assert_eq(da.repeat(d, [1, 0, 2], axis=1), np.repeat(x, [1, 0, 2], axis=1))
    with pytest.raises(ValueError, match="axis"):
        d.repeat(2, axis=3)


MODES: list[tuple[str, dict[str, Any]]] = [
    ("constant", {"constant_values": ((1, 2), (3, 4))}),
    ("constant", {}),
    ("edge", {}),
    ("linear_ramp", {"end_values": -2}),
    ("maximum", {"stat_length": 2}),
    ("mean", {}),
    ("median", {"stat_length": 3}),
    ("minimum", {"stat_length": ((1, 2), (3, 2))}),
    ("reflect", {}),
    ("symmetric", {}),
    ("wrap", {}),
]


@settings(max_examples=25, deadline=None)
@given(st.data())
@pytest.mark.parametrize(("mode", "kwargs"), MODES)
def test_pad(mode: str, kwargs: Any, data: Any) -> None:
    shape = data.draw(st.tuples(st.integers(3, 6), st.integers(3, 6)))
    x = np.arange(shape[0] * shape[1], dtype=data.draw(st.sampled_from(["f8", "i4"]))) ** 2
    x = x.reshape(shape)
    width = data.draw(
        st.lists(st.integers(0, 8), min_size=4, max_size=4).map(lambda w: [w[:2], w[2:]])
    )
    d = da.from_array(x, chunks=data.draw(st.integers(1, 4)))
    assert_eq(da.pad(d, width, mode, **kwargs), np.pad(x, width, mode, **kwargs))


def test_pad_in_other_ways() -> None:
    x = np.arange(12.0).reshape(3, 4)
    d = da.from_array(x, chunks=2)
    assert da.pad(d, 0, "edge") is d
    assert da.pad(d, 1, "empty").shape == (5, 6)
    assert_eq(da.pad(d, {1: (1, 2)}), np.pad(x, ((0, 0), (1, 2))))
    words = np.array(["ab", "cd"])
    expected = np.pad(words, 1, constant_values="00")
    assert_eq(da.pad(da.from_array(words, chunks=1), 1, constant_values="00"), expected)

    def fill(line: Any, width: Any, axis: int, kwargs: Any) -> None:
        line[: width[0]] = kwargs.get("value", 1)
        line[len(line) - width[1] :] = axis

    for kwargs in ({}, {"value": 9}):
        assert_eq(
            da.pad(d, ((1, 2), (0, 3)), fill, **kwargs), np.pad(x, ((1, 2), (0, 3)), fill, **kwargs)
        )
    with pytest.raises(ValueError, match="mode"):
        da.pad(d, 1, "magic")
    with pytest.raises(ValueError, match="unsupported keyword"):
        da.pad(d, 1, "edge", end_values=1)
    with pytest.raises(ValueError, match="negative"):
        da.pad(d, -1)
