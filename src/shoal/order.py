"""What libraries import from ``dask.order``: the sequence in which tasks should run."""

from __future__ import annotations

from shoal.graph.dicts import order_of_dict as order

__all__ = ["order"]
