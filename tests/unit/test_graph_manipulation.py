"""checkpoint, bind, wait_on and clone: what runs, how often, and after what."""

from __future__ import annotations

import operator

import cloudpickle
import pytest

import shoal
import shoal.bag as db
from shoal.base import DaskMethodsMixin, get_collection_names, replace_name_in_key
from shoal.delayed import Delayed
from shoal.graph_manipulation import bind, checkpoint, clone, wait_on
from shoal.highlevelgraph import HighLevelGraph, graph_of, keys_of


class Log:
    """Functions that note that they ran."""

    def __init__(self):
        self.entries = []

    def __shoal_tokenize__(self):
        return "log"

    def note(self, what, *inputs):
        self.entries.append(what)
        return what

    def element(self, x):
        self.entries.append(x)
        return x

    def block(self, items, name):
        self.entries.append(name)
        return list(items)

    def take(self):
        out, self.entries = self.entries, []
        return out


@pytest.fixture
def log():
    with shoal.config.set(scheduler="sync"):
        yield Log()


class Tuple(DaskMethodsMixin):
    """A collection of another library."""

    __dask_scheduler__ = staticmethod(shoal.get)

    def __init__(self, dsk, keys):
        self.dsk, self.keys = dsk, keys

    def __dask_graph__(self):
        return self.dsk

    def __dask_keys__(self):
        return self.keys

    def __dask_layers__(self):
        return tuple(get_collection_names(self))

    def __dask_tokenize__(self):
        return self.keys

    def __dask_postcompute__(self):
        return tuple, ()

    def __dask_postpersist__(self):
        return Tuple.rebuild, (self.keys,)

    @staticmethod
    def rebuild(dsk, keys, *, rename=None):
        return Tuple(dsk, [replace_name_in_key(key, rename or {}) for key in keys])


def keys(collection):
    return set(
        collection.__dask_graph__() if isinstance(collection, Tuple) else graph_of(collection)
    )


def add(x, y):
    return x + y


# --------------------------------------------------------------------------------- checkpoint


def test_checkpoint_runs_everything_once(log) -> None:
    bag = db.from_sequence([1, 2, 3], npartitions=3).map(log.element)
    lazy = shoal.delayed(log.note)("d")
    theirs = Tuple({("t", 0): (log.note, "t0"), ("t", 1): (log.note, "t1")}, [("t", 0), ("t", 1)])
    end = checkpoint(bag, {"more": [lazy, bag], "theirs": theirs})
    assert isinstance(end, Delayed)
    assert end.compute() is None
    assert sorted(map(str, log.take())) == ["1", "2", "3", "d", "t0", "t1"]
    assert checkpoint().compute() is None
    assert checkpoint(bag).key == checkpoint(bag).key


@pytest.mark.parametrize(
    ("split_every", "tasks"),
    [(2, 299), (3, 250), (8, 215), (None, 215), (8.1, 215), (1e9, 201), (False, 201)],
)
def test_checkpoint_is_a_tree(split_every, tasks) -> None:
    dsk = {("a", i): i for i in range(100)}
    theirs = Tuple(dsk, list(dsk))
    assert len(graph_of(checkpoint(theirs, split_every=split_every))) == tasks
    waiting = wait_on(theirs, split_every=split_every)
    assert len(waiting.__dask_graph__()) == tasks + 100
    assert waiting.compute() == tuple(range(100))


@pytest.mark.parametrize("split_every", [2, 3, 8, False])
def test_checkpoint_of_a_bag_is_a_tree(split_every) -> None:
    bag = db.from_sequence(range(100), npartitions=100)
    graph = graph_of(checkpoint(bag, split_every=split_every))
    widest = max(len(set(task.split()[2])) for task in graph.values())
    assert widest == (split_every or 100)
    assert shoal.get(graph, list(graph)[-1]) is None


@pytest.mark.parametrize("split_every", [1, 1.9, 0, -2, True])
def test_split_every_too_small(split_every) -> None:
    with pytest.raises(ValueError if split_every is not True else TypeError, match="split_every"):
        checkpoint(shoal.delayed(1), split_every=split_every)
    with pytest.raises(TypeError, match=r"got \{0: 2\}"):
        wait_on(shoal.delayed(1), split_every={0: 2})


# ------------------------------------------------------------------------------------ wait_on


def test_wait_on_delayed(log) -> None:
    one, two = shoal.delayed(log.note)("one"), shoal.delayed(log.note)("two")
    after_one, after_two = wait_on(one, two)
    shoal.delayed(log.note)("user", after_one).compute()
    assert sorted(log.take()[:2]) == ["one", "two"]
    assert shoal.compute(after_one, after_two) == ("one", "two")
    assert sorted(log.take()) == ["one", "two"]
    assert len({item.key for item in (one, two, after_one, after_two)}) == 4


def test_wait_on_keeps_the_number_of_results() -> None:
    low, high = wait_on(shoal.delayed(divmod, nout=2)(7, 2))
    assert shoal.compute(low, high, scheduler="sync") == (3, 1)


def test_wait_on_bags(log) -> None:
    bag = db.from_sequence([1, 2, 3], npartitions=3).map(log.element).map(abs)
    waiting = wait_on(bag)
    assert isinstance(waiting, db.Bag)
    used = waiting.map_partitions(log.block, "used")
    assert used.compute() == [1, 2, 3]
    assert log.take() == [1, 2, 3, "used", "used", "used"]


def test_wait_on_runs_nothing_twice(log) -> None:
    # Each alone would be rewritten otherwise than both together.
    common = db.from_sequence([1, 2], npartitions=2).map(log.element)
    out = wait_on({"a": common.map(abs), "b": [common.map(operator.neg)]})
    assert shoal.compute(out) == ({"a": [1, 2], "b": [[-1, -2]]},)
    assert log.take() == [1, 2]
    assert out["a"].sum().compute() == 3
    assert log.take() == [1, 2]


def test_wait_on_an_item(log) -> None:
    total = wait_on(db.from_sequence([1, 2, 3]).map(log.element).sum())
    assert total.compute() == 6
    assert log.take() == [1, 2, 3]


@pytest.mark.parametrize("layers", [False, True])
def test_wait_on_others(log, layers) -> None:
    dsk = {"a": {("a", 0): (log.note, 1), ("a", 1): (log.note, 2)}, "b": {"b": (log.note, 3)}}
    graph = HighLevelGraph(dsk, {"a": set(), "b": set()})
    theirs = Tuple(graph if layers else graph.to_dict(), [("a", 0), ("a", 1), "b"])
    waiting = wait_on(theirs)
    assert isinstance(waiting.__dask_graph__(), HighLevelGraph) == layers
    assert waiting.compute() == (1, 2, 3)
    assert sorted(log.take()) == [1, 2, 3]
    assert not get_collection_names(waiting) & {"a", "b"}


# -------------------------------------------------------------------------------------- clone


def examples(log):
    lazy = shoal.delayed(log.note)("d")
    bag = db.from_sequence([3, 1, 2], npartitions=2).map(log.element)
    return {
        "call": lazy,
        "leaf": shoal.delayed([1, 2]),
        "attribute": shoal.delayed(3 + 4j).imag,
        "call of a bag": shoal.delayed(sum)(bag),
        "bag": bag,
        "long bag": bag.map(abs).filter(None).map(abs),
        "item": bag.sum(),
        "bag of calls": db.from_delayed([shoal.delayed([1]), shoal.delayed(list)("ab")]),
        "concatenated": db.concat([bag, bag.map(abs)]),
        "zipped": db.zip(bag, bag.map(abs)),
        "shuffled": bag.groupby(lambda x: x % 2, npartitions=2).map(
            lambda pair: (pair[0], sorted(pair[1]))
        ),
        "graph": db.Bag({("x", 0): [1], ("x", 1): (list, [2])}, "x", 2),
        "persisted": bag.persist(scheduler="sync"),
        "cut": bag.repartition(npartitions=3),
        "with a call": bag.map(add, shoal.delayed(10)),
    }


KINDS = list(examples(Log()))


@pytest.mark.parametrize("kind", KINDS)
def test_clone_gives_the_same_results(log, kind) -> None:
    original = examples(log)[kind]
    again = clone(original)
    assert type(again) is type(original)
    expected = original.compute()
    log.take()
    assert again.compute() == expected
    assert not keys(again) & keys(original)
    assert cloudpickle.loads(cloudpickle.dumps(again)).__class__ is type(original)


@pytest.mark.parametrize("kind", KINDS)
def test_seeds(log, kind) -> None:
    original = examples(log)[kind]
    one, same, other = (clone(original, seed=s) for s in (1, 1, 2))
    twice = clone(one, seed=1)
    randoms = [clone(original), clone(original)]
    assert keys(one) == keys(same)
    for different in (other, twice, *randoms):
        assert not keys(one) & keys(different)
    assert not keys(randoms[0]) & keys(randoms[1])


def test_a_clone_is_computed_by_itself(log) -> None:
    bag = db.from_sequence([1, 2], npartitions=2).map(log.element)
    lazy = shoal.delayed(log.note)("d")
    bag2, lazy2 = clone(bag, lazy)
    assert shoal.compute(bag, bag2, lazy, lazy2) == ([1, 2], [1, 2], "d", "d")
    assert sorted(map(str, log.take())) == ["1", "1", "2", "2", "d", "d"]


def test_clones_share_with_each_other(log) -> None:
    common = shoal.delayed(log.note)("common")
    bag = db.from_sequence([1]).map(log.element)
    out = clone({"x": [add(common, "x")], "y": common + "y", "z": bag.sum(), "b": bag})
    (result,) = shoal.compute(out)
    assert result == {"x": ["commonx"], "y": "commony", "z": 1, "b": [1]}
    assert sorted(map(str, log.take())) == ["1", "common"]


def test_clone_without_some(log) -> None:
    common = shoal.delayed(log.note)("common")
    user = shoal.delayed(log.note)("user", common)
    again = clone(user, omit={"any": [common]})
    assert keys(again) & keys(user) == {common.key}
    shoal.compute(user, again)
    assert sorted(log.take()) == ["common", "user", "user"]
    assert clone(user, omit=user) is user


def test_clone_bags_without_some(log) -> None:
    source = db.from_sequence([1, 2], npartitions=2).map(log.element)
    user = source.map_partitions(log.block, "user").map(abs)
    again = clone(user, omit=source)
    assert shoal.compute(user, again) == ([1, 2], [1, 2])
    both = log.take()
    assert both.count("user") == 4
    assert again.name != user.name
    assert again.compute() == [1, 2]
    assert clone(user, omit=source, seed=1).name != clone(user, omit=source, seed=2).name
    assert clone(source, omit=source) is source


def test_a_bag_is_left_out_inside_a_delayed(log) -> None:
    bag = db.from_sequence([1, 2], npartitions=1).map(log.element)
    user = shoal.delayed(sum)(bag)
    again = clone(user, omit=bag)
    assert shoal.compute(user, again) == (3, 3)
    assert log.take() == [1, 2]


@pytest.mark.parametrize("layers", [False, True])
def test_clone_others(log, layers) -> None:
    one = {("a", 0): 1, ("a", 1): 2}
    two = {"b": (add, ("a", 0), ("a", 1))}
    if layers:
        one = HighLevelGraph({"a": one}, {"a": set()})
        two = HighLevelGraph({"a": dict(one), "b": two}, {"a": set(), "b": {"a"}})
    else:
        two.update(one)
    t1, t2 = Tuple(one, [("a", 0), ("a", 1)]), Tuple(two, ["b"])
    again = clone(t2, seed=1, assume_layers=layers)
    assert again.__dask_graph__() == clone(t2, seed=1, assume_layers=layers).__dask_graph__()
    assert not keys(again) & keys(t2)
    partly = clone({"x": [t2]}, omit={"y": [t1]}, assume_layers=layers)["x"][0]
    assert keys(partly) & keys(t2) == keys(t1)
    assert shoal.compute(again, partly, t2) == ((3,), (3,), (3,))
    if layers:
        again.__dask_graph__().validate()
        partly.__dask_graph__().validate()
    assert clone(t1, omit=t2) is t1


# --------------------------------------------------------------------------------------- bind


@pytest.mark.parametrize("kind", KINDS)
def test_bound_children_give_the_same_results(log, kind) -> None:
    original = examples(log)[kind]
    expected = original.compute()
    log.take()
    parents = [shoal.delayed(log.note)("parent"), db.from_sequence(["p"]).map(log.element)]
    bound = bind(original, parents)
    assert isinstance(bound, Delayed if isinstance(original, Delayed) else type(original))
    assert bound.compute() == expected
    ran = log.take()
    assert set(ran[:2]) == {"parent", "p"}
    assert not keys(bound) & keys(original)


def test_everything_waits(log) -> None:
    a, b = shoal.delayed(log.note)("a"), shoal.delayed(log.note)("b")
    c = shoal.delayed(log.note)("c", a, b)
    bound = bind({"c": c}, shoal.delayed(log.note)("parent"))["c"]
    assert bound.compute() == "c"
    assert log.take()[0] == "parent"
    bag = bind(db.from_sequence([1, 2], npartitions=2).map(log.element), bound)
    assert bag.sum().compute() == 3
    assert sorted(log.take()[-2:]) == [1, 2]


def test_what_is_left_out_does_not_wait(log) -> None:
    a = shoal.delayed(log.note)("a")
    b = shoal.delayed(log.note)("b", a)
    parent = shoal.delayed(log.note)("parent", a)
    bound = bind(b, parent, omit=a)
    assert bound.compute() == "b"
    assert log.take() == ["a", "parent", "b"]
    assert a.key in keys(bound)


def test_bags_left_out_do_not_wait_and_run_once(log) -> None:
    source = db.from_sequence([1, 2], npartitions=2).map(log.element)
    parent = source.map_partitions(log.block, "parent")
    child = source.map_partitions(log.block, "child").map(abs)
    bound = bind(child, parent, omit=source)
    assert bound.compute() == [1, 2]
    ran = log.take()
    assert ran[-2:] == ["child", "child"]
    assert sorted(map(str, ran)) == ["1", "2", "child", "child", "parent", "parent"]
    assert shoal.compute(bound, parent, source) == ([1, 2], [1, 2], [1, 2])
    assert sorted(map(str, log.take())) == ["1", "2", "child", "child", "parent", "parent"]


def test_bag_of_calls_left_out(log) -> None:
    calls = [shoal.delayed(log.note)([i]) for i in range(2)]
    bag = db.from_delayed(calls)
    parent = shoal.delayed(log.note)("parent")
    bound = bind(bag, parent, omit=calls)
    assert bound.compute() == [0, 1]
    assert log.take().count("parent") == 1
    assert clone(bag, omit=calls).compute() == [0, 1]


def test_keyword_arguments_survive(log) -> None:
    lazy = shoal.delayed(dict)(a=1, b=shoal.delayed(2))
    only_constants = shoal.delayed(dict)(a=1)
    nothing = shoal.delayed(dict)()
    parent = shoal.delayed(log.note)("parent")
    out = bind([lazy, only_constants, nothing], parent, omit=None)
    assert shoal.compute(out) == ([{"a": 1, "b": 2}, {"a": 1}, {}],)


@pytest.mark.parametrize("layers", [False, True])
def test_bind_others(log, layers) -> None:
    a = {("a-1", 0): 1, ("a-1", 1): 2}
    b = {"b-1": (add, ("a-1", 0), ("a-1", 1))}
    c = {"c-1": "b-1"}
    if layers:
        t2 = HighLevelGraph({"a-1": a, "b-1": b}, {"a-1": set(), "b-1": {"a-1"}})
        t3 = HighLevelGraph({**t2.layers, "c-1": c}, {**t2.dependencies, "c-1": {"b-1"}})
    else:
        t2, t3 = {**a, **b}, {**a, **b, **c}
    t2, t3 = Tuple(t2, ["b-1"]), Tuple(t3, ["c-1"])
    parent = Tuple({"p": (log.note, "P"), "q": (log.note, "Q")}, ["p", "q"])
    for omit in (None, t2):
        bound = bind(t3, parent, omit=omit, assume_layers=layers)
        assert bound.compute() == (3,)
        assert sorted(log.take()) == ["P", "Q"]
        assert isinstance(bound.__dask_graph__(), HighLevelGraph) == layers
    turned = bind(parent, t3)
    assert turned.compute() == ("P", "Q")
    mixed = bind(t3, db.from_sequence([5]).map(log.element))
    assert mixed.compute() == (3,)
    own = bind(shoal.delayed(log.note)("own"), parent)
    log.take()
    assert own.compute() == "own"
    assert log.take()[-1] == "own"


# --------------------------------------------------------------------------------- large graphs


def test_deep_graphs(log) -> None:
    lazy = shoal.delayed(1)
    for _ in range(100_000):
        lazy = shoal.delayed(abs)(lazy)
    assert clone(lazy).compute() == 1
    assert bind(lazy, shoal.delayed(log.note)("parent")).compute() == 1
    assert log.take() == ["parent"]
    assert wait_on(lazy).compute() == 1


def test_in_processes() -> None:
    bag = db.from_sequence([1, 2, 3], npartitions=2).map(abs)
    end = bind(bag, shoal.delayed(abs)(-1))
    assert end.compute(scheduler="processes", num_workers=1) == [1, 2, 3]
    assert wait_on(bag).compute(scheduler="processes", num_workers=1) == [1, 2, 3]


def test_keys_are_told_right(log) -> None:
    for original in examples(log).values():
        for new in (clone(original), wait_on(original), bind(original, shoal.delayed(1))):
            graph = graph_of(new)
            assert all(key in graph for key in shoal.core.flatten(keys_of(new)))
