"""The cluster's numbers in the text format that Prometheus scrapes.

Names end in their unit: ``_seconds``, ``_bytes``, ``_total``.  The format is described in
`Exposition formats <https://prometheus.io/docs/instrumenting/exposition_formats/>`_.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from shoal.distributed.dashboard.model import Model

__all__ = ["exposition"]

Sample = tuple[dict[str, str], float]


def exposition(model: Model) -> str:
    """All metrics as text.

    Parameters
    ----------
    model
        What is known.

    Examples
    --------
    >>> print(exposition(Model()).splitlines()[0])
    # HELP shoal_scheduler_workers Workers by status
    """
    lines: list[str] = []
    for name, kind, help_, samples in families(model):
        lines.append(f"# HELP {name} {help_}")
        lines.append(f"# TYPE {name} {kind}")
        for labels, value in samples:
            inner = ",".join(f'{key}="{escape(text)}"' for key, text in labels.items())
            lines.append(f"{name}{{{inner}}} {value!r}" if inner else f"{name} {value!r}")
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """A label's value as the format has it."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def families(model: Model) -> Iterable[tuple[str, str, str, list[Sample]]]:
    """Name, type, meaning and samples of each metric."""
    workers, kinds, vitals = model.workers.values(), model.kinds, model.vitals
    statuses = Counter(w["status"] for w in workers)
    yield (
        "shoal_scheduler_workers",
        "gauge",
        "Workers by status",
        [({"status": status}, float(count)) for status, count in sorted(statuses.items())],
    )
    states: Counter[str] = Counter()
    for kind in kinds.values():
        states.update(kind["states"])
    plain = [
        ("shoal_scheduler_clients", "gauge", "Clients", len(model.feed.get("clients", ()))),
        ("shoal_scheduler_loop_seconds_total", "counter", "How long the scheduler's loop was busy",
         vitals.get("loop_s", 0.0)),
        ("shoal_scheduler_cpu_seconds_total", "counter", "CPU time of the scheduler's process",
         vitals.get("cpu_s", 0.0)),
        ("shoal_scheduler_memory_bytes", "gauge", "Memory of the scheduler's process",
         vitals.get("memory", 0)),
        ("shoal_scheduler_open_fds", "gauge", "File descriptors of the scheduler's process",
         vitals.get("fds", 0)),
    ]  # fmt: skip
    for name, kind_, help_, value in plain:
        yield name, kind_, help_, [({}, float(value))]
    yield (
        "shoal_scheduler_tasks",
        "gauge",
        "Tasks by state",
        [({"state": state}, float(count)) for state, count in sorted(states.items())],
    )
    for name, help_, column, unit in [
        ("shoal_tasks_ended_total", "Runs that ended well, by kind of task", "ended", 1),
        ("shoal_tasks_failed_total", "Tasks that failed, by kind of task", "erred", 1),
        ("shoal_tasks_run_seconds_total", "Time of runs, by kind of task", "total_s", 1),
    ]:
        yield (
            name,
            "counter",
            help_,
            [({"kind": kind}, float(row[column]) * unit) for kind, row in sorted(kinds.items())],
        )
    yield from worker_families(list(workers))


def worker_families(workers: list[dict[str, Any]]) -> Iterable[tuple[str, str, str, list[Sample]]]:
    """Metrics with a sample for each worker."""
    for name, help_, column, factor in [
        ("shoal_worker_process_memory_bytes", "Memory of the process", "memory", 1.0),
        ("shoal_worker_managed_memory_bytes", "Results in memory", "managed", 1.0),
        ("shoal_worker_spilled_bytes", "Results on disk", "spilled", 1.0),
        ("shoal_worker_cpu_ratio", "CPUs in use", "cpu", 0.01),
        ("shoal_worker_executing_tasks", "Tasks that run", "executing", 1.0),
    ]:
        yield (
            name,
            "gauge",
            help_,
            [({"worker": w["name"]}, factor * w["metrics"].get(column, 0)) for w in workers],
        )
    for name, help_, field in [
        ("shoal_worker_memory_limit_bytes", "Memory limit", "limit"),
        ("shoal_worker_threads", "Threads", "threads"),
        ("shoal_worker_queued_tasks", "Tasks that wait for this worker", "queued"),
    ]:
        yield name, "gauge", help_, [({"worker": w["name"]}, float(w[field])) for w in workers]
