"""Files and databases besides Parquet: there and back, in blocks, and what does not fit."""

from __future__ import annotations

import gzip
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.orc as orc
import pytest

import shoal
import shoal.dataframe as dd
from shoal.dataframe.io import hdf
from shoal.dataframe.io.sql import _TableWriter
from shoal.datasets import make_people, timeseries
from shoal.distributed import Client
from shoal.errors import NoFilesError

FRAME = pd.DataFrame(
    {
        "a": [1, 2, 3, 4, 5],
        "s": ["x", "ü y", None, "007", "日本"],
        "f": [1.5, None, -3.0, 0.0, 2.25],
        "b": [True, False, True, True, False],
    }
)


def same(got: Any, expected: Any) -> None:
    pd.testing.assert_frame_equal(got.compute().reset_index(drop=True), expected)


# ---------------------------------------------------------------------------------------- CSV


@pytest.mark.parametrize("blocksize", [9, 40, None])
@pytest.mark.parametrize("options", [{}, {"sep": ";"}, {"encoding": "latin-1"}])
def test_csv_there_and_back(options: Any, blocksize: Any, tmp_path: Path) -> None:
    frame = FRAME.replace("日本", "n") if "encoding" in options else FRAME
    dd.from_pandas(frame, 2).to_csv(str(tmp_path / "*.csv"), index=False, **options)
    df = dd.read_csv(str(tmp_path / "*.csv"), blocksize=blocksize, **options)
    same(df, frame)
    same(df[["f", "a"]], frame[["f", "a"]])
    assert len(df) == 5


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("# hi\n\nx,y\n1,a\n2,b\n3,c\n4,5\n", {"comment": "#"}),
        ("junk\nx,y\n1,a\n2,b\n3,c\n4,5\n", {"skiprows": 1}),
        ("junk\n1,a\n2,b\n3,c\n4,5\n", {"skiprows": 1, "header": None}),
        ("1,a\n2,b\n3,c\n4,5\n", {"names": ["x", "y"]}),
        ("x,y,z\n1,a,0\n2,b,0\n3,c,0\n4,5,0\n", {"usecols": ["y", "x"]}),
        ("x,y\n1,2020-01-01\n2,2020-01-02\n3,\n", {"parse_dates": ["y"]}),
        ("x,y\n1,a\n2,b\n3,a\n", {"dtype": {"y": "category", "x": "float64"}}),
        ("x,y\n1,a\n2,b\n3,a\n", {"dtype": "object"}),
        ("x,y\n1,a\n2,b\n3,a\n", {"usecols": [1]}),
        ("x,y\n1,a\n2,b\n3,a\n", {"usecols": lambda name: name != "y"}),
        ("x,y\n1,a\n2,b\n3,a\n", {"engine": "pyarrow"}),
    ],
)
def test_csv_in_blocks_is_what_pandas_reads(text: str, options: Any, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(text)
    expected = pd.read_csv(tmp_path / "t.csv", **options)
    with pytest.raises(ValueError, match="ends before the first row"):
        dd.read_csv(str(tmp_path / "t.csv"), blocksize=1, skiprows=1).compute(scheduler="sync")
    for blocksize in (14, 19, None):
        df = dd.read_csv(str(tmp_path / "t.csv"), blocksize=blocksize, **options)
        got = df.compute().reset_index(drop=True)
        if "y" in expected and isinstance(expected.y.dtype, pd.CategoricalDtype):
            got["y"] = got.y.cat.set_categories(expected.y.cat.categories)
        pd.testing.assert_frame_equal(got, expected)


def test_text_stays_text_in_every_block(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("k\n" + "abc\n" * 5 + "007\n" * 9)
    df = dd.read_csv(str(tmp_path / "t.csv"), blocksize=12, sample=12)
    assert df.k.compute().tolist() == ["abc"] * 5 + ["007"] * 9


def test_options_that_name_columns_that_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("t,k,x\n2020-01-01,a,1\n2020-01-02,b,2\n2020-01-03,a,3\n")
    told = {"parse_dates": ["t"], "dtype": {"k": "category"}, "converters": {"x": int}}
    df = dd.read_csv(str(tmp_path / "t.csv"), blocksize=25, **told)
    assert df.x.sum().compute() == 6
    assert df.t.max().compute() == pd.Timestamp("2020-01-03")
    assert df.groupby("k", observed=True).x.sum().compute().to_dict() == {"a": 4, "b": 2}


def test_other_ways_to_read_text(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("x\ty\n1\ta\n2\tb\n")
    assert dd.read_table(str(tmp_path / "t.tsv"), blocksize=5).x.compute().tolist() == [1, 2]
    (tmp_path / "t.txt").write_text("name   n\nann   10\nbob    7\n")
    df = dd.read_fwf(str(tmp_path / "t.txt"), blocksize=10)
    same(df, pd.read_fwf(tmp_path / "t.txt"))
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"x\n1\n2\n"))
    with pytest.warns(UserWarning, match="gzip compression does not support breaking"):
        df = dd.read_csv(str(tmp_path / "t.csv.gz"), blocksize=2)
    assert df.x.sum().compute() == 3
    df = dd.read_csv(str(tmp_path / "t.tsv"), sep="\t", include_path_column="from")
    assert df["from"].compute().astype(str).str.endswith("t.tsv").all()
    assert dd.read_csv(str(tmp_path / "t.tsv"), sep="\t", assume_missing=True).x.dtype == float


def test_one_csv_file(tmp_path: Path) -> None:
    df = dd.from_pandas(FRAME, 3)
    (name,) = df.to_csv(str(tmp_path / "t.csv"), single_file=True, index=False)
    pd.testing.assert_frame_equal(pd.read_csv(name), FRAME)
    df.to_csv(name, single_file=True, index=False, mode="at", header=False)
    assert len(pd.read_csv(name)) == 10
    with pytest.raises(FileExistsError, match=r"t.csv is there"):
        df.to_csv(name, single_file=True, mode="xt")
    with pytest.raises(ValueError, match="header_first_partition_only"):
        df.to_csv(name, single_file=True, header_first_partition_only=False)


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "0.csv").write_text("old")

    def fails(part: Any) -> Any:
        if 3 in part.a.to_numpy():
            raise ZeroDivisionError
        return part

    df = dd.from_pandas(FRAME, 5).map_partitions(fails, meta=FRAME)
    with pytest.raises(ZeroDivisionError):
        df.to_csv(str(tmp_path / "*.csv"))
    assert [one.name for one in tmp_path.glob("*.csv")] == ["0.csv"]
    assert (tmp_path / "0.csv").read_text() == "old"


def test_csv_that_does_not_fit(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("x,y\n" + "1,True\n" * 50)
    (tmp_path / "2.csv").write_text("x,y\n1,\n2.5,True\n")
    (tmp_path / "3.csv").write_text("x,z\n1,2\n")
    with pytest.raises(ValueError, match=r"(?s)2.csv, from byte 0:.*x: found float64.*dtype="):
        dd.read_csv(str(tmp_path / "[12].csv")).compute()
    with pytest.raises(ValueError, match="y: found object, expected bool"):
        dd.read_csv(str(tmp_path / "[12].csv")).y.compute()
    with pytest.raises(ValueError, match=r"3.csv has \['x', 'z'\].*missing \['y'\], more \['z'\]"):
        dd.read_csv(str(tmp_path / "[13].csv")).compute()
    for name in ("index_col", "nrows", "chunksize", "iterator"):
        with pytest.raises(ValueError, match=r"Use .* instead"):
            dd.read_csv(str(tmp_path / "1.csv"), **{name: 2})


# --------------------------------------------------------------------------------------- JSON


@pytest.mark.parametrize("blocksize", [5, 60, None])
def test_json_lines(blocksize: Any, tmp_path: Path) -> None:
    dd.from_pandas(FRAME, 2).to_json(str(tmp_path / "*.json"))
    same(dd.read_json(str(tmp_path / "*.json"), blocksize=blocksize), FRAME)


def test_json_of_other_forms(tmp_path: Path) -> None:
    dd.from_pandas(FRAME, 2).to_json(str(tmp_path / "*.json"), orient="split")
    got = dd.read_json(str(tmp_path / "*.json"), orient="split", include_path_column=True)
    assert got.npartitions == 2
    same(got.drop(columns="path"), FRAME)
    with pytest.raises(ValueError, match="only allowed for JSON-lines"):
        dd.read_json(str(tmp_path / "*.json"), orient="split", blocksize=3)
    with pytest.raises(ValueError, match="only available with orient='records'"):
        dd.from_pandas(FRAME, 1).to_json(str(tmp_path), orient="split", lines=True)


def test_json_that_does_not_fit(tmp_path: Path) -> None:
    (tmp_path / "1.json").write_text('{"x": 1}\n' * 9)
    (tmp_path / "2.json").write_text('{"x": null}\n')
    (tmp_path / "3.json").write_text('{"y": 1}\n')
    (tmp_path / "4.json").write_text('{"y": 1')
    with pytest.raises(ValueError, match=r"2.json, from byte 0: column 'x' is"):
        dd.read_json(str(tmp_path / "[12].json")).compute()
    with pytest.raises(ValueError, match=r"3.json, from byte 0, has no 'x'"):
        dd.read_json(str(tmp_path / "[13].json")).compute()
    with pytest.raises(ValueError, match=r".") as caught:
        dd.read_json(str(tmp_path / "[14].json")).compute()
    assert any("4.json" in note for note in caught.value.__notes__)


# ------------------------------------------------------------------------------------- others


def test_orc(tmp_path: Path) -> None:
    dd.from_pandas(FRAME, 2).to_orc(str(tmp_path), write_index=False)
    df = dd.read_orc(str(tmp_path))
    same(df, FRAME)
    assert df[["f"]].f.sum().compute() == FRAME.f.sum()
    assert len(df) == 5
    assert dd.read_orc(str(tmp_path), index="a").index.compute().tolist() == [1, 2, 3, 4, 5]
    with pytest.raises(KeyError, match="did you mean 'f'"):
        dd.read_orc(str(tmp_path), columns=["ff"])
    dd.from_pandas(FRAME[["a"]], 1).to_orc(str(tmp_path / "other"), write_index=False)
    with pytest.raises(ValueError, match=r"Incompatible schemas: .*part.0.orc has"):
        dd.read_orc([str(tmp_path), str(tmp_path / "other")])


def test_databases(tmp_path: Path) -> None:
    sa = pytest.importorskip("sqlalchemy")
    uri = f"sqlite:///{tmp_path}/t.db"
    frame = FRAME.assign(t=pd.date_range("2020-01-01", periods=5, freq="7h")).rename_axis("n")
    df = dd.from_pandas(frame, 2)
    df.to_sql("t", uri)
    for parts in (1, 2, 7):
        got = dd.read_sql_table("t", uri, "n", npartitions=parts)
        assert got.npartitions == parts
        pd.testing.assert_frame_equal(got.compute(), frame, check_dtype=False)
    assert (
        dd.read_sql_table("t", uri, "n", columns=["a"], divisions=[0, 2, 3]).a.sum().compute() == 10
    )
    assert dd.read_sql_table("t", uri, "t", npartitions=3).a.sum().compute() == 15
    query = sa.select(sa.column("n"), sa.column("a")).select_from(sa.table("t"))
    assert dd.read_sql(query, uri, "n", npartitions=2).a.max().compute() == 5
    df.to_sql("t", uri, if_exists="append", parallel=True)
    assert len(dd.read_sql("t", uri, "n")) == 10
    with pytest.raises(ValueError, match="already exists"):
        df.to_sql("t", uri)
    with pytest.raises(TypeError, match="must be numeric or datetime"):
        dd.read_sql_table("t", uri, "s", npartitions=2)
    with pytest.raises(ValueError, match="URI to be a string"):
        df.to_sql("t", sa.create_engine(uri))
    with pytest.raises(ValueError, match="got text"):
        dd.read_sql_query("select * from t", uri, "n")


@pytest.mark.parametrize("parallel", [False, True])
@pytest.mark.parametrize("if_exists", ["fail", "replace", "append"])
def test_rows_are_in_a_table_once_though_their_tasks_run_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parallel: bool, if_exists: str
) -> None:
    sa = pytest.importorskip("sqlalchemy")
    uri = f"sqlite:///{tmp_path}/t.db"
    if if_exists != "fail":
        FRAME.to_sql("t", uri)
    once = _TableWriter.__call__

    def again(writer: Any, *args: Any) -> Any:
        once(writer, *args)
        return once(writer, *args)

    monkeypatch.setattr(_TableWriter, "__call__", again)
    df = dd.from_pandas(FRAME, 3)
    df.to_sql("t", uri, if_exists=if_exists, parallel=parallel)
    want = pd.concat([FRAME] * (2 if if_exists == "append" else 1))
    got = pd.read_sql("select * from t", uri)
    assert sorted(got.a) == sorted(want.a)
    shoal.compute(df.to_sql("t", uri, if_exists="replace", parallel=parallel, compute=False))
    assert sorted(pd.read_sql("select * from t", uri).a) == sorted(FRAME.a)
    with pytest.raises(ValueError, match="already exists"):
        df.to_sql("t", uri)
    assert sa.inspect(sa.create_engine(uri)).get_table_names() == ["t"]


def test_what_a_table_refuses_is_an_error(tmp_path: Path) -> None:
    sa = pytest.importorskip("sqlalchemy")
    uri = f"sqlite:///{tmp_path}/t.db"
    engine = sa.create_engine(uri)
    with engine.begin() as connection:
        connection.execute(sa.text('create table t ("index" integer, a integer unique)'))
    frame = pd.DataFrame({"a": [1, 2, 3, 3]})
    with pytest.raises(pd.errors.DatabaseError, match="UNIQUE"):
        dd.from_pandas(frame, 2).to_sql("t", uri, if_exists="append")
    assert pd.read_sql("select * from t", uri).a.tolist() == [1, 2]
    assert sa.inspect(engine).get_table_names() == ["t"]


def test_a_database_whose_first_rows_mislead(tmp_path: Path) -> None:
    pytest.importorskip("sqlalchemy")
    uri = f"sqlite:///{tmp_path}/t.db"
    frame = pd.DataFrame({"n": range(20), "x": [1] * 10 + [None] * 10})
    frame.astype({"x": "Int64"}).to_sql("t", uri, index=False)
    with pytest.raises(ValueError, match=r"'x' is .* where n is from .*, and int64 in the first"):
        dd.read_sql_table("t", uri, "n", npartitions=2).compute()


def test_numbers_among_text_in_a_later_block_are_said(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text('{"m": "a"}\n' * 6 + '{"m": 1}\n{"m": null}\n' * 3)
    with pytest.raises(ValueError, match=r"'m' is .*, and str in the sample; pass dtype=.*ob"):
        dd.read_json(str(path), blocksize=30, sample=20).compute()
    path.write_text('{"m": "a"}\n' * 6 + '{"m": "007"}\n{"m": null}\n' * 3 + '{"m": null}\n' * 6)
    found = dd.read_json(str(path), blocksize=30, sample=20).m.compute()
    assert found.dtype == "str" and found.dropna().tolist() == ["a"] * 6 + ["007"] * 3
    pytest.importorskip("sqlalchemy")
    uri = f"sqlite:///{tmp_path}/t.db"
    pd.DataFrame({"n": range(20)}).to_sql("t", uri, index=False)
    with sqlite3.connect(tmp_path / "t.db") as there:  # which takes anything anywhere
        there.execute(
            "create table u as select n, case when n < 10 then 'a' else 1 end as m from t"
        )
    with pytest.raises(ValueError, match=r"'m' is .*, and str in the first rows"):
        dd.read_sql_table("u", uri, "n", npartitions=2).compute()


def test_rows_at_the_ends_of_a_database_are_in_a_range(tmp_path: Path) -> None:
    pytest.importorskip("sqlalchemy")
    uri = f"sqlite:///{tmp_path}/t.db"
    # No float is as near to these as they are to each other.
    ends = [-(2**61) - 1, 2**60 + 5, 2**61 + 1]
    pd.DataFrame({"n": ends, "x": [1, 2, 3]}).to_sql("t", uri, index=False)
    for parts in (1, 2, 5):
        got = dd.read_sql_table("t", uri, "n", npartitions=parts)
        assert got.divisions[0] == ends[0] and got.divisions[-1] == ends[-1]
        assert got.x.compute().tolist() == [1, 2, 3]


WRITTEN: dict[str, Callable[[pd.DataFrame, str], object]] = {
    "orc": lambda frame, to: orc.write_table(pa.Table.from_pandas(frame), to),
    "parquet": lambda frame, to: frame.to_parquet(to),
    "csv": lambda frame, to: frame.to_csv(to, index=False),
    "sql": lambda frame, to: frame.to_sql("t", f"sqlite:///{to}", if_exists="replace"),
}
READ: dict[str, Callable[[str], Any]] = {
    "orc": lambda to: dd.read_orc(to),
    "parquet": lambda to: dd.from_arrow(pads.dataset(to)),
    "csv": lambda to: dd.read_csv(to),
    "sql": lambda to: dd.read_sql_table("t", f"sqlite:///{to}", "index", npartitions=1),
}


@pytest.mark.parametrize("kind", [*WRITTEN])
def test_what_is_written_again_is_read_again(tmp_path: Path, kind: str) -> None:
    if kind == "sql":
        pytest.importorskip("sqlalchemy")
    to = str(tmp_path / "t")
    with Client(n_workers=1, threads_per_worker=1, processes=False):
        for values in ([1, 2], [3, 4]):
            WRITTEN[kind](pd.DataFrame({"x": values}), to)
            # A cluster has a result as long as somebody holds it.
            held = READ[kind](to).persist()
            assert held.x.compute().tolist() == values


def test_a_folder_without_files_is_said(tmp_path: Path) -> None:
    with pytest.raises(NoFilesError, match="no ORC files in"):
        dd.read_orc(str(tmp_path))


def test_rows_of_hdf_are_written_once_where_a_task_runs_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tables")
    frame = pd.DataFrame({"x": range(6), "s": list("abcdef")})
    name = str(tmp_path / "t.h5")
    write = hdf._write

    def twice(*args: Any) -> Any:
        assert write(*args) == write(*args)
        return write(*args)

    monkeypatch.setattr(hdf, "_write", twice)
    for compute in (True, False):
        lazy = dd.from_pandas(frame, 3).to_hdf(
            name, "/x", append=True, compute=compute, data_columns=["s"]
        )
        if not compute:
            lazy.compute(scheduler="sync")
    pd.testing.assert_frame_equal(pd.read_hdf(name, "/x"), pd.concat([frame, frame]))
    dd.from_pandas(frame, 3).to_hdf(name, "/y", mode="w", append=True)
    pd.testing.assert_frame_equal(pd.read_hdf(name, "/y"), frame)
    dd.from_pandas(frame, 3).to_hdf(name, "/y_*", append=True)
    dd.from_pandas(frame, 3).to_hdf(name, "/y_*", append=True)
    assert len(pd.read_hdf(name, "/y_1")) == 4
    dd.from_pandas(frame, 3).to_hdf(name, "/y")
    pd.testing.assert_frame_equal(pd.read_hdf(name, "/y"), frame)


def test_hdf(tmp_path: Path) -> None:
    pytest.importorskip("tables")
    frame = FRAME[["a", "f"]]
    name = str(tmp_path / "t.h5")
    dd.from_pandas(frame, 2).to_hdf(name, "/x")
    df = dd.read_hdf(name, "/x", chunksize=2, sorted_index=True)
    assert df.divisions == (0, 2, 4, 4)
    pd.testing.assert_frame_equal(df.compute(), frame)
    dd.from_pandas(frame, 2).to_hdf(str(tmp_path / "p-*.h5"), "/x")
    same(dd.read_hdf(str(tmp_path / "p-*.h5"), "/x"), frame)
    frame.to_hdf(tmp_path / "fixed.h5", key="x", format="fixed")
    with pytest.raises(TypeError, match="fixed format"):
        dd.read_hdf(str(tmp_path / "fixed.h5"), "/x")
    with pytest.raises(ValueError, match="number of rows"):
        dd.read_hdf(name, "/x", stop=99)


def test_arrow(tmp_path: Path) -> None:
    df = dd.from_pandas(FRAME, 2)
    table = pa.table(df)
    assert table.num_rows == 5
    pd.testing.assert_frame_equal(table.to_pandas(), FRAME)
    same(dd.from_arrow(table, npartitions=2), FRAME)
    same(dd.DataFrame.from_arrow(df), FRAME)
    df.to_parquet(str(tmp_path), write_index=False)
    got = dd.from_arrow(pads.dataset(str(tmp_path)))
    assert (got.npartitions, len(got)) == (2, 5)
    assert got[["f"]].f.sum().compute() == FRAME.f.sum()
    with pytest.raises(KeyError, match="did you mean 'f'"):
        dd.from_arrow(pads.dataset(str(tmp_path)), columns=["ff"])
    with pytest.raises(TypeError, match="got int"):
        dd.from_arrow(5)


def test_delta_lake(tmp_path: Path) -> None:
    deltalake = pytest.importorskip("deltalake")
    table = pa.table(FRAME[["a", "f"]])
    deltalake.write_deltalake(str(tmp_path), table)
    deltalake.write_deltalake(str(tmp_path), table, mode="append")
    assert dd.read_deltalake(str(tmp_path)).a.sum().compute() == 30
    assert dd.read_deltalake(str(tmp_path), version=0).a.sum().compute() == 15


def test_made_up_data() -> None:
    kinds = {"u": str, "v": int, "w": float, "c": "category", "o": object, "b": bool}
    df = timeseries("2000-01-01", "2000-01-03", "1h", dtypes=kinds, seed=3, v_lam=5, w_low=0)
    whole = df.compute()
    assert df.divisions == tuple(pd.date_range("2000-01-01", periods=3, freq="D"))
    assert len(whole) == 48
    assert whole.w.between(0, 1).all()
    assert df[["v"]].v.sum().compute() == whole.v.sum()
    pd.testing.assert_frame_equal(
        whole,
        timeseries(
            "2000-01-01", "2000-01-03", "1h", dtypes=kinds, seed=3, v_lam=5, w_low=0
        ).compute(),
    )
    assert isinstance(df.c.dtype, pd.CategoricalDtype)
    assert df.o.dtype == np.dtype("O")
    with pytest.raises(ValueError, match="'x' cannot be of dtype"):
        timeseries(dtypes={"x": "M8[ns]"})
    assert make_people(2, 3, seed=1).compute() == make_people(2, 3, seed=1).compute()


@pytest.mark.parametrize(
    ("cell", "dtype", "told"),
    [
        ("abc", "int64", "'abc'"),
        ("2.5", "int64", "'2.5'"),
        ("", "int64", "a missing value (row 1 of the block)"),
        ("abc", "float64", "'abc'"),
        ("maybe", "Int64", "'maybe'"),
    ],
)
def test_a_cell_that_is_not_of_the_given_dtype_is_named_with_file_and_column(
    tmp_path: Any, cell: str, dtype: str, told: str
) -> None:
    (tmp_path / "0.csv").write_text("y,x\n1,1\n")
    (tmp_path / "1.csv").write_text(f"y,x\n1,2\n2,{cell}\n")
    with pytest.raises(ValueError) as caught:
        dd.read_csv(f"{tmp_path}/*.csv", dtype={"x": dtype}).compute(scheduler="sync")
    notes = "\n".join(caught.value.__notes__)
    assert f"while reading {tmp_path}/1.csv, from byte 0" in notes
    assert f"column 'x' has {told} there, and is to be {dtype}" in notes
    assert "'y'" not in notes
