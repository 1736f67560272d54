"""Merging two partitions, setting an index, running totals, filling from neighbours."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from shoal.dataframe.kernels import cuts
from shoal.dataframe.kernels.joins import fast_merge
from shoal.dataframe.kernels.levels import labelled_by
from shoal.dataframe.kernels.reductions import with_common_categories

__all__ = [
    "Cumulate",
    "Fill",
    "FirstSorted",
    "merge_partitions",
    "set_sorted_index",
    "with_common_keys",
]


@dataclasses.dataclass(frozen=True)
class FirstSorted:
    """The first or the last rows of a frame in the order of some columns.

    Parameters
    ----------
    by, options
        As of `shoal.dataframe.nodes.moves.Sort`.
    n
        How many rows.
    last
        The last ones.

    Examples
    --------
    >>> FirstSorted(("x",), (), 1, True)(pd.DataFrame({"x": [2, 3, 1]})).x.tolist()
    [3]
    """

    by: tuple[Any, ...]
    options: tuple[tuple[str, Any], ...]
    n: int
    last: bool

    def __call__(self, item: Any) -> Any:
        """Sort, and take them; rows that are equal stay in their order.

        Parameters
        ----------
        item
            The frame.
        """
        told = {k: list(v) if isinstance(v, tuple) else v for k, v in self.options}
        rows = item.sort_values(list(self.by), kind="stable", **told)
        return rows.tail(self.n) if self.last else rows.head(self.n)


def merge_partitions(left: Any, right: Any, **options: Any) -> Any:
    """Join two partitions.

    Parameters
    ----------
    left, right
        Frames.
    **options
        Of `pandas.merge`.

    Examples
    --------
    >>> one = pd.DataFrame({"k": [1], "x": [2]})
    >>> merge_partitions(one, one, on="k").columns.tolist()
    ['k', 'x_x', 'x_y']
    """
    how = options.get("how", "inner")
    if how in ("leftsemi", "leftanti"):
        return _semi(left, right, how, options)
    left, right = with_common_keys(left, right, options)
    found = fast_merge(left, right, options)
    return pd.merge(left, right, **options) if found is None else found


def _semi(left: Any, right: Any, how: str, options: Any) -> Any:
    """The rows of the left side that have a partner, or those that have none."""
    names = options.get("right_on") or options.get("on")
    keys = right.index.to_frame(index=False) if not names else cuts.keys_of(right, names)
    keys = keys.drop_duplicates().reset_index(drop=True)
    keys.columns = [f"__right_{i}" for i in range(keys.shape[1])]
    left_names = options.get("left_on") or options.get("on")
    told = {"left_on": left_names} if left_names else {"left_index": True}
    rows = left.reset_index(drop=True).assign(__row=np.arange(len(left)))
    if not left_names:
        rows.index = left.index
    found = rows.merge(keys, how="inner", right_on=list(keys.columns), **told)["__row"]
    mask = np.zeros(len(left), dtype=bool)
    mask[found.to_numpy()] = True
    return left[mask if how == "leftsemi" else ~mask]


def with_common_keys(left: Any, right: Any, options: Any) -> tuple[Any, Any]:
    """Two frames whose categorical keys have the same categories.

    Parameters
    ----------
    left, right
        Frames.
    options
        Of `pandas.merge`.

    Examples
    --------
    >>> one, two = (pd.DataFrame({"k": pd.Categorical([v])}) for v in "ab")
    >>> a, b = with_common_keys(one, two, {"left_on": ["k"], "right_on": ["k"]})
    >>> a.k.dtype == b.k.dtype
    True
    """
    pairs = zip(options.get("left_on") or (), options.get("right_on") or (), strict=False)
    for one, other in pairs:
        if one not in left.columns or other not in right.columns:
            continue
        a, b = with_common_categories([left[one], right[other]])
        if a is not left[one] and a.dtype != left[one].dtype:
            left = left.assign(**{one: a}) if isinstance(one, str) else left
        if b.dtype != right[other].dtype:
            right = right.assign(**{other: b}) if isinstance(other, str) else right
    return left, right


def set_sorted_index(frame: Any, column: Any, drop: bool, append: bool = False) -> Any:
    """A frame indexed and sorted by a column.

    Parameters
    ----------
    frame
        A partition.
    column, drop, append
        As `pandas.DataFrame.set_index` has them.

    Examples
    --------
    >>> set_sorted_index(pd.DataFrame({"x": [2, 1]}), "x", True).index.tolist()
    [1, 2]
    """
    out = labelled_by(frame, column, drop, append)
    # After a shuffle by range the rows are in order, unless labels are missing.
    return out if out.index.is_monotonic_increasing else out.sort_index(kind="stable")


WIDE = (np.dtype("int64"), np.dtype("uint64"), np.dtype("float64"))
"""Dtypes that sums of NumPy's keep."""

LOST = {"cumsum": [np.inf, -np.inf], "cumprod": [np.inf, 0.0]}
"""Values after which running totals are NaN for good."""


@dataclasses.dataclass(frozen=True)
class Cumulate:
    """Running totals over partitions: of each its total, and from what each one starts.

    Parameters
    ----------
    name
        "cumsum", "cumprod", "cummin" or "cummax".
    skipna
        Whether missing values are passed over; otherwise all after them are missing.

    Examples
    --------
    >>> run = Cumulate("cumsum", True)
    >>> parts = [pd.Series([1, 2]), pd.Series([3])]
    >>> starts = run.starts([run.total(part) for part in parts])
    >>> [run.go_on(*pair).tolist() for pair in zip(parts, starts, strict=True)]
    [[1, 3], [6]]
    """

    name: str
    skipna: bool

    def total(self, part: Any) -> Any:
        """The total of a partition, as rows that come to it; None where it is empty.

        Parameters
        ----------
        part
            A partition.
        """
        if not len(part):
            return None
        found = self._reduced(part)
        return self._last(part) if found is None else found

    def _reduced(self, part: Any) -> Any:
        """The total without running ones, a pass in place of three; None where it may differ."""
        columns = [part] if part.ndim == 1 else [part.iloc[:, i] for i in range(part.shape[1])]
        floats = "f" if self.skipna else ""
        dtypes = [column.dtype for column in columns]
        if not all(isinstance(one, np.dtype) and one.kind in f"iu{floats}" for one in dtypes):
            return None
        with np.errstate(invalid="ignore", over="ignore"):
            found = [getattr(column, self.name.removeprefix("cum"))() for column in columns]
        # With bottleneck installed, pandas gives Python's numbers.
        totals = [np.asarray(total)[()] for total in found]
        if [total.dtype for total in totals] != dtypes or not np.isfinite(totals).all():
            return None
        labels = part.index[-1:]
        if part.ndim == 1:
            return pd.Series(totals, index=labels, dtype=part.dtype, name=part.name)
        row = pd.DataFrame({i: [total] for i, total in enumerate(totals)}, index=labels)
        return row.set_axis(part.columns, axis=1)

    def _last(self, part: Any) -> Any:
        run = getattr(part, self.name)(skipna=self.skipna)
        last = (run.ffill() if self.skipna else run).iloc[-1:]
        if not self.skipna or self.name not in LOST:
            return last
        with np.errstate(invalid="ignore"):
            whole = getattr(part, self.name.removeprefix("cum"))(skipna=True)
        if last.ndim == 1:
            return self._lost(last) if pd.isna(whole) and last.dtype.kind == "f" else last
        names = [name for name, total in whole.items() if pd.isna(total)]
        names = [name for name in names if last.dtypes[name].kind == "f"]
        if not names:
            return last
        none = 0 if self.name == "cumsum" else 1
        rows = pd.concat([last, last * 0 + none])
        for name in names:
            rows[name] = LOST[self.name]
        return rows

    def _lost(self, last: Any) -> Any:
        """Two values that make NaN of all that follow, as opposite infinities do."""
        return pd.Series(LOST[self.name], index=last.index.repeat(2), name=last.name)

    def starts(self, totals: Sequence[Any]) -> list[Any]:
        """For each partition the total of all before it; None where there is nothing before.

        Parameters
        ----------
        totals
            Of the partitions.
        """
        run = self._run([total for total in totals if total is not None])
        out: list[Any] = []
        before: Any = None
        known = 0
        for total in totals:
            out.append(before)
            if total is not None and run is not None:
                known += 1
                before = run.iloc[known - 1 : known]
            elif total is not None:
                before = total if before is None else self._last(pd.concat([before, total]))
        return out

    def _run(self, totals: Sequence[Any]) -> Any:
        """The running totals of totals, a row each; None where they are not finite numbers."""
        if not totals or not all(len(total) == 1 for total in totals):
            return None
        together = pd.concat(totals)
        dtypes = [together.dtype] if together.ndim == 1 else together.dtypes
        if not all(isinstance(one, np.dtype) and one.kind in "iuf" for one in dtypes):
            return None
        with np.errstate(invalid="ignore", over="ignore"):
            run = getattr(together, self.name)(skipna=False)
        return run if np.isfinite(run.to_numpy()).all() else None

    def go_on(self, part: Any, before: Any) -> Any:
        """A partition's running totals: those of the total before it and its rows.

        Parameters
        ----------
        part
            The partition.
        before
            From what it starts, one of `starts`.
        """
        if before is None or not len(part):
            return getattr(part, self.name)(skipna=self.skipna)
        if self.name == "cumsum" and part.ndim == 1:
            run = _summed(part, before)
            if run is not None:
                return run
        part = _as_numbers(part, before)
        return getattr(pd.concat([before, part]), self.name)(skipna=self.skipna).iloc[len(before) :]


def _summed(part: pd.Series, before: pd.Series) -> pd.Series | None:
    """Running sums without a copy of rows and labels to stand behind a total; None if it takes one.

    >>> _summed(pd.Series([1, 2]), pd.Series([5])).tolist()
    [6, 8]
    """
    if len(before) != 1 or part.dtype not in WIDE or before.dtype != part.dtype:
        return None
    values, start = part.to_numpy(), before.to_numpy()
    if part.dtype.kind == "f" and not (np.isfinite(start).all() and np.isfinite(values).all()):
        return None
    with np.errstate(over="ignore"):
        run = np.cumsum(values)
        run += start
    return pd.Series(run, index=part.index, name=part.name, copy=False)


def _as_numbers(part: Any, totals: Any) -> Any:
    """Truth values in the dtype of their totals: beside numbers, they would be objects."""
    truth = pd.api.types.is_bool_dtype
    if part.ndim == 1:
        return part.astype(totals.dtype) if truth(part.dtype) else part
    dtypes = {name: totals.dtypes[name] for name in part if truth(part.dtypes[name])}
    return part.astype(dtypes) if dtypes and part.columns.is_unique else part


@dataclasses.dataclass(frozen=True)
class Fill:
    """Missing values filled with the last or next one that is there, over partitions.

    Parameters
    ----------
    name
        "ffill" or "bfill".

    Examples
    --------
    >>> fill = Fill("ffill")
    >>> parts = [pd.Series([1.0, 2.0]), pd.Series([None, 3.0])]
    >>> starts = fill.starts([fill.total(part) for part in parts])
    >>> fill.go_on(parts[1], starts[1]).tolist()
    [2.0, 3.0]
    """

    name: str

    def total(self, part: Any) -> Any:
        """What a partition fills its neighbour with, as one row; None where it is empty.

        Parameters
        ----------
        part
            A partition.
        """
        if not len(part):
            return None
        filled = getattr(part, self.name)()
        return filled.iloc[-1:] if self.name == "ffill" else filled.iloc[:1]

    def starts(self, totals: Sequence[Any]) -> list[Any]:
        """For each partition the row that it is filled with; None where there is none.

        Parameters
        ----------
        totals
            Of the partitions.
        """
        back = self.name == "bfill"
        out: list[Any] = []
        known: Any = None
        for total in reversed(totals) if back else totals:
            out.append(known)
            if total is not None:
                known = total if known is None else self.total(self._joined(known, total))
        return out[::-1] if back else out

    def _joined(self, known: Any, part: Any) -> Any:
        return pd.concat([known, part] if self.name == "ffill" else [part, known])

    def go_on(self, part: Any, known: Any) -> Any:
        """A partition filled.

        Parameters
        ----------
        part
            The partition.
        known
            From what it starts, one of `starts`.
        """
        if known is None or not len(part):
            return getattr(part, self.name)()
        filled = getattr(self._joined(known, part), self.name)()
        return filled.iloc[1:] if self.name == "ffill" else filled.iloc[:-1]
