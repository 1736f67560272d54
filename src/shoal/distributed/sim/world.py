"""All of it together: a cluster, its users, what goes wrong, and what must be true all the same."""

from __future__ import annotations

import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, TextIO

from shoal.distributed.core.scheduler import Settings as SchedulerSettings
from shoal.distributed.core.scheduler.table import Table
from shoal.distributed.core.scheduler.transitions import Checked
from shoal.distributed.core.worker.table import Settings as WorkerSettings
from shoal.distributed.core.worker.table import Task as Row
from shoal.distributed.protocol import Key
from shoal.distributed.sim import checks
from shoal.distributed.sim.client import ClientNode, Wait
from shoal.distributed.sim.clock import Clock
from shoal.distributed.sim.errands import Shared, lost_items, runner
from shoal.distributed.sim.faults import FAULTS, Plan, make_plan
from shoal.distributed.sim.graphs import Graph, Payload, Task, expected, random_graph
from shoal.distributed.sim.nanny import AGAIN_S, NannyNode
from shoal.distributed.sim.network import Network
from shoal.distributed.sim.node import Node
from shoal.distributed.sim.scheduler import SchedulerNode
from shoal.distributed.sim.trace import describe
from shoal.distributed.sim.users import user
from shoal.distributed.sim.worker import WorkerNode

__all__ = ["SimulationError", "World", "run"]

DEADLINE_S = 400.0
"""Every future has ended by then, in virtual time, or never will."""

DRAIN_S = 90.0
"""How long after the last user left the cluster may hold anything: it has to notice deaths."""


class SimulationError(AssertionError):
    """Something that must be true of every run was not.

    Examples
    --------
    >>> issubclass(SimulationError, AssertionError)
    True
    """


class World:
    """One run.

    Parameters
    ----------
    seed
        Decides everything.
    plan
        Instead of the seed's own.
    check_every
        The state machines are validated after every so many turns; 0: never.
    trace
        Where the story is told.
    is_plain
        Messages are not encoded, and turns take all there is: for measuring.

    Examples
    --------
    >>> World(1, Plan()).run()
    """

    def __init__(
        self,
        seed: int,
        plan: Plan | None = None,
        *,
        check_every: int = 1,
        trace: TextIO | None = None,
        is_plain: bool = False,
    ) -> None:
        self.seed = seed
        self.plan = plan or make_plan(seed)
        self.check_every = check_every
        self.trace = trace
        self.is_plain = is_plain
        self.keeps_journal = any(name == "restart_scheduler" for _, name in self.plan.faults)
        self.journal: list[bytes] = []
        self.restarts = 0
        self.clock = Clock()
        self.network = Network(self.clock, Random(f"{seed} network"), self.plan.weather)
        self.random = Random(f"{seed} world")
        self.scheduler_address = "sim://scheduler"
        self.nodes: list[Node] = []
        self.clients: list[ClientNode] = []
        self.workers: list[WorkerNode] = []
        self.nannies: dict[str, NannyNode] = {}
        self.shared = Shared()
        self.turns = 0
        self.deaths = 0
        """Workers that died, or seemed to, for other reasons than their tasks."""
        self.graphs: list[Graph] = []
        self.specs: dict[Key, Task] = {}
        self.known: dict[Key, int | frozenset[Key]] = {}
        self.fragile: dict[Key, None] = {}
        """Data that clients put somewhere, and what is made of it: lost with its workers."""
        self.cancelled: set[Key] = set()
        self.begun: Counter[Key] = Counter()
        self.over: Counter[Key] = Counter()
        self.complaints: list[str] = []
        self.scheduler: SchedulerNode
        self.start_scheduler()

    # -- building ------------------------------------------------------------------------------

    def make_table(self) -> Table:
        """The scheduler's table, which checks changes of state."""
        return Table(Checked) if self.check_every else Table()

    def start_scheduler(self) -> SchedulerNode:
        """A scheduler, perhaps not the first one."""
        identity = f"scheduler-{len(self.nodes)}"
        plan = self.plan
        settings = SchedulerSettings(
            speculate=plan.speculate,
            client_grace_s=plan.grace_s,
            ahead_s=plan.ahead_s,
            # The graphs are small: most would make no regions.
            region=2 if self.seed % 2 else 64,
        )
        node = SchedulerNode(self, "scheduler", "host-s", settings, identity)
        self.nodes.append(node)
        self.scheduler = node
        return node

    def add_worker(self, name: str) -> WorkerNode:
        """A worker; each has a machine of its own, but for every third."""
        count = sum(isinstance(node, WorkerNode) for node in self.nodes)
        plan = self.plan
        nanny = self.nannies.get(name)
        host = nanny.host if nanny is not None else f"host-{count if count % 3 else 0}"
        settings = WorkerSettings(
            name,
            f"sim://{name}-{count}",
            plan.threads,
            memory_limit=plan.memory_limit,
            resources={"gadget": 2.0},
            host=f"host-{count}",
            pid=count,
            nanny=name if plan.nannies else "",
        )
        node = WorkerNode(self, name, host, settings)
        self.nodes.append(node)
        self.workers.append(node)
        if nanny is not None:
            nanny.worker = node
        elif plan.nannies:
            self.nannies[name] = NannyNode(self, host, node)
            self.nodes.append(self.nannies[name])
        return node

    def add_client(self, name: str, does: Callable[[ClientNode], Iterator[Wait]]) -> ClientNode:
        """A client and its user."""
        node = ClientNode(self, name, f"host-{name}", does)
        self.nodes.append(node)
        self.clients.append(node)
        return node

    # -- running -------------------------------------------------------------------------------

    def run(self) -> None:
        """From the beginning to the end.

        Raises
        ------
        SimulationError
            With what went wrong, and the command that shows it again.
        """
        try:
            self._run()
        except Exception as error:
            if not isinstance(error, SimulationError):
                where = traceback.extract_tb(error.__traceback__)[-1]
                place = f"{where.name}, {where.filename}:{where.lineno}"
                text = f"{type(error).__name__}: {error} ({place})"
                self.complaints.insert(0, text)
            raise SimulationError(self.verdict()) from error

    def _run(self) -> None:
        plan = self.plan
        for number in range(plan.workers):
            self.add_worker(f"worker-{number}")
        for number in range(plan.clients):
            self.add_client(f"client-{number}", user)
        for number in range(plan.runners):
            self.add_client(f"runner-{number}", runner)
        random = Random(f"{self.seed} faults")
        for when, name in plan.faults:
            self.clock.at(when, self.do_fault, name, random)
        if not self.clock.run(lambda: self.is_over, DEADLINE_S):
            self.complain(f"not finished after {DEADLINE_S:g} s: {checks.unfinished(self)}")
        end = self.clock.now + DRAIN_S
        while True:
            self.clock.run(lambda: False, self.clock.now + 1.0)
            self.clock.now = max(self.clock.now, min(end, self.clock.now + 1.0))
            left = checks.leftovers(self)
            if not left:
                break
            if self.clock.now >= end:
                self.complain(f"something is left {DRAIN_S:g} s after the end: {left}")
        for complaint in checks.memory(self):
            self.complain(complaint)
        lost = lost_items(self)
        if lost:
            self.complain(f"items of queues are lost: {lost}")

    @property
    def is_over(self) -> bool:
        """Whether all users have left."""
        return all(client.is_done or not client.is_alive for client in self.clients)

    def do_fault(self, name: str, random: Random) -> None:
        """Something goes wrong."""
        self.note(f"fault: {name}")
        FAULTS[name](self, random)

    def complain(self, text: str) -> None:
        """Something is not as it must be: the run ends."""
        self.complaints.append(f"at {self.clock.now:.6f} s: {text}")
        raise SimulationError(self.verdict())

    def verdict(self) -> str:
        """What went wrong, and how to see it again."""
        lines = "\n  ".join(self.complaints)
        return (
            f"seed {self.seed} at {self.clock.now:.6f} s\n  {lines}\n"
            f"  replay: python -m shoal.distributed.sim --seed {self.seed} --trace"
        )

    def after_turn(self, node: Node) -> None:
        """Look at a state machine between two turns."""
        self.turns += 1
        if self.check_every and self.turns % self.check_every == 0:
            node.validate()

    # -- telling -------------------------------------------------------------------------------

    def tell(self, node: Node, what: str, detail: Any, party: int) -> None:
        """Part of the story."""
        if self.trace is not None:
            other = node.ends.get(party)
            whom = f" {other.other.owner.name}:" if other is not None else ""
            self.note(f"{node.name} {what}{whom} {describe(detail)}")

    def note(self, text: str) -> None:
        """A line of the story."""
        if self.trace is not None:
            print(f"{self.clock.now:11.6f} {text}", file=self.trace)

    # -- workers -------------------------------------------------------------------------------

    def pick_worker(self, random: Random) -> WorkerNode | None:
        """Some worker that is alive."""
        alive = [worker for worker in self.workers if worker.is_alive]
        return random.choice(alive) if alive else None

    def kill(self, worker: WorkerNode, silently: bool) -> None:
        """A worker dies."""
        self.note(f"{worker.name} dies{' with its machine' if silently else ''}")
        self.deaths += 1
        worker.die(silently)
        self.worker_left(worker, silently=silently)

    def killed_by_task(self, worker: WorkerNode, key: Key) -> None:
        """A task has ended its worker's process."""
        self.note(f"{key!r} kills {worker.name}")
        worker.die()
        self.worker_left(worker)

    def worker_left(self, worker: WorkerNode, blame: bool = True, silently: bool = False) -> None:
        """Its nanny starts another one; where there is none, or none any more, somebody does."""
        self.workers.remove(worker)
        nanny = self.nannies.get(worker.name)
        late = self.random.choice((0.05, 0.5, 2.0))
        if nanny is not None and silently:
            nanny.die(silently)
        elif nanny is not None and blame and not nanny.worker_died(worker.threads.numbers()):
            late = AGAIN_S
        if nanny is not None and not nanny.is_alive:
            del self.nannies[worker.name]
        self.clock.after(late, self.add_worker, worker.name)

    def began(self, worker: WorkerNode, row: Row) -> None:
        """A task has begun."""
        self.begun[row.key] += 1
        self.tell(worker, "begins", row.key, 0)

    def ended(self, worker: WorkerNode, row: Row) -> None:
        """A task has ended well."""
        self.over[row.key] += 1
        self.tell(worker, "ends", row.key, 0)

    def tries(self, key: Key) -> int:
        """How often a task has begun, anywhere."""
        return self.begun[key]

    # -- clients -------------------------------------------------------------------------------

    def client_done(self, client: ClientNode) -> None:
        """A user has left."""
        self.note(f"{client.name} is done")
        self.clock.after(0.5, client.die)

    def kill_client(self, client: ClientNode) -> None:
        """A client dies."""
        self.note(f"{client.name} dies")
        client.die()

    def make_graph(self, client: ClientNode, held: list[Key]) -> Graph:
        """A graph for a user; now and then one that another user has submitted too."""
        random = client.random
        if self.graphs and random.random() < 0.25:
            graph = random.choice(self.graphs)
            if all(dep in graph.tasks for task in graph.tasks.values() for dep in task.deps):
                return Graph(graph.tasks, graph.layers, list(graph.wanted))
        names = [f"worker-{number}" for number in range(self.plan.workers)]
        usable = [key for key in held if key in self.known]
        graph = random_graph(random, f"g{len(self.graphs)}", self.plan.taste, usable, names)
        self.graphs.append(graph)
        self.specs.update(graph.tasks)
        expected(graph.tasks, self.known)
        for key, task in graph.tasks.items():
            is_actor = task.options is not None and task.options.actor
            if is_actor or any(dep in self.fragile for dep in task.deps):
                self.fragile[key] = None
            if any(dep in self.cancelled for dep in task.deps):
                self.cancelled.add(key)
        return graph

    def make_data(self, client: ClientNode) -> list[Key]:
        """Data for a user to put on workers."""
        keys: list[Key] = [f"data-{client.name}-{i}" for i in range(client.random.randint(1, 4))]
        for key in keys:
            self.known[key] = client.random.randrange(1 << 40)
            self.fragile[key] = None
            self.specs[key] = Task(key, Payload("data", 0, 0.0, 1000), [])
        return keys

    def cancel(self, keys: list[Key]) -> None:
        """A user cancels: these keys, and all that need them, may end so."""
        self.cancelled.update(keys)
        for graph in self.graphs:
            for key, task in graph.tasks.items():
                if any(dep in self.cancelled for dep in task.deps):
                    self.cancelled.add(key)

    # -- judging -------------------------------------------------------------------------------

    def may_lose(self, key: Key) -> bool:
        """Whether a result cannot be had again."""
        return key in self.fragile

    def check_value(self, client: ClientNode, key: Key, value: int) -> None:
        """A client has got a result."""
        if self.known.get(key) != value:
            self.complain(f"{client.name} got {value} for {key!r}; expected {self.known.get(key)}")

    def check_success(self, client: ClientNode, key: Key) -> None:
        """A client was told that a task has ended well."""
        if isinstance(self.known[key], frozenset):
            self.complain(f"{key!r} has ended well; it must fail by {set(self.known[key])}")  # type: ignore[arg-type]

    def check_failure(
        self, client: ClientNode, key: Key, reason: tuple[str, Key, str, bytes]
    ) -> None:
        """A client was told that a task has failed."""
        kind, guilty, _, _ = reason
        should = self.known[key]
        if kind == "cancelled" and guilty in self.cancelled:
            return
        if kind == "lost" and (key in self.fragile or client.breaks):
            return
        if isinstance(should, frozenset) and guilty in should:
            deed = self.specs[guilty].payload.deed
            if kind == {"raising": "raised", "killing": "killed", "late": "timeout"}.get(deed):
                return
        broken = self.deaths + self.network.broken + len(self.plan.faults)
        if kind == "killed" and broken > SchedulerSettings().allowed_failures:
            return
        self.complain(f"{key!r} has failed, {reason}; expected {should}")


def run(seed: int, *, check_every: int = 1, trace: bool = False) -> World:
    """Run a seed.

    Parameters
    ----------
    seed
        The seed.
    check_every
        As in `World`.
    trace
        Whether to tell the story on the standard output.

    Raises
    ------
    SimulationError
        Something was not as it must be.

    Examples
    --------
    >>> run(1).is_over
    True
    """
    world = World(seed, check_every=check_every, trace=sys.stdout if trace else None)
    world.run()
    return world
