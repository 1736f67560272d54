"""What frames, series, indexes and scalars have in common: an expression with a schema.

The methods make another expression and compute nothing.  Most are generated from the tables in
`shoal.dataframe.collection.tables`; those written out need more than the name of what pandas does.
"""

from __future__ import annotations

import difflib
import importlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from shoal.collection import CollectionMixin, finalized, is_collection, optimize
from shoal.dataframe.collection.align import COMPARISONS, aligned, match_of, wrapped
from shoal.dataframe.collection.display import html_of, text_of
from shoal.dataframe.collection.tables import REMEDIES, ROW_ARGUMENTS
from shoal.dataframe.kernels import rows
from shoal.dataframe.kernels.agreement import Held
from shoal.dataframe.kernels.calls import (
    AsSeries,
    Enforced,
    NumberedCall,
    UserReducer,
    transformed,
)
from shoal.dataframe.kernels.reductions import Reducer, concat_rows, missing_of
from shoal.dataframe.meta import (
    make_meta,
    meta_of_call,
    objects_as_numbers,
    sample_of,
    untold,
)
from shoal.dataframe.nodes.base import FrameNode
from shoal.dataframe.nodes.partitions import Head, Select, Tail
from shoal.dataframe.nodes.reduce import Reduce
from shoal.dataframe.nodes.rowwise import (
    Attribute,
    Beside,
    MapEach,
    MapPartitions,
    Method,
    Operator,
)
from shoal.dataframe.nodes.sources import Given
from shoal.dataframe.nodes.told import told_kernel, told_size
from shoal.dataframe.rules import RULES
from shoal.delayed import Delayed, delayed
from shoal.dispatch import Dispatch
from shoal.errors import ShoalError
from shoal.expr.annotate import current_annotations
from shoal.expr.call import BlockOf, Call
from shoal.graph.functions import has_keyword
from shoal.highlevelgraph import graph_of
from shoal.seams import across

__all__ = [
    "FrameBase",
    "NotHereError",
    "NotNumbersError",
    "aligned",
    "check_axis",
    "check_numbers",
    "check_shuffle_method",
    "check_split_every",
    "class_of",
    "collection_types",
    "from_node",
    "nearest",
    "operand",
    "refuse",
]

FrameNode.rules = RULES
FrameNode.extent = told_size  # type: ignore[assignment, method-assign] # it knows all nodes
FrameNode.told_kernel = told_kernel  # type: ignore[assignment, method-assign] # so does this

MISSING = frozenset(
    ["sum", "prod", "mean", "median", "min", "max", "var", "std", "sem", "any", "all"]
)
"""Reductions of a series that give a missing value of its dtype where there is nothing else."""

MOST_NAMES = 20
"""How many names a message lists."""

collection_types = Dispatch("get_collection_type")
"""``func(meta) -> class`` of the collection that stands for such partitions: filled by the modules
that define the classes, and by libraries with partitions of other types."""

DEFINED_IN = ("shoal.dataframe.collection.frame", "shoal.dataframe.collection.scalar")


def from_node(node: FrameNode) -> Any:
    """The collection of an expression: what it is follows from its meta.

    Parameters
    ----------
    node
        An expression.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> type(from_node(from_dict({"x": [1]}, npartitions=1).x.expr)).__name__
    'Series'
    """
    return class_of(node.meta)(node)


def class_of(meta: Any) -> Callable[[FrameNode], Any]:
    """What makes the collection that stands for partitions of a kind.

    Parameters
    ----------
    meta
        One of them.

    Examples
    --------
    >>> class_of(pd.Series([1])).__name__
    'Series'
    """
    for name in DEFINED_IN:
        # Whoever comes here first may have loaded readers only, which the classes themselves use.
        importlib.import_module(name)
    make: Callable[[FrameNode], Any] = collection_types(meta)
    return make


def nearest(name: Any, names: Any) -> str:
    """What somebody may have meant, as the end of a message.

    Parameters
    ----------
    name
        What was asked for.
    names
        What there is.

    Examples
    --------
    >>> nearest("prise", ["price", "size"])
    "; did you mean 'price'?"
    """
    found = difflib.get_close_matches(str(name), [str(one) for one in names], n=1)
    if found:
        return f"; did you mean {found[0]!r}?"
    known = list(names)
    some = ", ".join(repr(one) for one in known)
    return f"; there are {some}" if some and len(known) <= MOST_NAMES else ""


SHUFFLE_METHODS = (None, "auto", "disk", "tasks", "p2p")
"""What Dask calls its ways to move rows; here the executor decides, and all mean the same."""


def check_shuffle_method(method: Any) -> None:
    """Refuse what is no way to move rows.

    Parameters
    ----------
    method
        One of `SHUFFLE_METHODS`, or whether to move rows at all, which is decided here.

    Raises
    ------
    ValueError
        It is another word.

    Examples
    --------
    >>> check_shuffle_method("tasks")
    """
    if not isinstance(method, bool) and method not in SHUFFLE_METHODS:
        raise ValueError(
            f"shuffle_method={method!r} is none of {SHUFFLE_METHODS}; leave it out: all are "
            "accepted for programs written for Dask, and where rows wait is decided by the executor"
        )


class NotHereError(ShoalError, NotImplementedError, AttributeError):
    """A method of pandas' that there is not, with what to use instead.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [1]}, npartitions=1).x.take
    Traceback (most recent call last):
    ...
    shoal.dataframe.collection.base.NotHereError: Series.take is not there; rows are not ...
    """


def refuse(cls: str, name: str) -> None:
    """Say what to use instead of a method of pandas' that there is not.

    Parameters
    ----------
    cls
        A class in `shoal.dataframe.collection.tables.REMEDIES`.
    name
        Of the method.

    Raises
    ------
    NotHereError
        The method stands in the table.

    Examples
    --------
    >>> refuse("Series", "sum")
    """
    remedy = REMEDIES.get(cls, {}).get(name)
    if remedy:
        raise NotHereError(f"{cls}.{name} is not there; {remedy}")


class NotNumbersError(ShoalError, TypeError, ValueError):
    """A statistic of numbers is asked of text or categories: pandas raises a TypeError.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": ["a"]}, npartitions=1).x.mean()
    Traceback (most recent call last):
    ...
    shoal.dataframe.collection.base.NotNumbersError: `mean` not supported with str series
    """


def check_rows(name: str, n: int) -> None:
    """Refuse a negative number of rows: all but some are not in one partition.

    Parameters
    ----------
    name
        The method.
    n
        How many rows.
    """
    if n < 0:
        rest = {"head": "head(len(df) - k, npartitions=-1)", "tail": "compute().tail(-k)"}[name]
        raise NotImplementedError(
            f"{name}(n={n}): how many rows there are is not known before computing; use {rest} for "
            "all but k"
        )


def looked_at(name: str, count: int, most: int) -> int:
    """How many partitions are looked at for rows; refuse a number that there are not.

    Parameters
    ----------
    name
        The method.
    count
        As it was asked for; -1 for all.
    most
        How many there are.
    """
    if count > most:
        raise ValueError(f"only {most} partitions, {name} received {count}")
    if count < 1 and count != -1:
        raise ValueError(f"{name} looks at one partition or more, -1 for all; got {count}")
    return most if count == -1 else count


def _enough_rows(name: str, found: Any, n: int, count: int, most: int) -> Any:
    """What was found; with a warning where there may be rows that were not looked for."""
    if len(found) < n and count < most:
        place = {"head": "first", "tail": "last"}[name]
        warnings.warn(
            f"Insufficient elements for `{name}`. {n} elements requested, only {len(found)} "
            f"elements available in the {place} {count} partition(s). Pass npartitions=-1 to look "
            "at all",
            stacklevel=3,
        )
    return found


def check_numbers(collection: Any, what: str) -> None:
    """Refuse a statistic of numbers where a column has text or categories.

    Parameters
    ----------
    collection
        A frame or series.
    what
        The statistic.

    Raises
    ------
    NotNumbersError
        There is such a column; the message names it.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> check_numbers(from_dict({"x": [1]}, npartitions=1), "mean")
    """
    meta = collection._meta
    if meta.ndim == 1:
        if _is_text(meta.dtype):
            raise NotNumbersError(f"`{what}` not supported with {meta.dtype} series")
        return
    bad = {name: str(dtype) for name, dtype in meta.dtypes.items() if _is_text(dtype)}
    if bad:
        raise NotNumbersError(
            f"`{what}` not supported with columns {bad}; pass numeric_only=True, or select columns "
            "of numbers"
        )


def _is_text(dtype: Any) -> bool:
    if isinstance(dtype, pd.CategoricalDtype):
        return True
    return bool(dtype != np.dtype(object) and pd.api.types.is_string_dtype(dtype))


def check_axis(collection: Any, axis: Any) -> int:
    """0 for rows and 1 for columns, of what pandas takes for an axis.

    Parameters
    ----------
    collection
        A frame, series or index.
    axis
        0, 1, "index", "rows", "columns" or None.

    Raises
    ------
    ValueError
        There is no such axis.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> check_axis(from_dict({"x": [1]}, npartitions=1), "columns")
    1
    """
    names = {0: 0, None: 0, "index": 0, "rows": 0}
    if collection.ndim == 2:
        names |= {1: 1, "columns": 1}
    try:
        return names[axis]
    except (KeyError, TypeError):
        raise ValueError(
            f"No axis named {axis} for {type(collection).__name__}; the axes are "
            f"{[name for name in names if name is not None]}"
        ) from None


def check_split_every(split_every: Any) -> None:
    """Refuse a fan-in that makes no tree.

    Parameters
    ----------
    split_every
        How many partial results a task combines: None, False, or at least 2.

    Examples
    --------
    >>> check_split_every(8)
    """
    if split_every is None or split_every is False:
        return
    if not isinstance(split_every, int | np.integer) or int(split_every) < 2:
        raise ValueError(f"split_every must be an integer >= 2, or False; got {split_every!r}")


def operand(value: Any, like: Any = None) -> Any:
    """What stands for an argument in a node: a node, a call, or the value itself.

    Parameters
    ----------
    value
        An argument that the user gave.
    like
        A frame or series, beside whose partitions the blocks of an array stand.

    Raises
    ------
    ValueError
        An array has other blocks than that has partitions.

    Examples
    --------
    >>> operand(5)
    5
    """
    if isinstance(value, FrameBase):
        return value._node
    if isinstance(value, Call):
        return value
    if like is not None and getattr(value, "ndim", None) and hasattr(value, "chunks"):
        return _beside(value, like)
    if is_collection(value):
        return finalized(value)
    return value


def _beside(array: Any, like: Any) -> Any:
    """The blocks of an array, each with the labels of a partition."""
    count = len(array.chunks[0])
    if count != like.npartitions:
        raise ValueError(
            f"Number of partitions do not match ({count} != {like.npartitions}): rechunk the "
            "array to the lengths of the partitions, or repartition the frame"
        )
    index = like if isinstance(like._meta, pd.Index) else like.index
    columns = tuple(like.columns) if array.ndim == like.ndim == 2 else None
    if array.ndim == like.ndim == 1 and not isinstance(like._meta, pd.Index):
        columns = like.name
    node, lengths, kind = across("array to blocks", array)
    blocks = Given(node, np.empty((0, *array.shape[1:]), kind.dtype), (None,) * (len(lengths) + 1))
    return Beside(blocks, index._node, columns)


def _of_sample(reducer: Reducer, meta: Any) -> Any:
    """What a reduction gives for made-up rows; objects may be text, or numbers."""
    sample = sample_of(meta)
    try:
        return reducer.final([reducer.partial(sample)])
    except TypeError:
        numbers = objects_as_numbers(sample)
        if numbers is None:
            raise
        return reducer.final([reducer.partial(numbers)])


class FrameBase(CollectionMixin):
    """A handle on an expression whose blocks are partitions of a pandas object.

    Parameters
    ----------
    node
        The expression.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> isinstance(from_dict({"x": [1]}, npartitions=1), FrameBase)
    True
    """

    __slots__ = ("_node",)
    __shoal_scheduler__ = "threads"
    __array_priority__ = 1000
    __pandas_priority__ = 5000
    """More than that of pandas' own: what stands to the right of them does the work."""

    _node: FrameNode

    def __init__(self, node: FrameNode) -> None:
        object.__setattr__(self, "_node", node)

    # ------------------------------------------------------------------ protocol of collections

    def __shoal_node__(self) -> Any:
        return self._node

    def __shoal_postcompute__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return concat_rows, ()

    def __shoal_with_node__(self, node: Any) -> Any:
        if not isinstance(node, FrameNode):
            node = Given(node, self._node.meta, self._node.divisions)
        return self._like(node)

    def _like(self, node: FrameNode) -> Any:
        """The same on another node, with what a library's class keeps beside it."""
        other = type(self)(node)
        if type(self).__dictoffset__:
            vars(other).update(vars(self))
        return other

    def __shoal_tokenize__(self) -> Any:
        return self._node.name

    def __reduce__(self) -> tuple[Any, ...]:
        if type(self).__dictoffset__:
            return _restored, (type(self), self._args)
        return type(self), (self._node,)

    @property
    def _args(self) -> tuple[Any, ...]:
        # What a pickle keeps; a library's class adds what it has beside the node.
        return (self._node,)

    def __setstate__(self, args: tuple[Any, ...]) -> None:
        (node,) = args
        object.__setattr__(self, "_node", node)

    # ------------------------------------------------------------------------- what it tells

    @property
    def expr(self) -> FrameNode:
        """The expression."""
        return self._node

    @property
    def _expr(self) -> FrameNode:
        # Libraries that subclass collections change them in place by this name.
        return self._node

    @_expr.setter
    def _expr(self, node: FrameNode) -> None:
        object.__setattr__(self, "_node", node)

    @property
    def _meta(self) -> Any:
        return self._node.meta

    @property
    def _meta_nonempty(self) -> Any:
        return sample_of(self._node.meta)

    @property
    def _name(self) -> str:
        return self._node.name

    @property
    def npartitions(self) -> int:
        """How many partitions there are."""
        return self._node.npartitions

    @property
    def divisions(self) -> tuple[Any, ...]:
        """The bounds of the partitions in the index, one more than there are; None: unknown."""
        return self._node.divisions

    @property
    def known_divisions(self) -> bool:
        """Whether the bounds of the partitions are known."""
        return self._node.known_divisions

    @property
    def ndim(self) -> int:
        """How many axes there are."""
        return self._node.ndim

    @property
    def dask(self) -> Any:
        """The graph, not optimised: a mapping of keys to tasks."""
        return graph_of(self)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            # A protocol that is asked for, by no person: nobody reads which name is nearest.
            raise AttributeError(f"a {type(self).__name__} has no attribute {name!r}")
        refuse(type(self).__name__, name)
        if hasattr(type(self), name):
            # An accessor of other values: pandas says of which.
            getattr(sample_of(self._meta), name)
        raise AttributeError(
            f"a {type(self).__name__} has no attribute {name!r}{nearest(name, dir(type(self)))}"
        )

    def __len__(self) -> int:
        return int(self._reduce("len", reads=frozenset()).compute())

    def __bool__(self) -> bool:
        raise ValueError(
            f"the truth value of a {type(self).__name__} is ambiguous; use a.any() or a.all(), and "
            "&, | and ~ instead of and, or and not"
        )

    def __repr__(self) -> str:
        return text_of(self)

    def _repr_html_(self) -> str:
        return html_of(self, max_rows=5)

    # -------------------------------------------------------------------------- making others

    def _rowwise(self, method: str, /, *args: Any, **kwargs: Any) -> Any:
        """pandas' method of that name on each partition."""
        items = [operand(one, self) for one in (self, *args, *kwargs.values())]
        if method in ("where", "mask"):
            # As in pandas, functions are called with all of it, and not with a partition.
            items = [operand(one(self), self) if callable(one) else one for one in items]
        if self.ndim == 1 and kwargs.get("axis") in (1, "columns"):
            check_axis(self, kwargs["axis"])
        along = self.ndim == 2 and kwargs.get("axis", 1) in (1, "columns")
        if method in ROW_ARGUMENTS:
            items = [one if isinstance(one, pd.Series) and along else wrapped(one) for one in items]
        items = aligned(items, method, match=match_of(method, items), along=along)
        args = (method, tuple(items), tuple(kwargs))
        return from_node(Method(*args, annotations=current_annotations()))

    def _operator(self, name: str, *args: Any) -> Any:
        like = next((one for one in args if isinstance(one, FrameBase) and one.ndim), None)
        items = [operand(one, like) for one in args]
        if all(one.ndim < 2 for one in items if isinstance(one, FrameNode)):
            items = [wrapped(one) for one in items]
        else:
            items = [wrapped(one) if isinstance(one, pd.DataFrame) else one for one in items]
        items = aligned(items, name, match="alike" if name in COMPARISONS else "pairs")
        return from_node(Operator(name, tuple(items), annotations=current_annotations()))

    def _attribute(self, name: str) -> Any:
        return from_node(Attribute(self._node, name))

    def _reduce(
        self,
        name: str,
        reads: frozenset[Any] | None = None,
        split_every: Any = None,
        meta: Any = None,
        **options: Any,
    ) -> Any:
        """A reduction of the table in `shoal.dataframe.kernels.reductions`."""
        missing = missing_of(self._meta.dtype) if self.ndim == 1 and name in MISSING else None
        reducer = Reducer(name, tuple(options.items()), reads, missing)
        if meta is None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                meta = make_meta(_of_sample(reducer, self._meta))
        return self._reduced(reducer, meta, split_every)

    def _reduced(self, reducer: Any, meta: Any, split_every: Any, split_out: int = 1) -> Any:
        check_split_every(split_every)
        args = ((self._node,), reducer, meta, split_every, int(split_out or 1))
        return from_node(Reduce(*args, annotations=current_annotations()))

    def map_partitions(
        self,
        func: Callable[..., Any],
        *args: Any,
        meta: Any = None,
        enforce_metadata: bool = True,
        transform_divisions: bool = True,
        clear_divisions: bool = False,
        align_dataframes: bool = True,
        parent_meta: Any = None,
        token: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """Apply a function to every partition.

        Parameters
        ----------
        func
            ``func(partition, *args, **kwargs)``.
        *args, **kwargs
            More arguments; frames among them are given partition by partition.
        meta
            What it returns, as an empty pandas object or names and dtypes; without it, the
            function is called on two made-up rows to find out.
        enforce_metadata
            Refuse partitions with other columns than ``meta``, and those with text, numbers or
            times where a given ``meta`` has another one of these.
        clear_divisions
            The divisions of the result are not known.
        token
            What the tasks are called; by default as the function.
        transform_divisions, align_dataframes, parent_meta
            Accepted for programs written for Dask.

        Raises
        ------
        MetaError
            The function failed on the made-up rows.
        ValueError
            When computed: a partition has other columns than ``meta``, or other kinds of dtypes;
            says which.

        Examples
        --------
        >>> from shoal.dataframe import from_dict
        >>> df = from_dict({"x": [1, 2, 3]}, npartitions=2)
        >>> df.map_partitions(len).compute().tolist()
        [2, 1]
        """
        items = [operand(one) for one in (self, *args, *kwargs.values())]
        if align_dataframes:
            items = aligned(items, "map_partitions", broadcast=True)
        names = tuple(kwargs)
        split = len(items) - len(names)
        numbered = "partition_info" not in names and has_keyword(func, "partition_info")
        if numbered:
            func = NumberedCall(func)
        inferred = untold(meta)
        if inferred:
            metas = [one.meta if isinstance(one, FrameNode) else one for one in items]
            meta = meta_of_call(
                func, *metas[:split], **dict(zip(names, metas[split:], strict=True))
            )
        else:
            meta = make_meta(meta, index=getattr(self._meta, "index", None))
        title = token or getattr(func, "__name__", "map-partitions").strip("<>")
        if isinstance(meta, type) or getattr(meta, "ndim", 0) == 0:
            meta = pd.Series([meta]).iloc[:0]
        if isinstance(meta, pd.Series) and not numbered:
            # A value a partition makes a series.
            func = AsSeries(func)
        if enforce_metadata and not numbered and isinstance(meta, pd.DataFrame | pd.Series):
            func = Enforced(func if inferred else Held(func, meta, title), meta)
        if numbered:
            ends = self.divisions
            told = tuple([{"number": i, "division": ends[i]} for i in range(self.npartitions)])
            call: Any = func.call  # type: ignore[attr-defined] # a NumberedCall
            return from_node(MapEach(call, tuple(items), names, told, meta, None, title))
        node = MapPartitions(
            func, tuple(items), names, meta, None, title, annotations=current_annotations()
        )
        if transform_divisions and isinstance(meta, pd.Index) and node.known_divisions:
            node = node.replace(given_divisions=transformed(func, items, names, node))
        return from_node(node).clear_divisions() if clear_divisions else from_node(node)

    def clear_divisions(self) -> Any:
        """The same, with divisions forgotten.

        Examples
        --------
        >>> from shoal.dataframe import from_dict
        >>> from_dict({"x": [1, 2]}, npartitions=2).clear_divisions().known_divisions
        False
        """
        unknown = (None,) * (self.npartitions + 1)
        args = (rows.itself, (self._node,), (), self._meta, unknown, "clear-divisions")
        return from_node(MapPartitions(*args))

    def reduction(
        self,
        chunk: Callable[..., Any],
        aggregate: Callable[..., Any] | None = None,
        combine: Callable[..., Any] | None = None,
        meta: Any = None,
        token: str | None = None,
        split_every: Any = None,
        chunk_kwargs: Any = None,
        aggregate_kwargs: Any = None,
        combine_kwargs: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Reduce with functions: of each partition, of results together, of those in between.

        Parameters
        ----------
        chunk
            ``chunk(partition, **chunk_kwargs)``.
        aggregate
            Called with the concatenated results; ``chunk`` by default.
        combine
            Called with some of them on the way; ``aggregate`` by default.
        meta
            What the result looks like; without it, the functions are called on made-up rows.
        token
            What it is called.
        split_every
            How many partial results a task combines.
        chunk_kwargs, aggregate_kwargs, combine_kwargs, **kwargs
            More arguments; ``kwargs`` are given to all.

        Examples
        --------
        >>> from shoal.dataframe import from_dict
        >>> x = from_dict({"x": [1, 2, 3]}, npartitions=2).x
        >>> x.reduction(lambda part: part.max(), lambda some: some.max()).compute()
        np.int64(3)
        """
        if combine is None and combine_kwargs:
            raise ValueError("`combine_kwargs` provided with no `combine`")
        aggregate = aggregate or chunk
        more = dict(aggregate_kwargs or {})
        steps = (
            (chunk, {**kwargs, **(chunk_kwargs or {})}),
            (combine or aggregate, {**kwargs, **((combine_kwargs or {}) if combine else more)}),
            (aggregate, {**kwargs, **more}),
        )
        reducer = UserReducer(token or getattr(chunk, "__name__", "reduction").strip("<>"), steps)
        if untold(meta):
            meta = meta_of_call(reducer.once, self._meta)
        else:
            meta = make_meta(meta, index=pd.RangeIndex(0))
        return self._reduced(reducer, meta, split_every)

    # ----------------------------------------------------------------------------- partitions

    @property
    def partitions(self) -> Partitions:
        """Partitions by number: ``df.partitions[0]``, ``df.partitions[1:3]``."""
        return Partitions(self)

    def get_partition(self, n: int) -> Any:
        """One partition.

        Parameters
        ----------
        n
            Its number.

        Examples
        --------
        >>> from shoal.dataframe import from_dict
        >>> from_dict({"x": [1, 2]}, npartitions=2).get_partition(1).compute().x.tolist()
        [2]
        """
        if not 0 <= n < self.npartitions:
            raise ValueError(f"there are {self.npartitions} partitions, no partition {n}")
        return self.partitions[n]

    def head(self, n: int = 5, npartitions: int = 1, compute: bool = True) -> Any:
        """The first rows.

        Parameters
        ----------
        n
            How many.
        npartitions
            How many partitions to look at; -1 for all.
        compute
            False for a lazy result.

        Examples
        --------
        >>> from shoal.dataframe import from_dict
        >>> from_dict({"x": [1, 2, 3]}, npartitions=2).head(1).x.tolist()
        [1]
        """
        check_rows("head", n)
        count = looked_at("head", npartitions, self.npartitions)
        lazy = from_node(Head(self._node, n, count))
        if not compute:
            return lazy
        return _enough_rows("head", lazy.compute(), n, count, self.npartitions)

    def tail(self, n: int = 5, compute: bool = True, npartitions: int = 1) -> Any:
        """The last rows.

        Parameters
        ----------
        n
            How many.
        compute
            False for a lazy result.
        npartitions
            How many partitions to look at, from the last one on; -1 for all.

        Examples
        --------
        >>> from shoal.dataframe import from_dict
        >>> from_dict({"x": [1, 2, 3]}, npartitions=2).tail(1).x.tolist()
        [3]
        """
        check_rows("tail", n)
        count = looked_at("tail", npartitions, self.npartitions)
        lazy = from_node(Tail(self._node, n, count))
        if not compute:
            return lazy
        return _enough_rows("tail", lazy.compute(), n, count, self.npartitions)

    def to_delayed(self, optimize_graph: bool = True) -> list[Delayed[Any]]:
        """The partitions as delayed values.

        Parameters
        ----------
        optimize_graph
            False to leave the expression as it is.

        Examples
        --------
        >>> from shoal.dataframe import from_dict
        >>> len(from_dict({"x": [1, 2]}, npartitions=2).to_delayed())
        2
        """
        node: Any = self._node
        if optimize_graph:
            (better,) = optimize(self, traverse=False)
            node = better._node
        blocks = [BlockOf(node, i) for i in range(node.size)]
        return [delayed(one, name=(f"delayed-{node.name}", i)) for i, one in enumerate(blocks)]

    def copy(self, deep: bool = False) -> Any:
        """The same, under another handle: what is assigned to one is not in the other.

        Parameters
        ----------
        deep
            Accepted as pandas has it; True is refused, for there is nothing to copy.
        """
        if deep is not False:
            raise ValueError(
                "The `deep` value must be False. This is strictly a shallow copy of the underlying "
                "computational graph."
            )
        return type(self)(self._node)

    def optimize(self, **kwargs: Any) -> Any:
        """The same collection on the rewritten expression.

        Parameters
        ----------
        **kwargs
            Accepted for programs written for Dask.
        """
        (better,) = optimize(self, traverse=False)
        return better

    def pipe(self, func: Any, *args: Any, **kwargs: Any) -> Any:
        """``func(self, *args, **kwargs)``, for chains.

        Parameters
        ----------
        func
            A function, or a pair of one and the name of the argument that is this collection.
        *args, **kwargs
            More arguments.
        """
        if isinstance(func, tuple):
            func, name = func
            return func(*args, **{**kwargs, name: self})
        return func(self, *args, **kwargs)

    # -------------------------------------------------------------------------------- NumPy

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.asarray(self.compute(), dtype=dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__" or kwargs.get("out") is not None:
            return NotImplemented
        return self.__shoal_elementwise__(ufunc, inputs, kwargs)

    def __shoal_elementwise__(self, func: Any, inputs: Any, kwargs: dict[str, Any]) -> Any:
        """A function of NumPy's that is computed element by element: labels stay."""
        given = (*inputs, *kwargs.values())
        items = [wrapped(operand(one, self)) for one in given]
        items = aligned(items, func.__name__, match="pairs")
        split, names = len(inputs), tuple(kwargs)
        metas = [one.meta if isinstance(one, FrameNode) else one for one in items]
        told = dict(zip(names, metas[split:], strict=True))
        meta = rows.call_labelled(func, *metas[:split], **told)
        if isinstance(meta, tuple):
            return tuple(
                [self._of_several(func, i, items, names, one) for i, one in enumerate(meta)]
            )
        args = (rows.call_labelled, (func, *items), names, meta, None, func.__name__)
        return from_node(MapPartitions(*args))

    def _of_several(self, func: Any, which: int, items: Any, names: Any, meta: Any) -> Any:
        """One of the results of such a function."""
        args = (rows.call_one_of, (func, which, *items), names, meta, None, func.__name__)
        return from_node(MapPartitions(*args))

    def __divmod__(self, other: Any) -> tuple[Any, Any]:
        return self._operator("floordiv", self, other), self._operator("mod", self, other)

    def __rdivmod__(self, other: Any) -> tuple[Any, Any]:
        return self._operator("floordiv", other, self), self._operator("mod", other, self)

    __array_wrap__ = None


collection_types.register(FrameBase, type)


def _restored(cls: type[FrameBase], args: tuple[Any, ...]) -> FrameBase:
    made = cls.__new__(cls)
    made.__setstate__(args)
    return made


class Partitions:
    """Partitions of a collection, by number.

    Parameters
    ----------
    collection
        Whose.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from_dict({"x": [1, 2, 3]}, npartitions=3).partitions[1:].npartitions
    2
    """

    def __init__(self, collection: FrameBase) -> None:
        self.collection = collection

    def __getitem__(self, index: Any) -> Any:
        numbers = np.arange(self.collection.npartitions)[index]
        blocks = tuple(int(i) for i in np.atleast_1d(numbers))
        return from_node(Select(self.collection._node, blocks))

    def __len__(self) -> int:
        return self.collection.npartitions

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))
