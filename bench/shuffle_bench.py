r"""Joins and sorting of large frames, on threads and on a cluster, beside Dask.

Two tables of random keys are joined, and one is given an index that it has to be sorted by.  The
tables are made by the tasks themselves, so that neither side reads files; what is asked for is a
small reduction of the result.  ``--limit`` gives each of two workers that much memory.

    python bench/shuffle_bench.py --rows 2000000 --where threads cluster
    python bench/shuffle_bench.py --rows 20000000 --parts 100 --width 9 --where cluster \
        --limit 530MB --only shoal
"""

from __future__ import annotations

import argparse
import os
import time

import numpy as np
import pandas as pd


def make(part: int, rows: int, keys: int, name: str, width: int) -> pd.DataFrame:
    rng = np.random.default_rng([part, len(name)])
    values = {f"{name}{i}": rng.random(rows) for i in range(width)}
    return pd.DataFrame({"key": rng.integers(0, keys, rows), **values})


def tables(dd, rows: int, parts: int, width: int):
    per = rows // parts
    meta = {name: make(0, 1, rows, name, width).iloc[:0] for name in ("x", "yy")}
    told = {"rows": per, "keys": rows, "width": width}
    return [
        dd.from_map(make, range(parts), name=name, meta=meta[name], **told) for name in ("x", "yy")
    ]


def merge(dd, rows: int, parts: int, width: int):
    left, right = tables(dd, rows, parts, width)
    joined = left.merge(right, on="key")
    return joined.map_partitions(total, meta=("n", "float64")).sum()


def total(part):
    return pd.Series([part.to_numpy().sum()])


def set_index(dd, rows: int, parts: int, width: int):
    left, _ = tables(dd, rows, parts, width)
    return left.set_index("key").map_partitions(ends, meta=("n", "int64")).sum()


def ends(part):
    assert part.index.is_monotonic_increasing
    return pd.Series([len(part)])


def cpu() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def processes_cpu(pids) -> float:
    total = 0.0
    for pid in pids:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def children() -> list[int]:
    import psutil

    return [p.pid for p in psutil.Process().children(recursive=True)]


def peak(pids) -> float:
    most = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/status") as file:
                for line in file:
                    if line.startswith("VmHWM"):
                        most = max(most, int(line.split()[1]) << 10)
        except OSError:
            continue
    return most / 2**20


def run(name: str, peer: str, where: str, args: argparse.Namespace) -> None:
    rows, parts, limit, width = args.rows, args.parts, args.limit, args.width
    if peer == "shoal":
        import shoal.dataframe as dd
        from shoal.distributed import Client, LocalCluster
    else:
        import dask
        import dask.dataframe as dd
        from distributed import Client, LocalCluster

        dask.config.set({"distributed.logging.distributed": "error"})
    task = {"merge": merge, "set_index": set_index}[name]
    if where == "threads":
        task(dd, 20_000, 4, width).compute(scheduler="threads")
        used, begun = cpu(), time.perf_counter()
        value = task(dd, rows, parts, width).compute(scheduler="threads")
        wall, used, most = time.perf_counter() - begun, cpu() - used, peak(["self"])
    else:
        with (
            LocalCluster(
                n_workers=2, threads_per_worker=1, memory_limit=limit, dashboard_address=None
            ) as cluster,
            Client(cluster),
        ):
            task(dd, 20_000, 4, width).compute()
            before = children()
            used, begun = cpu() + processes_cpu(before), time.perf_counter()
            value = task(dd, rows, parts, width).compute()
            wall = time.perf_counter() - begun
            after = children()
            used, most = cpu() + processes_cpu(before) - used, peak(before)
            if set(before) - set(after):
                print("a process has gone:", set(before) - set(after))
    value = getattr(value, "tolist", lambda: value)()
    print(
        f"{name:10} {where:8} {peer:6} {rows:>10,} rows {parts} parts {width} values: "
        f"{wall:7.2f} s wall, {used:7.2f} s CPU, {most:6.0f} MiB peak of a process, {value}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--parts", type=int, default=20)
    parser.add_argument("--width", type=int, default=1, help="values beside the key")
    parser.add_argument("--where", nargs="+", default=["threads", "cluster"])
    parser.add_argument("--only", nargs="+", default=["shoal", "dask"])
    parser.add_argument("--what", nargs="+", default=["merge", "set_index"])
    parser.add_argument("--limit", default="4GB")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--child", nargs=3)
    args = parser.parse_args()
    if args.child:
        run(*args.child, args)
        return
    import subprocess
    import sys

    for what in args.what:
        for where in args.where:
            for _ in range(args.repeat):
                for peer in args.only:
                    told = ["--rows", str(args.rows), "--parts", str(args.parts)]
                    told += ["--width", str(args.width)]
                    child = ["--limit", args.limit, "--child", what, peer, where]
                    subprocess.run([sys.executable, __file__, *told, *child], check=False)


if __name__ == "__main__":
    main()
