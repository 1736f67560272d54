"""Fourier transforms against NumPy's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import shoal.array as da
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
