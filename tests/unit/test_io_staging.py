"""Files that take their names when all are there, also where tasks run twice."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pandas as pd
import pyarrow.parquet as pq
import pytest

import shoal.dataframe as dd
from shoal.io.staging import Staged, new_mark, publish, record_of, staged, staged_name

FRAME = pd.DataFrame({"x": range(6), "k": list("aabbcc")})


@pytest.mark.parametrize("protocol", ["file", "memory"])
def test_names_are_given_again_where_the_first_time_was_broken_off(
    protocol: str, tmp_path: Path
) -> None:
    fs, mark, files = fsspec.filesystem(protocol), new_mark(), []
    for name in ("a", "b", "old"):
        path = f"{tmp_path}/{name}"
        fs.makedirs(str(tmp_path), exist_ok=True)
        with staged(fs, path, mark) as temporary:
            fs.pipe_file(temporary, name.encode())
        files.append(Staged(staged_name(path, mark), path, len(name)))
    publish(fs, files[2:])
    fs.mv(*files[0][:2])  # and the worker is lost
    for _ in range(2):
        publish(fs, files[:2], replaced=[files[2].name])
    found = sorted(name.rsplit("/", 1)[1] for name in fs.find(str(tmp_path)))
    assert found == ["a", "b"] and fs.cat_file(files[1].name) == b"b"
    # Another file of this name is none of theirs.
    with pytest.raises(FileNotFoundError):
        publish(fs, [files[0]._replace(size=9)])


def test_an_attempt_that_goes_on_too_long_changes_nothing(tmp_path: Path) -> None:
    fs, path, mark = fsspec.filesystem("file"), f"{tmp_path}/a", new_mark()
    killed = staged(fs, path, mark)
    Path(killed.__enter__()).write_text("o")
    slow = staged(fs, path, mark)
    with open(slow.__enter__(), "w") as file:
        file.write("one ")
        file.flush()
        with staged(fs, path, mark) as other:
            Path(other).write_text("one two")
        publish(fs, [Staged(staged_name(path, mark), path, 7)])
        file.write("three")
    with pytest.raises(FileNotFoundError):  # which nobody waits for any more
        slow.__exit__(None, None, None)
    assert os.listdir(tmp_path) == ["a"] and Path(path).read_text() == "one two"
    # Nor does it change what the next write does.
    with staged(fs, path, later := new_mark()) as other:
        Path(other).write_text("anew")
    publish(fs, [Staged(staged_name(path, later), path, 4)])
    assert Path(path).read_text() == "anew"


WRITES: dict[str, Callable[[Any, str], object]] = {
    "parquet": lambda df, to: df.to_parquet(to),
    "parquet in folders": lambda df, to: df.to_parquet(to, partition_on="k"),
    "orc": lambda df, to: df.to_orc(to),
    "csv": lambda df, to: df.to_csv(f"{to}/*.csv"),
    "one csv": lambda df, to: df.to_csv(f"{to}/t.csv", single_file=True),
    "json": lambda df, to: df.to_json(f"{to}/*.json"),
}


@pytest.mark.parametrize("kind", [*WRITES])
def test_a_write_leaves_its_files_or_none(kind: str, tmp_path: Path) -> None:
    def fail(part: Any) -> Any:
        if part.x.max() > 4:
            raise RuntimeError("on purpose")
        return part

    frame = dd.from_pandas(FRAME, 3)
    with pytest.raises(RuntimeError, match="on purpose"):
        WRITES[kind](frame.map_partitions(fail, meta=FRAME), str(tmp_path))
    assert [name for _, _, names in os.walk(tmp_path) for name in names] == []
    WRITES[kind](frame, str(tmp_path))
    found = [name for _, _, names in os.walk(tmp_path) for name in names]
    assert len(found) == (1 if kind == "one csv" else 3) and not any(n[0] == "." for n in found)


class Killed(BaseException):
    """The process is no more."""


def killing(monkeypatch: pytest.MonkeyPatch, protocol: str, after: int) -> list[str]:
    """Nothing of a file system changes after so many changes; gives those that there were."""
    kind, done = fsspec.get_filesystem_class(protocol), list[str]()

    def dying(name: str, change: Callable[..., Any]) -> Callable[..., Any]:
        def changed(*args: Any, **kwargs: Any) -> Any:
            if len(done) >= after:
                raise Killed
            done.append(name)
            return change(*args, **kwargs)

        return changed

    for name in ("mv", "rm", "pipe_file", "rm_file"):
        monkeypatch.setattr(kind, name, dying(name, getattr(kind, name)))
    return done


TO_PARQUET: dict[str, dict[str, Any]] = {
    "overwrite": {"overwrite": True},
    "append": {"append": True, "ignore_divisions": True},
    "folders": {"overwrite": True, "partition_on": "k"},
}


@pytest.mark.parametrize(
    ("write", "protocol"), [*((write, "file") for write in TO_PARQUET), ("overwrite", "memory")]
)
def test_killed_while_files_take_their_names_a_folder_has_all_of_them_or_none(
    write: str, protocol: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options, more = TO_PARQUET[write], {"partition_on": "k"} if write == "folders" else {}
    old, new = FRAME.assign(x=FRAME.x + 100), FRAME
    wanted = {False: sorted(old.x), True: sorted([*new.x, *(old.x if write == "append" else ())])}

    def rows(path: str) -> list[int]:
        return sorted(dd.read_parquet(path).x.compute(scheduler="sync").tolist())

    def put(frame: pd.DataFrame, parts: int, path: str, **told: Any) -> None:
        lazy = dd.from_pandas(frame, npartitions=parts)
        lazy.to_parquet(path, compute_kwargs={"scheduler": "sync"}, **told)

    outcomes = []
    for after in range(100):
        path = f"{protocol}://{tmp_path}/{after}"
        put(old, 3, path, **more)
        with monkeypatch.context() as patch:
            done = killing(patch, protocol, after)
            try:
                put(new, 2, path, **options)
            except Killed:
                assert len(done) == after
            else:
                break
        found = rows(path)
        outcomes.append(found == wanted[True])
        assert found == wanted[outcomes[-1]], (after, done)
        put(new, 2, path, **options)
        last = [*new.x, *found] if write == "append" else [*new.x]
        assert rows(path) == sorted(last)
        fs, folder = fsspec.core.url_to_fs(path)
        assert not [name for name in fs.find(folder) if name.endswith(".json")]
    assert outcomes == sorted(outcomes) and {*outcomes} == {False, True}


def test_names_that_cannot_be_given_leave_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dd.from_pandas(FRAME, npartitions=2).to_parquet(tmp_path)

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise PermissionError("not here")

    with monkeypatch.context() as patch:
        patch.setattr(fsspec.get_filesystem_class("file"), "mv", refuse)
        with pytest.raises(PermissionError, match="not here"):
            dd.from_pandas(FRAME * 2, npartitions=2).to_parquet(tmp_path, overwrite=True)
    assert sorted(os.listdir(tmp_path)) == ["part.0.parquet", "part.1.parquet"]
    assert dd.read_parquet(tmp_path).x.sum().compute() == 15


def test_footers_that_were_added_are_not_added_again(tmp_path: Path) -> None:
    lazy = dd.from_pandas(FRAME, npartitions=2)
    lazy.to_parquet(tmp_path, write_metadata_file=True)
    begun = lazy.to_parquet(tmp_path, append=True, ignore_divisions=True, compute=False)
    for _ in range(2):  # the worker was lost when it had ended
        begun.compute(scheduler="sync")
    assert pq.read_metadata(tmp_path / "_metadata").num_rows == 12


@pytest.mark.parametrize("left", ["cut", "gone", "elsewhere"])
def test_a_record_that_is_odd_stops_nobody_and_removes_nothing_else(
    left: str, tmp_path: Path
) -> None:
    folder, precious = tmp_path / "data", tmp_path / "precious"
    precious.write_text("mine")
    lazy = dd.from_pandas(FRAME, npartitions=2)
    lazy.to_parquet(folder)
    names: list[Any] = [[f".part.{i}.parquet.3f.tmp", f"part.{i}.parquet", 5] for i in range(2)]
    told = {"files": names, "removed": ["../precious"] if left == "elsewhere" else []}
    record = Path(record_of(str(folder), "3f"))
    record.write_text(json.dumps(told)[: 20 if left == "cut" else None])
    if left == "elsewhere":
        with pytest.raises(ValueError, match=r"outside of its folder; remove the record"):
            dd.read_parquet(folder)
        with pytest.raises(ValueError, match=r"'\.\./precious'"):
            lazy.to_parquet(folder, overwrite=True)
        assert precious.read_text() == "mine"
        return
    # Files that were written again since, by whomever, are those that there are.
    assert dd.read_parquet(folder).x.sum().compute() == 15
    lazy.to_parquet(folder, append=True, ignore_divisions=True)
    assert dd.read_parquet(folder).x.sum().compute() == 30 and not record.exists()
