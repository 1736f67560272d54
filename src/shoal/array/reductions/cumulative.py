"""Running sums and products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from shoal.array.collection import Array
from shoal.array.conversion import asanyarray
from shoal.array.documented import documented
from shoal.array.meta import infer_meta, meta_from_array
from shoal.array.nodes.scan import Scan
from shoal.array.rechunking import ravel, without_empty
from shoal.array.reductions.engine import normalize_axes
from shoal.expr.annotate import current_annotations
from shoal.graph.functions import has_keyword
from shoal.graph.naming import funcname

__all__ = ["cumprod", "cumreduction", "cumsum", "nancumprod", "nancumsum"]


def cumreduction(
    func: Callable[..., Any],
    binop: Callable[..., Any],
    ident: Any,
    x: Any,
    axis: int | None = None,
    dtype: Any = None,
    out: Array | None = None,
    method: str = "sequential",
    preop: Callable[..., Any] | None = None,
) -> Array:
    """A running reduction along an axis.

    Parameters
    ----------
    func
        ``func(block, axis=axis)``, with ``dtype=`` where it takes it: running totals of a block.
    binop
        ``binop(total, totals)``, associative.
    ident
        What changes nothing: the total of a block of which all is masked.
    x
        An array.
    axis
        An int; None for the flattened array.
    dtype
        Of the result.
    out
        An array that becomes the result.
    method
        "sequential": a block after the other; "blelloch": in a tree, which has twice as many
        tasks, more of them at the same time.
    preop
        ``preop(block, axis=axis, keepdims=True)``, with ``dtype=`` where it takes it: the total of
        a block, for "blelloch".

    Examples
    --------
    >>> import shoal.array as da
    >>> cumreduction(np.cumsum, np.add, 0, da.ones(4, chunks=2)).compute()
    array([1., 2., 3., 4.])
    """
    x = asanyarray(x)
    if method not in ("sequential", "blelloch"):
        raise ValueError(
            f'Invalid method: method must be "sequential" or "blelloch", got {method!r}'
        )
    if method == "blelloch" and preop is None:
        raise TypeError('cumreduction with method="blelloch" required `preop=` argument')
    if axis is None:
        blocks = x.npartitions
        x = ravel(x)
        if blocks > 1 and x.npartitions == 1 and x.size:
            x = x.rechunk(-(-x.size // blocks))
        axis = 0
    (axis,) = normalize_axes(axis, x.ndim)
    if ident is None:
        x = without_empty(x)
    if dtype is None:
        dtype = getattr(func(np.ones((0,), dtype=x.dtype)), "dtype", object)
    dtype = np.dtype(dtype)
    if has_keyword(func, "dtype"):
        func = _Typed(func, dtype)
    if preop is not None and has_keyword(preop, "dtype"):
        preop = _Typed(preop, dtype)
    if isinstance(x._meta, np.ma.MaskedArray) and preop is not None:
        preop = _Filled(preop, ident)
    total = preop if method == "blelloch" else None
    kind = infer_meta(func, [x._meta], {"axis": axis})
    meta = meta_from_array(kind if hasattr(kind, "dtype") else x._meta, x.ndim, dtype)
    node = Scan(
        x._node,
        func,
        binop,
        total,
        ident,
        axis,
        method == "blelloch",
        meta,
        annotations=current_annotations(),
    )
    result = Array(node)
    if out is None:
        return result
    if out.shape != result.shape:
        raise ValueError(f"out= has shape {out.shape}, and the result {result.shape}")
    out._node = node
    return out


class _Filled:
    """A function whose masked results are filled."""

    def __init__(self, func: Callable[..., Any], value: Any) -> None:
        self.func = func
        self.value = value

    @property
    def __name__(self) -> str:
        return funcname(self.func)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return np.ma.filled(self.func(*args, **kwargs), self.value)

    def __shoal_tokenize__(self) -> Any:
        return "filled", self.func, self.value


class _Typed:
    """A function with a dtype."""

    def __init__(self, func: Callable[..., Any], dtype: Any) -> None:
        self.func = func
        self.dtype = dtype

    @property
    def __name__(self) -> str:
        return funcname(self.func)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.func(*args, dtype=self.dtype, **kwargs)

    def __shoal_tokenize__(self) -> Any:
        return self.func, str(self.dtype)


PARAMETERS = """\
x, axis, dtype, out, method
    As for `cumreduction`."""


def _running(
    func: Any, binop: Any, ident: int, total: Any, claim: str, result: str
) -> Callable[..., Array]:
    """Running totals."""

    def running(
        x: Any,
        axis: int | None = None,
        dtype: Any = None,
        out: Array | None = None,
        method: str = "sequential",
    ) -> Array:
        return cumreduction(func, binop, ident, x, axis, dtype, out, method, total)

    name = func.__name__
    example = f"da.{name}(da.asarray([2.0, 3, 4], chunks=2)).compute()"
    return documented(running, name, f"{claim}; see `numpy.{name}`", PARAMETERS, example, result)


cumsum = _running(np.cumsum, np.add, 0, np.sum, "Running sums", "array([2., 5., 9.])")
cumprod = _running(
    np.cumprod, np.multiply, 1, np.prod, "Running products", "array([ 2.,  6., 24.])"
)
nancumsum = _running(
    *(np.nancumsum, np.add, 0, np.nansum),
    "Running sums in which nan counts as 0",
    "array([2., 5., 9.])",
)
nancumprod = _running(
    *(np.nancumprod, np.multiply, 1, np.nanprod),
    "Running products in which nan counts as 1",
    "array([ 2.,  6., 24.])",
)
