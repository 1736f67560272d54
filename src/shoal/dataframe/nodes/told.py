"""What `explain` says of a frame's node: how large its result is, and which kernel computes it.

Rows are told as they are known: just so many, at most so many, or about so many (``~``), where a
guess of `shoal.dataframe.nodes.cardinality` is all there is.  Bytes are rows times the width of
one, which a schema tells.
"""

from __future__ import annotations

from typing import Any

from shoal import config
from shoal.dataframe.columnar.region import Columnar
from shoal.dataframe.columnar.stage import columnar_kernel
from shoal.dataframe.columnar.values import Untranslated
from shoal.dataframe.kernels.groups import GroupReducer
from shoal.dataframe.kernels.reductions import SPLIT_BY
from shoal.dataframe.nodes.base import FrameNode, PartitionWise
from shoal.dataframe.nodes.cardinality import Guesses, same_rows
from shoal.dataframe.nodes.estimates import estimate, width_bytes
from shoal.dataframe.nodes.reduce import FALLBACKS, Partial
from shoal.dataframe.nodes.stage import PandasKernel, Stage
from shoal.dataframe.rules.columnar_region import unavailable
from shoal.units import format_bytes

__all__ = ["told_kernel", "told_size"]


def told_size(node: Any) -> str:
    """Rows and bytes in words; nothing where they cannot even be guessed.

    Parameters
    ----------
    node
        Of a frame.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2, 3]}, npartitions=2)
    >>> told_size(df.expr), told_size(df[df.x > 1].expr), told_size(df.x.sum().expr)
    ('3 rows, 24 B', 'at most 3 rows, 24 B', '1 value')
    >>> told_size(df.merge(df, on="x").expr)
    '~3 rows, 24 B'
    """
    partials = isinstance(node.body.root if isinstance(node, Stage) else node, Partial)
    if partials or not isinstance(node, FrameNode):
        return ""
    if node.ndim == 0:
        return "1 value"
    found = estimate(node)
    if found is not None:
        rows, mark = found.rows, "" if found.exact else "at most "
    else:
        guesses = Guesses()
        guess = guesses.rows(node)
        if guess is None:
            return ""
        rows, mark = round(guess), "~"
        grouped = _grouped(node)
        if grouped is not None and guess == guesses.rows(grouped):
            # Nothing is known of the keys; what is known of the rows is a bound.
            found = estimate(grouped)
            rows, mark = (rows, "at most ~") if found is None else (found.rows, "at most ")
    size = format_bytes(rows * width_bytes(node.meta))
    return f"{mark}{rows:,} row{'s' * (rows != 1)}, {size}"


def _grouped(node: Any) -> Any:
    """What a node has groups, or distinct rows, of; None where it has something else."""
    while (same := same_rows(node)) is not None:
        node = same
    reducer = getattr(node, "reducer", None)
    groups = isinstance(reducer, GroupReducer) and reducer.observed
    return node.args[0] if groups or getattr(reducer, "name", "") in SPLIT_BY else None


def told_kernel(node: Any) -> str:
    """What computes a node, and why it is not the columnar kernel.

    Parameters
    ----------
    node
        Of an optimised expression.

    Examples
    --------
    >>> from shoal import config
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2, 3]}, npartitions=2)
    >>> told_kernel((df.x + 1).expr)
    'pandas: partitions in memory'
    >>> with config.set({"dataframe.engine": "pandas"}):
    ...     told_kernel((df.x + 1).expr)
    "pandas: dataframe.engine is 'pandas'"
    """
    if isinstance(node, Columnar):
        return "columnar"
    if not isinstance(node, PartitionWise | Stage):
        # Why the reduction is not computed whole.
        refused = FALLBACKS.get(id(getattr(node, "reducer", None)), "")
        return f"pandas: {refused}" if refused else "pandas"
    if isinstance(node, Stage) and not isinstance(node.body.kernel, PandasKernel):
        told: str = node.body.kernel.told
        return told
    nodes = node.body.nodes if isinstance(node, Stage) else (node,)
    reason = unavailable()
    if not reason:
        try:
            columnar_kernel(nodes, config.get("dataframe.engine") == "columnar")
        except Untranslated as refused:
            reason = str(refused)
    return f"pandas: {reason}" if reason else "pandas"
