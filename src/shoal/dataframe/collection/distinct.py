"""Distinct values and rows, in one partition or several; and other labels for rows."""

from __future__ import annotations

import itertools
from typing import Any

import pandas as pd

from shoal.dataframe.collection.align import side_by_side
from shoal.dataframe.collection.base import (
    FrameBase,
    check_shuffle_method,
    check_split_every,
    from_node,
)
from shoal.dataframe.collection.generate import refuse_inplace
from shoal.dataframe.kernels import rows
from shoal.dataframe.kernels.reductions import Reducer
from shoal.dataframe.nodes.rowwise import MapPartitions

__all__ = [
    "count_values",
    "distinct_rows",
    "distinct_values",
    "is_span",
    "kept_of_equals",
    "renamed_labels",
    "with_labels",
]


def _count(self: Any, split_out: Any) -> int:
    if split_out is True:
        return int(self.npartitions)
    return max(int(split_out or 1), 1)


def distinct_rows(self: Any, split_every: Any, split_out: Any, options: dict[str, Any]) -> Any:
    """What ``drop_duplicates`` gives.

    Parameters
    ----------
    self
        A frame, series or index.
    split_every, split_out
        How many partial results a task combines, how many partitions the result has.
    options
        Of pandas' method.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> len(distinct_rows(from_dict({"x": [1, 1]}, npartitions=2), None, 2, {}))
    1
    """
    refuse_inplace("drop_duplicates", options)
    check_shuffle_method(options.pop("shuffle_method", None))
    if options.pop("ignore_index", False):
        raise NotImplementedError(
            "drop_duplicates(ignore_index=True): rows are not numbered; use reset_index(drop=True)"
        )
    if options.get("keep", "first") is False:
        raise NotImplementedError(
            "drop_duplicates(keep=False) cannot be folded from partitions; use value_counts, or "
            "groupby and filter"
        )
    self._meta.drop_duplicates(**options)
    reducer = Reducer("drop_duplicates", tuple(options.items()))
    return self._reduced(reducer, self._meta, split_every, _count(self, split_out))


def kept_of_equals(keep: Any) -> dict[str, Any]:
    """The option of ``nlargest`` that says which of equal rows are kept; none where it is usual.

    Parameters
    ----------
    keep
        "first", "last" or "all".

    Examples
    --------
    >>> kept_of_equals("first"), kept_of_equals("all")
    ({}, {'keep': 'all'})
    """
    if keep not in ("first", "last", "all"):
        raise ValueError(f'keep must be either "first", "last" or "all"; got {keep!r}')
    return {} if keep == "first" else {"keep": keep}


def distinct_values(self: Any, split_every: Any, split_out: Any) -> Any:
    """What ``unique`` gives.

    Parameters
    ----------
    self
        A series or index.
    split_every, split_out
        How many partial results a task combines, how many partitions the result has.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> distinct_values(from_dict({"x": [1, 1]}, npartitions=2).x, None, 1).compute().tolist()
    [1]
    """
    return self._reduced(Reducer("unique"), self._meta, split_every, _count(self, split_out))


def count_values(self: Any, split_every: Any, split_out: Any, options: dict[str, Any]) -> Any:
    """What ``value_counts`` gives.

    Parameters
    ----------
    self
        A series.
    split_every, split_out
        How many partial results a task combines, how many partitions the result has.
    options
        Of pandas' method.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> x = from_dict({"x": [1, 1]}, npartitions=2).x
    >>> count_values(x, None, 1, {}).compute().tolist()
    [2]
    """
    check_split_every(split_every)
    count = _count(self, split_out)
    share = bool(options.get("normalize")) and count > 1
    plain = {**options, "normalize": False} if share else options
    meta = self._meta.value_counts(normalize=bool(plain.get("normalize")))
    out = self._reduced(Reducer("value_counts", tuple(plain.items())), meta, split_every, count)
    if not share:
        return out
    total = self.count() if options.get("dropna", True) else self.size
    return (out / total).rename("proportion")


def renamed_labels(self: Any, index: Any, sorted_index: bool) -> Any:
    """A series with other labels.

    Parameters
    ----------
    self
        A series.
    index
        A function, dict or series.
    sorted_index
        Whether they stay in order, so that divisions are known.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> x = from_dict({"x": [1, 2]}, npartitions=2).x
    >>> renamed_labels(x, lambda label: label * 2, True).divisions
    (0, 2, 2)
    """
    divisions: Any = (None,) * (self.npartitions + 1)
    if sorted_index and self.known_divisions:
        old = self._meta.iloc[:0].reindex(list(self.divisions))
        divisions = tuple(old.rename(index).index.tolist())
        if any(b < a for a, b in itertools.pairwise(divisions)):
            raise ValueError(
                "sorted_index=True, but the function does not keep the order of the divisions: "
                f"{self.divisions} became {divisions}"
            )
    meta = self._meta.rename(index)
    args = (self._node, "rename", index)
    return from_node(MapPartitions(rows.call_method, args, (), meta, divisions, "rename"))


def with_labels(self: Any, index: Any) -> Any:
    """A frame or series whose rows have the labels of an index with the same partitions.

    Parameters
    ----------
    self
        The frame or series.
    index
        An index or series of shoal.

    Raises
    ------
    TypeError
        It is something else.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2]}, npartitions=2)
    >>> with_labels(df, df.x * 10).index.compute().tolist()
    [10, 20]
    """
    if not isinstance(index, FrameBase) or index.ndim != 1:
        raise TypeError(
            "the index is set to an index or series of shoal; set_index takes a column, and "
            "from_pandas labels in memory"
        )
    if not side_by_side([self._node, index._node]):
        raise ValueError(
            "the labels are of another frame, whose rows need not stand beside these; assign "
            "them as a column, then set_index"
        )
    meta = _relabelled(self._meta, index._meta)
    known = isinstance(index._meta, pd.Index)
    ends = index.divisions if known else (None,) * (self.npartitions + 1)
    args = (self._node, index._node)
    return from_node(MapPartitions(_relabelled, args, (), meta, ends, "set-labels"))


def _relabelled(part: Any, labels: Any) -> Any:
    name = labels.name
    return part.set_axis(pd.Index(labels, name=name), axis=0)


def is_span(freq: Any) -> bool:
    """Whether all labels move by the same time; by weeks or months some would meet.

    Parameters
    ----------
    freq
        As pandas has it.

    Examples
    --------
    >>> is_span("h"), is_span("W")
    (True, False)
    """
    offset = pd.tseries.frequencies.to_offset(freq)
    return isinstance(offset, pd.tseries.offsets.Tick | pd.tseries.offsets.Day)
