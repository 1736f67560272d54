"""`shoal.bytes`: blocks as `Delayed`."""

from __future__ import annotations

from pathlib import Path

import pytest

import shoal
from shoal.bytes import compress, open_files, read_bytes

LINES = b"".join(b"line %d\n" % i for i in range(50))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for i in range(3):
        (tmp_path / f"{i}.txt").write_bytes(LINES * (i + 1))
    return tmp_path


@pytest.mark.parametrize("scheduler", ["sync", "threads", "processes"])
def test_blocks_compute_to_the_bytes(folder: Path, scheduler: str) -> None:
    sample, blocks, paths = read_bytes(
        folder / "*.txt", b"\n", blocksize=100, sample=3, include_path=True
    )
    assert sample == b"line 0\n"
    assert paths == [str(folder / f"{i}.txt") for i in range(3)]
    assert [len(of_file) for of_file in blocks] == [3, 7, 11]
    computed = shoal.compute(*blocks, scheduler=scheduler)
    assert [b"".join(of_file) for of_file in computed] == [LINES * (i + 1) for i in range(3)]
    assert all(block.endswith(b"\n") for of_file in computed for block in of_file)


def test_defaults(folder: Path) -> None:
    sample, ((block,),) = read_bytes(folder / "0.txt")
    assert sample == LINES
    assert block.compute() == LINES
    assert read_bytes(folder / "0.txt", sample=False)[0] is False


def test_keys_are_those_of_the_content(folder: Path) -> None:
    def keys(**options: object) -> list[object]:
        _, blocks = read_bytes(folder / "*.txt", **options)  # type: ignore[arg-type]
        return [block.key for of_file in blocks for block in of_file]

    plain = keys(blocksize=100, delimiter=b"\n")
    assert plain == keys(blocksize=100, delimiter=b"\n")
    assert len(set(plain)) == len(plain)
    assert set(plain).isdisjoint(keys(blocksize=100, delimiter=b"foo"))
    assert set(plain).isdisjoint(keys(blocksize=50, delimiter=b"\n"))
    for path in folder.iterdir():
        with path.open("ab") as file:
            file.write(b"x")
    assert set(plain).isdisjoint(keys(blocksize=100, delimiter=b"\n"))


def test_compressed_files(folder: Path) -> None:
    (folder / "a.bz2").write_bytes(compress["bz2"](LINES))
    sample, ((block,),) = read_bytes(
        folder / "a.bz2", blocksize=None, compression="infer", sample=5
    )
    assert sample == LINES[:5]
    assert block.compute() == LINES
    with pytest.raises(ValueError, match="blocksize=None"):
        read_bytes(folder / "a.bz2", compression="infer")


def test_what_is_wrong_is_an_error_at_once(folder: Path) -> None:
    with pytest.raises(FileNotFoundError, match="not-a-file"):
        read_bytes("not-a-file")
    with pytest.raises(TypeError, match="set"):
        read_bytes({"a", "b"})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="'not-found' is not known"):
        read_bytes(folder / "*", compression="not-found")
    with pytest.raises(ValueError, match="'not-found' is not known"):
        open_files(folder / "*", compression="not-found")
