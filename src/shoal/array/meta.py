"""Metas: what the blocks of an array are, told by an array without elements.

A meta has the type, dtype and number of axes of the blocks, and length 0 along each axis.  What a
function makes of blocks is found out by calling it on metas, so user code sees no made-up values.
Only where that fails is it called on arrays of ones (with one element), which is said in the error
when it fails too.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from shoal.duck import is_arraylike
from shoal.graph.naming import funcname

__all__ = ["infer_dtype", "infer_meta", "meta_from_array", "with_dtype", "with_ndim"]


def meta_from_array(x: Any = None, ndim: int | None = None, dtype: Any = None) -> Any:
    """The meta of an array.

    Parameters
    ----------
    x
        An array of any kind, its class, an array of shoal's, or None for NumPy.
    ndim
        How many axes; as many as ``x`` has by default.
    dtype
        That of ``x`` by default.

    Examples
    --------
    >>> meta_from_array(np.ones((2, 3)), dtype="f4")
    array([], shape=(0, 0), dtype=float32)
    """
    own = getattr(x, "_meta", None)
    if own is not None:
        x = own
    if x is None or x is np.ndarray:
        return np.empty((0,) * (ndim or 0), dtype=dtype or float)
    if isinstance(x, type):
        x = x(shape=(0,) * (ndim or 0), dtype=dtype)
    if isinstance(x, list | tuple):
        x = np.empty((0,) * (ndim or 0), dtype=np.asarray(x).dtype)
    if not hasattr(x, "shape") or not hasattr(x, "dtype") or not isinstance(x.shape, tuple):
        return _of_scalar(x, ndim, dtype)
    return with_dtype(with_ndim(x, x.ndim if ndim is None else ndim), dtype)


def _of_scalar(x: Any, ndim: int | None, dtype: Any) -> Any:
    dtype = dtype if dtype is not None else np.asarray(x).dtype
    return np.empty((0,) * (ndim or 0), dtype=dtype)


def with_ndim(x: Any, ndim: int) -> Any:
    """An array without elements, of the same kind, with some number of axes.

    Parameters
    ----------
    x
        The array.
    ndim
        How many axes.

    Examples
    --------
    >>> with_ndim(np.ones((2, 3)), 1)
    array([], dtype=float64)
    """
    if x.ndim == ndim and ndim and all(n == 0 for n in x.shape):
        return x
    try:
        if ndim == 0:
            return _zero_axes(x)
        if x.ndim == 0:
            return x[(None,) * ndim][(slice(0, 0),) * ndim]
        x = x[(slice(0, 0),) * x.ndim]
        if x.ndim > ndim:
            return x.reshape((0,) * ndim)
        return x[(Ellipsis, *(None,) * (ndim - x.ndim))][(slice(0, 0),) * ndim]
    except Exception:  # a kind of array that cannot be sliced so
        return np.empty((0,) * ndim, dtype=x.dtype)


def _zero_axes(x: Any) -> Any:
    """An array of no axes cannot be without elements; one of the same kind with a zero in it."""
    out = np.empty_like(x, shape=())
    if isinstance(out, np.ndarray) and out.dtype.kind in "biufcSUmM":
        out[()] = np.zeros((), out.dtype)
    return out


def with_dtype(meta: Any, dtype: Any) -> Any:
    """A meta with another dtype.

    Parameters
    ----------
    meta
        The meta.
    dtype
        None for no change.

    Examples
    --------
    >>> with_dtype(np.empty(0), "i2").dtype
    dtype('int16')
    """
    if dtype is None or meta.dtype == dtype:
        return meta
    if type(meta) is np.ndarray:
        # No cast, which would warn of the imaginary parts that nobody has.
        return np.zeros(meta.shape, dtype)
    try:
        return meta.astype(dtype)
    except (TypeError, ValueError):
        return np.empty(meta.shape, dtype)


def infer_meta(
    func: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any] | None = None
) -> Any:
    """What a function makes of metas, or None where it does not work on arrays without elements.

    Parameters
    ----------
    func
        Called as on blocks.
    args, kwargs
        Metas in place of blocks.

    Examples
    --------
    >>> infer_meta(np.add, [np.empty(0, "i4"), 1.5]).dtype
    dtype('float64')
    """
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return func(*args, **(kwargs or {}))
        except Exception:
            # Whatever it is, it is about an array without elements, and will be seen again at
            # run time where it is about more than that.
            return None


def infer_dtype(
    func: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any] | None,
    caller: str,
    remedy: str = "dtype=",
    nout: int | None = None,
) -> Any:
    """The dtype that a function gives, found by calling it on arrays of ones.

    Parameters
    ----------
    func
        Called as on blocks.
    args, kwargs
        Arrays are replaced by ones with as many axes and one element.
    caller
        The public function that needs to know, for the error.
    remedy
        The argument with which the user can say it.
    nout
        How many results the function has; None for one that is no tuple.

    Raises
    ------
    ValueError
        The function failed; says on what it was called.  A ufunc's error is raised as it is.

    Examples
    --------
    >>> infer_dtype(np.divide, [np.empty(0, "i4"), 2], None, "map_blocks")
    dtype('float64')
    """
    sample = [_ones(arg) for arg in args]
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            out = func(*sample, **{name: _ones(arg) for name, arg in (kwargs or {}).items()})
    except Exception as error:
        shown = ", ".join(_describe(arg) for arg in sample)
        if isinstance(getattr(func, "of", func), np.ufunc):
            # NumPy's own error, for it is about types and not about the sample.
            error.add_note(f"shoal: {caller} of {funcname(func)}({shown})")
            raise
        raise ValueError(
            f"`dtype` inference failed in `{caller}`: {funcname(func)}({shown}) raised "
            f"{type(error).__name__}: {error}. Say what it returns with {remedy}"
        ) from error
    if nout is not None:
        return tuple([_dtype_of(part) for part in out])
    return _dtype_of(out)


def _ones(arg: Any) -> Any:
    if not is_arraylike(arg):
        return arg
    shape = (1,) * arg.ndim
    try:
        return np.ones_like(arg, shape=shape)
    except Exception:
        return np.ones(shape, dtype=arg.dtype)


def _describe(arg: Any) -> str:
    if is_arraylike(arg):
        return f"<{type(arg).__name__} of ones, shape {arg.shape}, {arg.dtype}>"
    return repr(arg)


def _dtype_of(value: Any) -> Any:
    return value.dtype if hasattr(value, "dtype") else np.asarray(value).dtype
