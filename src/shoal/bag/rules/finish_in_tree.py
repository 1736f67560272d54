"""What is done to the one result of a reduction is done where the result is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from shoal.bag.nodes import Stage, Tree
from shoal.bag.steps import Program, Step, count_refs, materialise, renumber, step
from shoal.graph.task import Ref

__all__ = ["finish_in_tree"]


def finish_in_tree(node: Any, uses: Mapping[str, int]) -> Tree | None:
    """Put a stage that reads only a reduction into the reduction's last task.

    ``frequencies().topk(10)`` then sends ten counts to another process, not all of them.

    Parameters
    ----------
    node
        Before: ``Stage(top) <- Tree(frequencies)``.
    uses
        How many nodes read a node.

    Returns
    -------
    Tree or None
        After: ``Tree(frequencies | top)``.

    Examples
    --------
    >>> from shoal.bag.nodes import one_step
    >>> from shoal.expr.node import Held
    >>> tree = Tree(Held((1, 2)), sum, sum, None, "sum", 1)
    >>> finish_in_tree(one_step(tree, step(abs, Ref(0))), {tree.name: 1})
    <sum-...: Tree(sum | abs, split_every=None) (1,)>
    """
    if type(node) is not Stage or len(node.inputs) != 1 or node.size != 1:
        return None
    (tree,) = node.inputs
    if type(tree) is not Tree or uses[tree.name] > 1 or tree.annotations != node.annotations:
        return None
    before: Sequence[Step]
    if isinstance(tree.final, Program) and count_refs(node.steps, 0) == 1:
        before = tree.final.steps
    else:
        before = (step(finished, tree.final, Ref(0), title=tree.title),)
    moved = renumber(node.steps, lambda place, position: -1 - place)
    return Tree(
        tree.source,
        tree.combine,
        Program((*before, *moved)),
        tree.split_every,
        tree.title,
        node.npartitions,
        annotations=node.annotations,
    )


def finished(final: Callable[[Any], Any], partials: Any) -> Any:
    """The reduction's result, as a task of its own would have handed it on.

    Parameters
    ----------
    final
        The reduction's last function.
    partials
        What it takes.

    Examples
    --------
    >>> finished(iter, [1, 2])
    [1, 2]
    """
    return materialise(final(partials))
