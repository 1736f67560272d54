"""What tasks print, on its way from a worker's process to the clients that asked for these tasks.

Threads leave text here as it is written.  The loop takes whole lines: a moment later, or together
with the end of the task, whose result then comes after its lines.  What has no end of a line for a
second or two, such as a bar of progress, is told as if it had one.

How much may pass is bounded, for each task and for the worker, by lines and characters in a second.
What is beyond is counted, and told for all tasks of a kind together, at once and then no more than
once in a second: a line for each of ten thousand tasks would be what the bound is there to prevent.
It goes to who asked for the last of these tasks.  The worker's own output and its log have it all.

A line must not appear twice on one terminal: with the lines goes what the worker's streams are
(`place_of`), and a client whose own are the same prints nothing.
"""

from __future__ import annotations

import functools
import math
import os
import threading
from collections.abc import Callable, Container
from dataclasses import dataclass, field

from shoal.distributed.net import Loop
from shoal.distributed.node.known import numbered_by
from shoal.distributed.protocol import Key
from shoal.graph.naming import key_split

__all__ = ["Echo", "Waiting", "place_of"]

TASK_LINES, TASK_CHARACTERS = 200, 20_000
WORKER_LINES, WORKER_CHARACTERS = 2000, 200_000
"""What may pass in a second, of one stream of a task and of all."""

MOST_KINDS = 20
OTHERS = "of other kinds"
"""Of how many kinds of tasks it is told what was left out of them; and what the rest is called."""

ECHO_S = 0.1
"""How long a line of a task that runs on waits for others."""

numbered = functools.cache(numbered_by)


def place_of(descriptor: int) -> str:
    """Which file, pipe or terminal a descriptor is; the same text in other processes that have it.

    Parameters
    ----------
    descriptor
        1 for standard output, 2 for standard error.

    Returns
    -------
    str
        Empty where nobody reads: a closed one, and the null device.

    Examples
    --------
    >>> read, write = os.pipe()
    >>> copy = os.dup(write)
    >>> place_of(copy) == place_of(write), place_of(write) == place_of(1)
    (True, False)
    >>> for end in (read, write, copy):
    ...     os.close(end)
    >>> place_of(write)
    ''
    """
    try:
        found = os.fstat(descriptor)
        if os.path.samestat(found, os.stat(os.devnull)):
            return ""
    except OSError:
        return ""
    return f"{numbered()}-{found.st_dev}-{found.st_ino}"


@dataclass(slots=True)
class Said:
    """One stream of one task."""

    pieces: list[str] = field(default_factory=list)
    is_old: bool = False
    """The line that has not ended was begun before this second."""
    lines: int = 0
    characters: int = 0
    """What has passed in this second."""
    is_full: bool = False
    """No more passes in this second."""
    left_out: int = 0
    is_open: bool = False
    """Of what was left out, the last line has not ended."""

    def take(self, everything: bool) -> str:
        """Whole lines, or everything, as lines."""
        text = "".join(self.pieces)
        cut = len(text) if everything else text.rfind("\n") + 1
        self.pieces = [text[cut:]] if cut < len(text) else []
        self.is_old = self.is_old and not cut
        text = text[:cut]
        return text + "\n" if text and not text.endswith("\n") else text

    def take_left_out(self) -> int:
        """How many lines did not pass."""
        count = self.left_out + self.is_open
        self.is_full = self.is_open = False
        self.left_out = 0
        return count


@dataclass(slots=True)
class LeftOut:
    """What did not pass of one stream of all tasks of a kind, and was not told yet."""

    told_s: float = -math.inf
    lines: int = 0
    tasks: int = 0
    key: Key = ""
    """Of the last of them."""

    def take(self, kind: str) -> str:
        """In words."""
        whose = f"{self.tasks:,} tasks {kind!r}" if self.tasks > 1 else str(self.key)
        lines = "1 line" if self.lines == 1 else f"{self.lines:,} lines"
        self.lines = self.tasks = 0
        return f"... {lines} of {whose} left out; Client.get_worker_logs() has the last of them\n"


class Waiting:
    """Text of tasks that waits to be told, bounded; any thread.

    Parameters
    ----------
    of_task, of_all
        How many lines and characters may pass in a second: of a stream of one task, and of all.

    Examples
    --------
    >>> waiting = Waiting(of_task=(2, 100))
    >>> waiting.add("x", "stdout", "1\\n2\\n3\\n4\\nunfinished")
    >>> waiting.take(now=0.0, running={"x"})
    [('x', 'stdout', '1\\n2\\n')]
    >>> waiting.take(now=0.1, running=())
    [('x', 'stdout', '... 3 lines of x left out; Client.get_worker_logs() has the last of them\\n')]
    """

    def __init__(
        self,
        of_task: tuple[int, int] = (TASK_LINES, TASK_CHARACTERS),
        of_all: tuple[int, int] = (WORKER_LINES, WORKER_CHARACTERS),
    ) -> None:
        self._of_task = of_task
        self._of_all = of_all
        self._lock = threading.Lock()
        self._said: dict[tuple[Key, str], Said] = {}
        self._left_out: dict[tuple[str, str], LeftOut] = {}
        self._lines = self._characters = 0
        self._since = 0.0

    def __len__(self) -> int:
        """How much is remembered; nothing two seconds after the last word."""
        return len(self._said) + len(self._left_out) + bool(self._characters)

    def add(self, key: Key, stream: str, text: str) -> None:
        """A task has written something.

        Parameters
        ----------
        key
            The task's.
        stream
            ``"stdout"`` or ``"stderr"``.
        text
            Lines, or pieces of them.
        """
        with self._lock:
            said = self._said.setdefault((key, stream), Said())
            lines = min(self._of_task[0] - said.lines, self._of_all[0] - self._lines)
            room = min(
                self._of_task[1] - said.characters, self._of_all[1] - self._characters, len(text)
            )
            head = "" if said.is_full or lines <= 0 else text[:room]
            if head.count("\n") > lines:
                head = "\n".join(head.split("\n", lines)[:lines]) + "\n"
            passed = head.count("\n")
            if len(head) < len(text):
                said.is_full = True
                said.left_out += text.count("\n") - passed
                said.is_open = not text.endswith("\n")
            if head:
                said.pieces.append(head)
            said.lines += passed
            said.characters += len(head)
            self._lines += passed
            self._characters += len(head)

    def take(self, now: float, running: Container[Key]) -> list[tuple[Key, str, str]]:
        """What may be told now, as lines: of tasks that have ended all, of others whole lines.

        Parameters
        ----------
        now
            The time, in seconds.
        running
            The keys of tasks that may still write.
        """
        told = []
        with self._lock:
            is_new_second = now - self._since >= 1.0
            for (key, stream), said in list(self._said.items()):
                has_ended = key not in running
                text = said.take(has_ended or said.is_full or (is_new_second and said.is_old))
                if text:
                    told.append((key, stream, text))
                if said.is_full and (has_ended or is_new_second):
                    self._leave_out(key, stream, said.take_left_out())
                if is_new_second:
                    said.lines = said.characters = 0
                    said.is_old = bool(said.pieces)
                if has_ended or (is_new_second and not said.pieces):
                    del self._said[key, stream]
            told += self._take_left_out(now)
            if is_new_second:
                self._since = now
                self._lines = self._characters = 0
        return told

    def _leave_out(self, key: Key, stream: str, lines: int) -> None:
        kind = key_split(key)
        if (kind, stream) not in self._left_out and len(self._left_out) >= MOST_KINDS:
            kind = OTHERS
        left = self._left_out.setdefault((kind, stream), LeftOut())
        left.lines += lines
        left.tasks += 1
        left.key = key

    def _take_left_out(self, now: float) -> list[tuple[Key, str, str]]:
        told = []
        for (kind, stream), left in list(self._left_out.items()):
            if now - left.told_s < 1.0:
                continue
            if not left.lines:
                del self._left_out[kind, stream]
                continue
            told.append((left.key, stream, left.take(kind)))
            left.told_s = now
        return told


class Echo:
    """What the tasks of a worker print, from their threads to the loop's and on.

    Parameters
    ----------
    loop
        The worker's.
    running
        Gives the keys of the tasks that run; called in the loop's thread.
    send
        Takes what `Waiting.take` gives; False: not now.

    Examples
    --------
    >>> loop = Loop()
    >>> echo = Echo(loop, running=set, send=print)
    >>> echo.write("x", "stdout", "hello\\n")
    >>> echo.tell()
    [('x', 'stdout', 'hello\\n')]
    >>> loop.stop()
    >>> loop.run()
    """

    def __init__(
        self,
        loop: Loop,
        running: Callable[[], Container[Key]],
        send: Callable[[list[tuple[Key, str, str]]], object],
    ) -> None:
        self._loop = loop
        self._running = running
        self._send = send
        self._waiting = Waiting()
        self._will_look = False
        self.has_news = False

    def write(self, key: Key, stream: str, text: str) -> None:
        """A task writes; its thread.

        Parameters
        ----------
        key, stream, text
            As for `Waiting.add`.
        """
        self._waiting.add(key, stream, text)
        self.has_news = True
        if not self._will_look:
            self._will_look = True
            self._loop.call_threadsafe(self._loop.call_later, ECHO_S, self._look)

    def tell(self) -> None:
        """Pass on what there is; the loop's thread."""
        self.has_news = False
        told = self._waiting.take(self._loop.time(), self._running())
        if told:
            self._send(told)

    def _look(self) -> None:
        """Again and again, as long as there may be something left to tell."""
        self.tell()
        self._will_look = False
        # Before the last line somebody may have written, and seen that there will be a look.
        if len(self._waiting):
            self._will_look = True
            self._loop.call_later(ECHO_S, self._look)
