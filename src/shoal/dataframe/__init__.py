"""Dataframes: pandas' API on tables in partitions, with a query optimiser.

A frame is made from files or from what is in memory (`read_parquet`, `from_pandas`, ...) and worked
on by the methods of pandas' classes.  Everything is lazy until it is computed, by default in
threads.  The names load when they are first used, and pandas with them.
"""

from __future__ import annotations

import importlib
from typing import Any

__all__ = [
    "Aggregation",
    "DataFrame",
    "Index",
    "Scalar",
    "Series",
    "compute",
    "concat",
    "crosstab",
    "from_array",
    "from_arrow",
    "from_dask_array",
    "from_delayed",
    "from_dict",
    "from_graph",
    "from_map",
    "from_pandas",
    "get_collection_type",
    "get_dummies",
    "isna",
    "map_overlap",
    "map_partitions",
    "melt",
    "merge",
    "merge_asof",
    "pivot_table",
    "read_csv",
    "read_deltalake",
    "read_fwf",
    "read_hdf",
    "read_json",
    "read_orc",
    "read_parquet",
    "read_sql",
    "read_sql_query",
    "read_sql_table",
    "read_table",
    "repartition",
    "to_bag",
    "to_csv",
    "to_datetime",
    "to_hdf",
    "to_json",
    "to_numeric",
    "to_orc",
    "to_parquet",
    "to_records",
    "to_sql",
    "to_timedelta",
    "wide_to_long",
]

HOMES = {
    "Aggregation": "collection.groupby",
    "DataFrame": "collection.frame",
    "Index": "collection.series",
    "Scalar": "collection.scalar",
    "Series": "collection.series",
    "compute": ".collection",
    "concat": "collection.joins",
    "crosstab": "collection.wide",
    "from_array": "io.memory",
    "from_arrow": "io.arrow",
    "from_bag": "io.memory",
    "from_dask_array": "io.memory",
    "from_delayed": "io.memory",
    "from_dict": "io.memory",
    "from_graph": "io.graphs",
    "from_map": "io.memory",
    "from_pandas": "io.memory",
    "get_collection_type": "dispatch",
    "get_dummies": "collection.reshape",
    "isna": "collection.convert",
    "map_overlap": "collection.overlap:map_overlap_of",
    "map_partitions": "collection.functions",
    "melt": "collection.reshape",
    "merge": "collection.joins",
    "merge_asof": "collection.joins",
    "pivot_table": "collection.reshape",
    "read_csv": "io.csv",
    "read_deltalake": "io.arrow",
    "read_fwf": "io.csv",
    "read_hdf": "io.hdf",
    "read_json": "io.json",
    "read_orc": "io.orc",
    "read_parquet": "io.parquet",
    "read_sql": "io.sql",
    "read_sql_query": "io.sql",
    "read_sql_table": "io.sql",
    "read_table": "io.csv",
    "repartition": "collection.functions",
    "to_bag": "collection.conversion",
    "to_csv": "io.text_files",
    "to_datetime": "collection.convert",
    "to_hdf": "io.hdf",
    "to_json": "io.text_files",
    "to_numeric": "collection.convert",
    "to_orc": "io.orc",
    "to_parquet": "io.parquet_write",
    "to_records": "collection.conversion",
    "to_sql": "io.sql",
    "to_timedelta": "collection.convert",
    "wide_to_long": "collection.wide",
}
"""Public names, and the module each comes from; after a colon its name there."""

SUBMODULES = frozenset(["core", "dispatch", "extensions", "groupby", "multi"])
"""Modules that programs reach as attributes."""


def __getattr__(name: str) -> Any:
    if name in SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # All classes: which collection stands for a meta must be known before one is made.
    for part in ("collection.frame", "collection.scalar"):
        importlib.import_module(f"{__name__}.{part}")
    home, _, real = HOMES[name].partition(":")
    value = getattr(importlib.import_module(f".{home}", __name__), real or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
