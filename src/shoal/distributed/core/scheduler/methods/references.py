"""Results, and arguments of tasks, that hold futures: what they refer to is kept as long as they.

A future in memory keeps its key wanted by itself; its bytes do not.  So whoever turns an object
with futures in it into bytes that may outlive the object (a result that is spilled, or sent to
another worker; data that is scattered; arguments) says which keys are in it
(``references.add {holders, keys}``), over the connection on which those futures are let go later.
From then on the scheduler itself wants the keys, until the last of the holders is forgotten.

Two keys that hold each other are never let go, as with all counting of references; it takes a
task whose arguments hold the future of a later one.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from shoal.distributed.core.scheduler.methods.calls import Method
from shoal.distributed.core.scheduler.methods.queues import as_key, dismiss, keeper
from shoal.distributed.core.scheduler.names import find, key_of
from shoal.distributed.core.scheduler.needs import let_go, unwant, want
from shoal.distributed.core.scheduler.records import Client, Party, References
from shoal.distributed.core.scheduler.state import Scheduler
from shoal.distributed.core.scheduler.table import NOTED

__all__ = ["METHODS", "is_keeper", "let_references_go", "said_again"]

KEEPER = "references of results"


def add(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """Some keys are to be kept as long as one of some others is known."""
    rows = dict.fromkeys(find(state.names, as_key(key)) for key in args["holders"])
    rows.pop(-1, None)
    keys = frozenset(map(as_key, args["keys"]))
    known = state.references.get(next(iter(rows), -1), ())
    if len(rows) == 1 and any(keys <= group.keys for group in known):
        return  # a result that was sent once more
    found = {key: row for key in keys if (row := find(state.names, key)) >= 0 and row not in rows}
    if not rows or not found:
        return
    counts: Counter[Any] = state.machines.setdefault("references", Counter())
    mine = keeper(state, KEEPER)
    for key, row in found.items():
        want(state, mine, row)
        counts[key] += 1
    group = References(frozenset(found), len(rows))
    for row in rows:
        state.references.setdefault(row, []).append(group)
        state.table.flags[row] |= NOTED


def let_references_go(state: Scheduler) -> None:
    """Keys that were held by what is forgotten now are let go, if nobody else wants them.

    Parameters
    ----------
    state
        The scheduler's.

    Examples
    --------
    >>> let_references_go(Scheduler())
    """
    while state.loose:
        counts = state.machines["references"]
        mine = keeper(state, KEEPER)
        idle = []
        for key in state.loose.pop().keys:
            counts[key] -= 1
            if not counts[key]:
                del counts[key]
                row = find(state.names, key)
                if row >= 0 and unwant(state, mine, row):
                    idle.append(row)
        let_go(state, idle)
        if not counts:
            dismiss(state, KEEPER)


def is_keeper(client: Client) -> bool:
    """Whether a client is what wants keys for those that hold them.

    Parameters
    ----------
    client
        Any.

    Examples
    --------
    >>> is_keeper(Client(0, "me", 1))
    False
    """
    return client.name == KEEPER and client.party < 0


def said_again(state: Scheduler) -> list[dict[str, Any]]:
    """Arguments of calls that tell another scheduler the same.

    Parameters
    ----------
    state
        The scheduler's.

    Examples
    --------
    >>> said_again(Scheduler())
    []
    """
    holders: dict[int, list[int]] = {}
    groups = {}
    for row, mine in state.references.items():
        for group in mine:
            groups[id(group)] = group
            holders.setdefault(id(group), []).append(row)
    return [
        {"holders": [key_of(state.table, row) for row in rows], "keys": list(groups[at].keys)}
        for at, rows in holders.items()
    ]


METHODS: dict[str, Method] = {"references.add": add}
