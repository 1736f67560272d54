"""Nodes that work on the rows of a partition: columns, filters, operators, methods.

To add an operation that pandas has as a method, add its name to a table in
`shoal.dataframe.collection.tables`; it becomes a `Method`.  A class of its own is for what rules
have to understand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, ClassVar

import pandas as pd

from shoal.dataframe.kernels import rows
from shoal.dataframe.kernels.passing import columns_beside, joined_by
from shoal.dataframe.meta import sample_of, with_categories, with_unknown_categories
from shoal.dataframe.nodes.base import (
    ALL_COLUMNS,
    Apply,
    Columns,
    FrameNode,
    Part,
    PartitionWise,
    are_plain,
    columns_of,
)
from shoal.expr.call import Call
from shoal.expr.node import Node
from shoal.graph.token import tokenize

__all__ = [
    "Beside",
    "Assign",
    "Attribute",
    "Column",
    "Evaluated",
    "Filter",
    "MapEach",
    "MapPartitions",
    "Method",
    "OneRow",
    "Operator",
    "Project",
    "Rename",
    "ResetIndex",
    "left_of",
    "needed_by",
]


class Project(PartitionWise):
    """Some columns of a frame.

    Parameters
    ----------
    source
        The frame.
    columns
        Names, a tuple.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> Project(from_dict({"x": [1], "y": [2]}, npartitions=1).expr, ("y",)).label()
    "Project(['y'])"
    """

    __slots__ = ()
    fields = ("source", "columns")
    prefix = "getitem"
    keeps_rows = True

    def call(self) -> Apply:
        """Select them."""
        return Apply(rows.get_columns, (self.source, self.columns), title="getitem")

    def infer_ndim(self) -> int:
        """A frame."""
        return 2

    def infer_names(self) -> tuple[Any, ...]:
        """The selected ones, where a name is one column."""
        names: tuple[Any, ...] = self.columns
        plain = are_plain(columns_of(self.source)) and len(set(names)) == len(names)
        return names if plain else super().infer_names()

    def infer_dtypes(self) -> Mapping[Any, Any]:
        """The source's of these."""
        if not are_plain(columns_of(self.source)):
            return super().infer_dtypes()
        return {name: self.source.dtypes[name] for name in self.columns}

    @property
    def partitioning(self) -> Any:
        """The source's, while its columns are there."""
        known = self.source.partitioning
        return known if known and set(known.columns) <= set(self.columns) else None

    def needs(self, wanted: Columns) -> Iterator[tuple[FrameNode, Columns]]:
        """Those that are selected."""
        yield self.source, frozenset(self.columns)

    def narrowed(self, wanted: frozenset[Any]) -> FrameNode:
        """Fewer of them."""
        return self.replace(columns=tuple([name for name in self.columns if name in wanted]))

    def label(self) -> str:
        """Which columns."""
        return f"Project({list(self.columns)})"


class Column(PartitionWise):
    """One column of a frame, as a series.

    Parameters
    ----------
    source
        The frame.
    column
        Its name.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> Column(from_dict({"x": [1], "y": [2]}, npartitions=1).expr, "y").label()
    "Column('y')"
    """

    __slots__ = ()
    fields = ("source", "column")
    prefix = "getitem"
    keeps_rows = True

    def call(self) -> Apply:
        """Select it."""
        return Apply(rows.get_column, (self.source, self.column), title="getitem")

    def infer_ndim(self) -> int:
        """A series, where a name is one column."""
        return 1 if are_plain(columns_of(self.source)) else super().infer_ndim()

    def needs(self, wanted: Columns) -> Iterator[tuple[FrameNode, Columns]]:
        """That one."""
        yield self.source, frozenset([self.column])

    def label(self) -> str:
        """Which one."""
        return f"Column({self.column!r})"


class Filter(PartitionWise):
    """The rows of a frame, series or index at which a predicate is true.

    Parameters
    ----------
    source
        What is filtered.
    predicate
        A boolean series with the same partitions.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2]}, npartitions=1)
    >>> Filter(df.expr, (df.x > 1).expr).divisions
    (0, 1)
    """

    __slots__ = ()
    fields = ("source", "predicate")
    prefix = "filter"
    passes_columns = True

    @cached_property
    def row_key(self) -> str:
        """The same for all that the predicate filters beside its own rows."""
        key: str = self.source.row_key
        return f"{key}-{self.predicate.name}" if key == self.predicate.row_key else self.name

    def call(self) -> Apply:
        """Index with a mask."""
        return Apply(rows.keep_rows, (self.source, self.predicate), title="filter")

    def infer_ndim(self) -> int:
        """The source's."""
        ndim: int = self.source.ndim
        return ndim

    def infer_names(self) -> tuple[Any, ...]:
        """The source's."""
        return columns_of(self.source)

    def infer_dtypes(self) -> Mapping[Any, Any]:
        """The source's."""
        dtypes: Mapping[Any, Any] = self.source.dtypes
        return dtypes

    @property
    def partitioning(self) -> Any:
        """The source's."""
        return self.source.partitioning

    def needs(self, wanted: Columns) -> Iterator[tuple[FrameNode, Columns]]:
        """The wanted columns, and the predicate."""
        yield self.source, wanted if self.source.ndim == 2 else ALL_COLUMNS
        yield self.predicate, ALL_COLUMNS

    def label(self) -> str:
        """That it is one."""
        return "Filter"


class Assign(PartitionWise):
    """A frame with columns added or replaced.

    Parameters
    ----------
    source
        The frame.
    names
        Of the columns, a tuple.
    values
        Series, scalars or plain values, a tuple.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> Assign(from_dict({"x": [1]}, npartitions=1).expr, ("y",), (5,)).meta.columns.tolist()
    ['x', 'y']
    """

    __slots__ = ()
    fields = ("source", "names", "values")
    prefix = "assign"
    keeps_rows = True

    def call(self) -> Apply:
        """Add them to a shallow copy."""
        return Apply(rows.assign, (self.source, self.names, *self.values), title="assign")

    def infer_ndim(self) -> int:
        """A frame."""
        return 2

    def infer_names(self) -> tuple[Any, ...]:
        """The source's, those that it has not after them."""
        names = columns_of(self.source)
        plain = are_plain(names) and are_plain(self.names)
        return tuple(dict.fromkeys((*names, *self.names))) if plain else super().infer_names()

    @property
    def partitioning(self) -> Any:
        """The source's, unless its columns are replaced."""
        known = self.source.partitioning
        return None if known and set(known.columns) & set(self.names) else known

    def needs(self, wanted: Columns) -> Iterator[tuple[FrameNode, Columns]]:
        """The source's columns besides those assigned, and the values."""
        rest = wanted if wanted is not None else frozenset(columns_of(self.source))
        # A replaced column keeps its place among the others, which only matters to all of them.
        yield self.source, rest - set(self.names) if wanted is not None else ALL_COLUMNS
        for value in self.values:
            if isinstance(value, FrameNode):
                yield value, ALL_COLUMNS

    def narrowed(self, wanted: frozenset[Any]) -> FrameNode:
        """Without the ones that nobody reads."""
        pairs = [(n, v) for n, v in zip(self.names, self.values, strict=True) if n in wanted]
        if not pairs:
            source: FrameNode = self.source
            return source
        names, values = zip(*pairs, strict=True)
        return self if len(names) == len(self.names) else self.replace(names=names, values=values)

    def label(self) -> str:
        """Which columns."""
        return f"Assign({list(self.names)})"


class Rename(PartitionWise):
    """A frame with other labels for its columns.

    Parameters
    ----------
    source
        The frame.
    old
        Its columns, a tuple; when pruned it may have fewer.
    columns
        The new labels, an index.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1]}, npartitions=1)
    >>> Rename(df.expr, ("x",), pd.Index(["y"])).meta.columns.tolist()
    ['y']
    """

    __slots__ = ()
    fields = ("source", "old", "columns")
    prefix = "rename"
    keeps_rows = True

    @property
    def pairs(self) -> tuple[tuple[Any, Any], ...]:
        """``(old, new)`` of each column."""
        return tuple(zip(self.old, self.columns, strict=True))

    def call(self) -> Apply:
        """Rename them."""
        return Apply(rows.rename_columns, (self.source, self.old, self.columns), title="rename")

    def infer_ndim(self) -> int:
        """A frame."""
        return 2

    def infer_names(self) -> tuple[Any, ...]:
        """The new labels of the columns that are there."""
        if not are_plain(self.old):
            return super().infer_names()
        new = dict(self.pairs)
        return tuple([new[name] for name in columns_of(self.source)])

    def needs(self, wanted: Columns) -> Iterator[tuple[FrameNode, Columns]]:
        """The wanted ones under their old labels."""
        if wanted is None:
            yield self.source, ALL_COLUMNS
            return
        yield self.source, frozenset([old for old, new in self.pairs if new in wanted])

    def label(self) -> str:
        """What becomes what."""
        changed = {old: new for old, new in self.pairs if old != new}
        return f"Rename({changed})"


class ResetIndex(PartitionWise):
    """The rows of each partition numbered anew, their labels as columns or left out.

    Parameters
    ----------
    source
        A frame or series.
    drop
        Whether the labels are left out.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> ResetIndex(from_dict({"x": [1]}, npartitions=1).expr, False).meta.columns.tolist()
    ['index', 'x']
    """

    __slots__ = ()
    fields = ("source", "drop")
    prefix = "reset-index"
    keeps_rows = True
    keeps_labels = False

    @property
    def labels(self) -> tuple[Any, ...]:
        """The columns that were labels."""
        return () if self.drop else columns_of(self)[: self.source.meta.index.nlevels]

    def call(self) -> Apply:
        """pandas' method."""
        args = (self.source, "reset_index")
        return Apply(rows.call_method, args, {"drop": bool(self.drop)}, title="reset_index")

    def needs(self, wanted: Columns) -> Iterator[tuple[FrameNode, Columns]]:
        """The wanted ones that were columns."""
        names = columns_of(self.source)
        # Labels without a name are called otherwise where a column has the name that they would.
        named = self.drop or None not in self.source.meta.index.names
        known = wanted is not None and self.source.ndim == 2 and (named or "index" not in names)
        yield self.source, wanted - set(self.labels) if known else ALL_COLUMNS  # type: ignore[operator]

    def label(self) -> str:
        """What becomes of the labels."""
        return f"ResetIndex(drop={bool(self.drop)})"


def _is_of_columns(arg: Any) -> bool:
    """Whether an argument may have a value for each column, in their order or by label."""
    if isinstance(arg, FrameNode):
        return bool(arg.ndim == 1)
    return isinstance(arg, Call | Node) or pd.api.types.is_list_like(arg)


def _join_label(name: str, args: tuple[Any, ...]) -> str:
    told = [repr(arg)[:24] for arg in args if not isinstance(arg, FrameNode)]
    return f"{name}({', '.join(told)})"


class Operator(PartitionWise):
    """An operator on series, frames, scalars and plain values.

    Parameters
    ----------
    name
        As the module `operator` has it, such as "add" or "lt".
    args
        One or two operands, a tuple.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> Operator("add", (from_dict({"x": [1]}, npartitions=1).x.expr, 5)).meta.dtype
    dtype('int64')
    """

    __slots__ = ()
    fields = ("name_", "args")
    keeps_rows = True

    @classmethod
    def title_of(cls, operands: tuple[Any, ...]) -> str:
        """The operator's name."""
        return str(operands[0]).strip("_")

    @property
    def op(self) -> str:
        """The operator's name."""
        name: str = self.operands[0]
        return name

    @property
    def passes_columns(self) -> bool:  # type: ignore[override]
        """Not where a frame meets what is laid along its columns."""
        return not any(map(_is_of_columns, self.args))

    def infer_meta(self) -> Any:
        """pandas' own."""
        tables = [frame for frame in self.frames if frame.ndim == 2]
        along = [one for one in self.frames if one.ndim == 1 and one.npartitions == 1]
        if self.op in COMPARISONS and len(self.frames) == 1:
            return rows.OPERATORS[self.op](*with_categories(self.args))
        if not (tables and along and self.op in COMPARISONS):
            return super().infer_meta()
        # pandas compares with a row that has just the labels of the columns; this one will.
        labels, names = tables[0].meta.columns, {one.name for one in along}
        args = [getattr(arg, "meta", arg) for arg in self.args]
        for i, arg in enumerate(self.args):
            if isinstance(arg, FrameNode) and arg.name in names:
                args[i] = args[i].reindex(labels)
        return rows.OPERATORS[self.op](*args)

    def infer_ndim(self) -> int:
        """The most of the operands', where none is an array or the like."""
        most = max((frame.ndim for frame in self.frames), default=0)
        plain = all(isinstance(arg, FrameNode | str | int | float) for arg in self.args)
        return most if most and plain and self.op != "matmul" else super().infer_ndim()

    def call(self) -> Apply:
        """The operator."""
        return Apply(rows.OPERATORS[self.op], self.args, title=self.op.strip("_"))

    @property
    def keeps_labels(self) -> bool:  # type: ignore[override]
        """Not of an index, whose labels are the values."""
        return not isinstance(self.meta, pd.Index)

    def label(self) -> str:
        """The operator and its plain operands."""
        return _join_label(self.op.strip("_"), self.args)


COMPARISONS = frozenset(["lt", "le", "gt", "ge", "eq", "ne"])
"""Operators for which pandas wants equal indexes; its methods of these names match labels."""

COMPARING = COMPARISONS | {"between"}
"""Methods that give truth values of a comparison."""

COLUMN_BY_COLUMN = frozenset(
    ["abs", "astype", "clip", "ffill", "fillna", "isin", "isna", "isnull", "mask", "notna"]
    + ["notnull", "replace", "round", "where", "map", "add", "sub", "mul", "div", "truediv"]
    + ["floordiv", "mod", "pow", "radd", "rsub", "rmul", "rdiv", "rtruediv", "rfloordiv"]
    + ["rmod", "rpow", "lt", "le", "gt", "ge", "eq", "ne", "rename_axis", "infer_objects"]
    + ["convert_dtypes", "combine_first"]
)
"""Methods of frames that work on each column by itself, while no argument names columns."""

ALONG_ROWS = ("ffill", "fillna")
"""Of these: those that may look at the other columns of a row."""

NAMED_IN: Mapping[type, tuple[str, ...]] = {
    dict: ("astype", "fillna", "isin", "replace", "round"),
    list: ("isin", "replace"),
}
"""Of these: those that may be told so what to do with each column, by name, or of which values."""

LOOKED_AT = {"dropna": "subset", "explode": "column"}
"""Methods that choose or repeat rows by some columns: the argument with their names."""

ROW_DROPPING = frozenset(
    ["dropna", "drop_duplicates", "explode", "head", "tail", "sample", "at_time", "between_time"]
    + ["stack", "repeat", "compare", "drop", "filter", "unique"]
)
"""Methods that do not give a row for each row."""


OF_ROWS = frozenset(
    ["sum", "prod", "mean", "median", "min", "max", "var", "std", "sem", "any", "all", "nunique"]
)
"""Methods of frames that, along a row, give a value."""


RELABELLING = frozenset(["add_prefix", "add_suffix", "droplevel", "set_axis", "stack"])
"""Methods that give rows other labels; of frames, too, once columns are not what they are about."""


class Method(PartitionWise):
    """A method of pandas', or of one of its accessors, on each partition.

    Parameters
    ----------
    method
        Its name, such as "fillna" or "str.upper".
    args
        The object and the arguments, then the values of keyword arguments; a tuple.
    names
        Of the keyword arguments.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1.5]}, npartitions=1)
    >>> Method("round", (df.expr, 0), ("decimals",)).call().kwargs
    {'decimals': 0}
    """

    __slots__ = ()
    fields: ClassVar[tuple[str, ...]] = ("method", "args", "names")

    @classmethod
    def title_of(cls, operands: tuple[Any, ...]) -> str:
        """The method's name."""
        name: str = operands[0]
        return name.replace(".", "-").strip("_")

    @property
    def keeps_rows(self) -> bool:  # type: ignore[override]
        """Most do."""
        return self.method not in ROW_DROPPING

    @property
    def passes_columns(self) -> bool:  # type: ignore[override]
        """Where each column is treated by itself, also if it is told by name how."""
        if self.method not in COLUMN_BY_COLUMN:
            return False
        named = dict(zip(self.names[::-1], self.args[::-1], strict=False))
        if self.method in ALONG_ROWS and named.get("axis", 0) not in (0, "index"):
            return False
        _, *rest = self.args
        if self.method in ("where", "mask") and isinstance(rest[0], FrameNode):
            rest = rest[1:]  # which rows: a series has them one below the other, like the frame
        return not any(
            _is_of_columns(arg) and self.method not in NAMED_IN.get(type(arg), ()) for arg in rest
        )

    def needs(self, wanted: Columns) -> Iterator[tuple[FrameNode, Columns]]:
        """Of methods that choose or repeat rows the columns that they look at, too."""
        names = None
        if self.method in LOOKED_AT and len(self.args) == 2:
            name = LOOKED_AT[self.method]
            by_place = self.method == "explode" and not self.names
            names = self.args[1] if by_place or self.names == (name,) else None
        if self.method == "isin" and wanted is not None and not wanted:
            wanted = frozenset(
                columns_of(self.args[0])[:1]
            )  # pandas puts columns beside each other
        if names is None or wanted is None:
            yield from super().needs(wanted)
        else:
            yield self.args[0], wanted.union(names if isinstance(names, list | tuple) else [names])

    def narrowed(self, wanted: frozenset[Any]) -> FrameNode:
        """Without being told of columns that are not there any more, which pandas refuses."""
        if self.method != "astype" or len(self.args) < 2 or type(self.args[1]) is not dict:
            return self
        some = {name: dtype for name, dtype in self.args[1].items() if name in wanted}
        if len(some) == len(self.args[1]):
            return self
        return self.replace(args=(self.args[0], some, *self.args[2:]))

    def call(self) -> Apply:
        """The method."""
        split = len(self.args) - len(self.names)
        kwargs = dict(zip(self.names, self.args[split:], strict=True))
        item, *args = self.args[:split]
        if self.method in rows.METHODS and any(isinstance(arg, FrameNode) for arg in args):
            return Apply(rows.METHODS[self.method], (item, *args), kwargs, title=self.method)
        return Apply(rows.call_method, (item, self.method, *args), kwargs, title=self.method)

    @property
    def keeps_labels(self) -> bool:  # type: ignore[override]
        """Not where they are changed, and where an index becomes another one."""
        frame = self.frames[0]
        if isinstance(frame.meta, pd.Index):
            return self.method in ("rename", "set_names", "to_series", "to_frame")
        return self.method not in RELABELLING

    def infer_meta(self) -> Any:
        """pandas' own; what becomes categorical has categories that are not known yet."""
        if self.method in COMPARING and len(self.frames) == 1:
            call = self.call()
            return call.func(*with_categories(call.args), **call.kwargs)
        meta = super().infer_meta()
        if self.method in OF_ROWS and meta.ndim == 1 and self.frames[0].ndim == 2:
            # What pandas makes of no rows need not have the dtype of what it makes of some.
            call = self.call()
            args = [sample_of(arg.meta) if isinstance(arg, FrameNode) else arg for arg in call.args]
            meta = call.func(*args, **call.kwargs).iloc[:0]
        if self.method in ("add_prefix", "add_suffix") and meta.ndim == 1:
            # Labels become text, which pandas does not do to none.
            call = self.call()
            texts = sample_of(self.frames[0].meta)
            return call.func(texts, *call.args[1:], **call.kwargs).iloc[:0]
        return with_unknown_categories(meta) if self.method == "astype" else meta

    def label(self) -> str:
        """The method and its plain arguments."""
        return _join_label(self.method, self.args[1:])


class Evaluated(Method):
    """A ``query`` or an ``eval`` that is left to pandas, row by row.

    Parameters
    ----------
    method, args, names
        Of a `Method`; the text is the second of ``args``.
    reads
        The columns that the text names, a tuple; None: it may read any.
    assigned
        Those that it assigns, a tuple.
    reason
        Why the text is not looked into.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2]}, npartitions=1)
    >>> Evaluated("query", (df.expr, "x > 1"), (), ("x",), (), "an example").label()
    "query('x > 1'), left to pandas: an example"
    """

    __slots__ = ()
    fields = ("method", "args", "names", "reads", "assigned", "reason")

    @property
    def keeps_rows(self) -> bool:  # type: ignore[override]
        """Not where it asks for some."""
        return bool(self.method != "query")

    def needs(self, wanted: Columns) -> Iterator[tuple[FrameNode, Columns]]:
        """The wanted columns where it has those of its source, and those that it names."""
        if self.reads is None:
            yield self.args[0], ALL_COLUMNS
        elif self.method == "query" or self.assigned:
            passed = None if wanted is None else wanted - set(self.assigned)
            yield self.args[0], None if passed is None else passed | set(self.reads)
        else:
            yield self.args[0], frozenset(self.reads)

    def label(self) -> str:
        """The text, and why it stays one."""
        return f"{self.method}({str(self.args[1])[:60]!r}), left to pandas: {self.reason}"


class Attribute(PartitionWise):
    """An attribute of each partition, such as its index, or "dt.year".

    Parameters
    ----------
    source
        What has it.
    attribute
        Its name.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> Attribute(from_dict({"x": [1]}, npartitions=1).expr, "index").ndim
    1
    """

    __slots__ = ()
    fields = ("source", "attribute")
    keeps_rows = True

    @classmethod
    def title_of(cls, operands: tuple[Any, ...]) -> str:
        """The attribute's name."""
        name: str = operands[1]
        return name.replace(".", "-")

    def call(self) -> Apply:
        """Get it."""
        return Apply(rows.get_attribute, (self.source, self.attribute), title=self.attribute)

    def needs(self, wanted: Columns) -> Iterator[tuple[FrameNode, Columns]]:
        """No column at all for the index."""
        none_needed = self.attribute == "index" and self.source.ndim == 2
        yield self.source, frozenset() if none_needed else ALL_COLUMNS

    @property
    def keeps_labels(self) -> bool:  # type: ignore[override]
        """Those of an index are other ones: its days, its hours."""
        return not isinstance(self.source.meta, pd.Index)

    def label(self) -> str:
        """Its name."""
        return f"Attribute({self.attribute})"


class MapPartitions(PartitionWise):
    """A function of the user's on each partition: rules cannot look inside.

    Parameters
    ----------
    func
        The function.
    args
        Its arguments, then the values of keyword arguments; a tuple.
    names
        Of the keyword arguments.
    given_meta
        What the result looks like.
    given_divisions
        Of the result; None for those of the sources.
    title
        For people.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1]}, npartitions=1)
    >>> MapPartitions(len, (df.expr,), (), 0, None, "len").ndim
    0
    """

    __slots__ = ()
    fields = ("func", "args", "names", "given_meta", "given_divisions", "title")

    @classmethod
    def title_of(cls, operands: tuple[Any, ...]) -> str:
        """The given one."""
        title: str = operands[-1]
        return title

    def call(self) -> Apply:
        """The function."""
        split = len(self.args) - len(self.names)
        kwargs = dict(zip(self.names, self.args[split:], strict=True))
        return Apply(self.func, tuple(self.args[:split]), kwargs, title=self.title)

    def infer_meta(self) -> Any:
        """The given one, with the columns that are left."""
        return left_of(self)

    def needs(self, wanted: Columns) -> Iterator[tuple[FrameNode, Columns]]:
        """All columns, unless the function leaves them to themselves."""
        return needed_by(self, wanted)

    def infer_divisions(self) -> tuple[Any, ...]:
        """The given ones, or the sources'."""
        if self.given_divisions is not None:
            return tuple(self.given_divisions)
        return super().infer_divisions()

    def label(self) -> str:
        """Its title."""
        return f"MapPartitions({self.title})"


def _columns_beside(node: Any) -> frozenset[Any] | None:
    """What a function reads besides the columns of its result; None: it may read any."""
    tables = [frame for frame in node.frames if frame.ndim == 2]
    if not tables or len(tables) > 1 or tables[0] is not node.args[0]:
        return None
    is_table = getattr(node.given_meta, "ndim", 0) == 2
    return columns_beside(node.func, node.args) if is_table else None


def needed_by(node: Any, wanted: Columns) -> Iterator[tuple[FrameNode, Columns]]:
    """What a node with a function reads: all columns, unless that leaves them to themselves.

    Parameters
    ----------
    node
        It has the operands ``func``, ``args`` and ``given_meta``.
    wanted
        As of `FrameNode.needs`.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> node = from_dict({"x": [1], "y": [2]}, npartitions=1).shift(1).expr
    >>> [sorted(columns) for _, columns in needed_by(node, frozenset("x"))]
    [['x']]
    """
    beside = _columns_beside(node)
    joined = None if wanted is None else _labels_joined(node)
    if joined is not None and wanted is not None:
        how, sides = joined
        both = sides[0].keys() & sides[1].keys()
        paired = {name for name in both if any(side[name] in wanted for side in sides)}
        for frame in node.frames:
            is_left = frame is node.args[0]
            on, labels = (how.left_on, sides[0]) if is_left else (how.right_on, sides[1])
            read = {name for name, label in labels.items() if label in wanted or name in on}
            yield frame, frozenset(read | paired)
        return
    known = ALL_COLUMNS if wanted is None or beside is None else wanted | beside
    for frame in node.frames:
        yield frame, known if frame.ndim == 2 else ALL_COLUMNS


def _labels_joined(node: Any) -> Any:
    """How a node with a function joins two frames, and what it calls their columns; None: not."""
    how = joined_by(node.func, node.args)
    if how is None or any(frame.ndim != 2 for frame in node.frames):
        return None
    left, right = (columns_of(frame) for frame in node.frames[:2])
    # pandas has keys a third time that the other side has as another column.
    clash = set(left).intersection(right, how.left_on + how.right_on) - how.same
    if clash or not (are_plain(left) and are_plain(right)):
        return None
    return how, how.labels(left, right)


def left_of(node: Any) -> Any:
    """The given meta of a node with a function, without columns that its source has no more.

    Parameters
    ----------
    node
        It has the operands ``func``, ``args`` and ``given_meta``.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1], "y": [2]}, npartitions=1)
    >>> shifted = df.shift(1).expr
    >>> left_of(shifted.replace(args=(df[["x"]].expr, *shifted.args[1:]))).columns.tolist()
    ['x']
    """
    meta = node.given_meta
    joined = _labels_joined(node)
    if joined is not None:
        labels = {label for side in joined[1] for label in side.values()}
        left = meta.columns.isin(list(labels))
        return meta if left.all() else meta.loc[:, left]
    if getattr(meta, "ndim", 0) != 2 or _columns_beside(node) is None:
        return meta
    left = meta.columns.isin(columns_of(node.args[0]))
    return meta if left.all() else meta.loc[:, left]


class OneRow(PartitionWise):
    """A series of one row: a value and its label.

    Parameters
    ----------
    value
        A scalar.
    index
        The label; rows of one label stand side by side.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> OneRow(from_dict({"x": [1]}, npartitions=1).x.sum().expr, "total").divisions
    ('total', 'total')
    """

    __slots__ = ()
    fields = ("value", "index")
    prefix = "one-row"

    def call(self) -> Apply:
        """Put the label beside the value."""
        return Apply(rows.row_of, (self.value, self.index), title="one row")

    def infer_meta(self) -> Any:
        """No row of it."""
        return rows.row_of(self.value.meta, self.index).iloc[:0]

    def infer_divisions(self) -> tuple[Any, ...]:
        """The label on both sides."""
        return (None, None) if pd.isna(self.index) else (self.index, self.index)

    @cached_property
    def row_roots(self) -> frozenset[str]:
        """The label."""
        return frozenset([self.row_key])

    @cached_property
    def row_key(self) -> str:
        """The label."""
        return f"one-row-{tokenize(self.index)}"


class Beside(PartitionWise):
    """The blocks of an array, with the labels of the partitions beside which they stand.

    Parameters
    ----------
    blocks
        A node with a block for each partition, or an index.
    index
        The labels.
    columns
        Names of the columns, a tuple, or of the series.

    Examples
    --------
    >>> Beside.fields
    ('blocks', 'index', 'columns')
    """

    __slots__ = ()
    fields = ("blocks", "index", "columns")
    prefix = "beside"
    keeps_rows = True

    def call(self) -> Apply:
        """A frame or series of a block."""
        args = (self.blocks, None, self.columns, self.index)
        return Apply(rows.table_of, args, title="beside")

    def infer_divisions(self) -> tuple[Any, ...]:
        """Those of the labels."""
        known: tuple[Any, ...] = self.index.divisions
        return known

    @property
    def row_roots(self) -> frozenset[str]:
        """Those of the labels: this is what standing beside them means."""
        roots: frozenset[str] = self.index.row_roots
        return roots

    @property
    def row_key(self) -> str:
        """That of the labels."""
        key: str = self.index.row_key
        return key


class MapEach(PartitionWise):
    """A function on each partition and on a value for this partition, such as a seed.

    Parameters
    ----------
    func
        Called with a partition, its value, and the other arguments.
    args
        The frame and more arguments, then the values of keyword arguments; a tuple.
    names
        Of the keyword arguments.
    values
        One for each partition.
    given_meta
        What the result looks like.
    given_divisions
        Of the result; None for those of the sources.
    title
        For people.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> node = from_dict({"x": [1, 2]}, npartitions=2).expr
    >>> MapEach(len, (node,), (), (3, 4), node.meta, None, "f").parts
    (3, 4)
    """

    __slots__ = ()
    fields = ("func", "args", "names", "values", "given_meta", "given_divisions", "title")
    has_parts = True

    @classmethod
    def title_of(cls, operands: tuple[Any, ...]) -> str:
        """The given one."""
        title: str = operands[-1]
        return title

    @property
    def parts(self) -> Any:
        """The values."""
        return self.values

    def call(self) -> Apply:
        """The function, with the value after the partition."""
        split = len(self.args) - len(self.names)
        kwargs = dict(zip(self.names, self.args[split:], strict=True))
        first, *rest = self.args[:split]
        return Apply(self.func, (first, Part(), *rest), kwargs, title=self.title)

    def infer_meta(self) -> Any:
        """The given one, with the columns that are left."""
        return left_of(self)

    def needs(self, wanted: Columns) -> Iterator[tuple[FrameNode, Columns]]:
        """All columns, unless the function leaves them to themselves."""
        return needed_by(self, wanted)

    def infer_divisions(self) -> tuple[Any, ...]:
        """The given ones, or the sources'."""
        if self.given_divisions is not None:
            return tuple(self.given_divisions)
        return super().infer_divisions()
