"""Sequences of numbers at equal distances."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from shoal.array.chunks import normalize_chunks
from shoal.array.collection import Array
from shoal.array.meta import meta_from_array
from shoal.array.nodes.sources import Arange
from shoal.expr.annotate import current_annotations

__all__ = ["arange"]


def arange(
    start: Any = 0,
    stop: Any = None,
    step: Any = 1,
    *,
    chunks: Any = "auto",
    like: Any = None,
    dtype: Any = None,
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
    **kwargs
        Nothing more; an error names what is.

    Raises
    ------
    ValueError
        ``step`` is 0.

    Examples
    --------
    >>> arange(2, 10, 3, chunks=2).compute()
    array([2, 5, 8])
    """
    if kwargs:
        raise TypeError(
            f"arange takes start, stop, step, chunks, like, dtype, got {sorted(kwargs)}"
        )
    if stop is None:
        start, stop = 0, start
    if step == 0:
        raise ValueError("the step of arange must not be 0")
    length = max(math.ceil((stop - start) / step), 0)
    if dtype is None:
        dtype = np.arange(type(start)(0), type(stop)(0), step).dtype
    kind = meta_from_array(like, 1, np.dtype(dtype))
    given = normalize_chunks(chunks, (length,), dtype=kind.dtype)
    return Array(Arange(start, step, given, kind, annotations=current_annotations()))
