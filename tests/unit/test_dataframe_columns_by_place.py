"""`shoal.dataframe.kernels.rows.get_columns` against pandas, for column labels of every kind."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from shoal.dataframe.kernels.rows import get_columns

COLUMNS = [
    pd.Index(["x", "y", "z"], name="cols"),
    pd.Index(["x", "x", "z"]),
    pd.Index([1.5, np.nan, 2.0]),
    pd.RangeIndex(3),
    pd.CategoricalIndex(["x", "y", "z"]),
    pd.DatetimeIndex(["2020-01-01", "2020-02-01", "2021-01-01"]),
    pd.period_range("2020", "2022", freq="Y"),
    pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)]),
    pd.Index([("a", 1), ("b", 2), "c"], tupleize_cols=False),
]


@pytest.mark.parametrize("columns", COLUMNS, ids=str)
def test_as_pandas(columns: pd.Index) -> None:
    frame = pd.DataFrame({i: [i, i + 3] for i in range(3)})
    frame.columns = columns
    frame.attrs["unit"] = "m"
    for count in range(1, 4):
        for names in itertools.permutations(dict.fromkeys(columns), count):
            got, wanted = get_columns(frame, names), frame[list(names)]
            pd.testing.assert_frame_equal(got, wanted)
            assert got.attrs == wanted.attrs


def test_names_that_look_like_masks() -> None:
    frame = pd.DataFrame([[1, 2, 3]], columns=pd.Index([True, False, None], dtype=object))
    assert get_columns(frame, (False, True)).to_numpy().tolist() == [[2, 1]]
    assert get_columns(frame, (None,)).to_numpy().tolist() == [[3]]


def test_a_column_that_is_missing() -> None:
    with pytest.raises(KeyError, match="w"):
        get_columns(pd.DataFrame({"x": [1]}), ("w",))
