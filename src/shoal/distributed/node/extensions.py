"""Plugins of the scheduler: users' code that is told what happens there.

The state machine knows nothing of them.  Changes of states are recorded by the column that they are
written to (`core.scheduler.watched`), which is exchanged when the first plugin comes that wants
to hear of them; who has come and gone is seen by comparing, after each batch of events.  So a
scheduler without plugins does no more than to look whether there are any, once a batch.

Plugins run in the loop's thread, one after the other, after the batch of events in which something
happened.  What they raise is logged, and they stay.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import math
from collections.abc import Callable, Iterator
from typing import Any

from shoal.distributed.core.scheduler.names import Layer
from shoal.distributed.core.scheduler.transitions import MEMORY, SENT
from shoal.distributed.core.scheduler.watched import Watched, unwatch, watch
from shoal.distributed.core.streaming import by_task
from shoal.distributed.node.views import PUBLIC
from shoal.distributed.protocol import Call, Grid, Submit

__all__ = ["Extensions"]

log = logging.getLogger("distributed.scheduler")


class Extensions:
    """The plugins of one scheduler.

    Parameters
    ----------
    owner
        The scheduler that they are called with.

    Examples
    --------
    >>> len(Extensions(None))
    0
    """

    def __init__(self, owner: Any) -> None:
        self.owner = owner
        self.by_name: dict[str, Any] = {}
        self._watched: Watched | None = None
        self._workers: dict[int, str] = {}
        self._clients: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self.by_name)

    def __iter__(self) -> Iterator[Any]:
        return iter(list(self.by_name.values()))

    def __contains__(self, name: object) -> bool:
        return name in self.by_name

    def __getitem__(self, name: str) -> Any:
        return self.by_name[name]

    # -- coming and going ----------------------------------------------------------------------

    def add(self, plugin: Any, name: str, idempotent: bool = False) -> None:
        """Add a plugin, and start it; one of that name is closed before.

        Parameters
        ----------
        plugin
            Its methods that exist are called; see `SchedulerPlugin`.
        name
            By which it can be taken away.
        idempotent
            A plugin of that name stays as it is.
        """
        if name in self.by_name:
            if idempotent:
                return
            self.remove(name)
        start = getattr(plugin, "start", None)
        if start is not None:
            finish(start(self.owner))
        self.by_name[name] = plugin
        if len(self.by_name) == 1:
            # It hears of what comes and goes from now on.
            state = self.owner.state
            self._workers = {number: w.address for number, w in state.workers.items()}
            self._clients = {number: c.name for number, c in state.clients.items()}
        self._look()

    def remove(self, name: str) -> None:
        """Take a plugin away.

        Parameters
        ----------
        name
            As it was added.

        Raises
        ------
        ValueError
            There is none of that name.
        """
        if name not in self.by_name:
            raise ValueError(
                f"Could not find plugin {name!r} among the current scheduler plugins: "
                f"{sorted(self.by_name)}"
            )
        plugin = self.by_name.pop(name)
        self._look()
        call(plugin, "close")

    def _look(self) -> None:
        """Watch the states if a plugin wants to hear of them, and only then."""
        table = self.owner.state.table
        wants = any(overrides(plugin, "transition") for plugin in self)
        if wants and self._watched is None:
            self._watched = watch(table)
        elif not wants and self._watched is not None:
            self._watched = None
            unwatch(table)

    def close(self) -> None:
        """The scheduler ends."""
        for plugin in self:
            call(plugin, "before_close")
        for plugin in self:
            call(plugin, "close")

    # -- telling -------------------------------------------------------------------------------

    def received(self, party: int, message: Any) -> None:
        """A message has been taken.

        Parameters
        ----------
        party, message
            From whom, and what.
        """
        if type(message) is Submit:
            told = [plugin for plugin in self if overrides(plugin, "update_graph")]
            if told:
                who = self.owner.state.parties.get(party)
                client = who.client.name if who is not None and who.client is not None else ""
                graph = describe_graph(message)
                for plugin in told:
                    call(plugin, "update_graph", self.owner, client=client, **graph)
        elif type(message) is Call and message.method == "events.log":
            for plugin in self:
                call(plugin, "log_event", message.args.get("topic"), message.args.get("value"))
        elif (
            type(message) is Call
            and message.method == "workers.restart"
            and message.args.get("workers") is None
        ):
            for plugin in self:
                call(plugin, "restart", self.owner)

    def report(self) -> None:
        """Tell what has happened in a batch of events."""
        state = self.owner.state
        workers = {number: w.address for number, w in state.workers.items()}
        clients = {number: c.name for number, c in state.clients.items()}
        self._compare(self._workers, workers, "worker", stimulus_id="")
        self._compare(self._clients, clients, "client")
        self._workers, self._clients = workers, clients
        if self._watched is not None and self._watched.seen:
            seen, self._watched.seen = self._watched.seen, []
            plugins = [plugin for plugin in self if overrides(plugin, "transition")]
            for key, row, was, now in seen:
                more = self._circumstances(row, now)
                for plugin in plugins:
                    call(plugin, "transition", key, PUBLIC[was], PUBLIC[now], **more)

    def _compare(
        self, before: dict[int, str], after: dict[int, str], what: str, **more: Any
    ) -> None:
        if before.keys() == after.keys():
            return
        for plugin in self:
            for number in after.keys() - before.keys():
                call(plugin, f"add_{what}", self.owner, after[number])
            for number in before.keys() - after.keys():
                call(plugin, f"remove_{what}", self.owner, before[number], **more)

    def _circumstances(self, row: int, now: int) -> dict[str, Any]:
        """Where it happened, as far as it is still so."""
        state = self.owner.state
        if now in (MEMORY, SENT) and state.table.states[row] == now:
            worker = state.workers.get(state.table.place[row])
            if worker is not None:
                return {"worker": worker.address, "nbytes": state.table.nbytes[row]}
        return {}


def overrides(plugin: Any, name: str) -> bool:
    """Whether a plugin has a method of its own, and not the empty one of its base.

    Parameters
    ----------
    plugin, name
        The plugin, and the method's name.

    Examples
    --------
    >>> overrides("text", "upper"), overrides("text", "transition")
    (True, False)
    """
    method = getattr(plugin, name, None)
    return method is not None and not getattr(method, "does_nothing", False)


def call(plugin: Any, name: str, *args: Any, **kwargs: Any) -> None:
    """Call a method of a plugin, if it has one; what it raises is logged."""
    if not overrides(plugin, name):
        return
    method: Callable[..., Any] = getattr(plugin, name)
    try:
        finish(method(*args, **kwargs))
    except Exception:
        log.exception("the scheduler plugin %r failed in %s", type(plugin).__name__, name)


def finish(result: Any) -> None:
    """Run a coroutine, if there is one, to its end."""
    if inspect.iscoroutine(result):
        asyncio.run(result)


def describe_graph(message: Submit) -> dict[str, Any]:
    """A submitted graph in words: its keys, those wanted, what depends on what.

    Parameters
    ----------
    message
        As it came.

    Examples
    --------
    >>> from shoal.distributed.protocol import Listed
    >>> names = [Listed(["x", "y"])]
    >>> m = Submit(names, [], [-1, -1], [b"", b""], [(), (0,)], [], [0, 1], [1])
    >>> describe_graph(m)["dependencies"]
    {'x': set(), 'y': {'x'}}
    """
    tasks: list[Any] = []
    for names in message.names:
        tasks += names.keys if not isinstance(names, Grid) else blocks_of(names)
    if message.stands is not None:
        tasks = by_task(message.stands, tasks)
    known = [*tasks, *message.externals]
    return {
        "keys": {tasks[i] for i in message.wanted},
        "tasks": tasks,
        "annotations": {},
        "priority": dict(zip(tasks, message.order)),
        "dependencies": {key: {known[i] for i in deps} for key, deps in zip(tasks, message.deps)},
    }


def blocks_of(grid: Grid) -> list[Any]:
    """The keys of a layer's blocks.

    Parameters
    ----------
    grid
        As it came.

    Examples
    --------
    >>> blocks_of(Grid("x", (2, 2), [1, 2]))
    [('x', 0, 1), ('x', 1, 0)]
    """
    if not grid.shape:
        return [grid.name]
    layer, total = Layer(grid.name, grid.shape, {}), math.prod(grid.shape)
    return [layer.key(flat) for flat in (range(total) if grid.flats is None else grid.flats)]
