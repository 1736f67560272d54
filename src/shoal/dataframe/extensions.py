"""Names where Dask has them: what programs import from ``dask.dataframe.extensions``."""

from __future__ import annotations

from shoal.dataframe.collection.accessors import (
    register_dataframe_accessor,
    register_index_accessor,
    register_series_accessor,
)
from shoal.dataframe.dispatch import make_scalar
from shoal.dataframe.meta import make_array_nonempty

__all__ = [
    "make_array_nonempty",
    "make_scalar",
    "register_dataframe_accessor",
    "register_index_accessor",
    "register_series_accessor",
]
