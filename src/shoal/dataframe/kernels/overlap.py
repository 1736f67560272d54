"""A partition with rows of its neighbours around it, and what is made of it cut to size."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from shoal.dataframe.kernels.reductions import concat_rows

__all__ = ["Overlapped", "extended"]


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

    Examples
    --------
    >>> rolled = Overlapped(lambda s: s.rolling(2).sum(), (("rows", 0),), (), 1, 0)
    >>> rolled((1, 0, 2), [pd.Series([1, 2]), pd.Series([3], index=[2])]).tolist()
    [5.0]
    """

    func: Callable[..., Any]
    spec: tuple[tuple[str, Any], ...]
    names: tuple[str, ...]
    before: Any
    after: Any

    def __call__(self, place: tuple[int, int, int], *inputs: Any) -> Any:
        """Call it.

        Parameters
        ----------
        place
            Number of the partition, of the first one that is given, and of all.
        *inputs
            Lists of partitions, then values.
        """
        count = sum(kind == "rows" for kind, _ in dict.fromkeys(self._kinds()))
        longer = [extended(parts, place, self.before, self.after) for parts in inputs[:count]]
        values = iter(inputs[count:])
        args = [
            longer[item][0] if kind == "rows" else (next(values) if kind == "value" else item)
            for kind, item in self.spec
        ]
        split = len(args) - len(self.names)
        out = self.func(*args[:split], **dict(zip(self.names, args[split:], strict=True)))
        whole, head, tail = longer[0]
        if not isinstance(out, pd.DataFrame | pd.Series) or (not head and not tail):
            return out
        if len(out) == len(whole):
            return out.iloc[head : len(out) - tail]
        if isinstance(out.index, pd.MultiIndex):
            # One row became several, such as a matrix for each.
            codes = out.index.get_level_values(0)
            own = whole.index[head : len(whole) - tail]
            return out[codes.isin(own)]
        return out

    def _kinds(self) -> list[tuple[str, Any]]:
        return [(kind, item) for kind, item in self.spec if kind == "rows"]

    def __shoal_tokenize__(self) -> Any:
        return self.func, self.spec, self.names, self.before, self.after


def extended(
    parts: Sequence[Any], place: tuple[int, int, int], before: Any, after: Any
) -> tuple[Any, int, int]:
    """A partition with rows of its neighbours, and how many were added before and after.

    Parameters
    ----------
    parts
        The partition and neighbours.
    place
        Number of the partition, of the first of ``parts``, and of all there are.
    before, after
        How many rows, or how far in the index.

    Raises
    ------
    NotImplementedError
        A neighbour has fewer rows than are needed, and there are more beyond it.

    Examples
    --------
    >>> whole, head, tail = extended([pd.Series([1]), pd.Series([2])], (1, 0, 2), 1, 0)
    >>> whole.tolist(), head, tail
    ([1, 2], 1, 0)
    """
    number, first, count = place
    own = number - first
    part = parts[own]
    around = [part]
    head = tail = 0
    if before and own:
        some = concat_rows(parts[:own])
        if isinstance(before, int):
            _check(len(some), before, more=first > 0)
            some = some.iloc[max(len(some) - before, 0) :]
        elif len(part):
            some = some[some.index >= part.index[0] - before]
        around, head = [some, part], len(some)
    if after and len(parts) > own + 1:
        some = concat_rows(parts[own + 1 :])
        if isinstance(after, int):
            _check(len(some), after, more=first + len(parts) < count)
            some = some.iloc[:after]
        elif len(part):
            some = some[some.index <= part.index[-1] + after]
        around, tail = [*around, some], len(some)
    whole = pd.concat([one for one in around if len(one)] or [part])
    return whole, head, tail


def _check(there: int, wanted: int, *, more: bool) -> None:
    if there < wanted and more:
        raise NotImplementedError(
            f"Partition size is less than overlapping window size: a neighbour has {there} rows, "
            f"{wanted} are needed. Use repartition to make fewer, larger partitions"
        )
