"""Arrays of anything that has a shape, a dtype and can be sliced."""

from __future__ import annotations

import inspect
import math
import uuid
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from shoal.array.chunks import Chunks, normalize_chunks
from shoal.array.chunktypes import is_valid_chunk_type
from shoal.array.collection import Array
from shoal.array.grid import block_regions
from shoal.array.kernels.readers import portable, said_by_name
from shoal.array.kernels.store import PlainGetitem
from shoal.array.meta import meta_from_array
from shoal.array.nodes.base import HeldBlocks
from shoal.array.nodes.sources import FromArray, InMemory
from shoal.graph.token import tokenize
from shoal.local.locks import SerializableLock

__all__ = ["from_array"]

SMALLEST_COPY_BYTES = 64 * 1024
"""Of a block on average.  Smaller ones are views of one copy: each costs its own object."""


def from_array(
    x: Any,
    chunks: Any = "auto",
    name: str | bool | None = None,
    lock: Any = False,
    asarray: bool | None = None,
    fancy: bool = True,
    getitem: Callable[..., Any] | None = None,
    meta: Any = None,
    inline_array: bool = False,
) -> Array:
    """Make an array of something that is sliced like one.

    Parameters
    ----------
    x
        Has ``shape``, ``dtype`` and ``__getitem__``: an array of NumPy's, a dataset of a file.
    chunks
        As `normalize_chunks` takes them; the object's own ``chunks`` guide automatic ones.
    name
        Of the array.  Default: made from the content; False for a random one, which spares
        reading the content.
    lock
        Held while reading: True for one of the array's own, or a lock.
    asarray
        Whether blocks are made NumPy arrays.  Default: unless ``x`` follows NumPy's function
        protocol itself.
    fancy
        Whether ``x`` can be indexed with lists of ints.
    getitem
        ``getitem(x, index)`` or ``getitem(x, index, asarray, lock)`` reads a block, instead of
        ``x[index]``.
    meta
        An array without elements, of the kind that ``x`` gives.
    inline_array
        Accepted for programs that say it: ``x`` travels once with the function of its blocks.

    Raises
    ------
    ValueError
        ``x`` is an array of shoal's; or the chunks do not fit.

    Examples
    --------
    >>> from_array(np.arange(6), chunks=3)
    shoal.array<array, shape=(6,), dtype=int64, chunksize=(3,), chunktype=numpy.ndarray>
    """
    if isinstance(x, Array):
        raise ValueError("x is an array of shoal's already; use asarray, or x.rechunk(chunks)")
    if hasattr(x, "__dask_graph__") or hasattr(x, "__shoal_node__"):
        warnings.warn(
            f"from_array was given a {type(x).__name__}, which is a lazy collection already; it "
            "will be read like an array in memory. Use asarray to keep it lazy",
            UserWarning,
            stacklevel=2,
        )
    if isinstance(x, list | tuple | int | float | complex | np.generic | memoryview):
        x = np.asarray(x)
    if asarray is None:
        asarray = not hasattr(x, "__array_function__") and not is_valid_chunk_type(type(x))
    # A shard is the smallest part of a zarr array that can be written, and best read, at once.
    previous = getattr(x, "shards", None) or getattr(x, "chunks", None)
    given = normalize_chunks(chunks, x.shape, dtype=x.dtype, previous_chunks=previous)
    kind = meta_from_array(
        x if meta is None else meta, x.ndim if hasattr(x, "ndim") else len(given), x.dtype
    )
    if asarray and not isinstance(kind, np.ndarray):
        kind = np.empty((0,) * len(given), x.dtype)
    exact = _name(name, x, given, lock, asarray, getitem)
    if (
        (getitem is None or type(x) is np.ndarray)
        and not lock
        and is_valid_chunk_type(type(x))
        and not isinstance(x, np.memmap)
    ):
        if type(x) is np.ndarray and x.flags.writeable:
            # What is done to it afterwards is not seen, whenever blocks are computed.
            if _has_gaps(x, given):
                blocks = tuple([x[region].copy() for region in block_regions(given)])
                return Array(HeldBlocks(blocks, given, kind, name=exact))
            x = x.copy()
        return Array(InMemory(x, given, kind, "array", name=exact))
    if getitem is not None and not _takes_options(getitem):
        getitem = PlainGetitem(getitem)
    held = SerializableLock() if lock is True else (lock or None)
    region = tuple([slice(0, int(n), 1) for n in x.shape])
    options = (asarray, held)
    return Array(FromArray(portable(x), region, given, getitem, options, kind, "array", name=exact))


def _has_gaps(x: Any, chunks: Chunks) -> bool:
    """Whether blocks are long rows of longer ones: functions take 1.5 times as long for these, so
    the copy is made block by block."""
    count = math.prod(map(len, chunks))
    cut = any(len(blocks) > 1 for blocks in chunks[1:])
    return cut and 0 < SMALLEST_COPY_BYTES * count <= x.nbytes


def _name(name: Any, x: Any, *told: Any) -> str | None:
    """The name of the node, or None for the structural one."""
    if name is None or name is True:
        return f"array-{tokenize(said_by_name(x), *told)}"
    return f"array-{uuid.uuid4().hex}" if name is False else str(name)


def _takes_options(func: Callable[..., Any]) -> bool:
    """Whether a function reads with a lock and makes arrays itself.

    >>> _takes_options(lambda x, index: 0), _takes_options(lambda x, index, asarray, lock: 0)
    (False, True)
    """
    try:
        inspect.signature(func).bind(None, None, True, None)
    except TypeError:
        return False
    except ValueError:  # a builtin without a signature
        return False
    return True
