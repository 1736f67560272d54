"""BLAS has one thread while tasks run on several, and what it had before and after."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import shoal
from shoal.local import blas

threadpoolctl = pytest.importorskip("threadpoolctl")


def counts() -> list[int]:
    found = threadpoolctl.ThreadpoolController().lib_controllers
    return [one.get_num_threads() for one in found if one.user_api == "blas"]


@pytest.fixture(autouse=True)
def several(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Two threads of BLAS, whatever the machine and its environment say."""
    assert np.ones(1) == 1
    for name in blas.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(blas, "USUAL", {2})
    monkeypatch.setattr(blas, "_limits", blas._Limits())
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        if not counts() or set(counts()) != {2}:
            pytest.skip("no BLAS whose threads can be counted")
        yield


def seen_in(tasks: int, **told: Any) -> list[list[int]]:
    calls = [shoal.delayed(counts, pure=False)() for _ in range(tasks)]
    return list(shoal.compute(*calls, scheduler="threads", **told))


def test_one_while_tasks_run_and_two_afterwards() -> None:
    assert all(set(one) == {1} for one in seen_in(3, num_workers=2))
    assert set(counts()) == {2}


def test_one_thread_or_one_task_leaves_blas_its_own() -> None:
    assert set(seen_in(3, num_workers=1)[0]) == {2}
    assert set(seen_in(1, num_workers=2)[0]) == {2}


def test_after_an_error() -> None:
    def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        shoal.compute(*[shoal.delayed(fail, pure=False)() for _ in range(2)], num_workers=2)
    assert set(counts()) == {2}


def test_nested_and_side_by_side() -> None:
    def inner() -> list[list[int]]:
        return [*seen_in(2, num_workers=2), counts()]

    results: list[Any] = []

    def outer() -> None:
        results.append(shoal.compute(shoal.delayed(inner)(), shoal.delayed(inner)(), num_workers=2))

    threads = [threading.Thread(target=outer) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {n for runs in results for run in runs for one in run for n in one} == {1}
    assert set(counts()) == {2}


def test_what_the_user_said_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    with threadpoolctl.threadpool_limits(3, user_api="blas"):
        assert set(seen_in(2, num_workers=2)[0]) == {3}
    monkeypatch.setattr(blas, "_limits", blas._Limits())
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert set(seen_in(2, num_workers=2)[0]) == {2}
