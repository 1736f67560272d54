"""Parts of results, counted and numbered anew, after a shuffle has cut its partitions.

What a partition was cut into can be given to other readers than was planned: several parts to one,
or one part to several readers of which each reads it from other partitions.  No row moves for that:
`Regrouped` says under another number what is there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from shoal.dataframe.kernels.columns import CutRows
from shoal.types import Parts

__all__ = ["Rejoin", "Regrouped", "join_all", "part_sizes", "regroup"]


def part_sizes(parts: Parts) -> list[int]:
    """How large each part is, bytes in memory.

    Parameters
    ----------
    parts
        Of one result.

    Examples
    --------
    >>> from shoal.serialize.parts import Pieces
    >>> part_sizes(Pieces([b"", bytes(1000)]))[1] >= 1000
    True
    """
    return list(parts.sizes())


class Regrouped(Parts):
    """Lists of parts of a result.

    Parameters
    ----------
    parts
        The result.
    groups
        For each new part the numbers of the old ones, which are neighbours.

    Examples
    --------
    >>> from shoal.serialize.parts import Pieces
    >>> Regrouped(Pieces("abc"), ((0, 1), (), (2,))).part(0)
    ['a', 'b']
    """

    __slots__ = ("groups", "parts")

    def __init__(self, parts: Parts, groups: Sequence[Sequence[int]]) -> None:
        self.parts = parts
        self.groups = groups

    def part(self, number: int) -> list[Any]:
        """The old parts.

        Parameters
        ----------
        number
            Which.
        """
        group = self.groups[number]
        if group and isinstance(self.parts, CutRows):
            return [self.parts.span(group[0], group[-1] + 1)]
        return [self.parts.part(old) for old in group]

    def numbers(self) -> Sequence[int]:
        """All."""
        return range(len(self.groups))

    def sizes(self) -> Sequence[int]:
        """Those of the old ones."""
        old = dict(zip(self.parts.numbers(), self.parts.sizes(), strict=True))
        return [sum(old[number] for number in group) for group in self.groups]

    @property
    def nbytes(self) -> int:
        """Nothing besides what the old ones take."""
        return 8 * len(self.groups)

    def __reduce__(self) -> Any:
        return Regrouped, (self.parts, self.groups)


def regroup(parts: Any, groups: Sequence[Sequence[int]]) -> Regrouped:
    """What a task makes of a result in parts.

    Parameters
    ----------
    parts, groups
        As of `Regrouped`.

    Examples
    --------
    >>> from shoal.serialize.parts import Pieces
    >>> regroup(Pieces("ab"), ((1,),)).part(0)
    ['b']
    """
    return Regrouped(parts, groups)


@dataclasses.dataclass(frozen=True)
class Rejoin:
    """Puts pieces together that come in lists.

    Parameters
    ----------
    join
        Puts pieces together.

    Examples
    --------
    >>> Rejoin("".join)([["a", "b"], [], ["c"]])
    'abc'
    """

    join: Callable[[Any], Any]

    def __call__(self, lists: Sequence[Sequence[Any]]) -> Any:
        """Join them.

        Parameters
        ----------
        lists
            Not all of them empty.
        """
        return self.join([piece for pieces in lists for piece in pieces])


def join_all(results: Sequence[Any], join: Callable[[Any], Any]) -> Any:
    """All parts of all results put together.

    Parameters
    ----------
    results
        In parts.
    join
        Puts pieces together.

    Examples
    --------
    >>> from shoal.serialize.parts import Pieces
    >>> join_all([Pieces("ab"), Pieces("cd")], "".join)
    'abcd'
    """
    return join([parts.part(number) for parts in results for number in parts.numbers()])
