"""What an exception says, as text that can be sent and shown.

An exception is the user's: its ``__str__`` may fail, its notes may be anything, its message may
take a gigabyte or hold half of a surrogate pair.  None of this keeps its failure from being told.
"""

from __future__ import annotations

from typing import Any

__all__ = ["message", "notes", "shortened", "type_name"]

MESSAGE_CHARACTERS = 100_000
"""How much of a message is worth sending to those who only read it."""


def type_name(error: BaseException) -> str:
    """The class of an exception, by its full name.

    Parameters
    ----------
    error
        Any.

    Examples
    --------
    >>> from shoal.errors import ShoalError
    >>> type_name(KeyError()), type_name(ShoalError("x"))
    ('KeyError', 'shoal.errors.ShoalError')
    """
    module, name = type(error).__module__, type(error).__qualname__
    return name if module == "builtins" else f"{module}.{name}"


def shortened(text: str, most: int = MESSAGE_CHARACTERS) -> str:
    """The begin and the end of a text that is too long, and how much of it was left out.

    Parameters
    ----------
    text
        Any.
    most
        Characters that are kept.

    Examples
    --------
    >>> shortened("x" * 1_000_000 + "y", 6)
    'xxx [... 999,995 characters left out ...] xxy'
    """
    left = len(text) - most
    if left <= 0:
        return text
    half = most // 2
    return f"{text[: most - half]} [... {left:,} characters left out ...] {text[-half:]}"


def notes(error: BaseException) -> list[str] | None:
    """What was noted on an exception, as texts; None for nothing.

    Parameters
    ----------
    error
        Any.

    Examples
    --------
    >>> notes(ValueError()) is None
    True
    """
    found = getattr(error, "__notes__", None)
    if found is None:
        return None
    return list(map(said, found)) if isinstance(found, list | tuple) else [said(found)]


def message(error: BaseException) -> str:
    """What an exception says, shortened and fit to be sent; its own ``__str__`` may fail.

    Parameters
    ----------
    error
        Any.

    Examples
    --------
    >>> message(ValueError("no such key"))
    'no such key'
    """
    return said(error)


def said(thing: Any) -> str:
    """An exception, or a note on one, as text that can be sent, whatever its ``__str__`` does.

    >>> said("a half of a pair: \\ud800")
    'a half of a pair: \\\\ud800'
    """
    try:
        return shortened(str(thing)).encode(errors="backslashreplace").decode()
    except Exception as inner:
        return f"(its __str__ raised {type(inner).__name__})"
