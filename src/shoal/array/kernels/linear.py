"""Sums of linear combinations as combinations of sums, for those who accept rounding.

    sum(a * f + b * g)  =  a * sum(f) + b * sum(g)

On the right nothing but sums and inner products is made, which BLAS does as fast as it can read:
``((x - 1) * 2 + x**2).sum()`` is ``2 * sum(x) - 2 * n + dot(x, x)``, two passes in place of five
and no array in between.  Taken by `array.engine: numexpr` for sums of all elements in double
precision, where it saves passes.

Where terms cancel, the right side rounds more than the left: what is lost is in proportion to the
sum of the terms' absolute values, not of their sum's.  So every block is judged by its own numbers.
With ``A`` a bound of that sum (Cauchy and Schwarz: ``sum(abs(f)) <= sqrt(n) * norm(f)``, and
``sum(abs(f * g)) <= norm(f) * norm(g)``), ``u`` the rounding and `ROW` elements added up at once,
neither side is further than ``(ROW + steps) * u * A`` from the truth.  Where this is more than
`TOLERANCE` of the total, or anything is not finite, the block is computed as it is written.
A single term cannot cancel: its sum rounds as any sum does.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from shoal.array.kernels.buffered import Buffered
from shoal.array.kernels.totals import ROW
from shoal.array.program import Program, Step
from shoal.graph.task import Ref

__all__ = ["LinearSum"]

TOLERANCE = 1e-12
"""Of a sum that is put together from others, relative."""

NEARLY_ZERO = 1e-150
"""What is smaller may have vanished in a square."""

NEARLY_INFINITE = 1e200
"""Where a sum is larger, something may have overflowed on the way."""

Factors: TypeAlias = tuple[int, ...]
"""What a term is a product of, by place in the program: none, one or two values."""

Terms: TypeAlias = Mapping[Factors, tuple[float, float]]
"""For each product its coefficient, and the sum of the absolute values that this was put together
from: ``(x + 1e16) - 1e16`` is nearly ``x`` with a weight of ``2e16`` on the constant."""


class LinearSum:
    """The sum of all elements that a program makes, from sums of what goes into it.

    Parameters
    ----------
    program
        The program.
    terms
        What its last value is the sum of, for each element.
    inputs, limit_bytes
        As of `Buffered`.

    Examples
    --------
    >>> steps = (Step(np.subtract, (Ref(0), 1)), Step(np.square, (Ref(0),)))
    >>> program = Program(1, (*steps, Step(np.add, (Ref(1), Ref(2)))))
    >>> linear = LinearSum.of(program, [np.ones(5)], 1024)
    >>> linear.terms
    {(0,): (1.0, 1.0), (): (-1.0, 1.0), (0, 0): (1.0, 1.0)}
    >>> linear.total([[np.arange(3.0)], [np.array([4.0, 5.0])]])
    53.0
    >>> linear.close()
    """

    __slots__ = ("needed", "rounding", "run", "terms")

    def __init__(
        self, program: Program, terms: Terms, inputs: Sequence[Any], limit_bytes: int
    ) -> None:
        self.terms = terms
        self.needed = tuple(dict.fromkeys([*filter(None, terms), *_squares(terms)]))
        self.run = Buffered(_partial(program, self.needed), inputs, limit_bytes)
        self.rounding = (ROW + len(program.steps)) * np.finfo(float).eps / 2

    @classmethod
    def of(cls, program: Program, inputs: Sequence[Any], limit_bytes: int) -> LinearSum | None:
        """A program's sum, or None where it is not such a combination or nothing is saved.

        Parameters
        ----------
        program, inputs, limit_bytes
            As of the class.
        """
        terms = _terms(program) if _is_double(program, inputs) else None
        if terms is None:
            return None
        linear = cls(program, terms, inputs, limit_bytes)
        # Each step is a pass.  Here the last one costs nothing, and there the sum is one more.
        return linear if len(linear.run.steps) - 1 < len(program.steps) + 1 else None

    def total(self, tiles: Iterable[Sequence[Any]]) -> float | None:
        """The sum, or None where it might not be within `TOLERANCE`.

        Parameters
        ----------
        tiles
            Parts of the inputs, without gaps.
        """
        found: list[Any] = []
        count = 0
        with np.errstate(all="ignore"):
            for parts in tiles:
                found.append(self.run(parts))
                count += parts[0].size
                # Terms that cancel mostly do so everywhere.
                if len(found) == 1 and self._put_together(found, count) is None:
                    return None
        return self._put_together(found, count)

    def _put_together(self, found: Sequence[Any], count: int) -> float | None:
        values = np.add.reduce(found).tolist()
        if not all(abs(value) < NEARLY_INFINITE for value in values):
            return None
        sums = {**dict(zip(self.needed, values, strict=True)), (): float(count)}
        total = sum(c * sums[factors] for factors, (c, _) in self.terms.items())
        if len(self.terms) == 1:
            ((coefficient, weight),) = self.terms.values()
            is_exact = self.rounding * weight <= TOLERANCE * abs(coefficient)
            return total if is_exact and abs(total) > NEARLY_ZERO else None
        bound = sum(
            weight * (_most(factors, sums, count) + count * NEARLY_ZERO)
            for factors, (_, weight) in self.terms.items()
        )
        return total if self.rounding * bound <= TOLERANCE * abs(total) else None

    def forget(self) -> None:
        """As of `Buffered`."""
        self.run.forget()

    def close(self) -> None:
        """As of `Buffered`."""
        self.run.close()


def _most(factors: Factors, sums: Mapping[Factors, float], count: int) -> float:
    """A bound of the sum of a product's absolute values."""
    if not factors:
        return float(count)
    if len(factors) == 1:
        return math.sqrt(count) * math.sqrt(sums[factors * 2])
    return math.sqrt(sums[factors[:1] * 2]) * math.sqrt(sums[factors[1:] * 2])


def _squares(terms: Terms) -> Iterable[Factors]:
    """The squares whose sums say how large the terms are."""
    if len(terms) > 1:
        for factors in terms:
            for place in factors:
                yield (place, place)


def _is_double(program: Program, inputs: Sequence[Any]) -> bool:
    """Whether all values are plain arrays of double precision."""
    values = [part.reshape(-1)[:0] for part in inputs]
    for step in program.steps:
        args = [values[arg.position] if type(arg) is Ref else arg for arg in step.args]
        values.append(step.func(*args, **dict(step.kwargs)))
    return all(type(v) is np.ndarray and v.dtype == np.dtype(float) for v in values)


def _terms(program: Program) -> Terms | None:
    """What a program's last value is the sum of; None where that is itself."""
    values: list[Terms] = [{(place,): (1.0, 1.0)} for place in range(program.count)]
    for step in program.steps:
        values.append(_terms_of(step, values) or {(len(values),): (1.0, 1.0)})
    last = values[-1]
    return None if (len(values) - 1,) in last else last


def _terms_of(step: Step, values: Sequence[Terms]) -> Terms | None:
    """A step's result as a sum of terms, or None: a value of its own."""
    args = [terms for arg in step.args if (terms := _seen(arg, values)) is not None]
    if step.kwargs or len(args) < len(step.args):
        return None
    numbers = [None if type(arg) is Ref else float(arg) for arg in step.args]
    places = tuple(sorted([arg.position for arg in step.args if type(arg) is Ref]))
    match step.func, args, numbers:
        case np.add, [left, right], _:
            return _added(left, right, 1.0)
        case np.subtract, [left, right], _:
            return _added(left, right, -1.0)
        case np.negative, [one], _:
            return _added({}, one, -1.0)
        case np.multiply, [_, one], [float(number), _]:
            return _added({}, one, number)
        case np.multiply, [one, _], [_, float(number)]:
            return _added({}, one, number)
        case np.true_divide, [one, _], [None, float(number)] if number:
            return _added({}, one, 1.0 / number)
        case np.multiply, _, [None, None]:
            return {places: (1.0, 1.0)}
        case np.square, _, [None]:
            return {places * 2: (1.0, 1.0)}
    return None


def _seen(arg: Any, values: Sequence[Terms]) -> Terms | None:
    """An argument as terms."""
    if type(arg) is Ref:
        return values[arg.position]
    if isinstance(arg, (int, float)) and abs(arg) < 1e100:
        return {(): (float(arg), abs(float(arg)))}
    return None


def _added(left: Terms, right: Terms, scale: float) -> Terms:
    """``left + scale * right``."""
    out = dict(left)
    for factors, (coefficient, weight) in right.items():
        before = out.get(factors, (0.0, 0.0))
        out[factors] = before[0] + scale * coefficient, before[1] + abs(scale) * weight
    return out


def _partial(program: Program, needed: Sequence[Factors]) -> Program:
    """The steps that products are made of, and the sums of these as one array."""
    count = program.count
    wanted = {place for factors in needed for place in factors}
    for i in reversed(range(len(program.steps))):
        if count + i in wanted:
            wanted |= {arg.position for arg in program.steps[i].args if type(arg) is Ref}
    new: dict[int, Ref] = {place: Ref(place) for place in range(count)}
    steps: list[Step] = []
    for i, step in enumerate(program.steps):
        if count + i in wanted:
            args = [new[arg.position] if type(arg) is Ref else arg for arg in step.args]
            new[count + i] = Ref(count + len(steps))
            steps.append(Step(step.func, tuple(args), step.kwargs))
    first = count + len(steps)
    for factors in needed:
        func = sum_of if len(factors) == 1 else sum_of_products
        steps.append(Step(func, tuple([new[place] for place in factors])))
    sums = [Ref(first + i) for i in range(len(needed))]
    return Program(count, (*steps, Step(side_by_side, tuple(sums))))


def sum_of(x: Any) -> Any:
    """The sum of a tile, `ROW` elements at a time.

    Parameters
    ----------
    x
        Without gaps.

    Examples
    --------
    >>> sum_of(np.ones((2, 300)))
    np.float64(600.0)
    """
    row, whole = x.reshape(-1), x.size // ROW * ROW
    total = np.add.reduce(row[:whole].reshape(-1, ROW).dot(ONES))
    return total + np.add.reduce(row[whole:]) if whole < row.size else total


def sum_of_products(x: Any, y: Any) -> Any:
    """The inner product of two tiles, `ROW` elements at a time.

    Parameters
    ----------
    x, y
        Without gaps, of one shape.

    Examples
    --------
    >>> sum_of_products(np.full(600, 2.0), np.full(600, 3.0))
    np.float64(3600.0)
    """
    x, y = x.reshape(-1), y.reshape(-1)
    whole = x.size // ROW * ROW
    total = np.add.reduce(np.vecdot(x[:whole].reshape(-1, ROW), y[:whole].reshape(-1, ROW)))
    return total + x[whole:].dot(y[whole:]) if whole < x.size else total


def side_by_side(*sums: Any) -> Any:
    """Sums as one array.

    Parameters
    ----------
    sums
        Numbers.

    Examples
    --------
    >>> side_by_side(1.0, 2.0)
    array([1., 2.])
    """
    return np.array(sums)


ONES = np.ones(ROW)
