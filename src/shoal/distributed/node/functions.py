"""The functions that tasks call: each is unpickled once on a worker, when first used.

A function that cannot be unpickled (a module that is missing here, code of the user's that raises)
is the failure of each task that calls it, and of nothing else.
"""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from shoal.local.failure import add_note

__all__ = ["Functions"]

Function: TypeAlias = "tuple[Callable[..., Any] | None, Any]"


class Functions:
    """Functions by the number of their code.

    Examples
    --------
    >>> functions = Functions()
    >>> functions.learn([(3, b"digest", pickle.dumps((abs,)))])
    >>> functions.get(3)
    (<built-in function abs>, None)
    """

    def __init__(self) -> None:
        self.ready: dict[int, Function] = {-1: (None, None)}
        """Those that have been unpickled; -1 is that of data."""
        self._data: dict[int, bytes] = {}
        self._lock = threading.Lock()

    def learn(self, codes: Iterable[tuple[int, bytes, bytes]]) -> None:
        """Take note of functions.

        A number that is known may mean another function now: a scheduler that was restarted gives
        numbers anew.

        Parameters
        ----------
        codes
            ``(number, digest, data)`` as in `Run`.
        """
        for number, _, data in codes:
            if self._data.get(number) != data:
                self._data[number] = data
                self.ready.pop(number, None)

    def forget(self, codes: Iterable[int]) -> None:
        """Let go of functions.

        Parameters
        ----------
        codes
            Their numbers.
        """
        for number in codes:
            self._data.pop(number, None)
            self.ready.pop(number, None)

    def get(self, code: int) -> Function:
        """A function, and the arguments that come with it or None.

        Parameters
        ----------
        code
            Its number.

        Raises
        ------
        Exception
            Whatever unpickling it raises, with a note.
        """
        found = self.ready.get(code)
        if found is not None:
            return found
        with self._lock:
            data = self._data.get(code)
            if data is None:
                return self.ready[code]
            try:
                func, *rest = pickle.loads(data)
            except BaseException as error:
                add_note(error, "shoal: its function could not be unpickled on the worker")
                raise
            found = self.ready[code] = (func, rest[0] if rest else None)
            if self._data.get(code) is not data:
                # The number has been given to another function meanwhile.
                self.ready.pop(code, None)
            return found
