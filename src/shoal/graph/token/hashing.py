"""Bytes to digests: the one place where tokens meet a hash function.

Everything is XXH3 with 128 bits: tens of nanoseconds for a small token and about memory speed for
a buffer.  It is not a cryptographic hash.  A token names a result among people who may run code
on the same cluster anyway; BLAKE2 was measured at ten times the price for small tokens and a
fifteenth of the speed for buffers, and would guard against nobody.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable
from typing import Any, TypeAlias

import xxhash

__all__ = ["hash_buffer", "hash_buffer_hex", "hashers"]

Hasher: TypeAlias = Callable[[Any], bytes]

# Version 2 of the format writes equal values as equal bytes: from version 3 on, marshal marks
# objects that it meets twice and strings that are interned.
_MARSHAL_VERSION = 2


def digest(normal: Any) -> bytes:
    """16 bytes that stand for a normal form."""
    return xxhash.xxh3_128_digest(marshal.dumps(normal, _MARSHAL_VERSION))


def hexdigest(normal: Any) -> str:
    """32 hexadecimal digits that stand for a normal form."""
    return xxhash.xxh3_128_hexdigest(marshal.dumps(normal, _MARSHAL_VERSION))


hashers: list[Hasher] = [xxhash.xxh3_128_digest, xxhash.xxh3_64_digest]
"""Functions from a contiguous buffer to bytes; `hash_buffer` uses the first, unless told."""


def hash_buffer(buf: Any, hasher: Hasher | None = None) -> bytes:
    """Hash the bytes of a buffer.

    The bytes are those in C order: the strides of an array make no difference, and neither do its
    shape and dtype (`tokenize` takes those into account).

    Parameters
    ----------
    buf : bytes-like
        Anything with the buffer protocol: bytes, memoryview, a NumPy array without Python objects.
    hasher : callable, optional
        ``hasher(contiguous bytes-like) -> bytes``; by default the first of `hashers` (XXH3).

    Returns
    -------
    bytes
        What the hasher gives: 16 bytes, if not told otherwise.

    Raises
    ------
    TypeError
        ``buf`` has no bytes to hash.

    Examples
    --------
    >>> hash_buffer(b"abc").hex()
    '06b05ab6733a618578af5f94892f3950'
    >>> hash_buffer(bytearray(b"abc")) == hash_buffer(memoryview(b"a-b-c")[::2])
    True
    """
    chosen = hashers[0] if hasher is None else hasher
    try:
        return chosen(buf)
    except (TypeError, ValueError, BufferError) as err:
        # Not contiguous, or (NumPy's dates) with a format that memoryview does not know.
        tobytes = getattr(buf, "tobytes", None)
        if tobytes is None:
            raise TypeError(
                f"got a {type(buf).__name__}, which has no bytes to hash; "
                "pass an object with the buffer protocol, or use tokenize"
            ) from err
        return chosen(tobytes())


def hash_buffer_hex(buf: Any, hasher: Hasher | None = None) -> str:
    """Hash the bytes of a buffer into hexadecimal digits.

    Parameters
    ----------
    buf : bytes-like
        As for `hash_buffer`.
    hasher : callable, optional
        As for `hash_buffer`.

    Returns
    -------
    str
        Two digits a byte of `hash_buffer`.

    Raises
    ------
    TypeError
        ``buf`` has no bytes to hash.

    Examples
    --------
    >>> hash_buffer_hex(b"abc")
    '06b05ab6733a618578af5f94892f3950'
    """
    return hash_buffer(buf, hasher).hex()
