"""Submissions whose plan depends on sizes that are found while they run.

`Client.compute` and `Client.persist` return at once, and some plans are better when something has
been computed (`shoal.expr.adapt`).  So the client *announces* the keys of its futures: from then on
the scheduler knows them, other tasks may need them and other clients want them.  How they are made
it says when it has decided, by a submission like any other.  Meanwhile it submits the stages that
tell sizes, as anybody might.

What goes on is a coroutine over promises: nobody waits.  Rewriting takes milliseconds, too long for
the thread that reads the connection, so each step after an answer is made in a thread for that.

Where something fails on the way (a stage's task, most likely), the rest is planned as the
estimates say: what fails then fails under its own name, and can be retried.  The same is done when
the client is closed or has no futures of the keys any more: others may need them, which only the
scheduler knows.  It lets go of what nobody needs.
"""

from __future__ import annotations

import contextvars
import logging
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from shoal.collection import Job, run_roots
from shoal.distributed.client.encode import encode_plan
from shoal.distributed.client.promise import Promise, spawn
from shoal.distributed.protocol import Key, Options
from shoal.graph.fuse import fuse
from shoal.serialize.references import hold

if TYPE_CHECKING:
    from shoal.distributed.client.client import Client
    from shoal.graph.plan import Plan

__all__ = ["Staged"]

log = logging.getLogger("distributed.client")


class Staged:
    """A submission that is planned while it runs.

    Parameters
    ----------
    client
        Submits it.
    job
        With decisions open.
    keys
        Those that are announced.
    define
        ``define(job) -> plan``, when all is decided; its tasks make the keys.
    options
        Of all tasks.
    inline
        Whether the results will probably be gathered.

    Examples
    --------
    >>> Staged.__name__
    'Staged'
    """

    def __init__(
        self,
        client: Client,
        job: Job,
        keys: Sequence[Key],
        define: Callable[[Job], Plan],
        options: Sequence[Options],
        inline: bool,
    ) -> None:
        self._client = client
        self._job: Job | None = job
        self._define = define
        self._options = options
        self._inline = inline
        self._keys = keys
        self._wanted = set(keys)
        self._measuring: list[Any] = []
        """Futures of what tells sizes; those of what is measured are in the expressions."""
        self._planning = threading.Lock()
        self._context = contextvars.copy_context()

    def begin(self) -> None:
        """Submit the first stage; what cannot be submitted raises here."""
        try:
            with self._planning:
                if self._job is not None:
                    self._submit_stage(self._job)
        except BaseException as error:
            self._job = None
            self._give_up(error)
            raise
        spawn(self._go_on())

    def _submit_stage(self, job: Job) -> None:
        """Compute what is to be measured, and measure it; nothing, if all is decided."""
        assert job.stages is not None
        asked = job.stages.ask()
        self._measuring = []
        if asked:
            blocks = run_roots(asked, self._kept)
            self._measuring = run_roots(job.stages.measure(blocks), self._kept)

    def _kept(self, plan: Plan) -> list[Any]:
        return self._client._blocks(plan, self._options, inline=True)

    async def _go_on(self) -> None:
        while self._measuring:
            # Not the futures: they are let go of if nobody wants the results any more.
            entries = [[future._entry for future in some] for some in self._measuring]
            flat = [entry for some in entries for entry in some]
            try:
                found = await self._client._gathered(flat, True)
                await self._in_planner()
                if not self._decide(entries, found):
                    return
            except Exception:
                log.debug("a stage failed; the rest is planned by estimates", exc_info=True)
                await self._in_planner()
                break
        self.finish()

    def _in_planner(self) -> Promise[None]:
        """A promise after which the caller goes on in the thread that plans."""
        promise: Promise[None] = Promise()
        context = self._context.copy()
        self._client._plan_later(lambda _: context.run(promise.keep, None), None)
        return promise

    def _decide(self, entries: list[list[Any]], found: dict[Any, Any]) -> bool:
        """Plan on with sizes, and submit the next stage; False: the rest is planned already."""
        with self._planning:
            job = self._job
            if job is None or job.stages is None:
                return False
            unpack = self._client._unpacked
            with job.at_scheduler():
                job.stages.tell([unpack(found, some) for some in entries])
                self._submit_stage(job)
        return True

    def finish(self) -> None:
        """Say how the keys are made, with what is known now."""
        with self._planning:
            job, self._job = self._job, None
            if job is None or self._client._link.status == "closed":
                return
            try:
                self._context.copy().run(self._submit_rest, job)
            except Exception as error:
                log.exception("a plan could not be made")
                self._give_up(error)
            self._measuring = []

    def _submit_rest(self, job: Job) -> None:
        client, link = self._client, self._client._link
        job.decide()
        plan = fuse(self._define(job))
        told: Any = {"inline": self._inline, "trace": client._trace()}
        encoded = encode_plan(plan, client._codes, self._options, **told)
        # The announcement has told that they are wanted, and some may not be any more.
        encoded.message.wanted = []
        with link.lock:
            link.announced.described(self._keys, self)
            link.send(encoded.message, encoded.buffers)
            hold(encoded.references, self._keys)

    def _give_up(self, error: BaseException) -> None:
        """The keys cannot be made: whoever waits for them is told."""
        link = self._client._link
        with link.lock:
            mine = [key for key in self._keys if link.announced.by_key.get(key) is self]
            link.announced.described(mine, self)
        link.cancel(mine, True, f"its plan could not be made: {error!r}")

    def forsake(self, key: Key) -> None:
        """The client has no future of one of the keys any more.

        Sizes are not waited for any longer when it was the last one; tasks, or other clients, may
        need the key nevertheless.

        Parameters
        ----------
        key
            Which.
        """
        if key in self._wanted:
            self._wanted.discard(key)
            if not self._wanted:
                self._client._plan_later(lambda _: self.finish(), None)
