"""What nannies say of their workers.

``nanny.hello {name, id}``
    a nanny's first message: it looks after the worker of that name.  It is refused while another
    one is there that does; ``id`` tells whether it is another one.
``nanny.died {name, exit, pid?, signal?, peak?, limit?, running?, text?}``
    the worker's process has ended: with which exit code or signal, how much memory it had at
    most, and ``[[number, run]]`` of what was running, if that is known.  Tasks blamed for the
    death say so.  The next process of that name may have come before the news of the last.
``nanny.gave_up {name, text}``
    the worker stays down.  Clients are warned, for they may wait for what it was to run.
"""

from __future__ import annotations

from typing import Any

from shoal.distributed.core.scheduler.losses import lose_worker
from shoal.distributed.core.scheduler.methods.calls import Method, MethodError
from shoal.distributed.core.scheduler.methods.forward import party_gone, worker_came
from shoal.distributed.core.scheduler.methods.topics import log_event
from shoal.distributed.core.scheduler.records import Party
from shoal.distributed.core.scheduler.state import Scheduler, name_is_taken
from shoal.distributed.core.scheduler.stranded import stranded

__all__ = ["METHODS"]

HUNGRY = 0.8
"""So much of its limit makes a worker that died one that died for lack of memory."""


def hello(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """A nanny introduces itself."""
    name, ident = args["name"], str(args.get("id", ""))
    other = state.parties.get(state.nanny_parties.get(name, who.party))
    if other is not None and other is not who and other.nanny_id != ident:
        raise MethodError("ValueError", name_is_taken(state, name))
    state.nanny_parties[name] = who.party
    who.nanny_of, who.nanny_id = name, ident
    worker_came(state, who.party, "nanny")


def died(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """A worker's process has ended."""
    text = describe_death(args)
    name, pid = args["name"], args.get("pid")
    running = args.get("running")
    guilty = None if running is None else {tuple(pair) for pair in running}
    for worker in list(state.workers.values()):
        if worker.name == name and pid in (None, worker.pid):
            # Its connection may close later, and then nobody would know whose it was.
            state.parties.pop(worker.party, None)
            party_gone(state, worker.party)
            lose_worker(state, worker, text, True, now, guilty, is_hungry(args))
            state.workers_moved = True
            return
    # Its connection ended before the nanny could say why.
    for names in state.deaths.values():
        for i, said in enumerate(names):
            if said.startswith(f"{name} ("):
                names[i] = f"{name} ({text})"


def gave_up(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """A worker will not be started again: whoever waits for it is told so."""
    name, text = args["name"], str(args["text"])
    state.down[name] = text
    others = [worker for worker in state.workers.values() if worker.name != name]
    none_left = "No worker is left: start some (cluster.scale, `shoal worker`)"
    else_ = "The other workers go on without it" if others else none_left
    log_event(state, "warn", {"text": f"{text}. {stranded(state, [name]) or else_}"}, now)


def is_hungry(args: dict[str, Any]) -> bool:
    """Whether a process has ended about where its nanny, or the system, ends it for its memory."""
    peak, limit = args.get("peak") or 0, args.get("limit") or 0
    return bool(limit) and peak >= HUNGRY * limit


def describe_death(args: dict[str, Any]) -> str:
    """Why a process ended, in words; the nanny's own where it has some."""
    if args.get("text"):
        return str(args["text"])
    if args.get("signal"):
        text = f"killed by signal {args['signal']}"
    else:
        text = f"exited with code {args.get('exit')}"
    if args.get("peak") and args.get("limit"):
        text += f", {args['peak']:,} bytes of memory at most, of {args['limit']:,} allowed"
    return text


METHODS: dict[str, Method] = {
    "nanny.hello": hello,
    "nanny.died": died,
    "nanny.gave_up": gave_up,
}
