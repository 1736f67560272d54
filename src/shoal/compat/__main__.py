"""``python -m shoal.compat SCRIPT ARGS``: run a program that was written for Dask on shoal.

``python -m shoal.compat -m MODULE ARGS`` does it with a module.  Child processes follow.
"""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Sequence

from shoal.compat.alias import install_as_dask

__all__ = ["main"]

USAGE = """usage: python -m shoal.compat SCRIPT [ARGS ...]
       python -m shoal.compat -m MODULE [ARGS ...]"""


def main(argv: Sequence[str]) -> None:
    """Run a program as ``python`` would, with shoal in Dask's place.

    Parameters
    ----------
    argv
        The program and its arguments, as on the command line.

    Raises
    ------
    SystemExit
        No program was named, or the program exits.

    Examples
    --------
    >>> main([])
    Traceback (most recent call last):
    ...
    SystemExit: usage: python -m shoal.compat SCRIPT [ARGS ...]
           python -m shoal.compat -m MODULE [ARGS ...]
    """
    if argv and argv[0] in ("-h", "--help"):
        sys.stdout.write(f"{USAGE}\n")
        raise SystemExit(0)
    is_module = bool(argv) and argv[0] == "-m"
    argv = list(argv[1:] if is_module else argv)
    if not argv or argv[0].startswith("-"):
        raise SystemExit(USAGE)
    install_as_dask(children=True)
    sys.argv[:] = argv
    if is_module:
        # The current folder is on the path already: this is itself run with -m.
        runpy.run_module(argv[0], run_name="__main__", alter_sys=True)
        return
    if not sys.flags.safe_path:
        sys.path[0] = os.path.dirname(os.path.abspath(argv[0]))
    runpy.run_path(argv[0], run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
