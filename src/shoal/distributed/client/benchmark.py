"""How fast the machines of a cluster are: memory, disk and network, measured by its workers.

Each function is run on a worker, and takes about as long as it is told; figures are bytes a
second.
"""

from __future__ import annotations

import os
import pickle
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from typing import Any

from shoal.distributed.client.session import Session
from shoal.distributed.client.waiting import all_ended
from shoal.units import parse_bytes

__all__ = [
    "Benchmarks",
    "DISK_SIZES",
    "MEMORY_SIZES",
    "NETWORK_SIZES",
    "by_size",
    "disk_bandwidth",
    "memory_bandwidth",
    "pairs",
    "random_bytes",
]

MEMORY_SIZES = ("2 kiB", "10 kiB", "100 kiB", "1 MiB", "10 MiB", "100 MiB")
DISK_SIZES = ("1 kiB", "100 kiB", "1 MiB", "10 MiB", "100 MiB")
NETWORK_SIZES = ("1 kiB", "10 kiB", "100 kiB", "1 MiB", "10 MiB", "50 MiB")
"""Of the blocks that are copied, written and sent."""


def memory_bandwidth(nbytes: int, duration_s: float = 0.2) -> float:
    """How fast blocks are copied in memory, in bytes a second.

    Parameters
    ----------
    nbytes
        Of a block.
    duration_s
        How long to copy.

    Examples
    --------
    >>> memory_bandwidth(1000, duration_s=0.001) > 0
    True
    """
    block = bytearray(nbytes)
    copied, begun = 0, time.perf_counter()
    while (elapsed_s := time.perf_counter() - begun) < duration_s or not copied:
        bytes(block)
        copied += nbytes
    return copied / max(elapsed_s, 1e-9)


def disk_bandwidth(nbytes: int, duration_s: float = 1.0, folder: str | None = None) -> float:
    """How fast files are written and reach the disk, in bytes a second.

    Parameters
    ----------
    nbytes
        Of a file.
    duration_s
        How long to write.
    folder
        Where; default: that for temporary files.

    Examples
    --------
    >>> disk_bandwidth(1000, duration_s=0.001) > 0
    True
    """
    block = os.urandom(nbytes)
    written, begun = 0, time.perf_counter()
    with tempfile.TemporaryDirectory(dir=folder) as place:
        while (elapsed_s := time.perf_counter() - begun) < duration_s or not written:
            with open(os.path.join(place, str(written)), "wb") as file:
                file.write(block)
                file.flush()
                os.fsync(file.fileno())
            written += nbytes
    return written / max(elapsed_s, 1e-9)


def random_bytes(nbytes: int, number: int) -> bytes:
    """A block to send that cannot be compressed.

    Parameters
    ----------
    nbytes
        Its size.
    number
        Tells it from others.

    Examples
    --------
    >>> len(random_bytes(10, 1))
    10
    """
    return os.urandom(nbytes)


def pairs(addresses: list[str]) -> list[tuple[str, str]]:
    """Each worker once with its neighbour: enough to see every one send and receive.

    Parameters
    ----------
    addresses
        Of the workers.

    Examples
    --------
    >>> pairs(["a", "b", "c"]), pairs(["a"])
    ([('a', 'b'), ('b', 'c'), ('c', 'a')], [])
    """
    if len(addresses) < 2:
        return []
    return list(zip(addresses, [*addresses[1:], addresses[0]], strict=True))


def by_size(found: Iterable[tuple[str, float]]) -> dict[str, float]:
    """The median figure of each size.

    Parameters
    ----------
    found
        ``(size, bytes a second)``.

    Examples
    --------
    >>> by_size([("1 kiB", 5.0), ("1 kiB", 7.0), ("1 MiB", 1.0)])
    {'1 kiB': 6.0, '1 MiB': 1.0}
    """
    groups: dict[str, list[Any]] = {}
    for size, figure in found:
        groups.setdefault(size, []).append(figure)
    return {size: statistics.median(figures) for size, figures in groups.items()}


class Benchmarks(Session):
    """Measuring the cluster's machines; see `Client`.

    Examples
    --------
    >>> from shoal.distributed import Client
    >>> with Client(n_workers=0, processes=False) as client:
    ...     client.benchmark_hardware()
    {'memory': {}, 'disk': {}, 'network': {}}
    """

    def benchmark_hardware(self) -> Any:
        """Measure memory, disk and network of the workers, about two seconds for each size.

        Returns
        -------
        dict
            ``"memory"``, ``"disk"`` and ``"network"``: the median over the workers, in bytes a
            second, by size of the blocks.
        """

        async def steps() -> dict[str, dict[str, float]]:
            addresses = list(await self._answer("scheduler.nthreads", {"workers": None}))
            return {
                "memory": await self._on_workers(addresses, memory_bandwidth, MEMORY_SIZES),
                "disk": await self._on_workers(addresses, disk_bandwidth, DISK_SIZES),
                "network": await self._between_workers(addresses),
            }

        return self._run(steps())

    async def _on_workers(
        self, addresses: list[str], measure: Callable[[int], float], sizes: tuple[str, ...]
    ) -> dict[str, float]:
        found: list[tuple[str, float]] = []
        for size in sizes if addresses else ():
            data = pickle.dumps((measure, (parse_bytes(size),), {}))
            call = {"workers": addresses, "method": "run", "args": {"data": data}}
            answers = await self._answer("worker.call", call)
            found += [(size, pickle.loads(said)) for ok, said in answers.values() if ok == "ok"]
        return by_size(found)

    async def _between_workers(self, addresses: list[str]) -> dict[str, float]:
        client: Any = self
        found: list[tuple[str, float]] = []
        for size in NETWORK_SIZES:
            nbytes = parse_bytes(size)
            for number, (sender, receiver) in enumerate(pairs(addresses)):
                block = client.submit(random_bytes, nbytes, number, workers=[sender], pure=False)
                await all_ended(self._link, [block._entry])
                begun = time.perf_counter()
                length = client.submit(len, block, workers=[receiver], pure=False)
                await all_ended(self._link, [length._entry])
                found.append((size, nbytes / (time.perf_counter() - begun)))
        return by_size(found)
