"""NumPy's functions called with arrays of shoal's: ``np.sin(x)`` and ``np.mean(x)`` stay lazy."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from shoal.array.chunktypes import is_valid_chunk_type
from shoal.array.collection import Array
from shoal.array.elementwise import elemwise

__all__ = ["array_function", "array_ufunc"]


WITH_AXES = frozenset(["matmul", "matvec", "vecdot", "vecmat"])
"""Ufuncs of whole axes that are computed block by block."""


def array_ufunc(self: Array, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """What a ufunc gives for arrays (NEP 13).

    Parameters
    ----------
    self
        One of the inputs.
    ufunc, method
        As NumPy says them.
    *inputs, **kwargs
        Of the call.

    Examples
    --------
    >>> import shoal.array as da
    >>> np.sqrt(da.ones(2, chunks=1)).compute()
    array([1., 1.])
    """
    outs = kwargs.get("out", ())
    if any(not _is_ours(item) for item in (*inputs, *outs)):
        return NotImplemented
    functions = sys.modules["shoal.array"]
    if method == "__call__":
        if ufunc.__name__ in WITH_AXES:
            return getattr(functions, ufunc.__name__)(*inputs, **kwargs)
        if ufunc.signature is not None:
            return functions.apply_gufunc(ufunc, ufunc.signature, *inputs, **kwargs)
        if ufunc.nout > 1:
            own = getattr(functions, ufunc.__name__, None)
            return NotImplemented if own is None else own(*inputs, **kwargs)
        return elemwise(ufunc, *inputs, **kwargs)
    own = getattr(functions, ufunc.__name__, None)
    if own is None or method not in ("accumulate", "at", "outer", "reduce"):
        return NotImplemented
    if kwargs.get("out") is not None:
        (kwargs["out"],) = kwargs["out"]
    return getattr(own, method)(*inputs, **kwargs)


def _is_ours(item: Any) -> bool:
    """Whether an operand is one that elementwise functions take."""
    kind = type(item)
    if isinstance(item, Array) or not hasattr(kind, "__array_ufunc__"):
        return True
    return is_valid_chunk_type(kind) or isinstance(item, np.generic)


def array_function(
    self: Array,
    func: Callable[..., Any],
    types: Iterable[type],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> Any:
    """What a function of NumPy's gives for arrays (NEP 18): shoal's function of the same name.

    Parameters
    ----------
    self
        One of the arguments.
    func, types, args, kwargs
        As NumPy says them.

    Notes
    -----
    A function that shoal lacks is NumPy's on computed arrays, with a warning.

    Examples
    --------
    >>> import shoal.array as da
    >>> np.sum(da.ones(3, chunks=2)).compute()
    np.float64(3.0)
    """
    if any(not issubclass(kind, Array) and not is_valid_chunk_type(kind) for kind in types):
        return NotImplemented
    module: Any = sys.modules["shoal.array"]
    for name in func.__module__.split(".")[1:]:
        module = getattr(module, name, None)
    own = getattr(module, func.__name__, None)
    if own is not None and own is not func:
        return own(*args, **kwargs)
    warnings.warn(
        f"The `{func.__module__}.{func.__name__}` function is not implemented by Dask array or "
        "shoal.array: its arguments are computed, and its result is in memory",
        FutureWarning,
        stacklevel=3,
    )
    return func(*_computed(args), **_computed(dict(kwargs)))


def _computed(value: Any) -> Any:
    if isinstance(value, Array):
        return value.compute()
    if isinstance(value, list | tuple):
        return type(value)(_computed(part) for part in value)
    if isinstance(value, dict):
        return {name: _computed(part) for name, part in value.items()}
    return value
