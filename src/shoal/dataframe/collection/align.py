"""Bringing rows together that belong together, before an operation takes several frames.

Frames are *side by side* when their partitions come, operation by operation, from the partitions of
the same sources: then row i of one is where row i of the other is, whatever the divisions are.
Other frames are cut at common bounds where their divisions are known.  Where some are not, rows of
those are moved between the bounds of the others, and stand in pandas' order afterwards; where none
are, by the hash of their label, so that equal labels meet.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from shoal.dataframe.collection.tables import FLEXIBLE
from shoal.dataframe.kernels.rows import itself
from shoal.dataframe.nodes.base import FrameNode
from shoal.dataframe.nodes.labels import (
    Matched,
    labels_differ,
    never_same,
    order_lost,
    same_labels,
)
from shoal.dataframe.nodes.moves import Ranged, Shuffle, union_divisions
from shoal.dataframe.nodes.partitions import RepartitionDivisions
from shoal.dataframe.nodes.rowwise import COMPARISONS, MapPartitions
from shoal.dataframe.nodes.sources import FromPandas

__all__ = ["COMPARISONS", "aligned", "match_of", "side_by_side", "wrapped"]

LABEL_BY_LABEL = frozenset([*FLEXIBLE.split(), "divide", "multiply", "subtract"])
"""Operators as methods."""


def match_of(method: str, operands: Sequence[Any]) -> str:
    """How a method of pandas' meets labels that repeat: ``match`` of `aligned`.

    Parameters
    ----------
    method
        Its name.
    operands
        Nodes, calls and plain values; the first one is whose method it is.

    Examples
    --------
    >>> match_of("where", []), match_of("between", []), match_of("add", [])
    ('once', 'alike', 'pairs')
    """
    if method in ("between", "compare"):
        return "alike"
    dims = {one.ndim for one in operands if isinstance(one, FrameNode) and one.ndim}
    if method == "str.cat" or (method in LABEL_BY_LABEL and len(dims) < 2):
        return "pairs"
    if method in ("combine", "combine_first") and dims == {2}:
        return "pairs"
    single = method in ("clip", "combine", "combine_first") or method in LABEL_BY_LABEL
    return "single" if single else "once"


def side_by_side(frames: Sequence[FrameNode]) -> bool:
    """Whether the partitions of frames have their rows from the same partitions of sources.

    Parameters
    ----------
    frames
        At least one.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df, other = (from_dict({"x": [1, i]}, npartitions=2) for i in range(2))
    >>> side_by_side([df.x.expr, (df.x + 1).expr]), side_by_side([df.x.expr, other.x.expr])
    (True, False)
    """
    roots = [frame.row_roots for frame in frames]
    return all(root == roots[0] for root in roots)


def wrapped(value: Any) -> Any:
    """A pandas object as a frame of one partition; anything else as it is.

    Parameters
    ----------
    value
        An operand.

    Examples
    --------
    >>> wrapped(pd.Series([1, 2])).divisions
    (0, 1)
    """
    if not isinstance(value, pd.DataFrame | pd.Series):
        return value
    index = value.index
    ends: tuple[Any, Any] = (None, None)
    if len(index) and not index.hasnans:
        # Rows in whatever order, between two bounds.
        sorts = index.is_monotonic_increasing
        ends = (index[0], index[-1]) if sorts else (index.min(), index.max())
    return FromPandas(value, (0, len(value)), ends, None)


def aligned(
    operands: Sequence[Any],
    what: str,
    *,
    match: str = "",
    broadcast: bool = False,
    along: bool = True,
) -> list[Any]:
    """Operands whose partitions fit together: cut at common bounds, or moved by label.

    A series of one partition that is laid along the columns of a frame is left as it is.

    Parameters
    ----------
    operands
        Nodes, calls and plain values.
    what
        The operation, for messages.
    match
        What pandas does where indexes differ and labels repeat: "pairs" of each row with each of
        its label; "once": refuse where they do on other sides than the first; "single": on any;
        "alike": refuse all indexes that differ; "": it is not asked.
    broadcast
        Whether anything of one partition is given to all partitions.
    along
        Whether series may be laid along columns.

    Raises
    ------
    ValueError
        Labels of the frames cannot be compared.

    Examples
    --------
    >>> aligned([1, 2], "add")
    [1, 2]
    """
    frames = [one for one in operands if isinstance(one, FrameNode) and one.ndim > 0]
    if len(frames) < 2:
        return list(operands)
    lead = max(frames, key=lambda frame: (frame.npartitions, frame.ndim))
    rows = [
        frame
        for frame in dict.fromkeys(frames)
        if not _laid_along(frame, lead, broadcast=broadcast, along=along)
    ]
    if len({frame.row_key for frame in rows}) < 2:
        return list(operands)
    known = all(frame.known_divisions for frame in rows)
    beside = side_by_side(rows) and (
        known or match != "pairs" or all(labels_differ(one, False) is not False for one in rows)
    )
    fitted: list[FrameNode] = list(rows)
    if not beside and not (known and len({frame.divisions for frame in rows}) == 1):
        fitted = _fitted(rows, what, match)
    if match and not any(isinstance(frame.meta, pd.Index) for frame in rows):
        fitted = _matched(rows, fitted, match, what, beside=beside)
    new = dict(zip(rows, fitted, strict=True))
    return [new.get(one, one) if isinstance(one, FrameNode) else one for one in operands]


def _matched(
    rows: Sequence[FrameNode],
    fitted: Sequence[FrameNode],
    match: str,
    what: str,
    *,
    beside: bool,
) -> list[FrameNode]:
    """Frames of which each partition is seen to have the same labels as the others, or not.

    Frames side by side whose divisions are not known meet within their partitions, where rows of
    a label are the same rows: readers and `reset_index` number those of each anew.
    """
    first, *others = rows
    here, *there = fitted
    moved = any(isinstance(frame, Ranged | Shuffle) for frame in fitted)
    if all(frame.npartitions == 1 for frame in (*rows, *fitted)):
        return list(fitted)
    if match == "alike":
        # Without a shuffle, partitions are equal where frames are, and pandas compares them.
        if not moved:
            return list(fitted)
        same = [same_labels(first, other) for other in others]
        return [here, *_each(there, [here] * len(there), same, match, what)]
    if match == "pairs" and len(rows) == 2:
        (other,), (that,) = others, there
        if any(labels_differ(one, moved and not beside) for one in rows):
            return list(fitted)
        same = [same_labels(first, other)] * 2
        if any(order_lost(one) for one in rows):
            return [here, *_each(there, [here], same, "lost", what)]
        pair = [here, that]
        return [
            *_each(pair[:1], pair[1:], same, "left", what),
            *_each(pair[1:], pair[:1], same, "right", what),
        ]
    return _without_repeats(rows, fitted, match, what, everywhere=moved and not beside)


def _each(
    items: Sequence[FrameNode], others: Any, same: Any, how: str, what: str
) -> list[FrameNode]:
    return [Matched(*pair, how, what) for pair in zip(items, others, same, strict=False)]


def _without_repeats(
    rows: Sequence[FrameNode],
    fitted: Sequence[FrameNode],
    match: str,
    what: str,
    *,
    everywhere: bool,
) -> list[FrameNode]:
    """Frames whose partitions refuse labels that repeat, unless all indexes are equal."""
    first, *others = rows
    here, *there = fitted
    plain = [bool(labels_differ(one, everywhere)) for one in rows]
    out = []
    same: Any = None
    for other, that, is_plain in zip(others, there, plain[1:], strict=True):
        if is_plain and (match == "once" or plain[0]):
            out.append(that)
            continue
        # Where labels repeat on one side only, the indexes differ.
        same = never_same() if is_plain or plain[0] else same_labels(first, other)
        out.append(that if is_plain else Matched(that, here, same, "once", what))
    if match != "once" and same is not None and not plain[0]:
        here = Matched(here, there[0], same, "once", what)
    return [here, *out]


def _laid_along(frame: FrameNode, lead: FrameNode, *, broadcast: bool, along: bool) -> bool:
    """Whether one partition meets all partitions of another frame."""
    if frame is lead or frame.npartitions > 1 or not (along or broadcast):
        return False
    if broadcast and not (frame.known_divisions and lead.known_divisions):
        return lead.npartitions > 1
    if broadcast:
        return lead.npartitions > 1 and frame.ndim < lead.ndim
    if frame.ndim != 1 or lead.ndim != 2:
        return False
    if not frame.known_divisions:
        return True
    columns = lead.meta.columns
    try:
        return bool(frame.divisions == (columns.min(), columns.max()))
    except TypeError:
        return False


def _fitted(frames: Sequence[FrameNode], what: str, match: str) -> list[FrameNode]:
    known = [frame for frame in frames if frame.known_divisions]
    if match == "once" and frames[0].known_divisions and len(known) < len(frames):
        # The labels of the first decide which rows there are.
        known = [frames[0]]
    count = max(frame.npartitions for frame in frames)
    if not known:
        return [Shuffle(frame, None, count) for frame in frames]
    bounds = known[0].divisions
    try:
        for frame in known[1:]:
            bounds = union_divisions(bounds, frame.divisions)
    except TypeError as error:
        raise ValueError(
            f"{what}: the labels of the frames cannot be compared ({error}); give them "
            "indexes of one type"
        ) from error
    if len(known) < len(frames) and not _has_room(known[0], bounds, count, frames):
        return [Shuffle(frame, None, count) for frame in frames]
    cut = [
        (frame if frame.divisions == bounds else RepartitionDivisions(frame, bounds))
        if frame in known
        else Ranged(frame, bounds)
        for frame in frames
    ]
    if len(known) == len(frames) or match == "once":
        return cut
    # Labels of the others may lie outside of the bounds.
    return [_unbounded(frame) if frame.known_divisions else frame for frame in cut]


def _has_room(known: FrameNode, bounds: Any, count: int, frames: Sequence[FrameNode]) -> bool:
    """Whether rows can be moved between bounds, and partitions stay at least half as many."""
    if 2 * (len(bounds) - 1) < count or any(isinstance(one.meta, pd.Index) for one in frames):
        return False
    dtypes = {frame.meta.index.dtype for frame in frames}
    dtype = known.meta.index.dtype
    # Objects may be of several kinds, and categories have an order of their own.
    return len(dtypes) == 1 and (dtype.kind in "iufmM" or isinstance(dtype, pd.StringDtype))


def _unbounded(frame: FrameNode) -> FrameNode:
    unknown = (None,) * len(frame.divisions)
    return MapPartitions(itself, (frame,), (), frame.meta, unknown, "clear-divisions")
