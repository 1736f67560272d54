"""Factorisations by blocks, uneven ones too, against NumPy and SciPy; errors and stability."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import shoal
import shoal.array as da
from shoal.array.testing import assert_eq

sl = pytest.importorskip("scipy.linalg")

SQUARES = [(7, (3, 2)), (12, 4), (12, ((5, 1, 6), (2, 10))), (5, 5)]
SHAPES = [
    *[(20, 10, 10), (20, 10, (3, 10)), (20, 10, ((8, 4, 8), 10)), (90, 4, (4, 4)), (5, 10, 10)],
    *[(10, 40, (10, 10)), (10, 40, (10, (15, 5, 5, 8, 7))), (10, 40, (10, 4)), (20, 20, 10)],
    *[(17, 23, (5, 6)), (23, 17, ((20, 3), (1, 16))), (10, 5, ((4, 0, 1, 0, 5), (5,)))],
]


def numbers(*shape: int, complex_: bool = False) -> Any:
    rng = np.random.default_rng(7)
    x = rng.normal(size=shape)
    return x + 1j * rng.normal(size=shape) if complex_ else x


def near(a: Any, b: Any, **kwargs: Any) -> None:
    assert_eq(a, b, rtol=1e-8, atol=1e-9, **kwargs)


@pytest.mark.parametrize("complex_", [False, True])
@pytest.mark.parametrize(("n", "chunks"), SQUARES)
def test_square_systems(n: int, chunks: Any, complex_: bool) -> None:
    a = numbers(n, n, complex_=complex_)
    x = da.from_array(a, chunks=chunks)
    for got, want in zip(da.linalg.lu(x), sl.lu(a), strict=True):
        near(got, want, check_dtype=False)
    near(da.linalg.inv(x), np.linalg.inv(a))
    h = a @ a.conj().T + np.eye(n)
    y = da.from_array(h, chunks=chunks)
    near(da.linalg.cholesky(y, lower=True), np.linalg.cholesky(h))
    near(da.linalg.cholesky(y), np.linalg.cholesky(h, upper=True))
    for b in (numbers(n), numbers(n, 3)):
        right = da.from_array(b, chunks=2)
        near(da.linalg.solve(x, right), np.linalg.solve(a, b))
        near(da.linalg.solve(y, right, assume_a="pos"), np.linalg.solve(h, b))
        for lower, cut in ((True, np.tril), (False, np.triu)):
            t = cut(a) + 5 * np.eye(n)
            got = da.linalg.solve_triangular(da.from_array(t, chunks=chunks), right, lower=lower)
            near(got, sl.solve_triangular(t, b, lower=lower))


@pytest.mark.parametrize("complex_", [False, True])
@pytest.mark.parametrize(("m", "n", "chunks"), SHAPES)
def test_qr_and_svd(m: int, n: int, chunks: Any, complex_: bool) -> None:
    a, k = numbers(m, n, complex_=complex_), min(m, n)
    x = da.from_array(a, chunks=chunks)
    q, r = da.linalg.qr(x)
    assert (q.shape, r.shape) == ((m, k), (k, n))
    near(q, q.compute())
    near(r, r.compute())
    near(q @ r, a)
    near(np.conj(q.T) @ q, np.eye(k), check_dtype=False)
    near(da.tril(r.rechunk(-1), -1), np.zeros((k, n)), check_dtype=False)
    for full in (False, True):
        u, s, v = da.linalg.svd(x, full_matrices=full)
        assert (u.shape, v.shape) == (((m, m), (n, n)) if full else ((m, k), (k, n)))
        near(s, np.linalg.svd(a)[1])
        near((u[:, :k] * s) @ v[:k], a)
    if m >= n:
        b = numbers(m)
        got = da.linalg.lstsq(x, da.from_array(b, chunks=4))
        for one, want in zip(got, np.linalg.lstsq(a, b, rcond=None), strict=True):
            near(one, want, check_dtype=False)


def test_rows_of_unknown_length() -> None:
    a = numbers(20, 5)
    x = da.from_array(a, chunks=(5, 5))
    x, a = x[x[:, 0] > 0], a[a[:, 0] > 0]
    q, r = da.linalg.qr(x)
    near(q.compute() @ r.compute(), a)
    near(da.linalg.svd(x)[1].compute(), np.linalg.svd(a)[1])
    # There are taken to be as many as columns, and looked at when they come.
    assert [part.shape[1:] for part in (q, r)] == [(5,), (5,)]
    assert da.linalg.svd(x)[1].shape == (5,)
    for blocks in (5, 20):
        few = da.from_array(numbers(20, 5), chunks=(blocks, 5))
        few = few[da.arange(20, chunks=blocks) < 3]
        for part in (*da.linalg.qr(few), *da.linalg.svd(few)):
            with pytest.raises(ValueError, match=r"fewer rows \(3\) than columns \(5\)"):
                part.compute()
        near(da.linalg.svd(few.compute_chunk_sizes())[1], np.linalg.svd(few.compute())[1])


@pytest.mark.parametrize("iterator", ["power", "QR"])
@pytest.mark.parametrize("compute", [False, True])
def test_svd_compressed(iterator: str, compute: bool) -> None:
    a = numbers(60, 4) @ numbers(4, 30)
    x = da.from_array(a, chunks=(20, 7))
    told: Any = {"iterator": iterator, "n_power_iter": 1, "compute": compute, "seed": 5}
    u, s, v = da.linalg.svd_compressed(x, 4, **told)
    near(s, np.linalg.svd(a)[1][:4])
    near((u * s) @ v, a)
    again = da.linalg.svd_compressed(x, 4, **told)
    near(again[0], u.compute())


def test_results_do_not_depend_on_the_cut() -> None:
    a = numbers(12, 6)
    first = [part.compute() for part in da.linalg.svd(da.from_array(a, chunks=(12, 6)))]
    for chunks in [(4, 6), (12, 2), (5, 4)]:
        for one, other in zip(da.linalg.svd(da.from_array(a, chunks=chunks)), first, strict=True):
            near(one, other)


def test_ill_conditioned_matrices_stay_orthogonal() -> None:
    q, _ = da.linalg.qr(da.from_array(sl.hilbert(20), chunks=6))
    assert abs((q.T @ q).compute() - np.eye(20)).max() < 1e-14
    # Without exchanging rows between blocks the first pivot would be lost in rounding.
    a = np.eye(4) + numbers(4, 4)
    a[0, 0] = 1e-20
    x = da.linalg.solve(da.from_array(a, chunks=1), da.ones(4, chunks=1))
    near(x, np.linalg.solve(a, np.ones(4)))


@pytest.mark.parametrize("name", ["det", "inv", "eigvalsh", "svdvals", "pinv", "matrix_rank"])
def test_stacks(name: str) -> None:
    a = numbers(3, 4, 4)
    a = a @ a.transpose(0, 2, 1)
    x = da.from_array(a, chunks=(2, 3, 2))
    near(getattr(da.linalg, name)(x), getattr(np.linalg, name)(a))


@pytest.mark.parametrize("order", ["nuc", 2, -2, "fro", 1, np.inf])
def test_norms_of_stacks(order: Any) -> None:
    a = numbers(3, 4, 5)
    x = da.from_array(a, chunks=2)
    near(da.linalg.norm(x, order, axis=(2, 0)), np.linalg.norm(a, order, axis=(2, 0)))
    near(da.linalg.matrix_norm(x, ord=order), np.linalg.matrix_norm(a, ord=order))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: da.linalg.lu(x[:, :3]), np.linalg.LinAlgError, r"square.*\(4, 3\)"),
        (lambda x: da.linalg.inv(x[0]), np.linalg.LinAlgError, r"\(4,\)"),
        (lambda x: da.linalg.solve(x, x[:3]), ValueError, r"\(4, 4\).*\(3, 4\)"),
        (lambda x: da.linalg.solve(x, x, assume_a="odd"), ValueError, "'odd'.*'gen'"),
        (lambda x: da.linalg.tsqr(x), ValueError, "rechunk"),
        (lambda x: da.linalg.sfqr(x), ValueError, "one row of blocks"),
        (lambda x: da.linalg.norm(x, "odd"), ValueError, "'odd'"),
        (lambda x: da.linalg.inv(x[x[:, 0] > 0][:, :2]), ValueError, "compute_chunk_sizes"),
    ],
)
def test_what_is_refused_says_why(call: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        call(da.from_array(numbers(4, 4), chunks=2))


def test_singular_matrices_are_an_error_of_numpys() -> None:
    x = da.zeros((4, 4), chunks=2)
    with pytest.raises(np.linalg.LinAlgError):
        da.linalg.cholesky(x - 1).compute()
    with pytest.warns(match="[Ss]ingular|[Dd]iagonal"), pytest.raises(np.linalg.LinAlgError):
        da.linalg.inv(x).compute()


def functions_run(*collections: Any) -> str:
    """The functions of the tasks."""
    plan = shoal.collection.make_plan(*collections)
    return " ".join(sorted({str(getattr(f, "func", f)) for f in plan.funcs}))


@pytest.mark.parametrize("rows", [(5,) * 20, (30, 40, 30), (100,)])
def test_what_nobody_wants_of_tall_factors_is_not_computed(rows: tuple[int, ...]) -> None:
    x = np.random.default_rng(1).normal(size=(100, 4))
    a = da.from_array(x, chunks=(rows, (4,)))
    q, r = da.linalg.qr(a)
    u, s, v = da.linalg.svd(a)
    assert "qr_block" in functions_run(q) + functions_run(q, r)
    assert "qr_block" not in functions_run(r) + functions_run(s)
    assert "svdvals" in functions_run(s)
    assert "svdvals" not in functions_run(u, s)
    np.testing.assert_allclose(r.compute(), shoal.compute(q, r)[1], atol=1e-12)
    np.testing.assert_allclose(s.compute(), np.linalg.svdvals(x), rtol=1e-12)
    left, values, right = shoal.compute(u, s, v)
    np.testing.assert_allclose(left * values @ right, x, atol=1e-12)
    np.testing.assert_allclose(left.T @ left, np.eye(4), atol=1e-12)
