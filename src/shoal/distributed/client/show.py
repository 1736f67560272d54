"""Clients and clusters as a notebook shows them."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Any

from shoal.units import format_bytes

__all__ = ["SchedulerInfo", "counts_of", "table_html", "workers_html"]

MOST_WORKERS = 5
"""Workers that are shown one by one."""


def counts_of(info: dict[str, Any]) -> tuple[int, int, int | None]:
    """Workers, threads and bytes of memory of a cluster; None where memory has no limit.

    Parameters
    ----------
    info
        As from `Client.scheduler_info`.

    Examples
    --------
    >>> counts_of({"workers": {"a": {"nthreads": 2, "memory_limit": 5}}})
    (1, 2, 5)
    """
    workers = info["workers"].values()
    limits = [worker.get("memory_limit") or 0 for worker in workers]
    threads = sum(worker["nthreads"] for worker in workers)
    return len(workers), threads, sum(limits) if limits and all(limits) else None


def table_html(title: str, rows: Iterable[tuple[str, Any]]) -> str:
    """Names and values as a table.

    Parameters
    ----------
    title
        Above it.
    rows
        Names with values; an address of a page becomes a link.

    Examples
    --------
    >>> table_html("Client", [("a", 1)])
    '<div><h3>Client</h3><table><tr><th>a</th><td>1</td></tr></table></div>'
    """
    cells = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{_value(value)}</td></tr>" for name, value in rows
    )
    return f"<div><h3>{html.escape(title)}</h3><table>{cells}</table></div>"


def _value(value: Any) -> str:
    text = html.escape(str(value))
    if text.startswith(("http://", "https://")):
        return f'<a href="{text}" target="_blank">{text}</a>'
    return text


class SchedulerInfo(dict[str, Any]):
    """What is known of a scheduler and its workers: a dictionary that a notebook shows as a table.

    Examples
    --------
    >>> info = SchedulerInfo(address="tcp://a", id="s", workers={}, dashboard="")
    >>> "tcp://a" in info._repr_html_()
    True
    """

    def _repr_html_(self) -> str:
        return workers_html(
            "Scheduler", self.get("id", ""), self.get("address", ""), self, self.get("dashboard")
        )


def workers_html(
    kind: str, name: str, address: str, info: dict[str, Any], dashboard: str | None
) -> str:
    """A client or cluster with its workers, as HTML.

    Parameters
    ----------
    kind, name
        What it is, and what it is called.
    address
        Of the scheduler.
    info
        As from `Client.scheduler_info`.
    dashboard
        Where the dashboard is, if there is one.

    Examples
    --------
    >>> info = {"workers": {"a": {"name": "a", "nthreads": 2, "memory_limit": 0}}}
    >>> "<th>Total threads</th><td>2</td>" in workers_html(
    ...     "Client", "c", "tcp://s:1", info, None
    ... )
    True
    """
    count, threads, memory = counts_of(info)
    rows: list[tuple[str, Any]] = [("Scheduler", address)]
    if dashboard:
        rows.append(("Dashboard", dashboard))
    rows += [("Workers", count), ("Total threads", threads)]
    rows.append(("Total memory", format_bytes(memory) if memory is not None else "no limit"))
    by_name = sorted(
        info["workers"].items(), key=lambda item: (len(str(item[1]["name"])), str(item[1]["name"]))
    )
    for at, worker in by_name[:MOST_WORKERS]:
        limit = worker.get("memory_limit") or 0
        size = f", {format_bytes(limit)}" if limit else ""
        rows.append((f"Worker {worker['name']}", f"{at}: {worker['nthreads']} threads{size}"))
    if count > MOST_WORKERS:
        rows.append(("", f"and {count - MOST_WORKERS} more workers"))
    return table_html(f"{kind} {name}", rows)
