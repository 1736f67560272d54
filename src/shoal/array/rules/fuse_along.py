"""What is done to the elements of a Fourier transform is done while its rows are in the cache."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shoal.array.kernels.buffered import is_by_elements
from shoal.array.kernels.rows import AlongAxes, first_along
from shoal.array.nodes.blockwise import Blockwise
from shoal.array.nodes.fused import Fused
from shoal.array.program import Program, Step
from shoal.expr.node import Node
from shoal.graph.task import Nest, Ref

__all__ = ["fuse_along"]


def fuse_along(node: Any, uses: Mapping[str, int]) -> Node | None:
    """Put a function along axes at the beginning of the program that is its only reader.

    The result of such a function is as large as its block, or twice; of a few rows it stays in the
    cache.

    Parameters
    ----------
    node
        Before: ``Fused(absolute) <- Blockwise(fft) <- x``.
    uses
        How many nodes read a node.

    Returns
    -------
    Node or None
        After: ``Fused(fft | absolute) <- x``.

    Examples
    --------
    >>> import shoal.array as da
    >>> from shoal.array.rules.fuse_elementwise import fuse_elementwise
    >>> x = da.ones((4, 2), chunks=2)
    >>> absolute = fuse_elementwise(abs(da.fft.fft(x))._node, {})
    >>> fuse_along(absolute, {})
    <absolute-...: Fused(fft | absolute) (4, 2)>
    """
    if type(node) is not Fused or len(node.inputs) != 1 or first_along(node.program):
        return None
    (part,) = node.inputs
    seen = tuple(range(node.ndim))
    if node.maps != (seen,) or part.annotations != node.annotations or uses.get(part.name, 1) > 1:
        return None
    first = _first_steps(part)
    if not first or not all(map(_is_of_elements, node.program.steps)):
        return None
    (source,) = part.inputs
    if not isinstance(source, Node) or not source.chunks == part.chunks == node.chunks:
        return None
    shifted = [_later(step, len(first)) for step in node.program.steps]
    program = Program(1, (*first, *shifted))
    return node.replace(program=program, inputs=(source,))


fuse_along.phase = 1  # type: ignore[attr-defined] # after it was seen that this is the only reader


def _first_steps(part: Any) -> tuple[Step, ...]:
    """The steps of a function along axes, and of what is already put behind it."""
    if type(part) is Fused and first_along(part.program):
        return tuple(part.program.steps)
    if type(part) is not Blockwise or type(part.func) is not AlongAxes:
        return ()
    if part.kwargs or part.labels != (part.out,) or [type(arg) for arg in part.args] != [Ref]:
        return ()
    return (Step(part.func, part.args),)


def _is_of_elements(step: Step) -> bool:
    return is_by_elements(step.func) and all(
        type(arg) is not Nest for arg in (*step.args, *[value for _, value in step.kwargs])
    )


def _later(step: Step, by: int) -> Step:
    """A step whose input is the result of so many others."""
    args = [Ref(arg.position + by) if type(arg) is Ref else arg for arg in step.args]
    return Step(step.func, tuple(args), step.kwargs)
