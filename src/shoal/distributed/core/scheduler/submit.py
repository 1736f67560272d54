"""A graph arrives: rows for what is new, and the relations between them.

Whole columns are written at once where the new rows are in line, which they are unless most of the
table is in use; the only loop in Python is the one over dependencies.

The rank of a task decides when it runs: `start-time fair queueing
<https://dl.acm.org/doi/10.1145/248157.248171>`_ over tasks.  A client's tasks have consecutive
ranks, in the order of its graphs; a client that was idle begins at the rank of what was sent
last.  So graphs of one client run one after the other, and clients share the workers evenly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain, islice, pairwise
from typing import Any

from shoal.distributed.core.scheduler.failures import fail, fail_if_input_failed, require
from shoal.distributed.core.scheduler.names import find, key_of, name_grid, name_keys
from shoal.distributed.core.scheduler.needs import let_go, want
from shoal.distributed.core.scheduler.placement import place_ready
from shoal.distributed.core.scheduler.records import Client, Code
from shoal.distributed.core.scheduler.scatter import described, is_expected
from shoal.distributed.core.scheduler.state import Scheduler, begin_epoch, prefix_of
from shoal.distributed.core.scheduler.table import (
    BITS,
    CHOOSY,
    HAS_INPUTS,
    INLINE,
    MASK,
    NOBODY,
    NOTED,
    Table,
    picker,
)
from shoal.distributed.core.scheduler.tell import tell_ends, tell_reason
from shoal.distributed.core.scheduler.transitions import ERRED, MEMORY, RELEASED, WAITING
from shoal.distributed.protocol import Grid, Submit
from shoal.graph.naming import key_split

__all__ = ["USER", "on_submit", "user_rank"]

USER = 50
"""Bits of a priority, above the row, below what the user asked for."""

LET_GO = frozenset([RELEASED, ERRED])
"""States of inputs that somebody has to look after."""


def user_rank(priority: float) -> int:
    """What a user's priority is worth: lower first, in steps of 1/16; an int64 with the rank.

    Parameters
    ----------
    priority
        Higher runs earlier.

    Examples
    --------
    >>> user_rank(0), user_rank(1) >> USER, user_rank(-1e9) >> USER
    (0, -16, 4095)
    """
    return max(-4096, min(4095, round(-16 * priority))) << USER


def on_submit(
    state: Scheduler, client: Client, m: Submit, buffers: Sequence[Any], now: float
) -> None:
    """New tasks.

    Parameters
    ----------
    state, client
        Whose.
    m, buffers
        The message.
    now
        The time.

    Examples
    --------
    See `tests/unit/test_scheduler_core.py`.

    >>> on_submit.__name__
    'on_submit'
    """
    if not len(state.table):
        begin_epoch(state)
    rows, fresh = enter_names(state, m)
    externals = [find(state.names, key) for key in m.externals]
    if -1 in externals:
        unknown = m.externals[externals.index(-1)]
        refuse(state, client, m, rows, fresh, unknown)
        return
    if state.puts and (late := described(state, rows)):
        fresh = [*fresh, *late]
    fill_columns(state, client, m, rows, fresh, buffers)
    ended = begin_wanting(state, client, m, rows)
    ready = connect(state, m, rows, fresh, externals)
    if len(fresh) < len(rows):
        # What was known and had been let go is wanted again.
        again = dict.fromkeys(rows[i] for i in m.wanted)
        states = state.table.states
        ready += require(state, [row for row in again if states[row] == RELEASED])
    place_ready(state, ready)
    tell_ends(state, client, ended)
    if len(m.wanted) < len(fresh) or len(fresh) < len(rows):
        kept, owner = state.table.kept, state.table.owner
        let_go(state, [row for row in fresh if not kept[row] and owner[row] == NOBODY])
    if fresh:
        state.story.add(now, "submitted", client.name, take(state.table.numbers, fresh))


def begin_wanting(state: Scheduler, client: Client, m: Submit, rows: Sequence[int]) -> list[int]:
    """The client wants some of the rows; those that had ended already are returned."""
    table = state.table
    states, owner, number = table.states, table.owner, client.number
    ended = []
    for i in m.wanted:
        row = rows[i]
        if owner[row] == NOBODY and states[row] == RELEASED:
            owner[row] = number
            client.wants += 1
        elif want(state, client, row) and states[row] in (MEMORY, ERRED):
            ended.append(row)
    return ended


def enter_names(state: Scheduler, m: Submit) -> tuple[Sequence[int], Sequence[int]]:
    """Rows of all the tasks of a message, and those that are new."""
    found = []
    for piece in m.names:
        if isinstance(piece, Grid):
            found.append(name_grid(state.names, state.table, piece))
        else:
            found.append(name_keys(state.names, state.table, piece.keys))
    if len(found) == 1:
        return found[0]
    spans = [piece for piece, new in found if piece is new and type(piece) is range]
    if found and len(spans) == len(found) and all(a.stop == b.start for a, b in pairwise(spans)):
        span = range(spans[0].start, spans[-1].stop)
        return span, span
    rows = [row for piece_rows, _ in found for row in piece_rows]
    fresh = [row for _, piece_fresh in found for row in piece_fresh]
    return rows, fresh


def put(column: Any, rows: Sequence[int], values: Sequence[Any]) -> None:
    """Write values into the rows of a column."""
    if type(rows) is range:
        column[rows.start : rows.stop] = values
    else:
        for row, value in zip(rows, values):
            column[row] = value


def take(column: list[Any], rows: Sequence[int]) -> list[Any]:
    """What stands in the rows of a column."""
    if type(rows) is range:
        return column[rows.start : rows.stop]
    return [column[row] for row in rows]


def fill_columns(
    state: Scheduler,
    client: Client,
    m: Submit,
    rows: Sequence[int],
    fresh: Sequence[int],
    buffers: Sequence[Any],
) -> None:
    """Everything of the new rows but the relations."""
    if not fresh:
        return
    table, count = state.table, len(rows)
    first = client.last_tag = max(client.last_tag, state.virtual)
    client.last_tag += max(m.order, default=0) + 1
    codes: list[Any] = [enter_code(state, code.digest, code.data) for code in m.codes]
    codes.append(None)
    new = set(fresh) if len(fresh) < count else None
    positions: Sequence[int] = range(count)
    if new is not None:
        positions = [i for i, row in enumerate(rows) if row in new]
        at = [rows[i] for i in positions]
    else:
        at = rows  # type: ignore[assignment]
    of = [codes[i] for i in (m.code if new is None else [m.code[i] for i in positions])]
    for code, uses in Counter(of).items() if len(of) > 1 else ((of[0], 1),):
        if code is not None:
            code.uses += uses
    for code in codes[:-1]:
        if code.uses:
            state.idle_codes.pop(code.digest, None)
        else:
            state.idle_codes[code.digest] = code
    put(table.codes, at, of)
    put(table.args, at, m.args if new is None else [m.args[i] for i in positions])
    put(table.priorities, at, [first + m.order[i] << BITS | rows[i] for i in positions])
    put(table.prefixes, at, kinds(state, m, positions))
    put(table.states, at, bytes([RELEASED]) * len(at))
    if m.inline:
        put(table.flags, at, bytes([INLINE]) * len(at))
    for i, begin, many in m.big:
        if new is None or rows[i] in new:
            state.big[rows[i]] = tuple(buffers[begin : begin + many])
            table.flags[rows[i]] |= NOTED
    for i, part in m.parts:
        if new is None or rows[i] in new:
            state.parts[rows[i]] = part
            table.flags[rows[i]] |= NOTED
    if m.trace:
        for row in at:
            state.traces[row] = m.trace
            table.flags[row] |= NOTED
    if m.options:
        set_options(state, m, rows, new)


def enter_code(state: Scheduler, digest: bytes, data: bytes) -> Code:
    """A function by its content."""
    code = state.codes.get(digest)
    if code is None:
        code = state.codes[digest] = Code(state.next_code, digest, data)
        state.next_code += 1
    return code


def kinds(state: Scheduler, m: Submit, positions: Sequence[int]) -> list[Any]:
    """The kind of each new task: by its layer's name, or by the first key with its function."""
    out: list[Any] = []
    for piece in m.names:
        if isinstance(piece, Grid):
            size = len(piece.flats) if piece.flats is not None else 1
            if piece.flats is None:
                for extent in piece.shape:
                    size *= extent
            out += [prefix_of(state, key_split(piece.name))] * size
        else:
            codes = m.code[len(out) : len(out) + len(piece.keys)]
            if -1 in codes:
                out += [prefix_of(state, key_split(key)) for key in piece.keys]
                continue
            seen: dict[int, Any] = dict.fromkeys(codes)
            for code in seen:
                seen[code] = prefix_of(state, key_split(piece.keys[codes.index(code)]))
            out += map(seen.__getitem__, codes)
    if len(positions) < len(out):
        out = [out[i] for i in positions]
    return out


def set_options(state: Scheduler, m: Submit, rows: Sequence[int], new: set[int] | None) -> None:
    """What was asked for some tasks."""
    table = state.table
    for options in m.options:
        rank = user_rank(options.priority) << BITS
        state.is_ranked = state.is_ranked or rank != 0
        for i in range(len(rows)) if options.tasks is None else options.tasks:
            row = rows[i]
            if new is not None and row not in new:
                continue
            before = table.options[row]
            if before is not None:
                table.priorities[row] -= user_rank(before.priority) << BITS
            table.options[row] = options
            table.flags[row] |= CHOOSY
            table.priorities[row] += rank


def connect(
    state: Scheduler,
    m: Submit,
    rows: Sequence[int],
    fresh: Sequence[int],
    externals: list[int],
) -> list[int]:
    """Relations of the new rows; those that lack no input are returned."""
    table = state.table
    put(table.states, fresh, bytes([WAITING]) * len(fresh))
    if rows is fresh and type(rows) is range and len(rows) > 1 and not externals:
        return connect_new(table, m.deps, rows)
    return connect_each(state, m, rows, fresh, externals)


def connect_new(table: Table, deps: Sequence[tuple[int, ...]], rows: range) -> list[int]:
    """As `connect`, for a graph that is all new and needs nothing else: column by column."""
    sizes = [*map(len, deps)]
    if not any(sizes):
        return list(rows)
    here = slice(rows.start, rows.stop)
    names = table.numbers[here]
    flat = [*chain.from_iterable(deps)]
    each = iter(picker(flat)(names))
    table.deps[here] = [
        ()
        if not size
        else (next(each),)
        if size == 1
        else (next(each), next(each))
        if size == 2
        else tuple(islice(each, size))
        for size in sizes
    ]
    table.missing[here] = sizes
    users: list[Any] = [None] * len(rows)
    counts = [0] * len(rows)
    for me, needs in zip(names, deps):
        for i in needs:
            counts[i] += 1
            known = users[i]
            if known is None:
                users[i] = me
            elif type(known) is list:
                known.append(me)
            else:
                users[i] = [known, me]
    table.dependents[here] = users
    table.waiters[here] = table.kept[here] = counts
    marks = int.from_bytes(bytes(map(bool, sizes)), "big") * HAS_INPUTS
    marks |= int.from_bytes(table.flags[here], "big")
    table.flags[here] = marks.to_bytes(len(rows), "big")
    return [row for row, size in zip(rows, sizes) if not size]


def connect_each(
    state: Scheduler,
    m: Submit,
    rows: Sequence[int],
    fresh: Sequence[int],
    externals: list[int],
) -> list[int]:
    """As `connect`, row by row: some are known already, or need what others made."""
    table = state.table
    states, deps, dependents = table.states, table.deps, table.dependents
    waiters, kept, missing, flags = table.waiters, table.kept, table.missing, table.flags
    numbers = table.numbers
    names = take(numbers, rows) + [numbers[row] for row in externals]
    new = set(fresh) if len(fresh) < len(rows) else None
    pairs: Iterable[tuple[int, tuple[int, ...]]] = zip(rows, m.deps)
    if new is not None:
        # A key that a message names twice is the first of the two.
        first = dict(reversed(list(zip(rows, m.deps))))
        pairs = [(row, first[row]) for row in dict.fromkeys(rows) if row in new]
    ready = []
    troubled = []
    for row, needs in pairs:
        if not needs:
            ready.append(row)
            continue
        flags[row] |= HAS_INPUTS
        me = numbers[row]
        mine = (names[needs[0]],) if len(needs) == 1 else tuple([names[d] for d in needs])
        deps[row] = mine
        lack = 0
        for number in mine:
            dep = number & MASK
            waiters[dep] += 1
            kept[dep] += 1
            known = dependents[dep]
            if known is None:
                dependents[dep] = me
            elif type(known) is list:
                known.append(me)
            else:
                dependents[dep] = [known, me]
            now = states[dep]
            if now != MEMORY:
                lack += 1
                if now != WAITING and now in LET_GO:
                    troubled.append(row)
        missing[row] = lack
        if not lack:
            ready.append(row)
    if troubled:
        lost = [n & MASK for row in troubled for n in deps[row] if states[n & MASK] == RELEASED]
        ready += require(state, lost)
        for row in dict.fromkeys(troubled):
            fail_if_input_failed(state, row)
        ready = [row for row in ready if states[row] == WAITING]
    return ready


def refuse(
    state: Scheduler,
    client: Client,
    m: Submit,
    rows: Sequence[int],
    fresh: Sequence[int],
    unknown: Any,
) -> None:
    """A graph that needs a key which nobody knows: all that is wanted of it fails."""
    table = state.table
    text = (
        f"the graph needs {unknown!r}, which the scheduler does not know (any more); "
        "keep a future of it until what needs it has been submitted"
    )
    reason = ("lost", unknown, "", text.encode())
    new = set(fresh)
    known = [row for row in dict.fromkeys(rows[i] for i in m.wanted) if row not in new]
    # Said a second time, after its inputs were let go: what it made is there.
    came = [row for row in known if want(state, client, row)]
    tell_ends(state, client, [row for row in came if table.states[row] in (MEMORY, ERRED)])
    place_ready(state, require(state, [row for row in came if table.states[row] == RELEASED]))
    for row in dict.fromkeys(rows):
        if is_expected(state, row):
            fail(state, row, reason)
    for i in m.wanted:
        if rows[i] in new:
            tell_reason(client, key_of(table, rows[i]), reason)
    prefix = prefix_of(state, "refused")
    for row in fresh:
        table.prefixes[row] = prefix
        table.states[row] = RELEASED
    let_go(state, fresh)
