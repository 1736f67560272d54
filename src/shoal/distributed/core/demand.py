"""How many workers a cluster needs: the rule, without the cluster."""

from __future__ import annotations

import math
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Load", "Recommend", "superfluous", "workers_wanted"]

FULL = 0.6
"""Of a worker's memory limit: more than this share of results calls for another worker."""


@dataclass(frozen=True)
class Load:
    """What a scheduler has to do, and whom it has for it; as ``scheduler.demand`` answers.

    Parameters
    ----------
    ready, ready_s
        Tasks that no worker was given yet, and what they should take, in seconds.
    sent, sent_s
        The same of those that workers were given.
    nbytes, memory_limit
        Bytes of results, and of memory, of all workers; 0: no limit.
    threads
        Of all workers.
    workers, idle
        Addresses of all workers, and of those that have nothing to do.

    Examples
    --------
    >>> Load(ready=2).workers
    ()
    """

    ready: int = 0
    ready_s: float = 0.0
    sent: int = 0
    sent_s: float = 0.0
    nbytes: int = 0
    memory_limit: int = 0
    threads: int = 0
    workers: Sequence[str] = ()
    idle: Sequence[str] = ()


def workers_wanted(load: Load, target_s: float) -> int:
    """How many workers a load needs.

    So many that the work would be done within ``target_s``, but no more than there are tasks; and
    enough for the results to stay in memory.

    Parameters
    ----------
    load
        The load.
    target_s
        How long the work may take.

    Examples
    --------
    >>> workers_wanted(Load(ready=100, ready_s=50.0), target_s=5.0)
    10
    >>> workers_wanted(Load(ready=3, ready_s=500.0), target_s=5.0), workers_wanted(Load(), 5.0)
    (3, 0)
    >>> two = Load(sent=1, nbytes=70, memory_limit=100, threads=8, workers=("a", "b"))
    >>> workers_wanted(two, 5.0)
    3
    """
    there = len(load.workers)
    threads = max(1.0, load.threads / there if there else 1.0)
    tasks = load.ready + load.sent
    busy = math.ceil((load.ready_s + load.sent_s) / max(target_s, 1e-9) / threads)
    count = min(max(busy, 1), math.ceil(tasks / threads)) if tasks else 0
    if load.nbytes:
        # Results must be somewhere.
        each = FULL * load.memory_limit / there if there and load.memory_limit else math.inf
        count = max(count, 1, math.ceil(load.nbytes / each) if each < math.inf else 1)
    return count


def superfluous(
    count: int, planned: Mapping[Any, Sequence[str]], held: Mapping[str, int], idle: Container[str]
) -> list[Any]:
    """Names of the workers that can best be spared, as many as there are and not more.

    Those that have not come yet go first; of the others only those that have nothing to do, those
    that hold least first.

    Parameters
    ----------
    count
        How many should go.
    planned
        What was asked for: by name, what the scheduler calls its workers.
    held
        Bytes of results that workers hold which have come, by what the scheduler calls them.
    idle
        Those with nothing to do.

    Examples
    --------
    >>> superfluous(2, {0: ["0"], 1: ["1"], 2: ["2"]}, {"0": 5, "1": 5}, {"1"})
    [2, 1]
    """
    come = {name: [m for m in members if m in held] for name, members in planned.items()}
    waiting = [name for name, members in come.items() if not members]
    resting = [n for n, members in come.items() if members and all(m in idle for m in members)]
    resting.sort(key=lambda name: sum(held[member] for member in come[name]))
    return [*waiting, *resting][: max(0, count)]


@dataclass
class Recommend:
    """What to do, look after look: more workers at once, fewer only after several looks that agree.

    Parameters
    ----------
    wait_count
        Looks in a row in which a worker must be superfluous before it is to go.
    counts
        How many looks that has been so, by name.

    Examples
    --------
    >>> rule = Recommend(wait_count=2)
    >>> rule(3, planned=[0], spare=[])
    {'status': 'up', 'n': 3}
    >>> rule(0, planned=[0, 1], spare=[1]), rule(0, planned=[0, 1], spare=[1])
    ({'status': 'same'}, {'status': 'down', 'workers': [1]})
    """

    wait_count: int
    counts: dict[Any, int] = field(default_factory=dict)

    def __call__(self, wanted: int, planned: Sequence[Any], spare: Sequence[Any]) -> dict[str, Any]:
        if wanted > len(planned):
            self.counts.clear()
            return {"status": "up", "n": wanted}
        self.counts = {name: self.counts.get(name, 0) + 1 for name in spare}
        going = [name for name in spare if self.counts[name] >= self.wait_count]
        if not going:
            return {"status": "same"}
        for name in going:
            del self.counts[name]
        return {"status": "down", "workers": going}
