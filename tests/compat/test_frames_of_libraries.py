"""Libraries make frames of their own kind: subclasses of collections, registered for a pandas
type, with expressions made by subclassing, as dask-geopandas does."""

from __future__ import annotations

import pickle

import pandas as pd
import pytest

from shoal.compat import frames
from shoal.compat.frames import ApplyConcatApply, Blockwise, DataFrameIOLayer, Drop, elemwise
from shoal.dataframe import DataFrame, Scalar, Series, from_graph, from_pandas, get_collection_type
from shoal.dataframe.collection.base import collection_types
from shoal.dataframe.meta import make_array_nonempty, make_meta_dispatch, meta_nonempty_dispatch
from shoal.highlevelgraph import HighLevelGraph


class Labelled(pd.DataFrame):
    """A pandas type of a library's."""

    @property
    def _constructor(self):
        return Labelled


class _Bounded(frames.FrameBase):
    def __init__(self, expr, bounds=None):
        super().__init__(expr)
        self.bounds = bounds

    @property
    def _args(self):
        return (*super()._args, self.bounds)

    def __setstate__(self, state):
        *rest, bounds = state
        super().__setstate__(rest)
        self.bounds = bounds


class LabelledFrame(_Bounded, DataFrame):
    """The collection that stands for it."""


@pytest.fixture
def registered():
    tables = (collection_types, make_meta_dispatch, meta_nonempty_dispatch)
    kept = [dict(one.table) for one in tables]
    get_collection_type.register(Labelled, lambda _: LabelledFrame)
    make_meta_dispatch.register(Labelled, lambda x, index=None: x.head(0))
    meta_nonempty_dispatch.register(
        Labelled, lambda x: Labelled(meta_nonempty_dispatch.dispatch(object)(x))
    )
    yield
    for one, table in zip(tables, kept, strict=True):
        one.table.clear()
        one.table.update(table)
        one.found.clear()


@pytest.fixture
def frame(registered):
    return from_pandas(Labelled({"x": [3, 1, 2], "y": [1.0, 2.0, 3.0]}), npartitions=2)


def test_partitions_of_a_registered_type_make_the_librarys_class(frame):
    assert type(frame) is LabelledFrame
    assert type(frame[["x"]]) is LabelledFrame
    assert type(frame.x) is Series
    assert type(frame.map_partitions(lambda df: df.assign(z=1))) is LabelledFrame
    assert type(frame.compute()) is Labelled
    pd.testing.assert_frame_equal(
        pd.DataFrame(frame.set_index("x").compute()),
        pd.DataFrame({"y": [2.0, 3.0, 1.0]}, index=pd.Index([1, 2, 3], name="x")),
    )


def test_what_the_class_keeps_beside_the_node_survives(frame):
    frame.bounds = ["a", "b"]
    assert pickle.loads(pickle.dumps(frame)).bounds == ["a", "b"]
    assert frame.persist().bounds == ["a", "b"]
    assert frame.persist().compute().x.tolist() == [3, 1, 2]


def test_a_collection_is_changed_in_place_by_its_expression(frame):
    frame._expr = frame.assign(z=5).expr
    assert list(frame.columns) == ["x", "y", "z"]


class Spread(ApplyConcatApply):
    @classmethod
    def chunk(cls, df, scale=1):
        return (df.x.min() * scale, df.x.max() * scale)

    @classmethod
    def aggregate(cls, pairs):
        lows, highs = zip(*pairs, strict=True)
        return (min(lows), max(highs))

    chunk_kwargs = {"scale": 2}


def test_reductions_by_subclassing(frame):
    assert isinstance(Spread(frame.expr), frames.FrameNode)
    assert frames.new_collection(Spread(frame)).compute() == (2, 6)
    graph = Spread(frame).lower_completely().__dask_graph__()
    first = next(iter(graph))
    assert first == (Spread(frame).name, 0)


def test_functions_of_partitions_by_subclassing(frame):
    class Without(Drop):
        operation = staticmethod(lambda df, columns, errors: df.drop(columns=columns))

    left = frames.new_collection(Without(frame, columns=["x"], errors="raise"))
    assert list(left.compute().columns) == ["y"]
    assert list(frames.new_collection(Drop(frame.expr, columns=["y"])).columns) == ["x"]

    class Plus(Blockwise):
        operation = staticmethod(lambda df, n: df + n)

    assert frames.new_collection(Plus(frame, 1)).compute().x.tolist() == [4, 2, 3]


def test_elementwise_functions_whose_first_argument_is_no_frame(frame):
    made = elemwise(lambda a, b: a - b, 10, frame.x)
    assert made.compute().tolist() == [7, 9, 8]


def test_frames_of_graphs(frame):
    graph = {("twice", i): (lambda df: df * 2, (frame._name, i)) for i in range(2)}
    whole = HighLevelGraph.from_collections("twice", graph, dependencies=[frame])
    made = from_graph(whole, frame._meta, frame.divisions, list(graph), "twice")
    assert type(made) is LabelledFrame
    assert made.divisions == frame.divisions
    assert made.compute().x.tolist() == [6, 2, 4]


def test_a_graph_with_other_keys_than_divisions_is_refused():
    with pytest.raises(ValueError, match="2 divisions are the bounds of 1 partitions; got keys of"):
        from_graph({"a": 1, "b": 2}, pd.Series(dtype=int), (None, None), ["a", "b"])


def test_layers_that_read(registered):
    layer = DataFrameIOLayer("read", None, [1, 2], lambda n: Labelled({"x": [n]}), label="read")
    graph = HighLevelGraph({"read": layer}, {"read": set()})
    made = from_graph(graph, Labelled({"x": [1]}), (None,) * 3, [("read", 0), ("read", 1)])
    assert made.compute().x.tolist() == [1, 2]


def test_a_name_for_the_tasks_and_forgotten_divisions(frame):
    made = frame.map_partitions(lambda df: df, token="copied", clear_divisions=True)
    assert made._name.startswith("copied-") or "copied" in made.explain()
    assert not made.known_divisions


def test_samples_of_dtypes_that_a_library_knows():
    class Points(pd.api.extensions.ExtensionDtype):
        name = "points"

    kept = dict(make_array_nonempty.table)
    make_array_nonempty.register(Points, lambda dtype: pd.array([7, 8]))
    try:
        from shoal.dataframe.meta import _sample_values

        assert list(_sample_values(Points())) == [7, 8]
    finally:
        make_array_nonempty.table.clear()
        make_array_nonempty.table.update(kept)
        make_array_nonempty.found.clear()


@pytest.mark.parametrize("name", ["sum", "mean", "count", "any", "nunique", "min"])
def test_a_scalar_is_a_series_of_one_row(name):
    values = pd.Series([3, 1, 2], index=[5, 6, 7], name="x")
    made = getattr(from_pandas(values, npartitions=2), name)().to_series(index="only")
    expected = pd.Series([getattr(values, name)()], index=["only"])
    pd.testing.assert_series_equal(made.compute(), expected, check_dtype=False)
    assert made._meta.dtype == made.compute().dtype


def test_a_label_of_a_series_in_one_partition_is_a_scalar():
    values = pd.Series([7, 8], index=["a", "b"], name="x")
    one, two = (from_pandas(values, npartitions=n)["b"] for n in (1, 2))
    assert (type(one), type(two)) == (Scalar, Series)
    assert one.compute() == 8
    assert two.compute().to_dict() == {"b": 8}


def test_rows_stand_side_by_side_where_both_come_from_one_place():
    x, y = (from_pandas(pd.DataFrame({"a": [n, 2, 3]}), npartitions=2).a for n in (1, 9))
    aligned = frames.are_co_aligned
    assert aligned(x.expr, (x + x * 2).expr)
    assert aligned(x.expr, x.sum().expr, (x + x.sum()).expr)
    assert not aligned(x.expr, y.expr)
    assert not aligned(x.expr, (x + y).expr)


def test_a_function_may_have_a_short_way_for_partitions_without_rows():
    """As LightGBM's: a series for no rows, else a frame."""

    def twice(part):
        if not len(part):
            return pd.Series([], dtype=float)
        return pd.concat([part, part], axis=1, keys=[0, 1])

    frame = from_pandas(pd.DataFrame({"x": [1.0, 2.0]}), npartitions=2)
    result = frame[frame.x > 1].x.map_partitions(twice, meta=pd.DataFrame({0: [1.0], 1: [1.0]}))
    assert result.compute().shape == (1, 2)
    assert result.values.compute().shape == (1, 2)
    ints = frame[frame.x > 5].x.map_partitions(lambda part: part, meta=("x", "i8"))
    assert ints.compute().dtype == ints.values.compute().dtype == "i8"


def test_labels_are_gone_through():
    index = from_pandas(pd.DataFrame({"x": range(4)}, index=[3, 5, 7, 9]), npartitions=2).index
    assert list(index) == sorted(index) == [3, 5, 7, 9]
