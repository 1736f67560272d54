"""Arrays stored and read: targets, regions, locks, zarr, HDF5, stacks of files."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import shoal
import shoal.array as da
from shoal.array.testing import assert_eq
from shoal.distributed import Client
from shoal.errors import PerformanceWarning
from shoal.local.locks import SerializableLock


class CounterLock:
    """What takes part as a lock and has nothing but the two methods."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.taken = self.given = 0

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        out = self.lock.acquire(blocking, timeout)
        self.taken += 1
        return out

    def release(self) -> None:
        self.given += 1
        self.lock.release()


def test_store() -> None:
    a, b = da.ones((4, 4), chunks=2) + 1, da.ones((4, 4), chunks=3) + 2
    at, bt = np.zeros((4, 4)), np.zeros((4, 4))
    assert da.store([a, b], [at, bt]) is None
    assert (at == 2).all()
    assert (bt == 3).all()
    later = a.store(bt, compute=False)
    assert (bt == 3).all()
    assert later.compute().size == 0
    assert (bt == 2).all()
    for wrong, message in [
        (lambda: da.store([a], [at, bt]), "Different number"),
        (lambda: da.store(at, at), "All sources"),
        (lambda: da.store(a, np.zeros((4, 5))), "does not fit"),
        (lambda: da.store(a[a > 0], at), "compute_chunk_sizes"),
        (lambda: da.store(a, b), "written to"),
    ]:
        with pytest.raises(ValueError, match=message):
            wrong()


@pytest.mark.parametrize("compute", [True, False])
def test_stored_arrays_come_back(compute: bool) -> None:
    a = da.arange(10, chunks=3)
    at = np.zeros(10)
    lock = CounterLock()
    got = da.store(a, at, return_stored=True, compute=compute, lock=lock)
    assert bool(at.any()) is compute
    assert_eq(got, np.arange(10.0), check_dtype=False)
    assert got.chunks == a.chunks
    assert lock.taken == lock.given > 0
    (kept,) = da.store([a], [at], return_stored=True, compute=compute, load_stored=False)
    assert_eq(kept, np.arange(10))


def test_equal_targets_are_different_ones() -> None:
    a = da.ones(4, chunks=2)
    one, other = np.zeros(4), np.zeros(4)
    da.store([a, a], [one, other])
    assert one.all()
    assert other.all()


def test_delayed_targets() -> None:
    targets: dict[str, Any] = {}

    def make(name: str) -> Any:
        return targets.setdefault(name, np.zeros(4))

    da.store(da.ones(4, chunks=2), shoal.delayed(make)("x"))
    assert targets["x"].all()
    got = da.store(da.ones(4, chunks=2), shoal.delayed(make)("y"), return_stored=True)
    assert_eq(got, np.ones(4))


@pytest.mark.parametrize(
    "region",
    [
        (slice(None, None, 2), slice(None), [1, 2, 4, 5]),
        (slice(1, 5), slice(0, 4), slice(2, None)),
        (slice(-1, None, -2), slice(None), slice(-4, None)),
        (3, slice(None, 4), slice(1, 5)),
    ],
)
def test_regions(region: Any) -> None:
    shape = np.zeros((8, 4, 6))[region].shape
    x = np.arange(1, 1 + np.prod(shape)).reshape(shape)
    expected, got = np.zeros((8, 4, 6)), np.zeros((8, 4, 6))
    expected[region] = x
    d = da.from_array(x, chunks=3)
    da.store(d, got, regions=region)
    assert_eq(got, expected)
    assert_eq(da.store(d, got, regions=region, return_stored=True), x, check_dtype=False)


def test_locks() -> None:
    class Broken:
        def __setitem__(self, key: Any, value: Any) -> None:
            raise RuntimeError("broken")

    lock = CounterLock()
    with pytest.raises(RuntimeError, match="broken"):
        da.store(da.ones(4, chunks=2), Broken(), lock=lock, scheduler="threads")
    assert lock.taken == lock.given > 0
    lock = CounterLock()
    assert_eq(da.from_array(np.arange(10), chunks=5, lock=lock), np.arange(10))
    assert lock.taken == lock.given > 0


class Reader:
    shape, dtype, ndim = (10,), np.dtype(int), 1

    def __getitem__(self, index: Any) -> Any:
        return np.arange(10)[index]


def test_readers() -> None:
    calls = []

    def two(x: Any, index: Any) -> Any:
        calls.append(index)
        return x[index]

    def four(x: Any, index: Any, asarray: bool, lock: Any) -> Any:
        calls.append((asarray, lock))
        return x[index]

    assert_eq(da.from_array(Reader(), chunks=5, getitem=two), np.arange(10))
    lock = SerializableLock()
    assert_eq(da.from_array(Reader(), chunks=5, getitem=four, lock=lock), np.arange(10))
    assert calls[0] == (slice(0, 5, None),)
    assert calls[-1] == (True, lock)

    class Collection(np.ndarray):
        def __dask_graph__(self) -> dict[str, int]:
            return {}

    with pytest.warns(UserWarning, match="lazy collection"):
        da.from_array(np.arange(3).view(Collection))


def test_npy_stack(tmp_path: Path) -> None:
    x = np.arange(60).reshape(5, 12)
    for axis in (0, 1, -1):
        folder = tmp_path / f"stack{axis}"
        da.to_npy_stack(folder, da.from_array(x, chunks=(2, 5)), axis=axis)
        assert_eq(da.from_npy_stack(folder), x)
    assert_eq(np.load(tmp_path / "stack0" / "1.npy"), x[2:4])


def test_hdf5(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    x, y = np.arange(16.0).reshape(4, 4), np.arange(4)
    d, e = da.from_array(x, chunks=2), da.from_array(y, chunks=3)
    d.to_hdf5(tmp_path / "a.h5", "/x", compression="lzf")
    da.to_hdf5(tmp_path / "a.h5", {"/y": e}, chunks=None)
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["x"].chunks == (2, 2)
        assert file["y"].chunks is None
        assert_eq(da.from_array(file["x"], chunks=(3, 2)), x)
        assert_eq(da.from_array(file["x"])[1:3, ::2], x[1:3, ::2])
        assert_eq(da.from_array(file["x"], chunks=2)[:, 3], x[:, 3])
        assert_eq(da.from_array(file["x"], chunks=2)[-1, 1:].sum(), x[-1, 1:].sum())
        assert_eq(da.from_array(file["y"], lock=True), y)
    for args in [(), ("/x",), ({"/x": x},)]:
        with pytest.raises(ValueError, match=r"to_hdf5|from_array"):
            da.to_hdf5(tmp_path / "b.h5", *args)


def test_a_store_that_is_written_again_is_read_again(tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr")
    first, second = np.ones((4, 2)), np.full((4, 2), 2.0)
    z = zarr.create_array(tmp_path / "z", shape=(4, 2), chunks=(2, 2), dtype="f8")
    with Client(n_workers=1, threads_per_worker=1, processes=False):
        held = []
        for values in (first, second):
            z[:] = values
            # A cluster has a result as long as somebody holds it.
            held += [da.from_zarr(tmp_path / "z").persist(), da.from_array(z, (2, 2)).persist()]
            for one in held[-2:]:
                assert_eq(one.compute(), values)


def test_zarr(tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr")
    x = np.arange(36).reshape(6, 6)
    d = da.from_array(x, chunks=(4, 3))
    assert d.to_zarr(tmp_path / "a") is None
    back = da.from_zarr(tmp_path / "a")
    assert_eq(back, x)
    assert back.chunks == d.chunks
    assert_eq(da.from_zarr(str(tmp_path / "a"), chunks=5), x)
    (d + 1).to_zarr(tmp_path / "a")
    assert_eq(da.from_zarr(tmp_path / "a"), x + 1)
    with pytest.raises(ValueError, match="shape"):
        d[:4].to_zarr(tmp_path / "a")
    d[:4].to_zarr(tmp_path / "a", mode="w")
    assert_eq(da.from_zarr(tmp_path / "a"), x[:4])
    later = d.to_zarr({}, compute=False)
    assert later.compute().size == 0
    assert_eq(d.to_zarr({}, return_stored=True), x)
    for component in ("one", "deep/two"):
        d.to_zarr(tmp_path / "g", component=component)
        assert_eq(da.from_zarr(tmp_path / "g", component=component), x)
        with pytest.raises(ValueError, match="exist"):
            d.to_zarr(tmp_path / "g", component=component, overwrite=False)
    assert set(zarr.open_group(tmp_path / "g", mode="r")) == {"one", "deep"}
    with pytest.warns(UserWarning, match="irregular"):
        d.rechunk(((1, 2, 3), -1)).to_zarr(tmp_path / "i")
    assert_eq(da.from_zarr(tmp_path / "i"), x)
    for call, message in [
        (lambda: d.to_zarr(tmp_path / "b", mode="r"), "Cannot use"),
        (lambda: d.to_zarr(tmp_path / "b", region=(slice(2),)), "region"),
        (lambda: d[d > 3].to_zarr({}), "unknown chunk"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()


def test_zarr_regions_and_shards() -> None:
    zarr = pytest.importorskip("zarr")
    z = zarr.create_array({}, shape=(100,), chunks=(1,), shards=(4,), dtype="i8")
    assert all(n % 4 == 0 for n in da.from_array(z, chunks="auto").chunksize)
    d = da.arange(100, chunks=10)
    later = d.to_zarr(z, compute=False)
    assert all(n % 4 == 0 for n in later.chunks[0])
    later.compute()
    assert_eq(z[:], np.arange(100))
    z = zarr.zeros((4, 4), chunks=2, dtype="i8")
    x = np.arange(16).reshape(4, 4)
    a = da.from_array(x, chunks=2)
    a[:2, :2].to_zarr(z, region=(slice(2), slice(2)))
    with pytest.warns(PerformanceWarning, match="in part"):
        a[:3, 3:4].to_zarr(z, region=(slice(1, 4), slice(2, 3)))
    expected = np.zeros((4, 4), int)
    expected[:2, :2], expected[1:4, 2:3] = x[:2, :2], x[:3, 3:4]
    assert_eq(z[:], expected)
    with pytest.raises(ValueError, match="does not fit"):
        a.to_zarr(z, region=(slice(2), slice(2)))


def test_a_dataset_in_a_file_that_is_only_read_is_one_array(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "one.h5"
    with h5py.File(path, "w") as file:
        file["x"], file["y"] = np.arange(6), np.arange(6)
        # What may be written to is another array each time.
        assert da.from_array(file["x"]).name != da.from_array(file["x"]).name
    with h5py.File(path, "r") as file, h5py.File(path, "r") as again:
        x = da.from_array(file["x"], chunks=3)
        assert x.name == da.from_array(again["x"], chunks=3).name
        assert x.name != da.from_array(file["y"], chunks=3).name
        assert x.name != da.from_array(file["x"], chunks=2).name
        before = x.name
    with h5py.File(path, "r+") as file:
        file["x"][0] = 5
    with h5py.File(path, "r") as file:
        assert da.from_array(file["x"], chunks=3).name != before
