"""The standard library's types that pickle's protocol cannot describe, or not the same everywhere.

Dates, decimals, paths, compiled patterns, random number generators, named tuples, dataclasses and
most others need nothing here: what they give pickle is small and exact.
"""

from __future__ import annotations

import datetime
import decimal
import functools
import pathlib
import pickle
import types
import weakref
from collections.abc import Callable
from typing import Any

import xxhash

from shoal.graph.token.hashing import hash_buffer
from shoal.graph.token.registry import normalize_token
from shoal.graph.token.walk import ATOMS, FLAT, Normal, Walk

__all__: list[str] = []


def _describe_set(elements: Any) -> Any:
    """A subclass of set: pickle would list the elements in an order that is by chance."""
    cls: Any = type(elements)
    base: Any = set if isinstance(elements, set) else frozenset
    if cls.__reduce__ is not base.__reduce__ or cls.__reduce_ex__ is not object.__reduce_ex__:
        return NotImplemented
    return (cls, base(elements), elements.__reduce__()[2])


def _describe_memoryview(view: memoryview) -> Any:
    return (view.format, view.shape, hash_buffer(view))


def _describe_partial(partial: functools.partial[Any]) -> Any:
    if type(partial) is not functools.partial:
        return NotImplemented
    return (partial.func, partial.args, partial.keywords, vars(partial) or None)


# -- small values --------------------------------------------------------------------------------


def _flat_slice(walk: Walk, key: slice) -> Normal:
    start, stop, step = key.start, key.stop, key.step
    if type(start) in ATOMS and type(stop) in ATOMS and type(step) in ATOMS:
        return ("\0slice", start, stop, step)
    return None


def _flat_time(walk: Walk, time: datetime.datetime | datetime.time) -> Normal:
    # A time zone is an object of its own, which pickle's protocol describes.
    if time.tzinfo is not None:
        return None
    return ("\0time", type(time).__name__, time.isoformat(), time.fold)


# pickle would do for these too, at four times the price; they are in the keys of many graphs.
FLAT[slice] = _flat_slice
FLAT[datetime.datetime] = _flat_time
FLAT[datetime.time] = _flat_time
FLAT[datetime.date] = lambda walk, date: ("\0date", date.toordinal())
FLAT[datetime.timedelta] = lambda walk, t: ("\0timedelta", t.days, t.seconds, t.microseconds)
FLAT[decimal.Decimal] = lambda walk, number: ("\0Decimal", str(number))
for _path in (pathlib.PosixPath, pathlib.PurePosixPath, pathlib.PureWindowsPath):
    FLAT[_path] = lambda walk, path: ("\0path", type(path).__name__, str(path))


# -- the others ----------------------------------------------------------------------------------

_DESCRIBE: dict[Any, Callable[[Any], Any]] = {
    set: _describe_set,
    frozenset: _describe_set,
    weakref.WeakSet: lambda elements: (set(elements),),
    types.MappingProxyType: lambda proxy: (proxy.copy(),),
    type({}.keys()): lambda keys: (set(keys),),
    type({}.values()): list,
    type({}.items()): list,
    bytearray: lambda array: (len(array), xxhash.xxh3_128_digest(array)),
    memoryview: _describe_memoryview,
    pickle.PickleBuffer: lambda buf: (hash_buffer(buf.raw()),),
    slice: lambda key: (key.start, key.stop, key.step),
    functools.partial: _describe_partial,
}

normalize_token.extend(_DESCRIBE)
