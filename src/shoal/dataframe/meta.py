"""Metas: empty pandas objects that stand for a schema; samples of them; what a function returns.

A meta is made from what users write (`make_meta`).  To learn what a function of theirs returns it
is called once on a sample of two rows (`sample_of`) that is made up from the dtypes; if that fails,
the error says on what it was called and how to give ``meta`` instead (`meta_of_call`).
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from shoal.dispatch import Dispatch
from shoal.errors import ShoalError
from shoal.typing import no_default

__all__ = [
    "can_have_bounds",
    "UNKNOWN_CATEGORIES",
    "MetaError",
    "has_known_categories",
    "kind_of_categories",
    "make_array_nonempty",
    "make_meta",
    "make_meta_dispatch",
    "meta_nonempty",
    "meta_nonempty_dispatch",
    "meta_of_call",
    "objects_as_numbers",
    "sample_of",
    "sample_of_pandas",
    "told_meta",
    "untold",
    "with_categories",
    "with_unknown_categories",
]

WORDS = ("apple", "banana")
"""What made-up text looks like: a few letters, in order."""

UNKNOWN_CATEGORIES = "__UNKNOWN_CATEGORIES__"
"""The one category of a dtype whose categories will only be known when it is computed."""


def has_known_categories(item: Any) -> bool:
    """Whether the categories of a series, index or dtype are known before it is computed.

    Parameters
    ----------
    item
        A categorical one.

    Examples
    --------
    >>> has_known_categories(pd.CategoricalDtype(["a"]))
    True
    """
    item = getattr(item, "_meta", item)
    dtype = getattr(item, "dtype", item)
    if not isinstance(dtype, pd.CategoricalDtype):
        raise TypeError(f"a categorical series, index or dtype is wanted, got {dtype!r}")
    return dtype.categories is not None and UNKNOWN_CATEGORIES not in dtype.categories


def can_have_bounds(dtype: Any) -> bool:
    """Whether labels stand in an index in the order in which they compare, as divisions do.

    Parameters
    ----------
    dtype
        Of an index; categories may have an order of their own.

    Examples
    --------
    >>> (
    ...     can_have_bounds(pd.CategoricalDtype(["a", "b"])),
    ...     can_have_bounds(pd.CategoricalDtype(["low", "high"])),
    ... )
    (True, False)
    """
    if not isinstance(dtype, pd.CategoricalDtype):
        return True
    return has_known_categories(dtype) and bool(dtype.categories.is_monotonic_increasing)


def with_unknown_categories(meta: Any) -> Any:
    """A meta in which categorical columns without categories have unknown ones.

    Parameters
    ----------
    meta
        After ``astype("category")``.

    Examples
    --------
    >>> meta = with_unknown_categories(pd.Series([], dtype="category"))
    >>> has_known_categories(meta)
    False
    """

    def unknown(dtype: Any) -> bool:
        return isinstance(dtype, pd.CategoricalDtype) and not len(dtype.categories)

    if isinstance(meta, pd.DataFrame):
        new = {
            i: pd.CategoricalDtype([UNKNOWN_CATEGORIES], dtype.ordered)
            for i, dtype in enumerate(meta.dtypes)
            if unknown(dtype)
        }
        if not new:
            return meta
        out = meta.set_axis(range(meta.shape[1]), axis=1).astype(new)
        return out.set_axis(meta.columns, axis=1)
    dtype: Any = getattr(meta, "dtype", None)
    if unknown(dtype):
        return meta.astype(pd.CategoricalDtype([UNKNOWN_CATEGORIES], dtype.ordered))
    return meta


def kind_of_categories(dtype: Any) -> str:
    """How a categorical dtype is called; nothing for others.

    Parameters
    ----------
    dtype
        Of a column.

    Examples
    --------
    >>> kind_of_categories(pd.CategoricalDtype(["a"])), kind_of_categories(int)
    ('category[known]', '')
    """
    if not isinstance(dtype, pd.CategoricalDtype):
        return ""
    return f"category[{'known' if has_known_categories(dtype) else 'unknown'}]"


make_meta_dispatch = Dispatch("make_meta_dispatch")
"""``func(object, index=None) -> meta``, for types that are not pandas'."""

meta_nonempty_dispatch = Dispatch("meta_nonempty_dispatch")
"""``func(meta) -> sample of two rows``, also for types that are not pandas'."""

make_array_nonempty = Dispatch("make_array_nonempty")
"""``func(dtype) -> array of two values``, for dtypes of which pandas makes none."""


class MetaError(ShoalError, ValueError):
    """What a function returns could not be found out, or does not fit what was said.

    Examples
    --------
    >>> issubclass(MetaError, ValueError)
    True
    """


def untold(meta: Any) -> bool:
    """Whether nobody has said what a result looks like.

    Parameters
    ----------
    meta
        What was given: None and `shoal.typing.no_default` say nothing.

    Examples
    --------
    >>> untold(no_default), untold({"x": int})
    (True, False)
    """
    return meta is None or meta is no_default


def make_meta(like: Any, index: Any = None, parent_meta: Any = None) -> Any:
    """A meta from what users write.

    Parameters
    ----------
    like
        A pandas object, a dict or pairs of names and dtypes (a frame), one pair (a series), a
        dtype, a scalar, or a shoal collection.
    index
        Of the result, where ``like`` does not have one.
    parent_meta
        Accepted for programs written for Dask.

    Examples
    --------
    >>> make_meta({"x": "int64"}).dtypes.to_dict(), make_meta(("y", float)).name
    ({'x': dtype('int64')}, 'y')
    """
    if hasattr(like, "_meta"):
        return like._meta
    other = _registered(make_meta_dispatch, like)
    if other is not None:
        return other(like, index=index)
    if isinstance(like, pd.DataFrame | pd.Series):
        return like.iloc[:0]
    if isinstance(like, pd.Index):
        return like[:0]
    empty = None if index is None else make_meta(index)
    if isinstance(like, Mapping):
        like = list(like.items())
    if isinstance(like, list) and all(isinstance(one, tuple) and len(one) == 2 for one in like):
        columns = {name: _empty_series(name, dtype, empty) for name, dtype in like}
        frame = pd.DataFrame(columns, index=empty)
        # A dict loses a name that stands twice.
        return frame if len(columns) == len(like) else pd.concat(list(columns.values()), axis=1)
    if isinstance(like, tuple) and len(like) == 2:
        return _empty_series(like[0], like[1], empty)
    if isinstance(like, np.dtype | pd.api.extensions.ExtensionDtype | type):
        return _scalar_of(like)
    return like


def _registered(table: Dispatch, item: Any) -> Any:
    """The function for a type that somebody has registered; None for others."""
    if not table.table and not table.lazy:
        return None
    try:
        return table.dispatch(type(item))
    except TypeError:
        return None


def _empty_series(name: Any, dtype: Any, index: Any) -> Any:
    if isinstance(dtype, str) and dtype == "category":
        dtype = pd.CategoricalDtype([UNKNOWN_CATEGORIES])
    return pd.Series([], dtype=dtype, name=name, index=index)


def _scalar_of(dtype: Any) -> Any:
    sample = sample_of(pd.Series([], dtype=dtype))
    return sample.iloc[0]


def sample_of(meta: Any) -> Any:
    """Two made-up rows of a schema; anything that is no pandas object as it is.

    Parameters
    ----------
    meta
        Of anything.

    Examples
    --------
    >>> sample_of(pd.DataFrame({"x": pd.Series([], dtype="int64")}))
       x
    0  1
    1  1
    """
    return meta_nonempty_dispatch(meta)


meta_nonempty = sample_of


def with_categories(args: Sequence[Any]) -> list[Any]:
    """The metas of operands that are compared; those of unknown categories have the values beside.

    pandas compares ordered categories with one of them only, and what is not known may be one.

    Parameters
    ----------
    args
        Of a function: anything, nodes among them.

    Examples
    --------
    >>> unknown = pd.Series([], dtype=pd.CategoricalDtype([UNKNOWN_CATEGORIES], ordered=True))
    >>> (with_categories([unknown, "b"])[0] > "b").dtype
    dtype('bool')
    """
    metas = [getattr(arg, "meta", arg) for arg in args]
    values = [one for one in metas if pd.api.types.is_scalar(one) and not pd.isna(one)]
    for i, meta in enumerate(metas):
        dtype = getattr(meta, "dtype", None)
        if isinstance(dtype, pd.CategoricalDtype) and not has_known_categories(dtype):
            told = dict.fromkeys([UNKNOWN_CATEGORIES, *values])
            metas[i] = meta.astype(pd.CategoricalDtype(list(told), dtype.ordered))
    return metas


@meta_nonempty_dispatch.register(object)
def sample_of_pandas(meta: Any) -> Any:
    """Two made-up rows as pandas' own types, also for a subclass of one of them.

    Parameters
    ----------
    meta
        Of anything.

    Examples
    --------
    >>> sample_of_pandas(pd.Series([], dtype=bool)).tolist()
    [True, True]
    """
    if isinstance(meta, pd.DataFrame):
        index = sample_of(meta.index)
        columns = [_sample_series(dtype) for dtype in meta.dtypes]
        frame = pd.DataFrame(dict(enumerate(columns)), index=range(2))
        frame.index, frame.columns = index, meta.columns
        frame.attrs = meta.attrs
        return frame
    if isinstance(meta, pd.Series):
        out = _sample_series(meta.dtype).rename(meta.name)
        out.index = sample_of(meta.index)
        return out
    if isinstance(meta, pd.MultiIndex):
        levels = [_sample_values(level.dtype) for level in meta.levels]
        return pd.MultiIndex.from_arrays(levels, names=meta.names)
    if isinstance(meta, pd.RangeIndex):
        return pd.RangeIndex(2, name=meta.name)
    if isinstance(meta, pd.DatetimeIndex):
        return pd.DatetimeIndex(_sample_values(meta.dtype), name=meta.name)
    if isinstance(meta, pd.Index):
        if meta.dtype == object:
            return pd.Index(list(WORDS), name=meta.name, dtype=object)
        return pd.Index(_sample_values(meta.dtype), name=meta.name)
    return meta


def _sample_series(dtype: Any) -> Any:
    # With the dtype, or text in an array of objects would become strings.
    return pd.Series(_sample_values(dtype), dtype=dtype)


def _sample_values(dtype: Any) -> Any:
    other = _registered(make_array_nonempty, dtype)
    if other is not None:
        return other(dtype)
    if isinstance(dtype, pd.CategoricalDtype):
        some = list(dtype.categories[:1]) * 2 if len(dtype.categories) else [None, None]
        return pd.Categorical(some, dtype=dtype)
    return _plain_values(dtype).copy()


@functools.lru_cache(maxsize=256)
def _plain_values(dtype: Any) -> Any:
    """Of a dtype that nobody has registered a function for; made once, for that takes a while."""
    if isinstance(dtype, pd.DatetimeTZDtype) or getattr(dtype, "kind", "") == "M":
        days = pd.Series(pd.to_datetime(["2000-01-01", "2000-01-02"]))
        zone = getattr(dtype, "tz", None)
        return (days.dt.tz_localize(zone) if zone else days).astype(dtype).array
    if isinstance(dtype, pd.PeriodDtype):
        return pd.period_range("2000-01-01", periods=2, freq=dtype.freq).array
    if isinstance(dtype, pd.IntervalDtype):
        return pd.arrays.IntervalArray.from_breaks([0, 1, 2]).astype(dtype)
    for values in ([1, 1], list(WORDS), [True, False], [None, None]):
        if str(dtype) == "object" and values == [1, 1]:
            return np.array(WORDS, dtype=object)
        if values == [1, 1] and pd.api.types.is_string_dtype(dtype):
            continue
        try:
            return pd.array(values, dtype=dtype)
        except (TypeError, ValueError, NotImplementedError, ArithmeticError):
            continue
    return pd.Series([None, None]).astype(dtype).array


def objects_as_numbers(sample: Any) -> Any:
    """A sample whose objects are numbers, not text; None where it has no objects.

    Parameters
    ----------
    sample
        What `sample_of` gave.

    Examples
    --------
    >>> objects_as_numbers(sample_of(pd.Series([], dtype=object))).tolist()
    [1, 1]
    """
    ones = pd.Series([1, 1], dtype=object)
    if isinstance(sample, pd.Series) and sample.dtype == object:
        return ones.set_axis(sample.index).rename(sample.name)
    if not isinstance(sample, pd.DataFrame) or np.dtype(object) not in sample.dtypes.to_list():
        return None
    columns = [
        ones.array if dtype == np.dtype(object) else sample.iloc[:, i].array
        for i, dtype in enumerate(sample.dtypes)
    ]
    out = pd.DataFrame(dict(enumerate(columns)), index=sample.index)
    return out.set_axis(sample.columns, axis=1)


def told_meta(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """As `meta_of_call`, with a warning that the result rests on made-up rows.

    Parameters
    ----------
    func, *args, **kwargs
        The function and its arguments.

    Examples
    --------
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     meta = told_meta(abs, pd.Series([1]))
    >>> meta.dtype
    dtype('int64')
    """
    meta = meta_of_call(func, *args, **kwargs)
    if isinstance(meta, pd.DataFrame):
        found: Any = {name: str(dtype) for name, dtype in meta.dtypes.items()}
    else:
        found = (getattr(meta, "name", None), str(getattr(meta, "dtype", type(meta).__name__)))
    warnings.warn(
        "`meta` is not specified, inferred from partial data: the function was called on made-up "
        f"rows. Please provide `meta` if the result is unexpected. It was taken to be meta={found}",
        UserWarning,
        stacklevel=4,
    )
    return meta


def meta_of_call(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The meta of what a function of the user's returns, by calling it on a sample.

    Parameters
    ----------
    func, *args, **kwargs
        The function and its arguments, metas among them.

    Raises
    ------
    MetaError
        The function failed on the sample.

    Examples
    --------
    >>> meta_of_call(lambda s: s + 0.5, pd.Series([], dtype=int)).dtype
    dtype('float64')
    """
    sampled = [sample_of(arg) for arg in args]
    named = {name: sample_of(arg) for name, arg in kwargs.items()}
    try:
        try:
            with np.errstate(all="ignore"):
                result = func(*sampled, **named)
        except AttributeError:
            own = [_of_own_type(*pair) for pair in zip(sampled, args, strict=True)]
            if all(one is other for one, other in zip(own, sampled, strict=True)):
                raise
            result = func(*own, **named)
    except Exception as error:
        what = "\n".join(
            repr(arg) for arg in sampled if hasattr(arg, "dtype") or hasattr(arg, "dtypes")
        )
        raise MetaError(
            f"what {_called(func, args)} returns could not be found out: called on a "
            f"made-up sample it raised {type(error).__name__}: {error}. Pass meta= (an empty "
            f"pandas object like the result, or its names and dtypes). The sample:\n{what}"
        ) from error
    # A type is a value here; as something that users write it would be a dtype.
    return result if isinstance(result, type) else make_meta(result)


def _of_own_type(sample: Any, meta: Any) -> Any:
    """A sample as the subclass of pandas' types that the partitions are, for its own methods."""
    if not isinstance(meta, pd.DataFrame | pd.Series) or type(meta) is type(sample):
        return sample
    return meta._constructor(sample).__finalize__(meta)


def _called(func: Any, args: Sequence[Any]) -> str:
    """A function as its user knows it: a method of pandas', and what that was given."""
    name = getattr(func, "__name__", func)
    if name != "call_method":
        return repr(name)
    _, method, *more = args
    given = [getattr(one, "__name__", repr(one)) for one in more if callable(one)]
    return f"{method}({', '.join(given)})"
