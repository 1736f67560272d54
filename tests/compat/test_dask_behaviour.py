"""What libraries that stand on Dask count on, found by running their own tests."""

from __future__ import annotations

import copy
import pickle
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

import shoal
from shoal import config
from shoal.compat import install_as_dask, uninstall
from shoal.graph.dicts import flatten
from shoal.tokenize import tokenize

np = pytest.importorskip("numpy")

import shoal.array as da  # noqa: E402
from shoal.array.core import _concatenate2, concatenate3, slices_from_chunks  # noqa: E402
from shoal.array.testing import assert_eq  # noqa: E402

CUBE = np.arange(60).reshape(3, 4, 5)


@pytest.fixture
def installed() -> Iterator[None]:
    install_as_dask()
    yield
    uninstall()


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        ((0, slice(None), [0, 1]), CUBE[0][:, [0, 1]]),
        ((0, None, [1, 0]), CUBE[0][None][:, [1, 0]]),
        (([2, 0], slice(None), 1), CUBE[:, :, 1][[2, 0]]),
        ((-1, ..., np.array([True, False, True, False, True])), CUBE[-1][:, [0, 2, 4]]),
        ((slice(None), np.array([[0, 1], [1, 0]]), 0), CUBE[:, :, 0][:, [[0, 1], [1, 0]]]),
    ],
)
def test_ints_come_before_an_array_in_an_index(index: Any, expected: Any, installed: None) -> None:
    # xarray's isel(x=0, z=[0, 1]) trusts in it; NumPy puts the axis of the array first.
    assert np.array_equal(da.from_array(CUBE, chunks=2)[index].compute(), expected)


def test_an_array_that_is_not_known_yet_comes_after_ints(installed: None) -> None:
    x = da.from_array(CUBE, chunks=2)
    chosen = da.from_array(np.array([1, 0]), chunks=1)
    assert np.array_equal(x[0, :, chosen].compute(), CUBE[0][:, [1, 0]])
    mask = da.from_array(np.array([True, False, True, False, True]), chunks=2)
    assert np.array_equal(x[1, :, mask].compute(), CUBE[1][:, [0, 2, 4]])


def test_several_arrays_in_an_index_are_refused_as_libraries_expect(installed: None) -> None:
    x = da.from_array(CUBE, chunks=2)
    with pytest.raises(NotImplementedError, match="vindex"):
        x[[0, 1], [0, 1]]


def test_numpys_reading_of_an_index_is_shoals_own() -> None:
    x = da.from_array(CUBE, chunks=2)
    assert np.array_equal(x[0, :, [0, 1]].compute(), CUBE[0, :, [0, 1]])
    assert np.array_equal(x[[0, 1], [0, 1]].compute(), CUBE[[0, 1], [0, 1]])


def test_ufuncs_stay_methods() -> None:
    x = da.from_array(np.array([1j, 2]), chunks=1)
    assert [x.conj().compute().tolist() for _ in range(2)] == [[-1j, 2]] * 2


def test_lazy_arguments_of_functions_along_an_axis_are_computed() -> None:
    weights = da.from_array(np.arange(3.0), chunks=2)
    x = da.ones((3, 2), chunks=(3, 1))

    def weighted(row: Any, w: Any, offset: Any) -> Any:
        assert type(w) is type(offset) is np.ndarray
        return row @ w + offset[0]

    got = da.apply_along_axis(weighted, 0, x, weights, dtype=float, shape=(), offset=da.ones(1))
    assert got.compute().tolist() == [4.0, 4.0]


@pytest.mark.parametrize("method", ["sequential", "blelloch"])
def test_the_total_of_a_block_needs_no_dtype(method: str) -> None:
    def running(x: Any, axis: int, dtype: Any = None) -> Any:
        return np.maximum.accumulate(x, axis=axis, dtype=dtype)

    def last(x: Any, axis: int, keepdims: bool) -> Any:
        return x.max(axis=axis, keepdims=keepdims)

    x = da.from_array(np.array([3, 1, 4, 1, 5]), chunks=2)
    got = da.reductions.cumreduction(
        running, np.maximum, 0, x, axis=0, dtype=int, method=method, preop=last
    )
    assert got.compute().tolist() == [3, 3, 4, 4, 5]


def test_a_ufunc_without_a_loop_of_the_type_is_cast() -> None:
    x = da.from_array(np.array([1.0, np.nan]), chunks=1)
    got = da.isnan(x, dtype=int)
    assert got.dtype == int and got.compute().tolist() == [0, 1]
    assert da.add(x, 1, dtype="f4").compute().dtype == "f4"


def test_nested_blocks_are_concatenated_along_axes_by_level() -> None:
    block = np.array([[1, 2]])
    assert concatenate3([[block, block], [block, block]]).tolist() == [[1, 2, 1, 2]] * 2
    assert _concatenate2([[block, block]], axes=[1, 0]).tolist() == [[1, 2], [1, 2]]
    assert _concatenate2([block], axes=()) is block
    x = da.from_array(CUBE, chunks=2)
    blocks = [CUBE[part].tolist() for part in slices_from_chunks(x.chunks)]
    assert blocks == [block.compute().tolist() for block in x.blocks.ravel()]


def test_a_class_made_anew_under_one_name_is_its_name_in_a_description() -> None:
    # pint makes a class Quantity for each registry of units; the registry is part of the class.
    class Quantity:
        lock = threading.Lock()

        def __init__(self, value: Any) -> None:
            self.value = value

        def __dask_tokenize__(self) -> Any:
            return type(self), self.value

    Quantity.__module__, Quantity.__qualname__ = "fractions", "Quantity"
    with config.set({"tokenize.ensure-deterministic": True}):
        assert tokenize(Quantity(1)) == tokenize(Quantity(1)) != tokenize(Quantity(2))


def test_nan_in_an_array_of_ints_is_what_numpy_makes_of_it() -> None:
    x = da.full(2, np.nan, dtype=int, chunks=1) == da.from_array(np.arange(2), chunks=1)
    with np.errstate(invalid="ignore"):
        assert x.compute().tolist() == [False, False]


def test_partial_results_of_any_type_are_reduced_in_a_tree() -> None:
    def counted(parts: Any, axis: Any, keepdims: bool) -> Any:
        total: Counter[int] = sum(flatten(parts), Counter())
        return total

    def largest(parts: Any, axis: Any, keepdims: bool) -> Any:
        return np.array(max(sum(flatten(parts), Counter()).values()))

    x = da.from_array(np.array([1, 2, 2, 3, 2, 1, 1, 1]), chunks=2)
    counts = da.map_blocks(Counter, x, meta=x._meta)
    for split_every in (2, 8):
        got = da.reductions._tree_reduce(
            counts,
            largest,
            axis=(0,),
            keepdims=False,
            dtype=int,
            split_every=split_every,
            combine=counted,
            concatenate=False,
        )
        assert got.compute() == 4


def test_least_squares_are_solved_in_the_blocks_of_the_right_side() -> None:
    # xarray's polyfit puts the blocks of its columns back where they were.
    rng = np.random.default_rng(0)
    a, b = rng.random((12, 2)), rng.random((12, 5))
    x, residuals, *_ = da.linalg.lstsq(
        da.from_array(a, chunks=(4, 2)), da.from_array(b, chunks=(4, (2, 1, 2)))
    )
    assert x.chunks == ((2,), (2, 1, 2))
    assert np.allclose(x.compute(), np.linalg.lstsq(a, b, rcond=None)[0])
    assert np.allclose(residuals.compute(), np.linalg.lstsq(a, b, rcond=None)[1])


def test_states_of_random_numbers_are_those_that_dask_gives() -> None:
    (state,) = da.random.random_state_data(1, np.random.RandomState(5))
    assert state[:2].tolist() == [953453411, 236996814]


@pytest.mark.parametrize(("name", "times"), [("noted-" + 32 * "0", 1), ("noted", 2)])
def test_tasks_named_by_what_they_do_are_computed_once_for_several_graphs(
    name: str, times: int
) -> None:
    calls = []

    def noted(value: int) -> Any:
        calls.append(value)
        return np.array(value)

    arrays = [
        da.Array({(name,): (noted, 7), (f"y{n}",): (np.add, (name,), n)}, f"y{n}", (), dtype=int)
        for n in range(2)
    ]
    assert shoal.compute(*arrays, scheduler="sync") == (7, 8)
    # Another name proves nothing: each graph may mean something else by it.
    assert calls == times * [7]


def test_a_graph_of_arrays_keeps_what_its_keys_need() -> None:
    graph = {("x", 0): 1, ("x", 1): 2, ("y", 0): (abs, ("x", 0)), ("y", 1): (abs, ("x", 1))}
    assert set(da.optimize(graph, [[("y", 1)]], fuse_keys=None)) == {("x", 1), ("y", 1)}


def test_keys_of_blocks_as_an_array() -> None:
    x = da.ones((2, 4), chunks=2)
    assert x._key_array.shape == (1, 2, 3)
    assert tuple(x._key_array[0, 1]) == (x.name, 0, 1)


def test_rechunk_leaves_axes_of_none_and_takes_no_notice_of_entries_beyond() -> None:
    x = da.ones(5, chunks=2)
    assert x.rechunk((None, 5)).chunks == x.chunks
    with pytest.raises(ValueError, match="2 axes"):
        da.ones((2, 2, 2)).rechunk((None, 2))


def test_lengths_of_blocks_and_meta_may_be_assigned() -> None:
    x = da.from_array(np.array([3, 1, 2, 5]), chunks=2)
    y = x[x > 0]
    y._chunks = ((2, 2),)
    assert y.shape == (4,) and y[1:3].compute().tolist() == [1, 2]
    with pytest.raises(ValueError, match="blocks"):
        y._chunks = ((4,),)
    z = da.map_blocks(lambda block: block / 2, x, dtype=int)
    z._meta = np.empty(0, float)
    assert z.dtype == float and (z + 1).compute().tolist() == [2.5, 1.5, 2, 3.5]


def test_a_list_of_one_column_makes_a_frame_of_an_array_with_one_axis() -> None:
    dd = pytest.importorskip("shoal.dataframe")
    assert dd.from_array(np.arange(3), columns=["a"]).compute().a.tolist() == [0, 1, 2]
    assert dd.from_array(np.arange(3), columns="a").compute().name == "a"


def test_assert_eq_computes_what_is_no_array() -> None:
    dd = pytest.importorskip("shoal.dataframe")
    assert_eq(dd.from_array(np.arange(3)), np.arange(3), check_graph=False)


def test_an_array_of_one_delayed_block_is_computed() -> None:
    parts = da.ones((2, 4), chunks=2).to_delayed().ravel()
    total = da.from_delayed(sum(parts), (2, 2), float)
    assert total.compute().tolist() == [[2, 2], [2, 2]]
    solved = da.from_delayed(shoal.delayed(np.ones)(2), (2,), float)
    assert solved.compute().tolist() == [1, 1]


def test_no_default_as_a_meta_is_none() -> None:
    dd = pytest.importorskip("shoal.dataframe")
    pd = pytest.importorskip("pandas")
    frame = dd.from_pandas(pd.DataFrame({"a": [1.0, 2, 3]}), npartitions=2)
    got = frame.map_partitions(lambda part: part.to_numpy()[:, 0], meta=dd.core.no_default)
    assert isinstance(got, da.Array) and got.dtype == float
    assert got.compute().tolist() == [1, 2, 3]


def test_arrays_do_not_speak_the_standard_while_they_are_dasks(installed: None) -> None:
    # xarray takes arrays that do for others, and leaves bottleneck and its dtypes out.
    x = da.ones(2, chunks=1)
    assert not hasattr(x, "__array_namespace__")
    uninstall()
    assert x.__array_namespace__() is da


def test_rows_by_a_function_of_columns_that_are_not_selected() -> None:
    pd = pytest.importorskip("pandas")
    from shoal.dataframe import from_pandas

    whole = pd.DataFrame({"A": [1, 2, 3], "B": [4, 5, 6]})
    made = from_pandas(whole, npartitions=2).loc[lambda df: df["A"] > 1, ["B"]].compute()
    pd.testing.assert_frame_equal(made, whole.loc[lambda df: df["A"] > 1, ["B"]])


def test_comparisons_may_stand_in_an_assert():
    pd = pytest.importorskip("pandas")
    from shoal.dataframe.testing import assert_eq as assert_frames_eq

    assert assert_eq(da.ones(3, chunks=2), np.ones(3))
    assert assert_frames_eq(pd.Series([1]), pd.Series([1]))


def test_a_description_of_a_sequence_is_its_elements():
    from shoal.tokenize import normalize_seq

    assert normalize_seq(iter((1, "a"))) == normalize_seq([1, "a"])
    assert tokenize(normalize_seq((1, 2))) != tokenize(normalize_seq((2, 1)))


class View(da.Array):
    """As anndata derives it: the constructor takes other arguments."""

    def __new__(cls, x: Any, owner: Any) -> View:
        self = super().__new__(
            cls,
            dask=x.dask,
            name=x.name,
            chunks=x.chunks,
            dtype=x.dtype,
            meta=x._meta,
            shape=x.shape,
        )
        self.owner = owner
        return self


def test_classes_derived_from_arrays_have_constructors_of_their_own(installed):
    view = View(da.ones((4, 3), chunks=2), "somebody")
    assert isinstance(view, da.Array) and view.owner == "somebody"
    assert view.sum().compute() == 12
    for made in (view + 1, view[:2], view.persist(), view.copy(), copy.copy(view)):
        assert type(made) is da.Array
    assert pickle.loads(pickle.dumps(view)).sum().compute() == 12
    assert shoal.compute(view)[0].shape == (4, 3)


@pytest.mark.parametrize("kind", ["csr_matrix", "csr_array"])
def test_blocks_that_are_sparse_are_transposed(kind):
    sparse = pytest.importorskip("scipy.sparse")
    values = np.arange(12.0).reshape(3, 4)
    x = da.from_array(getattr(sparse, kind)(values), chunks=2, asarray=False)
    for result in (x.T, da.transpose(x, (1, 0))):
        block = result.blocks[0, 1].compute()
        assert sparse.issparse(block) and (block.toarray() == values.T[:2, 2:]).all()


@pytest.mark.parametrize("kind", ["csr_matrix", "csc_array"])
def test_functions_that_make_sparse_blocks_say_so_in_the_meta(kind):
    make = getattr(pytest.importorskip("scipy.sparse"), kind)
    x = da.from_array(np.arange(12.0).reshape(4, 3), chunks=(2, 3)).map_blocks(make)
    assert all(type(y._meta) is make for y in (x, x[[0]], x[:2], x.astype("f4"), x.persist()))
    assert type(x[[0]].compute()) is make
    assert (x.compute().toarray() == np.arange(12.0).reshape(4, 3)).all()


def test_masks_of_one_value_can_be_written_to():
    """As iris unmasks elements of an array that is masked all over."""

    def unmask(block):
        block[..., 0] = 5
        return block

    x = da.ma.masked_array(da.zeros((3, 2), chunks=2) + 1, True)
    meta = np.ma.array(np.empty((0, 0)), mask=True)
    result = x.map_blocks(unmask, dtype=float, meta=meta).compute()
    assert result.mask.tolist() == [[False, True]] * 3


def test_blocks_of_other_shapes_than_promised_pass_while_dask_means_shoal(installed):
    """As XGBoost has it, whose predictions of leaves have four axes."""
    x = da.ones((4, 2), chunks=(4, 2))
    told = {"new_axis": [2, 3], "dtype": float}
    found = x.map_blocks(lambda block: np.ones((len(block), 3, 2, 5)), **told)
    assert found.compute().shape == (4, 3, 2, 5)
    uninstall()
    strict = x.map_blocks(lambda block: np.zeros((len(block), 3, 2, 5)), **told)
    with pytest.raises(ValueError, match="was promised"):
        strict.compute()
