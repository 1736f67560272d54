"""Tiles of blocks: what may be cut is cut, everything else sees whole blocks, and all is equal."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import shoal
import shoal.array as da
from shoal.array.kernels import numexpr_engine, tiled
from shoal.array.kernels.buffered import Buffered
from shoal.array.kernels.totals import ROW
from shoal.array.program import Program, Step
from shoal.graph.task import Ref


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiled, "TILE_BYTES", 256)


X = np.random.default_rng(0).integers(-9, 9, (30, 26)) / 2

ELEMENTS: dict[str, Callable[[Any], Any]] = {
    "chain": lambda x: (x - 1) * 2 + x**2,
    "types grow": lambda x: (x > 0) * 2 + (x < 1) * 1.5 + x.astype("f4").astype("i2"),
    "complex": lambda x: abs((x + 1j) * (x - 2j)) + (x * 1j).real,
    "choice": lambda x: np.where(x > 1, x + 1, np.clip(x, -2, 0)) * 2,
    "repeated": lambda x: (x - x[:1]) * x[:, :1] + 1,
    "transposed": lambda x: x[:26] + x[:26].T * 2,
    "part": lambda x: x[1::2, ::3] * x[1::2, ::3] - 1,
    "constants of all types": lambda x: (
        ((x > 1) & True) * np.float32(1.5) + (x.astype("i2") % 7) * np.int8(3) + (x * 1j + 2).real
    ),
    "in place of others": lambda x: ((x + 1) * (x + 2) - (x + 3)) * ((x + 1) - (x + 2)),
}


@pytest.mark.parametrize("chunks", [(30, 26), (11, 9), (30, 7)])
@pytest.mark.parametrize("name", ELEMENTS)
def test_elements_and_reductions_of_many_tiles(name: str, chunks: Any) -> None:
    make, x = ELEMENTS[name], da.from_array(X, chunks=chunks)
    got, want = make(x).compute(), make(X)
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got, want)
    for axis in (None, 0, 1):
        for method in ("sum", "mean", "max", "std", "any"):
            reduced = getattr(make(x), method)(axis=axis).compute()
            np.testing.assert_allclose(reduced, getattr(want, method)(axis=axis), rtol=1e-6)


def test_buffers_are_used_again_and_given_back() -> None:
    steps = (
        Step(np.subtract, (Ref(0), 1)),
        Step(np.multiply, (Ref(1), 2)),
        Step(np.square, (Ref(0),)),
        Step(np.add, (Ref(2), Ref(3))),
    )
    run = Buffered(Program(1, steps), [X], X.nbytes)
    first = run([X])
    assert first is run([X])
    pieces = {id(piece) for piece in run.scratch.taken}
    assert len(pieces) == 2
    out = np.empty((5, 26))
    assert run.into([X[:5]], out) is out
    np.testing.assert_array_equal(out, (X[:5] - 1) * 2 + X[:5] ** 2)
    assert {id(piece) for piece in run.scratch.taken} == pieces
    np.testing.assert_array_equal(run([X[:5] + 1]), X[:5] * 2 + (X[:5] + 1) ** 2)
    np.testing.assert_array_equal(out, (X[:5] - 1) * 2 + X[:5] ** 2)
    run.close()
    after = Buffered(Program(1, steps), [X], X.nbytes)
    after([X])
    assert {id(piece) for piece in after.scratch.taken} == pieces


def test_threads_keep_a_program_but_no_blocks() -> None:
    steps = (Step(np.add, (Ref(0), 1)), Step(np.real, (Ref(1),)))
    run = tiled.Tiled(Program(1, steps), (None,), "numpy", None)
    block = X.copy()
    for _ in range(2):
        np.testing.assert_array_equal(run(block), X + 1)
    ref = weakref.ref(block)
    del block
    assert ref() is None
    # Other types, and another shape of tiles, are another kind.
    np.testing.assert_array_equal(run(X.astype("i4")), X.astype("i4") + 1)
    np.testing.assert_array_equal(run(X[:, ::2]), X[:, ::2] + 1)


def test_functions_of_somebody_see_whole_blocks() -> None:
    x = da.from_array(X, chunks=(30, 13))
    y = da.core.elemwise(lambda block: block - block.mean(), x + 1)
    halves = [X[:, :13] + 1, X[:, 13:] + 1]
    want = np.concatenate([half - half.mean() for half in halves], axis=1)
    np.testing.assert_allclose(y.compute(), want)


def corners(block: Any, axis: Any, keepdims: bool) -> Any:
    return block[:1, :1]


def untouched(block: Any, axis: Any, keepdims: bool) -> Any:
    return block


@pytest.mark.parametrize("chunk, want", [(corners, X[0, 0] + X[0, 13] + 2), (untouched, None)])
def test_reductions_of_somebody_see_whole_blocks(chunk: Any, want: Any) -> None:
    x = da.from_array(X, chunks=(30, 13))
    total = da.reduction(x + 1, chunk, np.sum, dtype=float).compute()
    np.testing.assert_allclose(total, (X + 1).sum() if want is None else want)


def test_masks_are_kept() -> None:
    x, want = da.from_array(X, chunks=(30, 13)), np.ma.masked_greater(X + 1, 3) * 2
    got = (da.ma.masked_greater(x + 1, 3) * 2).compute()
    np.testing.assert_array_equal(np.ma.getmaskarray(got), np.ma.getmaskarray(want))
    np.testing.assert_array_equal(got.compressed(), want.compressed())
    assert (x + np.ma.array(1.0, mask=True)).compute().mask.all()


def test_numexpr_is_used_where_it_has_its_vector_library(monkeypatch: pytest.MonkeyPatch) -> None:
    numexpr = pytest.importorskip("numexpr")
    said: list[str] = []
    evaluate = numexpr.evaluate
    monkeypatch.setattr(
        numexpr, "evaluate", lambda text, **kwargs: (said.append(text), evaluate(text, **kwargs))[1]
    )
    x = da.from_array(X, chunks=(30, 13))
    for use_vml in (False, True):
        monkeypatch.setattr(numexpr, "use_vml", use_vml)
        with shoal.config.set({"array.engine": "numexpr"}):
            got, total = da.compute((x - 1) * 2 + x**2, ((x - 1) * 2 + x**2).sum(axis=0))
        np.testing.assert_allclose(got, (X - 1) * 2 + X**2, rtol=1e-12)
        np.testing.assert_allclose(total, ((X - 1) * 2 + X**2).sum(axis=0), rtol=1e-12)
        assert bool(said) == use_vml
    assert numexpr_engine.expression(Program(1, ()), [X]) is None


@pytest.mark.parametrize("dtype", ["f8", "f4", "c16", "i4"])
@pytest.mark.parametrize("engine", ["numpy", "numexpr"])
def test_sums_of_all_elements_are_within_their_bound(
    monkeypatch: pytest.MonkeyPatch, engine: str, dtype: str
) -> None:
    if engine == "numexpr":
        pytest.importorskip("numexpr")
    monkeypatch.setattr(tiled, "TILE_BYTES", 8 * ROW * X.itemsize)
    rows = np.random.default_rng(1).normal(size=(101, 997)) * 100
    values = rows.astype(dtype)
    x = da.from_array(values, chunks=(60, 500))
    want = ((values - 1) * 2 + values).astype("O").sum()
    with shoal.config.set({"array.engine": engine}):
        got = ((x - 1) * 2 + x).sum().compute()
    assert got.dtype == ((values - 1) * 2 + values).sum().dtype
    unit = np.finfo(dtype).eps if dtype != "i4" else 0
    assert abs(got - want) <= ROW * unit * float(abs((values - 1) * 2 + values).sum())


@pytest.mark.parametrize("engine", ["numpy", "numexpr"])
def test_sums_and_products_of_what_is_not_finite(
    monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    if engine == "numexpr":
        pytest.importorskip("numexpr")
    monkeypatch.setattr(tiled, "TILE_BYTES", 2 * ROW * X.itemsize)
    values = np.ones(9 * ROW)
    for at, wrong in ((0, np.inf), (5 * ROW, -np.inf), (5 * ROW + 1, np.nan)):
        values[at] = wrong
        for dtype in ("f8", "f4"):
            x = da.from_array(values.astype(dtype))
            with shoal.config.set({"array.engine": engine}), np.errstate(all="ignore"):
                got = da.compute((x + 0).sum(), (x * 1).prod(), scheduler="sync")
                want = [values.astype(dtype).sum(), values.astype(dtype).prod()]
            np.testing.assert_array_equal(got, want)
