# ruff: noqa: SIM905 # a list of words reads better as text
"""Made-up frames: random, and the same for the same seed, column by column."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from shoal.dataframe.collection.base import from_node
from shoal.dataframe.meta import make_meta
from shoal.dataframe.nodes.sources import FromMap

__all__ = ["make_timeseries"]

NAMES = (
    "Alice Bob Charlie Dan Edith Frank George Hannah Ingrid Jerry Kevin Laura Michael Norbert "
    "Oliver Patricia Quinn Ray Sarah Tim Ursula Victor Wendy Xavier Yvonne Zelda"
).split()

Maker = Callable[[Any, int, Mapping[str, Any]], Any]

MAKERS: Mapping[Any, Maker] = {
    float: lambda rng, count, how: rng.uniform(how.get("low", -1.0), how.get("high", 1.0), count),
    int: lambda rng, count, how: rng.poisson(how.get("lam", 1000), count).astype(np.int64),
    bool: lambda rng, count, how: rng.random(count) < how.get("p", 0.5),
    str: lambda rng, count, how: _choice(rng, count, how, "str"),
    object: lambda rng, count, how: _choice(rng, count, how, "object"),
    "category": lambda rng, count, how: pd.Categorical.from_codes(
        rng.integers(0, len(how.get("choices", NAMES)), count), list(how.get("choices", NAMES))
    ),
}
"""How the values of a column are drawn, by its dtype."""


def _choice(rng: Any, count: int, how: Mapping[str, Any], dtype: str) -> Any:
    values = pd.Series(list(how.get("choices", NAMES)), dtype=dtype).array
    return values.take(rng.integers(0, len(values), count))


def make_timeseries(
    start: Any = "2000-01-01",
    end: Any = "2000-12-31",
    dtypes: Any = None,
    freq: str = "10s",
    partition_freq: str = "30D",
    seed: int | None = None,
    **kwargs: Any,
) -> Any:
    """A frame of random values at regular times.

    Parameters
    ----------
    start, end
        The first time, and the one after the last.
    dtypes
        Columns: float, int, bool, str, object or "category" by name.
    freq
        From one row to the next.
    partition_freq
        From one partition to the next.
    seed
        The same one gives the same values, whichever columns are computed.
    **kwargs
        Of a column: ``x_low=0``, ``x_high=9`` for floats, ``id_lam=10`` for ints, ``b_p=0.1`` for
        bools, ``name_choices=[...]`` for the others.

    Raises
    ------
    ValueError
        A dtype that cannot be made.

    Examples
    --------
    >>> df = make_timeseries("2000-01-01", "2000-01-03", {"x": float}, "6h", "1D", seed=1)
    >>> df.npartitions, len(df)
    (2, 8)
    """
    dtypes = {"name": str, "id": int, "x": float, "y": float} if dtypes is None else dict(dtypes)
    plain = {name: _kind(name, dtype) for name, dtype in dtypes.items()}
    bounds = list(pd.date_range(start, end, freq=partition_freq))
    if len(bounds) < 2:
        bounds = [pd.Timestamp(start), pd.Timestamp(end)]
    seed = int(np.random.default_rng().integers(2**32)) if seed is None else int(seed)
    maker = PartMaker(tuple(plain.items()), freq, seed, tuple(kwargs.items()), tuple(plain))
    meta = make_meta(maker(bounds[0], bounds[0]))
    values = tuple(itertools.pairwise(bounds))
    return from_node(FromMap(maker, values, (), (), meta, tuple(bounds), None, "timeseries"))


def _kind(name: Any, dtype: Any) -> Any:
    """A dtype as `MAKERS` has it."""
    if isinstance(dtype, str) and dtype not in MAKERS:
        known = {"f": float, "i": int, "u": int, "b": bool, "O": object, "T": str}
        dtype = known.get(pd.Series([], dtype=dtype).dtype.kind, dtype)
    if dtype not in MAKERS:
        raise ValueError(
            f"column {name!r} cannot be of dtype {dtype!r}; there are float, int, bool, str, "
            "object and 'category'"
        )
    return dtype


@dataclasses.dataclass(frozen=True)
class PartMaker:
    """Makes a partition; not public."""

    dtypes: tuple[tuple[Any, Any], ...]
    freq: str
    seed: int
    options: tuple[tuple[str, Any], ...]
    columns: tuple[Any, ...]

    def project_columns(self, columns: list[Any]) -> PartMaker:
        """One that makes fewer columns.

        Parameters
        ----------
        columns
            Their names.
        """
        return dataclasses.replace(self, columns=tuple(columns))

    def __call__(self, start: Any, end: Any) -> Any:
        index = pd.date_range(start, end, freq=self.freq, inclusive="left", name="timestamp")
        kinds = dict(self.dtypes)
        columns = {
            name: self._column(name, kinds[name], start, len(index)) for name in self.columns
        }
        out = pd.DataFrame(columns, index=index, columns=pd.Index(list(self.columns)))
        # What a regular index knows of itself would differ between partitions and the whole.
        out.index.freq = None
        return out

    def _column(self, name: Any, kind: Any, start: Any, count: int) -> Any:
        # Each column of each partition has a generator of its own, so others may be left out.
        told = hashlib.blake2b(f"{self.seed}/{name}/{start}".encode(), digest_size=8).digest()
        rng = np.random.default_rng(int.from_bytes(told))
        front = f"{name}_"
        how = {k.removeprefix(front): v for k, v in self.options if k.startswith(front)}
        return MAKERS[kind](rng, count, how)
