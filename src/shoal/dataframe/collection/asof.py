"""Joins on the nearest label.

Both frames are indexed by what they are joined on, with known divisions.  Partition i of the left
one needs the rows of the right one in its bounds, and of all others only the last before and the
first after, for each group: those are found in one task (`edges`), which reads the first and last
rows by group of every partition of the right frame.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from shoal.dataframe.collection.base import from_node, nearest
from shoal.dataframe.collection.inspect import current_ends, with_ends
from shoal.dataframe.kernels.passing import Joined, joins_columns, passes_columns
from shoal.dataframe.meta import make_meta
from shoal.dataframe.nodes.base import FrameNode
from shoal.dataframe.nodes.partitions import Disjoint, Repartition, RepartitionDivisions
from shoal.dataframe.nodes.rowwise import MapEach, MapPartitions

__all__ = ["asof_join", "merge_nearest"]


def asof_join(
    left: Any,
    right: Any,
    left_on: Any,
    right_on: Any,
    left_index: bool,
    right_index: bool,
    options: dict[str, Any],
) -> Any:
    """The join of two frames, as `shoal.dataframe.merge_asof` has it.

    Parameters
    ----------
    left, right
        Collections.
    left_on, right_on, left_index, right_index
        What is joined on; columns are sorted.
    options
        Of `pandas.merge_asof`.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> one = from_dict({"x": [1, 2]}, npartitions=2)
    >>> asof_join(one, one, None, None, True, True, {"direction": "backward"}).divisions
    (0, 1, 1)
    """
    pairs = (("left", left_on, left_index), ("right", right_on, right_index))
    for name, on, index in pairs:
        if (on is None) == (not index):
            raise ValueError(
                f"Must pass one of {name}_on and {name}_index=True, got {name}_on={on!r}, "
                f"{name}_index={index!r}"
            )
    for frame, names, what in (
        (left, left_on, "left_on"),
        (right, right_on, "right_on"),
        (left, options.get("left_by"), "left_by"),
        (right, options.get("right_by"), "right_by"),
    ):
        _check_there(frame, names, what)
    told = {
        "left_on": left_on,
        "right_on": right_on,
        "left_index": left_index,
        "right_index": right_index,
        **options,
    }
    meta = make_meta(pd.merge_asof(left._meta, right._meta, **told))
    (first, rows), (second, _) = _sorted_by(left, left_on), _sorted_by(right, right_on)
    if first.npartitions == 1 or not (first.known_divisions and second.known_divisions):
        raise_unknown(first, second)
        whole = second if second.npartitions == 1 else second.repartition(npartitions=1)
        divisions = left.divisions if left_index else (None,) * (left.npartitions + 1)
        simple = (left._node, whole._node, tuple(told.items()), right_on)
        return from_node(MapPartitions(merge_nearest, simple, (), meta, divisions, "merge-asof"))
    bounds = first.divisions
    low, high = min(bounds[0], second.divisions[0]), max(bounds[-1], second.divisions[-1])
    cut: FrameNode = RepartitionDivisions(
        second._node, (low, *bounds[1:-1], high) if len(bounds) > 2 else (low, high)
    )
    by = options.get("right_by")
    ends = MapPartitions(_ends, (cut, _as_list(by)), (), cut.meta, None, "asof-ends")
    every = Repartition(ends, (tuple(range(ends.npartitions)),), (None, None))
    numbered = tuple([(bounds[i], bounds[i + 1]) for i in range(len(bounds) - 1)])
    args = (rows._node, cut, every, tuple(told.items()), right_on)
    known = first.divisions if left_index else (None,) * len(bounds)
    return from_node(MapEach(_merge_part, args, (), numbered, meta, known, "merge-asof"))


def _check_there(frame: Any, names: Any, what: str) -> None:
    if frame.ndim != 2 or names is None:
        return
    known = [*frame.columns, *frame._meta.index.names]
    for name in names if isinstance(names, list | tuple) else [names]:
        if pd.api.types.is_hashable(name) and name not in known:
            raise KeyError(f"merge_asof: {what}={name!r} is no column{nearest(name, known)}")


def raise_unknown(*frames: Any) -> None:
    """Refuse several partitions whose bounds are not known.

    Parameters
    ----------
    *frames
        Collections.
    """
    for frame in frames:
        if frame.npartitions > 1 and not frame.known_divisions:
            raise ValueError(
                "merge_asof: the divisions of a frame are not known; use set_index, or "
                "compute_current_divisions(set_divisions=True)"
            )


def _sorted_by(frame: Any, on: Any) -> tuple[Any, Any]:
    """The frame with divisions of what it is sorted by, and the same rows with their own labels."""
    if on is None:
        return frame, frame
    if frame.npartitions == 1:
        return _each(_indexed, frame, on).clear_divisions(), frame
    frame, ends = current_ends(frame, on)
    labelled = with_ends(_each(_indexed, frame, on), ends)
    if not isinstance(labelled._node, Disjoint):
        return labelled, frame
    # Rows have come into other partitions, and so must their labels.
    moved = with_ends(_each(_labels_kept, frame, on), ends)
    args = (moved._node, frame._meta.index.names)
    return labelled, from_node(MapPartitions(_labels_back, args, (), frame._meta, None, "labels"))


def _each(func: Any, frame: Any, on: Any) -> Any:
    meta = func(frame._meta, on)
    return from_node(MapPartitions(func, (frame._node, on), (), meta, None, "index"))


def _labels_kept(part: Any, on: Any) -> Any:
    return part.assign(**{LABELS: part.index}).set_index(on, drop=False)


def _labels_back(part: Any, names: Any) -> Any:
    return part.set_index(LABELS).rename_axis(index=list(names))


LABELS = "__labels"
"""The column in which the labels of rows are kept while they are moved."""


@passes_columns(keys=1)
def _indexed(part: Any, on: Any) -> Any:
    return part.set_index(on, drop=False)


@passes_columns(keys=1)
def _ends(part: Any, keys: list[Any]) -> Any:
    """The first and last row of each group."""
    if not len(part):
        return part
    if not keys:
        return pd.concat([part.iloc[:1], part.iloc[-1:]])
    groups = part.groupby(keys, sort=False, dropna=False, observed=True)
    return pd.concat([groups.head(1), groups.tail(1)]).sort_index(kind="stable")


def _as_list(names: Any) -> list[Any]:
    if names is None:
        return []
    return list(names) if isinstance(names, list | tuple) else [names]


def _joined(args: tuple[Any, ...]) -> Joined:
    """How rows meet, by the options, which come before the last argument."""
    told = dict(args[-2])
    on = _as_list(told.get("left_on")), _as_list(told.get("right_on"))
    by = _as_list(told.get("left_by")), _as_list(told.get("right_by"))
    pairs = [*zip(*on, strict=False), *zip(*by, strict=False)]
    same = {one for one, other in pairs if one == other}
    return Joined(on[0] + by[0], on[1] + by[1], same, told.get("suffixes", ("_x", "_y")))


@joins_columns(_joined)
def _merge_part(
    left: Any, bound: tuple[Any, Any], own: Any, ends: Any, options: Any, right_on: Any
) -> Any:
    low = own.index[0] if len(own) else bound[0]
    high = own.index[-1] if len(own) else bound[0]
    before = ends[ends.index < low]
    after = ends[ends.index > high] if len(own) else ends[ends.index >= high]
    some = [one for one in (before, own, after) if len(one)] or [own]
    return merge_nearest(left, pd.concat(some).sort_index(kind="stable"), options, right_on)


@joins_columns(_joined)
def merge_nearest(left: Any, right: Any, options: Any, right_on: Any) -> Any:
    """Join two partitions on the nearest label.

    Parameters
    ----------
    left, right
        Sorted frames.
    options
        Of `pandas.merge_asof`, in pairs.
    right_on
        A column of ``right`` by which it is indexed, too; None for its own index.

    Examples
    --------
    >>> one = pd.DataFrame({"x": [1]}, index=[5])
    >>> two = pd.DataFrame({"y": [2]}, index=[3])
    >>> told = (("left_index", True), ("right_index", True))
    >>> merge_nearest(one, two, told, None).y.tolist()
    [2]
    """
    if right_on is not None:
        right = right.reset_index(drop=True)
    return pd.merge_asof(left, right, **dict(options))
