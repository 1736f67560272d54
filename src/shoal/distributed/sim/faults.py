"""What goes wrong in a run, and when.

Each fault is a function that does it, now; which ones happen, how many and when is drawn from the
seed.  All of them pass, so that in the end everything can be finished.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import TYPE_CHECKING

from shoal.distributed.sim.graphs import Taste
from shoal.distributed.sim.network import Weather

if TYPE_CHECKING:
    from shoal.distributed.sim.world import World

__all__ = ["FAULTS", "Plan", "make_plan"]


@dataclass
class Plan:
    """What a run is like.

    Parameters
    ----------
    workers, threads, clients
        How many.
    memory_limit
        Of each worker, in bytes; 0 for none.
    seconds
        How long the users work, about; when faults happen.
    taste
        Of graphs.
    weather
        Of the network.
    speculate, ahead_s
        As in the scheduler's settings.  Where workers are given much ahead, they are given tasks
        together with those that make their inputs.
    storms
        Share of users who begin by submitting and cancelling again and again.
    nannies
        Whether workers have nannies.
    runners
        How many more clients there are, which run errands (`shoal.distributed.sim.errands`).
    grace_s
        How long the scheduler remembers clients that are away.
    unwelcome
        Share of clients' connections that break when the scheduler welcomes them.
    faults
        When, and which.

    Examples
    --------
    >>> Plan().clients
    1
    """

    workers: int = 3
    threads: int = 2
    clients: int = 1
    memory_limit: int = 0
    seconds: float = 1.0
    taste: Taste = field(default_factory=Taste)
    weather: Weather = field(default_factory=Weather)
    speculate: float = 0.0
    ahead_s: float = 0.01
    storms: float = 0.0
    nannies: bool = False
    runners: int = 0
    grace_s: float = 10.0
    unwelcome: float = 0.0
    faults: list[tuple[float, str]] = field(default_factory=list)


def make_plan(seed: int) -> Plan:
    """What the run of a seed is like.

    Parameters
    ----------
    seed
        The seed.

    Examples
    --------
    >>> make_plan(7) == make_plan(7)
    True
    """
    random = Random(f"{seed} plan")
    seconds = random.choice((0.1, 0.5, 2.0))
    taste = Taste(
        layers=random.choice((2, 5, 8)),
        width=random.choice((3, 8, 20)),
        seconds=random.choice((0.0003, 0.005, 0.05)),
        large=random.choice((0.0, 0.2, 0.6)),
        raising=random.choice((0.0, 0.01, 0.05)),
        killing=random.choice((0.0,) * 9 + (0.01,)),
    )
    plan = Plan(
        workers=random.choice((1, 2, 3, 5)),
        threads=random.choice((1, 2, 4)),
        clients=random.choice((1, 1, 2, 3)),
        memory_limit=random.choice((0, 0, 1_500_000, 6_000_000)),
        seconds=seconds,
        taste=taste,
        speculate=random.choice((0.0, 0.0, 3.0)),
    )
    if random.random() < 0.3:
        plan.weather = Weather(
            latency_s=random.choice((0.0001, 0.005, 0.05)),
            jitter_s=random.choice((0.0001, 0.01, 0.1)),
            bytes_s=random.choice((1e6, 1e8)),
            loss=random.choice((0.0, 0.05)),
        )
    names = list(FAULTS)
    for _ in range(random.choice((0, 1, 1, 2, 2, 3, 6))):
        plan.faults.append((seconds * random.random() * 1.5, random.choice(names)))
    plan.storms = 0.1
    plan.nannies = random.random() < 0.5
    plan.runners = random.choice((0, 0, 1, 2, 4))
    plan.taste = replace(
        taste,
        late=random.choice((0.0, 0.0, 0.02)),
        actor=random.choice((0.0, 0.0, 0.05)),
    )
    plan.grace_s = random.choice((10.0, 10.0, 10.0, 0.05))
    plan.unwelcome = random.choice((0.0, 0.0, 0.3, 0.7))
    for _ in range(random.choice((0, 4, 12)) if plan.unwelcome else 0):
        plan.faults.append((seconds * random.random(), "break_scheduler_connection"))
    plan.faults.sort()
    plan.ahead_s = random.choice((0.01, 0.01, 0.1, 1.0))
    return plan


# --- the faults -------------------------------------------------------------------------------


def kill_worker(world: World, random: Random) -> None:
    """A worker's process dies."""
    worker = world.pick_worker(random)
    if worker is not None:
        world.kill(worker, silently=False)


def lose_machine(world: World, random: Random) -> None:
    """A worker's machine is gone; nobody is told."""
    worker = world.pick_worker(random)
    if worker is not None:
        world.kill(worker, silently=True)


def break_connection(world: World, random: Random) -> None:
    """Some connection breaks."""
    ends = list(world.network.ends)
    if ends:
        world.network.snap(random.choice(ends))


def break_scheduler_connection(world: World, random: Random) -> None:
    """A connection of the scheduler's breaks."""
    ends = [end for end in world.network.ends if end.owner is world.scheduler]
    if ends:
        world.network.snap(random.choice(ends))


def break_all_connections(world: World, random: Random) -> None:
    """A switch is restarted."""
    for end in list(world.network.ends):
        if end.is_open:
            world.network.snap(end)


def delay(world: World, random: Random) -> None:
    """What is on its way in one direction of a connection is late."""
    ends = list(world.network.ends)
    if ends:
        world.network.stall(random.choice(ends), random.choice((0.1, 1.0, 3.0)))


def delay_and_break(world: World, random: Random) -> None:
    """A party gives its connection up and comes back, before what it sent has been read."""
    ends = [end for end in world.network.ends if end.owner is world.scheduler]
    if ends:
        end = random.choice(ends)
        world.network.stall(end, random.choice((0.2, 1.0)))
        world.clock.after(0.05, world.network.drop_end, end.other)


def partition(world: World, random: Random) -> None:
    """Two machines do not reach each other for a while."""
    _cut(world, random, both=True)


def one_way(world: World, random: Random) -> None:
    """Packets of one machine do not reach another for a while."""
    _cut(world, random, both=False)


def _cut(world: World, random: Random, both: bool) -> None:
    hosts = sorted({node.host for node in world.nodes if node.is_alive})
    if len(hosts) < 2:
        return
    one, other = random.sample(hosts, 2)
    seconds = random.choice((0.3, 2.0, 4.0, 8.0, 15.0))
    pairs = [(one, other), (other, one)] if both else [(one, other)]
    for pair in pairs:
        world.network.cut(*pair)
        world.clock.after(seconds, world.network.heal, *pair)


def stop_process(world: World, random: Random) -> None:
    """A process is stopped for a while (SIGSTOP, swapping, a debugger)."""
    node = random.choice([node for node in world.nodes if node.is_alive])
    node.freeze(random.choice((0.1, 1.0, 3.0, 12.0)))


def jump_clock(world: World, random: Random) -> None:
    """A clock goes ahead at once."""
    node = random.choice([node for node in world.nodes if node.is_alive])
    node.jump(random.choice((0.5, 4.0, 30.0)))


def slow_node(world: World, random: Random) -> None:
    """A process becomes slow for a while."""
    node = random.choice([node for node in world.nodes if node.is_alive])
    node.slowness = random.choice((3.0, 10.0, 50.0))
    world.clock.after(random.choice((1.0, 5.0)), setattr, node, "slowness", 1.0)


def fill_disk(world: World, random: Random) -> None:
    """A worker's disk is full for a while."""
    _disk(world, random, "is_full")


def spoil_disk(world: World, random: Random) -> None:
    """What a worker reads from its disk is wrong for a while."""
    _disk(world, random, "is_bad")


def _disk(world: World, random: Random, name: str) -> None:
    worker = world.pick_worker(random)
    if worker is not None:
        setattr(worker.storage, name, True)
        world.clock.after(random.choice((0.5, 3.0)), setattr, worker.storage, name, False)


def retire_worker(world: World, random: Random) -> None:
    """Somebody asks a worker to leave, once its results are elsewhere."""
    worker = world.pick_worker(random)
    clients = [client for client in world.clients if client.is_alive and client.is_welcome]
    if worker is not None and clients:
        clients[0].call("workers.retire", {"names": [worker.name], "close": True})


def retire_workers(world: World, random: Random) -> None:
    """Somebody asks several workers to leave, perhaps all of them."""
    clients = [client for client in world.clients if client.is_alive and client.is_welcome]
    names = [worker.name for worker in world.workers]
    if clients and names:
        some = random.sample(names, random.randint(1, len(names)))
        clients[0].call("workers.retire", {"names": some, "close": True})


def restart_scheduler(world: World, random: Random) -> None:
    """The scheduler's process dies and is started again, with its journal."""
    if world.scheduler.is_alive:
        world.restarts += 1
        world.scheduler.die()
        world.clock.after(random.choice((0.05, 0.5, 2.0)), world.start_scheduler)


def add_worker(world: World, random: Random) -> None:
    """Another worker joins."""
    world.add_worker(f"late-{len(world.nodes)}")


def kill_client(world: World, random: Random) -> None:
    """A client dies, but not the last one."""
    clients = [node for node in world.clients if node.is_alive and not node.is_done]
    if len(clients) > 1:
        world.kill_client(random.choice(clients))


FAULTS: dict[str, Callable[[World, Random], None]] = {
    fault.__name__: fault
    for fault in (
        kill_worker,
        lose_machine,
        break_connection,
        break_scheduler_connection,
        break_all_connections,
        delay,
        delay_and_break,
        partition,
        one_way,
        stop_process,
        jump_clock,
        slow_node,
        fill_disk,
        spoil_disk,
        add_worker,
        restart_scheduler,
        retire_worker,
        retire_workers,
        kill_client,
    )
}
"""Everything that can go wrong, by name."""
