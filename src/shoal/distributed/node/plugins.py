"""What users add to a worker: plugins, and modules that are loaded before its first task.

A plugin is any object; of its methods those that exist are called: ``setup(worker)``,
``teardown(worker)``, and ``transition(key, start, finish)`` (`shoal.distributed.node.onlookers`).
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import importlib.util
import inspect
import logging
import pickle
import re
import sys
import types
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from shoal.distributed.node.context import outside
from shoal.distributed.node.results import pack_error

__all__ = ["Plugins", "Preparations", "load_preload"]

log = logging.getLogger("distributed.worker")


class Plugins:
    """The plugins of one worker, or nanny.

    Parameters
    ----------
    owner
        What the plugins are set up with.
    run_coroutine
        Waits for a coroutine.

    Examples
    --------
    >>> plugins = Plugins("the worker", None)
    >>> plugins.add("x", pickle.dumps(Path("any object")))[0]
    'ok'
    """

    def __init__(self, owner: Any, run_coroutine: Callable[[Any], Any] | None) -> None:
        self.owner = owner
        self.run_coroutine = run_coroutine
        self.by_name: dict[str, Any] = {}
        self.watchers: dict[str, Callable[..., Any]] = {}
        """The methods ``transition`` of those that have one."""

    def __len__(self) -> int:
        return len(self.by_name)

    def __contains__(self, name: object) -> bool:
        return name in self.by_name

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_name)

    def __getitem__(self, name: str) -> Any:
        return self.by_name[name]

    def add(self, name: str, data: bytes, **more: Any) -> tuple[str, bytes]:
        """Set up a plugin that came pickled; one of that name is torn down before.

        Parameters
        ----------
        name
            Its name.
        data
            The plugin; for ``kind="callback"`` a function that is called once.
        **more
            ``kind``, ``idempotent``: a plugin of that name stays as it is.
        """
        try:
            if name in self.by_name:
                if more.get("idempotent"):
                    return "ok", pickle.dumps(None)
                self.remove(name)
            plugin = pickle.loads(data)
            if more.get("kind") == "callback":
                value = self._call(plugin)
            else:
                self.by_name[name] = plugin
                value = self._call(getattr(plugin, "setup", None))
                watcher = getattr(plugin, "transition", None)
                if watcher is not None and not getattr(watcher, "does_nothing", False):
                    self.watchers[name] = watcher
            return "ok", pickle.dumps(value)
        except BaseException as error:
            log.exception("the plugin %r could not be set up", name)
            return "error", pack_error(error)

    def remove(self, name: str) -> tuple[str, bytes]:
        """Tear a plugin down.

        Parameters
        ----------
        name
            Its name.
        """
        plugin = self.by_name.pop(name, None)
        self.watchers.pop(name, None)
        try:
            return "ok", pickle.dumps(self._call(getattr(plugin, "teardown", None)))
        except BaseException as error:
            log.exception("the plugin %r could not be torn down", name)
            return "error", pack_error(error)

    def close(self) -> None:
        """Tear all of them down."""
        for name in list(self.by_name):
            self.remove(name)

    def _call(self, func: Callable[..., Any] | None) -> Any:
        """Call a method with the owner, if it wants it."""
        if func is None:
            return None
        token = outside.set(self.owner)
        try:
            wants = True
            with contextlib.suppress(TypeError, ValueError):
                wants = bool(inspect.signature(func).parameters)
            names = inspect.signature(func).parameters if wants else {}
            key = next((n for n in ("dask_worker", "worker", "nanny") if n in names), None)
            value = func(**{key: self.owner}) if key else func(self.owner) if wants else func()
            if inspect.iscoroutine(value) and self.run_coroutine is not None:
                value = self.run_coroutine(value)
            return value
        finally:
            outside.reset(token)


class Preparations:
    """What a worker that has come is asked to do before its first task: one after the other.

    Users' code takes its time and must not stop the loop, so each runs in a thread of its own;
    meanwhile no task begins, for it may need what is being set up.

    Parameters
    ----------
    loop
        The worker's.
    beside
        Calls a function in a thread of its own.
    changed
        ``changed()`` in the loop's thread when `busy` has changed.

    Examples
    --------
    >>> Preparations(None, print, print).busy
    False
    """

    def __init__(
        self,
        loop: Any,
        beside: Callable[..., object],
        changed: Callable[[], object],
    ) -> None:
        self._loop = loop
        self._beside = beside
        self._changed = changed
        self._left: deque[Callable[[], object]] = deque()

    @property
    def busy(self) -> bool:
        """Whether something is still to be done."""
        return bool(self._left)

    def add(self, work: Callable[[], object]) -> None:
        """Do this after the others; the loop's thread.

        Parameters
        ----------
        work
            Handles its own errors.
        """
        self._left.append(work)
        if len(self._left) == 1:
            self._changed()
            self._beside(self._do)

    def _do(self) -> None:
        try:
            self._left[0]()
        finally:
            self._loop.call_threadsafe(self._done)

    def _done(self) -> None:
        self._left.popleft()
        if self._left:
            self._beside(self._do)
        else:
            self._changed()


def load_preload(name: str, argv: Sequence[str], owner: Any) -> Callable[[], Any]:
    """Load a module or file before anything else, and call its ``dask_setup(owner)``.

    Parameters
    ----------
    name
        A module's name, the path of a Python file, or the text of a module.
    argv
        Arguments for its ``dask_setup``, if that is a click command.
    owner
        The worker.

    Returns
    -------
    callable
        Calls its ``dask_teardown(owner)``, if there is one.

    Examples
    --------
    >>> load_preload("string", (), None)()
    """
    if name.endswith(".py"):
        label = Path(name).stem
        spec = importlib.util.spec_from_file_location(label, name)
        if spec is None or spec.loader is None:
            raise ImportError(f"preload: {name} is no Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[label] = module
        spec.loader.exec_module(module)
    elif not re.search(r"[\s=(]", name):
        module = importlib.import_module(name)
    else:
        module = types.ModuleType("preload")
        exec(compile(name, "<preload>", "exec"), vars(module))
    setup = getattr(module, "dask_setup", None) or getattr(module, "shoal_setup", None)
    if setup is not None:
        if hasattr(setup, "callback"):
            context = setup.make_context("dask_setup", list(argv), allow_extra_args=False)
            setup = _bound(setup.callback, context.params)
        _call_to_the_end(setup, owner)
    teardown = getattr(module, "dask_teardown", None) or getattr(module, "shoal_teardown", None)
    return (lambda: None) if teardown is None else partial(_call_to_the_end, teardown, owner)


def _call_to_the_end(func: Callable[[Any], Any], owner: Any) -> None:
    """Call a function of a preload, which may be a coroutine function."""
    result = func(owner)
    if inspect.iscoroutine(result):
        # A scheduler has no loop for coroutines.
        mine = getattr(owner, "coroutines", None)
        asyncio.run(result) if mine is None else mine.run(result)


def _bound(callback: Callable[..., Any], params: dict[str, Any]) -> Callable[[Any], Any]:
    return lambda owner: callback(owner, **params)
