"""Names of NumPy's that `shoal.array` has not, each with the reason: literal tables.

Asking for one gives an `AttributeError` that says it; a test holds the tables, and the names that
are there, against NumPy's.
"""

from __future__ import annotations

__all__ = ["REFUSED", "reason_of"]

CHANGES = (
    "it changes an array in place, and blocks may be anywhere; assign with x[...] = value, or use "
    "where"
)
FILES = "it reads or writes files in one piece; use from_array, from_zarr, to_zarr, from_npy_stack"
MEMORY = "it is about memory that is there, and blocks are not computed yet; compute() first"
TEXT = "it makes text of elements, which would have to be computed; use it on x.compute()"
SETUP = "it is about NumPy and not about arrays; use numpy's"
CALENDAR = "use map_blocks with numpy's"
MAKER = (
    "it takes slices as arguments; use arange, linspace, meshgrid, indices, concatenate or stack"
)
POLYNOMIAL = "its arrays are a few coefficients; use numpy's, and polyval for many values"
ONE_AXIS = "the result depends on the values in a way that no block can know; compute() first"
MATRIX = "numpy.matrix is going away; arrays of two axes and @ do the same"
RECORDS = "use a structured dtype, whose fields are x['name']"
ITERATION = "elements are visited one by one in memory; compute() first"
MASK_PARTS = "it is about where masked elements are in a row; use it on x.compute()"
MASK_ROWS = "what goes depends on the mask of whole rows; use compute_chunk_sizes() and indexing"
MASK_STATE = "hard masks are a state of an array in memory; use it in map_blocks"
GLOBAL = "a state of the whole process; use default_rng(seed) or RandomState(seed)"

_NUMPY = {
    CHANGES: "copyto fill_diagonal place put put_along_axis putmask",
    FILES: (
        "fromfile fromregex fromstring frombuffer fromiter genfromtxt load loadtxt memmap save "
        "savetxt savez savez_compressed"
    ),
    MEMORY: (
        "asfortranarray ascontiguousarray asarray_chkfinite isfortran may_share_memory require "
        "shares_memory"
    ),
    TEXT: (
        "array2string array_repr array_str base_repr binary_repr datetime_as_string "
        "format_float_positional format_float_scientific get_printoptions printoptions "
        "set_printoptions"
    ),
    SETUP: (
        "char ctypeslib dtypes emath exceptions f2py get_include getbufsize info little_endian "
        "polynomial rec setbufsize show_config show_runtime strings test typing"
    ),
    CALENDAR: "busday_count busday_offset busdaycalendar datetime_data is_busday",
    MAKER: "c_ mgrid ogrid r_",
    POLYNOMIAL: "poly poly1d polyadd polyder polydiv polyfit polyint polymul polysub roots",
    ONE_AXIS: "histogram_bin_edges mask_indices min_scalar_type real_if_close",
    MATRIX: "asmatrix bmat matrix",
    RECORDS: "recarray record",
    "its name is that of one platform; use longdouble or clongdouble": "float128 complex256",
    ITERATION: "broadcast flatiter ndenumerate nditer nested_iters ndarray",
    "use map_blocks, which tells functions where a block is": "vectorize",
    "use apply_gufunc with vectorize=True, or numpy's for small arrays": "einsum_path",
    "blocks of bits end at bytes of their own; use it in map_blocks": "packbits unpackbits",
    "use a matrix product, or dask's name ix: x.vindex and x[i][:, j]": "ix_",
}

_LINALG = {
    "use it in map_blocks; errors are numpy.linalg.LinAlgError": "LinAlgError",
    "reshape, then solve or inv": "tensorinv tensorsolve",
}

_MA = {
    MASK_PARTS: (
        "clump_masked clump_unmasked flatnotmasked_contiguous flatnotmasked_edges "
        "notmasked_contiguous notmasked_edges ndenumerate"
    ),
    MASK_ROWS: (
        "compress_cols compress_nd compress_rowcols compress_rows compressed mask_cols "
        "mask_rowcols mask_rows"
    ),
    MASK_STATE: "harden_mask soften_mask ids",
    CHANGES: "put putmask",
    FILES: "frombuffer fromflex",
    MAKER: "mr_",
    POLYNOMIAL: "polyfit vander",
    SETUP: (
        "core extras masked_print_option make_mask_descr flatten_mask flatten_structured_array "
        "mvoid MAError"
    ),
    "NumPy's looks at whole arrays with their masks; use it on x.rechunk(-1) in map_blocks": (
        "anom anomalies apply_along_axis apply_over_axes convolve correlate corrcoef cov inner "
        "innerproduct intersect1d in1d isin median setdiff1d setxor1d sort "
        "argsort trace union1d unique"
    ),
}

_RANDOM = {
    GLOBAL: "get_state set_state",
    "it changes an array in place; use permutation": "shuffle",
    "bytes are no array; use integers with dtype='u1'": "bytes",
}


def _by_name(*tables: dict[str, str]) -> dict[str, str]:
    return {name: why for table in tables for why, names in table.items() for name in names.split()}


REFUSED: dict[str, dict[str, str]] = {
    "": _by_name(_NUMPY),
    "linalg": _by_name(_LINALG),
    "ma": _by_name(_MA),
    "random": _by_name(_RANDOM),
    "fft": {},
}
"""By module of NumPy's: the reason by name."""


def reason_of(name: str, module: str = "") -> str:
    """Why a name is not there, for an error; empty where there is nothing to say.

    Parameters
    ----------
    name
        Of NumPy's.
    module
        "linalg", "ma", "random", "fft", or "" for `numpy` itself.

    Examples
    --------
    >>> reason_of("mgrid").startswith(": it takes slices")
    True
    """
    why = REFUSED[module].get(name)
    return "" if why is None else f": {why}"
