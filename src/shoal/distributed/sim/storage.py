"""A worker's memory and disk: values by the ids of rows, and what can happen to them."""

from __future__ import annotations

from typing import Any

__all__ = ["Storage"]


class Storage:
    """What one worker holds.

    Parameters
    ----------
    node
        The worker.

    Examples
    --------
    >>> Storage(None).memory
    {}
    """

    def __init__(self, node: Any) -> None:
        self.node = node
        self.memory: dict[int, int] = {}
        self.disk: dict[int, int] = {}
        self.sizes: dict[int, int] = {}
        self.bytes_in_memory = 0
        self.peak_bytes = 0
        self.disk_bytes_s = 200e6
        self.is_full = False
        """The disk takes no more."""
        self.is_bad = False
        """What is read from the disk is wrong, and found to be."""

    def keep(self, number: int, value: int, nbytes: int) -> None:
        """A value is in memory."""
        if number not in self.memory:
            self.bytes_in_memory += nbytes
            self.peak_bytes = max(self.peak_bytes, self.bytes_in_memory)
        self.memory[number] = value
        self.sizes[number] = nbytes

    def evict(self, ids: list[int]) -> None:
        """Values leave memory."""
        for number in ids:
            if self.memory.pop(number, None) is not None:
                self.bytes_in_memory -= self.sizes[number]

    def free(self, ids: list[int]) -> None:
        """Values are needed no more, wherever they are."""
        self.evict(ids)
        for number in ids:
            self.disk.pop(number, None)
            self.sizes.pop(number, None)

    def spill(self, ids: list[int]) -> None:
        """Write values to disk."""
        node = self.node
        for number in ids:
            options = node.state.tasks[number].options
            if options is not None and options.actor:
                node.world.complain(f"{node.name} writes an actor to disk")
            seconds = self.sizes.get(number, 0) / self.disk_bytes_s * node.slowness
            node.clock.after(seconds, self.spilled, number)

    def spilled(self, number: int) -> None:
        """A value is written, if the disk has room and it was not let go meanwhile.

        Of one in three, what says where its parts are stays in memory.
        """
        node = self.node
        if not node.is_alive:
            return
        if self.is_full:
            why = "No space left on device"
            node.post(
                lambda: node.machine.spill_failed(node.state, [number], why, True, node.time())
            )
            return
        if number in self.memory and self.memory[number] % 3 == 0:
            left = self.sizes[number] // 10
            self.bytes_in_memory += left - self.sizes[number]
            self.sizes[number] = left
            node.post(lambda: node.machine.shelved(node.state, number, left, node.time()))
            return
        if number in self.memory:
            self.disk[number] = self.memory[number]
        node.post(lambda: node.machine.spilled(node.state, number, node.time()))

    def load(self, ids: list[int]) -> None:
        """Read values from disk."""
        node = self.node
        for number in ids:
            seconds = self.sizes.get(number, 0) / self.disk_bytes_s * node.slowness
            node.clock.after(seconds, self.loaded, number)

    def loaded(self, number: int) -> None:
        """A value is read."""
        node = self.node
        if not node.is_alive:
            return
        if self.is_bad or number not in self.disk:
            why = "its checksum is wrong" if number in self.disk else "it is not there"
            node.post(lambda: node.machine.load_failed(node.state, number, why, node.time()))
            return
        self.keep(number, self.disk.pop(number), self.sizes[number])
        node.post(lambda: node.machine.loaded(node.state, number, node.time()))
