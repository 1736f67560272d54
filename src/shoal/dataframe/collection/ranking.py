"""Where values stand among all others: ranks, repetitions, first and last, positions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from shoal.dataframe.collection.base import check_axis, from_node
from shoal.dataframe.collection.columns import by_number, has_levels, labels_of
from shoal.dataframe.kernels import rows
from shoal.dataframe.kernels.places import PLACE, with_places
from shoal.dataframe.kernels.ranks import extreme_place, mark_repeated, rank_values, sorted_place
from shoal.dataframe.nodes.homeward import Homeward
from shoal.dataframe.nodes.moves import Shuffle
from shoal.dataframe.nodes.rowwise import MapEach, MapPartitions, Project

__all__ = [
    "argmax",
    "argmin",
    "duplicated",
    "first_valid_index",
    "last_valid_index",
    "rank",
    "searchsorted",
]


def rank(
    self: Any,
    axis: Any = 0,
    method: str = "average",
    numeric_only: bool = False,
    na_option: str = "keep",
    ascending: bool = True,
    pct: bool = False,
) -> Any:
    """The ranks of values among those of all partitions.

    How often each value is there is counted first; ranks follow from that table, of which every
    partition needs all.

    Parameters
    ----------
    axis
        1 ranks along the columns.
    method, numeric_only, na_option, ascending, pct
        As pandas has them; with ``method="first"`` rows of a value are brought together.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [30, 10, 10]}, npartitions=3).x.rank().compute().tolist()
    [3.0, 1.5, 1.5]
    """
    options = (method, na_option, ascending, pct)
    if check_axis(self, axis) == 1:
        return self._rowwise("rank", 1, *_reordered(options))
    meta = self._meta.rank(
        method=method, na_option=na_option, ascending=ascending, pct=pct, numeric_only=numeric_only
    )
    if has_levels(self):
        return by_number(self, lambda flat: rank(flat, 0, *_reordered(options, numeric_only)))
    if self.ndim == 2:
        chosen = self[list(meta.columns)]
        ranked = {
            name: _of_dtype(rank(chosen[name], 0, *_reordered(options)), dtype)
            for name, dtype in meta.dtypes.items()
        }
        return chosen.assign(**ranked) if all(map(_is_text, ranked)) else _assigned(chosen, ranked)
    if method == "first":
        return _of_dtype(_rank_in_order(self, na_option, ascending, pct), meta.dtype)
    table = self.to_frame("x").groupby("x", dropna=False, observed=True)["x"].size()
    args = (self._node, table._node, *options)
    ranks = MapPartitions(rank_values, args, (), meta, None, "rank")
    if isinstance(meta.dtype, np.dtype):
        return from_node(ranks)
    kept = (ranks, "astype", meta.dtype)
    return from_node(MapPartitions(rows.call_method, kept, (), meta, None, "rank"))


def _of_dtype(series: Any, dtype: Any) -> Any:
    return series if series.dtype == dtype else series.astype(dtype)


def _rank_in_order(self: Any, na_option: str, ascending: bool, pct: bool) -> Any:
    """Ranks of which those of equal values follow their order."""
    least = rank(self, 0, "min", False, na_option, ascending)
    before = self.to_frame("value").groupby("value", dropna=False, observed=True).cumcount()
    ranks = (least + before).rename(self.name)
    return ranks / (self.count() if na_option == "keep" else self.size) if pct else ranks


def _reordered(options: tuple[Any, ...], numeric_only: bool = False) -> tuple[Any, ...]:
    method, na_option, ascending, pct = options
    return method, numeric_only, na_option, ascending, pct


def _is_text(name: Any) -> bool:
    return isinstance(name, str)


def _assigned(frame: Any, columns: dict[Any, Any]) -> Any:
    out = frame.copy()
    for name, column in columns.items():
        out[name] = column
    return out


def duplicated(self: Any, subset: Any = None, keep: Any = "first") -> Any:
    """Whether each row was there before, or will be there again.

    Rows with equal values are brought together, and what is found of them taken back.

    Parameters
    ----------
    subset
        Columns that tell rows apart.
    keep
        "first", "last" or False, as pandas has it.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [1, 2, 1]}, npartitions=3).x.duplicated().compute().tolist()
    [False, False, True]
    """
    if self.ndim == 1:
        # The second argument of a series' method is ``keep``.
        keep = keep if subset is None else subset
        return duplicated(self.to_frame(name="x"), None, keep).rename(self.name)
    names = list(self.columns) if subset is None else labels_of(self, subset)
    if has_levels(self):
        places = [self.columns.get_loc(name) for name in names]
        return by_number(self, lambda flat: duplicated(flat, places, keep))
    count = self.npartitions
    node: Any = Project(self._node, tuple(names))
    origin = node
    numbers = tuple(range(count))
    meta = with_places(node.meta, 0)
    node = MapEach(with_places, (node,), (), numbers, meta, None, "places")
    node = Shuffle(node, tuple(names), count)
    there = pd.DataFrame({0: pd.Series([], dtype=bool), PLACE: pd.Series([], dtype="int64")})
    there.index = self._meta.index
    unknown = (None,) * (count + 1)
    node = MapPartitions(mark_repeated, (node, keep), (), there, unknown, "duplicated")
    result = pd.Series([], dtype=bool, index=self._meta.index)
    home = (tuple(self.divisions), tuple(origin.row_roots), origin.row_key)
    return from_node(Homeward(node, result, *home))


def first_valid_index(self: Any) -> Any:
    """The label of the first row that is not missing altogether; computes it.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [None, 1.0]}, npartitions=2).x.first_valid_index()
    1
    """
    found = _there(self).head(1, npartitions=-1)
    return found.index.tolist()[0] if len(found) else None


def last_valid_index(self: Any) -> Any:
    """The label of the last row that is not missing altogether; computes it.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [1.0, None]}, npartitions=2).x.last_valid_index()
    0
    """
    some = _there(self)
    found = some._reduce("tail", None, None, some._meta, n=1).compute()
    return found.index.tolist()[0] if len(found) else None


def _there(self: Any) -> Any:
    return self.dropna(how="all") if self.ndim == 2 else self.dropna()


def argmax(self: Any) -> Any:
    """The position of the largest value.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [1, 3, 2]}, npartitions=2).x.argmax().compute()
    np.int64(1)
    """
    return _extreme(self, "max")


def argmin(self: Any) -> Any:
    """The position of the smallest value.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [2, 3, 1]}, npartitions=2).x.argmin().compute()
    np.int64(2)
    """
    return _extreme(self, "min")


def _extreme(self: Any, which: str) -> Any:
    values = self.to_series() if isinstance(self._meta, pd.Index) else self
    chunk, combine, final = extreme_place(which)
    return values.reduction(chunk, final, combine, meta=np.int64(0), token=f"arg{which}")


def searchsorted(self: Any, value: Any, side: str = "left") -> Any:
    """Where a value belongs among values that are in order.

    Parameters
    ----------
    value
        One value.
    side
        "left" before equal values, "right" after them.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [1, 3, 5]}, npartitions=2).x.searchsorted(4).compute()
    np.int64(2)
    """
    if not pd.api.types.is_scalar(value):
        raise NotImplementedError("searchsorted takes one value at a time")
    values = self.to_series() if isinstance(self._meta, pd.Index) else self
    kwargs = {"value": value, "side": side}
    return values.reduction(
        sorted_place, _total, meta=np.int64(0), token="searchsorted", chunk_kwargs=kwargs
    )


def _total(counts: Any) -> Any:
    return counts.sum()
