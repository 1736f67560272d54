"""What `explain` says of frames: rows and bytes, known or guessed, and which kernel, and why."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import shoal
import shoal.dataframe as dd
from shoal.dataframe.nodes.cardinality import Guesses

ROWS = 400
FRAME = pd.DataFrame(
    {"k": np.arange(ROWS) % 50, "s": ["a", "b"] * (ROWS // 2), "p": np.arange(ROWS) / ROWS}
)
OTHER = pd.DataFrame({"k": range(50), "w": range(50)})


@pytest.fixture(params=["memory", "files"])
def df(request: Any, tmp_path: Path) -> Any:
    held = dd.from_pandas(FRAME, 4)
    if request.param == "memory":
        return held
    held.to_parquet(str(tmp_path), write_index=False)
    return dd.read_parquet(str(tmp_path))


def line_of(frame: Any, name: str, section: int = 0) -> str:
    """The first line of a section that begins with a name."""
    with shoal.config.set({"dataframe.engine": "pandas"}):
        lines = frame.explain().split("\n\n")[section].splitlines()
    return next(line for line in lines if line.strip(" ├└─│").startswith(name))


def test_joins_and_what_stands_on_them_have_guesses(df: Any) -> None:
    joined = df.merge(dd.from_pandas(OTHER, 2), on="k", broadcast=False)
    assert "~400 rows, 18.75 kiB" in line_of(joined, "Join(inner")
    assert "~400 rows, 18.75 kiB" in line_of(joined, "merge", 1)
    assert "~400 rows, 6.25 kiB" in line_of((joined.p * 2).to_frame().assign(q=1.5), "Assign")
    assert "~201 rows" in line_of(joined[joined.p < 0.5], "Filter")
    half = df[df.p < 0.5].merge(dd.from_pandas(OTHER, 2), on="k", how="left")
    assert "~201 rows" in line_of(half, "Join(left")
    semi = df.merge(dd.from_pandas(OTHER, 2), on="k", how="leftsemi")
    assert "~400 rows, 15.62 kiB" in line_of(semi, "Join(leftsemi")


def test_reductions_have_guesses(df: Any) -> None:
    by_number, by_text = df.groupby("k").p.sum(), df.groupby("s").p.sum()
    for section, name in ((0, "Reduce("), (1, "Tree(")):
        assert "~50 rows, 400 B" in line_of(by_number, name, section)
        # How many texts there are nobody knows.
        assert "at most 400 rows, 3.12 kiB" in line_of(by_text, name, section)
        assert "at most 400 rows" in line_of(df.drop_duplicates(), name, section)
        assert "1 value" in line_of(df.p.sum(), name, section)
        assert "~2 rows, 16 B" in line_of(df[["k", "p"]].sum(), name, section)
        assert "~3 rows" in line_of(df.nlargest(3, "p"), name, section)
    assert "at most 400 rows" in line_of(by_text + 1, "add")
    joined = df.merge(dd.from_pandas(OTHER, 2), on="k", broadcast=False)
    assert "at most ~400 rows" in line_of(joined.groupby("s").w.sum(), "Reduce(")
    assert "~50 rows" in line_of(df.groupby("k").p.sum(split_out=2), "SortedExchange", 1)
    assert re.search("[)]  4 blocks +4 tasks", line_of(by_number, "Stage", 1))


def test_guesses_go_through_what_keeps_or_puts_together_rows(df: Any) -> None:
    joined = df.merge(dd.from_pandas(OTHER, 2), on="k", broadcast=False)
    assert "~800 rows" in line_of(dd.concat([joined, joined]), "Concat")
    assert "~400 rows" in line_of(joined.repartition(npartitions=1), "Repartition")
    assert "~400 rows" in line_of(joined.sort_values("p"), "Sort")
    assert "~200 rows" in line_of(joined.partitions[:2], "Select")
    assert "~3 rows" in line_of(joined.head(3, compute=False), "MapPartitions(head", 1)


def test_a_long_chain_is_no_recursion() -> None:
    column = dd.from_pandas(FRAME, 2).merge(OTHER, on="k").w
    for _ in range(2000):
        column = column + 1
    assert Guesses().rows(column.expr) == 400


def test_each_stage_names_its_kernel_and_the_reason(df: Any) -> None:
    some = df[df.p > 0.5]
    pipeline = some.assign(q=some.p * 2)[["k", "q"]]
    assert "pandas: dataframe.engine is 'pandas'" in line_of(pipeline, "Stage", 1)
    total = df.p.sum()
    assert "pandas: dataframe.engine is 'pandas'" in line_of(total, "Stage", 1)
    pytest.importorskip("polars")
    told = df.p.sum().explain().split("\n\n")[1]
    from_files = "ReadParquet" in told
    kernel = "4 tasks  columnar  <-" if from_files else "pandas: partitions in memory"
    assert kernel in pipeline.explain()
    then = pipeline.assign(d=pipeline.q.round(1)).explain()
    assert ("columnar, then pandas: method round" in then) == from_files
    assert ("1 task  columnar" in told) == from_files
    assert ("pandas: no columnar FromPandas" in told) != from_files
    refused = "sum of a frame" if from_files else "no columnar"
    assert f"pandas: {refused}" in df[["p"]].sum().explain()


def test_a_picture_has_rows_bytes_and_kernel_in_each_box(df: Any, tmp_path: Path) -> None:
    joined = df.merge(dd.from_pandas(OTHER, 2), on="k").groupby("k").p.sum()
    with shoal.config.set({"dataframe.engine": "pandas"}):
        picture = joined.explain(str(tmp_path / "plan.svg"))
    drawn = (tmp_path / "plan.svg").read_text()
    assert drawn == str(picture)
    for words in (
        *("logical: ", "optimised: ", "physical: ", "Join(inner", "Tree(groupby-sum"),
        *("~400 rows, 18.75 kiB", "~50 rows, 400 B", "pandas: dataframe.engine is"),
    ):
        assert words in drawn
