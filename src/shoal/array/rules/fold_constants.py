"""A function of one value everywhere is one value everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from shoal.array.nodes.elementwise import Elementwise
from shoal.array.nodes.sources import Full
from shoal.expr.node import Node

__all__ = ["fold_constants"]


def fold_constants(node: Any, uses: Mapping[str, int]) -> Node | None:
    """Call a ufunc once instead of for every element.

    Parameters
    ----------
    node
        Before: ``Elementwise(add, 1) <- Full(2)``.
    uses
        How many nodes read a node.

    Returns
    -------
    Node or None
        After: ``Full(3)``.

    Examples
    --------
    >>> import shoal.array as da
    >>> fold_constants((da.full(4, 2, chunks=2) + 1)._node, {})
    <add-...: Full(3, int64) (4,)>
    """
    if type(node) is not Elementwise or not isinstance(node.func, np.ufunc) or node.kwargs:
        return None
    if node.func.nout != 1 or node.given is not None or not all(map(_is_scalar, node.arrays)):
        return None
    args = [_value(item) if isinstance(item, Node) else item for item in node.operands_]
    if not all(isinstance(arg, int | float | complex | np.generic) for arg in args):
        return None
    # Whatever is to be said of it is said by nobody: no element is computed any more.
    with np.errstate(all="ignore"):
        value = node.func(*args)
    if not isinstance(value, np.generic) or value.dtype != node.dtype:
        return None
    title = node.func.__name__
    return Full(value.item(), node.chunks, node.meta, title, annotations=node.annotations)


def _is_scalar(node: Any) -> bool:
    plain = type(node) is Full and type(node.meta) is np.ndarray and node.dtype.kind in "biufc"
    return plain and np.ndim(node.value) == 0


def _value(node: Any) -> Any:
    return np.asarray(node.value, node.dtype)[()]
