"""Bringing rows together that belong together, before an operation takes several frames.

Frames are *side by side* when their partitions come, operation by operation, from the partitions of
the same sources: then row i of one is where row i of the other is, whatever the divisions are.
Other frames are cut at common bounds where their divisions are known; where they are not, rows are
moved by the hash of their label, so that equal labels meet.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from shoal.dataframe.nodes.base import FrameNode
from shoal.dataframe.nodes.moves import Shuffle, union_divisions
from shoal.dataframe.nodes.partitions import RepartitionDivisions
from shoal.dataframe.nodes.sources import FromPandas

__all__ = ["aligned", "side_by_side", "wrapped"]


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
    if not value.index.is_monotonic_increasing:
        value = value.sort_index()
    ends = (value.index[0], value.index[-1]) if len(value) else (None, None)
    return FromPandas(value, (0, len(value)), ends, None)


def aligned(operands: Sequence[Any], what: str, *, broadcast: bool = False) -> list[Any]:
    """Operands whose partitions fit together: cut at common bounds, or moved by label.

    A series of one partition that is laid along the columns of a frame is left as it is.

    Parameters
    ----------
    operands
        Nodes, calls and plain values.
    what
        The operation, for messages.
    broadcast
        Whether anything of one partition is given to all partitions.

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
    rows = [frame for frame in frames if not _laid_along(frame, lead, broadcast=broadcast)]
    known = all(frame.known_divisions for frame in rows)
    if len(rows) < 2 or side_by_side(rows) or (known and len({f.divisions for f in rows}) == 1):
        return list(operands)
    new = {id(frame): moved for frame, moved in zip(rows, _fitted(rows, what), strict=True)}
    return [new.get(id(one), one) for one in operands]


def _laid_along(frame: FrameNode, lead: FrameNode, *, broadcast: bool) -> bool:
    """Whether one partition meets all partitions of another frame."""
    if frame is lead or frame.npartitions > 1:
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


def _fitted(frames: Sequence[FrameNode], what: str) -> list[FrameNode]:
    if all(frame.known_divisions for frame in frames):
        bounds = frames[0].divisions
        try:
            for frame in frames[1:]:
                bounds = union_divisions(bounds, frame.divisions)
        except TypeError as error:
            raise ValueError(
                f"{what}: the labels of the frames cannot be compared ({error}); give them "
                "indexes of one type"
            ) from error
        return [
            frame if frame.divisions == bounds else RepartitionDivisions(frame, bounds)
            for frame in frames
        ]
    count = max(frame.npartitions for frame in frames)
    return [Shuffle(frame, None, count) for frame in frames]
