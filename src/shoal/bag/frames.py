"""From bags to dataframes: the seam, without knowing either side's inside.

`shoal.bag` and `shoal.dataframe` do not import each other (`shoal.seams`).  Another package may
register what makes one of its frames from partitions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shoal.seams import across

__all__ = ["make_dataframe", "register_dataframe"]

_makers: list[Callable[..., Any]] = []


def register_dataframe(make: Callable[..., Any]) -> Callable[..., Any]:
    """Say how a bag becomes a dataframe; the last one registered is used.

    Parameters
    ----------
    make
        ``make(bag, meta, columns)``.

    Returns
    -------
    callable
        ``make``, so that this is a decorator.

    Examples
    --------
    >>> make = register_dataframe(lambda bag, meta, columns: columns)
    >>> make_dataframe(None, None, ["a"])
    ['a']
    >>> _makers.remove(make)
    """
    _makers.append(make)
    return make


def make_dataframe(bag: Any, meta: Any, columns: Any) -> Any:
    """A dataframe of a bag.

    Parameters
    ----------
    bag, meta, columns
        As `Bag.to_dataframe` has them.

    Raises
    ------
    ValueError
        Both ``meta`` and ``columns`` are given.

    Examples
    --------
    >>> make_dataframe(None, {"a": int}, ["a"])
    Traceback (most recent call last):
    ...
    ValueError: to_dataframe takes meta or columns, got both; the columns are part of meta
    """
    if meta is not None and columns is not None:
        raise ValueError(
            "to_dataframe takes meta or columns, got both; the columns are part of meta"
        )
    if not _makers:
        return across("bag to dataframe", bag, meta, columns)
    return _makers[-1](bag, meta, columns)
