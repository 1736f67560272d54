"""Groups as pandas has them: in the order of their keys, and rows where they were."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pandas as pd
import pytest

import shoal.dataframe as dd

rng = np.random.default_rng(3)
ROWS = 37
FRAME = pd.DataFrame(
    {
        "k": rng.choice(["a", "b", "ü", None], ROWS),
        "m": rng.integers(0, 3, ROWS),
        "x": rng.choice([1.0, 2, np.nan, 5], ROWS),
        "y": rng.permutation(ROWS),
    },
    index=np.sort(rng.integers(0, 20, ROWS)),
)
METHODS = """
g.x.cumsum()
g[["x", "y"]].cummax()
g.y.cumcount()
g.y.cumcount(ascending=False)
g.x.shift(1)
g.x.ffill()
g.x.bfill(limit=1)
g.x.rank()
g.x.diff()
g.y.pct_change()
g.x.transform("sum")
g.y.transform(lambda s: s - s.mean())
g.head(2)
g.tail(1)
g.x.head(1)
g.nth(1)
g.filter(lambda f: len(f) > 8)
g.ngroup()
g.ngroup(ascending=False)
g.x.median()
g[["x", "y"]].median()
g.x.quantile(0.3)
g.y.nlargest(2)
g.y.unique()
g.x.idxmax()
g[["x", "y"]].cov()
g[["x", "y"]].corr()
g.x.skew()
g.x.agg(lambda s: s.max())
g.y.is_monotonic_increasing
""".strip().splitlines()


def check(got: Any, expected: Any) -> None:
    if isinstance(expected, pd.DataFrame):
        pd.testing.assert_frame_equal(got, expected)
    else:
        pd.testing.assert_series_equal(got, expected)


@pytest.mark.filterwarnings("ignore:`meta` is not specified")
@pytest.mark.parametrize(
    ("by", "options"),
    [
        ("k", {"dropna": False}),
        ("m", {"sort": False}),
        ("k", {"as_index": False}),
        (["k", "m"], {}),
    ],
    ids=str,
)
def test_as_pandas(by: Any, options: Any) -> None:
    whole = FRAME.groupby(by, **options)
    parts = dd.from_pandas(FRAME, 3).groupby(by, **options)
    for text in METHODS:
        try:
            expected = eval(text, {"g": whole})
        except (TypeError, ValueError, AttributeError):
            continue  # pandas itself does not do this with these options
        check(eval(text, {"g": parts}).compute(scheduler="sync"), expected)


def test_what_is_computed_by_group_stands_beside_the_frame() -> None:
    df = dd.from_pandas(FRAME, 4)
    total = df.groupby("k").x.cumsum()
    assert total.divisions == df.divisions
    got = df.assign(total=total, least=df.groupby("m").y.transform("min"))
    expected = FRAME.assign(
        total=FRAME.groupby("k").x.cumsum(), least=FRAME.groupby("m").y.transform("min")
    )
    check(got.compute(), expected)
    check(
        (df.y - df.groupby(df.m % 2).y.shift(1)).compute(),
        FRAME.y - FRAME.groupby(FRAME.m % 2).y.shift(1),
    )


@pytest.mark.parametrize("count", [2, 9])
@pytest.mark.parametrize("by", ["k", "y", ["m", "k"], "c"], ids=str)
def test_several_partitions_in_the_order_of_the_keys(by: Any, count: int) -> None:
    frame = FRAME.assign(c=pd.Categorical(FRAME.k, categories=["ü", "b", "a"]))
    df = dd.from_pandas(frame, 4)
    for func in ("sum", "nunique"):
        parts = getattr(df.groupby(by, dropna=False).x, func)(split_out=count)
        assert parts.npartitions == count
        check(parts.compute(), getattr(frame.groupby(by, dropna=False).x, func)())


def test_all_categories_of_whole_groups() -> None:
    frame = FRAME.assign(k=FRAME.k.astype("category"))
    df = dd.from_pandas(frame, 3)
    for observed in (True, False):
        check(
            df.groupby("k", observed=observed).x.median().compute(),
            frame.groupby("k", observed=observed).x.median(),
        )
    with pytest.raises(NotImplementedError, match="use sort=True"):
        df.groupby("k", observed=False, sort=False).x.describe()


def test_a_method_of_groups_as_an_aggregation():
    frame = pd.DataFrame({"k": [1, 1, 2, 2, 2], "x": [1.0, 2.0, 3.0, 5.0, 9.0]})
    df = dd.from_pandas(frame, npartitions=2)
    grouping = type(df.groupby("k"))
    out = df.groupby("k").agg(z=("x", functools.partial(grouping.var, ddof=0)))
    want = frame.groupby("k").agg(z=("x", functools.partial(np.var, ddof=0)))
    pd.testing.assert_frame_equal(out.compute(scheduler="sync"), want)
