"""A column of what only adds or selects columns is a column of what lies below."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shoal.dataframe.nodes.base import FrameNode
from shoal.dataframe.nodes.rowwise import Assign, Column, Project

__all__ = ["column_of"]


def column_of(node: Any, uses: Mapping[str, int]) -> FrameNode | None:
    """Look a column up where it comes from.

    Parameters
    ----------
    node
        Before: ``Column(x) <- Assign(y) <- Project <- frame``.
    uses
        Not needed: selecting a column costs nothing.

    Returns
    -------
    FrameNode or None
        After: ``Column(x) <- frame``.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1], "y": [2]}, npartitions=1)
    >>> column_of(df[["x"]].x.expr, {}) is df.x.expr
    True
    """
    if type(node) is not Column or type(node.source) not in (Project, Assign):
        return None
    inner = node.source
    if type(inner) is Assign and node.column in inner.names:
        return None
    return Column(inner.source, node.column, annotations=node.annotations)
