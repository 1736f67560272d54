"""Arrow: columns by their values, however they are cut into chunks and slices.

A column is described by its type, which values are missing, and for its kind of layout the
streams of bytes that its values make.  Bytes below a missing value, beyond a slice, and between
the rows of a shared buffer are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import xxhash

from shoal.graph.token.registry import normalize_token

__all__: list[str] = []


def _stream(pieces: Iterable[Any]) -> bytes:
    state = xxhash.xxh3_128()
    for piece in pieces:
        state.update(piece)
    return state.digest()


def _describe_type(dtype: Any) -> Any:
    import pyarrow as pa

    text = str(dtype)
    if not dtype.num_fields and not isinstance(dtype, pa.BaseExtensionType | pa.DictionaryType):
        return (text,)
    # The text leaves out the metadata of fields and the parameters of extensions.
    return (text, pa.schema([pa.field("", dtype)]).serialize().to_pybytes())


def _describe_schema(schema: Any) -> Any:
    return (schema.names, schema.serialize().to_pybytes())


def _describe_array(array: Any) -> Any:
    return (array.type, _column([array], array.type))


def _describe_chunked(column: Any) -> Any:
    return (column.type, _column(column.chunks, column.type))


def _describe_table(table: Any) -> Any:
    columns = [getattr(column, "chunks", [column]) for column in table.columns]
    types = table.schema.types
    return (table.schema, [_column(chunks, dtype) for chunks, dtype in zip(columns, types)])


# -- columns -------------------------------------------------------------------------------------


def _column(chunks: Sequence[Any], dtype: Any) -> Any:
    """(length, which are valid, the values) of a column."""
    length = sum(map(len, chunks))
    missing = sum(chunk.null_count for chunk in chunks)
    valid = _stream(map(_valid, chunks)) if missing else None
    return (length, valid, _values(chunks, dtype) if missing < length else None)


def _valid(chunk: Any) -> Any:
    return chunk.is_valid().to_numpy(zero_copy_only=False)


def _values(chunks: Sequence[Any], dtype: Any) -> Any:
    import pyarrow as pa

    layout = _layouts.get(dtype.id)
    if layout is None:
        layout = _layouts[dtype.id] = _layout(dtype)
    if layout == "view":
        dtype = pa.large_string() if pa.types.is_string_view(dtype) else pa.large_binary()
        chunks = [chunk.cast(dtype) for chunk in chunks]
        layout = "text"
    if layout == "text":
        pieces = [_text(chunk) for chunk in chunks]
        return (_stream(sizes for sizes, _ in pieces), _stream(text for _, text in pieces))
    if layout == "fixed":
        return _stream(_fixed(chunk, dtype.bit_width // 8) for chunk in chunks)
    if layout == "bits":
        return _stream(c.fill_null(False).to_numpy(zero_copy_only=False) for c in chunks)
    return _nested(chunks, dtype)


# By the id of a type.
_layouts: dict[int, str] = {}


def _layout(dtype: Any) -> str:
    """How Arrow keeps the values of a type in buffers."""
    import pyarrow as pa

    is_a = pa.types
    if is_a.is_boolean(dtype):
        return "bits"
    if is_a.is_string_view(dtype) or is_a.is_binary_view(dtype):
        return "view"
    if is_a.is_string(dtype) or is_a.is_binary(dtype):
        return "text"
    if is_a.is_large_string(dtype) or is_a.is_large_binary(dtype):
        return "text"
    if is_a.is_fixed_size_binary(dtype) or is_a.is_decimal(dtype) or is_a.is_primitive(dtype):
        return "fixed"
    return "nested"


def _fixed(chunk: Any, width: int) -> Any:
    """The values of a chunk with elements of ``width`` bytes; zeros where there is none."""
    import numpy as np

    buf = chunk.buffers()[1]
    if buf is None or not len(chunk):
        return b""
    start = chunk.offset * width
    values = np.frombuffer(buf, np.uint8)[start : start + len(chunk) * width]
    if chunk.null_count:
        values = values.reshape(-1, width) * _valid(chunk)[:, None]
    return values


def _text(chunk: Any) -> tuple[Any, Any]:
    """(size of each value in bytes, the bytes of all) of a chunk of strings."""
    import numpy as np
    import pyarrow as pa

    if not len(chunk):
        return b"", b""
    is_large = pa.types.is_large_string(chunk.type) or pa.types.is_large_binary(chunk.type)
    if chunk.null_count:
        is_binary = pa.types.is_binary(chunk.type) or pa.types.is_large_binary(chunk.type)
        chunk = chunk.fill_null(b"" if is_binary else "")
    _, offsets, text = chunk.buffers()
    bounds = np.frombuffer(offsets, np.int64 if is_large else np.int32)
    bounds = bounds[chunk.offset : chunk.offset + len(chunk) + 1]
    values = b"" if text is None else memoryview(text)[bounds[0] : bounds[-1]]
    return np.diff(bounds).astype(np.int64, copy=False), values


def _nested(chunks: Sequence[Any], dtype: Any) -> Any:
    """The children of a column of lists, structures, ..., each described as a column."""
    import pyarrow as pa

    is_a = pa.types
    if isinstance(dtype, pa.BaseExtensionType):
        return _column([chunk.storage for chunk in chunks], dtype.storage_type)
    if is_a.is_struct(dtype):
        children = zip(*(chunk.flatten() for chunk in chunks))
        return [_column(child, child[0].type) for child in children]
    if is_a.is_dictionary(dtype):
        unified = pa.chunked_array(chunks, dtype).unify_dictionaries().chunks
        values = [_column([unified[0].dictionary], dtype.value_type)] if unified else []
        return (_column([chunk.indices for chunk in unified], dtype.index_type), *values)
    if is_a.is_list(dtype) or is_a.is_large_list(dtype) or is_a.is_fixed_size_list(dtype):
        sizes = [chunk.value_lengths().fill_null(0) for chunk in chunks]
        return (
            _column(sizes, sizes[0].type),
            _column([chunk.flatten() for chunk in chunks], dtype.value_type),
        )
    # Maps, unions, run-end encoding: rare, and their layouts differ most between versions.
    return [value for chunk in chunks for value in chunk.to_pylist()]


def _register_pyarrow() -> None:
    import pyarrow as pa

    hooks: dict[Any, Callable[[Any], Any]] = {
        pa.Array: _describe_array,
        pa.ChunkedArray: _describe_chunked,
        (pa.Table, pa.RecordBatch): _describe_table,
        pa.DataType: _describe_type,
        pa.Schema: _describe_schema,
        pa.Field: lambda field: (pa.schema([field]),),
    }
    normalize_token.extend(hooks)


normalize_token.register_lazy("pyarrow", _register_pyarrow)
