"""Avro files, read and written by fastavro, one task a block.

An Avro container file is a header, which ends in a sync marker of 16 random bytes, and blocks of
records, each of which ends in that same marker (Apache Avro specification, "Object Container
Files").  So the marker is a delimiter: a file is cut at markers like text at line ends, its first
record being the header, and a block is read by putting the header before it.

fastavro is asked for only where it is used.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import TYPE_CHECKING, Any

from shoal.errors import AvroSchemaError
from shoal.io.blocks import Block, parse_blocksize, plan_blocks, read_block
from shoal.io.files import UrlPath, open_binary
from shoal.optional import import_required

if TYPE_CHECKING:
    from fsspec.core import OpenFile

__all__ = ["AvroPart", "check_avro_schema", "iter_avro", "plan_avro", "write_avro"]

_MAGIC = b"Obj\x01"
_HEADER = {
    "type": "record",
    "name": "org.apache.avro.file.Header",
    "fields": [
        {"name": "magic", "type": {"type": "fixed", "name": "magic", "size": 4}},
        {"name": "meta", "type": {"type": "map", "values": "bytes"}},
        {"name": "sync", "type": {"type": "fixed", "name": "sync", "size": 16}},
    ],
}


def _fastavro(purpose: str) -> ModuleType:
    return import_required("fastavro", purpose)


@dataclass(frozen=True, slots=True)
class AvroPart:
    """One partition of an Avro file.

    Parameters
    ----------
    block : Block
        The bytes; cut at the file's sync marker, or the whole file.
    header : bytes
        What to put before them; empty for a whole file, which has its own.

    Examples
    --------
    >>> AvroPart(Block(None, "people.avro")).header
    b''
    """

    block: Block
    header: bytes = field(default=b"", repr=False)


def plan_avro(
    urlpath: UrlPath,
    *,
    blocksize: str | float | None = 100_000_000,
    compression: str | None = None,
    **storage_options: Any,
) -> list[AvroPart]:
    """The partitions in which to read Avro files; looks at the header of each that is cut.

    Parameters
    ----------
    urlpath : str, PathLike, or list of them
        Paths, URLs or patterns.
    blocksize : str, int or None
        Bytes in a partition; None is whole files.
    compression : str or None
        Of the files as a whole, on top of Avro's own; only with ``blocksize=None``.
    **storage_options
        Passed to the file system.

    Returns
    -------
    list of AvroPart

    Raises
    ------
    ValueError
        A file is not Avro, or compressed and to be cut.
    MissingDependencyError
        fastavro is not installed.
    FileNotFoundError, TypeError
        As `shoal.io.blocks.plan_blocks`.

    Examples
    --------
    >>> from shoal.io.files import open_file
    >>> schema = {"type": "record", "name": "N", "fields": [{"name": "n", "type": "int"}]}
    >>> target = open_file("memory://plan.avro", "wb")
    >>> _ = write_avro(({"n": n} for n in range(1000)), target, schema, sync_interval=100)
    >>> parts = plan_avro("memory://plan.avro", blocksize=500)
    >>> len(parts) > 1, sum(record["n"] for part in parts for record in iter_avro(part))
    (True, 499500)
    """
    _fastavro("reading Avro files")
    plan = plan_blocks(urlpath, blocksize=blocksize, compression=compression, **storage_options)
    if parse_blocksize(blocksize) is None:
        return [AvroPart(block) for (block,) in plan.blocks]
    parts = []
    for blocks in plan.blocks:
        header, marker = _header(blocks[0])
        parts += [
            AvroPart(replace(block, delimiter=marker, skip_first=True), header) for block in blocks
        ]
    return parts


def _header(block: Block) -> tuple[bytes, bytes]:
    """The bytes of a file's header, and its sync marker."""
    fastavro = _fastavro("reading Avro files")
    with open_binary(block.fs, block.path) as file, _naming_avro(block.path):
        if file.read(4) != _MAGIC:
            raise ValueError("it is not an Avro container file, which begins with b'Obj\\x01'")
        file.seek(0)
        # In steps that double: how long a header is shows only at its end.
        head = b""
        while more := file.read(max(4096, len(head))):
            head += more
            buffer = io.BytesIO(head)
            try:
                header = fastavro.schemaless_reader(buffer, _HEADER, None)
            except EOFError:
                continue
            return head[: buffer.tell()], header["sync"]
        raise EOFError("it ends inside its header")


def iter_avro(part: AvroPart) -> Iterator[Any]:
    """The records of a partition.

    Parameters
    ----------
    part : AvroPart

    Yields
    ------
    object
        A record, as a dict.

    Raises
    ------
    EOFError, ValueError
        The file is cut short, or is not Avro; the message names it.
    MissingDependencyError
        fastavro is not installed.

    Examples
    --------
    >>> from shoal.io.files import open_file
    >>> schema = {"type": "record", "name": "N", "fields": [{"name": "n", "type": "int"}]}
    >>> _ = write_avro([{"n": 1}, {"n": 2}], open_file("memory://iter.avro", "wb"), schema)
    >>> (part,) = plan_avro("memory://iter.avro")
    >>> list(iter_avro(part))
    [{'n': 1}, {'n': 2}]
    """
    fastavro = _fastavro("reading Avro files")
    block = part.block
    if block.length is None:
        with open_binary(block.fs, block.path, block.compression) as file, _naming_avro(block.path):
            yield from fastavro.reader(file)
        return
    data = read_block(block)
    with _naming_avro(block.path):
        yield from fastavro.reader(io.BytesIO(part.header + data))


@contextmanager
def _naming_avro(path: str) -> Iterator[None]:
    try:
        yield
    except Exception as err:
        if type(err) in (EOFError, ValueError):
            what = f"{path} cannot be read as Avro: {str(err) or 'it is cut short'}"
            raise type(err)(what) from err
        # Whatever else damaged data make of fastavro's insides.
        err.add_note(f"while reading {path} as Avro")
        raise


def check_avro_schema(schema: Mapping[str, Any]) -> None:
    """Refuse a schema that no file of records can be written with.

    Parameters
    ----------
    schema : mapping
        ``{"type": "record", "name": ..., "fields": [{"name": ..., "type": ...}, ...]}``.

    Raises
    ------
    AvroSchemaError
        It is not of this form, or names types that do not exist.
    MissingDependencyError
        fastavro is not installed.

    Examples
    --------
    >>> check_avro_schema({"type": "record", "name": "N", "fields": [{"name": "n"}]})
    Traceback (most recent call last):
    ...
    shoal.errors.AvroSchemaError: field 0 of the schema has no 'type';
    give it as {"name": ..., "type": ...}
    """
    fastavro = _fastavro("writing Avro files")
    if not isinstance(schema, Mapping):
        raise AvroSchemaError(f"an Avro schema is a dict; got {schema!r}")
    if schema.get("type") != "record" or "name" not in schema:
        raise AvroSchemaError(
            f"an Avro schema has 'type': 'record' and a 'name'; got {dict(schema)!r}"
        )
    fields = schema.get("fields")
    if not isinstance(fields, list | tuple):
        raise AvroSchemaError(f"an Avro schema has a list of 'fields'; got {fields!r}")
    for i, entry in enumerate(fields):
        for name in ("name", "type"):
            if not isinstance(entry, Mapping) or name not in entry:
                raise AvroSchemaError(
                    f"field {i} of the schema has no {name!r}; "
                    'give it as {"name": ..., "type": ...}'
                )
    try:
        fastavro.parse_schema(dict(schema))
    except Exception as err:
        # fastavro's schema errors have no common base.
        raise AvroSchemaError(f"fastavro cannot use this schema: {err}") from err


def write_avro(
    records: Iterable[Any],
    target: OpenFile,
    schema: Mapping[str, Any],
    codec: str = "null",
    sync_interval: int = 16000,
    metadata: Mapping[str, str] | None = None,
) -> str:
    """Write records to one Avro file, as they come.

    Parameters
    ----------
    records : iterable of dict
    target : OpenFile
        Opened for writing bytes.
    schema : mapping
        Of a record; `check_avro_schema` says what it must have.
    codec : str
        "null", "deflate", "snappy", ...: compression inside the file, a block at a time.
    sync_interval : int
        Bytes of a block before compression; a file can be cut only between blocks.
    metadata : mapping of str, optional
        Stands in the header.

    Returns
    -------
    str
        The path written.

    Raises
    ------
    ValueError, TypeError
        A record does not fit the schema; a note names the file.
    MissingDependencyError
        fastavro is not installed.

    Examples
    --------
    >>> from shoal.io.files import open_file
    >>> schema = {"type": "record", "name": "N", "fields": [{"name": "n", "type": "int"}]}
    >>> write_avro([{"n": 1}], open_file("memory://write.avro", "wb"), schema)
    '/write.avro'
    """
    fastavro = _fastavro("writing Avro files")
    path: str = target.path
    with target as file:
        try:
            fastavro.writer(
                file,
                schema=dict(schema),
                records=records,
                codec=codec,
                sync_interval=sync_interval,
                metadata=None if metadata is None else dict(metadata),
            )
        except Exception as err:
            err.add_note(f"while writing {path}")
            raise
    return path
