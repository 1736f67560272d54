"""Partitions that others make, held to what was said of them.

Plans rest on the schema of a frame: columns are chosen by it, and partitions are put together as if
they all had it.  A partition with other columns, or text where there are numbers, gives a wrong
result or fails far from where it came from.  So it is looked at where it comes in: its columns, in
their order, and the family of each one's dtype.  Within a family pandas converts when partitions
are put together (integers and floats of any width, texts in any dtype, moments in any unit,
categories of any values), and nothing is refused.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from shoal.dataframe.meta import MetaError

__all__ = ["Held", "Verified", "check_kinds", "differences", "family"]

ARROW_TEXTS = ("string[pyarrow]", "large_string[pyarrow]")

PANDAS = (pd.DataFrame, pd.Series, pd.Index)


def family(dtype: Any) -> str:
    """What has a common dtype when pandas puts it together, in a word.

    Parameters
    ----------
    dtype
        Of a column.

    Examples
    --------
    >>> family(np.dtype("int8")), family(pd.Float64Dtype()), family(pd.CategoricalDtype(["a"]))
    ('number', 'number', 'category')
    """
    if isinstance(dtype, pd.CategoricalDtype):
        return "category"
    if isinstance(dtype, pd.StringDtype) or dtype == np.dtype(object) or str(dtype) in ARROW_TEXTS:
        return "text"
    if isinstance(dtype, pd.DatetimeTZDtype):
        return f"moment in {dtype.tz}"
    if dtype.kind in "iuf":
        return "number"
    return str(dtype.kind) if isinstance(dtype, np.dtype) or dtype.kind == "b" else str(dtype)


def differences(part: Any, meta: Any) -> list[tuple[str, str, str]]:
    """Where a partition is not what was said: name of the column, dtype found, dtype expected.

    Parameters
    ----------
    part
        The partition.
    meta
        Of the same type.

    Examples
    --------
    >>> differences(pd.DataFrame({"x": ["a"], "y": [1]}), pd.DataFrame({"x": [1.0], "z": [2]}))
    [("'x'", 'str', 'float64'), ("'z'", '-', 'int64'), ("'y'", 'int64', '-')]
    """
    if not isinstance(meta, pd.DataFrame):
        return _unlike("", part, meta, len(part))
    found: list[tuple[str, str, str]] = []
    for name in meta.columns.unique():
        if name in part.columns:
            ours, theirs = meta.loc[:, [name]].dtypes, part.loc[:, [name]].dtypes
            pairs = zip(theirs, ours, strict=False)
            found += [one for pair in pairs for one in _unlike(repr(name), *pair, len(part))]
        else:
            found.append((repr(name), "-", str(meta.loc[:, [name]].dtypes.iloc[0])))
    more = [name for name in part.columns.unique() if name not in meta.columns]
    found += [(repr(name), str(part.loc[:, [name]].dtypes.iloc[0]), "-") for name in more]
    return found


def _unlike(name: str, found: Any, expected: Any, rows: int) -> list[tuple[str, str, str]]:
    one, other = getattr(found, "dtype", found), getattr(expected, "dtype", expected)
    # Of no rows nothing is known: an empty list becomes a column of objects.
    if one == other or not rows or family(one) == family(other):
        return []
    return [(name, str(one), str(other))]


@dataclasses.dataclass(frozen=True, eq=False)
class Verified:
    """Gives a partition back if it is what was said of it.

    Parameters
    ----------
    meta
        What was said.
    source
        The function that the user called.

    Raises
    ------
    MetaError
        It is not: with a table of what is different, and what to do.

    Examples
    --------
    >>> Verified(pd.Series([], dtype=float), "from_delayed")(pd.Series([1]), 0).tolist()
    [1]
    """

    meta: Any
    source: str

    def __call__(self, part: Any, number: int) -> Any:
        """Look at a partition.

        Parameters
        ----------
        part
            It.
        number
            Which it is.
        """
        meta = self.meta
        kind = next((one for one in PANDAS if isinstance(meta, one)), object)
        if not isinstance(part, kind):
            if not (np.isscalar(part) or part is None or isinstance(part, PANDAS)):
                return part  # another library's
            got, wanted = _type_name(part), _type_name(meta)
            raise MetaError(
                f"{self._begin(number)}\n\nExpected partition of type `{wanted}` but got `{got}`"
                f"\n{self._advice()}"
            )
        if isinstance(part, pd.DataFrame) and part.columns.equals(meta.columns):
            same = all(one == other for one, other in zip(part.dtypes, meta.dtypes, strict=True))
            if same:
                return part
        wrong = differences(part, meta)
        if wrong:
            raise MetaError(
                f"{self._begin(number)}\n\nPartition type: `{_type_name(part)}`\n"
                f"{table(wrong)}\n{self._advice()}"
            )
        if isinstance(part, pd.DataFrame) and part.columns.tolist() != meta.columns.tolist():
            raise MetaError(
                f"{self._begin(number)} The columns in the computed data do not match the columns "
                "in the provided metadata. Order of columns does not match.\n"
                f"Actual:   {part.columns.tolist()}\nExpected: {meta.columns.tolist()}\n"
                f"{self._advice()}"
            )
        return part

    def _begin(self, number: int) -> str:
        return (
            f"Metadata mismatch found in `{self.source}`: partition {number} is not as meta says."
        )

    def _advice(self) -> str:
        return (
            "Convert it where it is made (astype, reindex), or pass meta= that is like all "
            "partitions; verify_meta=False takes them as they are"
        )

    def __shoal_tokenize__(self) -> Any:
        return self.meta, self.source


def check_kinds(part: Any, meta: Any, source: str) -> None:
    """Refuse text, numbers or times where a user's ``meta`` promised another one of these.

    Less is asked than of partitions that somebody else makes (`Verified`): functions of values give
    other dtypes for other values.  Objects and categories may be anything, truth values are
    numbers, and a column of missing values alone fits everything.

    Parameters
    ----------
    part
        What a function of the user's returned for a partition.
    meta
        What was said of it.
    source
        The function, for the message.

    Raises
    ------
    MetaError
        It is not so: with a table of what is different, and what to do.

    Examples
    --------
    >>> check_kinds(pd.Series([1]), pd.Series([], dtype=float), "f")
    """
    if isinstance(meta, pd.DataFrame) and isinstance(part, pd.DataFrame):
        if not part.columns.equals(meta.columns):
            return
        columns = enumerate(zip(part.dtypes, meta.dtypes, strict=True))
        places = [i for i, (found, told) in columns if _clash(found, told)]
        wrong = [(repr(part.columns[i]), part.iloc[:, i], meta.dtypes.iloc[i]) for i in places]
    elif isinstance(meta, pd.Series) and isinstance(part, pd.Series):
        wrong = [(repr(meta.name), part, meta.dtype)] if _clash(part.dtype, meta.dtype) else []
    else:
        _check_class(part, meta, source)
        return
    found = [(name, str(some.dtype), str(told)) for name, some, told in wrong if some.notna().any()]
    if found:
        raise MetaError(
            f"{source!r} returned other dtypes for a partition than its meta says (the note below "
            f"has the partition's number)\n{table(found)}\nPass meta= that is like what it "
            "returns, or convert that with astype"
        )


def _check_class(part: Any, meta: Any, source: str) -> None:
    """Refuse a series for a frame, and a frame for a series, that have rows."""
    kinds = pd.DataFrame | pd.Series
    if isinstance(part, kinds) and isinstance(meta, kinds) and len(part):
        rows = str(part.head(3))
        raise MetaError(
            f"{source!r} returned a {type(part).__name__} for a partition, and meta is a "
            f"{type(meta).__name__}; pass meta= that is like what it returns, which begins:\n{rows}"
        )


def _clash(found: Any, told: Any) -> bool:
    one, other = _kind(found), _kind(told)
    return one != other and None not in (one, other)


def _kind(dtype: Any) -> str | None:
    """Number, text, moment or duration; None where anything may be."""
    if isinstance(dtype, pd.StringDtype) or str(dtype) in ARROW_TEXTS:
        return "text"
    kind = getattr(dtype, "kind", "O")
    return "number" if kind in "biufc" else str(kind) if kind in "mM" else None


class Held:
    """A function whose results are held to the kinds of dtypes that were said of them.

    Parameters
    ----------
    func
        The function.
    meta
        What it is said to return.
    source
        What the user called, for the message.

    Examples
    --------
    >>> Held(pd.Series, pd.Series([], dtype=float), "map")([1]).tolist()
    [1]
    """

    def __init__(self, func: Callable[..., Any], meta: Any, source: str) -> None:
        self.func = func
        self.meta = meta
        self.source = source
        self.__name__ = getattr(func, "__name__", source)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        out = self.func(*args, **kwargs)
        check_kinds(out, self.meta, self.source)
        return out

    def __shoal_tokenize__(self) -> Any:
        return self.func, self.meta, self.source


def _type_name(item: Any) -> str:
    kind = type(item)
    if isinstance(item, PANDAS):
        return f"pandas.{kind.__name__}"
    return str(kind.__name__)


def table(rows: list[tuple[str, str, str]]) -> str:
    """Differences, drawn.

    Parameters
    ----------
    rows
        As of `differences`.

    Examples
    --------
    >>> print(table([("'x'", "str", "float64")]))
    +--------+-------+----------+
    | Column | Found | Expected |
    +--------+-------+----------+
    | 'x'    | str   | float64  |
    +--------+-------+----------+
    """
    head = ("Column", "Found", "Expected")
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    rule = "+" + "+".join("-" * (width + 2) for width in widths) + "+"
    lines = [
        "| " + " | ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) + " |"
        for row in (head, *rows)
    ]
    return "\n".join([rule, lines[0], rule, *lines[1:], rule])
