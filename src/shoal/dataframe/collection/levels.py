"""Groups of rows of a frame whose columns have several levels.

pandas takes a tuple for a list of columns in some places and for one label in others, and a
grouping adds columns of its own.  So the frame is grouped with numbers for its columns
(`Levels.flat`), and what comes out is given the labels that pandas gives to a sample
(`Levels.sampled`), place by place.
"""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable
from typing import Any

import pandas as pd

from shoal.dataframe.collection.base import FrameBase, from_node
from shoal.dataframe.collection.columns import label_of, relabelled
from shoal.dataframe.collection.groupby import GroupBy, plain_functions
from shoal.dataframe.kernels.levels import with_level_names
from shoal.dataframe.meta import sample_of
from shoal.dataframe.nodes.rowwise import Column, MapPartitions

__all__ = ["LabelledCall", "Levels", "grouped_by_level", "series_by_level"]

CALLING = frozenset(["apply", "filter"])
"""Methods that call a function of the user's with the rows of a group."""

SERIES_GROUPS = pd.api.typing.SeriesGroupBy

BY_COLUMN = {"corr": "corr", "cov": "cov"}
"""Methods that give a row for each column of each group, and those of a frame that do so."""


class LabelledCall:
    """A function of a frame that is given one whose columns are numbers.

    Parameters
    ----------
    func
        The function.
    columns
        The labels, an index; a number is a place in it.

    Examples
    --------
    >>> LabelledCall(list, pd.Index(["a", "b"]))(pd.DataFrame({1: [5]}))
    ['b']
    """

    def __init__(self, func: Callable[..., Any], columns: pd.Index) -> None:
        self.func, self.columns = func, columns
        self.__name__ = getattr(func, "__name__", "function")

    def __call__(self, part: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(part, pd.DataFrame):
            part = part.set_axis(self.columns.take(part.columns), axis=1)
        return self.func(part, *args, **kwargs)

    def __shoal_tokenize__(self) -> Any:
        return self.func, self.columns


class Levels:
    """A grouping, or windows of one, computed with numbers in the place of labels.

    Parameters
    ----------
    frame
        The frame, with its labels, or a series whose name is such a label.
    flat
        The grouping of the same frame with numbers for its columns, or of the series without name.
    sampled
        pandas' grouping of a sample with the labels.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"k": [1, 1, 2], "x": [1, 2, 3]}, npartitions=2)
    >>> sums = df.groupby("k").agg({"x": ["sum", "max"]})
    >>> sums.groupby(("x", "sum")).max().compute()["x"]["max"].to_dict()
    {3: 3}
    """

    def __init__(self, frame: Any, flat: Any, sampled: Any) -> None:
        self.frame, self.flat, self.sampled = frame, flat, sampled
        self.columns = frame._meta.columns if frame.ndim == 2 else pd.Index([])

    def __getitem__(self, key: Any) -> Any:
        sampled = self.sampled[key]  # which pandas refuses for some, with its reasons
        columns = self.columns
        probe = pd.DataFrame([range(len(columns))], columns=columns)
        numbers = probe[key].iloc[0]
        if isinstance(sampled, SERIES_GROUPS):
            return Levels(self.frame, self.flat[int(numbers)], sampled)
        return Levels(self.frame, self.flat[numbers.tolist()], sampled)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in self.columns and not hasattr(type(self.flat), name):
            return self[name]
        found = getattr(self.flat, name)
        if not callable(found):
            return found
        return lambda *args, **kwargs: self._call(name, args, kwargs)

    def __dir__(self) -> list[str]:
        return [*dir(type(self.flat)), *super().__dir__()]

    def _call(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if name == "pipe":
            return args[0](self, *args[1:], **kwargs)
        if name in BY_COLUMN:
            return self.apply(operator.methodcaller(BY_COLUMN[name], *args, **kwargs))
        columns = self.columns
        if name in CALLING:
            func, *args_ = args
            call = LabelledCall(func, columns)
            if "meta" not in kwargs:
                kwargs = {**kwargs, "meta": self._meta_of(name, func, args_, kwargs)}
            out = getattr(self.flat, name)(call, *args_, **kwargs)
            # The keys, which pandas names on the way, were numbers there.
            args = (out._node, list(out._meta.index.names))
            out = from_node(MapPartitions(with_level_names, args, (), out._meta, None, name))
            return out.rename(self.frame.name) if out.ndim == self.frame.ndim == 1 else out
        if name in ("agg", "aggregate"):
            numbers = self._numbers(args, kwargs)
            out = getattr(self.flat, name)(*numbers[0], **numbers[1])
            args = tuple([plain_functions(one) for one in args])
            kwargs = {key: plain_functions(one) for key, one in kwargs.items()}
        else:
            out = getattr(self.flat, name)(*args, **kwargs)
        for option in ("split_out", "split_every", "shuffle_method", "meta"):
            kwargs.pop(option, None)
        like = self._sample_of(name, args, kwargs)
        if not isinstance(out, FrameBase):
            return Levels(self.frame, out, like)
        return _like(out, like)

    def _sample_of(self, name: str, args: Any, kwargs: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = getattr(self.sampled, name)
            return found(*args, **kwargs) if callable(found) else found

    def _meta_of(self, name: str, func: Any, args: Any, kwargs: Any) -> Any:
        found = self._sample_of(name, (func, *args), kwargs)
        return found.iloc[:0] if isinstance(found, pd.DataFrame | pd.Series) else found

    def _numbers(self, args: Any, kwargs: Any) -> tuple[list[Any], dict[str, Any]]:
        """Arguments of an aggregation, with numbers for the labels."""

        def number(label: Any) -> int:
            return int(self.columns.get_loc(label_of(self.frame, label)))

        first = [
            {number(key): value for key, value in one.items()} if isinstance(one, dict) else one
            for one in args
        ]
        named = {
            key: (number(one[0]), *one[1:]) if isinstance(one, tuple) else one
            for key, one in kwargs.items()
        }
        return first, named


def grouped_by_level(frame: Any, by: Any, **options: Any) -> Levels:
    """Groups of the rows of a frame whose columns have several levels.

    Parameters
    ----------
    frame
        A collection.
    by
        What the rows are grouped by, as pandas has it.
    **options
        Of the grouping.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"k": [1, 1, 2], "x": [1, 2, 3]}, npartitions=2)
    >>> table = df.groupby("k").agg({"x": ["sum", "max"]}).reset_index()
    >>> grouped_by_level(table, "k").sum().columns.tolist()
    [('x', 'sum'), ('x', 'max')]
    """
    columns = frame._meta.columns
    everything = range(len(columns))
    keys = [_key(frame, key) for key in (by if isinstance(by, list) else [by])]
    numbers = [
        columns.get_loc(label_of(frame, key)) if _is_name(key, columns) else key for key in keys
    ]
    flat = GroupBy(relabelled(frame, everything, pd.RangeIndex(len(columns))), numbers, **options)
    return Levels(frame, flat, _sampled(frame, keys, flat, options))


def _sampled(collection: Any, keys: list[Any], flat: GroupBy, options: dict[str, Any]) -> Any:
    """pandas' grouping of a sample with the labels."""
    sample = sample_of(collection._meta)
    told = [
        sample_of(known.meta).set_axis(sample.index) if hasattr(known, "meta") else key
        for key, known in zip(keys, flat.keys, strict=True)
    ]
    return sample.groupby(told if len(told) > 1 else told[0], **options)


def series_by_level(series: Any, by: Any, **options: Any) -> Levels:
    """Groups of the values of a series that was a column below several labels.

    Parameters
    ----------
    series
        A collection.
    by
        What the values are grouped by.
    **options
        Of the grouping.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> x = from_dict({"x": [1, 2, 3]}, npartitions=2).x
    >>> series_by_level(x.rename(("a", "x")), x % 2).sum().compute().tolist()
    [2, 4]
    """
    keys = list(by) if isinstance(by, list | tuple) else [by]
    flat = series.rename(None)
    groups = flat.groupby([flat if key is series else key for key in keys], **options)
    return Levels(series, groups, _sampled(series, keys, groups, options))


def _key(frame: Any, key: Any) -> Any:
    """A column of this very frame is better known by its label, as in pandas."""
    node = getattr(key, "_node", None)
    return node.column if isinstance(node, Column) and node.source is frame._node else key


def _is_name(key: Any, columns: pd.Index) -> bool:
    try:
        return not isinstance(key, FrameBase) and key in columns
    except TypeError:
        return False


def _like(out: Any, like: Any) -> Any:
    """A result with the labels that pandas gave to that of the sample."""
    if out.ndim == 2:
        out = relabelled(out, range(len(like.columns)), like.columns)
    elif out.name != like.name:
        out = out.rename(like.name)
    names = list(like.index.names)
    if names == list(out._meta.index.names):
        return out
    meta = with_level_names(out._meta, names)
    return from_node(MapPartitions(with_level_names, (out._node, names), (), meta, None, "names"))
