"""The task stream: what ran where and when, for some of the workers and some stretch of time.

A page shows at most `ROWS` workers, or hosts; which ones, its arguments say.  What it is sent
is bounded by resolution, not by what ran: a bar that is shorter than a few pixels is added to its
neighbours of the same kind within a *grain*, which is the longer, the longer the time and the more
lanes are shown.  A grain begins at a multiple of its length, so bars keep their names from
one look to the next.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from shoal.distributed.dashboard.model import Bar, Model

__all__: list[str] = []

WINDOW_S = 40.0
LONGEST_S = 3600.0
LATE_S = 2.0
"""Reports come so much later than what they tell of, at most."""

BARS = 6_000
"""Bars that a page is sent if each grain has one kind of task; at most `MOST`."""

MOST = 2 * BARS

GRAINS = 600
"""Grains of one lane: one for about two pixels."""

ROWS = 60
STILL_ROWS = 200
"""Workers or hosts on one page; on one that is a file, and has no next page."""

LANES = 120
"""With more lanes than this, each row has only one."""

THREADS = 16


@dataclass
class Row:
    """A worker, or the workers of one host.

    Parameters
    ----------
    name
        Beside it.
    addresses
        Of the workers.
    lanes
        How many runs at once it shows one below the other.
    threads
        Of the workers.

    Examples
    --------
    >>> Row("a").lanes
    0
    """

    name: str
    addresses: list[str] = field(default_factory=list)
    lanes: int = 0
    threads: int = 0


def stream(model: Model, args: Mapping[str, str]) -> dict[str, Any]:
    """Bars by row and lane.

    Arguments of the page: ``window``, in seconds, until now; or ``begin`` and ``end``, in seconds
    since the epoch, for what does not move; ``by`` (``"host"``), ``match`` (in names), ``page``.

    Examples
    --------
    >>> shown = stream(Model(), {})
    >>> shown["rows"], shown["bars"], shown["pages"]
    ([], {}, 1)
    """
    is_still = "end" in args
    end = float(args.get("end", model.now))
    window = min(LONGEST_S, max(1.0, float(args.get("window", WINDOW_S))))
    begin = float(args.get("begin", end - window))
    every = rows_of(model, args.get("by", "worker"), args.get("match", "").lower())
    size = STILL_ROWS if is_still else ROWS
    pages = max(1, -(-len(every) // size))
    number = min(max(1, int(args.get("page", 1))), pages)
    rows = dict(list(every.items())[(number - 1) * size : number * size])
    is_folded = args.get("by") == "host" or sum(row.lanes for row in rows.values()) > LANES
    bars = drawn(model, rows, begin, end, is_folded)
    places = {address: name for name, row in rows.items() for address in row.addresses}
    return {
        "now": end,
        "window": end - begin,
        "still": is_still,
        "by": args.get("by", "worker"),
        "rows": [[name, row.name, 1 if is_folded else row.lanes] for name, row in rows.items()],
        "bars": bars,
        "marks": {
            str(f.id): [places[f.worker], f.time, f.kind, f.key]
            for f in model.failures
            if f.time > begin and f.worker in places
        },
        "total": len(every),
        "first": (number - 1) * size + 1,
        "page": number,
        "pages": pages,
    }


def rows_of(model: Model, by: str, match: str) -> dict[str, Row]:
    """All rows whose names match, in order; by number of the worker, or name of the host."""
    found: dict[str, Row] = {}
    for number, w in model.workers.items():
        name = str(w["host"] if by == "host" else w["name"])
        if match not in name.lower():
            continue
        row = found.setdefault(name if by == "host" else str(number), Row(name))
        lanes = len(model.lanes.get(w["address"], ()))
        row.addresses.append(w["address"])
        row.threads += w["threads"]
        row.lanes += min(THREADS, max(w["threads"], lanes))
    return found


def drawn(
    model: Model, rows: Mapping[str, Row], begin: float, end: float, is_folded: bool
) -> dict[str, list[Any]]:
    """``[row, lane, kind, start, stop, share that is busy, runs, a key, bytes]`` by a name."""
    lanes = sum(1 if is_folded else row.lanes for row in rows.values())
    grain = (end - begin) * max(1 / GRAINS, lanes / BARS)
    found: dict[str, list[Any]] = {}
    busy: defaultdict[str, float] = defaultdict(float)
    for place, row in rows.items():
        for bar in bars_of(model, row, begin, end):
            lane = min(bar.lane, 0 if is_folded else row.lanes - 1)
            name = str(bar.id)
            if is_folded or bar.stop - bar.start < grain:
                name = f"{place}/{lane}/{bar.kind}/{int(bar.start / grain)}"
            known = found.get(name)
            if known is None and len(found) >= MOST:
                continue
            busy[name] += bar.busy / (max(1, row.threads) if is_folded and lane >= 0 else 1)
            if known is None:
                found[name] = [
                    *(place, lane, bar.kind, bar.start, bar.stop, 0.0),
                    *(bar.count, bar.key, bar.nbytes),
                ]
            else:
                known[3], known[4] = min(known[3], bar.start), max(known[4], bar.stop)
                known[6] += bar.count
                known[8] += bar.nbytes
    for name, known in found.items():
        known[5] = round(min(1.0, busy[name] / max(known[4] - known[3], 1e-6)), 2)
        known[3], known[4] = round(known[3], 4), round(known[4], 4)
    return found


def bars_of(model: Model, row: Row, begin: float, end: float) -> Iterator[Bar]:
    """What the workers of a row did in a stretch of time, the newest first."""
    for address in row.addresses:
        for bar in reversed(model.bars_of.get(address, ())):
            if bar.stop < begin - LATE_S:
                break
            if bar.start <= end and bar.stop >= begin:
                yield bar
