"""What a journal has to say of a scheduler as it is now: the same kinds of records, but fewer.

Everything that is known of graphs goes into one `Submit`, said by a client that was never there;
then come the wants of each client, and what has a name.  Results are not spoken of, as in all of
the journal: a task that has ended is submitted again, and turns out to be held by a worker.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from shoal.distributed.core import journal as j
from shoal.distributed.core.facts import Answered, Held
from shoal.distributed.core.scheduler.methods.calls import unheard
from shoal.distributed.core.scheduler.methods.references import said_again
from shoal.distributed.core.scheduler.names import Layer, key_of
from shoal.distributed.core.scheduler.records import Client
from shoal.distributed.core.scheduler.scatter import is_expected
from shoal.distributed.core.scheduler.state import Scheduler, clients_of
from shoal.distributed.core.scheduler.submit import user_rank
from shoal.distributed.core.scheduler.table import BITS, DATA, INLINE, MASK, NO_CODE, NOBODY
from shoal.distributed.core.scheduler.transitions import ERRED
from shoal.distributed.protocol import (
    Call,
    Code,
    Goodbye,
    Grid,
    Hello,
    Key,
    Listed,
    Options,
    Reserve,
    Submit,
    Want,
)

__all__ = ["compacted"]

NARRATOR = -1
"""The connection of the client that says what is true of all."""


def compacted(state: Scheduler, recorder: j.Recorder, now: float) -> list[bytes]:
    """Records that bring a new scheduler to where this one is.

    Parameters
    ----------
    state
        The scheduler's, between two events.
    recorder
        Goes on after these records; what it has not handed out yet is in them.
    now
        The time.

    Examples
    --------
    >>> state = Scheduler()
    >>> state.machines["flags"] = {"go": True}
    >>> again = Scheduler()
    >>> j.replay(again, compacted(state, j.Recorder(), 0.0), 0.0), again.machines["flags"]
    (0, {'go': True})
    """
    recorder.take()
    entries: list[j.Entry] = [j.Began(), *narrated(state, now)]
    clients = [client for client in state.clients.values() if client.gone_since < float("inf")]
    for client in clients:
        entries += introduced(state, client, now)
    entries += in_line(state, now)
    entries += held(state)
    entries += [j.Shut(party_of(one), one.gone_since) for one in clients if one.party < 0]
    known = {client.party for client in state.clients.values()}
    entries += [j.Opened(party, now) for party in sorted(recorder.clients - known)]
    entries.append(said(NARRATOR, now, Goodbye("")))
    entries += [j.Joined(worker.name) for worker in state.workers.values()]
    return [j.ENCODE(entry) for entry in entries]


def said(party: int, now: float, message: Any, buffers: Iterable[Any] = ()) -> j.Heard:
    """A client says something."""
    return j.Heard(party, now, message, [bytes(buffer) for buffer in buffers])


def narrated(state: Scheduler, now: float) -> Iterator[j.Entry]:
    """What is true of all: tasks, failures, names."""
    table = state.table
    rows = in_order(state)
    data = [row for row in rows if table.flags[row] & DATA]
    tasks = [row for row in rows if not table.flags[row] & DATA]
    yield j.Opened(NARRATOR, now)
    yield said(NARRATOR, now, Hello("the journal", {}))
    if data:
        keys = [key_of(table, row) for row in data]
        yield said(NARRATOR, now, Reserve(0, keys, [table.nbytes[row] for row in data]))
    if tasks:
        buffers: list[Any] = []
        yield said(NARRATOR, now, graph(state, tasks, buffers), buffers)
    failed = [row for row in rows if table.states[row] == ERRED]
    if failed:
        yield j.Failed([(key_of(table, row), state.reasons[row]) for row in failed])
    yield j.Noted(
        [key_of(table, row) for row in tasks if table.flags[row] & INLINE],
        [(key_of(table, row), trace) for row, trace in state.traces.items()],
    )
    for method, args in named(state):
        yield said(NARRATOR, now, Call(0, method, args))


def in_order(state: Scheduler) -> list[int]:
    """All rows, each after those it needs."""
    table = state.table
    deps, seen, order = table.deps, bytearray(len(table.states)), []
    for row, known in enumerate(table.states):
        stack = [row] if known and not seen[row] else []
        while stack:
            top = stack[-1]
            if seen[top] == 2:
                stack.pop()
            elif seen[top] == 1:
                seen[top] = 2
                order.append(stack.pop())
            else:
                seen[top] = 1
                stack += [dep for n in deps[top] if not seen[dep := n & MASK]]
    return order


def graph(state: Scheduler, rows: list[int], buffers: list[Any]) -> Submit:
    """Tasks as a client would submit them; their buffers are appended."""
    table = state.table
    place = {row: i for i, row in enumerate(rows)}
    external: dict[int, int] = {}
    codes: dict[int, int] = {}
    m = Submit(list(pieces(state, rows)), [], [], [], [], [], [], [], inline=False)
    ranks = []
    for i, row in enumerate(rows):
        code = state.code_of.get(table.codes[row])
        m.code.append(NO_CODE if code is None else codes.setdefault(code.number, len(codes)))
        if code is not None and len(codes) > len(m.codes):
            m.codes.append(Code(code.digest, code.data))
        m.args.append(table.args[row])
        needs = []
        for number in table.deps[row]:
            dep = number & MASK
            at = place.get(dep, -1)
            if at < 0:
                at = len(rows) + external.setdefault(dep, len(external))
            needs.append(at)
        m.deps.append(tuple(needs))
        options: Options | None = table.options[row]
        rank = table.priorities[row] >> BITS
        if options is not None:
            rank -= user_rank(options.priority)
            m.options.append(msgspec.structs.replace(options, tasks=[i]))
        ranks.append(rank)
        if table.owner[row] != NOBODY:
            m.wanted.append(i)
        mine = state.big.get(row)
        if mine:
            m.big.append((i, len(buffers), len(mine)))
            buffers += mine
        if row in state.parts:
            m.parts.append((i, state.parts[row]))
    first = min(ranks)
    m.order = [rank - first for rank in ranks]
    m.externals = [key_of(table, row) for row in external]
    return m


def pieces(state: Scheduler, rows: list[int]) -> Iterator[Listed | Grid]:
    """Names of rows: blocks of one layer together, other keys together."""
    table = state.table
    last: Listed | Grid | None = None
    for row in rows:
        name = table.names[row]
        if type(name) is not Layer:
            if not isinstance(last, Listed):
                if last is not None:
                    yield last
                last = Listed([])
            last.keys.append(name)
            continue
        if not isinstance(last, Grid) or last.name != name.name:
            if last is not None:
                yield last
            last = Grid(name.name, name.shape, [])
        assert last.flats is not None
        last.flats.append(table.flats[row])
    if last is not None:
        yield last


def introduced(state: Scheduler, client: Client, now: float) -> Iterator[j.Entry]:
    """A client and what it wants."""
    table = state.table
    party = party_of(client)
    keys: list[Key] = [
        key_of(table, row)
        for row, now_ in enumerate(table.states)
        if now_ and table.owner[row] != NOBODY and client in clients_of(state, row)
    ]
    yield j.Opened(party, now)
    yield said(party, now, Hello(client.name, client.versions))
    if keys:
        yield said(party, now, Want(keys))
    mine = [row for row, (who, _) in state.puts.items() if who == client.number]
    late = [key_of(table, row) for row in mine if is_expected(state, row)]
    if late:
        yield said(party, now, Want(late, ahead=True))
    for answer in unheard(client).values():
        yield Answered(client.name, answer.request, answer.value, answer.error)


def party_of(client: Client) -> int:
    """The connection of a client; one that is away has had one."""
    return client.party if client.party >= 0 else -2 - client.number


def in_line(state: Scheduler, now: float) -> Iterator[j.Entry]:
    """Calls that wait at queues: they are served by what is recorded later, and answered then."""
    ends = {id(waiter): when for when, _, waiter in state.timers}
    for name, queue in state.machines.get("queues", {}).items():
        calls = [(putter, "queue.put", {"item": putter.data}) for putter in queue.putters]
        for getter in queue.getters:
            count, mark = getter.data
            calls.append((getter, "queue.get", {"id": mark, "batch": max(0, count) or None}))
        for waiter, method, args in calls:
            client = state.homes.get(waiter.party)
            if client is None or waiter.done:
                continue
            if id(waiter) in ends:
                args["timeout_s"] = ends[id(waiter)] - now
            call = Call(waiter.request, method, {"name": name, **args})
            yield said(party_of(client), now, call)


def held(state: Scheduler) -> Iterator[j.Entry]:
    """Locks and leases."""
    locks = state.machines.get("locks")
    for name, (id, holder) in locks.held.items() if locks is not None else ():
        yield Held("lock", name, id, holder)
    for semaphore in state.machines.get("semaphores", {}).values():
        for lease, holder in semaphore.leases.items():
            yield Held("lease", semaphore.name, lease, holder)


def named(state: Scheduler) -> Iterator[tuple[str, dict[str, Any]]]:
    """Calls that make what has a name: plugins, data, queues, variables, flags, metadata."""
    machines = state.machines
    calls = {"plugin.setup": "plugin.register", "upload_file": "workers.upload_file"}
    for method, args in machines.get("greetings", {}).values():
        if method in calls:
            yield calls[method], args
    for name, (keys, data, _) in machines.get("datasets", {}).items():
        yield "datasets.publish", {"name": name, "keys": keys, "data": data}
    for args in said_again(state):
        yield "references.add", args
    for name, queue in machines.get("queues", {}).items():
        yield "queue.create", {"name": name, "maxsize": queue.most}
        for item in queue.items:
            yield "queue.put", {"name": name, "item": item}
        for (client, id), (items, _) in queue.given.items():
            yield "queue.given", {"name": name, "client": client, "id": id, "items": items}
    for name, variable in machines.get("variables", {}).items():
        if variable.item is not None:
            yield "variable.set", {"name": name, "item": variable.item}
    for name, semaphore in machines.get("semaphores", {}).items():
        yield "semaphore.create", {"name": name, "max_leases": semaphore.most}
    for name in machines.get("flags", {}):
        yield "event.set", {"name": name}
    for path, value in leaves(machines.get("metadata", {}), ()):
        yield "metadata.set", {"keys": list(path), "value": value}


def leaves(tree: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Values of a tree with their paths."""
    if isinstance(tree, dict) and (tree or not path):
        for key, branch in tree.items():
            yield from leaves(branch, (*path, key))
    else:
        yield path, tree
