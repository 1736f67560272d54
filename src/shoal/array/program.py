"""Programs: what is done to one element after the other, as data.

A program is a tuple of steps in single-assignment form.  ``Ref(k)`` among the arguments of a step
is input ``k`` of the program, or, counted on from there, the result of an earlier step.  So rules
can join programs and print them, and a kernel can run them over tiles that fit the cache.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from shoal.graph.naming import funcname
from shoal.graph.task import Nest, Ref, fill

__all__ = ["Program", "Step"]


@dataclasses.dataclass(frozen=True)
class Step:
    """One call.

    Parameters
    ----------
    func
        An elementwise function.
    args
        Constants, `Ref`, and `Nest` of both.
    kwargs
        ``(name, argument)`` pairs.

    Examples
    --------
    >>> Step(abs, (Ref(0),)).func(-1)
    1
    """

    func: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: tuple[tuple[str, Any], ...] = ()

    def __shoal_tokenize__(self) -> Any:
        return self.func, [_said(arg) for arg in self.args], [(n, _said(v)) for n, v in self.kwargs]


def _said(arg: Any) -> Any:
    """An argument as its token knows it."""
    if isinstance(arg, Ref):
        return ("ref", arg.position)
    if isinstance(arg, Nest):
        return ("nest", arg.make, [_said(part) for part in arg.items])
    return arg


class Program:
    """Steps, callable with the inputs; the last step's result is the result.

    Parameters
    ----------
    count
        How many inputs there are.
    steps
        A tuple of `Step`.

    Examples
    --------
    >>> Program(1, (Step(abs, (Ref(0),)), Step(pow, (Ref(1), 2))))(-3)
    9
    """

    __slots__ = ("count", "steps")

    def __init__(self, count: int, steps: tuple[Step, ...]) -> None:
        self.count = count
        self.steps = steps

    @property
    def __name__(self) -> str:
        return "-".join(funcname(step.func) for step in self.steps)

    def __call__(self, *inputs: Any) -> Any:
        values: list[Any] = list(inputs)
        for step in self.steps:
            args = [fill(arg, values) for arg in step.args]
            kwargs = {name: fill(value, values) for name, value in step.kwargs}
            values.append(step.func(*args, **kwargs))
        return values[-1]

    def reads(self, place: int) -> int:
        """How often an input is read.

        Parameters
        ----------
        place
            Which.
        """
        refs = [arg for step in self.steps for arg in step.args if type(arg) is Ref]
        return sum(ref.position == place for ref in refs)

    def __shoal_tokenize__(self) -> Any:
        return self.count, self.steps

    def __repr__(self) -> str:
        return f"Program({self.__name__})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Program, (self.count, self.steps)


def call_of(func: Callable[..., Any], args: Sequence[Any], kwargs: Any = (), count: int = 1) -> Any:
    """A function of ``count`` inputs; ``func`` itself where it takes them as they are.

    >>> call_of(pow, (Ref(0), 2))(3)
    9
    >>> call_of(abs, (Ref(0),)) is abs
    True
    """
    refs = [arg.position for arg in args if type(arg) is Ref]
    if not kwargs and len(refs) == len(args) and refs == list(range(count)):
        return func
    return Program(count, (Step(func, tuple(args), tuple(kwargs)),))
