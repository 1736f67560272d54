"""What of pandas' public names is there: all of them, or refused with what to use instead."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

import shoal.dataframe as dd
from shoal.dataframe.collection.base import NotHereError
from shoal.dataframe.collection.tables import REMEDIES

FRAME = pd.DataFrame(
    {"x": [1, 2], "s": ["a", "b"], "t": pd.to_datetime(["2020", "2021"]), "c": ["u", "v"]}
).astype({"c": "category"})
FRAME["li"] = pd.Series([[1], [2, 3]], dtype=pd.ArrowDtype(pa.list_(pa.int64())))
FRAME["st"] = pd.Series([{"a": 1}, {"a": 2}], dtype=pd.ArrowDtype(pa.struct([("a", pa.int64())])))

PAIRS = {
    "DataFrame": lambda d: d,
    "Series": lambda d: d.x,
    "Index": lambda d: d.set_index("t").index,
    "GroupBy": lambda d: d.groupby("c", observed=True),
    "SeriesGroupBy": lambda d: d.groupby("c", observed=True).x,
    "str": lambda d: d.s.str,
    "dt": lambda d: d.t.dt,
    "cat": lambda d: d.c.cat,
    "list": lambda d: d.li.list,
    "struct": lambda d: d.st.struct,
}
"""Classes, and how one of them is got from a frame; an index of times has most names."""

LEAST = 0.85
"""The share of names that must be there."""


def names_of(item: Any) -> list[str]:
    hidden = {*FRAME.columns}
    return [name for name in dir(type(item)) if not name.startswith("_") and name not in hidden]


def status(item: Any, kind: str, name: str) -> str:
    if name in dir(item):
        return "there"
    table = REMEDIES.get("GroupBy" if "GroupBy" in kind else kind, {})
    return "refused" if name in table else "missing"


def coverage() -> dict[str, dict[str, str]]:
    frame = dd.from_pandas(FRAME, npartitions=2)
    return {
        kind: {name: status(get(frame), kind, name) for name in names_of(get(FRAME))}
        for kind, get in PAIRS.items()
    }


def test_names_of_pandas_are_there_or_refused(capsys: pytest.CaptureFixture[str]) -> None:
    table = coverage()
    missing = {
        kind: [name for name, found in names.items() if found == "missing"]
        for kind, names in table.items()
    }
    there = total = 0
    with capsys.disabled():
        print("\n  class           there  of  refused")  # noqa: T201
        for kind, names in table.items():
            found = list(names.values())
            there, total = there + found.count("there"), total + len(found)
            n, refused = found.count("there"), found.count("refused")
            print(f"  {kind:15}  {n:4} {len(found):3}  {refused}")  # noqa: T201
        print(f"  {'all':15}  {there:4} {total:3}  {there / total:.0%}")  # noqa: T201
    assert not any(missing.values()), missing
    assert there / total >= LEAST


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, names in REMEDIES.items() for name in names]
)
def test_what_is_refused_says_what_to_use(kind: str, name: str) -> None:
    item = PAIRS[kind](dd.from_pandas(FRAME, npartitions=2))
    with pytest.raises(NotImplementedError, match=f"{kind}.{name} is not there; ."):
        getattr(item, name)
    assert not hasattr(item, name)


def test_a_column_may_have_the_name_of_what_is_refused() -> None:
    df = dd.from_pandas(pd.DataFrame({"plot": [1, 2]}), npartitions=2)
    assert df.plot.sum().compute() == 3
    with pytest.raises(NotHereError):
        _ = df.hist
