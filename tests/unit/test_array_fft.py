"""Fourier transforms against NumPy's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import shoal.array as da
from shoal.array.kernels import tiled
from shoal.array.testing import assert_eq

X = np.random.default_rng(2).normal(size=(6, 8))


@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"])
@pytest.mark.parametrize("n", [None, 5, 12])
@pytest.mark.parametrize("axis", [0, -1])
def test_one_axis(name: str, n: Any, axis: int) -> None:
    x = da.from_array(X, chunks=(6, 3) if axis == 0 else (4, 8))
    assert_eq(getattr(da.fft, name)(x, n=n, axis=axis), getattr(np.fft, name)(X, n=n, axis=axis))


@pytest.mark.parametrize("name", ["fft2", "ifft2", "rfft2", "irfft2", "fftn", "ifftn", "rfftn"])
@pytest.mark.parametrize("s", [None, (4, 10)])
def test_several_axes(name: str, s: Any) -> None:
    x = np.stack([X, X + 1])
    lazy = da.from_array(x, chunks=(1, 6, 8))
    got = getattr(da.fft, name)(lazy, s=s, axes=(1, 2))
    assert_eq(got, getattr(np.fft, name)(x, s=s, axes=(1, 2)))


def test_frequencies_and_shifts() -> None:
    for n in (5, 8):
        assert_eq(da.fft.fftfreq(n, 0.3, chunks=3), np.fft.fftfreq(n, 0.3))
        assert_eq(da.fft.rfftfreq(n, 0.3, chunks=3), np.fft.rfftfreq(n, 0.3))
    x = da.from_array(X[:5], chunks=3)
    assert_eq(da.fft.fftshift(x), np.fft.fftshift(X[:5]))
    assert_eq(da.fft.ifftshift(x, axes=0), np.fft.ifftshift(X[:5], axes=0))


def test_errors() -> None:
    with pytest.raises(ValueError, match="rechunk"):
        da.fft.fft(da.ones(4, chunks=2))
    with pytest.raises(ValueError, match="kind"):
        da.fft.fft_wrap(np.sum)


FUSED = {
    "elements": lambda f, x: abs(f(x)) * 2,
    "a sum along the transform": lambda f, x: abs(f(x)).sum(axis=1),
    "a sum across it": lambda f, x: (f(x) * 2 + 1).sum(axis=0),
    "of all": lambda f, x: abs(f(x) - 1).max(),
    "deviation": lambda f, x: abs(f(x * 2)).std(axis=0),
    "with another array": lambda f, x: abs(f(x)) + x[:, :1] * f(x - 1),
    "turned": lambda f, x: abs(f(x)).T + 1,
    "twice": lambda f, x: f(abs(f(x)) + 1).real,
}


@pytest.mark.parametrize("name", FUSED)
@pytest.mark.parametrize("axis", [0, 1])
def test_what_is_done_to_a_transform_is_done_row_by_row(
    monkeypatch: pytest.MonkeyPatch, name: str, axis: int
) -> None:
    values = np.random.default_rng(3).normal(size=(24, 24))
    chunks = (24, 10) if axis == 0 else (10, 24)
    make = FUSED[name]
    for tile_bytes in (2**21, 2**10):
        monkeypatch.setattr(tiled, "TILE_BYTES", tile_bytes)
        got = make(lambda x: da.fft.fft(x, axis=axis), da.from_array(values, chunks=chunks))
        assert_eq(got, make(lambda x: np.fft.fft(x, axis=axis), values))


def test_a_transform_that_is_read_by_one_program_is_its_first_step() -> None:
    x = da.from_array(X, chunks=(3, 8))
    assert "FusedReduction(fft | absolute | sum" in abs(da.fft.fft(x)).sum(axis=1).explain()
    whole = da.fft.fft(x)
    assert "Blockwise(fft)" in (abs(whole) + whole.sum()).explain()
    # Other lengths have other blocks.
    assert "Blockwise(rfft)" in abs(da.fft.rfft(x)).explain()


def test_blocks_of_another_kind_are_transformed_whole() -> None:
    masked = np.ma.masked_less(X, 0)
    x = da.from_array(masked, chunks=(3, 8))
    assert_eq(abs(da.fft.fft(x)) * 2, abs(np.fft.fft(masked)) * 2)


def test_lengths_without_axes_are_deprecated_as_in_numpy() -> None:
    x = da.from_array(X, chunks=(6, 8))
    with pytest.warns(DeprecationWarning, match="`axes` should not be `None`"):
        got = da.fft.fftn(x, (4, 10))
    assert_eq(got, np.fft.fftn(X, (4, 10), axes=(0, 1)))
