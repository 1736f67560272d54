"""Groupings of partitions in which all rows of each group are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

__all__ = ["added_name", "call_by_group", "group_of"]


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


def call_by_group(part: Any, spec: Any, method: str, args: Any, kwargs: Any) -> Any:
    """Call a method of pandas' grouping of a partition that has whole groups.

    Parameters
    ----------
    part
        The partition.
    spec
        Names of the keys, the columns, options in pairs, a window, and whether the series has no
        name.
    method, args, kwargs
        What is called; keyword arguments in pairs.

    Examples
    --------
    >>> frame = pd.DataFrame({"k": [1, 1], "x": [2, 3]})
    >>> call_by_group(frame, (("k",), "x", (), None, False), "cumsum", (), ()).tolist()
    [2, 5]
    """
    names, columns, options, window, unnamed = spec
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
    grouped = rows.groupby(keys if len(keys) > 1 else keys[0], **dict(options))
    if columns is not None:
        grouped = grouped[columns]
    if window is not None:
        grouped = grouped.rolling(window[0], **dict(window[1]))
    out = getattr(grouped, method)
    out = out(*args, **dict(kwargs)) if callable(out) else out
    return out.rename(None) if unnamed and isinstance(out, pd.Series) else out


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
