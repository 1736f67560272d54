"""Which columns a user means: the one place where keys become labels.

In an expression a column has its whole label: a tuple, where columns have several levels, with as
many parts as there are levels.  Rules compare such labels and nothing else.  A user may say less:
``df["a"]`` is all columns below "a", ``df.loc[:, pd.IndexSlice[:, "x"]]`` those below any outer
label, ``df.rename(columns=..., level=1)`` and ``df.drop(columns=..., level=1)`` speak of one level.

pandas knows what all of that means, so it is asked (`chosen`): on a probe, a frame of one row whose
values are the numbers of its columns.  What comes back says which columns there will be, in which
order, and what they are called; in the expression that is a `Project` and a `Rename`, which rules
see through.  (Rejected: a node for each of pandas' methods, which would each need its own pruning;
calling the method on each partition, of which pruning sees nothing.)

Methods that take names of columns among other arguments resolve them with `labels_of`.  What has to
add columns of its own on the way, such as numbers of rows, works on columns that are numbers
(`by_number`), and gives them their labels again.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from shoal.dataframe.collection.base import FrameBase, check_axis, from_node, nearest
from shoal.dataframe.collection.generate import refuse_inplace
from shoal.dataframe.kernels import rows
from shoal.dataframe.nodes.rowwise import Column, MapPartitions, Project, Rename

__all__ = [
    "by_number",
    "check_assigned",
    "asked_of_columns",
    "chosen",
    "has_levels",
    "label_of",
    "labels_of",
    "new_label",
    "relabelled",
    "rename",
    "whole_columns",
    "xs",
]


def has_levels(frame: Any) -> bool:
    """Whether the columns of a frame have several levels.

    Parameters
    ----------
    frame
        A collection.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"k": [1], "x": [2]}, npartitions=1)
    >>> has_levels(df), has_levels(df.groupby("k").agg(["sum"]))
    (False, True)
    """
    return bool(frame.ndim == 2 and frame._meta.columns.nlevels > 1)


def chosen(frame: Any, ask: Callable[[pd.DataFrame], Any]) -> Any:
    """The columns that a question to pandas gives, under the labels that it gives them.

    Parameters
    ----------
    frame
        A collection.
    ask
        Called with a pandas frame that has these columns; returns one with some of them, in some
        order, under some labels, or one of them as a series.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1], "y": [2], "xy": [3]}, npartitions=1)
    >>> chosen(df, lambda probe: probe.filter(like="x").add_prefix("p")).columns.tolist()
    ['px', 'pxy']
    """
    columns = frame._meta.columns
    numbers = np.arange(len(columns)).reshape(1, len(columns))
    with warnings.catch_warnings():
        # Of labels that are not sorted, which takes no time in a frame of one row.
        warnings.simplefilter("ignore", pd.errors.PerformanceWarning)
        found = ask(pd.DataFrame(numbers, columns=columns))
    if not isinstance(found, pd.Series):
        return relabelled(frame, found.iloc[0].tolist(), found.columns)
    place = int(found.iloc[0])
    if not columns.is_unique:
        some = relabelled(frame, [place], pd.RangeIndex(1))
        return from_node(Column(some._node, 0)).rename(found.name)
    series = from_node(Column(frame._node, columns[place]))
    return series if series.name == found.name else series.rename(found.name)


def asked_of_columns(frame: Any, method: str, told: Mapping[str, Any]) -> Any:
    """What a method of pandas' makes of columns, and of nothing that is in their rows.

    Parameters
    ----------
    frame
        A collection.
    method
        Such as "add_prefix".
    told
        Its arguments by name.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1], "y": ["a"]}, npartitions=1)
    >>> asked_of_columns(df, "select_dtypes", {"include": "number"}).columns.tolist()
    ['x']
    """
    if method == "set_axis":
        told = {"axis": 1, **told}
    if method != "select_dtypes":
        return chosen(frame, lambda probe: getattr(probe, method)(**told))
    meta = frame._meta
    numbered = meta.set_axis(range(len(meta.columns)), axis=1)
    places = numbered.select_dtypes(**told).columns
    return relabelled(frame, places.tolist(), meta.columns[places])


def relabelled(frame: Any, places: Sequence[int], columns: pd.Index) -> Any:
    """Some columns of a frame, under these labels.

    Parameters
    ----------
    frame
        A collection.
    places
        Numbers of its columns.
    columns
        A label for each.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1], "y": [2]}, npartitions=1)
    >>> relabelled(df, [1], pd.Index(["z"])).columns.tolist()
    ['z']
    """
    node, old = frame._node, frame._meta.columns
    if not old.is_unique or not columns.is_unique:
        # A label stands for several columns: rules, which go by labels, are not to look inside.
        args = (node, tuple(places), columns)
        meta = rows.columns_at(frame._meta, places, columns)
        return from_node(MapPartitions(rows.columns_at, args, (), meta, None, "columns"))
    names = old.take(np.asarray(places, dtype=np.intp))
    if len(names) != len(old) or not names.equals(old):
        node = Project(node, tuple(names))
    if not names.identical(columns):
        node = Rename(node, tuple(names), columns)
    # A new handle always: columns may be assigned to either.
    return from_node(node)


def labels_of(frame: Any, key: Any) -> list[Any]:
    """The whole labels of the columns of which a method is told.

    Parameters
    ----------
    frame
        A collection.
    key
        One name, or a list of names; each stands for one column.

    Raises
    ------
    KeyError
        There is no such column.
    ValueError
        A name stands for several columns.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> labels_of(from_dict({"x": [1], "y": [2]}, npartitions=1), ["y"])
    ['y']
    """
    several = isinstance(key, list | np.ndarray | pd.Index)
    if isinstance(key, tuple) and not has_levels(frame):
        several = not _is_label(frame, key)
    return [label_of(frame, one) for one in (key if several else [key])]


def label_of(frame: Any, key: Any) -> Any:
    """The whole label of the one column that a name stands for.

    Parameters
    ----------
    frame
        A collection.
    key
        The label, or the beginning of one that no other has.

    Raises
    ------
    KeyError
        There is no such column.
    ValueError
        Several labels begin so.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> label_of(from_dict({"x": [1]}, npartitions=1), "x")
    'x'
    """
    columns = frame._meta.columns
    if not _is_label(frame, key):
        raise KeyError(f"{key!r} is not a column{nearest(key, columns)}")
    if columns.nlevels == 1 or (isinstance(key, tuple) and len(key) == columns.nlevels):
        return key
    found = columns[columns.get_loc(key)]
    if isinstance(found, tuple):
        return found
    if len(found) == 1 and not any(found[0][1:]):
        return found[0]
    raise ValueError(
        f"{key!r} is the outer label of {len(found)} columns; name one of them, as {found[0]!r}"
    )


def _is_label(frame: Any, key: Any) -> bool:
    try:
        return key in frame._meta.columns
    except TypeError:  # it cannot be hashed
        return False


def new_label(frame: Any, key: Any) -> Any:
    """The whole label of a column that is assigned.

    Parameters
    ----------
    frame
        A collection.
    key
        What it is assigned to; where there are more levels, the inner labels are empty.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"k": [1], "x": [2]}, npartitions=1)
    >>> new_label(df, "n"), new_label(df.groupby("k").agg(["sum"]), "n")
    ('n', ('n', ''))
    """
    levels = frame._meta.columns.nlevels
    if levels == 1:
        return key
    parts = key if isinstance(key, tuple) else (key,)
    if len(parts) > levels:
        raise ValueError(f"columns have {levels} levels; the label {key!r} has {len(parts)}")
    return (*parts, *("",) * (levels - len(parts)))


def by_number(frame: Any, compute: Callable[[Any], Any]) -> Any:
    """Compute with columns that are numbers, and give those of the result their labels again.

    Parameters
    ----------
    frame
        A collection.
    compute
        Called with the frame whose columns are called 0, 1, ...

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [3, 1], "y": [1, 2]}, npartitions=1)
    >>> by_number(df, lambda flat: flat[[1]] * 2).compute().y.tolist()
    [2, 4]
    """
    columns = frame._meta.columns
    everything = range(len(columns))
    out = compute(relabelled(frame, everything, pd.RangeIndex(len(columns))))
    if out.ndim != 2:
        return out
    places = np.asarray(out.columns, dtype=np.intp)
    return relabelled(out, range(len(places)), columns.take(places))


def rename(
    self: Any,
    index: Any = None,
    columns: Any = None,
    axis: Any = None,
    level: Any = None,
    errors: str = "ignore",
    inplace: bool = False,
    mapper: Any = None,
) -> Any:
    """A frame with other names for its columns or labels.

    Parameters
    ----------
    index
        A function or dict for the labels, or for what ``axis`` says; divisions are not known
        afterwards.
    columns
        A function or dict for the columns.
    axis
        1 if the first argument is for the columns.
    level
        The level in which labels are looked up; by default in all.
    errors
        "raise" to refuse labels of columns that are not there.
    inplace
        False.
    mapper
        The first argument under pandas' name.

    Raises
    ------
    KeyError
        With ``errors="raise"``, a column is not there.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [1]}, npartitions=1).rename(columns={"x": "y"}).columns.tolist()
    ['y']
    """
    refuse_inplace("rename", {"inplace": inplace})
    index = mapper if index is None else index
    if index is not None and axis is not None:
        if columns is not None:
            raise TypeError("Cannot specify both 'axis' and any of 'index' or 'columns'")
        if check_axis(self, axis) == 1:
            index, columns = None, index
    if index is None and columns is None:
        raise TypeError("must pass an index to rename")
    out = self if index is None else _with_labels(self, index, level, errors)
    if columns is None:
        return out
    return chosen(out, lambda probe: probe.rename(columns=columns, level=level, errors=errors))


def _with_labels(self: Any, index: Any, level: Any, errors: str) -> Any:
    if errors != "ignore":
        raise NotImplementedError(
            "rename(index=, errors='raise'): which labels are there is not known; leave out errors"
        )
    told = {"index": index} if level is None else {"index": index, "level": level}
    args: tuple[Any, ...] = (self._node, "rename", *told.values())
    unknown = (None,) * (self.npartitions + 1)
    meta = self._meta.rename(**told)
    return from_node(MapPartitions(rows.call_method, args, tuple(told), meta, unknown, "rename"))


def xs(self: Any, key: Any, axis: Any = 0, level: Any = None, drop_level: bool = True) -> Any:
    """The columns below a label.

    Parameters
    ----------
    key
        The label, or a tuple of several.
    axis
        1.
    level
        The levels in which they are; the outer ones by default.
    drop_level
        Whether these levels go.

    Raises
    ------
    NotImplementedError
        Rows are asked for: use ``loc``.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"k": [1, 1], "x": [2, 3]}, npartitions=2)
    >>> df.groupby("k").agg(["sum", "max"]).xs("max", axis=1, level=1).compute().x.tolist()
    [3]
    """
    if check_axis(self, axis) != 1:
        raise NotImplementedError("xs of rows is not there: use loc, then compute()")
    return chosen(self, lambda probe: probe.xs(key, axis=1, level=level, drop_level=drop_level))


def whole_columns(frame: Any, columns: Mapping[Any, Any]) -> dict[Any, Any]:
    """What is assigned to columns of several levels, by whole labels.

    Parameters
    ----------
    frame
        A collection.
    columns
        What is assigned, by labels or beginnings of labels.

    Raises
    ------
    KeyError
        A frame is assigned to the columns below a label, and does not have one of them.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"k": [1], "x": [2]}, npartitions=1).groupby("k").agg(["sum", "max"])
    >>> whole_columns(df, {"x": 0, "y": 1})
    {('x', 'sum'): 0, ('x', 'max'): 0, ('y', ''): 1}
    """
    out: dict[Any, Any] = {}
    for key, value in columns.items():
        below = frame[key] if _is_label(frame, key) else None
        if below is None or below.ndim == 1:
            out[new_label(frame, key)] = value
            continue
        if getattr(value, "ndim", 0) == 1:
            raise ValueError(
                f"{key!r} is the outer label of {len(below.columns)} columns, and is assigned one "
                "series; assign a frame, or name one of them"
            )
        names = frame.columns[frame.columns.get_loc(key)]
        several = getattr(value, "ndim", 0) == 2
        missing = [name for name in below.columns if several and name not in value.columns]
        if missing:
            raise KeyError(f"the frame that is assigned to {key!r} has no columns {missing}")
        for name, inner in zip(names, below.columns, strict=True):
            out[name] = value[inner] if several else value
    return out


def check_assigned(name: Any, value: Any) -> None:
    """Refuse what cannot be a column.

    Parameters
    ----------
    name
        Of the column.
    value
        What is assigned to it.

    Raises
    ------
    ValueError
        An array has more than one axis.
    TypeError
        It is neither a series, an index, an array nor a scalar.

    Examples
    --------
    >>> check_assigned("x", 5)
    """
    if hasattr(value, "chunks") and getattr(value, "ndim", 1) != 1:
        raise ValueError(
            f"Array assignment only supports 1-D arrays; column {name!r} got one with "
            f"{value.ndim} axes"
        )
    plain = isinstance(value, FrameBase | pd.Series) or pd.api.types.is_scalar(value)
    if not plain and not hasattr(value, "__shoal_node__"):
        raise TypeError(
            f"column {name!r} takes a series, an index, a scalar or a function, got "
            f"{type(value).__name__}; make a series of it with from_pandas"
        )
