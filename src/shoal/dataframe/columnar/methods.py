"""Methods and attributes of series as Polars expressions that mean what pandas means.

Each is a function of a `Value` and the arguments that were given; what it does not take out of them
is refused.  Left out on purpose, because Rust and Python or Arrow disagree: patterns (the grammars
differ), upper and lower case (special letters), what white space is, rounding to places.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from operator import methodcaller
from typing import Any

import numpy as np

from shoal.dataframe.columnar.values import (
    FLOAT,
    INTEGERS,
    TIMES,
    Untranslated,
    Value,
    binary,
    compare,
    is_number,
    literal,
    readable,
    without_nan,
)
from shoal.dataframe.nodes.base import FrameNode

__all__ = ["attribute", "meets", "method"]


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
    >>> from shoal.dataframe.columnar.values import Base
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
    >>> from shoal.dataframe.columnar.values import Base
    >>> from shoal.dataframe import from_dict
    >>> node = from_dict({"x": ["a"]}, npartitions=1).x.str.startswith("b").expr
    >>> method(node, Value(Base(None), pl.col("x"), "str"), ["b"], {}).kind
    'bool'
    """
    if not isinstance(value, Value):
        raise Untranslated(f"{node.method} of a frame")
    given: dict[Any, Any] = dict(enumerate(args))
    given.update((name, arg) for name, arg in kwargs.items() if arg is not None)
    if node.method in _OPERATORS:
        other = given.pop(0, given.pop("other", None))
        _only(given, {"axis": "columns"}, node.method)
        op = _OPERATORS[node.method]
        return binary(op, [value, other], value.base, str(node.meta.dtype))
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
    if plain is int and max(map(abs, items)) >= 2**63:
        raise Untranslated("isin with numbers that are too large")
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
        expr = without_nan(readable(value, "isna"))
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


def _abs(value: Value, given: dict[Any, Any]) -> Value:
    _only(given, {}, "abs")
    if value.kind not in (FLOAT, "int64"):
        raise Untranslated(f"abs of {value.kind}")
    return dataclasses.replace(value, expr=value.expr.abs())


def _fillna(value: Value, given: dict[Any, Any]) -> Value:
    filler = given.pop(0, given.pop("value", None))
    _only(given, {}, "fillna")
    fits = is_number(filler) if value.kind == FLOAT else type(filler) is str
    if value.kind not in (FLOAT, "str") or not fits:
        raise Untranslated(f"fillna of {value.kind} with {filler!r:.40}")
    plain = literal(float(filler) if value.kind == FLOAT else filler)
    return Value(value.base, without_nan(value).fill_null(plain), value.kind)


def _clip(value: Value, given: dict[Any, Any]) -> Value:
    ends = [given.pop(i, given.pop(name, None)) for i, name in enumerate(("lower", "upper"))]
    _only(given, {}, "clip")
    plain = {FLOAT: (int, float), "int64": (int,)}.get(value.kind, ())
    if any(e is not None and (type(e) not in plain or not is_number(e)) for e in ends):
        raise Untranslated(f"clip of {value.kind} to {ends}")
    readable(value, "clip")
    if None not in ends and ends[0] > ends[1]:
        raise Untranslated("clip to bounds that pandas changes for each other")
    return dataclasses.replace(value, expr=value.expr.clip(*ends))


def _len(value: Value, given: dict[Any, Any]) -> Value:
    import polars as pl

    _only(given, {}, "str.len")
    if value.kind != "str" or value.null is True:
        raise Untranslated(f"str.len of {value.kind}, or of values that are missing")
    return Value(value.base, value.expr.str.len_chars().cast(pl.Int64), "int64")


def _slice(value: Value, given: dict[Any, Any]) -> Value:
    start, stop = (given.pop(i, given.pop(n, None)) for i, n in enumerate(("start", "stop")))
    _only(given, {}, "str.slice")
    start = 0 if start is None else start
    whole = type(start) is int and (stop is None or type(stop) is int)
    if value.kind != "str" or not whole or start < 0 or (stop is not None and stop < start):
        raise Untranslated(f"str.slice of {value.kind} from {start!r} to {stop!r}")
    cut = value.expr.str.slice(start, None if stop is None else stop - start)
    return dataclasses.replace(value, expr=cut)


def _strip(name: str) -> Callable[[Value, dict[Any, Any]], Value]:
    """Characters that are named; what white space is, Rust and Arrow disagree on."""

    def translate(value: Value, given: dict[Any, Any]) -> Value:
        chars = given.pop(0, given.pop("to_strip", None))
        _only(given, {}, "str.strip")
        if value.kind != "str" or not isinstance(chars, str):
            raise Untranslated(f"str.strip of {value.kind} with {chars!r:.40}")
        return dataclasses.replace(value, expr=getattr(value.expr.str, name)(chars))

    return translate


def _replace(value: Value, given: dict[Any, Any]) -> Value:
    pat, new = (given.pop(i, given.pop(n, None)) for i, n in enumerate(("pat", "repl")))
    regex = given.pop("regex", given.pop(5, False))
    _only(given, {"n": -1, 2: -1}, "str.replace")
    plain = isinstance(pat, str) and isinstance(new, str) and pat != ""
    if value.kind != "str" or not plain or (regex is not False and re.escape(pat) != pat):
        raise Untranslated(f"str.replace of {value.kind}, or of a pattern")
    return dataclasses.replace(value, expr=value.expr.str.replace_all(pat, new, literal=True))


UNITS = {"D": "1d", "h": "1h", "min": "1m", "s": "1s"}


def _floor(value: Value, given: dict[Any, Any]) -> Value:
    unit = UNITS.get(given.pop(0, given.pop("freq", "")))
    _only(given, {"ambiguous": "raise", "nonexistent": "raise"}, "dt.floor")
    if value.kind not in TIMES or unit is None:
        raise Untranslated(f"dt.floor of {value.kind}")
    return dataclasses.replace(value, expr=value.expr.dt.truncate(unit))


def _normalize(value: Value, given: dict[Any, Any]) -> Value:
    _only(given, {}, "dt.normalize")
    return _floor(value, {0: "D"})


_OPERATORS = {
    **{name: name for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow")},
    **{name: name for name in ("lt", "le", "gt", "ge", "eq", "ne")},
    "div": "truediv",
}
"""Methods that are operators."""

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
    "str.len": _len,
    "str.slice": _slice,
    "str.strip": _strip("strip_chars"),
    "str.lstrip": _strip("strip_chars_start"),
    "str.rstrip": _strip("strip_chars_end"),
    "str.replace": _replace,
    "dt.floor": _floor,
    "dt.normalize": _normalize,
    "abs": _abs,
    "fillna": _fillna,
    "clip": _clip,
}

_ATTRIBUTES: dict[str, Callable[[Any], Any]] = {
    **{
        name: methodcaller(name)
        for name in ("year", "month", "day", "hour", "minute", "second", "microsecond", "quarter")
    },
    **dict.fromkeys(("dayofyear", "day_of_year"), methodcaller("ordinal_day")),
    **dict.fromkeys(("dayofweek", "day_of_week", "weekday"), lambda moment: moment.weekday() - 1),
}
"""Attributes of times, as functions of an expression's own accessor."""


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
    >>> from shoal.dataframe.columnar.values import Base
    >>> from shoal.dataframe import from_dict
    >>> node = from_dict({"x": pd.to_datetime(["2020-01-01"])}, npartitions=1).x.dt.year.expr
    >>> attribute(node, Value(Base(None), pl.col("x"), "datetime64[us]")).kind
    'int32'
    """
    import polars as pl

    part = node.attribute.removeprefix("dt.")
    if not isinstance(value, Value) or value.kind not in TIMES or part not in _ATTRIBUTES:
        raise Untranslated(f"attribute {node.attribute}")
    if value.null is True:
        raise Untranslated(f"{node.attribute} of times that may be missing")
    return Value(value.base, _ATTRIBUTES[part](value.expr.dt).cast(pl.Int32), "int32")
