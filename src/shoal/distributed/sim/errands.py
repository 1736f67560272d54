"""What users share through the scheduler: locks, leases, items, flags, values; and plugins.

An errand is one thing of that kind, done by a client that does nothing else (`runner`).  What must
be true of all of them together is noted in `Shared`: nobody holds what another one holds, an item
is got once and not lost, a value is one that was given.

A connection that breaks is no excuse for any of it, as long as the session lives on, and neither
is a scheduler that is killed and comes back with its journal.  A session that has lapsed is: then a
client may still believe that it holds what the scheduler has given to others, until it is told that
they have it; and a client that was told something just before may hear it once more.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from shoal.distributed.protocol import Answer, Call
from shoal.distributed.sim.client import ClientNode, Wait

if TYPE_CHECKING:
    from shoal.distributed.sim.world import World

__all__ = ["Shared", "lost_items", "runner"]

Steps: TypeAlias = Generator[Wait, None, Any]

LEASES = 2
"""Of the semaphore."""


class Shared:
    """What the clients of a run know of what they share.

    Examples
    --------
    >>> Shared().items
    {}
    """

    def __init__(self) -> None:
        self.holders: dict[str, list[tuple[ClientNode, str]]] = {}
        """Who holds locks and leases, and by which id."""
        self.items: dict[int, str] = {}
        """Items by value: ``"put"`` (the scheduler may have it), ``"in"`` (it has), ``"got"``."""
        self.getters: dict[int, tuple[ClientNode, int]] = {}
        self.values: set[int] = set()
        """All that the variable was ever given."""
        self.flags: set[str] = set()
        """Events that were ever set."""
        self.plugins: set[str] = set()
        """That the scheduler has said it has."""
        self.count = 0

    def new(self) -> int:
        """A number that nobody has used."""
        self.count += 1
        return self.count

    def hold(self, world: World, client: ClientNode, name: str, id: str, most: int) -> None:
        """Somebody was told that it holds something."""
        holders = [held for held in self.holders.get(name, []) if held[0].is_alive]
        if len(holders) >= most and not leases_may_lapse(world):
            names = [other.name for other, _ in holders]
            world.complain(f"{client.name} was given {name}, which {names} hold")
        self.holders[name] = [*holders, (client, id)]

    def let_go(self, client: ClientNode, name: str) -> None:
        """Somebody is about to give something back."""
        self.holders[name] = [h for h in self.holders.get(name, []) if h[0] is not client]

    def lose(self, client: ClientNode, ids: list[str]) -> None:
        """Somebody was told that others have what it held."""
        for name, holders in self.holders.items():
            self.holders[name] = [h for h in holders if h[0] is not client or h[1] not in ids]

    def lapse(self, name: str) -> None:
        """The scheduler has forgotten a client: what it held may be given to others."""
        for what, holders in self.holders.items():
            self.holders[what] = [h for h in holders if h[0].name != name]

    def get(self, world: World, client: ClientNode, value: int) -> None:
        """Somebody got an item."""
        if value not in self.items:
            world.complain(f"{client.name} got the item {value}, which nobody put")
        before = self.getters.get(value)
        known = before is not None and before[0].is_alive and before[0].endings == before[1]
        if before is not None and known and not leases_may_lapse(world):
            world.complain(f"{client.name} got the item {value}, as {before[0].name} did")
        self.items[value] = "got"
        self.getters[value] = (client, client.endings)


def leases_may_lapse(world: World) -> bool:
    """Whether somebody's clock may have gone on without those who hold leases."""
    return any(name in ("jump_clock", "stop_process") for _, name in world.plan.faults)


def lost_items(world: World) -> list[int]:
    """Items that the scheduler had taken, nobody got, and that it does not have.

    Parameters
    ----------
    world
        The run, at its end.

    Examples
    --------
    >>> lost_items.__name__
    'lost_items'
    """
    queues = world.scheduler.state.machines.get("queues", {}).values()
    left = {item[1] for queue in queues for item in queue.items}
    left |= {item[1] for q in queues for items, _ in q.given.values() for item in items}
    return [v for v, how in world.shared.items.items() if how == "in" and v not in left]


def runner(client: ClientNode) -> Iterator[Wait]:
    """Somebody who runs errands, and leaves.

    Parameters
    ----------
    client
        Whose hands they are.

    Examples
    --------
    >>> runner.__name__
    'runner'
    """
    random, seconds = client.random, client.world.plan.seconds
    yield random.random() * seconds
    yield lambda: client.is_welcome
    for _ in range(random.randint(4, 16)):
        yield from random.choice(ERRANDS)(client)
        if random.random() < 0.5:
            yield random.random() * 0.1 * seconds
    client.goodbye()


def ask(client: ClientNode, method: str, /, **args: Any) -> Steps:
    """Call a method of the scheduler; the answer, or None if there was none or an error."""
    got: list[Answer | None] = []
    client.ask(lambda number: Call(number, method, args), got.append)
    yield lambda: bool(got)
    return got[0] if got[0] is not None and got[0].error is None else None


def patience(client: ClientNode) -> dict[str, Any]:
    """How long somebody waits: for ever, a while, not at all."""
    chosen = client.random.choice((None, 0.0, 0.2, 1.0))
    return {} if chosen is None else {"timeout_s": chosen}


def a_while(client: ClientNode) -> float:
    """How long somebody holds something: some for longer than a scheduler takes to come back."""
    return client.random.random() * client.random.choice((0.1, 0.1, 0.1, 2.0))


def lock(client: ClientNode) -> Steps:
    """Take one lock, or two at once, and give them back."""
    world, random = client.world, client.random
    names = random.sample(("left", "right", "middle"), random.choice((1, 1, 2)))
    mine = f"{client.name}-{world.shared.new()}"
    answer = yield from ask(client, "multilock.acquire", names=names, id=mine, **patience(client))
    if answer is None or not answer.value:
        return
    for name in names:
        world.shared.hold(world, client, f"the lock {name}", mine, 1)
    yield a_while(client)
    for name in names:
        world.shared.let_go(client, f"the lock {name}")
    yield from ask(client, "multilock.release", names=names, id=mine)


def lease(client: ClientNode) -> Steps:
    """Take a lease, and give it back or forget it."""
    world = client.world
    yield from ask(client, "semaphore.create", name="seats", max_leases=LEASES)
    mine = f"{client.name}-{world.shared.new()}"
    wait = patience(client) or {"timeout_s": 5.0}
    answer = yield from ask(client, "semaphore.acquire", name="seats", id=mine, **wait)
    if answer is None or not answer.value:
        return
    world.shared.hold(world, client, "a seat", mine, LEASES)
    yield a_while(client)
    world.shared.let_go(client, "a seat")
    yield from ask(client, "semaphore.release", name="seats", id=mine)


def put(client: ClientNode) -> Steps:
    """Put an item; some queues have room for two."""
    shared = client.world.shared
    value = shared.new()
    name = client.random.choice(("narrow", "wide"))
    if name == "narrow":
        yield from ask(client, "queue.create", name=name, maxsize=2)
    shared.items[value] = "put"
    wait = patience(client) or {"timeout_s": 2.0}
    answer = yield from ask(client, "queue.put", name=name, item=["value", value], **wait)
    if answer is not None and shared.items[value] == "put":
        shared.items[value] = "in"


def get(client: ClientNode) -> Steps:
    """Take an item, or all that are there; some are put back."""
    world, random = client.world, client.random
    name, mine = random.choice(("narrow", "wide")), world.shared.new()
    many = {"batch": 0} if random.random() < 0.3 else {}
    wait = patience(client) or {"timeout_s": 2.0}
    took: list[Any] = []

    def come(answer: Answer | None) -> None:
        # At once: whoever has it says so.
        took.append(answer)
        if answer is not None and answer.error is None:
            for _, value in answer.value if many else [answer.value]:
                world.shared.get(world, client, value)
            client.say(Call(0, "queue.taken", {"name": name, "id": mine}))

    args = {"name": name, "id": mine, **many, **wait}
    client.ask(lambda number: Call(number, "queue.get", args), come)
    yield lambda: bool(took)


def give_value(client: ClientNode) -> Steps:
    """Give the variable a value."""
    value = client.world.shared.new()
    client.world.shared.values.add(value)
    yield from ask(client, "variable.set", name="best", item=["value", value])


def read_value(client: ClientNode) -> Steps:
    """Read the variable."""
    wait = patience(client) or {"timeout_s": 2.0}
    answer = yield from ask(client, "variable.get", name="best", **wait)
    if answer is not None and answer.value[1] not in client.world.shared.values:
        client.world.complain(f"{client.name} read {answer.value}, which nobody gave")


def set_flag(client: ClientNode) -> Steps:
    """Set an event, or take it back."""
    if client.random.random() < 0.3:
        yield from ask(client, "event.clear", name="go")
    else:
        client.world.shared.flags.add("go")
        yield from ask(client, "event.set", name="go")


def wait_flag(client: ClientNode) -> Steps:
    """Wait for an event, for a while."""
    wait = patience(client) or {"timeout_s": 2.0}
    answer = yield from ask(client, "event.wait", name="go", **wait)
    if answer is not None and answer.value and "go" not in client.world.shared.flags:
        client.world.complain(f"{client.name} saw an event that nobody had set")


def plugin(client: ClientNode) -> Steps:
    """Register a plugin for all workers, those that come later too."""
    name = f"plugin-{client.random.randrange(3)}"
    args = {"kind": "worker", "name": name, "data": b"", "idempotent": True}
    answer = yield from ask(client, "plugin.register", **args)
    if answer is not None:
        client.world.shared.plugins.add(name)


def restart_worker(client: ClientNode) -> Steps:
    """Have a nanny start its worker anew."""
    worker = client.world.pick_worker(client.random)
    if worker is not None and client.random.random() < 0.3:
        args = {"workers": [worker.name], "method": "restart", "nanny": True, "on_error": "ignore"}
        yield from ask(client, "worker.call", **args)


ERRANDS: tuple[Callable[[ClientNode], Steps], ...] = (
    lock,
    lock,
    lease,
    put,
    put,
    get,
    get,
    give_value,
    read_value,
    set_flag,
    wait_flag,
    plugin,
    restart_worker,
)
"""All of them; what stands here twice is done twice as often."""
