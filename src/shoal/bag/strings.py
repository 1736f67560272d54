"""The methods of text, on all elements of a bag: ``bag.str.upper()``."""

from __future__ import annotations

import fnmatch
import operator
from collections.abc import Callable
from typing import Any

from shoal.bag.arguments import Partitioned
from shoal.bag.elementwise import then
from shoal.bag.steps import step
from shoal.graph.task import Ref

__all__ = ["StringAccessor"]


class StringAccessor:
    """What ``bag.str`` is.

    Parameters
    ----------
    bag
        Of text.

    Examples
    --------
    >>> import shoal.bag as db
    >>> b = db.from_sequence(["Ann Bo", "Cy Bo"])
    >>> b.str.split(" ").compute(scheduler="sync")
    [['Ann', 'Bo'], ['Cy', 'Bo']]
    >>> b.str.match("*nn*").compute(scheduler="sync")
    ['Ann Bo']
    """

    __slots__ = ("_bag",)

    def __init__(self, bag: Any) -> None:
        assert isinstance(bag, Partitioned)
        self._bag: Any = bag

    def __dir__(self) -> list[str]:
        return sorted({*object.__dir__(self), *dir(str)})

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_") or not callable(getattr(str, name, None)):
            raise AttributeError(f"text has no method {name!r}, and so bag.str has none")

        def method(*args: Any, **kwargs: Any) -> Any:
            call = operator.methodcaller(name, *args, **kwargs)
            return then(self._bag, step(map, call, Ref(0), title=name))

        method.__name__ = name
        method.__doc__ = getattr(str, name).__doc__
        return method

    def match(self, pattern: str) -> Any:
        """Keep the elements that match a pattern as file names do.

        Parameters
        ----------
        pattern
            With ``*``, ``?`` and ``[...]``; upper and lower case differ.

        Returns
        -------
        Bag

        Examples
        --------
        >>> import shoal.bag as db
        >>> b = db.from_sequence(["Ann Bo", "Cy Di"])
        >>> b.str.match("*Bo").compute(scheduler="sync")
        ['Ann Bo']
        """
        return self._bag.filter(Match(pattern))


class Match:
    """Whether text matches a pattern.

    Parameters
    ----------
    pattern
        As `fnmatch.fnmatchcase` takes it.

    Examples
    --------
    >>> Match("a*")("abc")
    True
    """

    __slots__ = ("pattern",)

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern

    def __call__(self, text: str) -> bool:
        return fnmatch.fnmatchcase(text, self.pattern)

    def __reduce__(self) -> tuple[Any, ...]:
        return Match, (self.pattern,)
