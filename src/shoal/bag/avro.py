"""What programs written for Dask import from ``dask.bag.avro``.  The names live in `shoal.bag`."""

from __future__ import annotations

from shoal.bag import read_avro, to_avro

__all__ = ["read_avro", "to_avro"]
