"""Work for the idle: from the queues of others, and back from workers that have not begun it.

A task in another worker's queue is moved here, in the scheduler, when waiting there would take
longer, by `Settings.steal_s`, than bringing its inputs.  A task that was sent as a spare is asked
back when an idle worker has waited for a moment, and its worker will not come to it soon: because
what stands before it is long, or takes longer than it was thought to.
"""

from __future__ import annotations

from shoal.distributed.core.scheduler.dispatch import note_room, take
from shoal.distributed.core.scheduler.needs import leave
from shoal.distributed.core.scheduler.placement import allowed, enqueue, move_cost
from shoal.distributed.core.scheduler.records import Worker
from shoal.distributed.core.scheduler.retire import ask_back
from shoal.distributed.core.scheduler.state import Scheduler
from shoal.distributed.core.scheduler.table import AWAY, MASK, PINNED
from shoal.distributed.core.scheduler.transitions import MEMORY, READY, WAITING

__all__: list[str] = []

MOST_THIEVES = 16
"""Idle workers that are looked after in one batch of events."""

LOOK_AT = 8
"""Tasks of a queue among which the one that is cheapest to move is chosen."""

STEAL_EVERY_S = 0.002
"""Queues are compared no more often: it takes time in proportion to the workers."""

PATIENCE_S = 0.05
"""How long a worker is idle before a spare task is asked back from another."""


def steal(state: Scheduler, now: float) -> None:
    """Idle workers take from the longest queues.

    Examples
    --------
    >>> steal(Scheduler(), 0.0)
    """
    laden, roomy = state.laden, state.roomy
    if not laden or now < state.steal_due:
        return
    state.steal_due = now + STEAL_EVERY_S
    least = state.settings.steal_s
    for number in [n for n, w in laden.items() if w.backlog <= least * w.threads]:
        del laden[number]
    if not laden:
        return
    thieves = [w for w in roomy.values() if len(w.sent) + len(w.zombies) < w.threads + w.seceded]
    for thief in thieves[:MOST_THIEVES]:
        victim = max(laden.values(), key=lambda w: (w.backlog / w.threads, -w.number))
        wait = victim.backlog / victim.threads
        if wait <= least or victim is thief:
            break
        if not rob(state, thief, victim, wait - least):
            del laden[victim.number]
            if not laden:
                break
            continue
        take(state, thief, 1, 0.0, 0, now)
        note_room(state, thief)


def rob(state: Scheduler, thief: Worker, victim: Worker, worth: float) -> bool:
    """Move the task of a queue that is cheapest to move; False if none is worth it."""
    table = state.table
    best, best_cost = -1, worth
    for priority in reversed(victim.queue[-LOOK_AT:]):
        row = priority & MASK
        if (
            table.states[row] != READY
            or table.place[row] != victim.number
            or table.priorities[row] != priority
            or not may_move(state, row, thief)
        ):
            continue
        cost = move_cost(state, row, thief)
        if cost < best_cost:
            best, best_cost = row, cost
    if best < 0:
        return False
    flags = table.flags[best]
    leave(state, best)
    table.states[best] = WAITING
    table.states[best] = READY
    if flags & 2:
        state.active += 1
    enqueue(state, best, thief)
    return True


def may_move(state: Scheduler, row: int, thief: Worker) -> bool:
    """Whether a task may run on a worker."""
    options = state.table.options[row]
    for number in state.table.deps[row]:
        if state.table.flags[number & MASK] & PINNED:
            return False
    if options is None or not (options.workers or options.resources):
        return True
    return thief in allowed(state, options)


def recall(state: Scheduler, now: float) -> None:
    """Ask spare tasks back for workers that have been idle for a moment.

    Examples
    --------
    >>> recall(Scheduler(), 0.0)
    """
    if state.recall_due < 0:
        state.recall_due = now + PATIENCE_S
    if now < state.recall_due:
        return
    idle = sum(
        max(0, w.threads - len(w.sent) - len(w.zombies) + w.seceded) for w in state.roomy.values()
    )
    if not idle or not any(len(w.sent) - w.seceded > w.threads for w in state.workers.values()):
        state.recall_due = -1.0
        return
    state.recall_due = now + PATIENCE_S
    least = state.settings.steal_s
    for victim in sorted(state.workers.values(), key=lambda w: -w.occupancy / w.threads):
        if len(victim.sent) - victim.seceded <= victim.threads or idle <= 0:
            continue
        waited = now - next(iter(victim.sent.values()))
        if max(waited, victim.occupancy / victim.threads) <= least:
            continue
        rows = spares(state, victim)[-idle:]
        ask_back(state, victim, rows)
        idle -= len(rows)


def spares(state: Scheduler, worker: Worker) -> list[int]:
    """Tasks that might run elsewhere, now, and that no thread of their worker takes next.

    Those that its threads take next stay, whatever they wait for: else a task whose inputs are on
    their way would come back, and go there again, for ever.  What was sent along with what makes
    its inputs takes no thread before that has ended, however soon it is wanted; nor does one that
    has seceded.
    """
    table = state.table
    rows = [r for r in worker.sent if not table.flags[r] & AWAY and has_inputs(state, r)]
    rows.sort(key=table.priorities.__getitem__)
    return [r for r in rows[worker.threads :] if can_go(state, r)]


def has_inputs(state: Scheduler, row: int) -> bool:
    """Whether a task does not wait for others to end."""
    table = state.table
    return all(table.states[number & MASK] == MEMORY for number in table.deps[row])


def can_go(state: Scheduler, row: int) -> bool:
    """Whether a task that was sent to one worker may run on others."""
    options = state.table.options[row]
    if options is None:
        return True
    return not options.workers and not options.resources and not options.actor
