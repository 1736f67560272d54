"""What a method returns is another handle: columns assigned to it are not in the first one."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import shoal.dataframe as dd

WHOLE: dict[str, Any] = {
    "loc": lambda d: d.loc[:],
    "slice": lambda d: d[:],
    "columns": lambda d: d[["a", "b"]],
    "places": lambda d: d.iloc[:, :],
    "drop": lambda d: d.drop(columns=[]),
    "rename": lambda d: d.rename(columns={}),
    "assign": lambda d: d.assign(),
    "join": lambda d: d.join([]),
    "truncate": lambda d: d.truncate(),
    "repartition": lambda d: d.repartition(npartitions=2),
    "to_frame": lambda d: d.to_frame(),
    "categorize": lambda d: d.categorize(),
    "squeeze": lambda d: d.squeeze(),
    "to_backend": lambda d: d.to_backend("pandas"),
    "copy": lambda d: d.copy(),
    "sorted columns": lambda d: d.sort_index(axis=1),
}


@pytest.mark.parametrize("name", WHOLE)
def test_assigning_to_one_leaves_the_other(name: str) -> None:
    first = dd.from_pandas(pd.DataFrame({"a": [1, 2], "b": [3, 4]}), npartitions=2)
    second = WHOLE[name](first)
    second["new"] = 1
    assert list(first.columns) == ["a", "b"]
    assert list(second.columns) == ["a", "b", "new"]
