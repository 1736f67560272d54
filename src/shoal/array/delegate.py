"""Methods that are functions of other modules, which are loaded when a method is first used."""

from __future__ import annotations

import importlib
from types import FunctionType, MethodType
from typing import Any

from shoal.seams import stands_for_dask

__all__ = ["Delegate", "DelegatedProperty", "OwnDelegate"]


class Delegate:
    """``x.mean(axis=0)`` is ``mean(x, axis=0)`` of the module named here.

    So the class says what an array can do in a line each, and every operation is written, with
    its documentation, in the module for its topic.

    Parameters
    ----------
    home
        The module within `shoal.array`.
    name
        Of the function; that of the method by default.

    Examples
    --------
    >>> import shoal.array as da
    >>> da.ones(4, chunks=2).sum().compute()
    np.float64(4.0)
    """

    def __init__(self, home: str, name: str | None = None) -> None:
        self.home = home
        self.name = name
        self.method = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.method = name
        self.owner = owner
        self.name = self.name or name

    def __get__(self, instance: Any, owner: type) -> Any:
        function = getattr(importlib.import_module(f"shoal.array.{self.home}"), str(self.name))
        if isinstance(function, FunctionType):
            # From now on the class has the function itself.  A ufunc would not become a method.
            setattr(self.owner, self.method, function)
        return function if instance is None else MethodType(function, instance)


class OwnDelegate(Delegate):
    """A method that Dask's arrays have not: it is not there while ``dask`` means shoal.

    Libraries go other ways for arrays that have it, and go by type for Dask's: xarray takes what
    speaks the array API standard for no array of Dask's.

    Examples
    --------
    >>> import shoal.array as da
    >>> da.ones(4, chunks=2).__array_namespace__() is da
    True
    """

    def __get__(self, instance: Any, owner: type) -> Any:
        if stands_for_dask():
            raise AttributeError(f"{owner.__name__!r} object has no attribute {self.method!r}")
        function = getattr(importlib.import_module(f"shoal.array.{self.home}"), str(self.name))
        return function if instance is None else MethodType(function, instance)


class DelegatedProperty:
    """``x.blocks`` is ``blocks_of(x)`` of the module named here.

    Parameters
    ----------
    home
        The module within `shoal.array`.
    name
        Of the function.

    Examples
    --------
    >>> import shoal.array as da
    >>> da.ones(4, chunks=2).blocks.shape
    (2,)
    """

    def __init__(self, home: str, name: str) -> None:
        self.home = home
        self.name = name

    def __get__(self, instance: Any, owner: type) -> Any:
        function = getattr(importlib.import_module(f"shoal.array.{self.home}"), self.name)
        return function if instance is None else function(instance)
