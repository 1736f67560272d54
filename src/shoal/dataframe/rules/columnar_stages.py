"""Stages that the columnar kernel can compute in part are its."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shoal import config
from shoal.dataframe.columnar.stage import columnar_kernel
from shoal.dataframe.columnar.values import Untranslated
from shoal.dataframe.nodes.base import PartitionWise, identity
from shoal.dataframe.nodes.stage import Body, PandasKernel, Stage
from shoal.dataframe.rules.columnar_region import unavailable
from shoal.dataframe.rules.walk import sources_first
from shoal.expr.node import Node

__all__ = ["columnar_stages"]


def columnar_stages(roots: Sequence[Node]) -> list[Node]:
    """Give stages that read files to the columnar kernel, as far as it goes.

    Stages of partitions in memory are given to it where the setting ``dataframe.engine`` is
    "columnar": they gain too little by it (docs/adr/0014).

    Parameters
    ----------
    roots
        Expressions.  Before: ``Stage(read | column | partial sum)``, computed by pandas.

    Returns
    -------
    list of nodes
        After: the same, computed by Polars.

    Examples
    --------
    >>> from shoal.dataframe import from_dict, read_parquet
    >>> from shoal.dataframe.rules.fuse_stages import fuse_stages
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> from_dict({"x": [1, 2]}, npartitions=1).to_parquet(folder, write_index=False)
    >>> stages = fuse_stages([(read_parquet(folder).x + 1).expr])
    >>> columnar_stages(stages)[0].body.kernel.told
    'columnar'
    """
    if unavailable():
        return list(roots)
    memory = config.get("dataframe.engine") == "columnar"
    new: dict[str, Any] = {}
    for node in sources_first(roots):
        changed = node.map_sources(lambda s: new.get(getattr(s, "name", ""), s))
        if isinstance(changed, Stage) and isinstance(changed.body.kernel, PandasKernel):
            changed = _columnar(changed, memory)
        elif hasattr(changed, "scan_partition") or (memory and isinstance(changed, PartitionWise)):
            changed = _columnar(_alone(changed), memory)
        new[node.name] = changed
    return [new[root.name] for root in roots]


columnar_stages.phase = 5  # type: ignore[attr-defined]
columnar_stages.whole = True  # type: ignore[attr-defined]


def _alone(node: Any) -> Stage:
    """A stage of one operation."""
    inputs = {identity(source): source for source in node.sources}
    body = Body((node,), tuple(inputs))
    return Stage(tuple(inputs.values()), body, annotations=node.annotations)


def _columnar(stage: Stage, memory: bool) -> Any:
    body = stage.body
    try:
        kernel = columnar_kernel(body.nodes, memory)
    except Untranslated:
        return stage if len(body.nodes) > 1 else body.root
    return stage.replace(body=Body(body.nodes, body.leaves, kernel))
