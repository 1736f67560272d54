"""Rewritten expressions give what NumPy gives, whatever the blocks and the tiles."""

from __future__ import annotations

from typing import Any
from unittest import mock

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import shoal
import shoal.array as da
from shoal.array.kernels import tiled

A = np.random.default_rng(0).normal(size=(6, 6))
B = np.arange(6.0)


def cut(draw: st.DrawFn, length: int) -> Any:
    if draw(st.booleans()):
        return slice(None)
    if draw(st.booleans()):
        return draw(st.integers(0, length - 1))
    start = draw(st.integers(0, length - 1))
    return slice(start, draw(st.integers(start + 1, length)), draw(st.sampled_from([1, 2, 3])))


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Any, Any]:
    """An expression of shoal's and the same of NumPy's."""
    chunks = draw(st.sampled_from([2, 3, (4, 2), 6]))
    lazy = {"a": da.from_array(A, chunks=chunks), "b": da.from_array(B, chunks=2)}
    plain: dict[str, Any] = {"a": A, "b": B}
    x, y = lazy["a"], plain["a"]
    for _ in range(draw(st.integers(1, 6))):
        kind = draw(st.sampled_from(["add", "self", "T", "slice", "sum", "mean", "cat", "power"]))
        if kind == "add":
            x, y = x * 2 + 1, y * 2 + 1
        elif kind == "power":
            x, y = (x - 1) ** 2 - x, (y - 1) ** 2 - y
        elif kind == "self" and y.ndim and y.shape[-1] == 6:
            x, y = x + lazy["b"], y + plain["b"]
        elif kind == "T":
            x, y = x.T, y.T
        elif kind == "slice" and y.ndim and all(y.shape):
            index = tuple([cut(draw, n) for n in y.shape])
            x, y = x[index], y[index]
        elif kind in ("sum", "mean") and y.ndim and all(y.shape):
            axis = draw(st.integers(0, y.ndim - 1))
            keepdims = draw(st.booleans())
            x = getattr(x, kind)(axis=axis, keepdims=keepdims)
            y = getattr(y, kind)(axis=axis, keepdims=keepdims)
        elif kind == "cat" and y.ndim:
            x, y = da.concatenate([x, x + 1]), np.concatenate([y, y + 1])
    return x, y


@given(pairs(), st.sampled_from([8, 24, 64, 10_000]))
def test_same_as_numpy(pair: tuple[Any, Any], tile_bytes: int) -> None:
    x, y = pair
    assert x.shape == np.shape(y)
    with mock.patch.object(tiled, "TILE_BYTES", tile_bytes):
        value = x.compute(scheduler="sync")
    np.testing.assert_allclose(value, y, rtol=1e-12, atol=1e-12)
    (optimised,) = shoal.optimize(x)
    assert optimised.chunks == x.chunks
    assert optimised.dtype == x.dtype
