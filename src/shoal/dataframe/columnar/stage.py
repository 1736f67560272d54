"""The columnar kernel of a stage: its first operations as one query a partition.

A stage's operations are translated when the stage is planned, to see how far that goes, and again
for each partition, because only the footer of a file tells whether its whole numbers have nulls.
What was translated becomes one query of Polars, from the file to the last frames and series that
pandas needs, or to the first step of a reduction; the rest of the stage is pandas' as ever.

A partition that turns out to be different (nulls among whole numbers, a file that cannot be read,
other types than the first file's) is computed by pandas, which has the rules and the words for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from shoal.dataframe.columnar.partials import PartialResult, partial_of
from shoal.dataframe.columnar.relations import Translator
from shoal.dataframe.columnar.results import Rows
from shoal.dataframe.columnar.values import Untranslated
from shoal.dataframe.nodes.base import FrameNode, PartitionWise, compile_program
from shoal.dataframe.nodes.reduce import Partial
from shoal.expr.node import Node

__all__ = ["ColumnarKernel", "columnar_kernel"]


class Query:
    """Operations on a partition as one query.

    Parameters
    ----------
    outs
        The nodes whose partitions are wanted, a tuple.
    places
        For each reader its place among the arguments of a call.

    Examples
    --------
    >>> Query((), {}).places
    {}
    """

    __slots__ = ("outs", "places")

    def __init__(self, outs: tuple[FrameNode, ...], places: Mapping[str, int]) -> None:
        self.outs = outs
        self.places = places

    def __call__(self, *blocks: Any) -> list[Any]:
        """The wanted partitions.

        Parameters
        ----------
        *blocks
            Arguments of the stage.

        Raises
        ------
        Untranslated
            This partition has to be computed by pandas.
        """
        labels = not isinstance(self.outs[0], Partial)
        translator = Translator(
            ordered=True,
            scan_of=lambda reader: reader.scan_partition(blocks[self.places[reader.name]], labels),
        )
        if isinstance(self.outs[0], Partial):
            found = partial_of(translator, self.outs[0])
            return [found.finish(_collected(found.query))]
        rows = Rows([out.meta for out in self.outs], [translator(out) for out in self.outs])
        return rows.pandas(_collected(rows.query))

    def __reduce__(self) -> Any:
        return Query, (self.outs, self.places)


def _collected(query: Any) -> Any:
    import polars as pl

    try:
        return query.collect(engine="streaming")
    except (pl.exceptions.PolarsError, OSError) as error:
        raise Untranslated(str(error)) from error


class _Program:
    """A query, and the operations that follow it; or all of them by pandas."""

    __slots__ = ("query", "rest", "whole")

    def __init__(self, query: Query, rest: Callable[..., Any] | None, whole: Any) -> None:
        self.query = query
        self.rest = rest
        self.whole = whole

    def __call__(self, *blocks: Any) -> Any:
        """Run it.

        Parameters
        ----------
        *blocks
            The partitions it reads.
        """
        try:
            found = self.query(*blocks)
        except Untranslated:
            return self.whole(*blocks)
        if self.rest is None:
            return found[0]
        return self.rest(*blocks, *found)

    @property
    def __name__(self) -> str:
        name: str = self.whole.__name__
        return name

    def __reduce__(self) -> Any:
        return _Program, (self.query, self.rest, self.whole)


class ColumnarKernel:
    """Some of a stage's operations as one query, the others by pandas.

    Parameters
    ----------
    inside
        Names of those that are in the query.
    outs
        Names of those of them that the others read.
    told
        For `explain`.

    Examples
    --------
    >>> ColumnarKernel(frozenset(["a"]), ("a",), "columnar").title
    'columnar-'
    """

    __slots__ = ("inside", "outs", "told")
    title = "columnar-"

    def __init__(self, inside: frozenset[str], outs: tuple[str, ...], told: str) -> None:
        self.inside = inside
        self.outs = outs
        self.told = told

    def compile(
        self, leaves: Sequence[Any], nodes: Sequence[PartitionWise]
    ) -> tuple[Callable[..., Any], Sequence[Any]]:
        """The query, and programs of pandas.

        Parameters
        ----------
        leaves, nodes
            As of `shoal.dataframe.nodes.stage.Kernel.compile`.
        """
        whole, values = compile_program(leaves, nodes)
        parted = [one.name for one in nodes if one.has_parts]
        places = {name: len(leaves) + i for i, name in enumerate(parted)}
        by_name = {node.name: node for node in nodes}
        query = Query(tuple([by_name[name] for name in self.outs]), places)
        rest = None
        if nodes[-1].name not in self.inside:
            rest, _ = compile_program(leaves, nodes, self.inside, self.outs)
        return _Program(query, rest, whole), values

    def __reduce__(self) -> Any:
        return ColumnarKernel, (self.inside, self.outs, self.told)


def columnar_kernel(nodes: Sequence[PartitionWise]) -> ColumnarKernel:
    """A kernel for as many of a stage's first operations as translate.

    Parameters
    ----------
    nodes
        Of the stage, in order.

    Raises
    ------
    Untranslated
        None do, or none that are worth it.

    Examples
    --------
    >>> from shoal.dataframe import from_dict, read_parquet
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> from_dict({"x": [1, 2]}, npartitions=1).to_parquet(folder, write_index=False)
    >>> df = read_parquet(folder)
    >>> columnar_kernel([df.expr, df.x.expr, df.x.cumsum().expr.frames[0]]).told
    'columnar'
    """
    if not any(hasattr(node, "scan_partition") for node in nodes):
        raise Untranslated("partitions in memory")
    translator = Translator(
        ordered=True, scan_of=lambda reader: reader.scan_partition(None, labels=True)
    )
    inside = {node.name for node in nodes}
    bases: dict[str, Any] = {}
    reason = ""
    for node in nodes:
        sources = [one for one in node.sources if isinstance(one, Node)]
        try:
            if any(one.name not in bases for one in sources):
                outside = any(one.name not in inside for one in sources)
                raise Untranslated("partitions in memory" if outside else "")
            if isinstance(node, Partial):
                bases[node.name] = partial_of(translator, node)
            else:
                bases[node.name] = translator(node).base
        except Untranslated as refused:
            reason = reason or str(refused)
    outs = _outs(nodes, bases)
    if not outs:
        raise Untranslated(reason)
    told = "columnar" if nodes[-1].name in bases else f"columnar, then pandas: {reason}"
    return ColumnarKernel(frozenset(bases), outs, told)


def _outs(nodes: Sequence[PartitionWise], bases: dict[str, Any]) -> tuple[str, ...]:
    """What the others read of those that have bases; fewer keep theirs until all outs share one."""
    while bases:
        if isinstance(bases.get(nodes[-1].name), PartialResult):
            return (nodes[-1].name,)
        read = {
            source.name
            for node in nodes
            if node.name not in bases
            for source in node.sources
            if isinstance(source, Node)
        }
        read.add(nodes[-1].name)
        outs = [node.name for node in nodes if node.name in bases and node.name in read]
        if len({id(bases[name]) for name in outs}) == 1:
            return tuple(outs)
        last = bases[next(node.name for node in reversed(nodes) if node.name in bases)]
        for name in [name for name, base in bases.items() if base is last]:
            del bases[name]
    return ()
