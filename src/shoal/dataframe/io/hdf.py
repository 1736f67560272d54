"""HDF5 tables, as pandas and pytables have them.

pytables takes one thread at a time in a process, so reading and writing hold one lock.
"""

from __future__ import annotations

import fnmatch
import itertools
import os
from collections.abc import Sequence
from typing import Any

import pandas as pd

from shoal.collection import compute as compute_all
from shoal.dataframe.collection.base import FrameBase, from_node
from shoal.dataframe.meta import make_meta
from shoal.dataframe.nodes.partitions import Disjoint
from shoal.dataframe.nodes.sources import FromMap
from shoal.delayed import delayed
from shoal.graph.token import tokenize
from shoal.io.files import expand_names, resolve_paths
from shoal.local.locks import SerializableLock
from shoal.optional import import_required

__all__ = ["read_hdf", "to_hdf"]

LOCK = SerializableLock("shoal.dataframe.io.hdf")


def read_hdf(
    pattern: Any,
    key: str,
    start: int = 0,
    stop: int | None = None,
    columns: Any = None,
    chunksize: int = 1_000_000,
    sorted_index: bool = False,
    lock: Any = True,
    mode: str = "r",
) -> Any:
    """A frame of HDF5 files; needs the package tables.

    Parameters
    ----------
    pattern
        A file, a pattern, or a list.
    key
        Of the tables in a file; ``*`` matches several.
    start, stop
        Which rows of each table.
    columns
        Names; one name gives a series.
    chunksize
        Rows in a partition.
    sorted_index
        The index is sorted, so that divisions are known.
    lock
        Accepted for programs written for Dask.
    mode
        "r".

    Raises
    ------
    TypeError
        A table is in the "fixed" format, which cannot be read in parts.
    ValueError
        Rows that are not there.

    Examples
    --------
    >>> read_hdf("flights-*.h5", "/2013/*")  # doctest: +SKIP
    """
    import_required("tables", "reading HDF5 tables")
    if mode not in ("r", "a"):
        raise ValueError(f"mode is 'r' or 'a', got {mode!r}")
    if chunksize <= 0:
        raise ValueError("Chunksize must be a positive integer")
    if start > 0 and stop is not None and start >= stop:
        raise ValueError("When reading multiple files, `start` must be less than `stop`")
    if isinstance(pattern, list | tuple) and not pattern:
        raise ValueError("No files provided")
    fs, paths = resolve_paths(pattern)
    values: list[tuple[Any, ...]] = []
    divisions: list[Any] = []
    meta: Any = None
    for path in paths:
        for name, rows in _tables(path, key):
            last = rows if stop is None else stop
            if last > rows:
                raise ValueError(f"Stop keyword exceeds dataset number of rows ({rows}) of {path}")
            if start >= last and start > 0:
                raise ValueError(f"Start row number ({start}) is above or equal to stop ({last})")
            if meta is None:
                meta = make_meta(_read(path, name, 0, 0, columns))
            steps = range(start, max(last, start + 1), chunksize)
            values += [(path, name, row, min(row + chunksize, last)) for row in steps]
            if sorted_index:
                divisions += _ends(path, name, [*steps, last])
    if not values:
        there = ", ".join(dict.fromkeys(name for path in paths for name in _keys_in(path)))
        raise KeyError(f"no table {key!r} in {paths}; there are {there or 'none'}")
    ends = tuple(zip(divisions[::2], divisions[1::2], strict=True))
    touch = any(b[0] == a[1] for a, b in itertools.pairwise(ends))
    apart = sorted_index and not touch
    known = (*divisions[::2], divisions[-1]) if apart else (None,) * (len(values) + 1)
    more = {"columns": columns, "mark": tokenize([fs.ukey(path) for path in paths])}
    whole = tuple(more.values())
    args = (_read, tuple(values), whole, tuple(more), meta, known, None, "read-hdf")
    node = FromMap(*args)
    return from_node(Disjoint(node, ends) if touch else node)


def _keys_in(path: str) -> list[str]:
    """The keys of the tables in a file."""
    with LOCK, pd.HDFStore(path, mode="r") as store:
        names = store.keys()
        # Tables that pandas did not write.
        names += [node._v_pathname for node in store._handle.walk_nodes("/", "Table")]
    return sorted(dict.fromkeys(name.removesuffix("/table") for name in names))


def _tables(path: str, key: str) -> list[tuple[str, int]]:
    names = _keys_in(path)
    with LOCK, pd.HDFStore(path, mode="r") as store:
        wanted = key if key.startswith("/") else f"/{key}"
        out = []
        for name in names:
            if not fnmatch.fnmatch(name, wanted):
                continue
            storer = store.get_storer(name)
            if storer.format_type != "table":
                raise TypeError(
                    f"{name} of {path} is in the fixed format, which cannot be read in parts: "
                    "This HDFStore is not partitionable and can only be use monolithically with "
                    "pandas. In the future when creating HDFStores use the ``format='table'`` "
                    "option"
                )
            out.append((name, int(storer.nrows)))
        return out


def _read(path: str, key: str, start: int, stop: int, columns: Any = None, mark: str = "") -> Any:
    """Rows of a table; ``mark`` is in the name of the task, and changes when a file does."""
    names = [columns] if isinstance(columns, str) else columns
    with LOCK:
        try:
            part = pd.read_hdf(path, key, mode="r", start=start, stop=stop, columns=names)
        except Exception as error:
            error.add_note(f"while reading {key} of {path}, rows {start} to {stop}")
            raise
    return part[columns] if isinstance(columns, str) else part


def _ends(path: str, key: str, edges: Sequence[int]) -> list[Any]:
    """The first and the last label of each part of a table."""
    out: list[Any] = []
    for start, stop in itertools.pairwise(edges):
        out += [_read(path, key, i, i + 1).index.tolist()[0] for i in (start, stop - 1)]
    return out


def to_hdf(
    df: Any,
    path: Any,
    key: str,
    mode: str = "a",
    append: bool = False,
    scheduler: Any = None,
    name_function: Any = None,
    compute: bool = True,
    lock: Any = None,
    dask_kwargs: Any = None,
    **kwargs: Any,
) -> Any:
    """Write a frame or series to HDF5 tables; needs the package tables.

    Parameters
    ----------
    df
        A frame or series.
    path
        A file; with ``*`` a file a partition.
    key
        Of the table; with ``*`` a table a partition.
    mode
        "a", or "w" to begin the files anew.
    append
        Whether to add to tables that are there.
    scheduler
        Of `shoal.compute`.
    name_function
        From the partition's number to what replaces ``*``.
    compute
        False for a delayed value.
    lock, dask_kwargs
        Accepted for programs written for Dask.
    **kwargs
        Of `pandas.DataFrame.to_hdf`.

    Returns
    -------
    list or Delayed
        The names of the files.

    Raises
    ------
    ValueError
        ``*`` in both names, or twice.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> to_hdf(from_dict({"x": [1]}, npartitions=1), "t.h5", "/x")  # doctest: +SKIP
    """
    import_required("tables", "writing HDF5 tables")
    path = str(path)
    if path.count("*") + key.count("*") > 1:
        raise ValueError("Cannot have more than one '*' in the names of file and table together")
    if kwargs.setdefault("format", "table") not in ("t", "table"):
        raise TypeError(f"the format is 'table', got {kwargs['format']!r}")
    count = df.npartitions
    paths = expand_names(path, count, name_function) if "*" in path else [path] * count
    keys = expand_names(key, count, name_function) if "*" in key else [key] * count
    tables = list(zip(paths, keys, strict=True))
    # Counted now where tasks run now: one that counts might run again when others have written.
    counted = _rows_in if compute else delayed(_rows_in)
    mark: Any = counted(list(dict.fromkeys(tables)) if append and mode != "w" else [])
    seen: set[Any] = set()
    # One after another: pytables would let nobody else in anyway.
    for part, file, table in zip(FrameBase.to_delayed(df), paths, keys, strict=True):
        again = (file, table) in seen
        how = {**kwargs, "mode": mode if file not in seen else "a", "append": append or again}
        mark = delayed(_write)(part, file, table, how, mark)
        seen |= {(file, table), file}
    whole = delayed(_names)(mark, paths)
    told = {} if scheduler is None else {"scheduler": scheduler}
    return compute_all(whole, **told)[0] if compute else whole


def _write(part: Any, path: str, key: str, how: Any, rows: dict[Any, int]) -> dict[Any, int]:
    """Write a partition; how many rows the tables have then that had so many before.

    A task may run again when it has written: what is beyond the rows that were there is its own.
    """
    table = (path, key)
    with LOCK:
        if how["append"] and how["mode"] != "w" and _count(path, key) > rows.get(table, 0):
            with pd.HDFStore(path, mode="a") as store:
                store.remove(key, start=rows.get(table, 0))
        part.to_hdf(path, key=key, **how)
        return {**rows, table: _count(path, key)}


def _rows_in(tables: Sequence[tuple[str, str]]) -> dict[Any, int]:
    """How many rows there are in tables, of files and keys; in those that there are not, none."""
    with LOCK:
        return {table: _count(*table) for table in tables}


def _count(path: str, key: str) -> int:
    if not os.path.exists(path):
        return 0
    with pd.HDFStore(path, mode="r") as store:
        found = store.get_storer(key) if key in store else None
        return int(found.nrows) if found is not None and found.is_table else 0


def _names(mark: Any, paths: list[str]) -> list[str]:
    return paths
