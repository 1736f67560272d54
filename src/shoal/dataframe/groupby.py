"""Names where Dask has them: what programs import from ``dask.dataframe.groupby``."""

from __future__ import annotations

from shoal.dataframe.collection.groupby import Aggregation, GroupBy, SeriesGroupBy

__all__ = ["Aggregation", "GroupBy", "SeriesGroupBy"]
