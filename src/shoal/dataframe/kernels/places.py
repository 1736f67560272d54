"""Where rows came from, as a number that they carry."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from shoal.dataframe.kernels.columns import join_rows
from shoal.dataframe.kernels.cuts import cut_by_codes

__all__ = [
    "PLACE",
    "HomeJoin",
    "HomeSplit",
    "with_places",
]

PLACE = "__place__"
"""The column that says where a row came from: its partition, and its number there."""

ROW_BITS = 40
"""Bits for the number of a row in its partition."""


def with_places(part: Any, number: int) -> Any:
    """A partition with a column that says where its rows are.

    Parameters
    ----------
    part
        A frame.
    number
        Of the partition.

    Examples
    --------
    >>> import pandas as pd
    >>> with_places(pd.DataFrame({"x": [5, 6]}), 0)[PLACE].tolist()
    [0, 1]
    """
    return part.assign(**{PLACE: (number << ROW_BITS) + np.arange(len(part), dtype=np.int64)})


@dataclasses.dataclass(frozen=True)
class HomeSplit:
    """Cuts frames by the partition that rows came from.

    Parameters
    ----------
    count
        How many partitions there were.

    Examples
    --------
    >>> import pandas as pd
    >>> parts = HomeSplit(2)(with_places(pd.DataFrame({"x": [5, 6]}), 1))
    >>> len(parts.part(0)), len(parts.part(1))
    (0, 2)
    """

    count: int

    def __call__(self, part: Any) -> Any:
        """Cut one.

        Parameters
        ----------
        part
            The frame.
        """
        codes = part[PLACE].to_numpy() >> ROW_BITS
        return cut_by_codes(part, codes, self.count)


@dataclasses.dataclass(frozen=True)
class HomeJoin:
    """Puts rows in the order in which they were.

    Parameters
    ----------
    meta
        Of the result.

    Examples
    --------
    >>> import pandas as pd
    >>> part = pd.DataFrame({"x": [5, 6], PLACE: [1, 0]})
    >>> HomeJoin(pd.Series([1], name="x"))([part]).tolist()
    [6, 5]
    """

    meta: Any

    def __call__(self, pieces: Sequence[Any]) -> Any:
        """Join them.

        Parameters
        ----------
        pieces
            At least one.
        """
        whole = join_rows(pieces)
        order = np.argsort(whole[PLACE].to_numpy(), kind="stable")
        if self.meta.ndim == 1:
            return whole.iloc[:, 0].take(order).rename(self.meta.name)
        return whole.drop(columns=PLACE).take(order)

    def __shoal_tokenize__(self) -> Any:
        return self.meta
