"""Dict graphs as data: what is a task in them, which keys a task needs, what to put in its place.

These functions are for people and libraries that build or rewrite graphs ``{key: (func, arg,
...)}`` by hand.  Nothing of shoal's own runs through them: a dict graph is converted once, by
`shoal.graph.legacy`, whose rules they follow.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping
from typing import Any

from shoal.errors import CycleError, InvalidKeyError
from shoal.graph.legacy import is_call, is_foreign_task, plan_from_dict, show_path, split_value
from shoal.graph.task import Alias, Data, Task, TaskRef
from shoal.types import Key

__all__ = [
    "flatten",
    "get_dependencies",
    "get_deps",
    "getcycle",
    "isdag",
    "ishashable",
    "iskey",
    "istask",
    "keys_in_tasks",
    "literal",
    "order_of_dict",
    "preorder_traversal",
    "quote",
    "replace_keys",
    "reverse_dict",
    "subs",
    "toposort",
    "validate_key",
]

_MISSING: Any = object()
_KEY_TYPES = (str, bytes, int, float)


# ------------------------------------------------------------------------------ what things are


def ishashable(item: Any) -> bool:
    """Whether something has a hash.

    Parameters
    ----------
    item
        Anything.

    Examples
    --------
    >>> ishashable((1, 2)), ishashable([1, 2])
    (True, False)
    """
    try:
        hash(item)
    except TypeError:
        return False
    return True


def istask(item: Any) -> bool:
    """Whether something is a call: a tuple whose first element is callable.

    Parameters
    ----------
    item
        Anything.

    Examples
    --------
    >>> istask((abs, -1)), istask(("abs", -1)), istask(abs)
    (True, False, False)
    """
    return is_call(item)


def iskey(item: Any) -> bool:
    """Whether something can be a key: text, bytes, a number, or a tuple of keys.

    Parameters
    ----------
    item
        Anything.

    Examples
    --------
    >>> iskey(("x", 0)), iskey(["x", 0])
    (True, False)
    """
    if type(item) is tuple:
        return all(map(iskey, item))
    return type(item) in _KEY_TYPES


def validate_key(key: Any) -> None:
    """Raise an error when something cannot be a key.

    Parameters
    ----------
    key
        Anything.

    Raises
    ------
    InvalidKeyError
        Says which part of the key is wrong.

    Examples
    --------
    >>> validate_key(("x", [1]))
    Traceback (most recent call last):
    ...
    shoal.errors.InvalidKeyError: Unexpected key type in ('x', [1]): unexpected key type at index=1,
    a list; a key is a str, bytes, int, float, or a tuple of those
    """
    wanted = "a key is a str, bytes, int, float, or a tuple of those"
    if iskey(key):
        return
    if type(key) is not tuple:
        raise InvalidKeyError(f"Unexpected key type, a {type(key).__name__}: {key!r}; {wanted}")
    at = next(i for i, part in enumerate(key) if not iskey(part))
    raise InvalidKeyError(
        f"Unexpected key type in {key!r}: unexpected key type at index={at}, "
        f"a {type(key[at]).__name__}; {wanted}"
    )


def flatten(seq: Any, container: Any = list) -> Iterator[Any]:
    """The items of nested lists, one after the other.

    Parameters
    ----------
    seq
        What to flatten; text is one item.
    container
        The types to look into.

    Examples
    --------
    >>> list(flatten([["a", ("b", 0)], "c"])), list(flatten(((1,), 2), container=tuple))
    (['a', ('b', 0), 'c'], [1, 2])
    """
    if isinstance(seq, str):
        yield seq
        return
    stack = [iter(seq)]
    while stack:
        for item in stack[-1]:
            if isinstance(item, container):
                stack.append(iter(item))
                break
            yield item
        else:
            stack.pop()


class literal:
    """A value that is never looked into; what `quote` wraps a value in.

    Parameters
    ----------
    data
        The value.

    Examples
    --------
    >>> literal([1])()
    [1]
    """

    __slots__ = ("data",)

    def __init__(self, data: Any) -> None:
        self.data = data

    def __repr__(self) -> str:
        return f"literal<type={type(self.data).__name__}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return literal, (self.data,)

    def __call__(self) -> Any:
        return self.data


def quote(value: Any) -> Any:
    """A value in a form that stands for itself in a dict graph.

    Parameters
    ----------
    value
        Anything.

    Returns
    -------
    ``value`` where nothing would be looked for in it, else a call that returns it.

    Examples
    --------
    >>> import shoal
    >>> shoal.get({"x": quote((abs, -1))}, "x"), quote(5)
    ((<built-in function abs>, -1), 5)
    """
    if istask(value) or type(value) in (list, dict, set):
        return (literal(value),)
    return value


# --------------------------------------------------------------------------------- dependencies


def keys_in_tasks(keys: Container[Key], tasks: Iterable[Any], as_list: bool = False) -> Any:
    """Which keys some tasks refer to.

    Parameters
    ----------
    keys
        All keys there are.
    tasks
        Values of a dict graph.
    as_list
        True for a list in the order of first use, else a set.

    Examples
    --------
    >>> keys_in_tasks({"x": 1, "y": 2}, [(max, "x", ["y", 3]), (abs, "x")], as_list=True)
    ['x', 'y']
    """
    found: dict[Key, None] = {}
    for task in tasks:
        found.update(dict.fromkeys(split_value(task, keys)[2]))  # type: ignore[arg-type]
    return list(found) if as_list else set(found)


def get_dependencies(
    dsk: Mapping[Key, Any], key: Any = None, task: Any = _MISSING, as_list: bool = False
) -> Any:
    """The keys that one task of a dict graph refers to.

    Parameters
    ----------
    dsk
        The graph.
    key
        The task's key, or
    task
        the task itself.
    as_list
        True for a list in the order of first use, else a set.

    Examples
    --------
    >>> get_dependencies({"x": 1, "y": (abs, "x"), "z": (max, ["x", "y"])}, "z", as_list=True)
    ['x', 'y']
    """
    if key is not None:
        task = dsk[key]
    elif task is _MISSING:
        raise ValueError("get_dependencies needs a key or a task")
    return keys_in_tasks(dsk, [task], as_list)


def get_deps(dsk: Mapping[Key, Any]) -> tuple[dict[Key, set[Key]], dict[Key, set[Key]]]:
    """For each key of a dict graph the keys it needs, and those that need it.

    Parameters
    ----------
    dsk
        The graph.

    Examples
    --------
    >>> get_deps({"x": 1, "y": (abs, "x")})
    ({'x': set(), 'y': {'x'}}, {'x': {'y'}, 'y': set()})
    """
    dependencies = {key: keys_in_tasks(dsk, [task]) for key, task in dsk.items()}
    return dependencies, reverse_dict(dependencies)


def reverse_dict(d: Mapping[Key, Iterable[Key]]) -> dict[Key, set[Key]]:
    """Dependents from dependencies, or the other way.

    Parameters
    ----------
    d
        For each key some others.

    Examples
    --------
    >>> reverse_dict({"x": [], "y": ["x"], "z": ["x"]})["x"] == {"y", "z"}
    True
    """
    out: dict[Key, set[Key]] = {key: set() for key in d}
    for key, others in d.items():
        for other in others:
            out.setdefault(other, set()).add(key)
    return out


def _walk(needs: Callable[[Key], Iterable[Key]], keys: Iterable[Key]) -> Iterator[Any]:
    """Keys after those they need; a list when a cycle is met, and that is the end."""
    done: set[Key] = set()
    for root in keys:
        path: dict[Key, Iterator[Key]] = {} if root in done else {root: iter(needs(root))}
        stack = list(path)
        while stack:
            for key in path[stack[-1]]:
                if key in path:
                    yield [*stack[stack.index(key) :], key]
                    return
                if key not in done:
                    path[key] = iter(needs(key))
                    stack.append(key)
                    break
            else:
                key = stack.pop()
                del path[key]
                done.add(key)
                yield key


def toposort(
    dsk: Mapping[Key, Any], dependencies: Mapping[Key, Iterable[Key]] | None = None
) -> list[Key]:
    """The keys of a dict graph, each after those it needs.

    Parameters
    ----------
    dsk
        The graph.
    dependencies
        What each key needs, where it is known.

    Raises
    ------
    CycleError
        A task needs its own result.

    Examples
    --------
    >>> toposort({"y": (abs, "x"), "x": 1})
    ['x', 'y']
    """

    def needs(key: Key) -> Iterable[Key]:
        return split_value(dsk[key], dsk)[2] if dependencies is None else dependencies[key]

    out: list[Key] = []
    for item in _walk(needs, dsk):
        if type(item) is list:
            raise CycleError(f"Cycle detected in the graph: {show_path(item)}")
        out.append(item)
    return out


def getcycle(d: Mapping[Key, Any], keys: Any) -> list[Key]:
    """A cycle that some keys of a dict graph lead into.

    Parameters
    ----------
    d
        The graph.
    keys
        A key, or a list of keys.

    Returns
    -------
    list
        The keys of the cycle, the first also as the last; empty when there is none.

    Examples
    --------
    >>> getcycle({"x": (abs, "y"), "y": (abs, "x")}, "x"), getcycle({"x": 1}, "x")
    (['x', 'y', 'x'], [])
    """
    wanted = keys if isinstance(keys, list) else [keys]
    for item in _walk(lambda key: split_value(d[key], d)[2], wanted):
        if type(item) is list:
            return item
    return []


def isdag(d: Mapping[Key, Any], keys: Any) -> bool:
    """Whether some keys of a dict graph lead into no cycle.

    Parameters
    ----------
    d, keys
        As for `getcycle`.

    Examples
    --------
    >>> isdag({"x": (abs, "y"), "y": (abs, "x")}, "x"), isdag({"x": 1}, "x")
    (False, True)
    """
    return not getcycle(d, keys)


def order_of_dict(
    dsk: Mapping[Key, Any], dependencies: Mapping[Key, Any] | None = None
) -> dict[Key, int]:
    """The place of each task of a dict graph in the order in which it would run.

    Parameters
    ----------
    dsk
        The graph.
    dependencies
        Accepted and not needed.

    Examples
    --------
    >>> order_of_dict({"z": (max, "x", "y"), "y": (abs, "x"), "x": 1})
    {'x': 0, 'y': 1, 'z': 2}
    """
    read: set[Key] = set()
    for task in dsk.values():
        read.update(split_value(task, dsk)[2])
    plan = plan_from_dict(dsk, [key for key in dsk if key not in read] or list(dsk))
    return {plan.keys[i]: place for place, i in enumerate(plan.order)}


# ---------------------------------------------------------------------------------- replacement


def subs(task: Any, key: Any, val: Any) -> Any:
    """A task with one key in it replaced.

    Parameters
    ----------
    task
        A value of a dict graph: calls and lists are searched.
    key
        What to replace.
    val
        What to put there.

    Examples
    --------
    >>> subs((sum, [1, "x"]), "x", 2)
    (<built-in function sum>, [1, 2])
    """
    kind = type(key)

    def put(item: Any) -> Any:
        # Types first: == of arrays and the like is no bool.
        if type(item) is kind and item == key:
            return val
        if is_call(item):
            return (item[0], *map(put, item[1:]))
        if type(item) is list:
            return list(map(put, item))
        return item

    return put(task)


def replace_keys(value: Any, new: Mapping[Key, Key]) -> Any:
    """A value of a dict graph with the keys in it replaced by others.

    Parameters
    ----------
    value
        A call, a key, a list, a dict, or a task object.
    new
        New keys by old ones.

    Examples
    --------
    >>> replace_keys((max, "x", [("y", 0), 1]), {"x": "a", ("y", 0): ("b", 0)})
    (<built-in function max>, 'a', [('b', 0), 1])
    >>> replace_keys(Task("z", max, TaskRef("x"), 5), {"x": "a", "z": "c"})
    Task('c', max(TaskRef('a'), 5))
    """
    kind = type(value)
    if kind is TaskRef:
        return TaskRef(new.get(value.key, value.key))
    if kind is Task:
        args = [replace_refs(arg, new) for arg in value.args]
        kwargs = {name: replace_refs(arg, new) for name, arg in value.kwargs.items()}
        return Task(new.get(value.key, value.key), value.func, *args, **kwargs)
    if kind is Alias:
        return Alias(new.get(value.key, value.key), new.get(value.target, value.target))
    if kind is Data:
        return Data(new.get(value.key, value.key), value.value)
    if is_foreign_task(value):
        return value.substitute(dict(new), key=new.get(value.key, value.key))
    if ishashable(value) and value in new:
        return new[value]
    if is_call(value):
        return (value[0], *[replace_keys(part, new) for part in value[1:]])
    if kind is list or kind is tuple or kind is set:
        return kind([replace_keys(part, new) for part in value])
    if kind is dict:
        return {replace_keys(k, new): replace_keys(v, new) for k, v in value.items()}
    return value


def replace_refs(item: Any, new: Mapping[Key, Key]) -> Any:
    """An argument of a `Task` with the references in it replaced: bare keys are values there.

    Parameters
    ----------
    item, new
        As for `replace_keys`.

    Examples
    --------
    >>> replace_refs([TaskRef("x"), "x"], {"x": "a"})
    [TaskRef('a'), 'x']
    """
    kind = type(item)
    if kind in (TaskRef, Task, Alias, Data):
        return replace_keys(item, new)
    if kind is list or kind is tuple or kind is set or kind is frozenset:
        return kind([replace_refs(part, new) for part in item])
    if kind is dict:
        return {replace_refs(k, new): replace_refs(v, new) for k, v in item.items()}
    return item


def preorder_traversal(task: Any) -> Iterator[Any]:
    """Everything in a task, from the outside in; a list shows as the type `list` and its items.

    Parameters
    ----------
    task
        A value of a dict graph.

    Examples
    --------
    >>> list(preorder_traversal((max, [1, "x"], 3)))
    [<built-in function max>, <class 'list'>, 1, 'x', 3]
    """
    items: Collection[Any]
    if is_call(task):
        items = task
    elif type(task) is list:
        yield list
        items = task
    else:
        yield task
        return
    for item in items:
        yield from preorder_traversal(item)
