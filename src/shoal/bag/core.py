"""What programs written for Dask import from ``dask.bag.core``.  The names live in `shoal.bag`."""

from __future__ import annotations

from shoal.bag import (
    Bag,
    Item,
    bag_map,
    bag_range,
    bag_zip,
    concat,
    from_delayed,
    from_sequence,
    from_url,
    map_partitions,
    to_textfiles,
)

__all__ = [
    "Bag",
    "Item",
    "bag_map",
    "bag_range",
    "bag_zip",
    "concat",
    "from_delayed",
    "from_sequence",
    "from_url",
    "map_partitions",
    "to_textfiles",
]
