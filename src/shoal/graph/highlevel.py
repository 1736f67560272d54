"""Graphs in layers: mappings of keys to tasks that remember which tasks belong together.

This is the form in which libraries written for Dask build and exchange graphs.  shoal's own layers
(`shoal.graph.layers`) say in a few words what a million tasks are; the ones here hold the tasks
themselves, or, in a subclass of `Layer`, know how to make them.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from shoal.errors import GraphError
from shoal.graph.dicts import flatten, keys_in_tasks, reverse_dict, toposort
from shoal.graph.legacy import split_value
from shoal.types import Key

__all__ = ["HighLevelGraph", "Layer", "MaterializedLayer", "ensure_dict"]


class Layer(Mapping[Key, Any]):
    """Tasks that belong together, as a mapping of keys to tasks.

    A subclass may make its tasks when they are asked for; it defines ``__getitem__``,
    ``__iter__``, ``__len__`` and `is_materialized`.

    Parameters
    ----------
    annotations
        What a scheduler should know of all tasks of the layer.
    collection_annotations
        What people who look at the graph should know of it.

    Examples
    --------
    >>> layer = MaterializedLayer({"x": 1, "y": (abs, "x")})
    >>> layer.get_dependencies("y", {"x", "y"})
    {'x'}
    """

    def __init__(
        self,
        annotations: Mapping[str, Any] | None = None,
        collection_annotations: Mapping[str, Any] | None = None,
    ) -> None:
        self.annotations = annotations
        self.collection_annotations = collection_annotations

    def is_materialized(self) -> bool:
        """Whether the tasks exist already."""
        return True

    def get_output_keys(self) -> Collection[Key]:
        """The keys that other layers may refer to."""
        return self.keys()

    def get_dependencies(self, key: Key, all_hlg_keys: Any) -> set[Key]:
        """The keys that one task refers to.

        Parameters
        ----------
        key
            The task's key.
        all_hlg_keys
            All keys there are in the graph.
        """
        found: set[Key] = keys_in_tasks(all_hlg_keys, [self[key]])
        return found

    def cull(self, keys: Iterable[Key], all_hlg_keys: Any) -> tuple[Layer, dict[Key, set[Key]]]:
        """The layer without the tasks that some keys do not need.

        Parameters
        ----------
        keys
            The wanted ones, all of this layer.
        all_hlg_keys
            All keys there are in the graph.

        Returns
        -------
        layer, dependencies
            What remains, and for each of its keys those it needs.
        """
        tasks: dict[Key, Any] = {}
        needs: dict[Key, set[Key]] = {}
        stack = list(keys)
        while stack:
            key = stack.pop()
            if key not in tasks:
                tasks[key] = self[key]
                needs[key] = self.get_dependencies(key, all_hlg_keys)
                stack += [other for other in needs[key] if other in self]
        if len(tasks) == len(self):
            return self, needs
        return MaterializedLayer(tasks, self.annotations, self.collection_annotations), needs

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self)} tasks>"


class MaterializedLayer(Layer):
    """A layer that holds its tasks.

    Parameters
    ----------
    mapping
        The tasks by key.
    annotations, collection_annotations
        As `Layer` has them.

    Examples
    --------
    >>> MaterializedLayer({"x": 1})["x"]
    1
    """

    def __init__(
        self,
        mapping: Mapping[Key, Any],
        annotations: Mapping[str, Any] | None = None,
        collection_annotations: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(annotations, collection_annotations)
        self.mapping = mapping

    def __contains__(self, key: object) -> bool:
        return key in self.mapping

    def __getitem__(self, key: Key) -> Any:
        return self.mapping[key]

    def __iter__(self) -> Iterator[Key]:
        return iter(self.mapping)

    def __len__(self) -> int:
        return len(self.mapping)


class HighLevelGraph(Mapping[Key, Any]):
    """A graph in layers; as a mapping, all tasks by key.

    Parameters
    ----------
    layers
        Mappings of keys to tasks by name.
    dependencies
        For each layer the names of those that it refers to.
    key_dependencies
        For each key those that it needs, as far as they are known.

    Examples
    --------
    >>> import shoal
    >>> graph = HighLevelGraph(
    ...     {"x": {"x": 2}, "y": {"y": (pow, "x", "x")}}, {"x": (), "y": {"x"}}
    ... )
    >>> shoal.get(graph, "y"), len(graph)
    (4, 2)
    """

    def __init__(
        self,
        layers: Mapping[str, Mapping[Key, Any]],
        dependencies: Mapping[str, Collection[str]],
        key_dependencies: Mapping[Key, Collection[Key]] | None = None,
    ) -> None:
        self.layers: dict[str, Layer] = {
            name: layer if isinstance(layer, Layer) else MaterializedLayer(layer)
            for name, layer in layers.items()
        }
        self.dependencies = dict(dependencies)
        self.key_dependencies = dict(key_dependencies or {})
        self._index: dict[Key, str] | None = None

    @classmethod
    def from_collections(
        cls, name: str, layer: Mapping[Key, Any], dependencies: Sequence[Any] = ()
    ) -> HighLevelGraph:
        """The graph of a new collection: one new layer on top of those of other collections.

        Parameters
        ----------
        name
            Of the new layer.
        layer
            Its tasks.
        dependencies
            The collections that they refer to, shoal's or other libraries'.

        Examples
        --------
        >>> import shoal
        >>> x = shoal.delayed(5, name="x")
        >>> graph = HighLevelGraph.from_collections("y", {"y": (abs, "x")}, dependencies=[x])
        >>> sorted(graph), graph.dependencies["y"]
        (['x', 'y'], {'x'})
        """
        layers: dict[str, Mapping[Key, Any]] = {name: layer}
        needs: dict[str, Collection[str]] = {name: set()}
        known: dict[Key, Collection[Key]] = {}
        below: set[str] = set()
        for collection in dependencies:
            graph, names = _graph_and_names(collection)
            layers.update(graph.layers)
            needs.update(graph.dependencies)
            known.update(graph.key_dependencies)
            below.update(names)
        # The new layer wins over one of the same name below.
        layers[name], needs[name] = layer, below
        return cls(layers, needs, known)

    @classmethod
    def merge(cls, *graphs: Mapping[Key, Any]) -> HighLevelGraph:
        """One graph of several.

        Parameters
        ----------
        *graphs
            Graphs in layers; any other mapping becomes one layer.

        Examples
        --------
        >>> one = HighLevelGraph({"x": {"x": 1}}, {"x": set()})
        >>> sorted(HighLevelGraph.merge(one, {"y": 2}))
        ['x', 'y']
        """
        layers: dict[str, Mapping[Key, Any]] = {}
        needs: dict[str, Collection[str]] = {}
        known: dict[Key, Collection[Key]] = {}
        for graph in graphs:
            part = _in_layers(graph)
            layers.update(part.layers)
            needs.update(part.dependencies)
            known.update(part.key_dependencies)
        return cls(layers, needs, known)

    # ------------------------------------------------------------------------ as a mapping

    def _keys(self) -> dict[Key, str]:
        """The layer of each key."""
        if self._index is None:
            self._index = {key: name for name, layer in self.layers.items() for key in layer}
        return self._index

    def __getitem__(self, key: Key) -> Any:
        # Most keys say which layer they are in.
        name: Hashable = key[0] if isinstance(key, tuple) and key else key
        if isinstance(name, str):
            layer = self.layers.get(name)
            if layer is not None and key in layer:
                return layer[key]
        return self.layers[self._keys()[key]][key]

    def __contains__(self, key: object) -> bool:
        return key in self._keys()

    def __iter__(self) -> Iterator[Key]:
        return iter(self._keys())

    def __len__(self) -> int:
        return len(self._keys())

    def __repr__(self) -> str:
        return f"<HighLevelGraph of {len(self.layers)} layers: {', '.join(self.layers)}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.layers, self.dependencies, self.key_dependencies)

    def __shoal_tokenize__(self) -> Any:
        # A layer's name tells what is in it.
        return "HighLevelGraph", {
            name: sorted(map(str, part)) for name, part in self.layers.items()
        }

    def to_dict(self) -> dict[Key, Any]:
        """All tasks by key, as a plain dict."""
        return {key: self.layers[name][key] for key, name in self._keys().items()}

    def copy(self) -> HighLevelGraph:
        """A graph of the same layers that can be changed by itself."""
        return type(self)(
            dict(self.layers),
            {name: set(others) for name, others in self.dependencies.items()},
            dict(self.key_dependencies),
        )

    # ------------------------------------------------------------------------ its structure

    @property
    def dependents(self) -> dict[str, set[str]]:
        """For each layer the names of those that refer to it."""
        return reverse_dict(self.dependencies)  # type: ignore[arg-type, return-value]

    def get_all_external_keys(self) -> set[Key]:
        """The keys of all layers."""
        return set(self._keys())

    def get_all_dependencies(self) -> dict[Key, Collection[Key]]:
        """For each key those that it needs."""
        keys = self._keys()
        for name, layer in self.layers.items():
            for key in layer:
                if keys[key] == name and key not in self.key_dependencies:
                    self.key_dependencies[key] = layer.get_dependencies(key, keys)
        return self.key_dependencies

    def cull(self, keys: Any) -> HighLevelGraph:
        """The graph without the tasks that some keys do not need.

        Parameters
        ----------
        keys
            The wanted ones, in lists and sets to any depth.
        """
        index = self._keys()
        wanted: dict[str, set[Key]] = {}
        for key in flatten(keys, (list, set)):
            if key in index:
                wanted.setdefault(index[key], set()).add(key)
        layers: dict[str, Mapping[Key, Any]] = {}
        known: dict[Key, Collection[Key]] = {}
        for name in reversed(self._toposort_layers()):
            if name not in wanted:
                continue
            layer, needs = self.layers[name].cull(wanted[name], index)
            layers[name] = layer
            known.update(needs)
            for key in {k for others in needs.values() for k in others if k in index}:
                if index[key] != name:
                    wanted.setdefault(index[key], set()).add(key)
        kept = {name: layers[name] for name in self.layers if name in layers}
        return type(self)(kept, _restricted(self.dependencies, kept), known)

    def cull_layers(self, layers: Iterable[str]) -> HighLevelGraph:
        """The graph without the layers that some layers do not need; the others stay whole.

        Parameters
        ----------
        layers
            Names of the wanted ones.
        """
        kept: dict[str, None] = {}
        stack = list(layers)
        while stack:
            name = stack.pop()
            if name not in kept:
                kept[name] = None
                stack += self.dependencies[name]
        return type(self)(
            {name: layer for name, layer in self.layers.items() if name in kept},
            {name: others for name, others in self.dependencies.items() if name in kept},
        )

    def _toposort_layers(self) -> list[Any]:
        """Names of the layers, each after those it refers to."""
        return toposort(self.layers, self.dependencies)  # type: ignore[arg-type]

    def validate(self) -> None:
        """Check that the dependencies of layers are those of their tasks.

        Raises
        ------
        GraphError
            Names the layers that disagree.
        """
        index = self._keys()
        for name, layer in self.layers.items():
            if name not in self.dependencies:
                raise GraphError(f"the dependencies of layer {name!r} are not given")
            unknown = [other for other in self.dependencies[name] if other not in self.layers]
            if unknown:
                raise GraphError(f"layer {name!r} depends on {unknown}, which are no layers")
            found = {index[k] for task in layer.values() for k in split_value(task, index)[2]}
            missing = found - {name} - set(self.dependencies[name])
            if missing:
                raise GraphError(
                    f"tasks of layer {name!r} refer to {sorted(missing)}, which its "
                    "dependencies do not name"
                )


def _restricted(needs: Mapping[str, Collection[str]], names: Collection[str]) -> dict[str, Any]:
    return {name: {other for other in needs[name] if other in names} for name in names}


def _in_layers(graph: Mapping[Key, Any], name: str | None = None) -> Any:
    """A graph in layers: itself, or any other mapping as one layer."""
    if isinstance(getattr(graph, "layers", None), Mapping):
        return graph
    name = name or f"graph-{id(graph):x}"
    return HighLevelGraph({name: graph}, {name: set()})


def _graph_and_names(collection: Any) -> tuple[Any, Collection[str]]:
    """The graph of a collection, and the names of the layers with its results."""
    if hasattr(collection, "__dask_graph__"):
        graph = collection.__dask_graph__()
        names = getattr(collection, "__dask_layers__", lambda: None)()
        if names:
            return _in_layers(graph, names[0] if len(names) == 1 else None), names
        graph = _in_layers(graph)
        return graph, list(graph.layers)
    if hasattr(type(collection), "__shoal_node__"):
        graph = _in_layers(collection.dask)
        # The last layer of our own has the results.
        return graph, [list(graph.layers)[-1]]
    raise TypeError(
        f"dependencies are collections, got {type(collection).__name__}: {collection!r}"
    )


def ensure_dict(d: Mapping[Key, Any], copy: bool = False) -> dict[Key, Any]:
    """A graph as a plain dict.

    Parameters
    ----------
    d
        Any mapping.
    copy
        True for a new dict also where ``d`` is one.

    Examples
    --------
    >>> ensure_dict(HighLevelGraph({"x": {"x": 1}}, {"x": ()}))
    {'x': 1}
    """
    if type(d) is dict:
        return dict(d) if copy else d
    to_dict = getattr(d, "to_dict", None)
    return dict(d) if to_dict is None else dict(to_dict())
