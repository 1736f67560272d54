"""Tokens are equal exactly where values are: against plain comparison, on values made at random."""

from __future__ import annotations

import copy
import datetime
import itertools
import math
import pickle
import random
import types
from collections import OrderedDict
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from shoal.graph.token import normalize_token, tokenize

# Text that looks like what a normal form is made of, among others.
texts = st.one_of(st.sampled_from(["", "\0", "\0list", "\0dict", "\0seen"]), st.text(max_size=3))
atoms = st.one_of(
    st.sampled_from([None, ..., True, False, 0, 1, 2, 0.0, -0.0, 1.0, math.nan, 1j]),
    st.integers(),
    st.floats(),
    texts,
    st.binary(max_size=3),
    st.sampled_from(
        [datetime.date(2020, 1, 1), Decimal("1.0"), Decimal(1), Fraction(1), UUID(int=1)]
    ),
)
hashable = atoms | st.lists(atoms, max_size=2).map(tuple) | st.frozensets(atoms, max_size=2)


def containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists = st.lists(inner, max_size=4)
    named = st.dictionaries(texts, inner, max_size=3)
    return st.one_of(
        lists,
        lists.map(tuple),
        st.sets(hashable, max_size=3),
        st.dictionaries(hashable, inner, max_size=3),
        named,
        named.map(OrderedDict),
        named.map(lambda space: types.SimpleNamespace(**space)),
    )


values = st.recursive(atoms, containers, max_leaves=8)


def exact(*args: Any) -> str:
    return tokenize(*args, ensure_deterministic=True)


def same(a: Any, b: Any) -> bool:
    """Whether two values are equal and of equal types, all the way down."""
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return (a == b and math.copysign(1, a) == math.copysign(1, b)) or (a != a and b != b)
    if isinstance(a, complex):
        return same(a.real, b.real) and same(a.imag, b.imag)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, (set, frozenset)):
        return len(a) == len(b) and all(any(same(x, y) for y in b) for x in a)
    if isinstance(a, OrderedDict):
        return same(list(a.items()), list(b.items()))
    if isinstance(a, dict):
        return len(a) == len(b) and all(any(same(x, y) for y in b.items()) for x in a.items())
    if isinstance(a, types.SimpleNamespace):
        return same(vars(a), vars(b))
    # Decimals keep their zeros, times of day which of two they are.
    return repr(a) == repr(b)


def rebuilt(obj: Any, rng: random.Random) -> Any:
    """An equal value that shares no container with it; dicts and sets filled in another order."""
    if isinstance(obj, OrderedDict):
        return OrderedDict((rebuilt(k, rng), rebuilt(v, rng)) for k, v in obj.items())
    if isinstance(obj, dict):
        pairs = [(rebuilt(k, rng), rebuilt(v, rng)) for k, v in obj.items()]
        rng.shuffle(pairs)
        return dict(pairs)
    if isinstance(obj, (list, tuple)):
        return type(obj)([rebuilt(x, rng) for x in obj])
    if isinstance(obj, (set, frozenset)):
        elements = [rebuilt(x, rng) for x in obj]
        rng.shuffle(elements)
        return type(obj)(elements)
    if isinstance(obj, types.SimpleNamespace):
        return types.SimpleNamespace(**rebuilt(vars(obj), rng))
    if isinstance(obj, str):
        return "".join(list(obj))
    return copy.deepcopy(obj)


def changed(obj: Any, new: Any, rng: random.Random) -> Any:
    """The value with one of its parts replaced by another."""
    parts = list(obj) if isinstance(obj, (list, tuple, dict)) else []
    if not parts or rng.random() < 0.2:
        return new
    place = rng.randrange(len(parts))
    if isinstance(obj, dict):
        return {**obj, parts[place]: changed(obj[parts[place]], new, rng)}
    parts[place] = changed(parts[place], new, rng)
    return type(obj)(parts)


@given(values, st.randoms(use_true_random=False))
def test_equal_values_have_equal_tokens(value: Any, rng: random.Random) -> None:
    token = exact(value)
    other = rebuilt(value, rng)
    assert same(value, other)
    assert exact(other) == token
    assert exact(pickle.loads(pickle.dumps(value))) == token


@given(values, values)
def test_tokens_are_equal_where_values_are(a: Any, b: Any) -> None:
    assert (exact(a) == exact(b)) == same(a, b)


@given(values, values, st.randoms(use_true_random=False))
def test_one_changed_part_changes_the_token(a: Any, new: Any, rng: random.Random) -> None:
    b = changed(a, new, rng)
    assert (exact(a) == exact(b)) == same(a, b)


@given(values)
def test_normal_forms_do_not_stand_for_themselves(value: Any) -> None:
    normal = normalize_token([value])
    hash(normal)
    assert exact(normal) != exact([value])


@given(st.lists(values, max_size=4), st.dictionaries(st.text("abc"), values, max_size=2))
def test_arguments_are_apart(args: list[Any], kwargs: dict[str, Any]) -> None:
    ways = [((), {"k": args}), (tuple(args), kwargs), ((*args, kwargs), {}), ((args, kwargs), {})]
    ways += [((tuple(args), kwargs), {}), (([*args, kwargs],), {})]
    alike = {exact(list(positional), named) for positional, named in ways}
    assert len({tokenize(*positional, **named) for positional, named in ways}) == len(alike)


@given(st.lists(st.lists(st.integers(0, 30), max_size=3), min_size=31, max_size=31))
def test_graphs_of_any_shape_end_and_survive_pickling(edges: list[list[int]]) -> None:
    nodes: list[list[Any]] = [[i] for i in range(len(edges))]
    for node, targets in zip(nodes, edges):
        node.extend(nodes[target] for target in targets)
    token = exact(nodes)
    assert exact(pickle.loads(pickle.dumps(nodes))) == token
    nodes[-1].append("more")
    assert exact(nodes) != token


@given(st.lists(st.lists(st.integers(0, 200), max_size=3), min_size=1, max_size=40))
def test_shared_parts_are_as_good_as_copies(edges: list[list[int]]) -> None:
    shared: list[Any] = []
    apart: list[Any] = []
    for number, targets in enumerate(edges):
        picks = [target % number for target in targets if number]
        shared.append([number, *(shared[pick] for pick in picks)])
        sizes = sum(len(repr(apart[pick])) for pick in picks)
        assume(sizes < 20_000)
        apart.append([number, *(copy.deepcopy(apart[pick]) for pick in picks)])
    assert exact(shared) == exact(apart)


# -- arrays and columns --------------------------------------------------------------------------

dtypes = st.one_of(
    hnp.scalar_dtypes(),
    hnp.byte_string_dtypes(min_len=1, max_len=4),
    hnp.unicode_string_dtypes(min_len=1, max_len=4),
    hnp.array_dtypes(max_size=3),
).filter(lambda dtype: not dtype.hasobject)
arrays = hnp.arrays(dtypes, hnp.array_shapes(min_dims=0, min_side=0, max_side=5))


@given(arrays, st.randoms(use_true_random=False))
def test_arrays_in_any_layout(array: np.ndarray[Any, Any], rng: random.Random) -> None:
    token = exact(array)
    axes = list(range(array.ndim))
    rng.shuffle(axes)
    # Stored with its axes in another order, every second element, backwards.
    stored = np.transpose(array, axes)
    spread = np.repeat(stored, 2, axis=-1)[..., ::-2] if array.ndim else stored.copy()
    again = np.transpose(spread[..., ::-1] if array.ndim else spread, np.argsort(axes))
    assert again.shape == array.shape
    assert exact(again) == token
    unpickled = pickle.loads(pickle.dumps(array, 5))
    # NumPy forgets the byte order of dates on the way.
    assert exact(unpickled) == token or unpickled.dtype != array.dtype
    assert exact(array.reshape((*array.shape, 1))) != token


@given(arrays, arrays)
def test_arrays_are_equal_by_type_shape_and_bytes(a: Any, b: Any) -> None:
    assume(not {"g", "G"} & {a.dtype.char, b.dtype.char})
    alike = a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if alike or a.dtype.names is b.dtype.names is None:
        assert (exact(a) == exact(b)) == alike


columns = st.sampled_from(
    [
        st.integers(-9, 9),
        st.floats(allow_nan=False),
        st.booleans(),
        st.text("abé", max_size=3),
        st.datetimes(datetime.datetime(1900, 1, 1), datetime.datetime(2100, 1, 1)),
        st.binary(max_size=3),
        st.lists(st.integers(0, 3), max_size=3),
        st.fixed_dictionaries({"x": st.integers(0, 3), "y": st.none() | st.text("a")}),
    ]
).flatmap(lambda values: st.lists(st.none() | values, min_size=1, max_size=12))


@given(columns, st.lists(st.integers(0, 12), max_size=4), st.integers(0, 3))
def test_arrow_columns_in_any_chunks(column: list[Any], cuts: list[int], skipped: int) -> None:
    whole = pa.array(column)
    token = exact(pa.chunked_array([whole]))
    hidden = pa.concat_arrays([whole[:skipped], whole])[min(skipped, len(whole)) :]
    bounds = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    chunks = [hidden[start:stop] for start, stop in itertools.pairwise(bounds)]
    cut = pa.chunked_array(chunks, whole.type)
    assert cut.to_pylist() == column
    assert exact(cut) == token
    changed = pa.array([*column[:-1], column[0]], whole.type)
    assert (exact(pa.chunked_array([changed])) == token) == changed.equals(whole)


@given(
    st.lists(columns, min_size=1, max_size=5).filter(lambda c: len({*map(len, c)}) == 1)
    | st.integers(1, 3).map(lambda n: [[1, 2]] * n),
    st.randoms(use_true_random=False),
)
def test_frames_in_any_blocks(data: list[list[Any]], rng: random.Random) -> None:
    names = [f"c{i}" for i in range(len(data))]
    frame = pd.DataFrame(dict(zip(names, data)))
    pieces = pd.DataFrame(index=frame.index)
    for name in rng.sample(names, len(names)):
        pieces[name] = frame[name].copy()
    token = exact(frame)
    assert exact(pieces[names]) == token
    assert exact(pickle.loads(pickle.dumps(frame))) == token
    assert exact(frame.rename(columns={"c0": "other"})) != token
