"""Progress bars, under the name where Dask has them."""

from __future__ import annotations

from shoal.distributed.client.progress import TextProgressBar, progress

__all__ = [
    "TextProgressBar",
    "progress",
]
