"""What users do: submit graphs that build on each other, look at results, change their minds."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from shoal.distributed.core.client import table as futures
from shoal.distributed.protocol import Key
from shoal.distributed.sim.client import ClientNode, Wait
from shoal.distributed.sim.graphs import Graph

if TYPE_CHECKING:
    from shoal.distributed.sim.world import World

__all__ = ["user"]


def user(client: ClientNode) -> Iterator[Wait]:
    """Somebody who works for a while and leaves.

    Parameters
    ----------
    client
        Whose hands they are.

    Examples
    --------
    >>> user.__name__
    'user'
    """
    world, random = client.world, client.random
    yield random.random() * world.plan.seconds
    yield lambda: client.is_welcome
    data: list[Key] = []
    if random.random() < 0.3:
        data = world.make_data(client)
        values = {key: (world.known[key], 1000) for key in data}
        yield from client.scatter(values)  # type: ignore[arg-type]
    graphs: list[Graph] = []
    if random.random() < world.plan.storms:
        yield from storm(client)
    for _ in range(random.randint(1, 4)):
        held = [key for key in client.entries if client.status(key) != futures.CANCELLED]
        graph = world.make_graph(client, held)
        graphs.append(graph)
        if random.random() < 0.2:
            yield from announce(client, graphs)
        client.submit(graph)
        chance = random.random()
        if chance < 0.5:
            yield random.random() * world.plan.seconds
        elif chance < 0.7:
            yield from settle(client, graphs, graph.wanted)
            yield from client.gather(random.sample(graph.wanted, min(3, len(graph.wanted))))
        if random.random() < 0.15:
            some = random.sample(graph.wanted, random.randint(1, len(graph.wanted)))
            world.cancel(some)
            client.cancel(some)
        if random.random() < 0.3:
            some = [key for key in client.entries if random.random() < 0.3]
            client.release(some)
    yield from settle(client, graphs, list(client.entries))
    failed = [key for key in client.entries if client.status(key) == futures.ERROR]
    if failed and random.random() < 0.3:
        client.retry(failed)
        yield from settle(client, graphs, failed)
    check(world, client)
    yield from client.gather([k for k in client.entries if client.status(k) == futures.FINISHED])
    check(world, client)
    if random.random() < 0.5:
        client.release(list(client.entries))
        yield random.random() * 0.1
    client.goodbye()


def announce(client: ClientNode, graphs: list[Graph]) -> Iterator[Wait]:
    """Want what the last graph makes before it is submitted; use it, or let go of it again."""
    random, graph = client.random, graphs[-1]
    client.announce(graph)
    if random.random() < 0.5:
        above = client.world.make_graph(client, list(graph.wanted))
        graphs.append(above)
        client.submit(above)
    elif random.random() < 0.3:
        client.release(random.sample(graph.wanted, random.randint(1, len(graph.wanted))))
    if random.random() < 0.5:
        yield random.random() * client.world.plan.seconds


def storm(client: ClientNode) -> Iterator[Wait]:
    """Graphs that are submitted and cancelled, in part and at once, again and again."""
    world, random = client.world, client.random
    for _ in range(random.randint(3, 12)):
        graph = world.make_graph(client, list(client.entries))
        client.submit(graph)
        if random.random() < 0.3:
            yield random.random() * 0.02
        keys = list(graph.wanted)
        some = random.sample(keys, random.randint(1, len(keys)))
        world.cancel(some)
        client.cancel(some)
        client.release(keys)
    check(world, client)


def settle(client: ClientNode, graphs: list[Graph], keys: list[Key]) -> Iterator[Wait]:
    """Wait for the ends of keys; submit again what a broken connection has swallowed."""
    for _ in range(20):
        keys = [key for key in keys if key in client.entries]
        yield partial(client.ended, keys)
        lost = [
            key
            for key in keys
            if client.status(key) == futures.LOST and not client.world.may_lose(key)
        ]
        if not lost:
            return
        if not client.breaks:
            entry = client.entries[lost[0]]
            client.world.complain(f"{lost[0]!r} was lost, and no connection was: {entry.error}")
        # A user would do the same: what the cluster has forgotten is computed again.
        client.release(lost)
        client.submit(needed(graphs, lost))
        yield 0.1
    client.world.complain(f"{client.name} has lost {lost[0]!r} again and again")


def needed(graphs: list[Graph], keys: list[Key]) -> Graph:
    """The tasks of some graphs that keys are made of, key by key."""
    specs = {key: task for graph in graphs for key, task in graph.tasks.items()}
    stack, found = list(keys), set[Key]()
    while stack:
        key = stack.pop()
        if key not in found and key in specs:
            found.add(key)
            stack += specs[key].deps
    tasks = {key: task for key, task in specs.items() if key in found}
    return Graph(tasks, [list(tasks)], keys)


def check(world: World, client: ClientNode) -> None:
    """Compare how futures ended with how they should."""
    for key, entry in client.entries.items():
        if entry.status in (futures.ERROR, futures.LOST):
            assert entry.error is not None
            world.check_failure(client, key, entry.error)
        elif entry.status == futures.FINISHED:
            world.check_success(client, key)
