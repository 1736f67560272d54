"""Names for values: equal objects have equal tokens, in every process and every run.

A token is what a task's key and an expression's identity are made of, so two mistakes matter and
both are silent: a token that is equal for unequal objects gives a wrong result, and one that
differs for equal objects repeats work.  Where an object offers nothing to name it by (a lock, an
open file), its token is valid for that call only, or, with ``ensure_deterministic``, an error
says which object it was and where.

An object is brought into a normal form (walk.py), which marshal writes as canonical bytes and XXH3
hashes (hashing.py).  registry.py knows which function describes which type; the functions stand in
``_functions.py``, ``_stdlib.py``, ``_numpy.py``, ``_pandas.py``, ``_pyarrow.py``, ``_numba.py``.
This module holds the function that everyone calls.
"""

from __future__ import annotations

from typing import Any

from shoal.graph.token import _functions, _numba, _numpy, _pandas, _pyarrow, _stdlib
from shoal.graph.token.hashing import hash_buffer, hash_buffer_hex, hexdigest
from shoal.graph.token.refusal import refused
from shoal.graph.token.registry import Normalizer, normalize_seq, normalize_token
from shoal.graph.token.walk import ATOMS, Refusal, Walk

__all__ = [
    "Normalizer",
    "hash_buffer",
    "hash_buffer_hex",
    "normalize_seq",
    "normalize_token",
    "tokenize",
]

# Imported for what they register.
_HOOKS = (_functions, _numba, _numpy, _pandas, _pyarrow, _stdlib)


def tokenize(*args: Any, ensure_deterministic: bool | None = None, **kwargs: Any) -> str:
    """Give a token for the arguments: the same for equal arguments, another for unequal ones.

    The order of insertion of dicts and sets makes no difference, and neither do identity, caches
    and the layout of arrays in memory.  Types do: 1, 1.0, True and "1" all differ.

    An object with a method ``__shoal_tokenize__`` (or ``__dask_tokenize__``) is described by what
    that returns, a type of someone else's by what is registered with `normalize_token`, any other
    by what it gives pickle to store.

    Parameters
    ----------
    *args, **kwargs : any
        What the token stands for.
    ensure_deterministic : bool, optional
        True: raise for an object that has no token which would be the same in another process.
        False: give such an object a token that is valid in this call only (an instance of
        `object` keeps its own).  By default the config key ``tokenize.ensure-deterministic``.

    Returns
    -------
    str
        32 hexadecimal digits.

    Raises
    ------
    TokenizationError
        An object has no deterministic token and one was asked for; names the object's type and
        the path to it.

    Examples
    --------
    >>> tokenize([1, 2, "x"], {"b": 1, "a": 2}) == tokenize([1, 2, "x"], {"a": 2, "b": 1})
    True
    >>> tokenize(1) == tokenize(1.0)
    False
    >>> import threading
    >>> tokenize({"guard": threading.Lock()}, ensure_deterministic=True)
    Traceback (most recent call last):
    ...
    shoal.errors.TokenizationError: Cannot tokenize the _thread.lock at args[0]['guard']: it cannot
    be deterministically hashed (pickle: cannot pickle '_thread.lock' object). Give its class ...
    """
    if not kwargs and ATOMS.issuperset(map(type, args)):
        return hexdigest(args)
    walk = Walk(normalize_token, ensure_deterministic)
    try:
        # A list, which a tuple of arguments cannot be.
        normal = [walk.each(args), walk.visit(kwargs)] if kwargs else walk.each(args)
    except (Refusal, RecursionError) as err:
        normal = refused(walk, err, args, kwargs)
    return hexdigest(normal)
