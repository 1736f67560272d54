"""``merge``, ``concat`` and ``merge_asof``: several frames become one.

Here arguments become what nodes know: keys that are series become columns, and a pandas object a
frame of one partition.  How rows meet is decided later, by rules and `shoal.dataframe.nodes.moves`.
"""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import pandas as pd

from shoal.dataframe.collection.align import aligned, side_by_side
from shoal.dataframe.collection.asof import asof_join
from shoal.dataframe.collection.base import (
    FrameBase,
    check_shuffle_method,
    from_node,
    nearest,
)
from shoal.dataframe.collection.columns import has_levels, labels_of
from shoal.dataframe.kernels import cuts
from shoal.dataframe.meta import UNKNOWN_CATEGORIES, kind_of_categories, make_meta, sample_of
from shoal.dataframe.nodes.beside import OpenBeside, SideBySide
from shoal.dataframe.nodes.moves import Join, union_divisions
from shoal.dataframe.nodes.partitions import Concat, RepartitionDivisions
from shoal.dataframe.nodes.rowwise import MapPartitions
from shoal.dataframe.nodes.sources import FromPandas

__all__ = ["concat", "merge", "merge_asof"]

KINDS = (
    *("inner", "left", "right", "outer", "cross", "left_anti", "right_anti"),
    *("leftsemi", "leftanti"),
)
"""Kinds of joins: those of `pandas.merge`, and two of Dask's that keep columns of the left side."""


def merge(
    left: Any,
    right: Any,
    how: str = "inner",
    on: Any = None,
    left_on: Any = None,
    right_on: Any = None,
    left_index: bool = False,
    right_index: bool = False,
    suffixes: tuple[str | None, str | None] = ("_x", "_y"),
    indicator: bool | str = False,
    npartitions: int | None = None,
    shuffle_method: str | None = None,
    broadcast: bool | float | None = None,
    validate: str | None = None,
) -> Any:
    """Join two frames.

    Frames that are sorted by what they are joined on (both by their index, with known divisions)
    are cut at common bounds.  A frame of one partition is given to all partitions of the other, and
    so is one that is known to be small, and has a fourth of the other's partitions or fewer, or
    much less to be given in sum than the other side has.  Else rows of both sides are moved by the
    hash of their keys, unless one turns out to be small when it runs.

    Parameters
    ----------
    left, right
        Frames, or series with a name.
    how, on, left_on, right_on, left_index, right_index, suffixes, indicator
        As `pandas.merge` has them.  ``how`` may be "leftsemi" or "leftanti", too: the rows of the
        left side that have a partner, or none, without columns of the right side.  Of "cross" the
        side with fewer partitions is put into one, which is given to all of the other's.
    npartitions
        Of the result, where rows are moved, or a side is given to all as was asked for.
    shuffle_method
        Accepted for programs written for Dask.
    broadcast
        True: the side with fewer partitions is given to all of the other's, where the kind of join
        allows it.  False: only if it has one partition.  A number: how readily; 0.5 as by default,
        and with twice as much sides of twice the size, or of twice as many partitions.
    validate
        "many_to_many" or "m:m", which asks for nothing.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> one = from_dict({"k": [1, 2], "x": [3, 4]}, npartitions=2)
    >>> two = from_dict({"k": [2, 3], "y": [5, 6]}, npartitions=2)
    >>> merge(one, two, on="k").compute().values.tolist()
    [[2, 4, 5]]
    """
    if how not in KINDS:
        raise ValueError(f"merge does not support how={how!r}; use one of {KINDS}")
    check_shuffle_method(shuffle_method)
    _check_keys(how, on, (left_on, right_on), (left_index, right_index))
    if validate not in (None, "many_to_many", "m:m"):
        raise NotImplementedError(
            f"merge(validate={validate!r}) is not there: no task has all rows of a side; look "
            "whether df.duplicated(keys).any().compute() is False"
        )
    left, right = _frame(left), _frame(right)
    if how == "cross":
        return _crossed(left, right, tuple(suffixes), indicator)
    left, left_on = _with_key(left, left_on if on is None else on, "left")
    right, right_on = _with_key(right, right_on if on is None else on, "right")
    if on is not None:
        on = None if isinstance(on, FrameBase) else on
    if on is None and not (left_index or right_index or left_on or right_on):
        on = [name for name in left.columns if name in right.columns]
        if not on:
            # Dask joins on the index then, where pandas refuses.
            on, left_index, right_index = None, True, True
    left_keys = None if left_index else _names(on if on is not None else left_on, left)
    right_keys = None if right_index else _names(on if on is not None else right_on, right)
    return from_node(
        Join(
            left._node,
            right._node,
            how,
            left_keys,
            right_keys,
            tuple(suffixes),
            indicator,
            npartitions,
            broadcast,
        )
    )


def _check_keys(how: str, on: Any, by: tuple[Any, Any], index: tuple[Any, Any]) -> None:
    """Refuse keys that are told twice, or of one side alone."""
    told = [key is not None or bool(label) for key, label in zip(by, index, strict=True)]
    if how == "cross" and (on is not None or any(told)):
        raise pd.errors.MergeError(
            "how='cross' puts every row beside every other one: it takes no on, left_on, right_on, "
            "left_index or right_index"
        )
    if on is not None and any(told):
        raise pd.errors.MergeError(
            'Can only pass argument "on" OR "left_on" and "right_on" (or "left_index" and '
            '"right_index"), not a combination of both'
        )
    for i, (side, other) in enumerate((("left", "right"), ("right", "left"))):
        if by[i] is not None and index[i]:
            raise pd.errors.MergeError(
                f'Can only pass argument "{side}_on" OR "{side}_index", not both'
            )
        if told[i] and not told[1 - i]:
            raise pd.errors.MergeError(
                f'Must pass "{other}_on" OR "{other}_index": {side}_on or {side}_index alone says '
                "nothing of the other side"
            )


def _crossed(left: Any, right: Any, suffixes: Any, indicator: Any) -> Any:
    """Every row beside every other one: the side in fewer partitions is given to all tasks."""
    if right.npartitions <= left.npartitions:
        right = right if right.npartitions == 1 else right.repartition(npartitions=1)
    elif left.npartitions > 1:
        left = left.repartition(npartitions=1)
    options = {"how": "cross", "suffixes": suffixes, "indicator": indicator}
    meta = pd.merge(left._meta, right._meta, **options)
    unknown = (None,) * (max(left.npartitions, right.npartitions) + 1)
    args = (left._node, right._node, *options.values())
    return from_node(MapPartitions(pd.merge, args, tuple(options), meta, unknown, "merge"))


def _with_key(frame: Any, on: Any, side: str) -> tuple[Any, Any]:
    """The frame with a key that is a series as a column, and the name of that."""
    if not isinstance(on, FrameBase | pd.Series):
        return frame, on
    if isinstance(on, FrameBase) and on.ndim == 2:
        raise TypeError(f"{side}_on takes names of columns or a series, got a frame")
    if on.name in frame.columns and getattr(on, "_node", None) is frame[on.name]._node:
        return frame, on.name
    return frame.assign(_key=on), "_key"


def _frame(item: Any) -> Any:
    if isinstance(item, pd.DataFrame | pd.Series):
        item = item.to_frame() if isinstance(item, pd.Series) else item
        return from_node(FromPandas(item, (0, len(item)), (None, None), None))
    return item.to_frame() if item.ndim == 1 else item


def _names(on: Any, frame: Any) -> tuple[Any, ...]:
    names = tuple(on) if isinstance(on, list | tuple | pd.Index) else (on,)
    if has_levels(frame):
        return tuple(labels_of(frame, on))
    for name in names:
        if name not in frame.columns and name not in frame._meta.index.names:
            raise KeyError(f"{name!r} is not a column{nearest(name, frame.columns)}")
    return names


def concat(
    dfs: Any,
    axis: Any = 0,
    join: str = "outer",
    ignore_unknown_divisions: bool = False,
    ignore_order: bool = False,
    interleave_partitions: bool = False,
    **kwargs: Any,
) -> Any:
    """Frames one below the other, or side by side.

    Parameters
    ----------
    dfs
        Frames or series, also pandas' own.
    axis
        0 for rows below each other, 1 for columns beside each other.
    join
        "outer" or "inner": which columns, or which rows.
    ignore_unknown_divisions
        Take it, with ``axis=1``, that partitions of the same number have all rows of their labels.
        By default there is a warning, and frames whose divisions nobody knows are put together
        partition by partition if all have the same labels in each, which is looked up when they
        run; rows are moved by their labels if they have not, or are no longer where they were
        read, and are in no particular order then.
    ignore_order
        Accepted for programs written for Dask.
    interleave_partitions
        Merge partitions that overlap, so that divisions stay known.
    **kwargs
        Of `pandas.concat`.

    Raises
    ------
    ValueError
        Divisions are unknown, and frames differ in how many partitions they have (``axis=1``).
    RepeatedLabelsError
        When it runs: labels repeat, and the indexes are not equal (``axis=1``).

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2]}, npartitions=2)
    >>> concat([df, df]).compute().x.tolist()
    [1, 2, 1, 2]
    """
    if not isinstance(dfs, list | tuple):
        raise TypeError(
            f"dfs must be a list of DataFrames/Series objects, got {type(dfs).__name__}"
        )
    if not dfs:
        raise ValueError("No objects to concatenate")
    if axis not in (0, 1, "index", "columns"):
        raise ValueError(f"'axis' is 0 or 1, got {axis!r}")
    if join not in ("inner", "outer"):
        raise ValueError(f"'join' must be 'inner' or 'outer', got {join!r}")
    parts = [_part(one) for one in dfs]
    if axis in (1, "columns"):
        return _beside(parts, join, ignore_unknown_divisions, kwargs)
    # Frames without columns and rows say nothing about dtypes.
    parts = [one for one in parts if not _is_nothing(one)] or parts[:1]
    if any(one.ndim == 2 for one in parts):
        # A series is a column of its name; one without a name is the column 0.
        parts = [one.to_frame() if one.ndim == 1 else one for one in parts]
    metas = _unknown_alike([part._meta for part in parts])
    if any(one.ndim == 2 and not len(one.columns) for one in metas):
        # Rows without any column make the values of others missing, which empty metas do not show.
        meta = make_meta(pd.concat([sample_of(one) for one in metas], join=join, **kwargs))
    else:
        meta = pd.concat(metas, join=join, **kwargs)
    known = all(part.known_divisions for part in parts)
    if known and not _in_order(parts) and interleave_partitions:
        bounds = parts[0].divisions
        for part in parts[1:]:
            bounds = union_divisions(bounds, part.divisions)
        cut = [RepartitionDivisions(part._node, bounds) for part in parts]
        args = (_below, tuple(cut) + (join, meta), (), meta, bounds, "concat")
        return from_node(MapPartitions(*args))
    count = sum(part.npartitions for part in parts)
    divisions: tuple[Any, ...] = (None,) * (count + 1)
    if known and _in_order(parts):
        divisions = (*[b for part in parts for b in part.divisions[:-1]], parts[-1].divisions[-1])
    return from_node(Concat(tuple([part._node for part in parts]), meta, join, divisions))


def _unknown_alike(metas: list[Any]) -> list[Any]:
    """Columns of categories that one part does not know yet are not known in any."""
    if any(one.ndim != 2 for one in metas):
        return metas
    for name in dict.fromkeys(name for one in metas for name in one.columns):
        dtypes = [
            one.dtypes[name] for one in metas if name in one.columns and one.columns.is_unique
        ]
        kinds = {kind_of_categories(dtype) for dtype in dtypes}
        if len(dtypes) > 1 and kinds == {"category[known]", "category[unknown]"}:
            unknown = pd.CategoricalDtype([UNKNOWN_CATEGORIES], dtypes[0].ordered)
            metas = [one.astype({name: unknown}) if name in one.columns else one for one in metas]
    return metas


def _is_nothing(one: Any) -> bool:
    node = one._node
    return isinstance(node, FromPandas) and node.ndim == 2 and node.data.shape == (0, 0)


def _part(one: Any) -> Any:
    if isinstance(one, pd.DataFrame | pd.Series | pd.Index):
        ends = (None, None)
        if len(one) and not isinstance(one, pd.Index) and one.index.is_monotonic_increasing:
            ends = (one.index[0], one.index[-1])
        return from_node(FromPandas(one, (0, len(one)), ends, None))
    if not isinstance(one, FrameBase):
        raise TypeError(f"concat takes frames and series, got {type(one).__name__}")
    return one


def _in_order(parts: Any) -> bool:
    try:
        return all(a.divisions[-1] < b.divisions[0] for a, b in itertools.pairwise(parts))
    except TypeError:
        return False


def _below(*args: Any) -> Any:
    """Partitions with the same bounds, put together and sorted."""
    *parts, join, meta = args
    some = [part for part in parts if len(part)] or parts[:1]
    whole = pd.concat(some, join=join)
    return cuts.fit_schema([whole], meta).sort_index(kind="stable")


def _beside(parts: Any, join: str, ignore_unknown: bool, kwargs: dict[str, Any]) -> Any:
    nodes = [part._node for part in parts]
    options = (("join", join), *kwargs.items())
    meta = pd.concat([part._meta for part in parts], axis=1, **dict(options))
    counts = [part.npartitions for part in parts]
    if side_by_side(nodes) or max(counts) == 1:
        return from_node(SideBySide(tuple(nodes), options, meta))
    known = any(part.known_divisions for part in parts)
    fits = len(set(counts)) == 1
    if not (known or ignore_unknown):
        warnings.warn(
            "concat(axis=1) of unknown divisions: labels are compared when it runs, and rows are "
            "moved where they differ; set_index() tells the divisions of a frame, and "
            "ignore_unknown_divisions=True says that labels need not be compared",
            UserWarning,
            stacklevel=3,
        )
    if not known and not fits:
        raise ValueError(
            "Unable to concatenate DataFrame with unknown division specifying axis=1: "
            f"{counts} partitions, so that rows of a label are not in partitions of one number; "
            "set_index() tells the divisions of a frame, or merge() them with left_index=True, "
            "right_index=True"
        )
    if ignore_unknown and fits and not all(part.known_divisions for part in parts):
        return from_node(SideBySide(tuple(nodes), options, meta))
    moved = SideBySide(tuple(aligned(nodes, "concat", match="single", along=False)), options, meta)
    if known:
        return from_node(moved)
    beside = SideBySide(tuple(nodes), options, meta)
    return from_node(OpenBeside(beside, moved, (), beside.name))


def merge_asof(
    left: Any,
    right: Any,
    on: Any = None,
    left_on: Any = None,
    right_on: Any = None,
    left_index: bool = False,
    right_index: bool = False,
    by: Any = None,
    left_by: Any = None,
    right_by: Any = None,
    suffixes: tuple[str, str] = ("_x", "_y"),
    tolerance: Any = None,
    allow_exact_matches: bool = True,
    direction: str = "backward",
) -> Any:
    """Join each row with the nearest one of another frame; both are sorted.

    Partitions of the right frame are cut at the bounds of the left one's; each task reads its part
    and the last row of each group before it, and the first one after it.

    Parameters
    ----------
    left, right
        Frames.
    on, left_on, right_on, left_index, right_index, by, left_by, right_by, suffixes, tolerance
        As `pandas.merge_asof` has them.
    allow_exact_matches, direction
        As `pandas.merge_asof` has them.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> one = from_dict({"t": [1, 5], "x": [1, 2]}, npartitions=1)
    >>> two = from_dict({"t": [2, 3], "y": [6, 7]}, npartitions=1)
    >>> merge_asof(one, two, on="t").compute().y.tolist()
    [nan, 7.0]
    """
    if direction not in ("backward", "forward", "nearest"):
        raise ValueError(f"direction is 'backward', 'forward' or 'nearest', got {direction!r}")
    both = isinstance(left, pd.DataFrame) and isinstance(right, pd.DataFrame)
    options = {
        "left_by": left_by if by is None else by,
        "right_by": right_by if by is None else by,
        "suffixes": suffixes,
        "tolerance": tolerance,
        "allow_exact_matches": allow_exact_matches,
        "direction": direction,
    }
    if on is not None:
        if left_on is not None or right_on is not None:
            raise ValueError(
                "Can only pass argument 'on' OR 'left_on' and 'right_on', not a combination of both"
            )
        left_on = right_on = on
    if by is not None and (left_by is not None or right_by is not None):
        raise ValueError(
            "Can only pass argument 'by' OR 'left_by' and 'right_by', not a combination of both"
        )
    if both:
        return from_node(
            FromPandas(
                pd.merge_asof(left, right, left_on=left_on, right_on=right_on, **options),
                *((0, len(left)), (None, None), None),
            )
        )
    left, right = _part(left), _part(right)
    return asof_join(left, right, left_on, right_on, left_index, right_index, options)
