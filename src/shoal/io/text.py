"""Lines of text files, streamed: no more of a file is in memory than its consumer holds.

What ends a line is Python's own rule for text files, ``newline=`` of `open`:

- None: ``\\n``, ``\\r`` and ``\\r\\n`` each end a line and become ``\\n`` (universal newlines);
- ``""``: the same, and they are kept as they are;
- any other text ends a line and nothing else does; it is kept.

Never the wider set of `str.splitlines`: a form feed or U+2028 inside a line is part of it.

The work is `io.TextIOWrapper`'s, which decodes and splits in one pass in C: measured, it costs
what ``bytes.decode`` with ``str.splitlines`` costs, in constant memory.  It knows only the line
ends above; other delimiters are split here.

A file cut into blocks is cut at ``\\n`` for the first two rules, so one that uses lone ``\\r`` is
better read whole.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice, repeat
from typing import IO, TYPE_CHECKING, Any

from shoal.errors import TextDecodingError
from shoal.io.blocks import Block, file_changed, open_block, plan_blocks
from shoal.io.files import UrlPath

if TYPE_CHECKING:
    from fsspec.core import OpenFile

__all__ = ["TextPart", "decode_lines", "iter_text", "plan_text", "write_lines"]

# The line ends that TextIOWrapper knows.
_NEWLINES = frozenset((None, "", "\n", "\r", "\r\n"))

# TextIOWrapper asks for 8 KiB at a time; larger pieces save calls into (remote) files.
_CHUNK_BYTES = 64 * 1024

# Lines are handed on in lists, so that consuming them runs in C; small enough to stay in cache.
_BATCH_LINES = 1024

# Encodings in which part of a file cannot be read without what came before it ...
_STATEFUL = ("utf-16", "utf-32", "utf-7", "hz", "iso2022", "unicode_escape", "raw_unicode_escape")
# ... and those whose characters may hold, as a second byte, ASCII from "0" on.
_DOUBLE_BYTE = ("big5", "cp932", "cp949", "cp950", "euc_", "gb", "johab", "shift_jis")
_UNITS = {"utf-16-le": 2, "utf-16-be": 2, "utf-32-le": 4, "utf-32-be": 4}


@dataclass(frozen=True, slots=True)
class TextPart:
    """One partition of text: which blocks, and how to turn them into lines.

    Parameters
    ----------
    blocks : tuple of Block
        Read one after the other; the last line of a file never runs on into the next.
    encoding, errors : str
        As for `bytes.decode`.
    linedelimiter : str or None
        What ends a line; None is universal newlines.
    include_path : bool
        Give ``(line, path)`` in place of lines.

    Examples
    --------
    >>> from shoal.io.files import open_file
    >>> with open_file("memory://part.txt", "wb") as file:
    ...     _ = file.write(b"one\\ntwo")
    >>> (part,) = plan_text("memory://part.txt", include_path=True)
    >>> list(iter_text(part))
    [('one\\n', '/part.txt'), ('two', '/part.txt')]
    """

    blocks: tuple[Block, ...]
    encoding: str = "utf-8"
    errors: str = "strict"
    linedelimiter: str | None = None
    include_path: bool = False


def plan_text(
    urlpath: UrlPath,
    *,
    blocksize: str | float | None = None,
    compression: str | None = "infer",
    encoding: str = "utf-8",
    errors: str = "strict",
    linedelimiter: str | None = None,
    files_per_partition: int | None = None,
    include_path: bool = False,
    **storage_options: Any,
) -> list[TextPart]:
    """The partitions in which to read text files.

    Parameters
    ----------
    urlpath : str, PathLike, or list of them
        Paths, URLs or patterns.
    blocksize : str, int or None
        Bytes in a partition; None is whole files, and is all that compressed ones allow.
    compression : str or None
        A codec, or "infer" from each file's ending.
    encoding, errors : str
        As for `bytes.decode`.
    linedelimiter : str or None
        What ends a line; None is universal newlines.
    files_per_partition : int, optional
        How many whole files make a partition; one, unless given.
    include_path : bool
        Make the elements ``(line, path)``.
    **storage_options
        Passed to the file system.

    Returns
    -------
    list of TextPart

    Raises
    ------
    LookupError
        The encoding, or the name in ``errors``, is not known.
    ValueError
        Both ``blocksize`` and ``files_per_partition`` are given, or the encoding does not allow
        to begin in the middle of a file.
    FileNotFoundError, TypeError, MissingDependencyError
        As `shoal.io.blocks.plan_blocks`.

    Examples
    --------
    >>> from shoal.io.files import open_file
    >>> with open_file("memory://plan_text.txt", "wb") as file:
    ...     _ = file.write(b"one\\ntwo\\nthree\\n")
    >>> parts = plan_text("memory://plan_text.txt", blocksize=7)
    >>> [list(iter_text(part)) for part in parts]
    [['one\\n', 'two\\n'], ['three\\n']]
    """
    if blocksize is not None and files_per_partition is not None:
        raise ValueError("Only one of blocksize or files_per_partition can be set")
    if files_per_partition is not None and files_per_partition < 1:
        raise ValueError(f"files_per_partition is at least 1; got {files_per_partition!r}")
    if linedelimiter is not None and not isinstance(linedelimiter, str):
        raise TypeError(f"linedelimiter is text or None; got {linedelimiter!r}")
    codecs.lookup(encoding)
    codecs.lookup_error(errors)
    delimiter, unit = None, 1
    if blocksize is not None:
        delimiter, unit = _delimiter_bytes(linedelimiter or "\n", encoding)
    plan = plan_blocks(
        urlpath,
        blocksize=blocksize,
        delimiter=delimiter,
        unit=unit,
        compression=compression,
        **storage_options,
    )
    blocks = list(chain.from_iterable(plan.blocks))
    step = files_per_partition or 1
    return [
        TextPart(tuple(blocks[i : i + step]), encoding, errors, linedelimiter, include_path)
        for i in range(0, len(blocks), step)
    ]


def _delimiter_bytes(linedelimiter: str, encoding: str) -> tuple[bytes, int]:
    """The delimiter as it stands in the files, and the bytes of one code unit."""
    name = codecs.lookup(encoding).name
    unit = _UNITS.get(name, 1)
    if unit == 1:
        if name.startswith(_STATEFUL):
            hint = f", or {name}-le or {name}-be" if name in ("utf-16", "utf-32") else ""
            raise ValueError(
                f"in encoding {encoding!r} what bytes mean depends on those before them, so files "
                f"cannot be cut into blocks: pass blocksize=None{hint}"
            )
        if name.startswith(_DOUBLE_BYTE) and max(linedelimiter) >= "0":
            raise ValueError(
                f"in encoding {encoding!r} the bytes of linedelimiter={linedelimiter!r} may be "
                "part of another character, so files cannot be cut there: pass blocksize=None"
            )
    # What utf-8-sig writes before text stands only at the beginning of a file.
    return linedelimiter.encode("utf-8" if name == "utf-8-sig" else encoding), unit


def iter_text(part: TextPart) -> Iterator[Any]:
    """The lines of a partition, read as they are consumed.

    Parameters
    ----------
    part : TextPart

    Returns
    -------
    iterator of str, or of (str, str) with ``include_path``
        Each line with what ends it; the last of a file may have nothing.

    Raises
    ------
    TextDecodingError
        Bytes that are not text in the encoding; it names the file and the offset.
    OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile
        As `shoal.io.blocks.read_block`.

    Examples
    --------
    >>> from shoal.io.files import open_file
    >>> with open_file("memory://iter_text.txt", "wb") as file:
    ...     _ = file.write("one\\r\\ntw\\u2028o".encode())
    >>> (part,) = plan_text("memory://iter_text.txt")
    >>> list(iter_text(part))
    ['one\\n', 'tw\\u2028o']
    """
    if part.include_path:
        return chain.from_iterable(
            zip(chain.from_iterable(_block_batches(block, part)), repeat(block.path))
            for block in part.blocks
        )
    return chain.from_iterable(
        chain.from_iterable(_block_batches(block, part) for block in part.blocks)
    )


def decode_lines(
    data: bytes,
    encoding: str = "utf-8",
    errors: str = "strict",
    linedelimiter: str | None = None,
) -> list[str]:
    """The lines in ``data``, each with what ends it.

    Parameters
    ----------
    data : bytes
    encoding, errors : str
        As for `bytes.decode`.
    linedelimiter : str or None
        What ends a line; None is universal newlines.

    Returns
    -------
    list of str

    Raises
    ------
    TextDecodingError
        Bytes that are not text in the encoding.

    Examples
    --------
    >>> decode_lines(b"one\\r\\ntwo"), decode_lines(b"one$$two$$", linedelimiter="$$")
    (['one\\n', 'two'], ['one$$', 'two$$'])
    """
    source = _Source(io.BytesIO(data), 0, None, None)
    with _naming_undecodable(source):
        return list(_lines(source, encoding, errors, linedelimiter))


class _Source(io.BufferedIOBase):
    """The bytes of one block, as TextIOWrapper wants them; counts what it has given.

    Not closed with the wrapper: the file belongs to `open_block`.
    """

    def __init__(self, file: IO[bytes], start: int, length: int | None, block: Block | None):
        self.file = file
        self.given = start
        self.length = length
        self.stop = None if length is None else start + length
        self.block = block
        self.name = "" if block is None else block.path

    def readable(self) -> bool:
        return True

    def read1(self, size: int = -1, /) -> bytes:
        # More than was asked for, on purpose: TextIOWrapper takes what it gets.
        if self.stop is None:
            data = self.file.read(_CHUNK_BYTES)
        else:
            left = self.stop - self.given
            data = self.file.read(min(_CHUNK_BYTES, left)) if left else b""
            if left and not data:
                assert self.block is not None and self.length is not None
                raise file_changed(self.block, self.length - left, self.length)
        self.given += len(data)
        return data


def _block_batches(block: Block, part: TextPart) -> Iterator[list[str]]:
    with open_block(block) as (file, start, length):
        encoding = part.encoding
        if start and codecs.lookup(encoding).name == "utf-8-sig":
            encoding = "utf-8"
        source = _Source(file, start, length, block)
        with _naming_undecodable(source):
            lines = _lines(source, encoding, part.errors, part.linedelimiter)
            while batch := list(islice(lines, _BATCH_LINES)):
                yield batch


def _lines(source: _Source, encoding: str, errors: str, linedelimiter: str | None) -> Iterator[str]:
    if linedelimiter in _NEWLINES:
        return io.TextIOWrapper(source, encoding=encoding, errors=errors, newline=linedelimiter)
    assert linedelimiter is not None
    return chain.from_iterable(_split(source, encoding, errors, linedelimiter))


def _split(source: _Source, encoding: str, errors: str, delimiter: str) -> Iterator[list[str]]:
    """Lines that end in any text, however it falls across the pieces that are read."""
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    rest, fresh, fresh_length = "", [], 0
    while True:
        data = source.read1()
        text = decoder.decode(data, final=not data)
        fresh.append(text)
        fresh_length += len(text)
        # A record much longer than a piece is not searched again for each piece of it.
        if data and fresh_length < len(rest):
            continue
        lines = (rest + "".join(fresh)).split(delimiter)
        rest, fresh, fresh_length = lines.pop(), [], 0
        if lines:
            yield [line + delimiter for line in lines]
        if not data:
            break
    if rest:
        yield [rest]


@contextmanager
def _naming_undecodable(source: _Source) -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError as err:
        # What the decoder was given ends where the source stands.
        offset = source.given - len(err.object) + err.start
        around = slice(max(err.start - 40, 0), err.end + 40)
        error = TextDecodingError(
            err.encoding,
            err.object[around],
            err.start - around.start,
            err.end - around.start,
            err.reason,
        )
        error.path = None if source.block is None else source.block.path
        error.offset = offset
        raise error from None


def write_lines(lines: Iterable[str | bytes], target: OpenFile, last_endline: bool = False) -> str:
    """Write text, one element a line, as the elements come.

    Parameters
    ----------
    lines : iterable of str
        Without line ends; bytes are taken for text in the file's encoding.
    target : OpenFile
        Opened for writing text.
    last_endline : bool
        End the last line too.

    Returns
    -------
    str
        The path written.

    Raises
    ------
    TypeError
        An element that is no text; the message says which.
    UnicodeEncodeError
        Text that the encoding cannot hold.

    Examples
    --------
    >>> from shoal.io.files import open_file
    >>> write_lines(["one", "two"], open_file("memory://lines.txt", "wt"))
    '/lines.txt'
    >>> with open_file("memory://lines.txt", "rb") as file:
    ...     file.read()
    b'one\\ntwo'
    """
    path: str = target.path
    elements = iter(lines)
    with target as file:
        done = 0
        while batch := list(islice(elements, _BATCH_LINES)):
            try:
                text = "\n".join(batch)  # type: ignore[arg-type]
            except TypeError:
                text = "\n".join(_checked(batch, done, target))
            try:
                file.write(f"\n{text}" if done else text)
            except UnicodeEncodeError as err:
                raise _unwritable(err, path) from None
            done += len(batch)
        if done and last_endline:
            file.write("\n")
    return path


def _checked(batch: list[Any], done: int, target: OpenFile) -> Iterator[str]:
    for i, element in enumerate(batch):
        if isinstance(element, bytes):
            yield element.decode(target.encoding)
        elif isinstance(element, str):
            yield element
        else:
            raise TypeError(
                f"element {done + i} of {target.path} is {type(element).__name__}, not text: "
                f"{element!r:.80}; map(str) or map(json.dumps) first"
            )


def _unwritable(err: UnicodeEncodeError, path: str) -> UnicodeEncodeError:
    around = slice(max(err.start - 40, 0), err.end + 40)
    return UnicodeEncodeError(
        err.encoding,
        err.object[around],
        err.start - around.start,
        err.end - around.start,
        f"{err.reason}; while writing {path}: pass an encoding= that holds it, such as 'utf-8'",
    )
