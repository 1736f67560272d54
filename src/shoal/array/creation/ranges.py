"""Sequences of numbers at equal distances."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from shoal.array.chunks import normalize_chunks
from shoal.array.collection import Array
from shoal.array.device import check_device
from shoal.array.kernels.patterns import linspace_block
from shoal.array.meta import meta_from_array
from shoal.array.nodes.sources import Arange, Generated
from shoal.expr.annotate import current_annotations

__all__ = ["arange", "linspace"]


def arange(
    start: Any = None,
    stop: Any = None,
    step: Any = 1,
    *,
    chunks: Any = "auto",
    like: Any = None,
    dtype: Any = None,
    device: Any = None,
    **kwargs: Any,
) -> Array:
    """Numbers from ``start`` to before ``stop``; see `numpy.arange`.

    Parameters
    ----------
    start, stop, step, dtype
        As NumPy has them; ``start`` alone is ``stop``.
    chunks
        As `normalize_chunks` takes them.
    like
        An array of the kind that blocks are.
    device
        "cpu" or None.
    **kwargs
        Nothing more; an error names what is.

    Raises
    ------
    TypeError
        Nothing says where to stop.
    ZeroDivisionError
        ``step`` is 0.

    Examples
    --------
    >>> arange(2, 10, 3, chunks=2).compute()
    array([2, 5, 8])
    """
    check_device(device)
    if kwargs:
        raise TypeError(
            f"arange takes start, stop, step, chunks, like, dtype, got {sorted(kwargs)}"
        )
    if start is None and stop is None:
        raise TypeError("arange() requires stop to be specified.")
    alone = start is None or stop is None
    if alone:
        start, stop = 0, start if stop is None else stop
    if step == 0:
        raise ZeroDivisionError("the step of arange must not be 0")
    if dtype is None:
        zero = type(stop)(0)
        own = np.arange(zero, step=step) if alone else np.arange(type(start)(0), zero, step)
        dtype = own.dtype
    start, stop, step = [x.item() if isinstance(x, np.generic) else x for x in (start, stop, step)]
    length = max(math.ceil((stop - start) / step), 0)
    kind = meta_from_array(like, 1, np.dtype(dtype))
    given = normalize_chunks(chunks, (length,), dtype=kind.dtype)
    return Array(Arange(start, step, given, kind, annotations=current_annotations()))


def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    chunks: Any = "auto",
    dtype: Any = None,
    device: Any = None,
) -> Any:
    """Numbers at equal distances; see `numpy.linspace`.

    Parameters
    ----------
    start, stop
        The ends, scalars; arrays of shoal's without axes are computed.
    num
        How many.
    endpoint
        Whether ``stop`` is the last.
    retstep
        Whether the distance is returned too.
    chunks
        As `normalize_chunks` takes them.
    dtype
        Of the elements.
    device
        "cpu" or None.

    Returns
    -------
    Array, or Array and float

    Examples
    --------
    >>> linspace(0, 1, 5, chunks=2).compute()
    array([0.  , 0.25, 0.5 , 0.75, 1.  ])
    """
    check_device(device)
    start, stop = [x.compute() if isinstance(x, Array) else x for x in (start, stop)]
    num = operator.index(num)
    if num < 0:
        raise ValueError(f"Number of samples, {num}, must be non-negative.")
    count = num - 1 if endpoint else num
    dtype = np.dtype(np.result_type(start, stop, float(num)) if dtype is None else dtype)
    given = normalize_chunks(chunks, (num,), dtype=dtype)
    ends = (start * 1.0, stop * 1.0)
    last = num - 1 if endpoint and num > 1 else -1
    named = (("ends", ends), ("parts", (count, last)), ("dtype", dtype))
    told = (linspace_block, ("offset", "shape"), named, given, np.empty(0, dtype), "linspace")
    out = Array(Generated(*told, annotations=current_annotations()))
    step = (stop - start) / count if count > 0 else np.nan
    return (out, step) if retstep else out
