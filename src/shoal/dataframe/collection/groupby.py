"""Rows in groups.

`GroupBy` holds the frame, the keys and the options.  Aggregations that can be folded become one
`Reduce` with a `GroupReducer`, so several of them are computed in one pass.  Everything else that
pandas does to groups is done by pandas, after the rows of each group have been brought together.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from shoal.dataframe.collection.align import aligned
from shoal.dataframe.collection.base import (
    check_shuffle_method,
    check_split_every,
    from_node,
    nearest,
    refuse,
)
from shoal.dataframe.collection.generate import check_columns
from shoal.dataframe.collection.groupkeys import keys_of
from shoal.dataframe.collection.groupwindows import (
    RollingGroupby,
    ewm,
    expanding,
    refuse_collections,
    resample,
    rolling,
)
from shoal.dataframe.collection.partitioning import repartition
from shoal.dataframe.collection.tables import (
    GROUP_METHODS,
    LIKE_ROWS,
    SOME_ROWS,
)
from shoal.dataframe.kernels import rows
from shoal.dataframe.kernels.agreement import Held
from shoal.dataframe.kernels.groups import AGGREGATIONS, Aggregate, Aggregation, GroupReducer
from shoal.dataframe.kernels.places import with_places
from shoal.dataframe.kernels.totals import is_decimal, is_wide
from shoal.dataframe.kernels.wholegroups import (
    added_name,
    call_and_place,
    call_by_group,
    group_numbers,
    group_of,
    in_group_order,
    without_keys,
)
from shoal.dataframe.meta import MetaError, make_meta, objects_as_numbers, sample_of, untold
from shoal.dataframe.nodes.homeward import Homeward
from shoal.dataframe.nodes.moves import Shuffle
from shoal.dataframe.nodes.reduce import Reduce
from shoal.dataframe.nodes.rowwise import Assign, MapEach, MapPartitions, Project
from shoal.expr.annotate import current_annotations

__all__ = ["Aggregation", "GroupBy", "RollingGroupby", "SeriesGroupBy", "plain_functions"]

TOLD_OPTIONS = {
    "sort": "Whether groups are in the order of their keys.",
    "dropna": "Whether rows with a missing key are left out.",
    "observed": "Whether only categories that are there make groups.",
    "group_keys": "Whether results of ``apply`` are labelled by the keys, too.",
}
"""Options of groupings that are attributes, and what they say; all are True by default."""

KNOWN_OPTIONS = {*TOLD_OPTIONS, "as_index"}


UNFOLDED = {"M": ("sum", "mean", "var", "std", "sem", "prod"), "m": ("var", "std", "sem", "prod")}
"""Aggregations of times and of spans, by the kind of dtype, that need the rows of a group."""

PLAIN_OPTIONS = {"skipna": True, "dropna": True, "engine": None, "engine_kwargs": None}
"""Options of aggregations that change nothing where they have these values."""

FOLDED_OPTIONS = {"ddof", "min_count"}
"""Options of aggregations that can be folded; with others the rows of a group are needed."""


class GroupBy:
    """Rows of a frame in groups; `DataFrame.groupby` makes it.

    Parameters
    ----------
    frame
        A frame.
    by
        A column, a series, a function of the labels, or a list of these.
    columns
        A column, or a list, that is aggregated; None for all.
    unnamed
        Whether the one column stands for a series without a name.
    level
        Levels of the index, where there is no ``by``.
    **options
        ``sort``, ``dropna``, ``observed``, ``group_keys``, ``as_index``.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"k": [1, 1, 2], "x": [1, 2, 3]}, npartitions=2)
    >>> GroupBy(df, "k").x.agg(["min", "max"]).compute().values.tolist()
    [[1, 2], [3, 3]]
    """

    def __init__(
        self,
        frame: Any,
        by: Any,
        columns: Any = None,
        *,
        unnamed: bool = False,
        level: Any = None,
        **options: Any,
    ) -> None:
        if set(options) - KNOWN_OPTIONS:
            raise TypeError(
                f"groupby takes {sorted(KNOWN_OPTIONS)}, got {sorted(set(options) - KNOWN_OPTIONS)}"
            )
        self.frame = frame
        self.keys = keys_of(frame, by, level)
        self.columns = columns
        self.unnamed = unnamed
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

    @property
    def _sampled(self) -> Any:
        return self._on(sample_of(self.frame._meta))

    def __getitem__(self, columns: Any) -> GroupBy:
        several = isinstance(columns, list | tuple | np.ndarray | pd.Index | pd.Series)
        if several and not (isinstance(columns, tuple) and columns in self.frame.columns):
            if isinstance(columns, tuple) and len(columns) > 1:
                raise ValueError(
                    "Cannot subset columns with a tuple with more than one element. Use a list "
                    "instead."
                )
            columns = list(columns)
        wanted = columns if isinstance(columns, list) else [columns]
        for name in wanted:
            if name not in self.frame.columns:
                raise KeyError(f"Column not found: {name!r}{nearest(name, self.frame.columns)}")
        kind = GroupBy if isinstance(columns, list) else SeriesGroupBy
        return kind(self.frame, self._by(), columns, **self.options)

    def __getattr__(self, name: str) -> GroupBy:
        if not name.startswith("_") and name in self.frame.columns:
            return self[name]
        refuse("GroupBy", name)
        names = [*self.frame.columns, *dir(type(self))]
        raise AttributeError(f"a GroupBy has no attribute or column {name!r}{nearest(name, names)}")

    @property
    def obj(self) -> Any:
        """The frame or series whose rows are grouped."""
        return self.frame

    @property
    def by(self) -> list[Any]:
        """The keys: names of columns, and series."""
        return self._by()

    @property
    def ngroups(self) -> Any:
        """How many groups there are, not computed yet."""
        return self.aggregate("size").size

    @property
    def ndim(self) -> int:
        """2 for frames, 1 for series."""
        return 2 if self.columns is None or isinstance(self.columns, list) else 1

    def __dir__(self) -> list[str]:
        names = [str(name) for name in self.frame.columns if str(name).isidentifier()]
        return [*super().__dir__(), *names]

    def _by(self) -> list[Any]:
        return [from_node(key) if hasattr(key, "meta") else key for key in self.keys]

    # ------------------------------------------------------------------------- aggregations

    def aggregate(
        self,
        arg: Any = None,
        split_every: Any = None,
        split_out: Any = 1,
        shuffle_method: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Aggregate: with one function, a list, a dict by column, or keywords.

        Functions are names, `Aggregation`, or functions; those that cannot be folded are called
        when the rows of each group have been brought together.

        Parameters
        ----------
        arg
            What to compute.
        split_every
            How many partial results a task combines.
        split_out
            How many partitions the result has; True for as many as there are.
        shuffle_method
            Accepted for programs written for Dask.
        **kwargs
            ``name=(column, function)``.

        Examples
        --------
        >>> from shoal.dataframe import from_dict
        >>> df = from_dict({"k": [1, 1, 2], "x": [1, 2, 3]}, npartitions=2)
        >>> df.groupby("k").agg({"x": "sum"}).compute().x.tolist()
        [3, 3]
        """
        check_shuffle_method(shuffle_method)
        check_split_every(split_every)
        if isinstance(arg, dict) and self.ndim == 2:
            check_columns(self.frame, list(arg))
        if arg is None and not kwargs:
            raise TypeError("Must provide 'func' or tuples of '**kwargs'.")
        aggregates = self._aggregates(arg, kwargs)
        if aggregates is None:
            meta = make_meta(_asked(self, lambda some: some.agg(arg, **kwargs)))
            count = self._count(split_out, split_every)
            args = () if arg is None else (arg,)
            return self._moved("agg", args, kwargs, meta, count)
        plain = plain_functions(arg)
        named = {k: plain_functions(v) for k, v in kwargs.items()}
        meta = make_meta(_asked(self, lambda some: some.agg(plain, **named)))
        return self._aggregated(aggregates, meta, split_every, split_out)

    agg = aggregate

    def _values(self) -> list[Any]:
        """The columns that one function is applied to."""
        if self.columns is not None:
            return list(self.columns) if isinstance(self.columns, list) else [self.columns]
        taken = {key for key in self.keys if not hasattr(key, "meta")}
        return [name for name in self.frame.columns if name not in taken]

    def _aggregates(self, arg: Any, named: dict[str, Any]) -> list[Aggregate] | None:
        """What is folded; None if something cannot be."""
        if named and arg is not None:
            return None
        pairs = _pairs(arg, named, self._values(), self.columns)
        found = [_aggregate(column, func) for column, func in pairs]
        if None in found or not all(map(self._folds, found)):
            return None
        return found  # type: ignore[return-value]

    def _folds(self, one: Any) -> bool:
        """Whether results of partitions can be folded: sums of points in time cannot."""
        meta = self.frame._meta
        dtype = None if one.column is None or meta.ndim < 2 else meta.dtypes.get(one.column)
        refused = UNFOLDED.get(getattr(dtype, "kind", ""), ())
        return one.func not in refused

    def _wide(self) -> frozenset[Any]:
        """The columns whose sums may need more than 64 bits."""
        meta = self.frame._meta
        pairs = meta.dtypes.items() if meta.ndim == 2 else [(meta.name, meta.dtype)]
        return frozenset(name for name, dtype in pairs if is_wide(dtype))

    def _aggregated(
        self, aggregates: list[Aggregate], meta: Any, split_every: Any, split_out: Any
    ) -> Any:
        as_index = self.options.get("as_index", True)
        labels, name = None, None
        if isinstance(meta, pd.DataFrame):
            labels = meta.columns if as_index else meta.columns[-len(aggregates) :]
        else:
            meta = meta.rename(None) if self.unnamed else meta
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
            self._wide(),
            _decimals(self.frame._meta),
        )
        series = [key for key in self.keys if hasattr(key, "meta")]
        args = tuple(aligned([self.frame._node, *series], "groupby", match="once", along=False))
        count = self._count(split_out, None) if split_out is not None else 1
        if _has_unobserved(self):
            count = 1  # each partition would have all categories
        node = Reduce(args, reducer, meta, split_every, count, annotations=current_annotations())
        return _counted(from_node(node), aggregates)

    def _named(self, func: str, split_every: Any, split_out: Any, options: dict[str, Any]) -> Any:
        check_split_every(split_every)
        numeric = options.pop("numeric_only", None)
        told = {"numeric_only": numeric} if numeric is not None else {}
        options = {k: v for k, v in options.items() if (k, v) not in PLAIN_OPTIONS.items()}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            meta = make_meta(_asked(self, lambda some: getattr(some, func)(**told, **options)))
        columns = self._values()
        if func == "size":
            aggregates = [Aggregate(None, "size")]
        else:
            if isinstance(meta, pd.DataFrame):
                columns = [name for name in columns if name in meta.columns]
            aggregates = [Aggregate(name, func, tuple(options.items())) for name in columns]
        if not aggregates:
            return self._moved(func, (), {**told, **options}, meta)
        if not all(map(self._folds, aggregates)) or set(options) - FOLDED_OPTIONS:
            count = {"split_out": split_out, "split_every": split_every}
            return self._method(func, (), {**told, **options, **count})
        return self._aggregated(aggregates, meta, split_every, split_out)

    # -------------------------------------------------------------------- whole groups

    def apply(
        self,
        func: Callable[..., Any],
        *args: Any,
        meta: Any = None,
        shuffle_method: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Apply a function to each group; its rows are brought together first.

        Parameters
        ----------
        func
            Called with a frame or series and the other arguments.
        *args, **kwargs
            More arguments.
        meta
            What the result looks like; without it, the function is called on made-up rows.
        shuffle_method
            Accepted for programs written for Dask.

        Examples
        --------
        >>> from shoal.dataframe import from_dict
        >>> df = from_dict({"k": [1, 1, 2], "x": [1, 2, 3]}, npartitions=2)
        >>> df.groupby("k").x.apply(max, meta=("x", "int64")).compute().sort_index().to_dict()
        {1: 2, 2: 3}
        """
        check_shuffle_method(shuffle_method)
        if kwargs.pop("include_groups", False):
            raise ValueError("include_groups=True is no longer allowed.")
        return self._with_function("apply", func, args, kwargs, meta)

    def transform(
        self, func: Any, *args: Any, meta: Any = None, shuffle_method: Any = None, **kwargs: Any
    ) -> Any:
        """Apply a function that gives a value for each row of a group.

        Parameters
        ----------
        func
            A function, or the name of one of pandas'.
        *args, **kwargs
            More arguments.
        meta
            What the result looks like.
        shuffle_method
            Accepted for programs written for Dask.
        """
        check_shuffle_method(shuffle_method)
        return self._with_function("transform", func, args, kwargs, meta)

    def pipe(self, func: Any, *args: Any, **kwargs: Any) -> Any:
        """``func(self, *args, **kwargs)``, for chains.

        Parameters
        ----------
        func
            A function.
        *args, **kwargs
            More arguments.
        """
        return func(self, *args, **kwargs)

    def _with_function(self, method: str, func: Any, args: Any, kwargs: Any, meta: Any) -> Any:
        told = not untold(meta)
        if not told:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    meta = make_meta(getattr(self._sampled, method)(func, *args, **kwargs))
            except Exception as error:
                if isinstance(func, str):
                    raise
                raise MetaError(
                    f"what groupby.{method} of {getattr(func, '__name__', func)!r} returns could "
                    f"not be found out: on a made-up sample it raised {type(error).__name__}: "
                    f"{error}. Pass meta="
                ) from error
            if callable(func):
                warnings.warn(
                    "`meta` is not specified, inferred from partial data: the function was called "
                    "on made-up rows. Please provide `meta` if the result is unexpected. It was "
                    f"taken to be {meta.dtypes.to_dict() if meta.ndim == 2 else meta.dtype}",
                    UserWarning,
                    stacklevel=3,
                )
        meta = make_meta(meta, index=self.frame._meta.index)
        if method == "transform":
            return self._placed(method, (func, *args), kwargs, meta)
        return self._moved(method, (func, *args), kwargs, meta, told=told)

    def _count(self, split_out: Any, split_every: Any) -> int:
        """How many partitions the result has."""
        before = int(self.frame.npartitions)
        if split_out is True or split_out is None:
            return max(before // int(split_every), 1) if split_every else before
        return max(int(split_out), 1)

    def _whole(self, count: int | None) -> tuple[Any, tuple[Any, ...]]:
        """The frame with the rows of each group in one partition, and the names of the keys."""
        node, names = self._with_keys()
        node = self._selected(node, names)
        count = self.frame.npartitions if count is None else count
        return Shuffle(node, names, count), names

    def _with_keys(self) -> tuple[Any, tuple[Any, ...]]:
        """The frame with keys that are series as columns, and the names of the keys."""
        node, names = self.frame._node, []
        series = [key for key in self.keys if hasattr(key, "meta")]
        node, *moved = aligned([node, *series], "groupby", match="once", along=False)
        given = iter(moved)
        for i, key in enumerate(self.keys):
            if hasattr(key, "meta"):
                name = added_name(i, key.meta.name)
                node = Assign(node, (name,), (next(given),))
                names.append(name)
            else:
                names.append(key)
        return node, tuple(names)

    def _selected(self, node: Any, names: Sequence[Any]) -> Any:
        """The keys, and the columns that are asked for: no others have to be moved."""
        if self.columns is None:
            return node
        wanted = [self.columns] if self.ndim == 1 else list(self.columns)
        return Project(node, tuple(dict.fromkeys([*names, *wanted])))

    def _moved(
        self,
        method: str,
        args: Sequence[Any],
        kwargs: dict[str, Any],
        meta: Any,
        count: int | None = None,
        window: Any = None,
        told: bool = False,
    ) -> Any:
        """A method of pandas' groupings, on partitions that have whole groups."""
        # Categories that no row has would be there once for each partition.
        node, names = self._whole(1 if _has_unobserved(self) else count)
        if self.unnamed and isinstance(meta, pd.Series):
            meta = meta.rename(None)
        spec = (names, self.columns, tuple(self.options.items()), window, self.unnamed)
        whole = (node, spec, method, tuple(args), tuple(kwargs.items()))
        unknown = (None,) * (node.npartitions + 1)
        title = f"groupby-{method}"
        call = Held(call_by_group, meta, f"groupby.{method}") if told else call_by_group
        return from_node(MapPartitions(call, whole, (), meta, unknown, title))

    def _placed(
        self, method: str, args: Sequence[Any], kwargs: Any, meta: Any, some: bool = False
    ) -> Any:
        """A method of pandas' that keeps rows: they go to their group, and come back."""
        numbers = tuple(range(self.frame.npartitions))
        node, names = self._with_keys()
        origin = node = self._selected(node, names)
        meta_there = with_places(node.meta, 0)
        node = MapEach(with_places, (node,), (), numbers, meta_there, None, "places")
        node = Shuffle(node, names, self.frame.npartitions)
        spec = (names, self.columns, tuple(self.options.items()), None, self.unnamed)
        meta = meta.rename(None) if self.unnamed and isinstance(meta, pd.Series) else meta
        whole = (node, spec, method, tuple(args), tuple(kwargs.items()), some)
        unknown = (None,) * (node.npartitions + 1)
        there = meta.to_frame() if meta.ndim == 1 else meta
        there = with_places(there, 0)
        moved = MapPartitions(call_and_place, whole, (), there, unknown, f"groupby-{method}")
        roots = () if some else tuple(sorted(origin.row_roots))
        key = "" if some else origin.row_key
        return from_node(Homeward(moved, meta, tuple(self.frame.divisions), roots, key))

    def ngroup(self, ascending: bool = True) -> Any:
        """The number of each row's group, in the order of groups.

        Parameters
        ----------
        ascending
            False to count from the last group.

        Examples
        --------
        >>> from shoal.dataframe import from_dict
        >>> df = from_dict({"k": [5, 3, 5], "x": [1, 2, 3]}, npartitions=2)
        >>> df.groupby("k").ngroup().compute().tolist()
        [1, 0, 1]
        """
        node, names = self._with_keys()
        # Groups without rows have no number.
        options = {**self.options, "as_index": True, "observed": True}
        table = GroupBy(self.frame, self._by(), None, **options).aggregate("size")
        spec = (names, None, tuple(options.items()), None, False)
        # From the last group down, as pandas counts: from the last there could be.
        last = None if ascending else self._table()._node
        args = (node, spec, table._node, last)
        meta = pd.Series([], dtype="int64", index=self.frame._meta.index)
        return from_node(MapPartitions(group_numbers, args, (), meta, None, "groupby-ngroup"))

    def _table(self) -> Any:
        """A series with a row for each group, in their order."""
        options = {**self.options, "as_index": True}
        return GroupBy(self.frame, self._by(), None, **options).aggregate("size")

    def _method(self, method: str, args: Any, kwargs: dict[str, Any]) -> Any:
        split_out = kwargs.pop("split_out", 1)
        split_every = kwargs.pop("split_every", None)
        check_split_every(split_every)
        meta = kwargs.pop("meta", None)
        _refuse_arguments(self, method, [*args, *kwargs.values()], kwargs)
        check_shuffle_method(kwargs.pop("shuffle_method", None))
        if kwargs.get("axis", 0) in (None, 0):
            kwargs.pop("axis", None)
        if untold(meta):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)
                meta = _asked(self, lambda some: _called(getattr(some, method), args, kwargs))
        meta = make_meta(meta, index=self.frame._meta.index)
        if method in LIKE_ROWS or method in SOME_ROWS:
            return self._placed(method, args, kwargs, meta, method in SOME_ROWS)
        if split_out is not True and int(split_out or 1) == 1:
            return self._ordered(method, args, kwargs, meta)
        return self._moved(method, args, kwargs, meta, self._count(split_out, split_every))

    def _ordered(self, method: str, args: Any, kwargs: Any, meta: Any) -> Any:
        """Results of groups in one partition, in the order of the groups."""
        as_index = self.options.get("as_index", True)
        names = [key.meta.name if hasattr(key, "meta") else key for key in self.keys]
        labels = meta.index.names if as_index else getattr(meta, "columns", ())
        first = [one[0] if isinstance(one, tuple) else one for one in labels[: len(names)]]
        if names != first:
            # pandas leaves the keys out, which are needed to find the order.
            told = {**self.options, "as_index": True, "group_keys": True}
            again = type(self)(self.frame, self._by(), self.columns, **told)
            whole = again._method(method, args, dict(kwargs))
            there = (whole._node, len(names))
            return from_node(MapPartitions(without_keys, there, (), meta, None, method))
        whole = repartition(self._moved(method, args, kwargs, meta), npartitions=1)
        args = (whole._node, len(names), as_index)
        if not self.options.get("sort", True):
            args = (*args, self._table()._node)
        return from_node(MapPartitions(in_group_order, args, (), whole._meta, None, "in-order"))

    def get_group(self, name: Any) -> Any:
        """The rows of one group.

        Parameters
        ----------
        name
            The key, or a tuple of several.

        Examples
        --------
        >>> from shoal.dataframe import from_dict
        >>> df = from_dict({"k": [1, 1, 2], "x": [1, 2, 3]}, npartitions=2)
        >>> df.groupby("k").get_group(1).x.compute().tolist()
        [1, 2]
        """
        keys = [key for key in self.keys if hasattr(key, "meta")]
        items = aligned([self.frame._node, *keys], "get_group", match="once", along=False)
        by = tuple([None if hasattr(key, "meta") else key for key in self.keys])
        meta = self.frame._meta
        if self.columns is not None:
            meta = meta[self.columns]
        whole = (items[0], by, self.columns, name, *items[1:])
        return from_node(MapPartitions(group_of, whole, (), meta, None, "get-group"))

    def compute(self, **kwargs: Any) -> Any:
        """Refused: a grouping is no result.

        Parameters
        ----------
        **kwargs
            Ignored.
        """
        raise NotImplementedError(
            "DataFrameGroupBy does not allow compute method. Please chain it with an aggregation "
            "method (like ``.mean()``) or get a specific group using ``.get_group()`` before "
            "calling ``compute()``"
        )

    def __iter__(self) -> Any:
        raise NotImplementedError(
            "Iteration of DataFrameGroupBy objects requires computing the groups which may be "
            "slow. You probably want to use 'apply' to execute a function for all the columns. To "
            "access individual groups, use 'get_group'"
        )


def _has_unobserved(groups: GroupBy) -> bool:
    """Whether categories that no row has make groups, too."""
    kinds = [
        key.meta.dtype if hasattr(key, "meta") else groups.frame._meta.dtypes[key]
        for key in groups.keys
    ]
    categories = any(isinstance(kind, pd.CategoricalDtype) for kind in kinds)
    return categories and not groups.options.get("observed", True)


class SeriesGroupBy(GroupBy):
    """Values of a series in groups; ``df.groupby("k").x`` makes it.

    Parameters
    ----------
    frame, by, columns, unnamed, **options
        As `GroupBy` has them; ``columns`` is one.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"k": [1, 1, 2], "x": [1, 2, 3]}, npartitions=2)
    >>> type(df.groupby("k").x).__name__
    'SeriesGroupBy'
    """

    def __getitem__(self, columns: Any) -> GroupBy:
        raise KeyError(f"a series has no columns, got {columns!r}")

    def corr(self, other: Any, method: str = "pearson", min_periods: int = 1) -> Any:
        """The correlation with another series, by group.

        Parameters
        ----------
        other
            A series with the rows of the frame.
        method, min_periods
            As `pandas.Series.corr` has them.
        """
        return self._with_other("corr", other, method=method, min_periods=min_periods)

    def cov(self, other: Any, min_periods: int | None = None, ddof: int = 1) -> Any:
        """The covariance with another series, by group.

        Parameters
        ----------
        other
            A series with the rows of the frame.
        min_periods, ddof
            As `pandas.Series.cov` has them.
        """
        return self._with_other("cov", other, min_periods=min_periods, ddof=ddof)

    def _with_other(self, name: str, other: Any, **options: Any) -> Any:
        pair = self.frame._assigned({"__other": other})
        groups = GroupBy(pair, self._by(), [self.columns, "__other"], **self.options)
        meta = make_meta(self._sampled.count().astype("float64"))
        out = groups.apply(_of_pair, self.columns, name, options, meta=meta)
        return out.rename(self.columns)


def _asked(groups: GroupBy, ask: Callable[[Any], Any]) -> Any:
    """What pandas' grouping of a sample answers; columns of objects may be text or numbers."""
    try:
        return ask(groups._sampled)
    except (TypeError, ValueError):
        sample = objects_as_numbers(sample_of(groups.frame._meta))
        if sample is None:
            raise
        try:
            return ask(groups._on(sample))
        except (TypeError, ValueError):
            pass
        raise


def _decimals(meta: Any) -> tuple[tuple[Any, Any], ...]:
    """The columns of Arrow's decimals, with their dtypes."""
    pairs = meta.dtypes.items() if meta.ndim == 2 else [(meta.name, meta.dtype)]
    return tuple((name, dtype) for name, dtype in pairs if is_decimal(dtype))


def _called(found: Any, args: Any, kwargs: Any) -> Any:
    """What a method gives; an attribute as it is."""
    return found(*args, **kwargs) if callable(found) else found


def _of_pair(group: Any, column: Any, name: str, options: dict[str, Any]) -> Any:
    """A statistic of a column and the one beside it."""
    return getattr(group[column], name)(group["__other"], **options)


def _refuse_arguments(groups: GroupBy, method: str, values: Sequence[Any], named: Any) -> None:
    """What pandas' method takes, and cannot be done as pandas does it."""
    refuse_collections(method, values)
    if method == "value_counts" and named.get("bins") is not None:
        raise NotImplementedError(
            "groupby.value_counts(bins=): bins are those of all values; map_partitions with "
            "pandas.cut first, then count"
        )
    unordered = _has_unobserved(groups) and not groups.options.get("sort", True)
    if unordered and method in ("describe", "value_counts"):
        raise NotImplementedError(
            f"groupby(observed=False, sort=False).{method}: use sort=True, or observed=True"
        )


def plain_functions(arg: Any) -> Any:
    """A specification that pandas understands, with a sum in the place of an `Aggregation`.

    Parameters
    ----------
    arg
        What is aggregated how, as users write it.

    Examples
    --------
    >>> plain_functions({"x": ["sum", "max"]})
    {'x': ['sum', 'max']}
    """
    if isinstance(arg, Aggregation):
        return arg.named_size()
    if isinstance(arg, dict):
        return {name: plain_functions(one) for name, one in arg.items()}
    if isinstance(arg, tuple):
        return (
            type(arg)(*(plain_functions(one) for one in arg))
            if hasattr(arg, "_fields")
            else tuple(plain_functions(one) for one in arg)
        )
    return [plain_functions(one) for one in arg] if isinstance(arg, list) else arg


BY_FUNCTION = {
    list: "list",
    sum: "sum",
    min: "min",
    max: "max",
    len: "size",
    any: "any",
    all: "all",
}
"""Python's functions, by the names of aggregations that do the same for a group."""


def _counted(table: Any, aggregates: list[Aggregate]) -> Any:
    """Sizes of groups in the dtype that pandas gives them: that of a series has a kind like it."""
    meta = table._meta
    found = [meta.dtype] if meta.ndim == 1 else list(meta.dtypes)[-len(aggregates) :]
    labels = [None] if meta.ndim == 1 else meta.columns[-len(aggregates) :]
    dtypes = {
        label: dtype
        for label, dtype, one in zip(labels, found, aggregates, strict=True)
        if one.func == "size" and not isinstance(dtype, np.dtype)
    }
    if not dtypes:
        return table
    args = (table._node, "astype", dtypes if meta.ndim == 2 else found[0])
    return from_node(MapPartitions(rows.call_method, args, (), meta, None, "size"))


def _pairs(arg: Any, named: dict[str, Any], columns: list[Any], only: Any) -> list[tuple[Any, Any]]:
    """What is computed of which column, as users tell ``agg``."""
    if arg is None:
        return [
            (one[0], one[1]) if isinstance(one, tuple) else (only, one) for one in named.values()
        ]
    if isinstance(arg, dict):
        return [
            (column, func)
            for column, funcs in arg.items()
            for func in (funcs if isinstance(funcs, list) else [funcs])
        ]
    if arg == "size":
        return [(None, "size")]
    funcs = arg if isinstance(arg, list) else [arg]
    return [(column, func) for column in columns for func in funcs]


def _aggregate(column: Any, func: Any) -> Aggregate | None:
    if isinstance(func, Aggregation):
        return Aggregate(column, func)
    name = func if isinstance(func, str) else BY_FUNCTION.get(func) if callable(func) else None
    if name is None and getattr(func, "__module__", "") == "numpy":
        name = getattr(func, "__name__", None)
    if not isinstance(name, str) or name not in AGGREGATIONS or (name == "size" and column is None):
        return None
    return Aggregate(column if name != "size" else None, name)


def _install() -> None:
    def named(func: str) -> Callable[..., Any]:
        def method(
            self: Any,
            numeric_only: Any = None,
            *,
            split_every: Any = None,
            split_out: Any = 1,
            shuffle_method: Any = None,
            **options: Any,
        ) -> Any:
            if not isinstance(self, GroupBy):
                # ``agg(partial(GroupBy.var, ddof=0))``: pandas calls it with a group's values.
                return getattr(self, func)(**options)
            check_shuffle_method(shuffle_method)
            told = {} if numeric_only is None else {"numeric_only": numeric_only}
            return self._named(func, split_every, split_out, {**told, **options})

        method.__name__ = func
        method.__doc__ = f"As pandas' GroupBy.{func}, from partial results of the partitions."
        return method

    def whole(func: str) -> Callable[..., Any]:
        def method(self: GroupBy, *args: Any, **kwargs: Any) -> Any:
            return self._method(func, args, kwargs)

        method.__name__ = func
        method.__doc__ = f"As pandas' GroupBy.{func}; rows of a group are brought together first."
        return method

    def told(option: str, words: str) -> property:
        return property(lambda self: bool(self.options.get(option, True)), doc=words)

    for option, words in TOLD_OPTIONS.items():
        setattr(GroupBy, option, told(option, words))
    for func in AGGREGATIONS:
        if func != "list":
            setattr(GroupBy, func, named(func))
    for func in GROUP_METHODS.split():
        if func not in vars(GroupBy):
            method = whole(func)
            setattr(GroupBy, func, property(method) if func.startswith("is_") else method)
    for maker in (rolling, expanding, ewm, resample):
        setattr(GroupBy, maker.__name__, maker)


_install()
