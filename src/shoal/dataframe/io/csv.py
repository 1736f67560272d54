"""Tables as text: files cut at line ends, each block read by pandas, or by Arrow where it is plain.

What the first file's beginning shows decides about names and dtypes.  Blocks are read so that
they cannot silently differ from it: text columns are read as text, whatever a block has in them,
and everything else that pandas would read otherwise is an error that names file, column and fix.

A line end inside quotes is taken for the end of a record where a block is cut: pass
``blocksize=None`` for files that have such.
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import io
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from shoal.dataframe.collection.base import from_node
from shoal.dataframe.io.csv_arrow import has_blank_line, is_plain, plain_columns
from shoal.dataframe.meta import make_meta
from shoal.dataframe.nodes.sources import FromMap
from shoal.io.blocks import plan_blocks, read_block

__all__ = ["fits", "read_csv", "read_fwf", "read_table"]

READERS: Mapping[str, Callable[..., Any]] = {
    "read_csv": pd.read_csv,
    "read_table": pd.read_table,
    "read_fwf": pd.read_fwf,
}

NOT_SUPPORTED = {
    "index": "read_{0}(...).set_index('my-index')",
    "index_col": "read_{0}(...).set_index('my-index')",
    "iterator": "partitions, or to_delayed()",
    "chunksize": "blocksize=",
    "nrows": "head(n)",
    "skipfooter": "blocksize=None and map_partitions",
}
"""Arguments of pandas' readers that mean something else in blocks, and what to use."""

SAMPLE_BYTES = 256_000
WIDE = ("utf-16", "utf_16", "utf-32", "utf_32")
"""Encodings whose files are not cut."""


def read_csv(
    urlpath: Any,
    blocksize: Any = "default",
    lineterminator: str | None = None,
    compression: str | None = "infer",
    sample: Any = SAMPLE_BYTES,
    sample_rows: int = 10,
    enforce: bool = False,
    assume_missing: bool = False,
    storage_options: Any = None,
    include_path_column: bool | str = False,
    dtype: Any = None,
    path_converter: Any = None,
    **kwargs: Any,
) -> Any:
    """A frame of CSV files.

    Parameters
    ----------
    urlpath
        Paths, URLs or patterns.
    blocksize
        Bytes in a partition, "64 MiB" by default; None is whole files.
    lineterminator
        What lines end with.
    compression
        A codec, or "infer" from the ending of the name.
    sample
        How much of the first file decides about dtypes, in bytes.
    sample_rows, enforce
        Accepted for programs written for Dask; columns are always compared.
    assume_missing
        Read whole numbers as floats unless ``dtype`` says otherwise: they may miss some.
    storage_options
        Of the file system.
    include_path_column
        Add a column with the name of the file; a str gives it a name.
    dtype
        Dtypes of columns, where the sample would mislead.
    path_converter
        Called with the name of a file; what it returns stands in the column.
    **kwargs
        Of `pandas.read_csv`.

    Raises
    ------
    ValueError
        A partition has other columns or dtypes than the sample; says which, and what to pass.

    Examples
    --------
    >>> from shoal.io.files import open_file
    >>> with open_file("memory://t.csv", "wb") as file:
    ...     _ = file.write(b"x,y\\n1,a\\n2,b\\n")
    >>> read_csv("memory://t.csv", blocksize=4).x.sum().compute()
    np.int64(3)
    """
    reading = (blocksize, compression, sample, storage_options)
    column = (include_path_column, path_converter)
    options = {**kwargs, "dtype": dtype, "lineterminator": lineterminator}
    return _read("read_csv", urlpath, reading, column, assume_missing, options)


def read_table(urlpath: Any, **kwargs: Any) -> Any:
    """A frame of files with tabs, or another separator, between columns.

    Parameters
    ----------
    urlpath
        Paths, URLs or patterns.
    **kwargs
        As `read_csv` has them; others are `pandas.read_table`'s.

    Examples
    --------
    >>> from shoal.io.files import open_file
    >>> with open_file("memory://t.tsv", "wb") as file:
    ...     _ = file.write(b"x\\ty\\n1\\ta\\n2\\tb\\n")
    >>> read_table("memory://t.tsv").x.sum().compute()
    np.int64(3)
    """
    return _with_keywords("read_table", urlpath, kwargs)


def read_fwf(urlpath: Any, **kwargs: Any) -> Any:
    """A frame of files whose columns stand at the same places in all lines.

    Parameters
    ----------
    urlpath
        Paths, URLs or patterns.
    **kwargs
        As `read_csv` has them; others are `pandas.read_fwf`'s.  Places are found in the sample
        unless ``colspecs`` or ``widths`` says them.

    Examples
    --------
    >>> from shoal.io.files import open_file
    >>> with open_file("memory://t.txt", "wb") as file:
    ...     _ = file.write(b"xx  y\\n11  a\\n 2  b\\n")
    >>> read_fwf("memory://t.txt").xx.sum().compute()
    np.int64(13)
    """
    return _with_keywords("read_fwf", urlpath, kwargs)


def _with_keywords(reader: str, urlpath: Any, kwargs: dict[str, Any]) -> Any:
    pairs = {"blocksize": "default", "compression": "infer", "sample": SAMPLE_BYTES}
    reading = tuple([kwargs.pop(name, value) for name, value in pairs.items()])
    reading = (*reading, kwargs.pop("storage_options", None))
    column = (kwargs.pop("include_path_column", False), kwargs.pop("path_converter", None))
    missing = kwargs.pop("assume_missing", False)
    for name in ("sample_rows", "enforce"):
        kwargs.pop(name, None)
    return _read(reader, urlpath, reading, column, missing, kwargs)


def _read(
    reader: str, urlpath: Any, reading: Any, column: Any, missing: bool, options: dict[str, Any]
) -> Any:
    _check_options(reader, options)
    options = {name: value for name, value in options.items() if value is not None or name in KEPT}
    blocksize, compression, sample, storage = reading
    plan = _plan(reader, urlpath, blocksize, compression, sample, storage or {}, options)
    text = plan.sample if isinstance(plan.sample, bytes) else b""
    if reader == "read_fwf":
        options = _with_places(text, options)
    if options.get("sep", ",") is None:
        options["sep"] = _separator(text, plan.paths[0], options)
    try:
        names, whole, options = _sampled(reader, text, missing, options)
    except (ValueError, TypeError, LookupError) as error:
        error.add_note(f"while reading the beginning of {plan.paths[0]}, which tells the dtypes")
        _name_misfits(error, READERS[reader], text, options)
        raise
    meta = make_meta(whole)
    wanted, convert = column
    path_column = "path" if wanted is True else (wanted or None)
    paths = [convert(path) if convert else path for path in plan.paths]
    if path_column:
        if path_column in meta.columns:
            raise ValueError(
                f"Files already contain the column name: {path_column}, so the path column cannot "
                "use this name. Please set `include_path_column` to a unique name."
            )
        meta[path_column] = pd.Categorical([], categories=list(dict.fromkeys(paths)))
    func = BlockReader(reader, names, tuple(options.items()), meta, path_column)
    values = [
        (block, i == 0, path)
        for file, path in zip(plan.blocks, paths, strict=True)
        for i, block in enumerate(file)
    ]
    title = reader.replace("_", "-")
    unknown = (None,) * (len(values) + 1)
    return from_node(FromMap(func, tuple(values), (), (), meta, unknown, None, title))


def _separator(text: bytes, path: str, options: Mapping[str, Any]) -> str:
    """What separates the columns, found out as pandas does, once for all blocks."""
    skipped, comment = options.get("skiprows") or 0, options.get("comment")
    if isinstance(skipped, int):
        skipped = range(skipped)
    lines = text.decode(options.get("encoding") or "utf-8", "ignore").splitlines()
    for number, line in enumerate(lines):
        told = line.split(comment)[0] if comment else line
        if told.strip() and not (skipped(number) if callable(skipped) else number in skipped):
            break
    else:
        told = ""
    try:
        return csv.Sniffer().sniff(told).delimiter
    except csv.Error as error:
        raise ValueError(
            f"sep=None: the first line of {path}, {told[:80]!r}, does not tell; pass sep="
        ) from error


KEPT = ("header", "skiprows", "engine", "sep")
"""Arguments for which None means something."""


def _check_options(reader: str, options: Mapping[str, Any]) -> None:
    kind = reader.removeprefix("read_")
    for name, instead in NOT_SUPPORTED.items():
        if options.get(name) not in (None, False, 0):
            told = "'index' and 'index_col'" if name.startswith("index") else repr(name)
            raise ValueError(f"Keywords {told} not supported. Use {instead.format(kind)} instead")
    if isinstance(options.get("header"), list):
        raise TypeError("List of header rows not supported for shoal.dataframe.read_csv")


def _plan(
    reader: str, urlpath: Any, blocksize: Any, compression: Any, sample: Any, storage: Any, how: Any
) -> Any:
    end = how.get("lineterminator") or "\n"
    is_wide = str(how.get("encoding") or "").lower().startswith(WIDE)
    plan = plan_blocks(
        urlpath,
        blocksize=None if is_wide else "64 MiB" if blocksize == "default" else blocksize,
        delimiter=None if is_wide else end.encode(),
        sample=SAMPLE_BYTES if sample is False else sample,
        compression=compression,
        whole_if_compressed=True,
        **storage,
    )
    codec = next((file[0].compression for file in plan.blocks if file[0].compression), None)
    if codec and blocksize not in (None, "default"):
        warnings.warn(
            f"Warning {codec} compression does not support breaking apart files\nPlease "
            "ensure that each individual file can fit in memory and use the keyword "
            "``blocksize=None to remove this message``",
            stacklevel=4,
        )
    if callable(how.get("skiprows")) and any(len(file) > 1 for file in plan.blocks):
        raise ValueError(
            f"{reader} was given a function as skiprows, which counts the lines of a whole file, "
            "and files are read in blocks: pass blocksize=None"
        )
    if is_wide and isinstance(plan.sample, bytes):
        plan = plan._replace(sample=_whole_lines(plan.sample, how["encoding"], end))
    return plan


def _whole_lines(sample: bytes, encoding: str, end: str) -> bytes:
    """A sample without its last line, which may be cut; all of it where it has but one line."""
    text = sample.decode(encoding, "ignore")
    whole = text[: text.rfind(end) + len(end)] if end in text else text
    return whole.encode(encoding)


def _sampled(reader: str, text: bytes, missing: bool, options: dict[str, Any]) -> Any:
    """All columns' names, the frame that a sample is, and the options that make blocks like it."""
    names, options = _named(reader, text, options)
    whole = READERS[reader](io.BytesIO(text), **options)
    if missing:
        options["dtype"] = _floats_for_numbers(whole, options.get("dtype"))
        whole = READERS[reader](io.BytesIO(text), **options)
    return names, whole, _without_texts(options, whole)


UNREAD = ("usecols", "dtype", "engine", "parse_dates")
"""Options that do not count where names alone are read."""

BY_COLUMN = ("dtype", "converters", "na_values")
"""Options that may be dicts by column."""


def _named(reader: str, text: bytes, options: dict[str, Any]) -> tuple[tuple[Any, ...], Any]:
    """The names of all columns in the files, and the options with names where places were given.

    pandas counts places among all columns, and a block may be read for a few of them.
    """
    options = _with_all_names(reader, text, options)
    head = {name: value for name, value in options.items() if name not in UNREAD}
    names = tuple(READERS[reader](io.BytesIO(text), **{**head, "nrows": 1}).columns)
    if callable(options.get("usecols")):
        options["usecols"] = [name for name in names if options["usecols"](name)]
    if not all(type(name) is str for name in names):
        return names, options

    def name_of(one: Any) -> Any:
        return names[one] if type(one) is int and -1 < one < len(names) else one

    for option in ("usecols", "parse_dates"):
        if isinstance(options.get(option), list | tuple):
            options[option] = [name_of(one) for one in options[option]]
    for option in BY_COLUMN:
        if isinstance(options.get(option), Mapping):
            options[option] = {name_of(key): value for key, value in options[option].items()}
    return names, options


def _with_all_names(reader: str, text: bytes, options: dict[str, Any]) -> dict[str, Any]:
    """Options whose ``names`` are those of all columns, where they were only of ``usecols``."""
    names, used = options.get("names"), options.get("usecols")
    if names is None or not isinstance(used, list | tuple) or len(names) != len(used):
        return dict(options)
    if not all(isinstance(one, int | np.integer) for one in used):
        return dict(options)
    plain = {k: v for k, v in options.items() if k not in (*UNREAD, *BY_COLUMN, "names", "header")}
    count = READERS[reader](io.BytesIO(text), **{**plain, "header": None, "nrows": 1}).shape[1]
    given = dict(zip(sorted(used), names, strict=True))
    return {**options, "names": [given.get(i, f"column {i} of {count}") for i in range(count)]}


def _without_texts(options: dict[str, Any], whole: Any) -> dict[str, Any]:
    """Options by which what is no time in the sample, and so is text, is text in all blocks."""
    times = options.get("parse_dates")
    if not isinstance(times, list):
        return options
    texts = {n for n in whole.columns if isinstance(whole.dtypes[n], pd.StringDtype)}
    return {**options, "parse_dates": [one for one in times if one not in texts]}


def _floats_for_numbers(sample: Any, dtype: Any) -> Any:
    """Dtypes in which whole numbers that nobody asked for are floats."""
    if dtype is not None and not isinstance(dtype, Mapping):
        return dtype
    told = dict(dtype or {})
    numbers = [name for name in sample.columns if sample.dtypes[name].kind in "iu"]
    return {**told, **{name: np.dtype("float64") for name in numbers if name not in told}}


def _with_places(sample: bytes, options: dict[str, Any]) -> dict[str, Any]:
    """The places of columns in lines, found in the sample: the same for all blocks."""
    if options.get("colspecs", "infer") != "infer" or options.get("widths") is not None:
        return options
    skip = options.get("skiprows") or 0
    first = skip if isinstance(skip, int) else 0
    lines = sample.decode(options.get("encoding") or "utf-8").splitlines()[first:]
    blank = options.get("delimiter") or " \t"
    lines = lines[: options.pop("infer_nrows", 100)]
    used = np.zeros(max(map(len, lines), default=0) + 2, dtype=bool)
    for line in lines:
        used[1 : len(line) + 1] |= [letter not in blank for letter in line]
    edges = np.flatnonzero(used[1:] != used[:-1]).tolist()
    return {**options, "colspecs": list(zip(edges[::2], edges[1::2], strict=True))}


CUT_IN_QUOTES = ("EOF inside string", "unexpected end of data")
"""What pandas' engines say of a block that ends within quotes."""

FIXES = {"f": "float64", "u": "uint64", "i": "float64"}
"""What to pass as dtype, by the kind of what was found and does not fit."""


@dataclasses.dataclass(frozen=True, eq=False)
class BlockReader:
    """Reads a block.

    Parameters
    ----------
    reader
        The name of pandas' function.
    names
        Of all columns in the files.
    options
        Pairs, of that function.
    meta
        What partitions look like.
    path_column
        Name of the column with the name of the file, or None.
    columns
        Which to read; None is all.

    Examples
    --------
    >>> BlockReader("read_csv", ("x",), (), pd.DataFrame({"x": []}), None).columns is None
    True
    """

    reader: str
    names: tuple[Any, ...]
    options: tuple[tuple[str, Any], ...]
    meta: Any
    path_column: Any
    columns: Any = None

    def __shoal_tokenize__(self) -> Any:
        return tuple(getattr(self, field.name) for field in dataclasses.fields(self))

    def project_columns(self, columns: list[Any]) -> BlockReader:
        """A reader of fewer columns.

        Parameters
        ----------
        columns
            Their names.
        """
        return dataclasses.replace(self, columns=columns)

    def __call__(self, block: Any, is_first: bool, path: Any) -> Any:
        text = read_block(block)
        names = list(self.meta.columns) if self.columns is None else self.columns
        stored = [name for name in names if name != self.path_column]
        options = self._options(stored)
        if is_first:
            self._check_names(text, block)
        else:
            # Names and what stands before them are at the beginning of the file only.
            options = {**options, "header": None, "names": list(self.names)}
            options.pop("skiprows", None)
            if options.get("engine") == "pyarrow":
                # It takes no names for what has none.
                options.pop("engine")
        # Not `strip`, which copies the block.
        if text and not text.isspace():
            part = self._plain(text, is_first, stored)
            if part is None:
                part = self._by_pandas(text, options, block)
        else:
            part = self.meta[stored or self._some_column()]
        part = self._fit(_chosen(part, stored), block)
        if self.path_column in names:
            kinds = self.meta[self.path_column].cat.categories
            part[self.path_column] = pd.Categorical([path] * len(part), categories=kinds)
        return _chosen(part, names)

    def _by_pandas(self, text: bytes, options: dict[str, Any], block: Any) -> Any:
        """What pandas reads; its errors name neither file nor column."""
        read = READERS[self.reader]
        try:
            with _naming(block):
                return read(io.BytesIO(text), **options)
        except (ValueError, TypeError, OverflowError) as error:
            _name_misfits(error, read, text, options)
            raise

    def _plain(self, text: bytes, is_first: bool, stored: list[Any]) -> Any:
        """What Arrow reads; None where it does not read as pandas does."""
        kinds = {name: self.meta.dtypes[name] for name in stored or self._some_column()}
        options = dict(self.options)
        if not is_plain(self.reader, options, kinds) or not set(kinds) <= set(self.names):
            return None
        if len(self.names) == 1 and has_blank_line(text):
            return None
        names = None if is_first else list(self.names)
        return plain_columns(text, self.reader, options, kinds, names)

    def _some_column(self) -> list[Any]:
        return [name for name in self.meta.columns if name != self.path_column][:1]

    def _options(self, stored: list[Any]) -> dict[str, Any]:
        options = dict(self.options)
        read = stored or self._some_column()
        if self.columns is not None:
            # Without any column the number of rows would be lost.
            options = _of_columns(options, read)
            # By place: a name may be a number, or there twice before pandas tells them apart.
            places = [self.names.index(name) for name in read]
            options["usecols"] = read if options.get("engine") == "pyarrow" else places
        dtype = options.get("dtype")
        if dtype is None or isinstance(dtype, Mapping):
            converted = {*(options.get("converters") or ()), *(dtype or ())}
            # A block may have digits only where others have text: they are text there, too.
            plain = {
                name: self.meta.dtypes[name]
                for name in read
                if name not in converted and isinstance(self.meta.dtypes[name], pd.StringDtype)
            }
            if plain:
                options["dtype"] = {**(dtype or {}), **plain}
        if isinstance(options.get("dtype"), Mapping):
            options["dtype"] = {k: v for k, v in options["dtype"].items() if k in read}
        return options

    def _check_names(self, text: bytes, block: Any) -> None:
        """Refuse a file whose columns are others, or in another order."""
        options = {k: v for k, v in self.options if k not in UNREAD}
        if not text or text.isspace():
            return
        self._check_skipped(text, block)
        try:
            with _naming(block):
                head = READERS[self.reader](io.BytesIO(text), **{**options, "nrows": 0})
        except pd.errors.EmptyDataError as error:
            raise ValueError(
                f"the first block of {block.path} ends before the first row; pass a larger "
                "blocksize="
            ) from error
        found = tuple(head.columns)
        if found != self.names:
            gone = [name for name in self.names if name not in found]
            new = [name for name in found if name not in self.names]
            raise ValueError(
                f"Columns do not match: {block.path} has {list(found)[:20]}, the first file "
                f"{list(self.names)[:20]}; missing {gone}, more {new}. Read the files apart, and "
                "concat what they have in common"
            )

    def _check_skipped(self, text: bytes, block: Any) -> None:
        """Refuse numbers of lines to skip that may stand in other blocks than a file's first."""
        options = dict(self.options)
        skip = options.get("skiprows")
        if block.length in (None, block.size) or not np.iterable(skip):
            return
        lines = text.count((options.get("lineterminator") or "\n").encode())
        if max(skip, default=0) >= lines:
            raise ValueError(
                f"skiprows has line {max(skip)}, and the first block of {block.path} ends with "
                f"line {lines - 1}; pass a larger blocksize="
            )

    def _fit(self, part: Any, block: Any) -> Any:
        """Dtypes as the sample had them; what cannot become that is an error that says so."""
        wanted = self.meta.dtypes
        other = [name for name in part.columns if part.dtypes[name] != wanted[name]]
        clashes = [
            (name, part.dtypes[name], wanted[name])
            for name in other
            if len(part) and not fits(part[name], wanted[name])
        ]
        if clashes:
            raise ValueError(_told_of(clashes, block))
        return part.astype({name: wanted[name] for name in other}) if other else part


@contextlib.contextmanager
def _naming(block: Any) -> Iterator[None]:
    """Errors of pandas with the name of the file."""
    try:
        yield
    except (ValueError, TypeError, OverflowError) as error:
        error.add_note(f"while reading {block.path}, from byte {block.offset}")
        if any(words in str(error) for words in CUT_IN_QUOTES):
            error.add_note(
                "if line ends stand inside of quotes, the block may end at one of these: pass "
                "blocksize=None to read whole files"
            )
        raise


def _told_of(clashes: list[tuple[Any, Any, Any]], block: Any) -> str:
    """Which columns have which dtypes in a block, and are to have which; and what to pass."""
    lines = "\n".join(f"  {name}: found {have}, expected {want}" for name, have, want in clashes)
    times = [name for name, _, want in clashes if want.kind in "mM"]
    fix = {name: FIXES.get(have.kind, "object") for name, have, _ in clashes if name not in times}
    remedies = [f"Pass dtype={fix}"] if fix else []
    if times:
        told = f"Leave {times} out of parse_dates="
        remedies.append(f"{told}, and pass them to to_datetime(..., errors='coerce')")
    return (
        "Mismatched dtypes found in `pd.read_csv`/`pd.read_table`.\n"
        f"{block.path}, from byte {block.offset}:\n{lines}\n"
        "The sample at the beginning of the first file did not show this. "
        f"{'. '.join(remedies)}, or pass a larger sample="
    )


def _name_misfits(error: Exception, read: Any, text: bytes, options: dict[str, Any]) -> None:
    """Say of an error of pandas which columns are not what ``dtype=`` says."""
    told = options.get("dtype")
    for name, dtype in told.items() if isinstance(told, Mapping) else ():
        cells = _cells(read, text, options, name)
        wrong = None if cells is None else _misfit(cells, dtype)
        if wrong is not None:
            error.add_note(
                f"column {name!r} has {wrong} there, and is to be {dtype}, as dtype= says; pass a "
                "dtype that fits all of its cells, or converters="
            )


def _cells(read: Any, text: bytes, options: dict[str, Any], name: Any) -> Any:
    """A column as text; None where nothing can be read at all."""
    with contextlib.suppress(ValueError, TypeError, KeyError, pd.errors.ParserError):
        return read(io.BytesIO(text), **{**options, "dtype": "str"})[name]
    return None


def _misfit(cells: Any, wanted: Any) -> str | None:
    """What a column of text has that cannot be of a dtype, in words; None: nothing."""
    dtype = pd.api.types.pandas_dtype(wanted)
    kind = getattr(dtype, "kind", "O")
    if kind not in "iufb":
        return None
    missing = cells.isna()
    if missing.any() and isinstance(dtype, np.dtype) and kind != "f":
        return f"a missing value (row {int(missing.to_numpy().argmax())} of the block)"
    found = cells[~missing]
    if kind == "b":
        bad = ~found.str.lower().isin(["true", "false"])
    else:
        numbers = pd.to_numeric(found, errors="coerce")
        bad = numbers.isna() | ((numbers % 1 != 0) if kind in "iu" else False)
    return repr(found[bad].iloc[0]) if bad.any() else None


def _chosen(part: Any, names: list[Any]) -> Any:
    """Some columns of a frame; pandas would copy a frame that has just these."""
    return part if list(part.columns) == names else part[names]


def _of_columns(options: dict[str, Any], kept: list[Any]) -> dict[str, Any]:
    """Options that name columns, without those that are not read."""
    out = dict(options)
    for name in ("parse_dates", *BY_COLUMN):
        value = options.get(name)
        if isinstance(value, Mapping):
            out[name] = {key: one for key, one in value.items() if key in kept}
        elif name == "parse_dates" and isinstance(value, list):
            out[name] = [one for one in value if one in kept]
    return out


def fits(column: Any, want: Any) -> bool:
    """Whether a column has values of a dtype, and only was read as another one.

    Parameters
    ----------
    column
        A series.
    want
        The dtype.

    Examples
    --------
    >>> fits(pd.Series([1, 2]), np.dtype("float64")), fits(pd.Series([1.5]), np.dtype("int64"))
    (True, False)
    >>> fits(pd.Series([2**63], dtype="uint64"), np.dtype("int64"))
    False
    >>> fits(pd.Series(["a", 1]), pd.StringDtype()), fits(pd.Series([None]), pd.StringDtype())
    (False, True)
    """
    have = column.dtype
    if isinstance(want, pd.StringDtype):  # whose kind is that of objects
        texts = pd.api.types.infer_dtype(column, skipna=True) == "string"
        return texts or bool(column.isna().all())
    if isinstance(want, pd.CategoricalDtype) or want.kind == "O":
        return True
    if want.kind in "fmM" and column.isna().all():
        return True
    if want.kind == "f":
        return have.kind in "iuf"
    if want.kind in "mM":
        return bool(have.kind == want.kind)
    if want.kind not in "iu" or have.kind not in "iu":
        return False
    limits = np.iinfo(getattr(want, "numpy_dtype", want))
    low, high = column.min(), column.max()
    return bool(pd.isna(low) or (low >= limits.min and high <= limits.max))
