"""CSV: files cut at line ends, each block read by pandas."""

from __future__ import annotations

import io
from typing import Any

import pandas as pd

from shoal.dataframe.collection.base import from_node
from shoal.dataframe.meta import make_meta
from shoal.dataframe.nodes.sources import FromMap
from shoal.io.blocks import plan_blocks, read_block

__all__ = ["read_csv"]


def read_csv(
    urlpath: Any,
    blocksize: Any = "64 MiB",
    lineterminator: str | None = None,
    compression: str | None = "infer",
    sample: Any = 256_000,
    dtype: Any = None,
    include_path_column: bool | str = False,
    storage_options: Any = None,
    **kwargs: Any,
) -> Any:
    """A frame of CSV files.

    Parameters
    ----------
    urlpath
        Paths, URLs or patterns.
    blocksize
        Bytes in a partition; None is whole files.
    lineterminator
        What lines end with.
    compression
        A codec, or "infer" from the ending of the name.
    sample
        How much of the first file decides about dtypes, in bytes.
    dtype
        Dtypes of columns, where the sample would mislead.
    include_path_column
        Add a column with the name of the file; a str gives it a name.
    storage_options
        Of the file system.
    **kwargs
        Of `pandas.read_csv`.

    Raises
    ------
    ValueError
        A partition has other dtypes than the sample; says which, and what to pass.

    Examples
    --------
    >>> from shoal.io.files import open_file
    >>> with open_file("memory://t.csv", "wb") as file:
    ...     _ = file.write(b"x,y\\n1,a\\n2,b\\n")
    >>> read_csv("memory://t.csv", blocksize=4).x.sum().compute()
    np.int64(3)
    """
    for name in ("index_col", "iterator", "chunksize", "nrows"):
        if kwargs.get(name):
            raise ValueError(f"read_csv(..., {name}=...) is not supported; set an index afterwards")
    end = (lineterminator or "\n").encode()
    if compression == "infer":
        compression = _codec(urlpath)
    plan = plan_blocks(
        urlpath,
        blocksize=None if compression else blocksize,
        delimiter=end,
        sample=sample,
        compression=compression,
        **(storage_options or {}),
    )
    if lineterminator is not None:
        kwargs["lineterminator"] = lineterminator
    options = {"dtype": dtype, **kwargs} if dtype is not None else dict(kwargs)
    head = plan.sample if isinstance(plan.sample, bytes) else b""
    whole = pd.read_csv(io.BytesIO(head), **options)
    header = b"" if kwargs.get("header", "infer") is None else _header(head, end, kwargs)
    meta = make_meta(whole)
    path_column = "path" if include_path_column is True else (include_path_column or None)
    if path_column:
        meta[path_column] = pd.Categorical([], categories=plan.paths)
    blocks = [(block, i == 0) for file in plan.blocks for i, block in enumerate(file)]
    func = CsvReader(header, tuple(options.items()), meta, path_column)
    node = FromMap(func, tuple(blocks), (), (), meta, (None,) * (len(blocks) + 1), None, "read-csv")
    return from_node(node)


def _codec(urlpath: Any) -> str | None:
    name = str(urlpath[0] if isinstance(urlpath, list | tuple) else urlpath)
    endings = {".gz": "gzip", ".bz2": "bz2", ".xz": "xz", ".zst": "zstd", ".zip": "zip"}
    return next((codec for end, codec in endings.items() if name.endswith(end)), None)


def _header(sample: bytes, end: bytes, options: Any) -> bytes:
    """The lines up to the column names: given to the blocks that do not begin a file."""
    skip = options.get("skiprows") or 0
    lines = sample.split(end)
    first = skip if isinstance(skip, int) else len(skip)
    header = options.get("header", "infer")
    count = first + (header + 1 if isinstance(header, int) else 1)
    return end.join(lines[:count]) + end


class CsvReader:
    """Reads a block.

    Parameters
    ----------
    header
        Bytes to put before blocks that do not begin a file.
    options
        Pairs, of `pandas.read_csv`.
    meta
        What partitions look like.
    path_column
        Name of the column with the name of the file, or None.
    columns
        Which to read; None is all.

    Examples
    --------
    >>> CsvReader(b"", (), pd.DataFrame({"x": []}), None).columns is None
    True
    """

    def __init__(
        self, header: bytes, options: Any, meta: Any, path_column: Any, columns: Any = None
    ) -> None:
        self.header = header
        self.options = options
        self.meta = meta
        self.path_column = path_column
        self.columns = columns

    def __shoal_tokenize__(self) -> Any:
        return self.header, self.options, self.meta, self.path_column, self.columns

    def project_columns(self, columns: list[Any]) -> CsvReader:
        """A reader of fewer columns.

        Parameters
        ----------
        columns
            Their names.
        """
        return CsvReader(self.header, self.options, self.meta, self.path_column, columns)

    def __call__(self, block: Any, is_first: bool) -> Any:
        text = read_block(block)
        if not is_first:
            text = self.header + text
        options = dict(self.options)
        names = list(self.meta.columns) if self.columns is None else self.columns
        stored = [name for name in names if name != self.path_column]
        if self.columns is not None and "usecols" not in options:
            # Without any column the number of rows would be lost.
            options["usecols"] = stored or [self._first_stored()]
        part = pd.read_csv(io.BytesIO(text), **options) if text.strip() else self.meta[stored]
        part = self._fit(part[stored], block)
        if self.path_column in names:
            kinds = self.meta[self.path_column].cat.categories
            part[self.path_column] = pd.Categorical([block.path] * len(part), categories=kinds)
        return part[names]

    def _first_stored(self) -> Any:
        return next(name for name in self.meta.columns if name != self.path_column)

    def _fit(self, part: Any, block: Any) -> Any:
        """Dtypes as the sample had them; what cannot become that is an error that says so."""
        wanted = self.meta.dtypes
        other = [name for name in part.columns if part.dtypes[name] != wanted[name]]
        clashes = []
        changed = {}
        for name in other:
            have, want = part.dtypes[name], wanted[name]
            loses = (have.kind == "f" and want.kind in "iu") or (
                want.kind in "iufM" and have.kind in "OT"
            )
            if loses and len(part):
                clashes.append((name, have, want))
            else:
                changed[name] = want
        if clashes:
            lines = "\n".join(
                f"  {name}: found {have}, expected {want}" for name, have, want in clashes
            )
            fix = {name: "float64" if have.kind == "f" else "object" for name, have, _ in clashes}
            raise ValueError(
                "Mismatched dtypes found in `pd.read_csv`/`pd.read_table`.\n"
                f"{block.path}, from byte {block.offset}:\n{lines}\n"
                "The sample at the beginning of the first file did not show this. Pass "
                f"dtype={fix}, or a larger sample="
            )
        return part.astype(changed) if changed else part
