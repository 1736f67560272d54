"""Workers one by one: all that is known, their tasks, their memory, what they send each other."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from shoal.distributed.dashboard.model import Model

__all__: list[str] = []

PAIRS = 200


def by_worker(model: Model, *columns: str, **more: Any) -> dict[str, Any]:
    """A row for each worker, by its number: what the scheduler knows, and what it says of itself.

    Parameters
    ----------
    model
        What is known.
    *columns
        Of both.
    **more
        Further columns: functions of what the scheduler knows.

    Examples
    --------
    >>> model = Model(workers={7: {"name": "a", "limit": 5, "metrics": {"memory": 3}}})
    >>> by_worker(model, "name", "memory", "spilled", free=lambda w: w["limit"] - 3)
    {'workers': {'7': {'name': 'a', 'memory': 3, 'spilled': 0, 'free': 2}}}
    """
    return {
        "workers": {
            str(number): {
                **{name: w[name] if name in w else w["metrics"].get(name, 0) for name in columns},
                **{name: work(w) for name, work in more.items()},
            }
            for number, w in model.workers.items()
        }
    }


def workers(model: Model, args: Mapping[str, str]) -> dict[str, Any]:
    """All that is known of each worker."""
    ran: defaultdict[str, float] = defaultdict(float)
    for (address, _), seconds in model.ran_s.items():
        ran[address] += seconds
    failed: Counter[str] = Counter()
    for (_, address), count in model.failed.items():
        failed[address] += count
    heard = model.feed.get("now", 0.0)
    return by_worker(
        model,
        *("name", "address", "host", "pid", "status", "threads", "executing", "sent", "queued"),
        *("cpu", "memory", "managed", "spilled", "limit", "held", "gil", "fds"),
        ran_s=lambda w: round(ran[w["address"]], 2),
        failed=lambda w: failed[w["address"]],
        heard_s=lambda w: round(max(0.0, heard - w["heard"]), 1),
    )


def processing(model: Model, args: Mapping[str, str]) -> dict[str, Any]:
    """How much work each worker has."""
    return by_worker(
        model,
        *("name", "executing", "queued", "threads", "status"),
        waiting=lambda w: max(0, w["sent"] - w["metrics"].get("executing", 0)),
    )


def memory(model: Model, args: Mapping[str, str]) -> dict[str, Any]:
    """Whose memory is whose, worker by worker."""
    return by_worker(
        model,
        *("name", "managed", "spilled", "limit", "status"),
        unmanaged=lambda w: max(0, w["metrics"].get("memory", 0) - w["metrics"].get("managed", 0)),
    )


def transfers(model: Model, args: Mapping[str, str]) -> dict[str, Any]:
    """Bytes moved between workers; those of the pairs that moved most."""
    pairs = {}
    for (sender, receiver), nbytes in model.moved.most_common(PAIRS):
        source, target = model.name_of(sender), model.name_of(receiver)
        pairs[f"{source} → {target}"] = {"from": source, "to": target, "nbytes": nbytes}
    return {"pairs": pairs, "bandwidth": model.feed.get("bandwidth", 0.0)}
