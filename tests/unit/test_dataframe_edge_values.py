"""Values whose meaning a folded state can lose: ordered categories, infinities."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

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
