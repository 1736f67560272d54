"""Levels of an index by number.

pandas looks a number up among the names of levels first: with levels named 4 and 0, as groups by
columns of these names have them, ``index.get_level_values(0)`` is the second.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from shoal.dataframe.kernels.passing import passes_columns

__all__ = [
    "has_numbered_levels",
    "labelled_by",
    "labels_as_columns",
    "levels_of",
    "with_labels_from",
    "with_level_names",
    "without_first_levels",
]


def has_numbered_levels(index: pd.Index) -> bool:
    """Whether a level's name may be taken for its number.

    Parameters
    ----------
    index
        Any.

    Examples
    --------
    >>> has_numbered_levels(pd.Index([1], name="x")), has_numbered_levels(pd.Index([1], name=0))
    (False, True)
    """
    return not all(name is None or isinstance(name, str) for name in index.names)


def levels_of(index: pd.Index) -> list[pd.Index]:
    """The values of each level, in their order, with their names.

    Parameters
    ----------
    index
        Of one level or several.

    Examples
    --------
    >>> index = pd.MultiIndex.from_tuples([("a", 1)], names=[1, 0])
    >>> [level.tolist() for level in levels_of(index)]
    [['a'], [1]]
    """
    count = range(index.nlevels)
    if not has_numbered_levels(index):
        return [index.get_level_values(i) for i in count]
    plain = index.set_names([None] * index.nlevels)
    return [plain.get_level_values(i).rename(index.names[i]) for i in count]


@passes_columns(keys=1)
def labelled_by(frame: pd.DataFrame, columns: Any, drop: bool = True, append: bool = False) -> Any:
    """A frame with columns as its index, which keeps their dtypes.

    pandas makes a range of narrow integers too that are in steps, or of none: then a partition's
    labels would be of 64 bits and its neighbour's of 32.  And the index of a frame without rows,
    which stands for all partitions, would be one of rows that are numbered.

    Parameters
    ----------
    frame, columns, drop, append
        As of `pandas.DataFrame.set_index`.

    Examples
    --------
    >>> frame = pd.DataFrame({"x": [1, 2]}, dtype="int32")
    >>> labelled_by(frame, "x").index.dtype, frame.set_index("x").index.dtype
    (dtype('int32'), dtype('int64'))
    """
    out = frame.set_index(columns, drop=drop, append=append)
    if isinstance(out.index, pd.RangeIndex):
        column = frame[columns[0] if isinstance(columns, list) else columns]
        if column.dtype != out.index.dtype or not len(out):
            out.index = pd.Index(column.array, name=out.index.name)
    return out


def without_first_levels(index: pd.Index, count: int) -> pd.Index:
    """The levels after some.

    Parameters
    ----------
    index
        Of more levels than these.
    count
        How many go.

    Examples
    --------
    >>> without_first_levels(pd.MultiIndex.from_tuples([("a", 1)], names=[1, 0]), 1).tolist()
    [1]
    """
    plain = index.set_names([None] * index.nlevels).droplevel(list(range(count)))
    return plain.set_names(index.names[count:])


@passes_columns()
def with_level_names(part: Any, names: Sequence[Any]) -> Any:
    """A frame or series whose index has other names; one without rows may have other levels.

    Parameters
    ----------
    part
        A partition.
    names
        Of the levels.

    Examples
    --------
    >>> with_level_names(pd.Series([1]), ["x"]).index.name
    'x'
    """
    fits = part.index.nlevels == len(names) or len(part)
    return part.set_axis(part.index.set_names(names), axis=0) if fits else part


def labels_as_columns(part: pd.DataFrame, columns: Sequence[Any]) -> pd.DataFrame:
    """A frame with a column more for each level of its index, and numbers for an index.

    Parameters
    ----------
    part
        A partition.
    columns
        What the new columns are called.

    Examples
    --------
    >>> index = pd.MultiIndex.from_tuples([("a", 1)])
    >>> labels_as_columns(pd.DataFrame({"x": [5]}, index=index), ["l0", "l1"]).values.tolist()
    [[5, 'a', 1]]
    """
    levels = levels_of(part.index)
    out = part.reset_index(drop=True)
    for name, level in zip(columns, levels, strict=True):
        out[name] = level.to_series(index=out.index)
    return out


def with_labels_from(
    part: pd.DataFrame, columns: Sequence[Any], names: Sequence[Any]
) -> pd.DataFrame:
    """The opposite of `labels_as_columns`.

    Parameters
    ----------
    part
        A partition.
    columns
        Those that become levels of the index.
    names
        Of the levels.

    Examples
    --------
    >>> part = pd.DataFrame({"x": [5], "l0": ["a"], "l1": [1]})
    >>> with_labels_from(part, ["l0", "l1"], ["k", None]).index.tolist()
    [('a', 1)]
    """
    index = pd.MultiIndex.from_arrays([part[name] for name in columns], names=names)
    return part.drop(columns=list(columns)).set_axis(index)
