"""NumPy's documentation for functions of arrays that do what NumPy's do."""

from __future__ import annotations

from typing import Any

__all__ = ["numpys_words"]


def numpys_words(function: Any) -> str:
    """NumPy's documentation of a function, without its examples: those are of NumPy's arrays.

    Parameters
    ----------
    function
        NumPy's.

    Examples
    --------
    >>> import numpy as np
    >>> ">>>" in numpys_words(np.sinc)
    False
    """
    text = function.__doc__ or ""
    for heading in ("Examples", "Example"):
        before, line, _ = text.partition(f"{heading}\n    ----")
        text = before if line else text
    return text.partition(">>>")[0].rstrip() + "\n"
