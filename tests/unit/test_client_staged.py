"""Plans that change while they run, under `Client.compute` and `Client.persist`: nobody waits."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

import shoal
import shoal.dataframe as dd
from shoal.distributed import Client, Event, Future, fire_and_forget, wait
from shoal.distributed.client.staged import Staged
from shoal.errors import FutureCancelledError
from shoal.expr import adapt


def make(part: int, rows: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(part)
    return pd.DataFrame({"k": rng.integers(0, 50, rows), "x": rng.random(rows)})


def held_up(part: int) -> pd.DataFrame:
    assert Event("go").wait(60)
    return make(part)


def broken(part: int) -> pd.DataFrame:
    raise OSError(f"part {part} cannot be read")


def joined(read: object = make, below: float = 0.1) -> dd.DataFrame:
    """A join whose right side turns out to be small."""
    left, right = dd.from_map(make, range(20)), dd.from_map(read, range(100, 110), meta=make(0))
    return left.merge(right[right.x < below], on="k")


def sorted_rows(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values(list(frame.columns)).reset_index(drop=True)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Client]:
    with Client(n_workers=2, threads_per_worker=1, processes=False) as client:
        yield client


@pytest.fixture
def client(cluster: Client) -> Client:
    Event("go").clear()
    return cluster


@pytest.fixture
def decisions(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is decided while plans run."""
    told: list[str] = []
    monkeypatch.setattr(
        "shoal.dataframe.nodes.open.note_decision", lambda key, text: told.append(text)
    )
    return told


def expected(frame: dd.DataFrame) -> pd.DataFrame:
    with shoal.config.set({"dataframe.replan.enabled": False}):
        return sorted_rows(frame.compute(scheduler="sync"))


def test_compute_replans(client: Client, decisions: list[str]) -> None:
    frame = joined()
    future = client.compute(frame)
    pd.testing.assert_frame_equal(sorted_rows(future.result()), expected(frame))
    assert len(decisions) == 1
    assert decisions[0].startswith("the right side has") and "given to all 20" in decisions[0]


def test_persist_replans_and_keeps_its_partitions(client: Client, decisions: list[str]) -> None:
    frame = joined()
    for kept in (client.persist(frame), frame.persist(), shoal.persist(frame)[0]):
        assert kept.npartitions == frame.npartitions
        pd.testing.assert_frame_equal(sorted_rows(kept.compute()), expected(frame))
    # The second and the third were wanted as well: they are the same futures.
    assert len(decisions) == 1


def test_several_at_once_with_others(client: Client, decisions: list[str]) -> None:
    frame = joined()
    held = client.submit(abs, -5)
    total, five, number, plain = client.compute(
        [frame.x_x.sum(), held, shoal.delayed(abs)(-3), "as it is"]
    )
    assert total.result() == pytest.approx(expected(frame).x_x.sum())
    assert (five.result(), number.result(), plain) == (5, 3, "as it is")
    one, two = client.persist([frame, shoal.delayed(abs)(-4)])
    assert (len(one), two.compute()) == (len(expected(frame)), 4)
    assert decisions


def test_nobody_waits_and_others_may_use_the_future_before(client: Client) -> None:
    frame = joined(held_up)
    future = client.compute(frame)
    length = client.submit(len, future)
    kept = frame.persist()
    assert future.status == length.status == "pending"
    assert client.who_has(future)[future.key] == ()
    Event("go").set()
    assert length.result(60) == len(future.result(60)) == len(kept)


def test_options_hold_for_all_stages(client: Client) -> None:
    seen: set[str] = set()
    [one, _] = client.scheduler_info()["workers"]
    frame = joined()
    kept = client.persist(frame, workers=[one])
    wait(kept)
    for where in client.who_has(kept).values():
        seen.update(where)
    assert seen == {one}


@pytest.mark.parametrize("let_go", [False, True], ids=["cancelled", "dropped"])
def test_what_nobody_wants_ends_its_stages(client: Client, let_go: bool) -> None:
    future = client.compute(joined(held_up))
    used = client.submit(len, future)
    assert client.futures
    if let_go:
        del future, used
        gc.collect()
    else:
        future.cancel()
        with pytest.raises(FutureCancelledError):
            used.result(60)
        del future, used
        gc.collect()
    Event("go").set()
    client.sync(_until_empty, client)


def needed_by_a_task(client: Client) -> Future[int]:
    return client.submit(len, client.compute(joined(held_up)))


def needed_by_a_task_of_another_job(client: Client) -> Future[int]:
    return client.compute(client.persist(joined(held_up)).map_partitions(len, meta=int).sum())


def wanted_by_nobody_in_particular(client: Client) -> Future[int]:
    future = client.compute(joined(held_up))
    fire_and_forget(future)
    return client.submit(len, future)


@pytest.mark.parametrize(
    "use", [needed_by_a_task, needed_by_a_task_of_another_job, wanted_by_nobody_in_particular]
)
def test_what_others_need_is_planned_though_its_futures_are_gone(client: Client, use: Any) -> None:
    needed = use(client)
    gc.collect()
    client._link.flush_dropped()
    Event("go").set()
    assert needed.result(60) == len(expected(joined()))


def test_what_another_client_wants_is_planned_though_its_futures_are_gone(client: Client) -> None:
    with Client(client.cluster, set_as_default=False) as other:
        future = client.compute(joined(held_up))
        # The scheduler has heard of it: the two clients have connections of their own.
        assert client.who_has(future)[future.key] == ()
        theirs = Future(future.key, other)
        assert other.who_has(theirs)[theirs.key] == ()  # and of theirs
        entry = future._entry
        del future
        end = time.monotonic() + 60
        while entry.refs:  # whoever looks at threads may have the frames of a call for a moment
            assert time.monotonic() < end
            gc.collect()
            client._link.flush_dropped()
        Event("go").set()
        assert len(theirs.result(60)) == len(expected(joined()))


def test_a_stage_that_cannot_be_submitted_fails_who_waits_as_well(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    others: list[Future[Any]] = []

    def fails(self: Staged, job: object) -> None:
        others.append(Future(self._keys[0], client))
        raise RuntimeError("cannot be pickled")

    monkeypatch.setattr(Staged, "_submit_stage", fails)
    with pytest.raises(RuntimeError, match="cannot be pickled"):
        client.compute(joined())
    with pytest.raises(
        FutureCancelledError, match=r"its plan could not be made.*cannot be pickled"
    ):
        others[0].result(60)


async def _until_empty(client: Client) -> None:
    while await client.run_on_scheduler(_count_tasks) or client.futures:
        pass


def _count_tasks(dask_scheduler: object) -> int:
    return len(dask_scheduler.tasks)  # type: ignore[attr-defined]


def test_what_fails_in_a_stage_fails_as_it_would_have(client: Client) -> None:
    future = client.compute(joined(broken))
    with pytest.raises(OSError, match="cannot be read"):
        future.result(60)
    kept = joined(broken).persist()
    with pytest.raises(OSError, match="cannot be read"):
        kept.compute()


def test_a_plan_that_cannot_be_made_says_so(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(stages: object) -> None:
        raise RuntimeError("no way")

    future = client.compute(joined(held_up))
    monkeypatch.setattr(adapt.Stages, "decided", fails)
    Event("go").set()
    with pytest.raises(FutureCancelledError, match=r"its plan could not be made.*no way"):
        future.result(60)
    assert "a plan could not be made" in caplog.text


def test_a_client_that_leaves_says_the_rest(client: Client) -> None:
    with Client(client.cluster, set_as_default=False) as other:
        future = other.compute(joined(held_up))
        fire_and_forget(future)
        assert other.who_has(future)[future.key] == ()
        theirs = Future(future.key, client)
    Event("go", client=client).set()
    assert len(theirs.result(60)) == len(expected(joined()))


def test_tasks_may_do_it_on_a_worker_with_one_thread() -> None:
    def inside(again: int) -> float:
        kept = joined().persist()
        total = kept.x_x.sum().compute()
        if again:
            other = shoal.distributed.get_client().compute(joined(below=0.2).x_x.sum()).result()
            assert other > total
        return float(total)

    with Client(n_workers=1, threads_per_worker=1, processes=False) as client:
        assert client.submit(inside, 1).result(60) == pytest.approx(expected(joined()).x_x.sum())


def test_a_callback_may_wait_for_what_is_planned(client: Client) -> None:
    frame = joined()
    got: list[float] = []
    called = threading.Event()

    def waits(_: object) -> None:
        got.append(client.compute(frame.x_x.sum()).result(60))
        called.set()

    client.submit(abs, -1).add_done_callback(waits)
    assert called.wait(60)
    assert got == [pytest.approx(expected(frame).x_x.sum())]
