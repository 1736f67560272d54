"""Methods that change the frame they are called on: it stands for another expression then."""

from __future__ import annotations

from typing import Any

import pandas as pd

from shoal.dataframe.collection.align import aligned
from shoal.dataframe.collection.base import FrameBase, from_node, nearest
from shoal.dataframe.collection.columns import new_label, relabelled
from shoal.dataframe.kernels import rows
from shoal.dataframe.nodes.rowwise import MapPartitions

__all__ = ["compare", "corrwith", "insert", "isetitem", "update"]


def _becomes(self: Any, new: Any) -> None:
    object.__setattr__(self, "_node", new._node)


def insert(self: Any, loc: int, column: Any, value: Any, allow_duplicates: bool = False) -> None:
    """Add a column at a place among the others.

    Parameters
    ----------
    loc
        The place, from 0 on.
    column
        Its name.
    value
        A series or a plain value.
    allow_duplicates
        False.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2]}, npartitions=2)
    >>> df.insert(0, "y", df.x * 2)
    >>> df.columns.tolist()
    ['y', 'x']
    """
    names = self.columns.tolist()
    column = new_label(self, column)
    if column in names:
        raise ValueError(f"cannot insert {column}, already exists")
    if not 0 <= loc <= len(names):
        raise IndexError(f"index {loc} is out of bounds for axis 0 with size {len(names)}")
    new = self.copy()
    new[column] = value
    _becomes(self, new[[*names[:loc], column, *names[loc:]]])


def isetitem(self: Any, loc: int, value: Any) -> None:
    """Replace the column at a place.

    Parameters
    ----------
    loc
        The place.
    value
        A series or a plain value.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2]}, npartitions=2)
    >>> df.isetitem(0, df.x + 1)
    >>> df.x.compute().tolist()
    [2, 3]
    """
    self[self.columns[loc]] = value


def update(self: Any, other: Any, join: str = "left", overwrite: bool = True) -> None:
    """Replace values by those of another frame or series that are not missing.

    Parameters
    ----------
    other
        A frame or series of shoal, matched by label.
    join
        "left".
    overwrite
        False replaces missing values only.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1.0, 2.0]}, npartitions=2)
    >>> df.update(df[["x"]].where(df.x > 1) * 10)
    >>> df.x.compute().tolist()
    [1.0, 20.0]
    """
    if join != "left":
        raise NotImplementedError("Only left join is supported")
    if not isinstance(other, FrameBase):
        raise TypeError(
            f"update takes a frame or series of shoal, got {type(other).__name__}; from_pandas "
            "makes one"
        )
    there: Any = other
    if self.ndim == 1:
        _becomes(self, _updated(self, there, {}))
        return
    shared = [name for name in self.columns if name in there.columns]
    if not shared:
        return
    new = self.copy()
    some = _updated(self[shared], there[shared], {"overwrite": overwrite})
    for name in shared:
        new[name] = some[name]
    _becomes(self, new)


def _updated(here: Any, there: Any, options: dict[str, Any]) -> Any:
    """pandas' own update, of partitions that fit together."""
    fitted = aligned([here._node, there._node], "update", match="once", along=False)
    args = (*fitted, options)
    return from_node(MapPartitions(_update_rows, args, (), here._meta, None, "update"))


def _update_rows(here: Any, there: Any, options: dict[str, Any]) -> Any:
    out = here.copy()
    out.update(there, **options)
    return out


def compare(
    self: Any, other: Any, keep_shape: bool = False, keep_equal: bool = False, **options: Any
) -> Any:
    """Where two frames or series differ, side by side.

    Parameters
    ----------
    other
        With the same labels and columns.
    keep_shape
        True for frames: which columns have no difference is not known before it is computed.
    keep_equal, **options
        As pandas has them.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> x = from_dict({"x": [1, 2]}, npartitions=2).x
    >>> x.compare(x.replace(2, 5)).compute().to_numpy().tolist()
    [[2, 5]]
    """
    if self.ndim == 2 and not keep_shape:
        raise NotImplementedError(
            "compare of frames leaves out columns without a difference, which are not known "
            "before it is computed; pass keep_shape=True"
        )
    told = {"keep_shape": keep_shape, "keep_equal": keep_equal, **options}
    return self._rowwise("compare", other, **told)


def corrwith(
    self: Any, other: Any, axis: Any = 0, drop: bool = False, numeric_only: bool = False
) -> Any:
    """The correlation of each column with a series, or with the column of that name of a frame.

    Parameters
    ----------
    other
        A frame or series of shoal.
    axis
        0.
    drop
        Leave out columns that only one of the frames has.
    numeric_only
        Leave out columns that are not numbers.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2, 4], "y": [3, 2, 0]}, npartitions=2)
    >>> df.corrwith(df.x).compute().tolist()
    [1.0, -1.0]
    """
    if axis not in (0, "index"):
        raise NotImplementedError("corrwith(axis=1) is not there; use map_partitions")
    frame = self.select_dtypes(["number", "bool"]) if numeric_only else self
    names = [str(i) for i in range(len(frame.columns))]
    plain = pd.Index([f"l{i}" for i in names])
    left = relabelled(frame, range(len(names)), plain)
    pairs, out = [], {}
    if other.ndim == 1:
        both = left.assign(r=other)
        pairs = [(name, f"l{i}", "r") for i, name in zip(names, frame.columns, strict=True)]
    else:
        missing = [name for name in other.columns if name not in frame.columns]
        out = {} if drop else dict.fromkeys(missing)
        both = left
        for i, name in zip(names, frame.columns, strict=True):
            if name in other.columns:
                both = both.assign(**{f"r{i}": other[name]})
                pairs.append((name, f"l{i}", f"r{i}"))
            elif not drop:
                out[name] = None
    if not pairs:
        raise KeyError(f"no column is in both frames{nearest('', frame.columns)}")
    table = both.corr()
    args: tuple[Any, ...] = (table._node, tuple(pairs), tuple(out))
    ours, theirs = self._meta.columns.names, getattr(other._meta, "columns", self.columns).names
    args = (*args, list(ours) if ours == theirs else None)
    meta = rows.picked(table._meta, *args[1:])
    return from_node(MapPartitions(rows.picked, args, (), meta, (None, None), "corrwith"))
