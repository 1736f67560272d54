"""What libraries import from ``dask.dataframe.dask_expr``: the names of `shoal.dataframe`."""

from __future__ import annotations

from typing import Any

from shoal import dataframe

__all__: list[str] = []


def __getattr__(name: str) -> Any:
    return getattr(dataframe, name)
