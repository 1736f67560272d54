"""The scheduler's state as objects, for plugins and for functions that run on the scheduler.

The state is columns (`shoal.distributed.core.scheduler`), which nobody outside should have to
know.  A view is an object of the names that users of Dask's ``Scheduler`` know, made when it is
asked for; it holds nothing, and says what is so when it is read.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from shoal.distributed.core.scheduler import Scheduler as State
from shoal.distributed.core.scheduler.methods.describe import describe_worker
from shoal.distributed.core.scheduler.names import find, key_of
from shoal.distributed.core.scheduler.records import Client, Worker
from shoal.distributed.core.scheduler.state import clients_of, holders
from shoal.distributed.core.scheduler.table import MASK
from shoal.distributed.core.scheduler.transitions import (
    ERRED,
    FORGOTTEN,
    MEMORY,
    PUT,
    READY,
    RELEASED,
    SENT,
    WAITING,
)
from shoal.distributed.core.status import Status
from shoal.distributed.net import parse

__all__ = ["Clients", "Overview", "Tasks", "Workers", "public_state"]

PUBLIC = {
    FORGOTTEN: "forgotten",
    RELEASED: "released",
    WAITING: "waiting",
    READY: "queued",
    SENT: "processing",
    MEMORY: "memory",
    ERRED: "erred",
    PUT: "waiting",
}
"""What users call the states."""


def public_state(state: State, row: int) -> str:
    """What users call the state of a row: ``"no-worker"`` where nobody there may run it.

    Parameters
    ----------
    state
        The scheduler's.
    row
        Of the task.

    Examples
    --------
    >>> state = State()
    >>> public_state(state, state.table.allocate(1)[0])
    'forgotten'
    """
    now = state.table.states[row]
    if now == READY and (row in state.unplaced or not _any_runs(state)):
        return "no-worker"
    return PUBLIC[now]


def _any_runs(state: State) -> bool:
    return any(worker.status == "running" for worker in state.workers.values())


class View:
    """Something that the scheduler knows, by its number.

    Parameters
    ----------
    state
        The scheduler's.
    number
        Never used again for another one.

    Examples
    --------
    >>> View(State(), 0) == View(State(), 0), View(State(), 0) == View(State(), 1)
    (True, False)
    """

    __slots__ = ("_number", "_state")

    def __init__(self, state: State, number: int) -> None:
        self._state = state
        self._number = number

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._number == other._number

    def __hash__(self) -> int:
        return self._number

    def __reduce__(self) -> Any:
        raise TypeError(
            f"{type(self).__name__} shows what the scheduler knows and cannot leave its process; "
            "send a key or an address instead"
        )


class TaskView(View):
    """A task.

    Parameters
    ----------
    state
        The scheduler's.
    number
        Of the task.

    Examples
    --------
    >>> TaskView(State(), 0)
    <Task forgotten>
    """

    __slots__ = ()

    def _row(self) -> int:
        """Its row; -1 when it was forgotten."""
        row, table = self._number & MASK, self._state.table
        there = row < len(table.numbers) and table.numbers[row] == self._number
        return row if there and table.states[row] else -1

    def _known(self) -> int:
        row = self._row()
        if row < 0:
            raise KeyError("the scheduler has forgotten this task: nobody needs it any more")
        return row

    def _tasks(self, numbers: Any) -> set[TaskView]:
        views = {TaskView(self._state, number) for number in numbers}
        return {view for view in views if view._row() >= 0}

    @property
    def key(self) -> Any:
        """Its key."""
        return key_of(self._state.table, self._known())

    @property
    def state(self) -> str:
        """Such as ``"waiting"``, ``"queued"``, ``"processing"``, ``"memory"``, ``"erred"``."""
        row = self._row()
        return "forgotten" if row < 0 else public_state(self._state, row)

    @property
    def prefix(self) -> Any:
        """What is known of tasks of its kind; its ``name``."""
        return self._state.table.prefixes[self._known()]

    @property
    def nbytes(self) -> int:
        """Size of the result in bytes; -1 while there is none."""
        row = self._known()
        return self._state.table.nbytes[row] if self._state.table.states[row] == MEMORY else -1

    @property
    def type(self) -> str:
        """Name of the result's type; empty while there is none."""
        return self._state.table.types[self._known()]

    @property
    def priority(self) -> int:
        """Lower runs first."""
        return self._state.table.priorities[self._known()]

    @property
    def dependencies(self) -> set[TaskView]:
        """The tasks whose results it needs."""
        return self._tasks(self._state.table.deps[self._known()])

    @property
    def dependents(self) -> set[TaskView]:
        """The tasks that need its result."""
        found = self._state.table.dependents[self._known()]
        return self._tasks([] if found is None else [found] if isinstance(found, int) else found)

    @property
    def who_has(self) -> set[WorkerView]:
        """The workers that hold its result."""
        row = self._known()
        if self._state.table.states[row] != MEMORY:
            return set()
        return {WorkerView(self._state, number) for number in holders(self._state, row)}

    @property
    def processing_on(self) -> WorkerView | None:
        """The worker that it was given to."""
        row = self._known()
        if self._state.table.states[row] != SENT:
            return None
        return WorkerView(self._state, self._state.table.place[row])

    @property
    def who_wants(self) -> set[ClientView]:
        """The clients that have futures of it."""
        row = self._known()
        return {ClientView(self._state, client.number) for client in clients_of(self._state, row)}

    @property
    def has_lost_dependencies(self) -> bool:
        """Whether an input has no result now."""
        return any(task.state != "memory" for task in self.dependencies)

    def __repr__(self) -> str:
        return f"<Task {self.key!r} {self.state}>" if self._row() >= 0 else "<Task forgotten>"


class Tasks(Mapping[Any, TaskView]):
    """The tasks that a scheduler knows, by key.

    Parameters
    ----------
    state
        The scheduler's.

    Examples
    --------
    >>> len(Tasks(State())), "x" in Tasks(State())
    (0, False)
    """

    def __init__(self, state: State) -> None:
        self._state = state

    def __getitem__(self, key: Any) -> TaskView:
        row = find(self._state.names, key)
        if row < 0:
            raise KeyError(key)
        return TaskView(self._state, self._state.table.numbers[row])

    def __contains__(self, key: object) -> bool:
        return find(self._state.names, key) >= 0  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[Any]:
        table = self._state.table
        return iter([key_of(table, row) for row, now in enumerate(bytes(table.states)) if now])

    def __len__(self) -> int:
        return len(self._state.table)

    def unrunnable(self) -> set[TaskView]:
        """Those that are ready and that no worker there may run."""
        table = self._state.table
        rows = [row for row, now in enumerate(bytes(table.states)) if now == READY]
        return {
            TaskView(self._state, table.numbers[row])
            for row in rows
            if public_state(self._state, row) == "no-worker"
        }


class WorkerView(View):
    """A worker; what is not named here is as in `Client.scheduler_info`.

    Parameters
    ----------
    state
        The scheduler's.
    number
        Of the worker.

    Examples
    --------
    >>> WorkerView(State(), 0)
    <Worker that is gone>
    """

    __slots__ = ()

    def _worker(self) -> Worker:
        worker = self._state.workers.get(self._number)
        if worker is None:
            raise KeyError("the scheduler does not know this worker any more")
        return worker

    @property
    def status(self) -> Status:
        """Whether it takes work."""
        worker = self._state.workers.get(self._number)
        said = "closed" if worker is None else worker.status
        return Status(STATUS.get(said, said))

    @property
    def processing(self) -> dict[TaskView, float]:
        """What it was given and has not finished, and how long that should take, in seconds."""
        table = self._state.table
        return {
            TaskView(self._state, table.numbers[row]): table.costs[row]
            for row in list(self._worker().sent)
        }

    @property
    def has_what(self) -> set[TaskView]:
        """The tasks whose results it holds."""
        table, number = self._state.table, self._number
        rows = [row for row, now in enumerate(bytes(table.states)) if now == MEMORY]
        return {
            TaskView(self._state, table.numbers[row])
            for row in rows
            if number in holders(self._state, row)
        }

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        described = describe_worker(self._worker())
        if name not in described:
            raise AttributeError(f"a worker has no {name!r}; it has {sorted(described)}")
        return described[name]

    def __repr__(self) -> str:
        worker = self._state.workers.get(self._number)
        if worker is None:
            return "<Worker that is gone>"
        return f"<Worker {worker.address!r}, name: {worker.name}, status: {self.status.name}>"


STATUS = {
    "dying": "closing",
    "retiring": "closing_gracefully",
    "retired": "closing_gracefully",
    "gone": "closed",
}
"""What users call the states of workers, where these have other names."""


class Workers(Mapping[str, WorkerView]):
    """The workers that a scheduler knows, by address.

    Parameters
    ----------
    state
        The scheduler's.

    Examples
    --------
    >>> list(Workers(State()))
    []
    """

    def __init__(self, state: State) -> None:
        self._state = state

    def __getitem__(self, address: str) -> WorkerView:
        for number, worker in list(self._state.workers.items()):
            if address in (worker.address, worker.name):
                return WorkerView(self._state, number)
        raise KeyError(address)

    def __iter__(self) -> Iterator[str]:
        return iter([worker.address for worker in list(self._state.workers.values())])

    def __len__(self) -> int:
        return len(self._state.workers)


class ClientView(View):
    """A client.

    Parameters
    ----------
    state
        The scheduler's.
    number
        Of the client.

    Examples
    --------
    >>> ClientView(State(), 0) == ClientView(State(), 0)
    True
    """

    __slots__ = ()

    def _client(self) -> Client:
        return self._state.clients[self._number]

    @property
    def client_key(self) -> str:
        """Its identity."""
        return self._client().name

    @property
    def versions(self) -> dict[str, str]:
        """What it said of itself."""
        return dict(self._client().versions)

    @property
    def wants_what(self) -> set[TaskView]:
        """The tasks that it has futures of."""
        table, client = self._state.table, self._client()
        return {
            TaskView(self._state, table.numbers[row])
            for row, now in enumerate(bytes(table.states))
            if now and client in clients_of(self._state, row)
        }


class Clients(Mapping[str, ClientView]):
    """The clients that a scheduler knows, by identity.

    Parameters
    ----------
    state
        The scheduler's.

    Examples
    --------
    >>> len(Clients(State()))
    0
    """

    def __init__(self, state: State) -> None:
        self._state = state

    def __getitem__(self, name: str) -> ClientView:
        return ClientView(self._state, self._state.by_name[name].number)

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._state.by_name))

    def __len__(self) -> int:
        return len(self._state.by_name)


@dataclass(frozen=True)
class SourceCode:
    """A function of a program that called into shoal.

    Parameters
    ----------
    code
        Its text.
    filename, lineno_frame
        Where it stands.
    lineno_relative
        The line of the call, within it.

    Examples
    --------
    >>> SourceCode("def f(): ...", "a.py", 7, 0).filename
    'a.py'
    """

    code: str
    filename: str
    lineno_frame: int
    lineno_relative: int


@dataclass(frozen=True)
class ComputationView:
    """The work from the first task that came to an idle scheduler to the last that went.

    Parameters
    ----------
    id
        Its number.
    code
        Where in programs its graphs came from, for each: functions, the innermost last.  Told
        where the setting ``distributed.diagnostics.computations.nframes`` says so.
    groups
        Kinds of the tasks that have run.
    start, stop
        When the first run began and the last one ended, in seconds since the epoch; -1 before.

    Examples
    --------
    >>> ComputationView(1, (), frozenset(), -1.0, -1.0).code
    ()
    """

    id: int
    code: tuple[tuple[SourceCode, ...], ...]
    groups: frozenset[str]
    start: float
    stop: float


def computation_views(state: State) -> list[ComputationView]:
    """The last computations of a scheduler, the oldest first.

    Parameters
    ----------
    state
        The scheduler's.

    Examples
    --------
    >>> computation_views(State())
    []
    """
    known = list(state.computations)
    ends = [*(later.since for later in known[1:]), state.stream.count]
    views = []
    for one, end in zip(known, ends):  # there is no end where there is no computation
        reports = state.stream.since(one.since)
        columns = [part for _, part in reports[: max(0, len(reports) - (state.stream.count - end))]]
        runs = [run for part in columns for run in zip(*part[1:4], strict=True)]
        code = tuple(tuple(SourceCode(**said) for said in frames) for frames in one.codes)
        kinds = frozenset(kind for kind, *_ in runs)
        start = min((begin for _, begin, _ in runs), default=-1.0)
        stop = max((begin + seconds for _, begin, seconds in runs), default=-1.0)
        views.append(ComputationView(one.epoch, code, kinds, start, stop))
    return views


class Overview:
    """What users may ask a scheduler, in its own process.

    Examples
    --------
    >>> class Example(Overview):
    ...     state = State()
    >>> len(Example().tasks), len(Example().workers)
    (0, 0)
    """

    state: State

    @property
    def address(self) -> str:
        """Where other processes connect."""
        raise NotImplementedError

    @property
    def ip(self) -> str:
        """The host in `address`."""
        return parse(self.address).host

    @property
    def port(self) -> int:
        """The port in `address`."""
        return parse(self.address).port

    @property
    def tasks(self) -> Tasks:
        """The tasks, by key."""
        return Tasks(self.state)

    @property
    def workers(self) -> Workers:
        """The workers, by address."""
        return Workers(self.state)

    @property
    def clients(self) -> Clients:
        """The clients, by identity."""
        return Clients(self.state)

    @property
    def computations(self) -> list[ComputationView]:
        """The last times that it had tasks, the oldest first."""
        return computation_views(self.state)

    @property
    def unrunnable(self) -> set[TaskView]:
        """The tasks that are ready and that no worker there may run."""
        return self.tasks.unrunnable()

    @property
    def total_nthreads(self) -> int:
        """Tasks that all workers can run at once."""
        return sum(worker.threads for worker in list(self.state.workers.values()))

    @property
    def events(self) -> dict[str, list[tuple[float, Any]]]:
        """The recorded events, by topic, with times in seconds since the epoch."""
        epoch = time.time() - time.monotonic()
        kept = self.state.machines.get("events", {})
        return {t: [(when + epoch, e) for when, e in list(rows)] for t, rows in kept.items()}

    def get_events(self, topic: str | None = None) -> Any:
        """The recorded events of a topic, or all by topic.

        Parameters
        ----------
        topic
            None for all.
        """
        return self.events if topic is None else tuple(self.events.get(topic, ()))
