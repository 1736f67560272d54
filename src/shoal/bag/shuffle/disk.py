"""Group-by through files: what a task does before the files, and what after them.

Before: elements are collected by key until they take a certain memory; then every key is hashed
once, the groups are written to the buckets of their keys, and collecting starts anew.  After: a
task reads its buckets, as many at a time as memory allows, and joins the pieces of each group.
There are more buckets than partitions, so that they are small; one that is too large even so is
cut again into files of its own.  A single group must fit into memory.

In between, one task writes an index: for each partition of the result, the files that have
something for it.  Without it every reading task would open every file, and with thousands of
partitions, each with a few keys, opening files would be all that they do.
"""

from __future__ import annotations

import itertools
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from shoal.bag.shuffle.hashing import hash_key
from shoal.bag.shuffle.spill import (
    Pair,
    SegmentReader,
    SegmentWriter,
    SpillDirectory,
    read_index,
    write_index,
)
from shoal.sizeof import sizeof

__all__ = [
    "bucket_ranges",
    "collect_groups",
    "collect_partition",
    "count_buckets",
    "index_files",
    "spill_groups",
]

BATCH = 1024
"""Elements between two looks at how much memory they take."""

RUN_BYTES = 64 * 2**20
"""What a task collects at most before it writes."""

MERGE_BYTES = 32 * 2**20
"""How many bytes of files a task joins at a time; in memory they take several times as much."""

LEAST_BUCKETS = 256
"""Buckets of a shuffle with few partitions."""

MOST_CUTS = 6
"""How often a bucket is cut again; what is then still too large is one group, or nearly."""


def count_buckets(npartitions: int) -> int:
    """How many buckets the groups of so many partitions are written to.

    Parameters
    ----------
    npartitions
        Partitions of the result.

    Returns
    -------
    int
        A multiple of ``npartitions``.

    Examples
    --------
    >>> count_buckets(1), count_buckets(100), count_buckets(1000)
    (256, 300, 1000)
    """
    return npartitions * -(-LEAST_BUCKETS // npartitions)


def spill_groups(
    grouper: Callable[[Any], Any],
    buckets: int,
    blocksize: int,
    directory: SpillDirectory | str,
    elements: Iterable[Any],
) -> tuple[str, array[int]] | None:
    """Write the elements of a partition to a file, by key.

    Parameters
    ----------
    grouper
        The key of an element.
    buckets
        How many there are.
    blocksize
        Bytes in memory to collect for each bucket before they are written.
    directory
        Where to write.
    elements
        A partition.

    Returns
    -------
    tuple or None
        Name of the file, and the buckets that it has something for; None when there were no
        elements.

    Raises
    ------
    TypeError
        A key cannot be hashed.

    Examples
    --------
    >>> from shoal.bag.shuffle.spill import SpillDirectory
    >>> directory = SpillDirectory()
    >>> name, buckets = spill_groups(len, 4, 2**20, directory, ["a", "bb", "c"])
    >>> sorted(collect_groups(directory, [name], (0, 4)))
    [(1, ['a', 'c']), (2, ['bb'])]
    """
    budget = min(max(blocksize, 1) * buckets, RUN_BYTES)
    iterator = iter(elements)
    with SegmentWriter(directory, buckets) as writer:
        collected = 0
        groups: defaultdict[Any, list[Any]] = defaultdict(list)
        while batch := list(itertools.islice(iterator, BATCH)):
            add_by_key(groups, grouper, batch)
            collected += sizeof(batch)
            if collected >= budget:
                writer.write_run(cut(groups, buckets))
                groups.clear()
                collected = 0
        if groups:
            writer.write_run(cut(groups, buckets))
        return (writer.name, writer.filled()) if writer.at else None


def add_by_key(
    groups: defaultdict[Any, list[Any]], grouper: Callable[[Any], Any], batch: Sequence[Any]
) -> None:
    """Put elements into the lists of their keys.

    Parameters
    ----------
    groups
        Lists by key; changed.
    grouper
        The key of an element.
    batch
        Elements.

    Raises
    ------
    TypeError
        A key cannot be hashed.

    Examples
    --------
    >>> groups = defaultdict(list)
    >>> add_by_key(groups, len, ["a", "bb", "c"])
    >>> dict(groups)
    {1: ['a', 'c'], 2: ['bb']}
    """
    # Keys first: an error of the user's function must not look like one of ours.
    for key, element in zip(list(map(grouper, batch)), batch):
        try:
            groups[key].append(element)
        except TypeError as error:
            raise TypeError(
                f"groupby needs groups that can be hashed, and got a {type(key).__name__} "
                f"({error}): {key!r:.80}; return a number, text or tuple from the grouper"
            ) from None


def cut(groups: dict[Any, list[Any]], buckets: int) -> list[list[Pair]]:
    """Groups by the bucket of their key.

    Parameters
    ----------
    groups
        Lists by key.
    buckets
        How many there are.

    Examples
    --------
    >>> cut({"a": [1], "b": [2]}, 1)
    [[('a', [1]), ('b', [2])]]
    """
    segments: list[list[Pair]] = [[] for _ in range(buckets)]
    for pair in groups.items():
        segments[hash_key(pair[0]) * buckets >> 64].append(pair)
    return segments


def index_files(
    share: int,
    npartitions: int,
    directory: SpillDirectory | str,
    spilled: Iterable[tuple[str, Sequence[int]] | None],
) -> str | None:
    """Write down which files have something for which partition of the result.

    Parameters
    ----------
    share
        Buckets of each partition.
    npartitions
        How many there are.
    directory
        Where the files are, and the index will be.
    spilled
        What `spill_groups` returned for each partition.

    Returns
    -------
    str or None
        Name of the index; None when nothing was written.

    Examples
    --------
    >>> from shoal.bag.shuffle.spill import SpillDirectory
    >>> directory = SpillDirectory()
    >>> spilled = [
    ...     spill_groups(len, 4, 2**20, directory, words) for words in (["a"], ["bb"], [])
    ... ]
    >>> index = index_files(2, 2, directory, spilled)
    >>> sorted(itertools.chain(*[collect_partition(2, directory, index, i) for i in range(2)]))
    [(1, ['a']), (2, ['bb'])]
    """
    written = [item for item in spilled if item is not None]
    if not written:
        return None
    rows = [array("Q") for _ in range(npartitions)]
    for number, (_, buckets) in enumerate(written):
        for partition in dict.fromkeys(bucket // share for bucket in buckets):
            rows[partition].append(number)
    return write_index(directory, [name for name, _ in written], rows)


def collect_partition(
    share: int, directory: SpillDirectory | str, index: str | None, partition: int
) -> Iterator[Pair]:
    """The groups of one partition of the result.

    Parameters
    ----------
    share
        Buckets of each partition.
    directory, index
        What `index_files` has written.
    partition
        Which one.

    Yields
    ------
    tuple
        ``(key, elements)``.

    Examples
    --------
    >>> list(collect_partition(1, "", None, 0))
    []
    """
    if index is not None:
        names = read_index(directory, index, partition)
        yield from collect_groups(directory, names, (partition * share, (partition + 1) * share))


def collect_groups(
    directory: SpillDirectory | str, names: Sequence[str], bounds: tuple[int, int]
) -> Iterator[Pair]:
    """The groups of some buckets, joined.

    Parameters
    ----------
    directory, names
        What `spill_groups` has written.
    bounds
        First bucket, and the one after the last.

    Yields
    ------
    tuple
        ``(key, elements)``.

    Examples
    --------
    >>> from shoal.bag.shuffle.spill import SpillDirectory
    >>> directory = SpillDirectory()
    >>> names = [spill_groups(len, 2, 2**20, directory, part)[0] for part in (["a"], ["b"])]
    >>> list(collect_groups(directory, names, (0, 2)))
    [(1, ['a', 'b'])]
    """
    reader = SegmentReader(directory, names)
    first, stop = bounds
    for start, end, size in bucket_ranges(reader.sizes(first, stop), MERGE_BYTES):
        segments = reader.read(first + start, first + end)
        yield from joined(segments, size, directory, 1)


def bucket_ranges(sizes: Sequence[int], limit_bytes: int) -> list[tuple[int, int, int]]:
    """Neighbouring buckets that are joined at one time.

    Parameters
    ----------
    sizes
        Of the buckets.
    limit_bytes
        For those that are joined together.

    Returns
    -------
    list
        ``(first, stop, bytes)``; empty ones are left out where they can be.

    Examples
    --------
    >>> bucket_ranges([1, 2, 9, 0, 3, 0], 5)
    [(0, 2, 3), (2, 3, 9), (4, 5, 3)]
    """
    out: list[tuple[int, int, int]] = []
    for i, size in enumerate(sizes):
        if not size:
            continue
        if out and out[-1][2] + size <= limit_bytes:
            first, _, filled = out[-1]
            out[-1] = (first, i + 1, filled + size)
        else:
            out.append((i, i + 1, size))
    return out


def joined(
    segments: Iterable[list[Pair]], size: int, directory: SpillDirectory | str, level: int
) -> Iterator[Pair]:
    """The groups in some segments, with all their elements.

    Parameters
    ----------
    segments
        Lists of pairs; keys may come in several of them.
    size
        Bytes of all segments in their files.
    directory
        Where to cut them into smaller ones when there are too many.
    level
        How often that was done, plus one.
    """
    if size <= MERGE_BYTES or level > MOST_CUTS:
        groups: dict[Any, list[Any]] = {}
        for segment in segments:
            for key, elements in segment:
                if key in groups:
                    groups[key] += elements
                else:
                    groups[key] = elements
        yield from groups.items()
        return
    buckets = 2 * -(-size // MERGE_BYTES)
    with SegmentWriter(directory, buckets) as writer:
        for segment in segments:
            parts: list[list[Pair]] = [[] for _ in range(buckets)]
            for pair in segment:
                # This process only, so Python's hash will do; the level makes it another one
                # than the last time.
                parts[hash((level, pair[0])) % buckets].append(pair)
            writer.write_run(parts)
    again = SegmentReader(directory, [writer.name])
    for bucket, part_size in enumerate(again.sizes(0, buckets)):
        if part_size:
            # No smaller than before: one large group.
            deeper = MOST_CUTS if part_size > size * 0.9 else level
            yield from joined(again.read(bucket, bucket + 1), part_size, directory, deeper + 1)
