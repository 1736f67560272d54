"""Fourier transforms: `numpy.fft` along axes of one block.

A transform needs whole axes, so the axes along which it goes must be one block each; the others may
have any blocks, which are transformed side by side.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from shoal.array.blocks import blockwise
from shoal.array.collection import Array
from shoal.array.conversion import asarray
from shoal.array.creation import arange
from shoal.array.device import check_device
from shoal.array.documented import numpys_words
from shoal.array.kernels.rows import AlongAxes
from shoal.array.meta import infer_dtype
from shoal.array.reductions.engine import normalize_axes
from shoal.array.routines.moving import roll

__all__ = [
    "fft",
    "fft2",
    "fft_wrap",
    "fftfreq",
    "fftn",
    "fftshift",
    "hfft",
    "ifft",
    "ifft2",
    "ifftn",
    "ifftshift",
    "ihfft",
    "irfft",
    "irfft2",
    "irfftn",
    "rfft",
    "rfft2",
    "rfftfreq",
    "rfftn",
]

KINDS = (
    *("fft", "fft2", "fftn", "ifft", "ifft2", "ifftn", "rfft", "rfft2", "rfftn"),
    *("irfft", "irfft2", "irfftn", "hfft", "ihfft"),
)


def fft_wrap(
    fft_func: Callable[..., Any],
    kind: str | None = None,
    dtype: Any = None,
    allow_fftpack: bool = False,
) -> Any:
    """A function of arrays that is a Fourier transform of NumPy's, SciPy's or another's.

    Parameters
    ----------
    fft_func
        The transform of a block.
    kind
        Which it is: "fft", "rfftn" and so on; its name by default.
    dtype
        Of the result; found out by default.
    allow_fftpack
        Whether `scipy.fftpack` is meant, whose functions are not like NumPy's; else there is a
        warning.

    Raises
    ------
    ValueError
        No such kind is known.

    Examples
    --------
    >>> import shoal.array as da
    >>> fft_wrap(np.fft.fft)(da.ones(4)).compute()
    array([4.+0.j, 0.+0.j, 0.+0.j, 0.+0.j])
    """
    kind = fft_func.__name__ if kind is None else kind
    if getattr(fft_func, "__module__", "").startswith("scipy.fftpack") and not allow_fftpack:
        warnings.warn(
            "scipy.fftpack does not match NumPy's API and is considered legacy; use scipy.fft",
            FutureWarning,
            stacklevel=2,
        )
    if kind not in KINDS:
        raise ValueError(f"Given unknown `kind` {kind!r}; known are {', '.join(KINDS)}")
    if kind.endswith(("2", "n")):
        default = (-2, -1) if kind.endswith("2") else None

        def several(a: Any, s: Any = None, axes: Any = default, norm: str | None = None) -> Array:
            return _transform(fft_func, kind, asarray(a), s, axes, dtype, True, norm)

        made: Any = several
    else:

        def single(
            a: Any, n: int | None = None, axis: int | None = None, norm: str | None = None
        ) -> Array:
            axes, lengths = (-1 if axis is None else axis,), None if n is None else (n,)
            return _transform(fft_func, kind, asarray(a), lengths, axes, dtype, False, norm)

        made = single
    made.__name__ = made.__qualname__ = kind
    made.__doc__ = (
        f"Wrapping of {fft_func.__module__}.{fft_func.__name__}\n\n"
        "The axes of the transform must be one block each.\n\n" + numpys_words(fft_func)
    )
    return made


def _transform(
    func: Any, kind: str, a: Array, s: Any, axes: Any, dtype: Any, several: bool, norm: str | None
) -> Array:
    if axes is None:
        if s is not None:
            warnings.warn(
                "`axes` should not be `None` if `s` is not `None` (deprecated in NumPy 2.0): say "
                "which axes the lengths are of",
                DeprecationWarning,
                stacklevel=3,
            )
        axes = range(a.ndim) if s is None else range(a.ndim - len(s), a.ndim)
    own = tuple([int(i) for i in axes])
    normalize_axes(sorted(set(own)), a.ndim)
    own = tuple([i % a.ndim for i in own])
    if not own:
        raise ValueError(f"{kind} needs at least one axis")
    for axis in own:
        if len(a.chunks[axis]) > 1:
            raise ValueError(
                f"{kind} along axis {axis} needs it in one block, it has {len(a.chunks[axis])}: "
                f"{a.chunks[axis][:8]}. You can change the chunking of your array with "
                f"x.rechunk({{{axis}: -1}}): FFT is of whole axes"
            )
    if s is not None and len(s) != len(own):
        raise ValueError(f"Shape and axes have different lengths: {tuple(s)} and {own}")
    told = {"s": s, "axes": own} if several else {"n": None if s is None else s[0], "axis": own[0]}
    if norm is not None:
        told["norm"] = norm
    call = AlongAxes(func, tuple(told.items()), own)
    lengths = [a.shape[i] for i in own] if s is None else list(s)
    if kind.startswith("r") or kind == "ihfft":
        lengths[-1] = lengths[-1] // 2 + 1
    elif s is None and (kind.startswith("ir") or kind == "hfft"):
        lengths[-1] = 2 * (lengths[-1] - 1)
    if dtype is None:
        sample = np.ones((2,) * a.ndim, a.dtype)
        small = {"axes": own} if several else {"axis": own[0]}
        dtype = func(sample, **small).dtype if a.ndim else infer_dtype(func, [a._meta], {}, kind)
    labels = tuple(range(a.ndim))
    return blockwise(
        call,
        labels,
        a,
        labels,
        adjust_chunks={i: (int(n),) for i, n in zip(own, lengths, strict=True)},
        token=kind,
        meta=np.empty((0,) * a.ndim, dtype),
    )


fft = fft_wrap(np.fft.fft)
ifft = fft_wrap(np.fft.ifft)
rfft = fft_wrap(np.fft.rfft)
irfft = fft_wrap(np.fft.irfft)
hfft = fft_wrap(np.fft.hfft)
ihfft = fft_wrap(np.fft.ihfft)
fft2 = fft_wrap(np.fft.fft2)
ifft2 = fft_wrap(np.fft.ifft2)
rfft2 = fft_wrap(np.fft.rfft2)
irfft2 = fft_wrap(np.fft.irfft2)
fftn = fft_wrap(np.fft.fftn)
ifftn = fft_wrap(np.fft.ifftn)
rfftn = fft_wrap(np.fft.rfftn)
irfftn = fft_wrap(np.fft.irfftn)


def fftfreq(
    n: int, d: float = 1.0, chunks: Any = "auto", *, dtype: Any = None, device: Any = None
) -> Array:
    """Frequencies of a transform; see `numpy.fft.fftfreq`.

    Parameters
    ----------
    n
        Length of the transform.
    d
        Distance of samples.
    chunks
        Of the result.
    dtype
        Of the result, a real floating-point one.
    device
        "cpu" or None.

    Examples
    --------
    >>> fftfreq(4, 0.1, chunks=2).compute()
    array([ 0. ,  2.5, -5. , -2.5])
    """
    n = int(n)
    numbers = arange(n, dtype=float, chunks=chunks)
    half = (n - 1) // 2 + 1
    return _frequencies((numbers - n * (numbers >= half)) / (n * d), dtype, device)


def rfftfreq(
    n: int, d: float = 1.0, chunks: Any = "auto", *, dtype: Any = None, device: Any = None
) -> Array:
    """Frequencies of a transform of real numbers; see `numpy.fft.rfftfreq`.

    Parameters
    ----------
    n
        Length of the transform.
    d
        Distance of samples.
    chunks
        Of the result.
    dtype
        Of the result, a real floating-point one.
    device
        "cpu" or None.

    Examples
    --------
    >>> rfftfreq(4, 0.1, chunks=2).compute()
    array([0. , 2.5, 5. ])
    """
    n = int(n)
    return _frequencies(arange(n // 2 + 1, dtype=float, chunks=chunks) / (n * d), dtype, device)


def _frequencies(numbers: Any, dtype: Any, device: Any) -> Array:
    check_device(device)
    if dtype is None:
        return numbers  # type: ignore[no-any-return]
    if np.dtype(dtype).kind != "f":
        raise ValueError(f"dtype of frequencies must be a real floating-point one, got {dtype!r}")
    return numbers.astype(dtype)  # type: ignore[no-any-return]


def _shifted(x: Any, axes: Any, back: bool) -> Array:
    x = asarray(x)
    own: Sequence[int] = normalize_axes(axes, x.ndim)
    shifts = [-(x.shape[i] // 2) if back else x.shape[i] // 2 for i in own]
    if not own:
        return x  # type: ignore[no-any-return]
    # An axis of one block stays one, so that it can be transformed.
    whole = {i: -1 for i in own if len(x.chunks[i]) == 1}
    out: Array = roll(x, tuple(shifts), tuple(own)).rechunk(whole)
    return out


def fftshift(x: Any, axes: Any = None) -> Array:
    """The zero frequency in the middle; see `numpy.fft.fftshift`.

    Parameters
    ----------
    x
        An array.
    axes
        All by default.

    Examples
    --------
    >>> import shoal.array as da
    >>> fftshift(da.arange(4, chunks=2)).compute()
    array([2, 3, 0, 1])
    """
    return _shifted(x, axes, False)


def ifftshift(x: Any, axes: Any = None) -> Array:
    """The zero frequency at the beginning again; see `numpy.fft.ifftshift`.

    Parameters
    ----------
    x, axes
        As for `fftshift`.

    Examples
    --------
    >>> import shoal.array as da
    >>> ifftshift(da.arange(4, chunks=2)).compute()
    array([2, 3, 0, 1])
    """
    return _shifted(x, axes, True)
