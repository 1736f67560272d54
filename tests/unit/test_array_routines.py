"""NumPy's functions on whole arrays, against NumPy's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import shoal
import shoal.array as da
from shoal.array.testing import assert_eq

RNG = np.random.default_rng(1)
X = np.arange(60.0).reshape(6, 10)
Z = RNG.normal(size=(4, 5, 6))
I = RNG.integers(0, 9, (6, 10))  # noqa: E741


def check(func: Callable[[Any, Any], Any], x: Any, chunks: Any) -> None:
    got = func(da, da.from_array(x, chunks=chunks))
    wanted = func(np, x)
    if isinstance(wanted, list | tuple):
        assert len(got) == len(wanted)
        for one, other in zip(got, wanted, strict=True):
            assert_eq(one, other, rtol=1e-9, atol=1e-10)
    else:
        assert_eq(got, wanted, rtol=1e-9, atol=1e-10)


SHAPED = [
    lambda n, x: n.flip(x),
    lambda n, x: n.flip(x, 1),
    lambda n, x: n.fliplr(x) - n.flipud(x),
    lambda n, x: n.rot90(x) + n.rot90(x, 3),
    lambda n, x: n.rot90(x, 2),
    lambda n, x: n.roll(x, 3),
    lambda n, x: n.roll(x, -3, 1),
    lambda n, x: n.roll(x, (1, 2), (0, 1)),
    lambda n, x: n.moveaxis(x, 0, -1),
    lambda n, x: n.rollaxis(x, 1),
    lambda n, x: n.swapaxes(x, 0, 1),
    lambda n, x: n.atleast_1d(x),
    lambda n, x: n.atleast_2d(x[0]),
    lambda n, x: n.atleast_3d(x),
    lambda n, x: n.vstack([x, x[:2]]),
    lambda n, x: n.hstack([x, x[:, :2]]),
    lambda n, x: n.hstack([x[0], x[1]]),
    lambda n, x: n.dstack([x, x]),
    lambda n, x: n.append(x, x),
    lambda n, x: n.append(x, x, 1),
    lambda n, x: n.broadcast_arrays(x, x[:1], x[:, :1]),
    lambda n, x: n.insert(x, 2, 7, 1),
    lambda n, x: n.insert(x, [1, 3, 3], 7, 0),
    lambda n, x: n.insert(x, [3, 1], x[:2], 0),
    lambda n, x: n.insert(x, -1, x[0], 0),
    lambda n, x: n.delete(x, 2, 1),
    lambda n, x: n.delete(x, [0, 3, -1], 0),
    lambda n, x: n.delete(x, slice(1, 8, 3), 1),
]

CHOSEN = [
    lambda n, x: n.where(x > 7, x, -x),
    lambda n, x: n.where(x % 7 == 0),
    lambda n, x: n.where(True, x, 2),
    lambda n, x: n.select([x < 9, x > 30], [x, x**2], -1),
    lambda n, x: n.piecewise(x, [x < 9, x > 30], [np.negative, 5, np.square]),
    lambda n, x: n.digitize(x, np.array([3, 9, 40])),
    lambda n, x: n.searchsorted(x[0], x * 0.3),
    lambda n, x: n.searchsorted(x[0], x[0], side="right"),
    lambda n, x: n.isclose(x, x + 1e-9),
    lambda n, x: n.allclose(x, x + 1),
    lambda n, x: n.isin(x, [3, 4, 80]),
    lambda n, x: n.isin(x, x[::2], invert=True),
    lambda n, x: n.nonzero(x > 20),
    lambda n, x: n.argwhere(x > 20),
    lambda n, x: n.flatnonzero(x),
    lambda n, x: n.unravel_index(n.argmax(x), x.shape),
    lambda n, x: n.ravel_multi_index((n.flatnonzero(x[0]) % 5, n.flatnonzero(x[0])), (6, 10)),
]

PRODUCTS = [
    lambda n, x: n.dot(x, x.T),
    lambda n, x: x @ x.T,
    lambda n, x: x[0] @ x.T,
    lambda n, x: x @ x[0],
    lambda n, x: x[0] @ x[0],
    lambda n, x: x[None] @ n.stack([x.T, 2 * x.T]),
    lambda n, x: n.dot(x[0], x[1]),
    lambda n, x: n.vdot(x, x),
    lambda n, x: n.outer(x, x[0]),
    lambda n, x: n.tensordot(x, x, axes=((0, 1), (0, 1))),
    lambda n, x: n.tensordot(x, x, axes=(1, 1)),
    lambda n, x: n.tensordot(x, x, axes=0),
    lambda n, x: n.einsum("ij,kj->ik", x, x),
    lambda n, x: n.einsum("ij,ij", x, x),
    lambda n, x: n.einsum("ij->j", x),
    lambda n, x: n.einsum("...j,j->...", x, x[0]),
    lambda n, x: n.einsum("ii->i", x[:6, :6]),
    lambda n, x: n.einsum("ii", x[:6, :6]),
    lambda n, x: n.einsum(x, [0, 1], x[0], [1], [0]),
    lambda n, x: n.einsum("ij,kj,lj->ikl", x, x, x),
    lambda n, x: n.cov(x),
    lambda n, x: n.cov(x, rowvar=False, ddof=0),
    lambda n, x: n.cov(x, x, aweights=np.arange(1.0, 11)),
    lambda n, x: n.cov(x[0]),
    lambda n, x: n.corrcoef(x + n.sin(x)),
]

OTHERS = [
    lambda n, x: n.diff(x),
    lambda n, x: n.diff(x**2, 2, axis=0),
    lambda n, x: n.diff(x, prepend=0, append=x[:, :2]),
    lambda n, x: n.ediff1d(x, 9, [1, 2]),
    lambda n, x: n.gradient(x**2),
    lambda n, x: n.gradient(x**2, 2.0, axis=1),
    lambda n, x: n.gradient(x**2, np.arange(10) ** 2.0, axis=1, edge_order=2),
    lambda n, x: n.gradient(x**2, edge_order=2),
    lambda n, x: (
        n.apply_along_axis(np.cumsum, 1, x)
        if n is np
        else n.apply_along_axis(np.cumsum, 1, x, shape=(10,), dtype=float)
    ),
    lambda n, x: n.apply_along_axis(np.sum, 0, x),
    lambda n, x: n.apply_over_axes(n.sum, x, [0, 1]),
    lambda n, x: n.around(x / 7, 2),
    lambda n, x: n.histogram(x, bins=5, range=(0, 50)),
    lambda n, x: n.histogram(x, bins=[0, 10, 60], weights=x, density=True),
    lambda n, x: n.unique(x % 7),
    lambda n, x: n.unique(x % 7, return_index=True, return_inverse=True, return_counts=True),
    lambda n, x: n.union1d(x % 7, x % 5),
]


@pytest.mark.filterwarnings("ignore::shoal.errors.PerformanceWarning")
@pytest.mark.parametrize("chunks", [(6, 10), (4, 3), (1, 1)])
@pytest.mark.parametrize("func", SHAPED + CHOSEN + PRODUCTS + OTHERS)
def test_same_as_numpy(func: Callable[[Any, Any], Any], chunks: Any) -> None:
    check(func, X, chunks)


def test_counts() -> None:
    flat = I.ravel()
    lazy = da.from_array(flat, chunks=7)
    assert_eq(da.bincount(lazy, minlength=12), np.bincount(flat, minlength=12))
    assert da.bincount(lazy).compute().tolist() == np.bincount(flat).tolist()
    weights = flat * 0.5
    assert_eq(
        da.bincount(lazy, weights=da.from_array(weights, chunks=7), minlength=9),
        np.bincount(flat, weights=weights, minlength=9),
    )
    points = Z.reshape(-1, 2)
    got = da.histogramdd(da.from_array(points, chunks=(9, 2)), 3, range=[(-2, 2), (-1, 1)])
    wanted = np.histogramdd(points, 3, range=[(-2, 2), (-1, 1)])
    assert_eq(got[0], wanted[0])
    got = da.histogram2d(
        *(da.from_array(c, chunks=9) for c in points.T),
        bins=[2, [-1, 0, 2]],
        range=[(-2, 2), (-1, 1)],
        density=True,
    )
    wanted2 = np.histogram2d(*points.T, bins=[np.linspace(-2, 2, 3), [-1, 0, 2]], density=True)
    assert_eq(got[0], wanted2[0])


@pytest.mark.parametrize(
    "shape", [((4, 5), (3, 5, 6)), ((2, 1, 4, 5), (3, 5, 6)), ((5,), (2, 5, 3))]
)
def test_stacks_of_matrices(shape: Any) -> None:
    a, b = RNG.normal(size=shape[0]), RNG.normal(size=shape[1])
    assert_eq(da.from_array(a, chunks=2) @ da.from_array(b, chunks=2), a @ b)
    assert_eq(np.matmul(da.from_array(a, chunks=3), b), a @ b)


def test_many_blocks_along_a_contracted_axis_are_a_tree() -> None:
    x = RNG.normal(size=(3, 100))
    lazy = da.from_array(x, chunks=(2, 3))
    assert_eq(lazy @ lazy.T, x @ x.T)
    assert_eq(da.einsum("ij,kj->ik", lazy, lazy), x @ x.T)


def test_coarsen() -> None:
    lazy = da.from_array(X, chunks=(4, 3))
    assert_eq(da.coarsen(np.sum, lazy, {0: 2, 1: 5}), X.reshape(3, 2, 2, 5).sum((1, 3)))
    assert_eq(da.coarsen(np.max, lazy, {1: 4}, trim_excess=True), X[:, :8].reshape(6, 2, 4).max(2))
    with pytest.raises(ValueError, match="trim_excess"):
        da.coarsen(np.sum, lazy, {1: 4})


def test_what_arrays_are() -> None:
    assert da.shape(X) == (6, 10)
    assert da.ndim(da.ones((2, 2))) == 2
    assert da.result_type(da.ones(2, dtype="i2"), np.float32) == np.float32
    assert da.iscomplexobj(da.ones(2, dtype=complex))
    assert_eq(da.isnull(da.asarray([1, np.nan])), np.array([False, True]))
    assert_eq(da.notnull(da.asarray([1, np.nan])), np.array([True, False]))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: da.ones((2, 3)) @ da.ones((2, 3)), ValueError, "mismatch"),
        (lambda: da.matmul(da.ones(2), 3), ValueError, "scalars"),
        (lambda: da.tensordot(da.ones((2, 3)), da.ones((2, 3)), 1), ValueError, "shape-mismatch"),
        (lambda: da.histogram(da.ones(3)), ValueError, "bins"),
        (lambda: da.bincount(da.ones((2, 2), dtype=int)), ValueError, "one dimensional"),
        (lambda: da.rot90(da.ones((2, 2)), axes=(0, 0)), ValueError, "different"),
        (lambda: da.insert(da.ones(3), 9, 0, 0), IndexError, "out of bounds"),
        (lambda: da.where(da.ones(3), 1), ValueError, "both or neither"),
        (lambda: da.gradient(da.ones(1)), ValueError, "too small"),
        (lambda: da.cov(da.ones((2, 2, 2))), ValueError, "more than 2"),
        (lambda: da.einsum("ij", da.ones(3)), ValueError, "do not fit"),
        (lambda: da.swapaxes(da.ones(3), 0, 1), np.exceptions.AxisError, "out of bounds"),
    ],
)
def test_bad_input(call: Callable[[], Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize(
    ("subscripts", "shapes"),
    [
        ("ij,jk,kl->il", [(4, 5), (5, 6), (6, 3)]),
        ("ij,jk,k", [(4, 5), (5, 6), (6,)]),
        ("i,j,k->kij", [(4,), (5,), (3,)]),
        ("ab,bc,ca", [(4, 5), (5, 6), (6, 4)]),
        ("...ij,...jk,kl->...il", [(2, 4, 5), (2, 5, 6), (6, 3)]),
        ("ij,ij,ij->j", [(4, 5)] * 3),
        ("ij,jk,kl,lm,mn,no->io", [(4, 5), (5, 6), (6, 3), (3, 2), (2, 7), (7, 2)]),
    ],
)
def test_einsum_of_many_is_taken_two_at_a_time(subscripts: str, shapes: Any) -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.random(shape) for shape in shapes]
    blocks = [da.from_array(a, chunks=2) for a in arrays]
    got = da.einsum(subscripts, *blocks)
    assert_eq(got, np.einsum(subscripts, *arrays))


def test_einsum_in_the_order_with_the_fewest_operations() -> None:
    a, b = da.ones((1000, 1000), chunks=100), da.ones(1000, chunks=100)
    # A matrix times a vector each time, never a matrix times a matrix: 3 levels of 1000 x 1000.
    assert len(da.einsum("ij,jk,k->i", a, a, b).dask) < 1000


@pytest.mark.parametrize("name", ["matmul", "tensordot", "dot", "einsum", "outer", "transposed"])
def test_a_block_of_a_product_is_no_larger_than_blocks_may_be(name: str) -> None:
    a, b = np.arange(360.0).reshape(90, 4), np.arange(364.0).reshape(4, 91)
    x, y = da.from_array(a, chunks=(45, 2)), da.from_array(b, chunks=(2, 50))
    make: Any = {
        "matmul": lambda x, y: x @ y,
        "tensordot": lambda x, y: np.tensordot(x, y, 1),
        "dot": lambda x, y: x.dot(y),
        "einsum": lambda x, y: np.einsum("ij,jk->ik", x, y),
        "outer": lambda x, y: np.outer(x[:, 0], y[0]),
        "transposed": lambda x, y: x @ x.T,
    }[name]
    with shoal.config.set({"array.chunk-size": "2kiB"}):
        got = make(x, y)
        assert max(got.chunks[0]) * max(got.chunks[1]) * 8 <= 2048
        assert max(got.chunks[0]) > 10
        np.testing.assert_allclose(got.compute(), make(a, b))
    if name == "transposed":
        assert "SymmetricProduct" in got.explain()
    assert np.prod(make(x, y).numblocks) <= 4


@pytest.mark.parametrize("name", ["matmul", "tensordot", "dot", "einsum"])
def test_nan_times_zero_is_nan_whatever_the_blocks(name: str) -> None:
    a, b = np.array([[np.nan], [-2.0], [3.0]]), np.array([[0.0, 1.0]])
    want = a * b
    for cut in (1, 2):
        x, y = da.from_array(a, chunks=(cut, 1)), da.from_array(b, chunks=(1, cut))
        got = {
            "matmul": lambda x, y: x @ y,
            "tensordot": lambda x, y: da.tensordot(x, y, 1),
            "dot": da.dot,
            "einsum": lambda x, y: da.einsum("ij,jk->ik", x, y),
        }[name](x, y)
        assert_eq(got, want)


def test_dot_of_matrices_knows_the_symmetric_form() -> None:
    x = da.from_array(np.arange(12.0).reshape(3, 4), chunks=2)
    assert "SymmetricProduct" in da.dot(x, x.T).explain()
    assert_eq(x.T.dot(x), x.compute().T @ x.compute())


def test_contracted_axes_of_many_blocks_are_summed_as_their_cost_says() -> None:
    x = np.arange(40.0 * 30).reshape(40, 30)
    many, few = da.from_array(x, chunks=(10, 3)), da.from_array(x, chunks=(40, 3))
    for a, in_a_tree in ((many, False), (few, True)):
        product = a @ a.T
        assert ("Reduction" in type(product._node).__name__) == in_a_tree
        assert_eq(product, x @ x.T)
    with shoal.config.set({"array.chunk-size": "4kB"}):
        product = many @ many.T
    assert "Reduction" in type(product._node).__name__
    assert_eq(product, x @ x.T)


@pytest.mark.parametrize("dtype", [float, np.int64, np.uint8, np.float32])
def test_histogram_of_elements_on_the_edges(dtype: Any) -> None:
    edges = np.histogram_bin_edges(np.empty(0), 30, (0, 3))
    x = np.concatenate([edges, np.nextafter(edges, 9), np.nextafter(edges, -9)]).astype(dtype)
    counts, found = da.histogram(da.from_array(x, chunks=7), bins=30, range=(0, 3))
    assert found.tolist() == edges.tolist()
    assert counts.compute().tolist() == np.histogram(x, edges)[0].tolist()


def test_vdot_of_bools_is_a_bool() -> None:
    x = np.ones(300, dtype=bool)
    found = da.vdot(da.from_array(x, chunks=70), x).compute()
    assert found.dtype == np.vdot(x, x).dtype and found == np.vdot(x, x)
