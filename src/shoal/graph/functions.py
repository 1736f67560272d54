"""Functions that tasks call, and what can be asked of a function.

They exist because a task holds a function and its arguments apart, and because what a task holds
has to pickle and to have a token: a lambda would do the work of each of these once.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

__all__ = [
    "IndexCallable",
    "M",
    "Method",
    "OperatorMethodMixin",
    "apply",
    "derived_from",
    "has_keyword",
    "ignore_warning",
    "takes_multiple_arguments",
]

F = TypeVar("F", bound=Callable[..., Any])


def apply(
    func: Callable[..., Any], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
) -> Any:
    """Call a function; for tasks whose keyword arguments are a result of other tasks.

    Parameters
    ----------
    func
        What to call.
    args, kwargs
        Its arguments.

    Examples
    --------
    >>> apply(int, ["ff"], {"base": 16})
    255
    """
    return func(*args, **kwargs) if kwargs else func(*args)


class Method:
    """Call a method by name: ``Method("upper")("text") == "TEXT"``.

    Unlike `operator.methodcaller` the arguments come with the call.

    Parameters
    ----------
    name
        Of the method.

    Examples
    --------
    >>> Method("split")("a-b", "-")
    ['a', 'b']
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, obj: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(obj, self.name)(*args, **kwargs)

    @property
    def __name__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"Method({self.name!r})"

    def __eq__(self, other: object) -> bool:
        return type(other) is Method and other.name == self.name

    def __hash__(self) -> int:
        return hash((Method, self.name))

    def __reduce__(self) -> tuple[Any, ...]:
        return Method, (self.name,)


class _Methods:
    """Makes a `Method` of every attribute."""

    def __getattr__(self, name: str) -> Method:
        if name.startswith("__"):
            raise AttributeError(name)
        return Method(name)

    def __dir__(self) -> list[str]:
        return []


M = _Methods()
"""``M.upper`` is ``Method("upper")``."""


def has_keyword(func: Callable[..., Any], keyword: str) -> bool:
    """Whether a function takes an argument by some name.

    Parameters
    ----------
    func
        Any callable; one that does not tell its arguments takes none.
    keyword
        The name.

    Examples
    --------
    >>> has_keyword(int, "base"), has_keyword(lambda x: x, "x"), has_keyword(lambda x: x, "y")
    (False, True, False)
    """
    try:
        return keyword in inspect.signature(func).parameters
    except (TypeError, ValueError):
        return False


def takes_multiple_arguments(func: Callable[..., Any], varargs: bool = True) -> bool:
    """Whether a function can only be called with two or more positional arguments.

    Parameters
    ----------
    func
        Any callable; one that does not tell its arguments (many builtins) is taken for one that
        takes a single argument.
    varargs
        What to say of functions that take any number.

    Examples
    --------
    >>> takes_multiple_arguments(lambda x, y: x), takes_multiple_arguments(lambda x, y=0: x)
    (True, False)
    >>> (
    ...     takes_multiple_arguments(lambda *args: args),
    ...     takes_multiple_arguments(lambda *args: 0, False),
    ... )
    (True, False)
    """
    try:
        parameters = inspect.signature(func).parameters.values()
    except (TypeError, ValueError):
        return False
    kinds = [p.kind for p in parameters]
    if inspect.Parameter.VAR_POSITIONAL in kinds:
        return varargs
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = [p for p in parameters if p.kind in positional and p.default is p.empty]
    return len(needed) > 1


class IndexCallable:
    """A function that is called by an index in brackets.

    Parameters
    ----------
    fn
        Of the index.

    Examples
    --------
    >>> IndexCallable(len)["abc"]
    3
    """

    __slots__ = ("fn",)

    def __init__(self, fn: Callable[[Any], Any]) -> None:
        self.fn = fn

    def __getitem__(self, key: Any) -> Any:
        return self.fn(key)


class OperatorMethodMixin:
    """Operators from functions, for classes of collections that libraries write.

    A subclass says what an operator does by ``_get_unary_operator`` and ``_get_binary_operator``,
    each a class method from a function of `operator` to a method.

    Examples
    --------
    >>> import operator
    >>> class Words(OperatorMethodMixin):
    ...     @classmethod
    ...     def _get_binary_operator(cls, op, inv=False):
    ...         return lambda self, other: f"{op.__name__} {other}"
    >>> Words._bind_operator(operator.add)
    >>> Words() + 5
    'add 5'
    """

    __slots__ = ()

    @classmethod
    def _bind_operator(cls, op: Callable[..., Any]) -> None:
        name = op.__name__.rstrip("_")
        if name == "inv":
            name = "invert"
        if name in ("abs", "invert", "neg", "pos"):
            setattr(cls, f"__{name}__", cls._get_unary_operator(op))
            return
        setattr(cls, f"__{name}__", cls._get_binary_operator(op))
        if name not in ("eq", "ge", "gt", "le", "lt", "ne", "getitem"):
            setattr(cls, f"__r{name}__", cls._get_binary_operator(op, inv=True))

    @classmethod
    def _get_unary_operator(cls, op: Callable[..., Any]) -> Callable[..., Any]:
        raise NotImplementedError(f"{cls.__name__} does not say what unary operators do")

    @classmethod
    def _get_binary_operator(cls, op: Callable[..., Any], inv: bool = False) -> Callable[..., Any]:
        raise NotImplementedError(f"{cls.__name__} does not say what binary operators do")


def ignore_warning(doc: str, cls: Any, name: str, extra: str = "", **_: Any) -> str:
    """A docstring that was taken from another class, with a line that says so.

    Parameters
    ----------
    doc
        The docstring.
    cls, name
        The class, and the method of it.
    extra
        More text for after that line.
    **_
        Accepted.

    Examples
    --------
    >>> ignore_warning("Upper case.", str, "upper")
    'Upper case.\\n\\nThis docstring was copied from builtins.str.upper.\\n'
    """
    note = f"This docstring was copied from {cls.__module__}.{cls.__name__}.{name}.\n{extra}"
    head, gap, rest = doc.partition("\n\n")
    return f"{head}\n\n{note}{gap}{rest}"


def derived_from(original: Any, **_: Any) -> Callable[[F], F]:
    """Give a method that has no docstring that of the one it mirrors.

    Parameters
    ----------
    original
        The class or module that has a method or function of the same name.
    **_
        What Dask's decorator of this name takes; accepted.

    Examples
    --------
    >>> class Words:
    ...     @derived_from(str)
    ...     def upper(self):
    ...         return Words()
    >>> Words.upper.__doc__ == str.upper.__doc__
    True
    """

    def decorate(method: F) -> F:
        if not method.__doc__:
            method.__doc__ = getattr(getattr(original, method.__name__, None), "__doc__", None)
        return method

    return decorate
