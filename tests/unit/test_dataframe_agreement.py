"""Partitions of users' functions are held to meta where they come in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import shoal
import shoal.dataframe as dd
from shoal.dataframe.kernels.agreement import differences, family
from shoal.dataframe.meta import MetaError

META = pd.DataFrame({"a": np.array([], "i8"), "b": np.array([], "f8")})
GOOD = pd.DataFrame({"a": [1], "b": [2.0]})


def delayed_frame(part: Any, meta: Any = META, **options: Any) -> Any:
    return dd.from_delayed([shoal.delayed(GOOD), shoal.delayed(part)], meta=meta, **options)


FITS = {
    "same": GOOD,
    "floats for integers": GOOD.astype({"a": float}),
    "integers for floats": GOOD.astype({"b": "int8"}),
    "nullable": GOOD.astype({"a": "Int64", "b": "Float32"}),
    "of Arrow": GOOD.astype({"a": pd.ArrowDtype(pa.int16())}),
    "no rows": pd.DataFrame({"a": [], "b": []}),
}


@pytest.mark.parametrize("name", FITS)
def test_what_pandas_puts_together_is_taken(name: str) -> None:
    part = FITS[name]
    found = delayed_frame(part).compute(scheduler="sync")
    assert found.a.sum() == 1 + (len(part) and 1)
    assert found.columns.tolist() == ["a", "b"]


FITS_NOT = {
    "text": (GOOD.astype({"a": "str"}), "| 'a'    | str   | int64    |"),
    "categories": (GOOD.astype({"b": "category"}), "| 'b'    | category | float64  |"),
    "missing": (GOOD[["a"]], "| 'b'    | -     | float64  |"),
    "more": (GOOD.assign(c=True), "| 'c'    | bool  | -        |"),
    "series": (GOOD.a, "Expected partition of type `pandas.DataFrame` but got `pandas.Series`"),
    "number": (7, "Expected partition of type `pandas.DataFrame` but got `int`"),
    "order": (GOOD[["b", "a"]], "Order of columns does not match.\nActual:   ['b', 'a']"),
    "twice": (pd.concat([GOOD, GOOD[["b"]]], axis=1), "Order of columns does not match."),
}


@pytest.mark.parametrize("name", FITS_NOT)
def test_what_does_not_fit_is_named_with_its_partition(name: str) -> None:
    part, told = FITS_NOT[name]
    with pytest.raises(MetaError) as caught:
        delayed_frame(part).compute(scheduler="sync")
    text = str(caught.value)
    assert text.startswith("Metadata mismatch found in `from_delayed`: partition 1")
    assert told in text and "verify_meta=False" in text


def test_it_is_taken_as_it_is_where_that_is_wanted() -> None:
    found = delayed_frame(GOOD.astype({"a": "str"}), verify_meta=False).compute(scheduler="sync")
    assert found.a.tolist() == [1, "1"]


def test_series_and_indexes() -> None:
    texts = [shoal.delayed(pd.Series)(["x"])]
    with pytest.raises(MetaError, match=r"\| str   \| int64"):
        dd.from_delayed(texts, meta=pd.Series([], dtype="i8")).compute(scheduler="sync")
    made = dd.from_delayed([shoal.delayed(pd.Index)([1, 2])], meta=pd.Index([], dtype="i8"))
    assert made.compute(scheduler="sync").tolist() == [1, 2]


def test_nothing_is_computed_before_it_is_asked_for() -> None:
    made = delayed_frame(GOOD.astype({"a": "str"}))
    assert made.partitions[0].compute(scheduler="sync").a.tolist() == [1]
    assert made.dtypes.tolist() == META.dtypes.tolist()


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("int8", "Float64", True),
        ("str", object, True),
        ("string", pd.ArrowDtype(pa.large_string()), True),
        ("bool", "boolean", True),
        ("datetime64[ns]", "datetime64[s]", True),
        ("datetime64[ns, UTC]", "datetime64[s, UTC]", True),
        ("datetime64[ns, UTC]", "datetime64[ns]", False),
        ("datetime64[ns, UTC]", "datetime64[ns, CET]", False),
        ("bool", "int64", False),
        ("timedelta64[ns]", "datetime64[ns]", False),
        ("period[D]", "datetime64[ns]", False),
        (pd.ArrowDtype(pa.list_(pa.int64())), object, False),
        ("complex128", "float64", False),
    ],
)
def test_families_of_dtypes(one: Any, other: Any, alike: bool) -> None:
    pair = [pd.Series([], dtype=dtype).dtype for dtype in (one, other)]
    assert (family(pair[0]) == family(pair[1])) is alike


def test_every_difference_is_told() -> None:
    meta = pd.DataFrame({"x": [1], "y": ["a"], "z": [1.0]})
    part = pd.DataFrame({"z": ["b"], "w": [1], "x": [2]})
    assert differences(part, meta) == [
        ("'y'", "-", "str"),
        ("'z'", "str", "float64"),
        ("'w'", "int64", "-"),
    ]


def make(part: int) -> pd.DataFrame:
    return GOOD if part == 0 else GOOD.rename(columns={"b": "z"})


class Reader:
    """A function that can be asked for one that reads fewer columns."""

    def __init__(self, columns: list[str]) -> None:
        self.columns = columns

    def project_columns(self, columns: list[str]) -> Reader:
        return Reader(columns)

    def __call__(self, part: int) -> pd.DataFrame:
        return GOOD[self.columns] if part < 2 else GOOD


def test_columns_of_from_map_are_enforced_where_that_is_wanted() -> None:
    lax = dd.from_map(make, [0, 1], meta=META, enforce_metadata=False)
    assert lax.compute().shape == (2, 3)
    with pytest.raises(ValueError, match=r"Extra:   \['z'\]\n  Missing: \['b'\]"):
        dd.from_map(make, [0, 1], meta=META, enforce_metadata=True).compute(scheduler="sync")
    frame = dd.from_map(Reader(["a", "b"]), [0, 1], meta=META, enforce_metadata=True)
    assert frame.b.sum().compute(scheduler="sync") == 4.0
    wrong = dd.from_map(Reader(["a", "b"]), [0, 2], meta=META, enforce_metadata=True)
    with pytest.raises(ValueError, match=r"Extra:   \['a'\]"):
        wrong.b.sum().compute(scheduler="sync")


TOLD = pd.Series([], dtype="f8", name="x")


@pytest.mark.parametrize(
    "text",
    [
        "x.map(str, meta=told)",
        "x.apply(str, meta=told)",
        "d.apply(lambda row: str(row.x), axis=1, meta=told)",
        "x.map_partitions(lambda part: part.astype(str), meta=told)",
        "d.map_partitions(lambda part: part.astype(str), meta=d._meta)",
        "x.map_partitions(lambda part: part.astype('M8[s]'), meta=told)",
        "dd.from_map(lambda i: GOOD.astype({'a': 'str'}), [1], meta=GOOD, enforce_metadata=True)",
    ],
)
def test_functions_that_return_another_kind_than_meta_says(text: str) -> None:
    d = dd.from_pandas(pd.DataFrame({"x": [1, 2, 3]}), 2)
    lazy = eval(text, {"d": d, "x": d.x, "told": TOLD, "dd": dd, "GOOD": GOOD})
    with pytest.raises(MetaError, match=r"Column \| Found .*\n.*\n\| '[xa]'") as caught:
        lazy.compute(scheduler="sync")
    assert any("', 0)" in note for note in caught.value.__notes__)


@pytest.mark.parametrize(
    "text",
    [
        "x.map(str, meta=('x', object))",
        "x.map(lambda v: v > 1, meta=told)",
        "x.map(lambda v: v / 2, meta=('x', 'i8'))",
        "x.map({1: 'a'}, meta=('x', 'str'))",  # of the last partition NaN alone
        "x.map(lambda v: None, meta=('x', 'M8[ns]'))",
        "x.map(lambda v: pd.Timestamp(v, tz='UTC'), meta=('x', 'M8[ns]'))",
        "x.map_partitions(lambda part: part.astype('category'), meta=('x', 'str'))",
        "x.map_partitions(lambda part: part.astype(str), meta=told, enforce_metadata=False)",
    ],
)
def test_functions_whose_dtypes_depend_on_values_are_not_refused(text: str) -> None:
    d = dd.from_pandas(pd.DataFrame({"x": [1, 2, 3]}), 2)
    assert len(eval(text, {"x": d.x, "told": TOLD, "pd": pd}).compute(scheduler="sync")) == 3


def test_partitions_of_from_map_are_held_to_meta_unless_told_otherwise() -> None:
    def make(i: int) -> pd.DataFrame:
        return pd.DataFrame({"x": [i], "y": ["a"]})

    meta = pd.DataFrame({"x": pd.Series(dtype="int64"), "y": pd.Series(dtype="int64")})
    with pytest.raises(ValueError, match=r"'y'.*str.*int64"):
        dd.from_map(make, range(2), meta=meta).compute(scheduler="sync")
    with pytest.raises(ValueError, match=r"(?s)Extra:.*'y'"):
        dd.from_map(make, range(2), meta=meta[["x"]]).compute(scheduler="sync")
    lax = dd.from_map(make, range(2), meta=meta, enforce_metadata=False)
    assert lax.compute(scheduler="sync").y.tolist() == ["a", "a"]


class Marked(pd.DataFrame):
    @property
    def _constructor(self) -> type[Marked]:
        return Marked

    def marked(self) -> Any:
        return self * 2


def test_methods_of_a_subclass_are_known_without_meta() -> None:
    whole = Marked({"x": range(4)})
    doubled = dd.from_pandas(whole, npartitions=2).map_partitions(lambda part: part.marked())
    assert type(doubled.compute()) is Marked
    other = pd.DataFrame({"x": [1, 2, 7], "y": 1})
    for how in ("inner", "left", "outer"):
        merged = doubled.merge(dd.from_pandas(other, npartitions=2), on="x", how=how)
        assert type(merged.compute()) is type(merged._meta) is Marked
    with pytest.raises(MetaError, match="'zz'"):
        dd.from_pandas(whole, npartitions=2).map_partitions(lambda part: part.zz)


LIES: dict[str, Any] = {
    "series for a frame": ({"x": "f8", "y": "f8"}, lambda g: g.x.sum(), "a Series for a part"),
    "text for numbers": ((None, "i8"), lambda g: str(g.x.sum()), "int64"),
}


@pytest.mark.parametrize("lie", LIES)
def test_what_groups_give_is_not_what_was_told(lie: str) -> None:
    meta, function, message = LIES[lie]
    df = dd.from_pandas(pd.DataFrame({"k": list("abab"), "x": range(4)}), npartitions=2)
    with pytest.raises(MetaError, match=f"(?s)groupby.apply.*{message}"):
        df.groupby("k").apply(function, meta=meta).compute(scheduler="sync")


def test_one_value_for_a_frame_is_named() -> None:
    df = dd.from_pandas(pd.DataFrame({"x": range(4)}), npartitions=2)
    with pytest.raises(ValueError, match=r"returned '5' for a partition.*\(None, dtype\)"):
        df.map_partitions(lambda part: 5, meta=df._meta).compute(scheduler="sync")


def test_the_function_that_fails_on_a_sample_is_named() -> None:
    df = dd.from_pandas(pd.DataFrame({"x": range(4)}), npartitions=2)

    def halve(row: Any) -> Any:
        return row.x / row.nothing

    with pytest.raises(MetaError, match=r"what apply\(halve\) returns"):
        df.apply(halve, axis=1)
