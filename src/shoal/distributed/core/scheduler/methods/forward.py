"""Calls that workers (or nannies) answer, passed on to several of them, their answers gathered.

``worker.call {workers?, method, args, nanny?, on_error?, all_there?}`` is answered with
``{address: answer}``.  ``all_there``: nobody is asked where a name is that no worker has.
``on_error``: ``"raise"`` (the first error is the answer), ``"return"`` (``{"error": [kind,
text]}`` in place of an answer), ``"ignore"`` (no entry).  A worker that goes while it is asked is
an error, but with ``"staying"``, which is ``"return"`` for those that do not.
``scheduler.call_stack {keys?}`` asks the workers that run these tasks.
``workers.upload_file`` and ``plugin.register`` ask all of them, and those that come later too
(`remember`): ``plugin.setup {name, kind, data}``, ``upload_file {name, data, load}``.
"""

from __future__ import annotations

from typing import Any

from shoal.distributed.core.effects import Send
from shoal.distributed.core.scheduler.methods.calls import (
    LATER,
    Method,
    MethodError,
    answer,
    answer_error,
)
from shoal.distributed.core.scheduler.methods.describe import rows_of, some_workers
from shoal.distributed.core.scheduler.records import Party, Worker
from shoal.distributed.core.scheduler.state import Scheduler
from shoal.distributed.core.scheduler.transitions import SENT
from shoal.distributed.protocol import Answer, Call

__all__ = ["METHODS", "ask"]


class Asked:
    """A call that several are asked."""

    __slots__ = ("answers", "left", "on_error", "party", "request")

    def __init__(self, party: int, request: int, on_error: str) -> None:
        self.party = party
        self.request = request
        self.on_error = on_error
        self.answers: dict[str, Any] = {}
        self.left = 0


def ask(
    state: Scheduler,
    who: Party,
    request: int,
    targets: list[tuple[int, str]],
    method: str,
    args: dict[str, Any],
    on_error: str = "raise",
) -> Any:
    """Pass a call on.

    Parameters
    ----------
    state, who, request
        Whose answer it is.
    targets
        Connections, and the addresses that stand for them in the answer.
    method, args
        The call.
    on_error
        See the top of the module.

    Examples
    --------
    >>> ask(Scheduler(), Party(1, "client", 0.0), 5, [], "versions", {})
    {}
    """
    if not targets:
        return {}
    asked = Asked(who.party, request, on_error)
    pending = state.machines.setdefault("asked", {})
    for party, address in targets:
        number = state.next_request
        state.next_request += 1
        pending[number] = (asked, party, address)
        asked.left += 1
        state.effects.append(Send(party, Call(number, method, args)))
    for party in {party for party, _ in targets if party not in state.parties}:
        party_gone(state, party)  # its nanny has not said yet what ended it
    return LATER


def on_answer(state: Scheduler, party: int, m: Answer, buffers: Any) -> None:
    """One of those who were asked answers."""
    pending = state.machines.get("asked", {})
    entry = pending.get(m.request)
    if entry is None or entry[1] != party:
        return
    del pending[m.request]
    settle(state, entry[0], entry[2], m.value, m.error)


def settle(state: Scheduler, asked: Asked, address: str, value: Any, error: Any) -> None:
    """An answer, or why there is none."""
    if error is None:
        asked.answers[address] = value
    elif asked.on_error == "raise":
        if asked.request:
            answer_error(state, asked.party, asked.request, *error)
            asked.request = 0
    elif asked.on_error in ("return", "staying"):
        asked.answers[address] = {"error": list(error)}
    one_less(state, asked)


def one_less(state: Scheduler, asked: Asked) -> None:
    """One of those who were asked is waited for no more."""
    asked.left -= 1
    if not asked.left:
        answer(state, asked.party, asked.request, asked.answers)


def party_gone(state: Scheduler, party: int) -> None:
    """Somebody who was asked is gone."""
    pending = state.machines.get("asked", {})
    for number in [n for n, entry in pending.items() if entry[1] == party]:
        asked, _, address = pending.pop(number)
        if asked.on_error == "staying":
            one_less(state, asked)
        else:
            settle(state, asked, address, None, ("ConnectionError", f"{address} is gone"))


def targets_of(state: Scheduler, workers: list[Worker], nanny: bool) -> list[tuple[int, str]]:
    """Connections of workers, or of their nannies."""
    if not nanny:
        return [(w.party, w.address) for w in workers]
    nannies = state.nanny_parties
    return [(nannies[w.name], w.nanny or w.address) for w in workers if w.name in nannies]


def call(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """Ask workers."""
    named = args.get("workers")
    chosen = some_workers(state, named)
    if named is not None and args.get("all_there"):
        refuse_unknown(state, named, chosen)
    targets = targets_of(state, chosen, bool(args.get("nanny")))
    how = args.get("on_error", "raise")
    return ask(state, who, request, targets, args["method"], args.get("args") or {}, how)


def refuse_unknown(state: Scheduler, named: list[str], found: list[Worker]) -> None:
    """Raise if a name is nobody's: what was to run there would run nowhere, without a word."""
    known = {name for w in found for name in (w.address, w.name, w.host)}
    unknown = sorted(set(named) - known)
    if unknown:
        there = ", ".join(f"{w.name} ({w.address})" for w in list(state.workers.values())[:5])
        more = ", ..." if len(state.workers) > 5 else ""
        raise MethodError(
            "ValueError",
            f"no worker has the name {unknown[0]!r}; there are: {there or 'none'}{more}",
        )


def call_stack(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """Ask the workers that run some tasks where these are."""
    keys = args.get("keys")
    table = state.table
    chosen = list(state.workers.values())
    if keys is not None:
        rows = [row for row in rows_of(state, keys) if table.states[row] == SENT]
        numbers = {table.place[row] for row in rows}
        chosen = [w for w in chosen if w.number in numbers]
    targets = targets_of(state, chosen, False)
    return ask(state, who, request, targets, "call_stack", {"keys": keys}, "ignore")


def remember(state: Scheduler, kind: str, name: str, method: str, args: dict[str, Any]) -> None:
    """Ask those that come later, too."""
    state.machines.setdefault("greetings", {})[kind, name] = (method, args)


def upload_file(
    state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float
) -> Any:
    """A file for all workers."""
    remember(state, "worker", f"file {args['name']}", "upload_file", args)
    targets = targets_of(state, list(state.workers.values()), False)
    return ask(state, who, request, targets, "upload_file", args, "staying")


def register_plugin(
    state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float
) -> Any:
    """A plugin for all workers, or all nannies."""
    kind, name = args["kind"], args["name"]
    where = "nanny" if kind == "nanny" else "worker"
    known = state.machines.setdefault("greetings", {})
    if args.get("idempotent") and (where, f"plugin {name}") in known:
        return {}
    remember(state, where, f"plugin {name}", "plugin.setup", args)
    targets = targets_of(state, list(state.workers.values()), where == "nanny")
    return ask(state, who, request, targets, "plugin.setup", args, "staying")


def unregister_plugin(
    state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float
) -> Any:
    """A plugin is taken back."""
    where = "nanny" if args["kind"] == "nanny" else "worker"
    known = state.machines.setdefault("greetings", {})
    if known.pop((where, f"plugin {args['name']}"), None) is None:
        text = f"no plugin {args['name']!r} for {where}s; there are {sorted(n for _, n in known)}"
        raise ValueError(text)
    targets = targets_of(state, list(state.workers.values()), where == "nanny")
    return ask(state, who, request, targets, "plugin.teardown", args, "staying")


def worker_came(state: Scheduler, party: int, kind: str) -> None:
    """A worker (or nanny) has come: what the others were asked to set up, it is asked as well.

    Examples
    --------
    >>> worker_came(Scheduler(), 1, "worker")
    """
    for (where, _), (method, args) in state.machines.get("greetings", {}).items():
        if where == kind:
            if method == "plugin.setup":
                # One that has only connected again has it already.
                args = {**args, "idempotent": True}
            state.effects.append(Send(party, Call(0, method, args)))


METHODS: dict[str, Method] = {
    "worker.call": call,
    "scheduler.call_stack": call_stack,
    "workers.upload_file": upload_file,
    "plugin.register": register_plugin,
    "plugin.unregister": unregister_plugin,
}
