"""Linear algebra against NumPy's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import shoal.array as da
from shoal.array.testing import assert_eq

X = np.random.default_rng(3).normal(size=(20, 4))
S = X.T @ X + np.eye(4)


@pytest.mark.parametrize("chunks", [(5, 4), (3, 4), (20, 2), (7, 3)])
def test_qr(chunks: Any) -> None:
    q, r = da.linalg.qr(da.from_array(X, chunks=chunks))
    assert_eq(q @ r, X, rtol=1e-9)
    assert_eq(q.T @ q, np.eye(4), atol=1e-10)
    assert_eq(da.tril(r, -1), np.zeros((4, 4)), atol=1e-10)


@pytest.mark.parametrize("chunks", [(5, 4), (20, 4), (20, 2), (7, 3)])
@pytest.mark.parametrize("wide", [False, True])
def test_svd(chunks: Any, wide: bool) -> None:
    x = X.T if wide else X
    u, s, v = da.linalg.svd(da.from_array(x, chunks=chunks[::-1] if wide else chunks))
    assert_eq(s, np.linalg.svd(x)[1], rtol=1e-9)
    assert_eq((u * s) @ v, x, rtol=1e-9, atol=1e-10)


def test_square() -> None:
    a = da.from_array(S, chunks=2)
    assert_eq(da.linalg.inv(a), np.linalg.inv(S), rtol=1e-9, atol=1e-12)
    assert_eq(da.linalg.cholesky(a, lower=True), np.linalg.cholesky(S), rtol=1e-9)
    assert_eq(da.linalg.solve(a, X[:4]), np.linalg.solve(S, X[:4]), rtol=1e-9)
    with pytest.raises(ValueError, match="square"):
        da.linalg.inv(da.ones((2, 3)))


def test_lstsq() -> None:
    b = X @ np.arange(4.0) + np.sin(np.arange(20))
    got = da.linalg.lstsq(da.from_array(X, chunks=(6, 4)), da.from_array(b, chunks=6))
    for one, other in zip(got, np.linalg.lstsq(X, b, rcond=None), strict=True):
        assert_eq(one, other, rtol=1e-8, check_dtype=False)


@pytest.mark.parametrize("order", [None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf])
@pytest.mark.parametrize("keepdims", [False, True])
def test_norm_of_matrices(order: Any, keepdims: bool) -> None:
    got = da.linalg.norm(da.from_array(X, chunks=(6, 4)), order, keepdims=keepdims)
    assert_eq(got, np.linalg.norm(X, order, keepdims=keepdims), rtol=1e-9)


@pytest.mark.parametrize("order", [None, 0, 1, 2, 3, -1, np.inf, -np.inf])
def test_norm_of_vectors(order: Any) -> None:
    got = da.linalg.norm(da.from_array(X, chunks=(6, 3)), order, axis=1)
    assert_eq(got, np.linalg.norm(X, order, axis=1), rtol=1e-9)


@pytest.mark.parametrize("order", [None, "fro", "nuc", 1, 2, np.inf, 3])
def test_norms_of_nothing_are_zero(order: Any) -> None:
    none = np.ones((2, 0, 3))
    axis: Any = 1 if order == 3 else (1, 2)
    got = da.linalg.norm(da.from_array(none, chunks=2), order, axis=axis)
    assert_eq(got, np.zeros((2, 3) if order == 3 else 2))
    if order not in ("fro", "nuc"):
        assert_eq(da.linalg.norm(da.from_array(none, chunks=2), order, axis=1), np.zeros((2, 3)))
