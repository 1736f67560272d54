"""Methods made from the tables."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from types import MethodType
from typing import Any

from shoal.dataframe.collection import tables
from shoal.dataframe.collection.base import (
    FrameBase,
    check_axis,
    check_numbers,
    check_shuffle_method,
    check_split_every,
    from_node,
    nearest,
)
from shoal.dataframe.kernels.moves import Cumulate
from shoal.dataframe.meta import sample_of
from shoal.dataframe.nodes.carried import Carried

__all__ = ["Topic", "check_columns", "install_methods", "install_operators", "install_topics"]

REFLECTED = "add sub mul truediv floordiv mod pow matmul and_ or_ xor"


def install_methods(cls: type, kind: type) -> None:
    """Give a class the methods that the tables list for it.

    Parameters
    ----------
    cls
        A collection class.
    kind
        The pandas class that it stands for.

    Examples
    --------
    >>> from shoal.dataframe import Series
    >>> Series.fillna.__doc__.splitlines()[0]
    'As `pandas.Series.fillna`, partition by partition.'
    """
    name = cls.__name__
    for method in tables.ROWWISE[name].split():
        _put(cls, kind, method, _rowwise(method), "partition by partition")
    for method in tables.REDUCTIONS[name].split():
        make = _reduction(method)
        _put(cls, kind, method, make, "from partial results of the partitions, in a tree")
    if name != "Index":
        for method in tables.CUMULATIVE.split():
            _put(cls, kind, method, _cumulative(method), "running on from partition to partition")
    for method in tables.EAGER[name].split():
        _put(cls, kind, method, _eager(method), "after computing all of it")
    install_topics(cls)
    for attribute in tables.PROPERTIES[name].split():
        setattr(cls, attribute, _property(attribute))


def install_topics(cls: type) -> None:
    """Give a class the functions that the table of topics lists for it.

    Parameters
    ----------
    cls
        A collection class.

    Examples
    --------
    >>> from shoal.dataframe import Series
    >>> Series.shift.__module__
    'shoal.dataframe.collection.overlap'
    """
    for topic, classes in tables.TOPICS.items():
        for names, methods in classes.items():
            if cls.__name__ not in names.split():
                continue
            for entry in methods.split():
                method, _, function = entry.partition("=")
                delegate = Topic(topic, function or method)
                setattr(cls, method, delegate)
                delegate.__set_name__(cls, method)


class Topic:
    """A method that is a function of the module for its topic, loaded when it is first used.

    Parameters
    ----------
    module
        Within `shoal.dataframe.collection`; with a dot in it, within `shoal.dataframe`.
    function
        Its name there.

    Examples
    --------
    >>> Topic("overlap", "shift").function
    'shift'
    """

    def __init__(self, module: str, function: str) -> None:
        self.module = module
        self.function = function

    def __set_name__(self, owner: type, name: str) -> None:
        self.owner, self.name = owner, name

    def __get__(self, instance: Any, owner: type) -> Any:
        where = self.module if "." in self.module else f"collection.{self.module}"
        module = importlib.import_module(f"shoal.dataframe.{where}")
        function = getattr(module, self.function)
        # From now on the class has the function itself.
        setattr(self.owner, self.name, function)
        return function if instance is None else MethodType(function, instance)


def _put(cls: type, kind: type, name: str, method: Callable[..., Any], how: str) -> None:
    if name in vars(cls):
        return
    original = getattr(kind, name)
    method.__name__ = name
    method.__qualname__ = f"{cls.__name__}.{name}"
    method.__doc__ = (
        f"As `pandas.{kind.__name__}.{name}`, {how}.\n\n"
        "Parameters are pandas'; frames and series among them are matched by their index."
    )
    try:
        method.__signature__ = inspect.signature(original)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        pass
    setattr(cls, name, method)


NAMING = {"dropna": "subset", "explode": "column"}
"""Row-wise methods of frames that are told columns, and by which argument."""


def check_columns(frame: Any, names: Any) -> None:
    """Refuse names of columns that are not there, with what may have been meant.

    Parameters
    ----------
    frame
        The collection.
    names
        One, several, or None.

    Raises
    ------
    KeyError
        A column is not there.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> check_columns(from_dict({"price": [1]}, npartitions=1), ["prise"])
    Traceback (most recent call last):
    ...
    KeyError: "['prise'] not found in axis; did you mean 'price'?"
    """
    some = [names] if isinstance(names, str) else names if isinstance(names, list) else []
    missing = [name for name in some if name not in frame.columns]
    if missing:
        raise KeyError(f"{missing} not found in axis{nearest(missing[0], frame.columns)}")


def _rowwise(name: str) -> Callable[..., Any]:
    told = NAMING.get(name, "")

    def method(self: FrameBase, *args: Any, **kwargs: Any) -> Any:
        refuse_inplace(name, kwargs)
        if name in tables.OF_ALL_ROWS:
            given = inspect.signature(getattr(self._meta, name)).bind_partial(*args, **kwargs)
            refuse_of_all_rows(name, given.arguments)
        if self.ndim == 2 and name in tables.OF_COLUMNS:
            bound = inspect.signature(getattr(self._meta, name)).bind(*args, **kwargs)
            asked = dict(bound.arguments)
            rows = asked.pop("axis", None if name != "set_axis" else 0) in (0, "index", "rows")
            if not rows and asked.keys() <= tables.OF_COLUMNS[name]:
                return self._asked_of_columns(name, asked)
        if told and self.ndim == 2 and kwargs.get("errors") != "ignore":
            check_columns(self, kwargs.get(told, args[0] if args and name == "explode" else None))
        return self._rowwise(name, *args, **kwargs)

    return method


def _eager(name: str) -> Callable[..., Any]:
    def method(self: FrameBase, *args: Any, **kwargs: Any) -> Any:
        return getattr(self.compute(), name)(*args, **kwargs)

    return method


def refuse_inplace(name: str, kwargs: dict[str, Any]) -> None:
    """Refuse ``inplace=True``, which has no meaning for an expression.

    Parameters
    ----------
    name
        The method.
    kwargs
        Its keyword arguments; ``inplace=False`` is dropped.
    """
    if kwargs.pop("inplace", False):
        raise NotImplementedError(
            f"{name}(inplace=True): assign the result instead, df = df.{name}(...)"
        )


def refuse_of_all_rows(name: str, given: Mapping[str, Any]) -> None:
    """Refuse arguments that a partition alone cannot honour.

    Parameters
    ----------
    name
        The method.
    given
        Its arguments, by name.
    """
    along_columns = given.get("axis") in (1, "columns")
    for argument, remedy in tables.OF_ALL_ROWS[name].items():
        value = given.get(argument)
        if argument == "axis":
            refused = along_columns
        else:
            refused = value is not None and value is not False and not along_columns
        if refused:
            raise NotImplementedError(f"{name}({argument}={value!r}): {remedy}")


OF_NUMBERS = frozenset(["mean", "var", "std", "sem"])
"""Reductions that text and categories have not."""


def _reduction(name: str) -> Callable[..., Any]:
    real = {"product": "prod"}.get(name, name)

    def method(self: FrameBase, axis: Any = 0, *, split_every: Any = None, **options: Any) -> Any:
        options = {key: value for key, value in options.items() if value is not None}
        check_split_every(split_every)
        if real == "nunique":
            # Dask's, of which there is no need: in how many pieces is seen when it runs.
            check_shuffle_method(options.pop("shuffle_method", None))
            options.pop("split_out", None)
        _check_options(self, real, options)
        axis = axis if axis is None else check_axis(self, axis)
        if real in OF_NUMBERS and not options.get("numeric_only"):
            check_numbers(self, real)
        if axis == 1:
            # pandas says what does not fit, before anything is computed.
            getattr(sample_of(self._meta), real)(axis=1, **options)
            return self._rowwise(real, axis=1, **options)
        if axis is None and self.ndim == 2 and real in ("any", "all", "min", "max", "sum", "mean"):
            if real == "mean":
                total, count = (
                    self._reduce(one, split_every=split_every, **options)
                    for one in ("sum", "count")
                )
                return total._reduce("sum") / count._reduce("sum")
            whole = self._reduce(real, split_every=split_every, **options)
            return whole._reduce(real)
        return self._reduce(real, split_every=split_every, **options)

    return method


def _check_options(self: FrameBase, name: str, options: dict[str, Any]) -> None:
    """Refuse what pandas' method has not: it would make no difference."""
    known = inspect.signature(getattr(self._meta, name)).parameters
    if any(one.kind is inspect.Parameter.VAR_KEYWORD for one in known.values()):
        return
    for option in options.keys() - known.keys():
        raise TypeError(
            f"{type(self).__name__}.{name}() got an unexpected keyword argument {option!r}"
            f"{nearest(option, known)}"
        )


def _cumulative(name: str) -> Callable[..., Any]:
    def run(
        self: Any,
        axis: Any = 0,
        skipna: bool = True,
        numeric_only: bool = False,
        method: str | None = None,
        **of_numpy: Any,
    ) -> Any:
        # NumPy's functions call the method of this name with all of their own arguments.
        of_numpy = {key: value for key, value in of_numpy.items() if value is not None}
        if of_numpy:
            raise TypeError(f"{name} takes axis, skipna and numeric_only, got {list(of_numpy)}")
        if method not in (None, "sequential", "blelloch"):
            # Dask's arrays name two ways of adding up; there is one here.
            raise ValueError(f"method is 'sequential' or 'blelloch', got {method!r}")
        if numeric_only and self.ndim == 2:
            self = self[list(getattr(self._meta, name)(numeric_only=True))]
        if check_axis(self, axis) == 1:
            return self._rowwise(name, axis=1, skipna=skipna)
        totals = Cumulate(name, skipna)
        meta = totals.go_on(self._meta, None)
        return from_node(Carried(self._node, totals, meta, name, True, True))

    return run


def _property(name: str) -> property:
    def get(self: FrameBase) -> Any:
        return self._attribute(name)

    return property(get, doc=f"As pandas has it, partition by partition: {name}.")


def install_operators(cls: type) -> None:
    """Give a class Python's operators.

    Parameters
    ----------
    cls
        A collection class.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> (1 - from_dict({"x": [1, 2]}, npartitions=1).x).compute().tolist()
    [0, -1]
    """
    for name in tables.OPERATORS.split():
        setattr(cls, f"__{name.strip('_')}__", _binary(name, reflected=False))
    for name in REFLECTED.split():
        setattr(cls, f"__r{name.strip('_')}__", _binary(name, reflected=True))
    for name in ("neg", "pos", "invert", "abs"):
        setattr(cls, f"__{name}__", _unary(name))


def _binary(name: str, *, reflected: bool) -> Callable[[Any, Any], Any]:
    if reflected:
        return lambda self, other: self._operator(name, other, self)
    return lambda self, other: self._operator(name, self, other)


def _unary(name: str) -> Callable[[Any], Any]:
    return lambda self: self._operator(name, self)
