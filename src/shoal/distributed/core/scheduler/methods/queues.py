"""Queues and variables of values and futures.

``queue.create {name, maxsize}``, ``queue.put {name, item, timeout_s?}``, ``queue.get {name,
timeout_s?, batch?, id?}``, ``queue.taken {name, id}`` (the items have come),
``queue.put_back {name, items}`` (what was got, and nobody took),
``queue.size {name}``, ``queue.close {name}``; ``variable.set {name, item}``, ``variable.get
{name, timeout_s?}``, ``variable.delete {name}``.

An *item* is ``["value", anything]``, ``["value", anything, keys]`` where there are futures of the
keys in it, or ``["future", key]``.  The queue (or variable) wants the
key of a future, so that it stays; a client that gets a future wants it from then on, before it
knows, and sends no `Want` of its own.  ``batch``: 0 for all there are, n for n of them, both as a
list.

Items that were got stand beside the queue until their client has said that it has them, by the
``id`` of its call.  So a scheduler that was restarted, and cannot know which of its predecessor's
answers were heard, asks nobody: what a client has not called taken when it is back, or when it is
not waited for any longer, stands in front again.  What its predecessor knew of that, and did, it
reads in the journal (`Scheduler.facts`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from shoal.distributed.core.facts import Settled
from shoal.distributed.core.scheduler.methods.calls import (
    Grant,
    Line,
    Method,
    MethodError,
    answer,
    answer_error,
    first,
    wait,
)
from shoal.distributed.core.scheduler.names import find
from shoal.distributed.core.scheduler.needs import let_go, unwant, want
from shoal.distributed.core.scheduler.records import Client, Party
from shoal.distributed.core.scheduler.state import Scheduler
from shoal.distributed.core.scheduler.tell import tell_ends
from shoal.distributed.core.scheduler.transitions import ERRED, MEMORY

__all__ = ["METHODS", "doubt_given", "keeper", "settle", "settle_given"]


ENDED = (MEMORY, ERRED)


def keeper(state: Scheduler, name: str) -> Client:
    """Something that wants keys and is no connection.

    Parameters
    ----------
    state
        The scheduler's.
    name
        Of the thing.

    Examples
    --------
    >>> keeper(Scheduler(), "queue x").party
    -1
    """
    found = state.by_name.get(name)
    if found is None:
        found = Client(state.next_client, name, -1)
        found.gone_since = float("inf")
        state.next_client += 1
        state.clients[found.number] = found
        state.by_name[name] = found
    return found


class Queue:
    """Items, those who wait for one, and those who wait for room."""

    __slots__ = ("getters", "given", "items", "keeps", "most", "putters")

    def __init__(self, most: int) -> None:
        self.most = most
        self.items: deque[Any] = deque()
        self.keeps: dict[Any, int] = {}
        """How many items are futures of a key."""
        self.given: dict[tuple[str, Any], tuple[list[Any], Grant | None]] = {}
        """Items that were got and not called taken, by client and id; None: by an answer of the
        scheduler before this one."""
        self.getters: Line = deque()
        self.putters: Line = deque()


def as_key(key: Any) -> Any:
    """A key as msgpack gave it."""
    return tuple(key) if isinstance(key, list) else key


def keep(state: Scheduler, name: str, counts: dict[Any, int], item: Any) -> None:
    """An item is kept: the keys of the futures in it are wanted."""
    keys = keys_in(item)
    for key in keys:
        if find(state.names, key) < 0:
            text = f"the future of {key!r} is not known to the scheduler (any more)"
            raise MethodError("KeyError", text)
    for key in keys:
        want(state, keeper(state, name), find(state.names, key))
        counts[key] = counts.get(key, 0) + 1


def keys_in(item: Any) -> list[Any]:
    """Keys of the futures in an item."""
    kind, what, *more = item
    return [as_key(what)] if kind == "future" else [as_key(key) for keys in more for key in keys]


def nothing() -> None:
    """What is given and stays: a variable keeps what it gives."""


def hand_over(
    state: Scheduler,
    party: int,
    value: Any,
    items: Iterable[Any],
    take_back: Callable[[], object] = nothing,
) -> Grant:
    """An answer with items: whoever gets a future wants it."""
    keys = [key for item in items for key in keys_in(item)]
    client = state.homes.get(party)
    if client is not None:
        rows = [row for key in keys if (row := find(state.names, key)) >= 0]
        new = [row for row in rows if want(state, client, row)]
        tell_ends(state, client, [row for row in new if state.table.states[row] in ENDED])
    return Grant(value, take_back, keys)


def let_item_go(state: Scheduler, name: str, counts: dict[Any, int], item: Any) -> None:
    """An item is not kept any more."""
    for key in keys_in(item):
        counts[key] -= 1
        if not counts[key]:
            del counts[key]
            row = find(state.names, key)
            if row >= 0 and unwant(state, keeper(state, name), row):
                let_go(state, [row])
    if not counts:
        dismiss(state, name)


def dismiss(state: Scheduler, name: str) -> None:
    """A keeper that keeps nothing is forgotten."""
    client = state.by_name.get(name)
    if client is not None and not client.wants:
        del state.by_name[name]
        del state.clients[client.number]


def queue_of(state: Scheduler, name: str) -> Queue:
    """A queue, made when it is first spoken of."""
    found: Queue = state.machines.setdefault("queues", {}).setdefault(name, Queue(0))
    return found


def create(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """Make a queue, or come to one that is there."""
    queue = queue_of(state, args["name"])
    queue.most = queue.most or int(args.get("maxsize") or 0)
    return queue.most


def put(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """Append an item; wait for room."""
    name, item = args["name"], args["item"]
    queue = queue_of(state, name)
    keep(state, f"queue {name}", queue.keeps, item)
    if has_room(queue):
        queue.items.append(item)
        serve(state, name, queue)
        return None
    # What waits for room is kept as well, until its putter gives up.
    let_go_again = partial(let_item_go, state, f"queue {name}", queue.keeps, item)
    full = MethodError("TimeoutError", f"the queue {name!r} is full: {queue.most} items")
    try:
        said = wait(state, who, request, args, now, queue.putters, full, item)
    except MethodError:
        let_go_again()
        raise
    queue.putters[-1].given_up = let_go_again
    return said


def has_room(queue: Queue) -> bool:
    """Whether one more item may come: somebody who waits for many at once makes room for them."""
    wanted = next((getter.data[0] for getter in queue.getters if not getter.done), 0)
    return not queue.most or len(queue.items) < max(queue.most, wanted)


def admit(state: Scheduler, queue: Queue) -> None:
    """Whoever waits for room gets it, as far as there is some."""
    while has_room(queue):
        putter = first(queue.putters)
        if putter is None:
            return
        queue.items.append(putter.data)
        answer(state, putter.party, putter.request, None)


def get(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """Take the first item, or several; wait for one."""
    name, batch = args["name"], args.get("batch")
    queue = queue_of(state, name)
    taker = (who.client.name, args.get("id")) if who.client is not None else None
    if taker in queue.given:
        # The scheduler before this one has answered, and the answer was not heard.
        items, _ = queue.given[taker]
        return give(state, who.party, name, taker, items[0] if batch is None else items, items)
    if batch is None or batch is False:
        count = ONE
    else:
        count = len(queue.items) if batch in (0, True) else int(batch)
    is_first = all(getter.done for getter in queue.getters)
    if (is_first or count == 0) and len(queue.items) >= abs(count):
        return pop(state, who.party, name, queue, count, args.get("id"))
    empty = MethodError("TimeoutError", f"the queue {name!r} is empty, or others wait for it")
    data = (count, args.get("id"))
    said = wait(state, who, request, args, now, queue.getters, empty, data)
    admit(state, queue)
    serve(state, name, queue)
    return said


ONE = -1
"""How many items somebody waits for who wants one by itself, not a list of one."""


def pop(state: Scheduler, party: int, name: str, queue: Queue, count: int, id: Any) -> Grant:
    """The first items, for somebody; whoever waits for room gets it."""
    items = [queue.items.popleft() for _ in range(abs(count))]
    value = items[0] if count == ONE else items
    client = state.homes.get(party)
    if client is None or id is None:
        grant = hand_over(state, party, value, items, partial(restore, state, name, items))
    else:
        grant = give(state, party, name, (client.name, id), value, items)
    for item in items:
        let_item_go(state, f"queue {name}", queue.keeps, item)
    admit(state, queue)
    return grant


def give(
    state: Scheduler, party: int, name: str, taker: tuple[str, Any], value: Any, items: list[Any]
) -> Grant:
    """An answer with items that stand beside the queue until they are called taken."""
    grant = hand_over(state, party, value, items, partial(give_back, state, name, taker))
    queue_of(state, name).given[taker] = (items, grant)
    return grant


def restore(state: Scheduler, name: str, items: list[Any]) -> None:
    """Items that were got and not taken stand in front again."""
    queue = state.machines.get("queues", {}).get(name)
    if queue is None:
        return  # it was closed meanwhile
    for item in reversed(items):
        if any(find(state.names, key) < 0 for key in keys_in(item)):
            continue  # nobody wants it any more
        keep(state, f"queue {name}", queue.keeps, item)
        queue.items.appendleft(item)
    serve(state, name, queue)


def give_back(state: Scheduler, name: str, taker: tuple[str, Any]) -> None:
    """Nobody hears of items that were given."""
    settle(state, name, taker, is_back=True)


def settle(state: Scheduler, name: str, taker: tuple[str, Any], is_back: bool) -> None:
    """Items that were given have come, or go back.

    Parameters
    ----------
    state, name
        Which queue.
    taker
        Name of the client, and the id of its call.
    is_back
        Whether they stand in front again.

    Examples
    --------
    >>> settle(Scheduler(), "q", ("me", 1), is_back=True)  # there is no such queue any more
    """
    queue = state.machines.get("queues", {}).get(name)
    gift = queue.given.pop(taker, None) if queue is not None else None
    if gift is None:
        return
    if state.facts is not None:
        state.facts.append(Settled(name, *taker, is_back))
    if is_back:
        restore(state, name, gift[0])


def taken(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """A client has the items of a call."""
    queue = state.machines.get("queues", {}).get(args["name"])
    if queue is not None and who.client is not None:
        queue.given.pop((who.client.name, args["id"]), None)


def given(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """Items were given by the scheduler before this one (a journal says so)."""
    queue = queue_of(state, args["name"])
    queue.given[args["client"], args["id"]] = (args["items"], None)


def doubt_given(state: Scheduler) -> None:
    """What the scheduler before this one has given may have come, or not.

    Parameters
    ----------
    state
        The scheduler's.

    Examples
    --------
    >>> doubt_given(Scheduler())
    """
    for name, queue in list(state.machines.get("queues", {}).items()):
        queue.given = {taker: (items, None) for taker, (items, _) in queue.given.items()}
        for taker in [taker for taker in queue.given if taker[0] not in state.by_name]:
            settle(state, name, taker, is_back=True)


def settle_given(state: Scheduler, client: Client) -> None:
    """A client has said all that it had to say: what was given to it and not taken, is not taken.

    Parameters
    ----------
    state, client
        Whose.

    Examples
    --------
    >>> settle_given(Scheduler(), Client(0, "me", 1))
    """
    if state.is_replayed:
        return
    unheard = {id(said.note) for said in client.session.said}
    for name, queue in list(state.machines.get("queues", {}).items()):
        mine = [(taker, gift[1]) for taker, gift in queue.given.items() if taker[0] == client.name]
        for taker, grant in reversed(mine):
            if grant is None or id(grant) not in unheard:
                settle(state, name, taker, is_back=grant is None)


def put_back(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """A client got items for somebody who had stopped to wait."""
    restore(state, args["name"], args["items"])


def serve(state: Scheduler, name: str, queue: Queue) -> None:
    """Items have come: whoever waits for them gets them, in order."""
    while queue.getters and queue.items:
        getter = queue.getters[0]
        if getter.done:
            queue.getters.popleft()
            continue
        count, id = getter.data
        if abs(count) > len(queue.items):
            return
        queue.getters.popleft()
        getter.done = True
        grant = pop(state, getter.party, name, queue, count, id)
        answer(state, getter.party, getter.request, grant)


def size(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """How many items there are."""
    return len(queue_of(state, args["name"]).items)


def close(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """End a queue; what it kept is let go."""
    name = args["name"]
    queue = state.machines.setdefault("queues", {}).pop(name, None)
    if queue is None:
        return None
    items = [*queue.items, *(putter.data for putter in queue.putters if not putter.done)]
    for line in (queue.getters, queue.putters):
        while (waiter := first(line)) is not None:
            text = f"the queue {name!r} was closed"
            answer_error(state, waiter.party, waiter.request, "RuntimeError", text)
    for item in items:
        let_item_go(state, f"queue {name}", queue.keeps, item)
    return None


class Variable:
    """One item, and those who wait for it."""

    __slots__ = ("item", "keeps", "line")

    def __init__(self) -> None:
        self.item: Any = None
        self.keeps: dict[Any, int] = {}
        self.line: Line = deque()


def set_variable(
    state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float
) -> Any:
    """Give a variable another item."""
    name, item = args["name"], args["item"]
    variable = state.machines.setdefault("variables", {}).setdefault(name, Variable())
    keep(state, f"variable {name}", variable.keeps, item)
    before, variable.item = variable.item, item
    if before is not None:
        let_item_go(state, f"variable {name}", variable.keeps, before)
    while (waiter := first(variable.line)) is not None:
        value = hand_over(state, waiter.party, item, [item])
        answer(state, waiter.party, waiter.request, value)


def get_variable(
    state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float
) -> Any:
    """The item of a variable; wait until there is one."""
    name = args["name"]
    variable = state.machines.setdefault("variables", {}).setdefault(name, Variable())
    if variable.item is not None:
        return hand_over(state, who.party, variable.item, [variable.item])
    unset = MethodError("TimeoutError", f"the variable {name!r} has not been set")
    return wait(state, who, request, args, now, variable.line, unset)


def delete_variable(
    state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float
) -> Any:
    """End a variable; those who wait for it get an error."""
    name = args["name"]
    variable = state.machines.setdefault("variables", {}).pop(name, None)
    if variable is None:
        return None
    if variable.item is not None:
        let_item_go(state, f"variable {name}", variable.keeps, variable.item)
    while (waiter := first(variable.line)) is not None:
        text = f"the variable {name!r} was deleted"
        answer_error(state, waiter.party, waiter.request, "RuntimeError", text)
    return None


METHODS: dict[str, Method] = {
    "queue.create": create,
    "queue.put": put,
    "queue.get": get,
    "queue.given": given,
    "queue.taken": taken,
    "queue.put_back": put_back,
    "queue.size": size,
    "queue.close": close,
    "variable.set": set_variable,
    "variable.get": get_variable,
    "variable.delete": delete_variable,
}
