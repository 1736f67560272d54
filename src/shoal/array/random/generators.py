"""Generators of random numbers: `Generator` and `RandomState`, as NumPy has them.

A generator holds a seed.  Each call takes the next child of it, and each block of the call's result
a child of that; nothing is drawn before it is computed.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from shoal.array.collection import Array
from shoal.array.creation import arange
from shoal.array.kernels.draw import Stream
from shoal.array.random.distributions import NEW, OLD, methods
from shoal.array.random.drawing import draw, draw_choice
from shoal.array.slicing import getitem

__all__ = ["Generator", "RandomState", "default_rng"]


class Generator:
    """A generator of random numbers; see `numpy.random.Generator`.

    Parameters
    ----------
    bit_generator
        NumPy's, or its class; its seed is used, not the state it may have advanced to.

    Raises
    ------
    TypeError
        It is no bit generator.

    Examples
    --------
    >>> import shoal.array as da
    >>> x = da.random.default_rng(5).normal(10, 1, size=4, chunks=2)
    >>> y = da.random.default_rng(5).normal(10, 1, size=4, chunks=2)
    >>> bool((x == y).all().compute())
    True
    """

    def __init__(self, bit_generator: Any) -> None:
        if isinstance(bit_generator, type) and issubclass(bit_generator, np.random.BitGenerator):
            bit_generator = bit_generator()
        if not isinstance(bit_generator, np.random.BitGenerator):
            raise TypeError(
                "Generator takes a bit generator such as numpy.random.PCG64(seed), got "
                f"{type(bit_generator).__name__}; default_rng(seed) makes one"
            )
        self._bit_generator = bit_generator

    @property
    def bit_generator(self) -> Any:
        """NumPy's bit generator, which holds the seed."""
        return self._bit_generator

    def _stream(self) -> Stream:
        (child,) = self._bit_generator.seed_seq.spawn(1)  # type: ignore[attr-defined]
        return Stream(
            np.random.Generator,
            type(self._bit_generator),
            child.entropy,
            tuple(child.spawn_key),
            child.pool_size,
        )

    def _draw(self, method: str, args: Any, kwargs: Any, size: Any, chunks: Any) -> Array:
        return draw(self._stream(), method, args, kwargs, size, chunks)

    def __repr__(self) -> str:
        return f"Generator({type(self._bit_generator).__name__})"

    def spawn(self, n_children: int) -> list[Generator]:
        """Independent generators; see `numpy.random.Generator.spawn`.

        Parameters
        ----------
        n_children
            How many.

        Examples
        --------
        >>> import shoal.array as da
        >>> len(da.random.default_rng(5).spawn(2))
        2
        """
        seeds = self._bit_generator.seed_seq.spawn(n_children)  # type: ignore[attr-defined]
        return [Generator(type(self._bit_generator)(seed)) for seed in seeds]

    def choice(
        self,
        a: Any,
        size: Any = None,
        replace: bool = True,
        p: Any = None,
        axis: int = 0,
        shuffle: bool = True,
        chunks: Any = "auto",
    ) -> Array:
        """Elements chosen at random; see `numpy.random.Generator.choice`.

        Parameters
        ----------
        a
            An array of one axis, or an int for ``arange(a)``.
        size, replace, p, shuffle
            As NumPy has them; without replacement the result has one block.
        axis
            0, as ``a`` has one axis.
        chunks
            Of the result.

        Raises
        ------
        ValueError
            ``a`` and ``p`` are not what NumPy takes.
        NotImplementedError
            Several blocks without replacement.

        Examples
        --------
        >>> import shoal.array as da
        >>> da.random.default_rng(5).choice([7], size=3, chunks=2).compute()
        array([7, 7, 7])
        """
        if axis not in (0, -1):
            raise ValueError(f"axis must be 0, as a has one axis, got {axis}")
        more = {"shuffle": shuffle}
        return draw_choice(self._stream(), a, size, replace, p, more, chunks)

    def permutation(self, x: Any) -> Array:
        """The elements along the first axis in random order; see `Generator.permutation` of NumPy.

        Parameters
        ----------
        x
            An array, or an int for ``arange(x)``.

        Examples
        --------
        >>> import shoal.array as da
        >>> y = da.random.default_rng(5).permutation(da.arange(6, chunks=2))
        >>> sorted(y.compute().tolist())
        [0, 1, 2, 3, 4, 5]
        """
        return _permuted(x, self._stream())


class RandomState:
    """A generator of random numbers as NumPy had it before 2019; see `numpy.random.RandomState`.

    Parameters
    ----------
    seed
        An int, or several; None for one from the system.
    RandomState
        The class of which the blocks' generators are.

    Examples
    --------
    >>> import shoal.array as da
    >>> da.random.RandomState(5).randint(0, 3, size=4, chunks=2).shape
    (4,)
    """

    def __init__(self, seed: Any = None, RandomState: Any = None) -> None:
        self._kind = np.random.RandomState if RandomState is None else RandomState
        self.seed(seed)

    def seed(self, seed: Any = None) -> None:
        """Begin anew.

        Parameters
        ----------
        seed
            An int, or several; None for one from the system.

        Examples
        --------
        >>> import shoal.array as da
        >>> state = da.random.RandomState()
        >>> state.seed(5)
        """
        self._seed = np.random.SeedSequence(seed)
        self._calls = itertools.count()

    def _stream(self) -> Stream:
        key = (next(self._calls),)
        return Stream(self._kind, np.random.MT19937, self._seed.entropy, key, 4)

    def _draw(self, method: str, args: Any, kwargs: Any, size: Any, chunks: Any) -> Array:
        return draw(self._stream(), method, args, kwargs, size, chunks)

    def choice(
        self, a: Any, size: Any = None, replace: bool = True, p: Any = None, chunks: Any = "auto"
    ) -> Array:
        """Elements chosen at random; see `numpy.random.RandomState.choice`.

        Parameters
        ----------
        a, size, replace, p, chunks
            As `Generator.choice` takes them.

        Examples
        --------
        >>> import shoal.array as da
        >>> da.random.RandomState(5).choice([7], size=3, chunks=2).compute()
        array([7, 7, 7])
        """
        return draw_choice(self._stream(), a, size, replace, p, {}, chunks)

    def permutation(self, x: Any) -> Array:
        """The elements along the first axis in random order; see `Generator.permutation`.

        Parameters
        ----------
        x
            An array, or an int for ``arange(x)``.

        Examples
        --------
        >>> import shoal.array as da
        >>> da.random.RandomState(5).permutation(6).shape
        (6,)
        """
        return _permuted(x, self._stream())


def _permuted(x: Any, stream: Stream) -> Array:
    if isinstance(x, int | np.integer):
        x = arange(int(x), chunks="auto")
    return getitem(x, stream.of_block(0).permutation(len(x)))


for _name, _made in methods(NEW, np.random.Generator).items():
    setattr(Generator, _name, _made)
for _name, _made in methods(OLD, np.random.RandomState).items():
    setattr(RandomState, _name, _made)


def default_rng(seed: Any = None) -> Generator:
    """A generator of random numbers; see `numpy.random.default_rng`.

    Parameters
    ----------
    seed
        An int, several, a `numpy.random.SeedSequence`, a bit generator, a generator of NumPy's or
        of shoal's; None for one from the system.

    Examples
    --------
    >>> default_rng(5).random(3, chunks=2).shape
    (3,)
    """
    if isinstance(seed, Generator):
        return seed
    if isinstance(seed, np.random.Generator):
        return Generator(seed.bit_generator)
    if isinstance(seed, np.random.BitGenerator | type):
        return Generator(seed)
    return Generator(np.random.PCG64(seed))
