"""Nodes, rewriting and lowering, on nodes made up for the purpose."""

from __future__ import annotations

import gc
import pickle
from typing import Any

import pytest

from shoal import delayed
from shoal.errors import GraphError
from shoal.expr.call import BlockOf
from shoal.expr.explain import explain
from shoal.expr.lower import lower
from shoal.expr.node import Held, Node
from shoal.expr.regenerate import regenerate
from shoal.expr.rewrite import count_uses, rewrite
from shoal.graph.assemble import assemble
from shoal.graph.layers import Blocks
from shoal.local.sync import run_sync


def concat(*parts: str) -> str:
    return "".join(parts)


class Letters(Node):
    """Blocks of letters."""

    __slots__ = ()
    fields = ("text",)
    prefix = "letters"

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.text),)

    def place(self, lowering: Any) -> None:
        lowering.add_data(self.name, list(self.text))


class Join(Node):
    """Corresponding blocks of several nodes, joined."""

    __slots__ = ()
    fields = ("parts", "mark")
    prefix = "join"

    @property
    def shape(self) -> tuple[int, ...]:
        shape: tuple[int, ...] = self.parts[0].shape
        return shape

    def place(self, lowering: Any) -> None:
        inputs = [Blocks(part.name, part.shape, (0,)) for part in self.parts]
        lowering.add_grid(self, concat, inputs)


def blocks(*roots: Any) -> list[Any]:
    low = lower(roots)
    return run_sync(assemble(low.graph, [i for root in roots for i in low.numbers(root)]))


def test_equal_nodes_are_one_object() -> None:
    a = Letters("abc")
    assert Letters("abc") is a
    assert Join((a, a), None) is Join((Letters("abc"), a), None)
    assert Join((a, a), 1) is not Join((a, a), 2)
    assert Letters("abc", annotations={"priority": 1}) is not a


def test_nodes_are_forgotten_with_their_last_user() -> None:
    name = Letters("forget me").name
    gc.collect()
    from shoal.expr import node

    assert name not in node._interned


def test_fields_by_name() -> None:
    a = Letters("abc")
    assert a.text == "abc"
    with pytest.raises(AttributeError, match="Letters has no attribute 'colour'"):
        a.colour
    with pytest.raises(TypeError, match=r"Letters takes 1 operands \('text',\), got 2"):
        Letters("abc", "def")
    assert a.replace(text="xyz") is Letters("xyz")


def test_sources_inside_tuples() -> None:
    a, b = Letters("ab"), Letters("cd")
    join = Join((a, b, a), "mark")
    assert join.sources == (a, b, a)
    swapped = join.map_sources(lambda node: b if node is a else a)
    assert swapped is Join((b, a, b), "mark")
    assert join.map_sources(lambda node: node) is join


def test_nodes_pickle_and_are_found_again() -> None:
    join = Join((Letters("ab"), Held(("1", "2"), name="kept")), None)
    assert pickle.loads(pickle.dumps(join)) is join


def test_pickling_keeps_what_is_shared_and_the_annotations() -> None:
    shared = Letters("ab", annotations={"priority": 1})
    join = Join((shared, Join((shared, shared), "inner")), "outer")
    data = pickle.dumps(join)
    names = [join.name, shared.name]
    del join, shared
    gc.collect()
    again = pickle.loads(data)
    assert again.parts[0] is again.parts[1].parts[1]
    assert [again.name, again.parts[0].name] == names
    assert again.parts[0].annotations == {"priority": 1}


def test_deep_expressions() -> None:
    node: Node = Letters("ab")
    for i in range(5_000):
        node = Join((node,), i)
    assert node.shape == (2,)
    assert pickle.loads(pickle.dumps(node)) is node
    assert "5,001 nodes" in explain(node, node)
    assert rewrite([node], [lambda item, uses: None])[0] == [node]
    assert blocks(node) == ["a", "b"]
    (again,) = regenerate([node], "seed")
    assert again.name != node.name
    assert blocks(again) == ["a", "b"]


def test_a_shape_is_asked_for_once() -> None:
    asked = []

    class Counted(Letters):
        __slots__ = ()

        @property
        def shape(self) -> tuple[int, ...]:
            """Said once."""
            asked.append(self)
            return (len(self.text),)

    node = Counted("abc")
    assert (node.shape, node.shape, node.size, len(asked)) == ((3,), (3,), 3, 1)
    assert Counted.shape.__doc__ == "Said once."


def test_labels_and_repr() -> None:
    join = Join((Letters("ab"),), "mark")
    assert "mark='mark'" in join.label()
    assert repr(Letters("ab")).endswith("Letters(text='ab') (2,)>")


def test_lowering_places_shared_sources_once() -> None:
    a = Letters("ab")
    join = Join((a, a), None)
    low = lower([join, a, join])
    assert low.graph.size == 4
    assert blocks(join, a) == ["aa", "bb", "a", "b"]


def test_lowering_does_not_recurse() -> None:
    node: Node = Letters("ab")
    for i in range(200):
        node = Join((node,), i)
    assert blocks(node) == ["a", "b"]


def test_calls_and_nodes_in_turns() -> None:
    a = Letters("ab")
    call = delayed(str.upper)(Held(("x",), name="x"))
    call = delayed(concat)(call, "-")
    mixed = Held(("y",), name="y")
    joined = Join((a, a), "last")
    ends = delayed(concat)(delayed(concat)("<"), delayed(concat)(">"))

    class FromCalls(Node):
        __slots__ = ()
        fields = ("calls",)
        prefix = "from-calls"

        @property
        def sources(self) -> tuple[Any, ...]:
            calls: tuple[Any, ...] = self.calls
            return calls

        @property
        def shape(self) -> tuple[int, ...]:
            return (len(self.calls),)

        def place(self, lowering: Any) -> None:
            numbers = [lowering.numbers(call)[0] for call in self.calls]
            lowering.graph.name_blocks(self.name, numbers)

    held = BlockOf(joined, 1)
    calls = FromCalls((ends, held, ends))
    again = Join((calls, calls), "again")
    assert blocks(again) == ["<><>", "bbbb", "<><>"]
    del mixed, call


def rename(node: Any, uses: Any) -> Node | None:
    return Letters(node.text.upper()) if isinstance(node, Letters) and node.text.islower() else None


def flatten(node: Any, uses: Any) -> Node | None:
    """Join of joins, where the inner one has no other user."""
    if isinstance(node, Join):
        for i, part in enumerate(node.parts):
            if isinstance(part, Join) and uses[part.name] == 1:
                parts = (*node.parts[:i], *part.parts, *node.parts[i + 1 :])
                return Join(parts, node.mark)
    return None


def test_rules_reach_a_fixed_point() -> None:
    a, b = Letters("ab"), Letters("cd")
    root = Join((Join((a, Join((b,), 1)), 2), a), 3)
    (new,), steps = rewrite([root], [rename, flatten])
    assert new is Join((Letters("AB"), Letters("CD"), Letters("AB")), 3)
    assert {step.rule for step in steps} == {"rename", "flatten"}
    assert blocks(new) == [block.upper() for block in blocks(root)]


def test_what_is_shared_stays_shared() -> None:
    shared = Join((Letters("ab"),), "shared")
    roots = [Join((shared,), 1), Join((shared,), 2)]
    new, _ = rewrite(roots, [rename, flatten])
    assert new[0].parts[0] is new[1].parts[0]
    assert count_uses(new)[new[0].parts[0].name] == 2


def test_rules_of_a_later_phase_and_on_whole_expressions() -> None:
    seen: list[str] = []

    def late(node: Any, uses: Any) -> Node | None:
        if isinstance(node, Letters):
            seen.append(node.text)
        return None

    def upper_together(roots: list[Any]) -> list[Any]:
        return [Letters(root.text.upper()) for root in roots]

    late.phase = 1  # type: ignore[attr-defined]
    upper_together.whole = True  # type: ignore[attr-defined]
    new, steps = rewrite([Letters("ab"), Letters("C")], [late, upper_together])
    assert [root.text for root in new] == ["AB", "C"]
    assert sorted(seen) == ["AB", "C"]
    assert [step.rule for step in steps] == ["upper_together"]


def test_no_rules_change_nothing() -> None:
    root = Join((Letters("ab"),), None)
    assert rewrite([root], []) == ([root], [])


def test_rules_that_undo_each_other_are_named() -> None:
    def up(node: Any, uses: Any) -> Node | None:
        return Letters(node.text.upper()) if isinstance(node, Letters) else None

    def down(node: Any, uses: Any) -> Node | None:
        return Letters(node.text.lower()) if isinstance(node, Letters) else None

    def both(node: Any, uses: Any) -> Node | None:
        change = down if node.text.isupper() else up
        return change(node, uses)

    with pytest.raises(GraphError, match="still rewriting: both"):
        rewrite([Letters("ab")], [both])


def test_a_node_says_what_it_lacks() -> None:
    class Nothing(Node):
        __slots__ = ()

    with pytest.raises(NotImplementedError, match="Nothing does not say its shape"):
        Nothing().shape
    with pytest.raises(NotImplementedError, match="Nothing cannot be lowered"):
        lower([Nothing()])
