"""Arrays from end to end: creation, elementwise functions, slices, blocks, reductions."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import shoal
import shoal.array as da
from shoal.array.testing import assert_eq
from shoal.graph_manipulation import bind, clone, wait_on

X = np.arange(60.0).reshape(6, 10)


def blocks() -> Any:
    return da.from_array(X, chunks=(4, 3))


@pytest.mark.parametrize(
    "func",
    [
        lambda x: x + 1,
        lambda x: 2 - x,
        lambda x: (x > 7) & (x <= 20),
        lambda x: -x // 7 % 3,
        lambda x: np.sin(x) ** 2 + x[:, :1],
        lambda x: x[0] * x.T[:, None, 2:3],
        lambda x: x[::-2, 1:9:3],
        lambda x: x[2, None, :, None],
        lambda x: x[..., -1],
        lambda x: x[5:2],
        lambda x: x.sum(),
        lambda x: x.sum(axis=0) + x.mean(axis=0),
        lambda x: x.mean(axis=1, keepdims=True),
        lambda x: x.max(axis=(0, 1)) - x.min(axis=-2).prod(),
        lambda x: (x > 5).any(axis=0) ^ (x > 5).all(axis=0),
        lambda x: x.astype("i4").sum(axis=1),
        lambda x: x.transpose(1, 0).squeeze(),
        lambda x: np.concatenate([x, 2 * x], axis=1),
        lambda x: np.stack([x, x], axis=1),
        lambda x: np.broadcast_to(x, (3, 6, 10)),
        lambda x: np.expand_dims(x, (0, 2)),
    ],
)
def test_same_as_numpy(func: Callable[[Any], Any]) -> None:
    assert_eq(func(blocks()), func(X))


@pytest.mark.parametrize("chunks", [(3, 4), -1, {0: 1}, ((1, 5), (9, 1)), 1, "auto"])
def test_rechunk(chunks: Any) -> None:
    assert_eq(blocks().rechunk(chunks), X)


@pytest.mark.parametrize("scheduler", ["sync", "threads", "processes"])
def test_executors(scheduler: str) -> None:
    x = blocks()
    assert (x + x.T.sum()).mean().compute(scheduler=scheduler) == (X + X.sum()).mean()


def test_creation() -> None:
    assert_eq(da.ones((3, 4), chunks=2), np.ones((3, 4)))
    assert_eq(da.zeros(5, chunks=2, dtype="i2"), np.zeros(5, "i2"))
    assert_eq(da.full((2, 2), 7, chunks=1), np.full((2, 2), 7))
    assert_eq(da.arange(3, 30, 4, chunks=2), np.arange(3, 30, 4))
    assert_eq(da.arange(0, 1, 0.1, chunks=3), np.arange(0, 1, 0.1))
    assert da.empty((3,), chunks=2).compute().shape == (3,)
    assert_eq(da.asarray([[1, 2], [3, 4]]), np.array([[1, 2], [3, 4]]))
    assert_eq(da.asarray([da.ones(2), da.zeros(2)]), np.array([[1.0, 1.0], [0.0, 0.0]]))


def test_equal_expressions_are_one() -> None:
    assert (blocks() + 1).name == (blocks() + 1).name
    assert da.add(blocks(), 1).name == (blocks() + 1).name
    assert (blocks() + 1).name != (blocks() + 1.0).name


def test_unify_chunks_of_operands() -> None:
    x, y = da.ones((6, 6), chunks=(2, 3)), da.arange(6, chunks=4)
    assert (x + y).chunks == ((2, 2, 2), (3, 1, 2))
    assert_eq(x + y, np.ones((6, 6)) + np.arange(6))


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match=r"\(3,\) \(4,\)"):
        da.ones(3) + da.ones(4)


def test_from_graph() -> None:
    graph = {("x", 0, 0): (np.ones, (2, 2)), ("x", 0, 1): (np.zeros, (2, 1))}
    x = da.Array(graph, "x", ((2,), (2, 1)), dtype=float)
    assert x.name == "x"
    assert_eq(x + 1, np.array([[2.0, 2, 1], [2, 2, 1]]))
    with pytest.raises(ValueError, match="chunks"):
        da.Array(graph, "x", None, dtype=float)


def test_unknown_chunks() -> None:
    nan = float("nan")
    x = da.Array({("x", 0): np.ones(2), ("x", 1): np.ones(3)}, "x", ((nan, nan),), dtype=float)
    assert (x + 1).sum().compute() == 10
    assert (x + x).compute().shape == (5,)
    with pytest.raises(ValueError, match="compute_chunk_sizes"):
        x[2]
    with pytest.raises(ValueError, match="compute_chunk_sizes"):
        len(x)
    with pytest.raises(ValueError, match="compute_chunk_sizes"):
        x.rechunk(2)


def test_from_array_reads_through_a_lock() -> None:
    class Reader:
        shape, dtype, ndim, chunks = (4, 6), np.dtype(int), 2, (2, 3)

        def __getitem__(self, index: Any) -> Any:
            return np.arange(24).reshape(4, 6)[index]

    x = da.from_array(Reader(), chunks=(2, 3), lock=True)
    assert_eq(x, np.arange(24).reshape(4, 6))
    assert x.name != da.from_array(Reader(), chunks=(2, 3), name=False).name


def test_results_do_not_share_memory_with_the_source() -> None:
    source = np.ones(3)
    result = da.from_array(source, chunks=3).compute()
    result[0] = 5
    assert source[0] == 1


def test_a_small_slice_does_not_keep_the_block() -> None:
    assert da.ones(1000, chunks=1000)[:3].compute().base is None


def test_map_blocks_is_told_where_a_block_is() -> None:
    def place(block: Any, block_id: Any = None, block_info: Any = None) -> Any:
        (span,) = block_info[0]["array-location"]
        return block * 0 + 10 * block_id[0] + span[0]

    x = da.zeros(5, chunks=2)
    assert_eq(x.map_blocks(place), np.array([0.0, 0, 12, 12, 24]))


def test_map_blocks_with_other_axes() -> None:
    x = blocks()
    assert_eq(x.map_blocks(lambda b: b[None], new_axis=0), X[None])
    summed = x.rechunk((4, 10)).map_blocks(lambda b: b.sum(axis=1), drop_axis=1)
    assert_eq(summed, X.sum(axis=1))
    assert x.map_blocks(lambda b: b[:1], chunks=(1, (3, 3, 3, 1))).shape == (2, 10)


def test_a_function_whose_dtype_cannot_be_found_out() -> None:
    def fails(block: Any) -> Any:
        raise RuntimeError("no")

    with pytest.raises(ValueError, match=r"fails\(<ndarray of ones.*RuntimeError: no.*dtype="):
        blocks().map_blocks(fails)


def test_delayed_arguments() -> None:
    x = da.arange(4, chunks=2)
    two = shoal.delayed(2)
    assert_eq(x.map_blocks(lambda b, n: b * n, two, dtype=x.dtype), np.arange(4) * 2)
    assert_eq(x.map_blocks(lambda b, n: b + n, n=x.sum(), dtype=x.dtype), np.arange(4) + 6)


def test_contraction() -> None:
    x = blocks()
    for concatenate in (True, False):

        def matmul(a: Any, b: Any) -> Any:
            if isinstance(a, list):
                return sum(p @ q for p, q in zip(a, b, strict=True))
            return a @ b

        y = da.blockwise(matmul, "ik", x, "ij", x.T, "jk", concatenate=concatenate, dtype=float)
        assert_eq(y, X @ X.T)


def test_scalars() -> None:
    assert float(da.ones(1)) == 1.0
    assert bool(da.ones((), chunks=())) is True
    assert list(range(5))[da.arange(3, 4, chunks=1)[0]] == 3
    with pytest.raises(ValueError, match="ambiguous"):
        bool(da.ones(2))
    with pytest.raises(TypeError, match="one element"):
        float(da.ones(2))


def test_persist_keeps_name_and_chunks() -> None:
    x = blocks() + 1
    kept = x.persist(scheduler="sync")
    assert (kept.name, kept.chunks) == (x.name, x.chunks)
    assert_eq(kept * 2, (X + 1) * 2)
    assert_eq(kept.dask[kept.name, 1, 3], X[4:, 9:] + 1)


def test_copies_and_pickles() -> None:
    x = blocks() + 1
    for other in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert other.name == x.name
        assert_eq(other, X + 1)


def test_clones_and_what_waits() -> None:
    x = blocks() + 1
    first = shoal.delayed(1)
    for other in (clone(x.sum()), bind(x, first).sum(), wait_on(x).sum(), bind(x[2:], first).sum()):
        assert other.compute() == (X[2:] + 1).sum() or other.compute() == (X + 1).sum()
    assert clone(x).name != x.name


def test_dask_attribute_and_keys() -> None:
    x = blocks() + 1
    assert (x.name, 1, 2) in dict(x.dask)
    assert len(x.dask) == 16
    assert len(x.dask.layers) == 2


def test_masked_blocks() -> None:
    m = np.ma.masked_array([1, 2, 3, 4], [True, False, False, True])
    x = da.from_array(m, chunks=2)
    assert isinstance(x._meta, np.ma.MaskedArray)
    assert_eq(x * 2, m * 2)


def test_numpy_function_without_a_match_computes_with_a_warning() -> None:
    with pytest.warns(FutureWarning, match="not implemented"):
        assert np.min_scalar_type(da.arange(3, chunks=2)) == np.dtype(int)


def test_another_librarys_array_decides_for_itself() -> None:
    class Other:
        __array_ufunc__ = None

        def __radd__(self, other: Any) -> str:
            return "mine"

    assert da.ones(2) + Other() == "mine"


def test_out() -> None:
    x = da.zeros(3, chunks=2)
    np.add(da.ones(3, chunks=2), 1, out=x)
    assert_eq(x, np.full(3, 2.0))


def test_importing_is_lazy() -> None:
    code = "import sys, shoal.array; print('numpy' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"


def test_every_name_loads() -> None:
    for name in da.__all__:
        assert getattr(da, name) is not None or name == "newaxis"
    homes = {name for names in da.HOMES.values() for name in names.split()}
    names = {*homes, *da.RENAMED, *da.NUMPYS.split()}
    assert names - {"__array_namespace_info__"} == set(da.__all__)


def test_no_module_has_the_name_of_a_function() -> None:
    from pathlib import Path

    modules = {path.stem for path in Path(str(da.__file__)).parent.iterdir()}
    assert not (modules - {"ufunc", "random"}) & set(da.__all__)


@pytest.mark.parametrize("side", [512, 1024, 1000])
def test_transposed_operands_of_any_pitch(side: int) -> None:
    x = np.random.default_rng(0).random((side, side))
    y = da.from_array(x, chunks=side)
    np.testing.assert_array_equal((y * 2 + y.T).compute(), x * 2 + x.T)
    np.testing.assert_allclose((y + y.T).sum(axis=0).compute(), (x + x.T).sum(axis=0))


@pytest.mark.parametrize(
    "call",
    [
        lambda xp, o, a: xp.ma.masked_greater(o, 0) + a,
        lambda xp, o, a: xp.ma.masked_greater(a, o).sum(),
        lambda xp, o, a: xp.ma.masked_where(a > 1, o).sum(),
        lambda xp, o, a: xp.where(o > 0, a, o).sum(),
        lambda xp, o, a: xp.select([o > 0, a > 1], [a, o]),
        lambda xp, o, a: xp.piecewise(o, [o > 0, a > 1], [1, 2]),
        lambda xp, o, a: xp.digitize(o, [0, 2]) + a,
        lambda xp, o, a: xp.isin(o, [1]) & (a > 1),
        lambda xp, o, a: xp.broadcast_to(o[:1], (4,)) * a,
        lambda xp, o, a: xp.nan_to_num(o).astype("f4") * a.astype("f4"),
    ],
)
def test_constants_have_the_shape_of_their_blocks(call: Callable[..., Any]) -> None:
    ours = call(da, da.ones(4, chunks=2), da.arange(4, chunks=2))
    assert_eq(ours, np.ma.asarray(call(np, np.ones(4), np.arange(4))))


def test_assignment_to_an_array_of_constants() -> None:
    x, a = da.ones(4, chunks=2), da.arange(4, chunks=2)
    x[a > 1] = 7
    assert x.compute().tolist() == [1, 1, 7, 7]
    y = da.broadcast_to(da.arange(2, chunks=1)[:, None], (2, 4), chunks=(1, 2))
    y[y + a > 3] = -1
    assert y.compute().tolist() == [[0, 0, 0, 0], [1, 1, 1, -1]]


@pytest.mark.parametrize(
    "part",
    [
        lambda x: x.blocks[1],
        lambda x: x[:2],
        lambda x: x[::-1][:3],
        lambda x: x.blocks[0].reshape(3, 1),
        lambda x: x.rechunk(6),
        lambda x: x.blocks[0].map_blocks(lambda block: block),
    ],
)
def test_writing_to_a_result_changes_nothing_that_is_held(part: Any) -> None:
    values = np.arange(6.0)
    for x in (da.from_array(values, chunks=3), (da.from_array(values, chunks=3) + 0).persist()):
        result = part(x).compute()
        result[...] = -1
        np.testing.assert_array_equal(x.compute(), values)
