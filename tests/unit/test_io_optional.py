"""Optional packages: missing ones come with the pip line, broken ones with their own error."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from shoal.errors import MissingDependencyError
from shoal.io.files import open_files
from shoal.optional import import_required


def test_a_missing_package_comes_with_the_pip_line() -> None:
    with pytest.raises(MissingDependencyError, match="pip install no_such_package") as info:
        import_required("no_such_package.sub", "reading what nobody writes")
    assert info.value.name == "no_such_package.sub"
    assert isinstance(info.value, ImportError)


def test_an_extra_is_offered_where_there_is_one() -> None:
    with pytest.raises(MissingDependencyError, match=r"pip install 'shoal\[array\]'"):
        import_required("no_such_package", "arrays", "array")


def test_a_broken_package_keeps_its_own_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_package_of_this_test.py").write_text("import its_missing_dependency")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="its_missing_dependency") as info:
        import_required("broken_package_of_this_test", "anything")
    assert not isinstance(info.value, MissingDependencyError)


def test_a_file_system_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("s3fs", "aiobotocore", "botocore"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingDependencyError, match=r"s3://bucket/key.*pip install s3fs"):
        open_files("s3://bucket/key")


def test_a_compression_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    from fsspec.compression import compr

    monkeypatch.delitem(compr, "zstd", raising=False)
    with pytest.raises(MissingDependencyError, match="pip install zstandard"):
        open_files("memory://words.zst", compression="zstd")


def test_fastavro_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    from shoal.io.avro import check_avro_schema, plan_avro

    monkeypatch.setitem(sys.modules, "fastavro", None)
    with pytest.raises(MissingDependencyError, match=r"reading Avro.*pip install fastavro"):
        plan_avro("memory://people.avro")
    with pytest.raises(MissingDependencyError, match=r"writing Avro.*pip install fastavro"):
        check_avro_schema({})
