"""Where to cut and join partitions: plans for `shoal.bag.nodes.Repartition`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from shoal.bag.arguments import whole_number
from shoal.bag.nodes import Repartition
from shoal.expr.annotate import current_annotations
from shoal.sizeof import sizeof
from shoal.units import parse_bytes

__all__ = ["repartition_to_number", "repartition_to_size"]

Piece = tuple[int, int, int]
"""``(block, i, n)``: piece ``i`` of ``n`` equal ones of a partition."""


def repartition_to_number(node: Any, npartitions: int) -> Repartition:
    """A node with another number of partitions.

    Parameters
    ----------
    node
        Of a bag.
    npartitions
        How many there are to be.

    Raises
    ------
    ValueError
        It is below 1.

    Examples
    --------
    >>> from shoal.expr.node import Held
    >>> repartition_to_number(Held(([1, 2], [3, 4, 5])), 1).pieces
    (((0, 0, 1), (1, 0, 1)),)
    """
    npartitions = whole_number("npartitions", npartitions)
    before = node.size
    pieces: list[tuple[Piece, ...]] = []
    if npartitions <= before:
        for i in range(npartitions):
            blocks = range(before * i // npartitions, before * (i + 1) // npartitions)
            pieces.append(tuple([(block, 0, 1) for block in blocks]))
    else:
        for block in range(before):
            n = npartitions * (block + 1) // before - npartitions * block // before
            pieces += [((block, i, n),) for i in range(n)]
    return Repartition(node, tuple(pieces), annotations=current_annotations())


def repartition_to_size(bag: Any, partition_size: int | str | float | None) -> Repartition:
    """A node whose partitions are not larger than a size; computes the sizes of those there are.

    Parameters
    ----------
    bag
        Its partitions are computed.
    partition_size
        Bytes, as a number or as text.

    Raises
    ------
    ValueError
        It is below one byte.

    Examples
    --------
    >>> import shoal, shoal.bag as db
    >>> with shoal.config.set(scheduler="sync"):
    ...     node = repartition_to_size(db.from_sequence(range(100), npartitions=2), "1 GB")
    >>> node.npartitions
    1
    """
    limit_bytes = parse_bytes(partition_size) if isinstance(partition_size, str) else partition_size
    if limit_bytes is None or limit_bytes < 1:
        raise ValueError(f"partition_size is at least 1 byte, got {partition_size!r}")
    sizes = bag.map_partitions(partition_bytes).compute()
    pieces = pack(sizes, limit_bytes)
    return Repartition(bag._node, pieces, annotations=current_annotations())


def partition_bytes(partition: Any) -> list[int]:
    """The bytes that a partition takes, in a list.

    Parameters
    ----------
    partition
        An iterable.

    Examples
    --------
    >>> partition_bytes(["a" * 1000])[0] > 1000
    True
    """
    elements = partition if isinstance(partition, list) else list(partition)
    return [sizeof(elements)]


def pack(sizes: Sequence[int], limit_bytes: float) -> tuple[tuple[Piece, ...], ...]:
    """Cut what is too large, and join neighbours while they fit.

    Parameters
    ----------
    sizes
        Of the partitions, in bytes.
    limit_bytes
        What a new partition may have.

    Returns
    -------
    tuple
        As `Repartition` has it.

    Examples
    --------
    >>> pack([10, 10, 50], 25)
    (((0, 0, 1), (1, 0, 1)), ((2, 0, 2),), ((2, 1, 2),))
    """
    out: list[tuple[Piece, ...]] = []
    group: list[Piece] = []
    filled = 0.0
    for block, size in enumerate(sizes):
        n = max(1, math.ceil(size / limit_bytes))
        if n > 1 or filled + size > limit_bytes:
            if group:
                out.append(tuple(group))
            group, filled = [], 0.0
        if n > 1:
            out += [((block, i, n),) for i in range(n)]
        else:
            group.append((block, 0, 1))
            filled += size
    if group or not out:
        out.append(tuple(group))
    return tuple(out)
