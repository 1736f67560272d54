"""Frames as something else: arrays, bags, records, other types of partitions; and their size."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from shoal.dataframe.collection.align import aligned, wrapped
from shoal.dataframe.collection.base import FrameBase, check_axis, from_node, operand
from shoal.dataframe.collection.generate import check_columns
from shoal.dataframe.kernels import rows
from shoal.dataframe.kernels.moments import finest_time, times_as_text
from shoal.dataframe.meta import make_meta, sample_of, untold
from shoal.dataframe.nodes.rowwise import MapPartitions
from shoal.delayed import delayed
from shoal.seams import across

__all__ = [
    "astype",
    "dot",
    "info",
    "iterrows",
    "itertuples",
    "memory_usage",
    "memory_usage_per_partition",
    "nbytes",
    "squeeze",
    "to_backend",
    "to_bag",
    "to_dask_array",
    "to_records",
    "to_timestamp",
    "total_mem_usage",
]


def to_dask_array(self: Any, lengths: Any = None, meta: Any = None, optimize: bool = True) -> Any:
    """The values as an array, a block a partition.

    Parameters
    ----------
    lengths
        Rows of each partition, or True to compute them; unknown by default.
    meta
        An empty array like the result.
    optimize
        Accepted for programs written for Dask.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [1, 2, 3]}, npartitions=2).x.to_dask_array(lengths=True).chunks
    ((2, 1),)
    """
    count = self.npartitions
    if lengths is True:
        lengths = self.map_partitions(len, enforce_metadata=False).compute().tolist()
    elif lengths is None:
        lengths = [np.nan] * count
    elif not isinstance(lengths, Sequence):
        raise ValueError(
            f"Unexpected value for lengths: {lengths!r}; pass True, or a number of rows for each "
            "partition"
        )
    if len(lengths) != count:
        raise ValueError(
            "The number of items in `lengths` does not match the number of partitions. "
            f"{len(lengths)} != {count}"
        )
    if meta is None:
        meta = _values(self._meta)
    node = MapPartitions(_values, (self._node,), (), _values(self._meta), None, "values")
    return across("blocks to array", node, list(lengths), meta)


def _values(part: Any) -> Any:
    return part.to_numpy()


def to_bag(self: Any, index: bool = False, format: str = "tuple") -> Any:
    """A bag with an element for each row.

    Parameters
    ----------
    index
        Whether the label comes first.
    format
        "tuple" or "dict".

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [1, 2]}, npartitions=2).to_bag(format="dict").compute()
    [{'x': 1}, {'x': 2}]
    """
    if format not in ("tuple", "dict"):
        raise ValueError(f"format is 'tuple' or 'dict', got {format!r}")
    parts = [delayed(_elements)(part, index, format) for part in self.to_delayed()]
    return across("delayed to bag", parts)


def _elements(part: Any, index: bool, format: str) -> list[Any]:
    if isinstance(part, pd.DataFrame):
        if format == "dict":
            whole = part.reset_index() if index else part
            return [dict(zip(whole.columns, row, strict=True)) for row in _tuples(whole)]
        return list(part.itertuples(index=index, name=None))
    if isinstance(part, pd.Index):
        part = part.to_series()
    if format == "dict":
        return [{part.name: value} for value in part]
    return list(part.items()) if index else list(part)


def _tuples(frame: pd.DataFrame) -> Any:
    return frame.itertuples(index=False, name=None)


def to_records(self: Any, index: bool = True, lengths: Any = None) -> Any:
    """The rows as an array of records.

    Parameters
    ----------
    index
        Whether the label is a field.
    lengths
        As `to_dask_array` has them.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [1, 2]}, npartitions=2).to_records().compute().tolist()
    [(0, 1), (1, 2)]
    """
    if lengths is True:
        lengths = self.map_partitions(len).compute().tolist()
    meta = _records(self._meta, index)
    node = MapPartitions(_records, (self._node, index), (), meta, None, "to-records")
    if lengths is None:
        lengths = [np.nan] * self.npartitions
    return across("blocks to array", node, list(lengths), meta)


def _records(part: Any, index: bool) -> Any:
    return part.to_records(index=index)


def to_timestamp(self: Any, freq: Any = None, how: str = "start", axis: Any = 0) -> Any:
    """An index of periods as one of times.

    Parameters
    ----------
    freq, how
        As pandas has them.
    axis
        0.

    Examples
    --------
    >>> import pandas as pd
    >>> from shoal.dataframe import from_pandas
    >>> s = pd.Series([1], index=pd.period_range("2020", periods=1, freq="Y"))
    >>> from_pandas(s, npartitions=1).to_timestamp().index.compute()[0]
    Timestamp('2020-01-01 00:00:00')
    """
    check_axis(self, axis)
    options = (("freq", freq), ("how", how))
    meta = _to_timestamp(self._meta, options)
    divisions: Any = (None,) * (self.npartitions + 1)
    if self.known_divisions:
        divisions = tuple(pd.PeriodIndex(self.divisions).to_timestamp(freq=freq, how=how))
    args = (self._node, options)
    return from_node(MapPartitions(_to_timestamp, args, (), meta, divisions, "to-timestamp"))


def _to_timestamp(part: Any, options: Any) -> Any:
    return part.to_timestamp(**dict(options))


def to_backend(self: Any, backend: str | None = None, **kwargs: Any) -> Any:
    """The same on another type of partitions.

    Parameters
    ----------
    backend
        "pandas", the only one there is.
    **kwargs
        Accepted for programs written for Dask.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> len(from_dict({"x": [1]}, npartitions=1).to_backend("pandas"))
    1
    """
    if backend not in (None, "pandas"):
        raise ValueError(
            f"No backend dispatch registered for {backend!r}: partitions are pandas objects"
        )
    return self.copy()


def memory_usage(self: Any, index: bool = True, deep: bool = False) -> Any:
    """The bytes that each column takes.

    Parameters
    ----------
    index
        Whether the labels count.
    deep
        Whether objects are asked for their size.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [1, 2]}, npartitions=1).memory_usage(index=False).compute().tolist()
    [16]
    """
    if isinstance(self._meta, pd.Index):
        return self._reduce("memory_usage", meta=0, deep=deep)
    return self._reduce("memory_usage", index=index, deep=deep)


def memory_usage_per_partition(self: Any, index: bool = True, deep: bool = False) -> Any:
    """The bytes that each partition takes.

    Parameters
    ----------
    index
        Whether the labels count.
    deep
        Whether objects are asked for their size.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2]}, npartitions=2)
    >>> df.memory_usage_per_partition(index=False).compute().tolist()
    [8, 8]
    """
    meta = pd.Series([], dtype="int64")
    return self.map_partitions(_bytes, index, deep, meta=meta).clear_divisions()


def _bytes(part: Any, index: bool, deep: bool) -> Any:
    return pd.Series([total_mem_usage(part, index=index, deep=deep)])


def total_mem_usage(df: Any, index: bool = True, deep: bool = False) -> int:
    """The bytes that a pandas frame or series takes.

    Parameters
    ----------
    df
        A frame or series.
    index
        Whether the labels count.
    deep
        Whether objects are asked for their size.

    Examples
    --------
    >>> total_mem_usage(pd.Series([1, 2]), index=False)
    16
    """
    return int(np.sum(df.memory_usage(index=index, deep=deep)))


def nbytes(self: Any) -> Any:
    """Refused: a frame has no such number in pandas, either.

    Raises
    ------
    NotImplementedError
        Always; says what to use.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [1]}, npartitions=1).nbytes()
    Traceback (most recent call last):
    ...
    NotImplementedError: nbytes of a frame: use memory_usage().sum()
    """
    raise NotImplementedError("nbytes of a frame: use memory_usage().sum()")


def info(self: Any, buf: Any = None, verbose: bool = False, memory_usage: bool = False) -> None:
    """Print what there is: columns, dtypes, and rows if asked to count them.

    Parameters
    ----------
    buf
        What is written to; standard output by default.
    verbose
        Count rows and values.
    memory_usage
        Measure the bytes.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [1]}, npartitions=1).info()
    <class 'shoal.dataframe.collection.frame.DataFrame'>
    Columns: 1 entries, x to x
    dtypes: int64(1)
    """
    out = buf or sys.stdout
    kind = type(self)
    lines = [f"<class '{kind.__module__}.{kind.__qualname__}'>"]
    columns = self.columns
    if not len(columns):
        out.write("\n".join([*lines, "Index: 0 entries", f"Empty {kind.__name__}"]) + "\n")
        return
    if verbose:
        counts = self.count().compute()
        lines.append(f"Index: {len(self)} entries")
        lines.append(f"Data columns (total {len(columns)} columns):")
        table = pd.DataFrame(
            {
                "Column": [str(name) for name in columns],
                "Non-Null Count": [f"{count} non-null" for count in counts],
                "Dtype": [str(dtype) for dtype in self.dtypes],
            }
        )
        lines.append(table.to_string())
    else:
        lines.append(f"Columns: {len(columns)} entries, {columns[0]} to {columns[-1]}")
    kinds = self.dtypes.astype(str).value_counts().sort_index()
    lines.append("dtypes: " + ", ".join(f"{name}({n})" for name, n in kinds.items()))
    if memory_usage:
        total = int(self.memory_usage(deep=True).sum().compute())
        lines.append(f"memory usage: {total / 1024:.1f} KB")
    out.write("\n".join(lines) + "\n")


def squeeze(self: Any, axis: Any = None) -> Any:
    """A frame of one column as a series.

    Parameters
    ----------
    axis
        1 or None.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [1]}, npartitions=1).squeeze().name
    'x'
    """
    along = None if axis is None else check_axis(self, axis)
    if self.ndim == 1:
        return self.copy()
    if along == 0:
        raise NotImplementedError(
            f"{type(self)} does not support squeeze along axis 0: how many rows there are is not "
            "known; compute() first"
        )
    return self[self.columns[0]] if len(self.columns) == 1 else self.copy()


def itertuples(self: Any, index: bool = True, name: str | None = "Pandas") -> Iterator[Any]:
    """The rows as named tuples, a partition computed at a time.

    Parameters
    ----------
    index
        Whether the label comes first.
    name
        Of the tuples' class.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> [row.x for row in from_dict({"x": [1, 2]}, npartitions=2).itertuples()]
    [1, 2]
    """
    for i in range(self.npartitions):
        yield from self.get_partition(i).compute().itertuples(index=index, name=name)


def iterrows(self: Any) -> Iterator[Any]:
    """The rows as pairs of a label and a series, a partition computed at a time.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> [label for label, row in from_dict({"x": [1, 2]}, npartitions=2).iterrows()]
    [0, 1]
    """
    for i in range(self.npartitions):
        yield from self.get_partition(i).compute().iterrows()


def dot(self: Any, other: Any, meta: Any = None) -> Any:
    """The scalar product with another series, or of each row with a series in memory.

    Parameters
    ----------
    other
        A series or frame.
    meta
        Of the result.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> x = from_dict({"x": [1, 2]}, npartitions=2).x
    >>> x.dot(x).compute()
    np.int64(5)
    """
    if self.ndim == 2:
        if isinstance(other, pd.Series | pd.DataFrame):
            meta = make_meta(self._meta.dot(other)) if untold(meta) else make_meta(meta)
            args = (self._node, "dot", other)
            return from_node(MapPartitions(rows.call_method, args, (), meta, None, "dot"))
        raise TypeError("dot of a frame takes a series or frame in memory; compute() it first")
    if getattr(other, "ndim", 0) == 2:
        products = other.mul(self, axis=0) if not isinstance(other, pd.DataFrame) else None
        if products is None:
            raise TypeError("dot of a series takes a series, or a frame of shoal")
        out = products.sum(skipna=False)
        return out.rename(self.name if untold(meta) else make_meta(meta).name)
    if not isinstance(other, FrameBase | pd.Series):
        raise TypeError(f"dot takes a series, got {type(other).__name__}")
    both = aligned([self._node, wrapped(operand(other))], "dot", match="single")
    product = (self._meta * both[1].meta).rename(None)
    node = MapPartitions(rows.aligned_product, tuple(both), (), product, None, "dot")
    return from_node(node).sum(skipna=False)


def astype(self: Any, dtype: Any, **kwargs: Any) -> Any:
    """The values as another dtype.

    Times become text whose precision is that of the finest of all values, which is looked for
    first: pandas leaves out "00:00:00" only where every value is midnight.

    Parameters
    ----------
    dtype
        A dtype, or one for each of some columns.
    **kwargs
        As pandas has them.

    Examples
    --------
    >>> import pandas as pd
    >>> from shoal.dataframe import from_pandas
    >>> times = pd.Series(pd.to_datetime(["2024-01-01", "2024-01-01 12:00"], format="ISO8601"))
    >>> from_pandas(times, npartitions=2).astype("str").compute().tolist()
    ['2024-01-01 00:00:00', '2024-01-01 12:00:00']
    """
    if self.ndim == 1:
        if not (_is_time(self.dtype) and _is_text(dtype)):
            return self._rowwise("astype", dtype, **kwargs)
        meta = self._meta.astype(dtype, **kwargs)
        some = pd.Series(sample_of(self._meta)).iloc[0]
        finest = self.reduction(finest_time, meta=some)
        return self.map_partitions(times_as_text, finest, dtype, meta=meta, **kwargs)
    if isinstance(dtype, dict):
        check_columns(self, list(dtype))
    told = dtype if isinstance(dtype, dict) else dict.fromkeys(self.columns, dtype)
    texts = [
        name
        for name, wanted in told.items()
        if name in self.columns and _is_text(wanted) and _is_time(self._meta.dtypes[name])
    ]
    if not texts or not self.columns.is_unique:
        return self._rowwise("astype", dtype, **kwargs)
    out = self._assigned({name: astype(self[name], told[name], **kwargs) for name in texts})
    rest = {name: wanted for name, wanted in told.items() if name not in texts}
    return out._rowwise("astype", rest, **kwargs) if rest else out


def _is_time(dtype: Any) -> bool:
    return isinstance(dtype, pd.DatetimeTZDtype) or getattr(dtype, "kind", "") in ("M", "m")


def _is_text(dtype: Any) -> bool:
    wanted = pd.api.types.pandas_dtype(dtype)
    return isinstance(wanted, pd.StringDtype) or getattr(wanted, "kind", "") == "U"
