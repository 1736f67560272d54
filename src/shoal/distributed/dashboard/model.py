"""What the dashboard knows: the scheduler's answers, put together over time.

`update` takes an answer of ``scheduler.feed`` in; what views show is read from a `Model`.
No clock, no sockets: the same model is built by the dashboard's process from live answers, by a
client for a report, and by a test from answers written by hand.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from typing import Any

from shoal.distributed.core.scheduler.methods.feed import WORKER
from shoal.distributed.dashboard.failures import failure_text

__all__ = ["Bar", "Failure", "Model", "update"]

MERGE_S = 0.02
"""Runs shorter than this that follow each other within it are drawn as one bar."""

SLACK_S = 0.002
"""Clocks of execution threads are read a little apart: bars of one lane may overlap by so much."""

WARM_S = 3.0

BARS = 100_000
POINTS = 600
RATE_EVERY_S = 0.3
FAILURES = 200


@dataclass(slots=True)
class Bar:
    """Runs of one kind of task, one after another, on one thread of a worker; or a transfer.

    Parameters
    ----------
    id
        Its number, never used again.
    worker, lane, kind
        Where: the worker's address, and which of its runs at once (-1: a transfer); and what.
    start, stop
        Seconds since the epoch.
    busy
        Seconds of runs within; less than the length of the bar if there are gaps.
    count, key, nbytes
        How many runs, the key of the first, and the bytes of all results.

    Examples
    --------
    >>> Bar(1, "tcp://a", 0, "inc", 0.0, 1.0, 1.0, 1, "x", 8).count
    1
    """

    id: int
    worker: str
    lane: int
    kind: str
    start: float
    stop: float
    busy: float
    count: int
    key: str
    nbytes: int


@dataclass(slots=True)
class Failure:
    """A run that failed.

    Parameters
    ----------
    id
        Its number, never used again.
    time
        Seconds since the epoch, give or take a sign of life.
    key, kind, worker
        Of the task, and where it ran.
    why, error, trace
        The kind of failure, the error in a line, and its traceback.
    tries, again
        How often it was tried before, and whether it is tried again.

    Examples
    --------
    >>> Failure(1, 0.0, "x", "inc", "tcp://a", "raised", "ValueError: no", "", 0, False).tries
    0
    """

    id: int
    time: float
    key: str
    kind: str
    worker: str
    why: str
    error: str
    trace: str
    tries: int
    again: bool


def _zeros() -> defaultdict[Any, float]:
    return defaultdict(float)


@dataclass
class Model:
    """Everything that is known.

    Parameters
    ----------
    now
        Seconds since the epoch, of the last answer.
    began
        When the sums below began: with the job, as far as somebody looked.
    offset
        Added to the scheduler's times, gives seconds since the epoch.
    feed
        The last answer, without its streams.
    cursors
        Up to where each stream has been read.
    workers
        By number, fields as in `shoal.distributed.core.scheduler.methods.feed.WORKER`.
    addresses
        Numbers by address.
    kinds
        By name: ``states``, ``done``, ``failed``, ``total``, ``seconds``, ``nbytes``, ...
    bars
        What ran, the newest last.
    bars_of
        The same by the worker's address.
    last
        The last bar of each lane.
    lanes
        By worker: when each of its lanes is free.
    next_bar
        Number of the next bar.
    moved
        Bytes moved between workers: (from, to).
    moved_s
        Seconds that workers were receiving.
    first, last_stop
        When the first of these runs began and the last one ended.
    warm_s
        Seconds of the first run, which may load modules, by worker and kind of task.
    ran_s
        Seconds of runs, by worker and kind of task.
    runs
        Runs that ended, by worker and kind of task.
    longest
        By kind: the longest run, its key and worker; without the first run on each worker,
        which may load modules, unless it takes longer than `WARM_S`.
    largest
        By kind: the largest result, its key.
    failures
        Runs that failed, the newest last.
    failed
        How many, by kind of task and worker.
    retried
        Of these, those that were tried again, by kind.
    samples
        By worker: (time, memory, managed, spilled, cpu, executing, queued, gil).
    total
        The same, summed over all workers.
    rates
        (time, runs ended, bytes moved, share of the time in which the scheduler's loop is busy).
    rated
        When they were last told, what has come since, and busy seconds of the loop until then.
    loop
        (time, seconds that the scheduler's loop had been busy), about once a second.
    vitals
        The last answer of ``scheduler.vitals``.
    answers
        Those of other methods, by the name under which views know them.

    Examples
    --------
    >>> Model().workers
    {}
    """

    now: float = 0.0
    began: float = 0.0
    offset: float = 0.0
    feed: dict[str, Any] = field(default_factory=dict)
    cursors: dict[str, int] = field(
        default_factory=lambda: {"stream": 0, "flows": 0, "failures": 0}
    )
    workers: dict[int, dict[str, Any]] = field(default_factory=dict)
    addresses: dict[str, int] = field(default_factory=dict)
    kinds: dict[str, dict[str, Any]] = field(default_factory=dict)
    bars: deque[Bar] = field(default_factory=deque)
    bars_of: dict[str, deque[Bar]] = field(default_factory=dict)
    last: dict[tuple[str, int], Bar] = field(default_factory=dict)
    lanes: dict[str, list[float]] = field(default_factory=dict)
    next_bar: int = 1
    moved: Counter[tuple[str, str]] = field(default_factory=Counter)
    moved_s: defaultdict[str, float] = field(default_factory=_zeros)
    first: float = 0.0
    last_stop: float = 0.0
    warm_s: dict[tuple[str, str], float] = field(default_factory=dict)
    ran_s: defaultdict[tuple[str, str], float] = field(default_factory=_zeros)
    runs: Counter[tuple[str, str]] = field(default_factory=Counter)
    longest: dict[str, tuple[float, str, str]] = field(default_factory=dict)
    largest: dict[str, tuple[int, str]] = field(default_factory=dict)
    failures: deque[Failure] = field(default_factory=lambda: deque(maxlen=FAILURES))
    failed: Counter[tuple[str, str]] = field(default_factory=Counter)
    retried: Counter[str] = field(default_factory=Counter)
    samples: dict[int, deque[tuple[float, ...]]] = field(default_factory=dict)
    total: deque[tuple[float, ...]] = field(default_factory=lambda: deque(maxlen=POINTS))
    rates: deque[tuple[float, float, float, float]] = field(
        default_factory=lambda: deque(maxlen=POINTS)
    )
    rated: tuple[float, int, int, float] = (0.0, 0, 0, 0.0)
    loop: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=POINTS))
    vitals: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)

    def name_of(self, address: str) -> str:
        """What a worker is called; its address, if it is not there any more."""
        number = self.addresses.get(address)
        return address if number is None else str(self.workers[number]["name"])


def update(model: Model, feed: dict[str, Any], vitals: dict[str, Any], now: float) -> None:
    """Take an answer in.

    Parameters
    ----------
    model
        Is changed.
    feed
        From ``scheduler.feed``.
    vitals
        From ``scheduler.vitals``; ``{}`` where nobody asked.
    now
        Seconds since the epoch.

    Examples
    --------
    >>> model = Model()
    >>> update(model, {"now": 5.0, "workers": [], "kinds": []}, {}, 100.0)
    >>> model.offset
    95.0
    """
    model.now, model.offset = now, now - feed["now"]
    if feed.get("epoch") != model.feed.get("epoch"):
        begin(model)
    model.feed = {k: v for k, v in feed.items() if k not in ("stream", "flows", "history")}
    workers = [dict(zip(WORKER, row)) for row in feed["workers"]]
    model.workers = {w["number"]: w for w in sorted(workers, key=place_of)}
    model.addresses = {w["address"]: number for number, w in model.workers.items()}
    for address in [a for a in model.lanes if a not in model.addresses]:
        for lane in range(len(model.lanes.pop(address))):
            model.last.pop((address, lane), None)
    model.kinds = {row[0]: kind_of(row) for row in feed["kinds"]}
    add_history(model, feed.get("history"))
    add_samples(model)
    add_rates(
        model,
        add_runs(model, feed.get("stream", (0, (), ()))),
        add_flows(model, feed.get("flows", (0, ()))),
        vitals.get("loop_s", 0.0),
    )
    add_failures(model, feed.get("failures", (0, ())))
    last = model.loop[-1][0] if model.loop else 0.0
    loads = [(at + model.offset, spent) for at, spent in vitals.get("loop", ())]
    model.loop.extend(row for row in loads if row[0] > last)
    if "loop_s" in vitals:
        model.loop.append((now, vitals["loop_s"]))
    model.vitals = vitals


def place_of(worker: dict[str, Any]) -> list[Any]:
    """What workers are sorted by: their names, with numbers in them as numbers.

    Parameters
    ----------
    worker
        Its row.

    Examples
    --------
    >>> sorted([{"name": "w10"}, {"name": "w9"}, {"name": 3}], key=place_of)
    [{'name': 3}, {'name': 'w9'}, {'name': 'w10'}]
    """
    pieces = re.split(r"(\d+)", str(worker["name"]))
    return [int(piece) if piece.isdecimal() else piece for piece in pieces]


def add_rates(model: Model, ended: int, nbytes: int, spent: float) -> None:
    """What happened a second, since the last time that was long enough ago to say."""
    at, runs, moved, spent_before = model.rated
    runs, moved = runs + ended, moved + nbytes
    passed = model.now - at
    if at and passed < RATE_EVERY_S:
        model.rated = (at, runs, moved, spent_before)
        return
    if at:
        loop = max(0.0, spent - spent_before) / passed
        model.rates.append((model.now, runs / passed, moved / passed, loop))
    model.rated = (model.now, 0, 0, spent)


def begin(model: Model) -> None:
    """Tasks have come to a scheduler that had none: sums begin anew."""
    for sums in (model.moved, model.moved_s, model.ran_s, model.runs, model.failed, model.retried):
        sums.clear()
    model.warm_s.clear()
    model.first = model.last_stop = 0.0
    model.longest.clear()
    model.largest.clear()
    model.began = model.now


def kind_of(row: list[Any]) -> dict[str, Any]:
    """A kind of task: what is done, what is to do."""
    _, states, ended, erred, seconds, nbytes, total_s, peak, ever, ever_erred = row
    left = sum(states.get(name, 0) for name in ("waiting", "ready", "sent"))
    return {
        "states": states,
        "done": ended,
        "failed": erred,
        "left": left,
        "total": max(ended + erred + left, sum(states.values())),
        "seconds": seconds,
        "nbytes": nbytes,
        "total_s": total_s,
        "peak": peak,
        "ended": ever,
        "erred": ever_erred,
    }


def add_history(model: Model, history: dict[str, Any] | None) -> None:
    """Samples of the time in which nobody looked."""
    if not history:
        return
    shift = model.feed["began"] + model.offset
    told = {int(number): rows for number, rows in history["workers"].items()}
    for kept, rows in [(model.total, history["total"])] + [
        (model.samples.setdefault(number, deque(maxlen=POINTS)), rows)
        for number, rows in told.items()
    ]:
        last = kept[-1][0] if kept else 0.0
        kept.extend((row[0] + shift, *row[1:]) for row in rows if row[0] + shift > last)


def add_samples(model: Model) -> None:
    """How the workers are now."""
    rows = []
    for number, worker in model.workers.items():
        metrics = worker["metrics"]
        row = (
            model.now,
            metrics.get("memory", 0),
            metrics.get("managed", 0),
            metrics.get("spilled", 0),
            metrics.get("cpu", 0.0),
            metrics.get("executing", 0),
            worker["sent"] + worker["queued"],
            metrics.get("gil", 0.0),
        )
        rows.append(row)
        model.samples.setdefault(number, deque(maxlen=POINTS)).append(row)
    for number in model.samples.keys() - model.workers.keys():
        del model.samples[number]
    if rows:
        model.total.append((model.now, *[sum(column) for column in zip(*rows)][1:]))


def add_runs(model: Model, stream: Any) -> int:
    """Runs that have ended; how many."""
    model.cursors["stream"], reports, sums = stream
    count = 0
    old = older(model, 0, "stream", len(sums) + len(reports))
    # What was summed up is older than what is told run by run.
    for i, (worker, kind, start, stop, busy, size, many) in enumerate(sums):
        count += many
        put_bar(model, worker, kind, start, stop, busy, many, "", size)
        if i >= old:
            add_up(model, worker, kind, start, stop, busy, many)
    for i, (worker, keys, kinds, starts, seconds, sizes) in enumerate(reports, len(sums)):
        count += len(keys)
        rows = sorted(zip(starts, seconds, kinds, keys, sizes), key=lambda row: row[0])
        for start, took, kind, key, size in rows:
            put_bar(model, worker, kind, start, start + took, took, 1, key, size)
            if i >= old:
                add_up(model, worker, kind, start, start + took, took, 1)
                compare(model, worker, kind, key, took, size)
    return count


def older(model: Model, place: int, name: str, count: int) -> int:
    """How many of the last entries of a history are of an epoch before this one."""
    begun: int = model.feed.get("epoch_from", (0, 0, 0))[place]
    return max(0, begun - (model.cursors[name] - count))


def add_up(
    model: Model, worker: str, kind: str, start: float, stop: float, busy: float, count: int
) -> None:
    """Runs of this epoch."""
    model.first = min(start, model.first or start)
    model.last_stop = max(stop, model.last_stop)
    if (worker, kind) not in model.runs:
        model.warm_s[worker, kind] = busy / count
    model.ran_s[worker, kind] += busy
    model.runs[worker, kind] += count


def compare(model: Model, worker: str, kind: str, key: Any, took: float, size: int) -> None:
    """Whether a run is the longest of its kind, or its result the largest."""
    is_warm = model.runs[worker, kind] > 1 or took > WARM_S
    if is_warm and took > model.longest.get(kind, (-1.0,))[0]:
        model.longest[kind] = (took, key_text(key), worker)
    if size > model.largest.get(kind, (-1,))[0]:
        model.largest[kind] = (size, key_text(key))


def put_bar(
    model: Model,
    worker: str,
    kind: str,
    start: float,
    stop: float,
    busy: float,
    count: int,
    key: Any,
    nbytes: int,
) -> None:
    """Draw runs on a lane of their worker that is free."""
    lanes = model.lanes.setdefault(worker, [])
    free = [i for i, until in enumerate(lanes) if until <= start + SLACK_S]
    lane = max(free, key=lanes.__getitem__) if free else len(lanes)
    if lane == len(lanes):
        lanes.append(stop)
    lanes[lane] = max(stop, lanes[lane])
    bar = model.last.get((worker, lane))
    if (
        bar is not None
        and bar.kind == kind
        and start - bar.stop < MERGE_S
        and stop - start < MERGE_S * max(1, count)
        and bar.stop - bar.start < 1.0
        and (bar.stop - bar.start) / bar.count < MERGE_S
    ):
        bar.stop, bar.busy, bar.count = max(stop, bar.stop), bar.busy + busy, bar.count + count
        bar.nbytes += nbytes
        return
    bar = Bar(model.next_bar, worker, lane, kind, start, stop, busy, count, key_text(key), nbytes)
    model.last[worker, lane] = bar
    keep_bar(model, bar)


def keep_bar(model: Model, bar: Bar) -> None:
    """Remember a bar, and forget the oldest."""
    model.next_bar += 1
    model.bars.append(bar)
    model.bars_of.setdefault(bar.worker, deque()).append(bar)
    if len(model.bars) > BARS:
        oldest = model.bars.popleft().worker
        kept = model.bars_of[oldest]
        kept.popleft()
        if not kept:
            del model.bars_of[oldest]


def add_flows(model: Model, flows: Any) -> int:
    """Transfers that have ended; their bytes."""
    model.cursors["flows"], entries = flows
    total = 0
    old = older(model, 1, "flows", len(entries))
    for i, (at, receiver, moves) in enumerate(entries):
        stop = at + model.offset
        for sender, nbytes, seconds in moves:
            total += nbytes
            if i >= old:
                model.moved[sender, receiver] += nbytes
                model.moved_s[receiver] += seconds
            if seconds >= 0.001:
                bar = Bar(
                    model.next_bar,
                    receiver,
                    -1,
                    "transfer",
                    stop - seconds,
                    stop,
                    seconds,
                    1,
                    f"from {sender}",
                    nbytes,
                )
                keep_bar(model, bar)
    return total


def add_failures(model: Model, failures: Any) -> None:
    """Runs that have failed."""
    model.cursors["failures"], entries = failures
    first = model.cursors["failures"] - len(entries)
    old = older(model, 2, "failures", len(entries))
    for i, (at, key, kind, worker, why, data, tries, again) in enumerate(entries):
        error, trace = failure_text(why, data)
        text = key_text(key)
        seen = model.now if at < 0 else at + model.offset
        model.failures.append(
            Failure(first + i, seen, text, kind, worker, why, error, trace, tries, again)
        )
        if i >= old:
            model.failed[kind, worker] += 1
            model.retried[kind] += again


def key_text(key: Any) -> str:
    """A key as people write it.

    Parameters
    ----------
    key
        As it comes over the wire: tuples as lists.

    Examples
    --------
    >>> key_text("x-1"), key_text(["x-1", 0])
    ('x-1', "('x-1', 0)")
    """
    return key if type(key) is str else str(tuple(key)) if isinstance(key, list) else str(key)
