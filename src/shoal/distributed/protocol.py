"""Every message between client, scheduler, worker and nanny, as data.

The same structs are what travels (`shoal.distributed.wire` turns them into bytes), what the
state machines take as events, and what they return inside of effects; so a simulation, a test and
a real cluster speak one language.

Three conventions hold throughout:

- **Columns.**  A message that speaks of tasks carries parallel lists, an entry a task, because one
  message carries thousands of them.
- **Keys and numbers.**  Between client and scheduler a task is named by its key.  Between
  scheduler and worker it is a number, which the scheduler gives and never uses again.
- **Opaque bytes.**  Functions, arguments and results are bytes that the scheduler does not read.
  What is large stays out of the message: a message travels with a list of *buffers*, and
  `Frames` says which of them belong to one object.

Every assignment of a task to a worker has a number of its own, the *run*.  A report about a
run that is not the task's current one is stale and changes nothing.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

__all__ = [
    "Answer",
    "Beat",
    "Call",
    "Cancel",
    "CancelRuns",
    "Code",
    "Data",
    "Drop",
    "Fetch",
    "Finished",
    "Frames",
    "Get",
    "GiveBack",
    "Goodbye",
    "Grid",
    "Heard",
    "Hello",
    "Key",
    "Listed",
    "Locate",
    "Located",
    "Lost",
    "Message",
    "Options",
    "Peer",
    "Put",
    "Reconcile",
    "Register",
    "Release",
    "Report",
    "Reserve",
    "Reserved",
    "Retry",
    "ROW_BITS",
    "Run",
    "Stands",
    "Submit",
    "Subscribe",
    "Topic",
    "Want",
    "Welcome",
    "block_key",
    "Withdraw",
]

Key: TypeAlias = "str | tuple[str | int | float | None, ...]"
"""A task's name on the wire; other keys are turned into these by the client."""


ROW_BITS = 26
"""Bits of the number and of the priority of a task that are its row in the scheduler's table."""


class _Struct(msgspec.Struct, array_like=True, tag=True, gc=False):
    """What all messages have in common: short on the wire, tagged by the class's name."""


def block_key(name: str, shape: tuple[int, ...], flat: int) -> Key:
    """The key of a block of a layer.

    Parameters
    ----------
    name, shape
        The layer's.
    flat
        Which block, in C order.

    Examples
    --------
    >>> block_key("x", (2, 3), 4)
    ('x', 1, 1)
    """
    if len(shape) == 2:
        return (name, flat // shape[1], flat % shape[1])
    if len(shape) == 1:
        return (name, flat)
    index = []
    for size in reversed(shape):
        flat, place = divmod(flat, size)
        index.append(place)
    return (name, *reversed(index))


class Frames(_Struct):
    """One pickled object: its stream, and which of the message's buffers belong to it.

    Parameters
    ----------
    head
        The pickle stream.
    first, count
        The object's out-of-band buffers are ``buffers[first : first + count]``.

    Examples
    --------
    >>> Frames(b"head").count
    0
    """

    head: bytes
    first: int = 0
    count: int = 0


class Code(_Struct):
    """A function, perhaps with a template of arguments that many tasks share.

    Parameters
    ----------
    digest
        16 bytes that identify the content; a worker is sent each once.
    data
        Pickled ``(func, args)``, with ``args`` as a plan has them, or ``(func,)`` where each task
        brings its own.

    Examples
    --------
    >>> Code(b"0123456789abcdef", b"pickled").data
    b'pickled'
    """

    digest: bytes
    data: bytes


class Listed(_Struct):
    """Names of consecutive tasks of a `Submit`, one by one.

    Examples
    --------
    >>> Listed(["x", ("y", 0)]).keys
    ['x', ('y', 0)]
    """

    keys: list[Key]


class Grid(_Struct):
    """Names of consecutive tasks of a `Submit`: blocks of one layer.

    Parameters
    ----------
    name, shape
        Of the layer; block ``(i, j)`` has the key ``(name, i, j)``, and a layer without axes has
        the key ``name``.
    flats
        Flat indices of the blocks, in C order; None for all of them.

    Examples
    --------
    >>> Grid("x-1", (2, 3)).flats is None
    True
    """

    name: str
    shape: tuple[int, ...]
    flats: list[int] | None = None


class Options(_Struct):
    """What a person asked for some tasks of a `Submit`.

    Parameters
    ----------
    tasks
        Indices into the submitted tasks; None for all.
    priority
        Higher runs earlier.
    retries
        How often a task that raised is run again.
    workers
        Addresses, names or hosts of the only workers that may run it.
    allow_other_workers
        ``workers`` is a wish and no condition.
    resources
        Amounts that a run takes from the worker's.
    timeout_s
        A run that takes longer has failed.
    executor
        Name of the worker's executor that runs it.
    actor
        The result is an object that stays where it was made.
    speculative
        A second copy may be started when the first is slow: the function has no side effects.
    pinned
        Never evict or move: for data of actors.

    Examples
    --------
    >>> Options(retries=2).tasks is None
    True
    """

    tasks: list[int] | None = None
    priority: float = 0.0
    retries: int = 0
    workers: list[str] | None = None
    allow_other_workers: bool = False
    resources: dict[str, float] | None = None
    timeout_s: float | None = None
    executor: str | None = None
    actor: bool = False
    speculative: bool = False
    pinned: bool = False


# --- client to scheduler ----------------------------------------------------------------------


class Hello(_Struct):
    """A client's first message; and its first after a reconnection.

    Parameters
    ----------
    client
        Its own name, unique.
    versions
        Of Python and packages, for `Client.get_versions` and for a warning.
    scheduler
        Identity of the scheduler that it spoke with before; empty at first.
    heard
        How many of that one's answers it has taken (`shoal.distributed.core.session`).
    attempt
        Counts the client's connections: what comes over an earlier one is late, and means nothing.
    session
        From the last `Welcome` that it got: which session its counts are of.

    Examples
    --------
    >>> Hello("client-1", {"python": "3.11"}).heard
    0
    """

    client: str
    versions: dict[str, str]
    scheduler: str = ""
    heard: int = 0
    attempt: int = 0
    session: int = -1


class Heard(_Struct):
    """The sender has taken so many of the receiver's messages, since their session began.

    Of a client's, all but `Hello` and this one; of the scheduler's, its answers: `Answer`,
    `Located` and `Reserved`.

    Examples
    --------
    >>> Heard(3).count
    3
    """

    count: int


class Stands(_Struct):
    """How the tasks of a `Submit` stand that are not in the order of their names.

    Columns of the scheduler's table, so that it need not reckon them: little-endian integers.

    Parameters
    ----------
    at
        For each name, over all pieces, the task that it is the key of: int32.
    piece
        For each task the piece that its name is in: int32.
    flat
        For each task its block's flat index, where that piece is a `Grid`: int64.
    entry
        For each task its rank times 2 ** `ROW_BITS`, and the task: int64.
    codes
        For each piece the code of all its tasks; -2 where they have several.

    Examples
    --------
    >>> Stands(b"", b"", b"", b"", [0]).codes
    [0]
    """

    at: bytes
    piece: bytes
    flat: bytes
    entry: bytes
    codes: list[int]


class Submit(_Struct):
    """A graph, or tasks one by one.

    Tasks are numbered 0, 1, ... within the message; each comes after those it needs, best as
    `core.streaming` says.  A task whose key the scheduler knows already (and has not given up) is
    that task: its function is not looked at.

    Parameters
    ----------
    names
        Keys of the tasks, consecutive pieces.
    codes
        Functions.
    code
        For each task an index into ``codes``; -1: the task is data, its arguments are its value.
    args
        For each task its pickled arguments, as a plan has them; empty: those of its code, or,
        without any, the results it depends on.
    big
        ``(task, first, count)``: out-of-band buffers of a task's arguments.
    deps
        For each task the numbers of those it needs; number ``count + k`` is ``externals[k]``.
    externals
        Keys of tasks that the scheduler knows.
    order
        For each task its rank in the order in which one worker should run them.
    wanted
        Numbers of the tasks that the client wants the results of.
    options
        What was asked for some tasks; later ones win.
    parts
        ``(task, part)`` of tasks that read one part of each input that is in parts.
    inline
        Whether the client waits: small results are to come with `Finished`.
    trace
        Headers of the trace context in which the tasks run (W3C: ``traceparent``, ``tracestate``);
        empty for none.
    stands
        How tasks stand where that is not the order of their names; None: they stand in it.

    Examples
    --------
    >>> Submit([Listed(["x"])], [], [-1], [b"data"], [()], [], [0], [0]).wanted
    [0]
    """

    names: list[Listed | Grid]
    codes: list[Code]
    code: list[int]
    args: list[bytes]
    deps: list[tuple[int, ...]]
    externals: list[Key]
    order: list[int]
    wanted: list[int]
    big: list[tuple[int, int, int]] = []
    options: list[Options] = []
    inline: bool = True
    trace: dict[str, str] = {}
    parts: list[tuple[int, int]] = []
    stands: Stands | None = None


class Want(_Struct):
    """The client has a future of these keys, which it did not submit; answered like a `Submit`.

    Parameters
    ----------
    keys
        Of the tasks.
    anew
        Tell of those that have ended even if the client wants them already: what it was told came
        before it knew that it wants them.
    heard
        Not -1 after a reconnection: these are all that the client wants, now that it has taken so
        many answers; what else it wanted it let go of meanwhile.
    ahead
        A later `Submit` of this client's says how those that nobody knows yet are made.

    Examples
    --------
    >>> Want(["x"]).keys
    [\'x\']
    """

    keys: list[Key]
    anew: bool = False
    heard: int = -1
    ahead: bool = False


class Release(_Struct):
    """The client has no future of these keys any more.

    Parameters
    ----------
    keys
        That it wanted.
    heard
        How many of the scheduler's answers it had taken: a future that another one gave to it,
        and that was on its way, it will have.  -1: it is given none.

    Examples
    --------
    >>> Release(["x"]).keys
    [\'x\']
    """

    keys: list[Key]
    heard: int = -1


class Cancel(_Struct):
    """Give up tasks, and whatever depends on them.

    Parameters
    ----------
    keys
        Of the tasks.
    force
        Also when other clients want them.
    reason
        Said in the error that futures raise.

    Examples
    --------
    >>> Cancel(["x"]).force
    False
    """

    keys: list[Key]
    force: bool = False
    reason: str = ""


class Retry(_Struct):
    """Run failed tasks again.

    Examples
    --------
    >>> Retry(["x"]).keys
    [\'x\']
    """

    keys: list[Key]


class Locate(_Struct):
    """Where are these results?  Answered by `Located`, when all of them are somewhere or failed.

    Examples
    --------
    >>> Locate(1, ["x"]).request
    1
    """

    request: int
    keys: list[Key]


class Reserve(_Struct):
    """Data is about to be put on workers (scatter): give numbers, and say where to put it.

    Parameters
    ----------
    request
        Comes back in `Reserved`.
    keys, nbytes
        An entry an object.
    workers
        Only there; None: anywhere.
    broadcast
        How many workers get a copy of each; 0: all.

    Examples
    --------
    >>> Reserve(1, ["x"], [8]).broadcast
    1
    """

    request: int
    keys: list[Key]
    nbytes: list[int]
    workers: list[str] | None = None
    broadcast: int = 1


class Call(_Struct):
    """A request that is not about running tasks, answered by `Answer`.

    Between any two parties.  ``method`` is looked up in a table of the receiver; ``args`` holds
    what msgpack can say, and bytes that only the user's processes read.

    Parameters
    ----------
    request
        Comes back in the answer; 0: no answer is wanted.
    method
        Such as ``"lock.acquire"``.
    args
        By name.

    Examples
    --------
    >>> Call(1, "lock.acquire", {"name": "l"}).method
    'lock.acquire'
    """

    request: int
    method: str
    args: dict[str, Any] = {}


class Answer(_Struct):
    """What became of a `Call`.

    Parameters
    ----------
    request
        The call's.
    value
        The result.
    error
        None; or what went wrong: the name of an exception class and a message.
    frames
        Where the value is a pickled object: its frames.

    Examples
    --------
    >>> Answer(1, value=5).error is None
    True
    """

    request: int
    value: Any = None
    error: tuple[str, str] | None = None
    frames: Frames | None = None


class Withdraw(_Struct):
    """The client does not wait for the answer to a call any more.

    If it stands in a line, it leaves it, and is answered by an error.  If it was answered
    already, nothing happens, and the client gives back what it got.

    Examples
    --------
    >>> Withdraw(7).request
    7
    """

    request: int


class Subscribe(_Struct):
    """The client (or worker) wants, or no longer wants, the events of a topic.

    Examples
    --------
    >>> Subscribe("all").on
    True
    """

    topic: str
    on: bool = True


class Goodbye(_Struct):
    """The sender leaves on purpose: nothing is to be recovered for it.

    Parameters
    ----------
    reason
        For the log and for errors.

    Examples
    --------
    >>> Goodbye("done").reason
    \'done\'
    """

    reason: str = ""


# --- scheduler to client ----------------------------------------------------------------------


class Welcome(_Struct):
    """Answer to `Hello` and `Register`.

    Parameters
    ----------
    number
        The sender's number with this scheduler.
    scheduler
        Identity of this run of the scheduler; another one after a restart.
    settings
        Of the cluster, which the sender should follow.
    heard
        How many of the client's messages the scheduler has taken; -1: it knows nothing of the
        session that the client said, and another one begins.
    session
        Names the session from now on, in the client's next `Hello`: if this welcome is lost, the
        client says the one before, and the scheduler knows that it has not begun another one.
    is_remembered
        The scheduler knows which of the calls were done that the client has made in other sessions.

    Examples
    --------
    >>> Welcome(3, "scheduler-1").settings
    {}
    """

    number: int
    scheduler: str
    settings: dict[str, Any] = {}
    heard: int = -1
    session: int = -1
    is_remembered: bool = False


class Finished(_Struct):
    """Wanted tasks have ended.

    Parameters
    ----------
    keys
        Of those that have a result.
    values
        For each the pickled result, where it was small and asked for; else None.
    nbytes
        Sizes of the results.
    types
        Their types by name.
    failed
        Keys of those that have none.
    errors
        For each an index into ``reasons``.
    reasons
        ``(kind, key, worker, data)``: kind is ``"raised"`` (data: a packed exception), or
        ``"killed"``, ``"cancelled"``, ``"lost"``, ``"timeout"``, ``"unrunnable"`` (data: the text
        of the error); key is that of the task at fault.

    Examples
    --------
    >>> Finished(["x"], [b"1"], [28], ["int"]).failed
    []
    """

    keys: list[Key]
    values: list[bytes | None]
    nbytes: list[int]
    types: list[str]
    failed: list[Key] = []
    errors: list[int] = []
    reasons: list[tuple[str, Key, str, bytes]] = []


class Lost(_Struct):
    """Results that had been reported are gone and are being computed again.

    Examples
    --------
    >>> Lost(["x"]).keys
    [\'x\']
    """

    keys: list[Key]


class Located(_Struct):
    """Answer to `Locate`: for each key its number and the workers (numbers) that hold it.

    Parameters
    ----------
    request
        The request's.
    ids
        -1 where there is no result.
    where
        Numbers of workers.
    peers
        All those workers.
    numbering
        Identity of the scheduler whose numbers these are; to be said with them.

    Examples
    --------
    >>> Located(1, [7], [[0]], [], "scheduler").ids
    [7]
    """

    request: int
    ids: list[int]
    where: list[list[int]]
    peers: list[Peer]
    numbering: str


class Reserved(_Struct):
    """Answer to `Reserve`: for each key its number, run and the workers to put it on.

    Examples
    --------
    >>> Reserved(1, [7], [1], [[0]], [], "scheduler").error
    ''
    """

    request: int
    ids: list[int]
    runs: list[int]
    where: list[list[int]]
    peers: list[Peer]
    numbering: str
    error: str = ""


class Topic(_Struct):
    """Events of a topic that the receiver subscribed to.

    Examples
    --------
    >>> Topic("all", [(0.0, "started")]).topic
    'all'
    """

    topic: str
    events: list[tuple[float, Any]]


# --- scheduler to worker ----------------------------------------------------------------------


class Peer(_Struct):
    """A worker, as others reach it.

    Examples
    --------
    >>> Peer(0, "tcp://10.0.0.1:4000", "w").number
    0
    """

    number: int
    address: str
    name: str


class Run(_Struct):
    """Tasks to run.

    Parameters
    ----------
    ids, runs
        Number and run of each task.
    keys
        Their names, for people.
    codes
        Number of each task's code; the code itself came in ``new_codes`` of this message or of one
        before.  -1: the task is data.
    args
        As in `Submit`.
    deps
        Numbers of the results each needs, in the order of its arguments.
    priorities
        Lower runs first; without the last `ROW_BITS` bits comparable between all tasks of a
        scheduler.
    inline
        Whether a small result is to be sent along with the report.
    new_codes
        ``(number, digest, data)``.
    remote, where, nbytes
        The results needed that the worker does not have: number, numbers of workers that do, size
        (of what is needed of it, where that is a part).
    peers
        Workers that were not named to this one before.
    big
        As in `Submit`, by position in this message.
    options
        ``(position, options)`` for tasks that have any; ``options.tasks`` is not used.
    traces
        ``(trace, positions)``: as in `Submit`, for tasks that have one.
    parts
        ``(position, part)`` of tasks that read one part of each input that is in parts.
    drops
        As in `Drop`, and before the tasks come.
    layers, of_layer, flats
        In the place of ``keys``, where all are those of blocks: names and shapes of some layers,
        and for each task which of them it is of, and where in there.
    is_ranked
        The last bits of the priorities are gone already.

    Examples
    --------
    >>> Run([7], [1], ["x"], [0], [b""], [()], [0], [True]).remote
    []
    """

    ids: list[int]
    runs: list[int]
    keys: list[Key]
    codes: list[int]
    args: list[bytes]
    deps: list[tuple[int, ...]]
    priorities: list[int]
    inline: list[bool]
    new_codes: list[tuple[int, bytes, bytes]] = []
    remote: list[int] = []
    where: list[list[int]] = []
    nbytes: list[int] = []
    peers: list[Peer] = []
    big: list[tuple[int, int, int]] = []
    options: list[tuple[int, Options]] = []
    traces: list[tuple[dict[str, str], list[int]]] = []
    parts: list[tuple[int, int]] = []
    drops: list[int] = []
    layers: list[tuple[str, tuple[int, ...]]] = []
    of_layer: list[int] = []
    flats: list[int] = []
    is_ranked: bool = False

    def ranks(self) -> list[int]:
        """The priorities of all tasks, comparable between messages."""
        if self.is_ranked:
            return self.priorities
        return [priority >> ROW_BITS for priority in self.priorities]

    def spelled(self) -> list[Key]:
        """The keys of all tasks."""
        layers = self.layers
        if not layers:
            return self.keys
        return [block_key(*layers[at], flat) for at, flat in zip(self.of_layer, self.flats)]


class Drop(_Struct):
    """Let go of results, where held; and forget codes.

    Examples
    --------
    >>> Drop([7]).codes
    []
    """

    ids: list[int]
    codes: list[int] = []


class GiveBack(_Struct):
    """Return tasks that have not begun (the scheduler has a better place for them).

    Answered for each in `Report`: ``returned``, or nothing when it has begun (its end is reported
    as always).

    Examples
    --------
    >>> GiveBack([7], [1]).ids
    [7]
    """

    ids: list[int]
    runs: list[int]


class CancelRuns(_Struct):
    """Nobody wants these runs any more: drop what waits, interrupt what runs where possible.

    Answered for each in `Report` by ``returned``, as soon as its slot is free.

    Examples
    --------
    >>> CancelRuns([7], [1]).reason
    ''
    """

    ids: list[int]
    runs: list[int]
    reason: str = ""


class Fetch(_Struct):
    """Get copies of results from other workers, and keep them; reported in ``added``.

    Parameters
    ----------
    ids
        Numbers of the results.
    where
        For each the workers that have it.
    nbytes
        Sizes.
    peers
        Workers that have not been named before.
    keys
        By which users know the results.

    Examples
    --------
    >>> Fetch([7], [[0]], [28]).peers
    []
    """

    ids: list[int]
    where: list[list[int]]
    nbytes: list[int]
    peers: list[Peer] = []
    keys: list[Key] = []


class Reconcile(_Struct):
    """Answer to a `Register` that listed what the worker holds and runs.

    Parameters
    ----------
    keep
        Results it is to keep: ``(position, number)`` of each: where it stood in ``held``, and the
        number that it has from now on.  The others go.
    go_on
        ``(position, number, run)`` of tasks that may go on, by their place in ``running``.  The
        others are to be stopped.

    Examples
    --------
    >>> Reconcile([(0, 7)], []).keep
    [(0, 7)]
    """

    keep: list[tuple[int, int]]
    go_on: list[tuple[int, int, int]]


# --- worker to scheduler ----------------------------------------------------------------------


class Register(_Struct):
    """A worker's first message, and its first after a lost connection.

    Parameters
    ----------
    name, address
        Its own name; where others reach it.
    nthreads
        Tasks it runs at once.
    memory_limit
        In bytes; 0 for none.
    resources
        Amounts by name.
    versions
        Of Python and packages.
    host, pid, nanny
        Where it runs; address of its nanny or empty.
    scheduler
        Identity of the scheduler it belonged to; empty at first.
    held, running
        ``(number, run, key, nbytes)`` of each result that it holds, and of each task in it, as that
        scheduler numbered them; -1: it did not.

    Examples
    --------
    >>> Register("w", "tcp://10.0.0.1:4000", 1, 0, {}, {}, "h", 42).held
    []
    """

    name: str
    address: str
    nthreads: int
    memory_limit: int
    resources: dict[str, float]
    versions: dict[str, str]
    host: str
    pid: int
    nanny: str = ""
    scheduler: str = ""
    held: list[tuple[int, int, Key, int]] = []
    running: list[tuple[int, int, Key, int]] = []


class Report(_Struct):
    """What happened on a worker since its last report.

    Parameters
    ----------
    ids, runs
        Tasks that ended well.
    nbytes, types, seconds
        Of each: size of the result, index into ``type_names``, how long it ran.
    values
        The pickled result where it is small and was asked for, else None.
    type_names
        Types by name.
    starts
        When each began, seconds since the epoch.
    transfers
        ``(from worker, bytes, seconds)`` of each fetch that ended.
    failed
        ``(number, run, kind, data, seconds)`` of tasks that did not; kind and data as in
        `Finished`, or the kind ``rescheduled``: it asks to be run again, elsewhere.
    returned
        ``(number, run)`` of tasks that will not be run here: given back, or cancelled.
    added, added_nbytes
        Results held now that were fetched, put or recreated.
    missing
        ``(number, worker)``: results that could not be had from a worker that should have had them.
    gone
        ``(number, why)``: results that this worker had in files that cannot be read.
    seceded, rejoined
        ``(number, run)`` of tasks that gave up their slot, or took one again.
    peaks
        ``(number, bytes)``: memory that a task took at most, where it was measured and much.
    unreached
        Numbers of workers that owed results, or were to be connected to, and kept silent.
    tried
        ``(number, start, seconds)`` of runs that have failed, for the task stream.
    sums
        ``(code, count, seconds, bytes)`` for each code that tasks which ended well have called:
        how many, what they took and what they made.

    Examples
    --------
    >>> Report([7], [1], [28], [0], [0.1], [None], ["int"]).failed
    []
    """

    ids: list[int]
    runs: list[int]
    nbytes: list[int]
    types: list[int]
    seconds: list[float]
    values: list[bytes | None]
    type_names: list[str]
    starts: list[float] = []
    transfers: list[tuple[int, int, float]] = []
    failed: list[tuple[int, int, str, bytes, float]] = []
    returned: list[tuple[int, int]] = []
    added: list[int] = []
    added_nbytes: list[int] = []
    missing: list[tuple[int, int]] = []
    gone: list[tuple[int, str]] = []
    seceded: list[tuple[int, int]] = []
    rejoined: list[tuple[int, int]] = []
    peaks: list[tuple[int, int]] = []
    unreached: list[int] = []
    tried: list[tuple[int, float, float]] = []
    sums: list[tuple[int, int, float, int]] = []


class Beat(_Struct):
    """A worker is alive, and how it is.

    Parameters
    ----------
    status
        ``"running"``, ``"paused"`` (takes no work: memory), ``"closing"`` (retiring).
    managed, spilled, process
        Bytes: results in memory; results on disk; the whole process.
    cpu
        In percent of one CPU.
    executing, ready, fetching
        Numbers of tasks and transfers.
    vouched
        The nanny says it in the worker's place, because the process is alive and at work.
    metrics
        More, for the dashboard.

    Examples
    --------
    >>> Beat("running", 0, 0, 0, 0.0, 1, 0, 0).vouched
    False
    """

    status: str
    managed: int
    spilled: int
    process: int
    cpu: float
    executing: int
    ready: int
    fetching: int
    vouched: bool = False
    metrics: dict[str, Any] = {}


# --- data: worker to worker, client to worker -------------------------------------------------


class Get(_Struct):
    """Send these results.

    Parameters
    ----------
    request
        Comes back in `Data`.
    ids
        Of the results; one may be there several times, for several of its parts.
    parts
        For each the part that is wanted, -1 for all of it; empty: all are wanted whole.
    nbytes
        What the parts are expected to take together.
    numbering
        Identity of the scheduler whose numbers these are.  One that was restarted gives the same
        numbers to other tasks: a worker that knows another scheduler's says that it is busy.

    Examples
    --------
    >>> Get(1, [7], numbering="scheduler").ids
    [7]
    """

    request: int
    ids: list[int]
    parts: list[int] = []
    nbytes: int = 0
    numbering: str = ""


class Data(_Struct):
    """Answer to `Get`.

    Parameters
    ----------
    request
        The request's.
    ids
        Those that come; the others are not there.
    frames
        For each its pickled object, in the message's buffers.
    busy
        Too many transfers at once: ask again after a moment, or elsewhere.
    parts
        As in `Get`.
    more
        The others may be there as well: one answer should not hold more than these.

    Examples
    --------
    >>> Data(1, [7], [Frames(b"")]).busy
    False
    """

    request: int
    ids: list[int]
    frames: list[Frames]
    busy: bool = False
    parts: list[int] = []
    more: bool = False


class Put(_Struct):
    """Hold these objects; answered by `Answer`, and told to the scheduler as ``added``.

    Parameters
    ----------
    request
        Comes back in the answer.
    ids, runs, keys
        As `Reserved` gave them.
    frames, nbytes
        Of each object.
    numbering
        As of `Get`.

    Examples
    --------
    >>> Put(1, [7], [1], ["x"], [Frames(b"")], [28]).keys
    ['x']
    """

    request: int
    ids: list[int]
    runs: list[int]
    keys: list[Key]
    frames: list[Frames]
    nbytes: list[int]
    numbering: str = ""


Message: TypeAlias = (
    Hello
    | Heard
    | Submit
    | Want
    | Release
    | Cancel
    | Retry
    | Locate
    | Reserve
    | Call
    | Answer
    | Withdraw
    | Subscribe
    | Goodbye
    | Welcome
    | Finished
    | Lost
    | Located
    | Reserved
    | Topic
    | Run
    | Drop
    | GiveBack
    | CancelRuns
    | Fetch
    | Reconcile
    | Register
    | Report
    | Beat
    | Get
    | Data
    | Put
)
"""What any connection may carry; the wire's codec is built from it."""
