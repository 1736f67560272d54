"""Writing and reading Parquet: folders by value, appending, filters of all shapes."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import shoal.dataframe as dd

FRAME = pd.DataFrame({"k": list("abcab"), "x": range(5), "y": [0.5, None, 2.5, 3.5, 4.5]})


def write(where: Path, **options: Any) -> str:
    dd.from_pandas(FRAME, 2).to_parquet(str(where), write_index=False, **options)
    return str(where)


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        ([("x", ">", 2)], [3, 4]),
        ([("x", ">", 1), ("k", "=", "a")], [3]),
        ([[("x", "<", 1)], [("k", "==", "b"), ("x", ">", 2)]], [0, 4]),
        ([("k", "in", ["a", "c"])], [0, 2, 3]),
        ([("k", "not in", ["a", "c"])], [1, 4]),
        ([("k", "!=", "a")], [1, 2, 4]),
    ],
)
def test_filters(filters: Any, wanted: list[int], tmp_path: Path) -> None:
    df = dd.read_parquet(write(tmp_path), filters=filters)
    assert df.x.compute().tolist() == wanted
    assert df.x.sum().compute() == sum(wanted)
    assert (
        df[df.x < 4].y.count().compute() == FRAME[FRAME.x.isin(wanted)][:4].query("x < 4").y.count()
    )


def test_filters_that_are_none(tmp_path: Path) -> None:
    folder = write(tmp_path)
    with pytest.raises(KeyError, match="'xx'"):
        dd.read_parquet(folder, filters=[("xx", ">", 2)])
    with pytest.raises(ValueError, match="not in"):
        dd.read_parquet(folder, filters=[("x", "like", 2)])


def test_folders_by_value(tmp_path: Path) -> None:
    df = dd.read_parquet(write(tmp_path, partition_on="k"))
    assert sorted(one.name for one in tmp_path.iterdir()) == ["k=a", "k=b", "k=c"]
    got = df.compute().sort_values("x", ignore_index=True)
    assert got.x.tolist() == FRAME.x.tolist()
    assert got.k.astype(str).tolist() == FRAME.k.tolist()
    with pytest.raises(KeyError, match="'kk'"):
        write(tmp_path, partition_on=["kk"])


def test_a_schema_may_have_the_columns_that_folders_are_named_by(tmp_path: Path) -> None:
    schema = pa.schema([("x", pa.int32()), ("k", pa.string()), ("m", pa.int64())])
    frame = pd.DataFrame({"x": [1, 2], "k": ["a", "b"], "m": [3, 4]})
    folder = str(tmp_path)
    dd.from_pandas(frame, 1).to_parquet(folder, partition_on="k", write_index=False, schema=schema)
    df = dd.read_parquet(folder)
    assert df.dtypes.astype(str).to_dict() == {"x": "int32", "m": "int64", "k": "category"}
    assert df.x.compute().tolist() == [1, 2]


def test_values_that_make_no_folder(tmp_path: Path) -> None:
    frame = pd.DataFrame({"k": ["a/b", "c d"], "x": [1, 2]})
    dd.from_pandas(frame, 1).to_parquet(str(tmp_path), partition_on="k", write_index=False)
    assert sorted(dd.read_parquet(str(tmp_path)).compute().k.astype(str)) == ["a/b", "c d"]
    df = dd.read_parquet(write(tmp_path / "other", partition_on="y"))
    got = df.compute().sort_values("x", ignore_index=True)
    assert got.y.isna().tolist() == FRAME.y.isna().tolist()


def test_append(tmp_path: Path) -> None:
    write(tmp_path)
    df = dd.read_parquet(write(tmp_path, append=True))
    assert df.npartitions == 4
    assert df.x.sum().compute() == 2 * FRAME.x.sum()
    other = dd.from_pandas(FRAME.astype({"x": float}), 1)
    with pytest.raises(ValueError, match="'x' is int64 there and float64 here"):
        other.to_parquet(str(tmp_path), append=True, write_index=False)
    with pytest.raises(ValueError, match="exclude"):
        write(tmp_path, append=True, overwrite=True)
    assert dd.read_parquet(write(tmp_path, overwrite=True)).npartitions == 2


def test_the_number_of_rows_without_columns(tmp_path: Path) -> None:
    where = str(tmp_path / "one.parquet")
    pd.DataFrame({"a": [1, None] * 5 + [None] * 5}).to_parquet(where, row_group_size=10)
    assert len(dd.read_parquet(where, split_row_groups=True)) == 15
    assert len(dd.read_parquet(where, filters=[("a", "is", None)])) == 10
    assert dd.read_parquet(where, filters=[("a", "is not", None)]).a.compute().tolist() == [1.0] * 5


def test_files_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    df = dd.from_pandas(pd.DataFrame({"x": range(36)}), npartitions=12)
    df.to_parquet(str(tmp_path))
    got = dd.read_parquet(str(tmp_path), calculate_divisions=True)
    assert got.divisions == df.divisions
    assert got.x.compute().tolist() == list(range(36))
    assert dd.read_parquet(str(tmp_path / "*.parquet")).x.compute().tolist() == list(range(36))


def test_filters_on_folders(tmp_path: Path) -> None:
    frame = pd.DataFrame({"k": [1, 2, 3, 1], "m": ["a", "b", "b", None], "x": range(4)})
    dd.from_pandas(frame, 2).to_parquet(str(tmp_path), partition_on=["k", "m"], write_index=False)
    df = dd.read_parquet(str(tmp_path), filters=[("k", "<=", 2), ("x", "<", 3)])
    assert df.npartitions == 2
    got = df.compute().sort_values("x")
    assert got.x.tolist() == [0, 1]
    assert got.k.cat.categories.tolist() == [1, 2, 3]
    assert got.m.tolist() == ["a", "b"]
    either = [[("k", "==", 3)], [("m", "is", None)]]
    assert sorted(dd.read_parquet(str(tmp_path), filters=either).x.compute()) == [2, 3]
    assert len(dd.read_parquet(str(tmp_path), filters=[("k", ">", 7)])) == 0
    with pytest.raises(TypeError, match="'m' compares with 1, but its folders are named by text"):
        dd.read_parquet(str(tmp_path), filters=[("m", "==", 1)])


def test_nullable_dtypes_there_and_back(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "i": pd.array([1, None, 3], dtype="Int64"),
            "b": pd.array([True, None, False], dtype="boolean"),
            "c": pd.Categorical(["u", "v", "u"]),
        },
        index=pd.MultiIndex.from_tuples([(1, "a"), (1, "b"), (2, "a")], names=["n", None]),
    )
    dd.from_pandas(frame, 1, sort=False).to_parquet(str(tmp_path))
    pd.testing.assert_frame_equal(dd.read_parquet(str(tmp_path)).compute(), frame)
    told = dd.read_parquet(str(tmp_path), dtype_backend="pyarrow", index=False)
    assert str(told.dtypes["i"]) == "int64[pyarrow]"
    assert told.i.sum().compute() == 4


def test_files_that_do_not_fit(tmp_path: Path) -> None:
    pd.DataFrame({"x": [1, 2], "y": ["a", "b"]}).to_parquet(tmp_path / "1.parquet")
    pd.DataFrame({"x": ["u"], "y": ["c"]}).to_parquet(tmp_path / "2.parquet")
    pd.DataFrame({"y": ["c"]}).to_parquet(tmp_path / "3.parquet")
    df = dd.read_parquet([str(tmp_path / f"{n}.parquet") for n in (1, 2)])
    with pytest.raises(ValueError, match=r"'x' of .*2.parquet is large_string, and int64 in .*1.p"):
        df.compute()
    df = dd.read_parquet([str(tmp_path / f"{n}.parquet") for n in (1, 3)])
    with pytest.raises(ValueError, match=r"'x' is not there in .*3.parquet, and int64 in .*1.parq"):
        df.compute()
    assert df.y.compute().tolist() == ["a", "b", "c"]
    with pytest.raises(ValueError, match=r"'x' is not there in .*3.parquet"):
        dd.read_parquet([str(tmp_path / f"{n}.parquet") for n in (1, 3)], filters=[("x", ">", 0)])[
            "y"
        ].compute()
    (tmp_path / "4.parquet").write_bytes((tmp_path / "1.parquet").read_bytes()[:-20])
    df = dd.read_parquet([str(tmp_path / f"{n}.parquet") for n in (1, 4)])
    with pytest.raises(Exception, match="Parquet magic bytes") as caught:
        df.compute()
    assert any("4.parquet" in note for note in caught.value.__notes__)


def test_a_partition_that_does_not_fit_is_not_written(tmp_path: Path) -> None:
    meta = pd.DataFrame({"x": [1], "y": [0.5]})
    other = pd.DataFrame({"x": [2], "y": ["a"]})
    told = {"meta": meta, "enforce_metadata": False}
    df = dd.from_map(lambda part: part, [meta, other], **told)
    with pytest.raises(ValueError, match=r"expected pyarrow schema(.|\n)*expected y: double"):
        df.to_parquet(str(tmp_path))
    assert not list(tmp_path.glob("*.parquet"))
    with pytest.raises(ValueError, match="is read in the same computation"):
        dd.from_pandas(meta, 1).to_parquet(str(tmp_path))
        dd.read_parquet(str(tmp_path)).to_parquet(str(tmp_path), overwrite=True)


def test_metadata_of_all_files(tmp_path: Path) -> None:
    df = dd.from_pandas(pd.DataFrame({"x": range(4)}), 2)
    df.to_parquet(str(tmp_path), write_metadata_file=True, custom_metadata={"by": "me"})
    df.to_parquet(str(tmp_path), append=True, ignore_divisions=True)
    footer = pq.read_metadata(tmp_path / "_metadata")
    assert footer.num_rows == 8
    assert footer.row_group(2).column(0).file_path == "part.2.parquet"
    assert pq.read_metadata(tmp_path / "part.0.parquet").metadata[b"by"] == b"me"
    with pytest.raises(ValueError, match="overlap with previously written divisions"):
        df.to_parquet(str(tmp_path / "ordered"))
        df.to_parquet(str(tmp_path / "ordered"), append=True)


def test_files_put_together(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": range(60), "k": list("aabbcc") * 10, "m": [1, 2] * 30})
    plain, keyed = str(tmp_path / "plain"), str(tmp_path / "keyed")
    dd.from_pandas(frame, 6).to_parquet(plain, row_group_size=2)
    dd.from_pandas(frame, 6).to_parquet(keyed, partition_on=["k", "m"], write_index=False)
    assert dd.read_parquet(plain).npartitions == 6
    one = dd.read_parquet(plain, aggregate_files=True, calculate_divisions=True)
    assert one.npartitions == 1
    assert one.divisions == (0, 59)
    pd.testing.assert_frame_equal(one.compute(), frame, check_index_type=False)
    assert dd.read_parquet(plain, aggregate_files=True, blocksize=None).npartitions == 6
    # 5 row groups a file: partitions of 4 end in the middle of files.
    fours = dd.read_parquet(plain, aggregate_files=True, split_row_groups=4)
    assert fours.npartitions == 8
    assert fours.map_partitions(len).compute().tolist() == [8] * 7 + [4]
    assert len(fours[fours.x > 13]) == 46
    assert dd.read_parquet(plain, split_row_groups=4).npartitions == 12
    for name, count in [("k", 3), ("m", 6), (True, 1)]:
        some = dd.read_parquet(keyed, aggregate_files=name)
        assert some.npartitions == count
        found = some.compute().sort_values("x", ignore_index=True)
        assert found.k.tolist() == frame.k.tolist()
        assert found.m.tolist() == frame.m.tolist()
    with pytest.raises(ValueError, match="'kk', which is no column of the paths; did you mean 'k'"):
        dd.read_parquet(keyed, aggregate_files="kk")


def test_row_groups_that_filters_leave_say_the_divisions(tmp_path: Path) -> None:
    frame = pd.DataFrame({"b": range(6)}, index=pd.Index([0, 1, 9, 2, 3, 8], name="a"))
    frame[:3].to_parquet(tmp_path / "0.parquet", row_group_size=2)
    frame[3:].to_parquet(tmp_path / "1.parquet", row_group_size=2)
    path = str(tmp_path)
    assert not dd.read_parquet(path, calculate_divisions=True).known_divisions
    few = dd.read_parquet(path, calculate_divisions=True, filters=[("a", "<=", 3)])
    assert few.divisions == (0, 2, 3)
    assert few.compute().index.tolist() == [0, 1, 2, 3]


def test_keys_of_the_paths_stay_with_their_rows(tmp_path: Path) -> None:
    # The stored index begins with another number in each file.
    frame = pd.DataFrame({"k": pd.array([0, 1, None], "Int64"), "x": [1, 2, 3]})
    dd.from_pandas(frame, 1).to_parquet(str(tmp_path), partition_on="k")
    schema = {"partitioning": {"schema": pa.schema([("k", pa.int64())])}}
    found = dd.read_parquet(str(tmp_path), dtype_backend="numpy_nullable", dataset=schema)
    assert found.k.compute().tolist() == [0, 1, pd.NA]
    assert found.x.compute().tolist() == [1, 2, 3]


def test_a_stored_index_comes_first_among_the_columns(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": [1, 2]}, index=pd.Index([3, 4], name="i"))
    dd.from_pandas(frame, 1).to_parquet(str(tmp_path))
    whole = dd.read_parquet(str(tmp_path), index=False)
    pd.testing.assert_frame_equal(whole.compute(), frame.reset_index())


def test_files_of_any_name_that_metadata_tells_of(tmp_path: Path) -> None:
    df = dd.from_pandas(pd.DataFrame({"x": [1, 2]}), 1)
    df.to_parquet(str(tmp_path), name_function=lambda i: f"{i}.foo", write_metadata_file=True)
    assert dd.read_parquet(str(tmp_path)).x.compute().tolist() == [1, 2]


def test_text_is_not_read_as_numbers(tmp_path: Path) -> None:
    # Arrow would make numbers of it where it can.
    for name, values in {"0": [1, 2], "1": ["1", "2"], "2": [True, False], "3": [1.0, 2.0]}.items():
        pd.DataFrame({"x": values}).to_parquet(tmp_path / f"{name}.parquet")
    for other, type_ in [("1", "large_string"), ("2", "bool")]:
        df = dd.read_parquet([str(tmp_path / "0.parquet"), str(tmp_path / f"{other}.parquet")])
        with pytest.raises(ValueError, match=rf"'x' of .*{other}.parquet is {type_}, and int64"):
            df.compute()
    df = dd.read_parquet([str(tmp_path / "0.parquet"), str(tmp_path / "3.parquet")])
    assert df.x.compute().tolist() == [1, 2, 1, 2]


@pytest.mark.parametrize("many", [2, 3, 5, 7])
def test_rows_keep_their_order_however_row_groups_share_partitions(
    tmp_path: Path, many: int
) -> None:
    frame = pd.DataFrame({"x": range(80), "t": pd.date_range("2026", periods=80, freq="h")})
    for part, name in ((frame[:50], "a"), (frame[50:], "b")):
        part.to_parquet(tmp_path / f"{name}.parquet", row_group_size=2, index=False)
    for options in ({}, {"aggregate_files": True}):
        found = dd.read_parquet(str(tmp_path), split_row_groups=many, **options)
        assert found.x.compute().tolist() == list(range(80))
        assert found[found.x > 20].t.compute().is_monotonic_increasing


def test_nested_columns_keep_their_types(tmp_path: Path) -> None:
    lists = pd.Series([[1], None, [], [2, 3]], dtype=pd.ArrowDtype(pa.list_(pa.int64())))
    kind = pa.struct([("a", pa.int64()), ("b", pa.string())])
    structs = pd.Series([{"a": 1, "b": "x"}, None] * 2, dtype=pd.ArrowDtype(kind))
    whole = pd.DataFrame({"l": lists, "s": structs, "x": range(4)})
    dd.from_pandas(whole, npartitions=2).to_parquet(str(tmp_path / "d"))
    df = dd.read_parquet(str(tmp_path / "d"))
    assert df.dtypes.tolist() == whole.dtypes.tolist()
    pd.testing.assert_frame_equal(df.compute(), whole)
    assert df.l.list.len().compute().tolist()[2:] == [0, 2]
    assert df[df.x > 2].s.struct.field("a").compute().tolist() == [pd.NA]


def test_periods_and_intervals_are_written(tmp_path: Path) -> None:
    whole = pd.DataFrame(
        {"p": pd.period_range("2020", periods=4, freq="M"), "i": pd.interval_range(0, 4)}
    )
    dd.from_pandas(whole, npartitions=2).to_parquet(str(tmp_path / "d"))
    pd.testing.assert_frame_equal(dd.read_parquet(str(tmp_path / "d")).compute(), whole)


def test_one_footer_for_files_of_other_types(tmp_path: Path) -> None:
    whole = pd.DataFrame({"x": range(4), "c": pd.Series([None, None, b"x", b"y"], dtype=object)})
    df = dd.from_pandas(whole, npartitions=2)
    with pytest.raises(ValueError, match=r"columns \['c'\] have other types.*schema="):
        df.to_parquet(str(tmp_path / "d"), write_metadata_file=True)
    told = {"write_metadata_file": True, "schema": {"c": pa.binary()}}
    df.to_parquet(str(tmp_path / "e"), **told)
    assert dd.read_parquet(str(tmp_path / "e")).compute().c.tolist() == [None, None, b"x", b"y"]


def test_decimals_are_as_precise_as_each_file_has_them(tmp_path: Path) -> None:
    values = [*map(Decimal, ("0", "0.25", "-12.5", "1e3")), None]
    frame = pd.DataFrame({"d": pd.Series(values, dtype=object), "x": range(5)})
    dd.from_pandas(frame, npartitions=5, sort=False).to_parquet(str(tmp_path))
    read = dd.read_parquet(str(tmp_path))
    found = read.d.compute().tolist()
    assert found == values and str(found[1]) == "0.25"
    assert read[read.x > 1].d.sum().compute() == Decimal("987.5")
    told = [("d", ">", Decimal("0.1"))]
    assert dd.read_parquet(str(tmp_path), filters=told).x.compute().tolist() == [1, 3]


def test_columns_that_share_a_name_are_refused(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    pq.write_table(table, tmp_path / "x.parquet")
    with pytest.raises(ValueError, match=r"column 'a' is there more than once in .*x\.parquet"):
        dd.read_parquet(tmp_path)
