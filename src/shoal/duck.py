"""Telling arrays, frames and integers by what they offer; no library of them is imported."""

from __future__ import annotations

from collections.abc import Collection
from numbers import Integral
from typing import Any

__all__ = ["is_arraylike", "is_dataframe_like", "is_index_like", "is_integer", "is_series_like"]


def _offers(kind: type, names: Collection[str]) -> bool:
    return all(hasattr(kind, name) for name in names)


def is_arraylike(x: Any) -> bool:
    """Whether something is an array: it has a shape, a dtype and NumPy's function protocol.

    Parameters
    ----------
    x
        Anything; a class is no array.

    Examples
    --------
    >>> import numpy as np
    >>> is_arraylike(np.ones(3)), is_arraylike(np.ndarray), is_arraylike([1])
    (True, False, False)
    """
    kind = type(x)
    if isinstance(x, type) or not hasattr(kind, "__array_function__"):
        return False
    return isinstance(getattr(x, "shape", None), tuple) and hasattr(x, "dtype")


def is_integer(i: Any) -> bool:
    """Whether something is an integer, or a float that is one.

    Parameters
    ----------
    i
        Anything.

    Examples
    --------
    >>> is_integer(6), is_integer(42.0), is_integer(1.5), is_integer("6")
    (True, True, False, False)
    """
    return isinstance(i, Integral) or (isinstance(i, float) and i.is_integer())


def is_dataframe_like(df: Any) -> bool:
    """Whether something is a table with named columns, as pandas has them.

    Parameters
    ----------
    df
        Anything; a class is no table.

    Examples
    --------
    >>> import pandas as pd
    >>> is_dataframe_like(pd.DataFrame({"x": [1]})), is_dataframe_like(pd.Series([1]))
    (True, False)
    """
    names = ("groupby", "head", "merge", "mean")
    return (
        not isinstance(df, type)
        and _offers(type(df), names)
        and hasattr(df, "dtypes")
        and hasattr(df, "columns")
        and not hasattr(type(df), "rdd")  # PySpark's frames offer the same names
    )


def is_series_like(s: Any) -> bool:
    """Whether something is a column with an index, as pandas has them.

    Parameters
    ----------
    s
        Anything; a class is no column.

    Examples
    --------
    >>> import pandas as pd
    >>> is_series_like(pd.Series([1])), is_series_like(pd.Index([1]))
    (True, False)
    """
    kind = type(s)
    return (
        _offers(kind, ("groupby", "name", "dtype"))
        and hasattr(s, "index")
        and "index" not in kind.__name__.lower()
        and not isinstance(s, type)
    )


def is_index_like(s: Any) -> bool:
    """Whether something is an index, as pandas has them.

    Parameters
    ----------
    s
        Anything; a class is no index.

    Examples
    --------
    >>> import pandas as pd
    >>> is_index_like(pd.Index([1])), is_index_like(pd.Series([1]))
    (True, False)
    """
    kind = type(s)
    return _offers(kind, ("name", "dtype")) and "index" in kind.__name__.lower()
