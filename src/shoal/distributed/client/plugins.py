"""Plugins: what a program sets up on workers, nannies and the scheduler."""

from __future__ import annotations

import abc
import fcntl
import importlib
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

from shoal.distributed.node.output import forward, unforward

__all__ = [
    "CondaInstall",
    "Environ",
    "ForwardLogging",
    "InstallPlugin",
    "NannyPlugin",
    "PipInstall",
    "SchedulerPlugin",
    "UploadDirectory",
    "UploadFile",
    "WorkerPlugin",
]

log = logging.getLogger("distributed.worker")


def does_nothing(method: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a method of a base class that nobody needs to call.

    Parameters
    ----------
    method
        It says what it would be told.

    Examples
    --------
    >>> @does_nothing
    ... def told(what):
    ...     pass
    >>> told.does_nothing
    True
    """
    method.does_nothing = True  # type: ignore[attr-defined]
    return method


class SchedulerPlugin:
    """Something set up in the scheduler's process; override what is needed.

    All methods are called in the thread that runs the scheduler, after what they tell of, and keep
    it from its work while they run.  Their ``scheduler`` has ``tasks``, ``workers`` and ``clients``
    as mappings.  A method that is not overridden costs nothing.

    Examples
    --------
    >>> class Counter(SchedulerPlugin):
    ...     count = 0
    ...
    ...     def transition(self, key, start, finish, **kwargs):
    ...         self.count += finish == "memory"
    >>> from shoal.distributed import Client
    >>> with Client(n_workers=1, processes=False) as client:
    ...     _ = client.register_plugin(Counter(), name="counter")
    ...     _ = client.gather(client.map(abs, range(5)))
    ...     client.run_on_scheduler(
    ...         lambda dask_scheduler: dask_scheduler.plugins["counter"].count
    ...     )
    5
    """

    kind = "scheduler"
    name: str
    idempotent = False

    @does_nothing
    def start(self, scheduler: Any) -> Any:
        """The plugin was registered.

        Parameters
        ----------
        scheduler
            The scheduler.
        """

    @does_nothing
    def before_close(self) -> Any:
        """The scheduler is about to end."""

    @does_nothing
    def close(self) -> Any:
        """The scheduler ends, or the plugin was taken away."""

    @does_nothing
    def update_graph(
        self,
        scheduler: Any,
        *,
        client: str,
        keys: set[Any],
        tasks: list[Any],
        annotations: dict[str, dict[Any, Any]],
        priority: dict[Any, Any],
        dependencies: dict[Any, set[Any]],
        **kwargs: Any,
    ) -> Any:
        """A client has submitted a graph.

        Parameters
        ----------
        scheduler
            The scheduler.
        client
            The client's identity.
        keys
            Those that it wants.
        tasks
            All keys of the graph.
        annotations
            Accepted by everybody; empty.
        priority
            The rank of each task.
        dependencies
            The keys that each needs.
        **kwargs
            There may come more.
        """

    @does_nothing
    def transition(self, key: Any, start: str, finish: str, *args: Any, **kwargs: Any) -> Any:
        """A task has changed its state.

        Parameters
        ----------
        key
            The task's.
        start, finish
            Before and after: ``"released"``, ``"waiting"``, ``"queued"``, ``"processing"``,
            ``"memory"``, ``"erred"``, ``"forgotten"``.
        *args, **kwargs
            ``worker`` and ``nbytes``, where there are such.
        """

    @does_nothing
    def add_worker(self, scheduler: Any, worker: str) -> Any:
        """A worker has come.

        Parameters
        ----------
        scheduler
            The scheduler.
        worker
            Its address.
        """

    @does_nothing
    def remove_worker(self, scheduler: Any, worker: str, *, stimulus_id: str, **kwargs: Any) -> Any:
        """A worker is gone.

        Parameters
        ----------
        scheduler
            The scheduler.
        worker
            Its address.
        stimulus_id
            Empty.
        **kwargs
            There may come more.
        """

    @does_nothing
    def add_client(self, scheduler: Any, client: str) -> Any:
        """A client has come.

        Parameters
        ----------
        scheduler
            The scheduler.
        client
            Its identity.
        """

    @does_nothing
    def remove_client(self, scheduler: Any, client: str) -> Any:
        """A client is gone.

        Parameters
        ----------
        scheduler
            The scheduler.
        client
            Its identity.
        """

    @does_nothing
    def restart(self, scheduler: Any) -> Any:
        """All workers are started anew.

        Parameters
        ----------
        scheduler
            The scheduler.
        """

    @does_nothing
    def log_event(self, topic: str, msg: Any) -> Any:
        """Somebody has recorded an event.

        Parameters
        ----------
        topic, msg
            The event.
        """


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

    @does_nothing
    def transition(self, key: Any, start: str, finish: str, *args: Any, **kwargs: Any) -> Any:
        """A task of the worker has changed its state.

        Told in order, in a thread beside the worker's loop, when the loop hears of it: that a task
        was begun together with its end.  ``worker.tasks[key].exception`` is what a task raised.

        Parameters
        ----------
        key
            The task's.
        start, finish
            Before and after: ``"waiting"``, ``"ready"`` (a thread will take it), ``"executing"``,
            ``"memory"``, ``"error"``, ``"rescheduled"``, ``"flight"`` (on its way from another
            worker), ``"released"``.
        *args, **kwargs
            There may come more.
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


class ForwardLogging(WorkerPlugin):
    """Send what a logger of each worker gets to a topic.

    Parameters
    ----------
    logger_name, level, topic
        As in `shoal.distributed.node.output.forward`.

    Examples
    --------
    >>> ForwardLogging("distributed.worker", logging.INFO, "news").topic
    'news'
    """

    def __init__(self, logger_name: str | None, level: int, topic: str) -> None:
        self.logger_name = logger_name
        self.level = level
        self.topic = topic

    def setup(self, worker: Any) -> None:
        """Begin."""
        forward(self.logger_name, self.level, self.topic, worker.log_event)

    def teardown(self, worker: Any) -> None:
        """End."""
        unforward(self.logger_name, self.topic)


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


MODES: dict[str, tuple[str, ...]] = {
    "workers": ("nanny",),
    "scheduler": ("scheduler",),
    "all": ("nanny", "scheduler"),
}
"""Where `UploadDirectory` goes, by its mode."""


class UploadDirectory(NannyPlugin):
    """A folder for all nannies and so their workers.

    Parameters
    ----------
    path
        The folder here.
    restart, restart_workers
        Start the workers anew.
    update_path
        Put it, and the folder that it is in, on ``sys.path``.
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
        restart_workers: bool = False,
    ) -> None:
        if mode not in MODES:
            raise ValueError(f"{mode!r} not supported: mode is 'workers', 'scheduler' or 'all'")
        folder = Path(path).expanduser().resolve()
        self.name = f"upload-directory-{folder.name}"
        self.restart = restart or restart_workers
        self.update_path = update_path
        self.kinds = MODES[mode]
        self.folder = folder.name
        self.data = packed_folder(folder, skip_words, skip)

    def setup(self, nanny: Any) -> None:
        """Unpack the folder.

        Parameters
        ----------
        nanny
            The nanny.
        """
        self._unpack(nanny.local_directory)

    def start(self, scheduler: Any) -> None:
        """Unpack the folder.

        Parameters
        ----------
        scheduler
            The scheduler.
        """
        self._unpack(scheduler.local_directory)

    def _unpack(self, place: str) -> None:
        target = Path(place)
        with zipfile.ZipFile(io.BytesIO(self.data)) as archive:
            archive.extractall(target)
        if self.update_path:
            for path in (str(target / self.folder), str(target)):
                if path not in sys.path:
                    sys.path.insert(0, path)
            importlib.invalidate_caches()

    def teardown(self, nanny: Any) -> None:
        """Look for no modules in the folder any more: it goes with the nanny.

        Parameters
        ----------
        nanny
            The nanny.
        """
        target = Path(nanny.local_directory)
        for path in (str(target / self.folder), str(target)):
            if path in sys.path:
                sys.path.remove(path)


def packed_folder(
    folder: Path, skip_words: tuple[str, ...], skip: tuple[Callable[[str], bool], ...]
) -> bytes:
    """A folder as a zip archive, but for what is left out."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            inside = file.relative_to(folder.parent)
            left_out = any(word in inside.parts[1:] for word in skip_words)
            if file.is_file() and not left_out and not any(test(str(file)) for test in skip):
                archive.write(file, str(inside))
    return buffer.getvalue()


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
        nanny.env.update(self.environ)


class InstallPlugin(WorkerPlugin):
    """Calls a function in every worker, one at a time on each host.

    Parameters
    ----------
    install_fn
        Without arguments.
    restart_workers
        Call it in the nannies, and start the workers anew afterwards.

    Examples
    --------
    >>> InstallPlugin(print).restart, InstallPlugin(print, restart_workers=True).kind
    (False, 'nanny')
    """

    idempotent = True

    def __init__(self, install_fn: Callable[[], Any], restart_workers: bool = False) -> None:
        self.install_fn = install_fn
        self.restart = restart_workers
        self.kind = "nanny" if restart_workers else "worker"
        self.name = f"install-{getattr(install_fn, '__qualname__', id(install_fn))}"

    def setup(self, worker: Any) -> None:
        """Call the function.

        Parameters
        ----------
        worker
            The worker, or nanny.
        """
        lock = Path(tempfile.gettempdir(), f"shoal-install-{os.getuid()}.lock")
        # Two installers at once break the environment that they share.
        with lock.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self.install_fn()


class PackageInstall(InstallPlugin, abc.ABC):
    """Installs packages into the environment of every worker.

    Parameters
    ----------
    packages
        As the installer takes them.
    options
        Further arguments of the installer.
    restart_workers
        Start the workers anew afterwards.

    Examples
    --------
    >>> PipInstall(["numpy"]).command()[1:4]
    ['-m', 'pip', 'install']
    """

    def __init__(
        self, packages: list[str], options: list[str] | None = None, restart_workers: bool = False
    ) -> None:
        super().__init__(self.install, restart_workers)
        self.packages = packages
        self.options = options or []
        self.name = f"{type(self).__name__}-{'-'.join(packages)}"

    @abc.abstractmethod
    def command(self) -> list[str]:
        """What is run."""

    def install(self) -> None:
        """Run the installer.

        Raises
        ------
        RuntimeError
            It failed; the text has what it said.
        """
        done = subprocess.run(self.command(), capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(
                f"installing {', '.join(self.packages)} failed ({done.returncode}): "
                f"{done.stderr.strip()}"
            )
        importlib.invalidate_caches()


class PipInstall(PackageInstall):
    """Packages from pip for every worker.

    Parameters
    ----------
    packages
        As pip takes them.
    pip_options
        Further arguments of pip.
    restart_workers
        Start the workers anew afterwards.

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
        Start the workers anew afterwards.

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
