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
from shoal.graph.layers import unravel
from shoal.graph.naming import get_name_from_key
from shoal.graph.task import Alias
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
    >>> name_of(shoal.delayed(1, name="one"))
    'one'
    """
    node = collection.__shoal_node__()
    return str(node.key) if isinstance(node, Call) else str(node.name)


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
    ({'x': Data('x', int), 'y': Task('y', max(TaskRef('x'), 1))}, ['y'])
    """
    node = collection.__shoal_node__()
    lowering = lower([node])
    graph = lowering.graph
    plan = assemble(graph, range(graph.size))
    view = GraphView(plan)
    layers: dict[str, Any] = {}
    for layer, start in zip(graph.layers, graph.starts, strict=True):
        ids = range(start, start + layer.size)
        if layer.name is not None:
            layers[layer.name] = _PlanLayer(view, ids, layer.annotations)
        elif ids:
            # A table has no name; that of its last task is as good, and no other layer has it.
            layers[str(plan.keys[ids[-1]])] = _PlanLayer(view, ids, None)
    wanted = [plan.keys[i] for i in lowering.numbers(node)]
    told = _told_keys(node)
    if wanted != told:
        # Another name for blocks that are there needs no task, but their keys have to be told.
        pairs = zip(told, wanted, strict=True)
        layers[node.name] = MaterializedLayer({new: Alias(new, old) for new, old in pairs})
    return HighLevelGraph(layers, _needs_of_layers(layers))


def _told_keys(node: Any) -> list[Key]:
    if isinstance(node, Call):
        return [node.key]
    return [
        (node.name, *unravel(i, node.shape)) if node.shape else node.name for i in range(node.size)
    ]


def _needs_of_layers(layers: dict[str, Any]) -> dict[str, set[str]]:
    home = {key: name for name, layer in layers.items() for key in layer}
    return {
        name: {home[dep] for key in layer for dep in layer[key].split()[2]} - {name}
        for name, layer in layers.items()
    }
