"""TPC-H: ten queries on shoal, Dask, Polars and DuckDB, interleaved, answers compared.

    PYTHONPATH=src python bench/tpch_bench.py --scale 1 --reps 5 --data /tmp/tpch

Data is made by tpchgen-cli on first use: money as float64, dates as timestamps, eight lineitem
files.  DuckDB's answers are the reference.  Times are medians of seconds, wall and (in brackets)
CPU of all processes; ratios are those of medians.  The last column is the CPU time to optimise in
shoal, in milliseconds.  All run on threads; with ``--cluster`` shoal and Dask run on two processes
of a cluster each.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import tpch_queries as queries

TABLES = ["lineitem", "orders", "partsupp", "customer", "part", "supplier", "nation", "region"]
PARTS = {"lineitem": 8, "orders": 4, "partsupp": 2}


def make_data(folder: Path, scale: str) -> None:
    """Write the tables; decimals, dates and string views as types that all of the four read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    raw = folder / "raw"
    exe = shutil.which("tpchgen-cli") or str(Path(sys.executable).with_name("tpchgen-cli"))
    for table in TABLES:
        told = [f"--tables={table}", f"--parts={PARTS.get(table, 1)}", f"--output-dir={raw}"]
        subprocess.run([exe, "parquet", "-s", scale, *told], check=True)
    plain = {
        pa.types.is_decimal: pa.float64(),
        pa.types.is_date: pa.timestamp("us"),
        pa.types.is_string_view: pa.string(),
    }
    for source in raw.iterdir():
        files = sorted(source.glob("*.parquet")) if source.is_dir() else [source]
        out = folder / source.name.split(".")[0]
        out.mkdir()
        for i, file in enumerate(files):
            table = pq.read_table(file)
            for k, field in enumerate(table.schema):
                for is_type, to in plain.items():
                    if is_type(field.type):
                        table = table.set_column(k, field.name, table.column(k).cast(to))
            pq.write_table(table, out / f"part.{i}.parquet")
    shutil.rmtree(raw)


def runners(folder: Path, only: list[str], cluster: bool) -> dict[str, dict[str, Any]]:
    """For each system the queries as functions without arguments."""
    out: dict[str, dict[str, Any]] = {}

    def frames(module: Any) -> Any:
        return lambda name, columns: module.read_parquet(
            str(folder / name), columns=columns.split()
        )

    def bound(query: Any, read: Any) -> Any:
        return lambda: query(read)

    import shoal.dataframe as own

    out["shoal"] = {q: bound(queries.FRAMES[q], frames(own)) for q in only}
    try:
        import dask
        import dask.dataframe as peer

        if not cluster:
            dask.config.set(scheduler="threads")
        out["dask"] = {q: bound(queries.FRAMES[q], frames(peer)) for q in only}
    except ImportError:
        pass
    try:
        import polars as pl

        def lazy(q: str) -> Any:
            def scan(name: str) -> Any:
                return pl.scan_parquet(str(folder / name / "*.parquet"))

            return lambda: queries.polars_queries(scan)[q].collect().to_pandas()

        out["polars"] = {q: lazy(q) for q in only}
    except ImportError:
        pass
    try:
        import duckdb

        db = duckdb.connect()
        for table in TABLES:
            db.execute(f"create view {table} as from read_parquet('{folder / table}/*.parquet')")
        out["duckdb"] = {
            q: (lambda sql: lambda: db.execute(sql).df())(queries.SQL[q]) for q in only
        }
    except ImportError:
        pass
    return out


def answer(result: Any) -> Any:
    """Rows as sorted tuples, to be compared; columns in the order of their names."""
    import pandas as pd

    frame = result if isinstance(result, pd.DataFrame) else pd.DataFrame({"revenue": [result]})
    frame = frame[sorted(frame.columns)]
    rows = [
        tuple(
            v if isinstance(v, str) else float(getattr(v, "timestamp", lambda v=v: v)()) for v in r
        )
        for r in frame.itertuples(index=False)
    ]
    return sorted(rows, key=lambda row: [f"{v:.3f}" if isinstance(v, float) else v for v in row])


def same(a: Any, b: Any) -> bool:
    """Whether two answers are equal, numbers to 1e-9."""
    return len(a) == len(b) and all(
        len(x) == len(y)
        and all(
            u == v if isinstance(u, str) else math.isclose(u, v, rel_tol=1e-9, abs_tol=1e-6)
            for u, v in zip(x, y, strict=True)
        )
        for x, y in zip(a, b, strict=True)
    )


def optimising_ms(query: Any, folder: Path) -> float:
    """CPU that rewriting takes, footers already known: of the computation that takes most."""
    import shoal.dataframe as own
    from shoal.collection import CollectionMixin
    from shoal.expr.rewrite import rewrite

    took: list[float] = []
    compute = CollectionMixin.compute

    def timed(self: Any, **kwargs: Any) -> Any:
        node = self.__shoal_node__()
        start = time.process_time()
        rewrite([node], type(node).rules)
        took.append(time.process_time() - start)
        return compute(self, **kwargs)

    CollectionMixin.compute = timed
    try:
        query(lambda name, cols: own.read_parquet(str(folder / name), columns=cols.split()))
    finally:
        CollectionMixin.compute = compute
    return 1e3 * max(took)


def cpu_s() -> float:
    """CPU time of this process and of all that it started."""
    import psutil

    here = psutil.Process()
    total = 0.0
    for process in [here, *here.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
    return total


@contextlib.contextmanager
def clusters(without: str) -> Iterator[None]:
    """A cluster of two processes for each of shoal and Dask, which compute on them from now on."""
    from shoal.distributed import Client

    told: dict[str, Any] = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with contextlib.ExitStack() as stack:
        stack.enter_context(Client(**told))
        if "dask" not in without:
            import dask
            from distributed import Client as Peer

            dask.config.set({"logging.distributed.shuffle": "error"})
            stack.enter_context(Peer(**told))
        yield


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--scale", default="1")
    parser.add_argument("--reps", type=int, default=5)
    parser.add_argument("--data", type=Path, default=Path("/tmp/tpch"))
    parser.add_argument("--only", default=",".join(queries.FRAMES))
    parser.add_argument("--cluster", action="store_true", help="two processes for each")
    parser.add_argument("--without", default="", help="systems to leave out")
    options = parser.parse_args()
    folder, only = options.data / f"sf{options.scale}", options.only.split(",")
    if not folder.exists():
        folder.mkdir(parents=True)
        make_data(folder, options.scale)
    with clusters(options.without) if options.cluster else contextlib.nullcontext():
        compare(folder, only, options)


def compare(folder: Path, only: list[str], options: argparse.Namespace) -> None:
    """Run the queries in turns, and print what they take."""
    systems = runners(folder, only, options.cluster)
    for name in filter(None, options.without.split(",")):
        systems.pop(name, None)
    ratios: dict[str, list[tuple[float, float]]] = {}
    print("query", *(f"{name:>16}" for name in systems), "  optimise ms CPU")
    for q in only:
        answers = {name: answer(runs[q]()) for name, runs in systems.items()}
        for name, found in answers.items():
            if not same(found, answers.get("duckdb", answers["shoal"])):
                print(f"{q}: {name} DISAGREES", found[:2], answers.get("duckdb", [])[:2])
        walls: dict[str, list[float]] = {name: [] for name in systems}
        cpus: dict[str, list[float]] = {name: [] for name in systems}
        for _ in range(options.reps):
            for name, runs in systems.items():
                used, start = cpu_s(), time.perf_counter()
                runs[q]()
                walls[name].append(time.perf_counter() - start)
                cpus[name].append(cpu_s() - used)
        medians = {n: (statistics.median(walls[n]), statistics.median(cpus[n])) for n in systems}
        wall, cpu = medians["shoal"]
        for name, (t, u) in medians.items():
            ratios.setdefault(name, []).append((t / wall, u / cpu))
        told = [f"{t:8.3f} ({u:5.2f})" for t, u in medians.values()]
        print(f"{q:5}", *told, f"{optimising_ms(queries.FRAMES[q], folder):12.1f}", flush=True)
    for name, found in ratios.items():
        t, u = (statistics.geometric_mean(one) for one in zip(*found, strict=True))
        print(f"{name}: geometric mean {t:.2f} times shoal's wall time, {u:.2f} its CPU time")


if __name__ == "__main__":
    main()
