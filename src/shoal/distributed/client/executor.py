"""The cluster as a `concurrent.futures.Executor`, for programs that are written for one."""

from __future__ import annotations

import concurrent.futures
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from shoal.distributed.client.failures import task_error
from shoal.distributed.client.promise import Deadline
from shoal.distributed.client.waiting import call_when_ended
from shoal.distributed.core.client.table import CANCELLED, FINISHED

if TYPE_CHECKING:
    from shoal.distributed.client.client import Client
    from shoal.distributed.client.future import Future

__all__ = ["ClientExecutor"]

OPTIONS = frozenset(
    ["pure", "workers", "resources", "allow_other_workers", "retries", "priority", "fifo_timeout"]
)


class ClientExecutor(concurrent.futures.Executor):
    """Runs calls on a cluster.

    Parameters
    ----------
    client
        Whose cluster.
    **options
        Of `Client.submit`, for all calls.  Calls are not pure unless ``pure=True`` says so.

    Examples
    --------
    >>> from shoal.distributed import Client
    >>> with Client(n_workers=1, processes=False) as client:
    ...     client.get_executor().submit(abs, -4).result()
    4
    """

    def __init__(self, client: Client, **options: Any) -> None:
        unknown = sorted(set(options) - OPTIONS)
        if unknown:
            raise TypeError(f"get_executor has no options {unknown}; it has {sorted(OPTIONS)}")
        self._client = client
        self._options = {"pure": False, **options}
        self._futures: weakref.WeakSet[Any] = weakref.WeakSet()
        self._shutdown = False
        self._lock = threading.Lock()

    def submit(
        self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> concurrent.futures.Future[Any]:
        """Call a function on the cluster.

        Parameters
        ----------
        fn, *args, **kwargs
            The call.
        """
        with self._lock:
            if self._shutdown:
                raise RuntimeError("the executor was shut down; it takes no new calls")
        future = self._client.submit(fn, *args, **{**self._options, **kwargs})
        answer = _Answer(future)
        self._futures.add(answer)
        return answer

    def map(
        self,
        fn: Callable[..., Any],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
    ) -> Iterator[Any]:
        """Call a function for each element; the results, in order.

        Parameters
        ----------
        fn, *iterables
            The calls.
        timeout
            Seconds for all of them.
        chunksize
            Accepted; the cluster batches calls by itself.
        """
        with self._lock:
            if self._shutdown:
                raise RuntimeError("the executor was shut down; it takes no new calls")
        deadline = Deadline(timeout)
        futures = self._client.map(fn, *iterables, **self._options)

        def results() -> Iterator[Any]:
            try:
                for future in futures:
                    yield future.result(deadline.left_s())
            finally:
                left = [future for future in futures if not future.done()]
                if left:
                    self._client.cancel(left)

        return results()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no new calls.

        Parameters
        ----------
        wait
            Wait for those that were taken; False: cancel them.
        cancel_futures
            Cancel those that have not ended.
        """
        with self._lock:
            self._shutdown = True
        pending = [future for future in self._futures if not future.done()]
        if cancel_futures or not wait:
            for future in pending:
                future.cancel()
        if wait:
            concurrent.futures.wait(pending)


class _Answer(concurrent.futures.Future[Any]):
    """A future of the cluster as one of `concurrent.futures`."""

    def __init__(self, future: Future[Any]) -> None:
        super().__init__()
        self._of = future
        self._untold = threading.Lock()
        """Taken by who tells of the cancellation, which may be said once."""
        call_when_ended(
            future._client._link,
            future._entry,
            lambda _: future._client._call_back(self._copy, None),
        )

    def _copy(self, _: Any) -> None:
        """Take over how it ended; runs in the thread for callbacks, for it may fetch the result."""
        entry = self._of._entry
        if entry.status == CANCELLED:
            self._cancelled()
            return
        if not self.done():
            try:
                if entry.status != FINISHED and entry.error is not None:
                    self.set_exception(task_error(entry.error))
                else:
                    self.set_result(self._of._client._results_of([entry], None)[0])
            except concurrent.futures.InvalidStateError:
                # Cancelled in this moment.
                pass
            except Exception as error:
                self.set_exception(error)

    def cancel(self) -> bool:
        """Give the call up; False when it has ended."""
        if self.done():
            return self.cancelled()
        self._of.cancel()
        return self._cancelled()

    def _cancelled(self) -> bool:
        """Be cancelled, and tell those who wait; False when it has ended before."""
        is_cancelled = super().cancel()
        if is_cancelled and self._untold.acquire(blocking=False):
            self.set_running_or_notify_cancel()
        return is_cancelled
