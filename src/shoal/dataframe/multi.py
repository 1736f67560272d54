"""Names where Dask has them: what programs import from ``dask.dataframe.multi``."""

from __future__ import annotations

from shoal.dataframe.collection.joins import concat, merge, merge_asof

__all__ = ["concat", "merge", "merge_asof"]
