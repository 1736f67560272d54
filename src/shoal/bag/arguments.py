"""What users pass beside a function: bags, items, delayed values, and anything else.

A function's arguments become a template and the inputs it refers to.  A bag that stands as an
argument of its own is read partition by partition, beside the first one; every other lazy thing
(an item, a delayed value, another collection, also inside a list or dict) is computed as a whole
and is the same for all partitions.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

from shoal.collection import CollectionMixin, finalized, is_collection, make_plan
from shoal.expr.call import Call
from shoal.expr.node import Node
from shoal.graph.task import Alias, Parser, Ref
from shoal.local.callbacks import GraphView
from shoal.types import Key

__all__ = ["Arguments", "Lazy", "Partitioned", "Single", "same_npartitions", "whole_number"]


class Lazy(CollectionMixin):
    """What bags and items have in common: an expression.

    Examples
    --------
    >>> from shoal.bag import from_sequence
    >>> isinstance(from_sequence([1]), Lazy)
    True
    """

    __slots__ = ("_node",)
    __shoal_scheduler__ = "processes"

    _node: Any

    def __shoal_node__(self) -> Any:
        return self._node

    def __shoal_tokenize__(self) -> Any:
        return self._node.name

    @property
    def dask(self) -> Mapping[Key, Any]:
        """The graph, not optimised: a mapping of keys to tasks."""
        plan = make_plan(self, optimize_graph=False)
        graph = dict(GraphView(plan))
        for key, i in zip(self._keys(), plan.wanted, strict=True):
            # What only selects or concatenates has no tasks of its own.
            if key not in graph:
                graph[key] = Alias(key, plan.keys[i])
        return graph

    def _keys(self) -> list[Key]:
        """The keys of the node's blocks."""
        raise NotImplementedError


class Partitioned(Lazy):
    """What a bag is to the functions that build expressions: a node with partitions.

    Examples
    --------
    >>> from shoal.bag import from_sequence
    >>> isinstance(from_sequence([1]), Partitioned)
    True
    """

    __slots__ = ()


class Single(Lazy):
    """What an item is to them: a node of one block.

    Examples
    --------
    >>> from shoal.bag import from_sequence
    >>> isinstance(from_sequence([1]).sum(), Single)
    True
    """

    __slots__ = ()


class Arguments(Parser):
    """Collects inputs while arguments are read.

    Examples
    --------
    >>> from shoal.bag import from_sequence
    >>> found = Arguments()
    >>> found.argument(from_sequence([1, 2])), found.argument([1, from_sequence([1]).sum()])
    (Ref(0), Nest(list, [1, Ref(1)]))
    """

    __slots__ = ("inputs",)

    def __init__(self) -> None:
        super().__init__(_resolve)
        self.inputs: list[Node | Call] = []

    def input(self, item: Any) -> Ref:
        """The reference to a node or a call; the same one is one input.

        Parameters
        ----------
        item
            Added to the inputs when new.
        """
        key = item._call[0] if isinstance(item, Call) else ("node", item.name)
        if key not in self.deps:
            self.inputs.append(item)
        return self.ref(key)

    def argument(self, value: Any) -> Any:
        """An argument with its references; a bag is read by partition.

        Parameters
        ----------
        value
            Anything.
        """
        return self.input(value._node) if isinstance(value, Partitioned) else self.parse(value)

    def named(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Keyword arguments, each as `argument` has it.

        Parameters
        ----------
        values
            By name.
        """
        return {name: self.argument(value) for name, value in values.items()}


def _resolve(item: Any, parser: Any) -> Any:
    if isinstance(item, Single):
        return parser.input(item._node)
    if isinstance(item, Call):
        return parser.input(item)
    if is_collection(item):
        return parser.input(finalized(item))
    return parser.other(item)


def same_npartitions(what: str, values: Sequence[Any]) -> list[Any]:
    """The bags among some arguments, when they fit together.

    Parameters
    ----------
    what
        The operation, for the message.
    values
        Arguments.

    Returns
    -------
    list of bags

    Raises
    ------
    ValueError
        There is no bag, or their numbers of partitions differ.

    Examples
    --------
    >>> same_npartitions("map", [1, 2])
    Traceback (most recent call last):
    ...
    ValueError: map needs at least one argument that is a Bag, got int, int;
    wrap a sequence with from_sequence
    """
    bags = [value for value in values if isinstance(value, Partitioned)]
    if not bags:
        kinds = ", ".join(type(value).__name__ for value in values) or "no arguments"
        raise ValueError(
            f"{what} needs at least one argument that is a Bag, got {kinds}; "
            "wrap a sequence with from_sequence"
        )
    counts = [bag._node.size for bag in bags]
    if len(set(counts)) > 1:
        raise ValueError(
            f"{what} goes partition by partition, and the bags have "
            f"{', '.join(map(str, counts))} partitions; "
            f"give them the same number, for instance with .repartition({counts[0]})"
        )
    return bags


def whole_number(name: str, value: Any, least: int = 1) -> int:
    """A number that the user gave, checked.

    Parameters
    ----------
    name
        Of the argument, for the message.
    value
        Of any type of whole numbers.
    least
        What it has to be at least.

    Raises
    ------
    ValueError
        It is not whole, or smaller.

    Examples
    --------
    >>> whole_number("npartitions", 0)
    Traceback (most recent call last):
    ...
    ValueError: npartitions is a whole number of at least 1, got 0
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if number < least:
        raise ValueError(f"{name} is a whole number of at least {least}, got {value!r}")
    return number
