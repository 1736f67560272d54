"""A reduction that the columnar kernel can compute whole is one task."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

from shoal import config
from shoal.dataframe.columnar.region import Columnar, Region
from shoal.dataframe.columnar.scan import Scan
from shoal.dataframe.columnar.values import Untranslated
from shoal.dataframe.nodes.reduce import Reduce, fall_back
from shoal.dataframe.rules.walk import sources_first
from shoal.expr.node import Node
from shoal.memory import runner_bytes
from shoal.units import parse_bytes

__all__ = ["columnar_region", "unavailable"]

ENGINES = ("auto", "pandas", "columnar")


def columnar_region(roots: Sequence[Node]) -> list[Node]:
    """Replace the outermost reductions that translate, with all that they read.

    Parameters
    ----------
    roots
        Expressions.  Before: ``Reduce(sum) <- Filter <- ReadParquet``.

    Returns
    -------
    list of nodes
        After: ``Columnar(Reduce(sum))``.

    Examples
    --------
    >>> from shoal.dataframe import from_dict, read_parquet
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> from_dict({"x": [1, 2]}, npartitions=1).to_parquet(folder, write_index=False)
    >>> columnar_region([read_parquet(folder).x.sum().expr])[0].label()
    'Columnar(Reduce(sum) of 2 rows, 0 MB: ReadParquet(1 pieces))'
    """
    if unavailable():
        return list(roots)
    limit = parse_bytes(config.get("dataframe.columnar-limit"))
    room = functools.cache(lambda: runner_bytes() // NEEDED)
    new: dict[str, Any] = {}
    stack: list[Any] = list(roots)
    seen: set[str] = set()
    while stack:
        node = stack.pop()
        if node.name in seen:
            continue
        seen.add(node.name)
        found = _columnar(node, limit, room) if isinstance(node, Reduce) else None
        if found is not None:
            new[node.name] = found
        else:
            stack += [source for source in node.sources if isinstance(source, Node)]
    if not new:
        return list(roots)
    for node in sources_first(roots):
        if node.name not in new:
            new[node.name] = node.map_sources(lambda s: new.get(getattr(s, "name", ""), s))
    return [new[root.name] for root in roots]


columnar_region.phase = 1  # type: ignore[attr-defined]
columnar_region.whole = True  # type: ignore[attr-defined]


def unavailable() -> str:
    """Why the columnar kernel computes nothing at all; empty where it may.

    Raises
    ------
    ValueError
        The setting ``dataframe.engine`` is none of those that there are.

    Examples
    --------
    >>> with config.set({"dataframe.engine": "pandas"}):
    ...     unavailable()
    "dataframe.engine is 'pandas'"
    """
    engine = config.get("dataframe.engine")
    if engine not in ENGINES:
        raise ValueError(f"the setting dataframe.engine is one of {ENGINES}, got {engine!r}")
    if engine == "pandas":
        return f"dataframe.engine is {engine!r}"
    missing = engine == "auto" and importlib.util.find_spec("polars") is None
    return "Polars is not installed" if missing else ""


SMALL_BYTES = 32 << 20
"""What reads no more fits into any worker."""

NEEDED = 4
"""How much memory a region may take for each byte that it reads: up to 2.6 was seen."""


def _columnar(node: Reduce, limit: int, room: Callable[[], int]) -> Columnar | None:
    # Looked at first: a query takes much longer to be translated than files to be asked.
    size = _read_bytes(node)
    if size > limit:
        fall_back(node.reducer, f"{size / 1e6:,.0f} MB exceed columnar-limit")
        return None
    if size > SMALL_BYTES and size > room():
        fall_back(node.reducer, f"{size / 1e6:,.0f} MB are too much for a process of the cluster")
        return None
    try:
        return Columnar(Region(node), annotations=node.annotations)
    except Untranslated as refused:
        fall_back(node.reducer, str(refused))
        return None


def _read_bytes(node: Reduce) -> int:
    """About how large the columns that are read are in memory, as far as footers say."""
    scans = [one.scan() for one in sources_first([node]) if hasattr(one, "scan")]
    return sum(scan.size_bytes for scan in scans if isinstance(scan, Scan))
