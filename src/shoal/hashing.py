"""What libraries import from ``dask.hashing``: hashes of buffers."""

from __future__ import annotations

from shoal.graph.token.hashing import hash_buffer, hash_buffer_hex, hashers

__all__ = ["hash_buffer", "hash_buffer_hex", "hashers"]
