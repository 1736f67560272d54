"""Arrays in TileDB."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import shoal.array as da

with np.printoptions():  # it has NumPy print numbers as NumPy 1 did, in all tests
    tiledb = pytest.importorskip("tiledb")

VALUES = np.arange(35.0).reshape(5, 7)


def test_what_is_written_is_read_by_tiles(tmp_path: Path) -> None:
    where = str(tmp_path / "x")
    assert da.to_tiledb(da.from_array(VALUES, chunks=(2, 3)), where) is None
    x = da.from_tiledb(where)
    assert x.chunks == ((2, 2, 1), (3, 3, 1)) and x.dtype == VALUES.dtype
    np.testing.assert_array_equal(x.compute(), VALUES)
    np.testing.assert_array_equal(x[1:4, 5].compute(scheduler="processes"), VALUES[1:4, 5])
    assert da.from_tiledb(where, chunks=5).chunks == ((5,), (5, 2))
    with tiledb.open(where) as opened:
        np.testing.assert_array_equal(da.from_tiledb(opened).sum().compute(), VALUES.sum())


def test_what_was_stored_and_what_is_to_be(tmp_path: Path) -> None:
    x = da.from_array(VALUES, chunks=4)
    stored = da.to_tiledb(x, str(tmp_path / "x"), return_stored=True)
    np.testing.assert_array_equal(stored.compute(), VALUES)
    later = x.to_tiledb(str(tmp_path / "y"), compute=False)
    later.compute()
    np.testing.assert_array_equal(da.from_tiledb(str(tmp_path / "y")).compute(), VALUES)


def test_what_is_written_anew_is_another_array(tmp_path: Path) -> None:
    where = str(tmp_path / "x")
    da.to_tiledb(da.from_array(VALUES, chunks=4), where)
    before = da.from_tiledb(where)
    with tiledb.open(where, "w") as opened:
        opened[:] = VALUES + 1
    after = da.from_tiledb(where)
    assert before.name != after.name
    np.testing.assert_array_equal(after.compute(), VALUES + 1)


def test_attributes_are_chosen_and_bad_ones_named(tmp_path: Path) -> None:
    where = str(tmp_path / "x")
    axis = tiledb.Dim(name="i", domain=(0, 3), tile=2, dtype=np.int64)
    attributes = [tiledb.Attr(name=name, dtype=np.int32) for name in ("a", "b")]
    schema = tiledb.ArraySchema(domain=tiledb.Domain(axis), attrs=attributes)
    tiledb.Array.create(where, schema)
    with tiledb.open(where, "w") as opened:
        opened[:] = {"a": np.arange(4, dtype="i4"), "b": np.arange(4, 8, dtype="i4")}
    assert da.from_tiledb(where, attribute="b").compute().tolist() == [4, 5, 6, 7]
    with pytest.raises(ValueError, match="say attribute="):
        da.from_tiledb(where)
    with pytest.raises(ValueError, match="not 'c'"):
        da.from_tiledb(where, attribute="c")
    with pytest.raises(TypeError, match="'keys'"):
        da.from_tiledb(where, attribute="a", keys=1)


def test_unknown_sizes_are_refused(tmp_path: Path) -> None:
    x = da.from_array(VALUES, chunks=4)
    with pytest.raises(ValueError, match="compute_chunk_sizes"):
        da.to_tiledb(x[x > 3], str(tmp_path / "x"))
