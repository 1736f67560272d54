"""How much of an array is read, and how much of it is held at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import shoal
import shoal.array as da
from shoal.array.nodes import selection
from shoal.array.testing import assert_eq
from shoal.collection import make_plan
from shoal.expr import footprint
from shoal.expr.explain import _peak_alive

X = np.random.default_rng(0).random((60, 50))


class Counting:
    """Something that is sliced like an array and knows what was taken."""

    shape, dtype, ndim = X.shape, X.dtype, 2

    def __init__(self) -> None:
        self.taken: list[tuple[int, ...]] = []

    def __getitem__(self, index: Any) -> Any:
        part = X[index]
        self.taken.append(part.shape)
        return part

    @property
    def elements(self) -> int:
        return sum(rows * columns for rows, columns in self.taken)


def centred(x: Any) -> Any:
    return (x - x.mean(axis=0)).std()


def test_a_block_is_read_once_where_there_is_memory() -> None:
    reader = Counting()
    x = da.from_array(reader, chunks=(6, 50))
    np.testing.assert_allclose(centred(x).compute(scheduler="sync"), centred(X))
    assert reader.elements == X.size


def test_what_is_too_large_to_hold_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Counting()
    x = da.from_array(reader, chunks=(6, 50))
    monkeypatch.setattr(footprint, "system_limit_bytes", lambda: 2 * X.nbytes)
    np.testing.assert_allclose(centred(x).compute(scheduler="sync"), centred(X))
    assert reader.elements == 2 * X.size
    # Ten blocks, of which one is in memory at a time: what lives longer are partial results.
    assert "reads FromArray" in centred(x).explain()
    assert not any("read_region" in str(func) for func in make_plan(centred(x)).funcs)


def test_a_cluster_says_how_much_memory_there_is() -> None:
    class Client:
        def __call__(self) -> None: ...

        def scheduler_info(self) -> Any:
            return {"workers": {n: {"memory_limit": n, "nthreads": 2} for n in (5, 7)}}

    with shoal.config.set(scheduler=Client()):
        assert footprint.room() == footprint.Room(12, 4)


def test_two_that_do_not_wait_for_each_other_share_what_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reader = Counting()
    x = da.from_array(reader, chunks=(6, 50))
    monkeypatch.setattr(footprint, "system_limit_bytes", lambda: 0)
    both = shoal.compute(x.max(axis=1), x.sum(), scheduler="sync")
    np.testing.assert_allclose(both[0], X.max(axis=1))
    assert reader.elements == X.size
    assert _peak_alive(make_plan(x.max(axis=1), x.sum())) <= 25


@pytest.mark.parametrize(
    ("index", "elements"),
    [
        ((slice(1, 5, 2), 3), 2),
        ((slice(7, 20), slice(None)), 13 * 50),
        ((5, slice(None, None, 10)), 5),
        ((slice(None), slice(10, 12)), 120),
    ],
)
def test_only_what_is_asked_for_is_read(index: Any, elements: int) -> None:
    reader = Counting()
    x = da.from_array(reader, chunks=(6, 7))
    got = ((x * 2)[index] + 1).sum().compute(scheduler="sync")
    np.testing.assert_allclose(got, (X[index] * 2 + 1).sum())
    assert reader.elements == elements


@pytest.mark.parametrize("scheduler", ["sync", "threads", "processes"])
def test_a_dataset_of_a_file_goes_where_its_tasks_go(tmp_path: Path, scheduler: str) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["group/x"] = X
    with h5py.File(tmp_path / "x.h5", "r") as file:
        x = da.from_array(file["group/x"], chunks=(13, 20))
        np.testing.assert_allclose(centred(x).compute(scheduler=scheduler), centred(X))
        np.testing.assert_array_equal(x[3:40, ::7].compute(scheduler=scheduler), X[3:40, ::7])


@pytest.mark.parametrize("scheduler", ["sync", "threads", "processes"])
@pytest.mark.parametrize(
    ("old", "new"), [((1, 50), (60, 1)), ((7, 50), (60, 3)), ((7, 9), (11, 4))]
)
def test_rows_become_columns_through_files(scheduler: str, old: Any, new: Any) -> None:
    with shoal.config.set({"scheduler": scheduler, "shuffle-memory": 0}):
        assert_eq(da.from_array(X, chunks=old).rechunk(new), X)


@pytest.mark.parametrize("scheduler", ["sync", "threads", "processes"])
@pytest.mark.parametrize("axis", [0, 1])
def test_elements_in_any_order_through_files(
    scheduler: str, axis: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "LARGE_PIECE_BYTES", 0)
    index = np.random.default_rng(1).integers(0, X.shape[axis], 70)
    with shoal.config.set({"scheduler": scheduler, "shuffle-memory": 0}):
        x = da.from_array(X, chunks=(4, 3))
        assert_eq(da.take(x, index, axis=axis), np.take(X, index, axis=axis))


def test_elements_in_any_order_are_two_tasks_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "LARGE_PIECE_BYTES", 0)
    x = da.from_array(np.arange(10_000), chunks=100)
    order = np.random.default_rng(1).permutation(10_000)
    plan = make_plan(x[order])
    assert len([func for func in plan.funcs if func is not None]) == 200
    np.testing.assert_array_equal(x[order].compute(), order)


def test_each_block_is_cut_once() -> None:
    x = da.from_array(np.zeros((40, 40)), chunks=(5, 40))
    plan = make_plan(x.rechunk((40, 5), threshold=100))
    assert len([func for func in plan.funcs if func is not None]) == 8 + 8


def explained(x: Any, limit_bytes: float, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(footprint, "room", lambda: footprint.Room(limit_bytes, 2))
    _, _, memory = x.explain().partition("memory: ")
    return memory


def test_explain_says_what_will_be_held(monkeypatch: pytest.MonkeyPatch) -> None:
    megabyte = 2**20
    reader = np.memmap("/dev/zero", "u1", "r", shape=(64 * megabyte,))
    x = da.from_array(reader, chunks=4 * megabyte)
    total = explained((x + 1).max(), 2**30, monkeypatch)
    assert total.startswith("about 8.00 MiB at most, with 2 threads")
    assert "warning" not in total
    kept = explained(x - x.max(), 2**30, monkeypatch)
    # Every block waits for the largest element; where one goes, a block of the answer comes.
    assert kept.startswith("about 72.00 MiB at most, with 2 threads (results 64.00 MiB")


@pytest.mark.parametrize(
    ("make", "remedy"),
    [
        (lambda x: (x.rechunk(60) + 1).sum(), "smaller chunks"),
        (lambda x: x + 1, "The answer alone takes"),
        (lambda x: ((x + 1).cumsum(axis=0) - (x + 1).max()).sum(), "Results wait until"),
    ],
)
def test_what_does_not_fit_has_a_remedy(
    monkeypatch: pytest.MonkeyPatch, make: Any, remedy: str
) -> None:
    x = da.from_array(X, chunks=(2, 50))
    assert remedy in explained(make(x), 5_000, monkeypatch)
    assert "warning" not in explained(make(x), 10**9, monkeypatch)


def test_what_is_unknown_is_not_estimated(monkeypatch: pytest.MonkeyPatch) -> None:
    x = da.from_array(X, chunks=(6, 50))
    assert not explained(x[x > 0.5], 1, monkeypatch)


@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", "i4", "u1", "c16", "?"])
@pytest.mark.parametrize(
    "function",
    [
        lambda x: x + 1,
        lambda x: x * 2.5 - x,
        lambda x: np.exp(x) / 3,
        lambda x: x > 2,
        lambda x: x[:1] + x * np.float64(0.1),
        lambda x: 0 * x / x,
    ],
)
def test_one_value_everywhere(dtype: str, function: Any) -> None:
    x = np.full((6, 9), 3, dtype)
    got, want = function(da.full((6, 9), 3, dtype=dtype, chunks=4)), function(x)
    assert_eq(got, want)
    assert got.compute().dtype == want.dtype


def test_a_negative_zero_stays_one() -> None:
    assert np.signbit((-da.zeros(3)).compute()).all()
    assert np.signbit(da.full(3, -0.0).compute()).all()
