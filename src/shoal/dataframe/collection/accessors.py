"""Accessors: ``s.str``, ``s.dt``, ``s.cat``, ``s.list``, ``s.struct``, and those of users.

What pandas does partition by partition comes from `tables.ACCESSORS`.  Written out are methods
whose result has a shape that depends on the values, and those about categories, which may be known
only when they are computed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from shoal.collection import compute
from shoal.dataframe.collection import tables
from shoal.dataframe.collection.align import aligned, wrapped
from shoal.dataframe.collection.base import FrameBase, from_node, operand
from shoal.dataframe.kernels import rows
from shoal.dataframe.kernels.calls import UserReducer
from shoal.dataframe.meta import (
    UNKNOWN_CATEGORIES,
    has_known_categories,
    meta_of_call,
    sample_of,
)
from shoal.dataframe.nodes.rowwise import MapPartitions

__all__ = [
    "Accessor",
    "CachedAccessor",
    "CategoricalAccessor",
    "DatetimeAccessor",
    "ListAccessor",
    "StringAccessor",
    "StructAccessor",
    "register_dataframe_accessor",
    "register_index_accessor",
    "register_series_accessor",
]


class Accessor:
    """Methods of one kind of values.

    Parameters
    ----------
    series
        A series or index of that kind.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": ["a", "b"]}, npartitions=2).x.str.upper().compute().tolist()
    ['A', 'B']
    """

    name = ""

    def __init__(self, series: Any) -> None:
        # pandas says what fits, and how it is called.
        getattr(series._meta, self.name)
        self._series = series

    def _method(self, method: str, *args: Any, **kwargs: Any) -> Any:
        return self._series._rowwise(f"{self.name}.{method}", *args, **kwargs)

    def _mapped(self, func: Any, *args: Any, meta: Any, divisions: Any = None) -> Any:
        items = aligned(
            [wrapped(operand(one)) for one in (self._series, *args)], self.name, match="pairs"
        )
        title = getattr(func, "__name__", self.name).strip("_")
        return from_node(MapPartitions(func, tuple(items), (), meta, divisions, title))

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *dir(getattr(self._series._meta, self.name))]


def _install(cls: type[Accessor], kind: Any) -> None:
    methods, attributes = tables.ACCESSORS[cls.name]
    for name in methods.split():
        if name not in vars(cls) and (kind is None or hasattr(kind, name)):
            setattr(cls, name, _delegated(cls.name, name))
    for name in attributes.split():
        if name not in vars(cls):
            setattr(cls, name, _property(cls.name, name))


def _delegated(accessor: str, name: str) -> Callable[..., Any]:
    def method(self: Accessor, *args: Any, **kwargs: Any) -> Any:
        return self._method(name, *args, **kwargs)

    method.__name__ = name
    method.__doc__ = f"As `pandas.Series.{accessor}.{name}`, partition by partition."
    return method


def _property(accessor: str, name: str) -> property:
    def get(self: Accessor) -> Any:
        if not hasattr(getattr(self._series._meta, accessor), name):
            raise AttributeError(f"{self._series.dtype} has no {accessor}.{name}")
        return self._series._attribute(f"{accessor}.{name}")

    return property(get, doc=f"As `pandas.Series.{accessor}.{name}`, partition by partition.")


# ------------------------------------------------------------------------------------- text


class StringAccessor(Accessor):
    """Text: ``s.str``.

    Parameters
    ----------
    series
        A series or index of strings.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": ["a b"]}, npartitions=1).x.str.split().compute().tolist()
    [['a', 'b']]
    """

    name = "str"

    def __getitem__(self, index: Any) -> Any:
        return self._mapped(_text_item, index, meta=_text_item(self._series._meta, index))

    def split(
        self, pat: str | None = None, n: int = -1, expand: bool = False, **kwargs: Any
    ) -> Any:
        """Split at a separator.

        Parameters
        ----------
        pat
            The separator; white space by default.
        n
            How many splits there are at most; with ``expand``, how many there are.
        expand
            A column for each part.
        **kwargs
            As pandas has them.
        """
        return self._split("split", pat, n, expand, kwargs)

    def rsplit(
        self, pat: str | None = None, n: int = -1, expand: bool = False, **kwargs: Any
    ) -> Any:
        """Split at a separator, from the right.

        Parameters
        ----------
        pat, n, expand, **kwargs
            As `split` has them.
        """
        return self._split("rsplit", pat, n, expand, kwargs)

    def _split(self, method: str, pat: Any, n: int, expand: bool, kwargs: Any) -> Any:
        options = {"pat": pat, "n": n, "expand": expand, **kwargs}
        if not expand:
            return self._method(method, **options)
        if n <= 0:
            raise NotImplementedError(
                "To use the expand parameter you must specify the number of expected splits with "
                "the n= parameter: the columns of all partitions have to be known. How many there "
                f"are: s.str.{method}({pat!r}).str.len().max().compute() - 1"
            )
        sample = pd.Series([" a " * (n + 1) if pat is None else pat.join("a" * (n + 1))])
        sample = sample.astype(self._series.dtype)
        meta = getattr(sample.str, method)(**options).iloc[:0]
        meta = meta.reindex(columns=range(n + 1))
        meta.index = getattr(self._series._meta, "index", meta.index)
        return self._mapped(_expanded, method, tuple(options.items()), n + 1, meta=meta)

    def partition(self, sep: str = " ", expand: bool = True) -> Any:
        """Split at the first separator into three parts.

        Parameters
        ----------
        sep
            The separator.
        expand
            A column for each part.
        """
        return self._sampled("partition", sep, expand)

    def rpartition(self, sep: str = " ", expand: bool = True) -> Any:
        """Split at the last separator into three parts.

        Parameters
        ----------
        sep
            The separator.
        expand
            A column for each part.
        """
        return self._sampled("rpartition", sep, expand)

    def _sampled(self, method: str, *args: Any) -> Any:
        meta = meta_of_call(rows.call_method, self._series._meta, f"str.{method}", *args)
        return self._mapped(rows.call_method, f"str.{method}", *args, meta=meta)

    def extractall(self, pat: str, flags: int = 0) -> Any:
        """A row for each place where a pattern is found.

        Parameters
        ----------
        pat, flags
            As pandas has them.
        """
        unknown = (None,) * (self._series.npartitions + 1)
        meta = self._series._meta.str.extractall(pat, flags=flags)
        args = ("str.extractall", pat, flags)
        return self._mapped(rows.call_method, *args, meta=meta, divisions=unknown)

    def get_dummies(self, sep: str = "|", dtype: Any = None) -> Any:
        """A column for each word, that says where it is; the words are looked up now.

        Parameters
        ----------
        sep
            What stands between words.
        dtype
            As pandas has it.

        Examples
        --------
        >>> from shoal.dataframe import from_dict
        >>> s = from_dict({"x": ["a|b", "b"]}, npartitions=2).x
        >>> s.str.get_dummies().compute().values.tolist()
        [[1, 1], [0, 1]]
        """
        if isinstance(self._series._meta, pd.Index):
            raise NotImplementedError("str.get_dummies of an index: use to_series() first")
        parts = self._mapped(_words, sep, meta=pd.Index([], dtype=object))
        words = sorted(set().union(*[list(one) for one in compute(*parts.to_delayed())]))
        meta = _dummies(sample_of(self._series._meta), sep, dtype, words).iloc[:0]
        return self._mapped(_dummies, sep, dtype, words, meta=meta)

    def cat(
        self, others: Any = None, sep: str | None = None, na_rep: Any = None, join: str = "left"
    ) -> Any:
        """Text put together with that of other series, row by row.

        Parameters
        ----------
        others
            A series or several; None for one text of all rows.
        sep
            What stands between.
        na_rep
            What stands for missing values.
        join
            Accepted as pandas has it; rows are matched by label.
        """
        if others is None:
            told = {"sep": sep or ""}
            steps = ((_text, {**told, "na_rep": na_rep}), (_one_text, told), (_whole_text, told))
            return self._series._reduced(UserReducer("str-cat", steps), "text", None)
        several = list(others) if isinstance(others, list | tuple) else [others]
        kinds = FrameBase | pd.Series | pd.Index
        if not all(isinstance(one, kinds) for one in several):
            raise TypeError(
                "others must be Series/Index, or a list of them; got "
                f"{[type(one).__name__ for one in several]}"
            )
        metas = [one._meta if isinstance(one, FrameBase) else one[:0] for one in several]
        meta = _text_cat(self._series._meta, sep, na_rep, *metas)
        return self._mapped(_text_cat, sep, na_rep, *several, meta=meta)


def _text(part: Any, sep: str, na_rep: Any = None) -> Any:
    """One text of all of a partition's; None where it has none."""
    there = len(part) if na_rep is not None else part.notna().sum()
    return part.str.cat(sep=sep, na_rep=na_rep) if there else None


def _one_text(texts: Any, sep: str) -> Any:
    some = texts.dropna()
    return sep.join(some) if len(some) else None


def _whole_text(texts: Any, sep: str) -> Any:
    return _one_text(texts, sep) or ""


def _words(part: Any, sep: str) -> Any:
    return pd.Index(part.str.get_dummies(sep).columns if len(part) else [], dtype=object)


def _dummies(part: Any, sep: str, dtype: Any, words: Any) -> Any:
    if not len(part):
        return _dummies(sample_of(part), sep, dtype, words).iloc[:0].set_axis(part.index)
    found = part.str.get_dummies(sep, dtype=dtype)
    kind = found.dtypes.iloc[0] if found.shape[1] else np.dtype(dtype or np.int64)
    out = found.reindex(columns=pd.Index(words, dtype=found.columns.dtype), fill_value=0)
    return out.astype({word: kind for word in words if word not in found.columns})


def _text_item(part: Any, index: Any) -> Any:
    return part.str[index]


def _text_cat(part: Any, sep: Any, na_rep: Any, *others: Any) -> Any:
    return part.str.cat(list(others), sep=sep, na_rep=na_rep)


def _expanded(part: Any, method: str, options: Any, width: int) -> Any:
    out = getattr(part.str, method)(**dict(options)).reindex(columns=range(width))
    return out.astype(part.dtype)


# ------------------------------------------------------------------------------------- time


class DatetimeAccessor(Accessor):
    """Times: ``s.dt``.

    Parameters
    ----------
    series
        A series of times, time spans or periods.

    Examples
    --------
    >>> import pandas as pd
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"t": pd.to_datetime(["2020-01-05"])}, npartitions=1)
    >>> df.t.dt.day.compute().tolist()
    [5]
    """

    name = "dt"

    @property
    def tz(self) -> Any:
        """The time zone, or None."""
        return self._series._meta.dt.tz

    @property
    def unit(self) -> Any:
        """The resolution."""
        return self._series._meta.dt.unit

    @property
    def freq(self) -> Any:
        """The frequency of periods."""
        return getattr(self._series._meta.dt, "freq", None)


# ------------------------------------------------------------------------------- categories


class CategoricalAccessor(Accessor):
    """Categories: ``s.cat``.

    They are *known* if they are the same in all partitions and stand in the dtype already; else
    `as_known` finds them.

    Parameters
    ----------
    series
        A categorical series or index.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> s = from_dict({"x": ["b", "a"]}, npartitions=2).x.astype("category")
    >>> s.cat.known, s.cat.as_known().cat.categories.tolist()
    (False, ['a', 'b'])
    """

    name = "cat"

    def _method(self, method: str, *args: Any, **kwargs: Any) -> Any:
        if self.known:
            return super()._method(method, *args, **kwargs)
        names = tuple(kwargs)
        items = (self._series._node, f"cat.{method}", *args, *kwargs.values())
        meta = self._series._meta
        if method in ("as_ordered", "as_unordered"):
            meta = rows.call_method(meta, f"cat.{method}")
        return from_node(MapPartitions(_same_categories, items, names, meta, None, method))

    @property
    def known(self) -> bool:
        """Whether the categories are known."""
        return has_known_categories(self._series._meta)

    @property
    def ordered(self) -> bool:
        """Whether the categories have an order."""
        return bool(self._categorical.ordered)

    @property
    def _categorical(self) -> Any:
        meta = self._series._meta
        return meta if isinstance(meta, pd.Index) else meta.cat

    @property
    def categories(self) -> Any:
        """The categories.

        Raises
        ------
        NotImplementedError
            They are not known.
        """
        if not self.known:
            raise NotImplementedError(
                "`df.column.cat.categories` with unknown categories is not supported. Please use "
                "`column.cat.as_known()` or `df.categorize()` beforehand to ensure known categories"
            )
        return self._categorical.categories

    @property
    def codes(self) -> Any:
        """The number of each value's category.

        Raises
        ------
        NotImplementedError
            The categories are not known, so that numbers differ between partitions.
        """
        if not self.known:
            raise NotImplementedError(
                "`df.column.cat.codes` with unknown categories is not supported. Please use "
                "`column.cat.as_known()` or `df.categorize()` beforehand to ensure known categories"
            )
        if isinstance(self._series._meta, pd.Index):
            return self._series._attribute("codes")
        return self._series._attribute("cat.codes")

    def as_known(self, **kwargs: Any) -> Any:
        """The same with categories that are known, in their order; computes them if need be.

        Parameters
        ----------
        **kwargs
            Of ``compute``.
        """
        if self.known:
            return self._series
        found = self._series.dropna().drop_duplicates().compute(**kwargs)
        categories = found.categories if isinstance(found, pd.Index) else found.cat.categories
        return self.set_categories(categories)

    def as_unknown(self) -> Any:
        """The same with categories that are not known."""
        if not self.known:
            return self._series
        dtype = pd.CategoricalDtype([UNKNOWN_CATEGORIES], self.ordered)
        meta = self._series._meta.astype(dtype)
        return self._mapped(rows.itself, meta=meta)

    def set_categories(self, new_categories: Any, **kwargs: Any) -> Any:
        """The same with these categories.

        Parameters
        ----------
        new_categories
            All of them, or a series of them.
        **kwargs
            As pandas has them.
        """
        if isinstance(new_categories, FrameBase):
            new_categories = new_categories.compute()
        meta = _set_categories(self._series._meta, new_categories, tuple(kwargs.items()))
        args = (new_categories, tuple(kwargs.items()))
        return self._mapped(_set_categories, *args, meta=meta)

    def remove_unused_categories(self) -> Any:
        """The same with only the categories that are there, which are computed now.

        Examples
        --------
        >>> import pandas as pd
        >>> from shoal.dataframe import from_pandas
        >>> s = from_pandas(pd.Series(pd.Categorical(["a"], ["a", "b"])), npartitions=1)
        >>> s.cat.remove_unused_categories().cat.categories.tolist()
        ['a']
        """
        found = self._series.dropna().drop_duplicates().compute()
        categories, there = found.dtype.categories, set(found)
        kept = [one for one in categories if one in there]
        return self.set_categories(pd.Index(kept, dtype=categories.dtype))


def _set_categories(part: Any, categories: Any, options: Any) -> Any:
    holder = part if isinstance(part, pd.Index) else part.cat
    return holder.set_categories(categories, **dict(options))


def _same_categories(part: Any, method: str, *args: Any, **kwargs: Any) -> Any:
    return rows.call_method(part, method, *args, **kwargs)


# -------------------------------------------------------------------------- lists and structs


class ListAccessor(Accessor):
    """Lists: ``s.list``, of Arrow's list dtype.

    Parameters
    ----------
    series
        A series of lists.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from shoal.dataframe import from_pandas
    >>> s = pd.Series([[1, 2], [3]], dtype=pd.ArrowDtype(pa.list_(pa.int64())))
    >>> from_pandas(s, npartitions=2).list.len().compute().tolist()
    [2, 1]
    """

    name = "list"

    def __getitem__(self, key: Any) -> Any:
        return self._mapped(_list_item, key, meta=_list_item(self._series._meta, key))

    def flatten(self) -> Any:
        """A row for each element of each list."""
        meta = self._series._meta.list.flatten()
        return self._mapped(rows.call_method, "list.flatten", meta=meta)


def _list_item(part: Any, key: Any) -> Any:
    return part.list[key]


class StructAccessor(Accessor):
    """Structs: ``s.struct``, of Arrow's struct dtype.

    Parameters
    ----------
    series
        A series of structs.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from shoal.dataframe import from_pandas
    >>> s = pd.Series([{"a": 1}], dtype=pd.ArrowDtype(pa.struct([("a", pa.int64())])))
    >>> from_pandas(s, npartitions=1).struct.field("a").compute().tolist()
    [1]
    """

    name = "struct"

    @property
    def dtypes(self) -> Any:
        """The dtypes of the fields."""
        return self._series._meta.struct.dtypes


_install(StringAccessor, pd.Series.str)
_install(DatetimeAccessor, None)
_install(CategoricalAccessor, None)
_install(ListAccessor, None)
_install(StructAccessor, None)


# --------------------------------------------------------------------------- of the user's


class CachedAccessor:
    """An attribute that makes an accessor.

    Parameters
    ----------
    name
        Of the attribute.
    make
        Called with the collection.

    Examples
    --------
    >>> CachedAccessor("geo", list).name
    'geo'
    """

    def __init__(self, name: str, make: Callable[[Any], Any]) -> None:
        self.name = name
        self.make = make
        self.__doc__ = make.__doc__

    def __get__(self, instance: Any, owner: type) -> Any:
        return self.make if instance is None else self.make(instance)


def _registering(kind: str, name: str) -> Callable[[type], type]:
    def register(accessor: type) -> type:
        from_class = _collection_class(kind)
        setattr(from_class, name, CachedAccessor(name, accessor))
        return accessor

    return register


def _collection_class(kind: str) -> type:
    waiting: list[type] = [FrameBase]
    while waiting:
        cls = waiting.pop()
        if cls.__name__ == kind:
            return cls
        waiting += cls.__subclasses__()
    raise LookupError(f"there is no class {kind}")


def register_dataframe_accessor(name: str) -> Callable[[type], type]:
    """A decorator: the class becomes an attribute of frames.

    Parameters
    ----------
    name
        Of the attribute.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> @register_dataframe_accessor("width")
    ... class Width:
    ...     def __init__(self, frame):
    ...         self.columns = len(frame.columns)
    >>> from_dict({"x": [1]}, npartitions=1).width.columns
    1
    """
    return _registering("DataFrame", name)


def register_series_accessor(name: str) -> Callable[[type], type]:
    """A decorator: the class becomes an attribute of series.

    Parameters
    ----------
    name
        Of the attribute.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> @register_series_accessor("kind")
    ... class Kind:
    ...     def __init__(self, series):
    ...         self.name = series.dtype.kind
    >>> from_dict({"x": [1]}, npartitions=1).x.kind.name
    'i'
    """
    return _registering("Series", name)


def register_index_accessor(name: str) -> Callable[[type], type]:
    """A decorator: the class becomes an attribute of indexes.

    Parameters
    ----------
    name
        Of the attribute.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> @register_index_accessor("kind")
    ... class Kind:
    ...     def __init__(self, index):
    ...         self.name = index.dtype.kind
    >>> from_dict({"x": [1]}, npartitions=1).index.kind.name
    'i'
    """
    return _registering("Index", name)
