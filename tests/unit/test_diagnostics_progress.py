"""The progress bar: what it draws, where, and that a computation never notices it."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

import shoal
from shoal.diagnostics import ProgressBar
from shoal.diagnostics.progress import NotebookSink, Progress, TextSink, in_notebook
from shoal.graph.legacy import plan_from_dict
from shoal.local.callbacks import Callback
from shoal.local.sync import run_sync
from shoal.local.threads import run_threads

GRAPH = {"a": 1, "b": (abs, "a"), "c": (max, "a", "b")}
TIMEOUT_S = 60


def run(graph: dict[str, Any], key: str, executor: Any = run_sync) -> Any:
    return executor(plan_from_dict(graph, [key]))[0]


def ticking(*times: float) -> Any:
    """A clock that gives these times, then the last one for ever."""
    left = list(times)
    return lambda: left.pop(0) if len(left) > 1 else left[0]


class Signalling(io.StringIO):
    """A file that tells when something was written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = threading.Event()

    def write(self, text: str) -> int:
        count = super().write(text)
        self.written.set()
        return count


@pytest.fixture(autouse=True)
def nobody_listens() -> Iterator[None]:
    assert not Callback.active
    yield
    assert not Callback.active


def last_line(text: str) -> list[str]:
    assert text.endswith("\n")
    return [part.strip() for part in text.split("\r")[-1].split("|")]


@pytest.mark.parametrize("executor", [run_sync, run_threads])
@pytest.mark.parametrize("width", [40, 8])
def test_last_line_says_that_all_is_done(
    executor: Any, width: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with ProgressBar(width=width, clock=ticking(10.0, 12.0)) as bar:
        assert run(GRAPH, "c", executor) == 1
    out = capsys.readouterr().out
    assert out.count("100% Completed") == 1
    assert last_line(out) == ["[" + "#" * width + "]", "100% Completed", "2.00 s"]
    assert bar.last_duration == 2.0
    assert not bar._timer.is_alive()


def test_nothing_to_run_is_done() -> None:
    out = io.StringIO()
    with ProgressBar(out=out):
        run({"x": 1}, "x")
    assert last_line(out.getvalue())[1] == "100% Completed"


def test_nothing_drawn_before_the_minimum(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressBar(10.0, clock=ticking(0.0, 9.9)):
        run(GRAPH, "c")
    assert capsys.readouterr().out == ""
    with ProgressBar(10.0, clock=ticking(0.0, 10.1)):
        run(GRAPH, "c")
    assert "100% Completed" in capsys.readouterr().out


@pytest.mark.parametrize("executor", [run_sync, run_threads])
def test_an_error_leaves_a_true_last_line_and_no_thread(executor: Any) -> None:
    out = io.StringIO()
    graph = {"a": (abs, -1), "b": (lambda a: a / 0, "a"), "c": (abs, "b"), "d": (abs, "c")}
    with pytest.raises(ZeroDivisionError), ProgressBar(out=out, clock=ticking(0.0, 2.0)) as bar:
        run(graph, "d", executor)
    bar_, percent, time, status = last_line(out.getvalue())
    assert (bar_.count("#"), percent, time, status) == (10, "25% Completed", "2.00 s", "failed")
    assert not bar._running
    assert not bar._timer.is_alive()


def test_interrupt_leaves_no_thread() -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), ProgressBar(out=io.StringIO()) as bar:
        run({"a": (interrupt,)}, "a")
    assert not bar._timer.is_alive()


def test_a_running_computation_is_drawn_with_an_eta() -> None:
    out = Signalling()

    def wait(x: int) -> bool:
        # Drawn by the bar's own thread while this task is at work.
        out.written.clear()
        return out.written.wait(TIMEOUT_S)

    out.isatty = lambda: True  # type: ignore[method-assign]
    clock = ticking(0.0, 3.0)
    graph = {"a": (abs, -1), "b": (wait, "a"), "c": (abs, "b"), "d": (abs, "c")}
    with ProgressBar(out=out, dt=0.001, width=4, clock=clock):
        assert run(graph, "d") == 1
    drawn = [line.strip() for line in out.getvalue().split("\r")]
    assert "[#   ] |  25% Completed | 3.00 s | ETA 9.00 s" in drawn


def test_a_file_gets_a_line_only_when_the_percentage_changes() -> None:
    out = io.StringIO()
    sink = TextSink(out, 10)
    for done in range(1000):
        sink.show(Progress(done, 100_000, 1.0))
    assert out.getvalue().count("\r") == 1
    out.isatty = lambda: True  # type: ignore[method-assign]
    sink = TextSink(out, 10)
    for done in range(1000):
        sink.show(Progress(done, 100_000, 1.0))
    assert out.getvalue().count("\r") == 1001


def test_a_shorter_line_covers_a_longer_one() -> None:
    out = io.StringIO()
    sink = TextSink(out, 10)
    sink.show(Progress(1, 2, 1.5))
    sink.show(Progress(2, 2, 2.0, "finished"))
    first, second = out.getvalue().split("\r")[1:]
    assert len(second.rstrip("\n")) == len(first)


def test_a_narrow_terminal_gets_a_narrow_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    out = io.StringIO()
    out.isatty = lambda: True  # type: ignore[method-assign]
    assert TextSink(out, 40).width == 10


@pytest.mark.parametrize("error", [ValueError("closed"), OSError(28, "disk full")])
def test_a_file_that_fails_does_not_disturb(error: Exception) -> None:
    class Broken(io.StringIO):
        def write(self, text: str) -> int:
            raise error

    with ProgressBar(out=Broken()) as bar:
        assert run(GRAPH, "c") == 1
    assert not bar._timer.is_alive()


def test_without_stdout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    with ProgressBar():
        assert run(GRAPH, "c") == 1


def test_without_a_thread_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()

    def start(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    with ProgressBar(out=out):
        assert run(GRAPH, "c") == 1
    assert "100% Completed" in out.getvalue()


def test_register() -> None:
    out = io.StringIO()
    bar = ProgressBar(out=out)
    bar.register()
    try:
        run(GRAPH, "c")
        run(GRAPH, "c")
    finally:
        bar.unregister()
    run(GRAPH, "c")
    assert out.getvalue().count("100% Completed") == 2


def test_computations_inside_of_tasks_share_the_bar() -> None:
    out = io.StringIO()
    with ProgressBar(out=out) as bar:
        graph = {"a": (run, {"x": (abs, -1), "y": (abs, "x")}, "y"), "b": (abs, "a")}
        assert run({**graph, "a": (lambda: run({"x": (abs, -1)}, "x"),)}, "b") == 1
    assert out.getvalue().count("\n") == 1
    assert out.getvalue().count("100% Completed") == 1
    assert not bar._timer.is_alive()


def test_computations_side_by_side_share_the_bar() -> None:
    out = io.StringIO()
    both = threading.Barrier(2)

    def meet(x: int) -> int:
        both.wait(TIMEOUT_S)
        return x

    def compute() -> None:
        run({"a": (meet, 1), "b": (meet, "a")}, "b")

    with ProgressBar(out=out):
        threads = [threading.Thread(target=compute) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(TIMEOUT_S)
    assert out.getvalue().count("100% Completed") >= 1
    assert out.getvalue().endswith("\n")


def test_a_callback_that_fails_to_start_leaves_no_thread() -> None:
    def fail(graph: Any, state: Any) -> None:
        raise ValueError("no")

    bar = ProgressBar(out=io.StringIO())
    with pytest.raises(ValueError, match="no"), bar, Callback(start_state=fail):
        run(GRAPH, "c")
    assert not bar._timer.is_alive()


def test_a_notebook_gets_one_output_that_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[dict[str, str], dict[str, Any]]] = []

    def display(data: dict[str, str], **options: Any) -> None:
        shown.append((data, options))

    fake = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=object()))
    monkeypatch.setitem(sys.modules, "IPython", fake)  # type: ignore[arg-type]
    monkeypatch.setitem(
        sys.modules,
        "IPython.display",
        SimpleNamespace(display=display),  # type: ignore[arg-type]
    )
    assert in_notebook()
    sink = NotebookSink(20)
    sink.show(Progress(1, 2, 1.0))
    with ProgressBar(dt=1000):
        shoal.get(GRAPH, "c")
    sink.show(Progress(2, 2, 2.0, "finished"))
    (first, how), (bar, _), (second, again) = shown
    assert 'value="50"' in first["text/html"]
    assert "ETA 1.00 s" in first["text/html"]
    assert "100% Completed" in bar["text/plain"]
    assert 'value="100"' in second["text/html"]
    assert (how["update"], again["update"]) == (False, True)
    assert how["display_id"] == again["display_id"]


@pytest.mark.parametrize(
    ("progress", "percent", "eta_s"),
    [
        (Progress(0, 0, 1.0), 0, None),
        (Progress(0, 5, 1.0), 0, None),
        (Progress(5, 5, 1.0), 99, 0.0),
        (Progress(6, 5, 1.0), 99, 0.0),
        (Progress(5, 5, 1.0, "finished"), 100, None),
        (Progress(1, 3, 1.0, "failed"), 33, None),
    ],
)
def test_percent_and_eta(progress: Progress, percent: int, eta_s: float | None) -> None:
    assert progress.percent == percent
    assert progress.eta_s == eta_s
