"""The words that every layer of shoal shares: keys, and the protocols at its seams.

Nothing here does work.  A protocol stands here when two layers that must not import each other
both speak it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Protocol, TypeAlias, runtime_checkable

__all__ = ["Clock", "Collection", "Get", "Key", "NestedKeys", "Parts"]

Key: TypeAlias = Hashable
"""The name of a task: a str, or a tuple ``(name, i, j, ...)`` for block ``i, j`` of a collection.

Dict graphs may also use bytes, int and float.
"""

NestedKeys: TypeAlias = "Key | Sequence[NestedKeys]"
"""A key, or lists of keys to any depth; results come back in the same shape."""

Get: TypeAlias = Callable[..., Any]
"""``get(graph, keys, **options) -> results``: what ``scheduler=`` accepts besides a name."""


@runtime_checkable
class Collection(Protocol):
    """What `shoal.compute` and its family ask of an object.

    A collection describes results that do not exist yet.  ``__shoal_node__`` is its expression;
    ``__shoal_postcompute__`` says how the computed blocks become the answer;
    ``__shoal_with_node__`` gives the same collection on another expression: a rewritten one, or
    one whose blocks are in memory.

    Examples
    --------
    >>> import shoal
    >>> isinstance(shoal.delayed(1), Collection)
    True
    """

    def __shoal_node__(self) -> Any:
        """The expression (`shoal.expr.node.Node` or `shoal.expr.call.Call`)."""

    def __shoal_with_node__(self, node: Any) -> Any:
        """The same collection on another expression."""

    def __shoal_postcompute__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """``(finalize, extra)``; the answer is ``finalize(blocks, *extra)``."""


class Clock(Protocol):
    """Time as an argument, so that tests need not wait for it.

    Examples
    --------
    >>> import time
    >>> clock: Clock = time.monotonic
    """

    def __call__(self) -> float:
        """Seconds since some fixed moment; never goes back."""


class Parts:
    """A result in numbered parts, of which each reader wants one.

    A task whose arguments are a `shoal.graph.task.Portion` reads part ``n`` of it.  An executor may
    hand over, and a cluster's worker fetches, that part alone.

    Examples
    --------
    >>> from shoal.serialize.parts import Pieces
    >>> isinstance(Pieces(["a", "b"]), Parts)
    True
    """

    __slots__ = ("__weakref__",)

    def part(self, number: int) -> Any:
        """One part, as its reader is given it.

        Parameters
        ----------
        number
            Which.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say what its parts are")

    def numbers(self) -> Sequence[int]:
        """The parts there are, ascending; not each number need have one."""
        raise NotImplementedError(f"{type(self).__name__} does not say which parts it has")

    def sizes(self) -> Sequence[int]:
        """How many bytes each part takes when it is in memory, in the order of `numbers`.

        The same wherever the parts are, since plans are made from it.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say how large its parts are")

    @property
    def nbytes(self) -> int:
        """What it takes in memory, as far as is known."""
        raise NotImplementedError(f"{type(self).__name__} does not say how large it is")
