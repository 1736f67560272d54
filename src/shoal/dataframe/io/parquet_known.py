"""What the footers of Parquet files say of the values in them, where that is the answer itself.

A footer has for each column of each row group how many values are missing, and between which the
others are.  To leave out row groups any such bounds will do; here they are told as values of the
column, so only where they are exactly what pandas would find:

- Whole numbers, truth values and times are stored as they are.
- Text may be cut short by writers, and floats have NaN, which writers count or skip or are misled
  by.  Arrow leaves out what is too long, and skips NaN; other writers are not asked.
- Two zeros are told as -0.0 and 0.0, whichever there are: a float bound of 0 is not known.
- NaN are no nulls, and missing in pandas: floats are not counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from shoal.dataframe.columnar.scan import NOT_A_TIME, ends_of
from shoal.dataframe.io.parquet_plan import MOST_FOOTERS, Dataset, open_footer

__all__ = ["column_bounds", "count_values"]

EXACT_WRITER = "parquet-cpp-arrow"
"""Whose bounds of text and floats are believed."""

IS_BOUND: Sequence[Callable[[Any], bool]] = (
    pa.types.is_integer,
    pa.types.is_boolean,
    pa.types.is_timestamp,
)
"""Types whose bounds are exact, whoever wrote them."""

IS_BOUND_BY_ARROW: Sequence[Callable[[Any], bool]] = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_float32,
    pa.types.is_float64,
)
"""Types whose bounds are exact where Arrow wrote them."""

IS_COUNTED: Sequence[Callable[[Any], bool]] = (
    *(pa.types.is_integer, pa.types.is_boolean, pa.types.is_timestamp, pa.types.is_date),
    *(pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_time),
)
"""Types whose missing values are nulls, and nothing else."""


class Told(NamedTuple):
    """What is told of a column of one row group.

    Parameters
    ----------
    rows, nulls
        How many.
    ends
        The least and the largest value; None where all are missing, and where nobody asked.

    Examples
    --------
    >>> Told(3, 1, (4, 5)).nulls
    1
    """

    rows: int
    nulls: int
    ends: tuple[Any, Any] | None


def column_bounds(data: Dataset, columns: Sequence[Any]) -> pd.DataFrame | None:
    """The least and the largest value of some columns, from the footers.

    Parameters
    ----------
    data
        The data set.
    columns
        Names.

    Returns
    -------
    pandas.DataFrame or None
        Two rows, with the dtypes of the data set; None where one of the values is not known.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from shoal.dataframe.io.parquet_plan import find
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> from_dict({"x": [3, 1, 2], "y": list("bca")}, npartitions=2).to_parquet(folder)
    >>> column_bounds(find(folder, options={})[0], ["x", "y"])
       x  y
    0  1  a
    1  3  c
    """
    told = _told(data, columns, (*IS_BOUND, *IS_BOUND_BY_ARROW), ends=True)
    if told is None:
        return None
    found = {}
    for name in columns:
        ends = [one.ends for one in told[name] if one.ends is not None]
        if not ends:
            return None
        low, high = min(low for low, _ in ends), max(high for _, high in ends)
        if isinstance(low, float) and 0 in (low, high):
            return None
        found[name] = pa.array([low, high], data.schema.field(name).type)
    table = pa.table(found).replace_schema_metadata(data.schema.metadata)
    frame = data.conversion.frame(table, ())
    alike = (frame.dtypes == data.meta.dtypes[list(columns)]).all()
    return frame if alike and frame.notna().all(axis=None) else None


def count_values(data: Dataset, columns: Sequence[Any]) -> pd.Series | None:
    """How many values of some columns are not missing, from the footers.

    Parameters
    ----------
    data
        The data set.
    columns
        Names.

    Returns
    -------
    pandas.Series or None
        By column; None where one of the numbers is not known.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> from shoal.dataframe.io.parquet_plan import find
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> from_dict({"x": [3, 1, 2], "y": ["b", None, "a"]}, npartitions=2).to_parquet(folder)
    >>> count_values(find(folder, options={})[0], ["x", "y"]).to_dict()
    {'x': 3, 'y': 2}
    """
    told = _told(data, columns, IS_COUNTED)
    if told is None:
        return None
    counts = [sum(one.rows - one.nulls for one in told[name]) for name in columns]
    return pd.Series(counts, index=data.meta[list(columns)].columns, dtype="int64")


def _told(
    data: Dataset,
    columns: Sequence[Any],
    kinds: Sequence[Callable[[Any], bool]],
    ends: bool = False,
) -> dict[Any, list[Told]] | None:
    """What is told of each row group that has rows; None as soon as something is not."""
    kept = [name for name in columns if name not in data.partition_columns]
    if len(data.pieces) > MOST_FOOTERS or not kept or len(kept) < len(columns):
        return None
    types = {name: data.schema.field(name).type for name in columns}
    if not all(any(is_kind(one) for is_kind in kinds) for one in types.values()):
        return None
    told: dict[Any, list[Told]] = {name: [] for name in columns}
    footers: dict[str, Any] = {}
    for piece in data.pieces:
        footer = open_footer(data.fs, piece.path, footers)
        schema = footer.schema.to_arrow_schema()
        if footer.schema.names != schema.names or len(set(schema.names)) < len(schema.names):
            return None  # nested columns, of which each has several here
        for name, type_ in types.items():
            place = schema.get_field_index(name)
            # Another file may have another type, of which the data set's is made.
            if place < 0 or schema.field(place).type != type_:
                return None
            numbers = range(footer.num_row_groups) if piece.row_groups is None else piece.row_groups
            found = [_told_of(footer, number, place, type_, ends) for number in numbers]
            some = [one for one in found if one is not None]
            if len(some) < len(found) or _is_refused(data.meta.dtypes[name], some):
                return None
            told[name] += [one for one in some if one.rows]
    return told


def _told_of(footer: Any, number: int, place: int, type_: Any, ends: bool) -> Told | None:
    group = footer.row_group(number)
    if not group.num_rows:
        return Told(0, 0, None)
    stats = group.column(place).statistics
    if stats is None or not stats.has_null_count:
        return None
    if stats.null_count == group.num_rows:
        return Told(group.num_rows, stats.null_count, None)
    is_time = pa.types.is_timestamp(type_)
    if (ends or is_time) and not stats.has_min_max:
        return None
    if is_time and stats.min_raw == NOT_A_TIME:
        return None
    if not ends:
        return Told(group.num_rows, stats.null_count, None)
    is_exact = any(is_kind(type_) for is_kind in IS_BOUND)
    if not is_exact and not (footer.created_by or "").startswith(EXACT_WRITER):
        return None
    bounds = ends_of(stats)
    return None if bounds is None else Told(group.num_rows, stats.null_count, bounds)


def _is_refused(dtype: Any, told: Sequence[Told]) -> bool:
    """Whether reading raises an error: missing values in a dtype that has none."""
    none = isinstance(dtype, np.dtype) and dtype.kind in "iub"
    return none and any(one.nulls for one in told)
