"""Random queries, in pandas' grammar: the rows that pandas finds, whether looked into or not."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import shoal.dataframe as dd

NUMBERS = ["i", "`u v`", "f", "n", "1", "2.5", "@three", "-i", "i + n", "f * 2", "i % 2", "f / n"]
NUMBERS += ["abs(i)", "`u v` // 2", "i ** 2", "index", "f.max()", "i - i.mean()"]
TEXTS = ["s", "'a'", "@word", "s.str.upper()", "'A' + 'b'"]
TIMES = ["t", "'2024-03-31'", "t.min()"]
FACTS = ["b", "~b", "b == True", "s.isna()", "f.notna()", "s.str.contains('a', na=False)"]
FACTS += ["i in [1, 2]", "i not in @some", "s in ['a', @word]", "'a' in s", "s == ['a', 'b']"]
FACTS += ["c == 'x'", "c != 'x'", "c in ['x', 'z']", "n.between(1, 3)", "i in n", "t.isna()"]

three, word, some = 3, "b", [0, 3]


def fact(rng: random.Random, depth: int = 0) -> str:
    kind = rng.random()
    if depth < 3 and kind < 0.4:
        parts = [fact(rng, depth + 1) for _ in range(rng.choice([2, 2, 3]))]
        return f"({rng.choice([' and ', ' or ', ' & ', ' | ']).join(parts)})"
    if depth < 3 and kind < 0.5:
        return f"{rng.choice(['not ', '~'])}({fact(rng, depth + 1)})"
    if kind < 0.75:
        sides = [rng.choice(rng.choice([NUMBERS, NUMBERS, NUMBERS, TEXTS, TIMES]))]
        pool = next(some for some in (NUMBERS, TEXTS, TIMES) if sides[0] in some)
        sides += [rng.choice(pool) for _ in range(rng.choice([1, 1, 1, 2]))]
        ops = [rng.choice(["<", "<=", ">", ">=", "==", "!="]) for _ in sides[1:]]
        return sides[0] + "".join(f" {op} {side}" for op, side in zip(ops, sides[1:], strict=True))
    return rng.choice(FACTS)


def frame_of(rng: random.Random) -> pd.DataFrame:
    rows = rng.choice([0, 1, 7, 20])

    def drawn(*values: Any) -> list[Any]:
        return rng.choices(values, k=rows)

    return pd.DataFrame(
        {
            "i": np.array(drawn(-1, 0, 1, 2), "int64"),
            "u v": np.array(drawn(0, 1, 3, 200), "uint8"),
            "f": np.array(drawn(0.5, -0.0, np.nan, 2.5, np.inf), "float64"),
            "n": pd.array(drawn(1, 2, None, 4), "Int64"),
            "s": pd.Series(drawn("a", "b", "Ab", "", None), dtype="str"),
            "b": np.array(drawn(True, False), bool),
            "c": pd.Categorical(drawn("x", "y", None), categories=["z", "y", "x"]),
            "t": pd.to_datetime(drawn("2024-03-30", "2024-03-31", None)),
        }
    )


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@given(st.integers(0, 2**32))
def test_queries(seed: int) -> None:
    rng = random.Random(seed)
    frame, text = frame_of(rng), fact(rng)
    try:
        mask = frame.eval(text, engine="python")
        expected = frame.query(text, engine="python")
    except (TypeError, ValueError, NotImplementedError, KeyError, AttributeError):
        return
    if not isinstance(mask, pd.Series):
        return  # no column in it
    got = dd.from_pandas(frame, npartitions=rng.choice([1, 3])).query(text)
    pd.testing.assert_frame_equal(got.compute(scheduler="sync"), expected)
