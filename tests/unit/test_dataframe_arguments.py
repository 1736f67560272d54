"""Arguments of pandas that a partition alone cannot honour are refused, not dropped."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import shoal.dataframe as dd

PLAIN = pd.DataFrame({"i": [3, 1, 2, 3], "f": [np.nan, np.nan, 2.0, 4.0], "s": list("abca")})


def frame() -> Any:
    return dd.from_pandas(PLAIN.copy(), npartitions=2)


REFUSED = """
limit: d.fillna({"f": 0.0}, limit=1)
limit: d.f.fillna(0, limit=1)
axis: d.dropna(axis=1)
axis: d.dropna(axis="columns")
ignore_index: d.dropna(ignore_index=True)
ignore_index: d.f.dropna(ignore_index=True)
ignore_index: d.explode("s", ignore_index=True)
ignore_index: d.explode("s", True)
ignore_index: d.s.explode(True)
key: d.sort_values("i", key=lambda x: -x)
key: d.i.sort_values(key=lambda x: -x)
axis: d.sort_values("i", axis=1)
axis: d.i.sort_values(axis=1)
inplace: d.sort_values("i", inplace=True)
inplace: d.i.sort_values(inplace=True)
inplace: d.set_index("i", inplace=True)
verify_integrity: d.set_index("i", verify_integrity=True)
inplace: d.i.rename("z", inplace=True)
inplace: d.drop_duplicates(inplace=True)
inplace: d.i.drop_duplicates(inplace=True)
inplace: d.f.interpolate(inplace=True)
n=-1: d.head(-1)
n=-1: d.head(-1, npartitions=-1)
n=-2: d.i.tail(-2)
"""


@pytest.mark.parametrize("case", REFUSED.strip().splitlines())
def test_an_argument_that_cannot_be_honoured_is_refused_by_name(case: str) -> None:
    argument, call = case.split(": ", 1)
    with pytest.raises(NotImplementedError, match=argument):
        eval(call, {"d": frame()})


KEPT = """
d[["i", "f"]].fillna(0, limit=1, axis=1)
d.dropna(axis=0)
d.dropna(axis="index", ignore_index=False)
d.explode("s", ignore_index=False)
d.sort_values("f", key=None, axis=0, kind="stable")
d.f.sort_values(key=None)
d.i.rename("z")
d.i.drop_duplicates()
d[["i", "f"]].interpolate(axis=1)
d[["i", "f"]].interpolate(axis=1, limit=1)
"""


@pytest.mark.parametrize("call", KEPT.strip().splitlines())
def test_the_same_arguments_with_values_that_can_be_honoured(call: str) -> None:
    found, expected = eval(call, {"d": frame()}), eval(call, {"d": PLAIN})
    equal = pd.testing.assert_frame_equal if expected.ndim == 2 else pd.testing.assert_series_equal
    equal(found.compute().sort_index(), expected.sort_index())


def test_what_is_refused_leaves_the_data_as_it_was() -> None:
    pieces = [PLAIN.i.iloc[:2].copy(), PLAIN.i.iloc[2:].copy()]
    series = dd.from_map(lambda n: pieces[n], [0, 1], meta=PLAIN.i.iloc[:0])
    for call in (lambda: series.rename("z", inplace=True), lambda: series.dropna(inplace=True)):
        with pytest.raises(NotImplementedError, match="inplace"):
            call()
    assert series.name == "i"
    pd.testing.assert_series_equal(series.compute(), PLAIN.i)


TIMES = pd.Series(
    pd.to_datetime(
        [
            "2024-01-01",
            "2024-01-02",
            "2024-01-03",
            None,
            "2024-01-04 12:00",
            "2024-01-05 00:00:00.5",
        ],
        format="ISO8601",
    )
)


@pytest.mark.parametrize("rows", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("kind", ["times", "zoned", "durations"])
def test_times_become_text_with_the_digits_that_the_finest_of_all_needs(
    rows: int, kind: str
) -> None:
    plain = TIMES.iloc[:rows]
    if kind == "zoned":
        plain = plain.dt.tz_localize("UTC")
    if kind == "durations":
        plain = plain - pd.Timestamp("2024-01-01")
    found = dd.from_pandas(plain, npartitions=rows).astype("str")
    pd.testing.assert_series_equal(found.compute(), plain.astype("str"))
    table = pd.DataFrame({"t": plain, "n": range(rows)})
    for wanted in ("str", {"t": "str"}, {"t": str, "n": "float64"}):
        lazy = dd.from_pandas(table, npartitions=rows).astype(wanted)
        pd.testing.assert_frame_equal(lazy.compute(), table.astype(wanted))


def test_times_that_are_all_missing_become_missing_text() -> None:
    plain = TIMES.iloc[[3, 3]].reset_index(drop=True)
    found = dd.from_pandas(plain, npartitions=2).astype("str").compute()
    pd.testing.assert_series_equal(found, plain.astype("str"))


def test_a_function_that_pandas_has_not_either_is_its_error() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0]})
    for one in (frame, frame.a, dd.from_pandas(frame, 1), dd.from_pandas(frame, 1).a):
        with pytest.raises(AttributeError, match="meen"):
            one.agg("meen")
    with pytest.raises(NotImplementedError, match="agg has no function 'cumsum'"):
        dd.from_pandas(frame, 1).agg("cumsum")
