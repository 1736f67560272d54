"""Where groups go, by the order of their first key."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from shoal.dataframe.kernels.cuts import split_by_codes
from shoal.dataframe.kernels.groups import State
from shoal.dataframe.kernels.hashing import hash_codes
from shoal.dataframe.kernels.levels import levels_of
from shoal.serialize.parts import Pieces, keep

__all__ = ["RangeOfGroups", "bounds_of_keys", "sample_of_keys"]

SAMPLE_KEYS = 2000
"""How many keys of a partial result take part in choosing bounds."""


def sample_of_keys(state: State) -> Any:
    """Some of the first keys of a partial result, in order.

    Parameters
    ----------
    state
        The partial result.

    Examples
    --------
    >>> import pandas as pd
    >>> index = pd.Index([3, 1], name="k")
    >>> sample_of_keys(State(pd.DataFrame({0: [1, 2]}, index=index), {})).tolist()
    [3, 1]
    """
    keys = levels_of(state.atoms.index)[0].unique()
    return keys[:: -(-len(keys) // SAMPLE_KEYS) or 1]


def bounds_of_keys(samples: Sequence[Any], count: int) -> Any:
    """Keys at which new partitions begin.

    Parameters
    ----------
    samples
        Of all partial results.
    count
        How many partitions there will be.

    Returns
    -------
    Two indexes of fewer than ``count`` keys together: one of numbers or the like, and one of texts,
    which come after those in pandas.  None where keys have no order.

    Examples
    --------
    >>> import pandas as pd
    >>> [one.tolist() for one in bounds_of_keys([pd.Index([1, 2]), pd.Index([3, 4])], 2)]
    [[3], []]
    >>> [one.tolist() for one in bounds_of_keys([pd.Index([1, 2]), pd.Index(["a", "b"])], 4)]
    [[2], ['a', 'b']]
    """
    some = [one for one in samples if len(one)]
    if not some:
        return samples[0], samples[0]
    keys = some[0].append(some[1:]).unique().dropna()
    texts = _are_texts(keys)
    try:
        kinds = [one.sort_values() for one in (keys[~texts], keys[texts])]
    except TypeError:
        return None
    at = np.arange(1, count) * len(keys) // count
    at = np.unique(at[at > 0])
    starts = np.cumsum([0, *map(len, kinds)])
    return tuple(
        [
            kind[at[(at >= start) & (at < start + len(kind))] - start]
            for kind, start in zip(kinds, starts, strict=False)
        ]
    )


def _are_texts(keys: Any) -> Any:
    if keys.dtype != object:
        return np.full(len(keys), isinstance(keys.dtype, pd.StringDtype))
    return np.fromiter((isinstance(key, str) for key in keys), bool, len(keys))


@dataclasses.dataclass(frozen=True)
class RangeOfGroups:
    """Cuts partial results by ranges of the first key; by hash, where keys have no order.

    Parameters
    ----------
    count
        How many pieces.

    Examples
    --------
    >>> import pandas as pd
    >>> state = State(pd.DataFrame({0: [1, 2]}, index=pd.Index([5, 9], name="k")), {})
    >>> parts = RangeOfGroups(2)(state, (pd.Index([7]), pd.Index([])))
    >>> [parts.part(i).atoms.index.tolist() for i in range(2)]
    [[5], [9]]
    """

    count: int

    def __call__(self, state: State, bounds: Any) -> Any:
        """Cut one.

        Parameters
        ----------
        state
            The partial result.
        bounds
            As `bounds_of_keys` gives them.
        """
        atoms = self._cut(state.atoms, bounds)
        rows = {key: self._cut(values, bounds) for key, values in state.rows.items()}
        pieces = [
            State(atoms[i], {key: parts[i] for key, parts in rows.items()})
            for i in range(self.count)
        ]
        return keep(Pieces(pieces))

    def _cut(self, item: Any, bounds: Any) -> list[Any]:
        if bounds is None:
            return split_by_codes(item, hash_codes(item.index, self.count), self.count)
        keys = levels_of(item.index)[0]
        codes = np.full(len(keys), self.count - 1, dtype=np.int64)
        there = ~np.asarray(keys.isna())
        texts = _are_texts(keys)
        before = 0
        for kind, some in zip(bounds, (there & ~texts, there & texts), strict=True):
            if some.any():
                found = kind.searchsorted(keys[some], side="right") if len(kind) else 0
                codes[some] = before + found
            before += len(kind)
        return split_by_codes(item, codes, self.count)
