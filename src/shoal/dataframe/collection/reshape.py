"""Another shape: ``categorize``, ``get_dummies``, ``pivot_table``, ``melt``.

Columns of a result must be known before it is computed, so what becomes columns is a category.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from shoal.collection import compute
from shoal.dataframe.collection.base import FrameBase, from_node, nearest
from shoal.dataframe.kernels import rows
from shoal.dataframe.meta import has_known_categories, make_meta
from shoal.dataframe.nodes.rowwise import MapPartitions

__all__ = ["categorize", "get_dummies", "melt", "pivot_table"]

PIVOTED = ("mean", "sum", "count", "first", "last", "list", "min", "max", "std", "var")
"""Functions for `pivot_table`."""


def categorize(
    self: Any, columns: Any = None, index: Any = None, split_every: Any = None, **kwargs: Any
) -> Any:
    """A frame whose text and unknown categories are known categories; computes them.

    Parameters
    ----------
    columns
        Which; by default those of text, and those of unknown categories.
    index
        Whether the index is made categorical; by default if its categories are unknown.
    split_every
        How many partial results a task combines.
    **kwargs
        Of ``compute``.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"k": ["b", "a"]}, npartitions=2).categorize()
    >>> df.k.cat.categories.tolist()
    ['a', 'b']
    """
    meta = self._meta
    if columns is None:
        columns = [name for name, dtype in meta.dtypes.items() if _is_text_or_unknown(dtype)]
    elif pd.api.types.is_scalar(columns):
        columns = [columns]
    # Known categories stay as they are.
    columns = [name for name in columns if not _is_known(meta[name].dtype)]
    if index is None or index:
        unknown = isinstance(meta.index, pd.CategoricalIndex) and not _is_known(meta.index.dtype)
        index = unknown or (bool(index) and not isinstance(meta.index, pd.CategoricalIndex))
    if not columns and not index:
        return self
    wanted = [self[name].drop_duplicates(split_every=split_every) for name in columns]
    if index:
        wanted.append(self.index.to_series().drop_duplicates(split_every=split_every))
    found = [_categories(values) for values in compute(*wanted, **kwargs)]
    labels = found.pop() if index else None
    pairs = tuple(zip(columns, found, strict=True))
    meta = _categorized(meta, pairs, labels)
    args = (self._node, pairs, labels)
    return from_node(MapPartitions(_categorized, args, (), meta, None, "categorize"))


def _is_text_or_unknown(dtype: Any) -> bool:
    if isinstance(dtype, pd.CategoricalDtype):
        return not has_known_categories(dtype)
    return bool(pd.api.types.is_string_dtype(dtype) or dtype == np.dtype(object))


def _is_known(dtype: Any) -> bool:
    return isinstance(dtype, pd.CategoricalDtype) and has_known_categories(dtype)


def _categories(values: Any) -> Any:
    if isinstance(values.dtype, pd.CategoricalDtype):
        return values.cat.categories
    return pd.Index(values.dropna().sort_values().to_numpy(), dtype=values.dtype)


def _categorized(part: Any, pairs: Any, labels: Any) -> Any:
    new = {name: _as_category(part[name], found) for name, found in pairs}
    out = part.copy(deep=False)
    for name, values in new.items():
        out[name] = values
    if labels is not None:
        out.index = pd.CategoricalIndex(part.index, categories=labels, name=part.index.name)
    return out


def _as_category(values: Any, found: Any) -> Any:
    if isinstance(values.dtype, pd.CategoricalDtype):
        return values.cat.set_categories(found)
    return values.astype(pd.CategoricalDtype(found))


def get_dummies(
    data: Any,
    prefix: Any = None,
    prefix_sep: str = "_",
    dummy_na: bool = False,
    columns: Any = None,
    sparse: bool = False,
    drop_first: bool = False,
    dtype: Any = bool,
    **kwargs: Any,
) -> Any:
    """A column for each category, that says where it is.

    Parameters
    ----------
    data
        A frame or series, whose columns in question have known categories.
    prefix, prefix_sep, dummy_na, columns, sparse, drop_first, dtype
        As `pandas.get_dummies` has them.
    **kwargs
        Refused as pandas does.

    Raises
    ------
    NotImplementedError
        Categories are not known.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"k": ["a", "b"]}, npartitions=2).categorize()
    >>> get_dummies(df).columns.tolist()
    ['k_a', 'k_b']
    """
    options = {
        "prefix": prefix,
        "prefix_sep": prefix_sep,
        "dummy_na": dummy_na,
        "columns": columns,
        "sparse": sparse,
        "drop_first": drop_first,
        "dtype": dtype,
        **kwargs,
    }
    if isinstance(data, pd.DataFrame | pd.Series):
        return pd.get_dummies(data, **options)
    if not isinstance(data, FrameBase):
        raise TypeError(f"get_dummies takes a frame or series, got {type(data).__name__}")
    frame: Any = data
    told = "Use df.categorize() or column.cat.as_known() first, so that columns are known"
    if frame.ndim == 1:
        _refuse_unknown({frame.name: frame.dtype}, told)
    else:
        chosen = frame.columns if columns is None else columns
        types = {name: frame.dtypes[name] for name in chosen}
        if columns is None:
            types = {n: t for n, t in types.items() if _is_text_or_unknown(t) or _is_known(t)}
        _refuse_unknown(types, told)
    items = tuple(options.items())
    meta = _dummies(data._meta, items)
    return from_node(MapPartitions(_dummies, (data._node, items), (), meta, None, "get-dummies"))


def _refuse_unknown(types: dict[Any, Any], told: str) -> None:
    for name, dtype in types.items():
        if not isinstance(dtype, pd.CategoricalDtype):
            raise NotImplementedError(
                f"`get_dummies` with non-categorical dtypes is not supported: column {name!r} has "
                f"{dtype}. {told}"
            )
        if not has_known_categories(dtype):
            raise NotImplementedError(
                f"`get_dummies` with unknown categories is not supported: column {name!r}. {told}"
            )


def _dummies(part: Any, options: Any) -> Any:
    return pd.get_dummies(part, **dict(options))


def pivot_table(
    df: Any,
    index: Any = None,
    columns: Any = None,
    values: Any = None,
    aggfunc: Any = "mean",
    fill_value: Any = None,
    margins: bool = False,
) -> Any:
    """A row for each value of a column, a column for each category of another.

    As pandas' with ``observed=False, dropna=False``: which columns there are is known before
    anything is computed.

    Parameters
    ----------
    df
        A frame.
    index, columns
        Names of columns; that of ``columns`` has known categories.
    values
        The column that is aggregated, or several.
    aggfunc
        "mean", "sum", "count", "min", "max", "std", "var", "first", "last" or "list"; or several
        of them in a list.
    fill_value
        What stands where nothing is.
    margins
        False.

    Raises
    ------
    ValueError
        A column is not there, has no known categories, or ``aggfunc`` is something else.
    NotImplementedError
        ``margins`` are wanted.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"i": [1, 1], "c": ["a", "b"], "v": [5, 6]}, npartitions=2).categorize()
    >>> pivot_table(df, "i", "c", "v", "sum").compute().loc[1].tolist()
    [5, 6]
    """
    if margins:
        raise NotImplementedError(
            "pivot_table(margins=True): the table is small, so compute() it and add sums; of means "
            "and the like, use groupby of each column"
        )
    if isinstance(aggfunc, list):
        several_tables = [pivot_table(df, index, columns, values, one) for one in aggfunc]
        nodes = [one._node for one in several_tables]
        meta = _side_by_side(tuple(aggfunc), *[one.meta for one in nodes])
        args = (tuple(aggfunc), *nodes)
        node = MapPartitions(_side_by_side, args, (), meta, (None, None), "pivot-table")
    else:
        node = _pivot(df, index, columns, values, aggfunc)
    return from_node(node) if fill_value is None else from_node(node).fillna(fill_value)


def _side_by_side(names: Any, *tables: Any) -> Any:
    return pd.concat(tables, axis=1, keys=list(names))


def _pivot(df: Any, index: Any, columns: Any, values: Any, aggfunc: Any) -> Any:
    _check_pivot(df, index, columns, values, aggfunc)
    several = pd.api.types.is_list_like(values)
    # Several are sorted, as pandas does.
    names = sorted(values, key=str) if several else [values]
    grouped = df.groupby([index, columns], observed=True)[names]
    table = grouped.agg(aggfunc)
    dtype = df.dtypes[columns]
    labels = pd.CategoricalIndex(dtype.categories, dtype=dtype, name=columns)
    args = (table._node, labels, names if several else None, aggfunc)
    meta = make_meta(_pivoted(table._meta, *args[1:]))
    if not several:
        meta.columns = labels
    return MapPartitions(_pivoted, args, (), meta, (None, None), "pivot-table")


def _check_pivot(df: Any, index: Any, columns: Any, values: Any, aggfunc: Any) -> None:
    scalar = pd.api.types.is_scalar
    for told, name in (("index", index), ("columns", columns)):
        if not scalar(name) or name is None or name not in df.columns:
            raise ValueError(
                f"'{told}' must be the name of an existing column, got {name!r}"
                f"{nearest(name, df.columns)}"
            )
    if not isinstance(df.dtypes[columns], pd.CategoricalDtype):
        raise ValueError("'columns' must be category dtype; use df.categorize()")
    if not has_known_categories(df.dtypes[columns]):
        raise ValueError(
            "'columns' must have known categories. Please use `df[columns].cat.as_known()` "
            "beforehand to ensure known categories"
        )
    names = list(values) if pd.api.types.is_list_like(values) else [values]
    missing = [name for name in names if name not in df.columns]
    if missing or not names:
        raise ValueError(
            f"'values' must refer to an existing column or columns, got {values!r}"
            f"{nearest(missing[0], df.columns) if missing else ''}"
        )
    if not isinstance(aggfunc, str) or aggfunc not in PIVOTED:
        raise ValueError(
            f"aggfunc must be either {', '.join(repr(one) for one in PIVOTED)}; got {aggfunc!r}"
        )


def _pivoted(table: Any, labels: Any, names: Any, aggfunc: str) -> Any:
    fill = 0 if aggfunc in ("sum", "count") else None
    parts = []
    for name in table.columns:
        wide = table[name].unstack().reindex(columns=labels)
        wide.columns = labels
        parts.append(wide if fill is None else wide.fillna(fill).astype(table[name].dtype))
    if names is None:
        return parts[0]
    return pd.concat(parts, axis=1, keys=list(table.columns), names=[None, labels.name])


def melt(
    frame: Any,
    id_vars: Any = None,
    value_vars: Any = None,
    var_name: Any = None,
    value_name: Any = "value",
    col_level: Any = None,
) -> Any:
    """A row for each value: wide to long, partition by partition.

    Parameters
    ----------
    frame
        A frame.
    id_vars, value_vars, var_name, value_name, col_level
        As `pandas.melt` has them.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> melt(from_dict({"x": [1], "y": [2]}, npartitions=1)).compute().value.tolist()
    [1, 2]
    """
    options = {
        "id_vars": id_vars,
        "value_vars": value_vars,
        "var_name": var_name,
        "value_name": value_name,
        "col_level": col_level,
    }
    meta = frame._meta.melt(**options)
    args = (frame._node, "melt", *options.values())
    unknown = (None,) * (frame.npartitions + 1)
    return from_node(MapPartitions(rows.call_method, args, tuple(options), meta, unknown, "melt"))
