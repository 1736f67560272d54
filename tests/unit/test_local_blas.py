"""The threads of BLAS are divided among the tasks that run, and come back."""

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
    monkeypatch.setattr(blas, "_shares", blas._Shares())
    monkeypatch.setattr(blas, "PAUSE_S", 0.0)
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        if not counts() or set(counts()) != {2}:
            pytest.skip("no BLAS whose threads can be counted")
        yield


def together(barrier: threading.Barrier) -> list[int]:
    """The counts while others run as well."""
    barrier.wait(60)
    found = counts()
    barrier.wait(60)
    return found


def side_by_side(tasks: int = 2) -> list[Any]:
    barrier = threading.Barrier(tasks)
    return [shoal.delayed(together, pure=False)(barrier) for _ in range(tasks)]


def computed(*calls: Any, workers: int = 2) -> list[list[int]]:
    return list(shoal.compute(*calls, scheduler="threads", num_workers=workers))


def test_one_each_while_two_tasks_run_and_both_afterwards() -> None:
    assert computed(*side_by_side()) == [[1] * len(counts())] * 2
    assert set(counts()) == {2}


def test_steps_of_a_chain_have_them_all() -> None:
    def step(before: list[int] | None) -> list[int]:
        return counts() if before is None or set(before) == {2} else before

    last: Any = None
    for _ in range(5):
        last = shoal.delayed(step)(last)
    assert set(computed(last)[0]) == {2}


def test_the_last_task_has_them_all_once_the_others_are_idle() -> None:
    def last(*before: list[int]) -> set[int]:
        assert {n for one in before for n in one} == {1}
        ended = threading.Event()
        for _ in range(6000):
            if set(counts()) == {2}:
                break
            ended.wait(0.01)
        return set(counts())

    assert computed(shoal.delayed(last)(*side_by_side())) == [{2}]


def test_one_worker_or_one_task_leaves_blas_its_own() -> None:
    assert set(computed(shoal.delayed(counts)(), shoal.delayed(abs)(-1), workers=1)[0]) == {2}
    assert set(computed(shoal.delayed(counts)())[0]) == {2}


def test_after_an_error() -> None:
    def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        computed(*[shoal.delayed(fail, pure=False)() for _ in range(2)])
    assert set(counts()) == {2}


def test_nested_and_from_several_threads() -> None:
    def inner() -> list[list[int]]:
        return computed(*[shoal.delayed(counts, pure=False)() for _ in range(3)])

    def outer() -> None:
        results.append(computed(shoal.delayed(inner)(), shoal.delayed(inner, pure=False)()))

    results: list[Any] = []
    threads = [threading.Thread(target=outer) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = {n for runs in results for run in runs for one in run for n in one}
    assert len(results) == 3
    assert found <= {1, 2}
    assert set(counts()) == {2}


def test_what_the_user_said_before_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    with threadpoolctl.threadpool_limits(3, user_api="blas"):
        assert set(computed(*side_by_side())[0]) == {3}
    monkeypatch.setattr(blas, "_shares", blas._Shares())
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert set(computed(*side_by_side())[0]) == {2}


def test_what_a_task_says_stays() -> None:
    def own(barrier: threading.Barrier) -> list[int]:
        for _, put in blas._libraries():
            put(3)
        return together(barrier)

    barrier = threading.Barrier(2)
    assert set(computed(shoal.delayed(own)(barrier), shoal.delayed(together)(barrier))[0]) == {3}
    assert set(counts()) == {3}


def test_so_soon_after_a_change_nobody_is_given_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blas, "PAUSE_S", 60.0)
    shares = blas._Shares()
    number, tell = shares.enter(2)
    assert tell is not None
    assert set(counts()) == {1}
    assert tell(1) == 2
    monkeypatch.setattr(blas, "PAUSE_S", 0.0)
    assert tell(1) == 1
    assert set(counts()) == {2}
    assert tell(2) == 2
    assert set(counts()) == {1}
    shares.leave(number)
    assert set(counts()) == {2}
    assert tell(2) == 2
    assert set(counts()) == {2}
