"""Graphs in layers, built by hand and from collections."""

from __future__ import annotations

import pickle

import pytest

import shoal
from shoal.delayed import Delayed
from shoal.errors import GraphError
from shoal.graph.task import Task
from shoal.highlevelgraph import (
    HighLevelGraph,
    Layer,
    MaterializedLayer,
    get_collection_names,
    graph_of,
    keys_of,
)


def inc(x):
    return x + 1


def small() -> HighLevelGraph:
    return HighLevelGraph(
        {"a": {"a": 1, ("a", 0): 2, "odd": 3}, "b": {"b": (inc, "odd"), "c": (inc, "a")}},
        {"a": set(), "b": {"a"}},
    )


def test_it_is_a_mapping() -> None:
    graph = small()
    assert (
        dict(graph)
        == graph.to_dict()
        == {"a": 1, ("a", 0): 2, "odd": 3, "b": (inc, "odd"), "c": (inc, "a")}
    )
    assert (graph["a", 0], graph["odd"], len(graph)) == (2, 3, 5)
    assert all(isinstance(layer, Layer) for layer in graph.layers.values())
    for key in ("d", "", 1, ()):
        with pytest.raises(KeyError):
            graph[key]
        assert key not in graph
    with pytest.raises(TypeError):
        graph[[1]]
    assert shoal.get(graph, ["b", "c"]) == (4, 2)
    assert pickle.loads(pickle.dumps(graph)).to_dict().keys() == graph.keys()


def test_cull() -> None:
    culled = small().cull([["b"]])
    assert dict(culled) == {"odd": 3, "b": (inc, "odd")}
    assert culled.key_dependencies == {"odd": set(), "b": {"odd"}}
    assert culled.dependencies == {"a": set(), "b": {"a"}}
    only = small().cull({"a"})
    assert (dict(only), only.dependencies) == ({"a": 1}, {"a": set()})
    layers = HighLevelGraph({"x": {"x": 1}, "y": {"y": 1}}, {"x": set(), "y": set()})
    assert list(layers.cull_layers(["y"]).layers) == ["y"]


def test_annotations_survive_culling() -> None:
    layer = MaterializedLayer({"a": 1, "b": 2}, annotations={"priority": 1})
    assert layer.cull({"a"}, {"a", "b"})[0].annotations == {"priority": 1}


def test_merge_and_dependents() -> None:
    merged = HighLevelGraph.merge(small(), {"other": 5})
    assert merged["other"] == 5
    assert len(merged) == 6
    assert small().dependents == {"a": {"b"}, "b": set()}
    assert small().get_all_dependencies()["b"] == {"odd"}


def test_validate() -> None:
    small().validate()
    with pytest.raises(GraphError, match=r"tasks of layer 'b' refer to \['a'\]"):
        HighLevelGraph({"a": {"a": 1}, "b": {"b": "a"}}, {"a": set(), "b": set()}).validate()
    with pytest.raises(GraphError, match="no layers"):
        HighLevelGraph({"a": {"a": 1}}, {"a": {"gone"}}).validate()


def test_from_collections() -> None:
    x = shoal.delayed(inc)(1, dask_key_name="x")

    class Theirs:
        def __dask_graph__(self):
            return {"t": 5}

        def __dask_layers__(self):
            return ("t",)

    graph = HighLevelGraph.from_collections("y", {"y": (sum, ["x", "t"])}, [x, Theirs()])
    assert graph.dependencies["y"] == {"x", "t"}
    assert shoal.get(graph, "y") == 7
    graph.validate()
    with pytest.raises(TypeError, match="collections, got int"):
        HighLevelGraph.from_collections("y", {}, [5])


def test_graph_of_delayed() -> None:
    x = shoal.delayed(inc)(1, dask_key_name="x")
    y = shoal.delayed(max)([x, 5], dask_key_name=("y", 0))
    graph = y.dask
    assert set(graph) == {"x", ("y", 0)}
    assert shoal.get(graph, ("y", 0)) == 5
    assert keys_of(y) == [("y", 0)]
    assert get_collection_names(x) == {"x"}


def test_a_call_comes_back_from_its_graph_under_its_key() -> None:
    x = shoal.delayed(inc)(shoal.delayed(1))
    again = Delayed(x.key, x.dask)
    assert again.key == x.key
    assert set(again.dask) == set(x.dask)
    assert again.compute(scheduler="sync") == 2


def test_looking_at_a_graph_runs_nothing() -> None:
    ran = []
    nested = Delayed("y", {"x": 1, "y": (max, (ran.append, "x"), 2)})
    assert isinstance(nested.dask["y"], Task)
    assert ran == []


def test_graph_of_a_bag() -> None:
    bag = shoal.bag.from_sequence([1, 2, 3, 4], npartitions=2).map(inc)
    graph = graph_of(bag)
    assert keys_of(bag) == [(bag.name, 0), (bag.name, 1)]
    assert shoal.get(graph, keys_of(bag)) == ([2, 3], [4, 5])
    graph.validate()
    total = bag.sum()
    assert shoal.get(graph_of(total), keys_of(total)) == (14,)
    both = shoal.bag.concat([bag, bag])
    assert shoal.get(graph_of(both), keys_of(both))[2:] == ([2, 3], [4, 5])


def test_annotations_of_a_bag_are_those_of_its_layer() -> None:
    with shoal.annotate(priority=3):
        bag = shoal.bag.from_sequence([1, 2], npartitions=2).map(inc)
    assert graph_of(bag).layers[bag.name].annotations == {"priority": 3}
