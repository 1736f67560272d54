"""What the dashboard, and others who look on, read: what is new since they read last.

====================== ============================ =============================================
method                 args                         answer
====================== ============================ =============================================
``scheduler.feed``     ``stream, flows, failures``  workers, kinds of tasks, new runs (at most
                       (cursors), ``history``,      ``runs`` one by one), transfers and failures;
                       ``runs``                     with ``history`` also samples
``scheduler.graph``    ``limit``                    tasks and their inputs, or kinds of tasks
``scheduler.holdings``                              bytes by kind of task, and the largest results
``scheduler.find``     ``text``                     as ``scheduler.explain``, of a key as people
                                                    write it, or of one that begins so; or what a
                                                    worker of that name or address has to do
``scheduler.memory``                                bytes of all workers together
``dashboard.use``      ``token``                    whether a token of the dashboard is new
====================== ============================ =============================================

Each costs a few milliseconds at most, however many tasks there are.  New runs beyond `RUNS` are
summed up, a report of a worker each.
"""

from __future__ import annotations

import ast
from collections import Counter
from itertools import islice
from operator import add, attrgetter
from typing import Any

from shoal.distributed.core.scheduler.explain import explain
from shoal.distributed.core.scheduler.methods.calls import Method
from shoal.distributed.core.scheduler.names import find, key_of
from shoal.distributed.core.scheduler.observe import KINDS, OTHERS, SAMPLE, largest
from shoal.distributed.core.scheduler.records import Party, Prefix, Worker
from shoal.distributed.core.scheduler.state import Scheduler
from shoal.distributed.core.scheduler.table import MASK
from shoal.distributed.core.scheduler.transitions import MEMORY, STATES

__all__ = ["METHODS", "WORKER"]

RUNS = 1_000
"""Runs that are told one by one, at most."""

REPORTS = 5_000
"""Reports that are summed up, at most."""

HISTORIES = 64
"""Workers whose samples are told, at most; the sum over all always is."""

WORKER = (
    "number",
    "address",
    "name",
    "host",
    "pid",
    "threads",
    "limit",
    "status",
    "since",
    "heard",
) + ("held", "nbytes", "sent", "queued", "occupancy", "metrics")
"""What is told of a worker."""

PLAIN = attrgetter(*WORKER[:12])
"""The fields that stand so in its record."""

ROWS = 100_000
"""Rows of the table that are looked through for one answer, at most."""

STORY = 30
"""Tasks of a worker that are told one by one, at most: those that it was given last."""

TOKENS = 100_000
"""Used tokens that are remembered, at most; each is good for a day."""


def worker_row(worker: Worker) -> list[Any]:
    """A worker, as `WORKER` says."""
    occupancy = worker.occupancy + worker.backlog
    return [*PLAIN(worker), len(worker.sent), worker.queued, occupancy, worker.metrics]


def kind_row(kind: Prefix, counts: dict[str, int]) -> list[Any]:
    """A kind of task: what it takes and makes, and how many there are."""
    return [
        kind.name,
        counts,
        kind.ended - kind.ended_before,
        kind.erred - kind.erred_before,
        kind.seconds,
        kind.nbytes,
        kind.total,
        kind.peak,
        kind.ended,
        kind.erred,
    ]


def feed(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """What is new."""
    observed = state.observed
    observed.census.look(state.table)
    out = {
        "now": now,
        "began": observed.began,
        "id": state.identity,
        "started": state.started,
        "tasks": len(state.table),
        "epoch": state.epoch,
        "epoch_from": state.epoch_from,
        "complete": observed.census.complete,
        "bandwidth": state.bandwidth,
        "unplaced": len(state.unplaced),
        "full": len(state.full),
        "clients": [c.name for c in state.clients.values() if c.party >= 0],
        "workers": [worker_row(w) for w in state.workers.values()],
        "kinds": kind_rows(state),
        "stream": runs_since(state, args.get("stream", 0), args.get("runs", RUNS)),
        "flows": [observed.flows.count, observed.flows.since(args.get("flows", 0))],
        "failures": [observed.failures.count, observed.failures.since(args.get("failures", 0))],
    }
    if args.get("history"):
        numbers = list(state.workers)[:HISTORIES]
        out["history"] = {
            "columns": SAMPLE,
            "total": observed.total.rows(),
            "workers": {n: observed.samples[n].rows() for n in numbers if n in observed.samples},
        }
    return out


def kind_rows(state: Scheduler) -> list[list[Any]]:
    """The kinds of tasks there are, and those that were there in this epoch; the most at most."""
    counts: dict[Any, dict[str, int]] = {}
    for (kind, at), count in state.observed.census.tasks.items():
        if kind is not None and at:
            counts.setdefault(kind, {})[STATES[at]] = count
    if len(state.prefixes) <= 10 * KINDS:
        for kind in state.prefixes.values():
            if kind.ended - kind.ended_before or kind.erred - kind.erred_before:
                counts.setdefault(kind, {})
    if len(counts) > KINDS:
        most = sorted(counts, key=lambda kind: -sum(counts[kind].values()) - kind.ended)
        others = Counter(counts.get(OTHERS, {}))
        for kind in most[KINDS - 1 :]:
            if kind is not OTHERS:
                others.update(counts[kind])
        counts = {**{kind: counts[kind] for kind in most[: KINDS - 1]}, OTHERS: dict(others)}
    return [kind_row(kind, found) for kind, found in counts.items()]


def runs_since(state: Scheduler, cursor: int, most: int) -> list[Any]:
    """``[cursor, reports, sums]``: runs one by one, and, of those that are too many, their sums.

    A report is ``[worker, keys, kinds, starts, seconds, bytes]``; a sum is ``[worker, kind, first
    start, last end, seconds, bytes, count]``, of runs that one worker has told of at once.
    """
    stream = state.stream
    new = stream.since(cursor, REPORTS)
    told: list[Any] = []
    sums: list[Any] = []
    left = most
    for worker, columns in reversed(new):
        left -= len(columns[0])
        if left >= 0:
            told.append([worker, *columns])
        else:
            left = -1
            _, kinds, starts, seconds, sizes = columns
            kind = kinds[len(kinds) // 2]
            end, total = max(map(add, starts, seconds)), sum(seconds)
            sums.append([worker, kind, min(starts), end, total, sum(sizes), len(starts)])
    return [stream.count, told[::-1], sums[::-1]]


def graph(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """Tasks, if few: ``[number, key, kind, state, inputs]``; else kinds that need kinds."""
    table, limit = state.table, args.get("limit", 400)
    if len(table) <= limit:
        rows = [row for row, at in enumerate(table.states) if at]
        tasks = [
            [
                table.numbers[row],
                str(key_of(table, row)),
                table.prefixes[row].name,
                STATES[table.states[row]],
                [n for n in table.deps[row] if table.numbers[n & MASK] == n],
            ]
            for row in rows
        ]
        return {"tasks": tasks}
    observed = state.observed
    observed.link(table)
    observed.census.look(table)
    kinds: dict[str, dict[str, int]] = {}
    for (kind, at), count in observed.census.tasks.items():
        if kind is not None and at:
            kinds.setdefault(kind.name, {})[STATES[at]] = count
    pairs = [[*pair, count] for pair, count in observed.links.most_common(4 * KINDS)]
    return {"kinds": kinds, "links": [p for p in pairs if p[0] in kinds and p[1] in kinds]}


def holdings(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """What takes memory."""
    table = state.table
    count = min(len(table.states), ROWS)
    sums: Counter[str] = Counter()
    many: Counter[str] = Counter()
    for kind, size, at in zip(table.prefixes[:count], table.nbytes[:count], table.states[:count]):
        if at == MEMORY:
            sums[kind.name] += size
            many[kind.name] += 1
    return {
        "kinds": [[name, size, many[name]] for name, size in sums.most_common(100)],
        "largest": [[str(key), kind, size] for size, key, kind in largest(table, 0, count)],
        "looked_at": count,
        "rows": len(table.states),
    }


def memory(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """What workers hold, as far as the scheduler knows, and what their processes take."""
    workers = state.workers.values()
    spilled = sum(w.metrics.get("spilled", 0) for w in workers)
    return {
        "process": sum(w.metrics.get("memory", 0) for w in workers),
        "managed": max(0, sum(w.nbytes for w in workers) - spilled),
        "spilled": spilled,
    }


def find_task(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """A task by what a person typed."""
    text = str(args["text"]).strip()
    key: Any = text
    if text[:1] == "(":
        try:
            key = ast.literal_eval(text)
        except (SyntaxError, ValueError):
            pass
    table = state.table
    if find(state.names, key) < 0:
        for worker in state.workers.values():
            if text in (str(worker.name), worker.address):
                return about_worker(state, worker, now)
        states = islice(enumerate(table.states), ROWS)
        names = (key_of(table, row) for row, at in states if at)
        key = next((name for name in names if str(name).startswith(text)), key)
    return explain(state, key, now)


def about_worker(state: Scheduler, worker: Worker, now: float) -> dict[str, Any]:
    """What a worker has to do, in the form of a task's answer."""
    sent = sorted(worker.sent.items(), key=lambda item: item[1])[-STORY:]
    given = [[at, "was sent", str(key_of(state.table, row))] for row, at in sent]
    return {
        "about": "worker",
        "key": worker.name,
        "state": worker.status,
        "why": f"it has been given {len(worker.sent):,} tasks, {worker.queued:,} more wait for it "
        f"and it holds {worker.held:,} results; its last sign of life came "
        f"{max(0.0, now - worker.heard):.1f} s ago",
        "worker": worker.address,
        "host": worker.host,
        "pid": worker.pid,
        "story": [[worker.since, "came", worker.address], *given],
    }


def use_token(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """Remember that a token of the dashboard was used; False if it was used before."""
    used = state.machines.setdefault("dashboard", {})
    token = str(args["token"])
    if token in used:
        return False
    used[token] = now
    while len(used) > TOKENS:
        del used[next(iter(used))]
    return True


METHODS: dict[str, Method] = {
    "scheduler.feed": feed,
    "scheduler.graph": graph,
    "scheduler.holdings": holdings,
    "scheduler.find": find_task,
    "scheduler.memory": memory,
    "dashboard.use": use_token,
}
