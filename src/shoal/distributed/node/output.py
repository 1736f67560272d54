"""The log of a worker: what its process logs, and what its tasks print.

Standard output and error of the process are replaced by streams that write through, and look who
writes: the lines of a task go to the log as well, with its key.  Log records that a task makes have
its key too, so the lines of one task can be found among all others.

What the worker's own output shows of a task goes to the clients that asked for it, too (`echo`).
"""

from __future__ import annotations

import io
import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from shoal.distributed.node.context import current_task
from shoal.serialize.messages import shortened

__all__ = [
    "Forwarder",
    "Keeper",
    "Line",
    "Tell",
    "already_told",
    "capture",
    "forward",
    "lines_of",
    "unforward",
]

Line: TypeAlias = tuple[str, str, float, str]
"""Level, or ``"stdout"``, ``"stderr"``; text; seconds since the epoch; key of the task, if any."""

Tell: TypeAlias = Callable[[Any, str, str], object]
"""Takes the key of a task, ``"stdout"`` or ``"stderr"``, and what it writes there."""

LINE_CHARACTERS = 10_000
"""How much is kept of a line: there are many."""

MOST_OPEN = 100
"""Tasks whose last line has not ended, of which it is kept."""


def lines_of(log: deque[Line], n: int | None = None, text: str = "") -> list[Line]:
    """The last lines of a log, newest first.

    Parameters
    ----------
    log
        Oldest first.
    n
        How many at most; None: all.
    text
        Only lines with this in them, or in the key of their task.

    Examples
    --------
    >>> log = deque(
    ...     [("INFO", "a", 1.0, ""), ("INFO", "b", 2.0, "x-1"), ("stdout", "x-1", 3.0, "")]
    ... )
    >>> [line[1] for line in lines_of(log, text="x-1")], [line[1] for line in lines_of(log, 2)]
    (['x-1', 'b'], ['x-1', 'b'])
    """
    lines = [line for line in list(log)[::-1] if text in line[1] or text in line[3]]
    return lines if n is None else lines[:n]


_told = threading.local()


@contextmanager
def already_told() -> Iterator[None]:
    """What this thread writes inside of the block has gone to clients another way.

    Examples
    --------
    >>> with already_told():
    ...     print("hello")
    hello
    """
    _told.by_another_way = True
    try:
        yield
    finally:
        _told.by_another_way = False


class Stream(io.TextIOBase):
    """Stands for standard output or error: writes through, keeps and tells the lines of tasks."""

    def __init__(self, name: str, under: Any, log: deque[Line], tell: Tell | None = None) -> None:
        self._name = name
        self._under = under
        self._log = log
        self._tell = tell
        self._open: dict[str, str] = {}
        """Begun lines, by task: what is printed comes in pieces."""

    def write(self, text: str, /) -> int:
        """Write through; what a task writes is kept when its line ends."""
        task = current_task()
        if task is not None:
            if self._tell is not None and not getattr(_told, "by_another_way", False):
                self._tell(task.key, self._name, text)
            key = str(task.key)
            *lines, rest = (self._open.pop(key, "") + text).split("\n")
            if len(rest) > LINE_CHARACTERS:
                lines, rest = [*lines, rest], ""
            now = time.time()
            self._log += [
                (self._name, shortened(line, LINE_CHARACTERS), now, key) for line in lines
            ]
            if rest:
                self._open[key] = rest
                if len(self._open) > MOST_OPEN:
                    self._open.pop(next(iter(self._open)))
        return int(self._under.write(text) or 0)

    def flush(self) -> None:
        """Pass what was written through on."""
        self._under.flush()

    def fileno(self) -> int:
        """Of the stream below."""
        return int(self._under.fileno())

    def isatty(self) -> bool:
        """As the stream below."""
        return bool(self._under.isatty())

    def writable(self) -> bool:
        """Yes."""
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """As the stream below."""
        return str(getattr(self._under, "encoding", "utf-8"))


class Keeper(logging.Handler):
    """Keeps the last records of a process, with the keys of the tasks that made them.

    Parameters
    ----------
    log
        Where they are kept, oldest first.

    Examples
    --------
    >>> keeper = Keeper(log := deque(maxlen=2))
    >>> keeper.emit(
    ...     logging.makeLogRecord({"levelname": "INFO", "msg": "hello", "created": 5.0})
    ... )
    >>> log
    deque([('INFO', 'hello', 5.0, '')], maxlen=2)
    """

    def __init__(self, log: deque[Line]) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        task = current_task()
        key = "" if task is None else str(task.key)
        text = shortened(self.format(record), LINE_CHARACTERS)
        self._log.append((record.levelname, text, record.created, key))


class Teller(logging.Handler):
    """Tells the records of tasks that another handler writes, as it writes them."""

    def __init__(self, shown: logging.Handler, tell: Tell) -> None:
        super().__init__(shown.level)
        self._tell = tell
        self._shown = shown

    def emit(self, record: logging.LogRecord) -> None:
        """Tell a record, if it is a task's."""
        task = current_task()
        if task is not None:
            self._tell(task.key, "stderr", self._shown.format(record) + "\n")


class Forwarder(logging.Handler):
    """Passes records on as plain data.

    Parameters
    ----------
    topic
        Its name, by which it is found again.
    level
        Only records from this level on.
    send
        ``send(topic, record)``; the record's attributes that are text or numbers.

    Examples
    --------
    >>> forwarder = Forwarder("news", 0, print)
    >>> forwarder.emit(logging.makeLogRecord({"msg": "n = %d", "args": (3,)}))
    news {...'msg': 'n = 3'...}
    """

    def __init__(self, topic: str, level: int, send: Callable[[str, Any], object]) -> None:
        super().__init__(level)
        self.topic = topic
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        """Pass a record on."""
        said = {**record.__dict__, "msg": record.getMessage(), "args": None}
        if record.exc_info:
            said["exc_text"] = logging.Formatter().formatException(record.exc_info)
        plain = (str, int, float, bool, type(None))
        said = {k: shortened(v) if isinstance(v, str) else v for k, v in said.items()}
        self._send(self.topic, {k: v for k, v in said.items() if isinstance(v, plain)})


def forward(name: str | None, level: int, topic: str, send: Callable[[str, Any], object]) -> None:
    """Pass on what a logger gets.

    Parameters
    ----------
    name
        Of the logger; None for the root.
    level, topic, send
        See `Forwarder`.

    Examples
    --------
    >>> forward("shoal.example", logging.INFO, "news", lambda topic, record: None)
    >>> unforward("shoal.example", "news")
    """
    unforward(name, topic)
    # The logger's own level stays: what it does not take here is not sent either.
    logging.getLogger(name).addHandler(Forwarder(topic, level, send))


def unforward(name: str | None, topic: str) -> None:
    """Undo `forward`.

    Parameters
    ----------
    name, topic
        As they were given there.

    Examples
    --------
    >>> unforward("shoal.example", "news")
    """
    logger = logging.getLogger(name)
    for handler in list(logger.handlers):
        if isinstance(handler, Forwarder) and handler.topic == topic:
            logger.removeHandler(handler)


def capture(log: deque[Line], tell: Tell | None = None) -> None:
    """Have this process keep what it logs and what its tasks print, for good.

    Parameters
    ----------
    log
        Where lines are kept.
    tell
        Also called with what its tasks write, and with their records that the handlers of the root
        logger write now.

    Examples
    --------
    >>> before = sys.stdout, sys.stderr, list(logging.getLogger().handlers)
    >>> capture(deque())
    >>> sys.stdout, sys.stderr, logging.getLogger().handlers[:] = before
    """
    root = logging.getLogger()
    sys.stdout = Stream("stdout", sys.stdout, log, tell)
    sys.stderr = Stream("stderr", sys.stderr, log, tell)
    if tell is not None:
        for shown in list(root.handlers):
            root.addHandler(Teller(shown, tell))
    root.addHandler(Keeper(log))
