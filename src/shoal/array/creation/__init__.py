"""Arrays made from nothing, or from few numbers; and arrays extended."""

from __future__ import annotations

from shoal.array.creation.constant import empty, full, ones, zeros
from shoal.array.creation.grids import fromfunction, indices, meshgrid
from shoal.array.creation.likes import array, empty_like, full_like, ones_like, zeros_like
from shoal.array.creation.matrices import (
    diag,
    diagonal,
    eye,
    tri,
    tril,
    tril_indices,
    tril_indices_from,
    triu,
    triu_indices,
    triu_indices_from,
)
from shoal.array.creation.padding import pad
from shoal.array.creation.ranges import arange, linspace
from shoal.array.creation.repetition import repeat, tile

__all__ = [
    "arange",
    "array",
    "diag",
    "diagonal",
    "empty",
    "empty_like",
    "eye",
    "fromfunction",
    "full",
    "full_like",
    "indices",
    "linspace",
    "meshgrid",
    "ones",
    "ones_like",
    "pad",
    "repeat",
    "tile",
    "tri",
    "tril",
    "tril_indices",
    "tril_indices_from",
    "triu",
    "triu_indices",
    "triu_indices_from",
    "zeros",
    "zeros_like",
]
