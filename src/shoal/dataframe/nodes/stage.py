"""Stages: many partition-wise operations as one task a partition.

A `Stage` is made by the rule `fuse_stages`.  It keeps the operations themselves (`Body`), so that
a *kernel* can choose how they run: the one of pandas compiles them to a `Program`, a step an
operation, and can do all of them; the columnar one (`shoal.dataframe.columnar.stage`, given by the
rule `columnar_stages`) translates as many of the first ones as it can to one query.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from shoal.dataframe.nodes.base import (
    Columns,
    FrameNode,
    PartitionWise,
    compile_program,
    identity,
    place_program,
)
from shoal.expr.lower import Lowering
from shoal.graph.token import tokenize

__all__ = ["Body", "Kernel", "PandasKernel", "Stage"]


class Kernel(Protocol):
    """How the operations of a stage are computed.

    Examples
    --------
    >>> isinstance(PandasKernel().told, str)
    True
    """

    title: str
    """In the names of stages; empty for the kernel that can do everything."""
    told: str
    """For `explain`: which kernel computes what."""

    def compile(
        self, leaves: Sequence[Any], nodes: Sequence[PartitionWise]
    ) -> tuple[Callable[..., Any], Sequence[Any]]:
        """A function of a partition of each input, and the values that it takes besides.

        Parameters
        ----------
        leaves
            For each input, the identity under which the nodes refer to it.
        nodes
            In order; the last one gives the result.
        """
        ...


class PandasKernel:
    """Each operation is a call of pandas.

    Examples
    --------
    >>> PandasKernel().told
    'pandas'
    """

    __slots__ = ()
    title = ""
    told = "pandas"

    def compile(
        self, leaves: Sequence[Any], nodes: Sequence[PartitionWise]
    ) -> tuple[Callable[..., Any], Sequence[Any]]:
        """A program of a step for each.

        Parameters
        ----------
        leaves, nodes
            As of `Kernel.compile`.
        """
        return compile_program(leaves, nodes)


class Body:
    """The operations of a stage, in order; the last one gives the result.

    Parameters
    ----------
    nodes
        Partition-wise nodes.  What they read is among them, or has its identity in ``leaves``.
    leaves
        For each input of the stage, the identity under which the nodes refer to it.
    kernel
        Computes them; by default pandas'.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> node = (from_dict({"x": [1]}, npartitions=1).x + 1).expr
    >>> Body((node,), (node.frames[0].name,)).root is node
    True
    """

    __slots__ = ("kernel", "leaves", "nodes")

    def __init__(
        self,
        nodes: tuple[PartitionWise, ...],
        leaves: tuple[Any, ...],
        kernel: Kernel | None = None,
    ) -> None:
        self.nodes = nodes
        self.leaves = leaves
        self.kernel: Kernel = kernel or PandasKernel()

    @property
    def root(self) -> PartitionWise:
        """The last operation."""
        return self.nodes[-1]

    def __shoal_tokenize__(self) -> Any:
        return self.root.name, self.leaves, self.kernel.title

    def __reduce__(self) -> Any:
        return Body, (self.nodes, self.leaves, self.kernel)


class Stage(FrameNode):
    """Operations run one after the other on each partition.

    Parameters
    ----------
    inputs
        Nodes and calls, a tuple.
    body
        A `Body`.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> node = (from_dict({"x": [1]}, npartitions=1).x + 1).expr
    >>> Stage(node.frames, Body((node,), (node.frames[0].name,))).npartitions
    1
    """

    __slots__ = ()
    fields = ("inputs", "body")

    @classmethod
    def make_name(cls, operands: tuple[Any, ...], annotations: dict[str, Any] | None) -> str:
        """That of the last operation, which says what is computed, and how the inputs are."""
        inputs, body = operands
        name: str = body.root.name
        told = tuple([identity(one) for one in inputs])
        if told != tuple(body.leaves):
            # Two stages of one name would be one: what reads a stage that is another one is new.
            name = f"{name.rpartition('-')[0] or name}-{tokenize(name, told)}"
        return f"{name}-{body.kernel.title}stage"

    def infer_meta(self) -> Any:
        """The last operation's."""
        return self.body.root.meta

    def infer_divisions(self) -> tuple[Any, ...]:
        """The last operation's."""
        divisions: tuple[Any, ...] = self.body.root.divisions
        return divisions

    @property
    def partitioning(self) -> Any:
        """The last operation's."""
        return self.body.root.partitioning

    def needs(self, wanted: Columns) -> Iterator[Any]:
        """Everything: columns were dropped before."""
        return ((frame, None) for frame in self.frames)

    def place(self, lowering: Lowering) -> None:
        """One layer."""
        body = self.body
        program, values = body.kernel.compile(body.leaves, body.nodes)
        place_program(self, self.inputs, program, values, lowering)

    def label(self) -> str:
        """The operations."""
        return f"Stage({' | '.join(node.label() for node in self.body.nodes)})"
