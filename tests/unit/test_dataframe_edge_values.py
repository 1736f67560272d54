"""Values whose meaning a folded state can lose: ordered categories, infinities."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import shoal
import shoal.dataframe as dd

ORDERED = pd.CategoricalDtype(["z", "y", "x"], ordered=True)
FRAME = pd.DataFrame(
    {
        "c": pd.Series(["y", "x", None, "z", "y"], dtype=ORDERED),
        "n": [2**60 + 1, 2, 3, 4, 5],
        "f": [1.0, np.inf, 2.0, 3.0, 5.0],
        "g": [1, 1, 1, 2, 2],
    }
)


@pytest.mark.parametrize("npartitions", [1, 2, 5])
@pytest.mark.parametrize("name", ["min", "max", "idxmin", "idxmax"])
def test_extremes_of_ordered_categories(name: str, npartitions: int) -> None:
    df = dd.from_pandas(FRAME, npartitions=npartitions)
    assert getattr(df.c, name)().compute() == getattr(FRAME.c, name)()
    assert getattr(df, name)().compute().tolist() == getattr(FRAME, name)().tolist()
    none = df[df.n < 0]
    if not name.startswith("idx"):
        assert pd.isna(getattr(none.c, name)().compute())


@pytest.mark.parametrize("values", ["zyx", "zxy", "zzyyx", "xyz"])
def test_monotonic_ordered_categories(values: str) -> None:
    series = pd.Series(list(values), dtype=ORDERED)
    lazy = dd.from_map(lambda i: series[i : i + 1], [0, 9, 1, 2, 3, 4], meta=series[:0])
    assert lazy.is_monotonic_increasing.compute() == series.is_monotonic_increasing
    assert lazy.is_monotonic_decreasing.compute() == series.is_monotonic_decreasing


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("npartitions", [1, 2, 5])
@pytest.mark.parametrize("func", ["std", "var", "sem"])
def test_spread_of_groups_with_an_infinite_value(func: Any, npartitions: int) -> None:
    lazy = dd.from_pandas(FRAME, npartitions=npartitions).groupby("g")[["f"]].agg(func)
    pd.testing.assert_frame_equal(lazy.compute(), FRAME.groupby("g")[["f"]].agg(func))


@pytest.mark.parametrize("npartitions", [1, 2, 5])
def test_correlations_of_frames_pass_over_infinite_values(npartitions: int) -> None:
    numbers = FRAME[["f", "g"]]
    lazy = dd.from_pandas(numbers, npartitions=npartitions).corr()
    pd.testing.assert_frame_equal(lazy.compute(), numbers.corr())


@pytest.mark.parametrize("engine", ["pandas", "auto"])
def test_filters_of_files_round_as_pandas_does(engine: str, tmp_path: Any) -> None:
    """0.1 is below the float32 nearest to it; large integers have no float."""
    frame = pd.DataFrame({"x": np.array([0.1, 0.2], "float32"), "n": [2**53 + 1, 3]})
    frame.to_parquet(tmp_path / "a.parquet")
    with shoal.config.set({"dataframe.engine": engine}):
        df = dd.read_parquet(tmp_path)
        assert len(df[df.x <= 0.1].compute()) == len(frame[frame.x <= 0.1]) == 1
        assert len(df[df.x == 0.1].compute()) == len(frame[frame.x == 0.1]) == 1
        assert len(df[df.n >= float(2**52)].compute()) == len(frame[frame.n >= 2.0**52]) == 1
        assert len(df[df.n > 3].compute()) == 1


def test_mode_of_categories_not_known_beforehand(tmp_path: Any) -> None:
    frame = FRAME[["c"]].astype({"c": pd.CategoricalDtype(["z", "y", "x"])})
    frame.to_parquet(tmp_path / "a.parquet")
    df = dd.read_parquet(tmp_path)
    assert not df.c.cat.known
    assert df.c.mode().compute().tolist() == df.mode().compute().c.tolist() == ["y"]
    text = pd.Series(["b", "d", "a", "c", "a", "b"], name="c")
    lazy = dd.from_pandas(text, npartitions=3).astype("category")
    assert lazy.mode().compute().tolist() == text.astype("category").mode().tolist() == ["a", "b"]


@pytest.mark.parametrize("sort", [lambda f: f.sort_values("z"), lambda f: f.set_index("z")])
def test_nothing_is_sorted_by_categories_whose_order_is_not_known(sort) -> None:
    frame = pd.DataFrame({"s": list("bdacab")})
    found = dd.from_pandas(frame, npartitions=3)
    with pytest.raises(NotImplementedError, match="categories of 'z' are not known"):
        sort(found.assign(z=found.s.astype("category")))
    known = pd.CategoricalDtype(list("dcba"))
    said = sort(found.assign(z=found.s.astype(known))).compute().reset_index()
    assert said.z.tolist() == list("dcbbaa")
