"""Rows at random: ``sample`` and ``random_split``.

Every partition has its own seed, drawn from the user's, so results do not depend on the order in
which partitions are computed.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from shoal.dataframe.collection.base import check_axis, from_node
from shoal.dataframe.kernels.passing import passes_columns
from shoal.dataframe.nodes.rowwise import MapEach, MapPartitions

__all__ = ["random_split", "sample", "seeds"]


def seeds(count: int, random_state: Any = None) -> tuple[int, ...]:
    """A seed for each partition.

    Parameters
    ----------
    count
        How many.
    random_state
        None, a number, or a generator.

    Examples
    --------
    >>> seeds(2, 5) == seeds(2, 5)
    True
    """
    if isinstance(random_state, np.random.RandomState):
        drawn = random_state.randint(0, 2**31 - 1, size=count)
    else:
        drawn = np.random.default_rng(random_state).integers(0, 2**31 - 1, size=count)
    return tuple(int(one) for one in drawn)


def sample(
    self: Any,
    n: float | None = None,
    frac: float | None = None,
    replace: bool = False,
    random_state: Any = None,
) -> Any:
    """Some rows at random: so many of each partition.

    Parameters
    ----------
    n
        Not taken: how many rows there are is not known. Up to 1 it is read as ``frac``.
    frac
        The share of the rows.
    replace
        Whether a row may come several times.
    random_state
        A seed.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> len(from_dict({"x": range(100)}, npartitions=2).sample(frac=0.1, random_state=1))
    10
    """
    if n is not None:
        told = "sample does not take a number of rows: how many there are is not known. Use frac="
        if not 0 <= n <= 1:
            raise ValueError(f"{told}, got n={n!r}")
        warnings.warn(f"{told}; n={n!r} is read as frac", UserWarning, stacklevel=2)
        frac = n
    if frac is None:
        raise ValueError("frac must not be None")
    values = seeds(self.npartitions, random_state)
    args = (self._node, frac, replace)
    return from_node(MapEach(_sampled, args, (), values, self._meta, None, "sample"))


@passes_columns()
def _sampled(part: Any, seed: int, frac: float, replace: bool) -> Any:
    if not len(part):
        return part
    return part.sample(frac=frac, replace=replace, random_state=np.random.RandomState(seed))


def random_split(
    self: Any, frac: Sequence[float], random_state: Any = None, shuffle: bool = False, axis: Any = 0
) -> list[Any]:
    """Frames whose rows are parts of this one's, at random.

    Parameters
    ----------
    frac
        The share of each, 1 together.
    random_state
        A seed.
    shuffle
        Whether rows of a partition change places.
    axis
        0.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> one, two = from_dict({"x": range(9)}, npartitions=2).random_split([0.5, 0.5], 1)
    >>> len(one) + len(two)
    9
    """
    if check_axis(self, axis) != 0:
        raise ValueError(f"random_split splits rows, got axis={axis!r}")
    if not np.allclose(sum(frac), 1):
        raise ValueError(f"frac should sum to 1, got {list(frac)}")
    values = seeds(self.npartitions, random_state)
    args = (self._node, tuple(frac), shuffle)
    split = MapEach(_split, args, (), values, self._meta, None, "random-split")
    return [
        from_node(MapPartitions(_pick, (split, i), (), self._meta, None, "random-split"))
        for i in range(len(frac))
    ]


@passes_columns()
def _split(part: Any, seed: int, frac: Sequence[float], shuffle: bool) -> list[Any]:
    random = np.random.RandomState(seed)
    if shuffle:
        part = part.sample(frac=1.0, random_state=random)
    chosen = random.choice(len(frac), size=len(part), p=np.asarray(frac) / sum(frac))
    return [part.iloc[np.flatnonzero(chosen == i)] for i in range(len(frac))]


@passes_columns()
def _pick(parts: list[Any], i: int) -> Any:
    return parts[i]
