"""Starting and stopping clusters: on this machine, and through whatever else starts processes."""

from __future__ import annotations

import importlib
from typing import Any

_NAMES: dict[str, str] = {
    "Adaptive": "adaptive",
    "Cluster": "cluster",
    "LocalCluster": "local",
    "ProcessInterface": "spec",
    "SSHCluster": "ssh",
    "SpecCluster": "spec",
    "SubprocessCluster": "subprocess",
}
"""Public names and the modules that define them; loaded when they are first used."""

__all__ = [
    "Adaptive",
    "Cluster",
    "LocalCluster",
    "ProcessInterface",
    "SSHCluster",
    "SpecCluster",
    "SubprocessCluster",
]


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_NAMES})
