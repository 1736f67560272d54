"""Avro records, whole files and blocks."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from shoal.errors import AvroSchemaError
from shoal.io.avro import check_avro_schema, iter_avro, plan_avro, write_avro
from shoal.io.files import open_file

fastavro = pytest.importorskip("fastavro")

SCHEMA = {
    "name": "Person",
    "namespace": "test",
    "type": "record",
    "fields": [{"name": "name", "type": "string"}, {"name": "number", "type": "int"}],
}
PEOPLE = [{"name": f"person {i}", "number": i} for i in range(1000)]


def read(urlpath: Any, **options: Any) -> list[Any]:
    return [record for part in plan_avro(urlpath, **options) for record in iter_avro(part)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for i, half in enumerate((PEOPLE[:500], PEOPLE[500:])):
        with open(tmp_path / f"{i}.avro", "wb") as file:
            fastavro.writer(file, SCHEMA, half, sync_interval=100)
    return tmp_path


@pytest.mark.parametrize("blocksize", [None, 1000, "3 kB", 100_000_000])
def test_reading(folder: Path, blocksize: int | None) -> None:
    assert read(folder / "*.avro", blocksize=blocksize) == PEOPLE


def test_partitions(folder: Path) -> None:
    assert len(plan_avro(folder / "*.avro")) == 2
    assert len(plan_avro(folder / "*.avro", blocksize=None)) == 2
    parts = plan_avro(folder / "*.avro", blocksize=1000)
    assert len(parts) > 10
    assert pickle.loads(pickle.dumps(parts)) == parts


@pytest.mark.parametrize("codec", ["null", "deflate"])
def test_writing(tmp_path: Path, codec: str) -> None:
    target = open_file(tmp_path / "people.avro", "wb")
    path = write_avro(iter(PEOPLE), target, SCHEMA, codec, 500, metadata={"by": "me"})
    assert path == str(tmp_path / "people.avro")
    assert read(path, blocksize=1000) == PEOPLE
    with open(path, "rb") as file:
        assert fastavro.reader(file).metadata["by"] == "me"


def test_a_header_longer_than_a_first_look(tmp_path: Path) -> None:
    target = open_file(tmp_path / "people.avro", "wb")
    write_avro(PEOPLE, target, SCHEMA, metadata={"long": "x" * 50_000}, sync_interval=1000)
    assert read(tmp_path / "people.avro", blocksize=5000) == PEOPLE


def test_compressed_as_a_whole(folder: Path) -> None:
    import gzip

    (folder / "0.avro.gz").write_bytes(gzip.compress((folder / "0.avro").read_bytes()))
    assert read(folder / "0.avro.gz", blocksize=None, compression="gzip") == PEOPLE[:500]
    with pytest.raises(ValueError, match="blocksize=None"):
        plan_avro(folder / "0.avro.gz", compression="gzip")


@pytest.mark.parametrize("blocksize", [None, 1000])
@pytest.mark.parametrize("data", [b"", b"a,b\n1,2\n" * 100])
def test_what_is_not_avro_is_named(tmp_path: Path, data: bytes, blocksize: int | None) -> None:
    (tmp_path / "table.csv").write_bytes(data)
    with pytest.raises((ValueError, EOFError), match=r"table\.csv cannot be read as Avro: .+"):
        read(tmp_path / "table.csv", blocksize=blocksize)


@pytest.mark.parametrize("kept", [0.5, 0.01])
@pytest.mark.parametrize("blocksize", [None, 1000])
def test_a_file_cut_short_is_named(folder: Path, blocksize: int | None, kept: float) -> None:
    path = folder / "0.avro"
    os.truncate(path, int(path.stat().st_size * kept))
    with pytest.raises((ValueError, EOFError), match=r"0\.avro cannot be read as Avro: .+"):
        read(path, blocksize=blocksize)


def test_damaged_data_name_the_file(folder: Path) -> None:
    path = folder / "0.avro"
    data = path.read_bytes()
    path.write_bytes(data.replace(b"person 100", b"\xff" * 10))
    with pytest.raises(UnicodeDecodeError) as info:
        read(path)
    assert info.value.__notes__ == [f"while reading {path} as Avro"]


@pytest.mark.parametrize(
    "schema",
    [
        [],
        {},
        {"doc": "unknown"},
        {"name": "test"},
        {"name": "test", "type": "wrong"},
        {"name": "test", "type": "record"},
        {"type": "record", "fields": []},
        {"name": "test", "type": "record", "fields": [{"name": "a"}]},
        {"name": "test", "type": "record", "fields": [{"name": "a", "type": "wrong"}]},
        {"name": "test", "type": "record", "fields": ["a"]},
    ],
)
def test_schemas_that_nothing_can_be_written_with(schema: Any) -> None:
    with pytest.raises(AvroSchemaError):
        check_avro_schema(schema)
    check_avro_schema(SCHEMA)


def test_a_record_that_does_not_fit_names_the_file(tmp_path: Path) -> None:
    target = open_file(tmp_path / "people.avro", "wb")
    with pytest.raises(Exception) as info:
        write_avro([{"name": "a", "number": "many"}], target, SCHEMA)
    assert info.value.__notes__ == [f"while writing {tmp_path / 'people.avro'}"]
