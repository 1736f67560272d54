"""From bags to files, one a partition; elements are written as they come."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from shoal.bag.arguments import same_npartitions
from shoal.bag.nodes import Stage
from shoal.bag.steps import step
from shoal.expr.annotate import current_annotations
from shoal.graph.layers import Each
from shoal.graph.task import Ref
from shoal.io.avro import check_avro_schema, write_avro
from shoal.io.files import UrlPath, open_files
from shoal.io.text import write_lines

if TYPE_CHECKING:
    from fsspec.core import OpenFile

__all__ = ["to_avro", "to_textfiles"]


def to_textfiles(
    b: Any,
    path: UrlPath,
    name_function: Callable[[int], str] | None = None,
    compression: str | None = "infer",
    encoding: str = "utf-8",
    compute: bool = True,
    storage_options: Mapping[str, Any] | None = None,
    last_endline: bool = False,
    **kwargs: Any,
) -> list[Any]:
    """Write text, one file a partition, one line an element.

    Parameters
    ----------
    b
        A bag of text.
    path
        A pattern whose ``*`` becomes the partition's number, a folder, or a list of names.
    name_function
        From the partition's number to what replaces ``*``.
    compression
        A codec, or ``"infer"`` from the names.
    encoding
        Of the text.
    compute
        False to return a delayed value for each file.
    storage_options
        Options of the file system.
    last_endline
        Whether the last line ends too.
    **kwargs
        Options of `compute`.

    Returns
    -------
    list
        The paths written, or delayed values.

    Raises
    ------
    TypeError, ValueError
        The path is none, or does not fit the number of partitions.

    Examples
    --------
    >>> import shoal.bag as db
    >>> to_textfiles(db.from_sequence(["one"]), "memory://texts", scheduler="sync")
    ['/texts/0.part']
    """
    same_npartitions("to_textfiles", [b])
    targets = open_files(
        path,
        "wt",
        compression,
        encoding=encoding,
        # Lines end as they are given, on every system.
        newline="",
        name_function=name_function,
        num=b.npartitions,
        **(storage_options or {}),
    )
    return _write(b, write_lines, targets, (last_endline,), "to-textfiles", compute, kwargs)


def to_avro(
    b: Any,
    filename: UrlPath,
    schema: Mapping[str, Any],
    name_function: Callable[[int], str] | None = None,
    storage_options: Mapping[str, Any] | None = None,
    codec: str = "null",
    sync_interval: int = 16000,
    metadata: Mapping[str, str] | None = None,
    compute: bool = True,
    **kwargs: Any,
) -> list[Any]:
    """Write records as Avro files, one a partition; needs fastavro.

    Parameters
    ----------
    b
        A bag of dicts.
    filename, schema, name_function, storage_options, codec, sync_interval, metadata, compute, \
**kwargs
        As `Bag.to_avro` has them.

    Returns
    -------
    list
        The paths written, or delayed values.

    Raises
    ------
    AvroSchemaError
        The schema is not one of a record.

    Examples
    --------
    >>> import shoal.bag as db
    >>> schema = {"type": "record", "name": "N", "fields": [{"name": "n", "type": "int"}]}
    >>> to_avro(db.from_sequence([{"n": 1}]), "memory://avros", schema, scheduler="sync")
    ['/avros/0.part']
    """
    same_npartitions("to_avro", [b])
    check_avro_schema(schema)
    targets = open_files(
        filename, "wb", name_function=name_function, num=b.npartitions, **(storage_options or {})
    )
    options = (schema, codec, sync_interval, metadata)
    return _write(b, write_avro, targets, options, "to-avro", compute, kwargs)


def _write(
    b: Any,
    func: Callable[..., str],
    targets: Sequence[OpenFile],
    options: tuple[Any, ...],
    title: str,
    compute: bool,
    kwargs: Mapping[str, Any],
) -> list[Any]:
    """Write each partition to its file."""
    one = step(func, Ref(0), Ref(1), *options, title=title)
    inputs = (b._node, Each(list(targets)))
    paths = type(b)(Stage(inputs, (one,), b.npartitions, annotations=current_annotations()))
    written: list[Any] = paths.compute(**kwargs) if compute else paths.to_delayed()
    return written
