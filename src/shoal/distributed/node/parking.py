"""Execution threads with nothing to do: they turn the loop for a moment, and then sleep.

A thread that has run the last ready task tells the scheduler of it itself, and reads what to do
next, as long as the loop's own thread has stepped aside (`shoal.distributed.net.loop`).  It stands
among the parked threads meanwhile, so that whoever has a task for it finds it: mostly itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shoal.distributed.net.loop import Loop

if TYPE_CHECKING:
    from shoal.distributed.node.lane import Lane, Slot

__all__ = ["call", "park"]


def park(lane: Lane, slot: Slot, unsaid: bool) -> None:
    """Wait until there may be something to do; in the thread.

    Parameters
    ----------
    lane, slot
        The thread's.
    unsaid
        Whether the loop was not told yet that a task has ended.

    Examples
    --------
    See `tests/unit/test_net_visits.py`.

    >>> park.__name__
    'park'
    """
    shared, loop = lane.shared, lane.shared.loop
    shared.cells[2 * slot.index] = -1
    if loop is not None and loop.enter():
        try:
            shared.collect()
            if visit(lane, slot, loop):
                return
        finally:
            loop.leave()
        loop.attend()
    elif unsaid:
        shared.poke()
    lane.parked.append(slot)
    # Looked at again after the place in the queue is visible.
    if not (has_work(lane) and unpark(lane, slot)):
        slot.parking.wait()


def visit(lane: Lane, slot: Slot, loop: Loop) -> bool:
    """Turn the loop while the thread is parked, for a moment; whether there is something to do."""
    slot.visiting, slot.called = True, False
    lane.parked.appendleft(slot)
    if not has_work(lane):
        loop.turn_until(lambda: slot.called)
    # Who has taken it from the parked ones, and has not called it yet, is about to.
    is_called = not unpark(lane, slot)
    while is_called and not slot.called:
        loop.turn_until(lambda: slot.called)
    slot.visiting = False
    return is_called or has_work(lane)


def call(slot: Slot) -> None:
    """Have a parked thread look for work; by whoever has taken it from the parked ones.

    Parameters
    ----------
    slot
        The thread's.

    Examples
    --------
    >>> call.__name__
    'call'
    """
    loop = slot.lane.shared.loop
    if not slot.visiting or loop is None:
        slot.parking.open()
        if loop is not None and loop.in_loop():
            # It may want to turn the loop when it has done what there is.
            loop.step_aside()
        return
    slot.called = True
    if not loop.in_loop():
        loop.call_threadsafe(int)  # anything: it is to look up


def has_work(lane: Lane) -> bool:
    """Whether there is something that a thread is not told of which is about to park."""
    has_tasks = bool(lane.heap) and (not lane.paused or lane.nudges > 0)
    return has_tasks or bool(lane.rejoining) or lane.closed


def unpark(lane: Lane, slot: Slot) -> bool:
    """Take a thread from the parked ones; False if somebody has done so, and calls it."""
    try:
        lane.parked.remove(slot)
    except ValueError:
        return False
    return True
