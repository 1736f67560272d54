"""What a source of rows tells the columnar kernel: files, columns, and what their footers say."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

__all__ = ["NOT_A_TIME", "Column", "Scan", "ends_of", "footer_of", "is_whole", "naming_the_file"]


class Column(NamedTuple):
    """A column of a file, as its footer has it.

    Parameters
    ----------
    type
        Arrow's.
    size_bytes
        Not compressed.
    nulls
        How many; None where it is not known.
    ends
        The least and the largest number or moment; None where they are not known.
    odd
        Whether there may be moments that pandas takes for missing ones, and nobody else does.

    Examples
    --------
    >>> Column("int64", 80, 0).nulls
    0
    """

    type: Any
    size_bytes: int
    nulls: int | None
    ends: tuple[Any, Any] | None = None
    odd: bool = False

    def joined(self, other: Column) -> Column:
        """The column of this file and another one.

        Parameters
        ----------
        other
            There.
        """
        known = self.nulls is not None and other.nulls is not None
        nulls = (self.nulls or 0) + (other.nulls or 0) if known else None
        odd = self.odd or other.odd
        return Column(other.type, self.size_bytes + other.size_bytes, nulls, odd=odd)


@dataclasses.dataclass(frozen=True)
class Scan:
    """Files that are read as one table.

    Parameters
    ----------
    files
        Paths on this machine.
    rows
        How many all of them have.
    columns
        `Column` by name, of all files together.
    filters
        ``(column, operator, value)``: rows must meet all of them.
    slices
        For each file None, or the first row and how many are read; empty where all are.
    index
        Names of columns that are the labels of rows; of none, rows are numbered.

    Examples
    --------
    >>> Scan((), 0, {}, ()).size_bytes
    0
    """

    files: tuple[str, ...]
    rows: int
    columns: dict[str, Column]
    filters: tuple[Any, ...]
    slices: tuple[Any, ...] = ()
    index: tuple[str, ...] = ()

    def lazy(self) -> Any:
        """The rows as a lazy frame, whatever the filters."""
        import polars as pl

        if not self.files:
            return pl.LazyFrame()
        told: Any = dict.fromkeys(("hive_partitioning", "glob", "cache", "low_memory"), False)
        # Others may be there, and missing, in some files; those that are read were looked for.
        told |= {"extra_columns": "ignore", "missing_columns": "insert"}
        if not any(self.slices):
            return pl.scan_parquet(list(self.files), **told)
        frames = []
        for path, rows in zip(self.files, self.slices, strict=True):
            frame = pl.scan_parquet(path, **told)
            frames.append(frame if rows is None else frame.slice(*rows))
        return pl.concat(frames)

    @property
    def size_bytes(self) -> int:
        """About how large the columns are in memory."""
        return sum(max(column.size_bytes, 8 * self.rows) for column in self.columns.values())


class Footer(NamedTuple):
    """A footer in short: of a row group, how many rows it has; a column Polars cannot look at."""

    rows: int
    columns: dict[str, Column]
    groups: tuple[int, ...]
    refused: str | None


def is_whole(kind: Any) -> bool:
    """Whether values of a type are whole numbers.

    Parameters
    ----------
    kind
        Arrow's.

    Examples
    --------
    >>> import pyarrow
    >>> is_whole(pyarrow.int8())
    True
    """
    import pyarrow as pa

    return bool(pa.types.is_integer(kind))


def _has_ends(kind: Any) -> bool:
    """Whether bounds of a type are numbers or moments."""
    import pyarrow as pa

    told = (pa.types.is_integer, pa.types.is_floating, pa.types.is_timestamp, pa.types.is_date)
    return any(is_type(kind) for is_type in told)


NOT_A_TIME = -(2**63)
"""What pandas takes for a missing moment; Arrow and Polars do not."""


def ends_of(stats: Any) -> tuple[Any, Any] | None:
    """The least and the largest value; None where they are not known, or nothing Python has.

    Parameters
    ----------
    stats
        Of a column of a row group, or None.

    Examples
    --------
    >>> ends_of(None) is None
    True
    """
    if stats is None or not stats.has_min_max:
        return None
    try:
        low, high = stats.min, stats.max
    except (OverflowError, ValueError):  # moments before the year 1, or after 9999
        return None
    return (low, high) if low == low and high == high else None


def _is_odd(stats: Any, rows: int) -> bool:
    """Whether values may be `NOT_A_TIME`."""
    if stats is not None and stats.has_null_count and stats.null_count == rows:
        return False
    return stats is None or not stats.has_min_max or stats.min_raw == NOT_A_TIME


@contextmanager
def naming_the_file(path: str, kind: str = "Parquet") -> Iterator[None]:
    """Errors in the block get a note that says which file cannot be read, and what to do.

    Parameters
    ----------
    path
        Of a file whose footer is read.
    kind
        Of the file.

    Examples
    --------
    >>> try:
    ...     with naming_the_file("a.parquet"):
    ...         raise OSError("no footer")
    ... except OSError as error:
    ...     error.__notes__[0][:37]
    'a.parquet cannot be read as Parquet: '
    """
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError) as error:
        if not isinstance(error, FileNotFoundError):
            error.add_note(
                f"{path} cannot be read as {kind}: is it cut off, or of another kind? The other "
                "files can be read without it: pass a list of them"
            )
        raise


@functools.lru_cache(maxsize=4096)
def footer_of(path: str, fingerprint: Any) -> Footer:
    """What the footer of a file says.

    Parameters
    ----------
    path
        On this machine.
    fingerprint
        Changes when the file does.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> from_dict({"x": [1, 2]}, npartitions=1).to_parquet(folder, write_index=False)
    >>> footer_of(folder + "/part.0.parquet", 0).columns["x"].nulls
    0
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with naming_the_file(path):
        footer = pq.read_metadata(path)
    schema = footer.schema.to_arrow_schema()
    flat = footer.schema.names == schema.names
    columns = {}
    groups = [footer.row_group(i) for i in range(footer.num_row_groups)]
    for place, field in enumerate(schema):
        size, nulls = 0, 0 if flat else None
        ends: list[tuple[Any, Any]] | None = [] if _has_ends(field.type) else None
        odd = not flat
        for group in groups if flat else ():
            chunk = group.column(place)
            size += chunk.total_uncompressed_size
            stats = chunk.statistics
            if not group.num_rows:
                continue
            told = stats is not None and stats.has_null_count
            nulls = nulls + stats.null_count if told and nulls is not None else None
            odd = odd or _is_odd(stats, group.num_rows)
            if ends is not None:
                found = ends_of(stats)
                ends = None if found is None else [*ends, found]
        pair = (min(one for one, _ in ends), max(one for _, one in ends)) if ends else None
        odd = odd and pa.types.is_timestamp(field.type)
        columns[field.name] = Column(field.type, size, nulls, pair, odd)
    rows = tuple([group.num_rows for group in groups])
    return Footer(footer.num_rows, columns, rows, _refused(footer.schema, schema))


def _refused(stored: Any, schema: Any) -> str | None:
    """A column for which Polars would not read any of a file's, as it is not made for its type."""
    import pyarrow as pa

    for i in range(len(stored)):
        if stored.column(i).converted_type == "INTERVAL":
            return f"column {stored.column(i).path!r} of intervals"
    for field in schema:
        if pa.types.is_list_view(field.type) or pa.types.is_large_list_view(field.type):
            return f"column {field.name!r} of {field.type}"
    return None
