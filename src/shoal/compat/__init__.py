"""Running programs that were written for Dask.

`install_as_dask` lets ``import dask`` mean shoal in this process: ``dask.bag`` and ``shoal.bag``
are then one module object, and so are all others.  From then on, and only then, shoal's
collections also answer to the names of Dask's protocol (``__dask_graph__`` and its family), so
that libraries which look for these take them for what they are.  An installed Dask is left alone;
it cannot be imported while shoal stands in for it.

``python -m shoal.compat SCRIPT ARGS`` runs a program that way, unmodified.  Settings in Dask's
files and ``DASK_...`` variables count as well, below shoal's own (`shoal.compat.settings`).

What this cannot do:

- A name that shoal lacks is an error when it is imported (`ModuleNotFoundError`, `ImportError`).
- ``dask.__version__`` is that of the release of Dask whose behaviour shoal follows, since libraries
  ask for a minimum (`shoal.version`); packages that read it from the installed metadata find none.
- Child processes follow only if asked (``children=True``), and only those that run the same
  environment and let it be prepared: not with ``python -I``, ``-E`` or ``-S``.  Worker processes
  of shoal's that were started before this do not follow.
"""

from __future__ import annotations

from shoal.compat.alias import install_as_dask, uninstall

__all__ = ["install_as_dask", "uninstall"]
