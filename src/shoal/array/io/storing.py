"""``store``: blocks written to anything that is assigned to like an array."""

from __future__ import annotations

from typing import Any

import numpy as np

from shoal.array.chunks import has_unknown
from shoal.array.collection import Array
from shoal.array.grid import starts_of
from shoal.array.nodes.base import ArrayNode
from shoal.array.nodes.store import Load, Store
from shoal.collection import compute as compute_all
from shoal.expr.annotate import current_annotations
from shoal.expr.call import Call
from shoal.local.locks import SerializableLock

__all__ = ["store"]


def store(
    sources: Any,
    targets: Any,
    lock: Any = True,
    regions: Any = None,
    compute: bool = True,
    return_stored: bool = False,
    load_stored: bool | None = None,
    **kwargs: Any,
) -> Any:
    """Write arrays to targets, block by block.

    Parameters
    ----------
    sources
        An array, or several.
    targets
        For each something with ``__setitem__``, or a delayed one.
    lock
        Held while a block is written: True for one lock for all, False for none, or a lock.
    regions
        The part of each target that is written, a tuple of slices, ints and lists; one for all, or
        a list with one each.
    compute
        Whether to write now.
    return_stored
        Whether to give back arrays of what was written.
    load_stored
        Whether these read the targets; by default yes.
    **kwargs
        For `shoal.compute`.

    Returns
    -------
    None, or Array or a tuple of them
        Without ``return_stored``: None when it is written, else arrays that write when they are
        computed, and give nothing.

    Raises
    ------
    ValueError
        Sources that are no arrays of shoal's, other numbers of sources and targets, or shapes that
        do not fit.

    Examples
    --------
    >>> import shoal.array as da
    >>> out = np.zeros(4)
    >>> store(da.ones(4, chunks=2), out)
    >>> out
    array([1., 1., 1., 1.])
    """
    one = isinstance(sources, Array)
    arrays = [sources] if one else list(sources)
    places = [targets] if one else list(targets)
    parts = _checked(arrays, places, regions)
    held = SerializableLock() if lock is True else (lock or None)
    load = return_stored if load_stored is None else load_stored
    if compute and return_stored and load:
        # Read afterwards from the very targets, so delayed ones are made first.
        places = [compute_all(t, **kwargs)[0] if isinstance(t, Call) else t for t in places]

    def nodes(mode: str) -> list[Array]:
        rows = zip(arrays, places, parts, strict=True)
        return [Array(_node(a, t, r, held, mode)) for a, t, r in rows]

    def given(made: list[Array]) -> Any:
        return made[0] if one else tuple(made)

    if not compute:
        return given(nodes("load" if load else "block" if return_stored else "nothing"))
    if return_stored and not load:
        return given([a.persist(**kwargs) for a in nodes("block")])
    compute_all(*nodes("nothing"), **kwargs)
    return given(nodes("read")) if return_stored else None


def _checked(arrays: list[Any], places: list[Any], regions: Any) -> list[Any]:
    """A region for each array, where there are as many of everything."""
    if any(not isinstance(a, Array) for a in arrays):
        kinds = sorted({type(a).__name__ for a in arrays if not isinstance(a, Array)})
        raise ValueError(f"All sources must be arrays of shoal's, got {kinds}; use from_array")
    if len(arrays) != len(places):
        raise ValueError(f"Different number of sources [{len(arrays)}] and targets [{len(places)}]")
    if isinstance(regions, tuple) or regions is None:
        return [regions] * len(arrays)
    if len(regions) != len(arrays):
        raise ValueError(
            f"Different number of sources [{len(arrays)}] and regions [{len(regions)}]"
        )
    return list(regions)


def store_of(self: Array, target: Any, **kwargs: Any) -> Any:
    """Write the array to a target; see `shoal.array.store`."""
    return store(self, target, **kwargs)


def _node(a: Array, target: Any, region: Any, lock: Any, mode: str) -> ArrayNode:
    if has_unknown(a.chunks):
        raise ValueError(
            f"an array of shape {a.shape} cannot be stored, where its blocks go is not known; call "
            "compute_chunk_sizes() on it first"
        )
    if isinstance(target, Array):
        raise ValueError("the target is an array of shoal's, which cannot be written to")
    shape = getattr(target, "shape", None) if not isinstance(target, Call) else None
    if region is None and isinstance(shape, tuple) and shape != a.shape:
        raise ValueError(
            f"an array of shape {a.shape} does not fit a target of shape {shape}; say with "
            "regions= where it goes"
        )
    places, whole = _places(a, region, shape)
    told = current_annotations()
    if mode == "read":
        return Load(a._meta, target, places, whole, lock, a.chunks, annotations=told)
    return Store(a._node, target, places, whole, lock, mode, annotations=told)


def _places(a: Array, region: Any, shape: Any) -> tuple[Any, Any]:
    """For each axis where its blocks go in the target, and the target's index around them."""
    spans = [
        [(begin, begin + n) for begin, n in zip(starts_of(own), own, strict=True)]
        for own in a.chunks
    ]
    if region is None:
        return tuple([tuple([slice(b, e) for b, e in axis]) for axis in spans]), None
    entries = list(region) if isinstance(region, tuple) else [region]
    whole: list[Any] = []
    out: list[Any] = []
    left = iter(spans)
    for axis, entry in enumerate(entries):
        if isinstance(entry, int | np.integer):
            whole.append(int(entry))
            continue
        own = next(left, None)
        if own is None:
            raise ValueError(
                f"the region {region!r} has more axes than the array of shape {a.shape}"
            )
        whole.append(None)
        length = None if shape is None else shape[axis]
        out.append(tuple([_within(entry, begin, end, length) for begin, end in own]))
    for own in left:
        whole.append(None)
        out.append(tuple([slice(begin, end) for begin, end in own]))
    return tuple(out), tuple(whole) if any(entry is not None for entry in whole) else None


def _within(entry: Any, begin: int, end: int, length: int | None) -> Any:
    """A part of a part of an axis.

    >>> _within(slice(10, None, 2), 1, 3, None), _within([7, 8, 9], 1, 3, None)
    (slice(12, 16, 2), [8, 9])
    """
    if not isinstance(entry, slice):
        return list(entry[begin:end])
    start, step = entry.start or 0, entry.step or 1
    if start < 0 or step < 0:
        if length is None:
            raise ValueError(f"the region {entry} needs the target's length, which is not known")
        places = range(length)[entry][begin:end]
        stop: Any = places.stop
        return slice(places.start, None if stop < 0 else stop, places.step)
    return slice(start + begin * step, start + end * step, None if step == 1 else step)
