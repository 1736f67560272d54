"""Families of types: which objects a program is willing to send, or to have rebuilt.

A pickle stream names the functions that rebuild its objects.  Who wants no others than those of
some families has the names looked at, and a stream with another one refused before anything of it
is called.  Without pickle among the families, a program takes plain values, and the arrays and
tables of well-known packages, from a cluster, but no functions and no objects of unknown classes.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Iterable
from typing import Any

from shoal.errors import SerializationError
from shoal.serialize.pickles import Frames

__all__ = ["FAMILIES", "check_frames", "loader"]

EVERYTHING = "*"

PLAIN = frozenset(["bytearray", "complex", "frozenset", "range", "set", "slice"])
"""Of the builtins: what msgpack can nearly say."""

FAMILIES: dict[str, tuple[str, ...]] = {
    "msgpack": (),
    "dask": ("numpy", "pandas", "polars", "pyarrow", "scipy", "shoal"),
    "cuda": (),
    "pickle": (EVERYTHING,),
    "cloudpickle": (EVERYTHING,),
    "error": (),
}
"""The packages whose objects each family has, beside plain values."""


def packages_of(families: Iterable[str]) -> frozenset[str]:
    """The packages of some families.

    Parameters
    ----------
    families
        Names in `FAMILIES`.

    Raises
    ------
    ValueError
        There is no family of that name.

    Examples
    --------
    >>> sorted(packages_of(["msgpack", "pickle"]))
    ['*']
    """
    unknown = set(families) - FAMILIES.keys()
    if unknown:
        raise ValueError(f"no families {sorted(unknown)}; there are {sorted(FAMILIES)}")
    return frozenset(package for family in families for package in FAMILIES[family])


class _Careful(pickle.Unpickler):
    """Rebuilds objects of some packages only."""

    def __init__(self, data: Any, buffers: Any, families: tuple[str, ...]) -> None:
        super().__init__(io.BytesIO(data), buffers=buffers)
        self.families = families
        self.packages = packages_of(families)

    def find_class(self, module: str, name: str, /) -> Any:
        plain = module == "builtins" and name in PLAIN
        if plain or module.partition(".")[0] in self.packages:
            return super().find_class(module, name)
        raise SerializationError(
            f"an object needs {module}.{name} to be rebuilt, which is of none of the families "
            f"{', '.join(self.families)}; allow 'pickle' where you trust the other side"
        )


def loader(families: Iterable[str] | None) -> Callable[..., Any]:
    """A function like `pickle.loads` that takes objects of some families only.

    Parameters
    ----------
    families
        Names in `FAMILIES`; None: all.

    Examples
    --------
    >>> loader(["msgpack"])(pickle.dumps([1, {"a": {2}}]))
    [1, {'a': {2}}]
    >>> loader(["msgpack"])(pickle.dumps(print))
    Traceback (most recent call last):
    ...
    shoal.errors.SerializationError: an object needs builtins.print to be rebuilt, ...
    """
    names = None if families is None else tuple(families)
    if names is None or EVERYTHING in packages_of(names):
        return pickle.loads

    def loads(data: Any, *, buffers: Any = None) -> Any:
        return _Careful(data, buffers, names).load()

    return loads


def check_frames(frames: Frames, families: Iterable[str] | None, what: str) -> None:
    """Refuse to send what is not of some families.

    Parameters
    ----------
    frames
        What is to be sent.
    families
        Names in `FAMILIES`; None: all.
    what
        Its name, for the error.

    Raises
    ------
    SerializationError
        It is not of them; a TypeError too.

    Examples
    --------
    >>> from shoal.serialize.pickles import dumps
    >>> check_frames(dumps([1, 2]), ["msgpack"], "the data")
    """
    load = loader(families)
    if load is pickle.loads:
        return
    try:
        load(bytes(frames.head), buffers=frames.buffers)
    except SerializationError as error:
        raise SerializationError(f"{what} cannot be sent: {error}") from error
