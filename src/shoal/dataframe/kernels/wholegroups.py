"""Groupings of partitions in which all rows of each group are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from shoal.dataframe.kernels.levels import without_first_levels
from shoal.dataframe.kernels.places import PLACE
from shoal.dataframe.meta import sample_of

__all__ = [
    "added_name",
    "call_and_place",
    "call_by_group",
    "group_numbers",
    "group_of",
    "in_group_order",
    "windows_of",
    "without_keys",
]


def added_name(place: int, name: Any) -> Any:
    """The name of the column that holds a key which is a series.

    Parameters
    ----------
    place
        Of the key among others.
    name
        The key's own.

    Examples
    --------
    >>> added_name(0, "x")
    '__key_0__x'
    """
    return f"__key_{place}__{'' if name is None else name}"


def _name_of(column: str, place: int) -> Any:
    return column.removeprefix(f"__key_{place}__") or None


def _without_groups(part: Any, names: Any, options: Any) -> bool:
    """Whether no row has a group."""
    keys = part[[name for name in names if name in part.columns]]
    kept = keys if dict(options).get("dropna") is False else keys.dropna()
    return not len(kept)


def call_by_group(part: Any, spec: Any, method: str, args: Any, kwargs: Any) -> Any:
    """Call a method of pandas' grouping of a partition that has whole groups.

    Parameters
    ----------
    part
        The partition.
    spec
        Names of the keys, the columns, options in pairs, a window as `windows_of` has it or None,
        and whether the series has no name.
    method, args, kwargs
        What is called; keyword arguments in pairs.

    Examples
    --------
    >>> frame = pd.DataFrame({"k": [1, 1], "x": [2, 3]})
    >>> call_by_group(frame, (("k",), "x", (), None, False), "cumsum", (), ()).tolist()
    [2, 5]
    """
    names, columns, options, window, unnamed = spec
    if window is not None and window[0] == "resample" and dict(window[2]).get("on") is not None:
        # pandas takes the labels of rows for their numbers there; the result has neither.
        part = part.reset_index(drop=True)
    added = [
        name
        for i, name in enumerate(names)
        if isinstance(name, str) and name.startswith(f"__key_{i}__")
    ]
    keys = [
        part[name].rename(_name_of(name, i)) if name in added else name
        for i, name in enumerate(names)
    ]
    rows = part.drop(columns=added) if added else part
    if (window is not None or method == "describe") and _without_groups(part, names, options):
        # pandas cannot do it where there is no group: the result of other rows, without rows.
        told = (sample_of(part.iloc[:0]), spec, method, args, kwargs)
        return call_by_group(*told).iloc[:0]
    grouped = rows.groupby(keys if len(keys) > 1 else keys[0], **dict(options))
    if columns is not None:
        grouped = grouped[columns]
    if window is not None:
        grouped = windows_of(grouped, window)
    out = getattr(grouped, method)
    out = out(*args, **dict(kwargs)) if callable(out) else out
    return out.rename(None) if unnamed and isinstance(out, pd.Series) else out


def windows_of(grouped: Any, window: tuple[str, Any, Any, Any]) -> Any:
    """Windows within pandas' groups.

    Parameters
    ----------
    grouped
        A grouping of pandas'.
    window
        The method that makes them, its arguments, pairs of keyword arguments, and the columns that
        are computed; None for all.

    Examples
    --------
    >>> grouped = pd.DataFrame({"k": [1, 1], "x": [2, 3]}).groupby("k")
    >>> windows_of(grouped, ("rolling", (2,), (), "x")).sum().tolist()
    [nan, 5.0]
    """
    kind, given, options, columns = window
    windows = getattr(grouped, kind)(*given, **dict(options))
    return windows if columns is None else windows[columns]


def call_and_place(part: Any, spec: Any, method: str, args: Any, kwargs: Any, some: bool) -> Any:
    """Call a method that gives a value for each row, or leaves rows out; rows keep their place.

    Parameters
    ----------
    part
        The partition, with a column `shoal.dataframe.kernels.places.PLACE`.
    spec, method, args, kwargs
        As `call_by_group` has them.
    some
        Whether rows may be left out.

    Examples
    --------
    >>> frame = pd.DataFrame({"k": [1, 1], "x": [2, 3], PLACE: [7, 8]}, index=["a", "b"])
    >>> call_and_place(frame, (("k",), "x", (), None, False), "tail", (1,), (), True)
       x  __place__
    b  3          8
    """
    places = part[PLACE].to_numpy()
    rows = part.drop(columns=PLACE)
    if some:
        # The places are the labels meanwhile: they tell which rows are left.
        rows = rows.set_axis(pd.Index(places), axis=0)
    told = (spec, method, args, kwargs)
    if method in ("transform", "sample") and _without_groups(rows, spec[0], spec[2]):
        out = _of_no_group(rows, told)
    else:
        out = call_by_group(rows, *told)
    labels = part.index
    if some:
        places = out.index.to_numpy()
        labels = labels.take(np.searchsorted(part[PLACE].to_numpy(), places))
    out = out.to_frame(0 if out.name is None else out.name) if out.ndim == 1 else out
    if not some and not len(out):
        # Rows without a group, all of them: pandas gives none back.
        out = out.reset_index(drop=True).reindex(range(len(labels)))
    return out.set_axis(labels, axis=0).assign(**{PLACE: places})


def _of_no_group(part: Any, told: Any) -> Any:
    """What a function of groups gives where no row has one.

    pandas calls it on nothing and takes rows from that, or finds nothing to put together.
    """
    try:
        return call_by_group(part.iloc[:0], *told)
    except ValueError:
        return call_by_group(sample_of(part.iloc[:0]), *told).iloc[:0]


def group_numbers(part: Any, spec: Any, table: Any, down: Any) -> Any:
    """The number of each row's group, among those of all partitions.

    Parameters
    ----------
    part
        A partition.
    spec
        As `call_by_group` has it.
    table
        A series with a row for each group, in their order.
    down
        None, or as many rows as there are numbers to count down from.

    Examples
    --------
    >>> table = pd.Series([1, 1], index=pd.Index([3, 5], name="k"))
    >>> group_numbers(pd.DataFrame({"k": [5]}), (("k",), None, (), None, False), table, None)
    0    1
    dtype: int64
    """
    here = call_by_group(part, spec, "ngroup", (), ())
    labels = call_by_group(part, spec, "size", (), ()).index
    numbers = table.index.get_indexer(labels)
    if down is not None:
        numbers = len(down) - 1 - numbers
    out = pd.Series(np.nan, index=part.index)
    there = (here.notna() & (here >= 0)).to_numpy()
    found = numbers[here[there].to_numpy().astype(np.int64)]
    if there.all():
        return pd.Series(found, index=part.index, dtype=np.int64)
    out[there] = found
    return out


def in_group_order(part: Any, keys: int, as_index: bool, table: Any = None) -> Any:
    """Results of groups from several partitions, in the order of the groups.

    Parameters
    ----------
    part
        All of them.
    keys
        How many keys there are.
    as_index
        Whether they are the first levels of the index, or the first columns.
    table
        A series with a row for each group, in the order wanted; None for that of the keys.

    Examples
    --------
    >>> in_group_order(pd.Series([1, 2], index=[5, 3]), 1, True).to_dict()
    {3: 2, 5: 1}
    """
    as_columns = not as_index
    levels = list(range(keys))
    names = part if as_columns else part.index.to_frame(index=False)
    names = names.iloc[:, levels].set_axis(levels, axis=1).reset_index(drop=True)
    if table is None:
        order = names.apply(_ranks_of_objects).sort_values(levels, kind="stable").index
    else:
        wanted = names[0] if keys == 1 else pd.MultiIndex.from_frame(names)
        order = np.argsort(table.index.get_indexer(wanted), kind="stable")
    out = part.take(order)
    # Numbers of rows begin anew in each partition; other labels are told by the method.
    return out.reset_index(drop=True) if as_columns and out.index.dtype.kind == "i" else out


def _ranks_of_objects(keys: Any) -> Any:
    """Numbers in place of objects, of which pandas sorts numbers before text; other keys as are."""
    if keys.dtype != object:
        return keys
    codes, _ = pd.factorize(keys, sort=True)
    return pd.Series(codes, index=keys.index).where(codes >= 0)


def without_keys(part: Any, keys: int) -> Any:
    """Results of groups without the levels that tell the groups.

    Parameters
    ----------
    part
        Results.
    keys
        How many levels there are of them.

    Examples
    --------
    >>> without_keys(pd.Series([1, 2], index=[5, 3]), 1).index.tolist()
    [0, 1]
    """
    if part.index.nlevels > keys:
        return part.set_axis(without_first_levels(part.index, keys), axis=0)
    return part.reset_index(drop=True)


def group_of(part: Any, by: Any, columns: Any, name: Any, *keys: Any) -> Any:
    """The rows of a partition with a key.

    Parameters
    ----------
    part
        The partition.
    by
        Names of the key columns; None stands for a series beside the partition.
    columns
        Of the result; None for all.
    name
        The key, or a tuple of several.
    *keys
        The series.

    Examples
    --------
    >>> group_of(pd.DataFrame({"k": [1, 2], "x": [3, 4]}), ("k",), "x", 2).tolist()
    [4]
    """
    wanted = name if isinstance(name, tuple) and len(by) > 1 else (name,)
    given = iter(keys)
    mask = np.ones(len(part), dtype=bool)
    for one, value in zip(by, wanted, strict=True):
        column = next(given) if one is None else part[one]
        mask &= (column == value).to_numpy(dtype=bool, na_value=False)
    rows = part[mask]
    return rows if columns is None else rows[columns]
