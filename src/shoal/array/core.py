"""Names where Dask has them: what programs import from ``dask.array.core``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from shoal.array.chunks import (
    blockdims_from_blockshape,
    broadcast_chunks,
    common_blockdim,
    normalize_chunks,
    slices_from_chunks,
)
from shoal.array.collection import Array
from shoal.array.kernels.assemble import concatenate_lookup
from shoal.array.kernels.assemble import concatenate_nested as concatenate3
from shoal.array.slicing import BlockView
from shoal.errors import PerformanceWarning
from shoal.graph.nested import deepfirst
from shoal.graph.rewrites import cull
from shoal.highlevelgraph import keys_of
from shoal.types import Key

__all__ = [
    "Array",
    "BlockView",
    "PerformanceWarning",
    "blockdims_from_blockshape",
    "broadcast_chunks",
    "common_blockdim",
    "concatenate3",
    "concatenate_lookup",
    "deepfirst",
    "key_array_of",
    "normalize_chunks",
    "optimize",
    "slices_from_chunks",
]

_concatenate2 = concatenate3
"""The name under which libraries that write reductions of their own know it."""


def optimize(dsk: Mapping[Key, Any], keys: Any, **kwargs: Any) -> Mapping[Key, Any]:
    """A graph of arrays' tasks without those that some keys do not need.

    Libraries name it in settings and call it on graphs of theirs.  Arrays themselves are made
    cheaper before they become tasks.

    Parameters
    ----------
    dsk
        A graph as a dict.
    keys
        What is wanted: a key, or nested lists of keys.
    **kwargs
        Accepted and not needed.

    Returns
    -------
    dict

    Examples
    --------
    >>> optimize({("x", 0): 1, ("x", 1): 2}, [("x", 1)])
    {('x', 1): 2}
    """
    return cull(dsk, keys)[0]


def key_array_of(x: Array) -> Any:
    """The keys of an array's blocks, in an array of objects with one axis more than the grid.

    Parameters
    ----------
    x
        The array.

    Examples
    --------
    >>> import shoal.array as da
    >>> da.ones(4, chunks=2, name="x")._key_array.tolist()
    [['x', 0], ['x', 1]]
    """
    return np.array(keys_of(x), dtype=object)


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(sys.modules["shoal.array"], name)
