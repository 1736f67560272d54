"""Modules of Dask's that shoal does not have, and where the names in them live.

Libraries import from places that are not Dask's public interface but have stood for years, such as
``from dask.array.core import normalize_chunks``.  Where shoal has no module of that name, one is
made for the name `dask` alone, out of this table; shoal itself has no such modules, or modules of
that name with other things in them.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

__all__ = ["MOVED", "add_children", "program", "remove_children", "stand_in"]

BYTES = (
    *("Serialize", "Serialized", "dask_deserialize", "dask_serialize", "deserialize"),
    *("register_generic", "serialize", "to_serialize"),
)
ACCESSORS = tuple(f"register_{kind}_accessor" for kind in ("dataframe", "index", "series"))
FROM_MEMORY = ("from_array", "from_dask_array", "from_delayed", "from_map", "from_pandas")
GROUPS = ("GroupBy", "SeriesGroupBy")
EXPRESSIONS = ("ApplyConcatApply", "FrameBase", "elemwise", "emulate", "new_collection")

MOVED: Mapping[str, Mapping[str, str]] = {
    "shoal.__main__": {"main": "cli.main:shoal"},
    "shoal.array.chunk_types": {
        "is_valid_chunk_type": "array.chunktypes",
        "register_chunk_type": "array.chunktypes",
    },
    "shoal.array.einsumfuncs": {"einsum": "array"},
    "shoal.array.gufunc": {
        "apply_gufunc": "array.gufuncs",
        "as_gufunc": "array.gufuncs",
        "gufunc": "array.gufuncs",
    },
    "shoal.array.percentile": {"percentile": "array"},
    "shoal.array.rechunk": {
        "plan_rechunk": "array.chunks_plan",
        "rechunk": "array.rechunking",
    },
    "shoal.array.reshape": {"reshape": "array"},
    "shoal.array.utils": {
        "assert_eq": "array.testing",
        "meta_from_array": "array.meta",
        "normalize_to_array": "array.conversion",
        "svd_flip": "array.linalg.singular",
    },
    "shoal._task_spec": {
        "Alias": "graph.task",
        "DataNode": "graph.task:Data",
        "Task": "graph.task",
        "TaskRef": "graph.task",
    },
    "shoal.blockwise": {"blockwise": "array", "lol_tuples": "graph.nested"},
    "shoal.dataframe.accessor": dict.fromkeys(ACCESSORS, "dataframe.extensions"),
    "shoal.dataframe.api": {
        **dict.fromkeys(EXPRESSIONS, "compat.frames"),
        **dict.fromkeys(GROUPS, "dataframe.collection.groupby"),
    },
    "shoal.dataframe.backends": {
        "_nonempty_index": "dataframe.meta:sample_of",
        "make_meta": "dataframe.meta",
        "meta_nonempty": "dataframe.meta:meta_nonempty_dispatch",
        "meta_nonempty_dataframe": "dataframe.meta:sample_of_pandas",
    },
    "shoal.dataframe.dask_expr._groupby": dict.fromkeys(GROUPS, "dataframe.collection.groupby"),
    "shoal.dataframe.dask_expr.expr": dict.fromkeys(
        ("Blockwise", "Drop", "are_co_aligned"), "compat.frames"
    ),
    "shoal.dataframe.demo": {"make_timeseries": "dataframe.io.demo"},
    "shoal.dataframe.io.io": dict.fromkeys(FROM_MEMORY, "dataframe"),
    "shoal.dataframe.methods": {
        "concat": "dataframe.dispatch",
        "concat_dispatch": "dataframe.dispatch",
    },
    "shoal.dataframe.rolling": {"map_overlap": "dataframe"},
    "shoal.dataframe.utils": {
        "assert_divisions": "dataframe.testing",
        "assert_eq": "dataframe.testing",
        "is_dataframe_like": "utils",
        "is_index_like": "utils",
        "is_series_like": "utils",
        "make_meta": "dataframe.meta",
        "meta_nonempty": "dataframe.meta:meta_nonempty_dispatch",
    },
    "shoal.dot": {"dot_graph": "diagnostics.draw:draw", "to_graphviz": "diagnostics.draw:draw"},
    "shoal.distributed.actor": {
        "Actor": "distributed",
        "ActorFuture": "distributed",
        "BaseActorFuture": "distributed:ActorFuture",
    },
    "shoal.distributed.cfexecutor": {"ClientExecutor": "distributed.client.executor"},
    "shoal.distributed.cli": {},
    "shoal.distributed.cli.dask_scheduler": {"main": "cli.scheduler:scheduler"},
    "shoal.distributed.cli.dask_worker": {"main": "cli.worker:worker"},
    "shoal.distributed.core": {
        "CommClosedError": "errors:ClusterError",
        "Status": "distributed.core",
        "rpc": "distributed.client.loops",
    },
    "shoal.distributed.deploy.utils": {"nprocesses_nthreads": "distributed.deploy.local"},
    "shoal.distributed.event": {"Event": "distributed"},
    "shoal.distributed.exceptions": {"Reschedule": "errors"},
    "shoal.distributed.lock": {"Lock": "distributed"},
    "shoal.distributed.multi_lock": {"MultiLock": "distributed"},
    "shoal.distributed.protocol": dict.fromkeys(BYTES, "compat.serialization"),
    "shoal.distributed.protocol.pickle": dict.fromkeys(("dumps", "loads"), "compat.serialization"),
    "shoal.distributed.protocol.serialize": dict.fromkeys(BYTES, "compat.serialization"),
    "shoal.distributed.pubsub": {"Pub": "distributed", "Sub": "distributed"},
    "shoal.distributed.queues": {"Queue": "distributed"},
    "shoal.distributed.semaphore": {"Semaphore": "distributed"},
    "shoal.distributed.system": {"CPU_COUNT": "system"},
    "shoal.distributed.threadpoolexecutor": {"rejoin": "distributed", "secede": "distributed"},
    "shoal.distributed.variable": {"Variable": "distributed"},
    "shoal.distributed.versions": {"get_versions": "distributed.node.versions:package_versions"},
    "shoal.layers": {"DataFrameIOLayer": "compat.frames"},
    "shoal.widgets": {
        "FILTERS": "compat.widgets",
        "TEMPLATE_PATHS": "compat.widgets",
        "get_environment": "compat.widgets",
        "get_template": "compat.widgets",
    },
}
"""Modules, their names, and the module of shoal's each comes from (after a colon: as what)."""


class _StandIn(ModuleType):
    def __getattr__(self, name: str) -> Any:
        home = MOVED[self.__name__].get(name)
        if home is None:
            raise AttributeError(
                f"{self.__name__!r} stands for a module of Dask's and has no {name!r}; it has "
                f"{', '.join(sorted(MOVED[self.__name__]))}"
            )
        module, _, attr = home.partition(":")
        return getattr(importlib.import_module(f"shoal.{module}"), attr or name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        # An import puts the module where its parent may have a function of that name.
        return getattr(self, self.__name__.rpartition(".")[2])(*args, **kwargs)

    def __dir__(self) -> list[str]:
        return sorted(MOVED[self.__name__])


_made: dict[str, ModuleType] = {}


def stand_in(name: str) -> ModuleType | None:
    """The module made for a name, always the same one; None for names that are not in the table.

    Parameters
    ----------
    name
        As it would be called in shoal.

    Examples
    --------
    >>> stand_in("shoal.distributed.lock").Lock.__name__
    'Lock'
    >>> stand_in("shoal.bag") is None
    True
    """
    if name not in MOVED:
        return None
    if name not in _made:
        module = _StandIn(name, f"Names of Dask's; see {__name__}.")
        if any(other.startswith(f"{name}.") for other in MOVED):
            module.__path__ = []
        _made[name] = module
    return _made[name]


def _from_parent(parent: str) -> Callable[[str], Any]:
    def find(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(importlib.import_module(parent), name)

    return find


LIKE_PARENT = ("shoal.dataframe.io",)
"""Packages of shoal's in which Dask has the names that shoal has in the package above."""


def add_children(module: ModuleType) -> None:
    """Let a package have the modules in the table as attributes, as Dask's has its own.

    Parameters
    ----------
    module
        A package of shoal's; what it has stays.

    Examples
    --------
    >>> package = ModuleType("shoal.array")
    >>> add_children(package)
    >>> "assert_eq" in dir(package.utils)
    True
    """
    names = dir(module)
    for name in MOVED:
        parent, _, child = name.rpartition(".")
        if parent == module.__name__ and child not in names and child != "__main__":
            setattr(module, child, stand_in(name))
    if module.__name__ in LIKE_PARENT:
        getter = _from_parent(module.__name__.rpartition(".")[0])
        vars(module)["__getattr__"] = getter


def remove_children(module: ModuleType) -> None:
    """Take them away again.

    Parameters
    ----------
    module
        As of `add_children`.

    Examples
    --------
    >>> package = ModuleType("shoal.array")
    >>> add_children(package)
    >>> remove_children(package)
    >>> hasattr(package, "utils")
    False
    """
    for child, value in list(vars(module).items()):
        if isinstance(value, _StandIn):
            delattr(module, child)
    if module.__name__ in LIKE_PARENT:
        vars(module).pop("__getattr__", None)


def program(name: str) -> str | None:
    """What ``python -m`` runs for a name in the table: its ``main``; None where it has none.

    Parameters
    ----------
    name
        As it would be called in shoal.

    Examples
    --------
    >>> program("shoal.distributed.cli.dask_worker")
    "from shoal.cli.worker import worker as main; main(prog_name='dask_worker')"
    """
    home = MOVED.get(name, {}).get("main")
    if home is None:
        return None
    module, _, attr = home.partition(":")
    shown = "dask" if name == "shoal.__main__" else name.rpartition(".")[2]
    return f"from shoal.{module} import {attr} as main; main(prog_name={shown!r})"
