"""Which functions on a partition leave its columns to themselves, so that unread ones may go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["columns_beside", "passes_columns"]

F = TypeVar("F", bound=Callable[..., Any])

PASSING: dict[Any, int] = {}
"""By function: the place of the argument with names of columns that it reads besides; 0: none."""


def passes_columns(keys: int = 0) -> Callable[[F], F]:
    """Mark a function that makes each column of its result from the one of that name alone.

    Parameters
    ----------
    keys
        Which argument has names of columns that it reads besides; 0 if none does.

    Examples
    --------
    >>> @passes_columns()
    ... def backwards(part):
    ...     return part.iloc[::-1]
    >>> columns_beside(backwards, ("a partition",)), columns_beside(len, ("a partition",))
    (frozenset(), None)
    """

    def marked(func: F) -> F:
        PASSING[func] = keys
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
        place = PASSING.get(func)
    except TypeError:
        return None  # a function of the user's that has no hash
    if place is None:
        return None
    names = args[place] if place else []
    return frozenset(names if isinstance(names, list) else [names])
