"""Filters of readers: triples of a column, an operator and a value.

Users write them (``filters=[("x", ">", 1)]``), and rules make them of predicates.  What stands for
a missing value meets no filter but ``is`` and ``not in``.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

__all__ = ["ANY", "met_by", "normalized", "parts_of"]

ANY = "any"
"""The operator of a filter whose value is lists of filters, of which one has to hold."""

OPERATORS = {
    **{op: op for op in ("<", "<=", ">", ">=", "==", "!=", "in", "not in", "is", "is not")},
    "=": "==",
}
"""The operators of filters, and what each is called from here on."""

COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "in": lambda key, values: key in values,
    "not in": lambda key, values: key not in values,
    "is": lambda key, value: key is None,
    "is not": lambda key, value: key is not None,
}


def normalized(filters: Any) -> tuple[Any, ...]:
    """What users write as triples that all hold.

    Several lists, of which any holds, are one triple ``(None, ANY, lists)``.

    Parameters
    ----------
    filters
        A list of triples, or a list of such lists.

    Raises
    ------
    ValueError
        It is something else.
    TypeError
        "in" of what is no collection.

    Examples
    --------
    >>> normalized([("x", "=", 1)])
    (('x', '==', 1),)
    """
    if not filters:
        return ()
    groups = [filters] if isinstance(filters[0], tuple) else list(filters)
    told = tuple([tuple([_checked(one) for one in group]) for group in groups])
    return told[0] if len(told) == 1 else ((None, ANY, told),)


def _checked(one: Any) -> tuple[Any, str, Any]:
    if len(one) != 3 or one[1] not in OPERATORS:
        raise ValueError(
            f"{one!r} is not a filter: {one[1] if len(one) > 1 else one!r} is "
            "not a valid operator in predicates; a filter is (column, operator, value), the "
            f"operator one of {', '.join(OPERATORS)}"
        )
    column, op, value = one
    if op in ("in", "not in"):
        if isinstance(value, str) or not hasattr(value, "__iter__"):
            raise TypeError(
                f"Value of '{op}' filter must be a list, set or tuple; got {value!r} for {column!r}"
            )
        value = tuple(sorted(value, key=str) if isinstance(value, set | frozenset) else value)
    return column, OPERATORS[op], value


def parts_of(filters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """The lists of filters, of each of which one list has to hold.

    Parameters
    ----------
    filters
        As `normalized` gives them.

    Examples
    --------
    >>> parts_of([("x", "==", 1)])
    [((('x', '==', 1),),)]
    """
    return [value if op == ANY else (((c, op, value),),) for c, op, value in filters]


def met_by(groups: Sequence[Any], keys: Mapping[str, Any]) -> list[list[Any]] | None:
    """What is left to check of some lists of filters, where the values of some columns are known.

    Parameters
    ----------
    groups
        Of which one has to hold.
    keys
        Values by column.

    Returns
    -------
    list of lists, or None if no row can meet them; an empty list if all do.

    Examples
    --------
    >>> (
    ...     met_by([[("k", "==", 1), ("x", ">", 2)]], {"k": 1}),
    ...     met_by([[("k", "==", 1)]], {"k": 2}),
    ... )
    ([[('x', '>', 2)]], None)
    """
    left = []
    for group in groups:
        rest = [one for one in group if one[0] not in keys]
        if all(_holds(keys[c], op, value) for c, op, value in group if c in keys):
            if not rest:
                return []
            left.append(rest)
    return left or None


def _holds(key: Any, op: str, value: Any) -> bool:
    if key is None and not op.startswith("is"):
        return False
    if isinstance(key, str) and isinstance(value, int | float):
        return False
    return bool(COMPARE[op](key, value))
