"""Values as numbers and times: ``to_numeric``, ``to_datetime``, ``to_timedelta``, ``isna``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from shoal.collection import is_collection
from shoal.dataframe.collection.base import FrameBase, from_node
from shoal.dataframe.io.memory import from_pandas
from shoal.dataframe.kernels import rows
from shoal.dataframe.meta import make_meta
from shoal.dataframe.nodes.rowwise import MapPartitions
from shoal.delayed import delayed

__all__ = ["isna", "to_datetime", "to_numeric", "to_timedelta"]


def _converted(func: Any, arg: Any, meta: Any, options: dict[str, Any], title: str) -> Any:
    whole = (func, arg._node, *options.values())
    args = (rows.call_function, whole, tuple(options), meta, None, title)
    return from_node(MapPartitions(*args))


def to_numeric(
    arg: Any, errors: str = "raise", downcast: str | None = None, meta: Any = None
) -> Any:
    """Text as numbers.

    Parameters
    ----------
    arg
        A series, an array, or a value.
    errors
        "raise" or "coerce".
    downcast
        As `pandas.to_numeric` has it.
    meta
        What the result looks like.

    Returns
    -------
    series, array or delayed value

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> to_numeric(from_dict({"x": ["1", "2"]}, npartitions=2).x).sum().compute()
    np.int64(3)
    """
    if errors not in ("raise", "coerce"):
        raise ValueError(f"invalid error value specified: {errors!r}; use 'raise' or 'coerce'")
    options = {"errors": errors, "downcast": downcast}
    if isinstance(arg, FrameBase) and arg.ndim == 1:
        meta = pd.to_numeric(arg._meta, **options) if meta is None else make_meta(meta)
        return _converted(pd.to_numeric, arg, meta, options, "to-numeric")
    if hasattr(arg, "map_blocks"):
        if meta is None:
            return arg.map_blocks(pd.to_numeric, dtype=np.int64, **options)
        return arg.map_blocks(pd.to_numeric, meta=meta, **options)
    if not pd.api.types.is_scalar(arg):
        raise TypeError(
            "to_numeric takes a Series, an Array or a scalar of shoal's; got "
            f"{type(arg).__name__}; of what is in memory, use pandas.to_numeric"
        )
    if meta is not None:
        raise KeyError("``meta`` is not allowed when input is a scalar")
    return delayed(pd.to_numeric, pure=True)(arg, **options)


def to_datetime(arg: Any, meta: Any = None, **kwargs: Any) -> Any:
    """Text or numbers as times.

    Parameters
    ----------
    arg
        A series, index, or frame with columns of years, months and days; or a value.
    meta
        What the result looks like.
    **kwargs
        Of `pandas.to_datetime`.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> to_datetime(from_dict({"x": ["2020-01-02"]}, npartitions=1).x).compute()[0]
    Timestamp('2020-01-02 00:00:00')
    """
    if isinstance(arg, pd.DataFrame | pd.Series | pd.Index):
        arg = from_pandas(arg, npartitions=1, sort=False)
    if not is_collection(arg):
        return delayed(pd.to_datetime, pure=True)(arg, **kwargs)
    if meta is None:
        sample = arg._meta
        if isinstance(sample, pd.DataFrame):
            # Years of a frame are its first column, as far as a meta has to know.
            told = {name: [1 if i else 2000] for i, name in enumerate(sample.columns)}
            meta = pd.to_datetime(pd.DataFrame(told, index=arg._meta_nonempty.index[:1]), **kwargs)
        elif kwargs.get("utc"):
            meta = pd.to_datetime(_days(sample), utc=True)
        else:
            meta = pd.to_datetime(_days(sample))
        meta = make_meta(meta)
    else:
        meta = make_meta(meta)
    return _converted(pd.to_datetime, arg, meta, kwargs, "to-datetime")


def _days(meta: Any) -> Any:
    """Times in the place of a meta's values."""
    if pd.api.types.is_datetime64_any_dtype(meta.dtype):
        return meta
    dtype = "datetime64[us]" if pd.api.types.is_string_dtype(meta.dtype) else "datetime64[ns]"
    if isinstance(meta, pd.Index):
        return pd.DatetimeIndex([], dtype=dtype, name=meta.name)
    return pd.Series([], dtype=dtype, name=meta.name, index=meta.index)


def to_timedelta(arg: Any, unit: str | None = None, errors: str = "raise") -> Any:
    """Text or numbers as spans of time.

    Parameters
    ----------
    arg
        A series.
    unit, errors
        As `pandas.to_timedelta` has them.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> to_timedelta(from_dict({"x": [1, 2]}, npartitions=2).x, unit="s").sum().compute()
    Timedelta('0 days 00:00:03')
    """
    if not isinstance(arg, FrameBase) or arg.ndim != 1:
        raise TypeError(f"to_timedelta takes a series, got {type(arg).__name__}")
    options = {"unit": unit, "errors": errors}
    meta = make_meta(pd.to_timedelta(arg._meta, **options))
    return _converted(pd.to_timedelta, arg, meta, options, "to-timedelta")


def isna(arg: Any) -> Any:
    """Where values are missing.

    Parameters
    ----------
    arg
        A frame, series or index, or a value.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> isna(from_dict({"x": [1.0, None]}, npartitions=1).x).compute().tolist()
    [False, True]
    """
    return arg._rowwise("isna") if isinstance(arg, FrameBase) else pd.isna(arg)
