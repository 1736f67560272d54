"""`Item`: one value that a bag computes, such as its sum."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from shoal.bag.arguments import Single
from shoal.bag.nodes import Calls, Stage
from shoal.bag.steps import step
from shoal.collection import optimize
from shoal.delayed import Delayed, delayed
from shoal.expr.annotate import current_annotations
from shoal.expr.call import BlockOf, Call
from shoal.expr.node import Node
from shoal.graph.task import Ref
from shoal.types import Key

__all__ = ["Item"]


class Item(Single):
    """A value that is not computed yet.

    Reductions of a `Bag` are items.  An item can be an argument of a bag's methods and of delayed
    functions; ``int``, ``float``, ``complex`` and ``bool`` compute it.

    Parameters
    ----------
    dsk
        A dict graph.
    key
        The wanted task.
    layer
        Accepted because programs written for Dask give it; not needed.

    Examples
    --------
    >>> import shoal.bag as db
    >>> total = db.from_sequence([1, 2, 3]).sum()
    >>> total.compute(scheduler="sync")
    6
    >>> Item({"x": 1, "y": (max, "x", 5)}, "y").compute(scheduler="sync")
    5
    """

    __slots__ = ()

    def __init__(
        self, dsk: Mapping[Key, Any] | Node, key: Key | None = None, layer: str | None = None
    ) -> None:
        self._node = dsk if isinstance(dsk, Node) else Calls((Delayed(key, dsk),), None)

    # ------------------------------------------------------------------ protocol of collections

    def __shoal_postcompute__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return operator.itemgetter(0), ()

    def __shoal_with_node__(self, node: Node) -> Item:
        return type(self)(node)

    def _keys(self) -> list[Key]:
        return [self.key]

    # ------------------------------------------------------------------------- what it tells

    @property
    def key(self) -> Key:
        """The key of the task that computes the value."""
        node = self._node
        if isinstance(node, Calls):
            key: Key = node.calls[0].key
            return key
        return BlockOf(node, 0).key

    @property
    def name(self) -> Key:
        """The same as ``key``."""
        return self.key

    @property
    def _args(self) -> tuple[Any, ...]:
        return self._node, self.key

    def __repr__(self) -> str:
        return f"shoal.bag.Item<{self._node.name.rpartition('-')[0] or self.key}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._node,)

    # ---------------------------------------------------------------------------- doing more

    @staticmethod
    def from_delayed(value: Any) -> Item:
        """An item of a delayed value.

        Parameters
        ----------
        value
            A `Delayed`, or anything else that `shoal.delayed` takes.

        Returns
        -------
        Item

        Examples
        --------
        >>> import shoal
        >>> Item.from_delayed(shoal.delayed(abs)(-1)).compute(scheduler="sync")
        1
        """
        return Item(Calls((delayed(value),), None))

    def to_delayed(self, optimize_graph: bool = True) -> Delayed[Any]:
        """The value as a `Delayed`.

        Parameters
        ----------
        optimize_graph
            False to leave the expression as it is.

        Returns
        -------
        Delayed

        Examples
        --------
        >>> import shoal.bag as db
        >>> (db.from_sequence([1, 2]).sum().to_delayed() + 1).compute()
        4
        """
        return to_delayed(self, optimize_graph)[0]

    def apply(self, func: Callable[[Any], Any]) -> Item:
        """Apply a function to the value.

        Parameters
        ----------
        func
            Called with the value.

        Returns
        -------
        Item

        Examples
        --------
        >>> import shoal.bag as db
        >>> db.from_sequence([1, 2]).max().apply(str).compute(scheduler="sync")
        '2'
        """
        title = getattr(func, "__name__", "apply").strip("<>")
        one = step(func, Ref(0), title=title)
        return Item(Stage((self._node,), (one,), None, annotations=current_annotations()))

    def __int__(self) -> int:
        return int(self.compute())

    def __float__(self) -> float:
        return float(self.compute())

    def __complex__(self) -> complex:
        return complex(self.compute())

    def __bool__(self) -> bool:
        return bool(self.compute())


def to_delayed(collection: Any, optimize_graph: bool) -> list[Delayed[Any]]:
    """The blocks of a bag or an item as delayed values.

    Parameters
    ----------
    collection
        A bag or an item.
    optimize_graph
        False to leave the expression as it is.

    Examples
    --------
    >>> import shoal.bag as db
    >>> [part.compute() for part in to_delayed(db.from_sequence([1, 2], npartitions=2), True)]
    [[1], [2]]
    """
    node: Any = collection._node
    if isinstance(node, Calls) and node.npartitions is None:
        return list(node.calls)
    if optimize_graph:
        (better,) = optimize(collection, traverse=False)
        node = better._node
    blocks: Sequence[Call] = [BlockOf(node, i) for i in range(node.size)]
    return [delayed(block, name=(f"delayed-{node.name}", i)) for i, block in enumerate(blocks)]
