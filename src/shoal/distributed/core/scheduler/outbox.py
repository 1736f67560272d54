"""From decisions to messages: at the end of a batch, one message of each kind for each party.

The order of what one worker is sent matters.  What it is to stop and to let go of comes first,
for a result may be let go and its task run again within one batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

from shoal.distributed.core.effects import Send
from shoal.distributed.core.scheduler.locate import peer
from shoal.distributed.core.scheduler.names import Layer, key_of, spelled
from shoal.distributed.core.scheduler.records import Worker
from shoal.distributed.core.scheduler.state import Scheduler, holders
from shoal.distributed.core.scheduler.table import (
    BITS,
    INLINE,
    MASK,
    NO_CODE,
    NOBODY,
    NOTED,
    picker,
)
from shoal.distributed.core.scheduler.transitions import MEMORY
from shoal.distributed.protocol import CancelRuns, Drop, Fetch, GiveBack, Heard, Run

__all__: list[str] = []


def flush(state: Scheduler, now: float) -> list[Any]:
    """Everything that is to be sent, as effects; nothing is left.

    Examples
    --------
    >>> flush(Scheduler(), 0.0)
    []
    """
    effects = state.effects
    state.effects = []
    if state.dropping:
        if state.drop_due < 0:
            state.drop_due = now + state.settings.drop_delay_s
        if now >= state.drop_due:
            state.outgoing.update(state.dropping)
            state.dropping = {}
            state.drop_due = -1.0
    else:
        state.drop_due = -1.0
    if state.outgoing:
        for worker in state.outgoing.values():
            flush_worker(state, worker, effects, now)
        state.outgoing = {}
    for client in state.clients.values():
        if client.sending:
            if client.party >= 0:
                effects += [Send(client.party, message) for message in client.sending]
            client.sending = []
    if state.hearing:
        tell_heard(state, effects, now)
    else:
        state.heard_due = -1.0
    return effects


def tell_heard(state: Scheduler, effects: list[Any], now: float) -> None:
    """Clients need not keep what was taken of what they said; a moment later is soon enough."""
    if state.heard_due < 0:
        state.heard_due = now + state.settings.heard_delay_s
    if now < state.heard_due:
        return
    for client in state.hearing.values():
        session = client.session
        if client.party >= 0 and session.told < session.heard:
            session.told = session.heard
            effects.append(Send(client.party, Heard(session.heard)))
    state.hearing = {}
    state.heard_due = -1.0


def flush_worker(state: Scheduler, worker: Worker, effects: list[Any], now: float) -> None:
    """What one worker is sent."""
    party = worker.party
    if worker.stops:
        for reason, pairs in worker.stops.items():
            ids, runs = [n for n, _ in pairs], [r for _, r in pairs]
            effects.append(Send(party, CancelRuns(ids, runs, reason)))
        worker.stops = {}
    batch = worker.batch
    is_alone = not (worker.gives or worker.copies or worker.drop_codes)
    if (worker.drops or worker.drop_codes) and not (batch and is_alone):
        effects.append(Send(party, Drop(worker.drops, worker.drop_codes)))
        worker.drops, worker.drop_codes = [], []
    if worker.gives:
        effects.append(
            Send(party, GiveBack([n for n, _ in worker.gives], [r for _, r in worker.gives]))
        )
        worker.gives = []
    if worker.copies:
        message = fetch_message(state, worker)
        if message.ids:
            effects.append(Send(party, message))
        worker.copies = []
    if batch:
        sent = run_message(state, worker)
        if worker.drops:
            # They travel along: half of all messages were these.
            sent.message.drops = worker.drops
            worker.drops = []
        effects.append(sent)
        state.story.add(now, "sent", worker.name, sent.message.ids)
        worker.batch = []


def fetch_message(state: Scheduler, worker: Worker) -> Fetch:
    """Copies that a worker is to get."""
    table = state.table
    message = Fetch([], [], [])
    for row in dict.fromkeys(worker.copies):
        if table.states[row] == MEMORY and worker.number not in holders(state, row):
            where = holders(state, row)
            message.ids.append(table.numbers[row])
            message.where.append(list(where))
            message.nbytes.append(table.nbytes[row])
            message.keys.append(key_of(table, row))
            introduce(state, worker, where, message.peers)
    return message


def introduce(state: Scheduler, worker: Worker, others: Any, peers: list[Any]) -> None:
    """Name other workers to one, each once."""
    for other in others:
        if other not in worker.peers:
            worker.peers.add(other)
            peers.append(peer(state, other))


def run_message(state: Scheduler, worker: Worker) -> Send:
    """The tasks that a worker was given in this batch."""
    table, number = state.table, worker.number
    batch = worker.batch[0] if len(worker.batch) == 1 else in_line(worker.batch)
    of = picker(batch)
    marks = of(table.flags)
    # What is picked out of a range is a list.
    column: Any = of if type(batch) is range else lambda values: [*of(values)]
    message = Run(
        column(table.numbers),
        column(table.runs),
        [],
        column(table.codes),
        column(table.args),
        column(table.deps),
        column(table.priorities),
        inline(of(table.owner), marks),
    )
    if state.is_ranked:
        # What users ask for stands above the ranks: both and the row would be more than 64 bits.
        message.priorities = [priority >> BITS for priority in message.priorities]
        message.is_ranked = True
    name_tasks(message, of(table.names), of(table.flats))
    if state.twins:
        place, twins = table.place, state.twins
        message.runs = [
            run if place[row] == number else twins[row][1] for row, run in zip(batch, message.runs)
        ]
    for told in sorted({*message.codes} - worker.codes - {NO_CODE}):
        code = state.code_of[told]
        worker.codes.add(told)
        code.workers[number] = None
        message.new_codes.append((told, code.digest, code.data))
    if worker.seeking:
        name_remote(state, worker, message)
        worker.seeking = []
    buffers: list[Any] = []
    if max(marks) >= NOTED:
        name_extras(state, batch, message, buffers)
    return Send(worker.party, message, buffers)


def name_tasks(message: Run, names: Sequence[Any], flats: Sequence[int]) -> None:
    """Say what tasks are called, by what the columns of these names have of them.

    Workers are many: they spell out themselves which block of a layer it is.
    """
    kinds = dict.fromkeys(names) if type(names[0]) is Layer else {}
    if not kinds or {*map(type, kinds)} != {Layer}:
        message.keys = spelled(names, flats)
        return
    places = {layer: at for at, layer in enumerate(kinds)}
    message.layers = [(layer.name, layer.shape) for layer in places]
    message.of_layer = [*map(places.__getitem__, names)]
    message.flats = [*flats]


def in_line(pieces: list[Sequence[int]]) -> Sequence[int]:
    """The rows of several pieces: a range if that is what they are together."""
    rows = [*chain.from_iterable(pieces)]
    first, end = min(rows), max(rows) + 1
    return range(first, end) if end - first == len(rows) == len({*rows}) else rows


def inline(owners: Sequence[int], marks: Sequence[int]) -> list[bool]:
    """Whose values a client waits for."""
    if owners.count(NOBODY) == len(owners):
        return [False] * len(owners)
    return [who != NOBODY and mark & INLINE > 0 for who, mark in zip(owners, marks)]


def name_extras(state: Scheduler, batch: Sequence[int], message: Run, buffers: list[Any]) -> None:
    """What few tasks have: large arguments, options, traces, parts of inputs to read."""
    options = state.table.options
    if state.parts:
        name_parts(state, batch, message)
    if state.big:
        for i, row in enumerate(batch):
            mine = state.big.get(row)
            if mine:
                message.big.append((i, len(buffers), len(mine)))
                buffers += mine
    message.options = [(i, o) for i, row in enumerate(batch) if (o := options[row]) is not None]
    if state.traces:
        name_traces(state, batch, message)


def name_traces(state: Scheduler, batch: Sequence[int], message: Run) -> None:
    """Say in which contexts tasks run; those of one graph share theirs."""
    found: dict[int, tuple[dict[str, str], list[int]]] = {}
    for i, row in enumerate(batch):
        trace = state.traces.get(row)
        if trace is not None:
            found.setdefault(id(trace), (trace, []))[1].append(i)
    message.traces = list(found.values())


def name_parts(state: Scheduler, batch: Sequence[int], message: Run) -> None:
    """Say which tasks read parts; of an input they read about as much as each of its readers."""
    parts, kept = state.parts, state.table.kept
    message.parts = [(i, parts[row]) for i, row in enumerate(batch) if row in parts]
    cut = {dep for i, _ in message.parts for dep in message.deps[i]}
    message.nbytes = [
        nbytes // max(1, kept[dep & MASK]) if dep in cut else nbytes
        for dep, nbytes in zip(message.remote, message.nbytes)
    ]


def name_remote(state: Scheduler, worker: Worker, message: Run) -> None:
    """Say where the inputs are that a worker does not have."""
    table, number, met = state.table, worker.number, worker.peers
    place, nbytes = table.place, table.nbytes
    needs = chain.from_iterable(picker(worker.seeking)(table.deps))
    for dep in dict.fromkeys(needs):
        row = dep & MASK
        at = place[row]
        if at == number:
            continue
        where = [at] if at >= 0 else list(holders(state, row))
        if number in where:
            continue
        message.remote.append(dep)
        message.where.append(where)
        message.nbytes.append(nbytes[row])
        for other in where:
            if other not in met:
                met.add(other)
                message.peers.append(peer(state, other))
