"""Random numbers of one block.

The numbers follow from the seed, from which call of the generator it was and from the place of the
block in the grid; from nothing else.  So they are the same whatever computes them, and in whatever
order.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["Stream", "draw_block"]


@dataclasses.dataclass(frozen=True)
class Stream:
    """The random numbers of one call of a generator.

    Parameters
    ----------
    kind
        A class of generators: `numpy.random.Generator`, or `numpy.random.RandomState`.
    bits
        A class of bit generators.
    entropy, key, pool
        As `numpy.random.SeedSequence` has them.

    Examples
    --------
    >>> stream = Stream(np.random.Generator, np.random.PCG64, 5, (0,), 4)
    >>> stream.of_block(3).random() == stream.of_block(3).random()
    True
    """

    kind: Any
    bits: Any
    entropy: Any
    key: tuple[int, ...]
    pool: int

    def of_block(self, block: int) -> Any:
        """The generator of a block; ``block`` is its flat index."""
        seed = np.random.SeedSequence(
            self.entropy, spawn_key=(*self.key, block), pool_size=self.pool
        )
        if issubclass(self.kind, np.random.Generator | np.random.RandomState):
            return self.kind(self.bits(seed))
        return self.kind(int(seed.generate_state(1)[0]))

    def __shoal_tokenize__(self) -> Any:
        return self.kind, self.bits, self.entropy, self.key, self.pool


def draw_block(
    block: int,
    size: Sequence[int],
    stream: Stream,
    method: str,
    args: Sequence[Any],
    kwargs: Sequence[tuple[str, Any]],
    inner: int = 0,
) -> Any:
    """The random numbers of a block.

    Parameters
    ----------
    block
        Its flat index.
    size
        Its shape.
    stream
        Where numbers come from.
    method, args, kwargs
        Which method of the generator, and its arguments.
    inner
        How many axes at the end of the shape the distribution adds to the size.

    Examples
    --------
    >>> stream = Stream(np.random.Generator, np.random.PCG64, 5, (0,), 4)
    >>> draw_block(0, (2,), stream, "normal", (1.0, 0.0), ())
    array([1., 1.])
    """
    draw = getattr(stream.of_block(block), method)
    outer = tuple(size[: len(size) - inner])
    named = dict(kwargs)
    if method == "choice":
        # The one method whose parameters are not all in front of the size.
        args, named["p"] = args[:1], args[1]
    return np.asanyarray(draw(*args, size=outer, **named))
