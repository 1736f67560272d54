"""Programs: what a task does to one partition, as data.

A program is a tuple of steps; a step is a function and a template of its arguments, in which
``Ref(i)`` is value number ``i``: the program's own arguments first, then the results of the steps
before.  A value is let go after its last use.  It is the form that the pandas kernels run; the
stage it was made from (`shoal.dataframe.nodes.stage`) still has the expression.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from shoal.graph.task import Nest, Ref, Template

__all__ = ["Program", "Step"]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Step:
    """A function to be called once for each partition.

    Parameters
    ----------
    func
        Called with the filled arguments.
    args
        The arguments.
    title
        What people call it.

    Examples
    --------
    >>> Step(abs, Template((Ref(0),)), "abs").title
    'abs'
    """

    func: Callable[..., Any]
    args: Template
    title: str


class Program:
    """Steps one after the other, as one function.

    Parameters
    ----------
    steps
        At least one.

    Examples
    --------
    >>> steps = Step(abs, Template((Ref(0),)), "abs"), Step(max, Template((Ref(1), 5)), "max")
    >>> Program(steps)(-7)
    7
    """

    __slots__ = ("releases", "steps")

    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps = steps
        self.releases: dict[int, list[list[int]]] = {}
        """By number of arguments: for each step the values that nobody reads afterwards."""

    def __call__(self, *blocks: Any) -> Any:
        """Run it.

        Parameters
        ----------
        *blocks
            The partitions it reads.
        """
        values: list[Any] = list(blocks)
        count = len(values)
        del blocks
        releases = self.releases.get(count)
        if releases is None:
            releases = self.releases[count] = _last_uses(self.steps, count)
        for one, dead in zip(self.steps, releases, strict=True):
            args, kwargs = one.args.fill(values)
            values.append(one.func(*args, **kwargs))
            del args, kwargs
            for place in dead:
                values[place] = None
        return values.pop()

    def __repr__(self) -> str:
        return f"Program({self.__name__})"

    @property
    def __name__(self) -> str:
        return " | ".join(one.title for one in self.steps)

    def __reduce__(self) -> tuple[Any, ...]:
        return Program, (self.steps,)


def _last_uses(steps: Sequence[Step], count: int) -> list[list[int]]:
    last: dict[int, int] = {}
    for number, one in enumerate(steps):
        for item in (*one.args.args, *(one.args.kwargs or {}).values()):
            for place in _places(item):
                last[place] = number
    out: list[list[int]] = [[] for _ in steps]
    for place, number in last.items():
        if place < count + len(steps) - 1:
            out[number].append(place)
    return out


def _places(item: Any) -> list[int]:
    if type(item) is Ref:
        return [item.position]
    if type(item) is Nest:
        return [place for part in item.items for place in _places(part)]
    return []
