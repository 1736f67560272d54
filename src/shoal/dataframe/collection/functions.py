"""Functions that take a collection first, for programs that call them so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shoal.dataframe.collection.base import FrameBase

__all__ = ["map_partitions"]


def map_partitions(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Apply a function to the partitions of several frames side by side.

    Parameters
    ----------
    func
        The function.
    *args
        Its arguments; the first one is a frame.
    **kwargs
        As `DataFrame.map_partitions` has them.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> map_partitions(len, from_dict({"x": [1, 2]}, npartitions=2)).compute().tolist()
    [1, 1]
    """
    if not args or not isinstance(args[0], FrameBase):
        raise TypeError("map_partitions takes a function, then a frame; got no frame")
    return args[0].map_partitions(func, *args[1:], **kwargs)
