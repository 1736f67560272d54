"""Numbers at distances that grow, windows, and places on diagonals."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from shoal.array.collection import Array
from shoal.array.conversion import asanyarray
from shoal.array.creation.matrices import diag, eye
from shoal.array.creation.ranges import arange, linspace
from shoal.array.elementwise import elemwise
from shoal.array.rechunking import ravel

__all__ = [
    "bartlett",
    "blackman",
    "diag_indices",
    "diag_indices_from",
    "diagflat",
    "geomspace",
    "hamming",
    "hanning",
    "identity",
    "kaiser",
    "logspace",
]


def identity(n: int, dtype: Any = None, chunks: Any = "auto") -> Array:
    """The identity matrix; see `numpy.identity`.

    Parameters
    ----------
    n
        Rows and columns.
    dtype
        Of the elements.
    chunks
        As `normalize_chunks` takes them.

    Examples
    --------
    >>> identity(2, dtype=int, chunks=1).compute()
    array([[1, 0],
           [0, 1]])
    """
    return eye(n, chunks=chunks, dtype=dtype)


def diagflat(v: Any, k: int = 0) -> Array:
    """A matrix with the flattened array on a diagonal; see `numpy.diagflat`.

    Parameters
    ----------
    v
        An array.
    k
        Which diagonal.

    Examples
    --------
    >>> diagflat([[1, 2]]).compute()
    array([[1, 0],
           [0, 2]])
    """
    return diag(ravel(asanyarray(v)), k)


def diag_indices(n: int, ndim: int = 2) -> tuple[Array, ...]:
    """Indices of the main diagonal; see `numpy.diag_indices`.

    Parameters
    ----------
    n
        Length of the axes.
    ndim
        How many.

    Examples
    --------
    >>> [i.compute() for i in diag_indices(2)]
    [array([0, 1]), array([0, 1])]
    """
    return (arange(n),) * ndim


def diag_indices_from(arr: Any) -> tuple[Array, ...]:
    """Indices of the main diagonal of an array; see `numpy.diag_indices_from`.

    Parameters
    ----------
    arr
        Of two axes or more, all of one length.

    Raises
    ------
    ValueError
        It has fewer axes, or their lengths differ.

    Examples
    --------
    >>> [i.compute() for i in diag_indices_from([[1, 2], [3, 4]])]
    [array([0, 1]), array([0, 1])]
    """
    arr = asanyarray(arr)
    if arr.ndim < 2 or len(set(arr.shape)) > 1:
        raise ValueError(
            "input array must be at least 2-d, with all dimensions of equal length; its shape is "
            f"{arr.shape}"
        )
    return diag_indices(arr.shape[0], arr.ndim)


def logspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    base: float = 10.0,
    dtype: Any = None,
    chunks: Any = "auto",
) -> Array:
    """Powers whose exponents are at equal distances; see `numpy.logspace`.

    Parameters
    ----------
    start, stop
        The first and the last exponent.
    num, endpoint, chunks
        As for `linspace`.
    base
        Of the powers.
    dtype
        Of the elements.

    Examples
    --------
    >>> logspace(0, 2, 3, chunks=2).compute()
    array([  1.,  10., 100.])
    """
    out: Any = np.power(base, linspace(start, stop, num, endpoint, chunks=chunks))
    return out if dtype is None else out.astype(dtype)  # type: ignore[no-any-return]


def geomspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    dtype: Any = None,
    chunks: Any = "auto",
) -> Array:
    """Numbers at equal ratios; see `numpy.geomspace`.

    Parameters
    ----------
    start, stop
        The ends, scalars other than zero.
    num, endpoint, dtype, chunks
        As for `linspace`.

    Raises
    ------
    ValueError
        An end is zero, or ``num`` is negative.

    Examples
    --------
    >>> geomspace(1, 8, 4, chunks=2).compute()
    array([1., 2., 4., 8.])
    """
    num = operator.index(num)
    if start == 0 or stop == 0:
        raise ValueError(f"Geometric sequence cannot include zero, got {start!r} to {stop!r}")
    if num < 0:
        raise ValueError(f"Number of samples, {num}, must be non-negative.")
    kind = np.geomspace(start, stop, 1).dtype
    told = {"start": start, "stop": stop, "last": num - 1 if endpoint else num, "ends": endpoint}
    out = elemwise(_geometric, arange(num, chunks=chunks), dtype=kind, **told)
    return out if dtype is None else out.astype(dtype)


def _geometric(block: Any, start: Any, stop: Any, last: int, ends: bool) -> Any:
    """The numbers with some places; the ends as given.

    >>> _geometric(np.arange(3), 1, 9, 2, True)
    array([1., 3., 9.])
    """
    kind = np.result_type(start, stop, float)
    ratio = np.log10(np.asarray(stop, kind) / np.asarray(start, kind))
    out = np.asarray(start, kind) * 10.0 ** (ratio * block / max(last, 1))
    out = np.where(block == 0, start, out)
    return np.where(block == last, stop, out) if ends and last else out


def _window(name: str, M: int, chunks: Any, *args: Any) -> Array:
    """A window of NumPy's, each block from its own places."""
    M = int(M)
    if M < 2:
        return asanyarray(getattr(np, name)(M, *args), chunks=chunks)
    places = arange(M, chunks=chunks, dtype=float)
    return elemwise(WINDOWS[name], places, dtype=np.dtype(float), last=M - 1, args=args)


def _bartlett(n: Any, last: int, args: Any) -> Any:
    return np.where(n <= last / 2, 2.0 * n / last, 2.0 - 2.0 * n / last)


def _blackman(n: Any, last: int, args: Any) -> Any:
    turn = 2 * np.pi * n / last
    return 0.42 - 0.5 * np.cos(turn) + 0.08 * np.cos(2 * turn)


def _hamming(n: Any, last: int, args: Any) -> Any:
    return 0.54 - 0.46 * np.cos(2 * np.pi * n / last)


def _hanning(n: Any, last: int, args: Any) -> Any:
    return 0.5 - 0.5 * np.cos(2 * np.pi * n / last)


def _kaiser(n: Any, last: int, args: Any) -> Any:
    (beta,) = args
    half = last / 2
    return np.i0(beta * np.sqrt(1 - ((n - half) / half) ** 2)) / np.i0(beta)


WINDOWS = {
    "bartlett": _bartlett,
    "blackman": _blackman,
    "hamming": _hamming,
    "hanning": _hanning,
    "kaiser": _kaiser,
}
"""The windows by name: functions of places and of the last one of them (Harris 1978)."""


def bartlett(M: int, chunks: Any = "auto") -> Array:
    """The Bartlett window; see `numpy.bartlett`.

    Parameters
    ----------
    M
        How many points.
    chunks
        As `normalize_chunks` takes them.

    Examples
    --------
    >>> bartlett(3, chunks=2).compute()
    array([0., 1., 0.])
    """
    return _window("bartlett", M, chunks)


def blackman(M: int, chunks: Any = "auto") -> Array:
    """The Blackman window; see `numpy.blackman`.

    Parameters
    ----------
    M, chunks
        As for `bartlett`.

    Examples
    --------
    >>> abs(blackman(3, chunks=2).compute().round(6))
    array([0., 1., 0.])
    """
    return _window("blackman", M, chunks)


def hamming(M: int, chunks: Any = "auto") -> Array:
    """The Hamming window; see `numpy.hamming`.

    Parameters
    ----------
    M, chunks
        As for `bartlett`.

    Examples
    --------
    >>> hamming(3, chunks=2).compute().round(6)
    array([0.08, 1.  , 0.08])
    """
    return _window("hamming", M, chunks)


def hanning(M: int, chunks: Any = "auto") -> Array:
    """The Hann window; see `numpy.hanning`.

    Parameters
    ----------
    M, chunks
        As for `bartlett`.

    Examples
    --------
    >>> hanning(3, chunks=2).compute().round(6)
    array([0., 1., 0.])
    """
    return _window("hanning", M, chunks)


def kaiser(M: int, beta: float, chunks: Any = "auto") -> Array:
    """The Kaiser window; see `numpy.kaiser`.

    Parameters
    ----------
    M, chunks
        As for `bartlett`.
    beta
        Its shape.

    Examples
    --------
    >>> kaiser(3, 0.0, chunks=2).compute()
    array([1., 1., 1.])
    """
    return _window("kaiser", M, chunks, beta)
