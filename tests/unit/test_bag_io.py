"""Bags of files: read as streams, written as streams; what is wrong with a file is said."""

from __future__ import annotations

import gc
import gzip
import http.server
import json
import os
import signal
import threading
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from operator import add
from pathlib import Path
from typing import Any

import pytest

import shoal
import shoal.bag as db
from shoal.errors import AvroSchemaError, NoFilesError, TextDecodingError, WorkerDiedError


@pytest.fixture(autouse=True)
def in_this_thread() -> Iterator[None]:
    with shoal.config.set(scheduler="sync"):
        yield


def lengths(bag: Any) -> list[int]:
    return [len(part) for part in shoal.compute(*bag.to_delayed())]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for name in "ab":
        lines = [json.dumps({"name": name, "n": n}) + "\n" for n in range(4)]
        (tmp_path / f"{name}.json").write_text("".join(lines))
    return tmp_path


# -- reading -----------------------------------------------------------------------------------


def test_read_text(files: Path) -> None:
    bag = db.read_text(str(files / "*.json"))
    assert bag.npartitions == 2
    assert bag.map(json.loads).pluck("n").compute() == [0, 1, 2, 3] * 2
    assert bag.name == db.read_text(str(files / "*.json")).name
    listed = db.read_text([files / "b.json", files / "a.json"]).map(json.loads).pluck("name")
    assert listed.distinct().compute() == ["b", "a"]


def test_read_text_in_blocks(files: Path) -> None:
    whole = db.read_text(str(files / "a.json"))
    for blocksize in (1, 30, "50 B", 10**6):
        assert list(db.read_text(str(files / "a.json"), blocksize=blocksize)) == list(whole)
    assert db.read_text(str(files / "a.json"), blocksize=30).npartitions == 2
    assert lengths(db.read_text(str(files / "*.json"), files_per_partition=2)) == [8]


def test_read_text_with_paths(files: Path) -> None:
    bag = db.read_text(str(files / "*.json"), include_path=True)
    assert [Path(path).name for path in bag.pluck(1).distinct()] == ["a.json", "b.json"]
    assert bag.pluck(0).compute() == db.read_text(str(files / "*.json")).compute()


def test_read_text_as_delayed(files: Path) -> None:
    parts = db.read_text(str(files / "*.json"), collection=False)
    assert [len(part.compute()) for part in parts] == [4, 4]


def test_a_changed_file_is_another_bag(files: Path) -> None:
    path = files / "a.json"
    before = db.read_text(str(path)).name
    path.write_text("other")
    assert db.read_text(str(path)).name != before


def test_lines_end_at_a_delimiter(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("a\nb$$c$$d")
    for blocksize in (None, 2):
        bag = db.read_text(str(tmp_path / "x"), linedelimiter="$$", blocksize=blocksize)
        assert bag.compute() == ["a\nb$$", "c$$", "d"]


def test_no_file(tmp_path: Path) -> None:
    for kind in (FileNotFoundError, ValueError, NoFilesError):
        with pytest.raises(kind, match="no file matches"):
            db.read_text(str(tmp_path / "*.none"))


def test_wrong_encoding(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_bytes(b"Jos\xe9\nAlice")
    with pytest.raises(TextDecodingError, match=r"x\.txt: byte 0xe9 at offset 3"):
        db.read_text(str(tmp_path / "x.txt"), encoding="utf-8").compute()
    read = db.read_text(str(tmp_path / "x.txt"), encoding="ascii", errors="ignore")
    assert read.compute() == ["Jos\n", "Alice"]


def test_a_truncated_gzip_file(tmp_path: Path) -> None:
    whole = gzip.compress(b"line\n" * 10_000)
    (tmp_path / "x.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(EOFError, match=r"x\.gz"):
        db.read_text(str(tmp_path / "x.gz")).count().compute()
    with pytest.raises(ValueError, match="blocksize=None"):
        db.read_text(str(tmp_path / "x.gz"), blocksize=100)


def test_from_url(tmp_path: Path) -> None:
    (tmp_path / "page").write_bytes(b"one\ntwo\n")
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    handler.func.log_message = lambda *args: None  # type: ignore[attr-defined]
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/page"
        assert db.from_url([url, url]).compute() == [b"one\n", b"two\n"] * 2
        assert db.from_url(url).take(1) == (b"one\n",)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# -- writing -----------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["txt", "gz", "bz2"])
def test_to_textfiles(tmp_path: Path, ending: str) -> None:
    bag = db.from_sequence(["abc", "123", "天气"], npartitions=2)
    paths = bag.to_textfiles(str(tmp_path / f"*.{ending}"))
    assert [Path(path).name for path in paths] == [f"0.{ending}", f"1.{ending}"]
    assert db.read_text(str(tmp_path / f"*.{ending}")).str.strip().compute() == list(bag)


def test_names_of_files(tmp_path: Path) -> None:
    bag = db.from_sequence([*"abcdefghijkl"], npartitions=12)
    bag.to_textfiles(str(tmp_path))
    assert sorted(os.listdir(tmp_path))[::11] == ["00.part", "11.part"]
    bag.repartition(2).to_textfiles(str(tmp_path / "x-*"), name_function="mn".__getitem__)
    assert (tmp_path / "x-n").read_text() == "g\nh\ni\nj\nk\nl"
    with pytest.raises(TypeError):
        bag.to_textfiles(5)
    with pytest.raises(ValueError, match="got 1 names for 12"):
        bag.to_textfiles([str(tmp_path / "y")])


def test_the_last_line(tmp_path: Path) -> None:
    bag = db.from_sequence(["a", "b"], npartitions=1)
    for last_endline, wanted in ((False, b"a\nb"), (True, b"a\nb\n")):
        bag.to_textfiles([str(tmp_path / "x")], last_endline=last_endline)
        assert (tmp_path / "x").read_bytes() == wanted


def test_empty_partitions_are_files_too(tmp_path: Path) -> None:
    bag = db.range(4, 4).filter(lambda x: x == 1).map(str)
    bag.to_textfiles(str(tmp_path / "*.txt"))
    assert len(os.listdir(tmp_path)) == 4


def test_writing_later(tmp_path: Path) -> None:
    parts = db.from_sequence(["a", "b"], npartitions=2).to_textfiles(
        str(tmp_path / "*"), compute=False, encoding="gb18030"
    )
    assert os.listdir(tmp_path) == []
    shoal.compute(*parts)
    assert len(os.listdir(tmp_path)) == 2


def test_elements_that_are_no_text(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"element 1 of .*0\.part is int, not text: 1; map\(str\)"):
        db.from_sequence(["a", 1], npartitions=1).to_textfiles(str(tmp_path))


SCHEMA = {"type": "record", "name": "R", "fields": [{"name": "n", "type": "int"}]}


def test_avro(tmp_path: Path) -> None:
    pytest.importorskip("fastavro")
    records = [{"n": n} for n in range(1000)]
    bag = db.from_sequence(records, npartitions=3)
    bag.to_avro(str(tmp_path / "*.avro"), SCHEMA, codec="deflate", sync_interval=100)
    for blocksize in (None, 500):
        read = db.read_avro(str(tmp_path / "*.avro"), blocksize=blocksize)
        assert read.npartitions >= 3
        assert read.compute() == records
    later = bag.to_avro(str(tmp_path / "later-*.avro"), SCHEMA, compute=False)
    assert len(later) == 3
    with pytest.raises(AvroSchemaError):
        bag.to_avro(str(tmp_path / "x*"), {"name": "no record"})


# -- memory ------------------------------------------------------------------------------------


def peak_bytes(run: Callable[[], Any]) -> int:
    gc.collect()
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_text_larger_than_memory_streams(tmp_path: Path) -> None:
    # 19 blocks of 400 kB: ten times (nearly) the size of a block times two workers.
    (tmp_path / "x.txt").write_text(f"{'a' * 49} {'b' * 48}\n" * 80_000)
    bag = db.read_text(str(tmp_path / "x.txt"), blocksize="400 kB")
    assert bag.npartitions == 19
    words = bag.map(str.split).flatten()
    for item in (words.frequencies(), words.filter(str.isupper).count()):
        assert peak_bytes(item.compute) < 800_000
    with shoal.config.set(scheduler="threads", num_workers=2):
        assert peak_bytes(words.frequencies().compute) < 1_600_000
    out = words.map(str.upper)
    assert peak_bytes(lambda: out.to_textfiles(str(tmp_path / "out" / "*"))) < 800_000


def test_take_reads_no_more_of_a_file_than_it_needs(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("some line\n" * 300_000)
    bag = db.read_text(str(tmp_path / "x.txt")).str.strip()
    bag.take(1)
    assert peak_bytes(lambda: bag.take(3)) < 1_000_000


# -- worker processes --------------------------------------------------------------------------


def test_the_default_is_processes(files: Path) -> None:
    pids = db.range(2, 2).map(lambda _: os.getpid())
    with shoal.config.set(scheduler=None, num_workers=2):
        assert os.getpid() not in pids.compute()
        words = db.read_text(str(files / "*.json")).str.split().flatten()
        assert dict(words.frequencies()) == Counter(words.compute(scheduler="sync"))
        groups = dict(db.range(20, 4).groupby(lambda x: x % 3))
        assert groups == {k: list(range(k, 20, 3)) for k in range(3)}
        assert db.range(9, 3).accumulate(add).compute()[-1] == 36
        assert db.range(9, 3).take(4, npartitions=2) == (0, 1, 2, 3)
        unpicklable = db.range(2, 2).map(lambda x: (y for y in range(x)))
        assert unpicklable.compute() == [[], [0]]


def test_what_cannot_travel_is_named() -> None:
    bag = db.range(2, 2).map(lambda _: threading.Lock())
    with pytest.raises(TypeError, match="lock"):
        bag.compute(scheduler="processes", num_workers=2)
    lock = threading.Lock()
    with pytest.raises(TypeError, match="lock"):
        db.range(2, 2).map(lambda x: lock).compute(scheduler="processes", num_workers=2)


def test_a_killed_worker_is_reported(tmp_path: Path) -> None:
    def fall(x: int) -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return x

    with (
        shoal.config.set(temporary_directory=str(tmp_path)),
        pytest.raises(WorkerDiedError, match="SIGKILL"),
    ):
        db.range(4, 2).groupby(fall).compute(scheduler="processes", num_workers=2)
    gc.collect()
    assert os.listdir(tmp_path) == []
