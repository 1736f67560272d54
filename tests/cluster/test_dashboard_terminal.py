"""Answers without a browser: `Client.why` and `report`, files, samplers, and the commands."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from shoal import config
from shoal.cli.main import shoal
from shoal.distributed import Client, Event, LocalCluster
from shoal.distributed.client.memory import MemorySampler
from shoal.distributed.client.performance import performance_report
from shoal.distributed.client.taskstream import get_task_stream
from shoal.distributed.client.tracing import traced
from shoal.distributed.dashboard.report import SCRIPTS, bundle, static_text

TIMEOUT_S = 120.0


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with (
        LocalCluster(n_workers=1, threads_per_worker=2, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def cluster_file(client: Client, tmp_path_factory: Any) -> str:
    path = tmp_path_factory.mktemp("cluster") / "cluster.json"
    client.write_scheduler_file(path)
    return os.fspath(path)


def inc(x: int) -> int:
    return x + 1


def say(*_: int) -> None:
    sys.stdout.write("hello\n")


def fail(x: int) -> int:
    raise ValueError(f"no {x}")


def event_wait(name: str) -> bool:
    Event(f"{name}-begun").set()
    return bool(Event(name).wait(TIMEOUT_S))


def run(*words: str) -> str:
    # Without SystemExit, whose traceback would keep the frames of the test, and so its futures.
    result = CliRunner().invoke(shoal, list(words), standalone_mode=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_why_is_followed_to_its_end(client: Client, cluster_file: str) -> None:
    event = Event(client=client)
    held = client.submit(event_wait, event.name, key="held")
    # It runs: what is submitted at the same time as its input may be sent along with it.
    assert Event(f"{event.name}-begun", client=client).wait(TIMEOUT_S)
    middle = client.submit(bool, held, key=("middle", 0))
    last = client.submit(bool, middle, key="last")
    try:
        why = client.why(last)
        assert [step["state"] for step in why] == ["waiting", "waiting", "sent"]
        assert "held" in str(why).splitlines()[-1] and "on 0" in str(why)
        assert "inputs are missing" in why._repr_html_()
        told = run("why", "last", "--scheduler-file", cluster_file)
        assert told.splitlines()[0] == str(why).splitlines()[0]
        assert "sent" in run("why", "held", "--scheduler-file", cluster_file)
    finally:
        event.set()
    assert last.result(TIMEOUT_S)
    assert "its result is on" in client.why("last")
    assert "does not know this key" in client.why("nothing")


def job_is_over(client: Client) -> None:
    """Wait until nothing is left of what was computed before: with the next task a job begins."""
    end = time.monotonic() + TIMEOUT_S
    while len(client.cluster.scheduler.tasks):
        assert time.monotonic() < end, client.cluster.scheduler.tasks


def test_report_after_a_job(client: Client, cluster_file: str) -> None:
    job_is_over(client)
    client.gather(client.map(fail, range(3), retries=2), errors="skip")
    failed = client.report()
    # A busy machine may be a reason as well, for the one and the other.
    assert "failing" in [found.name for found in failed.findings]
    assert "9 runs failed, 6 were tried again" in str(failed)
    job_is_over(client)
    client.gather(client.map(inc, range(2_500)))
    report = client.report()
    assert "tiny" in [found.name for found in report.findings]
    assert "Tasks are tiny" in run("report", "--scheduler-file", cluster_file)
    job_is_over(client)
    client.gather(client.map(inc, range(2_500, 2_510)))
    # Of the last job alone.
    assert client.report().numbers["runs"] == 10


def test_performance_report_is_one_file(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    with performance_report(filename=path):
        # Also this comment.
        client.gather(client.map(inc, range(60), pure=False))
        client.gather(client.map(inc, range(40), pure=False))
    text = path.read_text()
    for part in ("shoal Performance Report", "Also this comment", "Threads: 2", "Task stream"):
        assert part in text
    assert "inc" in text and "No logs to report" in text
    # Nothing is loaded from anywhere (the code that it shows is this test's).
    page = text.partition("<details")[0] + text.partition("</details>")[2]
    assert not re.search(r"""(?:src|href)=["'](?!#)|@import|url\(http""", page)
    data = json.loads(text.partition('id="data">')[2].partition("</script>")[0])
    assert "Tasks: 100<" in text
    assert sum(bar[6] for bar in data["task-stream"]["bars"].values()) == 100
    assert sum(data["rates"]["tasks"]) == 100

    def caller() -> None:
        with performance_report(filename=f"file://{path}", stacklevel=2):
            pass

    caller()
    assert "test_performance_report_is_one_file" in path.read_text()


def test_names_of_scripts_do_not_collide() -> None:
    text = bundle()
    assert "import {" not in text and "\nexport " not in text
    assert {f"{name}.js" for name in SCRIPTS} >= set(
        re.findall(r'from "\./(\w+\.js)"', "".join(static_text(f"{n}.js") for n in SCRIPTS))
    )


def test_pictures_and_traces(client: Client, tmp_path: Path) -> None:
    start = time.time()
    client.gather(client.map(inc, range(50), pure=False))
    rows, figure = client.get_task_stream(start=start, plot=True)
    assert len(rows) == 50 and "<iframe" in figure._repr_html_()
    path = tmp_path / "stream.html"
    client.get_task_stream(start=start, plot="save", filename=str(path))
    assert "Task stream" in path.read_text()
    with get_task_stream(client, plot="save", filename=str(tmp_path / "block.html")) as block:
        client.gather(client.map(inc, range(10), pure=False))
    assert len(block.data) == 10 and "Task stream" in (tmp_path / "block.html").read_text()
    profile = tmp_path / "profile.html"
    state, _ = client.profile(filename=str(profile))
    assert "count" in state and "Profile" in profile.read_text()
    trace = tmp_path / "trace.json"
    assert client.write_trace(trace, start=start) == 60
    events = json.loads(trace.read_text())["traceEvents"]
    assert sum(event["ph"] == "X" for event in events) == 60


def test_memory_samples(client: Client) -> None:
    sampler = MemorySampler()
    with sampler.sample("held", measure="managed", interval=0.01):
        future = client.submit(bytes, 1_000_000)
        future.result(TIMEOUT_S)
        end = time.monotonic() + TIMEOUT_S
        while not any(size > 900_000 for _, size in sampler.samples["held"]):
            assert time.monotonic() < end
    with sampler.sample():
        pass
    assert len(sampler.samples) == 2
    assert all(rows for rows in sampler.samples.values())
    pytest.importorskip("pandas")
    frame = sampler.to_pandas()
    assert list(frame.columns)[0] == "held" and frame["held"].max() > 900_000
    assert float(sampler.to_pandas(align=True).index[0].total_seconds()) == 0.0
    with pytest.raises(ValueError, match="there are process"):
        sampler.sample(measure="nothing")


def test_asynchronous_clients(tmp_path: Path) -> None:
    async def work() -> None:
        async with (
            LocalCluster(
                n_workers=1, processes=False, asynchronous=True, dashboard_address=":0"
            ) as cluster,
            Client(cluster, asynchronous=True) as client,
        ):
            sampler = MemorySampler()
            async with sampler.sample("a", interval=0.01), performance_report(tmp_path / "a.html"):
                await client.gather(client.map(inc, range(10)))
            assert sampler.samples["a"]
            report = await client.report()
            assert report.numbers["runs"] == 10
            assert "does not know" in await client.why("nothing")
            with config.set({"distributed.dashboard.link": "{host}"}):
                assert "/" not in str(client.dashboard_link)
            await client.profile(server=True)

    asyncio.run(work())
    assert "async def work" in (tmp_path / "a.html").read_text()


def test_commands(client: Client, cluster_file: str) -> None:
    client.gather(client.map(inc, range(10), pure=False))
    here = ("--scheduler-file", cluster_file)
    link = run("dashboard", *here)
    assert link.startswith("http://127.0.0.1:") and "token=" in link
    assert len(run("dashboard", "--metrics-token", *here).strip()) > 20
    shown = run("top", "--once", *here)
    assert "workers 1   threads 2" in shown and "inc" in shown
    client.submit(say, key="say-alone").result(TIMEOUT_S)
    client.gather(client.map(say, range(20), pure=False))
    line = run("logs", *here, "--grep", "say-alone", "-n", "5").strip()
    assert re.fullmatch(r"\d\d:\d\d:\d\d  0  stdout  say-alone  hello", line), line
    assert len(run("logs", *here, "--worker", "0", "-n", "3").splitlines()) == 3
    assert run("logs", *here, "--grep", "nothing has this") == ""
    missing = CliRunner().invoke(shoal, ["why", "x", "--scheduler-file", "nowhere.json"])
    assert missing.exit_code == 1 and "nowhere.json" in missing.output


def test_spans_of_tasks(client: Client) -> None:
    sdk = pytest.importorskip("opentelemetry.sdk.trace")
    export = pytest.importorskip("opentelemetry.sdk.trace.export")
    memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    exporter = memory.InMemorySpanExporter()
    provider = sdk.TracerProvider()
    provider.add_span_processor(export.SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("a program")
    with tracer.start_as_current_span("a request") as request, traced("a job", client, tracer):
        client.gather(client.map(inc, range(5), pure=False))
    spans = exporter.get_finished_spans()
    (job,) = (span for span in spans if span.name == "a job")
    tasks = [span for span in spans if span.name == "inc"]
    assert job.parent.span_id == request.get_span_context().span_id
    assert len(tasks) == 5
    assert {span.parent.span_id for span in tasks} == {job.context.span_id}
    assert {span.context.trace_id for span in spans} == {request.get_span_context().trace_id}
    assert all(
        job.start_time <= s.start_time + 5e7 and s.end_time <= job.end_time + 5e7 for s in tasks
    )
    provider.shutdown()
