"""Arrays in zarr stores.

Two tasks must not write to one chunk of a store (or shard, which is written as a whole), so an
array is cut along the store's before it is written.
"""

from __future__ import annotations

import itertools
import os
import uuid
import warnings
from typing import Any

from shoal.array.chunks import AxisChunks, has_unknown
from shoal.array.collection import Array
from shoal.array.io.from_array import from_array
from shoal.array.io.storing import store
from shoal.array.rechunking import rechunk
from shoal.errors import PerformanceWarning
from shoal.optional import import_required

__all__ = ["from_zarr", "to_zarr"]


def from_zarr(
    url: Any,
    component: str | None = None,
    storage_options: Any = None,
    chunks: Any = None,
    name: str | None = None,
    inline_array: bool = False,
    **kwargs: Any,
) -> Array:
    """Make an array of one in a zarr store.

    Parameters
    ----------
    url
        A path, a URL, a store of zarr's or an array of zarr's.
    component
        Where in the store it is.
    storage_options
        For the file system, as fsspec takes them.
    chunks
        Those of the store by default.
    name
        Of the array.
    inline_array
        As `from_array` takes it.
    **kwargs
        For ``zarr.open_array``.

    Examples
    --------
    >>> import tempfile
    >>> import shoal.array as da
    >>> folder = tempfile.mkdtemp()
    >>> _ = to_zarr(da.ones((4, 4), chunks=2), folder)
    >>> from_zarr(folder).chunks
    ((2, 2), (2, 2))
    """
    zarr = import_required("zarr", "reading zarr stores")
    if isinstance(url, zarr.Array):
        z = url
    else:
        where = _store(zarr, url, storage_options, read_only=True)
        z = zarr.open_array(where, path=component, mode="r", **kwargs)
    chunks = z.chunks if chunks is None else chunks
    # Nothing tells whether chunks have been written: what was read before is not taken for them.
    own = f"from-zarr-{uuid.uuid4().hex}"
    return from_array(z, chunks, name=name or own, inline_array=inline_array)


def to_zarr(
    arr: Array,
    url: Any,
    component: str | None = None,
    storage_options: Any = None,
    region: Any = None,
    compute: bool = True,
    return_stored: bool = False,
    mode: str = "a",
    **zarr_array_kwargs: Any,
) -> Any:
    """Write an array to a zarr store.

    Parameters
    ----------
    arr
        The array.
    url
        A path, a URL, a store of zarr's; or an array of zarr's, which is written to.
    component
        Where in the store.
    storage_options
        For the file system, as fsspec takes them.
    region
        The part of an array of zarr's that is written, a tuple of slices.
    compute, return_stored
        As `store` takes them.
    mode
        "a" to write to an array that is there or make one, "w" to make one anew, "w-" to fail where
        there is one.
    **zarr_array_kwargs
        For ``zarr.create_array``, such as ``shards`` and ``compressors``.

    Raises
    ------
    ValueError
        The array's shape is not known, the mode cannot write, or a region is given without an array
        of zarr's.

    Warns
    -----
    UserWarning
        The array's blocks are irregular, and it is rechunked.
    PerformanceWarning
        A region does not begin and end with chunks of the store, so some are written in part.

    Examples
    --------
    >>> import tempfile
    >>> import shoal.array as da
    >>> folder = tempfile.mkdtemp()
    >>> to_zarr(da.ones((4, 4), chunks=2), folder)
    """
    if has_unknown(arr.chunks):
        raise ValueError(
            "Saving an array with unknown chunk sizes is not possible with zarr: its shape is "
            f"{arr.shape}; call compute_chunk_sizes() on it first"
        )
    zarr = import_required("zarr", "writing zarr stores")
    if isinstance(url, zarr.Array):
        z = url
    else:
        if region is not None:
            raise ValueError(
                "Cannot use `region` keyword when url is not a zarr.Array: make it first"
            )
        if mode not in ("a", "w", "w-"):
            raise ValueError(f"Cannot use mode {mode!r} to write; use 'a', 'w' or 'w-'")
        arr = _regular(arr)
        where = _store(zarr, url, storage_options, read_only=False)
        z = _created(zarr, where, component, arr, mode, zarr_array_kwargs)
    arr, spans = _aligned(arr, z, region)
    return store(arr, z, lock=False, regions=spans, compute=compute, return_stored=return_stored)


def to_zarr_of(self: Array, *args: Any, **kwargs: Any) -> Any:
    """Write the array to a zarr store; see `shoal.array.to_zarr`."""
    return to_zarr(self, *args, **kwargs)


def _store(zarr: Any, url: Any, storage_options: Any, read_only: bool) -> Any:
    """A store of zarr's, or what zarr makes one of."""
    if isinstance(url, os.PathLike):
        url = os.fspath(url)
    if isinstance(url, str) and (storage_options or "://" in url):
        options = dict(storage_options or {})
        return zarr.storage.FsspecStore.from_url(url, options, read_only=read_only)
    return url


def _regular(arr: Array) -> Array:
    """An array whose blocks have one length along each axis, but for the last."""
    fits = all(
        all(n == own[0] for n in own[:-1]) and own[-1] <= own[0] for own in arr.chunks if own
    )
    if fits:
        return arr
    warnings.warn(
        f"The array uses irregular chunk sizes {arr.chunks}, which a zarr store cannot have; it is "
        "rechunked. Rechunk it first to say how",
        UserWarning,
        stacklevel=4,
    )
    return rechunk(arr, tuple([max(own) for own in arr.chunks]))


def _created(zarr: Any, where: Any, component: str | None, arr: Array, mode: str, more: Any) -> Any:
    """A new array in a store, or the one that is there."""
    chunks = tuple([max(own[0], 1) for own in arr.chunks])
    told = {"shape": arr.shape, "dtype": arr.dtype, "chunks": chunks, **more}
    told.setdefault("overwrite", mode == "w")
    formats = {name: told[name] for name in ("zarr_format",) if name in told}
    try:
        if not component:
            return zarr.create_array(store=where, **told)
        told.pop("zarr_format", None)
        group = zarr.open_group(store=where, mode="a", **formats)
        *folders, name = component.strip("/").split("/")
        for folder in folders:
            group = group.require_group(folder)
        return group.create_array(name, **told)
    except zarr.errors.ContainsArrayError:
        if mode != "a" or "overwrite" in more:
            raise
    z = zarr.open_array(where, path=component, mode="r+")
    if z.shape != arr.shape or z.dtype != arr.dtype:
        raise ValueError(
            f"the store has an array of shape {z.shape} and {z.dtype} there, which one of "
            f"{arr.shape} and {arr.dtype} cannot be written to; use mode='w' to replace it"
        )
    return z


def _aligned(arr: Array, z: Any, region: Any) -> tuple[Array, Any]:
    """An array whose blocks end where chunks of a store do, and the region with bounds."""
    units = getattr(z, "shards", None) or z.chunks
    if region is None:
        spans: tuple[Any, ...] = tuple([slice(0, n) for n in z.shape])
    else:
        given = region if isinstance(region, tuple) else (region,)
        given = (*given, *[slice(None)] * (len(z.shape) - len(given)))
        if any(not isinstance(part, slice) or part.step not in (None, 1) for part in given):
            return rechunk(arr, -1), region
        pairs = zip(given, z.shape, strict=True)
        spans = tuple([slice(*part.indices(n)[:2]) for part, n in pairs])
    if tuple([span.stop - span.start for span in spans]) != arr.shape:
        raise ValueError(
            f"an array of shape {arr.shape} does not fit the region {region} of a zarr array of "
            f"shape {z.shape}"
        )
    ends = zip(spans, units, z.shape, strict=True)
    if any(s.start % unit or (s.stop % unit and s.stop != n) for s, unit, n in ends):
        warnings.warn(
            f"The region {region} does not begin and end with chunks of the store, which are "
            f"{units} long: some are written in part, and must not be written to at the same time",
            PerformanceWarning,
            stacklevel=4,
        )
    pairs_of = zip(arr.chunks, spans, units, strict=True)
    chunks = tuple([_along(own, span.start, unit) for own, span, unit in pairs_of])
    return (
        arr if chunks == arr.chunks else rechunk(arr, chunks)
    ), None if region is None else spans


def _along(own: AxisChunks, start: int, unit: int) -> AxisChunks:
    """Blocks of an axis that end where chunks of a store do.

    >>> _along((5, 5), 0, 2), _along((4, 4), 1, 4), _along((2, 2, 1), 0, 2)
    ((4, 4, 2), (3, 4, 1), (2, 2, 1))
    """
    ends = list(itertools.accumulate(own))
    if all((start + end) % unit == 0 for end in ends[:-1]):
        return own
    step = max(max(own) // unit, 1) * unit
    first = min(step - start % unit, ends[-1])
    out = [first]
    while sum(out) < ends[-1]:
        out.append(min(step, ends[-1] - sum(out)))
    return tuple(out)
