"""`Scalar`: one value that a frame computes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from shoal.dataframe.collection.base import FrameBase, collection_types, from_node
from shoal.dataframe.collection.generate import install_operators
from shoal.dataframe.nodes.base import FrameNode
from shoal.dataframe.nodes.rowwise import OneRow
from shoal.delayed import Delayed
from shoal.seams import across

__all__ = ["Scalar"]


class Scalar(FrameBase):
    """One value that is not computed yet, such as the sum of a column.

    Parameters
    ----------
    node
        The expression.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> total = from_dict({"x": [1, 2]}, npartitions=2).x.sum()
    >>> (total + 1).compute()
    np.int64(4)
    """

    __slots__ = ()

    def __shoal_postcompute__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return _only, ()

    @property
    def dtype(self) -> Any:
        """The type of the value."""
        return getattr(self._meta, "dtype", type(self._meta))

    @property
    def divisions(self) -> tuple[Any, ...]:
        """One partition."""
        return (None, None)

    def to_delayed(self, optimize_graph: bool = True) -> Delayed[Any]:  # type: ignore[override]
        """The value as a `Delayed`.

        Parameters
        ----------
        optimize_graph
            False to leave the expression as it is.
        """
        return super().to_delayed(optimize_graph)[0]

    def to_series(self, index: Any = 0) -> Any:
        """A series with the value as its only row.

        Parameters
        ----------
        index
            Its label.

        Examples
        --------
        >>> from shoal.dataframe import from_dict
        >>> from_dict({"x": [1, 2]}, npartitions=2).x.sum().to_series().compute().to_dict()
        {0: 3}
        """
        return from_node(OneRow(self._node, index))

    def __bool__(self) -> bool:
        raise TypeError(
            f"the truth value of {self!r} is not known before it is computed; call .compute()"
        )

    def __int__(self) -> int:
        return int(self.compute())

    def __float__(self) -> float:
        return float(self.compute())

    def __complex__(self) -> complex:
        return complex(self.compute())

    def __index__(self) -> int:
        return int(self.compute())


def _only(blocks: Sequence[Any]) -> Any:
    return blocks[0]


def _array_of(node: FrameNode) -> Any:
    """Partitions that are arrays, as one array."""
    return across("blocks to array", node, [np.nan] * node.npartitions, node.meta)


install_operators(Scalar)
collection_types.register(np.ndarray, lambda _: _array_of)


@collection_types.register_lazy("sparse")
def _register_sparse() -> None:
    kinds: Any = sys.modules["sparse"]
    collection_types.register(kinds.SparseArray, lambda _: _array_of)


@collection_types.register_lazy("scipy")
def _register_scipy() -> None:
    # There: one of its types has been met.
    kinds: Any = sys.modules["scipy.sparse"]
    for kind in (kinds.spmatrix, kinds.sparray):
        collection_types.register(kind, lambda _: _array_of)


collection_types.register(object, lambda _: Scalar)
