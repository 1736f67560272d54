"""What does not fit is refused, with pandas' own class of error and the next step."""

from __future__ import annotations

import datetime
import sqlite3
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import shoal
import shoal.dataframe as dd
from shoal.dataframe.io.parquet import SchemaError

FRAME = pd.DataFrame({"price": [1, 2, 3, 4], "size": [1.0, 2, 3, 4], "name": list("abcd")})


@pytest.mark.parametrize(
    "text",
    [
        "d.prise",
        "d['prise']",
        "d[['size', 'prise']]",
        "d.groupby('prise')",
        "d.groupby('name')['prise']",
        "d.merge(d, on='prise')",
        "d.set_index('prise')",
        "d.sort_values('prise')",
        "d.to_parquet('memory://nowhere', partition_on='prise')",
        "d.loc[:, 'prise']",
        "d.drop(columns=['prise'])",
        "d.dropna(subset=['prise'])",
        "d.explode('prise')",
        "d.nlargest(2, 'prise')",
        "d.drop_duplicates(subset=['prise'])",
        "d.groupby('name').agg({'prise': 'sum'})",
        "d.melt(id_vars=['prise'])",
        "d.melt(value_vars='prise')",
        "d.astype({'prise': float})",
        "dd.get_dummies(d, columns=['prise'])",
        "dd.merge_asof(d, d, on='prise')",
        "dd.merge_asof(d, d, on='price', by='prise')",
    ],
)
def test_columns_that_are_not_there(text: str) -> None:
    df = dd.from_pandas(FRAME, 2)
    with pytest.raises((KeyError, AttributeError)) as caught:
        eval(text, {"d": df, "dd": dd})
    assert "did you mean 'price'" in str(caught.value)


def test_names_in_queries_that_are_not_there() -> None:
    df = dd.from_pandas(FRAME, 2)
    with pytest.raises(pd.errors.UndefinedVariableError, match="did you mean 'price'"):
        df.query("prise > 1")


@pytest.mark.parametrize(
    "text",
    [
        "d.merge(d, on='price', shuffle_method=w)",
        "d.join(d, rsuffix='_r', shuffle_method=w)",
        "d.shuffle('price', shuffle_method=w)",
        "d.set_index('price', shuffle_method=w)",
        "d.sort_values('price', shuffle_method=w)",
        "d.drop_duplicates(shuffle_method=w)",
        "d.price.drop_duplicates(shuffle_method=w)",
        "d.price.unique(shuffle_method=w)",
        "d.price.nunique(shuffle_method=w)",
        "d.groupby('name').agg({'price': 'sum'}, shuffle_method=w)",
        "d.groupby('name').price.sum(shuffle_method=w)",
        "d.groupby('name').price.cumsum(shuffle_method=w)",
        "d.groupby('name').price.apply(len, meta=('n', int), shuffle_method=w)",
        "d.groupby('name').price.transform(len, meta=('n', int), shuffle_method=w)",
    ],
)
def test_ways_to_shuffle_that_there_are_not(text: str) -> None:
    df = dd.from_pandas(FRAME, 2)
    for word in (None, "disk", "tasks", "p2p"):
        eval(text, {"d": df, "w": word})
    with pytest.raises(ValueError, match="shuffle_method='nonsense' is none of"):
        eval(text, {"d": df, "w": "nonsense"})


@pytest.mark.parametrize("text", ["d.price.nunique(dropnna=False)", "d.price.count(dropna=True)"])
def test_options_that_reductions_have_not(text: str) -> None:
    with pytest.raises(TypeError, match="got an unexpected keyword argument 'drop"):
        eval(text, {"d": dd.from_pandas(FRAME, 2)})


def test_times_as_windows_need_times_as_index() -> None:
    for one in (FRAME, dd.from_pandas(FRAME, 2)):
        with pytest.raises(ValueError, match="window must be an integer 0 or greater"):
            one.rolling("3s")
    timed = FRAME.set_axis(pd.date_range("2020", periods=4, freq="s"))[["price"]]
    found = dd.from_pandas(timed, 2).rolling("3s").sum().compute()
    pd.testing.assert_frame_equal(found, timed.rolling("3s").sum(), check_freq=False)
    rolled = dd.from_pandas(timed, 2).rolling(2)
    assert (rolled.ndim, rolled["price"].ndim) == (2, 1)
    assert rolled.exclusions == timed.rolling(2).exclusions
    assert rolled.pipe(lambda one: one.sum()).price.compute().tolist()[1:] == [3, 5, 7]


def test_a_reduction_to_a_scalar_whose_meta_is_a_series() -> None:
    column = dd.from_pandas(FRAME, 2).price
    assert column.reduction(lambda part: part.sum(), meta=("price", "int64")).compute() == 10


def test_text_for_folders_that_are_numbers(tmp_path: Any) -> None:
    dd.from_pandas(FRAME, 2).to_parquet(tmp_path / "t", partition_on="price")
    for filters in ([("price", "==", "3")], [("price", "in", ["1", "3"])]):
        with pytest.raises(ValueError, match=r"'price' compares with text.*whole numbers"):
            dd.read_parquet(tmp_path / "t", filters=filters)
    assert (
        dd.read_parquet(tmp_path / "t", filters=[("price", "in", [1, 3])]).name.compute().tolist()
    )
    for name in ("a/b", "a=b"):
        df = dd.from_pandas(FRAME.rename(columns={"price": name}), 2)
        with pytest.raises(ValueError, match="would not be read back"):
            df.to_parquet(tmp_path / "u", partition_on=name)


@pytest.mark.parametrize("rest", [0, 100])
@pytest.mark.parametrize("told", [{}, {"calculate_divisions": True}])
def test_a_file_that_is_cut_off_is_named(tmp_path: Any, rest: int, told: Any) -> None:
    dd.from_pandas(FRAME, 3).to_parquet(tmp_path)
    path = tmp_path / "part.1.parquet"
    path.write_bytes(path.read_bytes()[:rest])
    with pytest.raises((ValueError, OSError)) as caught:
        dd.read_parquet(tmp_path, **told).compute(scheduler="sync")
    assert any("part.1.parquet" in note for note in caught.value.__notes__)


def test_tables_of_hdf_that_are_not_there(tmp_path: Any) -> None:
    pytest.importorskip("tables")
    dd.from_pandas(FRAME[["price"]], 2).to_hdf(tmp_path / "t.h5", "/mine")
    with pytest.raises(KeyError, match=r"no table '/yours'.*there are /mine"):
        dd.read_hdf(tmp_path / "t.h5", "/yours")


@pytest.mark.parametrize(
    ("func", "meta", "told"),
    [
        (lambda p: p.assign(z=1), FRAME, r"Extra: +\['z'\]"),
        (lambda p: p[["price", "size"]], FRAME, r"Missing: \['name'\]"),
        (lambda p: p[["size", "name", "price"]], FRAME, "Order of columns does not match"),
        (lambda p: p.price, FRAME, "returned a Series for a partition, and meta is a DataFrame"),
        (lambda p: p, FRAME.price, "returned a DataFrame for a partition, and meta is a Series"),
    ],
)
def test_meta_that_does_not_fit(func: Any, meta: Any, told: str) -> None:
    df = dd.from_pandas(FRAME, 2).map_partitions(func, meta=meta)
    with pytest.raises(ValueError, match=told) as caught:
        df.compute()
    assert any("', 0)" in note or "', 1)" in note for note in caught.value.__notes__)


@pytest.mark.filterwarnings("ignore:`meta` is not specified")
def test_functions_whose_result_cannot_be_found_out() -> None:
    df = dd.from_pandas(FRAME, 2)
    with pytest.raises(ValueError, match=r"'broken' returns could not be found out.*Pass meta="):
        df.map_partitions(broken)
    assert dd.from_pandas(FRAME, 2).name.map(lambda text: text[0] + text[-1]).dtype == "str"


def broken(part: Any) -> Any:
    raise KeyError("it fails on what is made up")


def test_truth_values() -> None:
    df = dd.from_pandas(FRAME, 2)
    for one in (df, df.price, df.index, df.price > 1):
        with pytest.raises(ValueError, match=r"ambiguous; use a.any\(\) or a.all\(\)"):
            bool(one)


def test_axes_and_numbers_that_are_not_there() -> None:
    df = dd.from_pandas(FRAME, 2)
    with pytest.raises(ValueError, match="No axis named 2"):
        df.sum(axis=2)
    with pytest.raises(ValueError, match="split_every must be"):
        df.price.sum(split_every=1)
    with pytest.raises(ValueError, match="there are 2 partitions, no partition 7"):
        df.get_partition(7)
    with pytest.raises(TypeError, match="npartitions as an int"):
        dd.from_pandas(FRAME, npartitions="2")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="got list"):
        dd.from_pandas([1, 2])
    with pytest.raises(NotImplementedError, match="assign the result instead"):
        df.fillna(0, inplace=True)


def test_columns_that_cannot_be_joined() -> None:
    df = dd.from_pandas(FRAME, 2)
    with pytest.raises((ValueError, TypeError), match=r"merge|join"):
        df.merge(df, left_on="price", right_on="name").compute()


def test_an_engine_that_there_is_not() -> None:
    df = dd.from_pandas(FRAME, 2)
    said = pytest.raises(ValueError, match=r"'auto', 'pandas', 'columnar'.*got 'spark'")
    with shoal.config.set({"dataframe.engine": "spark"}), said:
        df.price.sum().compute()


def _files(folder, *tables):
    for i, table in enumerate(tables):
        pq.write_table(table, folder / f"part.{i}.parquet")
    return str(folder)


@pytest.mark.parametrize("damage", [b"", b"no such thing, but text", None])
def test_a_file_whose_footer_cannot_be_read_is_named_whoever_asks_for_it(tmp_path, damage):
    good = pa.table({"a": [1, 2, 3]})
    path = _files(tmp_path, good, good, good)
    bad = tmp_path / "part.1.parquet"
    bad.write_bytes(bad.read_bytes()[:-20] if damage is None else damage)
    for ask in (lambda df: df.a.sum(), lambda df: df.a.max(), len, lambda df: df):
        with pytest.raises((pa.ArrowException, OSError)) as caught:
            dd.read_parquet(path).pipe(ask).compute()
        notes = getattr(caught.value, "__notes__", [])
        assert "part.1.parquet" in str(caught.value) + "".join(notes)
    others = [str(tmp_path / f"part.{i}.parquet") for i in (0, 2)]
    assert dd.read_parquet(others).a.sum().compute() == 12


def test_times_in_a_zone_are_not_taken_for_times_without_one(tmp_path):
    times = pd.date_range("2024-01-01", periods=2)
    zoned = times.tz_localize("America/New_York")
    path = _files(tmp_path, pa.table({"t": times}), pa.table({"t": zoned}))
    with pytest.raises(SchemaError, match=r"'t' of .*part.1.parquet is timestamp.*tz"):
        dd.read_parquet(path).compute()
    with pytest.raises(SchemaError, match="write the file again with 't' as"):
        dd.read_parquet(path).t.max().compute()


def test_zones_that_differ_name_the_same_moments(tmp_path):
    times = pd.date_range("2024-01-01", periods=2, tz="UTC")
    there = times.tz_convert("Asia/Tokyo")
    found = dd.read_parquet(_files(tmp_path, pa.table({"t": times}), pa.table({"t": there})))
    assert found.t.compute().tolist() == [*times, *times]


def test_arguments_of_read_parquet_that_there_are_not_are_refused(tmp_path):
    path = _files(tmp_path, pa.table({"a": [1, 2, 3]}))
    with pytest.raises(TypeError, match="no argument 'filter'; did you mean 'filters'"):
        dd.read_parquet(path, filter=[("a", ">", 1)])
    with pytest.raises(ValueError, match="the list of paths is empty"):
        dd.read_parquet([])
    with pytest.raises(TypeError, match=r"a path is text or a pathlib\.Path; got None"):
        dd.read_parquet(None)
    assert dd.read_parquet(path, gather_statistics=False, read={}).a.sum().compute() == 6


def test_filters_that_compare_what_cannot_be_compared_are_refused_at_once(tmp_path):
    times = pd.date_range("2024-01-01", periods=3)
    path = _files(tmp_path, pa.table({"a": [1, 2, 3], "t": times, "s": ["x", "y", "z"]}))
    with pytest.raises(TypeError, match="filter on 'a' compares int64 with 'x'"):
        dd.read_parquet(path, filters=[("a", ">", "x")])
    with pytest.raises(TypeError, match="filter on 's' compares string with 5"):
        dd.read_parquet(path, filters=[[("a", ">", 1)], [("s", "==", 5)]])
    for filters, rows in (
        ([("a", ">", 1.5)], 2),
        ([("a", "in", [1, 9])], 1),
        ([("a", "not in", {1})], 2),
        ([("t", ">", pd.Timestamp("2024-01-02"))], 1),
        ([("t", "<=", datetime.datetime(2024, 1, 2))], 2),
        ([("s", "!=", "x")], 2),
        ([("a", "is not", None)], 3),
    ):
        assert len(dd.read_parquet(path, filters=filters)) == rows


def test_at_least_one_partition_and_one_row_in_each():
    frame = pd.DataFrame({"a": [1, 2]})
    for wrong in ({"npartitions": 0}, {"npartitions": -2}, {"chunksize": 0}, {"chunksize": -1}):
        [name] = wrong
        with pytest.raises(ValueError, match=f"{name} is at least 1, got {wrong[name]}"):
            dd.from_pandas(frame, **wrong)


def test_columns_that_a_table_of_a_database_has_not_are_named(tmp_path):
    uri = f"sqlite:///{tmp_path / 'data.db'}"
    with sqlite3.connect(tmp_path / "data.db") as connection:
        pd.DataFrame({"number": [1, 2], "word": ["a", "b"]}).to_sql("t", connection, index=False)
    with pytest.raises(KeyError, match="'numbre' is no column of the table 't'; did you mean"):
        dd.read_sql_table("t", uri, index_col="numbre")
    with pytest.raises(KeyError, match="'wrod' is no column of the table 't'; did you mean 'word'"):
        dd.read_sql_table("t", uri, index_col="number", columns=["wrod"])


def test_a_damaged_orc_file_is_named(tmp_path):
    dd.from_pandas(FRAME, npartitions=2).to_orc(str(tmp_path / "t"))
    bad = sorted((tmp_path / "t").iterdir())[1]
    bad.write_bytes(bad.read_bytes()[:-10])
    with pytest.raises((OSError, pa.ArrowException)) as caught:
        dd.read_orc(str(tmp_path / "t"))
    assert f"{bad.name} cannot be read as ORC" in "".join(caught.value.__notes__)


@pytest.mark.parametrize("name", ["min", "max"])
def test_extremes_of_tuples_are_tuples(name):
    objects = pd.Series([("t", i) for i in (3, 1, 2, 0)], dtype=object)
    found = getattr(dd.from_pandas(objects, npartitions=3), name)().compute()
    assert found == getattr(objects, name)()


def test_a_column_of_groups_that_is_misspelt() -> None:
    groups = dd.from_pandas(FRAME, npartitions=2).groupby("name")
    with pytest.raises(AttributeError, match="'prices'; did you mean 'price'"):
        groups.prices


def test_a_dtype_that_the_first_file_does_not_fit_names_the_column(tmp_path: Any) -> None:
    (tmp_path / "0.csv").write_text("a,b\n1,2\nx,3\n")
    with pytest.raises(ValueError, match="invalid literal") as caught:
        dd.read_csv(str(tmp_path / "0.csv"), dtype={"a": "int64"})
    assert "column 'a' has 'x' there, and is to be int64" in " ".join(caught.value.__notes__)


def test_appending_an_index_that_was_not_written(tmp_path: Any) -> None:
    lazy = dd.from_pandas(FRAME, npartitions=2)
    lazy.to_parquet(tmp_path / "data", write_index=False)
    with pytest.raises(ValueError, match="pass write_index=False"):
        lazy.to_parquet(tmp_path / "data", append=True)


def test_tables_in_json_tell_their_dtypes(tmp_path: Any) -> None:
    dd.from_pandas(FRAME, npartitions=2).to_json(str(tmp_path / "*.json"), orient="table")
    got = dd.read_json(str(tmp_path / "*.json"), orient="table").compute()
    pd.testing.assert_frame_equal(got, FRAME)
