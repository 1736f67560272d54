"""Where frames come from, besides files: pandas objects, functions, delayed values.

A source is `PartitionWise`, with a value for each partition: so it joins the stage that reads it.
It can drop columns (`narrowed`); sources that read files, in `shoal.dataframe.io`, can also take
filters.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from shoal.dataframe.kernels import rows
from shoal.dataframe.nodes.base import Apply, FrameNode, Part, PartitionWise
from shoal.expr.lower import Lowering
from shoal.graph.token import tokenize

__all__ = ["FromCalls", "FromMap", "FromPandas", "Given", "Source"]


def some_names(meta: Any, wanted: frozenset[Any]) -> tuple[Any, ...] | None:
    """The wanted names of a frame's columns, each once; None where all are wanted.

    Parameters
    ----------
    meta
        Of the frame.  A name that two columns have stands for both.
    wanted
        Names.

    Examples
    --------
    >>> import pandas as pd
    >>> some_names(pd.DataFrame(columns=["x", "y", "x"]), frozenset(["x"]))
    ('x',)
    """
    names = [name for name in meta.columns if name in wanted]
    return tuple(dict.fromkeys(names)) if len(names) < meta.shape[1] else None


class Source(PartitionWise):
    """A node without sources.  It has the operands ``columns`` and ``given_divisions``.

    Examples
    --------
    >>> issubclass(FromPandas, Source)
    True
    """

    __slots__ = ()
    has_parts = True

    def infer_divisions(self) -> tuple[Any, ...]:
        """The given ones."""
        return tuple(self.given_divisions)

    def select_meta(self, whole: Any) -> Any:
        """The columns of a meta that are read.

        Parameters
        ----------
        whole
            Meta with all columns.
        """
        return whole if self.columns is None else rows.get_columns(whole, self.columns)

    def narrowed(self, wanted: frozenset[Any]) -> FrameNode:
        """Fewer columns."""
        names = some_names(self.meta, wanted)
        return self if names is None else self.replace(columns=names)

    def told(self) -> str:
        """The columns, for `label`."""
        if self.columns is None or self.ndim != 2:
            return ""
        return f", columns={list(self.columns)}"


class FromPandas(Source):
    """A pandas object cut into partitions.

    Parameters
    ----------
    data
        The object.
    bounds
        Positions of rows where partitions begin and end, a tuple.
    given_divisions
        Of the index.
    columns
        Names, a tuple; None is all.

    Examples
    --------
    >>> import pandas as pd
    >>> FromPandas(pd.Series([1, 2]), (0, 1, 2), (0, 1, 1), None).npartitions
    2
    """

    __slots__ = ()
    fields = ("data", "bounds", "given_divisions", "columns")
    prefix = "from-pandas"

    def infer_meta(self) -> Any:
        """No rows of it."""
        return self.select_meta(self.data[:0] if self.is_index else self.data.iloc[:0])

    @property
    def is_index(self) -> bool:
        """Whether it is an index."""
        return not hasattr(self.data, "iloc")

    @property
    def parts(self) -> Any:
        """Slices: views of the data."""
        where = self.data if self.is_index else self.data.iloc
        return [where[start:stop] for start, stop in pairwise(self.bounds)]

    def call(self) -> Apply:
        """The slice itself, or columns of it."""
        if self.columns is None:
            return Apply(_itself, (Part(),), title="from-pandas")
        return Apply(rows.get_columns, (Part(), self.columns), title="from-pandas")

    def narrowed(self, wanted: frozenset[Any]) -> FrameNode:
        """Fewer columns, under a name that follows from this one: the data are hashed once."""
        names = some_names(self.meta, wanted)
        if names is None:
            return self
        name = f"{self.prefix}-{tokenize(self.name, names)}"
        operands = (self.data, self.bounds, self.given_divisions, names)
        return FromPandas(*operands, name=name, annotations=self.annotations)

    def gathered(self, ends: Sequence[int]) -> FromPandas:
        """The same with neighbouring partitions put together: the data are hashed once.

        Parameters
        ----------
        ends
            Numbers of the partitions with which new ones begin, and how many there are.
        """
        bounds, divisions = ([some[end] for end in ends] for some in (self.bounds, self.divisions))
        name = f"{self.prefix}-{tokenize(self.name, tuple(ends))}"
        operands = (self.data, tuple(bounds), tuple(divisions), self.columns)
        return FromPandas(*operands, name=name, annotations=self.annotations)

    def label(self) -> str:
        """How many rows."""
        return f"FromPandas({len(self.data)} rows{self.told()})"


def _itself(item: Any) -> Any:
    return item


class FromMap(Source):
    """A function called with a value for each partition.

    Parameters
    ----------
    func
        ``func(*values, *args, **kwargs)``; a function with ``project_columns(columns)`` is asked
        for another one that reads fewer columns.
    values
        A tuple of arguments for each partition.
    args
        More arguments, then the values of keyword arguments.
    names
        Of the keyword arguments.
    whole_meta
        What it returns, all columns.
    given_divisions
        Of the result.
    columns
        Names, a tuple; None is all.
    title
        For people.

    Examples
    --------
    >>> import pandas as pd
    >>> meta = pd.Series([], dtype=int)
    >>> FromMap(pd.Series, (([1],), ([2],)), (), (), meta, (None,) * 3, None, "f").npartitions
    2
    """

    __slots__ = ()
    fields = (
        *("func", "values", "args", "names", "whole_meta", "given_divisions", "columns"),
        "title",
    )

    @classmethod
    def title_of(cls, operands: tuple[Any, ...]) -> str:
        """The given one."""
        title: str = operands[-1]
        return title

    def infer_meta(self) -> Any:
        """The given one."""
        return self.select_meta(self.whole_meta)

    @property
    def parts(self) -> Sequence[Any]:
        """The values."""
        values: Sequence[Any] = self.values
        return values

    def call(self) -> Apply:
        """The function, and what columns are kept."""
        split = len(self.args) - len(self.names)
        kwargs = dict(zip(self.names, self.args[split:], strict=True))
        func, columns = self.func, self.columns
        if columns is not None and hasattr(func, "project_columns"):
            func, columns = func.project_columns(list(columns)), None
        args = (func, Part(), columns, *self.args[:split])
        return Apply(call_with, args, kwargs, title=self.title)

    def label(self) -> str:
        """Which function."""
        return f"FromMap({self.title}{self.told()})"


def call_with(func: Any, values: Any, columns: Any, /, *args: Any, **kwargs: Any) -> Any:
    """One partition of a `FromMap`.

    >>> call_with(max, (1, 2), None, 5)
    5
    """
    out = func(*values, *args, **kwargs)
    return out if columns is None else rows.get_columns(out, columns)


class FromCalls(FrameNode):
    """Delayed values, a partition each.

    Parameters
    ----------
    calls
        A tuple.
    given_meta
        What they are.
    given_divisions
        Of the result.

    Examples
    --------
    >>> import pandas as pd
    >>> import shoal
    >>> FromCalls(
    ...     (shoal.delayed(pd.Series)([1]),), pd.Series([], dtype=int), (0, 0)
    ... ).npartitions
    1
    """

    __slots__ = ()
    fields = ("calls", "given_meta", "given_divisions")
    prefix = "from-delayed"

    def infer_meta(self) -> Any:
        """The given one."""
        return self.given_meta

    def infer_divisions(self) -> tuple[Any, ...]:
        """The given ones."""
        return tuple(self.given_divisions)

    def needs(self, wanted: Any) -> Iterator[Any]:
        """Nothing that rules can change."""
        return iter(())

    def place(self, lowering: Lowering) -> None:
        """A name for tasks that are there already."""
        numbers = [lowering.numbers(call)[0] for call in self.calls]
        lowering.graph.name_blocks(self.name, numbers)

    def label(self) -> str:
        """How many."""
        return f"FromCalls({len(self.calls)})"


class Given(FrameNode):
    """Blocks of any node, with the schema of a frame: what is persisted, or made by others.

    Parameters
    ----------
    blocks
        A node with a block a partition.
    given_meta
        What they are.
    given_divisions
        Of the result.

    Examples
    --------
    >>> import pandas as pd
    >>> from shoal.expr.node import Held
    >>> Given(Held((pd.Series([1]),)), pd.Series([], dtype=int), (0, 0)).npartitions
    1
    """

    __slots__ = ()
    fields = ("blocks", "given_meta", "given_divisions")
    prefix = "given"

    def infer_meta(self) -> Any:
        """The given one."""
        return self.given_meta

    def infer_divisions(self) -> tuple[Any, ...]:
        """The given ones."""
        return tuple(self.given_divisions)

    def label(self) -> str:
        """How many blocks."""
        return f"Given({self.npartitions} blocks)"

    def place(self, lowering: Lowering) -> None:
        """A name for blocks that are there already."""
        lowering.graph.name_blocks(self.name, lowering.numbers(self.blocks))
