"""What libraries take to make frames of their own kind: classes to subclass, and their helpers.

Dask's libraries (dask-geopandas is the one that most know) subclass the expressions inside of its
frames.  shoal's have another form, so the classes here are descriptions only: a subclass says what
is done to a partition (`Blockwise`), or to partitions and then to their results
(`ApplyConcatApply`), and to make an instance gives the node of shoal's that does it.

Importing this module also gives shoal's nodes the two methods of Dask's expressions that such
libraries call: ``optimize`` and ``lower_completely``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from shoal.collection import is_own
from shoal.dataframe.collection.align import side_by_side
from shoal.dataframe.collection.base import FrameBase, from_node
from shoal.dataframe.meta import make_meta, meta_of_call, sample_of
from shoal.dataframe.nodes.base import FrameNode
from shoal.dataframe.nodes.reduce import Reduce
from shoal.graph.functions import M
from shoal.highlevelgraph import MaterializedLayer, graph_of, keys_of
from shoal.types import Key
from shoal.typing import no_default

__all__ = [
    "ApplyConcatApply",
    "Blockwise",
    "DataFrameIOLayer",
    "Drop",
    "FrameBase",
    "are_co_aligned",
    "elemwise",
    "emulate",
    "new_collection",
]


def new_collection(expr: Any) -> Any:
    """The collection of an expression.

    Parameters
    ----------
    expr
        A node; a collection is returned as it is.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> new_collection(from_dict({"x": [1]}, npartitions=1).expr).compute().x.tolist()
    [1]
    """
    return expr if is_own(expr) else from_node(expr)


def are_co_aligned(*exprs: Any) -> bool:
    """Whether the rows of expressions stand side by side, partition by partition.

    Parameters
    ----------
    *exprs
        Nodes; what has a single value goes with all.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> x = from_dict({"x": [1, 2]}, npartitions=2).x
    >>> are_co_aligned(x.expr, (x + 1).expr), are_co_aligned(x.expr, x.sort_values().expr)
    (True, False)
    """
    frames = [expr for expr in exprs if isinstance(expr, FrameNode) and expr.ndim]
    return not frames or side_by_side(frames)


def emulate(func: Callable[..., Any], *args: Any, udf: bool = False, **kwargs: Any) -> Any:
    """What a function returns for collections, as a meta: it is called on made-up rows of each.

    Parameters
    ----------
    func, *args, **kwargs
        The function and its arguments.
    udf
        Accepted.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> emulate(abs, from_dict({"x": [1]}, npartitions=1).x).dtype
    dtype('int64')
    """
    named = {name: _meta(arg) for name, arg in kwargs.items()}
    return meta_of_call(func, *[_meta(arg) for arg in args], **named)


def _meta(item: Any) -> Any:
    return item._meta if isinstance(item, FrameBase) else item


def elemwise(op: Callable[..., Any], *args: Any, meta: Any = no_default, **kwargs: Any) -> Any:
    """A function of rows, applied to the partitions of collections side by side.

    Parameters
    ----------
    op
        The function.
    *args, **kwargs
        Its arguments, at least one a collection.
    meta
        What it returns; found out on made-up rows by default.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> x = from_dict({"x": [1, 2]}, npartitions=2).x
    >>> elemwise(lambda a, b: a + b, x, 10).compute().tolist()
    [11, 12]
    """
    if meta is no_default:
        meta = emulate(op, *args, **kwargs)
    first = next(i for i, arg in enumerate(args) if isinstance(arg, FrameBase))
    call = op if first == 0 else _Moved(op, first)
    rest = (*args[:first], *args[first + 1 :])
    return args[first].map_partitions(call, *rest, meta=meta, enforce_metadata=False, **kwargs)


@dataclasses.dataclass(frozen=True)
class _Moved:
    """A function whose argument at a place comes first."""

    func: Callable[..., Any]
    place: int

    def __call__(self, moved: Any, *rest: Any, **kwargs: Any) -> Any:
        return self.func(*rest[: self.place], moved, *rest[self.place :], **kwargs)


class Blockwise:
    """A function of a partition.

    A subclass has ``operation(partition, ...)``; its instances are nodes.

    Parameters
    ----------
    frame
        A node or collection.
    *args, **kwargs
        More arguments of the function.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> class Twice(Blockwise):
    ...     operation = staticmethod(lambda df, by: df * by)
    >>> new_collection(Twice(from_dict({"x": [1]}, npartitions=1), by=2)).compute().x.tolist()
    [2]
    """

    operation: Callable[..., Any]

    def __new__(cls, frame: Any, *args: Any, **kwargs: Any) -> Any:
        """The node."""
        return new_collection(frame).map_partitions(cls.operation, *args, **kwargs).expr


class Drop(Blockwise):
    """A frame without some columns.

    Parameters
    ----------
    frame
        A node or collection.
    columns, errors
        As pandas has them.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1], "y": [2]}, npartitions=1)
    >>> list(new_collection(Drop(df, columns=["x"])).columns)
    ['y']
    """

    operation = M.drop


class ApplyConcatApply:
    """A reduction: a function of each partition, then one of their results.

    A subclass has class methods ``chunk(partition, **kwargs)`` and ``aggregate(results,
    **kwargs)``, perhaps ``combine`` for results on the way, ``_meta``, and ``chunk_kwargs`` and its
    like; its instances are nodes.

    Parameters
    ----------
    frame
        A node or collection.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> class Longest(ApplyConcatApply):
    ...     @classmethod
    ...     def chunk(cls, df):
    ...         return len(df)
    ...
    ...     @classmethod
    ...     def aggregate(cls, lengths):
    ...         return max(lengths)
    >>> new_collection(Longest(from_dict({"x": [1, 2, 3]}, npartitions=2))).compute()
    2
    """

    frame: Any
    chunk: Callable[..., Any]
    aggregate: Callable[..., Any]
    combine: Callable[..., Any] | None = None
    chunk_kwargs: Mapping[str, Any] = {}
    combine_kwargs: Mapping[str, Any] = {}
    aggregate_kwargs: Mapping[str, Any] = {}
    split_every: Any = None

    def __new__(cls, frame: Any) -> Any:
        """The node."""
        said = object.__new__(cls)
        said.frame = new_collection(frame)
        steps = (
            (said.chunk, dict(said.chunk_kwargs)),
            (said.combine or said.aggregate, dict(said.combine_kwargs or said.aggregate_kwargs)),
            (said.aggregate, dict(said.aggregate_kwargs)),
        )
        reducer = _Steps(cls.__name__.lower(), steps)
        meta = getattr(said, "_meta", None)
        if meta is None:
            meta = make_meta(reducer.final([reducer.partial(sample_of(said.frame._meta))]))
        return Reduce((said.frame.expr,), reducer, meta, said.split_every, 1)


@dataclasses.dataclass(frozen=True)
class _Steps:
    """A reduction whose functions get results in a list."""

    title: str
    steps: tuple[Any, ...]
    columns = None

    def partial(self, item: Any, *more: Any) -> Any:
        func, kwargs = self.steps[0]
        return func(item, *more, **kwargs)

    def combine(self, parts: Sequence[Any]) -> Any:
        func, kwargs = self.steps[1]
        return func(list(parts), **kwargs)

    def final(self, parts: Sequence[Any]) -> Any:
        func, kwargs = self.steps[2]
        return func(list(parts), **kwargs)


class DataFrameIOLayer(MaterializedLayer):
    """The layer of a graph that reads partitions, a task each.

    Parameters
    ----------
    name
        Of the layer.
    columns
        Accepted.
    inputs
        What describes each partition.
    io_func
        ``io_func(inputs[i])`` is partition ``i``.
    annotations
        Of the tasks.
    **kwargs
        Accepted.

    Examples
    --------
    >>> dict(DataFrameIOLayer("x", None, [2, 3], abs))
    {('x', 0): (<built-in function abs>, 2), ('x', 1): (<built-in function abs>, 3)}
    """

    def __init__(
        self,
        name: str,
        columns: Any,
        inputs: Sequence[Any],
        io_func: Callable[..., Any],
        annotations: Any = None,
        **kwargs: Any,
    ) -> None:
        tasks: dict[Key, Any] = {(name, i): (io_func, one) for i, one in enumerate(inputs)}
        super().__init__(tasks, annotations)


class _Lowered:
    """An expression, to be asked for its graph."""

    def __init__(self, node: FrameNode) -> None:
        self.node = node

    def __dask_graph__(self) -> dict[Any, Any]:
        """All tasks by key, those of the blocks first."""
        whole = FrameBase(self.node)
        graph = graph_of(whole)
        return {key: graph[key] for key in (*keys_of(whole), *graph)}


def _lowered(self: FrameNode) -> _Lowered:
    return _Lowered(self)


def _optimized(self: FrameNode, fuse: bool = True) -> FrameNode:
    """The rewritten expression."""
    better: FrameNode = FrameBase.optimize(from_node(self)).expr
    return better


FrameNode.optimize = _optimized  # type: ignore[attr-defined] # names of Dask's expressions
FrameNode.lower_completely = _lowered  # type: ignore[attr-defined]
