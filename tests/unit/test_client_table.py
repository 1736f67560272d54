"""The client's table of futures: what each message and each wish of the user changes."""

from __future__ import annotations

from typing import Any

import pytest

from shoal.distributed.core.client import table as t
from shoal.distributed.protocol import Finished, Lost


@pytest.fixture
def table() -> t.Table:
    return t.Table()


def finished(key: Any, value: bytes | None = b"v") -> Finished:
    return Finished([key], [value], [3], ["int"])


def test_one_entry_for_all_futures_of_a_key(table: t.Table) -> None:
    one, two = t.want(table, "x"), t.want(table, "x")
    assert one is two
    assert t.release(table, [one]) == []
    assert t.release(table, [two]) == ["x"]
    assert not table.entries


def test_a_key_that_is_wanted_anew_is_another_entry(table: t.Table) -> None:
    old = t.want(table, "x")
    assert t.release(table, [old]) == ["x"]
    new = t.want(table, "x")
    # A late release of the old one must not take the new one away.
    assert t.release(table, [old]) == []
    assert table.entries == {"x": new}


def test_finished_gives_value_size_and_type(table: t.Table) -> None:
    entry = t.want(table, "x")
    assert t.finish(table, finished("x")) == ([], [])
    assert (entry.status, entry.value, entry.nbytes, entry.kind) == ("finished", b"v", 3, "int")


def test_only_entries_that_somebody_waits_for_are_returned(table: t.Table) -> None:
    entry = t.want(table, "x")
    entry.waiters = [lambda e: None]
    assert t.finish(table, finished("x")) == ([entry], [])
    assert t.finish(table, finished("unknown")) == ([], [])


@pytest.mark.parametrize(
    ("kind", "status"),
    [("raised", "error"), ("killed", "error"), ("cancelled", "cancelled"), ("lost", "cancelled")],
)
def test_failures_by_kind(table: t.Table, kind: str, status: str) -> None:
    entry = t.want(table, "x")
    reason = (kind, "y", "tcp://w", b"why")
    t.finish(table, Finished([], [], [], [], failed=["x"], errors=[0], reasons=[reason]))
    assert entry.status == status
    assert entry.error == reason


def test_a_value_that_came_along_outlives_its_loss(table: t.Table) -> None:
    here, there = t.want(table, "here"), t.want(table, "there")
    t.finish(table, Finished(["here", "there"], [b"v", None], [3, 10**9], ["int", "big"]))
    t.lose(table, Lost(["here", "there", "unknown"]))
    assert (here.status, there.status) == ("finished", "pending")


def test_cancelled_keys_leave_the_table_and_stay_cancelled(table: t.Table) -> None:
    entry = t.want(table, "x")
    assert t.cancel(table, ["x", "unknown"], "enough") == []
    assert entry.status == "cancelled"
    t.finish(table, finished("x"))
    assert entry.status == "cancelled"
    assert t.want(table, "x").status == "pending"
    assert t.release(table, [entry]) == []


def test_retry_waits_again_for_what_failed_only(table: t.Table) -> None:
    failed, good = t.want(table, "failed"), t.want(table, "good")
    failed.status, good.status = t.ERROR, t.FINISHED
    t.retry(table, ["failed", "good", "unknown"])
    assert (failed.status, good.status) == ("pending", "finished")


def test_the_end_of_the_connection_ends_what_is_pending(table: t.Table) -> None:
    pending, done = t.want(table, "pending"), t.want(table, "done")
    done.status = t.FINISHED
    t.disconnected(table, "the scheduler is gone")
    assert (pending.status, done.status) == ("cancelled", "finished")
    assert pending.error is not None
    assert pending.error[3] == b"the scheduler is gone"


def test_after_a_reconnection_everything_wanted_is_said(table: t.Table) -> None:
    for key in ("a", "b"):
        t.want(table, key)
    t.cancel(table, ["b"], "")
    assert t.wants(table) == ["a"]
