"""Types for annotations: the protocol of collections that other libraries made for Dask.

`shoal.compute` and its family accept every object that follows `DaskCollection`.  shoal's own
collections follow the shorter protocol of `shoal.types.Collection`, and this one only after
`shoal.compat.install_as_dask`.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, Protocol, TypeAlias, TypeVar, runtime_checkable

from shoal.types import Key, NestedKeys

__all__ = [
    "CollType",
    "CollType_co",
    "DaskCollection",
    "Graph",
    "HLGDaskCollection",
    "Key",
    "NestedKeys",
    "NoDefault",
    "PostComputeCallable",
    "PostPersistCallable",
    "SchedulerGetCallable",
    "no_default",
]

CollType = TypeVar("CollType", bound="DaskCollection")
CollType_co = TypeVar("CollType_co", bound="DaskCollection", covariant=True)

Graph: TypeAlias = Mapping[Key, Any]
"""Tasks by key."""

PostComputeCallable: TypeAlias = Callable[..., Any]
"""``finalize(results, *extra)``: what `compute` returns, from results in the shape of the keys."""


class _NoDefault(enum.Enum):
    """The type of `no_default`."""

    no_default = "NO_DEFAULT"

    def __repr__(self) -> str:
        return "<no_default>"


no_default: Final = _NoDefault.no_default
"""Stands for an argument that was not given, where None is a value like any other."""

NoDefault: TypeAlias = Literal[_NoDefault.no_default]


class SchedulerGetCallable(Protocol):
    """A ``get`` function: runs a dict graph.

    Examples
    --------
    >>> import shoal
    >>> get: SchedulerGetCallable = shoal.get
    """

    def __call__(self, dsk: Graph, keys: NestedKeys, **kwargs: Any) -> Any:
        """The results, in the shape of the keys.

        Parameters
        ----------
        dsk
            Tasks by key.
        keys
            What is wanted.
        **kwargs
            Options of the executor.
        """


class PostPersistCallable(Protocol[CollType_co]):
    """Makes a collection of a graph, which may hold results instead of tasks.

    Examples
    --------
    >>> def rebuild(dsk, *args, rename=None): ...
    >>> function: PostPersistCallable = rebuild
    """

    def __call__(
        self, dsk: Graph, *args: Any, rename: Mapping[str, str] | None = None
    ) -> CollType_co:
        """The collection.

        Parameters
        ----------
        dsk
            Tasks, or results, by key.
        *args
            What ``__dask_postpersist__`` gave besides the function.
        rename
            New names by old names, where the keys were changed.
        """
        raise NotImplementedError


@runtime_checkable
class DaskCollection(Protocol):
    """What Dask's documentation asks of a collection.

    Examples
    --------
    >>> isinstance([1, 2], DaskCollection)
    False
    """

    __dask_scheduler__: SchedulerGetCallable

    def __dask_graph__(self) -> Graph:
        """All tasks, by key."""
        raise NotImplementedError

    def __dask_keys__(self) -> list[Any]:
        """The keys of the results, in nested lists."""
        raise NotImplementedError

    def __dask_postcompute__(self) -> tuple[PostComputeCallable, tuple[Any, ...]]:
        """``(finalize, extra)``; the answer is ``finalize(results, *extra)``."""
        raise NotImplementedError

    def __dask_postpersist__(self) -> tuple[PostPersistCallable[Any], tuple[Any, ...]]:
        """``(rebuild, extra)``; ``rebuild(graph, *extra)`` is the same collection on a graph."""
        raise NotImplementedError

    def __dask_tokenize__(self) -> Any:
        """What identifies the collection."""
        raise NotImplementedError

    def compute(self, **kwargs: Any) -> Any:
        """The answer, in memory.

        Parameters
        ----------
        **kwargs
            Options of `shoal.compute`.
        """

    def persist(self, **kwargs: Any) -> Any:
        """The same collection, with its results in memory.

        Parameters
        ----------
        **kwargs
            Options of `shoal.persist`.
        """

    def visualize(self, filename: str = ..., format: str | None = None, **kwargs: Any) -> Any:
        """A picture of the graph.

        Parameters
        ----------
        filename, format, **kwargs
            Options of `shoal.visualize`.
        """


@runtime_checkable
class HLGDaskCollection(DaskCollection, Protocol):
    """A collection that also names the layers of its results.

    Examples
    --------
    >>> issubclass(HLGDaskCollection, Protocol)
    True
    """

    def __dask_layers__(self) -> Sequence[str]:
        """The names of the layers that hold the results."""
        raise NotImplementedError
