"""What tasks print and log, on its way to the client that asked for it.

Standard output and error of the process are replaced by streams that look who writes: a task whose
output somebody wants (`Task.tell`), or anybody else, who writes through.  Log records go the same
way.  Lines are collected and sent by the loop, so that a task that prints much does not wait.
"""

from __future__ import annotations

import io
import logging
import sys
from collections import deque
from collections.abc import Callable
from typing import Any

from shoal.distributed.node.context import current_task

__all__ = ["Forwarder", "Keeper", "Lines", "capture", "forward", "unforward"]

MOST_LINES = 10_000
"""Lines that wait to be sent; older ones are dropped."""


class Lines:
    """Lines that wait to be sent.

    Parameters
    ----------
    poke
        Called when the first one comes, in any thread.

    Examples
    --------
    >>> lines = Lines(lambda: None)
    >>> lines.add("topic", "key", "stdout", "hello")
    >>> lines.take()
    {'topic': [('key', 'stdout', 'hello')]}
    """

    def __init__(self, poke: Callable[[], object]) -> None:
        self.poke = poke
        self._lines: deque[tuple[str, str, str, str]] = deque(maxlen=MOST_LINES)

    def add(self, topic: str, key: str, stream: str, text: str) -> None:
        """Add some text.

        Parameters
        ----------
        topic
            Where it goes.
        key
            Of the task.
        stream
            ``"stdout"``, ``"stderr"`` or a log level.
        text
            Of the line, with its end.
        """
        self._lines.append((topic, key, stream, text))
        if len(self._lines) == 1:
            self.poke()

    def take(self) -> dict[str, list[tuple[str, str, str]]]:
        """All lines, by topic; they are forgotten here."""
        found: dict[str, list[tuple[str, str, str]]] = {}
        for _ in range(len(self._lines)):
            topic, *line = self._lines.popleft()
            found.setdefault(topic, []).append((line[0], line[1], line[2]))
        return found


class Stream(io.TextIOBase):
    """Stands for standard output or error."""

    def __init__(self, name: str, under: Any, lines: Lines) -> None:
        self._name = name
        self._under = under
        self._lines = lines

    def write(self, text: str, /) -> int:
        """Write for a task, or through."""
        task = current_task()
        if task is None or not task.tell:
            return int(self._under.write(text) or 0)
        self._lines.add(task.tell, str(task.key), self._name, text)
        return len(text)

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


class Handler(logging.Handler):
    """Sends records of tasks on."""

    def __init__(self, lines: Lines) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record on, if a task logged it."""
        task = current_task()
        if task is not None and task.tell:
            self._lines.add(task.tell, str(task.key), record.levelname, self.format(record) + "\n")


class Keeper(logging.Handler):
    """Keeps the last lines of a log.

    Parameters
    ----------
    lines
        ``(level, text)``, oldest first.

    Examples
    --------
    >>> keeper = Keeper(lines := deque(maxlen=2))
    >>> keeper.emit(logging.makeLogRecord({"levelname": "INFO", "msg": "hello"}))
    >>> lines
    deque([('INFO', 'hello')], maxlen=2)
    """

    def __init__(self, lines: deque[tuple[str, str]]) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        self._lines.append((record.levelname, self.format(record)))


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


def capture(lines: Lines) -> None:
    """Replace the streams of this process, for good.

    Parameters
    ----------
    lines
        Where the lines of tasks go.

    Examples
    --------
    >>> before = sys.stdout, sys.stderr, list(logging.getLogger().handlers)
    >>> capture(Lines(lambda: None))
    >>> sys.stdout, sys.stderr, logging.getLogger().handlers[:] = before
    """
    sys.stdout = Stream("stdout", sys.stdout, lines)
    sys.stderr = Stream("stderr", sys.stderr, lines)
    logging.getLogger().addHandler(Handler(lines))
