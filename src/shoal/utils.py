"""What libraries import from ``dask.utils``.

Only names; every one has its home where its idea is: sizes and times (`shoal.units`), temporary
files (`shoal.scratch`), names (`shoal.graph.naming`), functions (`shoal.graph.functions`).
"""

from __future__ import annotations

from operator import itemgetter

from shoal.dispatch import Dispatch
from shoal.duck import (
    is_arraylike,
    is_dataframe_like,
    is_index_like,
    is_integer,
    is_series_like,
)
from shoal.graph.functions import (
    IndexCallable,
    M,
    OperatorMethodMixin,
    apply,
    derived_from,
    has_keyword,
    ignore_warning,
    takes_multiple_arguments,
)
from shoal.graph.functions import Method as methodcaller
from shoal.graph.highlevel import ensure_dict
from shoal.graph.naming import funcname, key_split, natural_sort_key, typename
from shoal.graph.nested import deepmap, ndeepmap
from shoal.local.locks import SerializableLock
from shoal.optional import import_required
from shoal.scratch import changed_cwd, filetext, filetexts, tmp_cwd, tmpdir, tmpfile
from shoal.sizeof import sizeof
from shoal.typing import no_default
from shoal.units import format_bytes, format_time, parse_bytes, parse_timedelta

__all__ = [
    "Dispatch",
    "IndexCallable",
    "M",
    "OperatorMethodMixin",
    "SerializableLock",
    "apply",
    "changed_cwd",
    "deepmap",
    "derived_from",
    "ensure_dict",
    "filetext",
    "filetexts",
    "format_bytes",
    "format_time",
    "funcname",
    "has_keyword",
    "ignore_warning",
    "import_required",
    "is_arraylike",
    "is_dataframe_like",
    "is_index_like",
    "is_integer",
    "is_series_like",
    "itemgetter",
    "key_split",
    "methodcaller",
    "natural_sort_key",
    "ndeepmap",
    "no_default",
    "parse_bytes",
    "parse_timedelta",
    "sizeof",
    "takes_multiple_arguments",
    "tmp_cwd",
    "tmpdir",
    "tmpfile",
    "typename",
]
