"""Bags beside `multiprocessing.Pool` and Dask, on the same text files.

    python bench/bag_bench.py                          # Dask's rows need it installed
    python bench/bag_bench.py --only words --mb 100    # words | fold | json | group

Each row is measured in turns, with two worker processes; it quotes the median of the wall time
and of the CPU time of this process and its children (from resource usage, where children count
when they have ended, so for workers that stay alive CPU time is read from /proc).
"""

from __future__ import annotations

import argparse
import gc
import json
import multiprocessing
import operator
import os
import random
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

import shoal.bag

try:
    import dask.bag
except ImportError:
    dask = None

WORKERS = 2


# -- the input ---------------------------------------------------------------------------------


def make_files(folder: Path, megabytes: int) -> tuple[list[str], list[str]]:
    """Eight files of words and eight of JSON records, the same each time."""
    rng = random.Random(0)
    vocabulary = [f"w{i:x}" for i in range(50_000)]
    weights = [1 / (rank + 10) for rank in range(len(vocabulary))]
    words, records = [], []
    for part in range(8):
        path = folder / f"words.{part}.txt"
        with path.open("w") as file:
            while file.tell() < megabytes * 1e6 / 8:
                some = rng.choices(vocabulary, weights, k=12_000)
                file.writelines(" ".join(some[i : i + 12]) + "\n" for i in range(0, 12_000, 12))
        words.append(str(path))
        path = folder / f"records.{part}.json"
        with path.open("w") as file:
            while file.tell() < megabytes * 1e6 / 8:
                record = {"id": rng.getrandbits(32), "city": rng.choice(vocabulary[:2_000])}
                record["amount"] = rng.random() * 100
                file.write(json.dumps(record) + "\n")
        records.append(str(path))
    return words, records


# -- the work ----------------------------------------------------------------------------------


def rich(record: dict[str, Any]) -> bool:
    """Half of the records."""
    return bool(record["amount"] > 50)


def same(word: str) -> str:
    """The group of a word."""
    return word


def bump(total: int, _: str) -> int:
    """One more."""
    return total + 1


def size(group: tuple[str, list[str]]) -> tuple[str, int]:
    """How often a word was found."""
    return group[0], len(group[1])


def pool_words(path: str) -> Counter[str]:
    """What one would write by hand."""
    counts: Counter[str] = Counter()
    with open(path) as file:
        for line in file:
            counts.update(line.split())
    return counts


def pool_fold(path: str) -> dict[str, int]:
    """The same with Python functions for each word."""
    counts: dict[str, int] = {}
    with open(path) as file:
        for line in file:
            for word in line.split():
                key = same(word)
                counts[key] = bump(counts.get(key, 0), word)
    return counts


def pool_json(path: str) -> Counter[str]:
    """Cities of rich records."""
    with open(path) as file:
        return Counter(record["city"] for record in map(json.loads, file) if rich(record))


def with_pool(func: Callable[[str], Any], files: list[str], k: int) -> list[tuple[str, int]]:
    """Map over files in a pool, add up, take the largest."""
    total: Counter[str] = Counter()
    with multiprocessing.get_context("spawn").Pool(WORKERS) as pool:
        for counts in pool.imap_unordered(func, files):
            total.update(counts)
    return total.most_common(k)


def split_words(db: Any, files: list[str]) -> Any:
    """A bag of words."""
    return db.read_text(files).map(str.split).flatten()


def top(bag: Any) -> list[tuple[str, int]]:
    """The ten largest counts."""
    best = bag.topk(10, key=1).compute(scheduler="processes", num_workers=WORKERS)
    return list(best)


def rows(words: list[str], records: list[str]) -> dict[str, dict[str, Callable[[], Any]]]:
    """For each kind of work, who does it."""
    kinds: dict[str, dict[str, Callable[[], Any]]] = {
        "words": {"pool": lambda: with_pool(pool_words, words, 10)},
        "fold": {"pool": lambda: with_pool(pool_fold, words, 10)},
        "json": {"pool": lambda: with_pool(pool_json, records, 10)},
        "group": {"pool": lambda: with_pool(pool_words, words[:2], 10)},
    }
    for name, db in (("shoal", shoal.bag), ("dask", dask and dask.bag)):
        if db is None:
            continue

        def read(db: Any = db) -> Any:
            return db.read_text(records).map(json.loads).filter(rich).pluck("city")

        kinds["words"][name] = lambda db=db: top(split_words(db, words).frequencies())
        kinds["fold"][name] = lambda db=db: top(
            split_words(db, words).foldby(same, bump, 0, operator.add, 0)
        )
        kinds["json"][name] = lambda read=read: top(read().frequencies())
        kinds["group"][name] = lambda db=db: top(split_words(db, words[:2]).groupby(same).map(size))
    return kinds


# -- measuring ---------------------------------------------------------------------------------


def tree_cpu() -> float:
    """CPU seconds of this process, its living children and those that have ended."""
    times = os.times()
    total = times.user + times.system + times.children_user + times.children_system
    for child in psutil.Process().children(recursive=True):
        try:
            spent = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += spent.user + spent.system
    return total


def measure(runs: dict[str, Callable[[], Any]], rounds: int) -> dict[str, tuple[float, float]]:
    """Median wall and CPU seconds of each, in turns; the answers must agree."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    answers: dict[str, list[int]] = {}
    for _ in range(rounds):
        for name, run in runs.items():
            gc.collect()
            cpu, wall = tree_cpu(), time.perf_counter()
            answer = run()
            taken[name].append((time.perf_counter() - wall, tree_cpu() - cpu))
            answers[name] = [count for _, count in answer]
    assert len(set(map(tuple, answers.values()))) == 1, answers
    return {
        name: (statistics.median(w for w, _ in t), statistics.median(c for _, c in t))
        for name, t in taken.items()
    }


def show(kind: str, figures: dict[str, tuple[float, float]]) -> None:
    """A row for each; ours against theirs."""
    ours = figures["shoal"]
    for name, (wall, cpu) in figures.items():
        ratio = "" if name == "shoal" else f"{wall / ours[0]:8.2f}x wall {cpu / ours[1]:8.2f}x cpu"
        print(f"{kind:8} {name:8} {wall:8.2f} s {cpu:8.2f} s cpu {ratio}", flush=True)


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=["words", "fold", "json", "group"])
    parser.add_argument("--mb", type=int, default=64, help="megabytes of text")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        words, records = make_files(Path(folder), args.mb)
        for kind, runs in rows(words, records).items():
            if args.only in (None, kind):
                show(kind, measure(runs, args.rounds))


if __name__ == "__main__":
    main()
