"""What partitions of other types than pandas' need: functions by type, to be registered for them.

The names are those that libraries import from ``dask.dataframe.dispatch``.  A `Dispatch` calls the
function that is registered for the type of its first argument.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from shoal.dataframe.collection import frame, scalar  # noqa: F401 # they fill the registry
from shoal.dataframe.collection.base import collection_types
from shoal.dataframe.kernels.cuts import split_by_codes
from shoal.dataframe.kernels.reductions import concat_dispatch, concat_rows
from shoal.dataframe.meta import (
    make_meta,
    make_meta_dispatch,
    meta_nonempty,
    meta_nonempty_dispatch,
)
from shoal.dispatch import Dispatch

__all__ = [
    "concat",
    "concat_dispatch",
    "from_pyarrow_table_dispatch",
    "get_collection_type",
    "get_parallel_type",
    "group_split_dispatch",
    "hash_object_dispatch",
    "is_categorical_dtype",
    "is_categorical_dtype_dispatch",
    "make_meta",
    "make_meta_dispatch",
    "make_meta_obj",
    "make_scalar",
    "meta_nonempty",
    "meta_nonempty_dispatch",
    "pyarrow_schema_dispatch",
    "to_pyarrow_table_dispatch",
    "tolist",
    "tolist_dispatch",
    "union_categoricals",
    "union_categoricals_dispatch",
]

get_collection_type = collection_types
"""``func(meta) -> class`` of the collection that stands for such partitions; to be registered for
other types than pandas'."""
get_parallel_type = collection_types
make_meta_obj = make_meta_dispatch
hash_object_dispatch = Dispatch("hash_object_dispatch")
group_split_dispatch = Dispatch("group_split_dispatch")
is_categorical_dtype_dispatch = Dispatch("is_categorical_dtype_dispatch")
tolist_dispatch = Dispatch("tolist_dispatch")
union_categoricals_dispatch = Dispatch("union_categoricals_dispatch")
to_pyarrow_table_dispatch = Dispatch("to_pyarrow_table_dispatch")
from_pyarrow_table_dispatch = Dispatch("from_pyarrow_table_dispatch")
pyarrow_schema_dispatch = Dispatch("pyarrow_schema_dispatch")
make_scalar = Dispatch("make_scalar")

PANDAS = (pd.DataFrame, pd.Series, pd.Index)


@hash_object_dispatch.register(PANDAS)
def _hash_pandas(
    obj: Any, index: bool = True, encoding: str = "utf8", hash_key: Any = None, categorize: Any = 1
) -> Any:
    return pd.util.hash_pandas_object(
        obj, index=index, encoding=encoding, hash_key=hash_key, categorize=bool(categorize)
    )


@group_split_dispatch.register((pd.DataFrame, pd.Series, pd.Index))
def _split_pandas(df: Any, c: Any, k: int, ignore_index: bool = False) -> dict[int, Any]:
    pieces = split_by_codes(df, np.asarray(c), k)
    if ignore_index:
        pieces = [piece.reset_index(drop=True) for piece in pieces]
    return dict(enumerate(pieces))


@is_categorical_dtype_dispatch.register((*PANDAS, pd.api.extensions.ExtensionDtype, np.dtype))
def _is_categorical(obj: Any) -> bool:
    return isinstance(getattr(obj, "dtype", obj), pd.CategoricalDtype)


@tolist_dispatch.register((pd.Series, pd.Index, pd.Categorical))
def _tolist_pandas(obj: Any) -> list[Any]:
    values: list[Any] = obj.tolist()
    return values


@union_categoricals_dispatch.register((pd.DataFrame, pd.Series, pd.Index, pd.Categorical))
def _union_pandas(to_union: Any, sort_categories: bool = False, ignore_order: bool = False) -> Any:
    return pd.api.types.union_categoricals(
        to_union, sort_categories=sort_categories, ignore_order=ignore_order
    )


@to_pyarrow_table_dispatch.register((pd.DataFrame,))
def _table_of_pandas(obj: Any, **kwargs: Any) -> Any:
    import pyarrow as pa

    return pa.Table.from_pandas(obj, **kwargs)


@from_pyarrow_table_dispatch.register((pd.DataFrame,))
def _pandas_of_table(meta: Any, table: Any, self_destruct: bool = False, **kwargs: Any) -> Any:
    return table.to_pandas(**kwargs)


@pyarrow_schema_dispatch.register((pd.DataFrame,))
def _schema_of_pandas(obj: Any, preserve_index: Any = None) -> Any:
    import pyarrow as pa

    return pa.Schema.from_pandas(obj, preserve_index=preserve_index)


@make_scalar.register(np.dtype)
def _scalar_of_dtype(dtype: Any) -> Any:
    return make_meta(dtype)


def concat(
    dfs: Any,
    axis: int = 0,
    join: str = "outer",
    uniform: bool = False,
    filter_warning: bool = True,
    ignore_index: bool = False,
    **kwargs: Any,
) -> Any:
    """Partitions put together.

    Parameters
    ----------
    dfs
        At least one.
    axis, join, ignore_index, **kwargs
        As `pandas.concat` has them.
    uniform, filter_warning
        Accepted for programs written for Dask.

    Examples
    --------
    >>> concat([pd.Series([1]), pd.Series([2])]).tolist()
    [1, 2]
    """
    if len(dfs) == 1:
        return dfs[0]
    if axis == 0 and join == "outer" and not ignore_index and not kwargs:
        return concat_rows(dfs)
    return pd.concat(dfs, axis=axis, join=join, ignore_index=ignore_index, **kwargs)


def tolist(obj: Any) -> list[Any]:
    """The values in a list.

    Parameters
    ----------
    obj
        A series, index or categorical.

    Examples
    --------
    >>> tolist(pd.Series([1, 2]))
    [1, 2]
    """
    values: list[Any] = tolist_dispatch(obj)
    return values


def is_categorical_dtype(obj: Any) -> bool:
    """Whether a dtype, or that of a series, is categorical.

    Parameters
    ----------
    obj
        A dtype, series or index.

    Examples
    --------
    >>> is_categorical_dtype(pd.Series(["a"], dtype="category"))
    True
    """
    found: bool = is_categorical_dtype_dispatch.dispatch(type(getattr(obj, "dtype", obj)))(obj)
    return found


def union_categoricals(
    to_union: Any, sort_categories: bool = False, ignore_order: bool = False
) -> Any:
    """Categoricals put together, with the categories of all.

    Parameters
    ----------
    to_union
        At least one.
    sort_categories, ignore_order
        As pandas has them.

    Examples
    --------
    >>> union_categoricals([pd.Categorical(["a"]), pd.Categorical(["b"])]).tolist()
    ['a', 'b']
    """
    func = union_categoricals_dispatch.dispatch(type(to_union[0]))
    return func(to_union, sort_categories=sort_categories, ignore_order=ignore_order)
