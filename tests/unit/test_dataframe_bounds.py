"""Frames that are sorted already: where partitions touch, and where some have no rows."""

import numpy as np
import pandas as pd
import pytest

from shoal.dataframe import from_map, from_pandas, merge_asof

ROWS = pd.DataFrame({"x": [1, 2, 2, 3, 5, 5, 5, 5, 7, 9], "s": list("abcdefghij")})


def touching():
    """Partitions of two rows: one ends with 2, one begins so, and two have nothing but 5."""
    return from_map(lambda i: ROWS.iloc[2 * i : 2 * i + 2], range(5), meta=ROWS.iloc[:0])


def by_set_index():
    return touching().set_index("x", sorted=True)


def by_asking():
    return touching().set_index("x", sort=False).compute_current_divisions(set_divisions=True)


@pytest.fixture(params=[by_set_index, by_asking])
def lazy(request):
    return request.param()


def test_divisions_say_where_all_rows_of_a_label_are(lazy):
    plain = ROWS.set_index("x")
    assert lazy.divisions == (1, 2, 5, 7, 9)
    assert lazy.compute().equals(plain)
    for label in plain.index.unique():
        assert lazy.loc[label].compute().equals(plain.loc[[label]])
    for some in (slice(2, 5), slice(None, 2), slice(5, None), [2, 5]):
        assert lazy.loc[some].compute().equals(plain.loc[some])
    for part, low, high in zip(lazy.partitions, lazy.divisions, lazy.divisions[1:], strict=False):
        labels = part.compute().index
        assert labels.min() >= low
        assert labels.max() < high or high == 9


@pytest.mark.parametrize("how", ["left", "inner"])
def test_joins_find_all_rows_of_a_label(lazy, how):
    other = pd.DataFrame({"z": [10, 20, 30]}, index=pd.Index([2, 5, 7], name="x"))
    found = lazy.join(from_pandas(other, npartitions=2), how=how).compute()
    pd.testing.assert_frame_equal(found, ROWS.set_index("x").join(other, how=how))


def test_windows_of_time_have_all_rows_of_a_moment():
    times = pd.to_datetime(["2020-01-01", "2020-01-02", "2020-01-02", "2020-01-03"])
    plain = pd.DataFrame({"t": times, "v": [1, 2, 3, 4]})
    lazy = from_pandas(plain, npartitions=2).set_index("t", sorted=True)
    assert lazy.v.resample("D").sum().compute().tolist() == [1, 5, 4]


@pytest.mark.parametrize("low, high", [(2, 5), (5, 5), (7, 9), (1, 1), (100, 200)])
def test_partitions_without_rows_do_not_stand_in_the_way(low, high):
    plain = ROWS[(ROWS.x >= low) & (ROWS.x <= high)]
    lazy = touching()
    lazy = lazy[(lazy.x >= low) & (lazy.x <= high)]
    labelled = lazy.set_index("x", sorted=True)
    assert labelled.compute().equals(plain.set_index("x"))
    assert labelled.known_divisions == bool(len(plain))
    quotes = pd.DataFrame({"x": [1, 4, 6], "z": [1, 2, 3]})
    told = merge_asof(lazy, from_pandas(quotes, npartitions=2), on="x").compute()
    wanted = pd.merge_asof(plain, quotes, on="x")
    pd.testing.assert_frame_equal(told.reset_index(drop=True), wanted)
    told = merge_asof(from_pandas(quotes, npartitions=2), lazy, on="x").compute()
    wanted = pd.merge_asof(quotes, plain, on="x")
    pd.testing.assert_frame_equal(told.reset_index(drop=True), wanted)


@pytest.mark.parametrize("cut", [1, 2, 5])
def test_rows_joined_by_time_keep_their_labels(cut):
    """Also those that come into another partition, as others of their time are there."""
    plain = ROWS.set_axis(ROWS.index * 10 + 3, axis=0).rename_axis("row")
    lazy = from_map(lambda i: plain.iloc[i : i + cut], range(0, 10, cut), meta=plain.iloc[:0])
    quotes = pd.DataFrame({"z": [1, 2, 3]}, index=[1, 4, 6])
    found = merge_asof(lazy, from_pandas(quotes, npartitions=2), left_on="x", right_index=True)
    wanted = pd.merge_asof(plain, quotes, left_on="x", right_index=True)
    pd.testing.assert_frame_equal(found.compute(), wanted)


@pytest.mark.parametrize("direction", ["backward", "forward", "nearest"])
def test_rows_joined_by_time_are_where_their_time_is(direction):
    """The first two rows of time 5 move into the other partition: there stay two."""
    lazy = from_map(lambda pair: ROWS.iloc[slice(*pair)], [(0, 6), (6, 10)], meta=ROWS.iloc[:0])
    quotes = pd.DataFrame({"x": [1, 3, 4, 5, 6, 8], "z": range(6)})
    told = {"on": "x", "direction": direction, "allow_exact_matches": False}
    found = merge_asof(lazy, from_pandas(quotes, npartitions=3), **told)
    assert found.npartitions == 2
    found = found.compute().reset_index(drop=True)
    pd.testing.assert_frame_equal(found, pd.merge_asof(ROWS, quotes, **told))


def test_columns_of_a_join_by_time_that_are_numbers_keep_their_names():
    plain = pd.DataFrame({0: [1, 2], 1: [3, 4]})
    lazy, told = from_pandas(plain, npartitions=2), {"on": 0, "suffixes": (None, "_y")}
    wanted = pd.merge_asof(plain, plain, **told)
    for name in wanted.columns:
        found = merge_asof(lazy, lazy, **told)[name].compute()
        assert found.tolist() == wanted[name].tolist()


def test_labels_that_are_missing_lie_between_no_bounds():
    plain = ROWS.assign(x=[1, 2, np.nan, np.nan, 5, 6, np.nan, 9, 9, 10])
    lazy = from_pandas(plain, npartitions=5).set_index("x", sorted=True)
    assert not lazy.known_divisions
    assert lazy.s.compute().sort_values().tolist() == plain.s.tolist()


def test_divisions_that_are_told_are_looked_at():
    lazy = touching().set_index("x", sorted=True, divisions=[1, 2, 5, 5, 7, 9])
    with pytest.raises(RuntimeError, match=r"Expected a range of \["):
        lazy.compute()


def test_divisions_of_a_column_are_not_those_of_the_index():
    with pytest.raises(ValueError, match="use set_index"):
        touching().compute_current_divisions("x", set_divisions=True)


SIZES = pd.CategoricalDtype(["small", "medium", "large"], ordered=True)


@pytest.mark.parametrize("ordered", [True, False])
def test_categories_that_have_an_order_of_their_own_are_no_bounds(ordered):
    """Looked for among bounds as text, none of them would be found."""
    kind = pd.CategoricalDtype(SIZES.categories, ordered=ordered)
    labels = pd.Categorical(["small", "small", "medium", "large", "large", "large"], dtype=kind)
    rows = pd.DataFrame({"size": labels, "v": range(6)})
    plain = rows.set_index("size")
    other = pd.DataFrame({"w": [1, 2]}, index=pd.CategoricalIndex(["small", "large"], dtype=kind))
    frames = [
        from_pandas(plain, npartitions=3),
        from_pandas(rows, npartitions=3).set_index("size"),
        from_pandas(rows, npartitions=3).set_index("size", sorted=True),
    ]
    for lazy in frames:
        assert not lazy.known_divisions
        assert lazy.compute().equals(plain)
        assert lazy.loc["medium"].compute().equals(plain.loc[["medium"]])
        joined = lazy.join(from_pandas(other, npartitions=2), how="inner").compute()
        assert sorted(joined.v) == [0, 1, 3, 4, 5]
        assert sorted((lazy.v + lazy.v.repartition(npartitions=2)).compute()) == [0, 2, 4, 6, 8, 10]
        assert lazy.sort_index().compute().index.tolist() == plain.index.tolist()


def test_categories_in_the_order_of_text_are_bounds():
    plain = pd.DataFrame({"v": range(4)}, index=pd.CategoricalIndex(list("abbc")))
    assert from_pandas(plain, npartitions=3).divisions == ("a", "b", "c", "c")


RELABELLED = {
    "set_axis": lambda df: df.set_axis(df.v, axis=0),
    "stack": lambda df: df.stack(),
    "add_prefix": lambda df: df.add_prefix("row ", axis=0),
}


@pytest.mark.parametrize("name", RELABELLED)
def test_rows_with_other_labels_have_other_bounds(name):
    plain = pd.DataFrame({"v": [3, 2, 1, 0], "k": [1, 2, 3, 4]})
    lazy = RELABELLED[name](from_pandas(plain, npartitions=2))
    wanted = RELABELLED[name](plain)
    assert not lazy.known_divisions
    assert lazy.compute().index.tolist() == wanted.index.tolist()
    if wanted.index.nlevels == 1:
        label = wanted.index[0]
        assert lazy.loc[label].compute().equals(wanted.loc[[label]])


CHOSEN = {
    "equal": lambda df: df[df.index == 2],
    "isin": lambda df: df[df.index.isin([1, 3])],
    "inverted": lambda df: df[~df.index.isin([1, 3])],
    "both": lambda df: df[(df.index > 0) & (df.v < 3)],
    "between": lambda df: df[(df.index > 0) & (df.index < 3)],
    "series": lambda df: df.v[df.index > 1],
    "index": lambda df: df.index[df.index > 1],
}


@pytest.mark.parametrize("name", CHOSEN)
def test_rows_are_chosen_by_their_labels(name):
    plain = pd.DataFrame({"v": [3, 2, 1, 0], "k": [1, 2, 3, 4]})
    found = CHOSEN[name](from_pandas(plain, npartitions=2)).compute()
    assert found.equals(CHOSEN[name](plain))


SPANS = {
    "days": (
        pd.date_range("2020-01-01", periods=40, freq="17h"),
        ["2020-01-05", "2020", "2020-01"],
    ),
    "seconds": (
        pd.date_range("2020-01-01", periods=40).as_unit("s"),
        [pd.Timestamp("2020-01-05 00:00:00.000001"), pd.Timestamp("9999-12-31").as_unit("s")],
    ),
    "periods": (
        pd.period_range("2020-01-01", periods=40, freq="D"),
        ["2020-01-05", "2020-01", "2020", pd.Period("2020-01-09", "D")],
    ),
}


@pytest.mark.parametrize("name", SPANS)
def test_times_are_cut_at_text_and_at_moments_between(name):
    labels, bounds = SPANS[name]
    plain = pd.DataFrame({"v": range(40)}, index=labels)
    lazy = from_pandas(plain, npartitions=4)
    for bound in bounds:
        for some in (slice(bound, None), slice(None, bound), slice(bound, bound)):
            assert lazy.loc[some].compute().equals(plain.loc[some]), some
        if isinstance(bound, str):
            found = lazy.loc[bound].compute()
            assert found.v.tolist() == np.atleast_1d(plain.v.loc[bound]).tolist()
