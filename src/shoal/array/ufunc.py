"""NumPy's ufuncs for arrays: each is made when its name is first used.

A ufunc with several results is computed once for each that is asked for: nothing ties the results
together, and what shares blocks shares the work of their inputs.  `ELEMENTWISE` are functions of
elements that are no ufuncs.
"""

from __future__ import annotations

import functools
from functools import partial
from typing import Any

import numpy as np

from shoal.array.collection import Array
from shoal.array.conversion import asanyarray
from shoal.array.documented import numpys_words
from shoal.array.elementwise import elemwise
from shoal.array.reductions.cumulative import cumreduction
from shoal.array.reductions.engine import reduction
from shoal.collection import is_collection

__all__ = ["ELEMENTWISE", "clip", "frompyfunc", "ufunc"]

ELEMENTWISE = (
    "angle fix i0 imag iscomplex isneginf isposinf isreal nan_to_num real real_if_close sinc"
)
"""Functions of NumPy's that are computed element by element."""

ASSOCIATIVE = (
    "add multiply maximum minimum fmax fmin logical_and logical_or logical_xor bitwise_and "
    "bitwise_or bitwise_xor gcd lcm logaddexp logaddexp2 hypot"
)
"""Ufuncs for which it does not matter how elements are put in brackets, or in which order."""


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
        lazy = any(map(is_collection, args))
        if not lazy and not isinstance(kwargs.get("where"), Array):
            # Nothing lazy: NumPy's answer, at once.
            return self.of(*args, **kwargs)
        if self.of.nout > 1 and _labelled(args) is None:
            return self._several(*args, **kwargs)
        return _of_elements(self.of, args, kwargs)

    def _several(self, *args: Any, **kwargs: Any) -> tuple[Array, ...]:
        """An array for each result."""
        out = kwargs.pop("out", None) or (None,) * self.of.nout
        parts = [_Result(self.of, i) for i in range(self.of.nout)]
        return tuple(
            [elemwise(part, *args, out=to, **kwargs) for part, to in zip(parts, out, strict=True)]
        )

    def outer(self, A: Any, B: Any, **kwargs: Any) -> Any:
        """The function of every element of one array and every one of another.

        Parameters
        ----------
        A, B
            Arrays.
        **kwargs
            The function's.

        Raises
        ------
        ValueError
            The function has not two operands.
        """
        if self.of.nin != 2:
            raise ValueError(
                f"outer product only supported for binary functions, {self.__name__} takes "
                f"{self.of.nin}"
            )
        if not is_collection(A) and not is_collection(B):
            return self.of.outer(A, B, **kwargs)
        A, B = asanyarray(A), asanyarray(B)
        return self(A[(...,) + (None,) * B.ndim], B, **kwargs)

    def reduce(
        self,
        array: Any,
        axis: Any = 0,
        dtype: Any = None,
        out: Any = None,
        keepdims: bool = False,
    ) -> Any:
        """The function between all elements along axes; see `numpy.ufunc.reduce`.

        Parameters
        ----------
        array
            An array.
        axis
            An int or several; None for all.
        dtype, out, keepdims
            As NumPy has them.

        Raises
        ------
        TypeError
            The function is none of `ASSOCIATIVE`, so blocks cannot be reduced each by itself.

        Examples
        --------
        >>> import shoal.array as da
        >>> da.add.reduce(da.ones((3, 2), chunks=2)).compute()
        array([3., 3.])
        """
        self._of_many("reduce")
        if not is_collection(array):
            return self.of.reduce(array, axis=axis, dtype=dtype, out=out, keepdims=keepdims)
        a = asanyarray(array)
        kind = self.of.reduce(np.ones(1, a.dtype), dtype=dtype).dtype
        func = partial(self.of.reduce, dtype=kind)
        name = f"{self.__name__}-reduce"
        return reduction(
            a, func, func, axis, keepdims, name=name, meta=a._meta, dtype=kind, out=out
        )

    def accumulate(self, array: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> Any:
        """The results of reducing more and more elements; see `numpy.ufunc.accumulate`.

        Parameters
        ----------
        array
            An array.
        axis
            Along which.
        dtype, out
            As NumPy has them.

        Raises
        ------
        TypeError
            The function is none of `ASSOCIATIVE`.

        Examples
        --------
        >>> import shoal.array as da
        >>> da.maximum.accumulate(da.asarray([1, 3, 2], chunks=2)).compute()
        array([1, 3, 3])
        """
        self._of_many("accumulate")
        if not is_collection(array):
            return self.of.accumulate(array, axis, dtype, out)
        a = asanyarray(array)
        kind = self.of.accumulate(np.ones(1, a.dtype), dtype=dtype).dtype
        func = partial(self.of.accumulate, dtype=kind)
        return cumreduction(func, self.of, self.of.identity, a, axis, kind, out)

    def _of_many(self, method: str) -> None:
        if self.__name__ not in ASSOCIATIVE.split():
            raise TypeError(
                f"{method} of {self.__name__} goes through elements in their order, and blocks "
                f"are reduced side by side; it is there for {ASSOCIATIVE}. Use "
                "x.rechunk(-1).map_blocks(...)"
            )

    def at(self, a: Any, indices: Any, b: Any = None) -> None:
        """Refused: it changes an array in place; see `numpy.ufunc.at`.

        Parameters
        ----------
        a, indices, b
            As NumPy has them.

        Raises
        ------
        TypeError
            ``a`` is an array of shoal's.
        """
        if is_collection(a):
            raise TypeError(
                f"{self.__name__}.at changes an array in place, and blocks may be anywhere; use "
                "bincount with weights=, or map_blocks"
            )
        self.of.at(a, indices, *([] if b is None else [b]))

    def __repr__(self) -> str:
        return repr(self.of)

    def __reduce__(self) -> tuple[Any, ...]:
        return ufunc, (self.of,)


def _labelled(args: tuple[Any, ...]) -> Any:
    """The frame or series among the arguments that says what a result is; None: it is an array."""
    found = [one for one in args if hasattr(type(one), "__shoal_elementwise__") and one.ndim]
    widest = max((one.ndim for one in args if isinstance(one, Array)), default=0)
    return next((one for one in found if one.ndim >= widest), None)


def _of_elements(function: Any, args: tuple[Any, ...], kwargs: Any) -> Any:
    """A function of elements: labels of frames stay, all else becomes arrays."""
    frame = _labelled(args)
    if frame is not None:
        return frame.__shoal_elementwise__(function, args, kwargs)
    return elemwise(function, *args, **kwargs)


class _Result:
    """One of the results of a ufunc."""

    def __init__(self, of: np.ufunc, which: int) -> None:
        self.of = of
        self.which = which

    @property
    def __name__(self) -> str:
        return f"{self.of.__name__}-{self.which}"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.of(*args, **kwargs)[self.which]

    def __shoal_tokenize__(self) -> Any:
        return "result", self.of, self.which


def frompyfunc(func: Any, nin: int, nout: int) -> ufunc:
    """A ufunc of a function of Python objects; see `numpy.frompyfunc`.

    Parameters
    ----------
    func
        Of ``nin`` objects.
    nin, nout
        How many operands and results it has; one result.

    Raises
    ------
    NotImplementedError
        There are several results.

    Examples
    --------
    >>> import shoal.array as da
    >>> frompyfunc(lambda x: f"<{x}>", 1, 1)(da.arange(2, chunks=1)).compute()
    array(['<0>', '<1>'], dtype=object)
    """
    if nout > 1:
        raise NotImplementedError("frompyfunc with more than one output")
    return ufunc(np.frompyfunc(func, nin, nout))


def _elementwise(function: Any) -> Any:
    """A function of NumPy's as one of arrays; NumPy's answer, at once, where nothing is lazy."""

    @functools.wraps(function, assigned=("__name__",), updated=())
    def of_arrays(*args: Any, **kwargs: Any) -> Any:
        if not any(map(is_collection, (*args, *kwargs.values()))):
            return function(*args, **kwargs)
        return _of_elements(function, args, kwargs)

    del of_arrays.__wrapped__  # pickled by its name here
    of_arrays.__module__, of_arrays.__qualname__ = __name__, function.__name__
    of_arrays.__doc__ = numpys_words(function)
    return of_arrays


def clip(a: Any, /, min: Any = None, max: Any = None, out: Any = None, **kwargs: Any) -> Any:
    """The elements, limited; see `numpy.clip`.

    Parameters
    ----------
    a
        An array.
    min, max
        The limits: numbers or arrays; None for none.
    out
        An array that becomes the result.
    **kwargs
        ``a_min`` and ``a_max``, NumPy's older words for the limits.

    Examples
    --------
    >>> import shoal.array as da
    >>> da.clip(da.arange(5, chunks=2), 1, 3).compute()
    array([1, 1, 2, 3, 3])
    """
    min, max = kwargs.pop("a_min", min), kwargs.pop("a_max", max)
    if not any(map(is_collection, (a, min, max))):
        return np.clip(a, min, max, out=out, **kwargs)
    told = {"out": out, **kwargs} if _labelled((a, min, max)) is None else kwargs
    return _of_elements(np.clip, (a, min, max), told)


def clip_of(self: Any, min: Any = None, max: Any = None) -> Any:
    """The elements, limited; see `numpy.ndarray.clip`."""
    return clip(self, min, max)


def __getattr__(name: str) -> Any:
    of = getattr(np, name, None)
    if isinstance(of, np.ufunc):
        made: Any = ufunc(of)
    elif name in ELEMENTWISE.split():
        made = _elementwise(of)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = made
    return made
