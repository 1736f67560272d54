"""Frames from pandas objects, functions, delayed values and bags."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd

from shoal.collection import is_collection
from shoal.dataframe.collection.base import from_node
from shoal.dataframe.kernels.agreement import Held, Verified
from shoal.dataframe.kernels.calls import Enforced, EnforcedReader
from shoal.dataframe.kernels.rows import table_of
from shoal.dataframe.meta import MetaError, can_have_bounds, make_meta
from shoal.dataframe.nodes.base import FrameNode
from shoal.dataframe.nodes.rowwise import MapEach
from shoal.dataframe.nodes.sources import FromCalls, FromMap, FromPandas, Given
from shoal.delayed import delayed
from shoal.seams import across

__all__ = [
    "from_array",
    "from_bag",
    "from_dask_array",
    "from_delayed",
    "from_dict",
    "from_map",
    "from_pandas",
]


def from_pandas(
    data: Any, npartitions: int | None = None, chunksize: int | None = None, sort: bool = True
) -> Any:
    """A frame, series or index of a pandas object, cut into partitions.

    Parameters
    ----------
    data
        A pandas object.
    npartitions
        How many partitions; fewer where labels repeat so often that no bound falls between.
    chunksize
        Rows in a partition, instead.
    sort
        Sort by the index, so that divisions are known.

    Raises
    ------
    TypeError
        It is something else.
    ValueError
        ``npartitions`` or ``chunksize`` is less than 1, or both are given.

    Examples
    --------
    >>> df = from_pandas(pd.DataFrame({"x": [1, 2, 3, 4]}), npartitions=2)
    >>> df.divisions, df.x.sum().compute()
    ((0, 2, 3), np.int64(10))
    """
    if not isinstance(data, pd.DataFrame | pd.Series | pd.Index):
        raise TypeError(
            f"Input must be a pandas DataFrame, Series or Index, got {type(data).__name__}"
        )
    if not isinstance(data, pd.Index):
        # What the caller does to the object later is no concern of the frame: copied on write.
        data = data.copy(deep=False)
    if npartitions is not None and chunksize is not None:
        raise ValueError("from_pandas takes npartitions or chunksize, got both")
    if npartitions is None and chunksize is None:
        npartitions = 1
    for name, value in (("npartitions", npartitions), ("chunksize", chunksize)):
        if value is not None and not isinstance(value, int | np.integer):
            raise TypeError(f"Please provide {name} as an int, got {type(value).__name__}")
        if value is not None and value < 1:
            raise ValueError(f"{name} is at least 1, got {value}")
    index = data if isinstance(data, pd.Index) else data.index
    rows = len(data)
    size = chunksize or math.ceil(rows / (npartitions or 1)) or 1
    if not sort or isinstance(index, pd.MultiIndex) or not rows:
        bounds = (*range(0, max(rows, 1), size), rows)
        return from_node(FromPandas(data, bounds, (None,) * len(bounds), None))
    if not index.is_monotonic_increasing:
        data = data.sort_values() if isinstance(data, pd.Index) else data.sort_index(kind="stable")
        index = data if isinstance(data, pd.Index) else data.index
    if index.hasnans and index.dtype.kind in "fiuMm":
        return from_pandas(data, npartitions=npartitions, chunksize=chunksize, sort=False)
    if index.hasnans:
        raise NotImplementedError(
            "Index in passed data is non-numeric and contains nulls, which cannot be sorted "
            "between partitions; drop them, or pass sort=False"
        )
    starts = [0]
    if npartitions:
        cuts = [-(-rows * i // npartitions) for i in range(1, npartitions)]
    else:
        cuts = list(range(size, rows, size))
    for cut in cuts:
        # Equal labels stay together.
        start = int(index.searchsorted(index[cut], side="left")) if cut < rows else rows
        if starts[-1] < start < rows:
            starts.append(start)
    # Python's own numbers: they are shown, compared and pickled everywhere.
    divisions = tuple(index[[*starts, rows - 1]].tolist())
    if not can_have_bounds(index.dtype):
        divisions = (None,) * len(divisions)
    return from_node(FromPandas(data, (*starts, rows), divisions, None))


def from_dict(
    data: Any,
    npartitions: int = 1,
    orient: str = "columns",
    dtype: Any = None,
    columns: Any = None,
    constructor: Any = None,
) -> Any:
    """A frame of a dict of columns.

    Parameters
    ----------
    data, orient, dtype, columns
        As `pandas.DataFrame.from_dict` has them.
    npartitions
        How many partitions.
    constructor
        Called instead of `pandas.DataFrame.from_dict`.

    Examples
    --------
    >>> from_dict({"x": [1, 2]}, npartitions=2).npartitions
    2
    """
    if any(is_collection(value) for value in data.values()):
        raise NotImplementedError("from_dict takes values in memory; assign collections as columns")
    make = pd.DataFrame.from_dict if constructor is None else constructor.from_dict
    return from_pandas(make(data, orient=orient, dtype=dtype, columns=columns), npartitions)


def from_array(data: Any, chunksize: int = 50_000, columns: Any = None, meta: Any = None) -> Any:
    """A frame or series of an array with one or two axes.

    Parameters
    ----------
    data
        A NumPy array, or what can be made one.
    chunksize
        Rows in a partition.
    columns
        Names of the columns; for one axis the name of the series, or a list of one for a frame.
    meta
        Accepted for programs written for Dask.

    Examples
    --------
    >>> from_array(np.arange(6).reshape(3, 2), columns=["a", "b"]).b.sum().compute()
    np.int64(9)
    """
    if is_collection(data):
        return from_dask_array(data, columns=columns, meta=meta)
    data = np.asarray(data)
    if data.ndim > 2:
        raise ValueError(f"from_array does not take arrays with {data.ndim} axes, at most 2")
    if data.ndim == 1 and data.dtype.names is None and (columns is None or np.isscalar(columns)):
        return from_pandas(pd.Series(data, name=columns), chunksize=chunksize)
    return from_pandas(pd.DataFrame(data, columns=columns), chunksize=chunksize)


def from_dask_array(x: Any, columns: Any = None, index: Any = None, meta: Any = None) -> Any:
    """A frame or series of an array of shoal, a partition for each block of its rows.

    Parameters
    ----------
    x
        With one axis or two.
    columns
        Names of the columns, or the name of the series.
    index
        A frame's index with the same partitions; numbers by default, where lengths are known.
    meta
        What the result looks like; its class is used.

    Examples
    --------
    >>> import shoal.array as da
    >>> from_dask_array(da.ones((4, 2), chunks=(2, 2)), columns=["a", "b"]).divisions
    (0, 2, 3)
    """
    node, lengths, kind = across("array to blocks", x)
    if index is not None and index.npartitions != len(lengths):
        raise ValueError(
            f"The index and array have different numbers of blocks. ({index.npartitions} != "
            f"{len(lengths)})"
        )
    labels = None if index is None else index._meta
    names = columns if columns is None or np.isscalar(columns) else tuple(columns)
    kind = np.empty((0, *x.shape[1:]), dtype=kind.dtype)
    meta = make_meta(table_of(kind, (0, 0), names, labels))
    known = index is None and not any(length != length for length in lengths)
    ends: Any = [0]
    for length in lengths if known else []:
        ends.append(ends[-1] + int(length))
    divisions: Any = (None,) * (len(lengths) + 1)
    if known and ends[-1]:
        divisions = (*ends[:-1], ends[-1] - 1)
    elif index is not None:
        divisions = index.divisions
    spans = tuple(itertools.pairwise(ends)) if known else (None,) * len(lengths)
    blocks = Given(node, kind, (None,) * (len(lengths) + 1))
    args = (blocks, names, *([] if index is None else [index._node]))
    return from_node(MapEach(table_of, args, (), spans, meta, divisions, "from-array"))


def from_map(
    func: Callable[..., Any],
    *iterables: Iterable[Any],
    args: Any = None,
    meta: Any = None,
    divisions: Any = None,
    label: str | None = None,
    enforce_metadata: bool = True,
    **kwargs: Any,
) -> Any:
    """A frame whose partitions a function makes.

    Parameters
    ----------
    func
        ``func(*values, *args, **kwargs)``, a pandas object.
    *iterables
        A value for each partition; several are taken side by side.
    args, **kwargs
        More arguments.
    meta
        What it returns; without it, the first partition is made to find out.
    divisions
        Of the result.
    label
        What it is called.
    enforce_metadata
        Whether a partition with other columns is an error, or with text, numbers or times where
        ``meta`` has another one of these.

    Examples
    --------
    >>> from_map(lambda n: pd.DataFrame({"x": range(n)}), [1, 2]).x.sum().compute()
    np.int64(1)
    """
    if not callable(func):
        raise ValueError(f"`func` argument must be `callable`, got {type(func).__name__}")
    columns = [list(one) for one in iterables]
    if not columns or len({len(one) for one in columns}) > 1 or not columns[0]:
        raise ValueError(
            "from_map takes at least one iterable with values, and all of one length; got lengths "
            f"{[len(one) for one in columns]}"
        )
    values = tuple(zip(*columns, strict=True))
    more = tuple(args or ())
    if meta is None:
        meta = func(*values[0], *more, **kwargs)
    meta = make_meta(meta)
    if not isinstance(meta, pd.DataFrame | pd.Series | pd.Index):
        raise MetaError(
            f"from_map makes frames of pandas objects; {getattr(func, '__name__', func)!r} returns "
            f"a {type(meta).__name__}"
        )
    if divisions is None:
        divisions = (None,) * (len(values) + 1)
    elif len(divisions) != len(values) + 1:
        raise ValueError(f"divisions should be a tuple of {len(values) + 1}, got {len(divisions)}")
    title = label or getattr(func, "__name__", "from-map").strip("<>")
    if enforce_metadata and isinstance(meta, pd.DataFrame | pd.Series):
        reads = hasattr(func, "project_columns")
        func = EnforcedReader(func, meta) if reads else Enforced(Held(func, meta, title), meta)
    whole = (*more, *kwargs.values())
    node = FromMap(func, values, whole, tuple(kwargs), meta, tuple(divisions), None, title)
    return from_node(node)


def from_delayed(
    dfs: Any,
    meta: Any = None,
    divisions: Any = None,
    prefix: str = "from-delayed",
    verify_meta: bool = True,
) -> Any:
    """A frame of delayed values, a partition each.

    Parameters
    ----------
    dfs
        One or several; their results are pandas objects.
    meta
        What they look like; without it, the first one is computed to find out.
    divisions
        Of the result.
    prefix
        Accepted for programs written for Dask.
    verify_meta
        Whether each partition is held to ``meta`` when it is made: its columns in their order, and
        the families of their dtypes (integers and floats are of one).

    Raises
    ------
    MetaError
        When it is computed: a partition is not as ``meta`` says.

    Examples
    --------
    >>> import shoal
    >>> parts = [shoal.delayed(pd.DataFrame)({"x": [i]}) for i in range(3)]
    >>> from_delayed(parts, meta={"x": "int64"}).x.sum().compute()
    np.int64(3)
    """
    parts = list(dfs) if isinstance(dfs, list | tuple | map | filter) else [dfs]
    if not parts:
        raise TypeError("Must supply at least one delayed object")
    for part in parts:
        if not is_collection(part):
            raise TypeError(f"Expected Delayed object, got {type(part).__name__}")
    calls = tuple([delayed(part) for part in parts])
    meta = make_meta(calls[0].compute() if meta is None else meta)
    if divisions is None or divisions == "sorted":
        divisions = (None,) * (len(calls) + 1)
    elif len(divisions) != len(calls) + 1:
        raise ValueError("divisions should be a tuple of len(dfs) + 1")
    node: FrameNode = FromCalls(calls, meta, tuple(divisions))
    if verify_meta and isinstance(meta, pd.DataFrame | pd.Series | pd.Index):
        check, numbers = Verified(meta, "from_delayed"), tuple(range(len(calls)))
        node = MapEach(check, (node,), (), numbers, meta, None, "from-delayed")
    return from_node(node)


def from_bag(bag: Any, meta: Any, columns: Any) -> Any:
    """A frame with a row for each element of a bag: what `Bag.to_dataframe` calls.

    Parameters
    ----------
    bag
        Of dicts, tuples or scalars.
    meta, columns
        As `Bag.to_dataframe` has them.

    Examples
    --------
    >>> import shoal.bag as db
    >>> db.from_sequence([{"x": 1}, {"x": 2}], npartitions=2).to_dataframe().x.sum().compute()
    np.int64(3)
    """
    if meta is None:
        head = bag.take(1, npartitions=-1, warn=False)
        meta = pd.DataFrame(list(head), columns=columns)
    meta = make_meta(meta)
    if isinstance(meta, pd.Series):
        meta = meta.to_frame()
    parts = bag.map_partitions(rows_to_frame, meta.columns, meta.dtypes.to_dict()).to_delayed()
    return from_delayed(parts, meta=meta, verify_meta=False)


def rows_to_frame(elements: Any, columns: Any, dtypes: Any) -> Any:
    """A frame of an iterable of rows, with these columns and dtypes.

    >>> rows_to_frame([(1,)], ["x"], {"x": float}).x.tolist()
    [1.0]
    """
    return pd.DataFrame(list(elements), columns=list(columns)).astype(dtypes)
