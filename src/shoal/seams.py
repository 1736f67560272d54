"""Seams between collections that do not import each other: one function of each, by name.

`shoal.bag`, `shoal.array` and `shoal.dataframe` stand side by side.  Where one turns into another,
the function that does it is named here and loaded when it is first called.
"""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["SEAMS", "across"]

SEAMS = {
    "bag to dataframe": "shoal.dataframe.io.memory:from_bag",
}
"""What turns one collection into another: the module and the function."""


def across(name: str, *args: Any) -> Any:
    """Call a function on the other side of a seam.

    Parameters
    ----------
    name
        In `SEAMS`.
    *args
        Its arguments.

    Examples
    --------
    >>> import shoal.bag as db
    >>> across("bag to dataframe", db.from_sequence([{"x": 1}]), None, None).columns.tolist()
    ['x']
    """
    module, _, function = SEAMS[name].partition(":")
    return getattr(importlib.import_module(module), function)(*args)
