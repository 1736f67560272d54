"""A lock that survives pickling: all copies of it in one process are one lock.

A task that writes to a file which is not safe to write to from two threads takes a lock.  Tasks
are pickled, and a copy of `threading.Lock` would guard nothing; this one has a name, and copies
with one name share one lock.  Between processes it guards nothing: there every process has its own.
"""

from __future__ import annotations

import threading
import uuid
import weakref
from collections.abc import Hashable

__all__ = ["SerializableLock"]


class _Lock:
    """A lock that can be held weakly."""

    __slots__ = ("__weakref__", "lock")

    def __init__(self) -> None:
        self.lock = threading.Lock()


_by_token: weakref.WeakValueDictionary[Hashable, _Lock] = weakref.WeakValueDictionary()
_guard = threading.Lock()


class SerializableLock:
    """A lock that can be pickled.

    Parameters
    ----------
    token
        Its name; locks of one name in one process are one.  By default a new one.

    Examples
    --------
    >>> import pickle
    >>> lock = SerializableLock()
    >>> copy = pickle.loads(pickle.dumps(lock))
    >>> with lock:
    ...     copy.acquire(blocking=False)
    False
    """

    __slots__ = ("_held", "token")

    def __init__(self, token: Hashable | None = None) -> None:
        self.token = token or str(uuid.uuid4())
        with _guard:
            held = _by_token.get(self.token)
            if held is None:
                held = _by_token[self.token] = _Lock()
        self._held = held

    @property
    def lock(self) -> threading.Lock:
        """The lock itself, of this process."""
        return self._held.lock

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take the lock.

        Parameters
        ----------
        blocking
            False to give up at once when another has it.
        timeout
            Seconds after which to give up; -1 for never.

        Returns
        -------
        bool
            Whether it was taken.
        """
        return self.lock.acquire(blocking, timeout)

    def release(self) -> None:
        """Let the lock go."""
        self.lock.release()

    def locked(self) -> bool:
        """Whether somebody has it."""
        return self.lock.locked()

    def __enter__(self) -> SerializableLock:
        self.acquire()
        return self

    def __exit__(self, *error: object) -> None:
        self.release()

    def __repr__(self) -> str:
        return f"<SerializableLock {self.token}>"

    def __reduce__(self) -> tuple[type, tuple[Hashable]]:
        return SerializableLock, (self.token,)

    def __shoal_tokenize__(self) -> Hashable:
        return self.token
