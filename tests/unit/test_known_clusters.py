"""Clusters that this user started: found by address, swept when their process is gone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from shoal.distributed.net import Security
from shoal.distributed.node import known


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path / "shoal"


def test_other_processes_find_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    security = Security.new()
    known.remember_known("tcp://127.0.0.1:1", security)
    # As another process of the same user would look for it.
    monkeypatch.setattr(known, "_known", {})
    found = known.find_known("tcp://127.0.0.1:1")
    assert found is not None
    assert found.security == security
    assert found.loop is None
    (path,) = folder.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    known.forget_known("tcp://127.0.0.1:1")
    assert not list(folder.iterdir())


def test_what_dead_processes_left_is_swept(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    dead = tmp_path / f"shoal-cluster-{gone.pid}-abc"
    alive = tmp_path / f"shoal-cluster-{os.getpid()}-abc"
    other = tmp_path / "shoal-cluster-of-somebody"
    for path in (dead, alive, other):
        path.mkdir()
    (dead / "scheduler").touch()
    assert known.sweep(tmp_path, "shoal-cluster-*-*") == [dead]
    assert sorted(tmp_path.iterdir()) == sorted([alive, other])


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel")
def test_processes_of_another_container_are_not_counted_as_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    here = known.numbered_by()
    with monkeypatch.context() as other:
        other.setattr(known.os, "readlink", lambda path: "pid:[1]")
        there = known.numbered_by()
    assert there != here
    # It has the same host's name, and its process, which runs, a number that is free here.
    live = tmp_path / f"shoal-worker-{there}-{gone.pid}-abc"
    live.mkdir()
    known.own_folder("worker", str(tmp_path))
    assert live.exists()


def test_a_new_folder_takes_the_place_of_what_the_dead_have_left(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    mine = Path(known.own_folder("worker", str(tmp_path)))
    kind, host, _, _ = mine.name.removeprefix("shoal-").split("-")
    left = tmp_path / f"shoal-worker-{host}-{gone.pid}-abc"
    elsewhere = tmp_path / f"shoal-worker-other-{gone.pid}-abc"
    for path in (left, elsewhere):
        path.mkdir()
    (left / "spilled").touch()
    second = Path(known.own_folder(kind, str(tmp_path)))
    # The folder may be shared: of processes on other hosts nothing is known.
    assert sorted(tmp_path.iterdir()) == sorted([mine, second, elsewhere])
    assert second.stat().st_mode & 0o777 == 0o700
    deep = tmp_path / "not" / "there"
    assert Path(known.own_folder("worker", str(deep))).parent == deep
