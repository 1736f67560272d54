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

_prefix = os.urandom(8).hex()


def _new_prefix() -> None:
    global _prefix
    _prefix = os.urandom(8).hex()


# A forked child counts on from the same number, so it needs another prefix.
os.register_at_fork(after_in_child=_new_prefix)


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
        return f"{label}-{_prefix}{ident:016x}"
    key: Key = ident.key if type(ident) is _Number else ident
    return key


class _Number:
    """A key that the user gave and that is an int: idents of that type are numbers of ours."""

    __slots__ = ("key",)

    def __init__(self, key: int) -> None:
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
    return _Number(key) if type(key) is int else key


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
