"""The tidy checks, run on the project itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import checks
import pytest

ROOT = Path(__file__).parents[2]
SOURCE = checks.read_tree(ROOT / "src" / "shoal")
RATCHET = Path(__file__).with_name("ratchet.toml")
WRITTEN = (".ci", "bench", "demo", "docs", "src", "tests")
TEXTS = frozenset([".css", ".json", ".md", ".py", ".rst", ".svg", ".toml", ".txt", ".yaml", ""])


def report(violations: list[str]) -> str:
    return "\n".join(["", *violations])


@pytest.mark.parametrize("check", checks.SOURCE_CHECKS, ids=lambda check: check.__name__)
def test_source(check: Callable[..., list[str]]) -> None:
    extra = (RATCHET,) if check is checks.check_sizes else ()
    violations = check(SOURCE, *extra)
    assert not violations, report(violations)


@pytest.mark.parametrize("check", checks.TEST_CHECKS, ids=lambda check: check.__name__)
def test_tests(check: Callable[..., list[str]]) -> None:
    violations = check(checks.read_tree(ROOT / "tests"))
    assert not violations, report(violations)


@pytest.mark.parametrize("check", checks.TEXT_CHECKS, ids=lambda check: check.__name__)
def test_texts(check: Callable[..., list[str]]) -> None:
    below = (path for folder in WRITTEN for path in (ROOT / folder).rglob("*"))
    paths = [p for p in (*ROOT.glob("*"), *below) if p.is_file() and p.suffix in TEXTS]
    # The failing examples of this very check.
    paths.remove(Path(__file__).with_name("test_tidy_checks.py"))
    violations = check(paths)
    assert not violations, report(violations)
