"""Programs on each engine give what NumPy gives: elements to the bit, sums to the last places."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import shoal
import shoal.array as da
from shoal.array.kernels import numba_engine

ENGINES = ["numexpr", "numba"]

PROGRAMS: dict[str, Callable[[Any], Any]] = {
    "chain": lambda x: (x - 1) * 2 + x**2,
    "repeated": lambda x: (x - x[0:1]) * x[:, :1],
    "choice": lambda x: np.where(x > 3, x, -x) + 1,
    "extremes": lambda x: np.maximum(x, 3) - np.minimum(x, 5),
    "division": lambda x: 1 / (x + 1) - np.sqrt(np.abs(x)),
    "unknown to compilers": lambda x: np.exp(-x) + np.sin(x),
}

REDUCTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "sum": lambda x, axis: x.sum(axis=axis),
    "mean": lambda x, axis: x.mean(axis=axis),
    "max": lambda x, axis: x.max(axis=axis),
    "min": lambda x, axis: x.min(axis=axis),
    "std": lambda x, axis: x.std(axis=axis),
    "any": lambda x, axis: (x > 8).any(axis=axis),
}

SHAPE = (150, 260)


@pytest.fixture(params=ENGINES)
def engine(request: Any) -> Any:
    pytest.importorskip(request.param)
    with shoal.config.set({"array.engine": request.param}):
        yield request.param


def values(dtype: str) -> np.ndarray:
    drawn = np.random.default_rng(3).integers(0, 9, SHAPE)
    return drawn.astype(dtype) if dtype[0] in "iub" else (drawn + 0.25).astype(dtype)


@pytest.mark.parametrize("dtype", ["f8", "f4", "i4", "u1"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_elements_are_equal_to_the_bit(engine: str, name: str, dtype: str) -> None:
    x, make = values(dtype), PROGRAMS[name]
    with np.errstate(all="ignore"):
        got, want = make(da.from_array(x, chunks=(150, 140))).compute(), make(x)
    assert got.dtype == want.dtype
    if engine == "numexpr":
        np.testing.assert_allclose(got, want, rtol=1e-12 if dtype == "f8" else 1e-5)
    else:
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions(engine: str, name: str, axis: int | None) -> None:
    reduce, chain = REDUCTIONS[name], PROGRAMS["chain"]
    for dtype in ("f8", "f4", "i4") if name in ("sum", "max") else ("f8",):
        x = values(dtype)
        got = reduce(chain(da.from_array(x, chunks=(100, 200))), axis).compute()
        want = reduce(chain(x), axis)
        assert got.dtype == want.dtype
        np.testing.assert_allclose(got, want, rtol=1e-5 if dtype == "f4" else 1e-12)


def test_nan_is_the_largest_and_the_smallest(engine: str) -> None:
    x = values("f8")
    x[70, 5] = np.nan
    y = da.from_array(x, chunks=(150, 130))
    for axis in (None, 0, 1):
        np.testing.assert_array_equal((y + 1).max(axis=axis).compute(), (x + 1).max(axis=axis))
        np.testing.assert_array_equal((y + 1).min(axis=axis).compute(), (x + 1).min(axis=axis))


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x[:, 10:],  # rows lie apart
        lambda x: x[::2],
        lambda x: x[:, ::2],  # so do elements: left to NumPy
        lambda x: x[::-1],
        lambda x: x.T,
        lambda x: x.reshape(10, 15, 260),
        lambda x: x.reshape(-1),
    ],
)
def test_inputs_as_they_lie_in_memory(engine: str, view: Callable[[Any], Any]) -> None:
    x = view(values("f8"))
    y = da.from_array(x, chunks=x.shape)
    for axis in (None, *range(x.ndim), *([(0, x.ndim - 1)] if x.ndim > 2 else [])):
        got = (y * 2 + 1).sum(axis=axis).compute()
        np.testing.assert_allclose(got, (x * 2 + 1).sum(axis=axis), rtol=1e-12)
    np.testing.assert_array_equal((y * 2 + 1).compute(), x * 2 + 1)


def test_a_structure_is_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba")
    sources: list[str] = []
    compiled = numba_engine._compiled
    monkeypatch.setattr(
        numba_engine, "_compiled", lambda source: (sources.append(source), compiled(source))[1]
    )
    x = da.from_array(values("f8"), chunks=(75, 260))
    with shoal.config.set({"array.engine": "numba"}):
        for constant in (2, 3.5):
            (x * constant + 1).sum().compute()
    assert len(sources) == 4
    assert len(set(sources)) == 1
