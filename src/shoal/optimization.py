"""What libraries import from ``dask.optimization``: making dict graphs smaller."""

from __future__ import annotations

from shoal.graph.dicts import get_dependencies, istask, reverse_dict, subs, toposort
from shoal.graph.rewrites import (
    cull,
    functions_of,
    fuse,
    fuse_linear,
    inline,
    inline_functions,
)

__all__ = [
    "cull",
    "functions_of",
    "fuse",
    "fuse_linear",
    "get_dependencies",
    "inline",
    "inline_functions",
    "istask",
    "reverse_dict",
    "subs",
    "toposort",
]
