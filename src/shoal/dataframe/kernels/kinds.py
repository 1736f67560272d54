"""Statistics of a frame by kind of column: those of one dtype are one state.

pandas computes a statistic for the columns of each dtype, and only then puts the numbers beside
each other in one series, which may have to be of floats.  Were this done for every partition, whole
numbers beyond 2**53 would lose digits before they are added up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import pandas as pd

__all__ = ["ByColumn", "ByKind", "by_kind", "numeric_places", "places_by_kind"]

Function: TypeAlias = Callable[..., Any]


class ByKind(NamedTuple):
    """A state for the columns of each kind.

    Parameters
    ----------
    labels
        Of all columns of the frame.
    places
        Which columns each state is of.
    states
        As many.

    Examples
    --------
    >>> ByKind(pd.Index(["x", "y"]), ((0,), (1,)), [3, 4.0]).states
    [3, 4.0]
    """

    labels: pd.Index
    places: tuple[tuple[int, ...], ...]
    states: list[Any]


class ByColumn(NamedTuple):
    """A state for each column; a bare tuple may be a value.

    Parameters
    ----------
    labels
        Of the columns; None for those of a series.
    values
        The states.

    Examples
    --------
    >>> ByColumn(pd.Index(["x"]), [3]).values
    [3]
    """

    labels: pd.Index | None
    values: list[Any]


def places_by_kind(frame: pd.DataFrame) -> tuple[tuple[int, ...], ...]:
    """The columns of each dtype.

    Parameters
    ----------
    frame
        Any.

    Examples
    --------
    >>> places_by_kind(pd.DataFrame({"a": [1], "b": [0.5], "c": [2]}))
    ((0, 2), (1,))
    """
    found: dict[Any, list[int]] = {}
    for place, dtype in enumerate(frame.dtypes):
        found.setdefault(dtype, []).append(place)
    return tuple(map(tuple, found.values()))


def by_kind(partial: Function, combine: Function, final: Function) -> tuple[Function, ...]:
    """The three functions of a reduction, for frames of which each kind is reduced by itself.

    Parameters
    ----------
    partial, combine, final
        Those for series, and for frames all of whose columns have one dtype.

    Examples
    --------
    >>> frame = pd.DataFrame({"x": [2**60 + 1], "y": [0.5]})
    >>> first, _, last = by_kind(pd.DataFrame.sum, max, lambda state: state)
    >>> first(frame).states[0].tolist(), last(first(frame)).tolist()
    ([1152921504606846977], [1.152921504606847e+18, 0.5])
    """

    def partial_of(item: Any, **options: Any) -> Any:
        if not isinstance(item, pd.DataFrame) or not item.shape[1]:
            return partial(item, **options)
        if options.get("numeric_only"):
            item = item.iloc[:, numeric_places(item)]
        places = places_by_kind(item)
        states = [partial(item.iloc[:, list(some)], **options) for some in places]
        return ByKind(item.columns, places, states)

    def combined(values: Sequence[Any], **options: Any) -> Any:
        if not isinstance(values[0], ByKind):
            return combine(values, **options)
        values = _alike(values)
        states = zip(*[value.states for value in values], strict=True)
        return values[0]._replace(states=[combine(some, **options) for some in states])

    def final_of(value: Any, **options: Any) -> Any:
        if not isinstance(value, ByKind):
            return final(value, **options)
        found = [final(state, **options) for state in value.states]
        if len(found) == 1:
            return found[0]
        # A row of a frame has the dtype that pandas finds for numbers of all its columns.
        rows = [
            pd.DataFrame({place: one.iloc[i : i + 1].array for i, place in enumerate(places)})
            for places, one in zip(value.places, found, strict=True)
        ]
        row = pd.concat(rows, axis=1) if rows else pd.DataFrame(index=range(1))
        row = row.sort_index(axis=1)
        return row.iloc[0].set_axis(value.labels.take(row.columns)).rename(None)

    return partial_of, combined, final_of


def numeric_places(frame: pd.DataFrame) -> list[int]:
    """The columns that pandas takes for numbers.

    Parameters
    ----------
    frame
        Any.

    Examples
    --------
    >>> numeric_places(pd.DataFrame({"a": [1], "b": ["x"], "c": [True]}))
    [0, 2]
    """
    numbered = frame.iloc[:0].set_axis(range(frame.shape[1]), axis=1)
    return list(numbered.count(numeric_only=True).index)


def _alike(values: Sequence[ByKind]) -> Sequence[ByKind]:
    """The states of several partitions, whose columns need not have the same dtypes in each."""
    if all(value.places == values[0].places for value in values):
        return values
    where = [
        {place: (k, i) for k, some in enumerate(value.places) for i, place in enumerate(some)}
        for value in values
    ]
    common = [place for place in range(len(values[0].labels)) if all(place in of for of in where)]
    groups: dict[Any, list[int]] = {}
    for place in common:
        groups.setdefault(tuple([of[place][0] for of in where]), []).append(place)
    places = tuple(map(tuple, groups.values()))
    return [
        value._replace(
            places=places,
            states=[
                _taken(value.states[of[some[0]][0]], [of[place][1] for place in some])
                for some in places
            ],
        )
        for value, of in zip(values, where, strict=True)
    ]


def _taken(state: Any, places: list[int]) -> Any:
    """A state of some of its columns."""
    if isinstance(state, pd.Series):
        return state.iloc[places]
    if isinstance(state, ByColumn) and state.labels is not None:
        values = [state.values[place] for place in places]
        return ByColumn(state.labels.take(places), values)
    return tuple([_taken(one, places) for one in state]) if type(state) is tuple else state
