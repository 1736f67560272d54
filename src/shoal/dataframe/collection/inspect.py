"""What a collection is, asked for: its real divisions, its expression."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pandas as pd

from shoal.dataframe.collection.base import from_node
from shoal.dataframe.kernels import rows
from shoal.dataframe.kernels.passing import passes_columns
from shoal.dataframe.meta import can_have_bounds
from shoal.dataframe.nodes.partitions import Disjoint
from shoal.dataframe.nodes.rowwise import MapEach, MapPartitions

__all__ = [
    "compute_current_divisions",
    "current_ends",
    "enforce_runtime_divisions",
    "pprint",
    "simplify",
    "with_ends",
    "without_empty",
]


def compute_current_divisions(self: Any, col: Any = None, set_divisions: bool = False) -> Any:
    """The divisions as they are in the data, which must be sorted.

    Parameters
    ----------
    col
        A column; the index by default.
    set_divisions
        Return a collection that knows them, instead of the divisions; without empty partitions.

    Raises
    ------
    ValueError
        Partitions overlap; or a collection is to know divisions that are not those of its index.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2, 3]}, npartitions=2).clear_divisions()
    >>> df.compute_current_divisions()
    (0, 2, 2)
    """
    if set_divisions and col is not None:
        raise ValueError(
            f"set_divisions=True is about the index, got col={col!r}; use set_index(col, "
            "sorted=True)"
        )
    frame, ends = current_ends(self, col)
    if not set_divisions:
        return (*[first for first, _ in ends], ends[-1][1]) if ends else (None, None)
    return with_ends(frame, ends)


def current_ends(frame: Any, col: Any) -> tuple[Any, list[tuple[Any, Any]]]:
    """A frame without its empty partitions, and the ends of the others, computed now.

    Parameters
    ----------
    frame
        A collection that is sorted.
    col
        By which column; None: by the index.

    Raises
    ------
    ValueError
        It is not sorted.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2, 3]}, npartitions=3)
    >>> left, ends = current_ends(df[df.x != 2], "x")
    >>> left.npartitions, [(int(first), int(last)) for first, last in ends]
    (2, [(1, 1), (3, 3)])
    """
    meta = pd.Series([], dtype=object)
    node = MapPartitions(_ends, (frame._node, col), (), meta, None, "ends")
    found = from_node(node).compute().tolist()
    ends = [pair for pair in found if pair is not None]
    for i in range(1, len(ends)):
        if ends[i][0] < ends[i - 1][1]:
            raise ValueError(
                f"Partitions are not sorted ascending by {'the index' if col is None else col!r}: "
                f"partition {i} begins with {ends[i][0]!r}, the one before ends with "
                f"{ends[i - 1][1]!r}; use set_index or sort_values"
            )
    return without_empty(frame, [int(pair is not None) for pair in found]), ends


def with_ends(frame: Any, ends: Sequence[tuple[Any, Any]]) -> Any:
    """A collection that knows its divisions; rows of equal labels are in one partition.

    Categories that have an order of their own are no bounds: divisions stay unknown then.

    Parameters
    ----------
    frame
        A collection sorted by its index, no partition of which is empty.
    ends
        The least and the largest label of each partition; none where there are no rows.

    Examples
    --------
    >>> from shoal.dataframe import from_pandas
    >>> import pandas as pd
    >>> df = from_pandas(pd.DataFrame({"x": [1, 2, 2, 3]}), npartitions=2)
    >>> df = with_ends(df.set_index("x", sort=False), [(1, 2), (2, 3)])
    >>> df.divisions, len(df.loc[2])
    ((1, 2, 3), 2)
    """
    labels = frame._meta if isinstance(frame._meta, pd.Index) else frame._meta.index
    if not can_have_bounds(labels.dtype):
        return frame.clear_divisions()
    if any(b[0] == a[1] for a, b in itertools.pairwise(ends)):
        return from_node(Disjoint(frame._node, tuple(ends)))
    divisions = (*[first for first, _ in ends], ends[-1][1]) if ends else (None, None)
    args = (rows.itself, (frame._node,), (), frame._meta, divisions, "divisions")
    return from_node(MapPartitions(*args))


def without_empty(frame: Any, lengths: Sequence[int]) -> Any:
    """A collection without the partitions that have no rows; of nothing, one stays.

    Parameters
    ----------
    frame
        A collection.
    lengths
        How many rows its partitions have, or whether they have any.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2, 3]}, npartitions=3)
    >>> without_empty(df, [1, 0, 1]).compute().x.tolist()
    [1, 3]
    """
    some = [i for i, length in enumerate(lengths) if length] or [0]
    return frame if len(some) == frame.npartitions else frame.partitions[some]


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


@passes_columns()
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
