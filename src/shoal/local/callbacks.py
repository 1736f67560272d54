"""Callbacks: code of the user's that is told what an executor does.

The protocol is Dask's: ``start(graph)``, ``start_state(graph, state)``, ``pretask(key, graph,
state)``, ``posttask(key, result, graph, state, worker)``, ``finish(graph, state, errored)``.
``graph`` maps keys to tasks; a ``start`` callback may replace a task by its value
(``graph[key] = value``) and what only that task needed is then not run.  ``state`` is a dict of
collections of keys: finished, running, ready, waiting, dependencies, dependents, cache, ...

None of it exists while nobody listens.  When somebody does, every task's function is wrapped, so
the executors' own loops know nothing of callbacks.  Calls are made one at a time.

A task may compute something itself.  Who hears of the outer run does not hear of the inner one too:
a progress bar inside of a progress bar, or a profile with the same second in it twice, is not what
they were asked for.  Callbacks that are given to the inner run alone hear of it.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextvars import ContextVar
from typing import Any, ClassVar, TypeAlias

from shoal.graph.cull import prune
from shoal.graph.plan import Plan
from shoal.graph.task import Alias, Apply, Data, Nest, Portion, Ref, Task, TaskRef, part_of
from shoal.types import Key

__all__ = ["Callback", "Observer", "add_callbacks", "observe"]

NAMES = ("start", "start_state", "pretask", "posttask", "finish")

Hooks: TypeAlias = "tuple[Callable[..., Any] | None, ...]"

_listening: ContextVar[frozenset[Hooks]] = ContextVar("shoal_listening", default=frozenset())
"""Who hears of the run that this code is a task of."""


class Callback:
    """Something that wants to know what an executor does.

    Use an instance as a context manager, ``register`` it for good, or pass it to ``get`` as
    ``callbacks=[...]``.

    Parameters
    ----------
    start
        ``start(graph)``, before anything else.
    start_state
        ``start_state(graph, state)``, before the first task.
    pretask
        ``pretask(key, graph, state)``, before a task.
    posttask
        ``posttask(key, result, graph, state, worker)``, after a task.
    finish
        ``finish(graph, state, errored)``, at the end; ``errored`` tells whether a task failed.

    Notes
    -----
    A subclass defines methods with a leading underscore instead: ``_start``, ``_pretask``, ...

    Examples
    --------
    >>> import shoal
    >>> with Callback(posttask=lambda key, result, *rest: print(key, result)):
    ...     _ = shoal.get({"x": (abs, -1), "y": (max, "x", 5)}, "y")
    x 1
    y 5
    """

    active: ClassVar[set[Hooks]] = set()
    _start: Callable[..., Any]
    _start_state: Callable[..., Any]
    _pretask: Callable[..., Any]
    _posttask: Callable[..., Any]
    _finish: Callable[..., Any]

    def __init__(
        self,
        start: Callable[..., Any] | None = None,
        start_state: Callable[..., Any] | None = None,
        pretask: Callable[..., Any] | None = None,
        posttask: Callable[..., Any] | None = None,
        finish: Callable[..., Any] | None = None,
    ) -> None:
        given = (start, start_state, pretask, posttask, finish)
        for name, func in zip(NAMES, given, strict=True):
            if func is not None:
                setattr(self, f"_{name}", func)

    @property
    def _callback(self) -> Hooks:
        return tuple(getattr(self, f"_{name}", None) for name in NAMES)

    def __enter__(self) -> Callback:
        # A stack: the same callback may be entered again inside of its own block.
        contexts = self.__dict__.setdefault("_contexts", [])
        contexts.append(add_callbacks(self))
        contexts[-1].__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.__dict__["_contexts"].pop().__exit__(*error)

    def register(self) -> None:
        """Listen to every computation from now on."""
        Callback.active.add(self._callback)

    def unregister(self) -> None:
        """Stop listening.

        Raises
        ------
        KeyError
            It was not registered.
        """
        Callback.active.remove(self._callback)


class add_callbacks:
    """Listen while a ``with`` block runs.

    Parameters
    ----------
    *callbacks
        `Callback` instances, or tuples of the five functions (None where there is none).

    Examples
    --------
    >>> import shoal
    >>> with add_callbacks((None, None, lambda key, *rest: print(key), None, None)):
    ...     shoal.get({"x": (abs, -1)}, "x")
    x
    1
    """

    def __init__(self, *callbacks: Any) -> None:
        self.added = {hooks_of(item) for item in callbacks} - Callback.active

    def __enter__(self) -> None:
        Callback.active.update(self.added)

    def __exit__(self, *error: object) -> None:
        Callback.active.difference_update(self.added)


def hooks_of(callback: Any) -> Hooks:
    """The five functions of a callback.

    >>> hooks_of((None, None, print, None, None))[2] is print
    True
    """
    if isinstance(callback, tuple):
        if len(callback) != len(NAMES):
            raise TypeError(
                f"a callback tuple has {len(NAMES)} entries {NAMES}, got {len(callback)}"
            )
        return callback
    hooks = getattr(callback, "_callback", None)
    if hooks is None:
        raise TypeError(
            f"callbacks must be Callback instances or tuples of five functions, "
            f"got {type(callback).__name__}"
        )
    return tuple(hooks)


MARKED = (str, bytes, int, float, tuple, list, dict, set, frozenset, Alias, Data, Task, TaskRef)
"""Values that in a dict graph would mean something else than themselves."""


class GraphView(MutableMapping[Key, Any]):
    """A plan as a mapping of keys to tasks; setting an item replaces a task by a value.

    Parameters
    ----------
    plan
        The plan; it is changed by assignments.

    Examples
    --------
    >>> from shoal.graph.legacy import plan_from_dict
    >>> dict(GraphView(plan_from_dict({"x": (abs, -1)}, ["x"])))
    {'x': Task('x', abs(-1))}
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.ids = {plan.keys[i]: i for i in range(len(plan))}
        self.changed = False

    def __getitem__(self, key: Key) -> Any:
        plan, i = self.plan, self.ids[key]
        func, args = plan.funcs[i], plan.args[i]
        if func is None:
            # What cannot be read as a key or a call (an array, a future) needs no mark.
            return Data(key, args) if isinstance(args, MARKED) else args
        refs: list[Any] = [TaskRef(plan.keys[j]) for j in plan.deps[i]]
        if type(args) is Portion:
            refs = [Task(None, part_of, ref, args.part) for ref in refs]
            args = args.args
        if args is None:
            return Task(key, func, *refs)
        if type(args) is tuple:
            return Task(key, func, *args)
        keywords = {name: written(item, refs) for name, item in (args.kwargs or {}).items()}
        return Task(key, func, *[written(item, refs) for item in args.args], **keywords)

    def __setitem__(self, key: Key, value: Any) -> None:
        i = self.ids[key]
        parts: tuple[Any, Any, Any] = (None, value, ())
        if isinstance(value, Data):
            parts = (None, value.value, ())
        elif isinstance(value, Alias | Task):
            raise TypeError(
                f"only a value can stand in for task {key!r} of a running graph, got {value!r}"
            )
        self.plan.funcs[i], self.plan.args[i], self.plan.deps[i] = parts
        self.changed = True

    def __delitem__(self, key: Key) -> None:
        raise TypeError(f"task {key!r} of a running graph cannot be removed")

    def __iter__(self) -> Iterator[Key]:
        return iter(self.ids)

    def __len__(self) -> int:
        return len(self.ids)


def written(item: Any, refs: Sequence[Any]) -> Any:
    """A part of a template as a person would write it: calls inside are tasks, and do not run.

    >>> from shoal.graph.legacy import split_value
    >>> template = split_value((max, (abs, "x"), 1), {"x": -1})[1]
    >>> [written(part, [TaskRef("x")]) for part in template.args]
    [Task(None, abs(TaskRef('x'))), 1]
    """
    if type(item) is Ref:
        return refs[item.position]
    if type(item) is not Nest:
        return item
    parts = [written(part, refs) for part in item.items]
    if type(item.make) is not Apply:
        return item.make(parts)
    split = len(parts) - len(item.make.names)
    keywords = dict(zip(item.make.names, parts[split:], strict=True))
    return Task(None, item.make.func, *parts[:split], **keywords)


class Observer:
    """Tells callbacks what happens to the tasks of one plan.

    Parameters
    ----------
    plan
        The plan.
    hooks
        The functions to call, a list for each of the five events.

    Examples
    --------
    >>> from shoal.graph.legacy import plan_from_dict
    >>> with observe(plan_from_dict({"x": 1}, ["x"]), [Callback(pretask=print)]) as observer:
    ...     sorted(observer.state["finished"])
    []
    """

    def __init__(self, plan: Plan, hooks: Mapping[str, list[Callable[..., Any]]]) -> None:
        self.hooks = hooks
        self.lock = threading.RLock()
        self.view = GraphView(plan)
        self.plan = plan
        self.state: dict[str, Any] = {}

    def start(self) -> None:
        """Say that it begins; callbacks may put values into the graph."""
        for func in self.hooks["start"]:
            func(self.view)
        if self.view.changed:
            self.plan = prune(self.plan)
            self.view = GraphView(self.plan)
        self.state = initial_state(self.plan)
        for func in self.hooks["start_state"]:
            func(self.view, self.state)

    def before(self, i: int) -> None:
        """A task is about to run."""
        with self.lock:
            key = self.plan.keys[i]
            state = self.state
            state["ready"].discard(key)
            state["running"].add(key)
            for func in self.hooks["pretask"]:
                func(key, self.view, state)

    def after(self, i: int, result: Any, worker: Any) -> None:
        """A task has run."""
        with self.lock:
            key = self.plan.keys[i]
            self.finish_task(key, result)
            for func in self.hooks["posttask"]:
                func(key, result, self.view, self.state, worker)

    def finish_task(self, key: Key, result: Any) -> None:
        """Move a task's key, and those that this sets free, through the state."""
        state = self.state
        state["running"].discard(key)
        state["finished"].add(key)
        state["cache"][key] = result
        for other in state["dependents"][key]:
            left = state["waiting"].get(other)
            if left is not None:
                left.discard(key)
                if not left:
                    del state["waiting"][other]
                    state["ready"].add(other)
        for other in state["dependencies"][key]:
            users = state["waiting_data"].get(other)
            if users is not None:
                users.discard(key)
                if not users:
                    del state["waiting_data"][other]
                    state["cache"].pop(other, None)
                    state["released"].add(other)

    def finish(self, errored: bool) -> None:
        """Everything has run, or something failed."""
        failure: Exception | None = None
        for func in self.hooks["finish"]:
            try:
                func(self.view, self.state, errored)
            except Exception as error:
                failure = failure or error
        # All of them were told; and an error of a task matters more than one of a callback.
        if failure is not None and not errored:
            raise failure

    def wrapped(self) -> Plan:
        """The plan with every function reporting; for executors that run tasks in this process."""
        plan = self.plan
        funcs = [
            None if func is None else Observed(self, i, func) for i, func in enumerate(plan.funcs)
        ]
        return Plan(
            funcs, plan.args, plan.deps, plan.keys, plan.wanted, plan.order, plan.annotations
        )


class Observed:
    """A task's function between two reports."""

    __slots__ = ("func", "i", "observer")

    def __init__(self, observer: Observer, i: int, func: Callable[..., Any]) -> None:
        self.observer = observer
        self.i = i
        self.func = func

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.observer.before(self.i)
        result = self.func(*args, **kwargs)
        self.observer.after(self.i, result, threading.get_ident())
        return result


def initial_state(plan: Plan) -> dict[str, Any]:
    """The dict that callbacks see, before the first task runs."""
    keys = [plan.keys[i] for i in range(len(plan))]
    needs = {key: {keys[j] for j in plan.deps[i]} for i, key in enumerate(keys)}
    users = {key: {keys[j] for j in plan.dependents[i]} for i, key in enumerate(keys)}
    data = {key for key, func in zip(keys, plan.funcs, strict=True) if func is None}
    waiting = {key: deps - data for key, deps in needs.items() if deps - data}
    wanted = {keys[i] for i in plan.wanted}
    return {
        "dependencies": needs,
        "dependents": users,
        "waiting": waiting,
        # A wanted result is never released: it also waits for itself.
        "waiting_data": {
            key: users[key] | ({key} & wanted) for key in keys if users[key] or key in wanted
        },
        "cache": {keys[i]: plan.args[i] for i in range(len(plan)) if plan.funcs[i] is None},
        "ready": {key for key in keys if key not in waiting and key not in data},
        "running": set(),
        "finished": set(),
        "released": set(),
    }


@contextlib.contextmanager
def observe(plan: Plan, callbacks: Iterable[Any] = ()) -> Iterator[Observer | None]:
    """An observer for one run of a plan, or None when nobody listens.

    Parameters
    ----------
    plan
        What will run.
    callbacks
        Listeners besides the registered ones.

    Examples
    --------
    >>> from shoal.graph.legacy import plan_from_dict
    >>> with observe(plan_from_dict({"x": 1}, ["x"])) as observer:
    ...     print(observer)
    None
    """
    if isinstance(callbacks, Callback):
        callbacks = [callbacks]
    outer = _listening.get()
    named = dict.fromkeys([*Callback.active, *map(hooks_of, callbacks or ())])
    listeners = [hooks for hooks in named if hooks not in outer]
    if not listeners:
        yield None
        return
    hooks: dict[str, list[Callable[..., Any]]] = {
        name: [func for func in funcs if func is not None]
        for name, funcs in zip(NAMES, zip(*listeners, strict=True), strict=True)
    }
    observer = Observer(plan, hooks)
    token = _listening.set(outer.union(listeners))
    try:
        # In here: one that started must hear of the end, also when the next one fails to start.
        observer.start()
        yield observer
    except BaseException:
        observer.finish(True)
        raise
    else:
        observer.finish(False)
    finally:
        _listening.reset(token)
