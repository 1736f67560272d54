"""How many rows a node has, and about how many bytes a row takes, as far as its sources tell.

Nothing is computed for it.  What keeps rows has as many as its source, what drops rows at most so
many; of joins, groups and functions of the user's nothing is known (`cardinality` guesses).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from shoal.dataframe.nodes.moves import Ranged, SetIndex, Shuffle, Sort
from shoal.dataframe.nodes.partitions import Concat, Head, Repartition, RepartitionDivisions
from shoal.dataframe.nodes.reduce import Exchange
from shoal.dataframe.nodes.rowwise import Filter, Method
from shoal.dataframe.nodes.sources import FromPandas
from shoal.dataframe.nodes.stage import Stage

__all__ = ["Estimate", "estimate", "width_bytes"]

SAME_ROWS = (Ranged, Shuffle, Exchange, SetIndex, Sort, Repartition, RepartitionDivisions)

TEXT_BYTES = 24
"""About what a value takes whose dtype has no width."""


class Estimate(NamedTuple):
    """Rows of a node.

    Parameters
    ----------
    rows
        How many.
    exact
        Whether they are just so many, or at most.

    Examples
    --------
    >>> Estimate(5, True).rows
    5
    """

    rows: int
    exact: bool


def estimate(node: Any) -> Estimate | None:
    """How many rows there are, if that is known.

    Parameters
    ----------
    node
        Of a frame.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2, 3]}, npartitions=2)
    >>> estimate((df + 1).expr), estimate(df[df.x > 1].expr)
    (Estimate(rows=3, exact=True), Estimate(rows=3, exact=False))
    """
    most = True
    while True:
        if isinstance(node, Stage):
            node = node.body.root
        if isinstance(node, FromPandas):
            return Estimate(len(node.data), most)
        scan = getattr(node, "count_rows", None)
        if scan is not None:
            rows = scan(with_filters=True)
            return None if rows is None else Estimate(rows, most and not node.filters)
        if isinstance(node, Concat):
            return _sum(node.frames, most)
        if isinstance(node, Head):
            return Estimate(int(node.n), False)
        drops = isinstance(node, Filter) or (isinstance(node, Method) and not node.keeps_rows)
        keeps = isinstance(node, SAME_ROWS) or getattr(node, "keeps_rows", False)
        if isinstance(node, Method) and node.method in GROWING:
            return None
        if not (keeps or drops) or not node.frames:
            return None
        most = most and not drops
        node = max(node.frames, key=lambda one: one.npartitions)


GROWING = frozenset(["explode", "stack", "repeat"])
"""Methods that make several rows of one."""


def _sum(frames: Any, exact: bool) -> Estimate | None:
    found = [estimate(one) for one in frames]
    some = [one for one in found if one is not None]
    if len(some) < len(found):
        return None
    return Estimate(sum(one.rows for one in some), exact and all(one.exact for one in some))


def width_bytes(meta: Any) -> int:
    """About what a row takes.

    Parameters
    ----------
    meta
        An empty pandas object.

    Examples
    --------
    >>> width_bytes(pd.DataFrame({"x": [1], "s": ["a"]}))
    32
    """
    dtypes = meta.dtypes if isinstance(meta, pd.DataFrame) else [meta.dtype]
    return sum(
        one.itemsize if isinstance(one, np.dtype) and one.kind != "O" else TEXT_BYTES
        for one in dtypes
    )
