"""Names: of functions and types as people read them, and what a key says by its form.

A key is a str ``prefix-token``, or a tuple ``(prefix-token, i, j, ...)`` for one block of a
collection.  The prefix says what a task does; profiles, pictures and progress bars group tasks by
it.  What is in front of the block's index is the *name* of the collection.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TypeVar

from shoal.graph.token import tokenize
from shoal.types import Key

__all__ = [
    "clone_key",
    "funcname",
    "get_name_from_key",
    "given_name",
    "key_split",
    "natural_sort_key",
    "replace_name_in_key",
    "typename",
]

K = TypeVar("K", bound=Key)

_LONGEST = 50
_DEEPEST = 20
_DIGITS = re.compile(r"(\d+)")
_HEX = re.compile(r"[0-9a-f]+")


def given_name(func: Any, *attributes: str) -> str:
    """The name of a function, or of what a partial or curried one calls; else that of its type.

    How deep it looks has an end: a mock has every attribute, and those have.

    Parameters
    ----------
    func
        Anything.
    attributes
        Where the name may be, best first; ``__name__`` at last.

    Examples
    --------
    >>> from functools import partial
    >>> given_name(partial(max, 1)), given_name(3)
    ('max', 'int')
    """
    inner = func
    try:
        for _ in range(_DEEPEST):
            for attribute in (*attributes, "__name__"):
                name = getattr(inner, attribute, None)
                if name and isinstance(name, str):
                    return name
            inner = getattr(inner, "func", None)
            if inner is None:
                break
    except Exception:
        pass  # of a property: it is only a name
    return type(func).__name__


def funcname(func: Any) -> str:
    """A short name for a function, as keys begin with.

    Parameters
    ----------
    func
        Anything callable; partials, curried and vectorized functions are looked through.

    Returns
    -------
    str
        At most 50 characters.

    Examples
    --------
    >>> from functools import partial
    >>> funcname(partial(max, 1)), funcname(lambda x: x), funcname(int)
    ('max', 'lambda', 'int')
    """
    prefix, inner = "", func
    for _ in range(_DEEPEST):
        # NumPy's vectorized functions.
        following = getattr(inner, "pyfunc", None)
        if not callable(following):
            break
        prefix, inner = f"{prefix}{type(inner).__name__}_", following
    else:
        prefix, inner = "", type(func)
    text = given_name(inner)
    return (prefix + ("lambda" if text == "<lambda>" else text))[:_LONGEST]


def typename(kind: Any, short: bool = False) -> str:
    """The dotted name of a type.

    Parameters
    ----------
    kind
        A type, or an instance of it.
    short
        True to leave out the modules between the package and the name.

    Examples
    --------
    >>> from shoal.graph.task import Task
    >>> typename(Task), typename(Task, short=True), typename(3)
    ('shoal.graph.task.Task', 'shoal.Task', 'int')
    """
    if not isinstance(kind, type):
        kind = type(kind)
    module = kind.__module__
    if not module or module == "builtins":
        return str(kind.__name__)
    return f"{module.partition('.')[0] if short else module}.{kind.__name__}"


def key_split(key: Any) -> str:
    """What the task of a key does: the key without index and token.

    Parameters
    ----------
    key
        A key, or the repr of a tuple.

    Returns
    -------
    str
        ``"data"`` for a key that is a bare token, ``"Other"`` for one that is no text.

    Examples
    --------
    >>> key_split(("sum-part-9d81e0d8a6b7c3f2a1e0d8a6b7c3f2a1", 0, 1))
    'sum-part'
    >>> key_split("('x-2', 1)"), key_split("add-1-2"), key_split(b"load-all-0"), key_split(7)
    ('x', 'add', 'load-all', 'Other')
    """
    while type(key) is tuple and key:
        key = key[0]
    if isinstance(key, bytes):
        key = key.decode("utf-8", "replace")
    return _prefix_of_name(key) if isinstance(key, str) else "Other"


@lru_cache(100_000)
def _prefix_of_name(name: str) -> str:
    if name.startswith("<"):
        # The repr of an object: "<module.Class object at 0x...>".
        return name.strip("<>").split(" ")[0].split(".")[-1]
    if name.startswith("("):
        name = name.lstrip("('\"")
        name = re.split(r"['\",)]", name)[0]
    first, *rest = name.split("-")
    words = [first]
    for word in rest:
        if not word.isalpha() or (len(word) == 8 and _HEX.fullmatch(word)):
            break
        words.append(word)
    text = "-".join(words)
    if len(text) == 32 and _HEX.fullmatch(text):
        return "data"
    return text


def get_name_from_key(key: Key) -> str:
    """The name of the collection that a key is a block of.

    Parameters
    ----------
    key
        A str, or a tuple that begins with one.

    Raises
    ------
    TypeError
        Any other key.

    Examples
    --------
    >>> get_name_from_key(("sum-1", 0, 2)), get_name_from_key("total")
    ('sum-1', 'total')
    """
    if isinstance(key, str):
        return key
    if isinstance(key, tuple) and key and isinstance(key[0], str):
        return key[0]
    raise TypeError(
        f"the key of a collection is a str or a tuple that begins with one, got {key!r}"
    )


def replace_name_in_key(key: K, rename: Mapping[str, str]) -> K:
    """The same block of a renamed collection.

    Parameters
    ----------
    key
        A str, or a tuple that begins with one.
    rename
        New names by old names; a name that is not in it stays.

    Examples
    --------
    >>> replace_name_in_key(("x-1", 0), {"x-1": "y"}), replace_name_in_key("x-1", {})
    (('y', 0), 'x-1')
    """
    name = get_name_from_key(key)
    new = rename.get(name, name)
    return (new, *key[1:]) if isinstance(key, tuple) else new  # type: ignore[return-value]


def clone_key(key: K, seed: Key) -> K:
    """A new key of the same form: prefix and index are kept, the token is another.

    Parameters
    ----------
    key
        A str, or a tuple that begins with one.
    seed
        The same key and seed give the same new key.

    Examples
    --------
    >>> new = clone_key(("sum-1", 0, 2), seed=5)
    >>> new != ("sum-1", 0, 2), key_split(new), new[1:]
    (True, 'sum', (0, 2))
    """
    name = get_name_from_key(key)
    return replace_name_in_key(key, {name: f"{key_split(name)}-{tokenize('clone', name, seed)}"})


def natural_sort_key(text: str) -> list[str | int]:
    """A key to sort by that takes digits for numbers.

    Parameters
    ----------
    text
        For instance a file's name.

    Examples
    --------
    >>> sorted(["part-10", "part-2", "part-1"], key=natural_sort_key)
    ['part-1', 'part-2', 'part-10']
    """
    return [int(part) if part.isdigit() else part for part in _DIGITS.split(text)]
