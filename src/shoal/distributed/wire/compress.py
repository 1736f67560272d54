"""Compression of buffers with lz4, where it pays; without the package, nothing is compressed.

lz4 compresses about 0.5 GB/s of a core and decompresses several, so it pays on a network that is
slower than that and on data that shrinks.  Whether data shrinks is seen on samples from three
places: random floats do not, and would cost the time for nothing.
"""

from __future__ import annotations

from typing import Any

from shoal.distributed.wire.frames import Buffer
from shoal.errors import FrameError

try:
    import lz4.block as lz4
except ImportError:  # an optional package
    lz4 = None

__all__ = ["AVAILABLE", "compress", "decompress"]

AVAILABLE = lz4 is not None
"""Whether this process can compress, and read what others have compressed."""

SAMPLE_BYTES = 8192
WORTH = 0.8
"""Compressed is sent if it has at most this part of the size."""

MOST_BYTES = 0x7E000000
"""lz4's own limit for one block."""


def compress(data: Buffer) -> Buffer | None:
    """Fewer bytes, or None where there would not be fewer by a fifth.

    Parameters
    ----------
    data
        Contiguous bytes.

    Examples
    --------
    >>> import os
    >>> len(compress(bytes(100_000))), compress(os.urandom(100_000))
    (403, None)
    """
    if lz4 is None or len(data) > MOST_BYTES:
        return None
    view = memoryview(data)
    if len(view) > 6 * SAMPLE_BYTES:
        starts = (0, len(view) // 2, len(view) - SAMPLE_BYTES)
        sample = b"".join(view[start : start + SAMPLE_BYTES] for start in starts)
        if len(lz4.compress(sample, store_size=False)) > WORTH * len(sample):
            return None
    smaller: bytes = lz4.compress(data, store_size=False)
    return smaller if len(smaller) <= WORTH * len(view) else None


def decompress(data: Buffer, size: int) -> Any:
    """What `compress` was given.

    Parameters
    ----------
    data
        From `compress`.
    size
        Of the result, in bytes.

    Raises
    ------
    FrameError
        It is nothing that lz4 makes, or of another size.

    Examples
    --------
    >>> decompress(compress(bytes(100_000)), 100_000) == bytes(100_000)
    True
    """
    if lz4 is None:
        raise FrameError("a buffer came compressed with lz4, which this process does not have")
    try:
        whole = lz4.decompress(data, uncompressed_size=size, return_bytearray=True)
    except (lz4.LZ4BlockError, ValueError, OverflowError) as error:
        raise FrameError(f"a buffer that lz4 cannot decompress: {error}") from error
    if len(whole) != size:
        raise FrameError(f"a buffer of {len(whole):,} bytes that should have {size:,}")
    return whole
