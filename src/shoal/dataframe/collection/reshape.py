"""Another shape: ``categorize``, ``get_dummies``, ``pivot_table``, ``melt``.

Columns of a result must be known before it is computed, so what becomes columns is a category.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd

from shoal.collection import compute, persist
from shoal.dataframe.collection.base import FrameBase, from_node, nearest
from shoal.dataframe.collection.generate import check_columns
from shoal.dataframe.collection.partitioning import repartition
from shoal.dataframe.kernels import rows
from shoal.dataframe.kernels.passing import passes_columns
from shoal.dataframe.kernels.pivots import Pivot
from shoal.dataframe.meta import has_known_categories, make_meta
from shoal.dataframe.nodes.rowwise import MapPartitions

__all__ = ["categorize", "get_dummies", "melt", "pivot_table"]

PIVOTED = ("mean", "sum", "count", "first", "last", "list", "min", "max", "std", "var")
"""Functions of which `pivot_table` need not see the results to know the columns."""


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
        return self.copy()
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


@passes_columns()
def _categorized(part: Any, pairs: Any, labels: Any) -> Any:
    # Columns that nobody reads may be gone.
    here = [(name, found) for name, found in pairs if name in part.columns]
    new = {name: _as_category(part[name], found) for name, found in here}
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
    if frame.ndim == 2 and columns is not None:
        check_columns(frame, list(columns))
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
    dropna: bool | None = None,
    margins_name: str = "All",
    observed: bool | None = None,
    sort: bool = True,
    **kwargs: Any,
) -> Any:
    """A row for each value of some columns, a column for each value of others.

    Which columns there are must be known.  With one ``columns`` of known categories and one
    ``index`` they are the categories, as pandas has it with ``observed=False, dropna=False``, and
    nothing is computed yet.  In all other cases the aggregations are computed now and kept, as
    `DataFrame.persist` keeps them, for their labels become columns; the result is pandas'.

    Parameters
    ----------
    df
        A frame.
    index, columns
        A column, or several in a list.
    values
        The column that is aggregated, or several; all others by default.
    aggfunc
        What pandas' groupings aggregate with: a name, a function, several in a list, or a dict by
        column.
    fill_value
        What stands where nothing is.
    margins, margins_name
        Whether there are a row and a column of what is aggregated over all others, and their label.
    dropna, observed, sort
        As pandas has them.
    **kwargs
        Of ``aggfunc``.

    Raises
    ------
    ValueError
        A column is not there, or its categories are not known; there is no such aggregation.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"i": [1, 1], "c": ["a", "b"], "v": [5, 6]}, npartitions=2)
    >>> pivot_table(df, "i", "c", "v", "sum").compute().loc[1].tolist()
    [5, 6]
    >>> pivot_table(df, "i", "c", "v", "sum", margins=True).compute().loc["All"].tolist()
    [5, 6, 11]
    """
    told = (index, columns, values)
    if isinstance(aggfunc, str) and not hasattr(pd.api.typing.DataFrameGroupBy, aggfunc):
        raise ValueError(
            f"aggfunc must be either {', '.join(repr(one) for one in PIVOTED)}, or another method "
            f"of groupings; got {aggfunc!r}"
        )
    plain = not (margins or kwargs) and sort and dropna is None and observed is None
    if isinstance(aggfunc, list):
        options: dict[str, Any] = {
            "fill_value": fill_value,
            "margins": margins,
            "dropna": dropna,
            "margins_name": margins_name,
            "observed": observed,
            "sort": sort,
        }
        options |= kwargs
        several = [pivot_table(df, index, columns, values, one, **options) for one in aggfunc]
        nodes = [one._node for one in several]
        names = tuple([getattr(one, "__name__", one) for one in aggfunc])
        meta = _side_by_side(names, *[one.meta for one in nodes])
        node = MapPartitions(_side_by_side, (names, *nodes), (), meta, (None, None), "pivot-table")
        return from_node(node)
    if plain and aggfunc in PIVOTED and _has_known_labels(df, index, columns, values):
        node = _pivot(df, index, columns, values, aggfunc)
        return from_node(node) if fill_value is None else from_node(node).fillna(fill_value)
    if margins and not isinstance(margins_name, str):
        raise ValueError("margins_name argument must be a string")
    grouping = {"observed": True if observed is None else observed, "sort": sort}
    layout = {"fill_value": fill_value, "dropna": dropna is not False, "sort": sort}
    layout["margins_name"] = margins_name if margins else None
    return _looked_up(df, told, aggfunc, grouping, layout, kwargs)


def _has_known_labels(df: Any, index: Any, columns: Any, values: Any) -> bool:
    """Whether the columns of a pivoted table are known before anything is computed."""
    scalar = pd.api.types.is_scalar
    if values is None or not all(scalar(one) and one is not None for one in (index, columns)):
        return False
    return columns in df.columns and isinstance(df.dtypes[columns], pd.CategoricalDtype)


def _looked_up(
    df: Any,
    told: tuple[Any, Any, Any],
    aggfunc: Any,
    grouping: dict[str, Any],
    layout: dict[str, Any],
    kwargs: dict[str, Any],
) -> Any:
    """The table as pandas makes it; the aggregations that it is made of are computed now."""
    index, columns, values = told
    down, across = ([] if one is None else _as_list(one) for one in (index, columns))
    for name in (*down, *across):
        _check_column(df, name, "index" if name in down else "columns")
    keys = [*down, *across]
    if not keys:
        raise ValueError("No group keys passed! pivot_table wants index or columns")
    wanted = [name for name in df.columns if name not in keys] if values is None else values
    wanted = _as_list(wanted)
    for name in wanted:
        _check_column(df, name, "values")
    if not wanted:
        raise NotImplementedError(
            "pivot_table without columns of values: count rows with groupby(...).size().unstack()"
        )
    dropna, margins = layout["dropna"], layout["margins_name"] is not None
    some = df[list(dict.fromkeys([*keys, *wanted]))]

    def aggregated(frame: Any, by: list[Any], **options: Any) -> Any:
        groups = frame.groupby(by, dropna=dropna, **options)[wanted]
        return groups.agg(aggfunc, **kwargs)

    tables = [aggregated(some, keys, **grouping)]
    if margins:
        if not down or tables[0]._meta.columns.nlevels > 1:
            raise NotImplementedError(
                "pivot_table(margins=True) wants an index and one function for each column; pass "
                "index=, or make tables one by one and join them"
            )
        rows = some.dropna() if dropna else some
        tables.append(aggregated(rows, down, observed=dropna))
        if across:
            tables.append(aggregated(rows, across, observed=dropna))
        tables.append(aggregated(rows.assign(**{EVERY_ROW: 0}), [EVERY_ROW]))
    single = values is not None and not pd.api.types.is_list_like(values)
    layout["empty"] = (some._meta[wanted], aggfunc)
    how = Pivot(len(down), len(across), single, **layout)
    kept = persist(*[repartition(one, npartitions=1) for one in tables])
    nodes = tuple([one._node for one in kept])
    looked = MapPartitions(_layout, (how, *nodes), (), df._meta, (None, None), "pivot-table")
    meta = compute(*from_node(looked).to_delayed())[0]
    return from_node(MapPartitions(_laid_out, (how, *nodes), (), meta, (None, None), "pivot-table"))


EVERY_ROW = "__every_row__"
"""A key that all rows have in common."""


def _as_list(names: Any) -> list[Any]:
    return list(names) if pd.api.types.is_list_like(names) else [names]


def _laid_out(how: Pivot, *tables: Any) -> Any:
    return how(*tables)


def _layout(how: Pivot, *tables: Any) -> Any:
    return how(*tables).iloc[:0]


def _side_by_side(names: Any, *tables: Any) -> Any:
    return pd.concat(tables, axis=1, keys=list(names))


def _pivot(df: Any, index: Any, columns: Any, values: Any, aggfunc: Any) -> Any:
    _check_pivot(df, index, columns, values)
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


def _check_column(df: Any, name: Any, told: str) -> None:
    if not pd.api.types.is_hashable(name) or name not in df.columns:
        what = (
            "refer to an existing column or columns"
            if told == "values"
            else ("be the name of an existing column")
        )
        raise ValueError(f"'{told}' must {what}, got {name!r}{nearest(name, df.columns)}")


def _check_pivot(df: Any, index: Any, columns: Any, values: Any) -> None:
    _check_column(df, index, "index")
    _check_column(df, columns, "columns")
    for name in _as_list(values) or [None]:
        _check_column(df, name, "values")
    if not has_known_categories(df.dtypes[columns]):
        raise ValueError(
            "'columns' must have known categories. Please use `df[columns].cat.as_known()` "
            "beforehand to ensure known categories"
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
    ignore_index: bool = True,
) -> Any:
    """A row for each value: wide to long, partition by partition.

    Parameters
    ----------
    frame
        A frame.
    id_vars, value_vars, var_name, value_name, col_level
        As `pandas.melt` has them.
    ignore_index
        True: rows are numbered, anew in each partition; else they keep their labels.

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
        "ignore_index": ignore_index,
    }
    if frame.columns.nlevels == 1:
        for names in (id_vars, value_vars):
            check_columns(frame, names)
    meta = frame._meta.melt(**options)
    if frame.columns.nlevels == 1 and frame.columns.is_unique and value_vars is not None:
        told = [[] if one is None else one for one in (id_vars, value_vars)]
        lists = [list(one) if pd.api.types.is_list_like(one) else [one] for one in told]
        frame = frame[[name for name in frame.columns if name in set(itertools.chain(*lists))]]
    args = (frame._node, "melt", *options.values())
    unknown = (None,) * (frame.npartitions + 1)
    return from_node(MapPartitions(rows.call_method, args, tuple(options), meta, unknown, "melt"))
