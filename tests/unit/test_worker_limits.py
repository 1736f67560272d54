"""How much memory a worker may use: control groups of both versions, and what people write."""

from __future__ import annotations

import pytest

from shoal.distributed.node.limits import memory_limit
from shoal.distributed.node.spec import WorkerSpec, parse_memory
from shoal.memory import group_limits, system_limit_bytes

GIB = 1 << 30


def tree(tmp_path, cgroup, files):
    proc = tmp_path / "proc"
    proc.mkdir()
    (proc / "cgroup").write_text(cgroup)
    root = tmp_path / "root"
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root, proc


def test_version_2_of_the_own_group_and_those_above(tmp_path):
    root, proc = tree(
        tmp_path,
        "0::/a/b\n",
        {"a/b/memory.max": "max\n", "a/memory.max": f"{2 * GIB}\n", "a/b/memory.high": f"{GIB}\n"},
    )
    assert sorted(group_limits(root, proc)) == [GIB, 2 * GIB]


def test_version_1(tmp_path):
    root, proc = tree(
        tmp_path,
        "4:memory:/job\n3:cpuset:/\n",
        {
            "memory/memory.limit_in_bytes": "9223372036854771712\n",
            "memory/job/memory.limit_in_bytes": f"{GIB}\n",
        },
    )
    assert group_limits(root, proc) == [GIB]


def test_inside_of_a_container_the_root_is_the_own_group(tmp_path):
    root, proc = tree(tmp_path, "0::/\n", {"memory.max": f"{GIB}\n"})
    assert group_limits(root, proc) == [GIB]
    assert system_limit_bytes(root, proc) <= GIB


def test_no_groups_at_all(tmp_path):
    assert group_limits(tmp_path, tmp_path / "nothing") == []


@pytest.mark.parametrize(
    ("wanted", "parsed"),
    [
        ("auto", None),
        (None, 0),
        (0, 0),
        (0.5, 0.5),
        ("0.5", 0.5),
        ("1 GiB", GIB),
        (GIB, GIB),
        (2e9, 2_000_000_000),
        ("1000000", 1_000_000),
    ],
)
def test_limits_as_people_write_them(wanted, parsed):
    assert parse_memory(wanted) == parsed


def test_what_is_no_limit():
    with pytest.raises(ValueError, match="a memory limit is bytes"):
        parse_memory([])
    for less_than_none in (-5, "-5", "-1 GB", float("nan"), float("inf")):
        with pytest.raises(ValueError, match="a memory limit is bytes"):
            parse_memory(less_than_none)


def test_a_limit_is_never_above_the_systems():
    system = system_limit_bytes()
    assert memory_limit(10 * system, 1, 1) == system
    assert memory_limit(0.5, 1, 1) == int(0.5 * system)
    assert memory_limit("auto", 1, 2) == int(system / 2)


@pytest.mark.parametrize(
    "fields, kind, said",
    [
        ({"nthreads": 1.5}, TypeError, "whole number of threads; got 1.5"),
        ({"nthreads": 0}, ValueError, "at least one thread; got 0"),
        ({"memory_limit": -1}, ValueError, "a memory limit is bytes"),
        ({"resources": ["GPU"]}, TypeError, r"a dictionary such as \{'GPU': 2\}; got \['GPU'\]"),
        ({"resources": {"GPU": "two"}}, TypeError, "got 'two' for 'GPU'"),
        ({"resources": {"GPU": -1}}, ValueError, "0 or more; got -1 of 'GPU'"),
        ({"executors": "io"}, TypeError, "executors of a worker is a dictionary"),
        ({"env": "A=1"}, TypeError, "env of a worker is a dictionary"),
    ],
)
def test_what_no_worker_can_be_like_is_refused_where_it_is_said(fields, kind, said):
    with pytest.raises(kind, match=said):
        WorkerSpec("a", "inproc://s", **fields)
