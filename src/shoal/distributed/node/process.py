"""The process of a worker that a nanny started: what runs in it, from its first line to its end.

What it has to know comes through a socket from the nanny, never on the command line.  The socket
stays open: when it ends, the nanny's process is gone, and so is the worker a moment later.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import errno
import gc
import importlib
import logging
import mmap
import os
import pickle
import shutil
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from shoal.distributed.net import Loop, Security
from shoal.distributed.node.calls import RESTART_CODE
from shoal.distributed.node.known import remove_folders_of
from shoal.distributed.node.lane import CELLS
from shoal.distributed.node.output import capture
from shoal.distributed.node.spec import WorkerSpec
from shoal.distributed.node.worker import Worker
from shoal.serialize.messages import message
from shoal.serialize.parts import limit_memory

__all__ = ["main", "pack_start"]

LENGTH = struct.Struct("<I")

CELL_BYTES = 16 * CELLS
"""Of the memory shared with the nanny: number and run of the task of each thread."""

PARTS_SHARE = 0.3
"""Of the memory limit: what results in parts may take before they go to files."""

SWITCH_INTERVAL_S = 0.0005
"""How long a thread of pure Python code may keep the others waiting.

Measured: at 0.5 ms the loop answers ten times sooner while a task computes than at Python's 5 ms,
and 50,000 trivial tasks take 3 % longer.
"""

GC_THRESHOLD = 20_000
"""Results and rows of tasks are many and hold no cycles: look less often than Python does."""

PR_SET_PDEATHSIG = 1

ENDING = (signal.SIGTERM, signal.SIGHUP)
"""Signals that tell a process to end."""

PARENT_ENDED = getattr(signal, "SIGRTMIN", signal.SIGTERM) + 5 * hasattr(signal, "SIGRTMIN")
"""The signal by which the kernel tells of the parent's end; nobody else sends it."""

PARENT_TRIES, PARENT_S = 1000, 0.01
"""How often to look whether the parent's process has ended, once its socket has."""

ORPHAN_CODE = RESTART_CODE + 1
"""How a process ends whose parent has ended."""

DESCRIPTORS_S = 0.05
"""How often to look whether tasks have let go of files."""


def pack_start(
    spec: WorkerSpec, security: Security, path: list[str], modules: Sequence[str] = ()
) -> bytes:
    """What the nanny sends first.

    Parameters
    ----------
    spec, security
        The worker's.
    path
        Where to look for modules.
    modules
        To import before the first task that needs them does, if there is time.

    Examples
    --------
    >>> data = pack_start(WorkerSpec("a", "inproc://s"), Security.new(), [])
    >>> LENGTH.unpack(data[:4])[0] == len(data) - 4
    True
    """
    data = pickle.dumps((spec, security, path, list(modules)), 5)
    return LENGTH.pack(len(data)) + data


def read_start(sock: socket.socket) -> tuple[WorkerSpec, Security, list[str], list[str]]:
    """What the nanny sent first."""
    with sock.makefile("rb", buffering=0) as file:
        size = LENGTH.unpack(file.read(LENGTH.size))[0]
        data = b""
        while len(data) < size:
            data += file.read(size - len(data))
    return pickle.loads(data)  # type: ignore[no-any-return]


def main(descriptor: int, cells: int) -> NoReturn:
    """Run a worker until it ends; then end the process.

    Parameters
    ----------
    descriptor
        Of the socket to the nanny.
    cells
        Of the memory in which numbers and runs of the running tasks are left.

    Examples
    --------
    A nanny starts it so; see `shoal.distributed.node.nanny`.

    >>> main.__name__
    'main'
    """
    parent = os.getppid()
    die_with_parent()
    sock = socket.socket(fileno=descriptor)
    spec, security, path, modules = read_start(sock)
    sys.path[:] = path
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    loop = Loop()
    try:
        worker = Worker(loop, spec, security)
    except BaseException as error:
        tell(sock, {"error": f"{type(error).__name__}: {message(error)}"})
        raise
    limit = worker.core.settings.memory_limit
    limit_memory(int(PARTS_SHARE * limit) if limit else 1 << 62, str(worker.folder))
    worker.shared.cells = memoryview(mmap.mmap(cells, CELL_BYTES)).cast("q")
    for signum in {*ENDING, PARENT_ENDED}:
        signal.signal(signum, lambda number, _: told_to_end(worker, number))
    end_forked_as_usual()
    logging.getLogger().handlers[0].setLevel(logging.WARNING)
    capture(worker.log, worker.echo.write)
    for ours in ("distributed", "shoal"):
        logging.getLogger(ours).setLevel(logging.INFO)
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 20, 50)
    watch_parent(sock, worker, parent)
    if os.getppid() != parent:
        os._exit(1)
    starting = threading.Thread(
        target=start, args=(worker, sock, modules), name="shoal-start", daemon=True
    )
    starting.start()
    worker.on_closed = loop.stop
    try:
        loop.run()
    finally:
        if worker.failure:
            tell(sock, {"error": worker.failure})
        end(worker, parent)


def start(worker: Worker, sock: socket.socket, modules: list[str]) -> None:
    """Users' code may run before the first task, and takes its time beside the loop."""
    try:
        worker.start()
    except BaseException as error:
        tell(sock, {"error": f"{type(error).__name__}: {message(error)}"})
        worker.exit_code = 1
        logging.getLogger("distributed.worker").exception("the worker could not start")
        worker.close("it could not start")
        return
    worker.registered.wait()
    if worker.failure:
        return
    tell(sock, {"address": worker.address})
    # Off the way to the first result.
    in_time(importlib.import_module, "shoal.distributed.client.current").use_in_worker()
    for name in modules:
        # Tasks that need it import it themselves, and are told what is wrong with it.
        with contextlib.suppress(Exception):
            importlib.import_module(name)


def in_time(call: Callable[[str], Any], name: str) -> Any:
    """What a function of files gives; again and again, while tasks have all descriptors there are.

    Parameters
    ----------
    call, name
        The function and its argument.

    Raises
    ------
    OSError
        For another reason.

    Examples
    --------
    >>> in_time(len, "abc")
    3
    """
    while True:
        try:
            return call(name)
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                raise
        time.sleep(DESCRIPTORS_S)


def told_to_end(worker: Worker, signum: int) -> None:
    """A signal: leave in order.  The nanny starts another one, unless the signal was its own."""
    worker.exit_code = worker.exit_code or (
        ORPHAN_CODE if signum == PARENT_ENDED != signal.SIGTERM else RESTART_CODE
    )
    worker.close("its process was told to end")


def end_forked_as_usual() -> None:
    """Have signals end processes that a task forks: whoever has one ended waits for that.

    They are held back around the fork.  One that came to a child before its handlers are the
    usual ones would be caught by the worker's, and Python forgets after a fork what was caught.
    """

    def hold() -> None:
        held.before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)

    def pass_on() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, held.before)

    def usual() -> None:
        for signum in ENDING:
            signal.signal(signum, signal.SIG_DFL)
        pass_on()

    held = threading.local()
    os.register_at_fork(before=hold, after_in_parent=pass_on, after_in_child=usual)


def tell(sock: socket.socket, what: dict[str, Any]) -> None:
    """Tell the nanny something."""
    data = pickle.dumps(what)
    try:
        sock.sendall(LENGTH.pack(len(data)) + data)
    except OSError:
        pass  # it is gone, and somebody else sees to that


def die_with_parent() -> None:
    """Have the kernel tell this process to end when the thread that started it does."""
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, PARENT_ENDED)
    except (OSError, AttributeError):
        pass  # not Linux; the socket tells too


def watch_parent(sock: socket.socket, worker: Worker, parent: int) -> None:
    """End at once when the nanny's process is gone."""

    def watch() -> None:
        try:
            while sock.recv(4096):
                pass
        except OSError:
            pass
        if not worker.closed.is_set():
            shutil.rmtree(worker.folder, ignore_errors=True)
            clean_up_after(parent)
            if os.getpgrp() == os.getpid():
                # With whatever its tasks have started.
                os.killpg(0, signal.SIGKILL)
            os._exit(1)

    threading.Thread(target=watch, name="shoal-parent", daemon=True).start()


def clean_up_after(parent: int) -> None:
    """A program that was killed cannot remove the folder of its cluster's sockets."""
    # Its sockets go before it does.
    for _ in range(PARENT_TRIES):
        if os.getppid() != parent:
            remove_folders_of(parent)
            return
        time.sleep(PARENT_S)


def end(worker: Worker, parent: int) -> NoReturn:
    """End the process, without waiting for threads that may still run users' code."""
    try:
        # The signal comes when the parent's thread ends, and its process has not quite ended then.
        if worker.exit_code == ORPHAN_CODE or os.getppid() != parent:
            clean_up_after(parent)
        atexit._run_exitfuncs()
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(worker.exit_code)
