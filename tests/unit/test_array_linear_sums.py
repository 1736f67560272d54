"""Sums put together from other sums are within 1e-12 of what is written, or are not used."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import shoal
import shoal.array as da
from shoal.array.kernels import tiled
from shoal.array.kernels.linear import LinearSum
from shoal.array.kernels.totals import ROW

SUMMED: dict[str, Callable[[Any, Any], Any]] = {
    "chain": lambda x, y: (x - 1) * 2 + x**2,
    "difference of squares": lambda x, y: x**2 - y**2 + 3,
    "products": lambda x, y: x * y * 3 + x**2 + y**2,
    "one product": lambda x, y: x * y / 4,
    "steps in products": lambda x, y: np.exp(x) ** 2 - (x - y) ** 2 * 0.5 + np.exp(x) * 3,
    "constants that cancel": lambda x, y: (x + 1e16) - 1e16 + x * 0,
    "a term that cancels": lambda x, y: 2 * x - x * 1.9999999 - x * 1e-7,
    "negative": lambda x, y: -(x * 2) + 1 - (3 - x**2),
}

DATA: dict[str, Callable[[Any], Any]] = {
    "around zero": lambda random: random.normal(size=20_000),
    "around one": lambda random: random.uniform(size=20_000),
    "roots of the chain": lambda random: (
        np.full(20_000, 3**0.5 - 1) + random.normal(size=20_000) * 1e-9
    ),
    "zeros": lambda random: np.zeros(20_000),
    "tiny": lambda random: random.uniform(size=20_000) * 1e-170,
    "huge": lambda random: random.uniform(size=20_000) * 1e170,
    "large and far from zero": lambda random: random.normal(size=20_000) + 1e9,
}


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> Any:
    pytest.importorskip("numexpr")
    monkeypatch.setattr(tiled, "TILE_BYTES", 4 * ROW * 8)
    with shoal.config.set({"array.engine": "numexpr"}), np.errstate(all="ignore"):
        yield


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each block whether the other sums were used."""
    seen: list[bool] = []
    total = LinearSum.total

    def listening(self: LinearSum, tiles: Any) -> float | None:
        found = total(self, tiles)
        seen.append(found is not None)
        return found

    monkeypatch.setattr(LinearSum, "total", listening)
    return seen


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("name", SUMMED)
def test_sums_are_within_their_tolerance(name: str, data: str) -> None:
    random, make = np.random.default_rng(5), SUMMED[name]
    x, y = DATA[data](random), DATA[data](random)
    elements = make(x, y)
    got = make(*[da.from_array(part, chunks=9_000) for part in (x, y)]).sum().compute()
    assert type(got) is np.float64
    if not np.isfinite(elements).all():
        np.testing.assert_equal(got, elements.sum())
        return
    exact = float(sum(map(Fraction, elements.tolist())))
    assert abs(got - exact) <= 1e-12 * float(abs(elements).sum())


def test_they_are_used_where_nothing_cancels(used: list[bool]) -> None:
    x = da.from_array(np.random.default_rng(0).uniform(size=(200, 200)), chunks=100)
    ((x - 1) * 2 + x**2).sum().compute()
    assert used == [True] * 4
    (x**2 - x**2 * (1 - 1e-9)).sum().compute()
    assert used == [True] * 4 + [False] * 4


@pytest.mark.parametrize(
    "make",
    [
        lambda x: (x - 1).sum(),  # nothing is saved
        lambda x: (x * 2 + x**2).sum(axis=0),
        lambda x: (x.astype("f4") * 2 + x.astype("f4") ** 2 - 1).sum(),
        lambda x: ((x > 0.5) * x + x**2 - 1).sum(),
        lambda x: (x - x[:1] + x**2 - 1).sum(),  # repeated
        lambda x: (x * 2 + x**2).max(),
    ],
)
def test_they_are_for_sums_of_all_elements_in_double_precision(
    used: list[bool], make: Callable[[Any], Any]
) -> None:
    x = np.random.default_rng(0).uniform(size=(200, 200))
    np.testing.assert_allclose(make(da.from_array(x, chunks=200)).compute(), make(x), rtol=1e-5)
    assert used == []


def test_other_engines_do_as_it_is_written(used: list[bool]) -> None:
    x = da.from_array(np.random.default_rng(0).uniform(size=(200, 200)), chunks=100)
    with shoal.config.set({"array.engine": "numpy"}):
        ((x - 1) * 2 + x**2).sum().compute()
    assert used == []


@pytest.mark.parametrize("wrong", [np.inf, -np.inf, np.nan])
def test_what_is_not_finite_is_computed_as_it_is_written(used: list[bool], wrong: float) -> None:
    values = np.ones(20_000)
    values[15_000] = wrong
    x = da.from_array(values, chunks=10_000)
    np.testing.assert_equal((x * 2 + x**2).sum().compute(), (values * 2 + values**2).sum())
    np.testing.assert_equal((x * x).sum().compute(), (values * values).sum())
    assert sorted(used) == [False, False, True, True]
