"""Explaining plans: every node once, columns that tell, nothing that overflows."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.expr.call import BlockOf, Call
from shoal.expr.explain import explain, group_name, group_tasks, outline, short_name
from shoal.expr.lower import lower
from shoal.expr.node import Held, Node
from shoal.expr.rewrite import rewrite
from shoal.graph.assemble import assemble
from shoal.graph.layers import Blocks
from shoal.graph.legacy import plan_from_dict


class Map(Node):
    """A function on each block of a source."""

    __slots__ = ()
    fields = ("source", "func")
    prefix = "map"

    @property
    def shape(self) -> tuple[int, ...]:
        return self.source.shape

    def place(self, lowering: Any) -> None:
        source = self.source
        lowering.add_grid(self, self.func, [Blocks(source.name, source.shape, (0,))])

    def label(self) -> str:
        return f"Map({self.func.__name__})"


class Both(Node):
    """A function on the blocks of two sources."""

    __slots__ = ()
    fields = ("left", "right")
    prefix = "both"

    @property
    def shape(self) -> tuple[int, ...]:
        return self.left.shape

    def place(self, lowering: Any) -> None:
        inputs = [Blocks(s.name, s.shape, (0,)) for s in (self.left, self.right)]
        lowering.add_grid(self, max, inputs)


class Composed:
    def __init__(self, *funcs: Any) -> None:
        self.funcs = funcs
        self.__name__ = "+".join(func.__name__ for func in funcs)

    def __call__(self, value: Any) -> Any:
        for func in self.funcs:
            value = func(value)
        return value

    def __shoal_tokenize__(self) -> str:
        return self.__name__


def compose(node: Any, uses: Any) -> Node | None:
    """Two maps become one."""
    if isinstance(node, Map) and isinstance(node.source, Map) and uses[node.source.name] == 1:
        return Map(node.source.source, Composed(node.source.func, node.func))
    return None


def explained(root: Node, *rules: Any) -> str:
    (new,), steps = rewrite([root], rules)
    lowering = lower([new])
    return explain(root, new, steps, assemble(lowering.graph, list(lowering.numbers(new))))


def test_three_sections() -> None:
    source = Held((1, -2, 3))
    shared = Map(source, abs)
    root = Both(Map(Map(shared, float), int), Map(shared, str))
    text = explained(root, compose)
    logical, optimised, physical = text.split("\n\n")
    assert logical.splitlines() == [
        "logical: 6 nodes",
        "  Both()             3 blocks",
        "  ├─ Map(int)        3 blocks  -> compose",
        "  │  Map(float)      3 blocks",
        "  │  [1] Map(abs)    3 blocks",
        "  │  Held(3 blocks)  3 blocks",
        "  └─ Map(str)        3 blocks",
        "     see [1] Map(abs)",
    ]
    assert optimised.splitlines() == [
        "optimised: 5 nodes; compose",
        "  Both()             3 blocks  3 tasks",
        "  ├─ Map(float+int)  3 blocks  3 tasks   <- compose",
        "  │  [1] Map(abs)    3 blocks  3 tasks",
        "  │  Held(3 blocks)  3 blocks  3 values",
        "  └─ Map(str)        3 blocks  3 tasks",
        "     see [1] Map(abs)",
    ]
    lines = physical.splitlines()
    assert lines[0] == (
        "physical: 12 tasks in 5 layers, longest chain 3, at most 5 results alive on one worker"
    )
    assert sorted(re.sub(" +", " ", line) for line in lines[1:]) == [
        " both 3 tasks max reads map, map",
        " held 3 values",
        " map 3 tasks abs reads held",
        " map 3 tasks float+int reads map",
        " map 3 tasks str reads map",
    ]


def test_rules_that_work_on_each_others_results_are_all_named() -> None:
    node: Node = Held((1,))
    for func in (abs, float, int, str):
        node = Map(node, func)
    text = explained(node, compose)
    assert "optimised: 2 nodes; compose x3" in text
    assert "Map(abs+float+int+str)" in text


def test_without_rules_and_without_a_plan() -> None:
    text = explain(Held((1,)), Held((1,)))
    assert text.splitlines()[3:] == ["optimised: the same", "  Held(1 blocks)  1 block"]


def test_several_roots_share_what_they_share() -> None:
    shared = Held((1, 2))
    roots = [Map(shared, abs), Map(shared, str)]
    assert explain(roots, roots).splitlines()[:5] == [
        "logical: 3 nodes",
        "  Map(abs)            2 blocks",
        "  [1] Held(2 blocks)  2 blocks",
        "  Map(str)            2 blocks",
        "  see [1] Held(2 blocks)",
    ]


def test_calls_and_blocks_of_nodes() -> None:
    node = Held((5, 6))
    call = Call()
    call._call = ("c", max, None, (BlockOf(node, 0), BlockOf(node, 1)), "max", None, None, None)
    assert explain(call, call).splitlines()[:5] == [
        "logical: 4 nodes",
        "  max",
        "  ├─ block 0",
        "  │  [1] Held(2 blocks)  2 blocks",
        "  └─ block 1",
    ]


def test_a_chain_of_a_hundred_is_no_staircase() -> None:
    node: Node = Held((1,))
    for i in range(100):
        node = Map(node, Composed(*[abs] * (i + 1)))
    lines = explained(node).splitlines()
    assert len(lines) < 320
    assert all(line[2] != " " for line in lines[1:102])


def test_a_chain_of_a_hundred_thousand_is_cut() -> None:
    call = Call()
    call._call = (0, abs, (1,), (), "abs", None, None, None)
    for i in range(1, 100_000):
        call, source = Call(), call
        call._call = (i, abs, None, (source,), "abs", None, None, None)
    lines = explain(call, call).splitlines()
    assert lines[0] == "logical: 100,000 nodes"
    assert len(lines) < 1100
    assert lines[501] == "  … 99,500 more"


def test_a_wide_node_lists_some_sources() -> None:
    text = "\n".join(line.text() for line in outline([0], lambda i: range(1, 201) if not i else ()))
    assert "… 150 more" in text
    assert text.count("\n") == 51


def test_a_long_label_does_not_widen_the_columns() -> None:
    wide = Map(Held((1, 2)), Composed(*[abs] * 60))
    lines = explain(wide, wide).splitlines()
    assert lines[2] == "  Held(2 blocks)  2 blocks"


@st.composite
def graphs(draw: Any) -> dict[int, list[int]]:
    n = draw(st.integers(1, 40))
    return {
        i: draw(st.lists(st.integers(i + 1, n), unique=True, max_size=4)) if i < n else []
        for i in range(n + 1)
    }


@given(graphs())
def test_outline_has_each_item_once_and_refers_to_it(graph: dict[int, list[int]]) -> None:
    lines = outline([0], graph.__getitem__)
    reached, stack = set(), [0]
    while stack:
        item = stack.pop()
        if item not in reached:
            reached.add(item)
            stack += graph[item]
    assert sorted(line.item for line in lines if not line.again) == sorted(reached)
    numbers = {line.number: line.item for line in lines if not line.again and line.number}
    for line in lines:
        if line.again:
            assert numbers[line.number] == line.item
    edges = sum(len(graph[item]) for item in reached)
    # A postponed item has a line where it belongs and one where it stands.
    assert len(lines) <= 1 + edges + len(reached)


def test_deep_branches_go_on_at_the_margin() -> None:
    graph = {i: [100 + i, i + 1] for i in range(60)} | {60: []} | {100 + i: [] for i in range(60)}
    lines = outline([0], graph.__getitem__)
    assert max(len(line.prefix) for line in lines) < 60
    assert {line.item for line in lines if not line.again} == set(graph)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("x", "x"),
        ("x-12", "x"),
        ("x12", "x"),
        ("12", "12"),
        (7, "7"),
        (("sum-" + "0a" * 16, 0, 1), "sum-" + "0a" * 16),
        ("inc-" + "0a" * 16, "inc"),
        ("a-decade-ago", "a-decade-ago"),
        ("deadbeef" * 4, "deadbeef" * 4),
    ],
)
def test_names_of_groups(key: Any, name: str) -> None:
    assert group_name(key) == name


def test_short_names() -> None:
    assert short_name("sum-" + "0a" * 16 + "-1") == "sum-1"
    assert short_name("0a" * 16) == "0a" * 16


def test_groups_of_a_dict_graph() -> None:
    graph = {"a": 1, "inc-1": (abs, "a"), "inc-2": (float, "inc-1"), "sum": (sum, ["inc-2", "a"])}
    plan = plan_from_dict(graph, ["sum"])
    groups = group_tasks(plan.keys, plan.funcs, plan.deps)
    found = {name: (g.count(), g.calls(), list(g.sources)) for name, g in groups.items()}
    assert found == {
        "a": ("1 value", "", []),
        "inc": ("2 tasks", "abs, float", ["a"]),
        "sum": ("1 task", "sum", ["inc", "a"]),
    }
