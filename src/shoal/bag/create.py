"""Bags of values, of files, of delayed results, of other bags."""

from __future__ import annotations

import itertools
import math
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from shoal import config
from shoal.bag.arguments import Partitioned, whole_number
from shoal.bag.collection import Bag
from shoal.bag.nodes import Calls, Concat, Stage
from shoal.bag.steps import Step, materialise, step
from shoal.collection import is_collection
from shoal.delayed import Delayed, delayed
from shoal.expr.annotate import current_annotations
from shoal.expr.call import Call
from shoal.graph.layers import Each
from shoal.graph.task import Ref
from shoal.io.avro import iter_avro, plan_avro
from shoal.io.files import UrlPath
from shoal.io.text import iter_text, plan_text

__all__ = [
    "bag_range",
    "concat",
    "from_delayed",
    "from_sequence",
    "from_url",
    "read_avro",
    "read_text",
]


def from_sequence(
    seq: Iterable[Any], partition_size: int | None = None, npartitions: int | None = None
) -> Bag[Any]:
    """A bag of values that are there.

    Parameters
    ----------
    seq
        Values; kept in the graph, so better the names of files than their contents.
    partition_size
        How many values a partition has.
    npartitions
        How many partitions there are; fewer where there are fewer values.  Without either, about
        as many as the setting ``bag.npartitions`` says, and more for long sequences.

    Returns
    -------
    Bag

    Raises
    ------
    ValueError
        Both are given, or one is below 1.

    Examples
    --------
    >>> from_sequence(["Ann", "Bo", "Cy"], npartitions=2)
    shoal.bag<from_sequence, npartitions=2>
    """
    values = seq if isinstance(seq, list | tuple | range) else list(seq)
    if partition_size is not None and npartitions is not None:
        raise ValueError(
            "from_sequence takes one of partition_size and npartitions, got "
            f"partition_size={partition_size} and npartitions={npartitions}"
        )
    if npartitions is not None:
        count = whole_number("npartitions", npartitions)
        parts = split_evenly(values, max(1, min(count, len(values))))
    else:
        size = _default_size(len(values)) if partition_size is None else partition_size
        size = whole_number("partition_size", size)
        starts = range(0, max(len(values), 1), size)
        parts = [list(values[start : start + size]) for start in starts]
    return Bag(Stage((Each(parts),), (), len(parts), annotations=current_annotations()))


def _default_size(count: int) -> int:
    """One value a partition while that makes few partitions, then ever larger ones.

    Both the number of partitions and their size grow with the root of the number of values, so
    that any number of workers has work if there are enough values.
    """
    aim = config.get("bag.npartitions", 100)
    return 1 if count <= aim else max(1, math.ceil(math.sqrt(count / aim)))


def split_evenly(values: Sequence[Any], count: int) -> list[list[Any]]:
    """Pieces whose lengths differ by one at most, longer ones first.

    Parameters
    ----------
    values
        A sequence.
    count
        How many pieces.

    Examples
    --------
    >>> split_evenly([1, 2, 3, 4, 5], 3)
    [[1, 2], [3, 4], [5]]
    """
    return [list(values[i:j]) for i, j in itertools.pairwise(even_bounds(len(values), count))]


def even_bounds(total: int, count: int) -> list[int]:
    """Where pieces begin whose lengths differ by one at most, longer ones first; and the end.

    Parameters
    ----------
    total
        What to cut.
    count
        How many pieces.

    Examples
    --------
    >>> even_bounds(5, 3)
    [0, 2, 4, 5]
    """
    size, longer = divmod(total, count)
    return [i * size + min(i, longer) for i in range(count + 1)]


def bag_range(n: int, npartitions: int) -> Bag[int]:
    """The numbers from 0 to ``n - 1``.

    Parameters
    ----------
    n
        How many.
    npartitions
        How many partitions.

    Returns
    -------
    Bag

    Raises
    ------
    ValueError
        ``npartitions`` is below 1.

    Examples
    --------
    >>> import shoal.bag as db
    >>> db.range(5, npartitions=2).compute(scheduler="sync")
    [0, 1, 2, 3, 4]
    """
    npartitions = whole_number("npartitions", npartitions)
    starts = even_bounds(n, npartitions)
    inputs = (Each(starts[:-1]), Each(starts[1:]))
    one = step(range, Ref(0), Ref(1), cheap=True)
    return Bag(Stage(inputs, (one,), npartitions, annotations=current_annotations()))


def from_delayed(values: Any) -> Bag[Any]:
    """A bag with a partition for each of some delayed iterables.

    Parameters
    ----------
    values
        Delayed iterables, or one.  What ``map_partitions`` and ``to_delayed`` give is the iterable
        itself (a matrix, a frame); a list in place of an iterator.

    Returns
    -------
    Bag

    Raises
    ------
    TypeError
        Something is not delayed.

    Examples
    --------
    >>> import shoal
    >>> parts = [shoal.delayed(range)(n) for n in (1, 2)]
    >>> from_delayed(parts).compute(scheduler="sync")
    [0, 0, 1]
    """
    if isinstance(values, Delayed) or not isinstance(values, Iterable):
        values = [values]
    calls = tuple([_as_call(value) for value in values])
    node = Calls(calls, len(calls))
    # An iterator could be read only once; anything else (a matrix) is the partition as it is.
    one = step(materialise, Ref(0), title="from-delayed")
    return Bag(Stage((node,), (one,), len(calls), annotations=current_annotations()))


def _as_call(value: Any) -> Call:
    if isinstance(value, Call):
        return value
    if not is_collection(value):
        raise TypeError(
            f"from_delayed takes delayed values, got {type(value).__name__}: {value!r:.80}; "
            "make a bag of values with from_sequence"
        )
    call: Call = delayed(value)
    return call


def concat(bags: Iterable[Any]) -> Bag[Any]:
    """The elements of several bags, one bag after the other; costs nothing.

    Parameters
    ----------
    bags
        Bags.

    Returns
    -------
    Bag

    Raises
    ------
    TypeError
        Something is not a bag.

    Examples
    --------
    >>> concat([from_sequence([1, 2]), from_sequence([3])]).compute(scheduler="sync")
    [1, 2, 3]
    """
    parts = list(bags)
    for part in parts:
        if not isinstance(part, Partitioned):
            raise TypeError(
                f"concat takes bags, got {type(part).__name__}; "
                "wrap a sequence with from_sequence, join elements with Bag.flatten"
            )
    if len(parts) == 1:
        only: Bag[Any] = parts[0]
        return only
    kind: Any = type(parts[0]) if parts else Bag
    bag: Bag[Any] = kind(Concat(tuple([part._node for part in parts])))
    return bag


def from_url(urls: str | Sequence[str]) -> Bag[bytes]:
    """The lines, as bytes, of what is behind some URLs; a partition each.

    Parameters
    ----------
    urls
        One or several.

    Returns
    -------
    Bag

    Examples
    --------
    >>> from_url("data:text/plain,one%0Atwo").compute(scheduler="sync")
    [b'one\\n', b'two']
    """
    if isinstance(urls, str):
        urls = [urls]
    return _read(urls, step(read_url, Ref(0), title="from-url"))


def read_url(url: str) -> Iterator[bytes]:
    """The lines behind a URL, as they arrive.

    Parameters
    ----------
    url
        Of any kind that `urllib.request` opens.

    Examples
    --------
    >>> list(read_url("data:text/plain,text"))
    [b'text']
    """
    with urllib.request.urlopen(url) as response:
        yield from response


def _read(parts: Sequence[Any], one: Step) -> Bag[Any]:
    """A bag whose partitions are read from what ``parts`` describe."""
    node = Stage((Each(list(parts)),), (one,), len(parts), annotations=current_annotations())
    return Bag(node)


def read_text(
    urlpath: UrlPath,
    blocksize: str | float | None = None,
    compression: str | None = "infer",
    encoding: str = "utf-8",
    errors: str = "strict",
    linedelimiter: str | None = None,
    collection: bool = True,
    storage_options: Mapping[str, Any] | None = None,
    files_per_partition: int | None = None,
    include_path: bool = False,
) -> Any:
    """The lines of text files.

    Parameters
    ----------
    urlpath
        Paths, URLs of any file system that fsspec knows, or patterns with ``*``.
    blocksize
        Bytes in a partition, such as ``"64 MiB"``; None is whole files, and is all that
        compressed ones allow.
    compression
        A codec, or ``"infer"`` from each file's ending.
    encoding, errors
        As for `bytes.decode`.
    linedelimiter
        What ends a line; default: any of the line ends of text files.
    collection
        False to return a delayed list of lines for each partition.
    storage_options
        Options of the file system: host, key, anon, ...
    files_per_partition
        How many whole files make a partition.
    include_path
        Make the elements ``(line, path)``.

    Returns
    -------
    Bag or list of Delayed
        Lines with what ends them.

    Raises
    ------
    NoFilesError
        No file matches; a FileNotFoundError and a ValueError.
    ValueError
        ``blocksize`` with compressed files or with ``files_per_partition``.
    TextDecodingError
        When it is computed: a file is not text in the encoding.

    Examples
    --------
    >>> import shoal.bag as db
    >>> paths = db.from_sequence(["one", "two"]).to_textfiles("memory://read", scheduler="sync")
    >>> read_text("memory://read/*").compute(scheduler="sync")
    ['one', 'two']
    """
    parts = plan_text(
        urlpath,
        blocksize=blocksize,
        compression=compression,
        encoding=encoding,
        errors=errors,
        linedelimiter=linedelimiter,
        files_per_partition=files_per_partition,
        include_path=include_path,
        **(storage_options or {}),
    )
    bag = _read(parts, step(iter_text, Ref(0), title="read-text"))
    return bag if collection else bag.to_delayed()


def read_avro(
    urlpath: UrlPath,
    blocksize: str | float | None = 100_000_000,
    storage_options: Mapping[str, Any] | None = None,
    compression: str | None = None,
) -> Bag[Any]:
    """The records of Avro files; needs fastavro.

    Parameters
    ----------
    urlpath
        Paths, URLs or patterns.
    blocksize
        Bytes in a partition; None is whole files.
    storage_options
        Options of the file system.
    compression
        Of the files as a whole, besides Avro's own; only with ``blocksize=None``.

    Returns
    -------
    Bag
        Of dicts.

    Raises
    ------
    NoFilesError
        No file matches; a FileNotFoundError and a ValueError.
    MissingDependencyError
        fastavro is not installed.

    Examples
    --------
    >>> import shoal.bag as db
    >>> schema = {"type": "record", "name": "N", "fields": [{"name": "n", "type": "int"}]}
    >>> b = db.from_sequence([{"n": 1}, {"n": 2}])
    >>> _ = b.to_avro("memory://read_avro/*.avro", schema, scheduler="sync")
    >>> read_avro("memory://read_avro/*.avro").compute(scheduler="sync")
    [{'n': 1}, {'n': 2}]
    """
    parts = plan_avro(
        urlpath, blocksize=blocksize, compression=compression, **(storage_options or {})
    )
    return _read(parts, step(iter_avro, Ref(0), title="read-avro"))
