"""Many partitions with few rows: they are put together before rows are moved between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import shoal
import shoal.dataframe as dd
from shoal.dataframe.nodes.sizes import most_bytes
from shoal.dataframe.rules.gather_small import gathered
from shoal.expr.node import Held
from shoal.local.callbacks import Callback

COUNT = 40
ROWS = 120


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "k": rng.integers(0, 7, ROWS),
            "i": rng.integers(-5, 5, ROWS),
            "x": np.where(rng.random(ROWS) < 0.1, np.nan, rng.integers(0, 90, ROWS)),
            "s": rng.choice(["a", "ü", "longer", None], ROWS),
            "c": pd.Categorical(rng.choice(list("pqr"), ROWS), list("rqp")),
            "t": pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(rng.permutation(ROWS), "h"),
        },
        index=np.sort(rng.integers(0, ROWS - 20, ROWS)),
    )


def ordered(df: Any, by: Any, **options: Any) -> Any:
    return df.sort_values(by, **options, **({"kind": "stable"} if is_pandas(df) else {}))


def is_pandas(df: Any) -> bool:
    return isinstance(df, pd.DataFrame)


WAYS: dict[str, Callable[[Any], Any]] = {
    "sort_values": lambda df: ordered(df, "t"),
    "sort_values, missing first": lambda df: ordered(df, ["x", "k"], na_position="first"),
    "sort_values down": lambda df: ordered(df, "x", ascending=False),
    "sort_values by categories": lambda df: ordered(df, "c").c,
    "set_index": lambda df: df.set_index("t").sort_index(),
    "cumsum": lambda df: df.groupby("k").x.cumsum(),
    "shift": lambda df: df.groupby(["k", "s"]).shift(),
    "transform": lambda df: df.groupby("c", observed=True)[["x"]].transform("sum"),
    "head": lambda df: df.groupby("k").head(2),
    "duplicated": lambda df: df[["k", "s"]].duplicated(),
    "made of columns": lambda df: ordered(df[df.x > 3].assign(z=2), "t"),
    "with what is computed": lambda df: ordered(df.assign(z=df.x - df.x.mean()), "t").z,
}


@pytest.mark.parametrize("name", WAYS)
def test_results_are_those_of_pandas(name: str) -> None:
    data = frame()
    want = WAYS[name](data)
    equal = pd.testing.assert_series_equal if want.ndim == 1 else pd.testing.assert_frame_equal
    df = dd.from_pandas(data, npartitions=COUNT)
    with shoal.config.set(scheduler="sync"):
        equal(WAYS[name](df).compute(), want)
        held = WAYS[name](df.persist())
        kept = held.persist()
        equal(kept.compute(), want)
    assert kept.npartitions == held.npartitions


def tasks_of(lazy: Any) -> int:
    count = 0

    class Counting(Callback):
        def posttask(self, *args: Any) -> None:
            nonlocal count
            count += 1

    with Counting():
        lazy.compute(scheduler="sync")
    return count


def test_there_are_no_more_tasks_and_pieces_than_partitions_ask_for() -> None:
    df = dd.from_pandas(frame(), npartitions=COUNT)
    for lazy in (df.sort_values("t"), df.shuffle("k"), df.groupby("k").x.cumsum()):
        assert tasks_of(lazy) <= 3 * lazy.npartitions


def test_results_of_several_partitions_are_moved_as_they_are() -> None:
    data = frame()
    df = dd.from_pandas(data, npartitions=COUNT)
    with shoal.config.set(scheduler="sync"):
        counts = df.s.value_counts(split_out=20).compute()
        sums = df.groupby("k").i.sum(split_out=20).compute()
        rows = df[["k", "c"]].drop_duplicates(split_out=20).compute()
    assert counts.to_dict() == data.s.value_counts().to_dict()
    assert sums.to_dict() == data.groupby("k").i.sum().to_dict()
    assert sorted(map(tuple, rows.values)) == sorted(
        map(tuple, data[["k", "c"]].drop_duplicates().values)
    )


def test_what_may_be_large_stays_as_it_is() -> None:
    df = dd.from_pandas(frame(), npartitions=COUNT)
    assert gathered(df.expr, COUNT).npartitions == 1
    with shoal.config.set({"dataframe.replan.small-partition": "1 kB"}):
        assert 1 < gathered(df.expr, COUNT).npartitions < COUNT // 2
    with shoal.config.set({"dataframe.replan.small-partition": "100 B"}):
        assert gathered(df.expr, COUNT) is df.expr
    with shoal.config.set({"dataframe.replan.enabled": False}):
        assert gathered(df.expr, COUNT) is df.expr
    objects = df.assign(k=df.k.astype(object))
    assert gathered(objects.expr, COUNT) is objects.expr
    unknown = df.map_partitions(lambda part: part)
    assert most_bytes(unknown.expr) is None
    assert gathered(unknown.expr, COUNT) is unknown.expr


def test_what_stands_for_partitions_elsewhere_has_no_known_size() -> None:
    df = dd.from_pandas(frame(), npartitions=COUNT).persist(scheduler="sync")
    elsewhere = df.expr.replace(blocks=Held((object(),) * COUNT))
    assert most_bytes(df.expr) is not None
    assert most_bytes(elsewhere) is None
    assert gathered(elsewhere, COUNT) is elsewhere
