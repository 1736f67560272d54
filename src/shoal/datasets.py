# ruff: noqa: SIM905 # a list of words reads better as text
"""Data to try things with: random, and the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from typing import Any

from shoal.bag import Bag, from_sequence
from shoal.dataframe.io.demo import make_timeseries

__all__ = ["make_people", "timeseries"]

FIRST = (
    "Ada Alan Barbara Donald Edsger Frances Grace John Katherine Leslie Margaret Niklaus".split()
)
LAST = "Allen Dijkstra Hamilton Hopper Johnson Knuth Lamport Liskov Lovelace Turing Wirth".split()
JOBS = "baker carpenter dentist engineer farmer gardener nurse pilot potter teacher tailor".split()
STREETS = "Church Station Mill Park School Green Spring Hill Lake River".split()
CITIES = "Aarhus Bergen Cork Delft Ghent Leeds Lyon Malmo Porto Turin Utrecht York".split()


def timeseries(
    start: Any = "2000-01-01",
    end: Any = "2000-01-31",
    freq: str = "1s",
    partition_freq: str = "1D",
    dtypes: Any = None,
    seed: int | None = None,
    **kwargs: Any,
) -> Any:
    """A frame of random values at regular times; names, ids and two numbers unless told.

    Parameters
    ----------
    start, end
        The first time, and the one after the last.
    freq
        From one row to the next.
    partition_freq
        From one partition to the next.
    dtypes
        Columns: float, int, bool, str, object or "category" by name.
    seed
        The same one gives the same values, whichever columns are computed.
    **kwargs
        Of a column: ``x_low=0``, ``x_high=9`` for floats, ``id_lam=10`` for ints, ``b_p=0.1`` for
        bools, ``name_choices=[...]`` for the others.

    Examples
    --------
    >>> timeseries(end="2000-01-03", freq="1h", seed=1).columns.tolist()
    ['name', 'id', 'x', 'y']
    """
    return make_timeseries(start, end, dtypes, freq, partition_freq, seed, **kwargs)


def make_people(
    npartitions: int = 10, records_per_partition: int = 1000, seed: int | None = None, **kwargs: Any
) -> Bag[Any]:
    """A bag of made-up people, each a dict with a name, an address, an age and more.

    Parameters
    ----------
    npartitions
        How many partitions.
    records_per_partition
        People in each.
    seed
        The same one gives the same people.
    **kwargs
        Accepted for programs written for Dask.

    Examples
    --------
    >>> people = make_people(npartitions=2, records_per_partition=3, seed=1)
    >>> people.count().compute(), sorted(people.take(1)[0])[:3]
    (6, ['address', 'age', 'credit-card'])
    """
    seed = random.randrange(2**32) if seed is None else seed
    numbers = from_sequence([seed * 100_003 + i for i in range(npartitions)], partition_size=1)
    return numbers.map_partitions(_people, records_per_partition)


def _people(seeds: Iterable[int], count: int) -> Iterator[dict[str, Any]]:
    for seed in seeds:
        rng = random.Random(seed)
        for _ in range(count):
            yield {
                "age": rng.randint(16, 90),
                "name": (rng.choice(FIRST), rng.choice(LAST)),
                "occupation": rng.choice(JOBS),
                "telephone": f"{rng.randint(0, 999):03}-{rng.randint(0, 9999):04}",
                "address": {
                    "address": f"{rng.randint(1, 199)} {rng.choice(STREETS)} Street",
                    "city": rng.choice(CITIES),
                },
                "credit-card": {
                    "number": " ".join(f"{rng.randint(0, 9999):04}" for _ in range(4)),
                    "expiration-date": f"{rng.randint(1, 12):02}/{rng.randint(26, 31)}",
                },
            }
