"""Frames as Polars lazy frames: scans, filters, joins, groups.

A `Table` is a set of labelled values over one `Base`.  What only adds, selects or renames columns
changes the labels and leaves the base alone, so a column can be looked up above or below; what
makes other rows (a filter, a join, an aggregation) makes a new base.

A table knows what its index is: nothing that can be told, the keys of groups, or row numbers.
"""

from __future__ import annotations

import dataclasses
import functools
import operator
from collections.abc import Callable, Mapping
from typing import Any

from shoal.dataframe.columnar import methods
from shoal.dataframe.columnar import values as v
from shoal.dataframe.columnar.scan import Scan, is_whole
from shoal.dataframe.columnar.values import Base, Untranslated, Value
from shoal.dataframe.kernels.filters import parts_of
from shoal.dataframe.kernels.groups import GroupReducer
from shoal.dataframe.kernels.reductions import Reducer
from shoal.dataframe.nodes.base import FrameNode
from shoal.dataframe.nodes.moves import Join
from shoal.dataframe.nodes.partitions import Repartition
from shoal.dataframe.nodes.reduce import Reduce
from shoal.dataframe.nodes.rowwise import (
    Assign,
    Attribute,
    Column,
    Filter,
    Method,
    Operator,
    Project,
    Rename,
    ResetIndex,
)

__all__ = ["ROW_NUMBERS", "Table", "Translator"]

ROW_NUMBERS = "row numbers"
"""Each row's place in its table."""

NUMBER = "number of the row"
"""The column that has it, where a partition's rows are labelled by it."""


@dataclasses.dataclass(frozen=True)
class Table:
    """A frame.

    Parameters
    ----------
    base
        Its rows.
    columns
        Values by label, in order.
    keys
        Values by label that are the index; empty: there is none that can be told.
    index
        `ROW_NUMBERS`, or None.

    Examples
    --------
    >>> Table(Base(None), {}).index is None
    True
    """

    base: Base
    columns: dict[str, Value]
    keys: dict[str, Value] = dataclasses.field(default_factory=dict)
    index: Any = None

    def frame(self) -> Any:
        """A lazy frame with the keys and columns under their labels."""
        every = {**self.keys, **{name: self[name] for name in self.columns}}
        if any(type(name) is not str for name in every):
            raise Untranslated("columns whose names are not text")
        return self.base.frame.select([value.expr.alias(n) for n, value in every.items()])

    def __getitem__(self, name: Any) -> Value:
        if name not in self.columns:
            raise Untranslated(f"{name!r}, which is no column")
        return v.readable(self.columns[name], f"column {name!r}")


def _named(frame: Any, columns: dict[str, Value], keys: Any = (), index: Any = None) -> Table:
    import polars as pl

    base = Base(frame)

    def renewed(some: dict[str, Value]) -> dict[str, Value]:
        return {
            name: dataclasses.replace(value, base=base, expr=pl.col(name))
            for name, value in some.items()
        }

    return Table(base, renewed(columns), renewed(dict(keys)), index)


class Translator:
    """Nodes to tables and values, each once.

    Parameters
    ----------
    ordered
        Whether the order of rows matters to what is computed from them.
    scan_of
        What is read of a reader, a `Scan`, with the labels of its rows; by default all of it,
        whose labels nobody knows.
    given
        Tables, values and plain numbers that nodes are, by name.

    Examples
    --------
    >>> Translator(ordered=False).scans
    []
    """

    def __init__(
        self,
        ordered: bool,
        scan_of: Callable[[Any], Any] | None = None,
        given: Mapping[str, Any] | None = None,
    ) -> None:
        self.ordered = ordered
        self.given = dict(given or {})
        self.scan_of = scan_of or (lambda reader: reader.scan())
        self.labelled = scan_of is not None
        self.scans: list[Scan] = []
        self.readers: list[FrameNode] = []
        self.done: dict[tuple[str, bool], Any] = {}

    def table(self, node: FrameNode) -> Table:
        """A frame's table.

        Parameters
        ----------
        node
            The frame.
        """
        found = self(node)
        if not isinstance(found, Table):
            raise Untranslated("a frame was wanted")
        return found

    def __call__(self, node: Any) -> Any:
        """The table or value of a node.

        Parameters
        ----------
        node
            Any.

        Raises
        ------
        Untranslated
            It has no exact equivalent.
        """
        if not isinstance(node, FrameNode):
            raise Untranslated("a delayed value")
        if node.name in self.given:
            return self.given[node.name]
        scanned = hasattr(node, "scan")
        # Rows that are read are in order; others may be made twice, with and without.
        key = node.name, self.ordered and not scanned
        if key not in self.done:
            translate = Translator._scan if scanned else _TRANSLATIONS.get(type(node))
            if translate is None:
                raise Untranslated(f"no columnar {node.label()[:60]}")
            self.done[key] = translate(self, node)
        return self.done[key]

    # ------------------------------------------------------------------------------ rows

    def _scan(self, node: Any) -> Table:
        import polars as pl

        told = self.scan_of(node)
        if not isinstance(told, Scan):
            raise Untranslated(str(told))
        self.scans.append(told)
        self.readers.append(node)
        kinds = {
            name: v.kind_of(dtype, f"column {name!r}") for name, dtype in node.meta.dtypes.items()
        }
        frame = told.lazy()
        base = Base(frame)
        columns = {}
        dtypes = node.stored_dtypes
        for name, column in told.columns.items():
            kind = kinds.get(name) or v.kind_of(dtypes[name], f"column {name!r}")
            null = column.nulls != 0
            if null and (kind in v.INTEGERS or kind == "bool"):
                raise Untranslated(f"column {name!r} has nulls, which pandas holds as float64")
            if column.odd:
                raise Untranslated(f"column {name!r} may have moments that are NaT and no null")
            # Numbers of which some are missing in a file are floats to pandas, without NaN.
            whole = kind == v.FLOAT and is_whole(column.type)
            expr = pl.col(name).cast(pl.Float64) if whole else pl.col(name)
            columns[name] = Value(base, expr, kind, null, kind == v.FLOAT and not whole)
        for groups in parts_of(told.filters):
            every = [
                functools.reduce(
                    operator.and_,
                    [methods.meets(columns[name], op, value) for name, op, value in group],
                )
                for group in groups
            ]
            frame = frame.filter(functools.reduce(operator.or_, every))
        if self.labelled and told.index:
            base.labels = tuple([columns[name] for name in told.index])
        elif self.labelled:
            # Numbered after the reader's own filters, as the reader itself does it.
            frame, base.labels = frame.with_row_index(NUMBER), pl.col(NUMBER)
        base.frame = frame
        return Table(base, {name: columns[name] for name in kinds})

    def _repartition(self, node: Repartition) -> Table:
        """The same rows in the same order, where no partition is left out."""
        source: FrameNode = node.source
        if [block for group in node.groups for block in group] != list(range(source.npartitions)):
            raise Untranslated("some partitions")
        return dataclasses.replace(self.table(source), index=None)

    def _filter(self, node: Filter) -> Any:
        source, predicate = self(node.source), self(node.predicate)
        if not isinstance(predicate, Value) or predicate.kind != "bool":
            raise Untranslated("a filter that is not one boolean series")
        if predicate.base is not source.base:
            raise Untranslated("a filter from other rows")
        return self._of_rows(source, source.base.filter(predicate.expr))

    def _of_rows(self, source: Any, base: Base) -> Any:
        """The same columns of some of the rows."""
        if isinstance(source, Value):
            return source.on(base)
        columns = {name: value.on(base) for name, value in source.columns.items()}
        keys = {name: value.on(base) for name, value in source.keys.items()}
        return Table(base, columns, keys)

    def _join(self, node: Join) -> Table:
        import polars as pl

        on = node.left_on, node.right_on
        if node.how != "inner" or node.indicator or None in on:
            raise Untranslated(f"{node.how} join" if None not in on else "join on the index")
        left, right = self.table(node.left), self.table(node.right)
        keys = [f"{end}{i}" for end in ("left key ", "right key ") for i in range(len(on[0]))]
        pairs = [(left[a], right[b]) for a, b in zip(*on, strict=True)]
        for a, b in pairs:
            if a.kind != b.kind or a.kind == v.FLOAT:
                raise Untranslated(f"join of {a.kind} and {b.kind}")
        # Equal keys are carried once, from the left.
        columns: dict[str, tuple[str, Value]] = {}
        sides: tuple[list[Any], list[Any]] = ([], [])
        shared = (set(left.columns) & set(right.columns)) - {
            a for a, b in zip(*on, strict=True) if a == b
        }
        if any(name in on[0] or name in on[1] for name in shared):
            raise Untranslated("join with a key that the other side has as another column")
        for side, (table, end) in enumerate(zip((left, right), node.suffixes, strict=True)):
            for name, value in table.columns.items():
                label = f"{name}{end or ''}" if name in shared else name
                if side == 1 and name in on[1]:
                    place = on[1].index(name)
                    if on[0][place] != name:
                        columns[name] = keys[place], pairs[place][0]
                    continue
                if side == 0 and name in on[0]:
                    columns[name] = keys[on[0].index(name)], value
                    continue
                carried = f"{side} {name}"
                sides[side].append(value.expr.alias(carried))
                columns[label] = carried, value
        if list(columns) != list(node.meta.columns):
            raise Untranslated("join with columns of the same name")
        for side, place in ((0, 0), (1, 1)):
            names = keys[side * len(pairs) : (side + 1) * len(pairs)]
            exprs = [pair[place].expr.alias(n) for pair, n in zip(pairs, names, strict=True)]
            sides[side].extend(exprs)
        count = len(pairs)
        frame = left.base.frame.select(sides[0]).join(
            right.base.frame.select(sides[1]),
            left_on=keys[:count],
            right_on=keys[count:],
            how="inner",
            nulls_equal=any(a.null and b.null for a, b in pairs),
            maintain_order="left_right" if self.ordered else "none",
        )
        base = Base(frame)
        out = {
            label: dataclasses.replace(value, base=base, expr=pl.col(name))
            for label, (name, value) in columns.items()
        }
        return Table(base, out, index=ROW_NUMBERS)

    # --------------------------------------------------------------------------- columns

    def _project(self, node: Project) -> Table:
        source = self.table(node.source)
        if any(name not in source.columns for name in node.columns):
            raise Untranslated("a column that is not there")
        columns = {name: source.columns[name] for name in node.columns}
        return dataclasses.replace(source, columns=columns)

    def _column(self, node: Column) -> Value:
        columns = self.table(node.source).columns
        if node.column not in columns:
            raise Untranslated(f"{node.column!r}, which is no column")
        found: Value = columns[node.column]
        return found

    def _assign(self, node: Assign) -> Table:
        source = self.table(node.source)
        columns = dict(source.columns)
        for name, value in zip(node.names, node.values, strict=True):
            found = self(value)
            if not isinstance(found, Value) or found.base is not source.base:
                raise Untranslated(f"a column {name!r} that is not from the same rows")
            if not isinstance(name, str):
                raise Untranslated("a column whose name is not text")
            columns[name] = found
        return dataclasses.replace(source, columns=columns)

    def _rename(self, node: Rename) -> Table:
        source, new = self.table(node.source), dict(node.pairs)
        columns = {new.get(name, name): value for name, value in source.columns.items()}
        if len(columns) != len(source.columns) or not all(isinstance(n, str) for n in columns):
            raise Untranslated("columns of the same name")
        return dataclasses.replace(source, columns=columns)

    def _operator(self, node: Operator) -> Value:
        args = [self(arg) if isinstance(arg, FrameNode) else arg for arg in node.args]
        if any(isinstance(arg, Table) for arg in args):
            raise Untranslated(f"{node.op} of a frame")
        return v.operator(node, args)

    def _method(self, node: Method) -> Any:
        apply = node.call()
        item, _, *args = apply.args
        rest = [*args, *apply.kwargs.values()]
        if node.method == "to_frame" and isinstance(item, FrameNode) and item.ndim == 1:
            (label,) = node.meta.columns
            value = self(item)
            if not isinstance(value, Value):
                raise Untranslated("to_frame of labels")
            return Table(value.base, {label: value})
        if any(isinstance(arg, FrameNode) for arg in rest):
            raise Untranslated(f"{node.method} with a series")
        if node.method == "dropna":
            return self._dropna(self(item), {**dict(enumerate(args)), **apply.kwargs})
        return methods.method(node, self(item), list(args), dict(apply.kwargs))

    def _dropna(self, source: Any, given: dict[Any, Any]) -> Any:
        told = {name: value for name, value in given.items() if value is not None}
        names = told.pop("subset", None)
        if told.pop("how", "any") != "any" or told:
            raise Untranslated(f"dropna with {', '.join(map(str, told)) or 'how'}")
        if isinstance(source, Value):
            values = [v.readable(source, "dropna")]
        else:
            wanted = list(source.columns) if names is None else names
            values = [source[name] for name in ([wanted] if isinstance(wanted, str) else wanted)]
        there = [v.without_nan(value).is_not_null() for value in values if value.null or value.nan]
        if not there:
            return source
        return self._of_rows(source, source.base.filter(functools.reduce(operator.and_, there)))

    def _attribute(self, node: Attribute) -> Value:
        return methods.attribute(node, self(node.source))

    def _reset_index(self, node: ResetIndex) -> Table:
        if node.drop:
            raise Untranslated("no columnar reset_index that drops labels")
        source = self.table(node.source)
        if not source.keys or set(source.keys) & set(source.columns):
            raise Untranslated("reset_index of what is not the result of a groupby")
        return Table(source.base, {**source.keys, **source.columns}, index=ROW_NUMBERS)

    # ------------------------------------------------------------------------ reductions

    def _reduce(self, node: Reduce) -> Table:
        if node.split_out != 1 or len(node.args) != 1:
            raise Untranslated("a reduction to several partitions, or of several frames")
        reducer = node.reducer
        if type(reducer) is GroupReducer:
            # Groups are sorted by their keys, in whatever order their rows came.
            ordered, self.ordered = self.ordered, False
            try:
                source = self.table(node.args[0])
            finally:
                self.ordered = ordered
            return self._groupby(source, reducer)
        if type(reducer) is Reducer and reducer.name == "drop_duplicates":
            return self._distinct(node, reducer)
        if type(reducer) is Reducer and reducer.name == "nlargest":
            return self._largest(node, reducer)
        raise Untranslated(f"reduction {reducer.title}")

    def _distinct(self, node: Reduce, reducer: Reducer) -> Table:
        options = {k: o for k, o in reducer.options if o is not None}
        if options.pop("keep", "first") != "first" or any(options.values()) or self.ordered:
            raise Untranslated("drop_duplicates with options or where the order matters")
        source = self.table(node.args[0])
        if any(value.kind == v.FLOAT for value in source.columns.values()):
            raise Untranslated("drop_duplicates of floats")
        return _named(source.frame().unique(), source.columns)

    def _largest(self, node: Reduce, reducer: Reducer) -> Table:
        if not self.ordered:
            raise Untranslated("nlargest inside of something else")
        options = dict(reducer.options)
        n, by = options.pop("n", None), options.pop("columns", None)
        by = by if isinstance(by, str) else (by[0] if by and len(by) == 1 else None)
        if options.pop("keep", "first") != "first" or options or by is None or n is None:
            raise Untranslated("nlargest by several columns")
        source = self.table(node.args[0])
        if by not in source.columns or source.index != ROW_NUMBERS:
            raise Untranslated("nlargest of rows with an index")
        if source.columns[by].kind not in (v.FLOAT, *v.INTEGERS):
            raise Untranslated(f"nlargest of {source.columns[by].kind}")
        numbered = source.frame().with_row_index("row number")
        largest = numbered.sort(
            [v.without_nan(_named(numbered, source.columns).columns[by]), "row number"],
            descending=[True, False],
            nulls_last=True,
        ).head(int(n))
        return _named(largest, source.columns, index="row number")

    def _groupby(self, source: Table, reducer: GroupReducer) -> Table:
        import polars as pl

        if None in reducer.by or not reducer.dropna or not reducer.sort:
            raise Untranslated("groupby by a series, with dropna=False or sort=False")
        keys = {f"key {i}": source[name] for i, name in enumerate(reducer.by)}
        if any(type(name) is not str for name in reducer.by):
            raise Untranslated("groupby by columns whose names are not text")
        frame = source.base.frame
        for value in keys.values():
            if value.null or value.nan:
                frame = frame.filter(v.without_nan(value).is_not_null())
        outs = [aggregate(source, one) for one in reducer.aggregates]
        frame = frame.group_by([value.expr.alias(n) for n, value in keys.items()]).agg(
            [expr.alias(f"value {i}") for i, (expr, _) in enumerate(outs)]
        )
        if self.ordered:
            frame = frame.sort(list(keys))
        base = Base(frame)
        names = [reducer.name] if reducer.labels is None else list(reducer.labels)
        columns = {}
        for i, (name, (_, value)) in enumerate(zip(names, outs, strict=True)):
            # Labels of a result that ends here may be tuples; others are looked up as text.
            columns[name] = dataclasses.replace(value, base=base, expr=pl.col(f"value {i}"))
        index = {
            name: Value(base, pl.col(f"key {i}"), keys[f"key {i}"].kind)
            for i, name in enumerate(reducer.by)
        }
        if len(columns) != len(names) or len(index) != len(reducer.by):
            raise Untranslated("columns of the same name")
        if reducer.as_index:
            return Table(base, columns, index)
        return Table(base, {**index, **columns}, index=ROW_NUMBERS)


def aggregate(table: Table, one: Any) -> tuple[Any, Value]:
    """An aggregation as an expression, and what is known of its values.

    Parameters
    ----------
    table
        What is grouped.
    one
        An `Aggregate`.
    """
    options = dict(one.options)
    if options.pop("min_count", 0) > 0 or any(o is not None for o in options.values()):
        raise Untranslated(f"{one.func} with {options or 'min_count'}")
    value = None if one.func == "size" else table[one.column]
    if one.func == "nunique" and value is not None and value.kind != v.FLOAT:
        expr = v.without_nan(value)
        some = expr.drop_nulls() if value.null else expr
        return some.n_unique().cast(_whole()), Value(Base(None), None, "int64")
    if one.func == "mean" and value is not None and value.kind in (v.FLOAT, "int64"):
        return v.without_nan(value).mean(), Value(Base(None), None, v.FLOAT, True, True)
    if one.func not in ("size", "count", "sum", "min", "max"):
        raise Untranslated(f"groupby {one.func}")
    expr, kind = atom(value, one.func)
    missing = one.func in ("min", "max") and kind not in v.INTEGERS
    return expr, Value(Base(None), None, kind, missing, kind == v.FLOAT)


def atom(value: Value | None, name: str) -> tuple[Any, str]:
    """One of the numbers of a group, or of all rows, of which aggregations are made.

    Parameters
    ----------
    value
        What is aggregated; None for the number of rows.
    name
        As `shoal.dataframe.kernels.groups.AGGREGATIONS` has them.

    Returns
    -------
    A Polars expression, and the dtype of its values.

    Examples
    --------
    >>> import polars as pl
    >>> expr, kind = atom(Value(Base(None), pl.col("x"), "float64", nan=True), "sum")
    >>> pl.DataFrame({"x": [1.0, float("nan")]}).select(expr).item(), kind
    (1.0, 'float64')
    """
    import polars as pl

    if value is None or name == "size":
        return pl.len().cast(pl.Int64), "int64"
    expr = v.without_nan(v.readable(value, name))
    if name == "count":
        return (expr.count() if value.null or value.nan else pl.len()).cast(pl.Int64), "int64"
    if name == "sum" and value.kind in (v.FLOAT, "int64"):
        return expr.sum(), value.kind
    if name == "total" and value.kind == "int64":
        return expr.cast(pl.Int128).sum(), "int128"
    if name in ("min", "max") and value.kind in (v.FLOAT, *v.INTEGERS, *v.TIMES):
        return getattr(expr, name)(), value.kind
    if name == "squares" and value.kind in (v.FLOAT, "int64"):
        return expr.var(ddof=0) * expr.count(), v.FLOAT
    if name in ("first", "last"):
        some = expr.drop_nulls() if value.null or value.nan else expr
        return getattr(some, name)(), value.kind
    raise Untranslated(f"{name} of {value.kind}")


def _whole() -> Any:
    import polars as pl

    return pl.Int64


_TRANSLATIONS: dict[type, Callable[[Translator, Any], Any]] = {
    Project: Translator._project,
    Column: Translator._column,
    Assign: Translator._assign,
    Rename: Translator._rename,
    Operator: Translator._operator,
    Method: Translator._method,
    Attribute: Translator._attribute,
    Filter: Translator._filter,
    Join: Translator._join,
    Reduce: Translator._reduce,
    ResetIndex: Translator._reset_index,
    Repartition: Translator._repartition,
}
