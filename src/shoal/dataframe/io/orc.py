"""ORC through pyarrow: a partition is some stripes of a file."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.orc as orc

from shoal.collection import compute as compute_all
from shoal.dataframe.collection.base import FrameBase, from_node, nearest
from shoal.dataframe.columnar.scan import naming_the_file
from shoal.dataframe.io.parquet_plan import in_natural_order, is_data
from shoal.dataframe.kernels.levels import labelled_by
from shoal.dataframe.meta import make_meta
from shoal.dataframe.nodes.rowwise import MapEach
from shoal.dataframe.nodes.sources import FromMap
from shoal.delayed import delayed
from shoal.errors import NoFilesError
from shoal.graph.token import tokenize
from shoal.io.files import resolve_paths
from shoal.io.staging import Staged, discard, new_mark, publish, staged, staged_name

__all__ = ["read_orc", "to_orc"]


def read_orc(
    path: Any,
    engine: Any = None,
    columns: Any = None,
    index: Any = None,
    split_stripes: Any = 1,
    aggregate_files: Any = None,
    storage_options: Any = None,
) -> Any:
    """A frame of ORC files.

    Parameters
    ----------
    path
        A file, a folder, a pattern, or a list.
    engine
        "pyarrow" or None.
    columns
        Names; None is all.
    index
        The column that becomes the index.
    split_stripes
        How many stripes are a partition; False is whole files.
    aggregate_files
        Accepted for programs written for Dask.
    storage_options
        Of the file system.

    Raises
    ------
    NoFilesError
        There are none.
    ValueError
        Files have other columns; names them.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> _ = to_orc(
    ...     from_dict({"x": [1, 2], "y": [3, 4]}, npartitions=2), folder, write_index=False
    ... )
    >>> read_orc(folder, columns=["y"]).y.compute().tolist()
    [3, 4]
    """
    fs, found = resolve_paths(path, **(storage_options or {}))
    files: list[str] = []
    for one in found:
        inside = fs.find(one) if fs.isdir(one) else [one]
        files += sorted((n for n in inside if is_data(n[len(one) :], None)), key=in_natural_order)
    if not files:
        raise NoFilesError(
            f"no ORC files in {path}; name a file, a folder that has some, or a list"
        )
    values: list[tuple[Any, ...]] = []
    schema: Any = None
    for name in files:
        with naming_the_file(name, "ORC"), fs.open(name, "rb") as file:
            told = orc.ORCFile(file)
            if schema is None:
                schema = told.schema
            elif told.schema != schema:
                raise ValueError(
                    f"Incompatible schemas: {name} has {told.schema.names}, {files[0]} has "
                    f"{schema.names}; read the files apart and convert with astype"
                )
            step = told.nstripes if not split_stripes else int(split_stripes)
            groups = range(0, told.nstripes, max(step, 1)) if told.nstripes else [0]
            last = told.nstripes
            values += [(name, tuple(range(i, min(i + max(step, 1), last)))) for i in groups]
    wanted = list(schema.names) if columns is None else list(columns)
    for name in wanted:
        if name not in schema.names:
            raise KeyError(f"{name!r} is not a column{nearest(name, schema.names)}")
    reader = OrcReader(fs, schema, index, None, tokenize([fs.ukey(name) for name in files]))
    whole = make_meta(reader.frame(schema.empty_table()))
    unknown = (None,) * (len(values) + 1)
    chosen = None if columns is None else tuple(name for name in wanted if name != index)
    return from_node(FromMap(reader, tuple(values), (), (), whole, unknown, chosen, "read-orc"))


class OrcReader:
    """Reads some stripes of a file; not public.

    ``mark`` changes when one of the files does.
    """

    def __init__(self, fs: Any, schema: Any, index: Any, columns: Any, mark: str) -> None:
        self.fs, self.schema, self.index, self.columns = fs, schema, index, columns
        self.mark = mark

    def __shoal_tokenize__(self) -> Any:
        return str(self.schema), self.index, self.columns, self.mark

    def project_columns(self, columns: list[Any]) -> OrcReader:
        """One that makes fewer columns.

        Parameters
        ----------
        columns
            Their names.
        """
        return OrcReader(self.fs, self.schema, self.index, columns, self.mark)

    def frame(self, table: Any) -> Any:
        """A pandas frame of a table, with its index and the columns that are wanted.

        Parameters
        ----------
        table
            Of Arrow.
        """
        frame = table.to_pandas()
        frame = frame if self.index is None else labelled_by(frame, self.index)
        return frame if self.columns is None else frame[self.columns]

    def __call__(self, name: str, stripes: tuple[int, ...]) -> Any:
        stored = self.columns
        if stored is not None:
            stored = [*stored, *([] if self.index is None else [self.index])] or None
        try:
            with self.fs.open(name, "rb") as file:
                told = orc.ORCFile(file)
                batches = [told.read_stripe(i, columns=stored) for i in stripes]
        except (pa.ArrowException, OSError) as error:
            error.add_note(f"while reading {name}, stripes {stripes}")
            raise
        empty = self.schema.empty_table()
        return self.frame(pa.Table.from_batches(batches) if batches else empty)


def to_orc(
    df: Any,
    path: Any,
    engine: Any = None,
    write_index: bool = True,
    storage_options: Any = None,
    compute: bool = True,
    compute_kwargs: Any = None,
) -> Any:
    """Write a frame to a folder as ORC, a file a partition.

    Parameters
    ----------
    df
        A frame.
    path
        The folder.
    engine
        "pyarrow" or None.
    write_index
        Whether the index is written, as a column.
    storage_options
        Of the file system.
    compute
        False for a lazy result.
    compute_kwargs
        Of `shoal.compute`.

    Returns
    -------
    list or Delayed
        The names of the files.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> [
    ...     name.rsplit("/", 1)[1]
    ...     for name in to_orc(from_dict({"x": [1]}, npartitions=1), folder)
    ... ]
    ['part.0.orc']
    """
    fs, (folder,) = resolve_paths(str(path), **(storage_options or {}))
    fs.makedirs(folder, exist_ok=True)
    names = tuple([f"{folder}/part.{i}.orc" for i in range(df.npartitions)])
    if not write_index:
        df = df.reset_index(drop=True)
    elif df._meta.index.name is not None or df._meta.index.nlevels > 1:
        df = df.reset_index()
    mark = new_mark()
    unknown = (None,) * (df.npartitions + 1)
    args = (_write, (df._node, fs, mark), (), names, "", unknown, "to-orc")
    whole = delayed(_finish)(fs, FrameBase.to_delayed(from_node(MapEach(*args))))
    if not compute:
        return whole
    try:
        return compute_all(whole, **(compute_kwargs or {}))[0]
    except BaseException:
        discard(fs, [folder], mark)
        raise


def _write(part: Any, name: str, fs: Any, mark: str) -> Staged:
    with staged(fs, name, mark) as temporary, fs.open(temporary, "wb") as file:
        orc.write_table(pa.Table.from_pandas(part, preserve_index=False), file)
    there = staged_name(name, mark)
    return Staged(there, name, fs.size(there))


def _finish(fs: Any, files: list[Staged]) -> list[str]:
    publish(fs, files)
    return [one.name for one in files]
