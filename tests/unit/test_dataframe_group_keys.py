"""By what rows are grouped, and windows within groups: against pandas."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

import shoal
import shoal.dataframe as dd

FRAME = pd.DataFrame(
    {
        "k": [1, 2, 2, 1, 3, 1, 2],
        "j": list("abcabca"),
        "x": [1.0, 2, np.nan, 4, 5, 6, 7],
        "n": [1, 2, 3, 4, 5, 6, 7],
        "t": pd.date_range("2020-01-30", periods=7, freq="13h"),
    },
    index=pd.Index([1, 1, 2, 3, 5, 5, 8], name="ix"),
)

IN_ORDER = """
d.groupby(level=0).x.sum()
d.groupby(level="ix").sum(numeric_only=True)
d.groupby(level=0).n.cumsum()
d.groupby("ix").n.max()
d.groupby({1: "p", 2: "q", 3: "p"}).n.sum()
d.groupby({1: 1.5, 2: 2.5}).n.sum()
d.groupby(pd.Grouper(key="k")).n.sum()
d.groupby(pd.Grouper(level="ix")).n.sum()
d.groupby(pd.Grouper(key="t", freq="D")).n.sum()
d.groupby([pd.Grouper(key="t", freq="2D", closed="right")]).agg({"n": "sum", "x": "max"})
d.groupby([pd.Grouper(key="t", freq="D"), "k"]).n.sum()
d.groupby(["k", pd.Grouper(key="t", freq="ME")]).agg({"n": ["sum", "max"]})
d.groupby([pd.Grouper(key="t", freq="6h", label="right"), "k"]).n.transform("sum")
d.set_index("t").groupby(pd.Grouper(freq="D")).n.count()
d.set_index("t").n.groupby(pd.Grouper(freq="D")).sum()
d.set_index("t").groupby([pd.Grouper(freq="D"), "j"]).x.sum()
d.groupby(["k", "j"]).n.sum().groupby(level=0).max()
d.groupby(["k", "j"]).n.sum().groupby("j").max()
d.groupby(["k", "j"])[["n", "x"]].sum().groupby(level=["j", "k"]).sum()
d.groupby(["k", "j"])[["n", "x"]].sum().groupby(["j", "n"]).sum()
d.groupby(["k", "j"])[["n", "x"]].sum().groupby(level=1).cumsum()
d.n.groupby(level=0).sum()
d.groupby("k").nth([0, -1])
d.groupby("k").x.nth(slice(0, 2))
d.groupby("k").nth(0, dropna="any")
""".strip().splitlines()

ANY_ORDER = """
d.groupby("k").resample("D", on="t").n.sum()
d.groupby("k").rolling(2, on="t").n.sum()
d.groupby("k").rolling("20h", on="t")[["n", "x"]].max()
d.groupby("k").x.expanding(2, "single").sum()
d.groupby("k").x.expanding(min_periods=2).agg(["sum", "max"])
d.groupby("k").ewm(span=2, adjust=False).n.mean()
""".strip().splitlines()


@pytest.fixture(autouse=True)
def in_this_thread() -> Iterator[None]:
    with shoal.config.set(scheduler="sync"):
        yield


@pytest.mark.parametrize("text", [*IN_ORDER, *ANY_ORDER])
@pytest.mark.parametrize("npartitions", [1, 3])
def test_groups_as_pandas(text: str, npartitions: int) -> None:
    # pandas takes labels for numbers of rows where it resamples groups by a column.
    frame = FRAME.reset_index(drop=True) if "resample" in text else FRAME
    lazy = eval(text, {"d": dd.from_pandas(frame, npartitions), "pd": pd})
    got, expected = lazy.compute(), eval(text, {"d": frame, "pd": pd})
    if text in ANY_ORDER:
        got, expected = got.sort_index(), expected.sort_index()
    if isinstance(expected, pd.DataFrame):
        pd.testing.assert_frame_equal(
            lazy._meta, got.iloc[:0], check_index_type=False, check_freq=False
        )
        pd.testing.assert_frame_equal(got, expected, check_freq=False)
    else:
        pd.testing.assert_series_equal(got, expected, check_freq=False)


@pytest.mark.parametrize("rule", ["D", "6h", "W", "ME", "QE"])
@pytest.mark.parametrize("options", [{}, {"closed": "right"}, {"label": "right"}])
def test_bins_beside_other_keys(rule: str, options: dict[str, Any]) -> None:
    rng = np.random.default_rng(5)
    times = pd.Timestamp("2021-12-28") + pd.to_timedelta(rng.integers(0, 4000, 60), "h")
    frame = pd.DataFrame({"t": times, "k": rng.integers(0, 3, 60), "n": range(60)})
    frame.loc[::7, "t"] = pd.NaT
    by = [pd.Grouper(key="t", freq=rule, **options), "k"]
    got = dd.from_pandas(frame, 4).groupby(by).n.sum()
    pd.testing.assert_series_equal(got.compute(), frame.groupby(by).n.sum())


def test_keys_that_are_refused_say_what_to_use() -> None:
    df = dd.from_pandas(FRAME, 2)
    with pytest.raises(TypeError, match="'by' and 'level'"):
        df.groupby()
    with pytest.raises(NotImplementedError, match=r"dt\.floor"):
        df.groupby([pd.Grouper(key="t", freq="7h"), "k"])
    with pytest.raises(NotImplementedError, match="reset_index"):
        df.groupby(pd.Grouper(key="t", freq="D"), as_index=False)
    with pytest.raises(NotImplementedError, match="assign it"):
        df.groupby(np.arange(7))
    with pytest.raises(NotImplementedError, match="one of"):
        df.groupby(["k"], level=0)
    groups = df.groupby("k")
    with pytest.raises(ValueError, match="no longer allowed"):
        groups.apply(len, include_groups=True)
    with pytest.raises(NotImplementedError, match="assign its columns"):
        groups[["x"]].corrwith(df.n)
    with pytest.raises(NotImplementedError, match="bins"):
        groups.x.value_counts(bins=2)


UNOBSERVED = """
max()
sum()
var()
first()
size()
agg(["min", "mean"])
agg(lambda s: s.sum())
median()
quantile(0.3)
sum(skipna=False)
nunique(dropna=False)
describe()
idxmax()
apply(len)
ngroup()
value_counts()
transform("sum")
cumsum()
head(1)
""".strip().splitlines()
CATEGORIES = pd.DataFrame(
    {
        "c": pd.Categorical(list("abcabcb"), categories=list("dcba")),
        "j": [1, 2, 1, 2, 1, 2, 2],
        "x": range(7),
    }
)


@pytest.mark.parametrize("dropna", [True, False])
@pytest.mark.parametrize("method", ["sum", "size", "var", "nunique"])
def test_rows_of_a_missing_category_tell_the_other_keys(method: str, dropna: bool) -> None:
    """Key 2 is in rows without a category only, and still makes a group with each category."""
    frame = CATEGORIES.assign(c=CATEGORIES.c.where(CATEGORIES.j == 1))
    options = {"observed": False, "dropna": dropna}
    got, wanted = (
        getattr(one.groupby(["j", "c"], **options).x, method)()
        for one in (dd.from_pandas(frame, 3), frame)
    )
    pd.testing.assert_series_equal(got.compute(), wanted)


@pytest.mark.filterwarnings("ignore:.*`meta` is not specified")
@pytest.mark.parametrize("by", ["c", ["c", "j"], ["j", "c"]], ids=str)
@pytest.mark.parametrize("call", UNOBSERVED)
@pytest.mark.parametrize("split_out", [1, 3])
def test_categories_that_no_row_has_are_there_once(by: Any, call: str, split_out: int) -> None:
    """Each partition had them all; whole numbers became floats where one had not met them yet."""
    method, _, rest = call.partition("(")
    got = getattr(dd.from_pandas(CATEGORIES, 3).groupby(by, observed=False).x, method)
    expected = getattr(CATEGORIES.groupby(by, observed=False).x, method)
    args, kwargs = eval(f"(lambda *a, **k: (a, k))({rest}")
    try:
        wanted = expected(*args, **kwargs)
    except (TypeError, ValueError):
        return  # pandas finds nothing in a group without rows
    more = {"split_out": split_out} if split_out > 1 and method in ("max", "sum", "agg") else {}
    found = got(*args, **kwargs, **more).compute()
    if method == "apply":
        found, wanted = found.sort_index(), wanted.sort_index()
    if isinstance(wanted, pd.DataFrame):
        pd.testing.assert_frame_equal(found, wanted)
    else:
        pd.testing.assert_series_equal(found, wanted)


TIMED = pd.DataFrame(
    {"x": range(40), "k": list("ab") * 20}, index=pd.date_range("2024-01-01", periods=40, freq="7h")
)
NUMBERED = TIMED.set_axis(pd.Index(sorted([*range(20), *range(0, 40, 2)]), name="id"))
OF_TIMES: list[Callable[[Any], Any]] = [
    lambda d: d.groupby(d.index.hour).x.sum(),
    lambda d: d.groupby(d.index.day_of_week).agg({"x": ["min", "max"]}),
    lambda d: d.groupby(["k", d.index.month]).x.sum(),
    lambda d: d.groupby([d.index.hour, d.index.day_of_week]).x.count(),
    lambda d: d.x.groupby(d.index.hour).median(),
    lambda d: d.groupby(d.index.floor("D")).x.transform("sum"),
    lambda d: d.groupby(d.index.date).x.cumsum(),
    lambda d: d.groupby(d.index.hour > 12).x.mean(),
    lambda d: d.groupby(d.index.hour * 100 + d.index.minute).size(),
    lambda d: d[d.index.hour > 12].groupby(lambda t: t.day).x.sum(),
]
OF_NUMBERS: list[Callable[[Any], Any]] = [
    lambda d: d.groupby(d.index % 3).x.sum(),
    lambda d: d.groupby(["k", d.index // 4]).x.max(),
    lambda d: d.groupby(d.index % 3).cumcount(),
    lambda d: d.groupby(d.index % 3)[["x"]].describe(),
    lambda d: d.groupby(-d.index).x.sum(),
]
CASES = [(TIMED, ask) for ask in OF_TIMES] + [(NUMBERED, ask) for ask in OF_NUMBERS]


@pytest.mark.parametrize("cut", ["one", "known", "unknown"])
@pytest.mark.parametrize("case", range(len(CASES)))
def test_what_is_made_of_the_index_groups_rows_by_their_places(case: int, cut: str) -> None:
    """Hours of an index are values of rows, and no labels by which rows are looked for."""
    frame, ask = CASES[case]
    lazy = dd.from_pandas(frame, npartitions=1 if cut == "one" else 3, sort=cut != "unknown")
    got, expected = ask(lazy).compute(), ask(frame)
    check = pd.testing.assert_series_equal if expected.ndim == 1 else pd.testing.assert_frame_equal
    check(got, expected, check_freq=False)


def test_an_index_of_other_rows_is_no_key() -> None:
    lazy = dd.from_pandas(TIMED, npartitions=3)
    with pytest.raises(ValueError, match="same length"):
        lazy.groupby(lazy.repartition(npartitions=2).index.hour)
    with pytest.raises(ValueError, match="match length of index"):
        lazy[lazy.x > 7].groupby(lazy.index.hour).x.sum().compute()
