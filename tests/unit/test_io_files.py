"""Names, patterns and opening."""

from __future__ import annotations

import gzip
import os
import pickle
import zipfile
from pathlib import Path

import pytest
from fsspec.core import OpenFile

from shoal.io.compression import compress, named_compression
from shoal.io.files import (
    expand_names,
    get_fs_token_paths,
    open_binary,
    open_file,
    open_files,
    resolve_paths,
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("b.txt", "a.txt", "10.txt", "2.txt"):
        Path(name).write_text(name)
    Path("sub.txt").mkdir()
    return tmp_path


def names(paths: list[str]) -> list[str]:
    return [os.path.basename(path) for path in paths]


class TestResolving:
    def test_a_pattern_gives_files_in_lexical_order(self, folder: Path) -> None:
        _, paths = resolve_paths("*.txt")
        assert names(paths) == ["10.txt", "2.txt", "a.txt", "b.txt"]
        assert all(os.path.isabs(path) for path in paths)

    def test_a_list_keeps_its_order(self, folder: Path) -> None:
        _, paths = resolve_paths(["b.txt", Path("a.txt"), "[0-9].txt", "1*.txt"])
        assert names(paths) == ["b.txt", "a.txt", "2.txt", "10.txt"]

    @pytest.mark.parametrize("url", ["file://{}/a*.txt", "{}/a.txt", "{}/[a-z].txt"])
    def test_urls_and_absolute_paths(self, folder: Path, url: str) -> None:
        _, paths = resolve_paths(url.format(folder))
        assert paths[0] == f"{folder}/a.txt"

    def test_a_name_with_brackets_is_that_file(self, folder: Path) -> None:
        Path("a[1].txt").write_text("")
        _, paths = resolve_paths("a[1].txt")
        assert names(paths) == ["a[1].txt"]

    @pytest.mark.parametrize("pattern", ["nothing*.txt", "nothing?.txt", ["nothing*", "none*"]])
    def test_nothing_matches(self, folder: Path, pattern: str) -> None:
        with pytest.raises(FileNotFoundError, match=r"no file matches .relative to ") as info:
            resolve_paths(pattern)
        assert "nothing" in str(info.value)
        assert str(folder) in str(info.value)

    def test_one_of_several_patterns_matches_nothing(self, folder: Path) -> None:
        with pytest.warns(UserWarning, match=r"no file matches 'c\*'"):
            _, paths = resolve_paths(["a*", "c*"])
        assert names(paths) == ["a.txt"]

    @pytest.mark.parametrize("bad", [{"a", "b"}, {"a": 1}, 5, None, [5], b"a"])
    def test_what_is_no_path(self, bad: object) -> None:
        with pytest.raises(TypeError, match="a path is text or"):
            resolve_paths(bad)  # type: ignore[arg-type]

    def test_no_paths(self) -> None:
        with pytest.raises(ValueError, match="empty list"):
            resolve_paths([])

    def test_several_file_systems(self) -> None:
        with pytest.raises(ValueError, match="several file systems"):
            resolve_paths(["memory://a", "file:///a"])

    def test_an_unknown_protocol(self) -> None:
        with pytest.raises(ValueError, match="nosuch"):
            resolve_paths("nosuch://a")

    def test_chained_urls(self, folder: Path) -> None:
        with zipfile.ZipFile("all.zip", "w") as archive:
            archive.writestr("x.csv", "1")
            archive.writestr("y.csv", "2")
        with open_files("zip://*.csv::all.zip", "rt")[1] as file:
            assert file.read() == "2"

    def test_the_form_with_a_token(self, folder: Path) -> None:
        fs, token, paths = get_fs_token_paths("[ab].txt")
        assert names(paths) == ["a.txt", "b.txt"]
        assert token == get_fs_token_paths("a.txt")[1]
        assert fs.exists(paths[0])


class TestNamesToWrite:
    def test_numbers_sort(self) -> None:
        made = expand_names("out-*.txt", 11)
        assert made[:2] == ["out-00.txt", "out-01.txt"]
        assert made == sorted(made)

    def test_a_folder_gets_parts(self) -> None:
        assert expand_names(Path("out"), 2) == ["out/0.part", "out/1.part"]
        assert expand_names("s3://bucket/out/", 1) == ["s3://bucket/out/0.part"]

    def test_names_in_another_order_are_warned_of(self) -> None:
        with pytest.warns(UserWarning, match="do not sort as the partitions do"):
            assert expand_names("*.txt", 11, str)[10] == "10.txt"

    def test_two_stars(self) -> None:
        with pytest.raises(ValueError, match="one '\\*'"):
            expand_names("a/*/*.txt", 2)

    def test_a_list_of_another_length(self) -> None:
        with pytest.raises(ValueError, match="got 1 names for 2 files"):
            expand_names(["a"], 2)

    def test_a_name_twice(self) -> None:
        with pytest.raises(ValueError, match=r"'same\.txt' is named for more than one"):
            expand_names("*.txt", 2, lambda i: "same")
        with pytest.raises(ValueError, match="'a' is named for more than one"):
            expand_names(["a", "a"], 2)

    def test_no_path(self) -> None:
        with pytest.raises(TypeError, match="got int: 5"):
            expand_names(5, 1)  # type: ignore[arg-type]


class TestOpening:
    @pytest.mark.parametrize("codec", [None, "gzip", "bz2", "xz", "zip"])
    @pytest.mark.parametrize("mode", ["rb", "rt"])
    def test_what_compress_makes_is_read(self, tmp_path: Path, codec: str, mode: str) -> None:
        (tmp_path / "file").write_bytes(compress[codec]("né\n".encode()))
        with open_files(tmp_path / "file", mode, codec)[0] as file:
            assert file.read() == ("né\n" if mode == "rt" else "né\n".encode())

    def test_files_are_written_each_in_its_folder(self, tmp_path: Path) -> None:
        targets = open_files(f"{tmp_path}/a/b/*.gz", "wt", "infer", num=2, encoding="utf-16")
        for i, target in enumerate(targets):
            with target as file:
                file.write(f"é{i}")
        assert gzip.decompress((tmp_path / "a/b/1.gz").read_bytes()).decode("utf-16") == "é1"

    def test_they_pickle(self, folder: Path) -> None:
        (target,) = pickle.loads(pickle.dumps(open_files("a.txt", "rt")))
        assert isinstance(target, OpenFile)
        with target as file:
            assert file.read() == "a.txt"

    def test_one_file_is_named_as_it_stands(self, tmp_path: Path) -> None:
        with open_file(tmp_path / "new/a*.txt", "wt") as file:
            file.write("star")
        assert (tmp_path / "new/a*.txt").read_text() == "star"
        with open_file(tmp_path / "new/a*.txt", "rt") as file:
            assert file.read() == "star"
        with pytest.raises(TypeError, match="one path"):
            open_file(["a"])  # type: ignore[arg-type]

    def test_an_unknown_codec_lists_the_known(self, folder: Path) -> None:
        for urlpath in ("a.txt", "*.txt"):
            with pytest.raises(ValueError, match=r"'gz' is not known; known are 'bz2', 'gzip', "):
                open_files(urlpath, compression="gz")

    def test_endings(self) -> None:
        found = {
            name: named_compression("infer", name)
            for name in ("a.gz", "a.BZ2", "a.xz", "a.zip", "a.txt", "a", "s3://b.gz/a")
        }
        assert found == {
            "a.gz": "gzip",
            "a.BZ2": "bz2",
            "a.xz": "xz",
            "a.zip": "zip",
            "a.txt": None,
            "a": None,
            "s3://b.gz/a": None,
        }

    def test_a_zip_of_several_files_says_what_it_leaves_out(self, folder: Path) -> None:
        with zipfile.ZipFile("all.zip", "w") as archive:
            archive.writestr("x.csv", "1")
            archive.writestr("y.csv", "2")
        fs, (path,) = resolve_paths("all.zip")
        with (
            pytest.warns(UserWarning, match=r"holds 2 files .* only the first, 'x\.csv'"),
            open_binary(fs, path, "zip") as file,
        ):
            assert file.read() == b"1"
