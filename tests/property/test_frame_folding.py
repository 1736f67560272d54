"""What is folded before it is computed is what computing it gives."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shoal.dataframe as dd
from shoal.dataframe.rules import RULES
from shoal.expr.rewrite import rewrite

FRAME = pd.DataFrame(
    {
        "k": [3, 1, 2, 5, 4],
        "b": [True, False, True, True, False],
        "n": pd.array([True, False, None, None, True], "boolean"),
        "o": pd.Series([True, False, True, None, True], dtype=object),
        "c": pd.Series(list("xyxyx"), dtype="category"),
    }
)


def folded(asked: Any) -> Any:
    (root,), _ = rewrite([asked.expr], RULES)
    return root


@st.composite
def predicates(draw: st.DrawFn, depth: int = 3) -> Any:
    """A function of a frame: columns, comparisons and plain values under logical operators."""
    kind = draw(st.sampled_from(["leaf", "and", "or", "xor", "not"] if depth else ["leaf"]))
    if kind == "leaf":
        leaves = [
            lambda df: df.b,
            lambda df: df.n,
            lambda df: df.k > 2,
            lambda df: df.k,
        ]
        return draw(st.sampled_from(leaves[: 3 if depth else 4]))
    one = draw(predicates(depth - 1))
    if kind == "not":
        return lambda df: ~one(df)
    plain = draw(st.sampled_from([True, False, np.True_, np.False_]))
    other = draw(st.one_of(st.just(lambda df: plain), predicates(depth - 1)))
    sides = (one, other) if draw(st.booleans()) else (other, one)
    joined = {
        "and": lambda df: sides[0](df) & sides[1](df),
        "or": lambda df: sides[0](df) | sides[1](df),
        "xor": lambda df: sides[0](df) ^ sides[1](df),
    }
    return joined[kind]


@given(predicates(), st.integers(1, 3))
@settings(max_examples=60, deadline=None)
def test_logic_is_that_of_pandas(made: Any, parts: int) -> None:
    frame = FRAME.drop(columns="c")
    ours = dd.from_pandas(frame, parts)
    try:
        wanted = made(frame)
    except TypeError:
        return  # pandas refuses it
    found = made(ours)
    pd.testing.assert_series_equal(found.compute(scheduler="sync"), wanted)
    if wanted.dtype == bool or isinstance(wanted.dtype, pd.BooleanDtype):
        pd.testing.assert_frame_equal(ours[found].compute(scheduler="sync"), frame[wanted])


def test_what_changes_nothing_goes() -> None:
    df = dd.from_pandas(FRAME, 2)
    p = df.k > 2
    logic = (p & True, True & p, p | False, False | p, ~~p, ~~~~p, (p & True) | False)
    pairs = [(one, p) for one in logic]
    pairs += [(df.n & True, df.n), (~~df.n, df.n)]
    pairs += [(df[p | True], df), (df.k[~(p & False)], df.k)]
    for one, other in pairs:
        assert folded(one).name == folded(other).name
    # Other types have laws of their own.
    for one, other in [(~~df.o, df.o), (df.k & True, df.k), (df.k | False, df.k)]:
        assert folded(one).name != folded(other).name


def test_what_leaves_nothing_reads_nothing() -> None:
    df = dd.from_pandas(FRAME.drop(columns="c"), 2)
    none = df[(df.k > 2) & False]
    assert folded(none).label() == "Given(2 blocks)"
    assert none.divisions == df.divisions and none.npartitions == 2
    wanted = FRAME.drop(columns="c")[:0]
    pd.testing.assert_frame_equal(none.compute(), wanted, check_index_type=False)
    assert none.k.sum().compute() == 0 and len(none.partitions[1].compute()) == 0
    categories = dd.from_pandas(FRAME, 2).astype({"k": "category"})
    some = categories[(categories.b) & False]
    assert list(some.compute().k.cat.categories) == [1, 2, 3, 4, 5]


def test_rows_of_another_frame_are_not_folded() -> None:
    df = dd.from_pandas(FRAME, 2)
    other = df[df.k > 2]
    both = df.b & (other.b | True)
    wanted = FRAME.b & (FRAME[FRAME.k > 2].b | True)
    pd.testing.assert_series_equal(both.compute(), wanted)


@pytest.fixture
def stored(tmp_path: Path) -> Any:
    FRAME[["k", "b"]].assign(f=1.5, i=np.int8(7)).to_parquet(tmp_path / "0.parquet")
    return dd.read_parquet(str(tmp_path))


def test_known_scalars_are_computed_at_once(stored: Any) -> None:
    pairs = {
        "sum": (stored.k.min() + 1, 2),
        "both": (stored.k.max() - stored.k.min(), 4),
        "order": (stored.k.max() > 3, True),
        "sign": (-stored.k.max(), -5),
        "share": (stored.k.count() / stored.k.size, 1.0),
    }
    for asked, wanted in pairs.values():
        assert folded(asked).label() == "Given(1 blocks)"
        found = asked.compute()
        assert found == wanted
        assert type(found) is type(asked.compute(optimize_graph=False))


def test_what_fails_fails_when_it_is_computed(stored: Any) -> None:
    asked = stored.k.max() * np.int64(2**62)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert folded(asked).label() != "Given(1 blocks)"
        with pytest.raises(RuntimeWarning, match="overflow"):
            asked.compute(scheduler="sync")


def test_a_known_scalar_goes_into_the_reader(stored: Any) -> None:
    asked = stored[stored.k > stored.k.min() + 1]
    assert "k > np.int64(2)" in folded(asked).label()
    assert sorted(asked.k.compute()) == [3, 4, 5]


def test_known_scalars_keep_their_types(stored: Any) -> None:
    for asked in (stored.i + stored.k.min(), stored.i + stored.i.max(), stored.i * stored.b.max()):
        plain = asked.compute(optimize_graph=False)
        pd.testing.assert_series_equal(asked.compute(), plain)
