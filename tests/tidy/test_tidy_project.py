"""The files around the code agree with it and with each other."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType

import checks
import pytest

import shoal

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCKS = ("requirements.lock", "requirements-bench.lock")
# Distribution -> the name that is imported, where they differ.
IMPORTED = {"pyyaml": "yaml"}


def names(requirements: list[str]) -> set[str]:
    """The normalised distribution names of a list of requirements."""
    found = {re.match(r"[\w.-]+", line)[0] for line in requirements}
    return {re.sub(r"[-_.]+", "-", name).lower() for name in found}


def reference() -> ModuleType:
    """docs/reference/generate.py, which is a program and stands in no package."""
    path = ROOT / "docs" / "reference" / "generate.py"
    spec = importlib.util.spec_from_file_location("generate_reference", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_reference_is_current() -> None:
    generate = reference()
    written = generate.PAGE.read_text(encoding="utf-8")
    assert generate.page() == written, "docs/reference/api.md is behind the code; run `make docs`"


def test_public_names_stand_in_reference() -> None:
    text = reference().PAGE.read_text(encoding="utf-8")
    missing = [name for name in shoal.__all__ if not re.search(rf"`{re.escape(name)}\b", text)]
    assert not missing, f"docs/reference/api.md lacks {missing}; run `make docs`"


def test_version_is_the_projects() -> None:
    assert shoal.__version__ == PROJECT["project"]["version"]


def test_core_dependencies_are_those_of_the_checks() -> None:
    core = names(PROJECT["project"]["dependencies"])
    assert {IMPORTED.get(name, name) for name in core} == checks.CORE


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_covers_the_project_and_names_no_index(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    extras = PROJECT["project"]["optional-dependencies"].values()
    groups = dict(PROJECT["dependency-groups"])
    if lock == LOCKS[0]:
        del groups["bench"]
    wanted = PROJECT["project"]["dependencies"] + [
        r for rs in (*extras, *groups.values()) for r in rs
    ]
    locked = set(re.findall(r"^([a-z0-9-]+)==", text, re.MULTILINE))
    missing = names(wanted) - locked - {"shoal"}
    assert not missing, f"{lock} lacks {sorted(missing)}; run `make lock`"
    assert not re.search(r"https?:|file:|--(extra-)?index|--find-links", text)


def test_readme_opens_with_the_two_commands() -> None:
    top = (ROOT / "README.md").read_text(encoding="utf-8")[:600]
    assert "make test" in top
    assert "make demo" in top


def test_architecture_names_what_exists() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:\w+/)*(?:\w+/|\w+\.py))`", text))
    package = ROOT / "src" / "shoal"
    roots = (ROOT, package, *(path for path in package.rglob("*") if path.is_dir()))
    gone = sorted(name for name in named if not any((root / name).exists() for root in roots))
    assert not gone, f"ARCHITECTURE.md speaks of {gone}, which do not exist"
    present = {path.name + "/" * path.is_dir() for path in package.iterdir()}
    present = {name for name in present if re.fullmatch(r"(__init__|[a-z]\w*)(/|\.py)", name)}
    missing = sorted(present - named)
    assert not missing, f"ARCHITECTURE.md says nothing of {missing}"


def test_architecture_draws_the_layer_table() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    table = text.split("| row | module |")[1].split("\n\n")[0]
    drawn: dict[str, int] = {}
    row = 0
    for line in table.splitlines()[2:]:
        number, modules = line.split("|")[1:3]
        row = int(number) if number.strip() else row
        drawn |= dict.fromkeys(re.findall(r"`(\w+)(?:/|\.py)`", modules), row)
    ranks = {name: rank for rank, names in enumerate(checks.LAYERS) for name in names}
    wrong = {name: row for name, row in drawn.items() if ranks.get(name) != row}
    assert not wrong, f"ARCHITECTURE.md and LAYERS disagree on the rows of {wrong}"
