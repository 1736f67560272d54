"""How far futures are, as a bar in a terminal or a notebook."""

from __future__ import annotations

import asyncio
import html
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, TextIO

from shoal.distributed.client.future import FAILED, Future, futures_of
from shoal.distributed.client.waiting import all_ended
from shoal.distributed.core.client.table import FINISHED
from shoal.graph.naming import key_split
from shoal.units import format_time, parse_timedelta

__all__ = ["TextProgressBar", "progress"]

GROUPS = ("prefix", "name", "spans")


class TextProgressBar:
    """A line that shows how many of some futures have ended, until all have.

    Parameters
    ----------
    futures
        Futures, or collections and containers of such.
    interval
        How often to draw: seconds, or such as ``"100 ms"``.
    width
        Of the bar, in characters.
    out
        Where to draw; default: standard output.
    complete
        Whether to draw the bar to its end.
    start
        Draw in a thread, from now on.
    **options
        Accepted.

    Examples
    --------
    >>> bar = TextProgressBar([], interval=0.01)
    [########################################] | 100% Completed | ...
    """

    def __init__(
        self,
        futures: Any,
        interval: Any = "100ms",
        width: int = 40,
        out: TextIO | None = None,
        complete: bool = True,
        start: bool = True,
        **options: Any,
    ) -> None:
        self.futures = futures_of(futures) or _of_keys(futures)
        self.interval_s: float = parse_timedelta(interval)
        self.width = width
        self.complete = complete
        self.status = "pending"
        self._out = out
        self._began = time.monotonic()
        self._ended = threading.Event()
        if not self.futures:
            self._finish()
        elif start:
            threading.Thread(target=self.draw_until_done, name="shoal-progress").start()

    def draw_until_done(self) -> None:
        """Draw now and then, until all futures have ended; blocks."""
        if not self.futures:
            return
        client = self.futures[0].client
        end = all_ended(client._link, [future._entry for future in self.futures])
        while not end.done:
            self._draw()
            try:
                end.wait(self.interval_s)
            except TimeoutError:
                continue
        self._finish()

    async def listen(self) -> None:
        """Draw until all futures have ended."""
        await asyncio.get_running_loop().run_in_executor(None, self.draw_until_done)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Block until all futures have ended; whether they have.

        Parameters
        ----------
        timeout_s
            None: as long as it takes.
        """
        return self._ended.wait(timeout_s)

    def _finish(self) -> None:
        failed = any(future.status in FAILED for future in self.futures)
        self.status = "error" if failed else "finished"
        self._draw()
        self._write("\n" if self._out is not None else "\r\n")
        self._ended.set()

    def _draw(self) -> None:
        total = len(self.futures)
        done = sum(future.status == FINISHED for future in self.futures)
        share = done / total if total else 1.0
        elapsed_s = time.monotonic() - self._began
        bar = ("#" * int(share * self.width)).ljust(self.width)
        text = f"[{bar}] | {int(100 * share):3}% Completed | {format_time(elapsed_s)}"
        if 0 < done < total and self.status == "pending":
            text += f", {format_time(elapsed_s * (total - done) / done)} left"
        self._write(f"\r{text.ljust(self.width + 45)}")

    def _write(self, text: str) -> None:
        out = self._out or sys.stdout
        out.write(text)
        out.flush()


def _of_keys(keys: Any) -> list[Future[Any]]:
    """Futures of keys, where keys were given."""
    return [Future(key) for key in keys] if isinstance(keys, list | tuple | set) else []


def grouped(futures: Iterable[Future[Any]], group_by: Any) -> dict[str, tuple[int, int, int]]:
    """How many of some futures have finished, have failed, and how many there are, by group.

    Parameters
    ----------
    futures
        The futures.
    group_by
        A function of a key, ``"prefix"`` of the keys, or None for one group.

    Examples
    --------
    >>> grouped([], "prefix")
    {}
    """
    name_of: Callable[[Any], Any] = group_by if callable(group_by) else key_split
    found: dict[str, tuple[int, int, int]] = {}
    for future in futures:
        name = str(name_of(future.key)) if group_by is not None else "all"
        done, failed, total = found.get(name, (0, 0, 0))
        status = future.status
        found[name] = done + (status == FINISHED), failed + (status in FAILED), total + 1
    return found


def bars_html(groups: dict[str, tuple[int, int, int]], text: str) -> str:
    """Groups as bars, under a line of text.

    Parameters
    ----------
    groups
        As from `grouped`.
    text
        The line.

    Examples
    --------
    >>> 'value="1" max="2"' in bars_html({"abs": (1, 0, 2)}, "half")
    True
    """
    rows = "".join(
        f"<tr><td>{html.escape(name)}</td>"
        f'<td><progress value="{done}" max="{total}"></progress></td>'
        f"<td>{done} / {total}{f', {failed} failed' if failed else ''}</td></tr>"
        for name, (done, failed, total) in groups.items()
    )
    return f"<pre>{html.escape(text)}</pre><table>{rows}</table>"


class NotebookProgressBar(TextProgressBar):
    """The same in a cell of a notebook, with a bar for each group of tasks.

    Parameters
    ----------
    futures, **options
        As for `TextProgressBar`.
    group_by
        As for `progress`.

    Examples
    --------
    >>> NotebookProgressBar.__name__
    'NotebookProgressBar'
    """

    def __init__(self, futures: Any, group_by: Any = "prefix", **options: Any) -> None:
        self._handle: Any = None
        self._group_by = group_by
        super().__init__(futures, **options)

    def _write(self, text: str) -> None:
        import IPython.display

        ipython: Any = IPython.display

        line = text.strip()
        if not line:
            return
        shown: Any = ipython.HTML(bars_html(grouped(self.futures, self._group_by), line))
        if self._handle is None:
            self._handle = ipython.display(shown, display_id=True)
        else:
            self._handle.update(shown)


def progress(
    *futures: Any,
    notebook: bool | None = None,
    multi: bool = True,
    complete: bool = True,
    group_by: Any = "prefix",
    **kwargs: Any,
) -> Any:
    """Show how far futures are.

    In a terminal this waits until they have ended; in a notebook it does not.

    Parameters
    ----------
    *futures
        Futures, or collections and containers of such.
    notebook
        Default: whether this runs in one.
    multi
        In a notebook a bar for each group; False: one for all.
    complete
        Whether to draw the bar to its end.
    group_by
        What makes a group: ``"prefix"`` of the keys, or a function of a key.
    **kwargs
        ``interval``, ``width``, ``out``.

    Examples
    --------
    >>> from shoal.distributed import Client
    >>> with Client(n_workers=1, processes=False) as client:
    ...     progress(client.map(abs, [-1, -2]))
    [...] | 100% Completed | ...
    """
    if not callable(group_by) and group_by not in GROUPS:
        raise ValueError(f"`group_by` should be a function or one of {GROUPS}, got {group_by!r}")
    found = futures_of(futures)
    if notebook is None:
        notebook = _in_notebook()
    if notebook:
        how = group_by if multi else None
        return NotebookProgressBar(found, group_by=how, complete=complete, **kwargs)
    bar = TextProgressBar(found, complete=complete, start=False, **kwargs)
    if found:
        bar.draw_until_done()
    return None


def _in_notebook() -> bool:
    shell = sys.modules.get("IPython")
    if shell is None:
        return False
    running = shell.get_ipython()
    return running is not None and "IPKernelApp" in getattr(running, "config", {})
