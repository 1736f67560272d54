"""Settings that were written for Dask, for programs that run with shoal in its place.

Files (``~/.config/dask`` and the others that Dask's documentation names) and ``DASK_A__B``
variables count where shoal's own files and variables say nothing: they are weaker than those, and
stronger than defaults.  Settings that shoal has not are kept for the program to ask for.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

from shoal import config

__all__ = ["read_settings", "take_settings"]

PREFIX = "DASK_"
NOT_SETTINGS = ("DASK_CONFIG", "DASK_ROOT_CONFIG", "DASK_INTERNAL_INHERIT_CONFIG")


def read_settings(env: Mapping[str, str]) -> dict[str, Any]:
    """What Dask's files and variables say.

    Parameters
    ----------
    env
        Environment variables.

    Raises
    ------
    ConfigError
        A file is not YAML, or is not a mapping; the message names it.

    Examples
    --------
    >>> read_settings(
    ...     {"DASK_ROOT_CONFIG": "/none", "HOME": "/none", "DASK_ARRAY__CHUNK_SIZE": "1MB"}
    ... )
    {'array': {'chunk_size': '1MB'}}
    """
    home = env.get("XDG_CONFIG_HOME") or os.path.join(env.get("HOME", ""), ".config")
    paths = [
        env.get("DASK_ROOT_CONFIG", "/etc/dask"),
        os.path.join(sys.prefix, "etc", "dask"),
        os.path.join(home, "dask"),
        *filter(None, [env.get("DASK_CONFIG")]),
    ]
    renamed = {
        f"SHOAL_{name.removeprefix(PREFIX)}": value
        for name, value in env.items()
        if name.startswith(PREFIX) and name not in NOT_SETTINGS
    }
    return config.merge(*config.collect_yaml(paths), config.collect_env(renamed))


def take_settings(env: Mapping[str, str] | None = None) -> None:
    """Let what Dask's files and variables say take the place of defaults.

    Parameters
    ----------
    env
        Environment variables; those of the process by default.

    Examples
    --------
    >>> take_settings({"DASK_ROOT_CONFIG": "/none", "HOME": "/none", "DASK_MY__OPTION": "3"})
    >>> config.get("my.option")
    3
    """
    found = read_settings(os.environ if env is None else env)
    with config.config_lock:
        config.update(config.config, found, "new-defaults", config.merge(*config.defaults))
