"""Hashes of group keys that are the same in every process.

A group's elements meet in one place only if every process sends them there, and Python's own
``hash`` of text differs from one process to the next (its seed is random), as before Python 3.12
does that of None.  So a key is hashed by what it is made of: text and bytes by xxh3, numbers by
``hash`` (which gives 1, 1.0, True and Fraction(1) one value in every process, as their equality
demands), tuples, frozen sets and dataclasses by their parts.  Keys that are equal have equal
hashes; a coarse hash costs balance and nothing else.

For a class with an ``__hash__`` of its own only its author knows what is equal, and the function
may rest on text.  It is trusted where all processes hash alike (``PYTHONHASHSEED`` is set, as in
shoal's own workers, and Python is 3.12 or later); otherwise all keys of such a class go to one
place: right, and slow.  A class whose instances are compared by identity is refused: copies of a
key, which is what other processes get, would be different groups.
"""

from __future__ import annotations

import dataclasses
import datetime
import enum
import os
import pathlib
import sys
import types
import uuid
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from numbers import Number
from typing import Any, TypeAlias

from xxhash import xxh3_64_intdigest as digest

__all__ = ["hash_key"]

Hash: TypeAlias = Callable[[Any], int]

WIDTH = 1 << 64
"""Hashes are below this number."""


def hash_key(key: Any) -> int:
    """The hash of a group key, from 0 to 2**64 - 1.

    Parameters
    ----------
    key
        Hashable.

    Raises
    ------
    TypeError
        It, or a part of it, cannot be hashed, or is compared by identity.

    Examples
    --------
    >>> hash_key(1) == hash_key(1.0) == hash_key(True)
    True
    >>> hash_key(("a", None)) == hash_key(("a", None)), hash_key("a") == hash_key(b"a")
    (True, False)
    """
    cls = type(key)
    return (HASHES.get(cls) or _resolve(cls))(key)


def _number(key: Any) -> int:
    # Not-a-number is hashed by identity, and equal to nothing.
    return digest(hash(key).to_bytes(8, "little", signed=True)) if key == key else 0


def _text(key: str) -> int:
    return digest(key.encode("utf-8", "surrogatepass"))


def _bytes(key: Any) -> int:
    return digest(bytes(key), 1)


def _constant(key: Any) -> int:
    return 1


def _tuple(key: tuple[Any, ...]) -> int:
    return _parts(key, 2)


def _parts(parts: Any, seed: int) -> int:
    return digest(b"".join([hash_key(part).to_bytes(8, "little") for part in parts]), seed)


def _frozenset(key: frozenset[Any]) -> int:
    # In whatever order the elements come.
    return sum(map(hash_key, key)) % WIDTH


def _datetime(key: datetime.datetime) -> int:
    if key != key:
        return 0  # pandas' NaT, which is a datetime and no moment
    # Equal moments in different zones are equal; `fold` takes no part.
    moment = key.replace(fold=0).utctimetuple()[:6]
    return _text(repr((moment, key.microsecond)))


def _date(key: datetime.date) -> int:
    return _text(repr((key.year, key.month, key.day)))


def _time(key: datetime.time) -> int:
    return 3 if key.tzinfo is not None else _text(repr((key.hour, key.minute, key.second)))


def _timedelta(key: datetime.timedelta) -> int:
    return _text(repr((key.days, key.seconds, key.microseconds)))


def _uuid(key: uuid.UUID) -> int:
    return _number(key.int)


def _path(key: pathlib.PurePath) -> int:
    # On Windows upper and lower case are equal.
    return _text(str(key).lower())


def _enum(key: enum.Enum) -> int:
    return _text(f"{_defined_at(type(key))}.{key.name}")


def _flag(key: enum.Flag) -> int:
    return _number(key.value)


def _named(key: Any) -> int:
    return _text(_defined_at(key))


def _defined_at(thing: Any) -> str:
    return f"{thing.__module__}.{getattr(thing, '__qualname__', '')}"


BOOLEANS = ("bool", "bool_")
"""NumPy's, under its names in different versions; they are no numbers to `numbers`."""

NUMBERS = (int, float, bool, complex, Decimal, Fraction)

HASHES: dict[type, Hash] = {
    **dict.fromkeys(NUMBERS, _number),
    str: _text,
    bytes: _bytes,
    tuple: _tuple,
    frozenset: _frozenset,
    type(None): _constant,
    type(Ellipsis): _constant,
}
"""By exact type; grows as other types are met."""

INHERITED: tuple[tuple[type, Hash], ...] = (
    *[(cls, _number) for cls in NUMBERS],
    (str, _text),
    (bytes, _bytes),
    (tuple, _tuple),
    (frozenset, _frozenset),
    (enum.Flag, _flag),
    (enum.Enum, _enum),
    (uuid.UUID, _uuid),
    (pathlib.PurePath, _path),
    (memoryview, _bytes),
)
"""For subclasses that hash and compare as these do."""

ANY_SUBCLASS: tuple[tuple[type, Hash], ...] = (
    (datetime.datetime, _datetime),
    (datetime.date, _date),
    (datetime.time, _time),
    (datetime.timedelta, _timedelta),
    (type, _named),
    (types.FunctionType, _named),
    (types.BuiltinFunctionType, _named),
)
"""For all subclasses: what these take into account is coarse enough for any equality."""


def _resolve(cls: type) -> Hash:
    found = _find(cls)
    if len(HASHES) < 1000:
        # Beyond, a program makes classes as it goes, and they should not be kept alive.
        HASHES[cls] = found
    return found


def _find(cls: Any) -> Hash:
    if cls.__hash__ is None:
        return _unhashable
    for base, func in ANY_SUBCLASS:
        if issubclass(cls, base):
            return func
    for base, func in INHERITED:
        if issubclass(cls, base) and (cls.__hash__, cls.__eq__) == (base.__hash__, base.__eq__):
            return func
    if issubclass(cls, Number) or (cls.__module__ == "numpy" and cls.__name__ in BOOLEANS):
        # Types of numbers hash by value, or they would not fit in among the others.
        return _number
    if cls.__module__ == "numpy" and issubclass(cls, str | bytes):
        return _text if issubclass(cls, str) else _bytes
    if _hashes_fields(cls):
        return _Fields(cls)
    if cls.__hash__ is object.__hash__:
        return _identity
    return _own if _processes_hash_alike() else _Coarse(cls)


def _unhashable(key: Any) -> int:
    raise TypeError(f"unhashable type: '{type(key).__name__}'")


def _identity(key: Any) -> int:
    name = key.__reduce_ex__(2)
    if isinstance(name, str):
        # Pickled by name: there is one in each process.
        return _text(f"{type(key).__module__}.{name}")
    raise TypeError(
        f"{type(key).__name__!r} objects are compared by identity, and their copies in other "
        "tasks would be different groups; give the class __eq__ and __hash__, or group by "
        "a number, text or tuple"
    )


def _own(key: Any) -> int:
    return digest(hash(key).to_bytes(8, "little", signed=True), 4)


def _processes_hash_alike() -> bool:
    seeded = os.environ.get("PYTHONHASHSEED", "random") != "random"
    return seeded and sys.version_info >= (3, 12)


def _hashes_fields(cls: Any) -> bool:
    """Whether a class is a dataclass whose ``__hash__`` is the one made of its fields."""
    params = cls.__dict__.get("__dataclass_params__")
    own = cls.__dict__.get("__hash__")
    if params is None or own is None or not (params.unsafe_hash or (params.eq and params.frozen)):
        return False
    # One that somebody wrote may use other things, and then equality may be something else.
    code = getattr(own, "__code__", None)
    names = {"hash", *(field.name for field in dataclasses.fields(cls))}
    return code is not None and names.issuperset(code.co_names)


class _Fields:
    """Hashes a dataclass by its fields."""

    __slots__ = ("names", "seed")

    def __init__(self, cls: Any) -> None:
        fields = dataclasses.fields(cls)
        self.names = [f.name for f in fields if (f.compare if f.hash is None else f.hash)]
        self.seed = _named(cls)

    def __call__(self, key: Any) -> int:
        parts = [getattr(key, name) for name in self.names]
        if hash(key) != hash(tuple(parts)):
            return self.seed
        return _parts(parts, self.seed)


class _Coarse:
    """Sends all keys of a class, and of those that share its ``__hash__``, to one place."""

    __slots__ = ("code",)

    def __init__(self, cls: Any) -> None:
        owner = next((base for base in cls.__mro__ if "__hash__" in base.__dict__), cls)
        self.code = _named(owner)

    def __call__(self, key: Any) -> int:
        hash(key)
        return self.code
