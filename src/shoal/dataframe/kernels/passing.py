"""Which functions on a partition leave its columns to themselves, so that unread ones may go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["columns_beside", "passes_columns"]

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
