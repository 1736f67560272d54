"""First steps of reductions: the partial result of one partition, as pandas' reducers have it.

What is asked of Polars are the same numbers (`shoal.dataframe.kernels.groups` calls them atoms);
they become the very objects that the next step of the tree expects.  Of no rows, the reducer itself
says what there is to say.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from shoal.dataframe.columnar import values as v
from shoal.dataframe.columnar.relations import Table, Translator, atom
from shoal.dataframe.columnar.results import array_of, index_of
from shoal.dataframe.columnar.values import Untranslated, Value
from shoal.dataframe.kernels.groups import ROWS, GroupReducer, State
from shoal.dataframe.kernels.kinds import ByKind, places_by_kind
from shoal.dataframe.kernels.reductions import Reducer
from shoal.dataframe.kernels.totals import SAFE
from shoal.dataframe.nodes.base import FrameNode
from shoal.dataframe.nodes.reduce import Partial

__all__ = ["PartialResult", "partial_of"]


class PartialResult:
    """A query, and what makes a partial result of what it gives.

    Parameters
    ----------
    base
        The rows.
    query
        Called with their lazy frame and the expressions; gives another one.
    exprs
        Expressions, a list.
    finish
        Called with the collected frame.

    Examples
    --------
    >>> PartialResult(v.Base("rows"), lambda frame, exprs: frame, [], len).query("ab")
    'ab'
    """

    __slots__ = ("base", "exprs", "finish", "make")

    def __init__(
        self, base: v.Base, query: Any, exprs: list[Any], finish: Callable[[Any], Any]
    ) -> None:
        self.base = base
        self.make = query
        self.exprs = exprs
        self.finish = finish

    def query(self, frame: Any) -> Any:
        """The lazy frame that has the numbers.

        Parameters
        ----------
        frame
            The rows.
        """
        return self.make(frame, self.exprs)


def partial_of(translator: Translator, node: Partial) -> PartialResult:
    """The first step of a reduction.

    Parameters
    ----------
    translator
        Knows the rows that are read.
    node
        The step.

    Raises
    ------
    Untranslated
        Something in it has no exact equivalent.

    Examples
    --------
    >>> from shoal.dataframe import from_dict, read_parquet
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> from_dict({"x": [1, 2]}, npartitions=1).to_parquet(folder, write_index=False)
    >>> reduce = read_parquet(folder).x.sum().expr
    >>> found = partial_of(Translator(ordered=False), Partial(reduce.args, reduce.reducer))
    >>> found.finish(found.query(found.base.frame).collect())
    (2, (np.int64(3), None))
    """
    reducer = node.reducer
    if any(not isinstance(arg, FrameNode) for arg in node.args):
        raise Untranslated(f"{reducer.title} of a delayed value")
    found = [translator(arg) for arg in node.args]
    if any(not isinstance(one, Table | Value) for one in found):
        raise Untranslated(f"{reducer.title} of a scalar")
    if any(one.base is not found[0].base for one in found):
        raise Untranslated(f"{reducer.title} of different rows")
    if type(reducer) is GroupReducer:
        return _groups(node, found)
    if type(reducer) is Reducer and len(found) == 1:
        return _numbers(node, found[0])
    raise Untranslated(f"no columnar {reducer.title}")


# ------------------------------------------------------------------------------------ groups


def _groups(node: Partial, found: Sequence[Any]) -> PartialResult:
    reducer, (first, *given) = node.reducer, found
    keys = _keys(node, first, given)
    whole = first if isinstance(first, Table) else {reducer.aggregates[0].column: first}
    if reducer.customs():
        raise Untranslated("a custom Aggregation")
    base = first.base
    for value in keys:
        if reducer.dropna and reducer.observed and (value.null or value.nan):
            base = base.filter(v.without_nan(value).is_not_null())
    exprs, kinds = [v.without_nan(value).alias(f"key {i}") for i, value in enumerate(keys)], []
    for i, (column, name) in enumerate(reducer.atoms()):
        if name in ROWS:
            raise Untranslated(f"groupby with {name} values")
        expr, kind = atom(None if column is None else whole[column], name)
        exprs.append(expr.alias(f"value {i}"))
        kinds.append(kind)
    metas = [arg.meta for arg in node.args]
    series = iter(metas[1:])
    names = [next(series).name if name is None else name for name in reducer.by]

    def finish(out: Any) -> State:
        if not len(out):
            empty: State = reducer.partial(*metas)
            return empty
        labels = [out[f"key {i}"] for i in range(len(keys))]
        index = index_of(labels, [value.kind for value in keys], names)
        atoms = {i: _numbers_of(out[f"value {i}"], kind) for i, kind in enumerate(kinds)}
        return State(pd.DataFrame(atoms, index=index, copy=False), {})

    def query(frame: Any, exprs: Any) -> Any:
        grouped = frame.group_by(exprs[: len(keys)], maintain_order=not reducer.sort)
        found = grouped.agg(exprs[len(keys) :])
        # In the order of its hashes Polars would take keys apart that stand together in the data,
        # and tables of keys that do are put together eight times faster.
        return found.sort("key 0") if reducer.sort else found

    return PartialResult(base, query, exprs, finish)


def _numbers_of(column: Any, kind: str) -> Any:
    """A column in which null is the only missing value, as pandas' array."""
    import polars as pl

    if kind == "int128":
        fits = max(abs(column.min()), abs(column.max())) <= SAFE
        return column.cast(pl.Int64 if fits else pl.Float64).to_numpy()
    return array_of(column.fill_null(float("nan")) if kind == v.FLOAT else column, kind)


def _keys(node: Partial, first: Any, given: Sequence[Any]) -> list[Value]:
    rest = iter(given)
    keys = []
    for name in node.reducer.by:
        if name is not None and not isinstance(first, Table):
            raise Untranslated("a series grouped by its own name")
        key = next(rest) if name is None else first[name]
        if not isinstance(key, Value):
            raise Untranslated("groups by a frame")
        keys.append(v.readable(key, "groups"))
    return keys


# ----------------------------------------------------------------------------------- numbers

FOLDS = ("sum", "mean", "count", "min", "max")

SPREADS = ("var", "std", "sem")


def _numbers(node: Partial, found: Any) -> PartialResult:
    import polars as pl

    reducer, (source,) = node.reducer, node.args
    name, options = reducer.name, dict(reducer.options)
    counted = options.pop("min_count", 0) or name == "mean"
    spread = name in SPREADS
    if spread:
        options.pop("ddof", None)
    if options.pop("skipna", True) not in (True, None) or options:
        raise Untranslated(f"{name} with {', '.join(options) or 'skipna=False'}")
    if name in ("len", "size"):
        width = len(found.columns) if isinstance(found, Table) and name == "size" else 1
        rows = [pl.len().alias("rows")]
        return PartialResult(
            found.base, _select, rows, lambda out: (out.item(), out.item() * width)
        )
    if name not in FOLDS and not spread:
        raise Untranslated(f"no columnar {name}")
    values = [found[name] for name in found.columns] if isinstance(found, Table) else [found]
    exprs = [pl.len().alias("rows")]
    kinds = []
    for i, value in enumerate(values):
        if name != "count" and value.kind not in NUMBERS:
            raise Untranslated(f"{name} of {value.kind}")
        whole = name == "mean" and value.kind == "int64"
        fold = "squares" if spread else "total" if whole else "sum" if name == "mean" else name
        expr, kind = atom(value, fold)
        exprs += [expr.alias(f"value {i}"), atom(value, "count")[0].alias(f"count {i}")]
        if spread:
            exprs.append(v.without_nan(value).mean().alias(f"mean {i}"))
        kinds.append(kind)

    def finish(out: Any) -> Any:
        rows = out["rows"].item()
        if not rows:
            return reducer.partial(source.meta)
        numbers = [_numbers_of(out[f"value {i}"], kind)[0] for i, kind in enumerate(kinds)]
        counts = [np.int64(out[f"count {i}"].item()) for i in range(len(kinds))]
        means = [_numbers_of(out[f"mean {i}"], v.FLOAT)[0] for i in range(len(kinds) * spread)]

        def state(meta: Any, places: Sequence[int]) -> Any:
            total, count = (_beside(meta, [some[i] for i in places]) for some in (numbers, counts))
            if spread:
                mean = _beside(meta, [means[i] for i in places])
                return count, mean, total, np.dtype(v.FLOAT)
            return (total, count if counted else None) if name in ("sum", "mean") else total

        meta = source.meta
        if meta.ndim == 1 or name == "count":
            return rows, state(meta, range(len(kinds)))
        places = places_by_kind(meta)
        states = [state(meta.iloc[:, list(some)], some) for some in places]
        return rows, ByKind(meta.columns, places, states)

    return PartialResult(found.base, _select, exprs, finish)


def _select(frame: Any, exprs: Any) -> Any:
    return frame.select(exprs)


NUMBERS = frozenset([v.FLOAT, "int64"])


def _beside(meta: Any, numbers: Sequence[Any]) -> Any:
    """The number of a series, or those of a frame by column."""
    return pd.Series(list(numbers), index=meta.columns) if meta.ndim == 2 else numbers[0]
