"""Where tasks spend their time: the stacks of execution threads, looked at now and then.

A thread looks every few milliseconds while tasks run, and adds what it sees to a tree of frames
with counts, one tree for each stretch of time, and the last of them are kept.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

from shoal.distributed.node.lane import Slot

__all__ = ["Profile", "lock", "merge", "new_tree"]

STRETCH_S = 1.0
KEPT = 600

lock = threading.Lock()
"""Held while stacks are looked at, and with them whatever their frames hold."""

HIDDEN = ("shoal.distributed.", "shoal.local.")
"""Modules whose frames at the root are left out."""


def new_tree(name: str = "root") -> dict[str, Any]:
    """A tree without samples.

    Parameters
    ----------
    name
        Of the frame.

    Examples
    --------
    >>> new_tree()["count"]
    0
    """
    return {"count": 0, "identifier": name, "description": {}, "children": {}}


def merge(trees: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The sum of trees.

    Parameters
    ----------
    trees
        Any number.

    Examples
    --------
    >>> merge([{**new_tree(), "count": 2}, {**new_tree(), "count": 3}])["count"]
    5
    """
    total = new_tree()
    work = [(total, tree) for tree in trees]
    while work:
        into, tree = work.pop()
        into["count"] += tree["count"]
        into["description"] = into["description"] or tree["description"]
        for name, child in tree["children"].items():
            work.append((into["children"].setdefault(name, new_tree(name)), child))
    return total


def add(tree: dict[str, Any], frame: FrameType | None, hidden: tuple[str, ...] = HIDDEN) -> None:
    """Count one stack, without the frames at its root whose modules are hidden."""
    stack = []
    while frame is not None:
        stack.append(frame)
        frame = frame.f_back
    stack.reverse()
    first = 0
    for position, at in enumerate(stack):
        module = at.f_globals.get("__name__", "")
        if module.startswith(hidden) or module == "threading":
            first = position + 1
        else:
            break
    tree["count"] += 1
    for at in stack[first:]:
        code = at.f_code
        name = f"{code.co_name};{code.co_filename};{code.co_firstlineno}"
        child = tree["children"].get(name)
        if child is None:
            child = tree["children"][name] = new_tree(name)
            child["description"] = {
                "filename": code.co_filename,
                "name": code.co_name,
                "line_number": at.f_lineno,
                "line": "",
            }
        child["count"] += 1
        tree = child


class Profile:
    """Samples of the tasks of one worker.

    Parameters
    ----------
    running
        Gives the execution threads that run a task.
    interval_s
        Between looks; 0 for none at all.

    Examples
    --------
    >>> Profile(lambda: [], 0).tree()["count"]
    0
    """

    def __init__(self, running: Callable[[], list[Slot]], interval_s: float) -> None:
        self.running = running
        self.interval_s = interval_s
        self.stretches: deque[tuple[float, dict[str, dict[str, Any]]]] = deque(maxlen=KEPT)
        self.waits = 0.0
        """How often, lately, the looking thread had to wait for the interpreter's lock, 0 to 1:
        code that holds it is asked to let go after the switch interval."""
        self._end = threading.Event()
        self._work = threading.Event()

    def start(self) -> None:
        """Begin to look."""
        if self.interval_s:
            threading.Thread(target=self._run, name="shoal-profile", daemon=True).start()

    def close(self) -> None:
        """Look no more."""
        self._end.set()

    def tree(
        self, key: Any = None, start: float | None = None, stop: float | None = None
    ) -> dict[str, Any]:
        """What was seen.

        Parameters
        ----------
        key
            Only of tasks whose keys begin so (as `shoal.graph.naming.key_split` has it).
        start, stop
            Only between these, in seconds since the epoch.
        """
        found = []
        for begun, trees in list(self.stretches):
            if (start is None or begun >= start) and (stop is None or begun <= stop):
                found += [tree for name, tree in list(trees.items()) if key in (None, name)]
        return merge(found)

    def times(self) -> list[tuple[float, int]]:
        """How many samples there are of each stretch: (when it began, in seconds, count)."""
        return [
            (begun, sum(tree["count"] for tree in list(trees.values())))
            for begun, trees in list(self.stretches)
        ]

    def _run(self) -> None:
        from shoal.graph.naming import key_split

        me = threading.get_ident()
        begun = time.monotonic()
        while not self._end.wait(self.interval_s):
            slots = self.running()
            if not slots:
                # Nothing runs: look less often, at no cost to speak of.
                self.waits *= 0.9
                if self._end.wait(10 * self.interval_s):
                    return
                begun = time.monotonic()
                continue
            late = time.monotonic() - begun - self.interval_s > 0.9 * sys.getswitchinterval()
            self.waits += 0.05 * (late - self.waits)
            now = time.time()
            if not self.stretches or now - self.stretches[-1][0] > STRETCH_S:
                self.stretches.append((now, {}))
            trees = self.stretches[-1][1]
            with lock:
                frames = sys._current_frames()
                frames.pop(me, None)
                for slot in slots:
                    row = slot.row
                    if row is not None and slot.ident in frames:
                        name = key_split(row.key)
                        add(trees.setdefault(name, new_tree()), frames[slot.ident])
                del frames
            begun = time.monotonic()
