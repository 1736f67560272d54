"""Opportunistic caching: keep results that were dear to compute and take little room.

`Cache` listens to executors.  It notes what each result cost and offers it to a store; before the
next computation, tasks whose results are in the store are replaced by them.  Results are known by
key alone: caching is right where keys say what is computed (collections, pure ``delayed``), and
wrong where ``"x"`` means one thing today and another tomorrow.

The store (`Store`) keeps what is worth most: seconds of computing saved a byte, each time it is
used, counted less the longer ago that was.  The last is done by forward decay (Cormode,
Shkapenyuk, Srivastava, Xu: "Forward decay: a practical time decay model for streaming systems",
ICDE 2009): instead of ageing everything, what is added later weighs more, so scores keep their
order and one heap finds the least.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable
from time import perf_counter
from typing import Any

from shoal.graph.task import Data
from shoal.local.callbacks import Callback
from shoal.sizeof import sizeof
from shoal.types import Key
from shoal.units import parse_bytes

__all__ = ["Cache", "Store"]

OVERHEAD = 200
"""Bytes of book-keeping that an entry costs."""

LARGEST = 1e200
"""Weights start again before they leave the range of a float."""


class Store:
    """A mapping of limited size that drops what is worth least.

    Parameters
    ----------
    available_bytes
        How much it may hold.
    limit
        An entry worth less than this many seconds a byte is not taken in.
    halflife
        After how many looks and additions a use counts half.
    nbytes
        ``nbytes(value) -> bytes``, where `put` is not told.

    Attributes
    ----------
    data : dict
        The entries.
    total_bytes : int
        What they take.

    Examples
    --------
    >>> store = Store(100)
    >>> store.put("cheap", 1, cost=0.001, nbytes=60)
    >>> store.put("dear", 2, cost=1.0, nbytes=60)
    >>> store.data
    {'dear': 2}
    """

    def __init__(
        self,
        available_bytes: int,
        limit: float = 0.0,
        halflife: float = 1000.0,
        nbytes: Callable[[Any], int] = sizeof,
    ) -> None:
        self.available_bytes = available_bytes
        self.limit = limit
        self.halflife = halflife
        self.data: dict[Key, Any] = {}
        self.total_bytes = 0
        self._nbytes = nbytes
        self._sizes: dict[Key, int] = {}
        self._worth: dict[Key, float] = {}
        self._scores: dict[Key, float] = {}
        self._weight = 1.0
        self._heap: list[tuple[float, int, Key]] = []
        self._number = itertools.count()
        self._lock = threading.RLock()

    def __len__(self) -> int:
        return len(self.data)

    def __contains__(self, key: object) -> bool:
        return key in self.data

    def put(self, key: Key, value: Any, cost: float, nbytes: int | None = None) -> None:
        """Offer a result; it is taken in if it is worth more than what would have to go.

        Parameters
        ----------
        key
            Its name.
        value
            The result.
        cost
            Seconds that computing it took.
        nbytes
            What it takes.  Default: what the store's own ``nbytes`` says.
        """
        size = self._nbytes(value) if nbytes is None else nbytes
        worth = cost / max(size, 1)
        if size > self.available_bytes or worth < self.limit:
            return
        with self._lock:
            score = self._scores.get(key, 0.0)
            self._forget(key)
            self.data[key] = value
            self._sizes[key] = size
            self._worth[key] = worth
            self.total_bytes += size
            self._score(key, score)
            self._shrink()

    def get(self, key: Key, default: Any = None) -> Any:
        """An entry; asking for it makes it worth more.

        Parameters
        ----------
        key
            Its name.
        default
            Returned when it is not there.
        """
        with self._lock:
            if key not in self.data:
                return default
            self._score(key, self._scores[key])
            return self.data[key]

    def clear(self) -> None:
        """Drop everything."""
        with self._lock:
            for key in list(self.data):
                self._forget(key)
            self._heap.clear()

    def _score(self, key: Key, before: float) -> None:
        """Count a use of an entry at today's weight."""
        self._weight *= 2 ** (1 / self.halflife)
        self._scores[key] = before + self._worth[key] * self._weight
        self._push(key)
        if self._weight > LARGEST:
            self._rescale()
        elif len(self._heap) > 2 * len(self.data) + 100:
            self._rebuild()

    def _push(self, key: Key) -> None:
        # The number keeps the heap from comparing keys.
        heapq.heappush(self._heap, (self._scores[key], next(self._number), key))

    def _rescale(self) -> None:
        """Begin again at weight 1, all proportions kept."""
        self._scores = {key: score / self._weight for key, score in self._scores.items()}
        self._weight = 1.0
        self._rebuild()

    def _rebuild(self) -> None:
        """A heap without the entries that later ones have replaced."""
        self._heap = [(score, next(self._number), key) for key, score in self._scores.items()]
        heapq.heapify(self._heap)

    def _shrink(self) -> None:
        """Drop what is worth least until the rest fits."""
        while self.total_bytes > self.available_bytes:
            score, _, key = heapq.heappop(self._heap)
            # Of an entry that was used since, this is an old score; the present one is in there.
            if self._scores.get(key) == score:
                self._forget(key)

    def _forget(self, key: Key) -> None:
        if key in self.data:
            del self.data[key], self._scores[key], self._worth[key]
            self.total_bytes -= self._sizes.pop(key)


class Cache(Callback):
    """Keep dear and small results from one computation to the next.

    Parameters
    ----------
    cache
        How much to hold: bytes, or a size such as ``"2 GiB"``; or a store with ``put``, ``get``
        and ``data``: a `Store`, or a ``cachey.Cache``.
    *args, **kwargs
        Further arguments of the `Store`.
    clock
        Gives the time in seconds.

    Attributes
    ----------
    cache
        The store.

    Examples
    --------
    >>> import shoal
    >>> calls = []
    >>> def slow(x):
    ...     calls.append(x)
    ...     return x + 1
    >>> with Cache("1 MB") as cache:
    ...     shoal.get({"x": (slow, 1)}, "x"), shoal.get({"x": (slow, 1), "y": (abs, "x")}, "y")
    (2, 2)
    >>> calls
    [1]
    """

    def __init__(
        self, cache: Any, *args: Any, clock: Callable[[], float] = perf_counter, **kwargs: Any
    ) -> None:
        own = isinstance(cache, int | float | str)
        self.cache: Any = Store(parse_bytes(cache), *args, **kwargs) if own else cache
        if not own and (args or kwargs):
            raise TypeError(
                f"further arguments {[*args, *kwargs]} describe a new store; got one that is made: "
                f"{cache!r}"
            )
        if not (hasattr(self.cache, "put") and hasattr(self.cache, "data")):
            raise TypeError(
                f"cache must be a number of bytes, a size such as '2 GiB', or a store with put, "
                f"get and data; got {type(cache).__name__}"
            )
        self._clock = clock
        self._runs: dict[int, tuple[dict[Key, float], dict[Key, float]]] = {}

    def __enter__(self) -> Cache:
        super().__enter__()
        return self

    @property
    def starttimes(self) -> dict[Key, float]:
        """When the tasks that run now were started."""
        return {
            key: start for starts, _ in list(self._runs.values()) for key, start in starts.items()
        }

    @property
    def durations(self) -> dict[Key, float]:
        """Seconds that the results of the computations that run now took, with all they needed."""
        return {key: cost for _, costs in list(self._runs.values()) for key, cost in costs.items()}

    def _start(self, graph: Any) -> None:
        for key in [key for key in list(self.cache.data) if key in graph]:
            value = self.cache.get(key, _GONE)
            if value is not _GONE:
                graph[key] = Data(key, value)

    def _start_state(self, graph: Any, state: Any) -> None:
        self._runs[id(state)] = {}, {}

    def _pretask(self, key: Key, graph: Any, state: Any) -> None:
        self._runs[id(state)][0][key] = self._clock()

    def _posttask(self, key: Key, result: Any, graph: Any, state: Any, worker: Any) -> None:
        starts, costs = self._runs[id(state)]
        cost = self._clock() - starts.pop(key)
        # To compute it again, what it was made from is needed again.
        cost += max((costs.get(other, 0.0) for other in state["dependencies"][key]), default=0.0)
        costs[key] = cost
        size = sizeof(result) + OVERHEAD + 4 * sizeof(key)
        if isinstance(self.cache, Store):
            self.cache.put(key, result, cost, size)
        else:
            # cachey takes what it calls a cost: seconds a byte, in units of its own.
            self.cache.put(key, result, cost=cost / size / 1e9, nbytes=size)

    def _finish(self, graph: Any, state: Any, errored: bool) -> None:
        self._runs.pop(id(state), None)


_GONE = object()
