"""Dataframes: pandas' API on tables in partitions, with a query optimiser.

A frame is made from files or from what is in memory (`read_parquet`, `from_pandas`, ...) and worked
on by the methods of pandas' classes.  Everything is lazy until it is computed, by default in
threads.  The names load when they are first used, and pandas with them.
"""

from __future__ import annotations

import importlib
from typing import Any

__all__ = [
    "DataFrame",
    "Index",
    "Scalar",
    "Series",
    "concat",
    "from_array",
    "from_delayed",
    "from_dict",
    "from_map",
    "from_pandas",
    "map_partitions",
    "merge",
    "read_csv",
    "read_parquet",
    "repartition",
    "to_parquet",
]

HOMES = {
    "DataFrame": "collection.frame",
    "Index": "collection.series",
    "Scalar": "collection.scalar",
    "Series": "collection.series",
    "concat": "collection.joins",
    "from_array": "io.memory",
    "from_bag": "io.memory",
    "from_delayed": "io.memory",
    "from_dict": "io.memory",
    "from_map": "io.memory",
    "from_pandas": "io.memory",
    "map_partitions": "collection.functions",
    "merge": "collection.joins",
    "repartition": "collection.functions",
    "read_csv": "io.csv",
    "read_parquet": "io.parquet",
    "to_parquet": "io.parquet",
}
"""Public names, and the module each comes from."""


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # All classes: which collection stands for a meta must be known before one is made.
    for part in ("collection.frame", "collection.scalar"):
        importlib.import_module(f"{__name__}.{part}")
    value = getattr(importlib.import_module(f"{__name__}.{HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
