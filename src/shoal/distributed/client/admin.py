"""The methods of `Client` that act on workers and the scheduler: run, restart, plugins, events."""

from __future__ import annotations

import logging
import os
import pickle
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shoal.distributed.client.encode import worker_names
from shoal.distributed.client.failures import remote_error
from shoal.distributed.client.future import Future, futures_of
from shoal.distributed.client.plugins import (
    ForwardLogging,
    NannyPlugin,
    SchedulerPlugin,
    WorkerPlugin,
)
from shoal.distributed.client.promise import timeout_of
from shoal.distributed.client.session import Session
from shoal.distributed.client.waiting import all_ended
from shoal.distributed.protocol import Call
from shoal.graph.task import Portion, call_task
from shoal.serialize.exceptions import load_exception
from shoal.serialize.pickles import Frames, dumps, loads

__all__ = ["Admin"]

log = logging.getLogger("distributed.client")


class Admin(Session):
    """Acting on the cluster; see `Client`."""

    # -- functions on workers ------------------------------------------------------------------

    def run(
        self,
        function: Callable[..., Any],
        *args: Any,
        workers: Any = None,
        wait: bool = True,
        nanny: bool = False,
        on_error: str = "raise",
        **kwargs: Any,
    ) -> Any:
        """Call a function on workers, outside of their task queues.

        Parameters
        ----------
        function
            A function or a coroutine function.  One with an argument ``dask_worker`` gets the
            worker.
        *args, **kwargs
            Its arguments.
        workers
            Only these; default: all.
        wait
            False: do not wait for results.
        nanny
            In the workers' nannies instead.
        on_error
            ``"raise"``, ``"return"`` the exception in place of the result, or ``"ignore"`` workers
            where it failed.

        Returns
        -------
        dict
            Results by address.

        Examples
        --------
        >>> from shoal.distributed import Client
        >>> with Client(n_workers=1, processes=False) as client:
        ...     list(client.run(max, 1, 2).values())
        [2]
        """
        if on_error not in ("raise", "return", "ignore"):
            raise ValueError(f"on_error must be 'raise', 'return' or 'ignore', got {on_error!r}")
        one = isinstance(workers, str)
        call = {
            "workers": None if workers is None else worker_names(workers),
            "method": "run",
            "args": {"data": _packed((function, args, kwargs)), "wait": wait},
            "nanny": nanny,
            "on_error": "return",
            "all_there": on_error == "raise",
        }

        if not wait:
            return self._run(self._begin("worker.call", call))

        def finish(found: Any) -> Any:
            results = _results(found, on_error, self._unpickle)
            return results[workers] if one and workers in results else results

        return self._run(self._answer("worker.call", call), finish)

    run_coroutine = run

    async def _begin(self, method: str, args: dict[str, Any]) -> None:
        """Call a method, and do not wait for its answer."""
        self._link.request(lambda number: Call(number, method, args))

    def run_on_scheduler(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a function in the scheduler's process.

        Parameters
        ----------
        function
            A function or a coroutine function.  One with an argument ``dask_scheduler`` gets the
            scheduler.
        *args, **kwargs
            Its arguments.
        """
        call = {"data": _packed((function, args, kwargs)), "wait": True}
        return self._run(
            self._answer("scheduler.run", call), lambda found: _outcome(found, self._unpickle)
        )

    # -- workers -------------------------------------------------------------------------------

    def restart(self, timeout: Any = None, wait_for_workers: bool = True) -> Any:
        """Start all workers anew; every future is cancelled.

        Parameters
        ----------
        timeout
            Seconds to wait for the new workers.
        wait_for_workers
            False not to wait.
        """
        timeout_s = timeout_of(timeout)

        async def steps() -> None:
            with self._link.lock:
                keys = list(self._link.table.entries)
            self._link.cancel(keys, False, "the cluster was restarted")
            results = await self._answer(
                "workers.restart",
                {
                    "workers": None,
                    "timeout_s": self._timeout_s if timeout_s is None else timeout_s,
                    "wait": wait_for_workers,
                },
            )
            late = {n: s for n, s in dict(results or {}).items() if s not in ("OK", "sent away")}
            if late:
                said = ", ".join(f"{name} ({what})" for name, what in late.items())
                raise TimeoutError(f"workers did not come back in time: {said}")

        return self._run(steps())

    def restart_workers(
        self, workers: Any, timeout: Any = None, raise_for_error: bool = True
    ) -> Any:
        """Start some workers anew; what they held is computed again elsewhere.

        Parameters
        ----------
        workers
            Addresses or names.
        timeout
            Seconds to wait for the new workers.
        raise_for_error
            False: report what went wrong instead.

        Returns
        -------
        dict
            ``"OK"``, or ``"timed out"``, ``"stays down"``, ``"sent away"``; by worker.
        """
        timeout_s = timeout_of(timeout)
        names = worker_names(workers)
        call = {
            "workers": names,
            "timeout_s": self._timeout_s if timeout_s is None else timeout_s,
            "wait": True,
        }

        async def steps() -> dict[str, Any]:
            info = await self._answer("scheduler.info", {})
            alone = [
                worker["address"]
                for worker in info["workers"].values()
                if not worker["nanny"] and not {worker["address"], worker["name"]}.isdisjoint(names)
            ]
            if alone:
                raise ValueError(
                    f"restarting workers requires a nanny, and these have none: {alone}"
                )
            found = dict(await self._answer("workers.restart", call) or {})
            # By what the caller called them.
            known = {worker["name"]: worker["address"] for worker in info["workers"].values()}
            results = {
                a if a in names else n: found.get(n, "OK")
                for n, a in known.items()
                if n in names or a in names
            }
            bad = {name: said for name, said in results.items() if said != "OK"}
            if bad and raise_for_error:
                raise TimeoutError(f"{len(bad)}/{len(results)} workers did not come back: {bad}")
            return results

        return self._run(steps())

    def retire_workers(self, workers: Any = None, close_workers: bool = True, **kwargs: Any) -> Any:
        """Let workers finish, move their results elsewhere, and close them.

        A worker that has an actor stays, with a warning: actors cannot be moved.

        Parameters
        ----------
        workers
            Addresses or names; default: those that the scheduler can best do without.
        close_workers
            False to keep them, without work.
        **kwargs
            ``n``: how many; ``names``: by name; ``remove``: accepted.
        """
        if unknown := sorted(kwargs.keys() - {"n", "names", "remove"}):
            # Who means some workers and misspells it must not lose others.
            raise TypeError(
                f"retire_workers has no option {unknown[0]!r}; it takes workers=, n= and names="
            )
        return self._ask(
            "workers.retire",
            workers=None if workers is None else worker_names(workers),
            close=close_workers,
            keep_actors=True,
            **kwargs,
        )

    def upload_file(self, filename: str | os.PathLike[str], load: bool = True) -> Any:
        """Send a module to the scheduler and all workers, also those that come later.

        Parameters
        ----------
        filename
            A ``.py``, ``.egg`` or ``.zip`` file.
        load
            Whether to import it there.

        Returns
        -------
        dict
            What each worker answered, by address.
        """
        path = Path(filename)
        args = {"name": path.name, "data": path.read_bytes(), "load": load}

        async def steps() -> Any:
            _outcome(await self._answer("scheduler.upload_file", args))
            return await self._answer("workers.upload_file", args)

        return self._run(steps(), lambda found: _results(found, "raise"))

    # -- plugins -------------------------------------------------------------------------------

    def register_plugin(self, plugin: Any, name: str | None = None, **kwargs: Any) -> Any:
        """Set something up on workers, nannies or the scheduler.

        Parameters
        ----------
        plugin
            A `WorkerPlugin`, `NannyPlugin` or `SchedulerPlugin`.  Those for workers are also
            sent to workers that come later.
        name
            Of the plugin; default: its own, or a new one.
        **kwargs
            Accepted.

        Returns
        -------
        dict
            What setting up answered on each worker, by address.
        """
        if isinstance(plugin, type):
            raise TypeError(
                f"a plugin is an instance, got the class {plugin.__name__}; write "
                f"{plugin.__name__}()"
            )
        if not isinstance(plugin, WorkerPlugin | NannyPlugin | SchedulerPlugin):
            raise TypeError(
                "Registering duck-typed plugins is not allowed. Please inherit from NannyPlugin, "
                f"WorkerPlugin or SchedulerPlugin; got {type(plugin).__name__}"
            )
        label = name or getattr(plugin, "name", None) or f"{type(plugin).__name__}-{id(plugin):x}"
        args = {
            "name": str(label),
            "data": _packed(plugin),
            "idempotent": bool(getattr(plugin, "idempotent", False)),
        }

        async def steps() -> dict[str, Any]:
            found: dict[str, Any] = {}
            for kind in getattr(plugin, "kinds", (plugin.kind,)):
                if kind == "scheduler":
                    _outcome(await self._answer("scheduler.add_plugin", args))
                else:
                    found |= await self._answer("plugin.register", {**args, "kind": kind}) or {}
            return found

        return self._run(steps(), lambda found: _results(found, "raise"))

    def unregister_worker_plugin(self, name: str, nanny: bool | None = None) -> Any:
        """Take a plugin back.

        Parameters
        ----------
        name
            As it was registered.
        nanny
            True for a nanny's.
        """
        kind = "nanny" if nanny else "worker"
        return self._run(
            self._answer("plugin.unregister", {"name": name, "kind": kind}),
            lambda found: _results(found or {}, "raise"),
        )

    def unregister_scheduler_plugin(self, name: str) -> Any:
        """Take a plugin of the scheduler back.

        Parameters
        ----------
        name
            As it was registered.
        """
        call = {"name": name}
        return self._run(self._answer("scheduler.remove_plugin", call), _outcome)

    def register_worker_callbacks(self, setup: Callable[..., Any] | None = None) -> Any:
        """Call a function on every worker, also those that come later.

        Parameters
        ----------
        setup
            Called without arguments, or with ``dask_worker``.
        """
        args = {
            "name": f"callback-{id(setup):x}",
            "kind": "callback",
            "data": _packed(setup),
            "idempotent": False,
        }
        return self._run(
            self._answer("plugin.register", args), lambda found: _results(found or {}, "raise")
        )

    # -- events and metadata -------------------------------------------------------------------

    def log_event(self, topic: Any, msg: Any) -> Any:
        """Record an event.

        Parameters
        ----------
        topic
            A name, or several.
        msg
            Anything that msgpack can say.
        """
        topics = [topic] if isinstance(topic, str) else list(topic)

        async def steps() -> None:
            for name in topics:
                await self._answer("events.log", {"topic": name, "value": msg})

        return self._run(steps())

    def get_events(self, topic: str | None = None) -> Any:
        """The recorded events: ``(time, event)`` of a topic, or all by topic.

        Parameters
        ----------
        topic
            None for all.

        Returns
        -------
        tuple of (float, event), or dict of these
            Times in seconds since the epoch.
        """

        async def steps() -> Any:
            await self._compare_clocks()
            return await self._answer("events.get", {"topic": topic})

        def shifted(rows: Any) -> tuple[tuple[float, Any], ...]:
            return tuple((when + self._epoch, event) for when, event in rows or ())

        def finish(found: Any) -> Any:
            if topic is not None:
                return shifted(found)
            return {name: shifted(rows) for name, rows in dict(found).items()}

        return self._run(steps(), finish)

    async def _compare_clocks(self) -> None:
        """Find out what the scheduler's clock says when this program's says the time of day."""
        asked = time.time()
        identity = await self._answer("scheduler.identity", {})
        # It was answered somewhere between: wrong by half of the round trip at most.
        self._epoch = (asked + time.time()) / 2 - identity["now"]

    def subscribe_topic(self, topic: str, handler: Callable[[Any], Any]) -> Any:
        """Have ``handler((time, event))`` called for every event of a topic.

        Parameters
        ----------
        topic
            Its name.
        handler
            A function or a coroutine function; runs in a thread of its own.
        """
        if topic in self._topics:
            raise ValueError(f"there is a handler of {topic!r} already; unsubscribe it first")
        self._topics[topic] = handler
        self._link.subscribe(topic)

        # An answer that comes after it was sent: from then on no event is missed.
        return self._run(self._compare_clocks())

    def unsubscribe_topic(self, topic: str) -> Any:
        """Hear no more of a topic.

        Parameters
        ----------
        topic
            Its name.
        """
        if topic not in self._topics:
            raise ValueError(f"there is no handler of {topic!r}; topics are {sorted(self._topics)}")
        del self._topics[topic]

        async def steps() -> None:
            self._link.subscribe(topic, False)

        return self._run(steps())

    def forward_logging(self, logger_name: str | None = None, level: int = logging.NOTSET) -> Any:
        """Have what workers log, also later ones, handled by this program's logger of that name.

        Parameters
        ----------
        logger_name
            None for the root logger.
        level
            Only records from this level on.
        """

        def handle(event: tuple[float, Any]) -> None:
            record = logging.makeLogRecord(dict(event[1]))
            logging.getLogger(record.name).handle(record)

        topic = f"forwarded-log-{logger_name or 'root'}"

        args = {
            "name": topic,
            "data": _packed(ForwardLogging(logger_name, level, topic)),
            "idempotent": False,
            "kind": "worker",
        }

        async def steps() -> Any:
            if topic not in self._topics:
                self._topics[topic] = handle
                self._link.subscribe(topic)
            return await self._answer("plugin.register", args)

        return self._run(steps(), lambda found: _results(found or {}, "raise") and None)

    def unforward_logging(self, logger_name: str | None = None) -> Any:
        """Undo `forward_logging`.

        Parameters
        ----------
        logger_name
            As it was given there.
        """
        topic = f"forwarded-log-{logger_name or 'root'}"
        self._topics.pop(topic, None)

        async def steps() -> Any:
            self._link.subscribe(topic, False)
            return await self._answer("plugin.unregister", {"name": topic, "kind": "worker"})

        return self._run(steps(), lambda _: None)

    def set_metadata(self, key: Any, value: Any) -> Any:
        """Keep a small value at the scheduler.

        Parameters
        ----------
        key
            A name, or a list of names: a path into nested dictionaries.
        value
            Anything that msgpack can say.
        """
        keys = list(key) if isinstance(key, list | tuple) else [key]
        return self._ask("metadata.set", keys=keys, value=value)

    def get_metadata(self, keys: Any, default: Any = ...) -> Any:
        """A value from `set_metadata`.

        Parameters
        ----------
        keys
            A name, or a list of names.
        default
            Returned where there is none.

        Raises
        ------
        KeyError
            There is none, and no default.
        """
        path = list(keys) if isinstance(keys, list | tuple) else [keys]

        async def steps() -> Any:
            try:
                return await self._answer("metadata.get", {"keys": path})
            except KeyError:
                if default is not ...:
                    return default
                raise

        return self._run(steps())

    # -- running tasks here --------------------------------------------------------------------

    def recreate_task_locally(self, future: Any) -> Any:
        """Run a task in this process, with the inputs that it had on the cluster.

        Parameters
        ----------
        future
            Of the task; a collection means its first future.
        """
        return self._recreate(future, failed=False)

    def recreate_error_locally(self, future: Any) -> Any:
        """Run a task that failed in this process, to look at it with a debugger.

        Parameters
        ----------
        future
            Whose result cannot be had; the task that is at fault is run.
        """
        return self._recreate(future, failed=True)

    def _recreate(self, future: Any, failed: bool) -> Any:
        found = futures_of(future)
        client: Any = self

        async def steps() -> Any:
            entries = [each._entry for each in found]
            await all_ended(self._link, entries)
            keys = [e.error[1] if e.error else e.key for e in entries if e.error or not failed]
            if not keys:
                raise ValueError("No errored futures passed: there is no error to run again")
            recipe = await self._answer("scheduler.recipe", {"key": keys[0]})
            needs: list[Future[Any]] = [Future(_key(key), client) for key in recipe["deps"]]
            return recipe, needs, await self._gathered([need._entry for need in needs], True)

        def finish(got: Any) -> Any:
            recipe, needs, values = got
            inputs = self._unpacked(values, [need._entry for need in needs])
            func, *shared = pickle.loads(recipe["code"])
            args = shared[0] if shared else None
            if recipe["args"]:
                args = pickle.loads(recipe["args"], buffers=recipe["big"])
            if recipe["part"] >= 0:
                args = Portion(args, recipe["part"])
            return call_task(func, args, inputs)

        return self._run(steps(), finish)


def _key(key: Any) -> Any:
    return tuple(key) if isinstance(key, list) else key


def _packed(item: Any) -> bytes:
    """A function or object for another process, in one piece."""
    frames = dumps(item)
    if not frames.buffers:
        return bytes(frames.head)
    return pickle.dumps(_Loaded(frames))


class _Loaded:
    """Unpickles to what its frames describe."""

    def __init__(self, frames: Frames) -> None:
        self.frames = frames

    def __reduce__(self) -> Any:
        return loads, (self.frames,)


def _outcome(found: Any, unpickle: Callable[..., Any] = pickle.loads) -> Any:
    """The result of a function that ran elsewhere, or its exception raised."""
    status, data = found
    if status == "ok":
        return unpickle(data)
    raise load_exception(pickle.loads(data))


def _results(
    found: Any, on_error: str, unpickle: Callable[..., Any] = pickle.loads
) -> dict[str, Any]:
    """What functions on workers gave, by address."""
    results: dict[str, Any] = {}
    for address, said in dict(found).items():
        if isinstance(said, dict) and "error" in said:
            error: BaseException = remote_error(*said["error"])
        else:
            try:
                results[address] = (
                    _outcome(said, unpickle) if isinstance(said, list | tuple) else said
                )
                continue
            except Exception as raised:
                error = raised
        if on_error == "raise":
            raise error
        if on_error == "return":
            results[address] = error
    return results
