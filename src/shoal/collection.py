"""What all collections have in common: find them, plan them together, run, put back.

``compute(a, [b, {"c": c}])`` finds the collections in its arguments, optimises their expressions
together, makes one plan, runs it, and puts the results where the collections were.

A collection of shoal's speaks a protocol of three methods (`shoal.types.Collection`).  Objects of
other libraries that speak ``__dask_graph__`` and its family are accepted everywhere: their
optimised dict graph is one more layer (`ForeignNode`).

This is the edge at which settings are read: everything below takes its options as arguments.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import types
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any, TypeAlias, overload

from shoal import config
from shoal.errors import ExecutorError
from shoal.expr.adapt import Stager, Stages, open_decisions, run_stages
from shoal.expr.call import BlockOf, Call
from shoal.expr.explain import explain, stages
from shoal.expr.lower import Lowering, lower
from shoal.expr.node import Held, Node
from shoal.expr.rewrite import Step
from shoal.graph.assemble import assemble
from shoal.graph.layers import Blocks
from shoal.graph.legacy import flatten_keys, nest_results, plan_from_dict
from shoal.graph.plan import Plan, without_collector
from shoal.graph.task import Nest, Parser, Ref, Task, Template, fill, identity
from shoal.graph.token import tokenize
from shoal.local.callbacks import Callback, GraphView
from shoal.local.failure import trimmed
from shoal.local.foreign import run_executor
from shoal.local.get import get_sync, get_with
from shoal.local.processes import get_context as process_context
from shoal.local.processes import run_processes
from shoal.local.sync import run_sync
from shoal.local.threads import run_threads
from shoal.memory import runs_where
from shoal.seams import across, stands_for_dask
from shoal.types import Get, Key, NestedKeys

if TYPE_CHECKING:
    from shoal.diagnostics.picture import Picture

__all__ = [
    "CollectionMixin",
    "choose_scheduler",
    "compute",
    "compute_as_if_collection",
    "finalized",
    "get_context",
    "get_processes",
    "get_scheduler",
    "get_threads",
    "is_collection",
    "make_plan",
    "named_schedulers",
    "optimize",
    "persist",
    "persisted",
    "run_plan",
    "unpack_collections",
    "visualize",
]

Repack: TypeAlias = Callable[[Sequence[Any]], Any]

# ------------------------------------------------------------------------------ finding them


def is_own(item: Any) -> bool:
    """Whether an object speaks shoal's protocol (a class that does is not one)."""
    return hasattr(type(item), "__shoal_node__")


def is_collection(item: Any) -> bool:
    """Whether an object describes results that `compute` can compute.

    Parameters
    ----------
    item
        Anything.

    Returns
    -------
    bool
        True for shoal's collections, and for objects of other libraries whose
        ``__dask_graph__()`` gives a graph.

    Examples
    --------
    >>> import shoal
    >>> is_collection(shoal.delayed(1)), is_collection([1, 2])
    (True, False)
    """
    if is_own(item):
        return True
    if isinstance(item, type) or not hasattr(item, "__dask_graph__"):
        return False
    try:
        return item.__dask_graph__() is not None
    except (AttributeError, TypeError):
        return False


class _Finder(Parser):
    """Replaces the collections inside nested containers by references."""

    __slots__ = ("found", "places")

    def __init__(self) -> None:
        super().__init__(_resolve_collection)
        self.found: list[Any] = []
        self.places: dict[int, int] = {}

    def place(self, item: Any) -> Any:
        """The reference to a collection; the same object is found once."""
        # By identity: collections overload ==.
        if id(item) not in self.places:
            self.places[id(item)] = len(self.found)
            self.found.append(item)
        return self.ref(id(item))


def _resolve_collection(item: Any, parser: Any) -> Any:
    if is_collection(item):
        return parser.place(item)
    if type(item) in _ITERATORS:
        # An iterator would be used up by looking into it.
        return parser.parse(list(item))
    return parser.other(item)


_ITERATORS: tuple[type, ...] = (
    type(iter([])),
    type(iter(())),
    type(iter(set())),
    types.GeneratorType,
)


def unpack_collections(*args: Any, traverse: bool = True) -> tuple[list[Any], Repack]:
    """Find the collections in some arguments.

    Parameters
    ----------
    *args
        Anything; lists, tuples, sets, dicts, named tuples, dataclasses, generators and list
        iterators are searched; iterators become lists.
    traverse
        False to look at the arguments themselves only.

    Returns
    -------
    collections, repack
        ``repack(results)`` gives the arguments, as a tuple, with results instead of collections.

    Examples
    --------
    >>> import shoal
    >>> found, repack = unpack_collections([shoal.delayed(1), 2], "x")
    >>> len(found), repack(["one"])
    (1, (['one', 2], 'x'))
    """
    finder = _Finder()
    if traverse:
        parsed = [finder.parse(arg) for arg in args]
    else:
        parsed = [finder.place(arg) if is_collection(arg) else arg for arg in args]

    def repack(results: Sequence[Any]) -> tuple[Any, ...]:
        return tuple([fill(item, results) for item in parsed])

    return finder.found, repack


# ------------------------------------------------------------------------- planning them together


class ForeignNode(Node):
    """Another library's dict graph, as one expression.

    Parameters
    ----------
    graph
        A mapping of keys to tasks.
    keys
        The wanted ones, flat: the node's blocks.
    """

    __slots__ = ()
    fields = ("graph", "keys")
    prefix = "foreign"

    @classmethod
    def make_name(cls, operands: tuple[Any, ...], annotations: Any) -> str:
        """By the keys: a graph's keys name what it computes."""
        return f"foreign-{tokenize(list(map(str, operands[1])))}-{id(operands[0]):x}"

    @property
    def shape(self) -> tuple[int, ...]:
        """One axis, a block a key."""
        return (len(self.keys),)

    def place(self, lowering: Lowering) -> None:
        """A table of the graph's tasks, without those that an earlier graph had."""
        lowering.add_tasks(self.name, self.graph, self.keys, lambda key: True)


class Part(Node):
    """Some consecutive blocks of a node.

    Parameters
    ----------
    source
        The node.
    start, stop
        Which blocks.
    """

    __slots__ = ()
    fields = ("source", "start", "stop")
    prefix = "part"

    @property
    def shape(self) -> tuple[int, ...]:
        """One axis."""
        return (self.stop - self.start,)

    def place(self, lowering: Lowering) -> None:
        """Another name for blocks that are there."""
        numbers = lowering.numbers(self.source)
        lowering.graph.name_blocks(self.name, numbers[self.start : self.stop])


class Named(Node):
    """The blocks of a node under another name (``name=``), which was given before it was planned.

    Parameters
    ----------
    source
        The node.
    """

    __slots__ = ()
    fields = ("source",)

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the source."""
        shape: tuple[int, ...] = self.source.shape
        return shape

    def place(self, lowering: Lowering) -> None:
        """A task a block, which is fused with the one that makes it."""
        axes = tuple(range(len(self.shape)))
        lowering.add_grid(self, identity, [Blocks(self.source.name, self.shape, axes)])


class Job:
    """Collections that are computed together.

    Parameters
    ----------
    collections
        Own and foreign ones.
    optimize_graph
        False to lower the expressions as they are.
    stager
        Runs parts of the expressions on which the plan of others depends; None: all is planned
        before anything runs.
    fixed
        Whether the collections must have as many blocks as they say.
    scheduler
        Who will run them, as far as it is known: tells how much memory a task can have.
    later
        Whether `decide` will be called when more is known (`stages`); else all is planned now.
    """

    def __init__(
        self,
        collections: Sequence[Any],
        *,
        optimize_graph: bool = True,
        stager: Stager | None = None,
        fixed: bool = False,
        scheduler: Any = None,
        later: bool = False,
    ) -> None:
        self.collections = collections
        self.scheduler = scheduler
        self.targets: dict[int, Any] = {}
        self.steps: list[Step] = []
        self.stages: Stages | None = None
        self.nodes = _foreign_nodes(collections, optimize_graph)
        own = [(i, c.__shoal_node__()) for i, c in enumerate(collections) if is_own(c)]
        self.nodes.update(own)
        self._rewritable = [i for i, node in own if isinstance(node, Node)]
        if optimize_graph and self._rewritable:
            roots = [self.nodes[i] for i in self._rewritable]
            with self.at_scheduler():
                self.stages = Stages(roots, rules_of(roots), fixed)
                if stager is not None:
                    run_stages(self.stages, stager)
        if not later:
            self.decide()

    def at_scheduler(self) -> contextlib.AbstractContextManager[None]:
        """While something is planned: how much memory those have who will run it."""
        return runs_where(getattr(self.scheduler, "__shoal_memory__", None))

    def decide(self) -> None:
        """Plan what is open as the estimates say, and all the rest."""
        if self.stages is not None:
            with self.at_scheduler():
                new, self.steps = self.stages.decided()
            self.nodes.update(zip(self._rewritable, new, strict=True))
            self.stages = None

    def name_of(self, i: int, salt: str) -> str:
        """A name for what a collection computes, whatever is decided on the way.

        Parameters
        ----------
        i
            Which collection.
        salt
            Names with different ones are different.
        """
        node = self.nodes[i]
        kind = type(self.collections[i]).__qualname__
        return tokenize(str(node.key) if isinstance(node, Call) else node.name, kind, salt)

    def block_keys(self, i: int, name: str) -> list[Key]:
        """Keys of a collection's blocks, under another name."""
        node = self.nodes[i]
        if isinstance(node, Call):
            return [name]
        blocks = Named(node, name=name)
        return [BlockOf(blocks, at).key for at in range(node.size)]

    @without_collector
    def plan(self, *, in_place: bool = False, names: Sequence[str] | None = None) -> Plan:
        """The plan whose wanted results are the blocks of all collections, one after the other.

        Parameters
        ----------
        names
            Of each collection, what its blocks are to be called (`block_keys`).
        in_place
            Whether it will be run in this process and by `finish`; then collections may let tasks
            write their blocks to where they belong (``__shoal_in_place__``).
        """
        order = [self.nodes[i] for i in range(len(self.collections))]
        if names is not None:
            order = [_named(node, name) for node, name in zip(order, names, strict=True)]
        lowering = lower(order)
        blocks = [lowering.numbers(node) for node in order]
        self.counts = list(map(len, blocks))
        # One collection is often a whole layer, and a range says so.
        wanted = blocks[0] if len(blocks) == 1 else list(itertools.chain.from_iterable(blocks))
        plan = assemble(lowering.graph, wanted)
        if in_place:
            is_alone = len(self.collections) == 1
            for i, (collection, ids) in enumerate(
                zip(self.collections, self.split(plan.wanted), strict=True)
            ):
                place = getattr(collection, "__shoal_in_place__", None)
                target = place and place(plan, ids, is_alone)
                if target is not None:
                    self.targets[i] = target
        return plan

    def split(self, results: Sequence[Any]) -> list[Sequence[Any]]:
        """The blocks of each collection."""
        ends = list(itertools.accumulate(self.counts, initial=0))
        return [results[a:b] for a, b in itertools.pairwise(ends)]

    def finish(self, results: Sequence[Any]) -> list[Any]:
        """The answer of each collection."""
        if all(isinstance(node, Call) for node in self.nodes.values()):
            # A call's only block is its answer.
            return list(results)
        pairs = zip(self.collections, self.split(results), strict=True)
        return [
            self.targets[i].finish(blocks) if i in self.targets else _Finish(collection)(blocks)
            for i, (collection, blocks) in enumerate(pairs)
        ]

    def finals(self, names: Sequence[str] | None = None) -> list[Call]:
        """The whole answer of each collection, as a call that a task makes.

        Parameters
        ----------
        names
            What the calls are to be called.
        """
        return [
            _final(c, self.nodes[i], names[i] if names else None)
            for i, c in enumerate(self.collections)
        ]

    def final_plan(self, names: Sequence[str] | None = None) -> Plan:
        """The plan whose wanted results are the whole answers of the collections.

        Parameters
        ----------
        names
            Of each, its key.
        """
        calls = self.finals(names)
        lowering = lower(calls)
        wanted = [number for call in calls for number in lowering.numbers(call)]
        return assemble(lowering.graph, wanted)


class _Stages:
    """Runs parts of expressions, and leaves the results where they are.

    Parameters
    ----------
    scheduler
        As of `run_plan`.
    options
        Of the executor.
    """

    def __init__(self, scheduler: Any, options: Mapping[str, Any]) -> None:
        self.scheduler = scheduler
        self.options = options

    def keep(self, roots: Sequence[Node]) -> list[Sequence[Any]]:
        """The blocks of each node, or what stands for them where they stay elsewhere."""
        own = getattr(self.scheduler, "__shoal_keep__", None)
        return run_roots(roots, functools.partial(own, **self.options) if own else self._here)

    def run(self, roots: Sequence[Node]) -> list[Sequence[Any]]:
        """The blocks of each node, here."""
        return run_roots(roots, self._here)

    def _here(self, plan: Plan) -> list[Any]:
        return run_plan(plan, scheduler=self.scheduler, **self.options)


def run_roots(roots: Sequence[Node], run: Callable[[Plan], Sequence[Any]]) -> list[Sequence[Any]]:
    """Run expressions that are ready to be lowered; the blocks of each.

    Parameters
    ----------
    roots
        Expressions.
    run
        ``run(plan) -> results``, or what stands for them.

    Examples
    --------
    >>> run_roots([Held((1, 2))], run_plan)
    [[1, 2]]
    """
    lowering = lower(roots)
    blocks = [lowering.numbers(root) for root in roots]
    results = run(assemble(lowering.graph, list(itertools.chain.from_iterable(blocks))))
    ends = list(itertools.accumulate(map(len, blocks), initial=0))
    return [results[a:b] for a, b in itertools.pairwise(ends)]


def _stager(scheduler: Any, options: Mapping[str, Any]) -> Stager | None:
    """Who runs stages; nobody where results would have to leave the place where they are."""
    if _is_in_place(scheduler) or hasattr(scheduler, "__shoal_keep__"):
        return _Stages(scheduler, options)
    return None


def _is_in_place(scheduler: Any) -> bool:
    """Whether tasks run in this process."""
    return isinstance(scheduler, str) and NAMES.get(scheduler, scheduler) in IN_PLACE


def _final(collection: Any, node: Any, name: str | None = None) -> Call:
    if isinstance(node, Call):
        return node if name is None else _named(node, name)
    blocks = tuple([BlockOf(node, i) for i in range(node.size)])
    refs = Nest(list, [Ref(i) for i in range(len(blocks))])
    call = Call()
    func = _Finish(collection)
    ident = name or f"finalize-{tokenize(node.name, type(collection).__qualname__)}"
    call._call = (ident, func, Template((refs,)), blocks, "finalize", None, None, None)
    return call


def _named(node: Any, name: str) -> Any:
    """A collection's expression under another name."""
    if not isinstance(node, Call):
        return Named(node, name=name)
    call = Call()
    call._call = (name, identity, None, (node,), name, None, None, None)
    return call


def _foreign_nodes(collections: Sequence[Any], optimize_graph: bool) -> dict[int, Any]:
    """A node for each collection of another library; those optimised alike share a graph."""
    groups: dict[Any, list[int]] = {}
    for i, collection in enumerate(collections):
        if not is_own(collection):
            how = getattr(collection, "__dask_optimize__", None) if optimize_graph else None
            groups.setdefault(getattr(how, "__func__", how), []).append(i)
    graph: dict[Key, Any] = {}
    for how, members in groups.items():
        merged: dict[Key, Any] = {}
        for i in members:
            merged.update(collections[i].__dask_graph__())
        if how is not None:
            wanted = [collections[i].__dask_keys__() for i in members]
            merged = dict(collections[members[0]].__dask_optimize__(merged, wanted))
        graph.update(merged)
    if not groups:
        return {}
    # One node for all of them: what two collections share must be one task.
    keys = {i: flatten_keys(collections[i].__dask_keys__()) for g in groups.values() for i in g}
    whole = ForeignNode(graph, tuple(itertools.chain.from_iterable(keys.values())))
    ends = list(itertools.accumulate(map(len, keys.values()), initial=0))
    spans = zip(keys, ends, ends[1:], strict=False)
    return {i: Part(whole, start, stop) for i, start, stop in spans}


def rules_of(roots: Iterable[Node]) -> list[Any]:
    """The rules that the packages of some nodes bring, each once.

    Parameters
    ----------
    roots
        Expressions.

    Examples
    --------
    >>> rules_of([Held((1,))])
    []
    """
    rules: dict[Any, None] = {}
    seen: set[str] = set()
    stack: list[Any] = list(roots)
    while stack:
        node = stack.pop()
        if isinstance(node, Node) and node.name not in seen:
            seen.add(node.name)
            rules.update(dict.fromkeys(type(node).rules))
            stack.extend(node.sources)
    return list(rules)


def make_plan(*args: Any, optimize_graph: bool = True) -> Plan:
    """The plan that `compute` would run.

    Parameters
    ----------
    *args
        Collections, also nested in containers.
    optimize_graph
        False to lower the expressions as they are.

    Examples
    --------
    >>> import shoal
    >>> make_plan(shoal.delayed(abs)(-1))
    <Plan of 1 tasks, 1 wanted>
    """
    collections, _ = unpack_collections(*args)
    return Job(collections, optimize_graph=optimize_graph).plan()


def finalized(collection: Any) -> Call:
    """The whole answer of a collection as one call, for collections among a call's arguments.

    Parameters
    ----------
    collection
        An own or a foreign one.

    Examples
    --------
    >>> from shoal.expr.lower import lower
    >>> import shoal
    >>> len(lower([finalized(shoal.bag.from_sequence([1, 2], npartitions=2))]).graph)
    3
    """
    return Job([collection]).finals()[0]


class _Finish:
    """A collection's finalize step as a function of the list of its blocks."""

    __slots__ = ("extra", "finalize", "keys")

    def __init__(self, collection: Any) -> None:
        self.keys = None
        if is_own(collection):
            self.finalize, self.extra = collection.__shoal_postcompute__()
        else:
            self.finalize, self.extra = collection.__dask_postcompute__()
            self.keys = collection.__dask_keys__()

    def __call__(self, blocks: Sequence[Any]) -> Any:
        nested = blocks if self.keys is None else nest_results(self.keys, blocks)
        return self.finalize(nested, *self.extra)

    def __getstate__(self) -> Any:
        return self.finalize, self.extra, self.keys

    def __setstate__(self, state: Any) -> None:
        self.finalize, self.extra, self.keys = state


# ------------------------------------------------------------------------------------ running

EXECUTORS: dict[str, tuple[Callable[..., list[Any]], tuple[str, ...]]] = {
    "sync": (run_sync, ()),
    "threads": (run_threads, ("num_workers", "pool")),
    "processes": (run_processes, ("num_workers", "pool", "chunksize", "context", "initializer")),
}
"""Executors by name, and the options each takes besides ``callbacks``."""

NAMES = {
    "synchronous": "sync",
    "single-threaded": "sync",
    "threading": "threads",
    "multiprocessing": "processes",
}

IN_PLACE = ("sync", "threads")
"""Executors whose results are in this process."""

named_schedulers: dict[str, Any] = {}
"""Schedulers that the user gave names; looked up before shoal's own."""

THEIRS = {"dask.threaded": "threads", "dask.multiprocessing": "processes", "dask.local": "sync"}
"""Modules of another library's ``get`` functions, and the executor of ours that does the same."""

SETTINGS = {"context": "multiprocessing.context", "initializer": "multiprocessing.initializer"}
"""Options whose setting has another name."""


def run_plan(plan: Plan, scheduler: Any = "sync", **options: Any) -> list[Any]:
    """Run a plan with an executor, settings filled in.

    Parameters
    ----------
    plan
        What to run.
    scheduler
        A name, a ``get`` function, a `concurrent.futures.Executor`, or a client.
    **options
        ``num_workers``, ``pool``, ``chunksize``, ``callbacks``, ...; what an executor has no use
        for is ignored, so that the same call works with all of them.

    Returns
    -------
    list
        Results of ``plan.wanted``.

    Examples
    --------
    >>> from shoal.graph.legacy import plan_from_dict
    >>> run_plan(plan_from_dict({"x": (abs, -1)}, ["x"]), "threads")
    [1]
    """
    callbacks = options.get("callbacks") or ()
    scheduler = named_scheduler(scheduler)
    if isinstance(scheduler, str):
        scheduler = NAMES.get(scheduler, scheduler)
        run, names = EXECUTORS[scheduler]
        given = {name: options.get(name) for name in names}
        for name, value in given.items():
            if value is None:
                given[name] = config.get(SETTINGS.get(name, name), None)
        if isinstance(given.get("pool"), int):
            given["num_workers"], given["pool"] = given["pool"], None
        chosen = {name: value for name, value in given.items() if value is not None}
        return list(run(plan, callbacks=callbacks, **chosen))
    if isinstance(scheduler, Executor):
        return run_executor(plan, scheduler, callbacks=callbacks)
    if hasattr(scheduler, "__shoal_run__"):
        results: list[Any] = scheduler.__shoal_run__(plan, **options)
        return results
    keys = [plan.keys[i] for i in plan.wanted]
    answers = list(scheduler(dict(GraphView(plan)), keys, **options))
    for key, answer in zip(keys, answers, strict=True):
        if isinstance(answer, Task) and answer.key == key:
            raise ExecutorError(
                f"the get function {scheduler!r} returned the task {key!r} itself and not its "
                "result: it does not know shoal's tasks; use shoal.get, shoal.threaded.get or "
                "shoal.multiprocessing.get"
            )
    return answers


def choose_scheduler(
    get: Any = None,
    scheduler: Any = None,
    collections: Iterable[Any] | None = None,
    cls: Any = None,
) -> Any:
    """Which executor will run some collections.

    Parameters
    ----------
    get
        Accepted to say that it is gone; use ``scheduler``.
    scheduler
        What the caller asked for: a name, a function, an executor or a client.
    collections
        What is to be computed; their own default decides last.
    cls
        A collection class whose default decides last.

    Returns
    -------
    str, callable, `concurrent.futures.Executor` or None
        What `run_plan` takes; None when nothing decides.

    Raises
    ------
    ValueError
        An unknown name, or collections whose defaults differ.

    Examples
    --------
    >>> choose_scheduler(scheduler="threading")
    'threads'
    """
    if get is not None:
        raise TypeError(
            "get= is no longer an argument; use scheduler= with a name ('threads', 'processes', "
            "'sync'), a function, an executor or a client"
        )
    for choice in (scheduler, config.get("scheduler", None)):
        if choice is not None:
            return _check_scheduler(choice)
    if cls is not None:
        return _default_of(cls)
    defaults = dict.fromkeys(_default_of(item) for item in collections or ())
    defaults.pop(None, None)
    if len(defaults) > 1:
        raise ValueError(
            f"the collections have different default schedulers ({', '.join(map(str, defaults))}); "
            "say which one with scheduler=, for instance scheduler='threads'"
        )
    return next(iter(defaults), None)


def _check_scheduler(choice: Any) -> Any:
    if isinstance(choice, str):
        if choice in named_schedulers:
            return named_schedulers[choice]
        name = NAMES.get(choice.lower(), choice.lower())
        if name in EXECUTORS:
            return name
        known = sorted({*EXECUTORS, *NAMES, *named_schedulers})
        raise ValueError(
            f"unknown scheduler {choice!r}; wanted one of {', '.join(known)}, a function, "
            "a concurrent.futures.Executor or a client"
        )
    if isinstance(choice, Executor) or hasattr(choice, "__shoal_run__") or callable(choice):
        return choice
    if hasattr(choice, "get"):
        return choice.get
    raise ValueError(
        f"scheduler must be a name, a function, a concurrent.futures.Executor or a client, "
        f"got {type(choice).__name__}: {choice!r}"
    )


def _default_of(item: Any) -> Any:
    own = getattr(item, "__shoal_scheduler__", None)
    if own is not None:
        return own
    return named_scheduler(getattr(item, "__dask_scheduler__", None))


def named_scheduler(choice: Any) -> Any:
    """The name of the executor that a ``get`` function stands for; else the choice itself.

    Parameters
    ----------
    choice
        What somebody gave as ``scheduler=``.

    Examples
    --------
    >>> import shoal
    >>> named_scheduler(shoal.get), named_scheduler("threads")
    ('sync', 'threads')
    """
    own = getattr(choice, "__shoal_scheduler__", None)
    if own is None and callable(choice):
        own = THEIRS.get(getattr(choice, "__module__", None) or "")
    return choice if own is None else own


def get_threads(dsk: Mapping[Key, Any], keys: NestedKeys, **kwargs: Any) -> Any:
    """Run a dict graph on threads of this process; ``shoal.threaded.get``.

    Parameters
    ----------
    dsk
        Tasks by key, as tuples ``(func, arg, ...)`` or `shoal.Task`.
    keys
        A key, or lists of keys to any depth.
    **kwargs
        ``num_workers``, ``pool``, ``callbacks``; default from the settings of these names.

    Returns
    -------
    The results in the shape of the keys; lists become tuples.

    Examples
    --------
    >>> get_threads({"x": 1, "y": (max, "x", 2)}, ["x", "y"])
    (1, 2)
    """
    return get_with(functools.partial(run_plan, scheduler="threads", **kwargs), dsk, keys)


def get_processes(dsk: Mapping[Key, Any], keys: NestedKeys, **kwargs: Any) -> Any:
    """Run a dict graph on processes of this machine; ``shoal.multiprocessing.get``.

    Parameters
    ----------
    dsk
        Tasks by key, as tuples ``(func, arg, ...)`` or `shoal.Task`.
    keys
        A key, or lists of keys to any depth.
    **kwargs
        ``num_workers``, ``pool``, ``chunksize``, ``callbacks``; default from the settings of
        these names.

    Returns
    -------
    The results in the shape of the keys; lists become tuples.

    Examples
    --------
    >>> get_processes({"x": 1, "y": (max, "x", 2)}, ["x", "y"])
    (1, 2)
    """
    return get_with(functools.partial(run_plan, scheduler="processes", **kwargs), dsk, keys)


def get_context() -> Any:
    """The `multiprocessing` context that the settings choose for worker processes.

    Examples
    --------
    >>> with config.set({"multiprocessing.context": "forkserver"}):
    ...     get_context().get_start_method()
    'forkserver'
    """
    return process_context(config.get(SETTINGS["context"], None))


# As ``scheduler=`` these functions are the executors of that name, which take plans, not dicts.
get_threads.__shoal_scheduler__ = "threads"  # type: ignore[attr-defined]
get_processes.__shoal_scheduler__ = "processes"  # type: ignore[attr-defined]

GETS = {"sync": get_sync, "threads": get_threads, "processes": get_processes}
"""``get`` functions of the executors that have a name."""


def get_scheduler(
    get: Any = None,
    scheduler: Any = None,
    collections: Iterable[Any] | None = None,
    cls: Any = None,
) -> Any:
    """The ``get`` function that will run some collections.

    Parameters
    ----------
    get, scheduler, collections, cls
        As for `choose_scheduler`.

    Returns
    -------
    callable or None
        ``get(graph, keys, **options)``; None when nothing decides.

    Examples
    --------
    >>> import shoal.threaded
    >>> get_scheduler(scheduler="threads") is shoal.threaded.get
    True
    """
    chosen = choose_scheduler(get, scheduler, collections, cls)
    if isinstance(chosen, Executor):
        return functools.partial(get_with, functools.partial(run_plan, scheduler=chosen))
    if hasattr(chosen, "__shoal_run__"):
        return chosen.get
    return GETS.get(chosen, chosen) if isinstance(chosen, str) else chosen


# ---------------------------------------------------------------------------- what people call


def compute(
    *args: Any,
    traverse: bool = True,
    optimize_graph: bool = True,
    scheduler: Any = None,
    get: Get | None = None,
    **kwargs: Any,
) -> tuple[Any, ...]:
    """Compute several collections at once; what they share is computed once.

    Parameters
    ----------
    *args
        Anything.  Collections in it, also inside lists, tuples, sets, dicts, named tuples and
        dataclasses, are replaced by their results.
    traverse
        False to look for collections only among the arguments themselves.
    optimize_graph
        False to run the expressions as they are.
    scheduler
        ``"threads"``, ``"processes"``, ``"sync"``, a ``get`` function, an executor or a client.
        Default: the setting ``scheduler``, then the collections' own default.
    get
        No longer used; an error says so.
    **kwargs
        Options of the executor: ``num_workers``, ``pool``, ``chunksize``, ``callbacks``, ...

    Returns
    -------
    tuple
        One entry for each argument.

    Examples
    --------
    >>> import shoal
    >>> x = shoal.delayed(abs)(-2)
    >>> compute(x, {"twice": x * 2}, "as it is")
    (2, {'twice': 4}, 'as it is')
    """
    collections, repack = unpack_collections(*args, traverse=traverse)
    if not collections:
        return args
    chosen = choose_scheduler(get, scheduler, collections) or "threads"
    with trimmed():
        stager = _stager(chosen, kwargs)
        job = Job(collections, optimize_graph=optimize_graph, stager=stager, scheduler=chosen)
        # Who listens may keep results, and nobody else is to write to them.
        is_heard = bool(Callback.active or kwargs.get("callbacks"))
        plan = job.plan(in_place=_is_in_place(chosen) and not is_heard)
        results: tuple[Any, ...] = repack(job.finish(run_plan(plan, chosen, **kwargs)))
    return results


def compute_as_if_collection(
    cls: type, dsk: Any, keys: Any, scheduler: Any = None, get: Get | None = None, **kwargs: Any
) -> Any:
    """Compute keys of a dict graph as those of a collection would be.

    Parameters
    ----------
    cls
        The collection's class: gives the optimiser (``__dask_optimize__``) and the scheduler.
    dsk
        Tasks by key.
    keys
        A key, or lists of keys to any depth.
    scheduler, get, **kwargs
        As for `compute`.

    Returns
    -------
    The results in the shape of the keys; lists become tuples.

    Examples
    --------
    >>> from shoal.delayed import Delayed
    >>> compute_as_if_collection(Delayed, {"x": (abs, -1), "y": 2}, ["x", "y"])
    (1, 2)
    """
    chosen = choose_scheduler(get, scheduler, cls=cls) or "threads"
    rewrite_graph = getattr(cls, "__dask_optimize__", None)
    if rewrite_graph is not None:
        dsk = rewrite_graph(dsk, keys)
    with trimmed():
        results = run_plan(plan_from_dict(dsk, flatten_keys(keys)), chosen, **kwargs)
    return nest_results(keys, results)


def persist(
    *args: Any,
    traverse: bool = True,
    optimize_graph: bool = True,
    scheduler: Any = None,
    **kwargs: Any,
) -> tuple[Any, ...]:
    """Compute collections and keep their blocks in memory, as collections of the same kind.

    Parameters
    ----------
    *args, traverse, optimize_graph, scheduler, **kwargs
        As for `compute`.

    Returns
    -------
    tuple
        One entry for each argument.

    Examples
    --------
    >>> import shoal
    >>> (x,) = persist(shoal.delayed(abs)(-2))
    >>> x.compute()
    2
    """
    collections, repack = unpack_collections(*args, traverse=traverse)
    if not collections:
        return args
    chosen = choose_scheduler(None, scheduler, collections) or "threads"
    # Who runs tasks elsewhere may keep the results there, and give something that stands for them.
    begin = getattr(chosen, "__shoal_begin__", None)
    with trimmed():
        if begin is not None:
            blocks = begin(collections, optimize_graph, **kwargs)
        else:
            stager = _stager(chosen, kwargs)
            told: Any = {"optimize_graph": optimize_graph, "stager": stager, "fixed": True}
            job = Job(collections, **told, scheduler=chosen)
            blocks = job.split(run_plan(job.plan(), scheduler=chosen, **kwargs))
    kept = [persisted(c, held) for c, held in zip(collections, blocks, strict=True)]
    results: tuple[Any, ...] = repack(kept)
    return results


def persisted(collection: Any, blocks: Sequence[Any]) -> Any:
    """The same collection, on blocks that are there already.

    Parameters
    ----------
    collection
        An own or a foreign one.
    blocks
        In the order of its blocks: values, or what stands for them.

    Examples
    --------
    >>> import shoal
    >>> persisted(shoal.bag.range(4, npartitions=2), [[1], [2]]).compute()
    [1, 2]
    """
    if is_own(collection):
        node = collection.__shoal_node__()
        name = str(node.key) if isinstance(node, Call) else node.name
        return collection.__shoal_with_node__(Held(tuple(blocks), name=f"{name}"))
    rebuild, extra = collection.__dask_postpersist__()
    keys = flatten_keys(collection.__dask_keys__())
    return rebuild(dict(zip(keys, blocks, strict=True)), *extra)


def optimize(*args: Any, traverse: bool = True, **kwargs: Any) -> tuple[Any, ...]:
    """Rewrite collections together, without computing them.

    Parameters
    ----------
    *args, traverse
        As for `compute`.
    **kwargs
        Ignored; accepted because other libraries' optimisers take options.

    Returns
    -------
    tuple
        One entry for each argument: equal collections with cheaper expressions.

    Examples
    --------
    >>> import shoal
    >>> (x,) = optimize(shoal.delayed(abs)(-2))
    >>> x.compute()
    2
    """
    collections, repack = unpack_collections(*args, traverse=traverse)
    if not collections:
        return args
    job = Job(collections, scheduler=choose_scheduler(None, None, collections))
    new = [_optimized(c, job.nodes[i]) for i, c in enumerate(collections)]
    results: tuple[Any, ...] = repack(new)
    return results


def _optimized(collection: Any, node: Any) -> Any:
    if is_own(collection):
        return collection.__shoal_with_node__(node)
    rebuild, extra = collection.__dask_postpersist__()
    return rebuild(node.source.graph, *extra)


def visualize(
    *args: Any,
    filename: str | None = None,
    traverse: bool = True,
    optimize_graph: bool = False,
    **kwargs: Any,
) -> Picture:
    """Draw the graph of some collections.

    Parameters
    ----------
    *args, traverse
        As for `compute`.
    filename
        Where to write; its ending says the format, unless ``format`` does.  None for no file.
    optimize_graph
        True to draw what will run.
    **kwargs
        ``format`` and the other options of `shoal.diagnostics.draw`.

    Returns
    -------
    Picture
        Shown by notebooks.

    Examples
    --------
    >>> import shoal
    >>> picture = visualize(shoal.delayed(abs)(-2), format="text")
    """
    # Loaded by whoever draws: it costs as much as the rest of this module.
    from shoal.diagnostics.draw import draw

    collections, _ = unpack_collections(*args, traverse=traverse)
    plan = Job(collections, optimize_graph=optimize_graph).plan()
    kwargs.setdefault("engine", config.get("visualization.engine", None))
    return draw(plan, filename, **kwargs)


class _AsDask:
    """A name of Dask's protocol: there as long as ``dask`` means shoal in this process, and where
    there is an expression behind it.

    The mixin is also the base class of collections that others write, and those say for themselves
    what they speak.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type) -> Any:
        if not stands_for_dask() or not hasattr(owner, "__shoal_node__"):
            raise AttributeError(f"{owner.__name__!r} object has no attribute {self.name!r}")
        return across("Dask's protocol", self.name, instance, owner)


class CollectionMixin:
    """The methods that every collection has.

    Examples
    --------
    >>> import shoal
    >>> shoal.delayed(abs)(-2).compute()
    2
    """

    __slots__ = ()

    __dask_graph__ = _AsDask()
    __dask_keys__ = _AsDask()
    __dask_layers__ = _AsDask()
    __dask_postcompute__ = _AsDask()
    __dask_postpersist__ = _AsDask()
    __dask_tokenize__ = _AsDask()
    __dask_optimize__ = _AsDask()
    __dask_scheduler__ = _AsDask()

    def __await__(self) -> Generator[Any, None, Any]:
        """The collection itself, when the futures in it have ended: after ``client.persist``."""
        awaiting: Generator[Any, None, Any] = across("awaited collection", self)
        return awaiting

    def compute(self, **kwargs: Any) -> Any:
        """The result, in memory.

        Parameters
        ----------
        **kwargs
            Options of `shoal.compute`.
        """
        (result,) = compute(self, traverse=False, **kwargs)
        return result

    def persist(self, **kwargs: Any) -> Any:
        """The same collection, with its blocks computed and kept in memory.

        Parameters
        ----------
        **kwargs
            Options of `shoal.persist`.
        """
        (result,) = persist(self, traverse=False, **kwargs)
        return result

    def visualize(
        self, filename: str | None = None, format: str | None = None, **kwargs: Any
    ) -> Picture:
        """Draw the collection's graph.

        Parameters
        ----------
        filename, format, **kwargs
            As for `shoal.visualize`.
        """
        return visualize(self, filename=filename, format=format, traverse=False, **kwargs)

    @overload
    def explain(self, filename: None = None, format: None = None) -> str: ...

    @overload
    def explain(self, filename: str, format: str | None = None) -> Picture: ...

    @overload
    def explain(self, filename: None = None, *, format: str) -> Picture: ...

    def explain(self, filename: str | None = None, format: str | None = None) -> str | Picture:
        """What `compute` would do: the expression, its rewritten form and the tasks.

        A line, or a box, for each node says its blocks, rows and bytes as far as they are known
        (``~``: guessed), tasks, kernel and why it is not a faster one.

        Parameters
        ----------
        filename
            Where to draw it; the ending says the format, unless ``format`` does.
        format
            As for `shoal.visualize`; without a filename, for a picture in a notebook.

        Returns
        -------
        str or Picture
            Text where neither is given: three sections, with the rule that changed what.

        Examples
        --------
        >>> import shoal.bag
        >>> words = shoal.bag.from_sequence(["a", "b"], npartitions=2).map(str.upper)
        >>> print(words.explain().splitlines()[0])
        logical: 2 nodes
        >>> words.explain(format="svg").format
        'svg'
        """
        job = Job([self], scheduler=choose_scheduler(None, None, [self]))
        node: Any = self
        written = node.__shoal_node__()
        roots = [written] if isinstance(written, Node) else []
        is_open = open_decisions(roots, rules_of(roots))
        told = [written], [job.nodes[0]], job.steps, job.plan()
        text = explain(*told, is_open)
        if filename is None and format is None:
            return text
        # Loaded by whoever draws: it costs as much as the rest of this module.
        from shoal.diagnostics.draw import draw_stages

        return draw_stages(stages(*told), text, filename, format)
