"""Which shoal this is, and which Dask it is for programs that ask.

Libraries written for Dask compare ``dask.__version__`` with the release they need.  As long as the
name ``dask`` means shoal, the answer has to be the release whose behaviour shoal follows; the
module being one and the same, ``shoal.__version__`` says so too.  `VERSION` is always shoal's own.
"""

from __future__ import annotations

import sys

__all__ = ["FOLLOWS", "VERSION", "told_version"]

VERSION = "0.1.0"

FOLLOWS = "2026.8.0"
"""The release of Dask whose public names and behaviour these are."""


def told_version() -> str:
    """What ``__version__`` says.

    Examples
    --------
    >>> told_version() == VERSION
    True
    """
    dask = sys.modules.get("dask")
    return FOLLOWS if dask is not None and dask is sys.modules.get("shoal") else VERSION
