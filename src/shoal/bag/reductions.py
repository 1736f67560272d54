"""Functions that sum up one partition, and that put the partial results of several together.

A reduction is three functions: one for the elements of a partition, one for a list of partial
results on the way, and one for the list at the end.  A partial result is a plain value, which
travels between processes; it may be in use elsewhere, so no function changes what it was given.
"""

from __future__ import annotations

import contextlib
import copy
import heapq
import inspect
import itertools
import math
import operator
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial, reduce
from typing import Any

from shoal.graph.task import ATOMS

__all__ = [
    "NO_RESULT",
    "aggregate",
    "combine_moments",
    "concat_heads",
    "count",
    "distinct",
    "finish_frequencies",
    "finish_groups",
    "finish_mean",
    "finish_variance",
    "fold_by",
    "fold_elements",
    "fold_partials",
    "frequencies",
    "merge_distinct",
    "merge_frequencies",
    "merge_groups",
    "merge_top",
    "moments",
    "reduce_nonempty",
    "sort_key",
    "top",
]


class NoResult:
    """What a partition without elements gives to a reduction; there is one, `NO_RESULT`."""

    def __reduce__(self) -> str:
        return "NO_RESULT"

    def __repr__(self) -> str:
        return "NO_RESULT"


NO_RESULT = NoResult()

# ------------------------------------------------------------------------------- any reduction


def reduce_nonempty(func: Callable[[Any], Any], elements: Any) -> Any:
    """``func(elements)``, or `NO_RESULT` when there are none.

    Parameters
    ----------
    func
        Takes an iterable.
    elements
        A partition; at most its first element is fetched here.

    Examples
    --------
    >>> reduce_nonempty(max, [1, 3]), reduce_nonempty(max, iter([]))
    (3, NO_RESULT)
    """
    if isinstance(elements, Iterator):
        for first in elements:
            return func(itertools.chain([first], elements))
        return NO_RESULT
    try:
        empty = len(elements) == 0
    except TypeError:
        # No length, or none that says whether there is something (a sparse matrix).
        empty = False
    return NO_RESULT if empty else func(elements)


def aggregate(func: Callable[[Any], Any], last: bool, partials: Sequence[Any]) -> Any:
    """Apply a function to the partial results that are there.

    Parameters
    ----------
    func
        Takes a list.
    last
        Whether this is the end of the reduction: without partial results the function is then
        called with an empty list, and says itself what that means.
    partials
        Some of them may be `NO_RESULT`.

    Examples
    --------
    >>> aggregate(sum, True, [1, NO_RESULT, 2]), aggregate(max, False, [NO_RESULT])
    (3, NO_RESULT)
    """
    there = [item for item in partials if item is not NO_RESULT]
    return func(there) if there or last else NO_RESULT


def fresh(initial: Any) -> Callable[[], Any]:
    """A function that gives an initial value, each time a new one where it can be changed.

    Parameters
    ----------
    initial
        A value.

    Examples
    --------
    >>> make = fresh([])
    >>> make() is make()
    False
    """
    if type(initial) in ATOMS:
        return lambda: initial
    try:
        copy.deepcopy(initial)
    except Exception:
        # Nothing says that a lock, or a file, can be copied; then it is shared.
        return lambda: initial
    return lambda: copy.deepcopy(initial)


def _own(partial_result: Any) -> Any:
    """A copy of what an operator may change in place, and others may be reading."""
    if type(partial_result) in ATOMS:
        return partial_result
    try:
        return copy.copy(partial_result)
    except Exception:
        return partial_result


def fold_elements(
    binop: Callable[[Any, Any], Any], initial: tuple[Any, ...], elements: Iterable[Any]
) -> Any:
    """`functools.reduce` over a partition.

    Parameters
    ----------
    binop
        ``binop(total, element) -> total``; may change ``total``.
    initial
        A tuple with the value to begin with, or an empty one.
    elements
        A partition.

    Examples
    --------
    >>> fold_elements(max, (), [1, 5, 2]), fold_elements(max, (), [])
    (5, NO_RESULT)
    """
    if initial:
        return reduce(binop, elements, fresh(initial[0])())
    return reduce_nonempty(partial(reduce, binop), elements)


def fold_partials(combine: Callable[[Any, Any], Any], partials: Sequence[Any]) -> Any:
    """`functools.reduce` over partial results.

    Parameters
    ----------
    combine
        ``combine(partial, partial) -> partial``.
    partials
        The results of `fold_elements`.

    Raises
    ------
    TypeError
        There are none.

    Examples
    --------
    >>> fold_partials(max, [1, 3])
    3
    """
    if not partials:
        raise TypeError(
            "fold of a bag without elements has no result; pass initial= to say what it is then"
        )
    first, *others = partials
    return reduce(combine, others, _own(first)) if others else first


# ------------------------------------------------------------------------------------- numbers


def _counted(elements: Iterable[Any], numbers: itertools.count[int]) -> Iterator[Any]:
    """The elements; ``next(numbers)`` tells afterwards how many there were.  All in C."""
    next(numbers)
    return itertools.compress(elements, numbers)


def count(elements: Iterable[Any]) -> int:
    """How many elements there are.

    Parameters
    ----------
    elements
        Any iterable.

    Examples
    --------
    >>> count(iter("abc")), count([1])
    (3, 1)
    """
    if isinstance(elements, list | tuple | range | dict | set):
        return len(elements)
    numbers = itertools.count()
    deque(_counted(elements, numbers), maxlen=0)
    return next(numbers) - 1


def moments(order: int, elements: Iterable[Any]) -> Any:
    """Count and mean, or count, mean and sum of squared differences from it, of a partition.

    Differences from the first element are summed up, so that large numbers close to each other
    do not lose their digits, and whole numbers stay whole.

    Parameters
    ----------
    order
        1 or 2.
    elements
        Numbers.

    Returns
    -------
    tuple or NO_RESULT
        ``(n, sum)`` for order 1, ``(n, sum, squares)`` for 2.

    Examples
    --------
    >>> moments(1, [1, 2]), moments(2, [1, 2, 3]), moments(1, [])
    ((2, 3), (3, 6, 2.0), NO_RESULT)
    """
    iterator = iter(elements)
    if order == 1:
        numbers = itertools.count()
        total = sum(_counted(iterator, numbers))
        n = next(numbers) - 1
        return (n, total) if n else NO_RESULT
    first: Any = next(iterator, NO_RESULT)
    if first is NO_RESULT:
        return NO_RESULT
    n, total, squares = 1, 0, 0
    for element in iterator:
        difference = element - first
        n += 1
        total += difference
        squares += difference * difference
    return n, total + n * first, squares - total * total / n


def combine_moments(partials: Sequence[tuple[Any, ...]]) -> tuple[Any, ...]:
    """The moments of several partitions together.

    Parameters
    ----------
    partials
        Results of `moments`, at least one.

    Returns
    -------
    tuple

    Notes
    -----
    T. F. Chan, G. H. Golub, R. J. LeVeque: Updating Formulae and a Pairwise Algorithm for Computing
    Sample Variances (1979).

    Examples
    --------
    >>> combine_moments([moments(2, [1, 2]), moments(2, [3])])
    (3, 6, 2.0)
    """
    n, total, *rest = partials[0]
    for m, more, *others in partials[1:]:
        if rest:
            apart = more / m - total / n
            rest = [rest[0] + others[0] + apart * apart * n * m / (n + m)]
        n, total = n + m, total + more
    return n, total, *rest


def finish_mean(partials: Sequence[tuple[Any, ...]]) -> Any:
    """The mean.

    Parameters
    ----------
    partials
        Results of `moments` of order 1.

    Raises
    ------
    ValueError
        There are none.

    Examples
    --------
    >>> finish_mean([(2, 3), (1, 3)])
    2.0
    """
    if not partials:
        raise ValueError("the mean of a bag without elements is not defined; check count() first")
    n, total = combine_moments(partials)
    return total / n


def finish_variance(ddof: int, root: bool, partials: Sequence[tuple[Any, ...]]) -> Any:
    """The variance, or its root.

    Parameters
    ----------
    ddof
        Taken from the number of elements that the squares are divided by.
    root
        Whether the standard deviation is wanted.
    partials
        Results of `moments` of order 2.

    Raises
    ------
    ValueError
        There are no more than ``ddof`` elements.

    Examples
    --------
    >>> finish_variance(1, False, [(3, 6, 2.0)])
    1.0
    """
    n, squares = 0, 0
    if partials:
        n, _, squares = combine_moments(partials)
    if n <= ddof:
        raise ValueError(
            f"the variance of {n} elements with ddof={ddof} is not defined; "
            f"there must be at least {ddof + 1}"
        )
    variance = squares / (n - ddof)
    return math.sqrt(variance) if root else variance


# ------------------------------------------------------------------------------ counts and sets


@contextlib.contextmanager
def hashing(advice: str) -> Iterator[None]:
    """Add to the error of something that cannot be hashed what to do about it.

    Parameters
    ----------
    advice
        Ends where what can be hashed is to be named.

    Examples
    --------
    >>> try:
    ...     with hashing("make of it"):
    ...         {[]: 1}
    ... except TypeError as error:
    ...     print(error)
    ...     print(*error.__notes__)
    unhashable type: 'list'
    make of it numbers, text or tuples
    """
    try:
        yield
    except TypeError as error:
        if str(error).startswith("unhashable type"):
            error.add_note(f"{advice} numbers, text or tuples")
        raise


def frequencies(elements: Iterable[Any]) -> dict[Any, int]:
    """How often each element occurs.

    Parameters
    ----------
    elements
        Hashable.

    Examples
    --------
    >>> frequencies("aab")
    {'a': 2, 'b': 1}
    """
    with hashing("frequencies counts elements by hash; pluck or map out of them"):
        # Counter counts in C; as a plain dict the counts travel at half the price.
        return dict(Counter(elements))


def merge_frequencies(partials: Sequence[dict[Any, int]]) -> dict[Any, int]:
    """Counts of several partitions added up.

    Parameters
    ----------
    partials
        Results of `frequencies`.

    Examples
    --------
    >>> merge_frequencies([{"a": 1}, {"a": 2, "b": 1}])
    {'a': 3, 'b': 1}
    """
    if not partials:
        return {}
    total = dict(partials[0])
    known = total.get
    for part in partials[1:]:
        for element, times in part.items():
            total[element] = known(element, 0) + times
    return total


def finish_frequencies(sort: bool, partials: Sequence[dict[Any, int]]) -> list[tuple[Any, int]]:
    """Pairs of an element and its count.

    Parameters
    ----------
    sort
        Whether the most frequent ones are to come first.
    partials
        Results of `frequencies`.

    Examples
    --------
    >>> finish_frequencies(True, [{"a": 1, "b": 3}])
    [('b', 3), ('a', 1)]
    """
    pairs = list(merge_frequencies(partials).items())
    if sort:
        pairs.sort(key=operator.itemgetter(1), reverse=True)
    return pairs


def distinct(key: Callable[[Any], Any] | None, elements: Iterable[Any]) -> list[Any]:
    """The first element of each key, in order.

    Parameters
    ----------
    key
        None: the element itself.
    elements
        A partition.

    Raises
    ------
    TypeError
        A key cannot be hashed.

    Examples
    --------
    >>> distinct(None, "abca"), distinct(len, ["a", "b", "cc"])
    (['a', 'b', 'c'], ['a', 'cc'])
    """
    with hashing("distinct compares elements by hash; pass a key= that makes of them"):
        if key is None:
            return list(dict.fromkeys(elements))
        found: dict[Any, Any] = {}
        for element in elements:
            found.setdefault(key(element), element)
        return list(found.values())


def merge_distinct(key: Callable[[Any], Any] | None, partials: Sequence[list[Any]]) -> list[Any]:
    """The first element of each key, of several partitions.

    Parameters
    ----------
    key
        As for `distinct`.
    partials
        Its results.

    Examples
    --------
    >>> merge_distinct(None, [[1, 2], [2, 3]])
    [1, 2, 3]
    """
    return distinct(key, itertools.chain.from_iterable(partials))


def sort_key(key: Any) -> Callable[[Any], Any]:
    """A key for sorting: a function of an element, or of its parts when it takes several.

    Parameters
    ----------
    key
        A function, or an index or name to look up.

    Examples
    --------
    >>> sort_key(lambda a, b: b)((1, 2)), sort_key(1)("ab")
    (2, 'b')
    """
    if not callable(key):
        return operator.itemgetter(key)
    return partial(_spread, key) if _needs_several(key) else key


def _spread(func: Callable[..., Any], element: Any) -> Any:
    return func(*element)


def _needs_several(func: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(func).parameters.values()
    except (TypeError, ValueError):
        return False
    plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = [p for p in parameters if p.kind in plain and p.default is p.empty]
    return len(needed) > 1


def top(k: int, key: Callable[[Any], Any] | None, elements: Iterable[Any]) -> list[Any]:
    """The largest elements, largest first.

    Parameters
    ----------
    k
        How many.
    key
        What to compare.
    elements
        A partition.

    Examples
    --------
    >>> top(2, None, [3, 1, 2])
    [3, 2]
    """
    return heapq.nlargest(k, elements, key)


def merge_top(k: int, key: Callable[[Any], Any] | None, partials: Sequence[list[Any]]) -> list[Any]:
    """The largest elements of several partitions.

    Parameters
    ----------
    k, key
        As for `top`.
    partials
        Its results.

    Examples
    --------
    >>> merge_top(2, None, [[3, 1], [2]])
    [3, 2]
    """
    return heapq.nlargest(k, itertools.chain.from_iterable(partials), key)


def concat_heads(k: int, partials: Sequence[Iterable[Any]]) -> list[Any]:
    """The first elements of several partitions together.

    Parameters
    ----------
    k
        How many.
    partials
        The first ones of each.

    Examples
    --------
    >>> concat_heads(3, [[1, 2], [3, 4]])
    [1, 2, 3]
    """
    return list(itertools.islice(itertools.chain.from_iterable(partials), k))


# ---------------------------------------------------------------------------- groups, folded


def fold_by(
    key: Callable[[Any], Any],
    binop: Callable[[Any, Any], Any],
    initial: tuple[Any, ...],
    elements: Iterable[Any],
) -> dict[Any, Any]:
    """Fold the elements of each group.

    Parameters
    ----------
    key
        The group of an element.
    binop
        ``binop(total, element) -> total``.
    initial
        A tuple with the value each group begins with, or with a function that makes it; or empty:
        a group begins with its first element.
    elements
        A partition.

    Examples
    --------
    >>> fold_by(len, operator.add, ("",), ["a", "bb", "c"])
    {1: 'ac', 2: 'bb'}
    """
    totals: dict[Any, Any] = {}
    if not initial:
        for element in elements:
            group = key(element)
            totals[group] = binop(totals[group], element) if group in totals else element
        return totals
    (begin,) = initial
    if type(begin) in ATOMS and not callable(begin):
        # The usual case, a number: one look-up an element.
        known = totals.get
        for element in elements:
            group = key(element)
            totals[group] = binop(known(group, begin), element)
        return totals
    make = begin if callable(begin) else fresh(begin)
    for element in elements:
        group = key(element)
        if group not in totals:
            totals[group] = make()
        totals[group] = binop(totals[group], element)
    return totals


def merge_groups(
    combine: Callable[[Any, Any], Any], initial: tuple[Any, ...], partials: Sequence[dict[Any, Any]]
) -> dict[Any, Any]:
    """Fold the totals of each group over several partitions.

    Parameters
    ----------
    combine
        ``combine(total, total) -> total``.
    initial
        As for `fold_by`.
    partials
        Its results.

    Examples
    --------
    >>> merge_groups(operator.add, (), [{"a": 1}, {"a": 2}])
    {'a': 3}
    """
    pairs = itertools.chain.from_iterable(part.items() for part in partials)
    totals: dict[Any, Any] = {}
    if not initial:
        for group, total in pairs:
            if group in totals:
                totals[group] = combine(totals[group], total)
            else:
                totals[group] = _own(total)
        return totals
    (begin,) = initial
    make = begin if callable(begin) else fresh(begin)
    for group, total in pairs:
        if group not in totals:
            totals[group] = make()
        totals[group] = combine(totals[group], total)
    return totals


def finish_groups(
    combine: Callable[[Any, Any], Any], initial: tuple[Any, ...], partials: Sequence[dict[Any, Any]]
) -> list[tuple[Any, Any]]:
    """Pairs of a group and its total.

    Parameters
    ----------
    combine, initial, partials
        As for `merge_groups`.

    Examples
    --------
    >>> finish_groups(operator.add, (), [{"a": 1}, {"a": 2}])
    [('a', 3)]
    """
    return list(merge_groups(combine, initial, partials).items())
