"""What `shoal.distributed.client.insight` answers with; loaded when somebody asks.

With the dashboard's model and views it takes as long to load as the rest of a client.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from shoal.distributed.dashboard.findings import Finding, findings, told
from shoal.distributed.dashboard.model import Model, key_text, update
from shoal.distributed.dashboard.report import figure_of
from shoal.distributed.dashboard.trace import chrome_trace
from shoal.units import format_bytes, format_time

__all__ = ["Report", "Why", "chrome_trace", "drawn", "model_of", "report_of"]


@dataclass(frozen=True)
class Why:
    """Why a task is where it is: what is known of it, then of what it waits for, and so on.

    Parameters
    ----------
    steps
        A dictionary for each task, as from `Client.explain_task`.

    Examples
    --------
    >>> print(Why(({"key": "x", "state": "waiting", "why": "1 of 1 inputs are missing: 'y'"},)))
    x is waiting: 1 of 1 inputs are missing: 'y'
    """

    steps: tuple[Mapping[str, Any], ...]

    def __str__(self) -> str:
        lines = [f"{key_text(s['key'])} is {s['state']}: {s['why']}" for s in self.steps]
        return "\n".join("  " * i + line for i, line in enumerate(lines))

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return iter(self.steps)

    def __contains__(self, text: str) -> bool:
        return text in str(self)


@dataclass(frozen=True)
class Report:
    """Where the time and the memory of a job went.

    Parameters
    ----------
    numbers
        ``runs``, ``wall_s``, ``busy_s``, ``threads``, ``share``, ``moved``, ...
    findings
        What to change, the most important first.

    Examples
    --------
    >>> print(Report({"runs": 0}, ()))
    No task has run.
    """

    numbers: Mapping[str, Any]
    findings: tuple[Finding, ...]

    def __str__(self) -> str:
        n = self.numbers
        if not n["runs"]:
            lines = ["No task has run."]
        else:
            text = (
                f"{n['runs']:,} tasks in {format_time(n['wall_s'])} on {n['threads']} threads, "
                f"which computed {n['share']:.0%} of the time ({format_time(n['busy_s'])}); "
                f"{format_bytes(n['moved'])} were moved in {format_time(n['moved_s'])}; memory "
                f"{format_bytes(int(n['memory']))} at most, {format_bytes(int(n['spilled']))} on "
                "disk."
            )
            lines = [text]
        lines += [str(finding) for finding in self.findings]
        if n["runs"] and not self.findings:
            lines.append("Nothing stands out.")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def model_of(
    feed: dict[str, Any], vitals: dict[str, Any], cursors: Mapping[str, int], now: float
) -> Model:
    """What the dashboard would know from one answer of the scheduler.

    Parameters
    ----------
    feed, vitals
        The scheduler's answers.
    cursors
        With which it was asked.
    now
        Seconds since the epoch.

    Examples
    --------
    >>> feed = {"now": 5.0, "began": 0.0, "workers": [], "kinds": []}
    >>> model_of(feed, {}, {}, 100.0).now
    100.0
    """
    model = Model()
    model.cursors.update(cursors)
    update(model, feed, vitals, now)
    return model


def report_of(model: Model) -> Report:
    """Where the time and the memory went.

    Parameters
    ----------
    model
        What is known.

    Examples
    --------
    >>> report_of(Model()).findings
    ()
    """
    found = findings(model)
    return Report(told(model, found), tuple(found))


def drawn(panel: str, data: Any, model: Model, filename: str | None) -> Any:
    """What was asked for, with a picture of it, which is saved where that was asked for.

    Parameters
    ----------
    panel
        Name of the picture.
    data
        What was asked for.
    model
        What is known.
    filename
        Where to save it; None: nowhere.

    Examples
    --------
    >>> data, figure = drawn("profile", {"count": 0}, Model(), None)
    >>> type(figure).__name__
    'Figure'
    """
    figure = figure_of(panel, model)
    if filename:
        figure.save(filename)
    return data, figure
