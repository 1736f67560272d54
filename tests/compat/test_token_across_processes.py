"""Tokens are the same in every process: other hash seeds, other interpreters, values sent over."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from typing import Any

import cloudpickle
import pytest

from shoal.graph.token import tokenize

# Prints a token for each value; run as a program, so that what it defines lives in __main__.
PROGRAM = '''
import abc, collections, dataclasses, datetime, decimal, enum, functools, operator, pathlib
import random, re, sys, types, typing, uuid
import numpy as np, pandas as pd, pyarrow as pa
from shoal.graph.token import tokenize

WORDS = {"alpha", "beta", "gamma"}
LIMIT = 3

class Color(enum.Enum):
    RED = 1
    BLUE = 2

class Mode(enum.Flag):
    A = 1
    B = 2

class Pair(typing.NamedTuple):
    x: int
    y: int = 2

@dataclasses.dataclass
class Point:
    x: int
    y: list = dataclasses.field(default_factory=list)

@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    x: int

class Base(abc.ABC):
    """Doc."""
    names = WORDS
    @property
    def one(self): return 1
    @staticmethod
    def three(): return Point(1)
    @classmethod
    def four(cls): return cls()
    @abc.abstractmethod
    def five(self): ...

class Lazy:
    @functools.cached_property
    def two(self): return LIMIT

class Derived(Base):
    class Inner:
        def __shoal_tokenize__(self): return 1
    def __init__(self): self.a = {"x", "y", "z"}
    def five(self): return super().five()

def inc(x, by=1): return x + by if x in {"alpha", "beta"} else LIMIT
def even(n): return n == 0 or odd(n - 1)
def odd(n): return even(n - 1)
def make(n):
    def inner(x): return x + n + len(WORDS)
    return inner

@functools.lru_cache
def cached(x): return Point(x)

cycle = [1, {"k": Point(1)}]
cycle.append(cycle)
tree = Point(0); tree.y = [Point(1, [tree]), Point(2, [tree])]

values = [
    1, -1, 2**70, 1.5, float("nan"), 1j, None, ..., NotImplemented, True, "x", b"x", "\\ud800",
    [1, [2, (3,)]], {"b": 1, "a": [2]}, {1: "x", "x": 1, (1, "a"): 2}, WORDS, frozenset(WORDS),
    {frozenset(WORDS): {("q", 1), "w"}}, dict.fromkeys(sorted(WORDS)), collections.Counter(WORDS),
    collections.defaultdict(set, a=WORDS), collections.OrderedDict(a=1),
    collections.deque(range(3)), range(5), slice(1, None), bytearray(b"x"),
    types.SimpleNamespace(a=WORDS), list(range(3000)),
    datetime.date(2020, 1, 1), datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc),
    datetime.timedelta(1, 2, 3), decimal.Decimal("1.10"), uuid.UUID(int=5),
    pathlib.PurePosixPath("a"), re.compile("a+", re.I), random.Random(5), ValueError("x", WORDS),
    typing.List[int], int | None,
    Color.RED, Mode.A | Mode.B, Pair(1), Point(1, [2]), Frozen(1), Derived(), Color, Mode, Pair,
    Point, Frozen, Base, Derived, int, Derived().five, Derived.four, Derived.Inner(),
    Derived.Inner, Base.one, cycle, tree,
    inc, even, make, make(1), lambda x: x + LIMIT, lambda: WORDS,
    functools.partial(inc, by=make(2)),
    operator.add, operator.itemgetter(1), len, "x".join, str.join, sys, np, json_dumps,
    np.arange(10), np.arange(12).reshape(3, 4)[:, ::2], np.array(["a", None, WORDS], object),
    np.zeros(2, [("a", "i4"), ("b", "O")]), np.float32(1), np.dtype("M8[ns]"), np.sin, np.sum,
    np.random.default_rng(3), np.random.RandomState(3), np.ma.array([1, 2], mask=[0, 1]),
    pd.DataFrame({"a": [1, 2], "b": ["x", None]}), pd.Series([1.5], name="s"), pd.Index(["a"]),
    pd.MultiIndex.from_product([["a"], [1, 2]]), pd.Categorical(["a", "b"]), pd.Timestamp("2020"),
    pd.date_range("2020", periods=3, tz="CET"), pd.array([1, None]), pd.NA, pd.offsets.Day(2),
    pa.table({"a": [1, None], "b": ["x", "y"]}), pa.array([[1], None]), pa.int64(),
]
# cloudpickle does not send these: a cached property holds a lock in Python 3.11.
unsendable = [Lazy, Lazy(), functools.cached_property(inc), cached]
'''
PROGRAM = "from json import dumps as json_dumps\n" + PROGRAM
TELL = 'print(*(tokenize(v, ensure_deterministic=True) for v in values + unsendable), sep="\\n")\n'


def run(script: str, *, seed: int, stdin: str = "", **env: str) -> list[str]:
    """The lines that a program prints under a hash seed."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        input=stdin,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONHASHSEED": str(seed), **env},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def expected() -> list[str]:
    return run(PROGRAM + TELL, seed=1)


def test_hash_seeds_make_no_difference(expected: list[str]) -> None:
    assert len(set(expected)) == len(expected) >= 100
    for seed in (0, 2):
        assert run(PROGRAM + TELL, seed=seed) == expected


def test_place_in_the_file_makes_no_difference(expected: list[str]) -> None:
    moved = "\n\n\n'''Moved down.'''\n" + PROGRAM
    assert run(moved + TELL, seed=3) == expected


def test_use_makes_no_difference(expected: list[str]) -> None:
    used = """
import copy, pickle
for value in values:
    try:
        copy.copy(value); copy.deepcopy(value); repr(value); hash(value); pickle.dumps(value)
    except Exception:
        pass
point = Point(1); point == Point(2); Lazy().two; Mode.A | Mode.B; isinstance(1, Base)
inc(1); even(4); cached(1); make(1)(2); tokenize(values)
"""
    assert run(PROGRAM + used + TELL, seed=4) == expected


def test_values_sent_to_another_process(expected: list[str]) -> None:
    send = (
        "import base64, cloudpickle\nprint(base64.b64encode(cloudpickle.dumps(values)).decode())\n"
    )
    (sent,) = run(PROGRAM + send, seed=5)
    receive = (
        "import base64, cloudpickle, sys\n"
        "from shoal.graph.token import tokenize\n"
        "values, unsendable = cloudpickle.loads(base64.b64decode(sys.stdin.read())), []\n" + TELL
    )
    received = run(receive, seed=6, stdin=sent)
    assert received == expected[: len(received)]
    assert len(expected) - len(received) == 4


def test_values_sent_on_and_on() -> None:
    def make(n: int) -> Any:
        class Local:
            def method(self) -> int:
                return n

        return [Local, Local(), lambda x: (x, Local), {n: Local().method}]

    once = cloudpickle.loads(cloudpickle.dumps(make(1)))
    twice = cloudpickle.loads(cloudpickle.dumps(once))
    tokens = [tokenize(value, ensure_deterministic=True) for value in (make(1), once, twice)]
    assert len(set(tokens)) == 1
    relay = (
        "import base64, cloudpickle, sys\n"
        "from shoal.graph.token import tokenize\n"
        "value = cloudpickle.loads(base64.b64decode(sys.stdin.read()))\n"
        "print(tokenize(value, ensure_deterministic=True))\n"
        "print(base64.b64encode(cloudpickle.dumps(value)).decode())\n"
    )
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    try:
        sent = base64.b64encode(cloudpickle.dumps(make(1))).decode()
    finally:
        cloudpickle.unregister_pickle_by_value(sys.modules[__name__])
    for seed in (7, 8):
        token, sent = run(relay, seed=seed, stdin=sent)
        assert token == tokens[0]


def test_tokens_of_today() -> None:
    # What is stored under a token is found again only as long as these stay: to change them is
    # a line in the changelog.
    assert tokenize(1, "x") == "c77b168451c547b274a90a2ff50b4532"
    assert tokenize({"b": [1.5], "a": {2, 3}}) == "035bbfbffe3bba8c61489b9eea5fa2f7"
