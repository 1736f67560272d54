"""What is installed in this process: versions of Python, of the machine, of packages."""

from __future__ import annotations

import importlib
import platform
import sys
from typing import Any

__all__ = ["package_versions"]

PACKAGES = ("shoal", "cloudpickle", "msgspec", "numpy", "pandas", "pyarrow", "lz4", "polars")


def package_versions(packages: Any = None) -> dict[str, Any]:
    """Versions of Python, the machine and packages in this process.

    Parameters
    ----------
    packages
        Names of further ones.

    Examples
    --------
    >>> sorted(package_versions())
    ['host', 'packages']
    """
    # Loaded now, for it takes longer than it seems: a worker's start should not wait for it.
    metadata = importlib.import_module("importlib.metadata")
    versions: dict[str, str | None] = {"python": platform.python_version()}
    for name in (*PACKAGES, *(packages or ())):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            module = sys.modules.get(name)
            versions[name] = getattr(module, "__version__", None)
    host = {
        "python": ".".join(map(str, sys.version_info)),
        "python-bits": 64 if sys.maxsize > 2**32 else 32,
        "OS": platform.system(),
        "OS-release": platform.release(),
        "machine": platform.machine(),
        "processor": platform.processor(),
        "byteorder": sys.byteorder,
    }
    return {"host": host, "packages": versions}
