"""Which function describes which type: the table, the protocols, and the order they are asked in.

The classes of an object's method resolution order are gone through, most derived first.  The
first class that has something to say decides:

1. a function registered for it, by us or by a user;
2. ``__shoal_tokenize__`` or ``__dask_tokenize__`` in the class's own namespace;
3. for a builtin container itself, not a subclass: walk.py.

Where no class has, pickle's protocol describes the object.  Functions for optional packages are
registered when the first object of the package is met, so nothing is imported for them.
"""

from __future__ import annotations

import datetime
import decimal
import pathlib
import sys
from collections.abc import Callable, Iterable, Mapping
from contextvars import Token
from threading import get_ident
from typing import Any, TypeAlias

from shoal.dispatch import Dispatch
from shoal.graph.token.refusal import refused
from shoal.graph.token.walk import (
    _ENSURE_DETERMINISTIC,
    _SEEN,
    ATOMS,
    EXACT,
    FLAT,
    Describe,
    Normal,
    Refusal,
    Walk,
    walk_by_reduction,
    walk_tuple,
)

__all__ = ["Normalizer", "normalize_seq", "normalize_token"]

Hook: TypeAlias = Callable[[Any], Any]

# What `normalize_token` gives back as it is: scalars, which can be looked at and compared.
_SCALARS: frozenset[type] = ATOMS | {
    bytes,
    complex,
    datetime.date,
    datetime.datetime,
    datetime.time,
    datetime.timedelta,
    decimal.Decimal,
    float,
    pathlib.PosixPath,
    pathlib.PurePosixPath,
    pathlib.PureWindowsPath,
    slice,
    type(pathlib.Path()),
}

# Names of the main program: its own, and in the children of multiprocessing.
MAIN = ("__main__", "__mp_main__")

# Beyond this many types the table of resolved ones is emptied: it keeps them alive.
_RESOLVED = 4096

# Types without this flag are built into the interpreter or a C module.
HEAPTYPE = 1 << 9

_PROTOCOLS = ("__shoal_tokenize__", "__dask_tokenize__")
_OURS = __name__.rpartition(".")[0]


class Normalizer(Dispatch):
    """Callable that gives the normal form of an object, and the registry of how to make it.

    `normalize_token` is the one instance.

    Examples
    --------
    >>> normalize_token.register(range, lambda r: (r.start, r.stop, r.step))
    <function <lambda> at 0x...>
    >>> normalize_token(range(5))
    ('\\x00builtins.range', 0, 5, 1)
    """

    def __init__(self) -> None:
        super().__init__("normalize_token")
        self._lookup = self.table  # as code written for Dask knows it
        self.resolved: dict[type, Describe] = self.found

    def __call__(self, obj: Any) -> Normal:
        """The normal form of ``obj``: itself for a scalar, else nested tuples."""
        if type(obj) in _SCALARS:
            return obj
        walk = _SEEN.get(get_ident())
        if walk is not None:
            return walk.visit(obj)
        walk = Walk(self, count=0)
        try:
            return walk.visit(obj)
        except (Refusal, RecursionError) as err:
            return refused(walk, err, (obj,), {})

    def register(self, cls: Any, func: Any = None, lazy: bool = False) -> Any:
        """Describe the objects of a type, and of its subclasses, by a function.

        Parameters
        ----------
        cls : type or tuple of types
            Whose objects; with ``lazy``, the name of a top-level package instead.
        func : callable, optional
            ``func(obj) -> description``: simpler objects that together say what ``obj`` is, such
            as a tuple of its attributes.  They are walked in turn.  NotImplemented leaves ``obj``
            to pickle's protocol.  Without ``func``, a decorator is returned.
        lazy : bool, optional
            Do as `register_lazy` does.

        Returns
        -------
        callable
            ``func``, or the decorator.

        Raises
        ------
        TypeError
            ``cls`` is a builtin type whose normal form is fixed.
        """
        if lazy:
            return self.register_lazy(cls, func)
        if func is None:
            return lambda func: self.register(cls, func)
        for one in cls if isinstance(cls, tuple) else (cls,):
            if one in ATOMS or one is float:
                raise TypeError(
                    f"the normal form of a {one.__name__} is fixed; "
                    "register a function for a subclass of it"
                )
            # Ours come first, so that the user's replace them.
            self._load(one)
            FLAT.pop(one, None)
        return super().register(cls, func)

    def extend(self, hooks: Mapping[Any, Hook]) -> None:
        """Register functions that come with shoal, which those of users replace.

        Parameters
        ----------
        hooks : mapping of type, or tuple of types, to callable
            As for `register`.
        """
        for cls, hook in hooks.items():
            super().register(cls, hook)

    def dispatch(self, cls: type) -> Hook:
        """The function registered for a type or the nearest class that it derives from.

        Parameters
        ----------
        cls : type
            The type of an object.

        Returns
        -------
        callable

        Raises
        ------
        TypeError
            No function is registered for it: it has a protocol method, or is left to pickle's.
        """
        self._load(cls)
        return super()._search(cls)

    def resolve(self, cls: type) -> Describe:
        """The function that walks objects of a type.

        Parameters
        ----------
        cls : type
            The type of an object.

        Returns
        -------
        callable
            ``describe(walk, obj) -> normal form``.
        """
        self._load(cls)
        describe = self._find(cls)
        # A class made inside a function comes and goes; to keep it here would keep it alive.
        if not cls.__flags__ & HEAPTYPE or leads_to(cls, cls.__module__, cls.__qualname__):
            if len(self.resolved) >= _RESOLVED:
                self.resolved.clear()
            self.resolved[cls] = describe
        return describe

    def _find(self, cls: type) -> Describe:
        # Where a class goes by value, cloudpickle keeps no more of its name than the last part.
        named = is_importable(cls, cls.__module__, cls.__qualname__)
        tag = f"\0{cls.__module__}.{cls.__qualname__ if named else cls.__name__}"
        for base in cls.__mro__:
            hook = self.table.get(base)
            ours = getattr(hook, "__module__", _OURS).startswith(_OURS)
            if base is cls and cls in EXACT and ours:
                return EXACT[cls]
            if hook is not None:
                return _described_by_us(tag, hook) if ours else _described_by_user(tag, hook)
            for name in _PROTOCOLS:
                if base.__dict__.get(name) is not None:
                    return _described_by_user(tag, _spare_own_class(getattr(cls, name), cls))
        return walk_by_reduction

    def _load(self, cls: type) -> None:
        """Call the functions of `register_lazy` for the packages of a type's classes."""
        for base in cls.__mro__:
            toplevel = str(base.__module__).partition(".")[0]
            load = self.lazy.get(toplevel)
            # Taken off only afterwards: another thread that needs it meanwhile loads it too.
            if load is not None and load() is not False:
                self.lazy.pop(toplevel, None)


def leads_to(obj: object, module: str | None, qualname: str) -> bool:
    """Whether following ``qualname`` from a module that is loaded leads to ``obj``."""
    if module is None or "<" in qualname:
        return False
    found: Any = sys.modules.get(module)
    for name in qualname.split("."):
        found = getattr(found, name, None)
    return found is obj


def is_importable(obj: object, module: str | None, qualname: str) -> bool:
    """Whether that leads to ``obj`` in any process; the main program is another in each."""
    return module not in MAIN and leads_to(obj, module, qualname)


def _described_by_us(tag: str, hook: Hook) -> Describe:
    """Walk what ``hook`` says of an object, under the name of its type."""

    def describe(walk: Walk, obj: Any) -> Normal:
        return _labelled(walk, obj, tag, hook(obj))

    return describe


def _described_by_user(tag: str, hook: Hook) -> Describe:
    """The same for a function that may call `tokenize` and `normalize_token`."""

    def describe(walk: Walk, obj: Any) -> Normal:
        thread = get_ident()
        outer = _SEEN.get(thread)
        _SEEN[thread] = walk
        token: Token[bool] | None = None
        if walk.ensure is not None:
            token = _ENSURE_DETERMINISTIC.set(walk.ensure)
        try:
            description = hook(obj)
        finally:
            if token is not None:
                _ENSURE_DETERMINISTIC.reset(token)
            if outer is None:
                del _SEEN[thread]
            else:
                _SEEN[thread] = outer
        return _labelled(walk, obj, tag, description)

    return describe


def _spare_own_class(hook: Hook, cls: type) -> Hook:
    """A description without the class of the object, which its tag names, where that is made anew
    under one name of a module, as pint makes one for every registry of units: to say what is in it
    takes long, and leads to what has no deterministic token."""
    if cls.__module__ in MAIN or "<" in cls.__qualname__:
        return hook
    if is_importable(cls, cls.__module__, cls.__qualname__):
        return hook

    def spared(obj: Any) -> Any:
        description = hook(obj)
        if type(description) is not tuple:
            return description
        return tuple([part for part in description if part is not cls])

    return spared


def _labelled(walk: Walk, obj: Any, tag: str, description: Any) -> Normal:
    # An object described by itself would become a reference to itself and nothing else.
    if description is NotImplemented or description is obj:
        return walk_by_reduction(walk, obj)
    if type(description) is tuple:
        return (tag, *walk_tuple(walk, description))
    return (tag, ("\0", walk.visit(description)))


normalize_token = Normalizer()
"""Give the normal form of an object: the nested tuples that `tokenize` hashes.

Describe functions call it for parts that they want to see the normal form of; they may as well
return the parts, which are walked in any case.

Examples
--------
>>> normalize_token({"b": 1, "a": (2.5, "x")})
('\\x00dict', ('a', 'b'), ((2.5, 'x'), 1))

Say how to describe a type of someone else's (one's own would have a ``__shoal_tokenize__``):

>>> class Sensor:
...     def __init__(self, port):
...         self.port = port
>>> @normalize_token.register(Sensor)
... def describe_sensor(sensor):
...     return (sensor.port,)
>>> normalize_token(Sensor(7))[1:]
(7,)
"""


def normalize_seq(seq: Iterable[Any]) -> list[Any]:
    """What describes a sequence: its elements, in their order.

    Parameters
    ----------
    seq
        The elements.

    Examples
    --------
    >>> normalize_seq(abs(n) for n in (-1, 2))
    [1, 2]
    """
    return [*seq]
