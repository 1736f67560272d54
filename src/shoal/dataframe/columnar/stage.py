"""The columnar kernel of a stage: some of its operations as one query a partition.

A stage's operations are translated when the stage is planned, to see how far that goes, and again
for each partition, because only the footer of a file, or the partition itself, tells whether values
are missing.  What was translated becomes one query of Polars, to the last frames and series that
pandas needs, or to the first step of a reduction.  It begins with what files are read, or with one
partition in memory: an input of the stage, or what pandas made of the inputs.  So the stage is
pandas' before and after it.

A partition that turns out to be different (nulls among whole numbers, a file that cannot be read,
other types than the first file's) is computed by pandas, which has the rules and the words for it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from shoal.dataframe.columnar import values as v
from shoal.dataframe.columnar.partials import PartialResult, partial_of
from shoal.dataframe.columnar.partition import (
    Columns,
    Partition,
    PartitionRows,
    collected,
    filtered,
    number_of,
)
from shoal.dataframe.columnar.relations import Translator
from shoal.dataframe.columnar.results import Rows
from shoal.dataframe.columnar.values import Base, Untranslated
from shoal.dataframe.kernels.program import Program
from shoal.dataframe.nodes.base import (
    FrameNode,
    Instead,
    PartitionWise,
    compile_program,
    replace_nodes,
)
from shoal.dataframe.nodes.reduce import Partial
from shoal.dataframe.nodes.rowwise import Column, Project, Rename
from shoal.dataframe.nodes.sources import Given, Source

__all__ = ["ColumnarKernel", "Query", "columnar_kernel"]


class Query:
    """Operations on a partition as one query; this is what the two kinds have in common.

    Parameters
    ----------
    whole
        The same by pandas.

    Examples
    --------
    >>> Query(Program(())).whole
    Program()
    """

    __slots__ = ("whole",)

    def __init__(self, whole: Program) -> None:
        self.whole = whole

    def __call__(self, *blocks: Any) -> Any:
        """The wanted partition, or a list of them.

        Parameters
        ----------
        *blocks
            What is read.
        """
        try:
            found = self.columnar(*blocks)
        except Untranslated:
            return self.whole(*blocks)
        return found if len(found) > 1 else found[0]

    def columnar(self, *blocks: Any) -> list[Any]:
        """The wanted partitions, from the query.

        Parameters
        ----------
        *blocks
            What is read.

        Raises
        ------
        Untranslated
            This partition has to be computed by pandas.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say what it computes")


class FileQuery(Query):
    """A query of what files are read.

    Parameters
    ----------
    outs
        The nodes whose partitions are wanted, a tuple.
    readers
        Names of the readers, whose pieces are given, a tuple.
    whole
        The same by pandas.

    Examples
    --------
    >>> FileQuery((), (), Program(())).readers
    ()
    """

    __slots__ = ("outs", "readers")

    def __init__(
        self, outs: tuple[FrameNode, ...], readers: tuple[str, ...], whole: Program
    ) -> None:
        super().__init__(whole)
        self.outs = outs
        self.readers = readers

    def columnar(self, *blocks: Any) -> list[Any]:
        """The wanted partitions; files are planned one by one, for each has a footer.

        Parameters
        ----------
        *blocks
            Pieces of files of each reader.
        """
        pieces = dict(zip(self.readers, blocks, strict=True))
        labels = not isinstance(self.outs[0], Partial)
        translator = Translator(
            ordered=True,
            scan_of=lambda reader: reader.scan_partition(pieces[reader.name], labels),
        )
        if isinstance(self.outs[0], Partial):
            found = partial_of(translator, self.outs[0])
            return [found.finish(collected(found.query(found.base.frame), "streaming"))]
        rows = Rows([out.meta for out in self.outs], [translator(out) for out in self.outs])
        return rows.pandas(collected(rows.query, "streaming"))

    def __reduce__(self) -> Any:
        return FileQuery, (self.outs, self.readers, self.whole)


class PartitionQuery(Query):
    """A query of a partition in memory.

    Parameters
    ----------
    outs
        The nodes whose partitions are wanted, a tuple.
    inputs
        Nodes whose partitions are given, a tuple: the first one, and scalars.
    reads
        The places of the columns that are read, as text.
    whole
        The same by pandas.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> x = from_dict({"x": [1]}, npartitions=1).x.expr
    >>> PartitionQuery((), (x,), frozenset("0"), Program(())).columns.dtypes
    [dtype('int64')]
    """

    __slots__ = ("columns", "inputs", "outs", "plans", "reads")

    def __init__(
        self,
        outs: tuple[FrameNode, ...],
        inputs: tuple[FrameNode, ...],
        reads: frozenset[str],
        whole: Program,
    ) -> None:
        super().__init__(whole)
        self.outs = outs
        self.inputs = inputs
        self.reads = reads
        self.columns = Columns(inputs[0].meta, reads)
        self.plans: dict[Any, PartialResult | PartitionRows] = {}

    def columnar(self, *blocks: Any) -> list[Any]:
        """The wanted partitions; a plan serves those in which the same columns have gaps.

        Parameters
        ----------
        *blocks
            The partition, and scalars.
        """
        block, *scalars = blocks
        numbers = map(number_of, [node.meta for node in self.inputs[1:]], scalars)
        given: dict[str, Any] = {
            node.name: number for node, number in zip(self.inputs[1:], numbers, strict=True)
        }
        frame, nulls = self.columns.of(block)
        key = *nulls.values(), *given.values()
        plan = self.plans.get(key)
        if plan is None:
            first = self.inputs[0]
            given[first.name] = Partition(first.meta, nulls).found
            translator = Translator(ordered=True, given=given)
            if isinstance(self.outs[0], Partial):
                plan = partial_of(translator, self.outs[0])
            else:
                found = [translator(out) for out in self.outs]
                plan = PartitionRows([out.meta for out in self.outs], found)
            self.plans[key] = plan
        if isinstance(plan, PartitionRows):
            return plan.pandas(frame, block)
        rows = filtered(frame.lazy(), plan.base)
        return [plan.finish(collected(plan.query(rows), "in-memory"))]

    def __reduce__(self) -> Any:
        # What the inputs are made of stays here: there may be data in it.
        stubs = {node.name: Given(node.name, node.meta, (None, None)) for node in self.inputs}
        outs = tuple([replace_nodes(out, stubs) for out in self.outs])
        return PartitionQuery, (outs, tuple(stubs.values()), self.reads, self.whole)


class ColumnarKernel:
    """Some of a stage's operations as one query, the others by pandas.

    Parameters
    ----------
    inputs
        Nodes whose partitions the query reads: one in memory and numbers, or none; a tuple.
    inside
        Names of the operations that are in the query.
    outs
        Names of those of them that the others read.
    reads
        The columns of the first input that are read.
    told
        For `explain`.

    Examples
    --------
    >>> ColumnarKernel((), frozenset(["a"]), ("a",), frozenset(), "columnar").title
    'columnar-'
    """

    __slots__ = ("inputs", "inside", "outs", "reads", "told")
    title = "columnar-"

    def __init__(
        self,
        inputs: tuple[FrameNode, ...],
        inside: frozenset[str],
        outs: tuple[str, ...],
        reads: frozenset[str],
        told: str,
    ) -> None:
        self.inputs = inputs
        self.inside = inside
        self.outs = outs
        self.reads = reads
        self.told = told

    def compile(
        self, leaves: Sequence[Any], nodes: Sequence[PartitionWise]
    ) -> tuple[Callable[..., Any], Sequence[Any]]:
        """A program of which one step is the query.

        Parameters
        ----------
        leaves, nodes
            As of `shoal.dataframe.nodes.stage.Kernel.compile`.
        """
        inputs = tuple([node.name for node in self.inputs])
        own = [node for node in nodes if node.name in self.inside]
        several = self.outs if len(self.outs) > 1 else ()
        whole, _ = compile_program(inputs, [n for n in own if n.name not in inputs], outs=several)
        by_name = {node.name: node for node in own}
        outs = tuple([by_name[name] for name in self.outs])
        if self.inputs:
            query: Query = PartitionQuery(outs, self.inputs, self.reads, whole)
        else:
            query = FileQuery(outs, tuple([one.name for one in own if one.has_parts]), whole)
        instead = Instead(query, whole.__name__, inputs, self.inside, self.outs)
        return compile_program(leaves, nodes, instead)

    def __reduce__(self) -> Any:
        return ColumnarKernel, (self.inputs, self.inside, self.outs, self.reads, self.told)


def columnar_kernel(nodes: Sequence[PartitionWise], memory: bool = False) -> ColumnarKernel:
    """A kernel for as many of a stage's operations as translate, and follow on each other.

    Parameters
    ----------
    nodes
        Of the stage, in order.
    memory
        Whether it may begin with a partition in memory.

    Raises
    ------
    Untranslated
        None do, or none that are worth it.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2]}, npartitions=1)
    >>> columnar_kernel([df.x.expr, (df.x + 1).expr], memory=True).told
    'columnar'
    """
    if not memory and not any(hasattr(node, "scan_partition") for node in nodes):
        raise Untranslated("partitions in memory")
    plan = _Plan(nodes, memory)
    groups: dict[int, dict[str, Any]] = {}
    for name, one in plan.found.items():
        # What is read from files is worth more than anything else.
        groups.setdefault(0 if one.base.origin is None else id(one.base.origin), {})[name] = one
    best = groups.get(0) or max(groups.values(), key=plan.worth, default={})
    outs = _outs(nodes, best)
    if not outs or not (groups.get(0) or plan.worth(best)):
        raise Untranslated(plan.refused(nodes) or "columns are handed on as they are")
    first = best[outs[0]]
    reads: frozenset[str] = frozenset()
    inputs: tuple[FrameNode, ...] = ()
    if first.base.origin is not None:
        if isinstance(first, PartialResult):
            reads = v.roots_of([*first.base.filters, *first.exprs])
        else:
            metas = [node.meta for node in nodes if node.name in outs]
            reads = PartitionRows(metas, [best[name] for name in outs]).reads
        inputs = plan.inputs_of(first.base.origin, best)
    return ColumnarKernel(inputs, frozenset(best), outs, reads, plan.told(best, inputs))


class _Plan:
    """What of a stage translates, by itself or of what pandas makes of the rest."""

    def __init__(self, nodes: Sequence[PartitionWise], memory: bool) -> None:
        self.nodes, self.memory = nodes, memory
        self.inside = {node.name: node for node in nodes}
        self.found: dict[str, Any] = {}
        self.given: dict[str, FrameNode] = {}
        self.reasons: dict[str, str] = {}
        self.translator = Translator(
            ordered=True, scan_of=lambda reader: reader.scan_partition(None, labels=True)
        )
        for node in nodes:
            try:
                self._translate(node)
            except Untranslated as refused:
                self.reasons[node.name] = str(refused)
                if memory:  # then what follows may begin with what pandas makes of it
                    with contextlib.suppress(Untranslated):
                        self._give(node)

    def _translate(self, node: PartitionWise) -> None:
        if isinstance(node, Source) and not hasattr(node, "scan_partition"):
            raise Untranslated("" if self.memory else "partitions in memory")
        for source in node.frames:
            if source.name in self.found or source.name in self.given:
                continue
            if source.name in self.inside or not self.memory:
                raise Untranslated("" if source.name in self.inside else "partitions in memory")
            self._give(source)
        if isinstance(node, Partial):
            self.found[node.name] = partial_of(self.translator, node)
        else:
            self.found[node.name] = self.translator(node)

    def _give(self, node: FrameNode) -> None:
        given = Partition(node.meta).found if node.ndim else number_of(node.meta)
        self.translator.given[node.name] = given
        self.given[node.name] = node

    def worth(self, names: Iterable[str]) -> int:
        """How many of some operations compute something."""
        return sum(not isinstance(self.inside[name], Column | Project | Rename) for name in names)

    def inputs_of(self, origin: Partition, best: Mapping[str, Any]) -> tuple[FrameNode, ...]:
        """The node whose partition a query begins with, and the numbers that it reads."""
        read = {source.name for name in best for source in self.inside[name].frames}
        inputs = [
            node
            for name, node in self.given.items()
            if getattr(getattr(self.translator.given[name], "base", None), "origin", None) is origin
            or (not node.ndim and name in read)
        ]
        return tuple(sorted(inputs, key=lambda node: not node.ndim))

    def refused(self, nodes: Sequence[Any]) -> str:
        """The first reason why some operations are left to pandas."""
        reasons = [self.reasons.get(node.name, "") for node in nodes]
        return next(filter(None, reasons), "")

    def told(self, best: Mapping[str, Any], inputs: Sequence[FrameNode]) -> str:
        """Which kernel computes what."""
        before: set[str] = set()
        stack = [node for node in inputs if node.name in self.inside]
        while stack:
            node = stack.pop()
            if node.name not in before:
                before.add(node.name)
                stack += [one for one in node.frames if one.name in self.inside]
        first = [node for node in self.nodes if node.name in before]
        rest = [n for n in self.nodes if n.name not in before and n.name not in best]
        told = "columnar"
        if any(not isinstance(node, Source) for node in first):
            told = f"pandas: {self.refused(first) or 'partitions in memory'}, then columnar"
        return f"{told}, then pandas: {self.refused(rest)}" if rest else told


def _outs(nodes: Sequence[PartitionWise], found: dict[str, Any]) -> tuple[str, ...]:
    """What the others read of those that are found; fewer stay until all outs share one base."""
    while found:
        if isinstance(found.get(nodes[-1].name), PartialResult):
            return (nodes[-1].name,)
        read = {source.name for node in nodes if node.name not in found for source in node.frames}
        read.add(nodes[-1].name)
        outs = [node.name for node in nodes if node.name in found and node.name in read]
        if len({id(found[name].base) for name in outs}) == 1:
            return tuple(outs)
        last: Base = found[next(n.name for n in reversed(nodes) if n.name in found)].base
        for name in [name for name, one in found.items() if one.base is last]:
            del found[name]
    return ()
