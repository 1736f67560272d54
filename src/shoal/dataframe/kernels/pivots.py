"""From aggregations by the keys of rows and of columns to the table that `pivot_table` gives."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["Pivot"]


@dataclasses.dataclass(frozen=True)
class Pivot:
    """How a table is laid out.

    Parameters
    ----------
    rows, columns
        How many keys are labels of rows, and of columns.
    single
        Whether one column of values was asked for by its name, so that it makes no level.
    fill_value
        What stands where nothing is.
    dropna
        Whether rows and columns without any value are left out; else there are all pairs of labels.
    sort
        Whether columns are in order.
    margins_name
        The label of the margins; None for none.
    empty
        The columns of values without rows, and the function: what a margin of nothing is.

    Examples
    --------
    >>> index = pd.MultiIndex.from_tuples([(1, "a"), (1, "b"), (2, "a")], names=["i", "c"])
    >>> agged = pd.DataFrame({"v": [5, 6, 7]}, index)
    >>> Pivot(1, 1, True, 0, True, True)(agged).values.tolist()
    [[5, 6], [7, 0]]
    """

    rows: int
    columns: int
    single: bool
    fill_value: Any
    dropna: bool
    sort: bool
    margins_name: str | None = None
    empty: Any = None

    def __call__(self, agged: Any, *margins: Any) -> Any:
        """The table.

        Parameters
        ----------
        agged
            A frame, aggregated by all keys.
        *margins
            The same by the keys of the rows, by those of the columns if there are any, and by a
            key that all rows have in common.
        """
        table = self._spread(agged)
        if self.sort:
            table = table.sort_index(axis=1)
        if self.fill_value is not None:
            table = table.fillna(self.fill_value)
        if margins:
            table = self._with_margins(table, *margins)
        if self.single and table.columns.nlevels > 1:
            table.columns = table.columns.droplevel(0)
        if not self.rows:
            table = table.T
        return table.dropna(how="all", axis=1) if self.dropna else table

    def _spread(self, agged: Any) -> Any:
        table = agged.dropna(how="all") if self.dropna and len(agged.columns) else agged
        if table.index.nlevels > 1 and self.rows:
            across = list(range(self.rows, self.rows + self.columns))
            table = table.unstack(across, fill_value=self.fill_value)
        if self.dropna:
            return table
        for axis in (0, 1):
            labels = table.axes[axis]
            if isinstance(labels, pd.MultiIndex):
                pairs = pd.MultiIndex.from_product(labels.levels, names=labels.names)
                table = table.reindex(pairs, axis=axis, fill_value=self.fill_value)
        return table

    def _with_margins(self, table: Any, by_rows: Any, *more: Any) -> Any:
        """A column for each value, and a row, of what is aggregated over the others."""
        name = self.margins_name
        for labels in (table.index, table.columns):
            first = int(labels is table.columns)
            if any(name in labels.get_level_values(i) for i in range(first, labels.nlevels)):
                raise ValueError(f'Conflicting name "{name}" in margins')
        whole = self._whole(more[-1])
        if not self.columns:
            return self._with_row(table, [whole.get(key) for key in table.columns])
        if not len(table.columns):
            return table
        by_columns = more[0]
        out, values = self._with_columns(table, by_rows)
        found: list[Any] = []
        for key, label in zip(out.columns, values, strict=True):
            if label is None:
                found.append(whole.get(key[0]))
                continue
            place = by_columns.index.get_indexer([label])[0]
            found.append(self.fill_value if place < 0 else by_columns[key[0]].iloc[place])
        return self._with_row(out, found)

    def _with_columns(self, table: Any, by_rows: Any) -> tuple[Any, list[Any]]:
        """Also the keys of each column; None for a margin."""
        pieces, labels = [], []
        places: dict[Any, list[int]] = {}
        for i, key in enumerate(table.columns.get_level_values(0)):
            places.setdefault(key, []).append(i)
        rest = ("",) * (self.columns - 1)
        for key in pd.Index(list(places)).sort_values():
            margin = (key, self.margins_name, *rest)
            piece = table.iloc[:, places[key]]
            beside = by_rows[key].reindex(table.index).rename(margin).to_frame()
            beside.columns = pd.MultiIndex.from_tuples([margin], names=table.columns.names)
            pieces += [piece, beside]
            labels += [one[1] if self.columns == 1 else one[1:] for one in piece.columns]
            labels.append(None)
        return pd.concat(pieces, axis=1), labels

    def _whole(self, total: Any) -> dict[Any, Any]:
        """The aggregations of all rows."""
        if len(total):
            return {key: total[key].iloc[0] for key in total.columns}
        values, func = self.empty
        named = func if isinstance(func, dict) else dict.fromkeys(values.columns, func)
        return {
            key: getattr(values[key], one)() if isinstance(one, str) else one(values[key])
            for key, one in named.items()
        }

    def _with_row(self, table: Any, values: list[Any]) -> Any:
        name = self.margins_name
        label = name if self.rows == 1 else (name, *itertools.repeat("", self.rows - 1))
        last = pd.Index([label]) if self.rows == 1 else pd.MultiIndex.from_tuples([label])
        index = table.index.append(last).set_names(table.index.names)
        columns = {}
        for i, value in enumerate(values):
            column = table.iloc[:, i]
            columns[i] = pd.concat([column, _one_like(value, column)], ignore_index=True)
        return pd.DataFrame(columns).set_axis(index, axis=0).set_axis(table.columns, axis=1)


def _one_like(value: Any, column: Any) -> Any:
    """A value in the dtype of a column, where it is one of it."""
    if value is None or pd.isna(value):
        plain = isinstance(column.dtype, np.dtype) and column.dtype.kind in "iub"
        return pd.Series([np.nan], dtype=None if plain else column.dtype)
    one = pd.Series([value])
    try:
        cast = one.astype(column.dtype)
    except (TypeError, ValueError):
        return one
    return cast if cast.iloc[0] == value else one
