"""pandas: columns by their arrays, arrays by their type's canonical parts.

How a frame groups its columns into blocks, what an index has cached, how Arrow strings are cut
into chunks, and what lies below a missing value make no difference.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shoal.graph.token.registry import normalize_token
from shoal.graph.token.walk import FLAT, Normal, Walk

__all__: list[str] = []


# Short frames with one dtype are hashed as one array: longer ones might have to be copied for it.
_FEW_ROWS = 1024


def _is_pandas(obj: object) -> bool:
    return type(obj).__module__.partition(".")[0] == "pandas"


def _attributes(obj: Any) -> Any:
    """What a subclass of a frame or series adds, by pandas' protocol for it, and ``attrs``."""
    added = [(name, getattr(obj, name, None)) for name in obj._metadata if name != "name"]
    return (added, obj.attrs) if added or obj.attrs else None


def _array(obj: Any) -> Any:
    """The array of a series or index, without pandas' wrapper around those of NumPy."""
    array = obj.array
    return array.to_numpy() if type(array).__name__ == "NumpyExtensionArray" else array


def _describe_index(index: Any) -> Any:
    return (index.name, str(index.dtype), _array(index))


def _describe_freq_index(index: Any) -> Any:
    return (index.name, index.array, index.freq)


def _describe_range(index: Any) -> Any:
    return (index.name, index.start, index.stop, index.step)


def _describe_multi(index: Any) -> Any:
    # By value: equal indexes may have levels in another order, or levels that nothing uses.
    return (index.names, [index.get_level_values(i).array for i in range(index.nlevels)])


def _describe_series(series: Any) -> Any:
    dtype = str(series.dtype)  # for the reader of the normal form
    return (series.name, dtype, series.index, _array(series), _attributes(series))


def _describe_frame(frame: Any) -> Any:
    return (frame.columns, frame.index, _columns(frame), _attributes(frame))


def _columns(frame: Any) -> Any:
    # pandas' own ways, because those for users make a Series of each column, at a hundred times
    # the price.
    dtypes = {*frame._mgr.get_dtypes()}
    if len(frame) < _FEW_ROWS and len(dtypes) == 1 and hasattr(dtypes.pop(), "byteorder"):
        # Not one of pandas' own, which would go to objects.
        return frame.to_numpy().T
    return list(frame._iter_column_arrays())


# -- arrays and dtypes ---------------------------------------------------------------------------


def _describe_masked(array: Any) -> Any:
    if not _is_pandas(array):
        return NotImplemented
    missing = array.isna()
    numpy_dtype = array.dtype.numpy_dtype
    zero = numpy_dtype.type(0)
    return (array.dtype, array.to_numpy(dtype=numpy_dtype, na_value=zero), missing)


def _describe_sparse(array: Any) -> Any:
    return (array.dtype, len(array), array.sp_values, array.sp_index.to_int_index().indices)


def _describe_numpy_backed(array: Any) -> Any:
    return (array.dtype, array.to_numpy())


def _describe_dtype(dtype: Any) -> Any:
    """A dtype by the attributes that pandas compares, without what it has cached."""
    if not _is_pandas(dtype):
        return NotImplemented
    return tuple(getattr(dtype, name) for name in dtype._metadata)


def _flat_timestamp(walk: Walk, time: Any) -> Normal:
    # A time zone is an object of its own, which pickle's protocol describes.
    if time.tzinfo is not None:
        return None
    return ("\0Timestamp", time.isoformat(), time.unit, time.fold)


def _register_pandas() -> None:
    import pandas as pd

    arrays = pd.arrays
    hooks: dict[Any, Callable[[Any], Any]] = {
        pd.Index: _describe_index,
        pd.DatetimeIndex: _describe_freq_index,
        pd.TimedeltaIndex: _describe_freq_index,
        pd.RangeIndex: _describe_range,
        pd.MultiIndex: _describe_multi,
        pd.Series: _describe_series,
        pd.DataFrame: _describe_frame,
        pd.api.extensions.ExtensionDtype: _describe_dtype,
        pd.Categorical: lambda array: (array.dtype, array.codes),
        (arrays.DatetimeArray, arrays.TimedeltaArray, arrays.PeriodArray): (
            lambda array: (array.dtype, array.asi8)
        ),
        arrays.IntervalArray: lambda array: (array.dtype, array.left, array.right),
        arrays.SparseArray: _describe_sparse,
        (arrays.BooleanArray, arrays.IntegerArray, arrays.FloatingArray): _describe_masked,
        arrays.NumpyExtensionArray: _describe_numpy_backed,
        arrays.ArrowExtensionArray: lambda array: (array.dtype, array.__arrow_array__()),
    }
    normalize_token.extend(hooks)
    FLAT[pd.Timestamp] = _flat_timestamp


normalize_token.register_lazy("pandas", _register_pandas)
