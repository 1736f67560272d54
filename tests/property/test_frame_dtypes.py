"""Series of every dtype: pandas' result and dtype, and the dtype that was foretold.

Some partitions are empty, some have missing values only.  ``ROUNDS=50`` in the environment makes a
longer run of it.
"""

from __future__ import annotations

import itertools
import os
import warnings
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import shoal.dataframe as dd
from shoal import delayed


def words(text: str) -> list[str]:
    return text.split()


ROUNDS = int(os.environ.get("ROUNDS", "1"))

NUMBERS = words("""
    int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64 Int8 Int64 UInt16 Float32
    Float64 int64[pyarrow] double[pyarrow]
""")
TIMES = [f"{kind}64[{unit}]" for kind in ("datetime", "timedelta") for unit in ("s", "us")]
OTHERS = ["bool", "boolean", "str", "string", "category", "ordered", "tz", "period", "decimal"]

METHODS = words("""
    sum() sum(min_count=2) sum(skipna=False) prod() mean() mean(skipna=False) min() max()
    min(skipna=False) max(skipna=False) median() median(skipna=False) var() std() sem() any() all()
    count() nunique() nunique(dropna=False) quantile() quantile([.25,.75]) idxmax() argmax()
    argmin() describe() cumsum() cummax() cummin(skipna=False) shift() diff() ffill() bfill(limit=1)
    rank() rank(pct=True) duplicated() isna() dropna() abs() to_frame()
    is_monotonic_increasing
""")


def values(kind: str, count: int, rng: Any) -> pd.Series:
    """A series of a dtype with missing values, where it can have some."""
    small = rng.integers(0, 6, count)
    gaps = rng.random(count) < rng.choice([0.0, 0.3, 1.0])
    if kind in ("str", "string"):
        out = pd.Series(rng.choice(list("abcd"), count), dtype=kind)
    elif kind in ("category", "ordered"):
        dtype = pd.CategoricalDtype(list("dcba"), ordered=kind == "ordered")
        out = pd.Series(rng.choice(list("abc"), count)).astype(dtype)
    elif kind in TIMES:  # of nanoseconds the last digit of a spread depends on the order
        out = pd.Series(small * 86_400).astype(kind.replace("[us]", "[s]").replace("[ns]", "[s]"))
        out = out.astype(kind)
    elif kind == "tz":
        out = pd.Series(small * 3_600).astype("datetime64[s]").dt.tz_localize("Europe/Berlin")
    elif kind == "period":
        out = pd.Series(pd.period_range("2020-01", periods=6, freq="M")[small])
    elif kind == "decimal":
        dtype = pd.ArrowDtype(pa.decimal128(10, 2))
        out = pd.Series([Decimal(int(one)) for one in small], dtype=dtype)
    elif kind in ("bool", "boolean"):
        out = pd.Series(small % 2 == 0, dtype=kind)
    else:
        out = pd.Series(small).astype(kind)
    if kind == "bool" or (kind in NUMBERS and kind[0] in "iu" and "[" not in kind):
        return out.rename("v")
    return out.mask(gaps).astype(out.dtype).rename("v")


def cut(data: pd.Series, places: list[int]) -> Any:
    ends = [0, *places, len(data)]
    parts = [data.iloc[a:b] for a, b in itertools.pairwise(ends)]
    return dd.from_delayed([delayed(part) for part in parts], meta=data.iloc[:0])


def check(found: Any, wanted: Any, foretold: Any) -> None:
    if isinstance(wanted, pd.DataFrame):
        pd.testing.assert_frame_equal(found, wanted)
    elif isinstance(wanted, pd.Series):
        # pandas has quantiles in a dtype that depends on whether some are whole, or missing.
        exact = not (isinstance(wanted.index, pd.Index) and wanted.index.dtype == float)
        pd.testing.assert_series_equal(found, wanted, check_dtype=exact, rtol=1e-5)
        assert foretold is None or foretold.dtype == found.dtype
    elif wanted is pd.NA or wanted is pd.NaT:
        assert found is wanted
    elif wanted != wanted:
        assert found != found
    elif isinstance(wanted, pd.Timedelta):
        assert abs(found - wanted) < pd.Timedelta(9, "ns") and found.unit == wanted.unit
    elif isinstance(wanted, float | np.floating):
        assert np.isclose(float(found), float(wanted), rtol=1e-5)
    else:
        assert found == wanted


@pytest.mark.parametrize("kind", [*NUMBERS, *TIMES, *OTHERS])
def test_as_pandas(kind: str) -> None:
    for seed in range(ROUNDS):
        rng = np.random.default_rng([seed, len(kind), ord(kind[0])])
        data = values(kind, 8, rng)
        whole = cut(data, sorted(rng.integers(0, 9, 2).tolist()))
        for text in METHODS:
            if kind in ("category", "ordered", "period") and "quantile" in text:
                continue  # refused, as of text
            if (kind, text) in (("period", "diff()"), ("decimal", "describe()")):
                continue  # offsets, unless all are missing; of made-up rows pandas knows none
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    wanted = eval(f"data.{text}", {"data": data})
                except (TypeError, ValueError, ArithmeticError, NotImplementedError):
                    continue  # what pandas refuses
                lazy = eval(f"whole.{text}", {"whole": whole})
                found = lazy.compute(scheduler="sync") if hasattr(lazy, "compute") else lazy
            foretold = lazy._meta if isinstance(getattr(lazy, "_meta", None), pd.Series) else None
            try:
                check(found, wanted, foretold)
            except AssertionError as error:
                raise AssertionError(f"{kind} {text} {data.tolist()}: {error}") from error
