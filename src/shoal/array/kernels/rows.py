"""Functions that look along some axes of a block, and do the same to each row of the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from shoal.array.program import Program, Step
from shoal.graph.naming import funcname
from shoal.graph.task import Ref

__all__ = ["AlongAxes", "first_along", "slabs"]


class AlongAxes:
    """A function of whole axes of a block, whose result has the block's other axes.

    Parameters
    ----------
    func
        Called with a block.
    told
        By name, ``(name, value)`` pairs.
    axes
        Along which it looks.

    Examples
    --------
    >>> import numpy as np
    >>> AlongAxes(np.fft.fft, (("axis", 0),), (0,))(np.ones(2))
    array([2.+0.j, 0.+0.j])
    """

    __slots__ = ("axes", "func", "told")

    def __init__(
        self, func: Callable[..., Any], told: tuple[tuple[str, Any], ...], axes: tuple[int, ...]
    ) -> None:
        self.func = func
        self.told = told
        self.axes = axes

    @property
    def __name__(self) -> str:
        return funcname(self.func)

    def __call__(self, block: Any) -> Any:
        return self.func(block, **dict(self.told))

    def __shoal_tokenize__(self) -> Any:
        return "along axes", self.func, self.told, self.axes

    def __reduce__(self) -> tuple[Any, ...]:
        return AlongAxes, (self.func, self.told, self.axes)


def first_along(program: Program) -> tuple[AlongAxes, Program] | None:
    """A program's first step, if it looks along axes of the only input, and what comes after it.

    Parameters
    ----------
    program
        A program.

    Examples
    --------
    >>> import numpy as np
    >>> turned = Step(AlongAxes(np.flip, (("axis", 0),), (0,)), (Ref(0),))
    >>> first, rest = first_along(Program(1, (turned, Step(np.negative, (Ref(1),)))))
    >>> rest(first(np.arange(3)))
    array([-2, -1,  0])
    """
    first = program.steps[0].func if program.steps else None
    if type(first) is not AlongAxes:
        return None
    return first, Program(1, tuple([_earlier(step) for step in program.steps[1:]]))


def _earlier(step: Step) -> Step:
    """A step of what is left: the first result is the input now."""
    args = [Ref(arg.position - 1) if type(arg) is Ref else arg for arg in step.args]
    return Step(step.func, tuple(args), step.kwargs)


def slabs(block: Any, axes: tuple[int, ...], limit_bytes: int) -> Iterator[tuple[slice, ...]]:
    """Where to cut a block so that some axes stay whole: across the first of the others.

    Parameters
    ----------
    block
        The block.
    axes
        Which stay whole.
    limit_bytes
        How large a part is, unless a single row is larger.

    Examples
    --------
    >>> import numpy as np
    >>> list(slabs(np.ones((2, 3)), (0,), 32))
    [(slice(None, None, None), slice(0, 2, None)), (slice(None, None, None), slice(2, 3, None))]
    """
    across = next((i for i in range(block.ndim) if i not in axes and block.shape[i] > 1), None)
    if across is None or not block.size:
        yield (slice(None),) * block.ndim
        return
    length = block.shape[across]
    rows = max(1, limit_bytes * length // block.nbytes)
    for start in range(0, length, rows):
        yield (*[slice(None)] * across, slice(start, min(start + rows, length)))
