"""Keys of tasks and their rows.

A layer of a million blocks has one name and a shape; the keys of its blocks are made when a message
to a person needs them.  What a layer keeps is a row for each flat index: an array, or a dict where
only few blocks of a large grid are there.  All other keys stand in one dict.
"""

from __future__ import annotations

from array import array
from collections import Counter, deque
from collections.abc import Sequence
from itertools import compress
from math import prod
from operator import not_
from typing import Any

from shoal.distributed.core.scheduler.table import Table, picker, put
from shoal.distributed.core.streaming import unpacked
from shoal.distributed.protocol import Grid, Key, Stands, block_key

__all__ = [
    "Layer",
    "Names",
    "are_new",
    "find",
    "forget_name",
    "key_of",
    "keys_of",
    "name_grid",
    "name_keys",
    "put_names",
    "spelled",
]


class Layer:
    """The blocks of one name.

    Parameters
    ----------
    name, shape
        Block ``(i, j)`` has the key ``(name, i, j)``.
    rows
        For each flat index the row, or -1; an array or a dict.

    Examples
    --------
    >>> Layer("x", (2, 3), {}).key(4)
    ('x', 1, 1)
    """

    __slots__ = ("alive", "name", "rows", "shape", "wide")

    def __init__(self, name: str, shape: tuple[int, ...], rows: Any) -> None:
        self.name = name
        self.shape = shape
        self.rows = rows
        self.wide = shape[1] if len(shape) == 2 else 0
        """The length of a line of blocks where there are two dimensions, as there mostly are."""
        self.alive = 0

    def key(self, flat: int) -> Key:
        """The key of a block."""
        return block_key(self.name, self.shape, flat)

    def flat(self, index: Sequence[Any]) -> int:
        """The flat index of a block; -1 if there is no such block."""
        if len(index) != len(self.shape):
            return -1
        flat = 0
        for place, size in zip(index, self.shape):
            if type(place) is not int or not 0 <= place < size:
                return -1
            flat = flat * size + place
        return flat

    def row(self, flat: int) -> Any:
        """The row of a block, or -1."""
        rows = self.rows
        return rows.get(flat, -1) if type(rows) is dict else rows[flat]


class Names:
    """All keys that have rows.

    Examples
    --------
    >>> find(Names(), "x")
    -1
    """

    __slots__ = ("layers", "rows", "tuples")

    def __init__(self) -> None:
        self.rows: dict[Key, int] = {}
        self.layers: dict[str, Layer] = {}
        self.tuples: dict[Any, int] = {}
        """How many keys in `rows` are tuples that begin with this name."""


def find(names: Names, key: Key) -> int:
    """The row of a key, or -1.

    Parameters
    ----------
    names
        Where to look.
    key
        What for.

    Examples
    --------
    >>> table, names = Table(), Names()
    >>> _ = name_keys(names, table, ["a", "b"]), name_grid(names, table, Grid("x", (2, 2)))
    >>> find(names, "b"), find(names, ("x", 1, 0)), find(names, ("x", 2, 0))
    (1, 4, -1)
    """
    row = names.rows.get(key, -1)
    if row < 0 and type(key) is tuple and key:
        layer = names.layers.get(key[0])  # type: ignore[arg-type]
        if layer is not None:
            flat = layer.flat(key[1:])
            return -1 if flat < 0 else layer.row(flat)
    return row


def key_of(table: Table, row: int) -> Key:
    """The key of a row.

    Parameters
    ----------
    table
        The table.
    row
        One of its rows.

    Examples
    --------
    >>> table = Table()
    >>> _ = name_grid(Names(), table, Grid("x", (2, 2), [3]))
    >>> key_of(table, 0)
    ('x', 1, 1)
    """
    name = table.names[row]
    return name.key(table.flats[row]) if type(name) is Layer else name


def keys_of(table: Table, rows: Sequence[int]) -> list[Key]:
    """The keys of several rows: those of one layer are made together.

    Parameters
    ----------
    table
        The table.
    rows
        Some of its rows, at least one.

    Examples
    --------
    >>> table = Table()
    >>> _ = name_grid(Names(), table, Grid("x", (2, 2)))
    >>> keys_of(table, [0, 3])
    [('x', 0, 0), ('x', 1, 1)]
    """
    if len(rows) == 1:
        return [key_of(table, rows[0])]
    of = picker(rows)
    return spelled(of(table.names), of(table.flats))


def spelled(names: Sequence[Any], flats: Sequence[int]) -> list[Key]:
    """The keys of rows by what these columns have of them, which may be gone from there.

    Parameters
    ----------
    names, flats
        Of some rows, at least one.

    Examples
    --------
    >>> spelled(["a", Layer("x", (2, 2), {})], [0, 3])
    ['a', ('x', 1, 1)]
    """
    layer = names[0]
    types = set(map(type, names))
    if Layer not in types:
        return list(names)
    named = zip(names, flats)
    if len(types) == 1 and layer.wide and {one.wide for one in set(names)} == {layer.wide}:
        wide = layer.wide
        return [(one.name, flat // wide, flat % wide) for one, flat in named]
    return [
        name
        if type(name) is not Layer
        else (name.name, flat // wide, flat % wide)
        if (wide := name.wide)
        else name.key(flat)
        for name, flat in named
    ]


def name_keys(names: Names, table: Table, keys: list[Key]) -> tuple[Sequence[int], Sequence[int]]:
    """Rows for keys.

    Parameters
    ----------
    names, table
        Where they are entered.
    keys
        Some may be known already.

    Returns
    -------
    tuple
        All the rows, and those of them that are new.

    Examples
    --------
    >>> table, names = Table(), Names()
    >>> name_keys(names, table, ["a", "b"])
    (range(0, 2), range(0, 2))
    >>> name_keys(names, table, ["b", "c"])
    ([1, 2], [2])
    """
    known = names.rows
    if len(keys) == 1:
        row = find(names, keys[0])
        if row >= 0:
            return (row,), ()
        rows: Sequence[int] = table.allocate(1)
    elif names.layers or not known.keys().isdisjoint(keys) or len(set(keys)) < len(keys):
        return _name_each(names, table, keys)
    else:
        rows = table.allocate(len(keys))
    known.update(zip(keys, rows))
    if type(rows) is range:
        table.names[rows.start : rows.stop] = keys
    else:
        for row, key in zip(rows, keys):
            table.names[row] = key
    _count_tuples(names, keys)
    return rows, rows


def _name_each(names: Names, table: Table, keys: list[Key]) -> tuple[Sequence[int], Sequence[int]]:
    rows, fresh = [], []
    for key in keys:
        row = find(names, key)
        if row < 0:
            row = table.allocate(1)[0]
            names.rows[key] = row
            table.names[row] = key
            _count_tuples(names, (key,))
            fresh.append(row)
        rows.append(row)
    return rows, fresh


def _count_tuples(names: Names, keys: Sequence[Key]) -> None:
    for key in keys if tuple in set(map(type, keys)) else ():
        if type(key) is tuple and key:
            names.tuples[key[0]] = names.tuples.get(key[0], 0) + 1


def name_grid(names: Names, table: Table, grid: Grid) -> tuple[Sequence[int], Sequence[int]]:
    """Rows for the blocks of a layer.

    Parameters
    ----------
    names, table
        Where they are entered.
    grid
        The blocks.

    Returns
    -------
    tuple
        All the rows, and those of them that are new.

    Examples
    --------
    >>> table, names = Table(), Names()
    >>> name_grid(names, table, Grid("x", (2, 2), [0, 3]))
    (range(0, 2), range(0, 2))
    >>> name_grid(names, table, Grid("x", (2, 2)))
    ([0, 2, 3, 1], range(2, 4))
    """
    size = 1
    for extent in grid.shape:
        size *= extent
    flats: Sequence[int] = range(size) if grid.flats is None else grid.flats
    layer = names.layers.get(grid.name)
    clash = layer is not None and layer.shape != tuple(grid.shape)
    if clash or not grid.shape or grid.name in names.tuples:
        # The same keys have been named one by one, or would have to be.
        shape = Layer(grid.name, tuple(grid.shape), {})
        keys: list[Key] = [shape.key(flat) for flat in flats] if grid.shape else [grid.name]
        return name_keys(names, table, keys)
    if layer is None:
        rows: Any = array("i", [-1]) * size if size <= 4 * len(flats) else {}
        layer = names.layers[grid.name] = Layer(grid.name, tuple(grid.shape), rows)
    return _enter_blocks(table, layer, flats)


def _enter_blocks(
    table: Table, layer: Layer, flats: Sequence[int]
) -> tuple[Sequence[int], Sequence[int]]:
    lookup = layer.rows
    if not layer.alive and (type(flats) is range or len(set(flats)) == len(flats)):
        fresh = table.allocate(len(flats))
        layer.alive = len(flats)
        missing, rows = flats, fresh
    else:
        known = [layer.row(flat) for flat in flats]
        missing = list(dict.fromkeys(flat for flat, row in zip(flats, known) if row < 0))
        fresh = table.allocate(len(missing)) if missing else ()
        layer.alive += len(missing)
        rows = known
    if type(missing) is range and type(lookup) is array:
        layer.rows = array("i", fresh)
    else:
        for row, flat in zip(fresh, missing):
            lookup[flat] = row
    if type(fresh) is range:
        table.names[fresh.start : fresh.stop] = [layer] * len(fresh)
        table.flats[fresh.start : fresh.stop] = array("q", missing)
    else:
        for row, flat in zip(fresh, missing):
            table.names[row] = layer
            table.flats[row] = flat
    return (rows if rows is fresh else [layer.row(flat) for flat in flats]), fresh


def are_new(names: Names, pieces: Sequence[Any]) -> bool:
    """Whether keys of a message are seen to be all new, and each to be named once.

    Parameters
    ----------
    names
        Where they are to be entered.
    pieces
        As in `Submit`.

    Examples
    --------
    >>> (
    ...     are_new(Names(), [Grid("x", (2, 2))]),
    ...     are_new(Names(), [Grid("x", (2,)), Grid("x", (2,))]),
    ... )
    (True, False)
    """
    grids = [piece for piece in pieces if type(piece) is Grid]
    for grid in grids:
        if not grid.shape or grid.name in names.layers or grid.name in names.tuples:
            return False
        if grid.flats is not None and len(set(grid.flats)) < len(grid.flats):
            return False
    keys = [key for piece in pieces if type(piece) is not Grid for key in piece.keys]
    return (
        len({grid.name for grid in grids}) == len(grids)
        and names.rows.keys().isdisjoint(keys)
        and len(set(keys)) == len(keys)
        and not ((grids or names.layers) and tuple in set(map(type, keys)))
    )


def put_names(
    names: Names,
    table: Table,
    pieces: Sequence[Any],
    rows: Sequence[int],
    stands: Stands | None = None,
) -> None:
    """Enter keys that are all new (`are_new`), for rows that have been chosen.

    Parameters
    ----------
    names, table
        Where they are entered.
    pieces, stands
        As in `Submit`.
    rows
        Of each task.

    Examples
    --------
    >>> table, names = Table(), Names()
    >>> put_names(names, table, [Grid("x", (2,))], table.allocate(2))
    >>> keys_of(table, [0, 1]), find(names, ("x", 0))
    ([('x', 0), ('x', 1)], 0)
    """
    mine = rows if stands is None else rows_of_names(rows, unpacked("i", stands.at))
    titles: list[Any] = []
    first = 0
    for piece in pieces:
        if type(piece) is not Grid:
            here = mine[first : first + len(piece.keys)]
            names.rows.update(zip(piece.keys, here))
            _count_tuples(names, piece.keys)
            put(table.names, here, piece.keys)
            titles.append(None)
        else:
            flats = range(prod(piece.shape)) if piece.flats is None else piece.flats
            here = mine[first : first + len(flats)]
            titles.append(_enter_layer(names, piece, flats, here))
            if stands is None:
                put(table.names, here, titles[-1:] * len(flats))
                put(table.flats, here, array("q", flats))
        first += len(here)
    if stands is None:
        return
    put(table.flats, rows, unpacked("q", stands.flat))
    pieces_of = unpacked("i", stands.piece)
    if None not in titles:
        put(table.names, rows, [*map(titles.__getitem__, pieces_of)])
        return
    for row, at in zip(rows, pieces_of):
        if titles[at] is not None:
            table.names[row] = titles[at]


def rows_of_names(rows: Sequence[int], at: array[int]) -> Sequence[int]:
    """The rows of names, by the tasks that these are of."""
    if type(rows) is range and not rows.start:
        return at
    return array("i", map(rows.__getitem__, at))


def _enter_layer(names: Names, grid: Grid, flats: Sequence[int], rows: Sequence[int]) -> Layer:
    layer = names.layers[grid.name] = Layer(grid.name, tuple(grid.shape), None)
    layer.alive = len(flats)
    if grid.flats is None:
        layer.rows = array("i", rows)
        return layer
    size = prod(grid.shape)
    layer.rows = array("i", [-1]) * size if size <= 4 * len(flats) else {}
    for flat, row in zip(flats, rows):
        layer.rows[flat] = row
    return layer


def forget_names(names: Names, table: Table, rows: Sequence[int]) -> None:
    """The keys of rows are free to be used again; a layer that goes as a whole goes at once.

    Parameters
    ----------
    names, table
        Where they are entered.
    rows
        At least one.

    Examples
    --------
    >>> table, names = Table(), Names()
    >>> _ = name_grid(names, table, Grid("x", (2, 2)))
    >>> forget_names(names, table, [0, 1])
    >>> find(names, ("x", 1, 1)), find(names, ("x", 0, 1)), names.layers["x"].alive
    (3, -1, 2)
    >>> forget_names(names, table, [2, 3])
    >>> names.layers
    {}
    """
    known = names.rows
    mine = picker(rows)(table.names)
    if len(rows) > 1 and set(map(type, mine)) == {str}:
        if len(known) == len(mine):
            known.clear()  # all that there are
        else:
            deque(map(known.__delitem__, mine), maxlen=0)
        return
    gone = set()
    left = len(rows)
    for layer, count in Counter(mine).items() if left > 1 else ():
        if type(layer) is Layer and layer.alive == count:
            del names.layers[layer.name]
            gone.add(layer)
            left -= count
    if not left:
        return
    for row in compress(rows, map(not_, map(gone.__contains__, mine))):
        forget_name(names, table, row)


def forget_name(names: Names, table: Table, row: int) -> None:
    """A row's key is free to be used again.

    Parameters
    ----------
    names, table
        Where it is entered.
    row
        The row.

    Examples
    --------
    >>> table, names = Table(), Names()
    >>> _ = name_keys(names, table, ["a"])
    >>> forget_name(names, table, 0)
    >>> find(names, "a")
    -1
    """
    name = table.names[row]
    if type(name) is Layer:
        if type(name.rows) is dict:
            del name.rows[table.flats[row]]
        else:
            name.rows[table.flats[row]] = -1
        name.alive -= 1
        if not name.alive:
            del names.layers[name.name]
        return
    del names.rows[name]
    if type(name) is tuple and name:
        left = names.tuples[name[0]] - 1
        if left:
            names.tuples[name[0]] = left
        else:
            del names.tuples[name[0]]
