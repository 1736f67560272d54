"""Arrays that are larger than memory: whether jobs finish, how long they take, and their peak.

    python bench/memory_bench.py [--gb 8] [--limit 2GiB] [--only rechunk] [--on cluster]

``rechunk`` turns rows into columns and adds them up; ``file`` is ``(x - x.mean(axis=0)).std()`` of
an HDF5 file that it writes first.  Each job runs in a process of its own.  ``threads``: the system
limits that process's memory (`RLIMIT_DATA`); the peak is its resident size at most.
``cluster``: two workers with half of the limit each; the peak is the sum of theirs.  ``--who dask``
does the same with Dask.  The folder for the file and for what is spilled needs twice ``--gb``.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

WORKERS = 2


def peak_bytes() -> int:
    """The most that this process had resident."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise OSError("the system does not tell the peak of a process")


def expression(da: Any, job: str, side: int, block: int, path: Path) -> Any:
    if job == "rechunk":
        x = da.random.default_rng(0).random((side, side), chunks=(block, side))
        return x.rechunk((side, block)).sum(axis=0).max()
    import h5py

    x = da.from_array(h5py.File(path, "r")["x"], chunks=(block, side))
    return (x - x.mean(axis=0)).std()


def write_file(path: Path, side: int, block: int) -> None:
    import h5py
    import numpy as np

    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        data = file.create_dataset("x", (side, side), "f8", chunks=(min(block, 64), side))
        for start in range(0, side, block):
            stop = min(start + block, side)
            data[start:stop] = rng.random((stop - start, side))


def run(job: str, on: str, who: str, side: int, block: int, limit: int, folder: Path) -> None:
    """One job, in this process; a line of JSON."""
    path = folder / "x.h5"
    if who == "dask":
        import dask.array as da
        from distributed import Client, LocalCluster
    else:
        import shoal.array as da
        from shoal.distributed import Client, LocalCluster
    out: dict[str, Any] = {"job": job, "on": on, "who": who}
    if on == "threads":
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
        begin = time.perf_counter()
        out["value"] = float(expression(da, job, side, block, path).compute(scheduler="threads"))
        out |= {"seconds": time.perf_counter() - begin, "peak": peak_bytes()}
    else:
        with (
            LocalCluster(
                n_workers=WORKERS,
                threads_per_worker=1,
                memory_limit=limit // WORKERS,
                dashboard_address=None,
                local_directory=str(folder),
            ) as cluster,
            Client(cluster) as client,
        ):
            before = set(client.run(os.getpid).values())
            begin = time.perf_counter()
            out["value"] = float(expression(da, job, side, block, path).compute())
            out |= {"seconds": time.perf_counter() - begin}
            peaks = client.run(peak_bytes).values()
            out |= {"peak": sum(peaks), "peaks": sorted(peaks)}
            out["killed"] = len(before - set(client.run(os.getpid).values()))
    print(json.dumps(out))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--gb", type=float, default=1.0)
    parser.add_argument("--limit", default="512MiB")
    parser.add_argument("--only", nargs="*", default=["rechunk", "file"])
    parser.add_argument("--on", nargs="*", default=["threads", "cluster"])
    parser.add_argument("--who", nargs="*", default=["shoal"])
    parser.add_argument("--block-mb", type=float, default=0, help="0: a 64th of the limit")
    parser.add_argument("--folder", type=Path, default=Path("/tmp"))
    parser.add_argument("--timeout", type=float, default=1800, help="of a job, seconds")
    parser.add_argument("--job", help="run this one here: what the program calls itself with")
    given = parser.parse_args()
    if given.job:
        job = json.loads(given.job)
        run(**job | {"folder": Path(job["folder"])})
        return
    from shoal.units import parse_bytes

    limit = parse_bytes(given.limit)
    side = int((given.gb * 2**30 / 8) ** 0.5) // 64 * 64
    size = given.block_mb * 2**20 or limit / 64
    block = max(1, int(size / side / 8))
    if "file" in given.only:
        write_file(given.folder / "x.h5", side, block)
    print(f"{given.gb} GB as {side} x {side}, blocks of {block * side * 8 / 2**20:.0f} MiB, "
          f"limit {limit / 2**20:.0f} MiB")  # fmt: skip
    try:
        for job in given.only:
            for on in given.on:
                for who in given.who:
                    told = {"job": job, "on": on, "who": who, "side": side, "block": block,
                            "limit": limit, "folder": str(given.folder)}  # fmt: skip
                    show(told, given.timeout)
    finally:
        (given.folder / "x.h5").unlink(missing_ok=True)


def show(told: dict[str, Any], timeout_s: float) -> None:
    name = f"{told['job']:8} {told['on']:8} {told['who']:6}"
    try:
        done = subprocess.run(
            [sys.executable, __file__, "--job", json.dumps(told)],
            capture_output=True, text=True, timeout=timeout_s,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        print(f"{name} not within {timeout_s:.0f} s")
        return
    if done.returncode:
        print(f"{name} failed: {done.stderr.strip().splitlines()[-1:]}")
        return
    got = json.loads(done.stdout.strip().splitlines()[-1])
    each = " ".join(f"{peak / 2**20:.0f}" for peak in got.get("peaks", []))
    print(
        f"{name} {got['seconds']:7.1f} s  peak {got['peak'] / 2**20:6.0f} MiB"
        + (f" ({each}), {got['killed']} workers killed" if each else "")
        + f"  {got['value']!r}",
        flush=True,
    )


if __name__ == "__main__":
    main()
