"""A graph arrives: rows for what is new, and the relations between them.

Whole columns are written at once where the new rows are in line, which they are unless most of the
table is in use; the only loop in Python is the one over dependencies.

The rank of a task decides when it runs: `start-time fair queueing
<https://dl.acm.org/doi/10.1145/248157.248171>`_ over tasks.  A client's tasks have consecutive
ranks, in the order of its graphs; a client that was idle begins at the rank of what was sent
last.  So graphs of one client run one after the other, and clients share the workers evenly.
"""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import compress
from math import prod
from operator import not_
from typing import Any

from shoal.distributed.core.scheduler.failures import fail, fail_if_input_failed, require
from shoal.distributed.core.scheduler.names import (
    are_new,
    find,
    key_of,
    name_grid,
    name_keys,
    put_names,
)
from shoal.distributed.core.scheduler.needs import FIRST, let_go, retire_code, want
from shoal.distributed.core.scheduler.placement import place_ready
from shoal.distributed.core.scheduler.records import Client, Code, Prefix
from shoal.distributed.core.scheduler.scatter import described, is_expected
from shoal.distributed.core.scheduler.state import Scheduler, begin_epoch, prefix_of
from shoal.distributed.core.scheduler.table import (
    BITS,
    CHOOSY,
    HAS_INPUTS,
    INLINE,
    MASK,
    NO_CODE,
    NOBODY,
    NOTED,
    Table,
    picker,
    put,
)
from shoal.distributed.core.scheduler.tell import tell_ends, tell_reason
from shoal.distributed.core.scheduler.transitions import ERRED, MEMORY, RELEASED, WAITING
from shoal.distributed.core.streaming import SEVERAL, by_task, renumbered, unpacked
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
    return round(max(-4096.0, min(4095.0, -16 * priority))) << USER


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
    rows, fresh, positions = enter_names(state, m)
    externals = [find(state.names, key) for key in m.externals]
    if -1 in externals:
        unknown = m.externals[externals.index(-1)]
        refuse(state, client, m, rows, fresh, unknown)
        return
    if state.puts and (late := described(state, rows)):
        fresh = [*fresh, *late]
        positions = first_of(rows, fresh)
    if fresh:
        fill_columns(state, client, m, fresh, positions)
        fill_beside(state, m, rows, fresh, buffers)
    ended = begin_wanting(state, client, m, rows)
    ready = connect(state, m, rows, fresh, positions, externals)
    if len(fresh) < len(rows):
        # What was known and had been let go is wanted again.
        again = dict.fromkeys(rows[i] for i in m.wanted)
        states = state.table.states
        ready = [*ready, *require(state, [row for row in again if states[row] == RELEASED])]
    place_ready(state, ready)
    if state.unplaced and m.options and state.missed_due < 0:
        # The worker may be about to come.
        state.missed_due = now + state.settings.missed_s
    tell_ends(state, client, ended)
    if len(m.wanted) < len(fresh) or len(fresh) < len(rows):
        kept, owner = state.table.kept, state.table.owner
        let_go(state, [row for row in fresh if not kept[row] and owner[row] == NOBODY])
    if fresh:
        state.story.add(now, "submitted", client.name, [*picker(fresh)(state.table.numbers)])


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


def enter_names(state: Scheduler, m: Submit) -> tuple[Sequence[int], Sequence[int], Sequence[int]]:
    """Rows of all the tasks of a message, those that are new, and where these stand in it."""
    names, table, count = state.names, state.table, len(m.code)
    if count > 1 and any(m.deps) and are_new(names, m.names):
        rows = table.allocate(count)
        put_names(names, table, m.names, rows, m.stands)
        return rows, rows, range(count)
    found = []
    for piece in m.names:
        if isinstance(piece, Grid):
            found.append(name_grid(names, table, piece))
        else:
            found.append(name_keys(names, table, piece.keys))
    if len(found) == 1 and found[0][0] is found[0][1] and m.stands is None:
        return *found[0], range(count)
    rows = [row for piece_rows, _ in found for row in piece_rows]
    fresh = [row for _, piece_fresh in found for row in piece_fresh]
    if m.stands is not None:
        rows = by_task(m.stands, rows)
    return rows, fresh, first_of(rows, fresh)


def first_of(rows: Sequence[int], some: Sequence[int]) -> list[int]:
    """Where some rows are named; a key that a message names twice is the first of the two."""
    first = dict(zip(reversed(rows), range(len(rows) - 1, -1, -1)))
    return [first[row] for row in some]


def fill_columns(
    state: Scheduler, client: Client, m: Submit, fresh: Sequence[int], positions: Sequence[int]
) -> None:
    """Everything of the new rows but the relations, and what few have."""
    table, count = state.table, len(fresh)
    first = client.last_tag = max(client.last_tag, state.virtual)
    client.last_tag += max(m.order) + 1
    codes = [enter_code(state, code.digest, code.data) for code in m.codes]
    said = picked(m.code, positions)
    for i, uses in Counter(said).items() if count > 1 else ((said[0], 1),):
        if i != NO_CODE:
            codes[i].uses += uses
    numbers = [*[code.number for code in codes], NO_CODE]
    for code in codes:
        if code.uses and state.idle_codes.pop(code.digest, None) is not None:
            state.idle_bytes -= len(code.data)
    for code in codes:
        if not code.uses:
            retire_code(state, code)
    put(table.codes, fresh, [*map(numbers.__getitem__, said)])
    put(table.args, fresh, picked(m.args, positions))
    put(table.priorities, fresh, priorities(first, m, fresh, positions))
    put(table.prefixes, fresh, picked(kinds(state, m, codes), positions))
    put(table.states, fresh, bytes([RELEASED]) * count)
    if m.inline:
        put(table.flags, fresh, bytes([INLINE]) * count)


def priorities(
    first: int, m: Submit, rows: Sequence[int], positions: Sequence[int]
) -> Sequence[int]:
    """What rows are sorted by: their ranks, from the first that is free; then the row."""
    count = len(rows)
    if m.stands is not None and type(rows) is type(positions) is range and count == len(m.order):
        base = (first << BITS) + rows.start
        return [base + entry for entry in unpacked("q", m.stands.entry)]
    ranks = picked(m.order, positions)
    if type(rows) is range and ranks[-1] == count - 1 and [*ranks] == [*range(count)]:
        start, step = (first << BITS) + rows.start, (1 << BITS) + 1
        return range(start, start + count * step, step)
    return [first + rank << BITS | row for rank, row in zip(ranks, rows)]


def fill_beside(
    state: Scheduler, m: Submit, rows: Sequence[int], fresh: Sequence[int], buffers: Sequence[Any]
) -> None:
    """What few tasks have: large arguments, parts that they read, traces, options."""
    flags = state.table.flags
    new = set(fresh) if len(fresh) < len(rows) else None
    for i, begin, many in m.big:
        if new is None or rows[i] in new:
            state.big[rows[i]] = tuple(buffers[begin : begin + many])
            flags[rows[i]] |= NOTED
    for i, part in m.parts:
        if new is None or rows[i] in new:
            state.parts[rows[i]] = part
            flags[rows[i]] |= NOTED
    if m.trace:
        for row in fresh:
            state.traces[row] = m.trace
            flags[row] |= NOTED
    if m.options:
        set_options(state, m, rows, new)


def enter_code(state: Scheduler, digest: bytes, data: bytes) -> Code:
    """A function by its content."""
    code = state.codes.get(digest)
    if code is None:
        code = state.codes[digest] = Code(state.next_code, digest, data)
        state.code_of[code.number] = code
        state.next_code += 1
    return code


def kinds(state: Scheduler, m: Submit, codes: Sequence[Code]) -> Sequence[Any]:
    """The kind of each task: by its layer's name, or by the first key with its function."""
    stands = m.stands
    if stands is None:
        return kinds_of_names(state, m.names, m.code, codes)
    if all(type(piece) is Grid or code >= 0 for piece, code in zip(m.names, stands.codes)):
        found = []
        for piece, code in zip(m.names, stands.codes):
            name = piece.name if isinstance(piece, Grid) else piece.keys[0]
            found.append(prefix_of(state, key_split(name)))
            for one in codes if code == SEVERAL else (codes[code],) if code >= 0 else ():
                note_kind(one, found[-1])
        return [*map(found.__getitem__, unpacked("i", stands.piece))]
    said = [m.code[at] for at in unpacked("i", stands.at)]
    return by_task(stands, kinds_of_names(state, m.names, said, codes))


def kinds_of_names(
    state: Scheduler, pieces: Sequence[Any], said: Sequence[int], codes: Sequence[Code]
) -> list[Any]:
    """The kind of the task of each name; ``said`` has their functions, as indices into codes."""
    out: list[Any] = []
    for piece in pieces:
        if type(piece) is Grid:
            size = prod(piece.shape) if piece.flats is None else len(piece.flats)
            kind = prefix_of(state, key_split(piece.name))
            mine = {*said[len(out) : len(out) + size]}
            out += [kind] * size
            seen = dict.fromkeys(mine, kind)
        else:
            here = said[len(out) : len(out) + len(piece.keys)]
            seen = {
                code: prefix_of(state, key_split(piece.keys[here.index(code)]))
                for code in dict.fromkeys(here)
            }
            if NO_CODE in seen:
                by_key = [prefix_of(state, key_split(key)) for key in piece.keys]
                for code, kind in zip(here, by_key):
                    if code >= 0:
                        note_kind(codes[code], kind)
                out += by_key
                continue
            out += map(seen.__getitem__, here)
        for code, kind in seen.items():
            if code >= 0:
                note_kind(codes[code], kind)
    return out


def note_kind(code: Code, kind: Prefix) -> None:
    """Tasks of this kind call a function."""
    if code.kind is None:
        code.kind = kind
    elif code.kind is not kind:
        code.is_shared = True


def set_options(state: Scheduler, m: Submit, rows: Sequence[int], new: set[int] | None) -> None:
    """What was asked for some tasks."""
    table = state.table
    for options in m.options:
        if options.resources:
            # A worker has none of what it does not name: nothing of it can be taken.
            options.resources = {n: much for n, much in options.resources.items() if much > 0}
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
    positions: Sequence[int],
    externals: list[int],
) -> Sequence[int]:
    """Relations of the new rows; those that lack no input are returned."""
    table = state.table
    put(table.states, fresh, bytes([WAITING]) * len(fresh))
    if not fresh or not any(m.deps):
        return fresh
    names = [*picker(rows)(table.numbers), *[table.numbers[row] for row in externals]]
    if len(fresh) == len(rows) and type(fresh) is range and not externals:
        insort(state.graphs, fresh, key=FIRST)
        return connect_new(table, m.deps, names, fresh, positions)
    return connect_each(state, m.deps, names, fresh, positions)


def note_users(
    users: list[Any], counts: list[int], names: Sequence[int], needs: Iterable[tuple[int, ...]]
) -> None:
    """Enter tasks with the inputs that they need, and count them there."""
    for me, inputs in zip(names, needs):
        for at in inputs:
            counts[at] += 1
            known = users[at]
            if known is None:
                users[at] = me
            elif type(known) is list:
                known.append(me)
            else:
                users[at] = [known, me]


def users_of(names: Sequence[int], needs: Iterable[tuple[int, ...]]) -> tuple[list[Any], list[int]]:
    """As `note_users`, of tasks none of which was known: a count says what stands there."""
    users: list[Any] = [None] * len(names)
    counts = [0] * len(names)
    for me, inputs in zip(names, needs):
        for at in inputs:
            if count := counts[at]:
                if count == 1:
                    users[at] = [users[at], me]
                else:
                    users[at].append(me)
                counts[at] = count + 1
            else:
                users[at] = me
                counts[at] = 1
    return users, counts


def picked(values: Sequence[Any], positions: Sequence[int]) -> Sequence[Any]:
    """Some of the values of a message; mostly these are all, and none is moved."""
    if type(positions) is range and len(positions) == len(values):
        return values
    found: Sequence[Any] = picker(positions)(values)
    return found


def connect_new(
    table: Table,
    deps: Sequence[tuple[int, ...]],
    names: list[int],
    fresh: range,
    positions: Sequence[int],
) -> list[int]:
    """As `connect`, for a graph that is all new and needs nothing else: column by column."""
    here, count = slice(fresh.start, fresh.stop), len(fresh)
    needs = picked(deps, positions)
    sizes = [*map(len, needs)]
    table.deps[here] = renumbered(needs, names)
    table.missing[here] = sizes
    users, counts = users_of(table.numbers[here], needs)
    table.dependents[here] = picked(users, positions)
    table.waiters[here] = table.kept[here] = picked(counts, positions)
    marks = int.from_bytes(bytes(map(bool, sizes)), "big") * HAS_INPUTS
    marks |= int.from_bytes(table.flags[here], "big")
    table.flags[here] = marks.to_bytes(count, "big")
    return [*compress(fresh, map(not_, sizes))]


def connect_each(
    state: Scheduler,
    deps: Sequence[tuple[int, ...]],
    names: list[int],
    fresh: Sequence[int],
    positions: Sequence[int],
) -> list[int]:
    """As `connect`, row by row: some are known already, or need what others made."""
    table = state.table
    states, waiters, missing, flags = table.states, table.waiters, table.missing, table.flags
    ready, troubled = [], []
    needs = renumbered(picked(deps, positions), names)
    mine = [tuple([number & MASK for number in inputs]) for inputs in needs]
    note_users(table.dependents, table.kept, picker(fresh)(table.numbers), mine)
    for row, inputs, numbers in zip(fresh, mine, needs):
        if not inputs:
            ready.append(row)
            continue
        flags[row] |= HAS_INPUTS
        table.deps[row] = numbers
        lack = 0
        for dep in inputs:
            waiters[dep] += 1
            now = states[dep]
            if now != MEMORY:
                lack += 1
                if now != WAITING and now in LET_GO:
                    troubled.append(row)
        missing[row] = lack
        if not lack:
            ready.append(row)
    if troubled:
        lost = [n & MASK for row in troubled for n in table.deps[row]]
        ready += require(state, [row for row in lost if states[row] == RELEASED])
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
