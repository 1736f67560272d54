"""Lines: what ends them, how they travel, and bytes that are not text."""

from __future__ import annotations

import gzip
import io
import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from shoal.errors import TextDecodingError
from shoal.io.files import open_file, open_files
from shoal.io.text import TextPart, decode_lines, iter_text, plan_text, write_lines


def read(*args: Any, **options: Any) -> list[Any]:
    return [line for part in plan_text(*args, **options) for line in iter_text(part)]


class TestLineEnds:
    DATA = b"a\r\nb\rc\nd\x0be\x0cf\xe2\x80\xa8g"

    @pytest.mark.parametrize(
        ("linedelimiter", "lines"),
        [
            (None, ["a\n", "b\n", "c\n", "d\x0be\x0cf\u2028g"]),
            ("", ["a\r\n", "b\r", "c\n", "d\x0be\x0cf\u2028g"]),
            ("\n", ["a\r\n", "b\rc\n", "d\x0be\x0cf\u2028g"]),
            ("\r\n", ["a\r\n", "b\rc\nd\x0be\x0cf\u2028g"]),
            ("\r", ["a\r", "\nb\r", "c\nd\x0be\x0cf\u2028g"]),
            ("c\n", ["a\r\nb\rc\n", "d\x0be\x0cf\u2028g"]),
            ("\u2028", ["a\r\nb\rc\nd\x0be\x0cf\u2028", "g"]),
        ],
    )
    @pytest.mark.parametrize("blocksize", [None, 3, "1 kB"])
    def test_rules(
        self, tmp_path: Path, linedelimiter: str | None, lines: list[str], blocksize: int | None
    ) -> None:
        (tmp_path / "f").write_bytes(self.DATA)
        found = read(tmp_path / "f", linedelimiter=linedelimiter, blocksize=blocksize)
        assert found == lines
        assert decode_lines(self.DATA, linedelimiter=linedelimiter) == lines

    def test_the_last_line_of_a_file_does_not_run_on(self, tmp_path: Path) -> None:
        for i in range(4):
            (tmp_path / f"{i}.txt").write_text(f"{i}")
        assert read(tmp_path / "*.txt", files_per_partition=3) == ["0", "1", "2", "3"]

    def test_empty(self, tmp_path: Path) -> None:
        (tmp_path / "f").touch()
        for blocksize in (None, 3):
            assert read(tmp_path / "f", blocksize=blocksize) == []
        assert decode_lines(b"") == decode_lines(b"", linedelimiter="$$") == []

    def test_lines_longer_than_what_is_read_at_a_time(self, tmp_path: Path) -> None:
        lines = ["é" * 300_000 + "$$", "b$$", "ü" * 200_000]
        (tmp_path / "f").write_text("".join(lines))
        assert read(tmp_path / "f", linedelimiter="$$") == lines
        assert read(tmp_path / "f", linedelimiter="$$", blocksize=100_000) == lines


class TestPlanning:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        for i in range(5):
            (tmp_path / f"{i}.txt").write_text(f"{i}\n" * 10)
        return tmp_path

    def test_a_partition_for_each_file(self, folder: Path) -> None:
        assert len(plan_text(folder / "*.txt")) == 5

    def test_files_per_partition(self, folder: Path) -> None:
        parts = plan_text(folder / "*.txt", files_per_partition=2)
        assert [[os.path.basename(block.path) for block in part.blocks] for part in parts] == [
            ["0.txt", "1.txt"],
            ["2.txt", "3.txt"],
            ["4.txt"],
        ]

    def test_a_partition_for_each_block(self, folder: Path) -> None:
        parts = plan_text(folder / "*.txt", blocksize="10 B")
        assert [list(iter_text(part)) for part in parts[:2]] == [["0\n"] * 5] * 2
        assert len(parts) == 10

    def test_include_path(self, folder: Path) -> None:
        for options in ({"files_per_partition": 3}, {"blocksize": 5}):
            found = read(folder / "*.txt", include_path=True, **options)
            assert found == [
                (f"{i}\n", str(folder / f"{i}.txt")) for i in range(5) for _ in range(10)
            ]

    def test_parts_travel(self, folder: Path) -> None:
        parts = plan_text(folder / "*.txt", blocksize=7)
        assert pickle.loads(pickle.dumps(parts)) == parts
        assert isinstance(parts[0], TextPart)

    def test_compressed_files_by_their_endings(self, folder: Path) -> None:
        (folder / "5.txt.gz").write_bytes(gzip.compress(b"5\n"))
        assert read(folder / "*.txt*")[-2:] == ["4\n", "5\n"]
        with pytest.raises(ValueError, match=r"5\.txt\.gz is compressed .*blocksize=None"):
            plan_text(folder / "*.txt*", blocksize=10)

    def test_files_are_read_as_their_lines_are_wanted(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "f").write_bytes(b"one line\n" * 500_000)
        taken = []
        file_read = io.BufferedReader.read

        class Counting:
            def __init__(self, file: Any) -> None:
                self.file = file

            def read(self, size: int = -1) -> bytes:
                data = file_read(self.file.f, size)
                taken.append(len(data))
                return data

        monkeypatch.setattr(
            "fsspec.implementations.local.LocalFileOpener.read",
            lambda self, size=-1: Counting(self).read(size),
        )
        (part,) = plan_text(tmp_path / "f")
        lines = iter_text(part)
        assert next(lines) == "one line\n"
        assert sum(taken) <= 2**17
        assert sum(1 for _ in lines) == 499_999

    def test_nothing_stays_open_when_only_some_lines_are_wanted(
        self, folder: Path, opened: Any
    ) -> None:
        lines = iter_text(plan_text(folder / "0.txt")[0])
        assert next(lines) == "0\n"
        del lines
        assert not opened()

    def test_both_ways_to_partition(self, folder: Path) -> None:
        with pytest.raises(ValueError, match="Only one of blocksize or files_per_partition"):
            plan_text(folder / "*.txt", blocksize=5, files_per_partition=2)
        with pytest.raises(ValueError, match="files_per_partition is at least 1; got 0"):
            plan_text(folder / "*.txt", files_per_partition=0)

    def test_bad_arguments_are_errors_before_anything_runs(self, folder: Path) -> None:
        with pytest.raises(LookupError, match="no-such-encoding"):
            plan_text(folder / "*.txt", encoding="no-such-encoding")
        with pytest.raises(LookupError, match="no-such-handler"):
            plan_text(folder / "*.txt", errors="no-such-handler")
        with pytest.raises(TypeError, match=r"linedelimiter is text.*b'\\n'"):
            plan_text(folder / "*.txt", linedelimiter=b"\n")  # type: ignore[arg-type]
        with pytest.raises(FileNotFoundError, match=r"\*\.csv"):
            plan_text(folder / "*.csv")


class TestEncodings:
    TEXT = "häuser\r\n汽车\n\n苹果 ĊਊȊ\nlast"

    @pytest.mark.parametrize(
        "encoding", ["utf-8", "utf-8-sig", "utf-16-le", "utf-16-be", "utf-32-le", "gb18030"]
    )
    def test_in_blocks(self, tmp_path: Path, encoding: str) -> None:
        (tmp_path / "f").write_bytes(self.TEXT.encode(encoding))
        whole = read(tmp_path / "f", encoding=encoding)
        assert whole == ["häuser\n", "汽车\n", "\n", "苹果 ĊਊȊ\n", "last"]
        for blocksize in (2, 5, 9, 1000):
            assert read(tmp_path / "f", encoding=encoding, blocksize=blocksize) == whole

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-7", "iso2022_jp", "hz"])
    def test_those_that_need_the_whole_file(self, tmp_path: Path, encoding: str) -> None:
        (tmp_path / "f").write_bytes("汽\n汽".encode(encoding))
        assert read(tmp_path / "f", encoding=encoding) == ["汽\n", "汽"]
        with pytest.raises(ValueError, match=f"in encoding '{encoding}' .*blocksize=None"):
            plan_text(tmp_path / "f", encoding=encoding, blocksize=10)

    def test_a_delimiter_that_may_be_half_a_character(self, tmp_path: Path) -> None:
        text = "ソ|ソ|"  # its second byte in this encoding is a backslash
        (tmp_path / "f").write_bytes(text.encode("shift_jis"))
        lines = read(tmp_path / "f", encoding="shift_jis", linedelimiter="|")
        assert lines == ["ソ|", "ソ|"]
        with pytest.raises(ValueError, match=r"linedelimiter='\|'.*blocksize=None"):
            plan_text(tmp_path / "f", encoding="shift_jis", linedelimiter="|", blocksize=10)


class TestUndecodable:
    GOOD = b"all is well\n" * 20_000
    DATA = GOOD + b"caf\xe9 au lait\n" + GOOD

    def check(self, error: TextDecodingError, path: Path) -> None:
        assert error.path == str(path)
        assert error.offset == len(self.GOOD) + 3
        assert error.object[error.start : error.end] == b"\xe9"
        assert f"{path}: byte 0xe9 at offset 240003 is not 'utf-8' text" in str(error)
        assert "encoding=" in str(error) and "errors=" in str(error)

    @pytest.mark.parametrize(
        "options", [{}, {"blocksize": 50_000}, {"linedelimiter": "l\n"}, {"linedelimiter": "\n"}]
    )
    def test_is_named_by_file_and_offset(self, tmp_path: Path, options: dict[str, Any]) -> None:
        path = tmp_path / "latin.txt"
        path.write_bytes(self.DATA)
        with pytest.raises(UnicodeDecodeError) as info:
            read(path, **options)
        assert isinstance(info.value, TextDecodingError)
        self.check(info.value, path)

    def test_the_error_travels(self, tmp_path: Path) -> None:
        path = tmp_path / "latin.txt"
        path.write_bytes(self.DATA)
        with pytest.raises(TextDecodingError) as info:
            read(path)
        data = pickle.dumps(info.value)
        assert len(data) < 1000
        self.check(pickle.loads(data), path)

    def test_in_a_compressed_file_the_offset_is_of_the_text(self, tmp_path: Path) -> None:
        path = tmp_path / "latin.txt.gz"
        path.write_bytes(gzip.compress(self.DATA))
        with pytest.raises(TextDecodingError) as info:
            read(path)
        self.check(info.value, path)

    def test_other_handlers(self, tmp_path: Path) -> None:
        (tmp_path / "f").write_bytes(b"Jos\xe9\nAlice")
        assert read(tmp_path / "f", encoding="ascii", errors="ignore") == ["Jos\n", "Alice"]
        assert read(tmp_path / "f", errors="replace", blocksize=2) == ["Jos\ufffd\n", "Alice"]
        assert read(tmp_path / "f", encoding="latin-1") == ["José\n", "Alice"]

    def test_several_bytes_and_bytes_of_no_file(self) -> None:
        with pytest.raises(TextDecodingError, match="unexpected end of data"):
            decode_lines("汽".encode()[:2])
        error = TextDecodingError("utf-8", b"\xe6\xb1", 0, 2, "unexpected end of data")
        error.path, error.offset = "f", 7
        assert "f: bytes 0xe6b1 at offset 7 are not 'utf-8' text" in str(error)

    def test_a_truncated_gzip_file(self, tmp_path: Path) -> None:
        path = tmp_path / "short.txt.gz"
        path.write_bytes(gzip.compress(os.urandom(3000).hex().encode())[:-200])
        with pytest.raises(EOFError, match=f"{path} ends before its gzip data do"):
            read(path, encoding="latin-1")

    def test_a_file_that_shrank_since(self, tmp_path: Path) -> None:
        path = tmp_path / "f"
        path.write_bytes(self.GOOD)
        parts = plan_text(path, blocksize=100_000)
        path.write_bytes(self.GOOD[:130_000])
        with pytest.raises(OSError, match=r"was 240000 bytes long .* plan it again"):
            list(iter_text(parts[1]))


class TestWriting:
    def write(
        self, path: Path, lines: list[Any], last_endline: bool = False, **options: Any
    ) -> bytes:
        written = write_lines(iter(lines), open_file(path, "wt", **options), last_endline)
        assert written == str(path)
        return path.read_bytes()

    def test_lines(self, tmp_path: Path) -> None:
        path = tmp_path / "out.txt"
        assert self.write(path, ["a", "b"]) == b"a\nb"
        assert self.write(path, ["a", "b"], last_endline=True) == b"a\nb\n"
        assert self.write(path, []) == b""
        assert self.write(path, [], last_endline=True) == b""
        assert self.write(path, ["", ""]) == b"\n"

    def test_more_than_are_written_at_once(self, tmp_path: Path) -> None:
        lines = [str(i) for i in range(5000)]
        assert self.write(tmp_path / "f", lines).decode().split("\n") == lines

    def test_encodings_and_bytes(self, tmp_path: Path) -> None:
        lines = ["汽车".encode("gb18030"), "苹果"]
        data = self.write(tmp_path / "f", lines, encoding="gb18030")
        assert data.decode("gb18030") == "汽车\n苹果"

    def test_what_is_no_text_is_named(self, tmp_path: Path) -> None:
        lines = [*map(str, range(2000)), {"a": 1}]
        with pytest.raises(TypeError, match=r"element 2000 of .*/f is dict.*json\.dumps"):
            self.write(tmp_path / "f", lines)

    def test_what_the_encoding_cannot_hold(self, tmp_path: Path) -> None:
        with pytest.raises(UnicodeEncodeError, match=r"while writing .*/f: pass an encoding="):
            self.write(tmp_path / "f", ["a" * 5000 + "é"], encoding="ascii")

    def test_what_is_written_is_read_again(self, tmp_path: Path) -> None:
        targets = open_files(f"{tmp_path}/*.txt.bz2", "wt", "infer", num=12)
        for i, target in enumerate(targets):
            write_lines([str(i), "é"], target, last_endline=True)
        lines = [line for i in range(12) for line in (f"{i}\n", "é\n")]
        assert read(tmp_path / "*.bz2") == lines
