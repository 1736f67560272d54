"""Distinct values and rows that turn out to be many: pieces of keys, and the result of pandas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import shoal
import shoal.dataframe as dd
from shoal import config
from shoal.dataframe.kernels.counts import CutByPlace, JoinedCounts, Places, tally_of
from shoal.distributed import Client, LocalCluster

PARTS, ROWS = 12, 60

VALUES: dict[str, Any] = {
    "integers": lambda rng, n: rng.integers(0, 10 * n, n),
    "floats": lambda rng, n: np.where(rng.random(n) < 0.1, np.nan, rng.integers(-9, 4 * n, n) / 2),
    "texts": lambda rng, n: pd.array([f"key {i}" for i in rng.integers(0, 5 * n, n)], dtype="str"),
    "nullable": lambda rng, n: pd.array(
        np.where(rng.random(n) < 0.1, None, rng.integers(0, 5 * n, n)), dtype="Int64"
    ),
    "moments": lambda rng, n: (
        pd.Timestamp("2026") + pd.to_timedelta(rng.integers(0, 9 * n, n), "D")
    ),
    "objects": lambda rng, n: pd.array(
        [None if i % 7 == 0 else f"t{i}" if i % 2 else int(i) for i in rng.integers(0, 5 * n, n)],
        dtype=object,
    ),
}


def make(part: int, kind: str) -> pd.DataFrame:
    rng = np.random.default_rng(part)
    rows = 0 if part == 3 else ROWS
    frame = pd.DataFrame({"k": VALUES[kind](rng, rows), "y": rng.integers(0, 5, rows)})
    return frame.assign(z=np.where(rng.random(rows) < 0.5, -0.0, 0.0)).set_axis(
        np.arange(rows) + part * ROWS
    )


def both(kind: str) -> tuple[Any, Any]:
    meta = make(0, kind).iloc[:0]
    whole = pd.concat([make(part, kind) for part in range(PARTS)])
    return dd.from_map(make, range(PARTS), kind=kind, meta=meta), whole


def decided(frame: Any) -> str:
    (line,) = [one for one in frame.explain().splitlines() if "last time: " in one]
    return line.split("last time: ")[1]


def assert_same(found: Any, wanted: Any) -> None:
    if isinstance(wanted, pd.DataFrame):
        pd.testing.assert_frame_equal(found, wanted)
    elif isinstance(wanted, pd.Index):
        pd.testing.assert_index_equal(found, wanted)
    elif isinstance(wanted, pd.Series):
        pd.testing.assert_series_equal(found, wanted)
    else:
        assert found == wanted


@pytest.fixture(autouse=True)
def small() -> Any:
    with config.set({"dataframe.replan.group-limit": "4 kiB"}):
        yield


CALLS: dict[str, Any] = {
    "nunique": lambda d: d.k.nunique(),
    "nunique with missing": lambda d: d.k.nunique(dropna=False),
    "nunique of columns": lambda d: d.nunique(),
    "rows": lambda d: d.drop_duplicates(),
    "last rows": lambda d: d.drop_duplicates(subset=["k"], keep="last"),
    "rows of one column": lambda d: d.drop_duplicates(subset="k"),
    "values": lambda d: d.k.drop_duplicates(),
    "counts": lambda d: d.k.value_counts(),
    "few first": lambda d: d.k.value_counts(ascending=True, dropna=False),
    "as they are met": lambda d: d.k.value_counts(sort=False),
    "shares": lambda d: d.k.value_counts(normalize=True),
    "least shares": lambda d: d.k.value_counts(normalize=True, ascending=True),
    "shares as they are met": lambda d: d.k.value_counts(sort=False, normalize=True),
    "counts of rows": lambda d: d[["k", "y"]].value_counts(),
    "labels": lambda d: d.index.unique(),
    "largest count": lambda d: d.k.value_counts().max(),
    "how many values": lambda d: d.k.value_counts().size,
    "common": lambda d: d.k.value_counts().head(4),
}


SOME = ["nunique", "rows", "counts"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [(name, kind) for name in CALLS for kind in VALUES if kind == "objects" or name in SOME],
)
def test_the_result_is_that_of_pandas(name: str, kind: str) -> None:
    frame, whole = both(kind)
    made = CALLS[name](frame)
    found = made if name == "common" else made.compute(scheduler="sync")
    assert_same(found, CALLS[name](whole))
    if name != "common":
        assert "pieces of keys" in decided(made)


@pytest.mark.parametrize("kind", VALUES)
def test_unique_values_stand_as_they_are_met(kind: str) -> None:
    frame, whole = both(kind)
    found = frame.k.unique().compute(scheduler="sync")
    assert_same(found, whole.k.drop_duplicates().reset_index(drop=True))


@pytest.mark.parametrize("ascending", [True, False])
@pytest.mark.parametrize("count", [1, 3, 50])
def test_counts_go_to_partitions_of_equal_size_as_a_stable_sort_has_them(
    ascending: bool, count: int
) -> None:
    rng = np.random.default_rng(count)
    sizes = [7, 0, 30, 1]
    parts = [pd.Series(rng.integers(1, 5, n), index=rng.permutation(n) + 100 * n) for n in sizes]
    told = Places(ascending)([tally_of(part) for part in parts])
    cut = CutByPlace(count, ascending, normalize=False)
    pieces = [cut(part, told.part(i)) for i, part in enumerate(parts)]
    made = [JoinedCounts(ascending)([one.part(i) for one in pieces]) for i in range(count)]
    wanted = pd.concat(parts).sort_values(ascending=ascending, kind="stable")
    assert_same(pd.concat(made), wanted)
    assert {len(one) for one in made} <= {38 // count, -(-38 // count)}


def test_there_is_one_partition_where_that_can_be_seen() -> None:
    frame, whole = both("texts")
    made = frame.drop_duplicates(subset=["k"])
    kept = made.persist(scheduler="sync")
    assert kept.npartitions == made.npartitions == 1
    assert_same(kept.compute(), whole.drop_duplicates(subset=["k"]))
    counted = made.map_partitions(len, meta=(None, "int64")).compute()
    assert counted.tolist() == [whole.k.nunique()]
    counts = frame.k.value_counts(sort=False)
    assert (counts > 0).compute().index.tolist() == whole.k.value_counts(sort=False).index.tolist()


def test_few_values_are_planned_as_they_were() -> None:
    frame, whole = both("integers")
    made = frame.y.nunique()
    with config.set({"dataframe.replan.group-limit": "64 kiB"}):
        assert made.compute(scheduler="sync") == whole.y.nunique()
    assert decided(made).endswith("as planned")


def test_each_partition_is_read_once() -> None:
    read: list[int] = []

    def watched(part: int) -> pd.DataFrame:
        read.append(part)
        return make(part, "integers")

    frame = dd.from_map(watched, range(PARTS), meta=make(0, "integers").iloc[:0])
    frame.drop_duplicates().compute(scheduler="sync")
    assert sorted(read) == list(range(PARTS))


def test_categories_of_all_partitions_are_kept() -> None:
    def labels(part: int) -> pd.DataFrame:
        names = [f"{part} {i}" for i in range(ROWS)]
        return pd.DataFrame({"k": pd.Categorical(names, categories=sorted({*names, "none"}))})

    frame = dd.from_map(labels, range(PARTS), meta=labels(0).iloc[:0])
    found = frame.k.drop_duplicates().compute(scheduler="sync")
    whole = dd.from_map(labels, range(PARTS), meta=labels(0).iloc[:0]).k.compute(scheduler="sync")
    assert_same(found, whole.drop_duplicates())


@pytest.mark.parametrize("count", [2, 40])
def test_pieces_that_were_asked_for_have_what_pandas_takes_for_equal_once(count: int) -> None:
    frame, whole = both("floats")
    zeros = frame.z.unique(split_out=count).compute(scheduler="sync")
    assert zeros.tolist() == [0.0]
    found = frame.drop_duplicates(subset=["k", "z"], split_out=count).compute(scheduler="sync")
    assert_same(found.sort_index(), whole.drop_duplicates(subset=["k", "z"]))
    counts = frame.k.value_counts(split_out=count).compute(scheduler="sync")
    assert_same(counts.sort_index(), whole.k.value_counts().sort_index())


def test_on_a_cluster() -> None:
    frame, whole = both("texts")
    cluster: Any = LocalCluster(n_workers=2, processes=False, dashboard_address=None)
    with cluster, Client(cluster):
        rows = frame.drop_duplicates(subset=["k"])
        counts = frame.k.value_counts(sort=False), frame.k.value_counts(normalize=True)
        found = shoal.compute(rows, frame.k.nunique(), *counts)
    wanted = (
        whole.drop_duplicates(subset=["k"]),
        whole.k.nunique(),
        whole.k.value_counts(sort=False),
        whole.k.value_counts(normalize=True),
    )
    for one, other in zip(found, wanted, strict=True):
        assert_same(one, other)
