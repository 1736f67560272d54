"""What must be true of every run, looked at from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shoal.distributed.core.client import table as futures

if TYPE_CHECKING:
    from shoal.distributed.sim.world import World

__all__: list[str] = []


def unfinished(world: World) -> str:
    """What users still wait for.

    Parameters
    ----------
    world
        The run.
    """
    found = []
    for client in world.clients:
        if client.is_alive and not client.is_done:
            keys = [k for k, e in client.entries.items() if e.status == futures.PENDING]
            found.append(f"{client.name} waits for {len(keys)} keys: {keys[:4]}")
    return "; ".join(found)


def leftovers(world: World) -> str:
    """What is still held though nobody wants anything; empty if nothing is.

    Parameters
    ----------
    world
        The run.
    """
    found: list[str] = []
    state = world.scheduler.state
    if len(state.table):
        rows = [row for row, now in enumerate(state.table.states) if now]
        found.append(f"the scheduler knows {len(rows)} tasks")
    for name in (
        "clients",
        "shared",
        "replicas",
        "reasons",
        "big",
        "traces",
        "parts",
        "tries",
        "deaths",
    ):
        if getattr(state, name):
            found.append(f"the scheduler has {name}: {getattr(state, name)}")
    for name in ("twins", "locating", "unplaced", "outgoing"):
        if getattr(state, name):
            found.append(f"the scheduler has {name}: {getattr(state, name)}")
    if state.names.rows or state.names.layers:
        found.append("the scheduler has names")
    shared = state.machines
    if "locks" in shared and shared["locks"].held:
        found.append(f"the scheduler has locks {shared['locks'].held}")
    if any(semaphore.leases for semaphore in shared.get("semaphores", {}).values()):
        found.append("the scheduler has leases")
    if any(queue.given for queue in shared.get("queues", {}).values()):
        found.append("the scheduler waits for items to be taken")
    if state.active:
        found.append(f"the scheduler counts {state.active} active tasks")
    for worker in world.workers:
        core, storage = worker.state, worker.storage
        if core.tasks:
            found.append(f"{worker.name} has rows {list(core.tasks.values())[:3]}")
        if storage.memory or storage.disk:
            found.append(f"{worker.name} holds {list(storage.memory)[:5]} {list(storage.disk)[:5]}")
        if core.requests or core.managed or core.spilled or core.held_back:
            found.append(f"{worker.name} counts {core.managed} bytes, {core.requests}")
        if worker.threads.running:
            found.append(f"{worker.name} runs {list(worker.threads.running)[:3]}")
        if world.shared.plugins - worker.plugins:
            found.append(f"{worker.name} lacks {world.shared.plugins - worker.plugins}")
        told = state.workers.get(core.numbering.number)
        if told is None or told.name != worker.name:
            found.append(f"the scheduler does not know {worker.name}")
        elif told.sent or told.zombies or told.seceded or told.held or told.nbytes:
            what = f"{len(told.sent)} sent, {told.zombies}, {told.seceded}, {told.held} held"
            found.append(f"the scheduler thinks of {worker.name} {what}, {told.nbytes} bytes")
        elif told.free != told.resources or abs(told.occupancy) > 1e-6 or told.queued:
            found.append(f"{worker.name}: {told.free}, {told.occupancy}, {told.queued}")
    return "; ".join(found)


def memory(world: World) -> list[str]:
    """Workers that held more than they should have.

    Parameters
    ----------
    world
        The run.
    """
    limit = world.plan.memory_limit
    if not limit or any("disk" in name for _, name in world.plan.faults):
        return []
    found = []
    for worker in world.workers:
        peak = worker.storage.peak_bytes
        # One task may need all results of the widest layer at once.
        if peak > limit + 20 * world.plan.taste.large_bytes:
            found.append(f"{worker.name} held {peak:,} bytes; its limit is {limit:,}")
    return found
