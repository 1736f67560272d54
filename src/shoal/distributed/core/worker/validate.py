"""What must be true of a worker between two events; for tests and simulations."""

from __future__ import annotations

from collections import Counter

from shoal.distributed.core.worker.table import (
    ASKED,
    DISK,
    GONE,
    HELD_BACK,
    IN_MEMORY,
    LOADING,
    NAMES,
    READY,
    SPILLING,
    TO_RUN,
    WAITING,
    WANTED,
    Task,
    Worker,
)

__all__ = ["validate"]


def validate(w: Worker) -> None:
    """Compare everything that is counted with what it counts.

    Parameters
    ----------
    w
        The worker, after `drain`.

    Raises
    ------
    AssertionError
        Says what does not agree.

    Examples
    --------
    >>> from shoal.distributed.core.worker.table import Settings
    >>> validate(Worker(Settings("a", "inproc://a", 1)))
    """
    rows = list(w.tasks.values())
    for id, row in w.tasks.items():
        assert row.id == id, f"row {row.id} stands at {id}"
        assert row.state != GONE, f"{id} is gone and still there"
        check_row(w, row)
    for number, row in w.numbering.rows.items():
        assert row.number == number, f"row {row.id} of number {row.number} stands at {number}"
        assert w.tasks.get(row.id) is row, f"{number} leads to a row that is gone"
    for id, row in w.tasks.items():
        assert row.number < 0 or w.numbering.rows[row.number] is row, f"{id} is not found"
    check_counts(w, rows)
    check_fetching(w, rows)


def check_row(w: Worker, row: Task) -> None:
    """One row and those that it speaks of."""
    where = f"{row.id} ({NAMES[row.state]})"
    if row.state == WAITING:
        missing = [d for d in row.deps if w.tasks[d].state not in IN_MEMORY]
        assert row.missing == len(missing) > 0, f"{where}: {row.missing} missing, {missing}"
        for dep in missing:
            assert row.id in (w.tasks[dep].dependents or ()), f"{where}: {dep} does not know"
    if row.state in (READY, HELD_BACK):
        for dep in row.deps:
            assert w.tasks[dep].state in IN_MEMORY, f"{where}: input {dep} is not here"
    for id in row.dependents or ():
        assert w.tasks[id].state == WAITING, f"{where}: {id} does not wait"
        assert row.id in w.tasks[id].deps, f"{where}: {id} does not need it"
    if row.doomed:
        assert row.users, f"{where}: nobody needs it and it is still here"


def check_counts(w: Worker, rows: list[Task]) -> None:
    """Sums over all rows."""
    users = Counter(dep for row in rows if row.state in TO_RUN for dep in row.deps)
    for row in rows:
        assert row.users == users[row.id], f"{row.id}: {row.users} users, {users[row.id]} counted"
    assert w.managed == sum(r.nbytes for r in rows if r.state in IN_MEMORY)
    assert w.spilled == sum(r.nbytes for r in rows if r.state in (DISK, LOADING))
    assert w.spilling == sum(r.nbytes for r in rows if r.state == SPILLING)
    assert w.loading == sum(r.nbytes for r in rows if r.state == LOADING)
    assert w.active == sum(r.state == READY for r in rows), (w.active, "active")
    for id in w.spillable:
        assert w.tasks[id].state in IN_MEMORY, f"{id} is spillable and not in memory"
    taken = Counter[str]()
    for row in rows:
        if row.state not in (WAITING, HELD_BACK) and row.state in TO_RUN and row.options:
            taken.update(row.options.resources or {})
    for name, amount in w.settings.resources.items():
        assert abs(w.free_resources[name] + taken[name] - amount) < 1e-9, name


def check_fetching(w: Worker, rows: list[Task]) -> None:
    """Requests and what they are for."""
    heap = {id for _, id in w.wanted}
    asked = {id for request in w.requests.values() for id in request.ids}
    for row in rows:
        if row.state == WANTED:
            assert row.id in heap, f"{row.id} is wanted and in no queue"
        if row.state == ASKED:
            assert row.id in asked, f"{row.id} was asked for in no request"
        if row.state in (WANTED, ASKED):
            assert row.users or row.keep, f"{row.id} is wanted by nobody"
        if row.state == DISK and row.users:
            assert row.id in {id for _, id in w.to_load}, f"{row.id} is needed and not loaded"
    assert w.asked_bytes == sum(request.nbytes for request in w.requests.values())
    for number, peer in w.numbering.peers.items():
        own = [request for request in w.requests.values() if request.peer == number]
        assert peer.requests == len(own), f"peer {number}: {peer.requests}, not {len(own)}"
        assert peer.nbytes == sum(request.nbytes for request in own)
