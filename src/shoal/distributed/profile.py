"""Trees of stack frames, under the names where Dask has them."""

from __future__ import annotations

from shoal.distributed.node.profile import lock, merge
from shoal.distributed.node.profile import new_tree as create

__all__ = [
    "create",
    "lock",
    "merge",
]
