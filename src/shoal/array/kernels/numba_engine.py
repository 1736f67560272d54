"""Programs as compiled loops, where numba is installed and every step has a line in `WORDS`.

A program and the reduction that may end it become the source of one function: loops over the
block's axes, the steps as one line each, and for a reduction a row of partial results that stays in
the nearest cache.  numba compiles it once for each structure and each set of types.  A block is
read once and nothing but the result is written.

Each step is computed in the types that NumPy would use for it (`numpy.ufunc.resolve_dtypes`), in
NumPy's order, without liberties of floating point: elementwise results are equal to the bit.  Sums
are added in another order, those of single precision in double.  Nothing warns of overflow or
division by zero.

Functions that numba would call one element at a time (``exp``, ``sin``) are left to NumPy, whose
own are vectorised; so are transposed operands, which are bound by memory whoever adds them.
"""

from __future__ import annotations

import dataclasses
import math
import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from shoal.array.kernels.reduce import count_elements, mean_chunk
from shoal.array.program import Program
from shoal.graph.task import Ref
from shoal.optional import import_required

__all__ = ["compile_elements", "compile_fold"]

LEAST_SIZE = 1 << 14
"""Elements of a block; smaller ones are done before a compiler has looked at them."""

LANES = 2048
"""Partial results kept side by side along an axis that is reduced: 16 kB."""

SHORT_LANES = 256
"""The same where rows are reduced each on its own, and lanes are added up after each."""

TYPES = frozenset("?bhilqBHILQfd")

WORDS: dict[Any, str] = {
    np.add: "{} + {}",
    np.subtract: "{} - {}",
    np.multiply: "{} * {}",
    np.true_divide: "{} / {}",
    np.negative: "-{}",
    np.positive: "{}",
    np.absolute: "abs({})",
    np.square: "{0} * {0}",
    np.sqrt: "sqrt({})",
    np.floor: "floor({})",
    np.ceil: "ceil({})",
    np.trunc: "trunc({})",
    np.maximum: "{0} if {0} >= {1} or {0} != {0} else {1}",
    np.minimum: "{0} if {0} <= {1} or {0} != {0} else {1}",
    np.greater: "{} > {}",
    np.greater_equal: "{} >= {}",
    np.less: "{} < {}",
    np.less_equal: "{} <= {}",
    np.equal: "{} == {}",
    np.not_equal: "{} != {}",
    np.isnan: "{0} != {0}",
    np.bitwise_and: "{} & {}",
    np.bitwise_or: "{} | {}",
    np.bitwise_xor: "{} ^ {}",
}
"""How Python says each ufunc."""

FOLDS: dict[Any, tuple[Any, str]] = {
    np.sum: (np.add, "{0} + {1}"),
    mean_chunk: (np.add, "{0} + {1}"),
    np.max: (np.maximum, "{1} if {1} > {0} or {1} != {1} else {0}"),
    np.min: (np.minimum, "{1} if {1} < {0} or {1} != {1} else {0}"),
}
"""Functions of a block that rows of partial results can be kept for: the ufunc of which they are
the reduction, and its words, the partial result first."""

_compiling = threading.Lock()

Row = tuple[Any, tuple[int, ...], bool]
"""An input as compiled loops read it: its memory, how far apart elements are along each outer
axis, and whether one element serves a whole row."""


def compile_elements(program: Program, inputs: Sequence[Any]) -> Callable[..., Any] | None:
    """A function of blocks, or None where NumPy has to do it.

    Parameters
    ----------
    program
        The steps.
    inputs
        Arrays of the types, and laid out in the way, that it will be given.

    Returns
    -------
    callable or None
        ``run(inputs) -> result``.

    Examples
    --------
    >>> compile_elements(Program(1, ()), [np.ones(2)]) is None
    True
    """
    body = _body(program, inputs)
    return None if body is None else _Elements(body)


def compile_fold(program: Program, inputs: Sequence[Any], fold: Any) -> Callable[..., Any] | None:
    """A function from blocks to a partial result, or None where NumPy has to do it.

    Parameters
    ----------
    program, inputs
        As for `compile_elements`.
    fold
        A `Fold`.

    Returns
    -------
    callable or None
        ``run(inputs) -> partial``, as ``fold.chunk`` makes it.

    Examples
    --------
    >>> compile_fold(Program(1, ()), [np.ones(2)], None) is None
    True
    """
    body = _body(program, inputs)
    if body is None:
        return None
    (step,) = fold.chunk.steps
    func = getattr(step.func, "func", step.func)
    if func not in FOLDS:
        return None
    ndim = max(part.ndim for part in inputs)
    like = fold.chunk(np.ones((1,) * ndim, body.dtype))
    dtype = like["total"].dtype if func is mean_chunk else like.dtype
    if dtype.kind not in "fiu" or dtype.char not in TYPES:
        return None
    if dtype.kind == "f" and FOLDS[func][0] is np.add:
        dtype = np.dtype(float)
    return _Folded(body, func, fold.axes, dtype, like)


class _Unknown(Exception):
    """Something that NumPy has to do."""


def _body(program: Program, inputs: Sequence[Any]) -> _Body | None:
    """A program as lines, where there is enough to do and rows lie in memory as loops go."""
    if not program.steps:
        return None
    if math.prod(np.broadcast_shapes(*[part.shape for part in inputs])) < LEAST_SIZE:
        return None
    for part in inputs:
        size = part.dtype.itemsize
        steps = [s for n, s in zip(part.shape, part.strides, strict=True) if n > 1]
        if any(s < 0 or s % size for s in steps):
            return None
        if part.ndim and part.shape[-1] > 1 and part.strides[-1] != size:
            return None
    try:
        return _Body(program, [part.dtype for part in inputs])
    except _Unknown:
        return None


class _Body:
    """The steps of a program as lines, and the constants in them."""

    def __init__(self, program: Program, dtypes: list[Any]) -> None:
        self.count = program.count
        self.constants: list[Any] = []
        self.lines: list[str] = []
        if not all(map(_is_known, dtypes)):
            raise _Unknown
        for step in program.steps:
            if step.kwargs:
                raise _Unknown
            say = self._choice if step.func is np.where else self._call
            words, dtype = say(step.func, step.args, [_kind(arg, dtypes) for arg in step.args])
            if not _is_known(dtype):
                raise _Unknown
            self.lines.append(f"v{len(dtypes)} = {_cast(dtype, words)}")
            dtypes.append(dtype)
        self.dtype = dtypes[-1]
        self.result = f"v{len(dtypes) - 1}"

    def _call(self, func: Any, args: Sequence[Any], kinds: Sequence[Any]) -> tuple[str, Any]:
        if func not in WORDS:
            raise _Unknown
        try:
            *taken, dtype = func.resolve_dtypes((*kinds, None))
        except TypeError:
            raise _Unknown from None
        if not all(map(_is_known, taken)):
            raise _Unknown
        words = [self._word(arg, kind) for arg, kind in zip(args, taken, strict=True)]
        return WORDS[func].format(*words), dtype

    def _choice(self, func: Any, args: Sequence[Any], kinds: Sequence[Any]) -> tuple[str, Any]:
        if len(args) != 3 or kinds[0] != np.dtype(bool):
            raise _Unknown
        dtype = np.result_type(*[k if isinstance(k, np.dtype) else k() for k in kinds[1:]])
        condition, yes, no = [
            self._word(arg, kind) for arg, kind in zip(args, (kinds[0], dtype, dtype), strict=True)
        ]
        return f"{yes} if {condition} else {no}", dtype

    def _word(self, arg: Any, dtype: Any) -> str:
        if type(arg) is Ref:
            return _cast(dtype, f"v{arg.position}")
        # Constants are arguments: one compiled function serves all of them.
        self.constants.append(np.asarray(arg).astype(dtype)[()])
        return f"c{len(self.constants) - 1}"

    def source(self, ndim: int, rows: Sequence[Row], keep: Sequence[int], end: _End) -> str:
        """The function that runs over a block; ``keep``: the outer axes that the result has."""
        given = [word for i in range(self.count) for word in (f"x{i}", f"s{i}")]
        constants = [f"c{i}" for i in range(len(self.constants))]
        outer = range(ndim - 1)
        lines = [
            f"def run(lengths, out, {', '.join([*given, *constants])}):",
            f"    n = lengths[{ndim - 1}]",
            f"    width = {end.width}",
            *[f"    {line}" for line in end.before],
            *[f"{'    ' * (i + 1)}for i{i} in range(lengths[{i}]):" for i in outer],
        ]
        place = "0"
        for axis in keep:
            place = f"({place}) * lengths[{axis}] + i{axis}"
        body = [f"k = {place}", f"row = {end.row}", "for b in range(0, n, width):"]
        body.append("    m = min(width, n - b)")
        for i, (_, _, repeated) in enumerate(rows):
            begin = " + ".join([f"i{axis} * s{i}[{axis}]" for axis in outer]) or "0"
            cut = (
                f"v{i} = x{i}[{begin}]" if repeated else f"r{i} = x{i}[{begin} + b:{begin} + b + m]"
            )
            body.append(f"    {cut}")
        loads = [f"v{i} = r{i}[j]" for i, row in enumerate(rows) if not row[2]]
        inner = [*loads, *self.lines, f"row[j] = {end.words.format('row[j]', self.result)}"]
        body += ["    for j in range(m):", *[f"        {line}" for line in inner], *end.after]
        return "\n".join([*lines, *["    " * ndim + line for line in body]])

    def call(self, source: str, lengths: Sequence[int], out: Any, rows: Sequence[Row]) -> None:
        """Run the function over a block."""
        given = [part for flat, steps, _ in rows for part in (flat, steps)]
        _compiled(source)(tuple(lengths), out, *given, *self.constants)


@dataclasses.dataclass(frozen=True)
class _End:
    """What is done with the values of a row.

    Parameters
    ----------
    words
        The new value of a place, from the old one and the program's result.
    width
        How many places a row has at most.
    row
        Where they are.
    before, after
        Lines before all rows, and after each.
    """

    words: str
    width: str = "n"
    row: str = "out[k]"
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


def _own_lanes(words: str) -> _End:
    """Rows that are reduced each on its own: lanes, brought together after each."""
    before = ("start = out[0, 0]", "lanes = full(width, start)")
    after = (
        "total = out[k, 0]",
        "for j in range(min(n, width)):",
        f"    total = {words.format('total', 'lanes[j]')}",
        "    lanes[j] = start",
        "out[k, 0] = total",
    )
    return _End(words, str(SHORT_LANES), "lanes", before, after)


class _Elements:
    """A program compiled for whole blocks."""

    def __init__(self, body: _Body) -> None:
        self.body = body

    def __call__(self, parts: Sequence[Any]) -> Any:
        shape = np.broadcast_shapes(*[part.shape for part in parts])
        lengths, rows = _laid_out(parts, shape, True)
        out = np.empty(shape, self.body.dtype)
        keep = range(len(lengths) - 1)
        source = self.body.source(len(lengths), rows, keep, _End("{1}"))
        self.body.call(source, lengths, out.reshape(-1, lengths[-1]), rows)
        return out


class _Folded:
    """A program and the reduction behind it, compiled for whole blocks."""

    def __init__(self, body: _Body, func: Any, axes: Any, dtype: Any, like: Any) -> None:
        self.body = body
        self.func = func
        self.axes = axes
        self.dtype = dtype
        self.like = like

    def __call__(self, parts: Sequence[Any]) -> Any:
        shape = np.broadcast_shapes(*[part.shape for part in parts])
        ufunc, words = FOLDS[self.func]
        words = words.format("{0}", _cast(self.dtype, "{1}"))
        axes = set(self.axes)
        lengths, rows = _laid_out(parts, shape, len(axes) == len(shape))
        last = len(lengths) - 1
        keep = [axis for axis in range(last) if len(lengths) == len(shape) and axis not in axes]
        reduced = len(lengths) < len(shape) or last in axes
        count = math.prod([lengths[axis] for axis in keep])
        if not reduced:
            end, width = _End(words), lengths[-1]
        elif keep:
            end, width = _own_lanes(words), 1
        else:
            width = min(LANES, lengths[-1])
            end = _End(words, str(LANES))
        out = np.full((count, width), _start(ufunc, self.dtype), self.dtype)
        self.body.call(self.body.source(len(lengths), rows, keep, end), lengths, out, rows)
        if reduced:
            out = ufunc.reduce(out, axis=-1)
        kept = tuple([1 if axis in axes else n for axis, n in enumerate(shape)])
        if self.func is mean_chunk:
            n = count_elements(np.broadcast_to(np.empty(()), shape), self.axes, True)
            total = out.reshape(kept).astype(self.like["total"].dtype, copy=False)
            return {"n": n, "total": total}
        return out.reshape(kept).astype(self.like.dtype, copy=False)


def _start(ufunc: Any, dtype: Any) -> Any:
    """What changes nothing.

    >>> _start(np.maximum, np.dtype("i1")), _start(np.add, np.dtype(float))
    (-128, 0)
    """
    if ufunc is np.add:
        return 0
    if dtype.kind == "f":
        return -np.inf if ufunc is np.maximum else np.inf
    return np.iinfo(dtype).min if ufunc is np.maximum else np.iinfo(dtype).max


def _laid_out(
    parts: Sequence[Any], shape: tuple[int, ...], joined: bool
) -> tuple[tuple[int, ...], list[Row]]:
    """Lengths of the loops, and the inputs; ``joined``: all axes may be one where memory allows."""
    whole = [part.size == math.prod(shape) and part.flags.c_contiguous for part in parts]
    if joined and all(w or part.size == 1 for w, part in zip(whole, parts, strict=True)):
        parts, shape = [part.reshape(-1) for part in parts], (math.prod(shape),)
    rows: list[Row] = []
    for part in parts:
        spread = part[(None,) * (len(shape) - part.ndim)]
        size = part.dtype.itemsize
        steps = [
            step // size if n > 1 else 0
            for n, step in zip(spread.shape, spread.strides, strict=True)
        ]
        span = 1 + sum((n - 1) * step for n, step in zip(spread.shape, steps, strict=True))
        # As one axis that lies together in memory: only then are the loops vectorised.
        flat = as_strided(part, (span,), (size,), writeable=False)
        repeated = spread.shape[-1] == 1 != shape[-1]
        rows.append((flat, tuple(steps[:-1]) or (0,), repeated))
    return shape, rows


def _is_known(dtype: Any) -> bool:
    return dtype.char in TYPES and dtype.isnative


def _kind(arg: Any, dtypes: Sequence[Any]) -> Any:
    """The type of an argument, as `numpy.ufunc.resolve_dtypes` takes it."""
    if type(arg) is Ref:
        return dtypes[arg.position]
    if type(arg) in (int, float):
        return type(arg)
    if isinstance(arg, np.generic | bool):
        return np.asarray(arg).dtype
    raise _Unknown


def _cast(dtype: Any, words: str) -> str:
    return f"{dtype.name}({words})"


@lru_cache(maxsize=512)
def _made(source: str) -> Callable[..., Any]:
    numba = import_required("numba", "array.engine: numba")
    names = {"sqrt": np.sqrt, "floor": np.floor, "ceil": np.ceil, "trunc": np.trunc}
    types = {np.dtype(char).name: np.dtype(char).type for char in "bhiqBHIQfd"}
    namespace: dict[str, Any] = {"full": np.full, "bool": bool, **names, **types}
    exec(source, namespace)
    compiled: Callable[..., Any] = numba.njit(nogil=True, error_model="numpy")(namespace["run"])
    return compiled


def _compiled(source: str) -> Callable[..., Any]:
    # One at a time: else each thread compiles the same.
    with _compiling:
        return _made(source)
