"""Every name of pandas' that is there, compared with pandas: a case for each, and none forgotten.

A word is an attribute or a call of what stands before the colon, of a frame ``d`` in several
partitions; "␣" is a blank.
"""

from __future__ import annotations

import functools
import re
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import shoal.dataframe as dd
from shoal.dataframe.collection.tables import REMEDIES
from shoal.dataframe.testing import assert_eq

ROWS = 12
FRAME = pd.DataFrame(
    {
        "i": [3, 1, 2, 2, 5, 4] * 2,
        "f": [0.5, None, -1.5, 2.0, None, 0.25] * 2,
        "s": ["a", "ü", None, "a b", "日本", "a"] * 2,
        "b": [True, False, True] * 4,
        "t": pd.date_range("2020-01-30", periods=ROWS, freq="17h"),
        "c": pd.Categorical(list("xyzxyz") * 2, categories=list("zyx")),
    },
    index=pd.Index([n // 2 for n in range(ROWS)], name="n"),
)
FRAME["li"] = pd.array([[1], [2, 3], []] * 4, dtype=pd.ArrowDtype(pa.list_(pa.int64())))
FRAME["st"] = pd.array([{"a": 1}] * ROWS, dtype=pd.ArrowDtype(pa.struct([("a", pa.int64())])))
NUMBERS = FRAME[["i", "f"]]
TIMES = NUMBERS.set_axis(pd.date_range("2020-01-01", periods=ROWS, freq="5h", name="when"))

CASES = {
    "DataFrame: x": """
abs() add(1) add_prefix("p_") add_suffix("_q") agg("sum") aggregate(["min","max"]) align(x)[0]
all() any() apply(lambda␣r:r.i+1,axis=1,**META) assign(z=lambda␣e:e.i*2) astype("float64") axes[1]
bfill() clip(0,2) columns combine(x,np.add) combine_first(x) compare(x+1,keep_shape=True)
convert_dtypes() copy() corr() corrwith(x.i) count() cov() cummax() cummin() cumprod() cumsum()
describe() diff() div(2) divide(2) dot(pd.Series([1.0,2.0],index=["i","f"])) drop(columns=["i"])
drop_duplicates() dropna() dtypes duplicated() empty eq(2) equals(x) eval("i+f") ewm(span=3).mean()
expanding().sum() explode("i") ffill() fillna(9) filter(items=["f"]) first_valid_index()
floordiv(2) ge(2) get("i") groupby("i").sum() gt(2) head(3,**ALL) idxmax() idxmin() iloc[:,[0]]
index infer_objects() isin([1,2]) isna() isnull()
join(x.rename(columns=str.upper)[["I"]].drop_duplicates()) keys() kurt(**PURE) kurtosis(**PURE)
last_valid_index() le(2) loc[2:4] lt(2) map(lambda␣v:v*2,**META) mask(x.i>2) max() mean()
melt().value_counts() merge(x.drop_duplicates(),on="i").set_index("i") min() mod(2) mode() mul(2)
multiply(2) ndim ne(2) nlargest(2,"i") notna() notnull() nsmallest(2,"f") nunique() pct_change()
pipe(lambda␣e:e+1) pow(2) prod() product() quantile(0.5) query("i>2") radd(1) rank() rdiv(2)
reindex(columns=["f","z"]) rename(columns={"i":"j"}) rename_axis("m") replace(2,20)
reset_index(drop=True).sum() rfloordiv(7) rmod(7) rmul(2) rolling(2).sum() round(0) rpow(2) rsub(1)
rtruediv(2) select_dtypes("float") sem() set_axis(["p","q"],axis=1) set_index("i") shift(1) size
skew(**PURE) sort_index() sort_values("i") squeeze() stack() std() sub(1) subtract(1) sum()
tail(3,**NOW) to_dict(orient="list")["i"] to_numpy()
transform(lambda␣e:e+1,**META) truediv(2) truncate(1,3) value_counts() values var() where(x.i>2)
memory_usage(index=False) shape[1] median() sample(frac=1.0).sum() drop(index=[0,1])
describe().T describe().transpose() describe().reindex(["max","none"])
""",
    "DataFrame: w": """
asfreq("5h") at_time("05:00") between_time("00:00","06:00") resample("D").sum() to_period("D")
tz_localize("UTC") interpolate() to_period("D").to_timestamp()
tz_localize("UTC").tz_convert("Asia/Tokyo")
""",
    "Series: d.i": """
T abs() add(1) add_prefix("p") add_suffix("q") agg("sum") aggregate(["min","max"]) align(d.f)[1]
all() any() apply(lambda␣v:v+1,**META) argmax() argmin() astype("float64") autocorr(1) axes[0]
between(2,4) bfill() case_when([(d.i>2,9),(d.b,d.f)]) clip(2,4) combine(d.i,max) combine_first(d.i)
compare(d.i+1) convert_dtypes() copy() corr(d.f) count() cov(d.f) cummax() cummin() cumprod()
cumsum() describe() diff() div(2) divide(2) divmod(2)[0] dot(d.i) drop_duplicates() dropna() dtype
dtypes duplicated() empty eq(2) equals(d.i) ewm(span=3).mean() expanding().sum() explode() ffill()
fillna(9) first_valid_index() floordiv(2) ge(2) groupby(d.b).sum() gt(2) hasnans head(3,**ALL)
idxmax() idxmin() index infer_objects() is_monotonic_decreasing is_monotonic_increasing is_unique
isin([1,2]) isna() isnull() kurt(**PURE) kurtosis(**PURE) last_valid_index() le(2) loc[2:4] lt(2)
map(lambda␣v:v*2,**META) mask(d.i>2) max() mean() memory_usage(index=False) min() mod(2) mode()
mul(2) multiply(2) name nbytes ndim ne(2) nlargest(2) notna() notnull() nsmallest(2) nunique()
pct_change() pipe(lambda␣e:e+1) pow(2) prod() product() quantile(0.5) radd(1) rank() rdiv(2)
rdivmod(7)[1] rename("z") rename_axis("m") repeat(2) replace(2,20) reset_index(drop=True).sum()
rfloordiv(7) rmod(7) rmul(2) rolling(2).sum() round(0) rpow(2) rsub(1) rtruediv(2) sem() shape[0]
size skew(**PURE) sort_index() sort_values() squeeze() std() sub(1) subtract(1) sum() tail(3,**NOW)
to_dict() to_frame() to_list() to_numpy() tolist() transform(lambda␣e:e+1,**META)
transpose() truediv(2) truncate(1,3) unique() value_counts() values var() where(d.i>2) shift(1)
keys() median() sample(frac=1.0).sum() drop([0,1]) describe().reindex(["max","none"])
isin(d.i[d.i>2])
""",
    "Series: w.f": """
asfreq("5h") at_time("05:00") between_time("00:00","06:00") resample("D").sum() to_period("D")
tz_localize("UTC") interpolate() to_period("D").to_timestamp()
tz_localize("UTC").tz_convert("Asia/Tokyo")
""",
    "Series: d": "s.str.len() t.dt.day c.cat.codes li.list.len() st.struct.field('a')",
    "Index: d.index": """
T all() any() append(d.index) argmax() argmin() astype("float64") copy() drop_duplicates() dropna()
dtype empty equals(d.index) fillna(3) get_level_values(0) has_duplicates hasnans identical(d.index)
infer_objects() inferred_type is_(d.index) is_monotonic_decreasing is_monotonic_increasing
is_unique isin([1,2]) isna() isnull() map(lambda␣v:v*2,**META) max() min() name names nbytes ndim
nlevels notna() notnull() nunique() ravel() rename("z") repeat(2) searchsorted(3) set_names("z")
shape[0] size to_flat_index() to_frame() to_list() to_numpy() to_series() tolist() transpose()
unique() value_counts() values view() where(d.i>2) putmask(d.index>2,9)
""",
    "Index: w.index": """
as_unit("ns") ceil("D") date day day_name() day_of_week day_of_year dayofweek dayofyear
days_in_month daysinmonth floor("D") hour is_leap_year is_month_end is_month_start is_quarter_end
is_quarter_start is_year_end is_year_start isocalendar() mean() microsecond minute month
month_name() nanosecond normalize() quarter round("D") second shift(1,"D") snap("D") std()
strftime("%Y") time timetz to_julian_date() to_period("D") tz tz_localize("UTC") tzinfo unit
weekday year tz_localize("UTC").tz_convert("Asia/Tokyo")
""",
    "str: d.s.str": """
capitalize() casefold() cat(d.s) cat() cat(sep=",",na_rep="-")
center(5) contains("a") count("a") encode("utf8") endswith("b")
extract("(a)") find("a") findall("a") fullmatch("a") get(0) isalnum() isalpha() isascii()
isdecimal() isdigit() islower() isnumeric() isspace() istitle() isupper() join("-") len() ljust(5)
lower() lstrip() match("a") normalize("NFC") pad(5) partition() removeprefix("a") removesuffix("b")
repeat(2) replace("a","z") rfind("a") rjust(5) rpartition() rsplit() rstrip() slice(0,1)
slice_replace(0,1,"q") split() startswith("a") strip() swapcase() title() translate({97:"z"})
upper() wrap(3) zfill(4) get_dummies("␣") extractall("(a)") index("") rindex("")
encode("utf8").str.decode("utf8")
""",
    "dt: d.t.dt": """
as_unit("ns") ceil("D") date day day_name() day_of_week day_of_year dayofweek dayofyear
days_in_month daysinmonth floor("D") hour is_leap_year is_month_end is_month_start is_quarter_end
is_quarter_start is_year_end is_year_start isocalendar() microsecond minute month month_name()
nanosecond normalize() quarter round("D") second strftime("%Y") time timetz to_period("D") tz
tz_localize("UTC") unit weekday year tz_localize("UTC").dt.tz_convert("Asia/Tokyo")
""",
    "cat: d.c.cat": """
add_categories("w") as_ordered() as_unordered() categories codes ordered remove_categories("x")
remove_unused_categories() rename_categories(list("pqr")) reorder_categories(list("xyz"))
set_categories(list("xy"))
""",
    "list: d.li.list": "len() flatten()",
    "struct: d.st.struct": "field('a') explode() dtypes",
    "GroupBy: g": """
agg("sum") aggregate("mean") all() any() apply(lambda␣e:e.f.sum(),**META) bfill() corr() count()
cov() cumcount() cummax() cummin() cumprod() cumsum() describe() diff() ewm(1).mean()
expanding().sum() ffill() filter(lambda␣e:len(e)>1) first() get_group(2) head(1) kurt() last()
max() mean() median() min() ndim ngroup() ngroups nth(0) nunique() pct_change() idxmax() idxmin()
pipe(lambda␣e:e.sum()) prod() quantile(0.5) rank() rolling(2).sum() sem() shift() size() skew()
std() sum() tail(1) take([0]) transform("sum") value_counts() var()
""",
    "SeriesGroupBy: w.groupby('i').f": "corr(w.i) cov(w.f)",
    "SeriesGroupBy: g.f": """
agg("sum") aggregate("mean") all() any() apply(lambda␣e:e.sum(),**META) bfill() count() cumcount()
cummax() cummin() cumprod() cumsum() describe() diff() ewm(1).mean() expanding().sum() ffill()
filter(lambda␣e:len(e)>1) first() get_group(2) head(1) kurt() last() max() mean() median() min()
ndim ngroup() ngroups nlargest(1) nsmallest(1) nth(0) nunique() ohlc() pct_change()
pipe(lambda␣e:e.sum()) prod() quantile(0.5) rank() rolling(2).sum() sem() shift() size() skew()
std() sum() tail(1) take([0]) transform("sum") unique() value_counts() var() idxmax() idxmin()
is_monotonic_decreasing is_monotonic_increasing
""",
}
"""By class and receiver: ``x`` are numbers, ``w`` numbers by time, ``g`` a grouping of ``d``."""


ELSEWHERE = {
    "DataFrame": "to_xarray to_clipboard to_csv to_excel to_feather to_hdf to_iceberg to_orc "
    "to_parquet to_pickle to_html to_json to_records to_sql to_stata to_string to_xml from_arrow "
    "info from_dict insert isetitem items iterrows itertuples pivot pivot_table pop T "
    "swaplevel transpose unstack to_latex to_markdown to_timestamp tz_convert update "
    "droplevel reorder_levels xs asof",
    "Series": "to_xarray dt list str struct items to_json to_string to_clipboard to_csv to_excel "
    "to_hdf to_latex to_markdown to_pickle to_sql to_timestamp tz_convert update "
    "droplevel filter item searchsorted cat reindex unstack swaplevel reorder_levels "
    "asof",
    "Index": "dt str droplevel memory_usage item replace tz_convert",
    "GroupBy": "corrwith keys ohlc resample sample",
    "SeriesGroupBy": "keys resample sample",
    "str": "decode",
    "dt": "freq to_pydatetime tz_convert",
}
"""Names with a test of their own: files, chance, changes in place, what needs another frame."""


@functools.cache
def names(lazy: bool) -> dict[str, Any]:
    def made(frame: Any) -> Any:
        return dd.from_pandas(frame, npartitions=3) if lazy else frame

    return {
        "d": made(FRAME),
        "x": made(NUMBERS),
        "w": made(TIMES),
        "g": made(FRAME[["i", "f"]].dropna()).groupby("i"),
        "META": {},
        "PURE": {"bias": False} if lazy else {},
        "ALL": {"npartitions": -1} if lazy else {},
        "NOW": {"compute": False} if lazy else {},
        "pd": pd,
        "np": np,
    }


def evaluated(text: str, module: Any) -> Any:
    return eval(text.replace("␣", " "), dict(names(module is dd)))


def cases() -> list[tuple[str, str]]:
    return [
        (where.partition(": ")[2], word) for where, words in CASES.items() for word in words.split()
    ]


def plain(item: Any) -> Any:
    """A result in memory, as what `assert_eq` compares or what ``==`` does."""
    item = item.compute(scheduler="sync") if hasattr(item, "dask") else item
    if isinstance(item, np.ndarray | pd.api.extensions.ExtensionArray):
        return item.tolist()
    return item


@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore:.*meta:UserWarning")
@pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")
@pytest.mark.parametrize(("receiver", "word"), cases())
def test_as_pandas(receiver: str, word: str) -> None:
    text = f"{receiver}.{word}"
    got, expected = plain(evaluated(text, dd)), plain(evaluated(text, pd))
    if isinstance(expected, list):
        assert str(got if isinstance(got, list) else got.tolist()) == str(expected)
    elif isinstance(expected, pd.Index):
        assert_eq(got, expected)
    elif isinstance(expected, pd.DataFrame | pd.Series):
        assert_eq(got, expected, check_freq=False, check_index_type=False)
    elif isinstance(expected, float):
        assert got == pytest.approx(expected, nan_ok=True)
    else:
        assert got == expected


@pytest.mark.parametrize("kind", sorted({where.partition(":")[0] for where in CASES}))
def test_no_name_is_forgotten(kind: str) -> None:
    told = [words for where, words in CASES.items() if where.partition(":")[0] == kind]
    done = {name for words in told for name in re.findall(r"(?:^|\s)(\w+)", words)}
    done |= set(ELSEWHERE.get(kind, "").split())
    receiver = next(where.partition(": ")[2] for where in CASES if where.startswith(f"{kind}:"))
    if kind == "Index":
        receiver = "w.index"
    known = [n for n in dir(type(evaluated(receiver, pd))) if not n.startswith("_")]
    refused = REMEDIES.get("GroupBy" if "GroupBy" in kind else kind, {})
    assert not [name for name in known if name not in done and name not in refused]
