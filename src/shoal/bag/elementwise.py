"""Functions applied to elements and to partitions of one bag or of several side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shoal.bag.arguments import Arguments, Partitioned, same_npartitions
from shoal.bag.kernels import map_elements
from shoal.bag.nodes import Stage
from shoal.bag.steps import Step, step
from shoal.expr.annotate import current_annotations
from shoal.graph.naming import given_name
from shoal.graph.task import Template

__all__ = ["bag_map", "bag_zip", "map_partitions", "title_of"]


def title_of(func: Any) -> str:
    """What the tasks that call a function are called.

    Parameters
    ----------
    func
        A function, or anything callable.

    Examples
    --------
    >>> title_of(len), title_of(lambda x: x), title_of(None)
    ('len', 'lambda', 'None')
    """
    if func is None:
        return "None"
    return given_name(func).strip("<>")


def check_callable(what: str, func: Any) -> None:
    """Raise the error for something that cannot be called.

    Parameters
    ----------
    what
        The operation, for the message.
    func
        Anything.

    Raises
    ------
    TypeError
        It cannot be called.

    Examples
    --------
    >>> check_callable("map", 5)
    Traceback (most recent call last):
    ...
    TypeError: map takes a function first, got int: 5
    """
    if not callable(func):
        raise TypeError(f"{what} takes a function first, got {type(func).__name__}: {func!r:.80}")


def bag_map(func: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Apply a function to the elements of one or more bags.

    Parameters
    ----------
    func
        Called once for each element, or for each group of elements at the same place in all bags.
    *args, **kwargs
        A bag stands for its elements; at least one must be a bag, and all bags must be
        partitioned alike.  An `Item`, a delayed value or another collection stands for
        its result, anything else for itself.

    Returns
    -------
    Bag

    Raises
    ------
    ValueError
        There is no bag, or the numbers of partitions differ.  When it is computed: partitions
        have different lengths.

    Examples
    --------
    >>> import shoal.bag as db
    >>> a = db.from_sequence([1, 2, 3], npartitions=2)
    >>> b = db.from_sequence([10, 20, 30], npartitions=2)
    >>> db.map(max, a, b, a.max()).compute(scheduler="sync")
    [10, 20, 30]
    """
    check_callable("map", func)
    values = [*args, *kwargs.values()]
    bags = same_npartitions("map", values)
    first: Any = bags[0]
    found = Arguments()
    if len(values) == 1 and not kwargs:
        one = step(map, func, found.argument(first), title=title_of(func))
    else:
        filled = [found.argument(value) for value in values]
        streams = tuple([isinstance(value, Partitioned) for value in values])
        args_ = (func, streams, tuple(kwargs), *filled)
        one = Step(map_elements, Template(args_), title_of(func))
    return type(first)(_stage(found, one, first))


def map_partitions(
    func: Callable[..., Any], /, *args: Any, token: str | None = None, **kwargs: Any
) -> Any:
    """Apply a function to the partitions of one or more bags.

    Parameters
    ----------
    func
        Called once for each partition with an iterable (often an iterator: what comes before is
        done while it is read); returns an iterable.
    *args, **kwargs
        A bag stands for its partitions; at least one must be a bag, and all must have the same
        number of partitions.  An `Item`, a delayed value or another collection stands
        for its result, anything else for itself.
    token
        What names of tasks begin with; default: the function's name.

    Returns
    -------
    Bag

    Raises
    ------
    ValueError
        There is no bag, or the numbers of partitions differ.

    Examples
    --------
    >>> import shoal.bag as db
    >>> def scaled(part, by):
    ...     return [x / by for x in part]
    >>> b = db.from_sequence([1, 2, 4], npartitions=2)
    >>> db.map_partitions(scaled, b, by=b.max()).compute(scheduler="sync")
    [0.25, 0.5, 1.0]
    """
    check_callable("map_partitions", func)
    first: Any = same_npartitions("map_partitions", [*args, *kwargs.values()])[0]
    found = Arguments()
    filled = [found.argument(value) for value in args]
    one = Step(func, Template(filled, found.named(kwargs)), token or title_of(func))
    return type(first)(_stage(found, one, first))


def bag_zip(*bags: Any) -> Any:
    """Tuples of the elements at the same place of several bags.

    Partitions are zipped one by one; where one is longer than its neighbours, what is left over
    is dropped, as the builtin ``zip`` does.

    Parameters
    ----------
    *bags
        With the same number of partitions.

    Returns
    -------
    Bag

    Raises
    ------
    ValueError
        The numbers of partitions differ.
    TypeError
        Something is not a bag.

    Examples
    --------
    >>> import shoal.bag as db
    >>> a, b = db.range(3, npartitions=2), db.from_sequence("xyz", npartitions=2)
    >>> db.zip(a, b).compute(scheduler="sync")
    [(0, 'x'), (1, 'y'), (2, 'z')]
    """
    for bag in bags:
        if not isinstance(bag, Partitioned):
            raise TypeError(
                f"zip takes bags, got {type(bag).__name__}; wrap a sequence with from_sequence"
            )
    first: Any = same_npartitions("zip", bags)[0]
    found = Arguments()
    refs = [found.argument(bag) for bag in bags]
    return type(first)(_stage(found, step(zip, *refs), first))


def _stage(found: Arguments, one: Step, bag: Any) -> Stage:
    """The stage of one step on inputs that were found."""
    return Stage(tuple(found.inputs), (one,), bag._node.size, annotations=current_annotations())


def then(bag: Any, one: Step) -> Any:
    """A bag with one more step on each partition.

    Parameters
    ----------
    bag
        The step's ``Ref(0)``.
    one
        The step.

    Examples
    --------
    >>> import shoal.bag as db
    >>> from shoal.graph.task import Ref
    >>> then(db.from_sequence(["ab"]), step(reversed, Ref(0)))
    shoal.bag<reversed, npartitions=1>
    """
    return type(bag)(Stage((bag._node,), (one,), bag._node.size, annotations=current_annotations()))
