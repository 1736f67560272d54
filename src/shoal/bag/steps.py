"""Steps: what happens to one partition, as data.

A step is a function and a template of its arguments.  Most functions are the builtin iterators
(`map`, `filter`, `itertools.chain.from_iterable`), so a chain of steps is a chain of iterators:
an element goes through all of it before the next one is fetched, and a partition is never in
memory between two steps.  A `Program` is such a chain as the function of a task; what leaves it is
a list, because another task may read it twice and another process cannot read an iterator.

In a template ``Ref(i)`` is the program's argument ``i``, and a negative one counts back from the
step itself: ``Ref(-1)`` is the result of the step before.  So a chain can be put behind another
one without renumbering it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from shoal.graph.task import Nest, Ref, Template

__all__ = ["Program", "Step", "count_refs", "materialise", "renumber", "step"]


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
        What people call it; names of tasks begin with it.
    cheap
        Doing it twice costs less than keeping its result.

    Examples
    --------
    >>> step(filter, None, Ref(0)).title
    'filter'
    """

    func: Callable[..., Any]
    args: Template
    title: str
    cheap: bool = False

    def __shoal_tokenize__(self) -> tuple[Any, ...]:
        return self.func, _normal(self.args.args), _normal(self.args.kwargs), self.title


def _normal(item: Any) -> Any:
    """References and nests as plain tuples, which are quicker to tokenise than by reduction."""
    kind = type(item)
    if kind is Ref:
        return ("ref", item.position)
    if kind is Nest:
        return ("nest", item.make, _normal(list(item.items)))
    if kind is tuple or kind is list:
        return [_normal(part) for part in item]
    if kind is dict:
        return {name: _normal(part) for name, part in item.items()}
    return item


def step(
    func: Callable[..., Any], *args: Any, title: str | None = None, cheap: bool = False
) -> Step:
    """A step without keyword arguments.

    Parameters
    ----------
    func, *args
        What to call, with `Ref` for what is not known yet.
    title, cheap
        As `Step` has them; the title is the function's name unless given.

    Examples
    --------
    >>> Program((step(map, abs, Ref(0)), step(sum, Ref(-1))))([1, -2])
    3
    """
    return Step(func, Template(args), title or func.__name__, cheap)


class Program:
    """Steps one after the other, as one function.

    Parameters
    ----------
    steps
        At least one.

    Examples
    --------
    >>> Program((step(map, str.split, Ref(0)),))(["a b", "c"])
    [['a', 'b'], ['c']]
    """

    __slots__ = ("steps",)

    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps = steps

    def __call__(self, *blocks: Any) -> Any:
        values = list(blocks)
        for one in self.steps:
            args, kwargs = one.args.fill(values)
            values.append(one.func(*args, **kwargs))
            # What the arguments hold must not outlive its last use.
            del args, kwargs
        del blocks
        return materialise(values.pop())

    def __repr__(self) -> str:
        return f"Program({self.__name__})"

    @property
    def __name__(self) -> str:
        return " | ".join(one.title for one in self.steps)

    def __reduce__(self) -> tuple[Any, ...]:
        return Program, (self.steps,)

    def __shoal_tokenize__(self) -> Any:
        return list(self.steps)


def materialise(result: Any) -> Any:
    """An iterator as a list, and iterators in it as lists; anything else as it is.

    Parameters
    ----------
    result
        What a step returned.

    Examples
    --------
    >>> materialise(iter([1, iter([2])])), materialise({"a": 1})
    ([1, [2]], {'a': 1})
    """
    if not isinstance(result, Iterator):
        return result
    items = list(result)
    kinds = {kind for kind in set(map(type, items)) if issubclass(kind, Iterator)}
    if kinds:
        return [list(item) if type(item) in kinds else item for item in items]
    return items


def count_refs(steps: Sequence[Step], position: int) -> int:
    """How often the steps refer to one of the program's arguments.

    Parameters
    ----------
    steps
        Of a program.
    position
        Number of the argument.

    Examples
    --------
    >>> count_refs([step(zip, Ref(0), Ref(0))], 0)
    2
    """
    return sum(
        _count(part, position)
        for one in steps
        for part in (*one.args.args, *(one.args.kwargs or {}).values())
    )


def _count(item: Any, position: int) -> int:
    if type(item) is Ref:
        return int(item.position == position)
    if type(item) is Nest:
        return sum(_count(part, position) for part in item.items)
    return 0


def renumber(steps: Sequence[Step], change: Callable[[int, int], int]) -> list[Step]:
    """Steps whose references to arguments are changed.

    Parameters
    ----------
    steps
        Of a program.
    change
        ``change(place, position) -> position`` for the step at ``place`` and an argument's number.

    Examples
    --------
    >>> (moved,) = renumber([step(sum, Ref(0))], lambda place, position: position + 2)
    >>> moved.args
    Template((Ref(2),), {})
    """
    out = []
    for place, one in enumerate(steps):
        args = tuple([_change(part, place, change) for part in one.args.args])
        kwargs = {name: _change(v, place, change) for name, v in (one.args.kwargs or {}).items()}
        out.append(dataclasses.replace(one, args=Template(args, kwargs)))
    return out


def _change(item: Any, place: int, change: Callable[[int, int], int]) -> Any:
    if type(item) is Ref and item.position >= 0:
        return Ref(change(place, item.position))
    if type(item) is Nest:
        return Nest(item.make, [_change(part, place, change) for part in item.items])
    return item
