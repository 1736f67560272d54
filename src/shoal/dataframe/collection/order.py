"""``set_index``, ``sort_values``, ``shuffle``: methods about the order.

Where new partitions begin follows from the data: a first, small computation takes a sample of the
column from every partition.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from shoal.collection import compute
from shoal.dataframe.collection.base import check_axis, check_shuffle_method, from_node, nearest
from shoal.dataframe.collection.columns import chosen, has_levels, label_of, labels_of, new_label
from shoal.dataframe.collection.generate import refuse_inplace, refuse_of_all_rows
from shoal.dataframe.collection.inspect import with_ends, without_empty
from shoal.dataframe.kernels import rows
from shoal.dataframe.kernels.levels import (
    labelled_by,
    labels_as_columns,
    with_labels_from,
    with_level_names,
)
from shoal.dataframe.kernels.ordering import sample_of_keys
from shoal.dataframe.kernels.passing import passes_columns
from shoal.dataframe.meta import can_have_bounds, has_known_categories
from shoal.dataframe.nodes.moves import SetIndex, Shuffle, Sort
from shoal.dataframe.nodes.partitions import Select
from shoal.dataframe.nodes.rowwise import MapPartitions
from shoal.dataframe.rules.gather_small import gathered

__all__ = [
    "set_index",
    "shuffle",
    "sort_index",
    "sort_values",
    "to_period",
    "truncate",
    "tz_convert",
    "tz_localize",
]

SAMPLE_ROWS = 2_000
"""How many values of a partition take part in choosing bounds."""


def set_index(
    self: Any,
    other: Any,
    drop: bool = True,
    sorted: bool = False,
    npartitions: int | str | None = None,
    divisions: Any = None,
    sort: bool = True,
    **kwargs: Any,
) -> Any:
    """A frame indexed by a column, sorted, with known divisions.

    Labels that are missing come last, as with pandas, and divisions are not known then.

    Parameters
    ----------
    other
        The name of a column, or a series.
    drop
        Whether the column goes.
    sorted
        The rows are sorted by it already.
    npartitions
        How many partitions there will be.
    divisions
        Their bounds, if known; no label is missing then.
    sort
        False to leave rows where they are; divisions are not known then.
    **kwargs
        ``append``, with ``sort=False``, as pandas has it; others are accepted for programs written
        for Dask.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [3, 1, 2]}, npartitions=2).set_index("x").compute().index.tolist()
    [1, 2, 3]
    """
    refuse_inplace("set_index", kwargs)
    refuse_of_all_rows("set_index", kwargs)
    check_shuffle_method(kwargs.get("shuffle_method"))
    frame, column = self, _one_key(other, sort)
    if hasattr(column, "_node"):
        if _is_column(self, column):
            # As in pandas, the column stays: it is not the column that was asked for by name.
            column, drop = column.name, False
        else:
            name, labels = column.name, {"__label": column}
            told = {"sorted": sorted, "npartitions": npartitions, "divisions": divisions}
            out = set_index(self._assigned(labels), new_label(self, "__label"), sort=sort, **told)
            return _named_labels(out, name)
    if not isinstance(column, list):
        told, column = column, label_of(frame, column)
        if told is not column:  # the outer label of one column, which becomes the name of the index
            again = (drop, sorted, npartitions, divisions, sort)
            return set_index(frame, column, *again, **kwargs).rename_axis(index=told)
    append = bool(kwargs.get("append"))
    if append and sort:
        raise NotImplementedError("set_index(append=True) needs sort=False: rows stay in place")
    if not sort:
        meta = labelled_by(frame._meta, column, drop, append)
        unknown = (None,) * (frame.npartitions + 1)
        args = (labelled_by, (frame._node, column, drop, append), (), meta, unknown, "set-index")
        return from_node(MapPartitions(*args))
    if divisions is not None and sorted and len(divisions) != self.npartitions + 1:
        raise ValueError(
            f"divisions of sorted partitions must be the same length as theirs, "
            f"{self.npartitions + 1}; got {len(divisions)}"
        )
    missing = False
    if divisions is None:
        frame = _ordered(frame, [column])
        if sorted:
            return _set_sorted(frame, column, drop)
        count = frame.npartitions if npartitions in (None, "auto") else npartitions
        divisions, missing = _bounds(frame[column], int(count or 1))
        missing = missing or not can_have_bounds(frame._meta[column].dtype)
        if divisions[0] is None:  # no row has a label
            return set_index(frame, column, drop=drop, sort=False)
    elif len(divisions) < 2 or any(b < a for a, b in itertools.pairwise(divisions)):
        raise ValueError(f"divisions are bounds in ascending order, at least two; got {divisions}")
    out = from_node(SetIndex(frame._node, column, drop, tuple(divisions), sorted, missing))
    # Rows that are not where they are said to be would be looked for in vain.
    return out.enforce_runtime_divisions() if sorted else out


@passes_columns()
def _by_labels(part: Any, ascending: bool) -> Any:
    return part.sort_index(ascending=ascending, kind="stable")


def _named_labels(frame: Any, name: Any) -> Any:
    """The frame, whose index is called otherwise; a tuple is one name."""
    meta = with_level_names(frame._meta, [name])
    args = (frame._node, [name])
    return from_node(MapPartitions(with_level_names, args, (), meta, None, "rename-axis"))


def _one_key(other: Any, sort: bool) -> Any:
    """What is to be the index: a name, or a series; a list of names where rows stay in place."""
    if getattr(other, "ndim", 1) == 2 and hasattr(other, "_node"):
        raise NotImplementedError(
            "You tried to index with a frame, which set_index does not yet support; pass a column "
            f"of it: one of {list(other.columns)[:5]}"
        )
    if not isinstance(other, list):
        return other
    if any(isinstance(one, list) for one in other):
        raise NotImplementedError(
            f"You tried to index with this index: {other!r}. set_index takes the name of a column, "
            "or a series"
        )
    if len(other) == 1:
        return other[0]
    if any(hasattr(one, "_node") for one in other):
        raise TypeError("several series are not supported by set_index; assign them as columns")
    if sort:
        raise NotImplementedError(
            f"set_index does not yet support multi-indexes, got {len(other)} columns; "
            "use one column, or sort=False"
        )
    return other


def _is_column(frame: Any, series: Any) -> bool:
    """Whether a series is a column of a frame."""
    name = series.name
    return bool(name in frame.columns and frame[name]._node is series._node)


def _samples(column: Any, most: int = SAMPLE_ROWS) -> tuple[list[Any], list[Any]]:
    """Some values of each partition, which may have none, and those that are not missing."""
    meta = pd.DataFrame({"value": column._meta, "rows": np.zeros(len(column._meta), np.int64)})
    parts = column.map_partitions(sample_of_keys, most, meta=meta).to_delayed()
    found = compute(*parts, traverse=False)
    return list(found), [part[part["value"].notna()] for part in found]


def _any_missing(found: list[Any], known: list[Any]) -> bool:
    return sum(map(len, known)) < sum(map(len, found))


def _ordered(frame: Any, names: Sequence[Any]) -> Any:
    """The frame with known categories, computed now, for those whose order is asked for.

    Categories that each partition finds for itself have no order in common.
    """
    if frame.npartitions == 1:
        return frame
    dtypes = {name: frame._meta[name].dtype for name in names}
    kind = pd.CategoricalDtype
    new = [n for n, t in dtypes.items() if isinstance(t, kind) and not has_known_categories(t)]
    return frame.categorize(columns=new, index=False) if new else frame


def _bounds(column: Any, count: int) -> tuple[tuple[Any, ...], bool]:
    """Bounds of so many partitions, and whether there are missing values."""
    few = from_node(gathered(column._node))
    most = SAMPLE_ROWS * -(-column.npartitions // few.npartitions)
    found, known = _samples(few, most)
    missing, samples = _any_missing(found, known), [part for part in known if len(part)]
    if not samples:
        return (None,) * (count + 1), missing
    values = pd.concat([sample["value"] for sample in samples], ignore_index=True)
    # Each value stands for as many rows as its partition has for each that was taken.
    weights = np.concatenate([s["rows"].to_numpy() / len(s) for s in samples])
    order = values.sort_values(kind="stable").index
    ranks = np.cumsum(weights[order]) - weights[order]
    places = np.searchsorted(ranks, np.linspace(0, ranks[-1], count + 1), side="left")
    chosen = values[order].iloc[places].tolist()
    inner = list(dict.fromkeys(chosen[:-1]))
    return (*(inner or chosen[:1]), chosen[-1]), missing


def _set_sorted(frame: Any, column: Any, drop: bool) -> Any:
    """A frame indexed by a column that its rows are sorted by."""
    found, known = _samples(frame[column])
    comparable = can_have_bounds(frame._meta[column].dtype)
    ends: list[tuple[Any, Any]] = []
    for i, part in enumerate(known):
        if not len(part):
            continue
        first, last = part["value"].iloc[0], part["value"].iloc[-1]
        if comparable and ends and first < ends[-1][1]:
            raise ValueError(
                f"set_index(sorted=True): partition {i} begins with {first!r}, and one before ends "
                f"with {ends[-1][1]!r}; leave out sorted=True"
            )
        ends.append((first, last))
    frame = without_empty(frame, list(map(len, found)))
    unknown = (None,) * (frame.npartitions + 1)
    out = from_node(SetIndex(frame._node, column, drop, unknown, True, True))
    # Labels that are missing lie between no bounds.
    return out if _any_missing(found, known) else with_ends(out, ends)


def sort_values(
    self: Any,
    by: Any,
    ascending: Any = True,
    na_position: str = "last",
    npartitions: int | None = None,
    ignore_index: bool = False,
    **kwargs: Any,
) -> Any:
    """The rows in the order of some columns.

    Parameters
    ----------
    by
        A column or several.
    ascending, na_position
        As pandas has them.
    npartitions
        How many partitions there will be.
    ignore_index
        Number the rows of each partition anew.
    **kwargs
        Accepted for programs written for Dask.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [3, 1, 2]}, npartitions=2).sort_values("x").compute().x.tolist()
    [1, 2, 3]
    """
    refuse_inplace("sort_values", kwargs)
    refuse_of_all_rows("sort_values", kwargs)
    check_axis(self, kwargs.get("axis"))
    check_shuffle_method(kwargs.get("shuffle_method"))
    for name in by if isinstance(by, list | tuple) else [by]:
        if not isinstance(name, str | tuple) and name not in self.columns:
            raise NotImplementedError(
                f"sort_values knows sorting by named columns; got by={name!r}, columns are "
                f"{list(self.columns)}"
            )
    names = labels_of(self, by)
    if na_position not in ("first", "last"):
        raise ValueError(f"na_position must be either 'first' or 'last', got {na_position!r}")
    self = _ordered(self, names)
    count = npartitions or self.npartitions
    bounds = _bounds(self[names[0]], count)[0][1:-1] if count > 1 else ()
    if bounds and bounds[0] is None:
        bounds = ()
    up = tuple(ascending) if isinstance(ascending, list) else ascending
    options = (("ascending", up), ("na_position", na_position))
    out = from_node(Sort(self._node, tuple(names), tuple(bounds), options))
    return out.reset_index(drop=True) if ignore_index else out


def shuffle(
    self: Any, on: Any = None, npartitions: int | None = None, on_index: bool = False, **kwargs: Any
) -> Any:
    """Rows with equal keys brought into one partition.

    Parameters
    ----------
    on
        A column or several, by name (also that of the index), or as a series or a frame.
    npartitions
        How many partitions there will be.
    on_index
        By the index.
    **kwargs
        Accepted for programs written for Dask.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> len(from_dict({"x": [3, 1, 2]}, npartitions=2).shuffle("x"))
    3
    """
    check_shuffle_method(kwargs.get("shuffle_method"))
    count = npartitions or self.npartitions
    if on is None and not on_index:
        raise TypeError("Must shuffle on either columns (on=) or the index (on_index=True)")
    if on is not None and on_index:
        raise TypeError("Cannot shuffle on both on= and on_index=True; choose one")
    if on_index:
        return from_node(Shuffle(self._node, None, count))
    if hasattr(on, "_node"):
        return _shuffled_on(self, on, count)
    names = tuple(on) if isinstance(on, list | tuple) else (on,)
    if has_levels(self):
        names = tuple(labels_of(self, on))
    missing = [n for n in names if n not in self.columns and n not in self._meta.index.names]
    if missing:
        near = nearest(missing[0], self.columns)
        raise KeyError(f"Cannot shuffle on {missing}: not a column{near}")
    if len(names) == 1 and names[0] not in self.columns:
        return from_node(Shuffle(self._node, None, count))
    return from_node(Shuffle(self._node, names, count))


def _shuffled_on(self: Any, on: Any, count: int) -> Any:
    """The rows by the values of a series, or of a frame, beside them."""
    if on.npartitions != self.npartitions or on.divisions != self.divisions:
        raise TypeError(
            "index must be aligned: what is shuffled on needs the divisions of the frame, "
            f"{self.npartitions} partitions; got {on.npartitions}"
        )
    columns = [on] if on.ndim == 1 else [on[name] for name in on.columns]
    if all(_is_column(self, column) for column in columns):
        return from_node(Shuffle(self._node, tuple(c.name for c in columns), count))
    added = {new_label(self, f"__key_{i}"): column for i, column in enumerate(columns)}
    moved = from_node(Shuffle(self._assigned(added)._node, tuple(added), count))
    return moved[list(self.columns)]


def sort_index(self: Any, ascending: bool = True, axis: Any = 0, **kwargs: Any) -> Any:
    """The rows in the order of their labels.

    Parameters
    ----------
    ascending
        False for the opposite order; of several levels, one for each or one for all.
    axis
        1 for the columns in the order of theirs; all of pandas' arguments are known then.
    **kwargs
        ``na_position`` and the like are refused: labels that are missing have no place.

    Examples
    --------
    >>> import pandas as pd
    >>> from shoal.dataframe import from_pandas
    >>> s = from_pandas(pd.Series([1, 2], index=[9, 3]), npartitions=2, sort=False)
    >>> s.sort_index().compute().tolist()
    [2, 1]
    """
    if check_axis(self, axis) == 1:
        told = {"ascending": ascending, **kwargs}
        refuse_inplace("sort_index", told)
        return chosen(self, lambda probe: probe.sort_index(axis=1, **told))
    refused = {name for name, value in kwargs.items() if value and name != "kind"}
    if refused:
        raise NotImplementedError(f"sort_index takes ascending, got {sorted(refused)}")
    if self.npartitions > 1 and self._meta.index.nlevels > 1:
        return _by_levels(self, ascending)
    frame = self
    if not self.known_divisions and self.npartitions > 1:
        name = self._meta.index.name
        table = self.to_frame("__value") if self.ndim == 1 else self
        table = table._assigned({"__label": self.index.to_series()})
        table = table.set_index(new_label(self, "__label") if self.ndim == 2 else "__label")
        table = _named_labels(table, name)
        frame = table["__value"].rename(self.name) if self.ndim == 1 else table
    args = (frame._node, ascending)
    divisions = frame.divisions if ascending else (None,) * (frame.npartitions + 1)
    node = MapPartitions(_by_labels, args, (), frame._meta, divisions, "sort-index")
    if ascending:
        return from_node(node)
    return from_node(Select(node, tuple(reversed(range(frame.npartitions)))))


def _by_levels(self: Any, ascending: Any) -> Any:
    """The rows in the order of labels of several levels, which are columns while rows move."""
    series = self.ndim == 1
    table = self.to_frame("__value") if series else self
    names = list(table._meta.index.names)
    levels = [new_label(table, f"__level_{i}") for i in range(len(names))]
    meta = labels_as_columns(table._meta, levels)
    unknown = (None,) * (self.npartitions + 1)
    args = (table._node, levels)
    moved = from_node(MapPartitions(labels_as_columns, args, (), meta, unknown, "labels"))
    out = sort_values(moved, levels, ascending=ascending)
    back = (out._node, levels, names)
    unknown = (None,) * (out.npartitions + 1)
    ordered = from_node(
        MapPartitions(with_labels_from, back, (), table._meta, unknown, "sort-index")
    )
    return ordered["__value"].rename(self.name) if series else ordered


def truncate(self: Any, before: Any = None, after: Any = None, axis: Any = None) -> Any:
    """The rows whose labels lie between two bounds, with both.

    Parameters
    ----------
    before, after
        The bounds; text stands for one point in time, not for a day or a month.
    axis
        1 for the columns between two names.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [1, 2, 3]}, npartitions=2).x.truncate(1).compute().tolist()
    [2, 3]
    """
    # pandas has the last word on bounds that do not fit.
    meta = self._meta.truncate(before, after, axis=axis)
    if check_axis(self, axis) == 1:
        return self[list(meta.columns)]
    if isinstance(meta.index, pd.DatetimeIndex):
        before, after = (one if one is None else pd.Timestamp(one) for one in (before, after))
    return self.loc[before:after]


def tz_localize(self: Any, tz: Any, **kwargs: Any) -> Any:
    """An index of times with a time zone.

    Parameters
    ----------
    tz
        The zone.
    **kwargs
        As pandas has them.

    Examples
    --------
    >>> import pandas as pd
    >>> from shoal.dataframe import from_pandas
    >>> s = pd.Series([1], index=pd.to_datetime(["2020-01-01"]))
    >>> str(from_pandas(s, npartitions=1).tz_localize("UTC").index.dtype)
    'datetime64[us, UTC]'
    """
    return _relabelled(self, "tz_localize", (tz,), kwargs)


def tz_convert(self: Any, tz: Any) -> Any:
    """An index of times in another time zone.

    Parameters
    ----------
    tz
        The zone.

    Examples
    --------
    >>> import pandas as pd
    >>> from shoal.dataframe import from_pandas
    >>> s = pd.Series([1], index=pd.to_datetime(["2020-01-01"], utc=True))
    >>> str(from_pandas(s, npartitions=1).tz_convert("Asia/Tokyo").index.dtype.tz)
    'Asia/Tokyo'
    """
    return _relabelled(self, "tz_convert", (tz,), {})


def to_period(self: Any, freq: Any = None) -> Any:
    """An index of times as one of periods.

    Parameters
    ----------
    freq
        Of the periods.

    Examples
    --------
    >>> import pandas as pd
    >>> from shoal.dataframe import from_pandas
    >>> s = pd.Series([1], index=pd.to_datetime(["2020-01-01"]))
    >>> str(from_pandas(s, npartitions=1).to_period("Y").index.compute()[0])
    '2020'
    """
    return _relabelled(self, "to_period", (freq,), {}, known=False)


def _relabelled(
    self: Any, method: str, args: Any, kwargs: dict[str, Any], *, known: bool = True
) -> Any:
    """Labels replaced one for one; bounds, too, where no two of them become one."""
    meta = getattr(self._meta, method)(*args, **kwargs)
    divisions: Any = (None,) * (self.npartitions + 1)
    if known and self.known_divisions:
        bounds = pd.DatetimeIndex(list(self.divisions))
        divisions = tuple(getattr(bounds, method)(*args, **kwargs))
    whole = (self._node, method, *args, *kwargs.values())
    return from_node(MapPartitions(rows.call_method, whole, tuple(kwargs), meta, divisions, method))
