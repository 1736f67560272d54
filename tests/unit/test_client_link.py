"""A client's connection, with a scheduler made up for the purpose: requests, loss, return."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from shoal.distributed.client.link import Link
from shoal.distributed.client.waiting import wait_ended
from shoal.distributed.core.client import table as futures
from shoal.distributed.net import Connection, Loop, Security, listen
from shoal.distributed.protocol import (
    Answer,
    Call,
    Cancel,
    Finished,
    Goodbye,
    Heard,
    Hello,
    Listed,
    Locate,
    Release,
    Submit,
    Subscribe,
    Want,
    Welcome,
    Withdraw,
)
from shoal.errors import AuthenticationError, ClosedClientError, ClusterError

TIMEOUT_S = 60


class FakeScheduler:
    """Welcomes clients, notes what they say, and says what it is told to say."""

    def __init__(self, loop: Loop, security: Security) -> None:
        self.heard: list[Any] = []
        self.news = threading.Condition()
        self.conns: list[Connection] = []
        self.answers: dict[str, Any] = {}
        self.name = "the-scheduler"
        self.remembers = -1
        """How many of the client's messages it says that it has taken; -1: it does not know it."""
        self.listener = listen(
            loop,
            "tcp://127.0.0.1:0",
            security=security,
            role="scheduler",
            on_connection=self.connected,
        )

    def connected(self, conn: Connection) -> None:
        conn.on_message = self.received
        self.conns.append(conn)

    def received(self, conn: Connection, message: Any, buffers: Any) -> None:
        if type(message) is Hello:
            conn.send(Welcome(7, self.name, heard=self.remembers))
        elif type(message) is Call and message.method in self.answers:
            conn.send(Answer(message.request, **self.answers[message.method]))
        with self.news:
            self.heard.append(message)
            self.news.notify_all()

    def wait_for(self, kind: type, count: int = 1) -> list[Any]:
        """The messages of a kind, when there are so many."""

        def some() -> list[Any]:
            return [message for message in self.heard if type(message) is kind]

        with self.news:
            assert self.news.wait_for(lambda: len(some()) >= count, TIMEOUT_S), self.heard
        return some()


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    thread = loop.start("test")
    yield loop
    loop.stop()
    thread.join(TIMEOUT_S)


@pytest.fixture
def parts(loop: Loop) -> Iterator[tuple[FakeScheduler, Link]]:
    security = Security.new()
    scheduler = FakeScheduler(loop, security)
    link = Link(
        loop, scheduler.listener.address, security, name="me", versions={}, timeout_s=TIMEOUT_S
    )
    link.open().wait(TIMEOUT_S)
    yield scheduler, link
    link.close()


def submit(key: str) -> Submit:
    return Submit([Listed([key])], [], [-1], [b""], [()], [], [0], [0])


def test_it_introduces_itself(parts: tuple[FakeScheduler, Link]) -> None:
    scheduler, link = parts
    assert scheduler.wait_for(Hello)[0].client == "me"
    assert (link.status, link.scheduler, link.number) == ("running", "the-scheduler", 7)


def test_answers_find_their_requests(parts: tuple[FakeScheduler, Link]) -> None:
    scheduler, link = parts
    scheduler.answers = {"a": {"value": 1}, "b": {"error": ("KeyError", "no")}}
    b, a = link.call("b"), link.call("a")
    assert a.wait(TIMEOUT_S)[0].value == 1
    with pytest.raises(KeyError, match="no"):
        b.wait(TIMEOUT_S)


def test_results_reach_those_who_wait(parts: tuple[FakeScheduler, Link]) -> None:
    scheduler, link = parts
    entry = link.want("x")
    assert scheduler.wait_for(Want)[0].keys == ["x"]
    scheduler.conns[0].send(Finished(["x"], [b"value"], [5], ["bytes"]))
    wait_ended(link, entry, TIMEOUT_S)
    assert (entry.status, entry.value) == ("finished", b"value")


def test_waiting_gives_up_and_leaves_nothing(parts: tuple[FakeScheduler, Link]) -> None:
    _, link = parts
    entry = link.want("x")
    with pytest.raises(TimeoutError, match="'x'"):
        wait_ended(link, entry, 0.01)
    assert not entry.waiters


def test_dropped_keys_are_released_together(parts: tuple[FakeScheduler, Link]) -> None:
    scheduler, link = parts
    entries = [link.want(key) for key in ("x", "y", "x")]
    for entry in entries:
        link._dropped.append(entry)
    link.flush_dropped()
    (release,) = scheduler.wait_for(Release)
    assert sorted(release.keys) == ["x", "y"]


def test_what_was_dropped_is_told_before_the_next_question(
    parts: tuple[FakeScheduler, Link],
) -> None:
    scheduler, link = parts
    with link.lock:  # nor has the loop told of it by itself
        link._dropped.append(link.want("x"))
        link.call("scheduler.nbytes")
    scheduler.wait_for(Call)
    said = [type(message) for message in scheduler.heard]
    assert said.index(Release) < said.index(Call)


def test_the_scheduler_is_told_of_futures_that_were_given_up(
    parts: tuple[FakeScheduler, Link],
) -> None:
    """Or it would keep what depends on a cancelled task for as long as the client is there."""
    scheduler, link = parts
    entry = link.want("x")
    scheduler.wait_for(Want)
    reason = ("cancelled", "input", "", b"enough")
    scheduler.conns[0].send(Finished([], [], [], [], ["x"], [0], [reason]))
    assert scheduler.wait_for(Release)[0].keys == ["x"]
    link.drop(entry)
    link.release_dropped()
    assert entry.status == futures.CANCELLED


@pytest.mark.parametrize("late", [Welcome(7, "the-scheduler"), Heard(1)])
def test_what_comes_after_the_end_changes_nothing(
    parts: tuple[FakeScheduler, Link], late: Any
) -> None:
    """The loop's thread may be about to hand it over while another one closes the client."""
    _, link = parts
    link.close()
    link._received(link._conn, late, ())  # type: ignore[arg-type]
    assert link.status == "closed"
    with pytest.raises(ClosedClientError):
        link.send(submit("x"))


def after_return(scheduler: FakeScheduler, wants: int = 2) -> list[Any]:
    """What was said after the second Hello."""
    scheduler.wait_for(Want, wants)
    hellos = [i for i, message in enumerate(scheduler.heard) if type(message) is Hello]
    return scheduler.heard[hellos[1] + 1 :]


def test_what_cannot_be_put_into_bytes_was_never_said(parts: tuple[FakeScheduler, Link]) -> None:
    """Kept among what was said, it would break each new connection, and the counts."""
    scheduler, link = parts
    scheduler.answers = {"echo": {"value": 5}}
    with pytest.raises(TypeError, match="object"):
        link.call("echo", value=object())
    assert link.call("echo").wait(TIMEOUT_S)[0].value == 5
    scheduler.remembers = 1
    with link.lock:
        scheduler.conns[0].close(OSError("broken"))
        link._is_open = False
        with pytest.raises(TypeError, match="object"):
            link.call("echo", value=object())
    scheduler.wait_for(Hello, 2)
    assert link.call("echo").wait(TIMEOUT_S)[0].value == 5
    # It may also say, a moment after the first answer, that it has taken it.
    said = {type(message) for message in after_return(scheduler, wants=1)}
    assert said - {Heard} == {Want, Call}


def test_what_was_not_taken_is_said_again_and_nothing_else(
    parts: tuple[FakeScheduler, Link],
) -> None:
    scheduler, link = parts
    link.want("old")
    link.send(submit("taken"))
    link.send(submit("lost"))
    late = link.call("later")
    scheduler.wait_for(Call)
    # Of Want, Submit, Submit, Call, two were taken before the connection broke.
    scheduler.remembers = 2
    scheduler.answers = {"later": {"value": 5}}
    with link.lock:
        scheduler.conns[0].close(OSError("broken"))
        futures.want(link.table, "taken")
        futures.want(link.table, "lost")
    scheduler.wait_for(Hello, 2)
    said = after_return(scheduler)
    assert [type(message) for message in said[:3]] == [Submit, Call, Want]
    assert said[0].names[0].keys == ["lost"]
    assert said[2].keys == ["old", "taken", "lost"] and said[2].heard == 0
    assert late.wait(TIMEOUT_S)[0].value == 5
    again = scheduler.wait_for(Hello, 2)[1]
    assert (again.scheduler, again.heard) == ("the-scheduler", 0)


def test_another_scheduler_hears_of_wishes_again_and_of_no_call_twice(
    parts: tuple[FakeScheduler, Link],
) -> None:
    scheduler, link = parts
    link.subscribe("news")
    link.send(submit("x"))
    perhaps_taken = link.call("a")
    located = link.request(lambda number: Locate(number, ["x"]))
    scheduler.wait_for(Locate)
    scheduler.name, scheduler.remembers = "another", -1
    scheduler.answers = {"b": {"value": 6}}
    with link.lock:
        scheduler.conns[0].close(OSError("broken"))
        link._is_open = False  # as when the loop has heard of it
        fresh = link.call("b")
    with pytest.raises(ClusterError, match="restarted"):
        perhaps_taken.wait(TIMEOUT_S)
    scheduler.wait_for(Want)
    scheduler.wait_for(Locate, 2)
    said = scheduler.heard[[type(m) for m in scheduler.heard].index(Hello, 1) + 1 :]
    assert type(said[0]) is Subscribe
    assert sum(type(message) is Submit for message in said) == 1
    assert sum(type(message) is Locate for message in said) == 1
    assert not [m for m in said if type(m) is Call and m.method == "a"]
    assert not located.done
    assert fresh.wait(TIMEOUT_S)[0].value == 6


def test_another_scheduler_hears_what_is_held_and_what_is_waited_for(
    parts: tuple[FakeScheduler, Link], caplog: pytest.LogCaptureFixture
) -> None:
    scheduler, link = parts
    scheduler.answers = {"lock.acquire": {"value": True}, "lock.release": {"value": True}}
    for name in ("mine", "given back"):
        link.call("lock.acquire", name=name, id=name).wait(TIMEOUT_S)
    link.call("lock.release", name="given back", id="given back").wait(TIMEOUT_S)
    scheduler.answers = {"holdings.claim": {"value": [["the lock 'mine'", "mine"]]}}
    waits = link.call("event.wait", name="go")
    scheduler.wait_for(Call, 4)
    scheduler.name, scheduler.remembers = "another", -1
    scheduler.conns[0].close(OSError("broken"))
    claims, again = scheduler.wait_for(Call, 6)[4:]
    assert claims.args == {"locks": [["mine", ["mine"], 1]], "leases": []}
    assert again.method == "event.wait" and not waits.done
    # Others have it: that is said, and not claimed again.
    scheduler.name = "a third one"
    scheduler.wait_for(Want)
    link.call("x")
    scheduler.wait_for(Call, 7)
    scheduler.conns[1].close(OSError("broken"))
    assert scheduler.wait_for(Call, 8)[7].args["locks"] == []
    assert "the lock 'mine'" in caplog.text


@pytest.mark.parametrize("remembers", [1, -1])
def test_a_key_that_is_let_go_while_there_is_no_connection_may_stand_for_something_else(
    parts: tuple[FakeScheduler, Link], remembers: int
) -> None:
    """What is submitted under it afterwards would be taken for what the scheduler still has."""
    scheduler, link = parts
    entry = link.want("x")
    scheduler.answers = {"a": {"value": 1}}
    assert link.call("a").wait(TIMEOUT_S)[0].value == 1
    scheduler.remembers = remembers
    with link.lock:
        scheduler.conns[0].close(OSError("broken"))
        link._is_open = False  # as when the loop has heard of it
        link.drop(entry)
        link.flush_dropped()
        link.send(submit("x"))
        futures.want(link.table, "x")
    scheduler.wait_for(Hello, 2)
    said = [message for message in after_return(scheduler) if type(message) in (Release, Submit)]
    assert [type(message) for message in said] == [Release, Submit]
    # Of another scheduler it has heard nothing.
    assert said[0].heard == (1 if remembers > 0 else 0)


def test_a_cancellation_while_there_is_no_connection_keeps_its_words(
    parts: tuple[FakeScheduler, Link],
) -> None:
    scheduler, link = parts
    entry = link.want("x")
    scheduler.wait_for(Want)
    scheduler.remembers = 1
    with link.lock:
        scheduler.conns[0].close(OSError("broken"))
        link._is_open = False  # as when the loop has heard of it
        link.cancel(["x"], True, "enough of this")
    assert entry.status == "cancelled"
    [cancel] = scheduler.wait_for(Cancel)
    assert (cancel.keys, cancel.force, cancel.reason) == (["x"], True, "enough of this")


def test_what_was_taken_is_kept_no_longer(parts: tuple[FakeScheduler, Link]) -> None:
    scheduler, link = parts
    for key in "abc":
        link.send(submit(key))
    assert len(link._session.said) == 3
    done = link.call("x")
    scheduler.wait_for(Call)
    conn = scheduler.conns[0]
    conn.send(Heard(3))
    conn.send(Answer(done_number(scheduler), 1))
    done.wait(TIMEOUT_S)
    assert [type(said.message) for said in link._session.said] == [Call]
    # And the scheduler need not keep the answer.
    assert scheduler.wait_for(Heard)[0].count == 1


def done_number(scheduler: FakeScheduler) -> int:
    number: int = scheduler.wait_for(Call)[0].request
    return number


def test_a_call_that_nobody_waits_for_is_withdrawn(parts: tuple[FakeScheduler, Link]) -> None:
    scheduler, link = parts
    promise = link.call("queue.get")
    link.withdraw(promise)
    assert scheduler.wait_for(Withdraw)[0].request == done_number(scheduler)


def test_a_scheduler_that_says_goodbye_is_not_looked_for(
    parts: tuple[FakeScheduler, Link],
) -> None:
    scheduler, link = parts
    entry = link.want("x")
    scheduler.conns[0].send(Goodbye("enough"))
    scheduler.conns[0].close()
    link.ended.wait(TIMEOUT_S)
    assert (link.status, entry.status) == ("closed", "cancelled")
    with pytest.raises(ClosedClientError):
        link.send(submit("y"))


def test_nobody_there_is_an_error_in_time(loop: Loop) -> None:
    link = Link(loop, "tcp://127.0.0.1:9", Security.new(), name="me", versions={}, timeout_s=0.1)
    with pytest.raises(OSError, match="127"):
        link.open().wait(TIMEOUT_S)
    assert link.status == "closed"


def test_a_scheduler_that_takes_nothing_is_given_up_after_a_few_attempts(
    parts: tuple[FakeScheduler, Link], monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler, link = parts

    def received(conn: Connection, message: Any, buffers: Any) -> None:
        FakeScheduler.received(scheduler, conn, message, buffers)
        if type(message) is Submit:
            raise ValueError("a mistake in the scheduler")

    monkeypatch.setattr(scheduler, "received", received)
    monkeypatch.setattr("shoal.distributed.client.link.STANDS_S", TIMEOUT_S)
    scheduler.conns[0].on_message = received
    entry = link.want("x")
    scheduler.wait_for(Want)
    scheduler.conns[0].send(Heard(1))  # so the first connection was of use
    scheduler.remembers, link.timeout_s = 1, 0.3
    link.send(submit("y"))
    link.ended.wait(TIMEOUT_S)
    assert entry.status == "cancelled"
    assert len(scheduler.wait_for(Hello)) < 10
    with pytest.raises(ClosedClientError):
        link.send(submit("y"))


def test_a_key_that_is_let_go_before_it_could_be_sent_is_not_wanted(
    parts: tuple[FakeScheduler, Link],
) -> None:
    scheduler, link = parts
    scheduler.remembers = 0
    with link.lock:
        scheduler.conns[0].close(OSError("broken"))
        link._is_open = False
        link.send(submit("new"))
        link.drop(futures.want(link.table, "new"))
        link.flush_dropped()
    scheduler.wait_for(Submit)
    [want] = scheduler.wait_for(Want)
    assert want.keys == [] and want.heard == 0


def test_a_request_to_a_worker_that_has_just_gone_is_an_error(
    parts: tuple[FakeScheduler, Link],
) -> None:
    scheduler, link = parts
    conn = link.worker(scheduler.listener.address).wait(TIMEOUT_S)
    closed = threading.Event()
    after = conn.on_close
    conn.on_close = lambda *args: (after(*args), closed.set())
    conn.close(OSError("gone"))
    assert closed.wait(TIMEOUT_S)
    with pytest.raises(ClusterError, match="closed the connection"):
        link.request(lambda number: Call(number, "x", {}), to=conn).wait(TIMEOUT_S)
    assert not link._requests


def test_a_worker_that_is_reached_after_the_end_is_let_go(
    parts: tuple[FakeScheduler, Link],
) -> None:
    scheduler, link = parts
    # The loop is kept from opening it before the client is closed.
    hold, go = threading.Event(), threading.Event()
    link.loop.call_threadsafe(lambda: (hold.set(), go.wait(TIMEOUT_S)))
    assert hold.wait(TIMEOUT_S)
    promise = link.worker(scheduler.listener.address)
    link.close()
    go.set()
    conn = promise.wait(TIMEOUT_S)
    end = time.monotonic() + TIMEOUT_S
    while not (conn.closed or conn._lingering):
        assert time.monotonic() < end
        threading.Event().wait(0.01)


def test_wrong_credentials_are_an_error_at_once(
    loop: Loop, parts: tuple[FakeScheduler, Link]
) -> None:
    address = parts[0].listener.address
    link = Link(loop, address, Security.new(), name="you", versions={}, timeout_s=100 * TIMEOUT_S)
    opening, told = link.open(), queue.Queue[str]()
    opening.add_callback(lambda _: told.put(link.status))
    with pytest.raises(AuthenticationError):
        opening.wait(TIMEOUT_S)
    assert told.get(timeout=TIMEOUT_S) == link.status == "closed"
