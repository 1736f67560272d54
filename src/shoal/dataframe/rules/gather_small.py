"""Partitions that are surely small are put together before rows are moved between them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from shoal import config
from shoal.dataframe.nodes.base import FrameNode, replace_nodes
from shoal.dataframe.nodes.cuts import Cut
from shoal.dataframe.nodes.open import WORTH, limit_bytes
from shoal.dataframe.nodes.ordered import SortedExchange
from shoal.dataframe.nodes.partitions import Repartition
from shoal.dataframe.nodes.reduce import Exchange
from shoal.dataframe.nodes.sizes import most_bytes
from shoal.dataframe.nodes.sources import FromPandas
from shoal.dataframe.rules.leave_open import PLAIN
from shoal.dataframe.rules.walk import sources_first

__all__ = ["fewer_partitions", "gather_small", "gathered"]

MOST_PIECES = 256
"""So many pieces, or fewer, are moved as quickly as partitions are put together."""


def gather_small(node: Any, uses: Mapping[str, int]) -> FrameNode | None:
    """Put neighbouring partitions together that are cut, each, into many pieces.

    A shuffle of n partitions to m moves n times m pieces, however few rows there are.

    Parameters
    ----------
    node
        Before: ``Exchange(500 to 500) <- source``.
    uses
        Not needed: what others read is put together beside that.

    Returns
    -------
    FrameNode or None
        After: ``Exchange(1 to 500) <- Repartition(500 to 1) <- source``; frames in memory are cut
        into fewer partitions in the first place.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": range(100), "y": 1}, npartitions=100)
    >>> gather_small(df.shuffle("y").expr.physical(), {}).label()
    'Exchange(1 to 100)'
    """
    if not isinstance(node, Exchange | SortedExchange | Cut) or getattr(node, "split", 1) is None:
        return None
    source = gathered(node.source, node.count)
    changed: FrameNode | None = None if source is node.source else node.replace(source=source)
    return changed


gather_small.phase = 3  # type: ignore[attr-defined]


def gathered(source: FrameNode, pieces: int = 1) -> FrameNode:
    """A frame with neighbouring partitions put together, if it is surely small; else as it is.

    Parameters
    ----------
    source
        The frame.
    pieces
        Into how many pieces each partition will be cut.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": range(1000)}, npartitions=1000)
    >>> gathered(df.expr).npartitions, gathered(df.cumsum().expr).npartitions
    (1, 1000)
    """
    count = source.npartitions
    new = None if count * pieces <= MOST_PIECES else fewer_partitions(source, count)
    if new is None:
        return source
    ends = [count * i // new for i in range(new + 1)]
    less = _cut_less(source, ends)
    if less is not None:
        return less
    groups = tuple([tuple(range(*pair)) for pair in itertools.pairwise(ends)])
    return Repartition(source, groups, (None,) * len(ends))


def fewer_partitions(source: FrameNode, count: int) -> int | None:
    """How many partitions are enough for a frame; None where that is not known, or hardly fewer.

    Parameters
    ----------
    source
        The frame.
    count
        How many there would be else.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": range(1000)}, npartitions=10)
    >>> fewer_partitions(df.expr, 10), fewer_partitions(df.astype(object).expr, 10)
    (1, None)
    """
    if not config.get("dataframe.replan.enabled"):
        return None
    most = most_bytes(source)
    if most is None:
        return None
    dtypes = source.dtypes.values() if source.ndim == 2 else [getattr(source.meta, "dtype", None)]
    if any(isinstance(dtype, np.dtype) and dtype.hasobject for dtype in dtypes):
        return None  # nobody knows how large objects are
    new = max(1, -(-most // limit_bytes("small-partition")))
    return new if WORTH * new <= count else None


def _cut_less(source: FrameNode, ends: Sequence[int]) -> FrameNode | None:
    """Operations on a frame in memory that is cut into fewer partitions; None for anything else."""
    order = sources_first([source])
    first = order[0]
    if not isinstance(first, FromPandas) or first.npartitions != source.npartitions:
        return None
    if not all(isinstance(one, PLAIN) and not one.has_parts for one in order[1:]):
        return None
    return replace_nodes(source, {first.name: first.gathered(ends)})
