"""What a collection is, asked for: its real divisions, its expression."""

from __future__ import annotations

from typing import Any

import pandas as pd

from shoal.dataframe.collection.base import from_node
from shoal.dataframe.kernels import rows
from shoal.dataframe.nodes.rowwise import MapEach, MapPartitions

__all__ = [
    "compute_current_divisions",
    "enforce_runtime_divisions",
    "pprint",
    "simplify",
]


def compute_current_divisions(self: Any, col: Any = None, set_divisions: bool = False) -> Any:
    """The divisions as they are in the data, which must be sorted.

    Parameters
    ----------
    col
        A column; the index by default.
    set_divisions
        Return a collection that knows them, instead of the divisions.

    Raises
    ------
    ValueError
        Partitions overlap.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2, 3]}, npartitions=2).clear_divisions()
    >>> df.compute_current_divisions()
    (0, 2, 2)
    """
    ends = from_node(
        MapPartitions(_ends, (self._node, col), (), pd.Series([], dtype=object), None, "ends")
    )
    parts = [pair for pair in ends.compute().tolist() if pair is not None]
    for i in range(1, len(parts)):
        if parts[i][0] < parts[i - 1][1]:
            raise ValueError(
                f"Partitions are not sorted ascending by {'the index' if col is None else col!r}: "
                f"partition {i} begins with {parts[i][0]!r}, the one before ends with "
                f"{parts[i - 1][1]!r}; use set_index or sort_values"
            )
    divisions = (*[first for first, _ in parts], parts[-1][1]) if parts else (None, None)
    if not set_divisions:
        return divisions
    if len(divisions) != self.npartitions + 1:
        raise ValueError("a partition is empty, so its bound is not known; repartition first")
    args = (rows.itself, (self._node,), (), self._meta, divisions, "divisions")
    return from_node(MapPartitions(*args))


def _ends(part: Any, col: Any) -> Any:
    values = part if isinstance(part, pd.Index) else part.index if col is None else part[col]
    return pd.Series([(values.min(), values.max()) if len(values) else None], dtype=object)


def enforce_runtime_divisions(self: Any) -> Any:
    """The same, with a check in every partition that its labels are within its divisions.

    Raises
    ------
    ValueError
        Divisions are not known.  When computed: labels are outside.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> len(from_dict({"x": [1, 2]}, npartitions=2).enforce_runtime_divisions())
    2
    """
    if not self.known_divisions:
        raise ValueError("No known divisions to enforce!")
    ends, last = self.divisions, self.npartitions - 1
    limits = tuple([(i, ends[i], ends[i + 1], i == last) for i in range(self.npartitions)])
    args = (_checked, (self._node,), (), limits, self._meta, None, "enforce-divisions")
    return from_node(MapEach(*args))


def _checked(part: Any, limit: tuple[int, Any, Any, bool]) -> Any:
    number, low, high, closed = limit
    index = part if isinstance(part, pd.Index) else part.index
    if len(index) and not (
        low <= index.min() and (index.max() <= high if closed else index.max() < high)
    ):
        raise RuntimeError(
            f"`enforce_runtime_divisions` failed for partition {number}. Expected a range of "
            f"[{low}, {high}{']' if closed else ')'}, but the real range is [{index.min()}, "
            f"{index.max()}]. This means the divisions told are wrong: use clear_divisions, or "
            "set_index"
        )
    return part


def simplify(self: Any) -> Any:
    """The same collection on the rewritten expression; as `optimize`.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [1, 2]}, npartitions=2).simplify().npartitions
    2
    """
    return self.optimize()


def pprint(self: Any) -> None:
    """Print the expression; `explain` tells more.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [1, 2]}, npartitions=2).x.pprint()
    Column('x')
      FromPandas(2 rows)
    """
    stack = [(self._node, 0)]
    while stack:
        node, depth = stack.pop()
        print("  " * depth + node.label())  # noqa: T201 # what it is for
        stack += [(source, depth + 1) for source in reversed(node.frames)]
