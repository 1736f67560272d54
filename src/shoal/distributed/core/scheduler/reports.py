"""What workers report: the loop that the whole cluster turns on.

`on_report` handles columns of ended tasks in one loop over local variables.  Whatever is rare
(failures, returns, what was lost) is a function a row, below.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain, compress
from operator import not_
from typing import Any

from shoal.distributed.core.scheduler.failures import fail
from shoal.distributed.core.scheduler.holdings import add_copies, add_copy, lose_copy, spoil
from shoal.distributed.core.scheduler.locate import settled
from shoal.distributed.core.scheduler.names import key_of, keys_of
from shoal.distributed.core.scheduler.needs import are_results, drop_here, forget, let_go, pend
from shoal.distributed.core.scheduler.placement import place_elsewhere, place_ready
from shoal.distributed.core.scheduler.records import Prefix, Worker
from shoal.distributed.core.scheduler.runs import end_run, unblock
from shoal.distributed.core.scheduler.state import Scheduler, clients_of, guess
from shoal.distributed.core.scheduler.table import (
    AWAY,
    HAS_INPUTS,
    INLINE,
    MANY,
    MASK,
    NOBODY,
    NOTED,
    PINNED,
    Table,
    picker,
)
from shoal.distributed.core.scheduler.transitions import ERRED, MEMORY, RELEASED, SENT, WAITING
from shoal.distributed.core.scheduler.twins import stop_twin, swap_twin
from shoal.distributed.core.scheduler.unreached import avoid
from shoal.distributed.protocol import Report

__all__ = ["on_report"]

PLAIN = INLINE | HAS_INPUTS
"""Flags of tasks whose runs end like most."""


def on_report(state: Scheduler, worker: Worker, m: Report, now: float) -> None:
    """Tasks have ended, failed or come back; results have come and gone.

    Parameters
    ----------
    state, worker
        Whose.
    m
        The report.
    now
        The time.

    Examples
    --------
    See `tests/unit/test_scheduler_core.py`.

    >>> on_report.__name__
    'on_report'
    """
    worker.heard = now
    state.touched[worker.number] = worker
    if m.ids:
        on_ended(state, worker, m, now)
    if m.transfers:
        on_transfers(state, worker, m.transfers, now)
    if m.added:
        add_copies(state, worker, m.added, m.added_nbytes)
    for number in m.unreached:
        avoid(state, worker, number, now)
    for number, holder in m.missing:
        lose_copy(state, number, holder)
    for number, why in m.gone:
        spoil(state, number, worker, why)
    if m.tried:
        keep_tried(state, worker, m.tried)
    for number, run, kind, data, _ in m.failed:
        on_failed(state, worker, number, run, kind, data)
    if m.returned:
        on_returned(state, worker, m.returned)
    for number, run in m.seceded:
        on_seceded(state, worker, number, run, True)
    for number, run in m.rejoined:
        on_seceded(state, worker, number, run, False)
    for number, peak in m.peaks:
        row = number & MASK
        if row < len(state.table.numbers) and state.table.numbers[row] == number:
            prefix = state.table.prefixes[row]
            prefix.peak = max(prefix.peak, peak)
    if worker.blocked and len(worker.sent) <= worker.seceded and not worker.zombies:
        unblock(worker)


def on_ended(state: Scheduler, worker: Worker, m: Report, now: float) -> None:
    """Tasks have ended well."""
    table = state.table
    rows = rows_of(table, m.ids)
    if not are_current(table, rows, m.runs):
        m = sift(state, worker, m)
        if not m.ids:
            return
        rows = rows_of(table, m.ids)
    of, count = picker(rows), len(rows)
    owners, marks = of(table.owner), of(table.flags)
    end_runs(state, worker, rows, marks, of(table.costs))
    kinds = of(table.prefixes)
    learn(state, kinds, m)
    worker.nbytes += sum(m.nbytes) - sum(of(table.nbytes))
    worker.held += count
    idle = need_less(state, of(table.deps))
    left = of(table.waiters)
    keep_results(table, rows, m)
    tell_owners(state, owners, rows, m.values)
    state.story.add(now, "ended", worker.name, m.ids)
    if m.starts:
        names, flats = of(table.names), of(table.flats)
        state.stream.add(worker.address, names, flats, kinds, m.starts, m.seconds, m.nbytes)
    if state.locating:
        for row in rows:
            settled(state, row)
    ready = lack_less(table, compress(of(table.dependents), left))
    if idle and type(rows) is range and owners.count(NOBODY) == count and max(marks) <= PLAIN:
        idle = keep_needed(state, worker, rows, left, idle)
    if idle:
        idle = let_go_here(state, worker, idle)
    if ready:
        place_ready(state, ready)
    if idle:
        let_go(state, idle)


def keep_results(table: Table, rows: Sequence[int], m: Report) -> None:
    """Results of such sizes and types are there."""
    states, runs, nbytes, types = table.states, table.runs, table.nbytes, table.types
    made = map(m.type_names.__getitem__, m.types)
    if type(rows) is range:
        here, count = slice(rows.start, rows.stop), len(rows)
        states[here] = bytes([MEMORY]) * count
        runs[here] = [0] * count
        nbytes[here] = m.nbytes
        types[here] = [*made]
        return
    for row, size, what in zip(rows, m.nbytes, made):
        states[row] = MEMORY
        runs[row] = 0
        nbytes[row] = size
        types[row] = what


def keep_needed(
    state: Scheduler, worker: Worker, rows: range, left: Sequence[int], idle: list[int]
) -> list[int]:
    """Of results that have just come to a worker, nobody's, only those stay that tasks wait for.

    What ended together with all that needed it is gone before anybody has heard of it.  Returned
    are those of the ``idle`` rows that are not among these.
    """
    table, here, number = state.table, slice(rows.start, rows.stop), worker.number
    states, place, count = table.states, table.place, len(rows)
    states[here] = bytes([RELEASED]) * count
    place[here] = [NOBODY] * count
    for row in compress(rows, left):
        states[row] = MEMORY
        place[row] = number
    spent = [*map(not_, left)]
    worker.drops += compress(table.numbers[here], spent)
    worker.nbytes -= sum(compress(table.nbytes[here], spent))
    worker.held -= sum(spent)
    state.dropping[number] = worker
    if number in state.full and worker.nbytes < state.settings.target * worker.limit:
        del state.full[number]
        state.touched[number] = worker
    first, end = rows.start, rows.stop
    rest = [row for row in idle if not first <= row < end]
    kept = table.kept[here]
    if 0 in kept:
        gone = [row for row, some, waiters in zip(rows, kept, left) if not some and not waiters]
        rest += forget(state, gone)
    return rest


def rows_of(table: Table, numbers: list[int]) -> Sequence[int]:
    """The rows that some numbers are of: a range if they are in line, as they mostly are."""
    count, row = len(numbers), numbers[0] & MASK
    if numbers[-1] - numbers[0] == count - 1 and table.numbers[row : row + count] == numbers:
        return range(row, row + count)
    return [number & MASK for number in numbers]


def let_go_here(state: Scheduler, worker: Worker, idle: list[int]) -> list[int]:
    """Results that no task waits for, let go where only this worker has them; the rest comes back.

    What ended together with all that needed it is gone before anybody has heard of it.
    """
    table, number = state.table, worker.number
    places = picker(idle)(table.place)
    spent, rest = idle, []
    if places.count(number) < len(idle):
        spent = [row for row, at in zip(idle, places) if at == number]
        rest = [row for row, at in zip(idle, places) if at != number]
    if not spent or not are_results(state, spent):
        return idle
    drop_here(state, worker, spent)
    kept = picker(spent)(table.kept)
    if 0 in kept:
        let_go(state, forget(state, [row for row, left in zip(spent, kept) if not left]))
    return rest


def need_less(state: Scheduler, deps: Sequence[tuple[int, ...]]) -> list[int]:
    """Tasks with these inputs have ended: inputs that no other task waits for are returned."""
    waiters = state.table.waiters
    idle: list[int] = []
    state.active -= len(deps) - deps.count(())
    for number in chain.from_iterable(deps):
        dep = number & MASK
        waiters[dep] = left = waiters[dep] - 1
        if not left:
            idle.append(dep)
    return idle


def lack_less(table: Table, dependents: Iterable[Any]) -> list[int]:
    """Inputs of these tasks have come, one for each time that they are named; who lacks no more."""
    states, missing, numbers = table.states, table.missing, table.numbers
    ready: list[int] = []
    for known in dependents:
        if known is not None:
            for number in known if type(known) is list else (known,):
                dep = number & MASK
                if states[dep] == WAITING and numbers[dep] == number:
                    missing[dep] = left = missing[dep] - 1
                    if not left:
                        ready.append(dep)
    return ready


def are_current(table: Table, rows: Sequence[int], runs: list[int]) -> bool:
    """Whether all of these are runs that are under way, and each is named once."""
    known = table.runs
    if type(rows) is range:
        return rows.stop <= len(known) and known[rows.start : rows.stop] == runs
    return (
        max(rows) < len(known)
        and [known[row] for row in rows] == runs
        and len(set(runs)) == len(runs)
    )


def sift(state: Scheduler, worker: Worker, m: Report) -> Report:
    """What a report says of runs that are under way; the others are dealt with here."""
    table = state.table
    seen: dict[int, int] = {}
    for i, (number, run) in enumerate(zip(m.ids, m.runs)):
        if run not in seen and are_current(table, rows_of(table, [number]), [run]):
            seen[run] = i
        else:
            on_late_end(state, worker, m, i)
    good = [i for run, i in seen.items() if are_current(table, rows_of(table, [m.ids[i]]), [run])]
    return Report(
        [m.ids[i] for i in good],
        [m.runs[i] for i in good],
        [m.nbytes[i] for i in good],
        [m.types[i] for i in good],
        [m.seconds[i] for i in good],
        [m.values[i] for i in good],
        m.type_names,
        [m.starts[i] for i in good] if m.starts else [],
    )


def end_runs(
    state: Scheduler,
    worker: Worker,
    rows: Sequence[int],
    marks: Sequence[int],
    costs: Sequence[float],
) -> None:
    """The slots of runs that have ended are free."""
    sent = worker.sent
    if max(marks) <= PLAIN:
        if len(sent) == len(rows):
            sent.clear()
        else:
            for row in rows:
                del sent[row]
        worker.occupancy -= sum(costs)
    else:
        for row, mark, cost in zip(rows, marks, costs):
            if mark > PLAIN:
                retire_choosy(state, worker, row)
            else:
                del sent[row]
                worker.occupancy -= cost
    if not sent:
        worker.occupancy = 0.0


def learn(state: Scheduler, kinds: Sequence[Prefix], m: Report) -> None:
    """What runs took and made, by their kinds."""
    told = sums_of_codes(state, m) if m.sums else None
    if told is None:
        told = sums(kinds, m.seconds, m.nbytes)
    for kind, (count, seconds, nbytes) in told.items():
        is_first = not kind.ended
        kind.learn(count, seconds, nbytes)
        if is_first:
            guess(state)


def sums_of_codes(state: Scheduler, m: Report) -> dict[Prefix, tuple[int, float, int]] | None:
    """As `sums`, from what the worker has added up; None where that does not tell kinds."""
    found: dict[Prefix, tuple[int, float, int]] = {}
    for number, count, seconds, nbytes in m.sums:
        code = state.code_of.get(number)
        if code is None or code.is_shared or code.kind is None:
            return None
        others, took, made = found.get(code.kind, (0, 0.0, 0))
        found[code.kind] = (others + count, took + seconds, made + nbytes)
    return found


def sums(
    kinds: Sequence[Prefix], seconds: Sequence[float], nbytes: Sequence[int]
) -> dict[Prefix, tuple[int, float, int]]:
    """For each kind how many runs there were, and what they took and made."""
    first, many = kinds[0], len(kinds)
    if kinds.count(first) == many:
        return {first: (many, sum(seconds), sum(nbytes))}
    counts = Counter(kinds)
    took, made = dict.fromkeys(counts, 0.0), dict.fromkeys(counts, 0)
    for kind, second, size in zip(kinds, seconds, nbytes):
        took[kind] += second
        made[kind] += size
    return {kind: (count, took[kind], made[kind]) for kind, count in counts.items()}


def keep_tried(state: Scheduler, worker: Worker, tried: Sequence[tuple[int, float, float]]) -> None:
    """When runs were that have failed, for the task stream."""
    table = state.table
    known = [one for one in tried if current(state, one[0])]
    if not known:
        return
    of = picker([number & MASK for number, _, _ in known])
    names, flats, kinds = of(table.names), of(table.flats), of(table.prefixes)
    starts, seconds = [start for _, start, _ in known], [took for *_, took in known]
    state.tried.add(worker.address, names, flats, kinds, starts, seconds, [0] * len(known))


def retire_choosy(state: Scheduler, worker: Worker, row: int) -> None:
    """The run of a row with options or flags is over."""
    end_run(state, worker, row)
    options = state.table.options[row]
    if options is not None and (options.actor or options.pinned):
        state.table.flags[row] |= PINNED
    if row in state.twins:
        stop_twin(state, row)


def tell_owners(
    state: Scheduler, owners: Sequence[int], rows: Sequence[int], values: list[bytes | None]
) -> None:
    """Rows have ended well: whoever wants them hears of it."""
    first = owners[0]
    if owners.count(first) == len(owners):
        if first != NOBODY:
            tell_ended(state, first, rows, values)
        return
    for teller in sorted({*owners} - {NOBODY}):
        mine = [i for i, who in enumerate(owners) if who == teller]
        tell_ended(state, teller, [rows[i] for i in mine], [values[i] for i in mine])


def tell_ended(
    state: Scheduler, teller: int, rows: Sequence[int], values: list[bytes | None]
) -> None:
    """Rows that the same client wants (or the same several) have ended well."""
    if teller == MANY:
        for row, value in zip(rows, values):
            tell_all(state, row, value)
        return
    table = state.table
    m, of = state.clients[teller].finished(), picker(rows)
    m.keys += keys_of(table, rows)
    m.values += values
    m.nbytes += of(table.nbytes)
    m.types += of(table.types)


def tell_all(state: Scheduler, row: int, value: bytes | None) -> None:
    """Several clients want a result."""
    table = state.table
    key = key_of(table, row)
    for client in clients_of(state, row):
        m = client.finished()
        m.keys.append(key)
        m.values.append(value)
        m.nbytes.append(table.nbytes[row])
        m.types.append(table.types[row])


def on_late_end(state: Scheduler, worker: Worker, m: Report, i: int) -> None:
    """A run has ended that is not the task's current one."""
    number, run = m.ids[i], m.runs[i]
    row = number & MASK
    if state.twins and current(state, number) and state.twins.get(row) == (worker.number, run):
        # The second copy was faster: it is the run now, and the first is cancelled.
        swap_twin(state, row)
        stop_twin(state, row)
        one = Report(
            [number],
            [run],
            [m.nbytes[i]],
            [m.types[i]],
            [m.seconds[i]],
            [m.values[i]],
            m.type_names,
        )
        on_ended(state, worker, one, worker.heard)
        return
    if worker.zombies.pop(run, None) is None:
        return
    # A cancelled run ended before the worker heard of it: its result is not wanted from here.
    if not current(state, number) or not take_in(state, worker, row, m.nbytes[i]):
        worker.drops.append(number)
        state.outgoing[worker.number] = worker


def take_in(state: Scheduler, worker: Worker, row: int, size: int) -> bool:
    """Whether the result of a cancelled run is of use all the same; it is held then."""
    now, place = state.table.states[row], state.table.place[row]
    if now in (RELEASED, ERRED):
        return False
    if now != SENT or place != worker.number:
        # Else it runs here again, and will find its result.
        add_copy(state, worker, state.table.numbers[row], size)
    return True


def on_failed(
    state: Scheduler,
    worker: Worker,
    number: int,
    run: int,
    kind: str,
    data: bytes,
) -> None:
    """A run has failed."""
    row = number & MASK
    table = state.table
    if not current(state, number) or table.runs[row] != run:
        if worker.zombies.pop(run, None) is None and state.twins.get(row) == (worker.number, run):
            stop_twin(state, row, ended=True)
        return
    retire_run(state, worker, row)
    if kind == "rescheduled":
        if pend(state, row):
            place_elsewhere(state, row, worker)
        return
    options = table.options[row]
    tried = state.tries.get(row, 0)
    reason = (kind, key_of(table, row), worker.address, data)
    is_final = kind in ("cancelled", "unsent")  # what cannot be said once never can
    if not is_final and options is not None and tried < options.retries:
        state.observed.fail(reason, table.prefixes[row].name, tried, True)
        state.tries[row] = tried + 1
        table.flags[row] |= NOTED
        again(state, row)
        return
    fail(state, row, reason)


def retire_run(state: Scheduler, worker: Worker, row: int) -> None:
    """The current run of a row is over without a result: the row is WAITING."""
    table = state.table
    if row in state.twins:
        stop_twin(state, row)
    end_run(state, worker, row)
    worker.nbytes -= table.nbytes[row]
    table.runs[row] = 0
    table.place[row] = NOBODY
    table.states[row] = WAITING
    if table.flags[row] & HAS_INPUTS:
        state.active -= 1


def again(state: Scheduler, row: int) -> None:
    """A row whose run is over runs again, when its inputs are there."""
    if pend(state, row):
        place_ready(state, (row,))


def on_returned(state: Scheduler, worker: Worker, returned: Sequence[tuple[int, int]]) -> None:
    """Tasks that will not run here: they were asked back, or cancelled, or lack inputs."""
    table = state.table
    for number, run in returned:
        row = number & MASK
        worker.wanted_back.pop(run, None)
        if worker.zombies.pop(run, None) is not None:
            continue
        if current(state, number) and table.runs[row] == run:
            retire_run(state, worker, row)
            again(state, row)
        elif state.twins.get(row) == (worker.number, run) and current(state, number):
            stop_twin(state, row, ended=True)


def on_seceded(state: Scheduler, worker: Worker, number: int, run: int, away: bool) -> None:
    """A run takes no slot any more, or takes one again."""
    row = number & MASK
    table = state.table
    if current(state, number) and table.runs[row] == run and bool(table.flags[row] & AWAY) != away:
        table.flags[row] ^= AWAY
        worker.seceded += 1 if away else -1
        if away and worker.solo == row:
            # It may wait for tasks that nobody else can run, also where it was to run alone.
            worker.solo = -1


def current(state: Scheduler, number: int) -> bool:
    """Whether a number is that of a known task."""
    row = number & MASK
    numbers = state.table.numbers
    return row < len(numbers) and numbers[row] == number and bool(state.table.states[row])


def on_transfers(
    state: Scheduler, worker: Worker, transfers: Sequence[tuple[int, int, float]], now: float
) -> None:
    """What fetches took: large ones say what the bandwidth is."""
    workers = state.workers
    told = [
        (workers[peer].address if peer in workers else "", size, seconds)
        for peer, size, seconds in transfers
    ]
    state.observed.flows.add((now, worker.address, told))
    for _, size, seconds in transfers:
        if size > 100_000 and seconds > 0:
            state.bandwidth += 0.1 * (size / seconds - state.bandwidth)
