"""Tables of databases through SQLAlchemy: a partition is a range of an indexed column."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import uuid
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from shoal.collection import compute as compute_all
from shoal.dataframe.collection.base import FrameBase, from_node, nearest
from shoal.dataframe.io.csv import fits
from shoal.dataframe.io.memory import from_pandas
from shoal.dataframe.meta import make_meta
from shoal.dataframe.nodes.sources import FromMap
from shoal.delayed import delayed
from shoal.io.staging import new_mark
from shoal.optional import import_required
from shoal.units import parse_bytes

__all__ = ["read_sql", "read_sql_query", "read_sql_table", "to_sql"]

NOBODYS = -1
"""The number of the rows by which a table is made: none."""


def read_sql(sql: Any, con: str, index_col: Any, **kwargs: Any) -> Any:
    """A frame of a table, by its name, or of a query.

    Parameters
    ----------
    sql
        The name of a table, or an SQLAlchemy selectable.
    con, index_col, **kwargs
        As `read_sql_table` and `read_sql_query` have them.

    Examples
    --------
    >>> import tempfile
    >>> uri = f"sqlite:///{tempfile.mkdtemp()}/t.db"
    >>> _ = pd.DataFrame({"n": [1, 2], "x": [3, 4]}).to_sql("t", uri, index=False)
    >>> read_sql("t", uri, index_col="n").x.sum().compute()
    np.int64(7)
    """
    read = read_sql_table if isinstance(sql, str) else read_sql_query
    return read(sql, con, index_col, **kwargs)


def read_sql_table(
    table_name: str,
    con: str,
    index_col: Any,
    divisions: Any = None,
    npartitions: int | None = None,
    limits: Any = None,
    columns: Any = None,
    bytes_per_chunk: Any = "256 MiB",
    head_rows: int = 5,
    schema: str | None = None,
    meta: Any = None,
    engine_kwargs: Any = None,
    **kwargs: Any,
) -> Any:
    """A frame of a table of a database.

    Parameters
    ----------
    table_name
        Its name.
    con
        Of the database: a URI such as "sqlite:///flights.db".
    index_col
        The column that becomes the index, by which the table is cut; it should have an index in
        the database.  Rows in which it is NULL are a partition of their own.
    divisions, npartitions, limits, bytes_per_chunk, head_rows, meta, engine_kwargs, **kwargs
        As `read_sql_query` has them.
    columns
        Names; None is all.
    schema
        Of the table.

    Raises
    ------
    MissingDependencyError
        SQLAlchemy is not installed.

    Examples
    --------
    >>> import tempfile
    >>> uri = f"sqlite:///{tempfile.mkdtemp()}/t.db"
    >>> _ = pd.DataFrame({"n": range(9), "x": range(9)}).to_sql("t", uri, index=False)
    >>> read_sql_table("t", uri, index_col="n", npartitions=2).divisions
    (0, 4, 8)
    """
    if not isinstance(table_name, str):
        raise TypeError(f"`table_name` must be of type str, not {type(table_name).__name__}")
    if not isinstance(con, str):
        raise TypeError(f"`con` must be of type str (a URI), not {type(con).__name__}")
    sa = _sqlalchemy()
    engine = sa.create_engine(con, **(engine_kwargs or {}))
    try:
        table = sa.Table(table_name, sa.MetaData(), autoload_with=engine, schema=schema)
    finally:
        engine.dispose()
    known = [column.name for column in table.columns]
    for one in (index_col, *(columns or ())):
        if isinstance(one, str) and one not in known:
            raise KeyError(f"{one!r} is no column of the table {table.name!r}{nearest(one, known)}")
    index = table.columns[index_col] if isinstance(index_col, str) else index_col
    wanted = list(table.columns)
    if columns is not None:
        wanted = [table.columns[one] if isinstance(one, str) else one for one in columns]
    if index.name not in [one.name for one in wanted]:
        wanted.append(index)
    return read_sql_query(
        sa.select(*wanted).select_from(table),
        con,
        index.name,
        divisions=divisions,
        npartitions=npartitions,
        limits=limits,
        bytes_per_chunk=bytes_per_chunk,
        head_rows=head_rows,
        meta=meta,
        engine_kwargs=engine_kwargs,
        **kwargs,
    )


def _sqlalchemy() -> Any:
    return import_required("sqlalchemy", "reading and writing databases")


def read_sql_query(
    sql: Any,
    con: str,
    index_col: Any,
    divisions: Any = None,
    npartitions: int | None = None,
    limits: Any = None,
    bytes_per_chunk: Any = "256 MiB",
    head_rows: int = 5,
    meta: Any = None,
    engine_kwargs: Any = None,
    **kwargs: Any,
) -> Any:
    """A frame of a query of a database.

    Parameters
    ----------
    sql
        An SQLAlchemy selectable; text cannot be cut into ranges.
    con
        Of the database: a URI.
    index_col
        The column of the query that becomes the index, by which it is cut.
    divisions
        Bounds of the ranges; rows outside of all are not read, and none in which it is NULL.
    npartitions
        How many ranges of equal width; by default by ``bytes_per_chunk``.
    limits
        The least and the largest value of the index that are read; looked up unless given.
    bytes_per_chunk
        About how large a partition is, in bytes.
    head_rows
        How many rows are read to learn dtypes and sizes.
    meta
        What the result looks like, instead.
    engine_kwargs
        Of `sqlalchemy.create_engine`.
    **kwargs
        Of `pandas.read_sql`.

    Raises
    ------
    TypeError
        Both ``divisions`` and ``npartitions``, or an index that has no ranges of equal width.
    ValueError
        ``sql`` is text; or, when computed, a partition has other dtypes than the first rows.

    Examples
    --------
    >>> import sqlalchemy as sa, tempfile
    >>> uri = f"sqlite:///{tempfile.mkdtemp()}/t.db"
    >>> _ = pd.DataFrame({"n": range(9), "x": range(9)}).to_sql("t", uri, index=False)
    >>> query = sa.select(sa.column("n"), sa.column("x")).select_from(sa.table("t"))
    >>> read_sql_query(query, uri, "n", npartitions=2).x.max().compute()
    np.int64(8)
    """
    if isinstance(sql, str):
        raise ValueError(
            "read_sql_query takes an SQLAlchemy selectable, got text; write it with "
            "sqlalchemy.select, or use read_sql_table"
        )
    if not isinstance(con, str):
        raise TypeError(f"`con` must be of type str (a URI), not {type(con).__name__}")
    if divisions is not None and npartitions is not None:
        raise TypeError("Must supply either 'divisions' or 'npartitions', not both")
    index = index_col if isinstance(index_col, str) else index_col.name
    query = Query(sql, con, index, tuple((engine_kwargs or {}).items()), tuple(kwargs.items()))
    row_bytes = 0.0
    if meta is None:
        if head_rows <= 0:
            raise ValueError("Must provide `meta` if `head_rows` is 0")
        head = query.read(lambda inner, _: inner.limit(head_rows))
        if head.empty:
            return from_pandas(query.read(lambda inner, _: inner), npartitions=1)
        row_bytes = head.memory_usage(deep=True, index=True).sum() / len(head)
        meta = head.iloc[:0]
    elif npartitions is None and divisions is None:
        head = query.read(lambda inner, _: inner.limit(max(head_rows, 1)))
        row_bytes = head.memory_usage(deep=True, index=True).sum() / max(len(head), 1)
    meta = make_meta(getattr(meta, "_meta", meta))
    told = divisions is not None or limits is not None
    if divisions is None:
        divisions = _divisions(query, limits, npartitions, row_bytes, bytes_per_chunk)
    known, last = tuple(divisions), len(divisions) - 2
    pairs = itertools.pairwise(divisions)
    ranges = [Range(low, high, i == last) for i, (low, high) in enumerate(pairs)]
    if not told:
        # The ends are those of the table; a database that has times as text may compare them so.
        ranges[0] = ranges[0]._replace(low=None)
        ranges[-1] = ranges[-1]._replace(high=None)
    if not told and query.has_missing():
        ranges.append(MISSING)
        known = (None,) * (len(ranges) + 1)
        meta = meta.set_axis(_with_gaps(meta.index), axis=0)
    reader = RangeReader(query, meta)
    return from_node(FromMap(reader, tuple(ranges), (), (), meta, known, None, "read-sql"))


class Range(NamedTuple):
    """Labels from one to another; None: there is no such bound.  Not public."""

    low: Any
    high: Any
    closed: bool | None
    """Whether the upper bound belongs to it; None: all it has are the rows without a label."""

    def where(self, column: Any) -> list[Any]:
        """The conditions for its rows."""
        if self.closed is None:
            return [column.is_(None)]
        low, high = (x.item() if isinstance(x, np.generic) else x for x in (self.low, self.high))
        below = [] if high is None else [column <= high if self.closed else column < high]
        above = [] if low is None else [column >= low]
        return [*above, *below] or [column.is_not(None)]


MISSING = Range(None, None, None)


def _with_gaps(index: pd.Index) -> pd.Index:
    """Labels of which some may be missing."""
    return index.astype("float64") if index.dtype.kind in "iu" else index


@dataclasses.dataclass(frozen=True, eq=False)
class Query:
    """A query of a database; not public."""

    sql: Any
    uri: str
    index: str
    engine_options: tuple[tuple[str, Any], ...]
    options: tuple[tuple[str, Any], ...]
    asked: str = dataclasses.field(default_factory=lambda: uuid.uuid4().hex)
    """Nothing tells whether a table has changed: what was read before is not taken for it."""

    def __shoal_tokenize__(self) -> Any:
        return self.asked

    def read(self, change: Any, index: bool = True) -> Any:
        """What pandas reads of a query made from this one."""
        sa = _sqlalchemy()
        inner = self.sql.subquery("shoal_query")
        wanted = change(sa.select(inner), inner.c[self.index])
        engine = sa.create_engine(self.uri, **dict(self.engine_options))
        try:
            told = {"index_col": self.index, **dict(self.options)} if index else {}
            return pd.read_sql(wanted, engine, **told)
        finally:
            engine.dispose()

    def has_missing(self) -> bool:
        """Whether there are rows without a label."""
        found = self.read(lambda inner, column: inner.where(column.is_(None)).limit(1), index=False)
        return len(found) > 0


def _divisions(
    query: Query, limits: Any, npartitions: int | None, row_bytes: float, chunk_bytes: Any
) -> Sequence[Any]:
    sa = _sqlalchemy()
    if limits is None:
        ends = query.read(
            lambda inner, column: sa.select(
                sa.func.min(column).label("low"), sa.func.max(column).label("high")
            ),
            index=False,
        )
        low, high, dtype = ends.low[0], ends.high[0], ends.high.dtype
    else:
        low, high = limits
        dtype = pd.Series(limits).dtype
    if npartitions is None:
        count = query.read(
            lambda inner, column: sa.select(sa.func.count(column).label("n")), index=False
        ).n[0]
        limit = parse_bytes(chunk_bytes) if isinstance(chunk_bytes, str) else chunk_bytes
        npartitions = round(count * row_bytes / limit) or 1
    if dtype.kind == "M":
        cuts = list(pd.date_range(low, high, periods=npartitions + 1))
    elif dtype.kind in "iu":
        low, high = int(low), int(high)
        cuts = [low + (high - low) * i // npartitions for i in range(npartitions + 1)]
    elif dtype.kind == "f":
        cuts = np.linspace(low, high, npartitions + 1).tolist()
    else:
        raise TypeError(
            f'Provided index column is of type "{dtype}".  If divisions is not provided the index '
            "column type must be numeric or datetime."
        )
    # What is between is rounded; a row at an end that was would be in no range.
    return [low, *cuts[1:-1], high]


class RangeReader:
    """Reads a range of a query; not public."""

    def __init__(self, query: Query, meta: Any, columns: Any = None) -> None:
        self.query, self.meta, self.columns = query, meta, columns

    def __shoal_tokenize__(self) -> Any:
        return self.query, self.meta, self.columns

    def project_columns(self, columns: list[Any]) -> RangeReader:
        """One that makes fewer columns.

        Parameters
        ----------
        columns
            Their names.
        """
        return RangeReader(self.query, self.meta[columns], columns)

    def __call__(self, low: Any, high: Any, closed: bool | None) -> Any:
        limits = Range(low, high, closed)

        def chosen(inner: Any, column: Any) -> Any:
            if self.columns is not None:
                source = column.table
                inner = _sqlalchemy().select(*(source.c[n] for n in self.columns), column)
            return inner.where(*limits.where(column))

        part = self.query.read(chosen)
        if not len(part):
            return self.meta
        if limits == MISSING or self.meta.index.dtype.kind == "f":
            part = part.set_axis(part.index.astype(self.meta.index.dtype), axis=0)
        part = part[list(self.meta.columns)]
        for name, want in self.meta.dtypes.items():
            if part.dtypes[name] != want and not fits(part[name], want):
                raise ValueError(
                    f"column {name!r} is {part.dtypes[name]} where {self.query.index} is from "
                    f"{low!r} to {high!r}, and {want} in the first rows; pass meta= with the "
                    "dtype that fits all rows, or a larger head_rows="
                )
        return part.astype(self.meta.dtypes.to_dict()) if len(self.meta.columns) else part


def to_sql(
    df: Any,
    name: str,
    uri: str,
    schema: str | None = None,
    if_exists: str = "fail",
    index: bool = True,
    index_label: Any = None,
    chunksize: int | None = None,
    dtype: Any = None,
    method: Any = None,
    compute: bool = True,
    parallel: bool = False,
    engine_kwargs: Any = None,
) -> Any:
    """Write a frame or series to a table of a database.

    The rows of a partition are in the table once, also where the task that writes them runs again
    because a worker has died: while rows are written there is a table ``shoal_write_...`` of the
    partitions that are in, each noted in the transaction of its rows.  Where such a table may not
    be made, rows are written without it.

    Parameters
    ----------
    df
        A frame or series.
    name
        Of the table.
    uri
        Of the database, such as "sqlite:///flights.db".
    schema, if_exists, index, index_label, chunksize, dtype, method
        As `pandas.DataFrame.to_sql` has them.
    compute
        False for a delayed value.
    parallel
        Whether partitions are written at the same time, in any order.
    engine_kwargs
        Of `sqlalchemy.create_engine`.

    Raises
    ------
    ValueError
        ``uri`` is no text, or the table is there and ``if_exists`` is "fail".

    Examples
    --------
    >>> import tempfile
    >>> from shoal.dataframe import from_dict
    >>> uri = f"sqlite:///{tempfile.mkdtemp()}/t.db"
    >>> to_sql(from_dict({"x": [1, 2]}, npartitions=2), "t", uri)
    >>> pd.read_sql("select x from t", uri).x.tolist()
    [1, 2]
    """
    if not isinstance(uri, str):
        raise ValueError(
            f"Expected URI to be a string, got {type(uri)}: partitions are written by tasks, "
            "which open connections of their own"
        )
    how = {
        "schema": schema,
        "index": index,
        "index_label": index_label,
        "chunksize": chunksize,
        "dtype": dtype,
        "method": method,
    }
    options = tuple((engine_kwargs or {}).items())
    writer = _TableWriter(name, uri, tuple(how.items()), options, new_mark())
    # The table is made, or found there, before any partition is written.
    made = delayed(writer)(df._meta, if_exists, NOBODYS, None)
    written: list[Any] = []
    for number, part in enumerate(FrameBase.to_delayed(df)):
        after = made if parallel or not written else written[-1]
        written.append(delayed(writer)(part, "append", number, after))
    if not compute:
        return delayed(writer.finish)(written)
    try:
        compute_all(delayed(list)(written))
    finally:
        # By itself: with the others, a task that is lost when the notes are gone would run again.
        compute_all(delayed(writer.finish)([]))
    return None


@dataclasses.dataclass(frozen=True)
class _TableWriter:
    """Writes a partition to a table, once however often it is called."""

    name: str
    uri: str
    how: tuple[tuple[str, Any], ...]
    engine_options: tuple[tuple[str, Any], ...]
    mark: str

    def __call__(self, part: Any, if_exists: str, number: int, after: Any) -> Any:
        sa = _sqlalchemy()
        with self._engine() as engine:
            notes = self._notes()
            if number == NOBODYS:
                with contextlib.suppress(sa.exc.DBAPIError):
                    notes.create(engine, checkfirst=True)
            has_notes = sa.inspect(engine).has_table(notes.name, schema=notes.schema)
            try:
                with engine.begin() as connection:
                    if has_notes:
                        connection.execute(notes.insert().values(part=number))
                    told = dict(self.how)
                    return part.to_sql(self.name, connection, if_exists=if_exists, **told)
            except sa.exc.IntegrityError:
                with engine.connect() as connection:
                    noted = sa.select(notes).where(notes.c.part == number)
                    if not has_notes or connection.execute(noted).first() is None:
                        raise  # of rows, when they were committed
                return None

    def finish(self, written: list[Any]) -> list[Any]:
        """Remove the notes of what is in the table."""
        with self._engine() as engine:
            self._notes().drop(engine, checkfirst=True)
        return written

    @contextlib.contextmanager
    def _engine(self) -> Iterator[Any]:
        engine = _sqlalchemy().create_engine(self.uri, **dict(self.engine_options))
        try:
            yield engine
        finally:
            engine.dispose()

    def _notes(self) -> Any:
        sa = _sqlalchemy()
        part = sa.Column("part", sa.Integer, primary_key=True, autoincrement=False)
        where = sa.MetaData(schema=dict(self.how)["schema"])
        return sa.Table(f"shoal_write_{self.mark}", where, part)
