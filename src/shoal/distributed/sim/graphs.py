"""Random graphs of tiny tasks, and what a serial run makes of them.

A task calls one of a few functions, which compute an integer from its inputs and a number of its
own, each another one.  What else it does (take long, make something large, raise, kill its worker)
is said by its *deed*.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

import msgspec

from shoal.distributed.core.streaming import streamed
from shoal.distributed.protocol import Code, Grid, Key, Listed, Options, Submit

__all__ = ["Graph", "Task", "expected", "part_of", "random_graph", "submit_message"]

PRIME = (1 << 61) - 1

FUNCTIONS = 5
"""How many there are."""


class Payload(msgspec.Struct, array_like=True):
    """A task's arguments, as its worker reads them."""

    deed: str
    number: int
    seconds: float
    nbytes: int

    @property
    def salt(self) -> int:
        """Which function it calls."""
        return self.number % FUNCTIONS


@dataclass
class Task:
    """One task.

    Parameters
    ----------
    key
        Its name.
    payload
        What it does.
    deps
        Keys of those it needs.
    options
        What the user asks for.
    part
        Which part it reads of its inputs; -1: it reads them whole.

    Examples
    --------
    >>> Task("x", Payload("sum", 3, 0.1, 8), []).value([4])
    412
    """

    key: Key
    payload: Payload
    deps: list[Key]
    options: Options | None = None
    part: int = -1

    def value(self, inputs: Iterable[int]) -> int:
        """Its result."""
        payload = self.payload
        return combine(payload.salt, payload.number, [part_of(v, self.part) for v in inputs])


def part_of(value: int, part: int) -> int:
    """A part of a result; of these integers, each has as many as are asked for.

    Parameters
    ----------
    value
        The result.
    part
        Which; -1: all of it.

    Examples
    --------
    >>> part_of(7, -1), part_of(7, 2)
    (7, 1717)
    """
    return value if part < 0 else (value * 245 + part) % PRIME


def combine(salt: int, number: int, inputs: Iterable[int]) -> int:
    """A task's result from those of its inputs: what a function computes."""
    result = (number * (salt + 1)) % PRIME
    for value in inputs:
        result = (result * (31 + salt) + value) % PRIME
    return result


@dataclass
class Graph:
    """Some tasks, each after those it needs.

    Parameters
    ----------
    tasks
        By key.
    layers
        Consecutive pieces: the name and shape of a layer, or keys.
    wanted
        Keys that the user wants.

    Examples
    --------
    >>> Graph().tasks
    {}
    """

    tasks: dict[Key, Task] = field(default_factory=dict)
    layers: list[tuple[str, tuple[int, ...]] | list[Key]] = field(default_factory=list)
    wanted: list[Key] = field(default_factory=list)


@dataclass(frozen=True)
class Taste:
    """What random graphs are like.

    Parameters
    ----------
    layers, width
        At most.
    seconds
        Of most tasks, about.
    large
        Share of tasks with a result worth spilling, and its bytes.
    raising, flaky, long, killing, late, actor
        Shares of tasks that raise, raise at first, go on without a slot, kill their worker, take
        longer than they may, and make an actor.
    choosy
        Share of tasks with options.

    Examples
    --------
    >>> Taste().width
    12
    """

    layers: int = 6
    width: int = 12
    seconds: float = 0.01
    large: float = 0.2
    large_bytes: int = 200_000
    raising: float = 0.01
    flaky: float = 0.02
    long: float = 0.02
    killing: float = 0.0
    late: float = 0.0
    actor: float = 0.0
    choosy: float = 0.1


def random_graph(
    random: Random, name: str, taste: Taste, known: Sequence[Key], workers: Sequence[str]
) -> Graph:
    """A graph.

    Parameters
    ----------
    random
        Chance.
    name
        Begins the names of its layers.
    taste
        What it is like.
    known
        Keys of other graphs that it may need.
    workers
        Names of workers that options may speak of.

    Examples
    --------
    >>> graph = random_graph(Random(3), "g", Taste(), [], [])
    >>> list(graph.tasks)[0]
    'g-0-0'
    """
    graph = Graph()
    before: list[Key] = []
    for number in range(random.randint(1, taste.layers)):
        layer = f"{name}-{number}"
        width = random.randint(1, taste.width)
        keys: list[Key]
        kind = random.random()
        if kind < 0.5:
            shape: tuple[int, ...] = (width,)
            if width > 1 and kind < 0.2:
                shape = (2, (width + 1) // 2)
            keys = [(layer, *index) for index in _indices(shape)]
            graph.layers.append((layer, shape))
        else:
            keys = [f"{layer}-{i}" for i in range(width)]
            graph.layers.append(keys)
        pattern = random.choice(("map", "tree", "all", "random", "random", "shuffle"))
        for i, key in enumerate(keys):
            deps = _deps(random, pattern, i, before, keys[:i], known)
            part = i if pattern == "shuffle" else -1
            graph.tasks[key] = Task(
                key, _payload(random, taste), deps, _options(random, taste, workers), part
            )
        before = keys
    _settle(graph, random, before)
    return graph


DEMANDS = {
    "flaky": Options(retries=3),
    "late": Options(timeout_s=0.3),
    "actor": Options(actor=True),
}
"""What some deeds need."""


def _settle(graph: Graph, random: Random, last: list[Key]) -> None:
    """Choose what is wanted; some tasks need more than others allow."""
    graph.wanted = [key for key in last if random.random() < 0.8] or last[-1:]
    others = [key for key in graph.tasks if key not in graph.wanted]
    graph.wanted += random.sample(others, min(len(others), random.choice((0, 0, 1, 5))))
    for task in graph.tasks.values():
        if task.payload.deed in DEMANDS:
            task.options = DEMANDS[task.payload.deed]


def _indices(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    found: list[tuple[int, ...]] = [()]
    for extent in shape:
        found = [(*index, i) for index in found for i in range(extent)]
    return found


def _deps(
    random: Random,
    pattern: str,
    i: int,
    before: Sequence[Key],
    beside: Sequence[Key],
    known: Sequence[Key],
) -> list[Key]:
    """What a task needs; one thing may be needed twice."""
    if not before:
        if known and random.random() < 0.5:
            return [random.choice(known)]
        return []
    if pattern == "map":
        return [before[i % len(before)]]
    if pattern == "tree":
        return list(before[2 * i : 2 * i + 2]) or [before[-1]]
    if pattern in ("all", "shuffle"):
        return list(before)
    deps = random.choices(before, k=random.randint(0, 4))
    if beside and random.random() < 0.3:
        deps.append(random.choice(beside))
    if known and random.random() < 0.1:
        deps.append(random.choice(known))
    return deps


def _payload(random: Random, taste: Taste) -> Payload:
    chance = random.random()
    deed = random.choice(("sum", "sum", "odd"))
    for name in ("raising", "flaky", "long", "killing", "late", "actor"):
        share = getattr(taste, name)
        if chance < share:
            deed = name
            break
        chance -= share
    seconds = taste.seconds * random.expovariate(1.0)
    if random.random() < 0.02:
        seconds *= 20
    if deed == "late":
        seconds = 100.0
    nbytes = random.randint(8, 2000)
    if random.random() < taste.large:
        nbytes = int(taste.large_bytes * (0.5 + random.random()))
    return Payload(deed, random.randrange(1 << 32), seconds, nbytes)


def _options(random: Random, taste: Taste, workers: Sequence[str]) -> Options | None:
    if random.random() >= taste.choosy:
        return None
    options = Options()
    which = random.randrange(4)
    if which == 0:
        options.priority = random.choice((-1, 1, 5))
    elif which == 1:
        options.resources = {"gadget": random.choice((1.0, 2.0))}
    elif which == 2 and workers:
        options.workers = random.sample(list(workers), random.randint(1, min(2, len(workers))))
        options.allow_other_workers = random.random() < 0.5
    else:
        options.retries = random.choice((0, 2))
        options.speculative = random.random() < 0.7
    return options


# --- what becomes of it -----------------------------------------------------------------------


def expected(
    tasks: Mapping[Key, Task], known: dict[Key, int | frozenset[Key]]
) -> dict[Key, int | frozenset[Key]]:
    """What a serial run gives: for each key its value, or the keys that its failure may be due to.

    Parameters
    ----------
    tasks
        In order.
    known
        Results of tasks that these may need; the new ones are added.

    Examples
    --------
    >>> bad = Task("x", Payload("raising", 1, 0.0, 8), [])
    >>> expected({"x": bad, "y": Task("y", Payload("sum", 1, 0.0, 8), ["x"])}, {})["y"]
    frozenset({'x'})
    """
    for key, task in tasks.items():
        guilty: set[Key] = set()
        values: list[int] = []
        for dep in task.deps:
            result = known[dep]
            if isinstance(result, frozenset):
                guilty |= result
            else:
                values.append(result)
        if guilty:
            known[key] = frozenset(guilty)
        elif task.payload.deed in ("raising", "killing", "late"):
            known[key] = frozenset([key])
        else:
            known[key] = task.value(values)
    return known


def submit_message(graph: Graph, inline: bool) -> Submit:
    """The message that submits a graph.

    Parameters
    ----------
    graph
        The graph.
    inline
        Whether small results are to come along.

    Examples
    --------
    >>> graph = random_graph(Random(3), "g", Taste(), [], [])
    >>> len(submit_message(graph, True).code) == len(graph.tasks)
    True
    """
    pack = msgspec.msgpack.encode
    numbers: dict[Key, int] = {key: i for i, key in enumerate(graph.tasks)}
    externals: dict[Key, int] = {}
    codes: dict[bytes, int] = {}
    message = Submit([], [], [], [], [], [], [], [], inline=inline)
    for piece in graph.layers:
        if isinstance(piece, list):
            message.names.append(Listed(piece))
        else:
            message.names.append(Grid(*piece))
    for i, task in enumerate(graph.tasks.values()):
        payload = task.payload
        name = f"{payload.deed}-{payload.salt}".encode()
        message.code.append(codes.setdefault(name, len(codes)))
        message.args.append(pack(task.payload))
        deps = []
        for dep in task.deps:
            if dep in numbers:
                deps.append(numbers[dep])
            else:
                deps.append(len(numbers) + externals.setdefault(dep, len(externals)))
        message.deps.append(tuple(deps))
        message.order.append(i)
        if task.part >= 0:
            message.parts.append((i, task.part))
        if task.options is not None:
            message.options.append(msgspec.structs.replace(task.options, tasks=[i]))
    message.codes = [
        Code(name.ljust(16), pickle.dumps((combine, int(name.split(b"-")[1])))) for name in codes
    ]
    message.externals = list(externals)
    message.wanted = [numbers[key] for key in graph.wanted]
    return streamed(message)
