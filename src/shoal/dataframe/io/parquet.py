"""Parquet: read by row groups, columns and filters; written so that it is there whole or not.

A `Dataset` is a plan: the files, the pieces (some row groups of one file) that become partitions,
and what the footers tell of them.  `ReadParquet` is the node that rules give columns and filters.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote, unquote

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from shoal.collection import compute as compute_all
from shoal.dataframe.collection.base import FrameBase, from_node, nearest
from shoal.dataframe.columnar.scan import Column as ScanColumn
from shoal.dataframe.columnar.scan import Scan, footer_of
from shoal.dataframe.nodes.base import ALL_COLUMNS, Apply, Columns, FrameNode, Part, PartitionWise
from shoal.dataframe.nodes.sources import Source
from shoal.delayed import delayed
from shoal.errors import NoFilesError
from shoal.io.files import resolve_paths
from shoal.units import parse_bytes

__all__ = ["Dataset", "Piece", "ReadParquet", "read_parquet", "to_parquet"]


ANY = "any"
"""The operator of a filter whose value is lists of filters, of which one has to hold."""

OPERATORS = {
    **{op: op for op in ("<", "<=", ">", ">=", "==", "!=", "in", "not in")},
    "=": "==",
}
"""The operators of filters, and what each is called from here on."""

MOST_FOOTERS = 1000
"""For more files than this, footers are not read before the work begins."""


@dataclasses.dataclass(frozen=True)
class Piece:
    """What one partition is read from.

    Parameters
    ----------
    path
        A file.
    row_groups
        Numbers, a tuple; None is all.

    Examples
    --------
    >>> Piece("a.parquet", None).path
    'a.parquet'
    """

    path: str
    row_groups: tuple[int, ...] | None


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """A Parquet data set as it was found.

    Parameters
    ----------
    fs
        An fsspec file system.
    schema
        Of all files, an Arrow schema.
    pieces
        A tuple.
    index
        Name of the column that becomes the index, or None.
    partition_columns
        Names of columns that are in the paths.
    root
        The folder below which paths name them.
    fingerprint
        Changes when the files do.

    Examples
    --------
    >>> [field.name for field in dataclasses.fields(Dataset)][:3]
    ['fs', 'schema', 'pieces']
    """

    fs: Any
    schema: Any
    pieces: tuple[Piece, ...]
    index: str | None
    partition_columns: tuple[str, ...]
    root: str
    fingerprint: Any

    def __shoal_tokenize__(self) -> Any:
        return [(p.path, p.row_groups) for p in self.pieces], self.index, self.fingerprint

    @functools.cached_property
    def meta(self) -> Any:
        """An empty frame with the data set's columns."""
        frame = _to_pandas(self.schema.empty_table(), self.index)
        names = [name for name in frame.columns if name not in self.partition_columns]
        return frame[[*names, *self.partition_columns]]


def _to_pandas(table: Any, index: str | None) -> Any:
    frame = table.to_pandas(ignore_metadata=True)
    if index is None:
        return frame
    frame = frame.set_index(index)
    # pandas' name for an index without one.
    return frame.rename_axis(None) if index.startswith("__index_level_") else frame


class ReadParquet(Source):
    """The pieces of a Parquet data set.

    Parameters
    ----------
    dataset
        A `Dataset`.
    columns
        Names, a tuple; None is all.
    filters
        ``(column, operator, value)``: rows must meet all of them; a tuple.
    given_divisions
        Of the result.

    Examples
    --------
    >>> ReadParquet.fields
    ('dataset', 'columns', 'filters', 'given_divisions')
    """

    __slots__ = ()
    fields = ("dataset", "columns", "filters", "given_divisions")
    prefix = "read-parquet"

    def infer_meta(self) -> Any:
        """From the schema."""
        return self.select_meta(self.dataset.meta)

    @property
    def parts(self) -> Sequence[Piece]:
        """The pieces."""
        pieces: Sequence[Piece] = self.dataset.pieces
        return pieces

    def call(self) -> Apply:
        """Read a piece."""
        data = self.dataset
        columns = tuple(self.meta.columns)
        source = (data.fs, data.schema, data.index, data.partition_columns, data.root)
        return Apply(read_piece, (Part(), source, columns, self.filters), title="read-parquet")

    def needs(self, wanted: Columns) -> Iterator[tuple[FrameNode, Columns]]:
        """It has no sources."""
        return iter(())

    def accepts_value(self, column: Any, value: Any) -> bool:
        """Whether Arrow compares a column with a value as pandas does.

        Parameters
        ----------
        column
            Its name.
        value
            What it is compared with.
        """
        if column in self.dataset.partition_columns:
            return False
        field = self.dataset.schema.field(column).type
        if isinstance(value, bool | np.bool_):
            return bool(pa.types.is_boolean(field))
        if isinstance(value, int | float | np.integer | np.floating):
            return (
                bool(pa.types.is_integer(field) or pa.types.is_floating(field)) and value == value
            )
        if isinstance(value, str):
            return bool(pa.types.is_string(field) or pa.types.is_large_string(field))
        if isinstance(value, pd.Timestamp | np.datetime64):
            return bool(pa.types.is_timestamp(field)) and not pd.isna(value) and field.tz is None
        return False

    def with_filters(self, filters: tuple[Any, ...]) -> ReadParquet:
        """The same with more filters.

        Parameters
        ----------
        filters
            To be met as well.
        """
        return self.replace(filters=(*self.filters, *filters))

    def scan(self) -> Scan | str:
        """What the columnar kernel reads of all files together; or why it cannot."""
        data = self.dataset
        if not _is_local(data.fs):
            return "files on another machine"
        names = dict.fromkeys([*self.meta.columns, *(filter[0] for filter in self.filters)])
        if any(type(name) is not str or name in data.partition_columns for name in names):
            return "columns that are in the paths, or whose names are not text"
        files = [piece.path for piece in data.pieces if piece.row_groups in (None, ())]
        if len(files) != len(data.pieces) or len(files) > MOST_FOOTERS:
            return "parts of files" if len(files) <= MOST_FOOTERS else "too many files"
        rows, columns = 0, {name: ScanColumn(None, 0, 0) for name in names}
        for path, mark in zip(files, data.fingerprint, strict=True):
            footer = footer_of(path, mark)
            rows += footer.rows
            for name in names:
                found = footer.columns.get(name)
                if found is None or found.type != data.schema.field(name).type:
                    return f"files that differ in column {name!r}"
                columns[name] = columns[name].joined(found)
        return Scan(tuple(files), rows, columns, self.filters)

    def label(self) -> str:
        """Columns and filters."""
        told = "".join(
            f", any of {value!r}" if op == ANY else f", {column} {op} {value!r}"
            for column, op, value in self.filters
        )
        return f"ReadParquet({len(self.dataset.pieces)} pieces{self.told()}{told})"


def read_piece(
    piece: Piece, source: Any, columns: tuple[Any, ...], filters: tuple[Any, ...]
) -> Any:
    """Read some columns and rows of a piece.

    Row groups whose statistics exclude all their rows are not read.
    """
    fs, schema, index, partition_columns, root = source
    arrow = (
        pafs.PyFileSystem(pafs.FSSpecHandler(fs)) if not _is_local(fs) else pafs.LocalFileSystem()
    )
    keys = _keys_of(piece.path, root) if partition_columns else {}
    names = [name for name in columns if name not in partition_columns]
    stored = [*names, index] if index is not None and index not in names else names
    fragment = pads.ParquetFileFormat().make_fragment(
        piece.path, filesystem=arrow, row_groups=piece.row_groups
    )
    plain = pa.schema([field for field in schema if field.name not in partition_columns])
    try:
        table = fragment.to_table(
            schema=plain, columns=stored, filter=_expression(filters), use_threads=False
        )
    except (pa.ArrowException, OSError) as error:
        error.add_note(f"while reading {piece.path}, row groups {piece.row_groups or 'all'}")
        raise
    frame = _to_pandas(table, index)
    for name in partition_columns:
        if name in columns:
            kinds = schema.field(name).metadata[b"values"].decode()
            frame[name] = pd.Categorical([keys[name]] * len(frame), categories=json.loads(kinds))
    return frame[list(columns)]


def _is_local(fs: Any) -> bool:
    return "file" in (fs.protocol if isinstance(fs.protocol, tuple | list) else (fs.protocol,))


def _keys_of(path: str, root: str) -> dict[str, str]:
    parts = path[len(root) :].strip("/").split("/")[:-1]
    pairs = [part.split("=", 1) for part in parts if "=" in part]
    return {name: unquote(value) for name, value in pairs}


def _expression(filters: Sequence[Any]) -> Any:
    """All of some filters as Arrow has them; see `_as_filters` for what they look like."""
    out = None
    for column, op, value in filters:
        groups = value if op == ANY else (((column, op, value),),)
        one = pq.filters_to_expression([[tuple(part) for part in group] for group in groups])
        out = one if out is None else out & one
    return out


def _as_filters(filters: Any) -> tuple[Any, ...]:
    """What users write as triples that all hold.

    Several lists, of which any holds, are one triple ``(None, ANY, lists)``.
    """
    if not filters:
        return ()
    groups = [filters] if isinstance(filters[0], tuple) else list(filters)
    told = []
    for group in groups:
        for one in group:
            if len(one) != 3 or one[1] not in OPERATORS:
                raise ValueError(
                    f"a filter is (column, operator, value), the operator one of "
                    f"{', '.join(OPERATORS)}; got {one!r}"
                )
        told.append(tuple((column, OPERATORS[op], value) for column, op, value in group))
    return told[0] if len(told) == 1 else ((None, ANY, tuple(told)),)


def read_parquet(
    path: Any,
    columns: Any = None,
    filters: Any = None,
    index: Any = None,
    calculate_divisions: bool = False,
    split_row_groups: bool | int | str = "infer",
    blocksize: Any = "256 MiB",
    storage_options: Any = None,
    **kwargs: Any,
) -> Any:
    """A frame of Parquet files; rows and columns that are not needed are not read.

    Parameters
    ----------
    path
        A file, a folder, a pattern, or a list of files.
    columns
        Names; one name gives a series.
    filters
        ``(column, operator, value)`` triples, all of which rows must meet, or lists of such, of
        which rows must meet one; operators are <, <=, >, >=, ==, !=, in, and not in.
    index
        The column that becomes the index; False for none.  By default the one that pandas stored.
    calculate_divisions
        Find out the bounds of the index from the footers of all files.
    split_row_groups
        True: a partition a row group; a number: so many of them; False: a partition a file;
        "infer": by ``blocksize``.
    blocksize
        How large a partition may be, in bytes.
    storage_options
        Of the file system.
    **kwargs
        Accepted for programs written for Dask.

    Raises
    ------
    NoFilesError
        There are none.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> from_dict({"x": [1, 2], "y": [3, 4]}, npartitions=2).to_parquet(folder)
    >>> read_parquet(folder, columns=["y"]).compute().y.tolist()
    [3, 4]
    """
    data, footers = _find(path, index, split_row_groups, blocksize, storage_options or {})
    divisions: tuple[Any, ...] = (None,) * (len(data.pieces) + 1)
    if calculate_divisions and data.index is not None:
        divisions = _divisions(data, footers) or divisions
    meta = data.meta
    wanted = [columns] if isinstance(columns, str) else columns
    missing = [name for name in wanted or () if name not in meta.columns]
    if missing:
        raise KeyError(f"{missing} not in the columns{nearest(missing[0], meta.columns)}")
    chosen = None if wanted is None else tuple(wanted)
    rows = _as_filters(filters)
    _check_filtered(rows, data)
    out = from_node(ReadParquet(data, chosen, rows, divisions))
    return out[columns] if isinstance(columns, str) else out


def _check_filtered(filters: tuple[Any, ...], data: Dataset) -> None:
    names = [
        part[0]
        for column, op, value in filters
        for group in (value if op == ANY else (((column, op, value),),))
        for part in group
    ]
    for name in names:
        if name in data.partition_columns:
            raise NotImplementedError(
                f"filters on {name!r}, which is in the paths; read all, then df[df.{name} ...]"
            )
        if name not in data.schema.names:
            raise KeyError(f"filter on {name!r}, no column{nearest(name, data.schema.names)}")


def _find(path: Any, index: Any, split: Any, blocksize: Any, options: Any) -> Any:
    paths = [str(one) for one in path] if isinstance(path, list | tuple) else [str(path)]
    fs, found = resolve_paths(paths if len(paths) > 1 else paths[0], **options)
    files: list[str] = []
    root = ""
    for one in found:
        if fs.isdir(one):
            root = one
            files += sorted(name for name in fs.find(one) if _is_data(name[len(one) :]))
        else:
            files.append(one)
    if not files:
        raise NoFilesError(f"no Parquet files in {path}")
    with fs.open(files[0], "rb") as file:
        footer = pq.ParquetFile(file).metadata
    schema = footer.schema.to_arrow_schema()
    stored = _stored_index(schema)
    chosen = stored if index is None else (None if index is False else index)
    keys = [_keys_of(name, root) for name in files]
    partition_columns = tuple(keys[0]) if root else ()
    for name in partition_columns:
        values = list(dict.fromkeys(one[name] for one in keys))
        told = {b"values": json.dumps(sorted(values)).encode()}
        schema = schema.append(
            pa.field(name, pa.dictionary(pa.int32(), pa.string()), metadata=told)
        )
    footers: dict[str, Any] = {files[0]: footer}
    pieces = tuple(
        piece for name in files for piece in _pieces(fs, name, split, blocksize, footers)
    )
    fingerprint = [str(fs.ukey(name)) for name in files]
    data = Dataset(fs, schema, pieces, chosen, partition_columns, root, fingerprint)
    return data, footers


def _is_data(name: str) -> bool:
    parts = name.strip("/").split("/")
    return not any(part.startswith((".", "_")) for part in parts)


def _stored_index(schema: Any) -> str | None:
    told = (schema.metadata or {}).get(b"pandas")
    columns = json.loads(told).get("index_columns", []) if told else []
    names = [name for name in columns if isinstance(name, str)]
    return names[0] if len(names) == 1 and names[0] in schema.names else None


def _footer(fs: Any, name: str, footers: dict[str, Any]) -> Any:
    if name not in footers:
        with fs.open(name, "rb") as file:
            footers[name] = pq.ParquetFile(file).metadata
    return footers[name]


def _pieces(fs: Any, name: str, split: Any, blocksize: Any, footers: dict[str, Any]) -> list[Piece]:
    limit = parse_bytes(blocksize) if isinstance(blocksize, str) else blocksize
    if split is False or (split == "infer" and (limit is None or fs.size(name) * 4 <= limit)):
        return [Piece(name, None)]
    footer = _footer(fs, name, footers)
    sizes = [footer.row_group(i).total_byte_size for i in range(footer.num_row_groups)]
    if split == "infer" and sum(sizes) <= limit:
        return [Piece(name, None)]
    most = int(split) if split != "infer" else len(sizes)
    out: list[Piece] = []
    group: list[int] = []
    filled = 0
    for i, size in enumerate(sizes):
        if group and (len(group) >= most or (split == "infer" and filled + size > limit)):
            out.append(Piece(name, tuple(group)))
            group, filled = [], 0
        group.append(i)
        filled += size
    return [*out, Piece(name, tuple(group))] if group else out or [Piece(name, None)]


def _divisions(data: Dataset, footers: dict[str, Any]) -> tuple[Any, ...] | None:
    """The bounds of the index from statistics; None where they are missing or overlap."""
    bounds = []
    for piece in data.pieces:
        footer = _footer(data.fs, piece.path, footers)
        place = footer.schema.names.index(data.index)
        groups = piece.row_groups or range(footer.num_row_groups)
        stats = [footer.row_group(i).column(place).statistics for i in groups]
        if not stats or any(one is None or not one.has_min_max for one in stats):
            return None
        bounds.append((min(one.min for one in stats), max(one.max for one in stats)))
    if any(a[1] >= b[0] for a, b in itertools.pairwise(bounds)):
        return None
    found = pd.Index([*(low for low, _ in bounds), bounds[-1][1]]).astype(data.meta.index.dtype)
    return tuple(found)


def to_parquet(
    df: Any,
    path: Any,
    compression: str = "snappy",
    write_index: bool = True,
    overwrite: bool = False,
    name_function: Any = None,
    compute: bool = True,
    append: bool = False,
    partition_on: Any = None,
    storage_options: Any = None,
    compute_kwargs: Any = None,
    **kwargs: Any,
) -> Any:
    """Write a frame to a folder, a file a partition.

    Files are written under temporary names and take their own when all are there, so a failed
    write leaves what was there before.

    Parameters
    ----------
    df
        A frame.
    path
        The folder.
    compression
        As pyarrow has it.
    write_index
        Whether the index is written.
    overwrite
        Whether files that are there already are replaced.
    name_function
        ``name_function(i)``: the name of a file.
    compute
        False for a lazy result.
    append
        Whether to add to the files that are there; they must have the same columns and dtypes.
    partition_on
        A column or several, whose values become folders (``column=value``).
    storage_options
        Of the file system.
    compute_kwargs
        Of `shoal.compute`.
    **kwargs
        Of `pyarrow.parquet.write_table`.

    Raises
    ------
    ValueError
        Both ``append`` and ``overwrite``, or what is appended does not fit.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> import os, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> to_parquet(from_dict({"x": [1, 2]}, npartitions=2), folder)
    >>> sorted(os.listdir(folder))
    ['part.0.parquet', 'part.1.parquet']
    """
    options = storage_options or {}
    fs, (folder,) = resolve_paths(str(path), **options)
    fs.makedirs(folder, exist_ok=True)
    there = [name for name in fs.find(folder) if _is_data(name[len(folder) :])]
    if append and overwrite:
        raise ValueError("append=True and overwrite=True exclude each other")
    by = () if partition_on is None else partition_on
    by = (by,) if isinstance(by, str) else tuple(by)
    missing = [name for name in by if name not in df.columns]
    if missing:
        raise KeyError(
            f"{missing[0]!r} in partition_on is no column{nearest(missing[0], df.columns)}"
        )
    if append and there:
        _check_appended(df, there[0], fs, by)
    first = _next_number(there) if append else 0
    names = [
        f"{folder}/{name_function(i) if name_function else f'part.{i}.parquet'}"
        for i in range(first, first + df.npartitions)
    ]
    how = {"compression": compression, **kwargs}
    told = (df._node, fs, tuple(names), write_index, by, tuple(how.items()))
    written = from_node(WriteParquet(*told))
    finished = _Finish(fs, tuple(there) if overwrite else ())
    parts = FrameBase.to_delayed(written)
    whole = delayed(finished)(parts)
    if not compute:
        return whole
    compute_all(whole, **(compute_kwargs or {}))
    return None


def _check_appended(df: Any, name: str, fs: Any, by: tuple[Any, ...]) -> None:
    """Refuse rows that do not fit into the files that are there."""
    with fs.open(name, "rb") as file:
        schema = pq.ParquetFile(file).schema_arrow
    old = {key: str(dtype) for key, dtype in schema.empty_table().to_pandas().dtypes.items()}
    new = {key: str(dtype) for key, dtype in df.dtypes.items() if key not in by}
    if old != new:
        differ = sorted({key for key, _ in old.items() ^ new.items()}, key=str)
        raise ValueError(
            f"cannot append to {name}: "
            + "; ".join(f"{k!r} is {old.get(k)} there and {new.get(k)} here" for k in differ)
            + ". Convert with astype, or write to another folder"
        )


def _next_number(there: Sequence[str]) -> int:
    """One more than the largest number in names like part.3.parquet."""
    found = [re.search(r"part\.(\d+)\.parquet$", name) for name in there]
    return max([int(one[1]) for one in found if one], default=len(there) - 1) + 1


@dataclasses.dataclass(frozen=True)
class _Finish:
    """Gives the files that were written their names, and removes those they replace."""

    fs: Any
    old: tuple[str, ...]

    def __call__(self, written: Sequence[Any]) -> None:
        pairs = [pair for pairs in written for pair in pairs]
        for temporary, name in pairs:
            self.fs.mv(temporary, name)
        for name in {*self.old} - {name for _, name in pairs}:
            self.fs.rm(name)


class WriteParquet(PartitionWise):
    """A frame's partitions written to files; not public."""

    __slots__ = ()
    fields = ("source", "fs", "names", "write_index", "by", "options")
    prefix = "to-parquet"
    has_parts = True

    @classmethod
    def title_of(cls, operands: tuple[Any, ...]) -> str:
        """What it does."""
        return cls.prefix

    @property
    def parts(self) -> Any:
        """Names of files."""
        return self.names

    def call(self) -> Apply:
        """Write one."""
        args = (self.source, Part(), self.fs, self.write_index, self.by, dict(self.options))
        return Apply(write_piece, args, title="write")

    def infer_meta(self) -> Any:
        """A pair of names."""
        return ("", "")

    def infer_divisions(self) -> tuple[Any, ...]:
        """The source's."""
        return (None,) * len(self.source.divisions)

    def needs(self, wanted: Columns) -> Iterator[tuple[FrameNode, Columns]]:
        """Everything."""
        yield self.source, ALL_COLUMNS

    def label(self) -> str:
        """How many files."""
        return f"WriteParquet({len(self.names)} files)"


def _folders(by: Sequence[Any], values: Sequence[Any]) -> str:
    """The folders of one group.

    >>> _folders(["a", "b"], [1, "x/y"])
    'a=1/b=x%2Fy'
    """
    return "/".join(f"{k}={quote(str(v), safe=' ')}" for k, v in zip(by, values, strict=True))


def write_piece(
    frame: Any, name: str, fs: Any, write_index: bool, by: tuple[Any, ...], how: Any
) -> list[tuple[str, str]]:
    """Write a partition under temporary names; gives them and the names to come."""
    folder, _, last = name.rpartition("/")
    groups = [(folder, frame)]
    if by:
        missing = frame[list(by)].isna().any()
        if missing.any():
            raise ValueError(
                f"column {missing.idxmax()!r} of partition_on has missing values, which have no "
                "folder; fill or drop them first"
            )
        groups = [
            (f"{folder}/{_folders(by, values)}", some.drop(columns=list(by)))
            for values, some in frame.groupby(list(by), observed=True, sort=False)
        ]
    out = []
    for place, some in groups:
        table = pa.Table.from_pandas(some, preserve_index=write_index)
        temporary = f"{place}/.{last}.tmp"
        fs.makedirs(place, exist_ok=True)
        with fs.open(temporary, "wb") as file:
            pq.write_table(table, file, **how)
        out.append((temporary, f"{place}/{last}"))
    return out
