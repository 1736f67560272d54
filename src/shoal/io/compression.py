"""Compression by name: what is known, what is installed, and what a broken file means.

The codecs themselves are fsspec's; here a name is checked before any file is opened, so that a
misspelt one is an error where the user wrote it, and the many exceptions of the codecs are given
the name of the file.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

from shoal.optional import missing_dependency

__all__ = ["codecs", "compress", "named_compression", "naming_broken_file"]

# Codecs that fsspec knows once a package is installed.
_PACKAGES = {"lz4": "lz4", "snappy": "snappy", "zstd": "zstandard"}

# By their endings, so that a codec whose package is missing is named and not read as plain text.
_ENDINGS = {".lz4": "lz4", ".zst": "zstd"}


def _zip(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data", data)
    return buffer.getvalue()


compress: Mapping[str | None, Callable[[bytes], bytes]] = MappingProxyType(
    {None: bytes, "bz2": bz2.compress, "gzip": gzip.compress, "xz": lzma.compress, "zip": _zip}
)
"""The compressing function, bytes to bytes, of each codec that needs no package."""


def codecs() -> Mapping[str | None, Any]:
    """The codecs that are installed: ``codecs()[name](file, mode=...)`` is a file.

    Examples
    --------
    >>> "gzip" in codecs()
    True
    """
    from fsspec.compression import compr

    found: Mapping[str | None, Any] = compr
    return found


def named_compression(compression: str | None, path: str) -> str | None:
    """The name of the codec that ``path`` is to be read or written with, checked.

    Parameters
    ----------
    compression : str or None
        A codec; ``"infer"`` goes by the ending of the path; None is none.
    path : str
        The file.

    Returns
    -------
    str or None

    Raises
    ------
    ValueError
        The codec is not known.
    MissingDependencyError
        The codec is known and needs a package that is not installed.

    Examples
    --------
    >>> named_compression("infer", "words.txt.gz"), named_compression("infer", "words.txt")
    ('gzip', None)
    >>> named_compression("gz", "words.txt.gz")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    ValueError: compression 'gz' is not known; ... 'bz2', 'gzip', ... or 'infer'
    """
    from fsspec.utils import infer_compression

    known = codecs()
    if compression == "infer":
        compression = infer_compression(path) or _ENDINGS.get(path[path.rfind(".") :].lower())
    if compression in known:
        return compression
    if compression in _PACKAGES:
        raise missing_dependency(_PACKAGES[compression], f"compression {compression!r} ({path})")
    names = ", ".join(repr(name) for name in sorted({*filter(None, known), *_PACKAGES}))
    raise ValueError(f"compression {compression!r} is not known; known are {names}, or 'infer'")


@contextmanager
def naming_broken_file(path: str, compression: str | None) -> Iterator[None]:
    """Give the exceptions of a codec the name of the file they are about.

    Parameters
    ----------
    path : str
        The file being read.
    compression : str or None
        Its codec; with None nothing is touched.

    Raises
    ------
    EOFError
        The file ends before its compressed data do.
    OSError, zlib.error, lzma.LZMAError, zipfile.BadZipFile
        As the codec raised them, for data that are damaged or not of this kind.

    Examples
    --------
    >>> with naming_broken_file("words.gz", "gzip"):
    ...     gzip.decompress(gzip.compress(b"many words")[:-4])
    Traceback (most recent call last):
    ...
    EOFError: words.gz ends before its gzip data do; it is cut short: copy or write it again
    (Compressed file ended before the end-of-stream marker was reached)
    """
    try:
        yield
    except EOFError as err:
        if compression is None:
            raise
        raise EOFError(
            f"{path} ends before its {compression} data do; it is cut short: "
            f"copy or write it again ({err})"
        ) from err
    except (OSError, zlib.error, lzma.LZMAError, zipfile.BadZipFile) as err:
        # An OSError with an errno is about the file system and names the file itself.
        if compression is None or getattr(err, "errno", None) is not None:
            raise
        raise type(err)(
            f"{path} cannot be read as {compression} ({err}); it is damaged, or compressed "
            "otherwise: pass the right compression=, or None"
        ) from err
