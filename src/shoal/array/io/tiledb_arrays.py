"""Dense arrays in TileDB.

Each task opens the array for what it reads or writes, so that tasks may run in other processes; a
write is a fragment of its own, and writes need no lock.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from shoal.array.chunks import has_unknown
from shoal.array.collection import Array
from shoal.array.io.from_array import from_array
from shoal.array.io.storing import store
from shoal.graph.token import tokenize
from shoal.optional import import_required

__all__ = ["from_tiledb", "to_tiledb"]


@dataclasses.dataclass(frozen=True)
class Stored:
    """An attribute of an array in TileDB, sliced as NumPy slices; opened each time."""

    uri: str
    attribute: str
    options: Mapping[str, str]
    key: Any
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def ndim(self) -> int:
        """How many axes."""
        return len(self.shape)

    def _open(self, mode: str) -> Any:
        tiledb = import_required("tiledb", "arrays in TileDB")
        context = tiledb.Ctx(dict(self.options))
        attribute = self.attribute if mode == "r" else None
        return tiledb.open(self.uri, mode, attr=attribute, key=self.key, ctx=context)

    def __getitem__(self, index: Any) -> Any:
        with self._open("r") as opened:
            return opened[index]

    def __setitem__(self, index: Any, value: Any) -> None:
        with self._open("w") as opened:
            opened[index] = np.ascontiguousarray(value)


def from_tiledb(
    uri: Any,
    attribute: str | None = None,
    chunks: Any = None,
    storage_options: Mapping[str, str] | None = None,
    **kwargs: Any,
) -> Array:
    """Make an array of a dense one in TileDB.

    Parameters
    ----------
    uri
        Where it is; or an open ``tiledb.DenseArray``.
    attribute
        Which of its attributes; needed where it has several.
    chunks
        Its tiles by default.
    storage_options
        Settings of TileDB's, such as credentials.
    **kwargs
        ``key`` of an encrypted array.

    Returns
    -------
    Array

    Raises
    ------
    ValueError
        The array is sparse, does not begin at 0, or has several attributes and none is named.
    ImportError
        The package ``tiledb`` is not installed.

    Examples
    --------
    >>> from_tiledb("s3://bucket/array", attribute="t")  # doctest: +SKIP
    """
    tiledb = import_required("tiledb", "reading arrays of TileDB")
    where, options = str(getattr(uri, "uri", uri)), dict(storage_options or {})
    key = kwargs.pop("key", None)
    if kwargs:
        raise TypeError(f"from_tiledb has no argument {next(iter(kwargs))!r}; it takes key=")
    with tiledb.open(where, key=key, ctx=tiledb.Ctx(options)) as opened:
        schema = opened.schema
        if schema.sparse:
            raise ValueError(f"the array at {where} is sparse; from_tiledb reads dense ones")
        names = [schema.attr(i).name for i in range(schema.nattr)]
        if attribute is None and len(names) > 1:
            raise ValueError(f"the array at {where} has attributes {names}; say attribute=")
        chosen = names[0] if attribute is None else attribute
        if chosen not in names:
            raise ValueError(f"the array at {where} has attributes {names}, and not {chosen!r}")
        axes = [schema.domain.dim(i) for i in range(schema.domain.ndim)]
        first = [int(axis.domain[0]) for axis in axes]
        if any(first):
            raise ValueError(f"the axes of the array at {where} begin at {first}, and not at 0")
        shape, dtype = tuple(opened.shape), np.dtype(schema.attr(chosen).dtype)
        tiles = tuple([int(axis.tile) for axis in axes])
        written = opened.timestamp_range
    stored = Stored(where, chosen, options, key, shape, dtype)
    cut = tiles if chunks is None else chunks
    name = f"from-tiledb-{tokenize(where, chosen, shape, dtype, cut, written)}"
    return from_array(stored, chunks=cut, name=name)


def to_tiledb(
    darray: Array,
    uri: Any,
    compute: bool = True,
    return_stored: bool = False,
    storage_options: Mapping[str, str] | None = None,
    key: Any = None,
    **kwargs: Any,
) -> Any:
    """Write an array to TileDB, as a dense array with one attribute.

    Parameters
    ----------
    darray
        With known chunks; each axis is tiled by its first chunk.
    uri
        Where; there must be no array yet.
    compute
        Whether to write now.
    return_stored
        Whether to return what was written as an array.
    storage_options
        Settings of TileDB's, such as credentials.
    key
        To encrypt it with.
    **kwargs
        For ``tiledb.ArraySchema``.

    Returns
    -------
    None, Array or Delayed
        As `store` returns.

    Raises
    ------
    ValueError
        Sizes of chunks are not known.
    ImportError
        The package ``tiledb`` is not installed.

    Examples
    --------
    >>> to_tiledb(x, "s3://bucket/array")  # doctest: +SKIP
    """
    tiledb = import_required("tiledb", "writing arrays to TileDB")
    if has_unknown(darray.chunks):
        raise ValueError(
            f"TileDB wants the shape of an array before it is written, and {darray!r} has sizes "
            "that are not known; call compute_chunk_sizes() first"
        )
    options = dict(storage_options or {})
    context = tiledb.Ctx(options)
    axes = [
        tiledb.Dim(name=f"__dim_{i}", domain=(0, size - 1), tile=own[0], dtype=np.int64)
        for i, (size, own) in enumerate(zip(darray.shape, darray.chunks, strict=True))
    ]
    attribute = tiledb.Attr(name="", dtype=darray.dtype)
    domain = tiledb.Domain(*axes)
    schema = tiledb.ArraySchema(domain=domain, attrs=[attribute], sparse=False, **kwargs)
    tiledb.Array.create(str(uri), schema, key=key, ctx=context)
    target = Stored(str(uri), "", options, key, darray.shape, darray.dtype)
    return store(darray, target, lock=False, compute=compute, return_stored=return_stored)
