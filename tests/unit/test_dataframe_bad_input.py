"""What does not fit is refused, with pandas' own class of error and the next step."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import shoal
import shoal.dataframe as dd

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
    ],
)
def test_columns_that_are_not_there(text: str) -> None:
    df = dd.from_pandas(FRAME, 2)
    with pytest.raises((KeyError, AttributeError)) as caught:
        eval(text, {"d": df})
    assert "did you mean 'price'" in str(caught.value)


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
