"""Lists within lists: keys and results of a grid of blocks, for those who build dict graphs.

A task that reads several blocks of a grid is given their keys, and later their results, in lists as
deep as the grid has axes.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any

__all__ = ["deepfirst", "deepmap", "lol_tuples", "ndeepmap"]


def deepmap(func: Callable[..., Any], *seqs: Any) -> Any:
    """Apply a function to the items of nested lists.

    Parameters
    ----------
    func
        Of an item of each.
    *seqs
        Lists, or iterators, of one form.

    Examples
    --------
    >>> deepmap(abs, [[-1, 2], [-3]]), deepmap(max, [1, [5]], [4, [2]])
    ([[1, 2], [3]], [4, [5]])
    """
    if isinstance(seqs[0], list | Iterator):
        return [deepmap(func, *items) for items in zip(*seqs, strict=False)]
    return func(*seqs)


def ndeepmap(n: int, func: Callable[..., Any], seq: Any) -> Any:
    """Apply a function to what stands some lists deep.

    Parameters
    ----------
    n
        How many lists; 0: to ``seq`` itself, or to the one item of it if it is a list.
    func
        Of one argument.
    seq
        Lists of lists.

    Examples
    --------
    >>> ndeepmap(2, sum, [[[1, 2], [3]], [[4]]]), ndeepmap(0, abs, -1)
    ([[3, 3], [4]], 1)
    """
    if n > 0:
        return [ndeepmap(n - 1, func, item) if n > 1 else func(item) for item in seq]
    return func(seq[0] if isinstance(seq, list) else seq)


def deepfirst(seq: Any) -> Any:
    """The first item of nested lists.

    Parameters
    ----------
    seq
        A list, or an item.

    Examples
    --------
    >>> deepfirst([[[4, 5]], [[6]]]), deepfirst(4)
    (4, 4)
    """
    while isinstance(seq, list):
        seq = seq[0]
    return seq


def lol_tuples(
    head: tuple[Any, ...],
    ind: Sequence[Hashable],
    values: Mapping[Any, Any],
    dummies: Mapping[Any, Sequence[Any]],
) -> Any:
    """The keys of blocks, in a list for each axis along which there are several.

    Parameters
    ----------
    head
        With what the keys begin: the name.
    ind
        A label for each axis.
    values
        By label, the number of the block along axes of which one block is meant.
    dummies
        By label, the numbers of several.

    Examples
    --------
    >>> lol_tuples(("x",), "ij", {"i": 1}, {"j": range(2)})
    [('x', 1, 0), ('x', 1, 1)]
    """
    for at, label in enumerate(ind):
        if label not in values:
            rest = ind[at + 1 :]
            return [lol_tuples((*head, n), rest, values, dummies) for n in dummies[label]]
        head = (*head, values[label])
    return head
