"""Each tidy check, shown failing on a tree made up for the purpose, and passing on a good one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import checks
import pytest

ALL_CHECKS = (*checks.SOURCE_CHECKS, *checks.TEST_CHECKS, *checks.TEXT_CHECKS)
LONG_F = ["has 62 code lines of at most 60"]
LONG = "".join(f"    x{i} = {i}\n" for i in range(61))

# check -> cases of (files, the start of each violation, in order)
Case = tuple[dict[str, str], list[str]]
BAD: dict[Callable[..., list[str]], list[Case]] = {
    checks.check_layers: [
        (
            {"config.py": "import os\nfrom shoal.graph import order\n", "graph/order.py": ""},
            ["config.py:2: layer 1 (config) imports shoal.graph.order"],
        ),
        (
            {"bag/core.py": "from ..array import core\n", "array/core.py": ""},
            ["bag/core.py:1: layer 7 (bag) imports shoal.array.core"],
        ),
        (
            {"graph/a.py": "from shoal import get\n"},
            ["graph/a.py:1: layer 2 (graph) imports shoal;"],
        ),
        (
            {"graph/a.py": "def f():\n    import_module('shoal.bag')\n"},
            ["graph/a.py:2: layer 2 (graph) imports shoal.bag;"],
        ),
        ({"novel.py": ""}, ["novel.py:1: novel stands in no layer"]),
    ],
    checks.check_import_cycles: [
        (
            {"graph/a.py": "from . import b\n", "graph/b.py": "from shoal.graph.a import x\n"},
            ["shoal.graph."],
        ),
    ],
    checks.check_late_imports: [
        (
            {"config.py": "def f():\n    import json\n    import numpy\n"},
            ["config.py:2: json is imported inside a function"],
        ),
        (
            {"config.py": "class C:\n    def f(self):\n        from shoal import errors\n"},
            ["config.py:3: shoal is imported inside a function"],
        ),
    ],
    checks.check_third_parties: [
        (
            {"config.py": "import yaml\nimport numpy as np\n", "array/a.py": "import numpy\n"},
            ["config.py:2: numpy is optional here"],
        ),
        (
            {"config.py": "def f():\n    import toolz\n"},
            ["config.py:2: toolz is no dependency"],
        ),
    ],
    checks.check_sizes: [
        (
            {"config.py": f"def f():\n{LONG}"},
            ["config.py:1: config.py::f has 62 code lines of at most 60"],
        ),
        (
            {"config.py": "class C:\n    x = 1\n" + "\n".join(f"    y{i} = 1" for i in range(350))},
            ["config.py:1: config.py::C has 352 code lines of at most 350"],
        ),
        (
            {"config.py": "x = 1\n" * 601 + "# a comment, and a blank line\n\n" * 50},
            ["config.py:1: config.py has 601 code lines of at most 600"],
        ),
    ],
    checks.check_module_names: [
        ({"graph/utils.py": ""}, ["graph/utils.py:1: shoal.graph.utils says nothing"]),
    ],
    checks.check_module_prose: [
        ({"config.py": "x = 1\n"}, ["config.py:1: the module has no docstring"]),
    ],
    checks.check_all_exists: [
        ({"config.py": '"""Doc."""\nx = 1\n'}, ["config.py:1: no __all__"]),
        ({"config.py": '__all__ = ["y"]\nx = 1\n'}, ["config.py:1: __all__ names 'y'"]),
    ],
    checks.check_docstrings: [
        (
            {"config.py": '__all__ = ["f"]\ndef f(): ...\n'},
            ["config.py:2: f has no docstring"],
        ),
        (
            {"config.py": '__all__ = ["f"]\ndef f(a, *args, b=1):\n    """Use a. >>> f(1)"""\n'},
            ["config.py:2: the docstring of f does not name b, args"],
        ),
        (
            {"config.py": '__all__ = ["f"]\ndef f(a):\n    """Use a."""\n'},
            ["config.py:2: f has no example"],
        ),
        (
            {
                "bag/__init__.py": '__all__ = ["B"]\nfrom shoal.bag._core import B\n',
                "bag/_core.py": 'class B:\n    """>>> 1"""\n    def map(self, f): ...\n',
            },
            ["bag/_core.py:3: B.map has no docstring"],
        ),
        (
            {
                "bag/__init__.py": '__all__ = ["B"]\nfrom shoal.bag.core import B\n',
                "bag/core.py": '__all__ = ["B"]\nclass B:\n    """>>> 1"""\n'
                '    def map(self, f):\n        """Apply it."""\n',
            },
            ["bag/core.py:4: the docstring of B.map does not name f"],
        ),
        (
            {
                "config.py": '__all__ = ["C"]\n@dataclass(frozen=True)\nclass C:\n'
                '    """>>> 1"""\n    limit_bytes: int\n'
            },
            ["config.py:3: the docstring of C does not name limit_bytes"],
        ),
        (
            {
                "config.py": '__all__ = ["C"]\nclass C:\n    """>>> 1"""\n'
                "    def __init__(self, a): ...\n"
            },
            ["config.py:2: the docstring of C does not name a"],
        ),
    ],
    checks.check_sleep: [
        (
            {"test_a.py": "import time\ntime.sleep(1)\n", "test_b.py": "sleep(1)\n"},
            ["test_a.py:2: sleep in a test", "test_b.py:1: sleep in a test"],
        ),
        ({"test_a.py": "pool.submit(time.sleep, 1)\n"}, ["test_a.py:1: sleep in a test"]),
    ],
    checks.check_machine_paths: [
        ({"a.py": "open('/home/ann/data.csv')\n"}, [":1: /home/a"]),
        ({"README.md": "text\ncd /Users/ann\n"}, [":2: /Users/a"]),
        ({"README.md": "C:\\Users\\ann"}, [":1: C:\\Users"]),
    ],
    checks.check_links: [
        (
            {"a.md": "# Why is it?\n[b](b.md) [c](#why-is-it) [d](a.md#who)\n"},
            ["a.md:2: there is no b.md", "a.md:2: a.md has no heading #who"],
        ),
    ],
}

GOOD = {
    "__init__.py": '"""The package."""\n__all__ = ["f"]\ndef __getattr__(name): ...\n',
    "errors.py": '"""Doc."""\n__all__ = []\nclass E(Exception):\n    """>>> 1"""\n',
    "config.py": (
        '"""Doc; ~/.config and https://host/home/x are no machine\'s paths."""\n'
        "from typing import TYPE_CHECKING\n"
        "import yaml\n"
        "from shoal import errors\n"
        "from .errors import E\n"
        "if TYPE_CHECKING:\n    import numpy\n"
        '__all__ = ["E", "f", "LIMIT"]\n'
        "LIMIT: int = 1\n"
        'def f(a, _hidden=None):\n    """Use a.\n\n    >>> f(1)\n    """\n    import pandas\n'
    ),
    "bag/__init__.py": '"""Only prose."""\n',
    "bag/core.py": (
        '"""Doc."""\n'
        "from shoal.bag.base import Base\n"
        '__all__ = ["Bag"]\n'
        'class Bag(Base):\n    """>>> 1"""\n    def map(self, f): ...\n    def _x(self): ...\n'
    ),
    "bag/base.py": (
        '"""Doc."""\n__all__ = ["Base"]\n'
        'class Base:\n    """>>> 1"""\n    def map(self, f):\n        """Apply f."""\n'
    ),
}


def write(root: Path, files: dict[str, str]) -> Path:
    folder = root / "shoal"
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def run(check: Callable[..., list[str]], folder: Path) -> list[str]:
    if check in checks.TEXT_CHECKS:
        return check(sorted(folder.rglob("*.*")))
    return check(checks.read_tree(folder))


@pytest.mark.parametrize("check", ALL_CHECKS, ids=lambda check: check.__name__)
def test_check_fails_on_bad_trees(check: Callable[..., list[str]], tmp_path: Path) -> None:
    assert BAD.get(check), f"{check.__name__} has no failing example; add one to BAD"
    for number, (files, expected) in enumerate(BAD[check]):
        violations = run(check, write(tmp_path / str(number), files))
        assert len(violations) == len(expected), violations
        for violation, start in zip(violations, expected, strict=True):
            assert start in violation


@pytest.mark.parametrize("check", ALL_CHECKS, ids=lambda check: check.__name__)
def test_check_passes_on_good_tree(check: Callable[..., list[str]], tmp_path: Path) -> None:
    assert run(check, write(tmp_path, GOOD)) == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('"config.py::f" = { lines = 62, reason = "one table" }', []),
        ('"config.py::f" = { lines = 61, reason = "one table" }', ["has 62 code lines of at most"]),
        ('"config.py::f" = { lines = 63, reason = "one table" }', ["shrank; lower it to 62"]),
        ('"config.py::f" = { lines = 62, reason = " " }', ["gives no reason"]),
        ('"config.py" = { lines = 99, reason = "r" }', [*LONG_F, "is within the limit"]),
    ],
)
def test_ratchet_turns_one_way(line: str, expected: list[str], tmp_path: Path) -> None:
    tree = checks.read_tree(write(tmp_path, {"config.py": f"def f():\n{LONG}"}))
    ratchet = tmp_path / "ratchet.toml"
    ratchet.write_text(line, encoding="utf-8")
    violations = checks.check_sizes(tree, ratchet)
    assert len(violations) == len(expected), violations
    for violation, part in zip(violations, expected, strict=True):
        assert part in violation
