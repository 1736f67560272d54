"""Connections: who is there, what each message leads to, and what the end of a connection means."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from shoal.distributed.core.effects import Close, Log, Send
from shoal.distributed.core.facts import Forgotten, Resumed
from shoal.distributed.core.scheduler.cancel import on_cancel
from shoal.distributed.core.scheduler.dispatch import fill_workers
from shoal.distributed.core.scheduler.failures import fail, require, retry
from shoal.distributed.core.scheduler.locate import on_locate
from shoal.distributed.core.scheduler.losses import lose_worker
from shoal.distributed.core.scheduler.methods import (
    client_gone,
    end_errands,
    end_session,
    expire,
    holder_gone,
    let_references_go,
    log_event,
    on_answer,
    on_call,
    on_withdraw,
    others_before,
    party_gone,
    settle_given,
    unheard,
    worker_came,
    workers_changed,
)
from shoal.distributed.core.scheduler.names import find, key_of
from shoal.distributed.core.scheduler.needs import leave, let_go, unwant, want
from shoal.distributed.core.scheduler.outbox import flush
from shoal.distributed.core.scheduler.outrank import outrank
from shoal.distributed.core.scheduler.placement import place_ready
from shoal.distributed.core.scheduler.reconcile import reconcile
from shoal.distributed.core.scheduler.records import Client, Party, Worker
from shoal.distributed.core.scheduler.recovery import end_recovery
from shoal.distributed.core.scheduler.replicas import relieve
from shoal.distributed.core.scheduler.reports import on_report
from shoal.distributed.core.scheduler.retire import empty_queue, go_on_retiring
from shoal.distributed.core.scheduler.scatter import expect, on_reserve
from shoal.distributed.core.scheduler.state import Scheduler, name_is_taken, set_status
from shoal.distributed.core.scheduler.stealing import recall, steal
from shoal.distributed.core.scheduler.stranded import find_served, miss
from shoal.distributed.core.scheduler.submit import on_submit
from shoal.distributed.core.scheduler.table import NOBODY
from shoal.distributed.core.scheduler.tell import tell_ends, tell_reason
from shoal.distributed.core.scheduler.transitions import ERRED, MEMORY, PUT, RELEASED, WAITING
from shoal.distributed.core.session import confirm
from shoal.distributed.protocol import (
    Answer,
    Beat,
    Call,
    Cancel,
    Goodbye,
    Heard,
    Hello,
    Key,
    Locate,
    Register,
    Release,
    Report,
    Reserve,
    Retry,
    Submit,
    Subscribe,
    Want,
    Welcome,
    Withdraw,
)

__all__ = ["closed", "connected", "drain", "received"]


def connected(state: Scheduler, party: int, role: str, now: float) -> None:
    """Somebody has connected, and has proved to belong to the cluster.

    Parameters
    ----------
    state
        The scheduler's.
    party
        A number that the shell gives the connection, never used again.
    role
        ``"client"``, ``"worker"`` or ``"nanny"``.
    now
        The time, in seconds.

    Examples
    --------
    >>> state = Scheduler()
    >>> connected(state, 1, "client", 0.0)
    >>> received(state, 1, Hello("me", {}), (), 0.0)
    >>> drain(state, 0.0)[0].message
    Welcome(number=0, scheduler='scheduler', settings={...}, heard=-1, session=1, is_remembered=...)
    """
    if state.started < 0:
        state.started = now
    state.parties[party] = Party(party, role, now)


def closed(state: Scheduler, party: int, error_text: str, now: float) -> None:
    """A connection has ended, without a word or with an error.

    Parameters
    ----------
    state, party
        Whose.
    error_text
        Why, if known.
    now
        The time.

    Examples
    --------
    >>> closed(Scheduler(), 1, "", 0.0)
    """
    gone = state.parties.pop(party, None)
    if gone is None:
        return
    party_gone(state, gone)
    worker = gone.worker
    if worker is not None and state.workers.get(worker.number) is worker:
        died = worker.status not in ("retiring", "retired", "closing")
        if died and worker.name in state.nanny_parties:
            await_nanny(state, worker, now)
        else:
            lose(state, worker, error_text or "its connection closed", died, now)
    client = gone.client
    if client is not None and client.party == party:
        client.party = -1
        client.gone_since = now
        if state.settings.client_grace_s <= 0 and client.number in state.clients:
            forget_client(state, client, now)


def received(
    state: Scheduler, party: int, message: Any, buffers: Sequence[Any], now: float
) -> None:
    """A message has come.

    Parameters
    ----------
    state, party
        From whom.
    message, buffers
        What.
    now
        The time.

    Examples
    --------
    >>> received(Scheduler(), 1, Release(["x"]), (), 0.0)  # a connection that has ended
    """
    who = state.parties.get(party)
    if who is None:
        return
    handle = HANDLERS.get(type(message))
    if handle is None:
        protest(
            state, who, f"a {type(message).__name__} message, which the scheduler does not take"
        )
        return
    if state.timers and state.timers[0][0] <= now:
        # A tick may come late: whose time is over by now is not served by this message.  One who
        # reads the journal could not know that they were.
        expire(state, now)
    client = who.client
    if client is not None and type(message) is not Heard:
        client.session.heard += 1
        state.hearing[client.number] = client
    handle(state, who, message, buffers, now)


def drain(state: Scheduler, now: float) -> list[Any]:
    """Everything that is to be done after a batch of events, in order.

    Parameters
    ----------
    state
        The scheduler's.
    now
        The time.

    Returns
    -------
    list
        Effects: `Send`, `Close`, `Log` and those of `core.scheduler.effects`.

    Examples
    --------
    >>> drain(Scheduler(), 0.0)
    []
    """
    if state.loose:
        let_references_go(state)
    fill_workers(state, now)
    if state.is_ranked:
        outrank(state, now)
    if state.roomy:
        if state.laden and now >= state.steal_due:
            steal(state, now)
        if now >= state.recall_due:
            recall(state, now)
    else:
        state.recall_due = -1.0
    if state.retiring:
        go_on_retiring(state)
    if state.workers_moved:
        state.workers_moved = False
        workers_changed(state, now)
    end_errands(state)
    return flush(state, now)


def await_nanny(state: Scheduler, worker: Worker, now: float) -> None:
    """A worker has gone, and its nanny will say in a moment what ended it, and what was running."""
    set_status(state, worker, "dying")
    state.dying[worker.number] = now + state.settings.nanny_s
    state.roomy.pop(worker.number, None)
    state.full.pop(worker.number, None)
    empty_queue(state, worker)


def lose(state: Scheduler, worker: Worker, reason: str, died: bool, now: float) -> None:
    """A worker is gone."""
    lose_worker(state, worker, reason, died, now)
    if died and worker.name not in state.nanny_parties:
        miss(state, worker, reason, now)
    state.workers_moved = True
    holder_gone(state, f"worker {worker.name}", now)
    event = {"action": "worker-removed", "worker": worker.address, "reason": reason}
    log_event(state, "all", event, now)


def drop_party(state: Scheduler, party: int) -> bool:
    """Hear no more of a connection, before its end; whether it was there.

    Parameters
    ----------
    state, party
        Whose.

    Examples
    --------
    >>> drop_party(Scheduler(), 1)
    False
    """
    gone = state.parties.pop(party, None)
    if gone is None:
        return False
    party_gone(state, gone)
    return True


def protest(state: Scheduler, who: Party, what: str) -> None:
    """A party broke the protocol: its connection ends."""
    state.effects.append(
        Log("error", f"{who.role} {who.party} sent {what}; its connection is closed")
    )
    state.effects.append(Close(who.party, f"the scheduler got {what}"))


def of_client(
    handle: Callable[[Scheduler, Client, Any, Sequence[Any], float], None],
) -> Callable[[Scheduler, Party, Any, Sequence[Any], float], None]:
    """A handler that only clients may reach."""

    def checked(state: Scheduler, who: Party, m: Any, buffers: Sequence[Any], now: float) -> None:
        if who.client is None:
            protest(state, who, f"a {type(m).__name__} message before it said Hello")
        else:
            handle(state, who.client, m, buffers, now)

    return checked


def on_hello(state: Scheduler, who: Party, m: Hello, buffers: Sequence[Any], now: float) -> None:
    """A client introduces itself, for the first time or again."""
    client = state.by_name.get(m.client)
    if client is None:
        client = Client(state.next_client, m.client, who.party, now)
        client.is_stranger = bool(m.scheduler)
        state.next_client += 1
        state.clients[client.number] = client
        state.by_name[m.client] = client
    if m.attempt < client.attempt:
        state.parties.pop(who.party, None)
        state.effects.append(Close(who.party, "the client has connected again since"))
        return
    client.attempt = m.attempt
    others_before(state, m.scheduler, now)
    # What still comes over the old connection was said before what is said now.
    if 0 <= client.party != who.party and drop_party(state, client.party):
        state.effects.append(Close(client.party, "the client has connected again"))
    client.party = who.party
    client.gone_since = -1.0
    client.versions = m.versions
    client.sending = []
    who.client = client
    who.is_known = True
    is_resumed = m.scheduler == state.identity and state.homes.get(m.session) is client
    if is_resumed:
        if state.facts is not None:
            state.facts.append(Resumed(client.name))
        client.given += [gift for gift in gifts(client) if gift[0] <= m.heard]
        confirm(client.session, m.heard)
    else:
        client.before = unheard(client)
        end_session(state, client)
        client.topics = {}
        client.given = []
    state.homes[who.party] = client
    # Answers come before the welcome: what they give is wanted by then.
    state.effects += [Send(who.party, *said[:2]) for said in client.session.said]
    client.session.told = client.session.heard
    heard = client.session.heard if is_resumed else -1
    welcome(state, who, client.number, heard, not client.is_stranger)


def on_heard(state: Scheduler, who: Party, m: Heard, buffers: Sequence[Any], now: float) -> None:
    """A client has taken answers."""
    if who.client is not None:
        confirm(who.client.session, m.count)


def release_others(state: Scheduler, client: Client, m: Want) -> None:
    """A client came back and wants these keys: what else it wanted it let go of meanwhile.

    What it is given by answers that it had not heard when it said so, it does not know of.
    """
    confirm(client.session, m.heard)
    given = given_unheard(client, m.heard)
    wanted = {row for key in [*m.keys, *given] if (row := find(state.names, key)) >= 0}
    if client.wants <= len(wanted):
        return
    rows = [row for row in wanted_by(state, client) if row not in wanted]
    let_go(state, [row for row in rows if unwant(state, client, row)], "nobody wants it any more")


def given_unheard(client: Client, heard: int) -> set[Key]:
    """Keys of futures in answers that a client had not heard when it said how many it had.

    It may have heard them since: what a broken connection has lost is said again as it was.
    """
    found = {key for at, keys in client.given if at > heard for key in keys}
    return found.union(*(keys for _, keys in gifts(client, heard)))


def gifts(client: Client, heard: int = 0) -> Iterator[tuple[int, Sequence[Key]]]:
    """Answers that give futures, after so many, of those not known to be heard: counts and keys."""
    session = client.session
    first = max(0, heard - session.confirmed)
    for at, said in enumerate(islice(session.said, first, None), session.confirmed + first + 1):
        if said.note and said.note.keys:
            yield at, said.note.keys


def wanted_by(state: Scheduler, client: Client) -> list[int]:
    """The rows that a client wants."""
    number = client.number
    rows = [row for row, who in enumerate(state.table.owner) if who == number]
    return rows + [row for row, others in state.shared.items() if number in others]


def welcome(
    state: Scheduler, who: Party, number: int, heard: int = -1, is_remembered: bool = False
) -> None:
    """Answer an introduction."""
    settings = {
        "inline_bytes": state.settings.inline_bytes,
        "silence_s": state.settings.silence_s,
        "lease_s": state.settings.lease_s,
    }
    answer = Welcome(number, state.identity, settings, heard, who.party, is_remembered)
    state.effects.append(Send(who.party, answer))


def begin_wanting(
    state: Scheduler, client: Client, keys: list[Key], again: bool = False, anew: bool = False
) -> None:
    """A client holds futures of keys that others submitted, or that it submitted before.

    Those that have failed are tried ``again``.  ``anew``: it may not have heard what it was told
    of those that have ended.
    """
    states = state.table.states
    rows, ended = [], []
    for key in keys:
        row = find(state.names, key)
        if row < 0:
            text = (
                f"the scheduler does not know {key!r}: nobody wanted it any more, or the scheduler "
                "was restarted without a journal (--journal); compute it again"
            )
            tell_reason(client, key, ("lost", key, "", text.encode()))
            continue
        is_new = want(state, client, row)
        rows.append(row)
        if states[row] in (MEMORY, ERRED) and (is_new or again or anew):
            ended.append(row)
    if again:
        place_ready(state, retry(state, rows))
    place_ready(state, require(state, [row for row in rows if states[row] == RELEASED]))
    ended = [row for row in ended if states[row] in (MEMORY, ERRED)]
    tell_ends(state, client, ended)


def on_want(state: Scheduler, client: Client, m: Want, buffers: Sequence[Any], now: float) -> None:
    """A client has futures that it did not submit."""
    if m.ahead:
        expect(state, client, m.keys)
    begin_wanting(state, client, m.keys, anew=m.anew)
    if m.heard >= 0:
        settle_given(state, client)
        release_others(state, client, m)
        # That was the last of what is said again.
        client.given = []
        client.before = {}
        client.is_stranger = False


def on_release(
    state: Scheduler, client: Client, m: Release, buffers: Sequence[Any], now: float
) -> None:
    """A client has no futures of these any more."""
    rows = []
    names, known, owner, number = state.names, state.names.rows, state.table.owner, client.number
    given = given_unheard(client, m.heard) if m.heard >= 0 else ()
    for key in m.keys:
        if key in given:
            continue
        row = known.get(key, -1)
        if row < 0:
            row = find(names, key)
            if row < 0:
                continue
        if owner[row] == number:
            owner[row] = NOBODY
            client.wants -= 1
            rows.append(row)
        else:
            unwant(state, client, row)
    let_go(state, rows, "nobody wants it any more")


def on_retry(
    state: Scheduler, client: Client, m: Retry, buffers: Sequence[Any], now: float
) -> None:
    """Failed tasks are to be tried again, and the failed ones that they depend on."""
    begin_wanting(state, client, m.keys, again=True)


def on_locate_message(
    state: Scheduler, client: Client, m: Locate, buffers: Sequence[Any], now: float
) -> None:
    """A client asks where results are."""
    on_locate(state, client, m.request, m.keys)


def forget_client(state: Scheduler, client: Client, now: float) -> None:
    """A client will not come back: what only it wants is let go."""
    if state.facts is not None:
        state.facts.append(Forgotten(client.name))
    client_gone(state, client, now)
    del state.clients[client.number]
    state.by_name.pop(client.name, None)
    state.hearing.pop(client.number, None)
    rows = [r for r in wanted_by(state, client) if unwant(state, client, r)]
    let_go(state, rows, "its client is gone")
    for row, where in [(row, to) for row, (who, to) in state.puts.items() if who == client.number]:
        if state.table.states[row] != PUT:
            continue
        key = key_of(state.table, row)
        what = "put the data" if where else "say how to make"
        text = f"{client.name}, which was to {what} {key!r}, is gone"
        fail(state, row, ("lost", key, "", text.encode()))


def on_register(
    state: Scheduler, who: Party, m: Register, buffers: Sequence[Any], now: float
) -> None:
    """A worker introduces itself, for the first time or again."""
    for other in list(state.workers.values()):
        if other.name == m.name or other.address == m.address:
            if other.address != m.address and other.pid != m.pid:
                refuse_name(state, who, m)
                return
            drop_party(state, other.party)
            state.effects.append(Close(other.party, "the worker has connected again"))
            lose(state, other, "it has connected again", False, now)
    worker = Worker(state.next_worker, who.party, m, now)
    worker.ahead_s = state.settings.ahead_s
    state.next_worker += 1
    state.workers[worker.number] = worker
    state.choices.clear()
    state.down.pop(worker.name, None)
    state.returning.clear()  # who waits for one of them has somebody now
    if state.silence_due < 0 and state.settings.silence_s > 0:
        state.silence_due = now + state.settings.silence_s
    who.worker = worker
    who.is_known = True
    others_before(state, m.scheduler, now)
    welcome(state, who, worker.number)
    state.touched[worker.number] = worker
    worker_came(state, who.party)
    event = {"action": "worker-added", "worker": worker.address}
    log_event(state, "all", event, now)
    if m.held or m.running:
        reconcile(state, worker, m)
    if state.unplaced:
        place_unplaced(state)
    if state.unrunnable:
        find_served(state)
    state.workers_moved = True
    if state.hold_until >= 0:
        state.awaited.discard(m.name)
        if not state.awaited:
            end_recovery(state)


def refuse_name(state: Scheduler, who: Party, m: Register) -> None:
    """Another worker has the name.  One that was never welcomed is told so, and ends."""
    text = name_is_taken(state, m.name)
    if not m.scheduler:
        state.effects.append(Send(who.party, Goodbye(text)))
    state.effects.append(Close(who.party, text))


def on_worker_report(
    state: Scheduler, who: Party, m: Report, buffers: Sequence[Any], now: float
) -> None:
    """A worker reports."""
    if who.worker is not None and who.worker.status != "gone":
        on_report(state, who.worker, m, now)


def on_beat(state: Scheduler, who: Party, m: Beat, buffers: Sequence[Any], now: float) -> None:
    """A worker is alive."""
    worker = who.worker
    if worker is None:
        if m.vouched and who.nanny_of:
            state.machines.setdefault("vouched", {})[who.nanny_of] = now
        return
    worker.heard = now
    worker.metrics = {
        "managed": m.managed,
        "spilled": m.spilled,
        "memory": m.process,
        "cpu": m.cpu,
        "executing": m.executing,
        "ready": m.ready,
        "in_flight": m.fetching,
        **m.metrics,
    }
    state.observed.beat(worker, state.workers, now)
    excess = m.managed - state.settings.target * worker.limit
    if state.replicas and state.relieves and worker.limit and excess > 0:
        relieve(state, worker, excess)
    if m.status == "paused" and worker.status == "running":
        set_status(state, worker, "paused")
        state.roomy.pop(worker.number, None)
        empty_queue(state, worker)
    elif m.status == "running" and worker.status == "paused":
        set_status(state, worker, "running")
        state.touched[worker.number] = worker
        place_unplaced(state)


def place_unplaced(state: Scheduler) -> None:
    """Tasks that no worker was allowed to run may have one now."""
    rows = list(state.unplaced)
    for row in rows:
        leave(state, row)
        state.table.states[row] = WAITING
    place_ready(state, rows)


def on_goodbye(
    state: Scheduler, who: Party, m: Goodbye, buffers: Sequence[Any], now: float
) -> None:
    """Somebody leaves on purpose."""
    state.parties.pop(who.party, None)
    party_gone(state, who)
    state.effects.append(Close(who.party, m.reason or "it said goodbye"))
    if who.worker is not None and state.workers.get(who.worker.number) is who.worker:
        lose(state, who.worker, m.reason or "it left", False, now)
    if who.client is not None and who.client.number in state.clients:
        who.client.party = -1
        forget_client(state, who.client, now)


def on_subscribe(
    state: Scheduler, who: Party, m: Subscribe, buffers: Sequence[Any], now: float
) -> None:
    """Somebody wants the events of a topic, or does no more."""
    topics = (who.client or who).topics
    if m.on:
        topics[m.topic] = None
    else:
        topics.pop(m.topic, None)


Handler = Callable[[Scheduler, Party, Any, Sequence[Any], float], None]

HANDLERS: dict[type, Handler] = {
    Report: on_worker_report,
    Submit: of_client(on_submit),
    Release: of_client(on_release),
    Want: of_client(on_want),
    Locate: of_client(on_locate_message),
    Reserve: of_client(on_reserve),
    Cancel: of_client(on_cancel),
    Retry: of_client(on_retry),
    Call: on_call,
    Answer: on_answer,
    Beat: on_beat,
    Hello: on_hello,
    Heard: on_heard,
    Withdraw: on_withdraw,
    Register: on_register,
    Goodbye: on_goodbye,
    Subscribe: on_subscribe,
}
"""What each message leads to."""
