"""A first real job: MapReduce over the Python sources that are installed on this machine.

    make demo                          # or: python demo/run.py [--files N] [--scheduler NAME]

The job runs on a cluster of two worker processes on this machine.  In the middle of it one of them
is killed; the job finishes all the same, and what was computed again is said.

1. Read all source files in blocks, split them into identifiers, count these by package.
2. Reduce the counts of all blocks, and find the 20 most frequent identifiers.
3. Bring the counts of each package together through a group-by-key shuffle.
4. Fit a power law to the frequencies: a graph of `delayed` calls tries exponents and picks the
   best.  Its picture is written to demo-output/.

Steps 1 to 3 are one computation: the text is read and split once, for both answers.
The same work is then done by plain Python in one process, and the answers must be equal.
"""

from __future__ import annotations

import argparse
import contextlib
import operator
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import words

import shoal
import shoal.bag as db
from shoal.diagnostics import ProgressBar
from shoal.distributed import Client

OUTPUT = Path(__file__).resolve().parent.parent / "demo-output"
FILES = 100
"""Files in one block of text: a megabyte or two."""

KILL_AFTER = 12
"""Tasks that are done when a worker is killed."""

EXPONENTS = [round(0.5 + 0.05 * step, 2) for step in range(21)]

Counts = list[tuple[str, int]]


def by_count(pair: tuple[str, int]) -> tuple[int, str]:
    """Most frequent first; equal counts by name, so that every run gives the same list."""
    return pair[1], pair[0]


def count_words(
    files: list[str], scheduler: str | None
) -> tuple[Counts, list[int], dict[str, Counter[str]]]:
    """The 20 most frequent identifiers, all frequencies, and the frequencies by package."""
    lines = db.read_text(
        files, files_per_partition=FILES, encoding="utf-8", errors="replace", include_path=True
    )
    # (package, counts) of each package in each block.
    partial = lines.map_partitions(words.count_by_package)
    pairs = partial.pluck(1).map(Counter.items).flatten()
    frequencies = pairs.foldby(first, words.add_count, 0, operator.add, 0)
    by_package = partial.groupby(first).map(words.total)
    top, counts, packages = shoal.compute(
        frequencies.topk(20, key=by_count), frequencies.pluck(1), by_package, scheduler=scheduler
    )
    return list(top), list(counts), dict(packages)


def first(pair: tuple[Any, Any]) -> Any:
    """The key of a pair: an identifier, or a package."""
    return pair[0]


def best_exponent(frequencies: list[int]) -> tuple[float, float]:
    """The exponent that fits best, and its error; draws a graph of the same shape."""
    data = shoal.delayed(frequencies, traverse=False)
    error = shoal.delayed(words.fit_error)
    best = shoal.delayed(min)([(error(data, e), e) for e in EXPONENTS])
    small = shoal.delayed(min)([(error(data, e), e) for e in EXPONENTS[:4]])
    small.visualize(filename=str(OUTPUT / "graph.svg"))
    fit, exponent = best.compute()
    return exponent, fit


def plain_python(files: list[str]) -> tuple[Counts, dict[str, Counter[str]], tuple[float, float]]:
    """The same work in one process, without shoal."""
    totals: Counter[str] = Counter()
    by_package: dict[str, Counter[str]] = {}
    for path in files:
        with open(path, encoding="utf-8", errors="replace") as file:
            counter = by_package.setdefault(words.package_of(path), Counter())
            for line in file:
                found = words.identifiers(line)
                totals.update(found)
                counter.update(found)
    top = sorted(totals.items(), key=by_count, reverse=True)[:20]
    frequencies = list(totals.values())
    fit, exponent = min((words.fit_error(frequencies, e), e) for e in EXPONENTS)
    return top, by_package, (exponent, fit)


@contextlib.contextmanager
def cluster() -> Iterator[None]:
    """Two worker processes, of which one is killed while it works; says what that cost."""
    with Client(n_workers=2, threads_per_worker=1) as client:
        print(f"A cluster: {client}")
        over = threading.Event()
        killer = threading.Thread(target=kill_one, args=(client, over))
        killer.start()
        yield
        over.set()
        killer.join()
        runs = Counter(str(run["key"]) for run in client.get_task_stream())
        again = sorted(key for key, times in runs.items() if times > 1)
        print(f"  {len(runs)} tasks ran, {len(again)} of them again because a worker was killed:")
        for key in again[:5]:
            print(f"    {key}")
        if len(again) > 5:
            print(f"    ... and {len(again) - 5} more")


def kill_one(client: Client, over: threading.Event) -> None:
    """Kill a worker's process when some tasks are done."""
    pids = list(client.run(os.getpid).values())
    while len(client.get_task_stream()) < KILL_AFTER:
        if over.wait(0.02):
            return
    os.kill(pids[0], signal.SIGKILL)
    print(f"\n  worker process {pids[0]} was killed after {KILL_AFTER} tasks")


def timed(label: str, run: Callable[[], Any]) -> tuple[Any, float]:
    """A result, and the seconds it took."""
    start = time.perf_counter()
    result = run()
    seconds = time.perf_counter() - start
    print(f"  {label}: {seconds:.1f} s")
    return result, seconds


def main() -> None:
    """Run the job, print what was found, and check it against plain Python."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--files", type=int, help="use only the first N files")
    parser.add_argument("--scheduler", help="threads, processes or sync; default: a cluster")
    options = parser.parse_args()
    OUTPUT.mkdir(exist_ok=True)
    files = words.source_files()[: options.files]
    size = sum(os.path.getsize(path) for path in files)
    print(f"{len(files)} source files, {size / 2**20:.0f} MiB\n")

    # A local executor shows its progress; a cluster says what became of its tasks.
    with ProgressBar() if options.scheduler else cluster():
        (top, counts, packages), one = timed("words", lambda: count_words(files, options.scheduler))
        (exponent, fit), two = timed("best exponent", lambda: best_exponent(counts))

    print("\nThe 20 most frequent identifiers:")
    for name, count in top:
        print(f"  {count:9,}  {name}")
    print("\nWhat the largest packages say most:")
    for package in sorted(packages, key=lambda name: -packages[name].total())[:12]:
        said = ", ".join(f"{name} {count:,}" for name, count in packages[package].most_common(4))
        print(f"  {package:20} {said}")
    print(f"\nFrequency falls with rank to the power {exponent:.2f} (error {fit:.3f}).")
    print(f"A graph of that search: {OUTPUT / 'graph.svg'}\n")

    (top2, packages2, (exponent2, fit2)), serial = timed(
        "plain Python, one process", lambda: plain_python(files)
    )
    assert top == top2, "the most frequent identifiers differ"
    assert packages == packages2, "the counts by package differ"
    assert (exponent, round(fit, 9)) == (exponent2, round(fit2, 9)), "the best exponents differ"
    ours = one + two
    print(f"  shoal: {ours:.1f} s, {serial / ours:.2f} times as fast; equal answers")


if __name__ == "__main__":
    main()
