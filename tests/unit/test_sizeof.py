"""Sizes: exact for buffers, near the truth for containers, bounded work for anything."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import sys
from array import array
from types import SimpleNamespace
from typing import Any

import pytest

from shoal.sizeof import SizeOf, _register_entry_point_plugins, sizeof

np = pytest.importorskip("numpy")
pd = pytest.importorskip("pandas")
pa = pytest.importorskip("pyarrow")


def test_plain_objects_take_what_python_says() -> None:
    assert sizeof(1) == sys.getsizeof(1)
    assert sizeof("abc") == sys.getsizeof("abc")
    assert sizeof(np.dtype("f8")) == sys.getsizeof(np.dtype("f8"))


@pytest.mark.parametrize(
    "data",
    [
        bytes(8000),
        bytearray(8000),
        memoryview(bytes(8000)),
        array("d", range(1000)),
        np.zeros(1000),
    ],
    ids=lambda data: type(data).__name__,
)
def test_buffers_say_their_size(data: Any) -> None:
    assert 8000 <= sizeof(data) <= 9000


@pytest.mark.parametrize("make", [list, tuple, set, frozenset])
def test_containers_count_their_items(make: Any) -> None:
    items = [f"{i:01000d}" for i in range(500)]
    exact = sum(map(sys.getsizeof, items)) + sys.getsizeof(make(items))
    assert sizeof(make(items)) == pytest.approx(exact, rel=0.01)


def test_mappings_count_keys_and_values() -> None:
    block = np.ones(10_000)
    assert sizeof(dict.fromkeys(range(100), block)) > 100 * block.nbytes
    assert sizeof({"x": [{"y": block}]}) > block.nbytes


def test_objects_count_their_attributes() -> None:
    @dataclasses.dataclass
    class Held:
        block: Any

    class Slotted:
        __slots__ = ("__weakref__", "block", "unset")

        def __init__(self, block: Any) -> None:
            self.block = block

    assert sizeof(Held(np.ones(1000))) > 8000
    assert sizeof(Slotted(np.ones(1000))) > 8000
    assert sizeof(Held) == sys.getsizeof(Held)


def test_a_list_that_holds_itself_ends() -> None:
    loop: list[Any] = []
    loop.extend([loop] * 100)
    assert sizeof(loop) > 0


def test_deep_nesting_is_looked_at_a_few_times_only() -> None:
    looks = []

    class Leaf:
        pass

    sizeof.register(Leaf, lambda leaf: looks.append(leaf) or 10)
    nested: Any = Leaf()
    for _ in range(5):
        nested = [nested] * 50
    sizeof(nested)
    assert 0 < len(looks) < 500


def test_a_broadcast_axis_takes_no_memory() -> None:
    assert sizeof(np.broadcast_to(1, (100, 100, 100))) <= 8


@pytest.mark.parametrize("distinct", [1, 2, 50, 400])
def test_object_arrays_count_an_object_once(distinct: int) -> None:
    texts = ["x" * (10_000 + i) for i in range(distinct)]
    data = np.array([texts[i % distinct] for i in range(400)], dtype=object)
    exact = sum(map(sys.getsizeof, texts)) + data.nbytes
    assert sizeof(data) == pytest.approx(exact, rel=0.6)


@pytest.mark.parametrize("dtype", [object, "string[python]"])
def test_pandas_text_counts_an_object_once(dtype: Any) -> None:
    x, y, z, w = ("xyzw"[i] * 100_000 for i in range(4))
    many = pd.Series([x, y, z, w] * 1000, dtype=dtype)
    assert 400_000 < sizeof(many) < 500_000
    frame = pd.DataFrame([[x, y, z, w] * 3] * 1000, dtype=dtype)
    assert 400_000 < sizeof(frame) < 550_000
    one, two, four = (
        pd.DataFrame(rows, dtype=dtype) for rows in ([x, x], [x, y], [[x, y], [z, w]])
    )
    assert sizeof(one) < sizeof(two) < sizeof(four)


def test_pandas_numbers() -> None:
    frame = pd.DataFrame({"x": range(10_000), "y": range(10_000)})
    assert 160_000 < sizeof(frame) < 165_000
    assert 80_000 < sizeof(frame.x) < 85_000
    assert sizeof(frame.head(0)) > 0
    together = pd.DataFrame([[1.1, 2.2], [3.3, 4.4]])
    apart = pd.DataFrame([[1, 2.2], [3, 4.4]])
    assert sizeof(together) < sizeof(apart)


def test_pandas_index() -> None:
    index = pd.MultiIndex.from_product([range(50), list("abcdefghijklmnopqrstuvwxyz")])
    assert 0.5 * sys.getsizeof(index) < sizeof(index) < 3 * sys.getsizeof(index)
    assert sizeof(pd.RangeIndex(10**9)) < 1000


def test_arrow() -> None:
    table = pa.table({"x": range(1000), "y": ["a" * 100] * 1000})
    assert table.nbytes < sizeof(table) < table.nbytes + 1000
    assert sizeof(table.slice(0, 10)) < sizeof(table) / 10
    assert sizeof(table.column("x")) >= 8000
    assert sizeof(pd.Series(["x" * 100_000, "y"], dtype="string[pyarrow]")) < 110_000


def test_the_nearest_base_decides_and_later_registrations_count() -> None:
    size = SizeOf(lambda item: 0)

    class Base:
        pass

    class Derived(Base):
        pass

    assert size(Derived()) == 0
    size.register(Base, lambda item: 1)
    assert size(Derived()) == 1
    size.register(Derived, lambda item: 2)
    assert size(Derived()) == 2


def test_a_package_is_asked_when_its_first_object_comes() -> None:
    size = SizeOf(lambda item: 0)
    asked = []

    @size.register_lazy("decimal")
    def register() -> None:
        import decimal

        asked.append("decimal")
        size.register(decimal.Decimal, lambda item: 7)

    from decimal import Decimal

    assert (size(1), asked) == (0, [])
    assert (size(Decimal(1)), size(Decimal(2)), asked) == (7, 7, ["decimal"])


def test_a_type_that_fails_is_sized_by_python() -> None:
    size = SizeOf(sys.getsizeof)
    size.register(str, lambda item: 1 // 0)
    assert size("abc") == sys.getsizeof("abc")


def test_installed_packages_register_and_a_broken_one_is_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def plugin(size: SizeOf) -> None:
        size.register(complex, lambda item: 99)

    def broken(size: SizeOf) -> None:
        raise ImportError("gone")

    entries = {"shoal.sizeof": [broken, plugin], "dask.sizeof": []}
    monkeypatch.setattr(
        importlib.metadata,
        "entry_points",
        lambda group: [SimpleNamespace(load=lambda func=func: func) for func in entries[group]],
    )
    size = SizeOf(lambda item: 0)
    _register_entry_point_plugins(size)
    assert size(1j) == 99
