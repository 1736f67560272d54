"""A client's connections: one to the scheduler, and to workers as data comes directly from them.

`Link` pairs requests with their answers, keeps the table of futures true to what the scheduler
says, and comes back after a lost connection.  It knows nothing of pickling or of what users call.

A lost connection loses nothing as long as the scheduler remembers the client: what was said
and not taken is said again, answers come late (`shoal.distributed.core.session`).  A scheduler that
knows nothing of the client (it was restarted, or the client was away for too long) hears of its
wishes again; a call that may have been taken by the one before is done once, or fails.

Two orders matter.  Changes of the table and the messages that follow from them happen under
one lock (`Link.lock`), or the scheduler could hear of a new future of a key before it hears that
the last one had gone.  And futures that are collected as garbage may disappear in any thread in the
middle of anything, so that their names only go into a queue, which the loop's thread works off.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from shoal.distributed.client.failures import answer_error
from shoal.distributed.client.promise import Promise, Turns
from shoal.distributed.core.client import table as futures
from shoal.distributed.core.client.again import Claims, say_all_again
from shoal.distributed.core.client.table import Announced, Entry, Table
from shoal.distributed.core.session import Session, confirm, say
from shoal.distributed.net import Connection, Security, connect
from shoal.distributed.net.loop import Loop
from shoal.distributed.net.signals import unbroken
from shoal.distributed.protocol import (
    Answer,
    Call,
    Cancel,
    Data,
    Finished,
    Get,
    Goodbye,
    Heard,
    Hello,
    Key,
    Located,
    Lost,
    Peer,
    Put,
    Release,
    Reserved,
    Submit,
    Subscribe,
    Topic,
    Want,
    Welcome,
    Withdraw,
)
from shoal.distributed.wire.codec import MESSAGES
from shoal.errors import (
    AuthenticationError,
    ClosedClientError,
    ClusterError,
    ConnectionLostError,
    ProtocolVersionError,
)

__all__ = ["Link"]

log = logging.getLogger("distributed.client")

RETRY_S = (0.05, 0.1, 0.2, 0.5, 1.0)
"""Pauses between attempts to come back; the last one repeats."""

HEARD_S = 0.1
"""How long the scheduler may have to keep an answer after it was taken."""


STANDS_S = 1.0
"""A connection that was open for so long was no failed attempt, even if nothing was taken."""

DROP_S = 0.005
"""How long the scheduler may not hear of a future that is gone."""


class Attempts:
    """When to try to come back, and for how long.

    Attributes
    ----------
    until_s
        When to give up.

    Examples
    --------
    >>> attempts = Attempts()
    >>> attempts.begin(until_s=10.0)
    >>> attempts.pause_s(9.0), attempts.pause_s(9.0), attempts.pause_s(10.0)
    (0.05, 0.1, None)
    """

    def __init__(self) -> None:
        self.until_s = 0.0
        self._count = 0
        self._open_since_s, self._confirmed = 0.0, 0

    def begin(self, until_s: float) -> None:
        """Something that worked was lost."""
        self.until_s, self._count = until_s, 0

    def opened(self, now_s: float, confirmed: int) -> None:
        """The scheduler has welcomed a connection, and had taken so many messages before."""
        self._open_since_s, self._confirmed = now_s, confirmed

    def was_used(self, now_s: float, session: Session) -> bool:
        """Whether what was opened worked: else its end is one more attempt that failed."""
        is_taken = not session.said or session.confirmed > self._confirmed
        return is_taken or now_s - self._open_since_s >= STANDS_S

    def pause_s(self, now_s: float) -> float | None:
        """How long to wait before the next attempt; None: that was the last."""
        pause_s = RETRY_S[min(self._count, len(RETRY_S) - 1)]
        self._count += 1
        return None if now_s + pause_s > self.until_s else pause_s


class Link:
    """The connections of one client.

    Parameters
    ----------
    loop
        Runs the connections.
    address, security
        Of the scheduler.
    name
        The client's, unique.
    versions
        Sent with `Hello`.
    timeout_s
        How long to try to connect, and to come back.

    Examples
    --------
    >>> link = Link(
    ...     Loop(), "inproc://nobody", Security.new(), name="me", versions={}, timeout_s=1
    ... )
    >>> link.status
    'connecting'
    """

    def __init__(
        self,
        loop: Loop,
        address: str,
        security: Security,
        *,
        name: str,
        versions: dict[str, str],
        timeout_s: float,
    ) -> None:
        self.loop = loop
        self.address = address
        self.security = security
        self.name = name
        self.versions = versions
        self.timeout_s = timeout_s
        self.lock = threading.RLock()
        self.table, self.announced, self.turns = Table(), Announced(), Turns()
        self.status = "connecting"
        """connecting, running, closed."""
        self.scheduler = ""
        self.number = 0
        self.on_topic: Callable[[Topic], None] = lambda message: None
        self._conn: Connection | None = None
        self._welcome: Promise[Welcome] = Promise()
        self._numbers = itertools.count(1)
        self._requests: dict[int, tuple[Connection | None, Promise[Any], Any]] = {}
        """By number: to whom (None: the scheduler), what waits, and what was asked of it."""
        self._session = Session()
        self._session_number = -1
        """What the scheduler calls it."""
        self._is_open = False
        """The scheduler has welcomed the connection: what is said goes there at once."""
        self.claims = Claims()
        """What it holds of what the scheduler gives."""
        self._heard_planned = self._drop_planned = False
        self._topics: dict[str, None] = {}
        self.settings: dict[str, Any] = {}
        """Of the cluster."""
        self._workers: dict[str, Promise[Connection]] = {}
        self._dropped: deque[Entry] = deque()
        self._attempts, self._hellos = Attempts(), 0
        self.goodbye = ""
        """Why the scheduler left, if it has said so."""
        self.ended: Promise[None] = Promise()
        """Kept when there will be no connection any more."""

    # -- the scheduler -------------------------------------------------------------------------

    def open(self) -> Promise[Welcome]:
        """Connect to the scheduler; ends when it has answered."""
        self.loop.own(self)
        self._attempts.begin(self.loop.time() + self.timeout_s)
        self._dial()
        return self._welcome

    def _dial(self) -> None:
        left_s = self._attempts.until_s - self.loop.time()
        connect(
            self.loop,
            self.address,
            security=self.security,
            role="client",
            name=self.name,
            on_open=self._opened,
            on_error=self._not_opened,
            timeout_s=max(left_s, 0.1),
        )

    def _opened(self, conn: Connection) -> None:
        conn.on_message = self._received
        conn.on_close = self._closed
        with self.lock:
            if self.status != "closed":
                self._conn = conn
                self._hellos += 1
                conn.send(self._hello())
                return
        conn.close()

    def _hello(self) -> Hello:
        heard, session = self._session.heard, self._session_number
        return Hello(self.name, self.versions, self.scheduler, heard, self._hellos, session)

    def _welcomed(self, conn: Connection, message: Welcome) -> None:
        """The scheduler is there, perhaps again, perhaps another one."""
        lost: list[tuple[str, Promise[Any]]] = []
        with self.lock:
            if self.status == "closed":
                return
            session, is_back = self._session, bool(self.scheduler)
            if message.heard >= 0:
                confirm(session, message.heard)
            elif is_back:
                lost = self._start_anew(message.is_remembered)
            self.number, self.scheduler = message.number, message.scheduler
            self.settings, self._session_number = message.settings, message.session
            if is_back:
                wanted = futures.wants(self.table)
                say(session, Want(wanted, anew=True, heard=session.heard))
            for said in session.said:
                conn.send(said.message, said.buffers)
            session.sent = session.confirmed + len(session.said)
            self._attempts.opened(self.loop.time(), session.confirmed)
            self._is_open = True
            self.status = "running"
        for method, promise in lost:
            text = f"the scheduler at {self.address} was restarted, and may have had this call"
            text += f" before: {method}; see whether it was done, or call it again"
            promise.fail(ClusterError(text))
        self._welcome.keep(message)

    def _start_anew(self, is_remembered: bool) -> list[tuple[str, Promise[Any]]]:
        """The scheduler knows nothing of this client: what it has to be told; the lock is held.

        Returned are the calls that fail.
        """
        requests, topics = self._requests, [Subscribe(topic) for topic in self._topics]
        asked = {n: said for n, (to, _, said) in list(requests.items()) if to is None}
        lost = say_all_again(self._session, [*topics, *self._claim()], asked, is_remembered)
        return [(message.method, promise) for _, promise, message in map(requests.pop, lost)]

    def _claim(self) -> list[Call]:
        """What is held, said so; others may have it by now."""
        number, promise = next(self._numbers), Promise[Any]()
        calls = self.claims.calls(number)
        self._requests[number] = (None, promise, calls[-1])

        promise.add_callback(partial(_hear_of_claims, self))
        return calls

    def _not_opened(self, error: BaseException) -> None:
        if self.status != "closed":
            text = f"the scheduler at {self.address} cannot be reached: {error}"
            self._try_again(error, text, _may_pass(error))

    def _try_again(self, error: BaseException, text: str, may_pass: bool) -> None:
        """Connect once more after a pause, unless that is hopeless."""
        pause_s = self._attempts.pause_s(self.loop.time())
        if pause_s is None or not may_pass:
            if self._welcome.done:
                log.error("Failed to reconnect to the scheduler: %s", text)
            self._end(text, error)
            return
        self.loop.call_later(pause_s, self._dial)

    def _closed(self, conn: Connection, error: BaseException | None) -> None:
        if conn is not self._conn:
            return
        now = self.loop.time()
        with self.lock:
            self._conn = None
            was_open, self._is_open = self._is_open, False
            if self.status == "closed":
                return
            was_used = was_open and self._attempts.was_used(now, self._session)
            may_return = not self.goodbye and self._welcome.done
            if may_return:
                self.status = "connecting"
        if not may_return:
            why = f"the connection to the scheduler at {self.address} was lost"
            self._end(self.goodbye or why, error or ClusterError(why))
        elif was_used:
            self._attempts.begin(now + self.timeout_s)
            self._dial()
        else:
            text = f"the scheduler at {self.address} takes nothing of what is said: {error}"
            self._try_again(error or ConnectionLostError(text), text, True)

    def _end(self, text: str, error: BaseException | None = None) -> None:
        """Nothing will be answered any more."""
        self.loop.disown(self)
        with self.lock:
            self.status = "closed"
            awaited = futures.disconnected(self.table, text)
            self.announced = Announced()
            conn, self._conn = self._conn, None
            self._is_open = False
            self._session = Session()
            workers, self._workers = self._workers, {}
        self._fail_requests(..., ClusterError(text))
        self._welcome.fail(error or ClosedClientError(text))
        _wake(awaited)
        self.ended.keep(None)
        if conn is not None:
            conn.close()
        close_all(workers.values())

    def close(self, text: str = "the client was closed") -> None:
        """Say goodbye and let go of everything; from any thread."""
        with self.lock:
            if self._conn is not None:
                # What it was given and has taken is not to be given to others.
                self._conn.send(Heard(self._session.heard))
                self._conn.send(Goodbye(text))
        self._end(text)

    # -- speaking ------------------------------------------------------------------------------

    def send(self, message: Any, buffers: Sequence[Any] = ()) -> None:
        """Send to the scheduler; it will take it even if the connection breaks, if it comes back.

        Parameters
        ----------
        message, buffers
            What to send.

        Raises
        ------
        ClosedClientError
            There will be no scheduler any more.
        """
        with unbroken(), self.lock:
            if self.status != "closed":
                session = self._session
                # What cannot be put into bytes raises here and was never said: kept among what
                # nobody has confirmed yet, it would break each new connection.
                if self._is_open and self._conn is not None:
                    self._conn.send(message, buffers)
                    say(session, message, buffers)
                    session.sent = session.confirmed + len(session.said)
                else:
                    MESSAGES.pack(message)
                    say(session, message, buffers)
                return
        what = NAMES.get(type(message), type(message).__name__)
        raise ClosedClientError(f"Can't send {what} to the scheduler: the client is closed")

    def request(
        self,
        make: Callable[[int], Any],
        buffers: Sequence[Any] = (),
        to: Connection | None = None,
        unanswered: Callable[[BaseException], BaseException] | None = None,
    ) -> Promise[Any]:
        """Send what ``make(request number)`` gives; the answer comes with its buffers.

        The scheduler is told before of what the program has let go of: an answer counts it no more.

        Parameters
        ----------
        make
            Makes the message.
        buffers
            Sent along.
        to
            A worker's connection; None for the scheduler's.
        unanswered
            Makes of the end of a worker's connection the error that the caller gets.
        """
        if to is None:
            self.flush_dropped()
        number = next(self._numbers)
        promise: Promise[Any] = Promise()
        message = make(number)
        self._requests[number] = (to, promise, message if to is None else unanswered)
        try:
            if to is None:
                self.send(message, buffers)
            else:
                to.send(message, buffers)
        except Exception:
            self._requests.pop(number, None)  # the end of the client may have failed it already
            raise
        if to is not None and to.closed:
            # Whoever closed it has failed the requests that were there before this one.
            gone = ClusterError(f"the worker at {to.peer.address} closed the connection")
            self._fail_requests(to, gone)
        return promise

    def call(self, method: str, /, **args: Any) -> Promise[Any]:
        """Call a method of the scheduler.

        Parameters
        ----------
        method
            From its table, for instance ``"scheduler.info"``.
        **args
            By name.

        Returns
        -------
        Promise
            Of ``(Answer, buffers)``; an error of the scheduler's is raised.
        """
        return self.request(lambda number: Call(number, method, args))

    def subscribe(self, topic: str, on: bool = True) -> None:
        """Hear the events of a topic, also after the scheduler was restarted; or no more.

        Parameters
        ----------
        topic
            Its name.
        on
            False: no more.
        """
        with self.lock:
            if on:
                self._topics[topic] = None
            else:
                self._topics.pop(topic, None)
            self.send(Subscribe(topic, on))

    def withdraw(self, promise: Promise[Any]) -> None:
        """Nobody waits for the answer to a request any more: it need not come.

        Parameters
        ----------
        promise
            From `request` or `call`.
        """
        with self.lock:
            requests = list(self._requests.items())
            found = [n for n, (to, p, _) in requests if p is promise and to is None]
            if found and self.status != "closed":
                self.send(Withdraw(found[0]))

    def _fail_requests(self, conn: Any, error: BaseException) -> None:
        some = [n for n, (to, *_) in list(self._requests.items()) if conn is ... or to is conn]
        for number in some:
            if (found := self._requests.pop(number, None)) is not None:
                to, promise, unanswered = found
                promise.fail(unanswered(error) if to is conn and unanswered else error)

    # -- futures -------------------------------------------------------------------------------

    def want(self, key: Key) -> Entry:
        """A future of a key that was made elsewhere."""
        with self.lock:
            known = key in self.table.entries
            entry = futures.want(self.table, key)
            if not known:
                self.send(Want([key], anew=True))
        return entry

    def hold(self, holders: Sequence[Key], keys: list[Key]) -> None:
        """Have keys kept as long as one of others is known, whose bytes hold futures of them.

        Parameters
        ----------
        holders
            Of results, data or tasks.
        keys
            Of the futures, which are there until this has been said.
        """
        with contextlib.suppress(ClosedClientError):
            self.send(Call(0, "references.add", {"holders": [*holders], "keys": keys}))

    def drop(self, entry: Entry) -> None:
        """One future less; from any thread, also from within a garbage collection."""
        self._dropped.append(entry)
        if not self._drop_planned:
            # Not at once: in a program that submits one task after another, one message tells of
            # what has been dropped for a while.
            self._drop_planned = True
            self.loop.call_threadsafe(self.loop.call_later, DROP_S, self._drop_due)

    def flush_dropped(self) -> None:
        """Release what was dropped, now; from any thread."""
        # With the lock: what another thread has taken out of the queue is in the table until then.
        with self.lock:
            if self._dropped:
                self.release_dropped()

    def _drop_due(self) -> None:
        self._drop_planned = False
        self.release_dropped()

    def release_dropped(self) -> None:
        """Tell the scheduler which keys have no future any more."""
        dropped = self._dropped
        with self.lock:
            gone = futures.release(self.table, [dropped.popleft() for _ in range(len(dropped))])
            self.announced.forsake(gone)
            if gone and self.status != "closed":
                self.send(Release(gone, self._session.heard))

    def cancel(self, keys: Iterable[Key], force: bool, text: str) -> None:
        """Give up keys."""
        keys = list(keys)
        with self.lock:
            awaited = futures.cancel(self.table, keys, text)
            self.announced.forsake(keys)
            if self.status != "closed":
                self.send(Cancel(keys, force, text))
        _wake(awaited)

    # -- workers -------------------------------------------------------------------------------

    def worker(self, address: str) -> Promise[Connection]:
        """The connection to a worker, which is kept.

        Parameters
        ----------
        address
            The worker's.
        """
        with self.lock:
            promise = self._workers.get(address)
            if promise is not None:
                return promise
            promise = self._workers[address] = Promise()

        def opened(conn: Connection) -> None:
            conn.on_message = self._received
            conn.on_close = closed
            promise.keep(conn)
            if self.status == "closed":
                conn.close()

        def closed(conn: Connection, error: BaseException | None) -> None:
            self._workers.pop(address, None)
            gone = ClusterError(f"the worker at {address} closed the connection: {error}")
            self._fail_requests(conn, gone)

        def failed(error: BaseException) -> None:
            self._workers.pop(address, None)
            promise.fail(error)

        connect(
            self.loop,
            address,
            security=self.security,
            role="client",
            name=self.name,
            on_open=opened,
            on_error=failed,
            timeout_s=self.timeout_s,
        )
        return promise

    async def get(self, peer: Peer, ids: list[int], numbering: str) -> tuple[Data, Sequence[Any]]:
        """Results from a worker.

        Parameters
        ----------
        peer
            The worker.
        ids, numbering
            Numbers of the results, and whose they are: as `Located` says.
        """
        conn = await self.worker(peer.address)
        answer: tuple[Data, Sequence[Any]] = await self.request(
            lambda n: Get(n, ids, numbering=numbering), to=conn
        )
        return answer

    async def put(self, peer: Peer, make: Callable[[int], Put], buffers: Sequence[Any]) -> Answer:
        """Data to a worker.

        Parameters
        ----------
        peer
            The worker.
        make
            The message with a request number.
        buffers
            Sent along.
        """
        conn = await self.worker(peer.address)
        answer, _ = await self.request(make, buffers, to=conn)
        return answer  # type: ignore[no-any-return]

    # -- listening -----------------------------------------------------------------------------

    def _received(self, conn: Connection, message: Any, buffers: Sequence[Any]) -> None:
        kind = type(message)
        if kind is Finished:
            with self.lock:
                awaited, given_up = futures.finish(self.table, message)
                self.announced.forsake(given_up)
                if given_up and self.status != "closed":
                    self.send(Release(given_up, self._session.heard))
            _wake(awaited)
        elif kind in _ANSWERS:
            found = self._requests.pop(message.request, None)
            if found is not None and type(found[2]) is Call:
                self.claims.answered(found[2], not message.error and message.value)
            if found is not None and kind is Answer and message.error is not None:
                found[1].fail(answer_error(message))
            elif found is not None:
                found[1].keep((message, buffers))
            # Afterwards: the futures that it gave are in the table now.
            if kind is not Data and conn is self._conn:
                self._session.heard += 1
                if not self._heard_planned:
                    self._heard_planned = True
                    self.loop.call_later(HEARD_S, self._tell_heard)
        elif kind is Lost:
            with self.lock:
                futures.lose(self.table, message)
        elif kind is Topic:
            self.on_topic(message)
        elif kind is Heard:
            with self.lock:
                if self.status != "closed":
                    confirm(self._session, message.count)
        elif kind is Welcome:
            self._welcomed(conn, message)
        elif kind is Goodbye:
            if conn is self._conn:
                self.goodbye = message.reason or "the scheduler was closed"
        else:
            log.warning("unexpected message %s from %s", kind.__name__, conn.peer.address)

    def _tell_heard(self) -> None:
        self._heard_planned = False
        if self._conn is not None and self._is_open:
            self._conn.send(Heard(self._session.heard))


NAMES: dict[type, str] = {Submit: "update-graph"}
"""What users call messages, where it is not the name of their class."""

_ANSWERS = frozenset({Answer, Located, Reserved, Data})


def close_all(connections: Iterable[Promise[Connection]]) -> None:
    """Close those that are there."""
    for promise in connections:
        if promise.done:
            with contextlib.suppress(Exception):
                promise.result().close()


def _wake(awaited: Iterable[Entry]) -> None:
    """Call what waits for entries that have ended; outside of the lock."""
    for entry in awaited:
        waiters, entry.waiters = entry.waiters, None
        for waiter in waiters or ():
            try:
                waiter(entry)
            except Exception:
                log.exception("a callback of the future %r failed", entry.key)


def _hear_of_claims(link: Link, answer: Promise[Any]) -> None:
    """What a client has claimed and others have."""
    for what, id in [] if answer._error else answer.result()[0].value:
        link.claims.forget([id])
        text = (
            "%s, which %s held, went to others: the scheduler at %s was restarted, or had no word "
        )
        text += "of this client for too long"
        log.warning(text, what, link.name, link.address)


def _may_pass(error: BaseException) -> bool:
    """Whether another attempt to connect may succeed."""
    final = isinstance(error, AuthenticationError | ProtocolVersionError)
    return isinstance(error, OSError | TimeoutError) and not final
