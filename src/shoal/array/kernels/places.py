"""Where the extreme elements of blocks are, and which elements are the largest.

A partial result has values and the places in the array where they are: flat ones when several axes
are reduced.  Of equal values the first counts, as in NumPy; nan is the extreme of all, or, for the
functions that pass over nan, of none.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from shoal.array.kernels.reduce import emptied, gathered

__all__ = ["arg_aggregate", "arg_chunk", "arg_combine", "top_aggregate", "top_chunk", "top_combine"]


def arg_chunk(
    block: Any,
    offset: Any,
    axis: tuple[int, ...],
    keepdims: bool,
    shape: tuple[int, ...] = (),
    func: Any = np.argmin,
    skip_nan: bool = False,
) -> dict[str, Any]:
    """Extreme values of a block and their places.

    Parameters
    ----------
    block
        An array.
    offset
        Where it begins in the whole array.
    axis, keepdims
        As of the reduction; axes that are reduced stay.
    shape
        Of the whole array.
    func
        `numpy.argmin` or `numpy.argmax`.
    skip_nan
        Whether nan loses.

    Examples
    --------
    >>> arg_chunk(np.array([3, 1]), (10,), (0,), True, (20,))["place"]
    array([11])
    """
    if isinstance(block, np.ma.MaskedArray):
        worst = np.ma.minimum_fill_value if func is np.argmin else np.ma.maximum_fill_value
        block = block.filled(worst(block))
    if any(block.shape[i] == 0 for i in axis):
        none = emptied(block, axis)
        return {"value": none, "place": np.empty(none.shape, dtype=np.intp)}
    seen = _without_nan(block, func) if skip_nan else block
    if len(axis) == 1:
        (one,) = axis
        at = np.expand_dims(np.asarray(func(seen, axis=one)), one)
        value = np.take_along_axis(block, at, axis=one)
        return {"value": value, "place": at + int(offset[one])}
    flat = int(func(seen))
    index = np.unravel_index(flat, block.shape)
    place = np.ravel_multi_index(
        tuple([int(i) + int(o) for i, o in zip(index, offset, strict=True)]), shape
    )
    ones = (1,) * block.ndim
    value = block[tuple([slice(i, i + 1) for i in index])]
    return {"value": value, "place": np.full(ones, place, dtype=np.intp)}


def _without_nan(block: Any, func: Any) -> Any:
    if block.dtype.kind not in "fcO":
        return block
    return np.where(block != block, np.inf if func is np.argmin else -np.inf, block)


def arg_combine(
    partials: Any,
    axis: tuple[int, ...],
    keepdims: bool,
    func: Any = np.argmin,
    skip_nan: bool = False,
    **_: Any,
) -> dict[str, Any]:
    """Those of several blocks.

    Parameters
    ----------
    partials
        As `gathered` takes them.
    axis, keepdims, func, skip_nan
        As of `arg_chunk`.

    Examples
    --------
    >>> parts = [{"value": np.array([x]), "place": np.array([x])} for x in (3, 2)]
    >>> arg_combine(parts, (0,), True)["place"]
    array([2])
    """
    values, places = gathered(partials, "value", axis), gathered(partials, "place", axis)
    if any(values.shape[i] == 0 for i in axis):
        return {"value": emptied(values, axis), "place": emptied(places, axis)}
    if func is np.argmin:
        best = (np.fmin if skip_nan else np.minimum).reduce(values, axis=axis, keepdims=True)
    else:
        best = (np.fmax if skip_nan else np.maximum).reduce(values, axis=axis, keepdims=True)
    hit = (values == best) | ((values != values) & (best != best))
    last = np.iinfo(np.intp).max
    place = np.min(np.where(hit, places, last), axis=axis, keepdims=True)
    return {"value": best, "place": place}


def arg_aggregate(
    partials: Any,
    axis: tuple[int, ...],
    keepdims: bool,
    func: Any = np.argmin,
    skip_nan: bool = False,
    **_: Any,
) -> Any:
    """The places.

    Parameters
    ----------
    partials
        As `gathered` takes them.
    axis, keepdims, func, skip_nan
        As of `arg_chunk`.

    Examples
    --------
    >>> arg_aggregate({"value": np.array([3]), "place": np.array([2])}, (0,), False)
    np.int64(2)
    """
    both = arg_combine(partials, axis, True, func, skip_nan)
    if any(both["value"].shape[i] == 0 for i in axis):
        raise ValueError(f"attempt to get {func.__name__} of an empty sequence")
    if skip_nan and both["value"].dtype.kind in "fc" and np.isnan(both["value"]).any():
        raise ValueError("All-NaN slice encountered")
    place = both["place"]
    return place if keepdims else np.squeeze(place, axis=axis)[()]


def top_chunk(
    block: Any, offset: Any = None, axis: tuple[int, ...] = (), keepdims: bool = True, k: int = 1
) -> dict[str, Any]:
    """The ``k`` largest elements, or the ``-k`` smallest, and their places.

    Parameters
    ----------
    block
        An array.
    offset
        Where it begins in the whole array.
    axis, keepdims
        As of the reduction.
    k
        How many.

    Examples
    --------
    >>> top_chunk(np.array([3, 1, 2]), (0,), (0,), True, 2)["place"]
    array([2, 0])
    """
    (one,) = axis
    at = _top(block, k, one)
    return {
        "value": np.take_along_axis(block, at, axis=one),
        "place": at + (0 if offset is None else int(offset[one])),
    }


def _top(values: Any, k: int, axis: int) -> Any:
    """Places of the extremes along an axis, in no order."""
    n = values.shape[axis]
    if abs(k) >= n:
        shape = [1] * values.ndim
        shape[axis] = n
        return np.broadcast_to(np.arange(n).reshape(shape), values.shape)
    at = np.argpartition(values, -k if k > 0 else -k - 1, axis=axis)
    part = slice(-k, None) if k > 0 else slice(0, -k)
    return at[(slice(None),) * axis + (part,)]


def top_combine(
    partials: Any, axis: tuple[int, ...], keepdims: bool, k: int = 1, **_: Any
) -> dict[str, Any]:
    """Those of several blocks.

    Parameters
    ----------
    partials
        As `gathered` takes them.
    axis, keepdims, k
        As of `top_chunk`.

    Examples
    --------
    >>> parts = [{"value": np.array([x]), "place": np.array([x])} for x in (3, 2)]
    >>> top_combine(parts, (0,), True)["place"]
    array([3])
    """
    (one,) = axis
    values, places = gathered(partials, "value", axis), gathered(partials, "place", axis)
    at = _top(values, k, one)
    return {
        "value": np.take_along_axis(values, at, axis=one),
        "place": np.take_along_axis(places, at, axis=one),
    }


def top_aggregate(
    partials: Any, axis: tuple[int, ...], keepdims: bool, k: int = 1, part: str = "value", **_: Any
) -> Any:
    """The extremes in order, or their places.

    Parameters
    ----------
    partials
        As `gathered` takes them.
    axis, keepdims, k
        As of `top_chunk`.
    part
        "value" or "place".

    Examples
    --------
    >>> both = {"value": np.array([3, 5]), "place": np.array([2, 7])}
    >>> top_aggregate(both, (0,), True, 2)
    array([5, 3])
    """
    both = top_combine(partials, axis, True, k)
    (one,) = axis
    order = np.argsort(both["value"], axis=one, kind="stable")
    if k > 0:
        order = np.flip(order, axis=one)
    return np.take_along_axis(both[part], order, axis=one)


def take_last(block: Any, axis: int, empty: Any = None) -> Any:
    """The last element along an axis, which stays; of a block without elements what counts as none.

    >>> take_last(np.arange(3), 0), take_last(np.ones((2, 0)), 1, 0)
    (array([2]), array([[0.],
           [0.]]))
    """
    if not block.shape[axis] and empty is not None:
        shape = (*block.shape[:axis], 1, *block.shape[axis + 1 :])
        return np.full(shape, empty, block.dtype)
    # Behind a mask NumPy's running totals go on.
    own = np.ma.getdata(block) if isinstance(block, np.ma.MaskedArray) else block
    return own[(slice(None),) * axis + (slice(max(block.shape[axis] - 1, 0), None),)]
