"""Programs: what a task does to one partition, as data.

A program is a tuple of steps; a step is a function and a template of its arguments, in which
``Ref(i)`` is value number ``i``: the program's own arguments first, then the results of the steps
before.  A value is let go after its last use.  It is the form that the pandas kernels run; the
stage it was made from (`shoal.dataframe.nodes.stage`) still has the expression.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Sequence
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
        What people call it; empty for one that is part of the step before.

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
    outs
        Numbers of the steps whose results are wanted, as a list; by default the last one's.

    Examples
    --------
    >>> steps = Step(abs, Template((Ref(0),)), "abs"), Step(max, Template((Ref(1), 5)), "max")
    >>> Program(steps)(-7), Program(steps, (0, 1))(-3)
    (7, [3, 5])
    """

    __slots__ = ("outs", "releases", "steps")

    def __init__(self, steps: Sequence[Step], outs: tuple[int, ...] = ()) -> None:
        self.steps = steps
        self.outs = outs
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
            kept = [count + number for number in self.outs]
            releases = self.releases[count] = _last_uses(self.steps, count, kept)
        for one, dead in zip(self.steps, releases, strict=True):
            args, kwargs = one.args.fill(values)
            values.append(one.func(*args, **kwargs))
            del args, kwargs
            for place in dead:
                values[place] = None
        return [values[count + number] for number in self.outs] if self.outs else values.pop()

    def __repr__(self) -> str:
        return f"Program({self.__name__})"

    @property
    def __name__(self) -> str:
        return " | ".join(one.title for one in self.steps if one.title)

    def __reduce__(self) -> tuple[Any, ...]:
        return Program, (self.steps, self.outs)


def _last_uses(steps: Sequence[Step], count: int, kept: Collection[int]) -> list[list[int]]:
    last: dict[int, int] = {}
    for number, one in enumerate(steps):
        for item in (*one.args.args, *(one.args.kwargs or {}).values()):
            for place in _places(item):
                last[place] = number
    out: list[list[int]] = [[] for _ in steps]
    for place, number in last.items():
        if place < count + len(steps) - 1 and place not in kept:
            out[number].append(place)
    return out


def _places(item: Any) -> list[int]:
    if type(item) is Ref:
        return [item.position]
    if type(item) is Nest:
        return [place for part in item.items for place in _places(part)]
    return []
