"""`DataFrame`: what it tells of itself, and the methods that make other columns or rows of it.

Most of its methods are not here.  Those that only name a function of pandas' are made from
`tables.py`, and families (groups, joins, windows, order, ...) have a module each beside this one,
from which they are put into the class.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from shoal.dataframe.collection.align import wrapped
from shoal.dataframe.collection.base import (
    FrameBase,
    aligned,
    check_axis,
    collection_types,
    from_node,
    nearest,
    operand,
    refuse,
)
from shoal.dataframe.collection.columns import (
    asked_of_columns,
    check_assigned,
    chosen,
    has_levels,
    labels_of,
    relabelled,
    whole_columns,
)
from shoal.dataframe.collection.distinct import distinct_rows, kept_of_equals, with_labels
from shoal.dataframe.collection.generate import (
    install_methods,
    install_operators,
)
from shoal.dataframe.collection.groupby import GroupBy
from shoal.dataframe.collection.groupkeys import as_bins
from shoal.dataframe.collection.indexing import (
    Locator,
    PositionLocator,
    filtered,
    is_array,
    is_mask,
)
from shoal.dataframe.collection.joins import merge
from shoal.dataframe.collection.levels import grouped_by_level
from shoal.dataframe.collection.order import set_index, shuffle, sort_values
from shoal.dataframe.collection.partitioning import repartition
from shoal.dataframe.collection.series import Series
from shoal.dataframe.io.memory import from_dict
from shoal.dataframe.kernels import rows
from shoal.dataframe.kernels.agreement import Held
from shoal.dataframe.meta import make_meta, told_meta, untold
from shoal.dataframe.nodes.rowwise import Assign, Column, MapPartitions, Project, ResetIndex
from shoal.expr.annotate import current_annotations

__all__ = ["DataFrame"]


class DataFrame(FrameBase):
    """A table in partitions, each a pandas frame.

    Parameters
    ----------
    node
        The expression; made by functions such as `from_pandas` and `read_parquet`, not by hand.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"k": ["a", "b", "a"], "x": [1, 2, 3]}, npartitions=2)
    >>> df.groupby("k").x.sum().compute().to_dict()
    {'a': 4, 'b': 2}
    """

    __slots__ = ()

    # ------------------------------------------------------------------------- what it tells

    @property
    def columns(self) -> Any:
        """The names of the columns."""
        return self._meta.columns

    @columns.setter
    def columns(self, columns: Any) -> None:
        if len(columns) != len(self.columns):
            raise ValueError(
                f"Length mismatch: Expected axis has {len(self.columns)} elements, new values have "
                f"{len(columns)} elements"
            )
        object.__setattr__(self, "_node", self._with_columns(columns)._node)

    @classmethod
    def from_dict(cls, data: Any, **kwargs: Any) -> Any:
        """A frame of a dict of columns, as `shoal.dataframe.from_dict`.

        Parameters
        ----------
        data
            Columns by name.
        **kwargs
            Of the function.

        Examples
        --------
        >>> from shoal.dataframe import DataFrame
        >>> DataFrame.from_dict({"x": [1, 2]}, npartitions=2).npartitions
        2
        """
        return from_dict(data, **kwargs)

    def _asked_of_columns(self, method: str, told: dict[str, Any]) -> Any:
        return asked_of_columns(self, method, told)

    def _with_columns(self, columns: Any) -> Any:
        new = columns if isinstance(columns, pd.Index) else pd.Index(columns)
        return relabelled(self, range(len(new)), new)

    @property
    def dtypes(self) -> Any:
        """The dtypes of the columns."""
        return self._meta.dtypes

    @property
    def index(self) -> Any:
        """The labels of the rows."""
        return self._attribute("index")

    @index.setter
    def index(self, index: Any) -> None:
        object.__setattr__(self, "_node", with_labels(self, index)._node)

    @property
    def axes(self) -> list[Any]:
        """Index and columns."""
        return [self.index, self.columns]

    @property
    def shape(self) -> tuple[Any, int]:
        """How many rows, not computed yet, and how many columns."""
        return (self._reduce("len", reads=frozenset()), len(self.columns))

    @property
    def size(self) -> Any:
        """How many values, not computed yet."""
        return self._reduce("size")

    @property
    def empty(self) -> bool:
        """Whether there are no rows; computes it."""
        return len(self.columns) == 0 or len(self) == 0

    @property
    def values(self) -> Any:
        """The values as an array, a block a partition."""
        return self.to_dask_array()

    @property
    def loc(self) -> Locator:
        """Rows by label."""
        return Locator(self)

    @property
    def iloc(self) -> PositionLocator:
        """Columns by position."""
        return PositionLocator(self)

    def __dir__(self) -> list[str]:
        names = [str(name) for name in self.columns if str(name).isidentifier()]
        return [*super().__dir__(), *names]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.columns)

    def __contains__(self, name: Any) -> bool:
        return name in self.columns

    @property
    def T(self) -> Any:
        """Rows as columns, of a frame of one partition."""
        return self.transpose()

    def items(self) -> Iterator[tuple[Any, Any]]:
        """Pairs of the name of a column and the column."""
        return ((name, self[name]) for name in self.columns)

    def keys(self) -> Any:
        """The names of the columns."""
        return self.columns

    # ----------------------------------------------------------------------------- columns

    def __getitem__(self, key: Any) -> Any:
        if callable(key):
            return self[key(self)]
        if isinstance(key, FrameBase):
            return self.where(key) if key.ndim == 2 else filtered(self, key)
        if is_mask(key):
            return filtered(self, key)
        if isinstance(key, slice) or is_array(key):
            return self.loc[key]
        if isinstance(key, list | np.ndarray | pd.Index | pd.Series):
            return self._select(list(key))
        try:
            known = key in self.columns
        except TypeError:
            known = False
        if not known:
            raise KeyError(f"{key!r} is not a column{nearest(key, self.columns)}")
        if has_levels(self):
            return chosen(self, lambda probe: probe[key])
        return from_node(Column(self._node, key))

    def _select(self, names: list[Any]) -> Any:
        missing = [name for name in names if name not in self.columns]
        if missing:
            raise KeyError(f"{missing} not in the columns{nearest(missing[0], self.columns)}")
        if has_levels(self):
            return chosen(self, lambda probe: probe[names])
        return from_node(Project(self._node, tuple(names)))

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("__"):
            columns = self._node.meta.columns
            if name in columns:
                return self[name]
            refuse("DataFrame", name)
            raise AttributeError(
                f"a DataFrame has no attribute or column {name!r}"
                f"{nearest(name, [*columns, *dir(type(self))])}"
            )
        raise AttributeError(name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.columns and not hasattr(type(self), name):
            self[name] = value
        else:
            object.__setattr__(self, name, value)

    def __setitem__(self, key: Any, value: Any) -> None:
        if isinstance(key, FrameBase):
            new = self.mask(key, value)
        elif isinstance(key, pd.Index | list) or self._is_list(key, value):
            values = (
                [value[name] for name in value.columns] if isinstance(value, DataFrame) else None
            )
            new = self._assigned(dict(zip(key, values or [value] * len(key), strict=True)))
        else:
            new = self._assigned({key: value})
        object.__setattr__(self, "_node", new._node)

    def _is_list(self, key: Any, value: Any) -> bool:
        """Whether a tuple stands for several columns, which are assigned those of a frame."""
        several = isinstance(key, tuple) and isinstance(value, DataFrame)
        return several and not has_levels(self) and key not in self.columns

    def __delitem__(self, name: Any) -> None:
        object.__setattr__(self, "_node", self.drop(columns=name)._node)

    def pop(self, item: Any) -> Any:
        """A column, which is dropped from the frame.

        Parameters
        ----------
        item
            Its name.
        """
        column = self[item]
        del self[item]
        return column

    def assign(self, **kwargs: Any) -> Any:
        """A frame with columns added or replaced.

        Parameters
        ----------
        **kwargs
            Series, scalars, or functions of the frame, by name.

        Examples
        --------
        >>> from shoal.dataframe import from_dict
        >>> df = from_dict({"x": [1, 2]}, npartitions=2)
        >>> df.assign(y=df.x * 2).compute().y.tolist()
        [2, 4]
        """
        out = self.copy()
        for name, value in kwargs.items():
            out = out._assigned({name: value(out) if callable(value) else value})
        return out

    def _assigned(self, columns: dict[Any, Any]) -> Any:
        if has_levels(self):
            columns = whole_columns(self, columns)
        for name, value in columns.items():
            check_assigned(name, value)
        values = [operand(value, self) for value in columns.values()]
        values = [wrapped(value) for value in values]
        source, *values = aligned([self._node, *values], "assign", match="once", along=False)
        return from_node(Assign(source, tuple(columns), tuple(values)))

    def to_frame(self) -> Any:
        """Itself."""
        return self.copy()

    def reset_index(self, drop: bool = False) -> Any:
        """The index as a column, and numbers within each partition in its place.

        Parameters
        ----------
        drop
            Leave out the old index.
        """
        return from_node(ResetIndex(self._node, drop, annotations=current_annotations()))

    def apply(
        self, function: Any, axis: Any = 0, args: Any = (), meta: Any = None, **kwargs: Any
    ) -> Any:
        """Apply a function to every row.

        Parameters
        ----------
        function
            Called with a row, then ``args`` and ``kwargs``.
        axis
            1; columns as a whole are in several partitions.
        args, **kwargs
            More arguments.
        meta
            What the result looks like; without it, the function is called on made-up rows.

        Examples
        --------
        >>> from shoal.dataframe import from_dict
        >>> df = from_dict({"x": [1, 2], "y": [3, 4]}, npartitions=2)
        >>> df.apply(lambda row: row.x + row.y, axis=1, meta=(None, int)).compute().tolist()
        [4, 6]
        """
        if axis not in (1, "columns"):
            raise NotImplementedError(
                "apply(axis=0) needs whole columns; pass axis=1, or use map_partitions or reduction"
            )
        options = {"axis": 1, "args": tuple(args), **kwargs}
        inferred = untold(meta)
        if inferred:
            meta = told_meta(rows.call_method, self._meta, "apply", function, **options)
        meta = make_meta(meta, index=self._meta.index)
        whole = (self._node, "apply", function, *options.values())
        call = rows.call_method if inferred else Held(rows.call_method, meta, "apply")
        return from_node(MapPartitions(call, whole, tuple(options), meta, None, "apply"))

    # ---------------------------------------------------------------------- all partitions

    def groupby(self, by: Any = None, **options: Any) -> Any:
        """Group rows.

        Parameters
        ----------
        by
            A column, a series, a function or mapping of labels, a `pandas.Grouper`, or a list.
        **options
            ``level``, ``sort``, ``dropna``, ``observed``, ``group_keys``, ``as_index``, as pandas
            has them.

        Examples
        --------
        >>> from shoal.dataframe import from_dict
        >>> df = from_dict({"k": [1, 1, 2], "x": [1, 2, 3]}, npartitions=2)
        >>> df.groupby("k").mean().compute().x.tolist()
        [1.5, 3.0]
        """
        bins = as_bins(self, by, options)
        if bins is not None:
            return bins
        return (grouped_by_level if has_levels(self) else GroupBy)(self, by, **options)

    def drop_duplicates(
        self, subset: Any = None, split_every: Any = None, split_out: int = 1, **options: Any
    ) -> Any:
        """The rows without repetitions.

        Parameters
        ----------
        subset
            Columns that tell rows apart.
        split_every
            How many partial results a task combines.
        split_out
            How many partitions the result has; True for as many as there are.
        **options
            As pandas has them.
        """
        if subset is not None:
            options["subset"] = labels_of(self, subset)
        if options.get("keep", "first") is False and not options.get("ignore_index"):
            return self[~self.duplicated(options.get("subset"), keep=False)]
        return distinct_rows(self, split_every, split_out, options)

    def nunique(self, axis: Any = 0, dropna: bool = True, split_every: Any = None) -> Any:
        """How many distinct values each column has.

        Parameters
        ----------
        axis
            1 for rows.
        dropna
            Whether missing values count.
        split_every
            How many partial results a task combines.
        """
        if check_axis(self, axis) == 1:
            return self._rowwise("nunique", axis=1, dropna=dropna)
        return self._reduce("nunique", split_every=split_every, dropna=dropna)

    def nlargest(
        self, n: int, columns: Any, split_every: Any = None, *, keep: str = "first"
    ) -> Any:
        """The rows with the largest values; no more than n a partition are kept on the way.

        Parameters
        ----------
        n
            How many.
        columns
            By which.
        split_every
            How many partial results a task combines.
        keep
            Which of equal ones: "first", "last", or "all" of them, even if these are more than n.
        """
        names = labels_of(self, columns)
        told = {"n": n, "columns": names, **kept_of_equals(keep)}
        return self._reduce("nlargest", None, split_every, self._meta, **told)

    def nsmallest(
        self, n: int, columns: Any, split_every: Any = None, *, keep: str = "first"
    ) -> Any:
        """The rows with the smallest values; no more than n a partition are kept on the way.

        Parameters
        ----------
        n
            How many.
        columns
            By which.
        split_every
            How many partial results a task combines.
        keep
            Which of equal ones: "first", "last", or "all" of them, even if these are more than n.
        """
        names = labels_of(self, columns)
        told = {"n": n, "columns": names, **kept_of_equals(keep)}
        return self._reduce("nsmallest", None, split_every, self._meta, **told)

    merge = merge
    set_index = set_index
    sort_values = sort_values
    shuffle = shuffle

    def join(
        self,
        other: Any,
        on: Any = None,
        how: str = "left",
        lsuffix: str = "",
        rsuffix: str = "",
        npartitions: int | None = None,
        shuffle_method: str | None = None,
    ) -> Any:
        """Join with another frame by its index, or with several one after the other.

        Parameters
        ----------
        other
            A frame, or a series with a name.
        on
            Columns of this frame; its index by default.
        how, lsuffix, rsuffix
            As pandas has them.
        npartitions
            Of the result.
        shuffle_method
            Accepted for programs written for Dask.
        """
        if isinstance(other, list | tuple):
            if on is not None:
                raise ValueError("Joining multiple DataFrames only supported for joining on index")
            out = self.copy()
            for one in other:
                out = out.join(one, how=how, npartitions=npartitions)
            return out
        other = other.to_frame() if isinstance(other, Series) else other
        crossed = how == "cross"
        return merge(
            self,
            other,
            how=how,
            left_on=on,
            left_index=on is None and not crossed,
            right_index=not crossed,
            suffixes=(lsuffix, rsuffix),
            npartitions=npartitions,
            shuffle_method=shuffle_method,
        )


FrameBase.repartition = repartition  # type: ignore[attr-defined]
install_methods(DataFrame, pd.DataFrame)
install_operators(DataFrame)
collection_types.register(pd.DataFrame, lambda _: DataFrame)
