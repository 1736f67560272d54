"""Which worker has which results and functions, while a plan runs on processes.

A worker does as it is told: what it lets go of, it hears with the next message.  So the parent
knows what each has without asking.  Most of it is copies: the parent has the bytes too, and when a
worker has too much of them it drops the oldest.  A result that is *away* is no copy: nobody else
has it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

__all__ = ["CACHE_BYTES", "Away", "Holdings"]

CACHE_BYTES = 256 << 20
"""The copies that a worker may have, measured as pickled."""


class Away:
    """Stands for the value of a result that stayed with the worker that made it.

    Parameters
    ----------
    size
        Bytes, roughly.

    Examples
    --------
    >>> Away(100).size
    100
    """

    __slots__ = ("size",)

    def __init__(self, size: int) -> None:
        self.size = size


class Holdings:
    """What all workers have.

    Parameters
    ----------
    n
        Number of tasks.

    Examples
    --------
    >>> holdings = Holdings(5)
    >>> holdings.add_worker()
    >>> holdings.hold(0, 3, 100)  # the first worker has the result of task 3
    >>> holdings.closest([1, 3], [0.0])
    (0, 100)
    >>> holdings.release(3)
    >>> holdings.closest([1, 3], [0.0]), list(holdings.drops[0])
    ((-1, 0), [3])
    """

    __slots__ = ("away", "drops", "held", "holders", "holds")

    def __init__(self, n: int) -> None:
        self.holders = [0] * n
        """Workers that hold a result, as bits."""
        self.away: dict[int, tuple[int, int]] = {}
        """Results that only one worker has: which, and about how large they are."""
        # One entry a worker.
        self.holds: list[dict[int, int]] = []
        """What it has, with the sizes, oldest first; numbers below 0 are no results."""
        self.held: list[int] = []
        """Bytes of its copies."""
        self.drops: list[dict[int, None]] = []
        """What it has to be told to let go of, with the next message."""

    def add_worker(self) -> None:
        """One more worker, with nothing."""
        self.holds.append({})
        self.held.append(0)
        self.drops.append({})

    def remove_worker(self, w: int) -> None:
        """A worker is gone, and all that it had."""
        for j in list(self.holds[w]):
            if j >= 0:
                self.forget(w, j)
        self.holds[w].clear()
        self.drops[w].clear()

    def hold(self, w: int, j: int, size: int) -> None:
        """A worker has a result from now on."""
        self.holds[w][j] = size
        self.drops[w].pop(j, None)
        self.holders[j] |= 1 << w
        if j in self.away:
            return
        self.held[w] += size
        if self.held[w] > CACHE_BYTES:
            self.drop_oldest(w, j)

    def drop_oldest(self, w: int, last: int) -> None:
        """Drop copies, but not the last one, until the rest is few enough."""
        for old in [k for k in self.holds[w] if k >= 0 and k != last and k not in self.away]:
            self.drops[w][old] = None
            self.forget(w, old)
            if self.held[w] <= CACHE_BYTES:
                break

    def stay(self, w: int, j: int, size: int) -> None:
        """A worker has a result that nobody else has."""
        self.away[j] = (w, size)
        self.hold(w, j, size)

    def arrive(self, j: int) -> None:
        """The parent has a result too now; the worker's is a copy."""
        w, size = self.away.pop(j)
        self.held[w] += size

    def forget(self, w: int, j: int) -> None:
        """A worker will not have a result any more."""
        size = self.holds[w].pop(j)
        if j not in self.away:
            self.held[w] -= size
        self.holders[j] &= ~(1 << w)

    def release(self, j: int) -> None:
        """Nothing needs a result any more."""
        for w in bits(self.holders[j]):
            self.drops[w][j] = None
            self.forget(w, j)
        self.away.pop(j, None)

    def return_input(self, w: int, j: int) -> None:
        """A worker does not run a task that a result was sent for, or was to go with."""
        if j not in self.holds[w]:
            if j in self.away:
                self.hold(w, j, self.away[j][1])
            else:
                self.drops[w][j] = None

    def closest(self, needs: Sequence[int], load: Sequence[float]) -> tuple[int, int]:
        """The worker that holds most of some results, and how much; -1 when nobody has any."""
        amounts: dict[int, int] = {}
        for j in needs:
            for w in bits(self.holders[j]):
                amounts[w] = amounts.get(w, 0) + self.holds[w][j]
        if not amounts:
            return -1, 0
        best = max(amounts, key=lambda w: (amounts[w], -load[w]))
        return best, amounts[best]

    def is_bound(self, needs: Sequence[int]) -> bool:
        """Whether any of some results is away."""
        away = self.away
        return bool(away) and any(j in away for j in needs)

    def elsewhere(self, needs: Sequence[int], w: int) -> list[int]:
        """Those of some results that are away with another worker."""
        away = self.away
        return [j for j in needs if j in away and away[j][0] != w] if away else []


def bits(number: int) -> Iterator[int]:
    """The positions of the bits that are set.

    >>> list(bits(0b1101))
    [3, 2, 0]
    """
    while number:
        position = number.bit_length() - 1
        number ^= 1 << position
        yield position
