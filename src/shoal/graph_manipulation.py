"""Deciding what runs before what, and what is not shared.

Four functions that change the graphs of collections and not their results: `checkpoint` (one task
that everything comes before), `bind` (this after that), `wait_on` (nothing of this before all of
it is there), `clone` (the same again, computed anew).

shoal's own collections are rewritten as expressions (`shoal.expr.regenerate`).  Those of other
libraries are rewritten as dict graphs, in layers where they came in layers.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from shoal.collection import Job, is_own, rules_of, unpack_collections
from shoal.delayed import Delayed
from shoal.expr.call import BlockOf, Call
from shoal.expr.node import Node
from shoal.expr.regenerate import (
    Afterwards,
    Bound,
    Checkpoint,
    cloned_key,
    forget,
    make_call,
    pass_on,
    reach,
    regenerate,
)
from shoal.expr.rewrite import rewrite
from shoal.graph.dicts import flatten, replace_keys
from shoal.graph.highlevel import HighLevelGraph, ensure_dict
from shoal.graph.legacy import split_value
from shoal.graph.naming import clone_key, get_name_from_key, replace_name_in_key
from shoal.graph.task import identity
from shoal.graph.token import tokenize
from shoal.highlevelgraph import get_collection_names, graph_of
from shoal.types import Key

__all__ = ["bind", "checkpoint", "clone", "wait_on"]

SPLIT_EVERY = 8
"""How many tasks one task of a checkpoint waits for."""


def _split(split_every: Any) -> int | None:
    """The checked number; None for no limit."""
    if split_every is None:
        return SPLIT_EVERY
    if split_every is False:
        return None
    if isinstance(split_every, bool) or not isinstance(split_every, int | float):
        raise TypeError(
            f"split_every is a number of at least 2, None or False, got {split_every!r}"
        )
    if split_every < 2:
        raise ValueError(f"split_every must be at least 2, got {split_every!r}; False: no limit")
    return None if split_every == float("inf") else int(split_every)


def _settle(node: Node) -> Node:
    """A node as its rules leave it; what calls refer to, for nobody rewrites it there."""
    (new,), _ = rewrite([node], rules_of([node]))
    return new


def _after(collections: Sequence[Any], split: int | None) -> Afterwards:
    """What runs once everything in some collections has."""
    nodes = [c.__shoal_node__() for c in collections if is_own(c)]
    foreign = [c for c in collections if not is_own(c)]
    calls = [node for node in nodes if isinstance(node, Call)]
    names: list[Any] = [call.key for call in calls] + [c.__dask_keys__() for c in foreign]
    # Graphs of other libraries as they are: their keys have to stay.
    job = Job(foreign, optimize_graph=False)
    for i in range(len(foreign)):
        calls += [BlockOf(job.nodes[i], block) for block in range(job.nodes[i].size)]
    own = {node.name: node for node in nodes if isinstance(node, Node)}
    unique = list({call._call[0]: call for call in calls}.values())
    if not own:
        end = tree(unique, split, f"checkpoint-{tokenize(names, split)}")
        return Afterwards(end, end)
    roots: tuple[Any, ...] = tuple(own.values())
    if unique:
        roots += (tree(unique, split, f"checkpoint-{tokenize(names, split)}"),)
    node = Checkpoint(roots, split)
    block = BlockOf(_settle(node), 0)
    key = f"checkpoint-{tokenize(node.name)}"
    return Afterwards(node, make_call(Delayed, key, identity, None, (block,), "checkpoint"))


def tree(blocks: Sequence[Call], split: int | None, key: str) -> Delayed[None]:
    """A call that runs after others; each level of the tree lets go of the one below.

    >>> one = make_call(Delayed, "x", None, 1, (), "x")
    >>> tree([one], None, "end").dask.keys() == {"x", "end"}
    True
    """

    def task(inputs: Sequence[Call], number: int | None) -> Any:
        name = key if number is None else (key, number)
        return make_call(Delayed, name, forget, None if inputs else (), inputs, "checkpoint")

    if len(blocks) <= 1:
        return task(blocks, None)  # type: ignore[no-any-return]
    # A task for each block: the block is needed no longer once that has run.
    level = deque([task([block], i) for i, block in enumerate(blocks)])
    number = len(level)
    while split is not None and len(level) > split:
        level.append(task([level.popleft() for _ in range(split)], number))
        number += 1
    return task(list(level), None)  # type: ignore[no-any-return]


def checkpoint(*collections: Any, split_every: float | None = None) -> Delayed[None]:
    """A `Delayed` that is computed once everything in some collections is.

    Parameters
    ----------
    *collections
        Collections, also nested in containers.
    split_every
        How many tasks one of its tasks waits for, at least 2.  Default 8; False: all.

    Returns
    -------
    Delayed
        Its result is None; the collections' own results are not kept.

    Raises
    ------
    ValueError, TypeError
        ``split_every`` is below 2, or no number.

    Examples
    --------
    >>> import shoal
    >>> x = shoal.delayed(print)("computed")
    >>> checkpoint(x).compute()
    computed
    """
    split = _split(split_every)
    found, _ = unpack_collections(*collections)
    return _after(found, split).call  # type: ignore[return-value] # made by this module


def wait_on(*collections: Any, split_every: float | None = None) -> Any:
    """The same collections, none of whose blocks can be used before all of them are computed.

    Parameters
    ----------
    *collections
        Collections, also nested in containers.
    split_every
        As for `checkpoint`.

    Returns
    -------
    As given: one object for one argument, else a tuple.

    Examples
    --------
    >>> import shoal
    >>> first, second = shoal.delayed(abs)(-1), shoal.delayed(abs)(-2)
    >>> first, second = wait_on(first, second)
    >>> shoal.compute(first, second)
    (1, 2)
    """
    split = _split(split_every)
    found, repack = unpack_collections(*collections)
    after = _after(found, split)
    out = repack([_waiting(collection, after) for collection in found])
    return out[0] if len(collections) == 1 else out


def _waiting(collection: Any, after: Afterwards) -> Any:
    """One collection, after everything."""
    if not is_own(collection):
        return _foreign_waiting(collection, after.call)
    node = collection.__shoal_node__()
    if isinstance(node, Call):
        key = cloned_key(node.key, after.call.key)
        return make_call(Delayed, key, pass_on, None, (after.call, node), node._call[4], node)
    return collection.__shoal_with_node__(Bound(node, after.node))


def clone(
    *collections: Any, omit: Any = None, seed: Key | None = None, assume_layers: bool = True
) -> Any:
    """The same collections, computed by tasks of their own.

    What they share with each other they still share; what they share with the originals is
    computed again.  That helps where it is cheaper to compute something twice than to keep it.

    Parameters
    ----------
    *collections
        Collections, also nested in containers.
    omit
        Collections, also nested, whose tasks are not to be cloned.
    seed
        The same collections and seed give the same new keys.  Default: a random one.
    assume_layers
        For graphs of other libraries that come in layers: True to leave out whole layers of
        ``omit``, False to look at every key.

    Returns
    -------
    As given: one object for one argument, else a tuple.

    Examples
    --------
    >>> import shoal
    >>> x = shoal.delayed(abs)(-1)
    >>> y = clone(x)
    >>> y.key != x.key, y.compute()
    (True, 1)
    """
    out = _regenerated(list(collections), None, omit, seed, assume_layers)
    return out[0] if len(collections) == 1 else tuple(out)


def bind(
    children: Any,
    parents: Any,
    *,
    omit: Any = None,
    seed: Key | None = None,
    assume_layers: bool = True,
    split_every: float | None = None,
) -> Any:
    """The children, as tasks of their own that do not start before the parents are computed.

    Parameters
    ----------
    children
        A collection, or several nested in containers.
    parents
        The same; or None, for a `clone`.
    omit
        Collections, also nested, whose tasks stay as they are.  What the children compute from
        them waits; they do not.
    seed
        The same collections and seed give the same new keys.  Default: a random one.
    assume_layers
        As for `clone`.
    split_every
        As for `checkpoint`.

    Returns
    -------
    As the children were given.

    Examples
    --------
    >>> import shoal
    >>> first = shoal.delayed(print)("first")
    >>> second = shoal.delayed(print)("second")
    >>> bind(second, first).compute()
    first
    second
    """
    split = _split(split_every)
    after = None if parents is None else _after(unpack_collections(parents)[0], split)
    return _regenerated([children], after, omit, seed, assume_layers)[0]


def _regenerated(
    children: list[Any], after: Afterwards | None, omit: Any, seed: Key | None, layers: bool
) -> list[Any]:
    """Children as tasks of their own, after a call."""
    if seed is None:
        seed = os.urandom(16)
    found, repack = unpack_collections(*children)
    omitted = unpack_collections(omit)[0]
    roots = [c.__shoal_node__() for c in omitted if is_own(c)]
    stay = reach([*roots, *[_settle(root) for root in roots if isinstance(root, Node)]])
    own = [c.__shoal_node__() for c in found if is_own(c)]
    new = iter(regenerate(own, seed, stay, after, plain=Delayed))
    foreign = _Foreign(seed, omitted, after.call if after else None, layers)
    out = [_on(c, next(new)) if is_own(c) else foreign.regenerate(c) for c in found]
    return list(repack(out))


def _on(collection: Any, node: Any) -> Any:
    """A collection on another expression."""
    if node is collection.__shoal_node__():
        return collection
    return node if isinstance(node, Call) else collection.__shoal_with_node__(node)


# ------------------------------------------------------------------- graphs of other libraries


def _foreign_waiting(collection: Any, after: Call) -> Any:
    rename = {name: clone_key(name, after.key) for name in get_collection_names(collection)}
    keys = flatten(collection.__dask_keys__())
    tasks = {replace_name_in_key(key, rename): (pass_on, after.key, key) for key in keys}
    graph = collection.__dask_graph__()
    if isinstance(graph, HighLevelGraph):
        name = "-".join(sorted(rename.values()))
        whole = HighLevelGraph.merge(graph, graph_of(after))
        below = {*whole.layers}
        merged: Mapping[Key, Any] = HighLevelGraph(
            {**whole.layers, name: tasks}, {**whole.dependencies, name: below}
        )
    else:
        merged = {**graph, **graph_of(after).to_dict(), **tasks}
    rebuild, extra = collection.__dask_postpersist__()
    return rebuild(merged, *extra, rename=rename)


class _Foreign:
    """Regenerates dict graphs."""

    def __init__(self, seed: Key, omitted: Sequence[Any], after: Call | None, layers: bool) -> None:
        self.seed = seed
        self.after = after
        self.layers = layers
        graphs = [graph_of(c) if is_own(c) else c.__dask_graph__() for c in omitted]
        self.omit_keys = {key for graph in graphs for key in graph}
        self.omit_layers = {name for graph in graphs for name in getattr(graph, "layers", ())}

    def regenerate(self, collection: Any) -> Any:
        """One collection on its new graph."""
        graph = collection.__dask_graph__()
        new = {key: cloned_key(key, self.seed) for key in self.changing(graph)}
        changed = [key for key in flatten(collection.__dask_keys__()) if key in new]
        names = set(map(get_name_from_key, changed))
        rename = {name: clone_key(name, self.seed) for name in names}
        if not rename:
            return collection
        tasks = {key: self.task(key, graph, new) for key in new}
        rebuild, extra = collection.__dask_postpersist__()
        return rebuild(self.graph(graph, new, tasks), *extra, rename=rename)

    def changing(self, graph: Mapping[Key, Any]) -> list[Key]:
        """The keys that are not left out."""
        if self.layers and isinstance(graph, HighLevelGraph):
            kept = [name for name in graph.layers if name not in self.omit_layers]
            return [key for name in kept for key in graph.layers[name]]
        return [key for key in graph if key not in self.omit_keys]

    def task(self, key: Key, graph: Mapping[Key, Any], new: Mapping[Key, Key]) -> Any:
        """A task that refers to the new keys; one that refers to none of them waits."""
        task = replace_keys(graph[key], new)
        if self.after is None or any(dep in new for dep in split_value(graph[key], graph)[2]):
            return task
        return (pass_on, self.after.key, task)

    def graph(
        self, graph: Mapping[Key, Any], new: Mapping[Key, Key], tasks: Mapping[Key, Any]
    ) -> Mapping[Key, Any]:
        """All tasks, in layers where the graph has them."""
        first = None if self.after is None else graph_of(self.after)
        if not isinstance(graph, HighLevelGraph):
            kept = {key: task for key, task in graph.items() if key not in new}
            return {**ensure_dict(first or {}), **kept, **{new[k]: t for k, t in tasks.items()}}
        layers: dict[str, Mapping[Key, Any]] = {}
        for name, layer in graph.layers.items():
            changed = {new[key]: tasks[key] for key in layer if key in new}
            if changed:
                layers[clone_key(name, self.seed)] = changed
            if len(changed) < len(layer):
                layers[name] = {key: layer[key] for key in layer if key not in new}
        if first is not None:
            layers = {**first.layers, **layers}
        return HighLevelGraph(layers, _needs(layers))


def _needs(layers: Mapping[str, Mapping[Key, Any]]) -> dict[str, Collection[str]]:
    """For each layer those that its tasks refer to."""
    home = {key: name for name, layer in layers.items() for key in layer}
    return {
        name: {home[dep] for task in layer.values() for dep in split_value(task, home)[2]} - {name}
        for name, layer in layers.items()
    }
