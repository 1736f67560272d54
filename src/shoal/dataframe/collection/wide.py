"""Rows that become columns: ``pivot``, ``unstack``, ``crosstab``, ``T``; and `wide_to_long`.

The columns of a result are labels that stand in the rows, so these are looked up when the method is
called, by a small computation.  Everything else is lazy.  Rows that become one row of the result
are brought together first, so that memory for a partition is all that is needed; in which of the
partitions a row is follows from the hash of its label.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from shoal.collection import compute
from shoal.dataframe.collection.base import FrameBase, NotHereError, check_axis, from_node, nearest
from shoal.dataframe.collection.columns import chosen
from shoal.dataframe.kernels import rows, wide
from shoal.dataframe.kernels.levels import levels_of
from shoal.dataframe.meta import make_meta, sample_of
from shoal.dataframe.nodes.moves import Shuffle
from shoal.dataframe.nodes.rowwise import MapPartitions

__all__ = [
    "crosstab",
    "pivot",
    "reorder_levels",
    "swaplevel",
    "transpose",
    "unstack",
    "wide_to_long",
]


def unstack(self: Any, level: Any = -1, fill_value: Any = None, sort: bool = True) -> Any:
    """A level of the index as columns; its labels are looked up now.

    Rows of several partitions are moved; they are in order within each partition then.

    Parameters
    ----------
    level
        Its name or number.
    fill_value
        What stands where nothing is.
    sort
        True: columns are in order.

    Raises
    ------
    NotImplementedError
        The index has one level, so that all rows would become columns, or several are asked for.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"i": [1, 1, 2], "j": ["a", "b", "a"], "x": [3, 4, 5]}, npartitions=2)
    >>> df.groupby(["i", "j"]).x.sum().unstack(fill_value=0).compute().values.tolist()
    [[3, 4], [5, 0]]
    """
    index = self._meta.index
    if index.nlevels < 2 or isinstance(level, list | tuple) or not sort:
        raise NotHereError(
            f"{type(self).__name__}.unstack takes one of several levels: of all rows, of several "
            "levels or with sort=False, compute() first"
        )
    number = index._get_level_number(level)
    part_labels = MapPartitions(
        *(wide.level_labels, (self._node, number), (), levels_of(index)[number]),
        *((None,) * (self.npartitions + 1), "labels"),
    )
    labels = wide.in_order(compute(*from_node(part_labels).to_delayed()))
    node = self._node if self.npartitions == 1 else _together(self, number)
    args = (number, labels, fill_value)
    meta = make_meta(wide.unstacked(sample_of(self._meta).iloc[:1], *args))
    unknown = (None,) * (node.npartitions + 1)
    return from_node(MapPartitions(wide.unstacked, (node, *args), (), meta, unknown, "unstack"))


def _together(self: Any, number: int) -> Any:
    """Rows that have all levels but one in common brought into one partition."""
    meta = self._meta
    unknown = (None,) * (self.npartitions + 1)
    flat = wide.levels_as_columns(meta)
    node = MapPartitions(wide.levels_as_columns, (self._node,), (), flat, unknown, "levels")
    keys = tuple([name for i, name in enumerate(flat.columns[: meta.index.nlevels]) if i != number])
    moved = Shuffle(node, keys, self.npartitions)
    return MapPartitions(wide.columns_as_levels, (moved, meta), (), meta, unknown, "levels")


def pivot(self: Any, *, columns: Any, index: Any = None, values: Any = None) -> Any:
    """The values of one column by the labels in two others; the new columns are looked up now.

    Parameters
    ----------
    columns
        The column whose values become columns.
    index
        The column whose values are the labels of rows, or several; the index by default.
    values
        The column of the values, or several; all others by default.

    Raises
    ------
    KeyError
        A column is not there.
    ValueError
        When computed: there are several values for a place; use `pivot_table`.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"i": [1, 2], "c": ["a", "b"], "v": [5, 6]}, npartitions=1)
    >>> df.pivot(index="i", columns="c", values="v").compute().loc[1, "a"]
    np.float64(5.0)
    """
    if isinstance(columns, list) and len(columns) > 1:
        raise NotImplementedError(
            f"pivot takes one column whose values become columns, got {columns}; put them together"
        )
    across_columns = columns if isinstance(columns, list) else [columns]
    keys = [] if index is None else index if isinstance(index, list) else [index]
    chosen = values if isinstance(values, list) else [] if values is None else [values]
    for name in (*across_columns, *keys, *chosen):
        if name not in self.columns:
            raise KeyError(f"{name!r} is not a column{nearest(name, self.columns)}")
    kept = self[[*keys, *across_columns, *chosen]] if values is not None else self
    labels = [*keys, *across_columns]
    meta = kept._meta.set_index(labels, append=index is None)
    unknown = (None,) * (self.npartitions + 1)
    args = (kept._node, "set_index", labels, index is None)
    node = MapPartitions(rows.call_method, args, ("append",), meta, unknown, "pivot")
    long = from_node(node)
    return unstack(long if values is None or isinstance(values, list) else long[values])


def transpose(self: Any) -> Any:
    """Rows as columns, of a frame of one partition; their labels are looked up now.

    Raises
    ------
    NotImplementedError
        There are several partitions: their rows would all become columns.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [1, 2]}, npartitions=2).describe().T.compute().loc["x", "max"]
    np.float64(2.0)
    """
    if self.npartitions > 1:
        # As an attribute, T may not raise an AttributeError, or it would be looked for in columns.
        raise NotImplementedError(
            "the rows of several partitions would become columns: compute() first, or "
            "repartition(npartitions=1) where they are few"
        )
    labels = self.index.compute()
    one = sample_of(self._meta).iloc[:1].T.iloc[:0, 0]
    meta = pd.DataFrame(dict.fromkeys(range(len(labels)), one), index=one.index)
    meta = meta.set_axis(labels, axis=1)
    args = (self._node, "transpose")
    return from_node(MapPartitions(rows.call_method, args, (), meta, (None, None), "transpose"))


def swaplevel(self: Any, i: Any = -2, j: Any = -1, axis: Any = 0) -> Any:
    """Two levels of the index in each other's place.

    Parameters
    ----------
    i, j
        Names or numbers.
    axis
        1 for levels of the columns.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"i": [1], "j": ["a"], "x": [3]}, npartitions=1)
    >>> df.groupby(["i", "j"]).sum().swaplevel().compute().index.tolist()
    [('a', 1)]
    """
    return _relevelled(self, axis, "swaplevel", i, j)


def reorder_levels(self: Any, order: Any, axis: Any = 0) -> Any:
    """The levels of the index in another order.

    Parameters
    ----------
    order
        Their names or numbers.
    axis
        1 for levels of the columns.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"i": [1], "j": ["a"], "x": [3]}, npartitions=1)
    >>> df.groupby(["i", "j"]).sum().reorder_levels(["j", "i"]).compute().index.tolist()
    [('a', 1)]
    """
    return _relevelled(self, axis, "reorder_levels", order)


def _relevelled(self: Any, axis: Any, method: str, *args: Any) -> Any:
    if check_axis(self, axis) == 1:
        return chosen(self, lambda probe: getattr(probe, method)(*args, axis=1))
    # pandas has the last word on levels that are not there.
    meta = getattr(self._meta, method)(*args)
    unknown = (None,) * (self.npartitions + 1)
    call = (self._node, method, *args)
    return from_node(MapPartitions(rows.call_method, call, (), meta, unknown, method))


FOLDED = {"sum": "sum", "count": "sum", "min": "min", "max": "max", "size": "sum"}
"""Functions of `crosstab`, and how their results are put together for the margins."""


def crosstab(
    index: Any,
    columns: Any,
    values: Any = None,
    rownames: Any = None,
    colnames: Any = None,
    aggfunc: Any = None,
    margins: bool = False,
    margins_name: str = "All",
    dropna: bool = True,
    normalize: Any = False,
) -> Any:
    """How often values of some series stand beside those of others; columns are looked up now.

    Parameters
    ----------
    index, columns
        A series or several, whose values are the labels of rows and of columns.
    values, aggfunc
        What is aggregated, and how: "sum", "count", "min" or "max"; how many rows there are, by
        default.
    rownames, colnames
        Names of the labels; those of the series by default.
    margins, margins_name, dropna, normalize
        As `pandas.crosstab` has them.

    Raises
    ------
    NotImplementedError
        ``aggfunc`` is something else.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"i": [1, 1, 2], "c": ["a", "b", "a"]}, npartitions=2)
    >>> crosstab(df.i, df.c).compute().values.tolist()
    [[1, 1], [1, 0]]
    """
    if (values is None) != (aggfunc is None):
        raise ValueError("aggfunc cannot be used without values, nor values without aggfunc")
    if values is not None and aggfunc not in FOLDED:
        raise NotImplementedError(
            f"crosstab(aggfunc={aggfunc!r}) is not there; use one of {[*FOLDED]}, or groupby"
        )
    down = index if isinstance(index, list) else [index]
    along = columns if isinstance(columns, list) else [columns]
    if not all(isinstance(one, FrameBase) and one.ndim == 1 for one in (*down, *along)):
        raise TypeError("crosstab takes series of shoal, or lists of them")
    names = [
        list(given)
        if given is not None
        else [one.name or f"{word}_{i}" for i, one in enumerate(some)]
        for word, some, given in (("row", down, rownames), ("col", along, colnames))
    ]
    keys = [f"key_{i}" for i in range(len(down) + len(along))]
    frame = down[0].to_frame("key_0")
    frame = frame._assigned(dict(zip(keys[1:], [*down[1:], *along], strict=True)))
    if values is not None:
        frame = frame._assigned({"values": values})
    grouped = frame.groupby(keys, observed=True, dropna=True)
    table = grouped.size() if values is None else grouped["values"].agg(aggfunc)
    labels = frame[keys[len(down) :]].dropna().drop_duplicates().compute()
    how = FOLDED[aggfunc or "size"]
    told = (len(down), names, values is None, how, margins, margins_name, dropna, normalize)
    meta = make_meta(wide.crossed(_crossed_sample(table._meta, labels, len(down)), *told))
    args = (table._node, *told)
    return from_node(MapPartitions(wide.crossed, args, (), meta, (None, None), "crosstab"))


def _crossed_sample(meta: Any, labels: Any, down: int) -> Any:
    """A row for each label of the columns, of an aggregation."""
    first = sample_of(meta).index[:1]
    count = max(len(labels), 1)
    levels = [level.repeat(count) for level in levels_of(first)[:down]]
    own = sample_of(labels).iloc[:1] if not len(labels) else labels
    levels += [pd.Index(own.iloc[:, i]) for i in range(own.shape[1])]
    index = pd.MultiIndex.from_arrays(levels, names=meta.index.names)
    return pd.Series(np.ones(count), index=index).astype(meta.dtype)


def wide_to_long(
    df: Any, stubnames: Any, i: Any, j: Any, sep: str = "", suffix: str = r"\d+"
) -> Any:
    """Columns whose names begin alike as rows, partition by partition.

    Parameters
    ----------
    df
        A frame.
    stubnames, i, j, sep, suffix
        As `pandas.wide_to_long` has them; the values in ``i`` are looked at in each partition.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"k": [1, 2], "x1": [3, 4], "x2": [5, 6]}, npartitions=2)
    >>> wide_to_long(df, "x", i="k", j="n").compute().x.sort_index().tolist()
    [3, 5, 4, 6]
    """
    told = (stubnames, i, j, sep, suffix)
    meta = make_meta(pd.wide_to_long(sample_of(df._meta).iloc[:1], *told))
    unknown = (None,) * (df.npartitions + 1)
    return from_node(MapPartitions(wide.long, (df._node, told, meta), (), meta, unknown, "long"))
