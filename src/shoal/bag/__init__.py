"""Bags: many Python objects in partitions, worked on side by side.

A bag is made from values, files or delayed results (`shoal.bag.create`), and worked on by the
methods of `Bag`, or by `map`, `zip` and `map_partitions` for several bags at once.  Everything is
lazy until it is computed, by default in worker processes.
"""

from __future__ import annotations

from shoal.bag import random
from shoal.bag.collection import Bag
from shoal.bag.create import (
    bag_range,
    concat,
    from_delayed,
    from_sequence,
    from_url,
    read_avro,
    read_text,
)
from shoal.bag.elementwise import bag_map, bag_zip, map_partitions
from shoal.bag.frames import register_dataframe
from shoal.bag.item import Item
from shoal.bag.write import to_avro, to_textfiles
from shoal.collection import compute

map = bag_map
range = bag_range
zip = bag_zip

__all__ = [
    "Bag",
    "Item",
    "bag_map",
    "bag_range",
    "bag_zip",
    "compute",
    "concat",
    "from_delayed",
    "from_sequence",
    "from_url",
    "map",
    "map_partitions",
    "random",
    "range",
    "read_avro",
    "read_text",
    "register_dataframe",
    "to_avro",
    "to_textfiles",
    "zip",
]
