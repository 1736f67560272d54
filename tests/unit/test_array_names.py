"""NumPy's names: each is there, or refused with a reason; run with ``-s`` to see which are not."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest

import shoal.array as da
from shoal.array.refused import REFUSED

MODULES = {"": np, "linalg": np.linalg, "fft": np.fft, "ma": np.ma, "random": np.random}


def names(module: Any) -> list[str]:
    return sorted({name for name in module.__all__ if not name.startswith("_")})


def ours(where: str) -> Any:
    return importlib.import_module(f"shoal.array.{where}") if where else da


@pytest.mark.parametrize("where", MODULES)
def test_every_name_is_there_or_refused(where: str) -> None:
    refused = REFUSED[where]
    missing = [name for name in names(MODULES[where]) if not hasattr(ours(where), name)]
    for name in missing:
        print(f"numpy.{where}.{name}: {refused.get(name, 'missing')}".replace("..", "."))  # noqa: T201
    assert not [name for name in missing if name not in refused]


@pytest.mark.parametrize("where", MODULES)
def test_no_name_is_there_and_refused(where: str) -> None:
    assert not [name for name in REFUSED[where] if hasattr(ours(where), name)]


@pytest.mark.parametrize("where", MODULES)
def test_no_name_is_refused_that_numpy_has_not(where: str) -> None:
    # Some are those of one platform.
    assert not set(REFUSED[where]) - {*names(MODULES[where]), "float128", "complex256"}


@pytest.mark.parametrize(
    ("where", "name"), [(where, next(iter(table))) for where, table in REFUSED.items() if table]
)
def test_asking_for_a_refused_name_says_why(where: str, name: str) -> None:
    with pytest.raises(AttributeError, match=rf"no attribute '{name}': .{{20}}"):
        getattr(ours(where), name)
