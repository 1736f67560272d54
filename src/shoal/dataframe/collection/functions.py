"""Functions that take a collection first, for programs that call them so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from shoal.dataframe.collection.base import FrameBase
from shoal.dataframe.io.memory import from_pandas
from shoal.dataframe.kernels.calls import FirstMoved

__all__ = ["map_partitions", "repartition"]


def map_partitions(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Apply a function to the partitions of several frames side by side.

    Parameters
    ----------
    func
        The function.
    *args
        Its arguments, frames among them; values may be futures or delayed.
    **kwargs
        As `DataFrame.map_partitions` has them.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> map_partitions(len, from_dict({"x": [1, 2]}, npartitions=2)).compute().tolist()
    [1, 1]
    """
    place = next((i for i, one in enumerate(args) if isinstance(one, FrameBase)), None)
    if place is None:
        raise TypeError(
            "map_partitions takes a function, and a frame among its arguments; got "
            f"{[type(one).__name__ for one in args]}"
        )
    if place:
        func = FirstMoved(func, place)
        args = (args[place], *args[:place], *args[place + 1 :])
    return args[0].map_partitions(func, *args[1:], **kwargs)


def repartition(df: Any, divisions: Any = None, force: bool = False) -> Any:
    """A frame with other divisions; a pandas object becomes a frame with these.

    Parameters
    ----------
    df
        A frame or series, or pandas' own.
    divisions
        The new bounds.
    force
        Whether they may reach further out than the old ones.

    Examples
    --------
    >>> import pandas as pd
    >>> repartition(pd.DataFrame({"x": [1, 2, 3]}), [0, 1, 2]).npartitions
    2
    """
    if isinstance(df, pd.DataFrame | pd.Series):
        df, force = from_pandas(df, npartitions=1), True
    return df.repartition(divisions=divisions, force=force)
