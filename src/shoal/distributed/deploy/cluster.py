"""What all clusters have in common: a scheduler somewhere, workers by name, more or fewer of them.

A kind of cluster says how one worker is started and stopped, and where its scheduler is
(`Cluster._start`, `_add_worker`, `_remove_workers`, `_stop`); everything else is here.  All these
block, so that an asynchronous program has them run in a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
import uuid
import weakref
from collections.abc import Callable, Generator
from typing import Any, Self

from shoal.distributed.client.background import CallbackLoop, sync
from shoal.distributed.client.client import Client
from shoal.distributed.client.link import Link
from shoal.distributed.client.session import close_all as close_clients
from shoal.distributed.client.show import counts_of, workers_html
from shoal.distributed.client.start import Place
from shoal.distributed.dashboard.access import link_of
from shoal.distributed.deploy.adaptive import Adaptive
from shoal.distributed.deploy.logs import Log, Logs
from shoal.errors import ClusterError
from shoal.units import format_bytes, parse_bytes, parse_timedelta

__all__ = ["Cluster"]

log = logging.getLogger("distributed.deploy")

CLOSE_S = 10.0
"""How long workers may take to end before they are killed."""


class Cluster:
    """A cluster that this program started.

    Parameters
    ----------
    asynchronous
        Methods return what can be awaited.
    loop
        Accepted, without effect.
    quiet
        Accepted.
    name
        What it is called; default: a new name.
    scheduler_sync_interval
        Accepted: what is known of workers is asked when it is wanted.
    silence_logs
        While the cluster is there, the loggers below ``distributed`` say nothing less urgent than
        this level; False: as they are set.

    Examples
    --------
    >>> Cluster(asynchronous=True, name="a").scheduler_address
    '<Not Connected>'
    """

    _supports_scaling = True

    def __init__(
        self,
        asynchronous: bool = False,
        loop: Any = None,
        quiet: bool = False,
        name: str | None = None,
        scheduler_sync_interval: Any = 1,
        silence_logs: Any = False,
    ) -> None:
        self._asynchronous = asynchronous
        self._silence = silence_logs
        self.name = str(uuid.uuid4())[:8] if name is None else name
        self.status = "created"
        self.workers: dict[Any, Any] = {}
        """What was started, by name."""
        self.scheduler: Any = None
        self._link: Link | None = None
        self._callbacks = CallbackLoop()
        self.loop: Any = self._callbacks
        """An asyncio loop in a thread, with ``add_callback``; it starts when it is first used."""
        self._adaptive: Adaptive | None = None
        self._lock = threading.RLock()
        self._link_lock = threading.Lock()
        self._next = 0
        self._leaving: set[threading.Thread] = set()
        """Each stops workers that are in ``workers`` no more."""

    @classmethod
    def from_name(cls, name: str) -> Self:
        """The cluster of that name that runs already, for kinds of clusters that can be found so.

        Parameters
        ----------
        name
            As it was started.

        Raises
        ------
        NotImplementedError
            Clusters of this kind cannot be found by name.
        """
        raise NotImplementedError(
            f"a {cls.__name__} cannot be found by its name {name!r}; connect to its scheduler with "
            "Client(address) or Client(scheduler_file=...)"
        )

    # -- for a kind of cluster -----------------------------------------------------------------

    def _start(self) -> None:
        """Start the scheduler and the first workers; blocks until they are there."""

    def _add_worker(self, name: Any) -> Any:
        """Start a worker; what stands for it in ``workers``."""
        raise NotImplementedError(f"{type(self).__name__} cannot start workers")

    def _remove_workers(self, workers: dict[Any, Any]) -> None:
        """Stop workers that the scheduler needs no more; blocks until they have ended."""

    def _stop(self) -> None:
        """Stop everything; blocks."""

    def _place(self) -> Place:
        """Where clients connect."""
        raise ClusterError(f"the cluster {self.name!r} has no scheduler")

    # -- life ----------------------------------------------------------------------------------

    @property
    def asynchronous(self) -> bool:
        """Whether methods return what can be awaited."""
        return self._asynchronous and asyncio._get_running_loop() is not None

    def _ensure_started(self) -> None:
        with self._lock:
            if self.status != "created":
                return
            self.status = "starting"
            _open_clusters.add(self)
            self._hush()
            try:
                self._start()
            except BaseException:
                self.status = "failed"
                self._unhush()
                _open_clusters.discard(self)
                with contextlib.suppress(Exception):
                    self._stop()
                raise
            self.status = "running"

    def _hush(self) -> None:
        """Silence the loggers, if that was asked for."""
        if self._silence:
            wanted = self._silence
            if isinstance(wanted, str):
                wanted = logging.getLevelNamesMapping()[wanted.upper()]
            _silence.begin(id(self), int(wanted))

    def _unhush(self) -> None:
        if self._silence:
            _silence.end(id(self))

    def close(self, timeout: Any = None) -> Any:
        """Stop the workers and the scheduler.

        Parameters
        ----------
        timeout
            Accepted: what does not end in time is killed.
        """
        if self.asynchronous:
            return _in_thread(self._close)
        self._close()
        return None

    def _close(self) -> None:
        with self._lock:
            if self.status in ("closed", "closing"):
                return
            was, self.status = self.status, "closing"
        _open_clusters.discard(self)
        if self._adaptive is not None:
            self._adaptive.stop()
        if self._link is not None:
            self._link.close("the cluster was closed")
        with self._lock:  # else one that is not started yet may be among them
            leaving = self._leaving - {threading.current_thread()}
        for thread in leaving:
            thread.join()
        if was != "created":
            self._stop()
        self.workers.clear()
        self._callbacks.close()
        self._unhush()
        self.status = "closed"

    def __enter__(self) -> Any:
        if self._asynchronous:
            raise TypeError(
                "Used 'with' with asynchronous class; please use 'async with', or make the cluster "
                "without asynchronous=True"
            )
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self._close()

    async def __aenter__(self) -> Any:
        await self
        return self

    async def __aexit__(self, *exc_info: Any) -> None:
        await _in_thread(self._close)

    def __await__(self) -> Generator[Any, None, Any]:
        async def started() -> Any:
            await _in_thread(self._ensure_started)
            return self

        return started().__await__()

    def __del__(self) -> None:
        if getattr(self, "status", "") == "running":
            self._close()

    # -- what it is ----------------------------------------------------------------------------

    @property
    def scheduler_address(self) -> str:
        """Where clients of other processes connect."""
        if self.status not in ("running", "starting") or self.scheduler is None:
            return "<Not Connected>"
        return self._place().public_address

    @property
    def dashboard_link(self) -> str | None:
        """Where the dashboard is, as a URL that opens it once; None without one."""
        if self.status not in ("running", "starting") or self.scheduler is None:
            return None
        state = getattr(self.scheduler, "state", None)
        return link_of(getattr(state, "dashboard", ""), self._place().security.secret)

    @property
    def called_from_running_loop(self) -> bool:
        """Whether the caller runs inside of an asyncio loop."""
        return asyncio._get_running_loop() is not None

    def sync(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run a coroutine function and wait for its result; in an asynchronous program, begin it.

        Parameters
        ----------
        func, *args, **kwargs
            What to run; ``callback_timeout``: how long it may take.
        """
        if self.asynchronous:
            kwargs.pop("callback_timeout", None)
            return func(*args, **kwargs)
        return sync(None, func, *args, **kwargs)

    def _own_link(self) -> Link:
        """The cluster's own connection to its scheduler."""
        with self._link_lock:
            if self.status in ("closing", "closed"):
                raise ClusterError(f"the cluster {self.name!r} is {self.status}")
            if self._link is None or self._link.status == "closed":
                place = self._place()
                self._link = Link(
                    place.loop,
                    place.address,
                    place.security,
                    name=f"cluster-{self.name}-{uuid.uuid4().hex}",
                    versions={},
                    timeout_s=10.0,
                )
                self._link.open().wait(10.0)
            return self._link

    def _ask(self, method: str, wait_s: float | None = 10.0, /, **args: Any) -> Any:
        """Call a method of the scheduler's; blocks."""
        answer, _ = self._own_link().call(method, **args).wait(wait_s)
        return answer.value

    @property
    def scheduler_info(self) -> dict[str, Any]:
        """The scheduler and its workers."""
        if self.status != "running" or self.scheduler is None:
            return {"workers": {}}
        info: dict[str, Any] = self._ask("scheduler.info")
        return info

    def wait_for_workers(self, n_workers: int = 0, timeout: Any = None) -> Any:
        """Wait until so many workers are there.

        Parameters
        ----------
        n_workers
            How many; 0: as many as were started.
        timeout
            Seconds, or such as ``"10 s"``.
        """

        def work() -> None:
            timeout_s = None if timeout is None else parse_timedelta(timeout)
            count = n_workers or len(self.workers)
            self._ask("workers.wait", None, n=count, timeout_s=timeout_s)

        return _in_thread(work) if self.asynchronous else work()

    def get_client(self) -> Client:
        """A client of this cluster."""
        return Client(self, asynchronous=self._asynchronous)

    def get_logs(self, cluster: bool = True, scheduler: bool = True, workers: Any = True) -> Any:
        """The last lines of the logs, by who wrote them.

        Parameters
        ----------
        cluster
            Accepted.
        scheduler
            Whether to include the scheduler's.
        workers
            Whether to include the workers', or whose.

        Returns
        -------
        Logs
            A dictionary that a notebook shows folded.
        """

        def work() -> Logs:
            return self._collect_logs(cluster, scheduler, workers)

        return _in_thread(work) if self.asynchronous else work()

    def _collect_logs(self, cluster: bool, scheduler: bool, workers: Any) -> Logs:
        logs = Logs()
        if cluster:
            logs["Cluster"] = Log("")
        if scheduler:
            lines = self._ask("scheduler.logs")
            logs["Scheduler"] = Log("\n".join(text for _, text, *_ in lines))
        if workers:
            some = None if workers is True else list(workers)
            found = self._ask(
                "worker.call", workers=some, method="logs", args={}, on_error="return"
            )
            for address, lines in found.items():
                logs[address] = Log("\n".join(str(text) for _, text, *_ in lines))
        return logs

    async def _place_for_clients(self) -> Place:
        if self.status == "created":
            self._ensure_started()
        place = self._place()
        place.cluster = self
        return place

    # -- more or fewer -------------------------------------------------------------------------

    @property
    def plan(self) -> set[Any]:
        """Names of the workers that should be there."""
        return set(self.workers)

    @property
    def requested(self) -> set[Any]:
        """Names of the workers that were started."""
        return set(self.workers)

    @property
    def observed(self) -> set[Any]:
        """Names of the workers that the scheduler knows."""
        return {worker["name"] for worker in self.scheduler_info["workers"].values()}

    def scale(self, n: int | None = None, memory: Any = None, cores: int | None = None) -> Any:
        """Have so many workers.

        Parameters
        ----------
        n
            How many.
        memory
            Or as many as have so much memory: bytes, or such as ``"64 GB"``.
        cores
            Or as many as have so many threads.
        """
        if self._adaptive is not None:
            self._adaptive.stop()
            self._adaptive = None
        if n is None:
            n = max(self._workers_for(memory, "memory"), self._workers_for(cores, "cores"))
        self._scale(n)
        return _done() if self.asynchronous else None

    def _workers_for(self, amount: Any, what: str) -> int:
        if amount is None:
            return 0
        total = parse_bytes(amount) if what == "memory" else int(amount)
        each = self._worker_amount(what)
        if not each:
            raise ValueError(f"scale({what}=...) needs workers whose {what} is limited; give n")
        return -(-total // each)

    def _worker_amount(self, what: str) -> int:
        """Memory in bytes, or threads, of one worker; 0 when unknown."""
        return 0

    def _scale(self, n: int) -> None:
        with self._lock:
            self._ensure_started()
            if self.status != "running":
                raise ClusterError(f"the cluster {self.name!r} is {self.status}; make a new one")
            while len(self.workers) < n:
                while self._next in self.workers:
                    self._next += 1
                self.workers[self._next] = self._add_worker(self._next)
                self._next += 1
            surplus = len(self.workers) - n
            if surplus > 0:
                self._shrink(list(self.workers)[::-1][:surplus])

    def _shrink(self, names: list[Any]) -> None:
        """Retire workers in the background: results that only they hold move away first."""
        members = [member for name in names for member in self._members_of(name)]
        leaving = {name: self.workers.pop(name) for name in names}

        def work() -> None:
            try:
                with contextlib.suppress(Exception):
                    self._ask("workers.retire", 60.0, workers=members, close=True)
                self._remove_workers(leaving)
            except Exception:
                log.exception("workers that are not needed could not be stopped: %s", members)
            finally:
                self._leaving.discard(thread)

        thread = threading.Thread(target=work, name="shoal-scale-down", daemon=True)
        self._leaving.add(thread)
        thread.start()

    def _members_of(self, name: Any) -> list[str]:
        """What the scheduler calls the workers of one name: several, where one job runs several."""
        return [str(name)]

    def scale_up(self, n: int) -> Any:
        """Have at least so many workers.

        Parameters
        ----------
        n
            How many.
        """
        self._scale(max(n, len(self.workers)))
        return _done() if self.asynchronous else None

    def scale_down(self, workers: Any) -> Any:
        """Stop some workers.

        Parameters
        ----------
        workers
            Their names.
        """
        with self._lock:
            known = {str(name): name for name in self.workers}
            self._shrink([known[str(name)] for name in workers if str(name) in known])
        return _done() if self.asynchronous else None

    def adapt(self, Adaptive: Callable[..., Any] = Adaptive, **kwargs: Any) -> Any:
        """Have as many workers as the load needs.

        Parameters
        ----------
        Adaptive
            Makes the controller.
        **kwargs
            ``minimum``, ``maximum``, ``interval``, ...; see `Adaptive`.  Also ``minimum_cores``,
            ``maximum_cores``, ``minimum_memory`` and ``maximum_memory``, of all workers.

        Returns
        -------
        Adaptive
        """
        self._ensure_started()
        for bound, pick in (("minimum", max), ("maximum", min)):
            said = [kwargs.pop(bound, None)]
            for what in ("cores", "memory"):
                amount = kwargs.pop(f"{bound}_{what}", None)
                said.append(None if amount is None else self._workers_for(amount, what))
            counts = [count for count in said if count is not None]
            if counts:
                kwargs[bound] = pick(counts)
        if self._adaptive is not None:
            self._adaptive.stop()
        self._adaptive = Adaptive(self, **kwargs)
        return self._adaptive

    def __repr__(self) -> str:
        count, threads, memory = counts_of(self.scheduler_info)
        text = f"workers={count}, threads={threads}"
        if memory or not count:
            text += f", memory={format_bytes(memory or 0)}"
        kind = getattr(self, "_name", type(self).__name__)
        return f"{kind}({self.name}, {self.scheduler_address!r}, {text})"

    def _repr_html_(self) -> str:
        kind = getattr(self, "_name", type(self).__name__)
        info = self.scheduler_info
        return workers_html(kind, str(self.name), self.scheduler_address, info, self.dashboard_link)


def _in_thread(work: Callable[[], Any]) -> asyncio.Future[Any]:
    """Run what blocks beside the running asyncio loop."""
    return asyncio.get_running_loop().run_in_executor(None, work)


async def _done() -> None:
    return None


class _Silence:
    """How loud the loggers are while clusters are there, which end in any order."""

    def __init__(self) -> None:
        self._logger = logging.getLogger("distributed")
        self._lock = threading.RLock()  # a cluster may be collected, and so closed, in here
        self._usual = 0
        self._wanted: dict[int, int] = {}

    def begin(self, who: int, level: int) -> None:
        """Say nothing less urgent than this, as long as this one is there."""
        with self._lock:
            if not self._wanted:
                self._usual = self._logger.level
            self._wanted[who] = level
            self._set()

    def end(self, who: int) -> None:
        """It has gone; also allowed when it was not there."""
        with self._lock:
            if self._wanted.pop(who, None) is not None:
                self._set()

    def _set(self) -> None:
        self._logger.setLevel(max([self._usual, *self._wanted.values()]))


_silence = _Silence()

_open_clusters: weakref.WeakSet[Cluster] = weakref.WeakSet()


def _forget_all() -> None:
    """In a forked child: the clusters are the parent's, and it is not for the child to end them."""
    for cluster in list(_open_clusters):
        cluster.status = "closed"
    _open_clusters.clear()


os.register_at_fork(after_in_child=_forget_all)


def close_all() -> None:
    """Close every client and cluster that is open; called when the program ends."""
    close_clients()
    for cluster in list(_open_clusters):
        with contextlib.suppress(Exception):
            cluster._close()
