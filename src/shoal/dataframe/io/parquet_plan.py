"""What a Parquet data set is made of, found out before anything of it is read.

A `Dataset` is a plan: the files, the partitions (each some pieces, a piece some row groups of one
file), the keys that are in the paths, and the bounds that the footers tell.  Filters are lists of
``(column, operator, value)``; pieces of which no row can meet them are left out here.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json
import operator
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from shoal.dataframe.collection.base import nearest
from shoal.dataframe.columnar.scan import NOT_A_TIME, ends_of, naming_the_file
from shoal.dataframe.kernels.columns import dtypes_of
from shoal.dataframe.kernels.filters import met_by, parts_of
from shoal.dataframe.kernels.levels import labelled_by
from shoal.dataframe.meta import with_unknown_categories
from shoal.errors import NoFilesError
from shoal.io.files import is_local, resolve_paths
from shoal.io.staging import as_published
from shoal.units import parse_bytes

__all__ = [
    "MOST_FOOTERS",
    "Conversion",
    "Dataset",
    "Piece",
    "find",
    "is_data",
    "keys_of",
    "open_footer",
    "rows_of_piece",
]

EXTENSIONS = (".parq", ".parquet", ".pq")

MOST_FOOTERS = 1000
"""For more files than this, footers are not read before the work begins."""

MOST_FOOTERS_AFAR = 64
"""The same where each has to be fetched, and the work could begin without."""

BLOCKSIZE = "256 MiB"
"""How large a partition may be, unless told."""

UNPACKED = 4
"""How many times larger than the file its rows are taken to be, at most."""

ADAPTIVE = ("infer", "adaptive")
"""Values of ``split_row_groups`` by which partitions are cut by bytes."""

NO_KEY = "__HIVE_DEFAULT_PARTITION__"
"""The folder of rows whose key is missing."""


@dataclasses.dataclass(frozen=True)
class Piece:
    """What is read at once; a partition is one piece, or several where files are put together.

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


@dataclasses.dataclass(frozen=True)
class Conversion:
    """How Arrow's tables become pandas frames.

    Parameters
    ----------
    backend
        "numpy_nullable", "pyarrow", or None for pandas' default dtypes.
    categories
        Columns that become categorical.
    options
        Pairs, of `pyarrow.Table.to_pandas`.

    Examples
    --------
    >>> Conversion().plain
    True
    """

    backend: str | None = None
    categories: tuple[Any, ...] = ()
    options: tuple[tuple[str, Any], ...] = ()

    @property
    def plain(self) -> bool:
        """Whether dtypes are those that pandas itself would choose."""
        return self == Conversion()

    def frame(self, table: Any, index: Any) -> Any:
        """A pandas frame of a table.

        Parameters
        ----------
        table
            Of Arrow.
        index
            Names of the columns that become the index, a tuple.
        """
        options: dict[str, Any] = dict(self.options)
        plain, nested = _without_stored_index(table)
        if self.backend is not None:
            options.setdefault("types_mapper", _mapper(self.backend))
        elif nested:
            options.setdefault(
                "types_mapper", lambda kind: pd.ArrowDtype(kind) if kind in nested else None
            )
        frame = plain.to_pandas(**options)
        # Columns of an index without a name would come without one.
        frame.columns = pd.Index(table.column_names, name=frame.columns.name)
        chosen = [name for name in self.categories if name in frame.columns]
        if chosen:
            frame = frame.astype(dict.fromkeys(chosen, "category"))
        if not index:
            return frame
        frame = labelled_by(frame, list(index) if len(index) > 1 else index[0])
        # pandas' names for levels without one.
        real = [None if name.startswith("__index_level_") else name for name in index]
        return frame.rename_axis(real if len(real) > 1 else real[0])


def _without_stored_index(table: Any) -> tuple[Any, list[Any]]:
    """A table whose pandas metadata tells the dtypes of columns, and nothing of an index or levels.

    Also the Arrow types of nested columns that were Arrow's in pandas, too: pandas does not
    understand its own names of their dtypes.
    """
    told = dict(table.schema.metadata or {})
    if b"pandas" not in told:
        return table, []
    pandas = json.loads(told[b"pandas"])
    here = [one for one in pandas["columns"] if _field_of(one) in table.column_names]
    pandas = {**pandas, "columns": here, "index_columns": []}
    if len(pandas.get("column_indexes") or ()) > 1:
        pandas["column_indexes"] = []
    nested: list[Any] = []
    for column in here:
        kind = table.schema.field(_field_of(column)).type
        if pa.types.is_nested(kind) and str(column["numpy_type"]).endswith("[pyarrow]"):
            column["numpy_type"] = "object"
            nested.append(kind)
    return table.replace_schema_metadata({**told, b"pandas": json.dumps(pandas).encode()}), nested


def _field_of(column: dict[str, Any]) -> Any:
    """Of which field pandas' metadata tells; old files have the name of the column alone."""
    return column.get("field_name", column["name"])


def _mapper(backend: str) -> Callable[[Any], Any]:
    if backend == "pyarrow":
        arrow: Callable[[Any], Any] = pd.ArrowDtype
        return arrow
    if backend != "numpy_nullable":
        raise ValueError(
            f"dtype_backend is 'numpy_nullable' or 'pyarrow', or not given; got {backend!r}"
        )
    wide: Any = [pd.Int8Dtype, pd.Int16Dtype, pd.Int32Dtype, pd.Int64Dtype]
    bare: Any = [pd.UInt8Dtype, pd.UInt16Dtype, pd.UInt32Dtype, pd.UInt64Dtype]
    known = {
        **dict(zip([pa.int8(), pa.int16(), pa.int32(), pa.int64()], wide, strict=True)),
        **dict(zip([pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()], bare, strict=True)),
        pa.float32(): pd.Float32Dtype,
        pa.float64(): pd.Float64Dtype,
        pa.bool_(): pd.BooleanDtype,
        pa.string(): pd.StringDtype,
        pa.large_string(): pd.StringDtype,
    }
    return lambda kind: known[kind]() if kind in known else None


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """A Parquet data set as it was found.

    Parameters
    ----------
    fs
        An fsspec file system.
    schema
        Of all files, an Arrow schema.
    partitions
        Tuples of pieces, a tuple.
    index
        Names of the columns that become the index, a tuple.
    partition_columns
        Names of columns that are in the paths.
    root
        The folder below which paths name them.
    marks
        Of each file what changes when the file does, by path.
    conversion
        How pandas frames are made.
    holed
        Columns of whole numbers, or of truth values, of which some are missing in one of the files:
        pandas has floats, or objects, for all of them.

    Examples
    --------
    >>> [field.name for field in dataclasses.fields(Dataset)][:3]
    ['fs', 'schema', 'partitions']
    """

    fs: Any
    schema: Any
    partitions: tuple[tuple[Piece, ...], ...]
    index: tuple[str, ...]
    partition_columns: tuple[str, ...]
    root: str
    marks: Mapping[str, str]
    conversion: Conversion = Conversion()
    holed: frozenset[str] = frozenset()

    def __shoal_tokenize__(self) -> Any:
        partitions = [
            [(one.path, one.row_groups, self.marks[one.path]) for one in pieces]
            for pieces in self.partitions
        ]
        return partitions, self.index, str(self.schema), self.conversion, sorted(self.holed)

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """Those of all partitions."""
        return tuple(itertools.chain.from_iterable(self.partitions))

    @functools.cached_property
    def meta(self) -> Any:
        """An empty frame with the data set's columns."""
        frame = self.frame(self.schema.empty_table())
        names = [name for name in frame.columns if name not in self.partition_columns]
        frame = with_unknown_categories(frame[names])
        for name in self.partition_columns:
            frame[name] = self.key_values(name, None, 0)
        return frame

    @functools.cached_property
    def column_names(self) -> tuple[Any, ...]:
        """Of all columns."""
        return tuple(self.meta.columns)

    @functools.cached_property
    def column_dtypes(self) -> Mapping[Any, Any]:
        """Of all columns, each of which has a name of its own."""
        return dtypes_of(self.meta)

    @functools.cached_property
    def rows_found(self) -> int | None:
        """How many rows there were when it was first asked: for guesses, of which many are made."""
        return self.count_rows()

    def count_rows(self) -> int | None:
        """How many rows there are, from the footers; None where these are too many to be read."""
        if len(self.pieces) > MOST_FOOTERS:
            return None
        footers: dict[str, Any] = {}
        return sum(rows_of_piece(self, piece, footers) for piece in self.pieces)

    def frame(self, table: Any) -> Any:
        """A pandas frame of what was read of a file.

        Parameters
        ----------
        table
            Of Arrow.
        """
        truths = []
        for name in self.holed.intersection(table.column_names):
            place, column = table.column_names.index(name), table[name]
            if pa.types.is_boolean(column.type):
                truths.append(name)
            else:
                floats = column.cast(pa.float64(), safe=False)
                table = table.set_column(place, table.field(name).with_type(pa.float64()), floats)
        frame = self.conversion.frame(table, self.index)
        return frame.astype(dict.fromkeys(truths, object)) if truths else frame

    def key_values(self, name: str, key: Any, count: int) -> Any:
        """A column whose values are a key of the paths.

        Parameters
        ----------
        name
            Of the column.
        key
            The value.
        count
            How many rows.
        """
        field = self.schema.field(name)
        if not pa.types.is_dictionary(field.type):
            column = pa.table({name: pa.array([key] * count, field.type)})
            return self.conversion.frame(column, ())[name].array
        categories = pd.Index(json.loads(field.metadata[b"values"]))
        if pa.types.is_integer(field.type.value_type):
            categories = categories.astype(field.type.value_type.to_pandas_dtype())
        return pd.Categorical([key] * count, categories=categories)


def find(
    path: Any,
    index: Any = None,
    split: Any = "infer",
    blocksize: Any = "256 MiB",
    *,
    filesystem: Any = None,
    extensions: Any = EXTENSIONS,
    key_schema: Any = None,
    conversion: Conversion = Conversion(),
    together: Any = None,
    options: Mapping[str, Any],
) -> tuple[Dataset, dict[str, Any]]:
    """The data set at a path, and the footers that were read to find it.

    Parameters
    ----------
    path, index, split, blocksize, filesystem
        As `read_parquet` has them.
    extensions
        Endings of names of files in folders; None for all.
    key_schema
        Arrow types of the columns that are in the paths, a schema; None to tell from the values.
    conversion
        How pandas frames are made.
    together
        Whether a partition may have rows of several files: None, True, or the column in the paths
        up to which their keys have to be the same.
    options
        Of the file system.

    Raises
    ------
    NoFilesError
        There are none.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> from_dict({"x": [1, 2]}, npartitions=2).to_parquet(folder)
    >>> data, footers = find(folder, options={})
    >>> len(data.partitions), len(footers)
    (2, 1)
    """
    fs, files, root = _files(path, filesystem, extensions, options)
    footers: dict[str, Any] = {}
    schema = open_footer(fs, files[0], footers).schema.to_arrow_schema()
    _check_unique(schema, files[0])
    schema, names = _with_keys(schema, files, root, key_schema)
    limit = _limit(split, blocksize)
    most = None if limit is not None else 1 if split in ADAPTIVE else max(1, int(split))
    chosen = _index_of(schema, index)
    if index is False:
        schema = _without_index(schema)
    folders = _folders(files, root, names, together)
    units = (unit for name in files for unit in _units(fs, name, split, limit, footers))
    partitions = _partitions(units, most, limit, folders)
    marks = {name: str(fs.ukey(name)) for name in files}
    data = Dataset(fs, schema, partitions, chosen, names, root, marks, conversion)
    asked = conversion.backend is not None or conversion.options
    holed = frozenset() if asked else _holed(data, files, footers)
    return dataclasses.replace(data, holed=holed), footers


def _check_unique(schema: Any, path: str) -> None:
    """Refuse columns that share a name: readers of columns by name would not know which."""
    names = schema.names
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(
            f"column {twice!r} is there more than once in {path}; read the file with pyarrow, give "
            "each a name of its own (rename_columns), and write it again"
        )


def _holed(data: Dataset, files: Sequence[str], footers: dict[str, Any]) -> frozenset[str]:
    """The columns of whole numbers or truth values of which some are missing, as far as is known.

    pandas says in what it writes which columns have no missing values, but not of categories and
    objects, which Parquet holds as the numbers that they are.  Of those, and of what others wrote,
    all footers are read, where that is quick; else the first alone.
    """
    written = json.loads((data.schema.metadata or {}).get(b"pandas", b"{}")).get("columns", ())
    known = {
        _field_of(one)
        for one in written
        if one.get("pandas_type") != "categorical" and one.get("numpy_type") != "object"
    }
    asked = {
        field.name
        for field in data.schema
        if field.nullable
        and (pa.types.is_integer(field.type) or pa.types.is_boolean(field.type))
        and field.name not in {*known, *data.partition_columns}
    }
    if not asked:
        return frozenset()
    most = MOST_FOOTERS if is_local(data.fs) else MOST_FOOTERS_AFAR
    found: set[str] = set()
    for name in files if len(files) <= most else files[:1]:
        try:
            footer = open_footer(data.fs, name, footers)
        except (pa.ArrowException, OSError):
            continue  # said by who reads it: others can be read
        found |= asked.difference(found) & _with_nulls(footer)
        if found == asked:
            break
    return frozenset(found)


def _with_nulls(footer: Any) -> set[str]:
    """The columns of which a footer says that some values are missing; none that are nested."""
    schema = footer.schema
    flat = {schema.column(i).path: i for i in range(len(schema))}
    groups = [footer.row_group(i) for i in range(footer.num_row_groups)]
    found = set()
    for name, place in flat.items():
        column = schema.column(place)
        if column.max_definition_level != 1:
            continue
        if str(column.logical_type) == "Null" and footer.num_rows:
            found.add(name)
            continue
        stats = (group.column(place).statistics for group in groups)
        if any(one is not None and one.has_null_count and one.null_count for one in stats):
            found.add(name)
    return found


def _files(path: Any, filesystem: Any, extensions: Any, options: Any) -> Any:
    given = list(path) if isinstance(path, list | tuple) else [path]
    if not given:
        raise ValueError("the list of paths is empty; nothing says what to read")
    for one in given:
        if not isinstance(one, str | os.PathLike):
            raise TypeError(f"a path is text or a pathlib.Path; got {one!r}")
    paths = [os.fspath(one) for one in given]
    if filesystem is None:
        fs, found = resolve_paths(paths if len(paths) > 1 else paths[0], **options)
    else:
        fs = filesystem
        found = [fs._strip_protocol(one) for one in paths]
        found = [name for one in found for name in (sorted(fs.glob(one)) if "*" in one else [one])]
    if any("*" in one for one in paths):
        found = sorted(found, key=in_natural_order)
    files: list[str] = []
    root = ""
    for one in found:
        if fs.isdir(one):
            root = one.rstrip("/")
            below = as_published(fs, root, fs.find(one))
            # Where it is written what the data set is, names need not tell.
            told = None if f"{root}/_metadata" in below else extensions
            inside = [name for name in below if is_data(name[len(root) :], told)]
            files += [below[name] for name in sorted(inside, key=in_natural_order)]
        else:
            files.append(one)
    files = [name for name in files if not name.rsplit("/", 1)[-1].startswith("_")] or files
    if not files:
        told = f" with the endings {', '.join(extensions)}" if extensions else ""
        raise NoFilesError(
            f"no Parquet files{told} in {path}; for other names pass parquet_file_extension=None"
        )
    return fs, files, root or _common_root(files)


def in_natural_order(name: str) -> list[Any]:
    """A key to sort names by, in which part.2 comes before part.10.

    Parameters
    ----------
    name
        Of a file.

    Examples
    --------
    >>> sorted(["part.10", "part.2"], key=in_natural_order)
    ['part.2', 'part.10']
    """
    return [int(one) if one.isdigit() else one for one in re.split(r"(\d+)", name)]


def _common_root(files: Sequence[str]) -> str:
    """The folder above those that name keys, of files that were listed one by one."""
    parts = files[0].split("/")
    keyed = next((i for i, part in enumerate(parts[:-1]) if "=" in part), None)
    return "" if keyed is None else "/".join(parts[:keyed])


def is_data(name: str, extensions: Any = EXTENSIONS) -> bool:
    """Whether a path below a folder is a file of data: not hidden, no metadata, a known ending.

    Parameters
    ----------
    name
        The path.
    extensions
        Endings; None for all.

    Examples
    --------
    >>> is_data("/k=1/part.0.parquet"), is_data("/_metadata"), is_data("/notes.txt")
    (True, False, False)
    """
    parts = name.strip("/").split("/")
    hidden = any(part.startswith((".", "_")) for part in parts)
    wanted = (extensions,) if isinstance(extensions, str) else extensions
    return not hidden and (wanted is None or name.endswith(tuple(wanted)))


def _index_of(schema: Any, index: Any) -> tuple[str, ...]:
    if index is False:
        return ()
    if index is not None:
        wanted = tuple(index) if isinstance(index, list | tuple) else (index,)
        missing = [name for name in wanted if name not in schema.names]
        if missing:
            raise ValueError(
                f"index {missing[0]!r} is no column{nearest(missing[0], schema.names)}"
            )
        return wanted
    return _stored_index(schema)


def _without_index(schema: Any) -> Any:
    """The schema with what pandas stored as the index as its first columns, as after reset_index.

    An index without a name is no column of anybody's.
    """
    index = _stored_index(schema)
    first = [name for name in index if not name.startswith("__index_level_")]
    rest = [name for name in schema.names if name not in index]
    return pa.schema([schema.field(name) for name in [*first, *rest]], metadata=schema.metadata)


def _stored_index(schema: Any) -> tuple[str, ...]:
    """The columns that pandas made of an index; none for plain numbers of rows."""
    told = (schema.metadata or {}).get(b"pandas")
    columns = json.loads(told).get("index_columns", []) if told else []
    names = tuple([name for name in columns if isinstance(name, str)])
    return names if set(names) <= set(schema.names) else ()


def keys_of(path: str, root: str) -> dict[str, str | None]:
    """The keys that a path names, as text.

    Parameters
    ----------
    path
        Of a file.
    root
        The folder below which paths name keys.

    Examples
    --------
    >>> keys_of("/data/k=a/m=1/part.0.parquet", "/data")
    {'k': 'a', 'm': '1'}
    """
    parts = path[len(root) :].strip("/").split("/")[:-1]
    pairs = [part.split("=", 1) for part in parts if "=" in part]
    return {name: None if value == NO_KEY else unquote(value) for name, value in pairs}


def typed_keys(path: str, data: Dataset) -> dict[str, Any]:
    """The keys that a path names, as values of their columns.

    Parameters
    ----------
    path
        Of a file.
    data
        The data set.
    """
    if not data.partition_columns:
        return {}
    found = keys_of(path, data.root)
    return {name: _typed(found.get(name), data.schema.field(name).type) for name in found}


def _typed(text: str | None, kind: Any) -> Any:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if text is None or pa.types.is_string(kind):
        return text
    return int(text) if pa.types.is_integer(kind) else pa.scalar(text).cast(kind).as_py()


def _with_keys(schema: Any, files: Sequence[str], root: str, given: Any) -> Any:
    """The schema with the columns that are in the paths, and their names."""
    keys = [keys_of(name, root) for name in files]
    names = tuple(dict.fromkeys(name for one in keys for name in one))
    for name in names:
        texts = list(dict.fromkeys(one.get(name) for one in keys))
        kind = pa.dictionary(pa.int32(), _kind_of_keys(texts))
        if given is not None and name in given.names:
            kind = given.field(name).type
        values = sorted({_typed(text, kind) for text in texts if text is not None})
        told = None
        if pa.types.is_dictionary(kind):
            told = {b"values": json.dumps(values, default=str).encode()}
        if name in schema.names:
            schema = schema.remove(schema.get_field_index(name))
        schema = schema.append(pa.field(name, kind, metadata=told))
    return schema, names


def _kind_of_keys(texts: Sequence[str | None]) -> Any:
    """Whole numbers of 32 bits where all are such, as Arrow has it; else text."""
    try:
        numbers = [int(text) for text in texts if text is not None]
    except ValueError:
        return pa.string()
    plain = all(str(n) == text for n, text in zip(numbers, filter(None, texts), strict=True))
    return pa.int32() if plain and all(-(2**31) <= n < 2**31 for n in numbers) else pa.string()


def open_footer(fs: Any, name: str, footers: dict[str, Any]) -> Any:
    """The footer of a file, read once.

    Parameters
    ----------
    fs
        The file system.
    name
        The file.
    footers
        Those that were read already, by name; this one is added.

    Raises
    ------
    pyarrow.ArrowInvalid, OSError
        With a note that names the file.

    Examples
    --------
    >>> import fsspec
    >>> open_footer(fsspec.filesystem("memory"), "t.parquet", {"t.parquet": "read before"})
    'read before'
    """
    if name not in footers:
        with naming_the_file(name), fs.open(name, "rb") as file:
            footers[name] = pq.ParquetFile(file).metadata
    return footers[name]


def _limit(split: Any, blocksize: Any) -> int | None:
    """How many bytes a partition may have; None where their number does not count."""
    if split not in ADAPTIVE or blocksize is None:
        return None
    return int(parse_bytes(BLOCKSIZE if blocksize == "default" else blocksize))


Unit = tuple[str, tuple[int, ...] | None, int]
"""What is not cut further: a file, numbers of row groups (None is all), bytes."""


def _units(
    fs: Any, name: str, split: Any, limit: int | None, footers: dict[str, Any]
) -> Iterator[Unit]:
    """The units of a file: its row groups, or the file where nothing is known of them."""
    if split is False or (split in ADAPTIVE and limit is None):
        yield name, None, 0
        return
    stored = fs.size(name)
    # A small file is one unit, whatever is in it; its footer need not be read for that.
    if limit is not None and stored * UNPACKED <= limit:
        yield name, None, stored * UNPACKED
        return
    footer = open_footer(fs, name, footers)
    sizes = [footer.row_group(i).total_byte_size for i in range(footer.num_row_groups)]
    if not sizes or (limit is not None and sum(sizes) <= limit):
        yield name, None, sum(sizes)
        return
    for i, size in enumerate(sizes):
        yield name, (i,), size


def _folders(files: Sequence[str], root: str, names: Sequence[str], upto: Any) -> dict[str, Any]:
    """For each file what those have in common that may share a partition with it."""
    if not upto:
        return {name: name for name in files}
    if upto is True:
        return dict.fromkeys(files, ())
    if upto not in names:
        raise ValueError(
            f"aggregate_files is {upto!r}, which is no column of the paths{nearest(upto, names)}; "
            f"they are {list(names)}; pass one of them, or True"
        )
    levels = names[: names.index(upto) + 1]
    keys = {name: keys_of(name, root) for name in files}
    return {name: tuple([keys[name].get(level) for level in levels]) for name in files}


def _partitions(
    units: Iterable[Unit], most: int | None, limit: int | None, folders: Mapping[str, Any]
) -> tuple[tuple[Piece, ...], ...]:
    """Units put together in their sequence, up to a number of row groups or of bytes.

    Those of different files only where ``folders`` says the same of both.
    """
    out: list[list[Unit]] = []
    folder, filled = None, 0
    for unit in units:
        name, _, size = unit
        filled += size
        full = not out or len(out[-1]) == most or (limit is not None and filled > limit)
        if full or folders[name] != folder:
            out.append([])
            folder, filled = folders[name], size
        out[-1].append(unit)
    return tuple([_joined(group) for group in out])


def _joined(units: Sequence[Unit]) -> tuple[Piece, ...]:
    """The pieces of some units: one for each file."""
    pieces = []
    for name, group in itertools.groupby(units, key=operator.itemgetter(0)):
        parts = [numbers for _, numbers, _ in group]
        some = tuple([i for numbers in parts if numbers is not None for i in numbers])
        pieces.append(Piece(name, some or None))
    return tuple(pieces)


# ------------------------------------------------------------------------------------- filters


def kept_pieces(
    data: Dataset, filters: Sequence[Any], footers: dict[str, Any], narrow: bool = False
) -> Dataset:
    """The data set without pieces of which no row can meet the filters.

    Parameters
    ----------
    data
        The data set.
    filters
        As `normalized` gives them.
    footers
        Those that were read already.
    narrow
        Leave out row groups of pieces as well.
    """
    if not filters or len(data.pieces) > MOST_FOOTERS:
        return data

    def keep(piece: Piece) -> Piece | None:
        found = _narrowed(data, piece, filters, footers)
        return found if narrow or found is None else piece

    return _with_pieces(data, keep)


def without_empty_pieces(data: Dataset, footers: dict[str, Any]) -> Dataset:
    """The data set without pieces that have no rows, which would have no place among divisions.

    Parameters
    ----------
    data
        The data set.
    footers
        Those that were read already.
    """
    return _with_pieces(data, lambda piece: piece if rows_of_piece(data, piece, footers) else None)


def rows_of_piece(data: Dataset, piece: Piece, footers: dict[str, Any]) -> int:
    """How many rows a piece has.

    Parameters
    ----------
    data
        The data set.
    piece
        One of its pieces.
    footers
        Those that were read already.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> from_dict({"x": [1, 2]}, npartitions=1).to_parquet(folder)
    >>> data, footers = find(folder, options={})
    >>> rows_of_piece(data, data.pieces[0], footers)
    2
    """
    footer = open_footer(data.fs, piece.path, footers)
    if piece.row_groups is None:
        return int(footer.num_rows)
    return sum(int(footer.row_group(group).num_rows) for group in piece.row_groups)


def _with_pieces(data: Dataset, keep: Callable[[Piece], Piece | None]) -> Dataset:
    """The data set with what is kept of each piece, and without partitions that have none."""
    kept = [tuple(filter(None, map(keep, pieces))) for pieces in data.partitions]
    # A frame has at least one partition; its filters leave no row of it.
    partitions = tuple(filter(None, kept)) or data.partitions[:1]
    return dataclasses.replace(data, partitions=partitions)


def _narrowed(
    data: Dataset, piece: Piece, filters: Sequence[Any], footers: dict[str, Any]
) -> Piece | None:
    """A piece without the row groups of which no row can meet the filters; None if none can."""
    keys = typed_keys(piece.path, data)
    left = [met_by(groups, keys) for groups in parts_of(filters)]
    if None in left:
        return None
    asked = [groups for groups in left if groups]
    if not asked:
        return piece
    footer = open_footer(data.fs, piece.path, footers)
    numbers = piece.row_groups or range(footer.num_row_groups)
    kept = [
        i
        for i in numbers
        if not any(all(_out_of_range(footer, i, group) for group in groups) for groups in asked)
    ]
    if len(kept) == len(numbers):
        return piece
    return Piece(piece.path, tuple(kept)) if kept else None


def _out_of_range(footer: Any, row_group: int, group: Sequence[Any]) -> bool:
    """Whether statistics say that no row of a row group meets all of some filters."""
    for column, op, value in group:
        if op in ("is", "is not") and _count_says_no(footer, row_group, column, op):
            return True
        ends = bounds_of(footer, (row_group,), column)
        if ends is None or op not in WITHIN:
            continue
        values = value if op == "in" else (value,)
        try:
            if not any(WITHIN[op](*ends, one) for one in values):
                return True
        except TypeError:
            continue
    return False


def _count_says_no(footer: Any, row_group: int, column: Any, op: str) -> bool:
    """Whether the count of nulls says that no row is missing, or that all are."""
    names = footer.schema.names
    if names.count(column) != 1 or footer.num_columns != len(footer.schema.to_arrow_schema().names):
        return False
    chunk = footer.row_group(row_group).column(names.index(column))
    stats = chunk.statistics
    if stats is None or not stats.has_null_count:
        return False
    if op == "is not":
        return bool(stats.null_count == chunk.num_values)
    if chunk.physical_type in ("FLOAT", "DOUBLE"):
        return False  # which have NaN
    odd = not stats.has_min_max or stats.min_raw == NOT_A_TIME
    return not stats.null_count and not (odd and stats.logical_type.type == "TIMESTAMP")


WITHIN: Mapping[str, Callable[[Any, Any, Any], Any]] = {
    "<": lambda low, high, value: low < value,
    "<=": lambda low, high, value: low <= value,
    ">": lambda low, high, value: high > value,
    ">=": lambda low, high, value: high >= value,
    "==": lambda low, high, value: low <= value <= high,
    "in": lambda low, high, value: low <= value <= high,
}
"""Whether some value between two bounds may meet a filter."""


def bounds_of(footer: Any, row_groups: Sequence[int] | None, column: Any) -> tuple[Any, Any] | None:
    """The least and the largest value of a column of some row groups, from statistics.

    Parameters
    ----------
    footer
        Of the file.
    row_groups
        Numbers; None is all.
    column
        A name.

    Returns
    -------
    A pair, or None where it is not known.
    """
    names = footer.schema.names
    if names.count(column) != 1 or footer.num_columns != len(footer.schema.to_arrow_schema().names):
        return None
    place = names.index(column)
    groups = row_groups or range(footer.num_row_groups)
    stats = [footer.row_group(i).column(place).statistics for i in groups]
    ends = [ends_of(one) for one in stats]
    known = [pair for pair in ends if pair is not None]
    if not known or len(known) < len(ends):
        return None
    return min(low for low, _ in known), max(high for _, high in known)


def divisions_of(data: Dataset, footers: dict[str, Any]) -> tuple[Any, ...] | None:
    """The bounds of the index from statistics; None where they are missing or overlap.

    Parameters
    ----------
    data
        The data set.
    footers
        Those that were read already.
    """
    if len(data.index) != 1:
        return None
    bounds = []
    for pieces in data.partitions:
        some = [
            bounds_of(open_footer(data.fs, one.path, footers), one.row_groups, data.index[0])
            for one in pieces
        ]
        known = [ends for ends in some if ends is not None]
        if len(known) < len(some):
            return None
        bounds.append((min(low for low, _ in known), max(high for _, high in known)))
    if any(a[1] >= b[0] for a, b in itertools.pairwise(bounds)):
        return None
    found = pd.Index([*(low for low, _ in bounds), bounds[-1][1]])
    return tuple(found.astype(data.meta.index.dtype).tolist())
