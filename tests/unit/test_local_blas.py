"""The threads of BLAS are divided among the tasks that run, and come back."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import shoal
from shoal.local import blas, threads

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


def test_what_is_told_after_the_run_changes_nothing() -> None:
    shares = blas._Shares()
    number, tell = shares.enter(2)
    assert tell is not None
    assert set(counts()) == {1}
    tell(1)
    assert set(counts()) == {2}
    tell(2)
    assert set(counts()) == {1}
    shares.leave(number)
    assert set(counts()) == {2}
    tell(2)
    assert set(counts()) == {2}


def left_alone(monkeypatch: pytest.MonkeyPatch, alone_s: float) -> set[int]:
    """What the last of two tasks has that began side by side, once the other thread is idle."""
    monkeypatch.setattr(threads, "ALONE_S", alone_s)
    told = threading.Event()
    asleep = threading.Event()
    park = threads.ThreadedRun.park

    class Watched(threads.ThreadedRun):
        def park(self, *, idle: bool = False, timeout_s: float = -1) -> None:
            if idle:
                asleep.set()
                tell = self.tell
                assert tell is not None
                self.tell = lambda count: (tell(count), told.set())[0]
            park(self, idle=idle, timeout_s=timeout_s)

    monkeypatch.setattr(threads, "ThreadedRun", Watched)

    def left(barrier: threading.Barrier) -> set[int]:
        barrier.wait(60)
        assert asleep.wait(60)
        if alone_s < 1:
            assert told.wait(60)
        return set(counts())

    barrier = threading.Barrier(2)
    calls = shoal.delayed(left)(barrier), shoal.delayed(barrier.wait, pure=False)(60)
    result: set[int] = computed(*calls)[0]  # type: ignore[assignment]
    return result


def test_who_is_left_alone_has_them_all_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    assert left_alone(monkeypatch, 0.001) == {2}


def test_who_is_left_alone_has_its_own_until_then(monkeypatch: pytest.MonkeyPatch) -> None:
    assert left_alone(monkeypatch, 1000.0) == {1}


def test_a_task_beside_nothing_but_data_has_them_all_from_its_beginning() -> None:
    found = shoal.delayed(lambda a, b: counts())(shoal.delayed([1]), shoal.delayed([2]))
    assert {n for _ in range(50) for n in computed(found, found + [0])[0]} == {2}


def test_a_wide_phase_after_a_task_alone_has_one_each() -> None:
    barrier = threading.Barrier(2)
    alone = shoal.delayed(lambda: barrier, pure=False)()
    wide = [shoal.delayed(together, pure=False)(alone) for _ in range(2)]
    # What is idle while a task runs alone says so; what follows is several again.
    assert [set(found) for found in computed(*wide)] == [{1}, {1}]
