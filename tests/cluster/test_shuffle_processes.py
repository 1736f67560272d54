"""Shuffles between real processes: workers that die or fall silent, and data beyond memory."""

from __future__ import annotations

import importlib
import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import shoal.dataframe as dd
from shoal.distributed import Client, LocalCluster
from shoal.distributed.core import scheduler as core
from shoal.serialize.parts import SHELF

WAIT_S = 120


@pytest.fixture
def client(tmp_path):
    """Two workers of one thread and little memory, which may not be silent for long."""
    with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            memory_limit="300 MB",
            local_directory=str(tmp_path / "workers"),
            dashboard_address=None,
            scheduler_kwargs={"settings": core.Settings(silence_s=1.0)},
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


def rows(part, name, count, width=1):
    rng = np.random.default_rng(part)
    values = {f"{name}{i}": rng.random(count) for i in range(width)}
    return pd.DataFrame({"k": rng.integers(0, 1000, count), **values})


def table(name, parts, count):
    return dd.from_map(rows, range(parts), name=name, count=count)


def held(frame, folder):
    """The first partition that is joined says where, and waits."""
    begun = Path(folder) / "begun"
    try:
        with begun.open("x") as file:
            file.write(str(os.getpid()))
    except FileExistsError:
        return frame
    begun.rename(Path(folder) / "written")
    begun.touch()
    while not (Path(folder) / "go").exists():
        threading.Event().wait(0.01)
    return frame


def read_when_there(path):
    while not path.exists():
        threading.Event().wait(0.01)
    return path.read_text()


@pytest.mark.parametrize("who", ["the one that joins", "the other one"])
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGSTOP])
def test_a_worker_is_lost_in_the_middle(client, tmp_path, sign, who):
    joined = table("x", 8, 500).merge(table("y", 6, 400), on="k")
    future = client.compute(joined.map_partitions(held, str(tmp_path), meta=joined._meta))
    busy = int(read_when_there(tmp_path / "written"))
    pids = set(client.run(os.getpid).values())
    victim = busy if who == "the one that joins" else (pids - {busy}).pop()
    os.kill(victim, sign)
    (tmp_path / "go").touch()
    try:
        got = future.result(timeout=WAIT_S)
    finally:
        if sign == signal.SIGSTOP:
            os.kill(victim, signal.SIGCONT)
    left = pd.concat([rows(i, "x", 500) for i in range(8)])
    right = pd.concat([rows(i, "y", 400) for i in range(6)])
    order = ["k", "x0", "y0"]
    pd.testing.assert_frame_equal(
        got.sort_values(order).reset_index(drop=True),
        left.merge(right, on="k").sort_values(order).reset_index(drop=True),
    )


def stored(_=None):
    return SHELF.stored


def count_and_check(part):
    assert part.index.is_monotonic_increasing
    return pd.Series([len(part)])


def test_parts_beyond_their_share_of_memory_go_to_files(client):
    before = set(client.run(os.getpid).values())
    wide = dd.from_map(rows, range(24), name="x", count=125_000, width=9)
    total = wide.set_index("k").map_partitions(count_and_check, meta=(None, "int64")).sum()
    assert total.compute() == 24 * 125_000
    assert sum(client.run(stored).values()) > 30_000_000
    assert set(client.run(os.getpid).values()) == before


def unique(part, count):
    rng = np.random.default_rng(part)
    values = {f"x{i}": rng.random(count) for i in range(6)}
    return pd.DataFrame({"k": rng.permutation(count) * 16 + part, **values})


def test_nearly_as_many_groups_as_rows_fit_into_little_memory(client):
    # 16 x 40,000 groups, 90 MB with their states of 12 columns: a tree takes several times that.
    before = set(client.run(os.getpid).values())
    groups = dd.from_map(unique, range(16), count=40_000).groupby("k").mean()
    found = groups.compute()
    assert found.index.is_monotonic_increasing and len(found) == 640_000
    wanted = unique(5, 40_000).set_index("k").sort_index()
    pd.testing.assert_frame_equal(found.iloc[5::16], wanted)
    assert set(client.run(os.getpid).values()) == before


def held_at_first(frame, folder):
    """No partition ends before it is told to; each says that it is there."""
    (Path(folder) / f"begun-{os.getpid()}").touch()
    while not (Path(folder) / "go").exists():
        threading.Event().wait(0.01)
    return frame


def shelf():
    """That of the worker's process; what travels by value must not take this one's along."""
    return importlib.import_module("shoal.serialize.parts").SHELF


def store_all():
    """From now on all parts go to files."""
    shelf().limit_bytes = 0


def spoil_parts():
    """Change all that the parts of shuffles have in files."""
    bytes_there = 0
    for arena in list(shelf().arenas):
        os.pwrite(arena.fd, os.urandom(arena.size), 0)
        bytes_there += arena.size
    return bytes_there


def test_parts_in_files_that_are_damaged_are_computed_again(suffer, tmp_path):
    with suffer(n_workers=2) as faulty:
        client = faulty.client
        client.run(store_all)
        moved = table("x", 8, 20_000).shuffle("k", npartitions=8)
        held_there = moved.map_partitions(held_at_first, str(tmp_path), meta=moved._meta)
        future = client.compute(held_there)
        deadline = time.monotonic() + WAIT_S
        while len(list(tmp_path.glob("begun-*"))) < 2:
            assert time.monotonic() < deadline
            threading.Event().wait(0.01)
        assert min(client.run(spoil_parts).values()) > 100_000
        (tmp_path / "go").touch()
        got = future.result(timeout=WAIT_S)
        del future
    pd.testing.assert_frame_equal(
        got.sort_values(["k", "x0"]).reset_index(drop=True),
        pd.concat([rows(i, "x", 20_000) for i in range(8)])
        .sort_values(["k", "x0"])
        .reset_index(drop=True),
    )
