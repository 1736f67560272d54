"""Frames of graphs that somebody else has built."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from shoal.collection import ForeignNode
from shoal.dataframe.collection.base import from_node
from shoal.dataframe.meta import make_meta
from shoal.dataframe.nodes.sources import Given
from shoal.types import Key

__all__ = ["from_graph"]


def from_graph(
    layer: Mapping[Key, Any],
    _meta: Any,
    divisions: Sequence[Any],
    keys: Iterable[Key],
    name_prefix: str = "graph",
) -> Any:
    """A frame, series or index whose partitions are tasks of a graph.

    Parameters
    ----------
    layer
        Tasks by key.
    _meta
        What the partitions are.
    divisions
        Their bounds in the index, one more than there are; None where unknown.
    keys
        Of the partitions, in order.
    name_prefix
        Accepted.

    Raises
    ------
    ValueError
        There are not as many keys as the divisions say.

    Examples
    --------
    >>> import pandas as pd
    >>> graph = {("x", 0): pd.Series([1, 2]), ("x", 1): (abs, pd.Series([-3]))}
    >>> from_graph(graph, pd.Series(dtype=int), [None] * 3, list(graph)).compute().tolist()
    [1, 2, 3]
    """
    wanted = tuple(keys)
    if len(wanted) != len(divisions) - 1:
        raise ValueError(
            f"{len(divisions)} divisions are the bounds of {len(divisions) - 1} partitions; got "
            f"keys of {len(wanted)}"
        )
    node = Given(ForeignNode(layer, wanted), make_meta(_meta), tuple(divisions))
    return from_node(node)
