"""Worker processes, seen from the parent: started, kept for the next run, ended.

**Starting.**  A worker of the context "spawn" is a fresh interpreter that imports this library and
nothing else.  `multiprocessing` would import the user's main program too, which is why programs
that use it need ``if __name__ == "__main__"`` and start slowly.  Here functions of the main
program travel by value, so there is nothing to guard.  "fork" and "forkserver" are
`multiprocessing`'s.

**Keeping.**  Starting costs 0.1 s and more, so workers wait in ``_idle`` for the next run; each
ends by itself after five minutes without one.  At the start of a run a worker is told the
current directory, ``sys.path`` and the environment, if they have changed.  Forked workers are not
kept: who asks for fork wants the children to see the parent's memory as it is now.

**Ending.**  A worker ends when its socket closes; nobody else holds the other end, so this is also
what happens when the parent is killed.  Each is a process group of its own, so that
what its tasks have started can be ended with it.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.util
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from multiprocessing.spawn import get_executable
from typing import Any, TypeAlias

from shoal.errors import ExecutorError
from shoal.local.process_wire import Inbox, Outbox, Part, Segment, encode
from shoal.local.process_worker import main
from shoal.serialize.pickles import Frames

__all__ = ["Kind", "WorkerHandle", "end_workers", "get_context", "give_back", "take"]

EXIT_S = 1.0
"""How long a worker may take to end before it is killed."""

Kind: TypeAlias = "tuple[str, bytes]"
"""Context and pickled initializer; workers of one kind are interchangeable."""


def get_context(name: str | None = None) -> Any:
    """The `multiprocessing` context of a name.

    Parameters
    ----------
    name
        "spawn" (the default), "forkserver" or "fork".

    Examples
    --------
    >>> get_context() is multiprocessing.get_context("spawn")
    True
    """
    try:
        return multiprocessing.get_context(name or "spawn")
    except ValueError:
        known = ", ".join(map(repr, multiprocessing.get_all_start_methods()))
        raise ValueError(f"unknown context {name!r} for processes; wanted one of {known}") from None


class WorkerHandle:
    """One worker process and the way to it.

    Parameters
    ----------
    kind
        How to start it.

    Examples
    --------
    >>> worker = WorkerHandle(("spawn", b""))
    >>> worker.bury(60)  # it ends when it is told to: exit code 0
    0
    """

    __slots__ = (
        "cell",
        "inbox",
        "kind",
        "outbox",
        "pid",
        "pidfd",
        "process",
        "ready",
        "run",
        "settings",
        "sock",
        "started",
    )

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.settings: dict[str, Any] | None = current_settings()
        # One at a time: a worker that another thread forks meanwhile would hold both sockets.
        with _starting:
            self.sock, theirs = socket.socketpair()
            # Before the start: a forked worker must not hold this end of its own either.
            _alive.add(self)
            try:
                self.process = start(kind[0], theirs)
                self.pid: int = self.process.pid
                self.pidfd = os.pidfd_open(self.pid) if hasattr(os, "pidfd_open") else -1
            except BaseException:
                self.close()  # which also ends a process that was started
                raise
            finally:
                theirs.close()
        self.sock.setblocking(False)
        self.inbox = Inbox(self.sock)
        self.outbox = Outbox(self.sock)
        self.cell: Segment | None = None
        self.ready = self.started = False
        self.run = 0

    def begin(self) -> None:
        """Say that a run begins; the worker answers "ready" and the run's number.

        What it says before that belongs to an earlier run that did not wait for it.
        """
        self.ready = False
        self.run += 1
        parts: list[Part] = []
        settings = current_settings()
        if not self.started:
            cell = self.cell = Segment(memory_file(8), (8,))
            parts.append(cell)
            if self.kind[1]:
                parts.append(Frames(self.kind[1]))
        has = (not self.started, not self.started and bool(self.kind[1]))
        changed = None if settings == self.settings else settings
        self.send(("begin", self.run, changed, *has), parts)
        self.settings, self.started = settings, True

    def send(self, envelope: Any, parts: Any = ()) -> None:
        """Send a message as far as it goes without waiting; the rest stands in ``outbox``.

        A worker that is gone is noticed when reading from it, not here.
        """
        waits = bool(self.outbox)
        self.outbox.put(*encode(envelope, parts))
        if not waits:
            self.push()

    def push(self) -> None:
        """Send what is left, as far as it goes without waiting."""
        try:
            while self.outbox:
                self.outbox.push()
        except BlockingIOError:
            return
        except OSError:
            self.outbox.queue.clear()

    @property
    def task(self) -> int:
        """The task that the worker runs, or died of; -1 when there is none."""
        if self.cell is None:
            return -1
        return int.from_bytes(os.pread(self.cell.fd, 8, 0), sys.byteorder, signed=True)

    def close(self) -> None:
        """Ask the worker to end: interrupt its task, read no more messages."""
        _alive.discard(self)
        self.sock.close()

    def wait(self, timeout_s: float) -> int | None:
        """Wait for the end of the process; its exit code (a negative signal), or None."""
        if isinstance(self.process, subprocess.Popen):
            try:
                return self.process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                return None
        self.process.join(timeout_s)
        code: int | None = self.process.exitcode
        return code

    def kill(self) -> None:
        """End the process and what it has started, now."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            # It is gone, or has not come as far as to make its own group.
            self.process.kill()

    def bury(self, timeout_s: float = EXIT_S) -> int | None:
        """Close, wait, kill if need be; the exit code."""
        self.close()
        ended = self.has_ended(timeout_s)
        if not ended or self.has_crashed():
            # Before the process is waited for: until then nothing else can have its number.
            self.kill()
        code = self.wait(EXIT_S)
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self.pidfd = -1
        return code

    def has_ended(self, timeout_s: float) -> bool:
        """Wait for the end of the process, and leave its exit code where it is."""
        if self.pidfd < 0:
            return self.wait(timeout_s) is not None
        return bool(select.select([self.pidfd], [], [], timeout_s)[0])

    def has_crashed(self) -> bool:
        """Whether a process that has ended did not end in order, and may have left children."""
        if self.pidfd < 0:
            return False
        try:
            how = os.waitid(os.P_PIDFD, self.pidfd, os.WEXITED | os.WNOWAIT | os.WNOHANG)
        except ChildProcessError:
            # A child of the fork server.
            return bool(self.process.exitcode)
        return how is not None and how.si_status != 0


def current_settings() -> dict[str, Any]:
    """What a child inherits and a kept worker has to be told."""
    try:
        cwd = os.getcwd()
    except OSError:
        cwd = None
    return {
        "path": [str(entry) for entry in sys.path],
        "argv": list(sys.argv),
        "environ": dict(os.environ),
        "cwd": cwd,
    }


def memory_file(size: int) -> int:
    """A descriptor of a nameless file of some bytes."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("shoal")
    else:
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    os.ftruncate(fd, size)
    return fd


# ------------------------------------------------------------------------------------ starting


def start(context: str, theirs: socket.socket) -> Any:
    """Start a process that runs `main` on one end of a socket pair."""
    if context != "spawn":
        process = get_context(context).Process(target=main, args=(theirs,), name="shoal-worker")
        process.start()
        return process
    fd = theirs.fileno()
    path = [str(entry) for entry in sys.path]
    program = (
        f"import sys; sys.path[:] = {path!r}; "
        f"from shoal.local.process_worker import main; main({fd})"
    )
    # The flags of this interpreter (-W, -X, -I, ...), as multiprocessing hands them on.
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    environment = dict(os.environ)
    if environment.get("PYTHONHASHSEED", "random") == "random":
        # All workers hash a string to the same number, or grouping by hash would go wrong.
        environment["PYTHONHASHSEED"] = "0"
    return subprocess.Popen(
        [get_executable(), *flags, "-c", program],
        stdin=subprocess.DEVNULL,
        env=environment,
        pass_fds=[fd],
        process_group=0,
    )


def check_guard() -> None:
    """Refuse to start processes from a main program that a child is importing.

    Raises
    ------
    ExecutorError
        The program would start itself over and over.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise ExecutorError(
            "processes cannot be started here: a child process is importing the main program to "
            "find functions in it, and would start children of its own. Put what the program does "
            "under   if __name__ == '__main__':"
        )


# ------------------------------------------------------------------------------------- keeping

_idle: dict[Kind, list[WorkerHandle]] = {}
_alive: set[WorkerHandle] = set()
_lock = threading.Lock()
_starting = threading.Lock()
_owner = 0


def take(kind: Kind) -> WorkerHandle:
    """A worker for one run, an idle one if there is.

    Parameters
    ----------
    kind
        Context and initializer.

    Returns
    -------
    WorkerHandle
        It has been told that a run begins, and may turn out to be dead.

    Raises
    ------
    ExecutorError
        This process is itself being started.
    ValueError
        No such context.

    Examples
    --------
    >>> worker = take(("spawn", b""))
    >>> worker.pid == os.getpid()
    False
    >>> worker.send(("end", False))
    >>> give_back(worker)
    """
    check_guard()
    _end_at_exit()
    while True:
        with _lock:
            found = _idle.get(kind)
            worker = found.pop() if found else None
        if worker is None:
            worker = WorkerHandle(kind)
        elif worker.has_ended(0):
            worker.bury()
            continue
        try:
            worker.begin()
        except BaseException:
            worker.bury()
            raise
        return worker


def give_back(worker: WorkerHandle) -> None:
    """Keep a worker that has nothing to do for the next run.

    Parameters
    ----------
    worker
        From `take`; it must have been told that its run ended.

    Examples
    --------
    >>> worker = take(("spawn", b""))
    >>> worker.send(("end", False))
    >>> give_back(worker)
    >>> take(worker.kind) is worker
    True
    >>> worker.bury(60)
    0
    """
    if worker.kind[0] == "fork":
        worker.bury()
        return
    with _lock:
        _idle.setdefault(worker.kind, []).append(worker)


def end_workers() -> None:
    """End the idle worker processes of this process.

    The next run starts new ones: with modules as they are now, for instance.  What runs at the
    moment is not touched.

    Examples
    --------
    >>> end_workers()
    """
    with _lock:
        workers = [worker for found in _idle.values() for worker in found]
        _idle.clear()
    for worker in workers:
        worker.close()
    for worker in workers:
        worker.bury()


def _end_at_exit() -> None:
    # Not atexit: processes of multiprocessing's end without it, but not without these.
    global _owner
    if _owner != os.getpid():
        _owner = os.getpid()
        multiprocessing.util.Finalize(None, end_workers, exitpriority=10)


def _forget_workers() -> None:
    # A forked child must not hold the sockets: a worker ends when its parent's end is closed.
    global _lock, _starting
    _lock, _starting = threading.Lock(), threading.Lock()
    for worker in _alive:
        worker.sock.close()
    _alive.clear()
    _idle.clear()


os.register_at_fork(after_in_child=_forget_workers)
