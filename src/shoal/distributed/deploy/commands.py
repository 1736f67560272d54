"""The words with which a scheduler or a worker is started by somebody else.

Pure: options in, words out.  A cluster's secret is never among them: whoever starts a worker
hands it the cluster file on its standard input (``--scheduler-file -``), or says where it is.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

__all__ = ["flags", "program", "scheduler_command", "shell_line", "worker_command"]

RENAMED = {
    "n_workers": "nworkers",
    "ncores": "nthreads",
    "scheduler_port": "port",
    "threads": "nthreads",
    "threads_per_worker": "nthreads",
}
"""Options that the commands call otherwise."""

PASSED_OVER = frozenset(["dashboard", "dashboard_address", "loop", "security", "silence_logs"])
"""Options that mean nothing to a command."""


def program(python: str) -> list[str]:
    """The command, by an interpreter that has shoal.

    Parameters
    ----------
    python
        Its path.

    Examples
    --------
    >>> program("python3")
    ['python3', '-m', 'shoal.cli']
    """
    return [python, "-m", "shoal.cli"]


def flags(options: Mapping[str, Any]) -> list[str]:
    """Options as words.

    Parameters
    ----------
    options
        By the names users know; None and False are left out, True has no value, a list or tuple
        is said several times, a mapping is ``a=1 b=2``.

    Examples
    --------
    >>> flags({"nthreads": 2, "nanny": False, "preload": ["a.py", "b.py"]})
    ['--nthreads', '2', '--no-nanny', '--preload', 'a.py', '--preload', 'b.py']
    >>> flags({"resources": {"GPU": 1, "MEM": 2}})
    ['--resources', 'GPU=1 MEM=2']
    >>> flags({"memory_limit": "4 GB", "lifetime": None, "lifetime_restart": True})
    ['--memory-limit', '4 GB', '--lifetime-restart']
    """
    words: list[str] = []
    for name, value in options.items():
        if value is None or name in PASSED_OVER:
            continue
        flag = f"--{RENAMED.get(name, name).replace('_', '-')}"
        if value is True:
            words.append(flag)
        elif value is False:
            if name == "nanny":
                words.append("--no-nanny")
        elif isinstance(value, Mapping):
            words += [flag, " ".join(f"{key}={amount}" for key, amount in value.items())]
        elif isinstance(value, list | tuple):
            for each in value:
                words += [flag, str(each)]
        else:
            words += [flag, str(value)]
    return words


def scheduler_command(python: str, options: Mapping[str, Any]) -> list[str]:
    """The words that start a scheduler.

    Parameters
    ----------
    python
        Path of an interpreter that has shoal.
    options
        Of ``shoal scheduler``.

    Examples
    --------
    >>> scheduler_command("python3", {"port": 0})
    ['python3', '-m', 'shoal.cli', 'scheduler', '--port', '0']
    """
    return [*program(python), "scheduler", *flags(options)]


def worker_command(
    python: str, name: Any, options: Mapping[str, Any], scheduler_file: str = "-"
) -> list[str]:
    """The words that start a worker.

    Parameters
    ----------
    python
        Path of an interpreter that has shoal.
    name
        Of the worker.
    options
        Of ``shoal worker``.
    scheduler_file
        Where it finds the cluster file; ``-`` for its standard input.

    Examples
    --------
    >>> worker_command("python3", 0, {"nthreads": 1})[3:]
    ['worker', '--scheduler-file', '-', '--name', '0', '--nthreads', '1']
    """
    where = ["--scheduler-file", scheduler_file]
    return [*program(python), "worker", *where, "--name", str(name), *flags(options)]


def shell_line(words: list[str]) -> str:
    """Words as a line for a shell.

    Parameters
    ----------
    words
        Any.

    Examples
    --------
    >>> shell_line(["shoal", "worker", "--memory-limit", "4 GB"])
    "shoal worker --memory-limit '4 GB'"
    """
    return shlex.join(words)
