"""NumPy's ufuncs for arrays: each is made when its name is first used.

Those with several results are functions of their own.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from shoal.array.collection import Array
from shoal.array.elementwise import elemwise

__all__ = ["ufunc"]


class ufunc:
    """An elementwise function of arrays.

    Parameters
    ----------
    of
        A `numpy.ufunc`.

    Examples
    --------
    >>> import shoal.array as da
    >>> ufunc(np.add)(da.ones(2, chunks=1), 1).compute()
    array([2., 2.])
    """

    def __init__(self, of: np.ufunc) -> None:
        if not isinstance(of, np.ufunc):
            raise TypeError(f"ufunc takes a numpy.ufunc, got {type(of).__name__}: {of!r}")
        self.of = of
        self.__name__ = of.__name__
        self.__doc__ = of.__doc__

    def __getattr__(self, name: str) -> Any:
        if name in ("nin", "nout", "nargs", "ntypes", "types", "identity", "signature"):
            return getattr(self.of, name)
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        lazy = any(isinstance(arg, Array) or hasattr(arg, "__dask_graph__") for arg in args)
        if not lazy and not isinstance(kwargs.get("where"), Array):
            # Nothing lazy: NumPy's answer, at once.
            return self.of(*args, **kwargs)
        return elemwise(self.of, *args, **kwargs)

    def __repr__(self) -> str:
        return repr(self.of)

    def __reduce__(self) -> tuple[Any, ...]:
        return ufunc, (self.of,)


def __getattr__(name: str) -> Any:
    of = getattr(np, name, None)
    if not isinstance(of, np.ufunc) or of.nout != 1:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    made = globals()[name] = ufunc(of)
    return made
