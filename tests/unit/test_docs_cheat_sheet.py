"""Every row of docs/how-to/cheat-sheet.md runs: what stands on its two sides gives the same."""

from __future__ import annotations

import collections
import concurrent.futures
import functools
import json
import multiprocessing.pool
import operator
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import shoal

np = pytest.importorskip("numpy")
pd = pytest.importorskip("pandas")

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "cheat-sheet.md"


def rows(section: str) -> list[tuple[list[str], list[str]]]:
    """The code in the left and in the right cell of each row of a section."""
    text = PAGE.read_text(encoding="utf-8").split(f"\n## {section}")[1].split("\n## ")[0]
    cells = [line.strip("| ").split(" | ") for line in text.splitlines() if line[:3] == "| `"]
    code = re.compile("`([^`]+)`")
    return [(code.findall(left), code.findall(right)) for left, right in cells]


def check(row: tuple[list[str], list[str]], known: dict[str, Any], ours: dict[str, Any]) -> None:
    """Several on both sides are pairs; else one, and several ways to say it."""
    left, right = row
    pairs = zip(left, right, strict=True) if len(left) > 1 else [(left[0], way) for way in right]
    for one, other in pairs:
        expected, (got,) = eval(one, known), shoal.compute(eval(other, ours))
        if isinstance(got, pd.DataFrame):
            # The index of rows that were shuffled is nobody's.
            by = list(got.columns)
            got, expected = (item.sort_values(by, ignore_index=True) for item in (got, expected))
            pd.testing.assert_frame_equal(got, expected)
        elif isinstance(got, pd.Series):
            pd.testing.assert_series_equal(got, pd.Series(expected, name=got.name))
        else:
            np.testing.assert_allclose(
                np.asarray(got), np.asarray(expected), rtol=1e-12, atol=1e-12
            )


@pytest.mark.parametrize("row", rows("NumPy"), ids=lambda row: row[0][0])
def test_numpy(row: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shoal.array as da

    monkeypatch.chdir(tmp_path)
    x, data = np.arange(16.0).reshape(4, 4), [1, 2, 3]
    np.save("x.npy", x)
    names = {"np": np, "data": data}
    check(row, {**names, "x": x}, {**names, "da": da, "x": da.from_array(x, chunks=2)})


@pytest.mark.parametrize("row", rows("pandas"), ids=lambda row: row[0][0])
def test_pandas(row: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shoal.dataframe as dd

    monkeypatch.chdir(tmp_path)
    df = pd.DataFrame({"a": range(6), "b": [9, 4, 6, 5, 8, 7], "k": list("xyxzyx")})
    other = pd.DataFrame({"k": ["x", "y"], "c": [1.5, 2.5]})
    df.to_csv("t.csv", index=False)
    df.to_parquet("t")
    lazy = {"df": dd.from_pandas(df, npartitions=3), "other": dd.from_pandas(other, npartitions=2)}
    check(row, {"pd": pd, "df": df, "other": other}, {"dd": dd, "other": other, **lazy})


@pytest.fixture(scope="module")
def ways() -> Iterator[dict[str, Any]]:
    """What the section on plain Python calls by name."""
    import shoal.bag as db
    from shoal.distributed import Client

    def inc(n: int) -> int:
        return n + 1

    with (
        shoal.config.set(scheduler="sync"),
        concurrent.futures.ThreadPoolExecutor(2) as executor,
        multiprocessing.pool.ThreadPool(2) as pool,
        Client(n_workers=1, processes=False, set_as_default=False) as client,
    ):
        yield {
            "add": operator.add,
            "as_completed": concurrent.futures.as_completed,
            "client": client,
            "collections": collections,
            "db": db,
            "executor": executor,
            "functools": functools,
            "inc": inc,
            "pool": pool,
            "shoal": shoal,
        }


@pytest.mark.parametrize("row", rows("concurrent.futures"), ids=lambda row: row[0][0])
def test_plain_python(row: Any, ways: dict[str, Any]) -> None:
    (left,), rights = row
    for right in rights:
        assert eval(right, dict(ways)) == eval(left, dict(ways))


def test_names_of_dask() -> None:
    program = """if True:
        import importlib, json, sys
        import shoal.compat
        shoal.compat.install_as_dask()
        def found(path):
            module, _, name = path.rpartition(".")
            return getattr(importlib.import_module(module), name)

        for left, right in json.loads(sys.argv[1]):
            for one, other in zip(left, right, strict=True):
                assert found(one) is found(other), f"{one} is not {other}"
    """
    found = subprocess.run(
        [sys.executable, "-c", program, json.dumps(rows("Dask"))], capture_output=True, text=True
    )
    assert found.returncode == 0, found.stderr
