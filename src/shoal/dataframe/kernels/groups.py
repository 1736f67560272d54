"""Aggregations by group: partial results of one partition, and how they are combined.

Every aggregation is made of *atoms* that can be folded: a mean is a sum and a count, a variance a
count, a sum and a sum of squared differences from the group's mean.  A partial result (`State`)
is a frame with a row for each group and a column for each atom, and for aggregations that need the
distinct values, these values by group.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from shoal.dataframe.kernels.cuts import split_by_codes
from shoal.dataframe.kernels.hashing import hash_codes
from shoal.dataframe.kernels.levels import has_numbered_levels, levels_of
from shoal.dataframe.kernels.reductions import concat_rows
from shoal.dataframe.kernels.totals import decimal_means, group_totals, is_decimal

__all__ = ["AGGREGATIONS", "Aggregate", "Aggregation", "GroupReducer", "State"]

AGGREGATIONS: Mapping[str, tuple[str, ...]] = {
    "sum": ("sum",),
    "count": ("count",),
    "size": ("size",),
    "min": ("min",),
    "max": ("max",),
    "first": ("first",),
    "last": ("last",),
    "prod": ("prod",),
    "any": ("any",),
    "all": ("all",),
    "mean": ("sum", "count"),
    "var": ("sum", "count", "squares"),
    "std": ("sum", "count", "squares"),
    "sem": ("sum", "count", "squares"),
    "nunique": ("distinct",),
    "list": ("values",),
}
"""The atoms of each aggregation."""

AVERAGES = ("mean", "var", "std", "sem")
"""Aggregations whose sum must not wrap: of wide columns they have the atom "total" in its place."""

FOLDS = {"count": "sum", "size": "sum"}
"""How atoms are folded, where not with themselves."""

ROWS = ("distinct", "values")
"""Atoms that keep values instead of one number a group."""


@dataclasses.dataclass(frozen=True)
class Aggregation:
    """An aggregation of the user's, as three functions of grouped series.

    Parameters
    ----------
    name
        Of the result.
    chunk
        Called with the grouped values of a partition; gives a series with a value for each group,
        or a tuple of several.
    agg
        Called with these, grouped (each series of a tuple by itself as one argument); gives the
        same kind.
    finalize
        Called with what ``agg`` gave last; the result.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"k": [1, 1, 2], "x": [1, 2, 3]}, npartitions=2)
    >>> total = Aggregation("total", lambda s: s.sum(), lambda s: s.sum())
    >>> df.groupby("k").agg(total).compute().x.tolist()
    [3, 3]
    """

    name: str
    chunk: Any
    agg: Any
    finalize: Any = None

    @property
    def __name__(self) -> str:
        return self.name

    def named_size(self) -> Any:
        """A function with this name that pandas can call to learn what the result looks like."""

        def sized(values: Any) -> float:
            return float(len(values))

        sized.__name__ = self.name
        return sized


class Aggregate(NamedTuple):
    """One column of a result.

    Parameters
    ----------
    column
        What is aggregated; None for the size of a group.
    func
        In `AGGREGATIONS`, or an `Aggregation`.
    options
        Pairs of names and values, such as ``ddof``.

    Examples
    --------
    >>> Aggregate("x", "sum").func
    'sum'
    """

    column: Any
    func: Any
    options: tuple[tuple[str, Any], ...] = ()


class State(NamedTuple):
    """A partial result.

    Parameters
    ----------
    atoms
        A frame with a row for each group; columns ``(column, atom)``, as an object index.
    rows
        Values by group, for each such column and atom.

    Examples
    --------
    >>> State(pd.DataFrame(), {}).rows
    {}
    """

    atoms: pd.DataFrame
    rows: dict[Any, Any]


@dataclasses.dataclass(frozen=True, eq=False)
class GroupReducer:
    """Aggregations of one grouping.

    Parameters
    ----------
    by
        Names of the key columns; None stands for a series that is given beside the frame.
    aggregates
        The columns of the result.
    labels
        Their names, an index; None for a result that is a series.
    name
        Of a result that is a series.
    sort, dropna, observed
        As pandas has them.
    as_index
        Whether the keys are the index of the result.
    wide
        The columns of whole numbers whose sums may need more than 64 bits.
    decimals
        Pairs: the columns of Arrow's decimals, and their dtypes.

    Examples
    --------
    >>> df = pd.DataFrame({"k": [1, 1, 2], "x": [1, 2, 3]})
    >>> total = GroupReducer(("k",), (Aggregate("x", "sum"),), None, "x")
    >>> total.final([total.partial(df), total.partial(df)]).tolist()
    [6, 6]
    """

    by: tuple[Any, ...]
    aggregates: tuple[Aggregate, ...]
    labels: Any
    name: Any = None
    sort: bool = True
    dropna: bool = True
    observed: bool = True
    as_index: bool = True
    wide: frozenset[Any] = frozenset()
    decimals: tuple[tuple[Any, Any], ...] = ()

    @property
    def title(self) -> str:
        """The names of the functions."""
        names = [getattr(one.func, "name", one.func) for one in self.aggregates]
        return "groupby-" + "-".join(dict.fromkeys(names))

    @property
    def columns(self) -> frozenset[Any]:
        """The columns that are read."""
        read = {one.column for one in self.aggregates if one.column is not None}
        return frozenset(read | {name for name in self.by if name is not None})

    def narrowed(self, wanted: frozenset[Any]) -> GroupReducer:
        """Without the columns of the result that nobody reads, but with one at least.

        Parameters
        ----------
        wanted
            Names of columns.
        """
        if self.labels is None or not self.labels.is_unique:
            return self
        kept = [i for i, label in enumerate(self.labels) if label in wanted] or [0]
        if len(kept) == len(self.aggregates):
            return self
        some = tuple([self.aggregates[i] for i in kept])
        return dataclasses.replace(self, aggregates=some, labels=self.labels[kept])

    def atoms(self) -> list[tuple[Any, str]]:
        """What is computed for each group."""
        every = [(one.column, atom) for one in self.aggregates for atom in self._atoms_of(one)]
        return list(dict.fromkeys(every))

    def _atoms_of(self, one: Aggregate) -> tuple[str, ...]:
        if isinstance(one.func, Aggregation):
            return ()
        more = ("count",) if dict(one.options).get("min_count", -1) > 0 else ()
        first, *rest = AGGREGATIONS[one.func]
        if one.func in AVERAGES and one.column in self.wide:
            first = "total"
        return (first, *rest, *more)

    def customs(self) -> list[Aggregate]:
        """Those with functions of the user's."""
        return [one for one in self.aggregates if isinstance(one.func, Aggregation)]

    def _group(self, item: Any, by: Any = None, last: bool = False) -> Any:
        """Rows by group; only at last as it was asked for.

        Where all categories make groups, a row of a missing category still tells which of the
        other keys' values there are, so it stays until then.
        """
        sort, observed = last and self.sort, self.observed or not last
        dropna = self.dropna and (self.observed or last)
        how = {"level": list(range(item.index.nlevels))} if by is None else {"by": by}
        if by is None and has_numbered_levels(item.index):
            how = {"by": levels_of(item.index)}
        return item.groupby(**how, sort=sort, dropna=dropna, observed=observed)

    def partial(self, frame: Any, *keys: Any) -> State:
        """The state of one partition.

        Parameters
        ----------
        frame
            The partition.
        *keys
            Series that stand in for the None of ``by``.
        """
        given = iter(keys)
        by = [next(given) if name is None else name for name in self.by]
        if isinstance(frame, pd.Series):
            frame = frame.to_frame(self.aggregates[0].column)
        grouped = self._group(frame, by)
        atoms: dict[int, Any] = {}
        rows: dict[Any, Any] = {}
        for number, (column, atom) in enumerate(self.atoms()):
            if atom == "size":
                atoms[number] = grouped.size()
            elif atom == "squares":
                spread = grouped[column].var(ddof=0)
                spread = spread.astype("float64") if spread.dtype == object else spread
                atoms[number] = spread * grouped[column].count()
            elif atom == "total":
                atoms[number] = group_totals(grouped, column)
            elif atom in ROWS:
                rows[column, atom] = _values(grouped, frame, column, atom)
            else:
                atoms[number] = getattr(grouped[column], atom)()
        for i, one in enumerate(self.customs()):
            rows["custom", i] = _as_frame(one.func.chunk(grouped[one.column]))
        index = None if atoms else grouped.size().index
        return State(pd.DataFrame(atoms, index=index), rows)

    def combine(self, states: Sequence[State], last: bool = False) -> State:
        """Several states as one.

        Parameters
        ----------
        states
            At least one.
        last
            Whether no more come: sorted, and with all categories where that was asked for.  Before,
            those that are not there yet may come, and their missing values would make floats of
            whole numbers.
        """
        together = concat_rows([state.atoms for state in states])
        grouped = self._group(together, last=last)
        out: dict[int, Any] = {}
        numbers = {key: i for i, key in enumerate(self.atoms())}
        for (column, atom), number in numbers.items():
            if atom == "squares":
                moved = self._squares(together, number, numbers, column)
                # Grouped as the others are: labels that are missing do not meet their like again.
                out[number] = self._group(moved, last=last).sum()
            elif atom == "total":
                out[number] = group_totals(grouped, number)
            elif atom not in ROWS:
                # A sum that is missing has met opposite infinities: so is that of the group.
                floats = getattr(together.dtypes[number], "kind", "") == "f"
                told = {"skipna": False} if floats and atom in ("sum", "prod") else {}
                out[number] = getattr(grouped[number], FOLDS.get(atom, atom))(**told)
        index = None if out else grouped.size().index
        rows = {key: concat_rows([state.rows[key] for state in states]) for key in states[0].rows}
        for i, one in enumerate(self.customs()):
            pieces = self._group(rows["custom", i], last=last)
            rows["custom", i] = _as_frame(one.func.agg(*(pieces[c] for c in pieces.obj.columns)))
        return State(pd.DataFrame(out, index=index), rows)

    def _squares(self, parts: Any, number: int, numbers: Mapping[Any, int], column: Any) -> Any:
        """Sums of squares that add up, each moved from its own mean to the common one."""
        count, wide = parts[numbers[column, "count"]], column in self.wide
        total = parts[numbers[column, "total" if wide else "sum"]]
        if wide or total.dtype == object or is_decimal(total.dtype):
            total = total.astype("float64")
        by_group = self._group(pd.DataFrame({"n": count, "s": total}))
        sums = by_group[["n", "s"]].transform("sum")
        with np.errstate(invalid="ignore", divide="ignore"):
            delta = (_mean(total, count) - _mean(sums["s"], sums["n"])).where(count > 0, 0.0)
        return parts[number].fillna(0.0) + count * delta * delta

    def final(self, states: Sequence[State]) -> Any:
        """The result.

        Parameters
        ----------
        states
            At least one.
        """
        state = self.combine(states, last=True)
        numbers = {key: i for i, key in enumerate(self.atoms())}
        columns = [self._result(one, state, numbers) for one in self.aggregates]
        if self.labels is None:
            out = columns[0].rename(self.name)
        else:
            out = pd.DataFrame(dict(enumerate(columns)), index=state.atoms.index)
            out.columns = self.labels
        return out if self.as_index else self._with_keys(out)

    def _with_keys(self, out: Any) -> Any:
        """The keys as columns, but for those whose place an aggregation of them has."""
        taken = [] if isinstance(out.columns, pd.MultiIndex) else list(out.columns)
        levels = [i for i, name in enumerate(out.index.names) if name in taken]
        if not levels:
            return out.reset_index()
        rest = [i for i in range(out.index.nlevels) if i not in levels]
        return out.reset_index(rest).reset_index(drop=True)

    def _result(self, one: Aggregate, state: State, numbers: Mapping[Any, int]) -> Any:
        atoms, options = state.atoms, dict(one.options)
        if isinstance(one.func, Aggregation):
            parts = state.rows["custom", self.customs().index(one)]
            columns = [parts[name] for name in parts.columns]
            return one.func.finalize(*columns) if one.func.finalize else columns[0]
        kind = self._atoms_of(one)
        if kind[0] in ROWS:
            return self._of_values(one, state)
        first = atoms[numbers[one.column, kind[0]]]
        if one.func == "mean":
            count = atoms[numbers[one.column, "count"]]
            if is_decimal(first.dtype):
                return decimal_means(first, count, dict(self.decimals)[one.column])
            return _as_narrow(_mean(first, count), first.dtype)
        if "squares" in kind:
            count = atoms[numbers[one.column, "count"]]
            objects = first.dtype == object
            if objects or is_decimal(first.dtype):
                first = first.astype("float64" if objects else pd.ArrowDtype(pa.float64()))
            free = count - options.get("ddof", 1)
            # Folded sums of squares pass over the NaN that an infinite value makes of them.
            known = (free > 0) & (first - first == 0)
            out = (atoms[numbers[one.column, "squares"]] / free).where(known)
            if one.func == "sem":
                out = out / count
            if one.func == "var":
                # Of Python's numbers pandas gives objects again, but floats as spreads.
                return out.astype(object) if objects else _as_narrow(out, first.dtype)
            return _as_narrow(np.sqrt(out), first.dtype)
        if options.get("min_count", -1) > 0:
            count = atoms[numbers[one.column, "count"]]
            enough = count >= options["min_count"]
            # Truth with gaps is floats in pandas, and not objects.
            gaps = first.dtype == bool and not enough.all()
            return (first.astype(float) if gaps else first).where(enough)
        return first

    def _of_values(self, one: Aggregate, state: State) -> Any:
        values = state.rows[one.column, self._atoms_of(one)[0]]
        grouped = self._group(values, last=True)
        if one.func == "list":
            return grouped.agg(list).reindex(state.atoms.index)
        return grouped.nunique().reindex(state.atoms.index, fill_value=0)

    def split(self, count: int) -> GroupSplit:
        """How states are cut, so that each group's parts meet.

        Parameters
        ----------
        count
            How many pieces.
        """
        return GroupSplit(count)


def _mean(total: Any, count: Any) -> Any:
    """Python's own numbers cannot be divided by the zero of a group without values."""
    if total.dtype == object:
        return (total.astype("float64") / count.where(count > 0)).astype(object)
    return total / count


def _as_narrow(values: Any, dtype: Any) -> Any:
    """Means and the like of narrow floats, which are as narrow in pandas; others as they are."""
    return values.astype(dtype) if str(dtype) in ("float32", "Float32") else values


def _as_frame(item: Any) -> Any:
    """What a function of the user's gave: a column for each series."""
    if isinstance(item, tuple | list):
        return pd.concat([pd.Series(one) for one in item], axis=1, keys=range(len(item)))
    return item.to_frame(0)


def _values(grouped: Any, frame: Any, column: Any, atom: str) -> Any:
    """A column's values, indexed by the group of their row."""
    codes = grouped.ngroup()
    kept = (codes >= 0).to_numpy() & codes.notna().to_numpy()
    order = grouped.size().index
    # Groups are numbered as they stand in the index of an aggregation.
    index = order.take(codes[kept].to_numpy().astype(np.int64))
    values = pd.Series(frame[column].array[kept], index=index, name=column)
    if atom == "values":
        return values
    keys = codes[kept].to_numpy()
    again = pd.DataFrame({"k": keys, "v": values.array}).duplicated().to_numpy()
    return values[~again]


@dataclasses.dataclass(frozen=True)
class GroupSplit:
    """Cuts states by the hash of the keys.

    Parameters
    ----------
    count
        How many pieces.

    Examples
    --------
    >>> len(GroupSplit(3)(State(pd.DataFrame({0: [1, 2]}), {})))
    3
    """

    count: int

    def __call__(self, state: State) -> list[State]:
        """Cut a state.

        Parameters
        ----------
        state
            The state.
        """
        atoms = self._cut(state.atoms)
        rows = {key: self._cut(values) for key, values in state.rows.items()}
        return [
            State(atoms[i], {key: pieces[i] for key, pieces in rows.items()})
            for i in range(self.count)
        ]

    def _cut(self, item: Any) -> list[Any]:
        return split_by_codes(item, hash_codes(item.index, self.count), self.count)
