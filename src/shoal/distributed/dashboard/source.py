"""Where the dashboard's data comes from: the scheduler, asked only while somebody looks.

All pages share one model.  Whoever needs it says how old it may be; the first one asks the
scheduler, the others wait for the same answer.
"""

from __future__ import annotations

import asyncio
import os
import platform
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from shoal.distributed.client.link import Link
from shoal.distributed.client.promise import as_asyncio
from shoal.distributed.dashboard.model import Model, update
from shoal.distributed.net import Loop, Security
from shoal.distributed.node.profile import merge
from shoal.distributed.protocol import Cancel, Retry

__all__ = ["ACTIONS", "Source"]

TIMEOUT_S = 10.0
GAP_S = 3.0
LINES = 300
ASKED = 64
"""Workers that are asked for their logs and profiles, at most, spread over all."""

MOST = 64
"""Answers to different questions that are kept."""


class Source:
    """Asks the scheduler, and keeps the model.

    Parameters
    ----------
    address, security
        Of the scheduler.

    Attributes
    ----------
    model
        What is known.

    Examples
    --------
    >>> Source("inproc://nobody", Security.new()).model.now
    0.0
    """

    def __init__(self, address: str, security: Security) -> None:
        self.model = Model()
        self.loop = Loop()
        self.link = Link(
            self.loop,
            address,
            security,
            name=f"dashboard-{os.getpid()}-{uuid.uuid4()}",
            versions={"python": platform.python_version()},
            timeout_s=TIMEOUT_S,
        )
        self._asking: dict[Any, asyncio.Future[None]] = {}
        self._asked: dict[Any, float] = {}
        self._answers: dict[Any, Any] = {}

    def open(self) -> None:
        """Connect, and wait until it is done."""
        self.loop.start("shoal-dashboard-link")
        self.link.open().wait(TIMEOUT_S)

    async def call(self, method: str, /, **args: Any) -> Any:
        """Ask the scheduler.

        Parameters
        ----------
        method
            Of its table.
        **args
            Of the method.
        """
        answer, _ = await asyncio.wait_for(as_asyncio(self.link.call(method, **args)), TIMEOUT_S)
        return answer.value

    async def ask_workers(self, args: Mapping[str, str], method: str, told: Any) -> dict[str, Any]:
        """Ask the worker that a page names, or all, and of very many some.

        Parameters
        ----------
        args
            Of the page.
        method, told
            What to call there, with which arguments.
        """
        every = list(self.model.addresses)
        chosen = [args["worker"]] if args.get("worker") else every[:: -(-len(every) // ASKED) or 1]
        found: dict[str, Any] = await self.call(
            "worker.call", workers=chosen, method=method, args=told, on_error="return"
        )
        return found

    async def fresh(self, asks: Mapping[str, Mapping[str, str]], age_s: float = 0.35) -> Model:
        """The model, at most so old.

        Parameters
        ----------
        asks
            Which further answers it should hold, with the page's arguments; see `ASKS`.
        age_s
            How old it may be.
        """
        await self._once("feed", age_s, self._feed)
        answers = {}
        for name, args in asks.items():
            every_s, ask = ASKS[name]
            key = (name, tuple(sorted(args.items())))

            async def work(
                ask: Callable[..., Awaitable[Any]] = ask,
                args: Mapping[str, str] = args,
                key: Any = key,
            ) -> None:
                self._answers[key] = await ask(self, args)

            await self._once(key, every_s, work)
            answers[name] = self._answers[key]
        while len(self._answers) > MOST:
            oldest = next(iter(self._answers))
            del self._answers[oldest]
            self._asked.pop(oldest, None)
        return replace(self.model, answers=answers)

    async def _once(self, key: Any, age_s: float, work: Callable[[], Awaitable[None]]) -> None:
        """Do something unless it was done a moment ago; if it is being done, wait for its end."""
        running = self._asking.get(key)
        if running is not None:
            await asyncio.shield(running)
            return
        if time.monotonic() - self._asked.get(key, -1e9) < age_s:
            return
        task = asyncio.ensure_future(work())
        self._asking[key] = task
        try:
            await asyncio.shield(task)
            self._asked[key] = time.monotonic()
        finally:
            if task.done():
                del self._asking[key]
            else:
                task.add_done_callback(lambda _: self._asking.pop(key, None))

    async def _feed(self) -> None:
        # Of the time in which nobody looked the scheduler's samples are wanted as well.
        history = time.time() - self.model.now > GAP_S
        vitals = await self.call("scheduler.vitals", history=history)
        feed = await self.call("scheduler.feed", history=history, **self.model.cursors)
        update(self.model, feed, vitals, time.time())


async def ask_graph(source: Source, args: Mapping[str, str]) -> Any:
    """Tasks or kinds of tasks."""
    return await source.call("scheduler.graph", limit=400)


async def ask_holdings(source: Source, args: Mapping[str, str]) -> Any:
    """What takes memory."""
    return await source.call("scheduler.holdings")


async def ask_profile(source: Source, args: Mapping[str, str]) -> Any:
    """Stacks of the tasks, of the workers' own threads, or of the scheduler."""
    what = args.get("source", "tasks")
    span = {"start": moment(args, "start"), "stop": moment(args, "stop")}
    if what == "scheduler":
        tree = await source.call("scheduler.profile", **span)
        return {"tree": tree, "times": await source.call("scheduler.profile_times")}
    told = {"key": args.get("key") or None, "server": what == "workers", **span}
    trees = await source.ask_workers(args, "profile", told)
    times = await source.ask_workers(args, "profile_times", {"server": what == "workers"})
    return {
        "tree": merge(tree for tree in trees.values() if "count" in tree),
        "times": [row for rows in times.values() if isinstance(rows, list) for row in rows],
    }


def moment(args: Mapping[str, str], name: str) -> float | None:
    """A time that a page named: seconds since the epoch, or before now if it is below 0."""
    if not args.get(name):
        return None
    at = float(args[name])
    return at if at > 0 else time.time() + at


async def ask_logs(source: Source, args: Mapping[str, str]) -> Any:
    """The last lines of all logs that have a text in them."""
    told = {"n": LINES, "text": args.get("filter", "")}
    found = await source.ask_workers(args, "logs", told)
    logs = {who: lines for who, lines in found.items() if isinstance(lines, list)}
    return {"Scheduler": await source.call("scheduler.logs", **told), **logs}


async def ask_events(source: Source, args: Mapping[str, str]) -> Any:
    """What was logged by topic."""
    return await source.call("events.get", topic=None)


async def ask_info(source: Source, args: Mapping[str, str]) -> Any:
    """One task."""
    key = args.get("key", "").strip()
    return await source.call("scheduler.find", text=key) if key else None


ASKS: dict[str, tuple[float, Callable[[Source, Mapping[str, str]], Awaitable[Any]]]] = {
    "graph": (0.5, ask_graph),
    "holdings": (1.0, ask_holdings),
    "profile": (1.0, ask_profile),
    "logs": (2.0, ask_logs),
    "events": (1.0, ask_events),
    "info": (0.5, ask_info),
}
"""Further answers: how old they may be, and how to get them."""


async def named_key(source: Source, args: Mapping[str, Any]) -> Any:
    """The key of the task that an action names."""
    found = await source.call("scheduler.find", text=str(args["key"]))
    if "about" in found or found.get("state") == "forgotten":
        raise KeyError(args["key"])
    key = found["key"]
    return tuple(key) if isinstance(key, list) else key


async def act_cancel(source: Source, args: Mapping[str, Any]) -> Any:
    """Cancel a task, whoever wants it."""
    source.link.send(Cancel([await named_key(source, args)], True, "cancelled on the dashboard"))
    return "cancelled"


async def act_retry(source: Source, args: Mapping[str, Any]) -> Any:
    """Run a failed task again."""
    source.link.send(Retry([await named_key(source, args)]))
    return "retried"


async def act_retire(source: Source, args: Mapping[str, Any]) -> Any:
    """Have a worker leave, after its results have moved away."""
    await source.call("workers.retire", workers=[str(args["worker"])], close=True)
    return "retired"


ACTIONS: dict[str, Callable[[Source, Mapping[str, Any]], Awaitable[Any]]] = {
    "cancel": act_cancel,
    "retry": act_retry,
    "retire": act_retire,
}
"""What a page may change, by the last part of its path (``/actions/NAME``)."""
