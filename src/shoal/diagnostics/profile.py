"""Profilers: what ran when, what it took, what was kept.

Each is a `Callback` that records into ``results``, a list of named tuples, while it is a context
manager's or registered.  Recording costs a dictionary entry a task; everything else waits until
somebody asks for a chart.

`ResourceProfiler` samples on a thread.  A process of its own would sample more evenly while a task
holds the interpreter lock, and would cost a start of Python, a channel and an orphan to look
after for each profile; a late sample carries its true time, so the chart stays right.
"""

from __future__ import annotations

import os
import sys
import threading
import warnings
import webbrowser
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import psutil

from shoal.diagnostics.charts import (
    LABEL_SIZE,
    Panel,
    cache_panel,
    page,
    resource_panel,
    stack,
    task_panel,
)
from shoal.diagnostics.picture import Picture
from shoal.diagnostics.progress import in_notebook
from shoal.local.callbacks import Callback
from shoal.types import Key

__all__ = [
    "CacheData",
    "CacheProfiler",
    "ProcessMeter",
    "Profiler",
    "ResourceData",
    "ResourceProfiler",
    "TaskData",
    "visualize",
]

CHILDREN_EVERY_S = 0.5
"""Seconds between two looks for new child processes: a look reads all of /proc."""


class TaskData(NamedTuple):
    """One task that ran.

    Parameters
    ----------
    key
        Its name.
    task
        The task itself.
    start_time, end_time
        Seconds on the profiler's clock.
    worker_id
        The thread or process that ran it.

    Examples
    --------
    >>> TaskData("x", (abs, -1), 0.0, 1.5, 7).end_time
    1.5
    """

    key: Key
    task: Any
    start_time: float
    end_time: float
    worker_id: Any


class ResourceData(NamedTuple):
    """What this process and its children used at one moment.

    Parameters
    ----------
    time
        Seconds on the profiler's clock.
    mem
        Resident memory, in MB (10**6 bytes).
    cpu
        Processor time since the sample before, in per cent of one core.

    Examples
    --------
    >>> ResourceData(0.0, 120.5, 198.0).cpu
    198.0
    """

    time: float
    mem: float
    cpu: float


class CacheData(NamedTuple):
    """One result, from its making to its release.

    Parameters
    ----------
    key
        Its name.
    task
        The task that made it.
    metric
        What was measured of it.
    cache_time, free_time
        When it was made and when it was let go, seconds on the profiler's clock.

    Examples
    --------
    >>> CacheData("x", (abs, -1), 8, 0.0, 1.5).metric
    8
    """

    key: Key
    task: Any
    metric: Any
    cache_time: float
    free_time: float


class _Recorder(Callback):
    """What the profilers share: a clock, the time they cover, a list of records."""

    panel_height = 260.0

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.results: list[Any] = []
        self.start_time: float | None = None
        self.end_time: float | None = None

    def __enter__(self) -> Any:
        self.clear()
        self.start_time = self._clock()
        super().__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        self.end_time = self._clock()

    def clear(self) -> None:
        """Forget all records."""
        self.results = []
        self.start_time = self.end_time = None

    def _cover(self) -> None:
        """A computation starts or ends: the profile reaches to here."""
        now = self._clock()
        if self.start_time is None:
            self.start_time = now
        self.end_time = now

    def _draw(self, panel: Panel, label_size: int) -> str:
        raise NotImplementedError

    def visualize(self, **kwargs: Any) -> Picture:
        """Draw the profile.

        Parameters
        ----------
        **kwargs
            Options of `shoal.diagnostics.visualize`.

        Returns
        -------
        Picture
        """
        return visualize(self, **kwargs)


class Profiler(_Recorder):
    """Record when each task started and ended, and where it ran.

    Parameters
    ----------
    clock
        Gives the time in seconds.

    Attributes
    ----------
    results : list of TaskData
        Tasks that ended well, in the order of their ends.

    Examples
    --------
    >>> import shoal
    >>> with Profiler() as prof:
    ...     shoal.get({"x": (abs, -1), "y": (max, "x", 5)}, "y")
    5
    >>> [record.key for record in prof.results]
    ['x', 'y']
    """

    results: list[TaskData]

    def __init__(self, *, clock: Callable[[], float] = perf_counter) -> None:
        super().__init__(clock)
        self._started: dict[tuple[int, Key], float] = {}

    def _start_state(self, graph: Any, state: Any) -> None:
        self._cover()

    def _pretask(self, key: Key, graph: Any, state: Any) -> None:
        # By run as well: a task may compute a graph with the same keys.
        self._started[id(state), key] = self._clock()

    def _posttask(self, key: Key, result: Any, graph: Any, state: Any, worker: Any) -> None:
        end = self._clock()
        start = self._started.pop((id(state), key))
        self.results.append(TaskData(key, graph[key], start, end, worker))

    def _finish(self, graph: Any, state: Any, errored: bool) -> None:
        for run_and_key in [k for k in self._started if k[0] == id(state)]:
            del self._started[run_and_key]
        self._cover()

    def _draw(self, panel: Panel, label_size: int) -> str:
        return task_panel(panel, self.results, label_size)


class CacheProfiler(_Recorder):
    """Record which results were alive, from when until when.

    Parameters
    ----------
    metric
        ``metric(result) -> number``, for instance `shoal.sizeof.sizeof`.  Default: 1 for each
        result.
    metric_name
        What to call it in a chart.  Default: the function's name.
    clock
        Gives the time in seconds.

    Attributes
    ----------
    results : list of CacheData
        In the order of their release.

    Examples
    --------
    >>> import shoal
    >>> with CacheProfiler(metric=abs) as prof:
    ...     shoal.get({"x": (int, "-7"), "y": (max, "x", 5)}, "y")
    5
    >>> [(record.key, record.metric) for record in prof.results]
    [('x', 7), ('y', 5)]
    """

    results: list[CacheData]

    def __init__(
        self,
        metric: Callable[[Any], Any] | None = None,
        metric_name: str | None = None,
        *,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        super().__init__(clock)
        self._metric = metric or (lambda result: 1)
        own = getattr(metric, "__name__", type(metric).__name__) if metric else "count"
        self._metric_name = metric_name or own
        self._alive: dict[int, dict[Key, tuple[Any, Any, float]]] = {}

    def _start_state(self, graph: Any, state: Any) -> None:
        self._cover()
        self._alive[id(state)] = {}

    def _posttask(self, key: Key, result: Any, graph: Any, state: Any, worker: Any) -> None:
        now = self._clock()
        alive = self._alive[id(state)]
        alive[key] = (graph[key], self._metric(result), now)
        released = state["released"]
        # Only what this task has used can have been let go just now.
        for other in state["dependencies"][key]:
            if other in released and other in alive:
                self._record(other, alive.pop(other), now)

    def _finish(self, graph: Any, state: Any, errored: bool) -> None:
        now = self._clock()
        for key, parts in self._alive.pop(id(state), {}).items():
            self._record(key, parts, now)
        self._cover()

    def _record(self, key: Key, parts: tuple[Any, Any, float], now: float) -> None:
        task, metric, made = parts
        self.results.append(CacheData(key, task, metric, made, now))

    def _draw(self, panel: Panel, label_size: int) -> str:
        return cache_panel(panel, self.results, self._metric_name, label_size)


# ----------------------------------------------------------------------------- resources


class ProcessMeter:
    """Memory and processor use of this process and its children, as `psutil` tells them.

    Parameters
    ----------
    clock
        Gives the time in seconds.

    Examples
    --------
    >>> mem, cpu = ProcessMeter()()
    >>> mem > 1
    True
    """

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        self._clock = clock
        self._own = psutil.Process()
        self._processes: dict[Any, Any] = {self._own: self._own}
        self._looked = -CHILDREN_EVERY_S
        # A process tells its use since it was asked before.
        self()

    def __call__(self) -> tuple[float, float]:
        """``(MB of resident memory, per cent of one core)`` of all together."""
        if self._clock() - self._looked >= CHILDREN_EVERY_S:
            self._look()
        memory = processor = 0.0
        for process in list(self._processes):
            try:
                with process.oneshot():
                    memory += process.memory_info().rss / 1e6
                    processor += process.cpu_percent(None)
            except psutil.Error:
                # It ended, or it is not ours to look at.
                self._processes.pop(process, None)
        return memory, processor

    def _look(self) -> None:
        """Find the children that there are now; a known one keeps its books."""
        self._looked = self._clock()
        try:
            found = [self._own, *self._own.children(recursive=True)]
        except psutil.Error:
            found = [self._own]
        self._processes = {p: self._processes.get(p, p) for p in found}
        self._processes = {p: p for p in self._processes.values()}


class ResourceProfiler(_Recorder):
    """Record the memory and processor use of this process and its children.

    As a context manager it records all the time until the block ends; registered, while something
    is computed.  ``results`` is filled when a recording ends.

    Parameters
    ----------
    dt
        Seconds between two samples.
    meter
        ``meter() -> (MB, per cent)``.  Default: a `ProcessMeter`.
    clock
        Gives the time in seconds.

    Attributes
    ----------
    results : list of ResourceData
        In the order of time.

    Examples
    --------
    >>> import shoal
    >>> with ResourceProfiler(dt=0.1) as prof:
    ...     shoal.get({"x": (abs, -1)}, "x")
    1
    >>> len(prof.results) >= 2  # one at the start, one at the end
    True
    """

    results: list[ResourceData]

    def __init__(
        self,
        dt: float = 1,
        *,
        meter: Callable[[], tuple[float, float]] | None = None,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        super().__init__(clock)
        self._dt = dt
        self._given_meter = meter
        self._lock = threading.Lock()
        self._open = False
        self._runs: set[int] = set()
        """The computations that a registered profiler records, by the identity of their state."""
        self._samples: list[ResourceData] = []
        self._ended = threading.Event()
        self._thread = threading.Thread()

    def __enter__(self) -> Any:
        super().__enter__()
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        # First: the profile reaches as far as its last sample.
        self.close()
        super().__exit__(*error)

    def _start_state(self, graph: Any, state: Any) -> None:
        self._cover()
        with self._lock:
            self._runs.add(id(state))
            self._begin()

    def _finish(self, graph: Any, state: Any, errored: bool) -> None:
        with self._lock:
            self._runs.discard(id(state))
            if not (self._runs or self._open):
                self._end()
        self._cover()

    def start(self) -> None:
        """Begin to record, until `close`."""
        with self._lock:
            self._open = True
            self._begin()

    def close(self) -> None:
        """End the recording and put it into ``results``; calling it again does nothing."""
        with self._lock:
            self._open = False
            self._runs.clear()
            self._end()

    def _begin(self) -> None:
        if self._is_running():
            return
        meter = self._given_meter or ProcessMeter(self._clock)
        self._ended = threading.Event()
        self._samples = []
        self._thread = threading.Thread(
            target=self._record,
            args=(meter, self._samples, self._ended),
            name="shoal-resources",
            daemon=True,
        )
        self._thread.start()

    def _end(self) -> None:
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        self.results.extend(self._samples)
        self._samples = []

    def clear(self) -> None:
        """Forget all records."""
        super().clear()
        self._samples.clear()

    def _is_running(self) -> bool:
        return self._thread.is_alive()

    def _record(
        self, meter: Callable[[], Any], samples: list[ResourceData], ended: threading.Event
    ) -> None:
        """The thread: a sample at the start, one each ``dt`` seconds, one at the end."""
        samples.append(ResourceData(self._clock(), *meter()))
        while not ended.wait(self._dt):
            samples.append(ResourceData(self._clock(), *meter()))
        samples.append(ResourceData(self._clock(), *meter()))

    def _draw(self, panel: Panel, label_size: int) -> str:
        return resource_panel(panel, self.results)


# -------------------------------------------------------------------------------- charts


def visualize(
    profilers: Any,
    filename: str | Path | None = "profile.html",
    show: bool = True,
    save: bool | None = None,
    *,
    width: float = 900,
    height: float | None = None,
    title: str | None = None,
    label_size: int = LABEL_SIZE,
    file_path: str | Path | None = None,
    **figure: Any,
) -> Picture:
    """Draw what profilers recorded, below each other on one axis of time.

    Parameters
    ----------
    profilers
        One, or a list of them.
    filename
        Where to write: an HTML page, or the bare picture when the name ends in ``.svg``.
    show
        Whether to open the file in a browser; done only where there is a graphical one, and not
        in a notebook, which shows what is returned.
    save
        Whether to write the file at all.  Default: not in a notebook.
    width, height
        Of each chart, in pixels.
    title
        Above the uppermost chart.
    label_size
        Longer names are cut to this many characters.
    file_path
        The former name of ``filename``.
    **figure
        Options of Bokeh's figures, as ``tools`` and ``palette``: a UserWarning says that they have
        no effect, for the charts are drawn without Bokeh.

    Returns
    -------
    Picture
        In SVG, shown by notebooks.

    Raises
    ------
    TypeError
        An option is neither ours nor Bokeh's.

    Examples
    --------
    >>> import shoal
    >>> with Profiler() as prof, ResourceProfiler() as rprof:
    ...     shoal.get({"x": (abs, -1)}, "x")
    1
    >>> visualize([prof, rprof], filename=None).format
    'svg'
    """
    if file_path is not None:
        warnings.warn(
            "The file_path keyword argument is deprecated; it is called filename now",
            FutureWarning,
            stacklevel=2,
        )
        filename = file_path
    if figure:
        _say_without_effect(figure)
    several: Sequence[_Recorder] = profilers if isinstance(profilers, Sequence) else [profilers]
    starts = [p.start_time for p in several if p.start_time is not None]
    ends = [p.end_time for p in several if p.end_time is not None]
    start = min(starts, default=0.0)
    end = max([start, *ends])
    heading = title if title is not None else "Profile Results"
    charts = [
        (
            Panel(
                width,
                height or profiler.panel_height,
                start,
                end,
                "" if i else heading,
                i == len(several) - 1,
            ),
            lambda panel, profiler=profiler: profiler._draw(panel, label_size),
        )
        for i, profiler in enumerate(several)
    ]
    svg = stack(charts)
    picture = Picture(svg.encode(), "svg", _in_words(several, end - start))
    if filename is not None and (save if save is not None else not in_notebook()):
        picture.path = Path(filename)
        whole = svg if picture.path.suffix == ".svg" else page(svg, heading)
        picture.path.write_text(whole, encoding="utf-8")
        if show and not in_notebook() and has_screen(os.environ, sys.platform):
            webbrowser.open(picture.path.resolve().as_uri())
    return picture


FIGURE_OPTIONS = frozenset(
    ("palette", "sizing_mode", "toolbar_location", "tools", "tooltips", "x_range", "y_range")
)
"""What programs written for Dask give to its charts, which Bokeh draws."""


def _say_without_effect(figure: Mapping[str, Any]) -> None:
    unknown = sorted(figure.keys() - FIGURE_OPTIONS)
    if unknown:
        raise TypeError(f"visualize() got unexpected options {unknown}; see its docstring")
    warnings.warn(
        f"{', '.join(sorted(figure))}: no effect, the charts are drawn without Bokeh",
        stacklevel=3,
    )


def _in_words(profilers: Sequence[_Recorder], seconds: float) -> str:
    counts = ", ".join(f"{type(p).__name__} {len(p.results)} records" for p in profilers)
    return f"{counts}, over {seconds:.3g} s"


def has_screen(environ: Mapping[str, str], platform: str) -> bool:
    """Whether a browser would open a window, and not take over the terminal.

    Parameters
    ----------
    environ
        Environment variables.
    platform
        As `sys.platform` has it.

    Examples
    --------
    >>> has_screen({}, "linux"), has_screen({"DISPLAY": ":0"}, "linux"), has_screen({}, "win32")
    (False, True, True)
    """
    if platform in ("win32", "darwin"):
        return True
    return bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))
