"""Inner joins are done in the order in which the fewest rows are made and moved.

Joins above each other become tables and classes of equal columns.  Of up to `MOST` tables the best
order of each subset is found from those of smaller ones, bushy trees included (DPsub in Moerkotte
and Neumann 2006).  The cost of a join is the rows it makes and those it has to move; how many they
are is guessed from footers.  Guesses are rough, so another order must promise to be clearly better
(`BETTER`), and where one table has no guess all stays as it was written.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from shoal.dataframe.nodes.base import FrameNode, columns_of
from shoal.dataframe.nodes.cardinality import Guesses, joined_rows
from shoal.dataframe.nodes.moves import Join
from shoal.dataframe.nodes.open import limit_bytes
from shoal.dataframe.nodes.rowwise import Project
from shoal.dataframe.nodes.sizes import most_bytes
from shoal.dataframe.rules.give_to_all import is_worth_giving
from shoal.dataframe.rules.walk import sources_first
from shoal.expr.node import Node
from shoal.expr.rewrite import count_uses

__all__ = ["order_joins"]

MOST = 8
"""Of so many tables all orders are looked at; of more, the order is kept."""

BETTER = 0.7
"""Another order is taken if it costs less than this share of what the given one does."""


def order_joins(roots: Sequence[Node]) -> list[Node]:
    """Reorder trees of inner joins, stars and chains alike, by what footers say of the tables.

    All orders of up to eight tables are looked at, also bushy ones, smaller sets of tables first
    (dynamic programming over sets).  An order costs the rows that its joins make, and those that
    have to be moved for them: none for a table that is given to all partitions.  Only
    joins whose rows move anyway are reordered, since these keep no order of rows, and only where
    all columns have names and dtypes of their own, so that nobody sees it.

    Parameters
    ----------
    roots
        Expressions.  Before: ``(orders join lines) join filtered customers``.

    Returns
    -------
    list of nodes
        After: ``(orders join filtered customers) join lines``, with the columns in their order.

    Examples
    --------
    >>> import pandas as pd
    >>> from shoal.dataframe import from_pandas
    >>> large, other = (
    ...     from_pandas(pd.DataFrame({"k": range(99), v: range(99)}), 2) for v in ("a", "b")
    ... )
    >>> few = from_pandas(pd.DataFrame({"a": range(99), "c": range(99)}), 1)
    >>> joined = large.merge(other, on="k").merge(few[few.c > 95], on="a")
    >>> (new,) = order_joins([joined.expr])
    >>> new.source.label(), new.source.left.label()
    ("Join(inner, ['k'], ['k'])", "Join(inner, ['a'], ['a'])")
    """
    order = sources_first(roots)
    if sum(isinstance(node, Join) for node in order) < 2:
        return list(roots)
    uses = count_uses(roots)
    guesses = Guesses()
    new: dict[str, Any] = {}
    inside: set[str] = set()
    for node in reversed(order):
        if isinstance(node, Join) and node.name not in inside:
            tree = _Tree.of(node, uses)
            if tree is not None:
                inside |= tree.inner
                found = tree.reordered(guesses)
                if found is not None:
                    new[node.name] = found
    if not new:
        return list(roots)
    done: dict[str, Any] = {}
    for node in order:
        changed = new.get(node.name, node)
        done[node.name] = _rebuilt(changed, done, new)
    return [done[root.name] for root in roots]


order_joins.whole = True  # type: ignore[attr-defined]


def _rebuilt(node: Any, done: Mapping[str, Any], new: Mapping[str, Any]) -> Any:
    """A node on the new versions of what it reads, where there are any."""
    if not new:
        return node
    return node.map_sources(
        lambda s: done[s.name] if getattr(s, "name", "") in done else _rebuilt(s, done, new)
    )


Attribute = tuple[int, Any]
"""Number of a table, and the name of a column of it."""


class Part(NamedTuple):
    """Some of the tables, joined.

    Parameters
    ----------
    cost
        Of the joins in it.
    rows
        How many it has.
    npartitions
        How many partitions.
    size_bytes
        How large it is at most; None where that is not known.
    keys
        The classes of keys by which its rows are spread.
    tree
        Pairs of pairs; a table is its number.
    """

    cost: float
    rows: float
    npartitions: int
    size_bytes: float | None
    keys: frozenset[int]
    tree: Any


@dataclasses.dataclass
class _Tree:
    """Inner joins above each other: their tables, and which columns are equal."""

    root: Join
    tables: list[Any]
    given: Any
    inner: set[str]
    equal: list[set[Attribute]]

    @classmethod
    def of(cls, root: Join, uses: Mapping[str, int]) -> _Tree | None:
        """The tree below a join; None where it is none that may be reordered."""
        self = cls(root, [], None, set(), [])
        self.given = self._walk(root, uses, top=True)
        fits = 3 <= len(self.tables) <= MOST and self._has_plain_names()
        moved = any(not one.direct for one in self._joins(root))
        return self if fits and moved and not root.known_divisions else None

    def _walk(self, node: Any, uses: Mapping[str, int], top: bool = False) -> Any:
        below = node.source if type(node) is Project and _is_plain(node.source) else node
        single = top or all(uses.get(one.name, 0) <= 1 for one in {node, below})
        if not (_is_plain(below) and single and (top or below.count is None)):
            self.tables.append(node)
            return len(self.tables) - 1
        self.inner |= {node.name, below.name}
        left = self._walk(below.left, uses)
        right = self._walk(below.right, uses)
        for a, b in zip(below.left_on, below.right_on, strict=True):
            self._unite(self._owner(left, a), self._owner(right, b))
        return (left, right)

    def _joins(self, node: Any) -> Iterator[Join]:
        if isinstance(node, Join) and node.name in self.inner:
            yield node
            for side in (node.left, node.right):
                yield from self._joins(side.source if type(side) is Project else side)

    def _owner(self, tree: Any, name: Any) -> Attribute:
        return next((one, name) for one in _leaves(tree) if name in columns_of(self.tables[one]))

    def _unite(self, a: Attribute, b: Attribute) -> None:
        some = [one for one in self.equal if a in one or b in one]
        self.equal = [one for one in self.equal if one not in some]
        self.equal.append({a, b}.union(*some))

    def _has_plain_names(self) -> bool:
        """Whether columns of one name are equal keys, and equal keys of one plain dtype."""
        owners: dict[Any, set[Attribute]] = {}
        for number, table in enumerate(self.tables):
            names = columns_of(table)
            if len(set(names)) < len(names):
                return False
            for name in names:
                owners.setdefault(name, set()).add((number, name))
        for attributes in owners.values():
            if len(attributes) > 1 and not any(attributes <= one for one in self.equal):
                return False
        for one in self.equal:
            dtypes = {self.tables[number].dtypes[name] for number, name in one}
            if len(dtypes) > 1 or next(iter(dtypes)).kind not in "iumMOT":
                return False
            if any(isinstance(dtype, pd.CategoricalDtype) for dtype in dtypes):
                return False
        return True

    # ---------------------------------------------------------------------------- orders

    def reordered(self, guesses: Guesses) -> FrameNode | None:
        """The same in a better order; None where there is none."""
        rows = [guesses.rows(table) for table in self.tables]
        if None in rows:
            return None
        leaves = tuple(
            [
                Part(0.0, float(count or 1), one.npartitions, most_bytes(one), frozenset(), number)
                for number, (count, one) in enumerate(zip(rows, self.tables, strict=True))
            ]
        )
        values = tuple(
            [
                tuple(
                    [
                        (number, guesses.distinct(self.tables[number], name))
                        for number, name in sorted_names(one)
                    ]
                )
                for one in self.equal
            ]
        )
        tree = better_order(self.given, leaves, values, limit_bytes("broadcast-limit"))
        return None if tree is None else self._built(tree)

    # -------------------------------------------------------------------------- expressions

    def _built(self, tree: Any) -> FrameNode | None:
        """The joins of an order, with the root's columns."""
        root = self.root
        built = self._expression(tree)
        if not built.direct:
            built = built.replace(count=root.npartitions)
        names = columns_of(root)
        if built.npartitions != root.npartitions or not set(names) <= set(columns_of(built)):
            return None
        alike = all(built.dtypes[name] == dtype for name, dtype in root.dtypes.items())
        return Project(built, names) if alike else None

    def _expression(self, tree: Any) -> Any:
        if type(tree) is int:
            return self.tables[tree]
        left, right = (self._expression(side) for side in tree)
        pairs = list(self._keys(*tree))
        on = [tuple(some) for some in zip(*pairs, strict=True)]
        return self.root.replace(left=left, right=right, left_on=on[0], right_on=on[1], count=None)

    def _keys(self, left: Any, right: Any) -> Iterator[tuple[Any, Any]]:
        """Names that are equal: all that both sides share; of others, the first pair."""
        here, there = set(_leaves(left)), set(_leaves(right))
        for one in self.equal:
            ours = dict.fromkeys(name for number, name in sorted_names(one) if number in here)
            theirs = dict.fromkeys(name for number, name in sorted_names(one) if number in there)
            shared = [name for name in ours if name in theirs]
            if shared:
                yield from ((name, name) for name in shared)
            elif ours and theirs:
                yield next(iter(ours)), next(iter(theirs))


@functools.lru_cache(maxsize=256)
def better_order(given: Any, leaves: tuple[Part, ...], values: Any, limit: float) -> Any:
    """The cheapest order, if it is clearly better than the given one; else None.

    Kept: each pass over an expression asks again, and so does who computes it again.

    Parameters
    ----------
    given
        Pairs of pairs of numbers of tables.
    leaves
        The tables.
    values
        For each class of keys pairs: a table, and how many values it has of it.
    limit
        How many bytes are few enough to be given to all partitions of another table.

    Examples
    --------
    >>> large, other = (Part(0.0, 99.0, 2, None, frozenset(), i) for i in range(2))
    >>> few = Part(0.0, 5.0, 1, None, frozenset(), 2)
    >>> keys = ((0, 99), (1, 99)), ((0, 99), (2, 99))
    >>> better_order(((0, 1), 2), (large, other, few), keys, 0)
    ((0, 2), 1)
    """
    search = _Search(tuple([dict(one) for one in values]), limit)
    best = search.best(leaves)
    cost = search.costed(given, leaves).cost
    return None if best is None or best.cost >= BETTER * cost else best.tree


@dataclasses.dataclass(frozen=True)
class _Search:
    """Costs of orders; see `better_order` for what it knows."""

    values: tuple[Mapping[int, float], ...]
    limit: float

    def costed(self, tree: Any, leaves: Sequence[Part]) -> Part:
        if type(tree) is int:
            return leaves[tree]
        one, two = (self.costed(side, leaves) for side in tree)
        found = self.joined(one, two)
        return found if found is not None else Part(math.inf, 1, 1, None, frozenset(), tree)

    def best(self, leaves: Sequence[Part]) -> Part | None:
        """The cheapest order, from sets of two tables to that of all."""
        best: dict[int, Part] = {1 << i: leaf for i, leaf in enumerate(leaves)}
        everything = (1 << len(leaves)) - 1
        for chosen in sorted(range(1, everything + 1), key=int.bit_count):
            some = (chosen - 1) & chosen
            while some:
                other = chosen ^ some
                if some > other and some in best and other in best:
                    found = self.joined(best[some], best[other])
                    if found is not None and (chosen not in best or found.cost < best[chosen].cost):
                        best[chosen] = found
                some = (some - 1) & chosen
        return best.get(everything)

    def joined(self, one: Part, two: Part) -> Part | None:
        """Two parts joined on all that they have to be equal in; None: on nothing."""
        here, there = set(_leaves(one.tree)), set(_leaves(two.tree))
        if min(here) > min(there):
            # Rows stand in the order of the first table, as far as they do at all.
            one, two, here, there = two, one, there, here
        pairs, keys = [], []
        for number, known in enumerate(self.values):
            left = [known[i] for i in here if i in known]
            right = [known[i] for i in there if i in known]
            if left and right:
                keys.append(number)
                pairs.append((min(*left, one.rows), min(*right, two.rows)))
        if not keys:
            return None
        rows = joined_rows(one.rows, two.rows, pairs)
        spread = frozenset(keys)
        moved, count = 0.0, max(one.npartitions, two.npartitions)
        few, many = (one, two) if one.npartitions < two.npartitions else (two, one)
        if few.npartitions == 1 or self._is_given(few, many, spread):
            spread = many.keys
        else:
            moved = sum(part.rows for part in (one, two) if part.keys != spread)
        cost = one.cost + two.cost + rows + moved
        return Part(cost, rows, count, None, spread, (one.tree, two.tree))

    def _is_given(self, few: Part, many: Part, spread: frozenset[int]) -> bool:
        """Whether a part will be given to all partitions of another one, whose rows then stay."""
        sizes = few.size_bytes, few.npartitions, many.size_bytes, many.npartitions
        return many.keys != spread and is_worth_giving(*sizes, self.limit)


def sorted_names(attributes: set[Attribute]) -> list[Attribute]:
    """Attributes in an order that does not change from run to run."""
    return sorted(attributes, key=lambda one: (one[0], str(one[1])))


def _leaves(tree: Any) -> Iterator[int]:
    if type(tree) is int:
        yield tree
    else:
        for side in tree:
            yield from _leaves(side)


def _is_plain(node: Any) -> bool:
    """Whether a node is an inner join on columns, which adds nothing and renames no column."""
    if not isinstance(node, Join) or node.how != "inner" or node.indicator:
        return False
    if None in (node.left_on, node.right_on) or node.broadcast is not None or node.by_divisions:
        return False
    left, right = set(columns_of(node.left)), set(columns_of(node.right))
    shared = {a for a, b in zip(node.left_on, node.right_on, strict=True) if a == b}
    return left & right == shared and set(node.left_on) <= left and set(node.right_on) <= right
