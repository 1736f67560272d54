"""Graphs in layers, and the one of a collection.

`graph_of` shows what shoal computes in the form that libraries written for Dask understand: a
mapping of keys to tasks, in layers.  It is made when somebody asks, from the expression before any
rewriting, so that its keys are those that the collection tells.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from shoal.expr.call import Call
from shoal.expr.lower import lower
from shoal.graph.assemble import assemble
from shoal.graph.dicts import flatten
from shoal.graph.highlevel import HighLevelGraph, Layer, MaterializedLayer
from shoal.graph.naming import get_name_from_key
from shoal.graph.task import Alias, Data, Task
from shoal.local.callbacks import GraphView
from shoal.types import Key

__all__ = [
    "HighLevelGraph",
    "Layer",
    "MaterializedLayer",
    "get_collection_names",
    "graph_of",
    "keys_of",
    "name_of",
]


class _PlanLayer(Layer):
    """Some tasks of a plan, made when they are looked at."""

    def __init__(self, view: GraphView, ids: range, annotations: Any) -> None:
        super().__init__(dict(annotations) if annotations else None)
        self.view = view
        self.own = {view.plan.keys[i]: None for i in ids}

    def __getitem__(self, key: Key) -> Any:
        if key not in self.own:
            raise KeyError(key)
        return self.view[key]

    def __contains__(self, key: object) -> bool:
        return key in self.own

    def __iter__(self) -> Iterator[Key]:
        return iter(self.own)

    def __len__(self) -> int:
        return len(self.own)


def name_of(collection: Any) -> str:
    """The name of one of shoal's collections: what its keys begin with.

    Parameters
    ----------
    collection
        One of shoal's.

    Examples
    --------
    >>> import shoal
    >>> name_of(shoal.delayed(1, name="one")), name_of(shoal.delayed(1, name=("two", 0)))
    ('one', 'two')
    """
    node = collection.__shoal_node__()
    first = next(flatten(keys_of(collection)), node.name)
    if isinstance(first, tuple) and first:
        first = first[0]
    return str(first)


def keys_of(collection: Any) -> list[Any]:
    """The keys of one of shoal's collections, in lists of the shape of its blocks.

    Parameters
    ----------
    collection
        One of shoal's.

    Examples
    --------
    >>> import shoal
    >>> keys_of(shoal.delayed(1, name="one"))
    ['one']
    """
    node = collection.__shoal_node__()
    if isinstance(node, Call):
        return [node.key]
    own = getattr(collection, "_keys", None)
    if own is not None:
        keys: list[Any] = own()
        return keys
    return _nested(node.name, node.shape) if node.shape else [node.name]


def _nested(name: str, shape: Sequence[int], *index: int) -> list[Any]:
    if len(shape) == 1:
        return [(name, *index, i) for i in range(shape[0])]
    return [_nested(name, shape[1:], *index, i) for i in range(shape[0])]


def get_collection_names(collection: Any) -> set[str]:
    """The names in the keys of a collection.

    Parameters
    ----------
    collection
        One of shoal's, or an object that has ``__dask_keys__``.

    Raises
    ------
    TypeError
        No collection, or a key that is neither a str nor a tuple that begins with one.

    Examples
    --------
    >>> import shoal
    >>> get_collection_names(shoal.delayed(1, name="one"))
    {'one'}
    """
    if hasattr(type(collection), "__shoal_node__"):
        return {name_of(collection)}
    keys = getattr(collection, "__dask_keys__", None)
    if isinstance(collection, type) or keys is None:
        raise TypeError(f"wanted a collection, got {type(collection).__name__}: {collection!r}")
    return {get_name_from_key(key) for key in flatten(keys())}


def graph_of(collection: Any) -> HighLevelGraph:
    """What one of shoal's collections computes, as a graph in layers.

    Parameters
    ----------
    collection
        One of shoal's.

    Returns
    -------
    HighLevelGraph
        The last layer has the collection's keys.

    Examples
    --------
    >>> import shoal
    >>> graph = graph_of(shoal.delayed(max)(shoal.delayed(2, name="x"), 1, dask_key_name="y"))
    >>> dict(graph), list(graph.layers)
    ({'x': Data('x', int), 'y': Task('y', max(TaskRef('x'), 1))}, ['x', 'y'])
    """
    node = collection.__shoal_node__()
    lowering = lower([node])
    graph = lowering.graph
    plan = assemble(graph, range(graph.size))
    view = GraphView(plan)
    numbers = lowering.numbers(node)
    computed = [plan.keys[i] for i in numbers]
    told = list(flatten(keys_of(collection)))
    name = name_of(collection)
    layers: dict[str, Any] = {}
    for layer, start in zip(graph.layers, graph.starts, strict=True):
        ids = range(start, start + layer.size)
        if layer.name is not None:
            parts = [(layer.name, ids)]
        elif isinstance(layer.keys, list):
            # A dict graph has no name; that of its last task is as good, and no other has it.
            parts = [(str(plan.keys[ids[-1]]), ids)] if ids else []
        else:
            parts = [(str(plan.keys[i]), range(i, i + 1)) for i in ids]
        for title, span in parts:
            if computed == told and numbers and numbers[0] in span:
                title = name
            layers[title] = _PlanLayer(view, span, layer.annotations if layer.name else None)
    if computed != told:
        # Another name for blocks that are there needs no task, but their keys have to be told.
        if name in layers:
            layers[f"{name}-blocks"] = layers.pop(name)
        pairs = zip(told, computed, strict=True)
        layers[name] = MaterializedLayer({new: Alias(new, old) for new, old in pairs})
    elif name in layers:
        layers[name] = layers.pop(name)
    return HighLevelGraph(layers, _needs_of_layers(layers))


def _needs_of_layers(layers: dict[str, Any]) -> dict[str, set[str]]:
    home = {key: name for name, layer in layers.items() for key in layer}
    return {
        name: {home[dep] for key in layer for dep in _needs(layer[key])} - {name}
        for name, layer in layers.items()
    }


def _needs(task: Any) -> Sequence[Key]:
    """The keys that a task of a layer needs; a value may stand there as it is, and needs none."""
    return task.split()[2] if isinstance(task, Task | Alias | Data) else ()
