"""``pad``: elements added at the ends of axes, in every way that NumPy knows.

Axes are padded one after the other, so what is added along the last covers the corners.  Only what
is added is computed: the array's own blocks stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from shoal.array.arrangement import broadcast_to, concatenate
from shoal.array.blocks import blockwise
from shoal.array.chunks import normalize_chunks
from shoal.array.collection import Array
from shoal.array.conversion import asanyarray
from shoal.array.creation.constant import empty, full
from shoal.array.elementwise import elemwise
from shoal.array.kernels.patterns import ramp_block, udf_block
from shoal.array.mapping import map_blocks
from shoal.array.rechunking import rechunk
from shoal.array.reductions import max as max_of
from shoal.array.reductions import mean, reduction
from shoal.array.reductions import min as min_of
from shoal.array.slicing import getitem, take

__all__ = ["pad"]

ARGUMENTS: dict[str, dict[str, Any]] = {
    "constant": {"constant_values": 0},
    "linear_ramp": {"end_values": 0},
    "maximum": {"stat_length": None},
    "mean": {"stat_length": None},
    "median": {"stat_length": None},
    "minimum": {"stat_length": None},
    "reflect": {"reflect_type": "even"},
    "symmetric": {"reflect_type": "even"},
    "edge": {},
    "wrap": {},
    "empty": {},
}
"""The keyword arguments of each mode, and their defaults."""


def pad(array: Any, pad_width: Any, mode: Any = "constant", **kwargs: Any) -> Array:
    """Elements added at the ends of axes; see `numpy.pad`.

    Parameters
    ----------
    array
        An array.
    pad_width
        How many: an int, ``(before, after)``, or one of these for each axis.
    mode
        One of `ARGUMENTS`, or a function that fills in lines, as NumPy takes it.
    **kwargs
        Those of the mode.

    Raises
    ------
    ValueError
        An unknown mode, a negative width, or arguments of another mode.

    Examples
    --------
    >>> import shoal.array as da
    >>> pad(da.arange(3, chunks=2), (2, 1), "edge").compute()
    array([0, 0, 0, 1, 2, 2])
    """
    x = asanyarray(array)
    widths = _pairs(pad_width, x.ndim)
    if any(n < 0 for pair in widths for n in pair):
        raise ValueError(f"index can't contain negative values: pad_width is {pad_width!r}")
    if callable(mode):
        return _by_function(x, widths, mode, kwargs)
    if mode not in ARGUMENTS:
        raise ValueError(f"mode {mode!r} is not supported; use one of {sorted(ARGUMENTS)}")
    unknown = set(kwargs) - set(ARGUMENTS[mode])
    if unknown:
        raise ValueError(f"unsupported keyword arguments for mode {mode!r}: {sorted(unknown)}")
    options: Mapping[str, Any] = {**ARGUMENTS[mode], **kwargs}
    if options.get("reflect_type", "even") != "even":
        raise NotImplementedError("reflect_type must be 'even'")
    given = [_pairs(value, x.ndim) for value in options.values()][:1] or [[(None, None)] * x.ndim]
    for axis, width in enumerate(widths):
        if width == (0, 0):
            continue
        sides = [_side(x, axis, n, mode, given[0][axis][i], bool(i)) for i, n in enumerate(width)]
        x = concatenate([part for part in (sides[0], x, sides[1]) if part is not None], axis)
    return x


def _pairs(value: Any, ndim: int) -> list[tuple[Any, Any]]:
    """``(before, after)`` for each axis.

    >>> _pairs((1, 2), 2), _pairs({-1: 3}, 2)
    ([(1, 2), (1, 2)], [(0, 0), (3, 3)])
    """
    if isinstance(value, Mapping):
        named = {axis % ndim: pair for axis, pair in value.items()}
        return [_pairs(named.get(axis, 0), 1)[0] for axis in range(ndim)]
    if value is None or isinstance(value, str):
        return [(value, value)] * ndim
    both = np.broadcast_to(np.asarray(value), (ndim, 2))
    if both.dtype.kind in "iu":
        return [(int(a), int(b)) for a, b in both]
    return [(a, b) for a, b in both]


def _side(x: Array, axis: int, width: int, mode: str, option: Any, after: bool) -> Array | None:
    """What is added at one end of an axis."""
    if not width:
        return None
    if mode in ("constant", "empty"):
        return _filled(x, axis, width, option if mode == "constant" else None)
    if mode == "linear_ramp":
        edge = _ends(x, axis, 1, after)
        labels = tuple(range(x.ndim))
        told = [option, width, axis, after]
        more = [item for value in told for item in (value, None)]
        return blockwise(
            ramp_block, labels, edge, labels, *more, adjust_chunks={axis: width}, dtype=x.dtype
        )
    if mode in STATISTICS:
        return _statistic(x, axis, width, mode, option, after)
    length = x.shape[axis]
    places = np.pad(np.arange(length), (0, width) if after else (width, 0), mode=mode)  # type: ignore[call-overload]
    return take(x, places[length:] if after else places[:width], axis)


def _filled(x: Array, axis: int, width: int, value: Any) -> Array:
    shape = (*x.shape[:axis], width, *x.shape[axis + 1 :])
    (blocks,) = normalize_chunks((max(x.chunks[axis]) or width,), (width,), dtype=x.dtype)
    chunks = (*x.chunks[:axis], blocks, *x.chunks[axis + 1 :])
    if value is None:
        return empty(shape, chunks=chunks, dtype=x.dtype)
    return full(shape, value, chunks=chunks, dtype=x.dtype, meta=x._meta)


def _ends(x: Array, axis: int, count: int, after: bool) -> Array:
    part = slice(-count, None) if after else slice(0, count)
    return getitem(x, (*(slice(None),) * axis, part))


def _median(x: Array, axis: int, keepdims: bool) -> Array:
    whole = rechunk(x, {axis: -1})
    return reduction(whole, np.median, np.median, axis=axis, keepdims=keepdims, dtype=float)


STATISTICS: dict[str, Callable[..., Array]] = {
    "maximum": max_of,
    "mean": mean,
    "median": _median,
    "minimum": min_of,
}
"""The reductions whose result is added."""


def _statistic(x: Array, axis: int, width: int, mode: str, length: Any, after: bool) -> Array:
    part = x if length is None else _ends(x, axis, min(int(length), x.shape[axis]), after)
    found = STATISTICS[mode](part, axis=axis, keepdims=True)
    if x.dtype.kind in "iu" and found.dtype.kind == "f":
        found = elemwise(np.rint, found)
    found = found.astype(x.dtype)
    shape = (*x.shape[:axis], width, *x.shape[axis + 1 :])
    return broadcast_to(found, shape)


def _by_function(x: Array, widths: Any, func: Callable[..., Any], kwargs: Any) -> Array:
    out = pad(x, widths, "constant")
    told = tuple(sorted(kwargs.items()))
    for axis, width in enumerate(widths):
        out = map_blocks(
            udf_block,
            rechunk(out, {axis: -1}),
            func,
            width,
            axis,
            told,
            dtype=out.dtype,
            meta=out._meta,
        )
    return out
