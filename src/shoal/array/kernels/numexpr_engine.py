"""Programs as one call of numexpr, where it is installed and knows all the functions.

numexpr compiles an expression for a virtual machine that works on blocks of a few thousand
elements.  It has types of its own: only where all inputs are double or single precision and all
functions are in `WORDS` is the result's type NumPy's too; anything else is left to NumPy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from shoal.array.program import Program
from shoal.graph.task import Ref
from shoal.optional import import_required

__all__ = ["compile_program"]

WORDS: dict[Any, str] = {
    np.add: "({} + {})",
    np.subtract: "({} - {})",
    np.multiply: "({} * {})",
    np.true_divide: "({} / {})",
    np.power: "({} ** {})",
    np.negative: "(-{})",
    np.absolute: "abs({})",
    np.sqrt: "sqrt({})",
    np.square: "({0} * {0})",
    np.exp: "exp({})",
    np.expm1: "expm1({})",
    np.log: "log({})",
    np.log10: "log10({})",
    np.log1p: "log1p({})",
    np.sin: "sin({})",
    np.cos: "cos({})",
    np.tan: "tan({})",
    np.arcsin: "arcsin({})",
    np.arccos: "arccos({})",
    np.arctan: "arctan({})",
    np.arctan2: "arctan2({}, {})",
    np.sinh: "sinh({})",
    np.cosh: "cosh({})",
    np.tanh: "tanh({})",
}
"""How numexpr says each ufunc."""


def compile_program(program: Program, inputs: Sequence[Any]) -> Callable[..., Any] | None:
    """A function of tiles, or None where numexpr cannot do what NumPy does.

    Parameters
    ----------
    program
        The steps.
    inputs
        Arrays of the types that it will be given.

    Returns
    -------
    callable or None
        ``run(inputs, out=None) -> result``.

    Examples
    --------
    >>> compile_program(Program(1, ()), [np.ones(2, "i8")]) is None
    True
    """
    text = expression(program, inputs)
    if text is None:
        return None
    numexpr = import_required("numexpr", "array.engine: numexpr")
    names = [f"x{i}" for i in range(program.count)]

    def run(parts: Sequence[Any], out: Any = None) -> Any:
        given = dict(zip(names, parts, strict=True))
        return numexpr.evaluate(
            text, local_dict=given, global_dict={}, out=out, casting="same_kind"
        )

    if numexpr.nthreads != 1:
        # Tasks run side by side already.
        numexpr.set_num_threads(1)
    return run


def expression(program: Program, inputs: Sequence[Any]) -> str | None:
    """A program in numexpr's words.

    Parameters
    ----------
    program, inputs
        As for `compile_program`.

    Examples
    --------
    >>> from shoal.array.program import Step
    >>> steps = (Step(np.subtract, (Ref(0), 1)), Step(np.multiply, (Ref(1), 2.5)))
    >>> expression(Program(1, steps), [np.ones(2)])
    '((x0 - 1) * 2.5)'
    """
    dtypes = {part.dtype for part in inputs}
    if len(dtypes) != 1 or next(iter(dtypes)) not in (np.dtype("f8"), np.dtype("f4")):
        return None
    single = next(iter(dtypes)) == np.dtype("f4")
    words = [f"x{i}" for i in range(program.count)]
    for step in program.steps:
        if step.kwargs or not isinstance(step.func, np.ufunc) or step.func not in WORDS:
            return None
        said = [_said(arg, words, single) for arg in step.args]
        if any(word is None for word in said):
            return None
        words.append(WORDS[step.func].format(*said))
    return words[-1] if program.steps else None


def _said(arg: Any, words: Sequence[str], single: bool) -> str | None:
    if type(arg) is Ref:
        return words[arg.position]
    if type(arg) is int:
        return str(arg) if abs(arg) < 2**31 else None
    if type(arg) is float or (type(arg) is np.float64 and not single):
        # A double among singles would make the whole expression double.
        return None if single or arg != arg or abs(arg) == float("inf") else repr(float(arg))
    return None
