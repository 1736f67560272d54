"""A partition with rows of its neighbours around it, and what is made of it cut to size."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from shoal.dataframe.kernels.reductions import concat_rows

__all__ = ["Edge", "Overlapped", "PerPartition", "extended"]


@dataclasses.dataclass(frozen=True)
class PerPartition:
    """Among the arguments: a value for each partition.

    Parameters
    ----------
    values
        As many as there are partitions.

    Examples
    --------
    >>> PerPartition((1, 2)).values
    (1, 2)
    """

    values: tuple[Any, ...]


@dataclasses.dataclass(frozen=True)
class Overlapped:
    """A function called with extended partitions.

    Parameters
    ----------
    func
        What is called.
    spec
        For each argument ``("rows", i)``, ``("value", None)`` or ``("const", value)``.
    names
        Of the last arguments, which are keywords.
    before, after
        How many rows of the neighbours, or how far in the index.
    cut
        Whether what the function makes of the neighbours' rows is cut off; False where it gives
        just the rows of the result.

    Examples
    --------
    >>> rolled = Overlapped(lambda s: s.rolling(2).sum(), (("rows", 0),), (), 1, 0)
    >>> rolled([pd.Series([2])], [pd.Series([3], index=[2])], []).tolist()
    [5.0]
    """

    func: Callable[..., Any]
    spec: tuple[tuple[str, Any], ...]
    names: tuple[str, ...]
    before: Any
    after: Any
    cut: bool = True

    def __call__(self, *inputs: Any) -> Any:
        """Call it.

        Parameters
        ----------
        *inputs
            For each frame lists of its partition, of the edge before and of the one after; then
            values.
        """
        count = sum(kind == "rows" for kind, _ in dict.fromkeys(self._kinds()))
        far = (self.before, self.after)
        frames = [inputs[3 * i : 3 * i + 3] for i in range(count)]
        longer = [extended(own, before, after, far) for (own,), before, after in frames]
        values = iter(inputs[3 * count :])
        args = [
            longer[item][0] if kind == "rows" else (next(values) if kind == "value" else item)
            for kind, item in self.spec
        ]
        split = len(args) - len(self.names)
        out = self.func(*args[:split], **dict(zip(self.names, args[split:], strict=True)))
        whole, head, tail = longer[0]
        if not self.cut or not isinstance(out, pd.DataFrame | pd.Series) or not (head or tail):
            return out
        if len(out) == len(whole):
            return out.iloc[head : len(out) - tail]
        if isinstance(out.index, pd.MultiIndex) and not len(out) % len(whole):
            # Each row became several, such as a matrix.
            several = len(out) // len(whole)
            return out.iloc[head * several : len(out) - tail * several]
        return out

    def _kinds(self) -> list[tuple[str, Any]]:
        return [(kind, item) for kind, item in self.spec if kind == "rows"]

    def __shoal_tokenize__(self) -> Any:
        return self.func, self.spec, self.names, self.before, self.after, self.cut


@dataclasses.dataclass(frozen=True)
class Edge:
    """The rows at an end of a partition that its neighbour on that side looks at.

    Where a partition has too few, those of the partitions beyond it go with them: a chain of
    edges hands on as many rows as the next partition needs, over partitions that are short or
    empty.

    Parameters
    ----------
    reach
        How many rows, or how far in the index.
    last
        Whether the rows are the last ones, for the partition after; else the first ones.

    Examples
    --------
    >>> last = Edge(2, last=True)
    >>> last(pd.Series([3]), last(pd.Series([0, 1, 2]))).tolist()
    [2, 3]
    """

    reach: Any
    last: bool

    def __call__(self, part: Any, beyond: Any = None) -> Any:
        """The rows.

        Parameters
        ----------
        part
            A partition.
        beyond
            The edge of the partition that follows on the other side.
        """
        if beyond is None or (isinstance(self.reach, int) and len(part) >= self.reach):
            rows = part
        else:
            rows = concat_rows([beyond, part] if self.last else [part, beyond])
        return rows.take(self._places(rows))  # a slice would keep the partition in memory

    def _places(self, rows: Any) -> Any:
        count = len(rows)
        if isinstance(self.reach, int):
            some = min(self.reach, count)
            return np.arange(count - some, count) if self.last else np.arange(some)
        if not count:
            return np.arange(0)
        index = rows.index
        near = index >= index[-1] - self.reach if self.last else index <= index[0] + self.reach
        return np.flatnonzero(near)


def extended(
    part: Any, before: Sequence[Any], after: Sequence[Any], far: tuple[Any, Any]
) -> tuple[Any, int, int]:
    """A partition with rows of its neighbours, and how many were added before and after.

    Parameters
    ----------
    part
        The partition.
    before, after
        The edge of the neighbour on that side, or nothing.
    far
        How many rows, or how far in the index, to each side.

    Examples
    --------
    >>> whole, head, tail = extended(pd.Series([2]), [pd.Series([0, 1])], [], (1, 0))
    >>> whole.tolist(), head, tail
    ([0, 1, 2], 2, 0)
    """
    around = [part]
    head = tail = 0
    for some in before:
        if len(part) and not isinstance(far[0], int):
            some = some[some.index >= part.index[0] - far[0]]
        around, head = [some, part], len(some)
    for some in after:
        if len(part) and not isinstance(far[1], int):
            some = some[some.index <= part.index[-1] + far[1]]
        around, tail = [*around, some], len(some)
    return concat_rows([one for one in around if len(one)] or [part]), head, tail
