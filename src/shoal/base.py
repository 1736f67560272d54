"""What libraries import from ``dask.base``: computing, names, annotations, tokens."""

from __future__ import annotations

from shoal.collection import CollectionMixin as DaskMethodsMixin
from shoal.collection import (
    compute,
    compute_as_if_collection,
    get_scheduler,
    is_collection,
    named_schedulers,
    optimize,
    persist,
    unpack_collections,
    visualize,
)
from shoal.collection import is_collection as is_dask_collection
from shoal.expr.annotate import annotate, get_annotations
from shoal.graph.dicts import flatten, quote
from shoal.graph.naming import clone_key, get_name_from_key, key_split, replace_name_in_key
from shoal.graph.rewrites import dont_optimize
from shoal.graph.token import normalize_token, tokenize
from shoal.highlevelgraph import get_collection_names

__all__ = [
    "DaskMethodsMixin",
    "annotate",
    "clone_key",
    "compute",
    "compute_as_if_collection",
    "dont_optimize",
    "flatten",
    "get_annotations",
    "get_collection_names",
    "get_name_from_key",
    "get_scheduler",
    "is_collection",
    "is_dask_collection",
    "key_split",
    "named_schedulers",
    "normalize_token",
    "optimize",
    "persist",
    "quote",
    "replace_name_in_key",
    "tokenize",
    "unpack_collections",
    "visualize",
]
