"""Rows in groups.

`GroupBy` holds the frame, the keys and the options; aggregations become one `Reduce` with a
`GroupReducer`, so several of them are computed in one pass.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from shoal.dataframe.collection.base import FrameBase, from_node, nearest, operand
from shoal.dataframe.kernels.groups import AGGREGATIONS, Aggregate, GroupReducer
from shoal.dataframe.meta import make_meta, sample_of
from shoal.dataframe.nodes.moves import Shuffle
from shoal.dataframe.nodes.reduce import Reduce
from shoal.dataframe.nodes.rowwise import MapPartitions
from shoal.expr.annotate import current_annotations

__all__ = ["GroupBy"]


class GroupBy:
    """Rows of a frame in groups; `DataFrame.groupby` makes it.

    Parameters
    ----------
    frame
        A frame.
    by
        A column, a series, or a list of them.
    columns
        A column, or a list, that is aggregated; None for all.
    **options
        ``sort``, ``dropna``, ``observed``, ``group_keys``, ``as_index``.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"k": [1, 1, 2], "x": [1, 2, 3]}, npartitions=2)
    >>> GroupBy(df, "k").x.agg(["min", "max"]).compute().values.tolist()
    [[1, 2], [3, 3]]
    """

    def __init__(self, frame: Any, by: Any, columns: Any = None, **options: Any) -> None:
        known = {"sort", "dropna", "observed", "group_keys", "as_index"}
        if set(options) - known:
            raise TypeError(f"groupby takes {sorted(known)}, got {sorted(set(options) - known)}")
        self.frame = frame
        self.keys = [_key(frame, one) for one in (by if isinstance(by, list | tuple) else [by])]
        self.columns = columns
        self.options = {key: value for key, value in options.items() if value is not None}
        # pandas has the last word on keys and columns that do not fit.
        self._on(sample_of(frame._meta))

    def _on(self, sample: Any) -> Any:
        """pandas' own grouping of a sample."""
        keys = [sample_of(key.meta) if hasattr(key, "meta") else key for key in self.keys]
        for i, key in enumerate(keys):
            if isinstance(key, pd.Series):
                keys[i] = key.set_axis(sample.index)
        grouped = sample.groupby(keys[0] if len(keys) == 1 else keys, **self.options)
        return grouped if self.columns is None else grouped[self.columns]

    def __getitem__(self, columns: Any) -> GroupBy:
        wanted = columns if isinstance(columns, list) else [columns]
        for name in wanted:
            if name not in self.frame.columns:
                raise KeyError(f"Column not found: {name!r}{nearest(name, self.frame.columns)}")
        return GroupBy(self.frame, list(self._by()), columns, **self.options)

    def __getattr__(self, name: str) -> GroupBy:
        if not name.startswith("_") and name in self.frame.columns:
            return self[name]
        raise AttributeError(f"a GroupBy has no attribute {name!r}{nearest(name, dir(type(self)))}")

    def _by(self) -> list[Any]:
        return [from_node(key) if hasattr(key, "meta") else key for key in self.keys]

    # ------------------------------------------------------------------------- aggregations

    def aggregate(
        self, arg: Any = None, split_every: Any = None, split_out: Any = 1, **kwargs: Any
    ) -> Any:
        """Aggregate with functions by name: one, a list, a dict by column, or keywords.

        Parameters
        ----------
        arg
            What to compute.
        split_every
            How many partial results a task combines.
        split_out
            How many partitions the result has.
        **kwargs
            ``name=(column, function)``.

        Examples
        --------
        >>> from shoal.dataframe import from_dict
        >>> df = from_dict({"k": [1, 1, 2], "x": [1, 2, 3]}, npartitions=2)
        >>> df.groupby("k").agg({"x": "sum"}).compute().x.tolist()
        [3, 3]
        """
        meta = make_meta(self._on(sample_of(self.frame._meta)).agg(arg, **kwargs))
        return self._aggregated(self._aggregates(arg, kwargs), meta, split_every, split_out)

    agg = aggregate

    def _values(self, func: str) -> list[Any]:
        """The columns that one function is applied to."""
        if self.columns is not None:
            return list(self.columns) if isinstance(self.columns, list) else [self.columns]
        taken = {key for key in self.keys if not hasattr(key, "meta")}
        return [name for name in self.frame.columns if name not in taken]

    def _aggregates(self, arg: Any, named: dict[str, Any]) -> list[Aggregate]:
        if arg is None:
            pairs = [
                (one[0], one[1]) if isinstance(one, tuple) else (self.columns, one)
                for one in named.values()
            ]
        elif isinstance(arg, dict):
            pairs = [
                (column, func)
                for column, funcs in arg.items()
                for func in (funcs if isinstance(funcs, list) else [funcs])
            ]
        else:
            funcs = arg if isinstance(arg, list) else [arg]
            pairs = [(column, func) for column in self._values("") for func in funcs]
        return [_aggregate(column, func) for column, func in pairs]

    def _aggregated(
        self, aggregates: list[Aggregate], meta: Any, split_every: Any, split_out: Any
    ) -> Any:
        as_index = self.options.get("as_index", True)
        labels, name = None, None
        if isinstance(meta, pd.DataFrame):
            labels = meta.columns if as_index else meta.columns[-len(aggregates) :]
        else:
            name = meta.name
        reducer = GroupReducer(
            tuple([None if hasattr(key, "meta") else key for key in self.keys]),
            tuple(aggregates),
            labels,
            name,
            self.options.get("sort", True),
            self.options.get("dropna", True),
            self.options.get("observed", True),
            as_index,
        )
        series = [key for key in self.keys if hasattr(key, "meta")]
        args = (self.frame._node, *series)
        if split_out is True:
            split_out = self.frame.npartitions
        node = Reduce(
            args, reducer, meta, split_every, int(split_out or 1), annotations=current_annotations()
        )
        return from_node(node)

    def _named(self, func: str, split_every: Any, split_out: Any, options: dict[str, Any]) -> Any:
        numeric = options.pop("numeric_only", None)
        told = {"numeric_only": numeric} if numeric is not None else {}
        meta = make_meta(getattr(self._on(sample_of(self.frame._meta)), func)(**told, **options))
        columns = self._values(func)
        if func == "size":
            aggregates = [Aggregate(None, "size")]
        else:
            if isinstance(meta, pd.DataFrame):
                columns = [name for name in columns if name in meta.columns]
            aggregates = [Aggregate(name, func, tuple(options.items())) for name in columns]
        return self._aggregated(aggregates, meta, split_every, split_out)

    # ----------------------------------------------------------------------------- apply

    def apply(self, func: Callable[..., Any], *args: Any, meta: Any = None, **kwargs: Any) -> Any:
        """Apply a function to each group; its rows are brought together first.

        Parameters
        ----------
        func
            Called with a frame or series and the other arguments.
        *args, **kwargs
            More arguments.
        meta
            What the result looks like; without it, the function is called on made-up rows.

        Examples
        --------
        >>> from shoal.dataframe import from_dict
        >>> df = from_dict({"k": [1, 1, 2], "x": [1, 2, 3]}, npartitions=2)
        >>> df.groupby("k").x.apply(max, meta=("x", "int64")).compute().to_dict()
        {2: 3, 1: 2}
        """
        return self._by_group("apply", func, args, kwargs, meta)

    def transform(self, func: Any, *args: Any, meta: Any = None, **kwargs: Any) -> Any:
        """Apply a function that gives a value for each row of a group.

        Parameters
        ----------
        func
            A function, or the name of one of pandas'.
        *args, **kwargs
            More arguments.
        meta
            What the result looks like.
        """
        return self._by_group("transform", func, args, kwargs, meta)

    def _by_group(self, method: str, func: Any, args: Any, kwargs: Any, meta: Any) -> Any:
        frame = self.frame
        names = []
        for i, key in enumerate(self._by()):
            if isinstance(key, FrameBase):
                frame = frame._assigned({f"__key_{i}": key})
                names.append(f"__key_{i}")
            else:
                names.append(key)
        if meta is None:
            meta = getattr(self._on(sample_of(self.frame._meta)), method)(func, *args, **kwargs)
        meta = make_meta(meta)
        node = Shuffle(frame._node, tuple(names), frame.npartitions, ())
        whole = (node, tuple(names), self.columns, dict(self.options), method, func, args, kwargs)
        unknown = (None,) * (frame.npartitions + 1)
        return from_node(
            MapPartitions(call_by_group, whole, (), meta, unknown, f"groupby-{method}")
        )


def call_by_group(
    part: Any,
    names: Any,
    columns: Any,
    options: Any,
    method: str,
    func: Any,
    args: Any,
    kwargs: Any,
) -> Any:
    """Call a method of pandas' grouping of a partition that has whole groups."""
    added = [name for name in names if str(name).startswith("__key_")]
    keys = [part[name].rename(None) if name in added else name for name in names]
    grouped = part.drop(columns=added).groupby(keys if len(keys) > 1 else keys[0], **options)
    if columns is not None:
        grouped = grouped[columns]
    return getattr(grouped, method)(func, *args, **kwargs)


def _key(frame: Any, key: Any) -> Any:
    if isinstance(key, FrameBase):
        name = key._node
        # A column of this very frame is better known by its name.
        if type(name).__name__ == "Column" and name.source is frame._node:
            return name.column
        return operand(key)
    if callable(key):
        return operand(frame.index.to_series().map(key))
    try:
        known = key in frame.columns or key in frame._meta.index.names
    except TypeError:
        known = False
    if not known:
        raise KeyError(f"{key!r} is not a column{nearest(key, frame.columns)}")
    return key


def _aggregate(column: Any, func: Any) -> Aggregate:
    name = func if isinstance(func, str) else getattr(func, "__name__", repr(func))
    if name not in AGGREGATIONS:
        raise NotImplementedError(
            f"agg has no function {name!r}{nearest(name, AGGREGATIONS)}; use apply"
        )
    return Aggregate(column if name != "size" else None, name)


def _install() -> None:
    def named(func: str) -> Callable[..., Any]:
        def method(
            self: GroupBy, *, split_every: Any = None, split_out: Any = 1, **options: Any
        ) -> Any:
            return self._named(func, split_every, split_out, options)

        method.__name__ = func
        method.__doc__ = f"As pandas' GroupBy.{func}, from partial results of the partitions."
        return method

    for func in AGGREGATIONS:
        if func != "list":
            setattr(GroupBy, func, named(func))


_install()
