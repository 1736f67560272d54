"""How many bytes an object takes, without walking all of it.

The answer decides what to keep, spill or send, so it has to be cheap before it has to be exact:
buffers say their size, containers are estimated from a few of their items, other objects from
their attributes.  What a type of another package takes stands in a function that is
loaded when the first object of that package is seen; packages bring their own through the entry
point group ``shoal.sizeof`` (``dask.sizeof`` is read too).

Only estimates of sizes live here.
"""

from __future__ import annotations

import importlib
import itertools
import sys
import threading
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from shoal.dispatch import Dispatch

__all__ = ["SizeOf", "sizeof"]

Estimate: TypeAlias = Callable[[Any], int]

SAMPLE = 12
"""How many items of a container are looked at."""

OBJECTS = 100
"""How many elements of an array of Python objects are looked at."""

GOLDEN = (5**0.5 - 1) / 2

MOST_DEPTH = 5
"""How deep nested containers are looked into; also what ends a list that holds itself."""

SHARED = (type, types.ModuleType, types.FunctionType, types.MethodType)
"""Objects that are there anyway."""

GROUPS = ("dask.sizeof", "shoal.sizeof")


class SizeOf(Dispatch):
    """Estimates sizes; one function for each type.

    Parameters
    ----------
    default
        Used for types that nobody registered.

    Examples
    --------
    >>> size = SizeOf(lambda item: 1)
    >>> @size.register(str)
    ... def size_of_text(text):
    ...     return len(text)
    >>> size("four"), size(4)
    (4, 1)
    """

    def __init__(self, default: Estimate) -> None:
        super().__init__("sizeof")
        self.register(object, default)
        self.loaded = False

    def _search(self, cls: type) -> Estimate:
        if not self.loaded:
            self.loaded = True
            _register_entry_point_plugins(self)
        return super()._search(cls)

    def __call__(self, item: Any) -> int:
        """The estimate, in bytes; `sys.getsizeof` where a type's own function fails."""
        kind = type(item)
        try:
            return int((self.found.get(kind) or self.dispatch(kind))(item))
        except Exception:
            # A size is asked for while something else is going on; it is no reason to stop that.
            return _own_size(item)


def _own_size(item: Any) -> int:
    """What the object itself takes, without what it refers to."""
    try:
        return sys.getsizeof(item)
    except Exception:
        return 100


def _size_of_object(item: Any) -> int:
    """An object and its attributes; a function's or a class's belong to the program."""
    if isinstance(item, SHARED):
        return _own_size(item)
    names = {name for base in type(item).__mro__ for name in _slots(base)}
    attributes = [getattr(item, name) for name in names if hasattr(item, name)]
    attributes += getattr(item, "__dict__", {}).values()
    return _own_size(item) + _total(attributes, len(attributes))


def _slots(base: type) -> tuple[str, ...]:
    """The attributes that a class keeps in slots, weak references excepted."""
    names = base.__dict__.get("__slots__", ())
    names = (names,) if isinstance(names, str) else tuple(names)
    return tuple(name for name in names if name not in ("__dict__", "__weakref__"))


sizeof = SizeOf(_size_of_object)


def _register_entry_point_plugins(registry: SizeOf = sizeof) -> None:
    """Let installed packages register their types; one that fails is passed over."""
    # Loaded now: a process that never gets here starts sooner.
    metadata = importlib.import_module("importlib.metadata")
    for group in GROUPS:
        for entry in metadata.entry_points(group=group):
            try:
                entry.load()(registry)
            except Exception:
                continue


# ------------------------------------------------------------------------------ containers

_depth = threading.local()


def _total(items: Iterable[Any], count: int) -> int:
    """Bytes of ``count`` items, estimated from those given."""
    depth = getattr(_depth, "value", 0)
    if depth >= MOST_DEPTH:
        return 0
    _depth.value = depth + 1
    try:
        sizes = [sizeof(item) for item in items]
    finally:
        _depth.value = depth
    return round(sum(sizes) * count / len(sizes)) if sizes else 0


def _sample() -> int:
    """How many items to look at here: fewer, the deeper, or the looks would multiply."""
    depth = getattr(_depth, "value", 0)
    return max(1, SAMPLE >> max(0, 2 * depth - 2))


def _spread(items: Sequence[Any], most: int) -> Sequence[Any]:
    """At most ``most`` items, spread over all: the same ones each time.

    Multiples of the golden ratio, not an even step: that would see one item of ``[a, b] * n``.
    """
    count = len(items)
    if count <= most:
        return items
    return [items[int(i * GOLDEN % 1.0 * count)] for i in range(most)]


sizeof.register((bool, int, float, complex, str, bytes, bytearray, type(None)), sys.getsizeof)


@sizeof.register((list, tuple))
def _size_of_sequence(items: Sequence[Any]) -> int:
    return _own_size(items) + _total(_spread(items, _sample()), len(items))


@sizeof.register((set, frozenset))
def _size_of_set(items: set[Any]) -> int:
    return _own_size(items) + _total(itertools.islice(items, _sample()), len(items))


@sizeof.register(dict)
def _size_of_dict(items: Mapping[Any, Any]) -> int:
    keys = _total(itertools.islice(items.keys(), _sample()), len(items))
    values = _total(itertools.islice(items.values(), _sample()), len(items))
    return _own_size(items) + keys + values


@sizeof.register(memoryview)
def _size_of_view(data: memoryview) -> int:
    return _own_size(data) + data.nbytes


def _total_of_objects(columns: Sequence[Sequence[Any]]) -> int:
    """Bytes behind arrays of references, many of which may be to the same object."""
    count = sum(map(len, columns))
    most = max(1, OBJECTS // max(1, len(columns)))
    sample = [item for column in columns for item in _spread(column, most)]
    distinct = {id(item): item for item in sample}
    size = sum(map(sizeof, distinct.values()))
    # Few distinct among those looked at: there are hardly others among the rest.
    if len(sample) == count or len(distinct) <= len(sample) // 2:
        return size
    return round(size * count / len(sample))


# ------------------------------------------------------------------------- other packages


@sizeof.register_lazy("numpy")
def _register_numpy() -> None:
    import numpy

    @sizeof.register(numpy.ndarray)
    def _size_of_ndarray(data: Any) -> int:
        # An axis of stride 0 repeats one element (broadcast_to).
        stored = data
        if 0 in data.strides:
            stored = data[tuple(slice(None if step else 1) for step in data.strides)]
        if stored.dtype.kind != "O":
            return int(stored.nbytes)
        return int(stored.nbytes) + _total_of_objects([stored.reshape(-1)])


@sizeof.register_lazy("pandas")
def _register_pandas() -> None:
    import pandas

    @sizeof.register(pandas.DataFrame)
    def _size_of_frame(frame: Any) -> int:
        blocks = getattr(getattr(frame, "_mgr", None), "blocks", ())
        columns = [frame.iloc[:, i] for i in range(frame.shape[1])]
        total = sizeof(frame.index) + sizeof(frame.columns) + 1000
        total += 400 * len(blocks)
        return total + _size_of_columns([column.array for column in columns])

    @sizeof.register(pandas.Series)
    def _size_of_series(series: Any) -> int:
        return 1000 + sizeof(series.index) + _size_of_columns([series.array])

    @sizeof.register(pandas.Index)
    def _size_of_index(index: Any) -> int:
        if isinstance(index, pandas.RangeIndex):
            return 500
        return 500 + _size_of_columns([index.array])

    @sizeof.register(pandas.MultiIndex)
    def _size_of_multi_index(index: Any) -> int:
        parts = [*index.levels, *index.codes]
        return 500 + sum(map(sizeof, parts))


def _size_of_columns(columns: Sequence[Any]) -> int:
    """Bytes of pandas arrays; Python objects that several columns refer to count once."""
    total, objects = 0, []
    for column in columns:
        dtype = column.dtype
        total += int(column.nbytes)
        if dtype.name == "object" or getattr(dtype, "storage", None) == "python":
            objects.append(column)
    return total + (_total_of_objects(objects) if objects else 0)


@sizeof.register_lazy("pyarrow")
def _register_pyarrow() -> None:
    import pyarrow

    def _size_of_buffers(data: Any) -> int:
        # A slice counts for what it shows, not for the whole buffer behind it.
        return 100 + int(data.nbytes)

    @sizeof.register((pyarrow.Table, pyarrow.RecordBatch))
    def _size_of_table(table: Any) -> int:
        return _size_of_buffers(table) + sizeof(table.schema.metadata)

    sizeof.register((pyarrow.Array, pyarrow.ChunkedArray), _size_of_buffers)
    sizeof.register(pyarrow.Buffer, lambda buffer: 100 + int(buffer.size))


@sizeof.register_lazy("polars")
def _register_polars() -> None:
    import polars

    @sizeof.register((polars.DataFrame, polars.Series))
    def _size_of_polars(data: Any) -> int:
        return 200 + int(data.estimated_size())
