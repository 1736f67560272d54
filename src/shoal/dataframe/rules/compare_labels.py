"""Frames beside each other whose divisions nobody knows: labels are compared when they run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shoal import config
from shoal.dataframe.nodes.base import FrameNode
from shoal.dataframe.nodes.beside import OpenBeside
from shoal.dataframe.nodes.homeward import Homeward
from shoal.dataframe.nodes.moves import Join, SetIndex, Shuffle, Sort
from shoal.dataframe.nodes.reduce import Reduce
from shoal.dataframe.nodes.rowwise import Project
from shoal.dataframe.rules.prune_columns import prune_columns
from shoal.dataframe.rules.walk import sources_first

__all__ = ["compare_labels"]

MOVES = (Homeward, Join, Reduce, SetIndex, Shuffle, Sort)
"""Nodes too dear to be computed twice, and after which rows are seldom where others have them."""


def compare_labels(node: Any, uses: Mapping[str, int]) -> FrameNode | None:
    """Look at the labels of frames beside each other before rows are moved.

    Labels are read by themselves first, for which files are read without other columns.  Where
    rows have been moved below, they are moved.

    Parameters
    ----------
    node
        Before: ``OpenBeside <- x, y``, looking at nothing.
    uses
        Not needed.

    Returns
    -------
    FrameNode or None
        After: ``OpenBeside <- x, y``, looking at the labels of ``x`` and ``y``.

    Examples
    --------
    >>> import warnings
    >>> import pandas as pd
    >>> from shoal.dataframe import concat, from_map
    >>> one = from_map(lambda i: pd.DataFrame({"x": [i], "y": [i]}), range(2))
    >>> two = from_map(lambda i: pd.DataFrame({"z": [i], "w": [i]}), range(2))
    >>> with warnings.catch_warnings(action="ignore"):
    ...     beside = concat([one, two], axis=1)
    >>> len(compare_labels(beside.expr, {}).watched())
    2
    """
    if type(node) is not OpenBeside or node.looked_at or not config.get("dataframe.replan.enabled"):
        return None
    parts = node.source.members
    levels = {part.meta.index.nlevels for part in parts}
    if len(levels) > 1 or any(isinstance(one, MOVES) for one in sources_first(parts)):
        return None
    bare = [Project(part, ()) if part.ndim == 2 else part for part in parts]
    return node.replace(looked_at=tuple(prune_columns(bare)))


compare_labels.phase = 2  # type: ignore[attr-defined]
