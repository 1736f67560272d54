"""The methods of `Client` that ask how the cluster is and what it has done."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import fsspec
import msgspec

from shoal.distributed.client.encode import worker_names
from shoal.distributed.client.future import Future, keys_given
from shoal.distributed.client.keys import wire_key
from shoal.distributed.client.promise import asynchronous_of, timeout_of
from shoal.distributed.client.session import Session
from shoal.distributed.client.show import SchedulerInfo, counts_of
from shoal.distributed.dashboard.access import link_of
from shoal.distributed.net import write_cluster_file
from shoal.distributed.node.versions import package_versions
from shoal.distributed.protocol import Key
from shoal.units import format_bytes

__all__ = ["Info"]


class Info(Session):
    """Asking the cluster; see `Client`."""

    @property
    def scheduler(self) -> Any:
        """The scheduler, to be asked as it is: its ``address``, ``identity``, ``who_has``, ..."""
        return None if self._place is None else SchedulerProxy(self, self._place.public_address)

    def scheduler_info(self, n_workers: int = -1, **kwargs: Any) -> Any:
        """The scheduler and its workers, as a dictionary.

        Parameters
        ----------
        n_workers
            Only so many workers; -1 for all.
        **kwargs
            ``asynchronous``: True for what can be awaited, whatever the client is.

        Examples
        --------
        >>> from shoal.distributed import Client
        >>> with Client(n_workers=1, processes=False) as client:
        ...     len(client.scheduler_info()["workers"])
        1
        """
        # Also for an asynchronous client at once: Dask answers from what it knows.
        steps = self._answer("scheduler.info", {"n_workers": n_workers})
        address = self._place.public_address if self._place is not None else ""

        def finish(found: dict[str, Any]) -> SchedulerInfo:
            return SchedulerInfo(found, address=address)

        is_async = asynchronous_of(kwargs, "scheduler_info") or False
        return self._run(steps, finish, timeout=self._timeout_s, asynchronous=is_async)

    def who_has(self, futures: Any = None, **kwargs: Any) -> Any:
        """Which workers hold results, now: nothing is waited for.

        Parameters
        ----------
        futures
            Only these: futures, collections of such, or keys; default: all keys that there are
            results of.
        **kwargs
            ``asynchronous``: True for what can be awaited, whatever the client is.

        Returns
        -------
        dict
            Addresses by key; an empty tuple for a task without a result.

        Examples
        --------
        >>> from shoal.distributed import Client
        >>> with Client(n_workers=1, processes=False) as client:
        ...     one = client.submit(abs, -1, key="one")
        ...     value = one.result()
        ...     {key: len(where) for key, where in client.who_has(["one", "two"]).items()}
        {'one': 1, 'two': 0}
        """
        is_async = asynchronous_of(kwargs, "who_has")
        return self._about_keys("scheduler.who_has", futures, _pairs, is_async)

    def has_what(self, workers: Any = None, **kwargs: Any) -> Any:
        """Which results workers hold.

        Parameters
        ----------
        workers
            Only these; default: all.
        **kwargs
            ``asynchronous``: True for what can be awaited, whatever the client is.

        Returns
        -------
        dict
            Keys by address.
        """
        is_async = asynchronous_of(kwargs, "has_what")
        return self._about_workers("scheduler.has_what", workers, _keys_of_all, is_async)

    def nthreads(self, workers: Any = None, **kwargs: Any) -> Any:
        """How many tasks each worker runs at once.

        Parameters
        ----------
        workers
            Only these; default: all.
        **kwargs
            ``asynchronous``: True for what can be awaited, whatever the client is.

        Examples
        --------
        >>> from shoal.distributed import Client
        >>> with Client(n_workers=1, threads_per_worker=2, processes=False) as client:
        ...     list(client.ncores().values())
        [2]
        """
        is_async = asynchronous_of(kwargs, "nthreads")
        return self._about_workers("scheduler.nthreads", workers, dict, is_async)

    ncores = nthreads

    def processing(self, workers: Any = None) -> Any:
        """Keys of the tasks that each worker was given and has not finished.

        Parameters
        ----------
        workers
            Only these; default: all.
        """
        return self._about_workers("scheduler.processing", workers, _keys_of_all)

    def _about_keys(
        self, method: str, asked: Any, finish: Any, is_async: bool | None, **args: Any
    ) -> Any:
        """Ask about keys, and have the answer with keys as the user knows them."""
        names = None if asked is None else keys_given(asked, method.rpartition(".")[2])

        def named(found: Any) -> Any:
            pairs: dict[Any, Any] = finish(found)
            return pairs if names is None else {names.get(k, k): v for k, v in pairs.items()}

        some = None if names is None else list(names)
        steps = self._answer(method, {"keys": some, **args})
        return self._run(steps, named, asynchronous=is_async)

    def _about_workers(
        self, method: str, workers: Any, finish: Any, is_async: bool | None = None
    ) -> Any:
        some = None if workers is None else worker_names(workers)
        steps = self._answer(method, {"workers": some})
        return self._run(steps, lambda found: finish(found), asynchronous=is_async)

    def nbytes(self, keys: Any = None, summary: bool = True, **kwargs: Any) -> Any:
        """Sizes of results in bytes.

        Parameters
        ----------
        keys
            Only these: keys, futures, collections of such; default: all.
        summary
            By prefix of the keys, summed.
        **kwargs
            ``asynchronous``: True for what can be awaited, whatever the client is.
        """
        is_async = asynchronous_of(kwargs, "nbytes")
        return self._about_keys("scheduler.nbytes", keys, _pairs_or_dict, is_async, summary=summary)

    def call_stack(self, futures: Any = None, keys: Any = None) -> Any:
        """Where the running tasks are: their Python stacks, by worker and key.

        Parameters
        ----------
        futures, keys
            Only these; default: all.
        """
        asked = [part for part in (futures, keys) if part is not None]
        some = list(keys_given(asked, "call_stack")) if asked else None
        return self._run(self._answer("scheduler.call_stack", {"keys": some}), _stacks)

    def story(self, *keys_or_stimuli: Any, on_error: str = "raise") -> Any:
        """What happened to tasks, in order.

        Parameters
        ----------
        *keys_or_stimuli
            Keys, or futures.
        on_error
            Accepted.
        """
        keys = [_key_of(item) for item in keys_or_stimuli]
        return self._ask("scheduler.story", keys=keys)

    def explain_task(self, key: Any) -> Any:
        """Why a task waits, where it ran, and what it cost.

        Parameters
        ----------
        key
            Its key, or a future of it.
        """
        return self._ask("scheduler.explain", key=_key_of(key))

    def get_versions(self, check: bool = False, packages: Any = None) -> Any:
        """Versions of Python and packages at the client, the scheduler and the workers.

        Parameters
        ----------
        check
            Raise when they differ between the client and the workers.
        packages
            Names of further packages.
        """
        names = list(packages or ())

        async def steps() -> Any:
            scheduler = await self._answer("scheduler.versions", {"packages": names})
            workers = await self._answer(
                "worker.call",
                {
                    "workers": None,
                    "method": "versions",
                    "args": {"packages": names},
                    "on_error": "return",
                },
            )
            return scheduler, workers

        def finish(found: Any) -> Any:
            scheduler, workers = found
            mine = package_versions(names)
            result = {"scheduler": scheduler, "workers": dict(workers), "client": mine}
            if check:
                _compare(mine, result["workers"])
            return result

        return self._run(steps(), finish)

    def get_scheduler_logs(self, n: int | None = None) -> Any:
        """The last lines of the scheduler's log, as ``(level, text)``.

        Parameters
        ----------
        n
            How many.
        """
        return self._run(
            self._answer("scheduler.logs", {"n": n}),
            lambda lines: tuple((level, text) for level, text, *_ in lines),
        )

    def get_worker_logs(
        self, n: int | None = None, workers: Any = None, nanny: bool = False
    ) -> Any:
        """The last lines of the workers' logs, by address.

        Parameters
        ----------
        n
            How many.
        workers
            Only these.
        nanny
            Those of their nannies instead.
        """
        return self._run(
            self._answer(
                "worker.call",
                {
                    "workers": None if workers is None else worker_names(workers),
                    "method": "logs",
                    "args": {"n": n},
                    "nanny": nanny,
                    "on_error": "return",
                },
            ),
            lambda found: {
                address: tuple((level, text) for level, text, *_ in lines)
                for address, lines in found.items()
            },
        )

    def dump_cluster_state(
        self,
        filename: str | os.PathLike[str] = "shoal-cluster-dump",
        write_from_scheduler: bool | None = None,
        exclude: Any = (),
        format: str = "msgpack",
        **storage_options: Any,
    ) -> Any:
        """Write what scheduler and workers know to a file, for a report of a problem.

        Parameters
        ----------
        filename
            A path or a URL, without an ending: the format's is added.
        write_from_scheduler, exclude
            Accepted.
        **storage_options
            For `fsspec`.
        format
            ``"msgpack"`` or ``"json"``.
        """
        kinds: dict[str, Callable[[Any], bytes]] = {
            "msgpack": msgspec.msgpack.encode,
            "json": _as_json,
            "yaml": _as_json,
        }
        if format not in kinds:
            raise ValueError(
                f"Unsupported format {format!r}: a state is written as 'msgpack' or 'json'"
            )
        target = os.fspath(filename)
        ending = "json" if format == "yaml" else format
        if not target.endswith(f".{ending}"):
            target = f"{target}.{ending}"

        def finish(state: Any) -> None:
            with fsspec.open(target, "wb", **storage_options) as file:
                file.write(kinds[format](state))

        return self._run(self._answer("scheduler.dump_state", {}), finish)

    def write_scheduler_file(self, scheduler_file: str | os.PathLike[str]) -> None:
        """Write the cluster's address and secret to a file that only its owner can read.

        Parameters
        ----------
        scheduler_file
            Path of the ``cluster.json``.
        """
        place = self._place
        assert place is not None
        if self._scheduler_file is not None:
            raise ValueError(f"Scheduler file already set to {self._scheduler_file}")
        self._scheduler_file = os.fspath(scheduler_file)
        write_cluster_file(scheduler_file, place.public_address, place.security)

    def wait_for_workers(self, n_workers: int, timeout: Any = None) -> Any:
        """Wait until so many workers are there.

        Parameters
        ----------
        n_workers
            At least 1.
        timeout
            Seconds, or such as ``"10 s"``.

        Raises
        ------
        TimeoutError
            Not in time.
        """
        if type(n_workers) is not int or n_workers < 1:
            raise ValueError(f"n_workers must be an int of at least 1, got {n_workers!r}")
        return self._ask("workers.wait", n=n_workers, timeout_s=timeout_of(timeout))

    @property
    def dashboard_link(self) -> str | None:
        """Where the dashboard is, as a URL that opens it once; None without one."""
        link: str | None = getattr(self.cluster, "dashboard_link", None)
        if link is not None or self._place is None or self.status != "running":
            return link
        identity, _ = self._link.call("scheduler.identity").wait(self._timeout_s)
        return link_of(identity.value.get("dashboard", ""), self._place.security.secret)

    def _counts(self) -> str:
        """Workers, threads and memory in words, for ``repr``."""
        if self.status != "running":
            return self.status
        info = self._info_now()
        if info is None:
            return self.status
        count, threads, memory = counts_of(info)
        text = f"processes={count} threads={threads}"
        return text if memory is None else f"{text}, memory={format_bytes(memory)}"

    def _info_now(self) -> dict[str, Any] | None:
        """What the scheduler says, if it says so at once."""
        try:
            found: dict[str, Any] = self._link.call("scheduler.info").wait(2.0)[0].value
        except Exception:
            return None
        return found


class SchedulerProxy:
    """A client's scheduler.

    Parameters
    ----------
    client
        Asks it.
    address
        As other processes know it.

    Examples
    --------
    >>> from shoal.distributed import Client
    >>> with Client(n_workers=1, processes=False) as client:
    ...     client.scheduler.identity()["n_workers"]
    1
    """

    def __init__(self, client: Info, address: str) -> None:
        self._client = client
        self.address = address

    def identity(self, n_workers: int = -1) -> Any:
        """The scheduler and its workers.

        Parameters
        ----------
        n_workers
            Only so many workers; -1 for all.
        """
        return self._client._ask("scheduler.info", n_workers=n_workers)

    def who_has(self, keys: Any = None) -> Any:
        """Addresses of the workers that hold results, by key.

        Parameters
        ----------
        keys
            None for all.
        """
        return self._client.who_has(keys)

    def has_what(self, workers: Any = None) -> Any:
        """Keys of the results that workers hold, by address.

        Parameters
        ----------
        workers
            None for all.
        """
        return self._client.has_what(workers)

    def __repr__(self) -> str:
        return f"<the scheduler at {self.address}>"


def _key_of(item: Any) -> Key:
    """The key of a future, or one that was given."""
    return wire_key(item.key if isinstance(item, Future) else item)


def _pairs(found: Any) -> dict[Any, Any]:
    """``[[key, value], ...]`` as a dictionary: keys may be tuples, which msgpack makes lists."""
    if isinstance(found, dict):
        return {key: tuple(value) for key, value in found.items()}
    return {_hashable(key): tuple(value) for key, value in found}


def _pairs_or_dict(found: Any) -> dict[Any, Any]:
    return found if isinstance(found, dict) else {_hashable(key): value for key, value in found}


def _keys_of_all(found: Any) -> dict[str, tuple[Any, ...]]:
    return {address: tuple(map(_hashable, keys)) for address, keys in dict(found).items()}


def _hashable(key: Any) -> Any:
    return tuple(key) if isinstance(key, list) else key


def _stacks(found: Any) -> Any:
    return {
        address: {_hashable(key): tuple(lines) for key, lines in dict(stacks).items()}
        for address, stacks in dict(found).items()
        if stacks
    }


def _as_json(state: Any) -> bytes:
    return json.dumps(state, default=repr, indent=1).encode()


def _compare(mine: dict[str, Any], workers: dict[str, Any]) -> None:
    for address, theirs in workers.items():
        for name, version in mine["packages"].items():
            other = theirs["packages"].get(name)
            if other != version:
                raise ValueError(
                    f"{name} is {version} at the client and {other} on the worker {address}; "
                    "install the same version"
                )
