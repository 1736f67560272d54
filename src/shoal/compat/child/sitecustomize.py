"""Imported by Python as it starts, in children of a process that lets shoal stand in for Dask.

`shoal.compat.alias` puts this folder on ``PYTHONPATH``, and the parent's environment into a
variable.  A Python of another environment is left alone: it may not have what shoal needs.  The
``sitecustomize`` that this one hides is run as if it had been found first.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

__all__ = ["FirstImport", "follow_parent", "run_hidden"]

HERE = os.path.dirname(os.path.abspath(__file__))


class FirstImport(MetaPathFinder):
    """Installs shoal when something of Dask is first imported; most children never do.

    Examples
    --------
    >>> FirstImport().find_spec("json") is None
    True
    """

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The place of a module of Dask's.

        Parameters
        ----------
        name
            Dotted.
        path, target
            Not needed.
        """
        if name.partition(".")[0] not in ("dask", "distributed"):
            return None
        sys.meta_path.remove(self)
        from shoal.compat.alias import Finder, add_finder

        # Not install_as_dask: it imports the name, and Python, finding that done, would load the
        # module that stands behind it a second time.
        add_finder()
        return Finder().find_spec(name, path, target)


def follow_parent() -> None:
    """Do as the parent did, if this is its environment.

    Examples
    --------
    >>> import os
    >>> "SHOAL_INSTALL_AS_DASK" in os.environ or follow_parent() is None
    True
    """
    if os.environ.get("SHOAL_INSTALL_AS_DASK") != sys.prefix:
        return
    if importlib.util.find_spec("shoal") is None:
        # The parent has it from somewhere else.
        sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(HERE))))
    sys.meta_path.insert(0, FirstImport())


def run_hidden() -> None:
    """Run the next ``sitecustomize`` on the path, if there is one.

    Examples
    --------
    >>> callable(run_hidden)
    True
    """
    path = [entry for entry in sys.path if os.path.abspath(entry or os.curdir) != HERE]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", path)
    if spec is not None and spec.loader is not None:
        module = importlib.util.module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


if __name__ == "sitecustomize":
    follow_parent()
    run_hidden()
