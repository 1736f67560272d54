"""From whom to get which inputs, and what to do when one does not come.

Results are asked for in the order of the tasks that need them.  Each is asked of the holder that
owes least, many in one request; what is on the way is bounded in requests, in requests to one
worker, and in bytes.  Nothing is asked for that would have the worker pause for want of memory, as
long as something runs or comes that can make room.  A holder that is busy is left alone for a
moment; one that does not have the result, cannot be reached or falls silent is reported as
`missing` and the next is asked.  When none is left, the tasks that wait for the result go back to
the scheduler, which knows more.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heappop, heappush
from math import inf
from typing import Any

from shoal.distributed.core.effects import Close, Log, Send
from shoal.distributed.core.worker.assign import arrive, fail, forget, meet, prompt, want
from shoal.distributed.core.worker.effects import Dial, Free, Hold
from shoal.distributed.core.worker.memory import process_bytes
from shoal.distributed.core.worker.table import (
    ASKED,
    HELD,
    PART,
    TO_RUN,
    WAITING,
    WANTED,
    WHOLE,
    PeerState,
    Request,
    Task,
    Worker,
    part_number,
    part_of_number,
)
from shoal.distributed.protocol import Answer, Data, Fetch, Frames, Get, Put

__all__ = [
    "answered",
    "close_request",
    "expire",
    "fetch",
    "flush_free",
    "lose_peer",
    "next_event",
    "plan",
    "put",
]

REST_S = 0.02
"""How long a worker that was busy is left alone."""

SKIPPED = 256
"""How many results whose holders cannot be asked now are passed over to find one that can."""


def fetch(w: Worker, message: Fetch) -> None:
    """The scheduler wants copies here.

    Parameters
    ----------
    w
        The worker.
    message
        As received.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> w = Worker(Settings("a", "inproc://a", 1))
    >>> fetch(w, Fetch([5], [[2]], [100]))
    >>> w.numbering.rows[5].holders
    [2]
    """
    meet(w, message.peers)
    keys = message.keys or [""] * len(message.ids)
    for number, where, nbytes, key in zip(message.ids, message.where, message.nbytes, keys):
        row = w.numbering.rows.get(number)
        if row is None:
            # After all inputs of tasks: nobody waits for a copy.
            row = want(w, number, where, nbytes, 1 << 62)
        elif row.state in HELD:
            w.numbering.columns.added.append((row, row.nbytes))
        elif row.state not in TO_RUN:
            prompt(w, row, (where, nbytes), row.priority)
        row.keep = True
        row.key = row.key or key


# --- asking -----------------------------------------------------------------------------------


def plan(w: Worker, now: float) -> None:
    """Ask for what is wanted, as far as the limits allow.

    Parameters
    ----------
    w
        The worker.
    now
        Seconds.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> w = Worker(Settings("a", "inproc://a", 1))
    >>> w.numbering.peers[2] = PeerState(2, "inproc://b", "b")
    >>> fetch(w, Fetch([5], [[2]], [100]))
    >>> plan(w, 0.0)
    >>> w.effects
    [Dial(peer=2, address='inproc://b')]
    """
    settings, tasks, peers = w.settings, w.tasks, w.numbering.peers
    for rested in peers.values():
        if rested.rest_until <= now:
            rested.rest_until = 0.0
    batches: dict[int, list[Task]] = {}
    passed: list[tuple[int, int]] = []
    room, first = room_bytes(w), None
    busy = w.active or w.ready or w.loading or w.requests
    while w.wanted and len(passed) < SKIPPED:
        row = tasks.get(w.wanted[0][1])
        if row is None or row.state != WANTED:
            heappop(w.wanted)
            continue
        peer = choose(w, row, now)
        if peer is None:
            passed.append(heappop(w.wanted))
            if not row.holders:
                passed.pop()
                give_up(w, row)
            continue
        if w.asked_bytes and w.asked_bytes + row.nbytes > settings.fetch_bytes:
            break
        if row.nbytes > room:
            if busy:
                break
            # Nothing else goes on: all of what the first task lacks.
            if first is None:
                first = row.priority
            elif row.priority != first:
                break
        batch = batches.get(peer.number)
        if batch is None:
            if len(w.requests) + len(batches) >= settings.streams:
                break
            batch = batches[peer.number] = []
            peer.planned = 0
        heappop(w.wanted)
        row.state = ASKED
        batch.append(row)
        peer.planned += row.nbytes
        peer.nbytes += row.nbytes
        w.asked_bytes += row.nbytes
        room -= row.nbytes
        if peer.planned >= settings.request_bytes:
            ask(w, peer, batches.pop(peer.number), now)
    for number, rows in batches.items():
        ask(w, peers[number], rows, now)
    for entry in passed:
        heappush(w.wanted, entry)


def room_bytes(w: Worker) -> float:
    """What may still come before the worker pauses."""
    settings = w.settings
    if not (settings.memory_limit and settings.pause and w.process):
        return inf
    return settings.pause * settings.memory_limit - process_bytes(w) - w.asked_bytes - w.loading


def choose(w: Worker, row: Task, now: float) -> PeerState | None:
    """The worker to ask for a result: the one that owes least; None when nobody can be asked now.

    If no holder is connected, all of them are dialed: the first that answers is asked.  A holder
    that is not known, or is this worker, is none.
    """
    best: PeerState | None = None
    strangers: list[PeerState] = []
    holders, numbering = row.holders or [], w.numbering
    if len(holders) == 1:
        # As good as always.
        only = numbering.peers.get(holders[0])
        if only is not None and only.party and holders[0] != numbering.number:
            busy = only.requests >= w.settings.streams_a_peer or only.rest_until
            return None if busy else only
    for number in list(holders):
        peer = numbering.peers.get(number)
        if peer is None or number == numbering.number:
            holders.remove(number)
            numbering.columns.missing.append((row.number & WHOLE, number))
        elif peer.requests >= w.settings.streams_a_peer or peer.rest_until:
            continue
        elif not peer.party:
            strangers.append(peer)
        elif best is None or peer.nbytes < best.nbytes:
            best = peer
    if best is None:
        for peer in strangers:
            if not peer.dialing:
                peer.dialing = True
                w.effects.append(Dial(peer.number, peer.address))
    return best


def ask(w: Worker, peer: PeerState, rows: list[Task], now: float) -> None:
    """Send one request."""
    ids, nbytes = [row.id for row in rows], peer.planned
    w.last_request += 1
    deadline = now + w.settings.silence_s + nbytes / w.settings.slowest_bytes_a_s
    w.requests[w.last_request] = Request(peer.number, ids, nbytes, now, deadline)
    peer.requests += 1
    numbers = [row.number for row in rows]
    message = Get(w.last_request, numbers, numbering=w.numbering.scheduler)
    if any(number > WHOLE for number in numbers):
        message.ids = [number & WHOLE for number in numbers]
        message.parts = list(map(part_of_number, numbers))
        message.nbytes = sum([row.nbytes for row in rows if row.number > WHOLE])
    w.effects.append(Send(peer.party, message))


# --- answers ----------------------------------------------------------------------------------


def answered(w: Worker, message: Data, buffers: list[Any], now: float) -> None:
    """Another worker has answered a `Get`.

    Parameters
    ----------
    w
        The worker.
    message, buffers
        As received.
    now
        Seconds.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> w = Worker(Settings("a", "inproc://a", 1))
    >>> answered(w, Data(1, [5], [Frames(b"")]), [], 0.0)  # too late: nobody waits
    >>> w.tasks
    {}
    """
    request = close_request(w, message.request)
    if request is None:
        return
    numbering = w.numbering
    if message.busy:
        numbering.peers[request.peer].rest_until = now + REST_S
        for id in request.ids:
            want_again(w, id, None)
        return
    came: list[int] = []
    frames: list[Frames] = []
    total = 0
    left = set(request.ids)
    numbers = list(map(part_number, message.ids, message.parts)) if message.parts else message.ids
    for number, frame in zip(numbers, message.frames):
        row = numbering.rows.get(number)
        if row is None:
            continue
        left.discard(row.id)
        if row.state not in (WANTED, ASKED):
            continue
        if not frame.head:
            fail_readers(w, row, bytes(buffers[frame.first]))
            continue
        came.append(row.id)
        frames.append(frame)
        total += settle(w, row, frame, buffers)
    if came:
        hold(w, came, frames, buffers)
        numbering.columns.transfers.append((request.peer, total, now - request.begun))
    for id in left:
        want_again(w, id, None if message.more else request.peer)


def settle(w: Worker, row: Task, frame: Frames, buffers: list[Any]) -> int:
    """A result has come; its size."""
    count = frame.first + frame.count
    nbytes = len(frame.head)
    if frame.count:
        nbytes += sum(map(len, buffers[frame.first : count]))
    if row.id >= PART:
        arrive(w, row, nbytes)
    else:
        arrive(w, row, max(nbytes, row.nbytes))
        w.numbering.columns.added.append((row, row.nbytes))
    return nbytes


def hold(w: Worker, ids: list[int], frames: list[Frames], buffers: list[Any]) -> None:
    """Have the shell keep what came; after it has let go of what makes room for that."""
    flush_free(w)
    w.effects.append(Hold(ids, frames, buffers))


def flush_free(w: Worker) -> None:
    """Let go now, and not at the end of the batch: what follows must not meet what is dropped.

    Parameters
    ----------
    w
        The worker.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> w = Worker(Settings("a", "inproc://a", 1))
    >>> w.free.append(5)
    >>> flush_free(w)
    >>> w.effects, w.free
    ([Free(ids=[5])], [])
    """
    if w.free:
        w.effects.append(Free(w.free))
        w.free = []


def close_request(w: Worker, number: int) -> Request | None:
    """A request is over; None: it was before.

    Parameters
    ----------
    w
        The worker.
    number
        Its own number of the request.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> close_request(Worker(Settings("a", "inproc://a", 1)), 7) is None
    True
    """
    request = w.requests.pop(number, None)
    if request is not None:
        peer = w.numbering.peers[request.peer]
        peer.requests -= 1
        peer.nbytes -= request.nbytes
        w.asked_bytes -= request.nbytes
    return request


def want_again(w: Worker, id: int, failed: int | None) -> None:
    """A result did not come; ``failed`` is the worker that is not to be asked again."""
    row = w.tasks.get(id)
    if row is None or row.state != ASKED:
        return
    row.state = WANTED
    if failed is not None:
        blame(w, row, failed)
    heappush(w.wanted, (row.priority, id))


def blame(w: Worker, row: Task, number: int) -> None:
    """A worker that should have a result does not give it."""
    w.numbering.columns.missing.append((row.number & WHOLE, number))
    if row.holders is not None and number in row.holders:
        row.holders.remove(number)


def give_up(w: Worker, row: Task) -> None:
    """Nobody has a result: who waits for it goes back to the scheduler."""
    forget(w, row)


def fail_readers(w: Worker, row: Task, data: bytes) -> None:
    """A result exists where it was made and cannot be pickled: its readers fail, named so."""
    readers, row.dependents = row.dependents or [], None
    for id in readers:
        task = w.tasks[id]
        if task.state == WAITING:
            fail(w, task, "raised", data, 0.0)
    if row.id in w.tasks:
        forget(w, row)


# --- workers go -------------------------------------------------------------------------------


def lose_peer(w: Worker, number: int, why: str, is_mute: bool = False) -> None:
    """Another worker is not to be had: ask others for what it was asked.

    Parameters
    ----------
    w
        The worker.
    number
        The other.
    why
        For the log.
    is_mute
        It did not answer, which the scheduler would not know otherwise.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> w = Worker(Settings("a", "inproc://a", 1))
    >>> w.numbering.peers[2] = PeerState(2, "inproc://b", "b", party=9)
    >>> lose_peer(w, 2, "connection refused")
    >>> w.numbering.peers[2].party
    0
    """
    peer = w.numbering.peers.get(number)
    if peer is None:
        return
    w.peer_of.pop(peer.party, None)
    peer.party = 0
    peer.dialing = False
    lost = [n for n, request in w.requests.items() if request.peer == number]
    for n in lost:
        request = close_request(w, n)
        assert request is not None
        for id in request.ids:
            want_again(w, id, number)
    rows = [w.tasks.get(id) for _, id in w.wanted]
    for row in rows:
        if row is not None and row.state == WANTED and number in (row.holders or ()):
            blame(w, row, number)
    if lost or rows:
        if is_mute:
            w.numbering.columns.unreached.append(number)
        w.effects.append(Log("warning", f"worker {peer.name} ({peer.address}): {why}"))


def expire(w: Worker, now: float) -> None:
    """Take workers that owe something and have fallen silent for lost.

    Parameters
    ----------
    w
        The worker.
    now
        Seconds.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> w = Worker(Settings("a", "inproc://a", 1))
    >>> w.numbering.peers[2] = PeerState(2, "inproc://b", "b", party=9, requests=1)
    >>> w.requests[1] = Request(2, [], 0, 0.0, 5.0)
    >>> expire(w, 6.0)
    >>> [type(effect).__name__ for effect in w.effects]
    ['Close', 'Log']
    """
    late = {request.peer for request in w.requests.values() if request.deadline <= now}
    for number in late:
        party = w.numbering.peers[number].party
        w.effects.append(Close(party, "it owes results and is silent"))
        text = f"silent for {w.settings.silence_s:g} s while it owed results"
        lose_peer(w, number, text, True)


def next_event(w: Worker) -> Iterable[float]:
    """When `plan` or `expire` should be called at the latest.

    Parameters
    ----------
    w
        The worker.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> list(next_event(Worker(Settings("a", "inproc://a", 1))))
    []
    """
    for request in w.requests.values():
        yield request.deadline
    if w.wanted:
        for peer in w.numbering.peers.values():
            if peer.rest_until:
                yield peer.rest_until


# --- data that is put here --------------------------------------------------------------------


def put(w: Worker, party: int, message: Put, buffers: list[Any]) -> None:
    """A client, or the scheduler, puts results here.

    Parameters
    ----------
    w
        The worker.
    party
        Who.
    message, buffers
        As received.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> w = Worker(Settings("a", "inproc://a", 1))
    >>> w.numbering.scheduler = "one"
    >>> put(w, 3, Put(1, [5], [1], ["x"], [Frames(b"N.")], [16], "one"), [])
    >>> w.numbering.rows[5].nbytes
    16
    """
    numbering = w.numbering
    if message.numbering != numbering.scheduler:
        text = "the scheduler was restarted while the data was on its way; put it again"
        w.effects.append(Send(party, Answer(message.request, None, ("ClusterError", text))))
        return
    taken: list[int] = []
    frames: list[Frames] = []
    for number, run, key, frame, nbytes in zip(
        message.ids, message.runs, message.keys, message.frames, message.nbytes
    ):
        row = numbering.rows.get(number)
        if row is None:
            row = want(w, number, [], nbytes, 0)
        if row.state in (WANTED, ASKED):
            row.run, row.key = run, key
            arrive(w, row, nbytes)
            taken.append(row.id)
            frames.append(frame)
        if row.state in HELD:
            numbering.columns.added.append((row, nbytes))
    if taken:
        hold(w, taken, frames, buffers)
    if message.request:
        w.effects.append(Send(party, Answer(message.request)))
