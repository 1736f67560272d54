"""Optional packages: the one place that says how to get one that is missing.

A module that needs such a package asks for it where it is used, so that importing shoal costs
nothing and asks for nothing.
"""

from __future__ import annotations

import importlib
from types import ModuleType

from shoal.errors import MissingDependencyError

__all__ = ["import_required", "missing_dependency"]

# The name to give pip, where it is not the name to import.
_DISTRIBUTIONS = {
    "PIL": "pillow",
    "dateutil": "python-dateutil",
    "smbclient": "smbprotocol",
    "snappy": "python-snappy",
    "sklearn": "scikit-learn",
    "yaml": "PyYAML",
}


def missing_dependency(
    module: str, purpose: str, extra: str | None = None
) -> MissingDependencyError:
    """The error that says ``module`` is missing, what for, and the pip line that brings it.

    Parameters
    ----------
    module : str
        The name that could not be imported.
    purpose : str
        What needs it, as the start of a sentence: ``"reading Avro files"``.
    extra : str, optional
        shoal's extra that holds the package.

    Returns
    -------
    MissingDependencyError
        To be raised by the caller; its ``name`` is ``module``.

    Examples
    --------
    >>> raise missing_dependency("snappy", "compression 'snappy'")
    Traceback (most recent call last):
    ...
    shoal.errors.MissingDependencyError: compression 'snappy' needs the package 'snappy',
    which is not installed; run: python -m pip install python-snappy
    """
    top = module.partition(".")[0]
    target = f"'shoal[{extra}]'" if extra else _DISTRIBUTIONS.get(top, top)
    return MissingDependencyError(
        f"{purpose} needs the package {top!r}, which is not installed; "
        f"run: python -m pip install {target}",
        name=module,
    )


def import_required(module: str, purpose: str, extra: str | None = None) -> ModuleType:
    """Import an optional module, or say how to get it.

    Parameters
    ----------
    module : str
        The module to import, dots allowed.
    purpose : str
        What needs it, as the start of a sentence: ``"reading Avro files"``.
    extra : str, optional
        shoal's extra that holds the package.

    Returns
    -------
    module

    Raises
    ------
    MissingDependencyError
        The package is not installed.  A package that is installed and fails while it is imported
        raises its own error: to install it again would not help.

    Examples
    --------
    >>> import_required("json", "writing JSON").dumps([1])
    '[1]'
    >>> import_required("no_such_package", "reading Avro files", "avro")
    Traceback (most recent call last):
    ...
    shoal.errors.MissingDependencyError: reading Avro files needs the package 'no_such_package',
    which is not installed; run: python -m pip install 'shoal[avro]'
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as err:
        if err.name is None or not (module == err.name or module.startswith(err.name + ".")):
            raise
        raise missing_dependency(module, purpose, extra) from err
