"""Partitions of a frame that was sorted are of about one size, however its keys are spread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import shoal.dataframe as dd

PARTS, ROWS = 16, 2_000

KEYS: dict[str, Callable[[Any, int, int], Any]] = {
    "even": lambda rng, n, part: rng.integers(0, 10**9, n),
    "long tail": lambda rng, n, part: rng.lognormal(0, 4, n),
    "some frequent": lambda rng, n, part: rng.zipf(1.5, n),
    "one frequent": lambda rng, n, part: np.where(
        rng.random(n) < 0.5, 7, rng.integers(0, 10**6, n)
    ),
    "few": lambda rng, n, part: rng.integers(0, 5, n),
    "another range in each partition": lambda rng, n, part: rng.integers(part * 100, 2000, n),
    "texts with a common beginning": lambda rng, n, part: pd.array(
        [f"https://example.org/{i}" for i in rng.integers(0, 10**6, n)], dtype="str"
    ),
    "moments": lambda rng, n, part: pd.Timestamp("2026") + pd.to_timedelta(rng.normal(size=n), "D"),
}


def make(part: int, kind: str) -> pd.DataFrame:
    rng = np.random.default_rng(part)
    # One partition is much larger than the others.
    rows = ROWS if part else 10 * ROWS
    return pd.DataFrame({"k": KEYS[kind](rng, rows, part), "x": 1})


@pytest.mark.parametrize("kind", KEYS)
def test_no_partition_is_larger_than_its_share_and_the_most_frequent_key(kind: str) -> None:
    frame = dd.from_map(make, range(PARTS), kind=kind, meta=make(0, kind).iloc[:0])
    whole = pd.concat([make(part, kind) for part in range(PARTS)]).k
    frequent = whole.value_counts().max()
    for made in (frame.set_index("k"), frame.sort_values("k")):
        sizes = made.map_partitions(len, meta=(None, "int64")).compute(scheduler="sync")
        assert sizes.sum() == len(whole)
        assert sizes.max() <= 1.5 * len(whole) / PARTS + frequent
        assert made.npartitions == min(PARTS, whole.nunique()) or frequent > len(whole) / PARTS
