"""What the columnar kernel reads of a Parquet data set: all files, a partition, or none as yet.

Reasons why it cannot are text, which `explain()` shows.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa

from shoal.dataframe.columnar.scan import Column, Scan, footer_of
from shoal.dataframe.io.parquet_plan import MOST_FOOTERS, Dataset, Piece
from shoal.dataframe.kernels.filters import parts_of
from shoal.io.files import is_local

__all__ = ["scan_of_all", "scan_of_none", "scan_of_some", "stored_dtypes"]


def scan_of_all(data: Dataset, columns: Iterable[Any], filters: tuple[Any, ...]) -> Scan | str:
    """All files together.

    Parameters
    ----------
    data
        The data set.
    columns
        Names of those that are read.
    filters
        Rows must meet all of them.

    Examples
    --------
    >>> from shoal.dataframe import from_dict, read_parquet
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> from_dict({"x": [1, 2]}, npartitions=1).to_parquet(folder, write_index=False)
    >>> scan_of_all(read_parquet(folder).expr.dataset, ["x"], ()).rows
    2
    """
    names = _names(data, columns, filters, ())
    if isinstance(names, str):
        return names
    files = [piece.path for piece in data.pieces if piece.row_groups in (None, ())]
    if len(files) != len(data.pieces) or len(files) > MOST_FOOTERS:
        return "parts of files" if len(files) <= MOST_FOOTERS else "too many files"
    found = _found(data, names, files)
    if isinstance(found, str):
        return found
    return Scan(tuple(files), sum(_footer(data, path).rows for path in files), found, filters)


def scan_of_none(
    data: Dataset, columns: Iterable[Any], filters: tuple[Any, ...], index: Sequence[str]
) -> Scan | str:
    """No file, to see whether some operations can be translated at all.

    Parameters
    ----------
    data, columns, filters
        As of `scan_of_all`.
    index
        Names of columns that become the labels of rows.

    Examples
    --------
    >>> from shoal.dataframe import from_dict, read_parquet
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> from_dict({"x": [1, 2]}, npartitions=1).to_parquet(folder, write_index=False)
    >>> scan_of_none(read_parquet(folder).expr.dataset, ["x"], (), ()).columns["x"].nulls
    0
    """
    names = _names(data, columns, filters, index)
    if isinstance(names, str):
        return names
    # Files have to tell which columns have nulls, and what those become: none, for now.
    found = {name: Column(data.schema.field(name).type, 0, 0) for name in names}
    return Scan((), 0, found, filters, index=tuple(index))


def scan_of_some(
    data: Dataset,
    pieces: Sequence[Piece],
    columns: Iterable[Any],
    filters: tuple[Any, ...],
    index: Sequence[str],
) -> Scan | str:
    """A partition.

    Parameters
    ----------
    data, columns, filters, index
        As of `scan_of_none`.
    pieces
        Of the partition.

    Examples
    --------
    >>> from shoal.dataframe import from_dict, read_parquet
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> from_dict({"x": [1, 2]}, npartitions=2).to_parquet(folder, write_index=False)
    >>> data = read_parquet(folder).expr.dataset
    >>> scan_of_some(data, data.partitions[1], ["x"], (), ()).rows
    1
    """
    names = _names(data, columns, filters, index)
    if isinstance(names, str):
        return names
    try:
        found = _found(data, names, [piece.path for piece in pieces])
    except (pa.ArrowException, OSError) as error:
        return str(error)
    if isinstance(found, str):
        return found
    slices: list[Any] = []
    rows = 0
    for piece in pieces:
        groups = _footer(data, piece.path).groups
        chosen = range(len(groups)) if piece.row_groups is None else piece.row_groups
        if any(b != a + 1 for a, b in itertools.pairwise(chosen)) or not len(chosen):
            return "row groups that are not neighbours"
        count = sum(groups[i] for i in chosen)
        whole = len(chosen) == len(groups)
        slices.append(None if whole else (sum(groups[: chosen[0]]), count))
        rows += count
    paths = tuple([piece.path for piece in pieces])
    return Scan(paths, rows, found, filters, tuple(slices), tuple(index))


def _names(
    data: Dataset, columns: Iterable[Any], filters: tuple[Any, ...], index: Sequence[str]
) -> dict[str, None] | str:
    """The columns that are read; or why they cannot be."""
    if not is_local(data.fs):
        return "files on another machine"
    if not data.conversion.plain:
        return "dtypes that were asked for"
    filtered = [one[0] for groups in parts_of(filters) for g in groups for one in g]
    names = dict.fromkeys([*columns, *filtered, *index])
    if any(type(name) is not str or name in data.partition_columns for name in names):
        return "columns that are in the paths, or whose names are not text"
    return names


def stored_dtypes(data: Dataset) -> dict[Any, Any]:
    """The dtypes of columns and of the index, by the names that files have for them.

    Parameters
    ----------
    data
        The data set.

    Examples
    --------
    >>> from shoal.dataframe import from_dict, read_parquet
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> from_dict({"x": [1, 2]}, npartitions=1).to_parquet(folder)
    >>> stored_dtypes(read_parquet(folder).expr.dataset)
    {'x': dtype('int64'), '__index_level_0__': dtype('int64')}
    """
    known = dict(data.meta.dtypes.items())
    index = data.meta.index
    levels = getattr(index, "levels", [index])
    return {**known, **{n: one.dtype for n, one in zip(data.index, levels, strict=False)}}


def _footer(data: Dataset, path: str) -> Any:
    return footer_of(path, data.marks[path])


def _found(data: Dataset, names: Iterable[str], paths: Sequence[str]) -> dict[str, Column] | str:
    """What the footers of some files say of columns; or why they are not one table."""
    columns = {name: Column(None, 0, 0) for name in names}
    for path in paths:
        footer = _footer(data, path)
        if footer.refused is not None:
            return f"{footer.refused}, which Polars cannot read, in {path}"
        for name in columns:
            found = footer.columns.get(name)
            if found is None or found.type != data.schema.field(name).type:
                return f"files that differ in column {name!r}"
            columns[name] = columns[name].joined(found)
    return columns
