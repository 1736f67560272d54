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
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd

__all__ = [
    "Base",
    "FLOAT",
    "INTEGERS",
    "KINDS",
    "MAYBE",
    "TIMES",
    "Untranslated",
    "Value",
    "binary",
    "compare",
    "is_number",
    "kind_of",
    "literal",
    "operator",
    "readable",
    "roots_of",
    "without_nan",
]

FLOAT = "float64"
INTEGERS = frozenset(["int8", "int16", "int32", "int64"])
TIMES = frozenset(f"datetime64[{unit}]" for unit in ("ms", "us", "ns"))
KINDS = frozenset([FLOAT, "bool", "str"]) | INTEGERS | TIMES
MAYBE = "maybe"
"""Of values of which nobody knows yet whether they can be null; it is true."""

ARITHMETIC = frozenset(["add", "sub", "mul", "truediv"])
WHOLE = frozenset(["floordiv", "mod", "pow"])
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
    origin
        The partition in memory that the rows are of, if they are of one: then there is no frame
        yet.
    filters
        What is true of the rows of that partition that are left, a tuple.

    Examples
    --------
    >>> Base(None).frame is None
    True
    """

    __slots__ = ("filters", "frame", "labels", "origin")

    def __init__(
        self, frame: Any, labels: Any = None, origin: Any = None, filters: tuple[Any, ...] = ()
    ) -> None:
        self.frame = frame
        self.labels = labels
        self.origin = origin
        self.filters = filters

    def filter(self, expr: Any) -> Base:
        """Those at which something is true.

        Parameters
        ----------
        expr
            A boolean expression without nulls.
        """
        if self.origin is None:
            return Base(self.frame.filter(expr), self.labels)
        return Base(None, None, self.origin, (*self.filters, expr))


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
        Whether it can have such values; `MAYBE` while a stage is planned.

    Examples
    --------
    >>> Value(Base(None), None, "int64").null
    False
    """

    base: Base
    expr: Any
    kind: str
    null: bool | str = False
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


def roots_of(exprs: Iterable[Any]) -> frozenset[str]:
    """The columns that expressions read.

    Parameters
    ----------
    exprs
        Of Polars.

    Examples
    --------
    >>> import polars as pl
    >>> sorted(roots_of([pl.col("0") + pl.col("2"), pl.len()]))
    ['0', '2']
    """
    return frozenset([name for expr in exprs for name in expr.meta.root_names()])


def readable(value: Value, what: str) -> Value:
    """A value that something may be computed of: others are only handed on.

    Parameters
    ----------
    value
        Any.
    what
        Is computed.

    Raises
    ------
    Untranslated
        Its dtype has no exact equivalent.

    Examples
    --------
    >>> readable(Value(Base(None), None, "int64"), "sum").kind
    'int64'
    """
    if value.kind not in KINDS:
        raise Untranslated(f"{what} of {value.kind}")
    return value


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
    if not values:
        raise Untranslated(f"{node.op} of scalars")
    base = values[0].base
    if any(value.base is not base for value in values):
        raise Untranslated(f"{node.op} of different rows")
    if node.op == "invert" and values[0].kind == "bool":
        return dataclasses.replace(values[0], expr=~values[0].expr)
    if node.op in ("neg", "abs") and values[0].kind in (FLOAT, "int64"):
        expr = -values[0].expr if node.op == "neg" else values[0].expr.abs()
        return dataclasses.replace(values[0], expr=expr)
    if len(args) != 2:
        raise Untranslated(f"operator {node.op}")
    return binary(node.op, args, base, str(getattr(node.meta, "dtype", "")))


def binary(op: str, args: list[Any], base: Base, kind: str) -> Value:
    """What an operator makes of two operands.

    Parameters
    ----------
    op
        Its name, as the module `operator` has it.
    args
        Values, or plain; at least one value.
    base
        The rows of the values.
    kind
        The pandas dtype of what it gives.

    Examples
    --------
    >>> import polars as pl
    >>> base = Base(None)
    >>> binary("add", [Value(base, pl.col("x"), "int64"), 1], base, "int64").kind
    'int64'
    """
    if op in ("and_", "or_"):
        if any(not isinstance(arg, Value) or arg.kind != "bool" for arg in args):
            raise Untranslated(f"{op} of what is not boolean")
        both = args[0].expr & args[1].expr if op == "and_" else args[0].expr | args[1].expr
        return Value(base, both, "bool")
    if op == "add" and all(
        arg.kind == "str" if isinstance(arg, Value) else type(arg) is str for arg in args
    ):
        first, second = (arg.expr if isinstance(arg, Value) else literal(arg) for arg in args)
        return Value(base, first + second, "str", _null_of(args))
    if op in WHOLE:
        return _of_whole(op, args, base)
    if op in ARITHMETIC:
        return _arithmetic(op, args, base, kind)
    if op in COMPARISONS:
        return _comparison(op, args, base)
    raise Untranslated(f"operator {op}")


def _null_of(args: list[Any]) -> bool | str:
    nulls = {arg.null for arg in args if isinstance(arg, Value)}
    return True if True in nulls else MAYBE if MAYBE in nulls else False


def _is_text(arg: Any) -> bool:
    return arg.kind == "str" if isinstance(arg, Value) else type(arg) is str


def _of_whole(op: str, args: list[Any], base: Base) -> Value:
    """Operators that are exact of whole numbers and a plain one: division by zero is not."""
    left, right = args
    if not isinstance(left, Value) or left.kind != "int64" or type(right) is not int:
        raise Untranslated(f"{op} of other than whole numbers and a plain one")
    if op == "pow" and right == 2:
        return dataclasses.replace(left, expr=left.expr * left.expr)
    if op == "pow" or not 0 < abs(right) < 2**63:
        raise Untranslated(f"{op} with {right}")
    return dataclasses.replace(left, expr=getattr(functions, op)(left.expr, literal(right)))


def _arithmetic(op: str, args: list[Any], base: Base, wanted: str) -> Value:
    numbers = (FLOAT, "int64")
    for arg in args:
        if isinstance(arg, Value):
            if arg.kind not in numbers:
                raise Untranslated(f"{op} of {arg.kind}")
        elif not is_number(arg) or (isinstance(arg, int) and abs(arg) >= 2**63):
            raise Untranslated(f"{op} with {arg!r:.40}")
    exprs = [arg.expr if isinstance(arg, Value) else literal(arg) for arg in args]
    floats = op == "truediv" or any(
        (arg.kind if isinstance(arg, Value) else type(arg).__name__) in (FLOAT, "float")
        for arg in args
    )
    kind = FLOAT if floats else "int64"
    if wanted != kind:
        raise Untranslated(f"{op} gives {wanted}")
    return Value(base, getattr(functions, op)(*exprs), kind, _null_of(args), floats)


def _comparison(op: str, args: list[Any], base: Base) -> Value:
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
    readable(left, op)
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


def is_number(value: Any) -> bool:
    """Whether something is a plain number that is finite.

    Parameters
    ----------
    value
        Anything.

    Examples
    --------
    >>> is_number(1.5), is_number(True), is_number(float("nan"))
    (True, False, False)
    """
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return plain and (isinstance(value, int) or math.isfinite(value))


def literal(value: Any) -> Any:
    """A plain value as an expression.

    Parameters
    ----------
    value
        A number or text.

    Examples
    --------
    >>> import polars as pl
    >>> pl.select(literal(5)).item()
    5
    """
    import polars as pl

    return pl.lit(value)


def _literal_like(value: Any, kind: str) -> Any:
    """A plain value to be compared with a column of some dtype."""
    import polars as pl

    if isinstance(value, np.generic) and not isinstance(value, np.datetime64):
        value = value.item()
    if kind == "str" and isinstance(value, str):
        return literal(str(value))
    if (kind == FLOAT or kind in INTEGERS) and is_number(value) and abs(value) < 2**53:
        return literal(value)
    if kind == "bool" and isinstance(value, bool):
        return literal(value)
    if kind in TIMES and isinstance(value, datetime.datetime | np.datetime64):
        stamp = pd.Timestamp(value)
        unit: Any = kind[len("datetime64[") : -1]
        if not pd.isna(stamp) and stamp.tz is None:
            try:
                # In the column's unit: Polars would otherwise compare in the coarser one.
                number = stamp.as_unit(unit, round_ok=False).asm8.astype("int64")
            except ValueError:  # it is between two moments, or out of bounds
                raise Untranslated(f"{kind} compared with {value!r:.40}") from None
            return pl.lit(int(number), dtype=pl.Int64).cast(pl.Datetime(unit))
    raise Untranslated(f"{kind} compared with {value!r:.40}")
