"""Names where Dask has them: what programs import from ``dask.dataframe.core``."""

from __future__ import annotations

import sys
from typing import Any

from shoal.dataframe.collection.base import class_of
from shoal.dataframe.collection.conversion import total_mem_usage
from shoal.dataframe.collection.frame import DataFrame
from shoal.dataframe.collection.scalar import Scalar
from shoal.dataframe.collection.series import Index, Series
from shoal.dataframe.dispatch import get_parallel_type
from shoal.dataframe.meta import make_meta
from shoal.typing import no_default

__all__ = [
    "DataFrame",
    "Index",
    "Scalar",
    "Series",
    "get_parallel_type",
    "has_parallel_type",
    "make_meta",
    "no_default",
    "total_mem_usage",
]


def has_parallel_type(x: Any) -> bool:
    """Whether a frame, series or index stands for objects of this kind.

    Parameters
    ----------
    x
        Anything.

    Examples
    --------
    >>> import pandas as pd
    >>> has_parallel_type(pd.Series([1])), has_parallel_type(5)
    (True, False)
    """
    return class_of(x) is not Scalar


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(sys.modules["shoal.dataframe"], name)
