"""Walking a whole expression, for the rules that decide about all of it at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from shoal.dataframe.nodes.base import FrameNode
from shoal.dataframe.nodes.rowwise import Column, Method, Operator
from shoal.expr.call import Call
from shoal.expr.node import Node

__all__ = ["Read", "columns_read", "readers_of", "reads_only_rows_of", "sources_first"]


def sources_first(roots: Sequence[Node]) -> list[Any]:
    """Every node of some expressions once, each after those that it reads.

    Parameters
    ----------
    roots
        Expressions.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2]}, npartitions=1)
    >>> [node.label() for node in sources_first([(df.x + df.x).expr])]
    ['FromPandas(2 rows)', "Column('x')", 'add()']
    """
    order: list[Any] = []
    seen: set[str] = set()
    stack: list[Any] = list(reversed(roots))
    while stack:
        node = stack[-1]
        if node.name in seen:
            stack.pop()
            continue
        waiting = [s for s in node.sources if isinstance(s, Node) and s.name not in seen]
        if waiting:
            stack += waiting
        else:
            seen.add(node.name)
            order.append(stack.pop())
    return order


def readers_of(order: Sequence[Any]) -> Mapping[str, list[Any]]:
    """For each name of a node the nodes that read it, once for each time; of others, nothing.

    Parameters
    ----------
    order
        All nodes of some expressions, such as `sources_first` gives them.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2]}, npartitions=1)
    >>> readers = readers_of(sources_first([(df.x + 1).expr]))
    >>> [node.label() for node in readers[df.x.expr.name]], readers["nobody's"]
    (['add(1)'], [])
    """
    readers: defaultdict[str, list[Any]] = defaultdict(list)
    for node in order:
        for source in node.sources:
            if isinstance(source, Node):
                readers[source.name].append(node)
    return readers


class Read(NamedTuple):
    """What an expression reads of a frame.

    Parameters
    ----------
    names
        Columns.
    reads
        By how many nodes.

    Examples
    --------
    >>> Read(frozenset("x"), 1).reads
    1
    """

    names: frozenset[Any]
    reads: int


def columns_read(expression: FrameNode, frame: FrameNode) -> Read:
    """The columns of a frame that an expression reads.

    Parameters
    ----------
    expression
        Such as the predicate of a filter.
    frame
        Which frame.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2], "y": [3, 4]}, npartitions=1)
    >>> sorted(columns_read((df.x > df.y).expr, df.expr).names)
    ['x', 'y']
    """
    names = [
        node.column
        for node in sources_first([expression])
        if isinstance(node, Column) and node.source is frame
    ]
    return Read(frozenset(names), len(names))


def reads_only_rows_of(expression: FrameNode, *frames: FrameNode) -> bool:
    """Whether an expression is made, row by row, from columns of frames and of nothing else.

    If so, it can be computed from another frame with the same columns in their place.

    Parameters
    ----------
    expression
        Such as the predicate of a filter.
    *frames
        With the same rows.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2], "y": [3, 4]}, npartitions=1)
    >>> (
    ...     reads_only_rows_of((df.x > 1).expr, df.expr),
    ...     reads_only_rows_of(df.x.cumsum().expr, df.expr),
    ... )
    (True, False)
    """
    stack: list[Any] = [expression]
    while stack:
        node = stack.pop()
        if isinstance(node, Column) and node.source in frames:
            continue
        if not isinstance(node, Operator | Method) or not node.keeps_rows:
            return False
        stack += [arg for arg in node.args if isinstance(arg, Node | Call)]
    return True
