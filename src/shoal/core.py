"""What libraries import from ``dask.core``: dict graphs as data."""

from __future__ import annotations

from shoal.graph.dicts import (
    flatten,
    get_dependencies,
    get_deps,
    getcycle,
    isdag,
    ishashable,
    iskey,
    istask,
    keys_in_tasks,
    literal,
    preorder_traversal,
    quote,
    reverse_dict,
    subs,
    toposort,
    validate_key,
)
from shoal.local.get import get_sync as get

__all__ = [
    "flatten",
    "get",
    "get_dependencies",
    "get_deps",
    "getcycle",
    "isdag",
    "ishashable",
    "iskey",
    "istask",
    "keys_in_tasks",
    "literal",
    "preorder_traversal",
    "quote",
    "reverse_dict",
    "subs",
    "toposort",
    "validate_key",
]
