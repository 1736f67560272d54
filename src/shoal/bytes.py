"""Bytes of files as lazy blocks: the public face of `shoal.io`.

Home of the one function that makes tasks of blocks; the rest is passed on under the names that
are known from Dask.
"""

from __future__ import annotations

from builtins import bytes as Bytes
from typing import Any

from fsspec.core import OpenFile

from shoal.delayed import Delayed, delayed
from shoal.graph.token import tokenize
from shoal.io import compression as utils
from shoal.io.blocks import Block, plan_blocks, read_block
from shoal.io.compression import compress
from shoal.io.files import UrlPath, get_fs_token_paths, open_file, open_files

__all__ = [
    "OpenFile",
    "compress",
    "get_fs_token_paths",
    "open_file",
    "open_files",
    "read_bytes",
    "utils",
]


def read_bytes(
    urlpath: UrlPath,
    delimiter: Bytes | None = None,
    not_zero: bool = False,
    blocksize: str | float | None = "128 MiB",
    sample: str | int | bool = "10 kiB",
    compression: str | None = None,
    include_path: bool = False,
    **storage_options: Any,
) -> Any:
    """Files as lazy blocks of bytes, every record in exactly one of them.

    Parameters
    ----------
    urlpath : str, PathLike, or list of them
        Paths, URLs of any file system that fsspec knows, or patterns with ``*``.
    delimiter : bytes, optional
        What every record ends with; without one, blocks end anywhere.
    not_zero : bool
        Leave out the first record of each file (a header); needs a delimiter.
    blocksize : str, int or None
        A file gets ``size // blocksize`` equal blocks, and at least one; None is whole files,
        and is all that compressed ones allow.
    sample : str, int or bool
        How much of the beginning of the first file to return, in bytes, to the end of the record
        that this falls in; True is 10 KiB, False none.
    compression : str or None
        A codec, or "infer" from each file's ending.
    include_path : bool
        Return the paths too.
    **storage_options
        Passed to the file system: host, key, anon, ...

    Returns
    -------
    sample : bytes or False
    blocks : list of list of Delayed
        A list for each file, of blocks that compute to bytes.  Their keys change when the file
        does.
    paths : list of str
        Only with ``include_path``; the file of each list in ``blocks``.

    Raises
    ------
    FileNotFoundError
        Nothing matches, or a named file does not exist.
    ValueError
        A compressed file is to be cut, or a codec is not known.
    TypeError
        ``urlpath`` is a set or no path, or ``blocksize`` is not whole.
    MissingDependencyError
        The file system or the codec needs a package that is not installed.

    Examples
    --------
    >>> with open_file("memory://read_bytes.txt", "wb") as file:
    ...     _ = file.write(b"one\\ntwo\\nthree\\n")
    >>> sample, [blocks] = read_bytes(
    ...     "memory://read_bytes.txt", delimiter=b"\\n", blocksize=7, sample=1
    ... )
    >>> sample, [block.compute() for block in blocks]
    (b'one\\n', [b'one\\ntwo\\n', b'three\\n'])
    """
    plan = plan_blocks(
        urlpath,
        blocksize=blocksize,
        delimiter=delimiter,
        not_zero=not_zero,
        sample=sample,
        compression=compression,
        **storage_options,
    )
    blocks = [_lazy(of_file) for of_file in plan.blocks]
    return (plan.sample, blocks, plan.paths) if include_path else (plan.sample, blocks)


def _lazy(blocks: list[Block]) -> list[Delayed[Bytes]]:
    # The first block and the number of them say where all are.
    token = tokenize(blocks[0], len(blocks))
    read = delayed(read_block)
    return [read(block, dask_key_name=f"read-block-{block.offset}-{token}") for block in blocks]
