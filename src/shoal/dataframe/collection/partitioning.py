"""Other partitions: by number, by bounds, by a frequency of time, by size."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from shoal.dataframe.collection.base import from_node
from shoal.dataframe.nodes.partitions import Pieces, Repartition, RepartitionDivisions
from shoal.units import parse_bytes

__all__ = ["repartition"]


def repartition(
    self: Any,
    divisions: Any = None,
    npartitions: int | None = None,
    partition_size: int | str | None = None,
    freq: Any = None,
    force: bool = False,
) -> Any:
    """The same rows in other partitions; one of the first four arguments says how.

    Parameters
    ----------
    divisions
        The new bounds; the old ones must be known.
    npartitions
        How many there are to be.
    partition_size
        How many bytes each has at most, such as "100 MiB"; measures the partitions now.
    freq
        How much time each has, of a `pandas.DatetimeIndex`.
    force
        Whether ``divisions`` may reach further out than the old ones.

    Raises
    ------
    ValueError
        Bounds are not in order, do not fit the old ones, or more than one way is asked for.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [1, 2, 3]}, npartitions=3).repartition(npartitions=1).npartitions
    1
    """
    ways = [way for way in (divisions, npartitions, partition_size, freq) if way is not None]
    if len(ways) != 1:
        raise ValueError(
            "Please provide exactly one of the ``npartitions=``, ``freq=``, ``divisions=``, or "
            "``partition_size=`` keyword arguments"
        )
    if divisions is not None:
        return _by_divisions(self, tuple(divisions), force=force)
    if partition_size is not None:
        return _by_size(self, parse_bytes(partition_size))
    if freq is not None:
        return _by_divisions(self, _periods(self, freq), force=True)
    return _by_number(self, int(npartitions or 1))


def _by_divisions(self: Any, divisions: tuple[Any, ...], *, force: bool) -> Any:
    node = self._node
    if not self.known_divisions:
        raise ValueError(
            "repartition(divisions=): the old divisions are unknown; use set_index, or "
            "repartition(npartitions=)"
        )
    inner = divisions[:-1]
    if len(divisions) < 2 or any(b <= a for a, b in itertools.pairwise(inner)):
        raise ValueError(f"New division must be sorted and unique, got {list(divisions)}")
    if divisions[-1] < divisions[-2]:
        raise ValueError(f"New division must be sorted, got {list(divisions)}")
    outer = (node.divisions[0], node.divisions[-1])
    fits = (divisions[0], divisions[-1]) == outer
    if not fits and not (force and divisions[0] <= outer[0] and divisions[-1] >= outer[1]):
        raise ValueError(
            f"the new divisions reach from {divisions[0]} to {divisions[-1]}, the old ones "
            f"from {outer[0]} to {outer[1]}; they must be equal, or pass "
            "force=True to reach further"
        )
    return from_node(RepartitionDivisions(node, divisions))


def _by_number(self: Any, npartitions: int) -> Any:
    if npartitions < 1:
        raise ValueError(f"npartitions is at least 1, got {npartitions}")
    node = self._node
    before = node.npartitions
    if npartitions == before:
        return self.copy()
    if npartitions > before:
        bounds = _between(node.divisions, npartitions) if self.known_divisions else None
        if bounds is not None:
            return from_node(RepartitionDivisions(node, bounds))
        counts = [
            npartitions * (block + 1) // before - npartitions * block // before
            for block in range(before)
        ]
        return _cut(self, counts)
    ends = [before * i // npartitions for i in range(npartitions + 1)]
    groups = tuple(tuple(range(a, b)) for a, b in itertools.pairwise(ends))
    return from_node(Repartition(node, groups, tuple(node.divisions[end] for end in ends)))


def _between(old: Sequence[Any], count: int) -> tuple[Any, ...] | None:
    """More bounds, at even distances between the old ones; None where there is no room."""
    index = pd.Index(old)
    numbers = pd.api.types.is_numeric_dtype(index.dtype)
    if not numbers and index.dtype.kind not in "mM":
        return None
    places = np.linspace(0, len(old) - 1, count + 1)
    known = np.arange(len(old))
    if numbers:
        new = pd.Index(np.interp(places, known, index.to_numpy(dtype=float)))
        if index.dtype.kind in "iu":
            new = pd.Index(np.floor(new).astype(index.dtype.name))
    else:
        zone = getattr(index, "tz", None)
        plain = index.tz_convert(None) if zone is not None else index
        values = np.interp(places, known, plain.asi8.astype(float)).astype(np.int64)
        new = type(plain)(values.view(plain.dtype))
        new = new.tz_localize("UTC").tz_convert(zone) if zone is not None else new
    bounds = (old[0], *new[1:-1].tolist(), old[-1])
    fine = all(a < b for a, b in itertools.pairwise(bounds))
    return bounds if fine else None


def _cut(self: Any, counts: Sequence[int]) -> Any:
    """So many pieces, of equal numbers of rows, of each partition."""
    pieces = [(block, i, n) for block, n in enumerate(counts) for i in range(n)]
    groups = tuple((block,) for block, _, _ in pieces)
    again = Repartition(self._node, groups, (None,) * (len(pieces) + 1))
    return from_node(Pieces(again, tuple((i, n) for _, i, n in pieces)))


def _by_size(self: Any, limit_bytes: int) -> Any:
    sizes = self.memory_usage_per_partition(deep=True).compute().tolist()
    counts = [int(size) // limit_bytes + 1 for size in sizes]
    cut = _cut(self, counts) if max(counts) > 1 else self
    if cut is not self:
        sizes = cut.memory_usage_per_partition(deep=True).compute().tolist()
    groups: list[list[int]] = []
    total = 0
    for block, size in enumerate(sizes):
        if groups and total + size <= limit_bytes:
            groups[-1].append(block)
            total += size
        else:
            groups.append([block])
            total = size
    if len(groups) == cut.npartitions:
        return cut
    ends = [group[0] for group in groups] + [cut.npartitions]
    bounds = tuple(cut.divisions[end] for end in ends)
    return from_node(Repartition(cut._node, tuple(map(tuple, groups)), bounds))


def _periods(self: Any, freq: Any) -> tuple[Any, ...]:
    """Bounds where a period of time begins."""
    if not isinstance(self._meta.index, pd.DatetimeIndex):
        raise TypeError("Can only repartition on frequency for timeseries")
    if not self.known_divisions:
        raise ValueError("repartition(freq=): divisions are unknown; use set_index")
    first, last = self.divisions[0], self.divisions[-1]
    offset = pd.tseries.frequencies.to_offset(freq)
    try:
        begin = first.floor(freq)
    except ValueError:
        # Months and the like begin at no multiple of a time.
        begin = offset.rollback(first.normalize())
    times = pd.date_range(begin, last, freq=offset)
    return (first, *[time for time in times if first < time <= last], last)
