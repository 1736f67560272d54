"""Making dict graphs smaller: cull, inline, fuse, as functions for those who build graphs by hand.

They take and return graphs ``{key: (func, arg, ...)}`` in which a fused task is one call inside
another, and say which keys each remaining task needs.  shoal's own collections do not pass through
here: their expressions are rewritten by rules, and their plans are fused as integers.

Fusing trades parallelism for fewer tasks.  A chain loses none, so chains are always fused.  A task
that reads several others may take them in when each of them has no other reader; then they form a
tree with one result, and what was side by side runs one after the other.  `fuse` decides by the
shape of that tree, in which a chain counts as one task: the tasks below its root, divided by the
levels they stand on, is the average width, and that is what is limited.  A step that does not
lower the number of inputs from outside counts as one task more, because it makes the order of
things less free and merges nothing.

Only calls written as tuples, and plain values, are fused.  Task objects and everything that one
might rather send once (arrays, lists, ...) keep their places.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from shoal import config
from shoal.graph.dicts import (
    flatten,
    get_deps,
    ishashable,
    istask,
    keys_in_tasks,
    replace_keys,
    reverse_dict,
    toposort,
)
from shoal.graph.legacy import check_wanted, is_foreign_task, split_value
from shoal.graph.naming import key_split
from shoal.graph.task import ATOMS, Alias, Data, Task
from shoal.graph.token import tokenize
from shoal.types import Key

__all__ = [
    "cull",
    "dont_optimize",
    "functions_of",
    "fuse",
    "fuse_linear",
    "inline",
    "inline_functions",
]

Tasks = dict[Key, Any]
Needs = dict[Key, Any]

MOST_NESTED = 100
"""Levels of calls in one fused task; running one takes a few Python frames a level."""

LONGEST_NAME = 120
"""Characters of a fused task's name; file names and dashboards hold it."""


def cull(dsk: Mapping[Key, Any], keys: Any) -> tuple[Tasks, dict[Key, list[Key]]]:
    """Drop the tasks that some results do not need.

    Parameters
    ----------
    dsk
        The graph.
    keys
        What is wanted: a key, or nested lists of keys.

    Returns
    -------
    dsk, dependencies
        The rest, and for each of its keys those it needs.

    Raises
    ------
    MissingKeyError
        A wanted key is not in the graph.

    Examples
    --------
    >>> cull({"x": 1, "y": (abs, "x"), "z": (min, "x", 0)}, "y")
    ({'y': (<built-in function abs>, 'x'), 'x': 1}, {'y': ['x'], 'x': []})
    """
    stack = _flat(keys)
    for key in stack:
        check_wanted(key, dsk)
    out: Tasks = {}
    dependencies: dict[Key, list[Key]] = {}
    while stack:
        key = stack.pop()
        if key in out:
            continue
        out[key] = dsk[key]
        dependencies[key] = list(split_value(dsk[key], dsk)[2])
        stack += [dep for dep in dependencies[key] if dep not in out and dep in dsk]
    return out, dependencies


def _flat(keys: Any) -> list[Key]:
    return list(flatten(keys, (list, set))) if isinstance(keys, list | set) else [keys]


def dont_optimize(dsk: Mapping[Key, Any], keys: Any, **kwargs: Any) -> Mapping[Key, Any]:
    """Leave a graph as it is: the ``__dask_optimize__`` of collections without optimiser.

    Parameters
    ----------
    dsk
        The graph.
    keys
        What is wanted.
    **kwargs
        Ignored.

    Examples
    --------
    >>> dont_optimize({"x": 1}, ["x"])
    {'x': 1}
    """
    return dsk


# --------------------------------------------------------------------------------------- inline


def functions_of(task: Any) -> set[Any]:
    """The functions that a call calls, those of calls inside included.

    Parameters
    ----------
    task
        A value of a dict graph.

    Examples
    --------
    >>> functions_of((max, (abs, "x"), [(abs, "y")])) == {max, abs}
    True
    """
    found: set[Any] = set()
    stack = [task]
    while stack:
        item = stack.pop()
        if istask(item):
            func = item[0]
            while getattr(func, "func", None) is not None and not isinstance(func, type):
                func = func.func
            found.add(func)
            stack += item[1:]
        elif type(item) is list:
            stack += item
        elif isinstance(item, Task):
            found.add(item.func)
            stack += item.args
    return found


def inline(
    dsk: Mapping[Key, Any],
    keys: Any = None,
    inline_constants: bool = True,
    dependencies: Mapping[Key, Iterable[Key]] | None = None,
) -> Tasks:
    """Put some tasks into the tasks that read them; all keys stay.

    Parameters
    ----------
    dsk
        The graph.
    keys
        A key or a collection of keys, the tasks to put into others.
    inline_constants
        True to do it with plain values as well.
    dependencies
        What each key needs, where it is known.

    Examples
    --------
    >>> graph = {"x": 1, "y": (abs, "x"), "z": (max, "x", "y")}
    >>> inline(graph, keys="y")["z"]
    (<built-in function max>, 1, (<built-in function abs>, 1))
    >>> inline(graph, keys="y", inline_constants=False)["z"]
    (<built-in function max>, 'x', (<built-in function abs>, 'x'))
    """
    chosen = set() if keys is None else set(_flat(keys))
    if dependencies is None:
        dependencies = get_deps(dsk)[0]
    if inline_constants:
        chosen |= _constants(dsk, dependencies)
    ready: Tasks = {}
    for key in toposort({k: dsk[k] for k in chosen if k in dsk}, _within(dependencies, chosen)):
        ready[key] = _put(dsk[key], {d: ready[d] for d in dependencies[key] if d in ready})
    return {
        key: ready[key]
        if key in ready
        else _put(task, {dep: ready[dep] for dep in dependencies[key] if dep in ready})
        for key, task in dsk.items()
    }


def _within(dependencies: Mapping[Key, Iterable[Key]], chosen: Collection[Key]) -> Needs:
    return {key: [d for d in dependencies[key] if d in chosen] for key in chosen}


def _constants(dsk: Mapping[Key, Any], dependencies: Mapping[Key, Iterable[Key]]) -> set[Key]:
    """Keys of plain values, and of other names for them."""
    found: set[Key] = set()
    for key in toposort(dsk, dependencies):
        task = dsk[key]
        if _is_key(task, dsk):
            constant = task in found
        else:
            constant = type(task) in ATOMS or isinstance(task, Data)
        if constant:
            found.add(key)
    return found


def _is_key(task: Any, dsk: Mapping[Key, Any]) -> bool:
    return ishashable(task) and task in dsk


def _put(task: Any, values: Mapping[Key, Any]) -> Any:
    """A task with keys replaced by what they stand for."""
    if not values:
        return task
    if isinstance(task, Task | Alias) or is_foreign_task(task):
        return task
    return replace_keys(task, {k: v.value if isinstance(v, Data) else v for k, v in values.items()})


def inline_functions(
    dsk: Mapping[Key, Any],
    output: Any,
    fast_functions: Collection[Callable[..., Any]] | None = None,
    inline_constants: bool = False,
    dependencies: Mapping[Key, Iterable[Key]] | None = None,
) -> Tasks:
    """Put the calls of cheap functions into the tasks that read them.

    Parameters
    ----------
    dsk
        The graph.
    output
        Keys that have to stay.
    fast_functions
        The cheap functions; a call goes when all functions in it are among them.
    inline_constants
        True to do it with plain values as well.
    dependencies
        What each key needs, where it is known.

    Examples
    --------
    >>> graph = {"out": (max, "i", "d"), "i": (abs, "x"), "d": (int, "x"), "x": 1}
    >>> inline_functions(graph, ["out"], [abs])
    {'out': (<built-in function max>, (<built-in function abs>, 'x'), 'd'),
     'd': (<class 'int'>, 'x'), 'x': 1}
    """
    if not fast_functions:
        return dict(dsk)
    output, fast = set(_flat(output)), set(fast_functions)
    if dependencies is None:
        dependencies = get_deps(dsk)[0]
    dependents = reverse_dict(dependencies)
    chosen = {
        key
        for key, task in dsk.items()
        if istask(task) and dependents[key] and key not in output and _calls_only(task, fast)
    }
    chosen -= _too_deep(chosen, dependencies)
    out = inline(dsk, chosen, inline_constants, dependencies)
    kept_by_objects = {
        dep
        for key, task in dsk.items()
        if isinstance(task, Task | Alias) or is_foreign_task(task)
        for dep in dependencies[key]
    }
    return {key: task for key, task in out.items() if key not in chosen or key in kept_by_objects}


def _too_deep(chosen: set[Key], dependencies: Mapping[Key, Iterable[Key]]) -> set[Key]:
    """Keys that have to stay so that no call gets more than `MOST_NESTED` levels."""
    inner = _within(dependencies, chosen)
    levels: dict[Key, int] = {}
    for key in toposort(inner, inner):
        levels[key] = 1 + max([levels[dep] for dep in inner[key]], default=0)
        if levels[key] > MOST_NESTED:
            levels[key] = 0
    return {key for key, level in levels.items() if not level}


def _calls_only(task: Any, fast: set[Any]) -> bool:
    try:
        return functions_of(task) <= fast
    except TypeError:
        # A callable without a hash is in no set.
        return False


# ------------------------------------------------------------------------------------------ fuse


def _is_fusible(task: Any) -> bool:
    """Whether a task may stand inside another one."""
    return istask(task) or type(task) in ATOMS


def fuse_linear(
    dsk: Mapping[Key, Any],
    keys: Any = None,
    dependencies: Mapping[Key, Iterable[Key]] | None = None,
    rename_keys: bool | Callable[[list[Key]], Key | None] = True,
) -> tuple[Tasks, Needs]:
    """Make each chain of tasks one task.

    Parameters
    ----------
    dsk
        The graph.
    keys
        Keys that have to stay.
    dependencies
        What each key needs, where it is known.
    rename_keys
        True to name a fused task after all the tasks in it, or a function from their keys, first
        to last, to the new key; the last task's key then is another name for it.

    Returns
    -------
    dsk, dependencies
        The fused graph, and for each of its keys those it needs.

    Examples
    --------
    >>> graph = {"a": 1, "b": (abs, "a"), "c": (int, "b")}
    >>> fuse_linear(graph, rename_keys=False)[0]
    {'c': (<class 'int'>, (<built-in function abs>, 1))}
    >>> sorted(fuse_linear(graph)[0])
    ['a-b-c', 'c']
    """
    needs = _needs_of(dsk, dependencies)
    fuser = _Fuser(dsk, needs, _kept(keys), Limits())
    fuser.run()
    rename = name_chain if rename_keys is True else rename_keys or None
    out, needs = fuser.graph(rename)
    return _point_at_new_names(out, needs, fuser.renamed) if rename else (out, needs)


def _kept(keys: Any) -> set[Key]:
    return set() if keys is None else set(_flat(keys))


def _needs_of(dsk: Mapping[Key, Any], dependencies: Any) -> dict[Key, set[Key]]:
    if dependencies is None:
        return get_deps(dsk)[0]
    return {key: set(dependencies.get(key, ())) for key in dsk}


def _dependencies_of(dsk: Mapping[Key, Any]) -> Needs:
    return {key: keys_in_tasks(dsk, [task]) for key, task in dsk.items()}


def _point_at_new_names(dsk: Tasks, needs: Needs, new: dict[Key, Key]) -> tuple[Tasks, Needs]:
    """Let tasks that read the old key of a fused task read its new one."""
    pointing = {
        key: task if key in new else _put(task, {k: new[k] for k in needs[key] if k in new})
        for key, task in dsk.items()
    }
    told = {
        key: others if key in new else {new.get(k, k) for k in others}
        for key, others in needs.items()
    }
    return pointing, told


def name_chain(keys: list[Key]) -> Key | None:
    """The key of a fused task: the prefixes of all tasks in it, and the index of the last.

    Parameters
    ----------
    keys
        From the first task to the last.

    Examples
    --------
    >>> name_chain(["load-1", ("clean-2", 0)])
    ('load-clean-2', 0)
    """
    last = keys[-1]
    name = last[0] if type(last) is tuple and last else last
    if type(name) is not str:
        return None
    before = "-".join([key_split(key) for key in keys[:-1]])
    joined = f"{before}-{name}"
    if len(joined) > LONGEST_NAME:
        joined = f"{joined[: LONGEST_NAME - 33]}-{tokenize(joined)}"
    return (joined, *last[1:]) if type(last) is tuple else joined


def name_tree(keys: list[Key]) -> Key | None:
    """As `name_chain`; tasks below the last have no order, so their names stand sorted.

    Parameters
    ----------
    keys
        The last one is the root.

    Examples
    --------
    >>> name_tree(["b", "a", "sum"])
    'a-b-sum'
    """
    before = {key_split(key): key for key in sorted(keys[:-1], key=str)}
    return name_chain([*(before[name] for name in sorted(before)), keys[-1]])


def _mentions(task: Any, keys: Collection[Key]) -> list[Key]:
    """Some of the keys, each as often as it stands in a task."""
    found = []
    stack = [task]
    while stack:
        item = stack.pop()
        if ishashable(item) and item in keys:
            found.append(item)
        elif type(item) in (tuple, list, set):
            stack += item
        elif type(item) is dict:
            stack += [*item, *item.values()]
    return found


class Limits:
    """How far `fuse` goes.

    Parameters
    ----------
    width
        Average width of a tree of fused tasks; 0 for chains only.
    total_width
        Tasks side by side.
    height
        Levels.
    new_edge_depth
        Levels of a tree that may bring in inputs of its own.
    """

    __slots__ = ("height", "new_edge_depth", "total_width", "width")

    def __init__(
        self,
        width: float = 0,
        total_width: float = math.inf,
        height: float = math.inf,
        new_edge_depth: float = math.inf,
    ) -> None:
        self.width = width
        self.total_width = total_width
        self.height = height
        self.new_edge_depth = new_edge_depth


class _Group:
    """A task and what was fused into it."""

    __slots__ = ("inputs", "levels", "members", "nested", "tasks", "width")

    def __init__(self, key: Key, inputs: set[Key]) -> None:
        self.members: list[Key] = [key]
        self.inputs = inputs
        # Tasks and levels as the limits count them (a chain is one), and calls inside each other.
        self.tasks = 1
        self.levels = 1
        self.width = 1
        self.nested = 1


class _Fuser:
    """One pass over a graph, sources first; `groups` holds what remains."""

    def __init__(
        self, dsk: Mapping[Key, Any], needs: dict[Key, set[Key]], kept: set[Key], limits: Limits
    ) -> None:
        self.dsk = dsk
        self.needs = needs
        self.limits = limits
        readers = reverse_dict(needs)
        self.single = {
            key
            for key, task in dsk.items()
            if len(readers[key]) == 1 and key not in kept and _is_fusible(task)
        }
        self.groups: dict[Key, _Group] = {}
        self.tasks: Tasks = {}
        self.renamed: dict[Key, Key] = {}

    def run(self) -> None:
        """Decide for each task what it takes in."""
        for key in toposort(self.dsk, self.needs):
            task = self.dsk[key]
            group = _Group(key, set(self.needs[key]))
            below = self.candidates(key, task)
            if len(self.needs[key]) == 1 == len(below):
                self.extend(group, self.groups[below[0]], below)
            elif below:
                self.widen(group, [self.groups[k] for k in below], below)
            if len(group.members) > 1:
                task = _put(task, {k: self.tasks.pop(k) for k in below})
                for k in below:
                    del self.groups[k]
            self.groups[key] = group
            self.tasks[key] = task

    def candidates(self, key: Key, task: Any) -> list[Key]:
        """What a task might take in: results that it alone reads, and at one place only."""
        below = [dep for dep in self.needs[key] if dep in self.single]
        if not below or not istask(task):
            return []
        if len(below) == 1:
            return below if _mentions(task, below).count(below[0]) == 1 else []
        places = Counter(_mentions(task, set(below)))
        return sorted([dep for dep in below if places[dep] == 1], key=str)

    def extend(self, group: _Group, below: _Group, keys: list[Key]) -> None:
        """A chain: always, unless calls would be nested too deep."""
        if below.nested >= MOST_NESTED:
            return
        group.members = below.members + group.members
        group.inputs = below.inputs
        group.nested = below.nested + 1
        group.tasks, group.levels, group.width = below.tasks, below.levels, below.width

    def widen(self, group: _Group, below: list[_Group], keys: list[Key]) -> None:
        """A tree: if it stays narrow enough."""
        limits = self.limits
        tasks = sum(g.tasks for g in below)
        levels = max(g.levels for g in below)
        # Also of a tree that is refused: what stands on it must not look narrow.
        group.width = sum(g.width for g in below)
        # As wide as a chain: then it counts as one.
        group.tasks, group.levels = (1, 1) if tasks == levels else (tasks + 1, levels + 1)
        inputs = (group.inputs - set(keys)).union(*(g.inputs for g in below))
        extra = len(inputs) >= len(group.inputs)
        if (
            (tasks + extra) / levels > limits.width
            or group.width > limits.total_width
            or levels + 1 > limits.height
            or (extra and levels > limits.new_edge_depth)
            or max(g.nested for g in below) >= MOST_NESTED
        ):
            return
        group.members = [key for g in below for key in g.members] + group.members
        group.inputs = inputs
        group.nested = max(g.nested for g in below) + 1

    def graph(self, rename: Callable[[list[Key]], Key | None] | None) -> tuple[Tasks, Needs]:
        """The fused graph, and what each of its keys needs."""
        out: Tasks = {}
        needs: Needs = {}
        for key, group in self.groups.items():
            new = rename(group.members) if rename and len(group.members) > 1 else None
            if new is None or new == key or new in self.dsk:
                new = key
            else:
                out[key], needs[key], self.renamed[key] = new, {new}, new
            out[new], needs[new] = self.tasks[key], group.inputs
        return out, needs


def fuse(
    dsk: Mapping[Key, Any],
    keys: Any = None,
    dependencies: Mapping[Key, Iterable[Key]] | None = None,
    ave_width: float | None = None,
    max_width: float | None = None,
    max_height: float | None = None,
    max_depth_new_edges: float | None = None,
    rename_keys: bool | Callable[[list[Key]], Key | None] | None = None,
) -> tuple[Tasks, Needs]:
    """Make chains of tasks, and trees of tasks that end in one, single tasks.

    Parameters
    ----------
    dsk
        The graph.
    keys
        Keys that have to stay.
    dependencies
        What each key needs, where it is known.
    ave_width
        The largest average width of a tree: tasks below its root by levels below its root.
    max_width
        The largest number of leaves of a tree.
    max_height
        The largest number of levels of a tree.
    max_depth_new_edges
        The largest number of levels of a tree that brings in inputs of its own.
    rename_keys
        True to name a fused task after all the tasks in it, or a function from their keys (the
        root's last) to the new key; the root's key then is another name for it.

    Returns
    -------
    dsk, dependencies
        The fused graph, and for each of its keys those it needs.

    Notes
    -----
    What is not given comes from the settings ``optimization.fuse.*``; with
    ``optimization.fuse.active`` False nothing is done.

    Examples
    --------
    >>> graph = {"a": (int, "1"), "b": (int, "2"), "c": (max, "a", "b")}
    >>> fuse(graph, ave_width=1)[0] == graph
    True
    >>> fuse(graph, ave_width=2, rename_keys=False)[0]
    {'c': (<built-in function max>, (<class 'int'>, '1'), (<class 'int'>, '2'))}
    """
    if config.get("optimization.fuse.active", None) is False:
        return dict(dsk), _dependencies_of(dsk) if dependencies is None else dict(dependencies)
    width = _setting(ave_width, "ave-width", 1)
    limits = Limits(
        width,
        _setting(max_width, "max-width", 1.5 + width * math.log(width + 1)),
        _setting(max_height, "max-height", math.inf),
        _setting(max_depth_new_edges, "max-depth-new-edges", width * 1.5),
    )
    if rename_keys is None:
        rename_keys = config.get("optimization.fuse.rename-keys", True)
    fuser = _Fuser(dsk, _needs_of(dsk, dependencies), _kept(keys), limits)
    fuser.run()
    return fuser.graph(name_tree if rename_keys is True else rename_keys or None)


def _setting(given: float | None, name: str, otherwise: float) -> float:
    """What the caller said, or the settings, or what follows from the others."""
    if given is None:
        given = config.get(f"optimization.fuse.{name}", None)
    return otherwise if given is None else given
