"""What the scheduler costs a task, with up to 1,000 workers and 1,000,000 tasks, simulated.

    python bench/sim_bench.py [--workers 1000] [--tasks 1000000] [--seconds 0.001] [--shape tree]

The state machines of the scheduler and of every worker are the real ones; the time is what the
scheduler's takes of a processor, with the plain functions around it left out.  Without arguments it
runs a table of sizes and shapes.
"""

from __future__ import annotations

import argparse
import pickle
import resource
import time

import msgspec

from shoal.distributed.core import scheduler as core
from shoal.distributed.core.streaming import streamed
from shoal.distributed.protocol import Code, Finished, Grid, Submit
from shoal.distributed.sim.client import ClientNode
from shoal.distributed.sim.faults import Plan
from shoal.distributed.sim.graphs import Payload, combine
from shoal.distributed.sim.world import World


def message(shape: str, count: int, seconds: float) -> Submit:
    """A graph of about so many tasks; only its last layer is wanted."""
    args = msgspec.msgpack.encode(Payload("sum", 3, seconds, 100))
    names, deps, wanted = [], [], list(range(count))
    if shape == "tree":
        width, before, total = (count + 1) // 2, -1, 0
        while width:
            names.append(Grid(f"layer-{len(names)}", (width,)))
            if before < 0:
                deps += [()] * width
            else:
                deps += [(before + 2 * i, before + 2 * i + 1) for i in range(width)]
            before, total, width = total, total + width, width // 2
        wanted = [total - 1]
    elif shape == "chains":
        width = count // 10
        for layer in range(10):
            names.append(Grid(f"layer-{layer}", (width,)))
            first = (layer - 1) * width
            deps += [() if layer == 0 else (first + i,) for i in range(width)]
        wanted = list(range(9 * width, 10 * width))
    else:
        names.append(Grid("layer-0", (count,)))
        deps = [()] * count
    n = len(deps)
    code = [Code(b"sum".ljust(16), pickle.dumps((combine, 0)))]
    return streamed(Submit(names, code, [0] * n, [args] * n, deps, [], list(range(n)), wanted))


class CountingClient(ClientNode):
    """A client that counts what it is told."""

    seen = 0

    def finished(self, message: Finished) -> None:
        self.seen += len(message.keys)


class BenchWorld(World):
    """A run without bookkeeping of its own, whose scheduler is timed."""

    def began(self, worker, row) -> None: ...
    def ended(self, worker, row) -> None: ...
    def after_turn(self, node) -> None: ...


def timed(node) -> list[float]:
    """Have a scheduler's turns measured, without carrying out what they want done."""
    spent = [0.0]
    clock, state = time.process_time, node.state

    def turn() -> None:
        node.has_turn = False
        inbox, now = node.inbox, node.time()
        start = clock()
        while inbox:
            call, args = inbox.popleft()
            call(*args)
        due = core.due(state)
        if due is not None and due <= now:
            core.tick(state, now)
        effects = core.drain(state, now)
        spent[0] += clock() - start
        for effect in effects:
            node.effects[type(effect)](effect)
        node.set_alarm()

    node.turn = turn
    return spent


def measure(workers: int, count: int, shape: str, seconds: float) -> None:
    """Run one size and print a line."""
    world = BenchWorld(1, Plan(workers=workers, threads=1, clients=0), check_every=0, is_plain=True)
    graph = message(shape, count, seconds)
    count = len(graph.deps)

    def user(client):
        yield 2.0
        yield lambda: client.is_welcome
        spent[0] = 0.0
        client.say(graph)
        yield lambda: client.seen == len(graph.wanted)

    spent = timed(world.scheduler)
    for number in range(workers):
        # A worker's loop collects what its threads have done every two milliseconds.
        world.add_worker(f"worker-{number}").turn_s = 0.0013
    client = CountingClient(world, "client", "host-client", user)
    world.nodes.append(client)
    world.clients.append(client)
    before, began = time.process_time(), world.clock.now
    world.clock.run(lambda: client.is_done)
    whole = time.process_time() - before
    ideal = count * seconds / workers
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{shape:12s} {workers:5,d} workers {count:9,d} tasks of {seconds * 1e3:g} ms: "
        f"scheduler {spent[0] / count * 1e6:5.2f} us a task (all {whole / count * 1e6:.1f}), "
        f"{(world.clock.now - began - 2) / ideal:.2f} times the ideal time, {peak:,.0f} MiB",
        flush=True,
    )


def main() -> None:
    """As the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--tasks", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=0.0005)
    parser.add_argument("--shape", default="independent")
    options = parser.parse_args()
    if options.workers or options.tasks:
        measure(options.workers or 1000, options.tasks or 1_000_000, options.shape, options.seconds)
        return
    for shape in ("independent", "chains", "tree"):
        for workers, count in ((2, 100_000), (100, 100_000), (1000, 1_000_000)):
            measure(workers, count, shape, options.seconds)


if __name__ == "__main__":
    main()
