"""What a client has announced: data that it puts on workers, and tasks that it describes later."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import heapify, heapreplace
from typing import Any

from shoal.distributed.core.scheduler.locate import peer, reply
from shoal.distributed.core.scheduler.names import find, name_keys
from shoal.distributed.core.scheduler.needs import want
from shoal.distributed.core.scheduler.records import Client, Worker
from shoal.distributed.core.scheduler.state import Scheduler, prefix_of
from shoal.distributed.core.scheduler.table import DATA, NOTED
from shoal.distributed.core.scheduler.transitions import ERRED, PUT
from shoal.distributed.protocol import Key, Reserve, Reserved
from shoal.graph.naming import key_split

__all__ = ["announce", "described", "expect", "is_expected", "on_reserve"]


def on_reserve(
    state: Scheduler, client: Client, m: Reserve, buffers: Sequence[Any], now: float
) -> None:
    """A client is about to put data on workers.

    Parameters
    ----------
    state, client
        Whose.
    m, buffers
        The request.
    now
        The time.

    Examples
    --------
    >>> state, client = Scheduler(), Client(0, "me", 1)
    >>> on_reserve(state, client, Reserve(1, ["x"], [8]), (), 0.0)
    >>> client.sending[0].error
    'no worker can take the data: none is there and running'
    """
    candidates = [w for w in state.workers.values() if w.status == "running"]
    if m.workers is not None:
        named = set(m.workers)
        candidates = [w for w in candidates if named & {w.address, w.name, w.host}]
    if not candidates:
        whom = f"of {m.workers} is there" if m.workers is not None else "is there and running"
        text = f"no worker can take the data: none {whom}"
        reply(client, Reserved(m.request, [], [], [], [], state.identity, text))
        return
    where = spread(candidates, m.nbytes, m.broadcast)
    table = state.table
    told = [peer(state, worker.number) for worker in candidates]
    answer = Reserved(m.request, [], [], where, told, state.identity)
    for key, size, targets in zip(m.keys, m.nbytes, where):
        row = announce(state, client, key, size)
        if table.states[row] == PUT:
            state.puts[row] = (client.number, list(targets))
            table.flags[row] |= NOTED
        answer.ids.append(table.numbers[row])
        answer.runs.append(state.next_run)
        state.next_run += 1
    reply(client, answer)


def announce(state: Scheduler, client: Client, key: Key, size: int) -> int:
    """A key that a client will put data for, and wants: its row.

    Parameters
    ----------
    state, client
        Whose.
    key, size
        Of the data.

    Examples
    --------
    >>> announce(Scheduler(), Client(0, "me", 1), "x", 8)
    0
    """
    table = state.table
    row = find(state.names, key)
    if row < 0:
        row = name_keys(state.names, table, [key])[0][0]
        table.prefixes[row] = prefix_of(state, key_split(key))
        table.states[row] = PUT
        table.flags[row] = DATA
        table.nbytes[row] = size
    elif table.states[row] == ERRED and table.flags[row] & DATA:
        # It was lost, or let go, and is put again.
        del state.reasons[row]
        table.states[row] = PUT
    want(state, client, row)
    return row


def expect(state: Scheduler, client: Client, keys: Iterable[Key]) -> None:
    """A client will say later how these are made; those that are known already stay as they are.

    Meanwhile other tasks may need them, and clients want them.

    Parameters
    ----------
    state, client
        Whose.
    keys
        Of the tasks.

    Examples
    --------
    >>> state = Scheduler()
    >>> expect(state, Client(0, "me", 1), ["x"])
    >>> state.table.states[0] == PUT, state.puts
    (True, {0: (0, [])})
    """
    table = state.table
    for key in keys:
        row = find(state.names, key)
        if row < 0:
            row = name_keys(state.names, table, [key])[0][0]
            table.prefixes[row] = prefix_of(state, key_split(key))
            table.states[row] = PUT
            # As of data, nobody can make it again, until it is known how.
            table.flags[row] = DATA
        if table.states[row] == PUT and not state.puts.get(row, NOWHERE)[1]:
            # Who says so last is the one who will.
            state.puts[row] = (client.number, [])
            table.flags[row] |= NOTED


NOWHERE: tuple[int, list[int]] = (-1, [])
"""Where data goes of which that is not known."""


def is_expected(state: Scheduler, row: int) -> bool:
    """Whether it is to be said yet how a row is made.

    Parameters
    ----------
    state
        The scheduler's.
    row
        Any.

    Examples
    --------
    >>> state = Scheduler()
    >>> expect(state, Client(0, "me", 1), ["x"])
    >>> is_expected(state, 0)
    True
    """
    return state.table.states[row] == PUT and row in state.puts and not state.puts[row][1]


def described(state: Scheduler, rows: Iterable[int]) -> list[int]:
    """Those of some rows of which it was expected that somebody would say how they are made.

    Parameters
    ----------
    state
        The scheduler's.
    rows
        Of which it is said now.

    Examples
    --------
    >>> state = Scheduler()
    >>> expect(state, Client(0, "me", 1), ["x"])
    >>> described(state, [0]), described(state, [0])
    ([0], [])
    """
    table = state.table
    found = [row for row in dict.fromkeys(rows) if is_expected(state, row)]
    for row in found:
        del state.puts[row]
        table.flags[row] = 0
    return found


def spread(candidates: list[Worker], nbytes: list[int], broadcast: int) -> list[list[int]]:
    """Workers for each object: those with the fewest bytes for a thread, lowest number first."""
    copies = min(len(candidates), broadcast) if broadcast > 0 else len(candidates)
    if copies == len(candidates):
        return [[w.number for w in candidates] for _ in nbytes]
    heap = [(w.nbytes / w.threads, w.number, w.threads) for w in candidates]
    heapify(heap)
    out = []
    for size in nbytes:
        mine = []
        for _ in range(copies):
            load, number, threads = heap[0]
            if number in mine:
                load, number, threads = min(e for e in heap if e[1] not in mine)
                heap.remove((load, number, threads))
                heap.append((load + max(size, 1) / threads, number, threads))
                heapify(heap)
            else:
                heapreplace(heap, (load + max(size, 1) / threads, number, threads))
            mine.append(number)
        out.append(mine)
    return out
