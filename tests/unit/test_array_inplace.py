"""Results written to their places: the same arrays as blocks put together, and nobody else's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import shoal
import shoal.array as da
from shoal.array import inplace
from shoal.local.callbacks import Callback


@pytest.fixture(autouse=True)
def any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inplace, "LEAST_BYTES", 0)


X = np.random.default_rng(0).integers(-9, 9, (12, 8)) / 2

RESULTS: dict[str, Callable[[Any], Any]] = {
    "elements": lambda x: x * 2 + 1,
    "same blocks": lambda x: x,
    "views of blocks": lambda x: x.T[::-1],
    "product": lambda x: x @ x.T,
    "other product": lambda x: x.T @ x,
    "rows": lambda x: x.sum(axis=1),
    "no axes": lambda x: x.sum(),
    "nothing": lambda x: x[:0],
    "integers": lambda x: (x > 0).astype("i2"),
    "repeated": lambda x: x[[0, 0, 5, 11, 2]],
}


@pytest.mark.parametrize("scheduler", ["threads", "sync"])
@pytest.mark.parametrize("chunks", [(5, 3), (12, 8), (4, 8)])
@pytest.mark.parametrize("name", RESULTS)
def test_results_are_numpys(name: str, chunks: Any, scheduler: str) -> None:
    got = RESULTS[name](da.from_array(X, chunks=chunks)).compute(scheduler=scheduler)
    want = RESULTS[name](X)
    np.testing.assert_array_equal(got, want)
    assert got.dtype == want.dtype
    if got.ndim:
        assert type(got) is np.ndarray
        assert got.flags.writeable


def test_results_asked_for_together_share_no_memory() -> None:
    x = da.from_array(X, chunks=(4, 3)) + 1
    for scheduler in ("threads", "sync"):
        first, part, turned, again = shoal.compute(x, x[:4, :3], x.T, x, scheduler=scheduler)
        for one in (first, again):
            one[...] = 0
        np.testing.assert_array_equal(part, (X + 1)[:4, :3])
        np.testing.assert_array_equal(turned, (X + 1).T)


def test_what_is_persisted_is_not_written_to() -> None:
    x = (da.from_array(X, chunks=(4, 3)) + 1).persist()
    x.compute()[...] = 0
    np.testing.assert_array_equal(x.compute(), X + 1)


def test_blocks_of_another_kind_are_put_together_as_they_are() -> None:
    x = da.from_array(X, chunks=(4, 8))
    y = x.map_blocks(lambda b: np.ma.masked_less(b, 0), dtype=float, meta=np.empty((0, 0)))
    assert np.ma.isMaskedArray(y.compute())
    z = x.map_blocks(lambda b: b.astype("f4") if b[0, 0] < 0 else b, dtype=float)
    np.testing.assert_array_equal(z.compute(), X)


def test_who_listens_gets_blocks_of_their_own() -> None:
    x = da.from_array(X, chunks=(4, 8)) + 1
    kept: list[Any] = []
    with Callback(posttask=lambda key, result, *rest: kept.append(result)):
        x.compute()[...] = 0
    blocks = [block for block in kept if getattr(block, "shape", ()) == (4, 8)]
    np.testing.assert_array_equal(sum(block.sum() for block in blocks), (X + 1).sum())


def test_products_of_many_short_blocks() -> None:
    x, y = X, X.T + 1
    for chunks in ((12, 1), (6, 1), (3, 2), ((5, 7), (1, 3, 2, 1, 1))):
        a = da.from_array(x, chunks=chunks)
        b = da.from_array(y, chunks=(a.chunks[1], a.chunks[0]))
        np.testing.assert_allclose((a @ b).compute(), x @ y)
        np.testing.assert_allclose((a @ a.T).compute(), x @ x.T)
        np.testing.assert_allclose((b @ b.T).compute(), y @ y.T)
        np.testing.assert_allclose((b.T @ b).compute(), y.T @ y)
        np.testing.assert_allclose(da.einsum("ij,jk->ki", a, b).compute(), (x @ y).T)
        np.testing.assert_allclose(da.tensordot(a, b, 1).compute(), x @ y)
