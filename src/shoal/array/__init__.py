"""Arrays: NumPy's interface to many blocks that are computed side by side.

``import shoal.array as da`` takes the place of ``import numpy as np``.  Everything is lazy until it
is computed, by default in threads.  A name is loaded from the module for its topic when it is first
used (`HOMES`).
"""

from __future__ import annotations

import importlib
from typing import Any

from shoal.array.refused import reason_of

HOMES: dict[str, str] = {
    "collection": "Array",
    "chunks": "normalize_chunks",
    "chunktypes": "register_chunk_type",
    "blocks": "blockwise unify_chunks",
    "mapping": "map_blocks",
    "conversion": "asanyarray asarray from_delayed",
    "core": "optimize",
    "creation": (
        "arange array diag diagonal empty empty_like eye fromfunction full full_like indices "
        "linspace meshgrid ones ones_like pad repeat tile tri tril tril_indices "
        "tril_indices_from triu triu_indices triu_indices_from zeros zeros_like"
    ),
    "creation.spaced": (
        "bartlett blackman diag_indices diag_indices_from diagflat geomspace hamming hanning "
        "identity kaiser logspace"
    ),
    "elementwise": "elemwise",
    "io": "from_array",
    "io.hdf5": "to_hdf5",
    "io.npy_stack": "from_npy_stack to_npy_stack",
    "io.storing": "store",
    "io.tiledb_arrays": "from_tiledb to_tiledb",
    "io.zarr_arrays": "from_zarr to_zarr",
    "overlap": "map_overlap push",
    "rechunking": "ravel rechunk reshape reshape_blockwise shuffle",
    "slicing": "choose compress extract take",
    "reductions": (
        "all any max mean min prod reduction sum argmax argmin argtopk cumprod cumreduction "
        "cumsum moment nanargmax nanargmin nancumprod nancumsum nanmax nanmean nanmin nanprod "
        "nanstd nansum nanvar std topk var"
    ),
    "routines": (
        "block broadcast_to concatenate expand_dims squeeze stack transpose "
        "aligned_coarsen_chunks allclose append apply_along_axis apply_over_axes argwhere "
        "around atleast_1d atleast_2d atleast_3d bincount broadcast_arrays coarsen delete "
        "diff digitize dot dstack ediff1d einsum flatnonzero flip fliplr flipud gradient "
        "histogram histogram2d histogramdd hstack insert isclose iscomplexobj isin isnull "
        "matmul moveaxis ndim nonzero notnull outer piecewise ravel_multi_index result_type "
        "roll rollaxis rot90 round searchsorted select shape swapaxes tensordot union1d "
        "unique unravel_index vdot vstack where array_equal array_equiv can_cast column_stack copy "
        "isrealobj resize size take_along_axis trim_zeros array_split dsplit hsplit split unstack "
        "vsplit intersect1d setdiff1d setxor1d unique_all unique_counts unique_inverse "
        "unique_values convolve correlate cross inner interp kron matvec polyval trapezoid unwrap "
        "vander vecdot vecmat common_type"
    ),
    "sorting": "argpartition argsort lexsort partition sort sort_complex",
    "standard": (
        "astype cumulative_prod cumulative_sum finfo from_dlpack iinfo isdtype matrix_transpose"
    ),
    "ufunc": (
        "add subtract multiply divide true_divide floor_divide remainder mod fmod power "
        "float_power negative positive absolute fabs rint sign conj exp exp2 log log2 log10 "
        "expm1 log1p sqrt square cbrt reciprocal logaddexp logaddexp2 hypot heaviside sin cos "
        "tan arcsin arccos arctan arctan2 sinh cosh tanh arcsinh arccosh arctanh deg2rad "
        "rad2deg degrees radians bitwise_and bitwise_or bitwise_xor invert bitwise_not "
        "left_shift right_shift greater greater_equal less less_equal not_equal equal "
        "logical_and logical_or logical_xor logical_not maximum minimum fmax fmin isfinite "
        "isinf isnan signbit copysign nextafter spacing ldexp floor ceil trunc divmod modf "
        "frexp frompyfunc bitwise_count gcd isnat lcm conjugate angle clip fix i0 imag iscomplex "
        "isneginf isposinf isreal nan_to_num real sinc"
    ),
    "statistics": (
        "average count_nonzero median nanmedian nanpercentile nanquantile percentile ptp "
        "quantile trace cov corrcoef"
    ),
    "gufuncs": "apply_gufunc as_gufunc gufunc",
}
"""Public names by the module that has them.  No module may have a public function's name."""

RENAMED: dict[str, tuple[str, str]] = {
    "PerformanceWarning": ("errors", "PerformanceWarning"),
    "__array_namespace_info__": ("array.standard", "namespace_info"),
    "abs": ("array.ufunc", "absolute"),
    "acos": ("array.ufunc", "arccos"),
    "acosh": ("array.ufunc", "arccosh"),
    "amax": ("array.reductions", "max"),
    "amin": ("array.reductions", "min"),
    "asin": ("array.ufunc", "arcsin"),
    "asinh": ("array.ufunc", "arcsinh"),
    "assert_eq": ("array.testing", "assert_eq"),
    "atan": ("array.ufunc", "arctan"),
    "atan2": ("array.ufunc", "arctan2"),
    "atanh": ("array.ufunc", "arctanh"),
    "bitwise_invert": ("array.ufunc", "invert"),
    "bitwise_left_shift": ("array.ufunc", "left_shift"),
    "bitwise_right_shift": ("array.ufunc", "right_shift"),
    "compute": ("collection", "compute"),
    "concat": ("array.routines", "concatenate"),
    "permute_dims": ("array.routines", "transpose"),
    "pow": ("array.ufunc", "power"),
    "row_stack": ("array.routines", "vstack"),
}
"""Other public names: the module within `shoal`, and the name there."""

NUMPYS = (
    "False_ ScalarType True_ bool bool_ broadcast_shapes byte bytes_ cdouble character clongdouble "
    "complex128 complex64 complexfloating csingle datetime64 double dtype e errstate "
    "euler_gamma flexible float16 float32 float64 floating generic geterr geterrcall half "
    "index_exp inexact inf int16 int32 int64 int8 int_ intc integer intp isscalar issubdtype "
    "iterable long longdouble longlong mintypecode nan ndindex newaxis number object_ pi "
    "promote_types s_ sctypeDict seterr seterrcall short signedinteger single str_ timedelta64 "
    "typecodes typename ubyte uint uint16 uint32 uint64 uint8 uintc uintp ulong ulonglong "
    "unsignedinteger ushort void"
)
"""Names that are NumPy's own: types, constants, and functions of these and of shapes."""

SUBMODULES = (
    "core creation fft image lib linalg ma overlap random rechunking reductions routines slicing "
    "statistics stats testing ufunc"
)
"""Modules that people reach as attributes."""

_homes: dict[str, str] = {name: home for home, names in HOMES.items() for name in names.split()}
_submodules = frozenset(SUBMODULES.split())
_numpys = frozenset(NUMPYS.split())
__array_api_version__ = "2025.12"

__all__ = [
    "Array",
    "False_",
    "PerformanceWarning",
    "ScalarType",
    "True_",
    "abs",
    "absolute",
    "acos",
    "acosh",
    "add",
    "aligned_coarsen_chunks",
    "all",
    "allclose",
    "amax",
    "amin",
    "angle",
    "any",
    "append",
    "apply_along_axis",
    "apply_gufunc",
    "apply_over_axes",
    "arange",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "argmax",
    "argmin",
    "argpartition",
    "argsort",
    "argtopk",
    "argwhere",
    "around",
    "array",
    "array_equal",
    "array_equiv",
    "array_split",
    "as_gufunc",
    "asanyarray",
    "asarray",
    "asin",
    "asinh",
    "assert_eq",
    "astype",
    "atan",
    "atan2",
    "atanh",
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "average",
    "bartlett",
    "bincount",
    "bitwise_and",
    "bitwise_count",
    "bitwise_invert",
    "bitwise_left_shift",
    "bitwise_not",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "blackman",
    "block",
    "blockwise",
    "bool",
    "bool_",
    "broadcast_arrays",
    "broadcast_shapes",
    "broadcast_to",
    "byte",
    "bytes_",
    "can_cast",
    "cbrt",
    "cdouble",
    "ceil",
    "character",
    "choose",
    "clip",
    "clongdouble",
    "coarsen",
    "column_stack",
    "common_type",
    "complex128",
    "complex64",
    "complexfloating",
    "compress",
    "compute",
    "concat",
    "concatenate",
    "conj",
    "conjugate",
    "convolve",
    "copy",
    "copysign",
    "corrcoef",
    "correlate",
    "cos",
    "cosh",
    "count_nonzero",
    "cov",
    "cross",
    "csingle",
    "cumprod",
    "cumreduction",
    "cumsum",
    "cumulative_prod",
    "cumulative_sum",
    "datetime64",
    "deg2rad",
    "degrees",
    "delete",
    "diag",
    "diag_indices",
    "diag_indices_from",
    "diagflat",
    "diagonal",
    "diff",
    "digitize",
    "divide",
    "divmod",
    "dot",
    "double",
    "dsplit",
    "dstack",
    "dtype",
    "e",
    "ediff1d",
    "einsum",
    "elemwise",
    "empty",
    "empty_like",
    "equal",
    "errstate",
    "euler_gamma",
    "exp",
    "exp2",
    "expand_dims",
    "expm1",
    "extract",
    "eye",
    "fabs",
    "finfo",
    "fix",
    "flatnonzero",
    "flexible",
    "flip",
    "fliplr",
    "flipud",
    "float16",
    "float32",
    "float64",
    "float_power",
    "floating",
    "floor",
    "floor_divide",
    "fmax",
    "fmin",
    "fmod",
    "frexp",
    "from_array",
    "from_delayed",
    "from_dlpack",
    "from_npy_stack",
    "from_tiledb",
    "from_zarr",
    "fromfunction",
    "frompyfunc",
    "full",
    "full_like",
    "gcd",
    "generic",
    "geomspace",
    "geterr",
    "geterrcall",
    "gradient",
    "greater",
    "greater_equal",
    "gufunc",
    "half",
    "hamming",
    "hanning",
    "heaviside",
    "histogram",
    "histogram2d",
    "histogramdd",
    "hsplit",
    "hstack",
    "hypot",
    "i0",
    "identity",
    "iinfo",
    "imag",
    "index_exp",
    "indices",
    "inexact",
    "inf",
    "inner",
    "insert",
    "int16",
    "int32",
    "int64",
    "int8",
    "int_",
    "intc",
    "integer",
    "interp",
    "intersect1d",
    "intp",
    "invert",
    "isclose",
    "iscomplex",
    "iscomplexobj",
    "isdtype",
    "isfinite",
    "isin",
    "isinf",
    "isnan",
    "isnat",
    "isneginf",
    "isnull",
    "isposinf",
    "isreal",
    "isrealobj",
    "isscalar",
    "issubdtype",
    "iterable",
    "kaiser",
    "kron",
    "lcm",
    "ldexp",
    "left_shift",
    "less",
    "less_equal",
    "lexsort",
    "linspace",
    "log",
    "log10",
    "log1p",
    "log2",
    "logaddexp",
    "logaddexp2",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "logspace",
    "long",
    "longdouble",
    "longlong",
    "map_blocks",
    "map_overlap",
    "matmul",
    "matrix_transpose",
    "matvec",
    "max",
    "maximum",
    "mean",
    "median",
    "meshgrid",
    "min",
    "minimum",
    "mintypecode",
    "mod",
    "modf",
    "moment",
    "moveaxis",
    "multiply",
    "nan",
    "nan_to_num",
    "nanargmax",
    "nanargmin",
    "nancumprod",
    "nancumsum",
    "nanmax",
    "nanmean",
    "nanmedian",
    "nanmin",
    "nanpercentile",
    "nanprod",
    "nanquantile",
    "nanstd",
    "nansum",
    "nanvar",
    "ndim",
    "ndindex",
    "negative",
    "newaxis",
    "nextafter",
    "nonzero",
    "normalize_chunks",
    "not_equal",
    "notnull",
    "number",
    "object_",
    "ones",
    "ones_like",
    "optimize",
    "outer",
    "pad",
    "partition",
    "percentile",
    "permute_dims",
    "pi",
    "piecewise",
    "polyval",
    "positive",
    "pow",
    "power",
    "prod",
    "promote_types",
    "ptp",
    "push",
    "quantile",
    "rad2deg",
    "radians",
    "ravel",
    "ravel_multi_index",
    "real",
    "rechunk",
    "reciprocal",
    "reduction",
    "register_chunk_type",
    "remainder",
    "repeat",
    "reshape",
    "reshape_blockwise",
    "resize",
    "result_type",
    "right_shift",
    "rint",
    "roll",
    "rollaxis",
    "rot90",
    "round",
    "row_stack",
    "s_",
    "sctypeDict",
    "searchsorted",
    "select",
    "setdiff1d",
    "seterr",
    "seterrcall",
    "setxor1d",
    "shape",
    "short",
    "shuffle",
    "sign",
    "signbit",
    "signedinteger",
    "sin",
    "sinc",
    "single",
    "sinh",
    "size",
    "sort",
    "sort_complex",
    "spacing",
    "split",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "std",
    "store",
    "str_",
    "subtract",
    "sum",
    "swapaxes",
    "take",
    "take_along_axis",
    "tan",
    "tanh",
    "tensordot",
    "tile",
    "timedelta64",
    "to_hdf5",
    "to_npy_stack",
    "to_tiledb",
    "to_zarr",
    "topk",
    "trace",
    "transpose",
    "trapezoid",
    "tri",
    "tril",
    "tril_indices",
    "tril_indices_from",
    "trim_zeros",
    "triu",
    "triu_indices",
    "triu_indices_from",
    "true_divide",
    "trunc",
    "typecodes",
    "typename",
    "ubyte",
    "uint",
    "uint16",
    "uint32",
    "uint64",
    "uint8",
    "uintc",
    "uintp",
    "ulong",
    "ulonglong",
    "unify_chunks",
    "union1d",
    "unique",
    "unique_all",
    "unique_counts",
    "unique_inverse",
    "unique_values",
    "unravel_index",
    "unsignedinteger",
    "unstack",
    "unwrap",
    "ushort",
    "vander",
    "var",
    "vdot",
    "vecdot",
    "vecmat",
    "void",
    "vsplit",
    "vstack",
    "where",
    "zeros",
    "zeros_like",
]


def __getattr__(name: str) -> Any:
    """Load a public name.

    Parameters
    ----------
    name
        One of ``__all__``, or a module.

    Examples
    --------
    >>> import shoal.array as da
    >>> da.float64, da.ones(2).shape
    (<class 'numpy.float64'>, (2,))
    """
    if name in _homes:
        value = getattr(importlib.import_module(f"shoal.array.{_homes[name]}"), name)
    elif name in RENAMED:
        home, real = RENAMED[name]
        value = getattr(importlib.import_module(f"shoal.{home}"), real)
    elif name in _numpys:
        value = getattr(importlib.import_module("numpy"), name)
    elif name in _submodules:
        return importlib.import_module(f"shoal.array.{name}")
    else:
        raise AttributeError(f"module 'shoal.array' has no attribute {name!r}{reason_of(name)}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_submodules})
