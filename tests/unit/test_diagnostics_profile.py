"""Profilers: what they record, on which clock, and that their charts hold it."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import webbrowser
from collections.abc import Iterator
from operator import add, mul
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import shoal.diagnostics.profile as profile
from shoal.diagnostics import CacheProfiler, Callback, Profiler, ResourceProfiler, visualize
from shoal.diagnostics.charts import Panel, line, resource_panel, short_number, task_panel, ticks
from shoal.diagnostics.profile import ProcessMeter, ResourceData, TaskData, has_screen
from shoal.graph.legacy import plan_from_dict
from shoal.graph.task import Task
from shoal.local.process_pool import end_workers
from shoal.local.sync import run_sync
from shoal.local.threads import run_threads

GRAPH = {"a": 1, "b": 2, "c": (add, "a", "b"), "d": (mul, "a", "b"), "e": (mul, "c", "d")}
TIMEOUT_S = 60


def run(graph: dict[str, Any], key: str, executor: Any = run_sync) -> Any:
    return executor(plan_from_dict(graph, [key]))[0]


def counting() -> Any:
    """A clock that is one second later each time it is asked."""
    times = iter(range(10**9))
    return lambda: float(next(times))


@pytest.fixture(autouse=True)
def nobody_listens() -> Iterator[None]:
    assert not Callback.active
    yield
    assert not Callback.active


# -- tasks


@pytest.mark.parametrize("executor", [run_sync, run_threads])
def test_profiler_records_each_task_once(executor: Any) -> None:
    with Profiler(clock=counting()) as prof:
        assert run(GRAPH, "e", executor) == 6
    assert sorted(record.key for record in prof.results) == ["c", "d", "e"]
    assert all(isinstance(record.task, Task) for record in prof.results)
    for record in prof.results:
        assert prof.start_time < record.start_time < record.end_time < prof.end_time
    prof.clear()
    assert prof.results == []


def test_profiler_tells_the_worker() -> None:
    with Profiler() as prof:
        run(GRAPH, "e")
    assert {record.worker_id for record in prof.results} == {threading.get_ident()}


def test_profiler_keeps_what_ended_before_an_error() -> None:
    graph = {"x": (abs, -1), "y": (abs, "x"), "z": (lambda y: y / 0, "y")}
    with pytest.raises(ZeroDivisionError), Profiler() as prof:
        run(graph, "z")
    assert [record.key for record in prof.results] == ["x", "y"]
    assert not prof._started


def test_profiler_sums_up_computations_and_starts_anew_in_each_block() -> None:
    with Profiler() as prof:
        run(GRAPH, "e")
        run(GRAPH, "c")
    assert len(prof.results) == 4
    with prof:
        run(GRAPH, "c")
    assert len(prof.results) == 1


def test_a_computation_inside_of_a_task_is_part_of_that_task() -> None:
    with Profiler(clock=counting()) as prof:
        assert run({"c": (lambda: run(GRAPH, "c"),)}, "c") == 3
    (record,) = prof.results
    assert record.key == "c"


@pytest.mark.parametrize("make", [Profiler, CacheProfiler, ResourceProfiler])
def test_register(make: Any) -> None:
    prof = make()
    prof.register()
    try:
        run(GRAPH, "e")
        first = len(prof.results)
        assert first > 0
        run(GRAPH, "e")
        assert len(prof.results) > first
        assert prof.start_time < prof.end_time
    finally:
        prof.unregister()


# -- cache


def test_cache_profiler_records_from_making_to_release() -> None:
    with CacheProfiler(clock=counting()) as prof:
        run(GRAPH, "e")
    by_key = {record.key: record for record in prof.results}
    assert set(by_key) == {"c", "d", "e"}
    assert by_key["c"].free_time == by_key["d"].free_time == by_key["e"].cache_time
    assert by_key["e"].free_time > by_key["e"].cache_time
    assert [record.metric for record in prof.results] == [1, 1, 1]


def test_cache_profiler_measures_each_result_once() -> None:
    seen: list[Any] = []

    def size(result: Any) -> int:
        seen.append(result)
        return len(seen)

    with CacheProfiler(size) as prof:
        run(GRAPH, "e")
    assert sorted(seen) == [2, 3, 6]
    assert sorted(record.metric for record in prof.results) == [1, 2, 3]
    assert prof._metric_name == "size"
    assert CacheProfiler(size, "bytes")._metric_name == "bytes"
    assert CacheProfiler()._metric_name == "count"


def test_cache_profiler_under_an_error() -> None:
    graph = {"x": (abs, -1), "y": (lambda x: x / 0, "x")}
    with pytest.raises(ZeroDivisionError), CacheProfiler() as prof:
        run(graph, "y")
    assert [record.key for record in prof.results] == ["x"]
    assert not prof._alive


# -- resources


def test_resource_profiler_collects_when_the_block_ends() -> None:
    with ResourceProfiler(dt=1000, meter=lambda: (10.0, 50.0)) as prof:
        assert prof._is_running()
        run(GRAPH, "e")
        assert prof.results == []
    assert [record[1:] for record in prof.results] == [(10.0, 50.0)] * 2
    assert prof.start_time < prof.results[0].time <= prof.results[-1].time < prof.end_time
    assert not prof._is_running()
    prof.close()
    assert len(prof.results) == 2
    prof.clear()
    assert prof.results == []
    with prof:
        run(GRAPH, "e")
    assert len(prof.results) == 2


def test_resource_profiler_samples_again_and_again() -> None:
    sampled = threading.Semaphore(0)

    def meter() -> tuple[float, float]:
        sampled.release()
        return 1.0, 2.0

    with ResourceProfiler(dt=0.001, meter=meter) as prof:
        for _ in range(5):
            assert sampled.acquire(timeout=TIMEOUT_S)
    assert len(prof.results) >= 5


def test_resource_profiler_registered_runs_only_while_something_does() -> None:
    prof = ResourceProfiler(dt=1000, meter=lambda: (1.0, 2.0))
    prof.register()
    try:
        assert not prof._is_running()
        run({"a": (lambda: run(GRAPH, "e"),)}, "a")
        assert not prof._is_running()
        assert len(prof.results) == 2
    finally:
        prof.unregister()


def test_resource_profiler_ends_with_an_error() -> None:
    prof = ResourceProfiler(dt=1000)
    prof.register()
    try:
        with pytest.raises(ZeroDivisionError):
            run({"a": (lambda: 1 / 0,)}, "a")
        assert not prof._is_running()
        assert len(prof.results) == 2
    finally:
        prof.unregister()


@pytest.mark.parametrize("event", ["start", "start_state"])
def test_resource_profiler_ends_when_another_callback_fails_to_start(event: str) -> None:
    def fail(*args: Any) -> None:
        raise ValueError("no")

    prof = ResourceProfiler(dt=1000)
    prof.register()
    try:
        with pytest.raises(ValueError, match="no"), Callback(**{event: fail}):
            run(GRAPH, "e")
        assert not prof._is_running()
    finally:
        prof.unregister()


def test_meter_counts_children() -> None:
    end_workers()  # of tests before: they would end some time
    program = "x = b'x' * 50_000_000; print(flush=True); input()"
    before, _ = ProcessMeter()()
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        child.stdout.readline()
        meter = ProcessMeter(clock=counting())
        during, cpu = meter()
        child.communicate(b"\n")
    after, _ = meter()
    assert during - before > 40
    assert after < during - 40
    assert cpu >= 0


# -- charts


def svg_of(picture: Any) -> ElementTree.Element:
    return ElementTree.fromstring(picture.data)


def test_charts_show_every_record(tmp_path: Path) -> None:
    clock = counting()
    prof = Profiler(clock=clock)
    cprof = CacheProfiler(metric_name="things", clock=clock)
    rprof = ResourceProfiler(1000, clock=clock)
    with prof, cprof, rprof:
        run(GRAPH, "e", run_threads)
    path = tmp_path / "all.html"
    picture = visualize([prof, rprof, cprof], path, title="A <title>", width=500, height=200)
    svg = svg_of(picture)
    words = "".join(svg.itertext())
    for expected in ("A <title>", "'e': mul", "% CPU", "Memory (MB)", "Cache Size (things)"):
        assert expected in words
    assert words.count("Time (s)") == 1
    assert (svg.get("width"), svg.get("height")) == ("500", "600")
    page = path.read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert "<script" not in page
    assert picture.data.decode() in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")


@pytest.mark.parametrize("make", [Profiler, CacheProfiler, ResourceProfiler])
def test_chart_of_nothing(make: Any) -> None:
    picture = make().visualize(filename=None)
    assert "nothing was recorded" in "".join(svg_of(picture).itertext())


def test_chart_of_one_sample_in_no_time() -> None:
    panel = Panel(400, 200, 1.0, 1.0)
    assert "NaN" not in resource_panel(panel, [ResourceData(1.0, 0.0, 0.0)])


def test_charts_stay_small() -> None:
    records = [TaskData(i, (abs, i), i * 1e-5, i * 1e-5 + 9e-6, i % 4) for i in range(100_000)]
    drawn = task_panel(Panel(900, 260, 0.0, 1.0), records)
    assert len(drawn) < 1_000_000
    counts = re.findall(r"and (\d+) more tasks", drawn)
    assert sum(map(int, counts)) + drawn.count("<rect") > 100_000
    points = [(i / 100, float(i * i % 997)) for i in range(90_000)]
    assert len(line(points, "red")) < 60_000


def test_many_functions_share_a_colour() -> None:
    funcs = [type(f"F{i}", (), {"__call__": lambda self: None})() for i in range(30)]
    records = [TaskData(i, (func,), i, i + 1.0, 0) for i, func in enumerate(funcs)]
    drawn = task_panel(Panel(1900, 260, 0.0, 30.0), records)
    assert ">other<" in drawn
    assert "'29': F29" in drawn.replace("29: F29", "'29': F29")


def test_file_name_decides_between_page_and_picture(tmp_path: Path) -> None:
    prof = Profiler()
    for name, start in (("a.html", "<!DOCTYPE"), ("a.svg", "<svg")):
        prof.visualize(filename=tmp_path / name, show=False)
        assert (tmp_path / name).read_text().startswith(start)
    prof.visualize(filename=tmp_path / "no.html", save=False)
    assert not (tmp_path / "no.html").exists()


@pytest.mark.parametrize(("screen", "opened"), [(":0", 1), ("", 0)])
def test_browser_opens_only_where_there_is_a_screen(
    screen: str, opened: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    calls: list[str] = []
    monkeypatch.setattr(webbrowser, "open", calls.append)
    monkeypatch.setattr(profile.sys, "platform", "linux")
    monkeypatch.setenv("DISPLAY", screen)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    Profiler().visualize(filename=tmp_path / "p.html")
    assert len(calls) == opened
    Profiler().visualize(filename=tmp_path / "p.html", show=False)
    assert len(calls) == opened


def test_unknown_option_is_an_error() -> None:
    with pytest.raises(TypeError, match="foo_bar"):
        Profiler().visualize(foo_bar="fake")


def test_has_screen_knows_wayland() -> None:
    assert has_screen({"WAYLAND_DISPLAY": "wayland-0"}, "linux")


@pytest.mark.parametrize(("most", "last"), [(0.0, 0.0), (1.0, 1.0), (7.3, 6.0), (2e9, 2e9)])
def test_ticks_are_round_and_within(most: float, last: float) -> None:
    found = ticks(most)
    assert found[0] == 0
    assert found[-1] == last
    assert len(found) <= 11


@pytest.mark.parametrize(
    ("value", "words"), [(0.0, "0"), (2500.0, "2500"), (12e3, "12k"), (3.5e6, "3.5M"), (2e12, "2T")]
)
def test_short_numbers(value: float, words: str) -> None:
    assert short_number(value) == words


def test_the_former_name_of_filename(tmp_path: Any) -> None:
    with pytest.warns(FutureWarning, match="file_path keyword argument is deprecated"):
        Profiler().visualize(file_path=tmp_path / "p.html", show=False)
    assert "html" in (tmp_path / "p.html").read_text()


def test_options_of_bokeh_have_no_effect_and_it_is_said() -> None:
    prof = Profiler()
    with pytest.warns(UserWarning, match="palette, tools: no effect"):
        picture = prof.visualize(tools="hover", palette="Viridis", filename=None)
    assert picture.data == prof.visualize(filename=None).data
