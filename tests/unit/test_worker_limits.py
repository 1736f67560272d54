"""How much memory a worker may use: control groups of both versions, and what people write."""

from __future__ import annotations

import pytest

from shoal.distributed.node.limits import memory_limit
from shoal.distributed.node.spec import parse_memory
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


def test_a_limit_is_never_above_the_systems():
    system = system_limit_bytes()
    assert memory_limit(10 * system, 1, 1) == system
    assert memory_limit(0.5, 1, 1) == int(0.5 * system)
    assert memory_limit("auto", 1, 2) == int(system / 2)
