"""Changing how an array is cut into blocks, and its shape."""

from __future__ import annotations

from shoal.array.rechunking.convert import rechunk, rechunk_node, warn_of_growth, without_empty
from shoal.array.rechunking.reshape import ravel, reshape, reshape_blockwise, reshape_of
from shoal.array.rechunking.shuffling import shuffle, smaller_blocks

__all__ = [
    "ravel",
    "rechunk",
    "rechunk_node",
    "reshape",
    "reshape_blockwise",
    "reshape_of",
    "shuffle",
    "smaller_blocks",
    "warn_of_growth",
    "without_empty",
]
