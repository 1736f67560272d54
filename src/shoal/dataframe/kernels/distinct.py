"""Distinct values and rows that are too many for one task.

Partial results of `unique`, `drop_duplicates`, `value_counts` and `nunique` are pairs, as all of a
`shoal.dataframe.kernels.reductions.Reducer` are: how many rows, and a value that has a row for each
key of a partition.  Equal keys of all partitions meet in pieces, by hash.  Of values that are only
counted nothing else is needed.  For the others a task for each piece says which keys are the first
of their like (`Verdict`), and each partial result keeps its own of those (`keep_first`): so keys
travel, never whole rows, and what is left stands in the order in which pandas has it.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from shoal.dataframe.kernels.cuts import split_by_codes
from shoal.dataframe.kernels.groupcount import GroupSketch, sketch_hashes
from shoal.dataframe.kernels.hashing import hash_arrays, hash_codes
from shoal.dataframe.kernels.levels import levels_of
from shoal.dataframe.kernels.reductions import REDUCTIONS, SPLIT_BY, Pair, Reducer, concat_rows
from shoal.serialize.parts import Pieces, keep
from shoal.sizeof import sizeof
from shoal.types import Parts

__all__ = [
    "Added",
    "Joined",
    "KeySplit",
    "PairSplit",
    "Verdict",
    "finished",
    "keep_first",
    "sketch_pair",
]


def sketch_pair(pair: Pair, reducer: Reducer) -> GroupSketch:
    """The sketch of a partial result: its distinct keys, of each column by itself for `nunique`.

    Parameters
    ----------
    pair
        The partial result.
    reducer
        Whose it is.

    Examples
    --------
    >>> sketch_pair((3, pd.Series([5, 7])), Reducer("unique")).rows
    2
    """
    value = pair[1]
    if isinstance(value, tuple):
        columns = [hash_arrays([one.array]) + np.uint64(i) for i, one in enumerate(value[1])]
        hashes = np.concatenate([*columns, np.empty(0, dtype=np.uint64)])
        return sketch_hashes(hashes, sum(map(sizeof, value[1])))
    return sketch_hashes(hash_arrays(_arrays(_keys(value, reducer))), sizeof(value))


def _keys(value: Any, reducer: Reducer) -> Any:
    """What tells the rows of a partial result apart: a frame, a series or an index."""
    if SPLIT_BY[reducer.name] == "index":
        return value.index
    subset = dict(reducer.options).get("subset")
    if not isinstance(value, pd.DataFrame) or subset is None:
        return value
    one = pd.api.types.is_scalar(subset) or (isinstance(subset, tuple) and subset in value.columns)
    return value[[subset] if one else list(subset)]


def _arrays(keys: Any) -> list[Any]:
    if isinstance(keys, pd.DataFrame):
        return [keys.iloc[:, i].array for i in range(keys.shape[1])]
    if isinstance(keys, pd.MultiIndex):
        return [level.array for level in levels_of(keys)]
    return [keys.array]


def _split(item: Any, codes: Any, count: int) -> list[Any]:
    if isinstance(item, pd.Index):
        places = pd.Series(np.arange(len(item)))
        return [item.take(some.to_numpy()) for some in split_by_codes(places, codes, count)]
    return split_by_codes(item, codes, count)


@dataclasses.dataclass(frozen=True)
class PairSplit:
    """Cuts partial results by the hash of their keys.

    Parameters
    ----------
    reducer
        Whose they are.
    count
        How many pieces.

    Raises
    ------
    NotImplementedError
        The reduction gives one partition: it has no keys.

    Examples
    --------
    >>> pieces = PairSplit(Reducer("unique"), 3)((2, pd.Series([1, 2])))
    >>> sum(n for n, _ in pieces)
    2
    """

    reducer: Reducer
    count: int

    def __post_init__(self) -> None:
        if self.reducer.name not in SPLIT_BY:
            name = self.reducer.name
            raise NotImplementedError(f"{name} gives one partition; leave out split_out")

    def __call__(self, pair: Pair) -> list[Pair]:
        """Cut one.

        Parameters
        ----------
        pair
            A partial result.
        """
        value, count = pair[1], self.count
        if isinstance(value, tuple):
            names, columns = value
            cut = [_split(one, hash_codes(one, count), count) for one in columns]
            rows = [sum(map(len, some)) for some in zip(*cut, strict=True)] or [0] * count
            return [(n, (names, [one[i] for one in cut])) for i, n in enumerate(rows)]
        pieces = _split(value, hash_codes(_keys(value, self.reducer), count), count)
        return [(len(piece), piece) for piece in pieces]


@dataclasses.dataclass(frozen=True)
class KeySplit:
    """Cuts the keys of partial results by their hash; counts of values stay with them.

    Parameters
    ----------
    reducer
        Whose they are.
    count
        How many pieces.

    Examples
    --------
    >>> frame = pd.DataFrame({"k": [1, 2], "x": [3, 4]})
    >>> split = KeySplit(Reducer("drop_duplicates", (("subset", "k"),)), 1)
    >>> split((2, frame)).part(0).columns.tolist()
    ['k']
    """

    reducer: Reducer
    count: int

    def __call__(self, pair: Pair) -> Parts:
        """Cut one.

        Parameters
        ----------
        pair
            A partial result.
        """
        keys = _keys(pair[1], self.reducer)
        item = pair[1] if SPLIT_BY[self.reducer.name] == "index" else keys
        return keep(Pieces(_split(item, hash_codes(keys, self.count), self.count)))


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Says of each key of a piece how many rows it stands for: none, where another one does.

    Parameters
    ----------
    reducer
        Whose partial results they are of.

    Examples
    --------
    >>> said = Verdict(Reducer("unique"))([pd.Series([1, 2]), pd.Series([2, 3])])
    >>> [said.part(i).tolist() for i in range(2)]
    [[True, True], [False, True]]
    """

    reducer: Reducer

    def __call__(self, parts: Sequence[Any]) -> Parts:
        """Judge a piece.

        Parameters
        ----------
        parts
            The piece's keys of each partial result, in their order.
        """
        together = concat_rows(parts)
        if self.reducer.name == "value_counts":
            said = _counts(together)
        else:
            kept = dict(self.reducer.options).get("keep", "first")
            said = ~np.asarray(together.duplicated(keep=kept))
        bounds = np.cumsum([0, *map(len, parts)])
        return keep(Pieces([said[a:b] for a, b in itertools.pairwise(bounds)]))


def _counts(counts: Any) -> Any:
    """Counts of equal values added up, where they are met first; nothing elsewhere."""
    if not len(counts):
        return np.zeros(0, dtype=np.int64)
    grouped = counts.groupby(levels_of(counts.index), sort=False, dropna=False)
    codes = grouped.ngroup().to_numpy()
    totals = np.zeros(codes.max() + 1, dtype=np.int64)
    np.add.at(totals, codes, counts.to_numpy())
    # Groups are numbered as they are met: a new one has a number larger than all before.
    largest = np.maximum.accumulate(codes)
    first = np.concatenate([[True], largest[1:] > largest[:-1]])
    return np.where(first, totals[codes], 0)


def keep_first(pair: Pair, said: Any, count: int, reducer: Reducer, final: bool) -> Any:
    """The rows of a partial result that stand for themselves and their like.

    Parameters
    ----------
    pair
        The partial result.
    said
        Verdicts of the pieces that it was cut into, one after the other.
    count
        How many pieces that are.
    reducer
        Whose it is.
    final
        Whether they are a partition of the result.

    Examples
    --------
    >>> keep_first(
    ...     (2, pd.Series([1, 2])), np.array([0, 1]), 1, Reducer("unique"), True
    ... ).to_dict()
    {0: 2}
    """
    value = pair[1]
    codes = np.asarray(hash_codes(_keys(value, reducer), count))
    here = np.empty_like(said)
    here[np.argsort(codes, kind="stable")] = said
    kept = value[here > 0]
    if reducer.name == "value_counts":
        kept = pd.Series(here[here > 0], index=kept.index, name=kept.name, dtype=kept.dtype)
    return finished(kept, reducer) if final else kept


def finished(value: Any, reducer: Reducer) -> Any:
    """The rows that are left, as a partition of the result.

    Parameters
    ----------
    value
        As `keep_first` gives it.
    reducer
        Whose it is.

    Examples
    --------
    >>> finished(pd.Series([7], index=[5]), Reducer("unique")).index.tolist()
    [0]
    """
    return REDUCTIONS[reducer.name].final(value, **dict(reducer.options))


@dataclasses.dataclass(frozen=True)
class Joined:
    """A reducer of partitions that have nothing in common: one below the other, then a function.

    Parameters
    ----------
    title
        What is computed.
    last
        ``last(rows, *args)``.
    args
        More arguments.

    Examples
    --------
    >>> Joined("sorted", pd.Series.sort_values).final([pd.Series([3]), pd.Series([1])]).tolist()
    [1, 3]
    """

    title: str
    last: Callable[..., Any]
    args: tuple[Any, ...] = ()

    def final(self, parts: Sequence[Any]) -> Any:
        """The result.

        Parameters
        ----------
        parts
            At least one.
        """
        return self.last(concat_rows(parts), *self.args)


@dataclasses.dataclass(frozen=True)
class Added:
    """A reducer of numbers, or of series of numbers with the same labels.

    Parameters
    ----------
    title
        What is computed.

    Examples
    --------
    >>> Added("nunique").final([1, 2])
    3
    """

    title: str

    def combine(self, values: Sequence[Any]) -> Any:
        """Their sum.

        Parameters
        ----------
        values
            At least one.
        """
        return sum(values[1:], values[0])

    final = combine
