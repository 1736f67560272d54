"""What the demo does with text: plain functions on plain values, in a module of their own.

Worker processes import this module; nothing here knows that it runs in parallel.
"""

from __future__ import annotations

import keyword
import math
import re
import sysconfig
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

__all__ = [
    "add_count",
    "count_by_package",
    "fit_error",
    "identifiers",
    "package_of",
    "source_files",
    "total",
]

_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
_KEYWORDS = frozenset(keyword.kwlist)
_ROOTS = [Path(sysconfig.get_path(name)).resolve() for name in ("purelib", "platlib", "stdlib")]


def source_files() -> list[str]:
    """Python sources of the standard library and of every installed package."""
    found = {str(path) for root in _ROOTS[:2] for path in root.rglob("*.py") if path.is_file()}
    for entry in _ROOTS[2].iterdir():
        # Packages of another environment may be installed inside of the standard library's folder.
        if entry.name not in ("site-packages", "dist-packages"):
            inside = entry.rglob("*.py") if entry.is_dir() else [entry]
            found |= {str(path) for path in inside if path.suffix == ".py" and path.is_file()}
    return sorted(found)


def identifiers(line: str) -> list[str]:
    """The identifiers of a line, keywords left out."""
    return [word for word in _IDENTIFIER.findall(line) if word not in _KEYWORDS]


def package_of(path: str) -> str:
    """The package that a source file belongs to; ``stdlib`` for the standard library's."""
    for root in _ROOTS[:2]:
        if path.startswith(f"{root}/"):
            return path[len(str(root)) + 1 :].split("/")[0].removesuffix(".py")
    return "stdlib"


def count_by_package(lines: Iterable[tuple[str, str]]) -> list[tuple[str, Counter[str]]]:
    """How often each identifier stands in the lines of each package.

    ``lines`` are pairs of a line and the path of its file, as ``read_text`` gives them.
    """
    counts: dict[str, Counter[str]] = {}
    path_before, counter = "", Counter[str]()
    for line, path in lines:
        if path != path_before:
            counter = counts.setdefault(package_of(path), Counter())
            path_before = path
        counter.update(identifiers(line))
    return list(counts.items())


def add_count(total: int, item: tuple[str, int]) -> int:
    """A running count of one identifier, and a pair that says how often it was seen."""
    return total + item[1]


def total(group: tuple[str, Sequence[tuple[str, Counter[str]]]]) -> tuple[str, Counter[str]]:
    """The counts of one package, of all blocks that had lines of it."""
    package, parts = group
    counter: Counter[str] = Counter()
    for _, counts in parts:
        counter.update(counts)
    return package, counter


def fit_error(frequencies: Sequence[int], exponent: float) -> float:
    """How far frequencies by rank are from a power law (Zipf's), in natural logarithms.

    The root mean square over all ranks of ``log(observed) - log(c * rank ** -exponent)``, with
    the factor ``c`` that fits best.
    """
    ordered = sorted(frequencies, reverse=True)
    residuals = [
        math.log(count) + exponent * math.log(rank) for rank, count in enumerate(ordered, start=1)
    ]
    mean = sum(residuals) / len(residuals)
    return math.sqrt(sum((r - mean) ** 2 for r in residuals) / len(residuals))
