"""Tokens by example: what is equal, what differs, what is refused and how it is said."""

from __future__ import annotations

import abc
import array
import collections
import copy
import dataclasses
import datetime
import decimal
import dis
import enum
import fractions
import functools
import gc
import io
import operator
import pathlib
import pickle
import random
import re
import sys
import threading
import types
import typing
import uuid
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cloudpickle
import pytest

from shoal import config
from shoal.errors import ShoalError, TokenizationError
from shoal.graph.token import (
    Normalizer,
    _functions,
    hash_buffer,
    hash_buffer_hex,
    normalize_token,
    tokenize,
)
from shoal.graph.token.hashing import hashers
from shoal.graph.token.walk import _ENSURE_DETERMINISTIC, _IDENTITIES, _SEEN, FLAT


@pytest.fixture(autouse=True)
def _nothing_left_behind() -> Iterator[None]:
    yield
    assert not _SEEN
    assert _ENSURE_DETERMINISTIC.get(None) is None


def exact(*args: Any, **kwargs: Any) -> str:
    """A token that is checked to be idempotent and the same whether it must be deterministic."""
    token = tokenize(*args, ensure_deterministic=True, **kwargs)
    assert token == tokenize(*args, ensure_deterministic=True, **kwargs)
    assert token == tokenize(*args, ensure_deterministic=False, **kwargs)
    return token


def assert_all_differ(objs: list[Any]) -> None:
    tokens = collections.defaultdict(list)
    for obj in objs:
        tokens[exact(obj)].append(repr(obj))
    assert [same for same in tokens.values() if len(same) > 1] == []


class Color(enum.Enum):
    RED = 1
    BLUE = 2


class Bits(enum.Flag):
    A = 1
    B = 2


class Pair(typing.NamedTuple):
    x: int
    y: int


@dataclasses.dataclass
class Point:
    x: float
    y: Any = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    x: Any


class Base(abc.ABC):  # noqa: B024
    def method(self) -> int:
        return 1


class Derived(Base):
    def method(self) -> int:
        return super().method()


class Methods:
    def __init__(self, x: int) -> None:
        self.x = x

    def normal(self) -> int:
        return self.x

    @classmethod
    def of_class(cls) -> None: ...

    @staticmethod
    def static() -> None: ...


class SubDict(dict[Any, Any]):
    pass


class SubSet(set[Any]):
    pass


class SubList(list[Any]):
    pass


@functools.lru_cache
def cached(x: int) -> int:
    return x


def importable(x: int, by: int = 1) -> int:
    return x + by


def make_adder(n: Any) -> Callable[[Any], Any]:
    def add(x: Any) -> Any:
        return x + n

    return add


class Counted:
    calls = 0

    def __reduce__(self) -> Any:
        Counted.calls += 1
        return (Counted, ())


# -- what differs --------------------------------------------------------------------------------


def test_token_is_32_hexadecimal_digits() -> None:
    assert re.fullmatch(r"[0-9a-f]{32}", tokenize(1))
    assert re.fullmatch(r"[0-9a-f]{32}", tokenize([object()]))


def test_builtin_values_all_differ() -> None:
    nan = float("nan")
    numbers = [
        0,
        1,
        -1,
        2**40,
        -(2**40),
        2**100,
        1.0,
        0.0,
        -0.0,
        nan,
        float("inf"),
        1j,
        True,
        False,
    ]
    texts = ["", "1", "\0", "\0list", "\ud800", b"", b"1", b"\0", bytearray(b"1"), memoryview(b"1")]
    empty: list[Any] = [(), [], {}, set(), frozenset(), None, ..., NotImplemented]
    ones = [(1,), [1], {1}, frozenset([1]), {1: 1}, {1: None}, [[1]], [(1,)], ((1,),), (1, 1)]
    pieces = [range(3), range(0, 6, 2), slice(3), slice(0, 3), slice(None), slice(0, 3, [1])]
    assert_all_differ(numbers + texts + empty + ones + pieces)


def test_standard_library_values_all_differ() -> None:
    utc = datetime.UTC
    assert_all_differ(
        [
            *(Color.RED, Color.BLUE, Bits.A, Bits.B, Bits.A | Bits.B, Color, Bits),
            *(Pair(1, 2), Pair(2, 1), (1, 2), Point(1, 2), Point(1, 3), Frozen(1), Frozen(2)),
            *(Derived(), Derived, Base, Point, Pair, int, bool, list, list[int], list[str]),
            *(typing.Any, int | str, str | None),
            *(datetime.date(2020, 1, 1), datetime.date(2020, 1, 2), datetime.datetime(2020, 1, 1)),
            datetime.datetime(2020, 1, 1, fold=1),
            datetime.datetime(2020, 1, 1, tzinfo=utc),
            *(datetime.time(1), datetime.time(1, tzinfo=utc), datetime.timedelta(1), utc),
            *(decimal.Decimal("1.0"), decimal.Decimal("1.00"), fractions.Fraction(1, 2)),
            *(uuid.UUID(int=1), uuid.UUID(int=2), pathlib.Path("a"), pathlib.PureWindowsPath("a")),
            *(re.compile("a"), re.compile("b"), re.compile("a", re.IGNORECASE), re.compile(b"a")),
            *(random.Random(1), random.Random(2), array.array("i", [1]), array.array("l", [1])),
            *(collections.deque([1]), collections.deque([1], 5), collections.Counter("a")),
            *(collections.defaultdict(int, {1: 2}), collections.defaultdict(list, {1: 2})),
            *(collections.OrderedDict({1: 2}), collections.ChainMap({1: 2}), {1: 2}),
            *(SubDict({1: 2}), SubSet([1]), {1}, SubList([1]), types.SimpleNamespace(a=1)),
            *(types.MappingProxyType({1: 2}), {1: 2}.keys(), {1: 2}.values(), {1: 2}.items()),
            *(sys, re, io.BytesIO(b"x"), io.BytesIO(b"y"), ValueError("x"), ValueError("y")),
            *(iter([1, 2]), iter([1, 3]), pickle.PickleBuffer(b"x"), typing.TypeVar),
        ]
    )


def test_callables_all_differ() -> None:
    one = Methods(1)
    assert_all_differ(
        [
            *(len, sum, str.join, "a".join, "b".join, [].append, operator.add, operator.mul),
            *(operator.itemgetter(1), operator.itemgetter(2), operator.attrgetter("x")),
            *(operator.methodcaller("x"), operator.methodcaller("x", 1)),
            *(importable, cached, make_adder, make_adder(1), make_adder(2), make_adder(1.0)),
            *(lambda x: x, lambda x: x + 1, lambda x: x + 1.0, lambda y: y, lambda x, y=1: x),
            *(lambda x, y=2: x, lambda x, *, y=2: x, lambda: importable, lambda: cached),
            *(functools.partial(importable), functools.partial(importable, by=2)),
            *(one.normal, Methods(2).normal, Methods.normal, one.of_class, one.static, one),
            *(Methods.__str__, one.__str__, importable.__code__),
        ]
    )


def test_arguments_differ_from_what_they_resemble() -> None:
    assert exact(5, x=1) != exact(5, {"x": 1})
    assert exact(5, x=1) != exact(5, x=2)
    assert exact(5, x=1) != exact(5, y=1)
    assert exact(1, 2) != exact((1, 2))
    assert exact() != exact(())
    assert exact(None) != exact()


@pytest.mark.parametrize("obj", [{1: 2}, [1, 2], {3}, Point(1), importable, ("\0list", 1)])
def test_tuple_that_looks_like_a_normal_form(obj: Any) -> None:
    normal = normalize_token(obj)
    assert exact(normal) != exact(obj)
    assert exact([normal]) != exact([obj])
    assert exact(normalize_token((normal,))) != exact((normal,))


def test_nan_in_any_bits() -> None:
    one, other = float("nan"), -float("nan")
    assert exact(one) == exact(other)
    assert exact([one, 1]) == exact([other, 1])
    assert exact(complex(1, one)) == exact(complex(1, other)) != exact(complex(2, one))


@pytest.mark.parametrize("size", [10, 64, 65, 1024, 1025, 5000])
def test_every_element_counts(size: int) -> None:
    for make in (list, tuple, set, frozenset, bytes_of, dict_of, boxed, str_of):
        base = list(range(size))
        tokens = {exact(make(base))}
        for place in (0, size // 2, size - 1):
            changed = base.copy()
            changed[place] = -1
            tokens.add(exact(make(changed)))
        assert len(tokens) == 4, make


def bytes_of(numbers: list[int]) -> bytes:
    return b"".join(n.to_bytes(3, "big", signed=True) for n in numbers)


def dict_of(numbers: list[int]) -> dict[str, int]:
    return {str(i): n for i, n in enumerate(numbers)}


def boxed(numbers: list[int]) -> list[list[list[int]]]:
    return [[[n]] for n in numbers]


def str_of(numbers: list[int]) -> str:
    return ",".join(map(str, numbers))


# -- what is equal -------------------------------------------------------------------------------


def test_order_of_insertion() -> None:
    assert exact({"x": 1, 1: "x"}) == exact({1: "x", "x": 1})
    assert exact({"b": [1], "a": [2]}) == exact({"a": [2], "b": [1]})
    words = [f"w{i}" for i in range(100)]
    assert exact(dict.fromkeys(words, ())) == exact(dict.fromkeys(reversed(words), ()))
    assert exact({(w, 1) for w in words}) == exact({(w, 1) for w in reversed(words)})
    assert exact(SubDict(a=1, b=2)) == exact(SubDict(b=2, a=1))
    assert exact(SubSet(words)) == exact(SubSet(reversed(words)))
    assert exact(types.SimpleNamespace(a=1, b=2)) == exact(types.SimpleNamespace(b=2, a=1))
    one = collections.OrderedDict([("a", 1), ("b", 2)])
    other = collections.OrderedDict([("b", 2), ("a", 1)])
    assert exact(one) != exact(other)


def test_mixed_keys_hold_their_values() -> None:
    assert exact({1: "a", "x": "b"}) != exact({1: "b", "x": "a"})
    assert exact({(1,): [1], "x": [2]}) != exact({(1,): [2], "x": [1]})


@pytest.mark.parametrize(
    "make",
    [
        lambda: collections.OrderedDict(a=1),
        lambda: Derived(),
        lambda: Point(1, [2, 3]),
        lambda: Frozen(Point(1)),
        lambda: random.Random(7),
        lambda: functools.partial(importable, by=[1]),
        lambda: make_adder([1, 2]),
        lambda: {frozenset([1, "a"]): [datetime.date(2020, 1, 1)]},
        lambda: datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC),
    ],
)
def test_copies_are_equal(make: Callable[[], Any]) -> None:
    token = exact(make())
    assert exact(make()) == token
    assert exact(copy.deepcopy(make())) == token
    assert exact(cloudpickle.loads(cloudpickle.dumps(make()))) == token


@pytest.mark.parametrize("size", [2, 20, 200])
def test_sharing_makes_no_difference(size: int) -> None:
    shared = [[i, [i]] for i in range(size)]
    same = [shared, {"k": shared}, shared]
    apart = [copy.deepcopy(shared), {"k": copy.deepcopy(shared)}, copy.deepcopy(shared)]
    assert exact(same) == exact(apart)


def test_sharing_takes_no_time() -> None:
    nested: list[Any] = [1]
    for _ in range(100):
        nested = [nested, nested]
    assert exact(nested) == exact(copy.deepcopy(nested))


def test_equal_functions_defined_twice() -> None:
    space: dict[str, Any] = {"__name__": "__main__"}
    source = "def f(x, y=2):\n    '''Doc.'''\n    return [x + y for _ in {'a', 'b'}]\n"
    exec(compile(source, "cell 1", "exec"), space)
    first = space["f"]
    exec(compile("\n\n\n" + source, "cell 2", "exec"), space)
    assert first is not space["f"]
    assert exact(first) == exact(space["f"])


def test_local_classes_from_different_calls() -> None:
    def make(value: int) -> type:
        class Local:
            constant = value

            def method(self) -> Any:
                return super().__str__(), value

        return Local

    assert exact(make(1)) == exact(make(1)) != exact(make(2))
    assert exact(make(1)()) == exact(make(1)()) != exact(make(2)())


# -- cycles --------------------------------------------------------------------------------------


def test_cycles_end_and_differ() -> None:
    a: list[Any] = [None, 2]
    a[0] = a
    b: list[Any] = [None, 3]
    b[0] = b
    c: list[Any] = [[], []]
    c[0].append(c[0])
    c[1].append(c[1])
    d: list[Any] = [[], []]
    d[0].append(d[1])
    d[1].append(d[0])
    e: dict[Any, Any] = {}
    e[0] = e
    f = Point(1)
    f.y = f
    g = [a]
    cycles = [a, b, c, d, e, f, g]
    assert len({exact(cycle) for cycle in cycles}) == len(cycles)
    assert [exact(x) for x in cycles] == [exact(copy.deepcopy(x)) for x in cycles]


class Node:
    def __init__(self) -> None:
        self.near: list[Node] = []


def complete_graph(size: int) -> Node:
    nodes = [Node() for _ in range(size)]
    for node in nodes:
        node.near = nodes.copy()
    return nodes[0]


def test_dense_cycles_take_no_time() -> None:
    # Walked path by path, this would take longer than the universe has.
    assert exact(complete_graph(30)) == exact(complete_graph(30)) != exact(complete_graph(31))


def test_mutual_recursion_of_functions() -> None:
    space: dict[str, Any] = {"__name__": "__main__"}
    exec("def even(n): return n == 0 or odd(n - 1)\ndef odd(n): return even(n - 1)", space)
    assert exact(space["even"]) != exact(space["odd"])
    token = exact(space["even"])
    exec("def odd(n): return even(n - 2)", space)
    assert exact(space["even"]) != token


def test_cycle_through_a_set_is_refused() -> None:
    class Owner:
        pass

    owner: Any = Owner()
    owner.friends = {owner}
    with pytest.raises(TokenizationError, match=r"args\[0\]\.friends.*refers to what holds it"):
        tokenize(owner, ensure_deterministic=True)
    assert tokenize(owner) != tokenize(owner)


def test_nesting_deeper_than_the_stack() -> None:
    nested: list[Any] = []
    for _ in range(sys.getrecursionlimit()):
        nested = [nested]
    assert tokenize(nested) != tokenize(nested)
    with pytest.raises(TokenizationError, match="nested too deep"):
        tokenize(nested, ensure_deterministic=True)
    with pytest.raises(TokenizationError, match="nested too deep"), strict():
        normalize_token(nested)


def test_nesting_of_moderate_depth() -> None:
    nested: Any = 0
    for i in range(150):
        nested = {"k": nested} if i % 2 else [nested]
    assert exact(nested) == exact(copy.deepcopy(nested))


# -- functions and classes -----------------------------------------------------------------------


def test_function_depends_on_the_globals_it_loads() -> None:
    space: dict[str, Any] = {"__name__": "__main__", "OFFSET": 1, "other": 1, "np": re}
    exec("def f(x): return [x.other + OFFSET for _ in x], np", space)
    token = exact(space["f"])
    space["other"] = 2  # the name of an attribute only
    assert exact(space["f"]) == token
    space["OFFSET"] = 2  # loaded by the comprehension, which has code of its own in Python 3.11
    assert exact(space["f"]) != token


def test_globals_loaded_by_nested_code() -> None:
    def outer() -> Any:
        class Inner:
            value = Color
            inner = lambda self: Point

        return Inner, len

    assert set(_functions._code_entry(outer.__code__)[1]) >= {"Color", "Point", "len"}
    loaded = {i.argval for i in dis.get_instructions(outer) if i.opname == "LOAD_GLOBAL"}
    assert loaded == {"len"}


def test_function_depends_on_its_parts() -> None:
    tokens = []

    def make() -> Any:
        def f(x: int, y: Any = (1, 2), *, z: Any = 3) -> Any:
            return x, y, z

        return f

    tokens.append(exact(make()))
    for name, value in [
        ("__defaults__", ((1, 3),)),
        ("__defaults__", ([1],)),
        ("__kwdefaults__", {"z": 4}),
        ("attribute", 1),
        ("__code__", (lambda x: x).__code__),
        ("__qualname__", "other"),
    ]:
        function = make()
        setattr(function, name, value)
        tokens.append(exact(function))
    assert len(set(tokens)) == len(tokens)


def test_function_changed_in_place() -> None:
    function = lambda x: x + 1
    token = exact(function)
    function.__code__ = (lambda x: x + 2).__code__
    assert exact(function) != token
    function.__code__ = (lambda x: x + 1).__code__
    assert exact(function) == token
    function.attribute = 1  # type: ignore[attr-defined]
    assert exact(function) != token


def test_importable_function_changed_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    token = exact(importable)
    monkeypatch.setattr(importable, "__defaults__", (2,))
    assert exact(importable) != token
    monkeypatch.undo()
    assert exact(importable) == token
    monkeypatch.setattr(importable, "__code__", (lambda x, by: x).__code__)
    assert exact(importable) != token


def test_empty_cell() -> None:
    def make() -> Any:
        def f() -> Any:
            return later

        token = exact(f)
        later = 1
        return token, exact(f)

    before, after = make()
    assert before != after


def test_caches_let_go() -> None:
    function: Any = make_adder(1).__code__
    local = eval("lambda x: x * 3")
    exact(local)
    ref = weakref.ref(local)
    key, code_key = id(local), id(local.__code__)
    assert key in _functions._flat_functions.entries
    del local, function
    gc.collect()
    assert ref() is None
    assert key not in _functions._flat_functions.entries
    assert code_key not in _functions._codes.entries


def test_types_found_once() -> None:
    class Passing:
        pass

    exact(make_adder(1), make_adder, Point(1), Passing(), [].append)
    assert {types.FunctionType, types.BuiltinFunctionType, Point} <= normalize_token.resolved.keys()
    assert Passing not in normalize_token.resolved


def test_class_by_value() -> None:
    def make(**space: Any) -> type:
        return type("Made", (), space)

    tokens = [
        exact(make()),
        exact(make(x=1)),
        exact(make(x=2)),
        exact(make(x=property(lambda self: 1))),
        exact(make(x=property(lambda self: 2))),
        exact(make(x=staticmethod(importable))),
        exact(make(x=classmethod(importable))),
        exact(make(__slots__=("x",))),
        exact(make(__doc__="text")),
        exact(type("Made", (Base,), {})),
        exact(abc.ABCMeta("Made", (), {})),
        exact(make(x=functools.cached_property(len))),
    ]
    assert len(set(tokens)) == len(tokens)


def test_class_is_not_changed_by_use() -> None:
    @dataclasses.dataclass
    class Local(abc.ABC):
        x: int

        @functools.cached_property
        def double(self) -> int:
            return 2 * self.x

    token = exact(Local)
    one = Local(1)
    exact(one)
    copy.copy(one)
    assert isinstance(one, Base) is False
    assert issubclass(Local, Local)
    assert exact(Local) == token


def test_local_enum() -> None:
    def make(value: int) -> Any:
        class Local(enum.IntFlag):
            A = 1
            B = value

            def method(self) -> int:
                return 1

        return Local

    assert exact(make(2).A) == exact(make(2).A) != exact(make(2).B)
    assert exact(make(2)) == exact(make(2)) != exact(make(4))
    both = make(2)
    token = exact(both)
    assert exact(both.A | both.B) != exact(both.A)
    assert exact(both) == token


def test_module_by_value() -> None:
    def make(x: int) -> types.ModuleType:
        module = types.ModuleType("made")
        module.x = x  # type: ignore[attr-defined]
        return module

    assert exact(make(1)) == exact(make(1)) != exact(make(2))


def test_local_functions_behind_a_cache_differ() -> None:
    def make(n: int) -> Any:
        @functools.lru_cache(maxsize=n)
        def f(x: int) -> int:
            return x

        return f

    assert exact(make(1)) == exact(make(1)) != exact(make(2))


def test_toolz() -> None:
    toolz = pytest.importorskip("toolz")
    curry, compose = toolz.curry, toolz.compose
    assert exact(curry(importable)) == exact(curry(importable)) != exact(curry(cached))
    assert exact(curry(importable, by=1)) != exact(curry(importable, by=2))
    assert exact(compose(importable, len)) != exact(compose(importable, sum))


def test_random_functions_follow_their_state() -> None:
    generator = random.Random(1)
    token = exact(generator.random)
    assert exact(random.Random(1).random) == token
    generator.random()
    assert exact(generator.random) != token


# -- describing types ----------------------------------------------------------------------------


def test_protocols() -> None:
    class Ours:
        def __init__(self, x: Any) -> None:
            self.x = x

        def __shoal_tokenize__(self) -> Any:
            return self.x

    class Theirs(Ours):
        def __dask_tokenize__(self) -> Any:
            return -self.x

    class Neither(Theirs):
        __dask_tokenize__ = None  # type: ignore[assignment]

        def __shoal_tokenize__(self) -> Any:
            return "constant"

    assert exact(Ours(1)) == exact(Ours(1)) != exact(Ours(2))
    assert exact(Ours(1)) != exact(1)
    assert exact(Theirs(1)) != exact(Ours(1)) != exact(Ours(-1))
    assert normalize_token(Theirs(5))[1] == ("\0", -5)
    assert exact(Neither(1)) == exact(Neither(2))
    assert exact(Ours([1, {2: threading}])) == exact(Ours([1, {2: threading}]))
    assert exact(Ours((1,))) != exact(Ours(1)) != exact(Ours([1]))


def test_most_derived_description_wins() -> None:
    class Ours(Point):
        def __shoal_tokenize__(self) -> str:
            return "ours"

    class Child(Ours):
        pass

    registry = Normalizer()
    registry.register(Point, lambda point: "registered")
    registry.register(Ours, lambda ours: "registered too")
    assert registry(Child(1))[1] == ("\0", "registered too")
    del registry.table[Ours]
    registry.resolved.clear()
    assert registry(Child(1))[1] == ("\0", "ours")
    assert registry(Point(1))[1] == ("\0", "registered")
    assert registry.dispatch(Child)(None) == "registered"


def test_register() -> None:
    class Foo:
        def __init__(self, x: int) -> None:
            self.x = x

    class Bar(Foo):
        pass

    @normalize_token.register((Foo, Bar))
    def describe(foo: Foo) -> Any:
        return foo.x

    assert describe(Foo(3)) == 3
    assert normalize_token.dispatch(Bar) is describe
    assert exact(Foo(1)) == exact(Foo(1)) != exact(Foo(2))
    assert exact(Foo(1)) != exact(Bar(1))
    normalize_token.register(Foo, lambda foo: NotImplemented)
    assert exact(Foo(1)) == exact(Foo(1)) != exact(Foo(2))
    normalize_token.register(Foo, lambda foo: foo)
    assert exact(Foo(1)) == exact(Foo(1)) != exact(Foo(2))
    with pytest.raises(TypeError, match="normal form of a int is fixed"):
        normalize_token.register(int, str)
    with pytest.raises(TypeError, match="register"):
        normalize_token.dispatch(type("Unknown", (), {}))


def test_register_replaces_what_comes_with_shoal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(normalize_token, "table", normalize_token.table.copy())
    flat = FLAT.copy()
    token = exact(slice(3))
    try:
        normalize_token.register((slice, dict), lambda obj: "mine")
        assert exact(slice(3)) == exact(slice(4)) != token
        assert exact({1: 2}) == exact({}) != exact([])
    finally:
        FLAT.update(flat)
        normalize_token.resolved.clear()
    assert exact(slice(3)) == token


def test_register_lazy() -> None:
    calls = []
    registry = Normalizer()

    @registry.register_lazy("decimal")
    def _() -> None:
        calls.append("decimal")
        registry.extend({decimal.Context: lambda context: context.prec})

    registry.register("fractions", lambda: calls.append("fractions"), lazy=True)
    registry(decimal.Context())
    assert calls == ["decimal"]
    assert registry(decimal.Context(prec=5))[1] == ("\0", 5)
    registry(fractions.Fraction(1, 2))
    assert calls == ["decimal", "fractions"]


def test_a_lazy_registration_that_is_not_ready_is_asked_again() -> None:
    answers = [False, None]
    registry = Normalizer()
    registry.register_lazy("fractions", lambda: answers.pop(0))
    registry(fractions.Fraction(1, 2))
    assert answers == [None]
    registry.resolved.clear()
    registry(fractions.Fraction(1, 2))
    assert answers == []


def test_normalize_token_leaves_scalars_alone() -> None:
    for obj in [1, 1.5, "x", slice(1), decimal.Decimal(1), datetime.date(2020, 1, 1), b"x", None]:
        assert normalize_token(obj) is obj
    path = pathlib.PurePath("a")
    assert normalize_token(path) is path


def test_normal_forms_are_hashable() -> None:
    for obj in [[1, [2]], {1: [2]}, {1}, Point(1, [2]), importable, list(range(5000))]:
        hash(normalize_token(obj))


def test_description_that_normalizes_a_cycle() -> None:
    class Tree:
        def __init__(self) -> None:
            self.other: Tree | None = None

        def __shoal_tokenize__(self) -> Any:
            return normalize_token(self.other)

    one, two = Tree(), Tree()
    one.other, two.other = two, one
    assert exact(one) == exact(two)
    two.other = None
    assert exact(one) != exact(two)


def test_description_that_tokenizes() -> None:
    class Nested:
        def __init__(self, x: Any) -> None:
            self.x = x

        def __shoal_tokenize__(self) -> str:
            return tokenize(self.x)

    shared = [1, 2, 3]
    assert exact(shared, Nested(shared), shared) == exact([1, 2, 3], Nested([1, 2, 3]), [1, 2, 3])
    with pytest.raises(TokenizationError):
        tokenize(Nested(object()), ensure_deterministic=True)
    with pytest.raises(TokenizationError), strict():
        tokenize(Nested(object()))
    with strict():
        tokenize(Nested(object()), ensure_deterministic=False)


def test_description_that_fails_is_the_users_error() -> None:
    class Broken:
        def __shoal_tokenize__(self) -> Any:
            raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        tokenize([Broken()])


# -- what has no token ---------------------------------------------------------------------------


def strict() -> Any:
    return config.set({"tokenize.ensure-deterministic": True})


class Unwilling:
    def __reduce__(self) -> Any:
        raise AssertionError


@pytest.mark.parametrize(
    ("make", "path"),
    [
        (threading.Lock, "the _thread.lock at args[0]:"),
        (lambda: [1, {"k": threading.Lock()}], "the _thread.lock at args[0][1]['k']:"),
        (lambda: Point(1, [threading.RLock()]), "the _thread.RLock at args[0].y[0]:"),
        (lambda: Frozen(threading.Lock()), "the _thread.lock at args[0].x:"),
        (lambda: make_adder(threading.Lock()), "the _thread.lock at args[0].<closure n>:"),
        (lambda: (i for i in ()), "the builtins.generator at args[0]:"),
        (lambda: weakref.ref(importable), "the weakref.ReferenceType at args[0]:"),
        (Unwilling, f"the {__name__}.Unwilling at args[0]:"),
        (lambda: {object()}, "the builtins.object at args[0]:"),
    ],
)
def test_refused(make: Callable[[], Any], path: str) -> None:
    obj = make()
    with pytest.raises(TokenizationError, match=r"cannot be deterministically hashed") as caught:
        tokenize(obj, ensure_deterministic=True)
    assert str(caught.value).startswith(f"Cannot tokenize {path}")
    assert isinstance(caught.value, ShoalError)
    assert isinstance(caught.value, RuntimeError)
    with strict(), pytest.raises(TokenizationError):
        tokenize(obj)
    with strict():
        assert tokenize(obj, ensure_deterministic=False)


def test_refused_names_keyword_and_global() -> None:
    space: dict[str, Any] = {"__name__": "__main__", "LOCK": threading.Lock()}
    exec("def f(): return LOCK", space)
    with pytest.raises(TokenizationError, match=r"the _thread.lock at kwargs\['guard'\]\[0\]:"):
        tokenize(1, guard=[threading.Lock()], ensure_deterministic=True)
    with pytest.raises(TokenizationError, match=r"at args\[1\]\.<global LOCK>:"):
        tokenize(1, space["f"], ensure_deterministic=True)


def test_open_file_is_refused(tmp_path: pathlib.Path) -> None:
    with open(tmp_path / "x", "w") as file:
        assert tokenize(file) != tokenize(file)
        with pytest.raises(TokenizationError, match=r"TextIOWrapper at args\[0\]\[0\]"):
            tokenize([file], ensure_deterministic=True)


def test_unique_token_where_none_is_asked_for() -> None:
    lock = threading.Lock()
    assert tokenize(lock) != tokenize(lock)
    assert normalize_token(lock) != normalize_token(lock)
    assert tokenize([1, lock]) != tokenize([1, lock])


def test_instances_of_object_keep_their_token() -> None:
    sentinel = object()
    assert tokenize(sentinel) == tokenize(sentinel)
    assert tokenize([sentinel]) == tokenize([sentinel])
    assert tokenize({sentinel: 1}) == tokenize({sentinel: 1})
    # Ids are used again as soon as an object is gone.
    assert len({tokenize(object()) for _ in range(100)}) == 100
    for _ in range(_IDENTITIES):
        tokenize(object())
    first = tokenize(sentinel)
    assert first == tokenize(sentinel)


def test_state_that_differs_each_time_is_refused() -> None:
    class Restless:
        def __getstate__(self) -> Any:
            return {"stamp": object.__hash__(object()), "noise": random.random()}

    with pytest.raises(TokenizationError, match="differs from one call to the next"):
        tokenize([Restless()], ensure_deterministic=True)
    assert tokenize(Restless()) != tokenize(Restless())


def test_name_that_leads_elsewhere_is_refused() -> None:
    class Liar:
        def __reduce__(self) -> str:
            return "no_such_name"

    with pytest.raises(TokenizationError, match="'no_such_name'"):
        tokenize(Liar(), ensure_deterministic=True)


def test_pickle_is_asked_no_more_than_needed() -> None:
    Counted.calls = 0
    tokenize([Counted()], ensure_deterministic=False)
    assert Counted.calls == 1
    tokenize(Frozen(Frozen(Frozen(Counted()))), ensure_deterministic=True)
    assert Counted.calls == 3  # twice, not twice for every level


# -- threads -------------------------------------------------------------------------------------


def test_threads() -> None:
    nested: Any = Point(1)
    for i in range(50):
        nested = [i, {"k": nested}]
    nested[1]["cycle"] = nested
    expected = tokenize(nested)
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: tokenize(nested), range(200))) == {expected}


def test_first_use_of_a_package_by_many_threads() -> None:
    registry = Normalizer()
    started = threading.Barrier(4, timeout=60)

    def register() -> None:
        registry.extend({fractions.Fraction: lambda f: (f.numerator, f.denominator)})

    registry.register_lazy("fractions", register)

    def work(_: int) -> Any:
        started.wait()
        return registry(fractions.Fraction(1, 2))

    with ThreadPoolExecutor(4) as pool:
        normals = set(pool.map(work, range(4)))
    assert normals == {("\0fractions.Fraction", 1, 2)}


# -- buffers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("hasher", [None, *hashers])
def test_hash_buffer(hasher: Any) -> None:
    digest = hash_buffer(b"abc", hasher)
    assert 8 <= len(digest) < 32
    assert hash_buffer(bytearray(b"abc"), hasher) == digest
    assert hash_buffer(memoryview(b"aabbcc")[::2], hasher) == digest
    assert hash_buffer_hex(b"abc", hasher=hasher) == digest.hex()
    assert hash_buffer(b"abd", hasher) != digest


def test_hash_buffer_of_something_else() -> None:
    with pytest.raises(TypeError, match="got a list, which has no bytes to hash"):
        hash_buffer([1])  # type: ignore[arg-type]
