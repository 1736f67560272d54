"""Plugins: what a program sets up on workers, nannies and the scheduler."""

from __future__ import annotations

import abc
import io
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = [
    "CondaInstall",
    "Environ",
    "InstallPlugin",
    "NannyPlugin",
    "PipInstall",
    "SchedulerPlugin",
    "UploadDirectory",
    "UploadFile",
    "WorkerPlugin",
]

log = logging.getLogger("shoal.distributed.worker")


class SchedulerPlugin:
    """Something set up in the scheduler's process; override what is needed.

    Examples
    --------
    >>> SchedulerPlugin.kind
    'scheduler'
    """

    kind = "scheduler"
    name: str
    idempotent = False

    def start(self, scheduler: Any) -> Any:
        """The plugin was registered.

        Parameters
        ----------
        scheduler
            The scheduler.
        """

    def close(self) -> Any:
        """The scheduler ends."""


class WorkerPlugin:
    """Something set up in every worker; override what is needed.

    Examples
    --------
    >>> WorkerPlugin.kind
    'worker'
    """

    kind = "worker"
    name: str
    idempotent = False

    def setup(self, worker: Any) -> Any:
        """The worker has the plugin now.

        Parameters
        ----------
        worker
            The worker.
        """

    def teardown(self, worker: Any) -> Any:
        """The worker ends, or the plugin was taken back.

        Parameters
        ----------
        worker
            The worker.
        """


class NannyPlugin:
    """Something set up in every nanny, before the worker's process starts; override what is needed.

    Examples
    --------
    >>> NannyPlugin.kind
    'nanny'
    """

    kind = "nanny"
    name: str
    idempotent = False
    restart = False
    """Whether the worker has to be started anew for it."""

    def setup(self, nanny: Any) -> Any:
        """The nanny has the plugin now.

        Parameters
        ----------
        nanny
            The nanny.
        """

    def teardown(self, nanny: Any) -> Any:
        """The nanny ends, or the plugin was taken back.

        Parameters
        ----------
        nanny
            The nanny.
        """


class UploadFile(WorkerPlugin):
    """A module for all workers.

    Parameters
    ----------
    filepath
        A ``.py``, ``.egg`` or ``.zip`` file here.
    load
        Whether to import it.

    Examples
    --------
    >>> UploadFile(__file__).filename
    'plugins.py'
    """

    name = "upload_file"

    def __init__(self, filepath: str | os.PathLike[str], load: bool = True) -> None:
        path = Path(filepath)
        self.filename = path.name
        self.load = load
        self.data = path.read_bytes()
        self.name = f"upload-{path.name}"

    def setup(self, worker: Any) -> Any:
        """Take the file, and import it.

        Parameters
        ----------
        worker
            The worker.
        """
        target = Path(worker.local_directory, self.filename)
        target.write_bytes(self.data)
        place = str(target.parent if target.suffix == ".py" else target)
        if place not in sys.path:
            sys.path.insert(0, place)


class UploadDirectory(NannyPlugin):
    """A folder for all nannies and so their workers.

    Parameters
    ----------
    path
        The folder here.
    restart
        Start the workers anew.
    update_path
        Put it on ``sys.path``.
    skip_words
        Parts of paths that are left out.
    skip
        Functions of a path that say which files are left out.
    mode
        ``"workers"``, ``"scheduler"`` or ``"all"``.

    Examples
    --------
    >>> UploadDirectory(tempfile.mkdtemp()).restart
    False
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        restart: bool = False,
        update_path: bool = False,
        skip_words: tuple[str, ...] = (".git", ".github", ".pytest_cache", "tests", "docs"),
        skip: tuple[Callable[[str], bool], ...] = (),
        mode: str = "workers",
    ) -> None:
        if mode not in ("workers", "scheduler", "all"):
            raise ValueError(f"{mode!r} not supported: mode is 'workers', 'scheduler' or 'all'")
        folder = Path(path).expanduser().resolve()
        self.name = f"upload-directory-{folder.name}"
        self.restart = restart
        self.update_path = update_path
        self.mode = mode
        self.folder = folder.name
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(folder.rglob("*")):
                inside = str(file.relative_to(folder.parent))
                left_out = any(word in file.parts for word in skip_words)
                if file.is_file() and not left_out and not any(test(str(file)) for test in skip):
                    archive.write(file, inside)
        self.data = buffer.getvalue()

    def setup(self, nanny: Any) -> None:
        """Unpack the folder.

        Parameters
        ----------
        nanny
            The nanny.
        """
        target = Path(getattr(nanny, "local_directory", "") or tempfile.mkdtemp(prefix="shoal-"))
        with zipfile.ZipFile(io.BytesIO(self.data)) as archive:
            archive.extractall(target)
        if self.update_path and str(target) not in sys.path:
            sys.path.insert(0, str(target))


class Environ(NannyPlugin):
    """Environment variables for the processes of all workers.

    Parameters
    ----------
    environ
        Names and values.

    Examples
    --------
    >>> Environ({"OMP_NUM_THREADS": 1}).environ
    {'OMP_NUM_THREADS': '1'}
    """

    restart = True
    name = "environ"

    def __init__(self, environ: dict[str, Any] | None = None) -> None:
        self.environ = {name: str(value) for name, value in (environ or {}).items()}

    def setup(self, nanny: Any) -> None:
        """Have the next process of the worker begin with them.

        Parameters
        ----------
        nanny
            The nanny.
        """
        nanny.spec = nanny.spec.replace(env={**nanny.spec.env, **self.environ})


class InstallPlugin(SchedulerPlugin):
    """Calls a function once on every host that has a worker.

    Parameters
    ----------
    install_fn
        Without arguments.
    restart_workers
        Start the workers anew afterwards.

    Examples
    --------
    >>> InstallPlugin(print).restart_workers
    False
    """

    kind = "worker"
    idempotent = True

    def __init__(self, install_fn: Callable[[], None], restart_workers: bool = False) -> None:
        self.install = install_fn
        self.restart_workers = restart_workers
        self.name = f"install-{id(install_fn):x}"

    def setup(self, worker: Any) -> None:
        """Call the function.

        Parameters
        ----------
        worker
            The worker.
        """
        self.install()


class PackageInstall(WorkerPlugin, abc.ABC):
    """Installs packages into the environment of every worker.

    Parameters
    ----------
    packages
        As the installer takes them.
    options
        Further arguments of the installer.
    restart_workers
        Accepted.

    Examples
    --------
    >>> PipInstall(["numpy"]).command()[1:4]
    ['-m', 'pip', 'install']
    """

    idempotent = True

    def __init__(
        self, packages: list[str], options: list[str] | None = None, restart_workers: bool = False
    ) -> None:
        self.packages = packages
        self.options = options or []
        self.restart_workers = restart_workers
        self.name = f"{type(self).__name__}-{'-'.join(packages)}"

    @abc.abstractmethod
    def command(self) -> list[str]:
        """What is run."""

    def setup(self, worker: Any) -> None:
        """Run the installer.

        Parameters
        ----------
        worker
            The worker.
        """
        done = subprocess.run(self.command(), capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(
                f"installing {', '.join(self.packages)} failed ({done.returncode}): "
                f"{done.stderr.strip()}"
            )


class PipInstall(PackageInstall):
    """Packages from pip for every worker.

    Parameters
    ----------
    packages
        As pip takes them.
    pip_options
        Further arguments of pip.
    restart_workers
        Accepted.

    Examples
    --------
    >>> PipInstall(["numpy"], ["--upgrade"]).command()[3:]
    ['install', '--upgrade', 'numpy']
    """

    def __init__(
        self,
        packages: list[str],
        pip_options: list[str] | None = None,
        restart_workers: bool = False,
    ) -> None:
        super().__init__(packages, pip_options, restart_workers)

    def command(self) -> list[str]:
        """What is run."""
        return [sys.executable, "-m", "pip", "install", *self.options, *self.packages]


class CondaInstall(PackageInstall):
    """Packages from conda for every worker.

    Parameters
    ----------
    packages
        As conda takes them.
    conda_options
        Further arguments of conda.
    restart_workers
        Accepted.

    Examples
    --------
    >>> CondaInstall(["numpy"]).command()[1:]
    ['install', '-y', 'numpy']
    """

    def __init__(
        self,
        packages: list[str],
        conda_options: list[str] | None = None,
        restart_workers: bool = False,
    ) -> None:
        super().__init__(packages, conda_options, restart_workers)

    def command(self) -> list[str]:
        """What is run."""
        conda = os.environ.get("CONDA_EXE") or shutil.which("conda") or "conda"
        return [conda, "install", "-y", *self.options, *self.packages]
