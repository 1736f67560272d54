"""Series as Polars expressions that mean exactly what pandas means.

A `Value` is an expression over the columns of a `Base`, and what is known of it: the pandas dtype
of its node, whether it can be null and whether it can be NaN.  pandas has one kind of missing
value and Polars two, so every operation here says what it makes of both:

* comparisons with something missing are False, and True for ``!=``; Polars holds NaN for the
  largest number and equal to itself, and lets null through;
* aggregations pass over what is missing: NaN becomes null before them;
* integers and booleans that can be null are refused, since pandas holds those as other dtypes.

What has no exact equivalent is refused with `Untranslated`, whose text `explain()` shows.
"""

from __future__ import annotations

import dataclasses
import datetime
import math
import operator as functions
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from shoal.dataframe.nodes.base import FrameNode

__all__ = [
    "Base",
    "FLOAT",
    "INTEGERS",
    "Untranslated",
    "Value",
    "attribute",
    "kind_of",
    "method",
    "operator",
    "without_nan",
]

FLOAT = "float64"
INTEGERS = frozenset(["int8", "int16", "int32", "int64"])
TIMES = frozenset(f"datetime64[{unit}]" for unit in ("ms", "us", "ns"))
KINDS = frozenset([FLOAT, "bool", "str"]) | INTEGERS | TIMES

ARITHMETIC = frozenset(["add", "sub", "mul", "truediv"])
COMPARISONS = frozenset(["lt", "le", "gt", "ge", "eq", "ne"])


class Untranslated(Exception):
    """Why an operation is left to pandas.

    Examples
    --------
    >>> str(Untranslated("cumsum"))
    'cumsum'
    """


class Base:
    """Rows: a lazy frame, and the identity by which values of the same rows are told.

    Parameters
    ----------
    frame
        A Polars lazy frame.
    labels
        Values that are the labels of the rows, an expression of their numbers, or None where
        nobody asks.

    Examples
    --------
    >>> Base(None).frame is None
    True
    """

    __slots__ = ("frame", "labels")

    def __init__(self, frame: Any, labels: Any = None) -> None:
        self.frame = frame
        self.labels = labels


@dataclasses.dataclass(frozen=True)
class Value:
    """A series.

    Parameters
    ----------
    base
        Its rows.
    expr
        A Polars expression.
    kind
        Its pandas dtype, as text.
    null, nan
        Whether it can have such values.

    Examples
    --------
    >>> Value(Base(None), None, "int64").null
    False
    """

    base: Base
    expr: Any
    kind: str
    null: bool = False
    nan: bool = False

    def on(self, base: Base) -> Value:
        """The same of other rows: of some of them.

        Parameters
        ----------
        base
            The rows.
        """
        return dataclasses.replace(self, base=base)


def kind_of(dtype: Any, what: str) -> str:
    """A dtype as text, where columns of it can be translated.

    Parameters
    ----------
    dtype
        pandas'.
    what
        Named where not.

    Raises
    ------
    Untranslated
        The dtype has no exact equivalent.

    Examples
    --------
    >>> kind_of(np.dtype("int64"), "x")
    'int64'
    """
    kind = str(dtype)
    if kind not in KINDS or isinstance(dtype, pd.CategoricalDtype):
        raise Untranslated(f"{what} has dtype {kind}")
    return kind


def without_nan(value: Value) -> Any:
    """The expression with null for NaN.

    Parameters
    ----------
    value
        Any.

    Examples
    --------
    >>> without_nan(Value(Base(None), "x", "int64"))
    'x'
    """
    return value.expr.fill_nan(None) if value.nan else value.expr


# -------------------------------------------------------------------------------- operators


def operator(node: Any, args: list[Any]) -> Value:
    """An operator's value.

    Parameters
    ----------
    node
        An `Operator`.
    args
        Its operands: values, or plain.

    Examples
    --------
    >>> import polars as pl
    >>> from shoal.dataframe import from_dict
    >>> node = (from_dict({"x": [1]}, npartitions=1).x + 1).expr
    >>> operator(node, [Value(Base(None), pl.col("x"), "int64"), 1]).kind
    'int64'
    """
    values = [arg for arg in args if isinstance(arg, Value)]
    base = values[0].base
    if any(value.base is not base for value in values):
        raise Untranslated(f"{node.op} of different rows")
    if node.op == "invert" and values[0].kind == "bool":
        return dataclasses.replace(values[0], expr=~values[0].expr)
    if node.op == "neg" and values[0].kind in (FLOAT, "int64"):
        return dataclasses.replace(values[0], expr=-values[0].expr)
    if len(args) != 2:
        raise Untranslated(f"operator {node.op}")
    if node.op in ("and_", "or_"):
        if any(not isinstance(arg, Value) or arg.kind != "bool" for arg in args):
            raise Untranslated(f"{node.op} of what is not boolean")
        both = args[0].expr & args[1].expr if node.op == "and_" else args[0].expr | args[1].expr
        return Value(base, both, "bool")
    if node.op in ARITHMETIC:
        return _arithmetic(node, args, base)
    if node.op in COMPARISONS:
        return _comparison(node, args, base)
    raise Untranslated(f"operator {node.op}")


def _arithmetic(node: Any, args: list[Any], base: Base) -> Value:
    numbers = (FLOAT, "int64")
    for arg in args:
        if isinstance(arg, Value):
            if arg.kind not in numbers:
                raise Untranslated(f"{node.op} of {arg.kind}")
        elif not _is_number(arg) or (isinstance(arg, int) and abs(arg) >= 2**63):
            raise Untranslated(f"{node.op} with {arg!r:.40}")
    exprs = [arg.expr if isinstance(arg, Value) else _literal(arg) for arg in args]
    floats = node.op == "truediv" or any(
        (arg.kind if isinstance(arg, Value) else type(arg).__name__) in (FLOAT, "float")
        for arg in args
    )
    kind = FLOAT if floats else "int64"
    if str(node.meta.dtype) != kind:
        raise Untranslated(f"{node.op} gives {node.meta.dtype}")
    null = any(isinstance(arg, Value) and arg.null for arg in args)
    return Value(base, getattr(functions, node.op)(*exprs), kind, null, floats)


def _comparison(node: Any, args: list[Any], base: Base) -> Value:
    op = node.op
    if not isinstance(args[0], Value):
        mirrored = {"lt": "gt", "le": "ge", "gt": "lt", "ge": "le", "eq": "eq", "ne": "ne"}
        args, op = args[::-1], mirrored[op]
    return Value(base, compare(args[0], op, args[1]), "bool")


def compare(left: Value, op: str, right: Any) -> Any:
    """A boolean expression without nulls: whether two values compare as pandas says.

    Parameters
    ----------
    left
        A value.
    op
        Name of the operator.
    right
        A value or something plain.

    Examples
    --------
    >>> import polars as pl
    >>> x = Value(Base(None), pl.col("x"), "float64", nan=True)
    >>> pl.DataFrame({"x": [1.0, float("nan")]}).select(compare(x, "gt", 0))["x"].to_list()
    [True, False]
    """
    func: Callable[..., Any] = getattr(functions, op)
    if isinstance(right, Value):
        numeric = {FLOAT, *INTEGERS}
        if left.kind != right.kind and not {left.kind, right.kind} <= numeric:
            raise Untranslated(f"{op} of {left.kind} and {right.kind}")
        out = func(without_nan(left), without_nan(right))
        missing = left.null or left.nan or right.null or right.nan
        return out.fill_null(op == "ne") if missing else out
    out = func(left.expr, _literal_like(right, left.kind))
    if left.nan and op in ("gt", "ge"):
        out = out & left.expr.is_not_nan()
    return out.fill_null(op == "ne") if left.null else out


def meets(column: Value, op: str, value: Any) -> Any:
    """A boolean expression without nulls: whether a column meets a filter of a reader.

    Parameters
    ----------
    column
        What is read.
    op
        As of `shoal.dataframe.read_parquet`.
    value
        What it is compared with.

    Examples
    --------
    >>> import polars as pl
    >>> x = Value(Base(None), pl.col("x"), "int64", null=True)
    >>> pl.DataFrame({"x": [1, 2, None]}).select(meets(x, "!=", 2))["x"].to_list()
    [True, False, False]
    """
    if op in ("is", "is not"):
        missing = without_nan(column).is_null()
        return missing if op == "is" else ~missing
    if op in ("in", "not in"):
        found = _isin(column, {0: value}).expr
        return found if op == "in" else ~found
    out = compare(column, SYMBOLS[op], value)
    return out & column.expr.is_not_null() if op == "!=" else out


SYMBOLS = {"<": "lt", "<=": "le", ">": "gt", ">=": "ge", "==": "eq", "!=": "ne"}


def _is_number(value: Any) -> bool:
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return plain and (isinstance(value, int) or math.isfinite(value))


def _literal(value: Any) -> Any:
    import polars as pl

    return pl.lit(value)


def _literal_like(value: Any, kind: str) -> Any:
    """A plain value to be compared with a column of some dtype."""
    import polars as pl

    if isinstance(value, np.generic) and not isinstance(value, np.datetime64):
        value = value.item()
    if kind == "str" and isinstance(value, str):
        return _literal(str(value))
    if (kind == FLOAT or kind in INTEGERS) and _is_number(value) and abs(value) < 2**53:
        return _literal(value)
    if kind == "bool" and isinstance(value, bool):
        return _literal(value)
    if kind in TIMES and isinstance(value, datetime.datetime | np.datetime64):
        stamp = pd.Timestamp(value)
        unit: Any = kind[len("datetime64[") : -1]
        exact = not stamp.nanosecond and not (unit == "ms" and stamp.microsecond % 1000)
        if not pd.isna(stamp) and stamp.tz is None and exact:
            # In the column's unit: Polars would otherwise compare in the coarser one.
            return pl.lit(stamp.to_pydatetime(), dtype=pl.Datetime(unit))
    raise Untranslated(f"{kind} compared with {value!r:.40}")


# ------------------------------------------------------------------- methods and attributes


def method(node: Any, value: Any, args: list[Any], kwargs: dict[str, Any]) -> Value:
    """A method's value.

    Parameters
    ----------
    node
        A `Method`.
    value
        What it is called on.
    args, kwargs
        Its plain arguments.

    Examples
    --------
    >>> import polars as pl
    >>> from shoal.dataframe import from_dict
    >>> node = from_dict({"x": ["a"]}, npartitions=1).x.str.startswith("b").expr
    >>> method(node, Value(Base(None), pl.col("x"), "str"), ["b"], {}).kind
    'bool'
    """
    if not isinstance(value, Value):
        raise Untranslated(f"{node.method} of a frame")
    given: dict[Any, Any] = dict(enumerate(args))
    given.update((name, arg) for name, arg in kwargs.items() if arg is not None)
    translate = _METHODS.get(node.method)
    if translate is None:
        raise Untranslated(f"method {node.method}")
    out = translate(value, given)
    if out.kind != str(node.meta.dtype):
        raise Untranslated(f"{node.method} gives {node.meta.dtype}")
    return out


def _only(given: dict[Any, Any], allowed: dict[Any, Any], what: str) -> None:
    """Refuse arguments other than those that change nothing."""
    for name, value in given.items():
        if name not in allowed or allowed[name] != value or type(allowed[name]) is not type(value):
            raise Untranslated(f"{what} with {name}={value!r:.40}")


def _isin(value: Value, given: dict[Any, Any]) -> Value:
    import polars as pl

    items = given.pop(0, given.pop("values", None))
    _only(given, {}, "isin")
    plain = {"str": str, "int64": int}.get(value.kind)
    if plain is None or not isinstance(items, list | tuple | set) or not items:
        raise Untranslated(f"isin of {value.kind}")
    if any(type(item) is not plain for item in items):
        raise Untranslated("isin with values of other types")
    dtype = pl.String if plain is str else pl.Int64
    found = value.expr.is_in(pl.Series(list(items), dtype=dtype).implode())
    return Value(value.base, found.fill_null(False) if value.null else found, "bool")


def _between(value: Value, given: dict[Any, Any]) -> Value:
    low, high = given.pop(0, given.pop("left", None)), given.pop(1, given.pop("right", None))
    inclusive = given.pop(2, given.pop("inclusive", "both"))
    _only(given, {}, "between")
    if isinstance(low, Value) or isinstance(high, Value) or low is None or high is None:
        raise Untranslated("between with series")
    above = "ge" if inclusive in ("both", "left") else "gt"
    below = "le" if inclusive in ("both", "right") else "lt"
    both = compare(value, above, low) & compare(value, below, high)
    return Value(value.base, both, "bool")


def _astype(value: Value, given: dict[Any, Any]) -> Value:
    import polars as pl

    dtype = given.pop(0, given.pop("dtype", None))
    _only(given, {"copy": True, "errors": "raise"}, "astype")
    try:
        kind = str(np.dtype(dtype))
    except TypeError:  # one of pandas' own
        kind = ""
    if value.kind == kind and kind:
        return value
    if value.kind == "bool" and kind == "int64":
        return dataclasses.replace(value, expr=value.expr.cast(pl.Int64), kind=kind)
    if value.kind in INTEGERS | {"bool"} and kind == FLOAT:
        return dataclasses.replace(value, expr=value.expr.cast(pl.Float64), kind=kind)
    raise Untranslated(f"astype from {value.kind} to {dtype!r:.40}")


def _missing(wanted: bool) -> Callable[[Value, dict[Any, Any]], Value]:
    def translate(value: Value, given: dict[Any, Any]) -> Value:
        _only(given, {}, "isna")
        expr = without_nan(value)
        return Value(value.base, expr.is_null() if wanted else expr.is_not_null(), "bool")

    return translate


def _text(name: str) -> Callable[[Value, dict[Any, Any]], Value]:
    """Searches for plain text; Python and Rust disagree on what patterns mean."""

    def translate(value: Value, given: dict[Any, Any]) -> Value:
        text = given.pop(0, given.pop("pat", None))
        if value.kind != "str" or not isinstance(text, str):
            raise Untranslated(f"str.{name} of {value.kind} with {text!r:.40}")
        literal = given.pop("regex", given.pop(4, True)) is False
        _only(given, {"case": True, "flags": 0, 1: True, 2: 0}, f"str.{name}")
        if name == "contains":
            if not literal and re.escape(text).replace("\\ ", " ") != text:
                raise Untranslated("str.contains with a regular expression")
            found = value.expr.str.contains(text, literal=True)
        else:
            found = getattr(value.expr.str, name)(text)
        return Value(value.base, found.fill_null(False) if value.null else found, "bool")

    return translate


_METHODS: dict[str, Callable[[Value, dict[Any, Any]], Value]] = {
    "isin": _isin,
    "between": _between,
    "astype": _astype,
    "isna": _missing(True),
    "isnull": _missing(True),
    "notna": _missing(False),
    "notnull": _missing(False),
    "str.contains": _text("contains"),
    "str.startswith": _text("starts_with"),
    "str.endswith": _text("ends_with"),
}

_ATTRIBUTES = ("year", "month", "day", "hour", "minute", "second")


def attribute(node: FrameNode, value: Any) -> Value:
    """An attribute's value.

    Parameters
    ----------
    node
        An `Attribute`.
    value
        Of what.

    Examples
    --------
    >>> import polars as pl, pandas as pd
    >>> from shoal.dataframe import from_dict
    >>> node = from_dict({"x": pd.to_datetime(["2020-01-01"])}, npartitions=1).x.dt.year.expr
    >>> attribute(node, Value(Base(None), pl.col("x"), "datetime64[us]")).kind
    'int32'
    """
    import polars as pl

    part = node.attribute.removeprefix("dt.")
    if not isinstance(value, Value) or value.kind not in TIMES or part not in _ATTRIBUTES:
        raise Untranslated(f"attribute {node.attribute}")
    if value.null:
        raise Untranslated(f"{node.attribute} of times that may be missing")
    return Value(value.base, getattr(value.expr.dt, part)().cast(pl.Int32), "int32")
