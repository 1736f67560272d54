"""Calls: the nodes of graphs that people build one task at a time.

`delayed` makes one node for each call, so a node must cost next to nothing: one tuple, no token,
and a name only when somebody asks.  That is why a `Call` is not a `Node`: it has no structural
name, takes no part in rewriting, and is lowered in batches straight to the rows of a table.

The tuple is ``(ident, func, args, inputs, label, annotations, nout, pure)``.  ``ident`` identifies
the call: a key when the user gave one or the call is pure, else a number that is unique in this
process, from which the key is made on demand.  ``args`` is the form of `shoal.graph.task`, with
positions in ``inputs``; ``inputs`` are calls, or `BlockOf` for a block of another collection.  The
last two say how many results there are and whether calls of the value are pure; lowering ignores
them.
"""

from __future__ import annotations

import itertools
import os
from typing import Any

from shoal.types import Key

__all__ = ["BlockOf", "Call", "call_key", "ident_of_key", "next_ident"]

next_ident = itertools.count().__next__
"""A new number for a call without a key."""

_epochs = [(0, os.urandom(8).hex())]
"""``(first number, prefix)``.  A forked child counts on from the same number, so it begins a new
epoch; what was made before keeps its key."""


def _begin_epoch() -> None:
    _epochs.append((next_ident(), os.urandom(8).hex()))


os.register_at_fork(after_in_child=_begin_epoch)


def _prefix_of(ident: int) -> str:
    return next(prefix for first, prefix in reversed(_epochs) if first <= ident)


def call_key(ident: Any, label: str) -> Key:
    """The key of a call.

    Parameters
    ----------
    ident
        The key itself, or a number.
    label
        What the key begins with.

    Examples
    --------
    >>> call_key("mine", "inc"), call_key(7, "inc").startswith("inc-")
    ('mine', True)
    """
    if type(ident) is int:
        return f"{label}-{_prefix_of(ident)}{ident:016x}"
    key: Key = ident.key if type(ident) is _Number else ident
    return key


class _Number:
    """A key that the user gave and that may equal a number: those are idents of ours."""

    __slots__ = ("key",)

    def __init__(self, key: Key) -> None:
        self.key = key

    def __eq__(self, other: object) -> bool:
        return type(other) is _Number and other.key == self.key

    def __hash__(self) -> int:
        return hash((_Number, self.key))

    def __reduce__(self) -> tuple[Any, ...]:
        return _Number, (self.key,)


def ident_of_key(key: Key) -> Any:
    """The ident of a call whose key is given.

    Parameters
    ----------
    key
        Any key.

    Examples
    --------
    >>> call_key(ident_of_key(5), "label")
    5
    """
    if type(key) is str:
        # A key of our own making, come back: it names the same call.
        for _, prefix in _epochs:
            if key[-32:-16] == prefix:
                return int(key[-16:], 16)
        return key
    return key if type(key) is tuple or type(key) is bytes else _Number(key)


class Call:
    """A function call, or a value, with its inputs.

    Examples
    --------
    >>> import shoal
    >>> isinstance(shoal.delayed(1), Call)
    True
    """

    __slots__ = ("__weakref__", "_call")

    _call: tuple[Any, ...]

    @property
    def key(self) -> Key:
        """The name of the task."""
        return call_key(self._call[0], self._call[4])

    def __shoal_tokenize__(self) -> Key:
        return self.key


class BlockOf(Call):
    """One block of another collection, as input of a call.

    Parameters
    ----------
    node
        The other collection's expression.
    block
        Flat index of the block.

    Examples
    --------
    >>> from shoal.expr.node import Held
    >>> BlockOf(Held(("a",)), 0).block
    0
    """

    __slots__ = ("block", "node")

    def __init__(self, node: Any, block: int) -> None:
        self.node = node
        self.block = block
        ident = (BlockOf, node.name, block)
        self._call = (ident, None, None, (), node.name, None, None, None)

    @property
    def key(self) -> Key:
        """The key of the block."""
        shape = self.node.shape
        if not shape:
            name: Key = self.node.name
            return name
        index = []
        block = self.block
        for length in reversed(shape):
            block, at = divmod(block, length)
            index.append(at)
        return (self.node.name, *reversed(index))

    def __reduce__(self) -> tuple[Any, ...]:
        return BlockOf, (self.node, self.block)
