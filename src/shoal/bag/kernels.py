"""Functions on the elements of partitions that give elements again.

They take iterables and return iterators, and hold no more than they must; where a builtin does
the work it is used as it is, and stands in the steps (`map`, `filter`).  Nothing here knows of
bags or graphs.  Functions that sum partitions up are in `shoal.bag.reductions`.
"""

from __future__ import annotations

import itertools
import operator
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

__all__ = [
    "Scan",
    "as_key",
    "by_key",
    "head",
    "join",
    "join_pieces",
    "make_seeds",
    "map_elements",
    "pluck",
    "product",
    "sample_elements",
    "starmap_elements",
]


def as_key(key: Any) -> Callable[[Any], Any]:
    """A key given by a function, or by what to look up in an element.

    Parameters
    ----------
    key
        A function, which is returned; else as for `by_key`.

    Examples
    --------
    >>> as_key("a")({"a": 1}), as_key(len)("abc")
    (1, 3)
    """
    return key if callable(key) else by_key(key)


def by_key(key: Any) -> Callable[[Any], Any]:
    """A function that looks something up in an element.

    Parameters
    ----------
    key
        An index or name, or a list of them, which gives tuples.

    Examples
    --------
    >>> by_key(1)("xy"), by_key([0])("xy"), by_key([1, 0])("xy")
    ('y', ('x',), ('y', 'x'))
    """
    if not isinstance(key, list):
        return operator.itemgetter(key)
    return operator.itemgetter(*key) if len(key) > 1 else partial(_pick, key)


def _pick(keys: list[Any], element: Any) -> tuple[Any, ...]:
    return tuple([element[key] for key in keys])


def pluck(key: Any, default: Any, elements: Iterable[Any]) -> Iterator[Any]:
    """What stands under a key in each element, or a default.

    Parameters
    ----------
    key
        An index or name, or a list of them, which gives tuples.
    default
        For elements that lack the key.
    elements
        Sequences or mappings.

    Examples
    --------
    >>> list(pluck(0, None, ["ab", ""]))
    ['a', None]
    """
    if isinstance(key, list):
        return (tuple([_get(element, k, default) for k in key]) for element in elements)
    return (_get(element, key, default) for element in elements)


def _get(element: Any, key: Any, default: Any) -> Any:
    try:
        return element[key]
    except (KeyError, IndexError, TypeError):
        # TypeError: an element that cannot have the key, as a number among records.
        return default


def map_elements(
    func: Callable[..., Any], streams: Sequence[bool], names: Sequence[str], *values: Any
) -> Iterator[Any]:
    """Call a function with the elements of several streams, and with constants.

    Parameters
    ----------
    func
        What to call.
    streams
        For each value, whether its elements are meant.
    names
        Of the last values: these are keyword arguments.
    *values
        The arguments.

    Returns
    -------
    iterator

    Raises
    ------
    ValueError
        The streams have different lengths.

    Examples
    --------
    >>> list(map_elements(pow, [True, False], [], [1, 2], 3))
    [1, 8]
    """
    iterators = [iter(v) for v, many in zip(values, streams, strict=True) if many]
    aligned = iter(_aligned(iterators) if len(iterators) > 1 else iterators)
    positional = len(values) - len(names)
    keywords = list(zip(names, streams[positional:], values[positional:], strict=True))
    constants = {name: value for name, many, value in keywords if not many}
    if constants:
        func = partial(func, **constants)
    columns: list[Iterator[Any]] = [
        next(aligned) if many else itertools.repeat(value)
        for many, value in zip(streams[:positional], values[:positional], strict=True)
    ]
    moving = [name for name, many, _ in keywords if many]
    if moving:
        func = partial(_with_keywords, func, moving)
        columns += aligned
    return map(func, *columns)


def _with_keywords(func: Callable[..., Any], names: list[str], *values: Any) -> Any:
    split = len(values) - len(names)
    return func(*values[:split], **dict(zip(names, values[split:], strict=True)))


UNALIGNED = (
    "the bags have the same number of partitions, but partitions of different lengths; "
    "map needs one element of each for every call; "
    "make them from the same bag, or from sequences cut alike"
)


def _aligned(iterators: list[Iterator[Any]]) -> list[Iterator[Any]]:
    """The iterators, with an error when they do not end together; no cost for each element."""
    first, *rest = iterators
    ended = _unaligned_if(others=rest)
    return [itertools.chain(first, ended), *[itertools.chain(o, _unaligned_if()) for o in rest]]


def _unaligned_if(others: Sequence[Iterator[Any]] | None = None) -> Iterator[Any]:
    """Nothing, if no other iterator has anything left; an error if one has, or none is given."""
    if others is None or any(True for other in others for _ in other):
        raise ValueError(UNALIGNED)
    yield from ()


def starmap_elements(
    func: Callable[..., Any], elements: Iterable[Any], **kwargs: Any
) -> Iterator[Any]:
    """Call a function with each element as its arguments.

    Parameters
    ----------
    func
        What to call.
    elements
        Sequences of arguments.
    **kwargs
        The same for all calls.

    Examples
    --------
    >>> list(starmap_elements(int, [("10",), ("11",)], base=2))
    [2, 3]
    """
    return itertools.starmap(partial(func, **kwargs) if kwargs else func, elements)


def join(
    on_self: Callable[[Any], Any],
    on_other: Callable[[Any], Any],
    elements: Iterable[Any],
    other: Iterable[Any],
) -> Iterator[tuple[Any, Any]]:
    """Pairs of an element of ``other`` and one of ``elements`` that have the same key.

    Parameters
    ----------
    on_self, on_other
        Keys of the two sides.
    elements
        Streamed.
    other
        Held in memory by key.

    Examples
    --------
    >>> list(join(len, len, ["a", "bb"], ["x", "y"]))
    [('x', 'a'), ('y', 'a')]
    """
    groups: dict[Any, list[Any]] = {}
    for item in other:
        groups.setdefault(on_other(item), []).append(item)
    find = groups.get
    return ((item, element) for element in elements for item in find(on_self(element), ()))


def product(left: Iterable[Any], right: Iterable[Any]) -> list[tuple[Any, Any]]:
    """Every pair.

    Parameters
    ----------
    left, right
        Partitions.

    Examples
    --------
    >>> product([1, 2], "a")
    [(1, 'a'), (2, 'a')]
    """
    return list(itertools.product(left, right))


def join_pieces(blocks: Sequence[Iterable[Any]], cuts: Sequence[tuple[int, int]]) -> Sequence[Any]:
    """Pieces of partitions, one after the other.

    Parameters
    ----------
    blocks
        Partitions.
    cuts
        For each ``(i, n)``: piece ``i`` of ``n`` equal ones.

    Examples
    --------
    >>> join_pieces([[1, 2, 3], [4]], [(1, 2), (0, 1)])
    [2, 3, 4]
    """
    out: list[Any] = []
    for block, (i, n) in zip(blocks, cuts, strict=True):
        if n == 1:
            out += block
            continue
        items = block if isinstance(block, list | tuple | range) else list(block)
        out += items[len(items) * i // n : len(items) * (i + 1) // n]
    return out


def head(count: int, elements: Iterable[Any]) -> Iterator[Any]:
    """The first elements; nothing behind them is fetched.

    Parameters
    ----------
    count
        How many.
    elements
        A partition.

    Examples
    --------
    >>> list(head(2, "abc"))
    ['a', 'b']
    """
    return itertools.islice(elements, count)


class Scan:
    """Running results of one partition: ``(results, (last one,))``, or ``(..., ())`` for none yet.

    Parameters
    ----------
    binop
        ``binop(total, element) -> total``.
    initial
        A tuple with what the first partition begins with, or an empty one.

    Examples
    --------
    >>> first = Scan(operator.add, (10,))([1, 2])
    >>> first, Scan(operator.add)([3], first)
    (([10, 11, 13], (13,)), ([16], (16,)))
    """

    __slots__ = ("binop", "initial")

    def __init__(self, binop: Callable[[Any, Any], Any], initial: tuple[Any, ...] = ()) -> None:
        self.binop = binop
        self.initial = initial

    def __call__(self, elements: Iterable[Any], before: Any = None) -> tuple[list[Any], Any]:
        carried = self.initial if before is None else before[1]
        if not carried:
            results = list(itertools.accumulate(elements, self.binop))
        else:
            results = list(itertools.accumulate(elements, self.binop, initial=carried[0]))
            if before is not None:
                del results[0]
        return results, (results[-1],) if results else carried

    def __reduce__(self) -> tuple[Any, ...]:
        return Scan, (self.binop, self.initial)


def sample_elements(prob: float, seed: int, elements: Iterable[Any]) -> Iterator[Any]:
    """Each element with some probability.

    Parameters
    ----------
    prob
        From 0 to 1.
    seed
        The same seed picks the same elements.
    elements
        A partition.

    Examples
    --------
    >>> list(sample_elements(1.0, 0, "abc")), list(sample_elements(0.0, 0, "abc"))
    (['a', 'b', 'c'], [])
    """
    draw = random.Random(seed).random
    return (element for element in elements if draw() < prob)


def make_seeds(random_state: Any, count: int) -> list[int]:
    """A seed for each partition.

    Parameters
    ----------
    random_state
        None (new ones each time), an int, a `random.Random`, or a tuple that
        `random.Random.setstate` takes.
    count
        How many.

    Examples
    --------
    >>> make_seeds(7, 2) == make_seeds(7, 2)
    True
    """
    if random_state is None:
        source = random.Random(random.getrandbits(64))
    elif isinstance(random_state, random.Random):
        source = random_state
    else:
        source = random.Random()
        if isinstance(random_state, tuple):
            source.setstate(random_state)
        else:
            source.seed(random_state)
    return [source.getrandbits(64) for _ in range(count)]
