r"""CSV to partitioned Parquet, on threads, beside Dask.

Eight files of random rows are read in blocks of 32 MB, filtered, given one more column, and
written to a folder for each kind.  Each run is a process of its own; both sides take turns.

    PYTHONPATH=src python bench/etl_bench.py --gb 2 --repeat 3

Needs about three times the given size on disk, which is freed at the end.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv

FILES = 8
ROW_BYTES = 36


def make(folder: Path, gb: float) -> None:
    rows = int(gb * 1e9 / ROW_BYTES / FILES)
    kinds = ["alpha", "beta", "gamma", "delta"]
    days = pd.date_range("2020-01-01", periods=60).astype(str)
    for i in range(FILES):
        rng = np.random.default_rng(i)
        for first in range(0, rows, 1_000_000):
            n = min(1_000_000, rows - first)
            frame = pd.DataFrame(
                {
                    "id": rng.integers(0, 10**6, n),
                    "kind": rng.choice(kinds, n),
                    "x": rng.random(n).round(6),
                    "n": rng.integers(0, 99, n),
                    "day": rng.choice(days, n),
                }
            )
            with open(folder / f"{i}.csv", "ab") as file:
                if not first:
                    file.write(",".join(frame.columns).encode() + b"\n")
                told = csv.WriteOptions(include_header=False, quoting_style="none")
                csv.write_csv(pa.Table.from_pandas(frame, preserve_index=False), file, told)


def run(peer: str, source: str, out: str) -> None:
    if peer == "shoal":
        import shoal as module
        import shoal.dataframe as dd
    else:
        import dask as module
        import dask.dataframe as dd
    used, begun = os.times(), time.perf_counter()
    with module.config.set(scheduler="threads"):
        df = dd.read_csv(f"{source}/*.csv", blocksize=32_000_000)
        df = df[df.n < 90]
        df["y"] = df.x * 2
        df.to_parquet(out, partition_on=["kind"], write_index=False)
    now, wall = os.times(), time.perf_counter() - begun
    cpu = now.user + now.system - used.user - used.system
    written = sum(file.stat().st_size for file in Path(out).rglob("*.parquet"))
    rows = dd.read_parquet(out).id.count().compute()
    print(
        f"{peer:6} {wall:7.2f} s wall {cpu:7.2f} s CPU {written / 1e6:8.1f} MB {rows:,} rows",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--gb", type=float, default=0.2)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--only", nargs="+", default=["shoal", "dask"])
    parser.add_argument("--folder", default=None, help="where the data is made")
    parser.add_argument("--child", nargs=3)
    args = parser.parse_args()
    if args.child:
        run(*args.child)
        return
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        source, out = Path(name, "csv"), Path(name, "out")
        source.mkdir()
        make(source, args.gb)
        size = sum(file.stat().st_size for file in source.iterdir())
        print(f"{size / 1e9:.2f} GB of CSV", flush=True)
        for _ in range(args.repeat):
            for peer in args.only:
                child = ["--child", peer, str(source), str(out)]
                subprocess.run([sys.executable, __file__, *child], check=True)
                shutil.rmtree(out)


if __name__ == "__main__":
    main()
