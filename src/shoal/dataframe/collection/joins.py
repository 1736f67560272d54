"""``merge`` and ``concat``."""

from __future__ import annotations

import itertools
from typing import Any

import pandas as pd

from shoal.dataframe.collection.base import FrameBase, from_node, nearest
from shoal.dataframe.nodes.moves import Join
from shoal.dataframe.nodes.partitions import Concat
from shoal.dataframe.nodes.sources import FromPandas

__all__ = ["concat", "merge"]


def merge(
    left: Any,
    right: Any,
    how: str = "inner",
    on: Any = None,
    left_on: Any = None,
    right_on: Any = None,
    left_index: bool = False,
    right_index: bool = False,
    suffixes: tuple[str | None, str | None] = ("_x", "_y"),
    indicator: bool | str = False,
    npartitions: int | None = None,
    shuffle_method: str | None = None,
    broadcast: bool | float | None = None,
) -> Any:
    """Join two frames.

    Frames that are sorted by what they are joined on (both by their index, with known divisions)
    are cut at common bounds.  A frame of one partition is given to all partitions of the other.
    Else rows of both sides are moved by the hash of their keys.

    Parameters
    ----------
    left, right
        Frames, or series with a name.
    how, on, left_on, right_on, left_index, right_index, suffixes, indicator
        As `pandas.merge` has them.
    npartitions
        Of the result, where rows are moved.
    shuffle_method
        Accepted for programs written for Dask.
    broadcast
        Accepted for programs written for Dask.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> one = from_dict({"k": [1, 2], "x": [3, 4]}, npartitions=2)
    >>> two = from_dict({"k": [2, 3], "y": [5, 6]}, npartitions=2)
    >>> merge(one, two, on="k").compute().values.tolist()
    [[2, 4, 5]]
    """
    left, right = _frame(left), _frame(right)
    if on is None and not (left_index or right_index or left_on or right_on):
        on = [name for name in left.columns if name in right.columns]
        if not on:
            raise pd.errors.MergeError(
                "no columns in common to join on; pass on=, or left_on= and right_on="
            )
    left_keys = None if left_index else _names(on if on is not None else left_on, left)
    right_keys = None if right_index else _names(on if on is not None else right_on, right)
    return from_node(
        Join(
            left._node,
            right._node,
            how,
            left_keys,
            right_keys,
            tuple(suffixes),
            indicator,
            npartitions,
            broadcast,
        )
    )


def _frame(item: Any) -> Any:
    if isinstance(item, pd.DataFrame | pd.Series):
        item = item.to_frame() if isinstance(item, pd.Series) else item
        return from_node(FromPandas(item, (0, len(item)), (None, None), None))
    return item.to_frame() if item.ndim == 1 else item


def _names(on: Any, frame: Any) -> tuple[Any, ...]:
    if isinstance(on, FrameBase):
        raise NotImplementedError("joining on a series: assign it as a column first")
    names = tuple(on) if isinstance(on, list | tuple | pd.Index) else (on,)
    for name in names:
        if name not in frame.columns and name not in frame._meta.index.names:
            raise KeyError(f"{name!r} is not a column{nearest(name, frame.columns)}")
    return names


def concat(
    dfs: Any,
    axis: Any = 0,
    join: str = "outer",
    ignore_unknown_divisions: bool = False,
    ignore_order: bool = False,
    interleave_partitions: bool = False,
    **kwargs: Any,
) -> Any:
    """Frames one below the other.

    Parameters
    ----------
    dfs
        Frames or series, also pandas' own.
    axis
        0.
    join
        "outer" or "inner": which columns.
    ignore_unknown_divisions, ignore_order, interleave_partitions
        Accepted for programs written for Dask; partitions are not merged.
    **kwargs
        Of `pandas.concat`.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2]}, npartitions=2)
    >>> concat([df, df]).compute().x.tolist()
    [1, 2, 1, 2]
    """
    if axis not in (0, "index"):
        raise NotImplementedError("concat(axis=1): use assign, or merge on the index")
    parts = [
        from_node(FromPandas(one, (0, len(one)), (None, None), None))
        if isinstance(one, pd.DataFrame | pd.Series)
        else one
        for one in dfs
    ]
    if not parts:
        raise ValueError("No objects to concatenate")
    metas = [part._meta for part in parts]
    meta = pd.concat(metas, join=join, **kwargs)
    count = sum(part.npartitions for part in parts)
    divisions: tuple[Any, ...] = (None,) * (count + 1)
    if all(part.known_divisions for part in parts) and all(
        a.divisions[-1] < b.divisions[0] for a, b in itertools.pairwise(parts)
    ):
        divisions = (*[b for part in parts for b in part.divisions[:-1]], parts[-1].divisions[-1])
    return from_node(Concat(tuple([part._node for part in parts]), meta, join, divisions))
