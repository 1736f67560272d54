"""Several reductions at once: ``agg``; and what else makes one frame of a few results."""

from __future__ import annotations

from typing import Any

import pandas as pd

from shoal.dataframe.collection.base import check_axis, from_node, nearest
from shoal.dataframe.collection.columns import labels_of
from shoal.dataframe.collection.distinct import count_values
from shoal.dataframe.kernels import rows
from shoal.dataframe.kernels.reductions import REDUCTIONS, missing_of
from shoal.dataframe.meta import make_meta, sample_of, told_meta, untold
from shoal.dataframe.nodes.rowwise import MapPartitions

__all__ = ["agg", "get", "map_values", "value_counts"]

ONE = (None, None)


def agg(self: Any, func: Any = None, axis: Any = 0, **kwargs: Any) -> Any:
    """Reduce with functions by name: one, a list, or a dict by column.

    Parameters
    ----------
    func
        What to compute.
    axis
        0.
    **kwargs
        Of the one function.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2], "y": [3, 4]}, npartitions=2)
    >>> df.agg(["min", "sum"]).compute().loc["sum"].tolist()
    [3, 7]
    """
    if check_axis(self, axis) == 1:
        raise NotImplementedError("agg(axis=1): call the reduction with axis=1")
    if isinstance(func, str):
        return getattr(self, _known(func))(**kwargs)
    if isinstance(func, dict):
        names = list(func)
        lists = any(isinstance(one, list) for one in func.values())
        results = [
            agg(self[name], [one] if lists and isinstance(one, str) else one)
            for name, one in func.items()
        ]
    elif isinstance(func, list):
        if self.ndim == 1:
            names, lists = [_known(one) for one in func], False
            results = [agg(self, one) for one in func]
        else:
            names, lists = list(self.columns), True
            results = [agg(self[name], func) for name in names]
    else:
        raise NotImplementedError(
            f"agg takes names of functions, got {func!r}; use reduction or map_partitions"
        )
    meta = make_meta(sample_of(self._meta).agg(func))
    labels = meta.columns if lists else tuple(names)
    facts = (labels, lists, getattr(meta, "name", None), _nullable(meta))
    args = (*facts, *[one._node for one in results])
    return from_node(MapPartitions(_table, args, (), meta, ONE, "agg"))


def _known(func: Any) -> str:
    if not isinstance(func, str) or func not in REDUCTIONS:
        text = f"agg has no function {func!r}{nearest(func, REDUCTIONS)}"
        known = not isinstance(func, str) or hasattr(pd.Series, func)
        raise NotImplementedError(text) if known else AttributeError(text)
    return func


def _nullable(meta: Any) -> dict[int, Any]:
    """The dtypes that a list of scalars does not show, by number of the column."""
    known = isinstance(meta, pd.DataFrame)
    dtypes = enumerate(meta.dtypes) if known else ()
    return {i: dtype for i, dtype in dtypes if missing_of(dtype) is pd.NA}


def _table(names: Any, lists: bool, label: Any, kinds: Any, *results: Any) -> Any:
    if lists:
        return pd.concat(results, axis=1, ignore_index=True).astype(kinds).set_axis(names, axis=1)
    return pd.Series(list(results), index=list(names), name=label)


def get(self: Any, key: Any, default: Any = None) -> Any:
    """A column, or something else if there is none of that name.

    Parameters
    ----------
    key
        Its name.
    default
        What is returned where it is not there.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [1]}, npartitions=1).get("y", "nothing")
    'nothing'
    """
    return self[key] if key in self.columns else default


def map_values(self: Any, func: Any, na_action: Any = None, meta: Any = None, **kwargs: Any) -> Any:
    """Apply a function to every value of a frame.

    Parameters
    ----------
    func
        Called with a value, then ``kwargs``.
    na_action
        "ignore" to leave missing values alone.
    meta
        What the result looks like; without it, the function is called on made-up values.
    **kwargs
        More arguments.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2]}, npartitions=2)
    >>> df.map(str, meta={"x": "str"}).compute().x.tolist()
    ['1', '2']
    """
    options = {"na_action": na_action, **kwargs}
    if untold(meta):
        meta = told_meta(rows.call_method, self._meta, "map", func, **options)
    meta = make_meta(meta, index=self._meta.index)
    args = (self._node, "map", func, *options.values())
    return from_node(MapPartitions(rows.call_method, args, tuple(options), meta, None, "map"))


def value_counts(
    self: Any,
    subset: Any = None,
    normalize: bool = False,
    sort: bool = True,
    ascending: bool = False,
    dropna: bool = True,
    split_every: Any = None,
    split_out: Any = 1,
) -> Any:
    """How often each row is there.

    Parameters
    ----------
    subset
        A column, or a list of them; all by default.
    normalize, sort, ascending, dropna
        As pandas has them.
    split_every
        How many partial results a task combines.
    split_out
        How many partitions the result has.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [1, 1]}, npartitions=2).value_counts().compute().tolist()
    [2]
    """
    options = {"sort": sort, "ascending": ascending, "dropna": dropna, "normalize": normalize}
    labels = list(self.columns) if subset is None else labels_of(self, subset)
    counts = count_values(self[labels], split_every, split_out, options)
    # What is asked for by its own name is one level called so; a list of names, several levels.
    several = subset is None or isinstance(subset, list)
    names = subset if isinstance(subset, list) else labels if several else [subset]
    if not several and self._meta.columns.nlevels == 1:
        return counts
    if several and len(labels) > 1 and names == labels:
        return counts
    meta = _with_levels(counts._meta, names, several)
    args = (counts._node, names, several)
    return from_node(MapPartitions(_with_levels, args, (), meta, None, "value-counts"))


def _with_levels(counts: Any, names: Any, several: bool) -> Any:
    index = counts.index
    if several and index.nlevels == 1:
        index = pd.MultiIndex.from_arrays([index])
    return counts.set_axis(index.set_names(list(names)))
