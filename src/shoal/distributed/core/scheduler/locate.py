"""Where are these results?  Clients that gather ask; answered when all of them have ended."""

from __future__ import annotations

from collections.abc import Sequence

from shoal.distributed.core.scheduler.names import find
from shoal.distributed.core.scheduler.records import Client
from shoal.distributed.core.scheduler.state import Scheduler, holders
from shoal.distributed.core.scheduler.transitions import ERRED, MEMORY
from shoal.distributed.core.session import say
from shoal.distributed.protocol import Key, Located, Peer, Reserved

__all__: list[str] = []


class Search:
    """A request that waits for tasks to end."""

    __slots__ = ("client", "keys", "left", "request")

    def __init__(self, client: Client, request: int, keys: list[Key]) -> None:
        self.client = client
        self.request = request
        self.keys = keys
        self.left: set[int] = set()


def on_locate(state: Scheduler, client: Client, request: int, keys: list[Key]) -> None:
    """A client asks where results are.

    Examples
    --------
    >>> state, client = Scheduler(), Client(0, "me", 1)
    >>> on_locate(state, client, 7, ["x"])
    >>> client.sending
    [Located(request=7, ids=[-1], where=[[]], peers=[], numbering='scheduler')]
    """
    search = Search(client, request, keys)
    states = state.table.states
    for key in keys:
        row = find(state.names, key)
        if row >= 0 and states[row] not in (MEMORY, ERRED):
            search.left.add(row)
    if search.left:
        for row in sorted(search.left):
            state.locating.setdefault(row, []).append(search)
    else:
        answer(state, search)


def settled(state: Scheduler, row: int) -> None:
    """A row has ended (or is no more): those who asked for it hear of it."""
    for search in state.locating.pop(row, ()):
        search.left.discard(row)
        if not search.left:
            answer(state, search)


def answer(state: Scheduler, search: Search) -> None:
    """All results of a request have ended."""
    ids, where = [], []
    peers: dict[int, None] = {}
    for key in search.keys:
        row = find(state.names, key)
        found: Sequence[int] = holders(state, row) if row >= 0 else ()
        if row < 0 or state.table.states[row] != MEMORY:
            found = ()
        ids.append(state.table.numbers[row] if found else -1)
        where.append(list(found))
        peers.update(dict.fromkeys(found))
    told = [peer(state, number) for number in peers]
    reply(search.client, Located(search.request, ids, where, told, state.identity))


def reply(client: Client, message: Located | Reserved) -> None:
    """Answer a client, also if its connection breaks meanwhile."""
    say(client.session, message)
    client.sending.append(message)


def peer(state: Scheduler, number: int) -> Peer:
    """A worker, as others reach it."""
    worker = state.workers[number]
    return Peer(number, worker.address, worker.name)
