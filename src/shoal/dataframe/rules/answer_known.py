"""How many rows and values there are, and between which bounds, is in the footers of files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from shoal.dataframe.kernels.reductions import Reducer
from shoal.dataframe.nodes.base import FrameNode, columns_of
from shoal.dataframe.nodes.reduce import Reduce
from shoal.dataframe.nodes.rowwise import Column, Filter, Project
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
    if type(node) is not Reduce or type(node.reducer) is not Reducer:
        return None
    answer = ANSWERS.get(node.reducer.name)
    if answer is None or len(node.args) != 1 or node.split_out != 1:
        return None
    found = answer(node.args[0], node.reducer)
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


def _len_of(node: FrameNode, reducer: Reducer) -> int | None:
    return rows_of(node)


def _size_of(node: FrameNode, reducer: Reducer) -> int | None:
    rows = rows_of(node)
    return rows if rows is None or node.ndim < 2 else rows * len(columns_of(node))


def _bound_of(node: FrameNode, reducer: Reducer) -> Any:
    """The least or the largest value of a column, or those of a frame's columns."""
    options = dict(reducer.options)
    if options.pop("skipna", True) is not True or options.keys() - {"numeric_only"}:
        return None
    bounds = _ask(node, "column_bounds")
    if bounds is None:
        return None
    # What pandas makes of the bounds has the dtype that it has of all rows.
    item = bounds if node.ndim == 2 else bounds.iloc[:, 0]
    partials = [reducer.partial(item)] * min(2, node.npartitions)
    return reducer.final(partials)


def _count_of(node: FrameNode, reducer: Reducer) -> Any:
    counts = None if reducer.options else _ask(node, "count_values")
    return counts if counts is None or node.ndim == 2 else counts.iloc[0]


def _ask(node: FrameNode, what: str) -> Any:
    """What a source knows of a column or of some; None where it is no source, or does not."""
    source = node.source if type(node) in (Column, Project) else node
    asked = getattr(source, what, None)
    if asked is None:
        return None
    columns = columns_of(node) if node.ndim == 2 else (node.column,)
    return asked(columns) if len(set(columns)) == len(columns) else None


ANSWERS: Mapping[str, Callable[[FrameNode, Reducer], Any]] = {
    "len": _len_of,
    "size": _size_of,
    "min": _bound_of,
    "max": _bound_of,
    "count": _count_of,
}
"""What may be known, and who says so: None where it is not."""
