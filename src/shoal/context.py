"""Methods that a setting replaces.

A collection's default for something (its scheduler, its optimiser) can be a method that looks
into the settings first, so that a user changes it for a ``with`` block.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shoal import config

__all__ = ["GlobalMethod", "globalmethod"]


class GlobalMethod:
    """A static method unless the settings have another function.

    Parameters
    ----------
    default
        The function.
    key
        The setting.
    falsey
        The function to use where the setting is false (but not None).

    Examples
    --------
    >>> class Thing:
    ...     size = GlobalMethod(len, "thing-size")
    >>> Thing.size("four")
    4
    """

    def __init__(
        self,
        default: Callable[..., Any],
        key: str,
        falsey: Callable[..., Any] | None = None,
    ) -> None:
        self._default = default
        self._key = key
        self._falsey = falsey

    def __get__(self, instance: Any, owner: type | None = None) -> Callable[..., Any]:
        chosen = config.get(self._key, None)
        if chosen is None:
            return self._default
        if not chosen and self._falsey is not None:
            return self._falsey
        if not callable(chosen):
            raise TypeError(
                f"the setting {self._key!r} stands for a function, got {chosen!r}; "
                "set it to a function, or to None for the default"
            )
        function: Callable[..., Any] = chosen
        return function


def globalmethod(
    default: Callable[..., Any] | None = None,
    key: str = "",
    falsey: Callable[..., Any] | None = None,
) -> Any:
    """Make a function a static method that a setting replaces.

    Parameters
    ----------
    default
        The function; left out, a decorator is returned.
    key
        The setting.
    falsey
        The function to use where the setting is false (but not None).

    Examples
    --------
    >>> from shoal import config
    >>> class Thing:
    ...     @globalmethod(key="thing-size")
    ...     def size(item):
    ...         return len(item)
    >>> with config.set({"thing-size": lambda item: 0}):
    ...     Thing.size("four")
    0
    """
    if default is None:
        return lambda function: GlobalMethod(function, key, falsey)
    return GlobalMethod(default, key, falsey)
