"""Cutting files into blocks, so that every record is in exactly one of them.

A file of ``size`` bytes is cut at ``n`` evenly spaced offsets, without looking at it.  Where
records end in a delimiter, an offset is then moved when a block is read: block ``i`` holds the
records that *start* at or after its offset and before the next block's.  Both neighbours move
their common offset by the same rule, which reads only the bytes around it, so the blocks need not
know of each other and their concatenation is the file.

Delimiters are matched from the left without overlap, as ``bytes.split`` does.  For one that can
overlap itself (a blank line, ``b"\\n\\n"``) that depends on what came before, so the rule goes
back to where a run of overlapping matches begins.

Whole files (``blocksize=None``, and everything compressed) are blocks without a length.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import IO, Any, NamedTuple

from shoal.io.compression import named_compression
from shoal.io.files import UrlPath, open_binary, resolve_paths
from shoal.units import parse_bytes

__all__ = [
    "Block",
    "BlockPlan",
    "file_changed",
    "open_block",
    "parse_blocksize",
    "plan_blocks",
    "read_block",
]

# What is read at a time in search of a delimiter; grows while none is found.
_PROBE_BYTES = 16 * 1024

# Remote file systems answer slowly and several at a time; local ones are not worth a thread.
_LOOKUP_THREADS = 16


@dataclass(frozen=True, slots=True)
class Block:
    """One piece of one file: a plain description that pickles and opens nothing.

    Parameters
    ----------
    fs : fsspec.AbstractFileSystem
        The file system.  It takes no part in comparisons: fsspec's own compare unequal between
        threads.
    path : str
        The file, as `shoal.io.files.resolve_paths` gives it.
    offset : int
        Where the block begins before it is moved to the start of a record, in bytes.
    length : int or None
        Bytes to the next block's offset; None means to the end, and is all that compressed files
        allow.
    size : int or None
        Of the file, in bytes, when it was planned; None where it was not looked up.
    delimiter : bytes or None
        What every record ends with; None cuts at the offsets as they are.
    unit : int
        Bytes of one code unit: a delimiter counts only at multiples of it (2 for UTF-16).
    skip_first : bool
        The first record of the file belongs to no block.
    compression : str or None
        The codec's name.
    fingerprint : str
        Changes when the file does.

    Examples
    --------
    >>> from shoal.io.files import open_file
    >>> with open_file("memory://block.txt", "wb") as file:
    ...     _ = file.write(b"one\\ntwo\\nthree\\n")
    >>> plan = plan_blocks("memory://block.txt", blocksize=7, delimiter=b"\\n")
    >>> [(block.offset, block.length) for block in plan.blocks[0]]
    [(0, 7), (7, 7)]
    >>> [read_block(block) for block in plan.blocks[0]]
    [b'one\\ntwo\\n', b'three\\n']
    """

    fs: Any = field(repr=False, compare=False)
    path: str
    offset: int = 0
    length: int | None = None
    size: int | None = None
    delimiter: bytes | None = None
    unit: int = 1
    skip_first: bool = False
    compression: str | None = None
    fingerprint: str = field(default="", repr=False)

    def __shoal_tokenize__(self) -> tuple[Any, ...]:
        # The file system by what made it: fsspec's token differs between threads and processes.
        fs = self.fs
        made_by = (
            f"{type(fs).__module__}.{type(fs).__qualname__}",
            getattr(fs, "storage_args", ()),
            getattr(fs, "storage_options", {}),
        )
        return (
            made_by,
            self.path,
            self.offset,
            self.length,
            self.delimiter,
            self.unit,
            self.skip_first,
            self.compression,
            self.fingerprint,
        )


class BlockPlan(NamedTuple):
    """What `plan_blocks` found.

    Parameters
    ----------
    sample : bytes or False
        The beginning of the first file; False if none was asked for.
    blocks : list of list of Block
        One list for each file, of at least one block each.
    paths : list of str
        The files.

    Examples
    --------
    >>> BlockPlan(b"", [], []).paths
    []
    """

    sample: bytes | bool
    blocks: list[list[Block]]
    paths: list[str]


def parse_blocksize(blocksize: str | float | None) -> int | None:
    """A block size in bytes, checked.

    Parameters
    ----------
    blocksize : str, int, float or None
        Text such as "64 MiB", or a whole number; None is whole files.

    Returns
    -------
    int or None

    Raises
    ------
    TypeError
        A number that is not whole.
    ValueError
        Text that is no size, or a size below one byte.

    Examples
    --------
    >>> parse_blocksize("64 MiB"), parse_blocksize(None)
    (67108864, None)
    """
    if blocksize is None:
        return None
    if not isinstance(blocksize, str) and blocksize != int(blocksize):
        raise TypeError(f"blocksize is a whole number of bytes or text; got {blocksize!r}")
    size = parse_bytes(blocksize)
    if size < 1:
        raise ValueError(f"blocksize is at least one byte, or None; got {blocksize!r}")
    return size


def plan_blocks(
    urlpath: UrlPath,
    *,
    blocksize: str | float | None = "128 MiB",
    delimiter: bytes | None = None,
    unit: int = 1,
    not_zero: bool = False,
    sample: str | int | bool = False,
    compression: str | None = None,
    whole_if_compressed: bool = False,
    **storage_options: Any,
) -> BlockPlan:
    """Cut files into blocks, without reading more than a sample.

    Parameters
    ----------
    urlpath : str, PathLike, or list of them
        Paths, URLs or patterns.
    blocksize : str, int or None
        A file gets ``size // blocksize`` equal blocks, and at least one; None is whole files.
    delimiter : bytes, optional
        What every record ends with.
    unit : int
        Bytes of one code unit; delimiters count only at multiples of it.
    not_zero : bool
        Leave out the first record of each file (a header).
    sample : str, int or bool
        How much of the beginning of the first file to return, in bytes, to the end of the record
        that this falls in; True is 10 KiB.
    compression : str or None
        A codec, or "infer" from each file's ending.
    whole_if_compressed : bool
        A file that is compressed is one block, and not an error.
    **storage_options
        Passed to the file system.

    Returns
    -------
    BlockPlan

    Raises
    ------
    FileNotFoundError
        Nothing matches, or a named file does not exist.
    ValueError
        A compressed file is to be cut, or a file whose size is not known; the message names it.
    TypeError, MissingDependencyError
        As `shoal.io.files.resolve_paths` and `parse_blocksize`.

    Examples
    --------
    >>> from shoal.io.files import open_file
    >>> with open_file("memory://plan.txt", "wb") as file:
    ...     _ = file.write(b"one\\ntwo\\nthree\\n")
    >>> plan = plan_blocks("memory://plan.txt", blocksize="5 B", delimiter=b"\\n", sample=5)
    >>> plan.sample, len(plan.blocks[0])
    (b'one\\ntwo\\n', 2)
    """
    if delimiter is not None and not isinstance(delimiter, bytes):
        raise TypeError(f"delimiter is bytes, such as b'\\n'; got {delimiter!r}")
    delimiter = delimiter or None
    if not_zero and delimiter is None:
        raise ValueError("not_zero=True leaves out the first record: pass its delimiter=")
    size = parse_blocksize(blocksize)
    fs, paths = resolve_paths(urlpath, **storage_options)
    whole = [
        Block(
            fs,
            path,
            delimiter=delimiter,
            unit=unit,
            skip_first=not_zero,
            compression=named_compression(compression, path),
        )
        for path in paths
    ]
    if size is not None and not whole_if_compressed:
        _refuse_compressed(whole)
    looked_up = _look_up(fs, paths, sizes=size is not None)
    blocks = [
        _cut(
            replace(block, size=found, fingerprint=fingerprint),
            size if block.compression is None else None,
        )
        for block, (found, fingerprint) in zip(whole, looked_up)
    ]
    return BlockPlan(_sample(whole[0], sample), blocks, paths)


def _refuse_compressed(blocks: list[Block]) -> None:
    for block in blocks:
        if block.compression is not None:
            raise ValueError(
                f"{block.path} is compressed ({block.compression}) and can be read only from its "
                "beginning: pass blocksize=None"
            )


def _look_up(fs: Any, paths: list[str], *, sizes: bool) -> list[tuple[int | None, str]]:
    """The size of each file, if asked for, and something that changes when the file does."""

    def one(path: str) -> tuple[int | None, str]:
        if not sizes:
            return None, str(fs.ukey(path))
        info = fs.info(path)
        if info.get("type") == "directory":
            raise IsADirectoryError(f"{path} is a folder; name its files, as in '{path}/*'")
        return info["size"], str(fs.ukey(path))

    if len(paths) == 1 or not getattr(fs, "async_impl", False):
        return [one(path) for path in paths]
    with ThreadPoolExecutor(_LOOKUP_THREADS) as pool:
        return list(pool.map(one, paths))


def _cut(block: Block, blocksize: int | None) -> list[Block]:
    """The blocks of one file; ``block`` is the whole of it."""
    if blocksize is None:
        return [block]
    size = block.size
    if size is None:
        raise ValueError(
            f"the size of {block.path} is not known, so it cannot be cut into blocks: "
            "pass blocksize=None"
        )
    count = max(size // blocksize, 1)
    offsets = [i * size // count for i in range(count + 1)]
    return [replace(block, offset=start, length=stop - start) for start, stop in pairwise(offsets)]


def _sample(block: Block, sample: str | int | bool) -> bytes | bool:
    if sample is False or sample == 0:
        return False
    wanted = 10 * 1024 if sample is True else parse_bytes(sample)
    with open_binary(block.fs, block.path, block.compression) as file:
        head = _read_up_to(file, wanted)
        if block.delimiter is None or len(head) < wanted:
            return head
        # The end of the record: a delimiter that ends where the sample does, or later.
        look_from = max(wanted - len(block.delimiter), 0)
        while (at := _find(head, block.delimiter, block.unit, 0, look_from)) < 0:
            more = file.read(max(_PROBE_BYTES, len(head)))
            if not more:
                return head
            head += more
        return head[: at + len(block.delimiter)]


def _read_up_to(file: IO[bytes], size: int) -> bytes:
    """``size`` bytes, fewer only where the file ends: a codec may give less at a time."""
    pieces = []
    while size > 0 and (piece := file.read(size)):
        pieces.append(piece)
        size -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def read_block(block: Block) -> bytes:
    """The bytes of a block, decompressed.

    Parameters
    ----------
    block : Block

    Returns
    -------
    bytes
        Whole records, if the block has a delimiter.

    Raises
    ------
    OSError
        The file is gone, or shorter than when it was planned.
    EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile
        A compressed file is cut short or damaged.

    Examples
    --------
    >>> from shoal.io.files import open_file
    >>> with open_file("memory://read.txt", "wb") as file:
    ...     _ = file.write(b"one\\ntwo\\nthree\\n")
    >>> plan = plan_blocks("memory://read.txt", blocksize=5, delimiter=b"\\n")
    >>> [read_block(block) for block in plan.blocks[0]]
    [b'one\\ntwo\\n', b'three\\n']
    """
    with open_block(block) as (file, _, length):
        if length is None:
            return file.read()
        data = _read_up_to(file, length)
        if len(data) < length:
            raise file_changed(block, len(data), length)
        return data


def file_changed(block: Block, got: int, wanted: int) -> OSError:
    """The error for a file that ends too early; to be raised by the caller.

    Parameters
    ----------
    block : Block
        What was being read.
    got, wanted : int
        Bytes.

    Returns
    -------
    OSError

    Examples
    --------
    >>> str(file_changed(Block(None, "a.txt", 100, 50, 150), 20, 50))
    'a.txt was 150 bytes long when it was planned and has changed:
    the block at byte 100 has 20 of 50 bytes; plan it again'
    """
    return OSError(
        f"{block.path} was {block.size} bytes long when it was planned and has changed: "
        f"the block at byte {block.offset} has {got} of {wanted} bytes; plan it again"
    )


@contextmanager
def open_block(block: Block) -> Iterator[tuple[IO[bytes], int, int | None]]:
    """The file of a block, opened and standing at the block's first record.

    Parameters
    ----------
    block : Block

    Yields
    ------
    file : file object
    start : int
        The offset it stands at, in (decompressed) bytes.
    length : int or None
        Bytes to the end of the block; None is to the end of the file.

    Raises
    ------
    OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile
        As `read_block`.

    Examples
    --------
    >>> from shoal.io.files import open_file
    >>> with open_file("memory://open.txt", "wb") as file:
    ...     _ = file.write(b"one\\ntwo\\nthree\\n")
    >>> second = plan_blocks("memory://open.txt", blocksize=5, delimiter=b"\\n").blocks[0][1]
    >>> with open_block(second) as (file, start, length):
    ...     start, length
    (8, 6)
    """
    with open_binary(block.fs, block.path, block.compression) as file:
        if block.length is None:
            start = _end_of_first_record(file, block) if block.skip_first else 0
            if start:
                file.seek(start)
            yield file, start, None
            return
        with _refusing_ranges(block):
            start, stop = block.offset, block.offset + block.length
            if block.delimiter is not None:
                # The end first: reading then goes on from where the start was looked for.
                stop = _record_start(file, block, stop)
                start = _record_start(file, block, start)
            if start or block.delimiter is not None:
                file.seek(start)
            yield file, start, stop - start


@contextmanager
def _refusing_ranges(block: Block) -> Iterator[None]:
    """fsspec's plain ValueError of a server that sends only whole files, with the file's name."""
    try:
        yield
    except ValueError as err:
        if type(err) is not ValueError:
            raise
        raise ValueError(
            f"{block.path} cannot be read from byte {block.offset} on: pass blocksize=None ({err})"
        ) from err


def _record_start(file: IO[bytes], block: Block, offset: int) -> int:
    """Where the first record that starts at or after ``offset`` starts; ``size`` if none does."""
    delimiter, size = block.delimiter, block.size
    assert delimiter is not None and size is not None
    if offset <= 0:
        return _end_of_first_record(file, block) if block.skip_first else 0
    if offset >= size:
        return size
    at = max(offset - len(delimiter), 0)
    if _overlaps_itself(delimiter):
        at = _match_from(file, delimiter, at, block.unit)
    return _after_delimiter(file, delimiter, at, block.unit, size)


def _end_of_first_record(file: IO[bytes], block: Block) -> int:
    assert block.delimiter is not None
    return _after_delimiter(file, block.delimiter, 0, block.unit, block.size)


def _overlaps_itself(delimiter: bytes) -> bool:
    return any(delimiter.startswith(delimiter[i:]) for i in range(1, len(delimiter)))


def _after_delimiter(
    file: IO[bytes], delimiter: bytes, start: int, unit: int, size: int | None
) -> int:
    """The end of the first delimiter that starts at or after ``start``; else the file's end."""
    probe = _PROBE_BYTES
    file.seek(start)
    window, base = b"", start
    while more := file.read(probe):
        window += more
        at = _find(window, delimiter, unit, base)
        if at >= 0:
            return base + at + len(delimiter)
        kept = min(len(window), len(delimiter) - 1)
        base += len(window) - kept
        window = window[len(window) - kept :]
        probe = min(probe * 2, 2**22)
    return base + len(window) if size is None else size


def _find(window: bytes, delimiter: bytes, unit: int, base: int, start: int = 0) -> int:
    at = window.find(delimiter, start)
    while at >= 0 and (base + at) % unit:
        at = window.find(delimiter, at + 1)
    return at


def _rfind(window: bytes, delimiter: bytes, low: int, high: int, unit: int, base: int) -> int:
    at = window.rfind(delimiter, low, high)
    while at >= 0 and (base + at) % unit:
        at = window.rfind(delimiter, low, at + len(delimiter) - 1)
    return at


def _match_from(file: IO[bytes], delimiter: bytes, offset: int, unit: int) -> int:
    """Where to look on for the first delimiter, matched from the left, at or after ``offset``.

    Goes back to the last point that no match lies across: whatever was matched before ends
    before it, so matching may begin there.  Then forward again, match by match.
    """
    reach = len(delimiter) - 1
    span = _PROBE_BYTES
    while True:
        base = max(offset - span, 0)
        file.seek(base)
        window = _read_up_to(file, offset + reach - base)
        at = stop = offset - base
        # A match across a point starts within ``reach`` before it.
        while (start := _rfind(window, delimiter, max(at - reach, 0), at + reach, unit, base)) >= 0:
            at = start
        if at >= reach or base == 0:
            break
        span *= 4
    while 0 <= (start := _find(window, delimiter, unit, base, at)) < stop:
        at = start + len(delimiter)
    return base + at
