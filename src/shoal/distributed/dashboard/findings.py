"""Where the time and the memory went, in sentences: what is wrong, by how much, what to change.

Each rule is a function of a `Model` and stands in `RULES`.  It returns a `Finding` with its number,
or None.  Thresholds stand at the top; a test provokes each finding, and asserts that a healthy
cluster has none.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

from shoal.distributed.dashboard.model import Model
from shoal.units import format_bytes, format_time

__all__ = ["RULES", "Finding", "findings", "told"]

TINY_S = 0.005
TINY_RUNS = 2_000
"""Runs shorter than this, and at least so many of them, are tiny."""

TRANSFER_SHARE = 0.3
SKEW = 5.0
SKEW_S = 0.5
SKEW_SHARE = 0.1
"""A run this many times longer than the others of its kind, longer than this, and for this share
of all the time, is skew."""

STRAGGLER = 2.5
STRAGGLER_RUNS = 4
STRAGGLER_SHARE = 0.05
STRAGGLER_S = 1.0
"""A worker whose runs take this many times as long as the others', and loses this share of all
the time by that, and so much of it."""

HUGE_SHARE = 0.25
FEW_SHARE = 0.6
LOOP_SHARE = 0.8
LEAK_BYTES = 100 << 20
LEAK = 3.0
LEAK_LAST = 0.15
"""What leaks has grown by so much, this many times as much as the others, and this share of it in
the last third of the time: memory that was taken once is no leak."""

GIL_SHARE = 0.5
USED = 0.25
"""Of a CPU: with other programs on the machine a process gets no whole one; tasks that only wait
take next to none."""


@dataclass(frozen=True)
class Finding:
    """One thing that costs time or memory.

    Parameters
    ----------
    name
        Of the rule.
    title, says, advice
        In words: what it is; the numbers; the first thing to change.
    share
        How much of the time or memory is at stake, 0 to 1; findings are ordered by it.
    page
        Of the dashboard, where to see more.

    Examples
    --------
    >>> print(
    ...     Finding("tiny", "Tiny tasks", "They take 1 ms.", "Make larger ones.", 0.5, "tasks")
    ... )
    Tiny tasks: They take 1 ms. -> Make larger ones.
    """

    name: str
    title: str
    says: str
    advice: str
    share: float
    page: str

    def __str__(self) -> str:
        return f"{self.title}: {self.says} -> {self.advice}"


def busy_s(model: Model) -> float:
    """Seconds of all runs."""
    return sum(model.ran_s.values())


def span(model: Model) -> tuple[float, float]:
    """When the first run that is known of began, and when the last one ended."""
    return (model.first, model.last_stop) if model.first else (0.0, 0.0)


def begun(model: Model) -> float:
    """When the job began, also for who first looked at its end."""
    return min(model.began, model.first) if model.first else model.began


def threads(model: Model) -> int:
    """Of all workers."""
    return sum(w["threads"] for w in model.workers.values())


def name_of(model: Model, address: str) -> str:
    """A worker, in a sentence."""
    return f"worker {model.name_of(address)}" if address in model.addresses else address


def failing(model: Model) -> Finding | None:
    """Runs that fail, and are tried again or not."""
    total = sum(model.failed.values())
    if not total:
        return None
    kinds: Counter[str] = Counter()
    for (kind, _), count in model.failed.items():
        kinds[kind] += count
    kind, count = kinds.most_common(1)[0]
    again = sum(model.retried.values())
    last = next((f for f in reversed(model.failures) if f.kind == kind), None)
    said = f"; the last: {last.error[:160]}" if last is not None else ""
    ended = sum(model.runs.values())
    return Finding(
        "failing",
        "Tasks fail",
        f"{total:,} runs failed, {again:,} were tried again; most are {kind!r} ({count:,}){said}.",
        "See the traceback on the page Errors, and run the task here with "
        "client.recreate_error_locally(key).",
        min(1.0, 0.3 + total / (ended + total)),
        "errors",
    )


def straggler(model: Model) -> Finding | None:
    """One worker is much slower than the others at the same tasks."""
    means: dict[str, dict[str, float]] = defaultdict(dict)
    for (address, kind), runs in model.runs.items():
        if runs >= STRAGGLER_RUNS and address in model.addresses:
            # The first run may load modules, and one long run is the data's; a slow worker's
            # runs are all long.
            longest, _, where = model.longest.get(kind, (0.0, "", ""))
            without, count = model.warm_s[address, kind], runs - 1
            if where == address and longest != without:
                without, count = without + longest, count - 1
            means[kind][address] = (model.ran_s[address, kind] - without) / count
    worst: tuple[float, str, str, float, float] | None = None
    for kind, found in means.items():
        if len(found) < 2:
            continue
        address = max(found, key=found.__getitem__)
        usual = median([mean for other, mean in found.items() if other != address])
        factor = found[address] / usual if usual > 0 else 0.0
        weight = model.ran_s[address, kind]
        if factor >= STRAGGLER and found[address] > 0.01 and (not worst or weight > worst[0]):
            worst = (weight, kind, address, found[address], usual)
    if worst is None:
        return None
    weight, kind, address, mean, usual = worst
    lost = weight * (1 - usual / mean)
    if lost < max(STRAGGLER_S, STRAGGLER_SHARE * busy_s(model)):
        return None
    return Finding(
        "straggler",
        "One worker is slow",
        f"{name_of(model, address)} takes {format_time(mean)} for {kind!r}, the others "
        f"{format_time(usual)}: {mean / usual:.1f} times as long.",
        "See what else runs on its host; restart it with client.restart_workers([address]), or "
        "retire it.",
        min(1.0, 0.2 + lost / max(busy_s(model), 1e-9)),
        "workers",
    )


def skewed(model: Model) -> Finding | None:
    """Few tasks of a kind take much longer, or make much more, than the others of that kind."""
    worst: tuple[float, str] | None = None
    text = ""
    first, last = span(model)
    for kind, (longest, key, _) in model.longest.items():
        known = model.kinds.get(kind)
        runs = sum(count for (_, name), count in model.runs.items() if name == kind)
        ran = sum(seconds for (_, name), seconds in model.ran_s.items() if name == kind)
        if known is None or runs < 4 or longest < max(SKEW_S, SKEW_SHARE * (last - first)):
            continue
        others = (ran - longest) / (runs - 1)
        if longest >= SKEW * others and (worst is None or longest > worst[0]):
            worst = (longest, kind)
            size, big = model.largest.get(kind, (0, ""))
            text = (
                f"{key} took {format_time(longest)}, the other {runs - 1:,} of {kind!r} "
                f"{format_time(others)} on average ({longest / max(others, 1e-9):,.0f} times)"
            )
            if size > 1 << 20:
                text += f"; the largest result, {big}, has {format_bytes(size)}"
    if worst is None or busy_straggler(model, worst[1]):
        return None
    return Finding(
        "skewed",
        "One partition is much larger",
        f"{text}.",
        "Cut the data into more even parts: repartition(), or a key that spreads better.",
        min(1.0, 0.25 + worst[0] / max(busy_s(model), 1e-9)),
        "tasks",
    )


def busy_straggler(model: Model, kind: str) -> bool:
    """Whether long runs of a kind are a slow worker's: then they are no property of the data."""
    found = straggler(model)
    return found is not None and repr(kind) in found.says


def tiny(model: Model) -> Finding | None:
    """Tasks are so short that handing them out takes longer."""
    runs = sum(model.runs.values())
    if runs < TINY_RUNS:
        return None
    mean = busy_s(model) / runs
    if mean >= TINY_S:
        return None
    first, last = span(model)
    share = busy_s(model) / max((last - first) * max(threads(model), 1), 1e-9)
    kind = Counter({k: 0 for _, k in model.runs})
    for (_, name), count in model.runs.items():
        kind[name] += count
    name = kind.most_common(1)[0][0]
    return Finding(
        "tiny",
        "Tasks are tiny",
        f"{runs:,} tasks took {format_time(mean)} on average (most: {name!r}); workers computed "
        f"{min(1.0, share):.0%} of the time, the rest went into handing out and waiting.",
        "Do more in each task: larger chunks or partitions, or batches of items in one call "
        "(0.1 s and more is good).",
        min(1.0, max(0.0, 1 - share)),
        "tasks",
    )


def huge(model: Model) -> Finding | None:
    """Single results take a large part of a worker's memory."""
    limits = [w["limit"] for w in model.workers.values() if w["limit"]]
    if not limits or not model.largest:
        return None
    kind, (size, key) = max(model.largest.items(), key=lambda item: item[1][0])
    if size < HUGE_SHARE * min(limits):
        return None
    return Finding(
        "huge",
        "Partitions are too large",
        f"the result of {key} ({kind!r}) takes {format_bytes(size)}, "
        f"{size / min(limits):.0%} of a worker's memory ({format_bytes(min(limits))}).",
        "Use smaller chunks or partitions: some should fit into each thread's share of the "
        "memory at once.",
        min(1.0, size / min(limits)),
        "memory",
    )


def is_cramped(worker: dict[str, Any]) -> bool:
    """Whether what a paused worker's memory is full of is no results: it does not go away."""
    metrics = worker["metrics"]
    return (
        worker["status"] == "paused"
        and bool(worker["limit"])
        and metrics.get("managed", 0) < metrics.get("memory", 0) / 2
    )


def cramped(model: Model) -> Finding | None:
    """Workers are paused, and not because of results."""
    full = [worker for worker in model.workers.values() if is_cramped(worker)]
    if not full:
        return None
    worst = max(full, key=lambda worker: worker["metrics"]["memory"] / worker["limit"])
    used, managed = worst["metrics"]["memory"], worst["metrics"]["managed"]
    return Finding(
        "cramped",
        "Workers have no room to begin tasks",
        f"{len(full)} of {len(model.workers)} workers are paused, such as worker {worst['name']}: "
        f"{format_bytes(used)} of {format_bytes(worst['limit'])} are used, of which "
        f"{format_bytes(managed)} by results.",
        "The rest is the interpreter, and what libraries and tasks keep: give workers more memory "
        "(memory_limit=), or start fewer; client.restart() frees what tasks have left behind.",
        len(full) / len(model.workers),
        "memory",
    )


def spilling(model: Model) -> Finding | None:
    """Results go to disk and come back, or workers pause because of them."""
    spilled = sum(w["metrics"].get("spilled", 0) for w in model.workers.values())
    most = max((row[3] for row in model.total if row[0] >= begun(model)), default=0.0)
    full = [w for w in model.workers.values() if w["status"] == "paused" and not is_cramped(w)]
    paused = [worker["name"] for worker in full]
    if max(spilled, most) <= 0 and not paused:
        return None
    limit = sum(w["limit"] for w in model.workers.values()) or 1
    said = f"{format_bytes(int(spilled))} are on disk now, {format_bytes(int(most))} at most"
    if paused:
        said += f"; paused because of their memory: worker {', '.join(paused[:3])}"
    return Finding(
        "spilling",
        "Workers spill to disk",
        f"{said}, with {format_bytes(limit)} of memory in all.",
        "Let go of results sooner (fewer persisted, smaller partitions), or give workers more "
        "memory (memory_limit=).",
        min(1.0, 0.4 + most / limit),
        "memory",
    )


def leaking(model: Model) -> Finding | None:
    """One worker's process grows by what no result accounts for, and the others' do not."""
    extra: dict[int, float] = {}
    grown: dict[int, float] = {}
    for number, rows in model.samples.items():
        kept = [row for row in rows if row[1]]
        if len(kept) >= 4 and number in model.workers:
            extra[number] = kept[-1][1] - kept[-1][2]
            grown[number] = extra[number] - min(row[1] - row[2] for row in kept[: len(kept) // 2])
    if len(extra) < 2:
        return None
    worst = max(grown, key=grown.__getitem__)
    usual = median([grow for number, grow in grown.items() if number != worst])
    known = [row for row in model.samples[worst] if row[1]]
    late = known[0][0] + (known[-1][0] - known[0][0]) * 2 / 3
    before = next(row for row in known if row[0] >= late)
    goes_on = extra[worst] - (before[1] - before[2]) > LEAK_LAST * grown[worst]
    if grown[worst] < LEAK_BYTES or grown[worst] < LEAK * max(usual, 1.0) or not goes_on:
        return None
    worker = model.workers[worst]
    limit = worker["limit"] or max(extra.values()) * 2
    return Finding(
        "leaking",
        "One worker's memory leaks",
        f"worker {worker['name']} has {format_bytes(int(extra[worst]))} that are no result of a "
        f"task, {format_bytes(int(grown[worst]))} more than when it was first looked at; the "
        f"others grew by {format_bytes(max(0, int(usual)))}.",
        "Look for what its tasks keep (globals, caches, C libraries); restart it meanwhile with "
        "client.restart_workers([address]).",
        min(1.0, 0.3 + grown[worst] / limit),
        "memory",
    )


def transferring(model: Model) -> Finding | None:
    """Data moves between workers for longer than a good part of the computing."""
    moving, computing = sum(model.moved_s.values()), busy_s(model)
    nbytes = sum(model.moved.values())
    if nbytes < 10 << 20 or moving < TRANSFER_SHARE * max(computing, 1e-9) or moving < 0.2:
        return None
    return Finding(
        "transferring",
        "Transfers dominate",
        f"workers fetched {format_bytes(nbytes)} from each other in {format_time(moving)}, and "
        f"computed for {format_time(computing)}.",
        "Reduce before you combine, shuffle less, or use fewer and larger workers, which "
        "share more.",
        min(1.0, moving / (moving + computing)),
        "status",
    )


def gil_bound(model: Model) -> Finding | None:
    """Several threads of a process take turns: code that holds the interpreter's lock."""
    found = []
    for number, rows in model.samples.items():
        worker = model.workers.get(number)
        busy = [row for row in rows if row[5] >= 2 and row[0] >= begun(model)]
        if worker is None or worker["threads"] < 2 or len(busy) < 3:
            continue
        running = sum(row[5] for row in busy) / len(busy)
        used = sum(row[4] for row in busy) / len(busy) / 100
        waits = sum(row[7] for row in busy) / len(busy)
        if waits >= GIL_SHARE and USED < used < 1.25 and running >= 1.5:
            found.append((running, used, waits, worker["name"]))
    if not found:
        return None
    running, used, waits, name = max(found)
    return Finding(
        "gil",
        "Threads wait for the GIL",
        f"worker {name} runs {running:.1f} tasks at once on {used:.1f} CPUs: a thread that wants "
        f"to run had to wait {waits:.0%} of the time, because pure Python code holds the "
        "interpreter's lock.",
        "Use more processes with one thread each (n_workers=, threads_per_worker=1), or code "
        "that releases the lock (NumPy, pandas, Arrow).",
        min(1.0, 1 - used / running + 0.1),
        "profile",
    )


def few(model: Model) -> Finding | None:
    """There are fewer tasks than threads: some have nothing to do."""
    total = threads(model)
    first, last = span(model)
    runs = sum(model.runs.values()) + sum(kind["left"] for kind in model.kinds.values())
    if total < 2 or not runs or last - first < 0.5:
        return None
    share = busy_s(model) / ((last - first) * total)
    if runs >= 2 * total or share > FEW_SHARE:
        return None
    return Finding(
        "few",
        "There are few tasks",
        f"{runs:,} tasks for {total} threads: they were busy {share:.0%} of the time.",
        "Cut the data into more chunks or partitions: three for each thread, or more.",
        min(1.0, 1 - share),
        "tasks",
    )


def scheduler_bound(model: Model) -> Finding | None:
    """The scheduler is as busy as one process can be, and workers wait for it."""
    loop = [row for row in model.loop if row[0] >= begun(model) - 1.0]
    best = 0.0
    for (at, spent), (later, more) in zip(loop, loop[2:]):
        if later - at > 0.5:
            best = max(best, min(1.0, (more - spent) / (later - at)))
    if best < LOOP_SHARE:
        return None
    return Finding(
        "scheduler",
        "The scheduler is the bottleneck",
        f"its loop was busy {best:.0%} of the time, for {sum(model.runs.values()):,} tasks.",
        "Submit fewer and larger tasks; let graphs be optimised (chains fused) first.",
        best,
        "system",
    )


def stuck(model: Model) -> Finding | None:
    """Tasks wait and nothing can run them."""
    left = sum(kind["left"] for kind in model.kinds.values())
    if not left:
        return None
    if not model.workers:
        said, advice = "there is no worker", "Start some: cluster.scale(n), or shoal worker."
    elif model.feed.get("unplaced"):
        said = f"no worker that is there may run {model.feed['unplaced']:,} of them"
        advice = "Compare their workers= and resources= with what workers have; client.why(key)."
    else:
        return None
    return Finding(
        "stuck", "Tasks cannot run", f"{left:,} tasks wait and {said}.", advice, 1.0, "info"
    )


RULES: tuple[Callable[[Model], Finding | None], ...] = (
    stuck,
    failing,
    cramped,
    spilling,
    leaking,
    straggler,
    skewed,
    transferring,
    gil_bound,
    huge,
    tiny,
    few,
    scheduler_bound,
)
"""Every rule."""


def findings(model: Model) -> list[Finding]:
    """What costs time or memory, the most important first.

    Parameters
    ----------
    model
        What is known.

    Examples
    --------
    >>> findings(Model())
    []
    """
    found = [finding for rule in RULES if (finding := rule(model)) is not None]
    return sorted(found, key=lambda finding: -finding.share)


def told(model: Model, found: list[Finding]) -> dict[str, Any]:
    """The numbers of a run, for the head of a report.

    Parameters
    ----------
    model, found
        What is known, and what follows from it.

    Examples
    --------
    >>> told(Model(), [])["runs"]
    0
    """
    first, last = span(model)
    wall = last - first
    total = threads(model)
    return {
        "runs": sum(model.runs.values()),
        "wall_s": wall,
        "busy_s": busy_s(model),
        "threads": total,
        "share": busy_s(model) / (wall * total) if wall and total else 0.0,
        "moved": sum(model.moved.values()),
        "moved_s": sum(model.moved_s.values()),
        "failed": sum(model.failed.values()),
        "memory": max((row[1] for row in model.total), default=0.0),
        "spilled": max((row[3] for row in model.total), default=0.0),
        "findings": [finding.name for finding in found],
    }
