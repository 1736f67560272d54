"""shoal: parallel and distributed computing in Python.  Many small workers that move as one.

The public names live here; each is loaded from its home when it is first used, so that
``import shoal`` costs a few milliseconds and imports neither NumPy nor pandas.
"""

from __future__ import annotations

import importlib
import sys
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shoal import config
    from shoal.collection import (
        compute,
        is_collection,
        optimize,
        persist,
        unpack_collections,
        visualize,
    )
    from shoal.collection import is_collection as is_dask_collection
    from shoal.delayed import delayed
    from shoal.expr.annotate import annotate, get_annotations
    from shoal.graph.task import Alias, Data, Task, TaskRef
    from shoal.graph.token import normalize_token, tokenize
    from shoal.local import get_sync as get

__all__ = [
    "Alias",
    "Data",
    "Task",
    "TaskRef",
    "annotate",
    "compute",
    "config",
    "delayed",
    "get",
    "get_annotations",
    "is_collection",
    "is_dask_collection",
    "normalize_token",
    "optimize",
    "persist",
    "tokenize",
    "unpack_collections",
    "visualize",
]

_HOMES = {
    "Alias": "graph.task",
    "Data": "graph.task",
    "Task": "graph.task",
    "TaskRef": "graph.task",
    "annotate": "expr.annotate",
    "compute": "collection",
    "delayed": "delayed",
    "get": "local:get_sync",
    "get_annotations": "expr.annotate",
    "is_collection": "collection",
    "is_dask_collection": "collection:is_collection",
    "normalize_token": "graph.token",
    "optimize": "collection",
    "persist": "collection",
    "unpack_collections": "collection",
    "visualize": "collection",
}
"""Public names, and the module each comes from (after a colon: under another name)."""


class _Package(types.ModuleType):
    """The package itself: a module whose public names load on first use."""

    @property
    def __version__(self) -> str:
        """The version; of Dask, while ``import dask`` means shoal (`shoal.version`)."""
        version: str = importlib.import_module("shoal.version").told_version()
        return version

    # `shoal.delayed` and `shoal.tokenize` are functions, while importing the modules of these
    # names would bind the modules here.  A property comes before what a module holds.
    @property
    def delayed(self) -> Any:
        """The function `shoal.delayed.delayed`."""
        return importlib.import_module("shoal.delayed").delayed

    @delayed.setter
    def delayed(self, module: Any) -> None:
        pass

    @property
    def tokenize(self) -> Any:
        """The function `shoal.graph.token.tokenize`."""
        return importlib.import_module("shoal.graph.token").tokenize

    @tokenize.setter
    def tokenize(self, module: Any) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        home = _HOMES.get(name)
        if home is not None:
            module, _, attr = home.partition(":")
            value = getattr(importlib.import_module(f"shoal.{module}"), attr or name)
            self.__dict__[name] = value
            return value
        try:
            return importlib.import_module(f"shoal.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"shoal.{name}":
                raise
        raise AttributeError(f"module 'shoal' has no attribute {name!r}")

    def __dir__(self) -> list[str]:
        return sorted({*self.__dict__, *__all__})

    def __reduce__(self) -> Any:
        # Functions that name it as a global are pickled with it.
        return importlib.import_module, (self.__name__,)


sys.modules[__name__].__class__ = _Package
