"""What cluster managers written for Dask run their coroutines with.

They import it from the inside of Dask's cluster: `LoopRunner` and `SyncMethodMixin` from
``distributed.utils``, `rpc` from ``distributed.core``.  Here they stand on the asyncio loop that
shoal's client has for such programs (`shoal.distributed.client.background`), and on the client.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
from collections.abc import Callable
from typing import Any

from shoal.distributed.client.background import CallbackLoop, awaiting, sync
from shoal.distributed.client.client import Client

__all__ = ["LoopRunner", "SyncMethodMixin", "import_term", "rpc"]

CALLS = {
    "identity": "scheduler_info",
    "retire_workers": "retire_workers",
    "terminate": "shutdown",
    "versions": "get_versions",
}
"""What a scheduler can be asked through `rpc`, and the client's method of it."""


class LoopRunner:
    """A loop that runs in a thread of its own, or the caller's.

    Parameters
    ----------
    loop
        One that is there already.
    asynchronous
        The caller has a running loop, which is used.

    Examples
    --------
    >>> async def double(n):
    ...     return 2 * n
    >>> runner = LoopRunner()
    >>> runner.start()
    >>> runner.run_sync(double, 21)
    42
    >>> runner.stop()
    """

    def __init__(self, loop: Any = None, asynchronous: bool = False) -> None:
        if loop is None:
            loop = CallbackLoop(asyncio.get_running_loop() if asynchronous else None)
        self.loop = loop
        self._asynchronous = asynchronous
        self._started = False

    def start(self) -> None:
        """Let it run, if it is the runner's own."""
        self._started = True

    def stop(self, timeout: float = 10) -> None:
        """End it, if it is the runner's own.

        Parameters
        ----------
        timeout
            Accepted.
        """
        if self._started and not self._asynchronous and isinstance(self.loop, CallbackLoop):
            self.loop.close()
        self._started = False

    def is_started(self) -> bool:
        """Whether it runs."""
        return self._started

    def run_sync(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """The result of a coroutine function, waited for.

        Parameters
        ----------
        func, *args, **kwargs
            What to run.
        """
        return sync(self.loop, func, *args, **kwargs)


class SyncMethodMixin:
    """Methods for both kinds of programs: each returns `sync` of a coroutine function.

    The class has an attribute ``loop``, and may have ``_asynchronous``.

    Examples
    --------
    >>> class Doubler(SyncMethodMixin):
    ...     loop = CallbackLoop()
    ...
    ...     async def _double(self, n):
    ...         return 2 * n
    ...
    ...     def double(self, n):
    ...         return self.sync(self._double, n)
    >>> Doubler().double(21)
    42
    >>> Doubler.loop.close()
    """

    loop: Any

    @property
    def asynchronous(self) -> bool:
        """Whether methods return what can be awaited."""
        return awaiting.get() or bool(getattr(self, "_asynchronous", False)) or _is_own(self.loop)

    def sync(
        self,
        func: Callable[..., Any],
        *args: Any,
        asynchronous: bool | None = None,
        callback_timeout: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Run a coroutine function, or return its coroutine where the caller can await it.

        Parameters
        ----------
        func, *args, **kwargs
            What to run.
        asynchronous
            Whether to return the coroutine; default: as the object is.
        callback_timeout
            How long it may take.
        """
        if self.asynchronous if asynchronous is None else asynchronous:
            result = func(*args, **kwargs)
            return (
                result if callback_timeout is None else asyncio.wait_for(result, callback_timeout)
            )
        return sync(self.loop, func, *args, callback_timeout=callback_timeout, **kwargs)


def _is_own(loop: Any) -> bool:
    """Whether the caller runs in a loop."""
    try:
        running = asyncio.get_running_loop()
    except RuntimeError:
        return False
    return getattr(loop, "asyncio_loop", None) is running


class rpc:
    """A scheduler, to be asked a few things by coroutines.

    Parameters
    ----------
    arg
        Its address.
    security
        The cluster's credentials; found by the address where this user has them.
    **kwargs
        Accepted.

    Examples
    --------
    >>> rpc("tcp://127.0.0.1:1").add_keys
    Traceback (most recent call last):
    ...
    AttributeError: a scheduler is asked for identity, retire_workers, terminate, versions; not ...
    """

    def __init__(self, arg: Any, *, security: Any = None, **kwargs: Any) -> None:
        self.address = arg
        self.security = security

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = CALLS.get(name)
        if method is None:
            raise AttributeError(f"a scheduler is asked for {', '.join(CALLS)}; not for {name!r}")

        async def ask(**kwargs: Any) -> Any:
            options: Any = {} if self.security is None else {"security": self.security}
            async with Client(self.address, asynchronous=True, **options) as client:
                answer = getattr(client, method)(**kwargs)
                return await answer if inspect.isawaitable(answer) else answer

        return ask

    async def __aenter__(self) -> rpc:
        return self

    async def __aexit__(self, *args: Any) -> None:
        await self.close_rpc()

    async def close_rpc(self) -> None:
        """Nothing is kept open between two questions."""


def import_term(name: str) -> Any:
    """What a dotted name stands for.

    Parameters
    ----------
    name
        Of a module, or of something in one.

    Examples
    --------
    >>> import_term("math.sin").__name__
    'sin'
    """
    module, _, attr = name.rpartition(".")
    return (
        getattr(importlib.import_module(module), attr) if module else importlib.import_module(name)
    )
