"""Small clusters for tests of programs, under the names that tests written for Dask import.

Only what test suites of libraries use: a cluster in a ``with`` block (`cluster`), as arguments of
a coroutine (`gen_cluster`), and the fixtures that pytest finds once they are imported.  Tests of
shoal itself have their own.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import io
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from typing import Any

from shoal import config as settings
from shoal.distributed.client.client import Client
from shoal.distributed.deploy.local import LocalCluster
from shoal.distributed.deploy.members import Worker
from shoal.distributed.node.scheduler import Scheduler
from shoal.optional import import_required

__all__ = [
    "async_poll_for",
    "captured_logger",
    "cleanup",
    "client",
    "cluster",
    "cluster_fixture",
    "gen_cluster",
    "gen_test",
    "inc",
    "loop",
    "loop_in_thread",
    "slowinc",
]

pytest: Any = import_required("pytest", "shoal.distributed.utils_test")

HERE = "127.0.0.1"


def inc(x: int) -> int:
    """One more; a task for tests.

    Parameters
    ----------
    x
        A number.

    Examples
    --------
    >>> inc(1)
    2
    """
    return x + 1


def slowinc(x: int, delay: float = 0.02) -> int:
    """One more, after a while; a task for tests.

    Parameters
    ----------
    x
        A number.
    delay
        Seconds.

    Examples
    --------
    >>> slowinc(1, delay=0)
    2
    """
    time.sleep(delay)
    return x + 1


@contextmanager
def captured_logger(
    logger: str | logging.Logger, level: int = logging.INFO, propagate: bool | None = None
) -> Iterator[io.StringIO]:
    """Have what a logger says as text, while a ``with`` block runs, and nowhere else.

    Parameters
    ----------
    logger
        Or its name.
    level
        What is less urgent is left out.
    propagate
        Whether those above it hear of it as well; default: as it is set.

    Yields
    ------
    io.StringIO
        The messages so far, a line each.

    Examples
    --------
    >>> with captured_logger("example") as said:
    ...     logging.getLogger("example").info("here")
    >>> said.getvalue()
    'here\\n'
    """
    taken = logging.getLogger(logger) if isinstance(logger, str) else logger
    before = taken.level, taken.handlers, taken.propagate
    said = io.StringIO()
    taken.handlers = [logging.StreamHandler(said)]
    taken.setLevel(level)
    if propagate is not None:
        taken.propagate = propagate
    try:
        yield said
    finally:
        taken.setLevel(before[0])
        taken.handlers, taken.propagate = before[1:]


async def async_poll_for(
    predicate: Callable[[], Any],
    timeout: float,
    fail_func: Callable[[], Any] | None = None,
    period: float = 0.05,
) -> None:
    """Wait until something holds, and fail the test if it does not in time.

    Parameters
    ----------
    predicate
        Called again and again; a coroutine of its is awaited.
    timeout
        In seconds.
    fail_func
        Called when the time is over; default: the test fails.
    period
        Seconds between two calls.

    Examples
    --------
    >>> asyncio.run(async_poll_for(lambda: True, timeout=1))
    """
    end = time.monotonic() + timeout
    while True:
        answer = predicate()
        if await answer if inspect.isawaitable(answer) else answer:
            return
        if time.monotonic() > end:
            break
        await asyncio.sleep(period)
    if fail_func is not None:
        fail_func()
    pytest.fail(f"{predicate} was not true within {timeout:g} s")


@contextmanager
def cluster(
    nworkers: int = 2,
    nanny: bool = False,
    worker_kwargs: Mapping[str, Any] | None = None,
    active_rpc_timeout: float = 10,
    disconnect_timeout: float = 20,
    scheduler_kwargs: Mapping[str, Any] | None = None,
    config: Mapping[str, Any] | None = None,
) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """A cluster with workers in processes of their own.

    Parameters
    ----------
    nworkers
        How many, with a thread each.
    nanny, active_rpc_timeout, disconnect_timeout
        Taken so that tests need not be changed; workers of a `LocalCluster` have a nanny.
    worker_kwargs, scheduler_kwargs
        Of the workers, and of the scheduler.
    config
        Settings while it runs.

    Yields
    ------
    tuple
        ``(scheduler, workers)``: a dict with the "address" of each.

    Examples
    --------
    >>> with cluster(1) as (scheduler, [worker]), Client(scheduler["address"]) as client:
    ...     client.submit(inc, 1).result()
    2
    """
    with (
        settings.set(config or {}),
        LocalCluster(
            n_workers=nworkers,
            threads_per_worker=1,
            dashboard_address=None,
            scheduler_kwargs=dict(scheduler_kwargs or {}),
            **(worker_kwargs or {}),
        ) as local,
    ):
        workers = local.scheduler_info["workers"]
        yield {"address": local.scheduler_address}, [{"address": each} for each in workers]


def gen_test(
    timeout: float = 30, config: Mapping[str, Any] | None = None, **ignored: Any
) -> Callable[[Callable[..., Any]], Callable[..., None]]:
    """Make a test of a coroutine.

    Parameters
    ----------
    timeout
        In seconds.
    config
        Settings while it runs.
    **ignored
        Options of Dask's that concern its own insides.

    Examples
    --------
    >>> @gen_test()
    ... async def test():
    ...     print("ran")
    >>> test()
    ran
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., None]:
        @functools.wraps(function)
        def test(*args: Any, **kwargs: Any) -> None:
            with settings.set(config or {}):
                asyncio.run(asyncio.wait_for(function(*args, **kwargs), timeout))

        return test

    return decorate


def gen_cluster(
    nthreads: Sequence[tuple[Any, ...]] = ((HERE, 1), (HERE, 2)),
    scheduler: str = HERE,
    timeout: float = 30,
    security: Any = None,
    Worker: Any = Worker,
    client: bool = False,
    scheduler_kwargs: Mapping[str, Any] | None = None,
    worker_kwargs: Mapping[str, Any] | None = None,
    client_kwargs: Mapping[str, Any] | None = None,
    config: Mapping[str, Any] | None = None,
    **ignored: Any,
) -> Callable[[Callable[..., Any]], Callable[..., None]]:
    """Make a test of a coroutine that is given a cluster in this process.

    It is called with a client, if asked for, the scheduler and the workers, and then with pytest's
    fixtures.

    Parameters
    ----------
    nthreads
        For each worker its host, its number of threads and, if need be, options of its own.
    scheduler
        The host of the scheduler.
    timeout
        In seconds.
    security
        As of `Client`.
    Worker
        The class of the workers.
    client
        Whether there is to be one.
    scheduler_kwargs, worker_kwargs, client_kwargs
        Options of each.
    config
        Settings while it runs.
    **ignored
        Options of Dask's that concern its own insides.

    Examples
    --------
    >>> @gen_cluster(client=True)
    ... async def test(client, scheduler, a, b):
    ...     print(await client.submit(inc, 1))
    >>> test()
    2
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., None]:
        async def run(*outer: Any, **kwargs: Any) -> None:
            async with AsyncExitStack() as stack:
                enter = stack.enter_async_context
                options = {"dashboard_address": None, "port": 0, **(scheduler_kwargs or {})}
                own = await enter(Scheduler(host=scheduler, security=security, **options))
                workers = []
                for number, (host, threads, *rest) in enumerate(nthreads):
                    told = {**(worker_kwargs or {}), **(rest[0] if rest else {})}
                    worker = Worker(
                        own.address,
                        nthreads=threads,
                        name=number,
                        host=host,
                        security=security,
                        **told,
                    )
                    workers.append(await enter(worker))
                args = [own, *workers]
                if client:
                    told = {"asynchronous": True, "security": security, **(client_kwargs or {})}
                    args.insert(0, await enter(Client(own.address, **told)))
                await asyncio.wait_for(function(*args, *outer, **kwargs), timeout)

        @functools.wraps(function)
        def test(*outer: Any, **kwargs: Any) -> None:
            with settings.set(config or {}):
                asyncio.run(run(*outer, **kwargs))

        # pytest takes the names of what is left for fixtures.
        given = 1 + len(nthreads) + client
        parameters = list(inspect.signature(function).parameters.values())
        if any(each.kind is each.VAR_POSITIONAL for each in parameters[:given]):
            given = next(i for i, e in enumerate(parameters) if e.kind is e.VAR_POSITIONAL) + 1
        rest = [each.replace(kind=each.KEYWORD_ONLY) for each in parameters[given:]]
        test.__signature__ = inspect.Signature(rest)  # type: ignore[attr-defined]
        return test

    return decorate


def _nothing() -> Iterator[None]:
    """None: clusters clean up after themselves, and a client needs no event loop."""
    yield


def _two_workers() -> Iterator[Any]:
    """What `cluster` gives."""
    with cluster() as made:
        yield made


def _its_client(cluster_fixture: Any) -> Iterator[Client]:
    with Client(cluster_fixture[0]["address"]) as made:
        yield made


cleanup = pytest.fixture(_nothing, name="cleanup")
loop = pytest.fixture(_nothing, name="loop")
loop_in_thread = pytest.fixture(_nothing, name="loop_in_thread")
cluster_fixture = pytest.fixture(_two_workers, name="cluster_fixture")
client = pytest.fixture(_its_client, name="client")
