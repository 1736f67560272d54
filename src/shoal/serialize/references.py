"""What is in an object's bytes that lives elsewhere, and only as long as somebody wants it there.

A future keeps the result that it stands for.  When an object that holds one is pickled, and the
bytes outlive the object, nobody would want that result any more until the bytes are read.  So what
is such a reference says so while it is pickled (`refer`), and whoever keeps the bytes under a name
passes the name on (`hold`), before the object may go.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

__all__ = ["References", "hold", "refer"]

_here = threading.local()


class References:
    """Collects what is referred to in a ``with`` block, by this thread.

    Attributes
    ----------
    found
        ``(tell, key, reference)`` of each, as given to `refer`; so none of them goes meanwhile.

    Examples
    --------
    >>> with References() as references:
    ...     refer(print, "x", None)
    >>> references.found
    [(<built-in function print>, 'x', None)]
    >>> refer(print, "y", None)  # nobody asks
    """

    __slots__ = ("_around", "found")

    def __init__(self) -> None:
        self.found: list[tuple[Callable[..., object], Any, Any]] = []

    def __enter__(self) -> References:
        self._around = getattr(_here, "found", None)
        _here.found = self.found
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _here.found = self._around


def refer(tell: Callable[[Sequence[Any], list[Any]], object], key: Any, reference: object) -> None:
    """What is being pickled refers to a key.

    Parameters
    ----------
    tell
        ``tell(holders, keys)``: keep the keys as long as one of the holders is known.
    key
        The key.
    reference
        What refers to it.

    Examples
    --------
    See `References`.

    >>> refer(print, "x", None)
    """
    found = getattr(_here, "found", None)
    if found is not None:
        found.append((tell, key, reference))


def hold(references: References, holders: Sequence[Any]) -> None:
    """Have what was found kept as long as what it was found in; each that tells is called once.

    Parameters
    ----------
    references
        What was found.
    holders
        The names under which the bytes are kept.

    Examples
    --------
    >>> with References() as references:
    ...     refer(print, "x", None)
    ...     refer(print, "y", None)
    >>> hold(references, ["result"])
    ['result'] ['x', 'y']
    """
    keys: dict[Callable[..., object], dict[Any, None]] = {}
    for tell, key, _ in references.found:
        keys.setdefault(tell, {})[key] = None
    for tell, mine in keys.items():
        tell(holders, list(mine))
