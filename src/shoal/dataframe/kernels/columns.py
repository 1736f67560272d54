"""Partitions as plain columns: what a shuffle cuts, moves and puts together.

A pandas object is dear to make and to pickle: a hundred microseconds, whatever is in it.  A shuffle
of n by m partitions moves n x m pieces, so its pieces are no pandas objects but *vectors* (NumPy
arrays, Arrow arrays) and a *layout*, bytes that say what they are columns of.  Cutting a partition
is one sort of small integers and one gather for each vector; a piece is a slice of the result, made
when somebody reads it; a new partition is one concatenation for each vector.

=============  ============================  ====================================
column         vectors                       made whole by
=============  ============================  ====================================
NumPy          the array                     nothing
Arrow, str     one Arrow array               ``dtype.__from_arrow__``
categorical    codes                         ``Categorical.from_codes``
nullable       values, mask                  the array's class
with a zone    integers                      ``DatetimeIndex``
any other      pandas' own array             nothing
=============  ============================  ====================================

Partitions whose layouts differ (other categories, another dtype) are put together by
`concat_rows`, as frames.
"""

from __future__ import annotations

import functools
import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from shoal.dataframe.kernels.levels import levels_of
from shoal.dataframe.kernels.ordering import stable_order
from shoal.dataframe.kernels.reductions import concat_rows
from shoal.types import Parts

__all__ = [
    "CutRows",
    "Rows",
    "cut_rows",
    "dtypes_of",
    "frame_of",
    "join_rows",
    "open_rows",
    "rows_of",
    "unwrapped",
]

PLAIN, ARROW, CODES, MASKED, ZONED, WHOLE = range(6)
"""How a column is made of vectors."""

WIDTH = (1, 1, 1, 2, 1, 1)
"""Of each: how many vectors."""

TEXT = (pa.string(), pa.large_string())


class Rows:
    """Rows of a frame or a series: a layout and its vectors.

    Parameters
    ----------
    layout
        Bytes: what `decode_layout` reads.  Equal for objects of equal columns.
    vectors
        Of equal length.
    length
        Of each.

    Examples
    --------
    >>> rows = rows_of(pd.DataFrame({"x": [1, 2], "y": ["a", None]}))
    >>> len(rows), rows.pandas().y.isna().tolist()
    (2, [False, True])
    """

    __slots__ = ("layout", "length", "vectors")

    def __init__(self, layout: bytes, vectors: Sequence[Any], length: int) -> None:
        self.layout = layout
        self.vectors = vectors
        self.length = length

    def __len__(self) -> int:
        return self.length

    def pandas(self) -> Any:
        """The frame or series."""
        return assemble(decode_layout(self.layout), self.vectors, self.length)

    def __reduce__(self) -> Any:
        # Arrow's own pickles hold all of what an array is a slice of.
        return unpack_rows, (self.layout, list(map(pack, self.vectors)), self.length)


def pack(vector: Any) -> Any:
    """A vector as something whose pickle holds no more than the vector."""
    if not isinstance(vector, pa.Array):
        return vector
    batch = pa.record_batch([vector], names=["0"])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return Packed(sink.getvalue())


class Packed:
    """An Arrow array as one buffer."""

    __slots__ = ("data",)

    def __init__(self, data: Any) -> None:
        self.data = data

    def __reduce_ex__(self, protocol: Any) -> Any:
        return Packed, (pickle.PickleBuffer(self.data),)

    def open(self) -> Any:
        """The array, in the buffer's memory."""
        return pa.ipc.open_stream(pa.py_buffer(self.data)).read_next_batch().column(0)


def unpack_rows(layout: bytes, packed: Sequence[Any], length: int) -> Rows:
    """Rows from their pickle."""
    return Rows(layout, [v.open() if type(v) is Packed else v for v in packed], length)


# ------------------------------------------------------------------------------------ layouts


def rows_of(item: Any, keep_index: bool = True) -> Rows | None:
    """A frame or series as vectors; None for anything else.

    Parameters
    ----------
    item
        A partition.
    keep_index
        False where nobody reads the labels: they are numbers from 0 then.

    Examples
    --------
    >>> rows_of(pd.Index([1])) is None
    True
    """
    if isinstance(item, pd.DataFrame):
        arrays = [item.iloc[:, i].array for i in range(item.shape[1])]
        names: Any = item.columns
    elif isinstance(item, pd.Series):
        arrays, names = [item.array], item.name
    else:
        return None
    if type(item) not in (pd.DataFrame, pd.Series):
        return None
    index, labels = item.index, None
    if keep_index:
        labels = tuple(index.names)
        arrays += (
            [level.array for level in levels_of(index)]
            if isinstance(index, pd.MultiIndex)
            else [index.array]
        )
    kinds, dtypes, vectors = [], [], []
    for array in map(unwrapped, arrays):
        kind, parts = vectors_of(array)
        kinds.append(kind)
        dtypes.append(array.dtype)
        vectors += parts
    layout = pickle.dumps((item.ndim, names, labels, kinds, dtypes), 5)
    return Rows(layout, vectors, len(item))


@functools.lru_cache(maxsize=512)
def decode_layout(layout: bytes) -> Any:
    """Dimensions, names, names of the labels, kinds and dtypes of the columns."""
    return pickle.loads(layout)


def unwrapped(array: Any) -> Any:
    """The NumPy array itself, where pandas has wrapped one.

    Parameters
    ----------
    array
        Of a column.

    Examples
    --------
    >>> type(unwrapped(pd.Series([1]).array)).__name__
    'ndarray'
    """
    return array.to_numpy() if isinstance(array, pd.arrays.NumpyExtensionArray) else array


def vectors_of(array: Any) -> tuple[int, list[Any]]:
    """How a column is made of vectors, and these."""
    dtype = array.dtype
    if isinstance(dtype, np.dtype):
        return PLAIN, [np.asarray(array)]
    if isinstance(dtype, pd.CategoricalDtype):
        return CODES, [np.asarray(array.codes)]
    if isinstance(dtype, pd.ArrowDtype) or (
        isinstance(dtype, pd.StringDtype) and dtype.storage == "pyarrow"
    ):
        found = pa.array(array)
        return ARROW, [found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found]
    if isinstance(array, pd.core.arrays.masked.BaseMaskedArray):
        return MASKED, [array._data, array._mask]
    if isinstance(dtype, pd.DatetimeTZDtype):
        return ZONED, [array.asi8]
    return WHOLE, [array]


def array_of(kind: int, dtype: Any, vectors: Sequence[Any]) -> Any:
    """A column from its vectors."""
    if kind in (PLAIN, WHOLE):
        return vectors[0]
    if kind == ARROW:
        return dtype.__from_arrow__(vectors[0])
    if kind == CODES:
        return pd.Categorical.from_codes(vectors[0], dtype=dtype, validate=False)
    if kind == MASKED:
        return dtype.construct_array_type()(*vectors)
    moments = pd.DatetimeIndex(vectors[0].view(f"M8[{dtype.unit}]"), copy=False)
    return moments.tz_localize("UTC").tz_convert(dtype.tz).array


def assemble(layout: Any, vectors: Sequence[Any], length: int) -> Any:
    """A frame or series from a layout and its vectors."""
    ndim, names, labels, kinds, dtypes = layout
    arrays, at = [], 0
    for kind, dtype in zip(kinds, dtypes, strict=True):
        arrays.append(array_of(kind, dtype, vectors[at : at + WIDTH[kind]]))
        at += WIDTH[kind]
    columns = len(kinds) - (len(labels) if labels is not None else 0)
    index = index_of(arrays[columns:], labels, length)
    if ndim == 1:
        return pd.Series(arrays[0], index=index, name=names, dtype=arrays[0].dtype, copy=False)
    return frame_of(arrays[:columns], index, names)


def frame_of(arrays: Sequence[Any], index: pd.Index, names: Any) -> pd.DataFrame:
    """Columns as a frame, each of the dtype that it has.

    Parameters
    ----------
    arrays
        Of the index's length.
    index, names
        Labels of the rows and of the columns.

    Examples
    --------
    >>> frame_of([np.array(["a"], dtype=object)], pd.RangeIndex(1), ["x"]).x.dtype
    dtype('O')
    """
    # pandas looks into arrays of objects, and takes texts and times for such; not into series.
    columns = {
        i: pd.Series(array, index=index, dtype=object, copy=False)
        if array.dtype == object
        else array
        for i, array in enumerate(arrays)
    }
    frame = pd.DataFrame(columns, index=index, copy=False)
    frame.columns = names
    return frame


def dtypes_of(frame: Any) -> dict[Any, Any]:
    """The dtypes of a frame's columns, by name.

    Parameters
    ----------
    frame
        Its columns have names of their own.

    Examples
    --------
    >>> dtypes_of(pd.DataFrame({"x": [1]}))
    {'x': dtype('int64')}
    """
    return dict(zip(frame.columns.tolist(), frame.dtypes.array, strict=True))


def index_of(arrays: Sequence[Any], labels: Any, length: int) -> pd.Index:
    """Labels from their columns."""
    if labels is None:
        return pd.RangeIndex(length)
    if len(arrays) > 1:
        return pd.MultiIndex.from_arrays(arrays, names=labels)
    return pd.Index(arrays[0], dtype=arrays[0].dtype, name=labels[0], copy=False)


# ------------------------------------------------------------------------------- cut and joined


def gather(vector: Any, order: Any) -> Any:
    """The items of a vector at some places."""
    import polars as pl

    if isinstance(vector, np.ndarray):
        return np.take(vector, order, mode="clip") if len(vector) else vector
    if not isinstance(vector, pa.Array):
        return vector.take(order)
    if vector.type in TEXT:
        # A third of the time that Arrow's own takes.
        taken = pl.Series(pl.from_arrow(vector)).gather(order.astype(np.uint32))
        found = taken.to_arrow(compat_level=pl.CompatLevel.oldest())
        return found.cast(vector.type) if found.type != vector.type else found
    return vector.take(pa.array(order))


def piece_of(vector: Any, start: int, stop: int) -> Any:
    """Consecutive items of a vector."""
    if isinstance(vector, pa.Array):
        return vector.slice(start, stop - start)
    return vector[start:stop]


def glue(vectors: Sequence[Any]) -> Any:
    """Vectors one after the other."""
    if len(vectors) == 1:
        return vectors[0]
    if isinstance(vectors[0], np.ndarray):
        return np.concatenate(vectors)
    if isinstance(vectors[0], pa.Array):
        return pa.concat_arrays(vectors)
    return type(vectors[0])._concat_same_type(vectors)


class CutRows(Parts):
    """Rows in the order of the parts that they belong to.

    Parameters
    ----------
    rows
        All of them.
    bounds
        Where each part begins, and where the last one ends.

    Examples
    --------
    >>> frame = pd.DataFrame({"x": [1, 2, 3]})
    >>> cut = cut_rows(frame, np.array([1, 0, 1]), 2)
    >>> [cut.part(number).pandas().x.tolist() for number in cut.numbers()]
    [[2], [1, 3]]
    """

    __slots__ = ("bounds", "rows")

    def __init__(self, rows: Rows, bounds: Any) -> None:
        self.rows = rows
        self.bounds = bounds

    def part(self, number: int) -> Rows:
        """Slices, which share the memory of all rows.

        Parameters
        ----------
        number
            Which.
        """
        return self.span(number, number + 1)

    def span(self, first: int, end: int) -> Rows:
        """The rows of neighbouring parts.

        Parameters
        ----------
        first, end
            From which part on, and up to which one.
        """
        start, stop = int(self.bounds[first]), int(self.bounds[end])
        rows = self.rows
        vectors = [piece_of(vector, start, stop) for vector in rows.vectors]
        return Rows(rows.layout, vectors, stop - start)

    def numbers(self) -> Sequence[int]:
        """All, also those of empty parts."""
        return range(len(self.bounds) - 1)

    def sizes(self) -> Sequence[int]:
        """By rows."""
        rows = self.rows
        width = sum(map(vector_bytes, rows.vectors)) / max(rows.length, 1)
        return [int(width * count) for count in np.diff(self.bounds).tolist()]

    @property
    def nbytes(self) -> int:
        """That of the vectors."""
        return sum(map(vector_bytes, self.rows.vectors)) + int(self.bounds.nbytes)

    def __reduce__(self) -> Any:
        return CutRows, (self.rows, self.bounds)


def vector_bytes(vector: Any) -> int:
    """What a vector takes; of Python objects a guess."""
    nbytes = int(vector.nbytes)
    return 8 * nbytes if isinstance(vector, np.ndarray) and vector.dtype == object else nbytes


def cut_rows(item: Any, codes: Any, count: int, keep_index: bool = True) -> CutRows | None:
    """The rows of a partition by their code, in their order; None where it has no vectors.

    Parameters
    ----------
    item
        A frame or a series.
    codes
        A number below ``count`` for each row.
    count
        How many parts.
    keep_index
        As of `rows_of`.

    Examples
    --------
    >>> cut_rows(pd.Series([1, 2, 3]), np.array([1, 0, 1]), 2).part(1).pandas().tolist()
    [1, 3]
    """
    rows = rows_of(item, keep_index)
    if rows is None:
        return None
    codes = small(codes, count)
    order = np.argsort(codes, kind="stable")
    bounds = np.zeros(count + 1, dtype=np.int64)
    np.cumsum(np.bincount(codes, minlength=count), out=bounds[1:])
    vectors = [gather(vector, order) for vector in rows.vectors]
    return CutRows(Rows(rows.layout, vectors, rows.length), bounds)


def small(codes: Any, count: int) -> Any:
    """Numbers in the fewest bytes: NumPy sorts those of one and two by counting."""
    kind = np.uint8 if count <= 1 << 8 else np.uint16 if count <= 1 << 16 else np.int64
    return np.asarray(codes).astype(kind, copy=False)


def join_rows(pieces: Sequence[Any], sort_by: Any = None) -> Any:
    """The frame or series of which some pieces are the rows.

    Parameters
    ----------
    pieces
        `Rows`, or partitions; at least one.
    sort_by
        A column; None: the rows stand as the pieces do.

    Examples
    --------
    >>> join_rows([rows_of(pd.Series([1])), rows_of(pd.Series([2]))]).tolist()
    [1, 2]
    >>> pieces = [rows_of(pd.DataFrame({"x": [value]})) for value in (2, 1)]
    >>> join_rows(pieces, "x").x.tolist()
    [1, 2]
    """
    some = [rows for rows in pieces if len(rows)] or pieces[:1]
    if type(some[0]) is not Rows or len({rows.layout for rows in some}) > 1:
        whole = concat_rows(open_rows(some))
        return whole if sort_by is None else whole.sort_values(sort_by, kind="stable")
    layout = decode_layout(some[0].layout)
    length = sum(map(len, some))
    vectors = [glue(parts) for parts in zip(*[rows.vectors for rows in some], strict=True)]
    if sort_by is None:
        return assemble(layout, vectors, length)
    column, kinds = layout[1].get_loc(sort_by), layout[3]
    if kinds[column] != PLAIN:
        return assemble(layout, vectors, length).sort_values(sort_by, kind="stable")
    order = stable_order(vectors[sum(WIDTH[kind] for kind in kinds[:column])])
    return assemble(layout, [gather(vector, order) for vector in vectors], length)


def open_rows(pieces: Sequence[Any]) -> list[Any]:
    """Pieces as pandas objects.

    Parameters
    ----------
    pieces
        `Rows`, or partitions.

    Examples
    --------
    >>> open_rows([rows_of(pd.Series([1]))])[0].tolist()
    [1]
    """
    return [piece.pandas() if type(piece) is Rows else piece for piece in pieces]
