"""Dask's functions for objects as bytes, and its registries of how to write a type.

shoal pickles everything, and both picklers obey `copyreg` (`shoal.serialize`).  So a type that a
program registers with ``dask_serialize`` gets a reducer there that calls the program's functions:
its objects then travel as they say, inside of other objects too.
"""

from __future__ import annotations

import copyreg
from collections.abc import Callable
from typing import Any

from shoal.dispatch import Dispatch
from shoal.serialize.pickles import Frames
from shoal.serialize.pickles import dumps as pickled
from shoal.serialize.pickles import loads as unpickled

__all__ = [
    "Serialize",
    "Serialized",
    "dask_deserialize",
    "dask_serialize",
    "deserialize",
    "dumps",
    "loads",
    "register_generic",
    "serialize",
    "to_serialize",
]

NAME = {"serializer": "pickle"}


class _Writers(Dispatch):
    """``func(object) -> (header, frames)`` by type."""

    def register(self, cls: Any, func: Any = None) -> Any:
        """Say how objects of a type are written.

        Parameters
        ----------
        cls
            The type, or several.
        func
            Without it, a decorator is returned.
        """
        if func is None:
            return lambda func: self.register(cls, func)
        for one in cls if isinstance(cls, tuple) else (cls,):
            copyreg.pickle(one, _reduce)
        return super().register(cls, func)


dask_serialize = _Writers("dask_serialize")
"""``func(object) -> (header, frames)`` by type."""

dask_deserialize = Dispatch("dask_deserialize")
"""``func(header, frames) -> object`` by type."""


def _reduce(obj: Any) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    header, frames = dask_serialize(obj)
    return _rebuild, (type(obj), header, list(frames))


def _rebuild(cls: type, header: Any, frames: list[Any]) -> Any:
    return dask_deserialize.dispatch(cls)(header, frames)


def register_generic(cls: type, *args: Any) -> None:
    """Accepted: objects with a ``__dict__`` are written attribute by attribute anyway.

    Parameters
    ----------
    cls, *args
        As Dask's takes them.

    Examples
    --------
    >>> register_generic(Frames)
    """


def serialize(x: Any, *args: Any, **kwargs: Any) -> tuple[dict[str, Any], list[Any]]:
    """An object as a header and frames of bytes.

    Parameters
    ----------
    x
        The object.
    *args, **kwargs
        Accepted.

    Examples
    --------
    >>> deserialize(*serialize([1, 2]))
    [1, 2]
    """
    frames = pickled(x)
    return dict(NAME), [frames.head, *frames.buffers]


def deserialize(header: Any, frames: Any, *args: Any, **kwargs: Any) -> Any:
    """The object that `serialize` was given.

    Parameters
    ----------
    header, frames
        As it returned them.
    *args, **kwargs
        Accepted.

    Examples
    --------
    >>> deserialize(*serialize("one"))
    'one'
    """
    head, *buffers = frames
    return unpickled(Frames(head, buffers))


def dumps(x: Any, *, buffer_callback: Callable[[Any], Any] | None = None, **kwargs: Any) -> bytes:
    """An object as one pickle stream.

    Parameters
    ----------
    x
        The object.
    buffer_callback
        Called with each buffer that is not to be in the stream.
    **kwargs
        Accepted.

    Examples
    --------
    >>> loads(dumps({"a": 1}))
    {'a': 1}
    """
    frames = pickled(x)
    if not frames.buffers:
        return bytes(frames.head)
    if buffer_callback is None:
        return bytes(pickled(frames).head)
    for buffer in frames.buffers:
        buffer_callback(buffer)
    return bytes(frames.head)


def loads(x: Any, *, buffers: Any = ()) -> Any:
    """The object in a pickle stream.

    Parameters
    ----------
    x
        The stream.
    buffers
        Those that are not in it.

    Examples
    --------
    >>> loads(dumps([1]))
    [1]
    """
    found = unpickled(Frames(x, list(buffers)))
    return unpickled(found) if isinstance(found, Frames) else found


class Serialize:
    """An object that a message carries; messages of shoal's carry any.

    Parameters
    ----------
    data
        The object.

    Examples
    --------
    >>> Serialize(5).data
    5
    """

    def __init__(self, data: Any) -> None:
        self.data = data


to_serialize = Serialize


class Serialized:
    """An object as bytes, not looked into.

    Parameters
    ----------
    header, frames
        From `serialize`.

    Examples
    --------
    >>> Serialized(*serialize(5)).deserialize()
    5
    """

    def __init__(self, header: Any, frames: Any) -> None:
        self.header = header
        self.frames = frames

    def deserialize(self) -> Any:
        """The object."""
        return deserialize(self.header, self.frames)
