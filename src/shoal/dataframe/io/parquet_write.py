"""Parquet, written so that it is there whole or not at all.

Every partition is written under a temporary name (`shoal.io.staging`); when all are there, one task
gives the files their names and removes those that they replace.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from shoal.collection import compute as compute_all
from shoal.dataframe.collection.base import FrameBase, from_node, nearest
from shoal.dataframe.io.parquet import SchemaError, as_fsspec, check_engine
from shoal.dataframe.io.parquet_labels import flat_names, several_levels, with_levels
from shoal.dataframe.io.parquet_plan import (
    NO_KEY,
    bounds_of,
    in_natural_order,
    is_data,
)
from shoal.dataframe.nodes.base import ALL_COLUMNS, Apply, Columns, FrameNode, Part, PartitionWise
from shoal.dataframe.nodes.rowwise import Rename
from shoal.delayed import delayed
from shoal.io.files import is_local, resolve_paths
from shoal.io.staging import (
    Staged,
    discard,
    new_mark,
    publish,
    record_of,
    settle,
    staged,
    staged_name,
)

__all__ = ["to_parquet"]


def to_parquet(
    df: Any,
    path: Any,
    compression: Any = "snappy",
    write_index: bool = True,
    append: bool = False,
    overwrite: bool = False,
    ignore_divisions: bool = False,
    partition_on: Any = None,
    storage_options: Any = None,
    custom_metadata: Any = None,
    write_metadata_file: bool | None = None,
    compute: bool = True,
    compute_kwargs: Any = None,
    schema: Any = "infer",
    name_function: Any = None,
    filesystem: Any = None,
    engine: Any = None,
    **kwargs: Any,
) -> Any:
    """Write a frame to a folder, a file a partition.

    Files are written under temporary names and take their own when all are there, so a failed
    write leaves what was there before.  A process that is killed while they take their names leaves
    a record of what is to be done: `read_parquet` of the folder has all of the new files, or none,
    and the next write finishes what was begun.

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
    append
        Whether to add to the files that are there; they must have the same columns and dtypes.
    overwrite
        Whether files that are there already are replaced.
    ignore_divisions
        Append although the index overlaps with what is there.
    partition_on
        A column or several, whose values become folders (``column=value``).
    storage_options
        Of the file system.
    custom_metadata
        Text by name, for the footers.
    write_metadata_file
        Whether to write ``_metadata``, the footers of all files together.
    compute
        False for a lazy result.
    compute_kwargs
        Of `shoal.compute`.
    schema
        An Arrow schema, or types by column where dtypes do not tell.
    name_function
        ``name_function(i)``: the name of a file.
    filesystem
        A file system of fsspec or pyarrow.
    engine
        "auto" or "pyarrow", which are the same.
    **kwargs
        Of `pyarrow.parquet.write_table`.

    Raises
    ------
    ValueError
        Both ``append`` and ``overwrite``, or what is appended does not fit.
    SchemaError
        When computed: a partition does not fit the schema.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> import os, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> to_parquet(from_dict({"x": [1, 2]}, npartitions=2), folder)
    >>> sorted(os.listdir(folder))
    ['part.0.parquet', 'part.1.parquet']
    """
    check_engine(engine)
    given = as_fsspec(filesystem)
    if given is None:
        fs, (folder,) = resolve_paths(str(path), **(storage_options or {}))
    else:
        fs, folder = given, given._strip_protocol(str(path))
    folder = folder.rstrip("/")
    labels = df._meta.columns
    df = _with_flat_labels(df, partition_on)
    by = _checked_keys(df, partition_on, write_index)
    settle(fs, folder)
    there = _there(fs, folder)
    if append and overwrite:
        raise ValueError("append=True and overwrite=True exclude each other")
    if overwrite:
        _check_overwritten(df, fs, folder)
    if append and there:
        _check_appended(df, there, fs, by, write_index, ignore_divisions)
    fs.makedirs(folder, exist_ok=True)
    told = fs.exists(f"{folder}/_metadata")
    first = _next_number(there) if append else 0
    names = [f"{folder}/{name}" for name in _names(name_function, first, df.npartitions)]
    with_metadata = (append and told) if write_metadata_file is None else write_metadata_file
    how = {"compression": compression, **kwargs}
    types = _types(df, schema, by, write_index)
    custom = dict(custom_metadata or {})
    spec = Writing(fs, write_index, by, how, types, custom, with_metadata, several_levels(labels))
    written = from_node(WriteParquet(df._node, tuple(names), spec))
    stale = [f"{folder}/{name}" for name in ("_metadata", "_common_metadata")] if told else []
    replaced = (*there, *stale) if overwrite else ()
    finished = _Finish(fs, folder, replaced, with_metadata, append, spec.mark)
    whole = delayed(finished)(FrameBase.to_delayed(written))
    if not compute:
        return whole
    try:
        compute_all(whole, **(compute_kwargs or {}))
    except BaseException:
        discard(fs, [folder], spec.mark)
        raise
    return None


def _there(fs: Any, folder: str) -> list[str]:
    """The files of data in a folder."""
    if not fs.exists(folder):
        return []
    fs.invalidate_cache(folder)
    found = [name for name in fs.find(folder) if is_data(name[len(folder) :], None)]
    return sorted(found, key=in_natural_order)


def _with_flat_labels(df: Any, partition_on: Any) -> Any:
    """A frame with columns of one level, called as pandas calls those of several in a file."""
    labels = several_levels(df._meta.columns)
    if labels is None:
        return df
    remedy = "; df.columns = df.columns.map('_'.join) makes one level of them"
    for level in zip(*labels, strict=True):
        if not any(all(isinstance(one, kind) for one in level) for kind in (str, int)):
            raise ValueError(
                "columns of several levels are written where each level is text or whole numbers; "
                f"got {list(dict.fromkeys(level))[:4]}{remedy}"
            )
    if partition_on is not None:
        raise ValueError(f"partition_on takes columns of one level{remedy}")
    return from_node(Rename(df._node, tuple(labels), flat_names(labels)))


def _checked_keys(df: Any, partition_on: Any, write_index: bool) -> tuple[Any, ...]:
    by = () if partition_on is None else partition_on
    by = (by,) if isinstance(by, str) else tuple(by)
    for name in by:
        if name not in df.columns:
            raise KeyError(f"{name!r} in partition_on is no column{nearest(name, df.columns)}")
        if isinstance(name, str) and ("/" in name or "=" in name):
            raise ValueError(
                f"partition_on={name!r}: folders are called column=value, so a name with / or = "
                "would not be read back; rename the column"
            )
    if by and len(by) == len(df.columns) and not write_index:
        raise ValueError("partition_on takes some columns, not all: no column would be left")
    others = [name for name in df.columns if not isinstance(name, str)]
    if others:
        raise ValueError(
            f"parquet doesn't support non-string column names; rename {others[0]!r}, as "
            "df.rename(columns=str) does"
        )
    if not df.columns.is_unique:
        twice = df.columns[df.columns.duplicated()][0]
        raise ValueError(f"column {twice!r} is there more than once; give each a name of its own")
    if df._meta.index.name in df.columns:
        raise ValueError(
            f"the index and a column are both called {df._meta.index.name!r}; rename one of them"
        )
    return by


def _check_overwritten(df: Any, fs: Any, folder: str) -> None:
    """Refuse to remove what the program stands in, or what it is about to read."""
    here = fs._strip_protocol(".").rstrip("/") if is_local(fs) else None
    if here is not None and (folder == here or here.startswith(folder + "/")):
        raise ValueError(f"overwrite=True would clear {folder}, the current working directory")
    stack = [df._node]
    while stack:
        node = stack.pop()
        data = getattr(node, "dataset", None) if "dataset" in node.fields else None
        if data is not None and any(piece.path.startswith(folder + "/") for piece in data.pieces):
            raise ValueError(
                f"Cannot overwrite a path that is read in the same computation: {folder}; write to "
                "another folder, or persist() first"
            )
        stack += getattr(node, "frames", ())


def _check_appended(
    df: Any, there: Sequence[str], fs: Any, by: Any, write_index: bool, ignore: bool
) -> None:
    """Refuse rows that do not fit into the files that are there."""
    with fs.open(there[0], "rb") as file:
        schema = pq.ParquetFile(file).schema_arrow
    old = {
        key: str(dtype)
        for key, dtype in schema.empty_table().to_pandas(ignore_metadata=True).dtypes.items()
    }
    new = _empty_table(df._meta.drop(columns=list(by)), write_index).to_pandas(ignore_metadata=True)
    have = {key: str(dtype) for key, dtype in new.dtypes.items()}
    if set(old) != set(have):
        differ = sorted(set(old) ^ set(have), key=str)
        unnamed = [name for name in differ if str(name).startswith("__index_level_")]
        first = "pass write_index=False, " if unnamed and set(unnamed) <= set(have) else ""
        raise ValueError(
            "Appended columns not the same.\n"
            f"Previous: {list(old)} in {there[0]}\nNew: {list(have)}\n"
            f"only on one side: {differ}; {first}select or rename columns, or write to "
            "another folder"
        )
    loose = ("object", "category")
    clash = [k for k in old if old[k] != have[k] and old[k] not in loose and have[k] not in loose]
    if clash:
        told = "; ".join(f"{k!r} is {old[k]} there and {have[k]} here" for k in clash)
        raise ValueError(
            f"Appended dtypes differ from those of {there[0]}: {told}. Convert with astype, or "
            "write to another folder"
        )
    if not ignore and write_index and df.known_divisions:
        _check_order(df, there, fs)


def _empty_table(meta: Any, write_index: bool) -> Any:
    return pa.Table.from_pandas(meta, preserve_index=write_index)


def _check_order(df: Any, there: Sequence[str], fs: Any) -> None:
    name = df._meta.index.name or "__index_level_0__"
    ends = []
    for one in there:
        with fs.open(one, "rb") as file:
            found = bounds_of(pq.ParquetFile(file).metadata, None, name)
        if found is None:
            return
        ends.append(found)
    if any(a[1] > b[0] for a, b in itertools.pairwise(ends)):
        return  # what is there is in no order that could be broken
    last = ends[-1][1]
    try:
        overlaps = df.divisions[0] <= last
    except TypeError:
        return
    if overlaps:
        raise ValueError(
            "The divisions of the appended dataframe overlap with previously written divisions: "
            f"it begins with {df.divisions[0]!r}, and {last!r} is there; pass "
            "ignore_divisions=True to append all the same"
        )


def _next_number(there: Sequence[str]) -> int:
    """One more than the largest number in names like part.3.parquet."""
    found = [re.search(r"part\.(\d+)\.parquet$", name) for name in there]
    return max([int(one[1]) for one in found if one], default=len(there) - 1) + 1


def _names(name_function: Any, first: int, count: int) -> list[str]:
    if name_function is None:
        return [f"part.{i}.parquet" for i in range(first, first + count)]
    if not callable(name_function):
        raise ValueError(
            f"``name_function`` must be a callable with one argument. Got {name_function!r}"
        )
    names = [name_function(i) for i in range(first, first + count)]
    if len(set(names)) < count:
        raise ValueError(
            f"``name_function`` must produce unique filenames. Got {sorted(names)[:4]} ..."
        )
    return names


def _types(df: Any, schema: Any, by: Any, write_index: bool) -> Any:
    """Arrow types by column, where they are known before anything is written."""
    if schema is None:
        return {}
    if isinstance(schema, pa.Schema):
        # Values of these columns are in names of folders, and not in the files.
        kept = [field for field in schema if field.name not in by]
        return pa.schema(kept, metadata=schema.metadata)
    meta = df._meta.drop(columns=list(by))
    told = _empty_table(meta, write_index).schema
    known = {
        field.name: field.type
        for field in told
        if not pa.types.is_null(field.type) and not pa.types.is_dictionary(field.type)
    }
    objects = {name for name, dtype in meta.dtypes.items() if dtype.kind == "O"}
    known = {name: kind for name, kind in known.items() if name not in objects}
    return {**known, **({} if isinstance(schema, str) else dict(schema))}


@dataclasses.dataclass(frozen=True)
class Writing:
    """How partitions are written; not public."""

    fs: Any
    write_index: bool
    by: tuple[Any, ...]
    how: Mapping[str, Any]
    types: Any
    metadata: Mapping[str, Any]
    footers: bool
    levels: Any = None
    mark: str = dataclasses.field(default_factory=new_mark)

    def open(self, path: str) -> Any:
        """A file to be written.

        Arrow writes in hundreds of pieces, each of which takes the interpreter's lock where the
        file is Python's.
        """
        return pa.OSFile(path, "wb") if is_local(self.fs) else self.fs.open(path, "wb")

    def table(self, frame: Any, name: str) -> Any:
        """A partition as Arrow's table, with the types that are known."""
        index = self.write_index
        try:
            schema = self.types or None
            if schema is not None and not isinstance(schema, pa.Schema):
                told = pa.Schema.from_pandas(frame, preserve_index=index)
                fields = [field.with_type(schema.get(field.name, field.type)) for field in told]
                schema = pa.schema(fields, metadata=told.metadata)
            # With more threads, Arrow would start them for each table.
            table = pa.Table.from_pandas(frame, schema, preserve_index=index, nthreads=1)
            return table if self.levels is None else with_levels(table, self.levels)
        except (pa.ArrowException, KeyError) as error:
            raise SchemaError(self._misfit(frame, name, error)) from error

    def _misfit(self, frame: Any, name: str, error: Exception) -> str:
        types = self.types
        wanted = (
            {field.name: field.type for field in types}
            if isinstance(types, pa.Schema)
            else dict(types)
        )
        have = pa.Table.from_pandas(frame, preserve_index=self.write_index).schema
        lines = "".join(
            f"\n  found {field.name}: {field.type}, expected {field.name}: {wanted[field.name]}"
            for field in have
            if field.name in wanted and field.type != wanted[field.name]
        )
        return (
            "Failed to convert partition to expected pyarrow schema: "
            f"{error}\nfor {name}:{lines}\nConvert the column with astype before to_parquet, or "
            "pass schema= with the type that fits all partitions"
        )

    def finished(self, table: Any) -> Any:
        """The table with what the user wants in the footer."""
        if not self.metadata:
            return table
        told = {_bytes(key): _bytes(value) for key, value in self.metadata.items()}
        if b"pandas" in told:
            raise ValueError(
                "User-defined key/value metadata (custom_metadata) can not contain a b'pandas' "
                "key. This key is reserved by pandas, and overwriting the corresponding value can "
                "render the entire dataset unreadable"
            )
        return table.replace_schema_metadata({**(table.schema.metadata or {}), **told})


def _bytes(text: Any) -> bytes:
    return text if isinstance(text, bytes) else str(text).encode()


@dataclasses.dataclass(frozen=True)
class _Finish:
    """Gives the files that were written their names, and removes those they replace."""

    fs: Any
    folder: str
    old: tuple[str, ...]
    with_metadata: bool
    append: bool
    mark: str

    def __call__(self, written: Sequence[Any]) -> None:
        pieces = [piece for some in written for piece in some]
        record = record_of(self.folder, self.mark)
        publish(self.fs, [file for file, _ in pieces], self.old, record)
        self.fs.invalidate_cache(self.folder)
        if self.with_metadata:
            self._write_metadata([footer for _, footer in pieces if footer is not None])

    def _write_metadata(self, footers: list[Any]) -> None:
        place = f"{self.folder}/_metadata"
        if self.append and self.fs.exists(place):
            with self.fs.open(place, "rb") as file:
                before = pq.read_metadata(file)
            # This may have run before, on a worker that was lost.
            known = {_file_of(before, i) for i in range(before.num_row_groups)}
            new = [one for one in footers if one.num_row_groups and _file_of(one, 0) not in known]
            footers = [before, *new]
        whole = footers[0]
        for footer in footers[1:]:
            try:
                whole.append_row_groups(footer)
            except RuntimeError as error:
                one, other = (f.schema.to_arrow_schema() for f in (whole, footer))
                unlike = [field.name for field in one if field not in list(other)]
                raise ValueError(
                    f"{place} has one schema for all files, and columns {unlike} have other types "
                    "in some, as objects without any value do; pass schema= with their types, or "
                    "write_metadata_file=False"
                ) from error
        with self.fs.open(place, "wb") as file:
            whole.write_metadata_file(file)
        with self.fs.open(f"{self.folder}/_common_metadata", "wb") as file:
            pq.write_metadata(whole.schema.to_arrow_schema(), file)


def _file_of(footer: Any, row_group: int) -> Any:
    return footer.row_group(row_group).column(0).file_path


class WriteParquet(PartitionWise):
    """A frame's partitions written to files; not public."""

    __slots__ = ()
    fields = ("source", "names", "how")
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
        return Apply(write_piece, (self.source, Part(), self.how), title="write")

    def infer_meta(self) -> Any:
        """A file and its footer."""
        return (Staged("", "", 0), None)

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
    told = [NO_KEY if pd.isna(value) else quote(str(value), safe=" ") for value in values]
    return "/".join(f"{key}={text}" for key, text in zip(by, told, strict=True))


def _in_folders(frame: Any, by: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    """The rows of each folder: one sort and one gather, of the columns that are left.

    >>> frame = pd.DataFrame({"k": ["a", "b", "a"], "x": [1, 2, 3]})
    >>> [(name, some.x.tolist()) for name, some in _in_folders(frame, ["k"])]
    [('k=a', [1, 3]), ('k=b', [2])]
    """
    keys = frame[list(by)]
    codes, count = _numbered(keys[by[0]])
    for name in by[1:]:
        more, times = _numbered(keys[name])
        codes, count = _numbered(codes.astype(np.int64) * times + more)
    order = np.argsort(codes.astype(np.uint16) if count < 1 << 16 else codes, kind="stable")
    ends = np.cumsum(np.bincount(codes, minlength=count))
    moved = frame.drop(columns=list(by)).take(order)
    start = 0
    for end in ends.tolist():
        values = [keys[name].iloc[order[start]] for name in by]
        yield _folders(by, values), moved.iloc[start:end]
        start = end


def _numbered(values: Any) -> tuple[Any, int]:
    """Equal values by one number each, missing ones too, and how many there are."""
    codes, found = pd.factorize(values, use_na_sentinel=False)
    return codes, len(found)


DICTIONARIES = frozenset(["use_dictionary", "column_encoding"])
"""Options of `pyarrow.parquet.write_table` with which the user decides about dictionaries."""

SAMPLED = 1024
"""So many values of a column tell whether its values repeat."""


def repeating(table: Any) -> Any:
    """The columns whose values repeat, so that a dictionary of them pays; True: all.

    Arrow would hash each value of the others as well, and find out when the dictionary is full:
    two thirds of the time that it takes to write floats.

    Parameters
    ----------
    table
        Arrow's.

    Examples
    --------
    >>> repeating(pa.table({"x": range(9), "y": [1] * 9}))
    ['y']
    """
    stored = [getattr(field.type, "storage_type", field.type) for field in table.schema]
    if any(map(pa.types.is_nested, stored)) or not len(table):
        return True
    places = pa.array(np.linspace(0, len(table) - 1, min(SAMPLED, len(table))).astype(np.int64))
    some = table.cast(pa.schema(zip(table.column_names, stored, strict=True))).take(places)
    found = [
        name
        for name, column in zip(some.column_names, some.columns, strict=True)
        if pa.types.is_dictionary(column.type) or 2 * len(column.unique()) <= len(column)
    ]
    return True if len(found) == table.num_columns else found or False


def write_piece(frame: Any, name: str, how: Writing) -> list[tuple[Staged, Any]]:
    """Write a partition under temporary names; gives the files, and their footers."""
    folder, _, last = name.rpartition("/")
    out = []
    for keys, some in _in_folders(frame, how.by) if how.by else [("", frame)]:
        place = f"{folder}/{keys}".rstrip("/")
        table = how.finished(how.table(some, f"{place}/{last}"))
        how.fs.makedirs(place, exist_ok=True)
        footers: list[Any] = []
        more = {"metadata_collector": footers} if how.footers else {}
        if not DICTIONARIES & set(how.how):
            more["use_dictionary"] = repeating(table)
        path = f"{place}/{last}"
        with staged(how.fs, path, how.mark) as temporary, how.open(temporary) as file:
            pq.write_table(table, file, **{**how.how, **more})
        for footer in footers:
            footer.set_file_path(f"{keys}/{last}".lstrip("/"))
        there = staged_name(path, how.mark)
        file = Staged(there, path, how.fs.size(there))
        out.append((file, footers[0] if footers else None))
    return out
