"""What shoal will do with an expression, in words: as written, as rewritten, as tasks.

Three sections, one line a node.  A node's only source stands right below it; several sources
branch off, so a chain of a hundred operations is a hundred lines and no staircase:

    Concat                      8 blocks
    ├─ Stage(map)               4 blocks
    │  Stage(from_sequence)     4 blocks
    └─ Stage(filter)            4 blocks
       Stage(from_sequence)     4 blocks

A node that is read more than once gets a number where it stands first and is referred to
by it afterwards.  The pieces (`outline`, `group_tasks`) know nothing of expressions; pictures of
graphs are made with them as well.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

from shoal.expr.call import BlockOf, Call
from shoal.expr.footprint import footprint
from shoal.expr.node import Node
from shoal.expr.rewrite import Step
from shoal.graph.naming import given_name
from shoal.graph.plan import Plan
from shoal.types import Key

__all__ = [
    "Box",
    "Line",
    "TaskGroup",
    "explain",
    "group_name",
    "group_tasks",
    "outline",
    "short_name",
    "stages",
]

MOST_LINES = 500
"""Longer outlines are cut, and say so."""

MOST_DEPTH = 16
"""Branches deeper than this go on further below, at the margin."""

MOST_SOURCES = 50
"""How many sources of one node are listed."""

TOKEN = re.compile(r"[-_]?(?<![0-9a-f])[0-9a-f]{16,}(?![0-9a-f])")
NUMBER = re.compile(r"[-_]?\d+$")


# ------------------------------------------------------------------------------- outlines


@dataclasses.dataclass(frozen=True)
class Line:
    """One line of an outline.

    Parameters
    ----------
    prefix
        What is drawn before the item.
    item
        The item itself; None where something was left out.
    number
        Of an item that is referred to elsewhere.
    again
        Whether the item stands further above, or will further below.
    omitted
        How many items were left out here.

    Examples
    --------
    >>> Line("├─ ", "x").text()
    '├─ x'
    """

    prefix: str
    item: Any
    number: int | None = None
    again: bool = False
    omitted: int = 0

    def text(self, label: Callable[[Any], str] = str) -> str:
        """The line with its item in words.

        Parameters
        ----------
        label
            ``label(item) -> words``.
        """
        if self.omitted:
            return f"{self.prefix}… {self.omitted:,} more"
        mark = "" if self.number is None else f"[{self.number}] "
        return f"{self.prefix}{'see ' * self.again}{mark}{label(self.item)}"


def outline(
    roots: Iterable[Any],
    sources: Callable[[Any], Sequence[Any]],
    identity: Callable[[Any], Hashable] = lambda item: item,
    most: int = MOST_LINES,
) -> list[Line]:
    """A directed acyclic graph as lines, each item once.

    Parameters
    ----------
    roots
        Where to begin.
    sources
        ``sources(item)``: what stands below it.
    identity
        Tells whether two items are the same.
    most
        How many lines at most.

    Returns
    -------
    list of Line

    Examples
    --------
    >>> graph = {"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}
    >>> for line in outline(["a"], graph.get):
    ...     print(line.text())
    a
    ├─ b
    │  [1] d
    └─ c
       see [1] d
    """
    roots = list(roots)
    uses = _count_uses(roots, sources, identity)
    numbers: dict[Hashable, int] = {}
    written: set[Hashable] = set()
    lines: list[Line] = []
    # (item, prefix of its line, prefix of what stands below it, how deep)
    stack = [(root, "", "", 0) for root in reversed(roots)]
    later: list[tuple[Any, str, str, int]] = []
    while stack or later:
        if not stack:
            stack = [entry for entry in later[::-1] if identity(entry[0]) not in written]
            later = []
            continue
        item, prefix, below, depth = stack.pop()
        if len(lines) >= most:
            return [*lines, Line(prefix, None, omitted=max(len(uses) - len(written), 1))]
        if type(item) is _Omitted:
            lines.append(Line(prefix, None, omitted=item.count))
            continue
        name = identity(item)
        postponed = depth > MOST_DEPTH and name not in written
        if uses[name] > 1 or name in numbers or postponed:
            numbers.setdefault(name, len(numbers) + 1)
        if name in written or postponed:
            lines.append(Line(prefix, item, numbers[name], again=True))
            if postponed and not any(identity(other[0]) == name for other in later):
                later.append((item, "", "", 0))
            continue
        written.add(name)
        lines.append(Line(prefix, item, numbers.get(name)))
        stack += reversed(_branches(_limited(sources(item)), below, depth))
    return lines


class _Omitted:
    """Stands for sources that are too many to list."""

    def __init__(self, count: int) -> None:
        self.count = count


def _limited(items: Sequence[Any]) -> Sequence[Any]:
    if len(items) <= MOST_SOURCES:
        return items
    return [*items[:MOST_SOURCES], _Omitted(len(items) - MOST_SOURCES)]


def _branches(items: Sequence[Any], below: str, depth: int) -> list[tuple[Any, str, str, int]]:
    if len(items) == 1:
        return [(items[0], below, below, depth)]
    out = [(item, below + "├─ ", below + "│  ", depth + 1) for item in items[:-1]]
    return out + [(item, below + "└─ ", below + "   ", depth + 1) for item in items[-1:]]


def _count_uses(
    roots: Sequence[Any],
    sources: Callable[[Any], Sequence[Any]],
    identity: Callable[[Any], Hashable],
) -> Counter[Hashable]:
    """How often each item is mentioned."""
    uses: Counter[Hashable] = Counter()
    stack = list(reversed(roots))
    while stack:
        item = stack.pop()
        name = identity(item)
        uses[name] += 1
        if uses[name] == 1:
            stack += reversed(sources(item))
    return uses


# ---------------------------------------------------------------------------------- tasks


@dataclasses.dataclass
class TaskGroup:
    """Tasks of one layer, or of one kind where there are no layers.

    Parameters
    ----------
    name
        What their keys have in common.
    tasks
        How many call something.
    data
        How many are values that are there already.
    funcs
        The functions they call, by name.
    sources
        Names of the groups that they read.

    Examples
    --------
    >>> TaskGroup("inc", tasks=3).size
    3
    """

    name: str
    tasks: int = 0
    data: int = 0
    funcs: Counter[str] = dataclasses.field(default_factory=Counter)
    sources: dict[str, None] = dataclasses.field(default_factory=dict)

    @property
    def size(self) -> int:
        """Tasks and values together."""
        return self.tasks + self.data

    def count(self) -> str:
        """How many of which, in words."""
        parts = [(self.tasks, "task"), (self.data, "value")]
        return ", ".join(f"{n:,} {word}{'s' * (n != 1)}" for n, word in parts if n)

    def calls(self, most: int = 3) -> str:
        """The functions, the most frequent first.

        Parameters
        ----------
        most
            How many to name.
        """
        names = [name for name, _ in self.funcs.most_common(most)]
        return ", ".join(names) + ", …" * (len(self.funcs) > most)


def group_name(key: Key) -> str:
    """The layer of a key, or what is left of a key without token and number.

    Parameters
    ----------
    key
        Of a task.

    Examples
    --------
    >>> group_name(("sum-0", 3)), group_name("inc-0123456789abcdef"), group_name("load-12")
    ('sum-0', 'inc', 'load')
    """
    if type(key) is tuple and key:
        return str(key[0])
    text = str(key)
    return NUMBER.sub("", TOKEN.sub("", text)) or text


def short_name(name: str) -> str:
    """A name without the tokens in it.

    Parameters
    ----------
    name
        Of a layer or a key.

    Examples
    --------
    >>> short_name("sum-0123456789abcdef0123456789abcdef-1"), short_name("x")
    ('sum-1', 'x')
    """
    return TOKEN.sub("", name) or name


def group_tasks(
    keys: Sequence[Key], funcs: Sequence[Any], deps: Sequence[Sequence[int]]
) -> dict[str, TaskGroup]:
    """Tasks by layer.

    Parameters
    ----------
    keys, funcs, deps
        As a plan has them.

    Returns
    -------
    dict
        Groups by name, sources first.

    Examples
    --------
    >>> groups = group_tasks(
    ...     [("x", 0), ("x", 1), ("y", 0)], [None, None, sum], [(), (), (0, 1)]
    ... )
    >>> [(group.name, group.count(), list(group.sources)) for group in groups.values()]
    [('x', '2 values', []), ('y', '1 task', ['x'])]
    """
    groups: dict[str, TaskGroup] = {}
    of_task: list[TaskGroup] = []
    called: dict[tuple[str, int], list[Any]] = {}
    for i in range(len(deps)):
        name = group_name(keys[i])
        group = groups.get(name)
        if group is None:
            group = groups[name] = TaskGroup(name)
        of_task.append(group)
        func = funcs[i]
        if func is None:
            group.data += 1
        else:
            group.tasks += 1
            # By identity: to name a function is dear, and most tasks of a group call the same.
            called.setdefault((name, id(func)), [func, 0])[1] += 1
        for j in deps[i]:
            source = of_task[j]
            if source is not group:
                group.sources[source.name] = None
    for (name, _), (func, count) in called.items():
        groups[name].funcs[given_name(func)] += count
    return groups


def _longest_chain(plan: Plan) -> int:
    """How many tasks have to run one after the other."""
    depth: list[int] = []
    for func, needs in zip(plan.funcs, plan.deps, strict=True):
        depth.append(max([depth[j] for j in needs], default=0) + (func is not None))
    return max(depth, default=0)


def _peak_alive(plan: Plan) -> int:
    """The most results alive at one time when one worker runs the plan in its order."""
    uses = plan.uses()
    alive = peak = 0
    for i in plan.order:
        alive += 1
        peak = max(peak, alive)
        for j in plan.deps[i]:
            uses[j] -= 1
            alive -= not uses[j]
    return peak


# ------------------------------------------------------------------------------ the whole


def explain(
    logical: Any,
    optimised: Any,
    steps: Iterable[Step] = (),
    plan: Plan | None = None,
    is_open: Sequence[str] = (),
) -> str:
    """What will be done, in three sections: as written, as rewritten, as tasks.

    Parameters
    ----------
    logical
        The expression, or several, as the user wrote them.
    optimised
        The same after rewriting.
    steps
        What the rewriting did.
    plan
        What will run.  Without it there is no third section.
    is_open
        What may yet be planned otherwise when it runs, a line each (`shoal.expr.adapt`).

    Returns
    -------
    str

    Examples
    --------
    >>> from shoal.expr.node import Held
    >>> print(explain(Held((1, 2)), Held((1, 2))))
    logical: 1 node
      Held(2 blocks)  2 blocks
    <BLANKLINE>
    optimised: the same
      Held(2 blocks)  2 blocks
    """
    written, rewritten, steps = _as_list(logical), _as_list(optimised), list(steps)
    groups = group_tasks(plan.keys, plan.funcs, plan.deps) if plan is not None else {}
    sections = [
        _section("logical", _counted(written), written, _rules_before(steps), {}),
        _section(
            "optimised",
            _what_changed(written, rewritten, steps),
            rewritten,
            _rules_behind(steps),
            groups,
        ),
    ]
    if is_open:
        sections.append("\n".join(["open until it runs:", *(f"  {line}" for line in is_open)]))
    if plan is not None:
        sections.append(_physical(plan, groups))
        memory = footprint(rewritten, plan)
        if memory is not None:
            sections.append(memory.text())
    return "\n\n".join(sections)


def _as_list(roots: Any) -> list[Any]:
    return list(roots) if isinstance(roots, list | tuple) else [roots]


def _sources_of(item: Any) -> Sequence[Any]:
    if isinstance(item, BlockOf):
        return (item.node,)
    if isinstance(item, Call):
        return tuple(item._call[3] or ())
    return tuple(source for source in item.sources if isinstance(source, Node | Call))


def _identity_of(item: Any) -> Hashable:
    return item._call[0] if isinstance(item, Call) else item.name  # type: ignore[no-any-return]


def _label_of(item: Any) -> str:
    if isinstance(item, BlockOf):
        return f"block {item.block}"
    if isinstance(item, Call):
        return str(item._call[4])
    return str(item.label())


def _count_nodes(roots: Sequence[Any]) -> int:
    seen: set[Hashable] = set()
    stack = list(roots)
    while stack:
        item = stack.pop()
        if _identity_of(item) not in seen:
            seen.add(_identity_of(item))
            stack += _sources_of(item)
    return len(seen)


def _counted(roots: Sequence[Any]) -> str:
    count = _count_nodes(roots)
    return f"{count:,} node{'s' * (count != 1)}"


def _what_changed(written: Sequence[Any], rewritten: Sequence[Any], steps: Sequence[Step]) -> str:
    if list(map(_identity_of, written)) == list(map(_identity_of, rewritten)):
        return "the same"
    counts = Counter(step.rule for step in steps)
    rules = ", ".join(f"{rule} x{n}" if n > 1 else rule for rule, n in counts.items())
    return f"{_counted(rewritten)}; {rules}" if rules else _counted(rewritten)


def _rules_before(steps: Sequence[Step]) -> dict[Hashable, str]:
    """For each node that a rule replaced: which."""
    return {step.before.name: f"-> {step.rule}" for step in reversed(steps)}


def _rules_behind(steps: Sequence[Step]) -> dict[Hashable, str]:
    """For each node that a rule made: which, and which made the node that it was made from."""
    made: dict[Hashable, Counter[str]] = {}
    for step in steps:
        rules = made.setdefault(step.after.name, Counter())
        rules.update(made.get(step.before.name, ()))
        rules[step.rule] += 1
    return {
        name: "<- " + ", ".join(f"{rule} x{n}" if n > 1 else rule for rule, n in rules.items())
        for name, rules in made.items()
    }


def _section(
    title: str,
    heading: str,
    roots: Sequence[Any],
    rules: Mapping[Hashable, str],
    groups: Mapping[str, TaskGroup],
) -> str:
    rows = [_row(line, rules, groups) for line in outline(roots, _sources_of, _identity_of)]
    return "\n".join([f"{title}: {heading}", *_aligned(rows)])


def _row(
    line: Line, rules: Mapping[Hashable, str], groups: Mapping[str, TaskGroup]
) -> tuple[str, ...]:
    """The columns of one node: label, blocks, how large they are, tasks, kernel, rules."""
    text = line.text(_label_of)
    if line.again or line.omitted:
        return (text,)
    return text, *_facts(line.item, groups), rules.get(_identity_of(line.item), "")


def _facts(item: Any, groups: Mapping[str, TaskGroup]) -> tuple[str, ...]:
    """Of one node: blocks, how large they are, tasks, kernel."""
    if isinstance(item, Call):
        return "", "", "", ""
    blocks = f"{item.size:,} block{'s' * (item.size != 1)}"
    own = [g for name, g in groups.items() if name == item.name or name.startswith(f"{item.name}-")]
    total = TaskGroup("", sum(group.tasks for group in own), sum(group.data for group in own))
    return blocks, item.extent(), total.count(), item.told_kernel() if total.tasks else ""


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows as lines, the columns below each other; what sticks out far does not widen the rest."""
    columns = max(map(len, rows), default=0)
    widths = [
        max((len(row[c]) for row in rows if len(row) > c + 1 and len(row[c]) <= 70), default=0)
        for c in range(columns)
    ]
    out = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        filled = [cell for cell, width in zip(cells, widths, strict=False) if width or cell.strip()]
        out.append(("  " + "  ".join(filled)).rstrip())
    return out


def _physical(plan: Plan, groups: Mapping[str, TaskGroup]) -> str:
    shown = list(groups.values())[-MOST_LINES:][::-1]
    rows = []
    for group in shown:
        reads = ", ".join(map(short_name, list(group.sources)[:6]))
        more = f", … {len(group.sources) - 6} more" if len(group.sources) > 6 else ""
        rows.append(
            (
                short_name(group.name),
                group.count(),
                group.calls(),
                f"reads {reads}{more}" if reads else "",
            )
        )
    lines = _aligned(rows)
    if len(groups) > len(shown):
        lines.append(f"  … {len(groups) - len(shown):,} more layers")
    return "\n".join([f"physical: {_measured(plan, groups)}", *lines])


def _measured(plan: Plan, groups: Mapping[str, TaskGroup]) -> str:
    tasks = sum(group.tasks for group in groups.values())
    return (
        f"{tasks:,} task{'s' * (tasks != 1)} in {len(groups):,} "
        f"layer{'s' * (len(groups) != 1)}, longest chain {_longest_chain(plan):,}, "
        f"at most {_peak_alive(plan):,} results alive on one worker"
    )


# ------------------------------------------------------------------------------ as boxes


@dataclasses.dataclass(frozen=True)
class Box:
    """A node, or the tasks of a layer, in a picture of what will be done.

    Parameters
    ----------
    label
        What it is.
    facts
        What is known of it, a line each.
    sources
        What it reads, by position among the boxes of its stage.

    Examples
    --------
    >>> Box("add(1)", ("4 blocks",), (0,)).label
    'add(1)'
    """

    label: str
    facts: tuple[str, ...]
    sources: tuple[int, ...]


def stages(
    logical: Any, optimised: Any, steps: Iterable[Step], plan: Plan
) -> list[tuple[str, list[Box]]]:
    """What `explain` tells, for a picture: a heading and boxes for each of the three stages.

    Parameters
    ----------
    logical, optimised, steps, plan
        As for `explain`.

    Returns
    -------
    list
        Pairs of a heading and the boxes below it, those nearest to the result first.

    Examples
    --------
    >>> from shoal.expr.node import Held
    >>> from shoal.graph.legacy import plan_from_dict
    >>> found = stages(Held((1, 2)), Held((1, 2)), (), plan_from_dict({"x": 1}, ["x"]))
    >>> [(heading, boxes[0].label) for heading, boxes in found][:2]
    [('logical: 1 node', 'Held(2 blocks)'), ('optimised: the same', 'Held(2 blocks)')]
    """
    written, rewritten, steps = _as_list(logical), _as_list(optimised), list(steps)
    groups = group_tasks(plan.keys, plan.funcs, plan.deps)
    layers = list(groups.values())[::-1][:MOST_LINES]
    at = {group.name: i for i, group in enumerate(layers)}
    tasks = [
        Box(
            short_name(group.name),
            tuple(filter(None, (group.count(), group.calls()))),
            tuple(at[name] for name in group.sources if name in at),
        )
        for group in layers
    ]
    return [
        (f"logical: {_counted(written)}", _boxes(written, {})),
        (f"optimised: {_what_changed(written, rewritten, steps)}", _boxes(rewritten, groups)),
        (f"physical: {_measured(plan, groups)}", tasks),
    ]


def _boxes(roots: Sequence[Any], groups: Mapping[str, TaskGroup]) -> list[Box]:
    """The nodes nearest to the roots; a box says how many of its sources are left out."""
    items: dict[Hashable, Any] = {_identity_of(root): root for root in roots}
    waiting = deque(items.values())
    while waiting and len(items) < MOST_LINES:
        for source in _sources_of(waiting.popleft())[:MOST_SOURCES]:
            if _identity_of(source) not in items:
                items[_identity_of(source)] = source
                waiting.append(source)
    at = {name: i for i, name in enumerate(items)}
    boxes = []
    for item in items.values():
        names = list(dict.fromkeys(map(_identity_of, _sources_of(item))))
        found = tuple(at[name] for name in names if name in at)
        left = len(names) - len(found)
        facts = (*_facts(item, groups), f"… {left:,} more sources" * bool(left))
        boxes.append(Box(_label_of(item), tuple(filter(None, facts)), found))
    return boxes
