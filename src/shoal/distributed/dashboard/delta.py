"""What has changed between two states of a page's data.

A state is nested dictionaries with plain values (numbers, strings, lists, None) at the ends.  A
change holds the keys whose values are new or other, with dictionaries taken apart and lists
taken whole, and under ``GONE`` the keys that are not there any more.
"""

from __future__ import annotations

from typing import Any

__all__ = ["GONE", "apply", "delta"]

GONE = "\x00gone"


def delta(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The change from ``old`` to ``new``; empty if there is none.

    Parameters
    ----------
    old, new
        States.

    Examples
    --------
    >>> delta({"a": {"x": 1, "y": 2}, "b": 3}, {"a": {"x": 1, "y": 5}, "c": [1]})
    {'a': {'y': 5}, 'c': [1], '\\x00gone': ['b']}
    """
    change: dict[str, Any] = {}
    for key, value in new.items():
        if key not in old:
            change[key] = value
            continue
        before = old[key]
        if isinstance(value, dict) and isinstance(before, dict):
            inner = delta(before, value)
            if inner:
                change[key] = inner
        elif before != value or type(before) is not type(value):
            change[key] = value
    gone = [key for key in old if key not in new]
    if gone:
        change[GONE] = gone
    return change


def apply(old: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """``old`` after a change; what ``static/live.js`` does, for tests.

    Parameters
    ----------
    old
        A state.
    change
        From `delta`.

    Examples
    --------
    >>> old, new = {"a": {"x": 1}, "b": 3}, {"a": {"x": 2}}
    >>> apply(old, delta(old, new)) == new
    True
    """
    new = {key: value for key, value in old.items() if key not in change.get(GONE, ())}
    for key, value in change.items():
        if key == GONE:
            continue
        before = new.get(key)
        both = isinstance(value, dict) and isinstance(before, dict)
        new[key] = apply(before, value) if both and before is not None else value
    return new
