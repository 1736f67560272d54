"""Functions of NumPy's that Dask has not, against NumPy's, on uneven blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import shoal.array as da
from shoal.array.testing import assert_eq

RNG = np.random.default_rng(11)
X = RNG.normal(size=(4, 5, 3))
Y = RNG.normal(size=(4, 5, 3))
K = RNG.integers(0, 9, size=(2, 4, 5))


def blocks(x: Any, chunks: Any = 2) -> Any:
    return da.from_array(x, chunks=chunks)


@pytest.mark.parametrize("axis", [0, 1, -1, None])
@pytest.mark.parametrize("name", ["sort", "argsort"])
def test_sorting(name: str, axis: Any) -> None:
    assert_eq(getattr(da, name)(blocks(X), axis), getattr(np, name)(X, axis))


def test_sorting_downwards_keeps_the_order_of_equal_elements() -> None:
    x = np.array([2, 1, 2, 3, 1])
    assert_eq(da.sort(blocks(x), descending=True), np.array([3, 2, 2, 1, 1]))
    assert_eq(da.argsort(blocks(x), descending=True, stable=True), np.array([3, 0, 2, 1, 4]))


def test_partitions_and_keys() -> None:
    got = da.partition(blocks(X), 2, axis=1).compute()
    np.testing.assert_array_equal(got[:, 2], np.sort(X, axis=1)[:, 2])
    places = da.argpartition(blocks(X), 2, axis=1).compute()
    np.testing.assert_array_equal(np.take_along_axis(X, places, 1)[:, 2], got[:, 2])
    for axis in (0, -1):
        assert_eq(da.lexsort(blocks(K), axis=axis), np.lexsort(K, axis=axis))
    assert_eq(da.sort_complex(blocks(K[0, 0])), np.sort_complex(K[0, 0]))


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("name", ["convolve", "correlate"])
def test_convolutions(name: str, mode: str) -> None:
    for n, m in [(1, 1), (7, 1), (7, 2), (7, 3), (3, 7), (30, 4), (4, 30), (6, 6)]:
        a, v = RNG.normal(size=n), RNG.normal(size=m) + 1j * RNG.normal(size=m)
        got = getattr(da, name)(blocks(a, 3), blocks(v), mode)
        assert_eq(got, getattr(np, name)(a, v, mode))


@pytest.mark.parametrize(
    "call",
    [
        lambda xp, x, y: xp.cross(x, y),
        lambda xp, x, y: xp.cross(x, y, axisc=0),
        lambda xp, x, y: xp.inner(x, y),
        lambda xp, x, y: xp.kron(x[:, :, 0], y[:2, :, 0]),
        lambda xp, x, y: xp.kron(x[:, :, 0], y[0, 0]),
        lambda xp, x, y: xp.vecdot(x, y, axis=1),
        lambda xp, x, y: xp.vander(x[0, 0], 4, True),
        lambda xp, x, y: xp.polyval([1.0, 2, 3], x),
        lambda xp, x, y: xp.trapezoid(x, axis=1),
        lambda xp, x, y: xp.trapezoid(x, y, axis=1),
        lambda xp, x, y: xp.trapezoid(x, y[:, 0, 0], axis=0),
        lambda xp, x, y: xp.unwrap(9 * x, axis=1),
        lambda xp, x, y: xp.interp(x, [-1, 0, 1], [3, 1, 2]),
        lambda xp, x, y: xp.resize(x, (7, 11)),
        lambda xp, x, y: xp.column_stack([x[:, 0, 0], y[:, :, 0]]),
        lambda xp, x, y: xp.diagflat(x[0]),
        lambda xp, x, y: xp.take_along_axis(x, xp.argsort(y, axis=1), axis=1),
        lambda xp, x, y: xp.trim_zeros(xp.round(x[0, 0] * 0 + 1)),
        lambda xp, x, y: xp.array_equal(x, y),
        lambda xp, x, y: xp.searchsorted(x[0, :, 0], y[0], sorter=xp.argsort(x[0, :, 0])),
        lambda xp, x, y: xp.array_equiv(x, x[:1] * 0 + x),
        lambda xp, x, y: xp.clip(x, -0.5, y),
        lambda xp, x, y: xp.concatenate([x, y], axis=None),
        lambda xp, x, y: xp.vstack(xp.array_split(x, 3)),
        lambda xp, x, y: xp.stack(xp.split(x, [1, 3])[1:2]),
        lambda xp, x, y: xp.hstack(xp.hsplit(x, 5)),
        lambda xp, x, y: xp.dstack(xp.dsplit(x, 3)),
    ],
)
def test_same_as_numpy(call: Any) -> None:
    got = call(da, blocks(X), blocks(Y, (3, 2, 2)))
    assert_eq(got, np.asarray(call(np, X, Y)), rtol=1e-9)


@pytest.mark.parametrize("name", ["intersect1d", "setdiff1d", "setxor1d"])
def test_sets(name: str) -> None:
    a, b = RNG.integers(0, 9, 20), RNG.integers(3, 12, 15)
    assert_eq(getattr(da, name)(blocks(a, 7), blocks(b, 4)), getattr(np, name)(a, b))


@pytest.mark.parametrize("x", [np.array([1.0, np.nan, 2, np.nan, 1]), K[0]])
def test_unique_of_the_standard(x: Any) -> None:
    for got, want in zip(da.unique_all(blocks(x, 3)), np.unique_all(x), strict=True):
        assert_eq(got, want)
    np.testing.assert_array_equal(
        np.sort(da.unique_values(blocks(x, 3)).compute()), np.sort(np.unique_values(x))
    )


@pytest.mark.parametrize("count", [0, 1, 2, 7, 20])
@pytest.mark.parametrize("name", ["bartlett", "blackman", "hamming", "hanning"])
def test_windows(name: str, count: int) -> None:
    assert_eq(getattr(da, name)(count, chunks=3), getattr(np, name)(count), atol=1e-15)
    assert_eq(da.kaiser(count, 8.6, chunks=3), np.kaiser(count, 8.6), rtol=1e-9)


@pytest.mark.parametrize("endpoint", [True, False])
@pytest.mark.parametrize(("start", "stop"), [(1, 1000), (-5, -0.1), (2.0, 2.0), (1, 1j)])
def test_spaces(start: Any, stop: Any, endpoint: bool) -> None:
    got = da.geomspace(start, stop, 9, endpoint, chunks=4)
    assert_eq(got, np.geomspace(start, stop, 9, endpoint), rtol=1e-9)
    if not isinstance(stop, complex):
        got = da.logspace(start / 9, stop / 99, 9, endpoint, chunks=4)
        assert_eq(got, np.logspace(start / 9, stop / 99, 9, endpoint), rtol=1e-9)


def test_running_totals_of_the_standard() -> None:
    for name in ("cumulative_sum", "cumulative_prod"):
        got = getattr(da, name)(blocks(X), axis=1, include_initial=True)
        assert_eq(got, getattr(np, name)(X, axis=1, include_initial=True))


def test_spread_by_the_standards_word() -> None:
    assert_eq(da.var(blocks(X), axis=0, correction=1), X.var(axis=0, ddof=1), rtol=1e-9)
    with pytest.raises(ValueError, match="simultaneously"):
        da.std(blocks(X), ddof=1, correction=1)


def test_a_copy_is_not_changed_with_its_source() -> None:
    x = da.ones(3, chunks=2)
    y = da.asarray(x, copy=True)
    x[0] = 5
    assert (y.compute().tolist(), x.compute().tolist()) == ([1, 1, 1], [5, 1, 1])


@pytest.mark.parametrize("shape, chunks", [((10,), 4), ((10,), ((3, 0, 7),)), ((5, 4), (2, 3))])
def test_a_value_of_unknown_length_takes_the_masks_places(shape: Any, chunks: Any) -> None:
    x = np.arange(np.prod(shape), dtype=float).reshape(shape)
    y, out = da.from_array(x, chunks=chunks), np.zeros(shape)
    mask = y % 3 != 0
    got = da.zeros(shape, chunks=2)
    got[mask] = (1 - y[mask]) * 2
    out[x % 3 != 0] = (1 - x[x % 3 != 0]) * 2
    assert_eq(got, out)


def test_a_value_that_was_cut_by_another_mask_is_refused() -> None:
    y = da.arange(10, chunks=5)
    got = da.zeros(10, chunks=5)
    with pytest.raises(ValueError, match="compute_chunk_sizes"):
        got[y > 3] = y.rechunk(2)[y.rechunk(2) > 3]
    got[y > 3] = y[y > 6]
    with pytest.raises(ValueError, match=r"the mask chooses \d elements of block \d"):
        got.compute()


def test_a_stray_argument_of_blockwise_is_ignored() -> None:
    x = da.ones(4, chunks=2)
    with pytest.warns(UserWarning, match="the last of 5 arguments, 'i', has no labels"):
        got = da.blockwise(np.add, "i", x, "i", x, "i", "i", dtype=float)
    assert_eq(got, np.full(4, 2.0))


def test_an_array_leaves_a_frame_its_labels() -> None:
    pd = pytest.importorskip("pandas")
    frames = pytest.importorskip("shoal.dataframe")
    frame = pd.DataFrame({"x": np.arange(6.0)}, index=list("abcdef"))
    lazy = frames.from_pandas(frame, npartitions=2)
    for make in (lambda d: d.x.values + d.x, lambda d: d.x.values > d.x - 1):
        pd.testing.assert_series_equal(make(lazy).compute(), make(frame))


EMPTY = ((0, 2, 0, 3, 0),)


@pytest.mark.parametrize("method", ["sequential", "blelloch"])
@pytest.mark.parametrize("chunks", [EMPTY, ((5, 0),), ((0, 5),)])
def test_running_totals_go_on_behind_blocks_of_length_zero(method: str, chunks: Any) -> None:
    x = np.array([2.0, 3, 4, 5, 6])
    a = da.from_array(x, chunks=chunks)
    assert_eq(da.cumsum(a, method=method), x.cumsum())
    assert_eq(da.cumprod(a, method=method), x.cumprod())
    assert_eq(da.maximum.accumulate(a), x)
    unknown = a[a > 3.5]
    np.testing.assert_array_equal(da.cumsum(unknown, axis=0, method=method), [4, 9, 15])
    if method == "blelloch":
        wide = np.arange(10.0).reshape(2, 5)
        b = da.from_array(wide, chunks=((0, 2), chunks[0]))
        assert_eq(da.cumsum(b, axis=1, method=method), wide.cumsum(axis=1))


def test_reshaping_passes_over_blocks_of_length_zero() -> None:
    x = np.arange(12).reshape(4, 3, 1)
    a = da.from_array(x, chunks=((1, 2, 0, 1), (1, 0, 2), (0, 1)))
    assert_eq(a.reshape(-1), x.reshape(-1))
    assert_eq(a.reshape(2, 6), x.reshape(2, 6))


def test_durations_are_added_and_averaged() -> None:
    x = np.array([1, 2, 6], "m8[s]")
    a = da.from_array(x, chunks=2)
    for name in ("sum", "mean", "max"):
        assert_eq(getattr(a, name)(), getattr(x, name)())
    assert_eq(a.cumsum(), x.cumsum())


def test_numbers_have_an_axis_where_numpy_thinks_so() -> None:
    a = da.asarray(3.0)
    for name in ("sum", "prod", "max", "any"):
        assert_eq(getattr(a, name)(axis=-1), getattr(np.asarray(3.0), name)(axis=-1))
    for name in ("mean", "std"):
        with pytest.raises(np.exceptions.AxisError):
            getattr(a, name)(axis=0)


def test_errors_of_parts_of_ufuncs_and_of_differences_are_numpys() -> None:
    a = da.ones(3, chunks=2)
    with pytest.raises(TypeError, match="divmod"):
        da.divmod(a * 1j, a)[0].compute()
    with pytest.raises(TypeError, match="interpreted as an integer"):
        da.diff(da.ones((3, 3), chunks=2), axis=(0, 1))
