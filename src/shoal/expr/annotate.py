"""Annotations: what a person wants a scheduler to know of some tasks.

``with annotate(priority=10): ...`` marks everything that is built inside of the block.  The
marks travel with the expression to the plan; what they mean is up to the executor (a cluster
knows workers, resources, priority, retries; the local executors have no use for them).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from typing import Any

__all__ = ["annotate", "current_annotations", "get_annotations", "refuse_misspelt"]

_current: ContextVar[dict[str, Any] | None] = ContextVar("shoal_annotations", default=None)

current_annotations = _current.get
"""The annotations in force, or None; the cheap form for code that builds nodes."""


def get_annotations() -> dict[str, Any]:
    """The annotations in force where this is called.

    Returns
    -------
    dict

    Examples
    --------
    >>> with annotate(retries=3):
    ...     get_annotations()
    {'retries': 3}
    """
    return dict(_current.get() or {})


@contextlib.contextmanager
def annotate(**annotations: Any) -> Iterator[None]:
    """Mark everything built inside a ``with`` block; inner blocks add to outer ones.

    Parameters
    ----------
    **annotations
        Any names and values.  These are checked, because schedulers act on them: ``priority``
        (a number), ``retries`` (an int, at least 0), ``workers`` (a str, or a list, tuple or set
        of them), ``allow_other_workers`` (a bool), ``resources`` (a dict of numbers),
        ``timeout_s`` (a number: a run that takes longer has failed), ``executor`` (a str: which
        of the worker's), ``speculative`` (a bool: a second copy may be started when the first
        is slow).  A function of the task's key may stand for a value.

    Raises
    ------
    TypeError
        A checked annotation has another type, or a name is one of these misspelt (``worker``,
        ``timeout``): it would mean nothing, and nobody would notice.

    Examples
    --------
    >>> with annotate(priority=1), annotate(retries=2):
    ...     get_annotations()
    {'priority': 1, 'retries': 2}
    """
    refuse_misspelt(annotations, CHECKED, "annotate")
    for name, value in annotations.items():
        _check(name, value)
    token = _current.set({**(_current.get() or {}), **annotations})
    try:
        yield
    finally:
        _current.reset(token)


CHECKED: dict[str, tuple[tuple[type, ...], str]] = {
    "priority": ((int, float), "a number"),
    "retries": ((int,), "an int of at least 0"),
    "workers": ((str, list, tuple, set), "a str, or a list, tuple or set of them"),
    "allow_other_workers": ((bool,), "a bool"),
    "resources": ((dict,), "a dict of numbers"),
    "timeout_s": ((int, float), "a number of seconds"),
    "executor": ((str,), "the name of an executor"),
    "speculative": ((bool,), "a bool"),
}
"""Annotations that schedulers act on: their types, also in words."""

MEANT = {
    "actor": "actors",
    "allow_other_worker": "allow_other_workers",
    "executors": "executor",
    "priorities": "priority",
    "resource": "resources",
    "retry": "retries",
    "timeout": "timeout_s",
    "worker": "workers",
}
"""What is written by those who mean something else."""


def refuse_misspelt(given: Iterable[str], known: Iterable[str], method: str) -> None:
    """Refuse options that would mean nothing, and are meant to be others.

    Parameters
    ----------
    given
        Names of options that are not looked at.
    known
        Names of those that are.
    method
        Where they were given.

    Raises
    ------
    TypeError
        For the first of them.

    Examples
    --------
    >>> refuse_misspelt(["colour"], ["workers"], "compute")
    >>> refuse_misspelt(["worker"], ["workers"], "compute")
    Traceback (most recent call last):
    ...
    TypeError: compute has no option 'worker': use workers=
    >>> refuse_misspelt(["timeout"], ["workers"], "compute")
    Traceback (most recent call last):
    ...
    TypeError: compute has no option 'timeout': use shoal.annotate(timeout_s=...), for each task
    """
    for name in given:
        meant = MEANT.get(name, "")
        if meant in known:
            raise TypeError(f"{method} has no option {name!r}: use {meant}=")
        if meant in CHECKED:
            advice = f"use shoal.annotate({meant}=...), for each task"
            raise TypeError(f"{method} has no option {name!r}: {advice}")


def _check(name: str, value: Any) -> None:
    if callable(value):
        return
    if name not in CHECKED:
        return
    types, said = CHECKED[name]
    good = isinstance(value, types)
    if name == "retries" and isinstance(value, int):
        good = value >= 0
    if name == "resources" and isinstance(value, dict):
        good = all(isinstance(amount, int | float) for amount in value.values())
    if not good:
        raise TypeError(f"annotate({name}=...) takes {said} or a function, got {value!r}")
