"""Documentation of functions made from tables: NumPy's words, or a claim and an example."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["documented", "numpys_words"]

Function = TypeVar("Function", bound=Callable[..., Any])


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


def documented(
    function: Function, name: str, claim: str, parameters: str, example: str, result: str
) -> Function:
    """A function that a table has made, with a name and documentation of its own.

    Parameters
    ----------
    function
        Made in the module of the table, so that its example is tested there.
    name
        Of the function.
    claim
        What it gives, in a sentence without its full stop.
    parameters
        Lines of the section of that name.
    example, result
        What is typed after ``import shoal.array as da``, and what is printed.

    Examples
    --------
    >>> made = documented(lambda x: x, "same", "The same", "x\\n    Anything.", "same(1)", "1")
    >>> print(made.__name__, "-", made.__doc__.splitlines()[0])
    same - The same.
    """
    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"{claim}.\n\nParameters\n----------\n{parameters}\n\n"
        f"Examples\n--------\n>>> import shoal.array as da\n>>> {example}\n{result}\n"
    )
    return function
