"""From any object to its normal form: what `tokenize` hashes.

A **normal form** is made of None, bool, int, float, str, bytes, complex, Ellipsis, and of tuples of
normal forms.  Equal objects have equal normal forms and unequal objects unequal ones, in every
process.  A tuple whose first element is a str that starts with NUL is a **node**:
``("\\0list", 1, 2)``, ``("\\0datetime.date", ...)``; any other tuple stands for itself, and
a user's tuple that looks like a node is wrapped in one.

A `Walk` makes one normal form.  Builtin containers are handled here; every other type has a
**describe** function (registry.py) that turns an object into simpler objects, which are walked in
turn.  The last resort is pickle's protocol: what ``__reduce_ex__`` returns describes the object.
Its parts are walked instead of pickled because a pickle's bytes depend on which equal parts
happen to be the same object, on the order of sets and dicts, and on what was cached; and because
a part that cannot be pickled can then be named.

Three things keep a walk finite and small.

- *Cycles.*  Each object entered has an index, the number of elements counted before it.  An
  object met again while it is being walked becomes ``("\\0seen", how many elements ago)``.
- *Sharing.*  The normal form of a heavy object is kept, so that a graph of shared lists is not
  walked once for every path.  That is right only where it refers to nothing outside itself: ``low``
  is the smallest index referred to since an object was entered, and an object with a smaller
  ``low`` than its index is **open**.  Meeting an open object again is a reference too: inside
  a cycle, and only there, which objects are identical is part of the value.
- *Size.*  A normal form of more than 64 elements is replaced by its digest, and a long list is
  digested in batches, so that the memory needed does not grow with the object, and neither does
  the depth of what is hashed.  Whether this happens depends on the value only.
"""

from __future__ import annotations

import copyreg
import math
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from operator import itemgetter, ne
from types import EllipsisType, NoneType
from typing import Any, Protocol, TypeAlias

import xxhash

from shoal import config
from shoal.graph.token.hashing import digest

__all__: list[str] = []

Normal: TypeAlias = Any

# Types whose values are their own normal forms.  float is one too, but for NaN.
ATOMS = frozenset([NoneType, EllipsisType, bool, int, str])
_NUMBERS = ATOMS | {float}

# More elements than this are digested; lists longer than _BATCH in batches of so many.
_SMALL = 64
_BATCH = 1024

# Lighter objects are walked again where they are met again: cheaper than remembering them.
_HEAVY = 16

# How many instances of `object` keep their token.
_IDENTITIES = 10_000

_OPEN = object()

# The walks under way, by thread: `normalize_token`, called by the describe function of
# a user's type, goes on with the walk that called it, so that a cycle through it ends.
_SEEN: dict[int, Walk] = {}

# What the outermost `tokenize` was told, for those that a user's describe function calls.
_ENSURE_DETERMINISTIC: ContextVar[bool] = ContextVar("ensure_deterministic")


class Unpredictable(Exception):
    """Raised by a describe function: this object has no normal form, and why."""


class Refusal(Exception):
    """A deterministic token was asked for and ``trail[0]`` has none.

    ``trail`` goes from it to the outermost object.
    """

    def __init__(self, obj: object, reason: str) -> None:
        super().__init__(reason)
        self.trail = [obj]


Describe: TypeAlias = "Callable[[Walk, Any], Normal]"


class Resolver(Protocol):
    """Finds the describe function of a type; `shoal.graph.token.registry` has the one."""

    resolved: dict[type, Describe]

    def resolve(self, cls: type) -> Describe:
        """The function for ``cls``, also where it is not in ``resolved``."""


class Walk:
    """Makes the normal forms of the objects of one call.

    ``seen`` maps an id to (the object, its index, its normal form or _OPEN, its weight); it holds
    the object so that the id stays its own.
    """

    __slots__ = ("checking", "count", "ensure", "low", "resolved", "resolver", "seen")

    def __init__(self, resolver: Resolver, ensure: bool | None = None, count: int = 1) -> None:
        self.resolver = resolver
        self.resolved = resolver.resolved
        self.ensure = ensure
        self.count = count
        self.low = count
        self.seen: dict[int, tuple[object, int, Normal, int]] = {}
        self.checking = False

    def visit(self, obj: Any) -> Normal:
        """The normal form of an object."""
        cls = type(obj)
        if cls in ATOMS:
            return obj
        flat = FLAT.get(cls)
        if flat is not None:
            normal = flat(self, obj)
            if normal is not None:
                return normal
        seen, key, index, outer = self.seen, id(obj), self.count, self.low
        if key in seen:
            return self.revisit(*seen[key])
        describe = self.resolved.get(cls)
        if describe is None:
            describe = self.resolver.resolve(cls)
            if flat is None and cls in FLAT:  # it is known only now that its package is
                return self.visit(obj)
        self.count = self.low = index + 1
        seen[key] = (obj, index, _OPEN, 0)
        try:
            normal = describe(self, obj)
        except Unpredictable as reason:
            normal = self.refuse(obj, reason)
        except Refusal as refusal:
            refusal.trail.append(obj)
            raise
        weight = self.count - index
        # Index 0 is the object that `normalize_token` was given: that one is to be looked at.
        if weight > _SMALL and index:
            normal = ("\0#", digest(normal))
        if self.low < index:
            self.low = min(outer, self.low)
            return normal
        self.low = outer
        if weight > _HEAVY:
            seen[key] = (obj, index, normal, weight)
        else:
            seen.pop(key, None)
        return normal

    def revisit(self, obj: object, index: int, normal: Normal, weight: int) -> Normal:
        """The normal form of an object that was entered before."""
        if normal is not _OPEN:
            self.count += weight
            return normal
        self.low = min(self.low, index)
        self.count += 1
        return ("\0seen", self.count - index)

    def items(self, seq: tuple[Any, ...] | list[Any]) -> tuple[Normal, ...]:
        """The normal forms of the elements of a sequence, or a node where there are many."""
        if not is_flat(seq):
            return self.each(seq)
        self.count += len(seq)
        return tuple(seq) if len(seq) <= _SMALL else ("\0#", digest(seq))

    def each(self, seq: tuple[Any, ...] | list[Any]) -> tuple[Normal, ...]:
        """As `items`, of a sequence that is not flat."""
        self.count += len(seq)
        if len(seq) > _BATCH:
            return self.batches(seq)
        visit, atoms = self.visit, ATOMS
        # Neither map nor a comprehension: either costs more in a recursion, time or depth.
        out = []
        for obj in seq:
            out.append(obj if type(obj) in atoms else visit(obj))
        return tuple(out)

    def batches(self, seq: tuple[Any, ...] | list[Any]) -> tuple[Normal, ...]:
        """As `each`, of a long sequence: a digest for each so many elements."""
        size = len(seq)
        digests = [
            digest(list(map(self.visit, seq[start : start + _BATCH])))
            for start in range(0, size, _BATCH)
        ]
        return ("\0long", size, *digests)

    def apart(self, elements: Iterable[Any]) -> list[tuple[bytes, Any]]:
        """(digest, element) of the elements of a set, in an order that is the same everywhere."""
        out = []
        for element in elements:
            start, outer = self.count, self.low
            self.low = start
            normal = self.visit(element)
            if self.low < start:
                # References count elements, and the order of these is by chance.
                raise Unpredictable("an element or key of it refers to what holds it")
            self.low = outer
            out.append((digest(normal), element))
        out.sort(key=itemgetter(0))
        return out

    def is_strict(self) -> bool:
        """Whether an object without a deterministic token is an error."""
        if self.ensure is None:
            self.ensure = _ENSURE_DETERMINISTIC.get(None)
        if self.ensure is None:
            self.ensure = bool(config.get("tokenize.ensure-deterministic", default=False))
        return self.ensure

    def refuse(self, obj: object, reason: Exception) -> Normal:
        """Stand in for an object that has no normal form, or raise Refusal."""
        if self.is_strict():
            raise Refusal(obj, str(reason)) from reason
        if type(obj) is object:
            return ("\0object", _identity(obj))
        return ("\0unique", os.urandom(16).hex())


# -- builtin containers --------------------------------------------------------------------------


def is_flat(seq: Iterable[Any]) -> bool:
    """Whether all elements are atoms, so that ``seq`` is its own normal form."""
    kinds = {*map(type, seq)}
    if kinds <= ATOMS:
        return True
    # Not-a-number has many bit patterns, and one of them must stand for all.
    return kinds <= _NUMBERS and not any(map(ne, seq, seq))


def _flat_float(walk: Walk, obj: float) -> Normal:
    return obj if obj == obj else math.nan


def _flat_complex(walk: Walk, obj: complex) -> Normal:
    if obj == obj:
        return obj
    return ("\0complex", _flat_float(walk, obj.real), _flat_float(walk, obj.imag))


def _flat_bytes(walk: Walk, obj: bytes) -> Normal:
    size = len(obj)
    return obj if size <= _SMALL else ("\0bytes", size, xxhash.xxh3_128_digest(obj))


def _flat_tuple(walk: Walk, obj: tuple[Any, ...]) -> Normal:
    if len(obj) > _SMALL or not is_flat(obj) or _looks_like_node(obj):
        return None
    walk.count += len(obj)
    return obj


def _flat_list(walk: Walk, obj: list[Any]) -> Normal:
    if len(obj) > _SMALL or not is_flat(obj):
        return None
    walk.count += len(obj)
    return ("\0list", *obj)


def _flat_dict(walk: Walk, obj: dict[Any, Any]) -> Normal:
    # Kinds that can be ordered, and whose order is the same everywhere.
    kinds = {*map(type, obj)}
    if len(kinds) > 1 or not kinds <= {str, int} or len(obj) > _SMALL:
        return None
    keys = sorted(obj)
    values = tuple([obj[key] for key in keys])
    if not is_flat(values):
        return None
    walk.count += 2 * len(keys)
    return ("\0dict", tuple(keys), values)


def _looks_like_node(obj: tuple[Any, ...]) -> bool:
    return bool(obj) and type(obj[0]) is str and obj[0][:1] == "\0"


def walk_tuple(walk: Walk, obj: tuple[Any, ...]) -> tuple[Normal, ...]:
    """The normal form of a tuple, which is a tuple."""
    return ("\0tuple", walk.items(obj)) if _looks_like_node(obj) else walk.items(obj)


def _walk_list(walk: Walk, obj: list[Any]) -> Normal:
    # Short ones were found not to be flat already.
    return ("\0list", *(walk.each(obj) if len(obj) <= _SMALL else walk.items(obj)))


def _walk_dict(walk: Walk, obj: dict[Any, Any]) -> Normal:
    kinds = {*map(type, obj)}
    if len(kinds) <= 1 and kinds <= {str, int}:
        keys = sorted(obj)
        names: list[Any] = keys
    else:
        pairs = walk.apart(obj)
        keys = [key for _, key in pairs]
        names = [name for name, _ in pairs]
    return ("\0dict", walk.items(names), walk.items([obj[key] for key in keys]))


def _walk_set(walk: Walk, obj: set[Any] | frozenset[Any]) -> Normal:
    kinds = {*map(type, obj)}
    if len(kinds) <= 1 and kinds <= {str, int}:
        elements: list[Any] = sorted(obj)
    else:
        elements = [name for name, _ in walk.apart(obj)]
    return ("\0" + type(obj).__name__, walk.items(elements))


def _walk_object(walk: Walk, obj: object) -> Normal:
    raise Unpredictable("an instance of object is nothing but its identity")


# Tried first: a function answers None where the object is not flat.
FLAT: dict[type, Describe] = {
    float: _flat_float,
    complex: _flat_complex,
    bytes: _flat_bytes,
    tuple: _flat_tuple,
    list: _flat_list,
    dict: _flat_dict,
}

# For exactly these types: a subclass may hold more than its elements.
EXACT: dict[type, Describe] = {
    tuple: walk_tuple,
    list: _walk_list,
    dict: _walk_dict,
    set: _walk_set,
    frozenset: _walk_set,
    object: _walk_object,
}

_identities: OrderedDict[int, tuple[object, str]] = OrderedDict()
_identities_lock = threading.Lock()


def _identity(obj: object) -> str:
    """A name for an instance of `object`: the same as long as it is among the last so many.

    It has no attributes and no weak references, so that to keep its name is to keep it alive.
    """
    with _identities_lock:
        entry = _identities.setdefault(id(obj), (obj, os.urandom(16).hex()))
        _identities.move_to_end(id(obj))
        if len(_identities) > _IDENTITIES:
            _identities.popitem(last=False)
    return entry[1]


# -- pickle's protocol ---------------------------------------------------------------------------


def walk_by_reduction(walk: Walk, obj: Any) -> Normal:
    """The normal form of an object by what pickle would store of it.

    Where determinism is asked for, the outermost such object is asked twice: a state with a random
    number or an address in it shows.
    """
    if walk.checking or not walk.is_strict():
        return _reduced(walk, obj)
    known, count = len(walk.seen), walk.count
    walk.checking = True
    try:
        first = _reduced(walk, obj)
        while len(walk.seen) > known:
            walk.seen.popitem()
        walk.count = count
        second = _reduced(walk, obj)
    finally:
        walk.checking = False
    if digest(first) != digest(second):
        raise Unpredictable("what it gives pickle to store differs from one call to the next")
    return second


def _reduced(walk: Walk, obj: Any) -> Normal:
    cls = type(obj)
    reducer = copyreg.dispatch_table.get(cls)
    try:
        parts = obj.__reduce_ex__(5) if reducer is None else reducer(obj)
    except Exception as err:
        raise Unpredictable(f"pickle: {err}" if str(err) else f"pickle: {err!r}") from err
    if isinstance(parts, str):
        return walk.visit(GlobalName(obj, parts))
    func, args, state, elements, pairs, setter = (*parts, None, None, None, None)[:6]
    if func is copyreg.__newobj__ and elements is pairs is setter is None:  # type: ignore[attr-defined]
        return ("\0instance", walk.items(args), walk.visit(state))
    if pairs is not None:
        pairs = list(pairs) if isinstance(obj, OrderedDict) else dict(pairs)
    if elements is not None:
        elements = list(elements)
    return ("\0reduced", walk.items((func, args, state, elements, pairs, setter)))


class GlobalName:
    """Pickle would store ``obj`` as a name to import; functions.py checks that it is one."""

    __slots__ = ("name", "obj")

    def __init__(self, obj: Any, name: str) -> None:
        self.obj = obj
        self.name = name
