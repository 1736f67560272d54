"""How many rows there are, and between which values, is written in the footers of files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shoal.dataframe.nodes.base import FrameNode
from shoal.dataframe.nodes.reduce import Reduce
from shoal.dataframe.nodes.rowwise import Column, Filter
from shoal.dataframe.nodes.sources import FromPandas, Given
from shoal.expr.node import Held

__all__ = ["answer_known"]


def answer_known(node: Any, uses: Mapping[str, int]) -> FrameNode | None:
    """Answer what sources know.

    Parameters
    ----------
    node
        Before: ``Reduce(len) <- add(1) <- Column(x) <- ReadParquet``.
    uses
        Not needed: the answer costs nothing.

    Returns
    -------
    FrameNode or None
        After: ``Given(1 blocks)``, with the number of rows.

    Examples
    --------
    >>> import tempfile
    >>> from shoal.dataframe import from_dict, read_parquet
    >>> folder = tempfile.mkdtemp()
    >>> from_dict({"x": [1, 2]}, npartitions=1).to_parquet(folder)
    >>> node = (read_parquet(folder).x + 1)._reduce("len").expr
    >>> answer_known(node, {}).blocks.values
    (2,)
    """
    if type(node) is not Reduce or node.reducer.title not in ("len", "min", "max"):
        return None
    if len(node.args) != 1 or node.split_out != 1:
        return None
    source, name = node.args[0], node.reducer.title
    found = rows_of(source) if name == "len" else bound_of(source, name, node.reducer.options)
    if found is None:
        return None
    return Given(Held((found,)), node.meta, (None, None), annotations=node.annotations)


def rows_of(node: FrameNode) -> int | None:
    """How many rows there are, if a source says so.

    Parameters
    ----------
    node
        What is counted.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> rows_of((from_dict({"x": [1, 2]}, npartitions=2).x + 1).expr)
    2
    """
    while getattr(node, "keeps_rows", False) and not isinstance(node, Filter):
        frames = [one for one in node.frames if one.npartitions == node.npartitions]
        if len(frames) != 1:
            return None
        node = frames[0]
    if isinstance(node, FromPandas):
        return len(node.data)
    count = getattr(node, "count_rows", None)
    return None if count is None else count()


def bound_of(node: FrameNode, name: str, options: Any) -> Any:
    """The least or largest value of a column, if a source says so.

    Parameters
    ----------
    node
        The column.
    name
        "min" or "max".
    options
        Of the reduction; only what is by default can be answered.
    """
    if options or type(node) is not Column:
        return None
    ends = getattr(node.source, "column_bounds", None)
    found = None if ends is None else ends(node.column)
    if found is None:
        return None
    return node.meta.dtype.type(found[0] if name == "min" else found[1])
