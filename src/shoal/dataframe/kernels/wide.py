"""Rows of a partition that become columns, where the columns of the result are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from shoal.dataframe.kernels.levels import levels_of
from shoal.dataframe.meta import sample_of

__all__ = [
    "columns_as_levels",
    "crossed",
    "in_order",
    "level_labels",
    "levels_as_columns",
    "long",
    "unstacked",
]


def level_labels(part: Any, level: int) -> Any:
    """The different labels in a level of the index.

    Parameters
    ----------
    part
        A partition.
    level
        The number of the level.

    Examples
    --------
    >>> index = pd.MultiIndex.from_tuples([(1, "b"), (2, "b")])
    >>> level_labels(pd.Series([3, 4], index), 1).tolist()
    ['b']
    """
    return levels_of(part.index)[level].unique()


def in_order(found: Sequence[Any]) -> Any:
    """The different labels of several indexes, in order where they have one.

    Parameters
    ----------
    found
        Indexes, at least one.

    Examples
    --------
    >>> in_order([pd.Index([3, 1]), pd.Index([1, 2])]).tolist()
    [1, 2, 3]
    """
    some = [one for one in found if len(one)] or found[:1]
    labels = some[0].append(list(some[1:])).unique()
    try:
        return labels.sort_values(na_position="first")
    except TypeError:
        return labels


def unstacked(part: Any, number: int, labels: Any, fill_value: Any) -> Any:
    """A level of the index as columns.

    Parameters
    ----------
    part
        A frame or series that has all rows of its labels in the other levels.
    number
        Of the level.
    labels
        Which columns there are.
    fill_value
        What stands where nothing is.

    Examples
    --------
    >>> index = pd.MultiIndex.from_tuples([(1, "b"), (2, "a")])
    >>> unstacked(pd.Series([3, 4], index), 1, pd.Index(["a", "b"]), 0).values.tolist()
    [[0, 3], [4, 0]]
    """
    if not len(part):
        return unstacked(sample_of(part).iloc[:1], number, labels, fill_value).iloc[:0]
    out = part.unstack(number, fill_value=fill_value)
    name = out.columns.names[-1]
    if part.ndim == 1:
        columns = labels.rename(name)
    else:
        above = [level.repeat(len(labels)) for level in levels_of(part.columns)]
        # Not of tuples: a missing label is found again in a level of its dtype only.
        own = labels.take(np.tile(np.arange(len(labels)), part.shape[1]))
        names = [*part.columns.names, name]
        columns = pd.MultiIndex.from_arrays([*above, own], names=names)
    if out.columns.equals(columns):
        return out
    if fill_value is not None:
        return out.reindex(columns=columns, fill_value=fill_value)
    return _widened(out, columns, part)


def _widened(out: Any, columns: Any, part: Any) -> Any:
    """With columns that nothing is in, of the dtypes of their values where these may be missing."""
    wider = out.reindex(columns=columns)
    for place, found in enumerate(out.columns.get_indexer(columns)):
        dtype = (
            part.dtype
            if part.ndim == 1
            else part.iloc[:, place * part.shape[1] // len(columns)].dtype
        )
        if found < 0 and getattr(dtype, "kind", "O") not in "iub":
            wider.isetitem(place, pd.Series(None, index=wider.index, dtype=dtype))
    return wider


def levels_as_columns(part: Any) -> Any:
    """A frame whose first columns are the levels of the index; all have numbers for names.

    Parameters
    ----------
    part
        A frame or series.

    Examples
    --------
    >>> index = pd.MultiIndex.from_tuples([(1, "b")])
    >>> levels_as_columns(pd.Series([3], index)).values.tolist()
    [[1, 'b', 3]]
    """
    frame = part.to_frame() if part.ndim == 1 else part
    columns = [pd.Series(level.array) for level in levels_of(part.index)]
    columns += [pd.Series(frame.iloc[:, i].array) for i in range(frame.shape[1])]
    return pd.DataFrame(dict(enumerate(columns)))


def columns_as_levels(part: Any, like: Any) -> Any:
    """What `levels_as_columns` was given.

    Parameters
    ----------
    part
        What it made.
    like
        The meta of what it was given.

    Examples
    --------
    >>> index = pd.MultiIndex.from_tuples([(1, "b")])
    >>> x = pd.Series([3], index)
    >>> columns_as_levels(levels_as_columns(x), x.iloc[:0]).equals(x)
    True
    """
    count = like.index.nlevels
    levels = [part.iloc[:, i] for i in range(count)]
    index = pd.MultiIndex.from_arrays(levels, names=like.index.names)
    rest = part.iloc[:, count:].set_axis(index, axis=0)
    if like.ndim == 1:
        return rest.iloc[:, 0].rename(like.name)
    return rest.set_axis(like.columns, axis=1)


def crossed(
    table: Any,
    down: int,
    names: Sequence[Sequence[Any]],
    counts: bool,
    how: str,
    margins: bool,
    margins_name: str,
    dropna: bool,
    normalize: Any,
) -> Any:
    """A cross tabulation, from what is known of each pair of labels.

    Parameters
    ----------
    table
        A series with a level for each key.
    down
        How many of them are the labels of rows.
    names
        Of the rows' levels and of the columns'.
    counts
        Whether the values are numbers of rows.
    how
        How they are put together for the margins.
    margins, margins_name, dropna, normalize
        As `pandas.crosstab` has them.

    Examples
    --------
    >>> index = pd.MultiIndex.from_tuples([(1, "a"), (1, "b"), (2, "a")])
    >>> told = (1, (["i"], ["c"]), True, "sum", True, "All", True, False)
    >>> crossed(pd.Series([1, 1, 1], index), *told).values.tolist()
    [[1, 1, 2], [1, 0, 1], [2, 1, 3]]
    """
    keys = [pd.Series(level.array) for level in levels_of(table.index)]
    out = pd.crosstab(
        *(keys[:down], keys[down:], table.reset_index(drop=True)),
        rownames=list(names[0]),
        colnames=list(names[1]),
        aggfunc=how,
        margins=margins,
        margins_name=margins_name,
        dropna=dropna,
        normalize=normalize,
    )
    return out.fillna(0).astype("int64") if counts and normalize is False else out


def long(part: Any, told: Sequence[Any], meta: Any) -> Any:
    """Columns whose names begin alike as rows.

    Parameters
    ----------
    part
        A partition.
    told
        The arguments of `pandas.wide_to_long`.
    meta
        Of the result.

    Examples
    --------
    >>> frame = pd.DataFrame({"k": [1], "x1": [3], "x2": [5]})
    >>> long(frame, ("x", "k", "n"), None).x.tolist()
    [3, 5]
    """
    return pd.wide_to_long(part, *told) if len(part) else meta
