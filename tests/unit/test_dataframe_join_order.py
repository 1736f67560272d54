"""Orders of joins: the rows of pandas' merges, whatever order is taken; and guesses of sizes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import shoal.dataframe as dd
from shoal import config
from shoal.dataframe.nodes.cardinality import Guesses, joined_rows
from shoal.expr.rewrite import rewrite


def random_tree(rng: Any) -> tuple[Any, Any]:
    """Tables joined one after the other, each with one of those before: in pandas, and in shoal."""
    count, shared = int(rng.integers(3, 6)), rng.random() < 0.5
    sizes = rng.integers(5, 50, count)
    columns = [{f"v{i}": rng.integers(0, 1000, n)} for i, n in enumerate(sizes)]
    keys = []
    for b in range(1, count):
        a, many = int(rng.integers(0, b)), int(rng.integers(3, 20))
        left, right = (f"k{a}{b}",) * 2 if shared else (f"l{a}{b}", f"r{a}{b}")
        old = [name for name in columns[a] if name[0] in "klr"]
        if old and rng.random() < 0.4:
            left = old[0]
            right = left if shared else right
        columns[a].setdefault(left, rng.integers(0, many, sizes[a]))
        columns[b].setdefault(right, rng.integers(0, many, sizes[b]))
        keys.append((left, right))
    plain = [pd.DataFrame(one) for one in columns]
    lazy = [dd.from_pandas(one, npartitions=int(rng.integers(1, 4))) for one in plain]
    for i in range(count):
        if rng.random() < 0.4:
            least = int(rng.integers(100, 900))
            plain[i], lazy[i] = (one[one[f"v{i}"] > least] for one in (plain[i], lazy[i]))
    wanted, joined = plain[0], lazy[0]
    for (a, b), one, two in zip(keys, plain[1:], lazy[1:], strict=True):
        wanted = wanted.merge(one, left_on=a, right_on=b)
        joined = joined.merge(two, left_on=a, right_on=b)
    if rng.random() < 0.5:
        names = [name for name in wanted.columns if name[0] == "v"]
        wanted, joined = wanted[names], joined[names]
    return wanted, joined


def rules_used(frame: Any) -> set[str]:
    _, steps = rewrite([frame.expr], type(frame.expr).rules)
    return {step.rule for step in steps}


def test_joins_in_another_order_have_the_rows_and_columns_of_pandas() -> None:
    changed = 0
    for seed in range(30):
        wanted, joined = random_tree(np.random.default_rng(seed))
        if len(wanted) > 50_000:
            continue
        changed += "order_joins" in rules_used(joined)
        found = joined.compute(scheduler="sync")
        assert list(found.columns) == list(wanted.columns), seed
        names = list(wanted.columns)
        pd.testing.assert_frame_equal(
            found.sort_values(names).reset_index(drop=True),
            wanted.sort_values(names).reset_index(drop=True),
            obj=f"seed {seed}",
        )
    assert changed > 5


def test_an_order_that_could_be_seen_stays() -> None:
    one, two, few = (
        dd.from_pandas(pd.DataFrame({"k": range(90), "j": range(90), name: range(90)}), 3)
        for name in "abc"
    )
    few = few[few.c < 2]
    suffixed = one.merge(two, on="k").merge(few, left_on="k", right_on="k")
    assert "order_joins" not in rules_used(suffixed)
    kept = one[["k", "a"]].merge(two[["k", "b"]], on="k", how="left").merge(few, on="k")
    assert "order_joins" not in rules_used(kept)
    floats = [frame.astype({"k": "float64"}) for frame in (one[["k", "a"]], two[["k", "b"]])]
    floats.append(few[["k", "c"]].astype({"k": "float64"}))
    # Zeros of both signs are equal, and would change places.
    assert "order_joins" not in rules_used(floats[0].merge(floats[1]).merge(floats[2]))


def test_guesses_come_from_footers(tmp_path: Path) -> None:
    days = pd.date_range("2020-01-01", periods=1000)
    frame = pd.DataFrame({"id": range(1000), "g": np.arange(1000) % 10, "day": days, "t": "a"})
    dd.from_pandas(frame, npartitions=4).to_parquet(tmp_path, write_index=False)
    read = dd.read_parquet(tmp_path)
    guess = Guesses()

    def rows(df: Any) -> float:
        return round(guess.rows(df.expr) or 0)

    assert rows(read) == 1000
    assert rows(read[read.id < 250]) == 250
    assert rows(read[(read.id >= 500) & (read.day < days[250])]) == pytest.approx(125, abs=2)
    assert rows(read[read.g == 3]) == 100
    assert rows(read[read.g.isin([1, 2])]) == 200
    assert rows(read[read.t == "a"]) == 100
    assert rows(read[read.id.between(100, 200)]) == pytest.approx(100, abs=2)
    assert guess.distinct(read.expr, "g") == 10
    assert rows(read.groupby("g").id.sum()) == 10
    assert rows(read.merge(read[["g"]].rename(columns={"g": "id"}), on="id")) == 1000
    assert joined_rows(100, 100, [(10, 20)]) == 500


def test_what_was_put_together_for_a_join_stays_columnar(tmp_path: Path) -> None:
    pytest.importorskip("polars")
    left = pd.DataFrame({"k": np.arange(800) % 40, "x": range(800)})
    right = pd.DataFrame({"k": range(40), "y": range(40)})
    dd.from_pandas(left, npartitions=8).to_parquet(tmp_path / "l", write_index=False)
    dd.from_pandas(right, npartitions=2).to_parquet(tmp_path / "r", write_index=False)
    joined = dd.read_parquet(tmp_path / "l").merge(dd.read_parquet(tmp_path / "r"), on="k")
    total = joined.groupby("y").x.sum()
    assert "Columnar(" in total.explain()
    wanted = left.merge(right, on="k").groupby("y").x.sum()
    pd.testing.assert_series_equal(total.compute(), wanted)
    with config.set({"dataframe.engine": "pandas"}):
        pd.testing.assert_series_equal(total.compute(), wanted)
