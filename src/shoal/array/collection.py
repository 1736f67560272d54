"""`Array`: many NumPy arrays in a grid, used as one.

An array is a handle on an expression (`shoal.array.nodes`).  Its methods make other expressions
and compute nothing; what each does is written in the module named beside it.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np

from shoal.array.chunks import Chunks, normalize_chunks, shape_of
from shoal.array.delegate import Delegate, DelegatedProperty, OwnDelegate
from shoal.array.inplace import write_in_place
from shoal.array.kernels.assemble import assemble, nested
from shoal.array.meta import meta_from_array
from shoal.array.nodes.base import ArrayNode, FromGraph, HeldBlocks, Wrapped
from shoal.array.nodes.sources import own_copy
from shoal.array.operators import Operators
from shoal.array.rules import RULES
from shoal.collection import CollectionMixin
from shoal.expr.node import Held, Node
from shoal.graph.plan import Plan
from shoal.highlevelgraph import HighLevelGraph, graph_of
from shoal.types import Key

__all__ = ["Array"]

ArrayNode.rules = RULES


class Array(Operators, CollectionMixin):
    """An array in blocks that are computed side by side, with NumPy's interface.

    Parameters
    ----------
    dask
        A dict graph with the tasks ``(name, i, j, ...)``, a block each.
    name
        Of the array.
    chunks
        Lengths of the blocks along each axis, as `shoal.array.normalize_chunks` takes them.
    dtype
        Of the elements.
    meta
        An array without elements of the kind that blocks are; NumPy's by default.
    shape
        In elements, where ``chunks`` do not tell it.

    Examples
    --------
    >>> import shoal.array as da
    >>> x = da.arange(6, chunks=3)
    >>> (x + 1).sum().compute()
    np.int64(21)
    >>> Array({("x", 0): np.ones(2), ("x", 1): np.zeros(1)}, "x", ((2, 1),), "f8").compute()
    array([1., 1., 0.])
    """

    __slots__ = ("__weakref__", "_node")
    __shoal_scheduler__ = "threads"
    __array_priority__ = 11

    _node: Any

    # Not __init__: libraries derive classes whose constructor takes other arguments (anndata).
    # What is computed from an object of such a class is an `Array`.
    def __new__(
        cls,
        dask: Mapping[Key, Any] | Node,
        name: str | None = None,
        chunks: Any = None,
        dtype: Any = None,
        meta: Any = None,
        shape: Any = None,
    ) -> Self:
        self = super().__new__(cls)
        if isinstance(dask, ArrayNode):
            self._node = dask
            return self
        if name is None or chunks is None:
            raise ValueError(
                "Array(graph, name, chunks, dtype=...) needs all of them; chunks are the lengths "
                "of the blocks along each axis. To make an array of values use from_array"
            )
        if dtype is None and meta is None:
            raise ValueError("Array(graph, name, chunks) needs dtype= or meta=")
        given = normalize_chunks(chunks, shape, dtype=dtype)
        self._node = FromGraph(dask, name, given, meta_from_array(meta, len(given), dtype))
        return self

    # ------------------------------------------------------------------ protocol of collections

    def __shoal_node__(self) -> Any:
        return self._node

    def __shoal_tokenize__(self) -> Any:
        return self._node.name

    def __shoal_with_node__(self, node: Node) -> Array:
        if isinstance(node, Held):
            node = HeldBlocks(node.values, self.chunks, self._meta, name=node.name)
        elif not isinstance(node, ArrayNode):
            node = Wrapped((node,), self.chunks, self._meta)
        return Array(node)

    def __shoal_postcompute__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        if self.npartitions == 1:
            return _only_block, (self._node,)
        return assemble, (self.numblocks,)

    def __shoal_in_place__(self, plan: Plan, wanted: Sequence[int], is_alone: bool) -> Any:
        return write_in_place(plan, wanted, self.chunks, self._meta, is_alone)

    def __reduce__(self) -> tuple[Any, ...]:
        return Array, (self._node,)

    def __copy__(self) -> Array:
        return Array(self._node)

    def copy(self) -> Array:
        """Another handle on the same expression, for assignments to one of them.

        Examples
        --------
        >>> import shoal.array as da
        >>> x = da.ones(2, chunks=1)
        >>> y = x.copy()
        >>> y[0] = 5
        >>> x.compute(), y.compute()
        (array([1., 1.]), array([5., 1.]))
        """
        return Array(self._node)

    def __deepcopy__(self, memo: Any) -> Array:
        return Array(self._node)

    @property
    def dask(self) -> HighLevelGraph:
        """The graph, not optimised: a mapping of keys to tasks, in layers."""
        return graph_of(self)

    def _keys(self) -> list[Any]:
        """The keys of the blocks, in lists of the grid's shape."""
        if not self.ndim:
            return [self.name]
        keys = [(self.name, *index) for index in np.ndindex(*self.numblocks)]
        nested_keys: list[Any] = nested(keys, self.numblocks)
        return nested_keys

    # ------------------------------------------------------------------------- what it tells

    @property
    def name(self) -> str:
        """What the keys of the blocks begin with; equal arrays have equal names."""
        node = self._node
        if isinstance(node, Wrapped) and len(node.parts) == 1 and isinstance(node.parts[0], Node):
            node = node.parts[0]
        name: str = node.title if isinstance(node, FromGraph) else node.name
        return name

    @property
    def chunks(self) -> Chunks:
        """Lengths of the blocks along each axis; nan where they are not known."""
        chunks: Chunks = self._node.chunks
        return chunks

    @chunks.setter
    def chunks(self, chunks: Any) -> None:
        raise TypeError(f"chunks cannot be set; use x.rechunk({chunks!r}), which gives a new array")

    @property
    def _chunks(self) -> Chunks:
        # Libraries that know more than the array assign to it: lengths, and what blocks are.
        return self.chunks

    @_chunks.setter
    def _chunks(self, chunks: Any) -> None:
        told = tuple(map(tuple, chunks))
        if tuple(map(len, told)) != self.numblocks:
            raise ValueError(f"chunks {told} are for {[*map(len, told)]} blocks, not {self!r}'s")
        self._node = Wrapped((self._node,), told, self._meta)

    @property
    def _meta(self) -> Any:
        return self._node.meta

    @_meta.setter
    def _meta(self, meta: Any) -> None:
        self._node = Wrapped((self._node,), self.chunks, meta)

    @property
    def dtype(self) -> Any:
        """The type of the elements, a `numpy.dtype`."""
        return self._node.meta.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis; nan where it is not known."""
        return shape_of(self.chunks)

    @property
    def ndim(self) -> int:
        """How many axes."""
        return len(self.chunks)

    @property
    def size(self) -> int:
        """How many elements; nan where that is not known."""
        return math.prod(self.shape)

    @property
    def itemsize(self) -> int:
        """Bytes of an element."""
        size: int = self.dtype.itemsize
        return size

    @property
    def nbytes(self) -> int:
        """Bytes of all elements; nan where that is not known."""
        return self.size * self.itemsize

    @property
    def numblocks(self) -> tuple[int, ...]:
        """How many blocks along each axis."""
        return tuple(map(len, self.chunks))

    @property
    def npartitions(self) -> int:
        """How many blocks."""
        return math.prod(self.numblocks)

    @property
    def chunksize(self) -> tuple[int, ...]:
        """The largest length of a block along each axis."""
        return tuple([max(blocks) for blocks in self.chunks])

    def __repr__(self) -> str:
        title = self.name.rsplit("-", 1)[0]
        kind = type(self._meta)
        return (
            f"shoal.array<{title}, shape={self.shape}, dtype={self.dtype}, "
            f"chunksize={self.chunksize}, chunktype={kind.__module__.split('.')[0]}."
            f"{kind.__name__}>"
        )

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("len() of unsized object: the array has no axes")
        length = self.shape[0]
        if length != length:
            raise ValueError(
                "cannot call len() on object with unknown chunk size: the first axis has blocks of "
                "unknown length (nan); call compute_chunk_sizes() first"
            )
        return length

    # ------------------------------------------------------------------------------- conversions

    def _scalar(self, make: Callable[[Any], Any]) -> Any:
        if self.size > 1:
            raise TypeError(
                f"only arrays of one element become a {make.__name__}, this one has shape "
                f"{self.shape}"
            )
        value = self.compute()
        return make(value.item() if hasattr(value, "item") else value)

    def __bool__(self) -> bool:
        if self.size > 1:
            raise ValueError(
                f"the truth of an array with more than one element is ambiguous (shape "
                f"{self.shape}); use a.any() or a.all()"
            )
        return bool(self.compute())

    def __int__(self) -> int:
        value: int = self._scalar(int)
        return value

    def __float__(self) -> float:
        value: float = self._scalar(float)
        return value

    def __complex__(self) -> complex:
        value: complex = self._scalar(complex)
        return value

    def __index__(self) -> int:
        if self.dtype.kind not in "iu":
            raise TypeError(f"only arrays of integers become an index, this one is {self.dtype}")
        value: int = self._scalar(int)
        return value

    def __array__(self, dtype: Any = None, copy: bool | None = None, **kwargs: Any) -> Any:
        if kwargs:
            warnings.warn(f"{sorted(kwargs)} are ignored by __array__", FutureWarning, stacklevel=2)
        if copy is False:
            warnings.warn(
                "Can't acquire a memory view of an array that is to be computed: copy=False is "
                "ignored, and will be an error",
                FutureWarning,
                stacklevel=2,
            )
        out = self.compute()
        return np.asarray(out, dtype=dtype) if type(out) is not np.ndarray or dtype else out

    def __iter__(self) -> Iterator[Array]:
        for i in range(len(self)):
            yield self[i]

    def to_delayed(self, optimize_graph: bool = True) -> Any:
        """The blocks as `Delayed`, in a NumPy array of objects.

        Parameters
        ----------
        optimize_graph
            False to keep the expression as it is.

        Examples
        --------
        >>> import shoal.array as da
        >>> da.ones(4, chunks=2).to_delayed()[1].compute()
        array([1., 1.])
        """
        return self._to_delayed(optimize_graph)

    # ---------------------------------------------------------------------------- NumPy's protocols

    _elemwise = Delegate("elementwise", "elemwise")
    _key_array = DelegatedProperty("core", "key_array_of")
    __array_ufunc__ = Delegate("protocols", "array_ufunc")
    __array_function__ = Delegate("protocols", "array_function")
    __array_namespace__ = OwnDelegate("standard", "array_namespace")
    __dlpack__ = Delegate("standard", "dlpack_of")
    __dlpack_device__ = Delegate("standard", "dlpack_device_of")
    device = DelegatedProperty("standard", "device_of")
    to_device = Delegate("standard")
    mT = DelegatedProperty("standard", "matrix_transpose")
    _repr_html_ = Delegate("svg", "repr_html")
    to_svg = Delegate("svg")

    # ------------------------------------------------------------------------------- the methods

    __getitem__ = Delegate("slicing", "getitem")
    __setitem__ = Delegate("slicing", "setitem")
    blocks = DelegatedProperty("slicing", "blocks_of")
    choose = Delegate("slicing")
    compute_chunk_sizes = Delegate("slicing")
    flatten = Delegate("rechunking", "ravel")
    repeat = Delegate("creation")
    partitions = DelegatedProperty("slicing", "blocks_of")
    ravel = Delegate("rechunking")
    reshape = Delegate("rechunking", "reshape_of")
    store = Delegate("io.storing", "store_of")
    to_backend = Delegate("conversion")
    to_dask_dataframe = Delegate("frames")
    take = Delegate("slicing")
    to_hdf5 = Delegate("io.hdf5", "to_hdf5_of")
    to_tiledb = Delegate("io.tiledb_arrays", "to_tiledb")
    to_zarr = Delegate("io.zarr_arrays", "to_zarr_of")
    view = Delegate("slicing")
    vindex = DelegatedProperty("slicing", "vindex_of")

    _stack = Delegate("routines", "stack")
    _to_delayed = Delegate("conversion", "to_delayed")
    astype = Delegate("elementwise")
    map_blocks = Delegate("mapping", "map_blocks_of")
    map_overlap = Delegate("overlap", "map_overlap_of")
    rechunk = Delegate("rechunking")
    shuffle = Delegate("rechunking")
    __divmod__ = Delegate("ufunc", "divmod")
    __matmul__ = Delegate("routines.products", "matmul_of")
    __rmatmul__ = Delegate("routines.products", "rmatmul_of")
    clip = Delegate("ufunc", "clip_of")
    conj = Delegate("ufunc")
    dot = Delegate("routines")
    imag = DelegatedProperty("ufunc", "imag")
    nonzero = Delegate("routines")
    real = DelegatedProperty("ufunc", "real")
    round = Delegate("routines")
    squeeze = Delegate("routines")
    swapaxes = Delegate("routines")

    all = Delegate("reductions")
    any = Delegate("reductions")
    argmax = Delegate("reductions")
    argmin = Delegate("reductions")
    argtopk = Delegate("reductions")
    cumprod = Delegate("reductions")
    cumsum = Delegate("reductions")
    max = Delegate("reductions")
    mean = Delegate("reductions")
    min = Delegate("reductions")
    moment = Delegate("reductions")
    prod = Delegate("reductions")
    std = Delegate("reductions")
    sum = Delegate("reductions")
    topk = Delegate("reductions")
    trace = Delegate("statistics")
    var = Delegate("reductions")

    @property
    def A(self) -> Array:
        """The array itself: NumPy's matrices have it."""
        return self

    @property
    def T(self) -> Array:
        """The axes in reverse order."""
        array: Array = self.transpose()
        return array

    def transpose(self, *axes: Any) -> Array:
        """The axes in another order; see `shoal.array.transpose`.

        Parameters
        ----------
        *axes
            One int each, or one tuple; reversed when there are none.
        """
        order: Any = axes
        if len(axes) == 1 and (axes[0] is None or isinstance(axes[0], tuple | list)):
            (order,) = axes
        array: Array = self._transpose(order or None)
        return array

    _transpose = Delegate("routines", "transpose")


def _only_block(blocks: Any, node: Any) -> Any:
    """The result of an array of one block, which the user may write to."""
    return own_copy(assemble(blocks, ()), node)
