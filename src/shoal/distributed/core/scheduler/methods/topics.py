"""Events by topic, with those who listen; and values published to whoever subscribed.

``events.log {topic, value}`` keeps the event (the last of `Settings.events`) and sends it to
subscribers (`Subscribe`), as `Topic` messages; ``events.get {topic?}`` is ``[[time, value]]``, or
these by topic. ``pubsub.publish {name, value}`` is sent to subscribers of the topic
``pubsub-name`` and not kept. ``tasks.printed {said, places}`` goes, as events of the topic
``printed``, to the clients that asked for these tasks and subscribed to it, and is not kept either.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from shoal.distributed.core.effects import Send
from shoal.distributed.core.scheduler.methods.calls import Method
from shoal.distributed.core.scheduler.names import find
from shoal.distributed.core.scheduler.records import Client, Party
from shoal.distributed.core.scheduler.state import Scheduler, clients_of
from shoal.distributed.core.scheduler.table import MASK
from shoal.distributed.protocol import Topic

__all__ = ["METHODS", "log_event", "publish"]


def publish(state: Scheduler, topic: str, value: Any, now: float) -> int:
    """Send an event to all who subscribed to its topic; how many these are.

    Parameters
    ----------
    state
        The scheduler's.
    topic, value
        The event.
    now
        The time.

    Examples
    --------
    >>> publish(Scheduler(), "news", 1, 0.0)
    0
    """
    told = [p for p in state.parties.values() if topic in (p.client or p).topics]
    for who in told:
        state.effects.append(Send(who.party, Topic(topic, [(now, value)])))
    return len(told)


def log_event(state: Scheduler, topic: str, value: Any, now: float) -> None:
    """Keep an event, and tell it.

    Parameters
    ----------
    state
        The scheduler's.
    topic, value
        The event.
    now
        The time.

    Examples
    --------
    >>> state = Scheduler()
    >>> log_event(state, "news", "good", 1.5)
    >>> list(state.machines["events"]["news"])
    [(1.5, 'good')]
    """
    events = state.machines.setdefault("events", {})
    if topic not in events:
        events[topic] = deque(maxlen=state.settings.events)
    events[topic].append((now, value))
    publish(state, topic, value, now)


def log(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """Somebody records an event."""
    log_event(state, args["topic"], args["value"], args.get("time", now))


def get(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """What was recorded."""
    events = state.machines.get("events", {})
    topic = args.get("topic")
    if topic is None:
        return {name: list(kept) for name, kept in events.items()}
    return list(events.get(topic, ()))


def publish_value(
    state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float
) -> Any:
    """Somebody publishes a value; how many got it."""
    return publish(state, f"pubsub-{args['name']}", args["value"], now)


def printed(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> None:
    """Tasks of a worker have written something."""
    told: dict[int, list[Any]] = {}
    for said in args["said"]:
        for client in askers(state, find(state.names, said[0])):
            if "printed" in client.topics and client.party >= 0:
                told.setdefault(client.party, []).append(said)
    for party, part in told.items():
        value = {"said": part, "places": args["places"]}
        state.effects.append(Send(party, Topic("printed", [(now, value)])))


MOST_ASKED = 1000
"""Rows that are looked at to find who asked for a task."""


def askers(state: Scheduler, row: int) -> list[Client]:
    """The clients that want a row, or what needs it: as far as a thousand rows tell.

    Examples
    --------
    >>> askers(Scheduler(), -1)
    []
    """
    table = state.table
    seen = {row: None} if row >= 0 else {}
    found: dict[int, Client] = {}
    for here in (stack := list(seen)):
        found |= {client.number: client for client in clients_of(state, here)}
        known = table.dependents[here]
        for number in known if type(known) is list else () if known is None else (known,):
            user = number & MASK
            if table.numbers[user] == number and user not in seen and len(seen) < MOST_ASKED:
                seen[user] = None
                stack.append(user)
    return list(found.values())


METHODS: dict[str, Method] = {
    "events.log": log,
    "events.get": get,
    "pubsub.publish": publish_value,
    "tasks.printed": printed,
}
