"""OpenTelemetry: the context of who submits is current in the task, wherever that runs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk")

from opentelemetry import baggage, context, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shoal import config, delayed
from shoal.distributed import Client, LocalCluster, get_client, traced
from shoal.distributed.spans import asked, load_api

TIMEOUT_S = 120.0


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        client.run(export)
        yield client


def export() -> None:
    """As a program that wants its spans does; here they stay in the process."""
    global exporter
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)


def exported() -> list[tuple[str, int, int, int, dict[str, Any], str]]:
    """Name, trace, span, parent, attributes and error of the spans so far; they are forgotten."""
    found = [
        (
            span.name,
            span.context.trace_id,
            span.context.span_id,
            span.parent.span_id if span.parent else 0,
            dict(span.attributes or {}),
            span.status.description or "",
        )
        for span in exporter.get_finished_spans()
    ]
    exporter.clear()
    return found


def spans_of(client: Client) -> dict[str, tuple[Any, ...]]:
    return {span[0]: span for spans in client.run(exported).values() for span in spans}


exporter = InMemorySpanExporter()
tracer = TracerProvider().get_tracer("a program")


def query(x: int) -> int:
    """A task with a span of its own."""
    with trace.get_tracer("a library").start_as_current_span(f"query {x}"):
        return x


def within(_: Any = None) -> str:
    """The traceparent that is current in a task."""
    here = trace.get_current_span().get_span_context()
    return f"{here.trace_id:x}" if here.is_valid else ""


async def within_coroutine() -> str:
    return within()


def submits() -> str:
    return str(get_client().submit(within, pure=False).result(TIMEOUT_S))


def fails() -> None:
    raise ValueError("no price")


def carried() -> Any:
    return baggage.get_baggage("tenant")


def test_spans_of_tasks_are_children_of_the_one_that_submitted(client: Client) -> None:
    with traced("a job", client, tracer, tasks=False) as job:
        client.gather(client.map(query, [7], pure=False))
    found = spans_of(client)
    mine = job.span.get_span_context()
    _, trace_id, task, parent, attributes, error = found["query"]
    assert (trace_id, parent, error) == (mine.trace_id, mine.span_id, "")
    assert attributes["shoal.key"].startswith("query-")
    assert attributes["shoal.worker"] in client.scheduler_info()["workers"]
    assert attributes["shoal.result_bytes"] > 0
    assert found["query 7"][1] == mine.trace_id and found["query 7"][3] == task


@pytest.mark.parametrize("how", ["submit", "map", "compute", "coroutine", "nested", "input"])
def test_every_way_to_submit_carries_the_context(client: Client, how: str) -> None:
    with traced("a job", client, tracer, tasks=False) as job:
        wanted = f"{job.span.get_span_context().trace_id:x}"
        if how == "submit":
            found = client.submit(within, pure=False).result(TIMEOUT_S)
        elif how == "map":
            (found,) = client.gather(client.map(within, [1], pure=False))
        elif how == "compute":
            found = delayed(within)(delayed(abs)(-1)).compute()
        elif how == "coroutine":
            found = client.submit(within_coroutine, pure=False).result(TIMEOUT_S)
        elif how == "nested":
            found = client.submit(submits, pure=False).result(TIMEOUT_S)
        else:
            one = client.submit(abs, -1, pure=False, workers=["0"])
            found = client.submit(within, one, pure=False, workers=["1"]).result(TIMEOUT_S)
    assert found == wanted


def test_a_task_that_raises_says_so_on_its_span(client: Client) -> None:
    spans_of(client)
    with traced("a job", client, tracer, tasks=False):
        client.gather(client.map(lambda _: fails(), [1], pure=False), errors="skip")
    assert [span[5] for span in spans_of(client).values()] == ["ValueError: no price"]


def test_nothing_travels_unless_it_is_asked_for(client: Client) -> None:
    with tracer.start_as_current_span("a request"):
        assert client.submit(within, pure=False).result(TIMEOUT_S) == ""
    assert not asked.get()
    with traced("a job", client, tracer):
        pass
    assert client.submit(within, pure=False).result(TIMEOUT_S) == ""


def test_the_setting_asks_for_it(client: Client) -> None:
    with config.set({"distributed.tracing": True}), Client(client.cluster) as other:
        # Outside of spans there is nothing to carry.
        assert other.submit(within, pure=False).result(TIMEOUT_S) == ""
        token = context.attach(baggage.set_baggage("tenant", "a"))
        try:
            with tracer.start_as_current_span("a request") as span:
                wanted = f"{span.get_span_context().trace_id:x}"
                assert other.submit(within, pure=False).result(TIMEOUT_S) == wanted
                assert other.submit(carried, pure=False).result(TIMEOUT_S) == "a"
        finally:
            context.detach(token)


def test_a_worker_without_the_package_runs_tasks_all_the_same(
    monkeypatch: Any, caplog: Any
) -> None:
    load_api.cache_clear()
    with (
        LocalCluster(n_workers=1, processes=False, dashboard_address=None) as cluster,
        Client(cluster) as client,
        traced("a job", client, tracer, tasks=False),
    ):
        assert client.submit(abs, -1, pure=False).result(TIMEOUT_S) == 1
        monkeypatch.setitem(sys.modules, "opentelemetry.context", None)
        load_api.cache_clear()
        assert client.submit(abs, -2, pure=False).result(TIMEOUT_S) == 2
    assert "tasks run without the trace" in caplog.text
    monkeypatch.undo()
    load_api.cache_clear()


def test_nothing_is_loaded_where_nobody_asks() -> None:
    program = """
import sys
from shoal.distributed import Client
with Client(n_workers=1, processes=False, dashboard_address=None) as client:
    assert client.submit(abs, -1).result() == 1
print([name for name in sys.modules if name.startswith("opentelemetry")])
"""
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert found.stdout == "[]\n", found.stderr
