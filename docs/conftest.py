"""Pages are doctests; each runs in a folder of its own, where what it writes does no harm.

What a page sets ends with it: tests of other files may come after it in the same process.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shoal import config


@pytest.fixture(autouse=True)
def folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    with config.set(scheduler=config.get("scheduler", None)):
        yield
