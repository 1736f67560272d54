"""Partitions in memory: what a query reads of them, and what is handed on as it is.

A query is given the columns that its expressions read, without a copy where pandas has them as
plain numbers, and the number of each row.  All else goes by these numbers: labels, and columns that
nothing is computed of, whatever their dtypes, are taken from the partition itself.  So texts that
are only handed on are not converted, and results keep what pandas alone knows.

A translation says what is computed of which columns and names no rows, so that partitions in which
the same columns have missing values share one.  A partition that is not what was planned with
(other columns or dtypes, a class of its own) is left to pandas.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from shoal.dataframe.columnar import values as v
from shoal.dataframe.columnar.relations import Table
from shoal.dataframe.columnar.results import array_of, expression_of
from shoal.dataframe.columnar.values import Base, Untranslated, Value
from shoal.dataframe.kernels.columns import unwrapped
from shoal.dataframe.kernels.joins import taken

__all__ = ["Columns", "Partition", "PartitionRows", "collected", "filtered", "number_of"]

NUMBER = "number of the row"

ALWAYS = v.INTEGERS | {v.FLOAT, "bool"}
"""Dtypes whose values are never null in pandas."""


def number_of(meta: Any, value: Any = None) -> Any:
    """A scalar as a plain number, as which it means the same.

    Parameters
    ----------
    meta
        What the scalar looks like.
    value
        The scalar; None to see whether there is such a number.

    Raises
    ------
    Untranslated
        There is none.

    Examples
    --------
    >>> number_of(np.float64(0), np.float64(2.5))
    2.5
    """
    plain = {np.float64: float, np.int64: int}.get(type(meta))
    if plain is None or (value is not None and type(value) is not type(meta)):
        raise Untranslated(f"a scalar of type {type(meta).__name__}")
    return plain(1 if value is None else value)


class Partition:
    """A frame or series, as a table or a value of a query.

    Parameters
    ----------
    meta
        What it looks like.
    nulls
        Of the columns that are read, by their places as text: whether values are missing.

    Raises
    ------
    Untranslated
        It is an index, or has columns of one name.

    Examples
    --------
    >>> Partition(pd.DataFrame({"x": [1, 2], "o": [[], {}]})[:0]).found["x"].kind
    'int64'
    """

    __slots__ = ("base", "found")

    def __init__(self, meta: Any, nulls: Mapping[str, bool] | None = None) -> None:
        import polars as pl

        if not isinstance(meta, pd.DataFrame | pd.Series):
            raise Untranslated(f"a partition that is of type {type(meta).__name__}")
        self.base = base = Base(None, origin=self)
        known: Mapping[str, bool | str] = nulls or {}
        values = []
        for i, dtype in enumerate([meta.dtype] if meta.ndim == 1 else meta.dtypes):
            kind, name = _kind(dtype), str(i)
            # A column that is not read is not there: Polars refuses what is computed of it.
            null = kind not in ALWAYS and known.get(name, v.MAYBE)
            values.append(Value(base, pl.col(name), kind, null, kind == v.FLOAT))
        if meta.ndim == 1:
            self.found: Any = v.readable(values[0], "a series")
        else:
            self.found = Table(base, dict(zip(meta.columns, values, strict=True)))
            if len(self.found.columns) < len(values):
                raise Untranslated("columns of the same name")


def _kind(dtype: Any) -> str:
    """A dtype as text; another text where that means something else here."""
    apart = isinstance(dtype, pd.StringDtype) and dtype.storage != "pyarrow"
    return "text as objects" if apart else str(dtype)


class Columns:
    """The columns of partitions that a query reads.

    Parameters
    ----------
    meta
        What it was planned with.
    reads
        Places of the columns, as text.

    Examples
    --------
    >>> frame = pd.DataFrame({"x": [1, 2], "s": ["a", None]})
    >>> Columns(frame[:0], ["1"]).of(frame)[1]
    {'1': True}
    """

    __slots__ = ("dtypes", "meta", "reads")

    def __init__(self, meta: Any, reads: Collection[str]) -> None:
        self.meta = meta
        self.reads = sorted(reads)
        dtypes = [meta.dtype] if meta.ndim == 1 else list(meta.dtypes)
        self.dtypes = [dtype if _kind(dtype) in v.KINDS else None for dtype in dtypes]

    def of(self, block: Any) -> tuple[Any, dict[str, bool]]:
        """A data frame of Polars, and of each of its columns whether values are missing.

        Parameters
        ----------
        block
            A partition.

        Raises
        ------
        Untranslated
            It is not what the query was planned with.
        """
        import polars as pl

        _check(self.meta, block)
        # Those that are not read as well: nothing may have been done since none can be missing.
        dtypes = [block.dtype] if block.ndim == 1 else block.dtypes
        for dtype, planned in zip(dtypes, self.dtypes, strict=True):
            if planned is not None and dtype != planned:
                raise Untranslated(f"a column of dtype {dtype}, and not {planned}")
        columns = {}
        for name in self.reads:
            column = block if block.ndim == 1 else block.iloc[:, int(name)]
            try:
                columns[name] = _series_of(unwrapped(column.array))
            except (ValueError, UnicodeError) as error:  # Arrow's are ValueErrors
                raise Untranslated(str(error)) from error
        nulls = {name: column.null_count() > 0 for name, column in columns.items()}
        if not columns:
            columns["rows"] = pl.int_range(len(block), eager=True)  # so many rows
        return pl.DataFrame(columns), nulls


def _check(meta: Any, block: Any) -> None:
    if type(block) is not type(meta) or block.attrs != meta.attrs:
        raise Untranslated("a partition of another class, or with other attributes")
    if not block.flags.allows_duplicate_labels:
        raise Untranslated("labels that must not repeat")
    if meta.ndim == 1:
        same = block.name == meta.name or (block.name is None and meta.name is None)
    else:
        same = block.columns.equals(meta.columns) and block.columns.names == meta.columns.names
    if not same:
        raise Untranslated("a partition with other columns")


def _series_of(array: Any) -> Any:
    import polars as pl
    import pyarrow as pa

    if isinstance(array, np.ndarray):
        return pl.Series(array)
    return pl.Series(pl.from_arrow(pa.array(array)))


class PartitionRows:
    """Frames and series of the same rows of a partition, as one query.

    Parameters
    ----------
    metas
        What they look like in pandas.
    found
        The tables and values that they are.

    Examples
    --------
    >>> frame = pd.DataFrame({"x": [1, 2]}, index=["a", "b"])
    >>> x = Partition(frame[:0]).found["x"]
    >>> rows = PartitionRows([frame.x[:0]], [x.on(x.base.filter(x.expr > 1))])
    >>> rows.pandas(Columns(frame[:0], rows.reads).of(frame)[0], frame)[0].to_dict()
    {'b': 2}
    """

    __slots__ = ("base", "exprs", "kinds", "metas", "outs")

    def __init__(self, metas: Sequence[Any], found: Sequence[Table | Value]) -> None:
        self.base = base = found[0].base
        if any(one.base is not base for one in found):
            raise Untranslated("different rows of a partition")
        for meta, one in zip(metas, found, strict=True):
            if isinstance(one, Table) and list(one.columns) != list(meta.columns):
                raise Untranslated("columns of the same name")
        self.metas = metas
        self.exprs: list[Any] = []
        self.kinds: list[str] = []
        self.outs: list[list[tuple[bool, int]]] = []
        """Of each column of each whether it is handed on, and its place."""
        for one in found:
            columns = []
            for value in [one] if isinstance(one, Value) else one.columns.values():
                if handed := value.expr.meta.is_column():
                    columns.append((handed, int(value.expr.meta.output_name())))
                else:
                    columns.append((handed, len(self.exprs)))
                    self.exprs.append(expression_of(value).alias(f"c{len(self.exprs)}"))
                    self.kinds.append(value.kind)
            self.outs.append(columns)

    @property
    def reads(self) -> frozenset[str]:
        """The columns that are computed with."""
        return v.roots_of([*self.base.filters, *self.exprs])

    def pandas(self, frame: Any, block: Any) -> list[Any]:
        """The frames and series.

        Parameters
        ----------
        frame
            Columns of the partition.
        block
            The partition.
        """
        places = None
        index = block.index
        exprs = self.exprs
        lazy = frame.lazy()
        if self.base.filters:
            import polars as pl

            lazy, exprs = lazy.with_row_index(NUMBER), [pl.col(NUMBER), *exprs]
        out = collected(filtered(lazy, self.base).select(exprs), "in-memory")
        if self.base.filters:
            places = out[NUMBER].to_numpy().astype(np.int64)
            index = index.take(places)
        made = []
        for meta, columns in zip(self.metas, self.outs, strict=True):
            arrays = [
                _handed(block, place, places)
                if handed
                else array_of(out[f"c{place}"], self.kinds[place])
                for handed, place in columns
            ]
            if meta.ndim == 1:
                item = pd.Series(arrays[0], index=index, name=meta.name, copy=False)
            else:
                item = pd.DataFrame(dict(enumerate(arrays)), index=index, copy=False)
                item.columns = meta.columns
            if meta.attrs:
                item.attrs = dict(meta.attrs)
            made.append(item)
        return made


def _handed(block: Any, place: int, places: Any) -> Any:
    """A column of a partition: itself, so that pandas knows whose values these are, or rows."""
    column = block if block.ndim == 1 else block.iloc[:, place]
    return column if places is None else taken(column.array, places)


def filtered(frame: Any, base: Base) -> Any:
    """The rows of a partition that are left.

    Parameters
    ----------
    frame
        All of them, a lazy frame.
    base
        Knows which.

    Examples
    --------
    >>> import polars as pl
    >>> frame = pl.LazyFrame({"x": [1, 2]})
    >>> filtered(frame, Base(None, filters=(pl.col("x") > 1,))).collect().item()
    2
    """
    for expr in base.filters:
        frame = frame.filter(expr)
    return frame


def collected(query: Any, engine: Any) -> Any:
    """What a lazy frame gives.

    Parameters
    ----------
    query
        The frame.
    engine
        Of Polars.

    Raises
    ------
    Untranslated
        Polars cannot compute it.

    Examples
    --------
    >>> import polars as pl
    >>> collected(pl.LazyFrame({"x": [1]}), "in-memory").item()
    1
    """
    import polars as pl

    try:
        return query.collect(engine=engine)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise Untranslated(str(error)) from error
