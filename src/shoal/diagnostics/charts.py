"""Charts of profiles: what profilers recorded, as SVG.

Pure functions from records to strings.  A chart stays small however long the profile: what falls
into one pixel is drawn as one thing.  Hovering over a thing says what it is, through SVG's own
``<title>``, so a page needs no script.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

from shoal.diagnostics.svg import (
    COLOURS,
    document,
    element,
    number,
    shorten,
    text,
    text_width,
    title,
)
from shoal.local.failure import describe_func
from shoal.units import format_time

__all__ = ["Panel", "cache_panel", "page", "resource_panel", "stack", "task_panel"]

LEFT, RIGHT, TOP, BOTTOM, BOTTOM_INNER = 62.0, 62.0, 50.0, 42.0, 14.0
OTHER = "#9aa0a6"
MOST_NAMES = 10
"""How many functions get a colour and a word of their own."""

LABEL_SIZE = 40


@dataclasses.dataclass(frozen=True)
class Panel:
    """The frame of one chart: where a time and a value stand on it.

    Parameters
    ----------
    width, height
        Pixels, everything included.
    start, end
        The times at its left and right edge, in seconds.
    title
        Above it.
    last
        Whether it is the lowest, the one that shows what the time axis is.

    Examples
    --------
    >>> panel = Panel(224, 192, start=10.0, end=12.0)
    >>> panel.x(11.0), panel.y(0.0, 5.0)
    (112.0, 150.0)
    """

    width: float
    height: float
    start: float
    end: float
    title: str = ""
    last: bool = True

    @property
    def right(self) -> float:
        """Where the plot ends."""
        return self.width - RIGHT

    @property
    def bottom(self) -> float:
        """Where the plot ends below."""
        return self.height - (BOTTOM if self.last else BOTTOM_INNER)

    def x(self, time: float) -> float:
        """The place of a time.

        Parameters
        ----------
        time
            Seconds, on the clock of ``start``.
        """
        span = self.end - self.start
        share = (time - self.start) / span if span > 0 else 0.0
        return LEFT + min(max(share, 0.0), 1.0) * (self.right - LEFT)

    def y(self, value: float, most: float) -> float:
        """The place of a value.

        Parameters
        ----------
        value
            Between 0 and ``most``.
        most
            The value at the upper edge.
        """
        return self.bottom - (value / most if most > 0 else 0.0) * (self.bottom - TOP)


def ticks(most: float, about: int = 5) -> list[float]:
    """Round numbers from 0 to ``most``.

    >>> ticks(9.3), ticks(0.4, 2)
    ([0.0, 2.0, 4.0, 6.0, 8.0], [0.0, 0.2, 0.4])
    """
    if not most > 0:
        return [0.0]
    rough = most / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next((s * power for s in (1, 2, 5) if s * power >= rough * 0.999), 10 * power)
    return [round(i * step, 12) for i in range(int(most / step * 1.000001) + 1)]


def short_number(value: float) -> str:
    """A number of an axis in few characters.

    >>> short_number(250.0), short_number(400_000.0), short_number(1.5e9)
    ('250', '400k', '1.5G')
    """
    for letter, unit in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= 10 * unit or (value >= unit and letter != "k"):
            return f"{value / unit:g}{letter}"
    return f"{value:g}"


def frame(panel: Panel) -> str:
    """The plot's outline, its title and the time axis."""
    parts = [
        element(
            "rect",
            x=LEFT,
            y=TOP,
            width=panel.right - LEFT,
            height=panel.bottom - TOP,
            fill="none",
            stroke="#c8ccd0",
        )
    ]
    if panel.title:
        parts.append(text(LEFT, 20, panel.title, size=14, font_weight="bold"))
    for tick in ticks(panel.end - panel.start, 8):
        at = panel.x(panel.start + tick)
        parts.append(
            element("path", d=f"M{number(at)} {number(panel.bottom)}v4", stroke="#888", fill="none")
        )
        if panel.last:
            parts.append(text(at, panel.bottom + 16, f"{tick:g}", size=11, text_anchor="middle"))
    if panel.last:
        middle = (LEFT + panel.right) / 2
        parts.append(text(middle, panel.height - 8, "Time (s)", text_anchor="middle"))
    return "".join(parts)


def value_axis(panel: Panel, most: float, label: str, *, right: bool = False, fill: str) -> str:
    """A scale from 0 to ``most`` at the left or right edge."""
    at = panel.right if right else LEFT
    parts = []
    for tick in ticks(most, 4):
        y = panel.y(tick, most)
        d = f"M{number(at)} {number(y)}h{4 if right else -4}"
        parts.append(element("path", d=d, stroke="#888", fill="none"))
        anchor = "start" if right else "end"
        shift = 7 if right else -7
        words = short_number(tick)
        parts.append(text(at + shift, y + 4, words, size=11, text_anchor=anchor, fill=fill))
    x, y = (panel.width - 10.0 if right else 14.0), (TOP + panel.bottom) / 2
    turn = f"rotate(-90 {number(x)} {number(y)})"
    parts.append(text(x, y, label, text_anchor="middle", transform=turn, fill=fill))
    return "".join(parts)


def legend(panel: Panel, colours: dict[str, str], label_size: int) -> str:
    """A line of coloured squares with names, as many as fit."""
    parts, x = [], LEFT
    for name, colour in colours.items():
        words = shorten(name, label_size)
        room = 16 + text_width(words, 11) + 14
        if x + room > panel.width:
            parts.append(text(x, 40, "…", size=11))
            break
        parts.append(element("rect", x=x, y=31.0, width=10.0, height=10.0, rx=2, fill=colour))
        parts.append(text(x + 14, 40, words, size=11))
        x += room
    return "".join(parts)


def nothing(panel: Panel) -> str:
    """What stands in a plot without data."""
    x, y = (LEFT + panel.right) / 2, (TOP + panel.bottom) / 2
    return text(x, y, "nothing was recorded", text_anchor="middle", fill="#888")


def task_label(record: Any) -> str:
    """The function of a recorded task, by which it gets its colour."""
    task = record.task
    func = getattr(task, "func", None)
    if func is None and isinstance(task, tuple) and task and callable(task[0]):
        func = task[0]
    return describe_func(func)


def colours_of(records: Sequence[Any]) -> dict[str, str]:
    """A colour for each of the functions that ran most often; one for all others."""
    counts = Counter(map(task_label, records))
    names = [name for name, _ in counts.most_common(MOST_NAMES)]
    colours = {name: COLOURS[i] for i, name in enumerate(names)}
    if len(counts) > len(names):
        colours["other"] = OTHER
    return colours


# --------------------------------------------------------------------------------- tasks


def task_panel(panel: Panel, records: Sequence[Any], label_size: int = LABEL_SIZE) -> str:
    """Which worker ran which task when: a row a worker, a bar a task.

    Parameters
    ----------
    panel
        The frame.
    records
        Of `shoal.diagnostics.Profiler`.
    label_size
        Longer names are cut to this many characters.

    Examples
    --------
    >>> from shoal.diagnostics.profile import TaskData
    >>> record = TaskData("x", (abs, -1), 0.0, 1.0, 7)
    >>> "<title>'x': abs, 1.00 s</title>" in task_panel(Panel(400, 200, 0.0, 2.0), [record])
    True
    """
    if not records:
        return frame(panel) + nothing(panel)
    colours = colours_of(records)
    rows: dict[Any, list[Any]] = {}
    for record in sorted(records, key=lambda record: record.start_time):
        rows.setdefault(record.worker_id, []).append(record)
    height = (panel.bottom - TOP) / len(rows)
    parts = []
    for row, (worker, tasks) in enumerate(rows.items()):
        top = TOP + row * height
        if height >= 11 or row % math.ceil(11 / height) == 0:
            word = text(LEFT - 7, top + height / 2 + 4, str(row), size=11, text_anchor="end")
            parts.append(element("g", title(f"worker {worker}"), word))
        parts += task_bars(panel, tasks, colours, top, height)
    x, y = 14, (TOP + panel.bottom) / 2
    turn = f"rotate(-90 {x} {number(y)})"
    parts.append(text(x, y, "Worker", text_anchor="middle", transform=turn))
    return frame(panel) + legend(panel, colours, label_size) + "".join(parts)


def task_bars(
    panel: Panel, tasks: Sequence[Any], colours: dict[str, str], top: float, height: float
) -> list[str]:
    """The bars of one worker; those that fall into one pixel become one."""
    bars: list[list[Any]] = []
    for task in tasks:
        x0, x1 = panel.x(task.start_time), panel.x(task.end_time)
        if bars and x1 - bars[-1][0] < 0.8:
            bars[-1][1] = max(x1, bars[-1][1])
            bars[-1][3] += 1
        else:
            bars.append([x0, x1, task, 1])
    gap = min(1.0, height / 8)
    out = []
    for x0, x1, task, count in bars:
        name = task_label(task)
        words = f"{task.key!r}: {name}, {format_time(task.end_time - task.start_time)}"
        if count > 1:
            words += f", and {count - 1} more tasks"
        shape = {"x": x0, "y": top + gap, "width": max(x1 - x0, 0.5), "height": height - 2 * gap}
        fill = colours.get(name, OTHER)
        edge = "white" if x1 - x0 > 3 else None
        out.append(element("rect", title(words), **shape, fill=fill, stroke=edge))
    return out


# ----------------------------------------------------------------------------- resources


def resource_panel(panel: Panel, records: Sequence[Any]) -> str:
    """Processor and memory over time.

    Parameters
    ----------
    panel
        The frame.
    records
        Of `shoal.diagnostics.ResourceProfiler`.

    Examples
    --------
    >>> from shoal.diagnostics.profile import ResourceData
    >>> records = [ResourceData(0.0, 100.0, 50.0), ResourceData(1.0, 200.0, 150.0)]
    >>> resource_panel(Panel(400, 200, 0.0, 1.0), records).count("<polyline")
    2
    """
    if not records:
        return frame(panel) + nothing(panel)
    parts = [frame(panel)]
    series = (
        ("% CPU", COLOURS[0], [record.cpu for record in records], False),
        ("Memory (MB)", COLOURS[1], [record.mem for record in records], True),
    )
    for words, colour, values, right in series:
        most = max(max(values) * 1.05, 100.0)
        parts.append(value_axis(panel, most, words, right=right, fill=colour))
        points = [
            (panel.x(record.time), panel.y(value, most))
            for record, value in zip(records, values, strict=True)
        ]
        parts.append(line(points, colour))
    return "".join(parts)


def line(points: Sequence[tuple[float, float]], colour: str) -> str:
    """A line through points in order of x; of a pixel's points the highest and the lowest."""
    kept: list[tuple[float, float]] = []
    column: list[tuple[float, float]] = []
    for point in points:
        if column and int(point[0]) != int(column[0][0]):
            kept += _extremes(column)
            column = []
        column.append(point)
    kept += _extremes(column)
    words = " ".join(f"{number(x)},{number(y)}" for x, y in kept)
    return element("polyline", points=words, fill="none", stroke=colour, stroke_width=1.5)


def _extremes(column: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """First, lowest, highest and last point of a pixel column, in their order."""
    if len(column) <= 4:
        return column
    heights = [y for _, y in column]
    low, high = heights.index(min(heights)), heights.index(max(heights))
    return [column[i] for i in sorted({0, low, high, len(column) - 1})]


# --------------------------------------------------------------------------------- cache


def cache_panel(
    panel: Panel, records: Sequence[Any], metric_name: str, label_size: int = LABEL_SIZE
) -> str:
    """How much of the results of each function is alive, over time.

    Parameters
    ----------
    panel
        The frame.
    records
        Of `shoal.diagnostics.CacheProfiler`.
    metric_name
        What was measured of each result.
    label_size
        Longer names are cut to this many characters.

    Examples
    --------
    >>> from shoal.diagnostics.profile import CacheData
    >>> record = CacheData("x", (abs, -1), 1, 0.0, 1.0)
    >>> "Cache Size (count)" in cache_panel(Panel(400, 200, 0.0, 2.0), [record], "count")
    True
    """
    axis = f"Cache Size ({metric_name})"
    if not records:
        return frame(panel) + nothing(panel) + value_axis(panel, 1.0, axis, fill="black")
    colours = colours_of(records)
    changes: dict[str, list[tuple[float, float]]] = {name: [] for name in colours}
    for record in records:
        name = task_label(record)
        own = changes[name if name in colours else "other"]
        own += [(record.cache_time, record.metric), (record.free_time, -record.metric)]
    curves = {name: running_total(own) for name, own in changes.items()}
    most = max(value for curve in curves.values() for _, value in curve) or 1.0
    parts = [frame(panel), legend(panel, colours, label_size)]
    parts.append(value_axis(panel, most * 1.05, axis, fill="black"))
    for name, curve in curves.items():
        points: list[tuple[float, float]] = []
        for time, value in curve:
            x = panel.x(time)
            # A step, not a slope: nothing changes between two events.
            points += [(x, points[-1][1] if points else panel.y(0.0, most))]
            points += [(x, panel.y(value, most * 1.05))]
        parts.append(element("g", title(name), line(points, colours[name])))
    return "".join(parts)


def running_total(changes: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """``(time, total)`` after each change, changes at one time taken together.

    >>> running_total([(1.0, 2), (3.0, -2), (1.0, 1)])
    [(1.0, 3.0), (3.0, 1.0)]
    """
    totals: dict[float, float] = {}
    total = 0.0
    for time, change in sorted(changes):
        total += change
        totals[time] = total
    return list(totals.items())


# ------------------------------------------------------------------------------ together


def stack(panels: Sequence[tuple[Panel, Callable[[Panel], str]]]) -> str:
    """Several charts below each other, as one SVG document.

    Parameters
    ----------
    panels
        Each with the function that draws it.

    Examples
    --------
    >>> stack([(Panel(400, 200, 0.0, 1.0), lambda panel: task_panel(panel, []))]).count("<svg")
    1
    """
    parts, y = [], 0.0
    for panel, draw in panels:
        parts.append(element("g", draw(panel), transform=f"translate(0 {number(y)})"))
        y += panel.height
    return document(max((panel.width for panel, _ in panels), default=1.0), y, *parts)


def page(svg: str, heading: str) -> str:
    """An HTML page around a picture, nothing else needed to show it.

    Parameters
    ----------
    svg
        The picture.
    heading
        The page's title.

    Examples
    --------
    >>> page("<svg/>", "a & b").splitlines()[3]
    '<title>a &amp; b</title>'
    """
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<meta charset="utf-8">\n'
        f"<title>{escape(heading)}</title>\n<body>\n{svg}\n</body>\n</html>\n"
    )
