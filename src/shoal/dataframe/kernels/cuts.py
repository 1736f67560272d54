"""Cutting partitions at bounds of the index or by hash, and fitting them to a schema."""

from __future__ import annotations

import bisect
import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from shoal.dataframe.kernels.columns import cut_rows, frame_of, join_rows, unwrapped
from shoal.dataframe.kernels.hashing import codes_of
from shoal.dataframe.kernels.ordering import range_codes
from shoal.dataframe.kernels.reductions import concat_rows
from shoal.dataframe.meta import has_known_categories

__all__ = [
    "HashSplit",
    "JoinRows",
    "RangeSplit",
    "concat_between",
    "cut_by_codes",
    "cut_piece",
    "fit_schema",
    "key_array",
    "keys_of",
    "meetings",
    "overlaps",
    "same_schema",
    "split_by_codes",
]


def overlaps(old: Sequence[Any], new: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """For each new partition the old ones it has rows of, and its limits.

    Parameters
    ----------
    old, new
        Divisions.

    Returns
    -------
    blocks, limits
        A limit is ``(low, high, whether high belongs to it)``.

    Examples
    --------
    >>> overlaps((0, 2, 5), (0, 1, 5))
    ([(0,), (0, 1)], [(0, 1, False), (1, 5, True)])
    """
    blocks, limits = [], []
    last = len(new) - 2
    for i in range(len(new) - 1):
        low, high, closed = new[i], new[i + 1], i == last
        found = []
        for j in range(len(old) - 1):
            ends = old[j + 1] >= low if j == len(old) - 2 else old[j + 1] > low
            # Rows at a bound are in the later partition, except for the last bound.
            if ends and (old[j] <= high if closed else old[j] < high):
                found.append(j)
        blocks.append(tuple(found))
        limits.append((low, high, closed))
    return blocks, limits


def meetings(ends: Sequence[tuple[Any, Any]], new: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """As `overlaps`, of old partitions of which the least and the largest label are known.

    Parameters
    ----------
    ends
        Of each old partition; those of the next begin where these end, or later.
    new
        Divisions.

    Examples
    --------
    >>> meetings([(1, 2), (2, 2), (2, 5)], (1, 2, 5))
    ([(0,), (0, 1, 2)], [(1, 2, False), (2, 5, True)])
    """
    blocks, limits = [], []
    starts, stops = [first for first, _ in ends], [last for _, last in ends]
    for i, (low, high) in enumerate(itertools.pairwise(new)):
        closed = i == len(new) - 2
        begin = bisect.bisect_left(stops, low)
        end = (bisect.bisect_right if closed else bisect.bisect_left)(starts, high)
        blocks.append(tuple(range(begin, end)))
        limits.append((low, high, closed))
    return blocks, limits


def concat_between(parts: Sequence[Any], limit: tuple[Any, Any, bool], meta: Any) -> Any:
    """Rows of several partitions whose labels lie between two bounds.

    Parameters
    ----------
    parts
        Between them, rows are sorted by their index; within one they need not be.
    limit
        ``(low, high, whether high belongs to it)``.
    meta
        The result where there are no parts.

    Examples
    --------
    >>> concat_between([pd.Series([1, 2, 3])], (1, 2, False), None).tolist()
    [2]
    """
    low, high, closed = limit
    out = []
    for part in parts:
        index = part if isinstance(part, pd.Index) else part.index
        if not index.is_monotonic_increasing:
            # Bounds say where rows are, not in which order they stand there.
            inside = (index >= low) & ((index <= high) if closed else (index < high))
            out.append(part[inside])
            continue
        start = index.searchsorted(low, side="left")
        stop = index.searchsorted(high, side="right" if closed else "left")
        out.append(part[start:stop] if isinstance(part, pd.Index) else part.iloc[start:stop])
    return concat_rows(out) if out else meta


def cut_piece(part: Any, piece: tuple[int, int]) -> Any:
    """Piece i of n equal ones.

    Parameters
    ----------
    part
        A partition.
    piece
        ``(i, n)``.

    Examples
    --------
    >>> cut_piece(pd.Series([1, 2, 3]), (0, 2)).tolist()
    [1]
    """
    i, n = piece
    start, stop = len(part) * i // n, len(part) * (i + 1) // n
    return part[start:stop] if isinstance(part, pd.Index) else part.iloc[start:stop]


def same_schema(one: Any, other: Any) -> bool:
    """Whether two metas have the same columns and dtypes.

    Parameters
    ----------
    one, other
        Metas.

    Examples
    --------
    >>> same_schema(pd.Series([1]), pd.Series([1.0]))
    False
    """
    if getattr(one, "ndim", 0) != getattr(other, "ndim", 0):
        return False
    if isinstance(one, pd.DataFrame):
        return one.columns.equals(other.columns) and bool((one.dtypes == other.dtypes).all())
    return bool(one.dtype == other.dtype and one.name == other.name)


def fit_schema(parts: Sequence[Any], meta: Any) -> Any:
    """A partition with the columns and dtypes of a meta.

    Parameters
    ----------
    parts
        One partition, in a list.
    meta
        What it should look like.

    Examples
    --------
    >>> fit_schema(
    ...     [pd.DataFrame({"x": [1]})], pd.DataFrame({"x": [], "y": []})
    ... ).columns.tolist()
    ['x', 'y']
    """
    (part,) = parts
    if isinstance(meta, pd.DataFrame):
        if isinstance(part, pd.Series):
            part = part.to_frame()
        lacking = set(meta.columns) - set(part.columns)
        part = part.reindex(columns=meta.columns)
        if part.index.nlevels == meta.index.nlevels and part.index.names != meta.index.names:
            part = part.rename_axis(index=meta.index.names)
        changed = {
            name: _without_unknown(dtype)
            for name, dtype in meta.dtypes.items()
            if part.dtypes[name] != dtype
            and (name in lacking or not isinstance(dtype, pd.CategoricalDtype))
            and not _lacks(part[name], dtype)
        }
        return part.astype(changed) if changed else part
    if isinstance(part, pd.Series):
        return part.astype(meta.dtype).rename(meta.name)
    return part


def _without_unknown(dtype: Any) -> Any:
    """Categories that are not known yet are none in a part without any value."""
    unknown = isinstance(dtype, pd.CategoricalDtype) and not has_known_categories(dtype)
    return pd.CategoricalDtype([], dtype.ordered) if unknown else dtype


def _lacks(values: Any, dtype: Any) -> bool:
    """Whether a column that was to be of whole numbers has gaps: it stays as pandas has it."""
    whole = getattr(dtype, "kind", "") in "iub" and isinstance(dtype, np.dtype)
    return whole and bool(values.isna().any())


# ------------------------------------------------------------------------------------ pieces


def split_by_codes(item: Any, codes: Any, count: int) -> list[Any]:
    """The rows of a partition by their code, in their order: one sort and one gather.

    Parameters
    ----------
    item
        A frame or a series.
    codes
        A number for each row.
    count
        How many pieces.

    Examples
    --------
    >>> [piece.tolist() for piece in split_by_codes(pd.Series([1, 2, 3]), [1, 0, 1], 2)]
    [[2], [1, 3]]
    """
    codes = np.asarray(codes)
    order = np.argsort(codes.astype(np.uint16) if count < 2**16 else codes, kind="stable")
    bounds = np.concatenate([[0], np.cumsum(np.bincount(codes, minlength=count))])
    ordered = item.iloc[order]
    return [ordered.iloc[a:b] for a, b in itertools.pairwise(bounds)]


def keys_of(frame: Any, names: Sequence[Any]) -> Any:
    """Columns and levels of the index, as a frame.

    Parameters
    ----------
    frame
        A partition.
    names
        Of columns or of levels of the index.

    Examples
    --------
    >>> frame = pd.DataFrame({"x": [1]}, index=pd.Index([2], name="k"))
    >>> keys_of(frame, ("k", "x")).values.tolist()
    [[2, 1]]
    """
    if all(name in frame.columns for name in names):
        return frame[list(names)]
    columns = [
        frame[name] if name in frame.columns else frame.index.get_level_values(name)
        for name in names
    ]
    arrays = [column.array for column in columns]
    return frame_of(arrays, pd.RangeIndex(len(frame)), list(names))


def key_array(frame: Any, name: Any, of_index: bool = False) -> Any:
    """A column, or a level of the index, as an array.

    Parameters
    ----------
    frame
        A partition.
    name
        Of a column or of a level.
    of_index
        It is a level, by position.

    Examples
    --------
    >>> key_array(pd.DataFrame({"x": [1, 2]}), "x").sum()
    np.int64(3)
    """
    if not of_index and isinstance(frame, pd.DataFrame) and name in frame.columns:
        return frame[name].array
    return frame.index.get_level_values(name).array


def cut_by_codes(item: Any, codes: Any, count: int, keep_index: bool = True) -> Any:
    """The rows of a partition by their code: as `CutRows`, or as a list of pieces.

    Parameters
    ----------
    item
        A partition.
    codes
        A number for each row.
    count
        How many pieces.
    keep_index
        False where nobody reads the labels.

    Examples
    --------
    >>> cut_by_codes(pd.Series([1, 2]), [1, 0], 2).part(0).pandas().tolist()
    [2]
    """
    cut = cut_rows(item, codes, count, keep_index)
    return split_by_codes(item, codes, count) if cut is None else cut


@dataclasses.dataclass(frozen=True)
class HashSplit:
    """Cuts partitions by the hash of some columns.

    Parameters
    ----------
    columns
        Names; None: the index.
    count
        How many pieces.
    dtypes
        ``(position of the key, dtype)`` pairs: hash as that, so that equal keys of two frames meet.
    keep_index
        False where nobody reads the labels.

    Examples
    --------
    >>> parts = HashSplit(("x",), 3)(pd.DataFrame({"x": range(9)}))
    >>> sum(len(parts.part(number)) for number in range(3))
    9
    """

    columns: tuple[Any, ...] | None
    count: int
    dtypes: tuple[tuple[Any, Any], ...] = ()
    keep_index: bool = True

    def __call__(self, item: Any) -> Any:
        """Cut a partition.

        Parameters
        ----------
        item
            The partition.
        """
        names = range(item.index.nlevels) if self.columns is None else self.columns
        arrays = [key_array(item, name, self.columns is None) for name in names]
        for position, dtype in self.dtypes:
            arrays[position] = pd.Series(arrays[position]).astype(dtype).array
        codes = codes_of(arrays, self.count)
        return cut_by_codes(item, codes, self.count, self.keep_index)


@dataclasses.dataclass(frozen=True)
class RangeSplit:
    """Cuts partitions where a column passes given bounds.

    Parameters
    ----------
    column
        Its name; None: the index.
    bounds
        The inner bounds, one fewer than there are pieces; a row at a bound is in the later piece.
    ascending
        False where the first piece has the largest values.
    na_last
        Whether rows without a value go to the last piece.
    keep_index
        False where nobody reads the labels.

    Examples
    --------
    >>> parts = RangeSplit("x", (2,))(pd.DataFrame({"x": [1, 2, 3]}))
    >>> [parts.part(number).pandas().x.tolist() for number in range(2)]
    [[1], [2, 3]]
    """

    column: Any
    bounds: tuple[Any, ...]
    ascending: bool = True
    na_last: bool = True
    keep_index: bool = True

    def __call__(self, item: Any) -> Any:
        """Cut a partition.

        Parameters
        ----------
        item
            The partition.
        """
        keys = item.index.to_series() if self.column is None else item[self.column]
        count = len(self.bounds) + 1
        missing = keys.isna().to_numpy()
        some = bool(missing.any())
        bounds = pd.Series(list(self.bounds), dtype=keys.dtype)
        values = unwrapped(keys.array)
        if isinstance(values, np.ndarray) and values.dtype.kind in "biuf":
            codes = range_codes(values, bounds.to_numpy()).astype(np.int64)
        else:
            codes = np.zeros(len(keys), dtype=np.int64)
            found = bounds.searchsorted(keys[~missing] if some else keys, side="right")
            codes[~missing if some else slice(None)] = found
        if not self.ascending:
            codes = count - 1 - codes
        if some:
            codes[missing] = count - 1 if self.na_last else 0
        return cut_by_codes(item, codes, count, self.keep_index)


UPWARDS = {"ascending": True, "na_position": "last"}
"""The options of `pandas.DataFrame.sort_values`, as they are by default."""


@dataclasses.dataclass(frozen=True)
class JoinRows:
    """Puts pieces together, and sorts them where asked to.

    Parameters
    ----------
    sort_by
        Columns; empty: the pieces' order is kept.
    options
        Of `pandas.DataFrame.sort_values`.

    Examples
    --------
    >>> JoinRows(("x",))([pd.DataFrame({"x": [2]}), pd.DataFrame({"x": [1]})]).x.tolist()
    [1, 2]
    """

    sort_by: tuple[Any, ...] = ()
    options: tuple[tuple[str, Any], ...] = ()

    def __call__(self, pieces: list[Any]) -> Any:
        """Join them.

        Parameters
        ----------
        pieces
            At least one.
        """
        if not self.sort_by:
            return join_rows(pieces)
        options = dict(self.options)
        if len(self.sort_by) == 1 and options in ({}, UPWARDS):
            return join_rows(pieces, self.sort_by[0])
        return join_rows(pieces).sort_values(list(self.sort_by), kind="stable", **options)
