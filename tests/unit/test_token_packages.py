"""Tokens of the objects of NumPy, pandas, Arrow, SciPy and Numba."""

from __future__ import annotations

import collections
import copy
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from shoal.errors import TokenizationError
from shoal.graph.token import hash_buffer, normalize_token, tokenize


def exact(*args: Any) -> str:
    """A token that is checked to be idempotent and to survive pickling."""
    token = tokenize(*args, ensure_deterministic=True)
    assert token == tokenize(*args, ensure_deterministic=False)
    assert token == tokenize(*pickle.loads(pickle.dumps(args, 5)), ensure_deterministic=True)
    return token


def assert_all_differ(objs: list[Any]) -> None:
    tokens = collections.defaultdict(list)
    for obj in objs:
        tokens[exact(obj)].append(repr(obj))
    assert [same for same in tokens.values() if len(same) > 1] == []


class Quantity(np.ndarray):  # type: ignore[type-arg]
    """An array with an attribute, the way other packages do it."""

    def __array_finalize__(self, obj: Any) -> None:
        self.unit = getattr(obj, "unit", None)

    def __reduce__(self) -> Any:
        return (quantity, (np.asarray(self), self.unit))


def quantity(values: Any, unit: str) -> Quantity:
    out = np.asarray(values).view(Quantity)
    out.unit = unit
    return out


class Frame(pd.DataFrame):
    """A frame with an attribute, by pandas' protocol for it."""

    _metadata = ["source"]

    @property
    def _constructor(self) -> Any:
        return Frame


# -- NumPy ---------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_arrays_all_differ() -> None:
    aligned = np.dtype([("a", "i1"), ("b", "f8")], align=True)
    assert_all_differ(
        [
            *(np.array(1), np.array([1]), np.array([[1]]), np.array([1.0]), np.array([1], "i4")),
            *(np.array([1], ">i8"), np.array([2]), np.array([1, 2]), np.array([True])),
            *(np.array(["1"]), np.array(["1"], "U5"), np.array([b"1"]), np.array(["1"], object)),
            *(np.array([1], object), np.array([None]), np.array([[1, 2]], object)),
            *(np.array([], "f4"), np.array([], "f8"), np.zeros((0, 3)), np.zeros((3, 0))),
            *(np.array(["2020"], "M8[D]"), np.array(["2020"], "M8[s]"), np.array([1], "m8[s]")),
            *(np.array([1], "g"), np.array([2], "g"), np.array([1j]), np.array([1], "f2")),
            *(np.zeros(2, [("a", "i4")]), np.zeros(2, [("b", "i4")]), np.zeros(2, aligned)),
            *(np.ones(2, aligned), np.zeros(2, [("a", "O")]), np.zeros(2, [("a", "i4", 2)])),
            *(np.array(["a"], np.dtypes.StringDType()), np.array(["b"], np.dtypes.StringDType())),
            *(np.ma.array([1, 2], mask=[0, 1]), np.ma.array([1, 2], mask=[1, 0]), np.ma.array([1])),
            *(np.rec.array([(1,)], dtype=[("a", "i4")]), np.array([b"ab"], "V2")),
            *(quantity([1], "m"), quantity([1], "s"), quantity([2], "m")),
            *(np.asmatrix([[1]]), [np.array([1])]),
        ]
    )


def test_scalars_and_dtypes_all_differ() -> None:
    assert_all_differ(
        [
            *(1, 1.0, "1", np.int64(1), np.int32(1), np.uint64(1), np.float64(1), np.float32(1)),
            *(np.bool_(True), np.str_("1"), np.bytes_(b"1"), np.void(b"1"), np.longdouble(1)),
            *(np.datetime64("2020"), np.datetime64("2020", "ns"), np.timedelta64(1, "s")),
            *(np.zeros(1, [("a", "i4")])[0], np.ones(1, [("a", "i4")])[0], np.complex64(1)),
            *(np.dtype("i4"), np.dtype(">i4"), np.dtype("f8"), np.dtype("M8[s]"), np.dtype("U3")),
            *(np.dtype([("a", "i4")]), np.dtype([("b", "i4")]), np.dtype("g"), np.dtype("O")),
            *(np.dtype(("i4", 2)), np.dtypes.StringDType(), np.float64, np.int64),
            np.dtype("i4", metadata={"a": 1}),
        ]
    )


def test_functions_and_generators_all_differ() -> None:
    assert_all_differ(
        [
            *(np.sin, np.cos, np.add, np.sum, np.linalg.norm),
            *(np.random.default_rng(1), np.random.default_rng(2), np.random.RandomState(1)),
            *(np.random.RandomState(2), np.random.PCG64(1), np.random.MT19937(1)),
            *(np.random.SeedSequence(1), np.random.RandomState(1).random, np.poly1d([1, 2])),
            *(np.vectorize(len), np.vectorize(sum), np.vectorize(len, signature="(n)->()")),
        ]
    )


def layouts(array: np.ndarray[Any, Any]) -> list[np.ndarray[Any, Any]]:
    """The same values, kept in memory in other ways."""
    wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
    wide[..., ::2] = array
    padded = np.zeros(array.nbytes + 1, "u1")
    padded[1:] = np.ascontiguousarray(array).reshape(-1).view("u1")
    return [
        np.asfortranarray(array),
        wide[..., ::2],
        array[::-1].copy()[::-1],
        padded[1:].view(array.dtype).reshape(array.shape),
    ]


@pytest.mark.parametrize("dtype", ["f8", "i2", "M8[s]", "U3", "?", "c8", "g"])
@pytest.mark.parametrize("shape", [(7,), (3, 5), (2, 3, 4), (300, 1000), (2, 200_000)])
def test_layout_makes_no_difference(dtype: str, shape: tuple[int, ...]) -> None:
    array = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    token = tokenize(array, ensure_deterministic=True)
    assert [tokenize(other, ensure_deterministic=True) for other in layouts(array)] == [token] * 4
    changed = array.copy()
    changed[(-1,) * len(shape)] = changed.flat[0] if dtype != "?" else ~changed.flat[-1]
    assert tokenize(changed) != token


def test_broadcast_array_of_any_size() -> None:
    huge = np.broadcast_to(np.arange(3), (10**9, 3))
    assert tokenize(huge) == tokenize(np.broadcast_to(np.arange(3), (10**9, 3)))
    assert tokenize(huge) != tokenize(np.broadcast_to(np.arange(3), (10**9 + 1, 3)))
    assert tokenize(huge) != tokenize(np.broadcast_to(np.arange(1, 4), (10**9, 3)))
    assert tokenize(np.broadcast_to(1, (2, 3))) != tokenize(np.broadcast_to(1, (3, 2)))


def test_padding_is_no_value() -> None:
    dtype = np.dtype([("a", "i1"), ("b", "f8")], align=True)
    clean, dirty = np.zeros(3, dtype), np.full(3 * dtype.itemsize, 255, "u1").view(dtype)
    dirty["a"], dirty["b"] = 0, 0
    assert clean.tobytes() != dirty.tobytes()
    assert exact(clean) == exact(dirty)
    long_clean = np.zeros(3, "g")
    long_dirty = np.full(long_clean.nbytes, 255, "u1").view("g")
    long_dirty[:] = 0
    assert exact(long_clean) == exact(long_dirty)
    assert exact(np.longdouble(1) / 3) != exact(np.longdouble(float(np.longdouble(1) / 3)))


def test_values_below_a_mask_are_none() -> None:
    a = np.ma.array([1, 2], mask=[False, True])
    b = np.ma.array([1, 3], mask=[False, True], fill_value=a.fill_value)
    assert exact(a) == exact(b)
    b.mask = False
    assert exact(a) != exact(b)


def test_object_arrays() -> None:
    class Local:
        pass

    assert tokenize(np.array([1, Local()])) == tokenize(np.array([1, Local()]))
    cyclic = np.array([None, 1], object)
    cyclic[0] = cyclic
    assert tokenize(cyclic) == tokenize(cyclic)
    words = [f"w{i}" for i in range(3000)]
    assert exact(np.array(words, object)) == exact(np.array(words, object))
    assert exact(np.array(words, object)) != exact(np.array(words[::-1], object))
    with pytest.raises(TokenizationError, match=r"builtins.object at args\[0\]"):
        tokenize(np.array([object()]), ensure_deterministic=True)


def test_memory_mapped_files(tmp_path: Path) -> None:
    values = np.arange(10)
    for name in ("a.npy", "b.npy"):
        np.save(tmp_path / name, values)
    a, b = (np.load(tmp_path / name, mmap_mode="r+") for name in ("a.npy", "b.npy"))
    assert tokenize(a) == tokenize(b)
    assert tokenize(a[2:]) == tokenize(b[2:]) != tokenize(b[3:])
    token = tokenize(a)
    a[0] = 5  # the file's time need not have changed yet
    assert tokenize(a) != token


def test_generators_follow_their_state() -> None:
    for make in (np.random.default_rng, np.random.RandomState):
        one, other = make(1), make(1)
        assert exact(one) == exact(other)
        one.random()
        assert exact(one) != exact(other)
    seeds = np.random.SeedSequence(1)
    token = exact(seeds)
    seeds.spawn(1)
    assert exact(seeds) != token


def test_ufunc_of_a_hidden_function() -> None:
    made = np.frompyfunc(lambda x: x, 1, 1)
    assert tokenize(made) != tokenize(made)
    with pytest.raises(TokenizationError, match=r"Cannot tokenize.*array\.ufunc\.frompyfunc"):
        tokenize(made, ensure_deterministic=True)


def test_vectorize_is_not_changed_by_use() -> None:
    function = np.vectorize(str, otypes=["U3"])
    token = tokenize(function, ensure_deterministic=True)
    function([1, 2])
    assert tokenize(function, ensure_deterministic=True) == token


def test_printing_makes_no_difference() -> None:
    with np.printoptions(formatter={"all": lambda x: "same"}, threshold=1):
        assert_all_differ([np.arange(5), np.arange(1, 6)])


@pytest.mark.parametrize("array", [np.array(42), np.ones((9, 9)), np.ones(9, "M8[s]")])
def test_hash_buffer_of_arrays(array: np.ndarray[Any, Any]) -> None:
    assert hash_buffer(array) == hash_buffer(array.tobytes())
    assert hash_buffer(np.asfortranarray(array)) == hash_buffer(array.tobytes())


# -- pandas --------------------------------------------------------------------------------------


def test_frames_and_series_all_differ() -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None]})
    with_attrs = frame.copy()
    with_attrs.attrs["k"] = 1
    ours = Frame(frame)
    ours.source = "one"
    named = frame.copy()
    named.index.name = "i"
    assert_all_differ(
        [
            *(frame, frame[["b", "a"]], frame.iloc[::-1], frame.iloc[:1], frame.iloc[:0], named),
            *(frame.set_axis([5, 6]), frame.rename(columns={"a": "c"}), with_attrs, ours),
            *(frame.astype({"a": "f8"}), frame.astype({"a": "Int64"}), frame.astype(object)),
            *(frame.astype({"a": object}), frame.astype({"b": "category"}), Frame(frame)),
            *(frame[["a"]], frame.a, frame.a.rename("z"), frame.a.array, frame.b.array, frame.b),
            *(frame.a.astype("int64[pyarrow]"), pd.DataFrame(), pd.DataFrame(index=[1])),
            *(frame[["a"]].astype("Int64"), frame[["a"]].astype(object)),
        ]
    )


def test_arrays_and_indexes_all_differ() -> None:
    assert_all_differ(
        [
            *(pd.array([1, None]), pd.array([1, 2]), pd.array([1.0, None]), pd.array([True, None])),
            *(pd.array(["a", None]), pd.array(["b", None]), pd.array(["a"], "string[python]")),
            *(pd.array(["a"], "str"), pd.array([1], "int64[pyarrow]"), pd.array([1, 2], "i4")),
            *(pd.arrays.SparseArray([0, 1]), pd.arrays.SparseArray([1, 0])),
            *(pd.Categorical(["a"]), pd.Categorical(["a"], ["a", "b"]), pd.Categorical(["b"])),
            *(pd.Categorical(["a"], ordered=True), pd.Categorical(["a"], ["b", "a"])),
            *(pd.Index([1]), pd.Index([1], name="x"), pd.Index(["a"]), pd.Index([1.0])),
            *(pd.RangeIndex(3), pd.RangeIndex(0, 6, 2), pd.RangeIndex(0, 6, 3)),
            *(pd.MultiIndex.from_product([[1], [2]]), pd.MultiIndex.from_product([[2], [1]])),
            *(pd.interval_range(0, 3), pd.interval_range(0, 3, closed="left")),
            *(pd.date_range("2020", periods=3), pd.date_range("2020", periods=3, tz="CET")),
            pd.DatetimeIndex(["2020-01-01", "2020-01-02", "2020-01-03"]),
            *(pd.timedelta_range("1D", periods=3), pd.period_range("2020", periods=2)),
            *(pd.period_range("2020", periods=2, freq="M"), pd.CategoricalIndex(["a"])),
        ]
    )


def test_pandas_scalars_and_dtypes_all_differ() -> None:
    assert_all_differ(
        [
            *(pd.Timestamp("2020"), pd.Timestamp("2020", tz="CET"), pd.Timestamp("2021")),
            *(pd.Timestamp("2020-01-01").as_unit("ns"), pd.Timestamp("2020").to_pydatetime()),
            *(pd.Timedelta(1), pd.Timedelta("1s"), pd.Period("2020"), pd.Period("2020", "M")),
            *(pd.Interval(0, 1), pd.Interval(0, 1, "left"), pd.NA, pd.NaT, None, float("nan")),
            *(
                pd.offsets.Day(1),
                pd.offsets.Day(2),
                pd.offsets.MonthBegin(2),
                pd.DateOffset(days=1),
            ),
            *(pd.DateOffset(months=7), pd.DateOffset(years=1), pd.offsets.BQuarterEnd(2)),
            *(pd.offsets.CustomBusinessDay(), pd.Grouper(key="a"), pd.Grouper(key="b")),
            *(pd.CategoricalDtype(["a"]), pd.CategoricalDtype(["b"]), pd.Int64Dtype()),
            *(pd.Int32Dtype(), pd.StringDtype("python"), pd.StringDtype("pyarrow")),
            *(pd.ArrowDtype(pa.int64()), pd.ArrowDtype(pa.int32()), pd.PeriodDtype("D")),
            *(pd.DatetimeTZDtype("ns", "CET"), pd.IntervalDtype("i8"), pd.SparseDtype("f8")),
            *(pd.SparseDtype("f8", 0.0), pd.Series, pd.DataFrame, pd.concat),
        ]
    )


def test_blocks_make_no_difference() -> None:
    whole = pd.DataFrame(np.arange(12.0).reshape(3, 4), columns=list("abcd"))
    pieces = pd.DataFrame(index=whole.index)
    for name in whole:
        pieces[name] = whole[name].copy()
    assert exact(whole) == exact(pieces)
    assert exact(whole) == exact(pd.DataFrame(np.asfortranarray(whole), columns=list("abcd")))
    tall = pd.concat([whole] * 1000, ignore_index=True)
    assert exact(tall) == exact(tall.copy())
    tall.iloc[-1, -1] = 0
    assert exact(tall) != exact(pd.concat([whole] * 1000, ignore_index=True))


def test_chunks_and_hidden_values_make_no_difference() -> None:
    parts = pd.concat([pd.Series(["a", "b"]), pd.Series(["c"])], ignore_index=True)
    assert exact(parts) == exact(pd.Series(["a", "b", "c"]))
    one, other = pd.array([1, 2]), pd.array([1, 3])
    one[1] = other[1] = pd.NA
    assert exact(one) == exact(other)


def test_caches_of_pandas_make_no_difference() -> None:
    frame = pd.DataFrame({"a": pd.Categorical(["x", "y"])}, index=pd.Index(["p", "q"]))
    token = exact(frame)
    assert frame.index.is_unique and frame.index.get_loc("p") == 0 and frame.a.dtype.type
    hash(frame.a.dtype)
    assert exact(frame) == token


def test_equal_multi_indexes() -> None:
    index = pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["x", "y"])
    sliced = index.append(pd.MultiIndex.from_tuples([("z", 9)], names=["x", "y"]))[:-1]
    assert list(index.levels[0]) != list(sliced.levels[0])
    assert exact(index) == exact(sliced)
    assert exact(index) != exact(index.rename(["x", "z"]))


def test_range_index_is_not_unrolled() -> None:
    normal = normalize_token(pd.RangeIndex(0, 10**12, name="n"))
    assert normal[1:] == ("n", 0, 10**12, 1)


def test_strange_column_names() -> None:
    frame = pd.DataFrame({"ö".encode(): [1], "ö": ["ö".encode()], ("a", 1): [None]})
    assert exact(frame) == exact(copy.deepcopy(frame))
    lone = pd.DataFrame({"y": pd.Series(["asd\ud83d", None], dtype=object)})
    lone.columns = pd.Index(["y\ud83d"], dtype=object)
    assert exact(lone) == exact(copy.deepcopy(lone))


# -- Arrow ---------------------------------------------------------------------------------------

ARROW = [
    pa.array([1, None, 3, 4]),
    pa.array([1.5, float("nan"), None, 2.0]),
    pa.array([True, None, False, True]),
    pa.array(["a", None, "", "long" * 10]),
    pa.array([b"a", None, b"", b"long" * 10], pa.large_binary()),
    pa.array(["a", None, "", "long" * 10], pa.string_view()),
    pa.array([b"ab", None, b"cd", b"ef"], pa.binary(2)),
    pa.array([1, None, 2, 3], pa.decimal128(5, 2)),
    pa.array([1, None, 2, 3], pa.timestamp("us", "CET")),
    pa.array([[1, 2], None, [], [3]]),
    pa.array([["a"], None, [], ["b", None]], pa.large_list(pa.string())),
    pa.array([[1, 2], None, [3, 4], [5, 6]], pa.list_(pa.int8(), 2)),
    pa.array([{"x": 1, "y": "a"}, None, {"x": None, "y": "b"}, {"x": 2, "y": None}]),
    pa.array(["a", "b", None, "a"]).dictionary_encode(),
    pa.array([[("a", 1)], None, [], [("b", 2)]], pa.map_(pa.string(), pa.int8())),
    pa.array([None, None, None, None]),
    pa.RunEndEncodedArray.from_arrays([2, 3, 4], [1, None, 2]),
    pa.array([b"0" * 16, None, b"1" * 16, b"2" * 16], pa.uuid()),
]


@pytest.mark.parametrize("array", ARROW, ids=lambda array: str(array.type))
def test_arrow_chunks_and_slices(array: Any) -> None:
    token = exact(array)
    longer = pa.concat_arrays([array[1:], array, array[:1]])
    assert exact(longer[3:7]) == token
    whole = pa.chunked_array([array])
    assert exact(pa.chunked_array([array[:1], array[1:1], array[1:]])) == exact(whole) != token
    if array.type == pa.null():
        return
    assert len({exact(array[i : i + n]) for n in (2, 3) for i in range(5 - n)}) == 5
    assert exact(array) != exact(pa.nulls(4, array.type))
    assert exact(array[:0]) == exact(array[2:2])


def test_arrow_objects_all_differ() -> None:
    table = pa.table({"a": [1, 2], "b": ["x", None]})
    assert_all_differ(
        [
            *ARROW,
            *(table, table.select(["b", "a"]), table.slice(1), table.rename_columns(["a", "c"])),
            *(table.replace_schema_metadata({"k": "v"}), pa.record_batch({"a": [1]}), table.schema),
            *(pa.table({"a": [1]}), pa.field("a", pa.int64()), pa.field("a", pa.int64(), False)),
            *(pa.int64(), pa.int32(), pa.timestamp("s"), pa.timestamp("s", "CET"), pa.null()),
            *(pa.struct({"x": pa.int32()}), pa.struct({"x": pa.int64()}), pa.list_(pa.int8())),
            *(pa.list_(pa.field("f", pa.int8(), metadata={"k": "v"})), pa.uuid(), pa.binary(16)),
            *(pa.dictionary(pa.int8(), pa.string()), pa.dictionary(pa.int8(), pa.string(), True)),
            *(pa.scalar(1), pa.scalar(1, pa.int8()), pa.py_buffer(b"x"), pa.py_buffer(b"y")),
            pa.chunked_array([], pa.int64()),
        ]
    )


def test_arrow_values_below_nulls_are_none() -> None:
    valid = pa.py_buffer(b"\x01")
    one = pa.Array.from_buffers(pa.int8(), 2, [valid, pa.py_buffer(b"\x01\x02")])
    other = pa.Array.from_buffers(pa.int8(), 2, [valid, pa.py_buffer(b"\x01\x03")])
    assert one.equals(other)
    assert exact(one) == exact(other)


# -- others --------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "bsr", "dia", "lil", "dok"])
def test_sparse_matrices(form: str) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    dense = np.array([[0, 1.0, 0], [2, 0, 3]])
    matrix = sparse.csr_array(dense).asformat(form)
    token = exact(matrix)
    assert exact(sparse.csr_array(dense).asformat(form)) == token
    assert exact(sparse.csr_matrix(dense).asformat(form)) != token
    matrix.sum(), matrix.T, matrix @ dense.T  # which may leave flags behind
    assert exact(matrix) == token
    for changed in (dense * 2, dense[:, ::-1], dense[:, :2]):
        assert exact(sparse.csr_array(changed).asformat(form)) != token


def test_dictionary_of_keys_in_any_order() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    one, other = sparse.dok_array((2, 2)), sparse.dok_array((2, 2))
    one[0, 1], one[1, 0] = 1, 2
    other[1, 0], other[0, 1] = 2, 1
    assert exact(one) == exact(other)


def test_scipy_functions() -> None:
    special = pytest.importorskip("scipy.special")
    assert_all_differ([special.erf, special.gamma, np.sin])


def test_numba() -> None:
    numba = pytest.importorskip("numba")

    def make(scale: float, *signature: str) -> Any:
        def f(x: float) -> float:
            return x * scale

        return numba.vectorize(*signature, nopython=True)(f)

    lazy = make(2.0)
    token = tokenize(lazy, ensure_deterministic=True)
    assert lazy(3.0) == 6.0  # which compiles it
    assert tokenize(lazy, ensure_deterministic=True) == token
    assert tokenize(make(2.0)) == token != tokenize(make(3.0))
    assert tokenize(make(2.0, ["f8(f8)"])) != token


def test_packages_are_not_imported_for_it() -> None:
    script = (
        "import sys, shoal.graph.token as t; t.tokenize([1, {2: 'x'}], object(), print);"
        "print([m for m in ('numpy', 'pandas', 'pyarrow', 'numba', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


@pytest.mark.parametrize("first", ["slow path", "fast path"])
def test_first_array_of_a_process(first: str) -> None:
    # The hooks of a package are registered while its first object is walked.
    warm = "tokenize(np.arange(3));" if first == "fast path" else ""
    script = (
        f"import numpy as np; from shoal.graph.token import tokenize; {warm}"
        "print(tokenize([[[i, np.arange(4)] for i in range(16)]]))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == tokenize([[[i, np.arange(4)] for i in range(16)]]), done.stderr
