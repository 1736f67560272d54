"""Nannies: each starts a worker's process, watches over it, and starts it again when it dies.

A nanny is no process of its own.  It lives on a loop (of the program that has a `LocalCluster`, or
of ``shoal worker``), and one loop carries any number of them.  What it does for its worker:

- It asks the scheduler for plugins first, for these may say what the process is to be like.
- It looks at the process ten times a second: how much memory it has, and whether it is stopped.
  As long as it lives and is not stopped, the nanny tells the scheduler so (`Beat.vouched`),
  whatever the worker's own threads do: code that holds the interpreter's lock is alive too.
- Beyond ``terminate`` of the memory limit it kills the process, before the kernel kills something
  else.
- When the process ends by itself, it says what ended it: a signal, an exit code, the memory
  limit; and what was running, from memory that it shares with the process.
- It starts the process again, later and later if it keeps dying, and gives up after some times:
  then the scheduler hears so, for somebody may wait for what only this worker could run.
"""

from __future__ import annotations

import contextlib
import logging
import mmap
import os
import pickle
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

from shoal.distributed.net import Connection, Loop, Security, connect
from shoal.distributed.node.calls import RESTART_CODE, call_user
from shoal.distributed.node.known import own_folder
from shoal.distributed.node.limits import memory_limit, resident_bytes, shared_out_bytes
from shoal.distributed.node.plugins import Plugins
from shoal.distributed.node.process import CELL_BYTES, LENGTH, pack_start
from shoal.distributed.node.spec import WorkerSpec, make_folder
from shoal.distributed.protocol import Answer, Beat, Call, Goodbye
from shoal.errors import AuthenticationError, ClusterError
from shoal.local.cpus import CPU_COUNT
from shoal.serialize.messages import message
from shoal.units import format_bytes

__all__ = ["Nanny"]

log = logging.getLogger("distributed.nanny")

LOOK_S = 0.1
BEAT_S = 0.5
RETRY_S = 1.0
GRACE_S = 5.0
"""How long a worker may take to end when it is told to."""

QUICK_S = 1.0
RESTARTS = 10
RESTARTS_S = 120.0
"""A process that died sooner than the first, or before it had registered, died quickly; more of
these than the second, within the third, and the nanny gives up.  One that has worked for a while
is always started again."""

ENVIRONMENT = {
    # Memory that is freed goes back to the system, or the limit would mean nothing.
    "MALLOC_TRIM_THRESHOLD_": "65536",
    # A worker's threads are its parallelism.
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
"""Variables that a worker's process has if nobody says otherwise."""

SHARED_MODULES = ("numpy",)
"""What workers import ahead of their first task where the nanny's process has it, too.

It takes longer than moving half a gigabyte.  Others (pandas) take ten times as long, and memory
that not every worker has."""

START_S = 60.0
"""How long whoever has a worker started anew waits for it."""

STARTS = 3
"""A worker that has never registered is tried as often."""

PROGRAM = (
    "import sys; sys.path[:] = {path!r}; "
    "from shoal.distributed.node.process import main; main({descriptor}, {cells})"
)


class Child:
    """One process of a worker.

    Parameters
    ----------
    spec, security
        The worker's.

    Attributes
    ----------
    pid
        Its process.
    """

    def __init__(self, spec: WorkerSpec, security: Security) -> None:
        with contextlib.ExitStack() as undo:
            self._start(spec, security, undo)
            undo.pop_all()
        self.begun = time.monotonic()
        self.peak = 0
        self.killed = ""
        """Why the nanny has killed it."""
        self.address = ""
        self.error = ""
        self._inbox = b""
        self.said_all = False
        """It has closed its end, as its process's end does a moment before that is known."""

    def _start(self, spec: WorkerSpec, security: Security, undo: contextlib.ExitStack) -> None:
        """Start the process; ``undo`` lets go of what there is if something fails on the way."""
        # Made here, so that it is known however early the process ends.
        self.folder = make_folder(spec)
        undo.callback(shutil.rmtree, self.folder, ignore_errors=True)
        spec = spec.replace(folder=self.folder)
        self.cells_fd = os.memfd_create("shoal-cells", os.MFD_CLOEXEC)
        undo.callback(os.close, self.cells_fd)
        os.ftruncate(self.cells_fd, CELL_BYTES)
        self.cells_map = undo.enter_context(mmap.mmap(self.cells_fd, CELL_BYTES))
        self.cells = undo.enter_context(memoryview(self.cells_map).cast("q"))
        for i in range(len(self.cells)):
            self.cells[i] = -1
        self.sock, theirs = socket.socketpair()
        undo.enter_context(self.sock)
        program = PROGRAM.format(path=sys.path, descriptor=theirs.fileno(), cells=self.cells_fd)
        environment = {**ENVIRONMENT, **os.environ, **{k: str(v) for k, v in spec.env.items()}}
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-c", program],
                pass_fds=(theirs.fileno(), self.cells_fd),
                env=environment,
                stdin=subprocess.DEVNULL,
                process_group=0,
            )
        self.pid = self.process.pid
        undo.callback(self.process.wait)
        undo.callback(self.process.kill)
        modules = [name for name in SHARED_MODULES if name in sys.modules]
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            # One that was killed in its first moment has died as any other: `_died` sees to it.
            self.sock.sendall(pack_start(spec, security, sys.path, modules))
        self.sock.setblocking(False)
        self.pidfd = os.pidfd_open(self.pid)

    def running(self) -> list[tuple[int, int]]:
        """Number and run of the tasks that it runs, or ran when it died."""
        cells = self.cells
        return [(cells[i], cells[i + 1]) for i in range(0, len(cells), 2) if cells[i] >= 0]

    def hear(self) -> None:
        """Read what it says."""
        try:
            while data := self.sock.recv(65536):
                self._inbox += data
            self.said_all = True
        except OSError:
            pass
        while len(self._inbox) >= LENGTH.size:
            size = LENGTH.unpack_from(self._inbox)[0]
            if len(self._inbox) < LENGTH.size + size:
                return
            said = pickle.loads(self._inbox[LENGTH.size : LENGTH.size + size])
            self._inbox = self._inbox[LENGTH.size + size :]
            self.address = said.get("address", self.address)
            self.error = said.get("error", self.error)

    def is_stopped(self) -> bool:
        """Whether it is alive and does not run: SIGSTOP, a debugger."""
        try:
            with open(f"/proc/{self.pid}/stat", "rb") as file:
                return file.read().rpartition(b") ")[2][:1] in b"TtZX"
        except OSError:
            return True

    def signal(self, signum: int) -> None:
        """Send a signal to the process; SIGKILL also goes to what its tasks have started."""
        try:
            if signum == signal.SIGKILL:
                os.killpg(self.pid, signum)
            else:
                os.kill(self.pid, signum)
        except ProcessLookupError:
            pass

    def close(self) -> None:
        """Let go of everything when the process has ended, or is to end now."""
        self.signal(signal.SIGKILL)
        self.process.wait()
        self.sock.close()
        os.close(self.pidfd)
        self.cells.release()
        self.cells_map.close()
        os.close(self.cells_fd)
        shutil.rmtree(self.folder, ignore_errors=True)


class Nanny:
    """Starts a worker's process and watches over it.

    Parameters
    ----------
    loop
        Its thread does everything; it must live as long as the worker.
    spec
        What the worker is to be like.
    security
        The cluster's credentials.
    on_end
        ``on_end(nanny, text)`` in the loop's thread, when the worker has ended for good.

    Attributes
    ----------
    closed
        An event: the worker has ended for good.
    failure
        Why, if it was not asked to.

    Examples
    --------
    >>> spec = WorkerSpec("a", "tcp://127.0.0.1:8786")
    >>> Nanny(Loop(), spec, Security.new()).status
    'created'
    """

    def __init__(
        self,
        loop: Loop,
        spec: WorkerSpec,
        security: Security,
        on_end: Callable[[Nanny, str], object] = lambda nanny, text: None,
    ) -> None:
        self.loop = loop
        self.spec = spec.replace(nanny=True, env=dict(spec.env))
        self.name = spec.name
        self.security = security
        self.on_end = on_end
        self.limit = memory_limit(spec.memory_limit, spec.nthreads, CPU_COUNT)
        self.child: Child | None = None
        self.status = "created"
        self.failure = ""
        self._last_end = ""
        self.closed = threading.Event()
        self.plugins = Plugins(self, None)
        self._folder = ""
        self.waiting: list[Callable[[], object]] = []
        """To be called when the worker runs again."""
        self._connection: Connection | None = None
        self._dialing = False
        self._alone_since: float | None = None
        """When it was first found that the scheduler cannot be reached; None while it can."""
        self.is_greeted = False
        """The scheduler knows it, and it has the plugins that the scheduler has for nannies."""
        self._id = uuid.uuid4().hex
        self._hellos = 0
        self._setups = 0
        """How many plugins are being set up; and the answer that came after them."""
        self._answered = False
        self._deaths: list[float] = []
        self._has_run = False
        """It has registered once: what ends it from now on is no fault of how it is started."""
        self._starts = 0
        self._next_beat = 0.0
        self._kill_at: float | None = None

    # --- life ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the worker; any thread."""
        self.status = "starting"
        self.loop.call_threadsafe(self._start)

    def close(self, timeout_s: float = GRACE_S) -> None:
        """End the worker for good; waits unless in the loop's thread.

        Parameters
        ----------
        timeout_s
            How long it may take to end by itself.
        """
        self.loop.call_threadsafe(self._close, timeout_s)
        if not self.loop.in_loop():
            self.closed.wait(timeout_s + GRACE_S)

    def restart(self, timeout_s: float = GRACE_S) -> None:
        """End the worker and start it again; any thread, does not wait.

        Parameters
        ----------
        timeout_s
            How long it may take to end by itself.
        """
        self.loop.call_threadsafe(self._restart, timeout_s)

    def kill(self, why: str = "it was to be killed") -> None:
        """Kill the worker's process; it is started again; any thread.

        Parameters
        ----------
        why
            For the report.
        """
        self.loop.call_threadsafe(self._kill, why)

    @property
    def pid(self) -> int | None:
        """The worker's process."""
        return self.child.pid if self.child is not None else None

    @property
    def env(self) -> dict[str, str]:
        """Environment variables of the worker's next process; plugins may change them."""
        return self.spec.env

    @property
    def worker_address(self) -> str:
        """Where the worker listens; empty until it is known."""
        return self.child.address if self.child is not None else ""

    @property
    def local_directory(self) -> str:
        """A folder of its own for plugins, removed at the end; the worker's processes share it."""
        if not self._folder:
            self._folder = own_folder("nanny", self.spec.local_directory)
        return self._folder

    def _start(self) -> None:
        if self.status in ("closing", "closed") or self.child is not None:
            # A restart that was asked for may have come before the one that was planned.
            return
        self.status = "starting"
        if not self.is_greeted:
            self._dial()
            return
        try:
            spec = self.spec
            if spec.lifetime_s:
                stagger = spec.lifetime_stagger_s * random.uniform(-1, 1)
                spec = spec.replace(lifetime_s=max(1.0, spec.lifetime_s + stagger))
            child = self.child = Child(spec, self.security)
            self.loop.own(child)
        except BaseException as error:
            self._not_started(error)
            return
        self._kill_at = None
        self.loop.register(child.pidfd, lambda mask: self._died(child))
        self.loop.register(child.sock.fileno(), lambda mask: self._heard(child))
        self.loop.call_later(LOOK_S, self._look, child)

    def _not_started(self, error: BaseException) -> None:
        """There is no process: too many of them or of descriptors, no memory, no folder.

        What was possible before may be so again.
        """
        text = f"the worker's process could not be started: {error}"
        if not self._has_run or not isinstance(error, OSError):
            self._end(text)
            return
        log.warning("%s", f"worker {self.name}: {text}")
        self.status = "restarting"
        self._last_end = text
        self.loop.call_later(self._delay(), self._start)

    def _heard(self, child: Child) -> None:
        before = child.address
        child.hear()
        if child.address and not before:
            if self.status == "starting":
                # Meanwhile it may have been told to close.
                self.status = "running"
            waiting, self.waiting = self.waiting, []
            for call in waiting:
                call()
        if child.sock.fileno() >= 0 and (child.said_all or (not child.address and child.error)):
            self.loop.unregister(child.sock.fileno())

    def _close(self, timeout_s: float) -> None:
        if self.status == "closed":
            return
        self.status = "closing"
        if self.child is None:
            self._end("")
            return
        self._ask_to_end(timeout_s)

    def renew(self) -> None:
        """Start the worker anew with what its spec says now, and wait until it runs."""
        again = threading.Event()
        self.loop.call_threadsafe(self._renew, again.set)
        again.wait(START_S)

    def _renew(self, done: Callable[[], object]) -> None:
        if self.status == "starting":
            # Its process began with what the spec said then: once more, when it is there.
            self.waiting.append(lambda: self._renew(done))
            return
        self.waiting.append(done)
        self._restart(GRACE_S)

    def _restart(self, timeout_s: float) -> None:
        if self.child is None:
            if self.status not in ("closing", "closed"):
                self._start()
            return
        if self.status == "starting":
            # It is new: whoever asks has asked somebody else as well.
            return
        self.status = "restarting"
        self._ask_to_end(timeout_s)

    def _ask_to_end(self, timeout_s: float) -> None:
        assert self.child is not None
        self.child.signal(signal.SIGTERM)
        # A process that is stopped would not hear it.
        self.child.signal(signal.SIGCONT)
        self._kill_at = self.loop.time() + timeout_s

    def _kill(self, why: str) -> None:
        if self.child is not None:
            self.child.killed = why
            self.child.signal(signal.SIGKILL)

    # --- watching -----------------------------------------------------------------------------

    def _look(self, child: Child) -> None:
        """See how the process is doing; again and again, as long as it lives."""
        if self.child is not child:
            return
        self.loop.call_later(LOOK_S, self._look, child)
        now = self.loop.time()
        size = resident_bytes(child.pid)
        terminate = self.spec.terminate
        if self.limit and terminate and size > terminate * self.limit:
            # Perhaps only because shared memory that is mapped twice is counted twice.
            size = shared_out_bytes(child.pid) or size
        child.peak = max(child.peak, size)
        if self.limit and terminate and size > terminate * self.limit and not child.killed:
            child.killed = (
                f"its process took {format_bytes(size)}, more than {terminate:.0%} of its limit of "
                f"{format_bytes(self.limit)}; use a larger memory_limit, fewer threads or smaller "
                "pieces of data"
            )
            child.signal(signal.SIGKILL)
            return
        if self._kill_at is not None and now > self._kill_at:
            child.signal(signal.SIGKILL)
            return
        if now >= self._next_beat and self._connection is not None and not child.is_stopped():
            self._next_beat = now + BEAT_S
            beat = Beat("running", 0, 0, size, 0.0, len(child.running()), 0, 0, vouched=True)
            self._connection.send(beat)

    def _died(self, child: Child) -> None:
        """The process has ended."""
        code = child.process.wait()
        self.loop.unregister(child.pidfd)
        if child.sock.fileno() >= 0:
            self.loop.unregister(child.sock.fileno())
        child.hear()
        running = child.running()
        peak = max(child.peak, 0)
        self.child = None
        self.loop.disown(child)
        child.close()
        if self.status == "closing":
            self._end("")
            return
        planned = code in (0, RESTART_CODE) or self.status == "restarting"
        if not planned:
            self._report(child, code, running, peak)
        if code == 0 and self.status == "running":
            # It was sent away by the scheduler, or there is none.
            self._end("")
            return
        self._has_run = self._has_run or bool(child.address)
        if not self._has_run:
            self._starts += 1
            if self._starts >= STARTS:
                why = child.error or child.killed or describe_end(code)
                self._end(f"worker {self.name} could not be started: {why}")
                return
        is_early = not child.address or time.monotonic() - child.begun < QUICK_S
        quick = is_early and not planned
        self.loop.call_later(self._delay() if quick else 0.0, self._start)
        self.status = "restarting"

    def _delay(self) -> float:
        """How long to wait before the next start: longer when it has died quickly, and often."""
        now = self.loop.time()
        self._deaths = [when for when in self._deaths if now - when < RESTARTS_S] + [now]
        count = len(self._deaths)
        if count > RESTARTS:
            self.status = "closing"
            text = (
                f"worker {self.name} died {count} times in {RESTARTS_S:g} s, each time within "
                f"{QUICK_S:g} s of its start or before it was up, and stays down; "
                f"the last time {self._last_end}"
            )
            self.loop.call_soon(self._end, text)
        return min(5.0, 0.1 * 2 ** (count - 2)) if count > 1 else 0.0

    def _report(self, child: Child, code: int, running: list[tuple[int, int]], peak: int) -> None:
        """Tell the scheduler what ended the worker, and what it was running."""
        why = child.killed or f"{describe_end(code)}; its peak was {format_bytes(peak)}"
        self._last_end = why
        what = "was killed by its nanny" if child.killed else "died"
        log.warning("%s", f"worker {self.name} {what}: {why}")
        if self._connection is not None:
            args = {
                "name": self.name,
                "pid": child.pid,
                "text": why,
                "exit": max(0, code),
                "signal": max(0, -code),
                "peak": peak,
                "limit": self.limit,
                "running": running,
            }
            self._connection.send(Call(0, "nanny.died", args))

    def _end(self, text: str) -> None:
        """The worker has ended for good."""
        if self.status == "closed":
            return
        self.status = "closed"
        self.failure = text
        if text:
            log.error("%s", text)
        self.plugins.close()
        if self._connection is not None:
            if text:
                self._connection.send(Call(0, "nanny.gave_up", {"name": self.name, "text": text}))
            self._connection.send(Goodbye(text or "its worker has ended"))
            self._connection.close()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
        self.closed.set()
        self.on_end(self, text)

    # --- the scheduler ------------------------------------------------------------------------

    def _dial(self) -> None:
        if self._dialing or self._connection is not None or self.status in ("closing", "closed"):
            return
        self._dialing = True
        connect(
            self.loop,
            self.spec.scheduler,
            security=self.security,
            role="nanny",
            name=self.name,
            on_open=self._opened,
            on_error=self._unreachable,
        )

    def _opened(self, connection: Connection) -> None:
        self._dialing = False
        if self.status == "closed":
            connection.close()
            return
        self._connection = connection
        connection.on_message = self._received
        connection.on_close = self._lost
        self._hellos += 1
        about = {"name": self.name, "id": self._id}
        connection.send(Call(self._hellos, "nanny.hello", about))

    def _unreachable(self, error: BaseException) -> None:
        self._dialing = False
        now = self.loop.time()
        if self._alone_since is None:
            self._alone_since = now
            log.warning("%s", f"worker {self.name}: {error}")
        # A worker that runs looks at its own connection, and leaves when it is time.
        if self.child is None and self.status not in ("closing", "closed"):
            if isinstance(error, AuthenticationError) and not self.is_greeted:
                self._end(f"worker {self.name} could not be started: {error}")
                return
            if now - self._alone_since > self.spec.leave_s:
                alone = f"no scheduler has taken it for {self.spec.leave_s:g} s"
                self._end(f"worker {self.name}: {alone}; {error}")
                return
        self.loop.call_later(RETRY_S, self._dial)

    def _lost(self, connection: Connection, error: BaseException | None) -> None:
        self._connection = None
        self.loop.call_later(RETRY_S, self._dial)

    def _received(self, connection: Connection, message: Any, buffers: Any) -> None:
        if isinstance(message, Goodbye):
            self._close(GRACE_S)
        elif isinstance(message, Answer):
            self._greeted(connection, message)
        elif isinstance(message, Call):
            METHODS.get(message.method.removeprefix("nanny."), unknown)(self, connection, message)

    def _greeted(self, connection: Connection, answer: Answer) -> None:
        """The scheduler has said whether this may be the nanny of that worker."""
        if answer.error is not None:
            # Perhaps of a machine that has failed, and of which the scheduler is still to hear.
            connection.on_close = lambda *end: None
            connection.close()
            self._connection = None
            self._unreachable(ClusterError(answer.error[1]))
            return
        self._alone_since = None
        # Plugins that it should have came before.
        self._answered = True
        self._consider_start()

    def setting_up(self, by: int) -> None:
        """A plugin is being set up, or is there.

        Parameters
        ----------
        by
            1 or -1.
        """
        self._setups += by
        self._consider_start()

    def _consider_start(self) -> None:
        """Start the worker when everything is there that it should begin with."""
        if self._answered and not self._setups and not self.is_greeted:
            self.is_greeted = True
            self._start()


def describe_end(code: int) -> str:
    """How a process ended, in words.

    >>> describe_end(-11), describe_end(3)
    ('it was ended by signal 11 (SIGSEGV)', 'it ended with exit code 3')
    """
    if code >= 0:
        return f"it ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "unknown"
    hint = ", perhaps by the kernel, for want of memory" if -code == signal.SIGKILL else ""
    return f"it was ended by signal {-code} ({name}){hint}"


# --- what the scheduler may ask ---------------------------------------------------------------


def unknown(nanny: Nanny, connection: Connection, call: Call) -> None:
    """There is no such method."""
    text = f"a nanny has no method {call.method!r}; it has {', '.join(METHODS)}"
    connection.send(Answer(call.request, None, ("ValueError", text)))


def restart(nanny: Nanny, connection: Connection, call: Call) -> None:
    """End the worker and start it again; answered when it runs."""
    nanny.waiting.append(lambda: connection.send(Answer(call.request, "OK")))
    nanny._restart(float(call.args.get("timeout_s") or GRACE_S))


def kill(nanny: Nanny, connection: Connection, call: Call) -> None:
    """Kill the worker's process."""
    nanny._kill(str(call.args.get("reason", "it was to be killed")))
    connection.send(Answer(call.request, "OK"))


def close(nanny: Nanny, connection: Connection, call: Call) -> None:
    """End the worker for good."""
    connection.send(Answer(call.request, "OK"))
    nanny._close(float(call.args.get("timeout_s") or GRACE_S))


def in_thread(work: Callable[[], Any], connection: Connection, call: Call) -> None:
    """Answer with what some work of the user's gives."""

    def go() -> None:
        try:
            said = Answer(call.request, work())
        except BaseException as error:
            said = Answer(call.request, None, (type(error).__name__, message(error)))
        connection.send(said)

    threading.Thread(target=go, name="shoal-nanny-call", daemon=True).start()


def run(nanny: Nanny, connection: Connection, call: Call) -> None:
    """Call a function in the nanny's process."""
    data = bytes(call.args["data"])
    in_thread(lambda: call_user(data, nanny, ("dask_worker",), None), connection, call)


def plugin_setup(nanny: Nanny, connection: Connection, call: Call) -> None:
    """Add a plugin; one with ``restart = True`` has the worker started again."""
    args = dict(call.args)
    is_early = not nanny.is_greeted
    nanny.setting_up(1)

    def work() -> Any:
        name = str(args.pop("name"))
        known = nanny.plugins.by_name.get(name)
        try:
            answer = nanny.plugins.add(name, bytes(args.pop("data")), **args)
        finally:
            nanny.loop.call_threadsafe(nanny.setting_up, -1)
        plugin = nanny.plugins.by_name.get(name)
        if plugin is not known and getattr(plugin, "restart", False) and not is_early:
            nanny.renew()
        return answer

    in_thread(work, connection, call)


def plugin_teardown(nanny: Nanny, connection: Connection, call: Call) -> None:
    """Remove a plugin."""
    in_thread(lambda: nanny.plugins.remove(str(call.args["name"])), connection, call)


def logs(nanny: Nanny, connection: Connection, call: Call) -> None:
    """The nanny's log: its state and what ended the worker last."""
    connection.send(Answer(call.request, [["INFO", f"worker {nanny.name}: {nanny.status}"]]))


METHODS: dict[str, Callable[[Nanny, Connection, Call], None]] = {
    "restart": restart,
    "kill": kill,
    "close": close,
    "run": run,
    "plugin.setup": plugin_setup,
    "plugin.teardown": plugin_teardown,
    "logs": logs,
}
"""What may be called; a ``nanny.`` in front of the name is left out."""
