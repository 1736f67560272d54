"""The dashboard of a real cluster: started by its first visitor, ended with the scheduler."""

from __future__ import annotations

import http.client
import json
import logging
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode, urlsplit

import psutil
import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from shoal import config
from shoal.distributed import CancelledError, Client, Event, LocalCluster, wait
from shoal.distributed.dashboard.access import Access
from shoal.distributed.node.door import parse_door

TIMEOUT_S = 120.0


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with (
        LocalCluster(n_workers=1, threads_per_worker=2, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        yield client


class Visitor:
    """A browser without a window."""

    def __init__(self, link: str) -> None:
        self.parts = urlsplit(link)
        self.cookie = ""
        answer, _ = self.ask(f"{self.parts.path}?{self.parts.query}")
        assert answer.status == 200
        self.cookie = (answer.getheader("set-cookie") or "").split(";")[0]

    def open(self, path: str, method: str = "GET", **headers: str) -> Any:
        """The answer, and its connection to read on."""
        connection = http.client.HTTPConnection(
            self.parts.hostname or "", self.parts.port, timeout=TIMEOUT_S
        )
        connection.request(method, path, headers={"cookie": self.cookie, **headers})
        return connection.getresponse(), connection

    def ask(self, path: str, method: str = "GET", **headers: str) -> Any:
        answer, connection = self.open(path, method, **headers)
        body = answer.read()
        connection.close()
        return answer, body

    def view(self, panel: str, **args: str) -> Any:
        query = urlencode({"panels": panel, **args})
        return json.loads(self.ask(f"/view?{query}")[1])[panel]

    def until(self, panel: str, wanted: Any, **args: str) -> Any:
        """What a panel shows as soon as it is as wanted."""
        end = time.monotonic() + TIMEOUT_S
        while time.monotonic() < end:
            found = self.view(panel, **args)
            if wanted(found):
                return found
        raise AssertionError(f"{panel} never came to it: {found}")


@pytest.fixture(scope="module")
def visitor(client: Client) -> Visitor:
    assert client.dashboard_link is not None
    return Visitor(client.dashboard_link)


def fail(x: int) -> int:
    raise ValueError(f"no {x}")


def children() -> set[int]:
    return {p.pid for p in psutil.Process().children(recursive=True)}


def test_nothing_runs_before_somebody_looks() -> None:
    before = children()
    with LocalCluster(n_workers=0, dashboard_address=":0") as cluster:
        assert not children() - before
        assert cluster.dashboard_link is not None
        visitor = Visitor(cluster.dashboard_link)
        assert visitor.ask("/health")[1] == b"ok\n"
        assert len(children() - before) == 1
    assert not children() - before
    with pytest.raises(OSError):
        socket.create_connection((visitor.parts.hostname, visitor.parts.port), timeout=1)


def test_it_starts_again_when_its_process_is_killed() -> None:
    with LocalCluster(n_workers=0, dashboard_address=":0") as cluster:
        before = children()
        visitor = Visitor(str(cluster.dashboard_link))
        (process,) = children() - before
        used = cluster.dashboard_link
        assert Visitor(str(used)).cookie
        victim = psutil.Process(process)
        victim.kill()
        victim.wait(TIMEOUT_S)
        # The visitor is still known, and a used link still used.
        assert visitor.ask("/json/counts.json")[0].status == 200
        assert visitor.ask(f"/status?{urlsplit(str(used)).query}", cookie="")[0].status == 401


def test_none_is_off_and_a_port_in_use_is_passed_over(caplog: Any) -> None:
    with LocalCluster(n_workers=0, processes=False, dashboard_address=None) as cluster:
        assert cluster.dashboard_link is None
        with Client(cluster) as client:
            assert client.dashboard_link is None
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        address = f"127.0.0.1:{port}"
        with LocalCluster(n_workers=0, processes=False, dashboard_address=address) as cluster:
            link = urlsplit(str(cluster.dashboard_link))
            assert link.port != port
            assert f"port {port} is in use; the dashboard is at port {link.port}" in caplog.text
    with pytest.raises(ValueError, match="no port"):
        parse_door("localhost:http")


def test_a_door_that_cannot_be_opened_leaves_the_cluster_alone(caplog: Any) -> None:
    with LocalCluster(n_workers=0, processes=False, dashboard_address="192.0.2.1:0") as cluster:
        assert cluster.dashboard_link is None
        assert "no dashboard at 192.0.2.1:0" in caplog.text


def test_the_link_is_a_setting(client: Client) -> None:
    with config.set({"distributed.dashboard.link": "{scheme}://hub-{port}/status"}):
        link = client.dashboard_link
        assert link is not None and link.startswith("http://hub-")
        assert "token" not in link
        assert link in client._repr_html_()


def test_the_numbers_of_a_job(client: Client, visitor: Visitor) -> None:
    futures = client.map(abs, range(-40, 0))
    wait(futures)
    found = visitor.until("progress", lambda p: p["kinds"].get("abs", {}).get("memory") == 40)
    assert found["kinds"]["abs"]["total"] >= 40
    assert visitor.until("task-stream", lambda s: s["bars"])
    assert visitor.view("kinds")["kinds"]["abs"]["done"] >= 40
    assert visitor.view("workers")["workers"]["0"]["threads"] == 2
    counts = json.loads(visitor.ask("/json/counts.json")[1])
    assert (counts["workers"], counts["cores"]) == (1, 2)
    names = [node[1] for node in visitor.view("graph")["nodes"].values()]
    assert names.count("abs") == 40
    assert visitor.view("memory-by-key")["kinds"]["abs"]["count"] == 40
    # Those of tests before are let go, sooner or later.
    visitor.until("system", lambda s: s["tasks"] == 40)


def test_why_a_task_waits(client: Client, visitor: Visitor) -> None:
    event = Event(client=client)
    held = client.submit(event_wait, event.name, key="held-1")
    # It runs: what is submitted at the same time as its input may be sent along with it.
    assert Event(f"{event.name}-begun", client=client).wait(TIMEOUT_S)
    blocked = client.submit(bool, held, key="blocked-1")
    try:
        # It comes over another connection than the dashboard's question.
        found = visitor.until("info", lambda i: i["task"].get("waits_for"), key="blocked-1")
        assert "1 of 1 inputs are missing" in found["task"]["why"]
        assert visitor.view("info", key="held")["task"]["key"] == "held-1"
        assert visitor.view("info", key="nothing")["task"]["state"] == "forgotten"
        told = visitor.view("info", key="0")["task"]
        assert told["about"] == "worker" and "it has been given 1 tasks" in told["why"]
        assert [line[1:] for line in told["story"]][-1] == ["was sent", "held-1"]
    finally:
        event.set()
    assert blocked.result(TIMEOUT_S) is True


def event_wait(name: str) -> bool:
    Event(f"{name}-begun").set()
    return bool(Event(name).wait(TIMEOUT_S))


def test_failures_and_trying_again(client: Client, visitor: Visitor) -> None:
    futures = client.map(fail, [7], retries=1)
    wait(futures)
    errors = visitor.until("errors", lambda e: len(e["errors"]) == 2)["errors"]
    first, second = (errors[i] for i in sorted(errors, key=int))
    assert first["error"] == "ValueError: no 7" and first["again"] and not second["again"]
    assert "in fail" in first["trace"] and first["replay"].endswith(f"({futures[0].key!r})")
    assert "failing" in visitor.view("answers")["findings"]


def test_a_stream_sends_a_state_and_then_changes(client: Client, visitor: Visitor) -> None:
    answer, connection = visitor.open("/stream?panels=summary,progress")
    assert answer.getheader("content-type").startswith("text/event-stream")

    def event() -> Any:
        line = b""
        while not line.startswith(b"data: "):
            line = answer.readline()
        return json.loads(line[6:])

    first = event()
    assert set(first) == {"summary", "progress"}
    futures = client.map(str, range(17))
    wait(futures)
    size = 0
    while True:
        change = event()
        size = max(size, len(json.dumps(change)))
        if change.get("progress", {}).get("kinds", {}).get("str", {}).get("memory") == 17:
            break
    assert size < 5_000
    connection.close()


def test_actions(client: Client, visitor: Visitor) -> None:
    page = visitor.ask("/status")[1].decode()
    token = page.partition('data-token="')[2].partition('"')[0]
    base = f"{visitor.parts.scheme}://{visitor.parts.netloc}"
    event = Event(client=client)
    held = client.submit(event_wait, event.name, key="held-2")

    def act(name: str, body: dict[str, str]) -> int:
        connection = http.client.HTTPConnection(visitor.parts.netloc, timeout=TIMEOUT_S)
        connection.request(
            "POST",
            f"/actions/{name}",
            json.dumps(body),
            {"cookie": visitor.cookie, "origin": base, "x-shoal-token": token},
        )
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status

    # The dashboard's connection is another one: the task may come after the first try.
    end = time.monotonic() + TIMEOUT_S
    while act("cancel", {"key": "held-2"}) != 200:
        assert time.monotonic() < end
    with pytest.raises(CancelledError, match="cancelled on the dashboard"):
        held.result(TIMEOUT_S)
    assert act("cancel", {"key": "nothing"}) == 400
    event.set()


def test_metrics(client: Client, visitor: Visitor) -> None:
    bearer = Access(client._place.security.secret).bearer
    answer, body = visitor.ask("/metrics", cookie="", authorization=f"Bearer {bearer}")
    assert answer.status == 200
    assert b'shoal_worker_threads{worker="0"} 2.0' in body


@contextmanager
def spinning(client: Client) -> Iterator[None]:
    """A task runs Python code as long as the block lasts: samples find it sooner or later."""

    def spin(name: str) -> None:
        event = Event(name)
        while not event.is_set():
            sum(i for i in range(10_000))

    event = Event(client=client)
    future = client.submit(spin, event.name)
    try:
        yield
    finally:
        event.set()
    future.result(TIMEOUT_S)


def test_what_the_scheduler_and_the_workers_do(client: Client, visitor: Visitor) -> None:
    with spinning(client):
        flame = visitor.until("profile", lambda p: any("spin" in f[0] for f in p["frames"]))
    assert flame["count"] > 0
    visitor.until("profile", lambda p: p["count"], source="scheduler")
    visitor.until("profile", lambda p: p["count"], source="workers")
    assert any(row[1] == "all" for row in visitor.view("events")["events"])


@pytest.mark.parametrize("source", ["tasks", "scheduler"])
def test_a_profile_of_some_time(client: Client, visitor: Visitor, source: str) -> None:
    """The time line has all samples, and the flame graph those of the time that was chosen."""
    with spinning(client):
        whole = visitor.until("profile", lambda p: p["count"], source=source)
    times = whole["times"]
    last = times["first"] + len(times["counts"]) * times["step"]
    assert sum(times["counts"]) >= whole["count"] > 0
    assert not visitor.view("profile", source=source, stop=str(times["first"] - 5))["count"]
    assert not visitor.view("profile", source=source, start=str(last + 50))["count"]
    some = visitor.view("profile", source=source, start=str(times["first"] - 1), stop=str(last))
    assert some["count"] >= whole["count"] and sum(some["times"]["counts"]) >= some["count"]
    assert visitor.view("profile", source=source, start="-600")["count"] >= whole["count"]
    assert "ValueError" in visitor.view("profile", source=source, start="x")["error"]


def say(word: str) -> None:
    sys.stdout.write(f"{word} 1,")
    sys.stdout.write(" 2\n")
    logging.getLogger("a.library").warning("%s 3", word)


def test_logs_know_their_tasks(client: Client, visitor: Visitor) -> None:
    """What a task prints and logs is found by its key, and by any word."""
    wait([client.submit(say, "one", key="say-1"), client.submit(say, "two", key="say-2")])
    lines = visitor.until("logs", lambda panel: len(panel["lines"]) == 2, filter="say-2")["lines"]
    assert sorted(line[1:] for line in lines.values()) == [
        ["Worker 0", "WARNING", "say-2", "two 3"],
        ["Worker 0", "stdout", "say-2", "two 1, 2"],
    ]
    assert all(abs(line[0] - time.time()) < TIMEOUT_S for line in lines.values())
    found = visitor.view("logs", filter="one 3")["lines"].values()
    assert [line[3] for line in found] == ["say-1"]
    told = client.get_worker_logs()
    assert ("stdout", "one 1, 2") in next(iter(told.values()))
