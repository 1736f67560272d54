"""Rows and values matched with others: ``align``, ``isin``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from shoal.collection import compute, is_collection
from shoal.dataframe.collection.align import aligned, wrapped
from shoal.dataframe.collection.base import FrameBase, check_axis, from_node, operand
from shoal.dataframe.nodes.rowwise import MapPartitions

__all__ = ["align", "equals", "isin"]


def align(
    self: Any, other: Any, join: str = "outer", axis: Any = None, fill_value: Any = None
) -> tuple[Any, Any]:
    """Two frames or series with the same labels.

    Parameters
    ----------
    other
        A frame or series.
    join, axis, fill_value
        As pandas has them.

    Returns
    -------
    left, right

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2], "y": [3, 4]}, npartitions=2)
    >>> df.x.align(df.y)[1].compute().tolist()
    [3, 4]
    """
    if axis is not None:
        check_axis(self, axis)
    both = aligned([operand(self), wrapped(operand(other))], "align", match="pairs", along=False)
    options = (("join", join), ("axis", axis), ("fill_value", fill_value))
    metas = both[0].meta.align(both[1].meta, **dict(options))
    pair = MapPartitions(_aligned, (*both, options), (), metas[0], None, "align")
    left, right = (
        from_node(MapPartitions(_item, (pair, i), (), metas[i], None, "align")) for i in range(2)
    )
    return left, right


def _aligned(left: Any, right: Any, options: Any) -> tuple[Any, Any]:
    pair: tuple[Any, Any] = left.align(right, **dict(options))
    return pair


def _item(pair: Any, i: int) -> Any:
    return pair[i]


def equals(self: Any, other: Any) -> bool:
    """Whether another one has the same labels and values; computes both.

    Parameters
    ----------
    other
        A frame or series, also pandas' own.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, None]}, npartitions=2)
    >>> df.equals(df)
    True
    """
    mine, others = compute(self, other)
    return bool(mine.equals(others))


def isin(self: Any, values: Any) -> Any:
    """Whether each value is one of some.

    Parameters
    ----------
    values
        A list, or for frames a dict of lists by column; delayed values among them.  For series
        and indexes also a series, whose different values are found first.

    Raises
    ------
    NotImplementedError
        ``values`` is not computed yet, or is matched by label.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [1, 2, 3]}, npartitions=2).x.isin([1, 3]).compute().tolist()
    [True, False, True]
    """
    if isinstance(values, FrameBase) and self.ndim == values.ndim == 1:
        found = values.drop_duplicates()
        meta = self._meta.isin([])
        return from_node(
            MapPartitions(_isin_series, (self._node, found._node), (), meta, None, "isin")
        )
    if isinstance(values, FrameBase):
        raise NotImplementedError(
            "isin takes values in memory, or a series for a series: compute() them first, or use "
            "merge(how='leftsemi')"
        )
    if self.ndim == 2 and isinstance(values, pd.Series | pd.DataFrame):
        raise NotImplementedError(
            "isin with a pandas object matches labels, too; pass a list or a dict of lists"
        )
    if self.ndim == 1 and not (
        pd.api.types.is_list_like(values) and not isinstance(values, dict | str)
    ):
        # pandas says why.
        self._meta.isin(values)
    if isinstance(values, list | tuple) and any(is_collection(one) for one in values):
        later = [operand(one) for one in values]
        meta = self._meta.isin([])
        return from_node(MapPartitions(_isin, (self._node, *later), (), meta, None, "isin"))
    if self.ndim == 1 and not isinstance(values, np.ndarray | pd.Series | pd.Index):
        values = list(values)
    return self._rowwise("isin", values)


def _isin_series(part: Any, values: Any) -> Any:
    return part.isin(values)


def _isin(part: Any, *values: Any) -> Any:
    return part.isin(list(values))
