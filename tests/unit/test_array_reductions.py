"""Reductions against NumPy's, for every chunking that matters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shoal.array as da
from shoal.array.testing import assert_eq

RNG = np.random.default_rng(0)
X = RNG.normal(100, 3, (7, 8))
NANS = np.where(RNG.random((7, 8)) < 0.3, np.nan, X)
CHUNKS = [(7, 8), (3, 3), (1, 8), ((0, 4, 3), (5, 3))]

PLAIN = ["sum", "prod", "mean", "var", "std", "min", "max", "any", "all", "argmin", "argmax"]
PLAIN += ["ptp", "count_nonzero"]
SKIPPING = ["nansum", "nanprod", "nanmean", "nanvar", "nanstd", "nanmin", "nanmax"]
SKIPPING += ["nanargmin", "nanargmax"]


def same(name: str, x: Any, chunks: Any, **kwargs: Any) -> None:
    lazy = getattr(da, name)(da.from_array(x, chunks=chunks), **kwargs)
    assert_eq(lazy, getattr(np, name)(x, **kwargs), rtol=1e-10)


@pytest.mark.parametrize("chunks", CHUNKS)
@pytest.mark.parametrize("axis", [None, 0, -1])
@pytest.mark.parametrize("name", PLAIN)
def test_plain(name: str, axis: Any, chunks: Any) -> None:
    if name in ("min", "max", "ptp") and chunks[0] == (0, 4, 3):
        chunks = (2, 5)
    same(name, X, chunks, axis=axis)


@pytest.mark.parametrize("chunks", CHUNKS)
@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize("name", SKIPPING)
def test_skipping_nan(name: str, axis: Any, chunks: Any) -> None:
    same(name, NANS, chunks, axis=axis)


@pytest.mark.parametrize("name", ["sum", "var", "std", "nanvar", "max", "nanmax", "argmin"])
def test_keepdims(name: str) -> None:
    same(name, X, (3, 3), axis=1, keepdims=True)
    if "arg" not in name:
        same(name, X, (3, 3), axis=(0, 1), keepdims=True)


@pytest.mark.parametrize("dtype", ["i2", "u1", "f4", "?", "c8"])
@pytest.mark.parametrize("name", ["sum", "prod", "mean", "var", "std", "cumsum", "nansum"])
def test_dtypes(name: str, dtype: str) -> None:
    x = (np.arange(24) % 5).astype(dtype).reshape(4, 6)
    lazy = getattr(da, name)(da.from_array(x, chunks=(3, 4)), axis=1)
    assert_eq(lazy, getattr(np, name)(x, axis=1), rtol=1e-5)


def test_variance_of_numbers_far_from_zero() -> None:
    x = RNG.normal(1e9, 1e-3, 10_000)
    lazy = da.from_array(x, chunks=700)
    assert abs(float(lazy.var()) / x.var() - 1) < 1e-4
    assert_eq(lazy.std(ddof=1), x.std(ddof=1), rtol=1e-4)


@pytest.mark.parametrize("order", [0, 1, 2, 3, 4, 5])
def test_moment(order: int) -> None:
    x = da.from_array(X, chunks=(3, 3))
    wanted = ((X - X.mean(axis=0)) ** order).mean(axis=0)
    assert_eq(x.moment(order, axis=0), wanted, atol=1e-9)


def test_masked_variance() -> None:
    x = np.ma.masked_less(X, 99)
    assert_eq(da.from_array(x, chunks=(3, 3)).var(axis=0), x.var(axis=0))
    assert_eq(da.from_array(x, chunks=(3, 3)).std(), x.std())


def test_ties_go_to_the_first() -> None:
    x = np.zeros((4, 6))
    lazy = da.from_array(x, chunks=(2, 2))
    assert lazy.argmax().compute() == 0
    x[0, 5] = x[1, 0] = 1
    assert da.from_array(x, chunks=(2, 2)).argmax().compute() == 5


@pytest.mark.parametrize("name", ["argmin", "argmax", "nanargmin", "nanargmax"])
def test_places_in_a_value_without_axes(name: str) -> None:
    for options in ({}, {"axis": 0}, {"axis": -1}, {"axis": 0, "keepdims": True}):
        got = getattr(da, name)(da.asarray(3.0), **options)
        assert_eq(got, getattr(np, name)(np.array(3.0), **options))
    with pytest.raises(np.exceptions.AxisError):
        getattr(da, name)(da.asarray(3.0), axis=1)


def test_arg_errors() -> None:
    x = da.from_array(np.array([[np.nan, 1], [np.nan, 2]]), chunks=1)
    with pytest.raises(ValueError, match="All-NaN"):
        da.nanargmin(x, axis=0).compute()
    with pytest.raises(ValueError, match="unknown chunksizes"):
        da.argmin(x[x[:, 1] > 0], axis=0)
    with pytest.raises(TypeError, match="axis"):
        da.argmin(x, axis=(0, 1))
    with pytest.raises(np.exceptions.AxisError):
        da.argmin(x, axis=2)


@pytest.mark.parametrize("method", ["sequential", "blelloch"])
@pytest.mark.parametrize("chunks", [(7, 8), (2, 3), 1])
@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize("name", ["cumsum", "cumprod", "nancumsum", "nancumprod"])
def test_cumulative(name: str, axis: Any, chunks: Any, method: str) -> None:
    x = NANS / 100 if "nan" in name else X / 100
    lazy = getattr(da, name)(da.from_array(x, chunks=chunks), axis=axis, method=method)
    assert_eq(lazy, getattr(np, name)(x, axis=axis), rtol=1e-10)


def test_cumulative_errors() -> None:
    with pytest.raises(ValueError, match="method"):
        da.cumsum(da.ones(3), axis=0, method="other")


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(-9, 9), min_size=1, max_size=30), st.integers(1, 9), st.integers(1, 7))
def test_properties(values: list[int], k: int, chunk: int) -> None:
    x = np.array(values)
    lazy = da.from_array(x, chunks=chunk)
    assert_eq(da.topk(lazy, k), np.sort(x)[::-1][:k])
    assert_eq(da.topk(lazy, -k), np.sort(x)[:k])
    assert_eq(x[da.argtopk(lazy, k).compute()], np.sort(x)[::-1][:k])
    assert_eq(lazy.argmax(), x.argmax())
    assert_eq(da.cumsum(lazy, method="blelloch"), x.cumsum())
    assert_eq(lazy.var(), x.var())
    assert_eq(da.percentile(lazy, [0, 30, 100]), np.percentile(x, [0, 30, 100]))


@pytest.mark.parametrize("name", ["median", "nanmedian"])
@pytest.mark.parametrize("axis", [None, 0, (0, 1), -1])
@pytest.mark.parametrize("keepdims", [False, True])
def test_median(name: str, axis: Any, keepdims: bool) -> None:
    same(name, NANS, (3, 3), axis=axis, keepdims=keepdims)


@pytest.mark.parametrize("name", ["quantile", "nanquantile"])
@pytest.mark.parametrize("q", [0.3, [0.1, 0.9]])
@pytest.mark.parametrize("axis", [None, 0, (0, 1)])
def test_quantile(name: str, q: Any, axis: Any) -> None:
    same(name, X, (3, 3), q=q, axis=axis)
    same(name, X, (3, 3), q=q, axis=axis, keepdims=True, method="lower")
    with pytest.raises(ValueError, match="range"):
        da.quantile(da.ones(3), 2)


def test_quantiles_where_blocks_are_empty() -> None:
    cut = da.from_array(NANS, chunks=(3, (3, 0, 5)))
    for q in (0.3, [0.1, 0.9]):
        assert_eq(da.nanquantile(cut, q, axis=0), np.nanquantile(NANS, q, axis=0))
    none = da.nanquantile(da.ones((2, 0), chunks=1), [0.1, 0.9], axis=1)
    assert_eq(none, np.full((2, 2), np.nan))


def test_weighted_quantile() -> None:
    weights = np.arange(1.0, 8)
    lazy = da.quantile(
        da.from_array(X, chunks=3), 0.4, axis=0, weights=weights, method="inverted_cdf"
    )
    assert_eq(lazy, np.quantile(X, 0.4, axis=0, weights=weights, method="inverted_cdf"))


def test_percentile_of_sketches() -> None:
    x = RNG.random(200_000)
    lazy = da.percentile(da.from_array(x, chunks=90_000), [1, 50, 99])
    assert_eq(lazy, np.percentile(x, [1, 50, 99]), atol=1e-4)
    words = np.array(["a", "a", "d", "d", "d", "e"])
    assert_eq(
        da.percentile(da.from_array(words, chunks=3), [0, 50, 100]), np.array(["a", "d", "e"])
    )
    assert_eq(da.percentile(da.from_array(X, chunks=3), 30, axis=0), np.percentile(X, 30, axis=0))


def test_average() -> None:
    lazy = da.from_array(X, chunks=(3, 3))
    weights = RNG.random(8)
    assert_eq(da.average(lazy, axis=1, weights=weights), np.average(X, axis=1, weights=weights))
    assert_eq(da.average(lazy, weights=X), np.average(X, weights=X))
    got, total = da.average(lazy, axis=0, weights=X, returned=True)
    wanted = np.average(X, axis=0, weights=X, returned=True)
    assert_eq(got, wanted[0])
    assert_eq(total, wanted[1])
    with pytest.raises(TypeError, match="Axis must be specified"):
        da.average(lazy, weights=weights)
    with pytest.raises(ValueError, match="Shape of weights"):
        da.average(lazy, axis=0, weights=weights)


def test_trace() -> None:
    x = np.arange(60).reshape(3, 4, 5)
    lazy = da.from_array(x, chunks=2)
    assert_eq(da.trace(lazy), np.trace(x))
    assert_eq(lazy.trace(1, 1, 2), x.trace(1, 1, 2))


def test_out_becomes_the_result() -> None:
    out = da.empty(8, chunks=4)
    da.var(da.from_array(X, chunks=3), axis=0, out=out)
    assert_eq(out, X.var(axis=0))


@pytest.mark.parametrize("name", ["sum", "var", "std", "mean", "max", "argmax", "all"])
def test_an_array_without_axes(name: str) -> None:
    assert_eq(getattr(da, name)(da.asarray(3.5)), getattr(np, name)(3.5))


@pytest.mark.parametrize("name", ["argmin", "argmax", "nanargmin", "nanargmax"])
def test_places_where_many_blocks_are_empty(name: str) -> None:
    values = np.random.default_rng(3).random((7, 2))
    x = da.from_array(values, chunks=((0, 0, 2, 0, 5, 0, 0), (0, 0, 2)))
    for axis in (None, 0, 1):
        got = getattr(da, name)(x, axis=axis, split_every=2).compute()
        np.testing.assert_array_equal(got, getattr(np, name)(values, axis=axis))


@pytest.mark.parametrize("name", ["mean", "nanmean"])
def test_means_of_float16_do_not_overflow_on_the_way(name: str) -> None:
    x = np.full((300, 300), 9.25, "float16")
    func = getattr(da, name)
    for axis in (None, 0):
        got = func(da.from_array(x, chunks=(150, 300)), axis=axis).compute()
        np.testing.assert_array_equal(got, x.mean(axis=axis), strict=True)
        got = func(da.from_array(x, chunks=(20, 100)), axis=axis).compute()
        np.testing.assert_array_equal(got, x.mean(axis=axis), strict=True)
