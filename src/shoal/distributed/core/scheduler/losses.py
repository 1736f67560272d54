"""A worker is gone: what it ran runs elsewhere, what it held is computed again."""

from __future__ import annotations

from shoal.distributed.core.effects import Log
from shoal.distributed.core.scheduler.failures import fail
from shoal.distributed.core.scheduler.holdings import (
    compute_again,
    lose_target,
    remove_holder,
)
from shoal.distributed.core.scheduler.names import key_of
from shoal.distributed.core.scheduler.needs import leave, pend
from shoal.distributed.core.scheduler.placement import place_ready
from shoal.distributed.core.scheduler.records import Worker
from shoal.distributed.core.scheduler.reports import retire_run
from shoal.distributed.core.scheduler.state import Scheduler, set_status
from shoal.distributed.core.scheduler.table import ALONE, AWAY, HAS_INPUTS, NOTED
from shoal.distributed.core.scheduler.transitions import READY, SENT, WAITING
from shoal.distributed.core.scheduler.twins import stop_twin

__all__ = ["lose_worker"]


def lose_worker(
    state: Scheduler,
    worker: Worker,
    reason: str,
    blame: bool,
    now: float,
    guilty: set[tuple[int, int]] | None = None,
    hungry: bool = False,
) -> None:
    """A worker is gone.

    Parameters
    ----------
    state, worker
        Which.
    reason
        For errors and the log.
    blame
        Whether it died, so that what it ran may have killed it.
    now
        The time.
    guilty
        ``(number, run)`` of what ran, if that is known.
    hungry
        It died because of its memory.

    Examples
    --------
    See `tests/unit/test_scheduler_losses.py`.

    >>> lose_worker.__name__
    'lose_worker'
    """
    state.unreached.pop(worker.number, None)
    table = state.table
    number = worker.number
    set_status(state, worker, "gone")
    indexes = (state.touched, state.outgoing, state.roomy, state.full, state.laden)
    for index in (*indexes, state.dropping, state.retiring):
        index.pop(number, None)
    state.dying.pop(number, None)
    for code in state.codes.values():
        code.workers.pop(number, None)
    suspects = set(suspected(state, worker, guilty, hungry)) if blame else set()
    place, states = table.place, table.states
    queued = [r for r, p in enumerate(place) if p == number and states[r] == READY]
    running = list(worker.sent)
    state.story.add(now, f"lost worker: {reason}", worker.name, [table.numbers[r] for r in running])
    again = []
    for row in queued:
        leave(state, row)
        states[row] = WAITING
    for row in running:
        if place[row] != number:
            stop_twin(state, row, ended=True)
            continue
        retire_run(state, worker, row)
        if row in suspects and accuse(state, row, worker, reason):
            continue
        again.append(row)
    held = [r for r, p in enumerate(place) if p == number and states[r] not in (READY, SENT)]
    held += [r for r, at in state.replicas.items() if number in at]
    state.effects.append(
        Log(
            "warning" if blame else "info",
            f"worker {worker.name} at {worker.address} is gone ({reason}): "
            f"{len(held)} results were there, {len(running)} tasks were given to it",
        )
    )
    del state.workers[number]
    compute_again(state, [row for row in held if remove_holder(state, row, number)])
    if state.puts:
        lose_target(state, number)
    for row in queued + again:
        if states[row] == WAITING and pend(state, row):
            place_ready(state, (row,))


def suspected(
    state: Scheduler, worker: Worker, guilty: set[tuple[int, int]] | None, hungry: bool
) -> list[int]:
    """The tasks that had begun, as far as can be known: the first by priority, a slot each.

    Where nothing ran, and there was too little memory, the first one's inputs were being loaded.
    """
    table = state.table
    if guilty is not None:
        ran = [r for r in worker.sent if (table.numbers[r], table.runs[r]) in guilty]
        if ran or not hungry:
            return ran
        waited = [r for r in worker.sent if table.flags[r] & HAS_INPUTS]
        return [min(waited, key=table.priorities.__getitem__)] if waited else []
    slots = [row for row in worker.sent if not table.flags[row] & AWAY]
    slots.sort(key=table.priorities.__getitem__)
    away = [row for row in worker.sent if table.flags[row] & AWAY]
    return slots[: worker.threads] + away


def accuse(state: Scheduler, row: int, worker: Worker, reason: str) -> bool:
    """A worker died while it ran a task; True if that was once too often, and the task has failed.

    From the first time on the task runs alone, so that it is not blamed for what others do, nor
    they for what it does.
    """
    table = state.table
    dead = state.deaths.setdefault(row, [])
    dead.append(f"{worker.name} ({reason})")
    table.flags[row] |= ALONE | NOTED
    if len(dead) <= state.settings.allowed_failures:
        return False
    key = key_of(table, row)
    text = (
        f"{len(dead)} workers died while they ran {key!r}, or loaded its inputs: "
        f"{', '.join(dead)}; it is not tried again. Look for a crash in its function, or give it "
        "more memory: smaller pieces, or workers with a larger memory_limit"
    )
    fail(state, row, ("killed", key, worker.address, text.encode()))
    return True
