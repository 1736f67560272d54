"""One function for each type: `functools.singledispatch` that can wait for a package to load.

What is done with the types of an optional package stands in a function that is called when the
first object of that package turns up, so that nothing has to be imported for types that a program
never sees.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, overload

__all__ = ["Dispatch"]

F = TypeVar("F", bound=Callable[..., Any])
L = TypeVar("L", bound=Callable[[], Any])


class Dispatch:
    """A function that behaves according to the type of its first argument.

    Parameters
    ----------
    name
        Shown as the function's name.

    Examples
    --------
    >>> describe = Dispatch("describe")
    >>> @describe.register(int)
    ... def describe_int(number):
    ...     return f"the number {number}"
    >>> describe(5)
    'the number 5'
    >>> describe("five")
    Traceback (most recent call last):
    ...
    TypeError: describe knows nothing of the type str; register a function for it
    """

    def __init__(self, name: str | None = None) -> None:
        if name:
            self.__name__ = name
        self.table: dict[type, Callable[..., Any]] = {}
        self.found: dict[type, Callable[..., Any]] = {}
        """What `dispatch` found out about types that are not in the table themselves."""
        self.lazy: dict[str, Callable[[], Any]] = {}

    @overload
    def register(self, cls: type | tuple[type, ...]) -> Callable[[F], F]: ...
    @overload
    def register(self, cls: type | tuple[type, ...], func: F) -> F: ...
    def register(self, cls: type | tuple[type, ...], func: Any = None) -> Any:
        """Say what to do with a type and its subclasses.

        Parameters
        ----------
        cls
            The type, or several; `object` for all that have nothing of their own.
        func
            Called with the object and the other arguments; without it, a decorator is returned.
        """
        if func is None:
            return lambda func: self.register(cls, func)
        for one in cls if isinstance(cls, tuple) else (cls,):
            self.table[one] = func
            if one is object:
                self.__doc__ = func.__doc__
        self.found.clear()
        return func

    @overload
    def register_lazy(self, toplevel: str) -> Callable[[L], L]: ...
    @overload
    def register_lazy(self, toplevel: str, func: L) -> L: ...
    def register_lazy(self, toplevel: str, func: Any = None) -> Any:
        """Say what to call before the first object of a package is met.

        Parameters
        ----------
        toplevel
            The package's name, without dots.
        func
            Called once without arguments; registers the package's types.  Without it, a
            decorator is returned.
        """
        if func is None:
            return lambda func: self.register_lazy(toplevel, func)
        self.lazy[toplevel] = func
        self.found.clear()
        return func

    def dispatch(self, cls: type) -> Callable[..., Any]:
        """The function for a type.

        Parameters
        ----------
        cls
            Any type.

        Raises
        ------
        TypeError
            There is none.
        """
        found = self.found.get(cls)
        if found is None:
            found = self.found[cls] = self._search(cls)
        return found

    def _search(self, cls: type) -> Callable[..., Any]:
        # The nearest base wins, as for methods, whether its package is loaded yet or not.
        for base in cls.__mro__:
            load = self.lazy.pop(base.__module__.partition(".")[0], None)
            if load is not None:
                load()
            if base in self.table:
                return self.table[base]
        raise TypeError(
            f"{getattr(self, '__name__', type(self).__name__)} knows nothing of the type "
            f"{cls.__name__}; register a function for it"
        )

    def __call__(self, arg: Any, *args: Any, **kwargs: Any) -> Any:
        """Call the function for the type of ``arg``."""
        kind = type(arg)
        return (self.found.get(kind) or self.dispatch(kind))(arg, *args, **kwargs)
