"""Statistics that are made of reductions, or need whole axes."""

from __future__ import annotations

from shoal.array.statistics.averages import average, count_nonzero, ptp, trace
from shoal.array.statistics.correlation import corrcoef, cov
from shoal.array.statistics.percentiles import nanpercentile, percentile
from shoal.array.statistics.quantiles import median, nanmedian, nanquantile, quantile

__all__ = [
    "average",
    "corrcoef",
    "count_nonzero",
    "cov",
    "median",
    "nanmedian",
    "nanpercentile",
    "nanquantile",
    "percentile",
    "ptp",
    "quantile",
    "trace",
]
