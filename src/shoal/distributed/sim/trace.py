"""Messages and events in a line each, for people who look for what went wrong."""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = ["describe"]


def describe(what: Any) -> str:
    """A message in a line: its type, and the fields that say something.

    Parameters
    ----------
    what
        A message, or text.

    Examples
    --------
    >>> from shoal.distributed.protocol import Drop
    >>> describe(Drop([1, 2]))
    'Drop ids=[1, 2]'
    """
    if not isinstance(what, msgspec.Struct):
        return str(what)
    parts = [type(what).__name__]
    for name in what.__struct_fields__:
        value = getattr(what, name)
        if value or (value == 0 and name in ("number", "request")):
            text = repr(value)
            parts.append(f"{name}={text if len(text) < 200 else text[:200] + '...'}")
    return " ".join(parts)
