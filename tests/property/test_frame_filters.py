"""Filters that move below joins and moves of rows leave what pandas leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shoal.dataframe as dd
from shoal.dataframe.rules import RULES
from shoal.expr.rewrite import rewrite

KEYS = st.sampled_from([0, 1, 2, 3])
FLOATS = st.sampled_from([0.0, -0.0, 1.5, np.nan])
TEXTS = st.sampled_from(["", "a", "ä", None])

JOINS = ("inner", "left", "right", "outer", "leftsemi")

PREDICATES: dict[str, Callable[[Any], Any]] = {
    "a key": lambda df: df.k > 1,
    "a key that is missing": lambda df: df.s.isna(),
    "a number": lambda df: df.f > 0,
    "several": lambda df: (df.k != 2) & (df.f < 2) & df.s.notna(),
    "one of two": lambda df: (df.k == 1) | (df.f.isna()),
    "sums": lambda df: df.k + df.f > 1,
    "what a zero divides": lambda df: 1 / df.f > 0,
}


@st.composite
def frames(draw: st.DrawFn, columns: str = "ksf", least: int = 0) -> pd.DataFrame:
    size = draw(st.integers(least, 12))
    kinds = {"k": KEYS, "s": TEXTS, "f": FLOATS, "g": FLOATS, "w": KEYS}
    rows = {name: [draw(kinds[name]) for _ in range(size)] for name in columns}
    dtypes = {"k": "int64", "w": "int64", "s": "str", "f": "float64", "g": "float64"}
    return pd.DataFrame({n: pd.Series(rows[n], dtype=dtypes[n]) for n in columns})


def ordered(frame: pd.DataFrame) -> pd.DataFrame:
    keys = frame.assign(**{n: frame[n].astype(str) for n in frame}) if len(frame) else frame
    return frame.loc[keys.reset_index(drop=True).sort_values(list(frame)).index]


def check(found: Any, wanted: pd.DataFrame) -> None:
    got = found.compute(scheduler="sync").reset_index(drop=True)
    one, other = (ordered(x.reset_index(drop=True)) for x in (got, wanted))
    pd.testing.assert_frame_equal(
        one.reset_index(drop=True), other.reset_index(drop=True), check_dtype=False
    )


@pytest.mark.parametrize("how", JOINS)
@given(
    left=frames(),
    right=frames("ksg"),
    on=st.sampled_from([["k"], ["s"], ["k", "s"]]),
    parts=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    name=st.sampled_from([*PREDICATES]),
)
@settings(max_examples=6, deadline=None)
def test_below_a_join(
    how: str, left: pd.DataFrame, right: pd.DataFrame, on: list[str], parts: Any, name: str
) -> None:
    other = right[[*on, "g"]]
    if how == "leftsemi":
        wanted = left[left.index.isin(left.reset_index().merge(other, on=on)["index"])]
    else:
        wanted = left.merge(other, on=on, how=how)
    ours, theirs = (dd.from_pandas(x, n) for x, n in zip((left, other), parts, strict=True))
    joined = ours.merge(theirs, on=on, how=how)
    check(joined[PREDICATES[name](joined)], wanted[PREDICATES[name](wanted)])


@given(left=frames("kf"), right=frames("kf"), how=st.sampled_from(["inner", "left"]))
@settings(max_examples=10, deadline=None)
def test_below_a_join_on_numbers_that_are_equal_and_not_the_same(
    left: pd.DataFrame, right: pd.DataFrame, how: str
) -> None:
    # 0.0 is -0.0 as a key, and 1 divided by them is not.
    right = right.rename(columns={"k": "w"})
    wanted = left.merge(right, on="f", how=how)
    joined = dd.from_pandas(left, 2).merge(dd.from_pandas(right, 2), on="f", how=how)
    check(joined[1 / joined.f > 0], wanted[1 / wanted.f > 0])


MOVES: dict[str, Callable[[Any], Any]] = {
    "shuffle": lambda df: df.shuffle("s"),
    "sort": lambda df: df.sort_values(["f", "k"]),
    "label": lambda df: df.set_index("w"),
    "fewer": lambda df: df.repartition(npartitions=1),
    "more": lambda df: df.repartition(npartitions=5),
    "by divisions": lambda df: df.repartition(divisions=[-9, 0, 2, 99], force=True),
    "below each other": lambda df: dd.concat([df, df.assign(f=df.f * 2)]),
    "below another": lambda df: dd.concat([df, df[["k", "s"]]]),
    "twice": lambda df: df.shuffle("k").sort_values("k").repartition(npartitions=2),
}


def of_pandas(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    if name == "below each other":
        return pd.concat([frame, frame.assign(f=frame.f * 2)])
    if name == "below another":
        return pd.concat([frame, frame[["k", "s"]]])
    return frame.drop(columns="w") if name == "label" else frame


@pytest.mark.parametrize("move", MOVES)
@given(frame=frames("ksfw", least=1), parts=st.integers(1, 4), name=st.sampled_from([*PREDICATES]))
@settings(max_examples=6, deadline=None)
def test_below_a_move(move: str, frame: pd.DataFrame, parts: int, name: str) -> None:
    moved = MOVES[move](dd.from_pandas(frame, parts))
    wanted = of_pandas(move, frame)
    check(moved[PREDICATES[name](moved)], wanted[PREDICATES[name](wanted)])


STEPS: dict[str, Callable[[Any], Any]] = {
    "names": lambda df: df.rename(columns={"k": "s", "s": "f", "f": "k"}).rename(
        columns={"s": "k", "f": "s", "k": "f"}
    ),
    "type": lambda df: df.astype({"w": "float64"}),
    "type of what is read": lambda df: df.astype({"k": "int8"}),
    "values": lambda df: df.fillna({"f": 5.0}),
    "values of others": lambda df: df.fillna({"s": "none"}),
    "without missing": lambda df: df.dropna(),
    "without some missing": lambda df: df.dropna(subset=["s"]),
    "not too many missing": lambda df: df.dropna(thresh=4),
}


@pytest.mark.parametrize("step", STEPS)
@given(frame=frames("ksfw", least=1), parts=st.integers(1, 3), name=st.sampled_from([*PREDICATES]))
@settings(max_examples=6, deadline=None)
def test_through_a_step(step: str, frame: pd.DataFrame, parts: int, name: str) -> None:
    ours, wanted = STEPS[step](dd.from_pandas(frame, parts)), STEPS[step](frame)
    pd.testing.assert_frame_equal(
        ours[PREDICATES[name](ours)].compute(scheduler="sync"), wanted[PREDICATES[name](wanted)]
    )


DISTINCT: dict[str, dict[str, Any]] = {
    "rows": {},
    "by one": {"subset": "k"},
    "by some": {"subset": ["s", "k"], "keep": "last"},
    "by what is equal and not the same": {"subset": ["f"]},
}


@pytest.mark.parametrize("by", DISTINCT)
@given(frame=frames("ksf", least=1), parts=st.integers(1, 3), name=st.sampled_from([*PREDICATES]))
@settings(max_examples=6, deadline=None)
def test_below_distinct_rows(by: str, frame: pd.DataFrame, parts: int, name: str) -> None:
    wanted = frame.drop_duplicates(**DISTINCT[by])
    ours = dd.from_pandas(frame, parts).drop_duplicates(**DISTINCT[by])
    check(ours[PREDICATES[name](ours)], wanted[PREDICATES[name](wanted)])


def rules_used(frame: Any) -> set[str]:
    _, steps = rewrite([frame.expr], RULES)
    return {step.rule for step in steps}


@pytest.mark.parametrize("step", [*STEPS, *DISTINCT])
def test_which_steps_a_filter_passes(step: str) -> None:
    frame = pd.DataFrame({"k": range(8), "s": list("abcdabcd"), "f": np.arange(8.0), "w": range(8)})
    df = dd.from_pandas(frame, 3)
    made = STEPS[step](df) if step in STEPS else df.drop_duplicates(**DISTINCT[step])
    passed = rules_used(made[made.k > 3]) & {"filter_below", "filter_through"}
    assert bool(passed) == (
        step not in ("type of what is read", "by what is equal and not the same")
    )


def moves_a_filter(*frames: Any) -> bool:
    _, steps = rewrite([frame.expr for frame in frames], RULES)
    return "filter_below" in [step.rule for step in steps]


@pytest.mark.parametrize("move", [name for name in MOVES if name != "label"])
def test_the_filter_moves_where_nothing_else_reads_the_rows(move: str) -> None:
    frame = pd.DataFrame({"k": range(8), "s": list("abcdabcd"), "f": np.arange(8.0), "w": range(8)})
    moved = MOVES[move](dd.from_pandas(frame, 3))
    assert moves_a_filter(moved[moved.k > 3])
    assert not moves_a_filter(moved[moved.k > 3], moved[moved.k < 2]) or move == "twice"


def test_a_join_of_one_partition_keeps_the_labels_that_pandas_gives() -> None:
    frame = pd.DataFrame({"k": [1, 2, 2, 3]})
    joined = dd.from_pandas(frame, 1).merge(dd.from_pandas(frame, 1), on="k")
    wanted = frame.merge(frame, on="k")
    pd.testing.assert_frame_equal(joined[joined.k > 1].compute(), wanted[wanted.k > 1])


GROUPED: dict[str, Callable[[Any], Any]] = {
    "keys as columns": lambda df: df.groupby(["k", "s"], sort=False)[["w"]].sum().reset_index(),
    "a series": lambda df: df.groupby("k").w.max().rename("w").reset_index().assign(s="a"),
    "keys that stay columns": lambda df: df.groupby(["k", "s"], as_index=False)[["w"]].count(),
    "missing keys": lambda df: df.groupby(["k", "s"], dropna=False)[["w"]].min().reset_index(),
    "sizes": lambda df: df.groupby(["k", "s"]).size().rename("w").reset_index(),
    "new names and values": lambda df: (
        df.groupby(["k", "s"]).w.agg(["sum", "max"]).rename(columns={"sum": "w"}).reset_index()
    ),
    "all categories": lambda df: (
        df.assign(s=df.s.astype(pd.CategoricalDtype(["", "a", "ä", "b"])))
        .groupby(["k", "s"], observed=False)[["w"]]
        .sum()
        .reset_index()
    ),
}
OF_GROUPS: dict[str, Callable[[Any], Any]] = {
    "a key": lambda df: df.k > 1,
    "missing ones": lambda df: df.s.isna(),
    "one of some": lambda df: df.s.isin(["a", "b"]),
    "a key and a value": lambda df: (df.k != 2) & (df.w > 1) & df.s.notna(),
    "a key or a value": lambda df: (df.k == 1) | (df.w > 2),
}
SEEN: dict[str, Callable[[Any], Any]] = {
    "numbers of rows": lambda df: df,
    "a sum": lambda df: df.w.sum(),
    "groups of groups": lambda df: df.groupby("k").w.sum(),
    "rows for numbers": lambda df: df.w + df.k,
    "a join": lambda df: df.merge(df, on="k").w_x.sum(),
}


@pytest.mark.parametrize("made", GROUPED)
@given(
    frame=frames("ksw", least=1),
    parts=st.integers(1, 3),
    name=st.sampled_from([*OF_GROUPS]),
    end=st.sampled_from([*SEEN]),
)
@settings(max_examples=6, deadline=None)
def test_below_groups(made: str, frame: pd.DataFrame, parts: int, name: str, end: str) -> None:
    def program(df: Any) -> Any:
        groups = GROUPED[made](df)
        return SEEN[end](groups[OF_GROUPS[name](groups)])

    lazy, wanted = program(dd.from_pandas(frame, parts)), program(frame)
    got = lazy.compute(scheduler="sync")
    if isinstance(wanted, pd.DataFrame):
        pd.testing.assert_frame_equal(got, wanted)
    elif isinstance(wanted, pd.Series):
        pd.testing.assert_series_equal(got, wanted)
    else:
        assert got == wanted


@pytest.mark.parametrize("made", GROUPED)
def test_only_where_nobody_sees_numbers_a_filter_moves_below_groups(made: str) -> None:
    frame = pd.DataFrame({"k": [1, 2, 2, 3], "s": list("abab"), "w": [1, 2, 3, 4]})
    groups = GROUPED[made](dd.from_pandas(frame, 2))
    some = groups[groups.k > 1]
    assert ("filter_groups" in rules_used(some.w.sum())) == (made != "all categories")
    assert "filter_groups" not in rules_used(some.w)
    assert "filter_groups" not in rules_used(groups[groups.w > 1].w.sum())
    _, steps = rewrite([some.w.sum().expr, groups.w.sum().expr], RULES)
    assert "filter_groups" not in [step.rule for step in steps]
