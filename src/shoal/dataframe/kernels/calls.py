"""Functions of the user's, wrapped so that they can be called once a partition."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from shoal.dataframe.kernels.reductions import concat_rows, stack

__all__ = ["AsSeries", "NumberedCall", "UserReducer", "takes_argument", "transformed"]


def takes_argument(func: Callable[..., Any], name: str) -> bool:
    """Whether a function has a parameter of a name.

    Parameters
    ----------
    func
        The function.
    name
        Of the parameter.

    Examples
    --------
    >>> takes_argument(lambda x, partition_info=None: x, "partition_info")
    True
    """
    try:
        return name in inspect.signature(func).parameters
    except (TypeError, ValueError):
        return False


class AsSeries:
    """A function whose result becomes a series of one, if it is a scalar.

    Parameters
    ----------
    func
        The function.

    Examples
    --------
    >>> AsSeries(len)("ab").tolist()
    [2]
    """

    def __init__(self, func: Callable[..., Any]) -> None:
        self.func = func
        self.__name__ = getattr(func, "__name__", "func")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        out = self.func(*args, **kwargs)
        return pd.Series([out]) if np.ndim(out) == 0 else out

    def __shoal_tokenize__(self) -> Any:
        return self.func


class NumberedCall:
    """A function that is told which partition it is called with.

    Parameters
    ----------
    func
        With a parameter ``partition_info``.

    Examples
    --------
    >>> NumberedCall(lambda x, partition_info: partition_info["number"]).call(
    ...     "ab", {"number": 3}
    ... )
    3
    """

    def __init__(self, func: Callable[..., Any]) -> None:
        self.func = func
        self.__name__ = getattr(func, "__name__", "func")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it as for the first partition, to learn what it returns."""
        return self.func(*args, partition_info={"number": 0, "division": None}, **kwargs)

    def call(self, part: Any, info: Any, *args: Any, **kwargs: Any) -> Any:
        """Call it.

        Parameters
        ----------
        part
            The partition.
        info
            What it is told.
        *args, **kwargs
            The other arguments.
        """
        return self.func(part, *args, partition_info=info, **kwargs)

    def __shoal_tokenize__(self) -> Any:
        return self.func


def transformed(
    func: Callable[..., Any], items: Sequence[Any], names: tuple[str, ...], node: Any
) -> Any:
    """The divisions of an index that a function has made from another one, if they are known then.

    Parameters
    ----------
    func
        Elementwise and monotonic, if divisions are to be known.
    items, names
        Its arguments: the index first.
    node
        The result's.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [1, 2]}, npartitions=2).index.map_partitions(lambda i: i * 10).divisions
    (0, 10, 10)
    """
    unknown = (None,) * len(node.divisions)
    if not isinstance(getattr(items[0], "meta", None), pd.Index):
        return unknown
    split = len(items) - len(names)
    named = dict(zip(names, items[split:], strict=True))
    try:
        bounds = func(pd.Index(node.divisions), *items[1:split], **named)
    except Exception:  # what a function of the user's does with two labels alone
        return unknown
    fits = isinstance(bounds, pd.Index) and len(bounds) == len(unknown)
    return tuple(bounds) if fits and bounds.is_monotonic_increasing else unknown


@dataclasses.dataclass(frozen=True)
class UserReducer:
    """A reduction of functions of the user's, which get results laid one below the other.

    Parameters
    ----------
    title
        What it is called.
    steps
        Of a partition, of some results, of all: pairs of a function and its keyword arguments.

    Examples
    --------
    >>> total = UserReducer("total", ((sum, {}), (sum, {}), (sum, {})))
    >>> total.final([total.partial([1, 2]), total.partial([3])])
    6
    """

    title: str
    steps: tuple[Any, ...]
    columns = None

    def partial(self, item: Any, *more: Any) -> Any:
        """Of one partition.

        Parameters
        ----------
        item, *more
            The partition, and those beside it.
        """
        func, kwargs = self.steps[0]
        return func(item, *more, **kwargs)

    def combine(self, parts: Sequence[Any]) -> Any:
        """Of some results.

        Parameters
        ----------
        parts
            At least one.
        """
        func, kwargs = self.steps[1]
        return func(_together(parts), **kwargs)

    def final(self, parts: Sequence[Any]) -> Any:
        """Of all.

        Parameters
        ----------
        parts
            At least one.
        """
        func, kwargs = self.steps[2]
        return func(_together(parts), **kwargs)

    def once(self, item: Any) -> Any:
        """All three for one partition, to learn what is returned.

        Parameters
        ----------
        item
            The partition.
        """
        return self.final([self.combine([self.partial(item)])])


def _together(parts: Sequence[Any]) -> Any:
    """Rows below each other; a series for each is a row of a frame, a scalar one of a series."""
    if isinstance(parts[0], pd.DataFrame | pd.Index):
        return concat_rows(parts)
    return stack(parts)
