"""Regions: a whole reduction, from the files to the result, as one task of the columnar kernel.

The limit is the size of the data that is read (the setting ``dataframe.columnar-limit``), known
from the footers of the files.  Below it one task is faster than many: Polars has threads of its
own, joins need no shuffle, and nothing is converted before the result.  (Measured on TPC-H at
scale 1; rejected: pandas between columnar stages, which spends most of the time on conversions.)
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from shoal.dataframe.columnar import values as v
from shoal.dataframe.columnar.relations import ROW_NUMBERS, Table, Translator
from shoal.dataframe.columnar.results import array_of, expression_of, index_of
from shoal.dataframe.columnar.values import Untranslated, Value
from shoal.dataframe.kernels.groups import GroupReducer
from shoal.dataframe.kernels.reductions import Reducer
from shoal.dataframe.nodes.base import FrameNode, compile_program
from shoal.expr.lower import Lowering
from shoal.graph.layers import Const

__all__ = ["Columnar", "Region"]

SCALARS = frozenset(["sum", "mean", "count", "min", "max", "len", "size"])


class Region:
    """A reduction and what it reads, translated; called, it computes the result.

    Parameters
    ----------
    root
        The reduction.

    Raises
    ------
    Untranslated
        Something in it has no exact equivalent.

    Examples
    --------
    >>> from shoal.dataframe import from_dict, read_parquet
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> from_dict({"x": [1, 2]}, npartitions=1).to_parquet(folder, write_index=False)
    >>> Region(read_parquet(folder).x.sum().expr)()
    np.int64(3)
    """

    __slots__ = ("query", "readers", "root", "scans", "translated")

    __name__ = "columnar"

    def __init__(self, root: Any) -> None:
        self.root = root
        reducer = root.reducer
        scalar = type(reducer) is Reducer and reducer.name in SCALARS
        translator = Translator(ordered=reducer.title == "nlargest")
        if scalar:
            self.translated: Any = translator(root.args[0])
            self.query = _scalar_query(self.translated, reducer)
        else:
            self.translated = translator.table(root)
            if not self.translated.keys and self.translated.index is None:
                raise Untranslated(f"the index of {reducer.title}")
            self.query = _table_query(self.translated, reducer)
        self.scans, self.readers = translator.scans, translator.readers

    @property
    def size_bytes(self) -> int:
        """About how large the columns that are read are in memory."""
        return sum(scan.size_bytes for scan in self.scans)

    def __call__(self) -> Any:
        """Compute the result."""
        import polars as pl

        try:
            out = self.query.collect()
        except (pl.exceptions.PolarsError, OSError):
            self._find_what_cannot_be_read()
            raise
        reducer = self.root.reducer
        if isinstance(reducer, Reducer) and reducer.name in SCALARS:
            return _scalar(out.row(0), self.translated, reducer.name)
        return _as_pandas(out, self.translated, self.root)

    def _find_what_cannot_be_read(self) -> None:
        """Read the files one after the other with pandas, whose error names the one at fault."""
        for reader in self.readers:
            program, (parts,) = compile_program([], [reader])  # type: ignore[list-item]
            for pieces in parts:
                program(pieces)

    def __shoal_tokenize__(self) -> Any:
        return self.root.name

    def __reduce__(self) -> Any:
        return Region, (self.root,)


def _scalar_query(value: Any, reducer: Reducer) -> Any:
    import polars as pl

    options = dict(reducer.options)
    if any(options.get(k, d) not in (d, None) for k, d in (("skipna", True), ("min_count", 0))):
        raise Untranslated(f"{reducer.name} with options")
    if set(options) - {"skipna", "min_count"}:
        raise Untranslated(f"{reducer.name} with {set(options)}")
    if reducer.name == "len" and isinstance(value, Table):
        return value.base.frame.select(pl.len().alias("rows"), pl.len().alias("count"))
    if not isinstance(value, Value):
        raise Untranslated(f"{reducer.name} of a frame")
    expr = v.without_nan(value)
    rows, count = pl.len().alias("rows"), expr.count().alias("count")
    if reducer.name in ("len", "size", "count"):
        count = count if reducer.name == "count" else pl.len().alias("count")
        return value.base.frame.select(rows, count)
    if value.kind not in (v.FLOAT, "int64"):
        raise Untranslated(f"{reducer.name} of {value.kind}")
    if reducer.name == "mean" and value.kind == "int64":
        expr = expr.cast(pl.Int128)  # the sum of a few times in nanoseconds takes more than 64 bits
    fold = "sum" if reducer.name == "mean" else reducer.name
    return value.base.frame.select(rows, count, getattr(expr, fold)().alias("value"))


def _scalar(row: tuple[Any, ...], value: Any, name: str) -> Any:
    """The result that pandas gives; of nothing, NaN or 0."""
    _, count, *rest = row
    if not rest:
        return np.int64(count) if name == "count" else int(count)
    if rest[0] is None:
        return np.nan
    if name == "mean":
        return np.float64(rest[0]) / count if count else np.nan
    return np.float64(rest[0]) if value.kind == v.FLOAT else np.int64(rest[0])


def _table_query(table: Table, reducer: Any) -> Any:
    every = {**table.keys, **table.columns}
    exprs = [expression_of(value).alias(f"c{i}") for i, value in enumerate(every.values())]
    frame = table.base.frame
    if table.keys or type(reducer) is GroupReducer:
        named = frame.select(exprs)
        return named.sort([f"c{i}" for i in range(len(reducer.by))]) if reducer.sort else named
    if table.index != ROW_NUMBERS:
        import polars as pl

        exprs.append(pl.col(table.index).alias("index"))
    return frame.select(exprs)


def _as_pandas(out: Any, table: Table, root: Any) -> Any:
    every = [*table.keys.values(), *table.columns.values()]
    columns = [out[f"c{i}"] for i in range(len(every))]
    kinds = [value.kind for value in every]
    count = len(table.keys)
    index: Any = pd.RangeIndex(len(out))
    if count:
        index = index_of(columns[:count], kinds[:count], table.keys)
    elif "index" in out.columns:
        index = pd.Index(out["index"].to_numpy().astype(np.int64))
    arrays = [array_of(*pair) for pair in zip(columns[count:], kinds[count:], strict=True)]
    meta = root.meta
    if meta.ndim == 1:
        return pd.Series(arrays[0], index=index, name=meta.name, copy=False)
    frame = pd.DataFrame(dict(enumerate(arrays)), index=index, copy=False)
    frame.columns = meta.columns
    return frame


class Columnar(FrameNode):
    """A reduction that one task computes, from the files to the result.

    Parameters
    ----------
    region
        A `Region`.

    Examples
    --------
    >>> Columnar.fields
    ('region',)
    """

    __slots__ = ()
    fields = ("region",)
    prefix = "columnar"

    @classmethod
    def make_name(cls, operands: tuple[Any, ...], annotations: dict[str, Any] | None) -> str:
        """That of the reduction: it says all that is computed."""
        return f"{operands[0].root.name}-columnar"

    def infer_meta(self) -> Any:
        """The reduction's."""
        return self.region.root.meta

    def infer_divisions(self) -> tuple[Any, ...]:
        """One partition."""
        divisions: tuple[Any, ...] = self.region.root.divisions
        return divisions

    def place(self, lowering: Lowering) -> None:
        """One task."""
        lowering.add_grid(self, _run, [Const(self.region)])

    def label(self) -> str:
        """What is computed, and of how much."""
        rows = sum(scan.rows for scan in self.region.scans)
        size = self.region.size_bytes / 1e6
        read = " | ".join(reader.label() for reader in self.region.readers)
        return f"Columnar({self.region.root.label()} of {rows:,} rows, {size:,.0f} MB: {read})"


def _run(region: Region) -> Any:
    return region()
