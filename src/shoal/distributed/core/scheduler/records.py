"""What the scheduler knows of workers, clients, functions and kinds of tasks: an object each.

There are few of them, so objects are fine; a task has none (`table`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shoal.distributed.core.session import Session
from shoal.distributed.protocol import Answer, Finished, Register

__all__ = ["Code", "Computation", "Party", "Prefix", "References", "Worker"]


class Party:
    """A connection.

    Parameters
    ----------
    party
        Its number.
    role
        ``"client"``, ``"worker"`` or ``"nanny"``.
    now
        When it began.

    Examples
    --------
    >>> Party(1, "client", 0.0).is_known
    False
    """

    __slots__ = (
        "client",
        "is_known",
        "nanny_id",
        "nanny_of",
        "party",
        "role",
        "since",
        "topics",
        "waiters",
        "worker",
    )

    def __init__(self, party: int, role: str, now: float) -> None:
        self.party = party
        self.role = role
        self.since = now
        self.worker: Worker | None = None
        self.client: Client | None = None
        self.is_known = False
        """It has introduced itself."""
        self.topics: dict[str, None] = {}
        self.waiters: list[Any] = []
        """Its calls that have not been answered."""
        self.nanny_of = ""
        """The worker that it looks after."""
        self.nanny_id = ""
        """Which nanny it is, of those that look after workers of that name."""


WEIGHTS = [1 - 0.8**count for count in range(100)]
"""How much the newest runs count, by how many they are: one of them a fifth."""


class Prefix:
    """Tasks of one kind: what a run takes and makes, as measured.

    Parameters
    ----------
    name
        Of the kind.
    seconds, nbytes
        First guesses.

    Examples
    --------
    >>> Prefix("inc", 0.5, 1000).ended
    0
    """

    __slots__ = (
        "ended",
        "ended_before",
        "epoch",
        "erred",
        "erred_before",
        "name",
        "nbytes",
        "peak",
        "seconds",
        "total",
    )

    def __init__(self, name: str, seconds: float, nbytes: int) -> None:
        self.name = name
        self.seconds = seconds
        """How long a run takes, lately."""
        self.nbytes = nbytes
        """How large a result is, lately."""
        self.ended = 0
        self.erred = 0
        self.total = 0.0
        """Seconds of all runs that ended well."""
        self.peak = 0
        """Bytes of memory that a run took at most, where it was measured."""
        self.epoch = 0
        self.ended_before = 0
        self.erred_before = 0
        """Of the ended and erred ones, those before this epoch: what people see begins there."""

    def begin(self, epoch: int) -> None:
        """Tasks of this kind come for the first time since the scheduler had none."""
        self.epoch = epoch
        self.ended_before, self.erred_before = self.ended, self.erred

    def learn(self, count: int, seconds: float, nbytes: int) -> None:
        """So many runs have ended well, and took and made so much in all.

        The newest runs count most: one of them a fifth.  The first sets the values.
        """
        if not self.ended:
            self.seconds, self.nbytes = seconds / count, nbytes // count
        else:
            weight = WEIGHTS[count] if count < len(WEIGHTS) else 1.0
            self.seconds += weight * (seconds / count - self.seconds)
            self.nbytes += int(weight * (nbytes / count - self.nbytes))
        self.ended += count
        self.total += seconds


class Code:
    """A function.

    Parameters
    ----------
    number
        By which workers know it.
    digest, data
        As in `shoal.distributed.protocol.Code`.

    Examples
    --------
    >>> Code(0, b"", b"").uses
    0
    """

    __slots__ = ("data", "digest", "is_shared", "kind", "number", "uses", "workers")

    def __init__(self, number: int, digest: bytes, data: bytes) -> None:
        self.number = number
        self.digest = digest
        self.data = data
        self.uses = 0
        """How many rows need it."""
        self.kind: Prefix | None = None
        """Of the first task that called it."""
        self.is_shared = False
        """Tasks of other kinds call it, too."""
        self.workers: dict[int, None] = {}
        """Who has it."""


class Computation:
    """The time from the first task that came to a scheduler without any to the last that went.

    Parameters
    ----------
    epoch
        Its number.
    since
        Reports of runs that there had been before.
    codes
        Where in programs its graphs came from: functions, from the outermost to the innermost.

    Examples
    --------
    >>> Computation(1, 0, []).codes
    []
    """

    __slots__ = ("codes", "epoch", "since")

    def __init__(self, epoch: int, since: int, codes: list[list[dict[str, Any]]]) -> None:
        self.epoch = epoch
        self.since = since
        self.codes = codes


class References:
    """What is kept as long as some rows are known that hold it.

    Parameters
    ----------
    keys
        What is kept.
    holders
        How many rows hold it.

    Examples
    --------
    >>> References(frozenset(["x"]), 1).holders
    1
    """

    __slots__ = ("holders", "keys")

    def __init__(self, keys: frozenset[Any], holders: int) -> None:
        self.keys = keys
        self.holders = holders


class Client:
    """Somebody who wants results.

    Parameters
    ----------
    number
        Its number.
    name
        Its own name for itself.
    party
        Its connection; -1 for none.

    Examples
    --------
    >>> Client(0, "client-1", 3).wants
    0
    """

    __slots__ = (
        "attempt",
        "before",
        "calls",
        "given",
        "gone_since",
        "is_stranger",
        "last_tag",
        "name",
        "number",
        "party",
        "sending",
        "session",
        "since",
        "topics",
        "versions",
        "waiters",
        "wants",
    )

    def __init__(self, number: int, name: str, party: int, now: float = 0.0) -> None:
        self.number = number
        self.name = name
        self.party = party
        self.since = now
        self.versions: dict[str, str] = {}
        self.wants = 0
        """How many rows."""
        self.last_tag = 0
        """The next rank that a task of its gets, at least."""
        self.gone_since = -1.0
        self.sending: list[Any] = []
        """Messages of this drain; the last `Finished` or `Lost` still grows."""
        self.session = Session()
        self.given: list[tuple[int, Sequence[Any]]] = []
        """Keys that it heard it was given, and by which answers, before it said what it says again
        over this connection."""
        self.before: dict[int, Answer] = {}
        """By number, answers of the scheduler before this one that it may not have heard."""
        self.is_stranger = False
        """Others knew what of its calls was done, and it has not said all again yet."""
        self.attempt = 0
        """Which of its connections this is, by its own count."""
        self.topics: dict[str, None] = {}
        self.waiters: list[Any] = []
        """As of a `Party`; they outlive the connection."""

    def finished(self) -> Finished:
        """The message to which finished tasks are added."""
        if self.sending and type(self.sending[-1]) is Finished:
            last: Finished = self.sending[-1]
            return last
        message = Finished([], [], [], [], [], [], [])
        self.sending.append(message)
        return message


class Worker:
    """Somebody who runs tasks.

    Parameters
    ----------
    number
        Its number, never used again.
    party
        Its connection.
    told
        What it said of itself.
    now
        When.

    Examples
    --------
    >>> from shoal.distributed.protocol import Register
    >>> worker = Worker(0, 1, Register("a", "inproc://a", 2, 0, {}, {}, "host", 1), 0.0)
    >>> worker.threads, worker.status
    (2, 'running')
    """

    __slots__ = (
        "address",
        "ahead_s",
        "backlog",
        "batch",
        "blocked",
        "closes",
        "codes",
        "copies",
        "drop_codes",
        "drops",
        "free",
        "gives",
        "heard",
        "held",
        "host",
        "limit",
        "metrics",
        "moving",
        "name",
        "nanny",
        "nbytes",
        "number",
        "occupancy",
        "party",
        "peers",
        "pid",
        "queue",
        "queued",
        "resources",
        "returns",
        "seceded",
        "seeking",
        "sent",
        "since",
        "solo",
        "status",
        "stops",
        "threads",
        "told",
        "wanted_back",
        "zombies",
    )

    def __init__(self, number: int, party: int, told: Register, now: float) -> None:
        self.number = number
        self.party = party
        self.told = told
        self.name = told.name
        self.address = told.address
        self.host = told.host
        self.pid = told.pid
        self.nanny = told.nanny
        self.threads = max(1, told.nthreads)
        self.limit = told.memory_limit
        self.resources = dict(told.resources)
        self.free = dict(told.resources)
        """Resources that no run has taken."""
        self.status = "running"
        self.since = now
        self.heard = now
        self.metrics: dict[str, Any] = {}

        self.queue: list[int] = []
        """Heap of priorities of the READY tasks that are to run here; some entries are stale."""
        self.queued = 0
        self.backlog = 0.0
        """Seconds of what is queued."""
        self.blocked: list[int] = []
        """Priorities of READY tasks for which resources lack now."""
        self.sent: dict[int, float] = {}
        """Rows given to it, and when."""
        self.seceded = 0
        """How many of these take no slot."""
        self.solo = -1
        """The row that runs here with nothing beside it."""
        self.zombies: dict[int, int] = {}
        """Runs that are being cancelled, and still may take a slot; their rows."""
        self.wanted_back: dict[int, None] = {}
        """Runs that it was asked to give back."""
        self.occupancy = 0.0
        """Seconds of what was sent."""
        self.ahead_s = 0.0
        """Seconds of work that each of its threads has ahead; `dispatch.adapt`."""
        self.nbytes = 0
        """Bytes of results that it holds, and is expected to hold when what was sent has ended."""
        self.held = 0
        """How many results it holds."""

        self.codes: set[int] = set()
        self.peers: set[int] = {number}
        self.batch: list[Sequence[int]] = []
        """Rows sent in this drain, ranges or others; the messages are made at its end."""
        self.seeking: list[int] = []
        """Those of them whose inputs may be elsewhere."""
        self.drops: list[int] = []
        self.drop_codes: list[int] = []
        self.gives: list[tuple[int, int]] = []
        self.stops: dict[str, list[tuple[int, int]]] = {}
        self.closes, self.returns = True, False
        """Whether it is told to go when it is retired, and whether its nanny starts it again."""
        self.moving: dict[int, int] = {}
        """Rows that are being copied elsewhere before it goes, and to which workers."""
        self.copies: list[int] = []
        """Rows that it is to fetch."""
