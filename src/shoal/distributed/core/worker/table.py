"""The states of a task on a worker, which may follow which, and the table of all of them.

A task that was given to the worker waits for its inputs, is handed to the threads, and becomes a
result.  A result is in memory, on disk, or on its way between them; or it is wanted from another
worker::

        Run                                   Fetch, or an input of a task
         |                                          |
      WAITING --inputs here--> HELD_BACK          WANTED <--not there-- ASKED
         |     (resources)       |                  |  `--a stream is free--^|
         |                       v                  |                        |
         `-------------------> READY --ended--> MEMORY <------Data-----------'
                                 |                ^|  ^
                               LONG --ended-------'|  `------failed--------.
                            (gave up its slot)     `--Spill--> SPILLING ---+--> DISK
                                                   ^                             |
                                                   `---------- LOADING <--needed-'

A task may leave the table from every state; it is then forgotten, and what still
arrives for it is dropped.  READY means that the shell has it: whether a thread has begun it is the
shell's to know.

There is one row a task and no other object: rows are structs of integers that the garbage collector
does not look at.

A row has two names.  Its ``id`` is the worker's own, given once in the life of the process and
never again: values, files, threads and requests go by it.  Its ``number`` is the scheduler's, and
means something only on one connection to it: a scheduler that was restarted begins again.  All that
goes by a scheduler's numbers stands in `Numbering`, of which every connection has a new one
(docs/adr/0013).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from shoal.distributed.protocol import Key, Options

__all__ = [
    "NAMES",
    "PART",
    "TRANSITIONS",
    "WHOLE",
    "Code",
    "Numbering",
    "PeerState",
    "Request",
    "Settings",
    "Task",
    "Worker",
    "part_number",
    "part_of_number",
]

(
    WAITING,
    HELD_BACK,
    READY,
    LONG,
    WANTED,
    ASKED,
    MEMORY,
    SPILLING,
    DISK,
    LOADING,
    GONE,
) = range(11)

NAMES = (
    "waiting",
    "held back",
    "ready",
    "long",
    "wanted",
    "asked",
    "memory",
    "spilling",
    "disk",
    "loading",
    "gone",
)
"""What the states are called, by number."""

TRANSITIONS: dict[int, tuple[int, ...]] = {
    WAITING: (HELD_BACK, READY, GONE),
    HELD_BACK: (READY, GONE),
    READY: (LONG, MEMORY, GONE),
    LONG: (READY, MEMORY, GONE),
    WANTED: (ASKED, MEMORY, GONE),
    ASKED: (WANTED, MEMORY, GONE),
    MEMORY: (SPILLING, GONE),
    SPILLING: (MEMORY, DISK, GONE),
    DISK: (LOADING, GONE),
    LOADING: (MEMORY, DISK, GONE),
    GONE: (),
}
"""Which states may follow which; the diagram above, as data."""

IN_MEMORY = frozenset([MEMORY, SPILLING])
"""States of a result that a task can be given."""

HELD = frozenset([MEMORY, SPILLING, DISK, LOADING])
"""States of a result that others can be given."""

TO_RUN = frozenset([WAITING, HELD_BACK, READY, LONG])
"""States of a task that has not ended."""


WHOLE = (1 << 64) - 1
"""What of a number says which result; above it stands the part, for rows that are a part of one."""

PART = 1 << 62
"""From here on are the ids of rows that are a part of a result that is elsewhere."""


def part_number(id: int, part: int) -> int:
    """What the row of a part is called that came from another worker.

    Such a row is an input like others, under a number that the scheduler never hears of.  It goes
    with the last task here that reads it.

    Parameters
    ----------
    id
        Of the result.
    part
        Of it; -1: all.

    Examples
    --------
    >>> part_number(5, -1), part_number(5, 0) & WHOLE, part_of_number(part_number(5, 0))
    (5, 5, 0)
    """
    return (part + 1) << 64 | id


def part_of_number(number: int) -> int:
    """Which part a row is; -1: it is a whole result.

    Parameters
    ----------
    number
        Of the row.

    Examples
    --------
    >>> part_of_number(part_number(5, 3)), part_of_number(5)
    (3, -1)
    """
    return (number >> 64) - 1


class Code(msgspec.Struct, eq=False):
    """A function that tasks call; a task has the function itself, and not a number of it.

    Parameters
    ----------
    digest, data
        As in `Run`.
    ready
        The shell's: the function, once it has been unpickled, and the arguments that come with it.

    Examples
    --------
    >>> Code(b"digest", b"data").ready is None
    True
    """

    digest: bytes
    data: bytes
    ready: tuple[Any, Any] | None = None

    def __repr__(self) -> str:
        return f"Code({self.digest.hex()})"


class Task(msgspec.Struct, gc=False):
    """A row of the table.

    Parameters
    ----------
    id
        The worker's own, never given again.
    number, run
        The scheduler's; -1: it knows of no such task.
    code
        What it calls; None: it is data.
    deps
        Ids of its inputs.
    key, args, priority, inline
        As in `Run`.
    state
        One of the states of this module.
    nbytes
        Of the result: what is known or expected.
    missing
        How many inputs are not in memory.
    users
        How many tasks that have not ended need this as an input.
    options
        What the user asked for, if anything.
    trace
        Headers of the trace context in which it runs, if it was submitted in one.
    buffers
        Out-of-band buffers of the arguments.
    dependents
        Tasks that wait for this.
    holders
        Workers that have it and have not been asked in vain.
    doomed
        Dropped by the scheduler while tasks here need it: goes when the last of them ends.
    keep
        A copy that the scheduler asked for, not an input.
    deadline
        When a run that has begun must have ended; 0 for never.
    failures
        How often fetching it has failed.
    part
        Of each input that is in parts, the one that it reads; -1: it reads them whole.

    Examples
    --------
    >>> Task(1, 7, 1, "x", None, b"", (), 0, False, READY).state == READY
    True
    """

    id: int
    number: int
    run: int
    key: Key
    code: Code | None
    args: bytes
    deps: tuple[int, ...]
    priority: int
    inline: bool
    state: int
    nbytes: int = 0
    missing: int = 0
    users: int = 0
    options: Options | None = None
    trace: dict[str, str] | None = None
    buffers: tuple[Any, ...] = ()
    dependents: list[int] | None = None
    holders: list[int] | None = None
    doomed: bool = False
    keep: bool = False
    deadline: float = 0.0
    failures: int = 0
    part: int = -1


class PeerState(msgspec.Struct):
    """Another worker, from which results may be fetched.

    Parameters
    ----------
    number, address, name
        As the scheduler says.
    party
        The connection to it, or 0.
    dialing
        A connection is being made.
    requests
        How many are not answered.
    nbytes
        How much they will bring.
    planned
        How much the request will bring that is being put together.
    rest_until
        It was busy: do not ask before.

    Examples
    --------
    >>> PeerState(2, "tcp://127.0.0.1:5000", "b").party
    0
    """

    number: int
    address: str
    name: str
    party: int = 0
    dialing: bool = False
    requests: int = 0
    nbytes: int = 0
    planned: int = 0
    rest_until: float = 0.0


class Request(msgspec.Struct):
    """A `Get` that has not been answered.

    Parameters
    ----------
    peer
        The worker asked.
    ids, nbytes
        For which rows, and how much it is.
    begun
        When.
    deadline
        After this the worker is taken for lost.

    Examples
    --------
    >>> Request(2, [1], 100, 0.0, 5.0).ids
    [1]
    """

    peer: int
    ids: list[int]
    nbytes: int
    begun: float
    deadline: float


@dataclass(frozen=True)
class Settings:
    """The numbers that a worker goes by; the shell makes them from the configuration.

    Parameters
    ----------
    name, address, nthreads, memory_limit, resources, versions, host, pid, nanny
        As in `Register`.
    target, spill, pause
        Fractions of the memory limit: above ``target`` of results, above ``spill`` of the whole
        process results go to disk; above ``pause`` of the process no task begins.  0 for never.
    beat_s
        A sign of life as often.
    leave_s
        Without a scheduler for as long, the worker ends.
    streams, streams_a_peer
        Requests on the way at once, in all and to one worker.
    request_bytes
        One request asks for no more, unless for a single result.
    fetch_bytes
        All requests on the way bring no more, unless there is only one.
    serve_streams, serve_bytes
        Requests of others served at once; and how much they may take, unless there is only one.
    spillable_bytes
        Smaller results stay in memory.
    silence_s, slowest_bytes_a_s
        A worker that was asked for ``n`` bytes is lost when nothing has come after
        ``silence_s + n / slowest_bytes_a_s``.

    Examples
    --------
    >>> Settings("a", "inproc://a", 1).target
    0.6
    """

    name: str
    address: str
    nthreads: int
    memory_limit: int = 0
    resources: dict[str, float] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    host: str = ""
    pid: int = 0
    nanny: str = ""
    target: float = 0.6
    spill: float = 0.7
    pause: float = 0.8
    beat_s: float = 0.5
    leave_s: float = 60.0
    streams: int = 32
    streams_a_peer: int = 2
    request_bytes: int = 64 << 20
    fetch_bytes: int = 512 << 20
    serve_streams: int = 64
    serve_bytes: int = 512 << 20
    spillable_bytes: int = 16 << 10
    silence_s: float = 5.0
    slowest_bytes_a_s: float = 1e6


class Columns:
    """What the next `Report` says; see `report`.

    Of tasks that were here it has the rows: what number they have is looked up when it is sent.
    """

    __slots__ = (
        "added",
        "ended",
        "failed",
        "gone",
        "missing",
        "peaks",
        "rejoined",
        "returned",
        "seceded",
        "transfers",
        "tried",
        "unreached",
    )

    def __init__(self) -> None:
        self.ended: list[Any] = []
        self.failed: list[tuple[Task, str, bytes, float]] = []
        self.returned: list[Task] = []
        self.added: list[tuple[Task, int]] = []
        self.missing: list[tuple[int, int]] = []
        self.gone: list[tuple[int, str]] = []
        self.transfers: list[tuple[int, int, float]] = []
        self.tried: list[tuple[Task, float, float]] = []
        self.seceded: list[Task] = []
        self.rejoined: list[Task] = []
        self.peaks: list[tuple[Task, int]] = []
        self.unreached: list[int] = []


class Numbering:
    """What the numbers mean that are spoken over one connection to a scheduler.

    The next connection begins with another one, that knows nothing: there is no way for a number to
    be taken for what it meant before.

    Examples
    --------
    >>> Numbering().rows
    {}
    """

    def __init__(self) -> None:
        self.scheduler = ""
        """Identity of the scheduler whose numbers these are; empty until it has said all of what it
        is to say first.  Others that speak of results name it: their numbers may be another's."""
        self.number = -1
        """The worker's own."""
        self.rows: dict[int, Task] = {}
        """Tasks and results; parts by `part_number`."""
        self.codes: dict[int, Code | None] = {-1: None}
        """Functions; -1 is that of data."""
        self.code_numbers: dict[Code | None, int] = {None: -1}
        """The same the other way round."""
        self.peers: dict[int, PeerState] = {}
        """Other workers."""
        self.columns = Columns()


class Worker:
    """Everything that a worker knows.

    Parameters
    ----------
    settings
        Its numbers.

    Examples
    --------
    >>> Worker(Settings("a", "inproc://a", 1)).tasks
    {}
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.tasks: dict[int, Task] = {}
        """By id."""
        self.last_id = 0

        # The scheduler.
        self.scheduler = 0
        """The connection to it; 0 while there is none."""
        self.numbering = Numbering()
        self.before: tuple[str, dict[int, int]] = ("", {})
        """The last scheduler whose numbers the tasks had, and these by id."""
        self.listed: tuple[list[Task], list[Task]] | None = None
        """What the scheduler was told is held and runs, until it has said what stays."""
        self.scheduler_id = ""
        """Identity of the scheduler."""
        self.lost_at: float | None = None
        self.attempts = 0
        self.next_beat = 0.0
        self.closing = ""
        """Why the worker is on its way out; empty while it is not."""

        # Other parties.
        self.roles: dict[int, str] = {}
        self.peer_of: dict[int, int] = {}
        """Connections that this worker made, to the number of the worker there."""

        # Fetching.
        self.wanted: list[tuple[int, int]] = []
        """A heap of (priority, id); what is no longer `WANTED` is skipped."""
        self.requests: dict[int, Request] = {}
        self.last_request = 0
        self.asked_bytes = 0
        self.serving = 0
        self.serving_bytes = 0

        # Running.
        self.ready: list[Task] = []
        """To be handed to the threads by the next drain."""
        self.active = 0
        """How many the shell has."""
        self.free_resources = dict(settings.resources)
        self.held_back: list[tuple[int, int]] = []
        self.timed: dict[int, float] = {}

        # Memory, in bytes.
        self.managed = 0
        self.spilled = 0
        self.filed = 0
        """Bytes that results in parts have in files of their own."""
        self.spilling = 0
        self.loading = 0
        self.process = 0
        """Of the whole process, when it was last looked at; ``managed_then``: of results, then."""
        self.managed_then = 0
        self.cpu = 0.0
        self.vitals: dict[str, Any] = {}
        """More that the shell knows of the process, to be told with the next sign of life."""
        self.executing = 0
        self.paused = False
        self.floor = 0
        """The process has to be as small before the next task may begin; 0: it need not."""
        self.disk_full_until = 0.0
        self.spillable: dict[int, None] = {}
        """Results in memory that are worth spilling, least recently used first."""
        self.to_load: list[tuple[int, int]] = []
        """A heap of (priority, id) of results on disk that tasks wait for."""

        self.effects: list[Any] = []
        self.free: list[int] = []
