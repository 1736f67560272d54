"""What there is: the scheduler, its workers, its tasks.

========================= ============================= ====================================
method                    args                          answer
========================= ============================= ====================================
``scheduler.info``        ``workers?, n_workers?``      a dict, as Dask's ``scheduler_info``
``scheduler.identity``                                  the scheduler without its workers
``scheduler.who_has``     ``keys?``                     ``[[key, [address]]]``
``scheduler.has_what``    ``workers?``                  ``{address: [key]}``
``scheduler.nthreads``    ``workers?``                  ``{address: count}``
``scheduler.nbytes``      ``keys?, summary``            ``{prefix: n}`` or ``[[key, n]]``
``scheduler.processing``  ``workers?``                  ``{address: [key]}``
``scheduler.story``       ``keys``                      ``[[time, event, whom, key]]``
``scheduler.explain``     ``key``                       a dict (`explain`)
``scheduler.task_stream`` ``start?, stop?, count?``     a dict a run
``scheduler.counts``                                    tasks by prefix and state
``scheduler.demand``                                    what an adaptive cluster goes by
``scheduler.dump_state``                                everything, for reports of problems
========================= ============================= ====================================
"""

from __future__ import annotations

from collections import Counter
from typing import Any
from urllib.parse import urlsplit

from shoal.distributed.core.scheduler.explain import explain, story
from shoal.distributed.core.scheduler.methods.calls import Method
from shoal.distributed.core.scheduler.methods.describe import (
    describe_worker,
    rows_of,
    some_workers,
)
from shoal.distributed.core.scheduler.names import key_of
from shoal.distributed.core.scheduler.records import Party
from shoal.distributed.core.scheduler.state import Scheduler, holders
from shoal.distributed.core.scheduler.story import Stream
from shoal.distributed.core.scheduler.table import PINNED
from shoal.distributed.core.scheduler.transitions import MEMORY, READY, SENT, STATES

__all__ = ["METHODS"]


def identity(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """The scheduler itself."""
    return {
        "type": "Scheduler",
        "id": state.identity,
        "started": state.started,
        "now": now,
        "dashboard": state.dashboard,
        "services": dashboard_port(state.dashboard),
        "n_tasks": len(state.table),
        "bandwidth": state.bandwidth,
        "clients": [c.name for c in state.clients.values() if c.party >= 0],
    }


def dashboard_port(url: str) -> dict[str, int]:
    """The dashboard's port, under the name that tools look for."""
    port = urlsplit(url).port if url else None
    return {"dashboard": port} if port is not None else {}


def info(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """The scheduler, and its workers by address."""
    chosen = some_workers(state, args.get("workers"))
    count = args.get("n_workers", -1)
    total = sum(w.threads for w in state.workers.values())
    return {
        **identity(state, who, request, args, now),
        "n_workers": len(state.workers),
        "total_threads": total,
        "total_memory": sum(w.limit for w in state.workers.values()),
        "workers": {w.address: describe_worker(w) for w in chosen[: None if count < 0 else count]},
    }


def who_has(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """Addresses of the holders of results."""
    table, workers = state.table, state.workers
    keys = args.get("keys")
    if keys is None:
        rows = [row for row in rows_of(state, None) if table.states[row] == MEMORY]
        pairs = [(key_of(table, row), row) for row in rows]
    else:
        pairs = [(key, found[0] if (found := rows_of(state, [key])) else -1) for key in keys]
    return [
        [key, [workers[n].address for n in holders(state, row)] if is_held(state, row) else []]
        for key, row in pairs
    ]


def is_held(state: Scheduler, row: int) -> bool:
    """Whether there is a result."""
    return row >= 0 and state.table.states[row] == MEMORY


def has_what(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """Keys of the results that workers hold."""
    table = state.table
    chosen = some_workers(state, args.get("workers"))
    found: dict[int, list[Any]] = {w.number: [] for w in chosen}
    for row in rows_of(state, None):
        if table.states[row] == MEMORY:
            for number in holders(state, row):
                if number in found:
                    found[number].append(key_of(table, row))
    # Those who are asked for and gone hold nothing.
    named = dict.fromkeys(map(str, args.get("workers") or ()), ())
    known = {name for w in chosen for name in (w.address, w.name, w.host)}
    gone: dict[str, list[Any]] = {name: [] for name in named if name not in known}
    return {**{w.address: found[w.number] for w in chosen}, **gone}


def nthreads(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """How many tasks workers run at once."""
    return {w.address: w.threads for w in some_workers(state, args.get("workers"))}


def nbytes(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """Sizes of results."""
    table = state.table
    rows = [row for row in rows_of(state, args.get("keys")) if table.states[row] == MEMORY]
    if not args.get("summary", True):
        return [[key_of(table, row), table.nbytes[row]] for row in rows]
    sums: Counter[str] = Counter()
    for row in rows:
        sums[table.prefixes[row].name] += table.nbytes[row]
    return dict(sums)


def processing(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """Keys of what workers have been given and have not ended."""
    return {
        w.address: [key_of(state.table, row) for row in w.sent]
        for w in some_workers(state, args.get("workers"))
    }


def tell_story(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """What happened to tasks."""
    return story(state, args["keys"])


def tell_why(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """Why a task waits, where it ran, what it cost."""
    key = args["key"]
    return explain(state, tuple(key) if isinstance(key, list) else key, now)


def task_stream(
    state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float
) -> Any:
    """Runs that have ended, well or not, in the order of their ends."""
    rows = runs_within(state.stream, "OK", args)
    if failed := runs_within(state.tried, "error", args):
        rows = sorted(rows + failed, key=lambda run: run["startstops"][0]["stop"])
    count = args.get("count")
    return rows if count is None else rows[-count:] if count else []


def runs_within(stream: Stream, status: str, args: dict[str, Any]) -> list[dict[str, Any]]:
    """The runs of a stream that were, at least in part, between two moments."""
    start, stop = args.get("start"), args.get("stop")
    return [
        {
            "key": key,
            "name": name,
            "worker": worker,
            "startstops": [{"action": "compute", "start": begin, "stop": begin + seconds}],
            "nbytes": size,
            "status": status,
        }
        for worker, columns in stream.since(0)
        for key, name, begin, seconds, size in zip(*columns)
        if (start is None or begin + seconds >= start) and (stop is None or begin <= stop)
    ]


def counts(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """Tasks by prefix and state, and what is known of each prefix."""
    table = state.table
    found = Counter(zip(table.prefixes, table.states))
    out: dict[str, dict[str, Any]] = {}
    for (prefix, now_), count in found.items():
        if prefix is not None:
            entry = out.setdefault(prefix.name, {"states": {}})
            entry["states"][STATES[now_]] = count
    for name, entry in out.items():
        prefix = state.prefixes[name]
        entry.update(
            ended=prefix.ended,
            erred=prefix.erred,
            seconds=prefix.seconds,
            total_s=prefix.total,
            nbytes=prefix.nbytes,
            peak=prefix.peak,
        )
    return out


def demand(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """How much work there is, for a cluster that follows it (adaptive)."""
    waiting = ready = 0.0
    tasks = 0
    table = state.table
    actors: set[int] = set()
    """Numbers of workers that have some: they must stay, whatever they do."""
    for row, now_ in enumerate(table.states):
        if now_ == READY:
            ready += table.prefixes[row].seconds
            tasks += 1
        elif now_ == MEMORY and table.flags[row] & PINNED:
            actors.update(holders(state, row))
    for worker in state.workers.values():
        waiting += worker.occupancy
    return {
        "ready": tasks,
        "ready_s": ready,
        "sent": sum(len(w.sent) for w in state.workers.values()),
        "sent_s": waiting,
        "nbytes": sum(w.nbytes for w in state.workers.values()),
        "memory_limit": sum(w.limit for w in state.workers.values()),
        "threads": sum(w.threads for w in state.workers.values()),
        "idle": [
            w.address
            for w in state.workers.values()
            if not w.sent and not w.queued and w.number not in actors
        ],
        "workers": [w.address for w in state.workers.values()],
    }


def dump_state(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """Everything, as plain data."""
    table = state.table
    tasks = {}
    for row in rows_of(state, None):
        tasks[str(key_of(table, row))] = {
            "number": table.numbers[row],
            "state": STATES[table.states[row]],
            "deps": [str(key_of(table, n & (1 << 26) - 1)) for n in table.deps[row]],
            "waiters": table.waiters[row],
            "wanted": table.owner[row] != -1,
            "where": [state.workers[n].address for n in holders(state, row) if n in state.workers]
            if table.states[row] in (MEMORY, SENT, READY)
            else [],
            "run": table.runs[row],
            "nbytes": table.nbytes[row],
            "prefix": table.prefixes[row].name,
        }
    return {
        "scheduler": identity(state, who, request, args, now),
        "workers": {w.address: describe_worker(w) for w in state.workers.values()},
        "clients": {c.name: {"wants": c.wants} for c in state.clients.values()},
        "tasks": tasks,
        "sent": sum(now_ == SENT for now_ in table.states),
    }


METHODS: dict[str, Method] = {
    "scheduler.info": info,
    "scheduler.identity": identity,
    "scheduler.who_has": who_has,
    "scheduler.has_what": has_what,
    "scheduler.nthreads": nthreads,
    "scheduler.nbytes": nbytes,
    "scheduler.processing": processing,
    "scheduler.story": tell_story,
    "scheduler.explain": tell_why,
    "scheduler.task_stream": task_stream,
    "scheduler.counts": counts,
    "scheduler.demand": demand,
    "scheduler.dump_state": dump_state,
}
