"""NumPy and SciPy: arrays by their bytes in C order, so that layout in memory makes no difference.

Bytes that are no part of a value (padding of structures and of long doubles, the pointers of
object and string arrays) are never hashed.  Arrays that differ only in the sign of zero or in the
bits of a not-a-number have different tokens: telling would cost another pass.

A memory-mapped array is hashed by content too.  Its file's name and time would be cheaper, but
a change through the map itself need not touch the time, and a stale token names a wrong result.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import xxhash

from shoal.graph.token.registry import normalize_token
from shoal.graph.token.walk import FLAT, Normal, Unpredictable, Walk

if TYPE_CHECKING:
    import numpy as np

__all__: list[str] = []

# Arrays that are not contiguous are copied in blocks of about this many bytes.
_BLOCK_BYTES = 1 << 20

# The kinds of dtype that their short string says everything about.
_SIMPLE_KINDS = frozenset("biufcmMSUO")

# x87 extended precision: 10 bytes of value in 12 or 16.
_LONGDOUBLE_BYTES = 10


# Their short strings: to make one costs more than to hash a small array.
_simple_names: dict[np.dtype[Any], str] = {}


# -- arrays --------------------------------------------------------------------------------------


def _flat_array(walk: Walk, array: np.ndarray[Any, Any]) -> Normal:
    """The normal form of an array whose bytes are its value, else None."""
    dtype = array.dtype
    name = _simple_names.get(dtype)
    if name is None:
        if dtype.kind not in _SIMPLE_KINDS or dtype.char in "gGO" or dtype.metadata is not None:
            return None
        name = _simple_names[dtype] = dtype.str
    if not array.flags.c_contiguous and _repeated_axes(array):
        return None
    return ("\0numpy.ndarray", name, array.shape, _digest(array))


def _flat_scalar(walk: Walk, scalar: np.generic) -> Normal:
    return ("\0numpy.generic", scalar.dtype.str, scalar.tobytes())


def describe_array(array: np.ndarray[Any, Any]) -> Any:
    """(dtype, shape, contents), and the attributes of a subclass."""
    import numpy as np

    cls = type(array)
    dtype = array.dtype
    if cls is np.ndarray:
        plain, extra = array, None
    else:
        plain, extra = np.asarray(array), _attributes(array)
    name = dtype.str if dtype.kind in _SIMPLE_KINDS and dtype.char not in "gG" else dtype
    description = (name, array.shape, _contents(plain))
    return description if extra is None else (*description, extra)


def _attributes(array: Any) -> Any:
    """What a subclass of ndarray adds; those of NumPy's own add nothing that matters here."""
    if type(array).__module__.partition(".")[0] == "numpy":
        return None
    return (type(array), getattr(array, "__dict__", None))


def _contents(array: np.ndarray[Any, Any]) -> Any:
    dtype = array.dtype
    if not array.size:
        return b""
    if dtype.names is not None and not _is_dense(dtype):
        return [(name, describe_array(array[name])) for name in dtype.names]
    if dtype.hasobject or dtype.kind == "T":
        return array.ravel().tolist()
    repeated = _repeated_axes(array)
    if repeated:
        # Terabytes may hide behind one broadcast element.
        once = tuple(slice(1) if axis in repeated else slice(None) for axis in range(array.ndim))
        return ("broadcast", repeated, describe_array(array[once]))
    if dtype.char in "gG":
        return _digest(_significant(array))
    return _digest(array)


def _repeated_axes(array: np.ndarray[Any, Any]) -> list[int]:
    """The axes along which an array holds one element over and over, as broadcasting makes them."""
    steps = enumerate(zip(array.strides, array.shape))
    return [axis for axis, (stride, length) in steps if stride == 0 and length > 1]


def _is_dense(dtype: np.dtype[Any]) -> bool:
    """Whether every byte of an element is part of its value."""
    if dtype.names is None:
        base = dtype.subdtype[0] if dtype.subdtype is not None else dtype
        if base is not dtype:
            return _is_dense(base)
        return not dtype.hasobject and dtype.kind != "T" and dtype.char not in "gG"
    fields = [dtype[name] for name in dtype.names]
    return sum(f.itemsize for f in fields) == dtype.itemsize and all(map(_is_dense, fields))


def _significant(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The bytes of long doubles without their padding, where they have any."""
    import numpy as np

    width = np.dtype(np.longdouble).itemsize
    as_bytes = np.ascontiguousarray(array).reshape(-1).view(np.uint8).reshape(-1, width)
    padded = np.finfo(np.longdouble).nmant == 63
    return as_bytes[:, :_LONGDOUBLE_BYTES] if padded else as_bytes


def _digest(array: np.ndarray[Any, Any]) -> bytes:
    if not array.nbytes:
        return b""
    if array.flags.c_contiguous:
        try:
            return xxhash.xxh3_128_digest(array)  # type: ignore[arg-type]
        except (ValueError, BufferError):  # dates, and dtypes from elsewhere
            return xxhash.xxh3_128_digest(array.reshape(-1).view("u1"))  # type: ignore[arg-type]
    state = xxhash.xxh3_128()
    _feed(state.update, array)
    return state.digest()


def _feed(update: Callable[[Any], object], array: np.ndarray[Any, Any]) -> None:
    """Pass the bytes of an array in C order on, without a copy of the whole."""
    import numpy as np

    row_bytes = array.nbytes // len(array)
    if array.ndim > 1 and row_bytes > _BLOCK_BYTES:
        for row in array:
            _feed(update, row)
        return
    step = max(1, _BLOCK_BYTES // row_bytes)
    for start in range(0, len(array), step):
        block = np.ascontiguousarray(array[start : start + step])
        update(block.reshape(-1).view("u1"))


def _describe_masked(array: Any) -> Any:
    # What lies below the mask is no part of the value.
    import numpy as np

    mask = np.ma.getmaskarray(array)
    data = np.ma.getdata(array)
    if mask.dtype.names is None and mask.any():
        data = data.copy()
        data[mask] = np.zeros((), data.dtype)
    return (data, mask, array.fill_value, array.hardmask)


def _describe_dtype(dtype: np.dtype[Any]) -> Any:
    # Long doubles have one string on all platforms, and more than one meaning.
    if dtype.kind in _SIMPLE_KINDS and dtype.metadata is None:
        return (dtype.str, dtype.char) if dtype.char in "gG" else (dtype.str,)
    return dtype.__reduce__()


def _describe_ufunc(ufunc: np.ufunc) -> Any:
    name = ufunc.__name__
    for module in ("numpy", "scipy.special"):
        if getattr(sys.modules.get(module), name, None) is ufunc:
            return (module, name)
    raise Unpredictable(
        "a ufunc made by numpy.frompyfunc or compiled elsewhere does not show its function; "
        "use shoal.array.ufunc.frompyfunc instead"
    )


def _describe_vectorize(function: Any) -> Any:
    # Without the compiled ufuncs that it caches.
    parts = (function.pyfunc, function.otypes, function.signature, function.excluded)
    return (*parts, function.cache, function.__doc__)


def _register_numpy() -> None:
    import numpy as np

    hooks: dict[Any, Callable[[Any], Any]] = {
        np.ndarray: describe_array,
        np.generic: lambda scalar: describe_array(np.asarray(scalar)),
        np.ma.MaskedArray: _describe_masked,
        np.dtype: _describe_dtype,
        np.ufunc: _describe_ufunc,
        np.vectorize: _describe_vectorize,
    }
    normalize_token.extend(hooks)
    FLAT[np.ndarray] = _flat_array
    kinds = "?bBhHiIlLqQefdFDmM"
    FLAT.update({np.dtype(char).type: _flat_scalar for char in kinds})


# -- sparse matrices -----------------------------------------------------------------------------

_SPARSE_PARTS = {
    "bsr": ("data", "indices", "indptr"),
    "coo": ("data", "coords"),
    "csc": ("data", "indices", "indptr"),
    "csr": ("data", "indices", "indptr"),
    "dia": ("data", "offsets"),
}


def _describe_sparse(matrix: Any) -> Any:
    """The arrays of a sparse matrix, without what it remembers about them, such as sorted."""
    parts = _SPARSE_PARTS.get(matrix.format)
    if parts is None:  # dictionaries and lists of lists: the same in any order of insertion
        matrix = matrix.tocsr()
        matrix.sort_indices()
        parts = _SPARSE_PARTS["csr"]
    return (matrix.shape, [getattr(matrix, part) for part in parts])


def _register_scipy() -> bool:
    sparse: Any = sys.modules.get("scipy.sparse")
    if sparse is None:
        return False  # ask again: another part of SciPy is in use
    normalize_token.extend({(sparse.sparray, sparse.spmatrix): _describe_sparse})
    return True


normalize_token.register_lazy("numpy", _register_numpy)
normalize_token.register_lazy("scipy", _register_scipy)
