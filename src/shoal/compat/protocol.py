"""Dask's protocol of collections, spoken by shoal's.

`shoal.collection.CollectionMixin` asks here, as long as ``dask`` means shoal in this process.

A collection's graph is its expression as it stands.  What comes back from a consumer (a graph it
rewrote, or results it computed) is an expression again: `Rebuilt`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MethodType
from typing import Any

from shoal.collection import GETS, ForeignNode
from shoal.delayed import Delayed
from shoal.expr.call import Call
from shoal.graph.dicts import flatten, ishashable
from shoal.graph.legacy import is_call, is_foreign_task
from shoal.graph.naming import get_name_from_key, replace_name_in_key
from shoal.graph.rewrites import cull
from shoal.graph.task import Alias, Data, Task, TaskRef
from shoal.highlevelgraph import HighLevelGraph, graph_of, keys_of, name_of
from shoal.types import Key

__all__ = ["PROTOCOL", "Rebuilt", "rebuild", "spoken"]


class Rebuilt(ForeignNode):
    """The expression of a collection whose graph somebody else has rewritten or computed.

    Parameters
    ----------
    graph
        Tasks, or results, by key.
    keys
        Those of the blocks, flat, in C order.
    grid
        The shape of the blocks.

    Examples
    --------
    >>> Rebuilt({("x", 0): 5}, (("x", 0),), (1,), name="x").shape
    (1,)
    """

    __slots__ = ()
    fields = ("graph", "keys", "grid")  # type: ignore[assignment] # one more than its base

    @property
    def shape(self) -> tuple[int, ...]:
        """As given."""
        grid: tuple[int, ...] = self.grid
        return grid


def rebuild(
    dsk: Mapping[Key, Any], collection: Any, *, rename: Mapping[str, str] | None = None
) -> Any:
    """A collection like another one, on a graph.

    Parameters
    ----------
    dsk
        Tasks, or results, by key.
    collection
        One of shoal's.
    rename
        New names by old names, where the keys were changed.

    Examples
    --------
    >>> import shoal
    >>> rebuild({"y": 5}, shoal.delayed(1, name="x"), rename={"x": "y"}).compute()
    5
    """
    node = collection.__shoal_node__()
    keys = list(flatten(keys_of(collection)))
    if rename:
        keys = [_renamed(key, rename) for key in keys]
    dsk = results_as_data(dsk, keys)
    if isinstance(node, Call):
        return Delayed(keys[0], dsk, node._call[6])
    name = get_name_from_key(keys[0]) if keys else name_of(collection)
    return collection.__shoal_with_node__(Rebuilt(dsk, tuple(keys), node.shape, name=name))


def _renamed(key: Key, rename: Mapping[str, str]) -> Key:
    return replace_name_in_key(key, rename) if isinstance(key, str | tuple) else key


def results_as_data(dsk: Mapping[Key, Any], keys: Sequence[Key]) -> Mapping[Key, Any]:
    """A graph of nothing but results, marked as such, so that nobody looks for keys in them.

    >>> results_as_data({"x": ["x"]}, ["x"])
    {'x': Data('x', list)}
    >>> results_as_data({"x": (abs, -1)}, ["x"])
    {'x': (<built-in function abs>, -1)}
    """
    if len(dsk) != len(keys) or any(_is_work(dsk[key], dsk) for key in keys if key in dsk):
        return dsk
    return {key: Data(key, value) for key, value in dsk.items()}


def _is_work(value: Any, dsk: Mapping[Key, Any]) -> bool:
    """Whether a value of a graph is to be computed."""
    if is_call(value) or is_foreign_task(value) or isinstance(value, Task | Alias | Data | TaskRef):
        return True
    return type(value) in (str, tuple, bytes, int, float) and ishashable(value) and value in dsk


# --------------------------------------------------------------------------------- the protocol


def _graph(self: Any) -> HighLevelGraph:
    """All tasks, by key."""
    return graph_of(self)


def _keys(self: Any) -> list[Any]:
    """The keys of the blocks, in lists of their shape."""
    return keys_of(self)


def _layers(self: Any) -> tuple[str]:
    """The name of the layer with the blocks."""
    return (name_of(self),)


class _Flat:
    """A finalize step that takes blocks in nested lists."""

    __slots__ = ("axes", "finalize")

    def __init__(self, finalize: Callable[..., Any], axes: int) -> None:
        self.finalize = finalize
        self.axes = axes

    def __call__(self, results: Any, *extra: Any) -> Any:
        blocks = list(results)
        for _ in range(self.axes - 1):
            blocks = [block for part in blocks for block in part]
        return self.finalize(blocks, *extra)

    def __reduce__(self) -> tuple[Any, ...]:
        return _Flat, (self.finalize, self.axes)


def _postcompute(self: Any) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """``(finalize, extra)``; the answer is ``finalize(results, *extra)``."""
    finalize, extra = self.__shoal_postcompute__()
    node = self.__shoal_node__()
    axes = 1 if isinstance(node, Call) else len(node.shape)
    return _Flat(finalize, axes), extra


def _postpersist(self: Any) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """``(rebuild, extra)``; ``rebuild(graph, *extra, rename=None)`` is the same on a graph."""
    return rebuild, (self,)


def _tokenize(self: Any) -> Any:
    """What identifies the collection."""
    return self.__shoal_tokenize__()


def _optimize(dsk: Mapping[Key, Any], keys: Any, **kwargs: Any) -> Mapping[Key, Any]:
    """The graph without what the keys do not need.

    Expressions were not rewritten: their keys would be others.
    """
    if isinstance(dsk, HighLevelGraph):
        return dsk.cull(keys)
    return cull(dsk, list(flatten(keys)))[0]


def _scheduler(owner: type) -> Any:
    """The ``get`` function that runs collections of a class unless told otherwise."""
    name = getattr(owner, "__shoal_scheduler__", "threads")
    return GETS.get(name, name)


PROTOCOL: dict[str, tuple[Callable[..., Any], str]] = {
    "__dask_graph__": (_graph, "method"),
    "__dask_keys__": (_keys, "method"),
    "__dask_layers__": (_layers, "method"),
    "__dask_postcompute__": (_postcompute, "method"),
    "__dask_postpersist__": (_postpersist, "method"),
    "__dask_tokenize__": (_tokenize, "method"),
    "__dask_optimize__": (_optimize, "function"),
    "__dask_scheduler__": (_scheduler, "value"),
}
"""The function behind each name, and how it is called: as a "method", as a "function" that is the
same for all instances, or once for the "value" of a class."""


def spoken(name: str, instance: Any, owner: type) -> Any:
    """What a collection, or its class, answers to a name of the protocol.

    Parameters
    ----------
    name
        In `PROTOCOL`.
    instance, owner
        As a descriptor is given them.

    Examples
    --------
    >>> import shoal
    >>> one = shoal.delayed(1, name="x")
    >>> spoken("__dask_keys__", one, type(one))()
    ['x']
    """
    function, how = PROTOCOL[name]
    if how == "value":
        return function(owner)
    if how == "function" or instance is None:
        return function
    return MethodType(function, instance)
