"""Letting ``import dask`` find shoal: a finder for names, and how child processes get one.

The finder stands before all others.  Asked for ``dask.x`` it imports ``shoal.x`` and puts that
very module under both names; nothing is copied or wrapped, so a class has one identity and a
setting one home.

Child processes are reached through a folder on ``PYTHONPATH`` with a ``sitecustomize`` module,
which Python imports before any program.  Rejected: a ``.pth`` file, which would change an
environment for all programs; patching `multiprocessing`, which would miss ``subprocess``.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, ModuleType

from shoal.compat.moved import add_children, program, remove_children, stand_in
from shoal.compat.settings import take_settings
from shoal.errors import AlreadyImportedError

__all__ = ["install_as_dask", "uninstall"]

STANDS_FOR = {"dask": "shoal", "distributed": "shoal.distributed"}
"""Top-level packages, and what stands in for them."""

VARIABLE = "SHOAL_INSTALL_AS_DASK"
"""Tells a child process to follow; its value is the environment (`sys.prefix`) that it is for."""

CHILD = str(Path(__file__).with_name("child"))


def real_name(name: str) -> str | None:
    """The module that stands behind a name, or None where it is nothing to us.

    >>> real_name("dask.bag"), real_name("distributed"), real_name("daskmath")
    ('shoal.bag', 'shoal.distributed', None)
    """
    top, dot, rest = name.partition(".")
    ours = STANDS_FOR.get(top)
    return None if ours is None else ours + dot + rest


class Finder(MetaPathFinder, Loader):
    """Finds shoal's modules under Dask's names."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The place of a module.

        Parameters
        ----------
        name
            Dotted.
        path, target
            Not needed.

        Raises
        ------
        ModuleNotFoundError
            shoal has no such module; nobody else may answer for the name.
        """
        real = real_name(name)
        if real is None:
            return None
        made = stand_in(real)
        try:
            module = made or importlib.import_module(real)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{real}.".startswith(f"{error.name}."):
                raise
            raise ModuleNotFoundError(
                f"No module named {name!r}: shoal stands in for {name.partition('.')[0]} in this "
                f"process, and has no {real}",
                name=name,
            ) from None
        return ModuleSpec(name, self, is_package=hasattr(module, "__path__"))

    def create_module(self, spec: ModuleSpec) -> None:
        """None: an empty module is made, and thrown away by `exec_module`.

        Parameters
        ----------
        spec
            As `find_spec` made it.
        """
        # To hand over the real module here would let the import system overwrite its __spec__.

    def exec_module(self, module: ModuleType) -> None:
        """Put the real module in place.

        Parameters
        ----------
        module
            The empty one.
        """
        name = module.__name__
        real = real_name(name)
        assert real is not None
        sys.modules[name] = stand_in(real) or sys.modules[real]
        add_children(sys.modules[name])

    def get_code(self, name: str) -> CodeType | None:
        """What ``python -m distributed.cli.dask_worker`` runs, as job scripts have it.

        Parameters
        ----------
        name
            Dotted.
        """
        source = program(real_name(name) or "")
        return None if source is None else compile(source, f"<{name}>", "exec")


_finder = Finder()


def installed() -> bool:
    """Whether shoal stands in for Dask in this process."""
    return _finder in sys.meta_path


def refuse_if_imported() -> None:
    """Raise an error when the real one is in use already."""
    # An entry may be None: an import that somebody has blocked.
    modules: dict[str, ModuleType | None] = {**sys.modules}
    for name, module in modules.items():
        real = real_name(name)
        if real is None or module is None:
            continue
        if module is not (stand_in(real) or modules.get(real)):
            where = getattr(module, "__file__", None) or "unknown place"
            raise AlreadyImportedError(
                f"{name} ({where}) was imported before install_as_dask() was called, so objects "
                "of it may be in use; call install_as_dask() first, before importing anything "
                "that imports dask, or run the program with  python -m shoal.compat SCRIPT"
            )


def install_as_dask(*, children: bool = False) -> None:
    """Let ``import dask`` and ``import distributed`` mean shoal from now on, in this process.

    Settings from Dask's files and ``DASK_...`` variables count where shoal's own say nothing.

    Parameters
    ----------
    children
        True for child processes that are started from now on, too.  It is done through the
        environment: ``PYTHONPATH`` and ``SHOAL_INSTALL_AS_DASK``.

    Raises
    ------
    AlreadyImportedError
        The real Dask was imported before; names the module.

    Examples
    --------
    >>> install_as_dask()
    >>> import dask.bag
    >>> import shoal.bag
    >>> dask.bag is shoal.bag
    True
    >>> hasattr(shoal.delayed(1), "__dask_graph__")
    True
    >>> uninstall()
    >>> hasattr(shoal.delayed(1), "__dask_graph__")
    False
    """
    refuse_if_imported()
    add_finder()
    # Collections speak Dask's protocol as long as the name means shoal (see CollectionMixin).
    importlib.import_module(next(iter(STANDS_FOR)))
    if children:
        os.environ[VARIABLE] = sys.prefix
        rest = [p for p in _python_path() if p != CHILD]
        os.environ["PYTHONPATH"] = os.pathsep.join([CHILD, *rest])


def add_finder() -> None:
    """The part of installing that imports nothing of Dask's name; what a starting child does."""
    if not installed():
        sys.meta_path.insert(0, _finder)
        take_settings()


def uninstall() -> None:
    """Undo `install_as_dask`; what has been imported under Dask's names stays as it is.

    Examples
    --------
    >>> install_as_dask()
    >>> uninstall()
    >>> installed()
    False
    """
    if installed():
        sys.meta_path.remove(_finder)
    for name in list(sys.modules):
        real = real_name(name)
        if real is None:
            continue
        if sys.modules[name] is (stand_in(real) or sys.modules.get(real)):
            module = sys.modules.pop(name)
            if isinstance(module, ModuleType):  # not where an import is blocked
                remove_children(module)
    if os.environ.pop(VARIABLE, None) is not None:
        rest = [p for p in _python_path() if p != CHILD]
        if rest:
            os.environ["PYTHONPATH"] = os.pathsep.join(rest)
        else:
            os.environ.pop("PYTHONPATH", None)


def _python_path() -> list[str]:
    value = os.environ.get("PYTHONPATH", "")
    return value.split(os.pathsep) if value else []
