"""`DataFrame.query` and `DataFrame.eval`: text as the expressions that operators make.

pandas' grammar is Python's, in which ``&`` and ``|`` bind as ``and`` and ``or`` do, ``@name`` is a
variable of the caller's, and a name in backticks is a column whatever characters are in it.  Text
is parsed, and computed on the collection itself: then the rules see comparisons and columns where
they would see a method with a string, and ``x > x.mean()`` is about the mean of all rows (on each
partition by itself it would be about another one in each).

Numbers are as with ``engine="python"``: numexpr, which pandas takes where it is installed, gives
sums of narrow integers more bits than they have.

What cannot be put that way stays as it is, if it looks at one row at a time; `explain` says so, and
why.  Anything else is refused.
"""

from __future__ import annotations

import ast
import datetime
import functools
import inspect
import io
import operator
import re
import tokenize
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from shoal.collection import is_collection
from shoal.dataframe.collection.base import FrameBase, from_node, nearest
from shoal.dataframe.collection.columns import has_levels
from shoal.dataframe.collection.generate import refuse_inplace
from shoal.dataframe.collection.indexing import filtered, is_mask
from shoal.dataframe.nodes.rowwise import Evaluated
from shoal.expr.annotate import current_annotations

__all__ = ["evaluate", "query"]


class OpaqueError(Exception):
    """Text that is left to pandas, row by row; the message says why."""


def query(self: Any, expr: str, **options: Any) -> Any:
    """The rows for which an expression is true.

    Parameters
    ----------
    expr
        Such as ``"x > 1 and name.str.startswith('a')"``: columns by name (in backticks where that
        is no name of Python's), ``index``, and variables of the caller's behind ``@``.
    **options
        ``local_dict`` has variables in place of the caller's; others are pandas'.

    Raises
    ------
    UndefinedVariableError
        A name is not there; with what may have been meant.
    NotImplementedError
        What the expression does is known neither of collections nor row by row.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2, 6]}, npartitions=2)
    >>> least = 2
    >>> (
    ...     df.query("x >= @least").compute().x.tolist(),
    ...     df.query("x > x.mean()").compute().x.tolist(),
    ... )
    ([2, 6], [6])
    """
    refuse_inplace("query", options)
    if not isinstance(expr, str):
        raise ValueError(f"expr must be a string to be evaluated, {type(expr)} given")
    text = Text(self, "query", expr, _variables(options, inspect.currentframe()), options)
    try:
        mask = text.value()
    except OpaqueError as why:
        return text.row_by_row(str(why))
    _check_mask(mask, expr)
    return filtered(self, mask)


def _check_mask(mask: Any, expr: str) -> None:
    """Refuse what pandas would take for labels, which it looks for in all rows."""
    if not is_mask(mask):
        told = getattr(mask, "dtype", type(mask).__name__)
        raise NotImplementedError(
            f"query({expr!r}) gives {told}, no truth value for each row; rows are found by their "
            "labels with loc"
        )


def evaluate(self: Any, expr: str, **options: Any) -> Any:
    """The value of an expression, or the frame with columns that it assigns.

    Parameters
    ----------
    expr
        Such as ``"x + y"`` or ``"z = x + y"``, also several assignments in lines; names as in
        `query`.
    **options
        ``local_dict`` has variables in place of the caller's; others are pandas'.

    Raises
    ------
    UndefinedVariableError
        A name is not there; with what may have been meant.
    NotImplementedError
        What the expression does is known neither of collections nor row by row.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2, 6]}, npartitions=2)
    >>> df.eval("y = x - x.min()").compute().y.tolist()
    [0, 1, 5]
    """
    refuse_inplace("eval", options)
    text = Text(self, "eval", expr, _variables(options, inspect.currentframe()), options)
    try:
        return text.value()
    except OpaqueError as why:
        return text.row_by_row(str(why))


def _variables(options: dict[str, Any], frame: Any) -> Mapping[str, Any]:
    """What a name behind ``@`` may mean: of the caller, where nothing else was said."""
    level = options.pop("level", 0)
    told = options.pop("local_dict", None)
    if told is not None:
        return {**(options.pop("global_dict", None) or {}), **told}
    for _ in range(level + 1):
        frame = frame.f_back
    outer = options.pop("global_dict", None)
    return {**(frame.f_globals if outer is None else outer), **frame.f_locals}


class Text:
    """What was written, and what its names mean.

    Parameters
    ----------
    frame
        Whose columns.
    method
        "query" or "eval".
    written
        The text.
    variables
        What names behind ``@`` may mean.
    options
        More of pandas'.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2]}, npartitions=1)
    >>> Text(df, "eval", "x + @y", {"y": 5, "z": 6}, {}).used
    {'y': 5}
    """

    def __init__(
        self, frame: Any, method: str, written: str, variables: Any, options: dict[str, Any]
    ) -> None:
        self.frame = frame
        self.method = method
        self.written = written
        self.options = options
        self.names: dict[str, str] = {}
        """What stands in the parsed text for names in backticks."""
        self.lines = [
            ast.parse(_as_python(line, self.names)).body for line in _lines(written, method)
        ]
        self.used = {name: variables[name] for name in self._told(LOCAL) if name in variables}
        """Variables of the caller's."""

    def _nodes(self) -> Iterator[ast.AST]:
        return (node for line in self.lines for part in line for node in ast.walk(part))

    def _told(self, prefix: str) -> list[str]:
        names = [node.id for node in self._nodes() if isinstance(node, ast.Name)]
        return [name.removeprefix(prefix) for name in names if name.startswith(prefix)]

    @property
    def assigned(self) -> list[str]:
        """Columns that it assigns."""
        parts = [part for line in self.lines for part in line if isinstance(part, ast.Assign)]
        return [target.id for part in parts for target in part.targets if type(target) is ast.Name]

    @property
    def plain(self) -> bool:
        """Whether nothing in it can be about more than a row: operators, and functions of numbers.

        Rows are all that it is about, too, where a list that is looked into is one of values.
        """
        for node in self._nodes():
            if isinstance(node, ast.Compare) and any(type(op) in MEMBER for op in node.ops):
                sides = [node.left, *node.comparators]
                if sum(_reads_columns(side) for side in sides) > 1:
                    return False
            if isinstance(node, ast.Call):
                if not (isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS):
                    return False
            elif not isinstance(node, PLAIN):
                return False
        return not any(is_collection(one) or callable(one) for one in self.used.values())

    def row_by_row(self, why: str) -> Any:
        """pandas' own method on each partition.

        Parameters
        ----------
        why
            It is not looked into, for `explain`.

        Raises
        ------
        NotImplementedError
            Where it may be about more than a row.
        """
        if not self.plain:
            raise NotImplementedError(
                f"{self.method}({self.written!r}): {why}, and on each partition by itself it may "
                "be something else than on all rows; write it with operators and methods of the "
                "frame, or use map_partitions(lambda part: ...) where a partition is enough"
            )
        # Not numexpr, whose own threads would be beside each of ours.
        told = {"engine": "python", **self.options}
        told |= {"local_dict": self.used, "global_dict": {}}
        if self.method == "query":
            _check_mask(self._expected(**told), self.written)
        args = (self.frame._node, self.written, *told.values())
        reads = None
        if not has_levels(self.frame) and self.frame.columns.is_unique:
            known = [self.names.get(name, name) for name in self._told("")]
            reads = tuple([name for name in dict.fromkeys(known) if name in self.frame.columns])
        operands = (self.method, args, tuple(told), reads, tuple(self.assigned), why)
        node = Evaluated(*operands, annotations=current_annotations())
        return from_node(node)

    def value(self) -> Any:
        """The value, made by operators and methods of collections.

        Raises
        ------
        OpaqueError
            It is better left to pandas.
        """
        unknown = [name for name, one in self.options.items() if (name, one) not in DEFAULTS]
        if unknown:
            raise OpaqueError(f"{unknown[0]}= was given")
        if has_levels(self.frame) or not self.frame.columns.is_unique:
            raise OpaqueError("the names of columns have levels, or come twice")
        told = {"local_dict": self.used, "global_dict": {}, "engine": "python"}
        expected = self._expected(**told) if self.plain else None
        out = self.frame
        for line in self.lines:
            (part,) = line
            found = Evaluation(out, self.used, self.names).of(getattr(part, "value", part))
            out = out._assigned({self.assigned_by(part): found}) if _assigns(part) else found
        if self.plain and not _looks_like(out, expected):
            raise OpaqueError("pandas makes another dtype of it")
        return out

    def assigned_by(self, part: Any) -> str:
        """The column that a line assigns."""
        name: str = part.targets[0].id
        return self.names.get(name, name)

    def _expected(self, **options: Any) -> Any:
        """What pandas makes of no rows; it says what is wrong with names and operators."""
        try:
            return self.frame._meta.eval(self.written, **options)
        except pd.errors.UndefinedVariableError as error:
            raise _with_nearest(error, self.frame) from None


def _with_nearest(error: Exception, frame: Any) -> Exception:
    if str(error).startswith("local"):
        return error
    name = next(iter(re.findall("'(.*)'", str(error))), "")
    error.args = (f"{error}{nearest(name, frame.columns)}",)
    return error


def _looks_like(found: Any, expected: Any) -> bool:
    """Whether a collection, or a value, has the schema that pandas expects."""
    if not isinstance(found, FrameBase) or not found.ndim:
        return not hasattr(expected, "dtype") or not getattr(expected, "ndim", 0)
    meta = found._meta
    if type(meta) is not type(expected):
        return False
    if meta.ndim == 2:
        same = meta.columns.equals(expected.columns)
        return same and bool((meta.dtypes == expected.dtypes).all())
    return bool(meta.dtype == expected.dtype) and meta.name == expected.name


# ----------------------------------------------------------------------------------- grammar

LOCAL = "_shoal_local_"
QUOTED = "_shoal_quoted_"


def _lines(written: str, method: str) -> list[str]:
    lines = [line.strip() for line in written.splitlines() if line.strip()]
    if not lines:
        raise ValueError("expr cannot be an empty string")
    return lines if method == "eval" else [" ".join(lines)]


def _as_python(line: str, names: dict[str, str]) -> str:
    """Text that Python parses: other operators, and names for what is none.

    Parameters
    ----------
    line
        In pandas' grammar.
    names
        Takes what was in backticks, by what stands for it.

    Examples
    --------
    >>> names = {}
    >>> _as_python("a > 1 & `b c` < @d", names), names
    ('a > 1 and _shoal_quoted_0 < _shoal_local_d', {'_shoal_quoted_0': 'b c'})
    """
    out: list[str] = []
    local = ""
    for token in tokenize.generate_tokens(io.StringIO(_unquoted(line, names)).readline):
        if token.type in (tokenize.NEWLINE, tokenize.NL, tokenize.ENDMARKER):
            continue
        if token.type == tokenize.OP and token.string == "@" and not local:
            local = LOCAL
            continue
        text = WORDS.get(token.string, token.string) if token.type == tokenize.OP else token.string
        out.append(local + text)
        local = ""
    return " ".join(out)


WORDS = {"&": "and", "|": "or"}


def _unquoted(line: str, names: dict[str, str]) -> str:
    """Text in which a name stands for what is in backticks, unless these are in a string."""

    def stand_in(found: re.Match[str]) -> str:
        name = found.group(1)
        if name is None:
            return found.group(0)
        key = f"{QUOTED}{len(names)}"
        names[key] = name.replace("``", "`")
        return key

    return re.sub(PIECES, stand_in, line)


PIECES = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`((?:``|[^`])+)`""")

PLAIN = (
    *(ast.Expr, ast.Assign, ast.Name, ast.Constant, ast.List, ast.Tuple, ast.BoolOp, ast.BinOp),
    *(ast.UnaryOp, ast.Compare, ast.expr_context, ast.boolop, ast.operator, ast.unaryop, ast.cmpop),
)

MEMBER = (ast.In, ast.NotIn)

FUNCTIONS = frozenset(
    ["sin", "cos", "tan", "exp", "log", "expm1", "log1p", "sqrt", "sinh", "cosh", "tanh", "arcsin"]
    + ["arccos", "arctan", "arccosh", "arcsinh", "arctanh", "abs", "log10", "floor", "ceil"]
    + ["arctan2"]
)
"""Of NumPy's, by their names alone."""

BINARY: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.And: operator.and_,
    ast.Or: operator.or_,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}

UNARY: Mapping[type, Callable[[Any], Any]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
    ast.Invert: operator.invert,
    ast.Not: operator.invert,
}

MEMBERSHIP: Mapping[type, type] = {ast.Eq: ast.In, ast.NotEq: ast.NotIn}
"""What equality is where a text or a list is compared with."""

DEFAULTS = (("engine", None), ("engine", "python"), ("parser", "pandas"))

KNOWN = {"inf": np.inf, "Inf": np.inf, "True": True, "False": False}
"""Names that mean the same everywhere."""


def _is_name(node: ast.AST) -> Any:
    return isinstance(node, ast.Name) and not node.id.startswith(LOCAL)


def _reads_columns(node: ast.AST) -> bool:
    return any(_is_name(one) for one in ast.walk(node))


def _assigns(part: ast.AST) -> bool:
    return isinstance(part, ast.Assign)


# ------------------------------------------------------------------------------- computing it


class Evaluation:
    """Parsed text computed on a collection.

    Parameters
    ----------
    frame
        Whose columns.
    variables
        The caller's.
    names
        What stands for names in backticks.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2]}, npartitions=1)
    >>> parsed = ast.parse("x + 1 > 2", mode="eval").body
    >>> Evaluation(df, {}, {}).of(parsed).expr.label()
    'gt(2)'
    """

    def __init__(self, frame: Any, variables: Mapping[str, Any], names: Mapping[str, str]) -> None:
        self.frame = frame
        self.variables = variables
        self.names = names

    def of(self, node: Any) -> Any:
        """The value of a node.

        Parameters
        ----------
        node
            Of Python's syntax.
        """
        method = getattr(self, f"_of_{type(node).__name__.lower()}", None)
        if method is None:
            raise NotImplementedError(f"'{type(node).__name__}' nodes are not implemented")
        return method(node)

    def _of_constant(self, node: ast.Constant) -> Any:
        return node.value

    def _of_list(self, node: Any) -> Any:
        return [self.of(one) for one in node.elts]

    _of_tuple = _of_list

    def _of_name(self, node: ast.Name) -> Any:
        if node.id.startswith(LOCAL):
            name = node.id.removeprefix(LOCAL)
            if name not in self.variables:
                raise pd.errors.UndefinedVariableError(name, True)
            return self.variables[name]
        name = self.names.get(node.id, node.id)
        if name in self.frame.columns:
            return self.frame[name]
        labels = self.frame._meta.index
        known = [*labels.names, "index", *["ilevel_0"] * (labels.name is None)]
        if name in known:
            if labels.nlevels > 1:
                raise OpaqueError("it reads an index of levels")
            return self.frame.index.to_series()
        if name in KNOWN:
            return KNOWN[name]
        raise _with_nearest(pd.errors.UndefinedVariableError(name), self.frame)

    def _of_attribute(self, node: ast.Attribute) -> Any:
        return getattr(self.of(node.value), node.attr)

    def _of_subscript(self, node: ast.Subscript) -> Any:
        return self.of(node.value)[self.of(node.slice)]

    def _of_slice(self, node: ast.Slice) -> slice:
        ends = (node.lower, node.upper, node.step)
        return slice(*[None if one is None else self.of(one) for one in ends])

    def _of_call(self, node: ast.Call) -> Any:
        args = [self.of(arg) for arg in node.args]
        named = {one.arg: self.of(one.value) for one in node.keywords if one.arg}
        func = node.func
        if isinstance(func, ast.Name) and func.id in FUNCTIONS and func.id not in self.frame:
            return getattr(np, func.id)(*args, **named)
        call = self.of(func)
        found = call(*args, **named)
        own = isinstance(getattr(call, "__self__", None), FrameBase)
        asked = any(is_collection(arg) for arg in (*args, *named.values()))
        if asked and not own and not is_collection(found):
            raise NotImplementedError(
                f"{ast.unparse(func).replace(LOCAL, '@')} was given a column in partitions, and "
                f"gave a {type(found).__name__}, no column; use map_partitions with it"
            )
        return found

    def _of_unaryop(self, node: ast.UnaryOp) -> Any:
        return UNARY[type(node.op)](self.of(node.operand))

    def _of_boolop(self, node: ast.BoolOp) -> Any:
        first, *others = node.values
        value = self.of(first)
        for other in others:
            value = BINARY[type(node.op)](value, self.of(other))
        return value

    def _of_binop(self, node: ast.BinOp) -> Any:
        sides = _converted(self.of(node.left), self.of(node.right), node.left, node.right)
        return BINARY[type(node.op)](*sides)

    def _of_compare(self, node: ast.Compare) -> Any:
        sides = [node.left, *node.comparators]
        found = [self._compared(op, sides[i], sides[i + 1]) for i, op in enumerate(node.ops)]
        value = found[0]
        for other in found[1:]:
            value = value & other
        return value

    def _compared(self, op: Any, left: Any, right: Any) -> Any:
        one, two, kind = self.of(left), self.of(right), type(op)
        if _is_term(left, one) and _is_term(right, two):
            if any(isinstance(side, str | list) for side in (one, two)):
                kind = MEMBERSHIP.get(kind, kind)
            if kind in MEMBER:
                one, two = ([side] if isinstance(side, str) else side for side in (one, two))
        if kind in MEMBER:
            return _member(one, two, kind is ast.NotIn)
        return BINARY[kind](*_converted(one, two, left, right))


def _is_term(node: ast.AST, value: Any) -> bool:
    """Whether pandas has computed it before it looks at the operator above."""
    if not isinstance(node, ast.BinOp | ast.BoolOp | ast.UnaryOp | ast.Compare):
        return True
    dtype = getattr(getattr(value, "_meta", value), "dtype", type(value))
    return bool(pd.api.types.is_string_dtype(dtype) or pd.api.types.is_object_dtype(dtype))


def _member(one: Any, two: Any, negated: bool) -> Any:
    """Whether a value, or each of a column, is one of some."""
    if not hasattr(one, "isin") and hasattr(two, "isin") and pd.api.types.is_list_like(one):
        one, two = two, one
    if hasattr(one, "isin"):
        return ~one.isin(two) if negated else one.isin(two)
    if is_collection(one) and isinstance(two, list):
        if negated:
            return functools.reduce(operator.and_, [one != item for item in two], True)
        return functools.reduce(operator.or_, [one == item for item in two], False)
    if is_collection(one) or is_collection(two):
        raise OpaqueError("it looks for a value in something that is no column")
    return (one in two) != negated


def _converted(one: Any, two: Any, left: ast.AST, right: ast.AST) -> tuple[Any, Any]:
    """Operands as pandas takes them: texts beside times are times, numbers beside short ones short.

    Parameters
    ----------
    one, two
        The operands.
    left, right
        As they were written.
    """
    if _is_term(left, one) and _is_term(right, two):
        if _is_time(one) and _is_scalar(two):
            two = _time_of(two)
        elif _is_time(two) and _is_scalar(one):
            one = _time_of(one)
    for column, value in ((one, two), (two, one)):
        short = isinstance(column, FrameBase) and getattr(column._meta, "dtype", None) == "float32"
        if short and isinstance(value, int | float | np.number) and not isinstance(value, bool):
            return (one, np.float32(value)) if value is two else (np.float32(value), two)
    return one, two


def _is_scalar(value: Any) -> bool:
    return not is_collection(value) and bool(pd.api.types.is_scalar(value))


def _is_time(value: Any) -> bool:
    meta = value._meta if isinstance(value, FrameBase) else value
    is_one = isinstance(meta, datetime.datetime | np.datetime64)
    return is_one or getattr(getattr(meta, "dtype", None), "kind", "") == "M"


def _time_of(value: Any) -> Any:
    time = pd.Timestamp(str(value) if isinstance(value, int | float) else value)
    return time if time.tz is None else time.tz_convert("UTC")
