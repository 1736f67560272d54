"""Row-wise operations on one partition that pandas has no single function for."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from shoal.dataframe.kernels.passing import passes_columns
from shoal.dataframe.meta import sample_of

__all__ = [
    "METHODS",
    "OPERATORS",
    "aligned_product",
    "assign",
    "call_function",
    "call_labelled",
    "call_method",
    "call_one_of",
    "clip_rows",
    "combine_first_rows",
    "columns_at",
    "combine_rows",
    "first_rows",
    "get_attribute",
    "get_column",
    "get_columns",
    "itself",
    "keep_rows",
    "last_rows",
    "picked",
    "rename_columns",
    "row_of",
    "set_columns",
    "table_of",
]

OPERATORS: dict[str, Callable[..., Any]] = {
    name: getattr(operator, name)
    for name in (
        *("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul"),
        *("lt", "le", "gt", "ge", "eq", "ne", "and_", "or_", "xor", "lshift", "rshift"),
        *("neg", "pos", "invert", "abs"),
    )
}
"""Operators by the names that the module `operator` has for them."""


MANY_COLUMNS = 96
"""From so many on, `assign` puts columns together now and then."""


def row_of(value: Any, label: Any) -> Any:
    """A series of one value.

    Parameters
    ----------
    value
        The value.
    label
        Of the row.

    Examples
    --------
    >>> row_of(5, "a").to_dict()
    {'a': 5}
    """
    return pd.Series([value], index=[label], dtype=getattr(value, "dtype", None))


def _is_by_column(args: tuple[Any, ...]) -> bool:
    """Whether a method makes each column from that of its name: several periods make several."""
    told = any(isinstance(arg, list | tuple | dict) for arg in args[2:])
    return args[1] in ("shift", "diff", "ffill", "bfill") and not told


@passes_columns(when=_is_by_column)
def call_method(item: Any, name: str, /, *args: Any, **kwargs: Any) -> Any:
    """Call a method, or a method of an accessor.

    Parameters
    ----------
    item
        A pandas object.
    name
        Such as "abs" or "str.upper".
    *args, **kwargs
        Of the method.

    Examples
    --------
    >>> call_method("ab", "upper")
    'AB'
    """
    return operator.attrgetter(name)(item)(*args, **kwargs)


def call_labelled(func: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Call a function of NumPy's that knows elements only: what it gives has the labels again.

    Parameters
    ----------
    func
        Computes each element by itself.
    *args, **kwargs
        Of the function; a frame or series among them.

    Examples
    --------
    >>> call_labelled(np.angle, pd.Series([-1.0], index=["a"])).to_dict()
    {'a': 3.141592653589793}
    """
    out = func(*args, **kwargs)
    several = out if isinstance(out, tuple) else (out,)
    like = next((one for one in args if isinstance(one, pd.DataFrame | pd.Series)), None)
    if like is not None and all(isinstance(one, np.ndarray) for one in several):
        several = tuple([_labelled(one, like) for one in several])
    return several if isinstance(out, tuple) else several[0]


def _labelled(values: Any, like: Any) -> Any:
    if values.ndim == 2:
        return pd.DataFrame(values, index=like.index, columns=like.columns)
    return pd.Series(values, index=like.index, name=like.name)


def call_one_of(func: Callable[..., Any], which: int, /, *args: Any, **kwargs: Any) -> Any:
    """One of several results of `call_labelled`.

    Parameters
    ----------
    func, *args, **kwargs
        As of that.
    which
        The number of the result.

    Examples
    --------
    >>> call_one_of(np.modf, 1, pd.Series([2.5])).tolist()
    [2.0]
    """
    return call_labelled(func, *args, **kwargs)[which]


def clip_rows(item: Any, *bounds: Any, **kwargs: Any) -> Any:
    """Values between those of other frames: each row has bounds.

    Parameters
    ----------
    item
        A partition.
    *bounds, **kwargs
        Of pandas' method.

    Raises
    ------
    ValueError
        A row has no bound; pandas gives NaN or the value, depending on what other rows have.

    Examples
    --------
    >>> clip_rows(pd.Series([1, 5]), pd.Series([2, 2])).tolist()
    [2, 5]
    """
    labels = item.columns if kwargs.get("axis") in (1, "columns") else item.index
    for bound in (*bounds, *kwargs.values()) if len(item) else ():
        if isinstance(bound, pd.Series | pd.DataFrame) and not labels.equals(bound.index):
            missing = labels.difference(bound.index)
            if len(missing):
                raise ValueError(
                    f"clip: label {missing.tolist()[0]!r} has no bound; give the bounds the labels "
                    "of the values with reindex, or fill them"
                )
    return item.clip(*bounds, **kwargs)


def combine_rows(item: Any, other: Any, *args: Any, **kwargs: Any) -> Any:
    """Rows of two partitions combined; one of them may be empty.

    Parameters
    ----------
    item, other
        Partitions.
    *args, **kwargs
        Of pandas' method.

    Examples
    --------
    >>> one = pd.DataFrame({"x": [1]})
    >>> combine_rows(one, one.iloc[:0], lambda a, b: a + b).x.tolist()
    [nan]
    """
    if isinstance(item, pd.DataFrame):
        # pandas returns one side where the other is empty.
        item, other = item.align(other)
    return item.combine(other, *args, **kwargs)


def aligned_product(item: pd.Series, other: pd.Series) -> pd.Series:
    """The products of values with the same labels, of which both sides have all.

    Parameters
    ----------
    item, other
        Partitions.

    Raises
    ------
    ValueError
        A label is on one side only.

    Examples
    --------
    >>> aligned_product(pd.Series([1, 2]), pd.Series([3, 4])).tolist()
    [3, 8]
    """
    if not item.index.equals(other.index):
        alone = item.index.symmetric_difference(other.index)
        if len(alone):
            raise ValueError(
                f"matrices are not aligned: label {alone.tolist()[0]!r} is on one side only; give "
                "both sides the same labels with reindex"
            )
    return item * other


def combine_first_rows(item: Any, other: Any) -> Any:
    """Values of one partition where there are some, else of another; both may be empty.

    Parameters
    ----------
    item, other
        Partitions.

    Examples
    --------
    >>> one = pd.DataFrame({"x": [1.0, None]})
    >>> combine_first_rows(one, pd.DataFrame({"x": [1]}).iloc[:0]).x.tolist()
    [1.0, nan]
    """
    if isinstance(item, pd.DataFrame) and not (len(item) and len(other)):
        # pandas would cast the gaps, or values, to the dtypes of the empty side.
        one, two = (sample_of(side[:0]).reset_index(drop=True) for side in (item, other))
        meta = one.combine_first(two)[:0]
        if not (len(item) or len(other)):
            return meta.set_axis(item.index)
        some, none = (item, other) if len(item) else (other, item)
        gaps = none[none.columns.difference(some.columns)].reindex(some.index)
        return pd.concat([some, gaps], axis=1)[meta.columns]
    out = item.combine_first(other)
    if out.ndim == 1 or not (item.columns.is_unique and other.columns.is_unique):
        return out
    # pandas makes floats of a column that the other side alone has, and no value of.
    alone = other.columns.difference(item.columns)
    lost = {
        name: dtype
        for name, dtype in other[alone].dtypes.items()
        if out.dtypes[name] != dtype and not isinstance(dtype, np.dtype)
    }
    return out.astype(lost) if lost else out


METHODS: Mapping[str, Callable[..., Any]] = {
    "clip": clip_rows,
    "combine": combine_rows,
    "combine_first": combine_first_rows,
}
"""What is called for pandas' methods with other frames that say more of a frame than of a part."""


def get_attribute(item: Any, name: str) -> Any:
    """An attribute, or one of an accessor.

    Parameters
    ----------
    item
        A pandas object.
    name
        Such as "index" or "dt.year".

    Examples
    --------
    >>> get_attribute(1j, "imag")
    1.0
    """
    return operator.attrgetter(name)(item)


def call_function(func: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Call a function of the user's.

    Parameters
    ----------
    func, *args, **kwargs
        What is called, and with what.

    Examples
    --------
    >>> call_function(pow, 2, 3)
    8
    """
    return func(*args, **kwargs)


def get_column(frame: pd.DataFrame, name: Any) -> Any:
    """One column.

    Parameters
    ----------
    frame, name
        As pandas has them.

    Examples
    --------
    >>> get_column(pd.DataFrame({"x": [1]}), "x").tolist()
    [1]
    """
    return frame[name]


def get_columns(frame: pd.DataFrame, names: Sequence[Any]) -> Any:
    """Some columns, in this order; a frame that has just these is returned as it is.

    Parameters
    ----------
    frame
        A frame.
    names
        Of columns.

    Examples
    --------
    >>> get_columns(pd.DataFrame({"x": [1], "y": [2]}), ("y",)).columns.tolist()
    ['y']
    """
    names = list(names)
    columns = frame.columns
    if len(columns) == len(names) and list(columns) == names:
        return frame
    if columns.is_unique:
        places = _places(columns, names)
        if places and places[0] >= 0 and places == list(range(places[0], places[-1] + 1)):
            return frame.iloc[:, places[0] : places[-1] + 1]
        if min(places, default=0) >= 0:
            # A fifth of the time of ``frame[names]``, which makes an index of text of the names.
            return frame.take(places, axis=1)
    return frame[names]


def _places(columns: pd.Index, names: list[Any]) -> list[int]:
    """Where columns are; -1 for those that are not there."""
    if columns.nlevels > 1:
        # A label at a time, pandas would warn that they are not sorted.
        at = {label: i for i, label in enumerate(columns)}
        return [at.get(name, -1) for name in names]
    found = [columns.get_loc(name) if name in columns else -1 for name in names]
    return [place if type(place) is int else -1 for place in found]


@passes_columns()
def itself(item: Any) -> Any:
    """What is given.

    Parameters
    ----------
    item
        Anything.

    Examples
    --------
    >>> itself(5)
    5
    """
    return item


def keep_rows(item: Any, mask: Any) -> Any:
    """The rows at which a mask is true.

    Parameters
    ----------
    item
        A frame, series or index.
    mask
        A boolean series or array.

    Examples
    --------
    >>> s = pd.Series([1, 2])
    >>> keep_rows(s, s > 1).tolist()
    [2]
    """
    return item[mask]


def assign(frame: pd.DataFrame, names: Sequence[Any], *values: Any) -> pd.DataFrame:
    """A frame with columns added or replaced.

    Parameters
    ----------
    frame
        Stays as it is.
    names
        Of the columns.
    *values
        One for each name.

    Examples
    --------
    >>> assign(pd.DataFrame({"x": [1]}), ("y",), 2)["y"].tolist()
    [2]
    """
    # pandas keeps each new column apart, and warns where there are many: a copy puts them together.
    width = frame.shape[1]
    out = frame.copy(deep=width >= MANY_COLUMNS and not width % (MANY_COLUMNS // 4))
    for name, value in zip(names, values, strict=True):
        # A frame without rows would take the rows of what is assigned.
        out[name] = value if len(out) or not isinstance(value, pd.Series) else value.iloc[:0]
    return out


def rename_columns(frame: pd.DataFrame, old: Sequence[Any], new: pd.Index) -> pd.DataFrame:
    """A frame with other labels for its columns.

    Parameters
    ----------
    frame
        Stays as it is.
    old
        Labels, among them those that the frame has, each once.
    new
        A label for each of these.

    Examples
    --------
    >>> df = pd.DataFrame({"x": [1], "y": [2]})
    >>> rename_columns(df, ("y", "z", "x"), pd.Index(["a", "b", "c"])).columns.tolist()
    ['c', 'a']
    """
    columns = list(frame.columns)
    if columns != list(old):
        places = {label: i for i, label in enumerate(old)}
        new = new.take([places[label] for label in columns])
    return frame.set_axis(new, axis=1)


def columns_at(frame: pd.DataFrame, places: Sequence[int], columns: pd.Index) -> pd.DataFrame:
    """Some columns of a frame by number, under other labels.

    Parameters
    ----------
    frame
        Stays as it is.
    places
        Numbers of its columns.
    columns
        A label for each.

    Examples
    --------
    >>> columns_at(pd.DataFrame({"x": [1], "y": [2]}), [1], pd.Index(["a"])).to_dict("list")
    {'a': [2]}
    """
    return frame.take(list(places), axis=1).set_axis(columns, axis=1)


def set_columns(frame: pd.DataFrame, columns: Any) -> pd.DataFrame:
    """A frame with these for its columns, by place.

    Parameters
    ----------
    frame
        Stays as it is.
    columns
        An index.

    Examples
    --------
    >>> set_columns(pd.DataFrame({"x": [1]}), pd.Index(["a"])).columns.tolist()
    ['a']
    """
    return frame.set_axis(columns, axis=1)


def first_rows(item: Any, n: int) -> Any:
    """The first rows.

    Parameters
    ----------
    item
        A frame, series or index.
    n
        How many.

    Examples
    --------
    >>> first_rows(pd.Series([1, 2]), 1).tolist()
    [1]
    """
    return item[:n] if isinstance(item, pd.Index) else item.head(n)


def last_rows(item: Any, n: int) -> Any:
    """The last rows.

    Parameters
    ----------
    item
        A frame, series or index.
    n
        How many.

    Examples
    --------
    >>> last_rows(pd.Series([1, 2]), 1).tolist()
    [2]
    """
    return item[-n:] if isinstance(item, pd.Index) else item.tail(n)


def table_of(block: Any, span: Any, names: Any, labels: Any = None) -> Any:
    """A block of an array as a frame or series.

    Parameters
    ----------
    block
        With one axis or two.
    span
        First label and the one after the last, for labels that are numbers; None for others.
    names
        Of the columns, or of the series.
    labels
        An index, or a series, whose labels the rows have.

    Examples
    --------
    >>> import numpy as np
    >>> table_of(np.ones(2), (3, 5), "x").to_dict()
    {3: 1.0, 4: 1.0}
    """
    index = labels if labels is not None else None if span is None else pd.RangeIndex(*span)
    if block.dtype.names is not None:
        return pd.DataFrame(block, index=index, columns=None if names is None else list(names))
    if block.ndim == 1:
        if names is not None and not isinstance(names, str | int):
            return pd.DataFrame(block, index=index, columns=list(names))
        return pd.Series(block, index=index, name=names)
    return pd.DataFrame(block, index=index, columns=None if names is None else list(names))


def picked(
    table: Any,
    pairs: Sequence[tuple[Any, Any, Any]],
    missing: Sequence[Any],
    names: Sequence[Any] | None = None,
) -> Any:
    """Some cells of a table, by name.

    Parameters
    ----------
    table
        A frame.
    pairs
        Name, row and column of each.
    missing
        Names that have none.
    names
        Of the levels of these names.

    Examples
    --------
    >>> picked(pd.DataFrame({"b": [5.0]}, index=["a"]), [("x", "a", "b")], ["y"]).to_dict()
    {'x': 5.0, 'y': nan}
    """
    values = [table[column].get(row) for _, row, column in pairs]
    labels = pd.Index([*(name for name, _, _ in pairs), *missing])
    if names is not None and len(names) == labels.nlevels:
        labels = labels.set_names(names)
    return pd.Series([*values, *[None] * len(missing)], index=labels, dtype=float)
