"""Rows by label: ``loc`` and ``iloc``, ``reindex`` and ``drop``."""

from __future__ import annotations

import bisect
import itertools
from typing import Any

import numpy as np
import pandas as pd

from shoal.dataframe.collection.align import aligned, wrapped
from shoal.dataframe.collection.base import FrameBase, check_axis, from_node, operand
from shoal.dataframe.collection.columns import chosen
from shoal.dataframe.collection.generate import check_columns, refuse_inplace
from shoal.dataframe.collection.partitioning import repartition
from shoal.dataframe.kernels import rows
from shoal.dataframe.kernels.passing import passes_columns
from shoal.dataframe.meta import sample_of
from shoal.dataframe.nodes.partitions import Select
from shoal.dataframe.nodes.rowwise import Filter, MapEach, MapPartitions
from shoal.dataframe.nodes.sources import Given
from shoal.seams import across

__all__ = [
    "Locator",
    "PositionLocator",
    "asof",
    "chosen_by_array",
    "drop",
    "filtered",
    "is_array",
    "is_mask",
    "reindex",
]


class Locator:
    """Rows by label, and columns by name.

    Parameters
    ----------
    collection
        A frame or series.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2, 3], "y": [4, 5, 6]}, npartitions=2)
    >>> df.loc[1:, "y"].compute().tolist()
    [5, 6]
    """

    def __init__(self, collection: Any) -> None:
        self.collection = collection

    def __getitem__(self, key: Any) -> Any:
        item = self.collection
        if isinstance(key, tuple) and item.ndim == 2:
            if len(key) != 2:
                raise pd.errors.IndexingError("loc takes rows and columns; got " + str(len(key)))
            key, columns = key
            # A function sees the whole frame, as it does in pandas.
            key = key(item) if callable(key) else key
            item = _columns(item, columns)
        elif callable(key):
            key = key(item)
        return _rows(item, key)


def _columns(frame: Any, columns: Any) -> Any:
    if callable(columns):
        columns = columns(frame)
    if isinstance(columns, slice) or pd.api.types.is_list_like(columns):
        return chosen(frame, lambda probe: probe.loc[:, columns])
    return frame[columns]


def _rows(item: Any, key: Any) -> Any:
    if is_array(key):
        return chosen_by_array(item, key)
    if isinstance(key, FrameBase) and not is_mask(key):
        key = key.compute()
    if is_mask(key):
        return filtered(item, key)
    if isinstance(key, slice) and key == slice(None):
        return item.copy()
    node = item._node
    if isinstance(key, slice):
        return _between(node, key)
    if isinstance(key, np.ndarray):
        key = key.tolist()
    if isinstance(key, list | pd.Index | pd.Series):
        return _listed(node, key.tolist() if hasattr(key, "tolist") else key)
    if isinstance(key, str) and isinstance(_index_of(node), pd.DatetimeIndex | pd.PeriodIndex):
        # Text is a span of time: a year, a day, a minute.
        first = _label(node.divisions, key, _index_of(node))
        last = _end_label(node.divisions, key, _index_of(node))
        if node.known_divisions and (last < node.divisions[0] or first > node.divisions[-1]):
            raise KeyError(key)
        return _between(node, slice(key, key))
    divisions: Any = (None,) * (node.npartitions + 1)
    if node.known_divisions:
        if not _within(node, key):
            raise KeyError(key)
        node = Select(node, (_partition_of(node.divisions, key),))
        divisions = (key, key)
    args = (_pick, (node, key), (), node.meta, divisions, "loc")
    return from_node(MapPartitions(*args))


def is_mask(key: Any) -> bool:
    """Whether something is a boolean series, of shoal or pandas, that says which rows are wanted.

    Parameters
    ----------
    key
        Anything.

    Examples
    --------
    >>> is_mask(pd.Series([True])), is_mask(pd.Series([1])), is_mask([True])
    (True, False, False)
    """
    bools = ("bool", "boolean", "bool[pyarrow]")
    known = isinstance(key, FrameBase | pd.Series) and key.ndim == 1
    return known and str(getattr(key, "dtype", "")) in bools


def filtered(collection: Any, mask: Any) -> Any:
    """The rows of a collection at which a boolean series is true.

    Parameters
    ----------
    collection
        A frame, series or index.
    mask
        A series, also one of pandas'.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> s = from_dict({"x": [1, 2]}, npartitions=1).x
    >>> filtered(s, s > 1).compute().tolist()
    [2]
    """
    both = [collection._node, wrapped(operand(mask))]
    return from_node(Filter(*aligned(both, "a filter", match="once", along=False)))


def _listed(node: Any, labels: list[Any]) -> Any:
    """The rows of some labels, in the order of the list, as often as it has them."""
    if isinstance(_index_of(node), pd.DatetimeIndex) and any(isinstance(x, str) for x in labels):
        labels = pd.DatetimeIndex(labels, tz=_index_of(node).tz).tolist()
    if node.known_divisions:
        groups: dict[int, list[Any]] = {}
        for label in labels:
            groups.setdefault(_partition_of(node.divisions, label), []).append(label)
        blocks = tuple(sorted(groups)) or (0,)
        node = Select(node, blocks)
        if all(a <= b for a, b in itertools.pairwise(labels)):
            lists = tuple([groups.get(block, []) for block in blocks])
            ends: Any = (*(some[0] for some in lists), labels[-1]) if labels else (None, None)
            return from_node(MapEach(_ordered, (node,), (), lists, node.meta, ends, "loc"))
    found = MapPartitions(_among, (node, labels), (), node.meta, None, "loc").replace(
        given_divisions=(None,) * (node.npartitions + 1)
    )
    whole = repartition(from_node(found), npartitions=1)._node
    return from_node(MapPartitions(_ordered, (whole, labels), (), node.meta, (None, None), "loc"))


def drop(
    self: Any,
    labels: Any = None,
    axis: Any = 0,
    index: Any = None,
    columns: Any = None,
    level: Any = None,
    inplace: bool = False,
    errors: str = "raise",
) -> Any:
    """All columns but some, or all rows but those of some labels.

    Parameters
    ----------
    labels
        Those of rows, or the columns with ``axis=1``.
    axis
        1 if ``labels`` are columns.
    index
        The labels of rows.
    columns
        The columns.
    level
        The level of the columns in which the labels are.
    inplace
        False.
    errors
        "ignore" to pass over labels that are not there.

    Raises
    ------
    KeyError
        A column is not there; when computed, that no row has a label.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2, 3], "y": [4, 5, 6]}, npartitions=2)
    >>> df.drop(columns="y").columns.tolist(), df.y.drop([0, 2]).compute().tolist()
    (['x'], [5])
    """
    refuse_inplace("drop", {"inplace": inplace})
    along = check_axis(self, axis)
    if labels is not None and along == 1:
        columns = labels
    elif labels is not None:
        index = labels
    if index is None and columns is None:
        raise ValueError("Need to specify at least one of 'labels', 'index' or 'columns'")
    out = self
    if columns is not None and self.ndim == 2:
        if errors != "ignore" and level is None:
            check_columns(self, columns)
        told = {"columns": columns, "level": level, "errors": errors}
        out = chosen(out, lambda probe: probe.drop(**told))
    if index is None:
        return out
    if level is not None:
        raise NotImplementedError(
            "drop(level=) of rows is not there; filter the rows, or reset_index first"
        )
    return _without_rows(out, index, errors)


def reindex(
    self: Any,
    labels: Any = None,
    index: Any = None,
    columns: Any = None,
    axis: Any = None,
    **kw: Any,
) -> Any:
    """Other columns, or the rows of some labels, in this order; new ones are empty.

    The rows are in one partition: there are as many as labels are given.

    Parameters
    ----------
    labels
        Those of rows, or the columns with ``axis=1``.
    index
        The labels of rows.
    columns
        The columns.
    axis
        1 if ``labels`` are columns.
    **kw
        ``fill_value``, ``method``, ``limit`` and ``tolerance``, as pandas has them.

    Raises
    ------
    ValueError
        There is a ``method``, and divisions are not known.  When computed: several rows have one
        of the labels.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2, 3]}, npartitions=2)
    >>> df.reindex(columns=["y", "x"]).columns.tolist(), df.x.reindex([2, 5]).compute().tolist()
    (['y', 'x'], [3.0, nan])
    """
    along = check_axis(self, axis)
    if labels is not None and along == 1:
        columns = labels
    elif labels is not None:
        index = labels
    out = self if columns is None else _with_columns(self, columns, kw)
    if index is None:
        return out
    if set(kw) - {"fill_value", "method", "limit", "tolerance"}:
        raise NotImplementedError(
            f"reindex of rows with {sorted(kw)} is not there; use fill_value, method, limit and "
            "tolerance"
        )
    wanted = pd.Index(index, dtype=None if len(index) else self._meta.index.dtype)
    if not hasattr(index, "name"):
        wanted = wanted.rename(self._meta.index.name)
    return _reindexed_rows(out, wanted, {k: v for k, v in kw.items() if v is not None})


def _with_columns(frame: Any, columns: Any, kw: dict[str, Any]) -> Any:
    known, names = frame.columns, list(columns)
    if known.nlevels == 1 and known.is_unique and all(name in known for name in names):
        return frame[names]
    return frame._rowwise("reindex", columns=names, **kw)


def asof(self: Any, where: Any, subset: Any = None) -> Any:
    """The last row without missing values up to some labels; computed now for a single one.

    Parameters
    ----------
    where
        A label, or several.
    subset
        The columns of a frame in which no value may be missing; all by default.

    Raises
    ------
    ValueError
        Divisions are not known.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> x = from_dict({"x": [1.0, None, 3.0, 4.0]}, npartitions=2).x
    >>> x.asof(1), x.asof([1, 9]).compute().tolist()
    (np.float64(1.0), [1.0, 4.0])
    """
    if subset is not None and self.ndim == 1:
        raise ValueError("subset is not valid for Series")
    names = [subset] if isinstance(subset, str) else subset
    some = self.dropna() if names is None else self.dropna(subset=list(names))
    if pd.api.types.is_list_like(where):
        return reindex(some, pd.Index(where), method="ffill")
    return reindex(some, [where], method="ffill").compute().iloc[0]


def _reindexed_rows(collection: Any, labels: Any, options: Any) -> Any:
    """The rows of some labels, each of which stands once; what is not there is missing."""
    node = collection._node
    unknown = (None,) * (node.npartitions + 1)
    near = options.get("method") is not None
    if near and not node.known_divisions:
        raise ValueError(
            f"reindex(method={options['method']!r}) wants rows in order with known divisions; use "
            "set_index"
        )
    pick = _near if near else _among
    found = MapPartitions(pick, (node, labels), (), node.meta, unknown, "reindex")
    whole = repartition(from_node(found), npartitions=1)._node
    sample = sample_of(node.meta)
    # One of the rows is there, and one is not.
    fill = {k: v for k, v in options.items() if k == "fill_value"}
    meta = sample.set_axis(range(2), axis=0).reindex([0, 2], **fill).set_axis(sample.index)
    meta = meta.rename_axis(labels.name)
    args = (whole, "reindex", labels, *options.values())
    ends = (
        (labels[0], labels[-1]) if len(labels) and labels.is_monotonic_increasing else (None, None)
    )
    return from_node(
        MapPartitions(rows.call_method, args, tuple(options), meta.iloc[:0], ends, "reindex")
    )


def _without_rows(collection: Any, labels: Any, errors: str) -> Any:
    """All rows but those of some labels."""
    wanted = pd.Index(labels if pd.api.types.is_list_like(labels) else [labels])
    node = collection._node
    found: Any = None
    if errors != "ignore":
        labels = (collection.index._node, wanted)
        there = MapPartitions(_labels_among, labels, (), wanted[:0], None, "labels")
        found = from_node(there.replace(given_divisions=(None,) * (node.npartitions + 1)))
        found = found.drop_duplicates()._node
    args = (node, wanted, found)
    return from_node(MapPartitions(_without, args, (), node.meta, None, "drop"))


def _labels_among(index: Any, wanted: Any) -> Any:
    return wanted[wanted.isin(index)]


@passes_columns()
def _without(part: Any, wanted: Any, found: Any) -> Any:
    missing = [] if found is None else wanted[~wanted.isin(found)].tolist()
    if missing:
        raise KeyError(f"{missing} not found in axis: no row has the label; pass errors='ignore'")
    return part.loc[~part.index.isin(wanted)]


def _index_of(node: Any) -> Any:
    return getattr(node.meta, "index", node.meta)


@passes_columns()
def _among(part: Any, labels: list[Any]) -> Any:
    return part.loc[part.index.isin(labels)]


def _near(part: Any, labels: Any) -> Any:
    """The last row before each label, and the first after it, or those that have it."""
    index = part.index
    before = index.searchsorted(labels, side="right") - 1
    after = index.searchsorted(labels, side="left")
    places = np.unique(np.concatenate([before, after]))
    return part.take(places[(places >= 0) & (places < len(part))])


@passes_columns()
def _ordered(part: Any, labels: list[Any]) -> Any:
    return part.loc[labels] if labels else part.iloc[:0]


def is_array(key: Any) -> bool:
    """Whether rows are chosen by an array of ours: what an index gives that is compared.

    Parameters
    ----------
    key
        What stands in brackets.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2]}, npartitions=2)
    >>> is_array(df.index == 1), is_array(df.x == 1)
    (True, False)
    """
    return hasattr(key, "map_blocks")


def chosen_by_array(item: Any, key: Any) -> Any:
    """The rows at which a boolean array is true; its blocks are as long as the partitions.

    Parameters
    ----------
    item
        A collection.
    key
        The array.

    Raises
    ------
    ValueError
        It has more or fewer blocks than there are partitions.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2]}, npartitions=2)
    >>> chosen_by_array(df, df.index > 0).compute().x.tolist()
    [2]
    """
    node, lengths, meta = across("array to blocks", key)
    if len(lengths) != item.npartitions:
        raise ValueError(
            f"loc: the array has {len(lengths)} blocks, the frame {item.npartitions} partitions"
        )
    blocks = Given(node, meta, (None,) * (len(lengths) + 1))
    return from_node(MapPartitions(_masked, (item._node, blocks), (), item._meta, None, "loc"))


@passes_columns()
def _masked(part: Any, mask: Any) -> Any:
    return part[mask] if isinstance(part, pd.Index) else part.loc[mask]


def _within(node: Any, label: Any) -> bool:
    first, last = node.divisions[0], node.divisions[-1]
    return bool(first <= label <= last)


@passes_columns()
def _pick(part: Any, label: Any) -> Any:
    return part.loc[part.index == label]


def _partition_of(divisions: Any, label: Any) -> int:
    return min(max(bisect.bisect_right(divisions, label) - 1, 0), len(divisions) - 2)


def _between(node: Any, key: slice) -> Any:
    if key.step is not None:
        return _backwards(node, key)
    if not node.known_divisions:
        return from_node(
            MapPartitions(_slice, (node, key.start, key.stop), (), node.meta, None, "loc")
        )
    divisions = node.divisions
    bound, index = key, _index_of(node)
    key = slice(_label(divisions, key.start, index), _end_label(divisions, key.stop, index))
    low = 0 if key.start is None else _partition_of(divisions, key.start)
    high = len(divisions) - 2 if key.stop is None else _partition_of(divisions, key.stop)
    blocks = tuple(range(low, max(low, high) + 1))
    bounds = list(divisions[low : blocks[-1] + 2])
    if key.start is not None:
        bounds[0] = max(key.start, divisions[0])
    if key.stop is not None:
        bounds[-1] = min(key.stop, divisions[-1])
    args = (Select(node, blocks), bound.start, bound.stop)
    return from_node(MapPartitions(_slice, args, (), node.meta, tuple(bounds), "loc"))


def _backwards(node: Any, key: slice) -> Any:
    """Rows in the opposite order."""
    if key.step != -1:
        raise NotImplementedError(f"loc[{key.start}:{key.stop}:{key.step}]: the step is 1 or -1")
    inner = _between(node, slice(key.stop, key.start))._node
    blocks = tuple(reversed(range(inner.npartitions)))
    turned = MapPartitions(_turned, (inner,), (), node.meta, (None,) * len(inner.divisions), "loc")
    return from_node(Select(turned, blocks))


@passes_columns()
def _turned(part: Any) -> Any:
    return part.iloc[::-1]


def _label(divisions: Any, label: Any, index: Any) -> Any:
    """A bound of a slice of times may be text."""
    if isinstance(label, str) and isinstance(divisions[0], pd.Timestamp):
        return pd.Timestamp(label, tz=divisions[0].tz)
    if isinstance(divisions[0], pd.Period) and isinstance(label, str):
        return index._maybe_cast_slice_bound(label, "left")
    return label


def _end_label(divisions: Any, label: Any, index: Any) -> Any:
    """The last time that text stands for, such as that of a day."""
    if isinstance(label, str) and isinstance(divisions[0], pd.Timestamp | pd.Period):
        return index._maybe_cast_slice_bound(label, "right")
    return _label(divisions, label, index)


@passes_columns()
def _slice(part: Any, start: Any, stop: Any) -> Any:
    index = part.index
    if not _have_places(index, [label for label in (start, stop) if label is not None]):
        return part.loc[start:stop]
    # pandas would make a table of all labels of the partition, to look two of them up.
    low, high = 0, len(index)
    if start is not None:
        low = index.searchsorted(index._maybe_cast_slice_bound(start, "left"), side="left")
    if stop is not None:
        high = index.searchsorted(index._maybe_cast_slice_bound(stop, "right"), side="right")
    return part.iloc[low:high]


def _have_places(index: Any, bounds: list[Any]) -> bool:
    """Whether the bounds of a slice are found among labels in order."""
    if isinstance(index, pd.DatetimeIndex):
        # pandas refuses a time with a zone beside text.
        fits = any(all(isinstance(one, kind) for one in bounds) for kind in (pd.Timestamp, str))
        fits = fits and all(isinstance(one, str) or _is_among(one, index.unit) for one in bounds)
    else:
        numbers = isinstance(index.dtype, np.dtype) and index.dtype.kind in "iuf"
        fits = numbers and all(pd.api.types.is_number(one) for one in bounds)
    return bool(fits and index.is_monotonic_increasing)


def _is_among(stamp: pd.Timestamp, unit: str) -> bool:
    """Whether a time is one of those that a unit has; for others pandas does not look."""
    try:
        return bool(stamp.as_unit(unit) == stamp)
    except pd.errors.OutOfBoundsDatetime:
        return False


class PositionLocator:
    """Columns by position.

    Parameters
    ----------
    frame
        A frame.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [1], "y": [2]}, npartitions=1).iloc[:, 1].name
    'y'
    """

    def __init__(self, frame: Any) -> None:
        self.frame = frame

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, tuple) and len(key) > 2:
            raise ValueError(f"Too many indexers: iloc takes two, got {len(key)}")
        told = "only columns can be chosen by position: df.iloc[:, columns]; rows are not counted"
        if not isinstance(key, tuple) or len(key) != 2 or not isinstance(key[0], slice):
            raise NotImplementedError(told)
        if key[0] != slice(None):
            raise NotImplementedError(told)
        return chosen(self.frame, lambda probe: probe.iloc[:, key[1]])
