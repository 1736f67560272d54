"""Aggregations whose groups turn out to be many: ranges of keys, and the result that pandas has."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import shoal
import shoal.dataframe as dd
from shoal import config
from shoal.dataframe.kernels.groupcount import expected_bytes, sketch_groups
from shoal.dataframe.kernels.grouporder import RangeOfGroups
from shoal.dataframe.kernels.groups import Aggregate, GroupReducer

PARTS, ROWS = 12, 60

KEYS: dict[str, Any] = {
    "integers": lambda rng, n: rng.integers(0, 10 * n, n),
    "floats": lambda rng, n: np.where(rng.random(n) < 0.1, np.nan, rng.integers(0, 10 * n, n)),
    "texts": lambda rng, n: pd.array([f"key {i}" for i in rng.integers(0, 10 * n, n)], dtype="str"),
    "nullable": lambda rng, n: pd.array(
        np.where(rng.random(n) < 0.1, None, rng.integers(0, 10 * n, n)), dtype="Int64"
    ),
    "moments": lambda rng, n: pd.Timestamp("2026") + pd.to_timedelta(rng.integers(0, n, n), "D"),
    "few": lambda rng, n: rng.integers(0, 3, n),
}


def make(part: int, kind: str) -> pd.DataFrame:
    rng = np.random.default_rng(part)
    rows = 0 if part == 3 else ROWS
    x = np.where(rng.random(rows) < 0.2, np.nan, rng.integers(-9, 9, rows))
    frame = pd.DataFrame({"x": x, "y": rng.integers(0, 5, rows), "z": rng.integers(0, 99, rows)})
    frame.insert(0, "k", KEYS[kind](rng, rows))
    return frame


def both(kind: str) -> tuple[dd.DataFrame, pd.DataFrame]:
    meta = make(0, kind).iloc[:0]
    whole = pd.concat([make(part, kind) for part in range(PARTS)], ignore_index=True)
    return dd.from_map(make, range(PARTS), kind=kind, meta=meta), whole


def decided(frame: Any) -> str:
    (line,) = [one for one in frame.explain().splitlines() if "last time: " in one]
    return line.split("last time: ")[1]


@pytest.fixture(autouse=True)
def small() -> Any:
    with config.set({"dataframe.replan.group-limit": "4 kiB"}):
        yield


@pytest.mark.parametrize("dropna", [True, False])
@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("by", [["k"], ["k", "y"], ["y", "k"]], ids="-".join)
def test_the_result_is_that_of_pandas(kind: str, by: list[str], dropna: bool) -> None:
    frame, whole = both(kind)
    functions = {"x": ["sum", "mean", "std", "first", "count"], "z": ["max", "nunique", "size"]}
    if "y" not in by:
        functions["y"] = ["min", "prod"]
    made = frame.groupby(by, dropna=dropna).agg(functions)
    wanted = whole.groupby(by, dropna=dropna).agg(functions)
    pd.testing.assert_frame_equal(made.compute(), wanted, check_freq=False)
    assert "12 partitions announce" in decided(made)


def test_many_groups_are_made_in_ranges() -> None:
    frame, whole = both("integers")
    made = frame.groupby("k").x.sum()
    assert "open: ranges of keys" in made.explain()
    (found,) = shoal.compute(made, optimize_graph=True)
    pd.testing.assert_series_equal(found, whole.groupby("k").x.sum())
    assert "ranges of keys" in decided(made)
    few, whole = both("few")
    made = few.groupby("k").x.sum()
    pd.testing.assert_series_equal(made.compute(), whole.groupby("k").x.sum())
    assert decided(made).endswith("as planned")


def test_there_is_one_partition_where_that_can_be_seen() -> None:
    frame, whole = both("texts")
    made = frame.groupby("k").z.sum()
    kept = made.persist(scheduler="sync")
    assert kept.npartitions == made.npartitions == 1
    pd.testing.assert_series_equal(kept.compute(), whole.groupby("k").z.sum())
    counted = made.map_partitions(len, meta=(None, "int64")).compute()
    assert counted.tolist() == [whole.k.nunique()]
    largest = made.nlargest(3).compute().tolist()
    assert largest == whole.groupby("k").z.sum().nlargest(3).tolist()


def test_the_order_in_which_groups_are_met_is_planned_as_it_was() -> None:
    frame, whole = both("integers")
    made = frame.groupby("k", sort=False)[["x"]].sum()
    assert "ranges of keys" not in made.explain()
    pd.testing.assert_frame_equal(made.compute(), whole.groupby("k", sort=False)[["x"]].sum())


@pytest.mark.parametrize("kind", ["integers", "texts", "nullable"])
@pytest.mark.parametrize("by", ["k", ["k", "y"]], ids="-".join)
def test_keys_as_columns_beside_numbered_rows(kind: str, by: Any) -> None:
    frame, whole = both(kind)
    made = frame.groupby(by, as_index=False)[["x", "z"]].sum()
    wanted = whole.groupby(by, as_index=False)[["x", "z"]].sum()
    pd.testing.assert_frame_equal(made.compute(), wanted)
    assert "ranges of keys" in decided(made)
    total = made.z.sum().compute()
    assert total == wanted.z.sum()


def mixed(part: int) -> pd.DataFrame:
    rng = np.random.default_rng(part)
    numbers = rng.integers(0, 10 * ROWS, ROWS)
    keys = [f"key {n}" if n % 3 == part % 2 else None if n % 7 == 0 else int(n) for n in numbers]
    keys = [str(key) for key in keys] if part == 4 else keys
    keys = numbers.tolist() if part == 5 else keys
    return pd.DataFrame({"k": pd.Series(keys, dtype=object), "x": 1})


@pytest.mark.parametrize("dropna", [True, False])
def test_texts_come_after_numbers(dropna: bool) -> None:
    frame = dd.from_map(mixed, range(PARTS), meta=mixed(0).iloc[:0])
    whole = pd.concat([mixed(part) for part in range(PARTS)], ignore_index=True)
    made = frame.groupby("k", dropna=dropna).x.sum()
    wanted = whole.groupby("k", dropna=dropna).x.sum()
    pd.testing.assert_series_equal(made.compute(), wanted)
    assert "ranges of keys" in decided(made)


def test_a_partition_may_have_keys_of_a_kind_that_no_sample_has() -> None:
    state = GroupReducer(("k",), (Aggregate("x", "sum"),), None, "x").partial(mixed(0))
    none = pd.Index([], dtype=object)
    for bounds, part, kind in [((pd.Index([9]), none), 1, str), ((none, pd.Index(["k"])), 0, int)]:
        keys = RangeOfGroups(2)(state, bounds).part(part).atoms.index
        assert {key for key in state.atoms.index if isinstance(key, kind)} <= set(keys)


def test_each_partition_is_read_once() -> None:
    read: list[int] = []

    def watched(part: int) -> pd.DataFrame:
        read.append(part)
        return make(part, "integers")

    frame = dd.from_map(watched, range(PARTS), meta=make(0, "integers").iloc[:0])
    made = frame.groupby("k").x.sum()
    made.compute(scheduler="sync")
    assert sorted(read) == list(range(PARTS))


@pytest.mark.parametrize(
    ("keys", "factor"),
    [
        pytest.param(lambda rng, n: rng.integers(0, 10**9, n), 1.05, id="unique"),
        pytest.param(lambda rng, n: rng.integers(0, 30_000, n), 3, id="even"),
        pytest.param(lambda rng, n: rng.zipf(1.3, n), 3, id="skewed"),
        pytest.param(lambda rng, n: rng.integers(0, 7, n), 1.05, id="few"),
    ],
)
def test_a_few_partitions_tell_how_many_groups_there_are(keys: Any, factor: float) -> None:
    reducer = GroupReducer(("k",), (Aggregate("x", "sum"),), None, "x")
    frames = [
        pd.DataFrame({"k": keys(np.random.default_rng(part), 10_000), "x": 1.0})
        for part in range(40)
    ]
    states = [reducer.partial(frame) for frame in frames]
    true = sketch_groups(reducer.combine(states)).nbytes
    for first in (2, 5, 16):
        told = expected_bytes([sketch_groups(state) for state in states[:first]], 40)
        assert true / factor < told < true * factor
