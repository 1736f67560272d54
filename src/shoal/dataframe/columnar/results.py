"""What Polars computed, as pandas has it: the same dtypes, labels and order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from shoal.dataframe.columnar import values as v
from shoal.dataframe.columnar.relations import Table
from shoal.dataframe.columnar.values import Untranslated, Value

__all__ = ["Rows", "array_of", "expression_of", "index_of"]


def expression_of(value: Value) -> Any:
    """The expression of what goes back to pandas, whose floats have no other missing value.

    Parameters
    ----------
    value
        Any.

    Examples
    --------
    >>> import polars as pl
    >>> x = Value(v.Base(None), pl.col("x"), "float64", null=True)
    >>> pl.DataFrame({"x": [1.0, None]}).select(expression_of(x))["x"].to_list()
    [1.0, nan]
    """
    return value.expr.fill_null(float("nan")) if value.kind == v.FLOAT else value.expr


def array_of(column: Any, kind: str) -> Any:
    """A column as an array that pandas can hold, and write into.

    Parameters
    ----------
    column
        Of Polars.
    kind
        The pandas dtype, as text.

    Examples
    --------
    >>> import polars as pl
    >>> array_of(pl.Series([True, False]), "bool")
    array([ True, False])
    """
    if kind == "str":
        return pd.array(column.to_arrow(), dtype="str")
    values = column.to_numpy(writable=True)
    return values.astype(kind) if str(values.dtype) != kind else values


def index_of(columns: Sequence[Any], kinds: Sequence[str], names: Iterable[Any]) -> Any:
    """Columns as labels.

    Parameters
    ----------
    columns
        Of Polars.
    kinds
        Their pandas dtypes, as text.
    names
        Of the levels.

    Examples
    --------
    >>> import polars as pl
    >>> index_of([pl.Series([1, 2])], ["int64"], ["k"])
    Index([1, 2], dtype='int64', name='k')
    """
    arrays = [array_of(column, kind) for column, kind in zip(columns, kinds, strict=True)]
    if len(arrays) == 1:
        return pd.Index(arrays[0], name=next(iter(names)), copy=False)
    return pd.MultiIndex.from_arrays(arrays, names=list(names))


class Rows:
    """Frames and series of the same rows, which one query computes.

    Parameters
    ----------
    metas
        What they look like in pandas.
    found
        The tables and values that they are.

    Raises
    ------
    Untranslated
        Their rows have no labels that are known, or columns share a name.

    Examples
    --------
    >>> import polars as pl
    >>> base = v.Base(pl.LazyFrame({"x": [1, 2], "n": [0, 1]}), pl.col("n"))
    >>> x = Value(base, pl.col("x"), "int64")
    >>> rows = Rows([pd.Series([], name="x", dtype="int64")], [x])
    >>> rows.pandas(rows.query.collect())[0].tolist()
    [1, 2]
    """

    __slots__ = ("found", "labels", "metas", "query")

    def __init__(self, metas: Sequence[Any], found: Sequence[Table | Value]) -> None:
        base = found[0].base
        if base.labels is None or any(one.base is not base for one in found):
            raise Untranslated("rows whose labels nobody knows")
        for meta, one in zip(metas, found, strict=True):
            if isinstance(one, Table) and list(one.columns) != list(meta.columns):
                raise Untranslated("columns of the same name")
        self.metas, self.found = metas, found
        numbered = not isinstance(base.labels, tuple)
        self.labels = None if numbered else [value.kind for value in base.labels]
        labels = [base.labels] if numbered else [expression_of(value) for value in base.labels]
        exprs = [expr.alias(f"label {i}") for i, expr in enumerate(labels)]
        every = [value for one in found for value in _values(one)]
        exprs += [expression_of(value).alias(f"c{i}") for i, value in enumerate(every)]
        self.query = base.frame.select(exprs)

    def pandas(self, out: Any) -> list[Any]:
        """The frames and series.

        Parameters
        ----------
        out
            What the query gave.
        """
        columns = {column.name: column for column in out.get_columns()}
        del out  # each column goes as soon as pandas has it: both would be twice as much
        index = self._index(columns)
        made = []
        at = 0
        for meta, one in zip(self.metas, self.found, strict=True):
            values = _values(one)
            arrays = [array_of(columns.pop(f"c{at + i}"), x.kind) for i, x in enumerate(values)]
            at += len(values)
            if isinstance(one, Value):
                item = pd.Series(arrays[0], index=index, name=meta.name, copy=False)
            else:
                item = pd.DataFrame(dict(enumerate(arrays)), index=index, copy=False)
                item.columns = meta.columns
            if meta.attrs:
                item.attrs = dict(meta.attrs)
            made.append(item)
        return made

    def _index(self, columns: dict[str, Any]) -> Any:
        if self.labels is None:
            places = columns.pop("label 0").to_numpy().astype(np.int64)
            count = len(places)
            if not count or (places[0] == 0 and places[-1] == count - 1):
                return pd.RangeIndex(count)
            return pd.RangeIndex(int(places[-1]) + 1).take(places)
        labels = [columns.pop(f"label {i}") for i in range(len(self.labels))]
        return index_of(labels, self.labels, self.metas[0].index.names)


def _values(one: Table | Value) -> list[Value]:
    return [one] if isinstance(one, Value) else list(one.columns.values())
