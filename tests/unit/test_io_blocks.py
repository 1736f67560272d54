"""Blocks: how many, of what, and what is wrong with a file."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import pickle
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shoal.io.blocks import Block, parse_blocksize, plan_blocks, read_block
from shoal.io.compression import compress

LINES = b"".join(b"line %d\n" % i for i in range(50))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "lines.txt"
    path.write_bytes(LINES)
    return path


def read_all(blocks: list[list[Block]]) -> bytes:
    return b"".join(read_block(block) for of_file in blocks for block in of_file)


class TestPlanning:
    @pytest.mark.parametrize(
        ("blocksize", "count"),
        [(100, 3), ("100 B", 3), (100.0, 3), (len(LINES), 1), ("1 MiB", 1), (None, 1), (1, 390)],
    )
    def test_how_many(self, file: Path, blocksize: int | str | None, count: int) -> None:
        assert len(LINES) == 390
        plan = plan_blocks(file, blocksize=blocksize)
        assert [len(of_file) for of_file in plan.blocks] == [count]
        assert read_all(plan.blocks) == LINES

    def test_blocks_are_even(self, file: Path) -> None:
        (blocks,) = plan_blocks(file, blocksize=100).blocks
        assert [(block.offset, block.length) for block in blocks] == [
            (0, 130),
            (130, 130),
            (260, 130),
        ]

    def test_an_empty_file_is_one_empty_block(self, tmp_path: Path) -> None:
        (tmp_path / "empty").touch()
        for blocksize in (10, None):
            plan = plan_blocks(tmp_path / "empty", blocksize=blocksize, delimiter=b"\n", sample=5)
            assert plan.sample == b""
            assert [read_block(block) for block in plan.blocks[0]] == [b""]

    def test_several_files(self, tmp_path: Path) -> None:
        for i in range(3):
            (tmp_path / f"{i}.txt").write_bytes(b"%d\n" % i * 10)
        plan = plan_blocks(tmp_path / "*.txt", blocksize=10, delimiter=b"\n")
        assert plan.paths == [str(tmp_path / f"{i}.txt") for i in range(3)]
        assert [b"".join(map(read_block, of_file)) for of_file in plan.blocks] == [
            b"%d\n" % i * 10 for i in range(3)
        ]

    def test_the_sample(self, file: Path) -> None:
        assert plan_blocks(file).sample is False
        assert plan_blocks(file, sample=0).sample is False
        assert plan_blocks(file, sample=5).sample == LINES[:5]
        assert plan_blocks(file, sample="5 B", delimiter=b"\n").sample == b"line 0\n"
        assert plan_blocks(file, sample=7, delimiter=b"\n").sample == b"line 0\n"
        assert plan_blocks(file, sample=True).sample == LINES
        assert plan_blocks(file, sample=5, delimiter=b"$").sample == LINES

    def test_the_sample_of_a_compressed_file(self, tmp_path: Path) -> None:
        (tmp_path / "a.gz").write_bytes(gzip.compress(LINES))
        plan = plan_blocks(tmp_path / "a.gz", blocksize=None, compression="infer", sample=5)
        assert plan.sample == LINES[:5]

    def test_bad_blocksizes(self, file: Path) -> None:
        with pytest.raises(TypeError, match=r"whole number of bytes.*5\.5"):
            plan_blocks(file, blocksize=5.5)
        for blocksize in (0, -5, "0 MiB"):
            with pytest.raises(ValueError, match="at least one byte"):
                plan_blocks(file, blocksize=blocksize)
        with pytest.raises(ValueError, match="'many'"):
            parse_blocksize("many")

    def test_bad_delimiters(self, file: Path) -> None:
        with pytest.raises(TypeError, match="delimiter is bytes"):
            plan_blocks(file, delimiter="\n")  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="delimiter="):
            plan_blocks(file, not_zero=True)

    def test_a_compressed_file_is_not_cut(self, tmp_path: Path) -> None:
        (tmp_path / "b.txt.gz").write_bytes(gzip.compress(LINES))
        for compression in ("gzip", "infer"):
            with pytest.raises(ValueError, match=r"b\.txt\.gz is compressed .*blocksize=None"):
                plan_blocks(tmp_path / "b.txt.gz", compression=compression)

    def test_what_does_not_exist_is_named(self, tmp_path: Path) -> None:
        for blocksize in (100, None):
            with pytest.raises(FileNotFoundError, match="nothing-here"):
                plan_blocks(tmp_path / "nothing-here", blocksize=blocksize)
        with pytest.raises(IsADirectoryError, match=r"is a folder; name its files"):
            plan_blocks(tmp_path)

    def test_a_size_that_is_not_known(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        from fsspec.implementations.local import LocalFileSystem

        info = LocalFileSystem.info
        monkeypatch.setattr(
            LocalFileSystem, "info", lambda *a, **k: {**info(*a, **k), "size": None}
        )
        with pytest.raises(ValueError, match=r"size of .*lines\.txt is not known.*blocksize=None"):
            plan_blocks(file, blocksize=10)


class TestReading:
    def test_a_file_of_nothing_but_delimiters(self, tmp_path: Path) -> None:
        (tmp_path / "blank").write_bytes(b"\n" * 100_001)
        (blocks,) = plan_blocks(tmp_path / "blank", blocksize=33_333, delimiter=b"\n\n").blocks
        parts = [read_block(block) for block in blocks]
        # The last newline is a record that nothing ends.
        assert [len(part) for part in parts] == [33_334, 33_334, 33_333]

    def test_a_long_record_across_blocks(self, tmp_path: Path) -> None:
        data = b"a\n" + b"b" * 100_000 + b"\nc\n"
        (tmp_path / "long").write_bytes(data)
        (blocks,) = plan_blocks(tmp_path / "long", blocksize=10_000, delimiter=b"\n").blocks
        parts = [read_block(block) for block in blocks]
        assert parts[0] == data[:-2]
        assert b"".join(parts) == data
        assert set(parts[1:-1]) == {b""}

    def test_blocks_travel(self, file: Path) -> None:
        (blocks,) = plan_blocks(file, blocksize=100, delimiter=b"\n").blocks
        program = (
            "import pickle, sys; from shoal.io.blocks import read_block;"
            "sys.stdout.buffer.write(b''.join(map(read_block, pickle.load(sys.stdin.buffer))))"
        )
        done = subprocess.run(
            [sys.executable, "-c", program],
            input=pickle.dumps(blocks),
            stdout=subprocess.PIPE,
            check=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        assert done.stdout == LINES

    def test_a_file_that_shrank_since(self, file: Path) -> None:
        (blocks,) = plan_blocks(file, blocksize=100).blocks
        file.write_bytes(LINES[:150])
        assert read_block(blocks[0]) == LINES[:130]
        with pytest.raises(OSError, match=r"lines\.txt was 390 bytes .* at byte 130 has 20 of 130"):
            read_block(blocks[1])

    def test_nothing_stays_open(self, file: Path, opened: Any) -> None:
        read_all(plan_blocks(file, blocksize=10, delimiter=b"\n").blocks)
        assert not opened()


class TestBrokenFiles:
    @pytest.mark.parametrize("codec", ["gzip", "bz2", "xz"])
    def test_one_that_is_cut_short(self, tmp_path: Path, codec: str) -> None:
        path = tmp_path / "short"
        path.write_bytes(compress[codec](os.urandom(5000))[:-100])
        ((block,),) = plan_blocks(path, blocksize=None, compression=codec).blocks
        with pytest.raises(EOFError, match=f"{path} ends before its {codec} data do") as info:
            read_block(block)
        assert type(info.value) is EOFError

    @pytest.mark.parametrize(
        ("codec", "error"),
        [
            ("gzip", gzip.BadGzipFile),
            ("bz2", OSError),
            ("xz", lzma.LZMAError),
            ("zip", zipfile.BadZipFile),
        ],
    )
    def test_one_of_another_kind(
        self, tmp_path: Path, codec: str, error: type, opened: Any
    ) -> None:
        path = tmp_path / "other"
        path.write_bytes(LINES)
        ((block,),) = plan_blocks(path, blocksize=None, compression=codec).blocks
        with pytest.raises(error, match=f"{path} cannot be read as {codec} .*compression=") as info:
            read_block(block)
        del info
        assert not opened()

    @pytest.mark.parametrize(
        ("codec", "make"), [("gzip", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)]
    )
    def test_one_that_is_damaged(
        self, tmp_path: Path, codec: str, make: Callable[[bytes], bytes]
    ) -> None:
        data = bytearray(make(os.urandom(5000)))
        data[2000:2100] = bytes(100)
        path = tmp_path / "damaged"
        path.write_bytes(data)
        ((block,),) = plan_blocks(path, blocksize=None, compression=codec).blocks
        with pytest.raises((OSError, zlib.error, lzma.LZMAError, EOFError), match=str(path)):
            read_block(block)

    def test_one_that_is_gone_keeps_its_own_error(self, tmp_path: Path) -> None:
        path = tmp_path / "gone.gz"
        path.write_bytes(gzip.compress(LINES))
        ((block,),) = plan_blocks(path, blocksize=None, compression="infer").blocks
        path.unlink()
        with pytest.raises(FileNotFoundError) as info:
            read_block(block)
        assert info.value.filename == str(path)


class TestTokens:
    def test_equal_plans_have_equal_tokens(self, file: Path) -> None:
        from shoal.graph.token import tokenize

        one, two = (plan_blocks(file, blocksize=100).blocks for _ in range(2))
        assert one == two
        assert [tokenize(b) for b in one[0]] == [tokenize(b) for b in two[0]]
        assert len({tokenize(b) for b in one[0]}) == 3

    def test_a_changed_file_has_another(self, file: Path) -> None:
        from shoal.graph.token import tokenize

        for blocksize in (100, None):
            before = plan_blocks(file, blocksize=blocksize).blocks[0][0]
            with file.open("ab") as changed:
                changed.write(b"x")
            after = plan_blocks(file, blocksize=blocksize).blocks[0][0]
            assert tokenize(before) != tokenize(after)
            assert before != after

    def test_another_process_has_the_same(self, file: Path) -> None:
        from shoal.graph.token import tokenize

        program = (
            "import sys; from shoal.graph.token import tokenize;"
            "from shoal.io.blocks import plan_blocks;"
            "print(tokenize(plan_blocks(sys.argv[1], blocksize=100).blocks[0][1]), end='')"
        )
        done = subprocess.run(
            [sys.executable, "-c", program, str(file)],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        assert done.stdout == tokenize(plan_blocks(file, blocksize=100).blocks[0][1])
