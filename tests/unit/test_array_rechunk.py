"""Other blocks: the plan, what each step makes, shuffles, `block`."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shoal
import shoal.array as da
from shoal.array.chunks_plan import pieces, plan_rechunk
from shoal.array.testing import assert_eq
from shoal.errors import PerformanceWarning


def block_bytes(chunks: Any) -> int:
    return 8 * math.prod(map(max, chunks))


@pytest.mark.parametrize("n", [10, 100, 1000, 4000])
def test_rows_to_columns(n: int) -> None:
    rows, columns = ((1,) * n, (n,)), ((n,), (1,) * n)
    plan = plan_rechunk(rows, columns, 8, 4, 0)
    steps = [pieces(a, b) for a, b in itertools.pairwise([rows, *plan])]
    assert plan[-1] == columns
    assert sum(steps) <= 60 * n
    assert all(block_bytes(chunks) <= 3 * 8 * n for chunks in plan)


def test_a_larger_limit_makes_fewer_steps() -> None:
    rows, columns = ((1,) * 500, (500,)), ((500,), (1,) * 500)
    tight, wide = (plan_rechunk(rows, columns, 8, 4, limit) for limit in (0, 2**20))
    assert len(wide) == 2 < len(tight)
    assert all(block_bytes(chunks) <= 2**20 for chunks in wide)


def parts(n: int) -> Any:
    return st.lists(st.integers(1, 3), min_size=1, max_size=n).map(tuple)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_chunks(data: Any) -> None:
    chunks = tuple([data.draw(parts(4)) for _ in range(2)])
    x = np.arange(sum(chunks[0]) * sum(chunks[1])).reshape(sum(chunks[0]), -1)
    d = da.from_array(x, chunks=chunks)
    new = tuple([data.draw(st.integers(1, n)) for n in x.shape])
    assert_eq(d.rechunk(new), x)
    assert_eq(d.rechunk(new, threshold=1, block_size_limit=8), x)


def test_steps_in_a_graph() -> None:
    x = np.arange(3600).reshape(60, 60)
    d = da.from_array(x, chunks=(1, 60)).rechunk((60, 1))
    assert_eq(d, x)
    with shoal.config.set({"array.rechunk.threshold": 1}):
        assert_eq(da.from_array(x, chunks=(1, 60)).rechunk((60, 1)), x)
    assert len(d.dask) < 60 * 60


def test_balance() -> None:
    assert da.ones(1000).rechunk(300, balance=True).chunks == ((334, 333, 333),)
    assert da.ones(100).rechunk(33, balance=True).chunks == ((34, 33, 33),)


def test_a_method_that_is_none() -> None:
    with pytest.raises(NotImplementedError, match="magic"):
        da.ones(4).rechunk(2, method="magic")


def test_many_more_blocks_are_warned_of() -> None:
    x, y = da.ones((20, 20), chunks=(20, 1)), da.ones((20, 20), chunks=(1, 20))
    with pytest.warns(PerformanceWarning, match="factor of 20"):
        x + y


@pytest.mark.filterwarnings("error")
def test_what_has_many_blocks_but_not_more_for_each_array_is_not_warned_of() -> None:
    x = da.ones(40, chunks=1)
    assert da.outer(x, x).numblocks == (40, 40)
    assert (x[:, None] * x).numblocks == (40, 40)
    large = da.ones((3000, 3000, 8))
    da.tensordot(large, da.ones((8, 3000, 30)), axes=1)


@pytest.mark.parametrize(
    ("indexer", "own", "others"),
    [
        ([[1, 5, 6], [0, 2, 3, 4, 7]], (3, 5), (2, 1)),
        ([[1, 5, 6], [0, 3], [4, 2, 7]], (5, 3), (2, 1)),
        ([[1], [0, 6, 5, 3, 2, 4], [7]], (1, 6, 1), (1, 1, 1)),
    ],
)
def test_shuffle(indexer: Any, own: Any, others: Any) -> None:
    x = np.arange(24).reshape(3, 8)
    out = da.from_array(x, chunks=((2, 1), (4, 4))).shuffle(indexer, axis=1)
    assert_eq(out, x[:, list(itertools.chain.from_iterable(indexer))])
    assert out.chunks == (others, own)


def test_shuffle_of_what_cannot_be() -> None:
    d = da.ones((3, 8), chunks=2)
    for wrong in ("s", [1]):
        with pytest.raises(ValueError, match="indexer must be a list of lists"):
            d.shuffle(wrong, axis=1)
    with pytest.raises(IndexError, match="out of bounds"):
        d.shuffle([[16]], axis=1)
    with pytest.raises(ValueError, match="out of bounds"):
        d.shuffle([[1]], axis=5)
    assert d.shuffle([[0, 1], [2]], axis=0) is d


def test_block() -> None:
    x, y = np.ones((2, 3)), np.zeros((2, 2))
    d, e = da.from_array(x, chunks=2), da.from_array(y, chunks=1)
    assert_eq(da.block([[d, e], [e, d]]), np.block([[x, y], [y, x]]))
    assert_eq(da.block([1, [2, 3][0], 4]), np.block([1, 2, 4]))
    assert_eq(da.block(d), x)
    for wrong, message in [([1, [2]], "depths"), ([[1], []], "empty"), ([d, x[0]], "exactly")]:
        with pytest.raises(ValueError, match=message):
            da.block(wrong)
    with pytest.raises(TypeError, match="tuple"):
        da.block((1, 2))
