"""What is computed in fewer passes than pandas' own method takes, and gives the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import shoal.dataframe as dd
from shoal.dataframe.kernels.joins import merged_schema
from shoal.dataframe.kernels.moves import merge_partitions

COLUMNS: dict[str, Any] = {
    "integers": lambda v: v,
    "small integers": lambda v: v.astype("int8"),
    "large": lambda v: v.astype("uint64") + np.uint64(2**62),
    "floats": lambda v: v * 1.5,
    "narrow": lambda v: v.astype("float32"),
    "missing": lambda v: np.where(v > 2, v, np.nan),
    "infinite": lambda v: np.where(v > 6, np.inf, np.where(v < 2, -np.inf, v)),
    "nullable": lambda v: pd.array(np.where(v > 3, v, None), dtype="Int64"),
    "objects": lambda v: np.array([None if i % 3 else f"o{i}" for i in v], dtype=object),
    "texts": lambda v: pd.array([f"ü{i}" for i in v], dtype="str"),
    "categories": lambda v: pd.Categorical([f"c{i}" for i in v]),
}
NUMBERS = ["integers", "small integers", "large", "floats", "narrow", "missing", "infinite"]


def frame(names: list[str], seed: int, rows: int = 23) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame({name: COLUMNS[name](rng.integers(0, 9, rows)) for name in names})


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of infinities, as from pandas
@pytest.mark.parametrize("method", ["cumsum", "cumprod", "cummin", "cummax"])
@pytest.mark.parametrize("skipna", [True, False])
def test_running_totals(method: str, skipna: bool) -> None:
    whole = frame(NUMBERS, 1)
    split = dd.from_pandas(whole, npartitions=5)
    for names in (NUMBERS, ["integers"], ["floats", "missing"], ["integers", "floats"]):
        found = getattr(split[names], method)(skipna=skipna).compute(scheduler="sync")
        pd.testing.assert_frame_equal(found, getattr(whole[names], method)(skipna=skipna))
    for name in NUMBERS:
        one = getattr(split[name], method)(skipna=skipna).compute(scheduler="sync")
        pd.testing.assert_series_equal(one, getattr(whole[name], method)(skipna=skipna))


def test_distinct_values() -> None:
    whole = frame(list(COLUMNS), 2)
    split = dd.from_pandas(whole, npartitions=5)
    for dropna in (True, False):
        found = split.nunique(dropna=dropna).compute(scheduler="sync")
        pd.testing.assert_series_equal(found, whole.nunique(dropna=dropna))
    for name in COLUMNS:
        found = split[name].unique().compute(scheduler="sync")
        wanted = whole[name].drop_duplicates().reset_index(drop=True)
        pd.testing.assert_series_equal(found, wanted)


LABELS: dict[str, tuple[Any, list[Any]]] = {
    "integers": (np.array([1, 1, 2, 5, 5, 5, 9, 9]), [None, 0, 1, 5, 4, 5.0, 4.5, 9, 20]),
    "floats": (np.array([0.5, 1, 1, 2, 2.5, 7, 7, 7]), [None, 0, 1, 1.5, 7, 9]),
    "times": (
        pd.date_range("2026-01-30", periods=8, freq="9h"),
        [None, "2026-01-31", "2026-02", "2025", pd.Timestamp("2026-01-31 12:00")],
    ),
    "times with zones": (
        pd.date_range("2026-01-30", periods=8, freq="9h", tz="Europe/Rome"),
        [None, "2026-01-31", "2026-02", "2026-01-31 07:00"],
    ),
    "texts": (pd.Index(list("abbcdxyz"), dtype="str"), [None, "a", "b", "e", "zz"]),
}


@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("parts", [1, 3])
def test_slices_by_label(kind: str, parts: int) -> None:
    index, bounds = LABELS[kind]
    whole = pd.DataFrame({"x": range(8)}, index=index)
    split = dd.from_pandas(whole, npartitions=parts)
    for low in bounds:
        for high in bounds:
            wanted = whole.loc[low:high]
            if not len(wanted):
                continue
            found = split.loc[low:high].compute(scheduler="sync")
            pd.testing.assert_frame_equal(found, wanted, check_freq=False)


def test_a_slice_of_labels_in_no_order_is_pandas_own() -> None:
    whole = pd.Series(range(4), index=[3, 1, 4, 2])
    split = dd.from_pandas(whole, npartitions=1, sort=False)
    pd.testing.assert_series_equal(split.loc[1:4].compute(scheduler="sync"), whole.loc[1:4])


DTYPES: list[Any] = ["int64", "int32", "float64", "bool", "str", "object", "Int64", "category"]
DTYPES += ["datetime64[ns]", "datetime64[us, UTC]", "int64[pyarrow]", "timedelta64[s]"]


def random_schema(rng: np.random.Generator) -> pd.DataFrame:
    names = rng.permutation(list("abcdefg"))[: rng.integers(1, 5)].tolist()
    columns = {n: pd.Series([], dtype=DTYPES[rng.integers(len(DTYPES))]) for n in names}
    index = [pd.RangeIndex(0), pd.Index([], dtype="int64"), pd.Index([], dtype="str")]
    return pd.DataFrame(columns).set_axis(index[rng.integers(3)])


def test_the_schema_of_a_join_is_what_pandas_gives() -> None:
    rng = np.random.default_rng(5)
    known = 0
    for _ in range(500):
        left, right = random_schema(rng), random_schema(rng)
        one = str(rng.choice(list(left.columns)))
        other = one if rng.random() < 0.7 else str(rng.choice(list(right.columns)))
        if rng.random() < 0.9:
            right[other] = pd.Series([], dtype=left[one].dtype)
        how = ["inner", "left", "right", "outer"][rng.integers(4)]
        told: dict[str, Any] = {"how": how, "left_on": [one], "right_on": [other]}
        found = merged_schema(left, right, told)
        if found is not None:
            known += 1
            expected = merge_partitions(left, right, **told)
            pd.testing.assert_frame_equal(found, expected, check_index_type="exact")
    assert known > 50
