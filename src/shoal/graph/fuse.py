"""Chains of tasks made into one task each, for executors that pay for every task.

Where tasks run in other processes, a task costs a few microseconds and its result is pickled,
moved and unpickled.  A result that exactly one task reads need not leave the process that
made it, so the two become one task, a `Chain`.

Only *linear* chains are joined: the reader must read nothing else.  Joining a task into a reader
of several results, for instance every source of a small tree reduction into its root, moves even
less data, but makes tasks wait that could have run side by side, and a plan does not know whether
they take a microsecond or a minute.

Nothing that is asked for, and no value that is there already, disappears in a chain, and tasks
that `shoal.annotate` treats differently stay apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from shoal.graph.plan import Plan
from shoal.graph.task import Template
from shoal.types import Key

__all__ = ["Chain", "ChainKeys", "chain_step", "fuse"]

Rest: TypeAlias = "tuple[tuple[Callable[..., Any], Template | None], ...]"


class Chain:
    """Functions called one after the other, each on the result of the one before.

    Parameters
    ----------
    first
        Called with the arguments.
    rest
        ``(function, template)`` pairs; the template's position 0 is the result so far, and
        without a template that is the only argument.

    Examples
    --------
    >>> from shoal.graph.task import Ref
    >>> chain = Chain(abs, ((pow, Template((Ref(0), 2))), (str, None)))
    >>> chain(-3), chain
    ('9', <Chain abs-pow-str>)
    """

    __slots__ = ("first", "rest")

    def __init__(self, first: Callable[..., Any], rest: Rest) -> None:
        self.first = first
        self.rest = rest

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        # `chain_step` reads this variable from the frame of a failed call.
        step = 0
        result = self.first(*args, **kwargs)
        for step, (func, template) in enumerate(self.rest, 1):  # noqa: B007
            if template is None:
                result = func(result)
            else:
                positional, keywords = template.fill((result,))
                result = func(*positional, **keywords)
                # Or the arguments of one step would live through the next.
                del positional, keywords
        return result

    @property
    def funcs(self) -> list[Callable[..., Any]]:
        """The functions, in order."""
        return [self.first, *[func for func, _ in self.rest]]

    @property
    def __name__(self) -> str:
        names = [getattr(f, "__name__", type(f).__name__) for f in self.funcs]
        return "-".join(names if len(names) <= 6 else [*names[:3], "...", *names[-2:]])

    def __repr__(self) -> str:
        return f"<Chain {self.__name__}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return Chain, (self.first, self.rest)


def chain_step(error: BaseException) -> int | None:
    """Which step of a chain raised an exception.

    Parameters
    ----------
    error
        As caught around the call of a chain; its traceback is looked at.

    Returns
    -------
    int or None
        None when no chain was called.

    Examples
    --------
    >>> try:
    ...     Chain(abs, ((str, None), (abs, None)))(-3)
    ... except TypeError as error:
    ...     print(chain_step(error))
    2
    """
    at = error.__traceback__
    while at is not None:
        if at.tb_frame.f_code is Chain.__call__.__code__:
            step: int = at.tb_frame.f_locals["step"]
            return step
        at = at.tb_next
    return None


class ChainKeys(Sequence[Key]):
    """The keys of a fused plan: of each chain that of its last task.

    Parameters
    ----------
    keys
        Those of the plan that was fused.
    members
        For each task of the fused plan the ids of the tasks in it.

    Examples
    --------
    >>> keys = ChainKeys(["a", "b", "c"], [(0, 2), (1,)])
    >>> list(keys), keys.of_step(0, 0)
    (['c', 'b'], 'a')
    """

    __slots__ = ("keys", "members")

    def __init__(self, keys: Sequence[Key], members: Sequence[Sequence[int]]) -> None:
        self.keys = keys
        self.members = members

    def __len__(self) -> int:
        return len(self.members)

    def __getitem__(self, i: Any) -> Any:
        return self.keys[self.members[i][-1]]

    def of_step(self, i: int, step: int) -> Key:
        """The key of one task in a chain.

        Parameters
        ----------
        i
            A task of the fused plan.
        step
            From `chain_step`.
        """
        return self.keys[self.members[i][step]]


def fuse(plan: Plan) -> Plan:
    """Join linear chains of tasks.

    Parameters
    ----------
    plan
        Any plan.

    Returns
    -------
    Plan
        With the same results.  A chain has the key of its last task; ``keys`` is a `ChainKeys`.
        The same plan when there is no chain in it.

    Examples
    --------
    >>> from shoal.graph.legacy import plan_from_dict
    >>> graph = {"a": (int, "-3"), "b": (abs, "a"), "c": (max, "b", 2)}
    >>> fused = fuse(plan_from_dict(graph, ["c"]))
    >>> fused.funcs, list(fused.keys)
    ([<Chain int-abs-max>], ['c'])
    """
    before = _links(plan)
    if not any(i >= 0 for i in before):
        return plan
    inside = bytearray(len(plan))
    for i in before:
        if i >= 0:
            inside[i] = 1
    ids = [-1] * len(plan)
    funcs: list[Any] = []
    args: list[Any] = []
    deps: list[tuple[int, ...]] = []
    members: list[tuple[int, ...]] = []
    chains: dict[tuple[int, ...], Any] = {}
    for last in range(len(plan)):
        if inside[last]:
            continue
        ids[last] = len(deps)
        chain = _walk(before, last)
        head = chain[0]
        members.append(chain)
        funcs.append(plan.funcs[head] if len(chain) == 1 else _join(plan, chain, chains))
        args.append(plan.args[head])
        deps.append(tuple([ids[j] for j in plan.deps[head]]))
    return Plan(
        funcs,
        args,
        deps,
        ChainKeys(plan.keys, members),
        [ids[i] for i in plan.wanted],
        # The place of a chain is that of its last task: what the first one needs was before it.
        [ids[i] for i in plan.order if not inside[i]],
        [([ids[i] for i in span if not inside[i]], said) for span, said in plan.annotations],
    )


def _links(plan: Plan) -> list[int]:
    """For each task the one that it continues, or -1."""
    funcs, dependents = plan.funcs, plan.dependents
    before = [-1] * len(plan)
    asked = bytearray(len(plan))
    for i in plan.wanted:
        asked[i] = 1
    said: dict[int, list[int]] = {}
    for number, (span, _) in enumerate(plan.annotations):
        for i in span:
            said.setdefault(i, []).append(number)
    for j, needs in enumerate(plan.deps):
        if len(needs) == 1:
            (i,) = needs
            if (
                len(dependents[i]) == 1
                and not asked[i]
                and funcs[i] is not None
                and (not said or said.get(i) == said.get(j))
            ):
                before[j] = i
    return before


def _walk(before: Sequence[int], last: int) -> tuple[int, ...]:
    """The chain that ends with a task."""
    i = before[last]
    if i < 0:
        return (last,)
    chain = [last]
    while i >= 0:
        chain.append(i)
        i = before[i]
    return tuple(chain[::-1])


def _join(plan: Plan, chain: Sequence[int], chains: dict[tuple[int, ...], Any]) -> Any:
    """What a fused task calls: one object for all chains of the same functions and templates."""
    funcs, args = plan.funcs, plan.args
    rest = [(funcs[i], args[i]) for i in chain[1:]]
    same = (id(funcs[chain[0]]), *[id(part) for pair in rest for part in pair])
    found = chains.get(same)
    if found is None:
        found = chains[same] = Chain(funcs[chain[0]], tuple(rest))
    return found
