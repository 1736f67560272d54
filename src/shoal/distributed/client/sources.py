"""Which lines of a program a graph came from, for those who look at a scheduler's computations."""

from __future__ import annotations

import inspect
import sys
from types import FrameType
from typing import Any

__all__ = ["code_of_caller"]

OTHERS = ("shoal", "dask", "distributed", "contextlib", "threading")
"""Packages that are not the program's own, and modules through which it may call into ours."""


def code_of_caller(count: int) -> list[dict[str, Any]]:
    """The functions of the program that called into shoal, the innermost last.

    Parameters
    ----------
    count
        How many at most.

    Returns
    -------
    list of dict
        ``code`` (the text of the function), ``filename``, ``lineno_frame`` (its first line) and
        ``lineno_relative`` (of the call, within it).  Code without a file is left out.

    Examples
    --------
    >>> code_of_caller(0)
    []
    """
    found: list[dict[str, Any]] = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and len(found) < count:
        name = str(frame.f_globals.get("__name__", ""))
        if name.partition(".")[0] not in OTHERS:
            try:
                text = inspect.getsource(frame)
            except (OSError, TypeError):
                text = ""
            if text:
                first = frame.f_code.co_firstlineno
                said = {
                    "code": text,
                    "filename": frame.f_code.co_filename,
                    "lineno_frame": first,
                    "lineno_relative": max(frame.f_lineno - first, 0),
                }
                found.append(said)
        frame = frame.f_back
    return found[::-1]
