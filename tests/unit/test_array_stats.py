"""`shoal.array.stats` against SciPy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import shoal.array as da
from shoal.array import stats
from shoal.array.testing import assert_eq

theirs = pytest.importorskip("scipy.stats")

X = np.random.default_rng(4).normal(size=(30, 3)) ** 3


def blocks(x: Any = X) -> Any:
    return da.from_array(x, chunks=7)


def same(got: Any, want: Any) -> None:
    result = got.compute()
    np.testing.assert_allclose(result.statistic, want.statistic, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(result.pvalue, want.pvalue, rtol=1e-9)


@pytest.mark.parametrize("axis", [0, None])
@pytest.mark.parametrize(
    ("name", "told"), [("skew", {}), ("kurtosis", {}), ("kurtosis", {"fisher": False})]
)
def test_measures(name: str, told: Any, axis: Any) -> None:
    want = getattr(theirs, name)(X, axis=axis, **told)
    assert_eq(getattr(stats, name)(blocks(), axis=axis, **told), np.asarray(want), rtol=1e-9)


@pytest.mark.parametrize("order", range(5))
def test_moments(order: int) -> None:
    assert_eq(stats.moment(blocks(), order), theirs.moment(X, order), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("axis", [0, None])
@pytest.mark.parametrize("name", ["normaltest", "skewtest", "kurtosistest"])
def test_of_one(name: str, axis: Any) -> None:
    same(getattr(stats, name)(blocks(), axis=axis), getattr(theirs, name)(X, axis=axis))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        *[("ttest_ind", {}), ("ttest_ind", {"equal_var": False}), ("ttest_rel", {})],
        *[("chisquare", {}), ("power_divergence", {})],
        *[("power_divergence", {"lambda_": power}) for power in (0, -1, "neyman", 2 / 3)],
    ],
)
def test_of_two(name: str, told: Any) -> None:
    a = abs(X[:, 0])
    b = a[np.argsort(X[:, 1])]
    same(getattr(stats, name)(blocks(a), blocks(b), **told), getattr(theirs, name)(a, b, **told))


def test_of_one_against_a_number() -> None:
    same(stats.ttest_1samp(blocks(), 0.5), theirs.ttest_1samp(X, 0.5))


def test_of_several() -> None:
    samples = [X[:, 0] + 1e6, X[:10, 1] + 1e6, X[5:, 2] + 1e6]
    same(stats.f_oneway(*map(blocks, samples)), theirs.f_oneway(*samples))


def test_constant_data_have_no_shape() -> None:
    assert math.isnan(stats.skew(da.ones(9, chunks=4)).compute())


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: stats.skew(blocks(), bias=False), NotImplementedError, "bias"),
        (lambda: stats.moment(blocks(), nan_policy="omit"), NotImplementedError, "'omit'"),
        (lambda: stats.skewtest(da.ones(7)), ValueError, "7 samples"),
        (lambda: stats.power_divergence(blocks(), lambda_="odd"), ValueError, "'odd'"),
        (lambda: stats.f_oneway(blocks()), TypeError, "two"),
        (lambda: stats.ttest_rel(da.ones(3), da.ones(4)), ValueError, r"\(3,\).*\(4,\)"),
    ],
)
def test_what_is_refused_says_why(call: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        call()
