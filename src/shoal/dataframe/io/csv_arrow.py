"""Plain CSV read by Arrow: in less time than by pandas, and text without an object a cell.

Arrow reads what pandas would read in the same way: numbers, truth values and text of known dtypes,
the same spellings of missing values, the same quotes.  Whatever is not plain (an option that
changes how cells are read, a missing value among whole numbers, a ragged line, a cell that is no
number) is left to pandas, which then reads it, or says what is wrong.  Both round decimal fractions
to the nearest float (pandas since 3.1), so equal text in two blocks is the same number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pandas._libs.parsers import STR_NA_VALUES

__all__ = ["has_blank_line", "has_hexadecimal", "is_plain", "may_end_in_quotes", "plain_columns"]

PLAIN_OPTIONS = frozenset(["dtype", "usecols", "sep", "delimiter", "header", "engine"])
"""Options of `pandas.read_csv` that may be given."""

MISSING = sorted(STR_NA_VALUES)
TRUE, FALSE = ["True", "TRUE", "true"], ["False", "FALSE", "false"]


def is_plain(reader: str, options: Mapping[str, Any], dtypes: Mapping[Any, Any]) -> bool:
    """Whether Arrow reads files as pandas does.

    Parameters
    ----------
    reader
        The name of pandas' function.
    options
        Of that function.
    dtypes
        Of all columns that are read, by name.

    Examples
    --------
    >>> is_plain("read_csv", {}, {"x": np.dtype("int64")})
    True
    >>> is_plain("read_csv", {"parse_dates": ["x"]}, {"x": np.dtype("M8[s]")})
    False
    """
    given = {name for name, value in options.items() if value is not None}
    if reader not in ("read_csv", "read_table") or not given <= PLAIN_OPTIONS:
        return False
    if options.get("engine") not in (None, "c") or options.get("header", "infer") not in (
        0,
        "infer",
    ):
        return False
    sep = _separator(reader, options)
    names = all(type(name) is str for name in dtypes)
    return names and type(sep) is str and len(sep) == 1 and all(map(_type_of, dtypes.values()))


def _separator(reader: str, options: Mapping[str, Any]) -> Any:
    found = options.get("sep") or options.get("delimiter")
    return found or ("\t" if reader == "read_table" else ",")


def _type_of(dtype: Any) -> Any:
    """Arrow's type of a dtype; None where there is no plain one."""
    if isinstance(dtype, pd.StringDtype):
        return (
            pa.large_string() if dtype.storage == "pyarrow" and dtype.na_value is np.nan else None
        )
    if isinstance(dtype, np.dtype) and dtype.kind == "f":
        # pandas reads all floats as wide ones, and rounds a second time for narrow ones.
        return pa.float64() if dtype.itemsize <= 8 else None
    if isinstance(dtype, np.dtype) and dtype.kind in "iub":
        return pa.from_numpy_dtype(dtype)
    return None


MOST_LETTERS = 1000
"""So many letters of a kind are looked at one by one."""


def has_hexadecimal(text: bytes) -> bool:
    r"""Whether a cell may be a number such as 0x10, which Arrow reads and pandas takes for text.

    A letter is found twenty times faster than the two characters, and tables of numbers have few.

    Parameters
    ----------
    text
        A block.

    Examples
    --------
    >>> has_hexadecimal(b"x,y\n10,0\n"), has_hexadecimal(b"x,y\n0X10,0\n")
    (False, True)
    """
    for letter in (b"x", b"X"):
        at = text.find(letter)
        for _ in range(MOST_LETTERS):
            if at < 0:
                break
            if text[at - 1 : at] == b"0":
                return True
            at = text.find(letter, at + 1)
        else:
            if text.find(b"0" + letter, max(at - 1, 0)) >= 0:
                return True
    return False


def has_blank_line(text: bytes) -> bool:
    r"""Whether a line has nothing but spaces: pandas skips it, for Arrow it is a cell.

    Where lines have several cells, Arrow reads no such line.

    Parameters
    ----------
    text
        A block.

    Examples
    --------
    >>> has_blank_line(b"x\n1\n\n2\n"), has_blank_line(b"x\n1\n \n2\n")
    (False, True)
    """
    return BLANK_LINE.search(text) is not None


BLANK_LINE = re.compile(rb"(?:^|[\r\n])[ \t]+(?:[\r\n]|$)")


MOST_RUNS = 1000
"""So many cells that are nothing but quotes are looked at."""


def may_end_in_quotes(text: bytes, separator: bytes) -> bool:
    r"""Whether a block may end within quotes, for which Arrow takes its end for that of the cell.

    Then the quotes began with the last run of an odd number of them: those behind it stand for
    themselves, two by two.  And there a cell began.

    Parameters
    ----------
    text
        A block.
    separator
        Between cells.

    Examples
    --------
    >>> may_end_in_quotes(b'x,y\n1,"a\n', b","), may_end_in_quotes(b'x,y\n1,"a"\n', b",")
    (True, False)
    """
    end = len(text)
    for _ in range(MOST_RUNS):
        end = text.rfind(b'"', 0, end) + 1
        if not end:
            return False
        start = end
        while start and text[start - 1 : start] == b'"':
            start -= 1
        if (end - start) % 2:
            return not start or text[start - 1 : start] in (separator, b"\n", b"\r")
        end = start
    return True


def plain_columns(
    text: bytes,
    reader: str,
    options: Mapping[str, Any],
    dtypes: Mapping[Any, Any],
    names: Sequence[str] | None,
) -> Any:
    """The columns of a block; None where it has to be read by pandas.

    Parameters
    ----------
    text
        The block.
    reader, options, dtypes
        As of `is_plain`, which is true of them.
    names
        Of all columns in the file; None: they stand in the first line.

    Examples
    --------
    >>> kinds = {"x": np.dtype("int64")}
    >>> plain_columns(b"y,x\\na,1\\nb,2\\n", "read_csv", {}, kinds, None).x.tolist()
    [1, 2]
    >>> plain_columns(b"x\\n1.5\\n", "read_csv", {}, kinds, None) is None
    True
    """
    from pyarrow import csv

    separator = _separator(reader, options)
    if has_hexadecimal(text) or may_end_in_quotes(text, separator.encode()):
        return None
    types = {name: _type_of(dtype) for name, dtype in dtypes.items()}
    try:
        table = csv.read_csv(
            pa.py_buffer(text),
            csv.ReadOptions(use_threads=False, block_size=len(text) + 1, column_names=names),
            csv.ParseOptions(delimiter=separator, newlines_in_values=True),
            csv.ConvertOptions(
                column_types=types,
                include_columns=list(types),
                null_values=MISSING,
                true_values=TRUE,
                false_values=FALSE,
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )
    except (pa.ArrowException, ValueError, KeyError):
        return None
    arrays = {}
    for (name, dtype), column in zip(dtypes.items(), table.columns, strict=True):
        if isinstance(dtype, pd.StringDtype):
            arrays[name] = dtype.__from_arrow__(column)
        elif column.null_count and dtype.kind != "f":
            return None
        else:
            # A copy, which may be written to.
            arrays[name] = np.array(column.to_numpy(), dtype)
    return pd.DataFrame(arrays, copy=False)
