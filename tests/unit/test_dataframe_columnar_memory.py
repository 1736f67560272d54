"""The columnar kernel within plans: partitions in memory, and files below other stages."""

from __future__ import annotations

import pickle
from typing import Any

import cloudpickle
import numpy as np
import pandas as pd
import pytest

import shoal
import shoal.dataframe as dd
from shoal.dataframe.columnar.stage import PartitionQuery
from shoal.dataframe.nodes.stage import Stage
from shoal.dataframe.rules import RULES
from shoal.dataframe.rules.walk import sources_first
from shoal.expr.rewrite import rewrite

pytest.importorskip("polars")

FRAME = pd.DataFrame(
    {
        "i": np.arange(40) % 7,
        "f": np.arange(40) / 8,
        "s": [None if n % 5 == 0 else f"text {n % 3}" for n in range(40)],
        "o": [[n] for n in range(40)],
    },
    index=pd.Index(np.arange(40) % 6, name="label"),
)

EVERYWHERE = {"dataframe.engine": "columnar", "scheduler": "sync"}


def parts(count: int = 3) -> Any:
    """Partitions of the frame that nobody has sorted."""
    pieces = [FRAME.iloc[i::count] for i in range(count)]
    return dd.from_map(lambda piece: piece, pieces, meta=FRAME.iloc[:0])


def stages(lazy: Any) -> list[Any]:
    (root,), _ = rewrite([lazy.expr], RULES)
    return [node for node in sources_first([root]) if isinstance(node, Stage)]


def queries(lazy: Any) -> list[PartitionQuery]:
    programs = [one.body.kernel.compile(one.body.leaves, one.body.nodes)[0] for one in stages(lazy)]
    every = [step.func for program in programs for step in program.steps]
    return [func for func in every if isinstance(func, PartitionQuery)]


def as_pandas(query: Any) -> None:
    whole = pd.concat([FRAME.iloc[i::3] for i in range(3)])
    with shoal.config.set(EVERYWHERE):
        lazy = query(parts())
        assert queries(lazy)
        got = lazy.compute()
    expected = query(whole)
    if isinstance(expected, pd.Series):
        pd.testing.assert_series_equal(got, expected)
    else:
        pd.testing.assert_frame_equal(got, expected)


def test_numbers_of_a_whole_frame_in_what_is_computed_of_each_row() -> None:
    as_pandas(lambda df: df.f - df.f.mean())
    as_pandas(lambda df: df[df.f > df.i.max()])


def test_columns_of_any_dtype_and_labels_that_repeat_are_handed_on() -> None:
    as_pandas(lambda df: df[df.f > 1])
    as_pandas(lambda df: df.dropna(subset=["s"])[["o", "s"]])


def test_after_what_is_left_to_pandas() -> None:
    as_pandas(lambda df: df.assign(s=df.s.str.upper())[lambda some: some.s == "TEXT 1"].f * 2)
    with shoal.config.set(EVERYWHERE):
        (one,) = stages(parts().s.str.upper().str.slice(0, 3).str.lower())
    told = "pandas: method str.upper, then columnar, then pandas: method str.lower"
    assert one.body.kernel.told == told


def test_what_moved_rows_and_what_is_kept_is_read_too() -> None:
    with shoal.config.set(EVERYWHERE):
        for df in (parts().shuffle("i"), parts().persist(), parts().merge(parts(), on="i")):
            column = "f" if "f" in df.columns else "f_x"
            lazy = df[df[column] * 2 > 3].groupby("i")[column].sum()
            assert queries(lazy)
            with shoal.config.set({"dataframe.engine": "pandas"}):
                expected = lazy.compute()
            pd.testing.assert_series_equal(lazy.compute(), expected)


def test_the_data_do_not_travel_with_the_operations() -> None:
    many = pd.DataFrame({"x": np.arange(100_000), "y": np.random.default_rng(0).random(100_000)})
    with shoal.config.set(EVERYWHERE):
        (query,) = queries(dd.from_pandas(many, 2).y * 2)
    sent = cloudpickle.dumps(query)
    assert len(sent) < 20_000
    there = pickle.loads(sent)
    assert there.columnar(many[["y"]])[0].equals(many.y * 2)
    assert there.columnar(many[["y"]])[0].equals(query.columnar(many[["y"]])[0])


def test_what_is_handed_on_is_not_written_into() -> None:
    def overwritten(part: pd.DataFrame) -> pd.DataFrame:
        part["f"] = 0.0
        part.iloc[:, 0] = 9
        return part

    with shoal.config.set(EVERYWHERE):
        kept = parts().persist()
        changed = kept.assign(z=kept.f * 2).map_partitions(overwritten).compute()
        assert (changed.i == 9).all() and not changed.f.any()
        assert kept.i.max().compute() == 6 and kept.f.sum().compute() == FRAME.f.sum()


class Special(pd.DataFrame):
    """A frame of somebody else's."""

    @property
    def _constructor(self) -> type:
        return Special


def test_a_partition_that_is_not_as_planned_is_left_to_pandas() -> None:
    odd = [
        Special(FRAME),
        FRAME.astype({"f": "float32"}),
        FRAME.astype({"i": "Int64"}),
        FRAME.set_flags(allows_duplicate_labels=True),
    ]
    with shoal.config.set(EVERYWHERE):
        df = dd.from_map(lambda piece: piece, odd, meta=FRAME.iloc[:0])
        pieces = (df[df.f * df.i > 2]).to_delayed()
        got = [piece.compute() for piece in pieces]
    for one, piece in zip(odd, got, strict=True):
        pd.testing.assert_frame_equal(piece, one[one.f * one.i > 2])


def test_whole_numbers_that_a_join_has_made_floats_may_be_missing() -> None:
    few = pd.DataFrame({"i": [1, 2], "n": [5, 6]})
    expected = FRAME.merge(few, on="i", how="left").dropna(subset=["n"])
    with shoal.config.set(EVERYWHERE):
        joined = parts(1).merge(few, on="i", how="left")
        assert joined.dtypes["n"] == "int64"  # of no rows none is missing
        got = joined.dropna(subset=["n"])[["i", "n"]].compute()
    pd.testing.assert_frame_equal(got, expected[["i", "n"]])


def test_files_below_other_stages_begin_in_the_columnar_kernel(tmp_path: Any) -> None:
    FRAME[["i", "f"]].to_parquet(tmp_path / "a.parquet")
    df = dd.read_parquet(tmp_path / "a.parquet")
    with shoal.config.set({"dataframe.columnar-limit": 0}):
        moved = df.shuffle("i", npartitions=2)
        (root,), _ = rewrite([(moved.f + 1).expr], RULES)
    reading, adding = [one for one in sources_first([root]) if isinstance(one, Stage)]
    assert reading.body.kernel.told == "columnar"
    assert adding.body.kernel.told == "pandas"
    # It is not the stage that reads what pandas makes of the file.
    with shoal.config.set({"dataframe.engine": "pandas"}):
        (other,), _ = rewrite([(moved.f + 1).expr], RULES)
    assert other.name != root.name
