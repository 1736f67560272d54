"""A worker process: what runs at the other end of the socket.

Two threads.  The main one runs tasks, and nothing else runs tasks, so signals, and libraries that
insist on the main thread, work as in a program of the user's own.  The other one reads the socket
all the time.  That is what lets the parent talk to a worker that is busy: to hand over the
next batch before it runs dry, to take back tasks that it has not started, to interrupt the one
that is running.  It also notices at once when the parent is gone, and ends the process.

A worker keeps values by number: functions and shared arguments of the current run (negative),
results of tasks (the task's id).  What is there, and when it goes, the parent decides.

Which task is running stands in eight bytes of memory shared with the parent, so that a parent
that loses a worker can say which task it died of.
"""

from __future__ import annotations

import mmap
import os
import signal
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from time import perf_counter
from typing import Any

from shoal.graph.fuse import chain_step
from shoal.local.failure import trim
from shoal.local.process_wire import Inbox, Part, Segment, open_part, seal, send_all
from shoal.serialize.exceptions import dump_exception
from shoal.serialize.parts import limit_memory
from shoal.serialize.pickles import dumps, loads
from shoal.types import Parts

__all__ = ["IDLE_S", "KEEP_BYTES", "Interrupted", "is_worker", "main"]

FLUSH_S = 0.005
"""Finished tasks are reported at the end of a batch, and this often before that."""

FLUSH_BYTES = 1 << 20
"""Results waiting to be reported take no more than about this."""

KEEP_BYTES = 16_384
"""A result of this size or more stays here too, until the parent says otherwise."""

STAY_S = 0.002
"""A result that took longer to make stays here only, until the parent fetches it.  To fetch it
costs a few tenths of a millisecond; never to pickle it may save as much as it took to make it."""

KEEP, STAY = 1, 2
"""What may become of a result that other tasks need: sent and kept, or kept until it is fetched."""

SMALL_BYTES = 65_536
"""Results below this size travel inside of the report."""

IDLE_S = 300.0
"""A worker that nobody has used for so long ends."""

GRACE_S = 1.0
"""How long an interrupted task may take to end after the parent is gone."""

SIGNAL_S = 0.05
"""Time between two signals to one task."""

RAW = frozenset({int, float, bool, complex, type(None)})
"""Types whose values travel as they are."""


class Interrupted(BaseException):
    """Raised inside of a running task because the result is no longer wanted.

    Examples
    --------
    >>> issubclass(Interrupted, Exception)  # so that a task that handles errors lets it pass
    False
    """


class Worker:
    """The state of a worker process.

    Parameters
    ----------
    sock
        Leads to the parent.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.inbox = Inbox(sock)
        self.sending = threading.Lock()
        self.waiting = threading.Lock()
        """Guards ``items`` and ``rows``."""
        self.items: deque[tuple[Any, list[Part], deque[Any]]] = deque()
        """Messages read and not acted upon, with the tasks in them."""
        self.rows: deque[Any] = deque()
        """The tasks of the current batch that have not started."""
        self.tokens: SimpleQueue[None] = SimpleQueue()
        """One for each item: what the main thread sleeps on."""
        self.running = memoryview(bytearray(8)).cast("q")
        self.running[0] = -1
        self.started = 0.0
        self.values: dict[int, Any] = {}
        self.report = Report()
        self.cancelled = False
        self.raised = False
        """Whether the running task has been told."""
        self.closing = False
        self.busy = False
        """Between the beginning and the end of a run."""
        self.main = threading.get_ident()

    # ------------------------------------------------------------------ the thread that reads

    def read(self) -> None:
        """Read messages until the parent is gone."""
        try:
            while True:
                envelope, parts = self.inbox.get()
                kind = envelope[0]
                if kind == "revoke":
                    self.give_back()
                elif kind == "fetch":
                    self.fetch(envelope[1])
                elif kind == "cancel":
                    self.cancel()
                else:
                    rows: deque[Any] = deque()
                    if kind == "batch":
                        rows.extend(zip(*envelope[1], strict=True))
                    with self.waiting:
                        self.items.append((envelope, parts, rows))
                    self.tokens.put(None)
        except (EOFError, OSError):
            self.leave()

    def give_back(self) -> None:
        """Return the tasks that have not started; what came with them stays."""
        ids = []
        with self.waiting:
            for rows in [self.rows, *[item[2] for item in self.items]]:
                while rows:
                    try:
                        ids.append(rows.pop()[0])
                    except IndexError:
                        break
        elapsed = perf_counter() - self.started if self.running[0] >= 0 else 0.0
        self.send(("returned", ids, elapsed))

    def fetch(self, ids: Sequence[int]) -> None:
        """Send results that have stayed here, whatever the other thread is doing."""
        for i in ids:
            try:
                part = seal(dumps(self.values[i], "its result"))
            except BaseException as error:
                if not self.cancelled:
                    self.send(("failed", i, None, pack_error(error), "result"))
                return
            self.send(("fetched", i), [part])

    def cancel(self) -> None:
        """Start no other task of this run, and interrupt the running one."""
        self.cancelled = True
        with self.waiting:
            for rows in [self.rows, *[item[2] for item in self.items]]:
                rows.clear()
        threading.Thread(target=self.interrupt_task, name="shoal-cancel", daemon=True).start()

    def interrupt_task(self) -> None:
        """Send signals until the running task has been interrupted or has ended.

        One is not enough: Python may note it and then enter a system call that waits for ever.
        """
        while self.cancelled and not self.raised and self.running[0] >= 0:
            signal.pthread_kill(self.main, signal.SIGINT)
            threading.Event().wait(SIGNAL_S)

    def leave(self) -> None:
        """The parent is gone or wants this process to end: see to it that it does."""
        self.closing = True
        self.cancel()
        self.tokens.put(None)
        # The main thread ends the process in an orderly way, unless a task does not let it.
        threading.Event().wait(GRACE_S)
        os._exit(1)

    # ------------------------------------------------------------------ the thread that works

    def run(self) -> None:
        """Act upon messages until there will be no more."""
        while not self.closing:
            try:
                self.tokens.get(timeout=None if self.busy else IDLE_S)
            except Empty:
                return
            with self.waiting:
                if not self.items:
                    continue
                envelope, parts, self.rows = self.items.popleft()
            try:
                getattr(self, f"on_{envelope[0]}")(parts, *envelope[1:])
            except ConnectionError:
                # Nobody reads the answers; the other thread notices too.
                return

    def on_begin(
        self,
        parts: list[Part],
        number: int,
        settings: dict[str, Any] | None,
        has_cell: bool,
        has_init: bool,
    ) -> None:
        """A run begins: be in the same place as the parent."""
        self.busy = True
        if settings is not None:
            adopt(settings)
        parts = list(parts)
        if has_cell:
            cell = parts.pop(0)
            assert isinstance(cell, Segment)
            self.running = memoryview(mmap.mmap(cell.fd, 8)).cast("q")
            self.running[0] = -1
        if has_init:
            try:
                loads(open_part(parts.pop(0)))()
            except BaseException as error:
                self.send(("failed", None, None, pack_error(error), "initializer"))
                self.closing = True
                return
        self.send(("ready", number))

    def on_end(self, parts: list[Part], reply: bool) -> None:
        """A run ends: forget it."""
        self.values.clear()
        self.report = Report()
        self.cancelled = self.raised = self.busy = False
        if reply:
            self.send(("ended",))

    def on_drop(self, parts: list[Part], ids: Sequence[int]) -> None:
        """Let go of some values."""
        for i in ids:
            self.values.pop(i, None)

    def on_batch(
        self,
        parts: list[Part],
        columns: Any,
        drops: Sequence[int],
        raw: dict[int, Any],
        put: Sequence[int],
    ) -> None:
        """Run some tasks.  ``put`` numbers the parts."""
        self.on_drop(parts, drops)
        self.values.update(raw)
        own: Sequence[Any] = ()
        for i, part in zip(put, parts, strict=True):
            try:
                value = loads(open_part(part))
            except BaseException as error:
                self.fail(None, error, "input", put=i)
                return
            if i == OWN:
                own = value
            else:
                self.values[i] = value
        # Or the bytes would stay as long as the tasks run.
        parts.clear()
        self.started = perf_counter()
        self.work(own)
        self.flush()

    def work(self, own: Sequence[Any]) -> None:
        """Run the tasks of the current batch."""
        values, rows, running, report = self.values, self.rows, self.running, self.report
        flushed = self.started
        while rows:
            try:
                i, f, a, needs, keep = rows.popleft()
            except IndexError:
                break
            try:
                # Says which task it is, and that a signal may interrupt it.
                running[0] = i
                func = values[f] if f < 0 else own[f]
                if a is None:
                    result = func(*[values[j] if j >= 0 else values.pop(~j) for j in needs])
                else:
                    args = values[a] if a < 0 else own[a]
                    if type(args) is tuple:
                        result = func(*args)
                    else:
                        positional, keywords = args.fill(
                            [values[j] if j >= 0 else values.pop(~j) for j in needs]
                        )
                        result = func(*positional, **keywords)
                        del positional, keywords
                running[0] = -1
            except BaseException as error:
                running[0] = -1
                self.fail(i, error, "task")
                return
            if type(result) in RAW:
                report.raw_ids.append(i)
                report.raw_values.append(result)
            elif keep == STAY and perf_counter() - self.started > STAY_S:
                values[i] = result
                report.kept_ids.append(i)
                report.kept_sizes.append(rough_size(result))
            elif not self.pack(i, result, keep):
                return
            del result
            now = perf_counter()
            report.count(i, f, now - self.started)
            self.started = now
            if now - flushed > FLUSH_S or report.nbytes > FLUSH_BYTES:
                flushed = now
                self.flush()

    def pack(self, i: int, result: Any, keep: int) -> bool:
        """Put a result into the report; False when that is not possible."""
        report = self.report
        try:
            frames = dumps(result, "its result")
            part: Part = frames if frames.nbytes < SMALL_BYTES else seal(frames)
        except BaseException as error:
            self.fail(i, error, "result")
            return False
        if keep and frames.nbytes >= KEEP_BYTES:
            # Parts are all of the data: not twice in memory.
            if isinstance(result, Parts) and isinstance(part, Segment):
                result = loads(part.frames())
            self.values[i] = result
        if frames.nbytes < SMALL_BYTES and not frames.buffers:
            report.small_ids.append(i)
            report.small_values.append(frames.head)  # type: ignore[arg-type]
            report.nbytes += frames.nbytes
        else:
            report.part_ids.append(i)
            report.parts.append(part)
            # What is in the message is the memory of the object, which the next task may change;
            # and who waits for a large object has waited for long.
            self.flush()
        return True

    def fail(self, i: int | None, error: BaseException, what: str, put: int | None = None) -> None:
        """Report an exception; nothing else of this run is started."""
        if isinstance(error, Interrupted) and self.cancelled:
            return
        if i is None and put is not None:
            i = next((row[0] for row in self.rows if uses(row, put)), None)
        self.rows.clear()
        self.flush()
        step = chain_step(error) if what == "task" else None
        self.send(("failed", i, step, pack_error(error), what))

    def flush(self) -> None:
        """Send the report."""
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                try:
                    stream.flush()
                except (OSError, ValueError):
                    # Closed by the user's code, or nobody reads it.
                    continue
        report = self.report
        if not report.empty:
            self.send(report.envelope(), report.parts)
            report.clear()

    def send(self, envelope: Any, parts: Sequence[Part] = ()) -> None:
        """Send a message."""
        with self.sending:
            send_all(self.sock, envelope, parts)

    def interrupt(self, signum: int, frame: Any) -> None:
        """Handle SIGINT: only a task is interrupted, once, and never the code around it."""
        if self.cancelled and not self.raised and self.running[0] >= 0:
            self.raised = True
            raise Interrupted


OWN = -1
"""The number, among the parts of a batch, of the list of its own functions and arguments."""


def uses(row: Any, number: int) -> bool:
    """Whether a task needs a value.

    >>> row = (7, -2, None, (3, ~4), False)
    >>> uses(row, 3), uses(row, 4), uses(row, -2), uses(row, -5)
    (True, True, True, False)
    """
    _, f, a, needs, _ = row
    if number < 0:
        return number == OWN or number in (f, a)
    return number in needs or ~number in needs


class Report:
    """Finished tasks that the parent has not heard of."""

    __slots__ = (
        "kept_ids",
        "kept_sizes",
        "nbytes",
        "part_ids",
        "parts",
        "raw_ids",
        "raw_values",
        "small_ids",
        "small_values",
        "spans",
    )

    def __init__(self) -> None:
        self.raw_ids: list[int] = []
        self.raw_values: list[Any] = []
        self.small_ids: list[int] = []
        self.small_values: list[bytes] = []
        self.part_ids: list[int] = []
        self.parts: list[Part] = []
        self.spans: list[list[Any]] = []
        """``[function, a task, how many, seconds]`` for tasks in a row of one function."""
        self.kept_ids: list[int] = []
        self.kept_sizes: list[int] = []
        """Results that have stayed here."""
        self.nbytes = 0

    @property
    def empty(self) -> bool:
        """Whether there is nothing to say."""
        return not (self.raw_ids or self.small_ids or self.part_ids or self.kept_ids)

    def count(self, i: int, f: int, seconds: float) -> None:
        """Record how long a task took."""
        if self.spans and (self.spans[-1][0] == f or f >= 0 <= self.spans[-1][0]):
            span = self.spans[-1]
            span[2] += 1
            span[3] += seconds
        else:
            self.spans.append([f, i, 1, seconds])

    def envelope(self) -> Any:
        """The message."""
        return (
            "done",
            self.raw_ids,
            self.raw_values,
            self.small_ids,
            self.small_values,
            self.part_ids,
            self.kept_ids,
            self.kept_sizes,
            self.spans,
        )

    def clear(self) -> None:
        """Start anew."""
        for name in Report.__slots__:
            if name != "nbytes":
                getattr(self, name).clear()
        self.nbytes = 0


def rough_size(obj: Any) -> int:
    """Bytes of an object, to the order of magnitude, in no time.

    >>> rough_size([1, 2, 3]), rough_size(object())
    (300, 100)
    """
    nbytes = getattr(obj, "nbytes", None)
    if isinstance(nbytes, int):
        return nbytes
    try:
        return 100 * len(obj)
    except Exception:
        return 100


def pack_error(error: BaseException) -> Any:
    """An exception with the frames that concern the user."""
    return dump_exception(error.with_traceback(trim(error.__traceback__)))


def adopt(settings: dict[str, Any]) -> None:
    """Take over what a child would have inherited had it been started now."""
    sys.path[:] = settings["path"]
    sys.argv[:] = settings["argv"]
    environment = settings["environ"]
    for name in os.environ.keys() - environment.keys() - {"PYTHONHASHSEED"}:
        del os.environ[name]
    os.environ.update(environment)
    if settings["cwd"] is not None:
        try:
            os.chdir(settings["cwd"])
        except OSError:
            # Gone since; relative paths then fail in the task, as they would in the parent.
            pass


def reseed() -> None:
    """Give this process random numbers of its own after a fork."""
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()


_is_worker = False


def is_worker() -> bool:
    """Whether this process is a worker of a run on processes.

    Examples
    --------
    >>> is_worker()
    False
    """
    return _is_worker


def main(sock: socket.socket | int) -> None:
    """Run a worker process; return when it should end.

    Parameters
    ----------
    sock
        Leads to the parent: a socket, or its descriptor.

    Examples
    --------
    >>> import subprocess, sys
    >>> parent, child = socket.socketpair()
    >>> program = f"from shoal.local.process_worker import main; main({child.fileno()})"
    >>> worker = subprocess.Popen([sys.executable, "-c", program], pass_fds=[child.fileno()])
    >>> child.close()
    >>> send_all(parent, ("begin", 1, None, False, False))
    >>> Inbox(parent).get()[0]
    ('ready', 1)
    >>> parent.close()
    >>> worker.wait()
    0
    """
    if isinstance(sock, int):
        sock = socket.socket(fileno=sock)
    sock.setblocking(True)
    sock.set_inheritable(False)
    # A group of its own: Ctrl-C is the parent's to handle, and what a task starts ends with it.
    try:
        os.setpgid(0, 0)
    except OSError:
        # It is a session's leader already.
        pass
    reseed()
    global _is_worker
    _is_worker = True
    # Results go to segments in any case, and these to disk when memory is short.
    limit_memory(1 << 62, None)
    worker = Worker(sock)
    signal.signal(signal.SIGINT, worker.interrupt)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.register_at_fork(after_in_child=forgetter(sock))
    threading.Thread(target=worker.read, name="shoal-socket", daemon=True).start()
    worker.run()


def forgetter(sock: socket.socket) -> Callable[[], None]:
    """What a child that a task forks does first: it is no worker."""

    def forget() -> None:
        global _is_worker
        _is_worker = False
        sock.close()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    return forget
