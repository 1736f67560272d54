"""`Bag`: many Python objects, in partitions.

A bag is a handle on an expression (`shoal.bag.nodes`).  Its methods make another expression and
compute nothing; the builtin or the function that does the work on a partition is named right
there, in a step.
"""

from __future__ import annotations

import html
import itertools
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Generic, TypeAlias, TypeVar

from shoal import config
from shoal.bag import kernels, reductions
from shoal.bag.arguments import Arguments, Partitioned, Single, whole_number
from shoal.bag.elementwise import bag_map, map_partitions, then, title_of
from shoal.bag.frames import make_dataframe
from shoal.bag.item import Item, to_delayed
from shoal.bag.nodes import Accumulate, BagNode, FromGraph, Product, Select, Stage, Tree
from shoal.bag.partitions import repartition_to_number, repartition_to_size
from shoal.bag.rules import RULES
from shoal.bag.shuffle import groupby
from shoal.bag.steps import Step, step
from shoal.bag.strings import StringAccessor
from shoal.bag.write import to_avro, to_textfiles
from shoal.collection import is_collection
from shoal.delayed import Delayed
from shoal.expr.annotate import current_annotations
from shoal.expr.node import Node
from shoal.graph.layers import Each
from shoal.graph.task import Ref, Template
from shoal.types import Key

__all__ = ["Bag"]

BagNode.rules = RULES

T_co = TypeVar("T_co", covariant=True)
U = TypeVar("U")

Text: TypeAlias = str
"""``str``, under a name that the methods of `Bag` do not hide."""

MISSING: Any = object()
"""Stands for an argument that was not given, where None is a value."""

TOKEN = re.compile("-[0-9a-f]{32}.*")
"""What follows the title in the name of a node."""

flatten_elements = itertools.chain.from_iterable


class Bag(Partitioned, Generic[T_co]):
    """Many Python objects, in partitions that are computed side by side.

    Methods are lazy: they return another bag, or an `Item` for one value.  ``compute()``, or
    iterating, runs everything; by default in worker processes.

    Parameters
    ----------
    dsk
        A dict graph with the tasks ``(name, 0)``, ``(name, 1)``, ..., a partition each.
    name
        Of the bag.
    npartitions
        How many partitions there are.

    Examples
    --------
    >>> import shoal.bag as db
    >>> b = db.from_sequence(range(10), npartitions=3)
    >>> b.filter(lambda x: x % 2).map(lambda x: x * 10).compute(scheduler="sync")
    [10, 30, 50, 70, 90]
    >>> Bag({("x", 0): (range, 2), ("x", 1): [7]}, "x", 2).sum().compute(scheduler="sync")
    8
    """

    __slots__ = ()

    def __init__(
        self,
        dsk: Mapping[Key, Any] | Node,
        name: Text | None = None,
        npartitions: int | None = None,
    ) -> None:
        if isinstance(dsk, Node):
            self._node = dsk
        elif name is None or npartitions is None:
            raise TypeError(
                "Bag(graph, name, npartitions) needs all three; "
                "to make a bag of values use shoal.bag.from_sequence"
            )
        else:
            self._node = FromGraph(dsk, name, npartitions)

    # ------------------------------------------------------------------ protocol of collections

    def __shoal_postcompute__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return concat_partitions, ()

    def __shoal_with_node__(self, node: Node) -> Bag[T_co]:
        return type(self)(node)

    def _keys(self) -> list[Key]:
        return [(self.name, i) for i in range(self.npartitions)]

    # ------------------------------------------------------------------------- what it tells

    @property
    def name(self) -> Text:
        """What the keys of the partitions begin with; equal bags have equal names."""
        node = self._node
        name: Text = node.title if isinstance(node, FromGraph) else node.name
        return name

    @property
    def npartitions(self) -> int:
        """How many partitions there are."""
        size: int = self._node.size
        return size

    @property
    def str(self) -> StringAccessor:
        """The methods of `str`, on every element.

        Examples
        --------
        >>> import shoal.bag as db
        >>> db.from_sequence(["Ann B", "Cy D"]).str.lower().compute(scheduler="sync")
        ['ann b', 'cy d']
        """
        return StringAccessor(self)

    @property
    def _args(self) -> tuple[Any, ...]:
        return self._node, self.name, self.npartitions

    def __repr__(self) -> Text:
        title = TOKEN.sub("", self.name)
        return f"shoal.bag<{title}, npartitions={self.npartitions}>"

    def _repr_html_(self) -> Text:
        title = html.escape(TOKEN.sub("", self.name))
        return (
            f"<table><tr><th>Bag</th><td>{title}</td></tr>"
            f"<tr><th>Partitions</th><td>{self.npartitions:,}</td></tr></table>"
        )

    def __iter__(self) -> Iterator[T_co]:
        return iter(self.compute())

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._node,)

    # ---------------------------------------------------------------------------- element-wise

    def map(self, func: Callable[..., U], /, *args: Any, **kwargs: Any) -> Bag[U]:
        """Apply a function to every element.

        Parameters
        ----------
        func
            Called with an element, then ``args`` and ``kwargs``.
        *args, **kwargs
            More arguments.  A bag stands for its elements and must be partitioned like this
            one; an `Item` or a delayed value stands for its result.

        Returns
        -------
        Bag

        Raises
        ------
        ValueError
            A bag among the arguments has another number of partitions.

        Examples
        --------
        >>> import shoal.bag as db
        >>> b = db.from_sequence([1, 2, 3], npartitions=2)
        >>> b.map(pow, 2).compute(scheduler="sync")
        [1, 4, 9]
        >>> b.map(divmod, b.max()).compute(scheduler="sync")
        [(0, 1), (0, 2), (1, 0)]
        """
        bag: Bag[U] = bag_map(func, self, *args, **kwargs)
        return bag

    def starmap(self, func: Callable[..., U], /, **kwargs: Any) -> Bag[U]:
        """Apply a function to every element, unpacked into arguments.

        Parameters
        ----------
        func
            Called as ``func(*element, **kwargs)``.
        **kwargs
            More arguments; an `Item` or a delayed value stands for its result.

        Returns
        -------
        Bag

        Examples
        --------
        >>> import shoal.bag as db
        >>> db.from_sequence([(2, 3), (3, 2)]).starmap(pow).compute(scheduler="sync")
        [8, 9]
        """
        found = Arguments()
        source = found.argument(self)
        template = Template((func, source), found.named(kwargs))
        one = Step(kernels.starmap_elements, template, title_of(func))
        node = Stage(
            tuple(found.inputs), (one,), self.npartitions, annotations=current_annotations()
        )
        return type(self)(node)  # type: ignore[return-value]

    def filter(self, predicate: Callable[[Any], Any] | None) -> Bag[T_co]:
        """Keep the elements for which a function returns something true.

        Parameters
        ----------
        predicate
            Called with an element; None: the element itself decides.

        Returns
        -------
        Bag

        Examples
        --------
        >>> import shoal.bag as db
        >>> db.from_sequence(range(5)).filter(lambda x: x > 2).compute(scheduler="sync")
        [3, 4]
        """
        return self._then(step(filter, predicate, Ref(0), title=f"filter-{title_of(predicate)}"))

    def remove(self, predicate: Callable[[Any], Any] | None) -> Bag[T_co]:
        """Drop the elements for which a function returns something true.

        Parameters
        ----------
        predicate
            Called with an element; None: the element itself decides.

        Returns
        -------
        Bag

        Examples
        --------
        >>> import shoal.bag as db
        >>> db.from_sequence(range(5)).remove(lambda x: x > 2).compute(scheduler="sync")
        [0, 1, 2]
        """
        title = f"remove-{title_of(predicate)}"
        return self._then(step(itertools.filterfalse, predicate, Ref(0), title=title))

    def pluck(self, key: Any, default: Any = MISSING) -> Bag[Any]:
        """Look up the same thing in every element.

        Parameters
        ----------
        key
            An index or a name, or a list of them, which gives tuples.
        default
            For elements that lack the key; without it they are an error.

        Returns
        -------
        Bag

        Examples
        --------
        >>> import shoal.bag as db
        >>> b = db.from_sequence([{"name": "Ann", "age": 3}, {"name": "Bo"}])
        >>> b.pluck("name").compute(scheduler="sync")
        ['Ann', 'Bo']
        >>> b.pluck(["name", "age"], 0).compute(scheduler="sync")
        [('Ann', 3), ('Bo', 0)]
        """
        if default is MISSING:
            get = kernels.by_key(key)
            return self._then(step(map, get, Ref(0), title="pluck"))
        return self._then(step(kernels.pluck, key, default, Ref(0)))

    def flatten(self) -> Bag[Any]:
        """Put the elements of elements, which are iterables, into one long bag.

        Returns
        -------
        Bag

        Examples
        --------
        >>> import shoal.bag as db
        >>> db.from_sequence([[1], [2, 3]]).flatten().compute(scheduler="sync")
        [1, 2, 3]
        """
        return self._then(step(flatten_elements, Ref(0), title="flatten"))

    def unzip(self, n: int) -> tuple[Bag[Any], ...]:
        """A bag of the first parts of the elements, one of the second parts, and so on.

        Parameters
        ----------
        n
            How many parts every element has.

        Returns
        -------
        tuple of Bag

        Examples
        --------
        >>> import shoal.bag as db
        >>> numbers, letters = db.from_sequence([(1, "a"), (2, "b")]).unzip(2)
        >>> letters.compute(scheduler="sync")
        ['a', 'b']
        """
        return tuple([self.pluck(i) for i in range(n)])

    def map_partitions(
        self, func: Callable[..., Any], /, *args: Any, token: Text | None = None, **kwargs: Any
    ) -> Bag[Any]:
        """Apply a function to every partition.

        Parameters
        ----------
        func
            Called with an iterable, often an iterator, then ``args`` and ``kwargs``; returns an
            iterable.
        *args, **kwargs
            More arguments.  A bag stands for its partition of the same number; an `Item` or
            a delayed value stands for its result.
        token
            What names of tasks begin with; default: the function's name.

        Returns
        -------
        Bag

        Examples
        --------
        >>> import shoal.bag as db
        >>> b = db.from_sequence(range(5), npartitions=2)
        >>> b.map_partitions(lambda part: [sum(part)]).compute(scheduler="sync")
        [3, 7]
        """
        bag: Bag[Any] = map_partitions(func, self, *args, token=token, **kwargs)
        return bag

    def random_sample(self, prob: float, random_state: Any = None) -> Bag[T_co]:
        """Keep each element with some probability.

        Parameters
        ----------
        prob
            From 0 to 1.
        random_state
            An int, or a `random.Random`, that decides which; the choice is the same in every
            computation of the bag.

        Returns
        -------
        Bag

        Raises
        ------
        ValueError
            ``prob`` is not between 0 and 1.

        Examples
        --------
        >>> import shoal.bag as db
        >>> b = db.from_sequence(range(5)).random_sample(0.5, 42)
        >>> b.compute(scheduler="sync") == b.compute(scheduler="sync")
        True
        """
        if not 0 <= prob <= 1:
            raise ValueError(f"prob is a probability, from 0 to 1, got {prob!r}")
        seeds = kernels.make_seeds(random_state, self.npartitions)
        one = step(kernels.sample_elements, prob, Ref(1), Ref(0), title="random-sample")
        inputs = (self._node, Each(seeds))
        node = Stage(inputs, (one,), self.npartitions, annotations=current_annotations())
        return type(self)(node)

    def join(self, other: Any, on_self: Any, on_other: Any = None) -> Bag[tuple[Any, Any]]:
        """Pairs of an element of something small and one of this bag that have the same key.

        Parameters
        ----------
        other
            An iterable, a delayed iterable, an `Item`, or a bag of one partition; it goes to every
            task as a whole.
        on_self, on_other
            Functions that give the key, or what to look up in an element; the second is the same
            as the first unless given.

        Returns
        -------
        Bag
            Of tuples ``(element of other, element of this bag)``.

        Raises
        ------
        NotImplementedError
            ``other`` is a bag of several partitions.

        Examples
        --------
        >>> import shoal.bag as db
        >>> people = db.from_sequence(["Ann", "Bo", "Cyd"])
        >>> people.join(["fun", "to"], len).compute(scheduler="sync")
        [('fun', 'Ann'), ('to', 'Bo'), ('fun', 'Cyd')]
        """
        if isinstance(other, Partitioned) and other._node.size != 1:
            raise NotImplementedError(
                f"join holds all of other in every task, and it is a bag of {other._node.size} "
                "partitions; .repartition(1) it if it is small, else group both bags by key"
            )
        if not is_collection(other) and not isinstance(other, Sequence):
            other = list(other)
        on_self = kernels.as_key(on_self)
        on_other = on_self if on_other is None else kernels.as_key(on_other)
        found = Arguments()
        source, held = found.argument(self), found.argument(other)
        one = step(kernels.join, on_self, on_other, source, held, title="join")
        node = Stage(
            tuple(found.inputs), (one,), self.npartitions, annotations=current_annotations()
        )
        return type(self)(node)  # type: ignore[return-value]

    def product(self, other: Bag[U]) -> Bag[tuple[T_co, U]]:
        """Every pair of an element of this bag and one of another.

        Parameters
        ----------
        other
            A bag.

        Returns
        -------
        Bag
            With a partition for each pair of partitions.

        Examples
        --------
        >>> import shoal.bag as db
        >>> db.from_sequence([1, 2]).product(db.from_sequence("ab")).compute(scheduler="sync")
        [(1, 'a'), (1, 'b'), (2, 'a'), (2, 'b')]
        """
        if not isinstance(other, Partitioned):
            raise TypeError(
                f"product takes a Bag, got {type(other).__name__}; "
                "wrap a sequence with from_sequence"
            )
        node = Product(self._node, other._node, annotations=current_annotations())
        return type(self)(node)  # type: ignore[return-value]

    def accumulate(self, binop: Callable[[Any, Any], Any], initial: Any = MISSING) -> Bag[Any]:
        """Running results of an operator, in order; partitions wait for each other.

        Parameters
        ----------
        binop
            ``binop(total, element) -> total``.
        initial
            What to begin with; it is the first element of the result.

        Returns
        -------
        Bag

        Examples
        --------
        >>> import shoal.bag as db
        >>> from operator import add
        >>> b = db.from_sequence([1, 2, 3, 4], npartitions=2)
        >>> b.accumulate(add).compute(scheduler="sync")
        [1, 3, 6, 10]
        >>> b.accumulate(add, 10).compute(scheduler="sync")
        [10, 11, 13, 16, 20]
        """
        begin = () if initial is MISSING else (initial,)
        return type(self)(Accumulate(self._node, binop, begin, annotations=current_annotations()))

    # ------------------------------------------------------------------------------ reductions

    def reduction(
        self,
        perpartition: Callable[[Any], Any],
        aggregate: Callable[[Any], Any],
        split_every: int | bool | None = None,
        out_type: type[Any] = Item,
        name: Text | None = None,
    ) -> Any:
        """Reduce every partition, then the results, a few at a time.

        Parameters
        ----------
        perpartition
            Called with the elements of a partition, an iterable; not called for empty ones.
        aggregate
            Called with a list of results; returns one.
        split_every
            How many results are taken in at a time, at least 2; False: all.  Default: the setting
            ``bag.split-every``.
        out_type
            `Item` for one value, `Bag` when the result is an iterable of elements.
        name
            What names of tasks begin with.

        Returns
        -------
        Item or Bag

        Raises
        ------
        ValueError
            ``split_every`` is below 2.

        Examples
        --------
        >>> import shoal.bag as db
        >>> b = db.from_sequence(range(10), npartitions=3)
        >>> b.reduction(sum, max).compute(scheduler="sync")
        24
        """
        return self._reduce(
            name or title_of(aggregate),
            step(reductions.reduce_nonempty, perpartition, Ref(0), title=title_of(perpartition)),
            partial(reductions.aggregate, aggregate, False),
            partial(reductions.aggregate, aggregate, True),
            split_every,
            out_type,
        )

    def fold(
        self,
        binop: Callable[[Any, Any], Any],
        combine: Callable[[Any, Any], Any] | None = None,
        initial: Any = MISSING,
        split_every: int | bool | None = None,
        out_type: type[Any] = Item,
    ) -> Any:
        """`functools.reduce`, side by side.

        Parameters
        ----------
        binop
            ``binop(total, element) -> total``, for the elements of a partition.
        combine
            ``combine(total, total) -> total``, for the partitions; default ``binop``.
        initial
            What each partition begins with.
        split_every, out_type
            As for `reduction`.

        Returns
        -------
        Item or Bag

        Examples
        --------
        >>> import shoal.bag as db
        >>> from operator import add
        >>> b = db.from_sequence([[1], [2, 3]], npartitions=2)
        >>> b.fold(lambda total, x: total + len(x), add, initial=0).compute(scheduler="sync")
        3
        """
        begin = () if initial is MISSING else (initial,)
        merge = partial(reductions.fold_partials, combine or binop)
        return self._reduce(
            "fold",
            step(reductions.fold_elements, binop, begin, Ref(0), title="fold"),
            partial(reductions.aggregate, merge, False),
            partial(reductions.aggregate, merge, True),
            split_every,
            out_type,
        )

    def foldby(
        self,
        key: Any,
        binop: Callable[[Any, Any], Any],
        initial: Any = MISSING,
        combine: Callable[[Any, Any], Any] | None = None,
        combine_initial: Any = MISSING,
        split_every: int | bool | None = None,
    ) -> Bag[tuple[Any, Any]]:
        """Fold every group of elements by itself; much cheaper than `groupby`.

        Parameters
        ----------
        key
            A function that gives the group of an element, or what to look up in it.
        binop
            ``binop(total, element) -> total``, for the elements of a group in a partition.
        initial
            What a group begins with, or a function that makes it; default: its first element.
        combine
            ``combine(total, total) -> total``, for the partitions; default ``binop``.
        combine_initial
            What a group begins with there; as it is used in every task of the reduction, it should
            not count (such as 0 for a sum).
        split_every
            As for `reduction`.

        Returns
        -------
        Bag
            One partition of tuples ``(group, total)``.

        Examples
        --------
        >>> import shoal.bag as db
        >>> from operator import add
        >>> b = db.from_sequence(range(10), npartitions=3)
        >>> dict(b.foldby(lambda x: x % 2, add).compute(scheduler="sync"))
        {0: 20, 1: 25}
        """
        begin = () if initial is MISSING else (initial,)
        again = () if combine_initial is MISSING else (combine_initial,)
        get = kernels.as_key(key)
        merge = combine or binop
        bag: Bag[tuple[Any, Any]] = self._reduce(
            "foldby",
            step(reductions.fold_by, get, binop, begin, Ref(0), title="foldby"),
            partial(reductions.merge_groups, merge, again),
            partial(reductions.finish_groups, merge, again),
            split_every,
            type(self),
        )
        return bag

    def frequencies(
        self, split_every: int | bool | None = None, sort: bool = False
    ) -> Bag[tuple[Any, int]]:
        """Count how often each element occurs.

        Parameters
        ----------
        split_every
            As for `reduction`.
        sort
            Whether the most frequent ones are to come first.

        Returns
        -------
        Bag
            One partition of tuples ``(element, count)``.

        Examples
        --------
        >>> import shoal.bag as db
        >>> db.from_sequence("hello").frequencies(sort=True).compute(scheduler="sync")
        [('l', 2), ('h', 1), ('e', 1), ('o', 1)]
        """
        bag: Bag[tuple[Any, int]] = self._reduce(
            "frequencies",
            step(reductions.frequencies, Ref(0)),
            reductions.merge_frequencies,
            partial(reductions.finish_frequencies, sort),
            split_every,
            type(self),
        )
        return bag

    def topk(self, k: int, key: Any = None, split_every: int | bool | None = None) -> Bag[T_co]:
        """The largest elements, largest first.

        Parameters
        ----------
        k
            How many.
        key
            What to compare: a function of an element (or, when it takes several arguments, of its
            parts), or what to look up in it.
        split_every
            As for `reduction`.

        Returns
        -------
        Bag
            One partition.

        Examples
        --------
        >>> import shoal.bag as db
        >>> db.from_sequence([3, 1, 4, 1, 5]).topk(2).compute(scheduler="sync")
        [5, 4]
        >>> db.from_sequence(["a", "bcd"]).topk(1, key=len).compute(scheduler="sync")
        ['bcd']
        """
        compare = None if key is None else reductions.sort_key(key)
        merge = partial(reductions.merge_top, k, compare)
        one = step(reductions.top, k, compare, Ref(0), title="topk")
        bag: Bag[T_co] = self._reduce("topk", one, merge, merge, split_every, type(self))
        return bag

    def distinct(self, key: Any = None) -> Bag[T_co]:
        """Each element once, in the order of their first occurrence.

        Parameters
        ----------
        key
            Elements with equal keys count as equal: a function, or what to look up.

        Returns
        -------
        Bag
            One partition.

        Examples
        --------
        >>> import shoal.bag as db
        >>> db.from_sequence("hello").distinct().compute(scheduler="sync")
        ['h', 'e', 'l', 'o']
        """
        get = None if key is None else kernels.as_key(key)
        merge = partial(reductions.merge_distinct, get)
        one = step(reductions.distinct, get, Ref(0))
        bag: Bag[T_co] = self._reduce("distinct", one, merge, merge, None, type(self))
        return bag

    def sum(self, split_every: int | bool | None = None) -> Item:
        """The sum of the elements.

        Parameters
        ----------
        split_every
            As for `reduction`.

        Returns
        -------
        Item

        Examples
        --------
        >>> import shoal.bag as db
        >>> db.from_sequence([1, 2]).sum().compute(scheduler="sync")
        3
        """
        item: Item = self.reduction(sum, sum, split_every)
        return item

    def max(self, split_every: int | bool | None = None) -> Item:
        """The largest element; ValueError when there is none.

        Parameters
        ----------
        split_every
            As for `reduction`.

        Returns
        -------
        Item

        Examples
        --------
        >>> import shoal.bag as db
        >>> db.from_sequence([1, 2]).max().compute(scheduler="sync")
        2
        """
        item: Item = self.reduction(max, max, split_every)
        return item

    def min(self, split_every: int | bool | None = None) -> Item:
        """The smallest element; ValueError when there is none.

        Parameters
        ----------
        split_every
            As for `reduction`.

        Returns
        -------
        Item

        Examples
        --------
        >>> import shoal.bag as db
        >>> db.from_sequence([1, 2]).min().compute(scheduler="sync")
        1
        """
        item: Item = self.reduction(min, min, split_every)
        return item

    def any(self, split_every: int | bool | None = None) -> Item:
        """Whether any element is true; a partition is read only to the first one.

        Parameters
        ----------
        split_every
            As for `reduction`.

        Returns
        -------
        Item

        Examples
        --------
        >>> import shoal.bag as db
        >>> db.from_sequence([0, 2]).any().compute(scheduler="sync")
        True
        """
        item: Item = self.reduction(any, any, split_every)
        return item

    def all(self, split_every: int | bool | None = None) -> Item:
        """Whether all elements are true; a partition is read only to the first that is not.

        Parameters
        ----------
        split_every
            As for `reduction`.

        Returns
        -------
        Item

        Examples
        --------
        >>> import shoal.bag as db
        >>> db.from_sequence([0, 2]).all().compute(scheduler="sync")
        False
        """
        item: Item = self.reduction(all, all, split_every)
        return item

    def count(self, split_every: int | bool | None = None) -> Item:
        """How many elements there are.

        Parameters
        ----------
        split_every
            As for `reduction`.

        Returns
        -------
        Item

        Examples
        --------
        >>> import shoal.bag as db
        >>> db.from_sequence("abc").count().compute(scheduler="sync")
        3
        """
        item: Item = self._reduce(
            "count", step(reductions.count, Ref(0)), sum, sum, split_every, Item
        )
        return item

    def mean(self) -> Item:
        """The arithmetic mean; ValueError when there are no elements.

        Returns
        -------
        Item

        Examples
        --------
        >>> import shoal.bag as db
        >>> db.from_sequence([1, 2]).mean().compute(scheduler="sync")
        1.5
        """
        return self._moments("mean", 1, reductions.finish_mean)

    def var(self, ddof: int = 0) -> Item:
        """The variance.

        Parameters
        ----------
        ddof
            Taken from the number of elements that the sum of squares is divided by.

        Returns
        -------
        Item

        Examples
        --------
        >>> import shoal.bag as db
        >>> db.from_sequence([1, 2, 3]).var(ddof=1).compute(scheduler="sync")
        1.0
        """
        return self._moments("var", 2, partial(reductions.finish_variance, ddof, False))

    def std(self, ddof: int = 0) -> Item:
        """The standard deviation.

        Parameters
        ----------
        ddof
            Taken from the number of elements that the sum of squares is divided by.

        Returns
        -------
        Item

        Examples
        --------
        >>> import shoal.bag as db
        >>> db.from_sequence([1, 3]).std().compute(scheduler="sync")
        1.0
        """
        return self._moments("std", 2, partial(reductions.finish_variance, ddof, True))

    # ------------------------------------------------------------------ groups and partitions

    def groupby(
        self,
        grouper: Any,
        method: Text | None = None,
        npartitions: int | None = None,
        blocksize: int = 2**20,
        max_branch: int | None = None,
        shuffle: Text | None = None,
    ) -> Bag[tuple[Any, list[T_co]]]:
        """Bring all elements of a group together.

        Everything moves: `foldby` is much cheaper where it can say the same.

        Parameters
        ----------
        grouper
            A function that gives the group of an element, or what to look up in it; the group must
            be hashable.
        method
            Accepted for old programs; use ``shuffle``.
        npartitions
            How many partitions the result has; default: as many as now.
        blocksize
            Bytes that a task collects for a partition before it writes them (disk only).
        max_branch
            Accepted for old programs; a task cuts its input into all parts at once.
        shuffle
            ``"disk"`` (files in the setting ``temporary-directory``; more than memory holds) or
            ``"tasks"`` (through other tasks, for a cluster).  Default: the setting ``shuffle``,
            else ``"tasks"`` with a client and ``"disk"`` without.

        Returns
        -------
        Bag
            Of tuples ``(group, list of its elements in order)``.

        Raises
        ------
        ValueError
            ``npartitions`` or ``max_branch`` is too small, or the shuffle is not known.
        TypeError
            When it is computed: a group cannot be hashed.

        Examples
        --------
        >>> import shoal.bag as db
        >>> b = db.from_sequence(range(6), npartitions=2)
        >>> sorted(b.groupby(lambda x: x % 2).compute(scheduler="sync"))
        [(0, [0, 2, 4]), (1, [1, 3, 5])]
        """
        bag: Bag[tuple[Any, list[T_co]]] = groupby(
            self, grouper, method, npartitions, blocksize, max_branch, shuffle
        )
        return bag

    def take(self, k: int, npartitions: int = 1, compute: bool = True, warn: bool = True) -> Any:
        """The first elements; no more is read than they need.

        Parameters
        ----------
        k
            How many.
        npartitions
            How many partitions to look into; -1: all.
        compute
            False to return a bag of one partition.
        warn
            Whether to warn when there are fewer.

        Returns
        -------
        tuple or Bag

        Raises
        ------
        ValueError
            There are fewer partitions.

        Warns
        -----
        UserWarning
            The partitions held fewer elements.

        Examples
        --------
        >>> import shoal, shoal.bag as db
        >>> with shoal.config.set(scheduler="sync"):
        ...     db.from_sequence(range(1000)).take(3)
        (0, 1, 2)
        """
        if npartitions == -1:
            npartitions = self.npartitions
        if not 0 < npartitions <= self.npartitions:
            raise ValueError(
                f"take can look into 1 to {self.npartitions} partitions, or -1 for all, "
                f"got npartitions={npartitions}"
            )
        chosen = type(self)(Select(self._node, tuple(range(npartitions))))
        bag = chosen._then(step(kernels.head, k, Ref(0), title="take"))
        if npartitions > 1:
            merge = partial(reductions.concat_heads, k)
            bag = type(self)(_tree(bag, "take", merge, merge, None, 1))
        if not compute:
            return bag
        result = tuple(bag.compute())
        if warn and len(result) < k:
            warnings.warn(
                f"take: {k} elements were asked for and {npartitions} of {self.npartitions} "
                f"partitions hold only {len(result)}; look into more with npartitions=",
                stacklevel=2,
            )
        return result

    def repartition(
        self, npartitions: int | None = None, partition_size: int | Text | None = None
    ) -> Bag[T_co]:
        """Cut and join partitions; elements keep their order.

        Parameters
        ----------
        npartitions
            How many there are to be.
        partition_size
            How many bytes a partition takes at most, such as ``"100 MiB"``.  To know their sizes,
            the partitions are computed now.

        Returns
        -------
        Bag

        Raises
        ------
        ValueError
            Not exactly one of the two is given, or it is below 1.

        Examples
        --------
        >>> import shoal.bag as db
        >>> b = db.from_sequence(range(4), npartitions=1).repartition(2)
        >>> b.map_partitions(lambda part: [len(part)]).compute(scheduler="sync")
        [2, 2]
        """
        if (npartitions is None) == (partition_size is None):
            raise ValueError(
                "repartition takes exactly one of npartitions and partition_size, got "
                f"npartitions={npartitions!r} and partition_size={partition_size!r}"
            )
        if npartitions is None:
            return type(self)(repartition_to_size(self, partition_size))
        if npartitions == self.npartitions:
            return self
        return type(self)(repartition_to_number(self._node, npartitions))

    # ------------------------------------------------------------------------------- elsewhere

    def to_textfiles(
        self,
        path: Any,
        name_function: Callable[[int], Text] | None = None,
        compression: Text | None = "infer",
        encoding: Text = "utf-8",
        compute: bool = True,
        storage_options: Mapping[Text, Any] | None = None,
        last_endline: bool = False,
        **kwargs: Any,
    ) -> list[Any]:
        """Write text, one file a partition, one line an element.

        Parameters
        ----------
        path
            A pattern whose ``*`` becomes the partition's number, a folder, or a list of names.
        name_function
            From the partition's number to what replaces ``*``.
        compression
            A codec, or ``"infer"`` from the names.
        encoding
            Of the text.
        compute
            False to return a delayed value for each file.
        storage_options
            Options of the file system.
        last_endline
            Whether the last line ends too.
        **kwargs
            Options of `compute`.

        Returns
        -------
        list
            The paths written, or delayed values.

        Raises
        ------
        TypeError, ValueError
            The path is none, or does not fit the number of partitions.

        Examples
        --------
        >>> import shoal.bag as db
        >>> b = db.from_sequence(["one", "two"], npartitions=2)
        >>> b.to_textfiles("memory://to_textfiles/*.txt", scheduler="sync")
        ['/to_textfiles/0.txt', '/to_textfiles/1.txt']
        """
        return to_textfiles(
            self,
            path,
            name_function,
            compression,
            encoding,
            compute,
            storage_options,
            last_endline,
            **kwargs,
        )

    def to_avro(
        self,
        filename: Any,
        schema: Mapping[Text, Any],
        name_function: Callable[[int], Text] | None = None,
        storage_options: Mapping[Text, Any] | None = None,
        codec: Text = "null",
        sync_interval: int = 16000,
        metadata: Mapping[Text, Text] | None = None,
        compute: bool = True,
        **kwargs: Any,
    ) -> list[Any]:
        """Write records as Avro files, one a partition; needs fastavro.

        Parameters
        ----------
        filename
            A pattern whose ``*`` becomes the partition's number, a folder, or a list of names.
        schema
            Of a record: ``{"type": "record", "name": ..., "fields": [...]}``.
        name_function, storage_options, compute, **kwargs
            As for `to_textfiles`.
        codec
            Compression inside the files: ``"null"``, ``"deflate"``, ...
        sync_interval
            Bytes in a block of a file.
        metadata
            Stands in the header.

        Returns
        -------
        list
            The paths written, or delayed values.

        Raises
        ------
        AvroSchemaError
            The schema is not one of a record.

        Examples
        --------
        >>> import shoal.bag as db
        >>> schema = {"type": "record", "name": "N", "fields": [{"name": "n", "type": "int"}]}
        >>> b = db.from_sequence([{"n": 1}])
        >>> b.to_avro("memory://to_avro/*.avro", schema, scheduler="sync")
        ['/to_avro/0.avro']
        """
        return to_avro(
            self,
            filename,
            schema,
            name_function,
            storage_options,
            codec,
            sync_interval,
            metadata,
            compute,
            **kwargs,
        )

    def to_dataframe(
        self, meta: Any = None, columns: Any = None, optimize_graph: bool = True
    ) -> Any:
        """A dataframe with a row for each element; partitions stay what they are.

        Parameters
        ----------
        meta
            An empty pandas frame, or names and types of the columns; default: found out from the
            first partition.
        columns
            Names of the columns, when ``meta`` is not given.
        optimize_graph
            Accepted because programs written for Dask give it; the graph is optimised later.

        Returns
        -------
        shoal.dataframe.DataFrame

        Raises
        ------
        ValueError
            Both ``meta`` and ``columns`` are given.

        Examples
        --------
        >>> import shoal.bag as db
        >>> db.from_sequence([1]).to_dataframe(meta={"n": int}, columns=["n"])
        Traceback (most recent call last):
        ...
        ValueError: to_dataframe takes meta or columns, got both; the columns are part of meta
        """
        return make_dataframe(self, meta, columns)

    def to_delayed(self, optimize_graph: bool = True) -> list[Delayed[Any]]:
        """The partitions as delayed values.

        Parameters
        ----------
        optimize_graph
            False to leave the expression as it is.

        Returns
        -------
        list of Delayed

        Examples
        --------
        >>> import shoal.bag as db
        >>> first, second = db.from_sequence([1, 2], npartitions=2).to_delayed()
        >>> second.compute()
        [2]
        """
        return to_delayed(self, optimize_graph)

    # --------------------------------------------------------------------------------- helpers

    def _then(self, one: Step) -> Bag[Any]:
        bag: Bag[Any] = then(self, one)
        return bag

    def _reduce(
        self,
        title: Text,
        first: Step,
        combine: Callable[[Any], Any],
        final: Callable[[Any], Any],
        split_every: int | bool | None,
        out_type: Any,
    ) -> Any:
        """A reduction, from its three functions."""
        if not (isinstance(out_type, type) and issubclass(out_type, (Partitioned, Single))):
            raise TypeError(f"out_type is Bag or Item, got {out_type!r}")
        width = check_split_every(split_every)
        count = 1 if issubclass(out_type, Partitioned) else None
        make: Any = out_type
        return make(_tree(self._then(first), title, combine, final, width, count))

    def _moments(self, title: Text, order: int, final: Callable[[Any], Any]) -> Item:
        first = step(reductions.moments, order, Ref(0), title=title)
        combine = partial(reductions.aggregate, reductions.combine_moments, False)
        last = partial(reductions.aggregate, final, True)
        item: Item = self._reduce(title, first, combine, last, None, Item)
        return item


def _tree(
    bag: Any,
    title: str,
    combine: Callable[[Any], Any],
    final: Callable[[Any], Any],
    width: int | None,
    count: int | None,
) -> Tree:
    return Tree(bag._node, combine, final, width, title, count, annotations=current_annotations())


def check_split_every(split_every: int | bool | None) -> int | None:
    """How many partial results a task takes in; None for all.

    Parameters
    ----------
    split_every
        What the user gave; None is the setting ``bag.split-every``.

    Raises
    ------
    ValueError
        It is below 2.

    Examples
    --------
    >>> check_split_every(None), check_split_every(False), check_split_every(4)
    (8, None, 4)
    """
    if split_every is None:
        split_every = config.get("bag.split-every", 8)
    if split_every is False:
        return None
    return whole_number(
        "split_every (how many results a task takes in; False: all)", split_every, 2
    )


def concat_partitions(blocks: Sequence[Any]) -> list[Any]:
    """The elements of all partitions; the blocks themselves where they hold no elements.

    Parameters
    ----------
    blocks
        Results of a bag's tasks.

    Examples
    --------
    >>> concat_partitions([[1], [2, 3]]), concat_partitions([5, "ab"])
    ([1, 2, 3], [5, 'ab'])
    """
    if all(isinstance(block, Iterable) and not isinstance(block, str) for block in blocks):
        return list(itertools.chain.from_iterable(blocks))
    return list(blocks)
