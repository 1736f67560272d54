"""Dict graphs ``{key: (func, arg, ...)}``: accepted at the edge, converted once.

The rules, as Dask's documentation of its graph specification has them:

- a tuple whose first element is callable is a call; its other elements are arguments;
- an argument (or a whole value, but not of its own key) that is a key of the graph stands for
  that task's result;
- lists, tuples and sets among the arguments are searched for keys and calls; dicts and slices
  only for task objects, because their plain values are options;
- anything else is a value.

`Task`, `Alias` and `Data` may stand for the tuple, and so may another library's task object that
has ``dependencies`` and is called with a dict of their results.

One depth-first walk from the wanted keys converts and culls.  It meets a task before what the task
needs, so its sequence backwards is the numbering, unless a task needs what was met before (shared
results, or a cycle); then a second walk, over integers, numbers what the first one found.  Which
cycle it was, or the path to a missing key, is looked for only when a walk has failed.  Walks keep
their own stacks: graphs 100,000 tasks deep are ordinary.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from shoal.errors import CycleError, GraphError, InvalidKeyError, MissingKeyError
from shoal.graph.cull import dependencies_first
from shoal.graph.plan import Plan, make_plan, without_collector
from shoal.graph.task import (
    ATOMS,
    Alias,
    Apply,
    Data,
    Nest,
    Parser,
    Ref,
    Task,
    Template,
    identity,
    resolve_refs,
)
from shoal.types import Key

__all__ = ["flatten_keys", "nest_results", "plan_from_dict", "rows_from_dict", "split_value"]

PLAIN = ATOMS - {tuple}
OWN = (Task, Alias, Data)


def flatten_keys(keys: Any) -> list[Key]:
    """All keys in nested lists, in order.

    Parameters
    ----------
    keys
        A key, or lists of keys to any depth.

    Examples
    --------
    >>> flatten_keys(["a", [("b", 0), ["c"]]])
    ['a', ('b', 0), 'c']
    """
    if type(keys) is not list:
        return [keys]
    out: list[Key] = []
    stack = [iter(keys)]
    while stack:
        for item in stack[-1]:
            if type(item) is list:
                stack.append(iter(item))
                break
            out.append(item)
        else:
            stack.pop()
    return out


def nest_results(keys: Any, results: Iterable[Any]) -> Any:
    """Put flat results back into the shape of the keys.

    Lists of keys become lists at the top and tuples below, as Dask's ``get`` returns them.

    Parameters
    ----------
    keys
        As given to `flatten_keys`.
    results
        One for each key, in that order.

    Examples
    --------
    >>> nest_results(["a", ["b", "c"]], [1, 2, 3])
    (1, (2, 3))
    """
    source = iter(results)
    if type(keys) is not list:
        return next(source)
    ways: list[Iterator[Any]] = [iter(keys)]
    built: list[list[Any]] = [[]]
    while True:
        for item in ways[-1]:
            if type(item) is list:
                ways.append(iter(item))
                built.append([])
                break
            built[-1].append(next(source))
        else:
            ways.pop()
            done = tuple(built.pop())
            if not ways:
                return done
            built[-1].append(done)


def is_call(value: Any) -> bool:
    """Whether a value is a call written as a tuple.

    >>> is_call((abs, -1)), is_call(("abs", -1)), is_call(())
    (True, False, False)
    """
    return type(value) is tuple and bool(value) and callable(value[0])


def is_foreign_task(value: Any) -> bool:
    """Whether a value is another library's task object: called with its dependencies' results."""
    cls = type(value)
    return cls not in PLAIN and callable(value) and hasattr(cls, "dependencies")


def call_foreign(task: Any, keys: tuple[Key, ...], *values: Any) -> Any:
    """Run another library's task object."""
    return task(dict(zip(keys, values, strict=True)))


class LegacyParser(Parser):
    """Reads one task of a dict graph: bare keys are references and tuples may be calls."""

    __slots__ = ("graph",)

    def __init__(self, graph: Mapping[Key, Any]) -> None:
        super().__init__(resolve_legacy)
        self.graph = graph

    def parse(self, item: Any) -> Any:
        """``item`` with its references replaced; the very same object when it has none."""
        try:
            if item in self.graph:
                return self.ref(item)
        except Exception:
            # Not hashable, or not comparable (an array inside a tuple): whatever an object's own
            # methods raise, it is not a key.
            pass
        if type(item) is dict or type(item) is slice:
            # Options and bounds: plain values in them are what they are, task objects are not.
            plain = Parser(resolve_legacy)
            plain.deps = self.deps
            return plain.parse(item)
        if is_call(item):
            return Nest(Apply(item[0]), [self.parse(part) for part in item[1:]])
        return super().parse(item)


def resolve_legacy(item: Any, parser: Parser) -> Any:
    """Task objects in place, ours and other libraries', and the rarer containers."""
    if is_foreign_task(item):
        keys = tuple(item.dependencies)
        return Nest(Apply(call_foreign), [item, keys, *map(parser.ref, keys)])
    return resolve_refs(item, parser)


def split_value(value: Any, graph: Mapping[Key, Any]) -> tuple[Any, Any, Sequence[Key]]:
    """``(func, args, keys of the dependencies)`` of one value of a dict graph.

    Parameters
    ----------
    value
        What stands behind a key.
    graph
        Tells which arguments are keys.

    Examples
    --------
    >>> split_value((max, "a", "b"), {"a": 1, "b": 2})
    (<built-in function max>, None, ('a', 'b'))
    >>> split_value("just text", {})
    (None, 'just text', ())
    """
    if type(value) is tuple and value and callable(value[0]):
        rest = value[1:]
        if PLAIN.issuperset(map(type, rest)):
            # No containers: most tasks of most graphs, so worth a shorter way.
            refs = tuple(filter(graph.__contains__, rest))
            count = len(refs)
            if not count:
                return value[0], rest, ()
            if count == len(rest) and (count == 1 or len(set(refs)) == count):
                return value[0], None, refs
        parser = LegacyParser(graph)
        args = parser.arguments(value[1:], {})
        return value[0], args, tuple(parser.deps)
    if type(value) in OWN:
        split: tuple[Any, Any, Sequence[Key]] = value.split()
        return split
    parser = LegacyParser(graph)
    parsed = parser.parse(value)
    if parsed is value:
        return None, value, ()
    if type(parsed) is Ref:
        return identity, None, tuple(parser.deps)
    return identity, Template((parsed,)), tuple(parser.deps)


@without_collector
def plan_from_dict(graph: Mapping[Key, Any], keys: Iterable[Key]) -> Plan:
    """Plan the part of a dict graph that ``keys`` need.

    Parameters
    ----------
    graph
        Tasks by key.
    keys
        The results wanted, flat.

    Raises
    ------
    MissingKeyError
        A wanted key, or one that a `TaskRef` names, is not in the graph.
    CycleError
        A task needs its own result.
    InvalidKeyError
        Something wanted cannot be a key.

    Examples
    --------
    >>> plan_from_dict({"a": 1, "b": (max, "a", 5), "c": (abs, "a")}, ["b"])
    <Plan of 2 tasks, 1 wanted>
    """
    keys = list(keys)
    ids, funcs, args, deps = _walk(graph, keys)
    return make_plan(funcs, args, deps, list(ids), [ids[key] for key in keys])


def rows_from_dict(
    graph: Mapping[Key, Any], keys: Sequence[Key]
) -> tuple[list[Key], list[Any], list[Any], list[tuple[int, ...]]]:
    """The tasks that ``keys`` need, as the parallel lists of a plan, dependencies first.

    Parameters
    ----------
    graph, keys
        As for `plan_from_dict`.

    Returns
    -------
    keys, funcs, args, deps
        One entry a task.

    Examples
    --------
    >>> rows_from_dict({"a": 1, "b": (abs, "a")}, ["b"])
    (['a', 'b'], [None, <built-in function abs>], [1, None], [(), (0,)])
    """
    ids, funcs, args, deps = _walk(graph, keys)
    return list(ids), funcs, args, deps


def check_wanted(key: Any, graph: Mapping[Key, Any]) -> None:
    """Raise the error that fits a key that cannot be computed."""
    try:
        if key in graph:
            return
    except TypeError:
        raise InvalidKeyError(
            f"a key must be hashable, got {type(key).__name__}: {key!r}; "
            "ask for several results with a list of keys"
        ) from None
    raise MissingKeyError(f"no task computes {key!r} (asked for as a result)")


Rows: TypeAlias = "tuple[dict[Key, int], list[Any], list[Any], list[tuple[int, ...]]]"


def _walk(graph: Mapping[Key, Any], wanted: Sequence[Key]) -> Rows:
    """Read everything that ``wanted`` needs; each task before what it needs, if it can be."""
    for key in wanted:
        check_wanted(key, graph)
    found: dict[Key, None] = {}
    funcs: list[Any] = []
    args: list[Any] = []
    needed: list[Sequence[Key]] = []
    shared = False
    stack = list(wanted)
    pop, push = stack.pop, stack.append
    add_func, add_args, add_needs = funcs.append, args.append, needed.append
    while stack:
        key = pop()
        if key in found:
            continue
        found[key] = None
        value = graph[key]
        # What most tasks of most graphs are is spelled out, at half the cost: a function of one or
        # two keys, or of one or two values.
        count = len(value) if type(value) is tuple else 0
        if 2 <= count <= 3 and callable(value[0]):
            rest = value[1:]
            first, last = rest[0], rest[-1]
            if type(first) in PLAIN and (count == 2 or type(last) in PLAIN):
                reads = first in graph
                if count == 2 or (reads is (last in graph) and (not reads or first != last)):
                    add_func(value[0])
                    if not reads:
                        add_args(rest)
                        add_needs(())
                        continue
                    add_args(None)
                    add_needs(rest)
                    if first in found or last in found:
                        shared = True
                    if count == 2:
                        push(first)
                    else:
                        stack += rest
                    continue
        try:
            func, arg, needs = split_value(value, graph)
        except RecursionError:
            raise GraphError(
                f"the arguments of task {key!r} are nested too deep to be searched for keys; "
                "make tasks of the inner ones, or pass the whole as shoal.Data"
            ) from None
        if func is identity and needs == (key,):
            # {1: 1}: a key cannot stand for itself, so this is a value.
            func, arg, needs = None, value, ()
        add_func(func)
        add_args(arg)
        add_needs(needs)
        if needs:
            if not all(map(graph.__contains__, needs)):
                raise explain_failure(graph, wanted)
            shared = shared or not found.keys().isdisjoint(needs)
            stack += needs
    for column in (funcs, args, needed):
        column.reverse()
    ids = dict(zip(reversed(found), range(len(found))))
    rows = ids, funcs, args, [tuple(map(ids.__getitem__, n)) if n else () for n in needed]
    return _renumbered(graph, wanted, rows) if shared else rows


def _renumbered(graph: Mapping[Key, Any], wanted: Sequence[Key], rows: Rows) -> Rows:
    """What was read, in a sequence in which each task comes after what it needs."""
    ids, funcs, args, deps = rows
    sequence = dependencies_first(deps, [ids[key] for key in wanted])
    if sequence is None:
        raise explain_failure(graph, wanted)
    names = list(ids)
    place = [0] * len(names)
    for at, i in enumerate(sequence):
        place[i] = at
    moved = place.__getitem__
    return (
        {names[i]: at for at, i in enumerate(sequence)},
        [funcs[i] for i in sequence],
        [args[i] for i in sequence],
        [tuple(map(moved, deps[i])) if deps[i] else () for i in sequence],
    )


def explain_failure(graph: Mapping[Key, Any], wanted: Iterable[Key]) -> GraphError:
    """Why a graph cannot be walked: the cycle, or the missing key, and the path to it.

    Parameters
    ----------
    graph, wanted
        A graph whose walk failed.
    """

    def needs_of(key: Key) -> Iterator[Key]:
        func, _, needs = split_value(graph[key], graph)
        return iter(() if func is identity and needs == (key,) else needs)

    done: set[Key] = set()
    for root in wanted:
        path, ways = {root: None}, [needs_of(root)]
        while ways:
            for dep in ways[-1]:
                if dep in path:
                    keys = list(path)
                    return CycleError(
                        f"the graph has a cycle: {show_path([*keys[keys.index(dep) :], dep])}; "
                        "a task cannot wait for itself"
                    )
                if dep not in graph:
                    return MissingKeyError(f"no task computes {dep!r}, needed by {show_path(path)}")
                if dep not in done:
                    path[dep] = None
                    ways.append(needs_of(dep))
                    break
            else:
                ways.pop()
                done.add(path.popitem()[0])
    raise AssertionError("the walk failed on a graph without a fault")


def show_path(path: Iterable[Key], most: int = 10) -> str:
    """Keys joined by arrows, the middle of a long path left out.

    >>> show_path(["a", ("b", 0)]), show_path(range(100), 4)
    ("'a' -> ('b', 0)", '0 -> 1 -> ... -> 98 -> 99')
    """
    shown = [repr(key) for key in path]
    if len(shown) > most:
        shown = [*shown[: most // 2], "...", *shown[-(most // 2) :]]
    return " -> ".join(shown)
