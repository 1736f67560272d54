"""Random numbers: ``shoal.array.random`` takes the place of ``numpy.random``.

The functions, such as `normal`, are methods of one `RandomState` of this process, which `seed`
seeds.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from shoal.array.collection import Array
from shoal.array.random.distributions import OLD
from shoal.array.random.generators import Generator, RandomState, default_rng
from shoal.array.refused import reason_of

__all__ = ["Generator", "RandomState", "default_rng", "rand", "randn", "random_state_data"]

_state = RandomState()
_functions = frozenset([*OLD, "choice", "permutation", "seed"])
_renamed = {"ranf": "random_sample", "sample": "random_sample"}
_numpys = frozenset(
    ["BitGenerator", "MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64", "SeedSequence"]
)


def random_state_data(n: int, random_state: Any = None) -> list[Any]:
    """States of `numpy.random.RandomState`, for as many tasks that draw numbers of their own.

    Parameters
    ----------
    n
        How many.
    random_state
        A `numpy.random.RandomState` that they are drawn from, or the seed of one.

    Returns
    -------
    list
        Arrays of 624 uint32.

    Examples
    --------
    >>> first, second = random_state_data(2, random_state=1)
    >>> np.random.RandomState(first).randint(10) == np.random.RandomState(first).randint(10)
    True
    """
    words = 624
    if not isinstance(random_state, np.random.RandomState):
        random_state = np.random.RandomState(random_state)
    data = np.frombuffer(random_state.bytes(words * n * 4), dtype=np.uint32)
    return list(data.reshape(n, words))


def rand(*args: int, chunks: Any = "auto") -> Array:
    """Numbers from 0 to 1; see `numpy.random.rand`.

    Parameters
    ----------
    *args
        The shape, an int for each axis.
    chunks
        As `normalize_chunks` takes them.

    Examples
    --------
    >>> rand(2, 3, chunks=1).shape
    (2, 3)
    """
    out: Array = _state.random_sample(size=args, chunks=chunks)  # type: ignore[attr-defined]
    return out


def randn(*args: int, chunks: Any = "auto") -> Array:
    """Standard normal numbers; see `numpy.random.randn`.

    Parameters
    ----------
    *args, chunks
        As for `rand`.

    Examples
    --------
    >>> randn(2, 3, chunks=1).shape
    (2, 3)
    """
    out: Array = _state.standard_normal(size=args, chunks=chunks)  # type: ignore[attr-defined]
    return out


def __getattr__(name: str) -> Any:
    """A function of the process's own `RandomState`.

    Parameters
    ----------
    name
        A method of it.

    Examples
    --------
    >>> import shoal.array as da
    >>> da.random.normal(size=3, chunks=2).shape
    (3,)
    """
    if name in _functions:
        return getattr(_state, name)
    if name in _renamed:
        return getattr(_state, _renamed[name])
    if name in _numpys:
        return getattr(np.random, name)
    raise AttributeError(
        f"module {__name__!r} has no attribute {name!r}{reason_of(name, 'random')}"
    )


def __dir__() -> list[str]:
    return sorted({*globals(), *_functions})
