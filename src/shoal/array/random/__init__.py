"""Random numbers: ``shoal.array.random`` takes the place of ``numpy.random``.

The functions, such as `normal`, are methods of one `RandomState` of this process, which `seed`
seeds.
"""

from __future__ import annotations

from typing import Any

from shoal.array.random.distributions import OLD
from shoal.array.random.generators import Generator, RandomState, default_rng

__all__ = ["Generator", "RandomState", "default_rng"]

_state = RandomState()
_functions = frozenset([*OLD, "choice", "permutation", "seed"])


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
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_functions})
