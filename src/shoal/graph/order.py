"""Order: in which sequence tasks should run so that few results are alive at once.

A result is *live* from the start of its task until the last task that reads it has run (or for
ever, if the user wants it).  The order of a plan decides how many are live, and with chunks of
equal size that is the memory of the computation.  Minimising it is the one-shot pebble game, which
is NP-hard on general graphs, so this module holds an exact answer where there is one and a greedy
one elsewhere.  Only integers come in and go out; nothing here knows what a task does.

*Nothing to decide.*  Independent tasks and a single chain keep their numbers; both are recognised
by operations that run in C.

*Forests* (every result is read once).  Sethi and Ullman: the subtree whose evaluation needs the
most live results goes first, because each finished sibling takes one more place.  Optimal for
results of one size.  Where results inside of a tree are kept, Liu's rule, by peak minus what
remains; there, leaving a subtree halfway could be better still, and is not tried.

*The rest* is a walk (`_Walk`), a list scheduler with a stack, from these rules:

1. Demand.  A target (a task that nobody reads) asks for its missing inputs, depth first, the input
   on the longest path first, then in the order of the arguments.
2. Release.  A task that has become ready and by running lets go of an input is run at once: it
   takes the place of what it frees.  So is a ready target, whose result is dropped, or has to be
   kept sooner or later; and so is a task whose only purpose is to make such a one ready.
3. Finish.  When a target is done, ready readers of the results that it left alive are run, if in
   the end no more is alive than before.
4. Look around.  When a task has just turned several results into one, the walk tries the other
   readers of the results below it, loading what they lack, before it goes on to new data.  The
   attempt is kept up to the point where the fewest were alive, and undone from there.  This keeps
   several reductions of one source in step.
5. Sweep.  With many targets their sequence decides: row after row of a grid keeps two rows alive,
   and rows may be long.  So two walks race, one through the targets as they are numbered and one
   across (`_sweep`).  Both are held at one bar, a number of live results, and it is raised until
   one of them ends; so the loser costs little.

A walk is one pass of about a microsecond a task.  A graph with one target may get a second pass, in
which each task first asks for the input that took the most work in the first.

Rejected: Sethi and Ullman's labels on graphs with shared results (they count what is shared many
times, and the border of a grid then comes last); all ready tasks before new data is loaded (holds
n*n pieces of a shuffle, where this holds 2n); keeping tasks that free as much as they add until a
worker is idle (fewer results for many workers, but the large inputs would wait instead of the small
outputs).

Sources: R. Sethi, J. D. Ullman, "The generation of optimal code for arithmetic expressions",
J. ACM 17 (1970).  J. W. H. Liu, "An application of generalized tree pebbling to sparse matrix
factorization", SIAM J. Alg. Disc. Meth. 8 (1987).  R. Sethi, "Complete register allocation
problems", SIAM J. Comput. 4 (1975), for the hardness.  R. L. Graham, "Bounds on multiprocessing
timing anomalies", SIAM J. Appl. Math. 17 (1969), for list scheduling.  E. Cuthill, J. McKee,
"Reducing the bandwidth of sparse symmetric matrices", Proc. ACM (1969), for the sweep.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain, islice
from operator import eq

__all__ = ["live_profile", "order", "peak_live"]

Deps = Sequence[tuple[int, ...]]

UNBOUNDED = 1 << 60
# Rule 4: how many readers a live result may have left, on average (a wide fan, as of a shuffle,
# gains nothing), how many inputs a reader may lack, and how many tasks an attempt may run for each
# live result.  Rule 3 is asked at every target, so it is stricter.
FAN_LIMIT = 16
FINISH_FAN_LIMIT = 3
LACKS_LIMIT = 1
STEPS_LIMIT = 4
ALLOWED_STEPS = 256
# Rule 5: how many readers a result may have to say which targets are neighbours, and from how many
# of the oldest live results the next target may come.
NEIGHBOUR_LIMIT = 32
WINDOW = 16


def order(
    deps: Deps,
    dependents: Sequence[Sequence[int]] | None = None,
    wanted: Collection[int] = (),
) -> Sequence[int]:
    """The order in which tasks should run: few live results, long paths first.

    Executors take the position of a task in it as its priority.  The answer depends on the
    arguments alone.

    Parameters
    ----------
    deps
        ``deps[i]`` are the tasks that task ``i`` reads: no repeats, each below ``i``.
    dependents
        ``dependents[i]`` are the tasks that read ``i``, ascending; worked out if not given.
    wanted
        Tasks whose results are kept; may repeat.

    Returns
    -------
    sequence of int
        A permutation of the tasks in which each stands after those it reads: a ``range`` where the
        numbers themselves are the best order, else a list.

    Notes
    -----
    Linear in tasks and dependencies: about 0.4 us a task for forests, 1 to 2 us for most others, 3
    to 4 us where each task has many readers; no recursion.  The algorithm and its sources stand at
    the top of the module.

    Examples
    --------
    Two pairs are summed one after the other, although all four inputs could be loaded first:

    >>> order([(), (), (), (), (0, 1), (2, 3), (4, 5)])
    [0, 1, 4, 2, 3, 5, 6]
    """
    n = len(deps)
    if not any(deps) or _is_chain(deps):
        return range(n)
    counts = list(map(len, deps))
    if sum(counts) < n:
        flat = list(chain.from_iterable(deps))
        read = set(flat)
        if len(read) == len(flat):
            return _forest(deps, read, wanted)
    return _general(_Graph(deps, counts, dependents, wanted))


def live_profile(
    deps: Deps, order: Sequence[int], wanted: Collection[int] = (), workers: int = 1
) -> list[int]:
    """How many results are alive while each task runs.

    Parameters
    ----------
    deps
        As `order` takes them.
    order
        A permutation of the tasks: their priorities.
    wanted
        Tasks whose results are kept.
    workers
        With one, tasks run in order.  With more, each worker takes the ready task of the highest
        priority, and tasks of one unit of time run in step.

    Returns
    -------
    list of int
        One number for each step; a result counts from the start of its task until the end of its
        last reader.

    Examples
    --------
    >>> live_profile([(), (), (0, 1)], [0, 1, 2])
    [1, 2, 3]
    >>> live_profile([(), (), (0, 1)], [0, 1, 2], workers=2)
    [2, 3]
    """
    uses = [0] * len(deps)
    for j in chain.from_iterable(deps):
        uses[j] += 1
    for i in wanted:
        uses[i] += 1
    steps = [(i,) for i in order] if workers == 1 else _steps(deps, order, workers)
    profile = []
    live = 0
    for step in steps:
        live += len(step)
        profile.append(live)
        for i in step:
            if not uses[i]:
                live -= 1
            for j in deps[i]:
                uses[j] -= 1
                if not uses[j]:
                    live -= 1
    return profile


def peak_live(
    deps: Deps, order: Sequence[int], wanted: Collection[int] = (), workers: int = 1
) -> int:
    """The largest number of results alive at once.

    Parameters
    ----------
    deps, order, wanted, workers
        As `live_profile` takes them.

    Examples
    --------
    >>> pairs = [(), (), (), (), (0, 1), (2, 3), (4, 5)]
    >>> peak_live(pairs, range(7)), peak_live(pairs, [0, 1, 4, 2, 3, 5, 6])
    (5, 4)
    """
    return max(live_profile(deps, order, wanted, workers), default=0)


def _steps(deps: Deps, order: Sequence[int], workers: int) -> Iterator[tuple[int, ...]]:
    """The tasks that workers start together, step by step."""
    rank = [0] * len(deps)
    for position, i in enumerate(order):
        rank[i] = position
    waits, readers = list(map(len, deps)), _heights(deps)[1]
    ready = sorted(rank[i] for i, k in enumerate(waits) if not k)
    while ready:
        step = tuple(order[heapq.heappop(ready)] for _ in range(min(workers, len(ready))))
        yield step
        for i in step:
            for j in readers[i]:
                waits[j] -= 1
                if not waits[j]:
                    heapq.heappush(ready, rank[j])


def _is_chain(deps: Deps) -> bool:
    """Whether each task reads the one before it, and nothing else."""
    n = len(deps)
    if n < 2 or deps[1] != (0,) or deps[-1] != (n - 2,):
        return False
    return all(map(eq, islice(deps, 1, None), zip(range(n - 1))))


def _forest(deps: Deps, read: set[int], wanted: Collection[int]) -> list[int]:
    """Sethi-Ullman order where every result is read at most once."""
    n = len(deps)
    kept = set(wanted)
    inputs = list(deps)
    if max(map(len, deps)) == 1:
        gain = [int(bool(needs)) for needs in deps]
    elif kept.isdisjoint(read):
        gain = _label(inputs)
    else:
        gain = _label_kept(inputs, kept)
    # The last task is always one, and often the only one.
    roots = sorted(set(range(n)) - read) if n - len(read) > 1 else [n - 1]
    roots.sort(key=lambda i: gain[i] + (i not in kept), reverse=True)
    # Preorder with the last input first, reversed, is postorder with the first input first.
    out: list[int] = []
    emit, pop, extend = out.append, roots.pop, roots.extend
    while roots:
        i = pop()
        emit(i)
        needs = inputs[i]
        while len(needs) == 1:
            i = needs[0]
            emit(i)
            needs = inputs[i]
        extend(needs)
    out.reverse()
    return out


def _label(inputs: list[tuple[int, ...]]) -> list[int]:
    """Peak minus 1 of each subtree, by Sethi and Ullman; sorts the inputs into best order."""
    gain = [0] * len(inputs)
    get = gain.__getitem__
    for i, needs in enumerate(inputs):
        if not needs:
            continue
        if len(needs) == 1:
            gain[i] = gain[needs[0]] or 1
            continue
        if len(needs) == 2:
            # What follows, for the most usual case.
            left, right = needs
            top, low = gain[left], gain[right]
            if top < low:
                inputs[i] = right, left
                top, low = low, top
            gain[i] = max(top, low + 1, 2)
            continue
        gains = list(map(get, needs))
        top = max(gains)
        if top == min(gains):
            gain[i] = max(top + len(needs) - 1, len(needs))
        else:
            inputs[i] = needs = tuple(sorted(needs, key=get, reverse=True))
            # The k-th input is evaluated beside the k results before it.
            gain[i] = max(len(needs), *map(sum, enumerate(map(get, needs))))
    return gain


def _label_kept(inputs: list[tuple[int, ...]], kept: Collection[int]) -> list[int]:
    """Peak minus remainder of each subtree, by Liu; sorts the inputs into best order.

    What remains of a subtree is its result and the kept ones below it.
    """
    gain = [0] * len(inputs)
    remains = [1] * len(inputs)
    for i, needs in enumerate(inputs):
        if not needs:
            continue
        inputs[i] = needs = tuple(sorted(needs, key=gain.__getitem__, reverse=True))
        before = peak = 0
        for j in needs:
            peak = max(peak, before + gain[j] + remains[j])
            before += remains[j]
        remains[i] = before + 1 - sum(j not in kept for j in needs)
        gain[i] = max(peak, before + 1) - remains[i]
    return gain


class _Graph:
    """What the walks over one graph share.

    ``prefer[i]`` is large for inputs to ask for early: the length of the longest path to ``i``.
    ``most`` is how many tasks one task reads at most.
    ``waits``, ``uses`` and ``rest`` are what those of a walk are at its start.
    """

    __slots__ = ("dependents", "deps", "most", "n", "prefer", "rest", "targets", "uses", "waits")

    def __init__(
        self,
        deps: Deps,
        counts: list[int],
        dependents: Sequence[Sequence[int]] | None,
        wanted: Collection[int],
    ) -> None:
        n = self.n = len(deps)
        self.deps = deps
        self.prefer, found = _heights(deps)
        self.dependents = dependents or found
        self.targets = [i for i, readers in enumerate(self.dependents) if not readers]
        self.most = max(counts)
        # The number n stands for the user as a reader; it is never ready.
        self.waits = [*counts, UNBOUNDED]
        self.uses = list(map(len, self.dependents))
        self.rest = list(map(sum, self.dependents))
        for i in set(wanted):
            # A kept target counts as released: it has to be computed once, early or late.
            if self.uses[i]:
                self.uses[i] += 1
                self.rest[i] += n


def _heights(deps: Deps) -> tuple[list[int], list[list[int]]]:
    """For each task the steps on the longest path to it, and the tasks that read it, ascending."""
    heights = [0] * len(deps)
    dependents: list[list[int]] = [[] for _ in deps]
    for i, needs in enumerate(deps):
        top = 0
        for j in needs:
            dependents[j].append(i)
            if heights[j] >= top:
                top = heights[j] + 1
        heights[i] = top
    return heights, dependents


@dataclass(slots=True)
class _Walk:
    """One way through a graph, which can be halted and resumed.

    ``waits[i]`` is the number of inputs that task ``i`` lacks, or -1 once it has run.  ``uses[i]``
    counts the readers of ``i`` that have not run (and one for the user, if it is kept), and
    ``rest[i]`` is the sum of their numbers: with one use left, it is the reader itself.
    ``begun[i]`` is how many tasks had run when ``i`` asked for its inputs.  ``shared`` holds
    results with several readers, ``shared_at`` when they came to be.  ``put_off`` holds tasks that
    were ready but had no reason to run (and may have run since).
    """

    graph: _Graph
    prefer: list[int]
    stack: list[int]  # the targets, the first on top; if empty, the walk looks for them
    waits: list[int] = field(init=False)
    uses: list[int] = field(init=False)
    rest: list[int] = field(init=False)
    begun: list[int] = field(init=False)
    targets: Iterator[int] = field(init=False)
    out: list[int] = field(default_factory=list)
    shared: list[int] = field(default_factory=list)
    shared_at: list[int] = field(default_factory=list)
    put_off: list[int] = field(default_factory=list)
    near: list[int] = field(default_factory=list)
    seen: int = 0
    live: int = 0
    peak: int = 0
    wasted: int = 0
    shy: int = 0

    def __post_init__(self) -> None:
        graph = self.graph
        self.waits, self.uses, self.rest = graph.waits[:], graph.uses[:], graph.rest[:]
        self.begun = [UNBOUNDED] * graph.n
        self.targets = iter(graph.targets)


def _general(graph: _Graph) -> list[int]:
    """The best of several walks."""
    fan = max(graph.uses)
    least = graph.most + fan + 2
    bar = least + graph.n.bit_length() // 2
    best = _Walk(graph, graph.prefer, graph.targets[::-1])
    many = len(graph.targets) > 2 * fan
    if not _resume(best, bar if many else UNBOUNDED):
        across = _sweep(graph)
        if across is graph.targets:
            _resume(best, UNBOUNDED)
        else:
            best = _race([best, _Walk(graph, graph.prefer, across[::-1])], bar)
    if best.peak > least and len(graph.targets) == 1:
        work = _work(best)
        if work is not None:
            second = _Walk(graph, work, graph.targets[::-1])
            if _resume(second, best.peak):
                best = second
    return best.out


def _race(walks: list[_Walk], bar: int) -> _Walk:
    """The walk with the lowest peak, or nearly so; of equal ones the first."""
    while True:
        bar += max(1, bar // 8)
        for best in walks:
            if not _resume(best, bar):
                continue
            # To go on for the last one in sixteen would double the cost of every square grid.
            close = best.peak - max(1, best.peak // 16)
            for other in walks:
                if other.peak < close and _resume(other, best.peak):
                    best = other
            return best


def _work(walk: _Walk) -> list[int] | None:
    """For each task how many others ran for its sake; None if the walk went by it anyway."""
    deps, begun = walk.graph.deps, walk.begun
    work = [0] * walk.graph.n
    get, prefer = work.__getitem__, walk.graph.prefer.__getitem__
    missed = 0
    for position, i in enumerate(walk.out):
        spent = position - begun[i]
        if spent <= 0:
            continue
        work[i] = spent
        needs = deps[i]
        if spent > 2 * len(needs) > 2:
            first = max(needs, key=prefer)
            if min(map(prefer, needs)) == prefer(first):
                missed += max(map(get, needs)) - work[first]
    return work if 8 * missed > walk.graph.n else None


def _resume(walk: _Walk, bar: int) -> bool:
    """Go on until the end (True) or until ``bar`` results are alive (False)."""
    n, out, stack = walk.graph.n, walk.out, walk.stack
    while len(out) < n:
        if walk.peak >= bar:
            return False
        if not stack:
            _from_oldest(walk)
        event = _drain(walk, stack, UNBOUNDED, bar)
        if event >= 0:
            _look_around(walk, event)
    return True


def _drain(walk: _Walk, stack: list[int], limit: int, bar: int) -> int:
    """Run what the stack asks for (rules 1 and 2).

    Stops when the stack is empty, when ``bar`` results are alive or ``limit`` tasks have run, or
    after a task that rule 4 should look at, which is returned (else -1).  With a limit nothing is
    returned: an attempt holds no second one.
    """
    deps, dependents = walk.graph.deps, walk.graph.dependents
    waits, uses, rest, begun, out = walk.waits, walk.uses, walk.rest, walk.begun, walk.out
    looks = walk.shared_at if limit == UNBOUNDED else ()
    prefer, live, peak, event = walk.prefer, walk.live, walk.peak, -1
    push, pop, run = stack.append, stack.pop, out.append
    while stack:
        i = stack[-1]
        lacks = waits[i]
        if lacks > 0:
            done = len(out)
            if done > limit or peak >= bar:
                break
            begun[i] = done
            needs = deps[i]
            if len(needs) == 1:
                stack += needs
            elif lacks == 1 or len(needs) > 2:
                _ask(walk, needs, stack)
            else:
                stack += needs if prefer[needs[0]] < prefer[needs[1]] else needs[::-1]
            continue
        pop()
        if lacks < 0:
            continue
        waits[i] = -1
        run(i)
        live += 1
        if live > peak:
            peak = live
        readers = dependents[i]
        height = len(stack)
        if len(readers) == 1:
            j = readers[0]
            lacks = waits[j] = waits[j] - 1
            if not lacks and (not stack or stack[-1] != j):
                push(j)
        elif not readers:
            live -= 1
        freed = 0
        for j in deps[i]:
            left = uses[j]
            if left == 1:
                uses[j] = 0
                freed += 1
            else:
                uses[j] = left - 1
                last = rest[j] = rest[j] - i
                if left == 2 and not waits[last]:
                    push(last)
        live -= freed
        if len(readers) > 1:
            _wake(walk, i, stack)
        if looks and looks[-1] >= begun[i] and len(stack) == height and _calls(walk, i, freed):
            event = i
            break
    walk.live, walk.peak = live, peak
    return event


def _calls(walk: _Walk, i: int, freed: int) -> bool:
    """Whether rule 3 (after a target) or 4 has something to look at, now that ``i`` has run."""
    shared, uses = walk.shared, walk.uses
    while shared and not uses[shared[-1]]:
        del shared[-1], walk.shared_at[-1]
    if not shared or walk.shared_at[-1] < walk.begun[i]:
        return False
    if walk.graph.dependents[i]:
        return freed > 1
    # Rule 3 has something to do where tasks were put off, and not among many readers.
    return bool(walk.put_off) and uses[shared[-1]] <= FINISH_FAN_LIMIT


def _ask(walk: _Walk, needs: tuple[int, ...], stack: list[int]) -> None:
    """Push those inputs of a task that are missing, the first to compute on top."""
    waits = walk.waits
    missing = [j for j in needs if waits[j] >= 0]
    if len(missing) > 1:
        missing.reverse()
        missing.sort(key=walk.prefer.__getitem__)
    stack += missing


def _wake(walk: _Walk, i: int, stack: list[int]) -> None:
    """Tell the several readers of ``i``; push those that rule 2 runs at once."""
    waits, uses = walk.waits, walk.uses
    deps, dependents = walk.graph.deps, walk.graph.dependents
    walk.shared.append(i)
    walk.shared_at.append(len(walk.out) - 1)
    releasing = []
    for j in dependents[i]:
        lacks = waits[j] = waits[j] - 1
        if lacks:
            continue
        after = dependents[j]
        if not after:
            releasing.append(j)
            continue
        for k in deps[j]:
            if uses[k] == 1:
                releasing.append(j)
                break
        else:
            if len(after) == 1 and waits[after[0]] == 1 and _releases(walk, after[0], j):
                stack.append(j)
            else:
                walk.put_off.append(j)
    if releasing:
        releasing.reverse()
        stack += releasing


def _releases(walk: _Walk, i: int, but: int) -> bool:
    """Whether task ``i`` is the last reader of one of its inputs other than ``but``."""
    uses = walk.uses
    for j in walk.graph.deps[i]:  # noqa: SIM110 - a generator would double what this costs
        if uses[j] == 1 and j != but:
            return True
    return False


def _undo(walk: _Walk, length: int) -> None:
    """Take back all but the first tasks."""
    deps, dependents = walk.graph.deps, walk.graph.dependents
    waits, uses, rest, begun, out = walk.waits, walk.uses, walk.rest, walk.begun, walk.out
    walk.wasted += len(out) - length
    for i in reversed(out[length:]):
        waits[i] = 0
        begun[i] = UNBOUNDED
        for j in dependents[i]:
            waits[j] += 1
        for j in deps[i]:
            if uses[j]:
                rest[j] += i
            uses[j] += 1
    del out[length:]
    keep = bisect_left(walk.shared_at, length)
    del walk.shared[keep:], walk.shared_at[keep:]


def _look_around(walk: _Walk, event: int) -> None:
    """After task ``event``: rule 3 if it is a target, else rule 4.

    Only results that came to be for the sake of ``event`` are looked at.  What attempts may waste,
    over all of them, is a quarter of what has been done.
    """
    waits, uses, out, dependents = walk.waits, walk.uses, walk.out, walk.graph.dependents
    is_target = not dependents[event]
    fan = FINISH_FAN_LIMIT if is_target else FAN_LIMIT
    while is_target and walk.put_off and waits[walk.put_off[-1]]:
        walk.put_off.pop()
    allowed = len(out) // 4 + ALLOWED_STEPS - walk.wasted
    if (is_target and not walk.put_off) or uses[walk.shared[-1]] > fan or allowed < 0:
        return
    alive = _alive_since(walk, event)
    if len(alive) < walk.shy:
        walk.shy -= walk.shy // 16 + 1
        return
    left = sum(map(uses.__getitem__, alive))
    # What this costs when nothing comes of it, in tasks.
    walk.wasted += len(alive) // 8
    if not alive or 2 * left > allowed or left > fan * len(alive):
        return
    # Each reader may lead to one more result, and each of those alive may go.
    if not is_target and left > len(alive) ** 2:
        return
    if sum(len(dependents[i]) for i in alive) > 4 * fan * len(alive):
        return
    readers = {j for i in alive for j in dependents[i] if 0 <= waits[j] <= LACKS_LIMIT}
    readers = {j for j in readers if not waits[j] or not (is_target or _is_under_way(walk, j))}
    if not _attempt(walk, readers, STEPS_LIMIT * left):
        walk.shy = 2 * len(alive)


def _alive_since(walk: _Walk, event: int) -> list[int]:
    """The live results with several readers that came to be for the sake of a task."""
    since, uses = walk.begun[event], walk.uses
    start = bisect_left(walk.shared_at, since)
    alive = [i for i in walk.shared[start:] if uses[i]]
    walk.shared[start:] = alive
    walk.shared_at[start:] = [since] * len(alive)
    if alive and alive[-1] == event:
        alive.pop()
    return alive


def _attempt(walk: _Walk, tasks: Collection[int], budget: int) -> bool:
    """Run some tasks, as far as that leaves no more alive; whether any remain run."""
    waits, out, dependents = walk.waits, walk.out, walk.graph.dependents
    begin = best = len(out)
    live, peak = walk.live, walk.peak
    # Those with a common reader next to each other.
    for j in sorted(tasks, key=lambda j: (dependents[j][0] if dependents[j] else j, j)):
        if waits[j] < 0:
            continue
        _drain(walk, [j], begin + budget, UNBOUNDED)
        if waits[j] >= 0:
            break
        if walk.live <= live:
            live, peak, best = walk.live, walk.peak, len(out)
        if len(out) - begin > budget:
            break
    if best < len(out):
        _undo(walk, best)
        walk.live, walk.peak = live, peak
    return best > begin


def _is_under_way(walk: _Walk, i: int) -> bool:
    """Whether an input that task ``i`` lacks is being worked for already."""
    waits, begun = walk.waits, walk.begun
    return any(waits[j] >= 0 and begun[j] < UNBOUNDED for j in walk.graph.deps[i])


def _from_oldest(walk: _Walk) -> None:
    """The readers of one of the oldest live results, of the one with the fewest left."""
    uses, waits, out = walk.uses, walk.waits, walk.out
    dependents = walk.graph.dependents
    while True:
        window = [i for i in walk.near if uses[i]]
        while len(window) < WINDOW and walk.seen < len(out):
            i = out[walk.seen]
            walk.seen += 1
            if uses[i] and len(dependents[i]) <= NEIGHBOUR_LIMIT:
                window.append(i)
        walk.near = window
        if not window:
            return _next_target(walk)
        source = min(window, key=uses.__getitem__)
        readers = [j for j in dependents[source] if waits[j] >= 0]
        if readers:
            if len(readers) > 1:
                readers.reverse()
                readers.sort(key=waits.__getitem__, reverse=True)
            walk.stack += readers
            return
        window.remove(source)


def _next_target(walk: _Walk) -> None:
    """The first target that has not run."""
    waits = walk.waits
    walk.stack.append(next(i for i in walk.targets if waits[i] >= 0))


def _sweep(graph: _Graph) -> list[int]:
    """The targets in a sequence that goes across their own.

    Empty if they have nothing in common; their own if that keeps no more results alive.

    Plays the game on targets and the shared results that they read, directly or through tasks of
    their own: always the target that is the last reader of a result, else a reader of the newest
    result, the one that lacks the fewest, of equal ones the last.  On a grid numbered by rows the
    last equals the one below, so this goes by columns.  What a last reader loads counts as the
    oldest: from there a stencil would turn at the end of each diagonal, and hold a result more for
    each step of it.
    """
    several = [len(readers) > 1 for readers in graph.dependents]
    reads = [_shared_inputs(graph.deps, several, target) for target in graph.targets]
    # A target that reads far more than the others says nothing about their sequence; it goes last.
    many = 4 * sum(map(len, reads)) // len(reads)
    big = [len(inputs) > many for inputs in reads]
    reads = [() if skip else inputs for inputs, skip in zip(reads, big)]
    readers: list[list[int]] = [[] for _ in graph.deps]
    for t, inputs in enumerate(reads):
        for i in inputs:
            readers[i].append(t)
    uses = list(map(len, readers))
    if 2 * sum(k > 1 for k in uses) < len(reads):
        return []
    steps = [0] * (len(reads) + 1)
    for some in readers:
        if some:
            steps[some[0]] += 1
            steps[some[-1] + 1] -= 1
    usual = max(accumulate(steps))
    rest = list(map(sum, readers))
    degree = [sum(map(uses.__getitem__, inputs)) for inputs in reads]
    loaded, done = bytearray(graph.n), bytearray(len(reads))
    newest: deque[int] = deque()
    last: list[int] = []
    out: list[int] = []
    unseen = iter(sorted(range(len(reads)), key=lambda t: (big[t], degree[t])))

    def effort(t: int) -> tuple[int, int]:
        return len(reads[t]) - sum(map(loaded.__getitem__, reads[t])), degree[t]

    def near() -> int:
        while newest:
            i = newest[-1]
            if uses[i] and len(readers[i]) <= NEIGHBOUR_LIMIT:
                return min((t for t in reversed(readers[i]) if not done[t]), key=effort)
            newest.pop()
        return next(t for t in unseen if not done[t])

    live = 0
    while len(out) < len(reads):
        while last and done[last[-1]]:
            last.pop()
        load = newest.appendleft if last else newest.append
        t = last.pop() if last else near()
        done[t] = 1
        out.append(graph.targets[t])
        for i in reads[t]:
            if not loaded[i]:
                loaded[i] = 1
                load(i)
                live += 1
        if live >= usual:
            return graph.targets
        for i in reads[t]:
            left = uses[i] = uses[i] - 1
            rest[i] -= t
            if left == 1:
                last.append(rest[i])
            elif not left:
                live -= 1
    return out


def _shared_inputs(deps: Deps, several: list[bool], target: int) -> Sequence[int]:
    """The results with several readers that a target reads, directly or through its own tasks."""
    if all(map(several.__getitem__, deps[target])):
        return deps[target]
    found: dict[int, None] = {}
    own = [target]
    while own:
        for i in deps[own.pop()]:
            if several[i]:
                found[i] = None
            elif deps[i]:
                own.append(i)
    return list(found)
