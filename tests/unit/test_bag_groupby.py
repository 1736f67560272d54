"""Group-by: the same groups through files and through tasks, in bounded memory, leaving nothing."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import gc
import os
import pathlib
import pickle
import subprocess
import sys
import threading
import tracemalloc
import uuid
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import shoal
import shoal.bag as db
from shoal.bag.shuffle import disk, spill
from shoal.bag.shuffle.hashing import hash_key
from shoal.bag.shuffle.spill import SegmentReader, SegmentWriter, SpillDirectory
from shoal.errors import ExecutorError
from shoal.local import threads

UTC = datetime.UTC


@pytest.fixture(autouse=True)
def in_this_thread(tmp_path: Path) -> Iterator[None]:
    with shoal.config.set(scheduler="sync", temporary_directory=str(tmp_path)):
        yield
        let_threads_leave()
        gc.collect()
        assert list(tmp_path.iterdir()) == []


def let_threads_leave() -> None:
    """A run is answered a moment before its threads have let go of it: each takes something new."""
    for pool in list(threads._pools.values()):
        count = pool._max_workers
        barrier = threading.Barrier(count + 1)
        for _ in range(count):
            pool.submit(barrier.wait, 30)
        barrier.wait(60)


def odd(x: int) -> int:
    return x % 2


def serial(elements: Any, grouper: Any) -> dict[Any, list[Any]]:
    groups = defaultdict(list)
    for element in elements:
        groups[grouper(element)].append(element)
    return dict(groups)


# -- groups ------------------------------------------------------------------------------------


@pytest.mark.parametrize("shuffle", ["disk", "tasks"])
@pytest.mark.parametrize(("n", "npartitions", "groups"), [(100, 1, 50), (1000, 20, 100), (7, 7, 1)])
def test_groups_are_those_of_plain_python(
    shuffle: str, n: int, npartitions: int, groups: int
) -> None:
    bag = db.range(n, npartitions)

    def grouper(x: int) -> int:
        return x % groups

    made = bag.groupby(grouper, shuffle=shuffle)
    assert made.npartitions == npartitions
    result = made.compute()
    assert dict(result) == serial(range(n), grouper)
    assert len(result) == groups


@pytest.mark.parametrize("shuffle", ["disk", "tasks"])
def test_number_of_partitions(shuffle: str) -> None:
    for npartitions in (1, 3, 40):
        made = db.range(60, 7).groupby(lambda x: x % 10, npartitions=npartitions, shuffle=shuffle)
        assert made.npartitions == npartitions
        assert dict(made) == serial(range(60), lambda x: x % 10)


@pytest.mark.parametrize("in_memory", ["1 GB", 0])
@pytest.mark.parametrize(("inputs", "outputs"), [(1, 9), (9, 1), (20, 7), (33, 33)])
def test_tasks_in_memory_and_in_files(in_memory: object, inputs: int, outputs: int) -> None:
    made = db.range(200, inputs).groupby(
        lambda x: x % 50, npartitions=outputs, max_branch=3, shuffle="tasks"
    )
    with shoal.config.set({"shuffle-memory": in_memory}):
        assert dict(made.compute(scheduler="threads")) == serial(range(200), lambda x: x % 50)
    parts = shoal.compute(*made.to_delayed())
    assert len({key for part in parts for key, _ in part}) == sum(map(len, parts))


def test_tasks_are_fewer_than_pairs_of_partitions() -> None:
    made = db.range(1000, 100).groupby(odd, shuffle="tasks")
    assert len(made.dask) < 100**2 / 3


def test_by_what_to_look_up() -> None:
    bag = db.from_sequence([{"k": "a", "v": 1}, {"k": "b", "v": 2}, {"k": "a", "v": 3}])
    assert {key: [r["v"] for r in group] for key, group in bag.groupby("k")} == {
        "a": [1, 3],
        "b": [2],
    }


@pytest.mark.parametrize("shuffle", ["disk", "tasks"])
def test_equal_keys_of_different_types_are_one_group(shuffle: str) -> None:
    keys = [1, 1.0, True, Fraction(1), Decimal(1), np.int64(1), np.float32(1), np.True_, 1 + 0j]
    bag = db.from_sequence(keys, npartitions=len(keys))
    ((_, group),) = bag.groupby(lambda key: key, shuffle=shuffle).compute()
    assert len(group) == len(keys)


def test_a_result_computed_twice_is_the_same() -> None:
    made = db.range(30, 3).groupby(odd)
    assert list(made) == list(made)
    assert shoal.compute(made.count(), made.map(len).sum()) == (2, 4)


def test_groups_of_a_shared_source_are_not_changed() -> None:
    bag = db.range(30, 3)
    made = bag.groupby(odd, shuffle="tasks")
    sums, lists = shoal.compute(
        made.map(lambda kv: (kv[0], sum(kv[1]))), made, optimize_graph=False
    )
    assert dict(sums) == {key: sum(group) for key, group in lists}


@pytest.mark.parametrize("scheduler", ["threads", "processes"])
@pytest.mark.parametrize("shuffle", ["disk", "tasks"])
def test_other_executors(scheduler: str, shuffle: str) -> None:
    words = ["a", "b", "c", None, ("a", 1), "a", None, ("a", 1)] * 5
    made = db.from_sequence(words, npartitions=8).groupby(lambda word: word, shuffle=shuffle)
    result = made.compute(scheduler=scheduler, num_workers=2)
    assert len(result) == 5
    assert dict(result) == serial(words, lambda word: word)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"npartitions": 0}, "npartitions"),
        ({"max_branch": 1, "shuffle": "tasks"}, "max_branch"),
        ({"shuffle": "p2p"}, "'disk' or 'tasks', got 'p2p'"),
    ],
)
def test_refusals(options: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        db.range(10, 2).groupby(odd, **options)


def test_the_old_name_of_shuffle() -> None:
    with pytest.raises(TypeError, match="shuffle='tasks'"):
        db.range(10, 2).groupby(odd, method="tasks")


def test_the_setting_decides_where_nothing_is_said() -> None:
    bag = db.range(10, 2)
    with shoal.config.set(shuffle="tasks"):
        assert bag.groupby(odd).name == bag.groupby(odd, shuffle="tasks").name
    assert bag.groupby(odd).name == bag.groupby(odd, shuffle="disk").name


@pytest.mark.parametrize("shuffle", ["disk", "tasks"])
def test_unhashable_groups(shuffle: str) -> None:
    with pytest.raises(TypeError, match=r"got a list .*\[1\]; return a number, text or tuple"):
        db.from_sequence([1]).groupby(lambda x: [x], shuffle=shuffle).compute()


def test_the_users_own_error_stays_what_it_is() -> None:
    with pytest.raises(TypeError, match=r"^can only concatenate"):
        db.from_sequence(["a"]).groupby(lambda x: x + 1).compute()


# -- hashes ------------------------------------------------------------------------------------


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Level(enum.IntEnum):
    LOW = 1


class Access(enum.Flag):
    READ = 1
    WRITE = 2


@dataclasses.dataclass(frozen=True)
class Point:
    x: int
    label: str | None = None
    note: str = dataclasses.field(default="", compare=False)


class Pair(tuple):
    pass


class Own:
    def __init__(self, name: str) -> None:
        self.name = name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Own) and other.name.lower() == self.name.lower()

    def __hash__(self) -> int:
        return hash(self.name.lower())


KEYS = [
    "text",
    "snow \u2603 \ud800",
    b"bytes",
    12345678901234567890,
    -1,
    -2,
    1.5,
    float("inf"),
    2 + 3j,
    None,
    ...,
    (1, "a", (None,)),
    frozenset(["a", "b", "c"]),
    Decimal("1.5"),
    Fraction(1, 3),
    datetime.datetime(2020, 1, 2, 3, 4),
    datetime.datetime(2020, 1, 2, 3, 4, tzinfo=UTC),
    datetime.date(2020, 1, 2),
    datetime.time(3, 4),
    datetime.timedelta(days=1),
    uuid.UUID(int=5),
    pathlib.PurePosixPath("/a/b"),
    Colour.RED,
    Level.LOW,
    Access.READ | Access.WRITE,
    Point(1),
    Point(1, "a"),
    Own("A"),
    int,
    len,
    np.int8(3),
    np.str_("text"),
    np.longdouble(1.5),
    (0, 1, 2),
]


def test_hashes_are_the_same_in_processes_that_hash_differently() -> None:
    program = (
        "import sys, pickle\n"
        "path, keys = pickle.load(sys.stdin.buffer)\n"
        "sys.path[:] = path\n"
        "from shoal.bag.shuffle.hashing import hash_key\n"
        "print([hash_key(key) for key in pickle.loads(keys)])\n"
    )
    plain = [key for key in KEYS if type(key).__module__ != __name__]
    sent = pickle.dumps((sys.path, pickle.dumps(plain)))
    answers = []
    for seed in ("1", "2"):
        env = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", program], input=sent, env=env, capture_output=True, check=True
        )
        answers.append(done.stdout)
    assert answers[0] == answers[1]
    assert eval(answers[0]) == [hash_key(key) for key in plain]


def test_hashes_follow_equality() -> None:
    east = datetime.timezone(datetime.timedelta(hours=2))
    equal = [
        (1, 1.0, True, Level.LOW, np.uint8(1), Decimal("1.00")),
        (0.0, -0.0, 0, False),
        ("text", np.str_("text")),
        ((1, "a"), (1.0, "a"), Pair((1, "a"))),
        (frozenset("abc"), frozenset("cba")),
        (b"ab", np.bytes_(b"ab")),
        (Point(1, "a"), Point(1, "a", note="other")),
        (Own("A"), Own("a")),
        (
            datetime.datetime(2020, 1, 1, 12, tzinfo=UTC),
            datetime.datetime(2020, 1, 1, 14, tzinfo=east),
        ),
        (pathlib.PurePosixPath("a"), pathlib.Path("a")),
    ]
    for keys in equal:
        assert len(set(keys)) == 1
        assert len({hash_key(key) for key in keys}) == 1, keys


def test_hashes_spread() -> None:
    for keys in (
        range(10_000),
        [f"w{i}" for i in range(10_000)],
        [(i, None) for i in range(10_000)],
    ):
        counts = [0] * 100
        for key in keys:
            counts[hash_key(key) * 100 >> 64] += 1
        assert 50 < min(counts) and max(counts) < 160
    assert len({hash_key(key) for key in KEYS}) >= len(set(KEYS)) - 4


def test_a_hash_of_ones_own_is_trusted_only_where_processes_agree(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Other(Own):
        pass

    monkeypatch.setenv("PYTHONHASHSEED", "random")
    assert hash_key(Other("a")) == hash_key(Other("b"))


class Lonely:
    pass


def test_keys_that_are_compared_by_identity_are_refused() -> None:
    with pytest.raises(TypeError, match=r"'Lonely' objects are compared by identity.*__eq__"):
        db.from_sequence([1]).groupby(lambda x: Lonely()).compute()
    with pytest.raises(TypeError, match="unhashable type: 'list'"):
        hash_key((1, [2]))


# -- files -------------------------------------------------------------------------------------


def test_files_are_gone_after_an_error(tmp_path: Path) -> None:
    def fail(x: int) -> int:
        if x == 25:
            assert any(tmp_path.rglob("*"))
            raise RuntimeError("stop")
        return x % 2

    with pytest.raises(RuntimeError, match="stop"):
        db.range(30, 3).groupby(fail).compute()


def test_files_are_gone_at_the_end_of_a_program(tmp_path: Path) -> None:
    program = (
        "import shoal.bag as db, shoal, sys\n"
        f"shoal.config.set(scheduler='sync', temporary_directory={str(tmp_path)!r})\n"
        "plan = shoal.collection.make_plan(db.range(9, 3).groupby(abs))\n"
        "shoal.local.sync.run_sync(plan)\n"
        f"print(len(__import__('os').listdir({str(tmp_path)!r})))\n"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("1\n", "")


def test_spilled_files_that_are_gone() -> None:
    with pytest.raises(ExecutorError, match="shuffle='tasks'"):
        list(disk.collect_groups(SpillDirectory(), ["no such file"], (0, 1)))


def test_a_directory_that_cannot_be_written() -> None:
    with (
        shoal.config.set(temporary_directory="/proc/none"),
        pytest.raises(OSError) as failed,
    ):
        db.range(3, 1).groupby(odd).compute()
    assert any("temporary-directory" in note for note in failed.value.__notes__)


def test_what_pickle_cannot_do_by_name() -> None:
    made = db.range(4, 2).map(lambda x: lambda: x).groupby(lambda f: f() % 2)
    assert {key: [f() for f in group] for key, group in made} == {0: [0, 2], 1: [1, 3]}


def test_arrays_come_back_writable() -> None:
    made = db.range(4, 2).map(lambda x: np.full(10_000, x)).groupby(lambda a: int(a[0]) % 2)
    for _, group in made:
        group[0][:] = 7


def test_runs_and_ranges_of_buckets() -> None:
    directory = SpillDirectory()
    names = []
    for part in range(2):
        with SegmentWriter(directory, 5) as writer:
            for run in range(3):
                writer.write_run([[((part, run), [b])] * (b % 3) for b in range(5)])
            names.append(writer.name)
    reader = SegmentReader(directory, names)
    sizes = reader.sizes(0, 5)
    assert (sizes[0], sizes[3]) == (0, 0)
    assert reader.sizes(2, 4) == sizes[2:4]
    found = [pair for segment in reader.read(1, 3) for pair in segment]
    assert found == [((part, run), [b]) for part in range(2) for run in range(3) for b in (1, 2, 2)]


# -- memory ------------------------------------------------------------------------------------


def peak_bytes(run: Any) -> int:
    gc.collect()
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_is_bounded_by_what_is_collected_and_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "RUN_BYTES", 200_000)
    monkeypatch.setattr(disk, "MERGE_BYTES", 50_000)
    monkeypatch.setattr(disk, "LEAST_BUCKETS", 1)
    # 8 MB in one partition and one bucket, which is cut again, and again.
    bag = db.range(40_000, 1).map(lambda x: (x, str(x) * 30))
    made = bag.groupby(lambda pair: pair[0] // 4).map(lambda kv: len(kv[1]))
    counts: list[Any] = []
    peak = peak_bytes(lambda: counts.extend(made.frequencies()))
    assert counts == [(4, 10_000)]
    assert peak < 2_500_000


def test_one_group_larger_than_what_is_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "MERGE_BYTES", 1_000)
    assert dict(db.range(20_000, 2).groupby(lambda x: 0)) == {0: list(range(20_000))}
    many = db.range(20_000, 2).groupby(lambda x: x % 7)
    assert dict(many) == serial(range(20_000), lambda x: x % 7)


def test_a_reader_opens_only_the_files_that_have_something_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Many partitions with one key each: as many files are opened as are needed, not the square."""
    opened: list[str] = []
    original = spill.open_spilled
    monkeypatch.setattr(spill, "open_spilled", lambda path: opened.append(path) or original(path))
    n = 40
    bag = db.from_sequence([(i, "value") for i in range(n)], npartitions=n)
    groups = bag.groupby(lambda pair: pair[0], shuffle="disk").compute(scheduler="sync")
    assert sorted(key for key, _ in groups) == list(range(n))
    # The index once a partition, and each file for its size and for its content.
    assert len(opened) <= n + 2 * n


@pytest.mark.parametrize("shuffle", ["disk", "tasks"])
def test_a_moment_that_is_missing_is_a_key(shuffle: str) -> None:
    pd = pytest.importorskip("pandas")
    bag = db.from_sequence([pd.NaT, pd.Timestamp("2020"), pd.NaT, pd.Timestamp("2020")], 1)
    groups = bag.groupby(lambda moment: moment, shuffle=shuffle).compute(scheduler="sync")
    assert max(len(group) for _, group in groups) == 2
    assert len([key for key, _ in groups if key == key]) == 1
