"""Masked arrays against NumPy's."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import pytest

import shoal.array as da
from shoal.array.testing import assert_eq

X = np.arange(24.0).reshape(4, 6) % 7


@pytest.mark.parametrize("name", ["equal", "not_equal", "greater", "greater_equal", "less"])
def test_comparisons(name: str) -> None:
    got = getattr(da.ma, f"masked_{name}")(da.from_array(X, chunks=(3, 4)), 3)
    wanted = getattr(np.ma, f"masked_{name}")(X, 3)
    assert_eq(got, wanted)
    assert_eq(getattr(da.ma, f"masked_{name}")(da.from_array(X, chunks=4), 3, copy=False), wanted)
    assert_eq(got.sum(axis=0), wanted.sum(axis=0))
    assert_eq(got.mean(), wanted.mean())
    assert_eq(da.ma.filled(got, 9), wanted.filled(9))
    assert_eq(da.ma.getmaskarray(got), np.ma.getmaskarray(wanted))
    assert_eq(da.ma.count(got, axis=1), wanted.count(axis=1))


def test_masked_array() -> None:
    x = da.from_array(X, chunks=(3, 4))
    assert_eq(da.ma.masked_array(x, mask=X > 3), np.ma.masked_array(X, mask=X > 3))
    assert_eq(da.ma.masked_where(x > 3, x), np.ma.masked_where(X > 3, X))
    assert_eq(da.ma.masked_inside(x, 2, 4), np.ma.masked_inside(X, 2, 4))
    with pytest.raises(np.ma.MaskError, match="not compatible"):
        da.ma.masked_array(x, mask=[True, False])
    with pytest.raises(IndexError, match="Inconsistent"):
        da.ma.masked_where([True, False], x)


def test_fill_value() -> None:
    x = da.ma.masked_equal(da.from_array(X, chunks=3), 1)
    da.ma.set_fill_value(x, 5)
    assert x.compute().fill_value == 5


def masked(*shape: int) -> Any:
    return np.ma.masked_greater(np.random.default_rng(0).normal(size=shape), 0.3)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize(
    "name", ["cumsum", "cumprod", "argmin", "argmax", "sum", "mean", "std", "max"]
)
def test_reductions_pass_over_the_mask(name: str, axis: int) -> None:
    x = masked(6, 7)
    got = getattr(da, name)(da.from_array(x, chunks=(2, 3)), axis=axis)
    assert_eq(got, getattr(np.ma, name)(x, axis=axis))


@pytest.mark.parametrize("axis", [0, 1])
def test_running_totals_in_a_tree(axis: int) -> None:
    x = masked(6, 7)
    x[:2] = np.ma.masked
    got = da.cumsum(da.from_array(x, chunks=(2, 3)), axis=axis, method="blelloch")
    assert_eq(got, np.ma.cumsum(x, axis=axis))


def test_products_are_masked_where_all_terms_are() -> None:
    x, y = masked(6, 7), masked(7, 4)
    x[0] = np.ma.masked
    got = da.tensordot(da.from_array(x, chunks=(2, 3)), da.from_array(y, chunks=(2, 3)), 1)
    assert_eq(got, np.ma.dot(x, y))


def test_functions_of_masked_elements() -> None:
    x = masked(6, 7)
    d = da.from_array(x, chunks=(2, 3))
    assert_eq(da.ma.sqrt(d), np.ma.sqrt(x))
    assert_eq(da.ma.where(d > 0, d, 0), np.ma.where(x > 0, x, 0))
    assert_eq(da.ma.masked_where(False, d), np.ma.masked_where(False, x))
    weights = np.arange(7)
    assert_eq(da.ma.average(d, 1, weights), np.ma.average(x, 1, weights))
    for got, want in zip(da.ma.nonzero(d), np.ma.nonzero(x), strict=True):
        assert_eq(got, want)


def test_a_fill_value_that_does_not_fit_is_refused_at_once() -> None:
    x = da.ma.masked_greater(da.arange(4, chunks=2), 2)
    with pytest.raises(TypeError, match="fill_value"):
        da.ma.set_fill_value(x, 1e20)
    with pytest.raises(ValueError, match="scalar"):
        da.ma.masked_equal(x, [1, 2, 3, 4])


def test_dtype_of_a_masked_array() -> None:
    x = da.ma.masked_array(da.ones(3, chunks=2), [True, False, False], dtype="f4")
    assert_eq(x, np.ma.masked_array(np.ones(3), [True, False, False], dtype="f4"))


OPERATORS = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.floordiv,
    operator.mod,
    operator.pow,
    operator.lt,
    operator.eq,
]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("op", OPERATORS)
@pytest.mark.parametrize("dtype", ["u1", "f4", "f8"])
def test_operators_are_those_of_masked_arrays(op: Any, dtype: str) -> None:
    x = np.ma.masked_array(np.array([[0, 255, 3], [2, 0, 1]], dtype), [[0, 0, 1], [0, 0, 0]])
    d = da.from_array(x, chunks=(1, 2))
    for other in (2.5, 2, 0, x[::-1], np.array([0, 1, 2])):
        lazy = da.from_array(other, chunks=2) if isinstance(other, np.ndarray) else other
        for got, want in ((op(d, lazy), op(x, other)), (op(lazy, d), op(other, x))):
            made = got.compute()
            assert got.dtype == made.dtype == want.dtype
            np.testing.assert_array_equal(np.ma.getmaskarray(made), np.ma.getmaskarray(want))
            np.testing.assert_array_equal(made.filled(0), want.filled(0))


def test_a_mean_that_is_no_number_is_masked() -> None:
    x = np.ma.masked_array([[1.0, np.nan], [2.0, 3.0]], [[0, 0], [0, 1]])
    got = da.from_array(x, chunks=1).mean(axis=1).compute()
    assert got.mask.tolist() == x.mean(axis=1).mask.tolist() == [True, False]
