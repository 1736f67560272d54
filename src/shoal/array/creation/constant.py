"""Arrays of one value."""

from __future__ import annotations

from typing import Any

import numpy as np

from shoal.array.chunks import normalize_chunks
from shoal.array.collection import Array
from shoal.array.device import check_device
from shoal.array.meta import meta_from_array
from shoal.array.nodes.sources import Full, Generated
from shoal.expr.annotate import current_annotations

__all__ = ["empty", "full", "ones", "zeros"]


def ones(
    shape: Any,
    dtype: Any = None,
    *,
    chunks: Any = "auto",
    name: str | None = None,
    meta: Any = None,
    order: str = "C",
    device: Any = None,
) -> Array:
    """An array of ones; see `numpy.ones`.

    Parameters
    ----------
    shape, dtype
        As NumPy has them.
    chunks
        As `normalize_chunks` takes them.
    name
        Of the array.
    meta
        An array of the kind that blocks are.
    order
        "C" or "F"; blocks are in C order.
    device
        "cpu" or None.

    Examples
    --------
    >>> ones((2, 2), chunks=1).compute()
    array([[1., 1.],
           [1., 1.]])
    """
    check_device(device)
    return _constant(shape, 1, dtype, chunks, name, meta, "ones")


def zeros(
    shape: Any,
    dtype: Any = None,
    *,
    chunks: Any = "auto",
    name: str | None = None,
    meta: Any = None,
    order: str = "C",
    device: Any = None,
) -> Array:
    """An array of zeros; see `numpy.zeros`.

    Parameters
    ----------
    shape, dtype, chunks, name, meta, order, device
        As for `ones`.

    Examples
    --------
    >>> zeros(3, chunks=2).compute()
    array([0., 0., 0.])
    """
    check_device(device)
    return _constant(shape, 0, dtype, chunks, name, meta, "zeros")


def full(
    shape: Any,
    fill_value: Any,
    dtype: Any = None,
    *,
    chunks: Any = "auto",
    name: str | None = None,
    meta: Any = None,
    order: str = "C",
    device: Any = None,
) -> Array:
    """An array of one value; see `numpy.full`.

    Parameters
    ----------
    shape, dtype, chunks, name, meta, order, device
        As for `ones`.
    fill_value
        A scalar.

    Raises
    ------
    ValueError
        ``fill_value`` has axes.

    Examples
    --------
    >>> full(3, 7, chunks=2).compute()
    array([7, 7, 7])
    """
    check_device(device)
    if getattr(fill_value, "ndim", None) != 0 and np.ndim(fill_value) != 0:
        raise ValueError(
            f"fill_value must be scalar, got {type(fill_value).__name__} of shape "
            f"{np.shape(fill_value)}; use broadcast_to for an array"
        )
    if dtype is None:
        dtype = getattr(fill_value, "dtype", None) or np.asarray(fill_value).dtype
    return _constant(shape, fill_value, dtype, chunks, name, meta, "full")


def _constant(
    shape: Any, value: Any, dtype: Any, chunks: Any, name: Any, meta: Any, title: str
) -> Array:
    kind, given = _described(shape, dtype, chunks, meta)
    annotations = current_annotations()
    return Array(Full(value, given, kind, title, name=name, annotations=annotations))


def _described(shape: Any, dtype: Any, chunks: Any, meta: Any) -> tuple[Any, Any]:
    shape = (shape,) if isinstance(shape, int | np.integer) else tuple(shape)
    kind = meta_from_array(meta, len(shape), float if dtype is None and meta is None else dtype)
    return kind, normalize_chunks(chunks, shape, dtype=kind.dtype)


def empty(
    shape: Any,
    dtype: Any = None,
    *,
    chunks: Any = "auto",
    name: str | None = None,
    meta: Any = None,
    order: str = "C",
    device: Any = None,
) -> Array:
    """An array of whatever is in memory; see `numpy.empty`.

    Parameters
    ----------
    shape, dtype, chunks, name, meta, order, device
        As for `ones`.

    Examples
    --------
    >>> empty((2, 3), chunks=2).shape
    (2, 3)
    """
    check_device(device)
    kind, given = _described(shape, dtype, chunks, meta)
    told = (("dtype", kind.dtype),)
    node = Generated(
        np.empty,
        ("shape",),
        told,
        given,
        kind,
        "empty",
        name=name,
        annotations=current_annotations(),
    )
    return Array(node)
