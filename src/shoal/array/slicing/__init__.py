"""Indexing of every kind."""

from __future__ import annotations

from shoal.array.slicing.assign import setitem
from shoal.array.slicing.basic import getitem
from shoal.array.slicing.blockview import BlockView, blocks_of
from shoal.array.slicing.functions import choose, compress, compute_chunk_sizes, extract, take, view
from shoal.array.slicing.points import vindex_of

__all__ = [
    "BlockView",
    "blocks_of",
    "choose",
    "compress",
    "compute_chunk_sizes",
    "extract",
    "getitem",
    "setitem",
    "take",
    "view",
    "vindex_of",
]
