"""Everything that the scheduler knows, passive.

The functions in the modules around change it; what may be read together with what is said where
it stands.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Container
from typing import Any

from shoal.distributed.core.facts import Fact
from shoal.distributed.core.scheduler.names import Names
from shoal.distributed.core.scheduler.observe import Observed
from shoal.distributed.core.scheduler.records import (
    Client,
    Code,
    Computation,
    Party,
    Prefix,
    References,
    Worker,
)
from shoal.distributed.core.scheduler.settings import Settings
from shoal.distributed.core.scheduler.sources import Sources
from shoal.distributed.core.scheduler.story import Story, Stream
from shoal.distributed.core.scheduler.table import Table

__all__ = ["Reason", "Scheduler"]

Reason = tuple[str, Any, str, bytes]
"""Why a task failed: kind, key of the task at fault, worker, data; as in `Finished.reasons`."""


class Scheduler:
    """The state of one scheduler.

    Parameters
    ----------
    settings
        Numbers.
    identity
        Tells this run of the scheduler from others; the shell makes it up.
    table
        Where its tasks stand; tests give one that checks.

    Examples
    --------
    >>> len(Scheduler(Settings()).table)
    0
    """

    def __init__(
        self,
        settings: Settings | None = None,
        identity: str = "scheduler",
        table: Table | None = None,
    ) -> None:
        self.settings = settings or Settings()
        self.identity = identity
        self.table = table or Table()
        self.names = Names()
        self.prefixes: dict[str, Prefix] = {}

        self.parties: dict[int, Party] = {}
        self.workers: dict[int, Worker] = {}
        self.clients: dict[int, Client] = {}
        self.by_name: dict[str, Client] = {}
        self.next_worker = 0
        self.next_client = 0
        self.nanny_parties: dict[str, int] = {}
        """Connections of nannies, by the name of their worker."""
        self.down: dict[Any, str] = {}
        """Why workers are down that nobody will start again, by name, until one comes back."""

        self.shared: dict[int, dict[int, None]] = {}
        """Clients of rows with more than one (`MANY` in `owner`)."""
        self.replicas: dict[int, list[int]] = {}
        """Holders of rows with more than one (`MANY` in `place`)."""
        self.reasons: dict[int, Reason] = {}
        """Why rows are ERRED."""
        self.big: dict[int, tuple[Any, ...]] = {}
        """Out-of-band buffers of rows' arguments."""
        self.traces: dict[int, dict[str, str]] = {}
        """Trace contexts of rows; rows of one graph share theirs."""
        self.parts: dict[int, int] = {}
        """Of tasks that read one part of each input: which."""
        self.puts: dict[int, tuple[int, list[int]]] = {}
        """The client that is to put data in PUT, and the workers it goes to; none: the client is to
        say how it is made."""
        self.twins: dict[int, tuple[int, int]] = {}
        """Second copies: row to (worker, run)."""
        self.graphs: list[range] = []
        """Rows of graphs that need nothing else, and of which none was forgotten; in order."""
        self.deadlines: list[tuple[float, int, int]] = []
        """Heap of (time, row, run) of runs with a timeout."""

        self.effects: list[Any] = []
        self.started = -1.0
        self.machines: dict[str, Any] = {}
        """What the families of methods keep, by family."""
        self._begin_functions()
        self._begin_trouble()
        self._begin_references()
        self._begin_observing()
        self._begin_dispatch()
        self._begin_waiting()
        self._begin_sessions()

    def _begin_functions(self) -> None:
        """What tasks call."""
        self.codes: dict[bytes, Code] = {}
        self.code_of: dict[int, Code] = {}
        """The same ones, by number."""
        self.idle_codes: OrderedDict[bytes, Code] = OrderedDict()
        """Those that no row needs, the one idle longest first."""
        self.idle_bytes = 0
        """Of these, together."""
        self.next_code = 0

    def _begin_trouble(self) -> None:
        """What has gone wrong with rows, and may not go on for ever."""
        self.tries: dict[int, int] = {}
        """How often rows failed and were tried again."""
        self.deaths: dict[int, list[str]] = {}
        """Workers that died while rows ran."""
        self.spoiled: dict[int, list[str]] = {}
        """Workers that could not read what they had of results in files, and why."""
        self.relieves = True
        """Workers that are short of memory let go of copies that others have as well."""

    def _begin_references(self) -> None:
        """Results and arguments that hold futures."""
        self.references: dict[int, list[References]] = {}
        """Of rows that hold futures: what is kept for them."""
        self.loose: list[References] = []
        """What is kept for rows that are all forgotten; until the end of the batch of events."""

    def _begin_observing(self) -> None:
        """What people are shown."""
        self.story = Story(self.settings.story)
        self.stream = Stream(self.settings.stream)
        self.tried = Stream(self.settings.stream)
        """The last runs that ended well, and the last ones that failed."""
        self.observed = Observed()
        self.epoch = 0
        """How often tasks have come to a scheduler that had none."""
        self.epoch_from = (0, 0, 0)
        """Where the epoch begins in the histories of runs, transfers and failures."""
        self.computations: deque[Computation] = deque(maxlen=self.settings.computations)
        """The last epochs."""
        self.coming_codes: list[list[dict[str, Any]]] = []
        """Where in programs the graphs came from with which the next one begins."""
        self.dashboard = ""
        """Where the dashboard is, if there is one: a URL that the shell sets."""

    def _begin_sessions(self) -> None:
        """How clients are answered."""
        self.homes: dict[int, Client] = {}
        """Clients by every connection that their sessions had: where answers to calls over it go,
        and which session a client means that names one of them."""
        self.hearing: dict[int, Client] = {}
        """Clients that do not know yet how much of what they said was taken."""
        self.heard_due = -1.0
        """When they are told."""
        self.facts: list[Fact] | None = None
        """For the journal, if there is one: what was decided and cannot be reckoned again."""
        self.is_replayed = False
        """The journal is being read: such facts are not decided but read."""
        self.knows_holders = False
        """A journal has said who held locks and leases when this scheduler began."""
        self.claims_until = -1.0
        """Clients had another scheduler before this one: locks and leases are given to nobody, so
        that those who hold some have until then to say so; -1: they are given."""
        self.for_shell: Container[str] = ()
        """Names of calls that the shell answers."""

    def _begin_dispatch(self) -> None:
        """What is to run, and who may run it."""
        self.sources = Sources(self.settings.region)
        """Priorities of READY tasks that may run anywhere; some are stale."""
        self.region = 0
        """How many of them are kept for a worker that takes some (`dispatch.region`); 0: none."""
        self.guessed: Prefix | None = None
        """The kind of which nothing was known when regions were made of it."""
        self.least_ahead_s = self.settings.ahead_s
        """Seconds of work that each thread of a worker has ahead (`dispatch.serve_all`)."""
        self.plenty = 0.0
        """Seconds of work in there for each worker, when workers were last given some."""
        self.unplaced: dict[int, None] = {}
        """READY rows that no worker there is may run."""
        self.unrunnable: dict[int, float] = {}
        """Numbers of tasks that may not wait for ever (`stranded`), and since when they wait."""
        self.unrunnable_due = 0.0
        self.touched: dict[int, Worker] = {}
        """Workers that may have room, or work, that was not there before."""
        self.outgoing: dict[int, Worker] = {}
        """Workers that messages of this drain go to."""
        self.dropping: dict[int, Worker] = {}
        """Workers that are to let go of results, and may hear so a moment later."""
        self.drop_due = -1.0
        self.awaited: set[str] = set()
        """Workers that were there when this scheduler was killed, and are not back (`recovery`)."""
        self.hold_until = -1.0
        """No work is given out before this time; -1: it is."""
        self.roomy: dict[int, Worker] = {}
        """Workers that have room and nothing in their queues."""
        self.full: dict[int, Worker] = {}
        """Workers that get no sources because of their memory."""
        self.laden: dict[int, Worker] = {}
        """Workers whose queue is long enough to take from."""
        self.active = 0
        """READY and SENT tasks with inputs: those whose end may free memory."""
        self.next_run = 1
        self.virtual = 0
        """The rank of what was sent last: where a new client's tasks begin."""
        self.bandwidth = self.settings.bandwidth

    def _begin_waiting(self) -> None:
        """What is under way, and what is due when."""
        self.missed: list[str] = []
        """Workers that are down that clients have not been warned of, and when they are to be."""
        self.missed_due = -1.0
        self.strangers: dict[str, None] = {}
        """Names that tasks wanted their workers to have, and nobody has, as clients were told."""
        self.next_choice = 0
        self.is_ranked = False
        """Whether users want some tasks sooner than others."""
        self.choices: dict[Any, list[Worker]] = {}
        """By conditions: the workers that meet them (`placement.allowed`); empty after changes."""
        self.retiring: dict[int, Worker] = {}
        """Workers that are leaving in order."""
        self.returning: dict[str, None] = {}
        """Names of those that have left, and are being started again."""
        self.dying: dict[int, float] = {}
        """Workers whose connection has ended, and until when their nannies may say why."""
        self.workers_moved = False
        """Some have left, or are empty, and whoever waits for that is to be told."""
        self.moves: dict[int, tuple[int, int]] = {}
        """Rows on their way: (number, the worker that is to let go once there is a copy)."""
        self.steal_due = 0.0
        """When queues are compared again for idle workers."""
        self.recall_due = -1.0
        """When spare tasks are asked back for idle workers."""
        self.looked_at = 0.0
        """When stragglers were last looked for."""
        self.timers: list[Any] = []
        """Heap of (time, count, waiter)."""
        self.timer_count = 0
        self.unreached: dict[int, float] = {}
        """Workers that get no work because others could not reach them, and until when."""
        self.silence_due = -1.0
        """When some worker may have been silent for too long; not later than the first one was."""
        self.lease_due = -1.0
        """When leases of semaphores may have to lapse; -1: there are none."""
        self.next_request = 1
        self.locating: dict[int, list[Any]] = {}
        """By row: requests that wait for it (`locate`)."""


def begin_epoch(state: Scheduler) -> None:
    """Tasks come, and there are none."""
    observed = state.observed
    state.epoch += 1
    state.epoch_from = (state.stream.count, observed.flows.count, observed.failures.count)
    codes, state.coming_codes = state.coming_codes, []
    state.computations.append(Computation(state.epoch, state.stream.count, codes))


def prefix_of(state: Scheduler, name: str) -> Prefix:
    """What is known of a kind of task."""
    found = state.prefixes.get(name)
    if found is None:
        settings = state.settings
        found = Prefix(name, settings.unknown_s, settings.unknown_bytes)
        state.prefixes[name] = found
    if found.epoch != state.epoch:
        found.begin(state.epoch)
    return found


def guess(state: Scheduler) -> None:
    """Tasks of kinds of which none has ended are thought to take what the slowest others take.

    Else each kind of a graph would be tried by every worker before it was given more than that.
    """
    settings, kinds = state.settings, state.prefixes
    if len(kinds) > settings.kinds:
        return
    here = [kind for kind in kinds.values() if kind.epoch == state.epoch]
    known = [kind.seconds for kind in here if kind.ended]
    seconds = min(settings.unknown_s, max(known, default=settings.unknown_s))
    for kind in here:
        if not kind.ended:
            kind.seconds = seconds


def set_status(state: Scheduler, worker: Worker, status: str) -> None:
    """A worker takes work from now on (``"running"``), or does no more."""
    worker.status = status
    if worker.number in state.sources.regions:
        state.sources.share()
    state.choices.clear()


def name_is_taken(state: Scheduler, name: str) -> str:
    """What a worker is told that has the name of another one that is there."""
    there = [worker.address for worker in state.workers.values() if worker.name == name]
    at = f", at {there[0]}" if there else ""
    return f"a worker named {name!r} is there already{at}; give this one another name (--name)"


def holders(state: Scheduler, row: int) -> tuple[int, ...]:
    """Numbers of the workers that hold a row's result."""
    place = state.table.place[row]
    if place >= 0:
        return (place,)
    return tuple(state.replicas.get(row, ()))


def clients_of(state: Scheduler, row: int) -> list[Client]:
    """The clients that want a row."""
    owner = state.table.owner[row]
    if owner >= 0:
        return [state.clients[owner]]
    return [state.clients[number] for number in state.shared.get(row, ())]
