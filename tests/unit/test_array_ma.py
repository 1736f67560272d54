"""Masked arrays against NumPy's."""

from __future__ import annotations

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
