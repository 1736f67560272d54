"""Random programs: a few steps on a frame, and an end; pandas has the last word on the result.

A step is the text of an expression in ``d`` (a frame) and ``o`` (another one); "{n}" and the like
stand for a column drawn from `COLUMNS`.  After "~" the rows may come in any order, and only steps
that do not look at the order follow.  `SEEDS` programs are tried; more with ``PROGRAMS=5000``.
"""

from __future__ import annotations

import os
import random
import re
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest

import shoal
import shoal.dataframe as dd

SEEDS = range(int(os.environ.get("PROGRAMS", "150")))

COLUMNS = {
    "n": ["i", "u", "f", "I"],
    "m": ["i", "u", "f"],
    "k": ["i", "s", "b", "c", "I", "t"],
    "a": ["i", "u", "f", "I", "s", "b", "B", "c", "t"],
    "s": ["s"],
    "h": ["inner", "left", "right", "outer"],
    "r": ["sum", "mean", "min", "max", "count", "std", "nunique"],
}

FILTERS = [
    "d[d['{n}'] > 1]",
    "d[d['{a}'].notna()]",
    "d[d['{k}'].isin([1, 'a', True])]",
    "d[(d['i'] != 2) & ~d['b']]",
    "d[d['s'].str.contains('a').fillna(False)]",
    "d[d['i'] > 99]",
    "d.query('{n} > 1 and not b or s == \"a\"')",
    "d.query('{a} == {a} and {m} >= {m}.mean()')",
]
STEPS = [
    *FILTERS,
    "d.assign(z=d['{n}'] * 2 - d['i'])",
    "d.assign(f=d['{m}'] / d['u'])",
    "d.assign(i=d['i'].shift(1, fill_value=0))",
    "d.assign(f=d['f'].ffill(limit=1))",
    "d.assign(f=d['{m}'].cumsum())",
    "d.assign(c=d['c'].astype('str'))",
    "d.fillna({{'f': 0.5, 's': 'q', 'I': 0}})",
    "d.dropna(subset=['{a}'])",
    "d.eval('f = {m} / u + i')",
    "d.where(d['i'] > 0)",
    "d.head(9, **EVERY)",
    "dd.concat([d, o])",
    "~d.drop_duplicates(subset=['i', 'b'])[['i', 'b']].assign(u=1, f=0.5, s='a', c='x', I=2, t=1)",
    "~d.merge(o[['i', 'f']], on='i', how='{h}', suffixes=('', '_o')).set_index('i', drop=False)",
    "~d.merge(o[['s', 'f']], on='s', how='{h}', suffixes=('', '_o')).set_index('i', drop=False)",
]
ORDERED = [
    "d['{n}'].shift(2)",
    "d['{m}'].diff()",
    "d['{m}'].rolling(3, min_periods=1).sum()",
    "d['{m}'].rolling(2).max()",
    "d['{m}'].expanding().mean()",
    "d['{a}'].ffill()",
    "d['{m}'].cummax()",
    "d.duplicated(subset=['{k}'])",
    "d.nlargest(3, ['i', 'u'])",
    "~d.groupby('{k}', observed=True)['{m}'].cumsum()",
    "~d.groupby('{k}', observed=True)['{m}'].shift()",
    "d.groupby('{k}', observed=True)['{m}'].first()",
    "d.groupby(['{k}', 'b'], observed=True)['{a}'].last()",
    "~d.groupby('{k}', observed=True)[['i', 'f']].head(2)",
    "d['{m}'].rank()",
    "d['{a}'].first_valid_index()",
]
ENDS = [
    "d",
    "d['{a}']",
    "len(d)",
    "d['{n}'].sum()",
    "d['{n}'].mean()",
    "d['{a}'].nunique()",
    "d['{n}'].std()",
    "d[['i', 'f', 'u']].agg(['min', 'max'])",
    "d[['i', 'f']].cov()",
    "d[['i', 'f', 'b']].mean()",
    "~d['{k}'].dropna().value_counts()",
    "~d.groupby('{k}', observed=True).size()",
    "~d.groupby('{k}', dropna=False, observed=True)[['u', 'f']].{r}()",
    "~d.groupby(['{k}', 'b'], observed=True)['u'].{r}()",
    "~d.groupby('i').agg({{'f': ['mean', 'var'], 's': ['count', 'nunique'], 'b': 'any'}})",
    "d['s'].str.upper().str.len()",
    "d['f'].clip(-1, 1).round(1)",
    "d['{n}'].between(0, 2)",
    "d[['i', 'f', 'u']].sum(axis=1)",
    "d['{n}'].map({{1: 10, 2: 20}})",
    "~d.sort_values(['i', 'u'])[['i', 'u']]",
    "~d.melt(id_vars=['i'], value_vars=['u', 'f']).set_index('i')",
]


def frame_of(rng: random.Random, rows: int) -> pd.DataFrame:
    def some(*values: Any) -> list[Any]:
        return rng.choices(values, k=rows)

    frame = pd.DataFrame(
        {
            "i": np.array(some(-1, 0, 1, 2, 3), dtype="int64"),
            "u": np.array(some(1, 2, 200), dtype="uint8"),
            "f": np.array(
                some(0.5, -0.0, np.nan, 2.25, rng.choice([7.5, np.inf])), dtype="float64"
            ),
            "I": pd.array(some(1, 2, None, 5), dtype="Int64"),
            "s": pd.Series(some("a", "b", "ü", "", "A b", None), dtype="str"),
            "b": np.array(some(True, False), dtype=bool),
            "B": pd.array(some(True, False, None), dtype="boolean"),
            "c": pd.Categorical(some("x", "y", None), categories=["z", "y", "x"]),
            "t": pd.to_datetime(some("2024-03-30", "2024-03-31", None)),
        }
    )
    labels = sorted(some(*range(rows))) if rng.random() < 0.5 else list(range(rows))
    return frame.set_axis(pd.Index(labels, dtype="int64", name="id"))


def partitioned(rng: random.Random, frame: pd.DataFrame, folder: Any) -> Any:
    kind = rng.choice(["known", "odd", "files"])
    if kind == "known":
        return dd.from_pandas(frame, npartitions=rng.randint(1, 6))
    cuts = sorted(rng.randint(0, len(frame)) for _ in range(rng.randint(0, 5)))
    parts = [frame.iloc[a:b] for a, b in pairwise([0, *cuts, len(frame)])]
    if kind == "odd":
        return dd.from_map(lambda part: part, parts, meta=frame.iloc[:0])
    for i, part in enumerate(parts):
        part.to_parquet(folder / f"{i:02}.parquet")
    return dd.read_parquet(folder)


def program(rng: random.Random) -> tuple[list[str], bool]:
    steps = [rng.choice(STEPS) for _ in range(rng.choice([0, 1, 1, 2, 3]))]
    loose = any(step.startswith("~") for step in steps)
    while loose and not steps[-1].startswith("~"):
        steps.pop()  # what follows might look at the order
    end = rng.choice(ENDS if loose or rng.random() < 0.6 else ORDERED)
    told = [
        re.sub(r"\{(\w)\}", lambda m: rng.choice(COLUMNS[m[1]]), step).replace("{{", "{")
        for step in [*steps, end]
    ]
    told = [step.replace("}}", "}") for step in told]
    return [step.lstrip("~") for step in told], loose or end.startswith("~")


def run(steps: list[str], frame: Any, other: Any, module: Any) -> Any:
    lazy = module is dd
    for step in steps:
        names = {"d": frame, "o": other, "dd": module, "len": len}
        names["EVERY"] = {"npartitions": -1, "compute": False} if lazy else {}
        frame = eval(step, names)
    return frame.compute(scheduler="sync") if hasattr(frame, "compute") else frame


def compare(got: Any, expected: Any, loose: bool) -> None:
    if not isinstance(expected, pd.DataFrame | pd.Series):
        same = pd.isna(got) if pd.isna(expected) else got == pytest.approx(expected)
        assert same, f"{got!r} instead of {expected!r}"
        return
    if loose:
        got, expected = in_some_order(got), in_some_order(expected)
    check = pd.testing.assert_frame_equal if expected.ndim == 2 else pd.testing.assert_series_equal
    check(got, expected, check_dtype=False, check_categorical=False, check_index_type=False)


def in_some_order(item: Any) -> Any:
    frame = item.to_frame("v") if isinstance(item, pd.Series) else item
    keys = [repr(row) for row in frame.astype(object).where(frame.notna(), None).itertuples()]
    return item.iloc[np.argsort(np.array(keys, dtype=object), kind="stable")] if keys else item


@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore:`meta` is not specified")
@pytest.mark.parametrize("seed", SEEDS)
def test_a_program(seed: int, tmp_path: Any) -> None:
    rng = random.Random(seed)
    frame, other = frame_of(rng, rng.choice([0, 1, 8, 20, 40])), frame_of(rng, 5)
    steps, loose = program(rng)
    try:
        expected = run(steps, frame, other, pd)
    except (TypeError, ValueError, KeyError):
        return  # columns of other dtypes after a step: pandas refuses
    engine = rng.choice(["auto", "pandas", "columnar"])
    with shoal.config.set({"dataframe.engine": engine}):
        lazy = partitioned(rng, frame, tmp_path)
        got = run(steps, lazy, dd.from_pandas(other, npartitions=2, sort=False), dd)
    try:
        compare(got, expected, loose)
    except AssertionError as error:
        error.add_note(f"program {steps} on {len(frame)} rows, engine {engine}")
        raise
