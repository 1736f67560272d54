"""Programs as one call of numexpr, where it is installed, quick, and knows all the functions.

numexpr compiles an expression for a virtual machine that works on blocks of a few thousand
elements.  It is quick with Intel's vector library only (`numexpr.use_vml`, which packages of conda
have and those of PyPI have not).  Without it each of its functions takes longer than NumPy's, which
uses vector instructions: on tiles in the cache 0.36 against 0.17 to 0.25 ns an element for
arithmetic, 4 to 12 against 1 to 2.5 for exp, log and tan.  So without it the tiles are NumPy's.

numexpr has types of its own: only where all inputs are double or single precision and all functions
are in `WORDS` is the result's type NumPy's too; anything else is left to NumPy.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from shoal.array.kernels.buffered import Scratch
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


_starting = threading.Lock()


def compile_program(
    program: Program, inputs: Sequence[Any], limit_bytes: int, finish: Any = None
) -> Evaluated | None:
    """A function of tiles, or None where NumPy is to do it.

    Parameters
    ----------
    program
        The steps.
    inputs
        Arrays of the types that it will be given.
    limit_bytes, finish
        As for `Buffered`.

    Examples
    --------
    >>> compile_program(Program(1, ()), [np.ones(2, "i8")], 1024) is None
    True
    """
    text = expression(program, inputs)
    if text is None:
        return None
    numexpr = import_required("numexpr", "array.engine: numexpr")
    if not numexpr.use_vml:
        return None
    with _starting:
        if numexpr.get_num_threads() != 1:
            # Tasks run side by side already.
            numexpr.set_num_threads(1)
    return Evaluated(numexpr, text, inputs, limit_bytes, finish)


class Evaluated:
    """An expression as a function of tiles, with the methods of `Buffered`.

    Parameters
    ----------
    numexpr
        The module.
    text
        The expression.
    inputs
        What the tiles are parts of, of one type.
    limit_bytes, finish
        As for `Buffered`.
    """

    is_plain = True

    def __init__(
        self, numexpr: Any, text: str, inputs: Sequence[Any], limit_bytes: int, finish: Any
    ) -> None:
        self.numexpr = numexpr
        self.text = text
        self.dtype = inputs[0].dtype
        self.itemsize = self.dtype.itemsize
        self.finish = finish
        self.scratch = Scratch(limit_bytes)

    def __call__(self, inputs: Sequence[Any]) -> Any:
        """As of `Buffered`."""
        self.scratch.rewind()
        shape = np.broadcast_shapes(*[part.shape for part in inputs])
        result = self.into(inputs, self.scratch.take(shape, self.dtype))
        return result if self.finish is None else self.finish(result)

    def into(self, inputs: Sequence[Any], out: Any) -> Any:
        """As of `Buffered`."""
        given = {f"x{i}": part for i, part in enumerate(inputs)}
        return self.numexpr.evaluate(
            self.text, local_dict=given, global_dict={}, out=out, casting="same_kind"
        )

    def forget(self) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """As of `Buffered`."""
        self.scratch.give_back()


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
