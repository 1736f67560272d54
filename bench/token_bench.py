"""Tokens: shoal beside Dask, on the same objects.

    python bench/token_bench.py            # a table; Dask's columns are empty where it is missing
    python bench/token_bench.py --gb 1     # how much data the buffer rows hash (default 1)

Each row is measured in turns, a batch of ours then a batch of theirs, and quotes the median of the
batches: CPU time, because neighbours on the machine do not make it longer.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from shoal.graph.token import tokenize

try:
    from dask.tokenize import tokenize as dask_tokenize
except ImportError:
    dask_tokenize = None


def inc(x: int, by: int = 1) -> int:
    """A function that can be imported."""
    return x + by


@dataclasses.dataclass
class Point:
    """An object with two attributes."""

    x: float
    y: float


def make_closure(n: int) -> Callable[[int], int]:
    """A function that cannot be imported and holds something."""
    return lambda x: x + n


def small_cases() -> dict[str, tuple[Any, ...]]:
    """Arguments as they come with single tasks."""
    return {
        "int, str": (1, "x"),
        "int, str, function": (1, "x", inc),
        "int, str, lambda": (1, "x", lambda x: x + 1),
        "closure": (make_closure(3),),
        "partial": (functools.partial(inc, by=2),),
        "list of 10 ints": (list(range(10)),),
        "dict of 10": ({f"k{i}": i for i in range(10)},),
        "nested lists, 100 ints": ([[i, [i, i]] for i in range(33)],),
        "dataclass": (Point(1.0, 2.0),),
        "slices": ((slice(0, 10), slice(None), 3),),
        "datetime": (pd.Timestamp("2020").to_pydatetime(),),
        "pandas Timestamp": (pd.Timestamp("2020"),),
        "class": (Point,),
        "numpy scalar": (np.float64(1.5),),
        "numpy, 10 floats": (np.arange(10.0),),
        "dtype": (np.dtype("f8"),),
        "frame, 3 x 3": (pd.DataFrame({"a": [1, 2, 3], "b": 1.5, "c": "x"}),),
        "frame, 100 columns": (pd.DataFrame(np.ones((10, 100))),),
    }


def large_cases(gigabytes: float) -> dict[str, tuple[Any, ...]]:
    """Arguments of which the contents count."""
    floats = int(gigabytes * 1e9) // 8
    million = list(range(1_000_000))
    words = [f"word{i % 1000}" for i in range(1_000_000)]
    return {
        f"numpy, {gigabytes:g} GB": (np.ones(floats),),
        f"numpy, {gigabytes / 10:g} GB, every 2nd column": (
            np.ones((1000, floats // 5000))[:, ::2],
        ),
        "list of 1M ints": (million,),
        "list of 1M strs": (words,),
        "100k small dicts": ([{"id": i, "name": "x"} for i in range(100_000)],),
        "2k dataclasses": ([Point(float(i), 0.0) for i in range(2_000)],),
        "object array, 1M strs": (np.array(words, dtype=object),),
        "frame, 1M x 3": (pd.DataFrame({"a": million, "b": 1.5, "c": words}),),
        "arrow, 1M strs": (pa.array(words),),
    }


def batch_us(function: Callable[..., Any], args: tuple[Any, ...], number: int) -> float:
    """CPU microseconds a call."""
    start = time.process_time()
    for _ in range(number):
        function(*args)
    return (time.process_time() - start) / number * 1e6


def measure(args: tuple[Any, ...], budget_s: float) -> tuple[float, float]:
    """(ours, theirs) in microseconds a call, the median of interleaved batches."""
    functions = [tokenize] + ([dask_tokenize] if dask_tokenize else [])
    numbers = []
    for function in functions:
        function(*args)
        once = batch_us(function, args, 1)
        numbers.append(max(1, int(budget_s * 1e6 / 5 / max(once, 1))))
    rows = [
        [batch_us(function, args, number) for function, number in zip(functions, numbers)]
        for _ in range(5)
    ]
    medians = [statistics.median(column) for column in zip(*rows)]
    return medians[0], medians[1] if len(medians) > 1 else float("nan")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gb", type=float, default=1.0, help="size of the largest array")
    parser.add_argument("--small", action="store_true", help="only the small arguments")
    parser.add_argument("--seconds", type=float, default=0.2, help="time for each cell")
    options = parser.parse_args()
    cases = small_cases() | ({} if options.small else large_cases(options.gb))
    print(f"{'':34}{'shoal us':>12}{'dask us':>12}{'ratio':>8}{'GB/s':>8}")
    for name, args in cases.items():
        ours, theirs = measure(args, options.seconds)
        size = args[0].nbytes if isinstance(args[0], np.ndarray) and "GB" in name else 0
        speed = f"{size / ours / 1e3:8.1f}" if size else ""
        print(f"{name:34}{ours:12.2f}{theirs:12.2f}{theirs / ours:8.1f}{speed}")


if __name__ == "__main__":
    main()
