"""What is known before anything is computed is not computed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from shoal.dataframe.kernels import rows
from shoal.dataframe.meta import kind_of_categories
from shoal.dataframe.nodes.base import FrameNode
from shoal.dataframe.nodes.rowwise import Filter, Operator
from shoal.dataframe.nodes.sources import Given
from shoal.expr.node import Held

__all__ = ["fold_constants"]

NEUTRAL = {"and_": True, "or_": False}
"""What leaves the other side of an operator as it is, also where that is missing; its opposite
decides alone."""


def fold_constants(node: Any, uses: Mapping[str, int]) -> FrameNode | None:
    """Compute what has known operands; leave out what changes nothing, and what leaves nothing.

    Parameters
    ----------
    node
        Before: ``Filter((p & True) | False) <- x``, ``min(x) + 1`` where the least is known, or
        ``Filter(p & False) <- x``.
    uses
        Not needed: the answer costs nothing.

    Returns
    -------
    FrameNode or None
        After: ``Filter(p) <- x``, a value, or partitions without rows.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> df = from_dict({"x": [1, 2]}, npartitions=1)
    >>> fold_constants(((df.x > 1) & True).expr, {}).label()
    'gt(1)'
    >>> fold_constants(df[(df.x > 1) | True].expr, {}) is df.expr
    True
    """
    if type(node) is Operator:
        return _without_neutral(node) or _with_known(node)
    if type(node) is not Filter or node.predicate.row_key != node.source.row_key:
        return None
    truth = truth_of(node.predicate)
    if truth is None:
        return None
    return node.source if truth else _without_rows(node)


def truth_of(predicate: Any) -> bool | None:
    """What a predicate is for all rows, whatever is in them; None where that depends on them.

    Parameters
    ----------
    predicate
        A boolean series, or a plain value.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> x = from_dict({"x": [1, 2]}, npartitions=1).x
    >>> truth_of((~((x > 1) & False)).expr), truth_of(((x > 1) | False).expr)
    (True, None)
    """
    if isinstance(predicate, bool | np.bool_):
        return bool(predicate)
    if type(predicate) is not Operator or not _is_truth(predicate):
        return None
    sides = [truth_of(arg) for arg in predicate.args]
    if predicate.op == "invert":
        return None if sides[0] is None else not sides[0]
    if predicate.op not in NEUTRAL:
        return None
    neutral = NEUTRAL[predicate.op]
    if (not neutral) in sides:
        return not neutral
    return None if None in sides else neutral


def _is_truth(node: Any) -> bool:
    """Whether it is a series of truth values, for which the laws of logic hold."""
    if not isinstance(node, FrameNode) or not isinstance(node.meta, pd.Series):
        return False
    dtype = node.meta.dtype
    return dtype == np.dtype(bool) or isinstance(dtype, pd.BooleanDtype)


def _without_neutral(node: Operator) -> FrameNode | None:
    """``p`` of ``p & True``, ``p | False`` and ``~~p``."""
    if node.op == "invert":
        (inner,) = node.args
        twice = type(inner) is Operator and inner.op == "invert" and _is_truth(inner.args[0])
        return inner.args[0] if twice else None
    if node.op not in NEUTRAL:
        return None
    kept = [arg for arg in node.args if truth_of(arg) is not NEUTRAL[node.op]]
    if len(kept) != 1 or not _is_truth(kept[0]):
        return None
    (left,) = kept
    # Where the sides have other labels, or names, the result has those of both, or none.
    rest = [arg for arg in node.args if isinstance(arg, FrameNode) and arg is not left]
    if any(arg.row_key != left.row_key for arg in rest):
        return None
    alike = left.meta.dtype == node.meta.dtype and left.meta.name == node.meta.name
    return left if alike else None


def _with_known(node: Operator) -> FrameNode | None:
    """Values in place of the scalars that have them; the result, where all operands do."""
    args = tuple([_known(arg) for arg in node.args])
    if any(isinstance(arg, FrameNode) for arg in args):
        changed = any(new is not old for new, old in zip(args, node.args, strict=True))
        return node.replace(args=args) if changed else None
    try:
        with np.errstate(all="raise"):
            value = rows.OPERATORS[node.op](*args)
    except Exception:  # whatever it is, it is raised, or warned of, when the value is computed
        return None
    return Given(Held((value,)), node.meta, (None, None), annotations=node.annotations)


def _known(arg: Any) -> Any:
    if type(arg) is not Given or arg.ndim or type(arg.blocks) is not Held:
        return arg
    (value,) = arg.blocks.values
    return value if pd.api.types.is_scalar(value) else arg


def _without_rows(node: Filter) -> FrameNode | None:
    """As many partitions as there were, with what a filter leaves of none."""
    meta = node.meta
    if not isinstance(meta, pd.DataFrame | pd.Series):
        return None
    dtypes = [meta.index.dtype, *(meta.dtypes if meta.ndim == 2 else [meta.dtype])]
    if any(kind_of_categories(dtype).endswith("[unknown]") for dtype in dtypes):
        return None
    empty = rows.keep_rows(meta, pd.Series(False, index=meta.index, dtype=bool))
    blocks = Held((empty,) * node.npartitions)
    return Given(blocks, meta, node.divisions, annotations=node.annotations)
