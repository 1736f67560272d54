"""What frames, series, indexes and scalars have in common: an expression with a schema.

The methods make another expression and compute nothing.  Most are generated from the tables in
`shoal.dataframe.collection.tables`; those written out need more than the name of what pandas does.
"""

from __future__ import annotations

import difflib
import importlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from shoal.collection import CollectionMixin, finalized, is_collection, optimize
from shoal.dataframe.kernels.reductions import Reducer, concat_rows
from shoal.dataframe.meta import make_meta, meta_of_call, sample_of
from shoal.dataframe.nodes.base import FrameNode
from shoal.dataframe.nodes.moves import union_divisions
from shoal.dataframe.nodes.partitions import Head, RepartitionDivisions, Select, Tail
from shoal.dataframe.nodes.reduce import Reduce
from shoal.dataframe.nodes.rowwise import Attribute, MapPartitions, Method, Operator
from shoal.dataframe.nodes.sources import Given
from shoal.dataframe.rules import RULES
from shoal.delayed import Delayed, delayed
from shoal.expr.annotate import current_annotations
from shoal.expr.call import BlockOf, Call
from shoal.highlevelgraph import graph_of

__all__ = ["FrameBase", "aligned", "from_node", "nearest", "operand"]

FrameNode.rules = RULES

MOST_NAMES = 20
"""How many names a message lists."""

CLASSES: list[tuple[type, Callable[[FrameNode], Any]]] = []
"""Which collection stands for which meta: filled by the modules that define them."""

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
    meta = node.meta
    for name in DEFINED_IN:
        # Whoever comes here first may have loaded readers only, which the classes themselves use.
        importlib.import_module(name)
    for kind, make in CLASSES:
        if isinstance(meta, kind):
            return make(node)
    raise TypeError(f"no collection stands for a {type(meta).__name__}")


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


def operand(value: Any) -> Any:
    """What stands for an argument in a node: a node, a call, or the value itself.

    Parameters
    ----------
    value
        An argument that the user gave.

    Examples
    --------
    >>> operand(5)
    5
    """
    if isinstance(value, FrameBase):
        return value._node
    if isinstance(value, Call):
        return value
    if is_collection(value):
        return finalized(value)
    return value


def aligned(operands: Sequence[Any], what: str) -> list[Any]:
    """Operands whose partitions fit together, cut anew where their divisions differ.

    Parameters
    ----------
    operands
        As `operand` gives them.
    what
        The operation, for messages.

    Raises
    ------
    ValueError
        Partitions differ and the divisions are not known.

    Examples
    --------
    >>> aligned([1, 2], "add")
    [1, 2]
    """
    frames = [one for one in operands if isinstance(one, FrameNode) and one.ndim > 0]
    if len({frame.divisions for frame in frames}) <= 1:
        return list(operands)
    if all(frame.known_divisions for frame in frames):
        bounds = frames[0].divisions
        for frame in frames[1:]:
            bounds = union_divisions(bounds, frame.divisions)
        new = {
            frame.name: frame if frame.divisions == bounds else RepartitionDivisions(frame, bounds)
            for frame in frames
        }
        return [
            new.get(getattr(one, "name", None), one) if isinstance(one, FrameNode) else one  # type: ignore[arg-type]
            for one in operands
        ]
    counts = {frame.npartitions for frame in frames}
    if len(counts) > 1 and counts - {1}.union([max(counts)]):
        told = ", ".join(str(frame.npartitions) for frame in frames)
        raise ValueError(
            f"{what}: the frames have {told} partitions and unknown divisions, so their rows "
            "cannot be matched; set an index with set_index, or repartition one like the other"
        )
    return list(operands)


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
        return type(self)(node)

    def __shoal_tokenize__(self) -> Any:
        return self._node.name

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._node,)

    # ------------------------------------------------------------------------- what it tells

    @property
    def expr(self) -> FrameNode:
        """The expression."""
        return self._node

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

    def __len__(self) -> int:
        return int(self._reduce("len", reads=frozenset()).compute())

    def __bool__(self) -> bool:
        raise ValueError(
            f"the truth value of a {type(self).__name__} is ambiguous; use a.any() or a.all(), and "
            "&, | and ~ instead of and, or and not"
        )

    def __repr__(self) -> str:
        return (
            f"<shoal.dataframe.{type(self).__name__}: {self._node.label()}, "
            f"npartitions={self.npartitions}, divisions={_short(self.divisions)}>"
        )

    # -------------------------------------------------------------------------- making others

    def _rowwise(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """pandas' method of that name on each partition."""
        items = [operand(one) for one in (self, *args, *kwargs.values())]
        items = aligned(items, method)
        return from_node(
            Method(method, tuple(items), tuple(kwargs), annotations=current_annotations())
        )

    def _operator(self, name: str, *args: Any) -> Any:
        items = aligned([operand(one) for one in args], name)
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
        reducer = Reducer(name, tuple(options.items()), reads)
        if meta is None:
            sample = sample_of(self._meta)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                meta = make_meta(reducer.final([reducer.partial(sample)]))
        return self._reduced(reducer, meta, split_every)

    def _reduced(self, reducer: Any, meta: Any, split_every: Any, split_out: int = 1) -> Any:
        if split_every is not None and split_every is not False and int(split_every) < 2:
            raise ValueError(f"split_every is at least 2, or False; got {split_every!r}")
        args = ((self._node,), reducer, meta, split_every, int(split_out or 1))
        return from_node(Reduce(*args, annotations=current_annotations()))

    def map_partitions(
        self,
        func: Callable[..., Any],
        *args: Any,
        meta: Any = None,
        enforce_metadata: bool = True,
        transform_divisions: bool = True,
        align_dataframes: bool = True,
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
        enforce_metadata, transform_divisions, align_dataframes
            Accepted for programs written for Dask.

        Raises
        ------
        MetaError
            The function failed on the made-up rows.

        Examples
        --------
        >>> from shoal.dataframe import from_dict
        >>> df = from_dict({"x": [1, 2, 3]}, npartitions=2)
        >>> df.map_partitions(len).compute().tolist()
        [2, 1]
        """
        items = [operand(one) for one in (self, *args, *kwargs.values())]
        items = aligned(items, "map_partitions")
        names = tuple(kwargs)
        split = len(items) - len(names)
        if meta is None:
            metas = [one.meta if isinstance(one, FrameNode) else one for one in items]
            meta = meta_of_call(
                func, *metas[:split], **dict(zip(names, metas[split:], strict=True))
            )
        else:
            meta = make_meta(meta, index=getattr(self._meta, "index", None))
        if getattr(meta, "ndim", 0) == 0:
            # A value a partition makes a series.
            func, meta = _AsSeries(func), pd.Series([meta]).iloc[:0]
        title = getattr(func, "__name__", "map-partitions").strip("<>")
        node = MapPartitions(
            func, tuple(items), names, meta, None, title, annotations=current_annotations()
        )
        return from_node(node)

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
        if npartitions > self.npartitions:
            raise ValueError(f"only {self.npartitions} partitions, head received {npartitions}")
        count = self.npartitions if npartitions == -1 else npartitions
        lazy = from_node(Head(self._node, n, count))
        if not compute:
            return lazy
        result = lazy.compute()
        if len(result) < n and count < self.npartitions:
            warnings.warn(
                f"Insufficient elements for `head`: {n} were asked for, and the first {count} "
                f"partition(s) have {len(result)}; pass npartitions=-1 to look at all",
                stacklevel=2,
            )
        return result

    def tail(self, n: int = 5, compute: bool = True) -> Any:
        """The last rows of the last partition.

        Parameters
        ----------
        n
            How many.
        compute
            False for a lazy result.

        Examples
        --------
        >>> from shoal.dataframe import from_dict
        >>> from_dict({"x": [1, 2, 3]}, npartitions=2).tail(1).x.tolist()
        [3]
        """
        lazy = from_node(Tail(self._node, n))
        return lazy.compute() if compute else lazy

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
        """The same: expressions do not change.

        Parameters
        ----------
        deep
            Accepted as pandas has it; True is refused, for there is nothing to copy.
        """
        if deep:
            raise ValueError("deep copies make no sense of what is not computed; pass deep=False")
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
        items = aligned([operand(one) for one in (*inputs, *kwargs.values())], ufunc.__name__)
        split = len(inputs)
        metas = [one.meta if isinstance(one, FrameNode) else one for one in items]
        meta = ufunc(*metas[:split], **dict(zip(kwargs, metas[split:], strict=True)))
        args = (ufunc, tuple(items), tuple(kwargs), meta, None, ufunc.__name__)
        return from_node(MapPartitions(*args))

    __array_wrap__ = None


class _AsSeries:
    """A function whose scalar result becomes a series of one."""

    def __init__(self, func: Callable[..., Any]) -> None:
        self.func = func
        self.__name__ = getattr(func, "__name__", "func")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return pd.Series([self.func(*args, **kwargs)])

    def __shoal_tokenize__(self) -> Any:
        return self.func


def _short(divisions: Sequence[Any]) -> str:
    if len(divisions) <= 4:
        return f"({', '.join(map(str, divisions))})"
    return f"({divisions[0]}, ..., {divisions[-1]})"


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
