"""Arrow's own objects: tables, readers of batches, data sets, Delta Lake; and frames as streams.

Whatever speaks Arrow's C stream protocol (``__arrow_c_stream__``) can be read, and frames speak it,
so Polars, DuckDB and others take them without a copy through pandas of more than one partition.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.dataset as pads

from shoal.dataframe.collection.base import from_node, nearest
from shoal.dataframe.io.memory import from_pandas
from shoal.dataframe.meta import make_meta
from shoal.dataframe.nodes.sources import FromMap
from shoal.graph.token import tokenize
from shoal.optional import import_required

__all__ = ["arrow_c_schema", "arrow_c_stream", "from_arrow", "read_deltalake"]


def from_arrow(data: Any, npartitions: int = 1, columns: Any = None) -> Any:
    """A frame of an Arrow table, a data set, or anything that is a stream of Arrow batches.

    Parameters
    ----------
    data
        A table or record batch; a `pyarrow.dataset.Dataset`, of which a partition is a fragment
        that is read when it is computed; or an object with ``__arrow_c_stream__``.
    npartitions
        How many partitions, where the data are in memory.
    columns
        Names; None is all.

    Raises
    ------
    TypeError
        It is something else.

    Examples
    --------
    >>> from_arrow(pa.table({"x": [1, 2, 3]}), npartitions=2).x.sum().compute()
    np.int64(6)
    """
    if isinstance(data, pads.Dataset):
        fragments = list(data.get_fragments())
        return _of_fragments(fragments, data.schema, columns, _marks(fragments))
    if not hasattr(data, "__arrow_c_stream__"):
        if not isinstance(data, pa.RecordBatch):
            raise TypeError(
                "from_arrow takes a table, a record batch, a data set, or an object with "
                f"__arrow_c_stream__; got {type(data).__name__}"
            )
        data = pa.Table.from_batches([data])
    table = pa.RecordBatchReader.from_stream(data).read_all()
    table = table if columns is None else table.select(list(columns))
    return from_pandas(table.to_pandas(), npartitions=npartitions)


def _of_fragments(fragments: list[Any], schema: Any, columns: Any, marks: Any) -> Any:
    """A frame with a partition for each fragment; ``marks`` change when one of them does."""
    whole = make_meta(schema.empty_table().to_pandas())
    for name in columns or ():
        if name not in whole.columns:
            raise KeyError(f"{name!r} is not a column{nearest(name, whole.columns)}")
    values = tuple([(fragment,) for fragment in fragments])
    chosen = None if columns is None else tuple(columns)
    if not values:
        return from_pandas(whole if chosen is None else whole[list(chosen)], npartitions=1)
    reader = FragmentReader(schema, None, marks)
    unknown = (None,) * (len(values) + 1)
    return from_node(FromMap(reader, values, (), (), whole, unknown, chosen, "from-arrow"))


def _marks(fragments: list[Any]) -> list[Any]:
    """Sizes and times of the files that fragments are of."""
    files = [one for one in fragments if getattr(one, "path", "")]
    if not files:
        return []
    # A data set has one file system.
    found = files[0].filesystem.get_file_info([one.path for one in files])
    return [(one.path, one.size, one.mtime_ns) for one in found]


class FragmentReader:
    """Reads a fragment of a data set; not public."""

    def __init__(self, schema: Any, columns: Any, marks: Any) -> None:
        self.schema, self.columns = schema, columns
        self.mark = tokenize(marks)

    def __shoal_tokenize__(self) -> Any:
        return str(self.schema), self.columns, self.mark

    def project_columns(self, columns: list[Any]) -> FragmentReader:
        """One that makes fewer columns.

        Parameters
        ----------
        columns
            Their names.
        """
        return FragmentReader(self.schema, columns, self.mark)

    def __call__(self, fragment: Any) -> Any:
        # Of no column the rows would be lost.
        names = self.columns or self.schema.names[: None if self.columns is None else 1]
        try:
            table = fragment.to_table(schema=self.schema, columns=list(names), use_threads=False)
        except (pa.ArrowException, OSError) as error:
            error.add_note(f"while reading {getattr(fragment, 'path', fragment)}")
            raise
        frame = table.replace_schema_metadata(self.schema.metadata).to_pandas()
        return frame if self.columns is None else frame[self.columns]


def read_deltalake(
    path: Any, version: int | None = None, columns: Any = None, storage_options: Any = None
) -> Any:
    """A frame of a Delta Lake table; needs the package deltalake.

    Parameters
    ----------
    path
        Of the table, or a `deltalake.DeltaTable`.
    version
        Which one; None is the newest.
    columns
        Names; None is all.
    storage_options
        Of the table's store.

    Raises
    ------
    MissingDependencyError
        The package is not installed.

    Examples
    --------
    >>> frame = read_deltalake("flights.delta", version=3)  # doctest: +SKIP
    """
    deltalake: Any = import_required("deltalake", "reading Delta Lake tables")
    table = path
    if not isinstance(path, deltalake.DeltaTable):
        table = deltalake.DeltaTable(str(path), version=version, storage_options=storage_options)
    data = table.to_pyarrow_dataset()
    # Its files are never written again.
    return _of_fragments(list(data.get_fragments()), data.schema, columns, None)


def arrow_c_stream(df: Any, requested_schema: Any = None) -> Any:
    """A frame as a stream of Arrow batches, one partition computed after another.

    Parameters
    ----------
    df
        A frame.
    requested_schema
        Of Arrow's protocol.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> pa.table(from_dict({"x": [1, 2]}, npartitions=2))["x"].to_pylist()
    [1, 2]
    """
    reader = pa.RecordBatchReader.from_batches(_schema(df), _batches(df))
    return reader.__arrow_c_stream__(requested_schema)


def arrow_c_schema(df: Any) -> Any:
    """The schema of that stream.

    Parameters
    ----------
    df
        A frame.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> pa.schema(from_dict({"x": [1]}, npartitions=1)).names
    ['x']
    """
    return _schema(df).__arrow_c_schema__()


def _schema(df: Any) -> Any:
    schema = pa.Schema.from_pandas(df._meta, preserve_index=False)
    if any(pa.types.is_null(field.type) for field in schema):
        # Dtype object says nothing; the first rows do.
        schema = pa.Schema.from_pandas(df.head(100, npartitions=-1), preserve_index=False)
    return schema.remove_metadata()


def _batches(df: Any) -> Iterator[Any]:
    schema = _schema(df)
    for i in range(df.npartitions):
        part = df.partitions[i].compute()
        table = pa.Table.from_pandas(part, schema=schema, preserve_index=False)
        yield from table.replace_schema_metadata(None).to_batches()
