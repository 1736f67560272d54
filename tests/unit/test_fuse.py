"""Chains: what is joined and what is not, what stays visible, and which step failed."""

from __future__ import annotations

import pickle

import pytest

from shoal.graph.fuse import Chain, ChainKeys, chain_step, fuse
from shoal.graph.legacy import plan_from_dict
from shoal.graph.plan import Plan, make_plan
from shoal.graph.task import Ref, Template
from shoal.local.sync import run_sync


def fused(graph, *keys):
    return fuse(plan_from_dict(graph, list(keys)))


def shape(plan):
    return {key: list(map(plan.keys.__getitem__, plan.deps[i])) for i, key in enumerate(plan.keys)}


def test_a_chain_becomes_one_task_with_the_last_key():
    plan = fused({"a": (int, "-3"), "b": (abs, "a"), "c": (pow, "b", 2), "d": (str, "c")}, "d")
    assert shape(plan) == {"d": []}
    assert run_sync(plan) == ["9"]
    assert plan.args == [("-3",)]


def test_wanted_results_and_data_are_kept():
    plan = fused({"a": 1, "b": (abs, "a"), "c": (abs, "b"), "d": (abs, "c")}, "d", "b")
    assert shape(plan) == {"a": [], "b": ["a"], "d": ["b"]}
    assert [plan.keys[i] for i in plan.wanted] == ["d", "b"]


def test_results_with_several_readers_are_kept():
    graph = {"a": (int, "1"), "b": (abs, "a"), "c": (abs, "b"), "d": (abs, "b")}
    graph |= {"e": (max, "c", "d"), "f": (abs, "e")}
    plan = fused(graph, "f")
    assert shape(plan) == {"b": [], "c": ["b"], "d": ["b"], "f": ["c", "d"]}
    assert run_sync(plan) == [1]


def test_a_reader_of_several_results_waits_for_none_of_them_longer():
    graph = {"a": (int, "1"), "b": (int, "2"), "c": (max, "a", "b")}
    plan = plan_from_dict(graph, ["c"])
    assert fuse(plan) is plan


def test_a_plan_without_chains_is_the_same_object():
    plan = plan_from_dict({"a": 1, "b": (abs, "a")}, ["b"])
    assert fuse(plan) is plan


def test_annotations_keep_tasks_apart():
    gpu, cpu = {"resources": {"GPU": 1}}, {"resources": {"CPU": 1}}
    parts = ([int, abs, abs, abs], [("1",), None, None, None], [(), (0,), (1,), (2,)], "abcd", [3])
    plan = fuse(make_plan(*parts, [((0, 1), gpu), ((2, 3), cpu)]))
    assert shape(plan) == {"b": [], "d": ["b"]}
    assert plan.annotations == [([0], gpu), ([1], cpu)]
    plan = fuse(make_plan(*parts, [((1,), gpu)]))
    assert shape(plan) == {"a": [], "b": ["a"], "d": ["b"]}
    plan = fuse(make_plan(*parts, [(range(4), gpu)]))
    assert shape(plan) == {"d": []}


def test_equal_chains_share_one_function():
    template = Template((Ref(0), 10))
    funcs, args, deps = [], [], []
    for i in range(5):
        funcs += [int, max]
        args += [(str(i),), template]
        deps += [(), (2 * i,)]
    plan = fuse(make_plan(funcs, args, deps, range(10), list(range(1, 10, 2))))
    assert len(set(map(id, plan.funcs))) == 1
    assert plan.args == [(str(i),) for i in range(5)]


def test_the_order_is_that_of_the_last_tasks():
    funcs, args = [int] * 2 + [abs] * 2, [("1",), ("2",), None, None]
    plan = Plan(funcs, args, [(), (), (0,), (1,)], "abcd", [2, 3], [1, 0, 3, 2])
    assert [fuse(plan).keys[i] for i in fuse(plan).order] == ["d", "c"]


def test_a_long_chain():
    graph = {
        "t0": (int, "0"),
        **{f"t{i}": (lambda x: x + 1, f"t{i - 1}") for i in range(1, 50_000)},
    }
    plan = fused(graph, "t49999")
    assert len(plan) == 1
    assert run_sync(plan) == [49_999]
    assert repr(plan.funcs[0]) == "<Chain int-<lambda>-<lambda>-...-<lambda>-<lambda>>"
    assert len(pickle.dumps(fused({"t0": (int, "0"), "t1": (abs, "t0")}, "t1").funcs)) < 200


def test_the_step_that_failed_is_known():
    plan = fused({"a": (int, "7"), "b": (abs, "a"), "c": (len, "b"), "d": (abs, "c")}, "d")
    with pytest.raises(TypeError) as caught:
        run_sync(plan)
    assert chain_step(caught.value) == 2
    assert isinstance(plan.keys, ChainKeys)
    assert plan.keys.of_step(0, 2) == "c"
    assert plan.funcs[0].funcs[2] is len
    assert chain_step(ValueError()) is None


def test_a_chain_lets_go_of_what_it_has_passed_on():
    class Thing:
        alive = 0

        def __init__(self, before=None):
            Thing.alive += 1

        def __del__(self):
            Thing.alive -= 1

    seen = []

    def look(thing):
        seen.append(Thing.alive)
        return thing

    template = Template((Ref(0),), {})
    Chain(Thing, ((Thing, template), (look, None), (Thing, template), (look, None)))()
    # What a step makes, and nothing older than what it was made from.
    assert max(seen) <= 1


def test_a_chain_can_be_called_with_keywords_and_pickled():
    chain = Chain(dict, ((len, None),))
    assert chain({"b": 1}, a=1) == 2
    assert pickle.loads(pickle.dumps(chain))({"b": 1}, a=1) == 2
