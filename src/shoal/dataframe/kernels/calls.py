"""Functions of the user's, wrapped so that they can be called once a partition."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from shoal.dataframe.kernels.reductions import concat_rows
from shoal.dataframe.kernels.totals import stack

__all__ = [
    "AsSeries",
    "Enforced",
    "EnforcedReader",
    "FirstMoved",
    "NumberedCall",
    "UserReducer",
    "transformed",
]


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
        return pd.Series([out]) if isinstance(out, type) or np.ndim(out) == 0 else out

    def __shoal_tokenize__(self) -> Any:
        return self.func


class FirstMoved:
    """A function whose first argument is given at another place.

    Parameters
    ----------
    func
        The function.
    place
        The number of the argument that is given first.

    Examples
    --------
    >>> FirstMoved(pow, 1)(3, 2)
    8
    """

    def __init__(self, func: Callable[..., Any], place: int) -> None:
        self.func = func
        self.place = place
        self.__name__ = getattr(func, "__name__", "map-partitions")

    def __call__(self, first: Any, *rest: Any, **kwargs: Any) -> Any:
        return self.func(*rest[: self.place], first, *rest[self.place :], **kwargs)

    def __shoal_tokenize__(self) -> Any:
        return self.func, self.place


class Enforced:
    """A function whose results are held to what was said of them.

    Parameters
    ----------
    func
        The function.
    meta
        What it is said to return.

    Examples
    --------
    >>> Enforced(lambda s: s.rename("y"), pd.Series([], name="x", dtype=int))(
    ...     pd.Series([1])
    ... ).name
    'x'
    """

    def __init__(self, func: Callable[..., Any], meta: Any) -> None:
        self.func = func
        self.meta = meta
        self.__name__ = getattr(func, "__name__", "func")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        out = self.func(*args, **kwargs)
        meta = self.meta
        if isinstance(meta, pd.DataFrame) and isinstance(out, pd.DataFrame):
            return self._frame(out)
        if isinstance(meta, pd.Series) and isinstance(out, pd.Series):
            if not len(out):
                return meta
            same = out.name is meta.name or out.name == meta.name
            return out if same else out.rename(meta.name)
        for kind in (pd.DataFrame, pd.Series, pd.Index):
            if isinstance(meta, kind) and not isinstance(out, kind) and isinstance(out, PANDAS):
                if not len(out):
                    # Functions have short ways for partitions without rows (LightGBM's).
                    return meta
                raise ValueError(
                    f"{self.__name__!r} returned a {type(out).__name__} for a partition, and "
                    f"meta is a {type(meta).__name__}; pass meta= that is like what it returns"
                )
        if isinstance(meta, pd.DataFrame) and pd.api.types.is_scalar(out):
            raise ValueError(
                f"{self.__name__!r} returned {str(out)[:40]!r} for a partition, "
                "and meta is a DataFrame; pass meta= that is like what it returns: for one value a "
                "partition (None, dtype)"
            )
        return out

    def _frame(self, out: Any) -> Any:
        """Refuse other columns; those that are said, in another order, are put in it."""
        meta = self.meta
        if not len(out) and not len(out.columns):
            return meta
        if out.columns.equals(meta.columns):
            return out
        extra = [name for name in out.columns if name not in meta.columns]
        missing = [name for name in meta.columns if name not in out.columns]
        if extra or missing or not out.columns.is_unique:
            raise ValueError(
                "The columns in the computed data do not match the columns in the provided "
                f"metadata: {self.__name__!r} returned a partition with\n  Extra:   {extra}\n"
                f"  Missing: {missing}\nPass meta= with the columns that it returns"
            )
        raise ValueError(
            "The columns in the computed data do not match the columns in the provided metadata. "
            f"Order of columns does not match.\nActual:   {out.columns.tolist()}\n"
            f"Expected: {meta.columns.tolist()}"
        )

    def __shoal_tokenize__(self) -> Any:
        return self.func, self.meta


class EnforcedReader(Enforced):
    """The same of a function that can be asked for one that reads fewer columns (`from_map`).

    Examples
    --------
    >>> hasattr(EnforcedReader, "project_columns")
    True
    """

    def project_columns(self, columns: list[Any]) -> Enforced:
        """One that reads fewer.

        Parameters
        ----------
        columns
            Their names.
        """
        return Enforced(self.func.project_columns(columns), self.meta[columns])  # type: ignore[attr-defined]


PANDAS = (pd.DataFrame, pd.Series, pd.Index)


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
