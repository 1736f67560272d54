"""Tables cut into ranges of a column: no row is left out, whatever stands in it."""

import sqlite3

import pandas as pd
import pytest

from shoal.dataframe import read_sql_table

LABELS = {
    "numbers": [1, 2, None, 4, 5, None, 7, 8],
    "fractions": [1.5, 2, None, 4, 5, None, 7, 8],
    "times": pd.to_datetime(["2020", "2021", None, "2022", "2023", None, "2024", "2025"]),
}


@pytest.fixture(params=LABELS)
def table(tmp_path, request):
    """A table and its address; times are text there, which the driver does not write as pandas."""
    plain = pd.DataFrame({"id": LABELS[request.param], "v": range(8)})
    types = {"id": "INTEGER"} if request.param == "numbers" else None
    with sqlite3.connect(tmp_path / "t.db") as connection:
        plain.to_sql("t", connection, index=False, dtype=types)
    connection.close()
    return plain.set_index("id"), f"sqlite:///{tmp_path}/t.db"


@pytest.mark.parametrize("how", [{"npartitions": 3}, {"npartitions": 1}, {"bytes_per_chunk": 20}])
def test_rows_without_a_label_and_at_the_ends_are_read(table, how):
    plain, uri = table
    lazy = read_sql_table("t", uri, index_col="id", **how)
    found = lazy.compute()
    assert not lazy.known_divisions
    assert sorted(found.v) == sorted(plain.v)
    assert found.index.isna().sum() == 2
    assert found.index.dtype.kind == plain.index.dtype.kind == lazy.index.dtype.kind
    assert found.index.dropna().tolist() == plain.index.dropna().tolist()
    assert lazy.v.sum().compute() == plain.v.sum()


def test_bounds_that_are_told_are_kept(table):
    plain, uri = table
    some = plain.index.dropna()
    lazy = read_sql_table("t", uri, index_col="id", divisions=[some[1], some[3], some[4]])
    assert lazy.divisions == (some[1], some[3], some[4])
    assert set(lazy.compute().v) <= set(plain.v)


def test_bounds_are_known_where_no_label_is_missing(tmp_path):
    with sqlite3.connect(tmp_path / "t.db") as connection:
        pd.DataFrame({"id": range(9), "v": range(9)}).to_sql("t", connection, index=False)
    connection.close()
    lazy = read_sql_table("t", f"sqlite:///{tmp_path}/t.db", index_col="id", npartitions=2)
    assert lazy.divisions == (0, 4, 8)
    assert lazy.loc[4].compute().v.tolist() == [4]
