"""Which functions on a partition leave its columns to themselves, so that unread ones may go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

__all__ = ["Joined", "columns_beside", "joined_by", "joins_columns", "passes_columns"]

F = TypeVar("F", bound=Callable[..., Any])

PASSING: dict[Any, tuple[int, Callable[[tuple[Any, ...]], bool] | None]] = {}
"""By function: the place of the argument with names of columns that it reads besides (0: none), and
with which arguments it leaves columns to themselves (None: with all)."""


def passes_columns(
    keys: int = 0, when: Callable[[tuple[Any, ...]], bool] | None = None
) -> Callable[[F], F]:
    """Mark a function that makes each column of its result from the one of that name alone.

    Parameters
    ----------
    keys
        Which argument has names of columns that it reads besides; 0 if none does.
    when
        ``when(args)`` says whether it does so with these; by default with any.

    Examples
    --------
    >>> @passes_columns()
    ... def backwards(part):
    ...     return part.iloc[::-1]
    >>> columns_beside(backwards, ("a partition",)), columns_beside(len, ("a partition",))
    (frozenset(), None)
    """

    def marked(func: F) -> F:
        PASSING[func] = keys, when
        return func

    return marked


def columns_beside(func: Any, args: tuple[Any, ...]) -> frozenset[Any] | None:
    """The columns that a function reads besides those of its result; None if it may read any.

    Parameters
    ----------
    func
        The function.
    args
        Its arguments, a partition first.

    Examples
    --------
    >>> from shoal.dataframe.kernels.levels import labelled_by
    >>> columns_beside(labelled_by, ("a partition", "x", True))
    frozenset({'x'})
    """
    try:
        found = PASSING.get(func)
    except TypeError:
        return None  # a function of the user's that has no hash
    if found is None:
        return None
    place, when = found
    if when is not None and not when(args):
        return None
    names = args[place] if place else []
    return frozenset(names if isinstance(names, list) else [names])


class Joined(NamedTuple):
    """How a function puts the columns of two frames side by side.

    Parameters
    ----------
    left_on, right_on
        Names of the columns by which rows meet.
    same
        Those that are one column of the result.
    suffixes
        Of other columns that both have.

    Examples
    --------
    >>> Joined(["k"], ["k"], {"k"}, ("_x", "_y")).labels(["k", "x"], ["k", "x", "y"])
    [{'k': 'k', 'x': 'x_x'}, {'k': 'k', 'x': 'x_y', 'y': 'y'}]
    """

    left_on: list[Any]
    right_on: list[Any]
    same: set[Any]
    suffixes: tuple[Any, Any]

    def labels(self, left: Any, right: Any) -> list[dict[Any, Any]]:
        """What the columns of both sides are called in the result.

        Parameters
        ----------
        left, right
            Names of the columns.
        """
        shared = set(left).intersection(right) - self.same
        return [
            {n: f"{n}{end}" if n in shared and end is not None else n for n in names}
            for names, end in zip((left, right), self.suffixes, strict=True)
        ]


JOINING: dict[Any, Callable[[tuple[Any, ...]], Joined]] = {}
"""By function: how it joins, from its arguments."""


def joins_columns(how: Callable[[tuple[Any, ...]], Joined]) -> Callable[[F], F]:
    """Mark a function of a frame, and one or more with the columns of the other side of a join.

    Parameters
    ----------
    how
        ``how(args)`` says how they are joined.

    Examples
    --------
    >>> @joins_columns(lambda args: Joined(["k"], ["k"], {"k"}, ("", "_r")))
    ... def beside(left, right):
    ...     return left.merge(right, on="k", suffixes=("", "_r"))
    >>> JOINING.pop(beside)(()).left_on
    ['k']
    """

    def marked(func: F) -> F:
        JOINING[func] = how
        return func

    return marked


def joined_by(func: Any, args: tuple[Any, ...]) -> Joined | None:
    """How a function joins two frames; None where it does something else.

    Parameters
    ----------
    func
        The function.
    args
        Its arguments.

    Examples
    --------
    >>> joined_by(len, ())
    """
    try:
        how = JOINING.get(func)
    except TypeError:
        return None  # a function of the user's that has no hash
    return None if how is None else how(args)
