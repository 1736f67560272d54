"""A progress bar: how much has run, how long it took, how long it will take.

Executors tell a `Callback` what runs; here nothing is done with it but count.  A thread of the
bar's own draws every ``dt`` seconds, so that drawing costs the tasks nothing, and it ends with the
computation, however that ends.  A bar must never be the reason that a computation fails: what
goes wrong while drawing (a closed terminal, a full disk) ends the drawing and nothing else.

Where the drawing goes decides its form: a terminal is redrawn in place, a file gets a new piece
only when the percentage changes, a notebook a bar of its own.
"""

from __future__ import annotations

import dataclasses
import html
import importlib
import shutil
import sys
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any, TextIO

from shoal.local.callbacks import Callback
from shoal.units import format_time

__all__ = ["Progress", "ProgressBar"]

TEXT_AROUND = 50
"""Columns that a line needs besides the bar."""


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a computation is.

    Parameters
    ----------
    done, total
        Numbers of tasks.
    elapsed_s
        Since the start.
    status
        ``"running"``, ``"finished"`` or ``"failed"``.

    Examples
    --------
    >>> print(Progress(1, 4, 2.0).line(width=8))
    [##      ] |  25% Completed | 2.00 s | ETA 6.00 s
    >>> print(Progress(4, 4, 9.0, "finished").line(width=8))
    [########] | 100% Completed | 9.00 s
    """

    done: int
    total: int
    elapsed_s: float
    status: str = "running"

    @property
    def fraction(self) -> float:
        """From 0 to 1; 1 only when everything is finished."""
        if self.status == "finished":
            return 1.0
        return min(self.done / self.total, 0.999) if self.total else 0.0

    @property
    def percent(self) -> int:
        """The whole per cents that are done."""
        return int(self.fraction * 100)

    @property
    def eta_s(self) -> float | None:
        """Seconds that the rest will take at the speed so far; None while that is unknown."""
        if self.status != "running" or not self.done:
            return None
        return self.elapsed_s * max(self.total - self.done, 0) / self.done

    def words(self) -> str:
        """The text beside the bar."""
        parts = [f"{self.percent:>3}% Completed", format_time(self.elapsed_s)]
        if self.eta_s is not None:
            parts.append(f"ETA {format_time(self.eta_s)}")
        if self.status == "failed":
            parts.append("failed")
        return " | ".join(parts)

    def line(self, width: int = 40) -> str:
        """One line of plain text.

        Parameters
        ----------
        width
            Of the bar, in characters.
        """
        return f"[{'#' * int(self.fraction * width):<{width}}] | {self.words()}"

    def html(self, width: int = 40) -> str:
        """The same for a notebook.

        Parameters
        ----------
        width
            Of the bar, in characters.
        """
        bar = f'<progress max="100" value="{self.percent}" style="width: {width}ch"></progress>'
        return f'<div style="font-family: monospace">{bar} {html.escape(self.words())}</div>'


class TextSink:
    """Draws lines on a terminal or into a file.

    Parameters
    ----------
    out
        Where to write.
    width
        Of the bar, in characters; less where the terminal is narrow, for a line that wraps
        cannot be redrawn.

    Examples
    --------
    >>> import io
    >>> sink = TextSink(io.StringIO(), 8)
    >>> sink.show(Progress(1, 2, 1.0))
    >>> sink.show(Progress(2, 2, 2.0, "finished"))
    >>> sink.out.getvalue().split("\\r")[-1]
    '[########] | 100% Completed | 2.00 s             \\n'
    """

    def __init__(self, out: TextIO, width: int) -> None:
        self.out = out
        self.terminal = bool(getattr(out, "isatty", bool)())
        if self.terminal:
            width = max(1, min(width, shutil.get_terminal_size().columns - TEXT_AROUND))
        self.width = width
        self.length = 0
        self.percent: int | None = None

    def show(self, progress: Progress) -> None:
        """Draw over what was drawn before.

        Parameters
        ----------
        progress
            What to say.
        """
        last = progress.status != "running"
        if not (last or self.terminal or progress.percent != self.percent):
            return
        self.percent = progress.percent
        line = progress.line(self.width)
        self.out.write("\r" + line.ljust(self.length) + "\n" * last)
        self.out.flush()
        self.length = len(line)


class NotebookSink:
    """Draws in the output of a notebook's cell.

    Parameters
    ----------
    width
        Of the bar, in characters.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self.name = uuid.uuid4().hex
        self.shown = False

    def show(self, progress: Progress) -> None:
        """Draw, or replace what was drawn before."""
        display: Any = importlib.import_module("IPython.display").display
        data = {
            "text/html": progress.html(self.width),
            "text/plain": progress.line(self.width),
        }
        display(data, raw=True, display_id=self.name, update=self.shown)
        self.shown = True


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook.

    Examples
    --------
    >>> in_notebook()
    False
    """
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


class ProgressBar(Callback):
    """Show how far a computation is.

    Use it as a context manager, or ``register`` it for all computations from then on.

    Parameters
    ----------
    minimum
        Seconds that a computation must take before anything is drawn.
    width
        Of the bar, in characters.
    dt
        Seconds between two drawings.
    out
        A file to write to.  Default: the output of the notebook's cell, or ``sys.stdout``.
    clock
        Gives the time in seconds.

    Attributes
    ----------
    last_duration : float
        Seconds that the last computation took.

    Notes
    -----
    Computations that overlap share one bar.

    Examples
    --------
    >>> import shoal
    >>> with ProgressBar(width=20) as bar:  # doctest: +SKIP
    ...     shoal.compute(shoal.delayed(abs)(-1))
    [####################] | 100% Completed | 1.10 ms
    >>> with ProgressBar(minimum=10):
    ...     shoal.get({"x": (abs, -1)}, "x")
    1
    """

    def __init__(
        self,
        minimum: float = 0,
        width: int = 40,
        dt: float = 0.1,
        out: TextIO | None = None,
        *,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._minimum = minimum
        self._width = width
        self._dt = dt
        self._out = out
        self._clock = clock
        self.last_duration = 0.0
        self._lock = threading.RLock()
        self._runs: list[tuple[dict[str, Any], int]] = []
        self._before = 0
        """Tasks of computations that ended while others of the same bar go on."""
        self._start_time = 0.0
        self._sink: Any = None
        self._ended = threading.Event()
        self._timer = threading.Thread()

    @property
    def _running(self) -> bool:
        return bool(self._runs)

    def __enter__(self) -> ProgressBar:
        super().__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        self._stop_timer()

    def unregister(self) -> None:
        """Stop listening."""
        super().unregister()
        self._stop_timer()

    def _start_state(self, graph: Any, state: dict[str, Any]) -> None:
        with self._lock:
            first = not self._runs
            total = sum(len(state[name]) for name in ("ready", "waiting", "running", "finished"))
            self._runs.append((state, total))
            if first:
                self._begin()

    def _begin(self) -> None:
        """The first of the computations that share the bar starts."""
        self._stop_timer()
        self._before = 0
        self._start_time = self._clock()
        self._sink = self._make_sink()
        self._ended = threading.Event()
        self._timer = threading.Thread(
            target=self._draw_until, args=(self._ended,), name="shoal-progress", daemon=True
        )
        try:
            self._timer.start()
        except RuntimeError:
            # No thread to be had (limits, or the interpreter is ending): the last line remains.
            self._timer = threading.Thread()

    def _make_sink(self) -> Any:
        if self._out is None and in_notebook():
            return NotebookSink(self._width)
        out = self._out if self._out is not None else sys.stdout
        # There is none under pythonw and in some daemons.
        return None if out is None else TextSink(out, self._width)

    def _draw_until(self, ended: threading.Event) -> None:
        while not ended.wait(self._dt):
            with self._lock:
                if not ended.is_set():
                    self._draw("running")

    def _finish(self, graph: Any, state: dict[str, Any], errored: bool) -> None:
        with self._lock:
            mine = [run for run in self._runs if run[0] is state]
            if len(mine) < len(self._runs):
                self._runs = [run for run in self._runs if run[0] is not state]
                self._before += sum(total for _, total in mine)
                return
            # Before anything that could fail or be interrupted.
            self._ended.set()
            self.last_duration = self._clock() - self._start_time
            self._draw("failed" if errored else "finished")
            self._runs = []
        self._stop_timer()

    def _stop_timer(self) -> None:
        self._ended.set()
        if self._timer.is_alive() and self._timer is not threading.current_thread():
            self._timer.join()

    def _draw(self, status: str) -> None:
        """Draw once; the caller holds the lock."""
        elapsed_s = self._clock() - self._start_time
        if self._sink is None or elapsed_s < self._minimum:
            return
        done = self._before + sum(len(state["finished"]) for state, _ in self._runs)
        total = self._before + sum(count for _, count in self._runs)
        try:
            self._sink.show(Progress(done, total, elapsed_s, status))
        except Exception:
            self._sink = None
