"""The Python array API standard, where its names or meanings are not those of NumPy and Dask.

`shoal.array` is the namespace: ``x.__array_namespace__()`` gives it.  Most of the standard's
functions are NumPy's under NumPy's names, and stand where those stand; here is what is left.
Where Dask has given a parameter another default (``linalg.svd``, ``linalg.cholesky``, ``eye``), it
keeps it.
"""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

import numpy as np

from shoal.array.arrangement import concatenate
from shoal.array.collection import Array
from shoal.array.conversion import asanyarray, asarray
from shoal.array.creation.constant import full
from shoal.array.device import CPU, check_device
from shoal.array.reductions.cumulative import cumprod, cumsum
from shoal.array.reductions.engine import normalize_axes

__all__ = [
    "FInfo",
    "NamespaceInfo",
    "array_namespace",
    "astype",
    "cumulative_prod",
    "cumulative_sum",
    "finfo",
    "from_dlpack",
    "iinfo",
    "isdtype",
    "matrix_transpose",
    "namespace_info",
]

VERSION = "2025.12"
"""Of the standard, whose functions are all there."""


class NamespaceInfo:
    """What the namespace can do; see the standard's ``__array_namespace_info__``.

    Examples
    --------
    >>> import shoal.array as da
    >>> da.__array_namespace_info__().capabilities()["boolean indexing"]
    True
    """

    def capabilities(self) -> dict[str, Any]:
        """Optional parts that are there."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> str:
        """Where arrays are."""
        return CPU

    def devices(self) -> tuple[str, ...]:
        """Where arrays can be."""
        return (CPU,)

    def default_dtypes(self, *, device: Any = None) -> dict[str, Any]:
        """The dtypes that arrays get by kind, unless told.

        Parameters
        ----------
        device
            "cpu" or None.
        """
        check_device(device)
        return dict(np.__array_namespace_info__().default_dtypes())

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, Any]:
        """The standard's dtypes by name.

        Parameters
        ----------
        device
            "cpu" or None.
        kind
            Which: a kind's name or several; all by default.
        """
        check_device(device)
        return dict(np.__array_namespace_info__().dtypes(kind=kind))


def namespace_info() -> NamespaceInfo:
    """What the namespace can do; see the standard's ``__array_namespace_info__``.

    Examples
    --------
    >>> namespace_info().devices()
    ('cpu',)
    """
    return NamespaceInfo()


def array_namespace(self: Array, *, api_version: str | None = None) -> Any:
    """The module whose functions take this array; see the standard's ``__array_namespace__``.

    Parameters
    ----------
    self
        An array.
    api_version
        Of the standard; any that is known.

    Raises
    ------
    ValueError
        It is not.

    Examples
    --------
    >>> import shoal.array as da
    >>> da.ones(2).__array_namespace__() is da
    True
    """
    known = ("2021.12", "2022.12", "2023.12", "2024.12", VERSION)
    if api_version is not None and api_version not in known:
        raise ValueError(f"version {api_version!r} of the standard is not known; these are {known}")
    return sys.modules["shoal.array"]


def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Array:
    """The same elements as another type; see `numpy.astype`.

    Parameters
    ----------
    x
        An array.
    dtype
        Of the result.
    copy
        Accepted: nobody can tell, arrays are changed by assigning to them alone.
    device
        "cpu" or None.

    Examples
    --------
    >>> import shoal.array as da
    >>> astype(da.ones(2, chunks=1), int).compute()
    array([1, 1])
    """
    check_device(device)
    out: Array = asanyarray(x).astype(dtype, copy=copy)
    return out


def isdtype(dtype: Any, kind: Any) -> bool:
    """Whether a dtype is of a kind; see `numpy.isdtype`.

    Parameters
    ----------
    dtype
        A dtype.
    kind
        A dtype, the name of a kind, or several of them.

    Examples
    --------
    >>> isdtype(np.dtype("i4"), "integral"), isdtype(np.float32, ("bool", np.float64))
    (True, False)
    """
    return np.isdtype(np.dtype(dtype), kind)


class FInfo(NamedTuple):
    """Limits of a floating-point dtype.

    Examples
    --------
    >>> FInfo._fields
    ('bits', 'eps', 'max', 'min', 'smallest_normal', 'dtype')
    """

    bits: int
    """How many an element has."""
    eps: float
    """From 1 to the next larger number."""
    max: float
    """The largest number."""
    min: float
    """The smallest number."""
    smallest_normal: float
    """The smallest positive number with full precision."""
    dtype: Any
    """Which, real."""


def finfo(type: Any, /) -> FInfo:
    """Limits of a floating-point dtype, as Python numbers; see `numpy.finfo`.

    Parameters
    ----------
    type
        A dtype, or an array of it.

    Examples
    --------
    >>> import shoal.array as da
    >>> finfo(da.ones(2)).bits
    64
    """
    own = np.finfo(type.dtype if isinstance(type, Array) else type)
    eps, most, least, normal = map(float, (own.eps, own.max, own.min, own.smallest_normal))
    return FInfo(int(own.bits), eps, most, least, normal, own.dtype)


def iinfo(type: Any, /) -> Any:
    """Limits of an integer dtype; see `numpy.iinfo`.

    Parameters
    ----------
    type
        A dtype, or an array of it.

    Examples
    --------
    >>> import shoal.array as da
    >>> iinfo(da.arange(2)).max
    9223372036854775807
    """
    return np.iinfo(type.dtype if isinstance(type, Array) else type)


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Array:
    """An array of another library's, by DLPack; see `numpy.from_dlpack`.

    Parameters
    ----------
    x
        Has ``__dlpack__``.
    device
        "cpu" or None.
    copy
        As NumPy has it.

    Examples
    --------
    >>> from_dlpack(np.arange(3)).compute()
    array([0, 1, 2])
    """
    check_device(device)
    if isinstance(x, Array):
        return x.copy()
    return asarray(np.from_dlpack(x, copy=copy))


def dlpack_of(
    self: Array,
    *,
    stream: Any = None,
    max_version: Any = None,
    dl_device: Any = None,
    copy: bool | None = None,
) -> Any:
    """The computed array for another library; see the standard's ``__dlpack__``.

    Parameters
    ----------
    self
        An array.
    stream, max_version, dl_device
        As NumPy's arrays have them.
    copy
        Accepted: what is handed over was computed for it, and nobody else has it.
    """
    told = {"max_version": max_version, "dl_device": dl_device}
    return np.asarray(self).__dlpack__(stream=stream, **told)


def dlpack_device_of(self: Array) -> tuple[Any, int]:
    """The computed array's device; see the standard's ``__dlpack_device__``."""
    return np.empty(0).__dlpack_device__()


def to_device(self: Array, device: Any, /, *, stream: Any = None) -> Array:
    """The array on a device, "cpu".

    Parameters
    ----------
    self
        An array.
    device
        Where to.
    stream
        Not there for "cpu".

    Raises
    ------
    ValueError
        There is no such device.
    """
    check_device(device)
    if stream is not None:
        raise ValueError(f"{CPU!r} has no streams, got {stream!r}")
    return self


def device_of(self: Array) -> str:
    """Where the array is."""
    return CPU


def matrix_transpose(x: Any, /) -> Array:
    """The last two axes exchanged; see `numpy.matrix_transpose`.

    Parameters
    ----------
    x
        Of two axes or more.

    Raises
    ------
    ValueError
        It has fewer.

    Examples
    --------
    >>> import shoal.array as da
    >>> matrix_transpose(da.ones((4, 2, 3))).shape
    (4, 3, 2)
    """
    x = asanyarray(x)
    if x.ndim < 2:
        raise ValueError(f"Input array must be at least 2-dimensional, its shape is {x.shape}")
    out: Array = x.swapaxes(-1, -2)
    return out


def cumulative_sum(
    x: Any,
    /,
    *,
    axis: int | None = None,
    dtype: Any = None,
    include_initial: bool = False,
) -> Array:
    """Running sums; see `numpy.cumulative_sum`.

    Parameters
    ----------
    x
        An array.
    axis
        Along which; needed unless there is one.
    dtype
        Of the result.
    include_initial
        Whether the sum of nothing is first.

    Examples
    --------
    >>> import shoal.array as da
    >>> cumulative_sum(da.asarray([1, 2, 3], chunks=2), include_initial=True).compute()
    array([0, 1, 3, 6])
    """
    return _cumulative(cumsum, 0, asanyarray(x), axis, dtype, include_initial)


def cumulative_prod(
    x: Any,
    /,
    *,
    axis: int | None = None,
    dtype: Any = None,
    include_initial: bool = False,
) -> Array:
    """Running products; see `numpy.cumulative_prod`.

    Parameters
    ----------
    x, axis, dtype
        As for `cumulative_sum`.
    include_initial
        Whether the product of nothing is first.

    Examples
    --------
    >>> import shoal.array as da
    >>> cumulative_prod(da.asarray([1, 2, 3], chunks=2)).compute()
    array([1, 2, 6])
    """
    return _cumulative(cumprod, 1, asanyarray(x), axis, dtype, include_initial)


def _cumulative(func: Any, first: int, x: Array, axis: Any, dtype: Any, initial: bool) -> Array:
    if axis is None:
        if x.ndim != 1:
            raise ValueError(
                "For arrays which have more than one dimension ``axis`` argument is required; the "
                f"shape is {x.shape}"
            )
        axis = 0
    (axis,) = normalize_axes(axis, x.ndim)
    out: Array = func(x, axis=axis, dtype=dtype)
    if not initial:
        return out
    chunks = tuple([(1,) if i == axis else c for i, c in enumerate(x.chunks)])
    shape = tuple([1 if i == axis else n for i, n in enumerate(x.shape)])
    return concatenate([full(shape, first, dtype=out.dtype, chunks=chunks), out], axis)
