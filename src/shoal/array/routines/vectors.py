"""Products and sums of vectors, polynomials, and values between samples."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from shoal.array.arrangement import concatenate, expand_dims, stack
from shoal.array.blocks import blockwise
from shoal.array.collection import Array
from shoal.array.conversion import asanyarray
from shoal.array.creation.constant import zeros
from shoal.array.meta import meta_from_array
from shoal.array.overlap import overlap
from shoal.array.rechunking import reshape
from shoal.array.reductions import sum as sum_of
from shoal.array.reductions.engine import normalize_axes
from shoal.array.routines.differences import diff
from shoal.array.routines.moving import flip, moveaxis
from shoal.array.routines.products import contract, tensordot
from shoal.array.whole import along_axis

__all__ = [
    "convolve",
    "correlate",
    "cross",
    "inner",
    "interp",
    "kron",
    "matvec",
    "polyval",
    "trapezoid",
    "unwrap",
    "vander",
    "vecdot",
    "vecmat",
]


def inner(a: Any, b: Any) -> Array:
    """The products of elements summed over the last axes; see `numpy.inner`.

    Parameters
    ----------
    a, b
        Arrays.

    Examples
    --------
    >>> import shoal.array as da
    >>> inner(da.arange(3, chunks=2), [1, 2, 3]).compute()
    np.int64(8)
    """
    a, b = asanyarray(a), asanyarray(b)
    if not a.ndim or not b.ndim:
        return a * b  # type: ignore[no-any-return]
    return tensordot(a, b, axes=(-1, -1))


def _product(func: Any, x1: Any, x2: Any, cores: tuple[str, str, str]) -> Array:
    """A product of vectors and matrices in the last axes, with the others broadcast."""
    x1, x2 = asanyarray(x1), asanyarray(x2)
    counts = [a.ndim - len(core) for a, core in zip((x1, x2), cores, strict=False)]
    if min(counts) < 0:
        raise ValueError(
            f"{func.__name__}: operands of shapes {x1.shape} and {x2.shape} lack the core axes "
            f"({','.join(cores[0])}),({','.join(cores[1])})"
        )
    lengths = dict(zip(cores[0], x1.shape[counts[0] :], strict=True))
    for label, n in zip(cores[1], x2.shape[counts[1] :], strict=True):
        if lengths.setdefault(label, n) != n and n == n and lengths[label] == lengths[label]:
            raise ValueError(
                f"{func.__name__}: Input operand 1 has a mismatch in its core dimension "
                f"{label}: shapes {x1.shape} and {x2.shape}"
            )
    loop = tuple(range(max(counts)))
    labels = [(*loop[len(loop) - n :], *core) for n, core in zip(counts, cores, strict=False)]
    dtype = func(np.ones((1,) * len(cores[0]), x1.dtype), np.ones((1,) * len(cores[1]), x2.dtype))
    out = (*loop, *cores[2])
    return contract(func, out, [x1, labels[0], x2, labels[1]], dtype.dtype, name=func.__name__)


def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Array:
    """Dot products of vectors along an axis, the first conjugated; see `numpy.vecdot`.

    Parameters
    ----------
    x1, x2
        Arrays whose other axes are broadcast.
    axis
        Along which the vectors are.

    Examples
    --------
    >>> import shoal.array as da
    >>> vecdot(da.ones((2, 3), chunks=2), [1, 2, 3]).compute()
    array([6., 6.])
    """
    x1, x2 = asanyarray(x1), asanyarray(x2)
    return _product(np.vecdot, moveaxis(x1, axis, -1), moveaxis(x2, axis, -1), ("i", "i", ""))


def matvec(x1: Any, x2: Any, /) -> Array:
    """Products of matrices and vectors; see `numpy.matvec`.

    Parameters
    ----------
    x1
        Matrices in the last two axes.
    x2
        Vectors in the last axis; other axes are broadcast.

    Examples
    --------
    >>> import shoal.array as da
    >>> matvec(da.ones((2, 3), chunks=2), [1, 2, 3]).compute()
    array([6., 6.])
    """
    return _product(_matvec, x1, x2, ("ij", "j", "i"))


def _matvec(x1: Any, x2: Any) -> Any:
    """`numpy.matvec`, which NumPy has since 2.2.

    >>> _matvec(np.eye(2), np.ones(2))
    array([1., 1.])
    """
    return np.matmul(x1, x2[..., None])[..., 0]


_matvec.__name__ = "matvec"


def vecmat(x1: Any, x2: Any, /) -> Array:
    """Products of vectors, conjugated, and matrices; see `numpy.vecmat`.

    Parameters
    ----------
    x1
        Vectors in the last axis.
    x2
        Matrices in the last two axes; other axes are broadcast.

    Examples
    --------
    >>> import shoal.array as da
    >>> vecmat(da.asarray([1, 2]), da.ones((2, 3), chunks=2)).compute()
    array([3., 3., 3.])
    """
    return _product(_vecmat, x1, x2, ("i", "ij", "j"))


def _vecmat(x1: Any, x2: Any) -> Any:
    """`numpy.vecmat`, which NumPy has since 2.2.

    >>> _vecmat(np.ones(2), np.eye(2))
    array([1., 1.])
    """
    return np.matmul(np.conj(x1)[..., None, :], x2)[..., 0, :]


_vecmat.__name__ = "vecmat"


def cross(
    a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Array:
    """The cross product of vectors of three elements; see `numpy.cross`.

    Parameters
    ----------
    a, b
        Arrays whose other axes are broadcast.
    axisa, axisb, axisc
        Where the vectors are in each, and in the result.
    axis
        For all three.

    Raises
    ------
    ValueError
        The vectors have other lengths.

    Examples
    --------
    >>> import shoal.array as da
    >>> cross(da.asarray([1, 0, 0]), [0, 1, 0]).compute()
    array([0, 0, 1])
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = moveaxis(asanyarray(a), axisa, -1), moveaxis(asanyarray(b), axisb, -1)
    if a.shape[-1] != 3 or b.shape[-1] != 3:
        raise ValueError(
            "Both input arrays must be (arrays of) 3-dimensional vectors, but they have shapes "
            f"{a.shape} and {b.shape}"
        )
    (a0, a1, a2), (b0, b1, b2) = ([v[..., i] for i in range(3)] for v in (a, b))
    parts = [a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0]
    return moveaxis(stack(parts, axis=-1).rechunk({-1: -1}), -1, axisc)


def kron(a: Any, b: Any) -> Array:
    """The Kronecker product; see `numpy.kron`.

    Parameters
    ----------
    a, b
        Arrays.

    Examples
    --------
    >>> import shoal.array as da
    >>> kron(da.asarray([1, 10]), da.asarray([1, 2])).compute()
    array([ 1,  2, 10, 20])
    """
    a, b = asanyarray(a), asanyarray(b)
    ndim = max(a.ndim, b.ndim)
    a, b = a[(None,) * (ndim - a.ndim)], b[(None,) * (ndim - b.ndim)]
    product = expand_dims(a, tuple(range(1, 2 * ndim, 2))) * expand_dims(
        b, tuple(range(0, 2 * ndim, 2))
    )
    return reshape(product, tuple([m * n for m, n in zip(a.shape, b.shape, strict=True)]))


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Array:
    """A row of powers for each element; see `numpy.vander`.

    Parameters
    ----------
    x
        Of one axis.
    N
        How many powers; as many as there are elements by default.
    increasing
        Whether the first power is the zeroth.

    Examples
    --------
    >>> import shoal.array as da
    >>> vander(da.asarray([2, 3], chunks=1), 3).compute()
    array([[4, 2, 1],
           [9, 3, 1]])
    """
    x = asanyarray(x)
    if x.ndim != 1:
        raise ValueError(f"x must be a one-dimensional array or sequence, its shape is {x.shape}")
    count = x.shape[0] if N is None else int(N)
    dtype = np.promote_types(x.dtype, int)
    return blockwise(
        partial(np.vander, N=count, increasing=increasing),
        "ij",
        x,
        "i",
        new_axes={"j": count},
        token="vander",
        meta=meta_from_array(x._meta, 2, dtype),
    )


def polyval(p: Any, x: Any) -> Array:
    """A polynomial of the elements; see `numpy.polyval`.

    Parameters
    ----------
    p
        Coefficients, that of the highest power first.
    x
        An array.

    Examples
    --------
    >>> import shoal.array as da
    >>> polyval([1, 0, 2], da.arange(3, chunks=2)).compute()
    array([2, 3, 6])
    """
    x = asanyarray(x)
    out = x * 0
    for coefficient in p:
        out = out * x + coefficient
    return out  # type: ignore[no-any-return]


def trapezoid(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> Array:
    """The integral by the trapezoidal rule; see `numpy.trapezoid`.

    Parameters
    ----------
    y
        Samples.
    x
        Where they are; at equal distances by default.
    dx
        These distances.
    axis
        Along which.

    Examples
    --------
    >>> import shoal.array as da
    >>> trapezoid(da.asarray([1.0, 2, 3], chunks=2)).compute()
    np.float64(4.0)
    """
    y = asanyarray(y)
    (axis,) = normalize_axes(axis, y.ndim)
    steps: Any = dx
    if x is not None:
        x = asanyarray(x)
        steps = diff(x, axis=0 if x.ndim == 1 else axis)
        if x.ndim == 1:
            steps = steps[(slice(None),) + (None,) * (y.ndim - axis - 1)]
    whole = (slice(None),) * axis
    left, right = y[(*whole, slice(None, -1))], y[(*whole, slice(1, None))]
    return sum_of(steps * (left + right) / 2.0, axis=axis)


def unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: float = 2 * np.pi) -> Array:
    """With steps of more than half a period taken off; see `numpy.unwrap`.

    Parameters
    ----------
    p
        An array.
    discont, period
        As NumPy has them.
    axis
        Along which; it becomes one block.

    Examples
    --------
    >>> import shoal.array as da
    >>> unwrap(da.asarray([0, 1, 5]), period=4).compute()
    array([0, 1, 1])
    """
    p = asanyarray(p)
    (axis,) = normalize_axes(axis, p.ndim)
    dtype = np.unwrap(np.ones(2, p.dtype), period=period).dtype
    return along_axis(np.unwrap, p, axis, dtype, discont=discont, period=period)


def interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> Any:
    """Values between samples, on straight lines; see `numpy.interp`.

    Parameters
    ----------
    x
        Where.
    xp, fp
        The samples, of one axis; every task gets all of them.
    left, right, period
        As NumPy has them.

    Examples
    --------
    >>> import shoal.array as da
    >>> interp(da.asarray([0.5, 1.5], chunks=1), [0, 1, 2], [0, 10, 30]).compute()
    array([ 5., 20.])
    """
    x, xp, fp = asanyarray(x), asanyarray(xp), asanyarray(fp)
    if xp.ndim != 1 or xp.shape != fp.shape:
        raise ValueError(
            "interp: xp and fp must be one-dimensional and of one length, their shapes are "
            f"{xp.shape} and {fp.shape}"
        )
    labels = tuple(range(1, x.ndim + 1))
    return blockwise(
        partial(np.interp, left=left, right=right, period=period),
        labels,
        *(x, labels, xp, (0,), fp, (0,)),
        concatenate=True,
        token="interp",
        meta=np.empty((0,) * x.ndim, complex if fp.dtype.kind == "c" else float),
    )


def convolve(a: Any, v: Any, mode: str = "full") -> Array:
    """The convolution of two sequences; see `numpy.convolve`.

    Parameters
    ----------
    a, v
        Of one axis; every task gets all of the shorter one, and as much more of the other as that
        is long.
    mode
        "full", "same" or "valid".

    Raises
    ------
    ValueError
        A sequence is empty, has several axes or an unknown length, or the mode is not known.

    Examples
    --------
    >>> import shoal.array as da
    >>> convolve(da.asarray([1, 2, 3], chunks=2), [0, 1, 0.5]).compute()
    array([0. , 1. , 2.5, 4. , 1.5])
    """
    a, v = _sequences("convolve", a, v)
    if a.shape[0] < v.shape[0]:
        a, v = v, a
    return _middle(_convolved(a, v), a.shape[0], v.shape[0], mode, "convolve")


def correlate(a: Any, v: Any, mode: str = "valid") -> Array:
    """The correlation of two sequences; see `numpy.correlate`.

    Parameters
    ----------
    a, v, mode
        As for `convolve`.

    Examples
    --------
    >>> import shoal.array as da
    >>> correlate(da.asarray([1, 2, 3], chunks=2), [0, 1, 0.5], "full").compute()
    array([0.5, 2. , 3.5, 3. , 0. ])
    """
    a, v = _sequences("correlate", a, v)
    m, n = a.shape[0], v.shape[0]
    turned: Any = np.conj(flip(v if m >= n else a))
    if m >= n:
        return _middle(_convolved(a, turned), m, n, mode, "correlate")
    # NumPy exchanges them, and turns the result round.
    out: Any = np.conj(flip(_middle(_convolved(v, turned), n, m, mode, "correlate")))
    return out  # type: ignore[no-any-return]


def _sequences(name: str, *given: Any) -> Sequence[Array]:
    arrays = [asanyarray(a) for a in given]
    for a in arrays:
        if a.ndim != 1 or not a.shape[0] or a.shape[0] != a.shape[0]:
            raise ValueError(
                f"{name} takes sequences of one axis that are not empty and whose length is "
                f"known, got shapes {[b.shape for b in arrays]}"
            )
    return arrays


def _convolved(a: Array, v: Array) -> Array:
    """The full convolution; ``v`` is the shorter one."""
    more = v.shape[0] - 1
    dtype = np.result_type(a.dtype, v.dtype)
    if not more:
        return (a * v).astype(dtype)  # type: ignore[no-any-return]
    padded = overlap(concatenate([a, zeros(more, dtype=dtype)]), more, 0)
    return blockwise(
        _convolve_block,
        "i",
        *(padded, "i", v, "k"),
        adjust_chunks={"i": lambda n: n - 2 * more},
        concatenate=True,
        token="convolve",
        meta=np.empty(0, dtype),
    )


def _convolve_block(block: Any, v: Any) -> Any:
    """What a block with its neighbours' elements on both sides comes to.

    >>> _convolve_block(np.array([0, 1, 2, 3]), np.array([1, 1]))
    array([1, 3])
    """
    return np.convolve(block[: len(block) - len(v) + 1], v, "valid")


def _middle(full: Array, m: int, n: int, mode: str, name: str) -> Array:
    """The part of a full convolution of ``m`` and, not more, ``n`` elements."""
    if mode == "full":
        return full
    if mode == "valid":
        return full[n - 1 : m]  # type: ignore[no-any-return]
    if mode != "same":
        raise ValueError(f"mode of {name} must be 'full', 'same' or 'valid', got {mode!r}")
    first = (n - 1) // 2
    return full[first : first + m]  # type: ignore[no-any-return]
