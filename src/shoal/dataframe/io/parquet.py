"""Parquet, read by row groups, columns and filters.

`shoal.dataframe.io.parquet_plan` finds out what there is; `ReadParquet` is the node that rules give
columns and filters, and `read_piece` what its tasks call.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
import pyarrow.fs as pafs
import pyarrow.parquet as pq
from fsspec.implementations.arrow import ArrowFSWrapper
from fsspec.implementations.local import LocalFileSystem

from shoal.dataframe.collection.base import from_node, nearest
from shoal.dataframe.columnar.scan import NOT_A_TIME, Scan
from shoal.dataframe.io.parquet_known import column_bounds, count_values
from shoal.dataframe.io.parquet_labels import stored_labels
from shoal.dataframe.io.parquet_plan import (
    EXTENSIONS,
    MOST_FOOTERS,
    Conversion,
    Dataset,
    Piece,
    divisions_of,
    find,
    kept_pieces,
    rows_of_piece,
    typed_keys,
    without_empty_pieces,
)
from shoal.dataframe.io.parquet_scan import (
    scan_of_all,
    scan_of_none,
    scan_of_some,
    stored_dtypes,
)
from shoal.dataframe.kernels.filters import ANY, met_by, normalized, parts_of
from shoal.dataframe.kernels.reductions import concat_rows
from shoal.dataframe.nodes.base import Apply, Columns, FrameNode, Part, are_plain
from shoal.dataframe.nodes.sources import Source
from shoal.errors import ShoalError
from shoal.io.files import is_local

__all__ = ["ReadParquet", "SchemaError", "read_parquet"]


class SchemaError(ShoalError, ValueError):
    """A file's columns do not fit those of its data set.

    Examples
    --------
    >>> issubclass(SchemaError, ValueError)
    True
    """


WITHOUT_EFFECT = (
    *("read", "open_file_options", "gather_statistics", "infer_divisions", "read_from_paths"),
)
"""Arguments of Dask's, now or once, that say how, and not what, to read."""


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

    def infer_ndim(self) -> int:
        """A frame."""
        return 2

    def infer_names(self) -> tuple[Any, ...]:
        """Those that are read, where a name is one column."""
        names: tuple[Any, ...] | None = self.columns
        plain = names is not None and are_plain(self.dataset.column_names) and are_plain(names)
        return names if names is not None and plain else super().infer_names()

    def infer_dtypes(self) -> Mapping[Any, Any]:
        """The data set's of these."""
        if not are_plain(self.dataset.column_names):
            return super().infer_dtypes()
        return {name: self.dataset.column_dtypes[name] for name in self.column_names}

    @property
    def parts(self) -> Sequence[tuple[Piece, ...]]:
        """The pieces of each partition."""
        partitions: Sequence[tuple[Piece, ...]] = self.dataset.partitions
        return partitions

    def call(self) -> Apply:
        """Read a partition."""
        columns = tuple(self.meta.columns)
        args = (Part(), self.dataset, columns, self.filters)
        return Apply(read_pieces, args, title="read-parquet")

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
        if column in self.dataset.partition_columns or not self.dataset.conversion.plain:
            return False
        if not isinstance(self.dataset.meta.dtypes[column], np.dtype | pd.StringDtype):
            return False
        field = self.dataset.schema.field(column).type
        if isinstance(value, bool | np.bool_):
            return bool(pa.types.is_boolean(field))
        if isinstance(value, int | np.integer) and pa.types.is_uint64(field):
            return bool(0 <= value < 2**64) and column not in self.dataset.holed
        if isinstance(value, int | np.integer) and pa.types.is_integer(field):
            # Beyond 2**53 floats, which the numbers become, are equal that differ in the file.
            whole = column not in self.dataset.holed
            return abs(int(value)) < (2**63 if whole else 2**53)
        if isinstance(value, int | np.integer) and abs(int(value)) > 2**53:
            return False
        if isinstance(value, int | float | np.integer | np.floating):
            # pandas rounds the value to a narrower column's type before it compares; Arrow widens
            # the column, and fails where integers are too large for the float it compares them as.
            return bool(pa.types.is_float64(field)) and value == value
        if isinstance(value, str):
            return bool(pa.types.is_string(field) or pa.types.is_large_string(field))
        if isinstance(value, pd.Timestamp | np.datetime64):
            return pa.types.is_timestamp(field) and field.tz is None and _has(field.unit, value)
        return False

    def accepts_missing(self, column: Any) -> bool:
        """Whether what is missing in the files is what pandas says is missing.

        Parameters
        ----------
        column
            Its name.
        """
        if column in self.dataset.partition_columns or not self.dataset.conversion.plain:
            return False
        return isinstance(self.dataset.meta.dtypes[column], np.dtype | pd.StringDtype)

    def accepts_member(self, column: Any, value: Any) -> bool:
        """Whether Arrow finds a value among others as pandas' ``isin`` does.

        Parameters
        ----------
        column
            Its name.
        value
            One of those that are looked for.
        """
        if type(value) not in (int, float, str) or not self.accepts_value(column, value):
            return False
        field = self.dataset.schema.field(column).type
        if type(value) is int:
            return bool(pa.types.is_int64(field)) and abs(value) < 2**63
        return bool(pa.types.is_float64(field)) or type(value) is str

    def with_filters(self, filters: Sequence[Any]) -> ReadParquet:
        """The same with more filters.

        Parameters
        ----------
        filters
            To be met as well: for each, lists of triples, of one of which all have to hold.
        """
        told: list[Any] = []
        for groups in filters:
            told += groups[0] if len(groups) == 1 else [(None, ANY, groups)]
        return self.replace(filters=(*self.filters, *told))

    def count_rows(self, with_filters: bool = False) -> int | None:
        """How many rows there are, from the footers; None if filters leave some out.

        Parameters
        ----------
        with_filters
            Count those that filters leave out, too.
        """
        data: Dataset = self.dataset
        if with_filters:
            return data.rows_found
        return None if self.filters else data.count_rows()

    def count_parts(self) -> list[int] | None:
        """How many rows each partition has, from the footers; None if filters leave some out."""
        if self.filters or len(self.dataset.pieces) > MOST_FOOTERS:
            return None
        footers: dict[str, Any] = {}
        return [
            sum(rows_of_piece(self.dataset, piece, footers) for piece in pieces)
            for pieces in self.dataset.partitions
        ]

    def column_bounds(self, columns: Sequence[Any]) -> Any:
        """The least and the largest value of some columns, from the footers.

        Parameters
        ----------
        columns
            Names.

        Returns
        -------
        A frame of two rows; None where they are not known.
        """
        return None if self.filters else column_bounds(self.dataset, columns)

    def count_values(self, columns: Sequence[Any]) -> Any:
        """How many values of some columns are not missing, from the footers.

        Parameters
        ----------
        columns
            Names.

        Returns
        -------
        A series, by column; None where they are not known.
        """
        return None if self.filters else count_values(self.dataset, columns)

    def scan(self) -> Scan | str:
        """What the columnar kernel reads of all files together; or why it cannot."""
        return scan_of_all(self.dataset, self.meta.columns, self.filters)

    @property
    def stored_dtypes(self) -> Mapping[Any, Any]:
        """The dtypes of columns and of the index, by the names that files have for them."""
        return stored_dtypes(self.dataset)

    def scan_partition(self, pieces: Sequence[Piece] | None, labels: bool) -> Scan | str:
        """What the columnar kernel reads of a partition; or why it cannot.

        Parameters
        ----------
        pieces
            Of the partition; None to see whether one could be read, without looking into files.
        labels
            Whether the labels of rows are wanted.
        """
        data, columns, index = self.dataset, self.meta.columns, self.dataset.index if labels else ()
        if pieces is None:
            return scan_of_none(data, columns, self.filters, index)
        return scan_of_some(data, pieces, columns, self.filters, index)

    def label(self) -> str:
        """Columns and filters."""
        told = "".join(
            f", any of {value!r}" if op == ANY else f", {column} {op} {value!r}"
            for column, op, value in self.filters
        )
        return f"ReadParquet({len(self.dataset.partitions)} pieces{self.told()}{told})"


def read_pieces(
    pieces: Sequence[Piece], data: Dataset, columns: tuple[Any, ...], filters: tuple[Any, ...]
) -> Any:
    """Read some columns and rows of a partition."""
    if len(pieces) == 1:
        return read_piece(pieces[0], data, columns, filters)
    frame = concat_rows([read_piece(piece, data, columns, filters) for piece in pieces])
    return frame if data.index else frame.reset_index(drop=True)


def read_piece(
    piece: Piece, data: Dataset, columns: tuple[Any, ...], filters: tuple[Any, ...]
) -> Any:
    """Read some columns and rows of a piece.

    Row groups whose statistics exclude all their rows are not read.
    """
    arrow = (
        pafs.LocalFileSystem()
        if is_local(data.fs)
        else pafs.PyFileSystem(pafs.FSSpecHandler(data.fs))
    )
    keys = typed_keys(piece.path, data)
    names = [name for name in columns if name not in data.partition_columns]
    stored = [*names, *(name for name in data.index if name not in names)]
    where = _expression(filters, keys, data.schema)
    plain = data.schema
    if data.partition_columns:
        kept = [field for field in data.schema if field.name not in data.partition_columns]
        plain = pa.schema(kept, metadata=data.schema.metadata)
    try:
        fragment = pads.ParquetFileFormat().make_fragment(piece.path, filesystem=arrow)
        if piece.row_groups is not None:
            # Given to `make_fragment` they are read in the order of a set: 8, 6, 7.
            fragment = fragment.subset(row_group_ids=list(piece.row_groups))
        asked = [one[0] for groups in parts_of(filters) for g in groups for one in g]
        read = dict.fromkeys([*stored, *(name for name in asked if name in plain.names)])
        _check_schema(fragment.physical_schema, piece, data, read)
        if data.conversion.plain:
            plain = _with_own_decimals(plain, fragment.physical_schema)
        table = fragment.to_table(schema=plain, columns=stored, filter=where, use_threads=False)
    except (pa.ArrowException, OSError, NotImplementedError) as error:
        _explain_schema(piece, data, stored, error)
        error.add_note(f"while reading {piece.path}, row groups {piece.row_groups or 'all'}")
        raise
    if stored:
        table = table.replace_schema_metadata(data.schema.metadata)
        frame = data.frame(table)
    else:
        # Neither Arrow nor pandas would keep the number of rows.
        frame = pd.DataFrame(index=pd.RangeIndex(table.num_rows))
    for name in data.partition_columns:
        if name in columns:
            frame[name] = data.key_values(name, keys.get(name), len(frame))
    frame = frame[list(columns)]
    _check_dtypes(frame, piece, data)
    return frame


def _with_own_decimals(schema: Any, there: Any) -> Any:
    """A schema whose decimals are as precise as the file's: to pandas they are objects anyway.

    Writers make them as precise as the values of each file are.
    """
    for i, field in enumerate(schema):
        if pa.types.is_decimal(field.type) and field.name in there.names:
            own = there.field(field.name).type
            schema = schema.set(i, field.with_type(own)) if pa.types.is_decimal(own) else schema
    return schema


def _check_schema(there: Any, piece: Piece, data: Dataset, names: Iterable[Any]) -> None:
    """Refuse a file without a column, or with one of another kind, which Arrow may convert.

    Arrow makes numbers of text such as "1", and missing values of what is not there.
    """
    for name in names:
        wanted = data.schema.field(name).type
        if name not in there.names:
            raise SchemaError(
                f"column {name!r} is not there in {piece.path}, and {wanted} in {_first(data)}, by "
                f"which the data set is read; leave the column out with columns=, or read the "
                "files apart"
            )
        found = there.field(name).type
        if len({_kind(found), _kind(wanted), None}) > 2:
            raise _misfit(name, found, wanted, piece, data)


def _kind(type_: Any) -> str | None:
    """What values of an Arrow type are: None if there are none."""
    if pa.types.is_dictionary(type_):
        return _kind(type_.value_type)
    if pa.types.is_null(type_):
        return None
    for kind, is_kind in KINDS.items():
        if is_kind(type_):
            return kind
    return str(type_)


KINDS: Mapping[str, Callable[[Any], bool]] = {
    "text": lambda t: pa.types.is_string(t) or pa.types.is_large_string(t),
    "bool": pa.types.is_boolean,
    "number": lambda t: pa.types.is_integer(t) or pa.types.is_floating(t) or pa.types.is_decimal(t),
    "time in a zone": lambda t: pa.types.is_timestamp(t) and t.tz is not None,
    "time": pa.types.is_temporal,
    "nested": pa.types.is_nested,
    "bytes": lambda t: pa.types.is_binary(t) or pa.types.is_large_binary(t),
}
"""Kinds of columns; what is of one kind may be read as another type of it."""


def _first(data: Dataset) -> str:
    return data.pieces[0].path


def _misfit(name: Any, found: Any, wanted: Any, piece: Piece, data: Dataset) -> SchemaError:
    return SchemaError(
        f"column {name!r} of {piece.path} is {found}, and {wanted} in {_first(data)}, by which the "
        f"data set is read; write the file again with {name!r} as {wanted}, leave the column out "
        "with columns=, or read the files apart and convert with astype"
    )


def _explain_schema(piece: Piece, data: Dataset, names: Sequence[Any], error: Exception) -> None:
    """Raise a `SchemaError` if a column of the file has another type than the data set."""
    try:
        with data.fs.open(piece.path, "rb") as file:
            there = pq.ParquetFile(file).schema_arrow
    except (pa.ArrowException, OSError):
        return
    for name in names:
        wanted = data.schema.field(name).type
        if name in there.names and there.field(name).type != wanted:
            raise _misfit(name, there.field(name).type, wanted, piece, data) from error


def _check_dtypes(frame: Any, piece: Piece, data: Dataset) -> None:
    """Refuse missing values in columns whose dtype has none.

    Of files without statistics, and of very many, it is not known beforehand which columns of whole
    numbers and booleans have nulls, which pandas holds as floats or objects.
    """
    wanted = data.meta.dtypes
    for name in frame.columns:
        have, want = frame.dtypes[name], wanted[name]
        if have == want or not isinstance(want, np.dtype) or want.kind not in "iub":
            continue
        if not len(frame):
            frame[name] = frame[name].astype(want)
            continue
        raise SchemaError(
            f"column {name!r} has missing values in {piece.path}, row groups "
            f"{piece.row_groups or 'all'}: found {have}, and {want} is wanted, as in "
            f"{_first(data)}; pass dtype_backend='numpy_nullable', or leave the column out with "
            "columns="
        )


def _expression(filters: Sequence[Any], keys: dict[str, Any], schema: Any) -> Any:
    """All of some filters as Arrow has them; those on keys of the paths are decided here."""
    out = None
    for groups in parts_of(filters):
        left = met_by(groups, keys)
        if left == []:
            continue
        one = pc.scalar(False) if left is None else _any_of(left, schema)
        out = one if out is None else out & one
    return out


def _any_of(groups: Sequence[Sequence[Any]], schema: Any) -> Any:
    out = None
    for group in groups:
        every = None
        for column, op, value in group:
            one = _condition(column, op, value, schema.field(column).type)
            every = one if every is None else every & one
        out = every if out is None else out | every
    return out


def _has(unit: Any, moment: Any) -> bool:
    """Whether a moment is one of those that there are in a unit."""
    try:
        return bool(pd.Timestamp(moment).as_unit(unit, round_ok=False) == moment)
    except ValueError:  # it is between two, or out of bounds
        return False


def _exactly(value: Any, kind: Any) -> Any:
    """What a column is compared with as Arrow has it.

    By itself it cuts moments at microseconds, and looks for large numbers among smaller ones.
    """
    if isinstance(value, np.datetime64):
        value = pd.Timestamp(value)  # of units that Arrow has, too
    if isinstance(value, pd.Timestamp):
        return pa.scalar(value, pa.timestamp(value.unit, value.tz))
    if pa.types.is_uint64(kind) and isinstance(value, int | np.integer) and value >= 0:
        return pa.scalar(int(value), kind)
    return value


def _condition(column: Any, op: str, value: Any, kind: Any) -> Any:
    """A filter as Arrow has it, in whose files one of the moments may stand for a missing one."""
    missing = pc.field(column).is_null(nan_is_null=True)
    there: Any = pc.scalar(True)
    if pa.types.is_timestamp(kind):
        there = pc.field(column) != pa.scalar(NOT_A_TIME, pa.int64()).cast(kind)
        missing = missing | pc.coalesce(~there, pc.scalar(False))
    if op in ("is", "is not"):
        return ~missing if op == "is not" else missing
    many = op in ("in", "not in")
    value = [_exactly(one, kind) for one in value] if many else _exactly(value, kind)
    one = pq.filters_to_expression([[(column, op, value)]])
    if not pa.types.is_timestamp(kind):
        return one
    if op == "not in":
        return one | missing
    return one & there if op in ("<", "<=", "!=") else one


def read_parquet(
    path: Any,
    columns: Any = None,
    filters: Any = None,
    categories: Any = None,
    index: Any = None,
    storage_options: Any = None,
    dtype_backend: Any = None,
    calculate_divisions: bool = False,
    ignore_metadata_file: bool = False,
    metadata_task_size: Any = None,
    split_row_groups: bool | int | str = "infer",
    blocksize: Any = "256 MiB",
    aggregate_files: Any = None,
    parquet_file_extension: Any = EXTENSIONS,
    filesystem: Any = None,
    engine: Any = None,
    arrow_to_pandas: Any = None,
    dataset: Any = None,
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
        which rows must meet one; operators are <, <=, >, >=, ==, !=, in, not in, is and is not.
        They may be on columns that are in the paths.
    categories
        Columns that become categorical.
    index
        The column that becomes the index, or several; False for none.  By default those that
        pandas stored.
    storage_options
        Of the file system.
    dtype_backend
        "numpy_nullable" or "pyarrow", for other than pandas' default dtypes.
    calculate_divisions
        Find out the bounds of the index from the footers of all files.
    split_row_groups
        True: a partition a row group; a number: so many of them; False: a partition a file;
        "infer": by ``blocksize``.
    blocksize
        How large a partition may be, in bytes.
    parquet_file_extension
        Endings of the files in a folder that are read; None for all.
    aggregate_files
        True: a partition may have rows of several files, up to ``blocksize`` bytes or
        ``split_row_groups`` row groups; the name of a column that is in the paths: only of files
        whose keys are the same up to that column.
    filesystem
        A file system of fsspec or pyarrow that has the files.
    engine
        "auto" or "pyarrow", which are the same.
    arrow_to_pandas
        Options of `pyarrow.Table.to_pandas`.
    dataset
        ``{"partitioning": {"schema": ...}}``: the Arrow types of columns that are in the paths.
    ignore_metadata_file, metadata_task_size, **kwargs
        Accepted for programs written for Dask, as are those of its ``read`` and
        ``open_file_options``.

    Raises
    ------
    NoFilesError
        There are none.
    TypeError
        There is no such argument, or a filter compares a column with a value of another kind.
    SchemaError
        When computed: a column of a file has another type, or missing values in whole numbers of
        which the first file, or pandas who wrote it, says that there are none.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> from_dict({"x": [1, 2], "y": [3, 4]}, npartitions=2).to_parquet(folder)
    >>> read_parquet(folder, columns=["y"]).compute().y.tolist()
    [3, 4]
    """
    _check_arguments(engine, kwargs)
    told = tuple(sorted((arrow_to_pandas or {}).items()))
    names = tuple(categories or ())
    data, footers = find(
        path,
        index,
        split_row_groups,
        blocksize,
        filesystem=as_fsspec(filesystem),
        extensions=parquet_file_extension,
        key_schema=((dataset or {}).get("partitioning") or {}).get("schema"),
        conversion=Conversion(dtype_backend, names, told),
        together=aggregate_files,
        options=storage_options or {},
    )
    stored = stored_labels(data.schema, data.index, data.partition_columns)
    wanted = stored.names([columns] if isinstance(columns, str) else columns)
    if wanted is not None and index is None and set(data.index) & set(wanted):
        # A stored index that is asked for as a column is one.
        data = _with_index(data, tuple(name for name in data.index if name not in wanted))
    _check_names(data, wanted, names)
    rows = normalized(stored.filters(filters))
    _check_filtered(rows, data)
    bounded = calculate_divisions and bool(data.index)
    data = kept_pieces(data, rows, footers, narrow=bounded)
    known = None
    if bounded:
        data = without_empty_pieces(data, footers)
        known = divisions_of(data, footers)
    divisions = known or (None,) * (len(data.partitions) + 1)
    chosen = None if wanted is None else tuple(wanted)
    out = stored.restored(from_node(ReadParquet(data, chosen, rows, divisions)))
    return out[columns] if isinstance(columns, str) else out


def _with_index(data: Dataset, index: tuple[str, ...]) -> Dataset:
    return dataclasses.replace(data, index=index)


def _check_arguments(engine: Any, more: Iterable[str]) -> None:
    """Refuse arguments that there are not: a misspelt filter would be none."""
    check_engine(engine)
    for name in more:
        if name not in WITHOUT_EFFECT:
            near = nearest(name, inspect.signature(read_parquet).parameters)
            raise TypeError(f"read_parquet() has no argument {name!r}{near}")


def check_engine(engine: Any) -> None:
    """Refuse an engine that there is not.

    Parameters
    ----------
    engine
        A name, or None.

    Examples
    --------
    >>> check_engine("pyarrow")
    """
    if engine not in (None, "auto", "pyarrow"):
        raise ValueError(f'Unsupported engine: "{engine}"; there is "pyarrow", also called "auto"')


def as_fsspec(filesystem: Any) -> Any:
    """A file system as fsspec has it; None for the one that a path names.

    Parameters
    ----------
    filesystem
        Of fsspec or pyarrow; "fsspec" and "arrow" mean None.

    Examples
    --------
    >>> as_fsspec("fsspec")
    """
    if filesystem is None or filesystem in ("fsspec", "arrow", "pyarrow"):
        return None
    if isinstance(filesystem, pafs.FileSystem):
        local = isinstance(filesystem, pafs.LocalFileSystem)
        return LocalFileSystem() if local else ArrowFSWrapper(filesystem)
    return filesystem


def _check_names(data: Dataset, columns: Any, categories: tuple[Any, ...]) -> None:
    known = data.meta.columns
    for name in columns or ():
        if name not in known:
            raise KeyError(f"[{name!r}] not in the columns{nearest(name, known)}")
    for name in categories:
        if name not in known:
            raise ValueError(f"categories has {name!r}, which is no column{nearest(name, known)}")


def _check_filtered(filters: tuple[Any, ...], data: Dataset) -> None:
    for groups in parts_of(filters):
        for name, op, value in (one for group in groups for one in group):
            if name not in data.schema.names:
                raise KeyError(f"filter on {name!r}, no column{nearest(name, data.schema.names)}")
            if name in data.partition_columns:
                _check_key(name, value, data)
            elif op not in ("is", "is not"):
                _check_compared(name, op, value, data)


def _check_compared(name: str, op: str, value: Any, data: Dataset) -> None:
    """Refuse what Arrow cannot compare with a column, before any file is read for it."""
    field = data.schema.field(name)
    try:
        rows = pads.dataset(pa.schema([field]).empty_table())
        rows.to_table(filter=_any_of([[(name, op, value)]], data.schema))
    except (pa.ArrowInvalid, pa.ArrowTypeError, NotImplementedError, OverflowError) as error:
        raise TypeError(
            f"filter on {name!r} compares {field.type} with {value!r}, which Arrow cannot do "
            f"({error}); give a value of the column's type, or filter the frame"
        ) from error


def _check_key(name: str, value: Any, data: Dataset) -> None:
    """Refuse numbers where folders are named by text, and the other way: they equal none."""
    kind = data.schema.field(name).type
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    values = value if isinstance(value, tuple | list | set | frozenset) else (value,)
    if pa.types.is_integer(kind) and any(isinstance(one, str) for one in values):
        raise ValueError(
            f"filter on {name!r} compares with text, {value!r}, but its folders are named by whole "
            f"numbers ({kind}); compare with numbers"
        )
    if pa.types.is_string(kind) and any(isinstance(one, int | float) for one in values):
        some = typed_keys(data.pieces[0].path, data)[name]
        raise TypeError(
            f"filter on {name!r} compares with {value!r}, but its folders are named by text such "
            f"as {some!r}; compare with text, or write whole numbers"
        )
