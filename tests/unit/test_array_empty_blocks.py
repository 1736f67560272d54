"""Axes with empty blocks among others, as arrays have that were chosen by a mask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import shoal.array as da
from shoal.array.testing import assert_eq

ONE = np.arange(3.0).reshape(1, 3) + 1
MANY = np.arange(15.0).reshape(5, 3)

CALLS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "beside a longer one": lambda x, y, np: y - x,
    "where": lambda x, y, np: np.where(y > 3, x, y),
    "repeated": lambda x, y, np: np.broadcast_to(x, (4, 3)),
    "gone": lambda x, y, np: np.squeeze(x, 0) + 1,
    "chosen": lambda x, y, np: (x * y)[1:].sum(axis=1),
    "an axis taken away": lambda x, y, np: (y * x[0])[:, 1],
    "side by side": lambda x, y, np: np.diff(np.pad(y, 2), axis=0).sum(),
    "parts": lambda x, y, np: np.concatenate([y * 0, y, y * 0])[1:][:, 1:].sum(axis=0),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("columns", [(3,), (2, 0, 1), (0, 3)])
def test_empty_blocks_change_no_result(name: str, columns: tuple[int, ...]) -> None:
    x = da.from_array(ONE, chunks=((0, 1), columns))
    y = da.from_array(MANY, chunks=((2, 0, 3), columns))
    found = CALLS[name](x, y, da).compute(scheduler="sync")
    np.testing.assert_array_equal(found, CALLS[name](ONE, MANY, np))


def test_a_new_axis_may_be_cut_into_an_empty_block_and_another() -> None:
    x = da.expand_dims(da.from_array(MANY, chunks=2), 0).rechunk(((1, 0), (5,), (3,)))
    np.testing.assert_array_equal((x + 1).compute(scheduler="sync"), MANY[None] + 1)


def test_a_part_keeps_the_empty_blocks_of_axes_that_it_leaves_alone() -> None:
    y = da.from_array(MANY, chunks=((5,), (2, 0, 1)))
    assert y[1:].chunks == ((4,), (2, 0, 1))
    assert y[1:, 1:].chunks == ((4,), (1, 1))


def test_a_contracted_axis_of_length_1() -> None:
    x, y = np.full((2, 1), 3.0), np.full((1, 3), 2.0)
    for cuts in ((1, 0), (0, 1)):
        got = da.tensordot(da.from_array(x, chunks=(2, cuts)), da.from_array(y, chunks=(1, 2)), 1)
        assert_eq(got, x @ y)
        assert_eq(da.from_array(x, chunks=(1, 1)) @ da.from_array(y, chunks=(cuts, 3)), x @ y)


def test_reshape_of_blocks_one_by_one() -> None:
    x = da.arange(12, chunks=4).reshape(12, 1).rechunk(((4, 0, 8), (1, 0)))
    got = da.reshape_blockwise(x, (12,))
    assert got.chunks == ((4, 8),)
    assert got.compute().tolist() == list(range(12))
    assert got[2:5].compute(optimize_graph=False).tolist() == [2, 3, 4]
